//! Asks the server how it would execute a statement (EXPLAIN).

use mysql::prelude::Queryable;
use mysql::{Conn, Params, Row, Value};

/// In the tabular format. The default of newer servers is a tree.
pub(super) const EXPLAIN: &str = "EXPLAIN FORMAT=TRADITIONAL";

/// The error code for a user who may read a view but not the tables behind it.
const HIDDEN: u16 = 1345;

/// The steps of a query, one a row; `None` if the server hides them from this user.
pub(super) fn steps(
    conn: &mut Conn,
    query: &str,
    values: impl Into<Params>,
) -> mysql::Result<Option<Vec<Row>>> {
    match conn.exec(format!("{EXPLAIN} {query}"), values) {
        Ok(steps) => Ok(Some(steps)),
        Err(mysql::Error::MySqlError(error)) if error.code == HIDDEN => Ok(None),
        Err(error) => Err(error),
    }
}

/// How many rows the server expects to read in a step; `None` if it does not say.
pub(super) fn rows(step: &Row) -> Option<u64> {
    match step.get("rows")? {
        Value::Int(rows) => u64::try_from(rows).ok(),
        Value::UInt(rows) => Some(rows),
        // MariaDB may add the share that a second index leaves: `380 (8%)`.
        Value::Bytes(rows) => {
            let rows = std::str::from_utf8(&rows).ok()?;
            rows.split(' ').next()?.parse().ok()
        }
        _ => Some(0),
    }
}
