//! A room as the service keeps it, for tests of the engine: what came of its readings and messages
//! is what the next ones meet.
#![allow(dead_code)] // each test uses its own part

use roomwatt::engine::{
    Change, Occupancy, Opening, Received, RoomNotice, RoomState, Rules, Said, StatusChange, Stay,
    Transition, Watch, close_out_of_order, observe, readings_needed_after, receive,
};
use roomwatt::types::{LocalTime, Reading, RoomKey};

#[derive(Clone, Debug)]
pub struct Room {
    pub key: RoomKey,
    pub state: Option<RoomState>,
    /// All that has changed, in order.
    pub changes: Vec<Change>,
}

impl Room {
    /// One of which no message has come yet.
    pub fn new(key: RoomKey) -> Room {
        Room {
            key,
            state: None,
            changes: Vec::new(),
        }
    }

    pub fn state(&self) -> &RoomState {
        self.state.as_ref().expect("a message has come")
    }

    pub fn watch(&self) -> &Watch {
        &self.state().watch
    }

    /// Judges readings, in time order.
    pub fn observe(&mut self, readings: &[Reading], rules: &Rules) -> Transition {
        let transition = observe(&self.key, self.state(), readings, rules);
        self.adopt(&transition);
        transition
    }

    /// Judges what is new of the stored readings, which are in time order, if the room is watched.
    pub fn sweep(&mut self, stored: &[Reading], rules: &Rules) -> Vec<Change> {
        match &self.state {
            Some(state) => {
                let new = newer(stored, state.watch.needs_after());
                self.observe(new, rules).changes
            }
            None => Vec::new(),
        }
    }

    /// Takes a message while these readings are stored, in time order.
    pub fn message(&mut self, stay: Stay, stored: &[Reading], rules: &Rules) -> Received {
        self.said(&Said::of(&stay), stored, rules)
    }

    /// Takes what a message says, while these readings are stored, in time order.
    pub fn said(&mut self, said: &Said, stored: &[Reading], rules: &Rules) -> Received {
        if let Some(change) = said.status() {
            return self.status(change, rules);
        }
        let known = self.state.as_ref();
        // A message that begins no watch reads no meter.
        let mut occupancy = known.map_or_else(Occupancy::default, |known| known.occupancy.clone());
        if let Some(fact) = said.fact(&occupancy, rules.match_seconds) {
            occupancy.add(fact, rules.match_seconds);
        }
        let piece = occupancy.picture(rules.match_seconds).piece;
        let is_another = |piece: &Stay, known: &RoomState| {
            piece.replaces(&known.watch.stay, known.can_be_moved())
        };
        let begins = piece.filter(|piece| known.is_none_or(|known| is_another(piece, known)));
        let needed = begins.map_or(&[][..], |piece| {
            newer(stored, readings_needed_after(known, &piece, rules))
        });
        let received = receive(&self.key, known, said, needed, rules);
        match &received {
            Received::Newer(transition)
            | Received::Corrected(transition)
            | Received::Noted(transition) => self.adopt(transition),
            Received::Duplicate | Received::Stale | Received::Unwatched => {}
        }
        received
    }

    /// Takes a message about the room's status, which reads no meter.
    pub fn status(&mut self, change: StatusChange, rules: &Rules) -> Received {
        let known = self.state.as_ref();
        let received = receive(&self.key, known, &Said::Status(change), &[], rules);
        if let Received::Noted(transition) = &received {
            self.adopt(transition);
        }
        received
    }

    /// The clock shows this time, and everything that is stored has been judged.
    pub fn close_out_of_order(&mut self, now: LocalTime, rules: &Rules) -> Vec<Change> {
        let state = self.state.as_ref();
        let closed = state.and_then(|state| close_out_of_order(&self.key, state, now, rules));
        closed.map_or(Vec::new(), |transition| {
            self.adopt(&transition);
            transition.changes
        })
    }

    pub fn notices(&self) -> Vec<&RoomNotice> {
        notices(&self.changes)
    }

    /// The room's rows of `electricity_monitoring`, in the order of their stays.
    pub fn rows(&self) -> Vec<Opening> {
        let mut rows: Vec<Opening> = Vec::new();
        for change in &self.changes {
            match change {
                Change::Opened(opening) => rows.push(*opening),
                Change::Rewritten(by) => {
                    for row in &mut rows {
                        if row.stay.order() >= by.stay.order() {
                            *row = *by;
                        }
                    }
                }
                Change::Notice(_) => {}
            }
        }
        rows.sort_by_key(|row| row.stay.order());
        rows
    }

    /// The watch, but for what it shows of the time before its stay: that depends on when messages
    /// came.
    pub fn decided(&self) -> Option<Watch> {
        let watch = self.state.clone()?.watch;
        Some(Watch {
            before: Vec::new(),
            ..watch
        })
    }

    fn adopt(&mut self, transition: &Transition) {
        self.state = Some(transition.state.clone());
        self.changes.extend(transition.changes.iter().cloned());
    }
}

/// Those of readings in time order that are later than a time.
fn newer(stored: &[Reading], time: LocalTime) -> &[Reading] {
    &stored[stored.partition_point(|reading| reading.time <= time)..]
}

/// Stores a reading in time order, behind those with the same time.
pub fn store(stored: &mut Vec<Reading>, reading: Reading) {
    let place = stored.partition_point(|stored| stored.time <= reading.time);
    stored.insert(place, reading);
}

pub fn notices(changes: &[Change]) -> Vec<&RoomNotice> {
    let notices = changes.iter().filter_map(|change| match change {
        Change::Notice(notice) => Some(notice),
        _ => None,
    });
    notices.collect()
}
