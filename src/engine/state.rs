//! What is remembered of a room, and what messages and readings make of it.

use serde::{Deserialize, Serialize};

use crate::types::{LocalTime, Reading, RoomKey, WattHours};

use super::judge::{Outcome, Run, RunEnd, Step};
use super::watch::{Opening, Watch};
use super::{Closing, Event, NoticeKind, RoomNotice, Rule, Rules, RunKey, Stay, WatchKey};

/// What is remembered of a room: across its stays, and its watch.
///
/// This is also what is stored of it, as JSON. Whoever adds a field, here or in what it holds,
/// raises `VERSION` in `store/room/` and says there how states without it are read: an older
/// program refuses what it does not know, because it would lose it with the next write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomState {
    /// How many watches it has had: they are counted from 1 on, in the order in which they came
    /// about. 0 while its watch is one that version 0.1 began.
    #[serde(rename = "n")]
    pub watches: u32,
    #[serde(rename = "w")]
    pub watch: Watch,
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

/// A room's new state and what follows from the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    pub state: RoomState,
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
pub enum Received {
    /// It replaces the room's watch.
    Newer(Transition),
    /// A duplicate that brings another expected check-out.
    Expected(Transition),
    /// A duplicate: nothing changes.
    Duplicate,
    /// Older than the room's watch: nothing changes.
    Stale,
}

impl RoomState {
    /// Of a room with its first watch, which has seen nothing yet.
    pub fn new(stay: Stay, rules: &Rules) -> RoomState {
        RoomState {
            watches: 1,
            watch: Watch::new(stay, rules),
        }
    }

    /// Which of the room's watches it has now.
    pub fn watch_key(&self) -> WatchKey {
        WatchKey::new(self.watches, self.watch.stay.order())
    }

    /// The run that goes on in this room, if the staff was notified of it.
    pub fn notified_run(&self, room: &RoomKey) -> Option<RunKey> {
        let run = self
            .watch
            .fold
            .run
            .filter(|run| run.notified_at_periods > 0)?;
        Some(RunKey {
            room: room.clone(),
            watch: self.watch_key(),
            since: run.since,
            rule: Rule::Fixed,
        })
    }

    /// Folds readings in time order; of several with one time the first counts. Each is shown with
    /// what it was and the watch by then.
    fn fold(
        &mut self,
        room: &RoomKey,
        readings: &[Reading],
        rules: &Rules,
        effects: &mut Effects,
        mut show: impl FnMut(Reading, &Outcome, &Watch),
    ) {
        let threshold = rules.threshold(room, self.watch.stay.kind());
        if self.watch.interval_seconds != rules.interval_seconds {
            // Its periods are those of the old length.
            let seen = self.watch.fold.seen.unwrap_or(self.watch.stay.time());
            let closing = self.close(room, Closing::IntervalChanged, seen, threshold);
            effects.changes.extend(closing.map(Change::Notice));
            self.watch.interval_seconds = rules.interval_seconds;
        }
        for &reading in readings {
            let reached = self.watch.fold.run_reaches();
            let outcome = self
                .watch
                .fold
                .step(reading, self.watch.stay.time(), threshold, rules);
            self.watch.record(reading, outcome, rules);
            effects.tally.count(&outcome);
            let notices = outcome.notices().map(|(kind, run)| {
                let mut notice = self.notice(room, kind, run, reading.time, threshold);
                // A run has ended before the interval that shows it.
                let has_ended = matches!(kind, NoticeKind::Recovered | NoticeKind::Closed(_));
                notice.until = reached.filter(|_| has_ended);
                Change::Notice(notice)
            });
            effects.changes.extend(notices);
            show(reading, &outcome, &self.watch);
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
        let reached = self.watch.fold.run_reaches();
        let (run, _) = self.watch.fold.end_run(RunEnd::Closed(why))?;
        let kind = NoticeKind::Closed(why);
        (run.notified_at_periods > 0).then(|| RoomNotice {
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
            watch: self.watches,
            rule: Rule::Fixed,
            stay: self.watch.stay,
            detected,
            since: run.since,
            until: None,
            periods: run.periods,
            energy: run.energy,
            threshold,
            interval_seconds: self.watch.interval_seconds,
            before: self.watch.before.clone(),
            history: self.watch.history.clone(),
        }
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
struct Effects {
    changes: Vec<Change>,
    tally: Tally,
}

/// Judges a watched room's readings, given in time order. Readings it has seen already are
/// ignored, so a repetition does no harm.
pub fn observe(
    room: &RoomKey,
    state: &RoomState,
    readings: &[Reading],
    rules: &Rules,
) -> Transition {
    observe_each(room, state, readings, rules, |_, _, _| {})
}

/// Judges as [`observe`] does, and shows of each reading what it was, and the watch by then.
pub fn observe_each(
    room: &RoomKey,
    state: &RoomState,
    readings: &[Reading],
    rules: &Rules,
    show: impl FnMut(Reading, &Outcome, &Watch),
) -> Transition {
    let mut effects = Effects::default();
    let mut after = state.clone();
    after.fold(room, readings, rules, &mut effects, show);
    if after.watch.initial != state.watch.initial {
        let opening = after.watch.opening();
        effects.changes.push(Change::InitialReading(opening));
    }
    Transition {
        state: after,
        changes: effects.changes,
        tally: effects.tally,
    }
}

/// Takes an event of a room, `None` where it has none yet.
///
/// `readings` are the room's in time order, all after [`readings_needed_after`]; older ones do no
/// harm.
pub fn receive(
    known: Option<&RoomState>,
    event: &Event,
    readings: &[Reading],
    rules: &Rules,
) -> Received {
    let stay = event.stay;
    let mut effects = Effects::default();
    let mut state = RoomState::new(stay, rules);
    match known.map(|known| (known, stay.order().cmp(&known.watch.stay.order()))) {
        Some((_, std::cmp::Ordering::Less)) => return Received::Stale,
        Some((known, std::cmp::Ordering::Equal)) => return repeat(known, stay),
        Some((known, std::cmp::Ordering::Greater)) => {
            let until = readings.partition_point(|reading| reading.time <= stay.time());
            let brought_up = observe(&event.room, known, &readings[..until], rules);
            effects.changes = brought_up.changes;
            effects.tally = brought_up.tally;
            let mut old = brought_up.state;
            let why = Closing::NewStay {
                kind: stay.kind(),
                at: stay.time(),
            };
            let threshold = rules.threshold(&event.room, old.watch.stay.kind());
            let closing = old.close(&event.room, why, stay.time(), threshold);
            effects.changes.extend(closing.map(Change::Notice));
            state.watch.before = old.watch.history_until(stay.time());
            state.watch.forget_surplus(rules);
            // What is remembered across stays goes on.
            state = RoomState {
                watches: old.watches.saturating_add(1),
                watch: state.watch,
            };
        }
        None => {}
    }
    let at = effects.changes.len();
    state.fold(&event.room, readings, rules, &mut effects, |_, _, _| {});
    effects
        .changes
        .insert(at, Change::Opened(state.watch.opening()));
    Received::Newer(Transition {
        state,
        changes: effects.changes,
        tally: effects.tally,
    })
}

/// The time after which [`receive`] needs a room's readings for an event.
pub fn readings_needed_after(known: Option<&RoomState>, stay: &Stay, rules: &Rules) -> LocalTime {
    let own = Watch::new(*stay, rules).needs_after();
    known.map_or(own, |known| known.watch.needs_after().min(own))
}

/// A duplicate: only a check-in's expected check-out can be news.
fn repeat(known: &RoomState, stay: Stay) -> Received {
    let Stay::Occupied {
        expected_checkout: Some(_),
        ..
    } = stay
    else {
        return Received::Duplicate;
    };
    if stay == known.watch.stay {
        return Received::Duplicate;
    }
    let mut state = known.clone();
    state.watch.stay = stay;
    Received::Expected(Transition {
        state,
        changes: vec![Change::ExpectedCheckout(stay)],
        tally: Tally::default(),
    })
}
