//! Learns the ids of the rows of a span from the index on the time.

use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use mysql::{Conn, Row, Value};

use crate::config::MeterTable;
use crate::store::StoreError;
use crate::store::mysql::MySqlReader;
use crate::store::mysql::codec::{datetime, local_time};
use crate::store::mysql::window::{Ids, Piece, Unknown, Window, Wish};
use crate::types::LocalTime;

use super::rows::integer;
use super::{RECENT, earliest};

/// Open transactions may still commit rows with ids near those of rows this young. Seconds before
/// the latest time of a reading, which is an hour ahead of now.
const YOUNG: i64 = 2 * 3600;

/// Time per row from which on learning is too slow. An index is twenty times as fast; at this pace
/// the server reads the whole table for each piece.
const SLOW: Duration = Duration::from_micros(20);

/// Pieces that are learned by one statement: a day.
const AT_ONCE: usize = 12;

/// Pieces learned within this time were cheap at any pace.
const SHORT: Duration = Duration::from_secs(2);

impl MySqlReader {
    /// Learns the ids of the last hours' rows, unless they are known.
    pub(super) fn learn_recent(
        &self,
        conn: &mut Conn,
        id: &str,
        latest: LocalTime,
    ) -> Result<(), StoreError> {
        if self.window.lock().is_some() {
            return Ok(());
        }
        // Read before the pieces: a row that is inserted meanwhile has an id above this one.
        let last = self.last_id(conn, id)?;
        let mut window = Window::new(latest);
        let pieces = window.since(latest.plus(-RECENT));
        let (found, _) = self.ids_of(conn, id, &pieces)?;
        window.learn(&pieces, found);
        window.settle_at_first(latest.plus(-YOUNG), last);
        // Keep a window that another thread has made meanwhile: it may know more.
        self.window.lock().get_or_insert(window);
        Ok(())
    }

    /// The intervals of ids that the rows of a wish can have; unknown ones are learned. `None` if
    /// they can't be learned, or `is_worth` the trouble says that it is not.
    pub(super) fn ids(
        &self,
        id: &str,
        wish: Wish,
        latest: LocalTime,
        is_worth: &mut dyn FnMut(&[Piece]) -> Result<bool, StoreError>,
    ) -> Result<Option<Vec<Ids>>, StoreError> {
        let mut at_once = 1;
        loop {
            let ids = self.window.lock().as_ref().map(|window| window.ids(wish));
            let unknown = match ids {
                Some(Ok(ids)) => return Ok(Some(ids)),
                Some(Err(unknown)) => unknown,
                None => {
                    self.conns
                        .with(|conn| self.learn_recent(conn, id, latest))?;
                    continue;
                }
            };
            if *self.gave_up_learning.lock() {
                return Ok(None);
            }
            match unknown {
                Unknown::Forgotten => return Ok(None),
                Unknown::Oldest(of) => {
                    let oldest = self.conns.with(|conn| self.oldest(conn))?;
                    let mut window = self.window.lock();
                    match (oldest, window.as_mut()) {
                        (Some(oldest), Some(window)) => window.learn_oldest(&of, oldest),
                        (Some(_), None) => {}
                        (None, _) => *self.gave_up_learning.lock() = true,
                    }
                }
                Unknown::Pieces(pieces) => {
                    if at_once == 1 && !is_worth(&pieces)? {
                        return Ok(None);
                    }
                    let pieces = &pieces[..pieces.len().min(at_once)];
                    // One shows whether an index helps.
                    at_once = AT_ONCE;
                    let began = Instant::now();
                    let (found, rows) = self.conns.with(|conn| self.ids_of(conn, id, pieces))?;
                    let took = began.elapsed();
                    if took > SHORT && took > SLOW * u32::try_from(rows).unwrap_or(u32::MAX) {
                        log::warn!(
                            "the meter table has no useful index on {}: late messages read their \
                             rooms' whole histories; see `roomwatt check`",
                            self.meter.script_time
                        );
                        *self.gave_up_learning.lock() = true;
                    }
                    if let Some(window) = self.window.lock().as_mut() {
                        window.learn(pieces, found);
                    }
                }
            }
        }
    }

    /// The ids of each bucket of these pieces that has rows, and the number of rows. An index on
    /// the time is enough for this, because it ends with the primary key.
    fn ids_of(
        &self,
        conn: &mut Conn,
        id: &str,
        pieces: &[Piece],
    ) -> Result<(Vec<(i64, Ids)>, u64), StoreError> {
        let MeterTable {
            table, script_time, ..
        } = &self.meter;
        let mut parts = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        for (bucket, from, to) in pieces.iter().flat_map(Piece::buckets) {
            // One query a bucket takes a third of the time of GROUP BY.
            parts.push(format!(
                "(SELECT {bucket}, MIN(`{id}`), MAX(`{id}`), COUNT(*) FROM `{table}` \
                 WHERE `{script_time}` >= ? AND `{script_time}` < ?)"
            ));
            values.extend([datetime(from), datetime(to)]);
        }
        let mut found = Vec::new();
        let mut count = 0;
        for row in conn.exec_iter(parts.join(" UNION ALL "), values)? {
            let row = row?;
            let rows = integer(&row, 3).unwrap_or(0);
            if rows == 0 {
                continue;
            }
            count += rows;
            let (Some(bucket), Some(first), Some(last)) =
                (row.get(0), integer(&row, 1), integer(&row, 2))
            else {
                return Err(self.not_an_id(id));
            };
            found.push((bucket, (first, last)));
        }
        Ok((found, count))
    }

    /// The time of the oldest row, `Some(None)` for an empty table; `None` if times are texts,
    /// which an index does not order by time.
    fn oldest(&self, conn: &mut Conn) -> Result<Option<Option<LocalTime>>, StoreError> {
        let MeterTable {
            table, script_time, ..
        } = &self.meter;
        let query = format!("SELECT MIN(`{script_time}`) FROM `{table}` WHERE `{script_time}` > ?");
        let row: Option<Row> = conn.exec_first(query, (datetime(earliest()),))?;
        Ok(match row.as_ref().and_then(|row| row.as_ref(0)) {
            None | Some(Value::NULL) => Some(None),
            Some(oldest @ Value::Date(..)) => local_time(oldest).map(Some),
            Some(_) => None,
        })
    }
}
