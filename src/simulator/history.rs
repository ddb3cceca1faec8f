use std::collections::HashMap;

use crate::engine::{Event, Said};
use crate::types::{Kind, LocalTime, Reading, RoomKey};

use super::story::Cast;
use super::truth::{Presence, RoomTruth};
use super::{CircumstanceSpan, EventKind, Scenario, Trouble};

/// A whole story in memory: what the property management system and the meters say, and the truth.
pub struct History {
    /// Messages in the order in which they are sent, each with the time of that.
    pub messages: Vec<(LocalTime, Event)>,
    /// By room key.
    pub rooms: Vec<RoomHistory>,
}

/// One room's story.
pub struct RoomHistory {
    pub key: RoomKey,
    /// What messages say of it, in the order in which they are sent.
    pub said: Vec<Said>,
    /// In the order of their times; of several with the same time the first that came is first.
    pub readings: Vec<Reading>,
    /// Whether somebody is in, from the story's start to its end, without gaps.
    pub presence: Vec<Presence>,
    /// What is misused or wasted.
    pub troubles: Vec<Trouble>,
    /// What makes the room use more, or messages say otherwise, though nothing is wrong.
    pub circumstances: Vec<CircumstanceSpan>,
}

impl RoomHistory {
    /// Whether somebody is in at a time of the story.
    pub fn kind_at(&self, time: LocalTime) -> Option<Kind> {
        let next = self.presence.partition_point(|span| span.until <= time);
        let span = self.presence.get(next);
        span.filter(|span| span.from <= time).map(|span| span.kind)
    }
}

impl History {
    /// Plays a scenario to its end.
    pub(super) fn of(scenario: &Scenario) -> History {
        let end = scenario.end();
        let mut messages = Vec::new();
        let mut rooms: Vec<Found> = Vec::new();
        let keys = scenario.hotels.iter().flat_map(|id| scenario.rooms_of(id));
        rooms.extend(keys.map(Found::new));
        let mut take = |room: usize, at, kind| {
            let Some(found) = rooms.get_mut(room).filter(|_| at < end) else {
                return;
            };
            match kind {
                EventKind::Message(event) => messages.push((at, room, event)),
                EventKind::Reading(reading) => found.readings.push((at, reading)),
                truth => found.truth.add(at, &truth),
            }
        };
        let mut cast = Cast::new(scenario.clone(), &mut take);
        while cast.advance(&mut take) {}
        // Stable, as in the story.
        messages.sort_by_key(|(at, room, _)| (*at, *room));
        let places = rooms.iter().enumerate();
        let places: HashMap<RoomKey, usize> = { places }
            .map(|(at, room)| (room.key.clone(), at))
            .collect();
        for (_, _, event) in &messages {
            for (room, said) in &event.rooms {
                if let Some(found) = places.get(room).and_then(|&at| rooms.get_mut(at)) {
                    found.said.push(said.clone());
                }
            }
        }
        let messages = messages.into_iter().map(|(at, _, event)| (at, event));
        let mut rooms: Vec<RoomHistory> = { rooms.into_iter() }
            .map(|found| found.complete(scenario))
            .collect();
        rooms.sort_by(|a, b| a.key.cmp(&b.key));
        History {
            messages: messages.collect(),
            rooms,
        }
    }
}

/// What has been found of a room.
struct Found {
    key: RoomKey,
    said: Vec<Said>,
    /// Each with the time at which it becomes known.
    readings: Vec<(LocalTime, Reading)>,
    truth: RoomTruth,
}

impl Found {
    fn new(key: RoomKey) -> Found {
        Found {
            key,
            said: Vec::new(),
            readings: Vec::new(),
            truth: RoomTruth::default(),
        }
    }

    fn complete(mut self, scenario: &Scenario) -> RoomHistory {
        self.readings
            .sort_by_key(|(at, reading)| (reading.time, *at));
        let readings = self.readings.into_iter().map(|(_, reading)| reading);
        RoomHistory {
            key: self.key,
            said: self.said,
            readings: readings.collect(),
            presence: self.truth.presence(scenario),
            troubles: self.truth.troubles(),
            circumstances: self.truth.circumstances(scenario),
        }
    }
}
