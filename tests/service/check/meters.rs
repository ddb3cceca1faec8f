//! What is reported of the meter table, and of its rooms compared with those of messages.

use mysql::prelude::Queryable;

use crate::support::{Rig, numbers};
use crate::{finished, minutes_ago};

use super::{Check, statement, with_grants};

#[test]
fn a_wrong_meter_table_is_reported() {
    let mut rig = Rig::new("checkmeter");
    let create = |rig: &Rig, table: &str| {
        rig.execute("DROP TABLE IF EXISTS smart_meter");
        rig.execute(table);
    };
    let table = "CREATE TABLE smart_meter (id BIGINT PRIMARY KEY, hotel_id VARCHAR(50), \
         room_number VARCHAR(20), reading_value DECIMAL(10,2), script_time DATETIME, \
         INDEX (hotel_id, room_number), INDEX (script_time))";
    for (from, to, parts) in [
        (
            "room_number VARCHAR(20)",
            "room_num VARCHAR(20)",
            &["no column", ""][..],
        ),
        (
            "id BIGINT",
            "id VARCHAR(20)",
            &["column id does not number the rows", "set meter.id = \"\""],
        ),
        (
            "script_time DATETIME",
            "script_time BIGINT",
            &["column script_time is not a DATETIME", "FROM_UNIXTIME"],
        ),
        (
            "script_time DATETIME",
            "script_time DATE",
            &["column script_time is not a DATETIME"],
        ),
        (
            "reading_value DECIMAL(10,2)",
            "reading_value DATETIME",
            &["column reading_value is neither a number"],
        ),
        (
            "hotel_id VARCHAR(50)",
            "hotel_id DOUBLE",
            &["column hotel_id is neither a text"],
        ),
    ] {
        let other = table
            .replace(from, to)
            .replace("INDEX (hotel_id, room_number)", "INDEX (hotel_id)");
        create(&rig, &other);
        let check = Check::online(&mut rig);
        assert_eq!(check.code, Some(78), "{to}: {:#?}", check.lines);
        check.has("error meter table smart_meter: ", parts);
    }
    let other = table
        .replace("room_number", "room_num")
        .replace("script_time", "gmt");
    create(&rig, &other);
    Check::online(&mut rig).has(
        "error meter table smart_meter: it has no column room_number, script_time; ",
        &["its columns are id, hotel_id, room_num, reading_value, gmt"],
    );
    // Names do not depend on case, and every type that is read is well.
    for (from, to) in [
        ("reading_value DECIMAL(10,2)", "READING_VALUE TEXT"),
        ("reading_value DECIMAL(10,2)", "reading_value FLOAT"),
        ("reading_value DECIMAL(10,2)", "reading_value INT UNSIGNED"),
        ("script_time DATETIME", "script_time TIMESTAMP(3) NULL"),
        ("id BIGINT", "id DECIMAL(20,0)"),
        ("hotel_id VARCHAR(50)", "hotel_id CHAR(50)"),
        ("room_number VARCHAR(20)", "room_number INT"),
    ] {
        create(&rig, &table.replace(from, to));
        Check::online(&mut rig).has("ok meter table smart_meter: its columns can be read", &[]);
    }
    rig.execute("CREATE OR REPLACE VIEW v AS SELECT * FROM smart_meter");
    rig.execute("DROP TABLE smart_meter");
    rig.configure("[meter]\ntable = 'v'");
    Check::online(&mut rig).has("error meter table v: ", &["mend the view"]);
    rig.finish();
}

#[test]
fn each_missing_index_is_advised_and_the_advice_works() {
    let mut rig = with_grants("checkindex");
    let time = minutes_ago(5);
    for room in 0..40 {
        for interval in 0..10 {
            let time = time.plus(-interval * 1_800).to_string();
            rig.meter("H001", &format!("{}", 100 + room), &time, "500.00");
        }
    }
    let well = "ok indexes of smart_meter: ";
    Check::online(&mut rig).has(well, &[]);
    let database = rig.database.clone();
    for (ddl, part) in [
        (
            "DROP INDEX idx_hotel_room",
            "CREATE INDEX idx_hotel_room ON `DB`.`smart_meter` (`hotel_id`, `room_number`)",
        ),
        (
            "DROP INDEX idx_hotel_room, ADD INDEX one (hotel_id), ADD INDEX other (room_number)",
            "CREATE INDEX idx_hotel_room ON `DB`.`smart_meter` (`hotel_id`, `room_number`)",
        ),
        (
            "DROP INDEX idx_script_time",
            "CREATE INDEX idx_script_time ON `DB`.`smart_meter` (`script_time`)",
        ),
        (
            "DROP INDEX idx_script_time, ADD INDEX idx_later (room_number, script_time)",
            "CREATE INDEX idx_script_time ON `DB`.`smart_meter` (`script_time`)",
        ),
        (
            "MODIFY id BIGINT NOT NULL, DROP PRIMARY KEY",
            "CREATE UNIQUE INDEX idx_id ON `DB`.`smart_meter` (`id`)",
        ),
        (
            "MODIFY id BIGINT NOT NULL, DROP PRIMARY KEY, ADD INDEX plain (id)",
            "CREATE UNIQUE INDEX idx_id ON `DB`.`smart_meter` (`id`)",
        ),
    ] {
        rig.execute("CREATE TABLE kept LIKE smart_meter");
        rig.execute("INSERT INTO kept SELECT * FROM smart_meter");
        rig.execute(&format!("ALTER TABLE smart_meter {ddl}"));
        let create = part.replace("DB", &database);
        let check = Check::online(&mut rig);
        assert_eq!(check.code, Some(0));
        check.has_only(&["advice indexes of smart_meter: "]);
        check.has("advice indexes of smart_meter: ", &[&create]);
        rig.execute(&create);
        let check = Check::online(&mut rig);
        check.has_only(&[]);
        check.has(well, &[]);
        rig.execute("DROP TABLE smart_meter");
        rig.execute("RENAME TABLE kept TO smart_meter");
    }
    rig.execute("ALTER TABLE smart_meter MODIFY script_time VARCHAR(30) NOT NULL");
    Check::online(&mut rig).has(
        "advice indexes of smart_meter: the time is a text",
        &["DATETIME"],
    );
    // Without an id none is missing.
    rig.execute("ALTER TABLE smart_meter MODIFY script_time DATETIME NOT NULL, DROP COLUMN id");
    rig.configure("[meter]\nid = ''");
    Check::online(&mut rig).has(
        "ok indexes of smart_meter: rows are found by room, by time; -",
        &[],
    );

    // Without ids a message of long ago is found by hotel, room and time.
    let rows = |rows: &mut dyn Iterator<Item = (i64, i64)>| {
        let values: Vec<String> = rows
            .map(|(room, minutes)| {
                let time = time.plus(-60 * minutes);
                format!("('H000', 'x{room}', 500, '{time}')")
            })
            .collect();
        let rows = values.join(", ");
        rig.execute(&format!(
            "INSERT INTO smart_meter (hotel_id, room_number, reading_value, script_time) \
             VALUES {rows}"
        ));
    };
    // One room has a long history; many others have the last half hour, and others later hours.
    rows(&mut (1..400).map(|slot| (0, 30 * slot)));
    rows(&mut (1..400).map(|room| (room, room % 20)));
    rows(&mut (0..4_000).map(|n| (400 + n % 400, 60 + n)));
    rig.execute("ANALYZE TABLE smart_meter");
    let check = Check::online(&mut rig);
    let create = format!(
        "CREATE INDEX idx_room_time ON `{database}`.`smart_meter` \
         (`hotel_id`, `room_number`, `script_time`)"
    );
    check.has("advice indexes of smart_meter: it has no id", &[&create]);
    rig.execute(&create);
    Check::online(&mut rig).has(well, &[]);

    // A user who may only read the view can't see how the server reads it.
    rig.execute("CREATE VIEW v AS SELECT * FROM smart_meter");
    statement(&rig, "REVOKE SELECT ON `DB`.smart_meter FROM USER");
    statement(&rig, "GRANT SELECT ON `DB`.v TO USER");
    rig.configure("table = 'v'");
    let began = minutes_ago(0);
    let check = Check::online(&mut rig);
    check.has_only(&["advice indexes of v: it is a view"]);
    check.has_newest("ok meter table v: its newest reading", time, began);
    statement(&rig, "GRANT SELECT ON `DB`.smart_meter TO USER");
    statement(&rig, "GRANT SHOW VIEW ON `DB`.v TO USER");
    Check::online(&mut rig).has_only(&[]);
    rig.finish();
}

#[test]
fn the_newest_rows_are_checked() {
    let mut rig = with_grants("checknewest");
    let finds_only = |rig: &mut Rig, starts: &[&str]| {
        let check = Check::online(rig);
        assert_eq!(check.code, Some(0));
        check.has_only(starts);
        rig.execute("DELETE FROM smart_meter");
    };
    finds_only(
        &mut rig,
        &["warning meter table smart_meter: it has no readings yet"],
    );
    rig.meter("H001", "101", &minutes_ago(91).to_string(), "500.00");
    finds_only(
        &mut rig,
        &["warning meter table smart_meter: its newest reading is of "],
    );
    rig.meter("H001", "101", &minutes_ago(80).to_string(), "500.00");
    rig.meter("H001", "102", &minutes_ago(-61).to_string(), "500.00");
    rig.meter("H001", "102", &minutes_ago(-59).to_string(), "500.00");
    finds_only(
        &mut rig,
        &["warning meter table smart_meter: 1 row is more than an hour ahead of now"],
    );
    rig.execute("ALTER TABLE smart_meter MODIFY reading_value VARCHAR(20) NULL");
    rig.execute(&format!(
        "INSERT INTO smart_meter (hotel_id, room_number, script_time) VALUES ('H', '1', '{}')",
        minutes_ago(5)
    ));
    rig.meter("H001", "101", &minutes_ago(6).to_string(), "much");
    rig.meter("H001", "101", &minutes_ago(7).to_string(), "1.00");
    finds_only(
        &mut rig,
        &["warning meter table smart_meter: 2 of its newest 3 rows are invalid"],
    );
    rig.finish();
}

/// As a view may do over a large table, whose plan this user is not shown.
#[test]
fn a_slow_query_is_given_up() {
    let mut rig = with_grants("checklong");
    rig.meter("H001", "101", &minutes_ago(5).to_string(), "500.00");
    rig.execute("CREATE VIEW v AS SELECT * FROM smart_meter WHERE SLEEP(300) = 0");
    statement(&rig, "GRANT SELECT ON `DB`.v TO USER");
    rig.configure("[meter]\ntable = 'v'");
    let check = Check::online(&mut rig);
    assert_eq!(check.code, Some(0), "{:#?}", check.lines);
    check.has(
        "warning meter table v: a query was cancelled after 10 s",
        &["indexes"],
    );
    check.has("ok Feishu at ", &[]);
    rig.finish();
}

/// 1.3 million rows without an index on the time.
#[test]
fn a_large_table_is_never_read_as_a_whole() {
    let mut rig = with_grants("checklarge");
    rig.execute("ALTER TABLE smart_meter DROP INDEX idx_script_time, DROP INDEX idx_hotel_room");
    let begin = minutes_ago(265);
    rig.execute(&format!(
        "INSERT INTO smart_meter SELECT seq, 'H001', seq % 5000, 1, '{}' + INTERVAL seq DIV 5000 \
         MINUTE FROM {}",
        begin,
        numbers(1_300_000)
    ));
    rig.execute("ANALYZE TABLE smart_meter");
    rig.count_work();
    let check = Check::online(&mut rig);
    // The newest by id.
    check.has("ok rooms: ", &["among the 5000 with readings since "]);
    check.has(
        "ok meter table smart_meter: its newest reading",
        &[&begin.plus(260 * 60).to_string()],
    );
    let by_id = rig.rows_read();
    assert!((200_000..300_000).contains(&by_id), "{by_id} rows");

    rig.configure("[meter]\nid = ''");
    let check = Check::online(&mut rig);
    check.has(
        "warning meter table smart_meter: its newest rows and their rooms are not checked",
        &[],
    );
    check.has(
        "advice indexes of smart_meter: no index begins with the time",
        &[],
    );
    assert!(
        rig.rows_read() - by_id < 1_000,
        "{} rows",
        rig.rows_read() - by_id
    );
    rig.finish();
}

#[test]
fn rooms_that_are_spelled_differently_are_shown() {
    let mut rig = with_grants("checkrooms");
    rig.execute(
        "ALTER TABLE smart_meter CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    );
    let time = minutes_ago(5).to_string();
    for room in ["101", "A1", "205", "0307", "301室", "401", "Spa"] {
        rig.meter("H001", room, &time, "500.00");
    }
    rig.meter("H001", "501", &minutes_ago(3_000).to_string(), "500.00");
    rig.meter("H001", "b9", &minutes_ago(3_000).to_string(), "500.00");
    let watch = |rig: &Rig, hotel: &str, room: &str| {
        rig.conn()
            .exec_drop(
                "INSERT INTO electricity_monitoring (hotel_id, room_number) VALUES (?, ?)",
                (hotel, room),
            )
            .expect("a row");
    };
    for room in [
        "0101",
        "a1",
        "２０５",
        "307",
        "301",
        " 401",
        "501",
        "601",
        "B9",
        "Spa",
        "Spa",
    ] {
        watch(&rig, "H001", room);
    }
    watch(&rig, "h-001", "101");
    watch(&rig, "H999", "1\u{1b}[2J");
    let check = Check::online(&mut rig);
    assert_eq!(check.code, Some(0), "{:#?}", check.lines);
    check.has(
        "ok rooms: 12 rooms watched, 2 of them among the 7 with readings since ",
        &[],
    );
    check.has(
        "warning rooms: 7 watched rooms never judged, because the meter table spells their keys \
         otherwise: ",
        &[
            "\"H001/0101\" for \"H001/101\"",
            "\"H001/301\" for \"H001/301室\"",
            "\"H001/307\" for \"H001/0307\"",
            "\"H001/a1\" for \"H001/A1\"",
            "\"H001/２０５\" for \"H001/205\"",
            "\"H001/B9\" for \"H001/b9\"",
            "\"h-001/101\" for \"H001/101\"",
        ],
    );
    check.has(
        "warning rooms: 2 watched rooms never judged, because the meter table does not have their \
         keys: ",
        &["\"H001/601\"", "the meter table has no hotel \"H999\""],
    );
    check.has(
        "warning rooms: 1 watched room with older readings only: \"H001/501\"",
        &[],
    );
    let (_, out, _) = finished(&rig.roomwatt(&["check", "--online"]));
    assert!(
        !out.contains('\u{1b}') && out.contains("\\u{1b}[2J"),
        "{out}"
    );

    // A table that has no letters for some of them.
    rig.execute("DELETE FROM smart_meter WHERE room_number = '301室'");
    rig.execute("ALTER TABLE smart_meter CONVERT TO CHARACTER SET latin1");
    let check = Check::online(&mut rig);
    assert_eq!(check.code, Some(0), "{:#?}", check.lines);
    check.has(
        "warning rooms: 1 watched room with older readings only: \"H001/501\"",
        &[],
    );

    // Once there is a state, it is that which counts.
    let state = r#"{"n":1,"w":{"s":["checkin",1681127880,null],"f":{},"v":1800},"o":{"f":[]}}"#;
    rig.execute(&format!(
        "INSERT INTO room_state (hotel_id, room_number, msg_type, stay_time, version, state) \
         VALUES ('H001', '101', 'checkin', NOW(), 2, '{state}')"
    ));
    Check::online(&mut rig).has_only(&[]);
    rig.finish();
}

#[test]
fn meters_of_whole_kwh_are_named_with_what_they_hide() {
    let mut rig = Rig::new("checkwhole");
    rig.configure(
        "[[monitoring.overrides]]\nhotel_id = \"H1\"\nroom_number = \"111\"\n\
         checkout_abnormal_threshold = 0.9",
    );
    for hour in 0..4i64 {
        let time = minutes_ago(60 * hour).to_string();
        for room in 100..112 {
            rig.meter(
                "H1",
                &room.to_string(),
                &time,
                &format!("{}.00", 200 - hour),
            );
        }
        // One that has two decimals, and one of which too little is known.
        rig.meter("H1", "120", &time, &format!("{}.{hour}0", 200 - hour));
        rig.meter("H1", "121", &time, &format!("{}.00", 200 - hour / 2));
    }
    let check = Check::online(&mut rig);
    check.has(
        "warning meter table smart_meter: 11 rooms have meters that count whole kWh only",
        &[
            "up to 1.75 kWh in 30 minutes (3.50 kW) in a vacant room, where the threshold is 1.5",
            "up to 2.75 (5.50 kW) in an occupied one, where it is 2: ",
            "\"H1/100\", \"H1/101\"",
            "\"H1/109\" and 1 more",
        ],
    );
    check.has(
        "warning meter table smart_meter: 1 room has a meter that counts whole kWh only",
        &["up to 0.75 kWh", "\"H1/111\""],
    );
    assert!(
        !check.lines.iter().any(|line| line.contains("H1/12")),
        "{:#?}",
        check.lines
    );
    rig.finish();
}
