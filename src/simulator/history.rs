use std::collections::HashMap;

use crate::engine::{Event, Said};
use crate::types::{Kind, LocalTime, Reading, RoomKey};

use super::story::Cast;
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

/// A time in which somebody is in a room, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Occupied or vacant, as it really is.
    pub kind: Kind,
    pub from: LocalTime,
    pub until: LocalTime,
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
        let (start, end) = (scenario.start, scenario.end());
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
                EventKind::Presence(kind) => found.turns.push((at, kind)),
                EventKind::Trouble(trouble) => found.history.troubles.push(trouble),
                EventKind::Circumstance(mut span) => {
                    span.until = span.until.min(end);
                    found.history.circumstances.push(span);
                }
            }
        };
        let mut cast = Cast::new(scenario.clone(), &mut take);
        while cast.advance(&mut take) {}
        // Stable, as in the story.
        messages.sort_by_key(|(at, room, _)| (*at, *room));
        let places = rooms.iter().enumerate();
        let places: HashMap<RoomKey, usize> = { places }
            .map(|(at, room)| (room.history.key.clone(), at))
            .collect();
        for (_, _, event) in &messages {
            for (room, said) in &event.rooms {
                if let Some(found) = places.get(room).and_then(|&at| rooms.get_mut(at)) {
                    found.history.said.push(said.clone());
                }
            }
        }
        let messages = messages.into_iter().map(|(at, _, event)| (at, event));
        let mut rooms: Vec<RoomHistory> = { rooms.into_iter() }
            .map(|found| found.complete(start, end))
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
    history: RoomHistory,
    /// Each with the time at which it becomes known.
    readings: Vec<(LocalTime, Reading)>,
    turns: Vec<(LocalTime, Kind)>,
}

impl Found {
    fn new(key: RoomKey) -> Found {
        Found {
            history: RoomHistory {
                key,
                said: Vec::new(),
                readings: Vec::new(),
                presence: Vec::new(),
                troubles: Vec::new(),
                circumstances: Vec::new(),
            },
            readings: Vec::new(),
            turns: Vec::new(),
        }
    }

    fn complete(mut self, start: LocalTime, end: LocalTime) -> RoomHistory {
        self.readings
            .sort_by_key(|(at, reading)| (reading.time, *at));
        let mut history = self.history;
        history.readings = self
            .readings
            .into_iter()
            .map(|(_, reading)| reading)
            .collect();
        history.troubles.sort_by_key(|trouble| trouble.from);
        history
            .circumstances
            .sort_by_key(|span| (span.from, span.what));
        let mut spans: Vec<Presence> = Vec::new();
        for (at, kind) in self.turns {
            match spans.last_mut() {
                Some(last) if last.kind == kind => {}
                last => {
                    if let Some(last) = last {
                        last.until = at;
                    }
                    let from = at.max(start);
                    spans.push(Presence {
                        kind,
                        from,
                        until: end,
                    });
                }
            }
        }
        history.presence = spans;
        history
    }
}
