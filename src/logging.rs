//! The log: standard output, and a file where one is configured.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;
use serde_json::json;

use crate::clock::{Clock, SystemClock};
use crate::config;
use crate::types::Zone;

/// Lines that one place in the program may write in a minute. What goes wrong with each of a
/// thousand messages is told for the first ones, and counted for the others.
const LINES_A_MINUTE: u32 = 100;

/// What the staff is told is never left out: without a bot it stands nowhere else.
const NOTICES: &str = "roomwatt::notices";

/// Starts logging for this process; times are the hotels'. Gives the file, if there is one.
///
/// # Errors
/// When the file can't be opened.
pub fn start(config: &config::Log, zone: Zone) -> io::Result<LogFile> {
    let clock = SystemClock { zone };
    let is_json = config.json;
    let mut dispatch = fern::Dispatch::new()
        .format(move |out, message, record| {
            let now = clock.now();
            let thread = std::thread::current();
            let thread = thread.name().unwrap_or("-");
            if is_json {
                let line = json!({
                    "time": now.to_string(),
                    "level": record.level().as_str(),
                    "thread": thread,
                    "message": message.to_string(),
                });
                out.finish(format_args!("{line}"));
            } else {
                out.finish(format_args!(
                    "{now} {:5} [{thread}] {message}",
                    record.level()
                ));
            }
        })
        // Libraries only when something is wrong; amiquip would even print the password.
        .level(LevelFilter::Warn.min(config.level))
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

/// The file of the log, which can be opened anew when somebody has moved it away.
#[derive(Clone)]
pub struct LogFile(Option<(PathBuf, Arc<Mutex<File>>)>);

impl LogFile {
    fn open(path: PathBuf) -> io::Result<LogFile> {
        let file = fern::log_file(&path)?;
        Ok(LogFile(Some((path, Arc::new(Mutex::new(file))))))
    }

    /// Opens the file of that name anew, if there is one.
    ///
    /// # Errors
    /// When it can't be opened; then the old one is written on.
    pub fn reopen(&self) -> io::Result<()> {
        if let Some((path, file)) = &self.0 {
            let opened = fern::log_file(path)?;
            *file.lock() = opened;
        }
        Ok(())
    }
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

/// Leaves out what one place in the program writes again and again.
struct Sparing {
    inner: Box<dyn Log>,
    /// By file and line.
    sites: Mutex<HashMap<(&'static str, u32), Site>>,
}

/// What a place has written since a minute began.
#[derive(Clone, Copy)]
struct Site {
    began: Instant,
    lines: u32,
    left_out: u32,
}

impl Site {
    /// Another line at `now`: whether it is written, and how many before it were not.
    fn takes(&mut self, now: Instant) -> (bool, u32) {
        let mut left_out = 0;
        if now.saturating_duration_since(self.began) >= Duration::from_secs(60) {
            left_out = self.left_out;
            *self = Site::new(now);
        }
        let taken = self.lines < LINES_A_MINUTE;
        if taken {
            self.lines += 1;
        } else {
            self.left_out += 1;
        }
        (taken, left_out)
    }

    fn new(now: Instant) -> Site {
        Site {
            began: now,
            lines: 0,
            left_out: 0,
        }
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
        let (mut taken, mut left_out) = (true, 0);
        if record.target() != NOTICES
            && let (Some(file), Some(line)) = (record.file_static(), record.line())
        {
            let now = Instant::now();
            let mut sites = self.sites.lock();
            let site = sites.entry((file, line)).or_insert(Site::new(now));
            (taken, left_out) = site.takes(now);
        }
        if left_out > 0 {
            let text = format_args!("{left_out} lines like the next one were left out");
            self.inner.log(
                &Record::builder()
                    .metadata(record.metadata().clone())
                    .args(text)
                    .build(),
            );
        }
        if taken {
            self.inner.log(record);
        }
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

/// A writer for which a full disk or a closed pipe is no error: lines are lost then, the service is
/// not. fern would panic once standard error can't be written either.
struct Tolerant<W>(W);

fn tolerant(writer: impl Write + Send + 'static) -> Box<dyn Write + Send> {
    Box::new(Tolerant(writer))
}

impl<W: Write> Write for Tolerant<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.0.write(bytes).unwrap_or(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(Arc<Mutex<u32>>);

    impl Log for Count {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn log(&self, _: &Record<'_>) {
            *self.0.lock() += 1;
        }

        fn flush(&self) {}
    }

    #[test]
    fn of_what_the_staff_is_told_nothing_is_left_out() {
        for (target, written) in [("roomwatt::owner", LINES_A_MINUTE), (NOTICES, 150)] {
            let count = Arc::default();
            let sparing = Sparing {
                inner: Box::new(Count(Arc::clone(&count))),
                sites: Mutex::default(),
            };
            for _ in 0..150 {
                let mut record = Record::builder();
                record
                    .target(target)
                    .file_static(Some("a.rs"))
                    .line(Some(1));
                sparing.log(&record.args(format_args!("x")).build());
            }
            assert_eq!(*count.lock(), written, "{target}");
        }
    }

    #[test]
    fn what_is_written_again_and_again_is_left_out_and_counted() {
        let start = Instant::now();
        let mut site = Site::new(start);
        let minute = Duration::from_secs(60);
        let mut written = |count: u32, at: Instant| {
            let lines = (0..count).map(|_| site.takes(at));
            lines.fold((0, 0), |(taken, left_out), line| {
                (taken + u32::from(line.0), left_out + line.1)
            })
        };
        assert_eq!(written(30, start), (30, 0));
        assert_eq!(written(100, start + minute / 2), (70, 0));
        assert_eq!(written(1, start + minute), (1, 30));
        assert_eq!(written(99, start + minute), (99, 0));
        assert_eq!(written(1, start + minute), (0, 0));
        assert_eq!(written(5, start + 3 * minute), (5, 1));
    }
}
