//! Frozen meters: many registers stop moving at the same time although readings keep coming. A
//! gateway that repeats its last registers with new times must not look like a quiet hotel.
//!
//! A register that stands still is nothing unusual: a whole-kWh meter of a vacant room does for
//! hours, and any meter does when the guest takes the key card out and cuts the power. So a meter
//! counts only if it has moved before and now stands still for much longer than it used to, and a
//! hotel only if many meters have stopped together while not more of them go on.

use crate::types::LocalTime;

use super::Watch;

/// With fewer frozen meters than this, no notice is sent for a hotel.
const MIN_FROZEN: usize = 5;

/// A meter stands still too long at this many times its usual pause between movements.
const PAUSES: i64 = 3;

/// When a meter's register moved last and should move next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Motion {
    /// The last movement.
    moved: LocalTime,
    /// When the next movement was due at the latest, by the meter's usual pause.
    due: LocalTime,
    /// Readings show that it has stood still for too long.
    stands: bool,
}

impl Motion {
    /// The motion of a watched room's meter; `None` if it has not moved during this stay. A meter
    /// that stands still for less than `silent_after` seconds is never frozen.
    pub(super) fn of(watch: &Watch, silent_after: i64) -> Option<Motion> {
        let last = watch.fold.movement?;
        let tolerance = watch.interval_seconds / 10;
        let still = watch.fold.seen.map_or(0, |seen| seen.since(last.at));
        Some(Motion {
            moved: last.at,
            due: last.at.plus(last.pause.unwrap_or(0) + tolerance),
            stands: last.pause.is_some_and(|pause| {
                still >= (silent_after - tolerance).max(PAUSES * (pause - tolerance))
            }),
        })
    }

    /// Whether it stands still and stopped together with others at `since`: its last movement is
    /// not later, and its next one was not due before.
    pub(super) fn has_stopped(&self, since: LocalTime) -> bool {
        self.stands && self.moved <= since && since <= self.due
    }
}

/// The last movement before a hotel froze; `None` if it is not frozen. It is when at least five
/// meters have stopped by then and not more than those have moved since.
pub(super) fn frozen_since(meters: &[Motion]) -> Option<LocalTime> {
    most_frozen(meters, LocalTime::LAST, 1)
}

/// Whether a hotel that froze at `since` moves again: more than twice as many meters have moved as
/// still stand, so that it does not appear frozen again at once. `since` is exact only to
/// `silent_after` seconds, because meters are read at different times.
pub(super) fn is_moving(meters: &[Motion], since: LocalTime, silent_after: i64) -> bool {
    let count = |is: &dyn Fn(&Motion) -> bool| meters.iter().filter(|meter| is(meter)).count();
    let moving = count(&|meter| meter.moved > since);
    let standing = count(&|meter| meter.has_stopped(since));
    moving > 2 * standing && most_frozen(meters, since.plus(silent_after), 2).is_none()
}

/// The time up to `latest` by which the most meters had stopped together: at least five, and at
/// most `times` as many have moved since. `None` if there is no such time.
fn most_frozen(meters: &[Motion], latest: LocalTime, times: usize) -> Option<LocalTime> {
    let standing = || meters.iter().filter(|meter| meter.stands);
    let moved = sorted(meters.iter().map(|meter| meter.moved));
    let stopped = sorted(standing().map(|meter| meter.moved));
    let due = sorted(standing().map(|meter| meter.due));
    let up_to = |times: &[LocalTime], since| times.partition_point(|time| *time <= since);
    let candidates = stopped.iter().take_while(|since| **since <= latest);
    let found = candidates.filter_map(|&since| {
        let overdue = due.partition_point(|time| *time < since);
        let frozen = up_to(&stopped, since) - overdue;
        let moving = moved.len() - up_to(&moved, since);
        (frozen >= MIN_FROZEN && times * frozen >= moving).then_some((frozen, since))
    });
    found.max().map(|(_, since)| since)
}

fn sorted(times: impl Iterator<Item = LocalTime>) -> Vec<LocalTime> {
    let mut times: Vec<LocalTime> = times.collect();
    times.sort_unstable();
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Movement, Rules, Stay};

    fn at(minutes: i64) -> LocalTime {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        noon.plus(minutes * 60)
    }

    /// A meter with its last movement, its usual pause and its last reading, in minutes.
    fn meter(moved: i64, pause: i64, seen: i64) -> Motion {
        let stay = Stay::Vacant {
            actual_checkin: None,
            actual_checkout: at(-600),
        };
        let mut watch = Watch::new(stay, &Rules::default());
        watch.fold.seen = Some(at(seen));
        watch.fold.movement = Some(Movement {
            at: at(moved),
            pause: Some(pause * 60),
        });
        Motion::of(&watch, 90 * 60).expect("it has moved")
    }

    #[test]
    fn a_meter_stands_still_after_three_times_its_usual_pause() {
        for (pause, seen, stands) in [
            (30, 86, false),
            (30, 87, true),
            // A whole-kWh meter that moves every hour, and every eight hours.
            (60, 170, false),
            (60, 171, true),
            (480, 1_430, false),
            (480, 1_431, true),
        ] {
            assert_eq!(meter(0, pause, seen).stands, stands, "{pause} {seen}");
        }
        // A silent meter shows no readings that stand still.
        assert!(!meter(0, 30, 60).stands);
    }

    #[test]
    fn a_hotel_is_frozen_when_half_of_its_moving_meters_and_at_least_five_stop() {
        let frozen = |standing: usize, moving: usize| {
            let standing = (0..standing).map(|n| meter(n as i64, 30, 200));
            let moving = (0..moving).map(|n| meter(150 + n as i64, 30, 200));
            frozen_since(&standing.chain(moving).collect::<Vec<_>>())
        };
        assert_eq!(frozen(4, 0), None);
        assert_eq!(frozen(5, 0), Some(at(4)));
        assert_eq!(frozen(5, 5), Some(at(4)));
        assert_eq!(frozen(5, 6), None);
        assert_eq!(frozen(0, 40), None);
    }

    #[test]
    fn meters_that_stop_one_after_the_other_are_not_frozen() {
        // Guests leave: one every fifteen minutes from noon on.
        let spread: Vec<Motion> = (0..20).map(|n| meter(15 * n, 30, 600)).collect();
        assert_eq!(frozen_since(&spread), None);
        // Whole-kWh meters whose next movement is due hours later stopped with the others.
        let mut coarse: Vec<Motion> = (0..4).map(|n| meter(-300 + n, 400, 1_500)).collect();
        coarse.push(meter(90, 30, 1_500));
        assert_eq!(frozen_since(&coarse), Some(at(90)));
    }

    #[test]
    fn a_frozen_hotel_moves_again_when_twice_as_many_meters_move_as_stand() {
        let moving = |standing: usize, moving: usize| {
            let standing = (0..standing).map(|_| meter(0, 30, 200));
            let moving = (0..moving).map(|_| meter(180, 180, 200));
            is_moving(&standing.chain(moving).collect::<Vec<_>>(), at(0), 90 * 60)
        };
        assert!(!moving(5, 0) && !moving(5, 10));
        assert!(moving(5, 11) && moving(0, 1));
        // All rooms have new guests, and no meter has moved during their stays yet.
        assert!(!moving(0, 0));
    }
}
