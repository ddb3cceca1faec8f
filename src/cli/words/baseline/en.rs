use crate::engine::baseline::{
    ABOVE_ALARM, ABOVE_LEVEL, ALERT_PERIODS, COARSE_ALARM, COARSE_MOST, COARSE_STEP, EventKind,
    Finding, LEAST_LEVEL, STEP,
};
use crate::engine::{BaselineMode, Rule, Rules};
use crate::review::advise::Beside;
use crate::review::{Assessed, Because, ByRule, En, Words as _};
use crate::types::{Kind, LocalTime, WattHours, counted};

use super::BaselineWords;

impl BaselineWords for En {
    fn baseline_rule(&self, rules: &Rules) -> String {
        let shadow = match rules.baseline.mode {
            BaselineMode::Shadow => " (in shadow: the staff is not notified)",
            BaselineMode::On | BaselineMode::Off => "",
        };
        let interval = self.duration(rules.interval_seconds);
        format!("baseline rule{shadow}, in Wh per {interval}")
    }

    fn legend(&self, kind: Kind, is_fine: bool, rules: &Rules) -> Vec<String> {
        let (allowance, alarm) = (rules.baseline.allowance.0, rules.baseline.alarm.0);
        let most = alarm + ABOVE_ALARM;
        let base =
            "B: the base, the lowest use of its vacancies (V), its stays (O), or the hotel's \
             rooms (h)"
                .to_owned();
        let common =
            "D: what other vacant rooms use above their bases, the middle one (*: many rose, \
             85 %)"
                .to_owned();
        let tolerance = format!("T: 1.5 D, at least {allowance}; e = used - B - T");
        let of_kind = match (kind, is_fine) {
            (Kind::Checkout, true) => [
                common,
                format!("{tolerance}, at most {STEP}"),
                format!(
                    "S: S + e, from 0 to {most}; two e < 0 in a row empty it; alert at {alarm} in \
                     {ALERT_PERIODS} intervals"
                ),
            ],
            (Kind::Checkout, false) => [
                common,
                format!("{tolerance}, of used at most {COARSE_STEP}: the meter counts whole kWh"),
                format!("S: S + e, from 0 to {COARSE_MOST}; alert at {COARSE_ALARM}"),
            ],
            (Kind::Checkin, _) => [
                "y = used - B, at least 0; m: the least y of six".to_owned(),
                format!(
                    "Q: what nine of ten rooms have not held above their bases in 48 h, at least \
                     {LEAST_LEVEL}"
                ),
                format!("limit: 1.5 Q, at least Q + {ABOVE_LEVEL}; alert when m is above it"),
            ],
        };
        std::iter::once(base).chain(of_kind).collect()
    }

    fn heads_of_assessed(&self) -> [&'static str; 3] {
        ["time", "used", "limit"]
    }

    fn event_of_baseline(&self, kind: EventKind) -> &'static str {
        match kind {
            EventKind::Alert => "ALERT",
            EventKind::Reminder => "REMINDER",
            EventKind::Recovered => "RECOVERED",
            EventKind::Closed => "NO LONGER FOLLOWED",
        }
    }

    fn because(&self, assessed: &Assessed) -> String {
        let mut text = String::new();
        if assessed.is_interrupted {
            text.push_str("S begins anew; ");
        }
        if assessed.interval.periods != 1 {
            text.push_str(&format!("counts {} times; ", assessed.interval.periods));
        }
        text.push_str(&match assessed.because {
            Because::Event(event) => format!(
                "{}: {} kWh in {} since {}",
                self.event_of_baseline(event.kind),
                event.energy,
                event.periods,
                event.since.day_hour_minute()
            ),
            Because::Usual => "usual".to_owned(),
            Because::Emptied => "usual again".to_owned(),
            Because::Grows { alarm } => format!("grows, alert at {alarm}"),
            Because::Falls => "falls".to_owned(),
            Because::TooFewPeriods { needed, periods } => {
                format!("{periods} of the {needed} intervals that an alert takes")
            }
            Because::Held { until } => {
                format!(
                    "held back until {}: many rooms rose",
                    until.day_hour_minute()
                )
            }
            Because::Alerted { periods, reminder } => {
                format!("alerted; {periods} intervals, reminder at {reminder}")
            }
            Because::TooFewIntervals => "fewer than six intervals".to_owned(),
            Because::Coarse => "the meter counts whole kWh".to_owned(),
            Because::TooFewRooms { needed } => format!("fewer than {needed} rooms to compare with"),
            Because::Heated { most } => format!("Q above {most}: electric heating is usual"),
            Because::UntilUsual { most } => format!("alerted; usual again at y {most}"),
        });
        text
    }

    fn alike(&self, count: usize, (least, most): (i64, i64), last: &Assessed) -> String {
        let account = match last.verdict.kind {
            Finding::Vacant { account, .. } => format!("; S {account}"),
            Finding::Occupied { .. } => String::new(),
        };
        format!(
            "{}, used {least} to {most}: {}{account}",
            counted(count, "interval"),
            self.because(last)
        )
    }

    fn found_by(&self, rule: Rule, found: &ByRule) -> String {
        let rule = match rule {
            Rule::Fixed => "thresholds",
            Rule::Baseline => "baseline rule",
        };
        format!(
            "{rule}: {} in {}, {:.1} h",
            counted(found.alerts, "alert"),
            counted(found.rooms, "room"),
            found.seconds as f64 / 3_600.0
        )
    }

    fn baseline(&self) -> &'static str {
        "baseline"
    }

    fn alerts_of_rules(&self, now: (u64, f64), baseline: (u64, f64)) -> String {
        let of = |(alerts, rate): (u64, f64)| {
            let alerts = counted(alerts, "alert");
            format!("{alerts}, {rate:.2} per 100 rooms and day")
        };
        format!(
            "the configured threshold would have raised {};\n  the baseline rule, which needs \
             none, {}",
            of(now),
            of(baseline)
        )
    }

    fn beside(&self, threshold: WattHours, beside: &Beside) -> String {
        let Beside {
            alerts,
            both,
            earlier,
            more,
        } = *beside;
        let when = match earlier {
            None => String::new(),
            Some(0) => "half of them no later; ".to_owned(),
            Some(1..) => {
                let earlier = self.duration(earlier.unwrap_or_default());
                format!("half of them at least {earlier} earlier; ")
            }
            Some(later) => format!("half of them up to {} later; ", self.duration(-later)),
        };
        format!(
            "of {} at {threshold} kWh the baseline rule would have raised {both}:\n  {when}and \
             {more} that {threshold} kWh would not",
            counted(alerts, "alert")
        )
    }

    fn head_of_baseline(&self) -> &'static str {
        "baseline/100"
    }

    fn readings_begin(&self, first: LocalTime, days: f64, asked: f64) -> String {
        format!("There is data from {first} on: {days:.1} of {asked:.1} days.")
    }
}
