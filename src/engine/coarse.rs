//! Meters that count whole kWh only, and the energy use that this hides from the rules.

use crate::types::{Kind, Reading, RoomKey, WattHours};

use super::Rules;

/// The step of a whole-kWh register, in Wh.
const STEP: i64 = 1_000;

/// Different values that a meter must show, all of them whole, before it is taken for a whole-kWh
/// meter. One with two decimals shows three whole values in a row once in a million times.
const MIN_VALUES: u32 = 3;

/// Finds out from a meter's readings whether it counts whole kWh only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    last: Option<WattHours>,
    changes: u32,
    has_fraction: bool,
}

impl Steps {
    /// Adds a reading. Readings must come in time order, forwards or backwards.
    pub fn add(&mut self, register: WattHours) {
        self.has_fraction |= register.0 % STEP != 0;
        // In time order a register that changes has a value not seen before.
        if self.last != Some(register) {
            self.changes = self.changes.saturating_add(1);
            self.last = Some(register);
        }
    }

    /// The steps of these readings, which must be in time order.
    pub fn of(readings: &[Reading]) -> Steps {
        let mut steps = Steps::default();
        readings
            .iter()
            .for_each(|reading| steps.add(reading.register));
        steps
    }

    /// Whether the readings are enough to know that the meter counts whole kWh only.
    pub fn are_whole_kwh(&self) -> bool {
        !self.has_fraction && self.changes >= MIN_VALUES
    }
}

impl Rules {
    /// The highest steady use per interval that never causes an alert in this room if its meter
    /// counts whole kWh.
    ///
    /// In each interval the register moves by the use, rounded down or up to whole kWh. Let only
    /// the rounded-up value be abnormal: then an alert needs `alert_periods` intervals in a row
    /// that round up. Over these the register moves by more than the true use, but always by less
    /// than one kWh more. So the use is hidden if such intervals would add up to a whole kWh too
    /// much.
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

    /// Whether a steady use of `wh` per interval never causes an alert, whatever fraction of a kWh
    /// the register starts with.
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
    fn the_hidden_use_is_the_highest_without_an_alert() {
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
                assert!(is_hidden(&rules, hidden.0), "{of} causes an alert");
                assert!(!is_hidden(&rules, hidden.0 + 2), "more than {of} is hidden");
            }
        }
        let hidden = Rules::default().hidden_by_whole_kwh(&RoomKey::new("H1", "1"), Kind::Checkout);
        assert_eq!(hidden, WattHours(1_750), "3.5 kW");
    }

    #[test]
    fn three_different_whole_values_and_no_other_make_a_whole_kwh_meter() {
        let steps = |registers: &[i64]| {
            let mut steps = Steps::default();
            registers.iter().for_each(|wh| steps.add(WattHours(*wh)));
            steps.are_whole_kwh()
        };
        assert!(steps(&[1_000, 1_000, 2_000, 4_000]));
        assert!(!steps(&[1_000, 1_000, 2_000, 2_000]));
        assert!(!steps(&[1_000, 2_000, 2_010, 4_000]));
        assert!(!steps(&[]));
    }
}
