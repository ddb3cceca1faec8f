//! Refused messages: each stored once by the service, read and replayed by an operator.

use std::collections::HashSet;

use rusqlite::{Row, Transaction, params};

use crate::engine::KeptBody;
use crate::store::refused::{kept_of, reduced};
use crate::store::{
    MAX_REDUCED, Plan, RejectedMessage, RejectedMessages, StoreError, WHOLE_BODY_DAYS,
};
use crate::types::Zone;

use super::{SqliteFile, values};

/// Writes the refused messages of a plan, except redelivered ones that are stored already.
pub(super) fn write(transaction: &Transaction<'_>, plan: &Plan) -> Result<(), StoreError> {
    let mut known = transaction.prepare_cached(
        "SELECT EXISTS (SELECT * FROM rejected_message WHERE digest = ? AND replayed_at IS NULL)",
    )?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO rejected_message (source, reason, body, truncated, digest, kept, body_length) \
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )?;
    // What is stored is read before the first insert: two redelivered messages of one plan that
    // were not stored before are both written.
    let mut stored = HashSet::new();
    for rejected in plan.rejected.iter().filter(|rejected| rejected.redelivered) {
        if known.query_row((rejected.digest.as_slice(),), |row| row.get(0))? {
            stored.insert(rejected.digest);
        }
    }
    for rejected in &plan.rejected {
        if !rejected.redelivered {
            stored.insert(rejected.digest);
        } else if stored.contains(&rejected.digest) {
            continue;
        }
        insert.execute(params![
            rejected.source,
            rejected.reason,
            rejected.body.bytes,
            rejected.is_truncated(),
            rejected.digest.as_slice(),
            rejected.body.kept.as_str(),
            rejected.length as i64
        ])?;
    }
    Ok(())
}

/// Reduces old bodies that were stored whole; their number.
pub(super) fn reduce(
    transaction: &Transaction<'_>,
    reduce: &dyn Fn(&[u8]) -> KeptBody,
) -> Result<u64, StoreError> {
    let mut whole = transaction.prepare(
        "SELECT id, body, truncated FROM rejected_message WHERE kept = 'whole' \
         AND created_at < unixepoch() - ? ORDER BY created_at LIMIT ?",
    )?;
    let seconds = i64::from(WHOLE_BODY_DAYS) * 24 * 3_600;
    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let rows = whole.query_map((seconds, MAX_REDUCED.cast_signed()), row)?;
    let rows: Vec<(i64, Vec<u8>, bool)> = rows.collect::<Result<_, _>>()?;
    let mut update = transaction.prepare(
        "UPDATE rejected_message SET kept = ?, body = ?, truncated = FALSE, \
         body_length = coalesce(body_length, ?) WHERE id = ?",
    )?;
    for (id, body, truncated) in &rows {
        let (KeptBody { kept, bytes }, length) = reduced(body, *truncated, reduce);
        let length = length.map(u64::cast_signed);
        update.execute((kept.as_str(), bytes, length, id))?;
    }
    Ok(rows.len() as u64)
}

/// The refused messages for commands.
pub struct SqliteRejected(pub(in crate::store) SqliteFile);

const SELECT: &str = "SELECT id, created_at, source, reason, kept, body, truncated, body_length, \
     replayed_at FROM rejected_message";

impl RejectedMessages for SqliteRejected {
    fn newest(
        &mut self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<RejectedMessage>, StoreError> {
        let zone = self.0.zone;
        self.0.with(|conn| {
            let mut query =
                conn.prepare(&format!("{SELECT} WHERE id < ? ORDER BY id DESC LIMIT ?"))?;
            let before = before.map_or(i64::MAX, u64::cast_signed);
            let rows = query.query_and_then((before, limit as i64), |row| message(row, zone))?;
            rows.collect()
        })
    }

    fn get(&mut self, id: u64) -> Result<Option<RejectedMessage>, StoreError> {
        let zone = self.0.zone;
        self.0.with(|conn| {
            let mut query = conn.prepare(&format!("{SELECT} WHERE id = ?"))?;
            let mut rows = query.query_and_then((id.cast_signed(),), |row| message(row, zone))?;
            rows.next().transpose()
        })
    }

    fn not_replayed(&mut self) -> Result<Vec<u64>, StoreError> {
        self.0.with(|conn| {
            let mut query = conn.prepare(
                "SELECT id FROM rejected_message WHERE replayed_at IS NULL AND NOT truncated \
                 AND kept <> 'nothing' ORDER BY id",
            )?;
            let ids = query.query_map((), |row| values::number(row, 0))?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
    }

    fn mark_replayed(&mut self, id: u64) -> Result<(), StoreError> {
        self.0.with(|conn| {
            conn.execute(
                "UPDATE rejected_message SET replayed_at = unixepoch() WHERE id = ?",
                (id.cast_signed(),),
            )?;
            Ok(())
        })
    }
}

fn message(row: &Row<'_>, zone: Zone) -> Result<RejectedMessage, StoreError> {
    let id = values::number(row, 0)?;
    Ok(RejectedMessage {
        id,
        created_at: values::required_moment(row, 1, zone)?,
        source: row.get(2)?,
        reason: row.get(3)?,
        body: KeptBody {
            kept: kept_of(&row.get::<_, String>(4)?, id)?,
            bytes: row.get(5)?,
        },
        truncated: row.get(6)?,
        length: row.get::<_, Option<i64>>(7)?.map(i64::cast_unsigned),
        replayed_at: values::moment(row, 8, zone)?,
    })
}
