use std::collections::{BTreeMap, BTreeSet};

use roomwatt::engine::{NoticeKind, RoomNotice, Rules};
use roomwatt::review::{Room, judge};
use roomwatt::simulator::{Appliance, MeterFaults, REGISTER_MODULUS, Scenario, Trouble, What};
use roomwatt::types::{Kind, LocalTime, RoomKey};

use crate::{by_room, honest, scenario, seed};

type Judged = BTreeMap<RoomKey, (Vec<Trouble>, Vec<RoomNotice>)>;

/// Each room's troubles and alerts.
fn judged(scenario: &Scenario) -> Judged {
    let rules = Rules {
        register_modulus: Some(REGISTER_MODULUS),
        ..Rules::default()
    };
    let judged = by_room(scenario.story()).into_iter().map(|(key, told)| {
        let mut room = Room::new(key.clone());
        let mut troubles = Vec::new();
        for (_, what) in told {
            match what {
                What::Message(stay) => room.stays.push(stay),
                What::Reading(reading) => room.readings.push(reading),
                What::Trouble(trouble) => troubles.push(trouble),
            }
        }
        let mut notices = judge(&room.sorted(), &rules, LocalTime::FIRST);
        notices.retain(|notice| notice.kind == NoticeKind::Alert);
        (key, (troubles, notices))
    });
    judged.collect()
}

/// Whether an alert tells of a trouble.
fn tells_of(notice: &RoomNotice, trouble: &Trouble) -> bool {
    notice.since < trouble.until && trouble.from < notice.detected
}

fn false_alarms(judged: &Judged) -> Vec<&RoomNotice> {
    judged
        .values()
        .flat_map(|(troubles, notices)| {
            notices
                .iter()
                .filter(|notice| !troubles.iter().any(|trouble| tells_of(notice, trouble)))
        })
        .collect()
}

#[test]
fn ordinary_rooms_alarm_nobody() {
    let seed = seed();
    for (scenario, what) in [
        (honest(seed, 250, 20), "honest meters"),
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
fn what_is_beyond_the_thresholds_is_found_and_nothing_below_them() {
    let mut scenario = honest(seed(), 250, 20);
    scenario.meters.faults = MeterFaults::none();
    let mut found: BTreeMap<(Kind, Appliance), (u32, u32)> = BTreeMap::new();
    for (room, (troubles, notices)) in judged(&scenario) {
        for trouble in troubles {
            let told: BTreeSet<_> = notices
                .iter()
                .filter(|n| tells_of(n, &trouble))
                .map(|n| n.detected)
                .collect();
            let counts = found.entry((trouble.kind, trouble.appliance)).or_default();
            counts.0 += u32::from(!told.is_empty());
            counts.1 += 1;
            let seconds = trouble.until.min(scenario.end()).since(trouble.from);
            match trouble.appliance {
                Appliance::HeatPump if seconds >= 5 * 1_800 + 300 => {
                    assert!(!told.is_empty(), "{room}: {trouble:?} was missed");
                    let after = told.first().expect("one").since(trouble.from);
                    assert!(
                        after <= 5 * 1_800 + 300,
                        "{room}: {trouble:?} after {after} s"
                    );
                }
                Appliance::AirConditioner => {
                    assert!(told.is_empty(), "{room}: {trouble:?} {told:?}")
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
