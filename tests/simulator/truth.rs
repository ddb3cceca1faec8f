use std::collections::BTreeMap;

use roomwatt::engine::MessageKind;
use roomwatt::simulator::{Appliance, EventKind, Scenario, Trouble, Troubles, World};
use roomwatt::types::{Kind, LocalTime};

use crate::{by_room, faultless, seed, stay_of};

/// Many troubles of each sort.
fn troubled(seed: u64, rooms: u32, days: u32) -> Scenario {
    let mut scenario = faultless(seed, rooms, days);
    for likely in [
        &mut scenario.world.troubles.vacant,
        &mut scenario.world.troubles.occupied,
    ] {
        likely.air_conditioner = 0.15;
        likely.heater = 0.15;
        likely.miner = 0.15;
        likely.car_charger = 0.15;
        likely.heat_pump = 0.15;
    }
    scenario
}

/// Energy of the troubles up to a time: Wh times seconds of half an hour.
fn energy(troubles: &[Trouble], until: LocalTime) -> i64 {
    troubles.iter().map(|t| t.used(t.from, until)).sum()
}

#[test]
fn the_readings_show_each_trouble_and_nothing_else() {
    let scenario = troubled(seed(), 30, 6);
    let calm = Scenario {
        world: World {
            troubles: Troubles::none(),
            ..scenario.world.clone()
        },
        ..scenario.clone()
    };
    let calm = by_room(calm.story());
    let mut seen: BTreeMap<(Kind, Appliance), usize> = BTreeMap::new();
    for (room, events) in by_room(scenario.story()) {
        let mut troubles = Vec::new();
        let mut calm = calm[&room].iter();
        let mut kind = None;
        for (at, event) in events {
            if let EventKind::Trouble(trouble) = event {
                assert_eq!(Some(trouble.kind), kind, "{room}: {trouble:?}");
                assert!(trouble.from < trouble.until, "{room}: {trouble:?}");
                assert_eq!(at, trouble.from);
                *seen.entry((trouble.kind, trouble.appliance)).or_default() += 1;
                troubles.push(trouble);
                continue;
            }
            let (_, otherwise) = calm.next().expect("as many as without troubles");
            match (event, otherwise.clone()) {
                (EventKind::Presence(now), otherwise) => {
                    assert_eq!(EventKind::Presence(now), otherwise, "{room}");
                    kind = Some(now);
                }
                (EventKind::Circumstance(span), otherwise) => {
                    assert_eq!(EventKind::Circumstance(span), otherwise, "{room}");
                }
                (EventKind::Message(message), otherwise) => {
                    assert_eq!(EventKind::Message(message.clone()), otherwise, "{room}");
                    let stay = stay_of(&message).expect("a stay");
                    let ended = troubles
                        .last()
                        .is_none_or(|t: &Trouble| t.until <= stay.time());
                    assert!(ended, "{room}: {troubles:?} goes on beyond {stay:?}");
                    kind = Some(stay.kind());
                }
                (EventKind::Reading(reading), EventKind::Reading(calm)) => {
                    assert_eq!(reading.time, calm.time, "{room}");
                    let more = (reading.register - calm.register).0;
                    let truth = energy(&troubles, reading.time) / 1_800;
                    // Each register is cut to two decimals.
                    assert!(
                        (more - truth).abs() <= 10,
                        "{room} at {at}: {more} of {truth} Wh"
                    );
                }
                (event, calm) => panic!("{room}: {event:?} instead of {calm:?}"),
            }
        }
    }
    assert_eq!(seen.len(), 10, "not each trouble came: {seen:?}");
}

#[test]
fn air_conditioners_stay_on_after_three_check_outs_in_a_hundred() {
    let mut scenario = faultless(seed(), 400, 30);
    scenario.world.meters.interval_seconds = 24 * 3_600;
    let (mut check_outs, mut left_on) = (0.0_f64, 0.0);
    for event in scenario.story() {
        match event.kind {
            EventKind::Message(message) if message.kind == MessageKind::Checkout => {
                check_outs += 1.0
            }
            EventKind::Trouble(trouble)
                if (trouble.kind, trouble.appliance)
                    == (Kind::Checkout, Appliance::AirConditioner) =>
            {
                assert!((500..=750).contains(&trouble.per_half_hour.0));
                left_on += 1.0;
            }
            _ => {}
        }
    }
    let share = left_on / check_outs;
    println!("{share:.4} of {check_outs} check-outs");
    assert!(
        check_outs > 2_000.0 && (share - 0.03).abs() < 0.015,
        "{share}"
    );
}
