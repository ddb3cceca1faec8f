//! The past from files: messages as JSON lines, readings as CSV; and the property management
//! system's list of rooms.

mod blocks;
mod rooms;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, Read, Write};

use csv::ByteRecord;
use rayon::prelude::*;

use crate::engine::{Columns, MessageFormat, Parsed, ReadingFormat, Said, Statuses, pieces};
use crate::escape;
use crate::types::{LocalTime, Reading, RoomKey, utf8_part};

use super::{Counts, Past, ReviewError};

use blocks::{Blocks, LONGEST_ROW};

pub use rooms::read_rooms;

/// The columns a file of readings must have.
pub use crate::engine::READING_FIELDS as COLUMNS;

/// The most remarks of a kind; further lines are only counted.
const MOST_REMARKS: u64 = 20;

/// A named source of lines, for errors and remarks.
pub struct NamedReader<R> {
    pub name: String,
    pub from: R,
}

/// Reads `messages` (JSON lines) and `readings` (CSV), in any order. Refused messages and bad rows
/// are reported to `remarks` with their line. The past begins at `from`; what is later than `to` is
/// left out.
///
/// Memory: 16 bytes a reading of a room that has a message.
///
/// # Errors
/// [`ReviewError`] when a file can't be read, its header lacks a column, or nothing in it is valid:
/// an empty result would look as if all were well.
pub fn read_files(
    messages: NamedReader<impl BufRead>,
    readings: NamedReader<impl Read>,
    (from, to): (LocalTime, LocalTime),
    format: &MessageFormat,
    match_seconds: i64,
    remarks: &mut impl Write,
) -> Result<(Past, Counts), ReviewError> {
    let mut counts = Counts::default();
    let mut past = Past::new(from);
    for (room, said) in read_messages(messages, to, format, &mut counts, remarks)? {
        let stays = pieces(&said, match_seconds);
        for stay in &stays {
            past.add_stay(room.clone(), *stay);
        }
        let changes = said.iter().filter_map(Said::status);
        past.add_statuses(&room, &Statuses::of_past(changes));
    }
    let reading_format = ReadingFormat { zone: format.zone };
    read_readings(
        readings,
        to,
        &reading_format,
        &mut past,
        &mut counts,
        remarks,
    )?;
    Ok((past.sorted(), counts))
}

/// What messages say of each room, in the order in which they name them.
fn read_messages(
    mut messages: NamedReader<impl BufRead>,
    to: LocalTime,
    format: &MessageFormat,
    counts: &mut Counts,
    remarks: &mut impl Write,
) -> Result<Vec<(RoomKey, Vec<Said>)>, ReviewError> {
    let name = messages.name;
    let mut rooms: Vec<(RoomKey, Vec<Said>)> = Vec::new();
    let mut places: HashMap<RoomKey, usize> = HashMap::new();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let fail = |error| ReviewError::Io {
            file: format!("{name}:{number}"),
            error,
        };
        let mut start = (&mut messages.from).take(LONGEST_ROW as u64);
        let length = start.read_until(b'\n', &mut line).map_err(fail)?;
        if length == 0 {
            break;
        }
        if length == LONGEST_ROW && !line.ends_with(b"\n") {
            return Err(fail(blocks::too_long()));
        }
        let body = line.strip_suffix(b"\n").unwrap_or(&line);
        let body = body.strip_suffix(b"\r").unwrap_or(body);
        if body.trim_ascii().is_empty() {
            continue;
        }
        counts.messages += 1;
        match format.parse(body, None) {
            Parsed::Event(event) | Parsed::EventWithoutExpected(event) => {
                counts.events += 1;
                for (room, said) in event.rooms {
                    if said.happened().is_some_and(|happened| happened > to) {
                        continue;
                    }
                    let place = *places.entry(room).or_insert_with_key(|room| {
                        rooms.push((room.clone(), Vec::new()));
                        rooms.len() - 1
                    });
                    rooms[place].1.push(said);
                }
            }
            Parsed::Ignored => counts.ignored += 1,
            Parsed::Refused(reason) => {
                counts.refused += 1;
                remark(remarks, counts.refused, &name, number, &reason);
            }
        }
    }
    if counts.refused > 0 && counts.refused == counts.messages {
        return Err(ReviewError::Nothing {
            file: name,
            what: "no line of it is a message; one JSON object a line is expected",
        });
    }
    Ok(rooms)
}

/// The positions of the columns.
type Header = Columns<{ COLUMNS.len() }>;

/// The rows of a block.
#[derive(Default)]
struct Rows {
    count: u64,
    /// Readings of rooms with a stay, with the room's place.
    readings: Vec<(usize, Reading)>,
    /// The number of readings of rooms without a stay, and the first such room.
    of_unknown_rooms: u64,
    first_unknown_room: Option<(String, String)>,
    bad: u64,
    /// Why the first bad rows are bad, each with its line within the block.
    remarks: Vec<(u64, String)>,
    lines: u64,
}

/// Parses blocks in rayon workers, a few at a time, and takes their rows in the file's order.
fn read_readings(
    readings: NamedReader<impl Read>,
    to: LocalTime,
    format: &ReadingFormat,
    past: &mut Past,
    counts: &mut Counts,
    remarks: &mut impl Write,
) -> Result<(), ReviewError> {
    let name = readings.name;
    // An error is on the line after those that were read.
    let fail = |lines: u64, error: std::io::Error| ReviewError::Io {
        file: format!("{name}:{}", lines + 1),
        error,
    };
    let mut lines = 0;
    let mut blocks = Blocks::new(readings.from);
    let mut next = blocks.next().map_err(|error| fail(lines, error))?;
    let header = Columns::find(next.as_deref().unwrap_or_default(), COLUMNS);
    let header = header.map_err(|error| ReviewError::Header {
        file: name.clone(),
        error,
    })?;
    while next.is_some() {
        let mut batch = Vec::from_iter(next.take());
        let mut failed = None;
        while batch.len() < rayon::current_num_threads() && failed.is_none() {
            match blocks.next() {
                Ok(Some(block)) => batch.push(block),
                Ok(None) => break,
                Err(error) => failed = Some(error),
            }
        }
        let known = &*past;
        let parsed: Vec<Result<Rows, csv::Error>> = (batch.par_iter().enumerate())
            .map(|(at, block)| read_block(block, &header, lines == 0 && at == 0, format, known))
            .collect();
        for rows in parsed {
            let rows = rows.map_err(|error| fail(lines, error.into()))?;
            for (nth, (line, reason)) in (counts.bad + 1..).zip(&rows.remarks) {
                remark(remarks, nth, &name, lines + line, reason);
            }
            lines += rows.lines;
            counts.readings += rows.count;
            counts.bad += rows.bad;
            let wanted = rows.readings.into_iter();
            for (place, reading) in wanted.filter(|(_, reading)| reading.time <= to) {
                past.add_reading(place, reading);
            }
            if let Some((hotel_id, room_number)) = rows.first_unknown_room {
                past.add_unknown_rooms(&hotel_id, &room_number, rows.of_unknown_rooms);
            }
        }
        next = match failed {
            Some(error) => Err(error),
            None => blocks.next(),
        }
        .map_err(|error| fail(lines, error))?;
    }
    if counts.bad > 0 && counts.bad == counts.readings {
        return Err(ReviewError::Nothing {
            file: name,
            what: "no row of it is a reading",
        });
    }
    Ok(())
}

fn csv_reader(block: &[u8], has_headers: bool) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(has_headers)
        .from_reader(block)
}

fn read_block(
    block: &[u8],
    header: &Header,
    has_header: bool,
    format: &ReadingFormat,
    known: &Past,
) -> Result<Rows, csv::Error> {
    let mut csv = csv_reader(block, has_header);
    let mut rows = Rows::default();
    let mut record = ByteRecord::new();
    while csv.read_byte_record(&mut record)? {
        rows.count += 1;
        match read_row(&record, header, format, known) {
            Ok(Row::Known(place, reading)) => rows.readings.push((place, reading)),
            Ok(Row::Unknown(hotel_id, room_number)) => {
                rows.of_unknown_rooms += 1;
                rows.first_unknown_room
                    .get_or_insert_with(|| (hotel_id.to_owned(), room_number.to_owned()));
            }
            Err(reason) => {
                rows.bad += 1;
                if rows.bad <= MOST_REMARKS + 1 {
                    rows.remarks.push((line_of(&record, block), reason));
                }
            }
        }
    }
    rows.lines = newlines(block.iter());
    Ok(rows)
}

/// The line of a block at which a row begins. The reader's own line is before the empty lines that
/// it skips.
fn line_of(record: &ByteRecord, block: &[u8]) -> u64 {
    let Some(position) = record.position() else {
        return 0;
    };
    let start = usize::try_from(position.byte()).unwrap_or(block.len());
    let skipped = block.iter().skip(start);
    position.line() + newlines(skipped.take_while(|byte| matches!(byte, b'\r' | b'\n')))
}

fn newlines<'a>(bytes: impl Iterator<Item = &'a u8>) -> u64 {
    bytes.filter(|&&byte| byte == b'\n').count() as u64
}

/// A valid row.
enum Row<'a> {
    /// The place of its room, and the reading.
    Known(usize, Reading),
    /// The room, which has no stay.
    Unknown(&'a str, &'a str),
}

fn read_row<'a>(
    record: &'a ByteRecord,
    header: &Header,
    format: &ReadingFormat,
    known: &Past,
) -> Result<Row<'a>, String> {
    let row = texts(record, header)?;
    let row = format.row(row, None);
    let row = row.map_err(|refusal| format!("bad row: {refusal}"))?;
    Ok(match known.place(row.hotel_id, row.room_number) {
        Some(place) => Row::Known(place, row.reading),
        None => Row::Unknown(row.hotel_id, row.room_number),
    })
}

/// The texts of a row, or why it has none.
fn texts<'a, const N: usize>(
    record: &'a ByteRecord,
    header: &Columns<N>,
) -> Result<[&'a str; N], String> {
    if let Err(why) = header.check_row(record.len(), record.as_slice().len()) {
        let mut reason = format!("bad row: {why}");
        let more = newlines(record.as_slice().iter());
        if more > 0 {
            // Writing to a String can't fail.
            let _ = write!(reason, "; a quote in it is open over {more} ends of lines");
        }
        return Err(reason);
    }
    let mut row = [""; N];
    for (text, &place) in row.iter_mut().zip(&header.places) {
        let bytes = record.get(place).unwrap_or_default();
        *text = utf8_part(bytes).map_err(|not_text| format!("bad row: it {not_text}"))?;
    }
    Ok(row)
}

/// Reports a line, unless enough of its kind have been reported. Nothing depends on remarks, so a
/// closed standard error is ignored.
fn remark(
    remarks: &mut impl Write,
    nth: u64,
    file: &str,
    line: u64,
    reason: &dyn std::fmt::Display,
) {
    let _ = match nth {
        1..=MOST_REMARKS => {
            let text = format!("{file}:{line}: {reason}");
            writeln!(remarks, "{}", escape::line(text.as_bytes()))
        }
        n if n == MOST_REMARKS + 1 => writeln!(remarks, "{file}: more are only counted"),
        _ => Ok(()),
    };
}

#[cfg(test)]
mod tests;
