//! The key of the installation, which `schema.rs` makes.

use mysql::prelude::Queryable;

use crate::config;
use crate::store::{InstallationKey, StoreError};
use crate::types::Zone;

use super::{connect, schema};

/// The key of the installation; `None` where `init-db` has not made it yet.
///
/// # Errors
/// Any [`StoreError`] of the connection.
pub fn installation_key(
    config: &config::MySql,
    zone: Zone,
) -> Result<Option<InstallationKey>, StoreError> {
    let mut conn = connect::connect(&connect::reading(config, zone))?;
    schema::check(&mut conn)?;
    let key: Option<Option<Vec<u8>>> =
        conn.query_first("SELECT installation_key FROM service WHERE id = 1")?;
    let key = key.flatten();
    key.map(|key| InstallationKey::from_row(&key)).transpose()
}

/// Puts a key in the place of the installation's.
///
/// # Errors
/// Any [`StoreError`] of the connection or of missing rights.
pub fn rotate_key(
    config: &config::MySql,
    zone: Zone,
    key: &InstallationKey,
) -> Result<(), StoreError> {
    let mut conn = connect::connect(&connect::writing(config, zone))?;
    schema::check(&mut conn)?;
    let update = "UPDATE service SET installation_key = ? WHERE id = 1";
    conn.exec_drop(update, (&key.bytes()[..],))?;
    Ok(())
}
