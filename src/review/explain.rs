//! Why a room was judged as it was: each reading with what the engine made of it, and in words why.

use std::fmt::Write as _;

use crate::engine::{NoticeKind, Outcome, Rules, Run, RunEnd, Stay, Step, Watch, observe_each};
use crate::types::{LocalTime, Reading, WattHours, counted};

use super::Room;

/// One stay of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    pub stay: Stay,
    /// When the next one began.
    pub until: Option<LocalTime>,
    /// Energy per interval above which an interval is abnormal.
    pub threshold: WattHours,
    pub lines: Vec<Line>,
}

/// One reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub reading: Reading,
    pub verdict: &'static str,
    /// Of an interval that was judged: its energy, as if it had been exactly one interval long.
    pub per_interval: Option<WattHours>,
    /// The run it belongs to, where it is abnormal.
    pub run: Option<Run>,
    /// What the staff is told of it.
    pub news: Vec<NoticeKind>,
    /// Why, in words.
    pub reason: String,
    /// Whether it decided something, or began to.
    pub matters: bool,
}

/// The stays of a room, each with its readings from `from` on as the engine judges them.
pub fn explain(room: &Room, from: LocalTime, rules: &Rules) -> Vec<Chapter> {
    let mut chapters: Vec<Chapter> = Vec::new();
    for (watch, readings) in room.watches(rules, LocalTime::FIRST) {
        if let Some(before) = chapters.last_mut() {
            before.until = Some(watch.stay.time());
        }
        let threshold = rules.threshold(&room.key, watch.stay.kind());
        let mut lines: Vec<Line> = Vec::new();
        observe_each(
            &room.key,
            &watch,
            readings,
            rules,
            |reading, outcome, watch| {
                // Which reading the watch starts from is known when one comes after it.
                if outcome.step == Step::Initial
                    && let Some(before) = lines.last_mut()
                {
                    before.matters = false;
                    before.reason = "a later reading before the stay takes its place".to_owned();
                }
                lines.push(line(reading, outcome, watch, threshold, rules));
            },
        );
        lines.retain(|line| line.reading.time >= from);
        chapters.push(Chapter {
            stay: watch.stay,
            until: None,
            threshold,
            lines,
        });
    }
    // The stay before the span only where it reaches into it.
    chapters.retain(|chapter| chapter.until.is_none_or(|until| until > from));
    chapters
}

fn line(
    reading: Reading,
    outcome: &Outcome,
    watch: &Watch,
    threshold: WattHours,
    rules: &Rules,
) -> Line {
    let is_quiet = matches!(
        outcome.step,
        Step::Late | Step::BeforeStay | Step::WithinInterval | Step::Undecided
    );
    Line {
        reading,
        verdict: if outcome.held {
            "zero"
        } else {
            verdict(outcome.step)
        },
        per_interval: match outcome.step {
            Step::Judged {
                seconds, energy, ..
            } => Some(per_interval(energy, seconds, rules)),
            _ => None,
        },
        run: match outcome.step {
            Step::Judged { abnormal: true, .. } => watch.fold.run,
            _ => None,
        },
        news: outcome.news().map(|(kind, _)| kind).collect(),
        reason: reason(reading, outcome, watch, threshold, rules),
        matters: !is_quiet || outcome.meter_changed || outcome.outlier_dropped,
    }
}

fn verdict(step: Step) -> &'static str {
    match step {
        Step::Late => "late",
        Step::BeforeStay => "before the stay",
        Step::Initial => "initial",
        Step::Suspect => "suspect",
        Step::Undecided => "undecided",
        Step::WithinInterval => "within interval",
        Step::Gap { .. } => "gap",
        Step::AcrossStay => "not judged",
        Step::Judged { abnormal: true, .. } => "abnormal",
        Step::Judged {
            abnormal: false, ..
        } => "normal",
    }
}

/// Energy in `seconds` as if they were one interval, rounded to the Wh.
pub(super) fn per_interval(energy: WattHours, seconds: i64, rules: &Rules) -> WattHours {
    let seconds = i128::from(seconds.max(1));
    let scaled = i128::from(energy.0) * i128::from(rules.interval_seconds);
    WattHours(i64::try_from((scaled + seconds / 2) / seconds).unwrap_or(i64::MAX))
}

fn reason(
    reading: Reading,
    outcome: &Outcome,
    watch: &Watch,
    threshold: WattHours,
    rules: &Rules,
) -> String {
    let mut text = String::new();
    if outcome.outlier_dropped {
        text.push_str("what was suspect before it was an outlier; ");
    }
    if outcome.meter_changed {
        text.push_str("the meter was replaced or reset; ");
    }
    // Writing to a String can't fail.
    let _ = match outcome.step {
        Step::Late => write!(
            text,
            "not later than the last reading taken: it is not judged"
        ),
        Step::BeforeStay => write!(
            text,
            "more than an interval before the stay: the watch can't start from it"
        ),
        Step::Initial => write!(text, "the watch starts from this register"),
        Step::Suspect => suspicion(&mut text, reading, watch, rules),
        Step::Undecided => undecided(&mut text, reading, watch, rules),
        Step::WithinInterval => write!(
            text,
            "{} after the last interval: this one is not over",
            since_sample(reading, watch)
        ),
        Step::Gap { seconds } => write!(
            text,
            "{} without a reading, more than {}: nobody knows what happened",
            duration(seconds),
            duration(rules.max_gap_seconds)
        ),
        Step::AcrossStay => write!(
            text,
            "the interval began before the stay: judging starts from here"
        ),
        Step::Judged { .. } if outcome.held => held(&mut text, reading, watch, rules),
        Step::Judged {
            periods,
            seconds,
            abnormal,
            ..
        } => judgement(
            &mut text, periods, seconds, abnormal, watch, threshold, rules,
        ),
    };
    if let Some((run, why)) = outcome.ended {
        let _ = match why {
            RunEnd::Recovered => write!(text, "; the run of {} ends", run.periods),
            RunEnd::Closed(_) => write!(
                text,
                "; the run of {} is cut off, without a recovery",
                run.periods
            ),
        };
    }
    text
}

fn held(text: &mut String, reading: Reading, watch: &Watch, rules: &Rules) -> std::fmt::Result {
    let still = (watch.fold.movement).map_or(0, |last| reading.time.since(last.at));
    let periods = watch.fold.run.map_or(0, |run| run.periods);
    write!(
        text,
        "the register has not moved for {}: the meter or its gateway may repeat itself, so the run \
         of {periods} neither grows nor ends before {} of that",
        duration(still),
        duration(rules.silent_after_seconds)
    )
}

fn judgement(
    text: &mut String,
    periods: u32,
    seconds: i64,
    abnormal: bool,
    watch: &Watch,
    threshold: WattHours,
    rules: &Rules,
) -> std::fmt::Result {
    let than = if abnormal { "more" } else { "not more" };
    write!(text, "{than} than {threshold} kWh")?;
    if periods != 1 {
        write!(
            text,
            "; {} counts as {periods} intervals",
            duration(seconds)
        )?;
    }
    if let Some(run) = watch.fold.run {
        let since = run.since.day_hour_minute();
        write!(text, "; {} in a row since {since}", run.periods)?;
        if run.told == 0 {
            write!(text, ", an alert at {}", rules.alert_periods)?;
        } else if run.told < run.periods {
            write!(text, ", a reminder at {}", run.told.saturating_mul(2))?;
        }
    }
    Ok(())
}

fn suspicion(
    text: &mut String,
    reading: Reading,
    watch: &Watch,
    rules: &Rules,
) -> std::fmt::Result {
    let decides = "later readings tell whether it is an outlier or another meter";
    let Some(sample) = watch.fold.sample else {
        return write!(text, "not plausible: {decides}");
    };
    let rise = reading.register - sample.register;
    if rise < WattHours::ZERO {
        let (from, to) = (sample.register, reading.register);
        write!(text, "the register fell from {from} to {to}: {decides}")
    } else {
        write!(
            text,
            "{rise} kWh in {}, more than {} an interval: {decides}",
            since_sample(reading, watch),
            rules.max_plausible
        )
    }
}

fn undecided(
    text: &mut String,
    reading: Reading,
    watch: &Watch,
    rules: &Rules,
) -> std::fmt::Result {
    let since = (watch.fold.suspect).map_or(0, |suspect| reading.time.since(suspect.time));
    write!(
        text,
        "it fits the suspect, {} after it: the meter is taken for a new one when that goes on for \
         {}",
        duration(since),
        duration(rules.shortest_interval_seconds())
    )
}

fn since_sample(reading: Reading, watch: &Watch) -> String {
    let sample = watch.fold.sample.map_or(reading.time, |sample| sample.time);
    duration(reading.time.since(sample))
}

/// `30 minutes`, `2 h`, `3 h 5 minutes`.
pub fn duration(seconds: i64) -> String {
    let (hours, minutes) = (seconds / 3_600, seconds % 3_600 / 60);
    match (hours, minutes) {
        (0, _) if seconds % 60 != 0 && minutes == 0 => format!("{seconds} s"),
        (0, minutes) => counted(minutes, "minute"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {}", counted(minutes, "minute")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::RoomKey;

    #[test]
    fn an_interval_of_exactly_zero_says_why_it_ends_no_run() {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        let mut room = Room::new(RoomKey::new("H001", "101"));
        room.stays = vec![Stay::Vacant {
            actual_checkin: None,
            actual_checkout: noon,
        }];
        room.readings = [(0, 0), (120, 8_000), (150, 8_000), (210, 8_000)]
            .map(|(minutes, wh)| Reading {
                time: noon.plus(minutes * 60),
                register: WattHours(wh),
            })
            .to_vec();
        let chapters = explain(&room.sorted(), LocalTime::FIRST, &Rules::default());
        let lines: Vec<(&str, &str)> = (chapters[0].lines.iter())
            .map(|line| (line.verdict, line.reason.as_str()))
            .collect();
        assert_eq!(
            lines[2],
            (
                "zero",
                "the register has not moved for 30 minutes: the meter or its gateway may repeat \
                 itself, so the run of 4 neither grows nor ends before 1 h 30 minutes of that"
            )
        );
        assert_eq!(lines[3].0, "normal");
        assert_eq!(chapters[0].lines[3].news, [NoticeKind::Recovered]);
    }
}
