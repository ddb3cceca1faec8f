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

/// Costs what is new where the time is recent, else the history of those rooms.
impl Meters for MySqlReader {
    fn readings(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        self.readings_up_to(wanted, latest, None)
    }

    fn reconnect(&self) {
        self.pool.replace();
    }
}

impl MySqlReader {
    /// As [`Meters::readings`], but of a numbered table only the rows up to a position.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    pub fn readings_up_to(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        up_to: Option<Position>,
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
            self.pool
                .with(|conn| self.readings_of_chunk(conn, chunk, latest, up_to, &mut found))
                .map_err(|error| self.away(error))?;
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
        up_to: Option<Position>,
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
        if let Some(Position::Id(last)) = up_to {
            values.push(last.into());
            newer.push_str(&format!(" AND `{id}` <= ?"));
        }
        // Not sorted by the server, which would send the first row only after reading the last.
        let query = format!(
            "SELECT {} FROM `{table}` WHERE (`{hotel_id}`, `{room_number}`) IN ({keys}) AND {newer}",
            self.columns(),
        );
        let after: HashMap<&RoomKey, LocalTime> = wanted
            .iter()
            .map(|wanted| (&wanted.room, wanted.after))
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
            if after.get(&room).is_some_and(|&after| reading.time > after)
                && let Some(rows) = found.get_mut(&room)
            {
                rows.push((id, reading));
            }
        }
        Ok(())
    }
}
