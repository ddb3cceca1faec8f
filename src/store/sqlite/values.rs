//! Converts values to and from SQLite's.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Result, Row};

use crate::types::{LocalTime, Reading, RoomKey, WattHours, Zone};

impl ToSql for LocalTime {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(self.seconds().into())
    }
}

impl FromSql for LocalTime {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<LocalTime> {
        let seconds = value.as_i64()?;
        LocalTime::from_seconds(seconds).ok_or(FromSqlError::OutOfRange(seconds))
    }
}

impl ToSql for WattHours {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for WattHours {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<WattHours> {
        value.as_i64().map(WattHours)
    }
}

/// A number that is never negative, such as an id or a count.
pub(super) fn number(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get(column).map(i64::cast_unsigned)
}

/// A local time, which may be NULL.
pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Option<LocalTime>> {
    row.get(column)
}

/// The room key in two columns, of which this is the first.
pub(super) fn room(row: &Row<'_>, column: usize) -> Result<RoomKey> {
    let text = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
    Ok(RoomKey::new(text(column)?, text(column + 1)?))
}

/// The register and the time in two columns, of which this is the first.
pub(super) fn reading(row: &Row<'_>, column: usize) -> Result<Reading> {
    Ok(Reading {
        register: row.get(column)?,
        time: row.get(column + 1)?,
    })
}

/// A Unix time as the hotels' local time; it may be NULL.
pub(super) fn moment(row: &Row<'_>, column: usize, zone: Zone) -> Result<Option<LocalTime>> {
    let seconds: Option<i64> = row.get(column)?;
    Ok(seconds.and_then(|seconds| zone.local(seconds)))
}

/// As [`moment`], for a column that is never NULL.
pub(super) fn required_moment(row: &Row<'_>, column: usize, zone: Zone) -> Result<LocalTime> {
    Ok(moment(row, column, zone)?.unwrap_or(LocalTime::FIRST))
}
