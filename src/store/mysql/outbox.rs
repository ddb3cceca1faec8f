use mysql::prelude::Queryable;

use crate::store::{Pending, StoreError};

use super::MySqlReader;

impl MySqlReader {
    /// The oldest notices that are still to be told, at most `limit`, after row `after`.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection, [`StoreError::Unreadable`] with the row that is.
    pub fn pending_notices(&self, after: u64, limit: usize) -> Result<Vec<Pending>, StoreError> {
        let rows: Vec<(u64, String)> = self.pool.with(|conn| {
            Ok(conn.exec(
                "SELECT id, body FROM notification WHERE state = 'pending' AND id > ? \
                 ORDER BY id LIMIT ?",
                (after, limit),
            )?)
        })?;
        rows.into_iter()
            .map(|(id, body)| {
                let notice = serde_json::from_str(&body).map_err(|error| {
                    StoreError::Unreadable(format!("notification {id} can't be read: {error}"))
                })?;
                Ok(Pending { id, notice })
            })
            .collect()
    }
}
