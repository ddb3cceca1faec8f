//! A hotel's rooms now.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use askama::Template;

use crate::engine::{HotelCensus, Interval};
use crate::types::{HotelId, Kind, RoomKey, WattHours};

use super::frame::{Frame, Of};
use super::link::{self, Query, to};
use super::now::{Incident, Moment, Room};
use super::numbers::{self, floor, natural};
use super::{Pages, Viewer};

#[derive(Template)]
#[template(path = "hotel.html")]
pub(super) struct Hotel<'a> {
    f: Frame<'a>,
    name: String,
    counts: HotelCensus,
    kw: String,
    kwh: Option<String>,
    floors: Vec<Floor>,
    /// What is asked for.
    hotel: String,
    search: String,
    floor: String,
    /// How many of all rooms are shown, where that is a part of them.
    shown: Option<String>,
    rooms: Vec<Row>,
}

/// A link to the rooms of a floor.
struct Floor {
    href: String,
    name: String,
    /// Rooms with an open incident.
    open: u32,
    is_here: bool,
}

/// A room.
struct Row {
    /// How it is marked.
    class: &'static str,
    /// How its occupancy is marked.
    kind: &'static str,
    number: String,
    href: String,
    state: &'static str,
    /// When its stay began.
    stay: String,
    /// What is unusual about it: how it is marked, and what it says.
    tags: Vec<(&'static str, &'static str)>,
    kw: Option<String>,
    until: Option<String>,
    run: Option<String>,
    since: Option<String>,
    /// The outline of its last intervals.
    steps: String,
}

impl Pages {
    /// `None` if there is no such hotel for the viewer.
    pub(super) fn hotel<'a>(
        &self,
        query: &Query,
        viewer: &'a Viewer,
        path: String,
    ) -> Option<Hotel<'a>> {
        let hotel = HotelId::new(query.get("hotel"));
        let at = self.moment();
        let (rooms, counts) = self.rooms_of(&hotel, viewer, &at)?;
        let name = numbers::name(self.cards.name_of(&hotel)).into_owned();
        let frame = Frame::new(viewer, name.clone(), path)
            .of_hotel(&hotel, Some(Of::Rooms))
            .fresh(self, &at, counts.newest_reading);
        let (search, on_floor) = (query.get("q"), query.get("floor"));
        let is_asked = |room: &&Room| {
            let number = room.key.room_number.as_str();
            let is_on_floor = on_floor.is_empty() || floor_key(floor(number)) == on_floor;
            is_on_floor && number.to_lowercase().contains(&search.to_lowercase())
        };
        let asked: Vec<&Room> = rooms.iter().filter(is_asked).collect();
        let part =
            (asked.len() < rooms.len()).then(|| (frame.w.shown_of)(asked.len(), rooms.len()));
        Some(Hotel {
            floors: floors(&hotel, &rooms, on_floor, &frame),
            rooms: asked
                .into_iter()
                .map(|room| self.row(room, &at, &frame))
                .collect(),
            f: frame,
            name,
            counts,
            kw: numbers::kw(counts.watts),
            kwh: self.kwh_today(&hotel, &at),
            hotel: hotel.as_str().to_owned(),
            search: search.to_owned(),
            floor: on_floor.to_owned(),
            shown: part,
        })
    }

    fn row(&self, room: &Room, at: &Moment, frame: &Frame<'_>) -> Row {
        let w = frame.w;
        let (class, run) = match room.incident {
            Incident::Open { periods, since } => ("a", Some((periods, since))),
            Incident::Begins { periods, since } => ("b", Some((periods, since))),
            Incident::None if room.is_silent => ("s", None),
            Incident::None => ("", None),
        };
        let (kind, state) = match (room.is_out_of_order, room.kind) {
            (true, _) => ("x", w.out_of_order),
            (false, Kind::Checkin) => ("o", w.occupied),
            (false, Kind::Checkout) => ("v", w.vacant),
        };
        let tags = [
            (
                matches!(room.incident, Incident::Open { .. }),
                "a",
                w.alerted,
            ),
            (
                matches!(room.incident, Incident::Begins { .. }),
                "b",
                w.begins,
            ),
            (room.is_silent, "s", w.silent),
            (room.is_overstayed, "", w.overstayed),
        ];
        let RoomKey { room_number, .. } = &room.key;
        let interval = self.rules.interval_seconds;
        Row {
            class,
            kind,
            number: numbers::name(room_number.as_str()).into_owned(),
            href: link::room(&room.key),
            state,
            stay: numbers::time(room.since, at.now, w),
            tags: tags
                .into_iter()
                .filter_map(|(is, class, text)| is.then_some((class, text)))
                .collect(),
            kw: room.power.map(|(watts, _)| numbers::kw(watts)),
            until: room.power.map(|(_, ended)| numbers::time(ended, at.now, w)),
            run: run.map(|(periods, _)| (w.periods)(periods, interval)),
            since: run.map(|(_, since)| numbers::time(since, at.now, w)),
            steps: steps(
                &room.intervals,
                self.rules.threshold(&room.key, room.kind),
                interval,
            ),
        }
    }
}

/// The floors, each once.
fn floors(hotel: &HotelId, rooms: &[Room], here: &str, frame: &Frame<'_>) -> Vec<Floor> {
    let mut open: BTreeMap<_, (&str, u32)> = BTreeMap::new();
    for room in rooms {
        let floor = floor(room.key.room_number.as_str());
        let entry = open
            .entry((floor.is_empty(), natural(floor)))
            .or_insert((floor, 0));
        entry.1 += u32::from(matches!(room.incident, Incident::Open { .. }));
    }
    if open.len() < 2 {
        return Vec::new();
    }
    let floors = open.into_values().map(|(floor, open)| Floor {
        href: to(
            "/hotel",
            &[("hotel", hotel.as_str()), ("floor", floor_key(floor))],
        ),
        name: (frame.w.on_floor)(floor),
        open,
        is_here: here == floor_key(floor),
    });
    let all = Floor {
        href: link::hotel(hotel),
        name: frame.w.all_floors.to_owned(),
        open: 0,
        is_here: here.is_empty(),
    };
    std::iter::once(all).chain(floors).collect()
}

/// How a query names a floor: rooms without one are on `-`.
fn floor_key(floor: &str) -> &str {
    match floor {
        "" => "-",
        floor => floor,
    }
}

/// The outline of steps for an SVG that is 14 high and has 3 for each interval: the height is that
/// of the largest, or of the threshold where that is more. A gap is a dot, so that it does not look
/// like zero.
fn steps(intervals: &[Interval], threshold: WattHours, interval_seconds: i64) -> String {
    const HEIGHT: i64 = 14;
    const MOST: usize = 12;
    let intervals = &intervals[intervals.len().saturating_sub(MOST)..];
    let scaled = |interval: &Interval| {
        let energy = interval.energy()?.0.max(0);
        Some(energy.saturating_mul(interval_seconds) / interval.seconds().max(1))
    };
    let most = intervals.iter().filter_map(scaled).max().unwrap_or(0);
    let most = most.max(threshold.0).max(1);
    let mut x = 3 * (MOST - intervals.len());
    let mut path = format!("M{x} {HEIGHT}");
    for interval in intervals {
        // Writing to a String can't fail.
        let _ = match scaled(interval) {
            Some(wh) => write!(path, "V{}h3", HEIGHT - (wh * HEIGHT + most / 2) / most),
            None => write!(path, "V{HEIGHT}M{} 6h1v2h-1zM{} {HEIGHT}", x + 1, x + 3),
        };
        x += 3;
    }
    let _ = write!(path, "V{HEIGHT}");
    path
}
