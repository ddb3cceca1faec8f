//! Past stays and readings, for reports.

use std::collections::HashMap;
use std::time::Instant;

use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};

use crate::engine::{RoomState, Statuses, Stay};
use crate::store::frames;
use crate::store::recorded::recorded;
use crate::store::{
    AlertRow, Archive, KeptFrame, MeterStream, NoticeState, Readings, Recorded, Scope, Span,
    StoreError, Threshold, Wanted, notice_of, stay,
};
use crate::types::{HotelId, Kind, LocalTime, Reading, RoomKey};

use super::{SqliteFile, load_rooms, thresholds, values};

impl Archive for SqliteFile {
    fn rooms(&mut self, take: &mut dyn FnMut(RoomKey, RoomState)) -> Result<(), StoreError> {
        self.with(|conn| load_rooms(conn, Scope::All, take))
    }

    fn stays(
        &mut self,
        of: Scope<'_>,
        to: LocalTime,
        take: &mut dyn FnMut(RoomKey, Stay),
    ) -> Result<(), StoreError> {
        let (of_room, key) = condition(of);
        let query = format!(
            "SELECT hotel_id, room_number, msg_type, check_in_time, expected_checkout_time, \
             actual_checkin_time, actual_checkout_time FROM electricity_monitoring \
             WHERE {of_room} ORDER BY id"
        );
        self.with(|conn| {
            let mut query = conn.prepare_cached(&query)?;
            let mut rows = query.query(params_from_iter(key))?;
            while let Some(row) = rows.next()? {
                let room = values::room(row, 0)?;
                let stay = stay_of(row)?.ok_or_else(|| {
                    StoreError::Unreadable(format!("a row of room {room} has no stay"))
                })?;
                if stay.time() <= to {
                    take(room, stay);
                }
            }
            Ok(())
        })
    }

    fn statuses(
        &mut self,
        of: Scope<'_>,
        take: &mut dyn FnMut(RoomKey, Statuses),
    ) -> Result<(), StoreError> {
        self.with(|conn| load_rooms(conn, of, &mut |room, state| take(room, state.statuses)))
    }

    fn readings(
        &mut self,
        of: Scope<'_>,
        span: Span,
        take: &mut dyn FnMut(RoomKey, Reading),
    ) -> Result<u64, StoreError> {
        let (of_room, mut values) = condition(of);
        values.extend([span.after, span.to].map(|time| Value::from(time.seconds())));
        // For all rooms this reads the whole table in the order of the ids. An index on the time
        // would cost more at each insert than it saves here.
        let query = format!(
            "SELECT hotel_id, room_number, reading_wh, script_time FROM smart_meter \
             WHERE {of_room} AND script_time > ? AND script_time <= ? ORDER BY id"
        );
        self.with(|conn| {
            let mut query = conn.prepare_cached(&query)?;
            let mut rows = query.query(params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                take(values::room(row, 0)?, values::reading(row, 2)?);
            }
            // Invalid rows are never stored.
            Ok(0)
        })
    }

    fn readings_by_key(
        &mut self,
        wanted: &[Wanted],
        latest: LocalTime,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        self.readings_up_to(wanted, latest, None)
    }

    fn frames(
        &mut self,
        hotel: &HotelId,
        interval_seconds: i64,
        span: Span,
    ) -> Result<Vec<KeptFrame>, StoreError> {
        let columns = frames::COLUMNS.join(", ");
        let query = format!(
            "SELECT {columns} FROM hotel_frame WHERE hotel_id = ? AND interval_seconds = ? \
             AND frame_time > ? AND frame_time <= ?"
        );
        self.with(|conn| {
            let mut query = conn.prepare_cached(&query)?;
            let values = params![hotel.as_str(), interval_seconds, span.after, span.to];
            let frames = query.query_map(values, |row| {
                let mut numbers = [None; 8];
                for (at, number) in numbers.iter_mut().enumerate() {
                    *number = row.get(3 + at)?;
                }
                let (summary, allowance) = frames::summary(numbers);
                Ok(KeptFrame {
                    hotel: hotel.clone(),
                    began: row.get(1)?,
                    interval_seconds,
                    summary,
                    allowance,
                })
            })?;
            Ok(frames.collect::<Result<_, _>>()?)
        })
    }

    fn recorded(&mut self, room: &RoomKey, span: Span) -> Result<Vec<Recorded>, StoreError> {
        let key = [room.hotel_id.as_str(), room.room_number.as_str()];
        self.with(|conn| {
            let mut query = conn.prepare_cached(
                "SELECT id, body, state FROM notification \
                 WHERE hotel_id = ? AND room_number = ? ORDER BY id",
            )?;
            let mut rows = query.query(key)?;
            let mut notices = Vec::new();
            while let Some(row) = rows.next()? {
                let (body, state): (String, String) = (row.get(1)?, row.get(2)?);
                let state = NoticeState::from_word(&state, values::number(row, 0)?)?;
                notices.extend(notice_of(&body).ok().map(|notice| (notice, state)));
            }
            let mut query = conn.prepare_cached(
                "SELECT detected_time, total_wh, continuous_periods, is_notified \
                 FROM electricity_abnormal WHERE hotel_id = ? AND room_number = ? ORDER BY id",
            )?;
            let alerts = query.query_map(key, |row| {
                Ok(AlertRow {
                    detected: row.get(0)?,
                    energy: row.get(1)?,
                    periods: row.get(2)?,
                    is_notified: row.get(3)?,
                })
            })?;
            let alerts = alerts.collect::<Result<_, _>>()?;
            Ok(recorded(notices, alerts, |time| span.has(time)))
        })
    }

    fn thresholds(
        &mut self,
        room: &RoomKey,
        kind: Kind,
        to: LocalTime,
    ) -> Result<Vec<Threshold>, StoreError> {
        self.with(|conn| thresholds::read(conn, room, kind, to))
    }

    fn end_by(&mut self, until: Option<Instant>) {
        self.until = until;
    }
}

/// The condition for the rows of some rooms, with its values.
pub(super) fn condition(of: Scope<'_>) -> (&'static str, Vec<Value>) {
    let (condition, key) = match of {
        Scope::All => ("TRUE", vec![]),
        Scope::Hotel(hotel) => ("hotel_id = ?", vec![hotel.as_str()]),
        Scope::Room(room) => (
            "hotel_id = ? AND room_number = ?",
            vec![room.hotel_id.as_str(), room.room_number.as_str()],
        ),
    };
    let key = key.into_iter().map(|part| Value::from(part.to_owned()));
    (condition, key.collect())
}

fn stay_of(row: &Row<'_>) -> rusqlite::Result<Option<Stay>> {
    let kind: String = row.get(2)?;
    let time = |column| values::time(row, column);
    let times = [time(3)?, time(4)?, time(5)?, time(6)?];
    Ok(stay::stay(Kind::from_word(&kind), times))
}
