//! Migrations: the numbered files of `sql/embedded/`, each applied once. SQLite's `user_version` is
//! the number of applied ones.

use std::path::Path;

use rusqlite::Connection;

use crate::store::{InstallationKey, StoreError};

use super::connect::{self, connect, in_file};
use super::place;

static MIGRATIONS: [(&str, &str); 12] = [
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
    (
        "embedded/004_reduced_bodies.sql",
        include_str!("../../../sql/embedded/004_reduced_bodies.sql"),
    ),
    (
        "embedded/005_hotel_state.sql",
        include_str!("../../../sql/embedded/005_hotel_state.sql"),
    ),
    (
        "embedded/006_installation_key.sql",
        include_str!("../../../sql/embedded/006_installation_key.sql"),
    ),
    (
        "embedded/007_hotel_energy.sql",
        include_str!("../../../sql/embedded/007_hotel_energy.sql"),
    ),
    (
        "embedded/008_thresholds.sql",
        include_str!("../../../sql/embedded/008_thresholds.sql"),
    ),
    (
        "embedded/009_notification_by_room.sql",
        include_str!("../../../sql/embedded/009_notification_by_room.sql"),
    ),
    (
        "embedded/010_hotel_frame.sql",
        include_str!("../../../sql/embedded/010_hotel_frame.sql"),
    ),
    (
        "embedded/011_incidents.sql",
        include_str!("../../../sql/embedded/011_incidents.sql"),
    ),
    (
        "embedded/012_incident_lists.sql",
        include_str!("../../../sql/embedded/012_incident_lists.sql"),
    ),
];

/// Creates the file or migrates its tables to this version. Calls `applied` with the name of each
/// SQL file that it applies, and returns their number.
///
/// Safe to repeat and to run twice at the same time, because it is one transaction.
///
/// # Errors
/// [`StoreError::Newer`] if a newer version of this program has migrated the file, or any other of
/// the file. Nothing has changed then.
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
    let key = InstallationKey::random()?;
    transaction.execute(
        "UPDATE service SET installation_key = ? WHERE installation_key IS NULL",
        [key.bytes()],
    )?;
    transaction.commit()?;
    Ok(new)
}

/// Checks that a file is a roomwatt database or may become one, without changing it. Other errors
/// are ignored, because they may end before the file is used.
///
/// # Errors
/// [`StoreError::Foreign`] if it is another program's file.
pub fn verify_file(path: &Path) -> Result<(), StoreError> {
    let verified = place::resolve(path).and_then(|place| match place.exists() {
        true => connect::open(&place).map(drop),
        false => Ok(()),
    });
    match verified {
        Err(error @ StoreError::Foreign(_)) => Err(in_file(path, error)),
        _ => Ok(()),
    }
}

/// Checks that the file has this program's layout.
pub(super) fn check(conn: &Connection) -> Result<(), StoreError> {
    match version(conn)? {
        version if version == MIGRATIONS.len() => Ok(()),
        version => Err(StoreError::File(format!(
            "its layout is {version}, this program needs {}; run `roomwatt init-db`",
            MIGRATIONS.len()
        ))),
    }
}

/// The number of migrations that were applied to the file.
///
/// # Errors
/// [`StoreError::Newer`] if it has more than this program knows.
fn version(conn: &Connection) -> Result<usize, StoreError> {
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match usize::try_from(version) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => Err(StoreError::Newer),
    }
}
