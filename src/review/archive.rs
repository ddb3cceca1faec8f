//! The past from the database.

use crate::engine::Rules;
use crate::store::{Archive, Span, StoreError};
use crate::types::{LocalTime, RoomKey};

use super::{Counts, Past};

/// Reads what is kept of all rooms in a span: stays that began in it and of each room the one
/// before, and the readings that `rules` need for them. Memory: 16 bytes a reading.
///
/// # Errors
/// Any [`StoreError`] of the connection or its tables.
pub fn read_archive(
    archive: &mut dyn Archive,
    from: LocalTime,
    to: LocalTime,
    rules: &[Rules],
) -> Result<(Past, Counts), StoreError> {
    let mut past = Past::new(from);
    let mut counts = Counts::default();
    archive.stays(None, to, &mut |room, stay| {
        counts.events += u64::from(stay.time() >= from);
        past.add_stay(room, stay);
    })?;
    let span = Span {
        after: from.plus(-look_back(rules)),
        to,
    };
    counts.bad = archive.readings(None, span, &mut |room, reading| {
        counts.readings += 1;
        let (hotel_id, room_number) = (room.hotel_id.as_str(), room.room_number.as_str());
        match past.place(hotel_id, room_number) {
            Some(place) => past.add_reading(place, reading),
            None => past.pass_over(hotel_id, room_number, 1),
        }
    })?;
    counts.messages = counts.events;
    Ok((past.sorted(), counts))
}

/// Reads what is kept of one room: its stays since `from` and the one before, and their readings
/// from their beginning on, whenever that was: what is told of the span depends on them.
///
/// # Errors
/// Any [`StoreError`] of the connection or its tables.
pub fn read_room(
    archive: &mut dyn Archive,
    room: &RoomKey,
    from: LocalTime,
    to: LocalTime,
    rules: &Rules,
) -> Result<(Past, Counts), StoreError> {
    let mut past = Past::new(from);
    let mut counts = Counts::default();
    let mut begin = to;
    archive.stays(Some(room), to, &mut |room, stay| past.add_stay(room, stay))?;
    for room in past.rooms() {
        let first = room.stays.iter().map(|stay| stay.time()).min();
        begin = first.unwrap_or(to);
    }
    let span = Span {
        after: begin.plus(-look_back(std::slice::from_ref(rules))),
        to,
    };
    counts.bad = archive.readings(Some(room), span, &mut |room, reading| {
        counts.readings += 1;
        let place = past.place(room.hotel_id.as_str(), room.room_number.as_str());
        if let Some(place) = place {
            past.add_reading(place, reading);
        }
    })?;
    Ok((past.sorted(), counts))
}

/// How far before a stay its initial reading may lie, and a second, because that time is included.
fn look_back(rules: &[Rules]) -> i64 {
    let intervals = rules.iter().map(|rules| rules.interval_seconds);
    intervals.max().unwrap_or_default() + 1
}
