use std::error::Error;
use std::io::{self, ErrorKind};

use thiserror::Error;

use crate::certificate::{self, Explanation, Peer};
use crate::types::RoomKey;

/// Why a store could not do what was asked of it.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// There is no connection, or it broke. The outcome of a COMMIT is unknown then.
    #[error("the database can't be reached: {0}")]
    Unreachable(String),
    /// A conflict with another transaction: this one was rolled back and can be repeated.
    #[error("conflict with another transaction: {0}")]
    Conflict(String),
    /// The disk or the space set aside for the database is full.
    #[error("the database is out of disk space: {0}; free some")]
    Full(String),
    /// The server refuses temporarily: it is starting, or has too many connections.
    #[error("the database temporarily refuses: {0}")]
    Refused(String),
    /// The server accepts no writes, for example because it has become a replica.
    #[error("the database is read-only: {0}")]
    ReadOnly(String),
    /// The server does not accept the user and password, or the user has no right on the database.
    #[error(
        "the database denies access to this user: {0}; check mysql.user, password and database, \
         and that the rights have been granted: sql/grants-init.sql for init-db, \
         sql/grants-service.sql for the service"
    )]
    Denied(String),
    /// The server's certificate is not trusted.
    #[error("no trusted TLS connection to the database: {0}")]
    Certificate(String),
    /// Tables, columns or rights are missing.
    #[error(
        "the database is not set up: {0}; run `roomwatt init-db`, and check that the user has the \
         rights it needs"
    )]
    NotSetUp(String),
    /// The server lacks a feature that this program uses, or a table that belongs to others has
    /// columns or constraints that this program can't satisfy.
    #[error(
        "the database does not support what roomwatt needs: {0}; README.md (Limits) names servers \
         that do, and sql/001_original_tables.sql shows how the tables must be that are not \
         roomwatt's own"
    )]
    Unsupported(String),
    /// The embedded database's file is missing or can't be used.
    #[error("{0}")]
    File(String),
    /// The configured file of the embedded database is not a roomwatt database. It is not touched.
    #[error("{0}")]
    Foreign(String),
    /// A newer version has applied migrations that this program does not have.
    #[error(
        "a newer roomwatt has set up this database, and there is no way back: install that version"
    )]
    Newer,
    /// A row of `room_state` has a layout that this program does not know.
    #[error(
        "the state of room {room} in room_state has layout {version}, and this roomwatt knows none \
         after {known}: a newer version has written it, and there is no way back: install that \
         version"
    )]
    NewerState {
        room: RoomKey,
        version: i64,
        known: i64,
    },
    /// The meter table, which belongs to others, is not as the configuration says.
    #[error("the meter table can't be read: {0}")]
    Meters(String),
    /// A value does not fit its column, and never will.
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
    /// The error of work that had to end in time and has not begun by then.
    pub(super) fn too_long() -> StoreError {
        StoreError::Refused("what was asked of it before took too long".to_owned())
    }

    /// Whether the same request can succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            StoreError::Unreachable(_)
            | StoreError::Conflict(_)
            | StoreError::Full(_)
            | StoreError::Refused(_)
            | StoreError::ReadOnly(_)
            | StoreError::Denied(_)
            | StoreError::Certificate(_)
            | StoreError::NotSetUp(_)
            | StoreError::Unsupported(_)
            | StoreError::File(_)
            | StoreError::Foreign(_)
            | StoreError::Meters(_) => true,
            StoreError::Newer
            | StoreError::NewerState { .. }
            | StoreError::Unstorable(_)
            | StoreError::Replaced { .. }
            | StoreError::Unreadable(_) => false,
        }
    }
}

impl StoreError {
    /// Whether a newer version of this program has written the data. Waiting does not help.
    pub fn is_newer(&self) -> bool {
        matches!(self, StoreError::Newer | StoreError::NewerState { .. })
    }

    /// Whether the error lasts until somebody changes something: the database was reached, and
    /// trying again later does not help by itself.
    pub fn needs_operator(&self) -> bool {
        match self {
            StoreError::Denied(_)
            | StoreError::NotSetUp(_)
            | StoreError::Unsupported(_)
            | StoreError::Certificate(_)
            | StoreError::File(_)
            | StoreError::Foreign(_)
            | StoreError::Newer
            | StoreError::NewerState { .. }
            | StoreError::Meters(_)
            | StoreError::Unstorable(_)
            | StoreError::Unreadable(_) => true,
            StoreError::Unreachable(_)
            | StoreError::Conflict(_)
            | StoreError::Refused(_)
            | StoreError::Full(_)
            | StoreError::ReadOnly(_)
            | StoreError::Replaced { .. } => false,
        }
    }
}

impl From<mysql::Error> for StoreError {
    fn from(error: mysql::Error) -> StoreError {
        use mysql::{DriverError, Error};
        if let Some(said) = certificate(&error) {
            return StoreError::Certificate(said.to_string());
        }
        match error {
            Error::MySqlError(error) => {
                let text = error.to_string();
                match error.code {
                    // Lock wait timeout, deadlock, record has changed.
                    1205 | 1213 | 1020 => StoreError::Conflict(text),
                    // Shutdown, connection lost during a query, killed, idle too long (MySQL only).
                    1053 | 1317 | 1927 | 2006 | 2013 | 4031 => StoreError::Unreachable(text),
                    // Disk full, table full; a failed write, an error of the storage engine.
                    1021 | 1114 => StoreError::Full(text),
                    3 | 1026 | 1030 if is_disk_full(&text) => StoreError::Full(text),
                    // Option read_only, transaction read only, read-only mode.
                    1290 | 1792 | 1836 => StoreError::ReadOnly(text),
                    // TLS is required.
                    3159 => StoreError::Denied(format!("{text} (set mysql.tls_ca)")),
                    // Access denied; unknown or invalid database; host unknown or blocked;
                    // authentication method not supported by one side; account locked, password
                    // expired.
                    1044 | 1045 | 1049 | 1059 | 1102 | 1129 | 1130 | 1251 | 1524 | 1698 | 1820
                    | 1862 | 3118 | 4151 => StoreError::Denied(text),
                    // Unknown column, table or index; command, privilege or routine denied; a view
                    // whose table or definer is missing; a view instead of a table.
                    1054 | 1142 | 1143 | 1146 | 1176 | 1227 | 1288 | 1347 | 1348 | 1356 | 1370
                    | 1449 | 1471 => StoreError::NotSetUp(text),
                    // Syntax; unknown function; unknown, read-only or global variable, or a wrong
                    // value for it; unknown time zone, character set or collation, or one that does
                    // not match; unknown or disabled engine; not supported. Keys or rows too long
                    // for this server; a binary log format that the isolation level does not allow.
                    1064 | 1071 | 1115 | 1118 | 1128 | 1149 | 1193 | 1229 | 1231 | 1235 | 1238
                    | 1253 | 1273 | 1286 | 1298 | 1305 | 1621 | 1665 | 1709 | 3161
                    // A table of others requires a value or already has it; a foreign key, a CHECK.
                    | 1048 | 1062 | 1216 | 1364 | 1452 | 3819 | 4025 => {
                        StoreError::Unsupported(text)
                    }
                    // Packet too large, out of range, truncated, not a time, not in the column's
                    // character set, too long. Incompatible collations: a key that the column's
                    // character set can't hold.
                    1153 | 1264 | 1265 | 1267 | 1270 | 1271 | 1292 | 1366 | 1406 | 1690 | 3988 => {
                        StoreError::Unstorable(text)
                    }
                    // Too many connections or statements of one user, which ends by itself.
                    1203 | 1226 | 1461 => StoreError::Refused(text),
                    // Class 42: any other error of syntax or access rights.
                    _ if error.state.starts_with("42") => StoreError::Unsupported(text),
                    // Any other error may end without a change of ours.
                    _ => StoreError::Refused(text),
                }
            }
            Error::FromValueError(_) | Error::FromRowError(_) => {
                StoreError::Unreadable(error.to_string())
            }
            Error::DriverError(DriverError::UnknownAuthPlugin(plugin)) => {
                StoreError::Denied(format!(
                    "it requires authentication by {plugin}, which roomwatt does not support; \
                     MySQL may also ask for it if it does not know the user"
                ))
            }
            Error::DriverError(
                error @ (DriverError::OldMysqlPasswordDisabled
                | DriverError::CleartextPluginDisabled),
            ) => StoreError::Denied(error.to_string()),
            // Only the message, without the prefix of the error's type.
            Error::DriverError(error) => StoreError::Unreachable(error.to_string()),
            Error::IoError(error) => StoreError::Unreachable(broken(&error)),
            Error::CodecError(error) => StoreError::Unreachable(broken(&error)),
            Error::UrlError(error) => StoreError::Unreachable(error.to_string()),
            Error::TlsError(error) => StoreError::Unreachable(error.to_string()),
        }
    }
}

/// The operating system's message for a broken connection, with a readable one for timeouts.
fn broken(error: &(dyn Error + 'static)) -> String {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    "it did not answer in time".to_owned()
                }
                _ => error.to_string(),
            };
        }
        next = error.source();
    }
    error.to_string()
}

/// Whether a server's message contains the operating system's error for a full disk.
fn is_disk_full(text: &str) -> bool {
    let words = ["errno: 28", "Errcode: 28", "error 28", "No space left"];
    words.iter().any(|words| text.contains(words))
}

/// What is wrong with the server's certificate, if the error is about that.
fn certificate(error: &mysql::Error) -> Option<Explanation> {
    const SERVER: Peer<'_> = Peer {
        name: "the database server",
        if_unknown_authority: "name its authority in mysql.tls_ca",
        if_other_name: "set mysql.host to a name for which the server has a certificate",
    };
    match error {
        mysql::Error::IoError(error) => certificate::explain(error, &SERVER),
        mysql::Error::CodecError(error) => certificate::explain(error, &SERVER),
        mysql::Error::TlsError(error) => certificate::explain(error, &SERVER),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error for a server's error code.
    fn of_code(code: u16) -> StoreError {
        of_code_and_state(code, "HY000")
    }

    fn of_code_and_state(code: u16, state: &str) -> StoreError {
        mysql::Error::MySqlError(mysql::error::MySqlError {
            state: state.to_owned(),
            message: "no".to_owned(),
            code,
        })
        .into()
    }

    #[test]
    fn errors_that_need_an_operator_are_distinguished_from_others() {
        for (code, needs_operator) in [
            (1142, true),  // missing right on a table
            (1305, true),  // unknown function
            (1064, true),  // syntax
            (1370, true),  // missing right on a routine
            (1176, true),  // unknown index
            (1449, true),  // the definer of a view is missing
            (1364, true),  // a column without a default
            (1130, true),  // host not allowed
            (1102, true),  // invalid name of a database
            (3159, true),  // TLS is required
            (1665, true),  // format of the binary log
            (1406, true),  // value too long
            (1040, false), // too many connections
            (1114, false), // table full
            (1205, false),
            (1290, false),
            (2013, false),
            (4999, false),
        ] {
            let error = of_code(code);
            assert_eq!(error.needs_operator(), needs_operator, "{code}: {error}");
            // A message is rejected only for its own value, never for what an operator can fix.
            let is_of_the_value = matches!(error, StoreError::Unstorable(_));
            assert_eq!(error.is_transient(), !is_of_the_value, "{code}: {error}");
        }
        let of_a_row = StoreError::Unreadable("notification 1 has an unknown state".into());
        assert!(of_a_row.needs_operator() && !of_a_row.is_transient());
    }

    #[test]
    fn unknown_codes_are_judged_by_their_sqlstate_class() {
        for (code, state, needs_operator) in [
            (1072, "42000", true), // a key's column does not exist
            (1582, "42000", true), // wrong number of arguments
            (1630, "42000", true), // a function does not exist
            (9999, "42S22", true),
            (1203, "42000", false), // too many connections of one user
            (1226, "42000", false),
            (1461, "42000", false),
            (9999, "HY000", false),
            (9999, "40000", false),
        ] {
            let error = of_code_and_state(code, state);
            assert_eq!(error.needs_operator(), needs_operator, "{code}: {error}");
            assert!(error.is_transient(), "{code}: {error}");
        }
    }

    #[test]
    fn a_broken_connection_has_the_systems_message() {
        let silent = || io::Error::from(ErrorKind::WouldBlock);
        let reset = || io::Error::from_raw_os_error(104);
        for (error, expected) in [
            (mysql::Error::IoError(silent()), "it did not answer in time"),
            (
                mysql::Error::CodecError(silent().into()),
                "it did not answer in time",
            ),
            (
                mysql::Error::CodecError(reset().into()),
                "Connection reset by peer (os error 104)",
            ),
        ] {
            let text = StoreError::from(error).to_string();
            assert_eq!(text, format!("the database can't be reached: {expected}"));
        }
    }

    #[test]
    fn the_servers_message_comes_with_a_remedy() {
        for (code, part) in [
            (1305, "does not support what"),
            (1064, "does not support what"),
            (1193, "does not support what"),
            (1273, "does not support what"),
            (1364, "does not support what"),
            (1347, "not set up"),
            (1130, "denies access to this user"),
            (1102, "check mysql.user, password and database"),
            (3159, "set mysql.tls_ca"),
        ] {
            let text = of_code(code).to_string();
            assert!(text.contains("no") && text.contains(part), "{code}: {text}");
        }
    }

    #[test]
    fn a_full_disk_is_distinguished_from_other_failed_writes() {
        for (code, message, is_full) in [
            (
                1021,
                "Disk full (/var); waiting for someone to free some space...",
                true,
            ),
            (1114, "The table 'room_state' is full", true),
            (
                1030,
                "Got error 28 \"No space left on device\" from storage engine InnoDB",
                true,
            ),
            (1030, "Got error 28 from storage engine", true),
            (
                1026,
                "Error writing file './x' (errno: 28 - No space left on device)",
                true,
            ),
            (
                3,
                "Error writing file '/tmp/x' (Errcode: 28 \"No space left on device\")",
                true,
            ),
            (
                1030,
                "Got error 168 - 'Unknown error' from storage engine",
                false,
            ),
            (1040, "Too many connections", false),
        ] {
            let error = mysql::Error::MySqlError(mysql::error::MySqlError {
                state: "HY000".into(),
                message: message.into(),
                code,
            });
            let error = StoreError::from(error);
            assert_eq!(matches!(error, StoreError::Full(_)), is_full, "{error}");
            assert!(error.is_transient(), "{error}");
        }
    }
}
