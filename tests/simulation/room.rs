//! One room of the model: what is known of it, and a watch that judges all it is shown.

use std::collections::BTreeSet;

use roomwatt::engine::{
    BaselineMode, Change, Closing, NoticeKind, Opening, RoomNotice, RoomState, Rule, Rules,
    RunStart, Said, StatusChange, Stay, Step, WatchKey, observe_each,
};
use roomwatt::store::Readings;
use roomwatt::types::{LocalTime, Reading, RoomKey};

use crate::known::{Known, Taken};
use crate::unusual::{Present, Remembered};

/// A watched room.
#[derive(Clone)]
pub struct Room {
    key: RoomKey,
    rules: Rules,
    known: Known,
    /// In which the baseline rule is used now.
    mode: BaselineMode,
    unusual: Remembered,
    /// As the watch was at the last change of what is known.
    state: RoomState,
    /// When the watch began: what came before that it may have missed.
    began: LocalTime,
    /// What the watch was shown, and what of it is not judged yet: all that it is shown without a
    /// change of what is known is judged as a whole.
    shown: BTreeSet<LocalTime>,
    unjudged: Readings,
    /// The watch that the present sweep shows its rows to.
    served: Option<WatchKey>,
    rows: Vec<Opening>,
    notices: Vec<RoomNotice>,
    /// Wh of the intervals that were judged, each with when it ended.
    used: Vec<(LocalTime, i64)>,
    corrections: Corrections,
}

/// How often a watch turned out to be another one than it had seemed.
#[derive(Clone, Copy, Default)]
pub struct Corrections {
    /// Its stay began earlier.
    pub moved: u32,
    /// It should never have been.
    pub withdrawn: u32,
    /// Its runs were ended by the clock.
    pub closed: u32,
}

/// What is left of a room.
pub struct Left {
    pub state: RoomState,
    pub statuses: Vec<StatusChange>,
    pub rows: Vec<Opening>,
    pub notices: Vec<RoomNotice>,
    pub used: Vec<(LocalTime, i64)>,
    pub corrections: Corrections,
    pub unusual: Remembered,
}

impl Room {
    /// A room of which this is the first that is said, if it is watched from then on.
    pub fn new(
        key: &RoomKey,
        said: &Said,
        readings: &[Reading],
        rules: &Rules,
        mode: BaselineMode,
    ) -> Option<Room> {
        let mut known = Known::default();
        let began = known.take(said, rules).turn()?;
        let (stay, _) = known.watched?;
        let mut room = Room {
            key: key.clone(),
            rules: rules.clone(),
            known,
            mode,
            unusual: Remembered::default(),
            state: RoomState::new(stay, rules),
            began,
            shown: BTreeSet::new(),
            unjudged: Vec::new(),
            served: None,
            rows: Vec::new(),
            notices: Vec::new(),
            used: Vec::new(),
            corrections: Corrections::default(),
        };
        room.rows.push(room.row());
        room.show(readings);
        Some(room)
    }

    /// The number of its watch.
    pub fn watch(&self) -> u32 {
        self.state.watches
    }

    /// What is known of it by now.
    pub fn known(&mut self) -> Known {
        self.judge();
        // A watch that has judged nothing yet begins anew where its stay began earlier.
        let watch = &self.state.watch;
        self.known.watched = Some((watch.stay, watch.fold.seen > Some(watch.stay.time())));
        self.known.clone()
    }

    /// It is judged by a service with the baseline rule in this mode.
    pub fn in_mode(&mut self, mode: BaselineMode) {
        if self.mode != mode {
            self.judge();
            self.mode = mode;
        }
    }

    /// "off": with the first judging nothing is left of the rule, and the staff hears of an end,
    /// unless a run of the other rule goes on that it knows of.
    fn leave_rule(&mut self) {
        if self.mode != BaselineMode::Off {
            return;
        }
        self.judge();
        if self.fixed_run().is_none() {
            let watch = &self.state.watch;
            let seen = watch.fold.seen.unwrap_or(watch.stay.time());
            self.close_unusual(Closing::RuleOff, seen);
        }
        self.unusual.forget();
    }

    /// The run of the rule with thresholds, if the staff was notified of it.
    fn fixed_run(&self) -> Option<RunStart> {
        let run = self.state.watch.fold.run;
        let run = run.filter(|run| run.notified_at_periods > 0)?;
        let (rule, since) = (Rule::Fixed, run.since);
        Some(RunStart { rule, since })
    }

    /// The room as its notices have it, and what is unusual for it.
    pub fn present(&mut self) -> (Present<'_>, &mut Remembered) {
        self.judge();
        let present = Present {
            watch: self.state.watches,
            stay: self.state.watch.stay,
            fixed: self.fixed_run(),
            is_on: self.mode == BaselineMode::On,
            interval_seconds: self.rules.interval_seconds,
            key: &self.key,
        };
        (present, &mut self.unusual)
    }

    /// A transaction has written it.
    pub fn written(&mut self) {
        self.judge();
        self.unusual.written();
    }

    pub fn unusual(&self) -> &Remembered {
        &self.unusual
    }

    pub fn add_notice(&mut self, notice: RoomNotice) {
        self.notices.push(notice);
    }

    fn close_unusual(&mut self, why: Closing, detected: LocalTime) {
        let (present, unusual) = self.present();
        let notice = unusual.close(&present, why, detected);
        self.notices.extend(notice);
    }

    /// A sweep, or a message, has shown it these readings.
    pub fn observe(&mut self, readings: &[Reading]) {
        self.leave_rule();
        self.show(readings);
    }

    /// Its watch is shown these readings.
    fn show(&mut self, readings: &[Reading]) {
        self.shown
            .extend(readings.iter().map(|reading| reading.time));
        self.unjudged.extend(readings);
    }

    /// Takes what one message says. `visible` are all its rows up to the time at which a later
    /// message of the same batch has it judged otherwise, in the order in which they were
    /// committed. Gives whether anything becomes of the room.
    pub fn take(&mut self, said: &Said, readings: &[Reading], visible: &[Reading]) -> bool {
        let mut known = self.known();
        let Taken::New { turn } = known.take(said, &self.rules) else {
            return false;
        };
        self.leave_rule();
        if let Some(change) = said.status() {
            let until = readings.partition_point(|reading| reading.time <= change.at);
            self.show(&readings[..until]);
            self.judge();
            self.know(known);
            self.show(&readings[until..]);
            return true;
        }
        let Some((stay, _)) = known.watched else {
            return true;
        };
        if turn.is_some() {
            self.begin(stay, readings, visible);
        } else if stay.time() < self.state.watch.stay.time() {
            self.corrections.moved += 1;
        }
        self.state.watch.stay = stay;
        self.know(known);
        self.record();
        self.show(readings);
        true
    }

    /// The watch ends, and another one begins.
    fn begin(&mut self, stay: Stay, readings: &[Reading], visible: &[Reading]) {
        let was = self.state.watch.stay;
        let is_newer = stay.order() > was.order();
        if is_newer {
            let until = readings.partition_point(|reading| reading.time <= stay.time());
            self.show(&readings[..until]);
            self.judge();
            self.assert_complete(stay.time(), visible);
        }
        let why = Closing::NewStay {
            kind: stay.kind(),
            at: stay.time(),
        };
        let detected = stay.time().max(was.time());
        self.close(why, detected);
        self.close_unusual(why, detected);
        if self.mode != BaselineMode::Off {
            self.unusual.begin((self.state.watches, was), &stay);
        }
        let watches = self.state.watches + 1;
        self.state = RoomState {
            watches,
            ..RoomState::new(stay, &self.rules)
        };
        self.began = stay.time();
        self.shown.clear();
        match is_newer {
            true => self.rows.push(self.row()),
            false => self.corrections.withdrawn += 1,
        }
    }

    fn know(&mut self, known: Known) {
        self.state.statuses = known.plain_statuses(&self.rules);
        self.known = known;
    }

    fn row(&self) -> Opening {
        Opening {
            stay: self.state.watch.stay,
            initial: self.state.watch.initial,
        }
    }

    /// "A watch that is withdrawn or moved has its row updated in place (what reads the past from
    /// there must not find it as the last)."
    fn record(&mut self) {
        let by = self.row();
        for row in &mut self.rows {
            if row.stay.order() >= by.stay.order() {
                *row = by;
            }
        }
    }

    fn judge(&mut self) {
        let readings = std::mem::take(&mut self.unjudged);
        let (watch, mode) = (self.state.watches, self.mode);
        let (unusual, used) = (&mut self.unusual, &mut self.used);
        let judged = observe_each(
            &self.key,
            &self.state,
            &readings,
            &self.rules,
            |reading, outcome, watched| {
                if let Step::Judged { energy, .. } | Step::Cleaning { energy, .. } = outcome.step {
                    used.push((reading.time, energy.0));
                } else if let Step::OutOfOrder { energy, .. } = outcome.step {
                    used.extend(energy.map(|energy| (reading.time, energy.0)));
                }
                if mode != BaselineMode::Off {
                    unusual.follow(reading, outcome, watch, &watched.stay);
                }
            },
        );
        for change in judged.changes {
            if let Change::Notice(notice) = change {
                let notice = self.unusual.merge(notice, mode == BaselineMode::On);
                self.notices.extend(notice);
            }
        }
        self.state = judged.state;
        self.record();
    }

    /// A sweep begins, which shows its rows to the watch that the room has now.
    pub fn serve(&mut self) {
        self.served = Some(self.state.watch_key());
    }

    /// Whether the clock ends its runs after a complete sweep that began at `now`, by what is known
    /// and has been shown of the room.
    pub fn is_to_be_closed(&mut self, now: LocalTime) -> bool {
        self.judge();
        let has_run = self.state.watch.fold.run.is_some() || self.unusual.is_open();
        let is_served = self.served == Some(self.state.watch_key());
        has_run && is_served && self.out_of_order_by(now).is_some()
    }

    /// Since when the room has been out of order by `now`, and when its runs end because of that,
    /// if its last interval ended before.
    fn out_of_order_by(&self, now: LocalTime) -> Option<(LocalTime, LocalTime)> {
        let sample = self.state.watch.fold.sample?;
        let from = sample.time.max(self.state.watch.stay.time());
        let spans = self.known.out_of_order(&self.rules).into_iter();
        let mut spans = spans.filter(|(begin, _)| *begin < now);
        let (at, _) = spans.find(|(_, end)| end.is_none_or(|end| from < end))?;
        Some((at, at.max(sample.time)))
    }

    /// "A run that is going on when it begins is cut off", by the clock.
    pub fn cut_off(&mut self, now: LocalTime) {
        self.judge();
        if let Some((at, detected)) = self.out_of_order_by(now) {
            let why = Closing::OutOfOrder { at };
            self.close(why, detected);
            self.close_unusual(why, detected);
            self.corrections.closed += 1;
        }
    }

    /// The run ends, if there is one.
    fn close(&mut self, why: Closing, detected: LocalTime) {
        let Some(run) = self.state.watch.fold.run.take() else {
            return;
        };
        if run.notified_at_periods == 0 {
            return;
        }
        let watch = &self.state.watch;
        let notice = RoomNotice {
            kind: NoticeKind::Closed(why),
            room: self.key.clone(),
            watch: self.state.watches,
            rule: Rule::Fixed,
            stay: watch.stay,
            detected,
            since: run.since,
            until: Some(run.until),
            periods: run.periods,
            energy: run.energy,
            threshold: self.rules.threshold(&self.key, watch.stay.kind()),
            unusual: None,
            incident: None,
            interval_seconds: self.rules.interval_seconds,
            before: Vec::new(),
            history: watch.history.clone(),
            handling: None,
        };
        let notice = self.unusual.merge(notice, self.mode == BaselineMode::On);
        self.notices.extend(notice);
    }

    /// Whatever the watch could have seen up to its end, it must have been shown: no row that newer
    /// ones had not hidden may be missing.
    fn assert_complete(&self, end: LocalTime, visible: &[Reading]) {
        let mut newest = self.began;
        for &Reading { time, .. } in visible {
            if time > newest {
                newest = time;
                let is_shown = newest > end || self.shown.contains(&time);
                assert!(is_shown, "{}: {time} was never judged", self.key);
            }
        }
    }

    /// When all has come to its end.
    pub fn end(mut self, visible: &[Reading]) -> Left {
        self.judge();
        self.assert_complete(LocalTime::LAST, visible);
        Left {
            state: self.state,
            statuses: self.known.statuses,
            rows: self.rows,
            notices: self.notices,
            used: self.used,
            corrections: self.corrections,
            unusual: self.unusual,
        }
    }
}
