use super::*;
use crate::engine::{
    Arrival, Departure, Expectation, Fact, FieldNames, MessageFormat, MessageKind, Parsed,
    Received, RoomStatus, Said, StatusChange, StatusCodes, TypeCodes, receive,
};
use crate::types::Zone;

fn at(hours: f64) -> LocalTime {
    let day = LocalTime::parse("2023-04-10 00:00:00").expect("a time");
    day.plus((hours * 3_600.0) as i64)
}

fn key() -> RoomKey {
    RoomKey::new("H001", "101")
}

fn stay_id(id: &str) -> Option<StayId> {
    (!id.is_empty()).then(|| StayId::new(id))
}

fn arrival(id: &str, since: f64, expected: Option<f64>) -> Fact {
    Fact::Arrival(Arrival {
        id: stay_id(id),
        since: at(since),
        named: None,
        expected: expected.map(at),
    })
}

fn departure(id: &str, checkin: Option<f64>, until: f64) -> Fact {
    Fact::Departure(Departure {
        id: stay_id(id),
        checkin: checkin.map(at),
        until: at(until),
    })
}

fn occupied(id: &str, since: f64, expected: Option<f64>) -> PmsRoom {
    PmsRoom {
        room: key(),
        state: PmsState::Occupied {
            id: stay_id(id),
            expected: expected.map(at),
        },
        since: at(since),
    }
}

fn vacant(since: f64) -> PmsRoom {
    PmsRoom {
        room: key(),
        state: PmsState::Vacant,
        since: at(since),
    }
}

fn facts(facts: &[Fact]) -> Vec<Said> {
    facts.iter().cloned().map(Said::Fact).collect()
}

/// The room after these; `None` where nothing is known of it.
fn after(mut state: Option<RoomState>, said: &[Said]) -> Option<RoomState> {
    for said in said {
        match receive(&key(), state.as_ref(), said, &[], &Rules::default()) {
            Received::Newer(now) | Received::Corrected(now) | Received::Noted(now) => {
                state = Some(now.state);
            }
            Received::Duplicate | Received::Stale | Received::Unwatched => {}
        }
    }
    state
}

fn watched(state: Option<RoomState>) -> HashMap<RoomKey, RoomState> {
    state.into_iter().map(|state| (key(), state)).collect()
}

/// In what the room differs, and what the messages that mend it say.
fn found(pms: &PmsRoom, state: Option<RoomState>) -> Option<(Differs, Option<Vec<Said>>)> {
    let list = [pms.clone()];
    let watched = watched(state);
    let comparison = compare(&list, &watched, at(24.0 * 60.0), &Rules::default());
    assert_eq!(comparison.newer, 0);
    let difference = comparison.differences.into_iter().next()?;
    let said = |messages: Vec<Event>| {
        let rooms = messages.into_iter().flat_map(|event| event.rooms);
        rooms
            .map(|(room, said)| {
                assert_eq!(room, key());
                said
            })
            .collect()
    };
    Some((difference.differs, difference.messages.map(said)))
}

fn status(status: RoomStatus, hours: f64) -> Said {
    let at = at(hours);
    Said::Status(StatusChange { at, status })
}

fn out_of_order(until: Option<f64>, hours: f64) -> Said {
    let until = until.map(at);
    status(RoomStatus::OutOfOrder { until }, hours)
}

#[test]
fn a_room_s_status_is_mended_too() {
    let in_order = |hours| status(RoomStatus::InOrder, hours);
    let broken = PmsRoom {
        state: PmsState::OutOfOrder,
        ..vacant(8.0)
    };
    let left = Said::Fact(departure("", None, 6.0));
    let came = Said::Fact(arrival("", 9.0, None));
    let list_made = out_of_order(None, 24.0 * 60.0);
    for (what, said, pms, expected) in [
        ("not watched", vec![], &broken, None),
        (
            "out of order",
            vec![left.clone()],
            &broken,
            Some((Differs::OutOfOrder, vec![out_of_order(None, 8.0)])),
        ),
        (
            "known",
            vec![left.clone(), out_of_order(None, 7.0)],
            &broken,
            None,
        ),
        (
            "for longer than was said",
            vec![left.clone(), out_of_order(Some(10.0), 8.0)],
            &broken,
            Some((Differs::OutOfOrder, vec![list_made.clone()])),
        ),
        (
            "a guest came meanwhile",
            vec![left.clone(), came],
            &broken,
            Some((Differs::OutOfOrder, vec![list_made])),
        ),
        (
            "in order again",
            vec![left.clone(), out_of_order(None, 7.0)],
            &vacant(8.0),
            Some((Differs::InOrder(at(7.0)), vec![in_order(8.0)])),
        ),
        (
            "it never was out of order",
            vec![left.clone(), out_of_order(None, 9.0)],
            &vacant(8.0),
            Some((Differs::InOrder(at(9.0)), vec![in_order(9.0)])),
        ),
        (
            "a lost check-out, too",
            vec![Said::Fact(arrival("", 6.0, None)), out_of_order(None, 7.0)],
            &vacant(8.0),
            Some((
                Differs::WatchedAsOccupied,
                vec![Said::Fact(departure("", None, 8.0)), in_order(8.0)],
            )),
        ),
        (
            "who comes ends it",
            vec![left, out_of_order(None, 7.0)],
            &occupied("", 8.0, None),
            Some((
                Differs::WatchedAsVacant,
                vec![Said::Fact(arrival("", 8.0, None))],
            )),
        ),
    ] {
        let found = found(pms, after(None, &said));
        let expected = expected.map(|(differs, said)| (differs, Some(said)));
        assert_eq!(found, expected, "{what}: {pms:?} after {said:#?}");
    }
}

#[test]
fn each_difference_has_the_messages_that_mend_it() {
    let lunch = Some(12.0);
    for (what, known, pms, expected) in [
        (
            "not watched",
            vec![],
            occupied("A", 10.0, lunch),
            Some((Differs::NotWatched, vec![arrival("A", 10.0, lunch)])),
        ),
        (
            "not watched",
            vec![],
            vacant(9.0),
            Some((Differs::NotWatched, vec![departure("", None, 9.0)])),
        ),
        (
            "a lost check-in",
            vec![departure("A", None, 8.0)],
            occupied("B", 10.0, lunch),
            Some((Differs::WatchedAsVacant, vec![arrival("B", 10.0, lunch)])),
        ),
        (
            "a check-out that should not have been",
            vec![arrival("A", 6.0, None), departure("A", None, 8.0)],
            occupied("A", 6.0, lunch),
            Some((Differs::WatchedAsVacant, vec![arrival("A", 8.0, lunch)])),
        ),
        (
            "the same without ids",
            vec![arrival("", 6.0, None), departure("", Some(6.0), 8.0)],
            occupied("", 6.0, None),
            Some((Differs::WatchedAsVacant, vec![arrival("", 8.0, None)])),
        ),
        (
            "a lost check-out",
            vec![arrival("A", 6.0, None)],
            vacant(8.0),
            Some((Differs::WatchedAsOccupied, vec![departure("", None, 8.0)])),
        ),
        (
            "lost check-outs of two",
            vec![arrival("A", 6.0, None), arrival("B", 7.0, None)],
            vacant(8.0),
            Some((Differs::WatchedAsOccupied, vec![departure("", None, 8.0)])),
        ),
        (
            "a check-in that should not have been",
            vec![arrival("A", 6.0, None)],
            vacant(5.0),
            Some((
                Differs::WatchedAsOccupied,
                vec![departure("A", Some(6.0), 6.0)],
            )),
        ),
        (
            "one that should not have been, and a lost check-out",
            vec![arrival("A", 6.0, None), arrival("B", 8.0, None)],
            vacant(7.0),
            Some((
                Differs::WatchedAsOccupied,
                vec![departure("", None, 7.0), departure("B", Some(8.0), 8.0)],
            )),
        ),
        (
            "the guest by the id",
            vec![arrival("A", 6.0, None)],
            occupied("A", 3.0, None),
            None,
        ),
        (
            "the guest by the time",
            vec![arrival("A", 6.0, None)],
            occupied("B", 6.1, None),
            None,
        ),
        (
            "the guest by the time, without an id",
            vec![arrival("A", 6.0, lunch)],
            occupied("", 5.9, lunch),
            None,
        ),
        (
            "a check-out and a check-in that were lost",
            vec![arrival("", 6.0, None)],
            occupied("", 9.0, None),
            Some((Differs::OtherGuest, vec![arrival("", 9.0, None)])),
        ),
        (
            "another guest by the id",
            vec![arrival("A", 6.0, None)],
            occupied("B", 9.0, None),
            Some((Differs::OtherGuest, vec![arrival("B", 9.0, None)])),
        ),
        // Where messages have no ids, a guest with one would stay on beside the others.
        (
            "the list alone has ids",
            vec![arrival("", 6.0, None)],
            occupied("B", 9.0, None),
            Some((Differs::OtherGuest, vec![arrival("", 9.0, None)])),
        ),
        (
            "an extension",
            vec![arrival("A", 6.0, lunch)],
            occupied("A", 6.0, Some(36.0)),
            Some((
                Differs::Expected(lunch.map(at)),
                vec![arrival("A", 6.0, Some(36.0))],
            )),
        ),
        (
            "an extension of the second guest",
            vec![arrival("A", 6.0, Some(50.0)), arrival("B", 7.0, lunch)],
            occupied("B", 7.1, Some(36.0)),
            Some((
                Differs::Expected(lunch.map(at)),
                vec![arrival("B", 7.0, Some(36.0))],
            )),
        ),
        (
            "a stay that is shortened",
            vec![arrival("A", 6.0, Some(36.0))],
            occupied("A", 6.0, lunch),
            Some((
                Differs::Expected(Some(at(36.0))),
                vec![arrival("A", 6.0, lunch)],
            )),
        ),
        (
            "nothing is said of the check-out",
            vec![arrival("A", 6.0, lunch)],
            occupied("A", 6.0, None),
            None,
        ),
        (
            "vacant, since whenever",
            vec![departure("", None, 9.0)],
            vacant(3.0),
            None,
        ),
    ] {
        let found = found(&pms, after(None, &facts(&known)));
        let expected = expected.map(|(differs, mends)| (differs, Some(facts(&mends))));
        assert_eq!(found, expected, "{what}: {pms:?} after {known:#?}");
    }
}

/// A check-in within ten minutes after this check-out is undone by it.
#[test]
fn a_message_that_would_be_undone_is_not_what_mends() {
    let known = facts(&[departure("", Some(7.95), 8.0)]);
    let (_, messages) = found(&occupied("", 8.1, None), after(None, &known)).expect("it differs");
    let late = at(8.0).plus(601);
    let messages = messages.expect("it can be mended");
    assert_eq!(messages.iter().map(Said::time).collect::<Vec<_>>(), [late]);
}

#[test]
fn rooms_that_are_not_listed_or_newer_than_the_list_are_left_alone() {
    let state = |fact: Fact| after(None, &facts(&[fact])).expect("watched");
    let with_number = |number: &str| RoomKey::new("H001", number);
    let watched = HashMap::from([
        (with_number("101"), state(arrival("", 6.0, None))),
        (with_number("102"), state(arrival("", 9.5, None))),
        (with_number("104"), state(departure("", None, 5.0))),
        (with_number("103"), state(arrival("", 5.0, None))),
        (with_number("105"), state(arrival("", 9.5, None))),
        (RoomKey::new("H002", "101"), state(arrival("", 5.0, None))),
    ]);
    let row = |number: &str| PmsRoom {
        room: with_number(number),
        ..vacant(8.0)
    };
    let list = [row("102"), row("101")];
    let comparison = compare(&list, &watched, at(9.0), &Rules::default());
    let differ: Vec<&RoomKey> = { comparison.differences.iter() }
        .map(|difference| &difference.pms.room)
        .collect();
    assert_eq!(differ, [&with_number("101")]);
    let unlisted: Vec<&RoomKey> = comparison.unlisted.iter().map(|(room, _)| room).collect();
    assert_eq!(unlisted, [&with_number("103"), &with_number("104")]);
    assert_eq!((comparison.compared, comparison.newer), (1, 2));
}

/// Something of times that meet, of three guests with ids and any without.
fn random_said(rng: &mut fastrand::Rng, step: i64, with_ids: bool) -> Said {
    let time = at(0.0).plus(rng.i64(0..12) * step);
    let other = rng.bool().then(|| time.plus(-rng.i64(0..6) * step));
    let has_id = with_ids && rng.bool();
    let id = stay_id(if has_id {
        ["A", "B", "C"][rng.usize(..3)]
    } else {
        ""
    });
    let expected = rng.bool().then(|| time.plus(rng.i64(1..6) * step));
    Said::Fact(match rng.u8(..12) {
        0..5 => Fact::Arrival(Arrival {
            id,
            since: time,
            named: other.filter(|_| rng.bool()),
            expected,
        }),
        5..9 => Fact::Departure(Departure {
            id,
            checkin: other,
            until: time,
        }),
        9 => Fact::Expectation(Expectation {
            id,
            since: other,
            expected: expected.unwrap_or(time.plus(86_400)),
        }),
        _ => {
            let status = match rng.u8(..3) {
                0 => RoomStatus::InOrder,
                1 => RoomStatus::Dirty,
                _ => RoomStatus::OutOfOrder { until: expected },
            };
            return Said::Status(StatusChange { at: time, status });
        }
    })
}

fn random_row(rng: &mut fastrand::Rng, step: i64) -> PmsRoom {
    let since = at(0.0).plus(rng.i64(-2..14) * step);
    let expected = rng.bool().then(|| since.plus(rng.i64(1..10) * step));
    let id = stay_id(["", "A", "B", "D"][rng.usize(..4)]);
    PmsRoom {
        room: key(),
        state: match rng.u8(..9) {
            0..4 => PmsState::Occupied { id, expected },
            4..8 => PmsState::Vacant,
            _ => PmsState::OutOfOrder,
        },
        since,
    }
}

/// What the message of this says.
fn as_message(said: &Said) -> Said {
    let mut types = TypeCodes::default();
    types
        .known
        .push(("status".to_owned(), MessageKind::RoomStatus));
    let format = MessageFormat {
        types,
        statuses: StatusCodes::default(),
        fields: FieldNames::default(),
        zone: Zone::named("Asia/Shanghai").expect("a zone"),
        max_ahead_seconds: 0,
        match_seconds: Rules::default().match_seconds,
    };
    let event = Event {
        kind: match said {
            Said::Fact(Fact::Arrival(_)) => MessageKind::Checkin,
            Said::Status(_) => MessageKind::RoomStatus,
            _ => MessageKind::Checkout,
        },
        rooms: vec![(key(), said.clone())],
    };
    let body = format.write(&event).expect("a message");
    match format.parse(body.as_bytes(), None) {
        Parsed::Event(Event { rooms, .. }) => match &rooms[..] {
            [(room, said)] if *room == key() => said.clone(),
            other => panic!("{body}: {other:?}"),
        },
        other => panic!("{body}: {other:?}"),
    }
}

/// Whatever is known of a room and whatever the list says of it.
#[test]
fn once_the_messages_have_come_nothing_differs() {
    let seed = std::env::var("ROOMWATT_RECONCILE_SEED");
    let seed = seed.map_or_else(|_| fastrand::u64(..), |seed| seed.parse().expect("a seed"));
    println!("ROOMWATT_RECONCILE_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut met: HashMap<String, usize> = HashMap::new();
    for _ in 0..10_000 {
        let step = [60, 300, 1_800, 21_600, 86_400][rng.usize(..5)];
        let with_ids = rng.bool();
        // Sometimes more than are kept.
        let most = if rng.u8(..50) == 0 { 60 } else { 8 };
        let known: Vec<Said> = (0..rng.usize(..=most))
            .map(|_| random_said(&mut rng, step, with_ids))
            .collect();
        let pms = random_row(&mut rng, step);
        let before = after(None, &known);
        let Some((differs, messages)) = found(&pms, before.clone()) else {
            continue;
        };
        let about = || format!("seed {seed}: {pms:#?} after {known:#?}");
        let messages = messages.unwrap_or_else(|| panic!("no message mends it, {}", about()));
        // As they are written, and read again.
        let sent: Vec<Said> = messages.iter().map(as_message).collect();
        assert_eq!(sent, messages, "{}", about());
        let mended = after(before, &messages);
        assert_eq!(
            found(&pms, mended),
            None,
            "after {messages:#?}, {}",
            about()
        );
        let differs = format!("{differs:?}");
        let differs = differs.split('(').next().expect("a word");
        let several = if messages.len() > 1 { ", several" } else { "" };
        *met.entry(format!("{differs}{several}")).or_default() += 1;
    }
    println!("{met:?}");
    for what in [
        "NotWatched",
        "WatchedAsVacant",
        "WatchedAsOccupied",
        "WatchedAsOccupied, several",
        "OtherGuest",
        "Expected",
        "OutOfOrder",
        "InOrder",
    ] {
        assert!(met.contains_key(what), "{what}: {met:?}");
    }
}
