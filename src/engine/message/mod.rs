//! Messages as the property management system publishes them.

mod codes;
mod kept;
mod names;
mod read;
mod write;

use crate::types::{Kind, LocalTime, RoomKey, Stamp, Zone, trim_key_part};

use super::fields::Fields;
use super::refusal::{Refusal, excerpt, missing};
use super::{Arrival, Departure, Fact, Said, Stay, StayId};

pub use codes::{Codes, StatusCodes, TypeCodes};
pub use kept::{Kept, KeptBody, RefusedBodies};
pub use names::FieldNames;
pub use write::Unwritten;

/// How messages are written: configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageFormat {
    pub types: TypeCodes,
    pub statuses: StatusCodes,
    pub fields: FieldNames,
    pub zone: Zone,
    /// A message whose time is further ahead of now than this is refused. Seconds.
    pub max_ahead_seconds: i64,
    /// A cancellation also undoes a check-in that is at most this much later. Seconds.
    pub match_seconds: i64,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageKind {
    Checkin,
    Checkout,
    /// A guest changes rooms.
    Move,
    /// A guest means to leave at another time.
    Extend,
    /// The guest had not come, after all.
    CancelCheckin,
    /// The guest has not left, after all.
    CancelCheckout,
    RoomStatus,
}

/// A guest goes from one room to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    pub id: Option<StayId>,
    pub from: RoomKey,
    pub to: RoomKey,
    pub at: LocalTime,
    /// When the guest had checked in.
    pub named: Option<LocalTime>,
    pub expected: Option<LocalTime>,
}

/// A message that says something of rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub kind: MessageKind,
    /// What it says of its room, or of the two rooms of a move.
    pub rooms: Vec<(RoomKey, Said)>,
}

impl Event {
    /// The rooms that it is about, for people.
    pub fn names(&self) -> String {
        let rooms = self.rooms.iter().map(|(room, _)| room.to_string());
        rooms.collect::<Vec<_>>().join(", ")
    }

    /// What the message of a stay says.
    pub fn of(room: RoomKey, stay: &Stay) -> Event {
        Event {
            kind: match stay.kind() {
                Kind::Checkin => MessageKind::Checkin,
                Kind::Checkout => MessageKind::Checkout,
            },
            rooms: vec![(room, Said::of(stay))],
        }
    }

    /// What the message of a move says: that the guest has left the one room, and is in the other.
    pub fn of_move(moved: Move) -> Event {
        let departure = Fact::Departure(Departure {
            id: moved.id.clone(),
            checkin: moved.named,
            until: moved.at,
        });
        let arrival = Fact::Arrival(Arrival {
            id: moved.id,
            since: moved.at,
            named: moved.named,
            expected: moved.expected,
        });
        Event {
            kind: MessageKind::Move,
            rooms: vec![
                (moved.from, Said::Fact(departure)),
                (moved.to, Said::Fact(arrival)),
            ],
        }
    }

    /// The move that it is, if it is one.
    pub fn as_move(&self) -> Option<Move> {
        let [
            (from, Said::Fact(Fact::Departure(departure))),
            (to, Said::Fact(Fact::Arrival(arrival))),
        ] = &self.rooms[..]
        else {
            return None;
        };
        let moved = Move {
            id: arrival.id.clone(),
            from: from.clone(),
            to: to.clone(),
            at: departure.until,
            named: arrival.named,
            expected: arrival.expected,
        };
        (Event::of_move(moved.clone()) == *self).then_some(moved)
    }
}

/// What a message body turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    Event(Event),
    /// A check-in or a move whose expected check-out is not after it: that time is ignored.
    EventWithoutExpected(Event),
    /// Its type is one to ignore.
    Ignored,
    Refused(Refusal),
}

impl MessageFormat {
    /// Reads a message body. `now` is `None` where all is history and nothing can lie ahead.
    pub fn parse(&self, body: &[u8], now: Option<LocalTime>) -> Parsed {
        self.read(body, now).unwrap_or_else(Parsed::Refused)
    }
}

/// A time as it is written, in the hotels' zone.
pub(super) fn time(zone: Zone, field: &str, text: &str) -> Result<LocalTime, Refusal> {
    let stamp = Stamp::parse(text).ok();
    let time = stamp.and_then(|stamp| zone.resolve(stamp));
    time.ok_or_else(|| Refusal::NotATime {
        field: field.to_owned(),
        value: excerpt(text),
    })
}

fn key(fields: &Fields, field: &str, max: usize) -> Result<String, Refusal> {
    let text = fields
        .text_or_integer(field)?
        .ok_or_else(|| missing(field))?;
    key_part(field, &text, max).map(str::to_owned)
}

/// Half of a room key: trimmed, not empty, not longer than its column, without control characters.
pub(super) fn key_part<'a>(field: &str, text: &'a str, max: usize) -> Result<&'a str, Refusal> {
    let text = trim_key_part(text);
    let chars = text.chars().count();
    if chars == 0 {
        Err(missing(field))
    } else if chars > max {
        Err(Refusal::TooLong {
            field: field.to_owned(),
            chars,
            max,
        })
    } else if text.chars().any(char::is_control) {
        Err(Refusal::ControlCharacter {
            field: field.to_owned(),
        })
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
