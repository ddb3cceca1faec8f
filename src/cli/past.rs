//! Where commands about the past take it from: files, or the configured database.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use crate::config::Config;
use crate::engine::Rules;
use crate::review::{Counts, Input, Past, ReviewError, read_archive, read_files};
use crate::store::Database;
use crate::types::LocalTime;

use super::{Code, Failure};

/// The options that say where the past is.
#[derive(clap::Args)]
pub(super) struct Source {
    /// Check-in and check-out messages, one JSON object a line
    #[arg(long, value_name = "FILE", requires = "readings")]
    pub messages: Option<PathBuf>,
    /// Meter readings: CSV with hotel_id,room_number,reading_value,script_time
    #[arg(long, value_name = "FILE", requires = "messages")]
    pub readings: Option<PathBuf>,
    /// What the configured database has since this time, or the beginning of this day
    #[arg(long, value_name = "TIME", value_parser = beginning, conflicts_with_all = ["messages", "readings"])]
    pub from: Option<LocalTime>,
    /// And up to this time, or the end of this day [default: now]
    #[arg(long, value_name = "TIME", value_parser = end, conflicts_with_all = ["messages", "readings"])]
    pub to: Option<LocalTime>,
}

/// What was asked for, where files are not.
pub(super) struct Wanted {
    pub from: LocalTime,
    pub to: LocalTime,
}

impl Source {
    /// The files, if they were named.
    pub fn files(&self) -> Option<(&Path, &Path)> {
        Some((self.messages.as_deref()?, self.readings.as_deref()?))
    }

    /// The span of the database; from `default` on where the command line does not say.
    pub fn span(&self, default: LocalTime, latest: LocalTime) -> Result<Wanted, Failure> {
        let to = self.to.unwrap_or(latest);
        let from = self.from.unwrap_or_else(|| default.min(to));
        if from > to {
            return Err(usage(anyhow!("--from {from} is later than --to {to}")));
        }
        Ok(Wanted { from, to })
    }
}

/// Up to when readings are believed: meters may go a little fast.
pub(super) fn latest(now: LocalTime) -> LocalTime {
    now.plus(3_600)
}

pub(super) fn usage(error: anyhow::Error) -> Failure {
    Failure::new(Code::Usage, error)
}

/// Why the past could not be had.
pub(super) fn failed(error: ReviewError) -> Failure {
    let code = match &error {
        ReviewError::Io { .. } | ReviewError::Header { .. } | ReviewError::Nothing { .. } => {
            Code::Usage
        }
        ReviewError::Store(_) => Code::TryLater,
    };
    Failure::new(code, error)
}

/// Reads both files; remarks go to standard error.
pub(super) fn from_files(
    (messages, readings): (&Path, &Path),
    config: &Config,
) -> Result<(Past, Counts), Failure> {
    let messages = open(messages).map_err(usage)?;
    let readings = open(readings).map_err(usage)?;
    let mut remarks = io::stderr().lock();
    read_files(messages, readings, &config.messages, &mut remarks).map_err(failed)
}

/// Reads a span of the database.
pub(super) fn from_archive(
    wanted: &Wanted,
    config: &Config,
    rules: &[Rules],
) -> Result<(Past, Counts), Failure> {
    let mut archive = Database::of(config).archive();
    read_archive(&mut *archive, wanted.from, wanted.to, rules).map_err(|error| failed(error.into()))
}

fn open(path: &Path) -> anyhow::Result<Input<BufReader<File>>> {
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| name.clone())?;
    Ok(Input {
        name,
        from: BufReader::with_capacity(1 << 16, file),
    })
}

fn beginning(text: &str) -> Result<LocalTime, String> {
    moment(text, "00:00:00")
}

fn end(text: &str) -> Result<LocalTime, String> {
    moment(text, "23:59:59")
}

/// A time, or a day with the time of it that is meant.
fn moment(text: &str, of_day: &str) -> Result<LocalTime, String> {
    let time = LocalTime::parse(text).or_else(|_| LocalTime::parse(&format!("{text} {of_day}")));
    time.map_err(|_| "expected YYYY-MM-DD or \"YYYY-MM-DD HH:MM:SS\"".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_alone_is_meant_as_a_whole() {
        let shown = |time: Result<LocalTime, String>| time.map(|time| time.to_string());
        let is = |text: &str| Ok(text.to_owned());
        assert_eq!(shown(beginning("2023-04-10")), is("2023-04-10 00:00:00"));
        assert_eq!(shown(end("2023-04-10")), is("2023-04-10 23:59:59"));
        for read in [beginning, end] {
            let time = "2023-04-10 14:30:00";
            assert_eq!(shown(read(time)), is(time));
            for wrong in [
                "",
                "10.4.2023",
                "2023-04-31",
                "2023-04-10 14:30",
                "yesterday",
            ] {
                assert!(read(wrong).is_err(), "{wrong}");
            }
        }
    }
}
