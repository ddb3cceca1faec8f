//! Parts of the service's transactions.

use mysql::prelude::Queryable;
use mysql::{Transaction, Value};

use crate::store::{CommitStatus, Ownership, StoreError};
use crate::types::RoomKey;

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

/// Inserts rows, and changes these columns of rows that have a key of theirs already.
pub(super) fn insert_or_change(
    transaction: &mut Transaction,
    table: &str,
    columns: &[&str],
    changing: &[&str],
    rows: impl Iterator<Item = Vec<Value>>,
) -> Result<(), StoreError> {
    let set: Vec<String> = changing
        .iter()
        .map(|column| format!("{column} = VALUES({column})"))
        .collect();
    let end = format!("ON DUPLICATE KEY UPDATE {}", set.join(", "));
    insert_chunks(
        ROWS,
        transaction,
        &format!("INSERT INTO {table}"),
        columns,
        &end,
        rows,
    )
}

/// Inserts rows, `rows_a_statement` a statement.
pub(super) fn insert_by(
    rows_a_statement: usize,
    transaction: &mut Transaction,
    into: &str,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<Value>>,
) -> Result<(), StoreError> {
    insert_chunks(rows_a_statement, transaction, into, columns, "", rows)
}

fn insert_chunks(
    rows_a_statement: usize,
    transaction: &mut Transaction,
    into: &str,
    columns: &[&str],
    end: &str,
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
            format!("{into} ({}) VALUES {values} {end}", columns.join(", ")),
            chunk.concat(),
        )?;
    }
}

/// A condition that finds a room's rows by the index and then compares the key byte for byte.
pub(super) const SAME_ROOM: &str = "hotel_id = ? AND room_number = ? \
     AND CAST(hotel_id AS BINARY) = ? AND CAST(room_number AS BINARY) = ?";

/// The values of [`SAME_ROOM`].
pub(super) fn same_room(room: &RoomKey) -> Vec<Value> {
    [key(room), key(room)].concat()
}

/// The columns of a room's key.
pub(super) fn key(room: &RoomKey) -> Vec<Value> {
    vec![
        room.hotel_id.as_str().into(),
        room.room_number.as_str().into(),
    ]
}
