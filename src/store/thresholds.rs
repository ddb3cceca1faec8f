//! Thresholds with the time since when they hold, in every store: what is written of a
//! configuration, and what was in force in a room.

use std::collections::HashMap;

use crate::engine::{Rules, Thresholds};
use crate::types::{HotelId, Kind, LocalTime, RoomKey, RoomNumber, WattHours};

/// The columns of `threshold`.
pub(super) const COLUMNS: [&str; 6] = [
    "hotel_id",
    "room_number",
    "msg_type",
    "since",
    "wh",
    "interval_seconds",
];

/// A threshold that holds from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    pub since: LocalTime,
    /// Energy per interval above which an interval is abnormal.
    pub energy: WattHours,
    /// The length of the interval in seconds.
    pub interval_seconds: i64,
}

impl Threshold {
    /// The same threshold for an interval of so many seconds, rounded down to the Wh.
    pub fn per(&self, interval_seconds: i64) -> WattHours {
        let scaled = i128::from(self.energy.0) * i128::from(interval_seconds)
            / i128::from(self.interval_seconds.max(1));
        WattHours(scaled.try_into().unwrap_or(i64::MAX))
    }
}

/// Whose a threshold is, and of which kind of stay.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Whose {
    /// Empty: of all hotels.
    pub(super) hotel: String,
    /// Empty: of all rooms of the hotel.
    pub(super) room: String,
    pub(super) kind: Kind,
}

/// What a row says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) since: LocalTime,
    /// `None`: from then on it has no threshold of its own.
    pub(super) energy: Option<WattHours>,
    pub(super) interval_seconds: i64,
}

/// What has to be written so that the newest rows say what the rules do, in the order of the key.
pub(super) fn changed(
    newest: &HashMap<Whose, Kept>,
    rules: &Rules,
    now: LocalTime,
) -> Vec<(Whose, Kept)> {
    let configured = configured(rules);
    let gone = { newest.iter() }
        .filter(|(whose, kept)| kept.energy.is_some() && !configured.contains_key(*whose))
        .map(|(whose, _)| (whose.clone(), None));
    let set = configured.iter().filter(|(whose, energy)| {
        let is_kept = |kept: &Kept| {
            kept.energy == Some(**energy) && kept.interval_seconds == rules.interval_seconds
        };
        !newest.get(whose).is_some_and(is_kept)
    });
    let set = set.map(|(whose, energy)| (whose.clone(), Some(*energy)));
    let mut rows: Vec<(Whose, Kept)> = set
        .chain(gone)
        .map(|(whose, energy)| {
            // The clock may have been put back: the newest row is the one that holds.
            let before = newest.get(&whose).map_or(now, |kept| kept.since);
            let kept = Kept {
                since: now.max(before),
                energy,
                interval_seconds: rules.interval_seconds,
            };
            (whose, kept)
        })
        .collect();
    rows.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    rows
}

/// The thresholds that rules set, but for those of names that no room can have.
fn configured(rules: &Rules) -> HashMap<Whose, WattHours> {
    let mut configured = HashMap::new();
    let mut add = |hotel: &str, room: &str, own: Thresholds<Option<WattHours>>| {
        let fits = hotel.chars().count() <= HotelId::MAX_CHARS
            && room.chars().count() <= RoomNumber::MAX_CHARS;
        let own = [(Kind::Checkin, own.checkin), (Kind::Checkout, own.checkout)];
        for (kind, energy) in own.into_iter().filter(|_| fits) {
            let whose = Whose {
                hotel: hotel.to_owned(),
                room: room.to_owned(),
                kind,
            };
            configured.extend(energy.map(|energy| (whose, energy)));
        }
    };
    let of_all = Thresholds {
        checkin: Some(rules.thresholds.checkin),
        checkout: Some(rules.thresholds.checkout),
    };
    add("", "", of_all);
    for (hotel, own) in &rules.hotel_thresholds {
        add(hotel.as_str(), "", *own);
    }
    for (room, own) in &rules.room_thresholds {
        add(room.hotel_id.as_str(), room.room_number.as_str(), *own);
    }
    configured
}

/// What was in force in a room, by the rows of it, of its hotel and of all, in any order. Nothing
/// is known before the first one of all.
pub(super) fn in_force(room: &RoomKey, mut rows: Vec<(Whose, Kept)>) -> Vec<Threshold> {
    rows.sort_by_key(|(_, kept)| kept.since);
    let mut steps: Vec<Threshold> = Vec::new();
    // Of all, of the hotel, of the room.
    let mut own: [Option<Kept>; 3] = [None; 3];
    for at_once in rows.chunk_by(|(_, a), (_, b)| a.since == b.since) {
        for (whose, kept) in at_once {
            let place = match (whose.hotel.as_str(), whose.room.as_str()) {
                ("", "") => 0,
                (hotel, "") if hotel == room.hotel_id.as_str() => 1,
                (hotel, number)
                    if hotel == room.hotel_id.as_str() && number == room.room_number.as_str() =>
                {
                    2
                }
                _ => continue,
            };
            own[place] = Some(*kept);
        }
        let [Some(of_all), hotel, of_room] = own else {
            continue;
        };
        let set = [of_room, hotel].into_iter().flatten();
        let holds = set
            .chain([of_all])
            .find_map(|kept| Some((kept.energy?, kept.interval_seconds)));
        let Some(((energy, interval_seconds), (_, kept))) = holds.zip(at_once.first()) else {
            continue;
        };
        let step = Threshold {
            since: kept.since,
            energy,
            interval_seconds,
        };
        let is_same = |last: &Threshold| {
            (last.energy, last.interval_seconds) == (step.energy, step.interval_seconds)
        };
        if !steps.last().is_some_and(is_same) {
            steps.push(step);
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> LocalTime {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        noon.plus(minutes * 60)
    }

    /// Rules with these thresholds of vacant rooms: of all, of hotel H1, of its room 101.
    fn rules(all: i64, hotel: Option<i64>, room: Option<i64>) -> Rules {
        let own = |wh: Option<i64>| Thresholds {
            checkin: None,
            checkout: wh.map(WattHours),
        };
        let mut rules = Rules::default();
        rules.thresholds.checkout = WattHours(all);
        let hotel = hotel.map(|wh| (HotelId::new("H1"), own(Some(wh))));
        rules.hotel_thresholds.extend(hotel);
        let room = room.map(|wh| (RoomKey::new("H1", "101"), own(Some(wh))));
        rules.room_thresholds.extend(room);
        rules
    }

    /// Writes what has changed; gives the rows.
    fn write(rows: &mut Vec<(Whose, Kept)>, rules: &Rules, now: LocalTime) -> usize {
        let mut newest = HashMap::new();
        for (whose, kept) in rows.iter() {
            newest.insert(whose.clone(), *kept);
        }
        let new = changed(&newest, rules, now);
        rows.retain(|(whose, kept)| !new.iter().any(|(w, k)| w == whose && k.since == kept.since));
        rows.extend(new.clone());
        new.len()
    }

    fn steps(rows: &[(Whose, Kept)], room: &str) -> Vec<(i64, i64)> {
        let of = |(whose, _): &&(Whose, Kept)| whose.kind == Kind::Checkout;
        let rows = rows.iter().filter(of).cloned().collect();
        let steps = in_force(&RoomKey::new("H1", room), rows).into_iter();
        steps
            .map(|step| (step.since.since(at(0)) / 60, step.energy.0))
            .collect()
    }

    #[test]
    fn only_what_has_changed_is_written_and_a_room_has_what_was_in_force() {
        let mut rows = Vec::new();
        assert_eq!(write(&mut rows, &rules(1_500, None, None), at(0)), 2);
        assert_eq!(write(&mut rows, &rules(1_500, None, None), at(10)), 0);
        assert_eq!(write(&mut rows, &rules(1_500, Some(800), None), at(20)), 1);
        assert_eq!(
            write(&mut rows, &rules(1_500, Some(800), Some(300)), at(30)),
            1
        );
        assert_eq!(
            write(&mut rows, &rules(1_200, Some(800), Some(300)), at(40)),
            1
        );
        assert_eq!(write(&mut rows, &rules(1_200, None, Some(300)), at(50)), 1);
        assert_eq!(write(&mut rows, &rules(1_200, None, None), at(60)), 1);
        assert_eq!(write(&mut rows, &rules(1_200, None, None), at(70)), 0);
        let of_room = [(0, 1_500), (20, 800), (30, 300), (60, 1_200)];
        assert_eq!(steps(&rows, "101"), of_room);
        let of_hotel = [(0, 1_500), (20, 800), (50, 1_200)];
        assert_eq!(steps(&rows, "102"), of_hotel);
    }

    #[test]
    fn the_last_configuration_holds_whatever_the_clock_says() {
        let mut rows = Vec::new();
        write(&mut rows, &rules(1_500, None, None), at(60));
        write(&mut rows, &rules(1_200, None, None), at(0));
        assert_eq!(write(&mut rows, &rules(1_200, None, None), at(61)), 0);
        assert_eq!(steps(&rows, "101"), [(60, 1_200)]);
        // Another length of the interval makes another threshold of the same number.
        let longer = Rules {
            interval_seconds: 3_600,
            ..rules(1_200, None, None)
        };
        assert_eq!(write(&mut rows, &longer, at(90)), 2);
        assert_eq!(steps(&rows, "101"), [(60, 1_200), (90, 1_200)]);
    }

    #[test]
    fn names_that_no_room_can_have_are_left_out() {
        let mut rules = rules(1_500, None, None);
        let own = Thresholds {
            checkin: Some(WattHours(1)),
            checkout: None,
        };
        let long = "字".repeat(51);
        rules.hotel_thresholds.insert(HotelId::new(&long), own);
        let room = RoomKey::new("H1", &long[..21 * 3]);
        rules.room_thresholds.insert(room, own);
        assert_eq!(changed(&HashMap::new(), &rules, at(0)).len(), 2);
    }
}
