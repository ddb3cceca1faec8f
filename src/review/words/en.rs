//! English.

use crate::engine::{NoticeKind, Rules, RunEnd, Stay};
use crate::review::{Next, Reason, Verdict, Why};
use crate::types::{Kind, LocalTime, WattHours, counted};

use super::{Folded, Words};

pub struct En;

impl Words for En {
    fn state(&self, kind: Kind) -> &'static str {
        kind.occupancy()
    }

    fn duration(&self, seconds: i64) -> String {
        let (hours, minutes) = (seconds / 3_600, seconds % 3_600 / 60);
        match (hours, minutes) {
            (0, 0) => format!("{seconds} s"),
            (0, minutes) => counted(minutes, "minute"),
            (hours, 0) => format!("{hours} h"),
            (hours, minutes) => format!("{hours} h {minutes} min"),
        }
    }

    fn to(&self) -> &'static str {
        "to"
    }

    fn stay(&self, stay: &Stay, until: Option<LocalTime>) -> String {
        let state = self.state(stay.kind());
        let mut text = format!("{state} from {}", stay.time());
        if let Some(until) = until {
            text.push_str(&format!(" to {until}"));
        }
        if let Stay::Occupied {
            expected_checkout: Some(expected),
            ..
        } = stay
        {
            text.push_str(&format!(", expected to leave {expected}"));
        }
        text
    }

    fn rule(&self, threshold: WattHours, rules: &Rules) -> String {
        format!(
            "abnormal is more than {threshold} kWh in {}, an alert comes at {} in a row",
            self.duration(rules.interval_seconds),
            rules.alert_periods
        )
    }

    fn heads_of_readings(&self) -> [&'static str; 3] {
        ["time", "meter", "kWh"]
    }

    fn verdict(&self, verdict: Verdict) -> &'static str {
        verdict.as_str()
    }

    fn event(&self, kind: NoticeKind) -> &'static str {
        match kind {
            NoticeKind::Alert => "ALERT: ",
            NoticeKind::Reminder => "REMINDER: ",
            NoticeKind::Recovered => "RECOVERED: ",
            NoticeKind::Closed(_) => "NO LONGER FOLLOWED: ",
        }
    }

    fn reason(&self, reason: &Reason) -> String {
        let mut text = String::new();
        if reason.outlier_dropped {
            text.push_str("the suspect reading before was an outlier; ");
        }
        if reason.meter_changed {
            text.push_str("the meter was replaced or reset; ");
        }
        text.push_str(&self.why(&reason.why));
        if let Some((run, end)) = reason.ended {
            text.push_str(&match end {
                RunEnd::Recovered => format!("; the run of {} ends", run.periods),
                RunEnd::Closed(_) => {
                    format!(
                        "; the run of {} is cut off, without a recovery",
                        run.periods
                    )
                }
            });
        }
        text
    }

    fn folded(&self, folded: &Folded) -> String {
        let word = folded.verdict.as_str();
        let used = |most: &str| format!("{} {word}, at most {most} kWh", folded.intervals());
        match (&folded.used, folded.run) {
            (Some((least, most)), Some((first, last))) => {
                let amount = match least == most {
                    true => format!("{most} kWh each"),
                    false => format!("{least} to {most} kWh"),
                };
                format!(
                    "{} {word}, {amount} ({first} to {last} in a row)",
                    folded.intervals()
                )
            }
            (Some((_, most)), None) => used(most),
            (None, _) => format!("{}: {word}", counted(folded.count, "reading")),
        }
    }

    fn nothing_judged(&self) -> &'static str {
        "no interval: there is no reading to judge"
    }
}

impl En {
    fn why(&self, why: &Why) -> String {
        let decides = "later readings will show whether it is an outlier or another meter";
        match *why {
            Why::Late => "not later than the reading before it: it is not judged".to_owned(),
            Why::BeforeStay => {
                "more than an interval before the stay: judging can't start from it".to_owned()
            }
            Why::Initial => "judging starts from this register".to_owned(),
            Why::Superseded => "a later reading before the stay takes its place".to_owned(),
            Why::Fell { from, to } => format!("the register fell from {from} to {to}: {decides}"),
            Why::Rose {
                rise,
                seconds,
                most,
            } => format!(
                "{rise} kWh in {}, more than {most} an interval: {decides}",
                self.duration(seconds)
            ),
            Why::Implausible => format!("not plausible: {decides}"),
            Why::Undecided { seconds, needed } => format!(
                "it fits the suspect reading {} before: if that goes on for {}, the meter is taken \
                 for a new one",
                self.duration(seconds),
                self.duration(needed)
            ),
            Why::WithinInterval { seconds } => format!(
                "{} after the last interval: the next one is not over yet",
                self.duration(seconds)
            ),
            Why::Gap { seconds, most } => format!(
                "{} without a reading, more than {}: what was used meanwhile is not judged",
                self.duration(seconds),
                self.duration(most)
            ),
            Why::AcrossStay => {
                "the interval began before the stay: judging starts from here".to_owned()
            }
            Why::OutOfOrder { since } => {
                format!(
                    "the room has been out of order since {}",
                    since.day_hour_minute()
                )
            }
            Why::Cleaning => {
                "the room may have been cleaned: it neither counts nor ends a run".to_owned()
            }
            Why::StandsStill {
                seconds,
                needed,
                periods,
            } => format!(
                "the register has not moved for {}: the meter or its gateway may be repeating its \
                 last value, so the run of {periods} neither grows nor ends until it has stood \
                 still for {}",
                self.duration(seconds),
                self.duration(needed)
            ),
            Why::Judged {
                abnormal,
                threshold,
                periods,
                seconds,
                run,
                next,
            } => {
                let than = if abnormal { "more" } else { "not more" };
                let mut text = format!("{than} than {threshold} kWh");
                if periods != 1 {
                    let long = self.duration(seconds);
                    let periods = counted(periods, "interval");
                    text.push_str(&format!("; {long} counts as {periods}"));
                }
                if let Some(run) = run {
                    let since = run.since.day_hour_minute();
                    text.push_str(&format!("; {} in a row since {since}", run.periods));
                }
                text.push_str(&match next {
                    Some(Next::Alert(at)) => format!(", an alert at {at}"),
                    Some(Next::Reminder(at)) => format!(", a reminder at {at}"),
                    None => String::new(),
                });
                text
            }
        }
    }
}

impl Folded {
    fn intervals(&self) -> String {
        counted(self.count, "interval")
    }
}
