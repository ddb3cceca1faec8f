//! The numbered files of `sql/`, applied once each.

use std::collections::BTreeSet;
use std::time::Duration;

use mysql::Conn;
use mysql::prelude::Queryable;

use crate::config;
use crate::store::StoreError;
use crate::types::Zone;

use super::{connect, lock};

/// How long it waits for another one that runs on the same database.
const PATIENCE: Duration = Duration::from_secs(10);

const MIGRATIONS: [(u32, &str, &str); 9] = [
    (
        1,
        "001_original_tables.sql",
        include_str!("../../../sql/001_original_tables.sql"),
    ),
    (
        2,
        "002_service_tables.sql",
        include_str!("../../../sql/002_service_tables.sql"),
    ),
    (
        3,
        "003_rejected_and_retention.sql",
        include_str!("../../../sql/003_rejected_and_retention.sql"),
    ),
    (
        4,
        "004_meter_position.sql",
        include_str!("../../../sql/004_meter_position.sql"),
    ),
    (
        5,
        "005_outbox_and_silence.sql",
        include_str!("../../../sql/005_outbox_and_silence.sql"),
    ),
    (
        6,
        "006_movement_and_frozen_meters.sql",
        include_str!("../../../sql/006_movement_and_frozen_meters.sql"),
    ),
    (
        7,
        "007_watch_number.sql",
        include_str!("../../../sql/007_watch_number.sql"),
    ),
    (
        8,
        "008_room_state_as_json.sql",
        include_str!("../../../sql/008_room_state_as_json.sql"),
    ),
    (
        9,
        "009_room_state_columns.sql",
        include_str!("../../../sql/009_room_state_columns.sql"),
    ),
];

/// Brings the schema up to date; gives the name of each file that is applied now to `applied`, and
/// their number back.
///
/// Safe to repeat and to run twice at once: each statement can be done again, and one instance at a
/// time holds the lock.
///
/// # Errors
/// [`StoreError::Newer`] where a newer version of this program has been before, or any other; what
/// had been applied before it stays.
pub fn init_db(
    config: &config::MySql,
    zone: Zone,
    applied: &dyn Fn(&str),
) -> Result<usize, StoreError> {
    let mut conn = connect::connect(&connect::changing_tables(config, zone))?;
    if !lock::acquire(&mut conn, "roomwatt-init", PATIENCE)? {
        return Err(StoreError::Conflict(
            "another init-db is running on this database".into(),
        ));
    }
    conn.query_drop(
        "CREATE TABLE IF NOT EXISTS schema_migration (
            version    INT          NOT NULL PRIMARY KEY,
            name       VARCHAR(100) NOT NULL,
            applied_at TIMESTAMP    NOT NULL DEFAULT CURRENT_TIMESTAMP
        ) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin",
    )?;
    let done: Option<u32> = conn
        .query_first::<Option<u32>, _>("SELECT MAX(version) FROM schema_migration")?
        .flatten();
    let newest = MIGRATIONS.iter().map(|(version, ..)| *version).max();
    if done > newest {
        return Err(StoreError::Newer);
    }
    let mut count = 0;
    for (version, name, text) in MIGRATIONS {
        if done.is_some_and(|done| version <= done) {
            continue;
        }
        for statement in statements(text) {
            loop {
                match conn.query_drop(&statement) {
                    Err(mysql::Error::MySqlError(error))
                        if is_done_already(&statement, error.code) => {}
                    result => result?,
                }
                if !(is_repeated(&statement) && conn.affected_rows() > 0) {
                    break;
                }
            }
        }
        conn.exec_drop(
            "INSERT INTO schema_migration (version, name) VALUES (?, ?)",
            (version, name),
        )?;
        applied(name);
        count += 1;
    }
    Ok(count)
}

/// Sees that every file has been applied: an older schema would let some transactions through and
/// hold up others for ever.
///
/// # Errors
/// [`StoreError::NotSetUp`] when one has not, [`StoreError::Newer`] where a newer version of this
/// program has been before, or any other of the connection.
pub(super) fn check(conn: &mut Conn) -> Result<(), StoreError> {
    let done: Option<Option<u32>> =
        conn.query_first("SELECT MAX(version) FROM schema_migration")?;
    let done = done.flatten().unwrap_or(0);
    match MIGRATIONS.iter().find(|(version, ..)| *version > done) {
        None if MIGRATIONS.iter().all(|(version, ..)| *version < done) => Err(StoreError::Newer),
        None => Ok(()),
        Some((_, name, _)) => Err(StoreError::NotSetUp(format!("{name} was not applied yet"))),
    }
}

/// The tables that the files create, each once, and those that they change.
pub(super) fn tables() -> (BTreeSet<String>, BTreeSet<String>) {
    let named = |start: &'static str| {
        let statements = MIGRATIONS.iter().flat_map(|(_, _, text)| statements(text));
        let names = statements.filter_map(move |statement| {
            let rest = statement.strip_prefix(start)?;
            rest.split_whitespace().next().map(str::to_owned)
        });
        names.collect::<BTreeSet<String>>()
    };
    let mut created = named("CREATE TABLE IF NOT EXISTS ");
    created.insert("schema_migration".to_owned());
    (created, named("ALTER TABLE "))
}

/// Whether an ALTER failed because it was done already: a column or an index is there, or columns
/// are gone. A crash after it and before the note that its file was applied has that file applied
/// again, and MySQL knows no `IF NOT EXISTS` for columns and indexes.
fn is_done_already(statement: &str, code: u16) -> bool {
    // Duplicate column name, duplicate key name; a column to drop that is not there.
    statement.starts_with("ALTER TABLE ") && matches!(code, 1060 | 1061 | 1091)
}

/// Whether a statement does its work a part at a time, each in a transaction of its own, and is to
/// be repeated until nothing is left.
fn is_repeated(statement: &str) -> bool {
    statement.starts_with("UPDATE ") && statement.contains(" LIMIT ")
}

/// The statements of a file: comment lines are dropped, a semicolon ends a line and a statement.
fn statements(text: &str) -> Vec<String> {
    let code: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .collect();
    code.join("\n")
        .split(";\n")
        .map(|statement| statement.trim().trim_end_matches(';').to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_statement() {
        let starts: Vec<Vec<String>> = MIGRATIONS
            .iter()
            .map(|(_, _, text)| {
                let statements = statements(text).into_iter();
                statements
                    .map(|s| s.split_whitespace().take(6).collect::<Vec<_>>().join(" "))
                    .collect()
            })
            .collect();
        assert_eq!(
            starts,
            [
                vec![
                    "CREATE TABLE IF NOT EXISTS smart_meter",
                    "CREATE TABLE IF NOT EXISTS electricity_monitoring",
                    "CREATE TABLE IF NOT EXISTS electricity_abnormal",
                ],
                vec![
                    "CREATE TABLE IF NOT EXISTS service",
                    "INSERT IGNORE INTO service (id, epoch,",
                    "CREATE TABLE IF NOT EXISTS room_state",
                    "CREATE TABLE IF NOT EXISTS notification",
                    "CREATE TABLE IF NOT EXISTS rejected_message",
                ],
                vec![
                    "ALTER TABLE rejected_message ADD COLUMN replayed_at",
                    "ALTER TABLE rejected_message ADD COLUMN digest",
                    "ALTER TABLE rejected_message ADD INDEX idx_digest",
                    "ALTER TABLE rejected_message ADD INDEX idx_created_at",
                    "ALTER TABLE notification ADD INDEX idx_created_at",
                ],
                vec!["ALTER TABLE service ADD COLUMN meter_time"],
                vec![
                    "ALTER TABLE notification ADD COLUMN error",
                    "ALTER TABLE notification ADD COLUMN retried_at",
                    "CREATE TABLE IF NOT EXISTS silent_hotel",
                ],
                vec![
                    "ALTER TABLE room_state ADD COLUMN moved_time",
                    "ALTER TABLE room_state ADD COLUMN moved_pause",
                    "ALTER TABLE silent_hotel ADD COLUMN kind",
                ],
                vec!["ALTER TABLE room_state ADD COLUMN watch_number"],
                vec![
                    "ALTER TABLE room_state ADD COLUMN state",
                    "UPDATE room_state SET state = CONCAT(",
                ],
                vec!["ALTER TABLE room_state DROP COLUMN watch_number,"],
            ]
        );
    }

    #[test]
    fn every_statement_can_be_repeated() {
        for statement in MIGRATIONS.iter().flat_map(|(_, _, text)| statements(text)) {
            let passed_over = ["CREATE TABLE IF NOT EXISTS ", "INSERT IGNORE INTO "];
            let whole = passed_over.iter().any(|start| statement.starts_with(start));
            // Passed over as a whole: with a second change that one would be lost. Columns are
            // dropped together or not at all.
            let (adds, drops) = (statement.matches("ADD "), statement.matches("DROP COLUMN "));
            let one_change = is_done_already(&statement, 1060)
                && matches!((adds.count(), drops.count()), (1, 0) | (0, 1..));
            // It changes what it has not changed before.
            let until_none_is_left = is_repeated(&statement) && statement.contains("\nWHERE ");
            assert!(whole || one_change || until_none_is_left, "{statement}");
        }
        assert!(!is_done_already("ALTER TABLE a ADD COLUMN b INT", 1054));
        assert!(!is_done_already("CREATE TABLE a (b INT, b INT)", 1060));
    }

    #[test]
    fn migrations_are_numbered_without_a_hole() {
        for (at, (version, name, _)) in MIGRATIONS.iter().enumerate() {
            assert_eq!(*version as usize, at + 1);
            assert!(name.starts_with(&format!("{version:03}_")));
        }
    }
}
