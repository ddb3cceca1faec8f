//! The key of the installation, which `schema.rs` makes.

use std::path::Path;

use crate::store::{InstallationKey, StoreError};

use super::link::Link;

/// The key of the installation; `None` where `init_file` has not made it.
///
/// # Errors
/// Any [`StoreError`] of the file.
pub fn installation_key(path: &Path) -> Result<Option<InstallationKey>, StoreError> {
    let select = "SELECT installation_key FROM service";
    let key: Option<Vec<u8>> =
        Link::open(path)?.with(|conn| Ok(conn.query_row(select, (), |row| row.get(0))?))?;
    key.map(|key| InstallationKey::from_row(&key)).transpose()
}

/// Puts a key in the place of the installation's.
///
/// # Errors
/// Any [`StoreError`] of the file.
pub fn rotate_key(path: &Path, key: &InstallationKey) -> Result<(), StoreError> {
    let update = "UPDATE service SET installation_key = ?";
    Link::open(path)?.with(|conn| Ok(conn.execute(update, [key.bytes()])?))?;
    Ok(())
}
