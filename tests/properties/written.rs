//! Messages of every kind, written and read again.

use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use roomwatt::engine::{
    Arrival, Departure, Event, Expectation, Fact, MessageFormat, MessageKind, Move, Parsed,
    RoomStatus, Said, StatusChange, StayId,
};
use roomwatt::types::{LocalTime, RoomKey};

use crate::config;
use crate::parsing;

fn room() -> impl Strategy<Value = RoomKey> {
    // Few hotels: a move within one says nothing of another.
    let word = "[A-Za-z0-9酒店]([ \"\\\\A-Za-z0-9酒店]{0,10}[A-Za-z0-9酒店])?";
    (select(&["H1", "2"][..]), word).prop_map(|(hotel, number)| RoomKey::new(hotel, &number))
}

fn time() -> impl Strategy<Value = LocalTime> {
    let first = LocalTime::from_ymd_hms(2023, 4, 10, 12, 0, 0).expect("a time");
    (0..10_000_000i64).prop_map(move |seconds| first.plus(seconds))
}

/// Seconds from one time to a later one.
fn later() -> std::ops::Range<i64> {
    1..10_000_000
}

/// What an event of each kind can say, as [`MessageFormat::parse`] would have it.
fn event() -> impl Strategy<Value = Event> {
    let id = || of("[!-~酒]{1,64}".prop_map(|id| StayId::new(&id)));
    let one = |kind, said: BoxedStrategy<Said>| {
        (room(), said)
            .prop_map(move |(room, said)| Event {
                kind,
                rooms: vec![(room, said)],
            })
            .boxed()
    };
    let arrival = (id(), time(), of(later())).prop_map(|(id, since, expected)| {
        Said::Fact(Fact::Arrival(Arrival {
            id,
            since,
            named: None,
            expected: expected.map(|later| since.plus(later)),
        }))
    });
    let departure = || {
        (id(), time(), of(later())).prop_map(|(id, until, earlier)| {
            Said::Fact(Fact::Departure(Departure {
                id,
                checkin: earlier.map(|earlier| until.plus(-earlier)),
                until,
            }))
        })
    };
    let expectation = (id(), time(), of(later())).prop_map(|(id, expected, earlier)| {
        Said::Fact(Fact::Expectation(Expectation {
            id,
            since: earlier.map(|earlier| expected.plus(-earlier)),
            expected,
        }))
    });
    let back = (id(), time(), of(later())).prop_map(|(id, at, earlier)| Said::Back {
        id,
        at,
        named: earlier.map(|earlier| at.plus(-earlier)),
    });
    let status =
        (select(&RoomStatus::ALL[..]), time(), of(later())).prop_map(|(status, at, later)| {
            let until = later.map(|later| at.plus(later));
            let status = match status {
                RoomStatus::OutOfOrder { .. } => RoomStatus::OutOfOrder { until },
                other => other,
            };
            Said::Status(StatusChange { status, at })
        });
    let moved = (id(), room(), room(), time(), of(later()), of(later()))
        .prop_filter("two rooms", |(_, from, to, ..)| from != to)
        .prop_map(|(id, from, to, at, earlier, later)| {
            Event::of_move(Move {
                id,
                from,
                to,
                at,
                named: earlier.map(|earlier| at.plus(-earlier)),
                expected: later.map(|later| at.plus(later)),
            })
        });
    prop_oneof![
        one(MessageKind::Checkin, arrival.boxed()),
        one(MessageKind::Checkout, departure().boxed()),
        one(MessageKind::CancelCheckin, departure().boxed()),
        one(MessageKind::Extend, expectation.boxed()),
        one(MessageKind::CancelCheckout, back.boxed()),
        one(MessageKind::RoomStatus, status.boxed()),
        moved,
    ]
}

/// The usual names, or others in their place; each kind calls its times alike.
fn format() -> impl Strategy<Value = MessageFormat> {
    select(&[false, true][..]).prop_map(|is_other| {
        let mut format = parsing::format();
        if is_other {
            let names = &mut format.fields;
            names.hotel_id = "酒店".into();
            names.old_room_number = "from \"room\"".into();
            for name in [
                &mut names.check_in_time,
                &mut names.actual_checkin_time,
                &mut names.status_time,
            ] {
                *name = "began".into();
            }
            for name in [&mut names.expected_checkout_time, &mut names.until] {
                *name = "ends".into();
            }
            for name in [&mut names.move_time, &mut names.cancel_time] {
                *name = "at".into();
            }
        }
        format
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_written_message_is_read_as_what_it_was(event in event(), format in format()) {
        let body = format.write(&event).expect("every kind has a code");
        let read = format.parse(body.as_bytes(), None);
        prop_assert_eq!(read, Parsed::Event(event), "{}", body);
    }
}

/// All kinds are among the events above.
#[test]
fn every_kind_is_written() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let kinds: std::collections::BTreeSet<MessageKind> = (0..200)
        .map(|_| event().new_tree(&mut runner).expect("one").current().kind)
        .collect();
    assert_eq!(kinds, MessageKind::ALL.into_iter().collect());
}
