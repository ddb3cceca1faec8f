//! Checks the schema and the user's rights on it by EXPLAIN. The server explains a statement only
//! to a user who may execute it, by any kind of right (of the user, a role or a column), and does
//! not execute it.

use mysql::Conn;
use mysql::prelude::Queryable;

use crate::finding::{Finding, Level, Report};
use crate::store::mysql::explain::EXPLAIN;
use crate::store::mysql::{commit, incidents, rejected, rooms, schema};
use crate::store::{StoreError, frames, incident, thresholds};

use super::{User, failed};

/// What the service does with a table.
struct Table {
    name: &'static str,
    /// The columns it reads and, if it inserts rows, writes.
    columns: &'static [&'static str],
    inserts: bool,
    /// The columns it updates.
    updates: &'static [&'static str],
    deletes: bool,
}

/// A table that is only read.
const READ: Table = Table {
    name: "",
    columns: &[],
    inserts: false,
    updates: &[],
    deletes: false,
};

const TABLES: [Table; 13] = [
    Table {
        name: "schema_migration",
        columns: &["version"],
        ..READ
    },
    Table {
        name: "service",
        columns: &["id", "epoch", "seq", "meter_id", "meter_time"],
        updates: &["epoch", "seq", "meter_id", "meter_time"],
        ..READ
    },
    // REPLACE needs INSERT and DELETE.
    Table {
        name: "room_state",
        columns: &rooms::COLUMNS,
        inserts: true,
        deletes: true,
        ..READ
    },
    Table {
        name: "silent_hotel",
        columns: &commit::SILENT_HOTEL,
        inserts: true,
        deletes: true,
        ..READ
    },
    Table {
        name: "hotel_state",
        columns: &commit::HOTEL_STATE,
        inserts: true,
        deletes: true,
        ..READ
    },
    Table {
        name: "threshold",
        columns: &thresholds::COLUMNS,
        inserts: true,
        deletes: true,
        ..READ
    },
    Table {
        name: "hotel_frame",
        columns: &frames::COLUMNS,
        inserts: true,
        deletes: true,
        ..READ
    },
    Table {
        name: "incident",
        columns: &incident::COLUMNS,
        inserts: true,
        updates: incident::CHANGING,
        deletes: true,
    },
    Table {
        name: "incident_event",
        columns: &incidents::EVENT,
        inserts: true,
        deletes: true,
        ..READ
    },
    Table {
        name: "notification",
        columns: &commit::NOTIFICATION,
        inserts: true,
        updates: &["state", "sent_at", "error", "retried_at"],
        deletes: true,
    },
    Table {
        name: "rejected_message",
        columns: &rejected::COLUMNS,
        inserts: true,
        updates: &["replayed_at", "kept", "body", "truncated", "body_length"],
        deletes: true,
    },
    Table {
        name: "electricity_monitoring",
        columns: &commit::MONITORING,
        inserts: true,
        updates: &[
            "initial_reading",
            "monitoring_start_time",
            "expected_checkout_time",
        ],
        ..READ
    },
    Table {
        name: "electricity_abnormal",
        columns: &commit::ABNORMAL,
        inserts: true,
        updates: &["is_notified"],
        ..READ
    },
];

impl Table {
    /// A statement for each right that is needed. None would change a row if it were executed.
    fn statements(&self) -> Vec<(&'static str, String)> {
        let Table { name, columns, .. } = *self;
        let list = columns.join(", ");
        let mut statements = vec![("SELECT", format!("SELECT {list} FROM {name} WHERE 1 = 0"))];
        if self.inserts {
            let values = vec!["''"; columns.len()].join(", ");
            statements.push((
                "INSERT",
                format!("INSERT INTO {name} ({list}) SELECT {values} FROM DUAL WHERE 1 = 0"),
            ));
        }
        if !self.updates.is_empty() {
            let set: Vec<String> = self.updates.iter().map(|c| format!("{c} = ''")).collect();
            let set = set.join(", ");
            statements.push(("UPDATE", format!("UPDATE {name} SET {set} WHERE 1 = 0")));
        }
        if self.deletes {
            statements.push(("DELETE", format!("DELETE FROM {name} WHERE 1 = 0")));
        }
        statements
    }
}

/// The server's answer to EXPLAIN.
pub(super) enum Answer {
    Granted,
    Denied,
    NoTable,
    /// A column does not exist, with the server's message.
    NoColumn(String),
}

/// Asks whether this user may execute a statement.
pub(super) fn ask(conn: &mut Conn, statement: &str) -> mysql::Result<Answer> {
    match conn.query_drop(format!("{EXPLAIN} {statement}")) {
        Ok(()) => Ok(Answer::Granted),
        Err(mysql::Error::MySqlError(error)) if matches!(error.code, 1142 | 1143) => {
            Ok(Answer::Denied)
        }
        Err(mysql::Error::MySqlError(error)) if error.code == 1146 => Ok(Answer::NoTable),
        Err(mysql::Error::MySqlError(error)) if error.code == 1054 => {
            Ok(Answer::NoColumn(error.message))
        }
        Err(error) => Err(error),
    }
}

/// Whether the schema is the one that this version needs.
pub(super) fn schema(conn: &mut Conn, report: Report<'_>) -> mysql::Result<()> {
    const ABOUT: &str = "schema";
    // The table, or the right to read it, may be missing.
    let count = match conn.query_first("SELECT COUNT(*) FROM schema_migration") {
        Ok(count) => count.unwrap_or(0_u32),
        Err(mysql::Error::MySqlError(error)) if matches!(error.code, 1142 | 1146) => {
            report(
                Finding::new(Level::Wrong, ABOUT, error.message)
                    .remedy("run `roomwatt init-db`, then give this user its rights"),
            );
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    match schema::check(conn) {
        Ok(()) => report(Finding::ok(
            ABOUT,
            format!("all {count} files of sql/ are applied"),
        )),
        Err(StoreError::NotSetUp(text)) => report(
            Finding::new(
                Level::Wrong,
                ABOUT,
                format!("{text}: the service waits for it"),
            )
            .remedy("run `roomwatt init-db`"),
        ),
        Err(error) => report(Finding::new(Level::Unreachable, ABOUT, error.to_string())),
    }
    Ok(())
}

/// Whether this user may do what the service does.
pub(super) fn service(conn: &mut Conn, user: &User, report: Report<'_>) -> mysql::Result<()> {
    let mut is_well = true;
    let mut missing = Vec::new();
    for table in &TABLES {
        let about = format!("rights on {}", table.name);
        for (right, statement) in table.statements() {
            let finding = match ask(conn, &statement) {
                Ok(Answer::Granted) => continue,
                Ok(Answer::Denied) => Finding::new(
                    Level::Wrong,
                    about.as_str(),
                    format!("{right} is not granted, the service needs it"),
                )
                .remedy(format!(
                    "{}; sql/grants-service.sql has all that it needs",
                    user.grant(right, table.name)
                )),
                Ok(Answer::NoTable) => {
                    missing.push(table.name);
                    break;
                }
                Ok(Answer::NoColumn(says)) => {
                    Finding::new(Level::Wrong, about.as_str(), format!("{right}: {says}")).remedy(
                        "run `roomwatt init-db`; it does not add columns to the original program's \
                     tables, see sql/001_original_tables.sql for those",
                    )
                }
                Err(error) => failed(&about, error),
            };
            is_well = false;
            report(finding);
        }
    }
    if !missing.is_empty() {
        let says = format!("{} not there", missing.join(", "));
        report(Finding::new(Level::Wrong, "tables", says).remedy("run `roomwatt init-db`"));
    } else if is_well {
        report(Finding::ok(
            "rights",
            format!(
                "the service may do all it does with its {} tables",
                TABLES.len()
            ),
        ));
    }
    Ok(())
}

/// Whether this user could run `init-db`, which the service does not need. CREATE and ALTER can't
/// be explained, so the statements name a column twice: a server checks the rights first and then
/// refuses them.
pub(super) fn init_db(conn: &mut Conn, report: Report<'_>) -> mysql::Result<()> {
    const ABOUT: &str = "rights for init-db";
    let (created, altered) = schema::tables();
    let create = |table| {
        (
            "CREATE",
            format!("CREATE TABLE {table} (a INT, a INT)"),
            table,
        )
    };
    let alter = |table| {
        let twice = "ADD COLUMN twice INT, ADD COLUMN twice INT";
        ("ALTER", format!("ALTER TABLE {table} {twice}"), table)
    };
    let (mut granted, mut denied) = (Vec::new(), Vec::new());
    let asked = created.iter().map(create).chain(altered.iter().map(alter));
    for (right, statement, table) in asked {
        match conn.query_drop(&statement) {
            Err(mysql::Error::MySqlError(error)) if error.code == 1142 => {
                denied.push(format!("{right} on {table}"));
            }
            // Refused for the duplicate column or because the table exists; or the table to alter
            // does not exist, and a user who may create it may alter it.
            Ok(()) => granted.push(right),
            Err(mysql::Error::MySqlError(error)) if matches!(error.code, 1050 | 1060 | 1146) => {
                granted.push(right);
            }
            Err(error) => return Err(error),
        }
    }
    let is_up_to_date = schema::check(conn).is_ok();
    report(
        match (is_up_to_date, granted.as_slice(), denied.as_slice()) {
            (true, [], _) => Finding::ok(ABOUT, "this user has none, and the service needs none"),
            (true, ..) => Finding::new(
                Level::Advice,
                ABOUT,
                "this user may create or change tables, which the service never does",
            )
            .remedy("give init-db a user of its own: sql/grants-init.sql"),
            (false, _, []) => Finding::ok(ABOUT, "this user may run it"),
            (false, _, denied) => Finding::new(
                Level::Warning,
                ABOUT,
                format!("this user can't run it, not granted: {}", denied.join(", ")),
            )
            .remedy("run it as the user of sql/grants-init.sql"),
        },
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_schema_is_checked() {
        let (mut created, _) = schema::tables();
        // The meter table has a check of its own.
        assert!(created.remove("smart_meter"));
        let checked = TABLES.iter().map(|table| table.name.to_owned());
        assert_eq!(checked.collect::<std::collections::BTreeSet<_>>(), created);
    }

    #[test]
    fn no_statement_would_change_a_row() {
        let statements = TABLES.iter().flat_map(Table::statements);
        for (right, statement) in statements {
            assert!(statement.starts_with(right), "{statement}");
            assert!(statement.ends_with(" WHERE 1 = 0"), "{statement}");
        }
    }
}
