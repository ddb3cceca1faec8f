use std::io::ErrorKind;

use thiserror::Error;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// No connection, or it broke. Of a COMMIT the outcome is unknown.
    #[error("the database can't be reached: {0}")]
    Unreachable(String),
    /// Another transaction was in the way: all of this one is to be done again.
    #[error("another transaction was in the way: {0}")]
    Conflict(String),
    /// The server refuses for now: full, read-only, starting.
    #[error("the database refuses for now: {0}")]
    Refused(String),
    /// The server takes no writes: it is a replica by now.
    #[error("the database is read-only: {0}")]
    ReadOnly(String),
    /// The server does not know this user with this password, or the user may not enter the database.
    #[error(
        "the database turns this user away: {0}; see that mysql.user, password and database are right"
    )]
    Denied(String),
    /// Tables, columns or rights are not as they have to be.
    #[error(
        "the database is not set up: {0}; run `roomwatt init-db` and see that the user has the rights it needs"
    )]
    NotSetUp(String),
    /// The embedded database's file is not there, or not as it has to be.
    #[error("{0}")]
    File(String),
    /// The schema has files that this program does not.
    #[error("a newer roomwatt has set this database up, and nothing leads back: install that one")]
    Newer,
    /// The meter table, which is others', is not as the configuration says.
    #[error("the meter table can't be read: {0}")]
    Meters(String),
    /// A value does not fit its column; the same one never will.
    #[error("the database can't hold it: {0}")]
    Unstorable(String),
    /// Another instance owns the state.
    #[error("another instance has taken over (epoch {theirs} instead of {ours})")]
    Replaced { ours: u64, theirs: u64 },
    /// A row that this program did not write, or an answer that makes no sense.
    #[error("{0}")]
    Unreadable(String),
}

impl StoreError {
    /// Whether doing the same again can help.
    pub fn is_passing(&self) -> bool {
        match self {
            StoreError::Unreachable(_)
            | StoreError::Conflict(_)
            | StoreError::Refused(_)
            | StoreError::ReadOnly(_)
            | StoreError::Denied(_)
            | StoreError::NotSetUp(_)
            | StoreError::File(_)
            | StoreError::Meters(_) => true,
            StoreError::Newer
            | StoreError::Unstorable(_)
            | StoreError::Replaced { .. }
            | StoreError::Unreadable(_) => false,
        }
    }
}

impl StoreError {
    /// Whether the server was reached and will say the same until somebody has changed something.
    pub fn is_for_somebody(&self) -> bool {
        matches!(
            self,
            StoreError::Denied(_)
                | StoreError::NotSetUp(_)
                | StoreError::File(_)
                | StoreError::Newer
                | StoreError::Meters(_)
        )
    }
}

impl From<mysql::Error> for StoreError {
    fn from(error: mysql::Error) -> StoreError {
        use mysql::Error;
        match error {
            Error::MySqlError(error) => {
                let text = error.to_string();
                match error.code {
                    // Lock wait timeout, deadlock, record has changed.
                    1205 | 1213 | 1020 => StoreError::Conflict(text),
                    // Shutdown, lost while querying, killed.
                    1053 | 1317 | 1927 | 2006 | 2013 => StoreError::Unreachable(text),
                    // Option read_only, transaction read only, read-only mode.
                    1290 | 1792 | 1836 => StoreError::ReadOnly(text),
                    // Access denied, to the database or at all; unknown database; account locked.
                    1044 | 1045 | 1049 | 1698 | 3118 | 4151 => StoreError::Denied(text),
                    // Unknown column, table; command denied; a view of what is not there.
                    1054 | 1142 | 1143 | 1146 | 1356 => StoreError::NotSetUp(text),
                    // Packet too large, out of range, truncated, not a time, not in the column's character set, too long.
                    // And collations that do not mix: a key that the column's character set can't hold.
                    1153 | 1264 | 1265 | 1267 | 1270 | 1271 | 1292 | 1366 | 1406 | 1690 | 3988 => {
                        StoreError::Unstorable(text)
                    }
                    // Anything else the server says may change on the server alone.
                    _ => StoreError::Refused(text),
                }
            }
            Error::FromValueError(_) | Error::FromRowError(_) => {
                StoreError::Unreadable(error.to_string())
            }
            // What the system calls a timeout is hard to understand.
            Error::IoError(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                StoreError::Unreachable("it did not answer in time".to_owned())
            }
            // Its own words, without the name of their type.
            Error::DriverError(error) => StoreError::Unreachable(error.to_string()),
            Error::IoError(_) | Error::CodecError(_) | Error::UrlError(_) | Error::TlsError(_) => {
                StoreError::Unreachable(error.to_string())
            }
        }
    }
}
