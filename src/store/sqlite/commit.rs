//! The transaction that writes a plan, and the one that deletes old rows.

use rusqlite::{Connection, Transaction, params};

use crate::engine::baseline::HotelMemory;
use crate::engine::{
    DayEnergy, HotelState, Incident, KeptBody, Notice, NoticeKind, Opening, Rules, Stay,
};
use crate::faults;
use crate::store::frames;
use crate::store::room::{self, Row};
use crate::store::{
    CommitStatus, MAX_DELETED, NoticeState, Ownership, Plan, Position, Settled, Settlement, Store,
    StoreError, meter_columns, stay,
};
use crate::types::{LocalTime, RoomKey};

use super::{SqliteStore, incidents, rejected, thresholds, values};

impl Store for SqliteStore {
    fn commit(&mut self, plan: &Plan) -> Result<(), StoreError> {
        let ownership = self.ownership;
        self.connected(|conn| write(conn, plan, ownership))?;
        self.ownership.seq += 1;
        Ok(())
    }

    fn delete_old(&mut self, keep_days: u32) -> Result<u64, StoreError> {
        let ownership = self.ownership;
        self.connected(|conn| {
            let transaction = conn.transaction()?;
            check_owner(&transaction, ownership)?;
            let mut deleted = 0;
            for (table, condition) in [
                ("rejected_message", ""),
                ("notification", "state <> 'pending' AND "),
                ("hotel_frame", ""),
            ] {
                let delete = format!(
                    "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} \
                     WHERE {condition}created_at < unixepoch() - ? \
                     ORDER BY created_at, rowid LIMIT ?)"
                );
                let seconds = i64::from(keep_days) * 24 * 3_600;
                let most = MAX_DELETED.cast_signed();
                deleted += transaction.execute(&delete, (seconds, most))? as u64;
            }
            transaction.commit()?;
            Ok(deleted)
        })
    }

    fn delete_incidents(&mut self, keep_days: u32) -> Result<u64, StoreError> {
        let ownership = self.ownership;
        self.connected(|conn| {
            let transaction = conn.transaction()?;
            check_owner(&transaction, ownership)?;
            let deleted = incidents::delete_old(&transaction, keep_days)?;
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
            let transaction = conn.transaction()?;
            check_owner(&transaction, ownership)?;
            let reduced = rejected::reduce(&transaction, reduce)?;
            transaction.commit()?;
            Ok(reduced)
        })
    }

    fn record_thresholds(&mut self, rules: &Rules, since: LocalTime) -> Result<u64, StoreError> {
        let ownership = self.ownership;
        self.connected(|conn| {
            let transaction = conn.transaction()?;
            check_owner(&transaction, ownership)?;
            let recorded = thresholds::record(&transaction, rules, since)?;
            transaction.commit()?;
            Ok(recorded)
        })
    }
}

fn write(conn: &mut Connection, plan: &Plan, ownership: Ownership) -> Result<(), StoreError> {
    let transaction = conn.transaction()?;
    match check_owner(&transaction, ownership)? {
        CommitStatus::NotWritten => {}
        CommitStatus::Written => return Ok(transaction.rollback()?),
    }
    write_rooms(&transaction, plan)?;
    write_watches(&transaction, plan)?;
    write_notices(&transaction, &plan.notices)?;
    write_meter_troubles(&transaction, &plan.notices)?;
    write_hotels(&transaction, plan)?;
    write_frames(&transaction, plan)?;
    incidents::write(&transaction, plan)?;
    settle(&transaction, &plan.settled)?;
    rejected::write(&transaction, plan)?;
    let seq = ownership.seq + 1;
    match plan.position {
        Some(Position::Id(id)) => transaction
            .prepare_cached("UPDATE service SET seq = ?, meter_id = ?")?
            .execute((seq.cast_signed(), id.cast_signed()))?,
        // Never a time: the embedded meter table has ids.
        Some(Position::Time(_)) | None => transaction
            .prepare_cached("UPDATE service SET seq = ?")?
            .execute((seq.cast_signed(),))?,
    };
    faults::point("commit::before");
    transaction.commit()?;
    faults::point("commit::after");
    Ok(())
}

/// The first step of a transaction, which has the write lock: checks that this instance owns the
/// state.
fn check_owner(
    transaction: &Transaction<'_>,
    ownership: Ownership,
) -> Result<CommitStatus, StoreError> {
    let (epoch, seq) = transaction
        .prepare_cached("SELECT epoch, seq FROM service")?
        .query_row((), |row| {
            Ok((values::number(row, 0)?, values::number(row, 1)?))
        })?;
    ownership.commit_status(epoch, seq)
}

fn write_rooms(transaction: &Transaction<'_>, plan: &Plan) -> Result<(), StoreError> {
    let columns = room::COLUMNS.join(", ");
    let mut replace = transaction.prepare_cached(&format!(
        "REPLACE INTO room_state (hotel_id, room_number, {columns}) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    ))?;
    for (room, state) in &plan.rooms {
        let (hotel, number) = key(room);
        let row = Row::of(state)?;
        replace.execute(params![
            hotel,
            number,
            row.msg_type,
            row.stay_time,
            row.seen_time,
            row.run.map(|run| run.since),
            row.run.map(|run| run.periods),
            row.run.map(|run| run.energy),
            row.run.map(|run| run.notified_at_periods),
            room::VERSION,
            row.state,
        ])?;
    }
    Ok(())
}

fn write_watches(transaction: &Transaction<'_>, plan: &Plan) -> Result<(), StoreError> {
    for (room, was, by) in &plan.rewritten {
        let Opening { stay, initial } = by;
        let [check_in, expected, checkin, checkout] = stay::times(stay);
        let (hotel, number) = key(room);
        let update = rewrite_watches(was, by);
        transaction.prepare_cached(&update)?.execute(params![
            stay.kind().as_str(),
            check_in,
            expected,
            checkin,
            checkout,
            initial.map(|reading| reading.register),
            initial.map(|reading| reading.time),
            hotel,
            number,
            stay.time(),
            was.time(),
        ])?;
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO electricity_monitoring (hotel_id, room_number, msg_type, check_in_time, \
         expected_checkout_time, actual_checkin_time, actual_checkout_time, initial_wh, \
         monitoring_start_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    for (room, Opening { stay, initial }) in &plan.openings {
        let [check_in, expected, checkin, checkout] = stay::times(stay);
        let (hotel, number) = key(room);
        insert.execute(params![
            hotel,
            number,
            stay.kind().as_str(),
            check_in,
            expected,
            checkin,
            checkout,
            initial.map(|reading| reading.register),
            initial.map(|reading| reading.time),
        ])?;
    }
    Ok(())
}

/// The statement that rewrites the rows of a room's watches from the stay of `by` up to `was`.
fn rewrite_watches(was: &Stay, by: &Opening) -> String {
    let between = stay::between(&by.stay, was);
    format!(
        "UPDATE electricity_monitoring SET msg_type = ?, check_in_time = ?, \
         expected_checkout_time = ?, actual_checkin_time = ?, actual_checkout_time = ?, \
         initial_wh = ?, monitoring_start_time = ? \
         WHERE hotel_id = ? AND room_number = ? AND {between}"
    )
}

fn write_notices(transaction: &Transaction<'_>, notices: &[Notice]) -> Result<(), StoreError> {
    let mut alert = transaction.prepare_cached(
        "INSERT INTO electricity_abnormal (hotel_id, room_number, detected_time, total_wh, \
         continuous_periods, msg_type) VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO notification (hotel_id, room_number, detected_time, kind, body) \
         VALUES (?, ?, ?, ?, ?)",
    )?;
    for notice in notices {
        let room = match notice {
            Notice::Room(notice) => notice.room.room_number.as_str(),
            Notice::Meters(_) | Notice::Hotel(_) => "",
        };
        let hotel = notice.hotel_id().as_str();
        if let Notice::Room(notice) = notice
            && notice.kind == NoticeKind::Alert
        {
            alert.execute(params![
                hotel,
                room,
                notice.detected,
                notice.energy,
                notice.periods,
                notice.stay.kind().as_str(),
            ])?;
        }
        let (detected, kind) = (notice.detected(), notice.kind());
        insert.execute(params![hotel, room, detected, kind, json(notice)?])?;
    }
    Ok(())
}

/// Writes or deletes the hotels' meter troubles that the notices change.
fn write_meter_troubles(
    transaction: &Transaction<'_>,
    notices: &[Notice],
) -> Result<(), StoreError> {
    for notice in notices {
        let Notice::Meters(notice) = notice else {
            continue;
        };
        let hotel = notice.hotel_id.as_str();
        match notice.trouble().map(meter_columns) {
            Some((kind, since)) => transaction
                .prepare_cached(
                    "REPLACE INTO silent_hotel (hotel_id, since, kind) VALUES (?, ?, ?)",
                )?
                .execute(params![hotel, since, kind])?,
            None => transaction
                .prepare_cached("DELETE FROM silent_hotel WHERE hotel_id = ?")?
                .execute((hotel,))?,
        };
    }
    Ok(())
}

/// Writes what is remembered of hotels beside their rooms.
fn write_hotels(transaction: &Transaction<'_>, plan: &Plan) -> Result<(), StoreError> {
    let mut replace = transaction.prepare_cached(
        "REPLACE INTO hotel_state (hotel_id, rise_time, level_time, energy_day, energy_wh) \
         VALUES (?, ?, ?, ?, ?)",
    )?;
    for (hotel, state) in &plan.hotels {
        let HotelState {
            memory: HotelMemory { rise, level },
            energy: DayEnergy { day, energy },
        } = *state;
        let energy = day.map(|_| energy);
        replace.execute(params![hotel.as_str(), rise, level, day, energy])?;
    }
    Ok(())
}

/// Records frames. What a frame was when it was first looked at stays: after a restart it may be
/// looked at again, when rooms no longer remember all that they had contributed.
fn write_frames(transaction: &Transaction<'_>, plan: &Plan) -> Result<(), StoreError> {
    let columns = frames::COLUMNS.join(", ");
    let mut insert = transaction.prepare_cached(&format!(
        "INSERT OR IGNORE INTO hotel_frame ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    ))?;
    for frame in &plan.frames {
        let [vacant, common, low, high, is_hot, base, level, allowance] = frames::numbers(frame);
        insert.execute(params![
            frame.hotel.as_str(),
            frame.began,
            frame.interval_seconds,
            vacant,
            common,
            low,
            high,
            is_hot,
            base,
            level,
            allowance,
        ])?;
    }
    Ok(())
}

fn settle(transaction: &Transaction<'_>, settled: &[Settled]) -> Result<(), StoreError> {
    let mut update = transaction.prepare_cached(
        "UPDATE notification SET state = ?1, sent_at = iif(?1 = 'sent', unixepoch(), NULL), \
         error = ?2 WHERE id = ?3 AND state = 'pending'",
    )?;
    // One row: a stay whose time was corrected by seconds may have another one, which has its own
    // notice.
    let mut notified = transaction.prepare_cached(
        "UPDATE electricity_abnormal SET is_notified = 1 WHERE id = (SELECT id \
         FROM electricity_abnormal WHERE hotel_id = ? AND room_number = ? AND detected_time = ? \
         AND msg_type = ? AND NOT is_notified ORDER BY id LIMIT 1)",
    )?;
    // Whether the staff was notified of the incident that an alert is part of.
    let mut known = transaction.prepare_cached(
        "SELECT 1 FROM electricity_abnormal WHERE hotel_id = ? AND room_number = ? \
         AND detected_time BETWEEN ? AND ? AND msg_type = ? AND is_notified",
    )?;
    for Settled { id, how } in settled {
        faults::point("mark_sent::before");
        let (state, error) = match how {
            Settlement::Sent(_) => (NoticeState::Sent, None),
            Settlement::Logged => (NoticeState::Logged, None),
            Settlement::Expired => (NoticeState::Expired, None),
            Settlement::Failed(error) => (NoticeState::Failed, Some(error)),
            Settlement::Withdrawn => (NoticeState::Withdrawn, None),
            Settlement::Joined(_) => (NoticeState::Joined, None),
            Settlement::Muted => (NoticeState::Muted, None),
        };
        let changed = update.execute(params![state.as_str(), error, id.cast_signed()])?;
        let notice = match how {
            Settlement::Sent(Notice::Room(notice)) if notice.kind == NoticeKind::Alert => notice,
            Settlement::Joined(notice) => notice,
            _ => continue,
        };
        let (hotel, number) = key(&notice.room);
        let (kind, detected) = (notice.stay.kind().as_str(), notice.detected);
        let is_known = match how {
            Settlement::Joined(notice) => {
                let since = notice.incident().since;
                known.exists(params![hotel, number, since, detected, kind])?
            }
            _ => true,
        };
        if changed > 0 && is_known {
            notified.execute(params![hotel, number, detected, kind])?;
        }
    }
    Ok(())
}

fn key(room: &RoomKey) -> (&str, &str) {
    (room.hotel_id.as_str(), room.room_number.as_str())
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unreadable(error.to_string()))
}
