//! The archive: past stays and readings.

use roomwatt::engine::{Opening, RoomState, RoomStatus, Rules, StatusChange, Statuses, Stay};
use roomwatt::store::Span;
use roomwatt::types::{LocalTime, Reading, RoomKey};

use crate::subject::{Subject, commit};
use crate::{at, on_each_store, reading, vacant};

fn stays_come_in_the_order_they_were_written(subject: &Subject) {
    let (room, other) = (RoomKey::new("H1", "A1"), RoomKey::new("H1", "a1"));
    let occupied = Stay::Occupied {
        check_in: at(60),
        expected_checkout: Some(at(900)),
    };
    let left = Stay::Vacant {
        actual_checkin: Some(at(60)),
        actual_checkout: at(800),
    };
    let openings = [
        (&room, vacant(0)),
        (&other, occupied),
        (&room, occupied),
        (&room, left),
    ];
    commit(&mut subject.owner(), |plan| {
        let openings = openings.map(|(room, stay)| {
            (
                room.clone(),
                Opening {
                    stay,
                    initial: None,
                },
            )
        });
        plan.openings = openings.to_vec();
    });
    let mut archive = subject.database.archive();
    let mut stays = |of: Option<&RoomKey>, to: LocalTime| {
        let mut found = Vec::new();
        archive
            .stays(of, to, &mut |room, stay| found.push((room, stay)))
            .expect("stays");
        found
    };
    let all = openings.map(|(room, stay)| (room.clone(), stay));
    assert_eq!(stays(None, LocalTime::LAST), all);
    assert_eq!(stays(None, at(799)), all[..3]);
    assert_eq!(stays(Some(&other), LocalTime::LAST), all[1..2]);
    assert_eq!(stays(Some(&room), at(0)), all[..1]);
    assert_eq!(stays(Some(&RoomKey::new("H2", "A1")), at(0)), []);
}

fn readings_with_the_same_time_come_in_the_order_they_were_stored(subject: &Subject) {
    let (room, other) = (RoomKey::new("H1", "A1"), RoomKey::new("H1", "a1"));
    let rows = [
        (&room, reading(60, 1_000)),
        (&other, reading(30, 2_000)),
        (&room, reading(0, 3_000)),
        (&room, reading(60, 4_000)),
        (&room, reading(90, 5_000)),
    ];
    subject.add(&rows);
    // An embedded store keeps only the first of a room's readings with the same time.
    let kept_of = |registers: &[i64]| -> Vec<i64> {
        let kept = registers
            .iter()
            .filter(|r| **r != 4_000 || !subject.is_file());
        kept.copied().collect()
    };
    let mut archive = subject.database.archive();
    let mut readings = |of: Option<&RoomKey>, after: i64, to: i64| {
        let mut found: Vec<(RoomKey, Reading)> = Vec::new();
        let span = Span {
            after: at(after),
            to: at(to),
        };
        let invalid = archive.readings(of, span, &mut |room, reading| found.push((room, reading)));
        assert_eq!(invalid.expect("readings"), 0);
        // The sort is stable: the store promises an order only for readings with the same time.
        found.sort_by_key(|(room, reading)| (room.clone(), reading.time));
        let registers = found.iter().map(|(_, reading)| reading.register.0);
        registers.collect::<Vec<i64>>()
    };
    assert_eq!(
        readings(None, -1, 90),
        kept_of(&[3_000, 1_000, 4_000, 5_000, 2_000])
    );
    assert_eq!(readings(None, 0, 60), kept_of(&[1_000, 4_000, 2_000]));
    assert_eq!(
        readings(Some(&room), -1, 60),
        kept_of(&[3_000, 1_000, 4_000])
    );
    assert_eq!(readings(Some(&other), -1, 90), [2_000]);
    assert_eq!(readings(Some(&room), 90, 900), [0; 0]);
}

fn what_is_remembered_of_a_rooms_status_is_given(subject: &Subject) {
    let [room, other, third] = ["A1", "a1", "B1"].map(|number| RoomKey::new("H1", number));
    let mut state = RoomState::new(vacant(0), &Rules::default());
    state.statuses.add(StatusChange {
        at: at(60),
        status: RoomStatus::OutOfOrder {
            until: Some(at(900)),
        },
    });
    let statuses = state.statuses.clone();
    commit(&mut subject.owner(), |plan| {
        let of_third = RoomState::new(vacant(0), &Rules::default());
        plan.rooms = vec![(room.clone(), state), (third.clone(), of_third)];
    });
    let known = |of: Option<&RoomKey>| {
        let mut known = Vec::new();
        let mut archive = subject.database.archive();
        let read = archive.statuses(of, &mut |room, statuses| known.push((room, statuses)));
        read.expect("statuses");
        known.sort_by(|(one, _), (other, _)| one.cmp(other));
        known
    };
    let of_room = (room.clone(), statuses);
    assert_eq!(known(Some(&room)), std::slice::from_ref(&of_room));
    assert_eq!(known(Some(&other)), []);
    assert_eq!(known(None), [of_room, (third, Statuses::default())]);
    // Before `init-db`.
    subject.execute("DROP TABLE room_state");
    if !subject.is_file() {
        assert_eq!(known(Some(&room)), []);
        assert_eq!(known(None), []);
    }
}

on_each_store!(
    what_is_remembered_of_a_rooms_status_is_given,
    stays_come_in_the_order_they_were_written,
    readings_with_the_same_time_come_in_the_order_they_were_stored,
);
