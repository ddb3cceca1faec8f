use std::borrow::Borrow;
use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// A hotel's id, compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HotelId(CompactString);

/// A room's number within its hotel, compared byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoomNumber(CompactString);

impl HotelId {
    /// The width of the `hotel_id` columns, in characters.
    pub const MAX_CHARS: usize = 50;

    pub fn new(id: &str) -> HotelId {
        HotelId(CompactString::new(id))
    }

    /// An id from outside, without its surrounding blanks.
    pub fn trimmed(id: &str) -> HotelId {
        HotelId::new(trim_key_part(id))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RoomNumber {
    /// The width of the `room_number` columns, in characters.
    pub const MAX_CHARS: usize = 20;

    pub fn new(number: &str) -> RoomNumber {
        RoomNumber(CompactString::new(number))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Compared, ordered and hashed as its text, so that a map can be searched by a `&str`.
impl Borrow<str> for HotelId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for RoomNumber {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HotelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RoomNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One room of one hotel. The same number in two hotels means two rooms.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoomKey {
    pub hotel_id: HotelId,
    pub room_number: RoomNumber,
}

/// A hotel's id or a room's number without its surrounding blanks, which may be Unicode ones.
/// Everything that comes from outside (messages, files, the meter table) goes through here.
pub fn trim_key_part(part: &str) -> &str {
    part.trim()
}

impl RoomKey {
    pub fn new(hotel_id: &str, room_number: &str) -> RoomKey {
        RoomKey {
            hotel_id: HotelId::new(hotel_id),
            room_number: RoomNumber::new(room_number),
        }
    }

    /// A key from outside, without the blanks around its two parts.
    pub fn trimmed(hotel_id: &str, room_number: &str) -> RoomKey {
        RoomKey::new(trim_key_part(hotel_id), trim_key_part(room_number))
    }
}

/// `H12345/1001`, for logs.
impl fmt::Display for RoomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.hotel_id, self.room_number)
    }
}
