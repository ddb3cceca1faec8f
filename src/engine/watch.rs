//! What roomwatt does for a room now.

use serde::{Deserialize, Serialize};

use crate::types::{LocalTime, Reading};

use super::judge::{Fold, Outcome, Step};
use super::{Interval, Rules, Stay, compact};

/// The watch on a room. A room has at most one. It is stored as part of its room's
/// [state](super::RoomState).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    #[serde(rename = "s", with = "compact")]
    pub stay: Stay,
    /// The reading it started from, once there is one.
    #[serde(rename = "i", with = "compact")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Reading>,
    #[serde(rename = "f")]
    pub fold: Fold,
    /// The last intervals before the stay, oldest first; only for people to look at. What they are
    /// depends on when messages came: no decision may hang on them.
    #[serde(rename = "b", with = "compact")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Interval>,
    /// The last intervals of the stay, oldest first; only for people to look at.
    #[serde(rename = "h", with = "compact")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Interval>,
    /// The interval length the fold has run under.
    #[serde(rename = "v")]
    pub interval_seconds: i64,
}

/// A watch at its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    pub stay: Stay,
    pub initial: Option<Reading>,
}

impl Watch {
    /// One that has seen nothing yet.
    pub fn new(stay: Stay, rules: &Rules) -> Watch {
        Watch {
            stay,
            initial: None,
            fold: Fold::default(),
            before: Vec::new(),
            history: Vec::new(),
            interval_seconds: rules.interval_seconds,
        }
    }

    /// Readings at or before this time can't change the watch any more.
    pub fn needs_after(&self) -> LocalTime {
        let nothing_seen = self.stay.time().plus(-self.interval_seconds - 1);
        self.fold.seen.unwrap_or(nothing_seen)
    }

    /// The mean power of the last interval in W, and when that ended; `None` where it is not known.
    pub fn power(&self) -> Option<(i64, LocalTime)> {
        let (last, sample) = self.history.last().zip(self.fold.sample)?;
        Some((last.energy()?.mean_watts(last.seconds()), sample.time))
    }

    /// The last intervals up to a time, oldest first. They have no times of their own: they are
    /// taken to follow one another up to the sample.
    pub(super) fn history_until(&self, time: LocalTime) -> Vec<Interval> {
        let mut end = self.fold.sample.map_or(time, |sample| sample.time);
        let intervals = self.before.iter().chain(&self.history);
        let mut until: Vec<Interval> = intervals.copied().collect();
        while let Some(last) = until.last()
            && end > time
        {
            end = end.plus(-last.seconds());
            until.pop();
        }
        until
    }

    pub(super) fn record(&mut self, reading: Reading, outcome: Outcome, rules: &Rules) {
        let interval = match outcome.step {
            Step::Initial => {
                self.initial = Some(reading);
                return;
            }
            Step::Judged {
                seconds, energy, ..
            }
            | Step::Cleaning { seconds, energy } => Interval::new(seconds, Some(energy)),
            Step::OutOfOrder {
                seconds, energy, ..
            } => Interval::new(seconds, energy),
            Step::Gap { seconds } => Interval::new(seconds, None),
            _ => return,
        };
        self.history.push(interval);
        self.forget_surplus(rules);
    }

    /// Keeps as many intervals as a notice shows.
    pub(super) fn forget_surplus(&mut self, rules: &Rules) {
        let all = self.before.len() + self.history.len();
        let surplus = all.saturating_sub(rules.history_intervals);
        let of_before = surplus.min(self.before.len());
        self.before.drain(..of_before);
        self.history.drain(..surplus - of_before);
    }

    pub(super) fn opening(&self) -> Opening {
        Opening {
            stay: self.stay,
            initial: self.initial,
        }
    }
}
