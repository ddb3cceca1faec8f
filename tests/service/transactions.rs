//! Transactions that fail and are retried as a whole.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;

use crate::support::{Rig, numbers, wait};
use crate::{check_in, minutes_ago};

const WATCHES: &str = "SELECT room_number FROM electricity_monitoring ORDER BY id";

#[test]
fn every_error_of_the_server_is_retried() {
    let mut rig = Rig::new("refusals");
    let mut service = rig.start();
    service.wait_until_ready();
    for (room, (code, expected)) in [
        (1213, "conflict with another transaction"),
        (1205, "conflict with another transaction"),
        (1290, "the database is read-only"),
        (1040, "the database temporarily refuses"),
        (1053, "the database can't be reached"),
        (
            1142,
            "run `roomwatt init-db`, and check that the user has the rights",
        ),
        // An unknown error must not lose a message either.
        (4999, "the database temporarily refuses"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("refusal {code}");
        // It fires when other rows of the transaction are written: they must be rolled back.
        rig.execute(&format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON electricity_monitoring FOR EACH ROW \
             SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = '{name}'"
        ));
        let room = room.to_string();
        rig.publish([check_in("H001", &room, minutes_ago(60)).as_str()]);
        service.wait_for_log(&name);
        let log = service.log();
        let line = log.lines().find(|line| line.contains(&name));
        assert!(line.is_some_and(|line| line.contains(expected)), "{line:?}");
        assert_eq!(
            rig.rows::<String>(&format!(
                "SELECT room_number FROM room_state WHERE room_number = '{room}'"
            )),
            [""; 0],
            "a part of the failed transaction was committed"
        );
        rig.execute("DROP TRIGGER refuse");
        rig.wait_for_rows(
            &format!("{} LIMIT 1", WATCHES.replace("BY id", "BY id DESC")),
            &[room],
        );
    }
    service.stop();
    let rooms: Vec<String> = (0..7).map(|room| room.to_string()).collect();
    assert_eq!(rig.rows::<String>(WATCHES), rooms);
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}

#[test]
fn connections_to_a_server_that_became_a_replica_are_closed() {
    let mut rig = Rig::new("replica");
    let mut service = rig.start();
    service.wait_until_ready();
    service.wait_for_log("sweep: ");
    let connections = format!(
        "SELECT id FROM information_schema.processlist WHERE user = '{}'",
        rig.user()
    );
    let before: HashSet<u64> = rig.rows(&connections).into_iter().collect();
    assert!(before.len() >= 3, "lease, writer, readers: {before:?}");
    rig.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON electricity_monitoring FOR EACH ROW \
         SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1290, MESSAGE_TEXT = 'a replica now'",
    );
    rig.publish([check_in("H001", "101", minutes_ago(60)).as_str()]);
    service.wait_for_log("the database is read-only");
    // Connections that can still read are closed, too, because another server may have the name by
    // now. They are closed at once, not when they have been idle for long.
    let logged = Instant::now();
    wait("all connections but the lease's to be closed", || {
        let now: HashSet<u64> = rig.rows(&connections).into_iter().collect();
        match before.intersection(&now).count() {
            1 => Ok(()),
            _ => Err(format!("{before:?}, now {now:?}")),
        }
    });
    assert!(
        logged.elapsed() < Duration::from_secs(10),
        "{:?}",
        logged.elapsed()
    );
    rig.execute("DROP TRIGGER refuse");
    rig.wait_for_rows(WATCHES, &["101".to_owned()]);
    service.stop();
    rig.finish();
}

#[test]
fn deadlocks_and_lock_timeouts_are_retried() {
    let mut rig = Rig::new("deadlock");
    let mut service = rig.start();
    service.wait_until_ready();
    let arrived = minutes_ago(60);
    rig.publish([check_in("H001", "101", arrived).as_str()]);
    rig.wait_for_rows(WATCHES, &["101".to_owned()]);

    // Another session locks the room's row. It has changed so many rows that the server does not
    // choose it as the deadlock's victim.
    rig.execute("CREATE TABLE heavy (n INT PRIMARY KEY)");
    let mut other = rig.conn();
    for statement in [
        "START TRANSACTION",
        &format!("INSERT INTO heavy SELECT seq FROM {}", numbers(2_000)),
        "SELECT * FROM room_state FOR UPDATE",
    ] {
        other.query_drop(statement).expect(statement);
    }
    rig.publish([check_in("H001", "101", arrived.plus(60)).as_str()]);
    rig.wait_for_rows(&rig.waiting("REPLACE INTO room_state"), &[1]);
    other
        .query_drop("SELECT * FROM service FOR UPDATE")
        .expect("the service is the victim");
    // The service's transaction was rolled back and is retried. Now it waits for the row that says
    // who owns the state, until that times out, too.
    service.wait_for_log("Lock wait timeout exceeded");
    other.query_drop("COMMIT").expect("committed");
    rig.wait_for_rows(WATCHES, &["101".to_owned(), "101".to_owned()]);
    let log = service.stop();
    assert!(log.contains("conflict with another transaction"), "{log}");
    assert_eq!(rig.rows::<String>(WATCHES).len(), 2);
    rig.finish();
}

#[test]
fn idle_connections_that_the_server_closed_are_replaced_without_a_warning() {
    let mut rig = Rig::new("idle");
    rig.reconfigure("sweep_seconds = 1", "sweep_seconds = 5");
    let mut service = rig.start();
    service.wait_until_ready();
    rig.publish([check_in("H001", "1", minutes_ago(60)).as_str()]);
    rig.wait_for_rows(WATCHES, &["1".to_owned()]);
    let user = rig.user();
    let idle = format!(
        "SELECT id FROM information_schema.processlist \
         WHERE user = '{user}' AND command = 'Sleep' AND time >= 2"
    );
    for sent in 2..=3 {
        // The writer's, and one that sweeps use; the lease's is never idle for so long.
        let closed = wait("connections to be idle", || {
            let found: Vec<u64> = rig.rows(&idle);
            if found.len() >= 2 {
                Ok(found)
            } else {
                Err(format!("{found:?}"))
            }
        });
        let mut root = rig.conn();
        for id in closed {
            // It may have ended by itself.
            let _ = root.query_drop(format!("KILL {id}"));
        }
        // A sweep has to be the first to use the closed connection: if a message is, its reading of
        // the meters retries at once.
        service.wait_for_sweeps();
        rig.publish([check_in("H001", &sent.to_string(), minutes_ago(60)).as_str()]);
        let rooms: Vec<String> = (1..=sent).map(|room| room.to_string()).collect();
        rig.wait_for_rows(WATCHES, &rooms);
    }
    let log = service.stop();
    // amiquip warns when a heartbeat is due while data waits to be sent, which is harmless.
    let trouble = |line: &&str| {
        [" ERROR ", " WARN "]
            .iter()
            .any(|level| line.contains(level))
            && !line.contains(" [amiquip-io] tx heartbeat fired, but already have queued data")
    };
    let found: Vec<&str> = log.lines().filter(trouble).collect();
    assert!(found.is_empty(), "{found:#?}");
    rig.finish();
}

#[test]
fn killed_connections_lose_and_repeat_no_message() {
    const MESSAGES: usize = 600;
    let mut rig = Rig::new("killed");
    let mut service = rig.start();
    service.wait_until_ready();
    let arrived = minutes_ago(60);
    let user = rig.user();
    let mut killed = HashSet::new();
    for from in (0..MESSAGES).step_by(20) {
        let bodies: Vec<String> = (from..from + 20)
            .map(|n| check_in("H001", &n.to_string(), arrived))
            .collect();
        rig.publish(bodies.iter().map(String::as_str));
        let mut root = rig.conn();
        let found: Vec<u64> = root
            .query(format!(
                "SELECT id FROM information_schema.processlist WHERE user = '{user}'"
            ))
            .expect("the connections");
        for id in found {
            // One that has ended meanwhile can't be killed.
            if root.query_drop(format!("KILL {id}")).is_ok() {
                killed.insert(id);
            }
        }
    }
    assert!(killed.len() > 5, "only {killed:?} were killed");
    let counts = "SELECT COUNT(*), COUNT(DISTINCT room_number) FROM electricity_monitoring";
    wait("each message to be written once", || {
        match rig.rows::<(usize, usize)>(counts)[0] {
            (MESSAGES, MESSAGES) => Ok(()),
            found => Err(format!("{found:?}")),
        }
    });
    service.stop();
    assert_eq!(rig.rows::<(usize, usize)>(counts), [(MESSAGES, MESSAGES)]);
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}
