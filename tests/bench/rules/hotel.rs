//! A made-up hotel, judged by each of the rules and compared with its truth.

use std::collections::{BTreeMap, HashMap};

use roomwatt::engine::{
    BaselineMode, BaselineRules, Notice, NoticeKind, Rule, Rules, Said, Statuses,
};
use roomwatt::engine::{Stay, Thresholds, pieces};
use roomwatt::review::{Past, backtest};
use roomwatt::simulator::{Appliance, RoomHistory, Scenario, Trouble};
use roomwatt::types::{Kind, LocalTime, RoomKey, WattHours};

use crate::score::{
    Alert, False, Found, LONG, Span, false_alarms, is_false, is_found, is_found_at_all, misuses,
    wastes,
};

/// The rules that are compared; the last one has no threshold.
pub const RULES: [&str; 3] = ["fixed 2.0/1.5", "fixed 2.0/0.3", "baseline"];
pub const DEMANDED: usize = RULES.len() - 1;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// In which time wastes are to be found, and a longer one for those with a thermostat. Seconds.
const IN_TIME: i64 = 5 * HOUR / 2;
const LATER: i64 = 7 * HOUR / 2;
/// How long hotels are new to the rule.
const NEW: i64 = 7 * DAY;

/// What one of the rules has found in hotels.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// Wastes found in time, and within an hour more.
    pub recall: Found,
    pub later: Found,
    /// Of vacant rooms in which really nobody was: in all days, the first seven, and the others.
    pub vacant: False,
    pub first_week: False,
    pub settled: False,
    /// With those in whose runs somebody was in who had checked out, or never checked in: it is not
    /// wrong to tell the staff of them, but nothing was wasted.
    pub with_guests: False,
    /// Troubles of occupied rooms with meters that don't count whole kWh; of miners those that go
    /// on for a day.
    pub misuses: BTreeMap<Appliance, Found>,
    pub occupied: False,
}

impl Score {
    pub fn merge(&mut self, other: &Score) {
        self.recall.merge(other.recall);
        self.later.merge(other.later);
        self.vacant.merge(other.vacant);
        self.first_week.merge(other.first_week);
        self.settled.merge(other.settled);
        self.with_guests.merge(other.with_guests);
        for (appliance, found) in &other.misuses {
            self.misuses.entry(*appliance).or_default().merge(*found);
        }
        self.occupied.merge(other.occupied);
    }

    fn add(&mut self, room: &RoomHistory, stays: &[Stay], alerts: &[Alert], counted: &Counted) {
        let Counted { story, wastes_of } = *counted;
        for waste in wastes(room, wastes_of, story, IN_TIME) {
            self.recall.add(is_found(waste, alerts, IN_TIME));
        }
        for waste in wastes(room, wastes_of, story, LATER) {
            self.later.add(is_found(waste, alerts, LATER));
        }
        let new_until = story.from.plus(NEW).min(story.until);
        let (from, until) = (story.from, story.until);
        let first_week = Span {
            from,
            until: new_until,
        };
        let settled = Span {
            from: new_until,
            until,
        };
        let of = |alerts: &[Alert], kind, span| false_alarms(room, stays, alerts, kind, span);
        let empty: Vec<Alert> = { alerts.iter().copied() }
            .filter(|alert| !is_somebody_in(room, alert))
            .collect();
        self.vacant.merge(of(&empty, Kind::Checkout, story));
        self.first_week
            .merge(of(&empty, Kind::Checkout, first_week));
        self.settled.merge(of(&empty, Kind::Checkout, settled));
        self.with_guests.merge(of(alerts, Kind::Checkout, story));
        if is_fine(room) {
            for misuse in misuses(room, story, story, LONG) {
                let seconds = misuse.until.since(misuse.from);
                if misuse.appliance != Appliance::Miner || seconds >= DAY {
                    let found = self.misuses.entry(misuse.appliance).or_default();
                    found.add(is_found_at_all(misuse, alerts));
                }
            }
            self.occupied.merge(of(alerts, Kind::Checkin, story));
        }
    }
}

/// What of a story counts.
#[derive(Clone, Copy)]
struct Counted {
    story: Span,
    /// When wastes begin that are to be found.
    wastes_of: Span,
}

/// Whether somebody was really in while the run of an alert went on.
fn is_somebody_in(room: &RoomHistory, alert: &Alert) -> bool {
    let mut spans = room.presence.iter();
    spans.any(|span| {
        span.kind == Kind::Checkin && span.from < alert.detected && alert.since < span.until
    })
}

fn is_fine(room: &RoomHistory) -> bool {
    let mut readings = room.readings.iter();
    readings.any(|reading| reading.register.0 % 1_000 != 0)
}

fn rules() -> [Rules; RULES.len()] {
    let fixed = Rules::default();
    let lower = Rules {
        thresholds: Thresholds {
            checkout: WattHours(300),
            ..fixed.thresholds
        },
        ..fixed.clone()
    };
    let baseline = Rules {
        baseline: BaselineRules {
            mode: BaselineMode::On,
            ..fixed.baseline
        },
        ..fixed.clone()
    };
    [fixed, lower, baseline]
}

/// The alerts that each of the rules raises in a past.
pub fn alerts(past: &Past) -> [HashMap<RoomKey, Vec<Alert>>; RULES.len()] {
    let mut alerts: [HashMap<RoomKey, Vec<Alert>>; RULES.len()] = Default::default();
    for finding in backtest(past, &rules()) {
        let Notice::Room(notice) = finding.notice else {
            continue;
        };
        let is_of_rule = (notice.rule == Rule::Baseline) == (finding.rule == DEMANDED);
        if is_of_rule && notice.kind == NoticeKind::Alert {
            let of_room = alerts[finding.rule].entry(notice.room).or_default();
            of_room.push(Alert {
                kind: notice.stay.kind(),
                since: notice.since,
                detected: notice.detected,
            });
        }
    }
    alerts
}

/// Judges the scenario's hotels. Wastes are counted that begin on its first `waste_days`. Where
/// `shows`, what the demanded rule has missed or alerted falsely is printed.
pub fn judge(scenario: &Scenario, waste_days: u32, shows: bool) -> [Score; RULES.len()] {
    let history = scenario.history();
    let (from, until) = (scenario.start, scenario.end());
    let wastes_until = from.plus(i64::from(waste_days) * DAY).min(until);
    let counted = Counted {
        story: Span { from, until },
        wastes_of: Span {
            from,
            until: wastes_until,
        },
    };
    let match_seconds = Rules::default().match_seconds;
    let mut past = Past::new(LocalTime::FIRST);
    for room in &history.rooms {
        let stays = pieces(&room.said, match_seconds);
        for stay in &stays {
            past.add_stay(room.key.clone(), *stay);
        }
        let Some(place) = past.place(room.key.hotel_id.as_str(), room.key.room_number.as_str())
        else {
            continue;
        };
        let changes = room.said.iter().filter_map(Said::status);
        past.add_statuses(&room.key, &Statuses::of_past(changes));
        for reading in &room.readings {
            past.add_reading(place, *reading);
        }
    }
    let past = past.sorted();
    let alerts = alerts(&past);
    let mut scores: [Score; RULES.len()] = Default::default();
    for room in &history.rooms {
        let stays = past.room(&room.key).map_or(&[][..], |room| &room.stays);
        for (score, alerts) in scores.iter_mut().zip(&alerts) {
            let alerts = alerts.get(&room.key).map_or(&[][..], Vec::as_slice);
            score.add(room, stays, alerts, &counted);
        }
        if shows {
            let alerts = alerts[DEMANDED]
                .get(&room.key)
                .map_or(&[][..], Vec::as_slice);
            show(room, alerts, &counted);
        }
    }
    scores
}

/// Prints what was missed and what was alerted falsely, with what is known about it.
fn show(room: &RoomHistory, alerts: &[Alert], counted: &Counted) {
    let Counted { story, wastes_of } = *counted;
    let is_fine = is_fine(room);
    let print = |what: &str, from: LocalTime, until: LocalTime, detail: String| {
        let spans = room.circumstances.iter();
        let about = spans.filter(|span| span.from < until && from < span.until);
        let about: Vec<&str> = about.map(|span| span.what.as_str()).collect();
        let meter = if is_fine { "fine" } else { "coarse" };
        println!(
            "{what} {} {from} {until} {meter} {detail} {about:?}",
            room.key
        );
    };
    let is_missed = |waste: &&Trouble| !is_found(waste, alerts, IN_TIME);
    for waste in wastes(room, wastes_of, story, IN_TIME).filter(is_missed) {
        let wh = waste.per_half_hour;
        let next = alerts.iter().find(|alert| alert.detected > waste.from);
        let detail = format!("{wh:?} next {:?}", next.map(|alert| alert.detected));
        print("missed", waste.from, waste.until, detail);
    }
    let is_missed = |misuse: &&Trouble| is_fine && !is_found_at_all(misuse, alerts);
    for misuse in misuses(room, story, story, LONG).filter(is_missed) {
        let what = misuse.appliance.as_str().to_string();
        print("missed-occupied", misuse.from, misuse.until, what);
    }
    for alert in alerts.iter().filter(|alert| is_false(alert, room)) {
        let detail = format!("day {}", alert.detected.since(story.from) / DAY + 1);
        let what = match alert.kind {
            Kind::Checkout => "false",
            Kind::Checkin => "false-occupied",
        };
        print(what, alert.since, alert.detected, detail);
    }
}
