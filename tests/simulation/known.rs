//! What is known of a room of the model: who is in by the second reading of the specification,
//! which the suite `occupancy` puts to the engine, too; and its status.

use roomwatt::engine::{Fact, RoomStatus, Rules, Said, StatusChange, Statuses, Stay, StayId};
use roomwatt::types::LocalTime;

use crate::oracle;
use crate::world::start;

/// Changes that are about cleaning are kept for so long before the newest of them. Seconds.
const KEPT_OF_CLEANING: i64 = 86_400;

fn seconds(time: LocalTime) -> i64 {
    time.since(start())
}

fn time(seconds: i64) -> LocalTime {
    start().plus(seconds)
}

/// In the words of the oracle.
fn fact_of(fact: &Fact) -> oracle::Fact {
    let text = |id: &StayId| id.as_str().to_owned();
    match fact {
        Fact::Arrival(arrival) => oracle::Fact::Arrival {
            id: arrival.id.as_ref().map(text),
            since: seconds(arrival.since),
            named: arrival.named.map(seconds),
            expected: arrival.expected.map(seconds),
        },
        Fact::Departure(departure) => oracle::Fact::Departure {
            id: departure.id.as_ref().map(text),
            checkin: departure.checkin.map(seconds),
            until: seconds(departure.until),
        },
        Fact::Expectation(expectation) => oracle::Fact::Expectation {
            id: expectation.id.as_ref().map(text),
            since: expectation.since.map(seconds),
            expected: seconds(expectation.expected),
        },
    }
}

fn is_of_cleaning(change: &StatusChange) -> bool {
    matches!(change.status, RoomStatus::Dirty | RoomStatus::Clean)
}

/// What is known of who is in a room, and of its status.
#[derive(Clone, Default)]
pub struct Known {
    /// In the order in which they came.
    facts: Vec<oracle::Fact>,
    pub statuses: Vec<StatusChange>,
    /// The stay of the room's watch; and whether that goes on where it turns out to have begun
    /// earlier.
    pub watched: Option<(Stay, bool)>,
}

/// What a message was to a room.
pub enum Taken {
    /// All of it was known: nothing changes, and nothing is judged.
    Known,
    New {
        /// From when on it has the room judged otherwise, if it does: another watch begins then, or
        /// the room's status changes.
        turn: Option<LocalTime>,
    },
}

impl Taken {
    pub fn turn(&self) -> Option<LocalTime> {
        match self {
            Taken::Known => None,
            Taken::New { turn } => *turn,
        }
    }
}

impl Known {
    /// Takes what one message says.
    pub fn take(&mut self, said: &Said, rules: &Rules) -> Taken {
        let fact = match said {
            Said::Status(change) => return self.status(*change),
            Said::Fact(fact) => fact_of(fact),
            Said::Back { id, at, named } => {
                // "arrival at `cancel_time`, `named` by `check_in_time`, else by the stay that
                // ended last before it"
                let since = seconds(*at);
                let stays = oracle::derive(&self.facts, rules.match_seconds).stays;
                let left = { stays.iter() }.filter(|s| s.ended.is_some_and(|e| e <= since));
                let last = left.max_by_key(|stay| stay.ended);
                let of_last = last.map(|stay| stay.named.unwrap_or(stay.since));
                oracle::Fact::Arrival {
                    id: id.as_ref().map(|id| id.as_str().to_owned()),
                    since,
                    named: named.map(seconds).or(of_last),
                    expected: None,
                }
            }
        };
        if self.knows(&fact) {
            return Taken::Known;
        }
        self.facts.push(fact);
        let Some(stay) = self.last_piece(rules) else {
            // A room is watched from its first check-in or check-out on.
            self.facts.clear();
            return Taken::Known;
        };
        // "The watch follows the last piece. Of the same kind: later is SPEC.md's 'newer'; equal,
        // 'equal'; earlier, only the stay time changes, run and incident go on. Of the other kind,
        // at whatever time: a new watch from its beginning."
        if let Some((watched, can_be_moved)) = &mut self.watched {
            let is_later = stay.time() > watched.time();
            let is_earlier = stay.time() < watched.time();
            let goes_on = !is_later && (!is_earlier || *can_be_moved);
            if stay.kind() == watched.kind() && goes_on {
                *watched = stay;
                return Taken::New { turn: None };
            }
        }
        self.watched = Some((stay, false));
        Taken::New {
            turn: Some(stay.time()),
        }
    }

    /// Whether a fact came before; one that brings an expected check-out, after all others that do:
    /// "of several for one stay the last to come holds".
    fn knows(&self, fact: &oracle::Fact) -> bool {
        let with_expected = |fact: &oracle::Fact| match fact {
            oracle::Fact::Arrival { expected, .. } => expected.is_some(),
            oracle::Fact::Departure { .. } => false,
            oracle::Fact::Expectation { .. } => true,
        };
        let mut last_first = self.facts.iter().rev();
        if with_expected(fact) {
            return last_first.find(|fact| with_expected(fact)) == Some(fact);
        }
        // A check-in without an expected check-out says nothing of that.
        last_first.any(|known| match known {
            oracle::Fact::Arrival {
                id, since, named, ..
            } => {
                let (id, since, named, expected) = (id.clone(), *since, *named, None);
                *fact
                    == oracle::Fact::Arrival {
                        id,
                        since,
                        named,
                        expected,
                    }
            }
            known => known == fact,
        })
    }

    fn status(&mut self, change: StatusChange) -> Taken {
        if self.watched.is_none() || self.statuses.contains(&change) {
            return Taken::Known;
        }
        self.statuses.push(change);
        self.statuses.sort_unstable();
        let newest = { self.statuses.iter() }.rfind(|change| is_of_cleaning(change));
        if let Some(oldest) = newest.map(|newest| newest.at.plus(-KEPT_OF_CLEANING)) {
            (self.statuses).retain(|change| !is_of_cleaning(change) || change.at >= oldest);
        }
        match self.statuses.contains(&change) {
            true => Taken::New {
                turn: Some(change.at),
            },
            false => Taken::Known,
        }
    }

    /// The stay of the last piece.
    fn last_piece(&self, rules: &Rules) -> Option<Stay> {
        let last = oracle::derive(&self.facts, rules.match_seconds).last?;
        Some(match last {
            oracle::Piece::Occupied { since, expected } => Stay::Occupied {
                check_in: time(since),
                expected_checkout: expected.map(time),
            },
            oracle::Piece::Vacant { since } => {
                // The last departure of that time is the one that began the piece.
                let departures = self.facts.iter().filter_map(|fact| match fact {
                    oracle::Fact::Departure { id, checkin, until } if *until == since => {
                        Some((*checkin, id))
                    }
                    _ => None,
                });
                Stay::Vacant {
                    actual_checkin: departures.max().and_then(|(checkin, _)| checkin).map(time),
                    actual_checkout: time(since),
                }
            }
        })
    }

    /// From when until when the room is out of order: "from `status_time` to `until`, or to
    /// `in_order`, or to the next arrival".
    pub fn out_of_order(&self, rules: &Rules) -> Vec<(LocalTime, Option<LocalTime>)> {
        let changes = self
            .statuses
            .iter()
            .filter(|change| !is_of_cleaning(change));
        let changes: Vec<&StatusChange> = changes.collect();
        if changes.is_empty() {
            return Vec::new();
        }
        // Reading: an arrival that begins a piece.
        let pieces = oracle::pieces(&self.facts, rules.match_seconds).into_iter();
        let occupied = pieces.filter(|&(_, is_occupied)| is_occupied);
        let arrivals: Vec<LocalTime> = occupied.map(|(since, _)| time(since)).collect();
        let spans = changes.iter().enumerate().filter_map(|(place, change)| {
            let RoomStatus::OutOfOrder { until } = change.status else {
                return None;
            };
            let next = changes.get(place + 1).map(|next| next.at);
            let arrival = { arrivals.iter() }.find(|arrival| **arrival > change.at);
            let end = [until, next, arrival.copied()].into_iter().flatten().min();
            end.is_none_or(|end| end > change.at)
                .then_some((change.at, end))
        });
        spans.collect()
    }

    /// The statuses by which intervals are judged: each end of being out of order is in them,
    /// whatever brought it about.
    pub fn plain_statuses(&self, rules: &Rules) -> Statuses {
        let cleaning = self.statuses.iter().copied().filter(is_of_cleaning);
        let spans = self.out_of_order(rules).into_iter();
        let out_of_order = spans.map(|(at, until)| StatusChange {
            at,
            status: RoomStatus::OutOfOrder { until },
        });
        Statuses::of_past(cleaning.chain(out_of_order))
    }
}
