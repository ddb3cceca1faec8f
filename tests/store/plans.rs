//! What a commit writes to the tables, and what the next instance reads from them.

use std::collections::BTreeMap;

use roomwatt::engine::baseline::HotelMemory;
use roomwatt::engine::{
    DayEnergy, HotelState, MeterNotice, MeterNoticeKind, MeterTrouble, Notice, NoticeKind, Opening,
    RoomState, Stay,
};
use roomwatt::store::{Settled, Settlement, StateStore};
use roomwatt::types::{HotelId, RoomKey, WattHours};

use crate::subject::{Subject, commit};
use crate::{at, notice, on_each_store, reading, vacant};

fn each_watch_has_a_row_with_the_times_of_its_messages(subject: &Subject) {
    let mut store = subject.owner();
    let room = RoomKey::new("H1", "A1");
    let other = RoomKey::new("H1", "a1");
    let arrived = |expected: Option<i64>| Stay::Occupied {
        check_in: at(0),
        expected_checkout: expected.map(at),
    };
    let opening = |stay, initial| Opening { stay, initial };
    commit(&mut store, |plan| {
        let left = Stay::Vacant {
            actual_checkin: Some(at(-600)),
            actual_checkout: at(30),
        };
        plan.openings = vec![
            (room.clone(), opening(arrived(None), None)),
            (other.clone(), opening(arrived(None), None)),
            (room.clone(), opening(left, Some(reading(20, 1_230)))),
        ];
    });
    commit(&mut store, |plan| {
        let found = opening(arrived(None), Some(reading(5, 1_000)));
        let leaves_later = opening(arrived(Some(900)), found.initial);
        plan.rewritten = vec![
            (room.clone(), arrived(None), found),
            (room.clone(), arrived(None), leaves_later),
        ];
    });
    let columns = [
        "check_in_time",
        "expected_checkout_time",
        "actual_checkin_time",
        "actual_checkout_time",
        "monitoring_start_time",
    ];
    let columns = columns.map(|column| format!("coalesce({}, '-')", subject.time(column)));
    let initial = if subject.is_file() {
        "coalesce(initial_wh, '-')"
    } else {
        "coalesce(CAST(initial_reading * 1000 AS SIGNED), '-')"
    };
    let rows = subject.rows(&format!(
        "SELECT concat_ws(' ', room_number, msg_type, {initial}, {}) \
         FROM electricity_monitoring ORDER BY id",
        columns.join(", ")
    ));
    assert_eq!(
        rows,
        [
            "A1 checkin 1000 2023-04-10 12:00:00 2023-04-11 03:00:00 - - 2023-04-10 12:05:00",
            "a1 checkin - 2023-04-10 12:00:00 - - - -",
            "A1 checkout 1230 - - 2023-04-10 02:00:00 2023-04-10 12:30:00 2023-04-10 12:20:00",
        ]
    );
}

fn what_should_never_have_been_is_rewritten_back_to_the_last_watch(subject: &Subject) {
    let mut store = subject.owner();
    let room = RoomKey::new("H1", "A1");
    let occupied = |minutes| Stay::Occupied {
        check_in: at(minutes),
        expected_checkout: None,
    };
    let row = |stay| {
        let initial = None;
        (room.clone(), Opening { stay, initial })
    };
    let stays = [
        vacant(-60),
        vacant(0),
        occupied(0),
        vacant(30),
        vacant(40),
        occupied(40),
        occupied(60),
    ];
    commit(&mut store, |plan| plan.openings = stays.map(row).into());
    commit(&mut store, |plan| {
        // First back from a check-out to a check-in, then to a check-out; of one time the check-out
        // comes first. What begins with the same plan is not meant.
        plan.rewritten = [(vacant(40), occupied(0)), (occupied(60), vacant(50))]
            .map(|(was, by)| (room.clone(), was, row(by).1))
            .into();
        plan.openings = vec![row(occupied(55))];
    });
    let times = ["check_in_time", "actual_checkout_time"];
    let times = times.map(|column| format!("coalesce({}, '-')", subject.time(column)));
    let rows = subject.rows(&format!(
        "SELECT concat_ws(' ', msg_type, {}) FROM electricity_monitoring ORDER BY id",
        times.join(", ")
    ));
    let wanted = [
        "checkout - 2023-04-10 11:00:00",
        "checkout - 2023-04-10 12:00:00",
        "checkin 2023-04-10 12:00:00 -",
        "checkin 2023-04-10 12:00:00 -",
        "checkin 2023-04-10 12:00:00 -",
        "checkin 2023-04-10 12:40:00 -",
        "checkout - 2023-04-10 12:50:00",
        "checkin 2023-04-10 12:55:00 -",
    ];
    assert_eq!(rows, wanted);
}

const ABNORMAL: &str = "SELECT concat_ws(' ', room_number, msg_type, continuous_periods, \
                        is_notified) FROM electricity_abnormal ORDER BY id";
const OUTBOX: &str = "SELECT concat_ws(' ', room_number, kind, state, coalesce(error, '-'), \
     sent_at IS NOT NULL) FROM notification ORDER BY id";

fn an_alert_is_marked_as_notified_when_it_was_sent_and_not_before(subject: &Subject) {
    let mut store = subject.owner();
    let (room, other) = (RoomKey::new("H1", "A1"), RoomKey::new("H1", "a1"));
    commit(&mut store, |plan| {
        plan.notices = vec![
            notice(NoticeKind::Alert, &room, 120),
            notice(NoticeKind::Alert, &other, 120),
            notice(NoticeKind::Reminder, &room, 240),
            notice(NoticeKind::Recovered, &room, 300),
            // After a correction of the stay's time by seconds there is a second row.
            notice(NoticeKind::Alert, &room, 120),
        ];
    });
    let alerts = |notified: [u8; 3]| -> Vec<String> {
        let rows = ["A1", "a1", "A1"].iter().zip(notified);
        rows.map(|(room, notified)| format!("{room} checkout 4 {notified}"))
            .collect()
    };
    assert_eq!(subject.rows(ABNORMAL), alerts([0, 0, 0]));
    let sent = |minutes, kind, room| Settlement::Sent(notice(kind, room, minutes));
    let settle = |store: &mut Box<dyn StateStore>, id: u64, how: Settlement| {
        commit(store, |plan| plan.settled = vec![Settled { id, how }]);
    };
    settle(&mut store, 3, sent(240, NoticeKind::Reminder, &room));
    settle(&mut store, 4, Settlement::Failed("no".into()));
    assert_eq!(subject.rows(ABNORMAL), alerts([0, 0, 0]));
    settle(&mut store, 1, sent(120, NoticeKind::Alert, &room));
    assert_eq!(subject.rows(ABNORMAL), alerts([1, 0, 0]));
    settle(&mut store, 1, sent(120, NoticeKind::Alert, &room));
    assert_eq!(subject.rows(ABNORMAL), alerts([1, 0, 0]), "settled twice");
    settle(&mut store, 5, sent(120, NoticeKind::Alert, &room));
    assert_eq!(subject.rows(ABNORMAL), alerts([1, 0, 1]));
    settle(&mut store, 2, Settlement::Expired);
    settle(&mut store, 2, sent(120, NoticeKind::Alert, &other));
    assert_eq!(subject.rows(ABNORMAL), alerts([1, 0, 1]), "it had expired");
    assert_eq!(
        subject.rows(OUTBOX),
        [
            "A1 alert sent - 1",
            "a1 alert expired - 0",
            "A1 reminder sent - 1",
            "A1 recovered failed no 0",
            "A1 alert sent - 1",
        ]
    );
}

fn the_meter_trouble_that_was_notified_is_stored_per_hotel(subject: &Subject) {
    let troubles = || {
        let mut troubles = Vec::new();
        let mut store = subject.database.store();
        store
            .load_meter_troubles(&mut |hotel, trouble| troubles.push((hotel.to_string(), trouble)))
            .expect("hotels");
        troubles.sort_by(|(one, _), (other, _)| one.cmp(other));
        troubles
    };
    let meters = |kind, hotel, since| {
        Notice::Meters(MeterNotice {
            kind,
            hotel_id: HotelId::new(hotel),
            detected: at(0),
            since,
            silent: 5,
            watched: 8,
            rooms: Vec::new(),
            handling: None,
        })
    };
    let mut store = subject.owner();
    commit(&mut store, |plan| {
        plan.notices = vec![
            meters(MeterNoticeKind::Silent, "h1", Some(at(-90))),
            meters(MeterNoticeKind::Silent, "H1", None),
            meters(MeterNoticeKind::Silent, "H2", Some(at(-60))),
            meters(MeterNoticeKind::Frozen, "H3", Some(at(-100))),
        ];
    });
    let is = |hotel: &str, trouble| (hotel.to_owned(), trouble);
    let upper = is("H1", MeterTrouble::Silent(None));
    let lower = is("h1", MeterTrouble::Silent(Some(at(-90))));
    let second = is("H2", MeterTrouble::Silent(Some(at(-60))));
    let third = is("H3", MeterTrouble::Frozen(at(-100)));
    assert_eq!(
        troubles(),
        [upper.clone(), second, third.clone(), lower.clone()]
    );
    commit(&mut store, |plan| {
        plan.notices = vec![meters(MeterNoticeKind::Reporting, "H2", None)];
    });
    assert_eq!(troubles(), [upper.clone(), third, lower.clone()]);
    commit(&mut store, |plan| {
        plan.notices = vec![meters(MeterNoticeKind::Moving, "H3", Some(at(-100)))];
    });
    let third = is("H3", MeterTrouble::Moved(at(0)));
    assert_eq!(troubles(), [upper, third, lower]);
}

fn what_is_remembered_of_a_hotel_is_stored(subject: &Subject) {
    let hotels = || {
        let mut hotels = BTreeMap::new();
        let mut store = subject.database.store();
        store
            .load_hotels(&mut |hotel, memory| {
                hotels.insert(hotel, memory);
            })
            .expect("hotels");
        hotels
    };
    let is = |hotel: &str, rise: Option<i64>, level: Option<i64>, wh: Option<i64>| {
        let [rise, level] = [rise, level].map(|minutes| minutes.map(at));
        let energy = wh.map(|wh| DayEnergy::of_interval(at(wh), WattHours(wh)));
        let state = HotelState {
            memory: HotelMemory { rise, level },
            energy: energy.unwrap_or_default(),
        };
        (HotelId::new(hotel), state)
    };
    assert_eq!(hotels(), BTreeMap::new());
    let mut store = subject.owner();
    let first = [
        is("H1", Some(0), None, None),
        is("h1", None, Some(30), Some(0)),
        is("H2", Some(-30), Some(0), Some(1 << 40)),
    ];
    commit(&mut store, |plan| plan.hotels = first.clone().into());
    assert_eq!(hotels(), first.clone().into());
    let later = is("H1", Some(60), Some(90), Some(-20));
    commit(&mut store, |plan| plan.hotels = [later.clone()].into());
    let [_, lower, second] = first;
    assert_eq!(hotels(), [later, lower, second].into());
}

fn a_plan_is_written_whole_or_not_at_all(subject: &Subject) {
    let mut store = subject.owner();
    let room = RoomKey::new("H1", "101");
    let state = RoomState::new(vacant(0), &roomwatt::engine::Rules::default());
    // The last statement of the transaction fails.
    subject.execute(if subject.is_file() {
        "CREATE TRIGGER no BEFORE UPDATE ON service WHEN NEW.seq <> OLD.seq \
         BEGIN SELECT raise(ABORT, 'not now'); END"
    } else {
        "CREATE TRIGGER no BEFORE UPDATE ON service FOR EACH ROW \
         SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not now'"
    });
    let plan = roomwatt::store::Plan {
        rooms: vec![(room.clone(), state.clone())],
        notices: vec![notice(NoticeKind::Alert, &room, 120)],
        hotels: [(HotelId::new("H1"), HotelState::default())].into(),
        ..Default::default()
    };
    let refused = store.commit(&plan).expect_err("the trigger refuses");
    assert!(refused.to_string().contains("not now"), "{refused}");
    assert_eq!((subject.rooms(), subject.rows(OUTBOX).len()), (vec![], 0));
    assert_eq!(subject.rows("SELECT hotel_id FROM hotel_state"), [""; 0]);
    subject.execute("DROP TRIGGER no");
    store.commit(&plan).expect("written");
    assert_eq!(subject.rooms(), [(room, state)]);
    assert_eq!(subject.rows(OUTBOX).len(), 1);
    assert_eq!(subject.rows("SELECT hotel_id FROM hotel_state"), ["H1"]);
}

on_each_store!(
    each_watch_has_a_row_with_the_times_of_its_messages,
    what_should_never_have_been_is_rewritten_back_to_the_last_watch,
    an_alert_is_marked_as_notified_when_it_was_sent_and_not_before,
    the_meter_trouble_that_was_notified_is_stored_per_hotel,
    what_is_remembered_of_a_hotel_is_stored,
    a_plan_is_written_whole_or_not_at_all,
);
