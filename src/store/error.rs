use std::error::Error;
use std::io::{self, ErrorKind};

use thiserror::Error;

use crate::certificate::{self, Explained, Peer};
use crate::types::RoomKey;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// No connection, or it broke. Of a COMMIT the outcome is unknown.
    #[error("the database can't be reached: {0}")]
    Unreachable(String),
    /// Another transaction was in the way: all of this one is to be done again.
    #[error("another transaction was in the way: {0}")]
    Conflict(String),
    /// There is no room left on the disk, or in what was set aside for it.
    #[error("the database has no room left: {0}; make some on its disk")]
    Full(String),
    /// The server refuses for now: starting, too many connections.
    #[error("the database refuses for now: {0}")]
    Refused(String),
    /// The server takes no writes: it is a replica by now.
    #[error("the database is read-only: {0}")]
    ReadOnly(String),
    /// The server does not know this user with this password, or the user may not enter the
    /// database.
    #[error(
        "the database turns this user away: {0}; see that mysql.user, password and database are \
         right, or nothing is granted yet: sql/grants-init.sql is for init-db, \
         sql/grants-service.sql for the service"
    )]
    Denied(String),
    /// The server does not prove who it is.
    #[error("the database can't be talked to in TLS: {0}")]
    Certificate(String),
    /// Tables, columns or rights are not as they have to be.
    #[error(
        "the database is not set up: {0}; run `roomwatt init-db` and see that the user has the \
         rights it needs"
    )]
    NotSetUp(String),
    /// The server lacks what this program uses, or a table of others' asks for what it does not
    /// give.
    #[error(
        "the database can't do what is asked of it: {0}; README.md (Limits) names servers that \
         can, and sql/001_original_tables.sql shows what the tables have to be that are not \
         roomwatt's own"
    )]
    Unsupported(String),
    /// The embedded database's file is not there, or not as it has to be.
    #[error("{0}")]
    File(String),
    /// What the configuration names as the embedded database is something else, and is left as it
    /// is.
    #[error("{0}")]
    Foreign(String),
    /// The schema has files that this program does not.
    #[error("a newer roomwatt has set this database up, and nothing leads back: install that one")]
    Newer,
    /// A row of `room_state` has a layout that this program does not know.
    #[error(
        "the state of room {room} in room_state has layout {version}, and this roomwatt knows none \
         after {known}: a newer one has written it, and nothing leads back: install that one"
    )]
    NewerState {
        room: RoomKey,
        version: i64,
        known: i64,
    },
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
    /// Whether a newer version of this program has written what this one can't read: waiting does
    /// not help.
    pub fn is_newer(&self) -> bool {
        matches!(self, StoreError::Newer | StoreError::NewerState { .. })
    }

    /// Whether the database was reached and will say the same until somebody has changed something:
    /// to try later, by itself, helps nobody.
    pub fn is_for_somebody(&self) -> bool {
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
                    // Shutdown, lost while querying, killed, idle for too long (of MySQL alone).
                    1053 | 1317 | 1927 | 2006 | 2013 | 4031 => StoreError::Unreachable(text),
                    // Disk full, table full; a file that could not be written, an engine's own
                    // number.
                    1021 | 1114 => StoreError::Full(text),
                    3 | 1026 | 1030 if has_no_room(&text) => StoreError::Full(text),
                    // Option read_only, transaction read only, read-only mode.
                    1290 | 1792 | 1836 => StoreError::ReadOnly(text),
                    // TLS is required.
                    3159 => StoreError::Denied(format!("{text} (set mysql.tls_ca)")),
                    // Access denied, to the database or at all; unknown database, or no name of
                    // one; the machine is unknown or blocked; a way of authentication that one side
                    // lacks; account locked, password expired.
                    1044 | 1045 | 1049 | 1059 | 1102 | 1129 | 1130 | 1251 | 1524 | 1698 | 1820
                    | 1862 | 3118 | 4151 => StoreError::Denied(text),
                    // Unknown column, table, index; command, privilege, routine denied; a view of
                    // what is not there, or of a user who isn't; a view in a table's place.
                    1054 | 1142 | 1143 | 1146 | 1176 | 1227 | 1288 | 1347 | 1348 | 1356 | 1370
                    | 1449 | 1471 => StoreError::NotSetUp(text),
                    // Syntax; unknown function; unknown, read-only or global variable, wrong value
                    // for one; unknown time zone, character set, collation, or one of another set;
                    // unknown or disabled engine; not supported. Keys or rows that are too long for
                    // this server; a log of statements for an isolation level that needs rows.
                    1064 | 1071 | 1115 | 1118 | 1128 | 1149 | 1193 | 1229 | 1231 | 1235 | 1238
                    | 1253 | 1273 | 1286 | 1298 | 1305 | 1621 | 1665 | 1709 | 3161
                    // Others' table wants a value, or has it already; a foreign key, CHECK.
                    | 1048 | 1062 | 1216 | 1364 | 1452 | 3819 | 4025 => {
                        StoreError::Unsupported(text)
                    }
                    // Packet too large, out of range, truncated, not a time, not in the column's
                    // character set, too long. And collations that do not mix: a key that the
                    // column's character set can't hold.
                    1153 | 1264 | 1265 | 1267 | 1270 | 1271 | 1292 | 1366 | 1406 | 1690 | 3988 => {
                        StoreError::Unstorable(text)
                    }
                    // Too many connections or statements of one user: others end.
                    1203 | 1226 | 1461 => StoreError::Refused(text),
                    // Whatever else is called an error of syntax or access, as what does not exist.
                    _ if error.state.starts_with("42") => StoreError::Unsupported(text),
                    // Anything else the server says may change on the server alone.
                    _ => StoreError::Refused(text),
                }
            }
            Error::FromValueError(_) | Error::FromRowError(_) => {
                StoreError::Unreadable(error.to_string())
            }
            Error::DriverError(DriverError::UnknownAuthPlugin(plugin)) => {
                StoreError::Denied(format!(
                    "it wants authentication by {plugin}, which roomwatt does not have and MySQL \
                     may want of a user it does not know, too"
                ))
            }
            Error::DriverError(
                error @ (DriverError::OldMysqlPasswordDisabled
                | DriverError::CleartextPluginDisabled),
            ) => StoreError::Denied(error.to_string()),
            // Its own words, without the name of their type.
            Error::DriverError(error) => StoreError::Unreachable(error.to_string()),
            Error::IoError(error) => StoreError::Unreachable(broken(&error)),
            Error::CodecError(error) => StoreError::Unreachable(broken(&error)),
            Error::UrlError(error) => StoreError::Unreachable(error.to_string()),
            Error::TlsError(error) => StoreError::Unreachable(error.to_string()),
        }
    }
}

/// What the system says of a connection that broke. What it calls a timeout is hard to understand.
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

/// Whether the system's number in a server's words is that of a full disk.
fn has_no_room(text: &str) -> bool {
    let words = ["errno: 28", "Errcode: 28", "error 28", "No space left"];
    words.iter().any(|words| text.contains(words))
}

/// What is wrong with the server's certificate, where that is what an error is about.
fn certificate(error: &mysql::Error) -> Option<Explained> {
    const SERVER: Peer<'_> = Peer {
        who: "the database server",
        trust: "name its authority in mysql.tls_ca",
        name: "set mysql.host to a name for which the server has a certificate",
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

    /// What a server says with this code.
    fn said(code: u16) -> StoreError {
        said_as(code, "HY000")
    }

    fn said_as(code: u16, state: &str) -> StoreError {
        mysql::Error::MySqlError(mysql::error::MySqlError {
            state: state.to_owned(),
            message: "no".to_owned(),
            code,
        })
        .into()
    }

    #[test]
    fn what_somebody_has_to_change_is_told_from_what_passes() {
        for (code, is_for_somebody) in [
            (1142, true),  // a right on a table
            (1305, true),  // a function
            (1064, true),  // a word
            (1370, true),  // a right on a routine
            (1176, true),  // an index that the service names
            (1449, true),  // the owner of a view
            (1364, true),  // a column that has to be given
            (1130, true),  // not from this machine
            (1102, true),  // no name of a database
            (3159, true),  // not without TLS
            (1665, true),  // not with this format of the log
            (1406, true),  // too long
            (1040, false), // too many connections
            (1114, false), // full
            (1205, false),
            (1290, false),
            (2013, false),
            (4999, false),
        ] {
            let error = said(code);
            assert_eq!(error.is_for_somebody(), is_for_somebody, "{code}: {error}");
            // Whether it passes or not: no message is given up for what somebody can mend.
            let is_of_the_value = matches!(error, StoreError::Unstorable(_));
            assert_eq!(error.is_passing(), !is_of_the_value, "{code}: {error}");
        }
        let of_a_row = StoreError::Unreadable("state of notification 1 is none".into());
        assert!(of_a_row.is_for_somebody() && !of_a_row.is_passing());
    }

    #[test]
    fn what_no_number_tells_of_is_told_by_its_class() {
        for (code, state, is_for_somebody) in [
            (1072, "42000", true), // a column of a key does not exist
            (1582, "42000", true), // a function takes other values
            (1630, "42000", true), // a function does not exist, as it is written
            (9999, "42S22", true),
            (1203, "42000", false), // too many connections of one user
            (1226, "42000", false),
            (1461, "42000", false),
            (9999, "HY000", false),
            (9999, "40000", false),
        ] {
            let error = said_as(code, state);
            assert_eq!(error.is_for_somebody(), is_for_somebody, "{code}: {error}");
            assert!(error.is_passing(), "{code}: {error}");
        }
    }

    #[test]
    fn a_connection_that_broke_is_told_in_the_systems_words() {
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
    fn what_the_server_said_is_told_with_what_to_do() {
        for (code, part) in [
            (1305, "can't do what"),
            (1064, "can't do what"),
            (1193, "can't do what"),
            (1273, "can't do what"),
            (1364, "can't do what"),
            (1347, "not set up"),
            (1130, "turns this user away"),
            (1102, "see that mysql.user, password and database are right"),
            (3159, "set mysql.tls_ca"),
        ] {
            let text = said(code).to_string();
            assert!(text.contains("no") && text.contains(part), "{code}: {text}");
        }
    }

    #[test]
    fn a_full_disk_is_told_from_what_else_a_server_refuses() {
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
            assert!(error.is_passing(), "it is waited for");
        }
    }
}
