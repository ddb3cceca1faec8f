//! The numbered files of `sql/embedded/`, applied once each; SQLite's `user_version` counts them.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;

use super::link::{connect, in_file};

static MIGRATIONS: [(&str, &str); 1] = [(
    "embedded/001_tables.sql",
    include_str!("../../../sql/embedded/001_tables.sql"),
)];

/// Creates the file, or brings its tables up to date; gives the number of files that were `applied`,
/// which is told the name of each.
///
/// Safe to repeat and to run twice at once: it is one transaction.
///
/// # Errors
/// [`StoreError::Newer`] where a newer version of this program has written it, or any other of the
/// file; then nothing has changed.
pub fn init_file(path: &Path, applied: &dyn Fn(&str)) -> Result<usize, StoreError> {
    let mut conn = connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
    let new = migrate(&mut conn).map_err(|error| in_file(path, error))?;
    for (name, _) in new {
        applied(name);
    }
    Ok(new.len())
}

fn migrate(conn: &mut Connection) -> Result<&'static [(&'static str, &'static str)], StoreError> {
    let transaction = conn.transaction()?;
    let known = version(&transaction)?;
    let new = &MIGRATIONS[known..];
    for (_, statements) in new {
        transaction.execute_batch(statements)?;
    }
    if !new.is_empty() {
        transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    }
    transaction.commit()?;
    Ok(new)
}

/// Whether the tables are those that this program knows.
pub(super) fn check(conn: &Connection) -> Result<(), StoreError> {
    match version(conn)? {
        version if version == MIGRATIONS.len() => Ok(()),
        version => Err(StoreError::File(format!(
            "its layout is {version}, this program wants {}; run `roomwatt init-db`",
            MIGRATIONS.len()
        ))),
    }
}

/// How many migrations the file has seen.
///
/// # Errors
/// Where a newer program has written it.
fn version(conn: &Connection) -> Result<usize, StoreError> {
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match usize::try_from(version) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(StoreError::Newer),
    }
}
