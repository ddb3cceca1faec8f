//! The made-up hotels: what a story promises, and what the rules make of it.

mod engine;
mod files;
mod frozen;
mod meters;
#[path = "../bench/rules/score.rs"]
#[allow(dead_code)] // the bench uses the rest
mod score;
mod scoring;
mod truth;
mod worlds;

use std::collections::{BTreeMap, HashMap};

use roomwatt::engine::{Event, Fact, MessageFormat, MessageKind, Parsed, Said, Stay};
use roomwatt::simulator::{EventKind, MeterFaults, Scenario, SimulatedEvent, Troubles};
use roomwatt::types::{HotelId, Kind, LocalTime, RoomKey, Zone};

/// Today's seed, printed.
fn seed() -> u64 {
    let seed = std::env::var("ROOMWATT_SIMULATOR_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().expect("a seed"));
    println!("ROOMWATT_SIMULATOR_SEED={seed}");
    seed
}

fn time(text: &str) -> LocalTime {
    LocalTime::parse(text).expect("a time")
}

fn hotels(count: u32) -> Vec<HotelId> {
    (1..=count)
        .map(|n| HotelId::new(&format!("SIM-{n}")))
        .collect()
}

/// An ordinary hotel from a midnight on.
fn scenario(seed: u64, rooms: u32, days: u32) -> Scenario {
    Scenario::new(seed, hotels(1), rooms, time("2023-04-10 00:00:00"), days)
}

/// The same with meters without faults.
fn faultless(seed: u64, rooms: u32, days: u32) -> Scenario {
    let mut scenario = scenario(seed, rooms, days);
    scenario.world.meters.faults = MeterFaults::none();
    scenario
}

/// Faults and troubles in every room, every day.
fn rough(seed: u64, rooms: u32, days: u32) -> Scenario {
    let mut scenario = scenario(seed, rooms, days);
    scenario.world.meters.faults = MeterFaults {
        gap: 0.01,
        duplicate: 0.02,
        late: 0.02,
        outlier: 0.01,
        replacement: 0.005,
        coarse: 0.3,
        about_to_wrap: 0.3,
        outage: 0.5,
    };
    for likely in [
        &mut scenario.world.troubles.vacant,
        &mut scenario.world.troubles.occupied,
    ] {
        likely.heater = 0.3;
        likely.heat_pump = 0.3;
        likely.miner = 0.1;
    }
    scenario
}

fn by_room(
    story: impl Iterator<Item = SimulatedEvent>,
) -> BTreeMap<RoomKey, Vec<(LocalTime, EventKind)>> {
    let mut rooms: BTreeMap<RoomKey, Vec<_>> = BTreeMap::new();
    for SimulatedEvent { at, room, kind } in story {
        rooms.entry(room).or_default().push((at, kind));
    }
    rooms
}

/// The stay that a check-in or a check-out says.
fn stay_of(event: &Event) -> Option<Stay> {
    let [(_, Said::Fact(fact))] = &event.rooms[..] else {
        return None;
    };
    match (event.kind, fact) {
        (MessageKind::Checkin, Fact::Arrival(arrival)) => Some(Stay::Occupied {
            check_in: arrival.since,
            expected_checkout: arrival.expected,
        }),
        (MessageKind::Checkout, Fact::Departure(departure)) => Some(Stay::Vacant {
            actual_checkin: departure.checkin,
            actual_checkout: departure.until,
        }),
        _ => None,
    }
}

/// What is known of an event, as the first version of stories had it; it had no other truth than
/// that of troubles.
fn shown(event: &SimulatedEvent) -> Option<String> {
    let kind = match &event.kind {
        EventKind::Message(message) => {
            format!("Message({:?})", stay_of(message).expect("a stay"))
        }
        EventKind::Reading(reading) => format!("Reading({reading:?})"),
        EventKind::Trouble(trouble) => format!(
            "Trouble(Trouble {{ appliance: {:?}, kind: {:?}, from: {:?}, until: {:?}, \
             per_half_hour: {:?} }})",
            trouble.appliance, trouble.kind, trouble.from, trouble.until, trouble.per_half_hour
        ),
        EventKind::Presence(_) | EventKind::Circumstance(_) => return None,
    };
    let (at, room) = (event.at, &event.room);
    Some(format!(
        "SimulatedEvent {{ at: {at:?}, room: {room:?}, kind: {kind} }}\n"
    ))
}

/// FNV-1a of all that a story says.
fn digest(scenario: &Scenario) -> u64 {
    fnv(scenario.story().filter_map(|event| shown(&event)))
}

fn fnv(lines: impl Iterator<Item = String>) -> u64 {
    let bytes = lines.flat_map(String::into_bytes);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[test]
fn a_scenario_has_one_story() {
    let seed = seed();
    let scenario = rough(seed, 12, 5);
    assert_eq!(digest(&scenario), digest(&scenario.clone()));
    assert_ne!(digest(&scenario), digest(&rough(seed ^ 1, 12, 5)));
    // The same on every machine. A change of the model needs a new number here.
    assert_eq!(digest(&rough(1, 12, 5)), GOLDEN);
}

const GOLDEN: u64 = 13_081_327_932_521_530_312;

#[test]
fn a_story_is_in_order_and_within_its_time() {
    let scenario = rough(seed(), 15, 4);
    let mut last = scenario.start;
    let mut count = 0;
    for event in scenario.story() {
        assert!(last <= event.at, "{event:?} after {last}");
        last = event.at;
        count += 1;
        match event.kind {
            EventKind::Reading(reading) => {
                assert!(scenario.start <= reading.time && reading.time <= last)
            }
            EventKind::Message(message) => {
                let stay = stay_of(&message).expect("a stay");
                assert!(stay.time() == last || last == scenario.start)
            }
            EventKind::Trouble(trouble) => assert_eq!(trouble.from, last),
            EventKind::Presence(_) | EventKind::Circumstance(_) => {}
        }
    }
    assert!(last < scenario.end());
    assert!(count > 15 * 4 * 20, "only {count}");
}

#[test]
fn a_larger_scenario_contains_the_smaller_one() {
    let seed = seed();
    let small = rough(seed, 5, 3);
    let events: Vec<SimulatedEvent> = small.story().collect();

    let rooms: Vec<RoomKey> = small.rooms_of(&small.hotels[0]).collect();
    let more_rooms = Scenario {
        rooms: 40,
        ..small.clone()
    };
    let of_these: Vec<_> = more_rooms
        .story()
        .filter(|h| rooms.contains(&h.room))
        .collect();
    assert_eq!(of_these, events);

    let more_hotels = Scenario {
        hotels: hotels(3),
        ..small.clone()
    };
    let of_these: Vec<_> = more_hotels
        .story()
        .filter(|h| rooms.contains(&h.room))
        .collect();
    assert_eq!(of_these, events);

    let more_days = Scenario {
        days: 6,
        ..small.clone()
    };
    let of_these: Vec<_> = more_days
        .story()
        .take_while(|h| h.at < small.end())
        .collect();
    assert_eq!(of_these, events);
}

#[test]
fn rooms_have_different_numbers() {
    let scenario = scenario(1, 45, 1);
    let numbers: Vec<String> = scenario
        .rooms_of(&scenario.hotels[0])
        .map(|room| room.room_number.to_string())
        .collect();
    assert_eq!(
        [&numbers[0], &numbers[19], &numbers[20], &numbers[44]],
        ["101", "120", "201", "305"]
    );
    let events = by_room(scenario.story());
    assert_eq!(events.len(), 45);
}

#[test]
fn messages_alternate_and_are_accepted_by_the_service() {
    let scenario = rough(seed(), 60, 7);
    let mut format = MessageFormat {
        types: Default::default(),
        statuses: Default::default(),
        fields: Default::default(),
        zone: Zone::named("Asia/Shanghai").expect("a zone"),
        max_ahead_seconds: 0,
        match_seconds: 0,
    };
    format.fields.hotel_id = "dept_code".into();
    format.types.known = vec![
        ("in".into(), MessageKind::Checkin),
        ("left".into(), MessageKind::Checkout),
    ];
    let mut last: HashMap<RoomKey, Stay> = HashMap::new();
    let mut count = 0;
    for SimulatedEvent { at, room, kind } in scenario.story() {
        let EventKind::Message(event) = kind else {
            continue;
        };
        count += 1;
        let stay = stay_of(&event).expect("a stay");
        let body = format.write(&event).expect("a body");
        assert_eq!(
            format.parse(body.as_bytes(), Some(at)),
            Parsed::Event(event),
            "{body}"
        );
        if let Some(before) = last.insert(room, stay) {
            assert_ne!(before.kind(), stay.kind(), "{before:?}, then {stay:?}");
            assert!(before.time() < stay.time(), "{before:?}, then {stay:?}");
            if let Stay::Vacant { actual_checkin, .. } = stay {
                assert_eq!(actual_checkin, Some(before.time()));
            }
        } else {
            assert_eq!(
                at, scenario.start,
                "every room has its message at the start"
            );
        }
    }
    assert_eq!(last.len(), 60);
    assert!(count > 60 * 3, "only {count} messages");
}

#[test]
fn two_thirds_of_the_nights_are_sold() {
    for occupancy in [0.68, 0.3, 0.95] {
        let mut scenario = faultless(seed(), 300, 20);
        scenario.world.occupancy = occupancy;
        scenario.world.meters.interval_seconds = 24 * 3_600;
        let mut nights = 0;
        for (_, events) in by_room(scenario.story()) {
            let stays: Vec<Stay> = events
                .iter()
                .filter_map(|(_, kind)| match kind {
                    EventKind::Message(message) => stay_of(message),
                    _ => None,
                })
                .collect();
            nights += (0..20)
                .map(|day| scenario.start.plus(day * 24 * 3_600 + 3_600))
                .filter(|&night| {
                    let now = stays.iter().rfind(|stay| stay.time() <= night);
                    now.is_some_and(|stay| stay.kind() == Kind::Checkin)
                })
                .count();
        }
        let share = nights as f64 / (300.0 * 20.0);
        println!("occupied: {share:.3} of the nights, wanted {occupancy}");
        assert!(
            (share - occupancy).abs() < 0.04,
            "{share} instead of {occupancy}"
        );
    }
}

#[test]
fn without_probabilities_there_are_no_troubles_and_faults() {
    let mut scenario = faultless(seed(), 50, 10);
    scenario.world.troubles = Troubles::none();
    assert!(
        scenario
            .story()
            .all(|h| !matches!(h.kind, EventKind::Trouble(_)))
    );
}
