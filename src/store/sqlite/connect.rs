//! Connections to the file, and what its errors mean.

use std::path::Path;
use std::time::Duration;

use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::store::StoreError;

/// How long another writer is waited for.
const BUSY: Duration = Duration::from_secs(10);

/// What the log of writes may keep of the disk once it has been copied into the file. While
/// somebody reads for long it grows beyond that. Bytes.
const LOG_KEPT: i64 = 16 * 1024 * 1024;

/// Statements kept prepared a connection: more than there are.
const STATEMENTS: usize = 64;

/// A connection to a file that is there, by its own path (as `place::resolve` gives it).
///
/// # Errors
/// [`StoreError::Foreign`] where it is none of ours, and then nothing of it has changed; or any
/// other of the file.
pub(super) fn connect(place: &Path) -> Result<Connection, StoreError> {
    let mut conn = look(place)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "journal_size_limit", LOG_KEPT)?;
    // One that begins as a reader could not wait for its turn to write.
    conn.set_transaction_behavior(TransactionBehavior::Immediate);
    Ok(conn)
}

/// A connection to a file that is ours or empty; nothing that is in it changes by that.
///
/// # Errors
/// Those of [`connect`].
pub(super) fn look(place: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(place, flags)?;
    conn.busy_timeout(BUSY)?;
    recognise(&conn)?;
    Ok(conn)
}

/// Whether a database is ours, or empty: an application of its own has tables of its own.
///
/// # Errors
/// [`StoreError::Foreign`] where it is another's.
fn recognise(conn: &Connection) -> Result<(), StoreError> {
    /// Of ours from the first version on.
    const OURS: [&str; 3] = ["service", "room_state", "notification"];
    let mut query =
        conn.prepare("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")?;
    let names = query.query_map((), |row| row.get(0))?;
    let names: Vec<String> = names.collect::<Result<_, _>>()?;
    let has = |name: &&str| names.iter().any(|known| known == name);
    if names.is_empty() || OURS.iter().all(has) {
        return Ok(());
    }
    let some: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
    Err(StoreError::Foreign(format!(
        "it is another program's database (it has {}), and is left as it is; have embedded.path \
         name another file",
        some.join(", ")
    )))
}

/// An error of the file itself says which one it is.
pub(super) fn in_file(path: &Path, error: StoreError) -> StoreError {
    let path = path.display();
    match error {
        StoreError::File(why) => StoreError::File(format!("embedded database {path}: {why}")),
        StoreError::Full(why) => StoreError::Full(format!("{path}: {why}")),
        StoreError::Foreign(why) => StoreError::Foreign(format!("embedded database {path}: {why}")),
        StoreError::Refused(why) => StoreError::Refused(format!("{path}: {why}")),
        StoreError::Conflict(why) => StoreError::Conflict(format!("{path}: {why}")),
        other => other,
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        let text = error.to_string();
        let file = |what: &str| StoreError::File(what.to_owned());
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Conflict(text),
            Some(ErrorCode::CannotOpen) => file(
                "it can't be opened; its folder has to be there, and this user needs the right to \
                 read and write both",
            ),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => file(
                "it can't be written; this user needs the right to write it, its folder, and the \
                 files beside it that end with -wal and -shm",
            ),
            Some(ErrorCode::NotADatabase) => StoreError::Foreign(
                "it is no SQLite database; have embedded.path name another file, or put a backup \
                 in its place"
                    .to_owned(),
            ),
            Some(ErrorCode::DatabaseCorrupt) => {
                file("it is damaged; stop the service and put a backup in its place")
            }
            Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => {
                StoreError::Unstorable(text)
            }
            // Somebody can mend it while this waits.
            Some(ErrorCode::DiskFull) => StoreError::Full(text),
            Some(ErrorCode::SystemIoFailure) if has_no_room(&error) => StoreError::Full(
                "the file beside it that ends with -shm can't be made or grow".to_owned(),
            ),
            Some(_) => StoreError::Refused(text),
            // Of a row that this program did not write.
            None => StoreError::Unreadable(text),
        }
    }
}

/// Whether it is the file beside it that connections share which can't have its size: of a disk
/// without room SQLite says so in other words there.
fn has_no_room(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(SQLITE_IOERR_SHMSIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_can_not_grow_is_full() {
        let conn = Connection::open_in_memory().expect("a database");
        let setup = "CREATE TABLE t (x BLOB); PRAGMA max_page_count = 10;";
        conn.execute_batch(setup).expect("a table");
        let insert = "INSERT INTO t VALUES (randomblob(100000))";
        let error = conn.execute(insert, ()).expect_err("no room");
        let error = in_file(Path::new("hotel.db"), error.into());
        assert!(matches!(error, StoreError::Full(_)), "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with("the database is out of disk space: hotel.db: "),
            "{text}"
        );
    }
}
