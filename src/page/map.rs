//! A hotel's last day as a heat map: a row a room, a cell each half hour.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use askama::Template;

use crate::engine::{Rules, latest_reading};
use crate::store::Wanted;
use crate::types::{HotelId, Kind, LocalTime, Reading, WattHours};

use super::archive::Trouble;
use super::frame::{Frame, Of};
use super::link::{self, Query};
use super::now::Room;
use super::numbers::{self, floor, natural};
use super::words::Words;
use super::{Pages, Viewer};

/// Cells of a row.
const CELLS: usize = 48;

/// Seconds of a cell.
const CELL: i64 = 1_800;

/// From so much on, in W, a cell is darker; below the first it stays blank.
const LEVELS: [i64; 5] = [200, 500, 1_000, 2_000, 3_000];

#[derive(Template)]
#[template(path = "map.html")]
pub(super) struct Map<'a> {
    f: Frame<'a>,
    name: String,
    caption: String,
    /// What the darkest cells have at least, in kW, and so on.
    levels: Vec<String>,
    /// Texts above the cells, six hours apart.
    hours: Vec<String>,
    floors: Vec<Floor>,
}

struct Floor {
    name: String,
    rows: Vec<Row>,
}

struct Row {
    number: String,
    href: String,
    is_open: bool,
    /// Paths of cells, each with its class.
    paths: Vec<(String, String)>,
    total: String,
    /// The most in kW, and when.
    most: Option<(String, String)>,
}

impl Pages {
    /// # Errors
    /// [`Trouble`] if there is no such hotel for the viewer, or it can't be read now.
    pub(super) fn map<'a>(
        &self,
        query: &Query,
        viewer: &'a Viewer,
        path: String,
    ) -> Result<Map<'a>, Trouble> {
        let hotel = HotelId::new(query.get("hotel"));
        let at = self.moment();
        let (rooms, counts) = self.rooms_of(&hotel, viewer, &at).ok_or(Trouble::Missing)?;
        // The cells are those of the clock; the last one may still be under way.
        let ends = at
            .now
            .plus(CELL - 1 - (at.now.seconds() + CELL - 1).rem_euclid(CELL));
        let begins = ends.plus(-(CELLS as i64) * CELL);
        let wanted: Vec<Wanted> = (rooms.iter())
            .map(|room| Wanted {
                room: room.key.clone(),
                // The cell at the beginning may lie between two readings.
                after: begins.plus(-self.rules.max_gap_seconds),
                until: LocalTime::LAST,
            })
            .collect();
        let readings = self.archives.readings(&wanted, latest_reading(at.now))?;
        let name = numbers::name(self.cards.name_of(&hotel)).into_owned();
        let frame = Frame::new(viewer, name.clone(), path)
            .of_hotel(&hotel, Some(Of::Map))
            .fresh(self, &at, counts.newest_reading);
        let w = frame.w;
        let mut floors: BTreeMap<_, (&str, Vec<&Room>)> = BTreeMap::new();
        for room in &rooms {
            let floor = floor(room.key.room_number.as_str());
            let entry = floors.entry((floor.is_empty(), natural(floor)));
            entry.or_insert((floor, Vec::new())).1.push(room);
        }
        let floors = floors.into_values().rev().map(|(floor, mut rooms)| {
            rooms.sort_by_key(|room| natural(room.key.room_number.as_str()));
            let rows = rooms.into_iter().map(|room| {
                let readings = readings.get(&room.key).map_or(&[][..], Vec::as_slice);
                row(
                    room,
                    &cells(readings, begins, &self.rules),
                    begins,
                    at.now,
                    w,
                )
            });
            Floor {
                name: (w.on_floor)(floor),
                rows: rows.collect(),
            }
        });
        Ok(Map {
            floors: floors.collect(),
            name,
            caption: (w.map_caption)(&numbers::span(begins, ends, at.now, w)),
            levels: LEVELS
                .iter()
                .map(|watts| format!("≥ {}", numbers::kw(*watts)))
                .collect(),
            hours: (0..4)
                .map(|nth| numbers::hour(begins.plus(nth * 12 * CELL)))
                .collect(),
            f: frame,
        })
    }
}

/// The mean power in W of each cell; `None` where it is not known for most of its time.
fn cells(readings: &[Reading], begins: LocalTime, rules: &Rules) -> [Option<i64>; CELLS] {
    let (mut joules, mut known) = ([0_i128; CELLS], [0_i64; CELLS]);
    for pair in readings.windows(2) {
        let [before, after] = pair else { continue };
        let seconds = after.time.since(before.time);
        let rise = (after.register - before.register).0;
        let most = rules.max_plausible.0.saturating_mul(seconds) / rules.interval_seconds;
        // Too long, or another meter: what was in between is not known.
        if seconds <= 0 || seconds > rules.max_gap_seconds || rise < -20 || rise > most {
            continue;
        }
        let from = before.time.since(begins);
        let first = usize::try_from(from.max(0) / CELL).unwrap_or(CELLS);
        for cell in first..CELLS {
            let (begin, end) = (cell as i64 * CELL, (cell as i64 + 1) * CELL);
            let overlap = (from + seconds).min(end) - from.max(begin);
            if overlap <= 0 {
                break;
            }
            known[cell] += overlap;
            joules[cell] +=
                i128::from(rise.max(0)) * 3_600 * i128::from(overlap) / i128::from(seconds);
        }
    }
    std::array::from_fn(|cell| {
        let watts = || i64::try_from(joules[cell] / i128::from(known[cell])).unwrap_or(i64::MAX);
        (known[cell] * 2 >= CELL).then(watts)
    })
}

fn row(
    room: &Room,
    cells: &[Option<i64>; CELLS],
    begins: LocalTime,
    now: LocalTime,
    w: &Words,
) -> Row {
    let begin = |cell: usize| begins.plus(cell as i64 * CELL);
    // Who was in at the middle of a cell. Before the first that is known it was the other way.
    let kind = |cell: usize| {
        let time = begin(cell).plus(CELL / 2);
        let last = room.said.iter().rfind(|(at, _)| *at <= time);
        match (last, room.said.first()) {
            (Some((_, kind)), _) => *kind,
            (None, Some((_, Kind::Checkin))) | (None, None) => Kind::Checkout,
            (None, Some((_, Kind::Checkout))) => Kind::Checkin,
        }
    };
    let class = |cell: usize| {
        let level = match cells[cell] {
            None if begin(cell).plus(CELL) > now => return String::new(),
            None => return "g".to_owned(),
            Some(watts) => LEVELS.iter().take_while(|level| watts >= **level).count(),
        };
        match (level, kind(cell)) {
            (0, _) => String::new(),
            (level, Kind::Checkin) => format!("o{level}"),
            (level, Kind::Checkout) => format!("v{level}"),
        }
    };
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    let mut draw = |class: String, y: u8, from: usize, cells: usize| {
        if !class.is_empty() {
            let path = paths.entry(class).or_default();
            // Writing to a String can't fail.
            let _ = write!(path, "M{from} {y}h{cells}");
        }
    };
    let classes: Vec<String> = (0..CELLS).map(class).collect();
    let mut from = 0;
    for alike in classes.chunk_by(|one, next| one == next) {
        draw(alike[0].clone(), 4, from, alike.len());
        from += alike.len();
    }
    // A guest is a line below the cells.
    let kinds: Vec<Kind> = (0..CELLS).map(kind).collect();
    from = 0;
    for alike in kinds.chunk_by(|one, next| one == next) {
        if alike[0] == Kind::Checkin {
            draw("in".to_owned(), 10, from, alike.len());
        }
        from += alike.len();
    }
    let used: i64 = cells
        .iter()
        .flatten()
        .map(|watts| watts * CELL / 3_600)
        .sum();
    let most = cells
        .iter()
        .enumerate()
        .filter_map(|(cell, watts)| Some(((*watts)?, cell)))
        .max();
    Row {
        number: numbers::name(room.key.room_number.as_str()).into_owned(),
        href: link::room(&room.key),
        is_open: matches!(room.incident, super::now::Incident::Open { .. }),
        paths: paths.into_iter().collect(),
        total: format!("{:.1}", WattHours(used).0 as f64 / 1_000.0),
        most: most.map(|(watts, cell)| (numbers::kw(watts), numbers::time(begin(cell), now, w))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_goes_to_the_cells_in_which_it_was_used() {
        let begins = LocalTime::parse("2023-04-10 00:00:00").expect("a time");
        let reading = |minutes: i64, wh: i64| Reading {
            time: begins.plus(minutes * 60),
            register: WattHours(wh),
        };
        let readings = [
            reading(-15, 0),
            reading(15, 1_000),
            reading(45, 1_000),
            // An hour at 2 kW.
            reading(105, 3_000),
            // Too long to be known.
            reading(300, 4_000),
            reading(330, 4_500),
            // Another meter.
            reading(360, 100),
            reading(390, 100),
        ];
        let cells = cells(&readings, begins, &Rules::default());
        let expected = [Some(1_000), Some(1_000), Some(2_000), Some(2_000)];
        assert_eq!(cells[..4], expected);
        assert_eq!(cells[4..10], [None; 6]);
        assert_eq!(cells[10..14], [Some(1_000), None, Some(0), None]);
    }
}
