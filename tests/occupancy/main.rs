//! Who is in a room: the engine against a second reading of the specification, which was written
//! from the text alone, and whatever order facts come in.
//!
//! `ROOMWATT_OCCUPANCY_SEED` and `ROOMWATT_OCCUPANCY_SETS` choose the random sets of facts.

mod cases;
mod notation;
mod oracle;
mod random;

use fastrand::Rng;
use roomwatt::engine::{
    Added, Arrival, Departure, Expectation, Fact, Guest, Occupancy, Picture, Said, Stay, StayId,
    pieces,
};
use roomwatt::types::{Kind, LocalTime};

const MATCH_SECONDS: i64 = 600;

/// Times of the oracle count from here.
fn start() -> LocalTime {
    LocalTime::parse("2023-04-10 00:00:00").expect("a time")
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

fn facts_of(facts: &[oracle::Fact]) -> Vec<Fact> {
    let id = |id: &Option<String>| id.as_deref().map(StayId::new);
    let at = |seconds: i64| start().plus(seconds);
    let fact = |fact: &oracle::Fact| match fact {
        oracle::Fact::Arrival {
            id: stay,
            since,
            named,
            expected,
        } => Fact::Arrival(Arrival {
            id: id(stay),
            since: at(*since),
            named: named.map(at),
            expected: expected.map(at),
        }),
        oracle::Fact::Departure {
            id: stay,
            checkin,
            until,
        } => Fact::Departure(Departure {
            id: id(stay),
            checkin: checkin.map(at),
            until: at(*until),
        }),
        oracle::Fact::Expectation {
            id: stay,
            since,
            expected,
        } => Fact::Expectation(Expectation {
            id: id(stay),
            since: since.map(at),
            expected: at(*expected),
        }),
    };
    facts.iter().map(fact).collect()
}

/// What the engine makes of facts that come in this order.
fn picture(facts: &[Fact]) -> Picture {
    let mut room = Occupancy::default();
    for fact in facts {
        room.add(fact.clone(), MATCH_SECONDS);
    }
    room.picture(MATCH_SECONDS)
}

/// A picture in the words of the oracle.
fn in_its_words(picture: &Picture) -> oracle::Derived {
    let seconds = |time: LocalTime| time.since(start());
    let stay = |guest: &Guest| oracle::Stay {
        id: guest.id.as_ref().map(|id| id.as_str().to_owned()),
        since: seconds(guest.since),
        named: guest.named.map(seconds),
        ended: guest.ended.map(seconds),
        expected: guest.expected.map(seconds),
    };
    let last = picture.piece.map(|piece| match piece {
        Stay::Occupied {
            check_in,
            expected_checkout,
        } => oracle::Piece::Occupied {
            since: seconds(check_in),
            expected: expected_checkout.map(seconds),
        },
        Stay::Vacant {
            actual_checkout, ..
        } => oracle::Piece::Vacant {
            since: seconds(actual_checkout),
        },
    });
    oracle::Derived {
        stays: picture.guests.iter().map(stay).collect(),
        last,
    }
}

/// Up to eight facts whose times meet: within minutes, hours, or days.
fn random_facts(rng: &mut Rng) -> Vec<oracle::Fact> {
    let step = [60, 120, 300, 1_800, 7_200, 21_600][rng.usize(..6)];
    let most_ids = rng.usize(..3);
    let with_expected = rng.bool();
    let fact = |rng: &mut Rng| {
        let at = rng.i64(0..10) * step;
        let other = rng.bool().then(|| at - rng.i64(-2..6) * step);
        let id = (rng.usize(..3) < most_ids).then(|| ["A", "B", "C"][rng.usize(..3)].to_owned());
        // Never before the arrival: such a one is ignored at the door.
        let expected = (with_expected && rng.bool()).then(|| at + rng.i64(1..4) * step);
        match rng.u8(..10) {
            0..5 => oracle::Fact::Arrival {
                id,
                since: at,
                named: other.filter(|_| rng.bool()),
                expected,
            },
            5..9 => oracle::Fact::Departure {
                id,
                checkin: other,
                until: at,
            },
            _ => oracle::Fact::Expectation {
                id,
                since: other,
                expected: expected.unwrap_or(at + 86_400),
            },
        }
    };
    (0..rng.usize(1..=8)).map(|_| fact(rng)).collect()
}

#[test]
fn the_engine_agrees_with_a_second_implementation_of_the_rules() {
    let base = setting("ROOMWATT_OCCUPANCY_SEED", 20_230_410);
    let sets = setting("ROOMWATT_OCCUPANCY_SETS", 100_000);
    println!("base seed {base}, {sets} sets");
    let mut differ = Vec::new();
    for seed in base..base + sets {
        let facts = random_facts(&mut Rng::with_seed(seed));
        let wanted = oracle::derive(&facts, MATCH_SECONDS);
        let found = in_its_words(&picture(&facts_of(&facts)));
        let past: Vec<Said> = facts_of(&facts).into_iter().map(Said::Fact).collect();
        let pieces = pieces(&past, MATCH_SECONDS).into_iter();
        let pieces: Vec<(i64, bool)> = pieces
            .map(|piece| (piece.time().since(start()), piece.kind() == Kind::Checkin))
            .collect();
        if found != wanted || pieces != oracle::pieces(&facts, MATCH_SECONDS) {
            differ.push((facts, wanted, found, seed));
        }
    }
    let shortest = differ.iter().min_by_key(|(facts, ..)| facts.len());
    assert!(
        differ.is_empty(),
        "{} of {sets} sets differ, this is the shortest: {shortest:#?}",
        differ.len()
    );
}

#[test]
fn facts_give_the_same_occupancy_in_every_order_and_however_often_they_come() {
    let base = setting("ROOMWATT_OCCUPANCY_SEED", 20_230_410);
    println!("base seed {base}");
    for seed in base..base + 5_000 {
        let mut rng = Rng::with_seed(seed);
        let mut facts = facts_of(&random_facts(&mut rng));
        // Which expected check-out holds depends on which came last.
        facts.retain(|fact| !matches!(fact, Fact::Expectation(_)));
        for fact in &mut facts {
            if let Fact::Arrival(arrival) = fact {
                arrival.expected = None;
            }
        }
        let wanted = picture(&facts);
        for _ in 0..20 {
            let mut again = facts.clone();
            again.extend(
                (0..rng.usize(..4))
                    .map(|_| facts[rng.usize(..facts.len().max(1))].clone())
                    .take(facts.len()),
            );
            rng.shuffle(&mut again);
            assert_eq!(picture(&again), wanted, "seed {seed}: {again:#?}");
        }
    }
}

/// Guests of a room over two months, one or two at a time, as the property management system
/// knows them: what it says in the order of time, some of it late by up to two days.
fn two_months(rng: &mut Rng) -> Vec<oracle::Fact> {
    let with_ids = rng.bool();
    let (mut at, mut facts) = (0, Vec::new());
    for guest in 0..rng.usize(20..60) {
        let since = at + rng.i64(1..20) * 3_600;
        let until = since + rng.i64(1..60) * 3_600 + rng.i64(0..3_600);
        at = if with_ids && rng.u8(..4) == 0 {
            since + 3_600
        } else {
            until
        };
        let id = with_ids.then(|| guest.to_string());
        let late = |rng: &mut Rng| {
            if rng.u8(..5) == 0 {
                rng.i64(..172_800).abs() % 172_800
            } else {
                0
            }
        };
        facts.push((
            since + late(rng),
            oracle::Fact::Arrival {
                id: id.clone(),
                since,
                named: None,
                expected: Some(until + 7_200),
            },
        ));
        if rng.u8(..20) > 0 {
            facts.push((
                until + late(rng),
                oracle::Fact::Departure {
                    id,
                    checkin: Some(since),
                    until,
                },
            ));
        }
    }
    facts.sort_by_key(|(comes, _)| *comes);
    facts.into_iter().map(|(_, fact)| fact).collect()
}

#[test]
fn forgetting_old_facts_does_not_change_who_is_in() {
    let base = setting("ROOMWATT_OCCUPANCY_SEED", 20_230_410);
    println!("base seed {base}");
    for seed in base..base + 300 {
        let said = two_months(&mut Rng::with_seed(seed));
        let facts = facts_of(&said);
        let mut room = Occupancy::default();
        for (count, fact) in (1..).zip(&facts) {
            room.add(fact.clone(), MATCH_SECONDS);
            assert!(room.facts().len() <= 32, "seed {seed}");
            let found = in_its_words(&room.picture(MATCH_SECONDS));
            let wanted = oracle::derive(&said[..count], MATCH_SECONDS);
            assert_eq!(found.last, wanted.last, "seed {seed} after {count}");
        }
        assert!(
            room.facts().len() < facts.len(),
            "seed {seed}: nothing was forgotten"
        );
    }
}

#[test]
fn facts_older_than_all_that_are_kept_are_stale() {
    let mut room = Occupancy::default();
    let arrival = |hour: i64, expected: Option<i64>| {
        Fact::Arrival(Arrival {
            id: Some(StayId::new(&hour.to_string())),
            since: start().plus(hour * 3_600),
            named: None,
            expected: expected.map(|hour| start().plus(hour * 3_600)),
        })
    };
    for hour in 0..40 {
        assert_eq!(room.add(arrival(hour, None), MATCH_SECONDS), Added::New);
    }
    assert_eq!(room.add(arrival(39, None), MATCH_SECONDS), Added::Known);
    assert_eq!(room.add(arrival(3, None), MATCH_SECONDS), Added::Stale);
    let picture = room.picture(MATCH_SECONDS);
    let in_by_then = picture.guests.iter().filter(|guest| guest.ended.is_none());
    assert_eq!(in_by_then.count(), 40);
    // An extension of a stay of long ago that is written as its check-in.
    assert_eq!(room.add(arrival(3, Some(90)), MATCH_SECONDS), Added::New);
    let piece = room.picture(MATCH_SECONDS).piece;
    let wanted = Stay::Occupied {
        check_in: start(),
        expected_checkout: Some(start().plus(90 * 3_600)),
    };
    assert_eq!(piece, Some(wanted));
}
