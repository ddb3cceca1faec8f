//! Reads and writes the rows of `room_state`.

use mysql::prelude::Queryable;
use mysql::{Params, Transaction, Value};

use crate::engine::RoomState;
use crate::store::room::{self, Row};
use crate::store::{Scope, StoreError};
use crate::types::{LocalTime, RoomKey};

use super::codec::datetime;
use super::transaction::insert;

/// The columns of `room_state`.
pub(super) const COLUMNS: [&str; 2 + room::COLUMNS.len()] = {
    let mut columns = ["hotel_id"; 2 + room::COLUMNS.len()];
    columns[1] = "room_number";
    let mut at = 0;
    while at < room::COLUMNS.len() {
        columns[2 + at] = room::COLUMNS[at];
        at += 1;
    }
    columns
};

/// The most rows that are in memory at once.
const ROWS: usize = 1_000;

/// Writes rows; `into` is the beginning of an INSERT or, for rooms that may have a row, a REPLACE.
pub(super) fn write(
    transaction: &mut Transaction,
    into: &str,
    rooms: &[(RoomKey, RoomState)],
) -> Result<(), StoreError> {
    for some in rooms.chunks(ROWS) {
        let rows = some.iter().map(|(room, state)| values(room, state));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        insert(transaction, into, &COLUMNS, rows.into_iter())?;
    }
    Ok(())
}

/// The values of a row, in the order of [`COLUMNS`].
fn values(room: &RoomKey, state: &RoomState) -> Result<Vec<Value>, StoreError> {
    let Row {
        msg_type,
        stay_time,
        seen_time,
        run,
        state,
    } = Row::of(state)?;
    let time = |time: Option<LocalTime>| time.map_or(Value::NULL, datetime);
    Ok(vec![
        room.hotel_id.as_str().into(),
        room.room_number.as_str().into(),
        msg_type.into(),
        datetime(stay_time),
        time(seen_time),
        time(run.map(|run| run.since)),
        run.map_or(Value::NULL, |run| run.periods.into()),
        run.map_or(Value::NULL, |run| run.energy.0.into()),
        run.map_or(Value::NULL, |run| run.notified_at_periods.into()),
        room::VERSION.into(),
        state.into(),
    ])
}

/// Passes the states of some rooms to `take`.
pub(super) fn load(
    conn: &mut impl Queryable,
    of: Scope<'_>,
    take: &mut dyn FnMut(RoomKey, RoomState),
) -> Result<(), StoreError> {
    let mut query = "SELECT hotel_id, room_number, version, state FROM room_state".to_owned();
    let key = match of {
        Scope::All => Params::Empty,
        Scope::Hotel(hotel) => {
            query.push_str(" WHERE hotel_id = ?");
            Params::from((hotel.as_str(),))
        }
        Scope::Room(room) => {
            query.push_str(" WHERE hotel_id = ? AND room_number = ?");
            Params::from((room.hotel_id.as_str(), room.room_number.as_str()))
        }
    };
    for row in conn.exec_iter(query, key)? {
        let (hotel, number, version, state): (String, String, i64, String) =
            mysql::from_row_opt(row?).map_err(mysql::Error::from)?;
        let room = RoomKey::new(&hotel, &number);
        let state = room::read(&room, version, &state)?;
        take(room, state);
    }
    Ok(())
}
