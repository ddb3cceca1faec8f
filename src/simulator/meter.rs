use crate::types::{LocalTime, Reading, WattHours};

use super::chance::Chance;
use super::gateway::GatewayOutage;
use super::{EventKind, HALF_HOUR, HOUR, MINUTE, Meters, REGISTER_MODULUS};

/// The step of a meter that counts whole kWh; the others have two decimals.
const COARSE: i64 = 1_000;
const FINE: i64 = 10;

/// The probabilities of faults of meters and gateways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeterFaults {
    /// Per reading: it and up to nine more are lost.
    pub gap: f64,
    /// Per reading: it comes twice.
    pub duplicate: f64,
    /// Per reading: it comes up to 90 minutes late, after newer ones.
    pub late: f64,
    /// Per reading: it is far too high, or zero.
    pub outlier: f64,
    /// Per reading: the meter was replaced before it, and its register starts anew.
    pub replacement: f64,
    /// Per meter: it counts whole kWh.
    pub coarse: f64,
    /// Per meter: its register is less than 50 kWh below where it wraps to zero.
    pub about_to_wrap: f64,
    /// Per hotel and day: its gateway is dead for 1 to 6 hours. In half of the outages the readings
    /// come afterwards, in the others never.
    pub outage: f64,
}

impl MeterFaults {
    /// Every meter is right and on time.
    pub fn none() -> MeterFaults {
        MeterFaults {
            gap: 0.0,
            duplicate: 0.0,
            late: 0.0,
            outlier: 0.0,
            replacement: 0.0,
            coarse: 0.0,
            about_to_wrap: 0.0,
            outage: 0.0,
        }
    }
}

impl Default for MeterFaults {
    fn default() -> MeterFaults {
        MeterFaults {
            gap: 0.001,
            duplicate: 0.002,
            late: 0.001,
            outlier: 0.0003,
            replacement: 0.0001,
            coarse: 0.05,
            about_to_wrap: 0.01,
            outage: 0.02,
        }
    }
}

/// A room's meter.
pub(super) struct Meter {
    /// When it is read.
    rhythm: Chance,
    faults: Chance,
    config: Meters,
    /// The time of the next reading, and what it would be without jitter.
    due: LocalTime,
    beat: LocalTime,
    /// Its total energy in Wh times the seconds of half an hour, so that nothing is rounded.
    used: i64,
    step: i64,
    /// Readings still to be lost.
    to_lose: i64,
    /// When the last reading that was not late arrived: no later one arrives before it.
    last_arrival: LocalTime,
}

impl Meter {
    pub(super) fn new(
        mut rhythm: Chance,
        mut faults: Chance,
        config: Meters,
        start: LocalTime,
    ) -> Meter {
        let beat = start.plus(rhythm.between(0..=config.interval_seconds - 1));
        let wraps = faults.happens(config.faults.about_to_wrap);
        let coarse = faults.happens(config.faults.coarse);
        let register = rhythm.between(0..=REGISTER_MODULUS.0 / 2);
        let before_wrap = REGISTER_MODULUS.0 - faults.between(0..=50_000);
        Meter {
            rhythm,
            faults,
            config,
            due: beat,
            beat,
            used: if wraps { before_wrap } else { register } * HALF_HOUR,
            step: if coarse { COARSE } else { FINE },
            to_lose: 0,
            last_arrival: start,
        }
    }

    pub(super) fn due(&self) -> LocalTime {
        self.due
    }

    /// How many seconds after each full half hour it is read.
    pub(super) fn offset(&self) -> i64 {
        self.beat.seconds().rem_euclid(HALF_HOUR)
    }

    /// Counts what is used: Wh times the seconds of half an hour.
    pub(super) fn count(&mut self, used: i64) {
        self.used += used;
    }

    /// Takes the reading that is due, and emits it if it is not lost.
    pub(super) fn read(
        &mut self,
        outage: Option<&GatewayOutage>,
        emit: &mut impl FnMut(LocalTime, EventKind),
    ) {
        let time = self.due;
        self.beat = self.beat.plus(self.config.interval_seconds);
        // Twenty seconds for an interval of thirty minutes.
        let jitter = self.config.interval_seconds / 90;
        self.due = self.beat.plus(self.rhythm.between(-jitter..=jitter));

        let faults = self.config.faults;
        if self.faults.happens(faults.replacement) {
            self.used = self.faults.between(0..=100_000) * HALF_HOUR;
        }
        if self.faults.happens(faults.gap) {
            self.to_lose = self.faults.between(1..=10);
        }
        if self.to_lose > 0 {
            self.to_lose -= 1;
            return;
        }
        let register = if self.faults.happens(faults.outlier) {
            self.outlier()
        } else {
            self.register()
        };
        let reading = Reading { time, register };
        let emit = &mut |at| emit(at, EventKind::Reading(reading));
        if self.faults.happens(faults.late) {
            let late = self.faults.between(5 * MINUTE..=3 * HOUR / 2);
            return emit(self.last_arrival.max(time).plus(late));
        }
        let at = match outage {
            Some(outage) if outage.covers(time) && outage.lost => return,
            Some(outage) if outage.covers(time) => outage.until,
            _ => time,
        };
        self.last_arrival = self.last_arrival.max(at);
        emit(self.last_arrival);
        if self.faults.happens(faults.duplicate) {
            emit(self.last_arrival);
        }
    }

    fn register(&self) -> WattHours {
        let wh = self.used / HALF_HOUR % REGISTER_MODULUS.0;
        WattHours(wh - wh % self.step)
    }

    fn outlier(&mut self) -> WattHours {
        let zero = self.faults.happens(0.5);
        let beyond = self.faults.between(50..=900) * 1_000;
        if zero {
            WattHours::ZERO
        } else {
            WattHours((self.register().0 + beyond) % REGISTER_MODULUS.0)
        }
    }
}
