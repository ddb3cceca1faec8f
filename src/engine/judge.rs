//! Judging one room: a fold over its readings in time order.

use serde::{Deserialize, Serialize};

use crate::types::{LocalTime, Reading, WattHours};

use super::{Closing, Exempt, Exemption, NoticeKind, Rules, compact};

/// A register may fall this much without being anything but jitter.
const JITTER: WattHours = WattHours(20);

/// What judging remembers of a room between two readings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fold {
    /// The last reading that closed an interval: the base of the next one.
    #[serde(rename = "s", with = "compact")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Reading>,
    /// An implausible reading that later ones will explain.
    #[serde(rename = "x", with = "compact")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspect: Option<Reading>,
    /// Time of the last reading folded.
    #[serde(rename = "t", with = "compact")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<LocalTime>,
    /// The abnormal intervals in a row up to the sample, if there are any; intervals that neither
    /// count nor end it may have followed.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// When the register last moved. `None` while it has not since the stay began, and in a state
    /// that 0.1 has written.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub movement: Option<Movement>,
}

/// A sample that shows more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Movement {
    /// Its time.
    #[serde(rename = "t", with = "compact")]
    pub at: LocalTime,
    /// How long the register usually stands still: the longest time between two movements, which
    /// each further movement reduces by a quarter. `None` after the first. Seconds.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<i64>,
}

/// Abnormal intervals in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Intervals, where one of two hours between readings stands for four. At least one.
    #[serde(rename = "p")]
    pub periods: u32,
    /// Energy used in them.
    #[serde(rename = "e")]
    pub energy: WattHours,
    /// Time of the sample that opened it.
    #[serde(rename = "t", with = "compact")]
    pub since: LocalTime,
    /// End of its last interval.
    #[serde(rename = "u", with = "compact")]
    pub until: LocalTime,
    /// Its periods when the staff was last notified of it; 0: not yet.
    #[serde(rename = "n")]
    pub notified_at_periods: u32,
}

/// What a reading was to its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// At or before the last reading folded: late or a repetition, never judged.
    Late,
    /// Before the stay and too far from it to be its initial reading.
    BeforeStay,
    /// It became the watch's first sample.
    Initial,
    /// Implausible: held until later readings decide.
    Suspect,
    /// It fits the suspect and not the sample, but came too soon after the suspect to show that the
    /// meter was replaced: the suspect stays, nothing is decided yet.
    Undecided,
    /// The interval is not over yet.
    WithinInterval,
    /// It closed an interval in which the room was out of order, at least for a part of it: it
    /// became the sample, nothing was judged. The energy is not known where it is a gap.
    OutOfOrder {
        since: LocalTime,
        seconds: i64,
        energy: Option<WattHours>,
    },
    /// Too long after the sample: it became the sample, nothing was judged.
    Gap { seconds: i64 },
    /// The interval began before the stay: it became the sample, nothing was judged.
    AcrossStay,
    /// It closed an interval in which the room may have been cleaned: it neither counts nor ends
    /// the run.
    Cleaning { seconds: i64, energy: WattHours },
    /// It closed an interval.
    Judged {
        periods: u32,
        seconds: i64,
        energy: WattHours,
        abnormal: bool,
    },
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// A normal interval.
    Recovered,
    /// It is no longer followed: whether the room is normal again is not known.
    Closed(Closing),
}

/// Everything one reading brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub step: Step,
    /// The suspect was an outlier and is gone, and with it whatever readings had seemed to confirm
    /// it: however many wrong polls these were, it is one outlier.
    pub outlier_dropped: bool,
    /// The suspect was right: the meter was replaced or reset.
    pub meter_changed: bool,
    /// Exactly nothing was used in the interval, and it neither counts nor ends the run: so soon
    /// after the last movement a gateway may be repeating itself.
    pub held: bool,
    /// The run that this reading ended. It may have ended by a changed meter and the same reading
    /// may have opened another.
    pub ended: Option<(Run, RunEnd)>,
    /// The staff is to be notified of this run: by an alert if `notified_at_periods` is 0, else by
    /// a reminder.
    pub notify: Option<Run>,
}

impl Outcome {
    fn only(step: Step) -> Outcome {
        Outcome {
            step,
            outlier_dropped: false,
            meter_changed: false,
            held: false,
            ended: None,
            notify: None,
        }
    }

    /// What the interval used that it closed, if it closed one and that is known: what is used over
    /// a gap is not.
    pub fn energy(&self) -> Option<WattHours> {
        match self.step {
            Step::Judged { energy, .. } | Step::Cleaning { energy, .. } => Some(energy),
            Step::OutOfOrder { energy, .. } => energy,
            Step::Late
            | Step::BeforeStay
            | Step::Initial
            | Step::Suspect
            | Step::Undecided
            | Step::WithinInterval
            | Step::Gap { .. }
            | Step::AcrossStay => None,
        }
    }

    /// The notices for the staff that follow from it, each with its run.
    pub fn notices(&self) -> impl Iterator<Item = (NoticeKind, Run)> {
        let was_notified = |(run, _): &(Run, RunEnd)| run.notified_at_periods > 0;
        let ended = self.ended.filter(was_notified);
        let ended = ended.map(|(run, end)| match end {
            RunEnd::Recovered => (NoticeKind::Recovered, run),
            RunEnd::Closed(why) => (NoticeKind::Closed(why), run),
        });
        let goes_on = self.notify.map(|run| match run.notified_at_periods {
            0 => (NoticeKind::Alert, run),
            _ => (NoticeKind::Reminder, run),
        });
        ended.into_iter().chain(goes_on)
    }
}

/// From a sample to a plausible reading.
struct Advance {
    diff: WattHours,
    /// The register to keep should the reading become the sample.
    register: WattHours,
}

impl Fold {
    /// Takes the room's next reading under a stay that began at `stay_time`.
    ///
    /// `threshold` is the energy per interval above which an interval is abnormal, `exempt` are
    /// the times of the stay that are not judged.
    pub fn step(
        &mut self,
        reading: Reading,
        stay_time: LocalTime,
        threshold: WattHours,
        exempt: &Exempt,
        rules: &Rules,
    ) -> Outcome {
        if self.seen.is_some_and(|seen| reading.time <= seen) {
            return Outcome::only(Step::Late);
        }
        if reading.time <= stay_time {
            return Outcome::only(self.open(reading, stay_time, rules));
        }
        self.seen = Some(reading.time);
        let Some(mut sample) = self.sample else {
            self.sample = Some(reading);
            return Outcome::only(Step::Initial);
        };

        let mut outcome = Outcome::only(Step::Suspect);
        let advance = if let Some(advance) = plausible(sample, reading, rules) {
            outcome.outlier_dropped = self.suspect.take().is_some();
            advance
        } else if let Some((suspect, advance)) = self
            .suspect
            .and_then(|suspect| Some((suspect, plausible(suspect, reading, rules)?)))
        {
            // One wrong poll is easily followed by another: until an interval has passed the old
            // meter may still come back.
            if reading.time.since(suspect.time) < rules.shortest_interval_seconds() {
                outcome.step = Step::Undecided;
                return outcome;
            }
            self.suspect = None;
            self.sample = Some(suspect);
            sample = suspect;
            outcome.meter_changed = true;
            outcome.ended = self.end_run(RunEnd::Closed(Closing::MeterChanged));
            advance
        } else {
            self.suspect = Some(reading);
            return outcome;
        };

        let elapsed = reading.time.since(sample.time);
        let tolerance = rules.tolerance_seconds();
        if elapsed < rules.shortest_interval_seconds() {
            outcome.step = Step::WithinInterval;
            return outcome;
        }
        self.sample = Some(Reading {
            time: reading.time,
            register: advance.register,
        });
        self.note_movement(sample.time, reading.time, advance.diff);
        // The time before the stay does not count.
        let exemption = exempt.interval(sample.time.max(stay_time), reading.time);
        if let Some(Exemption::OutOfOrder { since }) = exemption {
            outcome.step = Step::OutOfOrder {
                since,
                seconds: elapsed,
                energy: (elapsed <= rules.max_gap_seconds).then_some(advance.diff),
            };
            let why = RunEnd::Closed(Closing::OutOfOrder { at: since });
            outcome.ended = outcome.ended.or(self.end_run(why));
            return outcome;
        }
        if elapsed > rules.max_gap_seconds {
            outcome.step = Step::Gap { seconds: elapsed };
            outcome.ended = outcome.ended.or(self.end_run(RunEnd::Closed(Closing::Gap)));
            return outcome;
        }
        if stay_time.since(sample.time) > tolerance {
            outcome.step = Step::AcrossStay;
            return outcome;
        }
        if exemption == Some(Exemption::Cleaning) {
            outcome.step = Step::Cleaning {
                seconds: elapsed,
                energy: advance.diff,
            };
            return outcome;
        }

        let periods = (elapsed + tolerance) / rules.interval_seconds;
        let periods = u32::try_from(periods).unwrap_or(u32::MAX);
        let abnormal = exceeds(advance.diff, threshold, elapsed, rules);
        outcome.step = Step::Judged {
            periods,
            seconds: elapsed,
            energy: advance.diff,
            abnormal,
        };
        if abnormal {
            let interval = (sample.time, reading.time);
            outcome.notify = self.grow_run(interval, periods, advance.diff, rules);
        } else if advance.diff == WattHours::ZERO && self.holds(reading.time, rules) {
            outcome.held = true;
        } else {
            outcome.ended = outcome.ended.or(self.end_run(RunEnd::Recovered));
        }
        outcome
    }

    /// A reading at or before the stay time: the last one within an interval of it is the initial
    /// reading. Which one is the last is known only when a reading after the stay time comes, so
    /// each takes the place of the one before.
    fn open(&mut self, reading: Reading, stay_time: LocalTime, rules: &Rules) -> Step {
        if stay_time.since(reading.time) > rules.interval_seconds {
            return Step::BeforeStay;
        }
        self.seen = Some(reading.time);
        self.sample = Some(reading);
        Step::Initial
    }

    /// Notes whether anything was used between two samples.
    fn note_movement(&mut self, from: LocalTime, to: LocalTime, energy: WattHours) {
        if energy != WattHours::ZERO {
            self.movement = Some(Movement {
                at: to,
                pause: (self.movement)
                    .map(|last| to.since(last.at).max(last.pause.unwrap_or(0) / 4 * 3)),
            });
        } else if self.run.is_some() && self.movement.is_none() {
            // As 0.1 has left it: its runs reach up to the sample.
            self.movement = Some(Movement {
                at: from,
                pause: None,
            });
        }
    }

    /// Whether an interval of exactly zero that ends at `time` leaves the run as it is: one that
    /// the staff was notified of, while the register has not stood still for as long as it takes to
    /// call a meter silent.
    fn holds(&self, time: LocalTime, rules: &Rules) -> bool {
        let was_notified = self.run.is_some_and(|run| run.notified_at_periods > 0);
        let moved = self.movement.map(|last| last.at);
        was_notified && moved.is_some_and(|at| time.since(at) < rules.silent_after_seconds)
    }

    /// Adds an abnormal interval. Gives the run if a notice of it is due, with
    /// `notified_at_periods` as it was before.
    fn grow_run(
        &mut self,
        (opened, closed): (LocalTime, LocalTime),
        periods: u32,
        energy: WattHours,
        rules: &Rules,
    ) -> Option<Run> {
        let run = self.run.get_or_insert(Run {
            periods: 0,
            energy: WattHours::ZERO,
            since: opened,
            until: closed,
            notified_at_periods: 0,
        });
        run.periods = run.periods.saturating_add(periods);
        run.energy += energy;
        run.until = closed;
        let due = match run.notified_at_periods {
            0 => run.periods >= rules.alert_periods,
            last => run.periods >= last.saturating_mul(2),
        };
        due.then(|| {
            let now = *run;
            run.notified_at_periods = run.periods;
            now
        })
    }

    /// Closes the run, if there is one.
    pub(super) fn end_run(&mut self, why: RunEnd) -> Option<(Run, RunEnd)> {
        Some((self.run.take()?, why))
    }
}

/// Whether `energy` in `seconds` is more than `limit` per interval, exactly.
fn exceeds(energy: WattHours, limit: WattHours, seconds: i64, rules: &Rules) -> bool {
    i128::from(energy.0) * i128::from(rules.interval_seconds)
        > i128::from(limit.0) * i128::from(seconds)
}

/// Whether a meter in a hotel room can have gone from one reading to the other, and how far.
fn plausible(from: Reading, to: Reading, rules: &Rules) -> Option<Advance> {
    let rise = to.register - from.register;
    let (diff, register) = if rise >= WattHours::ZERO {
        (rise, to.register)
    } else if rise.0 >= -JITTER.0 {
        (WattHours::ZERO, from.register)
    } else {
        (rollover(from, to, rules.register_modulus?)?, to.register)
    };
    let seconds = to.time.since(from.time).max(rules.interval_seconds);
    (!exceeds(diff, rules.max_plausible, seconds, rules)).then_some(Advance { diff, register })
}

/// The wrapped difference of a fall from above 90 % of the register's modulus to below 10 % of it.
fn rollover(from: Reading, to: Reading, modulus: WattHours) -> Option<WattHours> {
    let tenths = |register: WattHours| i128::from(register.0) * 10;
    let modulus_wh = i128::from(modulus.0);
    let wraps = tenths(from.register) > modulus_wh * 9 && tenths(to.register) < modulus_wh;
    let diff = modulus - from.register + to.register;
    (wraps && diff >= WattHours::ZERO).then_some(diff)
}
