//! What a hotel has used in a day.

use crate::types::{LocalTime, WattHours};

/// What was used on the newest day of which something is known: the energy of the intervals that
/// ended on it. In whatever order intervals are added, the same follows; what is late, of an
/// earlier day, adds nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayEnergy {
    /// The beginning of the day; `None` before the first interval.
    pub day: Option<LocalTime>,
    pub energy: WattHours,
}

impl DayEnergy {
    /// That of an interval. One that ends at midnight is of the day that ends then.
    pub fn of_interval(ended: LocalTime, energy: WattHours) -> DayEnergy {
        DayEnergy {
            day: Some(ended.plus(-1).midnight()),
            energy,
        }
    }

    pub fn add(&mut self, other: DayEnergy) {
        if other.day > self.day {
            *self = other;
        } else if other.day == self.day {
            self.energy += other.energy;
        }
    }

    /// What was used on the day of `now`; `None` before its first interval has ended.
    pub fn today(&self, now: LocalTime) -> Option<WattHours> {
        (self.day == Some(now.midnight())).then_some(self.energy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> LocalTime {
        LocalTime::parse(&format!("2023-04-{time}")).expect("a time")
    }

    #[test]
    fn in_any_order_the_newest_day_has_the_sum_of_its_intervals() {
        let mut intervals = [
            ("09 23:30:00", 1),
            ("10 00:00:00", 2),
            ("10 00:00:01", 4),
            ("10 23:59:59", 8),
            ("11 00:00:00", 16),
        ]
        .map(|(ended, wh)| DayEnergy::of_interval(at(ended), WattHours(wh)));
        let seed = u64::from(fastrand::u32(..));
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..100 {
            rng.shuffle(&mut intervals);
            // Some come together.
            let (one, other) = intervals.split_at(rng.usize(..5));
            let mut sums = [one, other].map(|intervals| {
                let mut sum = DayEnergy::default();
                intervals.iter().for_each(|interval| sum.add(*interval));
                sum
            });
            let [mut all, more] = sums;
            all.add(more);
            sums[1].add(sums[0]);
            assert_eq!(all, sums[1], "seed {seed}");
            assert_eq!(all.today(at("10 12:00:00")), Some(WattHours(28)));
            assert_eq!(all.today(at("11 00:00:00")), None, "nothing is known yet");
        }
    }
}
