use std::vec;

use crate::types::{HotelId, LocalTime, RoomKey};

use super::gateway::GatewayOutage;
use super::room::Room;
use super::{EventKind, HALF_HOUR, Scenario, SimulatedEvent};

/// All rooms of a scenario. They advance together, half an hour at a time.
pub(super) struct Cast {
    scenario: Scenario,
    hotels: Vec<Hotel>,
    /// All that happens before this time was emitted; some of it becomes known later.
    until: LocalTime,
    end: LocalTime,
}

struct Hotel {
    id: HotelId,
    /// Where its rooms begin in the numbers of all rooms.
    first: usize,
    rooms: Vec<Room>,
}

impl Cast {
    /// The rooms as they are at the start. Emits what has been said of them, with the number of
    /// each room: in the order of the hotels and of their rooms.
    pub(super) fn new(
        scenario: Scenario,
        emit: &mut impl FnMut(usize, LocalTime, EventKind),
    ) -> Cast {
        let mut hotels = Vec::new();
        let mut first = 0;
        for id in &scenario.hotels {
            let rooms = scenario.rooms_of(id).enumerate();
            let rooms = rooms.map(|(place, key)| {
                Room::new(&scenario, &key, &mut |at, kind| {
                    emit(first + place, at, kind)
                })
            });
            let rooms: Vec<Room> = rooms.collect();
            let next = first + rooms.len();
            let id = id.clone();
            hotels.push(Hotel { id, first, rooms });
            first = next;
        }
        Cast {
            until: scenario.start,
            end: scenario.end(),
            scenario,
            hotels,
        }
    }

    /// Advances by half an hour; returns whether the story goes on.
    pub(super) fn advance(&mut self, emit: &mut impl FnMut(usize, LocalTime, EventKind)) -> bool {
        let from = self.until;
        if from >= self.end {
            return false;
        }
        let until = from.plus(HALF_HOUR).min(self.end);
        let world = &self.scenario.world;
        for hotel in &mut self.hotels {
            if world.habits.moves > 0.0 {
                hotel.rooms.chunks_exact_mut(2).for_each(|pair| {
                    if let [one, other] = pair {
                        change_rooms(one, other, until);
                        change_rooms(other, one, until);
                    }
                });
            }
            let likely = world.meters.faults.outage;
            let outage = GatewayOutage::of_day(self.scenario.seed, &hotel.id, from, likely);
            for (room, number) in hotel.rooms.iter_mut().zip(hotel.first..) {
                let mut emit = |at, kind| emit(number, at, kind);
                room.advance(until, &self.scenario, outage.as_ref(), &mut emit);
            }
        }
        self.until = until;
        true
    }
}

/// Has the guest of `from` move next door before a time, if there is one who wants to and can.
fn change_rooms(from: &mut Room, to: &mut Room, before: LocalTime) {
    let Some(at) = from.wants_to_move(before) else {
        return;
    };
    if !to.can_take(at, from.phase_ends()) {
        return;
    }
    if let Some(guest) = from.move_out(at) {
        to.move_in(at, guest);
    }
}

/// The events of all rooms, in the order in which they become known. Memory grows with rooms, not
/// with days.
pub struct Story {
    cast: Cast,
    rooms: Vec<RoomKey>,
    ready: vec::IntoIter<Entry>,
    /// Those that become known later.
    later: Vec<Entry>,
}

/// An event with the number of its room.
struct Entry {
    at: LocalTime,
    room: usize,
    kind: EventKind,
}

impl Entry {
    fn new(room: usize, at: LocalTime, kind: EventKind) -> Entry {
        Entry { at, room, kind }
    }

    /// The order. In the same second, readings belong to the stay before a message, and the truth
    /// to the one after it.
    fn order(&self) -> (LocalTime, u8, usize) {
        let rank = match self.kind {
            EventKind::Reading(_) => 0,
            EventKind::Message(_) => 1,
            EventKind::Trouble(_) => 2,
            EventKind::Presence(_) | EventKind::Circumstance(_) => 3,
        };
        (self.at, rank, self.room)
    }
}

impl Story {
    pub(super) fn new(scenario: Scenario) -> Story {
        let hotels = scenario.hotels.iter();
        let rooms = hotels.flat_map(|id| scenario.rooms_of(id)).collect();
        let mut later = Vec::new();
        let cast = Cast::new(scenario, &mut |room, at, kind| {
            later.push(Entry::new(room, at, kind));
        });
        Story {
            cast,
            rooms,
            ready: Vec::new().into_iter(),
            later,
        }
    }

    /// Advances all rooms by half an hour; returns whether the story goes on.
    fn advance(&mut self) -> bool {
        let later = &mut self.later;
        let goes_on = self.cast.advance(&mut |room, at, kind| {
            later.push(Entry::new(room, at, kind));
        });
        if !goes_on {
            return false;
        }
        // The sort is stable: what a room emits for the same second stays in its order.
        self.later.sort_by_key(Entry::order);
        let ready = self
            .later
            .partition_point(|entry| entry.at < self.cast.until);
        let later = self.later.split_off(ready);
        self.ready = std::mem::replace(&mut self.later, later).into_iter();
        true
    }
}

impl Iterator for Story {
    type Item = SimulatedEvent;

    fn next(&mut self) -> Option<SimulatedEvent> {
        loop {
            if let Some(entry) = self.ready.next() {
                return Some(SimulatedEvent {
                    at: entry.at,
                    room: self.rooms.get(entry.room)?.clone(),
                    kind: entry.kind,
                });
            }
            if !self.advance() {
                return None;
            }
        }
    }
}
