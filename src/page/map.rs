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
    /// What cells have at least, in kW, from the lightest to the darkest.
    levels: Vec<String>,
    /// Whether it is not known of some room whether there was a guest.
    has_unknown: bool,
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
    /// What the paths show that no other column says: when there was a guest, and what is missing.
    said: String,
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
        let hours = Hours {
            begins,
            now: at.now,
        };
        let wanted: Vec<Wanted> = (rooms.iter())
            .map(|room| Wanted {
                room: room.key.clone(),
                // The cell at the beginning may lie between two readings.
                after: begins.plus(-self.rules.max_gap_seconds),
                until: LocalTime::LAST,
            })
            .collect();
        let latest = latest_reading(at.now);
        let readings = (self.archives).read(|archive| archive.readings_by_key(&wanted, latest))?;
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
                row(room, readings, &hours, &self.rules, w)
            });
            Floor {
                name: (w.on_floor)(floor),
                rows: rows.collect(),
            }
        });
        let floors: Vec<Floor> = floors.collect();
        let mut paths = { floors.iter() }
            .flat_map(|floor| &floor.rows)
            .flat_map(|row| &row.paths);
        Ok(Map {
            has_unknown: paths.any(|(class, _)| class == UNKNOWN),
            floors,
            name,
            caption: (w.map_caption)(&hours.span(0, CELLS, w)),
            levels: LEVELS.map(numbers::kw).into(),
            hours: (0..4)
                .map(|nth| numbers::hour(hours.begin(nth * CELLS / 4)))
                .collect(),
            f: frame,
        })
    }
}

/// The half hours that are shown.
struct Hours {
    begins: LocalTime,
    now: LocalTime,
}

impl Hours {
    fn begin(&self, cell: usize) -> LocalTime {
        self.begins.plus(cell as i64 * CELL)
    }

    /// From the beginning of one cell to that of another.
    fn span(&self, from: usize, to: usize, w: &Words) -> String {
        numbers::span(self.begin(from), self.begin(to), self.now, w)
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

/// The classes of cells without a level: one that no reading says anything of, one whose reading is
/// still to come, a guest, and one of which it is not known whether there was a guest.
const MISSING: &str = "g";
const AWAITED: &str = "p";
const GUEST: &str = "in";
const UNKNOWN: &str = "un";

fn row(room: &Room, readings: &[Reading], hours: &Hours, rules: &Rules, w: &Words) -> Row {
    let known = cells(readings, hours.begins, rules);
    let last = readings.last().map(|reading| reading.time);
    // A meter that is silent for longer is not waited for.
    let last = last.filter(|last| hours.now.since(*last) <= rules.silent_after_seconds);
    // Who was in at the middle of a cell. Nobody knows before the first message.
    let kind = |cell: usize| {
        let time = hours.begin(cell).plus(CELL / 2);
        let last = room.said.iter().rfind(|(at, _)| *at <= time);
        last.map(|(_, kind)| *kind)
    };
    let class = |cell: usize| {
        let Some(watts) = known[cell] else {
            let end = hours.begin(cell + 1);
            let is_awaited = end > hours.now || last.is_some_and(|last| end > last);
            return if is_awaited { AWAITED } else { MISSING }.to_owned();
        };
        let level = LEVELS.iter().take_while(|level| watts >= **level).count();
        match (level, kind(cell)) {
            (0, _) => String::new(),
            (level, Some(Kind::Checkin)) => format!("o{level}"),
            (level, Some(Kind::Checkout)) => format!("v{level}"),
            (level, None) => format!("u{level}"),
        }
    };
    // A line below the cells says who was in.
    let line = |cell: usize| match kind(cell) {
        Some(Kind::Checkin) => GUEST.to_owned(),
        Some(Kind::Checkout) => String::new(),
        None => UNKNOWN.to_owned(),
    };
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    let mut spans: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let classes: [Vec<String>; 2] = [
        (0..CELLS).map(class).collect(),
        (0..CELLS).map(line).collect(),
    ];
    for (y, classes) in [4, 10].into_iter().zip(classes) {
        let mut from = 0;
        for alike in classes.chunk_by(|one, next| one == next) {
            let to = from + alike.len();
            if !alike[0].is_empty() {
                let path = paths.entry(alike[0].clone()).or_default();
                // Writing to a String can't fail.
                let _ = write!(path, "M{from} {y}h{}", alike.len());
                let span = hours.span(from, to, w);
                spans.entry(alike[0].clone()).or_default().push(span);
            }
            from = to;
        }
    }
    let said = [
        (GUEST, w.occupied),
        (UNKNOWN, w.occupancy_unknown),
        (MISSING, w.gap),
        (AWAITED, w.awaited),
    ];
    let said = said.into_iter().filter_map(|(class, name)| {
        let spans = spans.get(class)?.join(w.comma);
        Some(format!("{name} {spans}"))
    });
    let said: Vec<String> = said.collect();
    let used: i64 = known
        .iter()
        .flatten()
        .map(|watts| watts * CELL / 3_600)
        .sum();
    let most = known
        .iter()
        .enumerate()
        .filter_map(|(cell, watts)| Some(((*watts)?, cell)))
        .max();
    let most = most.map(|(watts, cell)| {
        let begin = numbers::time(hours.begin(cell), hours.now, w);
        (numbers::kw(watts), begin)
    });
    Row {
        number: numbers::name(room.key.room_number.as_str()).into_owned(),
        href: link::room(&room.key),
        is_open: matches!(room.incident, super::now::Incident::Open { .. }),
        paths: paths.into_iter().collect(),
        said: match said.is_empty() {
            true => w.vacant.to_owned(),
            false => said.join(w.and_also),
        },
        total: format!("{:.1}", WattHours(used).0 as f64 / 1_000.0),
        most,
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
