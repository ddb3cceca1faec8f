//! What roomwatt does for a room now, and what messages and readings make of it.

use serde::{Deserialize, Serialize};

use crate::types::{LocalTime, Reading, RoomKey, WattHours};

use super::judge::{Fold, Outcome, Run, RunEnd, Step};
use super::key::is_uncounted;
use super::{
    Closing, Event, Interval, NoticeKind, RoomNotice, Rule, Rules, RunKey, Stay, WatchKey,
};

/// The watch on a room. A room has at most one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Which of the room's watches it is: they are counted from 1 on, in the order in which they
    /// came about. 0 for one that version 0.1 began.
    #[serde(default, skip_serializing_if = "is_uncounted")]
    pub number: u32,
    pub stay: Stay,
    /// The reading it started from, once there is one.
    pub initial: Option<Reading>,
    pub fold: Fold,
    /// The last intervals before the stay, oldest first; only for people to look at. What they are
    /// depends on when messages came: no decision may hang on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Interval>,
    /// The last intervals of the stay, oldest first; only for people to look at.
    pub history: Vec<Interval>,
    /// The interval length the fold has run under.
    pub interval_seconds: i64,
}

/// Something that has to be recorded together with the room's new state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A watch began.
    Opened(Opening),
    /// A watch that began earlier found its initial reading (or a better one).
    InitialReading(Opening),
    /// The guest means to leave at another time.
    ExpectedCheckout(Stay),
    /// The staff is to be told.
    Notice(RoomNotice),
}

/// A watch at its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    pub stay: Stay,
    pub initial: Option<Reading>,
}

/// A room's new state and what follows from the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    pub watch: Watch,
    pub changes: Vec<Change>,
    pub tally: Tally,
}

/// What became of readings, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub folded: u64,
    pub late: u64,
    pub judged: u64,
    pub abnormal: u64,
    pub gaps: u64,
    pub outliers: u64,
    pub meters_changed: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.folded += other.folded;
        self.late += other.late;
        self.judged += other.judged;
        self.abnormal += other.abnormal;
        self.gaps += other.gaps;
        self.outliers += other.outliers;
        self.meters_changed += other.meters_changed;
    }
}

/// What an event was to its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It replaces the room's watch.
    Newer(Transition),
    /// A duplicate that brings another expected check-out.
    Expected(Transition),
    /// A duplicate: nothing changes.
    Duplicate,
    /// Older than the room's watch: nothing changes.
    Stale,
}

impl Watch {
    /// A room's first watch, which has seen nothing yet.
    pub fn new(stay: Stay, rules: &Rules) -> Watch {
        Watch {
            number: 1,
            stay,
            initial: None,
            fold: Fold::default(),
            before: Vec::new(),
            history: Vec::new(),
            interval_seconds: rules.interval_seconds,
        }
    }

    pub fn key(&self) -> WatchKey {
        WatchKey::new(self.number, self.stay.order())
    }

    /// The run that goes on in this watch of a room, if the staff was notified of it.
    pub fn notified_run(&self, room: &RoomKey) -> Option<RunKey> {
        let run = self.fold.run.filter(|run| run.told > 0)?;
        Some(RunKey {
            room: room.clone(),
            watch: self.key(),
            since: run.since,
            rule: Rule::Fixed,
        })
    }

    /// Readings at or before this time can't change the watch any more.
    pub fn needs_after(&self) -> LocalTime {
        let nothing_seen = self.stay.time().plus(-self.interval_seconds - 1);
        self.fold.seen.unwrap_or(nothing_seen)
    }

    /// Folds readings in time order; of several with one time the first counts. Each is shown with
    /// what it was and the watch by then.
    fn fold(
        &mut self,
        room: &RoomKey,
        readings: &[Reading],
        rules: &Rules,
        told: &mut Told,
        mut show: impl FnMut(Reading, &Outcome, &Watch),
    ) {
        let threshold = rules.threshold(room, self.stay.kind());
        if self.interval_seconds != rules.interval_seconds {
            // Its periods are those of the old length.
            let seen = self.fold.seen.unwrap_or(self.stay.time());
            let closing = self.close(room, Closing::IntervalChanged, seen, threshold);
            told.changes.extend(closing.map(Change::Notice));
            self.interval_seconds = rules.interval_seconds;
        }
        for &reading in readings {
            let reached = self.fold.run_reaches();
            let outcome = self.fold.step(reading, self.stay.time(), threshold, rules);
            self.record(reading, outcome, rules);
            told.tally.count(&outcome);
            let notices = outcome.news().map(|(kind, run)| {
                let mut notice = self.notice(room, kind, run, reading.time, threshold);
                // A run has ended before the interval that shows it.
                let has_ended = matches!(kind, NoticeKind::Recovered | NoticeKind::Closed(_));
                notice.until = reached.filter(|_| has_ended);
                Change::Notice(notice)
            });
            told.changes.extend(notices);
            show(reading, &outcome, self);
        }
    }

    /// Ends the run, if there is one; the staff is to hear of it where it was notified.
    fn close(
        &mut self,
        room: &RoomKey,
        why: Closing,
        detected: LocalTime,
        threshold: WattHours,
    ) -> Option<RoomNotice> {
        let reached = self.fold.run_reaches();
        let (run, _) = self.fold.end_run(RunEnd::Closed(why))?;
        let kind = NoticeKind::Closed(why);
        (run.told > 0).then(|| RoomNotice {
            until: reached,
            ..self.notice(room, kind, run, detected, threshold)
        })
    }

    fn notice(
        &self,
        room: &RoomKey,
        kind: NoticeKind,
        run: Run,
        detected: LocalTime,
        threshold: WattHours,
    ) -> RoomNotice {
        RoomNotice {
            kind,
            room: room.clone(),
            watch: self.number,
            rule: Rule::Fixed,
            stay: self.stay,
            detected,
            since: run.since,
            until: None,
            periods: run.periods,
            energy: run.energy,
            threshold,
            interval_seconds: self.interval_seconds,
            before: self.before.clone(),
            history: self.history.clone(),
        }
    }

    /// The last intervals up to a time, oldest first. They have no times of their own: they are
    /// taken to follow one another up to the sample.
    fn history_until(&self, time: LocalTime) -> Vec<Interval> {
        let mut end = self.fold.sample.map_or(time, |sample| sample.time);
        let intervals = self.before.iter().chain(&self.history);
        let mut until: Vec<Interval> = intervals.copied().collect();
        while let Some(last) = until.last()
            && end > time
        {
            end = end.plus(-last.seconds);
            until.pop();
        }
        until
    }

    fn record(&mut self, reading: Reading, outcome: Outcome, rules: &Rules) {
        let interval = match outcome.step {
            Step::Initial => {
                self.initial = Some(reading);
                return;
            }
            Step::Judged {
                seconds, energy, ..
            } => Interval {
                seconds,
                energy: Some(energy),
            },
            Step::Gap { seconds } => Interval {
                seconds,
                energy: None,
            },
            _ => return,
        };
        self.history.push(interval);
        self.forget_surplus(rules);
    }

    /// Keeps as many intervals as a notice shows.
    fn forget_surplus(&mut self, rules: &Rules) {
        let all = self.before.len() + self.history.len();
        let surplus = all.saturating_sub(rules.history_intervals);
        let of_before = surplus.min(self.before.len());
        self.before.drain(..of_before);
        self.history.drain(..surplus - of_before);
    }
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        match outcome.step {
            Step::Late => self.late += 1,
            Step::Judged { abnormal, .. } => {
                self.judged += 1;
                self.abnormal += u64::from(abnormal);
            }
            Step::Gap { .. } => self.gaps += 1,
            Step::BeforeStay
            | Step::Initial
            | Step::Suspect
            | Step::Undecided
            | Step::WithinInterval
            | Step::AcrossStay => {}
        }
        self.folded += u64::from(!matches!(outcome.step, Step::Late | Step::BeforeStay));
        self.outliers += u64::from(outcome.outlier_dropped);
        self.meters_changed += u64::from(outcome.meter_changed);
    }
}

#[derive(Default)]
struct Told {
    changes: Vec<Change>,
    tally: Tally,
}

/// Judges a watched room's readings, given in time order. Readings it has seen already are
/// ignored, so a repetition does no harm.
pub fn observe(room: &RoomKey, watch: &Watch, readings: &[Reading], rules: &Rules) -> Transition {
    observe_each(room, watch, readings, rules, |_, _, _| {})
}

/// Judges as [`observe`] does, and shows of each reading what it was, and the watch by then.
pub fn observe_each(
    room: &RoomKey,
    watch: &Watch,
    readings: &[Reading],
    rules: &Rules,
    show: impl FnMut(Reading, &Outcome, &Watch),
) -> Transition {
    let mut told = Told::default();
    let mut after = watch.clone();
    after.fold(room, readings, rules, &mut told, show);
    if after.initial != watch.initial {
        told.changes.push(Change::InitialReading(after.opening()));
    }
    Transition {
        watch: after,
        changes: told.changes,
        tally: told.tally,
    }
}

/// Takes an event of a room.
///
/// `readings` are the room's in time order, all after [`readings_needed_after`]; older ones do no
/// harm.
pub fn receive(
    watch: Option<&Watch>,
    event: &Event,
    readings: &[Reading],
    rules: &Rules,
) -> Arrival {
    let stay = event.stay;
    let mut told = Told::default();
    let old = watch;
    let mut watch = Watch::new(stay, rules);
    match old.map(|old| (old, stay.order().cmp(&old.stay.order()))) {
        Some((_, std::cmp::Ordering::Less)) => return Arrival::Stale,
        Some((old, std::cmp::Ordering::Equal)) => return repeat(old, stay),
        Some((old, std::cmp::Ordering::Greater)) => {
            let until = readings.partition_point(|reading| reading.time <= stay.time());
            let brought_up = observe(&event.room, old, &readings[..until], rules);
            told.changes = brought_up.changes;
            told.tally = brought_up.tally;
            let mut old = brought_up.watch;
            watch.number = old.number.saturating_add(1);
            watch.before = old.history_until(stay.time());
            watch.forget_surplus(rules);
            let why = Closing::NewStay {
                kind: stay.kind(),
                at: stay.time(),
            };
            let threshold = rules.threshold(&event.room, old.stay.kind());
            let closing = old.close(&event.room, why, stay.time(), threshold);
            told.changes.extend(closing.map(Change::Notice));
        }
        None => {}
    }
    let at = told.changes.len();
    watch.fold(&event.room, readings, rules, &mut told, |_, _, _| {});
    told.changes.insert(at, Change::Opened(watch.opening()));
    Arrival::Newer(Transition {
        watch,
        changes: told.changes,
        tally: told.tally,
    })
}

/// The time after which [`receive`] needs a room's readings for an event.
pub fn readings_needed_after(watch: Option<&Watch>, stay: &Stay, rules: &Rules) -> LocalTime {
    let own = Watch::new(*stay, rules).needs_after();
    watch.map_or(own, |old| old.needs_after().min(own))
}

impl Watch {
    fn opening(&self) -> Opening {
        Opening {
            stay: self.stay,
            initial: self.initial,
        }
    }
}

/// A duplicate: only a check-in's expected check-out can be news.
fn repeat(old: &Watch, stay: Stay) -> Arrival {
    let Stay::Occupied {
        expected_checkout: Some(_),
        ..
    } = stay
    else {
        return Arrival::Duplicate;
    };
    if stay == old.stay {
        return Arrival::Duplicate;
    }
    let mut watch = old.clone();
    watch.stay = stay;
    Arrival::Expected(Transition {
        watch,
        changes: vec![Change::ExpectedCheckout(stay)],
        tally: Tally::default(),
    })
}
