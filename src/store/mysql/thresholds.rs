//! The rows of `threshold`.

use std::collections::HashMap;

use mysql::prelude::Queryable;
use mysql::{Row, Transaction, Value};

use crate::engine::Rules;
use crate::store::StoreError;
use crate::store::thresholds::{COLUMNS, Kept, Threshold, Whose, changed, in_force};
use crate::types::{Kind, LocalTime, RoomKey, WattHours};

use super::codec::{datetime, required_time};
use super::transaction::insert;

/// Writes what has changed since the newest rows; gives the number of rows.
pub(super) fn record(
    transaction: &mut Transaction,
    rules: &Rules,
    now: LocalTime,
) -> Result<u64, StoreError> {
    let columns = COLUMNS.map(|column| format!("t.{column}")).join(", ");
    // The server reads one entry of the index a threshold for the newest, not all that there were.
    let newest = format!(
        "SELECT {columns} FROM threshold t JOIN (SELECT hotel_id, room_number, msg_type, \
         MAX(since) AS since FROM threshold GROUP BY hotel_id, room_number, msg_type) AS newest \
         USING (hotel_id, room_number, msg_type, since)"
    );
    let mut known = HashMap::new();
    for row in transaction.query_iter(newest)? {
        known.extend(kept(&row?)?);
    }
    let rows = changed(&known, rules, now);
    let values = rows.iter().map(|(whose, kept)| {
        vec![
            whose.hotel.as_str().into(),
            whose.room.as_str().into(),
            whose.kind.as_str().into(),
            datetime(kept.since),
            kept.energy.map_or(Value::NULL, |energy| energy.0.into()),
            kept.interval_seconds.into(),
        ]
    });
    insert(transaction, "REPLACE INTO threshold", &COLUMNS, values)?;
    Ok(rows.len() as u64)
}

/// What was in force in a room up to a time, by three ranges of the primary key.
pub(super) fn read(
    conn: &mut impl Queryable,
    room: &RoomKey,
    kind: Kind,
    to: LocalTime,
) -> Result<Vec<Threshold>, StoreError> {
    let query = of_room();
    let (hotel, number) = (room.hotel_id.as_str(), room.room_number.as_str());
    let (kind, to) = (kind.as_str(), datetime(to));
    let mut rows = Vec::new();
    for (hotel, number) in [("", ""), (hotel, ""), (hotel, number)] {
        for row in conn.exec_iter(&query, (hotel, number, kind, to.clone()))? {
            rows.extend(kept(&row?)?);
        }
    }
    Ok(in_force(room, rows))
}

/// The statement for the rows of a room, or of those that have its empty parts.
fn of_room() -> String {
    let columns = COLUMNS.join(", ");
    format!(
        "SELECT {columns} FROM threshold \
         WHERE hotel_id = ? AND room_number = ? AND msg_type = ? AND since <= ?"
    )
}

/// A row with the columns [`COLUMNS`]; `None` of a kind of stay that this version does not know.
fn kept(row: &Row) -> Result<Option<(Whose, Kept)>, StoreError> {
    let unreadable = || StoreError::Unreadable("a row of threshold can't be read".to_owned());
    let text = |column: usize| row.get::<String, usize>(column).ok_or_else(unreadable);
    let number = |column: usize| row.get::<Option<i64>, usize>(column).flatten();
    let Some(kind) = Kind::from_word(&text(2)?) else {
        return Ok(None);
    };
    let since = row.as_ref(3).unwrap_or(&Value::NULL);
    let whose = Whose {
        hotel: text(0)?,
        room: text(1)?,
        kind,
    };
    let kept = Kept {
        since: required_time(since, "since of threshold")?,
        energy: number(4).map(WattHours),
        interval_seconds: number(5).ok_or_else(unreadable)?,
    };
    Ok(Some((whose, kept)))
}
