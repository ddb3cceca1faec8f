//! Meters whose registers have stopped moving all at one time, though readings come: a gateway that
//! repeats its last registers under fresh times must not look like a calm hotel.
//!
//! Registers that stand still are ordinary: whole-kWh meters of vacant rooms for hours, any meter
//! where a guest takes the key card out and cuts the power. So a meter has to have moved and to
//! stand still for much longer than it did before; and many of them have to have stopped together,
//! while the hotel's others do not go on.

use crate::types::LocalTime;

use super::Watch;

/// Fewer meters are no matter of the whole hotel.
const LEAST_FROZEN: usize = 5;

/// A meter that has stood still for so many times as long as it is used to was to move by now.
const PAUSES: i64 = 3;

/// How a meter moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Motion {
    /// The last movement.
    moved: LocalTime,
    /// When the next one was to come at the latest, by what it is used to.
    due: LocalTime,
    /// It has stood still for too long, and readings show it.
    stands: bool,
}

impl Motion {
    /// The motion of a watched room's meter; `None` while it has not moved under its stay.
    /// `silent_after`: standing still for less is nothing. Seconds.
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

    /// It stands still, and was to move next by `since`, at which others stopped.
    pub(super) fn has_stopped(&self, since: LocalTime) -> bool {
        self.stands && self.moved <= since && since <= self.due
    }
}

/// The last movement before a hotel froze, where it has: at least five meters have stopped by then,
/// and not more have moved since.
pub(super) fn frozen_since(meters: &[Motion]) -> Option<LocalTime> {
    worst(meters, LocalTime::LAST, 1)
}

/// Whether a hotel that froze at `since` moves again: many more meters have moved than still stand,
/// so that it does not seem to freeze again the next moment. When it froze is known only nearly,
/// because meters are read at different times: to within `silent_after` seconds.
pub(super) fn is_moving(meters: &[Motion], since: LocalTime, silent_after: i64) -> bool {
    let count = |is: &dyn Fn(&Motion) -> bool| meters.iter().filter(|meter| is(meter)).count();
    let moving = count(&|meter| meter.moved > since);
    let standing = count(&|meter| meter.has_stopped(since));
    moving > 2 * standing && worst(meters, since.plus(silent_after), 2).is_none()
}

/// Of the times up to `latest` at which at least five meters had stopped, and at most `times` as
/// many have moved since, the one at which most had.
fn worst(meters: &[Motion], latest: LocalTime, times: usize) -> Option<LocalTime> {
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
        (frozen >= LEAST_FROZEN && times * frozen >= moving).then_some((frozen, since))
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

    /// A meter that moved last at this minute, is used to such pauses, and is read at `seen` for
    /// the last time.
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
    fn a_meter_stands_still_when_it_does_for_longer_than_it_is_used_to() {
        for (after, seen, stands) in [
            (30, 86, false),
            (30, 87, true),
            // Every hour, and every eight hours: a whole-kWh meter.
            (60, 170, false),
            (60, 171, true),
            (480, 1_430, false),
            (480, 1_431, true),
        ] {
            assert_eq!(meter(0, after, seen).stands, stands, "{after} {seen}");
        }
        // One that goes silent has not been seen to stand still.
        assert!(!meter(0, 30, 60).stands);
    }

    #[test]
    fn half_of_those_that_moved_and_at_least_five_are_frozen() {
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
    fn meters_that_stopped_one_after_the_other_are_not_frozen() {
        // One every fifteen minutes from noon on: guests who leave.
        let spread: Vec<Motion> = (0..20).map(|n| meter(15 * n, 30, 600)).collect();
        assert_eq!(frozen_since(&spread), None);
        // Whole-kWh meters that were to move again hours later stopped with the others.
        let mut coarse: Vec<Motion> = (0..4).map(|n| meter(-300 + n, 400, 1_500)).collect();
        coarse.push(meter(90, 30, 1_500));
        assert_eq!(frozen_since(&coarse), Some(at(90)));
    }

    #[test]
    fn a_frozen_hotel_moves_when_most_of_its_meters_have_moved() {
        let moving = |standing: usize, moving: usize| {
            let standing = (0..standing).map(|_| meter(0, 30, 200));
            let moving = (0..moving).map(|_| meter(180, 180, 200));
            is_moving(&standing.chain(moving).collect::<Vec<_>>(), at(0), 90 * 60)
        };
        assert!(!moving(5, 0) && !moving(5, 10));
        assert!(moving(5, 11) && moving(0, 1));
        // All guests have changed, and nothing is known of the meters under their stays.
        assert!(!moving(0, 0));
    }
}
