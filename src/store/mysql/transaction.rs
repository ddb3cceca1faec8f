//! Parts of the service's transactions.

use mysql::prelude::Queryable;
use mysql::{Transaction, Value};

use crate::store::{CommitStatus, Ownership, StoreError};

/// Rows a statement: far below every limit of packets and placeholders, yet few round trips.
const ROWS: usize = 200;

/// The first step of a transaction: locks the service row and checks that this instance owns the
/// state.
pub(super) fn check_owner(
    transaction: &mut Transaction,
    ownership: Ownership,
) -> Result<CommitStatus, StoreError> {
    let row: Option<(u64, u64)> =
        transaction.query_first("SELECT epoch, seq FROM service WHERE id = 1 FOR UPDATE")?;
    let (epoch, seq) =
        row.ok_or_else(|| StoreError::NotSetUp("table service is empty".to_owned()))?;
    ownership.commit_status(epoch, seq)
}

/// Inserts rows, [`ROWS`] a statement.
pub(super) fn insert(
    transaction: &mut Transaction,
    into: &str,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<Value>>,
) -> Result<(), StoreError> {
    insert_by(ROWS, transaction, into, columns, rows)
}

/// Inserts rows, `rows_a_statement` a statement.
pub(super) fn insert_by(
    rows_a_statement: usize,
    transaction: &mut Transaction,
    into: &str,
    columns: &[&str],
    mut rows: impl Iterator<Item = Vec<Value>>,
) -> Result<(), StoreError> {
    let row = format!("({})", vec!["?"; columns.len()].join(", "));
    loop {
        let chunk: Vec<Vec<Value>> = rows.by_ref().take(rows_a_statement).collect();
        if chunk.is_empty() {
            return Ok(());
        }
        let values = vec![row.as_str(); chunk.len()].join(", ");
        transaction.exec_drop(
            format!("{into} ({}) VALUES {values}", columns.join(", ")),
            chunk.concat(),
        )?;
    }
}
