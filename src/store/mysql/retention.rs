//! Old rows go: refused messages, and notices that are no longer to be told.

use mysql::prelude::Queryable;
use mysql::{Conn, Transaction, TxOpts};

use crate::store::{MOST_FORGOTTEN, Ownership, StoreError};

use super::transaction::standing;

pub(super) fn forget(
    conn: &mut Conn,
    keep_days: u32,
    ownership: Ownership,
) -> Result<u64, StoreError> {
    let mut transaction = conn.start_transaction(TxOpts::default())?;
    standing(&mut transaction, ownership)?;
    let refused = delete_old(&mut transaction, "rejected_message WHERE", keep_days)?;
    let settled = "notification WHERE state <> 'pending' AND";
    let settled = delete_old(&mut transaction, settled, keep_days)?;
    transaction.commit()?;
    Ok(refused + settled)
}

/// Deletes from `rows`, a table and the beginning of a condition, in the order of its index on
/// `created_at`. By the server's clock, which also set that.
fn delete_old(
    transaction: &mut Transaction,
    rows: &str,
    keep_days: u32,
) -> Result<u64, StoreError> {
    transaction.exec_drop(
        format!(
            "DELETE FROM {rows} created_at < CURRENT_TIMESTAMP - INTERVAL ? DAY \
             ORDER BY created_at, id LIMIT ?"
        ),
        (keep_days, MOST_FORGOTTEN),
    )?;
    Ok(transaction.affected_rows())
}
