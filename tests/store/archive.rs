//! The archive: past stays and readings.

use roomwatt::engine::{Opening, RoomState, RoomStatus, Rules, StatusChange, Statuses, Stay};
use roomwatt::store::{Scope, Span};
use roomwatt::types::{HotelId, LocalTime, Reading, RoomKey};

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
    let elsewhere = RoomKey::new("H2", "A1");
    let openings = [
        (&room, vacant(0)),
        (&other, occupied),
        (&room, occupied),
        (&room, left),
        (&elsewhere, left),
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
    let mut stays = |of: Scope<'_>, to: LocalTime| {
        let mut found = Vec::new();
        archive
            .stays(of, to, &mut |room, stay| found.push((room, stay)))
            .expect("stays");
        found
    };
    let all = openings.map(|(room, stay)| (room.clone(), stay));
    assert_eq!(stays(Scope::All, LocalTime::LAST), all);
    assert_eq!(stays(Scope::All, at(799)), all[..3]);
    assert_eq!(stays(Scope::Room(&other), LocalTime::LAST), all[1..2]);
    assert_eq!(stays(Scope::Room(&room), at(0)), all[..1]);
    assert_eq!(stays(Scope::Room(&RoomKey::new("H3", "A1")), at(0)), []);
    let [of_hotel, small, none] = ["H1", "h1", "H3"].map(HotelId::new);
    assert_eq!(stays(Scope::Hotel(&of_hotel), LocalTime::LAST), all[..4]);
    assert_eq!(stays(Scope::Hotel(&of_hotel), at(799)), all[..3]);
    assert_eq!(stays(Scope::Hotel(&small), LocalTime::LAST), []);
    assert_eq!(stays(Scope::Hotel(&none), LocalTime::LAST), []);
}

fn readings_with_the_same_time_come_in_the_order_they_were_stored(subject: &Subject) {
    let (room, other) = (RoomKey::new("H1", "A1"), RoomKey::new("H1", "a1"));
    let elsewhere = RoomKey::new("H2", "A1");
    let rows = [
        (&room, reading(60, 1_000)),
        (&other, reading(30, 2_000)),
        (&room, reading(0, 3_000)),
        (&room, reading(60, 4_000)),
        (&room, reading(90, 5_000)),
        (&elsewhere, reading(60, 6_000)),
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
    let mut readings = |of: Scope<'_>, after: i64, to: i64| {
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
        readings(Scope::All, -1, 90),
        kept_of(&[3_000, 1_000, 4_000, 5_000, 2_000, 6_000])
    );
    assert_eq!(
        readings(Scope::All, 0, 60),
        kept_of(&[1_000, 4_000, 2_000, 6_000])
    );
    assert_eq!(
        readings(Scope::Room(&room), -1, 60),
        kept_of(&[3_000, 1_000, 4_000])
    );
    assert_eq!(readings(Scope::Room(&other), -1, 90), [2_000]);
    assert_eq!(readings(Scope::Room(&room), 90, 900), [0; 0]);
    let [of_hotel, small, none] = ["H1", "h1", "H3"].map(HotelId::new);
    assert_eq!(
        readings(Scope::Hotel(&of_hotel), 0, 60),
        kept_of(&[1_000, 4_000, 2_000])
    );
    assert_eq!(readings(Scope::Hotel(&small), -1, 90), [0; 0]);
    assert_eq!(readings(Scope::Hotel(&none), -1, 90), [0; 0]);
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
        let elsewhere = (RoomKey::new("H2", "A1"), of_third.clone());
        plan.rooms = vec![(room.clone(), state), (third.clone(), of_third), elsewhere];
    });
    let elsewhere = RoomKey::new("H2", "A1");
    let known = |of: Scope<'_>| {
        let mut known = Vec::new();
        let mut archive = subject.database.archive();
        let read = archive.statuses(of, &mut |room, statuses| known.push((room, statuses)));
        read.expect("statuses");
        known.sort_by(|(one, _), (other, _)| one.cmp(other));
        known
    };
    let of_room = (room.clone(), statuses);
    assert_eq!(known(Scope::Room(&room)), std::slice::from_ref(&of_room));
    assert_eq!(known(Scope::Room(&other)), []);
    let [third, elsewhere] = [third, elsewhere].map(|room| (room, Statuses::default()));
    let of_hotel = [of_room.clone(), third.clone()];
    assert_eq!(known(Scope::Hotel(&HotelId::new("H1"))), of_hotel);
    assert_eq!(known(Scope::Hotel(&HotelId::new("h1"))), []);
    assert_eq!(known(Scope::All), [of_room, third, elsewhere]);
    // Before `init-db`.
    subject.execute("DROP TABLE room_state");
    if !subject.is_file() {
        assert_eq!(known(Scope::Room(&room)), []);
        assert_eq!(known(Scope::All), []);
    }
}

on_each_store!(
    what_is_remembered_of_a_rooms_status_is_given,
    stays_come_in_the_order_they_were_written,
    readings_with_the_same_time_come_in_the_order_they_were_stored,
);
