//! The property management system: guests come, move, stay longer and leave, sometimes after all
//! they don't; and what it says of that is late, twice, or wrong.

use std::collections::BTreeMap;

use fastrand::Rng;

use roomwatt::engine::{
    Arrival, Departure, Event, Expectation, Fact, MessageKind, Move, RoomStatus, Said,
    StatusChange, StayId,
};
use roomwatt::types::{LocalTime, RoomKey};

use crate::world::start;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// No room has more facts, or more changes of its status, and none is older than six days before
/// the newest: what the service keeps no longer is not the simulation's subject.
const MOST_FACTS: usize = 30;
const MOST_CHANGES: usize = 8;
const SPAN: i64 = 6 * DAY;

/// A guest of whose arrival it has told.
#[derive(Clone)]
struct Guest {
    id: Option<StayId>,
    room: usize,
    since: LocalTime,
    /// When the guest first checked in.
    named: LocalTime,
    left: Option<LocalTime>,
}

#[derive(Default)]
pub struct Pms {
    /// So many of two guests have an id.
    with_id: usize,
    guests: Vec<Guest>,
    /// Facts and changes of status, by room.
    published: BTreeMap<RoomKey, (usize, usize)>,
}

impl Pms {
    /// So many of two guests have an id.
    pub fn new(with_id: usize) -> Pms {
        Pms {
            with_id,
            ..Pms::default()
        }
    }

    /// The messages that it publishes next about a room, at about this time of its meter.
    pub fn next(
        &mut self,
        rng: &mut Rng,
        rooms: &[RoomKey],
        room: usize,
        clock: LocalTime,
    ) -> Vec<Event> {
        let mut at = clock.plus((1 - rng.i64(0..8)) * 45 * MINUTE);
        match rng.u8(..15) {
            0 => at = at.plus(-rng.i64(0..30) * HOUR),
            // Within the minutes by which stays are matched, or just outside.
            1..6 => at = at.plus(rng.i64(-12..=12) * MINUTE),
            _ => {}
        }
        let events = self.events(rng, rooms, room, at);
        let mut published = self.published.clone();
        for (room, said) in events.iter().flat_map(|event| &event.rooms) {
            let (facts, changes) = published.entry(room.clone()).or_default();
            match said {
                Said::Status(_) => *changes += 1,
                Said::Fact(_) | Said::Back { .. } => *facts += 1,
            }
            let is_within =
                start().plus(-2 * DAY) < said.time() && said.time() < start().plus(SPAN);
            let is_within = is_within || matches!(said, Said::Fact(Fact::Expectation(_)));
            if *facts > MOST_FACTS || *changes > MOST_CHANGES || !is_within {
                return Vec::new();
            }
        }
        self.published = published;
        events
    }

    fn events(
        &mut self,
        rng: &mut Rng,
        rooms: &[RoomKey],
        room: usize,
        at: LocalTime,
    ) -> Vec<Event> {
        let key = rooms[room].clone();
        let of = |kind, said| {
            let rooms = vec![(key.clone(), said)];
            vec![Event { kind, rooms }]
        };
        let expected = |rng: &mut Rng| {
            let hours = [1, 3, 20, 40][rng.usize(..4)];
            at.plus(hours * HOUR)
        };
        match rng.u8(..40) {
            0..10 => {
                let fact = Arrival {
                    id: self.new_id(rng),
                    since: at,
                    named: None,
                    expected: (rng.u8(..3) == 0).then(|| expected(rng)),
                };
                self.arrived(fact.id.clone(), room, at, at);
                of(MessageKind::Checkin, Said::Fact(Fact::Arrival(fact)))
            }
            10..19 => {
                let (id, checkin) = self.guest(rng, room, Some(at));
                let checkin = checkin.filter(|checkin| *checkin <= at);
                let fact = Departure {
                    id,
                    checkin,
                    until: at,
                };
                of(MessageKind::Checkout, Said::Fact(Fact::Departure(fact)))
            }
            // A check-out was at another time.
            19..21 => {
                let (id, checkin) = self.guest(rng, room, None);
                let left = { self.guests.iter() }.filter(|guest| guest.room == room);
                let Some(left) = left.filter_map(|guest| guest.left).next_back() else {
                    return Vec::new();
                };
                let until = left.plus(rng.i64(-15..=15) * MINUTE);
                let checkin = checkin.filter(|checkin| *checkin <= until);
                let fact = Departure { id, checkin, until };
                of(MessageKind::Checkout, Said::Fact(Fact::Departure(fact)))
            }
            21..25 => {
                let other = (room + rng.usize(1..rooms.len())) % rooms.len();
                let (id, named) = self.guest(rng, room, Some(at));
                self.arrived(id.clone(), other, at, named.unwrap_or(at));
                vec![Event::of_move(Move {
                    id,
                    from: key,
                    to: rooms[other].clone(),
                    at,
                    named: named.filter(|named| *named <= at),
                    expected: (rng.u8(..3) == 0).then(|| expected(rng)),
                })]
            }
            // Two guests swap rooms.
            25..28 => {
                let other = (room + rng.usize(1..rooms.len())) % rooms.len();
                let in_room = |room| move |guest: &&Guest| guest.room == room;
                let one = self.guests.iter().rfind(in_room(room)).cloned();
                let two = self.guests.iter().rfind(in_room(other)).cloned();
                let (Some(one), Some(two)) = (one, two) else {
                    return Vec::new();
                };
                let moved = |guest: &Guest, to: usize| {
                    Event::of_move(Move {
                        id: guest.id.clone(),
                        from: rooms[guest.room].clone(),
                        to: rooms[to].clone(),
                        at,
                        named: (guest.named <= at).then_some(guest.named),
                        expected: None,
                    })
                };
                let mut events = vec![moved(&one, other), moved(&two, room)];
                for (guest, to) in [(one, other), (two, room)] {
                    self.arrived(guest.id, to, at, guest.named);
                }
                rng.shuffle(&mut events);
                events
            }
            28..31 => {
                let (id, since) = self.guest(rng, room, None);
                let fact = Expectation {
                    id,
                    since,
                    expected: expected(rng),
                };
                of(MessageKind::Extend, Said::Fact(Fact::Expectation(fact)))
            }
            31..33 => {
                let last = self.guests.iter().rfind(|guest| guest.room == room);
                let Some(guest) = last.cloned() else {
                    return Vec::new();
                };
                let (id, checkin) = self.named(rng, &guest);
                let fact = Departure {
                    id,
                    checkin,
                    until: guest.since.plus(rng.i64(-10..=10) * MINUTE),
                };
                of(
                    MessageKind::CancelCheckin,
                    Said::Fact(Fact::Departure(fact)),
                )
            }
            33..35 => {
                let mut gone = { self.guests.iter() }.filter(|guest| guest.room == room);
                let Some(guest) = gone.rfind(|guest| guest.left.is_some()).cloned() else {
                    return Vec::new();
                };
                let (id, named) = self.named(rng, &guest);
                let at = guest.left.unwrap_or(at).plus(rng.i64(0..30) * MINUTE);
                let named = named.filter(|named| *named <= at);
                of(MessageKind::CancelCheckout, Said::Back { id, at, named })
            }
            _ => {
                let status = match rng.u8(..7) {
                    0 | 1 => RoomStatus::OutOfOrder { until: None },
                    2 => RoomStatus::OutOfOrder {
                        until: Some(at.plus(rng.i64(1..8) * HOUR)),
                    },
                    3 | 4 => RoomStatus::InOrder,
                    5 => RoomStatus::Dirty,
                    _ => RoomStatus::Clean,
                };
                of(
                    MessageKind::RoomStatus,
                    Said::Status(StatusChange { at, status }),
                )
            }
        }
    }

    fn arrived(&mut self, id: Option<StayId>, room: usize, since: LocalTime, named: LocalTime) {
        self.guests.push(Guest {
            id,
            room,
            since,
            named,
            left: None,
        });
    }

    /// The id of a guest, who may have been here before.
    fn new_id(&self, rng: &mut Rng) -> Option<StayId> {
        let ids = ["A", "B", "C", "D", "E"];
        (rng.usize(..2) < self.with_id).then(|| StayId::new(ids[rng.usize(..ids.len())]))
    }

    /// How a message names a guest of the room; who has left by that, where it says so.
    fn guest(
        &mut self,
        rng: &mut Rng,
        room: usize,
        left: Option<LocalTime>,
    ) -> (Option<StayId>, Option<LocalTime>) {
        let of_room = self.guests.iter().enumerate();
        let of_room = of_room.filter(|(_, guest)| guest.room == room);
        let places: Vec<usize> = of_room.map(|(place, _)| place).collect();
        let back = rng.usize(..8).saturating_sub(5);
        match places.iter().rev().nth(back) {
            Some(&place) if rng.u8(..8) > 0 => {
                let guest = &mut self.guests[place];
                guest.left = left.or(guest.left);
                let guest = guest.clone();
                self.named(rng, &guest)
            }
            // It is not known to the service.
            _ => (self.new_id(rng), None),
        }
    }

    /// By the id, by the time of the check-in, by both, or not at all.
    fn named(&self, rng: &mut Rng, guest: &Guest) -> (Option<StayId>, Option<LocalTime>) {
        let id = guest.id.clone().filter(|_| rng.u8(..6) > 0);
        let time = [guest.named, guest.named, guest.since][rng.usize(..3)];
        (id, rng.bool().then_some(time))
    }
}
