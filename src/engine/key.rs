//! By what a room's watches and runs are known, wherever they are spoken of.

use serde::{Deserialize, Serialize};

use crate::types::{Kind, LocalTime, RoomKey};

/// One run of a room. It goes on being the same one whatever is learned of its stay.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey {
    pub room: RoomKey,
    pub watch: WatchKey,
    /// Time of the sample that opened it.
    pub since: LocalTime,
    /// The rule by which its intervals are abnormal.
    pub rule: Rule,
}

/// Which of a room's watches. Those of one room are ordered as they followed one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WatchKey {
    /// One that version 0.1 began. It counted none, and knew them by the order of their stays; all
    /// of them come before those that are counted.
    Uncounted(LocalTime, Kind),
    /// The room's watches are counted from 1 on. A stay that turns out to have begun at another
    /// time leaves its watch the number.
    Counted(u32),
}

impl WatchKey {
    /// The key of the watch with this number; where that is 0, of the one whose stay has this
    /// order.
    pub(super) fn new(number: u32, stay: (LocalTime, Kind)) -> WatchKey {
        match number {
            0 => WatchKey::Uncounted(stay.0, stay.1),
            number => WatchKey::Counted(number),
        }
    }
}

/// Whether a watch's number is that of one which was not counted: it is not written.
pub(super) fn is_uncounted(number: &u32) -> bool {
    *number == 0
}

/// What makes an interval abnormal.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// It used more than the threshold of its room; the only rule of version 0.1.
    #[default]
    Fixed,
}

impl Rule {
    pub(super) fn is_fixed(&self) -> bool {
        *self == Rule::Fixed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watches_are_in_order_those_of_0_1_by_their_stays_before_all_others() {
        let at = |hour: u32| LocalTime::from_ymd_hms(2023, 4, 10, hour, 0, 0).expect("a time");
        let left = |hour| (at(hour), Kind::Checkout);
        let keys = [
            WatchKey::new(0, left(11)),
            WatchKey::new(0, left(12)),
            WatchKey::new(0, (at(12), Kind::Checkin)),
            WatchKey::new(1, left(14)),
            // A stay that began earlier than was known.
            WatchKey::new(2, left(13)),
        ];
        assert!(keys.is_sorted_by(|one, next| one < next), "{keys:?}");
        assert_eq!(WatchKey::new(2, left(13)), WatchKey::new(2, left(15)));
    }
}
