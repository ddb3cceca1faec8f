//! Silent and frozen meters: those that send no readings, and those that repeat their last one. A
//! dead gateway must not look like a quiet hotel.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::types::{HotelId, LocalTime, RoomKey, RoomNumber};

use super::frozen::{self, Motion};
use super::{HotelCensus, MeterNotice, MeterNoticeKind, MeterTrouble, RoomState, Watch};

/// With fewer silent meters than this, no notice is sent for a hotel.
const MIN_SILENT: u32 = 5;

/// The most rooms that a notice lists.
const MAX_LISTED_ROOMS: usize = 30;

/// The parameters of a check of the meters.
#[derive(Clone, Copy, Debug)]
pub struct MeterCheck {
    /// The present time.
    pub now: LocalTime,
    /// Since when sweeps have been complete: before that, the service itself may have missed
    /// readings.
    pub listening_since: LocalTime,
    /// Seconds without a reading after which a meter is silent, and without a movement of its
    /// register after which it may be frozen.
    pub silent_after: i64,
}

/// The result of a check for one meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeterStatus {
    /// It sends readings.
    Reporting,
    /// It has sent none for too long.
    Silent,
    /// The service has not listened for long enough to decide.
    Unknown,
}

impl MeterCheck {
    /// The status of a watched room's meter.
    pub fn status(&self, watch: &Watch) -> MeterStatus {
        let seen = watch.fold.seen;
        if seen.is_some_and(|seen| self.now.since(seen) < self.silent_after) {
            return MeterStatus::Reporting;
        }
        let silent_since = seen.unwrap_or(watch.stay.time()).max(self.listening_since);
        if self.now.since(silent_since) >= self.silent_after {
            MeterStatus::Silent
        } else {
            MeterStatus::Unknown
        }
    }
}

/// The result of a check for one hotel: counts of its meters, and which of them are silent or, in a
/// frozen hotel, frozen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HotelMeters {
    /// Meters of watched rooms.
    pub watched: u32,
    /// Meters that send readings.
    pub reporting: u32,
    /// Silent meters or, in a frozen hotel, frozen ones.
    pub silent: u32,
    /// When any of the silent meters last sent a reading, `None` if none ever did; in a frozen
    /// hotel, when any of the frozen meters last moved.
    pub since: Option<LocalTime>,
    /// The first rooms with such meters, in order, at most 30.
    pub rooms: BTreeSet<RoomNumber>,
}

impl HotelMeters {
    fn count(&mut self, room: &RoomNumber, watch: &Watch, check: &MeterCheck) {
        self.watched += 1;
        match check.status(watch) {
            MeterStatus::Reporting => self.reporting += 1,
            MeterStatus::Unknown => {}
            MeterStatus::Silent => {
                self.silent += 1;
                self.since = self.since.max(watch.fold.seen);
                self.list(room);
            }
        }
    }

    /// Adds a room to the list, which keeps the first ones in order.
    fn list(&mut self, room: &RoomNumber) {
        let is_full = self.rooms.len() >= MAX_LISTED_ROOMS;
        if !is_full || self.rooms.last().is_some_and(|last| room < last) {
            self.rooms.insert(room.clone());
        }
        if self.rooms.len() > MAX_LISTED_ROOMS {
            self.rooms.pop_last();
        }
    }

    fn is_silent(&self) -> bool {
        self.silent >= MIN_SILENT && self.silent.saturating_mul(2) >= self.watched
    }

    /// Whether most meters report. Unknown ones count for neither side: after a start, or when all
    /// guests leave at once, a dead gateway must not seem to have recovered.
    fn is_reporting(&self) -> bool {
        self.reporting.saturating_mul(2) > self.watched
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
            handling: None,
        }
    }
}

/// The meters of one hotel, collected for a check.
#[derive(Default)]
struct Meters<'a> {
    counts: HotelMeters,
    motions: Vec<Motion>,
    /// The rooms of `motions`, in the same order.
    rooms: Vec<&'a RoomNumber>,
}

impl<'a> Meters<'a> {
    fn add(&mut self, room: &'a RoomNumber, watch: &Watch, check: &MeterCheck) {
        self.counts.count(room, watch, check);
        if let Some(motion) = Motion::of(watch, check.silent_after) {
            self.motions.push(motion);
            self.rooms.push(room);
        }
    }

    /// The meters that stopped when the hotel froze at `since`, and have not moved again.
    fn frozen(&self, since: LocalTime) -> HotelMeters {
        let mut frozen = HotelMeters {
            watched: self.counts.watched,
            since: Some(since),
            ..HotelMeters::default()
        };
        let stopped = self.motions.iter().zip(&self.rooms);
        for (_, room) in stopped.filter(|(motion, _)| motion.has_stopped(since)) {
            frozen.silent += 1;
            frozen.list(room);
        }
        frozen
    }
}

/// The result of a check of all meters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeterFindings {
    /// The hotels that have silent meters.
    pub hotels: BTreeMap<HotelId, HotelMeters>,
    /// The frozen hotels, each with its frozen meters.
    pub frozen: BTreeMap<HotelId, HotelMeters>,
    /// The rooms of each hotel, where they were counted.
    pub rooms: HashMap<HotelId, HotelCensus>,
    /// The notices for the staff, at most one a hotel.
    pub notices: Vec<MeterNotice>,
}

impl MeterFindings {
    /// Checks the meters of these rooms. `troubles` holds what the staff was last notified of for
    /// each hotel.
    pub fn find<'a>(
        rooms: impl Iterator<Item = (&'a RoomKey, &'a Watch)>,
        troubles: &HashMap<HotelId, MeterTrouble>,
        check: &MeterCheck,
    ) -> MeterFindings {
        let mut hotels: BTreeMap<&HotelId, Meters<'a>> = BTreeMap::new();
        for (room, watch) in rooms {
            let hotel = hotels.entry(&room.hotel_id).or_default();
            hotel.add(&room.room_number, watch, check);
        }
        let mut found = MeterFindings::default();
        for (hotel, meters) in hotels {
            found.check_hotel(hotel, meters, troubles.get(hotel), check);
        }
        found
    }

    /// Adds what is found of one hotel: of the meters of which the third one says so, and how many
    /// rooms are in which state, because to visit them twice would take twice as long. Those that
    /// are out of order are not checked: they may have no power. Times of one stay are matched
    /// within so many seconds.
    pub fn add_hotel<'a>(
        &mut self,
        hotel: &HotelId,
        rooms: impl Iterator<Item = (&'a RoomNumber, &'a RoomState, bool)>,
        trouble: Option<&MeterTrouble>,
        check: &MeterCheck,
        match_seconds: i64,
    ) {
        let (mut meters, mut census) = (Meters::default(), HotelCensus::default());
        for (number, state, is_checked) in rooms {
            let is_in_order = state.out_of_order(check.now, match_seconds).is_none();
            census.count(state, is_in_order, check.now, check.silent_after);
            if is_checked && is_in_order {
                meters.add(number, &state.watch, check);
            }
        }
        census.silent = meters.counts.silent;
        self.rooms.insert(hotel.clone(), census);
        self.check_hotel(hotel, meters, trouble, check);
    }

    fn check_hotel(
        &mut self,
        hotel_id: &HotelId,
        meters: Meters<'_>,
        trouble: Option<&MeterTrouble>,
        check: &MeterCheck,
    ) {
        let (counts, now) = (&meters.counts, check.now);
        if counts.watched == 0 {
            return;
        }
        match trouble {
            None | Some(MeterTrouble::Moved(_)) if counts.is_silent() => {
                let notice = counts.notice(MeterNoticeKind::Silent, hotel_id, now);
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
            Some(&MeterTrouble::Silent(since)) if counts.is_reporting() => {
                let notice = counts.notice(MeterNoticeKind::Reporting, hotel_id, now);
                self.notices.push(MeterNotice { since, ..notice });
            }
            Some(MeterTrouble::Silent(_)) => {}
            Some(&MeterTrouble::Frozen(since)) => {
                let frozen = meters.frozen(since);
                if frozen::is_moving(&meters.motions, since, check.silent_after) {
                    let notice = frozen.notice(MeterNoticeKind::Moving, hotel_id, now);
                    self.notices.push(notice);
                } else {
                    self.frozen.insert(hotel_id.clone(), frozen);
                }
            }
        }
        if counts.silent > 0 {
            self.hotels.insert(hotel_id.clone(), meters.counts);
        }
    }

    /// The number of silent meters.
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

    /// A room that became vacant at noon, with its last reading `seen` minutes after, or none.
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

    fn check(minutes: i64, listening_since: i64) -> MeterCheck {
        MeterCheck {
            now: at(minutes),
            listening_since: at(listening_since),
            silent_after: 90 * 60,
        }
    }

    fn find(
        rooms: &[(RoomKey, Watch)],
        silent: Option<Option<i64>>,
        check: MeterCheck,
    ) -> MeterFindings {
        let trouble = silent.map(|since| (HotelId::new("H1"), MeterTrouble::Silent(since.map(at))));
        let rooms = rooms.iter().map(|(room, watch)| (room, watch));
        MeterFindings::find(rooms, &trouble.into_iter().collect(), &check)
    }

    #[test]
    fn a_meter_is_silent_only_after_the_service_has_listened_long_enough() {
        let status = |seen, now, since| check(now, since).status(&room("H1", 1, seen).1);
        assert_eq!(status(Some(100), 189, 0), MeterStatus::Reporting);
        assert_eq!(status(Some(100), 190, 0), MeterStatus::Silent);
        assert_eq!(status(Some(100), 190, 101), MeterStatus::Unknown);
        assert_eq!(status(Some(100), 191, 101), MeterStatus::Silent);
        // A recent reading is proof, however short the service has listened.
        assert_eq!(status(Some(100), 189, 189), MeterStatus::Reporting);
        // Without any reading, the silence counts from the stay's beginning.
        assert_eq!(status(None, 89, -500), MeterStatus::Unknown);
        assert_eq!(status(None, 90, -500), MeterStatus::Silent);
        assert_eq!(status(None, 90, 1), MeterStatus::Unknown);
        // The meter's clock is ahead.
        assert_eq!(status(Some(150), 100, 0), MeterStatus::Reporting);
    }

    #[test]
    fn a_hotel_is_silent_when_half_of_its_meters_and_at_least_five_are() {
        let notices = |silent: usize, reporting: usize| {
            let seen = [vec![Some(7); silent], vec![Some(200); reporting]].concat();
            find(&hotel(&seen), None, check(200, 0)).notices.len()
        };
        assert_eq!([notices(4, 0), notices(5, 0)], [0, 1]);
        assert_eq!([notices(5, 5), notices(5, 6), notices(6, 6)], [1, 0, 1]);
        // Meters of unknown status count as watched.
        let mut rooms = hotel(&[Some(7); 5]);
        rooms.extend((10..15).map(|number| room("H1", number, None)));
        for (_, watch) in &mut rooms[5..] {
            watch.stay = Stay::Vacant {
                actual_checkin: None,
                actual_checkout: at(150),
            };
        }
        assert_eq!(find(&rooms, None, check(200, 0)).notices.len(), 1);
        rooms.pop();
        rooms.push(room("H1", 20, Some(200)));
        rooms.push(room("H1", 21, Some(200)));
        assert_eq!(find(&rooms, None, check(200, 0)).notices, []);
    }

    #[test]
    fn a_notice_has_the_count_the_rooms_and_the_last_reading() {
        let mut rooms: Vec<_> = (0..40).rev().map(|n| room("H1", n, Some(5))).collect();
        rooms[7].1.fold.seen = Some(at(30));
        rooms[9].1.fold.seen = None;
        rooms.push(room("H1", 50, Some(200)));
        rooms.push(room("H2", 1, Some(5)));
        let found = find(&rooms, None, check(200, 0));
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
                handling: None,
            }]
        );
        assert_eq!(found.silent(), 41);
        assert_eq!(found.hotels.len(), 2);
        let never = find(&hotel(&[None; 5]), None, check(200, 0));
        assert_eq!(never.notices[0].since, None);
    }

    #[test]
    fn a_silence_ends_when_most_meters_report() {
        let end = |seen: &[Option<i64>], check| {
            let notices = find(&hotel(seen), Some(Some(5)), check).notices;
            notices.first().map(|notice| (notice.kind, notice.since))
        };
        let reporting = Some((MeterNoticeKind::Reporting, Some(at(5))));
        let half = [Some(5), Some(5), Some(5), Some(200), Some(200), Some(200)];
        assert_eq!(end(&half, check(200, 0)), None);
        assert_eq!(end(&half[1..], check(200, 0)), reporting);
        // While a hotel stays silent, no second notice is written.
        assert_eq!(end(&[Some(5); 6], check(200, 0)), None);
        // Unknown after a start, or because all guests have just left.
        assert_eq!(end(&half, check(200, 200)), None);
        assert_eq!(end(&[None; 6], check(60, 0)), None);
        let mut just_left = [None; 6];
        just_left[0] = Some(10);
        assert_eq!(end(&just_left, check(60, 0)), None);
    }
}
