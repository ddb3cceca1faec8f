//! The keys that identify a room's watches and runs.

use serde::{Deserialize, Serialize};

use crate::types::{Kind, LocalTime, RoomKey};

/// Identifies one run of a room. It stays the same when the stay's time turns out to be another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey {
    pub room: RoomKey,
    pub watch: WatchKey,
    /// Time of the sample that opened it.
    pub since: LocalTime,
    /// The rule that makes its intervals abnormal.
    pub rule: Rule,
}

/// Identifies one watch of a room. The keys of a room are ordered as its watches followed one
/// another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WatchKey {
    /// A watch that version 0.1 began. It did not count watches and identified them by the order of
    /// their stays; all of them come before the counted ones.
    Uncounted(LocalTime, Kind),
    /// The number of the watch, counted from 1 per room. It stays the same when the stay's time
    /// turns out to be another.
    Counted(u32),
}

impl WatchKey {
    /// The key of the watch with this number. Number 0 stands for an uncounted watch, which is
    /// identified by the order of its stay.
    pub(super) fn new(number: u32, stay: (LocalTime, Kind)) -> WatchKey {
        match number {
            0 => WatchKey::Uncounted(stay.0, stay.1),
            number => WatchKey::Counted(number),
        }
    }
}

/// Whether a watch's number says that it was not counted; serde then leaves the field out.
pub(super) fn is_uncounted(number: &u32) -> bool {
    *number == 0
}

/// What makes an interval abnormal.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// It used more than the room's threshold. The only rule of version 0.1.
    #[default]
    Fixed,
    /// It used more than the room does by itself, and than others have in common with it.
    Baseline,
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
    fn uncounted_watches_are_ordered_by_stay_and_come_first() {
        let at = |hour: u32| LocalTime::from_ymd_hms(2023, 4, 10, hour, 0, 0).expect("a time");
        let checkout = |hour| (at(hour), Kind::Checkout);
        let keys = [
            WatchKey::new(0, checkout(11)),
            WatchKey::new(0, checkout(12)),
            WatchKey::new(0, (at(12), Kind::Checkin)),
            WatchKey::new(1, checkout(14)),
            // Watches that are counted are ordered by their number alone.
            WatchKey::new(2, checkout(13)),
        ];
        assert!(keys.is_sorted_by(|one, next| one < next), "{keys:?}");
        assert_eq!(
            WatchKey::new(2, checkout(13)),
            WatchKey::new(2, checkout(15))
        );
    }
}
