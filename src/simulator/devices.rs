use crate::types::{LocalTime, RoomKey};

use super::chance::Chance;
use super::circumstance::{Circumstance, CircumstanceSpan};
use super::consumer::{Consumer, Pattern};
use super::guests::midnight;
use super::{DAY, HOUR, MINUTE};

/// What is in the rooms, and always on. All in Wh a half hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Devices {
    /// The least and the most that refrigerator and standby devices use on average.
    pub base: (i64, i64),
    /// What they use more at times; how much, changes every six hours.
    pub drift: i64,
    /// Share of the rooms whose refrigerator has a compressor that goes on and off. Of the others
    /// it is always the same.
    pub cycling: f64,
    /// Share of the rooms with a server cabinet.
    pub servers: f64,
    /// The least and the most that a server cabinet uses.
    pub server: (i64, i64),
}

impl Default for Devices {
    fn default() -> Devices {
        Devices {
            base: (20, 80),
            drift: 0,
            cycling: 0.0,
            servers: 0.0,
            server: (300, 800),
        }
    }
}

/// Cold days, in which heating or frost protection is on, whoever is in. They come again and again,
/// for each hotel on evenings of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColdSnap {
    /// The day of the story in whose evening the first one begins, from 0 on.
    pub first_day: u32,
    pub days: u32,
    /// Days from the beginning of one to the next.
    pub every: u32,
    /// Share of the rooms that are heated.
    pub share: f64,
    /// The rooms begin within so many seconds.
    pub staggered: i64,
    /// The least and the most that a room's heating uses while it is on. Wh a half hour.
    pub heating: (i64, i64),
}

impl ColdSnap {
    /// Two days in four weeks, in nearly all rooms within an hour.
    pub fn whole() -> ColdSnap {
        ColdSnap {
            first_day: 3,
            days: 2,
            every: 28,
            share: 0.95,
            staggered: HOUR,
            heating: (350, 650),
        }
    }
}

/// Heating and cooling go on for longer than a refrigerator's compressor. Seconds, percent.
const HEATING_PERIOD: (i64, i64) = (20 * MINUTE, 60 * MINUTE);
const HEATING_ON: (i64, i64) = (70, 100);
const COMPRESSOR_PERIOD: (i64, i64) = (40 * MINUTE, 90 * MINUTE);
const COMPRESSOR_ON: (i64, i64) = (35, 65);

/// The devices of a room that use energy whoever is in.
pub(super) struct Installed {
    /// Its refrigerator goes on and off.
    pub(super) is_cycling: bool,
    pub(super) has_server: bool,
    devices: Vec<Consumer>,
    heating: Option<Heating>,
}

struct Heating {
    snap: ColdSnap,
    /// When the hotel's first snap begins, and when this room follows.
    begin: LocalTime,
    after: i64,
    per_half_hour: i64,
    pattern: Pattern,
}

impl Installed {
    /// What is installed in a room whose usual base is `base`.
    pub(super) fn new(
        seed: u64,
        room: &RoomKey,
        start: LocalTime,
        base: i64,
        (devices, snap): (&Devices, Option<&ColdSnap>),
    ) -> Installed {
        let (hotel, number) = (room.hotel_id.as_str(), room.room_number.as_str());
        let chance = |what| Chance::new(seed, &[what, hotel, number]);
        let mut installed = Vec::new();
        let mut fridge = chance("fridge");
        let is_cycling = fridge.happens(devices.cycling);
        if is_cycling {
            let on = fridge.within(COMPRESSOR_ON);
            let pattern = cycle(&mut fridge, COMPRESSOR_PERIOD, on);
            installed.push(Consumer::lasting(base * 100 / on, pattern));
        }
        if devices.drift > 0 {
            let seed = fridge.any();
            installed.push(Consumer::lasting(devices.drift, Pattern::Drift { seed }));
        }
        let mut cabinet = chance("server");
        let has_server = cabinet.happens(devices.servers);
        if has_server {
            let server = cabinet.within(devices.server);
            installed.push(Consumer::lasting(server, Pattern::Always));
        }
        let heating = snap.and_then(|snap| {
            let mut of_hotel = Chance::new(seed, &["snap", hotel]);
            let evening = of_hotel.between(17 * HOUR..=22 * HOUR);
            let mut heating = chance("heating");
            let is_heated = heating.happens(snap.share);
            let on = heating.within(HEATING_ON);
            is_heated.then(|| Heating {
                snap: *snap,
                begin: midnight(start).plus(i64::from(snap.first_day) * DAY + evening),
                after: heating.between(0..=snap.staggered.max(0)),
                per_half_hour: heating.within(snap.heating),
                pattern: cycle(&mut heating, HEATING_PERIOD, on),
            })
        });
        Installed {
            is_cycling,
            has_server,
            devices: installed,
            heating,
        }
    }

    /// What they use between two times: Wh times the seconds of half an hour.
    pub(super) fn used(&self, from: LocalTime, until: LocalTime) -> i64 {
        let devices = self.devices.iter().map(|device| device.used(from, until));
        let heating = self
            .heating
            .as_ref()
            .map(|heating| heating.used(from, until));
        devices.sum::<i64>() + heating.unwrap_or_default()
    }

    /// The truth of those that use much: what of it begins between two times.
    pub(super) fn truth(
        &self,
        from: LocalTime,
        until: LocalTime,
    ) -> impl Iterator<Item = CircumstanceSpan> {
        let snaps = self
            .heating
            .iter()
            .flat_map(move |heating| heating.near(from));
        let begun = snaps.filter(move |snap| from <= snap.from && snap.from < until);
        let heated = begun.filter(|snap| snap.from < snap.until);
        heated.map(|snap| CircumstanceSpan {
            what: Circumstance::Heating,
            from: snap.from,
            until: snap.until,
        })
    }
}

fn cycle(chance: &mut Chance, period: (i64, i64), on_percent: i64) -> Pattern {
    let period = chance.within(period);
    Pattern::Cycle {
        period,
        on: period * on_percent / 100,
        shift: chance.between(0..=period - 1),
    }
}

impl Heating {
    /// The room's part of one of the hotel's snaps, which are numbered from 0 on.
    fn snap(&self, nth: i64) -> Consumer {
        let begin = self.begin.plus(nth * self.every());
        Consumer {
            from: begin.plus(self.after),
            until: begin.plus(i64::from(self.snap.days) * DAY),
            per_half_hour: self.per_half_hour,
            pattern: self.pattern,
        }
    }

    /// Seconds from one snap to the next.
    fn every(&self) -> i64 {
        i64::from(self.snap.every.max(1)) * DAY
    }

    /// The snaps that may go on or begin soon after a time: it may be the last one, and the next.
    fn near(&self, time: LocalTime) -> impl Iterator<Item = Consumer> {
        let nth = time.since(self.begin).div_euclid(self.every());
        let snaps = [nth, nth + 1].into_iter().filter(|nth| *nth >= 0);
        snaps.map(|nth| self.snap(nth))
    }

    fn used(&self, from: LocalTime, until: LocalTime) -> i64 {
        self.near(from).map(|snap| snap.used(from, until)).sum()
    }
}
