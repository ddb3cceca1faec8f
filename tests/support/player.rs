//! A room as the service keeps it, for tests of the engine: what came of its readings and messages
//! is what the next ones meet.
#![allow(dead_code)] // each test uses its own part

use roomwatt::engine::{
    Change, Fact, Occupancy, Received, RoomNotice, RoomState, Rules, Said, Stay, Transition, Watch,
    observe, readings_needed_after, receive,
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
        let known = self.state.as_ref();
        let said = Said::of(&stay);
        // A message that begins no watch reads no meter.
        let mut occupancy = known.map_or_else(Occupancy::default, |known| known.occupancy.clone());
        occupancy.add(Fact::of(&stay), rules.match_seconds);
        let piece = occupancy.picture(rules.match_seconds).piece;
        let begins =
            piece.filter(|piece| known.is_none_or(|known| piece.replaces(&known.watch.stay)));
        let needed = begins.map_or(&[][..], |piece| {
            newer(stored, readings_needed_after(known, &piece, rules))
        });
        let received = receive(&self.key, known, &said, needed, rules);
        match &received {
            Received::Newer(transition)
            | Received::Corrected(transition)
            | Received::Noted(transition) => self.adopt(transition),
            Received::Duplicate | Received::Stale => {}
        }
        received
    }

    pub fn notices(&self) -> Vec<&RoomNotice> {
        notices(&self.changes)
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
