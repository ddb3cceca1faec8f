//! Makes all connections of this program to the server, with limits and session settings.

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
pub(super) const POOL_TIMEOUT: Duration = Duration::from_secs(3);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the server may send nothing while it reads the meters. Long enough for rooms' whole
/// histories, and not longer, because a dead link is detected by this.
const READING: Duration = Duration::from_secs(20);

/// The same for the archive: finding the ids of a span takes about a second for ten million rows,
/// and an operator waits for the result.
const READING_ARCHIVE: Duration = Duration::from_secs(120);

/// The same while `init-db` changes a table: some changes rewrite all of its rows, and an operator
/// waits for the result.
const CHANGING_TABLES: Duration = Duration::from_secs(3_600);

/// The same while it writes: longer than a wait for a lock, shorter than a stop may take.
const WRITING: Duration = Duration::from_secs(15);

/// The longest time of one query of a check; less than [`READING`].
pub(super) const CHECKING: Duration = Duration::from_secs(10);

/// The server closes a connection that writes or holds the lease when this program has sent nothing
/// for this long, and releases its locks. Another instance waits no longer for one that hangs.
pub(super) const SILENCE: Duration = Duration::from_secs(15);

/// The same for connections that hold no locks: a command may wait for the broker or its output.
const IDLE: Duration = Duration::from_secs(3_600);

/// The longest wait for a lock of rows or a table.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// A connection that was idle for this long is pinged before it is used. Servers, proxies and
/// operators close idle connections, which is only noticed at the next use.
const PING_AFTER: Duration = Duration::from_secs(1);

/// The time limits of a connection.
struct Limits {
    /// How long the server may send nothing while it works.
    silence: Duration,
    /// How long this program may send nothing.
    idle: Duration,
    lock_wait: Duration,
    /// The longest time of a statement, if it is limited.
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

/// Options of connections that read the archive.
pub(super) fn reading_archive(config: &config::MySql, zone: Zone) -> Opts {
    let limits = Limits {
        silence: READING_ARCHIVE,
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

/// Options of connections of a check. No query keeps the server busy for longer than [`CHECKING`],
/// and none waits long for locks.
pub(super) fn checking(config: &config::MySql, zone: Zone) -> Opts {
    let limits = Limits {
        silence: READING,
        idle: IDLE,
        lock_wait: CHECKING / 2,
        statement: Some(CHECKING),
    };
    opts(config, zone, &limits)
}

/// Connects. All connections of this program are made here.
///
/// # Errors
/// Any [`StoreError`] of the server, and [`StoreError::Certificate`] if the file of `mysql.tls_ca`
/// can no longer be read.
pub(super) fn connect(opts: &Opts) -> Result<Conn, StoreError> {
    let ca = opts.get_ssl_opts().and_then(SslOpts::root_cert_path);
    ca.map_or(Ok(()), check_authorities)?;
    Ok(Conn::new(opts.clone())?)
}

/// Reads the file of `mysql.tls_ca` within bounds. The crate opens it again for each connection,
/// and would hang if it had been replaced by a pipe, for example.
fn check_authorities(file: &Path) -> Result<(), StoreError> {
    let pem = files::read(file, files::CONFIGURATION).map_err(|error| error.to_string());
    let known = pem.and_then(|pem| certificate::authorities(&pem));
    let fail = |why| StoreError::Certificate(format!("mysql.tls_ca {}: {why}", file.display()));
    known.map(drop).map_err(fail)
}

/// Whether a connection that was last used at `used` is still alive. A closed one can be replaced
/// without a log line, because no work is lost with it.
pub(super) fn is_usable(conn: &mut Conn, used: Instant) -> bool {
    used.elapsed() < PING_AFTER || conn.ping().is_ok()
}

/// The first statements of every connection. They set all that this program relies on, whatever the
/// server's defaults, its init_connect or a proxy have set.
fn session(zone: Zone, limits: &Limits) -> Vec<String> {
    let Limits {
        silence,
        idle,
        lock_wait,
        statement,
    } = limits;
    let [silence, idle, lock_wait] = [*silence, *idle, *lock_wait].map(|limit| limit.as_secs());
    let zone = offset(zone.offset_seconds(unix_seconds()));
    // Text in any language, in both directions. Without a column's collation, which takes
    // precedence, texts are compared byte for byte, as in memory.
    let names = "SET NAMES utf8mb4 COLLATE utf8mb4_bin".to_owned();
    // One isolation level for all. A sweep, a message or a command reads by single statements, each
    // of which sees the newest committed rows. The owner's transaction locks the service row first,
    // so that no other instance is writing when its snapshot begins; operators change single rows
    // meanwhile, and an UPDATE uses a row's newest version. READ COMMITTED would do, too, but a
    // server with binlog_format = STATEMENT refuses to write then. READ UNCOMMITTED shows readings
    // that are rolled back later, and with SERIALIZABLE reads wait for others' locks.
    let level = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE".to_owned();
    let variables = [
        // Strict, or ids that are too long are cut and collide. The default quotes and escapes.
        "sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
            .to_owned(),
        // Without autocommit all sweeps would read from one old snapshot.
        "autocommit = 1".to_owned(),
        // COMMIT must neither begin another transaction nor close the connection.
        "completion_type = 0".to_owned(),
        // TIMESTAMPs in the hotels' time.
        format!("time_zone = '{zone}'"),
        // No limits on the rows of a query, nor on the conditions of a change.
        "sql_select_limit = 18446744073709551615".to_owned(),
        "sql_big_selects = 1".to_owned(),
        "sql_safe_updates = 0".to_owned(),
        format!(
            "{} lock_wait_timeout = {lock_wait}",
            statement_times(statement.unwrap_or_default())
        ),
        format!("innodb_lock_wait_timeout = {lock_wait}"),
        format!("net_read_timeout = {silence}"),
        format!("net_write_timeout = {silence}"),
        format!("wait_timeout = {idle}"),
    ];
    let variables = format!("SET SESSION {}", variables.join(", "));
    vec![names, level, variables]
}

/// The statement that limits the time of each one after it on a connection.
pub(super) fn statement_limit(limit: Duration) -> String {
    // None may become no limit.
    let limit = limit.max(Duration::from_millis(1));
    format!("SET SESSION {} sql_big_selects = 1", statement_times(limit))
}

/// Sets the longest time of a statement, before other variables; zero means no limit. MariaDB
/// executes the first comment, MySQL the second, servers that know neither none.
fn statement_times(limit: Duration) -> String {
    format!(
        "/*M!100100 max_statement_time = {:.3}, */ /*!50708 max_execution_time = {}, */",
        limit.as_secs_f64(),
        limit.as_millis()
    )
}

/// The crate's defaults have no timeouts. Without a handler for local files, a server that asks for
/// one gets none.
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

/// An offset such as `+08:00`, which every server understands. Names of zones need tables that a
/// server may not have.
fn offset(seconds: i32) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_has_limits_and_sends_no_local_files() {
        let config = config::MySql::default();
        let zone = Zone::named("Asia/Shanghai").expect("a zone");
        for (opts, idle) in [
            (reading(&config, zone), "wait_timeout = 3600"),
            (reading_archive(&config, zone), "wait_timeout = 3600"),
            (changing_tables(&config, zone), "net_read_timeout = 3600"),
            (writing(&config, zone), "wait_timeout = 15"),
            (checking(&config, zone), "max_statement_time = 10.000"),
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
    fn offsets_are_formatted_for_the_server() {
        assert_eq!(offset(8 * 3600), "+08:00");
        assert_eq!(offset(0), "+00:00");
        assert_eq!(offset(-(9 * 3600 + 1800)), "-09:30");
    }
}
