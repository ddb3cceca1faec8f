//! What a message says of one room.

use crate::types::LocalTime;

use super::occupancy::derive;
use super::{Arrival, Fact, Guest, Occupancy, Picture, Stay, StayId};

/// One thing that a message says of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Who is in, or means to leave.
    Fact(Fact),
    /// A guest has not left, after all.
    Back {
        id: Option<StayId>,
        at: LocalTime,
        /// When the guest had checked in; where it is not said, it is the stay that ended last.
        named: Option<LocalTime>,
    },
    /// Whether the room is to be judged as usual, whoever is in.
    Status(StatusChange),
}

/// A change of a room's status, as housekeeping or maintenance reports it. The changes of a room
/// are ordered by their times; of those at one time the last in order holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatusChange {
    /// When it became that.
    pub at: LocalTime,
    pub status: RoomStatus,
}

/// A room's status. Of several at one time the one holds after which the room is judged, or else
/// the one that says most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoomStatus {
    /// Not to be judged, until this time where it is known.
    OutOfOrder {
        until: Option<LocalTime>,
    },
    InOrder,
    /// Cleaning may come.
    Dirty,
    /// Cleaning is over.
    Clean,
}

impl Said {
    /// What the message of a stay says.
    pub fn of(stay: &Stay) -> Said {
        Said::Fact(Fact::of(stay))
    }

    /// Its own time.
    pub fn time(&self) -> LocalTime {
        match self {
            Said::Fact(fact) => fact.time(),
            Said::Back { at, .. } => *at,
            Said::Status(change) => change.at,
        }
    }

    /// The latest time that it says to have come; `None` where all of it may lie ahead.
    pub fn happened(&self) -> Option<LocalTime> {
        match self {
            Said::Fact(Fact::Expectation(expectation)) => expectation.since,
            _ => Some(self.time()),
        }
    }

    /// The change of the room's status, where it is about that.
    pub fn status(&self) -> Option<StatusChange> {
        match self {
            Said::Status(change) => Some(*change),
            Said::Fact(_) | Said::Back { .. } => None,
        }
    }

    /// The fact that it is in a room of which this is known; `None` where it is not about guests.
    pub fn fact(&self, occupancy: &Occupancy, match_seconds: i64) -> Option<Fact> {
        self.fact_among(|| occupancy.picture(match_seconds).guests)
    }

    fn fact_among(&self, guests: impl FnOnce() -> Vec<Guest>) -> Option<Fact> {
        match self {
            Said::Fact(fact) => Some(fact.clone()),
            Said::Back { id, at, named } => {
                let left = { guests().into_iter() }
                    .filter(|guest| guest.ended.is_some_and(|ended| ended <= *at));
                let last = left.max_by_key(|guest| guest.ended);
                let of_last = last.map(|guest| guest.named.unwrap_or(guest.since));
                Some(Fact::Arrival(Arrival {
                    id: id.clone(),
                    since: *at,
                    named: named.or(of_last),
                    expected: None,
                }))
            }
            Said::Status(_) => None,
        }
    }
}

/// All the pieces that a whole past makes, in the order of time. The time it takes grows with the
/// square of its length.
pub fn pieces(past: &[Said], match_seconds: i64) -> Vec<Stay> {
    let facts = past.iter().filter_map(|said| match said {
        Said::Fact(fact) => Some(fact.clone()),
        Said::Back { .. } | Said::Status(_) => None,
    });
    let mut facts: Vec<Fact> = facts.collect();
    let is_back = |said: &&Said| matches!(said, Said::Back { .. });
    let mut back: Vec<&Said> = past.iter().filter(is_back).collect();
    back.sort_by_key(|said| said.time());
    for said in back {
        let guests = || derive::derive(&Picture::default(), &facts, match_seconds).guests;
        if let Some(fact) = said.fact_among(guests) {
            facts.push(fact);
        }
    }
    derive::pieces(&facts, match_seconds)
}
