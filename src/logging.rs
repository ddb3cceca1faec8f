//! The log: standard output, and a file where one is configured.

use std::io::{self, Write};

use log::LevelFilter;

use crate::clock::{Clock, SystemClock};
use crate::config;
use crate::types::Zone;

/// Starts logging for this process; times are the hotels'.
///
/// # Errors
/// When the file can't be opened.
pub fn start(config: &config::Log, zone: Zone) -> io::Result<()> {
    let clock = SystemClock { zone };
    let mut dispatch = fern::Dispatch::new()
        .format(move |out, message, record| {
            let now = clock.now();
            let thread = std::thread::current();
            out.finish(format_args!(
                "{now} {:5} [{}] {message}",
                record.level(),
                thread.name().unwrap_or("-"),
            ));
        })
        // Libraries only when something is wrong; amiquip would even print the password.
        .level(LevelFilter::Warn.min(config.level))
        .level_for("roomwatt", config.level)
        .chain(tolerant(io::stdout()));
    if let Some(path) = &config.file {
        dispatch = dispatch.chain(tolerant(fern::log_file(path)?));
    }
    dispatch.apply().map_err(io::Error::other)
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
