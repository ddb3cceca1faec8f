//! Meters that count whole kWh, and what they hide from the rules.

use crate::types::{Kind, Reading, RoomKey, WattHours};

use super::Rules;

/// What such a register moves by.
const STEP: i64 = 1_000;

/// A register of two decimals shows as many different whole values in a row once in a million
/// times.
const ENOUGH_VALUES: u32 = 3;

/// What the readings of a meter say of its steps, one after the other in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    last: Option<WattHours>,
    changes: u32,
    is_fine: bool,
}

impl Steps {
    pub fn take(&mut self, register: WattHours) {
        self.is_fine |= register.0 % STEP != 0;
        // Readings come in time order, forwards or backwards: a change is a value not seen before.
        if self.last != Some(register) {
            self.changes = self.changes.saturating_add(1);
            self.last = Some(register);
        }
    }

    /// Of these readings.
    pub fn of(readings: &[Reading]) -> Steps {
        let mut steps = Steps::default();
        readings
            .iter()
            .for_each(|reading| steps.take(reading.register));
        steps
    }

    /// Whether the meter is known to count whole kWh.
    pub fn are_whole_kwh(&self) -> bool {
        !self.is_fine && self.changes >= ENOUGH_VALUES
    }
}

impl Rules {
    /// The most that a room can use in every interval, evenly and for ever, without an alert where
    /// its meter counts whole kWh.
    ///
    /// The register moves by the whole kWh below the use or above it. Where only the upper one is
    /// abnormal, the lower one must not come within `alert_periods` intervals: it does where it
    /// falls short by at least one kWh in so many intervals.
    pub fn hidden_by_whole_kwh(&self, room: &RoomKey, kind: Kind) -> WattHours {
        let abnormal = self.threshold(room, kind).0.div_euclid(STEP) + 1;
        let periods = i64::from(self.alert_periods.max(1));
        WattHours(abnormal * STEP - (STEP + periods - 1) / periods)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Change, NoticeKind, RoomState, Stay, Thresholds, observe};
    use crate::types::LocalTime;

    /// Whether a room that uses so much in each of many intervals is never noticed, whatever its
    /// register showed of the first kWh.
    fn is_hidden(rules: &Rules, wh: i64) -> bool {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        let stay = Stay::Vacant {
            actual_checkin: None,
            actual_checkout: noon,
        };
        (0..20).all(|phase| {
            let reading = |n: i64| {
                let used = phase * 50 + n * wh;
                Reading {
                    time: noon.plus(n * rules.interval_seconds),
                    register: WattHours(used - used % STEP),
                }
            };
            let readings: Vec<Reading> = (0..2_000).map(reading).collect();
            let state = RoomState::new(stay, rules);
            let after = observe(&RoomKey::new("H1", "1"), &state, &readings, rules);
            !after.changes.iter().any(|change| {
                matches!(change, Change::Notice(notice) if notice.kind == NoticeKind::Alert)
            })
        })
    }

    #[test]
    fn what_is_hidden_is_what_the_rules_never_notice() {
        for threshold in [100, 999, 1_000, 1_500, 2_000, 2_999] {
            for alert_periods in [1, 2, 3, 4, 6] {
                let rules = Rules {
                    alert_periods,
                    thresholds: Thresholds {
                        checkin: WattHours(threshold),
                        checkout: WattHours(threshold),
                    },
                    ..Rules::default()
                };
                let hidden = rules.hidden_by_whole_kwh(&RoomKey::new("H1", "1"), Kind::Checkout);
                let of = format!("{threshold} {alert_periods}: {hidden}");
                assert!(is_hidden(&rules, hidden.0), "{of} is noticed");
                assert!(!is_hidden(&rules, hidden.0 + 2), "more than {of} is hidden");
            }
        }
        let hidden = Rules::default().hidden_by_whole_kwh(&RoomKey::new("H1", "1"), Kind::Checkout);
        assert_eq!(hidden, WattHours(1_750), "3.5 kW");
    }

    #[test]
    fn a_meter_is_known_by_three_whole_values_and_no_other() {
        let steps = |registers: &[i64]| {
            let mut steps = Steps::default();
            registers.iter().for_each(|wh| steps.take(WattHours(*wh)));
            steps.are_whole_kwh()
        };
        assert!(steps(&[1_000, 1_000, 2_000, 4_000]));
        assert!(!steps(&[1_000, 1_000, 2_000, 2_000]));
        assert!(!steps(&[1_000, 2_000, 2_010, 4_000]));
        assert!(!steps(&[]));
    }
}
