use crate::types::{Kind, LocalTime, WattHours};

use super::super::{Closing, Stay};

/// Something that judging a room has found, for the baseline rule to evaluate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    Interval(Judged),
    /// What came before can't be followed further: a gap, another meter, another length of the
    /// interval, or the room is out of order.
    Broken {
        at: LocalTime,
        why: Closing,
    },
    /// An interval that began before the stay.
    AcrossStay,
    /// Another watch began.
    Begun {
        /// The stay of the watch that ended.
        was: Stay,
        /// The number of the watch that ended.
        number: u32,
        kind: Kind,
        at: LocalTime,
    },
}

/// A judged interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    pub kind: Kind,
    /// Time of the reading that opened it.
    pub opened: LocalTime,
    /// Time of the reading that closed it.
    pub ended: LocalTime,
    pub periods: u32,
    pub energy: WattHours,
    /// Whether the meter is known to count less than whole kWh.
    pub is_fine: bool,
    /// Whether the stay had gone on for 90 minutes when it was opened: what a guest leaves on is
    /// used from the beginning, what comes on later may be the heating.
    pub is_settled: bool,
}

impl Judged {
    /// Energy in Wh per interval length.
    pub fn used(&self, interval_seconds: i64) -> i64 {
        let seconds = self.ended.since(self.opened).max(1);
        let scaled = i128::from(self.energy.0) * i128::from(interval_seconds) / i128::from(seconds);
        scaled.try_into().unwrap_or(i64::MAX)
    }
}
