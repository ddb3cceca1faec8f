//! Whatever messages say of who is in a room, and in whatever order they come: its watch.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use roomwatt::engine::{
    Arrival, Change, Departure, Expectation, Fact, NoticeKind, Received, Rules, RunKey, Said, Stay,
    StayId, Watch,
};
use roomwatt::store::room;

use crate::config;
use crate::player::Room;
use crate::world::{World, room as new_room, room_key, world};

/// The facts of a room lie within a week: older ones may be forgotten.
const LONGEST: i64 = 6 * 86_400;

/// A room's readings, and what messages say of who is in it.
#[derive(Clone, Debug)]
struct Case {
    world: World,
    facts: Vec<Fact>,
}

/// One message: which fact, how many readings are stored when it comes, and whether a sweep came
/// just before.
#[derive(Clone, Copy, Debug)]
struct Coming {
    fact: usize,
    stored: usize,
    swept: bool,
}

/// What a fact is made of: where its time lies, as against a reading or an earlier fact; which kind
/// it is; the guest's id; the fact whose time it names, and how far off; whether a check-out is
/// expected, and when.
type Made = (
    (Index, Option<Index>, i64),
    u8,
    Option<&'static str>,
    (Option<Index>, i64),
    Option<i64>,
);

/// Seconds between two times that meet: within what is one time, just beyond it, hours.
fn apart() -> impl Strategy<Value = i64> {
    select(
        &[
            -7_200i64, -1_801, -1_800, -601, -600, -60, -1, 0, 0, 0, 1, 60, 600, 601, 1_800, 5_400,
            50_000,
        ][..],
    )
}

fn made() -> impl Strategy<Value = Made> {
    let near = prop::option::weighted(0.75, any::<Index>());
    let at = (any::<Index>(), near, apart());
    let id = prop_oneof![3 => Just(None), 4 => select(&[Some("A"), Some("B"), Some("C")][..])];
    let off = prop_oneof![4 => Just(0), 1 => apart()];
    let named = (prop::option::weighted(0.7, any::<Index>()), off);
    let expected = prop::option::of(select(&[3_600i64, 20_000, 90_000][..]));
    (at, 0..20u8, id, named, expected)
}

fn facts(made: Vec<Made>, world: &World) -> Vec<Fact> {
    let first = world.readings[0].time;
    let mut facts: Vec<Fact> = Vec::new();
    for ((reading, near, apart), kind, id, (names, off), expected) in made {
        let base = match near.filter(|_| !facts.is_empty()) {
            Some(near) => near.get(&facts).time(),
            None => reading.get(&world.readings).time,
        };
        let at = base.plus(apart).clamp(first, first.plus(LONGEST));
        let id = id.map(StayId::new);
        let named = names.filter(|_| !facts.is_empty());
        let named = named.map(|names| names.get(&facts).time().plus(off.clamp(-601, 601)));
        facts.push(match kind {
            0..10 => Fact::Arrival(Arrival {
                id,
                since: at,
                named: named.filter(|_| kind < 2),
                expected: expected.map(|seconds| at.plus(seconds)),
            }),
            10..19 => Fact::Departure(Departure {
                id,
                checkin: named,
                until: at,
            }),
            _ => Fact::Expectation(Expectation {
                id,
                since: named,
                expected: at.plus(expected.unwrap_or(3_600)),
            }),
        });
    }
    facts
}

fn case(most: usize) -> impl Strategy<Value = Case> {
    (world(), vec(made(), 1..=most)).prop_map(|(world, made)| Case {
        facts: facts(made, &world),
        world,
    })
}

/// Facts that come in any order, each at least once, while any readings are stored.
fn chaos() -> impl Strategy<Value = (Case, Vec<Coming>)> {
    let coming = (any::<Index>(), any::<Index>(), any::<bool>());
    (case(8), vec(coming, 8..14)).prop_map(|(case, comings)| {
        let len = case.facts.len();
        let once = (0..len).chain(std::iter::repeat(usize::MAX));
        let of = |(at, (any, stored, swept)): (usize, (Index, Index, bool))| Coming {
            fact: if at < len { at } else { any.index(len) },
            stored: stored.index(case.world.readings.len() + 1),
            swept,
        };
        let mut comings: Vec<Coming> = once.zip(comings).map(of).collect();
        comings.sort_by_key(|coming| coming.stored);
        (case, comings)
    })
}

/// Facts in two orders, with repetitions; none of them comes for the first time after a reading
/// behind its time.
fn in_any_order() -> impl Strategy<Value = (Case, Vec<Coming>)> {
    let order = vec((any::<u64>(), any::<Index>(), any::<bool>()), 6);
    let again = vec((any::<Index>(), any::<Index>()), 0..4);
    (case(6), order, again).prop_map(|(case, order, again)| {
        let mut case = case;
        // Of several expected check-outs the last one to come holds.
        case.facts
            .retain(|fact| !matches!(fact, Fact::Expectation(_)));
        let mut order: Vec<(usize, (u64, Index, bool))> =
            (0..case.facts.len()).zip(order).collect();
        order.sort_by_key(|(_, (key, ..))| *key);
        let mut comings: Vec<Coming> = Vec::new();
        let mut stored = 0;
        for (place, &(fact, (_, more, swept))) in order.iter().enumerate() {
            let to_come = order[place..]
                .iter()
                .map(|(fact, _)| case.facts[*fact].time());
            let most = case.world.until(to_come.min().expect("it comes itself"));
            stored += more.index(most.saturating_sub(stored) + 1);
            comings.push(Coming {
                fact,
                stored,
                swept,
            });
        }
        for (which, behind) in again.into_iter().filter(|_| !case.facts.is_empty()) {
            let known = which.index(comings.len());
            let place = known + 1 + behind.index(comings.len() - known);
            let stored = comings[place - 1].stored;
            comings.insert(
                place,
                Coming {
                    stored,
                    ..comings[known]
                },
            );
        }
        (case, comings)
    })
}

impl Case {
    /// The facts in the order of their times, each when it happens.
    fn in_time(&self) -> Vec<Coming> {
        let mut comings: Vec<Coming> = (0..self.facts.len())
            .map(|fact| Coming {
                fact,
                stored: self.world.until(self.facts[fact].time()),
                swept: true,
            })
            .collect();
        comings.sort_by_key(|coming| self.facts[coming.fact].time());
        comings
    }

    /// A room to which these messages come, and `after` each.
    fn play(
        &self,
        comings: &[Coming],
        mut after: impl FnMut(&Room, &Room, &Fact, &Received),
    ) -> Room {
        let mut room = new_room();
        for coming in comings {
            let stored = &self.world.readings[..coming.stored];
            if coming.swept {
                room.sweep(stored, self.rules());
            }
            let before = room.clone();
            let fact = &self.facts[coming.fact];
            let received = room.said(&Said::Fact(fact.clone()), stored, self.rules());
            after(&before, &room, fact, &received);
        }
        room.sweep(&self.world.readings, self.rules());
        room
    }

    fn rules(&self) -> &Rules {
        &self.world.rules
    }
}

/// What follows from the set of facts, in whatever order they come: not what was shown of the time
/// before the stay, and not which expected check-out came last.
fn decided(room: &Room) -> Option<Watch> {
    let mut watch = room.decided()?;
    if let Stay::Occupied {
        expected_checkout, ..
    } = &mut watch.stay
    {
        *expected_checkout = None;
    }
    Some(watch)
}

/// Whether a watch goes on that has judged readings of its stay, and that stay began earlier than
/// was known.
fn is_moved(before: &Room, after: &Room) -> bool {
    let (Some(before), Some(after)) = (&before.state, &after.state) else {
        return false;
    };
    let (was, now) = (before.watch.stay.time(), after.watch.stay.time());
    before.watches == after.watches && now < was && before.watch.fold.seen > Some(was)
}

/// Where a message says of an earlier departure that it was about somebody else, the watch may have
/// judged already, and goes on with that.
fn is_never_moved(case: &Case, comings: &[Coming]) -> (Room, bool) {
    let mut never = true;
    let room = case.play(comings, |before, after, _, _| {
        never &= !is_moved(before, after);
    });
    (room, never)
}

proptest! {
    #![proptest_config(config())]

    /// "all permutations and repetitions of up to six facts, with and without ids, derive [...] the
    /// same watch to the last field, where no fact comes after readings that lie behind its time"
    #[test]
    fn every_order_of_facts_ends_in_the_same_watch((case, comings) in in_any_order()) {
        let (room, never_moved) = is_never_moved(&case, &comings);
        let (in_time, never) = is_never_moved(&case, &case.in_time());
        prop_assume!(never_moved && never);
        prop_assert_eq!(decided(&room), decided(&in_time));
    }

    /// "The **watch** is the last piece"; "a room counts its watches"
    #[test]
    fn the_watch_is_on_the_last_piece_and_watches_are_counted((case, comings) in chaos()) {
        let rules = case.rules();
        case.play(&comings, |before, after, fact, received| {
            let Some(state) = &after.state else { return };
            let piece = state.occupancy.picture(rules.match_seconds).piece;
            assert_eq!(Some(state.watch.stay), piece, "after {fact:?}");
            let watches = before.state.as_ref().map_or(0, |state| state.watches);
            let is_newer = matches!(received, Received::Newer(_));
            assert_eq!(state.watches, watches + u32::from(is_newer), "after {fact:?}");
        });
    }

    /// Which piece is the last one follows from the set of facts, whatever was read meanwhile.
    #[test]
    fn the_last_piece_does_not_depend_on_readings((case, comings) in chaos()) {
        let piece = |room: &Room| decided(room).map(|watch| watch.stay);
        let played = case.play(&comings, |_, _, _, _| {});
        let in_time = case.play(&case.in_time(), |_, _, _, _| {});
        prop_assert_eq!(piece(&played), piece(&in_time));
    }

    /// A message that changes nothing of who is in, and since when, changes nothing that was
    /// judged.
    #[test]
    fn a_fact_that_changes_no_piece_changes_nothing_of_the_fold((case, comings) in chaos()) {
        case.play(&comings, |before, after, fact, _| {
            let (Some(old), Some(new)) = (&before.state, &after.state) else { return };
            if old.watch.stay.order() != new.watch.stay.order() {
                return;
            }
            let with_its_times = Watch { stay: new.watch.stay, ..old.watch.clone() };
            assert_eq!((old.watches, with_its_times), (new.watches, new.watch.clone()));
            let changes = &after.changes[before.changes.len()..];
            let (was, by) = (old.watch.stay, new.watch.stay);
            let is_right = match changes {
                [] => was == by,
                [Change::Rewritten(row)] => {
                    was != by && (row.stay, row.initial) == (by, old.watch.initial)
                }
                _ => false,
            };
            assert!(is_right, "after {fact:?}: {changes:?}");
        });
    }

    /// "A watch that is withdrawn or moved has its row of `electricity_monitoring` updated in place
    /// (what reads the past from there must not find it as the last)"
    #[test]
    fn the_last_row_is_the_present_watch((case, comings) in chaos()) {
        let check = |room: &Room| {
            let Some(state) = &room.state else { return };
            let last = room.rows().last().map(|row| (row.stay, row.initial));
            assert_eq!(last, Some((state.watch.stay, state.watch.initial)), "{:#?}", room.rows());
        };
        let room = case.play(&comings, |_, after, _, _| check(after));
        check(&room);
    }

    /// Each run that was notified has one end, unless it goes on; none begins twice.
    #[test]
    fn each_run_that_was_notified_begins_and_ends_once((case, comings) in chaos()) {
        let room = case.play(&comings, |_, _, _, _| {});
        let mut runs: BTreeMap<RunKey, (u32, u32)> = BTreeMap::new();
        for notice in room.notices() {
            let (begun, ended) = runs.entry(notice.run()).or_default();
            match notice.kind {
                NoticeKind::Alert => *begun += 1,
                NoticeKind::Reminder => {}
                NoticeKind::Recovered | NoticeKind::Closed(_) => *ended += 1,
            }
        }
        let state = room.state.as_ref();
        let going_on = state.and_then(|state| state.notified_run(&room_key()));
        for (run, counts) in runs {
            let ends = u32::from(going_on.as_ref() != Some(&run));
            prop_assert_eq!(counts, (1, ends), "{:?}", run);
        }
    }

    /// What is stored of a room is all there is, with the facts it has.
    #[test]
    fn a_restart_between_any_two_messages_changes_nothing((case, comings) in chaos()) {
        let played = case.play(&comings, |_, after, _, _| {
            let Some(state) = &after.state else { return };
            let row = room::Row::of(state).expect("JSON");
            let loaded = room::read(&room_key(), room::VERSION, &row.state);
            assert_eq!(loaded.expect("a row of our own"), *state);
        });
        prop_assert_eq!(played.key, room_key());
    }
}

/// The facts of these properties do what they are to try.
#[test]
fn the_generated_facts_contain_the_cases_that_matter() {
    const ROOMS: usize = 512;
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut count = |what, holds: bool| *counts.entry(what).or_default() += usize::from(holds);
    for _ in 0..ROOMS {
        let (case, comings) = chaos().new_tree(&mut runner).expect("facts").current();
        let (mut moved, mut withdrawn, mut beyond, mut run_moved) = (false, false, false, false);
        case.play(&comings, |before, after, _, _| {
            let (Some(old), Some(new)) = (&before.state, &after.state) else {
                return;
            };
            let is_earlier = new.watch.stay.order() < old.watch.stay.order();
            moved |= is_moved(before, after);
            run_moved |= is_moved(before, after) && new.watch.fold.run.is_some();
            withdrawn |= is_earlier && new.watches > old.watches;
            let passed = before.rows().into_iter().map(|row| row.stay.order());
            let later = passed.filter(|order| *order > new.watch.stay.order());
            beyond |= later.count() > 1;
        });
        count("moved", moved);
        count("moved with a run", run_moved);
        count("withdrawn", withdrawn);
        count("several pieces withdrawn at once", beyond);
        let (case, comings) = in_any_order()
            .new_tree(&mut runner)
            .expect("facts")
            .current();
        let (_, is_never_moved) = is_never_moved(&case, &comings);
        count("left out of the permutations", !is_never_moved);
    }
    for (what, least) in [
        ("withdrawn", 80),
        ("several pieces withdrawn at once", 8),
        ("moved", 8),
        ("moved with a run", 5),
    ] {
        assert!(counts[what] >= least, "{what}: {counts:?}");
    }
    assert!(counts["left out of the permutations"] <= 2, "{counts:?}");
}
