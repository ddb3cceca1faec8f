//! The outbox: pending notices for notifiers, and all notices for an operator.

use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params, params_from_iter};

use crate::store::{
    NoticeState, Outbox, OutboxRow, OutboxRows, Pending, Share, StoreError, notice_of,
};
use crate::types::Zone;

use super::{SqliteFile, values};

impl Outbox for SqliteFile {
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
        // With the sign the hotel's index is not taken: it has all that ever was of it.
        let marks = vec!["?"; hotels.len()].join(", ");
        let query = format!(
            "SELECT id, body, unixepoch() - coalesce(retried_at, created_at) FROM notification \
             WHERE state = 'pending' AND id > ? AND +hotel_id {only} ({marks}) ORDER BY id LIMIT ?"
        );
        let mut values = vec![Value::from(after.cast_signed())];
        values.extend(hotels.iter().map(|hotel| hotel.as_str().to_owned().into()));
        values.push((limit as i64).into());
        self.with(|conn| {
            let mut query = conn.prepare_cached(&query)?;
            let rows = query.query_map(params_from_iter(values), |row| {
                let (body, age): (String, i64) = (row.get(1)?, row.get(2)?);
                Ok(Pending {
                    id: values::number(row, 0)?,
                    // Never negative, even if the clock was set back.
                    age: Duration::from_secs(u64::try_from(age).unwrap_or(0)),
                    notice: notice_of(&body),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

/// The outbox for commands.
pub struct SqliteOutbox(pub(in crate::store) SqliteFile);

const SELECT: &str = "SELECT id, hotel_id, room_number, kind, detected_time, body, state, error, \
     created_at, sent_at, retried_at FROM notification";

impl OutboxRows for SqliteOutbox {
    fn newest(
        &mut self,
        states: &[NoticeState],
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<OutboxRow>, StoreError> {
        // Each state is read backwards from the end of its part of the index, as in MySQL's store.
        let of_state =
            format!("SELECT * FROM ({SELECT} WHERE state = ? AND id < ? ORDER BY id DESC LIMIT ?)");
        let mut values: Vec<Value> = Vec::new();
        for state in states {
            values.push(state.as_str().to_owned().into());
            values.push(before.map_or(i64::MAX, u64::cast_signed).into());
            values.push((limit as i64).into());
        }
        if states.is_empty() {
            return Ok(Vec::new());
        }
        values.push((limit as i64).into());
        let parts = vec![of_state; states.len()].join(" UNION ALL ");
        let zone = self.0.zone;
        self.0.with(|conn| {
            let mut query = conn.prepare(&format!("{parts} ORDER BY id DESC LIMIT ?"))?;
            let mut rows = query.query(params_from_iter(values))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(outbox_row(row, zone)?);
            }
            Ok(found)
        })
    }

    fn get(&mut self, id: u64) -> Result<Option<OutboxRow>, StoreError> {
        let zone = self.0.zone;
        self.0.with(|conn| {
            let mut query = conn.prepare(&format!("{SELECT} WHERE id = ?"))?;
            let row = query.query_row((id.cast_signed(),), |row| Ok(outbox_row(row, zone)));
            row.optional()?.transpose()
        })
    }

    fn given_up(&mut self) -> Result<Vec<u64>, StoreError> {
        self.0.with(|conn| {
            let mut query = conn.prepare(
                "SELECT id FROM notification WHERE state IN ('expired', 'failed') ORDER BY id",
            )?;
            let ids = query.query_map((), |row| values::number(row, 0))?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
    }

    fn retry(&mut self, id: u64, seen: NoticeState) -> Result<bool, StoreError> {
        self.0.with(|conn| {
            let changed = conn.execute(
                "UPDATE notification \
                 SET state = 'pending', retried_at = unixepoch(), sent_at = NULL, error = NULL \
                 WHERE id = ? AND state = ?",
                params![id.cast_signed(), seen.as_str()],
            )?;
            Ok(changed > 0)
        })
    }
}

fn outbox_row(row: &Row<'_>, zone: Zone) -> Result<OutboxRow, StoreError> {
    let id = values::number(row, 0)?;
    let body: String = row.get(5)?;
    Ok(OutboxRow {
        id,
        hotel_id: row.get(1)?,
        room_number: row.get(2)?,
        kind: row.get(3)?,
        detected: row.get(4)?,
        notice: notice_of(&body),
        body,
        state: NoticeState::from_word(&row.get::<_, String>(6)?, id)?,
        error: row.get(7)?,
        created_at: values::required_moment(row, 8, zone)?,
        sent_at: values::moment(row, 9, zone)?,
        retried_at: values::moment(row, 10, zone)?,
    })
}
