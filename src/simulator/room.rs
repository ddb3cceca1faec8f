use crate::types::{LocalTime, RoomKey};

use super::chance::Chance;
use super::gateway::GatewayOutage;
use super::guests::{Guests, midnight};
use super::load::Load;
use super::meter::Meter;
use super::trouble::{Trouble, trouble};
use super::{DAY, HALF_HOUR, Scenario, What};

/// So long before the start a room's guests begin to come and go: by then nothing shows any more
/// that it was vacant once. Days.
const PRELUDE: i64 = 60;

/// One room's story. Guests, troubles, load and meter have a stream of chance each: another setting
/// of one leaves the others as they are.
pub(super) struct Room {
    guests: Guests,
    /// What is likely is the scenario's; what happens is the room's.
    chance: Chance,
    trouble: Option<Trouble>,
    load: Load,
    meter: Meter,
    now: LocalTime,
    /// What is used now, in Wh a half hour, and how long it stays so.
    using: i64,
    slot_end: LocalTime,
}

impl Room {
    /// The room as it is at the start; `tell` hears who is in it.
    pub(super) fn new(
        scenario: &Scenario,
        key: &RoomKey,
        tell: &mut impl FnMut(LocalTime, What),
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
        room.load.turn(room.guests.phase());
        room.slot_end = first_after(scenario.start, room.meter.offset());
        room.use_for_a_slot();
        // Nobody has seen what it used before.
        room.trouble = room
            .trouble
            .filter(|trouble| trouble.until > scenario.start);
        if let Some(trouble) = &mut room.trouble {
            trouble.from = trouble.from.max(scenario.start);
        }
        room.tell_phase(scenario.start, tell);
        room
    }

    /// Goes on to a time, and tells all until then. Some of it is known only later than that.
    pub(super) fn advance(
        &mut self,
        until: LocalTime,
        scenario: &Scenario,
        outage: Option<&GatewayOutage>,
        tell: &mut impl FnMut(LocalTime, What),
    ) {
        while self.now < until {
            let turn = self.guests.phase().until;
            let due = self.meter.due();
            let next = until.min(turn).min(due).min(self.slot_end);
            self.use_energy(next);
            // First the meter: a reading at the time of a message is of the stay before it.
            if next == due {
                self.meter.read(outage, tell);
            }
            if next == turn {
                self.guests.next();
                self.load.turn(self.guests.phase());
                self.trouble = trouble(&mut self.chance, self.guests.phase(), &scenario.troubles);
                self.tell_phase(next, tell);
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

    fn tell_phase(&self, at: LocalTime, tell: &mut impl FnMut(LocalTime, What)) {
        tell(at, What::Message(self.guests.phase().stay));
        if let Some(trouble) = self.trouble {
            tell(trouble.from, What::Trouble(trouble));
        }
    }
}

/// The first time after another that lies so many seconds behind a full half hour.
fn first_after(time: LocalTime, offset: i64) -> LocalTime {
    let passed = (time.seconds() - offset).rem_euclid(HALF_HOUR);
    time.plus(HALF_HOUR - passed)
}
