//! Reading the meters: the stream of new rows, and single rooms by key.

use std::collections::HashMap;
use std::time::Instant;

use roomwatt::frontier::Frontier;
use roomwatt::store::{MeterTail, Meters, Position, Reader, Wanted};
use roomwatt::types::{LocalTime, Reading, RoomKey, WattHours};

use crate::subject::Subject;
use crate::{at, on_each_store, reading};

/// The registers that one sweep shows, in passes of two rows, and the number of invalid rows.
fn sweep(reader: &dyn Reader, tail: &mut MeterTail, latest: LocalTime) -> (Vec<i64>, u64) {
    let (mut shown, mut invalid, mut from) = (Vec::new(), 0, None);
    tail.begin(Instant::now());
    loop {
        let rows = reader
            .stream_new(tail, from, 2, latest, &mut |_, reading| {
                shown.push(reading.register.0);
            })
            .expect("a stream");
        invalid += rows.invalid;
        from = rows.next;
        if from.is_none() {
            tail.end();
            return (shown, invalid);
        }
    }
}

fn new_rows_are_streamed_in_the_order_they_came(subject: &Subject) {
    let reader = subject.database.reader();
    let (room, other) = (RoomKey::new("H1", "A1"), RoomKey::new("H1", "a1"));
    let latest = at(600);
    let mut tail = reader
        .meter_tail(Some(Position::Id(0)), latest, Instant::now())
        .expect("a tail");
    assert_eq!(sweep(&*reader, &mut tail, latest), (vec![], 0));
    subject.add(&[
        (&room, reading(60, 1_000)),
        (&other, reading(30, 2_000)),
        (&room, reading(601, 3_000)),
        (&room, reading(0, 4_000)),
        (&room, reading(90, 5_000)),
    ]);
    // The reading ahead of now is invalid.
    assert_eq!(
        sweep(&*reader, &mut tail, latest),
        (vec![1_000, 2_000, 4_000, 5_000], 1)
    );
    assert_eq!(tail.read_to(), Position::Id(5));
    subject.add(&[(&room, reading(120, 6_000))]);
    let (again, invalid) = sweep(&*reader, &mut tail, latest);
    assert_eq!((again.last(), invalid), (Some(&6_000), 0));
    // A server's rows may commit late, so they are read again for a while; a file's are not.
    assert_eq!(again.len(), if subject.is_file() { 1 } else { 5 });
    assert_eq!(
        tail.settled(),
        Position::Id(if subject.is_file() { 6 } else { 0 })
    );
    let mut next = reader
        .meter_tail(Some(Position::Id(4)), latest, Instant::now())
        .expect("a tail");
    assert_eq!(sweep(&*reader, &mut next, latest).0, [5_000, 6_000]);
}

fn registers(found: &HashMap<RoomKey, Vec<Reading>>, room: &RoomKey) -> Vec<i64> {
    found[room]
        .iter()
        .map(|reading| reading.register.0)
        .collect()
}

fn single_rooms_are_read_by_key_and_time(subject: &Subject) {
    let reader = subject.database.reader();
    let (room, other) = (RoomKey::new("H1", "A1"), RoomKey::new("H1", "a1"));
    let nowhere = RoomKey::new("H2", "A1");
    // Ids 1 to 6. Two have the same time: in a file only the first of them is kept.
    subject.add(&[
        (&room, reading(60, 1_000)),
        (&room, reading(0, 2_000)),
        (&other, reading(30, 3_000)),
        (&room, reading(60, 4_000)),
        (&room, reading(90, 5_000)),
        (&room, reading(700, 6_000)),
    ]);
    let wanted = |after: i64, until: LocalTime| -> Vec<Wanted> {
        let rooms = [&room, &other, &nowhere];
        rooms
            .map(|room| Wanted {
                room: room.clone(),
                after: at(after),
                until,
            })
            .to_vec()
    };
    let latest = at(600);
    let of = |registers: &[i64]| -> Vec<i64> {
        let kept = registers
            .iter()
            .filter(|r| **r != 4_000 || !subject.is_file());
        kept.copied().collect()
    };
    let all = wanted(-1, LocalTime::LAST);
    let found = reader.readings_up_to(&all, latest, None).expect("readings");
    assert_eq!(found.len(), 3);
    assert_eq!(registers(&found, &room), of(&[2_000, 1_000, 4_000, 5_000]));
    assert_eq!(registers(&found, &other), [3_000]);
    assert_eq!(registers(&found, &nowhere), [0; 0]);
    let found = reader.readings_up_to(&wanted(60, LocalTime::LAST), latest, None);
    assert_eq!(registers(&found.expect("readings"), &room), [5_000]);
    let found = reader.readings_up_to(&all, latest, Some(Position::Id(2)));
    let found = found.expect("readings");
    assert_eq!(registers(&found, &room), [2_000, 1_000]);
    assert_eq!(registers(&found, &other), [0; 0]);
    // Rows that sweeps have passed, and of the others those before the stay.
    let found = reader.readings(
        &wanted(-1, at(60)),
        latest,
        Frontier::new(Some(Position::Id(1))),
    );
    assert_eq!(
        registers(&found.expect("readings"), &room),
        of(&[2_000, 1_000, 4_000])
    );
    let found = reader.readings(&wanted(-1, at(-5)), latest, Frontier::default());
    assert_eq!(registers(&found.expect("readings"), &room), [0; 0]);
    assert!(
        reader
            .readings(&[], latest, Frontier::new(Some(Position::Id(9))))
            .expect("none")
            .is_empty()
    );
}

fn many_rooms_are_read_at_once(subject: &Subject) {
    let reader = subject.database.reader();
    let rooms: Vec<RoomKey> = (0..900)
        .map(|n| RoomKey::new("H1", &n.to_string()))
        .collect();
    let rows: Vec<(&RoomKey, Reading)> = rooms
        .iter()
        .step_by(3)
        .enumerate()
        .map(|(n, room)| (room, reading(0, 10 * n as i64)))
        .collect();
    subject.add(&rows);
    let wanted: Vec<Wanted> = rooms
        .iter()
        .map(|room| Wanted {
            room: room.clone(),
            after: at(-30),
            until: LocalTime::LAST,
        })
        .collect();
    let found = reader
        .readings_up_to(&wanted, at(60), None)
        .expect("readings");
    assert_eq!((found.len(), found.values().flatten().count()), (900, 300));
    assert_eq!(found[&rooms[297]], [reading(0, 990)]);
    assert!(found[&rooms[298]].is_empty());
    assert_eq!(found[&rooms[0]][0].register, WattHours::ZERO);
}

on_each_store!(
    new_rows_are_streamed_in_the_order_they_came,
    single_rooms_are_read_by_key_and_time,
    many_rooms_are_read_at_once,
);
