//! The day of moving over from the original program.

use crate::support::Rig;
use crate::{minutes_ago, said};

/// A row as the original program has left it; times are SQL.
fn left(rig: &Rig, room: &str, kind: &str, times: [&str; 4], initial: Option<(&str, &str)>) {
    let (reading, start) = initial.unwrap_or(("NULL", "NULL"));
    rig.execute(&format!(
        "INSERT INTO electricity_monitoring (hotel_id, room_number, msg_type, check_in_time, \
         expected_checkout_time, actual_checkin_time, actual_checkout_time, initial_reading, \
         monitoring_start_time) VALUES ('H001', '{room}', {kind}, {}, {reading}, {start})",
        times.join(", ")
    ));
}

#[test]
fn rooms_are_watched_from_the_first_minute_and_their_past_is_left_alone() {
    let mut rig = Rig::without_schema("adopt");
    rig.configure("check_interval_minutes = 10\nmax_gap_minutes = 30");
    let applied = rig.roomwatt(&["init-db"]);
    assert!(applied.status.success(), "{applied:?}");
    let quoted = |minutes: i64| format!("'{}'", minutes_ago(minutes));
    let (long_ago, lately, start) = (quoted(3_000), quoted(600), quoted(590));
    let none = "NULL";
    // Vacant since lately, and burning all the time: the original program has seen it begin.
    left(
        &rig,
        "101",
        "'checkin'",
        [&long_ago, &lately, none, none],
        Some(("90.00", &long_ago)),
    );
    left(
        &rig,
        "101",
        "'checkout'",
        [none, none, &long_ago, &lately],
        Some(("100.00", &start)),
    );
    // No kind was written, the column says what it says by default; and nothing was read yet.
    left(&rig, "102", "DEFAULT", [none, none, none, &lately], None);
    left(&rig, "a1", "'checkin'", [&lately, none, none, none], None);
    left(
        &rig,
        "A1",
        "NULL",
        [&lately, &quoted(-600), none, none],
        None,
    );
    // It would make every message of years stale.
    left(
        &rig,
        "102",
        "'checkin'",
        ["'2099-01-01 00:00:00'", none, none, none],
        None,
    );
    // Of one stay the row that came last.
    left(
        &rig,
        "a1",
        "'checkin'",
        [&lately, &quoted(-1_200), none, none],
        None,
    );
    // Nothing to go by.
    left(&rig, "103", "'checkin'", [none, none, none, none], None);
    left(&rig, " ", "'checkin'", [&lately, none, none, none], None);
    for interval in 0..=57 {
        let time = minutes_ago(590 - 10 * interval).to_string();
        rig.meter("H001", "101", &time, &format!("{}.00", 100 + 2 * interval));
    }

    let (code, out, _) = said(&rig.roomwatt(&["init-db", "--adopt"]));
    assert_eq!(code, Some(0));
    assert!(
        out.ends_with(
            "adopted 4 rooms; 0 had a watch already, 2 rows name no room or no stay, \
                       1 are of stays too far ahead\n"
        ),
        "{out}"
    );
    let watches = ["101 checkout", "102 checkout", "A1 checkin", "a1 checkin"];
    assert_eq!(
        rig.rows::<String>(
            "SELECT CONCAT(room_number, ' ', msg_type) FROM room_state ORDER BY room_number"
        ),
        watches
    );
    assert_eq!(
        rig.rows::<bool>("SELECT other_time IS NOT NULL FROM room_state WHERE room_number = 'a1'"),
        [true]
    );
    let (_, again, _) = said(&rig.roomwatt(&["init-db", "--adopt"]));
    assert!(
        again.contains("adopted 0 rooms; 4 had a watch already"),
        "{again}"
    );

    let mut service = rig.start();
    service.wait_for_log("4 rooms are watched");
    service.wait_for_log("4 rooms watched");
    let (code, _, error) = said(&rig.roomwatt(&["init-db", "--adopt"]));
    assert_eq!(code, Some(75));
    assert!(
        error.contains("the service is running on this database: stop it first"),
        "{error}"
    );

    // From now on it is judged, and told after four intervals.
    for interval in 0..=4 {
        let time = minutes_ago(10 - 10 * interval).to_string();
        rig.meter("H001", "101", &time, &format!("{}.00", 220 + 2 * interval));
    }
    rig.wait_for_rows(
        "SELECT room_number, continuous_periods, is_notified FROM electricity_abnormal",
        &[("101".to_owned(), 4, true)],
    );
    let since: Vec<String> =
        rig.rows("SELECT CAST(run_since AS CHAR) FROM room_state WHERE room_number = '101'");
    assert!(since[0] >= minutes_ago(21).to_string(), "{since:?}");
    // What the original program has read first stays as it was.
    assert_eq!(
        rig.rows::<String>(
            "SELECT CAST(initial_reading AS CHAR) FROM electricity_monitoring \
             WHERE room_number = '101' ORDER BY id"
        ),
        ["90.00", "100.00"]
    );
    service.stop();
    rig.finish();
}
