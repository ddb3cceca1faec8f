//! Migrations: the numbered files of `sql/`, each applied once.

use std::collections::BTreeSet;
use std::time::Duration;

use mysql::Conn;
use mysql::prelude::Queryable;

use crate::config;
use crate::store::{InstallationKey, StoreError};
use crate::types::Zone;

use super::{connect, lock};

/// How long `init-db` waits for another one on the same database.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

const MIGRATIONS: [(u32, &str, &str); 17] = [
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
    (
        10,
        "010_reduced_bodies.sql",
        include_str!("../../../sql/010_reduced_bodies.sql"),
    ),
    (
        11,
        "011_hotel_state.sql",
        include_str!("../../../sql/011_hotel_state.sql"),
    ),
    (
        12,
        "012_installation_key.sql",
        include_str!("../../../sql/012_installation_key.sql"),
    ),
    (
        13,
        "013_hotel_energy.sql",
        include_str!("../../../sql/013_hotel_energy.sql"),
    ),
    (
        14,
        "014_thresholds.sql",
        include_str!("../../../sql/014_thresholds.sql"),
    ),
    (
        15,
        "015_hotel_frame.sql",
        include_str!("../../../sql/015_hotel_frame.sql"),
    ),
    (
        16,
        "016_incidents.sql",
        include_str!("../../../sql/016_incidents.sql"),
    ),
    (
        17,
        "017_incident_lists.sql",
        include_str!("../../../sql/017_incident_lists.sql"),
    ),
];

/// Migrates the schema to this version. Calls `applied` with the name of each file that it applies,
/// and returns their number.
///
/// Safe to repeat and to run twice at the same time: each statement can be repeated, and a lock
/// admits one at a time.
///
/// # Errors
/// [`StoreError::Newer`] if a newer version of this program has migrated the schema, or any other.
/// Files that were applied before the error stay applied.
pub fn init_db(
    config: &config::MySql,
    zone: Zone,
    applied: &dyn Fn(&str),
) -> Result<usize, StoreError> {
    let mut conn = connect::connect(&connect::changing_tables(config, zone))?;
    if !lock::acquire(&mut conn, "roomwatt-init", LOCK_TIMEOUT)? {
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
    let key = InstallationKey::random()?;
    conn.exec_drop(
        "UPDATE service SET installation_key = ? WHERE id = 1 AND installation_key IS NULL",
        (&key.bytes()[..],),
    )?;
    Ok(count)
}

/// Checks that every file has been applied. With an older schema some transactions would work and
/// others would fail again and again.
///
/// # Errors
/// [`StoreError::NotSetUp`] if a file is missing, [`StoreError::Newer`] if a newer version of this
/// program has migrated the schema, or any other of the connection.
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

/// The names of the tables that the files create, and of those that they alter.
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

/// Whether an ALTER failed because its change was made before: columns or indexes exist, or are
/// gone. After a crash in the middle of a file the whole file is applied again, and MySQL has no
/// `IF NOT EXISTS` for columns and indexes.
fn is_done_already(statement: &str, code: u16) -> bool {
    // Duplicate column name, duplicate key name, can't drop a column that does not exist.
    statement.starts_with("ALTER TABLE ") && matches!(code, 1060 | 1061 | 1091)
}

/// Whether a statement changes a limited number of rows, each time in a transaction of its own, and
/// must be repeated until no rows are left.
fn is_repeated(statement: &str) -> bool {
    statement.starts_with("UPDATE ") && statement.contains(" LIMIT ")
}

/// The statements of a file, without comment lines. A semicolon at the end of a line ends a
/// statement.
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
    fn all_statements_of_the_files_are_found() {
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
                vec![
                    "ALTER TABLE rejected_message ADD COLUMN kept",
                    "ALTER TABLE rejected_message ADD COLUMN body_length",
                    "ALTER TABLE rejected_message ADD INDEX idx_kept",
                ],
                vec!["CREATE TABLE IF NOT EXISTS hotel_state"],
                vec!["ALTER TABLE service ADD COLUMN installation_key"],
                vec![
                    "ALTER TABLE hotel_state ADD COLUMN energy_day",
                    "ALTER TABLE hotel_state ADD COLUMN energy_wh",
                ],
                vec!["CREATE TABLE IF NOT EXISTS threshold"],
                vec!["CREATE TABLE IF NOT EXISTS hotel_frame"],
                vec![
                    "CREATE TABLE IF NOT EXISTS incident",
                    "CREATE TABLE IF NOT EXISTS incident_event",
                ],
                vec![
                    "ALTER TABLE incident ADD INDEX idx_opened",
                    "ALTER TABLE incident ADD INDEX idx_reason",
                    "ALTER TABLE incident ADD INDEX idx_hotel_reason",
                    "ALTER TABLE incident_event MODIFY COLUMN detail",
                ],
            ]
        );
    }

    #[test]
    fn every_statement_can_be_repeated() {
        for statement in MIGRATIONS.iter().flat_map(|(_, _, text)| statements(text)) {
            let starts = ["CREATE TABLE IF NOT EXISTS ", "INSERT IGNORE INTO "];
            let is_idempotent = starts.iter().any(|start| statement.starts_with(start));
            // A repeated ALTER fails as a whole, so it must have one change: a second one would be
            // skipped, too. Several columns are dropped together or not at all.
            let (adds, drops) = (statement.matches("ADD "), statement.matches("DROP COLUMN "));
            let one_change = is_done_already(&statement, 1060)
                && matches!((adds.count(), drops.count()), (1, 0) | (0, 1..));
            // A column that is as it is to be stays so.
            let modifies = statement.matches("MODIFY COLUMN ").count() == 1;
            let one_change = one_change || (modifies && !statement.contains("ADD "));
            // It only changes rows that it has not changed before.
            let until_none_is_left = is_repeated(&statement) && statement.contains("\nWHERE ");
            assert!(
                is_idempotent || one_change || until_none_is_left,
                "{statement}"
            );
        }
        assert!(!is_done_already("ALTER TABLE a ADD COLUMN b INT", 1054));
        assert!(!is_done_already("CREATE TABLE a (b INT, b INT)", 1060));
    }

    #[test]
    fn migrations_are_numbered_without_gaps() {
        for (at, (version, name, _)) in MIGRATIONS.iter().enumerate() {
            assert_eq!(*version as usize, at + 1);
            assert!(name.starts_with(&format!("{version:03}_")));
        }
    }
}
