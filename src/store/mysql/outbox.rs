mod rows;

use std::time::Duration;

use mysql::Value;
use mysql::prelude::Queryable;

use crate::store::{Outbox, Pending, Share, StoreError, notice_of};

use super::MySqlReader;

pub use rows::MySqlOutbox;

impl Outbox for MySqlReader {
    fn pending_notices(
        &self,
        share: &Share,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError> {
        let (hotels, only) = match share {
            Share::Of(hotels) => (hotels, "IN"),
            Share::AllBut(hotels) => (hotels, "NOT IN"),
        };
        let mut values: Vec<Value> = vec![after.into()];
        let mut of_hotels = String::new();
        if !hotels.is_empty() {
            let marks = vec!["?"; hotels.len()].join(", ");
            of_hotels = format!("AND hotel_id {only} ({marks}) ");
            values.extend(hotels.iter().map(|hotel| hotel.as_str().into()));
        }
        values.push(limit.into());
        // The other index would read all that a hotel was ever told.
        let query = format!(
            "SELECT id, body, TIMESTAMPDIFF(SECOND, COALESCE(retried_at, created_at), CURRENT_TIMESTAMP) \
             FROM notification FORCE INDEX (idx_state) \
             WHERE state = 'pending' AND id > ? {of_hotels}ORDER BY id LIMIT ?"
        );
        let rows: Vec<(u64, String, i64)> =
            self.pool.with(|conn| Ok(conn.exec(&query, values)?))?;
        Ok(rows.into_iter().map(pending).collect())
    }
}

fn pending((id, body, seconds): (u64, String, i64)) -> Pending {
    Pending {
        id,
        // A clock that was set back makes none younger than new.
        age: Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
        notice: notice_of(&body),
    }
}
