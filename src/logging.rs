//! The log: standard output, and a file where one is configured.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use log::LevelFilter;

use crate::config;
use crate::types::Zone;

/// Starts logging for this process; times are the hotels'.
///
/// # Errors
/// When the file can't be opened.
pub fn start(config: &config::Log, zone: Zone) -> io::Result<()> {
    let mut dispatch = fern::Dispatch::new()
        .format(move |out, message, record| {
            let unix = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |elapsed| elapsed.as_secs() as i64);
            let now = zone.local(unix).map(|now| now.to_string());
            let thread = std::thread::current();
            out.finish(format_args!(
                "{} {:5} [{}] {message}",
                now.unwrap_or_default(),
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
