//! What is demanded of the baseline rule.

use std::fmt;

use roomwatt::simulator::Appliance;

use crate::hotel::{DEMANDED, RULES, Score};

/// The hotels whose occupied rooms are judged.
pub const OCCUPIED: &str = "fine meters";

/// A figure of the hotels of a world, and what it has to be.
pub struct Target {
    pub world: &'static str,
    what: &'static str,
    figure: fn(&[Score; RULES.len()]) -> f64,
    limit: Limit,
}

enum Limit {
    AtLeast(f64),
    AtMost(f64),
}
use Limit::{AtLeast, AtMost};

impl Target {
    pub fn value(&self, scores: &[Score; RULES.len()]) -> f64 {
        (self.figure)(scores)
    }

    pub fn is_reached(&self, value: f64) -> bool {
        match self.limit {
            AtLeast(limit) => value >= limit,
            AtMost(limit) => value <= limit,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (relation, limit) = match self.limit {
            AtLeast(limit) => ("at least", limit),
            AtMost(limit) => ("at most", limit),
        };
        write!(f, "{}, {} {relation} {limit}", self.world, self.what)
    }
}

const fn target(
    world: &'static str,
    (what, figure): (&'static str, fn(&[Score; RULES.len()]) -> f64),
    limit: Limit,
) -> Target {
    Target {
        world,
        what,
        figure,
        limit,
    }
}

type Figure = (&'static str, fn(&[Score; RULES.len()]) -> f64);

const RECALL: Figure = ("recall", |scores| scores[DEMANDED].recall.share());
const LATER: Figure = ("recall in 3.5 h", |scores| scores[DEMANDED].later.share());
/// Over the whole month, which begins without anything known of the hotel.
const FALSE: Figure = ("false alarms", |scores| {
    scores[DEMANDED].vacant.per_hundred_days()
});
const SETTLED: Figure = ("false alarms from day 8 on", |scores| {
    scores[DEMANDED].settled.per_hundred_days()
});
/// How hard the world is: else it would say nothing about a rule.
const FALSE_BY_0_3: Figure = ("false alarms of the threshold 0.3", |scores| {
    scores[1].vacant.per_hundred_days()
});
const CAR_CHARGER: Figure = ("car chargers", |scores| {
    found(scores, Appliance::CarCharger)
});
const HEAT_PUMP: Figure = ("2.6 kWh", |scores| found(scores, Appliance::HeatPump));
const HEATER: Figure = ("heaters", |scores| found(scores, Appliance::Heater));
const OCCUPIED_FALSE: Figure = ("false alarms in occupied rooms", |scores| {
    scores[DEMANDED].occupied.per_hundred_days()
});

fn found(scores: &[Score; RULES.len()], appliance: Appliance) -> f64 {
    let found = scores[DEMANDED].misuses.get(&appliance);
    found.map_or(f64::NAN, |found| found.share())
}

pub const ALL: &[Target] = &[
    target("today", RECALL, AtLeast(0.95)),
    target("today", FALSE, AtMost(0.1)),
    target("harder", RECALL, AtLeast(0.95)),
    target("harder", FALSE, AtMost(0.5)),
    target("harder", SETTLED, AtMost(0.1)),
    target("first day", RECALL, AtLeast(0.95)),
    target("cold snap", FALSE, AtMost(0.5)),
    target("cold snap", FALSE_BY_0_3, AtLeast(8.0)),
    target("partial snap", FALSE, AtMost(2.5)),
    target("8 rooms, snap", FALSE, AtMost(4.0)),
    target("30 % left on", RECALL, AtLeast(0.95)),
    target("thermostats", RECALL, AtLeast(0.8)),
    target("thermostats", LATER, AtLeast(0.93)),
    target("whole kWh", RECALL, AtLeast(0.8)),
    target("whole kWh", FALSE, AtMost(0.5)),
    target(OCCUPIED, CAR_CHARGER, AtLeast(0.95)),
    target(OCCUPIED, HEAT_PUMP, AtLeast(0.95)),
    target(OCCUPIED, HEATER, AtLeast(0.9)),
    target(OCCUPIED, OCCUPIED_FALSE, AtMost(0.25)),
];
