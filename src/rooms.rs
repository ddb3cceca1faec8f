//! The rooms' states in memory: written by the owner alone, read by sweeps and notifiers.

use std::collections::HashMap;

use parking_lot::RwLock;

use crate::engine::baseline::{Frames, HotelMemory};
use crate::engine::{
    Census, MeterCheck, MeterFindings, MeterNotice, MeterTrouble, RoomState, Rules, Transition,
    close_out_of_order,
};
use crate::frontier::{Begun, Frontier, Position};
use crate::types::{HotelId, LocalTime, RoomKey};

/// All watched rooms.
#[derive(Default)]
pub struct Rooms(RwLock<State>);

#[derive(Default)]
struct State {
    rooms: HashMap<RoomKey, Room>,
    frontier: Frontier,
    /// What the staff was last notified of hotels' meters, where that still matters.
    troubles: HashMap<HotelId, MeterTrouble>,
    /// What is remembered of what hotels' vacant rooms have in common.
    hotels: HashMap<HotelId, HotelMemory>,
    swept: Option<LastSweep>,
}

/// The last sweep that was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSweep {
    /// When it began.
    pub began: LocalTime,
    /// Since when sweeps have been complete: before that, readings may be missing.
    pub listening_since: LocalTime,
}

/// What the baseline rule compares a hotel's rooms with, and what is remembered of it.
#[derive(Default)]
pub struct Hotel {
    pub frames: Frames,
    pub memory: HotelMemory,
}

/// A room's state and how often it has changed since the start: a verdict on another version is
/// stale.
#[derive(Clone, Debug)]
pub struct Room {
    pub state: RoomState,
    pub version: u64,
    begun: Begun,
}

impl Rooms {
    pub fn get(&self, room: &RoomKey) -> Option<Room> {
        self.0.read().rooms.get(room).cloned()
    }

    pub fn len(&self) -> usize {
        self.0.read().rooms.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.read().rooms.is_empty()
    }

    /// Shows all rooms, in no order. No state changes meanwhile, so it must be short.
    pub fn visit(&self, mut take: impl FnMut(&RoomKey, &RoomState)) {
        for (key, room) in &self.0.read().rooms {
            take(key, &room.state);
        }
    }

    /// A sweep is complete.
    pub fn set_last_sweep(&self, sweep: LastSweep) {
        self.0.write().swept = Some(sweep);
    }

    /// The last sweep since the start that was complete.
    pub fn last_sweep(&self) -> Option<LastSweep> {
        self.0.read().swept
    }

    /// Puts new states in the place of the old ones, all at once.
    pub fn adopt(&self, changed: impl IntoIterator<Item = (RoomKey, RoomState)>) {
        let mut all = self.0.write();
        let begun = all.frontier.begun();
        for (key, mut state) in changed {
            state.shrink_to_fit();
            match all.rooms.get_mut(&key) {
                Some(room) => {
                    if room.state.watch_key() != state.watch_key() {
                        room.begun = begun;
                    }
                    room.state = state;
                    room.version += 1;
                }
                None => {
                    let room = Room {
                        state,
                        version: 0,
                        begun,
                    };
                    all.rooms.insert(key, room);
                }
            }
        }
    }

    /// The state was loaded from a store that had judged the meter table up to here.
    pub fn set_judged(&self, judged: Option<Position>) {
        self.0.write().frontier = Frontier::new(judged);
    }

    /// A sweep begins, and the next one will begin at `next`: for the state-owner, between two
    /// transactions.
    pub fn begin_sweep(&self, next: Position) {
        self.0.write().frontier.begin_sweep(next);
    }

    pub fn frontier(&self) -> Frontier {
        self.0.read().frontier
    }

    /// A room whose watch the present sweep serves.
    pub fn swept(&self, room: &RoomKey) -> Option<Room> {
        let state = self.0.read();
        let room = state.rooms.get(room)?;
        (state.frontier.is_swept(room.begun)).then(|| room.clone())
    }

    /// The time after which a reading is new to a room of the present sweep.
    pub fn needs_after(&self, room: &RoomKey) -> Option<LocalTime> {
        let state = self.0.read();
        let room = state.rooms.get(room)?;
        (state.frontier.is_swept(room.begun)).then(|| room.state.watch.needs_after())
    }

    /// The rooms of the present sweep without a reading since `time`, each with the time of its
    /// last one.
    pub fn without_reading_since(&self, time: LocalTime) -> Vec<(RoomKey, LocalTime)> {
        let state = self.0.read();
        let rooms = state.rooms.iter();
        rooms
            .filter(|(_, room)| state.frontier.is_swept(room.begun))
            .map(|(key, room)| (key, room.state.watch.needs_after()))
            .filter(|&(_, seen)| seen < time)
            .map(|(key, seen)| (key.clone(), seen))
            .collect()
    }

    /// The hotels, each with the frames to which its rooms have contributed.
    pub fn hotels(&self) -> HashMap<HotelId, Hotel> {
        let state = self.0.read();
        let mut hotels: HashMap<HotelId, Hotel> = HashMap::new();
        for (key, room) in &state.rooms {
            let contributions = room.state.baseline.contributions();
            match hotels.get_mut(&key.hotel_id) {
                Some(hotel) => hotel.frames.add(contributions),
                None => {
                    let mut hotel = Hotel::default();
                    hotel.frames.add(contributions);
                    hotel.memory = state.hotels.get(&key.hotel_id).copied().unwrap_or_default();
                    hotels.insert(key.hotel_id.clone(), hotel);
                }
            }
        }
        hotels
    }

    /// Sets what is remembered of what a hotel's vacant rooms have in common.
    pub fn remember(&self, hotel: HotelId, memory: HotelMemory) {
        self.0.write().hotels.insert(hotel, memory);
    }

    /// The rooms of the present sweep of which messages have had intervals judged that the baseline
    /// rule is still to evaluate.
    pub fn with_pending(&self) -> Vec<RoomKey> {
        let state = self.0.read();
        let rooms = state.rooms.iter().filter(|(_, room)| {
            room.state.baseline.has_pending() && state.frontier.is_swept(room.begun)
        });
        rooms.map(|(key, _)| key.clone()).collect()
    }

    /// Checks the meters of the rooms of the present sweep, except for those that are out of order:
    /// they may have no power. Counts all rooms with that.
    pub fn check_meters(&self, check: &MeterCheck, rules: &Rules) -> MeterFindings {
        let state = self.0.read();
        let rooms = state.rooms.iter();
        let rooms =
            rooms.map(|(key, room)| (key, &room.state, state.frontier.is_swept(room.begun)));
        MeterFindings::with_census(rooms, &state.troubles, check, rules.match_seconds)
    }

    /// The rooms of the present sweep whose runs end because they have come to be out of order by
    /// `now`, each with its version and with what follows.
    pub fn close_out_of_order(
        &self,
        now: LocalTime,
        rules: &Rules,
    ) -> Vec<(RoomKey, u64, Transition)> {
        let state = self.0.read();
        let rooms = state.rooms.iter();
        rooms
            .filter(|(_, room)| state.frontier.is_swept(room.begun))
            .filter_map(|(key, room)| {
                let after = close_out_of_order(key, &room.state, now, rules)?;
                Some((key.clone(), room.version, after))
            })
            .collect()
    }

    /// Counts of all rooms at `now`.
    pub fn census(&self, now: LocalTime, rules: &Rules) -> Census {
        let state = self.0.read();
        let rooms = state.rooms.iter();
        let rooms = rooms.map(|(key, room)| (key, &room.state));
        Census::take(rooms, now, rules.match_seconds)
    }

    /// What the staff was last notified of this hotel's meters, where that still matters.
    pub fn trouble(&self, hotel: &HotelId) -> Option<MeterTrouble> {
        self.0.read().troubles.get(hotel).copied()
    }

    /// The staff has been notified of this hotel's silence, and not yet of its end.
    pub fn is_notified_silent(&self, hotel: &HotelId) -> bool {
        matches!(self.trouble(hotel), Some(MeterTrouble::Silent(_)))
    }

    /// The staff has been notified that this hotel is frozen, and not yet that it moves.
    pub fn is_notified_frozen(&self, hotel: &HotelId) -> bool {
        matches!(self.trouble(hotel), Some(MeterTrouble::Frozen(_)))
    }

    /// When this hotel, which had been frozen, was found to move again; `None` where it was not.
    pub fn moving_since(&self, hotel: &HotelId) -> Option<LocalTime> {
        match self.trouble(hotel) {
            Some(MeterTrouble::Moved(at)) => Some(at),
            _ => None,
        }
    }

    /// Sets what the staff was last notified of a hotel's meters.
    pub fn set_trouble(&self, hotel: HotelId, trouble: MeterTrouble) {
        self.0.write().troubles.insert(hotel, trouble);
    }

    /// A notice of a hotel's meters is recorded.
    pub fn notified(&self, notice: &MeterNotice) {
        let hotel = notice.hotel_id.clone();
        match notice.trouble() {
            Some(trouble) => self.set_trouble(hotel, trouble),
            None => {
                self.0.write().troubles.remove(&hotel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{RoomStatus, StatusChange, Stay};

    #[test]
    fn a_watch_that_begins_during_a_sweep_is_served_by_the_next_one() {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        let room = RoomKey::new("H001", "101");
        let vacant = |hours: i64, number| {
            let stay = Stay::Vacant {
                actual_checkin: None,
                actual_checkout: noon.plus(hours * 3_600),
            };
            let state = RoomState::new(stay, &Rules::default());
            let watches = number;
            [(room.clone(), RoomState { watches, ..state })]
        };
        let rooms = Rooms::default();
        rooms.adopt(vacant(0, 1));
        rooms.begin_sweep(Position::Id(0));
        assert!(rooms.needs_after(&room).is_some());
        rooms.adopt(vacant(0, 1));
        assert!(rooms.swept(&room).is_some(), "it is the same watch");
        rooms.adopt(vacant(-1, 1));
        assert!(rooms.swept(&room).is_some(), "its stay was corrected");
        rooms.adopt(vacant(1, 2));
        assert!(rooms.swept(&room).is_none() && rooms.needs_after(&room).is_none());
        assert!(rooms.without_reading_since(LocalTime::LAST).is_empty());
        let silent = || {
            let check = MeterCheck {
                now: noon.plus(86_400),
                listening_since: noon,
                silent_after: 5_400,
            };
            rooms.check_meters(&check, &Rules::default()).silent()
        };
        assert_eq!(
            silent(),
            0,
            "a room is not silent for readings that the sweep did not show it"
        );
        rooms.begin_sweep(Position::Id(0));
        assert!(rooms.swept(&room).is_some());
        assert_eq!(rooms.without_reading_since(LocalTime::LAST).len(), 1);
        assert_eq!(silent(), 1);
        let mut repaired = rooms.get(&room).expect("it is watched").state;
        repaired.statuses.add(StatusChange {
            at: noon,
            status: RoomStatus::OutOfOrder { until: None },
        });
        rooms.adopt([(room.clone(), repaired)]);
        assert_eq!(silent(), 0, "it may have no power");
    }
}
