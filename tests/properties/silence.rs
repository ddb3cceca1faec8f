//! A dead gateway is notified once and its end once; a gap of the service's own never is.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;
use roomwatt::engine::{
    MeterCheck, MeterFindings, MeterNoticeKind, MeterTrouble, Rules, Stay, Watch,
};
use roomwatt::types::{HotelId, LocalTime, RoomKey};

use crate::config;

/// Half-hourly meters are checked every ten minutes, and silent after ninety.
const EVERY: usize = 10;
const SILENT_AFTER: usize = 90;

#[derive(Clone, Debug)]
struct Hotel {
    /// Of each room when it was left, and from when to when its meter was silent. Minutes.
    rooms: Vec<(usize, Vec<(usize, usize)>)>,
    /// From when to when the gateway was dead.
    dead: Vec<(usize, usize)>,
    /// Checks before which the service was started again.
    restarts: Vec<usize>,
}

fn hotel() -> impl Strategy<Value = Hotel> {
    let spans = |count| vec((0..1_500usize, 1..400usize), 0..count);
    let room = (prop_oneof![Just(0), 0..1_500usize], spans(3));
    (vec(room, 1..14), spans(4), vec(0..150usize, 0..4)).prop_map(|(rooms, dead, restarts)| Hotel {
        rooms,
        dead,
        restarts,
    })
}

fn at(minutes: usize) -> LocalTime {
    let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
    noon.plus(minutes as i64 * 60)
}

impl Hotel {
    /// The room's last reading up to now since it was left.
    fn seen(&self, room: usize, now: usize) -> Option<usize> {
        let (left, own) = &self.rooms[room];
        let quiet = |time: usize| {
            let mut spans = own.iter().chain(&self.dead);
            spans.any(|&(from, length)| (from..from + length).contains(&time))
        };
        let mut readings = (0..=now).rev().filter(|time| time % 30 == room % 30);
        readings.find(|&time| time >= *left && !quiet(time))
    }

    fn watches(&self, now: usize) -> Vec<(RoomKey, Watch)> {
        let there = (0..self.rooms.len()).filter(|&room| self.rooms[room].0 <= now);
        let watch = |room: usize| {
            let stay = Stay::Vacant {
                actual_checkin: None,
                actual_checkout: at(self.rooms[room].0),
            };
            let mut watch = Watch::new(stay, &Rules::default());
            watch.fold.seen = self.seen(room, now).map(at);
            (RoomKey::new("H001", &room.to_string()), watch)
        };
        there.map(watch).collect()
    }
}

fn find(
    watches: &[(RoomKey, Watch)],
    notified: &HashMap<HotelId, MeterTrouble>,
    now: usize,
    listening_since: usize,
) -> MeterFindings {
    let check = MeterCheck {
        now: at(now),
        listening_since: at(listening_since),
        silent_after: SILENT_AFTER as i64 * 60,
    };
    let rooms = watches.iter().map(|(room, watch)| (room, watch));
    MeterFindings::find(rooms, notified, &check)
}

proptest! {
    #![proptest_config(config())]

    /// "When half of a hotel's watched meters (at least 5) are silent: one notice, and one when
    /// they are back."
    #[test]
    fn silence_is_notified_when_it_occurs_and_once(hotel in hotel()) {
        let mut notified: HashMap<HotelId, MeterTrouble> = HashMap::new();
        let mut since = 0;
        for number in 0..150 {
            let now = number * EVERY;
            if hotel.restarts.contains(&number) {
                since = now;
            }
            let watches = hotel.watches(now);
            let found = find(&watches, &notified, now, since);
            prop_assert!(found.notices.len() <= 1);
            let was_notified = !notified.is_empty();

            // Counted from the readings alone, whenever the service was started.
            let seen = |room: &RoomKey| {
                hotel.seen(room.room_number.as_str().parse().expect("a number"), now)
            };
            let late = |room: &RoomKey| seen(room).is_some_and(|seen| now - seen < SILENT_AFTER);
            let reporting = watches.iter().filter(|(room, _)| late(room)).count();
            let quiet = watches.len() - reporting;
            for notice in &found.notices {
                let hotel_id = notice.hotel_id.clone();
                match notice.kind {
                    MeterNoticeKind::Silent => {
                        prop_assert!(!was_notified && now - since >= SILENT_AFTER);
                        prop_assert!(quiet >= 5 && quiet * 2 >= watches.len());
                        notified.insert(hotel_id, MeterTrouble::Silent(notice.since));
                    }
                    MeterNoticeKind::Reporting => {
                        prop_assert!(reporting * 2 > watches.len());
                        let silent = MeterTrouble::Silent(notice.since);
                        prop_assert_eq!(notified.remove(&hotel_id), Some(silent));
                    }
                    kind => prop_assert!(false, "{} meters", kind.as_str()),
                }
            }

            // Where the status of every meter is known, the notices are complete.
            let old = |room: usize| hotel.rooms[room].0 + SILENT_AFTER <= now;
            let all_known = now - since >= SILENT_AFTER
                && (0..hotel.rooms.len()).all(|room| hotel.rooms[room].0 > now || old(room));
            if all_known {
                let is_silent = quiet * 2 >= watches.len() && (was_notified || quiet >= 5);
                prop_assert_eq!(!notified.is_empty(), is_silent && !watches.is_empty());
            }

            // A second check repeats no notice, even if the service was started just now.
            for since in [since, now] {
                prop_assert_eq!(find(&watches, &notified, now, since).notices, []);
            }
        }
    }
}
