use crate::types::{Kind, LocalTime, RoomKey};

use super::chance::Chance;
use super::circumstance::{Circumstance, CircumstanceSpan};
use super::devices::Installed;
use super::gateway::GatewayOutage;
use super::guests::{Guests, MovedIn, Phase, midnight};
use super::load::Load;
use super::messages::{self, Named};
use super::meter::Meter;
use super::plan::{Plan, Planner};
use super::trouble::{Trouble, trouble};
use super::{DAY, EventKind, HALF_HOUR, HOUR, Scenario};

/// How long before the start a room's guests begin to come and go, so that the vacant beginning has
/// no influence any more. Days.
const PRELUDE: i64 = 60;

/// A guest who moves stays in the new room for so long at least, and is gone so long before its
/// next guest comes. Seconds.
const AFTER_MOVE: i64 = 6 * HOUR;
const BEFORE_NEXT: i64 = 2 * HOUR;

/// One room's story. Guests, troubles, load and meter have a random stream each, and each habit has
/// one, so that a setting of one does not change the others.
pub(super) struct Room {
    key: RoomKey,
    guests: Guests,
    planner: Planner,
    plan: Plan,
    /// The next of the plan's turns.
    next_turn: usize,
    /// Whether somebody is in.
    presence: Kind,
    /// The random stream of the troubles; their probabilities are the scenario's.
    chance: Chance,
    trouble: Option<Trouble>,
    load: Load,
    installed: Installed,
    meter: Meter,
    start: LocalTime,
    now: LocalTime,
    /// What is used now, in Wh a half hour.
    using: i64,
    /// Until when `using` stays the same.
    slot_end: LocalTime,
}

impl Room {
    /// The room as it is at the start. Emits what messages have said of its guest.
    pub(super) fn new(
        scenario: &Scenario,
        key: &RoomKey,
        emit: &mut impl FnMut(LocalTime, EventKind),
    ) -> Room {
        let (hotel, number) = (key.hotel_id.as_str(), key.room_number.as_str());
        let chance = |what| Chance::new(scenario.seed, &[what, hotel, number]);
        let world = &scenario.world;
        let start = scenario.start;
        let long_ago = midnight(start).plus(-PRELUDE * DAY);
        let mut load = Load::new(chance("load"), world.devices.base, world.seasons);
        let installed = Installed::new(
            scenario.seed,
            key,
            start,
            load.base(),
            (&world.devices, world.snap.as_ref()),
        );
        if installed.is_cycling {
            load.without_base();
        }
        let shares = (world.occupancy, world.habits.early_arrivals);
        let meter = Meter::new(chance("rhythm"), chance("faults"), world.meters, start);
        let mut room = Room {
            key: key.clone(),
            guests: Guests::new(chance("guests"), chance("early"), long_ago, shares),
            planner: Planner::new(scenario.seed, key, world.habits),
            plan: Plan::default(),
            next_turn: 0,
            presence: Kind::Checkout,
            chance: chance("trouble"),
            trouble: None,
            load,
            installed,
            slot_end: first_after(start, meter.offset()),
            meter,
            start,
            now: start,
            using: 0,
        };
        let mut before: Option<Phase> = None;
        loop {
            let leaves = room.planner.stays_on_until(room.guests.phase());
            room.draw_trouble(scenario, leaves);
            if room.guests.phase().until > start {
                break;
            }
            before = Some(room.guests.phase().clone());
            room.guests.next();
        }
        // Who left before the room was vacant.
        let guest = before
            .filter(|phase| phase.kind() == Kind::Checkin)
            .and_then(|phase| room.planner.occupied(&phase).guest);
        room.begin_phase(guest.clone());
        // What has come to its end is of no interest any more. A trouble counts from the start on.
        room.take_turns(start);
        room.trouble = room.trouble.filter(|trouble| trouble.until > start);
        if let Some(trouble) = &mut room.trouble {
            trouble.from = trouble.from.max(start);
        }
        room.use_for_a_slot();
        let is_known = { room.plan.messages.iter() }.any(|(at, _)| *at <= start);
        if let Some(guest) = guest.filter(|_| !is_known) {
            // The system still has its guest in.
            emit(start, EventKind::Message(messages::check_in(key, &guest)));
        }
        room.emit_phase(emit);
        let of_house = room.installed.truth(midnight(start), start);
        let server = room.installed.has_server.then_some(CircumstanceSpan {
            what: Circumstance::ServerCabinet,
            from: start,
            until: LocalTime::LAST,
        });
        for span in of_house.chain(server).filter(|span| span.until > start) {
            let from = span.from.max(start);
            emit(
                from,
                EventKind::Circumstance(CircumstanceSpan { from, ..span }),
            );
        }
        room
    }

    /// Goes on to a time, and emits all that happens until then. Some of it becomes known only
    /// later than that.
    pub(super) fn advance(
        &mut self,
        until: LocalTime,
        scenario: &Scenario,
        outage: Option<&GatewayOutage>,
        emit: &mut impl FnMut(LocalTime, EventKind),
    ) {
        for span in self.installed.truth(self.now, until) {
            emit(span.from, EventKind::Circumstance(span));
        }
        while self.now < until {
            let end = self.guests.phase().until;
            let due = self.meter.due();
            let turn = self.turn().map_or(LocalTime::LAST, |(at, _)| at);
            let next = until.min(end).min(due).min(self.slot_end).min(turn);
            self.use_energy(next);
            // The meter comes first: a reading at the time of a message belongs to the stay before.
            if next == due {
                self.meter.read(outage, emit);
            }
            if next == end {
                self.guests.next();
                let leaves = self.planner.stays_on_until(self.guests.phase());
                self.draw_trouble(scenario, leaves);
                let guest = self.plan.guest.take();
                self.begin_phase(guest);
                self.emit_phase(emit);
            }
            if next == turn {
                self.take_turns(next);
            }
            if next == self.slot_end {
                self.slot_end = next.plus(HALF_HOUR);
                self.use_for_a_slot();
            } else if next == end || next == turn {
                self.use_for_a_slot();
            }
        }
    }

    /// Draws the trouble of the phase, of which a guest stays on until `leaves`.
    fn draw_trouble(&mut self, scenario: &Scenario, leaves: Option<LocalTime>) {
        let phase = self.guests.phase();
        let time = (leaves.unwrap_or(phase.from()), phase.until);
        let likely = &scenario.world.troubles;
        self.trouble = trouble(&mut self.chance, phase.kind(), time, likely);
    }

    /// Begins the phase, whose trouble is drawn. `guest` was in before.
    fn begin_phase(&mut self, guest: Option<Named>) {
        let phase = self.guests.phase();
        let (kind, from) = (phase.kind(), phase.from());
        let leaves = self.planner.stays_on_until(phase);
        let mut cleaned = None;
        match leaves {
            // Who stays on goes on as before.
            Some(_) if self.presence == Kind::Checkin => {}
            Some(_) => {
                self.load.start(Kind::Checkin, from);
                self.presence = Kind::Checkin;
            }
            None => {
                cleaned = self.load.start(kind, from);
                self.presence = kind;
            }
        }
        self.plan = match kind {
            Kind::Checkin => self.planner.occupied(phase),
            Kind::Checkout => {
                let has_trouble = self.trouble.is_some();
                self.planner
                    .vacant(phase, guest, leaves, cleaned, has_trouble)
            }
        };
        self.next_turn = 0;
        if self.plan.is_cleaned_otherwise {
            self.load.without_cleaning();
        }
    }

    /// The next time within the phase at which somebody comes or goes.
    fn turn(&self) -> Option<(LocalTime, Kind)> {
        self.plan.turns.get(self.next_turn).copied()
    }

    /// Has those come and go who do so up to a time.
    fn take_turns(&mut self, until: LocalTime) {
        while let Some((at, kind)) = self.turn().filter(|(at, _)| *at <= until) {
            self.next_turn += 1;
            self.presence = kind;
            self.load.start(kind, at);
            // The plan has it.
            self.load.without_cleaning();
        }
    }

    fn use_for_a_slot(&mut self) {
        self.using = self.load.slot(self.presence, self.now, self.slot_end);
    }

    fn use_energy(&mut self, until: LocalTime) {
        let now = self.now;
        self.meter.count(self.using * until.since(now));
        self.meter.count(self.installed.used(now, until));
        for consumer in &self.plan.consumers {
            self.meter.count(consumer.used(now, until));
        }
        if let Some(trouble) = &self.trouble {
            self.meter.count(trouble.used(now, until));
        }
        self.now = until;
    }

    /// Emits what is said of the phase, and the truth, as far as it is not over at the start.
    fn emit_phase(&mut self, emit: &mut impl FnMut(LocalTime, EventKind)) {
        let (start, now) = (self.start, self.now);
        self.plan.messages.sort_by_key(|(at, _)| *at);
        for (at, event) in &self.plan.messages {
            emit(start.max(*at), EventKind::Message(event.clone()));
        }
        if let Some(trouble) = self.trouble {
            emit(trouble.from, EventKind::Trouble(trouble));
        }
        emit(now, EventKind::Presence(self.presence));
        for (at, kind) in self.plan.turns.iter().skip(self.next_turn) {
            emit(*at, EventKind::Presence(*kind));
        }
        for span in self
            .plan
            .circumstances
            .iter()
            .filter(|span| span.until >= start)
        {
            let mut span = *span;
            span.from = span.from.max(start);
            emit(span.from.max(now), EventKind::Circumstance(span));
        }
    }

    /// When its guest wants to move to another room, if that is before a time.
    pub(super) fn wants_to_move(&self, before: LocalTime) -> Option<LocalTime> {
        let phase = self.guests.phase();
        let moves = self
            .plan
            .moves
            .filter(|at| self.now < *at && *at < before)?;
        let stays = phase.until.since(moves) >= AFTER_MOVE && phase.kind() == Kind::Checkin;
        (stays && self.trouble.is_none()).then_some(moves)
    }

    /// Whether a guest can come from another room at a time, and stay until another.
    pub(super) fn can_take(&self, at: LocalTime, until: LocalTime) -> bool {
        let phase = self.guests.phase();
        let is_vacant = phase.kind() == Kind::Checkout && self.presence == Kind::Checkout;
        let is_free = phase.from() < at && until.plus(BEFORE_NEXT) < phase.until;
        let is_calm = self.trouble.is_none_or(|trouble| trouble.until <= at);
        is_vacant && is_free && is_calm && self.plan.is_over(at) && self.plan.turns.is_empty()
    }

    /// Its guest moves. Returns the guest, of whom the next room will have to be told.
    pub(super) fn move_out(&mut self, at: LocalTime) -> Option<MovedIn> {
        let guest = self.plan.guest.take()?;
        let moved = MovedIn {
            from: self.key.clone(),
            id: guest.id,
            named: guest.check_in,
            expected: guest.expected,
            until: self.guests.phase().until,
        };
        self.guests.move_out(at);
        Some(moved)
    }

    pub(super) fn move_in(&mut self, at: LocalTime, guest: MovedIn) {
        self.guests.move_in(at, guest);
    }

    /// When its guest leaves, or the next one comes.
    pub(super) fn phase_ends(&self) -> LocalTime {
        self.guests.phase().until
    }
}

/// The first time after `time` that is `offset` seconds after a full half hour.
fn first_after(time: LocalTime, offset: i64) -> LocalTime {
    let passed = (time.seconds() - offset).rem_euclid(HALF_HOUR);
    time.plus(HALF_HOUR - passed)
}
