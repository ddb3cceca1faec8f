//! Simulated hotels: guests and staff with their habits, meters with their faults, and troubles of
//! which the truth is known. It is pure: a scenario gives the same story byte for byte on every
//! machine.
//!
//! What hotels are like is a [`World`]. The figures of today's are those of real hotels: 68 % of
//! the nights are sold, guests are in their room for 54 % of their stay, and an air conditioner
//! that was left on stays below every threshold in use. The other worlds make it harder to tell
//! what is wrong.
//!
//! A story is played as it becomes known, by [`Scenario::story`], or taken as a whole, room by
//! room, by [`Scenario::history`].

mod chance;
mod circumstance;
mod consumer;
mod devices;
mod gateway;
mod guests;
mod habits;
mod history;
mod load;
mod messages;
mod meter;
mod plan;
mod room;
mod story;
mod trouble;
mod truth;
mod world;

use crate::engine::Event;
use crate::types::{HotelId, Kind, LocalTime, Reading, RoomKey, WattHours};

pub use circumstance::{Circumstance, CircumstanceSpan};
pub use devices::{ColdSnap, Devices};
pub use habits::Habits;
pub use history::{History, RoomHistory};
pub use meter::MeterFaults;
pub use story::Story;
pub use trouble::{Appliance, Likely, Thermostat, Trouble, Troubles};
pub use truth::{Outline, Presence, RoomTruth};
pub use world::World;

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
    /// days or hotels; where guests move, of an even number of rooms.
    pub rooms: u32,
    pub start: LocalTime,
    pub days: u32,
    pub world: World,
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
    /// The room; of a move the new one.
    pub room: RoomKey,
    pub kind: EventKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The property management system sends a message. At the start it reports the current stay of
    /// every room, with its earlier time.
    Message(Event),
    /// A row of the meter table; its time is before `at` if it comes late.
    Reading(Reading),
    /// The truth, which no hotel knows: a trouble begins, with the time at which it will end.
    Trouble(Trouble),
    /// The truth: from now on somebody is in, or nobody, whatever messages say.
    Presence(Kind),
    /// The truth: what makes the room use more, or messages say otherwise, though nothing is wrong.
    Circumstance(CircumstanceSpan),
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
            world: World::today(),
        }
    }

    /// The same in another world.
    pub fn in_world(self, world: World) -> Scenario {
        Scenario { world, ..self }
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

    /// The whole story, room by room. It takes 16 bytes a reading, and a third of the story's time.
    pub fn history(&self) -> History {
        History::of(self)
    }
}
