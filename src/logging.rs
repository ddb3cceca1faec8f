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

/// The most lines that each log statement writes in a minute; the rest are summarised. So an error
/// of each of a thousand messages is logged for the first ones only, and counted for the others.
const LINES_A_MINUTE: u32 = 100;

/// The target of notices to the staff. They are never suppressed: without a bot the log is the only
/// place for them.
const NOTICES: &str = "roomwatt::notices";

/// Formats an error outside of the log, which has not been started yet or has ended, as a line with
/// its time. The hotels' zone may be unknown, so the time is in the default zone, with its offset.
pub fn line_of_error(text: &str) -> String {
    let zone = Zone::named("Asia/Shanghai");
    let time = zone.map_or(String::new(), |zone| zone.rfc3339(unix_seconds()));
    format!("{time} {:5} [main] {text}", Level::Error)
}

/// Starts logging for this process, with the hotels' local time. Returns the log file.
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
    let limited = RateLimited {
        inner,
        sites: Mutex::default(),
    };
    log::set_boxed_logger(Box::new(limited)).map_err(io::Error::other)?;
    log::set_max_level(level);
    Ok(log_file)
}

/// What libraries may log. They return their errors, and this program logs those itself, an outage
/// when it begins and when it ends. amiquip and TLS would add lines with each attempt, so they log
/// only at level debug, and only warnings even then: amiquip's other lines contain the password.
fn libraries(level: LevelFilter) -> LevelFilter {
    if level >= LevelFilter::Debug {
        LevelFilter::Warn
    } else {
        LevelFilter::Off
    }
}

/// Escapes a message, in which names are untrusted. Its further lines are indented, so that none of
/// them looks like a line of the log.
fn on_lines(message: &str) -> String {
    escape::lines(message.as_bytes()).replace('\n', "\n    ")
}

/// The log file, which can be reopened after it was rotated.
#[derive(Clone)]
pub struct LogFile(Option<(PathBuf, Arc<Mutex<File>>)>);

impl LogFile {
    fn open(path: PathBuf) -> io::Result<LogFile> {
        let file = open(&path)?;
        Ok(LogFile(Some((path, Arc::new(Mutex::new(file))))))
    }

    /// Reopens the file by its name, if a file is configured.
    ///
    /// # Errors
    /// When it can't be opened; then logging goes on in the old one.
    pub fn reopen(&self) -> io::Result<()> {
        if let Some((path, file)) = &self.0 {
            let opened = open(path)?;
            *file.lock() = opened;
        }
        Ok(())
    }
}

/// Opens a file to append to; the error contains its name.
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

/// A logger that limits the lines of each log statement. A flush logs how many lines were left out
/// since the last summary.
struct RateLimited {
    inner: Box<dyn Log>,
    /// The log statements, by file and line.
    sites: Mutex<HashMap<(&'static str, u32), Site>>,
}

/// What a log statement has written in the current minute.
struct Site {
    began: Instant,
    lines: u32,
    left_out: Option<LeftOut>,
}

/// The lines of a log statement that were left out, summarised by the first one.
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

    /// Counts a line at `now`. Returns whether it is written, and at the beginning of a new minute
    /// what was left out in the last one.
    fn add(&mut self, record: &Record<'_>, now: Instant) -> (bool, Option<LeftOut>) {
        let mut before = None;
        if now.saturating_duration_since(self.began) >= Duration::from_secs(60) {
            before = self.left_out.take();
            *self = Site::new(now);
        }
        let is_written = self.lines < LINES_A_MINUTE;
        if is_written {
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
        (is_written, before)
    }
}

impl RateLimited {
    fn summarise(&self, left_out: &LeftOut) {
        let LeftOut { lines, first, .. } = left_out;
        let mut record = Record::builder();
        record.level(left_out.level).target(&left_out.target);
        let lines = counted(*lines, "line");
        let args = format_args!("{lines} like this one left out: {first}");
        self.inner.log(&record.args(args).build());
    }
}

impl Log for RateLimited {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let (mut is_written, mut left_out) = (true, None);
        if record.target() != NOTICES
            && let (Some(file), Some(line)) = (record.file_static(), record.line())
        {
            let now = Instant::now();
            let mut sites = self.sites.lock();
            let site = sites.entry((file, line)).or_insert_with(|| Site::new(now));
            (is_written, left_out) = site.add(record, now);
        }
        if let Some(left_out) = left_out {
            self.summarise(&left_out);
        }
        if is_written {
            self.inner.log(record);
        }
    }

    fn flush(&self) {
        let mut sites = self.sites.lock();
        let left_out = sites.values_mut().filter_map(|site| site.left_out.take());
        let left_out: Vec<LeftOut> = left_out.collect();
        drop(sites);
        for left_out in &left_out {
            self.summarise(left_out);
        }
        self.inner.flush();
    }
}

/// A writer that ignores a full disk or a closed pipe: lines are lost then, but the service goes
/// on. fern would panic once standard error can't be written either.
///
/// A line is written as a whole, at the flush that fern does after each. Otherwise a file that is
/// reopened in between would get only the rest of a line.
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

    /// Records each write.
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

    /// A full disk.
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
    fn a_full_disk_loses_lines_and_is_no_error() {
        let mut file = tolerant(Full);
        assert!(file.write_all(b"a line\n").is_ok() && file.flush().is_ok());
    }

    #[test]
    fn a_line_is_written_at_once() {
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

    /// A logger, and the lines it has written.
    fn limited() -> (RateLimited, Arc<Mutex<Vec<String>>>) {
        let kept = Arc::default();
        let limited = RateLimited {
            inner: Box::new(Kept(Arc::clone(&kept))),
            sites: Mutex::default(),
        };
        (limited, kept)
    }

    fn with_record(target: &str, text: &str, then: impl FnOnce(&Record<'_>)) {
        let mut record = Record::builder();
        record.level(Level::Warn).target(target);
        record.file_static(Some("a.rs")).line(Some(1));
        then(&record.args(format_args!("{text}")).build());
    }

    #[test]
    fn notices_to_the_staff_are_never_suppressed() {
        for (target, written) in [("roomwatt::owner", 100), (NOTICES, 150)] {
            let (limited, kept) = limited();
            for _ in 0..150 {
                with_record(target, "x", |record| limited.log(record));
            }
            assert_eq!(kept.lock().len(), written, "{target}");
        }
    }

    #[test]
    fn suppressed_lines_are_summarised_once_with_the_first_one() {
        let (limited, kept) = limited();
        for number in 0..150 {
            let text = format!("line {number}");
            with_record("roomwatt::owner", &text, |record| limited.log(record));
        }
        for _ in 0..2 {
            limited.flush();
            assert_eq!(kept.lock().len(), 101);
        }
        assert_eq!(
            kept.lock()[100],
            "WARN roomwatt::owner 50 lines like this one left out: line 100"
        );
        // A flush does not begin a new minute.
        for expected in [101, 102] {
            with_record("roomwatt::owner", "more", |record| limited.log(record));
            assert_eq!(kept.lock().len(), expected);
            limited.flush();
        }
        assert_eq!(
            kept.lock()[101],
            "WARN roomwatt::owner 1 line like this one left out: more"
        );
    }

    #[test]
    fn repeated_lines_are_suppressed_and_counted() {
        let start = Instant::now();
        let mut site = Site::new(start);
        let minute = Duration::from_secs(60);
        let mut written = |count: u32, at: Instant| {
            let mut sums = (0, 0);
            for _ in 0..count {
                with_record("roomwatt::owner", "x", |record| {
                    let (is_written, left_out) = site.add(record, at);
                    sums.0 += u32::from(is_written);
                    sums.1 += left_out.map_or(0, |left_out| left_out.lines);
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
