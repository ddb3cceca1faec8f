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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::baseline::{BaseOf, Peers};
    use crate::types::{Kind, WattHours};

    /// What an interval of an occupied room is found to be, with these Q and m.
    fn found(level: Option<i64>, least: Option<u16>, is_fine: bool, is_alerted: bool) -> Because {
        let ended = LocalTime::FIRST.plus(1_800);
        let interval = Judged {
            kind: Kind::Checkin,
            opened: LocalTime::FIRST,
            ended,
            periods: 1,
            energy: WattHours(2_500),
            is_fine,
            is_settled: true,
        };
        let verdict = Verdict {
            used: 2_500,
            vacant_floor: None,
            occupied_floor: None,
            base: 60,
            base_of: BaseOf::Hotel,
            peers: Peers {
                others: 0,
                common: 0,
                is_hot: false,
                base: 60,
                level: None,
            },
            kind: Finding::Occupied {
                least,
                level,
                limit: level.map(|level| level * 3 / 2),
                is_alerted,
            },
            event: None,
        };
        because(&interval, &verdict)
    }

    #[test]
    fn an_occupied_room_without_an_alert_has_its_reason() {
        let (few, heated) = (
            Because::TooFewRooms { needed: 5 },
            Because::Heated { most: 1_500 },
        );
        for (level, least, is_fine, is_alerted, expected) in [
            (Some(800), Some(400), true, false, Because::Usual),
            (Some(1_500), Some(2_200), true, false, Because::Usual),
            (Some(1_550), Some(2_400), true, false, heated),
            (Some(800), None, true, false, Because::TooFewIntervals),
            (None, Some(2_400), true, false, few),
            (None, None, false, false, Because::Coarse),
            (Some(800), None, false, false, Because::Coarse),
            (
                Some(800),
                Some(2_400),
                true,
                true,
                Because::UntilUsual { most: 600 },
            ),
        ] {
            let found = found(level, least, is_fine, is_alerted);
            assert_eq!(found, expected, "{level:?} {least:?} {is_fine}");
        }
    }
}
