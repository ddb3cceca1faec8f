//! Named locks of the server.

use std::time::Duration;

use md5::{Digest, Md5};
use mysql::Conn;
use mysql::prelude::Queryable;

use crate::store::StoreError;

/// Acquires the lock `kind` for the database of `conn` and waits at most `timeout` for it, rounded
/// down to whole seconds. Returns whether it was acquired. It is held until the connection ends.
///
/// # Errors
/// Any [`StoreError`] of the connection.
pub(super) fn acquire(conn: &mut Conn, kind: &str, timeout: Duration) -> Result<bool, StoreError> {
    // The server's own spelling: if it ignores case, configurations may differ in it.
    let database: Option<Option<String>> = conn.query_first("SELECT DATABASE()")?;
    let name = name(kind, &database.flatten().unwrap_or_default());
    let got: Option<Option<i64>> =
        conn.exec_first("SELECT GET_LOCK(?, ?)", (name, timeout.as_secs()))?;
    Ok(got.flatten() == Some(1))
}

/// The lock's name, with a digest of the database's name, because both may have at most 64
/// characters.
///
/// The digest is MD5 for compatibility: version 0.1 had the server compute `MD5(DATABASE())`, which
/// newer servers no longer offer. During an upgrade the standby and the active instance may be of
/// different versions and must use the same lock.
fn name(kind: &str, database: &str) -> String {
    let digest = Md5::digest(database.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_as_in_earlier_versions() {
        // MariaDB's result of CONCAT('roomwatt:', MD5(DATABASE())).
        assert_eq!(
            name("roomwatt", "hotel"),
            "roomwatt:e919c49d5f0cd737285367810a3394d0"
        );
        assert_eq!(
            name("roomwatt-init", "旅馆"),
            "roomwatt-init:4a91ba8bff58c55fcfd400160b96a459"
        );
    }
}
