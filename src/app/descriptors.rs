//! How many files and connections this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// For the log, the standard streams, the embedded database, connections that write or hold the
/// lease, certificates while they are read.
const BASE: usize = 48;

/// A connection to RabbitMQ has its socket, and what its thread polls.
const EACH_CONSUMER: usize = 8;

/// A notifier's connection, and its next one.
const EACH_NOTIFIER: usize = 2;

/// What becomes of those that find none left.
pub(super) const TRIED_AGAIN: &str = "what finds none left is tried again";

/// What the service needs besides the clients of its own HTTP.
pub(super) fn needed(config: &Config) -> usize {
    let pool = config.mysql.as_ref().map_or(0, |mysql| mysql.pool_size);
    let notifiers = config.notify.routes.len() + 1;
    BASE + pool as usize + config.consumer_count * EACH_CONSUMER + notifiers * EACH_NOTIFIER
}

/// Raises the limit of this process to what it needs, as far as the system lets it; gives how many
/// it may have open then. Where they are too few the log says so, and what comes of it.
pub(super) fn raise(needed: usize, until_then: &str) -> usize {
    let granted = |limit: Option<u64>| match limit {
        Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let mut may = granted(current);
    if may < needed {
        let wanted = needed.min(granted(maximum));
        let raised = Rlimit {
            current: Some(wanted as u64),
            maximum,
        };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => may = wanted,
            Err(error) => log::warn!("the limit of open files can't be raised: {error}"),
        }
    }
    if may < needed {
        log::warn!(
            "this process may have {may} files and connections open and needs up to {needed}: \
             raise the limit (LimitNOFILE= of systemd, minfds= of supervisor, ulimit -n); until \
             then {until_then}"
        );
    }
    may
}
