//! What the baseline rule finds beside advised thresholds.

use std::collections::BTreeMap;

use crate::engine::{BaselineMode, Rules, Thresholds};
use crate::review::alerted::RunsByRoom;
use crate::review::{AlertedRun, Finding, Past, alerted_runs, backtest};
use crate::types::{Kind, WattHours};

use super::study::with_thresholds;

/// What the baseline rule finds beside a threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Alerts that the threshold would have raised.
    pub alerts: u64,
    /// Of these, how many the baseline rule has, too: in the same room, at the same time.
    pub both: u64,
    /// Half of those in `both` are found so much earlier by the baseline rule, or more; negative:
    /// later. `None` without any. Seconds.
    pub earlier: Option<i64>,
    /// Alerts of the baseline rule alone.
    pub more: u64,
}

/// Compares the alerts of advised thresholds with those of the baseline rule.
pub fn beside(
    past: &Past,
    rules: &Rules,
    advised: &BTreeMap<Kind, WattHours>,
    unusual: &[AlertedRun],
) -> BTreeMap<Kind, Beside> {
    let of = |kind, configured| advised.get(&kind).copied().unwrap_or(configured);
    let thresholds = Thresholds {
        checkin: of(Kind::Checkin, rules.thresholds.checkin),
        checkout: of(Kind::Checkout, rules.thresholds.checkout),
    };
    let mut fixed = with_thresholds(rules, thresholds);
    fixed.baseline.mode = BaselineMode::Off;
    let findings = backtest(past, &[fixed]);
    let fixed = alerted_runs(findings.iter().filter_map(Finding::of_room), past);
    let kinds = advised.keys();
    kinds
        .map(|&kind| (kind, compare(kind, &fixed, unusual)))
        .collect()
}

fn compare(kind: Kind, fixed: &[AlertedRun], unusual: &[AlertedRun]) -> Beside {
    let (fixed, unusual) = (of_kind(kind, fixed), of_kind(kind, unusual));
    let earlier = fixed.runs().filter_map(|run| {
        let other = unusual.beside(run)?;
        Some(run.detected.since(other.detected))
    });
    let mut earlier: Vec<i64> = earlier.collect();
    earlier.sort_unstable();
    let alone = unusual.runs().filter(|run| fixed.beside(run).is_none());
    Beside {
        alerts: fixed.runs().count() as u64,
        both: earlier.len() as u64,
        // From here on they are half of them, or one more.
        earlier: earlier.get(earlier.len() / 2).copied(),
        more: alone.count() as u64,
    }
}

fn of_kind(kind: Kind, runs: &[AlertedRun]) -> RunsByRoom<'_> {
    RunsByRoom::of(runs.iter().filter(|run| run.kind == kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Rule;
    use crate::types::{LocalTime, RoomKey};

    fn run(room: &str, kind: Kind, rule: Rule, [since, detected, until]: [u32; 3]) -> AlertedRun {
        let at = |hour| LocalTime::from_ymd_hms(2023, 4, 10, hour, 0, 0).expect("a time");
        AlertedRun {
            room: RoomKey::new("H001", room),
            kind,
            rule,
            stay: at(0),
            since: at(since),
            detected: at(detected),
            until: at(until),
        }
    }

    #[test]
    fn alerts_of_one_room_at_one_time_are_the_same() {
        let vacant = |room, rule, hours| run(room, Kind::Checkout, rule, hours);
        let fixed = [
            vacant("101", Rule::Fixed, [8, 12, 14]),
            vacant("101", Rule::Fixed, [15, 17, 18]),
            vacant("102", Rule::Fixed, [8, 10, 12]),
            vacant("103", Rule::Fixed, [8, 10, 12]),
            vacant("104", Rule::Fixed, [8, 10, 12]),
            run("101", Kind::Checkin, Rule::Fixed, [20, 21, 22]),
        ];
        let unusual = [
            vacant("101", Rule::Baseline, [7, 9, 14]),
            // Not at the same time, but for a moment.
            vacant("101", Rule::Baseline, [18, 20, 22]),
            vacant("102", Rule::Baseline, [8, 11, 12]),
            vacant("103", Rule::Baseline, [9, 11, 13]),
            vacant("105", Rule::Baseline, [9, 11, 13]),
        ];
        let found = compare(Kind::Checkout, &fixed, &unusual);
        let expected = Beside {
            alerts: 5,
            both: 3,
            // 3 h earlier, an hour later, and an hour later.
            earlier: Some(-3_600),
            more: 2,
        };
        assert_eq!(found, expected);
        let none = compare(Kind::Checkin, &fixed, &unusual);
        assert_eq!(
            (none.alerts, none.both, none.earlier, none.more),
            (1, 0, None, 0)
        );
    }
}
