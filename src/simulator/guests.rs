use crate::engine::Stay;
use crate::types::{Kind, LocalTime};

use super::chance::Chance;
use super::{DAY, HOUR};

/// The share of guests who travel on business, and how many nights both kinds stay on average.
const BUSINESS: f64 = 0.7;
const BUSINESS_NIGHTS: f64 = 1.6;
const LEISURE_NIGHTS: f64 = 3.5;

/// The mean in seconds after midnight, and the deviation.
const CHECK_IN: (i64, i64) = (16 * HOUR + HOUR / 2, 2 * HOUR);
const CHECK_OUT: (i64, i64) = (10 * HOUR + HOUR / 4, 11 * HOUR / 10);

/// The longest stay or vacancy. Days.
const LONGEST: i64 = 30;

/// A time in which a room is occupied or vacant.
#[derive(Clone, Copy)]
pub(super) struct Phase {
    pub(super) stay: Stay,
    pub(super) until: LocalTime,
}

impl Phase {
    pub(super) fn kind(&self) -> Kind {
        self.stay.kind()
    }

    pub(super) fn from(&self) -> LocalTime {
        self.stay.time()
    }
}

/// The guests of a room: when they come and when they leave.
pub(super) struct Guests {
    chance: Chance,
    /// The probability that a vacant room gets a guest on a day.
    taken: f64,
    phase: Phase,
}

impl Guests {
    /// The guests of a room that is vacant at the midnight `from`, and occupied for a share of its
    /// nights.
    pub(super) fn new(mut chance: Chance, from: LocalTime, occupancy: f64) -> Guests {
        let nights = BUSINESS * BUSINESS_NIGHTS + (1.0 - BUSINESS) * LEISURE_NIGHTS;
        // Between two guests there are nights * (1 - occupancy) / occupancy nights on average.
        let taken = occupancy / (occupancy + nights * (1.0 - occupancy));
        let until = arrival(&mut chance, from, taken);
        Guests {
            chance,
            taken,
            phase: Phase {
                stay: Stay::Vacant {
                    actual_checkin: None,
                    actual_checkout: from,
                },
                until,
            },
        }
    }

    pub(super) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Goes on to the next phase.
    pub(super) fn next(&mut self) {
        let now = self.phase.until;
        let today = midnight(now);
        self.phase = match self.phase.stay {
            Stay::Vacant { .. } => {
                let nights = if self.chance.happens(BUSINESS) {
                    BUSINESS_NIGHTS
                } else {
                    LEISURE_NIGHTS
                };
                let last_day = 1 + self.chance.waiting(1.0 / nights, LONGEST);
                let last_day = today.plus(last_day * DAY);
                let (mean, deviation) = CHECK_OUT;
                let left = self.chance.around(mean, deviation);
                Phase {
                    stay: Stay::Occupied {
                        check_in: now,
                        expected_checkout: Some(last_day.plus(12 * HOUR)),
                    },
                    until: last_day.plus(left.clamp(6 * HOUR, 12 * HOUR + HOUR / 2)),
                }
            }
            Stay::Occupied { check_in, .. } => Phase {
                stay: Stay::Vacant {
                    actual_checkin: Some(check_in),
                    actual_checkout: now,
                },
                until: arrival(&mut self.chance, today, self.taken),
            },
        };
    }
}

/// When the next guest comes to a room that is vacant on a day.
fn arrival(chance: &mut Chance, today: LocalTime, taken: f64) -> LocalTime {
    let day = today.plus(chance.waiting(taken, LONGEST) * DAY);
    let (mean, deviation) = CHECK_IN;
    let time = chance.around(mean, deviation);
    // After any check-out, and before midnight.
    day.plus(time.clamp(13 * HOUR, 24 * HOUR - HOUR / 4))
}

/// The beginning of a time's day.
pub(super) fn midnight(time: LocalTime) -> LocalTime {
    time.plus(-time.seconds().rem_euclid(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_come_in_the_afternoon_and_stay_two_nights() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let begin = LocalTime::parse("2023-04-10 00:00:00").expect("a time");
        let mut guests = Guests::new(Chance::new(seed, &[]), begin, 0.68);
        let clock = |time: LocalTime| time.since(midnight(time));
        let (mut came, mut left, mut nights) = (0, 0, 0);
        const STAYS: i64 = 5_000;
        for _ in 0..STAYS {
            guests.next();
            let occupied = *guests.phase();
            guests.next();
            assert_eq!(occupied.until, guests.phase().from());
            assert!(clock(occupied.from()) > clock(occupied.until));
            came += clock(occupied.from());
            left += clock(occupied.until);
            nights += midnight(occupied.until).since(midnight(occupied.from())) / DAY;
        }
        let minutes = |sum: i64| sum / STAYS / 60;
        // Later than the mean, because arrivals are cut at 13:00.
        assert!((16 * 60 + 20..=16 * 60 + 45).contains(&minutes(came)));
        assert!((10 * 60..=10 * 60 + 30).contains(&minutes(left)));
        assert!((2_000..=2_350).contains(&(nights * 1_000 / STAYS)));
    }
}
