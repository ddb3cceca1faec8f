//! Refused messages: each stored once by the service, read and replayed by an operator.

use std::collections::HashSet;

use mysql::prelude::Queryable;
use mysql::{Conn, Transaction, Value};

use crate::config;
use crate::engine::KeptBody;
use crate::store::refused::{kept_of, reduced};
use crate::store::{
    MAX_REDUCED, Plan, Rejected, RejectedMessage, RejectedMessages, StoreError, WHOLE_BODY_DAYS,
};
use crate::types::Zone;

use super::transaction::insert_by;
use super::{codec, connect};

/// The columns of inserted rows.
pub(super) const COLUMNS: [&str; 7] = [
    "source",
    "reason",
    "body",
    "truncated",
    "digest",
    "kept",
    "body_length",
];

/// Rows a statement. Each holds a whole message of up to 64 KiB.
const LARGE_ROWS: usize = 8;

/// Writes the refused messages of a plan, except redelivered ones that are stored already.
pub(super) fn write(transaction: &mut Transaction, plan: &Plan) -> Result<(), StoreError> {
    let mut known = known(transaction, plan)?;
    let rows = plan
        .rejected
        .iter()
        // The broker marks messages that it may have delivered before. Any other message is a new
        // one, even if its bytes are the same.
        .filter(|rejected| {
            if !rejected.redelivered {
                // When a connection breaks, one plan can have a message and its redelivery.
                known.insert(rejected.digest.to_vec());
                return true;
            }
            !known.contains(rejected.digest.as_slice())
        })
        .map(|rejected| {
            vec![
                rejected.source.as_str().into(),
                codec::reason(&rejected.reason).into(),
                rejected.body.bytes.as_slice().into(),
                rejected.is_truncated().into(),
                rejected.digest.as_slice().into(),
                rejected.body.kept.as_str().into(),
                rejected.length.into(),
            ]
        });
    insert_by(
        LARGE_ROWS,
        transaction,
        "INSERT INTO rejected_message",
        &COLUMNS,
        rows,
    )
}

/// The digests of the redelivered messages that are stored. Replayed ones don't count: a replay is
/// a new message, which is stored anew if it is refused.
fn known(transaction: &mut Transaction, plan: &Plan) -> Result<HashSet<Vec<u8>>, StoreError> {
    let redelivered = plan.rejected.iter().filter(|r| r.redelivered);
    let digests: Vec<Value> = redelivered
        .map(|Rejected { digest, .. }| digest.as_slice().into())
        .collect();
    if digests.is_empty() {
        return Ok(HashSet::new());
    }
    let marks = vec!["?"; digests.len()].join(", ");
    let known: Vec<Vec<u8>> = transaction.exec(
        format!(
            "SELECT DISTINCT digest FROM rejected_message WHERE digest IN ({marks}) \
             AND replayed_at IS NULL"
        ),
        digests,
    )?;
    Ok(known.into_iter().collect())
}

/// Reduces old bodies that were stored whole, by the clock of the server, which has set
/// `created_at`; their number.
pub(super) fn reduce(
    transaction: &mut Transaction,
    reduce: &dyn Fn(&[u8]) -> KeptBody,
) -> Result<u64, StoreError> {
    let whole: Vec<(u64, Vec<u8>, bool)> = transaction.exec(
        "SELECT id, body, truncated FROM rejected_message WHERE kept = 'whole' \
         AND created_at < CURRENT_TIMESTAMP - INTERVAL ? DAY ORDER BY created_at LIMIT ?",
        (WHOLE_BODY_DAYS, MAX_REDUCED),
    )?;
    for (id, body, truncated) in &whole {
        let (KeptBody { kept, bytes }, length) = reduced(body, *truncated, reduce);
        transaction.exec_drop(
            "UPDATE rejected_message SET kept = ?, body = ?, truncated = FALSE, \
             body_length = COALESCE(body_length, ?) WHERE id = ?",
            (kept.as_str(), bytes, length, id),
        )?;
    }
    Ok(whole.len() as u64)
}

/// The refused messages for commands, on a connection of its own.
pub struct MySqlRejected {
    conn: Conn,
}

impl MySqlRejected {
    /// Connects to the server.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    pub fn open(config: &config::MySql, zone: Zone) -> Result<MySqlRejected, StoreError> {
        let conn = connect::connect(&connect::reading(config, zone))?;
        Ok(MySqlRejected { conn })
    }
}

impl RejectedMessages for MySqlRejected {
    fn newest(
        &mut self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<RejectedMessage>, StoreError> {
        let rows: Vec<Columns> = self.conn.exec(
            format!("{SELECT} WHERE id < ? ORDER BY id DESC LIMIT ?"),
            (before.unwrap_or(u64::MAX), limit),
        )?;
        rows.into_iter().map(message).collect()
    }

    fn get(&mut self, id: u64) -> Result<Option<RejectedMessage>, StoreError> {
        let row: Option<Columns> = self
            .conn
            .exec_first(format!("{SELECT} WHERE id = ?"), (id,))?;
        row.map(message).transpose()
    }

    fn not_replayed(&mut self) -> Result<Vec<u64>, StoreError> {
        Ok(self.conn.query(
            "SELECT id FROM rejected_message WHERE replayed_at IS NULL AND NOT truncated \
             AND kept <> 'nothing' ORDER BY id",
        )?)
    }

    fn mark_replayed(&mut self, id: u64) -> Result<(), StoreError> {
        Ok(self.conn.exec_drop(
            "UPDATE rejected_message SET replayed_at = CURRENT_TIMESTAMP WHERE id = ?",
            (id,),
        )?)
    }
}

const SELECT: &str = "SELECT id, created_at, source, reason, kept, body, truncated, body_length, \
     replayed_at FROM rejected_message";

/// A row of [`SELECT`].
type Columns = (
    u64,
    Value,
    String,
    String,
    String,
    Vec<u8>,
    bool,
    Option<u64>,
    Value,
);

fn message(row: Columns) -> Result<RejectedMessage, StoreError> {
    let (id, created_at, source, reason, kept, bytes, truncated, length, replayed_at) = row;
    Ok(RejectedMessage {
        id,
        created_at: codec::required_time(
            &created_at,
            &format!("created_at of rejected_message {id}"),
        )?,
        source,
        reason,
        body: KeptBody {
            kept: kept_of(&kept, id)?,
            bytes,
        },
        truncated,
        length,
        replayed_at: codec::local_time(&replayed_at),
    })
}
