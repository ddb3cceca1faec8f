//! The terms of the domain as types: plain values, without I/O and without a clock.

mod count;
mod energy;
mod key;
pub mod spelling;
mod text;
mod time;

pub use count::counted;
pub use energy::{BadRegister, WattHours, without_exponent};
pub use key::{HotelId, RoomKey, RoomNumber, trim_key_part};
pub use text::{NotText, utf8, utf8_part};
pub use time::{BadTime, LocalTime, Stamp, Zone};

use serde::{Deserialize, Serialize};

/// The kind of a watch. Of two events at the same time the check-out comes before the check-in, and
/// so do the variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The room is vacant: its guest has checked out.
    Checkout,
    /// The room is occupied: a guest has checked in.
    Checkin,
}

impl Kind {
    /// The word that `msg_type` columns hold and that commands print.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Checkin => "checkin",
            Kind::Checkout => "checkout",
        }
    }

    /// The room's occupancy in English: `occupied` or `vacant`.
    pub fn occupancy(self) -> &'static str {
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

/// A meter's cumulative register at a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The meter table's `script_time`, local to the hotel.
    pub time: LocalTime,
    /// The register: energy since the meter was made.
    pub register: WattHours,
}
