//! The messages of a made-up property management system.

use crate::engine::{
    Arrival, Departure, Event, Expectation, Fact, MessageKind, Move, RoomStatus, Said,
    StatusChange, StayId,
};
use crate::types::{LocalTime, RoomKey};

use super::guests::MovedIn;

/// A guest, as messages name one.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) id: Option<StayId>,
    pub(super) check_in: LocalTime,
    pub(super) expected: Option<LocalTime>,
}

fn of_room(kind: MessageKind, room: &RoomKey, said: Said) -> Event {
    Event {
        kind,
        rooms: vec![(room.clone(), said)],
    }
}

pub(super) fn check_in(room: &RoomKey, guest: &Named) -> Event {
    let arrival = Fact::Arrival(Arrival {
        id: guest.id.clone(),
        since: guest.check_in,
        named: None,
        expected: guest.expected,
    });
    of_room(MessageKind::Checkin, room, Said::Fact(arrival))
}

/// A check-out. Of somebody of before the story it is not known when the check-in was.
pub(super) fn check_out(room: &RoomKey, guest: Option<&Named>, until: LocalTime) -> Event {
    departure(MessageKind::Checkout, room, guest, until)
}

pub(super) fn cancelled_check_in(room: &RoomKey, guest: &Named, at: LocalTime) -> Event {
    departure(MessageKind::CancelCheckin, room, Some(guest), at)
}

fn departure(kind: MessageKind, room: &RoomKey, guest: Option<&Named>, until: LocalTime) -> Event {
    let departure = Fact::Departure(Departure {
        id: guest.and_then(|guest| guest.id.clone()),
        checkin: guest.map(|guest| guest.check_in),
        until,
    });
    of_room(kind, room, Said::Fact(departure))
}

pub(super) fn extension(room: &RoomKey, guest: &Named, expected: LocalTime) -> Event {
    let expectation = Fact::Expectation(Expectation {
        id: guest.id.clone(),
        since: Some(guest.check_in),
        expected,
    });
    of_room(MessageKind::Extend, room, Said::Fact(expectation))
}

pub(super) fn moved(to: &RoomKey, guest: &MovedIn, at: LocalTime) -> Event {
    Event::of_move(Move {
        id: guest.id.clone(),
        from: guest.from.clone(),
        to: to.clone(),
        at,
        named: Some(guest.named),
        expected: guest.expected,
    })
}

pub(super) fn status(room: &RoomKey, status: RoomStatus, at: LocalTime) -> Event {
    let change = StatusChange { at, status };
    of_room(MessageKind::RoomStatus, room, Said::Status(change))
}
