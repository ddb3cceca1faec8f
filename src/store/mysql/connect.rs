//! How this program's connections are made.

use std::time::Duration;

use mysql::{Opts, OptsBuilder, SslOpts};

use crate::clock::unix_seconds;
use crate::config;
use crate::types::Zone;

/// How long a worker waits for a connection of the pool.
pub(super) const POOL_PATIENCE: Duration = Duration::from_secs(3);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest silence of the server while it reads the meters: room for histories of rooms, and no
/// more, because a link that is silently dead is found out by this.
const READING: Duration = Duration::from_secs(20);

/// The longest silence while it looks back: to find the ids of a span takes about a second for ten
/// million rows, and a person waits.
const LOOKING_BACK: Duration = Duration::from_secs(120);

/// The longest silence while it writes: more than a wait for a lock, less than a stop may take.
const WRITING: Duration = Duration::from_secs(15);

/// The longest time a question of a check may take; less than [`READING`].
pub(super) const LOOKING: Duration = Duration::from_secs(10);

/// After so long a silence of ours the server ends a connection that writes or holds the lease,
/// and with it its locks: another instance need not wait longer for one that hangs.
pub(super) const SILENCE: Duration = Duration::from_secs(15);

/// Options of connections that write, or hold a lock.
pub(super) fn writing(config: &config::MySql, zone: Zone) -> Opts {
    let silence = SILENCE.as_secs();
    let session = format!(
        "SET SESSION wait_timeout = {silence}, net_read_timeout = {silence}, net_write_timeout = {silence}"
    );
    opts(config, zone, WRITING, Some(session))
}

/// Options of connections that read.
pub(super) fn reading(config: &config::MySql, zone: Zone) -> Opts {
    opts(config, zone, READING, None)
}

/// Options of connections that read the past.
pub(super) fn looking_back(config: &config::MySql, zone: Zone) -> Opts {
    opts(config, zone, LOOKING_BACK, None)
}

/// Options of connections that look at what there is. No question of theirs keeps the server busy
/// for more than [`LOOKING`], and none waits for locks.
pub(super) fn looking(config: &config::MySql, zone: Zone) -> Opts {
    let seconds = LOOKING.as_secs();
    // Each kind of server reads its own comments.
    let limits = format!(
        "SET SESSION /*M!100100 max_statement_time = {seconds}, */ \
         /*!80000 max_execution_time = {seconds}000, */ lock_wait_timeout = 5"
    );
    opts(config, zone, READING, Some(limits))
}

/// The crate's defaults have no timeouts. A server that asks for local files is given none, as long
/// as nobody handles the question.
fn opts(config: &config::MySql, zone: Zone, silence: Duration, more: Option<String>) -> Opts {
    let session = format!(
        // Strict, or over-long ids are cut and collide. TIMESTAMPs in the hotels' time.
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
         time_zone = '{}', innodb_lock_wait_timeout = 10",
        offset(zone.offset_seconds(unix_seconds()))
    );
    OptsBuilder::new()
        .ip_or_hostname(Some(&config.host))
        .tcp_port(config.port)
        .prefer_socket(false)
        .user(Some(&config.user))
        .pass(Some(config.password.expose()))
        .db_name(Some(&config.database))
        .tcp_connect_timeout(Some(CONNECT_TIMEOUT))
        .read_timeout(Some(silence))
        .write_timeout(Some(silence))
        .tcp_nodelay(true)
        .ssl_opts(
            config
                .tls_ca
                .clone()
                .map(|ca| SslOpts::default().with_root_cert_path(Some(ca))),
        )
        .local_infile_handler(None)
        .init(
            [Some(session), more]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>(),
        )
        .into()
}

/// `+08:00`, which every server knows; names of zones need tables it may not have.
fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_has_limits_and_hands_no_file_over() {
        let config = config::MySql::default();
        let zone = Zone::named("Asia/Shanghai").expect("a zone");
        for (opts, sessions) in [
            (reading(&config, zone), 1),
            (writing(&config, zone), 2),
            (looking(&config, zone), 2),
        ] {
            assert!(opts.get_tcp_connect_timeout().is_some());
            assert!(opts.get_read_timeout().is_some() && opts.get_write_timeout().is_some());
            assert!(opts.get_local_infile_handler().is_none());
            let init = opts.get_init();
            assert_eq!(init.len(), sessions);
            assert!(init[0].contains("STRICT_ALL_TABLES") && init[0].contains("'+08:00'"));
        }
    }

    #[test]
    fn writes_offsets_as_servers_read_them() {
        assert_eq!(offset(8 * 3600), "+08:00");
        assert_eq!(offset(0), "+00:00");
        assert_eq!(offset(-(9 * 3600 + 1800)), "-09:30");
    }
}
