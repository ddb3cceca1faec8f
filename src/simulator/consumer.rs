use crate::types::LocalTime;

use super::HALF_HOUR;
use super::chance::mixed;

/// Something that uses energy besides what the guest does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Consumer {
    pub(super) from: LocalTime,
    pub(super) until: LocalTime,
    /// What it uses in half an hour while it is on. Wh.
    pub(super) per_half_hour: i64,
    pub(super) pattern: Pattern,
}

/// When a consumer is on. Each pattern follows from the time alone, so that a story does not depend
/// on the steps in which it is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Always,
    /// A compressor, or a heater with a thermostat: on for a part of each period. Seconds.
    Cycle {
        period: i64,
        on: i64,
        shift: i64,
    },
    /// It is off in this share of all half hours, at random.
    HalfHours {
        off_percent: u8,
        seed: u64,
    },
    /// On all the time, with another share of its power in each quarter of a day.
    Drift {
        seed: u64,
    },
}

/// How long a share of [`Pattern::Drift`] lasts. Seconds.
const QUARTER_OF_A_DAY: i64 = 6 * 3_600;

impl Consumer {
    /// One that is there for the whole story.
    pub(super) fn lasting(per_half_hour: i64, pattern: Pattern) -> Consumer {
        Consumer {
            from: LocalTime::FIRST,
            until: LocalTime::LAST,
            per_half_hour,
            pattern,
        }
    }

    /// What it uses between two times: Wh times the seconds of half an hour.
    pub(super) fn used(&self, from: LocalTime, until: LocalTime) -> i64 {
        let (from, until) = (from.max(self.from), until.min(self.until));
        if from >= until {
            return 0;
        }
        self.pattern.used(self.per_half_hour, from, until)
    }
}

impl Pattern {
    fn used(self, power: i64, from: LocalTime, until: LocalTime) -> i64 {
        match self {
            Pattern::Always => power * until.since(from),
            Pattern::Cycle { period, on, shift } => {
                let on_until = |time: LocalTime| {
                    let time = time.seconds() - shift;
                    time.div_euclid(period) * on + time.rem_euclid(period).min(on)
                };
                power * (on_until(until) - on_until(from))
            }
            Pattern::HalfHours { off_percent, seed } => {
                blocks(from, until, HALF_HOUR, |block, seconds| {
                    let is_off = of_block(seed, block) % 100 < u64::from(off_percent);
                    if is_off { 0 } else { power * seconds }
                })
            }
            Pattern::Drift { seed } => blocks(from, until, QUARTER_OF_A_DAY, |block, seconds| {
                let permille = (of_block(seed, block) % 1_001) as i64;
                power * permille / 1_000 * seconds
            }),
        }
    }
}

fn of_block(seed: u64, block: i64) -> u64 {
    mixed(seed ^ block.cast_unsigned())
}

/// The sum over all blocks of so many seconds of the calendar that lie between two times, of each
/// the part between them.
fn blocks(from: LocalTime, until: LocalTime, length: i64, used: impl Fn(i64, i64) -> i64) -> i64 {
    let mut sum = 0;
    let mut now = from.seconds();
    while now < until.seconds() {
        let block = now.div_euclid(length);
        let end = ((block + 1) * length).min(until.seconds());
        sum += used(block, end - now);
        now = end;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATTERNS: [Pattern; 4] = [
        Pattern::Always,
        Pattern::Cycle {
            period: 3_000,
            on: 1_200,
            shift: 77,
        },
        Pattern::HalfHours {
            off_percent: 30,
            seed: 5,
        },
        Pattern::Drift { seed: 5 },
    ];

    #[test]
    fn what_is_used_does_not_depend_on_the_steps() {
        let begin = LocalTime::parse("2023-04-10 00:00:00").expect("a time");
        for pattern in PATTERNS {
            let consumer = Consumer {
                from: begin.plus(500),
                until: begin.plus(90_000),
                per_half_hour: 300,
                pattern,
            };
            let whole = consumer.used(begin, begin.plus(100_000));
            for step in [1, 7, 1_799, 1_800, 4_000] {
                let steps = (0..100_000 / step + 1)
                    .map(|at| consumer.used(begin.plus(at * step), begin.plus((at + 1) * step)));
                assert_eq!(
                    steps.sum::<i64>(),
                    whole,
                    "{pattern:?} in steps of {step} s"
                );
            }
        }
    }

    #[test]
    fn each_pattern_is_on_for_its_share() {
        let begin = LocalTime::parse("2023-04-10 00:00:00").expect("a time");
        let days = 400 * 86_400;
        let percent = PATTERNS.map(|pattern| {
            let used = Consumer::lasting(1_000, pattern).used(begin, begin.plus(days));
            used / days / 10
        });
        assert_eq!(percent[..2], [100, 40]);
        assert!((68..=72).contains(&percent[2]), "{percent:?}");
        assert!((46..=54).contains(&percent[3]), "{percent:?}");
    }
}
