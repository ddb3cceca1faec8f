//! The rows of `threshold`.

use std::collections::HashMap;

use rusqlite::{Connection, Row, Transaction, params};

use crate::engine::Rules;
use crate::store::StoreError;
use crate::store::thresholds::{COLUMNS, Kept, Threshold, Whose, changed, in_force};
use crate::types::{Kind, LocalTime, RoomKey};

/// Writes what has changed since the newest rows; gives the number of rows.
pub(super) fn record(
    transaction: &Transaction<'_>,
    rules: &Rules,
    now: LocalTime,
) -> Result<u64, StoreError> {
    // SQLite takes the columns beside MAX from the row that has it.
    let mut newest = transaction.prepare_cached(
        "SELECT hotel_id, room_number, msg_type, MAX(since), wh, interval_seconds \
         FROM threshold GROUP BY hotel_id, room_number, msg_type",
    )?;
    let mut known = HashMap::new();
    let mut rows = newest.query(())?;
    while let Some(row) = rows.next()? {
        known.extend(kept(row)?);
    }
    let columns = COLUMNS.join(", ");
    let mut replace = transaction.prepare_cached(&format!(
        "REPLACE INTO threshold ({columns}) VALUES (?, ?, ?, ?, ?, ?)"
    ))?;
    let rows = changed(&known, rules, now);
    for (whose, kept) in &rows {
        replace.execute(params![
            whose.hotel,
            whose.room,
            whose.kind.as_str(),
            kept.since,
            kept.energy,
            kept.interval_seconds,
        ])?;
    }
    Ok(rows.len() as u64)
}

/// What was in force in a room up to a time, by three ranges of the primary key.
pub(super) fn read(
    conn: &Connection,
    room: &RoomKey,
    kind: Kind,
    to: LocalTime,
) -> Result<Vec<Threshold>, StoreError> {
    let columns = COLUMNS.join(", ");
    let mut query = conn.prepare_cached(&format!(
        "SELECT {columns} FROM threshold \
         WHERE hotel_id = ? AND room_number = ? AND msg_type = ? AND since <= ?"
    ))?;
    let (hotel, number) = (room.hotel_id.as_str(), room.room_number.as_str());
    let mut found = Vec::new();
    for (hotel, number) in [("", ""), (hotel, ""), (hotel, number)] {
        let mut rows = query.query(params![hotel, number, kind.as_str(), to])?;
        while let Some(row) = rows.next()? {
            found.extend(kept(row)?);
        }
    }
    Ok(in_force(room, found))
}

/// A row with the columns [`COLUMNS`]; `None` of a kind of stay that this version does not know.
fn kept(row: &Row<'_>) -> rusqlite::Result<Option<(Whose, Kept)>> {
    let kind: String = row.get(2)?;
    let Some(kind) = Kind::from_word(&kind) else {
        return Ok(None);
    };
    let whose = Whose {
        hotel: row.get(0)?,
        room: row.get(1)?,
        kind,
    };
    let kept = Kept {
        since: row.get(3)?,
        energy: row.get(4)?,
        interval_seconds: row.get(5)?,
    };
    Ok(Some((whose, kept)))
}
