//! What became of the troubles of a story.

use std::collections::HashMap;

use crate::engine::{BaselineMode, Move, Notice, NoticeKind, RoomNotice, Rule, Rules, Thresholds};
use crate::review::{Room, judge};
use crate::simulator::{CircumstanceSpan, Outline, Trouble};
use crate::types::{Kind, LocalTime, Reading, RoomKey, WattHours};

use super::Played;

/// What was played, and what roomwatt made of it.
pub struct Report {
    pub messages: u64,
    pub readings: u64,
    pub rooms: usize,
    pub until: LocalTime,
    /// The troubles in the order of their beginning, and what became of each.
    pub troubles: Vec<(RoomKey, Trouble, Detections)>,
    /// Guests who changed rooms.
    pub moves: Vec<Move>,
    /// Rooms that were out of order, and how long; at most until the story's end.
    pub out_of_order: Vec<(RoomKey, CircumstanceSpan)>,
    pub alerts: usize,
    pub reminders: usize,
    pub recovered: usize,
    /// Notified runs that are no longer followed: mostly because a guest came.
    pub closed: usize,
    /// Notices of silent meters, and of their return.
    pub of_meters: usize,
    /// Alerts without a trouble.
    pub false_alarms: Vec<RoomNotice>,
    /// What these thresholds found, then what better ones would have found.
    pub tried: Vec<Tried>,
    /// What the baseline rule found, if it was on.
    pub baseline: Option<Score>,
}

/// Thresholds, and what they find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    pub thresholds: Thresholds,
    pub score: Score,
}

/// What a rule finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// How many of the troubles.
    pub found: usize,
    /// After how many seconds, in the middle.
    pub after: Option<i64>,
    /// Alerts without a trouble.
    pub false_alarms: usize,
}

/// What each of the rules made of a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detections {
    pub thresholds: Detection,
    /// `None` where the rule was not on.
    pub baseline: Option<Detection>,
}

impl Detections {
    pub fn is_missed(&self) -> bool {
        let baseline = self.baseline.is_some_and(Detection::is_found);
        !baseline && !self.thresholds.is_found()
    }
}

/// Whether a trouble was found, or why it was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detection {
    /// There was an alert this many seconds after its beginning.
    Found { seconds: i64 },
    /// It stayed below the threshold; `enough` is the highest one that would have found it.
    Below {
        threshold: WattHours,
        enough: WattHours,
    },
    /// It ended, or the story did, before there were enough intervals in a row.
    TooShort { seconds: i64 },
    /// Its meter counts in steps so large that many intervals show no energy.
    Coarse { step: WattHours },
    /// Its meter was silent so often that there were never enough intervals in a row.
    Silent,
    /// No threshold distinguishes it from the room's ordinary use.
    Hidden,
    /// It is not unusual: the room, or the hotel's others, use as much at other times.
    Usual,
}

impl Detection {
    pub fn is_found(self) -> bool {
        matches!(self, Detection::Found { .. })
    }
}

/// The step between thresholds that are tried. Wh.
const STEP: i64 = 10;

/// A trouble's energy is given for this time. Seconds.
const HALF_HOUR: i64 = 1_800;

/// How many intervals the baseline rule needs at least, in vacant rooms and in occupied ones.
const VACANT_PERIODS: i64 = 4;
const HELD_PERIODS: i64 = 6;

/// It judges no occupied room whose meter counts in steps of this. Wh.
const WHOLE_KWH: i64 = 1_000;

impl Report {
    pub(super) fn new(
        played: Played,
        notices: Vec<Notice>,
        until: LocalTime,
        rules: &Rules,
    ) -> Report {
        let Played {
            messages,
            readings,
            rooms,
            outline,
        } = played;
        let Outline {
            troubles,
            moves,
            mut out_of_order,
        } = outline;
        for (_, span) in &mut out_of_order {
            span.until = span.until.min(until);
        }
        let rooms: HashMap<RoomKey, Room> = rooms
            .into_iter()
            .map(|(key, seen)| (key.clone(), seen.looked_back(key, rules.match_seconds)))
            .collect();
        let of_rooms: Vec<&RoomNotice> = notices
            .iter()
            .filter_map(|notice| match notice {
                Notice::Room(notice) => Some(notice),
                Notice::Meters(_) | Notice::Hotel(_) => None,
            })
            .collect();
        let count = |kind| of_rooms.iter().filter(|n| n.kind == kind).count();
        let alerts: Vec<&RoomNotice> = { of_rooms.iter().copied() }
            .filter(|notice| notice.kind == NoticeKind::Alert)
            .collect();
        let of_rule = |rule| {
            let alerts = alerts.iter().copied();
            alerts.filter(move |alert| alert.rule == rule)
        };
        let is_on = rules.baseline.mode == BaselineMode::On;
        let baseline = is_on.then(|| score(of_rule(Rule::Baseline), &troubles, rules));
        let these = Tried {
            thresholds: rules.thresholds,
            score: score(of_rule(Rule::Fixed), &troubles, rules),
        };
        let detections = troubles.iter().map(|outcome| {
            let (key, trouble) = outcome;
            let detection = |rule, missed: fn(&Room, &Trouble, LocalTime, &Rules) -> Detection| {
                if let Some(seconds) = found_after(of_rule(rule), outcome, rules) {
                    return Detection::Found { seconds };
                }
                let room = rooms.get(key);
                room.map_or(Detection::Hidden, |room| {
                    missed(room, trouble, until, rules)
                })
            };
            let detections = Detections {
                thresholds: detection(Rule::Fixed, missed),
                baseline: is_on.then(|| detection(Rule::Baseline, missed_by_baseline)),
            };
            (key.clone(), *trouble, detections)
        });
        let detections: Vec<_> = detections.collect();
        let is_false = |alert: &&RoomNotice| !is_of_any(alert, &troubles, rules);
        let false_alarms = alerts.iter().copied().filter(is_false).cloned().collect();
        Report {
            messages,
            readings,
            rooms: rooms.len(),
            until,
            tried: better(these, &rooms, &detections, rules),
            baseline,
            alerts: count(NoticeKind::Alert),
            reminders: count(NoticeKind::Reminder),
            recovered: count(NoticeKind::Recovered),
            closed: (of_rooms.iter())
                .filter(|n| matches!(n.kind, NoticeKind::Closed(_)))
                .count(),
            of_meters: notices.len() - of_rooms.len(),
            false_alarms,
            troubles: detections,
            moves,
            out_of_order,
        }
    }
}

/// A trouble of a room.
type OfRoom = (RoomKey, Trouble);

/// What alerts find of the troubles.
fn score<'a>(
    alerts: impl Iterator<Item = &'a RoomNotice> + Clone,
    troubles: &[OfRoom],
    rules: &Rules,
) -> Score {
    let found = troubles.iter();
    let found = found.filter_map(|trouble| found_after(alerts.clone(), trouble, rules));
    let mut found: Vec<i64> = found.collect();
    found.sort_unstable();
    let is_false = |alert: &&RoomNotice| !is_of_any(alert, troubles, rules);
    Score {
        found: found.len(),
        after: found.get(found.len().saturating_sub(1) / 2).copied(),
        false_alarms: alerts.filter(is_false).count(),
    }
}

/// How many seconds after its beginning the first alert about a trouble came.
fn found_after<'a>(
    mut alerts: impl Iterator<Item = &'a RoomNotice>,
    (room, trouble): &OfRoom,
    rules: &Rules,
) -> Option<i64> {
    let first = alerts.find(|alert| alert.room == *room && is_of(alert, trouble, rules));
    first.map(|alert| alert.detected.since(trouble.from))
}

fn is_of_any(alert: &RoomNotice, troubles: &[OfRoom], rules: &Rules) -> bool {
    let mut troubles = troubles.iter();
    troubles.any(|(room, trouble)| *room == alert.room && is_of(alert, trouble, rules))
}

/// The most thresholds that are tried, of those that would have found a missed trouble.
const CANDIDATES: usize = 10;

/// These thresholds, then better ones: first with another one for vacant rooms, then for occupied
/// rooms, too. Better is the one that finds most without more false alarms; if none finds more, the
/// threshold stays.
fn better(
    these: Tried,
    rooms: &HashMap<RoomKey, Room>,
    detections: &[(RoomKey, Trouble, Detections)],
    rules: &Rules,
) -> Vec<Tried> {
    let troubles = detections.iter();
    let troubles = troubles.map(|(room, trouble, _)| (room.clone(), *trouble));
    let troubles: Vec<OfRoom> = troubles.collect();
    let mut tried = vec![these];
    let mut best = these;
    for kind in [Kind::Checkout, Kind::Checkin] {
        let below = { detections.iter() }
            .filter(|(_, trouble, _)| trouble.kind == kind)
            .filter_map(|(.., detections)| match detections.thresholds {
                Detection::Below { enough, .. } => Some(enough),
                _ => None,
            });
        let mut candidates: Vec<WattHours> = below.collect();
        candidates.sort();
        candidates.dedup();
        let step = candidates.len().div_ceil(CANDIDATES).max(1);
        let found = candidates.iter().rev().step_by(step).map(|&threshold| {
            let thresholds = with_threshold(best.thresholds, kind, threshold);
            try_out(thresholds, rooms, &troubles, rules)
        });
        let better = found.filter(|Tried { score, .. }| {
            score.false_alarms <= these.score.false_alarms && score.found > best.score.found
        });
        // Of equally good ones the highest: it was tried first.
        let most = |a: Tried, b: Tried| if b.score.found > a.score.found { b } else { a };
        if let Some(found) = better.reduce(most) {
            best = found;
            tried.push(best);
        }
    }
    tried
}

fn with_threshold(thresholds: Thresholds, kind: Kind, threshold: WattHours) -> Thresholds {
    match kind {
        Kind::Checkin => Thresholds {
            checkin: threshold,
            ..thresholds
        },
        Kind::Checkout => Thresholds {
            checkout: threshold,
            ..thresholds
        },
    }
}

/// The rules with these thresholds for all rooms.
fn with_thresholds(thresholds: Thresholds, rules: &Rules) -> Rules {
    Rules {
        thresholds,
        hotel_thresholds: HashMap::new(),
        room_thresholds: HashMap::new(),
        ..rules.clone()
    }
}

fn try_out(
    thresholds: Thresholds,
    rooms: &HashMap<RoomKey, Room>,
    troubles: &[OfRoom],
    rules: &Rules,
) -> Tried {
    let rules = with_thresholds(thresholds, rules);
    let alerts: Vec<RoomNotice> = (rooms.values())
        .flat_map(|room| judge(room, &rules, LocalTime::FIRST))
        .filter(|notice| notice.kind == NoticeKind::Alert)
        .collect();
    Tried {
        thresholds,
        score: score(alerts.iter(), troubles, &rules),
    }
}

/// Whether an alert of the same room is about a trouble: their times overlap, and the room was
/// occupied or vacant in both.
fn is_of(alert: &RoomNotice, trouble: &Trouble, rules: &Rules) -> bool {
    // The interval in which it ended may still be abnormal.
    let last = trouble.until.plus(rules.interval_seconds);
    alert.stay.kind() == trouble.kind && alert.since < last && trouble.from < alert.detected
}

/// Why no threshold, or not this one, found a trouble.
fn missed(room: &Room, trouble: &Trouble, until: LocalTime, rules: &Rules) -> Detection {
    let seconds = trouble.until.min(until).since(trouble.from);
    let needed = i64::from(rules.alert_periods) * rules.interval_seconds;
    if seconds < needed {
        return Detection::TooShort { seconds };
    }
    let finds = |threshold: i64| {
        let threshold = WattHours(threshold * STEP);
        let thresholds = with_threshold(rules.thresholds, trouble.kind, threshold);
        let rules = with_thresholds(thresholds, rules);
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
    // No binary search: with a low threshold all use is one run, which began before the trouble.
    if let Some(enough) = (0..threshold.0 / STEP).rev().find(|&lower| finds(lower)) {
        return Detection::Below {
            threshold,
            enough: WattHours(enough * STEP),
        };
    }
    // Its first and its last interval lie only partly in its time.
    if seconds < needed + rules.interval_seconds {
        return Detection::TooShort { seconds };
    }
    hidden_by_meter(room, trouble, needed, rules).unwrap_or(Detection::Hidden)
}

/// Why the baseline rule did not find a trouble.
fn missed_by_baseline(
    room: &Room,
    trouble: &Trouble,
    until: LocalTime,
    rules: &Rules,
) -> Detection {
    let seconds = trouble.until.min(until).since(trouble.from);
    let periods = match trouble.kind {
        Kind::Checkin => HELD_PERIODS,
        Kind::Checkout => VACANT_PERIODS,
    };
    let needed = periods * rules.interval_seconds;
    // Its first and its last interval lie only partly in its time.
    if seconds < needed + rules.interval_seconds {
        return Detection::TooShort { seconds };
    }
    if trouble.kind == Kind::Checkin
        && let Some(step) = step(&room.readings).filter(|step| step.0 >= WHOLE_KWH)
    {
        return Detection::Coarse { step };
    }
    hidden_by_meter(room, trouble, needed, rules).unwrap_or(Detection::Usual)
}

/// How the meter hides a trouble for which intervals of `needed` seconds in a row are needed.
fn hidden_by_meter(
    room: &Room,
    trouble: &Trouble,
    needed: i64,
    rules: &Rules,
) -> Option<Detection> {
    let readings: Vec<Reading> = (room.readings.iter().copied())
        .filter(|reading| (trouble.from..=trouble.until).contains(&reading.time))
        .collect();
    // A run needs one more reading than it has intervals.
    if longest_without_gap(&readings, rules) < needed {
        return Some(Detection::Silent);
    }
    let used = trouble.per_half_hour.0 * rules.interval_seconds / HALF_HOUR;
    let step = step(&readings).filter(|step| step.0 > used)?;
    Some(Detection::Coarse { step })
}

/// The longest time without a gap between readings. Seconds.
fn longest_without_gap(readings: &[Reading], rules: &Rules) -> i64 {
    let is_near = |a: &Reading, b: &Reading| b.time.since(a.time) <= rules.max_gap_seconds;
    let stretches = readings.chunk_by(is_near);
    let lengths = stretches.filter_map(|stretch| {
        let (first, last) = (stretch.first()?, stretch.last()?);
        Some(last.time.since(first.time))
    });
    lengths.max().unwrap_or(0)
}

/// The largest step that divides all rises of the register; `None` unless some are zero.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Stay;
    use crate::simulator::Appliance;

    const DAY: i64 = 86_400;

    fn start() -> LocalTime {
        LocalTime::parse("2024-03-04 00:00:00").expect("a time")
    }

    /// What became of a trouble of 0.54 kWh a half hour that began at noon and lasted `seconds`.
    /// The room has been vacant since the start and uses `anyway` Wh a half hour; its meter is read
    /// `every` so many seconds, and counts in steps of `step` Wh.
    fn detection(anyway: i64, seconds: i64, every: i64, step: i64) -> Detection {
        let key = RoomKey::new("DEMO", "101");
        let from = start().plus(DAY / 2);
        let trouble = Trouble {
            appliance: Appliance::AirConditioner,
            kind: Kind::Checkout,
            from,
            until: from.plus(seconds),
            per_half_hour: WattHours(540),
            thermostat: None,
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
    fn the_reason_for_a_missed_trouble_is_found() {
        let below = Detection::Below {
            threshold: WattHours(1_500),
            enough: WattHours(580),
        };
        assert_eq!(detection(50, 4 * 3_600, 1_800, 10), below);
        let short = Detection::TooShort { seconds: 5_400 };
        assert_eq!(detection(50, 5_400, 1_800, 10), short);
        let coarse = Detection::Coarse {
            step: WattHours(1_000),
        };
        assert_eq!(detection(0, 10 * 3_600, 1_800, 1_000), coarse);
        assert_eq!(detection(50, 10 * 3_600, 3 * 3_600, 10), Detection::Silent);
    }

    /// Any threshold that would find the trouble would alert hours before it.
    #[test]
    fn ordinary_use_can_hide_a_trouble() {
        assert_eq!(detection(1_600, 4 * 3_600, 1_800, 10), Detection::Hidden);
    }
}
