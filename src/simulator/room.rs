use crate::types::{LocalTime, RoomKey};

use super::chance::Chance;
use super::gateway::GatewayOutage;
use super::guests::{Guests, midnight};
use super::load::Load;
use super::meter::Meter;
use super::trouble::{Trouble, trouble};
use super::{DAY, EventKind, HALF_HOUR, Scenario};

/// How long before the start a room's guests begin to come and go, so that the vacant beginning has
/// no influence any more. Days.
const PRELUDE: i64 = 60;

/// One room's story. Guests, troubles, load and meter have a random stream each, so that a setting
/// of one does not change the others.
pub(super) struct Room {
    guests: Guests,
    /// The random stream of the troubles; their probabilities are the scenario's.
    chance: Chance,
    trouble: Option<Trouble>,
    load: Load,
    meter: Meter,
    now: LocalTime,
    /// What is used now, in Wh a half hour.
    using: i64,
    /// Until when `using` stays the same.
    slot_end: LocalTime,
}

impl Room {
    /// The room as it is at the start. Emits the message of its current stay.
    pub(super) fn new(
        scenario: &Scenario,
        key: &RoomKey,
        emit: &mut impl FnMut(LocalTime, EventKind),
    ) -> Room {
        let (hotel, number) = (key.hotel_id.as_str(), key.room_number.as_str());
        let chance = |what| Chance::new(scenario.seed, &[what, hotel, number]);
        let long_ago = midnight(scenario.start).plus(-PRELUDE * DAY);
        let mut room = Room {
            guests: Guests::new(chance("guests"), long_ago, scenario.occupancy),
            chance: chance("trouble"),
            trouble: None,
            load: Load::new(chance("load")),
            meter: Meter::new(
                chance("rhythm"),
                chance("faults"),
                scenario.meters,
                scenario.start,
            ),
            now: scenario.start,
            using: 0,
            slot_end: scenario.start,
        };
        loop {
            room.trouble = trouble(&mut room.chance, room.guests.phase(), &scenario.troubles);
            if room.guests.phase().until > scenario.start {
                break;
            }
            room.guests.next();
        }
        room.load.start_phase(room.guests.phase());
        room.slot_end = first_after(scenario.start, room.meter.offset());
        room.use_for_a_slot();
        // Of a trouble only the part after the start counts.
        room.trouble = room
            .trouble
            .filter(|trouble| trouble.until > scenario.start);
        if let Some(trouble) = &mut room.trouble {
            trouble.from = trouble.from.max(scenario.start);
        }
        room.emit_phase(scenario.start, emit);
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
        while self.now < until {
            let turn = self.guests.phase().until;
            let due = self.meter.due();
            let next = until.min(turn).min(due).min(self.slot_end);
            self.use_energy(next);
            // The meter comes first: a reading at the time of a message belongs to the stay before.
            if next == due {
                self.meter.read(outage, emit);
            }
            if next == turn {
                self.guests.next();
                self.load.start_phase(self.guests.phase());
                self.trouble = trouble(&mut self.chance, self.guests.phase(), &scenario.troubles);
                self.emit_phase(next, emit);
            }
            if next == self.slot_end {
                self.slot_end = next.plus(HALF_HOUR);
                self.use_for_a_slot();
            } else if next == turn {
                self.use_for_a_slot();
            }
        }
    }

    fn use_for_a_slot(&mut self) {
        let kind = self.guests.phase().kind();
        self.using = self.load.slot(kind, self.now, self.slot_end);
    }

    fn use_energy(&mut self, until: LocalTime) {
        self.meter.count(self.using, until.since(self.now));
        if let Some(trouble) = &self.trouble {
            let from = trouble.from.max(self.now);
            let seconds = until.min(trouble.until).since(from).max(0);
            self.meter.count(trouble.per_half_hour.0, seconds);
        }
        self.now = until;
    }

    fn emit_phase(&self, at: LocalTime, emit: &mut impl FnMut(LocalTime, EventKind)) {
        emit(at, EventKind::Message(self.guests.phase().stay));
        if let Some(trouble) = self.trouble {
            emit(trouble.from, EventKind::Trouble(trouble));
        }
    }
}

/// The first time after `time` that is `offset` seconds after a full half hour.
fn first_after(time: LocalTime, offset: i64) -> LocalTime {
    let passed = (time.seconds() - offset).rem_euclid(HALF_HOUR);
    time.plus(HALF_HOUR - passed)
}
