//! Random sets of facts: the order in which they come decides nothing, and what must hold of each.

use std::collections::{BTreeMap, BTreeSet};

use crate::oracle::*;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn sometimes<T>(&mut self, one_in: u64, value: T) -> Option<T> {
        (self.below(one_in) == 0).then_some(value)
    }
}

const MINUTE: i64 = 60;
/// In random sets, where times lie within minutes.
const NARROW_MATCH: i64 = 2 * MINUTE;

#[derive(Clone, Copy, PartialEq)]
enum Ids {
    All,
    Some,
    None,
}

/// Arrivals and departures within nine minutes, of two guests with ids and any without.
fn random_facts(random: &mut Random, count: u64, ids: Ids, expected: &[Option<i64>]) -> Vec<Fact> {
    let fact = |random: &mut Random| {
        let time = random.below(9) as i64 * MINUTE;
        let other = time - random.below(5) as i64 * MINUTE;
        let other = random.sometimes(2, other);
        let id = match ids {
            Ids::All => Some(random.of(&["A", "B"])),
            Ids::Some => random.of(&[None, None, Some("A"), Some("B")]),
            Ids::None => None,
        };
        let id = id.map(str::to_string);
        if random.below(2) == 0 {
            Fact::Arrival {
                id,
                since: time,
                named: other.filter(|_| random.below(2) == 0),
                expected: random.of(expected),
            }
        } else {
            Fact::Departure {
                id,
                checkin: other,
                until: time,
            }
        }
    };
    (0..count).map(|_| fact(random)).collect()
}

/// All orders of `facts`, by Heap's method.
fn permutations(facts: &mut [Fact], length: usize, visit: &mut impl FnMut(&[Fact])) {
    if length <= 1 {
        return visit(facts);
    }
    for nth in 0..length {
        permutations(facts, length - 1, visit);
        let other = if length.is_multiple_of(2) { nth } else { 0 };
        facts.swap(other, length - 1);
    }
}

fn without_expected(mut derived: Derived) -> Derived {
    for stay in &mut derived.stays {
        stay.expected = None;
    }
    if let Some(Piece::Occupied { expected, .. }) = &mut derived.last {
        *expected = None;
    }
    derived
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

/// Expected check-outs about twelve hours before, some minutes after, and none.
fn expected_times() -> Vec<Option<i64>> {
    let overdue = (0..9).map(|minute| Some(minute * MINUTE - LOST_CHECKOUT_SECONDS));
    overdue.chain([None, None, Some(10 * MINUTE)]).collect()
}

/// For each of many random sets: its seed, and the facts in the order of coming.
fn each_random_set(sets: u64, most: u64, mut check: impl FnMut(u64, Ids, bool, Vec<Fact>)) {
    let base = setting("ROOMWATT_ORACLE_SEED", 20_230_410);
    println!("base seed {base}, {sets} sets");
    for nth in 0..sets {
        let seed = base.wrapping_add(nth);
        let mut random = Random(seed);
        let ids = random.of(&[Ids::All, Ids::Some, Ids::Some, Ids::None]);
        // One that is always the same shows that it is passed on in whatever order.
        let several = random.below(2) == 0;
        let expected = if several {
            expected_times()
        } else {
            vec![Some(10 * MINUTE)]
        };
        let count = 1 + random.below(most);
        let facts = random_facts(&mut random, count, ids, &expected);
        check(seed, ids, several, facts);
    }
}

#[test]
fn all_permutations_and_repetitions_derive_the_same() {
    let sets = setting("ROOMWATT_ORACLE_SETS", 300);
    let mut met: BTreeMap<&str, u64> = BTreeMap::new();
    each_random_set(sets, 6, |seed, _, several, mut facts| {
        // Left out: if a stay has several expected check-outs, the one that came last holds.
        let derived = |facts: &[Fact]| match derive(facts, NARROW_MATCH) {
            derived if several => without_expected(derived),
            derived => derived,
        };
        let first = facts.clone();
        let wanted = derived(&first);
        let mut random = Random(!seed);
        let length = facts.len();
        permutations(&mut facts, length, &mut |permuted| {
            let mut repeated = permuted.to_vec();
            for _ in 0..random.below(3) {
                let again = permuted[random.below(length as u64) as usize].clone();
                repeated.insert(random.below(repeated.len() as u64 + 1) as usize, again);
            }
            let found = derived(&repeated);
            assert_eq!(
                found, wanted,
                "seed {seed}: {repeated:#?}\nbut of {first:#?}"
            );
        });
        let mut hit = |name, is: bool| *met.entry(name).or_default() += u64::from(is);
        hit(
            "undone",
            wanted.stays.iter().any(|s| s.ended == Some(s.since)),
        );
        hit(
            "two are in",
            wanted.stays.iter().filter(|s| s.ended.is_none()).count() == 2,
        );
        hit(
            "occupied",
            matches!(wanted.last, Some(Piece::Occupied { .. })),
        );
        hit("vacant", matches!(wanted.last, Some(Piece::Vacant { .. })));
    });
    println!("{met:?}");
    assert!(met.values().all(|count| *count > 0), "{met:?}");
}

#[test]
fn the_derived_pieces_are_consistent() {
    each_random_set(20_000, 32, |seed, _, _, facts| {
        let derived = derive(&facts, NARROW_MATCH);
        let open: Vec<_> = derived.stays.iter().filter(|s| s.ended.is_none()).collect();
        let is_occupied = matches!(derived.last, Some(Piece::Occupied { .. }));
        assert_eq!(is_occupied, !open.is_empty(), "seed {seed}: {facts:#?}");
        let ids: BTreeSet<_> = open.iter().map(|stay| &stay.id).collect();
        assert_eq!(ids.len(), open.len(), "one twice, seed {seed}: {facts:#?}");
        assert!(
            derived.stays.is_sorted_by_key(|stay| stay.since),
            "seed {seed}"
        );
        for stay in &derived.stays {
            assert!(
                stay.ended.is_none_or(|ended| ended >= stay.since),
                "seed {seed}"
            );
        }
    });
}

/// "on sets without ids the last piece differs from 0.1 for the check-out of an earlier guest and
/// for an undone check-in alone": there the newest event, a check-out before a check-in of one
/// time, is the room's.
#[test]
fn without_ids_it_differs_from_the_newest_event_for_two_causes_alone() {
    let (mut same, mut earlier_guests, mut undone) = (0, 0, 0);
    each_random_set(20_000, 8, |seed, ids, _, facts| {
        if ids != Ids::None {
            return;
        }
        let newest = facts.iter().filter_map(|fact| match fact {
            Fact::Departure { until, .. } => Some((*until, Kind::Departure)),
            Fact::Arrival { since, .. } => Some((*since, Kind::Arrival)),
            Fact::Expectation { .. } => None,
        });
        let newest = newest.max();
        let derived = derive(&facts, NARROW_MATCH);
        let last = derived.last.as_ref().map(|piece| match piece {
            Piece::Occupied { since, .. } => (*since, Kind::Arrival),
            Piece::Vacant { since } => (*since, Kind::Departure),
        });
        let is_undone = |stay: &Stay| {
            stay.ended == Some(stay.since) && newest == Some((stay.since, Kind::Arrival))
        };
        let is_earlier = |fact: &Fact| match fact {
            Fact::Departure {
                checkin: Some(checkin),
                until,
                ..
            } => derived.stays.iter().any(|stay| {
                let near = |time: i64| time.abs_diff(*checkin) <= NARROW_MATCH as u64;
                let fits = near(stay.since) || stay.named.is_some_and(near);
                fits && stay.ended.is_some_and(|ended| ended <= *until)
            }),
            _ => false,
        };
        if last == newest {
            same += 1;
        } else if derived.stays.iter().any(is_undone) {
            undone += 1;
        } else {
            let found = facts.iter().any(is_earlier);
            assert!(found, "seed {seed}: {last:?}, {newest:?}: {facts:#?}");
            earlier_guests += 1;
        }
    });
    println!("same {same}, an earlier guest's {earlier_guests}, undone {undone}");
    assert!(same > 0 && earlier_guests > 0 && undone > 0);
}
