//! What became of the troubles of a story.

use std::collections::HashMap;
use std::fmt;

use crate::engine::{Notice, NoticeKind, RoomNotice, Rules};
use crate::review::{Room, judge};
use crate::simulator::Trouble;
use crate::types::{Kind, LocalTime, Reading, RoomKey, WattHours};

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
    /// Runs that were notified and are no longer followed: mostly a guest came.
    pub closed: usize,
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
    /// Its meter counts in such steps that many intervals show nothing.
    Coarse { step: WattHours },
    /// Its meter was silent so often that there never were enough intervals in a row.
    Silent,
    /// No threshold tells it from what the room uses anyway.
    Hidden,
}

/// Thresholds that are tried, in steps of this.
const STEP: i64 = 10;

/// What a trouble's energy is told for. Seconds.
const HALF_HOUR: i64 = 1_800;

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
            closed: (of_rooms.iter())
                .filter(|n| matches!(n.kind, NoticeKind::Closed(_)))
                .count(),
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
        return Fate::TooShort { seconds };
    }
    let told: Vec<Reading> = (room.readings.iter().copied())
        .filter(|reading| (trouble.from..=trouble.until).contains(&reading.time))
        .collect();
    // A run takes a sample more than it has intervals.
    if told_without_gap(&told, rules) < needed {
        return Fate::Silent;
    }
    let used = trouble.per_half_hour.0 * rules.interval_seconds / HALF_HOUR;
    match step(&told) {
        Some(step) if step.0 > used => Fate::Coarse { step },
        _ => Fate::Hidden,
    }
}

/// The longest time in which no two readings were too far from each other. Seconds.
fn told_without_gap(readings: &[Reading], rules: &Rules) -> i64 {
    let is_near = |a: &Reading, b: &Reading| b.time.since(a.time) <= rules.max_gap_seconds;
    let stretches = readings.chunk_by(is_near);
    let lengths = stretches.filter_map(|stretch| {
        let (first, last) = (stretch.first()?, stretch.last()?);
        Some(last.time.since(first.time))
    });
    lengths.max().unwrap_or(0)
}

/// The largest step that all registers rise by, if some do not rise at all.
fn step(readings: &[Reading]) -> Option<WattHours> {
    let rises = readings.windows(2).map(|two| match two {
        [a, b] => (b.register.0 - a.register.0).abs(),
        _ => 0,
    });
    let step = rises.clone().fold(0, greatest_common_divisor);
    (step > 0 && rises.clone().any(|rise| rise == 0)).then_some(WattHours(step))
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Found { seconds } => write!(f, "found after {}", duration(*seconds)),
            Fate::Below { threshold, enough } => write!(
                f,
                "missed: it stays under the threshold of {threshold} kWh, one of {enough} would \
                 have found it"
            ),
            Fate::TooShort { seconds } => write!(
                f,
                "missed: it was seen for {}, too short for enough intervals in a row",
                duration(*seconds)
            ),
            Fate::Coarse { step } => write!(
                f,
                "missed: its meter counts in steps of {step} kWh, in between it seems to be off"
            ),
            Fate::Silent => write!(
                f,
                "missed: its meter was silent too often, there were not enough intervals in a row"
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Stay;
    use crate::simulator::Appliance;

    const DAY: i64 = 86_400;

    fn start() -> LocalTime {
        LocalTime::parse("2024-03-04 00:00:00").expect("a time")
    }

    /// What became of 0.54 kWh a half hour in a room that has been vacant since the start and uses
    /// so much anyway, from noon on, for so many seconds; its meter tells `every` so many seconds,
    /// in steps.
    fn fate(anyway: i64, seconds: i64, every: i64, step: i64) -> Fate {
        let key = RoomKey::new("DEMO", "101");
        let from = start().plus(DAY / 2);
        let trouble = Trouble {
            appliance: Appliance::AirConditioner,
            kind: Kind::Checkout,
            from,
            until: from.plus(seconds),
            per_half_hour: WattHours(540),
        };
        let mut room = Room::new(key);
        room.stays.push(Stay::Vacant {
            actual_checkin: None,
            actual_checkout: start(),
        });
        room.readings = (0..=DAY / every)
            .map(|at| {
                let time = start().plus(at * every);
                let on = time.since(from).clamp(0, seconds);
                let used = (anyway * at * every + 540 * on) / HALF_HOUR;
                let register = WattHours(used / step * step);
                Reading { time, register }
            })
            .collect();
        missed(&room, &trouble, start().plus(DAY), &Rules::default())
    }

    #[test]
    fn why_a_trouble_was_missed_is_what_its_meter_shows() {
        let below = Fate::Below {
            threshold: WattHours(1_500),
            enough: WattHours(580),
        };
        assert_eq!(fate(50, 4 * 3_600, 1_800, 10), below);
        let short = Fate::TooShort { seconds: 5_400 };
        assert_eq!(fate(50, 5_400, 1_800, 10), short);
        let coarse = Fate::Coarse {
            step: WattHours(1_000),
        };
        assert_eq!(fate(0, 10 * 3_600, 1_800, 1_000), coarse);
        assert_eq!(fate(50, 10 * 3_600, 3 * 3_600, 10), Fate::Silent);
    }

    /// Any threshold that would find it finds the room hours before.
    #[test]
    fn what_a_room_uses_anyway_can_hide_a_trouble() {
        assert_eq!(fate(1_600, 4 * 3_600, 1_800, 10), Fate::Hidden);
    }
}
