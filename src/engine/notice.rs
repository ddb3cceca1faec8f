use serde::{Deserialize, Serialize};

use crate::types::{HotelId, Kind, LocalTime, RoomKey, RoomNumber, WattHours};

use super::key::is_uncounted;
use super::{Rule, RunKey, Stay, WatchKey};

/// Something the staff is to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "lowercase")]
pub enum Notice {
    /// Of one room.
    Room(RoomNotice),
    /// Of a hotel's meters.
    Meters(MeterNotice),
}

impl Notice {
    pub fn hotel_id(&self) -> &HotelId {
        match self {
            Notice::Room(notice) => &notice.room.hotel_id,
            Notice::Meters(notice) => &notice.hotel_id,
        }
    }

    /// The time of the reading that brought it about; of meters, when they were looked at.
    pub fn detected(&self) -> LocalTime {
        match self {
            Notice::Room(notice) => notice.detected,
            Notice::Meters(notice) => notice.detected,
        }
    }

    /// The word stored in `notification`.
    pub fn kind(&self) -> &'static str {
        match self {
            Notice::Room(notice) => notice.kind.as_str(),
            Notice::Meters(notice) => notice.kind.as_str(),
        }
    }
}

/// One interval as a notice shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    pub seconds: i64,
    /// `None` for a gap: nobody knows.
    pub energy: Option<WattHours>,
}

/// A notice of one room: all that a card needs, as it was when the room was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomNotice {
    pub kind: NoticeKind,
    pub room: RoomKey,
    /// Which of the room's watches judged it ([`Watch::number`](super::Watch::number)); 0 in rows
    /// of version 0.1.
    #[serde(default, skip_serializing_if = "is_uncounted")]
    pub watch: u32,
    /// The rule that judged it.
    #[serde(default, skip_serializing_if = "Rule::is_fixed")]
    pub rule: Rule,
    /// The stay under which the room was judged.
    pub stay: Stay,
    /// Time of the reading that brought it about; of a new stay, its beginning; of another length
    /// of the interval, time of the last reading.
    pub detected: LocalTime,
    /// Time of the sample that opened the run.
    pub since: LocalTime,
    /// Of a run that has ended: end of its last interval. `None` where that is `detected`, and in
    /// rows of version 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<LocalTime>,
    /// Intervals in a row.
    pub periods: u32,
    /// Energy used in them.
    pub energy: WattHours,
    /// Energy per interval above which an interval is abnormal, when this was judged.
    pub threshold: WattHours,
    /// Length of an interval in seconds, when this was judged.
    pub interval_seconds: i64,
    /// The last intervals before the stay, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Interval>,
    /// The last intervals of the stay, oldest first.
    pub history: Vec<Interval>,
}

impl RoomNotice {
    /// The run that it is about.
    pub fn run(&self) -> RunKey {
        RunKey {
            room: self.room.clone(),
            watch: WatchKey::new(self.watch, self.stay.order()),
            since: self.since,
            rule: self.rule,
        }
    }

    /// How long the run lasted, in seconds, at least one. Meters seldom keep the interval's rhythm,
    /// so its periods do not tell.
    pub fn run_seconds(&self) -> i64 {
        let until = self.until.unwrap_or_else(|| match self.kind {
            // Of version 0.1: the interval that ended it is the last one.
            NoticeKind::Recovered => {
                let normal = self.history.last().map_or(0, |last| last.seconds);
                self.detected.plus(-normal)
            }
            NoticeKind::Alert | NoticeKind::Reminder | NoticeKind::Closed(_) => self.detected,
        });
        until.since(self.since).max(1)
    }

    /// Mean power of the run.
    pub fn milliwatts(&self) -> i64 {
        self.energy.0.saturating_mul(3_600_000) / self.run_seconds()
    }

    /// Whether it is a recovery only because the register has stood still: a gateway that repeats
    /// itself looks the same.
    pub fn rests_on_zero(&self) -> bool {
        let last = self.history.last();
        self.kind == NoticeKind::Recovered
            && last.is_some_and(|last| last.energy == Some(WattHours::ZERO))
    }
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
    /// Its run was notified and is no longer followed; whether it is normal again is not known.
    Closed(Closing),
}

/// Why a run is no longer followed, other than by a normal interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// Too long without a reading.
    Gap,
    /// The meter was replaced or reset.
    MeterChanged,
    /// The length of the interval was changed by configuration.
    IntervalChanged,
    /// Another stay began.
    NewStay { kind: Kind, at: LocalTime },
}

impl NoticeKind {
    /// The word printed by commands and stored in `notification`.
    pub fn as_str(self) -> &'static str {
        match self {
            NoticeKind::Alert => "alert",
            NoticeKind::Reminder => "reminder",
            NoticeKind::Recovered => "recovered",
            NoticeKind::Closed(_) => "closed",
        }
    }
}

/// A notice of a hotel's meters: most of them tell nothing or repeat themselves, or do so no
/// longer. A dead gateway must not look like a calm hotel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterNotice {
    pub kind: MeterNoticeKind,
    pub hotel_id: HotelId,
    /// When the meters were looked at, by the clock.
    pub detected: LocalTime,
    /// The last reading of any of the meters that are silent, or were; `None` where they never had
    /// one. Of frozen ones, when their registers last moved.
    pub since: Option<LocalTime>,
    /// Meters that are silent now, or whose register stands still.
    pub silent: u32,
    /// Meters of watched rooms.
    pub watched: u32,
    /// The rooms of the first of these meters, in order.
    pub rooms: Vec<RoomNumber>,
}

impl MeterNotice {
    /// What is to be remembered of it; `None` where that is nothing more.
    pub fn trouble(&self) -> Option<MeterTrouble> {
        match self.kind {
            MeterNoticeKind::Silent => Some(MeterTrouble::Silent(self.since)),
            // A movement is always known of.
            MeterNoticeKind::Frozen => {
                Some(MeterTrouble::Frozen(self.since.unwrap_or(self.detected)))
            }
            MeterNoticeKind::Moving => Some(MeterTrouble::Moved(self.detected)),
            MeterNoticeKind::Heard => None,
        }
    }
}

/// What the staff was last notified of a hotel's meters, where that still matters. There is one
/// trouble at a time: two cards about one gateway would only confuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeterTrouble {
    /// They are silent: with the last reading before that.
    Silent(Option<LocalTime>),
    /// They are frozen: with the last movement before that.
    Frozen(LocalTime),
    /// They were frozen, and were found to move again at this time: their recoveries may be sent
    /// only since then.
    Moved(LocalTime),
}

impl MeterTrouble {
    /// Its end was not notified of yet.
    pub fn is_open(self) -> bool {
        !matches!(self, MeterTrouble::Moved(_))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MeterNoticeKind {
    /// Half of the hotel's meters have fallen silent.
    Silent,
    /// They are heard again.
    Heard,
    /// Half of the hotel's meters have stopped moving at one time, though readings come.
    Frozen,
    /// They move again.
    Moving,
}

impl MeterNoticeKind {
    /// The word stored in `notification`.
    pub fn as_str(self) -> &'static str {
        match self {
            MeterNoticeKind::Silent => "silent",
            MeterNoticeKind::Heard => "heard",
            MeterNoticeKind::Frozen => "frozen",
            MeterNoticeKind::Moving => "moving",
        }
    }
}
