//! The outbox: pending notices for notifiers, and all notices for an operator.

use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, Value};

use crate::config;
use crate::store::{
    NoticeState, Outbox, OutboxRow, OutboxRows, Pending, Share, StoreError, notice_of,
};
use crate::types::Zone;

use super::{MySqlReader, codec, connect};

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
        // By the index on the hotel the server would read all notices the hotel ever had.
        let query = format!(
            "SELECT id, body, TIMESTAMPDIFF(SECOND, COALESCE(retried_at, created_at), \
             CURRENT_TIMESTAMP) FROM notification FORCE INDEX (idx_state) \
             WHERE state = 'pending' AND id > ? {of_hotels}ORDER BY id LIMIT ?"
        );
        let rows: Vec<(u64, String, i64)> =
            self.conns.with(|conn| Ok(conn.exec(&query, values)?))?;
        Ok(rows.into_iter().map(pending).collect())
    }
}

fn pending((id, body, seconds): (u64, String, i64)) -> Pending {
    Pending {
        id,
        // Never negative, even if the clock was set back.
        age: Duration::from_secs(u64::try_from(seconds).unwrap_or(0)),
        notice: notice_of(&body),
    }
}

/// The outbox on a connection of its own, for commands.
pub struct MySqlOutbox {
    conn: Conn,
}

impl MySqlOutbox {
    /// Connects to the server.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    pub fn open(config: &config::MySql, zone: Zone) -> Result<MySqlOutbox, StoreError> {
        let conn = connect::connect(&connect::reading(config, zone))?;
        Ok(MySqlOutbox { conn })
    }
}

impl OutboxRows for MySqlOutbox {
    fn newest(
        &mut self,
        states: &[NoticeState],
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        // Each state is read backwards from the end of its part of the index. With `state IN (...)`
        // the server would read and sort all rows, or search the whole table for a few. Without
        // FORCE INDEX it would begin at the end of a state even for a low id.
        let of_state = format!(
            "({SELECT} FORCE INDEX (idx_state) WHERE state = ? AND id < ? ORDER BY id DESC LIMIT ?)"
        );
        let mut parts = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        for state in NoticeState::ALL {
            if states.contains(&state) {
                parts.push(of_state.as_str());
                values.push(state.as_str().into());
                values.push(before.unwrap_or(u64::MAX).into());
                values.push(limit.into());
            }
        }
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        values.push(limit.into());
        let query = format!("{} ORDER BY id DESC LIMIT ?", parts.join(" UNION ALL "));
        let rows: Vec<Columns> = self.conn.exec(query, values)?;
        rows.into_iter().map(outbox_row).collect()
    }

    fn get(&mut self, id: u64) -> Result<Option<OutboxRow>, StoreError> {
        let row: Option<Columns> = self
            .conn
            .exec_first(format!("{SELECT} WHERE id = ?"), (id,))?;
        row.map(outbox_row).transpose()
    }

    fn given_up(&mut self) -> Result<Vec<u64>, StoreError> {
        Ok(self.conn.query(
            "SELECT id FROM notification FORCE INDEX (idx_state) \
             WHERE state IN ('expired', 'failed') ORDER BY id",
        )?)
    }

    fn retry(&mut self, id: u64, seen: NoticeState) -> Result<bool, StoreError> {
        self.conn.exec_drop(
            "UPDATE notification \
             SET state = 'pending', retried_at = CURRENT_TIMESTAMP, sent_at = NULL, error = NULL \
             WHERE id = ? AND state = ?",
            (id, seen.as_str()),
        )?;
        Ok(self.conn.affected_rows() > 0)
    }
}

const SELECT: &str = "SELECT id, hotel_id, room_number, kind, detected_time, body, state, error, \
     created_at, sent_at, retried_at FROM notification";

/// A row of [`SELECT`].
type Columns = (
    u64,
    String,
    String,
    String,
    Value,
    String,
    String,
    Option<String>,
    Value,
    Value,
    Value,
);

fn outbox_row(row: Columns) -> Result<OutboxRow, StoreError> {
    let (
        id,
        hotel_id,
        room_number,
        kind,
        detected,
        body,
        state,
        error,
        created_at,
        sent_at,
        retried_at,
    ) = row;
    let required = |value: &Value, column: &str| {
        codec::required_time(value, &format!("{column} of notification {id}"))
    };
    Ok(OutboxRow {
        id,
        hotel_id,
        room_number,
        kind,
        detected: required(&detected, "detected_time")?,
        notice: notice_of(&body),
        body,
        state: NoticeState::from_word(&state, id)?,
        error,
        created_at: required(&created_at, "created_at")?,
        sent_at: codec::local_time(&sent_at),
        retried_at: codec::local_time(&retried_at),
    })
}
