//! Refused messages: each stored once by the service, read and replayed by an operator.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::store::{Plan, RejectedMessage, RejectedMessages, StoreError};
use crate::types::Zone;

use super::{SqliteFile, values};

/// Writes the refused messages of a plan, except redelivered ones that are stored already.
pub(super) fn write(transaction: &Transaction<'_>, plan: &Plan) -> Result<(), StoreError> {
    let mut known = transaction.prepare_cached(
        "SELECT EXISTS (SELECT * FROM rejected_message WHERE digest = ? AND replayed_at IS NULL)",
    )?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO rejected_message (source, reason, body, truncated, digest) \
         VALUES (?, ?, ?, ?, ?)",
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
            rejected.body,
            rejected.truncated,
            rejected.digest.as_slice()
        ])?;
    }
    Ok(())
}

/// The refused messages for commands.
pub struct SqliteRejected(pub(in crate::store) SqliteFile);

const SELECT: &str =
    "SELECT id, created_at, source, reason, body, truncated, replayed_at FROM rejected_message";

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
            let rows = query.query_map((before, limit as i64), |row| message(row, zone))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn get(&mut self, id: u64) -> Result<Option<RejectedMessage>, StoreError> {
        let zone = self.0.zone;
        self.0.with(|conn| {
            let query = format!("{SELECT} WHERE id = ?");
            let row = conn.query_row(&query, (id.cast_signed(),), |row| message(row, zone));
            Ok(row.optional()?)
        })
    }

    fn not_replayed(&mut self) -> Result<Vec<u64>, StoreError> {
        self.0.with(|conn| {
            let mut query = conn.prepare(
                "SELECT id FROM rejected_message WHERE replayed_at IS NULL AND NOT truncated \
                 ORDER BY id",
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

fn message(row: &Row<'_>, zone: Zone) -> rusqlite::Result<RejectedMessage> {
    Ok(RejectedMessage {
        id: values::number(row, 0)?,
        created_at: values::required_moment(row, 1, zone)?,
        source: row.get(2)?,
        reason: row.get(3)?,
        body: row.get(4)?,
        truncated: row.get(5)?,
        replayed_at: values::moment(row, 6, zone)?,
    })
}
