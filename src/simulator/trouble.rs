use serde::Serialize;

use crate::types::{Kind, LocalTime, WattHours};

use super::HOUR;
use super::chance::Chance;
use super::consumer::{Consumer, Pattern};

/// An appliance that uses more than it should: the truth, whether or not it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Trouble {
    pub appliance: Appliance,
    /// Whether the room is occupied or vacant during the whole time.
    pub kind: Kind,
    pub from: LocalTime,
    pub until: LocalTime,
    /// What it uses in half an hour while it is on, in addition to everything else.
    pub per_half_hour: WattHours,
    /// Where it has one; else it is always on.
    #[serde(skip)]
    pub thermostat: Option<Thermostat>,
}

/// It has an appliance be off in some half hours, at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thermostat {
    /// In how many of a hundred.
    pub off_percent: u8,
    /// Which ones.
    pub seed: u64,
}

impl Trouble {
    /// What it uses between two times: Wh times the seconds of half an hour, so that nothing is
    /// rounded.
    pub fn used(&self, from: LocalTime, until: LocalTime) -> i64 {
        let pattern = self.thermostat.map_or(Pattern::Always, |thermostat| {
            let Thermostat { off_percent, seed } = thermostat;
            Pattern::HalfHours { off_percent, seed }
        });
        let consumer = Consumer {
            from: self.from,
            until: self.until,
            per_half_hour: self.per_half_hour.0,
            pattern,
        };
        consumer.used(from, until)
    }
}

/// The appliance of a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Appliance {
    /// 0.5 to 0.75 kWh a half hour, unless the world has others: below every threshold, even in a
    /// vacant room.
    AirConditioner,
    /// 2 kW.
    Heater,
    /// A mining rig of 1 kW.
    Miner,
    /// A car on a 16 A socket, 1.8 kWh a half hour: above the threshold only together with the
    /// guest's own use.
    CarCharger,
    /// A heat pump heater of 5 kW: above both thresholds.
    HeatPump,
}

impl Appliance {
    /// The English name for output.
    pub fn as_str(self) -> &'static str {
        match self {
            Appliance::AirConditioner => "air conditioner",
            Appliance::Heater => "heater",
            Appliance::Miner => "miner",
            Appliance::CarCharger => "car charger",
            Appliance::HeatPump => "heat pump",
        }
    }
}

/// How likely troubles are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Troubles {
    /// Per check-out: an appliance is left on in the vacant room.
    pub vacant: Likely,
    /// Per check-in: the guest uses an appliance.
    pub occupied: Likely,
    /// The least and the most that an air conditioner uses. Wh a half hour.
    pub air_conditioner: (i64, i64),
    /// In how many of a hundred half hours the thermostat of an air conditioner has it off.
    pub off_percent: u8,
}

/// The probability of each appliance to be the trouble; at most one is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Likely {
    pub air_conditioner: f64,
    pub heater: f64,
    pub miner: f64,
    pub car_charger: f64,
    pub heat_pump: f64,
}

impl Troubles {
    /// No troubles.
    pub fn none() -> Troubles {
        Troubles {
            vacant: Likely::default(),
            occupied: Likely::default(),
            ..Troubles::default()
        }
    }

    /// All troubles `factor` times as likely.
    pub fn times(self, factor: f64) -> Troubles {
        let times = |likely: Likely| Likely {
            air_conditioner: likely.air_conditioner * factor,
            heater: likely.heater * factor,
            miner: likely.miner * factor,
            car_charger: likely.car_charger * factor,
            heat_pump: likely.heat_pump * factor,
        };
        Troubles {
            vacant: times(self.vacant),
            occupied: times(self.occupied),
            ..self
        }
    }
}

impl Default for Troubles {
    fn default() -> Troubles {
        Troubles {
            vacant: Likely {
                air_conditioner: 0.03,
                heater: 0.01,
                heat_pump: 0.01,
                ..Likely::default()
            },
            occupied: Likely {
                heater: 0.02,
                miner: 0.01,
                car_charger: 0.01,
                heat_pump: 0.01,
                ..Likely::default()
            },
            air_conditioner: (500, 750),
            off_percent: 0,
        }
    }
}

impl Likely {
    fn pick(&self, fraction: f64) -> Option<Appliance> {
        let mut below = 0.0;
        let all = [
            (Appliance::AirConditioner, self.air_conditioner),
            (Appliance::Heater, self.heater),
            (Appliance::Miner, self.miner),
            (Appliance::CarCharger, self.car_charger),
            (Appliance::HeatPump, self.heat_pump),
        ];
        all.into_iter().find_map(|(appliance, probability)| {
            below += probability;
            (fraction < below).then_some(appliance)
        })
    }
}

/// The trouble of a time in which a room is occupied or vacant, if it has one.
pub(super) fn trouble(
    chance: &mut Chance,
    kind: Kind,
    (begin, end): (LocalTime, LocalTime),
    likely: &Troubles,
) -> Option<Trouble> {
    // All numbers are drawn in any case, so that later ones don't depend on the probabilities.
    let fraction = chance.fraction();
    let air_conditioner = chance.within(likely.air_conditioner);
    let begins = chance.between(HOUR / 2..=4 * HOUR);
    let evening = chance.between(3 * HOUR..=12 * HOUR);
    let noticed = chance.between(6 * HOUR..=48 * HOUR);
    let appliance = match kind {
        Kind::Checkin => likely.occupied.pick(fraction),
        Kind::Checkout => likely.vacant.pick(fraction),
    }?;
    let per_half_hour = match appliance {
        Appliance::AirConditioner => air_conditioner,
        Appliance::Heater => 1_000,
        Appliance::Miner => 500,
        Appliance::CarCharger => 1_800,
        Appliance::HeatPump => 2_600,
    };
    let from = match kind {
        Kind::Checkin => begin.plus(begins),
        Kind::Checkout => begin,
    };
    let until = match (kind, appliance) {
        (Kind::Checkout, _) => from.plus(noticed),
        (Kind::Checkin, Appliance::Miner) => end,
        (Kind::Checkin, Appliance::CarCharger) => from.plus(6 * HOUR),
        (Kind::Checkin, _) => from.plus(evening),
    };
    let has_thermostat = appliance == Appliance::AirConditioner && likely.off_percent > 0;
    Some(Trouble {
        appliance,
        kind,
        from,
        until: until.min(end),
        per_half_hour: WattHours(per_half_hour),
        thermostat: has_thermostat.then(|| Thermostat {
            off_percent: likely.off_percent,
            // It takes nothing from the stream, so that the other troubles stay the same.
            seed: fraction.to_bits() ^ from.seconds().cast_unsigned(),
        }),
    })
}
