//! Counts of notices: of all rooms, by kind and by hotel.

use std::collections::BTreeMap;

use crate::engine::{HotelNoticeKind, Notice, NoticeKind, RoomNotice};
use crate::types::{HotelId, Kind};

use super::Past;

/// The counts of some rooms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Rooms that were watched.
    pub rooms: u64,
    /// The sum of the times they were watched.
    pub seconds: i64,
    pub alerts: u64,
    pub reminders: u64,
    pub recovered: u64,
}

impl Row {
    pub fn room_days(&self) -> f64 {
        self.seconds as f64 / 86_400.0
    }

    /// Alerts per 100 rooms and day; `None` if no room was watched.
    pub fn alerts_per_100_room_days(&self) -> Option<f64> {
        (self.seconds > 0).then(|| self.alerts as f64 * 100.0 / self.room_days())
    }

    fn watch(&mut self, seconds: i64) {
        self.rooms += 1;
        self.seconds += seconds;
    }

    fn count(&mut self, kind: NoticeKind) {
        match kind {
            NoticeKind::Alert => self.alerts += 1,
            NoticeKind::Reminder => self.reminders += 1,
            NoticeKind::Recovered => self.recovered += 1,
            NoticeKind::Closed(_) => {}
        }
    }
}

/// The counts of all rooms, of each kind and of each hotel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub all: Row,
    pub kinds: BTreeMap<Kind, Row>,
    pub hotels: BTreeMap<HotelId, Row>,
    /// Notices of what hotels' vacant rooms have in common.
    pub in_common: BTreeMap<HotelNoticeKind, u64>,
}

impl Summary {
    /// The rooms and times watched in the span, without notices yet.
    pub fn watched(past: &Past) -> Summary {
        let mut summary = Summary::default();
        for room in past.rooms() {
            let mut kinds: BTreeMap<Kind, i64> = BTreeMap::new();
            for (stay, seconds) in room.watched(past.from) {
                *kinds.entry(stay.kind()).or_default() += seconds;
            }
            let seconds = kinds.values().sum();
            summary.all.watch(seconds);
            let hotel = room.key.hotel_id.clone();
            summary.hotels.entry(hotel).or_default().watch(seconds);
            for (kind, seconds) in kinds {
                summary.kinds.entry(kind).or_default().watch(seconds);
            }
        }
        summary
    }

    pub fn count(&mut self, notice: &Notice) {
        match notice {
            Notice::Room(notice) => self.count_room(notice),
            Notice::Hotel(notice) => *self.in_common.entry(notice.kind).or_default() += 1,
            Notice::Meters(_) => {}
        }
    }

    fn count_room(&mut self, notice: &RoomNotice) {
        self.all.count(notice.kind);
        let of_kind = self.kinds.entry(notice.stay.kind()).or_default();
        of_kind.count(notice.kind);
        let hotel = notice.room.hotel_id.clone();
        self.hotels.entry(hotel).or_default().count(notice.kind);
    }
}
