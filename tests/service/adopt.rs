//! The day of moving over from the original program.

use roomwatt::types::LocalTime;
use serde_json::json;

use crate::support::Rig;
use crate::support::states::stored_time;
use crate::{check, check_in, check_out, finished, minutes_ago, stays};

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
    // Vacant for ten hours, with a heater on: the original program has its initial reading.
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
    // Without a kind, so that the column has its default; and without an initial reading.
    left(&rig, "102", "DEFAULT", [none, none, none, &lately], None);
    left(&rig, "a1", "'checkin'", [&lately, none, none, none], None);
    left(
        &rig,
        "A1",
        "NULL",
        [&lately, &quoted(-600), none, none],
        None,
    );
    // Its stay is far ahead: all messages of years would be older.
    left(
        &rig,
        "102",
        "'checkin'",
        ["'2099-01-01 00:00:00'", none, none, none],
        None,
    );
    // A second row of the same stay: the last one counts.
    left(
        &rig,
        "a1",
        "'checkin'",
        [&lately, &quoted(-1_200), none, none],
        None,
    );
    // Without a time, and without a room.
    left(&rig, "103", "'checkin'", [none, none, none, none], None);
    left(&rig, " ", "'checkin'", [&lately, none, none, none], None);
    for interval in 0..=57 {
        let time = minutes_ago(590 - 10 * interval).to_string();
        rig.meter("H001", "101", &time, &format!("{}.00", 100 + 2 * interval));
    }

    let (code, out, _) = finished(&rig.roomwatt(&["init-db", "--adopt"]));
    assert_eq!(code, Some(0));
    let expected = "adopted 4 rooms (2 occupied, 2 vacant)\n\
         left out 2 rows without a room or a stay\n\
         left out 1 row of a stay too far ahead\n\
         earlier readings are not judged: a room that is abnormal already is reported after 4 \
         more intervals (40 minutes)\n";
    assert!(out.ends_with(expected), "{out}");
    let watches = ["101 checkout", "102 checkout", "A1 checkin", "a1 checkin"];
    assert_eq!(
        rig.rows::<String>(
            "SELECT CONCAT(room_number, ' ', msg_type) FROM room_state ORDER BY room_number"
        ),
        watches
    );
    assert_eq!(
        rig.rows::<bool>(
            "SELECT JSON_VALUE(state, '$.w.s[2]') IS NOT NULL FROM room_state \
             WHERE room_number = 'a1'"
        ),
        [true]
    );
    let (_, again, _) = finished(&rig.roomwatt(&["init-db", "--adopt"]));
    assert!(
        again.contains("adopted 0, brought up to date 0, unchanged 4\n"),
        "{again}"
    );

    let mut service = rig.start();
    service.wait_for_log("watching 4 rooms");
    service.wait_for_log("4 rooms watched");
    let (code, _, error) = finished(&rig.roomwatt(&["init-db", "--adopt"]));
    assert_eq!(code, Some(75));
    assert!(
        error.contains("the service is running on this database: stop it first"),
        "{error}"
    );

    // From now on it is judged, and alerts after four intervals.
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
    // The initial readings of the original program stay as they were.
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

/// Back to the original program and over again: it has written rows of newer stays meanwhile.
#[test]
fn newer_stays_are_taken_over_from_older_watches() {
    let mut rig = Rig::new("adoptagain");
    rig.configure("check_interval_minutes = 10\nmax_gap_minutes = 30");
    let mut service = rig.start();
    service.wait_until_ready();
    let left_at = minutes_ago(100);
    rig.publish([
        check_out("H001", "101", left_at).as_str(),
        &check_out("H001", "102", left_at),
        &check_in("H001", "103", left_at),
        &check_in("H001", "104", left_at),
    ]);
    for interval in 0..=5 {
        let time = left_at.plus(600 * interval).to_string();
        rig.meter("H001", "101", &time, &format!("{}.00", 100 + 2 * interval));
    }
    rig.wait_for_rows("SELECT is_notified FROM electricity_abnormal", &[true]);
    rig.wait_for_rows("SELECT COUNT(*) FROM room_state", &[4]);
    service.stop();

    // 101 has a guest, 102 had one before; that of 103 leaves later, and nothing happened in 104.
    let (lately, long_ago) = (
        format!("'{}'", minutes_ago(50)),
        format!("'{}'", minutes_ago(900)),
    );
    let (of_watch, tomorrow) = (format!("'{left_at}'"), format!("'{}'", minutes_ago(-1_440)));
    let none = "NULL";
    left(&rig, "101", "'checkin'", [&lately, none, none, none], None);
    left(
        &rig,
        "102",
        "'checkin'",
        [&long_ago, none, none, none],
        None,
    );
    let later = [&of_watch, &tomorrow, none, none];
    left(&rig, "103", "'checkin'", later, None);
    let epochs = || rig.rows::<u64>("SELECT epoch FROM service")[0];
    let before = epochs();
    let (code, out, error) = finished(&rig.roomwatt(&["init-db", "--adopt"]));
    assert_eq!(code, Some(0), "{error}");
    for line in [
        "adopted 0, brought up to date 2 (H001/101, H001/103), unchanged 2\n",
        "the staff was notified of these rooms, and has to check whether they have recovered: \
         H001/101\n",
        "reported after 4 more intervals (40 minutes)\n",
    ] {
        assert!(out.contains(line), "{out}");
    }
    let epoch = rig.rows::<u64>("SELECT epoch FROM service")[0];
    assert_eq!(
        epoch,
        before + 1,
        "an instance that still has the state can write no more"
    );
    let states = &format!(
        "SELECT CONCAT_WS(' ', room_number, msg_type, JSON_VALUE(state, '$.n'), run_told, \
         JSON_EXTRACT(state, '$.w.h') IS NOT NULL, {} > NOW()) \
         FROM room_state ORDER BY room_number",
        stored_time("w.s[2]")
    );
    assert_eq!(
        rig.rows::<String>(states),
        [
            "101 checkin 2 0",
            "102 checkout 1 0",
            "103 checkin 1 0 1",
            "104 checkin 1 0"
        ]
    );
    let (_, again, _) = finished(&rig.roomwatt(&["init-db", "--adopt"]));
    assert!(
        again.ends_with("adopted 0, brought up to date 0, unchanged 4\n"),
        "{again}"
    );

    // 101 is judged as occupied from now on: 1.8 kWh would be too much for a vacant room alone.
    let mut service = rig.start();
    service.wait_for_log("4 rooms watched");
    for interval in 0..=4 {
        let time = minutes_ago(8 - 10 * interval).to_string();
        let register = 110_000 + 1_800 * interval;
        let register = format!("{}.{:03}", register / 1_000, register % 1_000);
        rig.meter("H001", "101", &time, &register);
    }
    rig.wait_for_rows(
        &format!(
            "SELECT CAST(TIMESTAMPDIFF(MINUTE, {}, NOW()) AS SIGNED) < -30 FROM room_state \
             WHERE room_number = '101'",
            stored_time("w.f.s[0]")
        ),
        &[true],
    );
    assert_eq!(
        rig.rows::<u32>("SELECT COUNT(*) FROM electricity_abnormal"),
        [1]
    );
    service.stop();
    rig.finish();
}

/// What the original program has written meanwhile is taken as messages are: what follows from it
/// depends on who was known to be in the room.
#[test]
fn newer_stays_are_taken_over_as_messages_of_them_would_be() {
    let mut rig = stays::rig("adoptfacts");
    let mut service = rig.start();
    service.wait_until_ready();
    let now = minutes_ago(0);
    let ago = |minutes: i64| now.plus(-minutes * 60);
    let stay = |room: &str, id: &str, since: LocalTime| {
        let mut stay = json!({"hotel_id": "H001", "room_number": room, "msgType": "5710005",
            "check_in_time": since.to_string(), "expected_checkout_time": ago(-900).to_string()});
        if !id.is_empty() {
            stay["stay_id"] = id.into();
        }
        stay.to_string()
    };
    let cancelled = json!({"hotel_id": "H001", "room_number": "104", "msgType": "CI",
        "cancel_time": ago(100).to_string(), "check_in_time": ago(95).to_string()});
    rig.publish([
        stay("101", "B", ago(300)).as_str(),
        &stay("102", "A", ago(300)),
        &stay("102", "B", ago(250)),
        &stay("103", "A", ago(300)),
        &stay("104", "", ago(300)),
        &stay("105", "A", ago(300)),
        &stay("105", "B", ago(100)),
        &cancelled.to_string(),
    ]);
    let state = |columns: &str| {
        format!(
            "SELECT CONCAT_WS(' ', room_number, msg_type, JSON_VALUE(state, '$.n'){columns}) \
             FROM room_state ORDER BY room_number"
        )
    };
    let before = [
        "101 checkin 1",
        "102 checkin 1",
        "103 checkin 1",
        "104 checkout 2",
        "105 checkin 1",
    ];
    rig.wait_for_rows(&state(""), &before.map(str::to_owned));
    service.stop();

    let quoted = |minutes: i64| format!("'{}'", ago(minutes));
    let none = "NULL";
    let came = |room: &str, minutes: i64, initial| {
        let times = [&quoted(minutes), none, none, none];
        left(&rig, room, "'checkin'", times, initial);
    };
    let gone = |room: &str, since: &str, minutes: i64| {
        let times = [none, none, since, &quoted(minutes)];
        left(&rig, room, "'checkout'", times, None);
    };
    // Another guest comes in, and B is not known to have left.
    let start = quoted(199);
    came("101", 200, Some(("7.50", &start)));
    // A leaves, B stays.
    gone("102", &quoted(300), 200);
    // A leaves, another guest comes and leaves.
    gone("103", none, 250);
    came("103", 200, None);
    gone("103", &quoted(200), 150);
    // The check-in that was cancelled: whoever was in before that is still in.
    came("104", 95, None);
    // A leaves. That B came after that the service alone knows.
    gone("105", &quoted(300), 200);
    // It may do no more than init-db.
    let (database, user) = (rig.database.clone(), rig.user());
    rig.execute(&format!("REVOKE ALL ON `{database}`.* FROM '{user}'@'%'"));
    check::grant(&rig, "init", &user, "");
    let adopted = |rig: &mut Rig, expected: &str| {
        let (code, out, error) = finished(&rig.roomwatt(&["init-db", "--adopt"]));
        assert_eq!(code, Some(0), "{error}");
        assert!(out.contains(expected), "{out}");
    };
    adopted(
        &mut rig,
        "adopted 0, brought up to date 5 (H001/101, H001/102, H001/103, H001/104, \
         H001/105), unchanged 0\n",
    );
    let states = |rig: &Rig| {
        rig.rows::<String>(&state(&format!(
            ", {}, {} > NOW(), JSON_VALUE(state, '$.w.i[1]')",
            stored_time("w.s[1]"),
            stored_time("w.s[2]")
        )))
    };
    let taken_over = [
        // Of those who are in, B means to leave last.
        format!("101 checkin 2 {} 1 7500", ago(200)),
        format!("102 checkin 1 {} 1", ago(300)),
        format!("103 checkout 4 {} 0", ago(150)),
        format!("104 checkin 3 {} 1", ago(300)),
        format!("105 checkin 2 {} 1", ago(100)),
    ];
    assert_eq!(states(&rig), taken_over);
    // Who reads the past finds each watch as the last.
    let rows = rig.rows::<String>(
        "SELECT CONCAT_WS(' ', room_number, msg_type, \
         CAST(COALESCE(check_in_time, actual_checkout_time) AS CHAR), \
         expected_checkout_time > NOW(), initial_reading) \
         FROM electricity_monitoring ORDER BY room_number, id",
    );
    let row = |room: &str, minutes: i64, more: &str| format!("{room} {}{more}", ago(minutes));
    let written = [
        row("101 checkin", 300, " 1"),
        row("101 checkin", 200, " 1 7.50"),
        row("102 checkin", 300, " 1"),
        row("102 checkin", 300, " 1"),
        row("103 checkin", 300, " 1"),
        row("103 checkout", 250, ""),
        row("103 checkin", 200, ""),
        row("103 checkout", 150, ""),
        row("104 checkin", 300, " 1"),
        row("104 checkin", 300, " 1"),
        row("104 checkin", 300, " 1"),
        row("105 checkin", 300, " 1"),
        row("105 checkout", 200, ""),
        row("105 checkin", 100, " 1"),
    ];
    assert_eq!(rows, written);
    adopted(&mut rig, "adopted 0, brought up to date 0, unchanged 5\n");
    assert_eq!(states(&rig), taken_over);
    rig.finish();
}
