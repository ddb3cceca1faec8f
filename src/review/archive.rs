//! The past from the database.

use crate::engine::{BaselineMode, Rules, Stay};
use crate::store::{Archive, Scope, Span, StoreError};
use crate::types::{LocalTime, RoomKey};

use super::{Counts, Past};

/// Reads the past of the rooms in `of` in a span: the stays that began in it, each room's stay
/// before them, what is remembered of their status, and the readings that `rules` need. Memory: 16
/// bytes a reading.
///
/// # Errors
/// Any [`StoreError`] of the connection or its tables.
pub fn read_archive(
    archive: &mut dyn Archive,
    of: Scope<'_>,
    from: LocalTime,
    to: LocalTime,
    rules: &[Rules],
) -> Result<(Past, Counts), StoreError> {
    let mut past = Past::new(from);
    let mut counts = Counts::default();
    archive.stays(of, to, &mut |room, stay| {
        counts.events += u64::from(stay.time() >= from);
        past.add_stay(room, stay);
    })?;
    archive.statuses(of, &mut |room, statuses| {
        past.add_statuses(&room, &statuses)
    })?;
    let span = Span {
        after: from.plus(-seconds_before_stay(rules)),
        to,
    };
    counts.bad = archive.readings(of, span, &mut |room, reading| {
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

/// How long before a span the hotel's other rooms are asked about, so that what they use by
/// themselves is known in it: of a room with guests of two days each, its last three stays and
/// vacancies. Seconds.
pub const LEARNED_BEFORE: i64 = 14 * 24 * 3_600;

/// Reads the past that explains one room from `from` on: its own stays, with all their readings
/// from their beginning on, because the verdicts of the span depend on them; and, unless the
/// baseline rule is off, what the hotel's other rooms have used since [`LEARNED_BEFORE`], in one
/// statement for all of them.
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
    let of = match rules.baseline.mode {
        BaselineMode::Off => Scope::Room(room),
        BaselineMode::Shadow | BaselineMode::On => Scope::Hotel(&room.hotel_id),
    };
    let mut past = Past::new(from.plus(-LEARNED_BEFORE));
    let mut counts = Counts::default();
    archive.stays(of, to, &mut |room, stay| past.add_stay(room, stay))?;
    let stays = past.room(room).into_iter().flat_map(|own| &own.stays);
    let Some(begin) = stays.map(Stay::time).min() else {
        return Ok((past.sorted(), counts));
    };
    archive.statuses(of, &mut |room, statuses| {
        past.add_statuses(&room, &statuses)
    })?;
    let before = seconds_before_stay(std::slice::from_ref(rules));
    let own = (Scope::Room(room), begin);
    let others = (of != own.0).then_some((of, past.from));
    for (of, begin) in std::iter::once(own).chain(others) {
        let is_own = of == Scope::Room(room);
        let span = Span {
            after: begin.plus(-before),
            to,
        };
        counts.bad += archive.readings(of, span, &mut |key, reading| {
            if is_own != (key == *room) {
                return;
            }
            counts.readings += 1;
            let place = past.place(key.hotel_id.as_str(), key.room_number.as_str());
            if let Some(place) = place {
                past.add_reading(place, reading);
            }
        })?;
    }
    Ok((past.sorted(), counts))
}

/// How far before a stay its initial reading may lie, plus a second because that time is included.
fn seconds_before_stay(rules: &[Rules]) -> i64 {
    let intervals = rules.iter().map(|rules| rules.interval_seconds);
    intervals.max().unwrap_or_default() + 1
}
