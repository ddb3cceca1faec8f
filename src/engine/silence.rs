//! Meters that tell nothing, or repeat themselves. A dead gateway must not look like a calm hotel.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::types::{HotelId, LocalTime, RoomKey, RoomNumber};

use super::frozen::{self, Motion};
use super::{MeterNotice, MeterNoticeKind, MeterTrouble, Watch};

/// Fewer silent meters are no matter of the whole hotel.
const LEAST_SILENT: u32 = 5;

/// Rooms that a notice names.
const ROOMS_NAMED: usize = 30;

/// A look at the meters.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// When it is, by the clock.
    pub now: LocalTime,
    /// Since when they have been looked at without a break. A silence from before may be our own.
    pub listening_since: LocalTime,
    /// A meter without a reading for so long is silent, one whose register does not move may be
    /// frozen. Seconds.
    pub silent_after: i64,
}

/// What a look finds of one meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    Heard,
    Silent,
    /// It is too soon to tell.
    Unknown,
}

impl Look {
    pub fn hear(&self, watch: &Watch) -> Hearing {
        let seen = watch.fold.seen;
        if seen.is_some_and(|seen| self.now.since(seen) < self.silent_after) {
            return Hearing::Heard;
        }
        let quiet = seen.unwrap_or(watch.stay.time()).max(self.listening_since);
        if self.now.since(quiet) >= self.silent_after {
            Hearing::Silent
        } else {
            Hearing::Unknown
        }
    }
}

/// The meters of a hotel's watched rooms, as a look finds them: which are silent, or else which are
/// frozen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HotelMeters {
    pub watched: u32,
    pub heard: u32,
    /// Silent, or frozen.
    pub silent: u32,
    /// The last reading of any of the silent ones; `None` where they never had one. The last
    /// movement of the frozen ones.
    pub since: Option<LocalTime>,
    /// The rooms of the first of them, in order.
    pub rooms: BTreeSet<RoomNumber>,
}

impl HotelMeters {
    fn count(&mut self, room: &RoomNumber, watch: &Watch, look: &Look) {
        self.watched += 1;
        match look.hear(watch) {
            Hearing::Heard => self.heard += 1,
            Hearing::Unknown => {}
            Hearing::Silent => {
                self.silent += 1;
                self.since = self.since.max(watch.fold.seen);
                self.name(room);
            }
        }
    }

    /// Keeps the first rooms.
    fn name(&mut self, room: &RoomNumber) {
        let is_full = self.rooms.len() >= ROOMS_NAMED;
        if !is_full || self.rooms.last().is_some_and(|last| room < last) {
            self.rooms.insert(room.clone());
        }
        if self.rooms.len() > ROOMS_NAMED {
            self.rooms.pop_last();
        }
    }

    fn are_silent(&self) -> bool {
        self.silent >= LEAST_SILENT && self.silent.saturating_mul(2) >= self.watched
    }

    /// Meters of which nobody knows count for neither side: a start, or guests who all leave, must
    /// not make a dead hotel look as if it was back.
    fn are_heard(&self) -> bool {
        self.heard.saturating_mul(2) > self.watched
    }

    fn notice(&self, kind: MeterNoticeKind, hotel_id: &HotelId, now: LocalTime) -> MeterNotice {
        MeterNotice {
            kind,
            hotel_id: hotel_id.clone(),
            detected: now,
            since: self.since,
            silent: self.silent,
            watched: self.watched,
            rooms: self.rooms.iter().cloned().collect(),
        }
    }
}

/// The meters of a hotel, each way they can be looked at.
#[derive(Default)]
struct Meters<'a> {
    heard: HotelMeters,
    motions: Vec<Motion>,
    /// The rooms of these, in their order.
    rooms: Vec<&'a RoomNumber>,
}

impl Meters<'_> {
    /// Those that stopped when the hotel froze at `since` and stand still.
    fn frozen(&self, since: LocalTime) -> HotelMeters {
        let mut frozen = HotelMeters {
            watched: self.heard.watched,
            since: Some(since),
            ..HotelMeters::default()
        };
        let stopped = self.motions.iter().zip(&self.rooms);
        for (_, room) in stopped.filter(|(motion, _)| motion.has_stopped(since)) {
            frozen.silent += 1;
            frozen.name(room);
        }
        frozen
    }
}

/// What a look at all meters finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Silence {
    /// The hotels that have silent meters.
    pub hotels: BTreeMap<HotelId, HotelMeters>,
    /// The hotels that are frozen, each with the meters that stand still.
    pub frozen: BTreeMap<HotelId, HotelMeters>,
    /// What the staff is to be told: of each hotel one at most.
    pub notices: Vec<MeterNotice>,
}

impl Silence {
    /// Looks at the meters of these rooms. `told` is what the staff has been notified of.
    pub fn find<'a>(
        rooms: impl Iterator<Item = (&'a RoomKey, &'a Watch)>,
        told: &HashMap<HotelId, MeterTrouble>,
        look: &Look,
    ) -> Silence {
        let mut hotels: HashMap<&HotelId, Meters<'a>> = HashMap::new();
        for (room, watch) in rooms {
            let hotel = hotels.entry(&room.hotel_id).or_default();
            hotel.heard.count(&room.room_number, watch, look);
            if let Some(motion) = Motion::of(watch, look.silent_after) {
                hotel.motions.push(motion);
                hotel.rooms.push(&room.room_number);
            }
        }
        let mut found = Silence::default();
        for (hotel_id, meters) in hotels {
            found.look_at(hotel_id, meters, told.get(hotel_id), look);
        }
        found.notices.sort_by(|a, b| a.hotel_id.cmp(&b.hotel_id));
        found
    }

    fn look_at(
        &mut self,
        hotel_id: &HotelId,
        meters: Meters<'_>,
        told: Option<&MeterTrouble>,
        look: &Look,
    ) {
        let (heard, now) = (&meters.heard, look.now);
        match told {
            None | Some(MeterTrouble::Moved(_)) if heard.are_silent() => {
                let notice = heard.notice(MeterNoticeKind::Silent, hotel_id, now);
                self.notices.push(notice);
            }
            None | Some(MeterTrouble::Moved(_)) => {
                if let Some(since) = frozen::frozen_since(&meters.motions) {
                    let frozen = meters.frozen(since);
                    let notice = frozen.notice(MeterNoticeKind::Frozen, hotel_id, now);
                    self.notices.push(notice);
                    self.frozen.insert(hotel_id.clone(), frozen);
                }
            }
            Some(&MeterTrouble::Silent(since)) if heard.are_heard() => {
                let notice = heard.notice(MeterNoticeKind::Heard, hotel_id, now);
                self.notices.push(MeterNotice { since, ..notice });
            }
            Some(MeterTrouble::Silent(_)) => {}
            Some(&MeterTrouble::Frozen(since)) => {
                let frozen = meters.frozen(since);
                if frozen::is_moving(&meters.motions, since, look.silent_after) {
                    let notice = frozen.notice(MeterNoticeKind::Moving, hotel_id, now);
                    self.notices.push(notice);
                } else {
                    self.frozen.insert(hotel_id.clone(), frozen);
                }
            }
        }
        if heard.silent > 0 {
            self.hotels.insert(hotel_id.clone(), meters.heard);
        }
    }

    /// Silent meters.
    pub fn silent(&self) -> u64 {
        self.hotels
            .values()
            .map(|hotel| u64::from(hotel.silent))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Rules, Stay};

    fn at(minutes: i64) -> LocalTime {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        noon.plus(minutes * 60)
    }

    /// A room that was left at noon and has seen a reading at this minute, or none.
    fn room(hotel: &str, number: usize, seen: Option<i64>) -> (RoomKey, Watch) {
        let stay = Stay::Vacant {
            actual_checkin: None,
            actual_checkout: at(0),
        };
        let mut watch = Watch::new(stay, &Rules::default());
        watch.fold.seen = seen.map(at);
        (RoomKey::new(hotel, &format!("{number:03}")), watch)
    }

    fn hotel(seen: &[Option<i64>]) -> Vec<(RoomKey, Watch)> {
        let rooms = seen.iter().enumerate();
        rooms
            .map(|(number, &seen)| room("H1", number, seen))
            .collect()
    }

    fn look(minutes: i64, listening_since: i64) -> Look {
        Look {
            now: at(minutes),
            listening_since: at(listening_since),
            silent_after: 90 * 60,
        }
    }

    fn find(rooms: &[(RoomKey, Watch)], told: Option<Option<i64>>, look: Look) -> Silence {
        let told = told.map(|since| (HotelId::new("H1"), MeterTrouble::Silent(since.map(at))));
        let rooms = rooms.iter().map(|(room, watch)| (room, watch));
        Silence::find(rooms, &told.into_iter().collect(), &look)
    }

    #[test]
    fn a_meter_is_silent_only_after_we_have_listened_for_so_long() {
        let hear = |seen, now, since| look(now, since).hear(&room("H1", 1, seen).1);
        assert_eq!(hear(Some(100), 189, 0), Hearing::Heard);
        assert_eq!(hear(Some(100), 190, 0), Hearing::Silent);
        assert_eq!(hear(Some(100), 190, 101), Hearing::Unknown);
        assert_eq!(hear(Some(100), 191, 101), Hearing::Silent);
        // What has come to us tells of the meter, however long we have listened.
        assert_eq!(hear(Some(100), 189, 189), Hearing::Heard);
        // One that never told anything is waited for since the stay began.
        assert_eq!(hear(None, 89, -500), Hearing::Unknown);
        assert_eq!(hear(None, 90, -500), Hearing::Silent);
        assert_eq!(hear(None, 90, 1), Hearing::Unknown);
        // Clocks differ.
        assert_eq!(hear(Some(150), 100, 0), Hearing::Heard);
    }

    #[test]
    fn half_of_the_meters_and_at_least_five_make_a_notice() {
        let told = |silent: usize, heard: usize| {
            let seen = [vec![Some(7); silent], vec![Some(200); heard]].concat();
            find(&hotel(&seen), None, look(200, 0)).notices.len()
        };
        assert_eq!([told(4, 0), told(5, 0)], [0, 1]);
        assert_eq!([told(5, 5), told(5, 6), told(6, 6)], [1, 0, 1]);
        // Meters of which nobody knows are watched, too.
        let mut rooms = hotel(&[Some(7); 5]);
        rooms.extend((10..15).map(|number| room("H1", number, None)));
        for (_, watch) in &mut rooms[5..] {
            watch.stay = Stay::Vacant {
                actual_checkin: None,
                actual_checkout: at(150),
            };
        }
        assert_eq!(find(&rooms, None, look(200, 0)).notices.len(), 1);
        rooms.pop();
        rooms.push(room("H1", 20, Some(200)));
        rooms.push(room("H1", 21, Some(200)));
        assert_eq!(find(&rooms, None, look(200, 0)).notices, []);
    }

    #[test]
    fn a_notice_tells_how_many_which_and_since_when() {
        let mut rooms: Vec<_> = (0..40).rev().map(|n| room("H1", n, Some(5))).collect();
        rooms[7].1.fold.seen = Some(at(30));
        rooms[9].1.fold.seen = None;
        rooms.push(room("H1", 50, Some(200)));
        rooms.push(room("H2", 1, Some(5)));
        let found = find(&rooms, None, look(200, 0));
        let names: Vec<_> = (0..30)
            .map(|n| RoomNumber::new(&format!("{n:03}")))
            .collect();
        assert_eq!(
            found.notices,
            [MeterNotice {
                kind: MeterNoticeKind::Silent,
                hotel_id: HotelId::new("H1"),
                detected: at(200),
                since: Some(at(30)),
                silent: 40,
                watched: 41,
                rooms: names,
            }]
        );
        assert_eq!(found.silent(), 41);
        assert_eq!(found.hotels.len(), 2);
        let never = find(&hotel(&[None; 5]), None, look(200, 0));
        assert_eq!(never.notices[0].since, None);
    }

    #[test]
    fn they_are_back_when_most_of_them_are_heard() {
        let back = |seen: &[Option<i64>], look| {
            let notices = find(&hotel(seen), Some(Some(5)), look).notices;
            notices.first().map(|notice| (notice.kind, notice.since))
        };
        let heard = Some((MeterNoticeKind::Heard, Some(at(5))));
        let half = [Some(5), Some(5), Some(5), Some(200), Some(200), Some(200)];
        assert_eq!(back(&half, look(200, 0)), None);
        assert_eq!(back(&half[1..], look(200, 0)), heard);
        // It is told once.
        assert_eq!(back(&[Some(5); 6], look(200, 0)), None);
        // Nobody knows of the others: after a start, or when all guests have just left.
        assert_eq!(back(&half, look(200, 200)), None);
        assert_eq!(back(&[None; 6], look(60, 0)), None);
        let mut young = [None; 6];
        young[0] = Some(10);
        assert_eq!(back(&young, look(60, 0)), None);
    }
}
