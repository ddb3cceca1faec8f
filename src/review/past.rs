//! The past: each room's stays and readings.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::engine::{RoomState, Rules, Statuses, Stay};
use crate::types::{HotelId, LocalTime, Reading, RoomKey, RoomNumber};

/// The rooms with their stays and readings.
pub struct Past {
    rooms: Vec<Room>,
    places: HashMap<HotelId, HashMap<RoomNumber, usize>>,
    unknown_rooms: Option<UnknownRooms>,
    /// Where the span in question begins.
    pub from: LocalTime,
}

/// Readings of rooms without a stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRooms {
    pub readings: u64,
    /// The first such room.
    pub first: RoomKey,
}

/// One room's past.
pub struct Room {
    pub key: RoomKey,
    /// In order, each once.
    pub stays: Vec<Stay>,
    /// The changes of its status.
    pub statuses: Statuses,
    /// In time order; of several with the same time the first stored one is first.
    pub readings: Vec<Reading>,
}

/// How much was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub messages: u64,
    pub events: u64,
    pub ignored: u64,
    pub refused: u64,
    pub readings: u64,
    pub bad: u64,
}

impl Past {
    /// An empty past, for a span that begins at `from`.
    pub fn new(from: LocalTime) -> Past {
        Past {
            rooms: Vec::new(),
            places: HashMap::new(),
            unknown_rooms: None,
            from,
        }
    }

    /// The rooms with a stay, once they are [`Past::sorted`].
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// The rooms of each hotel in the order of their keys.
    pub fn hotels(&self) -> Vec<Vec<&Room>> {
        let hotels = self.places.keys();
        hotels.map(|hotel| self.hotel(hotel)).collect()
    }

    /// The rooms of a hotel in the order of their keys.
    pub fn hotel(&self, hotel: &HotelId) -> Vec<&Room> {
        let places = self.places.get(hotel).into_iter().flatten();
        let mut rooms: Vec<&Room> = places.map(|(_, at)| &self.rooms[*at]).collect();
        rooms.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        rooms
    }

    /// When the first room was watched, and when the last reading came; `None` without any.
    pub fn known(&self) -> Option<(LocalTime, LocalTime)> {
        let of_room = |room: &Room| {
            let begin = room.readings.first()?.time.max(room.stays.first()?.time());
            Some((begin.max(self.from), room.readings.last()?.time))
        };
        let rooms = || self.rooms.iter().filter_map(of_room);
        let first = rooms().map(|(begin, _)| begin).min()?;
        Some((first, rooms().map(|(_, last)| last).max()?))
    }

    pub fn room(&self, key: &RoomKey) -> Option<&Room> {
        let at = self.place(key.hotel_id.as_str(), key.room_number.as_str())?;
        self.rooms.get(at)
    }

    /// Adds a stay, in any order. Of the stays before the span only the newest is kept.
    pub fn add_stay(&mut self, key: RoomKey, stay: Stay) {
        let of_hotel = self.places.entry(key.hotel_id.clone()).or_default();
        let place = *of_hotel.entry(key.room_number.clone()).or_insert_with(|| {
            self.rooms.push(Room::new(key));
            self.rooms.len() - 1
        });
        let stays = &mut self.rooms[place].stays;
        // The stay before the span is kept at the front, so that many of them take no memory.
        match stays.first_mut() {
            Some(first) if stay.time() < self.from && first.time() < self.from => {
                if first.order() <= stay.order() {
                    replace_by(first, stay);
                }
            }
            _ => {
                let at = if stay.time() < self.from {
                    0
                } else {
                    stays.len()
                };
                stays.insert(at, stay);
            }
        }
    }

    /// Adds what is known of the status of a room, once its stays are: it is nothing without them.
    pub fn add_statuses(&mut self, key: &RoomKey, statuses: &Statuses) {
        if let Some(place) = self.place(key.hotel_id.as_str(), key.room_number.as_str()) {
            let room = &mut self.rooms[place];
            room.stays.sort_by_key(Stay::order);
            let changes = statuses.changes().iter().copied();
            room.statuses = Statuses::in_past(changes, &room.stays);
        }
    }

    /// The index of a room, if it has a stay.
    pub fn place(&self, hotel_id: &str, room_number: &str) -> Option<usize> {
        Some(*self.places.get(hotel_id)?.get(room_number)?)
    }

    /// Counts readings of rooms without a stay, of which this is one.
    pub fn add_unknown_rooms(&mut self, hotel_id: &str, room_number: &str, readings: u64) {
        let unknown_rooms = self.unknown_rooms.get_or_insert_with(|| UnknownRooms {
            readings: 0,
            first: RoomKey::new(hotel_id, room_number),
        });
        unknown_rooms.readings += readings;
    }

    pub fn unknown_rooms(&self) -> Option<&UnknownRooms> {
        self.unknown_rooms.as_ref()
    }

    /// Adds a reading, in any order, to the room at `place`.
    pub fn add_reading(&mut self, place: usize, reading: Reading) {
        self.rooms[place].readings.push(reading);
    }

    /// Sorts stays and readings.
    pub fn sorted(mut self) -> Past {
        self.rooms.par_iter_mut().for_each(Room::sort);
        self
    }
}

/// Replaces a stay by a newer one. A duplicate without an expected check-out changes nothing.
fn replace_by(kept: &mut Stay, next: Stay) {
    let has_checkout = matches!(
        next,
        Stay::Occupied {
            expected_checkout: Some(_),
            ..
        }
    );
    if next.order() != kept.order() || has_checkout {
        *kept = next;
    }
}

impl Room {
    /// A room without stays and readings.
    pub fn new(key: RoomKey) -> Room {
        Room {
            key,
            stays: Vec::new(),
            statuses: Statuses::default(),
            readings: Vec::new(),
        }
    }

    /// The room with its stays and readings sorted.
    pub fn sorted(mut self) -> Room {
        self.sort();
        self
    }

    fn sort(&mut self) {
        // The sort is stable: equal stays stay in the order they came in, and of readings with the
        // same time the first row counts.
        self.stays.sort_by_key(Stay::order);
        self.stays.dedup_by(|next, kept| {
            let is_same = next.order() == kept.order();
            if is_same {
                replace_by(kept, *next);
            }
            is_same
        });
        self.readings.sort_by_key(|reading| reading.time);
    }

    /// The room's state at the beginning of each stay, and the readings of that stay: those since
    /// `from`, and an interval before it, in which the initial reading may lie.
    pub fn watches(
        &self,
        rules: &Rules,
        from: LocalTime,
    ) -> impl Iterator<Item = (RoomState, &[Reading])> {
        let earliest = from.plus(-rules.interval_seconds - 1);
        self.stays.iter().enumerate().map(move |(at, &stay)| {
            let until = self.stays.get(at + 1).map_or(LocalTime::LAST, Stay::time);
            let state = RoomState {
                watches: u32::try_from(at + 1).unwrap_or(u32::MAX),
                statuses: self.statuses.between(stay.time(), until),
                ..RoomState::new(stay, rules)
            };
            let from = state.watch.needs_after().max(earliest);
            let first = self.readings.partition_point(|r| r.time <= from);
            let end = match self.stays.get(at + 1) {
                Some(next) => self.readings.partition_point(|r| r.time <= next.time()),
                None => self.readings.len(),
            };
            (state, &self.readings[first.min(end)..end])
        })
    }

    /// Each stay with the seconds it was watched: from its beginning to the next stay's, limited to
    /// the time from the room's first reading to its last, and not before `from`.
    pub fn watched(&self, from: LocalTime) -> impl Iterator<Item = (&Stay, i64)> {
        let ends = self.readings.first().zip(self.readings.last());
        self.stays.iter().enumerate().map(move |(at, stay)| {
            let seconds = ends.map_or(0, |(first, last)| {
                let begin = stay.time().max(first.time).max(from);
                let next = self.stays.get(at + 1).map(Stay::time);
                let end = next.map_or(last.time, |next| next.min(last.time));
                end.since(begin).max(0)
            });
            (stay, seconds)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::WattHours;

    fn at(text: &str) -> LocalTime {
        LocalTime::parse(&format!("2023-04-{text}:00")).expect("a time")
    }

    fn left(text: &str) -> Stay {
        Stay::Vacant {
            actual_checkin: None,
            actual_checkout: at(text),
        }
    }

    fn came(text: &str, expected: Option<&str>) -> Stay {
        Stay::Occupied {
            check_in: at(text),
            expected_checkout: expected.map(at),
        }
    }

    fn past(from: LocalTime, stays: &[Stay]) -> Past {
        let mut past = Past::new(from);
        for &stay in stays {
            past.add_stay(RoomKey::new("H001", "101"), stay);
        }
        past.sorted()
    }

    #[test]
    fn only_the_newest_stay_before_the_span_is_kept() {
        let (old, older) = (left("09 10:00"), came("08 15:00", None));
        let (within, later) = (came("10 00:00", None), left("11 11:00"));
        for stays in [
            [old, older, within, later],
            [later, within, older, old],
            [within, old, later, older],
            [older, later, old, within],
        ] {
            let past = past(at("10 00:00"), &stays);
            assert_eq!(past.rooms()[0].stays, [old, within, later], "{stays:?}");
        }
    }

    #[test]
    fn a_rooms_watches_are_numbered() {
        let from = at("10 00:00");
        let past = past(from, &[left("11 11:00"), came("10 14:00", None)]);
        let rules = Rules::default();
        let watches = past.rooms()[0].watches(&rules, from);
        let numbers: Vec<u32> = watches.map(|(state, _)| state.watches).collect();
        assert_eq!(numbers, [1, 2]);
    }

    #[test]
    fn a_later_row_can_change_the_expected_check_out() {
        let plain = came("10 15:00", None);
        let (first, second) = (
            came("10 15:00", Some("11 12:00")),
            came("10 15:00", Some("12 12:00")),
        );
        for from in [at("01 00:00"), at("20 00:00")] {
            let stays = |stays: &[Stay]| past(from, stays).rooms()[0].stays.clone();
            assert_eq!(stays(&[first, second, plain]), [second]);
            assert_eq!(stays(&[plain, second, first]), [first]);
        }
    }

    #[test]
    fn watched_time_ends_with_a_rooms_readings() {
        let mut past = Past::new(at("10 12:00"));
        let key = RoomKey::new("H001", "101");
        for stay in [left("10 11:00"), came("10 14:00", None), left("11 14:00")] {
            past.add_stay(key.clone(), stay);
        }
        for time in ["10 11:30", "11 13:00"] {
            let reading = Reading {
                time: at(time),
                register: WattHours::ZERO,
            };
            past.add_reading(0, reading);
        }
        let past = past.sorted();
        let seconds: Vec<i64> = (past.rooms()[0].watched(past.from))
            .map(|(_, seconds)| seconds)
            .collect();
        assert_eq!(seconds, [2 * 3_600, 23 * 3_600, 0]);
        assert_eq!(past.room(&key).map(|room| room.stays.len()), Some(3));
        assert!(past.room(&RoomKey::new("H001", "0101")).is_none());
    }
}
