//! Advises thresholds from the hotels' own data.

mod beside;
mod study;

use crate::types::{Kind, WattHours};

pub use beside::{Beside, beside};
pub use study::{Distribution, Studies, Study, candidates, study};

/// With fewer rooms or room-days nothing is advised: a single unusual room would decide.
pub const ENOUGH_ROOMS: u64 = 20;
pub const ENOUGH_ROOM_DAYS: f64 = 200.0;

/// The advice for rooms of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// Energy per interval; `None` if nothing can be advised.
    pub threshold: Option<WattHours>,
    pub reason: Reason,
}

/// Why a threshold is advised, or why none is. Rates are alerts per 100 rooms and day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// Nothing is advised: more rooms are needed.
    TooFewRooms { rooms: u64 },
    /// Nothing is advised: `missing` more days of data are needed.
    TooFewDays { room_days: f64, missing: u32 },
    /// Nothing is advised: every threshold up to `highest` would have raised too many alerts.
    BeyondBudget { highest: WattHours, budget: f64 },
    /// What lies above it is clearly separate: it could be raised by half with little change.
    Apart {
        ordinary: WattHours,
        rate: f64,
        change: f64,
    },
    /// Nothing above it is clearly separate, but the change is within the budget.
    Calm {
        ordinary: WattHours,
        rate: f64,
        change: f64,
        budget: f64,
    },
    /// It is the lowest within the budget; `below` is the next lower one, with its rate.
    Lowest {
        rate: f64,
        budget: f64,
        below: Option<(WattHours, f64)>,
    },
    /// The same as for all hotels: it has about as many alerts as the budget allows.
    AsForAll { alerts: u64, expected: f64 },
}

/// Advises a threshold; `budget` is how many useless alerts the staff accepts per 100 rooms and
/// day.
///
/// The data does not say which alerts are useless. In vacant rooms they can be recognised: standby
/// devices use little, what was left on uses much, and between the two is a range where moving the
/// threshold changes nothing. So this advises the lowest threshold that could be raised by half
/// with no more change in alerts than the budget, and that is at least three times ordinary use.
/// Ordinary is the median, because something may be left on for a good part of all vacant time.
/// Guests' use has no such gap: there all alerts count.
pub fn advise(study: &Study, kind: Kind, budget: f64) -> Advice {
    let days = study.room_days();
    let too_little = if study.rooms < ENOUGH_ROOMS {
        Some(Reason::TooFewRooms { rooms: study.rooms })
    } else if days < ENOUGH_ROOM_DAYS {
        // Assumes as many room-days a day as so far.
        let in_a_day = days / (study.span as f64 / 86_400.0).max(f64::MIN_POSITIVE);
        let missing = (ENOUGH_ROOM_DAYS - days) / in_a_day.max(f64::MIN_POSITIVE);
        Some(Reason::TooFewDays {
            room_days: days,
            missing: missing.ceil() as u32,
        })
    } else {
        None
    };
    if let Some(reason) = too_little {
        return Advice {
            threshold: None,
            reason,
        };
    }
    let found = match kind {
        Kind::Checkout => apart(study, budget),
        Kind::Checkin => within(study, budget),
    };
    found.unwrap_or_else(|| Advice {
        threshold: None,
        reason: Reason::BeyondBudget {
            highest: candidates().last().copied().unwrap_or_default(),
            budget,
        },
    })
}

/// Advises a threshold for one hotel when `general` is advised for all: its own only if it clearly
/// differs, because a few alerts more or less are chance.
pub fn advise_hotel(study: &Study, kind: Kind, budget: f64, general: &Advice) -> Advice {
    let own = advise(study, kind, budget);
    let (Some(of_all), Some(_), Kind::Checkin) = (general.threshold, own.threshold, kind) else {
        return own;
    };
    let alerts = study.alerts_at(of_all);
    let expected = budget * study.room_days() / 100.0;
    if (alerts as f64 - expected).abs() > 2.0 * expected.sqrt() {
        return own;
    }
    Advice {
        threshold: general.threshold,
        reason: Reason::AsForAll { alerts, expected },
    }
}

/// The lowest threshold above which use is clearly separate.
fn apart(study: &Study, budget: f64) -> Option<Advice> {
    let ordinary = study.intervals.quantile(0.5)?;
    let tried: Vec<(WattHours, u64)> = (candidates().into_iter())
        .zip(study.alerts.iter().copied())
        .collect();
    tried
        .iter()
        .enumerate()
        .find_map(|(at, &(threshold, alerts))| {
            let up_to = tried
                .iter()
                .position(|(other, _)| other.0 * 2 >= threshold.0 * 3);
            let end = up_to.map_or(tried.len(), |up_to| up_to + 1);
            let moved = tried[at..end].iter().map(|&(_, alerts)| alerts);
            // Nothing is known beyond the highest candidate: assume no alerts.
            let moved = moved.chain(up_to.is_none().then_some(0));
            // A rise counts, too: where all intervals are abnormal, a room has only one alert.
            let change = moved.clone().max()?.saturating_sub(moved.min()?);
            let change = study.rate(change);
            let is_apart = threshold.0 >= 3 * ordinary.0 && change <= budget;
            let rate = study.rate(alerts);
            // If most alerts would vanish, only the budget speaks for this threshold.
            let reason = if alerts > 0 && 2.0 * change <= rate {
                Reason::Apart {
                    ordinary,
                    rate,
                    change,
                }
            } else {
                Reason::Calm {
                    ordinary,
                    rate,
                    change,
                    budget,
                }
            };
            is_apart.then_some(Advice {
                threshold: Some(threshold),
                reason,
            })
        })
}

/// The lowest threshold whose alerts are within the budget.
fn within(study: &Study, budget: f64) -> Option<Advice> {
    let candidates = candidates();
    // All higher ones must be within it, too: a higher threshold can split runs into more alerts.
    let too_many = |&alerts: &u64| study.rate(alerts) > budget;
    let first = (study.alerts.iter().rposition(too_many)).map_or(0, |last| last + 1);
    let threshold = *candidates.get(first)?;
    let rate = study.rate(*study.alerts.get(first)?);
    let below = first.checked_sub(1).and_then(|below| {
        let rate = study.rate(*study.alerts.get(below)?);
        Some((*candidates.get(below)?, rate))
    });
    Some(Advice {
        threshold: Some(threshold),
        reason: Reason::Lowest {
            rate,
            budget,
            below,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A study of 100 rooms over ten days. `rate` gives the alerts per 100 rooms and day for each
    /// threshold. In four of ten intervals something was left on, else `ordinary` Wh were used.
    fn studied(ordinary: i64, rate: impl Fn(i64) -> f64) -> Study {
        let mut study = Study {
            rooms: 100,
            seconds: 1_000 * 86_400,
            alerts: candidates()
                .iter()
                .map(|candidate| (rate(candidate.0) * 10.0).round() as u64)
                .collect(),
            ..Study::default()
        };
        study.intervals.add(WattHours(ordinary), 60);
        study.intervals.add(WattHours(1_000), 40);
        study
    }

    fn advised(study: &Study, kind: Kind) -> Option<i64> {
        advise(study, kind, 1.0)
            .threshold
            .map(|threshold| threshold.0)
    }

    /// The rate of alerts for what was left on.
    fn left_on(wh: i64) -> f64 {
        match wh {
            ..500 => 4.0,
            500..1_000 => 2.0,
            1_000..2_000 => 1.0,
            _ => 0.5,
        }
    }

    #[test]
    fn in_vacant_rooms_the_threshold_separates_ordinary_use_from_what_was_left_on() {
        let noise = |most: f64, until: f64| {
            move |wh: i64| left_on(wh) + (most * (1.0 - wh as f64 / until)).max(0.0)
        };
        for (most, until, ordinary, threshold) in [
            // Nothing but what was left on.
            (0.0, 1.0, 30, Some(100)),
            // It has to be three times ordinary use.
            (0.0, 1.0, 60, Some(200)),
            (0.0, 1.0, 100, Some(300)),
            // Alerts for ordinary use, up to higher and higher thresholds.
            (30.0, 200.0, 40, Some(200)),
            (30.0, 300.0, 40, Some(300)),
        ] {
            let study = studied(ordinary, noise(most, until));
            assert_eq!(advised(&study, Kind::Checkout), threshold, "{most} {until}");
        }
    }

    /// With a threshold below the use of all rooms, each room has only one alert.
    #[test]
    fn few_alerts_of_rooms_that_are_always_abnormal_do_not_count_as_calm() {
        let study = studied(30, |wh| match wh {
            ..150 => 5.0,
            150..200 => 20.0,
            _ => left_on(wh),
        });
        assert_eq!(advised(&study, Kind::Checkout), Some(200));
    }

    #[test]
    fn without_a_clear_gap_the_budget_decides() {
        // Falling steadily, without a gap.
        let study = studied(40, |wh| 30_000.0 / wh as f64);
        assert_eq!(advised(&study, Kind::Checkout), None);
        let advice = advise(&study, Kind::Checkin, 1.0);
        assert_eq!(
            advice.reason,
            Reason::BeyondBudget {
                highest: WattHours(3_000),
                budget: 1.0
            }
        );
        let study = studied(40, |wh| 30.0 * 0.5f64.powf(wh as f64 / 200.0));
        assert_eq!(advised(&study, Kind::Checkout), Some(950));
        let reason = |study: &Study| advise(study, Kind::Checkout, 1.0).reason;
        assert!(matches!(reason(&study), Reason::Calm { .. }));
        assert!(matches!(reason(&studied(30, |_| 0.0)), Reason::Calm { .. }));
        assert!(matches!(
            reason(&studied(30, left_on)),
            Reason::Apart { .. }
        ));
        assert_eq!(advised(&study, Kind::Checkin), Some(1_000));
    }

    #[test]
    fn for_occupied_rooms_all_higher_thresholds_must_be_within_the_budget() {
        let study = studied(300, left_on);
        assert_eq!(advised(&study, Kind::Checkin), Some(1_000));
        let split = |wh| if wh == 1_500 { 1.2 } else { left_on(wh) };
        assert_eq!(advised(&studied(300, split), Kind::Checkin), Some(1_600));
        let advice = advise(&study, Kind::Checkin, 2.0);
        assert_eq!(advice.threshold, Some(WattHours(500)));
        assert_eq!(
            advice.reason,
            Reason::Lowest {
                rate: 2.0,
                budget: 2.0,
                below: Some((WattHours(450), 4.0))
            }
        );
    }

    #[test]
    fn with_too_little_data_the_advice_says_when_there_will_be_enough() {
        let reason = |rooms, days: i64, span: i64| {
            let study = Study {
                rooms,
                seconds: days * 86_400,
                span: span * 86_400,
                ..Study::default()
            };
            advise(&study, Kind::Checkout, 1.0).reason
        };
        assert_eq!(reason(19, 500, 14), Reason::TooFewRooms { rooms: 19 });
        for (days, span, missing) in [(60, 2, 5), (199, 14, 1), (100, 14, 14)] {
            let room_days = days as f64;
            assert_eq!(
                reason(60, days, span),
                Reason::TooFewDays { room_days, missing }
            );
        }
    }

    #[test]
    fn a_hotel_gets_its_own_threshold_only_if_it_clearly_differs() {
        let general = advise(&studied(300, left_on), Kind::Checkin, 1.0);
        let own = |rate: &dyn Fn(i64) -> f64| {
            advise_hotel(&studied(300, rate), Kind::Checkin, 1.0, &general).threshold
        };
        // Ten alerts in a thousand room-days are expected.
        assert_eq!(
            own(&|wh| if wh <= 1_500 { 1.6 } else { 0.3 }),
            Some(WattHours(1_000))
        );
        assert_eq!(
            own(&|wh| if wh <= 1_500 { 1.7 } else { 0.3 }),
            Some(WattHours(1_600))
        );
        assert_eq!(
            own(&|wh| if wh <= 300 { 1.7 } else { 0.3 }),
            Some(WattHours(350))
        );
        let small = Study {
            rooms: 5,
            ..studied(300, left_on)
        };
        assert_eq!(
            advise_hotel(&small, Kind::Checkin, 1.0, &general).threshold,
            None
        );
        // In vacant rooms the gap decides.
        let vacant = advise(&studied(40, left_on), Kind::Checkout, 1.0);
        let other = advise_hotel(&studied(100, left_on), Kind::Checkout, 1.0, &vacant);
        assert_eq!(other.threshold, Some(WattHours(300)));
    }

    #[test]
    fn a_quantile_is_not_exceeded_by_its_share() {
        let mut distribution = Distribution::default();
        assert_eq!(distribution.quantile(0.5), None);
        for (wh, intervals) in [(0, 1), (11, 2), (20, 1), (2_000, 6)] {
            distribution.add(WattHours(wh), intervals);
        }
        assert_eq!(distribution.total(), 10);
        for (share, wh) in [
            (0.0, 0),
            (0.1, 0),
            (0.11, 20),
            (0.4, 20),
            (0.41, 2_000),
            (1.0, 2_000),
        ] {
            assert_eq!(distribution.quantile(share), Some(WattHours(wh)), "{share}");
        }
    }
}
