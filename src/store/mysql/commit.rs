//! The transaction that writes a plan, and the one that deletes old rows.

use mysql::prelude::Queryable;
use mysql::{Conn, Transaction, TxOpts, Value};

use crate::engine::baseline::HotelMemory;
use crate::engine::{
    DayEnergy, HotelState, Incident, KeptBody, Notice, NoticeKind, Opening, RoomNotice, Rules, Stay,
};
use crate::faults;
use crate::store::frames;
use crate::store::{
    CommitStatus, MAX_DELETED, NoticeState, Ownership, Plan, Position, Settled, Settlement, Store,
    StoreError, meter_columns, stay,
};
use crate::types::{LocalTime, Reading};

use super::codec::{self, datetime};
use super::transaction::{SAME_ROOM, check_owner, insert, key, same_room};
use super::{MySqlStore, incidents, rejected, rooms, thresholds};

// The columns of inserted rows.
pub(super) const MONITORING: [&str; 9] = [
    "hotel_id",
    "room_number",
    "msg_type",
    "check_in_time",
    "expected_checkout_time",
    "actual_checkin_time",
    "actual_checkout_time",
    "initial_reading",
    "monitoring_start_time",
];
pub(super) const ABNORMAL: [&str; 6] = [
    "hotel_id",
    "room_number",
    "detected_time",
    "total_consumption",
    "continuous_periods",
    "msg_type",
];
pub(super) const NOTIFICATION: [&str; 5] =
    ["hotel_id", "room_number", "detected_time", "kind", "body"];
pub(super) const SILENT_HOTEL: [&str; 3] = ["hotel_id", "since", "kind"];
pub(super) const HOTEL_STATE: [&str; 5] = [
    "hotel_id",
    "rise_time",
    "level_time",
    "energy_day",
    "energy_wh",
];

impl Store for MySqlStore {
    fn commit(&mut self, plan: &Plan) -> Result<(), StoreError> {
        let ownership = self.ownership;
        self.connected(|conn| write(conn, plan, ownership))?;
        self.ownership.seq += 1;
        Ok(())
    }

    fn delete_old(&mut self, keep_days: u32) -> Result<u64, StoreError> {
        let ownership = self.ownership;
        self.connected(|conn| {
            let mut transaction = conn.start_transaction(TxOpts::default())?;
            check_owner(&mut transaction, ownership)?;
            let refused = delete_rows(&mut transaction, "rejected_message WHERE", "id", keep_days)?;
            let settled = "notification WHERE state <> 'pending' AND";
            let settled = delete_rows(&mut transaction, settled, "id", keep_days)?;
            let frames = "hotel_frame WHERE";
            let frames = delete_rows(&mut transaction, frames, "hotel_id", keep_days)?;
            transaction.commit()?;
            Ok(refused + settled + frames)
        })
    }

    fn delete_incidents(&mut self, keep_days: u32) -> Result<u64, StoreError> {
        let ownership = self.ownership;
        self.connected(|conn| {
            let mut transaction = conn.start_transaction(TxOpts::default())?;
            check_owner(&mut transaction, ownership)?;
            let deleted = incidents::delete_old(&mut transaction, keep_days)?;
            transaction.commit()?;
            Ok(deleted)
        })
    }

    fn incident(
        &mut self,
        id: u64,
        request_id: &str,
    ) -> Result<Option<(Incident, bool)>, StoreError> {
        self.connected(|conn| incidents::find(conn, id, request_id))
    }

    fn reduce_old(&mut self, reduce: &dyn Fn(&[u8]) -> KeptBody) -> Result<u64, StoreError> {
        let ownership = self.ownership;
        self.connected(|conn| {
            let mut transaction = conn.start_transaction(TxOpts::default())?;
            check_owner(&mut transaction, ownership)?;
            let reduced = rejected::reduce(&mut transaction, reduce)?;
            transaction.commit()?;
            Ok(reduced)
        })
    }

    fn record_thresholds(&mut self, rules: &Rules, since: LocalTime) -> Result<u64, StoreError> {
        let ownership = self.ownership;
        self.connected(|conn| {
            let mut transaction = conn.start_transaction(TxOpts::default())?;
            check_owner(&mut transaction, ownership)?;
            let recorded = thresholds::record(&mut transaction, rules, since)?;
            transaction.commit()?;
            Ok(recorded)
        })
    }
}

fn write(conn: &mut Conn, plan: &Plan, ownership: Ownership) -> Result<(), StoreError> {
    let mut transaction = conn.start_transaction(TxOpts::default())?;
    match check_owner(&mut transaction, ownership)? {
        CommitStatus::NotWritten => {}
        CommitStatus::Written => return Ok(transaction.rollback()?),
    }
    rooms::write(&mut transaction, "REPLACE INTO room_state", &plan.rooms)?;
    write_watches(&mut transaction, plan)?;
    write_notices(&mut transaction, &plan.notices)?;
    write_meter_troubles(&mut transaction, &plan.notices)?;
    write_hotels(&mut transaction, plan)?;
    write_frames(&mut transaction, plan)?;
    incidents::write(&mut transaction, plan)?;
    settle(&mut transaction, &plan.settled)?;
    rejected::write(&mut transaction, plan)?;
    write_service(&mut transaction, ownership.seq + 1, plan.position)?;
    faults::point("commit::before");
    transaction.commit()?;
    faults::point("commit::after");
    Ok(())
}

fn write_service(
    transaction: &mut Transaction,
    seq: u64,
    position: Option<Position>,
) -> Result<(), StoreError> {
    let mut values: Vec<Value> = vec![seq.into()];
    // An id replaces a time and the other way round: the table is read in another way now.
    let position = match position {
        None => "",
        Some(Position::Id(id)) => {
            values.push(id.into());
            ", meter_id = ?, meter_time = NULL"
        }
        Some(Position::Time(time)) => {
            values.push(datetime(time));
            ", meter_id = NULL, meter_time = ?"
        }
    };
    let update = format!("UPDATE service SET seq = ?{position} WHERE id = 1");
    Ok(transaction.exec_drop(update, values)?)
}

pub(super) fn write_watches(transaction: &mut Transaction, plan: &Plan) -> Result<(), StoreError> {
    let time = |time: Option<LocalTime>| time.map_or(Value::NULL, datetime);
    let columns = |Opening { stay, initial }: &Opening| {
        let mut columns = vec![stay.kind().as_str().into()];
        columns.extend(stay::times(stay).map(time));
        columns.extend(initial_columns(*initial));
        columns
    };
    for (room, was, by) in &plan.rewritten {
        let mut values = columns(by);
        values.extend(same_room(room));
        values.extend([by.stay.time(), was.time()].map(datetime));
        transaction.exec_drop(rewrite_watches(was, by), values)?;
    }
    let rows = { plan.openings.iter() }.map(|(room, opening)| {
        let mut row = key(room);
        row.extend(columns(opening));
        row
    });
    insert(
        transaction,
        "INSERT INTO electricity_monitoring",
        &MONITORING,
        rows,
    )
}

/// The columns of a watch's initial reading: register in kWh, time.
fn initial_columns(initial: Option<Reading>) -> [Value; 2] {
    match initial {
        // NULL if the register does not fit the column; the room is watched all the same.
        Some(reading) => [reading.register.kwh_2().into(), datetime(reading.time)],
        None => [Value::NULL, Value::NULL],
    }
}

/// The statement that rewrites the rows of a room's watches from the stay of `by` up to `was`. The
/// key is also compared byte for byte, because the columns' collation may take `A1` for `a1`.
fn rewrite_watches(was: &Stay, by: &Opening) -> String {
    let [_, _, columns @ ..] = MONITORING;
    let set = columns.map(|column| format!("{column} = ?")).join(", ");
    let between = stay::between(&by.stay, was);
    format!("UPDATE electricity_monitoring SET {set} WHERE {SAME_ROOM} AND {between}")
}

pub(super) fn write_notices(
    transaction: &mut Transaction,
    notices: &[Notice],
) -> Result<(), StoreError> {
    let alerts = notices.iter().filter_map(|notice| match notice {
        Notice::Room(notice) if notice.kind == NoticeKind::Alert => Some(notice),
        Notice::Room(_) | Notice::Meters(_) | Notice::Hotel(_) => None,
    });
    let rows = alerts.map(|notice| {
        let mut row = key(&notice.room);
        row.extend([
            datetime(notice.detected),
            notice.energy.kwh_2().unwrap_or_else(max_kwh).into(),
            notice.periods.into(),
            notice.stay.kind().as_str().into(),
        ]);
        row
    });
    insert(
        transaction,
        "INSERT INTO electricity_abnormal",
        &ABNORMAL,
        rows,
    )?;

    let mut rows = Vec::with_capacity(notices.len());
    for notice in notices {
        let body = serde_json::to_string(notice)
            .map_err(|error| StoreError::Unreadable(error.to_string()))?;
        let room = match notice {
            Notice::Room(notice) => notice.room.room_number.as_str(),
            Notice::Meters(_) | Notice::Hotel(_) => "",
        };
        rows.push(vec![
            notice.hotel_id().as_str().into(),
            room.into(),
            datetime(notice.detected()),
            notice.kind().into(),
            body.into(),
        ]);
    }
    insert(
        transaction,
        "INSERT INTO notification",
        &NOTIFICATION,
        rows.into_iter(),
    )
}

/// Writes or deletes the hotels' meter troubles that the notices change.
fn write_meter_troubles(
    transaction: &mut Transaction,
    notices: &[Notice],
) -> Result<(), StoreError> {
    let of_meters = || {
        notices.iter().filter_map(|notice| match notice {
            Notice::Meters(notice) => Some(notice),
            Notice::Room(_) | Notice::Hotel(_) => None,
        })
    };
    for notice in of_meters().filter(|notice| notice.trouble().is_none()) {
        let hotel = notice.hotel_id.as_str();
        transaction.exec_drop("DELETE FROM silent_hotel WHERE hotel_id = ?", (hotel,))?;
    }
    let rows = of_meters().filter_map(|notice| {
        let (kind, since) = meter_columns(notice.trouble()?);
        let since = since.map_or(Value::NULL, datetime);
        Some(vec![notice.hotel_id.as_str().into(), since, kind.into()])
    });
    insert(
        transaction,
        "REPLACE INTO silent_hotel",
        &SILENT_HOTEL,
        rows,
    )
}

/// Writes what is remembered of hotels beside their rooms.
fn write_hotels(transaction: &mut Transaction, plan: &Plan) -> Result<(), StoreError> {
    let rows = plan.hotels.iter().map(|(hotel, state)| {
        let HotelState {
            memory: HotelMemory { rise, level },
            energy: DayEnergy { day, energy },
        } = *state;
        let [rise, level, since] =
            [rise, level, day].map(|time| time.map_or(Value::NULL, datetime));
        let energy = day.map_or(Value::NULL, |_| energy.0.into());
        vec![hotel.as_str().into(), rise, level, since, energy]
    });
    insert(transaction, "REPLACE INTO hotel_state", &HOTEL_STATE, rows)
}

/// Records frames. What a frame was when it was first looked at stays: after a restart it may be
/// looked at again, when rooms no longer remember all that they had contributed.
fn write_frames(transaction: &mut Transaction, plan: &Plan) -> Result<(), StoreError> {
    let rows = plan.frames.iter().map(|frame| {
        let mut row = vec![
            frame.hotel.as_str().into(),
            datetime(frame.began),
            frame.interval_seconds.into(),
        ];
        row.extend(frames::numbers(frame).map(Value::from));
        row
    });
    insert(
        transaction,
        "INSERT IGNORE INTO hotel_frame",
        &frames::COLUMNS,
        rows,
    )
}

/// The largest DECIMAL(10,2), for an energy that does not fit; no room can use as much.
fn max_kwh() -> String {
    "99999999.99".to_owned()
}

fn settle(transaction: &mut Transaction, settled: &[Settled]) -> Result<(), StoreError> {
    for Settled { id, how } in settled {
        faults::point("mark_sent::before");
        let (state, sent_at, error) = match how {
            Settlement::Sent(_) => (NoticeState::Sent, "CURRENT_TIMESTAMP", None),
            Settlement::Logged => (NoticeState::Logged, "NULL", None),
            Settlement::Expired => (NoticeState::Expired, "NULL", None),
            Settlement::Failed(error) => (NoticeState::Failed, "NULL", Some(codec::reason(error))),
            Settlement::Withdrawn => (NoticeState::Withdrawn, "NULL", None),
            Settlement::Joined(_) => (NoticeState::Joined, "NULL", None),
            Settlement::Muted => (NoticeState::Muted, "NULL", None),
        };
        transaction.exec_drop(
            format!(
                "UPDATE notification SET state = ?, sent_at = {sent_at}, error = ? \
                 WHERE id = ? AND state = 'pending'"
            ),
            (state.as_str(), error, id),
        )?;
        let was_pending = transaction.affected_rows() > 0;
        if !was_pending {
            continue;
        }
        match how {
            Settlement::Sent(Notice::Room(notice)) if notice.kind == NoticeKind::Alert => {
                mark_notified(transaction, notice)?;
            }
            Settlement::Joined(notice) if is_notified(transaction, notice)? => {
                mark_notified(transaction, notice)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Marks the row of an alert: the staff was notified of it.
fn mark_notified(transaction: &mut Transaction, notice: &RoomNotice) -> Result<(), StoreError> {
    let mut values = same_room(&notice.room);
    values.push(datetime(notice.detected));
    values.push(notice.stay.kind().as_str().into());
    // One row: a stay whose time was corrected by seconds may have another one, which has its own
    // notice.
    let statement = format!(
        "UPDATE electricity_abnormal SET is_notified = TRUE \
         WHERE {SAME_ROOM} AND detected_time = ? AND msg_type = ? AND NOT is_notified \
         ORDER BY id LIMIT 1"
    );
    Ok(transaction.exec_drop(statement, values)?)
}

/// Whether the staff was notified of the incident that an alert is part of.
fn is_notified(transaction: &mut Transaction, notice: &RoomNotice) -> Result<bool, StoreError> {
    let mut values = same_room(&notice.room);
    values.extend([notice.incident().since, notice.detected].map(datetime));
    values.push(notice.stay.kind().as_str().into());
    let statement = format!(
        "SELECT 1 FROM electricity_abnormal WHERE {SAME_ROOM} \
         AND detected_time BETWEEN ? AND ? AND msg_type = ? AND is_notified LIMIT 1"
    );
    let row: Option<u8> = transaction.exec_first(statement, values)?;
    Ok(row.is_some())
}

/// Deletes old rows; `rows` is a table and the beginning of a condition. In the order of the index
/// on `created_at`, and by the clock of the server, which has set `created_at`.
fn delete_rows(
    transaction: &mut Transaction,
    rows: &str,
    then_by: &str,
    keep_days: u32,
) -> Result<u64, StoreError> {
    transaction.exec_drop(
        format!(
            "DELETE FROM {rows} created_at < CURRENT_TIMESTAMP - INTERVAL ? DAY \
             ORDER BY created_at, {then_by} LIMIT ?"
        ),
        (keep_days, MAX_DELETED),
    )?;
    Ok(transaction.affected_rows())
}
