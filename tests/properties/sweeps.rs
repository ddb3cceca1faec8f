//! However the service comes by its readings, the verdicts are the same.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use roomwatt::engine::{Change, RoomState, observe, receive};
use roomwatt::store::room::{self, Row};

use crate::config;
use crate::player::Room;
use crate::world::{Message, World, room, room_key, world, world_with_statuses};

/// A status of cleaning is forgotten with one of a day later. So the sweeps of these worlds lag
/// behind a status by less than that and the time of grace.
const LONGEST_LAG: i64 = (24 - 1) * 3_600;

/// A world, and the ends of the sweeps that read it.
fn cut_world() -> impl Strategy<Value = (World, Vec<usize>)> {
    let worlds = prop_oneof![world(), world_with_statuses()];
    (worlds, vec(any::<Index>(), 0..12)).prop_map(|(world, cuts)| {
        let len = world.readings.len();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(len + 1)).collect();
        let statuses = world.statuses.iter();
        cuts.extend(statuses.map(|change| world.until(change.at.plus(-LONGEST_LAG))));
        cuts.push(len);
        cuts.sort_unstable();
        (world, cuts)
    })
}

/// The world with its messages in time, swept at these cuts, and `between` any two steps, with how
/// many readings have been judged.
fn play(world: &World, cuts: &[usize], mut between: impl FnMut(&mut Room, usize)) -> Room {
    let mut room = room();
    let mut messages = world.messages().into_iter().peekable();
    let mut judged = 0;
    for &cut in cuts {
        while let Some(message) = messages.next_if(|next| world.until(next.time()) <= cut) {
            let stored = world.until(message.time());
            message.deliver(&mut room, &world.readings[..stored], &world.rules);
            if let Message::Stay(_) = message {
                judged = stored;
            }
            between(&mut room, judged);
        }
        judged = cut;
        room.sweep(&world.readings[..cut], &world.rules);
        between(&mut room, cut);
    }
    room
}

fn reload(state: &RoomState) -> RoomState {
    let row = Row::of(state).expect("JSON");
    // What people read in columns is what the state says.
    let watch = &state.watch;
    assert_eq!(row.msg_type, watch.stay.kind().as_str());
    assert_eq!(
        (row.stay_time, row.seen_time),
        (watch.stay.time(), watch.fold.seen)
    );
    assert_eq!(row.run, watch.fold.run);
    room::read(&room_key(), room::VERSION, &row.state).expect("a row of our own")
}

proptest! {
    #![proptest_config(config())]

    /// "The verdicts do not depend on how readings were cut into sweeps"
    #[test]
    fn readings_split_into_any_sweeps_give_the_same_notices((world, cuts) in cut_world()) {
        let in_time = world.in_time();
        let cut = play(&world, &cuts, |_, _| {});
        prop_assert_eq!(cut.notices(), in_time.notices());
        prop_assert_eq!(&cut.state, &in_time.state);

        let one_by_one: Vec<usize> = (0..=world.readings.len()).collect();
        let single = play(&world, &one_by_one, |_, _| {});
        prop_assert_eq!(single.notices(), in_time.notices());
        prop_assert_eq!(single.state, in_time.state);
    }

    /// "nor on restarts [...] between any two of them": what is saved is all there is.
    #[test]
    fn a_restart_between_any_two_readings_changes_nothing(
        world in prop_oneof![world(), world_with_statuses()],
    ) {
        let in_time = world.in_time();
        let one_by_one: Vec<usize> = (0..=world.readings.len()).collect();
        let restarted = play(&world, &one_by_one, |room, _| {
            if let Some(state) = &mut room.state {
                let loaded = reload(state);
                assert_eq!(loaded, *state);
                *state = loaded;
            }
        });
        prop_assert_eq!(restarted.notices(), in_time.notices());
        prop_assert_eq!(restarted.state, in_time.state);
    }

    /// "nor on [...] repetitions between any two of them"; "A reading at or before `seen` is late
    /// or a repetition: counted, never judged."
    #[test]
    fn repeated_readings_change_nothing_and_bring_no_notice(
        (world, cuts) in cut_world(),
        back in any::<Index>(),
    ) {
        let in_time = world.in_time();
        let repeated = play(&world, &cuts, |room, read| {
            let Some(state) = &room.state else { return };
            let suffix = &world.readings[back.index(read + 1)..read];
            let again = observe(&room_key(), state, suffix, &world.rules);
            assert_eq!(again.state, *state);
            assert_eq!(again.changes, []);
            assert_eq!(again.tally.folded, 0);
            let seen = state.watch.fold.seen;
            let late = suffix.iter().filter(|r| seen.is_some_and(|seen| r.time <= seen));
            assert_eq!(again.tally.late, late.count() as u64);
        });
        prop_assert_eq!(repeated.notices(), in_time.notices());
        prop_assert_eq!(repeated.state, in_time.state);
    }

    /// Readings that `receive` does not ask for could not have changed anything.
    #[test]
    fn older_readings_than_a_message_needs_do_no_harm(world in world(), at in any::<Index>()) {
        let mut room = room();
        for stay in &world.stays {
            let stored = &world.readings[..at.index(world.readings.len() + 1)];
            let said = roomwatt::engine::Said::of(stay);
            let all = receive(&room_key(), room.state.as_ref(), &said, stored, &world.rules);
            let before = room.changes.len();
            room.message(*stay, stored, &world.rules);
            let roomwatt::engine::Received::Newer(all) = all else {
                panic!("stays come in order: {all:?}")
            };
            prop_assert_eq!(Some(all.state), room.state.clone());
            prop_assert_eq!(&all.changes[..], &room.changes[before..]);
            room.sweep(stored, &world.rules);
        }
    }

    /// An initial reading is recorded once for each that there is, the last one as it stays.
    #[test]
    fn what_is_recorded_of_a_watch_is_what_it_has(world in world()) {
        let one_by_one: Vec<usize> = (0..=world.readings.len()).collect();
        let room = play(&world, &one_by_one, |_, _| {});
        let watch = &room.state.as_ref().expect("a watch").watch;
        let recorded = room.changes.iter().rev().find_map(|change| match change {
            Change::Opened(opening) | Change::Rewritten(opening) => Some(*opening),
            _ => None,
        });
        let recorded = recorded.expect("a watch is recorded when it opens");
        prop_assert_eq!((recorded.stay, recorded.initial), (watch.stay, watch.initial));
    }
}
