//! The day of moving over: the watches that the original program has left.

use std::collections::HashMap;

use mysql::prelude::Queryable;
use mysql::{Conn, Row, TxOpts, Value};

use crate::config;
use crate::engine::{Rules, Watch};
use crate::store::{Adopted, LEASE_KEPT_EVERY, Lease, StoreError};
use crate::types::{LocalTime, Reading, RoomKey, WattHours, Zone};

use super::commit::insert_by;
use super::{MySqlLease, archive, codec, connect};

/// Rows a statement.
const ROWS: usize = 200;

/// Makes the newest row of each room in `electricity_monitoring` its watch, where it has none. What
/// the meters said until an interval before `now` is not judged: the original program has done that.
/// Stays that begin more than `max_ahead_seconds` after `now` are left out.
///
/// # Errors
/// [`StoreError::Conflict`] while the service runs on this database, or any other of the connection;
/// nothing is adopted then.
pub fn adopt(
    config: &config::MySql,
    zone: Zone,
    rules: &Rules,
    now: LocalTime,
    max_ahead_seconds: i64,
) -> Result<Adopted, StoreError> {
    let mut lease = MySqlLease::new(config, zone);
    if !lease.acquire(LEASE_KEPT_EVERY)? {
        return Err(StoreError::Conflict(
            "the service is running on this database: stop it first".into(),
        ));
    }
    let mut conn = Conn::new(connect::reading(config, zone))?;
    let mut adopted = Adopted::default();
    let latest = now.plus(max_ahead_seconds);
    let mut watches = newest(&mut conn, &mut adopted, rules, latest)?;
    let known: Vec<(String, String)> =
        conn.query("SELECT hotel_id, room_number FROM room_state")?;
    for (hotel, room) in known {
        if watches.remove(&RoomKey::new(&hotel, &room)).is_some() {
            adopted.known += 1;
        }
    }
    adopted.rooms = watches.len() as u64;
    let seen = now.plus(-rules.interval_seconds);
    let rows = watches.into_iter().map(|(room, mut watch)| {
        let sample = watch.fold.sample.map(|sample| sample.time);
        watch.fold.seen = Some(sample.map_or(seen, |sample| sample.max(seen)));
        codec::encode(&room, &watch)
    });
    let mut transaction = conn.start_transaction(TxOpts::default())?;
    // An instance that hangs since it had the lease writes nothing any more.
    transaction.query_drop("UPDATE service SET epoch = epoch + 1 WHERE id = 1")?;
    insert_by(
        ROWS,
        &mut transaction,
        "INSERT INTO room_state",
        &codec::COLUMNS,
        rows,
    )?;
    transaction.commit()?;
    Ok(adopted)
}

/// The newest row of each room as a watch.
fn newest(
    conn: &mut Conn,
    adopted: &mut Adopted,
    rules: &Rules,
    latest: LocalTime,
) -> Result<HashMap<RoomKey, Watch>, StoreError> {
    let mut watches: HashMap<RoomKey, Watch> = HashMap::new();
    let rows = conn.query_iter(format!(
        "SELECT {}, CAST(initial_reading AS CHAR), monitoring_start_time \
         FROM electricity_monitoring ORDER BY id",
        archive::STAY
    ))?;
    for row in rows {
        let Some((room, watch)) = watch(&row?, rules) else {
            adopted.unreadable += 1;
            continue;
        };
        if watch.stay.time() > latest {
            // A message of it would be refused, and it would make all that come stale.
            adopted.ahead += 1;
            continue;
        }
        match watches.get_mut(&room) {
            // Of one stay the row that was written last is the newest.
            Some(known) if known.stay.order() > watch.stay.order() => {}
            Some(known) => *known = watch,
            None => {
                watches.insert(room, watch);
            }
        }
    }
    Ok(watches)
}

/// A row as a watch; `None` where it has no room or no stay.
fn watch(row: &Row, rules: &Rules) -> Option<(RoomKey, Watch)> {
    let (room, stay) = archive::stay(row)?;
    let value = |column: usize| row.as_ref(column).unwrap_or(&Value::NULL);
    let text = |column: usize| match value(column) {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    };
    let time = |column: usize| codec::local_time(value(column));
    let mut watch = Watch::new(stay, rules);
    let initial = time(8).zip(text(7).and_then(|kwh| WattHours::parse_kwh(kwh).ok()));
    watch.initial = initial.map(|(time, register)| Reading { time, register });
    watch.fold.sample = watch.initial;
    Some((room, watch))
}
