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
    /// kind and earlier it is that one, of which more is known.
    pub fn replaces(&self, watched: &Stay) -> bool {
        self.kind() != watched.kind() || self.time() > watched.time()
    }

    /// The order of a room's events.
    pub fn order(&self) -> (LocalTime, Kind) {
        (self.time(), self.kind())
    }
}
