//! Gateways that repeat their last registers, and recoveries that rest on them.

use roomwatt::engine::{Interval, Notice, NoticeKind, RoomNotice, Rule, Stay};
use roomwatt::types::{LocalTime, RoomKey, WattHours};

use crate::silence::{Instance, at, logged, notices, rows};
use crate::support::Rig;
use crate::support::feishu::message_text;
use crate::{check_out, minutes_ago};

/// Rooms are read every half hour; what they show grows by `wh` at each, where it does.
fn read_on(rig: &Rig, rooms: std::ops::Range<u32>, minutes: i64, wh: i64) {
    for room in rooms {
        let register = format!("{}.{:03}", 100 + wh / 1_000, wh % 1_000);
        rig.meter(
            "H001",
            &room.to_string(),
            &at(minutes).to_string(),
            &register,
        );
    }
}

#[test]
fn a_frozen_gateway_is_reported_once_and_its_end_once() {
    let rig = Rig::new("frozen");
    let mut instance = Instance::start(&rig, 0);
    instance.leave("H001", 101..107, 0);
    for (minutes, wh) in [(0, 0), (30, 100), (60, 200)] {
        instance.pass(minutes + 1, || read_on(&rig, 101..107, minutes, wh));
    }
    // From now on it repeats itself.
    for minutes in [90, 120] {
        instance.pass(minutes + 1, || read_on(&rig, 101..107, minutes, 200));
    }
    assert_eq!(notices(&rig), []);
    instance.pass(151, || read_on(&rig, 101..107, 150, 200));
    assert_eq!(notices(&rig), rows(&[("H001", "frozen")]));
    let stored = "SELECT hotel_id, CAST(since AS CHAR), kind FROM silent_hotel";
    let row = [("H001".to_owned(), at(60).to_string(), "frozen".to_owned())];
    assert_eq!(rig.rows::<(String, String, String)>(stored), row);
    assert!(logged("frozen meters of hotel H001: 6 of 6 (last moved 2023-04-10 13:00:00): ") > 0);
    // Not again, neither after a start nor when it goes silent on top of it.
    instance.stop();
    let mut instance = Instance::start(&rig, 180);
    for minutes in [180, 210] {
        instance.pass(minutes + 1, || read_on(&rig, 101..107, minutes, 200));
    }
    instance.wait([240, 270, 300, 320, 350]);
    assert_eq!(notices(&rig), rows(&[("H001", "frozen")]));
    assert_eq!(rig.rows::<(String, String, String)>(stored), row);
    // Some move, then most.
    instance.pass(361, || {
        read_on(&rig, 101..105, 360, 900);
        read_on(&rig, 105..107, 360, 200);
    });
    assert_eq!(notices(&rig).len(), 1);
    instance.pass(391, || read_on(&rig, 101..106, 390, 1_000));
    assert_eq!(
        notices(&rig),
        rows(&[("H001", "frozen"), ("H001", "moving")])
    );
    let row = [("H001".to_owned(), at(391).to_string(), "moved".to_owned())];
    assert_eq!(rig.rows::<(String, String, String)>(stored), row);
    instance.pass(421, || read_on(&rig, 101..107, 420, 1_100));
    assert_eq!(notices(&rig).len(), 2);
    instance.stop();
    rig.finish();
}

/// Records a notice of a run of a vacant room that began 320 minutes before `now`, as if it ended
/// by a register that stood still.
fn record(rig: &Rig, room: &str, kind: NoticeKind, now: LocalTime) {
    let ago = |minutes: i64| now.plus(-60 * minutes);
    let notice = RoomNotice {
        kind,
        room: RoomKey::new("H001", room),
        watch: 1,
        rule: Rule::Fixed,
        stay: Stay::Vacant {
            actual_checkin: None,
            actual_checkout: ago(330),
        },
        detected: ago(160),
        since: ago(320),
        until: None,
        periods: 4,
        energy: WattHours(8_000),
        threshold: WattHours(1_500),
        unusual: None,
        incident: None,
        // So the hotel is waited for only this long when it moves.
        interval_seconds: 1,
        before: Vec::new(),
        history: vec![Interval::new(1_800, Some(WattHours::ZERO))],
        handling: None,
    };
    let detected = notice.detected;
    let body = serde_json::to_string(&Notice::Room(notice)).expect("JSON");
    rig.execute(&format!(
        "INSERT INTO notification (hotel_id, room_number, detected_time, kind, body) \
         VALUES ('H001', '{room}', '{detected}', '{}', '{body}')",
        kind.as_str()
    ));
}

#[test]
fn the_age_of_a_held_recovery_counts_from_its_release_after_a_restart() {
    let mut rig = Rig::new("aged");
    let now = minutes_ago(0);
    record(&rig, "101", NoticeKind::Recovered, now);
    record(&rig, "102", NoticeKind::Alert, now);
    rig.execute("UPDATE notification SET created_at = NOW() - INTERVAL 40 HOUR");
    rig.execute(&format!(
        "INSERT INTO silent_hotel (hotel_id, since, kind) VALUES ('H001', '{}', 'moved')",
        now.plus(-300)
    ));
    let service = rig.start();
    rig.wait_for_rows(
        "SELECT CONCAT_WS(' ', kind, room_number, state) FROM notification ORDER BY kind",
        &["alert 102 expired", "recovered 101 sent"].map(str::to_owned),
    );
    service.stop();
    rig.finish();
}

#[test]
fn recoveries_of_a_frozen_hotel_wait_until_it_moves() {
    let mut rig = Rig::new("held");
    let now = minutes_ago(0);
    let ago = |minutes: i64| now.plus(-60 * minutes);
    let left = ago(330);
    let rooms = ["101", "102", "103"].map(|room| check_out("H001", room, left));
    rig.publish(rooms.iter().map(String::as_str));
    let read = |rig: &Rig, room: &str, minutes: i64, register: &str| {
        rig.meter("H001", room, &ago(minutes).to_string(), register);
    };
    for minutes in [160, 130] {
        for room in ["101", "102", "103"] {
            read(&rig, room, minutes, "100");
        }
    }
    rig.execute(&format!(
        "INSERT INTO silent_hotel (hotel_id, since, kind) VALUES ('H001', '{}', 'frozen')",
        ago(250)
    ));
    for room in ["101", "103"] {
        record(&rig, room, NoticeKind::Recovered, now);
    }
    record(&rig, "102", NoticeKind::Alert, now);
    const STATES: &str = "SELECT CONCAT_WS(' ', kind, room_number, state) FROM notification \
                          ORDER BY kind, room_number";
    let states = |states: &[&str]| -> Vec<String> {
        states.iter().map(|state| (*state).to_owned()).collect()
    };
    let service = rig.start();
    let held = states(&[
        "alert 102 sent",
        "recovered 101 pending",
        "recovered 103 pending",
    ]);
    rig.wait_for_rows(STATES, &held);
    rig.wait_for_rows(
        "SELECT DISTINCT CAST(seen_time AS CHAR) FROM room_state",
        &[ago(130).to_string()],
    );
    service.stop();
    // Nor after a start. Then it moves: in 101 little was used, in 103 much.
    let service = rig.start();
    service.wait_for_sweeps();
    assert_eq!(rig.rows::<String>(STATES), held);
    read(&rig, "101", 10, "100.1");
    read(&rig, "102", 10, "100.1");
    read(&rig, "103", 10, "112");
    rig.wait_for_rows(
        STATES,
        &states(&[
            "alert 102 sent",
            "alert 103 sent",
            "moving  sent",
            "recovered 101 sent",
            "recovered 103 withdrawn",
        ]),
    );
    let green = |card: &str| card.contains("已恢复正常") && card.contains("103");
    let cards: Vec<String> = (rig.feishu.received().iter())
        .map(|received| message_text(&received.body))
        .collect();
    assert!(!cards.iter().any(|card| green(card)), "{cards:#?}");
    service.stop();
    rig.finish();
}
