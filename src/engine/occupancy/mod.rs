//! Who is in a room: what messages have said of it, and what follows from all of it together.

pub(super) mod derive;
mod fact;
mod shared;
mod stored;

use crate::types::LocalTime;

use super::Stay;

pub use derive::{Guest, Picture};
pub use fact::{Arrival, Departure, Expectation, Fact, StayId};

/// Facts of ended stays are kept for so long before the room's newest one, because messages come
/// late and in any order. Seconds.
const KEPT: i64 = 7 * 24 * 3_600;

/// The most facts that are kept of a room, and the most guests of before them.
const MOST: usize = 32;

/// What is known of who is in a room.
///
/// It is a set of facts, each with its own time: whatever order messages come in, and however often
/// they come, the same follows from them. So nothing is decided when a message comes; all of it is
/// derived anew from the facts that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// In the order in which they came: of several expected check-outs the last one holds.
    facts: Vec<Fact>,
    /// What older facts have left behind.
    before: Option<Box<Before>>,
}

/// What facts that are no longer kept have made of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Before {
    /// The time of the newest of them.
    until: LocalTime,
    picture: Picture,
}

/// What a fact was to its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    New,
    /// It was known.
    Known,
    /// It is older than what is kept: it has no effect.
    Stale,
}

impl Occupancy {
    /// The occupancy of a room of which only the last piece is known.
    pub fn of(stay: &Stay) -> Occupancy {
        Occupancy {
            facts: vec![Fact::of(stay)],
            before: None,
        }
    }

    /// What is kept, in the order in which it came.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// The time of the newest arrival or departure that is kept.
    pub fn newest(&self) -> Option<LocalTime> {
        let is_dated = |fact: &&Fact| !matches!(fact, Fact::Expectation(_));
        self.facts.iter().filter(is_dated).map(Fact::time).max()
    }

    /// Whether any stay is known by an id.
    pub fn has_ids(&self) -> bool {
        let of_fact = |fact: &Fact| match fact {
            Fact::Arrival(Arrival { id, .. }) => id.is_some(),
            Fact::Departure(Departure { id, .. }) => id.is_some(),
            Fact::Expectation(Expectation { id, .. }) => id.is_some(),
        };
        let before = self.before.as_ref().map(|before| &before.picture.guests);
        let mut guests = before.into_iter().flatten();
        self.facts.iter().any(of_fact) || guests.any(|guest| guest.id.is_some())
    }

    /// Who was in, and the last piece. Stays are matched by their times within so many seconds.
    pub fn picture(&self, match_seconds: i64) -> Picture {
        match &self.before {
            Some(before) => derive::derive(&before.picture, &self.facts, match_seconds),
            None => derive::derive(&Picture::default(), &self.facts, match_seconds),
        }
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.facts.shrink_to_fit();
        if let Some(before) = &mut self.before {
            before.picture.guests.shrink_to_fit();
        }
    }

    /// Takes a fact.
    pub fn add(&mut self, fact: Fact, match_seconds: i64) -> Added {
        let is_old = |until| fact.time() <= until && !matches!(fact, Fact::Expectation(_));
        if self
            .before
            .as_ref()
            .is_some_and(|before| is_old(before.until))
        {
            // A check-in of long ago that is repeated with another expected check-out.
            return match fact {
                Fact::Arrival(Arrival {
                    id,
                    since,
                    expected: Some(expected),
                    ..
                }) => self.add(
                    Fact::Expectation(Expectation {
                        id,
                        since: Some(since),
                        expected,
                    }),
                    match_seconds,
                ),
                _ => Added::Stale,
            };
        }
        let known = self.facts.iter().position(|known| known.says(&fact));
        let holds = |at: usize| !self.facts.iter().skip(at + 1).any(Fact::expects);
        if known.is_some_and(|at| !fact.expects() || holds(at)) {
            return Added::Known;
        }
        self.facts.retain(|known| !known.is_replaced_by(&fact));
        self.facts.push(fact);
        self.forget(match_seconds);
        known.map_or(Added::New, |_| Added::Known)
    }

    /// Drops the facts that are no longer kept: those that are older than the last piece, than all
    /// stays of guests who are in, and than [`KEPT`]; and the oldest, if there are more than
    /// [`MOST`].
    fn forget(&mut self, match_seconds: i64) {
        let Some(newest) = self.newest() else {
            return;
        };
        let mut times: Vec<LocalTime> = self.facts.iter().map(Fact::time).collect();
        times.sort_unstable();
        let surplus = times.len().saturating_sub(MOST);
        if surplus == 0
            && times
                .first()
                .is_none_or(|&oldest| newest.since(oldest) <= KEPT)
        {
            return;
        }
        let picture = self.picture(match_seconds);
        let of_guests = picture.guests.iter().filter(|guest| guest.ended.is_none());
        let kept = of_guests
            .map(|guest| guest.since)
            .chain(picture.piece.map(|piece| piece.time()))
            .fold(newest.plus(-KEPT), LocalTime::min);
        // Up to this time, itself included. Which stay a departure ends depends on what arrives
        // soon after it.
        let mut until = kept.plus(-match_seconds - 1);
        if let Some(last) = surplus.checked_sub(1).and_then(|last| times.get(last)) {
            until = until.max(*last);
        }
        let (old, rest) = { self.facts.drain(..) }.partition(|fact: &Fact| fact.time() <= until);
        self.facts = rest;
        let old: Vec<Fact> = old;
        if let Some(until) = old.iter().map(Fact::time).max() {
            let none = Picture::default();
            let before = self.before.as_ref().map_or(&none, |before| &before.picture);
            let mut picture = derive::derive(before, &old, match_seconds);
            picture.guests.retain(|guest| guest.ended.is_none());
            // Whose check-outs never come.
            let lost = picture.guests.len().saturating_sub(MOST);
            picture.guests.drain(..lost);
            self.before = Some(Box::new(Before { until, picture }));
        }
    }
}

impl Fact {
    /// What the message of a stay says.
    pub fn of(stay: &Stay) -> Fact {
        match *stay {
            Stay::Occupied {
                check_in,
                expected_checkout,
            } => Fact::Arrival(Arrival {
                id: None,
                since: check_in,
                named: None,
                expected: expected_checkout,
            }),
            Stay::Vacant {
                actual_checkin,
                actual_checkout,
            } => Fact::Departure(Departure {
                id: None,
                checkin: actual_checkin,
                until: actual_checkout,
            }),
        }
    }

    /// The stay that it begins by itself.
    pub fn stay(&self) -> Option<Stay> {
        match self {
            Fact::Arrival(arrival) => Some(Stay::Occupied {
                check_in: arrival.since,
                expected_checkout: arrival.expected,
            }),
            Fact::Departure(departure) => Some(Stay::Vacant {
                actual_checkin: departure.checkin,
                actual_checkout: departure.until,
            }),
            Fact::Expectation(_) => None,
        }
    }

    /// Whether it brings an expected check-out.
    fn expects(&self) -> bool {
        match self {
            Fact::Arrival(arrival) => arrival.expected.is_some(),
            Fact::Departure(_) => false,
            Fact::Expectation(_) => true,
        }
    }

    /// Whether it says all that `other` says; a check-in without an expected check-out says nothing
    /// of that.
    fn says(&self, other: &Fact) -> bool {
        match (self, other) {
            (Fact::Arrival(one), Fact::Arrival(other)) => {
                (&one.id, one.since, one.named) == (&other.id, other.since, other.named)
                    && (other.expected.is_none() || one.expected == other.expected)
            }
            _ => self == other,
        }
    }

    /// Whether `newer` says all that it says, so that it is no longer needed.
    fn is_replaced_by(&self, newer: &Fact) -> bool {
        match (self, newer) {
            (Fact::Arrival(one), Fact::Arrival(other)) => {
                // The latest expected check-out counts, too.
                (&one.id, one.since, one.named) == (&other.id, other.since, other.named)
                    && one.expected <= other.expected
            }
            (Fact::Expectation(one), Fact::Expectation(other)) => {
                (&one.id, one.since) == (&other.id, other.since)
            }
            _ => self == newer,
        }
    }
}
