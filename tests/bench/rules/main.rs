//! What the rules find in hotels of each made-up world, and what they alert falsely, beside what is
//! demanded of the baseline rule. What `scripts/bench --bench rules` runs.
#![allow(clippy::disallowed_methods)] // no part of the service

mod hotel;
mod registers;
mod score;
mod targets;

use rayon::prelude::*;

use roomwatt::simulator::{Appliance, Scenario, World};
use roomwatt::types::{HotelId, LocalTime};

use hotel::{DEMANDED, RULES, Score, judge};
use targets::Target;

/// No rule and no world was ever tried on these hotels while it was made.
const SEED: u64 = 440_911_523;

/// Hotels of a world.
struct Row {
    name: &'static str,
    world: World,
    hotels: u32,
    rooms: u32,
    days: u32,
    /// Wastes count that begin in the first days.
    waste_days: u32,
}

impl Row {
    fn new(name: &'static str, world: &str) -> Row {
        let world = World::named(world).expect("a world");
        Row {
            name,
            rooms: world.rooms.unwrap_or(50),
            world,
            hotels: 24,
            days: 30,
            waste_days: 30,
        }
    }

    /// As many rooms in hotels of eight.
    fn small(self) -> Row {
        Row {
            hotels: self.hotels * self.rooms / 8,
            rooms: 8,
            ..self
        }
    }

    /// As many days, of which two are one hotel's.
    fn first_day(self) -> Row {
        Row {
            hotels: self.hotels * self.days / 2,
            days: 2,
            waste_days: 1,
            ..self
        }
    }

    /// No meter counts whole kWh.
    fn fine(mut self) -> Row {
        self.world.meters.faults.coarse = 0.0;
        self
    }

    /// The hotels begin in all months; where it is cold, in January.
    fn judge(&self, seed: u64, percent: u32, shows: bool) -> [Score; RULES.len()] {
        let hotels = (self.hotels * percent / 100).max(1);
        let scores = (0..hotels).into_par_iter().map(|hotel| {
            let month = if self.world.snap.is_some() {
                1
            } else {
                hotel % 12 + 1
            };
            let start = LocalTime::from_ymd_hms(2024, month, 8, 0, 0, 0).expect("a time");
            let id = HotelId::new(&format!("H{hotel:03}"));
            let scenario = Scenario::new(seed, vec![id], self.rooms, start, self.days);
            judge(
                &scenario.in_world(self.world.clone()),
                self.waste_days,
                shows,
            )
        });
        scores.reduce(Default::default, |mut sum: [Score; RULES.len()], scores| {
            for (sum, score) in sum.iter_mut().zip(&scores) {
                sum.merge(score);
            }
            sum
        })
    }
}

fn rows() -> Vec<Row> {
    vec![
        Row::new("today", "today"),
        Row::new("harder", "harder"),
        Row::new("first day", "harder").first_day(),
        Row::new("thermostats", "thermostats"),
        Row::new("old fridges", "old-fridges"),
        Row::new("whole kWh", "whole-kwh"),
        Row::new("cold snap", "cold-snap"),
        Row::new("partial snap", "partial-snap"),
        Row::new("staggered snap", "staggered-snap"),
        Row::new("30 % left on", "left-on"),
        Row::new("30 %, first day", "left-on").first_day(),
        Row::new("8 rooms", "harder").small(),
        Row::new("8 rooms, snap", "cold-snap").small(),
        Row::new("15 % servers", "server-rooms"),
        Row::new("habits", "habits"),
        Row::new("fine meters", "harder").fine(),
    ]
}

fn main() {
    // Others of cargo's arguments are none of ours.
    let variable = |name| std::env::var(name).ok();
    let seed = variable("ROOMWATT_BENCH_SEED").map_or(SEED, |seed| seed.parse().expect("a seed"));
    let percent = variable("ROOMWATT_BENCH_PERCENT");
    let percent: u32 = percent.map_or(100, |percent| percent.parse().expect("a percentage"));
    let worlds = variable("ROOMWATT_BENCH_WORLDS");
    let shows = variable("ROOMWATT_BENCH_SHOW").is_some();
    let chosen = |row: &Row| {
        let worlds = worlds.as_deref();
        worlds.is_none_or(|worlds| worlds.split(';').any(|name| name.trim() == row.name))
    };

    println!("seed {seed}, {percent} % of the hotels");
    println!(
        "Recall within 2.5 h of wastes from 0.3 kWh in vacant rooms; false alarms in 100 days"
    );
    println!("of a vacant room, while nobody was in: in all days (first: the first 7; then: from");
    println!("day 8 on), and with those of guests who had checked out late or not in at all.");
    let [one, other, last] = RULES;
    println!(
        "{:16} {:>6} {:>8} | {one:13} | {other:13} | {last:13} {:>6} {:>6} {:>6} {:>6}",
        "world", "wastes", "days", "3.5 h", "first", "then", "guests"
    );
    let mut judged: Vec<(&str, [Score; RULES.len()])> = Vec::new();
    for row in rows().into_iter().filter(chosen) {
        let scores = row.judge(seed, percent, shows);
        let figures = scores.each_ref().map(|score| {
            let (recall, alarms) = (score.recall.share(), score.vacant.per_hundred_days());
            format!("{recall:5.3} {alarms:7.2}")
        });
        let [one, other, last] = figures;
        let score = &scores[DEMANDED];
        println!(
            "{:16} {:6} {:8} | {one} | {other} | {last} {:6.3} {:6.2} {:6.2} {:6.2}",
            row.name,
            score.recall.all,
            score.vacant.seconds / 86_400,
            score.later.share(),
            score.first_week.per_hundred_days(),
            score.settled.per_hundred_days(),
            score.with_guests.per_hundred_days(),
        );
        judged.push((row.name, scores));
    }
    if let Some((name, scores)) = judged.iter().find(|(name, _)| *name == targets::OCCUPIED) {
        print_occupied(name, scores);
    }
    if let Some(file) = variable("ROOMWATT_BENCH_REGISTERS") {
        registers::print(file.as_ref());
    }
    println!("\nDemanded:");
    for target in targets::ALL {
        if let Some((_, scores)) = judged.iter().find(|(name, _)| *name == target.world) {
            print_target(target, scores);
        }
    }
}

fn print_occupied(name: &str, scores: &[Score; RULES.len()]) {
    println!("\nOccupied rooms, {name}: troubles of 3 h and more (miners: a day) found at all");
    let appliances = [
        ("car charger", Appliance::CarCharger),
        ("2.6 kWh", Appliance::HeatPump),
        ("heater 1.0", Appliance::Heater),
        ("miner 0.5", Appliance::Miner),
    ];
    for (what, appliance) in appliances {
        let found = scores.each_ref().map(|score| score.misuses.get(&appliance));
        let all = found[0].map_or(0, |found| found.all);
        let shares = found.map(|found| found.map_or(f64::NAN, |found| found.share()));
        let [one, other, last] = shares;
        println!(
            "{what:16} {all:6} {:8} | {one:13.3} | {other:13.3} | {last:13.3}",
            ""
        );
    }
    let days = scores[0].occupied.seconds / 86_400;
    let [one, other, last] = { scores.each_ref() }.map(|score| score.occupied.per_hundred_days());
    println!(
        "{:16} {:6} {days:8} | {one:13.2} | {other:13.2} | {last:13.2}",
        "false alarms", ""
    );
}

fn print_target(target: &Target, scores: &[Score; RULES.len()]) {
    let value = target.value(scores);
    let verdict = if target.is_reached(value) {
        "reached"
    } else {
        "NOT REACHED"
    };
    println!("{target}: {value:.3}, {verdict}");
}
