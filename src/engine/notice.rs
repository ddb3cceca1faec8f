use serde::{Deserialize, Serialize};

use crate::types::{HotelId, Kind, LocalTime, RoomKey, RoomNumber, WattHours};

use super::key::is_uncounted;
use super::{Handling, Interval, Rule, RunKey, Stay, WatchKey};

/// Something that the staff is notified of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "lowercase")]
pub enum Notice {
    /// About one room.
    Room(RoomNotice),
    /// About a hotel's meters.
    Meters(MeterNotice),
    /// About what a hotel's vacant rooms have in common.
    Hotel(HotelNotice),
}

impl Notice {
    /// The notice, if it is about a room.
    pub fn of_room(&self) -> Option<&RoomNotice> {
        match self {
            Notice::Room(notice) => Some(notice),
            Notice::Meters(_) | Notice::Hotel(_) => None,
        }
    }

    pub fn hotel_id(&self) -> &HotelId {
        match self {
            Notice::Room(notice) => &notice.room.hotel_id,
            Notice::Meters(notice) => &notice.hotel_id,
            Notice::Hotel(notice) => &notice.hotel_id,
        }
    }

    /// The time of the reading that caused it; for meters, the time of the check; for a hotel's
    /// vacant rooms, the end of the frame that shows it.
    pub fn detected(&self) -> LocalTime {
        match self {
            Notice::Room(notice) => notice.detected,
            Notice::Meters(notice) => notice.detected,
            Notice::Hotel(notice) => notice.detected,
        }
    }

    /// The word stored in `notification`.
    pub fn kind(&self) -> &'static str {
        match self {
            Notice::Room(notice) => notice.kind.as_str(),
            Notice::Meters(notice) => notice.kind.as_str(),
            Notice::Hotel(notice) => notice.kind.as_str(),
        }
    }

    /// What somebody has done about its incident, where it says so.
    pub fn handling(&self) -> Option<&Handling> {
        match self {
            Notice::Room(notice) => notice.handling.as_deref(),
            Notice::Meters(notice) => notice.handling.as_deref(),
            Notice::Hotel(_) => None,
        }
    }

    /// Whether it reminds of what somebody had acknowledged or snoozed.
    pub fn is_of_lapse(&self) -> bool {
        self.handling().is_some_and(|it| it.lapsed_at.is_some())
    }

    /// Has it say what somebody has done about its incident.
    pub fn set_handling(&mut self, handling: Option<Handling>) {
        let handling = handling.map(Box::new);
        match self {
            Notice::Room(notice) => notice.handling = handling,
            Notice::Meters(notice) => notice.handling = handling,
            Notice::Hotel(_) => {}
        }
    }
}

/// A notice about one room, with all that a card shows as it was when the room was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomNotice {
    pub kind: NoticeKind,
    pub room: RoomKey,
    /// The number of the room's watch ([`Watch::number`](super::Watch::number)); 0 in rows of
    /// version 0.1.
    #[serde(default, skip_serializing_if = "is_uncounted")]
    pub watch: u32,
    /// The rule that the run broke.
    #[serde(default, skip_serializing_if = "Rule::is_fixed")]
    pub rule: Rule,
    /// The run that opened the room's incident, if it is not the run of this notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<RunStart>,
    /// The stay under which the room was judged.
    pub stay: Stay,
    /// Time of the reading that caused it. When a new stay closed the run, the stay's beginning;
    /// when the room came to be out of order, the beginning of that, or the end of the last
    /// interval where that is later; when another interval length did, the time of the last
    /// reading.
    pub detected: LocalTime,
    /// Time of the sample that opened the run.
    pub since: LocalTime,
    /// End of the last interval of a run that has ended. `None` if that is `detected`, and in rows
    /// of version 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<LocalTime>,
    /// Length of the run in periods.
    pub periods: u32,
    /// Energy used during the run.
    pub energy: WattHours,
    /// The threshold at that time: energy per interval above which an interval is abnormal.
    pub threshold: WattHours,
    /// What the baseline rule compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unusual: Option<Box<Unusual>>,
    /// The length of an interval at that time, in seconds.
    pub interval_seconds: i64,
    /// The last intervals before the stay, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Interval>,
    /// The last intervals of the stay, oldest first.
    pub history: Vec<Interval>,
    /// What somebody had done about its incident, of which it is the end; or which goes on although
    /// that has lapsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handling: Option<Box<Handling>>,
}

/// What identifies a run among those of its watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStart {
    pub rule: Rule,
    /// Time of the sample that opened it.
    pub since: LocalTime,
}

/// What the baseline rule compared a room with. Energies are per interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unusual {
    /// What the room uses by itself.
    pub base: WattHours,
    /// Up to which its use is usual.
    pub limit: WattHours,
    pub compared: Compared,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compared {
    /// The other vacant rooms of the hotel, if there are any.
    Vacant { others: Option<Others> },
    /// The least that the room used in each of six intervals, and what nine of ten rooms of the
    /// hotel have not held above their bases in two days.
    Occupied { held: WattHours, level: WattHours },
}

/// What other vacant rooms use: one in ten less than `low`, one in ten more than `high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Others {
    pub rooms: u32,
    pub low: WattHours,
    pub high: WattHours,
}

impl RoomNotice {
    /// The run that this notice is about.
    pub fn run(&self) -> RunKey {
        self.run_of(self.start())
    }

    /// The run that opened the incident that this notice is part of.
    pub fn incident(&self) -> RunKey {
        self.run_of(self.incident.unwrap_or(self.start()))
    }

    /// What identifies its run among those of its watch.
    pub fn start(&self) -> RunStart {
        RunStart {
            rule: self.rule,
            since: self.since,
        }
    }

    fn run_of(&self, RunStart { rule, since }: RunStart) -> RunKey {
        RunKey {
            room: self.room.clone(),
            watch: WatchKey::new(self.watch, self.stay.order()),
            since,
            rule,
        }
    }

    /// Whether it is an alert of the baseline rule in an incident that the rule with thresholds has
    /// opened: the staff knows already.
    pub fn is_joined_alert(&self) -> bool {
        self.kind == NoticeKind::Alert && self.rule == Rule::Baseline && self.incident.is_some()
    }

    /// The duration of the run in seconds, at least one. It can't be computed from the periods,
    /// because meters seldom send exactly one reading an interval.
    pub fn run_seconds(&self) -> i64 {
        let until = self.until.unwrap_or_else(|| match self.kind {
            // From version 0.1: the normal interval that ended the run is the last of the history.
            NoticeKind::Recovered => {
                let normal = self.history.last().map_or(0, Interval::seconds);
                self.detected.plus(-normal)
            }
            NoticeKind::Alert | NoticeKind::Reminder | NoticeKind::Closed(_) => self.detected,
        });
        until.since(self.since).max(1)
    }

    /// Mean power during the run, in milliwatts.
    pub fn milliwatts(&self) -> i64 {
        self.energy.0.saturating_mul(3_600_000) / self.run_seconds()
    }

    /// Whether it is a recovery by an interval of exactly zero energy. A frozen gateway that
    /// repeats its registers causes the same.
    pub fn is_zero_use_recovery(&self) -> bool {
        let last = self.history.last();
        self.kind == NoticeKind::Recovered
            && last.is_some_and(|last| last.energy() == Some(WattHours::ZERO))
    }
}

/// What a notice says of its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeKind {
    /// The room has been abnormal for `alert_periods`.
    Alert,
    /// The run goes on and has twice the periods of its last notice.
    Reminder,
    /// The room is normal again.
    Recovered,
    /// The run ended without a normal interval, so it is unknown whether the room has recovered.
    Closed(Closing),
}

/// Why a run was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// There was no reading for too long.
    Gap,
    /// The meter was replaced or reset.
    MeterChanged,
    /// The configured length of the interval changed.
    IntervalChanged,
    /// The rule that had found it was switched off.
    RuleOff,
    /// The room is out of order, since this time.
    OutOfOrder { at: LocalTime },
    /// Somebody closed it, because the meter sends no readings that would end it.
    ByHand,
    /// A new stay began.
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

/// A notice about a hotel's meters: many are silent or frozen, or no longer are. A dead gateway
/// must not look like a quiet hotel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterNotice {
    pub kind: MeterNoticeKind,
    pub hotel_id: HotelId,
    /// The time of the check.
    pub detected: LocalTime,
    /// When the trouble began: the last reading of any silent meter, `None` if none ever had one;
    /// or the last movement of the frozen ones.
    pub since: Option<LocalTime>,
    /// Meters that are silent or frozen at the time of the check.
    pub silent: u32,
    /// Meters of watched rooms.
    pub watched: u32,
    /// The first rooms with silent or frozen meters, in order.
    pub rooms: Vec<RoomNumber>,
    /// As of [`RoomNotice::handling`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handling: Option<Box<Handling>>,
}

impl MeterNotice {
    /// The hotel's trouble after this notice; `None` if there is none left to remember.
    pub fn trouble(&self) -> Option<MeterTrouble> {
        match self.kind {
            MeterNoticeKind::Silent => Some(MeterTrouble::Silent(self.since)),
            // Never the fallback: a frozen hotel has a last movement.
            MeterNoticeKind::Frozen => {
                Some(MeterTrouble::Frozen(self.since.unwrap_or(self.detected)))
            }
            MeterNoticeKind::Moving => Some(MeterTrouble::Moved(self.detected)),
            MeterNoticeKind::Reporting => None,
        }
    }
}

/// The trouble of a hotel's meters that the staff was last notified of, as long as it matters. A
/// hotel has one at a time: two cards about one gateway would only confuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeterTrouble {
    /// The meters are silent; with their last reading.
    Silent(Option<LocalTime>),
    /// The meters are frozen; with their last movement.
    Frozen(LocalTime),
    /// The meters were frozen and move again; with the time when that was found. Recoveries of
    /// their rooms are not sent before.
    Moved(LocalTime),
}

impl MeterTrouble {
    /// Whether the trouble goes on: the staff has not been notified of its end.
    pub fn is_open(self) -> bool {
        !matches!(self, MeterTrouble::Moved(_))
    }
}

/// What a notice says of a hotel's meters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MeterNoticeKind {
    /// Half of the hotel's meters or more are silent.
    Silent,
    /// Most meters of a silent hotel send readings again.
    #[serde(rename = "heard")]
    Reporting,
    /// Many registers have stopped at the same time although readings come.
    Frozen,
    /// Most meters of a frozen hotel move again.
    Moving,
}

impl MeterNoticeKind {
    /// The word stored in `notification`.
    pub fn as_str(self) -> &'static str {
        match self {
            MeterNoticeKind::Silent => "silent",
            MeterNoticeKind::Reporting => "heard",
            MeterNoticeKind::Frozen => "frozen",
            MeterNoticeKind::Moving => "moving",
        }
    }
}

/// A notice about what the vacant rooms of a hotel have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HotelNotice {
    pub kind: HotelNoticeKind,
    pub hotel_id: HotelId,
    /// The end of the frame that shows it.
    pub detected: LocalTime,
    /// Since when, about: the beginning of that frame; of a common rise, of the one before.
    pub since: LocalTime,
    /// Vacant rooms that began to use more of late.
    pub rose: u32,
    /// Vacant rooms whose meters count less than whole kWh.
    pub vacant: u32,
    /// What they have in common: what they use more than by themselves, per interval.
    pub common: WattHours,
    /// Up to which it looks normal where a room uses more, per interval.
    pub tolerated: WattHours,
    /// How many of them use at least `high_from` more, per interval.
    pub high: u32,
    pub high_from: WattHours,
    /// What all of them together use more than by themselves, per interval.
    pub total: WattHours,
    /// The length of an interval, in seconds.
    pub interval_seconds: i64,
}

impl HotelNotice {
    /// The rooms that it is about: those that began to use more, or that use much more.
    pub fn rooms(&self) -> u32 {
        match self.kind {
            HotelNoticeKind::Rise => self.rose,
            HotelNoticeKind::Level => self.high,
        }
    }

    /// What they use more than by themselves in a day, if it goes on.
    pub fn total_a_day(&self) -> WattHours {
        WattHours(self.total.0.saturating_mul(86_400) / self.interval_seconds.max(1))
    }
}

/// What vacant rooms have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HotelNoticeKind {
    /// Many of them began to use more at about the same time.
    Rise,
    /// So many use much more than by themselves that it looks normal.
    Level,
}

impl HotelNoticeKind {
    /// The word stored in `notification`.
    pub fn as_str(self) -> &'static str {
        match self {
            HotelNoticeKind::Rise => "rise",
            HotelNoticeKind::Level => "level",
        }
    }
}
