//! Reads single rooms by their keys.

use std::collections::HashMap;

use mysql::prelude::Queryable;
use mysql::{Conn, Params, Value};

use crate::config::MeterTable;
use crate::frontier::Frontier;
use crate::store::mysql::MySqlReader;
use crate::store::mysql::codec::datetime;
use crate::store::mysql::explain;
use crate::store::mysql::window::{Ids, Piece, Wish};
use crate::store::{Meters, Position, Readings, StoreError, Wanted};
use crate::types::{LocalTime, Reading, RoomKey};

use super::RECENT;
use super::rows::{ID, integer, reading};
use super::spellings::Spellings;

/// Rooms a statement if an index bounds the rows of each. The server compares every row with half
/// of the rooms on average: as measured, 400 rooms a statement take one and a half times as long.
pub(super) const KEYS: usize = 50;

/// The largest id: that of a BIGINT.
const MAX_ID: u64 = i64::MAX.unsigned_abs();

/// For whom single rooms are read, which decides how far their newest rows are wanted.
#[derive(Clone, Copy)]
pub(in crate::store::mysql) enum Caller {
    /// A sweep: of a table with ids, rows up to this position; all if it is `None`.
    Sweep { up_to: Option<Position> },
    /// A message: the rows that it judges by the rule of [`Frontier`].
    Message(Frontier),
    /// A question about the past: the rows up to each room's `until`.
    Past,
}

/// So many entries of the index on the time are read while one row of a room is: the rows of a room
/// lie far from one another, as a rule each in a page of its own.
const ENTRIES_A_ROW: f64 = 50.0;

impl Meters for MySqlReader {
    fn readings(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        frontier: Frontier,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        self.read(wanted, latest, Caller::Message(frontier))
    }

    fn reconnect(&self) {
        self.conns.replace();
    }
}

/// What is read for one room. All its terms go into one statement, so that a row that several of
/// them find comes once.
pub(super) struct Ask<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) until: LocalTime,
    terms: Vec<Term>,
}

/// Some rows of one spelling of a room.
pub(super) struct Term {
    /// The key as the table spells it.
    key: RoomKey,
    rows: Rows,
}

#[derive(Clone, Copy)]
pub(super) enum Rows {
    /// Rows with these ids.
    Ids(Ids),
    /// Rows later than the first time and not later than the second.
    Times(LocalTime, LocalTime),
}

/// A statement and its values.
pub(super) type Query = (String, Vec<Value>);

/// A reading with the number of its row: its id or, without ids, its place.
type Found = (u64, RoomKey, Reading);

/// What a statement gives.
pub(super) struct Selected {
    found: Vec<Found>,
    /// Rows that are no readings.
    invalid: u64,
    /// The number of rows the server has read, if that is counted.
    pub(super) read: Option<f64>,
}

/// A search for the readings of several rooms, with its result so far.
pub(super) struct Search {
    latest: LocalTime,
    caller: Caller,
    found: HashMap<RoomKey, Vec<(u64, Reading)>>,
    /// The number of the next row, if the table has no ids.
    place: u64,
    /// Whether to count the rows that the server reads.
    pub(super) counts: bool,
    /// Rows that are no readings.
    invalid: u64,
}

impl MySqlReader {
    pub(super) fn read(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        caller: Caller,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        Ok(self.read_counted(wanted, latest, caller)?.0)
    }

    /// As [`MySqlReader::read`], with the number of rows that are no readings.
    pub(in crate::store::mysql) fn read_counted(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        caller: Caller,
    ) -> Result<(HashMap<RoomKey, Readings>, u64), StoreError> {
        let mut search = Search {
            latest,
            caller,
            found: wanted
                .iter()
                .map(|wanted| (wanted.room.clone(), Vec::new()))
                .collect(),
            place: 0,
            counts: false,
            invalid: 0,
        };
        self.search(wanted, &mut search)
            .map_err(|error| self.failed(error))?;
        let sorted = search.found.into_iter().map(|(room, mut rows)| {
            // Readings with the same time in the order they were stored.
            rows.sort_by_key(|&(id, reading)| (reading.time, id));
            (room, rows.into_iter().map(|(_, reading)| reading).collect())
        });
        Ok((sorted.collect(), search.invalid))
    }

    fn search(&self, wanted: &[Wanted], search: &mut Search) -> Result<(), StoreError> {
        self.load_spellings(search.latest)?;
        let Some(id) = self.meter.id() else {
            return self.search_by_time(wanted.iter().collect(), search);
        };
        let mut asks = Vec::new();
        let mut by_time = Vec::new();
        for wanted in wanted {
            let mut is_worth = |pieces: &[Piece]| match search.caller {
                Caller::Past => self.is_worth_learning(pieces, &wanted.room),
                // What one message needs the next ones do, too.
                Caller::Sweep { .. } | Caller::Message(_) => Ok(true),
            };
            match self.ids(id, search.wish(wanted), search.latest, &mut is_worth)? {
                Some(ids) => {
                    let rows: Vec<Rows> = search.within(&ids).map(Rows::Ids).collect();
                    asks.push(self.ask(wanted, search.until(wanted), &rows));
                }
                None => by_time.push(wanted),
            }
        }
        self.find_by_keys(&asks, KEYS, search)?;
        self.search_by_time(by_time, search)
    }

    /// Whether it costs less to learn the ids of these pieces than to read all that a room has.
    fn is_worth_learning(&self, pieces: &[Piece], room: &RoomKey) -> Result<bool, StoreError> {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
            return Ok(true);
        };
        let MeterTable {
            table,
            id,
            hotel_id,
            room_number,
            script_time,
            ..
        } = &self.meter;
        let ids = format!(
            "SELECT `{id}` FROM `{table}` WHERE `{script_time}` >= ? AND `{script_time}` < ?"
        );
        let span = [first.span()[0], last.span()[1]].map(datetime);
        let Some(entries) = self.expected((ids, span.into()))? else {
            return Ok(true);
        };
        let history = self.select_where(&format!("`{hotel_id}` = ? AND `{room_number}` = ?"));
        let key = [room.hotel_id.as_str(), room.room_number.as_str()].map(Value::from);
        let rows = self.expected((history, key.into()))?;
        Ok(rows.is_none_or(|rows| entries < ENTRIES_A_ROW * rows))
    }

    pub(super) fn ask<'a>(&self, wanted: &'a Wanted, until: LocalTime, rows: &[Rows]) -> Ask<'a> {
        let spellings = self.spellings.lock();
        let terms = |key: RoomKey| {
            let term = move |&rows| Term {
                key: key.clone(),
                rows,
            };
            rows.iter().map(term)
        };
        Ask {
            wanted,
            until,
            terms: spellings.of(&wanted.room).flat_map(terms).collect(),
        }
    }

    /// Finds the rows of rooms by their keys, with at most `most` keys a statement.
    pub(super) fn find_by_keys(
        &self,
        mut asks: &[Ask<'_>],
        most: usize,
        search: &mut Search,
    ) -> Result<(), StoreError> {
        while !asks.is_empty() {
            let mut terms = 0;
            let fit = asks.iter().take_while(|ask| {
                terms += ask.terms.len();
                terms <= most
            });
            let (some, others) = asks.split_at(fit.count().max(1));
            self.find(some, search)?;
            asks = others;
        }
        Ok(())
    }

    /// Finds the rows of some rooms by their keys, with one statement.
    pub(super) fn find(&self, asks: &[Ask<'_>], search: &mut Search) -> Result<(), StoreError> {
        if asks.iter().all(|ask| ask.terms.is_empty()) {
            return Ok(());
        }
        let found = self.select(self.by_keys(asks), asks, search);
        match (found, asks) {
            (Ok(selected), _) => {
                let read = selected.read;
                search.take(selected);
                if let Some(read) = read {
                    self.costs.lock().key = Some(read / asks.len() as f64);
                }
            }
            // The table's character set can't hold the key, or a view can't compute a row. The
            // other rooms must not fail with it.
            (Err(StoreError::Unstorable(why)), [ask]) => {
                log::warn!("room {} has no readings: {why}", ask.wanted.room);
            }
            (Err(StoreError::Unstorable(_)), asks) => {
                let (some, others) = asks.split_at(asks.len() / 2);
                self.find(some, search)?;
                self.find(others, search)?;
            }
            (Err(error), _) => return Err(error),
        }
        Ok(())
    }

    /// The statement for the rows of some keys. Hotel and room are each compared with their own
    /// column: in `(hotel, room) IN (...)` servers compare everything in one character set, and
    /// miss keys if the columns have another.
    pub(super) fn by_keys(&self, asks: &[Ask<'_>]) -> Query {
        let MeterTable {
            id,
            hotel_id,
            room_number,
            script_time,
            ..
        } = &self.meter;
        let mut conditions = Vec::new();
        let mut values = Vec::new();
        for Term { key, rows } in asks.iter().flat_map(|ask| &ask.terms) {
            values.push(key.hotel_id.as_str().into());
            values.push(key.room_number.as_str().into());
            let rows = match *rows {
                Rows::Ids((first, last)) => {
                    values.extend([first.min(MAX_ID).into(), last.min(MAX_ID).into()]);
                    format!("`{id}` BETWEEN ? AND ?")
                }
                Rows::Times(after, until) => {
                    values.extend(span(after, until));
                    format!("`{script_time}` > ? AND `{script_time}` < ?")
                }
            };
            conditions.push(format!(
                "(`{hotel_id}` = ? AND `{room_number}` = ? AND {rows})"
            ));
        }
        (self.select_where(&conditions.join(" OR ")), values)
    }

    /// The statement for all rows of a span, of every room.
    pub(super) fn by_times(&self, after: LocalTime, until: LocalTime) -> Query {
        let time = &self.meter.script_time;
        let condition = format!("`{time}` > ? AND `{time}` < ?");
        (self.select_where(&condition), span(after, until).into())
    }

    /// Without ORDER BY: the server would send the first row only after reading the last.
    fn select_where(&self, condition: &str) -> String {
        let table = &self.meter.table;
        format!("SELECT {} FROM `{table}` WHERE {condition}", self.columns())
    }

    /// Executes a statement for the rows of these rooms that are wanted.
    pub(super) fn select(
        &self,
        (query, values): Query,
        asks: &[Ask<'_>],
        search: &Search,
    ) -> Result<Selected, StoreError> {
        let of: HashMap<&RoomKey, &Wanted> =
            (asks.iter().map(|ask| (&ask.wanted.room, ask.wanted))).collect();
        self.conns.with(|conn| {
            let before = search.counts.then(|| rows_read(conn)).transpose()?;
            let (mut found, mut invalid) = (Vec::new(), 0);
            for (place, row) in (search.place..).zip(conn.exec_iter(query, Params::from(values))?) {
                let row = row?;
                // Without ids, readings with the same time stay in the server's order.
                let (number, id) = match self.meter.id() {
                    Some(id) => {
                        let id = integer(&row, ID).ok_or_else(|| self.not_an_id(id))?;
                        (id, Some(id))
                    }
                    None => (place, None),
                };
                let Some((room, reading)) = reading(&row, search.latest) else {
                    invalid += 1;
                    continue;
                };
                // The table's collation may ignore case and find other rooms, too.
                let wanted = of.get(&room);
                if wanted.is_some_and(|wanted| search.wants(wanted, id, reading.time)) {
                    found.push((number, room, reading));
                }
            }
            let read = match before {
                Some(before) => Some(rows_read(conn)?.saturating_sub(before) as f64),
                None => None,
            };
            Ok(Selected {
                found,
                invalid,
                read,
            })
        })
    }

    /// How many rows the server expects to read for a statement; `None` if it hides that, as for a
    /// view without rights on the tables behind it.
    pub(super) fn expected(&self, (query, values): Query) -> Result<Option<f64>, StoreError> {
        self.conns
            .with(|conn| match explain::steps(conn, &query, values) {
                Ok(steps) => {
                    let rows: Option<Option<u64>> =
                        steps.map(|steps| steps.iter().map(explain::rows).sum());
                    Ok(rows.flatten().map(|rows| rows as f64))
                }
                Err(error) => match StoreError::from(error) {
                    StoreError::Unstorable(_) => Ok(None),
                    error => Err(error),
                },
            })
    }

    /// Loads the spellings of rooms with blanks around their keys, unless they are loaded.
    fn load_spellings(&self, latest: LocalTime) -> Result<(), StoreError> {
        if self.spellings.lock().is_loaded {
            return Ok(());
        }
        let recently = latest.plus(-RECENT);
        let loaded = self
            .conns
            .with(|conn| Ok(Spellings::load(conn, &self.meter, recently)?))?;
        self.spellings.lock().merge(loaded);
        Ok(())
    }
}

impl Search {
    fn frontier(&self) -> Option<Position> {
        match self.caller {
            Caller::Sweep { .. } | Caller::Past => None,
            Caller::Message(frontier) => Some(frontier.at()),
        }
    }

    /// The time up to which all rows of a room are wanted.
    fn until(&self, wanted: &Wanted) -> LocalTime {
        match self.frontier() {
            None if matches!(self.caller, Caller::Past) => wanted.until.min(self.latest),
            None => self.latest,
            Some(Position::Time(passed)) => wanted.until.max(passed).min(self.latest),
            Some(Position::Id(_)) => wanted.until.min(self.latest),
        }
    }

    /// The same if rows can only be bounded by their time.
    pub(super) fn until_by_time(&self, wanted: &Wanted) -> LocalTime {
        match self.frontier() {
            Some(Position::Id(_)) => self.latest,
            _ => self.until(wanted),
        }
    }

    fn wish(&self, wanted: &Wanted) -> Wish {
        Wish {
            after: wanted.after,
            until: self.until(wanted),
            passed: match self.frontier() {
                Some(Position::Id(passed)) => Some(passed),
                _ => None,
            },
        }
    }

    /// The wanted part of these ids.
    fn within(&self, ids: &[Ids]) -> impl Iterator<Item = Ids> {
        let up_to = match self.caller {
            Caller::Sweep {
                up_to: Some(Position::Id(last)),
            } => last,
            _ => u64::MAX,
        };
        let cut = move |&(first, last): &Ids| (first <= up_to).then_some((first, last.min(up_to)));
        ids.iter().filter_map(cut)
    }

    fn wants(&self, wanted: &Wanted, id: Option<u64>, time: LocalTime) -> bool {
        let is_for_caller = || match self.caller {
            Caller::Sweep { .. } => true,
            Caller::Past => time <= wanted.until,
            Caller::Message(frontier) => frontier.is_judged_by_message(id, time, wanted.until),
        };
        time > wanted.after && is_for_caller()
    }

    pub(super) fn take(&mut self, selected: Selected) {
        self.invalid += selected.invalid;
        for (number, room, reading) in selected.found {
            self.place = self.place.max(number + 1);
            if let Some(rows) = self.found.get_mut(&room) {
                rows.push((number, reading));
            }
        }
    }
}

/// The bounds of a span in a statement. A time counts without its fraction, so that the last second
/// belongs to the span as a whole.
fn span(after: LocalTime, until: LocalTime) -> [Value; 2] {
    [datetime(after), datetime(until.plus(1))]
}

/// The number of rows that the server has read on this connection so far. This needs no rights.
fn rows_read(conn: &mut Conn) -> Result<u64, StoreError> {
    let counts: Vec<(String, u64)> = conn.query("SHOW SESSION STATUS LIKE 'Handler\\_read\\_%'")?;
    Ok(counts.iter().map(|(_, count)| count).sum())
}
