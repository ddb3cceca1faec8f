use std::vec;

use crate::types::{HotelId, LocalTime, RoomKey};

use super::gateway::GatewayOutage;
use super::room::Room;
use super::{EventKind, HALF_HOUR, Scenario, SimulatedEvent};

/// The events of all rooms, in the order in which it becomes known. All rooms advance together,
/// half an hour at a time, so that memory grows with rooms, not with days.
pub struct Story {
    scenario: Scenario,
    hotels: Vec<(HotelId, Vec<(RoomKey, Room)>)>,
    /// All events before this time are in `ready`, or were returned.
    ready_until: LocalTime,
    end: LocalTime,
    ready: vec::IntoIter<Entry>,
    /// Those that become known later.
    later: Vec<Entry>,
}

/// An event with the indices of its hotel and room.
struct Entry {
    at: LocalTime,
    hotel: u32,
    room: u32,
    kind: EventKind,
}

impl Entry {
    /// The order. In the same second, readings belong to the stay before a message, and troubles to
    /// the one after it.
    fn order(&self) -> (LocalTime, u8, u32, u32) {
        let rank = match self.kind {
            EventKind::Reading(_) => 0,
            EventKind::Message(_) => 1,
            EventKind::Trouble(_) => 2,
        };
        (self.at, rank, self.hotel, self.room)
    }
}

impl Story {
    pub(super) fn new(scenario: Scenario) -> Story {
        let mut later = Vec::new();
        let mut hotels = Vec::new();
        for (hotel, id) in (0..).zip(&scenario.hotels) {
            let keys = scenario.rooms_of(id);
            let rooms = (0..).zip(keys).map(|(room, key)| {
                let mut emit = emitter(&mut later, hotel, room);
                let story = Room::new(&scenario, &key, &mut emit);
                (key, story)
            });
            hotels.push((id.clone(), rooms.collect()));
        }
        Story {
            ready_until: scenario.start,
            end: scenario.end(),
            scenario,
            hotels,
            ready: Vec::new().into_iter(),
            later,
        }
    }

    /// Advances all rooms by half an hour.
    fn advance(&mut self) {
        let from = self.ready_until;
        let until = from.plus(HALF_HOUR).min(self.end);
        for (hotel, (id, rooms)) in (0..).zip(&mut self.hotels) {
            let outage = GatewayOutage::of_day(
                self.scenario.seed,
                id,
                from,
                self.scenario.meters.faults.outage,
            );
            for (room, (_, story)) in (0..).zip(rooms) {
                let mut emit = emitter(&mut self.later, hotel, room);
                story.advance(until, &self.scenario, outage.as_ref(), &mut emit);
            }
        }
        // The sort is stable: what a room emits for the same second stays in its order.
        self.later.sort_by_key(Entry::order);
        let ready = self.later.partition_point(|entry| entry.at < until);
        let later = self.later.split_off(ready);
        self.ready = std::mem::replace(&mut self.later, later).into_iter();
        self.ready_until = until;
    }
}

/// Returns a function that adds a room's events to `later`.
fn emitter(later: &mut Vec<Entry>, hotel: u32, room: u32) -> impl FnMut(LocalTime, EventKind) {
    move |at, kind| {
        later.push(Entry {
            at,
            hotel,
            room,
            kind,
        })
    }
}

impl Iterator for Story {
    type Item = SimulatedEvent;

    fn next(&mut self) -> Option<SimulatedEvent> {
        loop {
            if let Some(entry) = self.ready.next() {
                let (_, rooms) = self.hotels.get(entry.hotel as usize)?;
                let (key, _) = rooms.get(entry.room as usize)?;
                return Some(SimulatedEvent {
                    at: entry.at,
                    room: key.clone(),
                    kind: entry.kind,
                });
            }
            if self.ready_until >= self.end {
                return None;
            }
            self.advance();
        }
    }
}
