//! The numbered files of `sql/embedded/`, applied once each; SQLite's `user_version` counts them.

use std::path::Path;

use rusqlite::Connection;

use crate::store::StoreError;

use super::connect::{connect, in_file, look};
use super::place;

static MIGRATIONS: [(&str, &str); 3] = [
    (
        "embedded/001_tables.sql",
        include_str!("../../../sql/embedded/001_tables.sql"),
    ),
    (
        "embedded/002_frozen_meters.sql",
        include_str!("../../../sql/embedded/002_frozen_meters.sql"),
    ),
    (
        "embedded/003_room_state_as_json.sql",
        include_str!("../../../sql/embedded/003_room_state_as_json.sql"),
    ),
];

/// Creates the file, or brings its tables up to date; gives the number of files that were
/// `applied`, which is told the name of each.
///
/// Safe to repeat and to run twice at once: it is one transaction.
///
/// # Errors
/// [`StoreError::Newer`] where a newer version of this program has written it, or any other of the
/// file; then nothing has changed.
pub fn init_file(path: &Path, applied: &dyn Fn(&str)) -> Result<usize, StoreError> {
    let init = || {
        let place = place::resolve(path)?;
        place::create(&place)?;
        place::keep_private(&place);
        migrate(&mut connect(&place)?)
    };
    let new = init().map_err(|error| in_file(path, error))?;
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

/// Sees that a file is ours, or may become so; changes nothing. What can pass is left to whoever
/// opens it.
///
/// # Errors
/// [`StoreError::Foreign`] where it is neither.
pub fn verify_file(path: &Path) -> Result<(), StoreError> {
    let recognised = place::resolve(path).and_then(|place| match place.exists() {
        true => look(&place).map(drop),
        false => Ok(()),
    });
    match recognised {
        Err(error @ StoreError::Foreign(_)) => Err(in_file(path, error)),
        _ => Ok(()),
    }
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
