//! The rules on real registers of homes: days of absence are taken for vacancies, and an appliance
//! of 0.3 kWh in half an hour is added to them.
//!
//! The file has the columns `meter_id`, `reading_time` and `cumulative_kwh`. A day of absence is
//! one in which no half hour used more than [`ABSENT`]; days in a row are one absence. In between a
//! new guest comes every two days. All homes are rooms of one hotel. Each appliance is added in a
//! past of its own.

use std::collections::BTreeMap;
use std::path::Path;

use roomwatt::engine::Stay;
use roomwatt::review::Past;
use roomwatt::types::{Kind, LocalTime, Reading, RoomKey, WattHours};

use crate::hotel::{DEMANDED, alerts};
use crate::score::{Alert, False, Found};

/// What an empty home uses in half an hour at most, in Wh.
const ABSENT: i64 = 250;
/// What is added, in Wh a half hour.
const ADDED: i64 = 300;
const HALF_HOUR: i64 = 1_800;
const DAY: i64 = 86_400;
/// In which time it is to be found.
const IN_TIME: i64 = 5 * HALF_HOUR;
/// For so many nights each guest stays, so that stays are no longer than in a hotel.
const NIGHTS: i64 = 2;
/// When appliances are added, in seconds from the beginning of each day of absence.
const BEGINNINGS: [i64; 4] = [0, 5 * 3_600, 11 * 3_600, 17 * 3_600];
/// For how long they are on.
const ON: i64 = 6 * 3_600;

struct Home {
    key: RoomKey,
    readings: Vec<Reading>,
    stays: Vec<Stay>,
    /// The beginning of each day of absence.
    days: Vec<LocalTime>,
}

/// Prints what the baseline rule makes of the homes of a file.
pub fn print(file: &Path) {
    let homes = read(file);
    let found_by = |alerts: &[Alert], from: LocalTime| {
        let last = from.plus(IN_TIME);
        let mut alerts = alerts.iter();
        alerts.any(|alert| {
            alert.kind == Kind::Checkout && from < alert.detected && alert.detected <= last
        })
    };
    let as_it_was = alerts(&past(&homes, None));
    println!("\nReal registers of {} homes", homes.len());
    for (at, home) in homes.iter().enumerate() {
        let of_home = as_it_was[DEMANDED].get(&home.key);
        let of_home = of_home.map_or(&[][..], Vec::as_slice);
        let of_kind = |kind| of_home.iter().filter(|alert| alert.kind == kind).count() as u64;
        let vacant = False {
            alarms: of_kind(Kind::Checkout),
            seconds: home.days.len() as i64 * DAY,
        };
        let mut found = Found::default();
        for from in home
            .days
            .iter()
            .flat_map(|day| BEGINNINGS.map(|after| day.plus(after)))
        {
            let with = alerts(&past(&homes, Some((at, from))));
            let of_home = with[DEMANDED].get(&home.key);
            found.add(found_by(of_home.map_or(&[][..], Vec::as_slice), from));
        }
        println!(
            "{}: {} days of absence in {} parts: {} of {} found, {} false alarms; \
             {} alerts in {} occupied days",
            home.key,
            home.days.len(),
            home.stays
                .iter()
                .filter(|stay| stay.kind() == Kind::Checkout)
                .count(),
            found.found,
            found.all,
            vacant.alarms,
            of_kind(Kind::Checkin),
            home.readings.len() as i64 / 48 - home.days.len() as i64,
        );
    }
}

fn read(file: &Path) -> Vec<Home> {
    let mut csv = csv::Reader::from_path(file).expect("the file of registers");
    let mut homes: BTreeMap<String, Vec<Reading>> = BTreeMap::new();
    for record in csv.records() {
        let record = record.expect("a record");
        let kwh: f64 = record[2].parse().expect("a register");
        homes
            .entry(record[0].to_string())
            .or_default()
            .push(Reading {
                time: LocalTime::parse(&record[1]).expect("a time"),
                register: WattHours((kwh * 1_000.0).round() as i64),
            });
    }
    let homes = homes.into_iter();
    homes
        .map(|(name, readings)| home(&name, readings))
        .collect()
}

fn home(name: &str, readings: Vec<Reading>) -> Home {
    // By the beginning of the day: the half hours of it, and the most that one has used.
    let mut used: BTreeMap<LocalTime, (u32, i64)> = BTreeMap::new();
    for pair in readings.windows(2) {
        let from = pair[0].time;
        let day = from.plus(-from.seconds().rem_euclid(DAY));
        let (count, most) = used.entry(day).or_default();
        *count += 1;
        *most = (*most).max((pair[1].register - pair[0].register).0);
    }
    let absent = used
        .into_iter()
        .filter(|(_, (count, most))| *count == 48 && *most <= ABSENT);
    let days: Vec<LocalTime> = absent.map(|(day, _)| day).collect();
    let (first, last) = (readings[0].time, readings[readings.len() - 1].time);
    let mut stays = vec![occupied(first.plus(-HALF_HOUR))];
    let noons = (1..).map(|nth| stays[0].time().plus(nth * NIGHTS * DAY + DAY / 2));
    let is_absent = |at: LocalTime| days.iter().any(|day| (0..DAY).contains(&at.since(*day)));
    let noons = noons.take_while(|noon| *noon < last);
    let guests: Vec<Stay> = noons
        .filter(|noon| !is_absent(*noon))
        .map(occupied)
        .collect();
    stays.extend(guests);
    for day in &days {
        if !days.contains(&day.plus(-DAY)) {
            stays.push(Stay::Vacant {
                actual_checkin: None,
                actual_checkout: *day,
            });
        }
        if !days.contains(&day.plus(DAY)) {
            stays.push(occupied(day.plus(DAY)));
        }
    }
    stays.sort_by_key(Stay::order);
    Home {
        key: RoomKey::new("homes", name),
        readings,
        stays,
        days,
    }
}

fn occupied(check_in: LocalTime) -> Stay {
    Stay::Occupied {
        check_in,
        expected_checkout: None,
    }
}

/// The past of the homes, with an appliance that is added to one of them from a time on.
fn past(homes: &[Home], added: Option<(usize, LocalTime)>) -> Past {
    let mut past = Past::new(LocalTime::FIRST);
    for (at, home) in homes.iter().enumerate() {
        for stay in &home.stays {
            past.add_stay(home.key.clone(), *stay);
        }
        for reading in &home.readings {
            let mut reading = *reading;
            if let Some((_, from)) = added.filter(|(room, _)| *room == at) {
                let seconds = reading.time.since(from).clamp(0, ON);
                reading.register.0 += ADDED * seconds / HALF_HOUR;
            }
            past.add_reading(at, reading);
        }
    }
    past.sorted()
}
