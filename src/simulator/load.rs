use crate::types::{Kind, LocalTime};

use super::chance::Chance;
use super::guests::midnight;
use super::{HALF_HOUR, HOUR};

/// How likely a guest is in the room, by hour: 54 % of a stay in total.
const PRESENT: [f64; 24] = [
    0.80, 0.82, 0.82, 0.82, 0.82, 0.80, 0.78, 0.65, 0.50, 0.40, 0.25, 0.20, //
    0.20, 0.20, 0.20, 0.20, 0.22, 0.25, 0.25, 0.28, 0.40, 0.55, 0.68, 0.76,
];

/// The share of half hours in which a guest may come or go.
const RESTLESS: f64 = 0.35;

/// The share of half hours with a kettle, shower or hair dryer, while the guest is in the room.
const BURSTS: f64 = 0.12;

/// What guests' air conditioners use in each month, in percent of what they use at most.
const SEASONS: [i64; 12] = [95, 90, 60, 25, 30, 70, 100, 100, 65, 25, 50, 85];

/// What a room uses without a trouble. All in Wh a half hour.
pub(super) struct Load {
    chance: Chance,
    /// Refrigerator and standby devices.
    base: i64,
    /// What this guest's air conditioner uses.
    air_conditioner: i64,
    present: bool,
    cleaning: Option<LocalTime>,
    seasons: bool,
}

impl Load {
    pub(super) fn new(mut chance: Chance, base: (i64, i64), seasons: bool) -> Load {
        let base = chance.within(base);
        Load {
            chance,
            base,
            air_conditioner: 0,
            present: false,
            cleaning: None,
            seasons,
        }
    }

    /// What its refrigerator and standby devices use.
    pub(super) fn base(&self) -> i64 {
        self.base
    }

    /// Its refrigerator is counted otherwise.
    pub(super) fn without_base(&mut self) {
        self.base = 0;
    }

    /// A guest comes or leaves. Returns when the room is cleaned, if it is.
    pub(super) fn start(&mut self, kind: Kind, from: LocalTime) -> Option<LocalTime> {
        self.present = kind == Kind::Checkin;
        self.air_conditioner = self.chance.between(250..=500);
        let later = self.chance.between(HALF_HOUR..=5 * HALF_HOUR);
        self.cleaning = (!self.present).then(|| from.plus(later));
        self.cleaning
    }

    /// The cleaning is counted otherwise, or does not come.
    pub(super) fn without_cleaning(&mut self) {
        self.cleaning = None;
    }

    /// What is used between `from` and `until`.
    pub(super) fn slot(&mut self, kind: Kind, from: LocalTime, until: LocalTime) -> i64 {
        let mut load = self.base + self.chance.between(0..=20);
        match kind {
            Kind::Checkout => {
                if self.cleaning.is_some_and(|at| at < until) {
                    self.cleaning = None;
                    load += self.chance.between(200..=500);
                }
            }
            Kind::Checkin => {
                if self.chance.happens(RESTLESS) {
                    let hour = from.since(midnight(from)) / HOUR;
                    let likely = PRESENT.get(hour as usize).copied().unwrap_or(1.0);
                    self.present = self.chance.happens(likely);
                }
                if self.present {
                    load = self.air_conditioner(from) + self.chance.between(0..=100);
                    if self.chance.happens(BURSTS) {
                        // The smaller of two, because small bursts are more frequent.
                        let one = self.chance.between(100..=2_000);
                        let other = self.chance.between(100..=2_000);
                        load += one.min(other);
                    }
                }
            }
        }
        load
    }

    /// What a guest uses who is there, with the refrigerator: the seasons change the rest of it.
    fn air_conditioner(&self, at: LocalTime) -> i64 {
        if !self.seasons {
            return self.air_conditioner;
        }
        let (_, month, ..) = at.parts();
        let percent = SEASONS.get(usize::from(month).saturating_sub(1));
        let above = (self.air_conditioner - self.base).max(0);
        self.base + above * percent.copied().unwrap_or(100) / 100
    }
}

#[cfg(test)]
mod tests {
    use super::super::DAY;
    use super::super::guests::Guests;
    use super::*;

    #[test]
    fn guests_are_in_their_room_for_about_half_of_their_stay() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let begin = LocalTime::parse("2023-04-10 00:00:00").expect("a time");
        let (mut there, mut occupied) = (0, 0);
        for room in 0..100 {
            let chance = |what| Chance::new(seed, &[what, &format!("{room}")]);
            let mut guests = Guests::new(chance("guests"), chance("early"), begin, (0.68, 0.0));
            let mut load = Load::new(chance("load"), (20, 80), false);
            while guests.phase().from() < begin.plus(30 * DAY) {
                let phase = guests.phase().clone();
                load.start(phase.kind(), phase.from());
                let mut now = phase.from();
                while now < phase.until {
                    let next = now.plus(HALF_HOUR);
                    let used = load.slot(phase.kind(), now, next);
                    let allowed = match (phase.kind(), load.present) {
                        (Kind::Checkout, _) => 20..=600,
                        (Kind::Checkin, false) => 20..=100,
                        (Kind::Checkin, true) => 250..=2_600,
                    };
                    assert!(allowed.contains(&used), "{used} Wh at {now}");
                    occupied += i64::from(phase.kind() == Kind::Checkin);
                    there += i64::from(load.present);
                    now = next;
                }
                guests.next();
            }
        }
        let percent = there * 100 / occupied;
        assert!((50..=58).contains(&percent), "{percent} %");
    }
}
