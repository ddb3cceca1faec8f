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

    /// Whether, as the last piece of what is known by now, it takes another watch than `watched`
    /// had: it is of the other kind, at whatever time, or of the same kind and later. Of the same
    /// kind and earlier it is that one, of which more is known, where the watch [can be
    /// moved](super::RoomState::can_be_moved).
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
