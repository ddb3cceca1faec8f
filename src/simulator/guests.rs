use std::collections::VecDeque;

use crate::engine::{Stay, StayId};
use crate::types::{Kind, LocalTime, RoomKey};

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

/// Guests who arrive early come between these times, in seconds after midnight.
const EARLY: (i64, i64) = (8 * HOUR, 13 * HOUR - 1);

/// The shortest time between a guest and the next one, so that the room can be cleaned.
pub(super) const BETWEEN_GUESTS: i64 = 2 * HOUR / 3;

/// A time in which a room is occupied or vacant.
#[derive(Clone)]
pub(super) struct Phase {
    pub(super) stay: Stay,
    pub(super) until: LocalTime,
    pub(super) by_move: Option<ByMove>,
}

/// The phase began because a guest changed rooms.
#[derive(Clone)]
pub(super) enum ByMove {
    /// The guest has left for another room.
    Out,
    In(MovedIn),
}

/// A guest who has come from another room.
#[derive(Clone)]
pub(super) struct MovedIn {
    pub(super) from: RoomKey,
    pub(super) id: Option<StayId>,
    /// When the guest had checked in.
    pub(super) named: LocalTime,
    pub(super) expected: Option<LocalTime>,
    /// When the guest will leave.
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
    /// Who arrives early; of its own, because it must not change when the others come.
    early: Chance,
    early_arrivals: f64,
    /// The probability that a vacant room gets a guest on a day.
    taken: f64,
    phase: Phase,
    /// The phases that come next, where a move has changed them.
    ahead: VecDeque<Phase>,
}

impl Guests {
    /// The guests of a room that is vacant at the midnight `from`, and occupied for a share of its
    /// nights.
    pub(super) fn new(
        mut chance: Chance,
        early: Chance,
        from: LocalTime,
        (occupancy, early_arrivals): (f64, f64),
    ) -> Guests {
        let nights = BUSINESS * BUSINESS_NIGHTS + (1.0 - BUSINESS) * LEISURE_NIGHTS;
        // Between two guests there are nights * (1 - occupancy) / occupancy nights on average.
        let taken = occupancy / (occupancy + nights * (1.0 - occupancy));
        let until = arrival(&mut chance, from, taken);
        Guests {
            chance,
            early,
            early_arrivals,
            taken,
            phase: Phase {
                stay: Stay::Vacant {
                    actual_checkin: None,
                    actual_checkout: from,
                },
                until,
                by_move: None,
            },
            ahead: VecDeque::new(),
        }
    }

    pub(super) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Goes on to the next phase.
    pub(super) fn next(&mut self) {
        if let Some(phase) = self.ahead.pop_front() {
            self.phase = phase;
            return;
        }
        let now = self.phase.until;
        let today = midnight(now);
        let (stay, until) = match self.phase.stay {
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
                let stay = Stay::Occupied {
                    check_in: now,
                    expected_checkout: Some(last_day.plus(12 * HOUR)),
                };
                let until = last_day.plus(left.clamp(6 * HOUR, 12 * HOUR + HOUR / 2));
                (stay, until)
            }
            Stay::Occupied { check_in, .. } => (left(check_in, now), self.next_arrival(now)),
        };
        self.phase = Phase {
            stay,
            until,
            by_move: None,
        };
    }

    /// When the next guest comes, after one who has left.
    fn next_arrival(&mut self, left: LocalTime) -> LocalTime {
        let usual = arrival(&mut self.chance, midnight(left), self.taken);
        let is_early = self.early.happens(self.early_arrivals);
        let early = midnight(usual).plus(self.early.within(EARLY));
        if is_early {
            early.max(left.plus(BETWEEN_GUESTS)).min(usual)
        } else {
            usual
        }
    }

    /// The guest leaves for another room.
    pub(super) fn move_out(&mut self, at: LocalTime) {
        let Stay::Occupied { check_in, .. } = self.phase.stay else {
            return;
        };
        self.phase.until = at;
        let mut until = self.next_arrival(at);
        if until < at.plus(BETWEEN_GUESTS) {
            until = until.plus(DAY);
        }
        self.ahead.push_back(Phase {
            stay: left(check_in, at),
            until,
            by_move: Some(ByMove::Out),
        });
    }

    /// A guest of another room comes, and leaves before the next guest arrives.
    pub(super) fn move_in(&mut self, at: LocalTime, guest: MovedIn) {
        let arrival = self.phase.until;
        self.phase.until = at;
        let (named, leaves) = (guest.named, guest.until);
        self.ahead.push_back(Phase {
            stay: Stay::Occupied {
                check_in: at,
                expected_checkout: guest.expected,
            },
            until: leaves,
            by_move: Some(ByMove::In(guest)),
        });
        self.ahead.push_back(Phase {
            stay: left(named, leaves),
            until: arrival,
            by_move: None,
        });
    }
}

fn left(check_in: LocalTime, at: LocalTime) -> Stay {
    Stay::Vacant {
        actual_checkin: Some(check_in),
        actual_checkout: at,
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
        let chance = |what| Chance::new(seed, &[what]);
        let mut guests = Guests::new(chance("guests"), chance("early"), begin, (0.68, 0.0));
        let clock = |time: LocalTime| time.since(midnight(time));
        let (mut came, mut left, mut nights) = (0, 0, 0);
        const STAYS: i64 = 5_000;
        for _ in 0..STAYS {
            guests.next();
            let occupied = guests.phase().clone();
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
