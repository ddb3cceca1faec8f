//! Reads past messages and readings: from files, or from the configured database.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use crate::config::{Config, Setting};
use crate::engine::Rules;
use crate::escape;
use crate::review::{
    Counts, NamedReader, Past, ReviewError, UnknownRooms, read_archive, read_files,
};
use crate::store::{Database, Scope};
use crate::types::{LocalTime, RoomKey, counted};

use super::{Code, ConfigFile, Failure};

/// The options that name the source of past messages and readings.
#[derive(clap::Args)]
pub(super) struct Source {
    /// Check-in and check-out messages, one JSON object a line
    #[arg(long, value_name = "FILE", requires = "readings")]
    pub messages: Option<PathBuf>,
    /// Meter readings: CSV with hotel_id,room_number,reading_value,script_time
    #[arg(long, value_name = "FILE", requires = "messages")]
    pub readings: Option<PathBuf>,
    /// From this time on, or from the beginning of this day
    #[arg(long, value_name = "TIME", value_parser = beginning)]
    pub from: Option<LocalTime>,
    /// Up to this time, or to the end of this day [default: now, or the files' end]
    #[arg(long, value_name = "TIME", value_parser = end)]
    pub to: Option<LocalTime>,
}

/// The time span to read.
pub(super) struct Period {
    pub from: LocalTime,
    pub to: LocalTime,
}

impl Source {
    /// The files, if they were named.
    pub fn files(&self) -> Option<(&Path, &Path)> {
        Some((self.messages.as_deref()?, self.readings.as_deref()?))
    }

    /// The configuration. With files, only one that is named is loaded.
    pub fn configured(&self, file: &ConfigFile, settings: &[Setting]) -> Result<Config, Failure> {
        match self.files() {
            Some(_) => file.load_named(settings),
            None => file.load(settings),
        }
    }

    /// The span to read from files: by default all of them.
    pub fn span_of_files(&self) -> Result<Period, Failure> {
        self.span(LocalTime::FIRST, LocalTime::LAST)
    }

    /// The span to read: by default from `earliest` to `latest`.
    pub fn span(&self, earliest: LocalTime, latest: LocalTime) -> Result<Period, Failure> {
        let to = self.to.unwrap_or(latest);
        let from = self.from.unwrap_or_else(|| earliest.min(to));
        if from > to {
            return Err(usage(anyhow!("--from {from} is later than --to {to}")));
        }
        Ok(Period { from, to })
    }
}

pub(super) fn usage(error: anyhow::Error) -> Failure {
    Failure::new(Code::Usage, error)
}

/// The failure when the past could not be read.
pub(super) fn failed(error: ReviewError) -> Failure {
    match error {
        ReviewError::Io { .. }
        | ReviewError::Header { .. }
        | ReviewError::Nothing { .. }
        | ReviewError::BadRows { .. } => Failure::new(Code::Usage, error),
        ReviewError::Store(error) => error.into(),
    }
}

/// Reads a span of both files; remarks go to standard error.
pub(super) fn from_files(
    (messages, readings): (&Path, &Path),
    wanted: &Period,
    config: &Config,
) -> Result<(Past, Counts), Failure> {
    let messages = open(messages).map_err(usage)?;
    let readings = open(readings).map_err(usage)?;
    let span = (wanted.from, wanted.to);
    let mut remarks = io::stderr().lock();
    let read = read_files(
        messages,
        readings,
        span,
        &config.messages,
        config.rules.match_seconds,
        &mut remarks,
    );
    let (past, counts) = read.map_err(failed)?;
    remark_unmatched_rooms(&past, &mut remarks);
    Ok((past, counts))
}

/// Reads a span of the database.
pub(super) fn from_archive(
    wanted: &Period,
    config: &Config,
    rules: &[Rules],
) -> Result<(Past, Counts), Failure> {
    let mut archive = Database::of(config).archive();
    let read = read_archive(&mut *archive, Scope::All, wanted.from, wanted.to, rules);
    let (past, counts) = read.map_err(|error| failed(error.into()))?;
    let mut remarks = io::stderr().lock();
    if past.rooms().iter().any(|room| !room.statuses.is_empty()) {
        // Standard error may be closed.
        let _ = writeln!(
            remarks,
            "of rooms' statuses, the database knows those of the last week, of cleaning those of \
             the last day: earlier intervals are judged without"
        );
    }
    remark_unmatched_rooms(&past, &mut remarks);
    Ok((past, counts))
}

/// Remarks on rooms that only messages or only meters name: if the two spell rooms differently,
/// nothing is judged, and the empty result would look as if all were well.
fn remark_unmatched_rooms(past: &Past, remarks: &mut impl Write) {
    let quoted = |room: &RoomKey| format!("\"{room}\"");
    let rooms = past.rooms();
    let unread = rooms.iter().filter(|room| room.readings.is_empty());
    // Standard error may be closed.
    let mut remark = |text: String| drop(writeln!(remarks, "{}", escape::line(text.as_bytes())));
    if let Some(first) = unread.clone().next() {
        remark(format!(
            "{} of {} with messages have no reading, the first is {}: check that messages and \
             meters spell room keys alike",
            unread.count(),
            counted(rooms.len() as u64, "room"),
            quoted(&first.key)
        ));
    }
    if let Some(UnknownRooms { readings, first }) = past.unknown_rooms() {
        remark(format!(
            "{} of rooms without a message, the first of {}",
            counted(*readings, "reading"),
            quoted(first)
        ));
    }
}

fn open(path: &Path) -> anyhow::Result<NamedReader<BufReader<File>>> {
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| name.clone())?;
    Ok(NamedReader {
        name,
        from: BufReader::with_capacity(1 << 16, file),
    })
}

/// A time, or the beginning of a day.
pub(super) fn beginning(text: &str) -> Result<LocalTime, String> {
    moment(text, "00:00:00")
}

fn end(text: &str) -> Result<LocalTime, String> {
    moment(text, "23:59:59")
}

/// Parses a time, or a day, which means `of_day` on it.
fn moment(text: &str, of_day: &str) -> Result<LocalTime, String> {
    let time = LocalTime::parse(text).or_else(|_| LocalTime::parse(&format!("{text} {of_day}")));
    time.map_err(|_| "expected YYYY-MM-DD or \"YYYY-MM-DD HH:MM:SS\"".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_means_its_beginning_or_its_end() {
        let shown = |time: Result<LocalTime, String>| time.map(|time| time.to_string());
        let is = |text: &str| Ok(text.to_owned());
        assert_eq!(shown(beginning("2023-04-10")), is("2023-04-10 00:00:00"));
        assert_eq!(shown(end("2023-04-10")), is("2023-04-10 23:59:59"));
        for read in [beginning, end] {
            let time = "2023-04-10 14:30:00";
            assert_eq!(shown(read(time)), is(time));
            for wrong in ["", "10.4.2023", "2023-04-31", "2023-04-10 14", "yesterday"] {
                assert!(read(wrong).is_err(), "{wrong}");
            }
        }
    }
}
