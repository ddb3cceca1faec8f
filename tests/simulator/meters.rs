use std::collections::BTreeMap;

use roomwatt::simulator::{EventKind, MeterFaults, REGISTER_MODULUS, Scenario, SimulatedEvent};
use roomwatt::types::{LocalTime, Reading, RoomKey};

use crate::{by_room, faultless, scenario, seed};

type Arrivals = Vec<(LocalTime, Reading)>;

fn readings(scenario: &Scenario) -> BTreeMap<RoomKey, Arrivals> {
    let only_readings = |arrivals: Vec<(LocalTime, EventKind)>| {
        arrivals
            .into_iter()
            .filter_map(|(at, kind)| match kind {
                EventKind::Reading(reading) => Some((at, reading)),
                _ => None,
            })
            .collect()
    };
    by_room(scenario.story())
        .into_iter()
        .map(|(room, arrivals)| (room, only_readings(arrivals)))
        .collect()
}

#[test]
fn meters_without_faults_count_upwards() {
    for interval in [1_800, 900, 300, 3_600] {
        let mut scenario = faultless(seed(), 30, 4);
        scenario.world.meters.interval_seconds = interval;
        for (room, arrivals) in readings(&scenario) {
            let expected = 4 * 24 * 3_600 / interval;
            assert!(
                (expected - 1..=expected + 1).contains(&(arrivals.len() as i64)),
                "{room}"
            );
            for (at, reading) in &arrivals {
                assert_eq!(*at, reading.time, "{room}");
                assert_eq!(reading.register.0 % 10, 0, "{room}: {reading:?}");
            }
            for pair in arrivals.windows(2) {
                let [(_, one), (_, next)] = pair else {
                    continue;
                };
                let pause = next.time.since(one.time);
                assert!(
                    (pause - interval).abs() <= interval / 40,
                    "{room}: {pause} s"
                );
                assert!(next.register >= one.register, "{room}: {one:?}, {next:?}");
                // The rules take the rise for plausible, and the register fits its column.
                let most = 6_000 * interval.max(1_800) / 1_800;
                assert!(
                    (next.register - one.register).0 < most,
                    "{room}: {one:?}, {next:?}"
                );
                assert!(next.register < REGISTER_MODULUS);
            }
        }
    }
}

/// The readings with the one fault that `fault` sets, and those without any.
fn with_and_without(
    fault: impl FnOnce(&mut MeterFaults),
) -> (BTreeMap<RoomKey, Arrivals>, BTreeMap<RoomKey, Arrivals>) {
    let mut scenario = faultless(seed(), 40, 6);
    let truth = readings(&scenario);
    fault(&mut scenario.world.meters.faults);
    (readings(&scenario), truth)
}

fn count(rooms: &BTreeMap<RoomKey, Arrivals>) -> usize {
    rooms.values().map(Vec::len).sum()
}

#[test]
fn lost_readings_are_missing_and_the_others_unchanged() {
    let (arrivals, truth) = with_and_without(|faults| faults.gap = 0.02);
    let (count_left, all) = (count(&arrivals), count(&truth));
    assert!(
        count_left > all / 2 && count_left < all,
        "{count_left} of {all}"
    );
    for (room, arrivals) in &arrivals {
        assert!(
            arrivals.iter().all(|reading| truth[room].contains(reading)),
            "{room}"
        );
    }
}

#[test]
fn duplicates_come_twice() {
    let (arrivals, truth) = with_and_without(|faults| faults.duplicate = 0.1);
    assert!(count(&arrivals) > count(&truth));
    for (room, mut arrivals) in arrivals {
        arrivals.dedup();
        assert_eq!(arrivals, truth[&room]);
    }
}

#[test]
fn late_readings_come_after_newer_ones() {
    let (arrivals, truth) = with_and_without(|faults| faults.late = 0.1);
    let mut overtaken = 0;
    for (room, arrivals) in arrivals {
        overtaken += arrivals
            .windows(2)
            .filter(|p| p[0].1.time > p[1].1.time)
            .count();
        assert!(
            arrivals
                .iter()
                .all(|(at, reading)| at.since(reading.time) <= 5_400)
        );
        let mut sorted: Vec<Reading> = arrivals.iter().map(|(_, reading)| *reading).collect();
        sorted.sort_by_key(|reading| reading.time);
        // Readings that would arrive after the end of the story are missing.
        assert!(
            sorted
                .iter()
                .all(|r| truth[&room].iter().any(|(_, t)| t == r)),
            "{room}"
        );
    }
    assert!(overtaken > 100, "only {overtaken}");
}

#[test]
fn outliers_are_zero_or_far_off() {
    let (arrivals, truth) = with_and_without(|faults| faults.outlier = 0.02);
    let mut wrong = 0;
    for (room, arrivals) in arrivals {
        for ((_, reading), (_, truth)) in arrivals.iter().zip(&truth[&room]) {
            assert_eq!(reading.time, truth.time);
            if reading.register != truth.register {
                wrong += 1;
                let off = (reading.register - truth.register).0;
                assert!(
                    reading.register.0 == 0 || off.abs() >= 50_000,
                    "{room}: {reading:?}, {truth:?}"
                );
            }
        }
    }
    assert!(wrong > 100, "only {wrong}");
}

#[test]
fn a_replaced_meter_goes_on_from_its_own_register() {
    let (arrivals, truth) = with_and_without(|faults| faults.replacement = 0.01);
    let mut replaced = 0;
    for (room, arrivals) in arrivals {
        for (pair, truth) in arrivals.windows(2).zip(truth[&room].windows(2)) {
            let used = (pair[1].1.register - pair[0].1.register).0;
            let true_use = (truth[1].1.register - truth[0].1.register).0;
            // Registers are rounded to two decimals: a use may differ by 0.01 kWh.
            replaced += usize::from((used - true_use).abs() > 10);
        }
    }
    assert!((20..400).contains(&replaced), "{replaced}");
}

#[test]
fn some_meters_wrap_and_some_count_whole_kwh() {
    let (arrivals, _) = with_and_without(|faults| faults.about_to_wrap = 1.0);
    let wraps = |arrivals: &Arrivals| {
        arrivals
            .windows(2)
            .any(|p| p[0].1.register.0 > REGISTER_MODULUS.0 * 9 / 10 && p[1].1.register.0 < 10_000)
    };
    let wrapped = arrivals.values().filter(|arrivals| wraps(arrivals)).count();
    assert!(wrapped > 20, "only {wrapped} of 40");

    let (arrivals, truth) = with_and_without(|faults| faults.coarse = 0.5);
    let coarse = |arrivals: &&Arrivals| arrivals.iter().all(|(_, r)| r.register.0 % 1_000 == 0);
    let whole = arrivals.values().filter(coarse).count();
    assert!((8..=32).contains(&whole), "{whole} of 40");
    assert_eq!(truth.values().filter(coarse).count(), 0);
}

#[test]
fn a_dead_gateway_silences_its_hotel() {
    let (arrivals, truth) = with_and_without(|faults| faults.outage = 1.0);
    let lost = count(&truth) - count(&arrivals);
    let late = |arrivals: &Arrivals| arrivals.iter().filter(|(at, r)| *at != r.time).count();
    let late: usize = arrivals.values().map(late).sum();
    println!("{lost} lost, {late} late of {}", count(&truth));
    assert!(lost + late > 40 * 6 * 2, "an hour a day at least");
    for (room, arrivals) in arrivals {
        // What the gateway kept arrives in the order of its times.
        assert!(
            arrivals.windows(2).all(|p| p[0].1.time < p[1].1.time),
            "{room}"
        );
    }
}

#[test]
fn meter_faults_do_not_change_the_guests() {
    let seed = seed();
    let guests = |scenario: Scenario| -> Vec<SimulatedEvent> {
        let mut events: Vec<_> = scenario.story().collect();
        events.retain(|h| !matches!(h.kind, EventKind::Reading(_)));
        events
    };
    assert_eq!(
        guests(scenario(seed, 30, 5)),
        guests(faultless(seed, 30, 5))
    );
}
