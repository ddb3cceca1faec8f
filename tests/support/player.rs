//! A room as the service keeps it, for tests of the engine: what came of its readings and messages
//! is what the next ones meet.
#![allow(dead_code)] // each test uses its own part

use roomwatt::engine::{
    Arrival, Change, Event, RoomNotice, Rules, Stay, Transition, Watch, observe,
    readings_needed_after, receive,
};
use roomwatt::types::{LocalTime, Reading, RoomKey};

#[derive(Clone, Debug)]
pub struct Room {
    pub key: RoomKey,
    pub watch: Option<Watch>,
    /// All that has changed, in order.
    pub changes: Vec<Change>,
}

impl Room {
    /// One of which no message has come yet.
    pub fn new(key: RoomKey) -> Room {
        Room {
            key,
            watch: None,
            changes: Vec::new(),
        }
    }

    pub fn watch(&self) -> &Watch {
        self.watch.as_ref().expect("a message has come")
    }

    /// Judges readings, in time order.
    pub fn observe(&mut self, readings: &[Reading], rules: &Rules) -> Transition {
        let transition = observe(&self.key, self.watch(), readings, rules);
        self.adopt(&transition);
        transition
    }

    /// Judges what is new of the stored readings, which are in time order, if the room is watched.
    pub fn sweep(&mut self, stored: &[Reading], rules: &Rules) -> Vec<Change> {
        match &self.watch {
            Some(watch) => {
                let new = newer(stored, watch.needs_after());
                self.observe(new, rules).changes
            }
            None => Vec::new(),
        }
    }

    /// Takes a message while these readings are stored, in time order.
    pub fn message(&mut self, stay: Stay, stored: &[Reading], rules: &Rules) -> Arrival {
        let room = self.key.clone();
        let watch = self.watch.as_ref();
        let needed = newer(stored, readings_needed_after(watch, &stay, rules));
        let arrival = receive(watch, &Event { room, stay }, needed, rules);
        match &arrival {
            Arrival::Newer(transition) | Arrival::Expected(transition) => self.adopt(transition),
            Arrival::Duplicate | Arrival::Stale => {}
        }
        arrival
    }

    pub fn notices(&self) -> Vec<&RoomNotice> {
        notices(&self.changes)
    }

    /// The watch, but for its number and for what it shows of the time before its stay: they depend
    /// on when messages came.
    pub fn decided(&self) -> Option<Watch> {
        let watch = self.watch.clone()?;
        Some(Watch {
            number: 0,
            before: Vec::new(),
            ..watch
        })
    }

    fn adopt(&mut self, transition: &Transition) {
        self.watch = Some(transition.watch.clone());
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
