//! However messages come, the watch is the same.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use roomwatt::engine::{Change, Closing, NoticeKind, RoomNotice, RoomState, Stay, observe};

use crate::config;
use crate::player::{Room, notices};
use crate::world::{World, room, room_key, world};

/// A delivery: which message, how many readings were stored then, whether a sweep came just before.
#[derive(Clone, Copy, Debug)]
struct Delivery {
    stay: Stay,
    stored: usize,
    swept: bool,
}

/// A world whose messages come in any order, at any time, each at least once.
fn chaos() -> impl Strategy<Value = (World, Vec<Delivery>)> {
    let delivery = || (any::<Index>(), any::<Index>(), any::<bool>());
    (world(), vec(delivery(), 4..12)).prop_map(|(world, deliveries)| {
        let once = (0..world.stays.len()).chain(std::iter::repeat(usize::MAX));
        let mut deliveries: Vec<Delivery> = once
            .zip(deliveries)
            .map(|(at, (any, stored, swept))| Delivery {
                stay: *world.stays.get(at).unwrap_or_else(|| any.get(&world.stays)),
                stored: stored.index(world.readings.len() + 1),
                swept,
            })
            .collect();
        deliveries.sort_by_key(|delivery| delivery.stored);
        (world, deliveries)
    })
}

fn deliver(world: &World, deliveries: &[Delivery]) -> Room {
    let mut room = room();
    for delivery in deliveries {
        let stored = &world.readings[..delivery.stored];
        if delivery.swept {
            room.sweep(stored, &world.rules);
        }
        room.message(delivery.stay, stored, &world.rules);
    }
    room.sweep(&world.readings, &world.rules);
    room
}

/// The world's messages in their order, each after its time but before the next one's; sweeps only
/// up to the stay time of the next message.
fn delayed(world: &World, delays: &[Index], swept: bool) -> Room {
    let mut room = room();
    let next = world
        .stays
        .iter()
        .skip(1)
        .map(|stay| world.until(stay.time()));
    let ends = next.chain([world.readings.len()]);
    for ((stay, delay), end) in world.stays.iter().zip(delays).zip(ends) {
        let in_time = world.until(stay.time());
        let stored = in_time + delay.index(end + 1 - in_time);
        if swept {
            room.sweep(&world.readings[..in_time], &world.rules);
        }
        room.message(*stay, &world.readings[..stored], &world.rules);
    }
    room.sweep(&world.readings, &world.rules);
    room
}

fn expecting(stay: Stay, hours: Option<i64>) -> Stay {
    Stay::Occupied {
        check_in: stay.time(),
        expected_checkout: hours.map(|hours| stay.time().plus(hours * 3600)),
    }
}

proptest! {
    #![proptest_config(config())]

    /// "every order of arrival and every redelivery end in the same watch"; "the watch never
    /// depends on the order of messages and sweeps"
    #[test]
    fn every_order_of_arrival_ends_in_the_same_watch((world, deliveries) in chaos()) {
        prop_assert_eq!(deliver(&world, &deliveries).decided(), world.in_time().decided());
    }

    /// However messages and sweeps cross, the staff is not notified twice of the same periods of a
    /// run.
    #[test]
    fn no_notice_comes_twice((world, deliveries) in chaos()) {
        let room = deliver(&world, &deliveries);
        let notices = room.notices();
        let mut once: Vec<_> = notices
            .iter()
            .map(|n| (n.stay.order(), n.kind, n.since, n.periods))
            .collect();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), notices.len(), "{:?}", notices);
    }

    /// "A run that ends otherwise (gap, replaced meter, newer event) closes without a recovery;
    /// where it was notified, the staff is notified that it is no longer followed": each run that
    /// was notified has one end, unless it goes on.
    #[test]
    fn each_run_that_was_notified_has_one_end((world, deliveries) in chaos()) {
        let room = deliver(&world, &deliveries);
        let mut ends = BTreeMap::new();
        for notice in room.notices() {
            let is_end = matches!(notice.kind, NoticeKind::Recovered | NoticeKind::Closed(_));
            *ends.entry(notice.run()).or_insert(0) += u32::from(is_end);
        }
        let state = room.state.expect("a watch");
        let going_on = state.notified_run(&room_key());
        for (run, ends) in ends {
            prop_assert_eq!(ends, u32::from(going_on.as_ref() != Some(&run)), "{:?}", run);
        }
    }

    /// "a check-in that carries an `expected_checkout_time` sets that (the later arrival wins;
    /// absence changes nothing)"
    #[test]
    fn the_last_expected_check_out_to_arrive_wins(
        world in world(),
        arrivals in vec((prop::option::of(1..200i64), any::<Index>()), 1..6),
    ) {
        let mut arrivals = arrivals;
        let newest = *world.stays.last().expect("at least one");
        arrivals.sort_by_key(|(_, stored)| stored.index(world.readings.len() + 1));
        let mut room = room();
        for (hours, stored) in &arrivals {
            let stored = &world.readings[..stored.index(world.readings.len() + 1)];
            room.sweep(stored, &world.rules);
            room.message(expecting(newest, *hours), stored, &world.rules);
        }
        room.sweep(&world.readings, &world.rules);
        let last = arrivals.iter().rev().find_map(|(hours, _)| *hours);
        let alone = World { stays: vec![expecting(newest, last)], ..world };
        let watch = |room: Room| room.state.map(|state| state.watch);
        prop_assert_eq!(watch(room), watch(alone.in_time()));
    }

    /// "recorded alerts don't either [depend on the order of messages and sweeps], as long as no
    /// sweep had judged past the stay time"
    #[test]
    fn a_message_before_or_after_the_sweep_gives_the_same_notices(
        world in world(),
        delays in vec(any::<Index>(), 4),
        swept in any::<bool>(),
    ) {
        let in_time = world.in_time();
        let late = delayed(&world, &delays, swept);
        prop_assert_eq!(late.notices(), in_time.notices());
        prop_assert_eq!(late.state, in_time.state);
    }

    /// "A message that comes late finds readings after its stay time: they are judged under the
    /// new watch, in the same transaction. What the old watch had already recorded beyond the new
    /// stay time stands."
    #[test]
    fn a_late_message_ends_in_the_watch_of_one_in_time(world in world(), late in any::<Index>()) {
        let (newest, earlier) = world.stays.split_last().expect("at least one");
        let before = World { stays: earlier.to_vec(), ..world.clone() };
        let from = world.until(newest.time());
        let stored = &world.readings[..from + late.index(world.readings.len() + 1 - from)];
        let mut room = room();
        for stay in &before.stays {
            let stored = &world.readings[..world.until(stay.time())];
            room.sweep(stored, &world.rules);
            room.message(*stay, stored, &world.rules);
        }
        room.sweep(stored, &world.rules); // past the stay time
        let already = room.changes.clone();
        room.message(*newest, stored, &world.rules);

        let (stands, new) = room.changes.split_at(already.len());
        prop_assert_eq!(stands, already);
        let closed = |change: &Change| matches!(change, Change::Notice(notice)
            if matches!(notice.kind, NoticeKind::Closed(Closing::NewStay { .. })));
        let opened = new.iter().find(|change| !closed(change));
        prop_assert!(matches!(opened, Some(Change::Opened(_))), "{:?}", new);
        let seen = room.state.as_ref().and_then(|state| state.watch.fold.seen);
        let last = stored.last().map(|r| r.time);
        prop_assert!(last <= Some(newest.time()) || seen == last, "all is judged at once");

        room.sweep(&world.readings, &world.rules);
        let in_time = world.in_time();
        prop_assert_eq!(room.decided(), in_time.decided());
        let of_the_new = |room: &Room| -> Vec<_> {
            let notices = room.notices().into_iter().filter(|n| n.stay == *newest).cloned();
            notices.map(|notice| RoomNotice { watch: 0, before: Vec::new(), ..notice }).collect()
        };
        prop_assert_eq!(of_the_new(&room), of_the_new(&in_time));
    }

    /// "A newer event first brings the old watch up to date: the room's readings up to and
    /// including the new stay time are judged under the old watch. Then it replaces it."
    #[test]
    fn the_old_watch_judges_up_to_the_new_stay_time((world, deliveries) in chaos()) {
        let mut room = room();
        for delivery in &deliveries {
            let stored = &world.readings[..delivery.stored];
            if delivery.swept {
                room.sweep(stored, &world.rules);
            }
            let old = room.state.clone();
            let before = room.changes.len();
            room.message(delivery.stay, stored, &world.rules);
            let changes = &room.changes[before..];
            let opened = changes.iter().position(|c| matches!(c, Change::Opened(_)));
            let Some(opened) = opened else {
                prop_assert_eq!(changes, []);
                // More is known of who was in before.
                let watch = |state: &Option<RoomState>| {
                    state.as_ref().map(|state| (state.watches, state.watch.clone()))
                };
                prop_assert_eq!(watch(&room.state), watch(&old));
                continue;
            };
            let time = delivery.stay.time();
            let watches = |state: &Option<RoomState>| {
                state.as_ref().map_or(0, |state| state.watches)
            };
            prop_assert_eq!(watches(&room.state), watches(&old) + 1);
            if let Some(old) = old {
                let until = &stored[..stored.partition_point(|r| r.time <= time)];
                let brought_up = observe(&room_key(), &old, until, &world.rules);
                let mut expected = brought_up.changes;
                let run = brought_up.state.watch.fold.run.filter(|run| run.notified_at_periods > 0);
                let closing = match &changes[..opened] {
                    [.., Change::Notice(closing)] if run.is_some() => Some(closing.clone()),
                    _ => None,
                };
                prop_assert_eq!(closing.as_ref().map(|n| n.since), run.map(|run| run.since));
                if let Some(closing) = closing {
                    let (kind, at) = (delivery.stay.kind(), time);
                    let why = Closing::NewStay { kind, at };
                    prop_assert_eq!(closing.kind, NoticeKind::Closed(why));
                    prop_assert_eq!(closing.stay, old.watch.stay);
                    // Intervals of exactly zero may have followed the run without ending it.
                    let fold = &brought_up.state.watch.fold;
                    let moved = fold.movement.map(|last| last.at).filter(|at| *at > closing.since);
                    let reached = moved.or(fold.sample.map(|sample| sample.time));
                    prop_assert_eq!((closing.detected, closing.until), (time, reached));
                    expected.push(Change::Notice(closing));
                }
                prop_assert_eq!(&changes[..opened], &expected[..]);
            } else {
                prop_assert_eq!(opened, 0);
            }
            for notice in notices(&changes[opened..]) {
                prop_assert_eq!(notice.stay, delivery.stay);
                prop_assert!(notice.detected > time);
                prop_assert!(time.since(notice.since) <= world.rules.tolerance_seconds());
            }
        }
    }

    /// "the room's last reading at or before the stay time, if it is at most one interval older;
    /// else the first reading after it, once there is one"
    #[test]
    fn the_initial_reading_is_the_last_before_or_the_first_after(
        (world, deliveries) in chaos(),
    ) {
        let room = deliver(&world, &deliveries);
        let watch = room.state.expect("a watch").watch;
        let time = watch.stay.time();
        let first = |at: usize| {
            let time = world.readings.get(at)?.time;
            world.readings.iter().find(|r| r.time == time).copied()
        };
        let after = world.until(time);
        let before = after.checked_sub(1).and_then(first);
        let expected = before
            .filter(|r| time.since(r.time) <= world.rules.interval_seconds)
            .or_else(|| first(after));
        prop_assert_eq!(watch.initial, expected);
    }
}
