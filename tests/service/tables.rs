//! Meter tables as others have them: without ids, under other names, views, away for a while.

use roomwatt::types::LocalTime;

use crate::support::{Rig, Service};
use crate::{By, check_in, check_out, minutes_ago, rig_by};

const SEEN: &str = "SELECT room_number, CAST(seen_time AS CHAR) FROM room_state ORDER BY 1";

/// Waits until the rooms have seen readings up to these times.
fn wait_until_seen(rig: &Rig, rooms: &[(&str, LocalTime)]) {
    let seen = rooms
        .iter()
        .map(|&(room, time)| (room.to_owned(), time.to_string()));
    rig.wait_for_rows(SEEN, &seen.collect::<Vec<_>>());
}

/// Readings of a heater: 2 kWh an interval.
fn heat(rig: &Rig, room: &str, left: LocalTime, intervals: std::ops::RangeInclusive<i64>) {
    for interval in intervals {
        let time = left.plus(interval * 1_800).to_string();
        rig.meter("H001", room, &time, &format!("{}.00", 100 + 2 * interval));
    }
}

/// A rig that watches vacant room 101, and has judged it up to the first interval.
fn watching(by: By, name: &str, left: LocalTime) -> (Rig, Service) {
    let mut rig = rig_by(by, name);
    heat(&rig, "101", left, 0..=1);
    rig.publish([check_out("H001", "101", left).as_str()]);
    let mut service = rig.start();
    service.wait_until_ready();
    wait_until_seen(&rig, &[("101", left.plus(1_800))]);
    service.wait_for_log("sweep: ");
    (rig, service)
}

fn wait_for_alert(rig: &Rig, left: LocalTime) {
    rig.wait_for_rows(
        "SELECT room_number, continuous_periods, CAST(total_consumption AS CHAR), \
         CAST(detected_time AS CHAR) FROM electricity_abnormal",
        &[(
            "101".to_owned(),
            4,
            "8.00".to_owned(),
            left.plus(4 * 1_800).to_string(),
        )],
    );
}

#[test]
fn a_table_may_be_read_by_id_and_by_time_in_turn() {
    let mut rig = Rig::new("ways");
    let left = minutes_ago(600);
    let interval = |n: i64| left.plus(n * 1_800);
    let position = "SELECT meter_id IS NULL, meter_time IS NULL FROM service";
    heat(&rig, "101", left, 0..=1);
    // The stream by time begins an hour before this row, and after all those of the room.
    rig.meter("H001", "999", &minutes_ago(5).to_string(), "1.00");
    rig.publish([check_out("H001", "101", left).as_str()]);
    let mut ways = ["[meter]\nid = 'id'\n", "[meter]\nid = ''\n"]
        .into_iter()
        .cycle();
    rig.configure("[meter]\nid = 'id'");
    for (n, by) in [By::Id, By::Time, By::Id, By::Time].into_iter().enumerate() {
        let n = i64::try_from(n).expect("a number");
        let mut service = rig.start();
        service.wait_until_ready();
        // What came while it was down, and what comes while it runs.
        wait_until_seen(&rig, &[("101", interval(2 * n + 1))]);
        rig.wait_for_rows(position, &[(by == By::Time, by == By::Id)]);
        service.wait_for_log("sweep: ");
        if by == By::Id {
            heat(&rig, "101", left, 2 * n + 2..=2 * n + 2);
            wait_until_seen(&rig, &[("101", interval(2 * n + 2))]);
            heat(&rig, "101", left, 2 * n + 3..=2 * n + 3);
        } else {
            heat(&rig, "101", left, 2 * n + 2..=2 * n + 3);
        }
        service.stop();
        let (from, to) = (
            ways.next().expect("a way"),
            ways.clone().next().expect("a way"),
        );
        rig.reconfigure(from, to);
    }
    rig.finish();
}

#[test]
fn a_start_by_time_continues_where_it_stopped() {
    let left = minutes_ago(240);
    let (mut rig, service) = watching(By::Time, "restarttime", left);
    service.stop();
    heat(&rig, "101", left, 2..=4);
    let service = rig.start();
    wait_for_alert(&rig, left);
    service.kill();
    rig.meter("H001", "101", &left.plus(5 * 1_800).to_string(), "108.10");
    let service = rig.start();
    rig.wait_for_rows(
        "SELECT kind FROM notification ORDER BY id",
        &["alert".to_owned(), "recovered".to_owned()],
    );
    service.stop();
    rig.finish();
}

/// Watches a room through a table that `create` makes of `{name}`, which the configuration names in
/// `meter`; `row` inserts a row of room 101 with a register and a time.
fn watched_through(name: &str, create: &[&str], meter: &str, row: fn(i64, LocalTime) -> String) {
    let mut rig = Rig::new(name);
    rig.execute("DROP TABLE smart_meter");
    for statement in create {
        rig.execute(statement);
    }
    rig.configure(&format!("[meter]\n{meter}"));
    let left = minutes_ago(240);
    let insert = |n: i64| rig.execute(&row(100 + 2 * n, left.plus(n * 1_800)));
    (-1..=1).for_each(insert);
    let body = check_out("H001", "101", left);
    rig.publish([body.as_str()]);
    let service = rig.start();
    // By the message.
    wait_until_seen(&rig, &[("101", left.plus(1_800))]);
    let mut service = service;
    service.wait_for_log("sweep: ");
    // By the stream.
    let insert = |n: i64| rig.execute(&row(100 + 2 * n, left.plus(n * 1_800)));
    (2..=4).for_each(insert);
    wait_for_alert(&rig, left);
    let log = service.stop();
    assert!(!log.contains("invalid meter row"), "{log}");
    // By key: without a position and with all seen forgotten.
    rig.execute("UPDATE service SET meter_id = NULL, meter_time = NULL");
    rig.execute("DELETE FROM electricity_abnormal");
    rig.execute(&format!(
        "UPDATE room_state SET state = JSON_REMOVE(JSON_SET(state, '$.w.f.t', {0}, \
         '$.w.f.s', JSON_ARRAY({0}, 100000)), '$.w.f.r')",
        left.seconds()
    ));
    let service = rig.start();
    wait_for_alert(&rig, left);
    service.stop();
    rig.finish();
}

#[test]
fn a_view_under_other_names_with_a_reserved_word() {
    watched_through(
        "view",
        &[
            "CREATE TABLE raw (no INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, dept VARCHAR(50), room \
             VARCHAR(20), `read` VARCHAR(30), at TIMESTAMP NULL, INDEX (dept, room), INDEX (at))",
            "CREATE VIEW `order` AS SELECT no AS `key`, dept AS dept_code, room AS room_num, \
             `read` AS `value`, at AS gmt_modified FROM raw",
        ],
        "table = 'order'\nid = 'key'\nhotel_id = 'dept_code'\nroom_number = 'room_num'\n\
         reading_value = 'value'\nscript_time = 'gmt_modified'",
        |register, time| {
            format!(
                "INSERT INTO raw (dept, room, `read`, at) \
                 VALUES ('H001', '101', '{register}.00', '{time}')"
            )
        },
    );
}

#[test]
fn a_view_without_an_id_with_milliseconds_and_floats() {
    watched_through(
        "viewtime",
        &[
            "CREATE TABLE raw (dept CHAR(50), room CHAR(20), `read` FLOAT, at DATETIME(3) NULL, \
             INDEX (dept, room), INDEX (at))",
            "CREATE VIEW v AS SELECT dept AS dept_code, room AS room_num, `read` AS `value`, \
             at AS gmt_modified FROM raw",
        ],
        "table = 'v'\nid = ''\nhotel_id = 'dept_code'\nroom_number = 'room_num'\n\
         reading_value = 'value'\nscript_time = 'gmt_modified'",
        |register, time| {
            format!("INSERT INTO raw VALUES ('H001', '101', {register}, '{time}.250')")
        },
    );
}

#[test]
fn a_table_without_an_id_with_timestamps_and_doubles() {
    watched_through(
        "doubles",
        &[
            "CREATE TABLE `2024$meter` (hotel_id VARCHAR(50), room_number VARCHAR(20), \
             reading_value DOUBLE, script_time TIMESTAMP NULL, INDEX (hotel_id, room_number), \
             INDEX (script_time))",
        ],
        "table = '2024$meter'\nid = ''",
        |register, time| {
            format!("INSERT INTO `2024$meter` VALUES ('H001', '101', {register}.0, '{time}')")
        },
    );
}

#[test]
fn whole_registers_numbered_rooms_decimal_ids_and_times_as_texts() {
    watched_through(
        "texts",
        &[
            "CREATE TABLE smart_meter (id DECIMAL(20,0) PRIMARY KEY, hotel_id VARCHAR(50), \
             room_number INT, reading_value INT, script_time VARCHAR(30), INDEX (hotel_id, \
             room_number))",
        ],
        "",
        |register, time| {
            let id = (register - 90) / 2;
            format!("INSERT INTO smart_meter VALUES ({id}, 'H001', 101, {register}, '{time}')")
        },
    );
}

#[test]
fn by_time_times_may_be_texts() {
    watched_through(
        "textsbytime",
        &[
            "CREATE TABLE smart_meter (hotel_id VARCHAR(50), room_number VARCHAR(20), \
           reading_value DECIMAL(12,3), script_time VARCHAR(30), INDEX (hotel_id, room_number))",
        ],
        "id = ''",
        |register, time| {
            let time = time.to_string().replace(' ', "T");
            format!("INSERT INTO smart_meter VALUES ('H001', '101', {register}, '{time}')")
        },
    );
}

#[test]
fn a_column_that_does_not_number_rows_is_logged_with_its_remedy() {
    let mut rig = Rig::new("uuid");
    // Texts of digits are not in the order of their numbers.
    rig.configure("[meter]\nid = 'room_number'");
    let left = minutes_ago(240);
    heat(&rig, "101", left, 0..=1);
    let mut service = rig.start();
    service.wait_for_log("sweep failed, retrying");
    rig.publish([check_out("H001", "101", left).as_str()]);
    // The message waits, it is not turned away.
    service.wait_for_log("the store (reading the meters) failed, retrying");
    let log = service.stop();
    let remedy = "the meter table can't be read: column room_number of smart_meter does not \
                  number its rows; set `meter.id = \"\"`";
    assert_eq!(log.matches(remedy).count(), 2, "{log}");
    assert_eq!(rig.waiting_messages(), 1);
    rig.reconfigure("id = 'room_number'", "id = ''");
    let service = rig.start();
    wait_until_seen(&rig, &[("101", left.plus(1_800))]);
    service.stop();
    rig.finish();
}

const AWAY: &str = "restore the table, or check that section [meter]";

#[test]
fn a_table_that_is_missing_for_a_while_loses_no_reading() {
    away(By::Id);
}

#[test]
fn by_time_a_table_that_is_missing_for_a_while_loses_no_reading() {
    away(By::Time);
}

fn away(by: By) {
    let left = minutes_ago(240);
    let (rig, mut service) = watching(by, "away", left);
    rig.execute("RENAME TABLE smart_meter TO away");
    // The old watch is to be brought up to date with readings that can't be read now.
    let arrived = left.plus(4 * 1_800);
    let bodies = [
        check_in("H001", "101", arrived),
        check_out("H001", "102", left),
    ];
    service.wait_for_log("sweep failed, retrying");
    rig.publish(bodies.iter().map(String::as_str));
    service.wait_for_log("the store (reading the meters) failed, retrying");
    let log = service.log();
    assert!(log.contains(AWAY) && !log.contains("init-db"), "{log}");
    rig.execute("RENAME TABLE away TO smart_meter");
    heat(&rig, "101", left, 2..=5);
    heat(&rig, "102", left, 0..=3);
    wait_until_seen(
        &rig,
        &[("101", left.plus(5 * 1_800)), ("102", left.plus(3 * 1_800))],
    );
    wait_for_alert(&rig, left);
    service.wait_for_log("sweep works again");
    service.stop();
    rig.finish();
}

#[test]
fn a_table_that_is_missing_or_empty_at_the_start_is_waited_for() {
    missing_at_first(By::Id);
}

#[test]
fn by_time_a_table_that_is_missing_or_empty_at_the_start_is_waited_for() {
    missing_at_first(By::Time);
}

fn missing_at_first(by: By) {
    let mut rig = rig_by(by, "missing");
    rig.execute("RENAME TABLE smart_meter TO away");
    let left = minutes_ago(240);
    let mut service = rig.start();
    service.wait_for_log(AWAY);
    rig.execute("RENAME TABLE away TO smart_meter");
    service.wait_for_log("sweep: ");
    rig.publish([check_out("H001", "101", left).as_str()]);
    rig.wait_for_rows("SELECT room_number FROM room_state", &["101".to_owned()]);
    heat(&rig, "101", left, 0..=4);
    wait_for_alert(&rig, left);
    // Even of an empty table the position is a time that every column can hold.
    let early = "SELECT meter_time > '1969-12-31' FROM service WHERE meter_time IS NOT NULL";
    let expected = [true];
    rig.wait_for_rows(early, if by == By::Time { &expected } else { &[] });
    service.stop();
    rig.finish();
}

#[test]
fn a_view_of_a_missing_table_is_waited_for() {
    let mut rig = Rig::new("viewaway");
    rig.execute("RENAME TABLE smart_meter TO raw");
    rig.execute("CREATE VIEW smart_meter AS SELECT * FROM raw");
    rig.execute("RENAME TABLE raw TO away");
    let mut service = rig.start();
    service.wait_for_log(AWAY);
    rig.execute("RENAME TABLE away TO raw");
    service.wait_for_log("sweep: ");
    service.stop();
    rig.finish();
}

/// A table whose ids begin anew, and have come further than those of the old one: rows of room 101
/// first.
fn in_its_place(rig: &Rig, left: LocalTime, intervals: std::ops::RangeInclusive<i64>) -> String {
    rig.execute("CREATE TABLE anew LIKE smart_meter");
    for n in intervals {
        let time = left.plus(n * 1_800);
        rig.execute(&format!(
            "INSERT INTO anew (hotel_id, room_number, reading_value, script_time) \
             VALUES ('H001', '101', {}, '{time}')",
            100 + 2 * n
        ));
    }
    for n in 1..=30 {
        let time = left.plus(n * 60);
        rig.execute(&format!(
            "INSERT INTO anew (hotel_id, room_number, reading_value, script_time) \
             VALUES ('H001', '999', {n}, '{time}')"
        ));
    }
    "RENAME TABLE smart_meter TO old, anew TO smart_meter".to_owned()
}

#[test]
fn a_table_that_replaces_another_is_read_from_its_start() {
    let left = minutes_ago(240);
    let (rig, mut service) = watching(By::Id, "replaced", left);
    let replace = in_its_place(&rig, left, 2..=4);
    rig.execute(&replace);
    service.wait_for_log("emptied or recreated");
    wait_for_alert(&rig, left);
    service.stop();
    rig.finish();
}

#[test]
fn a_message_waits_for_a_missing_table_and_reads_the_one_that_replaces_it() {
    let mut rig = Rig::new("replacedaway");
    rig.reconfigure("sweep_seconds = 1\n", "sweep_seconds = 3600\n");
    let left = minutes_ago(150);
    // The ids of recent rows are high.
    for n in 0..40 {
        let time = minutes_ago(900 + n).to_string();
        rig.meter("H001", "999", &time, "1.00");
    }
    heat(&rig, "101", left, 0..=1);
    rig.publish([check_out("H001", "101", left).as_str()]);
    let mut service = rig.start();
    wait_until_seen(&rig, &[("101", left.plus(1_800))]);
    service.wait_for_log("sweep: ");
    // From here on there is no sweep: only the message can find what is there.
    rig.execute("RENAME TABLE smart_meter TO old");
    rig.publish([check_in("H001", "101", left.plus(4 * 1_800)).as_str()]);
    service.wait_for_log("the store (reading the meters) failed, retrying");
    // Its ids begin anew.
    rig.execute("CREATE TABLE anew LIKE old");
    rig.execute(&format!(
        "INSERT INTO anew (hotel_id, room_number, reading_value, script_time) VALUES \
         ('H001', '101', 104, '{}'), ('H001', '101', 106, '{}'), ('H001', '101', 108, '{}')",
        left.plus(2 * 1_800),
        left.plus(3 * 1_800),
        left.plus(4 * 1_800),
    ));
    rig.execute("RENAME TABLE anew TO smart_meter");
    wait_for_alert(&rig, left);
    service.stop();
    rig.finish();
}

#[test]
fn init_db_continues_where_it_was_interrupted() {
    let mut rig = Rig::new("brokeoff");
    // As if it had added the column, and not yet recorded the file as applied.
    rig.before_migration(4);
    let again = rig.roomwatt(&["init-db"]);
    assert!(again.status.success(), "{again:?}");
    assert_eq!(
        rig.rows::<bool>("SELECT MAX(version) >= 4 FROM schema_migration"),
        [true]
    );
    rig.finish();
}

#[test]
fn a_room_that_the_meter_table_can_not_spell_delays_no_other() {
    let mut rig = Rig::new("latin1");
    rig.execute("ALTER TABLE smart_meter CONVERT TO CHARACTER SET latin1");
    let left = minutes_ago(120);
    let mut service = rig.start();
    service.wait_until_ready();
    // Alone: a statement with other keys may be understood.
    rig.publish([check_out("H001", "总统", left).as_str()]);
    service.wait_for_log("总统 has no readings");
    rig.publish([check_out("H001", "102", left).as_str()]);
    let rooms = ["102", "总统"].map(str::to_owned);
    rig.wait_for_rows("SELECT room_number FROM room_state ORDER BY 1", &rooms);
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}

#[test]
fn a_view_that_can_not_compute_a_row_delays_no_message() {
    let mut rig = Rig::new("view1690");
    let left = minutes_ago(120);
    for statement in [
        "DROP TABLE smart_meter",
        "CREATE TABLE raw (id INT AUTO_INCREMENT PRIMARY KEY, hotel_id VARCHAR(50), \
         room_number VARCHAR(20), v INT UNSIGNED, base INT UNSIGNED, script_time DATETIME, \
         INDEX (hotel_id, room_number), INDEX (script_time))",
        "CREATE VIEW smart_meter AS SELECT id, hotel_id, room_number, v - base AS reading_value, \
         script_time FROM raw",
        &format!("INSERT INTO raw VALUES (1, 'H001', '101', 5, 7, '{left}')"),
    ] {
        rig.execute(statement);
    }
    let mut service = rig.start();
    service.wait_until_ready();
    let both = [
        check_out("H001", "101", left),
        check_out("H001", "102", left),
    ];
    rig.publish(both.iter().map(String::as_str));
    let rooms = ["101", "102"].map(str::to_owned);
    rig.wait_for_rows("SELECT room_number FROM room_state ORDER BY 1", &rooms);
    service.wait_for_log("101 has no readings");
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}
