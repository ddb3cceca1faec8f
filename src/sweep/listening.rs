//! Since when sweeps have been complete, which a silence has to outlast, and the lines about all
//! rooms.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::engine::{Census, HotelMeters, MeterFindings};
use crate::types::{HotelId, LocalTime, counted};

/// Hotels that are listed at a time.
const HOTELS_LISTED: usize = 20;

/// Rooms that are named of a hotel.
const ROOMS_NAMED: usize = 30;

/// Complete sweeps without a gap between them: a meter that is silent meanwhile is really silent.
#[derive(Default)]
pub(super) struct Listening {
    /// When the first of them began, and the last.
    span: Option<(LocalTime, LocalTime)>,
    /// When silent meters were last listed.
    listed: Option<LocalTime>,
    /// When all rooms were last counted.
    counted: Option<LocalTime>,
    /// The lines about them that were logged last.
    lines: Vec<String>,
}

/// How many meters are silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Silent {
    Meters(u64),
    /// Before the first sweep we did not read, so it may be our gap. The time as it is shown.
    NotKnownBefore(String),
}

impl Silent {
    /// It will be known at `time`, which is shown with its date if it is a day or more after `now`.
    pub(super) fn not_known_before(time: LocalTime, now: LocalTime) -> Silent {
        let shown = time.day_hour_minute();
        let of_day = shown.split_once(' ').map(|(_, of_day)| of_day.to_owned());
        Silent::NotKnownBefore(match of_day {
            Some(of_day) if time.since(now) < 86_400 => of_day,
            _ => shown,
        })
    }
}

impl Default for Silent {
    fn default() -> Silent {
        Silent::Meters(0)
    }
}

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Silent::Meters(count) => write!(f, "{count} silent"),
            Silent::NotKnownBefore(time) => write!(f, "silent: not known before {time}"),
        }
    }
}

impl Listening {
    /// A sweep that began at `now` is complete. Gives since when sweeps have been, without a gap of
    /// more than a third of `silent_after` seconds, or twice the time between two of them where
    /// that is longer. After a longer gap the silence may have been ours, or the clock was set.
    pub(super) fn swept(
        &mut self,
        now: LocalTime,
        silent_after: i64,
        every: Duration,
    ) -> LocalTime {
        let every = i64::try_from(every.as_secs()).unwrap_or(i64::MAX);
        let longest_gap = (silent_after / 3).max(every.saturating_mul(2));
        let since = match self.span {
            Some((since, last)) if now.since(last).abs() <= longest_gap => since,
            _ => {
                self.listed = None;
                now
            }
        };
        self.span = Some((since, now));
        since
    }

    /// Lists silent and frozen meters: the first ones at once, then all of them once in `every`
    /// seconds.
    pub(super) fn list(&mut self, found: &MeterFindings, now: LocalTime, every: i64) {
        let is_due = self.listed.is_none_or(|listed| now.since(listed) >= every);
        if !is_due || (found.hotels.is_empty() && found.frozen.is_empty()) {
            return;
        }
        self.listed = Some(now);
        let silent = list("silent", "last reading", &found.hotels);
        let frozen = list("frozen", "last moved", &found.frozen);
        for line in silent.iter().chain(&frozen) {
            log::info!("{line}");
        }
    }

    /// Whether all rooms are to be counted, once in `every` seconds: then they are.
    pub(super) fn counts(&mut self, now: LocalTime, every: i64) -> bool {
        let is_due = self
            .counted
            .is_none_or(|counted| now.since(counted) >= every);
        if is_due {
            self.counted = Some(now);
        }
        is_due
    }

    /// The lines that were not among those of the last call.
    pub(super) fn changed(&mut self, lines: Vec<String>) -> Vec<String> {
        let before = std::mem::replace(&mut self.lines, lines);
        let lines = self.lines.iter();
        lines
            .filter(|line| !before.contains(line))
            .cloned()
            .collect()
    }
}

/// All rooms in a line, and those whose guest has overstayed in a line a hotel.
pub(super) fn lines(census: &Census, silent: &Silent) -> Vec<String> {
    let overstayed: usize = census.overstayed.values().map(Vec::len).sum();
    // Where no such messages come there is nothing to be said of it.
    let out_of_order = match census.out_of_order {
        0 => String::new(),
        rooms => format!(", {rooms} out of order"),
    };
    let mut lines = vec![format!(
        "all rooms: {} occupied ({overstayed} overstayed), {} vacant{out_of_order}, {silent}, \
         {} abnormal now ({} notified)",
        census.occupied, census.vacant, census.abnormal, census.notified
    )];
    let hotels = census.overstayed.iter();
    lines.extend(hotels.take(HOTELS_LISTED).map(|(hotel, rooms)| {
        let named: Vec<&str> = rooms.iter().take(ROOMS_NAMED).map(|r| r.as_str()).collect();
        let more = match rooms.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("overstayed in hotel {hotel}: {}{more}", named.join(", "))
    }));
    let left_out = census.overstayed.len().saturating_sub(HOTELS_LISTED);
    if left_out > 0 {
        lines.push(format!(
            "overstayed in {}",
            counted(left_out as u64, "more hotel")
        ));
    }
    lines
}

/// A line a hotel: what is wrong with its meters, and what they did last.
fn list(wrong: &str, last: &str, hotels: &BTreeMap<HotelId, HotelMeters>) -> Vec<String> {
    let mut most_first: Vec<(&HotelId, &HotelMeters)> = hotels.iter().collect();
    most_first.sort_by_key(|(_, meters)| Reverse(meters.silent));
    let shown = most_first.iter().take(HOTELS_LISTED);
    let mut lines: Vec<String> = shown
        .map(|(hotel, meters)| {
            let rooms: Vec<&str> = meters.rooms.iter().map(|room| room.as_str()).collect();
            let last = match meters.since {
                Some(since) => format!("{last} {since}"),
                None => "never a reading".to_owned(),
            };
            let more = match (meters.silent as usize).saturating_sub(rooms.len()) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "{wrong} meters of hotel {hotel}: {} of {} ({last}): {}{more}",
                meters.silent,
                meters.watched,
                rooms.join(", "),
            )
        })
        .collect();
    let left_out = &most_first[lines.len()..];
    if !left_out.is_empty() {
        let meters: u64 = left_out
            .iter()
            .map(|(_, meters)| u64::from(meters.silent))
            .sum();
        lines.push(format!(
            "{wrong} meters of {}: {meters}",
            counted(left_out.len() as u64, "more hotel")
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::RoomNumber;

    fn at(minutes: i64) -> LocalTime {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        noon.plus(minutes * 60)
    }

    #[test]
    fn listening_begins_anew_after_a_gap_between_sweeps_or_a_change_of_the_clock() {
        let mut listening = Listening::default();
        let mut swept =
            |minutes, every| listening.swept(at(minutes), 90 * 60, Duration::from_secs(every));
        for minutes in [0, 1, 30, 60] {
            assert_eq!(swept(minutes, 60), at(0));
        }
        assert_eq!(swept(91, 60), at(91));
        // A clock that is set back by seconds harms nothing, an hour is another time of day.
        assert_eq!(swept(90, 60), at(91));
        assert_eq!(swept(30, 60), at(30));
        // Sweeps that are far apart are no gaps.
        assert_eq!(swept(90, 3_600), at(30));
        assert_eq!(swept(210, 3_600), at(30));
        assert_eq!(swept(331, 3_600), at(331));
    }

    fn hotels(count: u32, silent: u32) -> BTreeMap<HotelId, HotelMeters> {
        let named = |n: &u32| RoomNumber::new(&format!("{n:03}"));
        let hotel = |n: u32| {
            let meters = HotelMeters {
                watched: 80,
                silent: silent + n,
                since: (n > 0).then(|| at(0)),
                rooms: (1..=(silent + n).min(3)).map(|n| named(&n)).collect(),
                ..HotelMeters::default()
            };
            (HotelId::new(&format!("H{n}")), meters)
        };
        (0..count).map(hotel).collect()
    }

    fn list_silent(hotels: &BTreeMap<HotelId, HotelMeters>) -> Vec<String> {
        list("silent", "last reading", hotels)
    }

    #[test]
    fn frozen_meters_are_listed_like_silent_ones() {
        let mut frozen = hotels(2, 4);
        frozen.pop_first();
        assert_eq!(
            list("frozen", "last moved", &frozen),
            [
                "frozen meters of hotel H1: 5 of 80 (last moved 2023-04-10 12:00:00): 001, 002, \
                 003 and 2 more"
            ]
        );
    }

    #[test]
    fn a_list_is_short_however_many_meters_are_silent() {
        assert_eq!(
            list_silent(&hotels(2, 3)),
            [
                "silent meters of hotel H1: 4 of 80 (last reading 2023-04-10 12:00:00): 001, 002, \
                 003 and 1 more",
                "silent meters of hotel H0: 3 of 80 (never a reading): 001, 002, 003",
            ]
        );
        let long = list_silent(&hotels(23, 1));
        assert_eq!(long.len(), 21);
        assert_eq!(long[20], "silent meters of 3 more hotels: 6");
        assert!(
            list_silent(&hotels(20, 1))
                .iter()
                .all(|line| !line.contains("more hotels"))
        );
    }

    #[test]
    fn all_rooms_have_one_line_and_overstayed_ones_a_line_a_hotel() {
        let hotel = |n: u32, count: u32| {
            let rooms = (1..=count).map(|room| RoomNumber::new(&format!("{room:02}")));
            (HotelId::new(&format!("H{n:02}")), rooms.collect())
        };
        let mut census = Census {
            occupied: 8,
            vacant: 3,
            out_of_order: 0,
            abnormal: 2,
            notified: 1,
            overstayed: BTreeMap::from([hotel(1, 2), hotel(2, 32)]),
        };
        let written = lines(&census, &Silent::Meters(4));
        assert_eq!(
            written[0],
            "all rooms: 8 occupied (34 overstayed), 3 vacant, 4 silent, 2 abnormal now (1 notified)"
        );
        assert_eq!(written[1], "overstayed in hotel H01: 01, 02");
        census.out_of_order = 2;
        let with_repairs = &lines(&census, &Silent::Meters(4))[0];
        assert!(
            with_repairs.contains(", 3 vacant, 2 out of order, 4 silent, "),
            "{with_repairs}"
        );
        census.out_of_order = 0;
        assert!(
            written[2].ends_with(", 29, 30 and 2 more"),
            "{}",
            written[2]
        );
        census.overstayed = (0..23).map(|n| hotel(n, 1)).collect();
        let written = lines(&census, &Silent::not_known_before(at(90), at(0)));
        assert!(
            written[0].contains(", 3 vacant, silent: not known before 13:30, 2 abnormal"),
            "{}",
            written[0]
        );
        let far = Silent::not_known_before(at(1_500), at(0)).to_string();
        assert_eq!(far, "silent: not known before 04-11 13:00");
        assert_eq!(written.len(), 22);
        assert_eq!(written[21], "overstayed in 3 more hotels");
    }

    #[test]
    fn lines_that_have_not_changed_are_not_logged_again() {
        let mut listening = Listening::default();
        let mut changed = |lines: &[&str]| {
            let lines = lines.iter().map(|line| (*line).to_owned()).collect();
            listening.changed(lines)
        };
        assert_eq!(changed(&["all", "H1", "H2"]), ["all", "H1", "H2"]);
        assert_eq!(changed(&["all", "H1", "H2"]), [""; 0]);
        assert_eq!(changed(&["all", "H1"]), [""; 0]);
        assert_eq!(changed(&["all", "H1", "H2"]), ["H2"]);
    }

    #[test]
    fn all_rooms_are_counted_once_an_interval() {
        let mut listening = Listening::default();
        let due = [0, 29, 30, 59, 61].map(|minutes| listening.counts(at(minutes), 1_800));
        assert_eq!(due, [true, false, true, false, true]);
    }

    #[test]
    fn the_list_comes_at_once_and_then_once_an_interval() {
        let mut listening = Listening::default();
        let mut listed = |minutes, hotels: &BTreeMap<HotelId, HotelMeters>| {
            let before = listening.listed;
            let found = MeterFindings {
                hotels: hotels.clone(),
                ..MeterFindings::default()
            };
            listening.list(&found, at(minutes), 1_800);
            listening.listed != before
        };
        let (none, some) = (BTreeMap::new(), hotels(1, 1));
        assert!(!listed(0, &none));
        assert!(listed(1, &some));
        assert!(!listed(30, &some));
        assert!(listed(31, &some));
        assert!(!listed(61, &none));
        assert!(listed(62, &some));
    }
}
