//! Remembers the stored keys of rooms that have blanks around them in the meter table.

use std::collections::HashMap;

use mysql::prelude::Queryable;
use mysql::{Conn, Params, Row, Value};

use crate::config::MeterTable;
use crate::store::mysql::codec::datetime;
use crate::store::mysql::explain;
use crate::types::{HotelId, LocalTime, RoomKey, trim_key_part};

use super::rows::{stored_key, text};

/// The most spellings that are remembered, 100 bytes each.
const MAX_SPELLINGS: usize = 100_000;

/// The most rows that the server may read to find the rooms of the table.
const MAX_ROWS_READ: u64 = 1_000_000;

/// Stored keys whose rows a search by the trimmed key does not find. In comparisons servers ignore
/// blanks at the end for some columns, and never those at the beginning.
#[derive(Debug, Default)]
pub(in crate::store::mysql) struct Spellings {
    of: HashMap<RoomKey, Vec<RoomKey>>,
    count: usize,
    /// Whether the columns of hotel and room ignore spaces at the end in comparisons.
    pads: [bool; 2],
    /// Whether the spellings of the table have been loaded.
    pub(in crate::store::mysql) is_loaded: bool,
}

impl Spellings {
    /// Loads the spellings of all rooms of the table if the index on the room makes that cheap,
    /// else those in rows later than `recently`.
    pub(in crate::store::mysql) fn load(
        conn: &mut Conn,
        meter: &MeterTable,
        recently: LocalTime,
    ) -> mysql::Result<Spellings> {
        let MeterTable {
            table,
            hotel_id,
            room_number,
            script_time,
            ..
        } = meter;
        let mut spellings = Spellings {
            is_loaded: true,
            ..Spellings::default()
        };
        let pads = format!(
            "SELECT `{hotel_id}` = CONCAT(`{hotel_id}`, ' '), \
             `{room_number}` = CONCAT(`{room_number}`, ' ') FROM `{table}` LIMIT 1"
        );
        let Some(pads): Option<(Option<bool>, Option<bool>)> = conn.exec_first(pads, ())? else {
            return Ok(spellings); // an empty table
        };
        spellings.pads = [pads.0 == Some(true), pads.1 == Some(true)];
        let rooms = format!("SELECT DISTINCT `{hotel_id}`, `{room_number}` FROM `{table}`");
        let rows = if is_cheap(conn, &rooms, ())? {
            conn.exec_iter(rooms, ())?
        } else {
            let recent = format!("{rooms} WHERE `{script_time}` > ?");
            conn.exec_iter(recent, (datetime(recently),))?
        };
        for row in rows {
            let row = row?;
            if let Some((hotel, room)) = stored_key(&row) {
                spellings.add(&hotel, &room);
            }
        }
        Ok(spellings)
    }

    /// Adds loaded spellings to those that the stream has shown.
    pub(in crate::store::mysql) fn merge(&mut self, loaded: Spellings) {
        let seen = std::mem::replace(self, loaded);
        for stored in seen.of.into_values().flatten() {
            self.add(stored.hotel_id.as_str(), stored.room_number.as_str());
        }
    }

    /// Adds the spelling of a row of this room.
    pub(in crate::store::mysql) fn see(&mut self, row: &Row, room: &RoomKey) {
        if let Some((hotel, number)) = stored_key(row)
            && (hotel.len() != room.hotel_id.as_str().len()
                || number.len() != room.room_number.as_str().len())
        {
            self.add(&hotel, &number);
        }
    }

    fn add(&mut self, hotel: &str, number: &str) {
        let is_found = |part: &str, pads: bool| {
            let compared = if pads {
                part.trim_end_matches(' ')
            } else {
                part
            };
            compared == trim_key_part(part)
        };
        if is_found(hotel, self.pads[0]) && is_found(number, self.pads[1]) {
            return;
        }
        let stored = RoomKey::new(hotel, number);
        let known = self.of.entry(RoomKey::trimmed(hotel, number)).or_default();
        if known.contains(&stored) {
            return;
        }
        if self.count == MAX_SPELLINGS {
            log::warn!(
                "the meter table has more than {MAX_SPELLINGS} rooms with blanks around their \
                 keys: messages of further ones find no older readings; trim the keys in a view"
            );
        }
        self.count += 1;
        if self.count <= MAX_SPELLINGS {
            known.push(stored);
        }
    }

    /// All hotel ids under which rows of a hotel are found.
    pub(in crate::store::mysql) fn of_hotel<'a>(&'a self, hotel: &'a HotelId) -> Vec<&'a HotelId> {
        let rooms = self.of.iter().filter(|(room, _)| room.hotel_id == *hotel);
        let others = rooms.flat_map(|(_, stored)| stored.iter().map(|key| &key.hotel_id));
        let mut all: Vec<&HotelId> = std::iter::once(hotel).chain(others).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// All keys under which rows of a room are found.
    pub(in crate::store::mysql) fn of<'a>(
        &'a self,
        room: &'a RoomKey,
    ) -> impl Iterator<Item = RoomKey> + 'a {
        let others = self.of.get(room).into_iter().flatten();
        std::iter::once(room).chain(others).cloned()
    }
}

/// The keys under which a table has a room, with blanks around them or without. An index on hotel
/// and room shows them by one entry for each hotel, and one for each room of the hotel; `None`
/// where the server can't use one so.
pub(in crate::store::mysql) fn stored_keys_of(
    conn: &mut Conn,
    table: &str,
    [hotel, number]: [&str; 2],
    room: &RoomKey,
) -> mysql::Result<Option<Vec<RoomKey>>> {
    let hotels = format!("SELECT DISTINCT `{hotel}` FROM `{table}`");
    if !is_cheap(conn, &hotels, ())? {
        return Ok(None);
    }
    let own = room.hotel_id.as_str();
    let rows: Vec<Row> = conn.exec(hotels, ())?;
    let ids = rows.iter().filter_map(|row| text(row.as_ref(0)?));
    let spelled = ids.filter(|id| trim_key_part(id) == own && id.as_ref() != own);
    let ids: Vec<String> = spelled.map(Into::into).chain([own.to_owned()]).collect();
    let rooms = format!("SELECT DISTINCT `{hotel}`, `{number}` FROM `{table}` WHERE `{hotel}` = ?");
    let mut keys = vec![room.clone()];
    for id in &ids {
        if !is_cheap(conn, &rooms, (id,))? {
            return Ok(None);
        }
        for row in conn.exec_iter(&rooms, (id,))? {
            if let Some((hotel, number)) = stored_key(&row?)
                && RoomKey::trimmed(&hotel, &number) == *room
            {
                keys.push(RoomKey::new(&hotel, &number));
            }
        }
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(Some(keys))
}

/// Whether the server finds the rooms cheaply: it reads one index entry a room, or few rows.
fn is_cheap(conn: &mut Conn, rooms: &str, values: impl Into<Params>) -> mysql::Result<bool> {
    let steps = explain::steps(conn, rooms, values)?;
    Ok(steps.is_some_and(|steps| {
        steps.iter().all(|step| {
            let skips = matches!(step.get("Extra"), Some(Value::Bytes(extra))
                if String::from_utf8_lossy(&extra).contains("for group-by"));
            skips || explain::rows(step).is_some_and(|rows| rows <= MAX_ROWS_READ)
        })
    }))
}
