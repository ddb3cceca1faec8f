//! Adopts the watches of the original program when a hotel moves over.

use std::collections::HashMap;

use mysql::prelude::Queryable;
use mysql::{Row, Transaction, TxOpts, Value};

use crate::config;
use crate::engine::{Change, Notice, Opening, Received, RoomState, Rules, Said, Stay, receive};
use crate::store::{Adopted, LEASE_KEPT_EVERY, Lease, Plan, Scope, StoreError};
use crate::types::{Kind, LocalTime, Reading, RoomKey, WattHours, Zone};

use super::commit::{write_notices, write_watches};
use super::{MySqlLease, archive, codec, connect, rooms};

/// Takes over what the original program has written to `electricity_monitoring`. A room without a
/// watch gets the one of its newest row. In a room that has one, as when the original program has
/// worked in between, the rows that are not older than it are taken like messages: what follows
/// from them and from all that was known is its watch, and its last row says so. Readings until an
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
    let mut transaction = conn.start_transaction(TxOpts::default())?;
    // From here on an instance that hangs and had the lease before can't write any more, and all it
    // has written is visible to what follows.
    transaction.query_drop("UPDATE service SET epoch = epoch + 1 WHERE id = 1")?;
    let mut watched = HashMap::new();
    rooms::load(&mut transaction, Scope::All, &mut |room, state| {
        watched.insert(room, state.watch.stay);
    })?;
    let latest = now.plus(max_ahead_seconds);
    let mut found = rows(&mut transaction, &mut adopted, &watched, latest)?;
    let mut plan = Plan::default();
    rooms::load(&mut transaction, Scope::All, &mut |room, known| {
        if let Some(rows) = found.remove(&room) {
            take_over(&room, &known, &rows, now, rules, &mut plan, &mut adopted);
        }
    })?;
    adopted.updated = plan.rooms.iter().map(|(room, _)| room.clone()).collect();
    adopted.updated.sort();
    adopted.unfollowed.sort();
    let newest = found.into_iter().filter_map(|(room, rows)| {
        let row = rows.last()?;
        let mut state = RoomState::new(row.stay, rules);
        begin_with(&mut state, row.initial, now, rules);
        Some((room, state))
    });
    let new: Vec<(RoomKey, RoomState)> = newest.collect();
    for (_, state) in &new {
        match state.watch.stay.kind() {
            Kind::Checkin => adopted.occupied += 1,
            Kind::Checkout => adopted.vacant += 1,
        }
    }
    // REPLACE needs the right to DELETE, and INSERT does not: a first adoption works without it,
    // and without the right to change a row.
    rooms::write(&mut transaction, "INSERT INTO room_state", &new)?;
    rooms::write(&mut transaction, "REPLACE INTO room_state", &plan.rooms)?;
    write_watches(&mut transaction, &plan)?;
    write_notices(&mut transaction, &plan.notices)?;
    transaction.commit()?;
    Ok(adopted)
}

/// Takes the rows of a watched room that are not older than its watch, in their order, as if each
/// were a message.
fn take_over(
    room: &RoomKey,
    known: &RoomState,
    rows: &[Opening],
    now: LocalTime,
    rules: &Rules,
    plan: &mut Plan,
    adopted: &mut Adopted,
) {
    let mut state = known.clone();
    // What the service has written of its watch itself it knows better: with ids, and other guests.
    for row in rows.iter().filter(|row| row.stay != known.watch.stay) {
        // Without readings: the original program has judged them.
        match receive(room, Some(&state), &Said::of(&row.stay), &[], rules) {
            Received::Newer(transition)
            | Received::Corrected(transition)
            | Received::Noted(transition) => {
                let notices = transition.changes.into_iter();
                plan.notices
                    .extend(notices.filter_map(|change| match change {
                        Change::Notice(notice) => Some(Notice::Room(notice)),
                        Change::Opened(_) | Change::Rewritten(_) => None,
                    }));
                state = transition.state;
            }
            Received::Duplicate | Received::Stale | Received::Unwatched => {}
        }
    }
    let stay = state.watch.stay;
    if state.watch_key() != known.watch_key() {
        if known.notified_run(room).is_some() {
            adopted.unfollowed.push(room.clone());
        }
        let mut of_stay = rows.iter().filter(|row| row.stay.order() == stay.order());
        let initial = of_stay.next_back().and_then(|row| row.initial);
        begin_with(&mut state, initial, now, rules);
    }
    // The rows are there already; who reads the past is to find the watch as the last.
    let opening = Opening {
        stay,
        initial: state.watch.initial,
    };
    let says_otherwise = |row: &Opening| row.stay.order() >= stay.order() && row.stay != stay;
    match rows.last() {
        Some(last) if last.stay.order() < stay.order() => {
            plan.openings.push((room.clone(), opening));
        }
        Some(last) if rows.iter().any(says_otherwise) => {
            plan.rewritten.push((room.clone(), last.stay, opening));
        }
        _ => {}
    }
    match state == *known {
        true => adopted.unchanged += 1,
        false => plan.rooms.push((room.clone(), state)),
    }
}

/// Makes an adopted watch judge only readings later than an interval before `now`, from the reading
/// on with which the original program began.
fn begin_with(state: &mut RoomState, initial: Option<Reading>, now: LocalTime, rules: &Rules) {
    let watch = &mut state.watch;
    watch.initial = initial;
    watch.fold.sample = initial;
    let seen = now.plus(-rules.interval_seconds);
    watch.fold.seen = Some(initial.map_or(seen, |initial| initial.time.max(seen)));
}

/// The rows of each room in the order of their stays, those of one stay as they were written: of a
/// room that is not watched the newest, else all that are not older than its watch.
fn rows(
    transaction: &mut Transaction,
    adopted: &mut Adopted,
    watched: &HashMap<RoomKey, Stay>,
    latest: LocalTime,
) -> Result<HashMap<RoomKey, Vec<Opening>>, StoreError> {
    let mut rooms: HashMap<RoomKey, Vec<Opening>> = HashMap::new();
    let rows = transaction.query_iter(format!(
        "SELECT {}, CAST(initial_reading AS CHAR), monitoring_start_time \
         FROM electricity_monitoring ORDER BY id",
        archive::STAY
    ))?;
    for row in rows {
        let Some((room, row)) = opening(&row?) else {
            adopted.unreadable += 1;
            continue;
        };
        let order = row.stay.order();
        if row.stay.time() > latest {
            // A message with this time would be refused. As a watch it would make all later
            // messages stale.
            adopted.ahead += 1;
            continue;
        }
        let watched = watched.get(&room).map(Stay::order);
        let of_room = rooms.entry(room).or_default();
        let last = of_room.last().map(|last| last.stay.order());
        match watched {
            Some(watched) if order < watched => {}
            Some(_) => of_room.push(row),
            None if last.is_some_and(|last| order < last) => {}
            // Among rows with the same stay, the one that was written last is the newest.
            None => *of_room = vec![row],
        }
    }
    for rows in rooms.values_mut() {
        rows.sort_by_key(|row| row.stay.order());
    }
    Ok(rooms)
}

/// The room of a row, its stay, and the reading with which the original program began to judge;
/// `None` if the row has no room or no stay.
fn opening(row: &Row) -> Option<(RoomKey, Opening)> {
    let (room, stay) = archive::stay(row)?;
    let value = |column: usize| row.as_ref(column).unwrap_or(&Value::NULL);
    let text = |column: usize| match value(column) {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    };
    let time = |column: usize| codec::local_time(value(column));
    let initial = time(8).zip(text(7).and_then(|kwh| WattHours::parse_kwh(kwh).ok()));
    let initial = initial.map(|(time, register)| Reading { time, register });
    Some((room, Opening { stay, initial }))
}
