//! Why a room was judged as it was: each reading with the engine's verdict and the reason.

use crate::engine::{
    NoticeKind, Outcome, RoomState, Rules, Run, RunEnd, Stay, Step, Watch, observe_each,
};
use crate::store::Threshold;
use crate::types::{LocalTime, Reading, RoomKey, WattHours};

use super::{Assessed, Room};

/// One stay of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    pub stay: Stay,
    /// When the next stay began.
    pub until: Option<LocalTime>,
    /// Energy per interval above which an interval is abnormal, by today's rules.
    pub threshold: WattHours,
    pub lines: Vec<Line>,
}

/// One reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub reading: Reading,
    pub verdict: Verdict,
    /// The energy of a judged interval, scaled to exactly one interval.
    pub per_interval: Option<WattHours>,
    /// By which threshold it was judged, in energy per interval.
    pub threshold: WattHours,
    /// The run it belongs to, if it is abnormal.
    pub run: Option<Run>,
    /// The notices that it caused.
    pub notices: Vec<NoticeKind>,
    pub reason: Reason,
    /// What the baseline rule made of the interval, if it was judged.
    pub assessed: Option<Assessed>,
    /// Whether the reading decided something, or may.
    pub matters: bool,
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Late,
    BeforeStay,
    Initial,
    Suspect,
    Undecided,
    WithinInterval,
    Gap,
    AcrossStay,
    OutOfOrder,
    Cleaning,
    /// An interval of exactly zero that neither counts nor ends the run.
    Zero,
    Abnormal,
    Normal,
}

/// The reason for a verdict. All times are in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The suspect reading before it was an outlier.
    pub outlier_dropped: bool,
    /// The meter was replaced or reset.
    pub meter_changed: bool,
    pub why: Why,
    /// The run that ended, and how.
    pub ended: Option<(Run, RunEnd)>,
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is not later than the last accepted reading.
    Late,
    /// It is more than an interval before the stay.
    BeforeStay,
    /// The watch starts from it.
    Initial,
    /// A later reading before the stay replaced it.
    Superseded,
    /// The register fell.
    Fell { from: WattHours, to: WattHours },
    /// The register rose by more than is plausible in the time since the sample; `most` is for one
    /// interval.
    Rose {
        rise: WattHours,
        seconds: i64,
        most: WattHours,
    },
    /// It does not fit the readings before.
    Implausible,
    /// It fits the suspect, `seconds` after it; after `needed` the meter counts as replaced.
    Undecided { seconds: i64, needed: i64 },
    /// It is so soon after the sample that the interval is not over.
    WithinInterval { seconds: i64 },
    /// It is `seconds` after the sample, which is more than `most`.
    Gap { seconds: i64, most: i64 },
    /// The interval began before the stay.
    AcrossStay,
    /// The room has been out of order since this time.
    OutOfOrder { since: LocalTime },
    /// The room may have been cleaned: neither does it count nor does it end a run.
    Cleaning,
    /// The register has stood still for `seconds`. Until that reaches `needed`, the run of
    /// `periods` neither grows nor ends.
    StandsStill {
        seconds: i64,
        needed: i64,
        periods: u32,
    },
    /// The interval of `seconds`, which counts as `periods`, was compared with the threshold.
    Judged {
        abnormal: bool,
        threshold: WattHours,
        periods: u32,
        seconds: i64,
        /// The run it belongs to, if it is abnormal.
        run: Option<Run>,
        next: Option<Next>,
    },
}

/// The next notice of a run that goes on, with its number of periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Alert(u32),
    Reminder(u32),
}

impl Verdict {
    pub const ALL: [Verdict; 13] = [
        Verdict::Late,
        Verdict::BeforeStay,
        Verdict::Initial,
        Verdict::Suspect,
        Verdict::Undecided,
        Verdict::WithinInterval,
        Verdict::Gap,
        Verdict::AcrossStay,
        Verdict::OutOfOrder,
        Verdict::Cleaning,
        Verdict::Zero,
        Verdict::Abnormal,
        Verdict::Normal,
    ];

    /// Whether an interval was compared with the threshold.
    pub fn is_judged(self) -> bool {
        matches!(self, Verdict::Zero | Verdict::Abnormal | Verdict::Normal)
    }

    /// The word for scripts.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Late => "late",
            Verdict::BeforeStay => "before the stay",
            Verdict::Initial => "initial",
            Verdict::Suspect => "suspect",
            Verdict::Undecided => "undecided",
            Verdict::WithinInterval => "within interval",
            Verdict::Gap => "gap",
            Verdict::AcrossStay => "not judged",
            Verdict::OutOfOrder => "out of order",
            Verdict::Cleaning => "cleaning",
            Verdict::Zero => "zero",
            Verdict::Abnormal => "abnormal",
            Verdict::Normal => "normal",
        }
    }
}

/// The stays of a room, each with its readings from `from` on as the engine judges them.
pub fn explain(room: &Room, from: LocalTime, rules: &Rules) -> Vec<Chapter> {
    let mut chapters: Vec<Chapter> = Vec::new();
    for (state, readings) in room.watches(rules, LocalTime::FIRST) {
        let stay = state.watch.stay;
        if let Some(before) = chapters.last_mut() {
            before.until = Some(stay.time());
        }
        let mut chapter = chapter(&room.key, state, readings, &[], rules);
        chapter.lines.retain(|line| line.reading.time >= from);
        chapters.push(chapter);
    }
    // The stay before the span is kept only if it reaches into the span.
    chapters.retain(|chapter| chapter.until.is_none_or(|until| until > from));
    chapters
}

/// One of a room's stays, by its place, judged by the thresholds that were in force at the time of
/// each reading, and by today's before the first one that is known. All other rules are today's.
pub fn explain_by_thresholds(
    room: &Room,
    place: usize,
    thresholds: &[Threshold],
    rules: &Rules,
) -> Option<Chapter> {
    let mut watches = room.watches(rules, LocalTime::FIRST);
    let (state, readings) = watches.nth(place)?;
    let mut chapter = chapter(&room.key, state, readings, thresholds, rules);
    chapter.until = room.stays.get(place + 1).map(Stay::time);
    Some(chapter)
}

fn chapter(
    room: &RoomKey,
    mut state: RoomState,
    readings: &[Reading],
    thresholds: &[Threshold],
    rules: &Rules,
) -> Chapter {
    let stay = state.watch.stay;
    let threshold = rules.threshold(room, stay.kind());
    let mut lines: Vec<Line> = Vec::new();
    let in_force = |reading: &Reading| thresholds.partition_point(|t| t.since <= reading.time);
    for together in readings.chunk_by(|one, next| in_force(one) == in_force(next)) {
        let then = together.first().map_or(0, in_force).checked_sub(1);
        let then = then.and_then(|at| thresholds.get(at));
        let threshold = then.map_or(threshold, |then| then.per(rules.interval_seconds));
        let rules = rules.with_threshold(threshold);
        let transition = observe_each(room, &state, together, &rules, |reading, outcome, watch| {
            // Only a later reading shows which one is the watch's initial one.
            if outcome.step == Step::Initial
                && let Some(before) = lines.last_mut()
            {
                before.matters = false;
                before.reason.why = Why::Superseded;
            }
            lines.push(line(reading, outcome, watch, threshold, &rules));
        });
        state = transition.state;
    }
    Chapter {
        stay,
        until: None,
        threshold,
        lines,
    }
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
        verdict: verdict(outcome),
        per_interval: match outcome.step {
            Step::Judged {
                seconds, energy, ..
            }
            | Step::Cleaning { seconds, energy }
            | Step::OutOfOrder {
                seconds,
                energy: Some(energy),
                ..
            } => Some(per_interval(energy, seconds, rules)),
            _ => None,
        },
        threshold,
        run: match outcome.step {
            Step::Judged { abnormal: true, .. } => watch.fold.run,
            _ => None,
        },
        notices: outcome.notices().map(|(kind, _)| kind).collect(),
        reason: reason(reading, outcome, watch, threshold, rules),
        assessed: None,
        matters: !is_quiet || outcome.meter_changed || outcome.outlier_dropped,
    }
}

fn verdict(outcome: &Outcome) -> Verdict {
    match outcome.step {
        Step::Late => Verdict::Late,
        Step::BeforeStay => Verdict::BeforeStay,
        Step::Initial => Verdict::Initial,
        Step::Suspect => Verdict::Suspect,
        Step::Undecided => Verdict::Undecided,
        Step::WithinInterval => Verdict::WithinInterval,
        Step::Gap { .. } => Verdict::Gap,
        Step::AcrossStay => Verdict::AcrossStay,
        Step::OutOfOrder { .. } => Verdict::OutOfOrder,
        Step::Cleaning { .. } => Verdict::Cleaning,
        Step::Judged { .. } if outcome.held => Verdict::Zero,
        Step::Judged { abnormal: true, .. } => Verdict::Abnormal,
        Step::Judged {
            abnormal: false, ..
        } => Verdict::Normal,
    }
}

/// The energy of `seconds`, scaled to one interval and rounded to the Wh.
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
) -> Reason {
    let fold = &watch.fold;
    let since = |time: Option<LocalTime>| time.map_or(0, |time| reading.time.since(time));
    let since_sample = since(fold.sample.map(|sample| sample.time));
    let why = match outcome.step {
        Step::Late => Why::Late,
        Step::BeforeStay => Why::BeforeStay,
        Step::Initial => Why::Initial,
        Step::Suspect => suspicion(reading, watch, rules),
        Step::Undecided => Why::Undecided {
            seconds: since(fold.suspect.map(|suspect| suspect.time)),
            needed: rules.shortest_interval_seconds(),
        },
        Step::WithinInterval => Why::WithinInterval {
            seconds: since_sample,
        },
        Step::Gap { seconds } => Why::Gap {
            seconds,
            most: rules.max_gap_seconds,
        },
        Step::AcrossStay => Why::AcrossStay,
        Step::OutOfOrder { since, .. } => Why::OutOfOrder { since },
        Step::Cleaning { .. } => Why::Cleaning,
        Step::Judged { .. } if outcome.held => Why::StandsStill {
            seconds: since(fold.movement.map(|last| last.at)),
            needed: rules.silent_after_seconds,
            periods: fold.run.map_or(0, |run| run.periods),
        },
        Step::Judged {
            periods,
            seconds,
            abnormal,
            ..
        } => Why::Judged {
            abnormal,
            threshold,
            periods,
            seconds,
            run: fold.run,
            next: fold.run.and_then(|run| next(run, rules)),
        },
    };
    Reason {
        outlier_dropped: outcome.outlier_dropped,
        meter_changed: outcome.meter_changed,
        why,
        ended: outcome.ended,
    }
}

/// The next notice of a run that goes on; `None` if one has just been made.
fn next(run: Run, rules: &Rules) -> Option<Next> {
    match run.notified_at_periods {
        0 => Some(Next::Alert(rules.alert_periods)),
        notified if notified < run.periods => Some(Next::Reminder(notified.saturating_mul(2))),
        _ => None,
    }
}

fn suspicion(reading: Reading, watch: &Watch, rules: &Rules) -> Why {
    let Some(sample) = watch.fold.sample else {
        return Why::Implausible;
    };
    let rise = reading.register - sample.register;
    if rise < WattHours::ZERO {
        Why::Fell {
            from: sample.register,
            to: reading.register,
        }
    } else {
        Why::Rose {
            rise,
            seconds: reading.time.since(sample.time),
            most: rules.max_plausible,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{RoomStatus, StatusChange, Statuses};
    use crate::types::RoomKey;

    #[test]
    fn intervals_that_are_not_judged_say_why() {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        let after = |minutes: i64| noon.plus(minutes * 60);
        let mut room = Room::new(RoomKey::new("H001", "101"));
        room.stays = vec![Stay::Vacant {
            actual_checkin: None,
            actual_checkout: noon,
        }];
        room.statuses = Statuses::of_past([
            StatusChange {
                at: after(130),
                status: RoomStatus::OutOfOrder { until: None },
            },
            StatusChange {
                at: after(170),
                status: RoomStatus::InOrder,
            },
        ]);
        let reading = |nth: i64| Reading {
            time: after(30 * nth),
            register: WattHours(2_000 * nth),
        };
        room.readings = (0..8).map(reading).collect();
        let rules = Rules {
            cleaning_grace_seconds: 3_600,
            alert_periods: 2,
            ..Rules::default()
        };
        let chapters = explain(&room.sorted(), LocalTime::FIRST, &rules);
        let lines = &chapters[0].lines;
        let verdicts: Vec<Verdict> = lines.iter().map(|line| line.verdict).collect();
        use Verdict::{Abnormal, Cleaning, Initial, OutOfOrder};
        assert_eq!(
            verdicts,
            [
                Initial, Cleaning, Cleaning, Abnormal, Abnormal, OutOfOrder, OutOfOrder, Abnormal
            ]
        );
        let since = after(130);
        assert_eq!(lines[5].reason.why, Why::OutOfOrder { since });
        let ended = lines[5].reason.ended.map(|(run, _)| run.periods);
        assert_eq!((ended, lines[5].notices.len()), (Some(2), 1));
        assert!(
            lines
                .iter()
                .skip(1)
                .all(|line| line.per_interval == Some(WattHours(2_000)))
        );
    }

    #[test]
    fn a_zero_interval_is_explained_and_ends_no_run() {
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
        let lines = &chapters[0].lines;
        assert_eq!(lines[2].verdict, Verdict::Zero);
        assert_eq!(
            lines[2].reason.why,
            Why::StandsStill {
                seconds: 30 * 60,
                needed: 90 * 60,
                periods: 4
            }
        );
        assert_eq!(lines[3].verdict, Verdict::Normal);
        assert_eq!(lines[3].notices, [NoticeKind::Recovered]);
    }
}
