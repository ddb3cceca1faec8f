//! Rooms that are not to be judged, whatever the order of messages.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use roomwatt::engine::{
    Closing, Exemption, NoticeKind, RoomNotice, RoomStatus, Said, StatusChange, Statuses, Stay,
    observe, pieces,
};
use roomwatt::review::judge;
use roomwatt::types::{LocalTime, Reading};

use crate::config;
use crate::player::notices;
use crate::world::{Message, World, room, room_key, world_with_statuses};

/// Changes over weeks, and any order of them in which each comes at least once.
fn changes() -> impl Strategy<Value = (Vec<StatusChange>, Vec<StatusChange>)> {
    let noon = LocalTime::from_ymd_hms(2023, 4, 10, 12, 0, 0).expect("a date");
    let change = (0..60i64, 0..12u8, 1..40i64).prop_map(move |(place, status, length)| {
        let at = noon.plus(place * 6 * 3_600);
        let status = match status {
            0..3 => RoomStatus::OutOfOrder { until: None },
            3..5 => RoomStatus::OutOfOrder {
                until: Some(at.plus(length * 3_600)),
            },
            5..8 => RoomStatus::InOrder,
            8..10 => RoomStatus::Dirty,
            _ => RoomStatus::Clean,
        };
        StatusChange { at, status }
    });
    (vec(change, 1..40), vec(any::<Index>(), 0..40)).prop_flat_map(|(changes, again)| {
        let again: Vec<StatusChange> = again.iter().map(|at| *at.get(&changes)).collect();
        let all = [changes.clone(), again].concat();
        (Just(changes), Just(all).prop_shuffle())
    })
}

fn statuses(changes: &[StatusChange]) -> Statuses {
    let mut statuses = Statuses::default();
    for change in changes {
        statuses.add(*change);
    }
    statuses
}

/// Whether the room is out of order at a time, by all that was ever said of it.
fn is_out_of_order(changes: &[StatusChange], arrived: Option<LocalTime>, at: LocalTime) -> bool {
    let of_order = changes
        .iter()
        .filter(|change| change.at <= at)
        .filter(|change| {
            matches!(
                change.status,
                RoomStatus::OutOfOrder { .. } | RoomStatus::InOrder
            )
        });
    let last = of_order.max_by_key(|change| {
        // At one time "in order" wins, then the longest of those that name an end.
        let until = match change.status {
            RoomStatus::OutOfOrder { until } => until,
            _ => Some(LocalTime::LAST),
        };
        (change.at, until)
    });
    let Some(StatusChange {
        at: since,
        status: RoomStatus::OutOfOrder { until },
    }) = last
    else {
        return false;
    };
    until.is_none_or(|until| at < until) && arrived.is_none_or(|arrived| arrived <= *since)
}

proptest! {
    #![proptest_config(config())]

    /// Whatever order messages come in, and however often, the same is known.
    #[test]
    fn any_order_and_repetition_ends_in_the_same((once, shuffled) in changes()) {
        let kept = statuses(&once);
        prop_assert_eq!(&statuses(&shuffled), &kept);
        prop_assert!(kept.changes().len() <= 17, "{}", kept.changes().len());
    }

    /// Changes that are no longer kept do not matter for the last seven days and later.
    #[test]
    fn the_changes_that_are_kept_give_the_same_last_days_as_all_changes((once, _) in changes()) {
        let kept = statuses(&once);
        let is_of_order = |change: &StatusChange| {
            !matches!(change.status, RoomStatus::Dirty | RoomStatus::Clean)
        };
        let mut of_order: Vec<_> = once.iter().copied().filter(is_of_order).collect();
        of_order.sort();
        of_order.dedup();
        let Some(last) = of_order.last() else { return Ok(()) };
        // If there are more than eight in a week, the last eight.
        let first = of_order[of_order.len().saturating_sub(8)].at;
        let first = match of_order.len() {
            0..8 => last.at.plus(-7 * 86_400),
            _ => first.max(last.at.plus(-7 * 86_400)),
        };
        let hours = last.at.since(first) / 3_600 + 200;
        for hour in 0..hours {
            let at = first.plus(hour * 3_600);
            let is = is_out_of_order(&once, None, at);
            prop_assert_eq!(kept.out_of_order(at, None).is_some(), is, "{}", at);
        }
    }

    /// Messages of stays and of statuses in any order, and again, before any reading: all of it is
    /// known, and out of order is what it is in the order of time.
    #[test]
    fn stays_and_statuses_come_in_any_order(
        world in world_with_statuses(),
        seed in any::<u64>(),
    ) {
        let in_order = deliver(&world, &world.messages());
        let mut messages = [world.messages(), world.messages()].concat();
        let mut rng = fastrand::Rng::with_seed(seed);
        rng.shuffle(&mut messages);
        // Before its first stay a room has no status.
        messages.insert(0, Message::Stay(world.stays[0]));
        let shuffled = deliver(&world, &messages);
        let [one, other] = [&in_order, &shuffled].map(|room| room.state());
        prop_assert_eq!(&one.statuses, &other.statuses);
        prop_assert_eq!(one.exempt(&world.rules), other.exempt(&world.rules));
    }

    /// "intervals [that lie in such a time, even for a part] neither count nor end a run"; "of a
    /// vacant watch, intervals that end within it after the departure or after `dirty`, and before
    /// `clean`": by the second, from all that was said.
    #[test]
    fn a_room_is_exempt_exactly_when_its_statuses_say_so(world in world_with_statuses()) {
        let grace = world.rules.cleaning_grace_seconds;
        for (place, (stay, readings)) in world.watches().into_iter().enumerate() {
            let exempt = world.state(&stay).exempt(&world.rules);
            let arrived = { world.stays[..=place].iter() }
                .filter(|stay| matches!(stay, Stay::Occupied { .. }))
                .map(Stay::time)
                .max();
            let after = &readings[readings.partition_point(|r| r.time <= stay.time())..];
            for pair in after.windows(2) {
                let (from, to) = (pair[0].time, pair[1].time);
                if from == to {
                    continue;
                }
                // It can only change where something begins or ends.
                let ends = world.statuses.iter().filter_map(|change| match change.status {
                    RoomStatus::OutOfOrder { until } => until,
                    _ => None,
                });
                let times = world.statuses.iter().map(|change| change.at).chain(ends).chain([from]);
                let mut times = times.filter(|time| from <= *time && *time < to);
                let is_out = times.any(|at| is_out_of_order(&world.statuses, arrived, at));
                let begins = { world.statuses.iter() }
                    .filter(|change| change.status == RoomStatus::Dirty)
                    .map(|change| change.at)
                    .chain([stay.time()]);
                let is_cleaned = |begin: LocalTime| {
                    let cleaned = world.statuses.iter().any(|change| {
                        change.status == RoomStatus::Clean && begin <= change.at && change.at < to
                    });
                    begin < to && to.since(begin) <= grace && !cleaned
                };
                let is_vacant = matches!(stay, Stay::Vacant { .. });
                let is_cleaned = is_vacant && grace > 0 && { begins }.any(is_cleaned);
                let found = exempt.interval(from, to);
                prop_assert_eq!(
                    matches!(found, Some(Exemption::OutOfOrder { .. })), is_out, "{} {}", from, to
                );
                if !is_out {
                    prop_assert_eq!(found == Some(Exemption::Cleaning), is_cleaned, "{}", to);
                }
            }
        }
    }

    /// A meter without power sends no reading: the clock ends a run where a reading that came now
    /// would, of which it is known what it shows and that it closes an interval.
    #[test]
    fn the_clock_ends_a_run_exactly_when_a_reading_would(
        world in world_with_statuses(),
        messages in any::<Index>(),
        later in prop_oneof![0..7_300i64, 0..200_000i64],
    ) {
        let rules = &world.rules;
        let mut room = room();
        let all = world.messages();
        for message in &all[..=messages.index(all.len())] {
            let stored = &world.readings[..world.until(message.time())];
            room.sweep(stored, rules);
            message.deliver(&mut room, stored, rules);
        }
        let before = room.state().clone();
        let Some(sample) = before.watch.fold.sample else { return Ok(()) };
        if before.watch.fold.suspect.is_some() {
            return Ok(());
        }
        let last = before.watch.fold.seen.unwrap_or(sample.time).max(sample.time);
        let now = last.max(before.watch.stay.time()).plus(rules.interval_seconds + later);
        let reading = Reading { time: now, register: sample.register };
        let next = observe(&room_key(), &before, &[reading], rules);
        let expected = notices(&next.changes).into_iter();
        let expected: Vec<_> = expected
            .filter(|notice| matches!(notice.kind, NoticeKind::Closed(Closing::OutOfOrder { .. })))
            .map(|notice| (notice.kind, notice.since, notice.until, notice.periods))
            .collect();
        let is_out = next.tally.out_of_order > 0;
        let changes = room.close_out_of_order(now, rules);
        let closed = notices(&changes).into_iter();
        let closed: Vec<_> = closed
            .map(|notice| (notice.kind, notice.since, notice.until, notice.periods))
            .collect();
        prop_assert_eq!(closed, expected);
        let was = before.watch.fold.run;
        prop_assert_eq!(room.watch().fold.run, was.filter(|_| !is_out));
        // Once.
        prop_assert_eq!(room.close_out_of_order(now, rules), []);
    }

    /// A backtest finds what the service notifies of.
    #[test]
    fn a_backtest_honours_statuses_as_the_service_does(mut world in world_with_statuses()) {
        // A run that was cut off stays so, where the same second turns out to be in order.
        world.statuses.dedup_by_key(|change| change.at);
        let said: Vec<Said> = { world.messages().into_iter() }
            .map(|message| match message {
                Message::Stay(stay) => Said::of(&stay),
                Message::Status(change) => Said::Status(change),
            })
            .collect();
        let mut past = roomwatt::review::Room::new(room_key());
        past.stays = pieces(&said, world.rules.match_seconds);
        past.statuses = Statuses::in_past(said.iter().filter_map(Said::status), &past.stays);
        past.readings = world.readings.clone();
        let shown = |notice: &RoomNotice| {
            let RoomNotice { kind, watch, detected, since, periods, energy, .. } = *notice;
            (kind, watch, detected, since, periods, energy)
        };
        let found = judge(&past.sorted(), &world.rules, LocalTime::FIRST);
        let in_time = world.in_time();
        let notices = in_time.notices().into_iter();
        let notices = notices.filter(|notice| !matches!(notice.kind, NoticeKind::Closed(_)));
        prop_assert_eq!(
            found.iter().map(shown).collect::<Vec<_>>(),
            notices.map(shown).collect::<Vec<_>>()
        );
    }

    /// "An interval is judged by what is known when it is judged, once": a message that comes any
    /// time before the intervals after its time are judged is as good as one in time.
    #[test]
    fn a_status_may_come_late_as_long_as_nothing_is_judged_meanwhile(
        world in world_with_statuses(),
        delays in vec(any::<Index>(), 16),
    ) {
        let in_time = world.in_time();
        let mut late = room();
        let messages = world.messages();
        let ends = messages.iter().skip(1).map(|next| world.until(next.time()));
        let ends = ends.chain([world.readings.len()]);
        for ((message, end), delay) in messages.iter().zip(ends).zip(&delays) {
            let due = world.until(message.time());
            late.sweep(&world.readings[..due], &world.rules);
            let stored = due + delay.index(end + 1 - due);
            message.deliver(&mut late, &world.readings[..stored], &world.rules);
        }
        late.sweep(&world.readings, &world.rules);
        prop_assert_eq!(late.notices(), in_time.notices());
        prop_assert_eq!(late.state, in_time.state);
    }
}

fn deliver(world: &World, messages: &[Message]) -> crate::player::Room {
    let mut room = room();
    for message in messages {
        message.deliver(&mut room, &[], &world.rules);
    }
    room
}
