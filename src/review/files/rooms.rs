//! The property management system's list of rooms.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, Read, Write};

use csv::ByteRecord;

use crate::engine::{Columns, PMS_FIELDS, PmsFormat, PmsRoom};
use crate::escape;
use crate::review::ReviewError;
use crate::types::RoomKey;

use super::{NamedReader, csv_reader, line_of, texts};

/// The longest list: of more than half a million rooms. Bytes.
const LONGEST: u64 = 64 << 20;

/// Reads the list, a CSV with [`PMS_FIELDS`] in any order. What is wrong with rows goes to
/// `remarks`, all of it, each with its line.
///
/// # Errors
/// [`ReviewError`] when the file can't be read, its header lacks a column, or a row is bad: one
/// that is left out would look like a room that the property management system does not know.
pub fn read_rooms(
    list: NamedReader<impl Read>,
    format: &PmsFormat,
    remarks: &mut impl Write,
) -> Result<Vec<PmsRoom>, ReviewError> {
    let name = list.name;
    let fail = |error| ReviewError::Io {
        file: name.clone(),
        error,
    };
    let mut text = Vec::new();
    let mut start = list.from.take(LONGEST + 1);
    start.read_to_end(&mut text).map_err(fail)?;
    if text.len() as u64 > LONGEST {
        let why = format!("it is longer than {} MiB", LONGEST >> 20);
        return Err(fail(io::Error::new(io::ErrorKind::FileTooLarge, why)));
    }
    let header = Columns::find(&text, PMS_FIELDS).map_err(|error| ReviewError::Header {
        file: name.clone(),
        error,
    })?;
    // A pipe that was closed is no error here.
    let mut remark = |line: u64, what: &str| {
        let text = format!("{name}:{line}: {what}");
        drop(writeln!(remarks, "{}", escape::line(text.as_bytes())));
    };
    let mut csv = csv_reader(&text, true);
    let mut record = ByteRecord::new();
    let mut rooms: Vec<PmsRoom> = Vec::new();
    let mut lines: HashMap<RoomKey, u64> = HashMap::new();
    let mut bad = 0;
    while (csv.read_byte_record(&mut record)).map_err(|error| fail(error.into()))? {
        let line = line_of(&record, &text);
        let row = texts(&record, &header).and_then(|row| {
            let row = format.row(row);
            row.map_err(|refusal| format!("bad row: {refusal}"))
        });
        let (room, expected_is_ignored) = match row {
            Ok(row) => row,
            Err(why) => {
                bad += 1;
                remark(line, &why);
                continue;
            }
        };
        match lines.entry(room.room.clone()) {
            Entry::Occupied(first) => {
                bad += 1;
                let what = format!(
                    "bad row: room \"{}\" has a row already, on line {}",
                    room.room,
                    first.get()
                );
                remark(line, &what);
                continue;
            }
            Entry::Vacant(place) => drop(place.insert(line)),
        }
        if expected_is_ignored {
            let [.., since, expected, _] = PMS_FIELDS;
            remark(
                line,
                &format!("{expected} is ignored: it is not after {since}"),
            );
        }
        rooms.push(room);
    }
    if bad > 0 {
        return Err(ReviewError::BadRows {
            file: name,
            rows: bad,
        });
    }
    if rooms.is_empty() {
        return Err(ReviewError::Nothing {
            file: name,
            what: "there is no row in it",
        });
    }
    Ok(rooms)
}
