//! What became of the troubles of a story.

use std::collections::HashMap;
use std::fmt;

use crate::engine::{Notice, NoticeKind, RoomNotice, Rules};
use crate::hotel::Trouble;
use crate::review::{Room, judge};
use crate::types::{Kind, LocalTime, RoomKey, WattHours};

use super::Told;

/// What the story told, and what roomwatt made of it.
pub struct Report {
    pub messages: u64,
    pub readings: u64,
    pub rooms: usize,
    pub until: LocalTime,
    /// Each with what became of it, in the order in which they began.
    pub troubles: Vec<(RoomKey, Trouble, Fate)>,
    pub alerts: usize,
    pub reminders: usize,
    pub recovered: usize,
    /// Of silent meters, and of their return.
    pub of_meters: usize,
    /// Alerts for which there was no trouble.
    pub false_alarms: Vec<RoomNotice>,
}

/// What became of a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The staff was told so many seconds after it had begun.
    Found { seconds: i64 },
    /// It stayed below the threshold; this one, the highest that does, would have found it.
    Below {
        threshold: WattHours,
        enough: WattHours,
    },
    /// It was over, or the story was, before there were enough intervals in a row.
    TooShort { seconds: i64 },
    /// No threshold tells it from what the room uses anyway, or its meter told too little.
    Hidden,
}

/// Thresholds that are tried, in steps of this.
const STEP: i64 = 10;

impl Report {
    pub(super) fn new(told: Told, notices: Vec<Notice>, until: LocalTime, rules: &Rules) -> Report {
        let Told {
            messages,
            readings,
            rooms,
            troubles,
        } = told;
        let rooms: HashMap<RoomKey, Room> = rooms
            .into_iter()
            .map(|(key, room)| (key, room.sorted()))
            .collect();
        let of_rooms: Vec<&RoomNotice> = notices
            .iter()
            .filter_map(|notice| match notice {
                Notice::Room(notice) => Some(notice),
                Notice::Meters(_) => None,
            })
            .collect();
        let count = |kind| of_rooms.iter().filter(|n| n.kind == kind).count();
        let alerts = || of_rooms.iter().filter(|n| n.kind == NoticeKind::Alert);
        let false_alarms = alerts().filter(|alert| {
            let of_room = troubles.iter().filter(|(room, _)| *room == alert.room);
            !of_room
                .into_iter()
                .any(|(_, trouble)| is_of(alert, trouble, rules))
        });
        let fates = troubles.iter().map(|(room, trouble)| {
            let found = alerts().find(|n| n.room == *room && is_of(n, trouble, rules));
            let fate = match found {
                Some(alert) => Fate::Found {
                    seconds: alert.detected.since(trouble.from),
                },
                None => rooms
                    .get(room)
                    .map_or(Fate::Hidden, |room| missed(room, trouble, until, rules)),
            };
            (room.clone(), *trouble, fate)
        });
        Report {
            messages,
            readings,
            rooms: rooms.len(),
            until,
            alerts: count(NoticeKind::Alert),
            reminders: count(NoticeKind::Reminder),
            recovered: count(NoticeKind::Recovered),
            of_meters: notices.len() - of_rooms.len(),
            false_alarms: false_alarms.map(|alert| (*alert).clone()).collect(),
            troubles: fates.collect(),
        }
    }

    pub fn found(&self) -> usize {
        let found = |fate: &Fate| matches!(fate, Fate::Found { .. });
        self.troubles
            .iter()
            .filter(|(.., fate)| found(fate))
            .count()
    }
}

/// Whether an alert of its room is about a trouble: of its time, and of the room as it was then.
fn is_of(alert: &RoomNotice, trouble: &Trouble, rules: &Rules) -> bool {
    // The interval in which it ended may still be abnormal.
    let last = trouble.until.plus(rules.interval_seconds);
    alert.stay.kind() == trouble.kind && alert.since < last && trouble.from < alert.detected
}

fn missed(room: &Room, trouble: &Trouble, until: LocalTime, rules: &Rules) -> Fate {
    let seconds = trouble.until.min(until).since(trouble.from);
    let needed = i64::from(rules.alert_periods) * rules.interval_seconds;
    if seconds < needed {
        return Fate::TooShort { seconds };
    }
    let finds = |threshold: i64| {
        let of_kind = WattHours(threshold * STEP);
        let mut thresholds = rules.thresholds;
        match trouble.kind {
            Kind::Checkin => thresholds.checkin = of_kind,
            Kind::Checkout => thresholds.checkout = of_kind,
        }
        let rules = Rules {
            thresholds,
            hotel_thresholds: HashMap::new(),
            room_thresholds: HashMap::new(),
            ..rules.clone()
        };
        let notices = judge(room, &rules, LocalTime::FIRST);
        let alerts = notices.iter().filter(|n| n.kind == NoticeKind::Alert);
        alerts
            .into_iter()
            .any(|alert| is_of(alert, trouble, &rules))
    };
    let threshold = match trouble.kind {
        Kind::Checkin => rules.thresholds.checkin,
        Kind::Checkout => rules.thresholds.checkout,
    };
    // Not by halves: below some threshold all that a room uses is one run, which began before.
    if let Some(enough) = (0..threshold.0 / STEP).rev().find(|&lower| finds(lower)) {
        return Fate::Below {
            threshold,
            enough: WattHours(enough * STEP),
        };
    }
    // The first interval began before it, and the last one ended after it.
    if seconds < needed + rules.interval_seconds {
        Fate::TooShort { seconds }
    } else {
        Fate::Hidden
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Found { seconds } => write!(f, "found after {}", duration(*seconds)),
            Fate::Below { threshold, enough } => write!(
                f,
                "missed: it stays under the threshold of {threshold}, one of {enough} would have found it"
            ),
            Fate::TooShort { seconds } => write!(
                f,
                "missed: it was seen for {}, too short for enough intervals in a row",
                duration(*seconds)
            ),
            Fate::Hidden => write!(f, "missed: what the room uses anyway hides it"),
        }
    }
}

/// `2 h 05 min`.
fn duration(seconds: i64) -> String {
    let minutes = seconds / 60;
    match minutes / 60 {
        0 => format!("{minutes} min"),
        hours => format!("{hours} h {:02} min", minutes % 60),
    }
}
