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
const KEYS: usize = 50;

/// Rooms a statement where only the time does: unless an index has both, a room's whole history is
/// read and compared, a year of which is 17,500 rows. With more keys servers read the whole table
/// instead.
const KEYS_WITH_HISTORY: usize = 20;

/// Where the server expects no more rows a room than this, it is not their whole history.
const FEW: u64 = 20;

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

/// The rows of one key that a statement is to find.
struct Term {
    /// As the table spells it.
    key: RoomKey,
    rows: Rows,
}

#[derive(Clone, Copy)]
enum Rows {
    /// Those with these ids.
    Ids(Ids),
    /// Those later than the first time, up to the second.
    Times(LocalTime, LocalTime),
}

/// A reading with the number of its row.
type Found = (u64, RoomKey, Reading);

/// What is read, and what was found of it.
struct Search<'a> {
    wanted: HashMap<&'a RoomKey, &'a Wanted>,
    latest: LocalTime,
    caller: Caller,
    found: HashMap<RoomKey, Vec<(u64, Reading)>>,
    /// Rows without ids are numbered as they come.
    place: u64,
}

impl MySqlReader {
    pub(super) fn read(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        caller: Caller,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        let mut search = Search {
            wanted: wanted.iter().map(|wanted| (&wanted.room, wanted)).collect(),
            latest,
            caller,
            found: wanted
                .iter()
                .map(|wanted| (wanted.room.clone(), Vec::new()))
                .collect(),
            place: 0,
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

    fn search(&self, wanted: &[Wanted], search: &mut Search<'_>) -> Result<(), StoreError> {
        self.look_for_spellings(search.latest)?;
        let Some(id) = self.meter.id() else {
            return self.search_by_time(wanted.iter().collect(), search);
        };
        let mut terms = Vec::new();
        let mut by_time = Vec::new();
        for wanted in wanted {
            let Some(ids) = self.ids(id, search.wish(wanted), search.latest)? else {
                by_time.push(wanted);
                continue;
            };
            for key in self.spellings.lock().of(&wanted.room) {
                terms.extend(search.within(&ids).map(|ids| Term {
                    key: key.clone(),
                    rows: Rows::Ids(ids),
                }));
            }
        }
        for terms in terms.chunks(KEYS) {
            self.find(terms, search)?;
        }
        self.search_by_time(by_time, search)
    }

    /// Reads rooms by time: by their keys, or, where many are wanted of one span, all rows of that,
    /// whichever the server expects to be less.
    fn search_by_time(
        &self,
        mut wanted: Vec<&Wanted>,
        search: &mut Search<'_>,
    ) -> Result<(), StoreError> {
        let mut terms = Vec::with_capacity(wanted.len());
        for wanted in &wanted {
            let rows = Rows::Times(wanted.after, search.until_by_time(wanted));
            let spellings = self.spellings.lock();
            let keys = spellings.of(&wanted.room);
            terms.extend(keys.map(|key| Term { key, rows }));
        }
        let after = wanted.iter().map(|wanted| wanted.after).min();
        let until = (wanted.iter().map(|wanted| search.until_by_time(wanted))).max();
        let (Some(after), Some(until)) = (after, until) else {
            return Ok(());
        };
        let some = &terms[..terms.len().min(KEYS_WITH_HISTORY)];
        if some.len() == terms.len() {
            return self.find(&terms, search);
        }
        let (by_some, by_time) = self.pool.with(|conn| {
            let by_some = expected(conn, self.by_keys(some))?;
            Ok((by_some, expected(conn, self.by_times(after, until))?))
        })?;
        let chunk = match (by_some, by_time) {
            (Some(by_some), Some(by_time)) => {
                let (some, all) = (some.len() as u64, terms.len() as u64);
                if by_time <= by_some * all / some {
                    let query = self.by_times(after, until);
                    let found = self.pool.with(|conn| self.select(conn, query, search))?;
                    search.take(found);
                    return Ok(());
                }
                if by_some > FEW * some {
                    // Some rooms may be closer to one another than to the others.
                    wanted.sort_by_key(|wanted| wanted.after);
                    let later = wanted.split_off(wanted.len() / 2);
                    self.search_by_time(wanted, search)?;
                    return self.search_by_time(later, search);
                }
                KEYS
            }
            _ => KEYS_WITH_HISTORY,
        };
        terms
            .chunks(chunk)
            .try_for_each(|terms| self.find(terms, search))
    }

    /// Finds the rows of some keys.
    fn find(&self, terms: &[Term], search: &mut Search<'_>) -> Result<(), StoreError> {
        let found = self
            .pool
            .with(|conn| self.select(conn, self.by_keys(terms), search));
        match (found, terms) {
            (Ok(found), _) => search.take(found),
            // A key that the table's character set has no letters for, or a row that a view can't
            // compute: that room is to hold up no other.
            (Err(StoreError::Unstorable(why)), [term]) => {
                log::warn!("{}: it has no readings, {why}", term.key);
            }
            (Err(StoreError::Unstorable(_)), terms) => {
                let (some, others) = terms.split_at(terms.len() / 2);
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
    fn by_keys(&self, terms: &[Term]) -> (String, Vec<Value>) {
        let MeterTable {
            id,
            hotel_id,
            room_number,
            script_time,
            ..
        } = &self.meter;
        let mut conditions = Vec::with_capacity(terms.len());
        let mut values = Vec::with_capacity(4 * terms.len());
        for Term { key, rows } in terms {
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
    fn by_times(&self, after: LocalTime, until: LocalTime) -> (String, Vec<Value>) {
        let time = &self.meter.script_time;
        let condition = format!("`{time}` > ? AND `{time}` < ?");
        (self.select_where(&condition), span(after, until).into())
    }

    /// Not sorted by the server, which would send the first row only after reading the last.
    fn select_where(&self, condition: &str) -> String {
        let table = &self.meter.table;
        format!("SELECT {} FROM `{table}` WHERE {condition}", self.columns())
    }

    /// The wanted rows that a statement finds.
    fn select(
        &self,
        conn: &mut Conn,
        (query, values): (String, Vec<Value>),
        search: &Search<'_>,
    ) -> Result<Vec<Found>, StoreError> {
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
                && search.wants(&room, id, reading.time)
            {
                found.push((number, room, reading));
            }
        }
        Ok(found)
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

impl Search<'_> {
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
    fn until_by_time(&self, wanted: &Wanted) -> LocalTime {
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

    fn wants(&self, room: &RoomKey, id: Option<u64>, time: LocalTime) -> bool {
        let is_wanted = |wanted: &Wanted| match self.caller {
            Caller::Sweep { .. } => true,
            Caller::Message(frontier) => frontier.is_judged_by_message(id, time, wanted.until),
        };
        let wanted = self.wanted.get(room);
        wanted.is_some_and(|wanted| time > wanted.after && is_wanted(wanted))
    }

    fn take(&mut self, found: Vec<Found>) {
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

/// How many rows the server expects to read for a statement; `None` where it does not tell that
/// user: of a view it takes rights on the tables behind it.
fn expected(
    conn: &mut Conn,
    (query, values): (String, Vec<Value>),
) -> Result<Option<u64>, StoreError> {
    match explain::steps(conn, &query, values) {
        Ok(steps) => Ok(steps.and_then(|steps| steps.iter().map(explain::rows).sum())),
        Err(error) => match StoreError::from(error) {
            StoreError::Unstorable(_) => Ok(None),
            error => Err(error),
        },
    }
}
