//! Adds readings, streams new ones, and reads single rooms.

use std::collections::HashMap;
use std::time::Instant;

use rusqlite::{Connection, params};

use crate::frontier::Frontier;
use crate::store::{
    MeterRows, MeterStream, MeterTail, MeterWriter, Meters, Position, Readings, StoreError, Wanted,
};
use crate::types::{LocalTime, Reading, RoomKey};

use super::{SqliteFile, values};

impl Meters for SqliteFile {
    fn readings(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        frontier: Frontier,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        self.with(|conn| {
            read(conn, wanted, latest, |id, time, until| {
                frontier.is_judged_by_message(Some(id), time, until)
            })
        })
    }
}

impl MeterStream for SqliteFile {
    /// Without a position the tail begins at the table's first row: all its rows are roomwatt's,
    /// and none of them has been judged.
    fn meter_tail(
        &self,
        judged: Option<Position>,
        _latest: LocalTime,
        when: Instant,
    ) -> Result<MeterTail, StoreError> {
        let judged = match judged {
            Some(Position::Id(id)) => id,
            Some(Position::Time(_)) | None => 0,
        };
        Ok(MeterTail::in_order(Position::Id(judged), when))
    }

    fn stream_new(
        &self,
        tail: &mut MeterTail,
        from: Option<Position>,
        limit: u64,
        latest: LocalTime,
        take: &mut dyn FnMut(RoomKey, Reading),
    ) -> Result<MeterRows, StoreError> {
        let Position::Id(after) = from.unwrap_or(tail.from()) else {
            return Ok(MeterRows::default());
        };
        let mut found = MeterRows::default();
        let mut last = after;
        self.with(|conn| {
            let mut query = conn.prepare_cached(
                "SELECT id, hotel_id, room_number, reading_wh, script_time FROM smart_meter \
                 WHERE id > ? ORDER BY id LIMIT ?",
            )?;
            let mut rows = query.query((after.cast_signed(), limit.cast_signed()))?;
            while let Some(row) = rows.next()? {
                last = values::number(row, 0)?;
                found.rows += 1;
                let reading = values::reading(row, 3)?;
                if reading.time <= latest {
                    take(values::room(row, 1)?, reading);
                } else {
                    found.invalid += u64::from(tail.is_new(Position::Id(last)));
                }
            }
            Ok(())
        })?;
        found.next = (found.rows == limit).then_some(Position::Id(last));
        tail.advance(Position::Id(last), None, tail.begun());
        Ok(found)
    }

    fn readings_up_to(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        up_to: Option<Position>,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        self.with(|conn| {
            read(conn, wanted, latest, |id, time, _| {
                up_to.is_none_or(|up_to| up_to.covers(Some(id), time))
            })
        })
    }

    fn cheap_after(&self) -> Option<LocalTime> {
        None
    }
}

impl MeterWriter for SqliteFile {
    fn add(
        &self,
        readings: &mut dyn Iterator<Item = (RoomKey, Reading)>,
    ) -> Result<(), StoreError> {
        self.with(|conn| {
            let transaction = conn.transaction()?;
            {
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO smart_meter (hotel_id, room_number, reading_wh, script_time) \
                     VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                )?;
                for (room, Reading { time, register }) in readings {
                    let (hotel, room) = (room.hotel_id.as_str(), room.room_number.as_str());
                    insert.execute(params![hotel, room, register, time])?;
                }
            }
            Ok(transaction.commit()?)
        })
    }
}

/// Reads single rooms, one at a time and in time order. `is_wanted` gets a row's id and time and
/// the room's `until`.
fn read(
    conn: &Connection,
    wanted: &[Wanted],
    latest: LocalTime,
    is_wanted: impl Fn(u64, LocalTime, LocalTime) -> bool,
) -> Result<HashMap<RoomKey, Readings>, StoreError> {
    let mut query = conn.prepare_cached(
        "SELECT id, reading_wh, script_time FROM smart_meter \
         WHERE hotel_id = ? AND room_number = ? AND script_time > ? AND script_time <= ? \
         ORDER BY script_time",
    )?;
    let mut found = HashMap::with_capacity(wanted.len());
    for Wanted { room, after, until } in wanted {
        let (hotel, number) = (room.hotel_id.as_str(), room.room_number.as_str());
        let mut rows = query.query(params![hotel, number, after, latest])?;
        let mut readings = Readings::new();
        while let Some(row) = rows.next()? {
            let reading = values::reading(row, 1)?;
            if is_wanted(values::number(row, 0)?, reading.time, *until) {
                readings.push(reading);
            }
        }
        found.insert(room.clone(), readings);
    }
    Ok(found)
}
