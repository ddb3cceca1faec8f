//! Reads and writes the rows of `incident` and `incident_event`.

use std::cell::RefCell;
use std::collections::HashMap;

use mysql::prelude::Queryable;
use mysql::{Conn, Transaction, Value};

use crate::engine::{Detail, Incident, IncidentEvent, IncidentKey, IncidentState, Reason};
use crate::store::incident::{self, CHANGING, COLUMNS, KEY, Row, is_open};
use crate::store::incident_list::Param;
use crate::store::{Incidents, MAX_DELETED, Plan, StoreError, StoredIncident, WantedIncidents};
use crate::types::{LocalTime, RoomKey};

use super::MySqlReader;
use super::codec::{self, datetime};
use super::transaction::{SAME_ROOM, insert, insert_or_change, same_room};

/// The columns of `incident_event`.
pub(super) const EVENT: [&str; 6] = ["incident", "at", "what", "by_whom", "detail", "request_id"];

/// Incidents whose ids are asked for by one statement.
const ASKED: usize = 100;

/// Writes the incidents that a plan changes, and appends what became of them.
pub(super) fn write(transaction: &mut Transaction, plan: &Plan) -> Result<(), StoreError> {
    let rows = plan.incidents.iter().map(values);
    insert_or_change(transaction, "incident", &COLUMNS, CHANGING, rows)?;
    let of_events: Vec<&IncidentKey> = (plan.incident_events.iter())
        .map(|event| &event.incident)
        .collect();
    let ids = ids(transaction, &of_events)?;
    let mut rows = Vec::with_capacity(plan.incident_events.len());
    for event in &plan.incident_events {
        let id = ids.get(&event.incident).ok_or_else(|| {
            let place = &event.incident.place;
            StoreError::Unreadable(format!("an incident of {place} is missing in its table"))
        })?;
        rows.push(vec![
            (*id).into(),
            datetime(event.at),
            event.what.as_str().into(),
            event.by.as_deref().into(),
            event.detail.as_ref().map(Detail::as_json).into(),
            event.request_id.as_deref().into(),
        ]);
    }
    insert(
        transaction,
        "INSERT INTO incident_event",
        &EVENT,
        rows.into_iter(),
    )
}

/// The ids of incidents, of those that are stored.
fn ids(
    conn: &mut impl Queryable,
    keys: &[&IncidentKey],
) -> Result<HashMap<IncidentKey, u64>, StoreError> {
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    keys.dedup();
    let mut ids = HashMap::new();
    let is = incident::is_key();
    for some in keys.chunks(ASKED) {
        let any = vec![format!("({is})"); some.len()].join(" OR ");
        let columns = KEY.join(", ");
        let query = format!("SELECT {columns}, id FROM incident WHERE {any}");
        let values: Vec<Value> = some.iter().flat_map(|key| key_values(key)).collect();
        let rows: Vec<(String, String, u32, String, Value, Value, u64)> =
            conn.exec(query, values)?;
        for (hotel, number, watch, rule, since, opened_at, id) in rows {
            let (since, opened_at) = (codec::local_time(&since), codec::local_time(&opened_at));
            let key = some.iter().find(|key| {
                key.place.hotel_id.as_str() == hotel
                    && key.place.room_number.as_str() == number
                    && (key.watch, key.cause.as_str()) == (watch, rule.as_str())
                    && (Some(key.since), Some(key.opened_at)) == (since, opened_at)
            });
            ids.extend(key.map(|key| ((*key).clone(), id)));
        }
    }
    Ok(ids)
}

fn key_values(key: &IncidentKey) -> Vec<Value> {
    vec![
        key.place.hotel_id.as_str().into(),
        key.place.room_number.as_str().into(),
        key.watch.into(),
        key.cause.as_str().into(),
        datetime(key.since),
        datetime(key.opened_at),
    ]
}

/// The values of a row, in the order of [`COLUMNS`].
fn values(incident: &Incident) -> Vec<Value> {
    let time = |time: Option<LocalTime>| time.map_or(Value::NULL, datetime);
    let acknowledged = incident.acknowledged.as_ref();
    let mut values = key_values(&incident.key);
    values.extend([
        incident.stay.map(|(_, kind)| kind.as_str()).into(),
        time(incident.stay.map(|(time, _)| time)),
        incident.causes_as_words().into(),
        incident.periods.into(),
        incident.energy.0.into(),
        incident.state().as_str().into(),
        acknowledged.map(|it| it.by.as_str()).into(),
        time(acknowledged.map(|it| it.at)),
        time(acknowledged.map(|it| it.until)),
        time(incident.snoozed_until),
        incident.escalated_step.into(),
        time(incident.escalate_at),
        time(incident.closed.map(|closed| closed.at)),
        incident.closed.map(|closed| closed.why.as_str()).into(),
        incident.reason.map(Reason::as_str).into(),
        incident.note.as_deref().into(),
    ]);
    values
}

/// Passes the open incidents to `take`.
pub(super) fn load(conn: &mut Conn, take: &mut dyn FnMut(Incident)) -> Result<(), StoreError> {
    let columns = COLUMNS.join(", ");
    let query = format!("SELECT {columns} FROM incident WHERE {}", is_open());
    let rows: Vec<mysql::Row> = conn.query(query)?;
    for row in rows {
        take(read(row)?.read()?);
    }
    Ok(())
}

fn read(row: mysql::Row) -> Result<Row, StoreError> {
    fn column<T: mysql::prelude::FromValue>(row: &mysql::Row, at: usize) -> Result<T, StoreError> {
        let value = row.get_opt::<T, usize>(at).and_then(Result::ok);
        value.ok_or_else(|| StoreError::Unreadable(format!("{} of an incident", COLUMNS[at])))
    }
    let time = |at| Ok::<_, StoreError>(codec::local_time(&column::<Value>(&row, at)?));
    Ok(Row {
        hotel_id: column(&row, 0)?,
        room_number: column(&row, 1)?,
        watch: column(&row, 2)?,
        rule: column(&row, 3)?,
        since: time(4)?,
        opened_at: time(5)?,
        msg_type: column(&row, 6)?,
        stay_time: time(7)?,
        rules: column(&row, 8)?,
        periods: column(&row, 9)?,
        wh: column(&row, 10)?,
        // The state follows from the others.
        acknowledged_by: column(&row, 12)?,
        acknowledged_at: time(13)?,
        acknowledged_until: time(14)?,
        snoozed_until: time(15)?,
        escalated_step: column(&row, 16)?,
        escalate_at: time(17)?,
        closed_at: time(18)?,
        closed_why: column(&row, 19)?,
        reason: column(&row, 20)?,
        note: column(&row, 21)?,
    })
}

impl Incidents for MySqlReader {
    fn newest_incidents(
        &self,
        wanted: &WantedIncidents<'_>,
        limit: usize,
    ) -> Result<Vec<StoredIncident>, StoreError> {
        self.conns.with(|conn| {
            let conn = RefCell::new(conn);
            let opened_at = |id| {
                let query = "SELECT opened_at FROM incident WHERE id = ?";
                let found: Option<Value> = conn.borrow_mut().exec_first(query, (id,))?;
                Ok(found.as_ref().and_then(codec::local_time))
            };
            wanted.read(limit, opened_at, |statement| {
                // By another index the server would read and sort all of a hotel's history, or
                // search all of the table for a few rows.
                let text = statement.text(|index| format!("FORCE INDEX (idx_{})", index.name()));
                let values: Vec<Value> = statement.params.iter().map(|it| value(*it)).collect();
                let rows: Vec<mysql::Row> = conn.borrow_mut().exec(text, values)?;
                rows.into_iter().map(stored).collect()
            })
        })
    }

    fn incident_history(
        &self,
        id: u64,
    ) -> Result<Option<(StoredIncident, Vec<IncidentEvent>)>, StoreError> {
        self.conns.with(|conn| {
            let columns = COLUMNS.join(", ");
            let query = format!("SELECT {columns}, id FROM incident WHERE id = ?");
            let Some(row) = conn.exec_first::<mysql::Row, _, _>(query, (id,))? else {
                return Ok(None);
            };
            let it = stored(row)?;
            let query = "SELECT at, what, by_whom, detail, request_id FROM incident_event \
                         WHERE incident = ? ORDER BY id";
            let rows: Vec<EventColumns> = conn.exec(query, (id,))?;
            let mut events = Vec::with_capacity(rows.len());
            for (at, what, by, detail, request_id) in rows {
                let at = codec::required_time(&at, "at of incident_event")?;
                events.extend(incident::event(
                    &it.incident.key,
                    at,
                    &what,
                    by,
                    detail,
                    request_id,
                ));
            }
            Ok(Some((it, events)))
        })
    }

    fn incident_ids(&self, keys: &[&IncidentKey]) -> Result<HashMap<IncidentKey, u64>, StoreError> {
        self.conns.with(|conn| ids(conn, keys))
    }
}

/// `at`, `what`, `by_whom`, `detail` and `request_id` of an event.
type EventColumns = (
    Value,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
);

fn value(param: Param<'_>) -> Value {
    match param {
        Param::Text(text) => text.into(),
        Param::Time(time) => datetime(time),
        Param::Number(number) => number.into(),
    }
}

/// An incident of a row whose last column is its id.
fn stored(row: mysql::Row) -> Result<StoredIncident, StoreError> {
    let id = row.get_opt::<u64, usize>(COLUMNS.len());
    let id = id.and_then(Result::ok);
    let id = id.ok_or_else(|| StoreError::Unreadable("id of an incident".to_owned()))?;
    let incident = read(row)?.read()?;
    Ok(StoredIncident { id, incident })
}

/// The incident with this id, and whether the request has had its effect already.
pub(super) fn find(
    conn: &mut Conn,
    id: u64,
    request_id: &str,
) -> Result<Option<(Incident, bool)>, StoreError> {
    let columns = COLUMNS.join(", ");
    let query = format!("SELECT {columns} FROM incident WHERE id = ?");
    let Some(row) = conn.exec_first::<mysql::Row, _, _>(query, (id,))? else {
        return Ok(None);
    };
    let query = "SELECT 1 FROM incident_event WHERE request_id = ?";
    let done: Option<u8> = conn.exec_first(query, (request_id,))?;
    Ok(Some((read(row)?.read()?, done.is_some())))
}

/// When the first alert after a time was recorded of a room.
pub(super) fn first_alert(
    conn: &mut Conn,
    room: &RoomKey,
    after: LocalTime,
) -> Result<Option<LocalTime>, StoreError> {
    let mut values = same_room(room);
    values.push(datetime(after));
    let query = format!(
        "SELECT MIN(detected_time) FROM electricity_abnormal WHERE {} AND detected_time > ?",
        SAME_ROOM
    );
    let found: Option<Value> = conn.exec_first(query, values)?;
    Ok(found.as_ref().and_then(codec::local_time))
}

/// Deletes the oldest closed incidents that have not changed for so many days by the clock of the
/// server, each with its history.
pub(super) fn delete_old(transaction: &mut Transaction, keep_days: u32) -> Result<u64, StoreError> {
    let closed = IncidentState::Closed.as_str();
    let ids: Vec<u64> = transaction.exec(
        "SELECT id FROM incident WHERE state = ? \
         AND changed_at < CURRENT_TIMESTAMP - INTERVAL ? DAY ORDER BY changed_at, id LIMIT ?",
        (closed, keep_days, MAX_DELETED),
    )?;
    for some in ids.chunks(ASKED) {
        let list: Vec<String> = some.iter().map(u64::to_string).collect();
        let list = list.join(", ");
        for (table, column) in [("incident_event", "incident"), ("incident", "id")] {
            transaction.query_drop(format!("DELETE FROM {table} WHERE {column} IN ({list})"))?;
        }
    }
    Ok(ids.len() as u64)
}
