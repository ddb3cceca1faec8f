use std::collections::{BTreeMap, BTreeSet};

use roomwatt::engine::{NoticeKind, RoomNotice, Rules};
use roomwatt::review::{Room, judge};
use roomwatt::simulator::{Appliance, EventKind, MeterFaults, REGISTER_MODULUS, Scenario, Trouble};
use roomwatt::types::{Kind, LocalTime, RoomKey};

use crate::{by_room, faultless, scenario, seed, stay_of};

type Judged = BTreeMap<RoomKey, (Vec<Trouble>, Vec<RoomNotice>)>;

/// Each room's troubles and alerts.
fn judged(scenario: &Scenario) -> Judged {
    let rules = Rules {
        register_modulus: Some(REGISTER_MODULUS),
        ..Rules::default()
    };
    let judged = by_room(scenario.story()).into_iter().map(|(key, events)| {
        let mut room = Room::new(key.clone());
        let mut troubles = Vec::new();
        for (_, kind) in events {
            match kind {
                EventKind::Message(message) => room.stays.extend(stay_of(&message)),
                EventKind::Reading(reading) => room.readings.push(reading),
                EventKind::Trouble(trouble) => troubles.push(trouble),
                EventKind::Presence(_) | EventKind::Circumstance(_) => {}
            }
        }
        let mut notices = judge(&room.sorted(), &rules, LocalTime::FIRST);
        notices.retain(|notice| notice.kind == NoticeKind::Alert);
        (key, (troubles, notices))
    });
    judged.collect()
}

/// Whether an alert is about a trouble.
fn is_about(notice: &RoomNotice, trouble: &Trouble) -> bool {
    notice.since < trouble.until && trouble.from < notice.detected
}

fn false_alarms(judged: &Judged) -> Vec<&RoomNotice> {
    judged
        .values()
        .flat_map(|(troubles, notices)| {
            notices
                .iter()
                .filter(|notice| !troubles.iter().any(|trouble| is_about(notice, trouble)))
        })
        .collect()
}

#[test]
fn ordinary_rooms_raise_no_alerts() {
    let seed = seed();
    for (scenario, what) in [
        (faultless(seed, 250, 20), "faultless meters"),
        (scenario(seed, 250, 20), "ordinary meters"),
    ] {
        let judged = judged(&scenario);
        let wrong = false_alarms(&judged);
        println!("{what}: {} false alarms in 5000 room days", wrong.len());
        // One in a thousand room days would be ten times what a hotel can bear.
        assert!(wrong.len() <= 1, "{what}: {wrong:#?}");
    }
}

#[test]
fn troubles_above_the_thresholds_are_found_and_none_below() {
    let mut scenario = faultless(seed(), 250, 20);
    scenario.world.meters.faults = MeterFaults::none();
    let mut found: BTreeMap<(Kind, Appliance), (u32, u32)> = BTreeMap::new();
    for (room, (troubles, notices)) in judged(&scenario) {
        for trouble in troubles {
            let alerts: BTreeSet<_> = notices
                .iter()
                .filter(|n| is_about(n, &trouble))
                .map(|n| n.detected)
                .collect();
            let counts = found.entry((trouble.kind, trouble.appliance)).or_default();
            counts.0 += u32::from(!alerts.is_empty());
            counts.1 += 1;
            let seconds = trouble.until.min(scenario.end()).since(trouble.from);
            match trouble.appliance {
                Appliance::HeatPump if seconds >= 5 * 1_800 + 300 => {
                    assert!(!alerts.is_empty(), "{room}: {trouble:?} was missed");
                    let after = alerts.first().expect("one").since(trouble.from);
                    assert!(
                        after <= 5 * 1_800 + 300,
                        "{room}: {trouble:?} after {after} s"
                    );
                }
                Appliance::AirConditioner => {
                    assert!(alerts.is_empty(), "{room}: {trouble:?} {alerts:?}")
                }
                _ => {}
            }
        }
    }
    println!("found, of all: {found:?}");
    assert!(
        found[&(Kind::Checkout, Appliance::HeatPump)].0 > 3,
        "{found:?}"
    );
    assert!(
        found[&(Kind::Checkout, Appliance::AirConditioner)].1 > 10,
        "{found:?}"
    );
}
