//! The watches in memory: written by the state-owner alone, read by sweeps.

use std::collections::HashMap;

use parking_lot::RwLock;

use crate::engine::Watch;
use crate::types::{Kind, LocalTime, RoomKey};

/// What tells a room's stays apart: [`crate::engine::Stay::order`].
pub type StayOrder = (LocalTime, Kind);

/// All watched rooms.
#[derive(Default)]
pub struct Rooms(RwLock<HashMap<RoomKey, Room>>);

/// A watch and how often it has changed since the start: a verdict on another version is stale.
#[derive(Clone, Debug)]
pub struct Room {
    pub watch: Watch,
    pub version: u64,
}

impl Rooms {
    pub fn get(&self, room: &RoomKey) -> Option<Room> {
        self.0.read().get(room).cloned()
    }

    pub fn len(&self) -> usize {
        self.0.read().len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.read().is_empty()
    }

    /// Puts new states in the place of the old ones, all at once.
    pub fn adopt(&self, changed: impl IntoIterator<Item = (RoomKey, Watch)>) {
        let mut rooms = self.0.write();
        for (key, watch) in changed {
            match rooms.get_mut(&key) {
                Some(room) => {
                    room.watch = watch;
                    room.version += 1;
                }
                None => {
                    rooms.insert(key, Room { watch, version: 0 });
                }
            }
        }
    }

    /// The time after which a reading is news to a watched room, with the stay it is
    /// watched for.
    pub fn needs_after(&self, room: &RoomKey) -> Option<(LocalTime, StayOrder)> {
        let rooms = self.0.read();
        let room = rooms.get(room)?;
        Some((room.watch.needs_after(), room.watch.stay.order()))
    }

    /// The rooms that have seen no reading since `time`, each with the time it has seen last and the
    /// stay it is watched for.
    pub fn unheard_since(&self, time: LocalTime) -> Vec<(RoomKey, LocalTime, StayOrder)> {
        let rooms = self.0.read();
        rooms
            .iter()
            .map(|(key, room)| (key, room.watch.needs_after(), room.watch.stay.order()))
            .filter(|&(_, seen, _)| seen < time)
            .map(|(key, seen, stay)| (key.clone(), seen, stay))
            .collect()
    }
}
