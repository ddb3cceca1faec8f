//! Simulated hotels: guests who come and go, meters with their faults, and troubles of which the
//! truth is known. It is pure: a scenario gives the same story byte for byte on every machine.
//!
//! The figures are those of real hotels: 68 % of the nights are sold, guests are in their room for
//! 54 % of their stay, and an air conditioner that was left on stays below every threshold in use.

mod chance;
mod gateway;
mod guests;
mod load;
mod meter;
mod room;
mod story;
mod trouble;

use crate::engine::Stay;
use crate::types::{HotelId, LocalTime, Reading, RoomKey, WattHours};

pub use meter::MeterFaults;
pub use story::Story;
pub use trouble::{Appliance, Likely, Trouble, Troubles};

const MINUTE: i64 = 60;
const HALF_HOUR: i64 = 30 * MINUTE;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Where the meters' registers wrap to zero: after 99,999.99 kWh.
pub const REGISTER_MODULUS: WattHours = WattHours(100_000_000);

/// Rooms on a floor.
const FLOOR: u32 = 20;

/// What defines a story.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub seed: u64,
    pub hotels: Vec<HotelId>,
    /// Rooms of each hotel. The rooms of a smaller scenario are the same in one with more rooms,
    /// days or hotels.
    pub rooms: u32,
    pub start: LocalTime,
    pub days: u32,
    /// Share of the nights in which a room is occupied.
    pub occupancy: f64,
    pub meters: Meters,
    pub troubles: Troubles,
}

/// What all meters have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Meters {
    /// Time between two readings, at least a second.
    pub interval_seconds: i64,
    pub faults: MeterFaults,
}

/// An event, with the time at which it becomes known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedEvent {
    pub at: LocalTime,
    pub room: RoomKey,
    pub kind: EventKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The property management system reports a check-in or a check-out. At the start it reports
    /// the current stay of every room, with its earlier time.
    Message(Stay),
    /// A row of the meter table; its time is before `at` if it comes late.
    Reading(Reading),
    /// The truth, which no hotel knows: a trouble begins, with the time at which it will end.
    Trouble(Trouble),
}

impl Scenario {
    /// A scenario of ordinary hotels with ordinary faults and troubles.
    pub fn new(
        seed: u64,
        hotels: Vec<HotelId>,
        rooms: u32,
        start: LocalTime,
        days: u32,
    ) -> Scenario {
        Scenario {
            seed,
            hotels,
            rooms,
            start,
            days,
            occupancy: 0.68,
            meters: Meters {
                interval_seconds: HALF_HOUR,
                faults: MeterFaults::default(),
            },
            troubles: Troubles::default(),
        }
    }

    /// The end of the story; nothing happens at that time or later.
    pub fn end(&self) -> LocalTime {
        self.start.plus(i64::from(self.days) * DAY)
    }

    /// The rooms of a hotel: 101, 102 ... 120, 201 ...
    pub fn rooms_of(&self, hotel: &HotelId) -> impl Iterator<Item = RoomKey> {
        let hotel = hotel.as_str();
        (0..self.rooms).map(move |room| {
            let (floor, door) = (room / FLOOR + 1, room % FLOOR + 1);
            RoomKey::new(hotel, &format!("{floor}{door:02}"))
        })
    }

    /// The story, in the order in which it becomes known.
    pub fn story(&self) -> Story {
        Story::new(self.clone())
    }
}
