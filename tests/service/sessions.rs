//! A server on which sessions begin otherwise than anywhere else: nothing is any different.

use std::collections::BTreeSet;

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};

use roomwatt::config::Config;
use roomwatt::types::LocalTime;

use crate::support::own_server::{OwnServer, is_newest};
use crate::support::{LIMIT, Rig, Service, wait};
use crate::{check, check_in, check_out, finished, minutes_ago};

/// A letter that Big5 does not have.
const ROOM: &str = "贵宾3";

/// What a session relies on: the variable, how a statement makes it otherwise for the whole server,
/// and what it may be on a connection of this program's. Either kind of server has its own word for
/// on.
type Otherwise = (&'static str, &'static str, &'static [&'static str]);

const OTHERWISE: [Otherwise; 15] = [
    (
        "sql_mode",
        "sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH'",
        &["STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"],
    ),
    ("time_zone", "time_zone = '-03:30'", &["+08:00"]),
    // This server takes no client's word for its character set.
    (
        "character_set_client",
        "character_set_client = big5",
        &["utf8mb4"],
    ),
    (
        "character_set_results",
        "character_set_results = big5",
        &["utf8mb4"],
    ),
    (
        "character_set_connection",
        "character_set_connection = big5",
        &["utf8mb4"],
    ),
    (
        "collation_connection",
        "collation_connection = big5_chinese_ci",
        &["utf8mb4_bin"],
    ),
    (
        "completion_type",
        "completion_type = 'RELEASE'",
        &["NO_CHAIN"],
    ),
    (
        "sql_select_limit",
        "sql_select_limit = 1",
        &["18446744073709551615"],
    ),
    ("sql_big_selects", "max_join_size = 1", &["ON", "1"]),
    ("sql_safe_updates", "sql_safe_updates = 1", &["OFF", "0"]),
    ("lock_wait_timeout", "lock_wait_timeout = 1", &["10", "5"]),
    (
        "innodb_lock_wait_timeout",
        "innodb_lock_wait_timeout = 1",
        &["10", "5"],
    ),
    (
        "net_read_timeout",
        "net_read_timeout = 1",
        &["15", "20", "120", "3600"],
    ),
    (
        "net_write_timeout",
        "net_write_timeout = 1",
        &["15", "20", "120", "3600"],
    ),
    // Those that write, or hold the lease, have no more.
    ("wait_timeout", "wait_timeout = 3", &["15", "3600"]),
];

/// What each kind of server has in its own words. And once more by init_connect, as operators do
/// it; newer servers of MySQL take a client's word for its character set but for that.
const OF_MARIADB: [Otherwise; 4] = [
    (
        "autocommit",
        "autocommit = 0, GLOBAL init_connect = 'SET autocommit = 0'",
        &["ON"],
    ),
    (
        "tx_isolation",
        "tx_isolation = 'SERIALIZABLE'",
        &["REPEATABLE-READ"],
    ),
    ("tx_read_only", "tx_read_only = 1", &["OFF"]),
    (
        "max_statement_time",
        "max_statement_time = 5",
        &["0.000000", "10.000000"],
    ),
];
const OF_MYSQL: [Otherwise; 4] = [
    (
        "autocommit",
        "autocommit = 0, GLOBAL init_connect = 'SET autocommit = 0; SET NAMES big5'",
        &["1"],
    ),
    (
        "transaction_isolation",
        "transaction_isolation = 'SERIALIZABLE'",
        &["REPEATABLE-READ"],
    ),
    ("transaction_read_only", "transaction_read_only = 1", &["0"]),
    (
        "max_execution_time",
        "max_execution_time = 5000",
        &["0", "10000"],
    ),
];

/// What no statement of this program's depends on.
const UNSAID: [&str; 3] = [
    "default_storage_engine = 'MyISAM'",
    "explicit_defaults_for_timestamp = 0",
    "sql_auto_is_null = 1",
];
const UNSAID_TO_MYSQL: [&str; 4] = [
    "sql_require_primary_key = 1",
    "sql_generate_invisible_primary_key = 1",
    "default_collation_for_utf8mb4 = 'utf8mb4_general_ci'",
    "explain_format = 'TREE'",
];

/// A connection of the service's user, as the server makes it.
fn plain(rig: &Rig) -> Conn {
    let config = Config::load(Some(&rig.config()), &[]).expect("a configuration");
    let mysql = config.mysql.expect("a section");
    let opts = OptsBuilder::new()
        .ip_or_hostname(Some(mysql.host))
        .tcp_port(mysql.port)
        .prefer_socket(false)
        .user(Some(mysql.user))
        .pass(Some(mysql.password.expose()))
        .db_name(Some(mysql.database));
    Conn::new(opts).expect("a connection")
}

/// The variables of a session that are not as this program needs them.
fn otherwise(all: &[Otherwise], conn: &mut Conn) -> Vec<(&'static str, String)> {
    let value = |(variable, _, _): &(&str, _, _)| format!("CAST(@@session.{variable} AS CHAR)");
    let values: Vec<String> = all.iter().map(value).collect();
    let row: mysql::Row = conn
        .query_first(format!("SELECT {}", values.join(", ")))
        .expect("an answer")
        .expect("a row");
    let found = all.iter().enumerate().map(|(at, (name, _, may_be))| {
        let value: String = row.get(at).expect(name);
        (*name, value, may_be)
    });
    found
        .filter(|(_, value, may_be)| !may_be.contains(&value.as_str()))
        .map(|(name, value, _)| (name, value))
        .collect()
}

/// What each connection of the service's user has sent before anything else, by the server's own
/// log.
fn beginnings(root: &mut Conn, user: &str) -> BTreeSet<Vec<String>> {
    let statements: Vec<(u64, String)> = root
        .query(format!(
            "SELECT thread_id, CONVERT(argument USING utf8mb4) FROM mysql.general_log \
             WHERE user_host LIKE '%{user}%' AND command_type IN ('Query', 'Prepare')"
        ))
        .expect("the log");
    let threads: BTreeSet<u64> = statements.iter().map(|(thread, _)| *thread).collect();
    assert!(threads.len() > 10, "{} connections", threads.len());
    let beginning = |thread| {
        let of_thread = statements.iter().filter(|(of, _)| *of == thread);
        let of_session = of_thread
            .map(|(_, statement)| statement)
            .filter(|statement| !statement.starts_with("SELECT @@"))
            // From init_connect.
            .filter(|statement| !statement.starts_with("SET autocommit = 0"))
            .filter(|statement| *statement != "SET NAMES big5")
            .take_while(|statement| statement.starts_with("SET "));
        of_session.cloned().collect()
    };
    threads.into_iter().map(beginning).collect()
}

fn register(interval: i64) -> String {
    format!("{}.00", 100 + 2 * interval)
}

fn read(rig: &Rig, left: LocalTime, interval: i64) {
    let time = left.plus(interval * 1_800).to_string();
    rig.meter("H001", ROOM, &time, &register(interval));
}

fn done(rig: &mut Rig, command: &[&str], says: &str) {
    let (code, out, err) = finished(&rig.roomwatt(command));
    assert_eq!(code, Some(0), "{command:?}: {out}{err}");
    assert!(out.contains(says), "{command:?} says {out}");
}

/// Stops a service that has met no trouble but with what a test has locked itself.
fn has_no_trouble(service: Service, locked: &str) {
    let log = service.stop();
    let is_other = |line: &str| locked.is_empty() || !line.contains(locked);
    let trouble =
        |line: &&str| (line.contains(" ERROR [") || line.contains("works again")) && is_other(line);
    let found: Vec<&str> = log.lines().filter(trouble).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn other_session_defaults_of_the_server_make_no_difference() {
    let options = [
        "--character-set-server=big5",
        "--skip-character-set-client-handshake",
    ];
    let known = if is_newest() { 1 } else { 2 };
    let own = OwnServer::start(&options[..known]);
    let mut rig = Rig::without_schema_on(own.server.clone(), "sessions");
    let (database, user) = (rig.database.clone(), rig.user());
    rig.execute(&format!("ALTER DATABASE `{database}` CHARACTER SET big5"));
    // init_connect is not for administrators.
    rig.execute(&format!("REVOKE ALL ON `{database}`.* FROM '{user}'@'%'"));
    check::grant(&rig, "init", &user, "");
    let mut root = own.server.root();
    let (of_kind, unsaid, isolation) = if rig.is_mariadb() {
        (OF_MARIADB, &[][..], "tx_isolation")
    } else {
        (OF_MYSQL, &UNSAID_TO_MYSQL[..], "transaction_isolation")
    };
    let all = [&OTHERWISE[..], &of_kind].concat();
    let statements = all.iter().map(|(_, otherwise, _)| otherwise);
    for otherwise in statements.chain(&UNSAID).chain(unsaid) {
        let set = format!("SET GLOBAL {otherwise}");
        root.query_drop(&set).expect(&set);
    }
    let names: Vec<&str> = all.iter().map(|(variable, ..)| *variable).collect();
    let found = otherwise(&all, &mut plain(&rig));
    let found_names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    // Whatever is not set by the program is otherwise: none of it can be missing unseen.
    assert_eq!(found_names, names, "{found:?}");
    for log in ["log_output = 'TABLE'", "general_log = 1"] {
        root.query_drop(format!("SET GLOBAL {log}")).expect(log);
    }

    let left = minutes_ago(400);
    done(&mut rig, &["init-db"], "applied 001_original_tables.sql");
    rig.execute(&format!(
        "INSERT INTO electricity_monitoring (hotel_id, room_number, msg_type, \
         actual_checkout_time) VALUES ('H001', 'adopted', 'checkout', '{left}')"
    ));
    done(&mut rig, &["init-db", "--adopt"], "adopted 1 room ");
    check::grant(&rig, "service", &user, "");
    // A meter table with a type that sessions in other zones read otherwise, and a table of the
    // original's that has less room.
    for statement in [
        "ALTER TABLE smart_meter MODIFY script_time TIMESTAMP NOT NULL DEFAULT '2001-01-01 \
         00:00:00'",
        "ALTER TABLE electricity_monitoring MODIFY room_number VARCHAR(8) \
         CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
        &format!("GRANT INSERT ON `{database}`.smart_meter TO '{user}'@'%'"),
    ] {
        rig.execute(statement);
    }

    // A watch, sweeps that see what is new, an alert.
    let mut service = rig.start();
    service.wait_until_ready();
    rig.publish([
        check_out("H001", ROOM, left).as_str(),
        check_in("H001", "too long a room", left).as_str(),
        r#"{"hotel_id":"no message"}"#,
    ]);
    let seen =
        format!("SELECT CAST(seen_time AS CHAR) FROM room_state WHERE room_number = '{ROOM}'");
    for interval in 0..4 {
        read(&rig, left, interval);
        rig.wait_for_rows(&seen, &[left.plus(interval * 1_800).to_string()]);
    }
    read(&rig, left, 4);
    rig.feishu
        .wait_until("a card", LIMIT, |received| !received.is_empty());
    rig.wait_for_rows(
        "SELECT room_number, CAST(detected_time AS CHAR), continuous_periods, is_notified \
         FROM electricity_abnormal",
        &[(ROOM.to_owned(), left.plus(4 * 1_800).to_string(), 4, true)],
    );
    rig.wait_for_rows(
        "SELECT COUNT(*), SUM(reason LIKE '%database can_t hold it%') FROM rejected_message",
        &[(2, 1)],
    );

    // Another instance takes over. By now servers show rows that are rolled back.
    let mut second = rig.start();
    second.wait_for_log("standing by");
    root.query_drop(format!("SET GLOBAL {isolation} = 'READ-UNCOMMITTED'"))
        .expect("a level");
    has_no_trouble(service, "");
    second.wait_until_ready();
    second.wait_for_log("watching 2 rooms");
    let mut other = rig.conn();
    other.query_drop("START TRANSACTION").expect("begun");
    let time = left.plus(5 * 1_800);
    let insert = "INSERT INTO smart_meter (hotel_id, room_number, reading_value, script_time) \
         VALUES ('H001', ?, 110.00, ?)";
    other
        .exec_drop(insert, (ROOM, time.to_string()))
        .expect("a row");
    second.wait_for_sweeps();
    assert_eq!(
        rig.rows::<String>(&seen),
        [left.plus(4 * 1_800).to_string()]
    );
    other.query_drop("ROLLBACK").expect("rolled back");
    read(&rig, left, 5);
    rig.wait_for_rows(&seen, &[time.to_string()]);
    has_no_trouble(second, "");

    // A refused message that comes again while an operator's transaction has its row.
    root.query_drop(format!("SET GLOBAL {isolation} = 'SERIALIZABLE'"))
        .expect("a level");
    rig.publish([r#"{"hotel_id":"no message"}"#]);
    rig.take_in_vain(1);
    other.query_drop("START TRANSACTION").expect("begun");
    other
        .query_drop("SELECT * FROM rejected_message WHERE body LIKE '%no message%' FOR UPDATE")
        .expect("locked");
    let mut third = rig.start();
    third.wait_until_ready();
    rig.publish([check_in("H001", "after", left).as_str()]);
    rig.wait_for_rows("SELECT COUNT(*) FROM room_state", &[3]);
    wait("all messages to be taken", || {
        match rig.waiting_messages() {
            0 => Ok(()),
            waiting => Err(format!("{waiting} wait")),
        }
    });
    other.query_drop("ROLLBACK").expect("rolled back");
    // The search for old rows locks all rows, if there are few.
    has_no_trouble(third, "deleting old rows");
    assert_eq!(rig.waiting_messages(), 0, "one was given back");
    assert_eq!(
        rig.rows::<u32>("SELECT COUNT(*) FROM rejected_message"),
        [2]
    );

    // The commands.
    done(&mut rig, &["check", "--online"], "connected as");
    done(&mut rig, &["rejected", "list"], "no message");
    done(&mut rig, &["rejected", "replay", "--all"], "published");
    assert_eq!(rig.take_all().len(), 2);
    let replayed = "SELECT SUM(replayed_at IS NOT NULL) FROM rejected_message";
    assert_eq!(rig.rows::<u32>(replayed), [2]);
    rig.execute("UPDATE notification SET state = 'failed'");
    done(&mut rig, &["outbox", "list"], ROOM);
    done(&mut rig, &["outbox", "retry", "--all"], "");
    let states = "SELECT DISTINCT state FROM notification";
    assert_eq!(rig.rows::<String>(states), ["pending"]);
    done(&mut rig, &["explain", "H001", ROOM], "110.00");
    let (from, to) = (left.plus(-3_600).to_string(), minutes_ago(0).to_string());
    let span = ["--from", &from, "--to", &to];
    done(
        &mut rig,
        &[&["backtest"], &span[..]].concat(),
        r#""event":"alert""#,
    );
    done(&mut rig, &[&["advise"], &span[..]].concat(), "");
    let simulate = ["simulate", "--days", "1", "--rooms", "1"];
    done(&mut rig, &simulate, "");
    let simulated = "SELECT COUNT(*) > 40 FROM smart_meter WHERE hotel_id LIKE 'SIM-%'";
    assert_eq!(rig.rows::<bool>(simulated), [true]);

    // And whatever they rely on: as it is on each connection that there was.
    root.query_drop("SET GLOBAL general_log = 0").expect("off");
    let beginnings = beginnings(&mut root, &user);
    for beginning in &beginnings {
        let mut conn = plain(&rig);
        for statement in beginning {
            conn.query_drop(statement).expect(statement);
        }
        assert_eq!(otherwise(&all, &mut conn), [], "after {beginning:#?}");
    }
    // To write, to read, to check, to look back, to change tables.
    assert_eq!(beginnings.len(), 5, "{beginnings:#?}");
    rig.finish();
}
