//! Locks of the server, by name.

use std::time::Duration;

use md5::{Digest, Md5};
use mysql::Conn;
use mysql::prelude::Queryable;

use crate::store::StoreError;

/// Takes the lock that is `kind`'s in the database of `conn`, and waits at most `patience` for it,
/// in whole seconds; gives whether it has it now. It is held until the connection ends.
///
/// # Errors
/// Any [`StoreError`] of the connection.
pub(super) fn acquire(conn: &mut Conn, kind: &str, patience: Duration) -> Result<bool, StoreError> {
    // As the server spells it: where it does not tell cases apart, configurations may.
    let database: Option<Option<String>> = conn.query_first("SELECT DATABASE()")?;
    let name = name(kind, &database.flatten().unwrap_or_default());
    let got: Option<Option<i64>> =
        conn.exec_first("SELECT GET_LOCK(?, ?)", (name, patience.as_secs()))?;
    Ok(got.flatten() == Some(1))
}

/// Names of databases may be as long as those of locks, 64 characters: hence a digest.
///
/// MD5, though nothing but brevity is asked of it here: version 0.1 had the server compute
/// `MD5(DATABASE())`, which newer servers can't. While an installation moves to another version,
/// its standby and its active instance have to see each other's lock.
fn name(kind: &str, database: &str) -> String {
    let digest = Md5::digest(database.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_earlier_versions() {
        // What MariaDB says to CONCAT('roomwatt:', MD5(DATABASE())).
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
