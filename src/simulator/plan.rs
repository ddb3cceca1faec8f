//! What is particular about a time in which a room is occupied or vacant: what messages say of it,
//! who is really in, and what uses energy besides.

use crate::engine::{Event, RoomStatus, Stay, StayId};
use crate::types::{HotelId, Kind, LocalTime, RoomKey};

use super::chance::Chance;
use super::circumstance::{Circumstance, CircumstanceSpan};
use super::consumer::{Consumer, Pattern};
use super::guests::{BETWEEN_GUESTS, ByMove, Phase, midnight};
use super::habits::Habits;
use super::messages::{self, Named};
use super::{DAY, HALF_HOUR, HOUR, MINUTE};

/// What is particular about a phase. Each part is in no order.
#[derive(Default)]
pub(super) struct Plan {
    /// Messages, and when they are sent.
    pub(super) messages: Vec<(LocalTime, Event)>,
    pub(super) circumstances: Vec<CircumstanceSpan>,
    pub(super) consumers: Vec<Consumer>,
    /// When somebody comes or goes within the phase, with what the room is from then on; in order.
    pub(super) turns: Vec<(LocalTime, Kind)>,
    /// When the guest wants to move to another room.
    pub(super) moves: Option<LocalTime>,
    /// Who leaves last, or has left.
    pub(super) guest: Option<Named>,
    /// The usual cleaning does not come, or not at its time.
    pub(super) is_cleaned_otherwise: bool,
}

/// What plans of a room follow from.
#[derive(Clone)]
pub(super) struct Planner {
    seed: u64,
    room: RoomKey,
    habits: Habits,
    /// Whether the hotel's messages have ids of stays.
    ids: bool,
    /// Whether they say when a room is dirty and when it is clean.
    cleaning: bool,
}

impl Planner {
    pub(super) fn new(seed: u64, room: &RoomKey, habits: Habits) -> Planner {
        let of_hotel = |what, hotel: &HotelId, share| {
            Chance::new(seed, &["hotel", what, hotel.as_str()]).happens(share)
        };
        Planner {
            seed,
            room: room.clone(),
            habits,
            ids: of_hotel("ids", &room.hotel_id, habits.stay_ids),
            cleaning: of_hotel("cleaning", &room.hotel_id, habits.cleaning_messages),
        }
    }

    /// The random stream of a habit in the phase that begins `at`, if it happens: so that one habit
    /// does not depend on the others.
    fn happens(&self, probability: f64, what: Circumstance, at: LocalTime) -> Option<Chance> {
        // Most have none of them.
        if probability <= 0.0 {
            return None;
        }
        let room = &self.room;
        let (hotel, number) = (room.hotel_id.as_str(), room.room_number.as_str());
        let at = at.seconds().to_string();
        let mut chance = Chance::new(self.seed, &[what.as_str(), hotel, number, &at]);
        chance.happens(probability).then_some(chance)
    }

    fn id(&self, check_in: LocalTime) -> Option<StayId> {
        let number = self.room.room_number.as_str();
        let id = || StayId::new(&format!("{number}-{}", check_in.seconds()));
        self.ids.then(id)
    }

    /// When the guest whose check-out begins a vacancy really leaves, if that is later.
    pub(super) fn stays_on_until(&self, phase: &Phase) -> Option<LocalTime> {
        let from = phase.from();
        if phase.by_move.is_some() || self.is_express(phase).is_some() {
            return None;
        }
        let mut chance =
            self.happens(self.habits.late_checkouts, Circumstance::LateCheckout, from)?;
        let until = from.plus(chance.between(HALF_HOUR..=4 * HOUR));
        let until = until.min(phase.until.plus(-BETWEEN_GUESTS));
        (until >= from.plus(HALF_HOUR)).then_some(until)
    }

    fn is_express(&self, phase: &Phase) -> Option<Chance> {
        let probability = self.habits.express_checkouts;
        self.happens(probability, Circumstance::ExpressCheckout, phase.from())
    }

    /// The plan of a time in which the room is occupied.
    pub(super) fn occupied(&self, phase: &Phase) -> Plan {
        let mut plan = Plan::default();
        let (from, until) = (phase.from(), phase.until);
        let expected = match phase.stay {
            Stay::Occupied {
                expected_checkout, ..
            } => expected_checkout,
            Stay::Vacant { .. } => None,
        };
        if let Some(ByMove::In(guest)) = &phase.by_move {
            plan.say(from, messages::moved(&self.room, guest, from));
            plan.note(Circumstance::Move, from, until);
            plan.guest = Some(Named {
                id: guest.id.clone(),
                check_in: guest.named,
                expected,
            });
            return plan;
        }
        let mut guest = Named {
            id: self.id(from),
            check_in: from,
            expected,
        };
        let afternoon = midnight(from).plus(13 * HOUR);
        if from < afternoon {
            plan.note(Circumstance::EarlyArrival, from, afternoon.min(until));
        }
        let extended = self.extension(phase, expected);
        guest.expected = extended.map_or(expected, |(_, first)| Some(first));
        plan.say(from, messages::check_in(&self.room, &guest));
        guest.expected = expected;
        if let Some(((at, _), expected)) = extended.zip(expected) {
            plan.say(at, messages::extension(&self.room, &guest, expected));
            plan.note(Circumstance::Extension, at, until);
        }
        let is_shared = self.share(phase, &mut guest, &mut plan);
        if !is_shared && extended.is_none() && from >= afternoon {
            let chance = self.happens(self.habits.moves, Circumstance::Move, from);
            plan.moves = chance.map(|mut c| from.plus(c.between(HOUR / 2..=20 * HOUR)));
        }
        plan.guest = Some(guest);
        plan
    }

    /// When the last night was booked, and until when the guest had meant to stay.
    fn extension(
        &self,
        phase: &Phase,
        expected: Option<LocalTime>,
    ) -> Option<(LocalTime, LocalTime)> {
        let first = expected?.plus(-DAY);
        if first <= phase.from() {
            return None;
        }
        let probability = self.habits.extensions;
        let mut chance = self.happens(probability, Circumstance::Extension, phase.from())?;
        let at = midnight(first).plus(chance.between(8 * HOUR..=11 * HOUR));
        Some((at, first))
    }

    /// Perhaps has a second guest share the room. `guest` is who leaves last.
    fn share(&self, phase: &Phase, guest: &mut Named, plan: &mut Plan) -> bool {
        let (from, until) = (phase.from(), phase.until);
        let chance = self.happens(self.habits.shared_rooms, Circumstance::SharedRoom, from);
        let Some(mut chance) = chance else {
            return false;
        };
        let comes = from.plus(chance.between(HALF_HOUR..=6 * HOUR));
        let leaves = until.plus(-chance.between(HOUR..=8 * HOUR));
        if leaves < comes.plus(HOUR) {
            return false;
        }
        let mut second = Named {
            id: self.id(comes),
            check_in: comes,
            expected: guest.expected,
        };
        plan.say(comes, messages::check_in(&self.room, &second));
        if chance.happens(0.5) {
            std::mem::swap(guest, &mut second);
        }
        let gone = messages::check_out(&self.room, Some(&second), leaves);
        plan.say(leaves, gone);
        plan.note(Circumstance::SharedRoom, comes, leaves);
        true
    }

    /// The plan of a time in which the room is vacant: after `guest`, who stays on until `leaves`
    /// where that is later, and with the usual cleaning `cleaned`.
    pub(super) fn vacant(
        &self,
        phase: &Phase,
        guest: Option<Named>,
        leaves: Option<LocalTime>,
        cleaned: Option<LocalTime>,
        has_trouble: bool,
    ) -> Plan {
        let mut plan = Plan::default();
        let from = phase.from();
        let vacated = leaves.unwrap_or(from);
        if let Some(leaves) = leaves {
            plan.note(Circumstance::LateCheckout, from, leaves);
            plan.turns.push((leaves, Kind::Checkout));
        }
        let reported = self.check_out(phase, guest.as_ref(), &mut plan);
        plan.guest = guest;
        let free = self.clean(phase, vacated.max(reported), cleaned, &mut plan);
        // What is on in a vacant room is somebody's fault, and wasted, as long as nobody comes.
        if !has_trouble {
            let free = self.undo(phase, free, &mut plan);
            let free = self.repair(phase, free, &mut plan);
            let free = self.unknown(phase, free, &mut plan);
            self.visit(phase, free, &mut plan);
        }
        plan
    }

    /// Has the guest checked out. Returns when.
    fn check_out(&self, phase: &Phase, guest: Option<&Named>, plan: &mut Plan) -> LocalTime {
        let from = phase.from();
        if phase.by_move.is_some() {
            return from;
        }
        let planned = guest.and_then(|guest| guest.expected);
        let (at, until) = match self.is_express(phase).zip(planned) {
            Some((mut chance, planned)) => {
                let (first, last) = (from.min(planned), from.max(planned));
                plan.note(Circumstance::ExpressCheckout, first, last);
                let at = planned.plus(chance.between(0..=20 * MINUTE));
                (at.max(from), planned)
            }
            None => (from, from),
        };
        plan.say(at, messages::check_out(&self.room, guest, until));
        at
    }

    /// Has the room cleaned after its guest. Returns from when on other things can happen.
    fn clean(
        &self,
        phase: &Phase,
        vacated: LocalTime,
        cleaned: Option<LocalTime>,
        plan: &mut Plan,
    ) -> LocalTime {
        let before_next = phase.until.plus(-5 * MINUTE);
        let from = phase.from();
        let long = self.happens(self.habits.long_cleanings, Circumstance::Cleaning, from);
        let is_long = long.is_some();
        // After somebody who stayed on it comes later, too.
        let of_its_own = long.or_else(|| {
            let is_usual = cleaned.is_some_and(|cleaned| cleaned >= vacated);
            (!is_usual).then(|| self.happens(1.0, Circumstance::Cleaning, from))?
        });
        let cleaning = match of_its_own {
            Some(mut chance) => {
                plan.is_cleaned_otherwise = true;
                let from = vacated.plus(chance.between(10 * MINUTE..=5 * HALF_HOUR));
                let until = from.plus(match is_long {
                    true => chance.between(45 * MINUTE..=110 * MINUTE),
                    false => HALF_HOUR,
                });
                let per_half_hour = match is_long {
                    true => chance.within(self.habits.long_cleaning_wh),
                    false => chance.between(200..=500),
                };
                plan.consumers.push(Consumer {
                    from,
                    until: until.min(before_next),
                    per_half_hour,
                    pattern: Pattern::Always,
                });
                Some((from, until.min(before_next)))
            }
            None => cleaned.map(|from| (from, from.plus(HALF_HOUR).min(before_next))),
        };
        let cleaning = cleaning.filter(|(from, until)| from < until);
        if let Some((from, until)) = cleaning {
            plan.note(Circumstance::Cleaning, from, until);
        }
        if self.cleaning && vacated < phase.until {
            let say = |status, at| (at, messages::status(&self.room, status, at));
            plan.messages.push(say(RoomStatus::Dirty, vacated));
            let clean = cleaning.map(|(_, until)| say(RoomStatus::Clean, until));
            plan.messages.extend(clean);
        }
        cleaning.map_or(vacated, |(_, until)| until.max(vacated))
    }

    /// Perhaps has a check-in undone. Returns from when on other things can happen.
    fn undo(&self, phase: &Phase, free: LocalTime, plan: &mut Plan) -> LocalTime {
        let probability = self.habits.undone_checkins;
        let chance = self.happens(probability, Circumstance::UndoneCheckin, phase.from());
        let Some(mut chance) = chance else {
            return free;
        };
        let at = free.plus(chance.between(HALF_HOUR..=12 * HOUR));
        let cancelled = at.plus(chance.between(0..=15) * MINUTE);
        if cancelled >= phase.until.plus(-HOUR) {
            return free;
        }
        let guest = Named {
            id: self.id(at),
            check_in: at,
            expected: Some(midnight(at).plus(DAY + 12 * HOUR)),
        };
        plan.say(at, messages::check_in(&self.room, &guest));
        let undone = messages::cancelled_check_in(&self.room, &guest, cancelled);
        plan.say(cancelled, undone);
        plan.note(Circumstance::UndoneCheckin, at, cancelled);
        cancelled.plus(MINUTE)
    }

    /// Perhaps has the room be out of order. Returns from when on other things can happen.
    fn repair(&self, phase: &Phase, free: LocalTime, plan: &mut Plan) -> LocalTime {
        let probability = self.habits.out_of_order;
        let chance = self.happens(probability, Circumstance::OutOfOrder, phase.from());
        let Some(mut chance) = chance else {
            return free;
        };
        let from = free.plus(chance.between(5 * MINUTE..=3 * HOUR));
        let until = from.plus(chance.between(4 * HOUR..=60 * HOUR));
        let until = until.min(phase.until.plus(-BETWEEN_GUESTS));
        if until < from.plus(2 * HOUR) {
            return free;
        }
        let is_end_known = chance.happens(0.5);
        let known = is_end_known.then_some(until);
        let status = RoomStatus::OutOfOrder { until: known };
        plan.say(from, messages::status(&self.room, status, from));
        if !is_end_known {
            let status = RoomStatus::InOrder;
            plan.say(until, messages::status(&self.room, status, until));
        }
        plan.note(Circumstance::OutOfOrder, from, until);
        // Drills, a blower, lamps: while people work.
        let mut day = midnight(from);
        while day < until {
            let period = chance.between(20 * MINUTE..=80 * MINUTE);
            plan.consumers.push(Consumer {
                from: from.max(day.plus(9 * HOUR)),
                until: until.min(day.plus(17 * HOUR)),
                per_half_hour: chance.between(300..=1_200),
                pattern: Pattern::Cycle {
                    period,
                    on: period / 2,
                    shift: chance.between(0..=period),
                },
            });
            day = day.plus(DAY);
        }
        until
    }

    /// Perhaps has somebody stay for a night without a check-in. Returns from when on other things
    /// can happen.
    fn unknown(&self, phase: &Phase, free: LocalTime, plan: &mut Plan) -> LocalTime {
        let probability = self.habits.unknown_guests;
        let chance = self.happens(probability, Circumstance::UnknownGuest, phase.from());
        let Some(mut chance) = chance else {
            return free;
        };
        let evening = midnight(free).plus(chance.between(18 * HOUR..=23 * HOUR));
        let from = if evening < free {
            evening.plus(DAY)
        } else {
            evening
        };
        let until = from.plus(chance.between(8 * HOUR..=14 * HOUR));
        if until > phase.until.plus(-HOUR) {
            return free;
        }
        plan.turns
            .extend([(from, Kind::Checkin), (until, Kind::Checkout)]);
        plan.note(Circumstance::UnknownGuest, from, until);
        until
    }

    /// Perhaps has somebody of the staff use the room.
    fn visit(&self, phase: &Phase, free: LocalTime, plan: &mut Plan) {
        let probability = self.habits.staff_visits;
        let chance = self.happens(probability, Circumstance::StaffVisit, phase.from());
        let Some(mut chance) = chance else {
            return;
        };
        let from = free.plus(chance.between(10 * MINUTE..=6 * HOUR));
        let until = from.plus(chance.between(HALF_HOUR..=3 * HALF_HOUR));
        if until > phase.until.plus(-10 * MINUTE) {
            return;
        }
        plan.consumers.push(Consumer {
            from,
            until,
            per_half_hour: chance.between(150..=500),
            pattern: Pattern::Always,
        });
        plan.note(Circumstance::StaffVisit, from, until);
    }
}

impl Plan {
    fn say(&mut self, at: LocalTime, event: Event) {
        self.messages.push((at, event));
    }

    fn note(&mut self, what: Circumstance, from: LocalTime, until: LocalTime) {
        self.circumstances
            .push(CircumstanceSpan { what, from, until });
    }

    /// Whether nothing of it goes on or comes at a time, or later.
    pub(super) fn is_over(&self, at: LocalTime) -> bool {
        let messages = self.messages.iter().map(|(sent, _)| *sent);
        let spans = self.circumstances.iter().map(|span| span.until);
        let consumers = self.consumers.iter().map(|consumer| consumer.until);
        let turns = self.turns.iter().map(|(turn, _)| *turn);
        let ends = messages.chain(spans).chain(consumers).chain(turns);
        ends.max().is_none_or(|last| last < at)
    }
}
