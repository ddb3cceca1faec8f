//! The log: standard output, and a file where one is configured.

use std::io;

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
        .chain(io::stdout());
    if let Some(path) = &config.file {
        dispatch = dispatch.chain(fern::log_file(path)?);
    }
    dispatch.apply().map_err(io::Error::other)
}
