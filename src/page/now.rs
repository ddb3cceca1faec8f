//! The rooms as they are now, from memory.

use std::cmp::Reverse;

use crate::engine::{Fact, HotelCensus, Interval, MeterCheck, MeterStatus, RoomState, Stay};
use crate::types::{HotelId, Kind, LocalTime, RoomKey};

use super::numbers::{self, natural};
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

    /// The hotels that there are for the viewer, each as it was last counted: that is when, and
    /// then no room is looked at here. Only one that is new since is counted now.
    pub(super) fn hotels(
        &self,
        viewer: &Viewer,
        at: &Moment,
    ) -> (LocalTime, Vec<(HotelId, HotelCensus)>) {
        let counted = self.rooms.counted();
        let hotels = self.rooms.hotel_ids().into_iter();
        let hotels = hotels.filter(|hotel| viewer.hotels.includes(hotel));
        let hotels = hotels.map(|hotel| {
            let census = counted.hotels.get(&hotel).copied();
            let census = census.unwrap_or_else(|| self.count(&hotel, at));
            (hotel, census)
        });
        (counted.at.unwrap_or(at.now), hotels.collect())
    }

    /// What the hotel has used today, in kWh; `None` before the day's first interval has ended.
    pub(super) fn kwh_today(&self, hotel: &HotelId, at: &Moment) -> Option<String> {
        let energy = self.rooms.hotel(hotel).energy.today(at.now);
        energy.map(numbers::kwh)
    }

    fn count(&self, hotel: &HotelId, at: &Moment) -> HotelCensus {
        let mut census = HotelCensus::default();
        self.rooms.visit(hotel, |_, state| {
            let is_in_order = self.is_in_order(state, at);
            census.count(state, is_in_order, at.now, at.check.silent_after);
            census.silent += u32::from(is_in_order && at.is_silent(state));
        });
        census
    }

    /// A hotel's rooms, the worst first, and counted; `None` if there is no such hotel for the
    /// viewer.
    pub(super) fn rooms_of(
        &self,
        hotel: &HotelId,
        viewer: &Viewer,
        at: &Moment,
    ) -> Option<(Vec<Room>, HotelCensus)> {
        if !viewer.hotels.includes(hotel) {
            return None;
        }
        let (mut rooms, mut census) = (Vec::new(), HotelCensus::default());
        self.rooms.visit(hotel, |number, state| {
            let key = RoomKey {
                hotel_id: hotel.clone(),
                room_number: number.clone(),
            };
            let room = self.room_now(key, state, at);
            census.count(state, !room.is_out_of_order, at.now, at.check.silent_after);
            census.silent += u32::from(room.is_silent);
            rooms.push(room);
        });
        rooms.sort_by(|a, b| a.order().cmp(&b.order()));
        (!rooms.is_empty()).then_some((rooms, census))
    }

    fn is_in_order(&self, state: &RoomState, at: &Moment) -> bool {
        let since = state.out_of_order(at.now, self.rules.match_seconds);
        since.is_none()
    }

    pub(super) fn room_now(&self, key: RoomKey, state: &RoomState, at: &Moment) -> Room {
        let watch = &state.watch;
        let expected = match watch.stay {
            Stay::Occupied {
                expected_checkout, ..
            } => expected_checkout,
            Stay::Vacant { .. } => None,
        };
        let incident = match (state.open_run(), watch.fold.run) {
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
        let is_in_order = self.is_in_order(state, at);
        Room {
            key,
            kind: watch.stay.kind(),
            since: watch.stay.time(),
            is_out_of_order: !is_in_order,
            is_overstayed: expected.is_some_and(|expected| expected < at.now),
            // The meter of a room that is out of order may have no power.
            is_silent: is_in_order && at.is_silent(state),
            power: watch.power(),
            incident,
            said: said(state),
            intervals: watch.history.clone(),
        }
    }
}

impl Moment {
    fn is_silent(&self, state: &RoomState) -> bool {
        self.check.status(&state.watch) == MeterStatus::Silent
    }
}

/// When a guest came or went, up to the present stay.
fn said(state: &RoomState) -> Vec<(LocalTime, Kind)> {
    let stays = state.occupancy.facts().iter().filter_map(Fact::stay);
    let now = state.watch.stay;
    let before = stays.filter(|stay| stay.time() < now.time());
    let mut stays: Vec<Stay> = before.chain([now]).collect();
    stays.sort_unstable_by_key(Stay::order);
    // A check-out may say when its guest had come, whose check-in is not known any more.
    let arrival = match stays.first() {
        Some(Stay::Vacant { actual_checkin, .. }) => *actual_checkin,
        _ => None,
    };
    let said = stays.iter().map(|stay| (stay.time(), stay.kind()));
    let arrival = arrival.map(|arrived| (arrived, Kind::Checkin));
    arrival.into_iter().chain(said).collect()
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
