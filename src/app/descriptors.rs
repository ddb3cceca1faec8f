//! The limit of files and connections that this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// For the log, the standard streams, the embedded database, connections that write or hold the
/// lease, certificates while they are read.
const BASE: usize = 48;

/// For a connection to RabbitMQ: its socket, and what its I/O thread polls.
const EACH_CONSUMER: usize = 8;

/// For a notifier: its connection, and the one that replaces it.
const EACH_NOTIFIER: usize = 2;

/// For pages: those that read at a time, each over a connection of its own or three files of the
/// embedded database, and the installation's key.
const PAGES: usize = 12;

/// What happens while there are too few, for the log.
pub(super) const RETRIED: &str = "what can't be opened is retried";

/// How many the service needs, not counting the clients of its HTTP server.
pub(super) fn needed(config: &Config) -> usize {
    let pool = config.mysql.as_ref().map_or(0, |mysql| mysql.pool_size);
    let notifiers = config.notify.routes.len() + 1;
    let pages = config.http.as_ref().map_or(0, |_| PAGES);
    BASE + pool as usize + pages + config.consumer_count * EACH_CONSUMER + notifiers * EACH_NOTIFIER
}

/// Raises the limit of this process to `needed`, as far as the system allows, and returns the limit
/// then. Logs a warning if that is too low, with `until_then`: what happens until it is raised.
pub(super) fn raise(needed: usize, until_then: &str) -> usize {
    let granted = |limit: Option<u64>| match limit {
        Some(granted) => usize::try_from(granted).unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let mut limit = granted(current);
    if limit < needed {
        let wanted = needed.min(granted(maximum));
        let raised = Rlimit {
            current: Some(wanted as u64),
            maximum,
        };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => limit = wanted,
            Err(error) => log::warn!("the limit of open files can't be raised: {error}"),
        }
    }
    if limit < needed {
        log::warn!(
            "this process may have {limit} files and connections open and needs up to {needed}: \
             raise the limit (LimitNOFILE= of systemd, minfds= of supervisor, ulimit -n); until \
             then {until_then}"
        );
    }
    limit
}
