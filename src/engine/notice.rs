use serde::{Deserialize, Serialize};

use crate::types::{LocalTime, RoomKey, WattHours};

use super::{Interval, Run, Stay};

/// Something the staff is to be told of one room: all that a card needs, as it was when the room
/// was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub kind: NoticeKind,
    pub room: RoomKey,
    /// The stay under which the room was judged.
    pub stay: Stay,
    /// Time of the reading that brought it about.
    pub detected: LocalTime,
    /// Time of the sample that opened the run.
    pub since: LocalTime,
    /// Intervals in a row.
    pub periods: u32,
    /// Energy used in them.
    pub energy: WattHours,
    /// Energy per interval above which an interval is abnormal, when this was judged.
    pub threshold: WattHours,
    /// Length of an interval in seconds, when this was judged.
    pub interval_seconds: i64,
    /// The last intervals, oldest first.
    pub history: Vec<Interval>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeKind {
    /// The room has been abnormal long enough to tell.
    Alert,
    /// It still is, for twice as long as when last told.
    Reminder,
    /// It no longer is.
    Recovered,
}

impl NoticeKind {
    /// The word printed by commands and stored in `notification`.
    pub fn as_str(self) -> &'static str {
        match self {
            NoticeKind::Alert => "alert",
            NoticeKind::Reminder => "reminder",
            NoticeKind::Recovered => "recovered",
        }
    }

    /// What telling of a run is.
    pub(super) fn of_telling(run: &Run) -> NoticeKind {
        if run.told == 0 {
            NoticeKind::Alert
        } else {
            NoticeKind::Reminder
        }
    }
}
