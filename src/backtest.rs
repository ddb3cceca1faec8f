//! What the rules would have told: messages and readings from files, through the engine alone.

use std::collections::HashMap;
use std::io::{self, BufRead, Read, Write};

use csv::ByteRecord;
use rayon::prelude::*;
use serde::Serialize;
use thiserror::Error;

use crate::engine::{
    Change, MessageFormat, NoticeKind, Parsed, RoomNotice, Rules, Stay, Watch, observe,
};
use crate::types::{Kind, LocalTime, Reading, RoomKey, WattHours};

/// The columns a file of readings must have.
pub const COLUMNS: [&str; 4] = ["hotel_id", "room_number", "reading_value", "script_time"];

/// Lines told of one kind; the rest is only counted.
const LINES_TOLD: u64 = 20;

#[derive(Debug, Error)]
pub enum BacktestError {
    #[error("{file}: {error}")]
    Io { file: String, error: io::Error },
    #[error("{file}:1: the header has no column {column}; it must be {}", COLUMNS.join(","))]
    Header { file: String, column: &'static str },
}

/// A named source of lines, for errors and remarks.
pub struct Input<R> {
    pub name: String,
    pub from: R,
}

/// What was read and found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub messages: u64,
    pub events: u64,
    pub ignored: u64,
    pub refused: u64,
    pub readings: u64,
    pub bad: u64,
    pub rooms: u64,
    pub alerts: u64,
    pub reminders: u64,
    pub recovered: u64,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Counts {
            messages,
            events,
            ignored,
            refused,
            readings,
            bad,
            rooms,
            alerts,
            reminders,
            recovered,
        } = self;
        write!(
            f,
            "messages={messages} events={events} ignored={ignored} refused={refused} \
             readings={readings} bad={bad} rooms={rooms} alerts={alerts} reminders={reminders} \
             recovered={recovered}"
        )
    }
}

/// One line of the output.
#[derive(Serialize)]
struct Line<'a> {
    event: NoticeKind,
    hotel_id: &'a str,
    room_number: &'a str,
    kind: Kind,
    detected_time: LocalTime,
    since: LocalTime,
    periods: u32,
    total_kwh: Box<serde_json::value::RawValue>,
}

/// What is known of a room, in any order; of readings with one time the first counts.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub stays: Vec<Stay>,
    pub readings: Vec<Reading>,
}

/// Judges what `messages` (JSON lines) and `readings` (CSV) hold, rows in any order. Notices go to
/// `out` as JSON lines, ordered by (detected time, hotel, room); refused messages and bad rows to
/// `remarks` with their line.
///
/// Memory: 16 bytes a reading of a room that has a message.
///
/// # Errors
/// [`BacktestError`] when a file can't be read or its header lacks a column, or `out` can't be
/// written.
pub fn backtest(
    messages: Input<impl BufRead>,
    readings: Input<impl Read>,
    format: &MessageFormat,
    rules: &Rules,
    out: &mut impl Write,
    remarks: &mut impl Write,
) -> Result<Counts, BacktestError> {
    let mut counts = Counts::default();
    let mut rooms = HashMap::new();
    read_messages(messages, format, &mut rooms, &mut counts, remarks)?;
    read_readings(readings, &mut rooms, &mut counts, remarks)?;
    counts.rooms = rooms.len() as u64;

    let mut notices: Vec<RoomNotice> = rooms
        .into_par_iter()
        .flat_map_iter(|(room, history)| judge(&room, history, rules))
        .collect();
    // Stable, so that notices of one room at one time stay in the order of its stays.
    notices.par_sort_by(|a, b| (a.detected, &a.room).cmp(&(b.detected, &b.room)));
    for notice in &notices {
        match notice.kind {
            NoticeKind::Alert => counts.alerts += 1,
            NoticeKind::Reminder => counts.reminders += 1,
            NoticeKind::Recovered => counts.recovered += 1,
        }
        write_line(notice, out).map_err(|error| BacktestError::Io {
            file: "output".into(),
            error,
        })?;
    }
    Ok(counts)
}

fn read_messages(
    mut messages: Input<impl BufRead>,
    format: &MessageFormat,
    rooms: &mut HashMap<RoomKey, History>,
    counts: &mut Counts,
    remarks: &mut impl Write,
) -> Result<(), BacktestError> {
    let name = messages.name;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let length = messages
            .from
            .read_until(b'\n', &mut line)
            .map_err(|error| BacktestError::Io {
                file: name.clone(),
                error,
            })?;
        if length == 0 {
            break;
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
                rooms.entry(event.room).or_default().stays.push(event.stay);
            }
            Parsed::Ignored => counts.ignored += 1,
            Parsed::Refused(reason) => {
                counts.refused += 1;
                remark(remarks, counts.refused, &name, number, &reason);
            }
        }
    }
    Ok(())
}

fn read_readings(
    readings: Input<impl Read>,
    rooms: &mut HashMap<RoomKey, History>,
    counts: &mut Counts,
    remarks: &mut impl Write,
) -> Result<(), BacktestError> {
    let name = readings.name;
    let fail = |error: csv::Error| BacktestError::Io {
        file: name.clone(),
        error: error.into(),
    };
    let mut csv = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(readings.from);
    let header = csv.byte_headers().map_err(fail)?.clone();
    let mut places = [0; COLUMNS.len()];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        *place = header
            .iter()
            .position(|name| name.trim_ascii() == column.as_bytes())
            .ok_or_else(|| BacktestError::Header {
                file: name.clone(),
                column,
            })?;
    }
    let mut record = ByteRecord::new();
    while csv.read_byte_record(&mut record).map_err(fail)? {
        counts.readings += 1;
        match read_row(&record, header.len(), places) {
            Ok((room, reading)) => {
                if let Some(history) = rooms.get_mut(&room) {
                    history.readings.push(reading);
                }
            }
            Err(reason) => {
                counts.bad += 1;
                let line = record.position().map_or(0, csv::Position::line);
                remark(remarks, counts.bad, &name, line, &reason);
            }
        }
    }
    Ok(())
}

fn read_row(
    record: &ByteRecord,
    columns: usize,
    places: [usize; COLUMNS.len()],
) -> Result<(RoomKey, Reading), String> {
    if record.len() != columns {
        return Err(format!(
            "bad row: {} fields where the header has {columns}",
            record.len()
        ));
    }
    let [hotel_id, room_number, reading_value, script_time] = places.map(|place| {
        let bytes = record.get(place).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| "bad row: it is not UTF-8".to_owned())
    });
    let (hotel_id, room_number) = (hotel_id?, room_number?);
    if hotel_id.is_empty() || room_number.is_empty() {
        return Err("bad row: hotel_id or room_number is empty".into());
    }
    let told = |column: &str, text: &str, error: &dyn std::fmt::Display| {
        format!("bad row: {column} {text:?} is {error}")
    };
    let register = reading_value
        .and_then(|text| WattHours::parse_kwh(text).map_err(|e| told("reading_value", text, &e)))?;
    let time = script_time
        .and_then(|text| LocalTime::parse(text).map_err(|e| told("script_time", text, &e)))?;
    Ok((
        RoomKey::new(hotel_id, room_number),
        Reading { time, register },
    ))
}

/// Tells of one line, unless many like it have been told of. Nothing depends on the remarks, so a
/// closed standard error is no error.
fn remark(
    remarks: &mut impl Write,
    nth: u64,
    file: &str,
    line: u64,
    reason: &dyn std::fmt::Display,
) {
    let _ = match nth {
        1..=LINES_TOLD => writeln!(remarks, "{file}:{line}: {reason}"),
        n if n == LINES_TOLD + 1 => writeln!(remarks, "{file}: more are only counted"),
        _ => Ok(()),
    };
}

/// Every notice of a room, in the order of its stays and readings.
pub fn judge(room: &RoomKey, mut history: History, rules: &Rules) -> Vec<RoomNotice> {
    history.stays.sort_by_key(Stay::order);
    history
        .stays
        .dedup_by(|next, kept| next.order() == kept.order());
    // Stable: of readings with one time the first row counts.
    history.readings.sort_by_key(|reading| reading.time);

    let mut notices = Vec::new();
    for (at, &stay) in history.stays.iter().enumerate() {
        let watch = Watch::new(stay, rules);
        let from = watch.needs_after();
        let first = history.readings.partition_point(|r| r.time <= from);
        let end = match history.stays.get(at + 1) {
            Some(next) => history.readings.partition_point(|r| r.time <= next.time()),
            None => history.readings.len(),
        };
        let readings = &history.readings[first..end];
        let changes = observe(room, &watch, readings, rules).changes;
        notices.extend(changes.into_iter().filter_map(|change| match change {
            Change::Notice(notice) => Some(notice),
            _ => None,
        }));
    }
    notices
}

fn write_line(notice: &RoomNotice, out: &mut impl Write) -> io::Result<()> {
    let line = Line {
        event: notice.kind,
        hotel_id: notice.room.hotel_id.as_str(),
        room_number: notice.room.room_number.as_str(),
        kind: notice.stay.kind(),
        detected_time: notice.detected,
        since: notice.since,
        periods: notice.periods,
        total_kwh: serde_json::value::RawValue::from_string(notice.energy.to_string())?,
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}
