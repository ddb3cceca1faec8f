//! The log: standard output, and a file where one is configured.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;
use serde_json::json;

use crate::clock::{Clock, SystemClock, unix_seconds};
use crate::config;
use crate::escape;
use crate::files;
use crate::types::{Zone, counted};

/// Lines that one place in the program may write in a minute. What goes wrong with each of a
/// thousand messages is told for the first ones, and counted for the others.
const LINES_A_MINUTE: u32 = 100;

/// What the staff is told is never left out: without a bot it stands nowhere else.
const NOTICES: &str = "roomwatt::notices";

/// An error that is not the log's, because that is not started yet or has ended, as a line with its
/// time. The hotels' zone may not be known: it is the default one, with its offset.
pub fn line_of_error(text: &str) -> String {
    let zone = Zone::named("Asia/Shanghai");
    let time = zone.map_or(String::new(), |zone| zone.rfc3339(unix_seconds()));
    format!("{time} {:5} [main] {text}", Level::Error)
}

/// Starts logging for this process; times are the hotels'. Gives the file, if there is one.
///
/// # Errors
/// When the file can't be opened.
pub fn start(config: &config::Log, zone: Zone) -> io::Result<LogFile> {
    let clock = SystemClock { zone };
    let is_json = config.json;
    let mut dispatch = fern::Dispatch::new()
        .format(move |out, message, record| {
            let thread = std::thread::current();
            let thread = thread.name().unwrap_or("-");
            if is_json {
                let line = json!({
                    "time": zone.rfc3339(unix_seconds()),
                    "level": record.level().as_str(),
                    "thread": thread,
                    "message": message.to_string(),
                });
                out.finish(format_args!("{}", escape::json(&line.to_string())));
            } else {
                out.finish(format_args!(
                    "{} {:5} [{thread}] {}",
                    clock.now(),
                    record.level(),
                    on_lines(&message.to_string())
                ));
            }
        })
        .level(libraries(config.level))
        .level_for("roomwatt", config.level)
        .chain(tolerant(io::stdout()));
    let log_file = match &config.file {
        Some(path) => LogFile::open(path.clone())?,
        None => LogFile(None),
    };
    if log_file.0.is_some() {
        dispatch = dispatch.chain(tolerant(log_file.clone()));
    }
    let (level, inner) = dispatch.into_log();
    let sparing = Sparing {
        inner,
        sites: Mutex::default(),
    };
    log::set_boxed_logger(Box::new(sparing)).map_err(io::Error::other)?;
    log::set_max_level(level);
    Ok(log_file)
}

/// What libraries may log. Whatever goes wrong they return as an error, and this program tells of
/// that in its own words: of an outage when it begins and when it ends. amiquip and TLS would add
/// lines with each try; that is for those who look for a fault, and no more than warnings even
/// then: amiquip's other lines have the password.
fn libraries(level: LevelFilter) -> LevelFilter {
    if level >= LevelFilter::Debug {
        LevelFilter::Warn
    } else {
        LevelFilter::Off
    }
}

/// A message in which names may come from strangers. Where it has several lines, the others are set
/// in: none of them looks like a line of the log.
fn on_lines(message: &str) -> String {
    escape::lines(message.as_bytes()).replace('\n', "\n    ")
}

/// The file of the log, which can be opened anew when somebody has moved it away.
#[derive(Clone)]
pub struct LogFile(Option<(PathBuf, Arc<Mutex<File>>)>);

impl LogFile {
    fn open(path: PathBuf) -> io::Result<LogFile> {
        let file = open(&path)?;
        Ok(LogFile(Some((path, Arc::new(Mutex::new(file))))))
    }

    /// Opens the file of that name anew, if there is one.
    ///
    /// # Errors
    /// When it can't be opened; then the old one is written on.
    pub fn reopen(&self) -> io::Result<()> {
        if let Some((path, file)) = &self.0 {
            let opened = open(path)?;
            *file.lock() = opened;
        }
        Ok(())
    }
}

/// Opens a file to append to; the error has its name.
fn open(path: &Path) -> io::Result<File> {
    files::append(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Some((_, file)) => file.lock().write(bytes),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &self.0 {
            Some((_, file)) => file.lock().flush(),
            None => Ok(()),
        }
    }
}

/// Leaves out what one place in the program writes again and again. To flush it tells how much was
/// left out since that was told last.
struct Sparing {
    inner: Box<dyn Log>,
    /// By file and line.
    sites: Mutex<HashMap<(&'static str, u32), Site>>,
}

/// What a place has written since a minute began.
struct Site {
    began: Instant,
    lines: u32,
    left_out: Option<LeftOut>,
}

/// What was left out of a place, by its first line.
struct LeftOut {
    lines: u32,
    level: Level,
    target: String,
    first: String,
}

impl Site {
    fn new(now: Instant) -> Site {
        Site {
            began: now,
            lines: 0,
            left_out: None,
        }
    }

    /// Another line at `now`: whether it is written, and what was left out before a new minute.
    fn takes(&mut self, record: &Record<'_>, now: Instant) -> (bool, Option<LeftOut>) {
        let mut told = None;
        if now.saturating_duration_since(self.began) >= Duration::from_secs(60) {
            told = self.left_out.take();
            *self = Site::new(now);
        }
        let taken = self.lines < LINES_A_MINUTE;
        if taken {
            self.lines += 1;
        } else {
            let left_out = self.left_out.get_or_insert_with(|| LeftOut {
                lines: 0,
                level: record.level(),
                target: record.target().to_owned(),
                first: record.args().to_string(),
            });
            left_out.lines = left_out.lines.saturating_add(1);
        }
        (taken, told)
    }
}

impl Sparing {
    fn tell(&self, left_out: &LeftOut) {
        let LeftOut { lines, first, .. } = left_out;
        let mut record = Record::builder();
        record.level(left_out.level).target(&left_out.target);
        let lines = counted(*lines, "line");
        let args = format_args!("{lines} like this one left out: {first}");
        self.inner.log(&record.args(args).build());
    }
}

impl Log for Sparing {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let (mut taken, mut left_out) = (true, None);
        if record.target() != NOTICES
            && let (Some(file), Some(line)) = (record.file_static(), record.line())
        {
            let now = Instant::now();
            let mut sites = self.sites.lock();
            let site = sites.entry((file, line)).or_insert_with(|| Site::new(now));
            (taken, left_out) = site.takes(record, now);
        }
        if let Some(left_out) = left_out {
            self.tell(&left_out);
        }
        if taken {
            self.inner.log(record);
        }
    }

    fn flush(&self) {
        let mut sites = self.sites.lock();
        let left_out = sites.values_mut().filter_map(|site| site.left_out.take());
        let left_out: Vec<LeftOut> = left_out.collect();
        drop(sites);
        for left_out in &left_out {
            self.tell(left_out);
        }
        self.inner.flush();
    }
}

/// A writer for which a full disk or a closed pipe is no error: lines are lost then, the service is
/// not. fern would panic once standard error can't be written either.
///
/// A line is written as a whole, at the flush that fern has after each: in pieces, a file that is
/// opened anew meanwhile would get the rest of one.
struct Tolerant<W> {
    inner: W,
    line: Vec<u8>,
}

fn tolerant(inner: impl Write + Send + 'static) -> Box<dyn Write + Send> {
    let line = Vec::new();
    Box::new(Tolerant { inner, line })
}

impl<W: Write> Write for Tolerant<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.inner.write_all(&self.line);
        let _ = self.inner.flush();
        self.line.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_looks_like_another_line_of_the_log() {
        assert_eq!(on_lines("as it is: 客房 1001"), "as it is: 客房 1001");
        assert_eq!(
            on_lines("refused: \u{202e}x\n2026-01-01 00:00:00 INFO  [main] y\r\u{1b}[2J\u{2028}"),
            "refused: \\u{202e}x\n    2026-01-01 00:00:00 INFO  [main] y\\r\\u{1b}[2J\\u{2028}"
        );
    }

    /// What is written at once.
    struct Pieces(crossbeam_channel::Sender<Vec<u8>>);

    impl Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A disk without room.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn a_file_without_room_loses_lines_and_nothing_else() {
        let mut file = tolerant(Full);
        assert!(file.write_all(b"a line\n").is_ok() && file.flush().is_ok());
    }

    #[test]
    fn a_line_is_written_as_a_whole() {
        let (sender, pieces) = crossbeam_channel::unbounded();
        let (_, logger) = fern::Dispatch::new()
            .chain(tolerant(Pieces(sender)))
            .into_log();
        for number in [1, 2] {
            let value = json!({ "message": number });
            let args = format_args!("{value}");
            logger.log(&log::Record::builder().args(args).build());
        }
        let pieces: Vec<Vec<u8>> = pieces.try_iter().collect();
        assert_eq!(pieces, [b"{\"message\":1}\n", b"{\"message\":2}\n"]);
    }

    struct Kept(Arc<Mutex<Vec<String>>>);

    impl Log for Kept {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &Record<'_>) {
            let line = format!("{} {} {}", record.level(), record.target(), record.args());
            self.0.lock().push(line);
        }

        fn flush(&self) {}
    }

    /// Logs of one place, and what of it was written.
    fn sparing() -> (Sparing, Arc<Mutex<Vec<String>>>) {
        let kept = Arc::default();
        let sparing = Sparing {
            inner: Box::new(Kept(Arc::clone(&kept))),
            sites: Mutex::default(),
        };
        (sparing, kept)
    }

    fn with_record(target: &str, text: &str, then: impl FnOnce(&Record<'_>)) {
        let mut record = Record::builder();
        record.level(Level::Warn).target(target);
        record.file_static(Some("a.rs")).line(Some(1));
        then(&record.args(format_args!("{text}")).build());
    }

    #[test]
    fn of_what_the_staff_is_told_nothing_is_left_out() {
        for (target, written) in [("roomwatt::owner", 100), (NOTICES, 150)] {
            let (sparing, kept) = sparing();
            for _ in 0..150 {
                with_record(target, "x", |record| sparing.log(record));
            }
            assert_eq!(kept.lock().len(), written, "{target}");
        }
    }

    #[test]
    fn what_was_left_out_is_told_once_by_its_first_line() {
        let (sparing, kept) = sparing();
        for number in 0..150 {
            let text = format!("line {number}");
            with_record("roomwatt::owner", &text, |record| sparing.log(record));
        }
        for _ in 0..2 {
            sparing.flush();
            assert_eq!(kept.lock().len(), 101);
        }
        assert_eq!(
            kept.lock()[100],
            "WARN roomwatt::owner 50 lines like this one left out: line 100"
        );
        // The minute is not over by that.
        for expected in [101, 102] {
            with_record("roomwatt::owner", "more", |record| sparing.log(record));
            assert_eq!(kept.lock().len(), expected);
            sparing.flush();
        }
        assert_eq!(
            kept.lock()[101],
            "WARN roomwatt::owner 1 line like this one left out: more"
        );
    }

    #[test]
    fn what_is_written_again_and_again_is_left_out_and_counted() {
        let start = Instant::now();
        let mut site = Site::new(start);
        let minute = Duration::from_secs(60);
        let mut written = |count: u32, at: Instant| {
            let mut sums = (0, 0);
            for _ in 0..count {
                with_record("roomwatt::owner", "x", |record| {
                    let (taken, told) = site.takes(record, at);
                    sums.0 += u32::from(taken);
                    sums.1 += told.map_or(0, |left_out| left_out.lines);
                });
            }
            sums
        };
        assert_eq!(written(30, start), (30, 0));
        assert_eq!(written(100, start + minute / 2), (70, 0));
        assert_eq!(written(1, start + minute), (1, 30));
        assert_eq!(written(99, start + minute), (99, 0));
        assert_eq!(written(1, start + minute), (0, 0));
        assert_eq!(written(5, start + 3 * minute), (5, 1));
    }
}
