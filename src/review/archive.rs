use crate::engine::Rules;
use crate::store::{Archive, Scope, Span, StoreError};
use crate::types::{LocalTime, RoomKey};

use super::{Counts, Past};

/// Reads the past of all rooms in a span: the stays that began in it, each room's stay before
/// them, what is remembered of their status, and the readings that `rules` need. Memory: 16 bytes a
/// reading.
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
    archive.stays(Scope::All, to, &mut |room, stay| {
        counts.events += u64::from(stay.time() >= from);
        past.add_stay(room, stay);
    })?;
    archive.statuses(Scope::All, &mut |room, statuses| {
        past.add_statuses(&room, &statuses)
    })?;
    let span = Span {
        after: from.plus(-seconds_before_stay(rules)),
        to,
    };
    counts.bad = archive.readings(Scope::All, span, &mut |room, reading| {
        counts.readings += 1;
        let (hotel_id, room_number) = (room.hotel_id.as_str(), room.room_number.as_str());
        match past.place(hotel_id, room_number) {
            Some(place) => past.add_reading(place, reading),
            None => past.add_unknown_rooms(hotel_id, room_number, 1),
        }
    })?;
    counts.messages = counts.events;
    Ok((past.sorted(), counts))
}

/// Reads the past of one room: its stays since `from` and the one before, with all their readings
/// from their beginning on, because the verdicts of the span depend on them.
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
    archive.stays(Scope::Room(room), to, &mut |room, stay| {
        past.add_stay(room, stay)
    })?;
    archive.statuses(Scope::Room(room), &mut |room, statuses| {
        past.add_statuses(&room, &statuses)
    })?;
    for room in past.rooms() {
        let first = room.stays.iter().map(|stay| stay.time()).min();
        begin = first.unwrap_or(to);
    }
    let span = Span {
        after: begin.plus(-seconds_before_stay(std::slice::from_ref(rules))),
        to,
    };
    counts.bad = archive.readings(Scope::Room(room), span, &mut |room, reading| {
        counts.readings += 1;
        let place = past.place(room.hotel_id.as_str(), room.room_number.as_str());
        if let Some(place) = place {
            past.add_reading(place, reading);
        }
    })?;
    Ok((past.sorted(), counts))
}

/// How far before a stay its initial reading may lie, plus a second because that time is included.
fn seconds_before_stay(rules: &[Rules]) -> i64 {
    let intervals = rules.iter().map(|rules| rules.interval_seconds);
    intervals.max().unwrap_or_default() + 1
}
