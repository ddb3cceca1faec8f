//! Thresholds with the time since when they hold.

use roomwatt::engine::{Rules, Thresholds};
use roomwatt::store::{Store, StoreError, Threshold};
use roomwatt::types::{HotelId, Kind, LocalTime, RoomKey, WattHours};

use crate::subject::Subject;
use crate::{at, on_each_store};

const ROWS: &str = "SELECT concat_ws(' ', hotel_id, room_number, msg_type, coalesce(wh, '-')) \
                    FROM threshold ORDER BY since, hotel_id, room_number, msg_type";

fn own(checkout: i64) -> Thresholds<Option<WattHours>> {
    Thresholds {
        checkin: None,
        checkout: Some(WattHours(checkout)),
    }
}

/// What was in force in a room while it was vacant: minutes after noon and Wh.
fn in_force(subject: &Subject, room: &RoomKey, to: LocalTime) -> Vec<(i64, i64)> {
    let mut archive = subject.database.archive();
    let found = archive.thresholds(room, Kind::Checkout, to);
    let step = |it: &Threshold| (it.since.since(at(0)) / 60, it.energy.0);
    found.expect("thresholds").iter().map(step).collect()
}

fn thresholds_are_recorded_when_they_change(subject: &Subject) {
    let mut store = subject.owner();
    let (room, other) = (RoomKey::new("H1", "A1"), RoomKey::new("H1", "a1"));
    let mut rules = Rules::default();
    let mut record = |rules: &Rules, since| store.record_thresholds(rules, since).expect("written");
    assert_eq!(record(&rules, at(0)), 2);
    assert_eq!(record(&rules, at(10)), 0, "nothing has changed");
    rules.hotel_thresholds.insert(HotelId::new("H1"), own(800));
    rules.room_thresholds.insert(room.clone(), own(300));
    assert_eq!(record(&rules, at(20)), 2);
    rules.hotel_thresholds.clear();
    assert_eq!(record(&rules, at(30)), 1);
    assert_eq!(record(&rules, at(40)), 0, "it is known to be gone");
    assert_eq!(
        subject.rows(ROWS),
        [
            "  checkin 2000",
            "  checkout 1500",
            "H1  checkout 800",
            "H1 A1 checkout 300",
            "H1  checkout -",
        ]
    );
    let last = LocalTime::LAST;
    assert_eq!(in_force(subject, &room, last), [(0, 1_500), (20, 300)]);
    let of_other = [(0, 1_500), (20, 800), (30, 1_500)];
    assert_eq!(in_force(subject, &other, last), of_other);
    assert_eq!(in_force(subject, &other, at(29)), of_other[..2]);
    assert_eq!(in_force(subject, &other, at(-1)), []);

    let mut second = subject.owner();
    let refused = store.record_thresholds(&rules, at(50));
    let refused = refused.expect_err("it was replaced");
    assert!(matches!(refused, StoreError::Replaced { .. }), "{refused}");
    assert_eq!(second.record_thresholds(&rules, at(50)).expect("kept"), 0);
}

fn a_rooms_thresholds_are_read_by_key_among_many(subject: &Subject) {
    let mut store = subject.owner();
    let mut rules = Rules::default();
    let room = |number: usize| RoomKey::new("H1", &format!("{number:05}"));
    let numbered = (0..10_000).map(|number| (room(number), own(300)));
    rules.room_thresholds = numbered.collect();
    store.record_thresholds(&rules, at(0)).expect("written");
    let rows = subject.rows_read(|| {
        assert_eq!(in_force(subject, &room(77), at(60)), [(0, 300)]);
    });
    assert!(
        rows.is_none_or(|rows| (1..20).contains(&rows)),
        "{rows:?} rows were read"
    );
}

on_each_store!(
    thresholds_are_recorded_when_they_change,
    a_rooms_thresholds_are_read_by_key_among_many,
);
