use crate::engine::Move;
use crate::types::{Kind, LocalTime, RoomKey};

use super::{Circumstance, CircumstanceSpan, EventKind, Scenario, SimulatedEvent, Trouble};

/// A time in which somebody is in a room, or nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Occupied or vacant, as it really is.
    pub kind: Kind,
    pub from: LocalTime,
    pub until: LocalTime,
}

/// The truth of a room, gathered from the events of its story.
#[derive(Default)]
pub struct RoomTruth {
    /// When somebody came or went, or the truth was said again.
    turns: Vec<(LocalTime, Kind)>,
    troubles: Vec<Trouble>,
    circumstances: Vec<CircumstanceSpan>,
}

impl RoomTruth {
    /// Takes the next event of the room. Messages and readings are no truth.
    pub fn add(&mut self, at: LocalTime, kind: &EventKind) {
        match kind {
            EventKind::Presence(kind) => self.turns.push((at, *kind)),
            EventKind::Trouble(trouble) => self.troubles.push(*trouble),
            EventKind::Circumstance(span) => self.circumstances.push(*span),
            EventKind::Message(_) | EventKind::Reading(_) => {}
        }
    }

    /// Whether somebody is in, from the story's start to its end, without gaps.
    pub fn presence(&self, scenario: &Scenario) -> Vec<Presence> {
        let mut spans: Vec<Presence> = Vec::new();
        for &(at, kind) in &self.turns {
            match spans.last_mut() {
                Some(last) if last.kind == kind => {}
                last => {
                    if let Some(last) = last {
                        last.until = at;
                    }
                    spans.push(Presence {
                        kind,
                        from: at.max(scenario.start),
                        until: scenario.end(),
                    });
                }
            }
        }
        spans
    }

    /// What is misused or wasted, in the order of its beginning.
    pub fn troubles(&self) -> Vec<Trouble> {
        let mut troubles = self.troubles.clone();
        troubles.sort_by_key(|trouble| trouble.from);
        troubles
    }

    /// The circumstances in the order of their beginning, none beyond the story's end.
    pub fn circumstances(&self, scenario: &Scenario) -> Vec<CircumstanceSpan> {
        let within = self.circumstances.iter().map(|span| CircumstanceSpan {
            until: span.until.min(scenario.end()),
            ..*span
        });
        let mut within: Vec<CircumstanceSpan> = within.collect();
        within.sort_by_key(|span| (span.from, span.what));
        within
    }
}

/// What is listed of a story when it has been played: its troubles, and what messages said besides
/// guests' coming and leaving.
#[derive(Default)]
pub struct Outline {
    /// In the order in which they began.
    pub troubles: Vec<(RoomKey, Trouble)>,
    pub moves: Vec<Move>,
    /// Rooms that were out of order.
    pub out_of_order: Vec<(RoomKey, CircumstanceSpan)>,
}

impl Outline {
    /// Takes the next event of the story.
    pub fn add(&mut self, event: &SimulatedEvent) {
        let room = || event.room.clone();
        match &event.kind {
            EventKind::Trouble(trouble) => self.troubles.push((room(), *trouble)),
            EventKind::Circumstance(span) if span.what == Circumstance::OutOfOrder => {
                self.out_of_order.push((room(), *span));
            }
            EventKind::Message(message) => self.moves.extend(message.as_move()),
            EventKind::Circumstance(_) | EventKind::Presence(_) | EventKind::Reading(_) => {}
        }
    }
}
