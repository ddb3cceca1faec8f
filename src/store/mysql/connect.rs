//! How this program's connections are made.

use std::path::Path;
use std::time::{Duration, Instant};

use mysql::{Conn, Opts, OptsBuilder, SslOpts};

use crate::certificate;
use crate::clock::unix_seconds;
use crate::config;
use crate::files;
use crate::store::StoreError;
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

/// The longest silence while `init-db` changes a table: some changes write all of its rows anew,
/// and a person waits.
const CHANGING_TABLES: Duration = Duration::from_secs(3_600);

/// The longest silence while it writes: more than a wait for a lock, less than a stop may take.
const WRITING: Duration = Duration::from_secs(15);

/// The longest time a question of a check may take; less than [`READING`].
pub(super) const LOOKING: Duration = Duration::from_secs(10);

/// After so long a silence of ours the server ends a connection that writes or holds the lease,
/// and with it its locks: another instance need not wait longer for one that hangs.
pub(super) const SILENCE: Duration = Duration::from_secs(15);

/// The same for connections that hold nothing: a command may wait for the broker, or for whoever
/// reads what it prints.
const IDLE: Duration = Duration::from_secs(3_600);

/// The longest wait for a lock, of rows or of a table.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// A connection that was idle for so long is asked whether it still is one: servers, proxies and
/// operators close idle connections, and nobody is told before the next use.
const UNSURE_AFTER: Duration = Duration::from_secs(1);

/// How long what may take on a connection.
struct Limits {
    /// The longest silence of the server while it works.
    silence: Duration,
    /// The longest silence of ours.
    idle: Duration,
    lock_wait: Duration,
    /// The longest time of a statement, where there is one.
    statement: Option<Duration>,
}

/// Options of connections that write, or hold a lock.
pub(super) fn writing(config: &config::MySql, zone: Zone) -> Opts {
    let limits = Limits {
        silence: WRITING,
        idle: SILENCE,
        lock_wait: LOCK_WAIT,
        statement: None,
    };
    opts(config, zone, &limits)
}

/// Options of connections that read.
pub(super) fn reading(config: &config::MySql, zone: Zone) -> Opts {
    let limits = Limits {
        silence: READING,
        idle: IDLE,
        lock_wait: LOCK_WAIT,
        statement: None,
    };
    opts(config, zone, &limits)
}

/// Options of connections that read the past.
pub(super) fn looking_back(config: &config::MySql, zone: Zone) -> Opts {
    let limits = Limits {
        silence: LOOKING_BACK,
        idle: IDLE,
        lock_wait: LOCK_WAIT,
        statement: None,
    };
    opts(config, zone, &limits)
}

/// Options of connections that change tables.
pub(super) fn changing_tables(config: &config::MySql, zone: Zone) -> Opts {
    let limits = Limits {
        silence: CHANGING_TABLES,
        idle: IDLE,
        lock_wait: LOCK_WAIT,
        statement: None,
    };
    opts(config, zone, &limits)
}

/// Options of connections that look at what there is. No question of theirs keeps the server busy
/// for more than [`LOOKING`], and none waits long for locks.
pub(super) fn looking(config: &config::MySql, zone: Zone) -> Opts {
    let limits = Limits {
        silence: READING,
        idle: IDLE,
        lock_wait: LOOKING / 2,
        statement: Some(LOOKING),
    };
    opts(config, zone, &limits)
}

/// Makes a connection. All of this program's are made here.
///
/// # Errors
/// Any [`StoreError`] of the server, and [`StoreError::Certificate`] where the file of authorities
/// is none by now.
pub(super) fn connect(opts: &Opts) -> Result<Conn, StoreError> {
    let ca = opts.get_ssl_opts().and_then(SslOpts::root_cert_path);
    ca.map_or(Ok(()), see_authorities)?;
    Ok(Conn::new(opts.clone())?)
}

/// The crate opens the file of authorities by itself, at each connection: whatever has taken its
/// place since the start must not hold up who connects.
fn see_authorities(file: &Path) -> Result<(), StoreError> {
    let pem = files::read(file, files::CONFIGURATION).map_err(|error| error.to_string());
    let known = pem.and_then(|pem| certificate::authorities(&pem));
    let fail = |why| StoreError::Certificate(format!("mysql.tls_ca {}: {why}", file.display()));
    known.map(drop).map_err(fail)
}

/// Whether a connection that was used last at `used` can be used again. One that was closed
/// meanwhile is replaced before there is anything to lose on it, and nobody need hear of it.
pub(super) fn is_usable(conn: &mut Conn, used: Instant) -> bool {
    used.elapsed() < UNSURE_AFTER || conn.ping().is_ok()
}

/// All that a session relies on, whatever the server, an init_connect or a proxy has set: every
/// connection of this program begins with these statements.
fn session(zone: Zone, limits: &Limits) -> Vec<String> {
    let Limits {
        silence,
        idle,
        lock_wait,
        statement,
    } = limits;
    let [silence, idle, lock_wait, statement] =
        [*silence, *idle, *lock_wait, statement.unwrap_or_default()].map(|limit| limit.as_secs());
    let zone = offset(zone.offset_seconds(unix_seconds()));
    // Names in any language, both ways. Where no column says how texts compare: byte for byte, as
    // in memory; and this collation gives way to any column's.
    let names = "SET NAMES utf8mb4 COLLATE utf8mb4_bin".to_owned();
    // One level for all. What a sweep, a message or a command reads is a statement by itself, and
    // so a snapshot by itself: committed rows, and the newest. The owner's transaction locks the
    // service row first, so that no other instance's writes are under way when its snapshot begins;
    // what operators change meanwhile are single rows, and to update one takes its newest version.
    // READ COMMITTED would do as well, but a server with binlog_format = STATEMENT refuses to write
    // then. READ UNCOMMITTED shows readings that are rolled back later, and with SERIALIZABLE what
    // a transaction reads waits for others' locks.
    let level = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE".to_owned();
    let variables = [
        // Strict, or over-long ids are cut and collide; quotes, blanks and escapes as usual.
        "sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
            .to_owned(),
        // Each statement is committed, or what sweeps read is one old snapshot for ever.
        "autocommit = 1".to_owned(),
        // COMMIT begins no other transaction, and ends no connection.
        "completion_type = 0".to_owned(),
        // TIMESTAMPs in the hotels' time.
        format!("time_zone = '{zone}'"),
        // All rows, of however many; changes by whatever condition.
        "sql_select_limit = 18446744073709551615".to_owned(),
        "sql_big_selects = 1".to_owned(),
        "sql_safe_updates = 0".to_owned(),
        // Each kind of server reads its own comments; 0 is no limit.
        format!(
            "/*M!100100 max_statement_time = {statement}, */ \
             /*!50708 max_execution_time = {statement}000, */ \
             lock_wait_timeout = {lock_wait}"
        ),
        format!("innodb_lock_wait_timeout = {lock_wait}"),
        format!("net_read_timeout = {silence}"),
        format!("net_write_timeout = {silence}"),
        format!("wait_timeout = {idle}"),
    ];
    let variables = format!("SET SESSION {}", variables.join(", "));
    vec![names, level, variables]
}

/// The crate's defaults have no timeouts. A server that asks for local files is given none, as long
/// as nobody handles the question.
fn opts(config: &config::MySql, zone: Zone, limits: &Limits) -> Opts {
    OptsBuilder::new()
        .ip_or_hostname(Some(&config.host))
        .tcp_port(config.port)
        .prefer_socket(false)
        .user(Some(&config.user))
        .pass(Some(config.password.expose()))
        .db_name(Some(&config.database))
        .tcp_connect_timeout(Some(CONNECT_TIMEOUT))
        .read_timeout(Some(limits.silence))
        .write_timeout(Some(limits.silence))
        .tcp_nodelay(true)
        .ssl_opts(
            config
                .tls_ca
                .clone()
                .map(|ca| SslOpts::default().with_root_cert_path(Some(ca))),
        )
        .local_infile_handler(None)
        .init(session(zone, limits))
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
        for (opts, idle) in [
            (reading(&config, zone), "wait_timeout = 3600"),
            (looking_back(&config, zone), "wait_timeout = 3600"),
            (changing_tables(&config, zone), "net_read_timeout = 3600"),
            (writing(&config, zone), "wait_timeout = 15"),
            (looking(&config, zone), "max_statement_time = 10"),
        ] {
            assert!(opts.get_tcp_connect_timeout().is_some());
            assert!(opts.get_read_timeout().is_some() && opts.get_write_timeout().is_some());
            assert!(opts.get_local_infile_handler().is_none());
            let session = opts.get_init().join("; ");
            for part in ["STRICT_ALL_TABLES", "'+08:00'", "autocommit = 1", idle] {
                assert!(session.contains(part), "{part} is not in {session}");
            }
        }
    }

    #[test]
    fn writes_offsets_as_servers_read_them() {
        assert_eq!(offset(8 * 3600), "+08:00");
        assert_eq!(offset(0), "+00:00");
        assert_eq!(offset(-(9 * 3600 + 1800)), "-09:30");
    }
}
