//! Past stays and readings, for reports.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use mysql::prelude::Queryable;
use mysql::{Conn, Params, Row, Value};

use crate::clock::{Clock, SystemClock};
use crate::config::{self, MeterTable};
use crate::engine::{RoomState, Statuses, Stay, latest_reading};
use crate::store::frames;
use crate::store::recorded::recorded;
use crate::store::{
    AlertRow, Archive, KeptFrame, MeterStream, NoticeState, Readings, Recorded, Scope, Span,
    StoreError, Threshold, Wanted, notice_of, stay,
};
use crate::types::{
    HotelId, Kind, LocalTime, Reading, RoomKey, RoomNumber, WattHours, Zone, trim_key_part,
};

use super::codec::{datetime, local_time, required_time};
use super::meter::keys::Caller;
use super::meter::rows::{self, integer, stored_key};
use super::meter::spellings::{Spellings, stored_keys_of};
use super::pool::Connections;
use super::{MySqlReader, connect, meter, rooms, schema, thresholds};

/// The columns of `electricity_monitoring` that [`stay`] reads.
pub(super) const STAY: &str = "hotel_id, room_number, msg_type, check_in_time, \
     expected_checkout_time, actual_checkin_time, actual_checkout_time";

/// A room's notices.
const NOTICES: &str = "SELECT id, body, state FROM notification \
     WHERE hotel_id = ? AND room_number = ? ORDER BY id";

/// A room's alerts, with their energies in Wh.
const ALERTS: &str = "SELECT hotel_id, room_number, detected_time, \
     CAST(total_consumption * 1000 AS SIGNED), CAST(continuous_periods AS SIGNED), \
     CAST(is_notified AS SIGNED) FROM electricity_abnormal \
     WHERE hotel_id = ? AND room_number = ? ORDER BY id";

/// Reading by id is chosen if at most this many rows of other times lie between two of the span,
/// because a row read by its id costs a third of one read by its time.
const ROWS_BETWEEN: u64 = 2;

/// If no index has the rooms of the table, spellings of a room are searched for in the rows of this
/// much time. Seconds.
const RECENTLY: i64 = 24 * 3_600;

/// Reads past stays and readings, over one connection.
pub struct MySqlArchive {
    /// Reads single rooms by their keys.
    reader: MySqlReader,
}

/// How the readings of a span are found.
enum Way {
    /// By the ids of its first and last row, with few other rows between them.
    Ids(u64, u64),
    /// By the time.
    Times,
}

impl MySqlArchive {
    pub fn new(config: &config::MySql, meter: MeterTable, zone: Zone) -> MySqlArchive {
        let conn = Connections::one(connect::reading_archive(config, zone));
        let reader = MySqlReader::of(conn, meter, zone);
        MySqlArchive { reader }
    }

    /// One that knows of the meter table what `reader` does, and adds to it.
    pub(super) fn beside(reader: &MySqlReader) -> MySqlArchive {
        MySqlArchive {
            reader: MySqlReader {
                conns: reader.conns.beside(),
                ..reader.clone()
            },
        }
    }

    /// The latest time that a reading can have now.
    fn latest(&self) -> LocalTime {
        let zone = self.reader.zone;
        latest_reading(SystemClock { zone }.now())
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.reader.conns.with(work)
    }

    /// Chooses the cheaper way: the ids, unless gateways have delivered very late.
    fn way(&self, conn: &mut Conn, id: &str, span: Span) -> Result<Way, StoreError> {
        let MeterTable {
            table, script_time, ..
        } = &self.reader.meter;
        let query = format!(
            "SELECT MIN(`{id}`), MAX(`{id}`), COUNT(*) FROM `{table}` \
             WHERE `{script_time}` > ? AND `{script_time}` <= ?"
        );
        let row: Option<Row> = conn.exec_first(query, params(times(span).into()))?;
        let number = |at| row.as_ref().and_then(|row| integer(row, at));
        Ok(match (number(0), number(1), number(2)) {
            (Some(first), Some(last), Some(rows))
                if (last - first) / (ROWS_BETWEEN + 1) <= rows =>
            {
                Way::Ids(first, last)
            }
            _ => Way::Times,
        })
    }

    /// The statement for the readings of a span, of a hotel or of all, and its values.
    fn query(
        &self,
        conn: &mut Conn,
        of: Option<&HotelId>,
        span: Span,
    ) -> Result<(String, Vec<Value>), StoreError> {
        let meter = &self.reader.meter;
        let MeterTable {
            table,
            hotel_id,
            script_time,
            ..
        } = meter;
        let columns = rows::columns(meter);
        let select = format!("SELECT {columns} FROM `{table}` WHERE ");
        let in_span = format!("`{script_time}` > ? AND `{script_time}` <= ?");
        let [after, to] = times(span);
        // Without an id it is unknown which of two readings with the same time was stored first, so
        // the server's order is kept. It must not sort: that delays the first row.
        Ok(match (of, meter.id()) {
            (Some(hotel), id) => {
                let spellings = Spellings::load(conn, meter, recently(span))?;
                let hotels = spellings.of_hotel(hotel);
                let mut values: Vec<Value> = hotels.iter().map(|it| it.as_str().into()).collect();
                let keys = vec![format!("`{hotel_id}` = ?"); hotels.len()].join(" OR ");
                let way = id.map(|id| Ok::<_, StoreError>((id, self.way(conn, id, span)?)));
                // With a span of ids the server reads no more than the span, whichever of the
                // indexes it takes; for a span of times it may read the whole table.
                let (rows, bounds) = match way.transpose()? {
                    Some((id, Way::Ids(first, last))) => (
                        format!("`{id}` BETWEEN ? AND ? ORDER BY `{id}`"),
                        [first.into(), last.into()],
                    ),
                    Some((id, Way::Times)) => (
                        format!("{in_span} ORDER BY `{script_time}`, `{id}`"),
                        [after, to],
                    ),
                    None => (in_span, [after, to]),
                };
                values.extend(bounds);
                (format!("{select}({keys}) AND {rows}"), values)
            }
            (None, None) => (format!("{select}{in_span}"), vec![after, to]),
            (None, Some(id)) => match self.way(conn, id, span)? {
                Way::Ids(first, last) => (
                    format!("{select}`{id}` BETWEEN ? AND ? ORDER BY `{id}`"),
                    vec![first.into(), last.into()],
                ),
                Way::Times => (
                    format!("{select}{in_span} ORDER BY `{script_time}`, `{id}`"),
                    vec![after, to],
                ),
            },
        })
    }
}

impl Archive for MySqlArchive {
    fn rooms(&mut self, take: &mut dyn FnMut(RoomKey, RoomState)) -> Result<(), StoreError> {
        self.with(|conn| {
            schema::check(conn)?;
            rooms::load(conn, Scope::All, take)
        })
    }

    fn stays(
        &mut self,
        of: Scope<'_>,
        to: LocalTime,
        take: &mut dyn FnMut(RoomKey, Stay),
    ) -> Result<(), StoreError> {
        self.with(|conn| {
            let (mut of_rooms, mut values) = (String::new(), Vec::new());
            if of != Scope::All {
                let keys = stored_keys(conn, of)?;
                if keys.is_empty() {
                    return Ok(());
                }
                let (one, stored): (_, Vec<Vec<Value>>) = match of {
                    Scope::Room(_) => (
                        "(hotel_id = ? AND room_number = ?)",
                        { keys.into_iter() }
                            .map(|(hotel, number)| vec![hotel.into(), number.into()])
                            .collect(),
                    ),
                    _ => {
                        let hotels: BTreeSet<String> = keys.into_iter().map(|(it, _)| it).collect();
                        let hotels = hotels.into_iter().map(|hotel| vec![hotel.into()]);
                        ("hotel_id = ?", hotels.collect())
                    }
                };
                of_rooms = format!("WHERE {} ", vec![one; stored.len()].join(" OR "));
                values.extend(stored.into_iter().flatten());
            }
            let query = format!("SELECT {STAY} FROM electricity_monitoring {of_rooms}ORDER BY id");
            for row in conn.exec_iter(query, params(values))? {
                let Some((room, stay)) = stay(&row?) else {
                    continue; // without a room or a stay it was never watched
                };
                // The column's collation may ignore case.
                if of.has(&room) && stay.time() <= to {
                    take(room, stay);
                }
            }
            Ok(())
        })
    }

    fn statuses(
        &mut self,
        of: Scope<'_>,
        take: &mut dyn FnMut(RoomKey, Statuses),
    ) -> Result<(), StoreError> {
        let mut take = |room, state: RoomState| take(room, state.statuses);
        match self.with(|conn| rooms::load(conn, of, &mut take)) {
            // The past is asked about before `init-db`, too, and by users who only read it.
            Err(StoreError::NotSetUp(_)) => Ok(()),
            loaded => loaded,
        }
    }

    fn readings(
        &mut self,
        of: Scope<'_>,
        span: Span,
        take: &mut dyn FnMut(RoomKey, Reading),
    ) -> Result<u64, StoreError> {
        let hotel = match of {
            Scope::All => None,
            Scope::Hotel(hotel) => Some(hotel),
            Scope::Room(room) => {
                let wanted = Wanted {
                    room: room.clone(),
                    after: span.after,
                    until: span.to,
                };
                let latest = self.latest();
                let (found, invalid) = self.reader.read_counted(&[wanted], latest, Caller::Past)?;
                for (room, readings) in found {
                    readings.into_iter().for_each(|it| take(room.clone(), it));
                }
                return Ok(invalid);
            }
        };
        let read = |conn: &mut Conn| {
            let (query, values) = self.query(conn, hotel, span)?;
            let mut invalid = 0;
            // A prepared statement, as in sweeps: as text a FLOAT has fewer digits.
            for row in conn.exec_iter(query, params(values))? {
                let row = row?;
                if !rows::time(&row).is_some_and(|time| span.has(time)) {
                    continue;
                }
                match rows::reading(&row, span.to) {
                    Some((room, reading)) if of.has(&room) => take(room, reading),
                    Some(_) => {}
                    None => invalid += 1,
                }
            }
            Ok(invalid)
        };
        self.with(read).map_err(meter::meter_error)
    }

    fn readings_by_key(
        &mut self,
        wanted: &[Wanted],
        latest: LocalTime,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        self.reader.readings_up_to(wanted, latest, None)
    }

    fn frames(
        &mut self,
        hotel: &HotelId,
        interval_seconds: i64,
        span: Span,
    ) -> Result<Vec<KeptFrame>, StoreError> {
        let columns = frames::COLUMNS.join(", ");
        let query = format!(
            "SELECT {columns} FROM hotel_frame WHERE hotel_id = ? AND interval_seconds = ? \
             AND frame_time > ? AND frame_time <= ?"
        );
        let [after, to] = times(span);
        self.with(|conn| {
            let mut found = Vec::new();
            let values = (hotel.as_str(), interval_seconds, after, to);
            for row in conn.exec_iter(query, values)? {
                let row = row?;
                let numbers = [3, 4, 5, 6, 7, 8, 9, 10]
                    .map(|column| row.get::<Option<i64>, usize>(column).flatten());
                let (summary, allowance) = frames::summary(numbers);
                let began = row.as_ref(1).unwrap_or(&Value::NULL);
                found.push(KeptFrame {
                    hotel: hotel.clone(),
                    began: required_time(began, "frame_time of hotel_frame")?,
                    interval_seconds,
                    summary,
                    allowance,
                });
            }
            Ok(found)
        })
    }

    fn recorded(&mut self, room: &RoomKey, span: Span) -> Result<Vec<Recorded>, StoreError> {
        self.with(|conn| {
            let key = || (room.hotel_id.as_str(), room.room_number.as_str());
            let mut notices = Vec::new();
            let rows: Vec<(u64, String, String)> = conn.exec(NOTICES, key())?;
            for (id, body, state) in rows {
                let state = NoticeState::from_word(&state, id)?;
                notices.extend(notice_of(&body).ok().map(|notice| (notice, state)));
            }
            let mut alerts = Vec::new();
            for row in conn.exec_iter(ALERTS, key())? {
                let row = row?;
                // The columns' collation may ignore case.
                let is_its = stored_key(&row)
                    .is_some_and(|(hotel, number)| RoomKey::trimmed(&hotel, &number) == *room);
                let detected = local_time(row.as_ref(2).unwrap_or(&Value::NULL));
                let number = |column| integer(&row, column).unwrap_or(0);
                alerts.extend(detected.filter(|_| is_its).map(|detected| AlertRow {
                    detected,
                    energy: WattHours(number(3).cast_signed()),
                    periods: u32::try_from(number(4)).unwrap_or(u32::MAX),
                    is_notified: number(5) > 0,
                }));
            }
            Ok(recorded(notices, alerts, |time| span.has(time)))
        })
    }

    fn thresholds(
        &mut self,
        room: &RoomKey,
        kind: Kind,
        to: LocalTime,
    ) -> Result<Vec<Threshold>, StoreError> {
        self.with(|conn| thresholds::read(conn, room, kind, to))
    }

    fn end_by(&mut self, until: Option<Instant>) {
        self.reader.conns.end_by(until);
    }
}

/// The keys of some rooms in `electricity_monitoring`, where rows of the original program may have
/// blanks around them. The server reads one index entry a room for this, of one room fewer.
fn stored_keys(conn: &mut Conn, of: Scope<'_>) -> mysql::Result<Vec<(String, String)>> {
    const TABLE: &str = "electricity_monitoring";
    if let Scope::Room(room) = of
        && let Some(keys) = stored_keys_of(conn, TABLE, ["hotel_id", "room_number"], room)?
    {
        let keys = keys.iter();
        let keys = keys.map(|key| (key.hotel_id.to_string(), key.room_number.to_string()));
        return Ok(keys.collect());
    }
    let all = format!("SELECT DISTINCT hotel_id, room_number FROM {TABLE}");
    let mut keys = Vec::new();
    for row in conn.exec_iter(all, ())? {
        let row = row?;
        if let Some((hotel, number)) = stored_key(&row)
            && of.has(&RoomKey::trimmed(&hotel, &number))
        {
            keys.push((hotel.into_owned(), number.into_owned()));
        }
    }
    Ok(keys)
}

/// From when on spellings are searched for, where no index has the rooms.
fn recently(span: Span) -> LocalTime {
    span.after.max(span.to.plus(-RECENTLY))
}

fn times(span: Span) -> [Value; 2] {
    [datetime(span.after), datetime(span.to)]
}

fn params(values: Vec<Value>) -> Params {
    if values.is_empty() {
        Params::Empty
    } else {
        Params::Positional(values)
    }
}

/// The room and stay of a row with the columns [`STAY`]; `None` if it has no room or no stay.
pub(super) fn stay(row: &Row) -> Option<(RoomKey, Stay)> {
    let value = |column: usize| row.as_ref(column).unwrap_or(&Value::NULL);
    let text = |column: usize| match value(column) {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    };
    let time = |column: usize| local_time(value(column));
    let (hotel, room) = (trim_key_part(text(0)?), trim_key_part(text(1)?));
    let fits = |name: &str, most: usize| !name.is_empty() && name.chars().count() <= most;
    if !fits(hotel, HotelId::MAX_CHARS) || !fits(room, RoomNumber::MAX_CHARS) {
        return None;
    }
    let kind = Kind::from_word(text(2).unwrap_or_default());
    let stay = stay::stay(kind, [3, 4, 5, 6].map(time))?;
    Some((RoomKey::new(hotel, room), stay))
}
