//! The day of moving over: the watches that the original program has left.

use std::collections::HashMap;

use mysql::prelude::Queryable;
use mysql::{Conn, Row, TxOpts, Value};

use crate::config;
use crate::engine::{Arrival, Change, Event, Notice, Rules, Watch, receive};
use crate::store::{Adopted, LEASE_KEPT_EVERY, Lease, StoreError};
use crate::types::{Kind, LocalTime, Reading, RoomKey, WattHours, Zone};

use super::commit::write_notices;
use super::transaction::insert_by;
use super::{MySqlLease, archive, codec, connect, load_rooms};

/// Rows a statement.
const ROWS: usize = 200;

/// Makes the newest row of each room in `electricity_monitoring` its watch: of a room without one,
/// and of one whose watch is older, as the original program leaves it when it has worked in
/// between. What the meters said until an interval before `now` is not judged: the original program
/// has done that. Stays that begin more than `max_ahead_seconds` after `now` are left out.
///
/// # Errors
/// [`StoreError::Conflict`] while the service runs on this database, or any other of the
/// connection; nothing is adopted then.
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
    let mut conn = connect::connect(&connect::reading(config, zone))?;
    let mut adopted = Adopted::default();
    let latest = now.plus(max_ahead_seconds);
    let mut found = newest(&mut conn, &mut adopted, rules, latest)?;
    let mut transaction = conn.start_transaction(TxOpts::default())?;
    // An instance that hangs since it had the lease writes nothing any more, and what it has
    // written is seen by what is read from here on.
    transaction.query_drop("UPDATE service SET epoch = epoch + 1 WHERE id = 1")?;
    let mut newer: Vec<(RoomKey, Watch)> = Vec::new();
    let mut notices = Vec::new();
    load_rooms(&mut transaction, &mut |room, known| {
        let Some(mut watch) = found.remove(&room) else {
            return;
        };
        let event = Event {
            room,
            stay: watch.stay,
        };
        // No readings: the original program has judged them.
        match receive(Some(&known), &event, &[], rules) {
            Arrival::Newer(transition) => {
                notices.extend(
                    transition
                        .changes
                        .into_iter()
                        .filter_map(|change| match change {
                            Change::Notice(notice) => Some(Notice::Room(notice)),
                            _ => None,
                        }),
                );
                if known.fold.run.is_some_and(|run| run.told > 0) {
                    adopted.unfollowed.push(event.room.clone());
                }
                watch.number = transition.watch.number;
                skip_until(&mut watch, now, rules);
                newer.push((event.room, watch));
            }
            Arrival::Expected(transition) => newer.push((event.room, transition.watch)),
            Arrival::Duplicate | Arrival::Stale => adopted.unchanged += 1,
        }
    })?;
    adopted.updated = newer.iter().map(|(room, _)| room.clone()).collect();
    adopted.updated.sort();
    adopted.unfollowed.sort();
    for watch in found.values_mut() {
        match watch.stay.kind() {
            Kind::Checkin => adopted.occupied += 1,
            Kind::Checkout => adopted.vacant += 1,
        }
        skip_until(watch, now, rules);
    }
    let new: Vec<(RoomKey, Watch)> = found.into_iter().collect();
    // REPLACE takes the right to DELETE, which the first adoption does without.
    for (into, watches) in [
        ("INSERT INTO room_state", new),
        ("REPLACE INTO room_state", newer),
    ] {
        let rows = watches
            .iter()
            .map(|(room, watch)| codec::encode(room, watch));
        insert_by(ROWS, &mut transaction, into, &codec::COLUMNS, rows)?;
    }
    write_notices(&mut transaction, &notices)?;
    transaction.commit()?;
    Ok(adopted)
}

/// Has an adopted watch begin to judge an interval before `now`.
fn skip_until(watch: &mut Watch, now: LocalTime, rules: &Rules) {
    let seen = now.plus(-rules.interval_seconds);
    let sample = watch.fold.sample.map(|sample| sample.time);
    watch.fold.seen = Some(sample.map_or(seen, |sample| sample.max(seen)));
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
