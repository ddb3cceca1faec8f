//! What messages say of one room, reduced to facts.

use compact_str::CompactString;

use crate::types::LocalTime;

/// By what the property management system knows a stay; compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StayId(CompactString);

impl StayId {
    pub const MAX_CHARS: usize = 64;

    pub fn new(id: &str) -> StayId {
        StayId(CompactString::new(id))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One thing that a message says of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Arrival(Arrival),
    Departure(Departure),
    Expectation(Expectation),
}

/// A guest came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub id: Option<StayId>,
    pub since: LocalTime,
    /// Another time by which messages may name the stay: when a guest who has moved first checked
    /// in.
    pub named: Option<LocalTime>,
    pub expected: Option<LocalTime>,
}

/// A guest left, or had never come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    pub id: Option<StayId>,
    /// When the guest had checked in.
    pub checkin: Option<LocalTime>,
    pub until: LocalTime,
}

/// A guest means to leave at another time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    pub id: Option<StayId>,
    /// When the guest came in.
    pub since: Option<LocalTime>,
    pub expected: LocalTime,
}

impl Fact {
    /// Its own time; of an expectation the one that is expected.
    pub fn time(&self) -> LocalTime {
        match self {
            Fact::Arrival(arrival) => arrival.since,
            Fact::Departure(departure) => departure.until,
            Fact::Expectation(expectation) => expectation.expected,
        }
    }
}
