mod rows;

use std::time::Duration;

use mysql::Value;
use mysql::prelude::Queryable;

use crate::engine::Notice;
use crate::store::{Outbox, Pending, Share, StoreError};

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
        notice: notice(&body),
    }
}

/// A notice as it was written.
pub(super) fn notice(body: &str) -> Result<Notice, String> {
    serde_json::from_str(body).map_err(|error| format!("its body can't be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows outlive the version that wrote them.
    #[test]
    fn bodies_are_read_as_they_have_always_been_written() {
        let of_room = r#"{"kind":"alert","room":{"hotel_id":"H001","room_number":"101"},
            "stay":{"kind":"checkout","actual_checkin":null,"actual_checkout":"2023-04-10 11:58:00"},
            "detected":"2023-04-10 14:00:00","since":"2023-04-10 12:00:00","periods":4,"energy":9600,
            "threshold":1500,"interval_seconds":1800,
            "history":[{"seconds":1800,"energy":2400},{"seconds":7200,"energy":null}]}"#;
        let of_meters = r#"{"kind":"silent","hotel_id":"H001","detected":"2023-04-10 14:00:00",
            "since":null,"silent":5,"watched":8,"rooms":["101","102"]}"#;
        for (body, kind) in [(of_room, "alert"), (of_meters, "silent")] {
            let read = notice(body).expect("it can be read");
            assert_eq!((read.hotel_id().as_str(), read.kind()), ("H001", kind));
            let written = serde_json::to_value(&read).expect("JSON");
            let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
            assert_eq!(written, body);
        }
    }
}
