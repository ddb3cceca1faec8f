//! Reading the meters: new rows once, by id; single rooms by key.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use mysql::{Params, Row, Value};

use crate::config::MeterTable;
use crate::store::{Meters, Readings, StoreError, Wanted};
use crate::types::{LocalTime, Reading, RoomKey, WattHours};

use super::codec::{datetime, local_time};
use super::window::Window;
use super::{MySqlReader, Pooled};

/// Keys a statement; from 500 on servers turn the list into a join.
const KEYS: usize = 400;

/// Keys a statement where nothing bounds their history: a year of a room is 17,500 rows.
const KEYS_WITH_HISTORY: usize = 20;

/// Of two open transactions the lower id can commit later: rows this young are read again.
const OVERLAP: Duration = Duration::from_secs(600);

/// How far back a start learns which ids recent rows have. Seconds.
const WINDOW_AT_START: i64 = 4 * 3600;

/// The meter table's new rows, streamed once in the order of their ids.
pub struct MeterTail {
    /// Where streams began and ended lately: (when, last id).
    marks: VecDeque<(Instant, u64)>,
    last: u64,
}

/// What a stream brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeterRows {
    /// Rows read, those of the overlap again.
    pub rows: u64,
    /// Rows that are no readings: NULLs, zero dates, times ahead of now.
    pub bad: u64,
    /// Where to go on when the stream ended at its limit.
    pub next: Option<u64>,
}

impl MeterTail {
    /// A tail that goes on after row `id`.
    fn after(id: u64) -> MeterTail {
        MeterTail {
            marks: VecDeque::from([(Instant::now(), id)]),
            last: id,
        }
    }

    /// Every row up to this one has been read, and long enough ago that none can be hidden in a
    /// transaction still open.
    pub fn settled_id(&self) -> u64 {
        self.marks.front().map_or(self.last, |&(_, id)| id)
    }

    fn advance(&mut self, to: u64, now: Instant) {
        self.last = self.last.max(to);
        self.marks.push_back((now, self.last));
        while let Some(&(when, _)) = self.marks.get(1)
            && now.duration_since(when) >= OVERLAP
        {
            self.marks.pop_front();
        }
    }
}

impl MySqlReader {
    /// The tail of the meter table: after row `judged`, or from its end on when that is not known.
    /// No row is expected to be later than `latest`.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    pub fn meter_tail(
        &self,
        judged: Option<u64>,
        latest: LocalTime,
    ) -> Result<MeterTail, StoreError> {
        let mut conn = self.conn()?;
        let last = self.last_id(&mut conn)?;
        let from = latest.plus(-WINDOW_AT_START);
        let MeterTable {
            id,
            table,
            script_time,
            ..
        } = &self.meter;
        let row: Option<Row> = conn.exec_first(
            format!("SELECT MIN(`{id}`) FROM `{table}` WHERE `{script_time}` >= ?"),
            (datetime(from),),
        )?;
        let smallest = row.as_ref().and_then(|row| integer(row.as_ref(0)?));
        let smallest = smallest.unwrap_or(last + 1);
        *self.window.lock() = Some(Window::new(from, latest, smallest, last));
        Ok(MeterTail::after(match judged {
            Some(judged) if judged <= last => judged,
            // Fewer ids than have been judged: the table was made anew.
            Some(_) => 0,
            None => last,
        }))
    }

    /// Streams up to `limit` rows to `take`, in the order of their ids: those after row `from`, or
    /// without one those of the last ten minutes again and all since. Rows later than `latest` are
    /// bad.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table; then the tail has not moved.
    pub fn stream_new(
        &self,
        tail: &mut MeterTail,
        from: Option<u64>,
        limit: u64,
        latest: LocalTime,
        mut take: impl FnMut(RoomKey, Reading),
    ) -> Result<MeterRows, StoreError> {
        let started = Instant::now();
        let from = from.unwrap_or(tail.settled_id());
        let MeterTable { id, table, .. } = &self.meter;
        let query = format!(
            "SELECT {} FROM `{table}` WHERE `{id}` > {from} ORDER BY `{id}` LIMIT {limit}",
            self.columns(),
        );
        let mut rows = MeterRows::default();
        let mut last = from;
        let mut seen = Vec::new();
        let mut conn = self.conn()?;
        // Prepared, as single rooms are read: a FLOAT comes with fewer digits as a text.
        for row in conn.exec_iter(query, ())? {
            let row = row?;
            rows.rows += 1;
            let Some(id) = row.as_ref(0).and_then(integer) else {
                return Err(self.no_integer());
            };
            last = id;
            match reading(&row, latest) {
                Some((room, reading)) => {
                    seen.push((id, reading.time));
                    take(room, reading);
                }
                None => rows.bad += 1,
            }
        }
        if rows.rows == 0 && from > 0 && self.last_id(&mut conn)? < from {
            log::warn!("the meter table has been emptied or made anew: reading it from its start");
            *tail = MeterTail::after(0);
            // What was learned of its ids is void: any may be new.
            *self.window.lock() = Some(Window::new(latest.plus(-WINDOW_AT_START), latest, 0, 0));
            rows.next = Some(0);
            return Ok(rows);
        }
        rows.next = (rows.rows == limit).then_some(last);
        tail.advance(last, started);
        if let Some(window) = self.window.lock().as_mut() {
            for (id, time) in seen {
                window.see(id, time);
            }
            window.forget_before(latest);
        }
        Ok(rows)
    }

    /// An id below which no row newer than `after` lies, if that is known.
    fn bound(&self, after: LocalTime) -> Option<u64> {
        (self.window.lock().as_ref()).and_then(|window| window.smallest_id_after(after))
    }

    fn readings_of_chunk(
        &self,
        wanted: &[&Wanted],
        latest: LocalTime,
        found: &mut HashMap<RoomKey, Vec<(u64, Reading)>>,
    ) -> Result<(), StoreError> {
        let Some(after) = wanted.iter().map(|wanted| wanted.after).min() else {
            return Ok(());
        };
        let MeterTable {
            table,
            id,
            hotel_id,
            room_number,
            script_time,
            ..
        } = &self.meter;
        let keys = vec!["(?, ?)"; wanted.len()].join(", ");
        let mut values: Vec<Value> = Vec::with_capacity(wanted.len() * 2 + 1);
        for Wanted { room, .. } in wanted {
            values.push(room.hotel_id.as_str().into());
            values.push(room.room_number.as_str().into());
        }
        let newer = match self.bound(after) {
            Some(bound) => {
                values.push(bound.into());
                format!("`{id}` >= ?")
            }
            None => {
                values.push(datetime(after));
                format!("`{script_time}` > ?")
            }
        };
        // Not sorted by the server, which would send the first row only after reading the last.
        let query = format!(
            "SELECT {} FROM `{table}` WHERE (`{hotel_id}`, `{room_number}`) IN ({keys}) AND {newer}",
            self.columns(),
        );
        let after: HashMap<&RoomKey, LocalTime> = wanted
            .iter()
            .map(|wanted| (&wanted.room, wanted.after))
            .collect();
        let mut conn = self.conn()?;
        for row in conn.exec_iter(query, Params::Positional(values))? {
            let row = row?;
            let (Some((room, reading)), Some(id)) =
                (reading(&row, latest), row.as_ref(0).and_then(integer))
            else {
                continue;
            };
            // The table may compare without regard to case: other rooms come along.
            if after.get(&room).is_some_and(|&after| reading.time > after)
                && let Some(rows) = found.get_mut(&room)
            {
                rows.push((id, reading));
            }
        }
        Ok(())
    }

    /// The time from which on single rooms are cheap to read.
    pub fn cheap_after(&self) -> Option<LocalTime> {
        self.window.lock().as_ref().map(Window::reaches_back_to)
    }

    fn last_id(&self, conn: &mut Pooled) -> Result<u64, StoreError> {
        let MeterTable { id, table, .. } = &self.meter;
        let row: Option<Row> = conn.exec_first(format!("SELECT MAX(`{id}`) FROM `{table}`"), ())?;
        match row.as_ref().and_then(|row| row.as_ref(0)) {
            None | Some(Value::NULL) => Ok(0),
            Some(value) => integer(value).ok_or_else(|| self.no_integer()),
        }
    }

    fn no_integer(&self) -> StoreError {
        let MeterTable { id, table, .. } = &self.meter;
        StoreError::Unreadable(format!("column {id} of {table} holds no positive integer"))
    }

    /// The columns in the order that [`reading`] takes them.
    fn columns(&self) -> String {
        let MeterTable {
            id,
            hotel_id,
            room_number,
            reading_value,
            script_time,
            ..
        } = &self.meter;
        format!("`{id}`, `{hotel_id}`, `{room_number}`, `{reading_value}`, `{script_time}`")
    }
}

/// Costs what is new where the time is recent, else the history of those rooms.
impl Meters for MySqlReader {
    fn readings(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        let mut found: HashMap<RoomKey, Vec<(u64, Reading)>> = wanted
            .iter()
            .map(|wanted| (wanted.room.clone(), Vec::new()))
            .collect();
        // Apart, so that one room with an old stay does not have the history of all read.
        let (recent, old): (Vec<&Wanted>, Vec<&Wanted>) = wanted
            .iter()
            .partition(|wanted| self.bound(wanted.after).is_some());
        for chunk in recent.chunks(KEYS).chain(old.chunks(KEYS_WITH_HISTORY)) {
            self.readings_of_chunk(chunk, latest, &mut found)?;
        }
        let sorted = found.into_iter().map(|(room, mut rows)| {
            // Of readings with one time the first stored is first.
            rows.sort_by_key(|&(id, reading)| (reading.time, id));
            (room, rows.into_iter().map(|(_, reading)| reading).collect())
        });
        Ok(sorted.collect())
    }

    fn reconnect(&self) {
        self.replace_pool();
    }
}

/// A row as a reading, at the door: `None` for NULLs, what can't be read, and times after `latest`.
fn reading(row: &Row, latest: LocalTime) -> Option<(RoomKey, Reading)> {
    let time = local_time(row.as_ref(4)?)?;
    if time > latest {
        return None;
    }
    let register = register(row.as_ref(3)?)?;
    let hotel_id = text(row.as_ref(1)?)?;
    let room_number = text(row.as_ref(2)?)?;
    Some((
        RoomKey::new(&hotel_id, &room_number),
        Reading { time, register },
    ))
}

fn text(value: &Value) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(Into::into),
        Value::Int(number) => Some(number.to_string().into()),
        Value::UInt(number) => Some(number.to_string().into()),
        _ => None,
    }
}

fn integer(value: &Value) -> Option<u64> {
    match value {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::UInt(number) => Some(*number),
        _ => None,
    }
}

/// A register of any numeric type in kWh.
fn register(value: &Value) -> Option<WattHours> {
    match value {
        Value::Bytes(bytes) => WattHours::parse_kwh(std::str::from_utf8(bytes).ok()?).ok(),
        Value::Int(number) => WattHours::parse_kwh(&number.to_string()).ok(),
        Value::UInt(number) => WattHours::parse_kwh(&number.to_string()).ok(),
        Value::Float(number) => WattHours::parse_kwh(&number.to_string()).ok(),
        Value::Double(number) => WattHours::parse_kwh(&number.to_string()).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_keeps_an_overlap_of_ten_minutes() {
        let start = Instant::now();
        let mut tail = MeterTail {
            marks: VecDeque::from([(start, 100)]),
            last: 100,
        };
        let after = |seconds| start + Duration::from_secs(seconds);
        tail.advance(200, after(60));
        tail.advance(300, after(120));
        assert_eq!((tail.settled_id(), tail.last), (100, 300));
        tail.advance(300, after(659));
        assert_eq!(tail.settled_id(), 100);
        tail.advance(400, after(660));
        assert_eq!((tail.settled_id(), tail.last), (200, 400));
        tail.advance(400, after(5_000));
        assert_eq!(tail.settled_id(), 400);
    }

    #[test]
    fn registers_of_every_numeric_type_are_read() {
        for (value, wh) in [
            (Value::Bytes(b"12.34".to_vec()), Some(12_340)),
            (Value::Int(-3), Some(-3_000)),
            (Value::UInt(7), Some(7_000)),
            (Value::Float(0.1), Some(100)),
            (Value::Double(1e-4), Some(0)),
            (Value::Double(f64::NAN), None),
            (Value::NULL, None),
            (Value::Bytes(b"broken".to_vec()), None),
        ] {
            assert_eq!(register(&value).map(|r| r.0), wh, "{value:?}");
        }
    }
}
