//! Why the baseline rule found an interval usual or unusual.

use crate::engine::baseline::{
    ALERT_PERIODS, Event, Finding, Judged, LEAST_LEVELS, MOST_LEVEL, Verdict,
};
use crate::types::LocalTime;

/// What the baseline rule made of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assessed {
    pub interval: Judged,
    pub verdict: Verdict,
    /// What there was in the account could not be followed: a gap, or another meter.
    pub is_interrupted: bool,
    pub because: Because,
}

/// Why there is an alert, or none. Energies are in Wh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    Event(Event),
    /// Nothing is unusual.
    Usual,
    /// The account was emptied.
    Emptied,
    /// The account grows, and has not reached the alarm.
    Grows {
        alarm: i64,
    },
    /// The interval takes from the account.
    Falls,
    /// The account has reached the alarm, and has fewer periods than an alert takes.
    TooFewPeriods {
        needed: u32,
        periods: u32,
    },
    /// Many rooms began at about the same time.
    Held {
        until: LocalTime,
    },
    /// There was an alert; the next reminder comes at so many periods.
    Alerted {
        periods: u32,
        reminder: u32,
    },
    /// Fewer than six intervals of the stay are known.
    TooFewIntervals,
    /// Nothing is found behind a meter that counts whole kWh.
    Coarse,
    /// Fewer rooms than this have levels.
    TooFewRooms {
        needed: usize,
    },
    /// Nine of ten rooms hold so much that it says nothing: electric heating.
    Heated {
        most: i64,
    },
    /// There was an alert; the room is usual again at this much above its base.
    UntilUsual {
        most: i64,
    },
}

impl Assessed {
    pub(super) fn of(interval: &Judged, verdict: &Verdict) -> Assessed {
        Assessed {
            interval: *interval,
            verdict: *verdict,
            is_interrupted: false,
            because: because(interval, verdict),
        }
    }
}

fn because(interval: &Judged, verdict: &Verdict) -> Because {
    if let Some(event) = verdict.event {
        return Because::Event(event);
    }
    match verdict.kind {
        Finding::Vacant {
            before,
            step,
            account,
            alarm,
            periods,
            alerted_at_periods,
            held_until,
            ..
        } => match (account, alerted_at_periods) {
            (0, _) if before > 0 => Because::Emptied,
            (0, _) => Because::Usual,
            _ if step <= 0 => Because::Falls,
            (_, 1..) => Because::Alerted {
                periods,
                reminder: alerted_at_periods.saturating_mul(2),
            },
            _ if account < alarm => Because::Grows { alarm },
            _ if periods < ALERT_PERIODS && interval.is_fine => Because::TooFewPeriods {
                needed: ALERT_PERIODS,
                periods,
            },
            _ => held_until.map_or(Because::Usual, |until| Because::Held { until }),
        },
        Finding::Occupied {
            least,
            level,
            limit,
            is_alerted,
        } => match (limit, least, level) {
            (Some(limit), ..) if is_alerted => Because::UntilUsual { most: limit / 2 },
            _ if !interval.is_fine => Because::Coarse,
            (None, ..) => Because::TooFewRooms {
                needed: LEAST_LEVELS,
            },
            (_, None, _) => Because::TooFewIntervals,
            (_, _, Some(level)) if level > MOST_LEVEL => Because::Heated { most: MOST_LEVEL },
            _ => Because::Usual,
        },
    }
}
