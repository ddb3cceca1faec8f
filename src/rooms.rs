//! The rooms' states in memory: written by the owner alone, read by sweeps and notifiers.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::engine::baseline::{Frames, HotelMemory};
use crate::engine::{
    Census, HotelCensus, HotelMeters, HotelState, Incident, MeterCheck, MeterFindings, MeterNotice,
    MeterTrouble, RoomState, Rules, Transition, close_out_of_order,
};
use crate::frontier::{Begun, Frontier, Position};
use crate::types::{HotelId, LocalTime, RoomKey, RoomNumber};

/// All watched rooms.
#[derive(Default)]
pub struct Rooms(RwLock<State>);

#[derive(Default)]
struct State {
    /// Hotel by hotel: who asks for one touches no other. None is empty.
    rooms: HashMap<HotelId, OfHotel>,
    frontier: Frontier,
    /// What the staff was last notified of hotels' meters, where that still matters.
    troubles: HashMap<HotelId, MeterTrouble>,
    /// The incidents that are open, by room; those of meters have an empty number.
    incidents: HashMap<RoomKey, Incident>,
    /// When something becomes of one of these by time alone, for the first time.
    due: Option<LocalTime>,
    /// What is remembered of hotels beside their rooms.
    hotels: HashMap<HotelId, HotelState>,
    /// The last frame of each hotel that was recorded since the start.
    recorded: HashMap<HotelId, u32>,
    swept: Option<LastSweep>,
    counted: Arc<Counted>,
}

/// In boxes: most of a map's places are empty when it has just grown.
type OfHotel = HashMap<RoomNumber, Box<Room>>;

/// The rooms of all hotels as they were counted at one time.
#[derive(Debug, Default)]
pub struct Counted {
    /// `None` before they were first counted.
    pub at: Option<LocalTime>,
    pub hotels: HashMap<HotelId, HotelCensus>,
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
    /// The last frame that was recorded since the start.
    pub recorded: Option<u32>,
}

/// A room's state and how often it has changed since the start: a verdict on another version is
/// stale.
#[derive(Clone, Debug)]
pub struct Room {
    pub state: RoomState,
    pub version: u64,
    begun: Begun,
}

impl State {
    fn room(&self, key: &RoomKey) -> Option<&Room> {
        let of_hotel = self.rooms.get(&key.hotel_id)?;
        of_hotel.get(&key.room_number).map(|room| &**room)
    }

    /// The room, if the present sweep serves its watch.
    fn swept_room(&self, key: &RoomKey) -> Option<&Room> {
        let room = self.room(key)?;
        self.frontier.is_swept(room.begun).then_some(room)
    }

    fn rooms(&self) -> impl Iterator<Item = (&HotelId, &RoomNumber, &Room)> {
        let hotels = self.rooms.iter();
        hotels.flat_map(|(hotel, rooms)| {
            let rooms = rooms.iter();
            rooms.map(move |(number, room)| (hotel, number, &**room))
        })
    }

    /// The rooms whose watches the present sweep serves.
    fn swept(&self) -> impl Iterator<Item = (&HotelId, &RoomNumber, &Room)> {
        self.rooms()
            .filter(|(_, _, room)| self.frontier.is_swept(room.begun))
    }
}

impl Rooms {
    pub fn get(&self, room: &RoomKey) -> Option<Room> {
        self.0.read().room(room).cloned()
    }

    pub fn len(&self) -> usize {
        self.0.read().rooms.values().map(HashMap::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.0.read().rooms.is_empty()
    }

    /// The hotels that have rooms, in no order.
    pub fn hotel_ids(&self) -> Vec<HotelId> {
        self.0.read().rooms.keys().cloned().collect()
    }

    /// Shows the rooms of a hotel, in no order. No state changes meanwhile, so it must be short.
    pub fn visit(&self, hotel: &HotelId, mut take: impl FnMut(&RoomNumber, &RoomState)) {
        for (number, room) in self.0.read().rooms.get(hotel).into_iter().flatten() {
            take(number, &room.state);
        }
    }

    /// All rooms were counted at `at`, hotel by hotel.
    pub fn set_counted(&self, at: LocalTime, hotels: HashMap<HotelId, HotelCensus>) {
        let counted = Counted {
            at: Some(at),
            hotels,
        };
        self.0.write().counted = Arc::new(counted);
    }

    /// The hotels as they were last counted: since then there may be more.
    pub fn counted(&self) -> Arc<Counted> {
        Arc::clone(&self.0.read().counted)
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
            let RoomKey {
                hotel_id,
                room_number,
            } = key;
            let of_hotel = all.rooms.entry(hotel_id).or_default();
            match of_hotel.get_mut(&room_number) {
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
                    of_hotel.insert(room_number, Box::new(room));
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
        self.0.read().swept_room(room).cloned()
    }

    /// The time after which a reading is new to a room of the present sweep.
    pub fn needs_after(&self, room: &RoomKey) -> Option<LocalTime> {
        let state = self.0.read();
        let room = state.swept_room(room)?;
        Some(room.state.watch.needs_after())
    }

    /// The rooms of the present sweep without a reading since `time`, each with the time of its
    /// last one.
    pub fn without_reading_since(&self, time: LocalTime) -> Vec<(RoomKey, LocalTime)> {
        let state = self.0.read();
        state
            .swept()
            .map(|(hotel, number, room)| (hotel, number, room.state.watch.needs_after()))
            .filter(|&(_, _, seen)| seen < time)
            .map(|(hotel, number, seen)| (key(hotel, number), seen))
            .collect()
    }

    /// The hotels, each with the frames to which its rooms have contributed.
    pub fn hotels(&self) -> HashMap<HotelId, Hotel> {
        let state = self.0.read();
        let hotels = state.rooms.iter().map(|(id, rooms)| {
            let mut hotel = Hotel {
                memory: state.hotels.get(id).copied().unwrap_or_default().memory,
                recorded: state.recorded.get(id).copied(),
                ..Hotel::default()
            };
            for room in rooms.values() {
                hotel.frames.add(room.state.baseline.contributions());
            }
            (id.clone(), hotel)
        });
        hotels.collect()
    }

    /// What is remembered of a hotel beside its rooms.
    pub fn hotel(&self, hotel: &HotelId) -> HotelState {
        let state = self.0.read();
        state.hotels.get(hotel).copied().unwrap_or_default()
    }

    /// Sets what is remembered of a hotel beside its rooms.
    pub fn set_hotel(&self, hotel: HotelId, state: HotelState) {
        self.0.write().hotels.insert(hotel, state);
    }

    /// A hotel's frames up to this one are recorded.
    pub fn recorded(&self, hotel: HotelId, frame: u32) {
        self.0.write().recorded.insert(hotel, frame);
    }

    /// The rooms of the present sweep of which messages have had intervals judged that the baseline
    /// rule is still to evaluate.
    pub fn with_pending(&self) -> Vec<RoomKey> {
        let state = self.0.read();
        let swept = state.swept();
        let pending = swept.filter(|(_, _, room)| room.state.baseline.has_pending());
        pending
            .map(|(hotel, number, _)| key(hotel, number))
            .collect()
    }

    /// Checks the meters of the rooms of the present sweep, except for those that are out of order:
    /// they may have no power. Counts all rooms with that. Hotel by hotel: in between states may
    /// change, so that whoever writes does not wait for all of it.
    pub fn check_meters(&self, check: &MeterCheck, rules: &Rules) -> MeterFindings {
        let mut hotels = self.hotel_ids();
        hotels.sort_unstable();
        let mut found = MeterFindings::default();
        for hotel in &hotels {
            let state = self.0.read();
            let rooms = state.rooms.get(hotel).into_iter().flatten();
            let rooms = rooms
                .map(|(number, room)| (number, &room.state, state.frontier.is_swept(room.begun)));
            let trouble = state.troubles.get(hotel);
            found.add_hotel(hotel, rooms, trouble, check, rules.match_seconds);
        }
        for incident in self.0.read().incidents.values() {
            if let Some(census) = found.rooms.get_mut(&incident.key.place.hotel_id) {
                census.incidents.count(incident, check.now);
            }
        }
        found
    }

    /// The rooms of the present sweep whose runs end because they have come to be out of order by
    /// `now`, each with its version and with what follows.
    pub fn close_out_of_order(
        &self,
        now: LocalTime,
        rules: &Rules,
    ) -> Vec<(RoomKey, u64, Transition)> {
        let state = self.0.read();
        state
            .swept()
            .filter(|(_, _, room)| room.state.statuses.has_out_of_order())
            .filter_map(|(hotel, number, room)| {
                let key = key(hotel, number);
                let after = close_out_of_order(&key, &room.state, now, rules)?;
                Some((key, room.version, after))
            })
            .collect()
    }

    /// Counts of all rooms at `now`.
    pub fn census(&self, now: LocalTime, rules: &Rules) -> Census {
        let state = self.0.read();
        let rooms = state.rooms();
        let rooms = rooms.map(|(hotel, number, room)| (hotel, number, &room.state));
        Census::take(rooms, now, rules.match_seconds)
    }

    /// The open incident of a room, or of a hotel's meters
    /// ([`meters_of`](crate::engine::meters_of)).
    pub fn incident(&self, place: &RoomKey) -> Option<Incident> {
        self.0.read().incidents.get(place).cloned()
    }

    /// All open incidents, in no order.
    pub fn incidents(&self) -> Vec<Incident> {
        self.0.read().incidents.values().cloned().collect()
    }

    /// Takes incidents that have changed: those that are closed are forgotten.
    pub fn adopt_incidents(&self, changed: impl IntoIterator<Item = Incident>) {
        let mut all = self.0.write();
        for incident in changed {
            let place = &incident.key.place;
            if incident.is_open() {
                all.incidents.insert(place.clone(), incident);
            } else if (all.incidents.get(place)).is_some_and(|open| open.key == incident.key) {
                // An earlier watch's may be closed while that of the present one goes on.
                all.incidents.remove(place);
            }
        }
        all.due = all.incidents.values().filter_map(Incident::due_at).min();
    }

    /// When something becomes of an open incident by time alone, for the first time.
    pub fn due(&self) -> Option<LocalTime> {
        self.0.read().due
    }

    /// The open incidents of which something becomes by time alone by `now`, in order.
    pub fn due_incidents(&self, now: LocalTime) -> Vec<Incident> {
        let state = self.0.read();
        let incidents = state.incidents.values();
        let due = incidents.filter(|it| it.due_at().is_some_and(|due| due <= now));
        let mut due: Vec<Incident> = due.cloned().collect();
        due.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        due
    }

    /// The meters of one hotel that a check finds silent, or, where the staff was notified that it
    /// is frozen, frozen.
    pub fn meters_of(&self, hotel: &HotelId, check: &MeterCheck, rules: &Rules) -> HotelMeters {
        let state = self.0.read();
        let rooms = state.rooms.get(hotel).into_iter().flatten();
        let rooms = rooms.map(|(number, room)| (number, &room.state, true));
        let trouble = state.troubles.get(hotel);
        let mut found = MeterFindings::default();
        found.add_hotel(hotel, rooms, trouble, check, rules.match_seconds);
        let found = match trouble {
            Some(MeterTrouble::Frozen(_)) => found.frozen.remove(hotel),
            _ => found.hotels.remove(hotel),
        };
        found.unwrap_or_default()
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

fn key(hotel: &HotelId, number: &RoomNumber) -> RoomKey {
    RoomKey {
        hotel_id: hotel.clone(),
        room_number: number.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Acknowledgement, RoomStatus, StatusChange, Stay, meters_of};

    #[test]
    fn rooms_are_shown_of_one_hotel_alone() {
        let stay = Stay::Vacant {
            actual_checkin: None,
            actual_checkout: LocalTime::FIRST,
        };
        let state = RoomState::new(stay, &Rules::default());
        let rooms = Rooms::default();
        for room in [("H1", "1"), ("H2", "1"), ("H1", "2"), ("H1", "2")] {
            rooms.adopt([(RoomKey::new(room.0, room.1), state.clone())]);
        }
        let of = |hotel: &str| {
            let mut numbers = Vec::new();
            let hotel = HotelId::new(hotel);
            rooms.visit(&hotel, |number, _| numbers.push(number.as_str().to_owned()));
            numbers.sort();
            numbers
        };
        assert_eq!(of("H1"), ["1", "2"]);
        assert_eq!(of("H2"), ["1"]);
        assert_eq!(of("H3"), [""; 0]);
        assert_eq!((rooms.len(), rooms.hotel_ids().len()), (3, 2));
    }

    #[test]
    fn open_incidents_are_counted_by_hotel_and_closed_ones_forgotten() {
        let noon = LocalTime::FIRST;
        let stay = Stay::Vacant {
            actual_checkin: None,
            actual_checkout: noon,
        };
        let rooms = Rooms::default();
        for hotel in ["H1", "H2"] {
            let state = RoomState::new(stay, &Rules::default());
            rooms.adopt([(RoomKey::new(hotel, "1"), state)]);
        }
        let frozen = |hotel: &str, since: i64| {
            let trouble = MeterTrouble::Frozen(noon.plus(since));
            let place = meters_of(&HotelId::new(hotel));
            Incident::of_trouble(place, trouble, noon).expect("they are frozen")
        };
        let by = Acknowledgement {
            by: "W".to_owned(),
            at: noon,
            until: noon.plus(100),
        };
        let mut taken = frozen("H1", 0);
        taken.acknowledged = Some(by);
        rooms.adopt_incidents([taken.clone(), frozen("H2", 0)]);
        let count = |now: i64| {
            let check = MeterCheck {
                now: noon.plus(now),
                listening_since: noon,
                silent_after: 5_400,
            };
            let found = rooms.check_meters(&check, &Rules::default());
            ["H1", "H2"].map(|hotel| {
                let counts = found.rooms[&HotelId::new(hotel)].incidents;
                [counts.open, counts.acknowledged, counts.snoozed]
            })
        };
        assert_eq!(count(0), [[0, 1, 0], [1, 0, 0]]);
        taken.snoozed_until = Some(noon.plus(60));
        rooms.adopt_incidents([taken.clone()]);
        assert_eq!(count(59), [[0, 0, 1], [1, 0, 0]]);
        assert_eq!(count(60), [[0, 1, 0], [1, 0, 0]]);
        // Another one, which is found and over at once, closes none that goes on.
        let (earlier, _) = frozen("H2", 1).close_not_recorded(noon);
        rooms.adopt_incidents([taken.close_not_recorded(noon).0, earlier]);
        assert_eq!(count(0), [[0, 0, 0], [1, 0, 0]]);
        assert_eq!(rooms.incidents().len(), 1);
    }

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
