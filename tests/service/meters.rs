//! Readings as they really come.

use crate::support::Rig;
use crate::{check_in, check_out, minutes_ago};

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
        "SELECT msg_type, CAST(initial_time AS CHAR), run_periods FROM room_state",
        &[("checkin".to_owned(), arrived.to_string(), None::<u32>)],
    );
    service.stop();
    rig.finish();
}

#[test]
fn bad_rows_are_counted_and_backfilled_ones_still_seen() {
    let mut rig = Rig::new("badrows");
    rig.execute("ALTER TABLE smart_meter MODIFY reading_value DECIMAL(10,2) NULL, MODIFY script_time DATETIME NULL");
    let left = minutes_ago(240);
    let at = |interval: i64| left.plus(interval * 1_800).to_string();
    rig.publish([check_out("H001", "101", left).as_str()]);
    let mut service = rig.start();
    service.wait_until_ready();
    rig.wait_for_rows("SELECT msg_type FROM room_state", &["checkout".to_owned()]);
    service.wait_for_log("sweep: ");
    // One statement, so that one sweep sees them together: the ids are not in the order of time.
    rig.execute(&format!(
        "SET sql_mode = ''; INSERT INTO smart_meter (hotel_id, room_number, reading_value, script_time) VALUES \
         ('H001', '101', 108, '{}'), ('H001', '101', 104, '{}'), ('H001', '101', NULL, '{}'), \
         ('H001', '101', 100, '{}'), ('H001', '101', 102, '{}'), ('H001', '101', 900, '0000-00-00 00:00:00'), \
         ('H001', '101', 900, '2099-01-01 00:00:00'), ('H001', '101', 900, NULL), ('H001', '101', 106, '{}')",
        at(4), at(2), at(2), at(0), at(1), at(3),
    ));
    rig.wait_for_rows(
        "SELECT continuous_periods, CAST(total_consumption AS CHAR), CAST(detected_time AS CHAR) \
         FROM electricity_abnormal",
        &[(4, "8.00".to_owned(), at(4))],
    );
    service.wait_for_log("4 rows of the meter table are no readings");
    service.stop();
    rig.finish();
}

#[test]
fn rooms_are_told_apart_byte_for_byte_where_the_tables_are_not() {
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
fn a_meter_table_that_is_made_anew_is_read_from_its_start() {
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
    service.wait_for_log("made anew");
    // Also a message must find readings under ids that were there before.
    rig.meter("H001", "102", &at(0), "50.00");
    rig.publish([check_out("H001", "102", left).as_str()]);
    rig.wait_for_rows(
        "SELECT CAST(initial_time AS CHAR) FROM room_state ORDER BY room_number",
        &[at(0), at(0)],
    );
    service.stop();

    // And once more while nobody looks.
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
