//! The rooms as they are now, from memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::engine::{Fact, Interval, MeterCheck, MeterStatus, RoomState, Stay};
use crate::types::{HotelId, Kind, LocalTime, RoomKey};

use super::numbers::{natural, watts};
use super::{Pages, Viewer};

/// A room as it is now.
pub(super) struct Room {
    pub(super) key: RoomKey,
    pub(super) kind: Kind,
    /// When its stay began.
    pub(super) since: LocalTime,
    pub(super) is_out_of_order: bool,
    /// The guest is past the expected check-out.
    pub(super) is_overstayed: bool,
    pub(super) is_silent: bool,
    /// The mean of its last interval in W, and when that ended.
    pub(super) power: Option<(i64, LocalTime)>,
    pub(super) incident: Incident,
    /// Who was in by what messages said, oldest first.
    pub(super) said: Vec<(LocalTime, Kind)>,
    /// Its last intervals, oldest first.
    pub(super) intervals: Vec<Interval>,
}

/// Whether it uses more than it should.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Incident {
    None,
    /// Intervals in a row are abnormal, too few yet for an alert.
    Begins {
        periods: u32,
        since: LocalTime,
    },
    /// The staff was notified, and it goes on.
    Open {
        periods: u32,
        since: LocalTime,
    },
}

/// The rooms of a hotel, counted.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) rooms: u32,
    pub(super) open: u32,
    pub(super) occupied: u32,
    pub(super) vacant: u32,
    pub(super) silent: u32,
    pub(super) out_of_order: u32,
    /// W, of the rooms whose last interval is known and not old.
    pub(super) watts: i64,
    /// When any of its meters last sent a reading.
    pub(super) newest: Option<LocalTime>,
}

/// The time by which rooms are shown.
pub(super) struct Moment {
    pub(super) now: LocalTime,
    check: MeterCheck,
}

impl Pages {
    pub(super) fn moment(&self) -> Moment {
        let now = self.clock.now();
        let swept = self.rooms.last_sweep();
        Moment {
            now,
            check: MeterCheck {
                now,
                // Before the first sweep no meter is silent.
                listening_since: swept.map_or(now, |swept| swept.listening_since),
                silent_after: self.rules.silent_after_seconds,
            },
        }
    }

    /// The hotels that there are for the viewer, counted.
    pub(super) fn hotels(&self, viewer: &Viewer, at: &Moment) -> BTreeMap<HotelId, Counts> {
        let mut hotels: BTreeMap<HotelId, Counts> = BTreeMap::new();
        self.rooms.visit(|key, state| {
            if !viewer.hotels.includes(&key.hotel_id) {
                return;
            }
            let room = self.room_now(key, state, at);
            match hotels.get_mut(&key.hotel_id) {
                Some(counts) => counts.add(&room, state, at),
                None => {
                    let mut counts = Counts::default();
                    counts.add(&room, state, at);
                    hotels.insert(key.hotel_id.clone(), counts);
                }
            }
        });
        hotels
    }

    /// A hotel's rooms, the worst first, and counted; `None` if there is no such hotel for the
    /// viewer.
    pub(super) fn rooms_of(
        &self,
        hotel: &HotelId,
        viewer: &Viewer,
        at: &Moment,
    ) -> Option<(Vec<Room>, Counts)> {
        if !viewer.hotels.includes(hotel) {
            return None;
        }
        let (mut rooms, mut counts) = (Vec::new(), Counts::default());
        self.rooms.visit(|key, state| {
            if key.hotel_id == *hotel {
                let room = self.room_now(key, state, at);
                counts.add(&room, state, at);
                rooms.push(room);
            }
        });
        rooms.sort_by(|a, b| a.order().cmp(&b.order()));
        (!rooms.is_empty()).then_some((rooms, counts))
    }

    pub(super) fn room_now(&self, key: &RoomKey, state: &RoomState, at: &Moment) -> Room {
        let watch = &state.watch;
        let expected = match watch.stay {
            Stay::Occupied {
                expected_checkout, ..
            } => expected_checkout,
            Stay::Vacant { .. } => None,
        };
        let power = (watch.history.last().zip(watch.fold.sample)).and_then(|(last, sample)| {
            let energy = last.energy()?;
            Some((watts(energy, last.seconds()), sample.time))
        });
        let fixed = watch.fold.run;
        let open = state.baseline.open_run();
        let notified = fixed.filter(|run| run.notified_at_periods > 0);
        let incident = match (notified.or(open), fixed) {
            (Some(run), _) => Incident::Open {
                periods: run.periods,
                since: run.since,
            },
            (None, Some(run)) => Incident::Begins {
                periods: run.periods,
                since: run.since,
            },
            (None, None) => Incident::None,
        };
        let out_of_order = state.out_of_order(at.now, self.rules.match_seconds);
        Room {
            key: key.clone(),
            kind: watch.stay.kind(),
            since: watch.stay.time(),
            is_out_of_order: out_of_order.is_some(),
            is_overstayed: expected.is_some_and(|expected| expected < at.now),
            // The meter of a room that is out of order may have no power.
            is_silent: out_of_order.is_none() && at.check.status(watch) == MeterStatus::Silent,
            power,
            incident,
            said: said(state),
            intervals: watch.history.clone(),
        }
    }
}

/// When a guest came or went, up to the present stay.
fn said(state: &RoomState) -> Vec<(LocalTime, Kind)> {
    let stays = state.occupancy.facts().iter().filter_map(Fact::stay);
    let now = state.watch.stay;
    let before = stays.filter(|stay| stay.time() < now.time());
    let mut said: Vec<_> = before
        .chain([now])
        .map(|stay| (stay.time(), stay.kind()))
        .collect();
    said.sort_unstable();
    said
}

impl Room {
    /// The worst first: open incidents, silent meters, vacant rooms by what they use, the rest.
    fn order(&self) -> impl Ord + '_ {
        let watts = self.power.map_or(0, |(watts, _)| watts);
        let (class, by) = match (self.incident, self.is_silent, self.kind) {
            (Incident::Open { .. }, ..) => (0, watts),
            (_, true, _) => (1, 0),
            (Incident::Begins { periods, .. }, ..) => (2, periods.into()),
            (.., Kind::Checkout) if !self.is_out_of_order => (3, watts),
            _ => (4, 0),
        };
        (class, Reverse(by), natural(self.key.room_number.as_str()))
    }
}

impl Counts {
    fn add(&mut self, room: &Room, state: &RoomState, at: &Moment) {
        self.rooms += 1;
        self.open += u32::from(matches!(room.incident, Incident::Open { .. }));
        self.silent += u32::from(room.is_silent);
        match (room.is_out_of_order, room.kind) {
            (true, _) => self.out_of_order += 1,
            (false, Kind::Checkin) => self.occupied += 1,
            (false, Kind::Checkout) => self.vacant += 1,
        }
        if let Some((watts, ended)) = room.power
            && at.now.since(ended) < at.check.silent_after
        {
            self.watts = self.watts.saturating_add(watts);
        }
        self.newest = self.newest.max(state.watch.fold.seen);
    }
}
