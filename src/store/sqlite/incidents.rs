//! Reads and writes the rows of `incident` and `incident_event`.

use std::collections::HashMap;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Transaction, params, params_from_iter};

use crate::engine::{Detail, Incident, IncidentEvent, IncidentKey, IncidentState, Reason};
use crate::store::incident::{self, CHANGING, COLUMNS, KEY, Row, is_open};
use crate::store::incident_list::Param;
use crate::store::{Incidents, MAX_DELETED, Plan, StoreError, StoredIncident, WantedIncidents};
use crate::types::{LocalTime, RoomKey};

use super::{SqliteFile, values};

/// Writes the incidents that a plan changes, and appends what became of them.
pub(super) fn write(transaction: &Transaction<'_>, plan: &Plan) -> Result<(), StoreError> {
    let columns = COLUMNS.join(", ");
    let set = CHANGING.iter();
    let set: Vec<String> = set
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    let mut write = transaction.prepare_cached(&format!(
        "INSERT INTO incident ({columns}) \
         VALUES ({}) \
         ON CONFLICT ({}) DO UPDATE SET {}, changed_at = unixepoch()",
        vec!["?"; COLUMNS.len()].join(", "),
        KEY.join(", "),
        set.join(", ")
    ))?;
    for incident in &plan.incidents {
        let Incident { key, .. } = incident;
        let acknowledged = incident.acknowledged.as_ref();
        write.execute(params![
            key.place.hotel_id.as_str(),
            key.place.room_number.as_str(),
            key.watch,
            key.cause.as_str(),
            key.since,
            key.opened_at,
            incident.stay.map(|(_, kind)| kind.as_str()),
            incident.stay.map(|(time, _)| time),
            incident.causes_as_words(),
            incident.periods,
            incident.energy,
            incident.state().as_str(),
            acknowledged.map(|it| it.by.as_str()),
            acknowledged.map(|it| it.at),
            acknowledged.map(|it| it.until),
            incident.snoozed_until,
            incident.escalated_step,
            incident.escalate_at,
            incident.closed.map(|closed| closed.at),
            incident.closed.map(|closed| closed.why.as_str()),
            incident.reason.map(Reason::as_str),
            incident.note,
        ])?;
    }
    write_events(transaction, &plan.incident_events)
}

fn write_events(transaction: &Transaction<'_>, events: &[IncidentEvent]) -> Result<(), StoreError> {
    let is = incident::is_key();
    let mut append = transaction.prepare_cached(&format!(
        "INSERT INTO incident_event (at, what, by_whom, detail, request_id, incident) \
         VALUES (?, ?, ?, ?, ?, (SELECT id FROM incident WHERE {is}))"
    ))?;
    for event in events {
        let key = &event.incident;
        append.execute(params![
            event.at,
            event.what.as_str(),
            event.by,
            event.detail.as_ref().map(Detail::as_json),
            event.request_id,
            key.place.hotel_id.as_str(),
            key.place.room_number.as_str(),
            key.watch,
            key.cause.as_str(),
            key.since,
            key.opened_at,
        ])?;
    }
    Ok(())
}

/// Passes the open incidents to `take`.
pub(super) fn load(conn: &Connection, take: &mut dyn FnMut(Incident)) -> Result<(), StoreError> {
    let columns = COLUMNS.join(", ");
    let query = format!("SELECT {columns} FROM incident WHERE {}", is_open());
    let mut query = conn.prepare(&query)?;
    let mut rows = query.query(())?;
    while let Some(row) = rows.next()? {
        take(read(row)?.read()?);
    }
    Ok(())
}

fn read(row: &rusqlite::Row<'_>) -> Result<Row, StoreError> {
    Ok(Row {
        hotel_id: row.get(0)?,
        room_number: row.get(1)?,
        watch: row.get(2)?,
        rule: row.get(3)?,
        since: values::time(row, 4)?,
        opened_at: values::time(row, 5)?,
        msg_type: row.get(6)?,
        stay_time: values::time(row, 7)?,
        rules: row.get(8)?,
        periods: row.get(9)?,
        wh: row.get(10)?,
        // The state follows from the others.
        acknowledged_by: row.get(12)?,
        acknowledged_at: values::time(row, 13)?,
        acknowledged_until: values::time(row, 14)?,
        snoozed_until: values::time(row, 15)?,
        escalated_step: row.get(16)?,
        escalate_at: values::time(row, 17)?,
        closed_at: values::time(row, 18)?,
        closed_why: row.get(19)?,
        reason: row.get(20)?,
        note: row.get(21)?,
    })
}

impl Incidents for SqliteFile {
    fn newest_incidents(
        &self,
        wanted: &WantedIncidents<'_>,
        limit: usize,
    ) -> Result<Vec<StoredIncident>, StoreError> {
        self.with(|conn| {
            let opened_at = |id: u64| {
                let query = "SELECT opened_at FROM incident WHERE id = ?";
                let mut query = conn.prepare_cached(query)?;
                let found = query.query_row((id.cast_signed(),), |row| row.get(0));
                Ok(found.optional()?)
            };
            wanted.read(limit, opened_at, |statement| {
                let text =
                    statement.text(|index| format!("INDEXED BY idx_incident_{}", index.name()));
                // Not cached: there are many forms of it.
                let mut query = conn.prepare(&text)?;
                let values = statement.params.iter().map(|it| value(*it));
                let mut rows = query.query(params_from_iter(values))?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.push(stored(row)?);
                }
                Ok(found)
            })
        })
    }

    fn incident_history(
        &self,
        id: u64,
    ) -> Result<Option<(StoredIncident, Vec<IncidentEvent>)>, StoreError> {
        self.with(|conn| {
            let columns = COLUMNS.join(", ");
            let query = format!("SELECT {columns}, id FROM incident WHERE id = ?");
            let mut query = conn.prepare_cached(&query)?;
            let mut rows = query.query((id.cast_signed(),))?;
            let Some(row) = rows.next()? else {
                return Ok(None);
            };
            let it = stored(row)?;
            let mut query = conn.prepare_cached(
                "SELECT at, what, by_whom, detail, request_id FROM incident_event \
                 WHERE incident = ? ORDER BY id",
            )?;
            let mut rows = query.query((id.cast_signed(),))?;
            let mut events = Vec::new();
            while let Some(row) = rows.next()? {
                let what: String = row.get(1)?;
                let [by, detail, request_id] = [row.get(2)?, row.get(3)?, row.get(4)?];
                let event =
                    incident::event(&it.incident.key, row.get(0)?, &what, by, detail, request_id);
                events.extend(event);
            }
            Ok(Some((it, events)))
        })
    }

    fn incident_ids(&self, keys: &[&IncidentKey]) -> Result<HashMap<IncidentKey, u64>, StoreError> {
        self.with(|conn| {
            let is = incident::is_key();
            let mut query = conn.prepare_cached(&format!("SELECT id FROM incident WHERE {is}"))?;
            let mut ids = HashMap::new();
            for key in keys {
                let values = params![
                    key.place.hotel_id.as_str(),
                    key.place.room_number.as_str(),
                    key.watch,
                    key.cause.as_str(),
                    key.since,
                    key.opened_at,
                ];
                let id = query.query_row(values, |row| values::number(row, 0));
                ids.extend(id.optional()?.map(|id| ((*key).clone(), id)));
            }
            Ok(ids)
        })
    }
}

fn value(param: Param<'_>) -> Value {
    match param {
        Param::Text(text) => Value::from(text.to_owned()),
        Param::Time(time) => Value::from(time.seconds()),
        Param::Number(number) => Value::from(number.cast_signed()),
    }
}

/// An incident of a row whose last column is its id.
fn stored(row: &rusqlite::Row<'_>) -> Result<StoredIncident, StoreError> {
    Ok(StoredIncident {
        id: values::number(row, COLUMNS.len())?,
        incident: read(row)?.read()?,
    })
}

/// The incident with this id, and whether the request has had its effect already.
pub(super) fn find(
    conn: &Connection,
    id: u64,
    request_id: &str,
) -> Result<Option<(Incident, bool)>, StoreError> {
    let columns = COLUMNS.join(", ");
    let query = format!("SELECT {columns} FROM incident WHERE id = ?");
    let mut query = conn.prepare_cached(&query)?;
    let mut rows = query.query((id.cast_signed(),))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let incident = read(row)?.read()?;
    let query = "SELECT 1 FROM incident_event WHERE request_id = ?";
    let done = conn.prepare_cached(query)?.exists((request_id,))?;
    Ok(Some((incident, done)))
}

/// When the first alert after a time was recorded of a room.
pub(super) fn first_alert(
    conn: &Connection,
    room: &RoomKey,
    after: LocalTime,
) -> Result<Option<LocalTime>, StoreError> {
    let query = "SELECT min(detected_time) FROM electricity_abnormal \
                 WHERE hotel_id = ? AND room_number = ? AND detected_time > ?";
    let key = params![room.hotel_id.as_str(), room.room_number.as_str(), after];
    Ok(conn.query_row(query, key, |row| values::time(row, 0))?)
}

/// Deletes the oldest closed incidents that have not changed for so many days, each with its
/// history.
pub(super) fn delete_old(transaction: &Transaction<'_>, keep_days: u32) -> Result<u64, StoreError> {
    let seconds = i64::from(keep_days) * 24 * 3_600;
    let old = params![
        IncidentState::Closed.as_str(),
        seconds,
        MAX_DELETED.cast_signed()
    ];
    let ids = "SELECT id FROM incident WHERE state = ? AND changed_at < unixepoch() - ? \
               ORDER BY changed_at, id LIMIT ?";
    let delete = format!("DELETE FROM incident_event WHERE incident IN ({ids})");
    transaction.execute(&delete, old)?;
    let delete = format!("DELETE FROM incident WHERE id IN ({ids})");
    Ok(transaction.execute(&delete, old)? as u64)
}
