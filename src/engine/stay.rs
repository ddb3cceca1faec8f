//! What messages say of a room: a guest is in, or has left.

use serde::{Deserialize, Serialize};

use crate::types::{Kind, LocalTime};

/// A stay as its message has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Stay {
    /// A guest is in.
    #[serde(rename = "checkin")]
    Occupied {
        check_in: LocalTime,
        expected_checkout: Option<LocalTime>,
    },
    /// The guest has left.
    #[serde(rename = "checkout")]
    Vacant {
        actual_checkin: Option<LocalTime>,
        actual_checkout: LocalTime,
    },
}

impl Stay {
    pub fn kind(&self) -> Kind {
        match self {
            Stay::Occupied { .. } => Kind::Checkin,
            Stay::Vacant { .. } => Kind::Checkout,
        }
    }

    /// When it began.
    pub fn time(&self) -> LocalTime {
        match *self {
            Stay::Occupied { check_in, .. } => check_in,
            Stay::Vacant {
                actual_checkout, ..
            } => actual_checkout,
        }
    }

    /// Whether this stay, which is the room's last by what is known now, needs a watch of its own
    /// in place of the one on `watched`. It does if it is of the other kind, or later. If it is
    /// earlier and of the same kind, it is the same stay, whose beginning is known better now: then
    /// it needs one only where the watch [can't be moved](super::RoomState::can_be_moved).
    pub fn replaces(&self, watched: &Stay, can_be_moved: bool) -> bool {
        let is_later = self.time() > watched.time();
        let is_earlier = self.time() < watched.time();
        self.kind() != watched.kind() || is_later || is_earlier && !can_be_moved
    }

    /// The order of a room's events.
    pub fn order(&self) -> (LocalTime, Kind) {
        (self.time(), self.kind())
    }
}
