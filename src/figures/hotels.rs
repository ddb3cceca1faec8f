//! What is counted of hotels. So that the figures of a chain stay few, at most so many hotels have
//! their own; those that come later share one place.

use std::collections::{BTreeMap, HashMap};

use crate::engine::{HotelCensus, Rule};
use crate::types::{HotelId, Kind, WattHours};

/// The place of the hotels without one of their own.
pub const OTHER: &str = "other";

/// What has happened in a hotel since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HotelCounts {
    /// Energy of the intervals of occupied rooms.
    pub occupied: WattHours,
    /// Energy of the intervals of vacant rooms.
    pub vacant: WattHours,
    alerts: [[u64; 2]; 2],
}

impl HotelCounts {
    pub fn add_alert(&mut self, kind: Kind, rule: Rule) {
        self.alerts[kind as usize][rule as usize] += 1;
    }

    /// Alerts of rooms of this kind by this rule.
    pub fn alerts(&self, kind: Kind, rule: Rule) -> u64 {
        self.alerts[kind as usize][rule as usize]
    }

    pub(super) fn add(&mut self, more: &HotelCounts) {
        self.occupied += more.occupied;
        self.vacant += more.vacant;
        let sums = self.alerts.as_flattened_mut().iter_mut();
        for (sum, more) in sums.zip(more.alerts.as_flattened()) {
            *sum += more;
        }
    }
}

/// The counts of hotels, and their rooms at the last sweep.
pub(super) struct Hotels {
    most: usize,
    pub(super) counts: BTreeMap<HotelId, HotelCounts>,
    pub(super) rooms: BTreeMap<HotelId, HotelCensus>,
}

impl Hotels {
    /// At most so many hotels get a place of their own.
    pub(super) fn new(most: usize) -> Hotels {
        Hotels {
            most,
            counts: BTreeMap::new(),
            rooms: BTreeMap::new(),
        }
    }

    /// The counts of a hotel, from when it is first asked for.
    pub(super) fn counts(&mut self, hotel: &HotelId) -> &mut HotelCounts {
        let place = self.place(hotel);
        self.counts.entry(place).or_default()
    }

    /// A hotel keeps its place as long as the process lives: counters of another hotel under its
    /// name would seem to jump.
    fn place(&self, hotel: &HotelId) -> HotelId {
        let own = self.counts.len() - usize::from(self.counts.contains_key(OTHER));
        let has_own = self.counts.contains_key(hotel) || own < self.most;
        if has_own && hotel.as_str() != OTHER {
            hotel.clone()
        } else {
            HotelId::new(OTHER)
        }
    }

    /// Sets the rooms of all hotels; new ones get places in the order of their ids.
    pub(super) fn set_rooms(&mut self, rooms: &HashMap<HotelId, HotelCensus>) {
        let mut hotels: Vec<&HotelId> = rooms.keys().collect();
        hotels.sort_unstable();
        self.rooms.clear();
        for hotel in hotels {
            self.counts(hotel);
            let census = self.rooms.entry(self.place(hotel)).or_default();
            if let Some(rooms) = rooms.get(hotel) {
                census.add(rooms);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hotels_beyond_the_limit_share_one_place_and_keep_it() {
        let mut hotels = Hotels::new(2);
        let hotel = HotelId::new;
        let rooms = |names: &[&str]| {
            let census = HotelCensus {
                occupied: 1,
                ..HotelCensus::default()
            };
            names.iter().map(|name| (hotel(name), census)).collect()
        };
        hotels.counts(&hotel("H9")).occupied = WattHours(5);
        hotels.set_rooms(&rooms(&["H3", "H1", OTHER, "H2", "H9"]));
        let occupied = |hotels: &Hotels| {
            let rooms = hotels.rooms.iter();
            let rooms = rooms.map(|(hotel, rooms)| (hotel.as_str().to_owned(), rooms.occupied));
            rooms.collect::<Vec<_>>()
        };
        let own = |name: &str, rooms| (name.to_owned(), rooms);
        assert_eq!(
            occupied(&hotels),
            [own("H1", 1), own("H9", 1), own(OTHER, 3)]
        );
        hotels.counts(&hotel("H2")).vacant += WattHours(1);
        hotels.counts(&hotel("H3")).vacant += WattHours(2);
        assert_eq!(hotels.counts(&hotel(OTHER)).vacant, WattHours(3));
        hotels.set_rooms(&rooms(&["H2"]));
        assert_eq!(
            occupied(&hotels),
            [own(OTHER, 1)],
            "it keeps the place it had"
        );
        assert_eq!(hotels.counts(&hotel("H9")).occupied, WattHours(5));
        let mut none = Hotels::new(0);
        none.set_rooms(&rooms(&["H1"]));
        assert_eq!(occupied(&none), [own(OTHER, 1)]);
    }
}
