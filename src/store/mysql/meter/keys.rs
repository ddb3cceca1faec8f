//! Reading single rooms by their keys.

use std::collections::HashMap;

use mysql::prelude::Queryable;
use mysql::{Conn, Params, Value};

use crate::config::MeterTable;
use crate::store::mysql::MySqlReader;
use crate::store::mysql::codec::datetime;
use crate::store::{Meters, Position, Readings, StoreError, Wanted};
use crate::types::{LocalTime, Reading, RoomKey};

use super::RECENT;
use super::rows::{ID, integer, reading};

/// Keys a statement; from 500 on servers turn the list into a join.
const KEYS: usize = 400;

/// Keys a statement for times long ago: a year of a room is 17,500 rows. EXPLAIN on 0.7 million rows
/// of two weeks: with up to 200 keys the server keeps the (hotel, room) index, with 400 it reads the
/// whole table; for the last hours it takes the index on the time, which costs what is new however
/// many keys there are.
const KEYS_WITH_HISTORY: usize = 20;

/// Which of the newest rows are not wanted.
#[derive(Clone, Copy)]
pub(super) struct Beyond {
    /// None beyond this one.
    pub(super) up_to: Option<Position>,
    /// Beyond this one those that are later than each room's own time.
    pub(super) swept: Option<Position>,
}

/// Costs what is new where the time is recent, else the history of those rooms.
impl Meters for MySqlReader {
    fn readings(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        swept: Position,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        let beyond = Beyond {
            up_to: None,
            swept: Some(swept),
        };
        self.read(wanted, latest, beyond)
    }

    fn reconnect(&self) {
        self.pool.replace();
    }
}

impl MySqlReader {
    pub(super) fn read(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        beyond: Beyond,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        let mut found: HashMap<RoomKey, Vec<(u64, Reading)>> = wanted
            .iter()
            .map(|wanted| (wanted.room.clone(), Vec::new()))
            .collect();
        // Apart, so that one room with an old stay does not have the history of all read.
        let recently = latest.plus(-RECENT);
        let (recent, old): (Vec<&Wanted>, Vec<&Wanted>) = wanted.iter().partition(|wanted| {
            wanted.after >= recently || self.smallest_id(wanted.after).is_some()
        });
        for chunk in recent.chunks(KEYS).chain(old.chunks(KEYS_WITH_HISTORY)) {
            // All of the keys' rows, or after an error none.
            let mut read = |keys: &[&Wanted]| {
                let read = self
                    .pool
                    .with(|conn| self.readings_of_chunk(conn, keys, latest, beyond, &mut found));
                if read.is_err() {
                    for key in keys {
                        found.insert(key.room.clone(), Vec::new());
                    }
                }
                read
            };
            match read(chunk) {
                // A key that the table's character set has no letters for, or a row that a view
                // can't compute: that room is to hold up no other.
                Err(StoreError::Unstorable(_)) => {
                    for key in chunk {
                        match read(&[*key]) {
                            Err(StoreError::Unstorable(why)) => {
                                log::warn!("{}: it has no readings, {why}", key.room);
                            }
                            read => read.map_err(|error| self.away(error))?,
                        }
                    }
                }
                read => read.map_err(|error| self.away(error))?,
            }
        }
        let sorted = found.into_iter().map(|(room, mut rows)| {
            // Of readings with one time the first stored is first.
            rows.sort_by_key(|&(id, reading)| (reading.time, id));
            (room, rows.into_iter().map(|(_, reading)| reading).collect())
        });
        Ok(sorted.collect())
    }

    fn readings_of_chunk(
        &self,
        conn: &mut Conn,
        wanted: &[&Wanted],
        latest: LocalTime,
        beyond: Beyond,
        found: &mut HashMap<RoomKey, Vec<(u64, Reading)>>,
    ) -> Result<(), StoreError> {
        let Some(after) = wanted.iter().map(|wanted| wanted.after).min() else {
            return Ok(());
        };
        let MeterTable {
            table,
            id,
            hotel_id,
            room_number,
            script_time,
            ..
        } = &self.meter;
        let keys = vec!["(?, ?)"; wanted.len()].join(", ");
        let mut values: Vec<Value> = Vec::with_capacity(wanted.len() * 2 + 1);
        for Wanted { room, .. } in wanted {
            values.push(room.hotel_id.as_str().into());
            values.push(room.room_number.as_str().into());
        }
        let mut newer = match self.smallest_id(after) {
            Some(smallest) => {
                values.push(smallest.into());
                format!("`{id}` >= ?")
            }
            None => {
                values.push(datetime(after));
                format!("`{script_time}` > ?")
            }
        };
        if let Some(Position::Id(last)) = beyond.up_to {
            values.push(last.into());
            newer.push_str(&format!(" AND `{id}` <= ?"));
        }
        // Not sorted by the server, which would send the first row only after reading the last.
        let query = format!(
            "SELECT {} FROM `{table}` WHERE (`{hotel_id}`, `{room_number}`) IN ({keys}) AND {newer}",
            self.columns(),
        );
        let wanted: HashMap<&RoomKey, &Wanted> = wanted
            .iter()
            .map(|wanted| (&wanted.room, *wanted))
            .collect();
        for (place, row) in (0..).zip(conn.exec_iter(query, Params::Positional(values))?) {
            let row = row?;
            // Of readings with one time nobody knows the first without an id: the server's order it is.
            let id = match self.meter.id() {
                Some(id) => integer(&row, ID).ok_or_else(|| self.no_integer(id))?,
                None => place,
            };
            let Some((room, reading)) = reading(&row, latest) else {
                continue;
            };
            // The table may compare without regard to case: other rooms come along.
            let Some(wanted) = wanted.get(&room) else {
                continue;
            };
            let numbered = self.meter.id().map(|_| id);
            let passed = (beyond.swept).is_none_or(|swept| swept.covers(numbered, reading.time));
            if reading.time > wanted.after
                && (passed || reading.time <= wanted.until)
                && let Some(rows) = found.get_mut(&room)
            {
                rows.push((id, reading));
            }
        }
        Ok(())
    }
}
