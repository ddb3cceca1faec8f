//! Opens connections to the file, and converts SQLite's errors.

use std::path::Path;
use std::time::Duration;

use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::store::StoreError;

/// The longest wait for another writer.
const BUSY: Duration = Duration::from_secs(10);

/// The size to which the write-ahead log is cut after it was copied into the file. During a long
/// read it can't be copied and grows beyond that. Bytes.
const LOG_KEPT: i64 = 16 * 1024 * 1024;

/// Prepared statements that a connection keeps: more than this program has.
const STATEMENTS: usize = 64;

/// Connects to an existing file by its own path (as `place::resolve` gives it).
///
/// # Errors
/// [`StoreError::Foreign`] if it is another program's database, which is left unchanged; or any
/// other of the file.
pub(super) fn connect(place: &Path) -> Result<Connection, StoreError> {
    let mut conn = open(place)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "journal_size_limit", LOG_KEPT)?;
    // A transaction that begins by reading fails instead of waiting when it then has to write.
    conn.set_transaction_behavior(TransactionBehavior::Immediate);
    Ok(conn)
}

/// Opens a file that is empty or a roomwatt database, without changing it.
///
/// # Errors
/// Those of [`connect`].
pub(super) fn open(place: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(place, flags)?;
    conn.busy_timeout(BUSY)?;
    check_tables(&conn)?;
    Ok(conn)
}

/// Checks by its tables that a database is empty or roomwatt's.
///
/// # Errors
/// [`StoreError::Foreign`] if it is another program's.
fn check_tables(conn: &Connection) -> Result<(), StoreError> {
    /// Tables that every version of roomwatt has.
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
        "it is another program's database (it has {}), and is left unchanged; set embedded.path to \
         another file",
        some.join(", ")
    )))
}

/// Adds the path to an error of the file itself.
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
                "it can't be opened; its folder must exist, and this user needs the right to read \
                 and write both",
            ),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => file(
                "it can't be written; this user needs the right to write it, its folder, and its \
                 files that end with -wal and -shm",
            ),
            Some(ErrorCode::NotADatabase) => StoreError::Foreign(
                "it is not an SQLite database; set embedded.path to another file, or restore a \
                 backup"
                    .to_owned(),
            ),
            Some(ErrorCode::DatabaseCorrupt) => {
                file("it is damaged; stop the service and restore a backup")
            }
            Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => {
                StoreError::Unstorable(text)
            }
            // Transient: an operator can free space meanwhile.
            Some(ErrorCode::DiskFull) => StoreError::Full(text),
            Some(ErrorCode::SystemIoFailure) if is_disk_full(&error) => {
                StoreError::Full("its file that ends with -shm can't be created or grow".to_owned())
            }
            Some(_) => StoreError::Refused(text),
            // The value of a row that this program did not write.
            None => StoreError::Unreadable(text),
        }
    }
}

/// Whether the shared-memory file could not get its size. On a full disk SQLite reports this error
/// for that file.
fn is_disk_full(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(SQLITE_IOERR_SHMSIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_can_not_grow_is_out_of_disk_space() {
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
