//! What is remembered of a room, and what messages and readings make of it.

use serde::{Deserialize, Serialize};

use crate::types::{Kind, LocalTime, Reading, RoomKey, WattHours};

use super::baseline::Item;
use super::judge::{Outcome, Run, RunEnd, Step};
use super::watch::{Opening, Watch};
use super::{
    Baseline, BaselineMode, Closing, DayEnergy, Exempt, Exemption, NoticeKind, Occupancy,
    RoomNotice, Rule, Rules, RunKey, RunStart, Statuses, Stay, WatchKey, compact,
};

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
    /// Who is in the room, by all that messages have said: the watch is on its last piece.
    #[serde(rename = "o", with = "compact")]
    pub occupancy: Occupancy,
    /// What messages have said of its status.
    #[serde(rename = "s", with = "compact")]
    #[serde(default, skip_serializing_if = "Statuses::is_empty")]
    pub statuses: Statuses,
    /// What the baseline rule has learned of it.
    #[serde(rename = "b", with = "compact")]
    #[serde(default, skip_serializing_if = "Baseline::is_empty")]
    pub baseline: Baseline,
}

/// Something that has to be recorded together with the room's new state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A watch began.
    Opened(Opening),
    /// This is what is to be recorded of the watch, in place of all that is recorded from its
    /// beginning on: it has found its initial reading (or a better one), its stay has other times,
    /// or what came later should never have been.
    Rewritten(Opening),
    /// The staff is to be notified.
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
    pub out_of_order: u64,
    pub cleaning: u64,
    pub gaps: u64,
    pub outliers: u64,
    pub meters_changed: u64,
    /// What the intervals of the occupied room used, and those of the vacant one.
    pub occupied: WattHours,
    pub vacant: WattHours,
    /// Both, of the newest day.
    pub day: DayEnergy,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.folded += other.folded;
        self.late += other.late;
        self.judged += other.judged;
        self.abnormal += other.abnormal;
        self.out_of_order += other.out_of_order;
        self.cleaning += other.cleaning;
        self.gaps += other.gaps;
        self.outliers += other.outliers;
        self.meters_changed += other.meters_changed;
        self.occupied += other.occupied;
        self.vacant += other.vacant;
        self.day.add(other.day);
    }
}

impl RoomState {
    /// The state of a room with its first watch, which has seen no reading yet.
    pub fn new(stay: Stay, rules: &Rules) -> RoomState {
        RoomState {
            watches: 1,
            watch: Watch::new(stay, rules),
            occupancy: Occupancy::of(&stay),
            statuses: Statuses::default(),
            baseline: Baseline::default(),
        }
    }

    /// Gives back the memory that its lists have beyond what is in them: it is kept for as long as
    /// the room is watched.
    pub fn shrink_to_fit(&mut self) {
        self.watch.before.shrink_to_fit();
        self.watch.history.shrink_to_fit();
        self.occupancy.shrink_to_fit();
        self.statuses.shrink_to_fit();
    }

    /// Since when the room is out of order at this time, if it is. Times of one stay are matched
    /// within so many seconds.
    pub fn out_of_order(&self, at: LocalTime, match_seconds: i64) -> Option<LocalTime> {
        let arrived = self.arrived(match_seconds);
        self.statuses.out_of_order(at, arrived)
    }

    /// When a guest last came into the empty room, as far as it matters for its status.
    fn arrived(&self, match_seconds: i64) -> Option<LocalTime> {
        match self.watch.stay {
            Stay::Occupied { check_in, .. } => Some(check_in),
            Stay::Vacant { .. } if self.statuses.has_out_of_order() => {
                self.occupancy.picture(match_seconds).arrived
            }
            Stay::Vacant { .. } => None,
        }
    }

    /// The times of its watch that are not judged.
    pub fn exempt(&self, rules: &Rules) -> Exempt {
        let arrived = self.arrived(rules.match_seconds);
        self.statuses.exempt(&self.watch.stay, arrived, rules)
    }

    /// Which of the room's watches it has now.
    pub fn watch_key(&self) -> WatchKey {
        WatchKey::new(self.watches, self.watch.stay.order())
    }

    /// Whether the watch goes on when its stay turns out to have begun earlier. One that has judged
    /// nothing yet is replaced by a new one from there, as if the beginning had been known. So is
    /// one that 0.1 began: it is known by the time of its stay, and with another time it and its
    /// run would be others.
    pub fn can_be_moved(&self) -> bool {
        self.watches > 0 && self.watch.fold.seen > Some(self.watch.stay.time())
    }

    /// The run of which the staff was notified and that goes on, if there is one.
    pub fn open_run(&self) -> Option<Run> {
        let run = self.watch.fold.run;
        let run = run.filter(|run| run.notified_at_periods > 0);
        run.or_else(|| self.baseline.open_run())
    }

    /// The run that opened the room's present incident, if the staff was notified of one.
    pub fn notified_run(&self, room: &RoomKey) -> Option<RunKey> {
        let run = self.watch.fold.run;
        let run = run.filter(|run| run.notified_at_periods > 0);
        let fixed = run.map(|run| RunStart {
            rule: Rule::Fixed,
            since: run.since,
        });
        let open = self.baseline.is_open();
        let opened = (self.baseline.opened()).filter(|_| open || fixed.is_some());
        let RunStart { rule, since } = opened.or(fixed)?;
        Some(RunKey {
            room: room.clone(),
            watch: self.watch_key(),
            since,
            rule,
        })
    }

    /// A reminder of what the staff was notified of and goes on in the room, as it was last judged.
    /// `None` where nothing does.
    pub fn reminder(&self, room: &RoomKey, rules: &Rules) -> Option<RoomNotice> {
        let opened = self.notified_run(room)?;
        let opened = RunStart {
            rule: opened.rule,
            since: opened.since,
        };
        let fixed = self.watch.fold.run;
        let fixed = fixed.filter(|run| run.notified_at_periods > 0);
        let threshold = rules.threshold(room, self.watch.stay.kind());
        let (rule, run, threshold) = match fixed {
            Some(run) => (Rule::Fixed, run, threshold),
            None => (Rule::Baseline, self.baseline.open_run()?, WattHours::ZERO),
        };
        let notice = RoomNotice {
            rule,
            ..self.notice(room, NoticeKind::Reminder, run, run.until, threshold)
        };
        let incident = (opened != notice.start()).then_some(opened);
        Some(RoomNotice { incident, ..notice })
    }

    /// Folds readings in time order; of several with one time the first counts. Each is shown with
    /// what it was and the watch by then.
    pub(super) fn fold(
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
            let closing = self.close(room, Closing::IntervalChanged, seen, rules);
            effects.changes.extend(closing.map(Change::Notice));
            self.watch.interval_seconds = rules.interval_seconds;
            let why = Closing::IntervalChanged;
            self.baseline.add(Item::Broken { at: seen, why }, rules);
        }
        if rules.baseline.mode == BaselineMode::Off {
            let seen = self.watch.fold.seen.unwrap_or(self.watch.stay.time());
            let run = self.watch.fold.run;
            // The other rule's run goes on with the incident.
            if run.is_none_or(|run| run.notified_at_periods == 0) {
                let closing = self.close_unusual(room, Closing::RuleOff, seen);
                effects.changes.extend(closing.map(Change::Notice));
            }
            self.baseline.forget();
        }
        let (stay_time, exempt) = (self.watch.stay.time(), self.exempt(rules));
        for &reading in readings {
            let fold = &mut self.watch.fold;
            let outcome = fold.step(reading, stay_time, threshold, &exempt, rules);
            self.watch.record(reading, outcome, rules);
            let kind = self.watch.stay.kind();
            self.baseline
                .follow(reading, &outcome, (kind, stay_time), rules);
            effects.tally.count(&outcome, kind, reading.time);
            for (kind, run) in outcome.notices() {
                let mut notice = self.notice(room, kind, run, reading.time, threshold);
                // A run has ended before the interval that shows it.
                let has_ended = matches!(kind, NoticeKind::Recovered | NoticeKind::Closed(_));
                notice.until = has_ended.then_some(run.until);
                let notice = self.baseline.merge(notice, rules);
                effects.changes.extend(notice.map(Change::Notice));
            }
            show(reading, &outcome, &self.watch);
        }
    }

    /// Ends the run, if there is one; if the staff was notified of it, its end is a notice, too.
    pub(super) fn close(
        &mut self,
        room: &RoomKey,
        why: Closing,
        detected: LocalTime,
        rules: &Rules,
    ) -> Option<RoomNotice> {
        let (run, _) = self.watch.fold.end_run(RunEnd::Closed(why))?;
        let kind = NoticeKind::Closed(why);
        let threshold = rules.threshold(room, self.watch.stay.kind());
        if run.notified_at_periods == 0 {
            return None;
        }
        let notice = RoomNotice {
            until: Some(run.until),
            ..self.notice(room, kind, run, detected, threshold)
        };
        self.baseline.merge(notice, rules)
    }

    /// Tells the staff that an unusual use that it knows of is no longer followed, because a new
    /// stay has begun or the room is out of order; what was judged before that is still to be
    /// evaluated.
    pub(super) fn close_unusual(
        &mut self,
        room: &RoomKey,
        why: Closing,
        detected: LocalTime,
    ) -> Option<RoomNotice> {
        let (run, incident) = self.baseline.close()?;
        let kind = NoticeKind::Closed(why);
        Some(RoomNotice {
            rule: Rule::Baseline,
            incident,
            until: Some(run.until),
            ..self.notice(room, kind, run, detected, WattHours::ZERO)
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
            incident: None,
            stay: self.watch.stay,
            detected,
            since: run.since,
            until: None,
            periods: run.periods,
            energy: run.energy,
            threshold,
            unusual: None,
            interval_seconds: self.watch.interval_seconds,
            before: self.watch.before.clone(),
            history: self.watch.history.clone(),
            handling: None,
        }
    }
}

impl Tally {
    fn count(&mut self, outcome: &Outcome, kind: Kind, ended: LocalTime) {
        if let Some(energy) = outcome.energy() {
            match kind {
                Kind::Checkin => self.occupied += energy,
                Kind::Checkout => self.vacant += energy,
            }
            self.day.add(DayEnergy::of_interval(ended, energy));
        }
        match outcome.step {
            Step::Late => self.late += 1,
            Step::Judged { abnormal, .. } => {
                self.judged += 1;
                self.abnormal += u64::from(abnormal);
            }
            Step::Gap { .. } => self.gaps += 1,
            Step::OutOfOrder { .. } => self.out_of_order += 1,
            Step::Cleaning { .. } => self.cleaning += 1,
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
pub(super) struct Effects {
    pub(super) changes: Vec<Change>,
    pub(super) tally: Tally,
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
    Transition::on_one_watch(state, after, effects)
}

/// Ends the runs of a room that has come to be out of order by `now`, as its next reading would:
/// its meter may have no power, and send none. `None` where there is nothing to end.
///
/// Statuses may be known before they begin, and readings come late, so this is for the clock, after
/// a sweep, and not for the message.
pub fn close_out_of_order(
    room: &RoomKey,
    state: &RoomState,
    now: LocalTime,
    rules: &Rules,
) -> Option<Transition> {
    let has_run = state.watch.fold.run.is_some() || state.baseline.is_open();
    if !has_run || !state.statuses.has_out_of_order() {
        return None;
    }
    let sample = state.watch.fold.sample?;
    let stay_time = state.watch.stay.time();
    let exemption = state
        .exempt(rules)
        .interval(sample.time.max(stay_time), now);
    let Some(Exemption::OutOfOrder { since }) = exemption else {
        return None;
    };
    let why = Closing::OutOfOrder { at: since };
    Some(closed(room, state, why, since.max(sample.time), rules))
}

/// Ends the runs of a room at `now`, because somebody knows that no reading will: its meter is
/// gone, or the room is out of order. Its meter's next readings are judged anew.
pub fn close_by_hand(
    room: &RoomKey,
    state: &RoomState,
    now: LocalTime,
    rules: &Rules,
) -> Transition {
    let sample = state.watch.fold.sample;
    let detected = sample.map_or(now, |sample| now.max(sample.time));
    closed(room, state, Closing::ByHand, detected, rules)
}

/// Ends a room's runs.
fn closed(
    room: &RoomKey,
    state: &RoomState,
    why: Closing,
    detected: LocalTime,
    rules: &Rules,
) -> Transition {
    let mut after = state.clone();
    let closing = after.close(room, why, detected, rules).into_iter();
    let closing = closing.chain(after.close_unusual(room, why, detected));
    let changes = closing.map(Change::Notice).collect();
    Transition {
        state: after,
        changes,
        tally: Tally::default(),
    }
}

impl Transition {
    /// From one state to another that has the same watch, on the same stay.
    pub(super) fn on_one_watch(
        before: &RoomState,
        after: RoomState,
        mut effects: Effects,
    ) -> Transition {
        if after.watch.initial != before.watch.initial {
            let opening = after.watch.opening();
            effects.changes.push(Change::Rewritten(opening));
        }
        Transition {
            state: after,
            changes: effects.changes,
            tally: effects.tally,
        }
    }
}
