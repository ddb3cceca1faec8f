//! Adopts the watches of the original program when a hotel moves over.

use std::collections::HashMap;

use mysql::prelude::Queryable;
use mysql::{Conn, Row, TxOpts, Value};

use crate::config;
use crate::engine::{Change, Notice, Received, RoomState, Rules, Said, receive};
use crate::store::{Adopted, LEASE_KEPT_EVERY, Lease, StoreError};
use crate::types::{Kind, LocalTime, Reading, RoomKey, WattHours, Zone};

use super::commit::write_notices;
use super::{MySqlLease, archive, codec, connect, rooms};

/// Makes the newest row of each room in `electricity_monitoring` the room's watch, if the room has
/// none or an older one, as when the original program has worked in between. Readings until an
/// interval before `now` are not judged, because the original program has judged them. Stays that
/// begin more than `max_ahead_seconds` after `now` are left out.
///
/// # Errors
/// [`StoreError::Conflict`] while the service runs on this database, or any other of the
/// connection. Nothing is adopted then.
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
    // From here on an instance that hangs and had the lease before can't write any more, and all it
    // has written is visible to what follows.
    transaction.query_drop("UPDATE service SET epoch = epoch + 1 WHERE id = 1")?;
    let mut newer: Vec<(RoomKey, RoomState)> = Vec::new();
    let mut notices = Vec::new();
    rooms::load(&mut transaction, &mut |room, known| {
        let Some(mut state) = found.remove(&room) else {
            return;
        };
        let said = Said::of(&state.watch.stay);
        // Without readings: the original program has judged them.
        match receive(&room, Some(&known), &said, &[], rules) {
            Received::Newer(transition) => {
                notices.extend(
                    transition
                        .changes
                        .into_iter()
                        .filter_map(|change| match change {
                            Change::Notice(notice) => Some(Notice::Room(notice)),
                            _ => None,
                        }),
                );
                if known.notified_run(&room).is_some() {
                    adopted.unfollowed.push(room.clone());
                }
                state.watches = transition.state.watches;
                state.occupancy = transition.state.occupancy;
                skip_until(&mut state, now, rules);
                newer.push((room, state));
            }
            Received::Corrected(transition) => newer.push((room, transition.state)),
            Received::Noted(_) | Received::Duplicate | Received::Stale | Received::Unwatched => {
                adopted.unchanged += 1
            }
        }
    })?;
    adopted.updated = newer.iter().map(|(room, _)| room.clone()).collect();
    adopted.updated.sort();
    adopted.unfollowed.sort();
    for state in found.values_mut() {
        match state.watch.stay.kind() {
            Kind::Checkin => adopted.occupied += 1,
            Kind::Checkout => adopted.vacant += 1,
        }
        skip_until(state, now, rules);
    }
    let new: Vec<(RoomKey, RoomState)> = found.into_iter().collect();
    // REPLACE needs the right to DELETE, and INSERT does not: a first adoption works without it.
    rooms::write(&mut transaction, "INSERT INTO room_state", &new)?;
    rooms::write(&mut transaction, "REPLACE INTO room_state", &newer)?;
    write_notices(&mut transaction, &notices)?;
    transaction.commit()?;
    Ok(adopted)
}

/// Makes an adopted watch judge only readings later than an interval before `now`.
fn skip_until(state: &mut RoomState, now: LocalTime, rules: &Rules) {
    let seen = now.plus(-rules.interval_seconds);
    let fold = &mut state.watch.fold;
    let sample = fold.sample.map(|sample| sample.time);
    fold.seen = Some(sample.map_or(seen, |sample| sample.max(seen)));
}

/// The state of each room by its newest row.
fn newest(
    conn: &mut Conn,
    adopted: &mut Adopted,
    rules: &Rules,
    latest: LocalTime,
) -> Result<HashMap<RoomKey, RoomState>, StoreError> {
    let mut rooms: HashMap<RoomKey, RoomState> = HashMap::new();
    let rows = conn.query_iter(format!(
        "SELECT {}, CAST(initial_reading AS CHAR), monitoring_start_time \
         FROM electricity_monitoring ORDER BY id",
        archive::STAY
    ))?;
    for row in rows {
        let Some((room, state)) = state(&row?, rules) else {
            adopted.unreadable += 1;
            continue;
        };
        let stay = state.watch.stay;
        if stay.time() > latest {
            // A message with this time would be refused. As a watch it would make all later
            // messages stale.
            adopted.ahead += 1;
            continue;
        }
        match rooms.get_mut(&room) {
            // Among rows with the same stay, the one that was written last is the newest.
            Some(known) if known.watch.stay.order() > stay.order() => {}
            Some(known) => *known = state,
            None => {
                rooms.insert(room, state);
            }
        }
    }
    Ok(rooms)
}

/// The room of a row and its state; `None` if the row has no room or no stay.
fn state(row: &Row, rules: &Rules) -> Option<(RoomKey, RoomState)> {
    let (room, stay) = archive::stay(row)?;
    let value = |column: usize| row.as_ref(column).unwrap_or(&Value::NULL);
    let text = |column: usize| match value(column) {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    };
    let time = |column: usize| codec::local_time(value(column));
    let mut state = RoomState::new(stay, rules);
    let initial = time(8).zip(text(7).and_then(|kwh| WattHours::parse_kwh(kwh).ok()));
    let initial = initial.map(|(time, register)| Reading { time, register });
    state.watch.initial = initial;
    state.watch.fold.sample = initial;
    Some((room, state))
}
