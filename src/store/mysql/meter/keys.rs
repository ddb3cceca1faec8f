//! Reading single rooms by their keys.

use std::collections::HashMap;

use mysql::prelude::Queryable;
use mysql::{Conn, Params, Value};

use crate::config::MeterTable;
use crate::frontier::Frontier;
use crate::store::mysql::MySqlReader;
use crate::store::mysql::codec::datetime;
use crate::store::mysql::explain;
use crate::store::mysql::window::{Ids, Wish};
use crate::store::{Meters, Position, Readings, StoreError, Wanted};
use crate::types::{LocalTime, Reading, RoomKey};

use super::RECENT;
use super::rows::{ID, integer, reading};
use super::spellings::Spellings;

/// Rooms a statement where an index bounds what is read of each. Every row that is read is compared
/// with half of them: measured, 400 take half as long again.
pub(super) const KEYS: usize = 50;

/// No id is larger: those of a BIGINT.
const OPEN: u64 = i64::MAX.unsigned_abs();

/// Who reads single rooms: it decides which of their newest rows are wanted.
#[derive(Clone, Copy)]
pub(super) enum Caller {
    /// Of a numbered table those up to here, where that is known.
    Sweep { up_to: Option<Position> },
    /// Those that it judges by itself.
    Message(Frontier),
}

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
        self.pool.replace();
    }
}

/// What is asked of one room. All of it goes into one statement: a row that several of its terms or
/// spellings find is to come once.
pub(super) struct Ask<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) until: LocalTime,
    terms: Vec<Term>,
}

/// Rows of one key.
pub(super) struct Term {
    /// As the table spells it.
    key: RoomKey,
    rows: Rows,
}

#[derive(Clone, Copy)]
pub(super) enum Rows {
    /// Those with these ids.
    Ids(Ids),
    /// Those later than the first time, up to the second.
    Times(LocalTime, LocalTime),
}

/// A statement and its values.
pub(super) type Query = (String, Vec<Value>);

/// A reading with the number of its row.
pub(super) type Found = (u64, RoomKey, Reading);

/// What is read, and what was found of it.
pub(super) struct Search {
    latest: LocalTime,
    caller: Caller,
    found: HashMap<RoomKey, Vec<(u64, Reading)>>,
    /// Rows without ids are numbered as they come.
    place: u64,
    /// Whether it is counted what the server reads.
    pub(super) counts: bool,
}

impl MySqlReader {
    pub(super) fn read(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        caller: Caller,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        let mut search = Search {
            latest,
            caller,
            found: wanted
                .iter()
                .map(|wanted| (wanted.room.clone(), Vec::new()))
                .collect(),
            place: 0,
            counts: false,
        };
        self.search(wanted, &mut search)
            .map_err(|error| self.away(error))?;
        let sorted = search.found.into_iter().map(|(room, mut rows)| {
            // Of readings with one time the first stored is first.
            rows.sort_by_key(|&(id, reading)| (reading.time, id));
            (room, rows.into_iter().map(|(_, reading)| reading).collect())
        });
        Ok(sorted.collect())
    }

    fn search(&self, wanted: &[Wanted], search: &mut Search) -> Result<(), StoreError> {
        self.look_for_spellings(search.latest)?;
        let Some(id) = self.meter.id() else {
            return self.search_by_time(wanted.iter().collect(), search);
        };
        let mut asks = Vec::new();
        let mut by_time = Vec::new();
        for wanted in wanted {
            match self.ids(id, search.wish(wanted), search.latest)? {
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

    /// Finds the rows of rooms by their keys, at most so many of them a statement.
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
            (Ok((found, read)), _) => {
                search.take(found);
                if let Some(read) = read {
                    self.costs.lock().key = Some(read / asks.len() as f64);
                }
            }
            // A key that the table's character set has no letters for, or a row that a view can't
            // compute: that room is to hold up no other.
            (Err(StoreError::Unstorable(why)), [ask]) => {
                log::warn!("{}: it has no readings, {why}", ask.wanted.room);
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

    /// The statement for the rows of some keys, and its values. Each half is compared with its
    /// column alone: in `(hotel, room) IN (...)` servers compare all in one character set, and do
    /// not find the keys that the columns' own spells otherwise.
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
                    values.extend([first.min(OPEN).into(), last.min(OPEN).into()]);
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

    /// The same for all rows of a span.
    pub(super) fn by_times(&self, after: LocalTime, until: LocalTime) -> Query {
        let time = &self.meter.script_time;
        let condition = format!("`{time}` > ? AND `{time}` < ?");
        (self.select_where(&condition), span(after, until).into())
    }

    /// Not sorted by the server, which would send the first row only after reading the last.
    fn select_where(&self, condition: &str) -> String {
        let table = &self.meter.table;
        format!("SELECT {} FROM `{table}` WHERE {condition}", self.columns())
    }

    /// The rows of these rooms that a statement finds, and, where that is counted, how many rows
    /// the server has read for it.
    pub(super) fn select(
        &self,
        (query, values): Query,
        asks: &[Ask<'_>],
        search: &Search,
    ) -> Result<(Vec<Found>, Option<f64>), StoreError> {
        let of: HashMap<&RoomKey, &Wanted> =
            (asks.iter().map(|ask| (&ask.wanted.room, ask.wanted))).collect();
        self.pool.with(|conn| {
            let before = search.counts.then(|| rows_read(conn)).transpose()?;
            let mut found = Vec::new();
            for (place, row) in (search.place..).zip(conn.exec_iter(query, Params::from(values))?) {
                let row = row?;
                // Without an id, readings with one time are in the order in which the server sends
                // them.
                let (number, id) = match self.meter.id() {
                    Some(id) => {
                        let id = integer(&row, ID).ok_or_else(|| self.no_integer(id))?;
                        (id, Some(id))
                    }
                    None => (place, None),
                };
                // The table may compare without regard to case: other rooms come along.
                if let Some((room, reading)) = reading(&row, search.latest)
                    && (of.get(&room)).is_some_and(|wanted| search.wants(wanted, id, reading.time))
                {
                    found.push((number, room, reading));
                }
            }
            let read = match before {
                Some(before) => Some(rows_read(conn)?.saturating_sub(before) as f64),
                None => None,
            };
            Ok((found, read))
        })
    }

    /// How many rows the server expects to read for a statement; `None` where it does not tell that
    /// user: of a view it takes rights on the tables behind it.
    pub(super) fn expected(&self, (query, values): Query) -> Result<Option<f64>, StoreError> {
        self.pool
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

    /// Looks through the rooms of the table for such with blanks around their keys, once.
    fn look_for_spellings(&self, latest: LocalTime) -> Result<(), StoreError> {
        if self.spellings.lock().is_looked_for {
            return Ok(());
        }
        let recently = latest.plus(-RECENT);
        let looked_for = self
            .pool
            .with(|conn| Ok(Spellings::look(conn, &self.meter, recently)?))?;
        self.spellings.lock().merge(looked_for);
        Ok(())
    }
}

impl Search {
    fn frontier(&self) -> Option<Position> {
        match self.caller {
            Caller::Sweep { .. } => None,
            Caller::Message(frontier) => Some(frontier.at()),
        }
    }

    /// Up to which time all rows of a room are wanted.
    fn until(&self, wanted: &Wanted) -> LocalTime {
        match self.frontier() {
            None => self.latest,
            Some(Position::Time(passed)) => wanted.until.max(passed).min(self.latest),
            Some(Position::Id(_)) => wanted.until.min(self.latest),
        }
    }

    /// The same where the time alone bounds what is read.
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

    /// Of these ids those that are wanted.
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
            Caller::Message(frontier) => frontier.is_judged_by_message(id, time, wanted.until),
        };
        time > wanted.after && is_for_caller()
    }

    pub(super) fn take(&mut self, found: Vec<Found>) {
        for (number, room, reading) in found {
            self.place = self.place.max(number + 1);
            if let Some(rows) = self.found.get_mut(&room) {
                rows.push((number, reading));
            }
        }
    }
}

/// A time with a fraction counts as the one without.
fn span(after: LocalTime, until: LocalTime) -> [Value; 2] {
    [datetime(after), datetime(until.plus(1))]
}

/// How many rows the server has read on this connection so far. It needs no rights.
fn rows_read(conn: &mut Conn) -> Result<u64, StoreError> {
    let counts: Vec<(String, u64)> = conn.query("SHOW SESSION STATUS LIKE 'Handler\\_read\\_%'")?;
    Ok(counts.iter().map(|(_, count)| count).sum())
}
