//! The words of the product as types. No I/O, no clock, nothing but values.

mod count;
mod energy;
mod key;
pub mod spelling;
mod text;
mod time;

pub use count::counted;
pub use energy::{BadRegister, WattHours, without_exponent};
pub use key::{HotelId, RoomKey, RoomNumber, trimmed_half};
pub use text::{NotText, utf8, utf8_part};
pub use time::{BadTime, LocalTime, Stamp, Zone};

use serde::{Deserialize, Serialize};

/// What a watch is about. Ordered as events at one stay time are: check-out before check-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The room is vacant: its guest has checked out.
    Checkout,
    /// The room is occupied: a guest has checked in.
    Checkin,
}

impl Kind {
    /// The word stored in `msg_type` columns and printed by commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Checkin => "checkin",
            Kind::Checkout => "checkout",
        }
    }

    /// What its room is, as people read it.
    pub fn of_room(self) -> &'static str {
        match self {
            Kind::Checkin => "occupied",
            Kind::Checkout => "vacant",
        }
    }

    /// The inverse of [`Kind::as_str`].
    pub fn from_word(word: &str) -> Option<Kind> {
        match word {
            "checkin" => Some(Kind::Checkin),
            "checkout" => Some(Kind::Checkout),
            _ => None,
        }
    }
}

/// A cumulative register as a meter showed it at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The meter table's `script_time`, local to the hotel.
    pub time: LocalTime,
    /// The register: energy since the meter was made.
    pub register: WattHours,
}
