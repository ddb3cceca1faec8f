//! Reads the meter table: streams new rows by id or by time, and reads single rooms by key.

pub(super) mod keys;
mod learn;
pub(super) mod rows;
pub(super) mod spans;
pub(super) mod spellings;

use std::collections::HashMap;
use std::time::Instant;

use mysql::prelude::Queryable;
use mysql::{Conn, Row, Value};

use crate::config::MeterTable;
use crate::store::tail::Anchor;
use crate::store::{MeterRows, MeterStream, MeterTail, Position, Readings, StoreError, Wanted};
use crate::types::{LocalTime, Reading, RoomKey};

use super::MySqlReader;
use super::codec::{datetime, local_time};
use super::window::Window;

use keys::Caller;
use rows::{ID, integer, reading};
use spans::Costs;
use spellings::Spellings;

/// How far back from the latest time of a reading the ids of rows are learned at a start. Seconds.
const RECENT: i64 = 4 * 3600;

impl MeterStream for MySqlReader {
    fn meter_tail(
        &self,
        judged: Option<Position>,
        latest: LocalTime,
        when: Instant,
    ) -> Result<MeterTail, StoreError> {
        let tail = |conn: &mut Conn| {
            let Some(id) = self.meter.id() else {
                return Ok(match judged {
                    Some(position @ Position::Time(_)) => MeterTail::after(position, None, when),
                    _ => {
                        let last = Position::Time(self.last_time(conn, latest)?);
                        MeterTail::from_the_end(last, None, when)
                    }
                });
            };
            let last = self.last_id(conn, id)?;
            self.learn_recent(conn, id, latest)?;
            let (position, known) = match judged {
                Some(Position::Id(judged)) if judged <= last => (judged, true),
                // The largest id is below the judged one: the table was made anew.
                Some(Position::Id(_)) => (0, true),
                _ => (last, false),
            };
            let row = self.anchor(conn, id, position, latest)?;
            let position = Position::Id(position);
            Ok(if known {
                MeterTail::after(position, row, when)
            } else {
                MeterTail::from_the_end(position, row, when)
            })
        };
        self.conns.with(tail).map_err(|error| self.failed(error))
    }

    fn stream_new(
        &self,
        tail: &mut MeterTail,
        from: Option<Position>,
        limit: u64,
        latest: LocalTime,
        take: &mut dyn FnMut(RoomKey, Reading),
    ) -> Result<MeterRows, StoreError> {
        let stream = |conn: &mut Conn| match (self.meter.id(), from.unwrap_or(tail.from())) {
            (Some(_), Position::Id(after)) => {
                self.stream_by_id(conn, tail, after, limit, latest, take)
            }
            (None, Position::Time(since)) => {
                self.stream_by_time(conn, tail, since, limit, latest, take)
            }
            // Never: a tail's positions are of the kind by which the table is read.
            _ => Ok(MeterRows::default()),
        };
        self.conns.with(stream).map_err(|error| self.failed(error))
    }

    fn readings_up_to(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        up_to: Option<Position>,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        self.read(wanted, latest, Caller::Sweep { up_to })
    }

    fn cheap_after(&self) -> Option<LocalTime> {
        self.window.lock().as_ref().map(Window::reaches_back_to)
    }
}

impl MySqlReader {
    fn stream_by_id(
        &self,
        conn: &mut Conn,
        tail: &mut MeterTail,
        after: u64,
        limit: u64,
        latest: LocalTime,
        take: &mut dyn FnMut(RoomKey, Reading),
    ) -> Result<MeterRows, StoreError> {
        let MeterTable { id, table, .. } = &self.meter;
        let query = format!(
            "SELECT {} FROM `{table}` WHERE `{id}` > {after} ORDER BY `{id}` LIMIT {limit}",
            self.columns(),
        );
        let mut rows = MeterRows::default();
        let begins = tail.from() == Position::Id(after);
        if begins && self.is_made_anew(conn, id, tail, latest)? {
            return Ok(self.begin_anew(tail, latest));
        }
        self.learn_recent(conn, id, latest)?;
        let mut last = after;
        let mut last_row = None;
        let mut seen = Vec::new();
        // A prepared statement, as for single rooms: as text a FLOAT has fewer digits.
        for row in conn.exec_iter(query, ())? {
            let row = row?;
            rows.rows += 1;
            last = integer(&row, ID).ok_or_else(|| self.not_an_id(id))?;
            last_row = None;
            match reading(&row, latest) {
                Some((room, reading)) => {
                    self.spellings.lock().see(&row, &room);
                    seen.push((last, reading.time));
                    last_row = Some((room.clone(), reading.time));
                    take(room, reading);
                }
                None => rows.invalid += u64::from(tail.is_new(Position::Id(last))),
            }
        }
        if rows.rows == 0 && after > 0 && self.last_id(conn, id)? < after {
            return Ok(self.begin_anew(tail, latest));
        }
        rows.next = (rows.rows == limit).then_some(Position::Id(last));
        tail.advance(Position::Id(last), last_row, tail.begun());
        if let Some(window) = self.window.lock().as_mut() {
            for (id, time) in seen {
                window.see(id, time);
            }
            if let Some(Position::Id(settled)) = tail.long_settled() {
                window.settle(settled);
            }
            window.forget_before(latest);
        }
        Ok(rows)
    }

    /// Each page begins with the last time of the one before, because the limit may cut between
    /// rows with the same time.
    fn stream_by_time(
        &self,
        conn: &mut Conn,
        tail: &mut MeterTail,
        since: LocalTime,
        mut limit: u64,
        latest: LocalTime,
        take: &mut dyn FnMut(RoomKey, Reading),
    ) -> Result<MeterRows, StoreError> {
        let MeterTable {
            table, script_time, ..
        } = &self.meter;
        let mut rows = MeterRows::default();
        let mut last = since;
        loop {
            let query = format!(
                "SELECT {} FROM `{table}` WHERE `{script_time}` >= ? AND `{script_time}` <= ? \
                 ORDER BY `{script_time}` LIMIT {limit}",
                self.columns(),
            );
            let mut page = 0;
            for row in conn.exec_iter(query, (datetime(since), datetime(latest)))? {
                let row = row?;
                page += 1;
                let time = rows::time(&row);
                match reading(&row, latest) {
                    Some((room, reading)) => {
                        self.spellings.lock().see(&row, &room);
                        take(room, reading);
                    }
                    None => {
                        let is_new = time.is_some_and(|time| tail.is_new(Position::Time(time)));
                        rows.invalid += u64::from(is_new);
                    }
                }
                last = last.max(time.unwrap_or(last));
            }
            rows.rows += page;
            if page < limit {
                break;
            }
            if last > since {
                rows.next = Some(Position::Time(last));
                break;
            }
            // The whole page has one time, so the next one would be the same: read more.
            limit *= 2;
        }
        tail.advance(Position::Time(last), None, tail.begun());
        Ok(rows)
    }

    /// Whether the row where the tail's next stream begins has become another one, because the
    /// table was made anew and its ids began again.
    fn is_made_anew(
        &self,
        conn: &mut Conn,
        id: &str,
        tail: &MeterTail,
        latest: LocalTime,
    ) -> Result<bool, StoreError> {
        let (Position::Id(settled), Some(row)) = (tail.settled(), tail.settled_row()) else {
            return Ok(false);
        };
        // A deleted row is no proof.
        let now = self.anchor(conn, id, settled, latest)?;
        Ok(now.is_some_and(|now| now != *row))
    }

    fn begin_anew(&self, tail: &mut MeterTail, latest: LocalTime) -> MeterRows {
        log::warn!("the meter table was emptied or recreated: reading it from its start");
        *tail = MeterTail::after(Position::Id(0), None, tail.begun());
        // What was learned of its ids no longer holds.
        *self.window.lock() = Some(Window::of_a_new_table(latest));
        MeterRows {
            next: Some(tail.settled()),
            ..MeterRows::default()
        }
    }

    /// The room and time of the row with an id; `None` if there is none or it is invalid.
    fn anchor(
        &self,
        conn: &mut Conn,
        id: &str,
        at: u64,
        latest: LocalTime,
    ) -> Result<Option<Anchor>, StoreError> {
        let table = &self.meter.table;
        let query = format!("SELECT {} FROM `{table}` WHERE `{id}` = ?", self.columns());
        let row: Option<Row> = conn.exec_first(query, (at,))?;
        let reading = row.and_then(|row| reading(&row, latest));
        Ok(reading.map(|(room, reading)| (room, reading.time)))
    }

    fn last_id(&self, conn: &mut Conn, id: &str) -> Result<u64, StoreError> {
        let table = &self.meter.table;
        let row: Option<Row> = conn.exec_first(format!("SELECT MAX(`{id}`) FROM `{table}`"), ())?;
        match row.as_ref().and_then(|row| Some((row, row.as_ref(0)?))) {
            None | Some((_, Value::NULL)) => Ok(0),
            Some((row, _)) => integer(row, 0).ok_or_else(|| self.not_an_id(id)),
        }
    }

    fn last_time(&self, conn: &mut Conn, latest: LocalTime) -> Result<LocalTime, StoreError> {
        let MeterTable {
            table, script_time, ..
        } = &self.meter;
        let row: Option<Row> = conn.exec_first(
            format!("SELECT MAX(`{script_time}`) FROM `{table}` WHERE `{script_time}` <= ?"),
            (datetime(latest),),
        )?;
        let last = row.as_ref().and_then(|row| local_time(row.as_ref(0)?));
        Ok(last.unwrap_or_else(earliest))
    }

    /// The error for a configured id column that holds no positive integers.
    fn not_an_id(&self, id: &str) -> StoreError {
        let table = &self.meter.table;
        StoreError::Meters(format!(
            "column {id} of {table} does not number its rows; set `meter.id = \"\"` to have the \
             table read by time"
        ))
    }

    /// As [`meter_error`]; also forgets what was learned of a table that is missing.
    fn failed(&self, error: StoreError) -> StoreError {
        if matches!(error, StoreError::NotSetUp(_)) {
            // A new table may take its place, with other ids and rooms.
            *self.window.lock() = None;
            *self.gave_up_learning.lock() = false;
            *self.spellings.lock() = Spellings::default();
            *self.costs.lock() = Costs::default();
        }
        meter_error(error)
    }

    fn columns(&self) -> String {
        rows::columns(&self.meter)
    }
}

/// Turns an error into one of the meter table. The table belongs to others, so `init-db` is no
/// remedy.
pub(super) fn meter_error(error: StoreError) -> StoreError {
    match error {
        StoreError::NotSetUp(text) => StoreError::Meters(format!(
            "{text}; restore the table, or check that section [meter] of the configuration names \
             it and its columns, and that the user may SELECT from it"
        )),
        // A view that can't compute a row, or whose function is missing. Its owner can fix it.
        StoreError::Unstorable(text)
        | StoreError::Unreadable(text)
        | StoreError::Unsupported(text) => StoreError::Meters(text),
        other => other,
    }
}

/// Where a stream by time begins in an empty table: after the first DATETIME and TIMESTAMP, and
/// before any reading.
fn earliest() -> LocalTime {
    LocalTime::from_seconds(24 * 3600).unwrap_or(LocalTime::FIRST)
}
