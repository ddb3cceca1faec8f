//! How the meter table spells rooms whose keys have blanks around them.

use std::collections::HashMap;

use mysql::prelude::Queryable;
use mysql::{Conn, Row, Value};

use crate::config::MeterTable;
use crate::store::mysql::codec::datetime;
use crate::store::mysql::explain;
use crate::types::{LocalTime, RoomKey, trim_key_part};

use super::rows::stored_key;

/// Spellings that are remembered at most, 100 bytes each.
const MOST: usize = 100_000;

/// To find the rooms of a table the server may read so many rows of an index.
const BEARABLE: u64 = 1_000_000;

/// The spellings by which rows are found that are not found by the trimmed key. Blanks before a key
/// always count for a server, those behind it for some columns.
#[derive(Debug, Default)]
pub(in crate::store::mysql) struct Spellings {
    of: HashMap<RoomKey, Vec<RoomKey>>,
    count: usize,
    /// Whether the columns of hotel and room are compared without regard to spaces at the end.
    pads: [bool; 2],
    /// Whether the table has been looked through.
    pub(in crate::store::mysql) is_looked_for: bool,
}

impl Spellings {
    /// Looks for the rooms of the table: through the index on the room, one step a room, else among
    /// the rows that are later than `recently`.
    pub(in crate::store::mysql) fn look(
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
            is_looked_for: true,
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
        let rows = if is_bearable(conn, &rooms)? {
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

    /// Takes in what was looked for. What the stream has shown meanwhile stays.
    pub(in crate::store::mysql) fn merge(&mut self, looked_for: Spellings) {
        let seen = std::mem::replace(self, looked_for);
        for stored in seen.of.into_values().flatten() {
            self.add(stored.hotel_id.as_str(), stored.room_number.as_str());
        }
    }

    /// Takes into account a row of this room.
    pub(in crate::store::mysql) fn see(&mut self, row: &Row, room: &RoomKey) {
        if let Some((hotel, number)) = stored_key(row)
            && (hotel.len() != room.hotel_id.as_str().len()
                || number.len() != room.room_number.as_str().len())
        {
            self.add(&hotel, &number);
        }
    }

    fn add(&mut self, hotel: &str, number: &str) {
        let is_found = |half: &str, pads: bool| {
            let compared = if pads {
                half.trim_end_matches(' ')
            } else {
                half
            };
            compared == trim_key_part(half)
        };
        if is_found(hotel, self.pads[0]) && is_found(number, self.pads[1]) {
            return;
        }
        let stored = RoomKey::new(hotel, number);
        let known = self.of.entry(RoomKey::trimmed(hotel, number)).or_default();
        if known.contains(&stored) {
            return;
        }
        if self.count == MOST {
            log::warn!(
                "the meter table has more than {MOST} rooms with blanks around their keys: of the \
                 others messages find no older readings; have a view trim them"
            );
        }
        self.count += 1;
        if self.count <= MOST {
            known.push(stored);
        }
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

/// Whether the server finds the rooms by leaping through an index, or in a small table.
fn is_bearable(conn: &mut Conn, rooms: &str) -> mysql::Result<bool> {
    let steps = explain::steps(conn, rooms, ())?;
    Ok(steps.is_some_and(|steps| {
        steps.iter().all(|step| {
            let leaps = matches!(step.get("Extra"), Some(Value::Bytes(extra))
                if String::from_utf8_lossy(&extra).contains("for group-by"));
            leaps || explain::rows(step).is_some_and(|rows| rows <= BEARABLE)
        })
    }))
}
