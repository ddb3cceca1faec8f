//! Readings as they really come.

use mysql::prelude::Queryable;

use roomwatt::types::counted;

use crate::backfill::insert;
use crate::backtest::Happening;
use crate::support::states::stored_time;
use crate::support::{Rig, Service, wait};
use crate::{By, check_in, check_out, minutes_ago, rig_by};

#[test]
fn a_message_finds_readings_that_were_there_before_it() {
    let mut rig = Rig::new("before");
    let left = minutes_ago(240);
    for interval in -3..=4 {
        let time = left.plus(interval * 1_800 - 60).to_string();
        rig.meter("H001", "101", &time, &format!("{}.00", 100 + 2 * interval));
    }
    let mut service = rig.start();
    service.wait_until_ready();
    rig.publish([check_out("H001", "101", left).as_str()]);
    rig.wait_for_rows(
        "SELECT continuous_periods, CAST(detected_time AS CHAR) FROM electricity_abnormal",
        &[(4, left.plus(4 * 1_800 - 60).to_string())],
    );
    let initial: Vec<(String, String)> = rig.rows(
        "SELECT CAST(initial_reading AS CHAR), CAST(monitoring_start_time AS CHAR) \
         FROM electricity_monitoring",
    );
    assert_eq!(initial, [("100.00".to_owned(), left.plus(-60).to_string())]);
    service.stop();
    rig.finish();
}

#[test]
fn a_newer_message_first_brings_the_old_watch_up_to_date() {
    let mut rig = Rig::new("uptodate");
    // No sweep comes in time: only the message itself can have judged the old watch.
    rig.configure("sweep_seconds = 3600");
    rig.reconfigure("sweep_seconds = 1\n", "");
    let left = minutes_ago(240);
    let arrived = left.plus(4 * 1_800);
    rig.publish([check_out("H001", "101", left).as_str()]);
    let mut service = rig.start();
    service.wait_until_ready();
    rig.wait_for_rows("SELECT msg_type FROM room_state", &["checkout".to_owned()]);
    for interval in 0..=5 {
        let time = left.plus(interval * 1_800).to_string();
        rig.meter("H001", "101", &time, &format!("{}.00", 100 + 2 * interval));
    }
    rig.publish([check_in("H001", "101", arrived).as_str()]);
    rig.wait_for_rows(
        "SELECT msg_type, continuous_periods FROM electricity_abnormal",
        &[("checkout".to_owned(), 4)],
    );
    rig.wait_for_rows(
        &format!(
            "SELECT msg_type, {}, run_periods FROM room_state",
            stored_time("w.i[0]")
        ),
        &[("checkin".to_owned(), arrived.to_string(), None::<u32>)],
    );
    service.stop();
    rig.finish();
}

#[test]
fn invalid_rows_are_counted_and_backfilled_ones_still_seen() {
    bad_rows(By::Id);
}

#[test]
fn by_time_invalid_rows_do_no_harm_and_backfilled_ones_are_seen() {
    bad_rows(By::Time);
}

fn bad_rows(by: By) {
    let mut rig = rig_by(by, "badrows");
    rig.execute(
        "ALTER TABLE smart_meter MODIFY reading_value DECIMAL(10,2) NULL, MODIFY \
         script_time DATETIME NULL",
    );
    let left = minutes_ago(240);
    let at = |interval: i64| left.plus(interval * 1_800).to_string();
    rig.publish([check_out("H001", "101", left).as_str()]);
    let mut service = rig.start();
    service.wait_until_ready();
    rig.wait_for_rows("SELECT msg_type FROM room_state", &["checkout".to_owned()]);
    service.wait_for_log("sweep: ");
    // One statement, so that one sweep sees them together: the ids are not in the order of time.
    rig.execute(&format!(
        "SET sql_mode = ''; INSERT INTO smart_meter (hotel_id, room_number, reading_value, \
         script_time) VALUES \
         ('H001', '101', 108, '{}'), ('H001', '101', 104, '{}'), ('H001', '101', 104, '{}'), \
         ('H001', '101', NULL, '{}'), ('H001', '101', 100, '{}'), ('H001', '101', 102, '{}'), \
         ('H001', '101', 900, '0000-00-00 00:00:00'), ('H001', '101', 900, '2099-01-01 00:00:00'), \
         ('H001', '101', 900, NULL), ('H001', '101', 106, '{}')",
        at(4),
        at(2),
        at(2),
        at(2),
        at(0),
        at(1),
        at(3),
    ));
    rig.wait_for_rows(
        "SELECT continuous_periods, CAST(total_consumption AS CHAR), CAST(detected_time AS CHAR) \
         FROM electricity_abnormal",
        &[(4, "8.00".to_owned(), at(4))],
    );
    // By time only the one that has a time is met.
    let bad = match by {
        By::Id => 4_u32,
        By::Time => 1,
    };
    let line = format!("ignored {}", counted(bad, "invalid meter row"));
    service.wait_for_log(&line);
    // And only once, though they are read again.
    wait_for_sweeps(&mut service, 2);
    rig.meter("H001", "101", &at(5), "108.10");
    rig.wait_for_rows("SELECT CAST(seen_time AS CHAR) FROM room_state", &[at(5)]);
    let log = service.stop();
    assert_eq!(log.matches(&line).count(), 1, "{log}");
    rig.finish();
}

/// Waits for more sweeps to end.
pub(crate) fn wait_for_sweeps(service: &mut Service, count: usize) {
    let sweeps = |service: &Service| service.log().matches("sweep: ").count();
    let before = sweeps(service);
    wait("more sweeps", || match sweeps(service) - before {
        more if more >= count => Ok(()),
        more => Err(format!("{more} of {count}")),
    });
}

#[test]
fn of_readings_with_one_time_the_first_stored_counts() {
    first_of_one_time(By::Id);
}

#[test]
fn by_time_of_readings_with_one_time_one_counts() {
    first_of_one_time(By::Time);
}

fn first_of_one_time(by: By) {
    let mut rig = rig_by(by, "onetime");
    let left = minutes_ago(240);
    let at = |interval: i64| left.plus(interval * 1_800).to_string();
    rig.publish([check_out("H001", "101", left).as_str()]);
    let mut service = rig.start();
    service.wait_until_ready();
    service.wait_for_log("sweep: ");
    // By the sweep, together and one after the other; then by a message.
    rig.execute(&format!(
        "INSERT INTO smart_meter (hotel_id, room_number, reading_value, script_time) VALUES \
         ('H001', '101', 104, '{t2}'), ('H001', '101', 104.5, '{t2}'), \
         ('H001', '101', 100, '{t0}'), ('H001', '101', 102, '{t1}'), \
         ('H001', '101', 102.5, '{t1}'), \
         ('H001', '102', 50, '{t0}'), ('H001', '102', 50.5, '{t0}')",
        t0 = at(0),
        t1 = at(1),
        t2 = at(2),
    ));
    let run = "SELECT run_periods, run_wh FROM room_state WHERE room_number = '101'";
    let wh: i64 = wait("two intervals", || {
        match rig.rows::<(Option<u32>, Option<i64>)>(run)[..] {
            [(Some(2), Some(wh))] => Ok(wh),
            ref other => Err(format!("{other:?}")),
        }
    });
    rig.meter("H001", "101", &at(2), "104.75");
    rig.publish([check_out("H001", "102", left).as_str()]);
    let first = "SELECT CAST(JSON_VALUE(state, '$.w.i[1]') AS SIGNED) \
                 FROM room_state WHERE room_number = '102'";
    let initial: i64 = wait("an initial reading", || {
        match rig.rows::<Option<i64>>(first)[..] {
            [Some(wh)] => Ok(wh),
            ref other => Err(format!("{other:?}")),
        }
    });
    wait_for_sweeps(&mut service, 2);
    rig.wait_for_rows(run, &[(Some(2), Some(wh))]);
    if by == By::Id {
        assert_eq!((wh, initial), (4_000, 50_000));
    } else {
        // Which is the first is unknown.
        assert!([4_000, 4_500].contains(&wh), "{wh}");
        assert!([50_000, 50_500].contains(&initial), "{initial}");
    }
    service.stop();
    rig.finish();
}

#[test]
fn rooms_are_distinguished_byte_for_byte_where_the_tables_are_not() {
    let mut rig = Rig::new("bytes");
    for table in [
        "smart_meter",
        "electricity_monitoring",
        "electricity_abnormal",
    ] {
        rig.execute(&format!(
            "ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
        ));
    }
    let left = minutes_ago(240);
    let at = |interval: i64| left.plus(interval * 1_800).to_string();
    for interval in 0..=4 {
        rig.meter(
            "H001",
            "A1",
            &at(interval),
            &format!("{}.00", 100 + 2 * interval),
        );
        rig.meter("H001", "a1", &at(interval), "50.00");
    }
    let mut service = rig.start();
    service.wait_until_ready();
    let both = [check_out("H001", "A1", left), check_out("H001", "a1", left)];
    rig.publish(both.iter().map(String::as_str));
    rig.wait_for_rows(
        "SELECT room_number, is_notified FROM electricity_abnormal",
        &[("A1".to_owned(), true)],
    );
    rig.wait_for_rows(
        "SELECT room_number, CAST(initial_reading AS CHAR) FROM electricity_monitoring \
         ORDER BY CAST(room_number AS BINARY)",
        &[
            ("A1".to_owned(), "100.00".to_owned()),
            ("a1".to_owned(), "50.00".to_owned()),
        ],
    );
    service.stop();
    rig.finish();
}

#[test]
fn a_recreated_meter_table_is_read_from_its_start() {
    let mut rig = Rig::new("anew");
    let left = minutes_ago(240);
    let at = |interval: i64| left.plus(interval * 1_800).to_string();
    for interval in -9..=1 {
        rig.meter(
            "H001",
            "101",
            &at(interval),
            &format!("{}.00", 100 + 2 * interval),
        );
    }
    rig.publish([check_out("H001", "101", left).as_str()]);
    let mut service = rig.start();
    service.wait_until_ready();
    let seen = "SELECT CAST(seen_time AS CHAR) FROM room_state";
    rig.wait_for_rows(seen, &[at(1)]);
    rig.execute("TRUNCATE TABLE smart_meter");
    rig.meter("H001", "101", &at(2), "104.00");
    rig.wait_for_rows(seen, &[at(2)]);
    service.wait_for_log("emptied or recreated");
    // Also a message must find readings under ids that were there before.
    rig.meter("H001", "102", &at(0), "50.00");
    rig.publish([check_out("H001", "102", left).as_str()]);
    rig.wait_for_rows(
        &format!(
            "SELECT {} FROM room_state ORDER BY room_number",
            stored_time("w.i[0]")
        ),
        &[at(0), at(0)],
    );
    service.stop();

    // And once more while it is stopped.
    rig.execute("TRUNCATE TABLE smart_meter");
    rig.meter("H001", "101", &at(3), "106.00");
    let service = rig.start();
    rig.wait_for_rows(&format!("{seen} WHERE room_number = '101'"), &[at(3)]);
    service.stop();
    rig.finish();
}

#[test]
fn a_register_too_large_for_the_original_column_is_watched() {
    let mut rig = Rig::new("large");
    rig.execute("ALTER TABLE smart_meter MODIFY reading_value DECIMAL(20,3) NOT NULL");
    let left = minutes_ago(240);
    for interval in 0..=4 {
        let time = left.plus(interval * 1_800).to_string();
        rig.meter(
            "H001",
            "101",
            &time,
            &format!("99999999999{}.000", 2 * interval),
        );
    }
    rig.publish([check_out("H001", "101", left).as_str()]);
    let service = rig.start();
    rig.wait_for_rows(
        "SELECT CAST(total_consumption AS CHAR) FROM electricity_abnormal",
        &["8.00".to_owned()],
    );
    let initial: Vec<(Option<String>, String)> = rig.rows(
        "SELECT CAST(initial_reading AS CHAR), CAST(monitoring_start_time AS CHAR) \
         FROM electricity_monitoring",
    );
    assert_eq!(initial, [(None, left.to_string())]);
    service.stop();
    rig.finish();
}

#[test]
fn a_row_that_commits_late_is_judged() {
    late_commit(By::Id);
}

#[test]
fn by_time_a_row_that_commits_late_is_judged() {
    late_commit(By::Time);
}

fn late_commit(by: By) {
    let mut rig = rig_by(by, "late");
    let left = minutes_ago(240);
    let at = |interval: i64| left.plus(interval * 1_800).to_string();
    let rooms = ["101", "102"].map(|room| check_out("H001", room, left));
    rig.publish(rooms.iter().map(String::as_str));
    let mut service = rig.start();
    service.wait_until_ready();
    rig.wait_for_rows("SELECT COUNT(*) FROM room_state", &[2]);
    service.wait_for_log("sweep: ");
    let mut slow = rig.conn();
    slow.query_drop("START TRANSACTION").expect("begun");
    for interval in 0..=4 {
        let (time, register) = (at(interval), 100 + 2 * interval);
        slow.query_drop(format!(
            "INSERT INTO smart_meter (hotel_id, room_number, reading_value, script_time) \
             VALUES ('H001', '101', {register}, '{time}')"
        ))
        .expect("a row");
    }
    // Rows with higher ids and later times commit first, and sweeps have passed them.
    let now = minutes_ago(1).to_string();
    rig.meter("H001", "102", &now, "50.00");
    rig.wait_for_rows(
        "SELECT CAST(seen_time AS CHAR) FROM room_state WHERE room_number = '102'",
        &[now],
    );
    wait_for_sweeps(&mut service, 2);
    slow.query_drop("COMMIT").expect("committed");
    rig.wait_for_rows(
        "SELECT room_number, continuous_periods, CAST(detected_time AS CHAR) \
         FROM electricity_abnormal",
        &[("101".to_owned(), 4, at(4))],
    );
    service.stop();
    rig.finish();
}

#[test]
fn by_time_a_start_looks_back_for_rows_that_are_still_to_come() {
    let mut rig = rig_by(By::Time, "lookback");
    let arrived = minutes_ago(50);
    rig.meter("H001", "102", &minutes_ago(2).to_string(), "50.00");
    rig.publish([check_in("H001", "101", arrived).as_str()]);
    let mut service = rig.start();
    service.wait_until_ready();
    rig.wait_for_rows("SELECT msg_type FROM room_state", &["checkin".to_owned()]);
    wait_for_sweeps(&mut service, 2);
    let late = minutes_ago(40).to_string();
    rig.meter("H001", "101", &late, "50.00");
    rig.wait_for_rows("SELECT CAST(seen_time AS CHAR) FROM room_state", &[late]);
    service.stop();
    rig.finish();
}

#[test]
fn initial_readings_cost_no_query_a_room() {
    initial_readings(By::Id);
}

#[test]
fn by_time_initial_readings_cost_no_query_a_room() {
    initial_readings(By::Time);
}

fn initial_readings(by: By) {
    const ROOMS: u32 = 1_000;
    let mut rig = rig_by(by, "noquery");
    // One sweep, and no notices: what remains is the messages' own.
    rig.reconfigure("sweep_seconds = 1\n", "sweep_seconds = 3600\n");
    let arrived = minutes_ago(60);
    let readings: Vec<Happening> = (0..ROOMS)
        .map(|room| Happening::Reading {
            room,
            time: arrived.plus(-60),
            register: i64::from(room) * 1_000,
        })
        .collect();
    insert(&rig, &readings, 500);
    let bodies: Vec<String> = (0..ROOMS)
        .map(|room| check_in("H001", &room.to_string(), arrived))
        .collect();
    rig.publish(bodies.iter().map(String::as_str));
    rig.count_work();
    let service = rig.start();
    rig.wait_for_rows(
        "SELECT COUNT(*), COUNT(DISTINCT JSON_VALUE(state, '$.w.i[1]')) FROM room_state",
        &[(ROOMS, ROOMS)],
    );
    service.stop();
    let selects = rig.selects();
    // A batch costs one for the lock on the service row and one for the readings of 50 of its
    // rooms. The first batches are small, and the start, what is learned of the ids, and the one
    // sweep cost some: 62 to 75 were seen, and on MySQL, which counts what is written, too, up to
    // 104.
    println!("{selects} SELECTs for {ROOMS} rooms");
    assert!(
        (4..ROOMS / 5).contains(&selects),
        "{selects} SELECTs for {ROOMS} rooms"
    );
    rig.finish();
}

#[test]
fn a_silent_room_is_asked_for_by_key() {
    let mut rig = Rig::new("silent");
    let left = minutes_ago(240);
    rig.meter("H001", "101", &left.to_string(), "100.00");
    rig.publish([check_out("H001", "101", left).as_str()]);
    let seen = "SELECT CAST(seen_time AS CHAR) FROM room_state";
    let service = rig.start();
    rig.wait_for_rows(seen, &[left.to_string()]);
    service.stop();
    // As if a transaction had been open for so long that the stream has passed its row.
    let missed = minutes_ago(60).to_string();
    rig.meter("H001", "101", &missed, "101.00");
    rig.execute("UPDATE service SET meter_id = (SELECT MAX(id) FROM smart_meter)");
    let service = rig.start();
    rig.wait_for_rows(seen, &[missed]);
    service.stop();
    rig.finish();
}
