//! What a room's explanation shows, against the oracle: each number of each interval.

use std::collections::BTreeMap;

use roomwatt::engine::baseline::{BaseOf, EventKind, Finding};
use roomwatt::engine::{BaselineMode, BaselineRules, Rules, pieces};
use roomwatt::review::{Assessed, Because, Chapter, Past, Verdict, explain_in_hotel};
use roomwatt::simulator::{REGISTER_MODULUS, Scenario, World};
use roomwatt::types::{HotelId, Kind, LocalTime, RoomNumber};

use crate::oracle::{self, Event, Hotel, Interval, NoticeKind, Working};

fn rules() -> Rules {
    Rules {
        register_modulus: Some(REGISTER_MODULUS),
        baseline: BaselineRules::default(),
        ..Rules::default()
    }
}

/// What the database would have of a made-up hotel.
fn past(world: &str) -> Past {
    let start = LocalTime::parse("2023-01-10 00:00:00").expect("a time");
    let scenario = Scenario::new(7, vec![HotelId::new("SIM-1")], 24, start, 8);
    let scenario = scenario.in_world(World::named(world).expect("a world"));
    let mut past = Past::new(LocalTime::FIRST);
    for room in scenario.history().rooms {
        for stay in pieces(&room.said, rules().match_seconds) {
            past.add_stay(room.key.clone(), stay);
        }
        let key = &room.key;
        let place = past.place(key.hotel_id.as_str(), key.room_number.as_str());
        for reading in room.readings {
            past.add_reading(place.expect("every room has a message"), reading);
        }
    }
    past.sorted()
}

/// What the oracle is given of a room: what the thresholds' rule has judged.
fn events(chapters: &[Chapter]) -> Vec<Event> {
    let mut events = Vec::new();
    for (watch, chapter) in (0..).zip(chapters) {
        for line in &chapter.lines {
            if line.reason.meter_changed {
                events.push(Event::Break);
            }
            match line.verdict {
                Verdict::Gap | Verdict::OutOfOrder => events.push(Event::Break),
                Verdict::AcrossStay => events.push(Event::AcrossStay),
                Verdict::Zero | Verdict::Abnormal | Verdict::Normal => {
                    let judged = line.assessed.expect("each judged interval").interval;
                    assert_eq!(judged.ended, line.reading.time);
                    events.push(Event::Interval(Interval {
                        kind: match chapter.stay.kind() {
                            Kind::Checkin => oracle::Kind::Occupied,
                            Kind::Checkout => oracle::Kind::Vacant,
                        },
                        watch,
                        stay_time: chapter.stay.time(),
                        opened: judged.opened,
                        ended: judged.ended,
                        periods: judged.periods,
                        seconds: judged.ended.since(judged.opened),
                        energy: judged.energy,
                        fine: judged.is_fine,
                    }));
                }
                _ => assert_eq!(line.assessed, None),
            }
        }
    }
    events
}

fn compare(working: &Working, shown: &Assessed, because: &mut BTreeMap<String, usize>) {
    let verdict = &shown.verdict;
    let what = format!("{working:#?}\n{shown:#?}");
    assert_eq!(verdict.used, working.x, "{what}");
    assert_eq!(verdict.base, working.base, "{what}");
    let floors = [verdict.vacant_floor, verdict.occupied_floor].map(|it| it.map(i64::from));
    assert_eq!(
        floors,
        [working.vacant_floor, working.occupied_floor],
        "{what}"
    );
    assert_eq!(i64::from(verdict.peers.base), working.hotel_base, "{what}");
    assert_eq!(
        i64::from(verdict.peers.common),
        working.common_excess,
        "{what}"
    );
    // Which of the numbers beside it the base is.
    let of = match verdict.base_of {
        BaseOf::Vacant => working.vacant_floor,
        BaseOf::Occupied => working.occupied_floor,
        BaseOf::Hotel => Some(working.hotel_base),
        BaseOf::AboveHotel => Some(working.hotel_base + 100),
    };
    assert_eq!(of, Some(verdict.base), "{what}");
    match verdict.kind {
        Finding::Vacant {
            tolerance,
            step,
            account,
            held_until,
            ..
        } => {
            let expected = working.account.as_ref().expect("a vacant room");
            assert_eq!(
                (tolerance, step),
                (expected.allowed, expected.step),
                "{what}"
            );
            assert_eq!(account, expected.after.excess, "{what}");
            assert_eq!(held_until.is_some(), expected.held, "{what}");
        }
        Finding::Occupied { least, limit, .. } => {
            let expected = working.level.as_ref().expect("an occupied room");
            assert_eq!(least.map(i64::from), expected.least, "{what}");
            assert_eq!(limit, expected.limit.map(|(_, limit)| limit), "{what}");
        }
    }
    let expected = working.notice.as_ref().map(|notice| match notice.kind {
        NoticeKind::Alert => EventKind::Alert,
        NoticeKind::Reminder => EventKind::Reminder,
        NoticeKind::Recovered => EventKind::Recovered,
    });
    let found = match shown.because {
        Because::Event(event) => Some(event.kind),
        _ => None,
    };
    assert_eq!(found, expected, "{what}");
    let name = format!("{:?}", shown.because);
    let name = name.split([' ', '(']).next().unwrap_or_default();
    *because.entry(name.to_owned()).or_default() += 1;
}

#[test]
fn a_room_is_explained_by_the_numbers_of_the_oracle() {
    let mut because = BTreeMap::new();
    for world in ["harder", "whole-kwh", "partial-snap", "server-rooms"] {
        let past = past(world);
        let explained = |key| explain_in_hotel(&past, key, LocalTime::FIRST, &rules());
        let rooms: BTreeMap<RoomNumber, Vec<Chapter>> = { past.rooms().iter() }
            .map(|room| (room.key.room_number.clone(), explained(&room.key)))
            .map(|(number, chapters)| (number, chapters.expect("a room")))
            .collect();
        let hotel = Hotel {
            rooms: { rooms.iter() }
                .map(|(number, chapters)| (number.clone(), events(chapters)))
                .collect(),
        };
        let workings = oracle::evaluate(&oracle::Rules::default(), &hotel).workings;
        let mut shown = BTreeMap::new();
        for (number, chapters) in &rooms {
            let lines = chapters.iter().flat_map(|chapter| &chapter.lines);
            let assessed = lines.filter_map(|line| line.assessed);
            shown.extend(assessed.map(|it| ((number.clone(), it.interval.ended), it)));
        }
        assert!(workings.len() > 5_000, "{world}: {}", workings.len());
        assert_eq!(workings.len(), shown.len(), "{world}");
        for working in &workings {
            let at = (working.room.clone(), working.ended);
            compare(working, &shown[&at], &mut because);
        }
    }
    println!("{because:#?}");
    for reason in [
        "Alerted",
        "Coarse",
        "Emptied",
        "Event",
        "Falls",
        "Grows",
        "Held",
        "TooFewIntervals",
        "TooFewPeriods",
        "TooFewRooms",
        "UntilUsual",
        "Usual",
    ] {
        assert!(because.contains_key(reason), "never {reason}");
    }
}

#[test]
fn where_the_rule_is_off_nothing_is_shown_of_it() {
    let past = past("today");
    let mut off = rules();
    off.baseline.mode = BaselineMode::Off;
    let key = &past.rooms()[0].key;
    let chapters = explain_in_hotel(&past, key, LocalTime::FIRST, &off).expect("a room");
    let mut lines = chapters.iter().flat_map(|chapter| &chapter.lines);
    assert!(lines.all(|line| line.assessed.is_none()));
}
