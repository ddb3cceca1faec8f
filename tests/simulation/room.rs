//! One room of the model: what is known of it, and a watch that judges all it is shown.

use std::collections::BTreeSet;

use roomwatt::engine::{
    Change, Closing, NoticeKind, Opening, RoomNotice, RoomState, Rule, Rules, Said, StatusChange,
    Stay, observe,
};
use roomwatt::store::Readings;
use roomwatt::types::{LocalTime, Reading, RoomKey};

use crate::known::{Known, Taken};

/// A watched room.
pub struct Room {
    key: RoomKey,
    rules: Rules,
    known: Known,
    /// As the watch was at the last change of what is known.
    state: RoomState,
    /// When the watch began: what came before that it may have missed.
    began: LocalTime,
    /// What the watch was shown, and what of it is not judged yet: all that it is shown without a
    /// change of what is known is judged as a whole.
    shown: BTreeSet<LocalTime>,
    unjudged: Readings,
    rows: Vec<Opening>,
    notices: Vec<RoomNotice>,
    corrections: Corrections,
}

/// How often a watch turned out to be another one than it had seemed.
#[derive(Clone, Copy, Default)]
pub struct Corrections {
    /// Its stay began earlier.
    pub moved: u32,
    /// It should never have been.
    pub withdrawn: u32,
}

/// What is left of a room.
pub struct Left {
    pub state: RoomState,
    pub statuses: Vec<StatusChange>,
    pub rows: Vec<Opening>,
    pub notices: Vec<RoomNotice>,
    pub corrections: Corrections,
}

impl Room {
    /// A room of which this is the first that is said, if it is watched from then on.
    pub fn new(key: &RoomKey, said: &Said, readings: &[Reading], rules: &Rules) -> Option<Room> {
        let mut known = Known::default();
        let began = known.take(said, rules).turn()?;
        let (stay, _) = known.watched?;
        let mut room = Room {
            key: key.clone(),
            rules: rules.clone(),
            known,
            state: RoomState::new(stay, rules),
            began,
            shown: BTreeSet::new(),
            unjudged: Vec::new(),
            rows: Vec::new(),
            notices: Vec::new(),
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

    /// Its watch is shown these readings.
    pub fn show(&mut self, readings: &[Reading]) {
        self.shown
            .extend(readings.iter().map(|reading| reading.time));
        self.unjudged.extend(readings);
    }

    /// Takes what one message says. `visible` are all its rows up to the time at which a later
    /// message of the same batch has it judged otherwise, in the order in which they were
    /// committed.
    pub fn take(&mut self, said: &Said, readings: &[Reading], visible: &[Reading]) {
        let mut known = self.known();
        let Taken::New { turn } = known.take(said, &self.rules) else {
            return;
        };
        if let Some(change) = said.status() {
            let until = readings.partition_point(|reading| reading.time <= change.at);
            self.show(&readings[..until]);
            self.judge();
            self.know(known);
            self.show(&readings[until..]);
            return;
        }
        let Some((stay, _)) = known.watched else {
            return;
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
        self.close(why, stay.time().max(was.time()));
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
        let judged = observe(&self.key, &self.state, &readings, &self.rules);
        let notices = judged
            .changes
            .into_iter()
            .filter_map(|change| match change {
                Change::Notice(notice) => Some(notice),
                _ => None,
            });
        self.notices.extend(notices);
        self.state = judged.state;
        self.record();
    }

    /// "A run that is going on when it begins is cut off", by the clock.
    pub fn cut_off(&mut self, now: LocalTime) {
        self.judge();
        let Some(sample) = self.state.watch.fold.sample else {
            return;
        };
        let from = sample.time.max(self.state.watch.stay.time());
        let spans = self.known.out_of_order(&self.rules);
        let mut spans = spans.into_iter();
        let lies_in =
            |&(begin, end): &(_, Option<_>)| begin < now && end.is_none_or(|end| from < end);
        if let Some((at, _)) = spans.find(lies_in) {
            self.close(Closing::OutOfOrder { at }, at.max(sample.time));
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
        self.notices.push(RoomNotice {
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
        });
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
            corrections: self.corrections,
        }
    }
}
