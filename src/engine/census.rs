//! Counts of all watched rooms at one time.

use std::collections::BTreeMap;

use crate::types::{HotelId, Kind, LocalTime, RoomNumber};

use super::{Incident, IncidentState, RoomState, Rule, Stay};

/// The number of rooms in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    pub occupied: u64,
    pub vacant: u64,
    /// Rooms that are out of order, which are also occupied or vacant.
    pub out_of_order: u64,
    /// Rooms with a run of abnormal intervals.
    pub abnormal: u64,
    /// The abnormal rooms that the staff has been notified of.
    pub notified: u64,
    /// Occupied rooms past their expected check-out, per hotel and in order. They stay watched.
    pub overstayed: BTreeMap<HotelId, Vec<RoomNumber>>,
}

impl Census {
    /// Counts these rooms as they are at `now`. Times of one stay are matched within so many
    /// seconds.
    pub fn take<'a>(
        rooms: impl Iterator<Item = (&'a HotelId, &'a RoomNumber, &'a RoomState)>,
        now: LocalTime,
        match_seconds: i64,
    ) -> Census {
        let mut census = Census::default();
        for (hotel, number, state) in rooms {
            let is_out_of_order = state.out_of_order(now, match_seconds).is_some();
            census.out_of_order += u64::from(is_out_of_order);
            match state.watch.stay {
                Stay::Vacant { .. } => census.vacant += 1,
                Stay::Occupied {
                    expected_checkout, ..
                } => {
                    census.occupied += 1;
                    if expected_checkout.is_some_and(|expected| expected < now) {
                        let hotel = census.overstayed.entry(hotel.clone());
                        hotel.or_default().push(number.clone());
                    }
                }
            }
            if let Some(run) = state.watch.fold.run {
                census.abnormal += 1;
                census.notified += u64::from(run.notified_at_periods > 0);
            }
        }
        for rooms in census.overstayed.values_mut() {
            rooms.sort();
        }
        census
    }
}

/// Open incidents, each counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IncidentCounts {
    /// Those of which nobody takes care yet.
    pub open: u32,
    pub acknowledged: u32,
    /// Those of which nothing is notified for now, acknowledged or not.
    pub snoozed: u32,
}

impl IncidentCounts {
    /// Counts an incident as it is at `now`; one that is closed is none.
    pub fn count(&mut self, incident: &Incident, now: LocalTime) {
        match incident.state() {
            IncidentState::Closed => {}
            _ if incident.is_snoozed(now) => self.snoozed += 1,
            IncidentState::Acknowledged => self.acknowledged += 1,
            IncidentState::Open => self.open += 1,
        }
    }

    fn add(&mut self, other: IncidentCounts) {
        self.open += other.open;
        self.acknowledged += other.acknowledged;
        self.snoozed += other.snoozed;
    }
}

/// The rooms of one hotel at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HotelCensus {
    /// Occupied rooms that are in order.
    pub occupied: u32,
    /// Vacant rooms that are in order.
    pub vacant: u32,
    pub out_of_order: u32,
    /// Rooms whose meters send no readings.
    pub silent: u32,
    /// Occupied rooms past their expected check-out.
    pub overstayed: u32,
    pub(crate) abnormal: [[u32; 2]; 2],
    /// Rooms with an open incident: the staff was notified, and it goes on.
    pub open: u32,
    /// Open incidents, of meters as well.
    pub incidents: IncidentCounts,
    /// What the rooms use, in W: each by the mean of its last interval, where that is known and
    /// ended within the time after which a meter is silent.
    pub watts: i64,
    /// The newest reading of any room. Of hotels that are counted together: of the one whose newest
    /// is the oldest.
    pub newest_reading: Option<LocalTime>,
}

impl HotelCensus {
    /// Counts a room as it is at `now`. Which meters are silent only a check of them knows; one
    /// that has sent nothing for `silent_after` seconds says nothing of what is used now.
    pub fn count(
        &mut self,
        state: &RoomState,
        is_in_order: bool,
        now: LocalTime,
        silent_after: i64,
    ) {
        let watch = &state.watch;
        match watch.stay {
            _ if !is_in_order => self.out_of_order += 1,
            Stay::Vacant { .. } => self.vacant += 1,
            Stay::Occupied { .. } => self.occupied += 1,
        }
        if let Stay::Occupied {
            expected_checkout: Some(expected),
            ..
        } = watch.stay
        {
            self.overstayed += u32::from(expected < now);
        }
        let of_kind = &mut self.abnormal[watch.stay.kind() as usize];
        of_kind[Rule::Fixed as usize] += u32::from(watch.fold.run.is_some());
        of_kind[Rule::Baseline as usize] += u32::from(state.baseline.is_open());
        self.open += u32::from(state.open_run().is_some());
        if let Some((watts, ended)) = watch.power()
            && now.since(ended) < silent_after
        {
            self.watts = self.watts.saturating_add(watts);
        }
        self.newest_reading = self.newest_reading.max(watch.fold.seen);
    }

    /// Rooms of this kind that use too much by this rule: by the one with thresholds from the first
    /// interval on, by the baseline rule once the staff was notified.
    pub fn abnormal(&self, kind: Kind, rule: Rule) -> u32 {
        self.abnormal[kind as usize][rule as usize]
    }

    /// Adds the rooms of another hotel.
    pub fn add(&mut self, other: &HotelCensus) {
        self.occupied += other.occupied;
        self.vacant += other.vacant;
        self.out_of_order += other.out_of_order;
        self.silent += other.silent;
        self.overstayed += other.overstayed;
        self.open += other.open;
        self.incidents.add(other.incidents);
        self.watts = self.watts.saturating_add(other.watts);
        let sums = self.abnormal.as_flattened_mut().iter_mut();
        for (sum, more) in sums.zip(other.abnormal.as_flattened()) {
            *sum += more;
        }
        self.newest_reading = match (self.newest_reading, other.newest_reading) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::engine::{
        Interval, MeterCheck, MeterFindings, RoomStatus, Rules, Run, StatusChange,
    };
    use crate::types::{Reading, WattHours};

    #[test]
    fn rooms_are_counted_by_state() {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        let occupied = |expected: Option<i64>| Stay::Occupied {
            check_in: noon.plus(-86_400),
            expected_checkout: expected.map(|seconds| noon.plus(seconds)),
        };
        let vacant = Stay::Vacant {
            actual_checkin: None,
            actual_checkout: noon,
        };
        let room = |hotel: &str, number: &str, stay: Stay, notified: Option<u32>| {
            let mut state = RoomState::new(stay, &Rules::default());
            state.watch.fold.run = notified.map(|periods| Run {
                periods: 4,
                energy: WattHours(8_000),
                since: noon,
                until: noon.plus(7_200),
                notified_at_periods: periods,
            });
            (HotelId::new(hotel), RoomNumber::new(number), state)
        };
        let mut rooms = [
            room("H1", "103", occupied(Some(-1)), None),
            room("H1", "101", occupied(Some(-3_600)), Some(0)),
            room("H1", "102", occupied(Some(0)), Some(4)),
            room("H2", "101", occupied(None), None),
            room("H2", "102", vacant, Some(4)),
        ];
        // Of a room without a reading for longer it is not known what it uses now.
        for (room, minutes) in [(1, 89), (2, 90)] {
            let watch = &mut rooms[room].2.watch;
            watch.history = vec![Interval::new(1_800, Some(WattHours(600)))];
            watch.fold.sample = Some(Reading {
                time: noon.plus(-60 * minutes),
                register: WattHours::ZERO,
            });
        }
        let mut repaired = |room: usize, from: i64, until: i64| {
            let status = RoomStatus::OutOfOrder {
                until: Some(noon.plus(until)),
            };
            let at = noon.plus(from);
            rooms[room].2.statuses.add(StatusChange { at, status });
        };
        repaired(0, -3_600, 1);
        repaired(4, 0, 3_600);
        // Not yet, and no longer.
        repaired(1, 1, 3_600);
        repaired(2, -3_600, 0);
        let check = MeterCheck {
            now: noon,
            listening_since: noon,
            silent_after: 5_400,
        };
        let mut found = MeterFindings::default();
        for id in ["H1", "H2"].map(HotelId::new) {
            let of_hotel = rooms.iter().filter(|(hotel, ..)| *hotel == id);
            let of_hotel = of_hotel.map(|(_, number, state)| (number, state, true));
            found.add_hotel(&id, of_hotel, None, &check, 600);
        }
        let hotels = found.rooms;
        let counts = |hotel: &str| {
            let rooms = hotels[&HotelId::new(hotel)];
            let states = [rooms.occupied, rooms.vacant, rooms.out_of_order];
            (states, rooms.overstayed)
        };
        assert_eq!(counts("H1"), ([2, 0, 1], 2));
        assert_eq!(counts("H2"), ([1, 0, 1], 0), "it is counted once");
        let abnormal = |hotel: &str, kind| hotels[&HotelId::new(hotel)].abnormal(kind, Rule::Fixed);
        let now = |hotel: &str| {
            let rooms = hotels[&HotelId::new(hotel)];
            (rooms.open, rooms.watts)
        };
        assert_eq!((now("H1"), now("H2")), ((1, 1_200), (1, 0)));
        let mut both = hotels[&HotelId::new("H1")];
        both.add(&hotels[&HotelId::new("H2")]);
        assert_eq!((both.open, both.watts), (2, 1_200));
        assert_eq!(abnormal("H1", Kind::Checkin), 2);
        assert_eq!(abnormal("H2", Kind::Checkin), 0);
        assert_eq!(abnormal("H2", Kind::Checkout), 1);
        let all = { rooms.iter() }.map(|(hotel, number, state)| (hotel, number, state));
        let census = Census::take(all, noon, 600);
        let overstayed = [(
            HotelId::new("H1"),
            ["101", "103"].map(RoomNumber::new).to_vec(),
        )];
        assert_eq!(
            census,
            Census {
                occupied: 4,
                vacant: 1,
                out_of_order: 2,
                abnormal: 3,
                notified: 2,
                overstayed: BTreeMap::from(overstayed),
            }
        );
    }
}
