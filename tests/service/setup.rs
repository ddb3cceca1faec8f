//! The commands around the service.

use std::fs;
use std::process::Command;

use amiquip::QueueDeleteOptions;

use crate::support::states::stored_time;
use crate::support::{ROOMWATT, Rig, broker};
use crate::{check_in, finished, minutes_ago};

#[test]
fn init_db_can_be_repeated_and_run_twice_at_once() {
    let mut rig = Rig::without_schema("initdb");
    rig.execute("CREATE TABLE electricity_abnormal (id INT, theirs INT)");
    let config = rig.config();
    let outputs: Vec<_> = std::thread::scope(|scope| {
        let run = || {
            Command::new(ROOMWATT)
                .args(["init-db", "--config"])
                .arg(&config)
                .output()
                .expect("it runs")
        };
        let both = [scope.spawn(run), scope.spawn(run)];
        both.map(|thread| thread.join().expect("no panic")).into()
    });
    for output in &outputs {
        assert!(output.status.success(), "{output:?}");
    }
    let again = rig.roomwatt(&["init-db"]);
    assert!(
        String::from_utf8_lossy(&again.stdout).contains("is up to date"),
        "{again:?}"
    );
    let tables: Vec<String> = rig.rows("SHOW TABLES");
    assert_eq!(
        tables,
        [
            "electricity_abnormal",
            "electricity_monitoring",
            "hotel_frame",
            "hotel_state",
            "incident",
            "incident_event",
            "notification",
            "rejected_message",
            "room_state",
            "schema_migration",
            "service",
            "silent_hotel",
            "smart_meter",
            "threshold"
        ]
    );
    let theirs: Vec<String> = rig.rows(
        "SELECT CAST(column_name AS CHAR) FROM information_schema.columns \
         WHERE table_schema = DATABASE() AND table_name = 'electricity_abnormal' ORDER BY 1",
    );
    assert_eq!(
        theirs,
        ["id", "theirs"],
        "a table that exists stays as it is"
    );
    assert_eq!(
        rig.rows::<(i32, i32)>("SELECT epoch, seq FROM service"),
        [(0, 0)]
    );
    rig.finish();
}

#[test]
fn init_db_completes_a_half_applied_migration() {
    let mut rig = Rig::new("halfapplied");
    let schema = "SELECT CONCAT_WS(' ', table_name, column_name, column_type, is_nullable) \
         FROM information_schema.columns WHERE table_schema = DATABASE() \
         UNION SELECT CONCAT_WS(' ', table_name, index_name, seq_in_index, column_name) \
         FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY 1";
    let whole: Vec<String> = rig.rows(schema);
    // As a crash leaves it: some of the file is there, and it was not noted as applied.
    rig.execute("ALTER TABLE rejected_message DROP INDEX idx_digest, DROP INDEX idx_created_at");
    rig.execute("ALTER TABLE rejected_message DROP COLUMN digest");
    rig.before_migration(3);
    rig.execute(
        "INSERT INTO rejected_message (source, reason, body, truncated) \
         VALUES ('test', 'old', '', 0)",
    );
    assert_ne!(rig.rows::<String>(schema), whole);
    let again = rig.roomwatt(&["init-db"]);
    assert!(again.status.success(), "{again:?}");
    let printed = String::from_utf8_lossy(&again.stdout);
    assert!(printed.starts_with("applied 003_"), "{printed}");
    assert_eq!(rig.rows::<String>(schema), whole);
    assert_eq!(
        rig.rows::<(String, bool)>("SELECT reason, digest IS NULL FROM rejected_message"),
        [("old".to_owned(), true)]
    );
    rig.finish();
}

#[test]
fn init_db_goes_forward_only_and_prints_its_progress() {
    let mut rig = Rig::new("forward");
    rig.execute("INSERT INTO schema_migration (version, name) VALUES (99, 'of the future')");
    let output = rig.roomwatt(&["init-db"]);
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{printed}");
    assert!(
        printed.contains("a newer roomwatt has set up this database"),
        "{printed}"
    );
    // Nor does it work with it: a state that it does not know would be lost with the next write.
    let (status, log) = rig.start().wait_for_end();
    assert_eq!(status.code(), Some(78), "{log}");
    assert!(
        log.contains("a newer roomwatt has set up this database"),
        "{log}"
    );
    rig.execute("DELETE FROM schema_migration WHERE version = 99");
    rig.execute(
        "INSERT INTO room_state (hotel_id, room_number, msg_type, stay_time, version, state) \
         VALUES ('H001', '101', 'checkin', NOW(), 3, '{}')",
    );
    let (status, log) = rig.start().wait_for_end();
    assert_eq!(status.code(), Some(78), "{log}");
    assert!(
        log.contains("room H001/101 in room_state has layout 3"),
        "{log}"
    );
    assert!(log.contains("install that version"), "{log}");

    // The third file's turn comes after the second's, and something is in its way.
    rig.before_migration(2);
    rig.execute("DROP TABLE rejected_message");
    rig.execute("CREATE VIEW rejected_message AS SELECT 1");
    let output = rig.roomwatt(&["init-db"]);
    assert!(!output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "applied 002_service_tables.sql\n"
    );
    rig.finish();
}

#[test]
fn an_unsupported_server_is_a_configuration_error() {
    let mut rig = Rig::without_schema("unknown");
    rig.execute("CREATE TABLE schema_migration (version INT, name VARCHAR(100))");
    // Error 1305, as of a function that another version of the server had.
    rig.execute(
        "CREATE TRIGGER t BEFORE INSERT ON schema_migration FOR EACH ROW SET NEW.name = gone(1)",
    );
    let output = rig.roomwatt(&["init-db"]);
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{printed}");
    for part in [
        "does not support what roomwatt needs",
        "gone does not exist",
        "README.md",
    ] {
        assert!(printed.contains(part), "{printed}");
    }
    rig.finish();
}

#[test]
fn a_service_waits_for_the_schema_it_needs() {
    let mut rig = Rig::new("oldschema");
    // As the version before left it.
    rig.execute("ALTER TABLE notification DROP COLUMN error, DROP COLUMN retried_at");
    rig.execute("DROP TABLE silent_hotel");
    rig.before_migration(5);
    let mut service = rig.start();
    service.wait_for_log(
        "the database is not set up: 005_outbox_and_silence.sql was not applied yet; run `roomwatt \
         init-db`",
    );
    assert_eq!(rig.rows::<u64>("SELECT epoch FROM service"), [0]);
    // A waiting service can be stopped.
    let log = service.stop();
    assert!(
        log.contains("stopped: this instance was not active"),
        "{log}"
    );
    let mut service = rig.start();
    service.wait_for_log("005_outbox_and_silence.sql was not applied yet");
    let upgraded = rig.roomwatt(&["init-db"]);
    assert!(upgraded.status.success(), "{upgraded:?}");
    service.wait_until_ready();
    service.stop();
    rig.finish();
}

#[test]
fn judging_continues_from_a_row_of_an_older_version() {
    let mut rig = Rig::new("oldrow");
    rig.execute("ALTER TABLE silent_hotel DROP COLUMN kind");
    rig.before_migration(6);
    let [left, sample, later] = [240, 60, 30].map(minutes_ago);
    rig.execute(&format!(
        "INSERT INTO room_state (hotel_id, room_number, msg_type, stay_time, other_time, \
         initial_time, initial_wh, sample_time, sample_wh, suspect_time, suspect_wh, seen_time, \
         run_since, run_periods, run_wh, run_told, interval_seconds, history, version) \
         VALUES ('H001', '101', 'checkout', '{left}', NULL, '{left}', 100000, '{sample}', 112000, \
         NULL, NULL, '{sample}', '{left}', 6, 12000, 4, 1800, '1800:2000', 1)"
    ));
    rig.execute(&format!(
        "INSERT INTO silent_hotel (hotel_id, since) VALUES ('H002', '{left}')"
    ));
    let upgraded = rig.roomwatt(&["init-db"]);
    assert!(upgraded.status.success(), "{upgraded:?}");
    rig.meter("H001", "101", &later.to_string(), "112");
    let service = rig.start();
    // Exactly nothing was used since the end of the run: it is held, and from when on is known now.
    rig.wait_for_rows(
        &format!(
            "SELECT CAST(seen_time AS CHAR), {}, \
             JSON_VALUE(state, '$.w.f.m.p') IS NULL, run_periods, run_told \
             FROM room_state",
            stored_time("w.f.m.t")
        ),
        &[(later.to_string(), sample.to_string(), true, 6, 4)],
    );
    assert_eq!(rig.rows::<String>("SELECT kind FROM notification"), [""; 0]);
    assert_eq!(
        rig.rows::<String>("SELECT kind FROM silent_hotel"),
        ["silent"]
    );
    // Its watch was not counted; the next one is the first that is.
    let number = "SELECT CAST(JSON_VALUE(state, '$.n') AS UNSIGNED) FROM room_state";
    assert_eq!(rig.rows::<u32>(number), [0]);
    rig.publish([check_in("H001", "101", minutes_ago(20)).as_str()]);
    rig.wait_for_rows(number, &[1]);
    service.stop();
    rig.finish();
}

/// The states of rooms are made JSON some thousands at a time.
#[test]
fn init_db_makes_the_states_of_all_rooms_json() {
    const ROOMS: usize = 20_001;
    let mut rig = Rig::new("manyrooms");
    rig.before_migration(6);
    let rooms: Vec<String> = (0..ROOMS)
        .map(|room| format!("('H001', '{room}', 'checkin', NOW(), 1800, '', 1)"))
        .collect();
    for rooms in rooms.chunks(5_000) {
        rig.execute(&format!(
            "INSERT INTO room_state (hotel_id, room_number, msg_type, stay_time, interval_seconds, \
             history, version) VALUES {}",
            rooms.join(", ")
        ));
    }
    let upgraded = rig.roomwatt(&["init-db"]);
    assert!(upgraded.status.success(), "{upgraded:?}");
    let states = "SELECT COUNT(*), COUNT(DISTINCT room_number) FROM room_state \
                  WHERE JSON_VALUE(state, '$.interval_seconds') = 1800";
    assert_eq!(rig.rows::<(usize, usize)>(states), [(ROOMS, ROOMS)]);
    let mut service = rig.start();
    service.wait_for_log("watching 20001 rooms");
    service.stop();
    rig.finish();
}

#[test]
fn send_publishes_messages_that_the_service_accepts() {
    let mut rig = Rig::new("send");
    let sent = rig.roomwatt(&[
        "send",
        "--hotel-id",
        "H001",
        "--room-number",
        " 101\u{3000}",
        "--msg-type",
        "checkin",
    ]);
    assert!(sent.status.success(), "{sent:?}");
    let (_, shown, _) = finished(&sent);
    assert!(shown.contains(r#""room_number":"101""#), "{shown}");
    let sent = rig.roomwatt(&[
        "send",
        "--hotel-id",
        "H001",
        "--room-number",
        "102",
        "--msg-type",
        "checkout",
        "--checkin-time",
        "2023-04-10 14:30:00",
        "--checkout-time",
        "2023-04-12T12:00:00+08:00",
    ]);
    assert!(sent.status.success(), "{sent:?}");
    assert_eq!(rig.waiting_messages(), 2);
    let service = rig.start();
    rig.wait_for_rows(
        &format!(
            "SELECT room_number, msg_type, {} FROM room_state ORDER BY room_number",
            stored_time("w.s[2]")
        ),
        &[
            ("101".to_owned(), "checkin".to_owned(), None),
            (
                "102".to_owned(),
                "checkout".to_owned(),
                Some("2023-04-10 14:30:00".to_owned()),
            ),
        ],
    );
    service.stop();
    rig.finish();
}

#[test]
fn connections_to_a_database_that_requires_tls_are_encrypted() {
    let mut rig = Rig::new("tls");
    rig.execute(&format!("ALTER USER '{}'@'%' REQUIRE SSL", rig.user()));
    let output = rig.roomwatt(&["init-db"]);
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && printed.contains("Access denied"),
        "{printed}"
    );

    let ca = std::env::var("ROOMWATT_TEST_MYSQL_CA").expect("scripts/services env sets it");
    rig.reconfigure("[mysql]\n", &format!("[mysql]\ntls_ca = '{ca}'\n"));
    let mut service = rig.start();
    service.wait_until_ready();
    rig.publish([check_in("H001", "101", minutes_ago(5)).as_str()]);
    rig.wait_for_rows("SELECT room_number FROM room_state", &["101".to_owned()]);
    service.stop();

    // What takes the file's place is not waited for, and put right it serves again.
    let copy = rig.file("ca.pem", &fs::read_to_string(&ca).expect("a file"));
    rig.reconfigure(&ca, &copy);
    let mut service = rig.start();
    service.wait_until_ready();
    let aside = format!("{copy}.aside");
    fs::rename(&copy, &aside).expect("renamed");
    let made = Command::new("mkfifo").arg(&copy).status();
    assert!(made.expect("mkfifo").success());
    rig.end_connections();
    service.wait_for_log(&format!("mysql.tls_ca {copy}: it is a named pipe"));
    rig.publish([check_in("H001", "102", minutes_ago(5)).as_str()]);
    fs::rename(&aside, &copy).expect("renamed");
    rig.wait_for_rows("SELECT COUNT(*) FROM room_state", &[2]);
    service.stop();
    rig.reconfigure(&copy, &ca);

    // An authority that has nothing to do with this server.
    let stranger = rig.file("stranger.pem", STRANGER);
    rig.reconfigure(&ca, &stranger);
    let output = rig.roomwatt(&["init-db"]);
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    let remedy = "self-signed, or of an authority that is not known here: name its authority in \
                  mysql.tls_ca";
    assert!(
        output.status.code() == Some(78) && printed.contains(remedy),
        "{printed}"
    );
    rig.reconfigure(&stranger, "/no/such/file");
    let output = rig.roomwatt(&["init-db"]);
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(78) && printed.contains("mysql.tls_ca"),
        "{printed}"
    );
    rig.finish();
}

/// A certificate of an authority of its own, valid for a hundred years; its key was not kept.
pub const STRANGER: &str = "\
-----BEGIN CERTIFICATE-----
MIIBgDCCASegAwIBAgIUT42O2KQ8gf1jTOUltLwtWonlpMAwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKYSBzdHJhbmdlcjAgFw0yNjExMjMwMDMwMzVaGA8yMTI2MTAz
MDAwMzAzNVowFTETMBEGA1UEAwwKYSBzdHJhbmdlcjBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABFwPgPvLz4UdJzCK8Ds1u4Ay9YmJvfC8kAM+bgEW04m84J4gcRQl
xGninW4xMD/jAkHbcoK3YMM4UL1Bpa/RkrGjUzBRMB0GA1UdDgQWBBRgb8PCSxy6
ICj7Otkac4tWM1UcbzAfBgNVHSMEGDAWgBRgb8PCSxy6ICj7Otkac4tWM1UcbzAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIEiyWNNjqpNHIWftErMu
Odu/jLBr36/LcITgTlvz2hSxAiBdsk4ij4LrJxEFnBNn/HC/z0h+bQBBfwejFflz
doJ16g==
-----END CERTIFICATE-----
";

#[test]
fn init_db_explains_a_failure_and_whether_it_is_temporary() {
    let mut rig = Rig::without_schema("keptout");
    let port = std::env::var("ROOMWATT_TEST_MYSQL_PORT").expect("a port");
    let of_database = format!("database = '{}'", rig.database);
    let access = "the database denies access to this user: ";
    let remedy = "; check mysql.user, password and database, and that the rights have been granted";
    for (from, to, code, says) in [
        (
            of_database.as_str(),
            "database = 'nowhere'",
            78,
            [access, remedy],
        ),
        (
            &format!("user = '{}'", rig.user()),
            "user = 'nobody'",
            78,
            [access, remedy],
        ),
        (
            &format!("port = {port}\n"),
            "port = 1\n",
            75,
            [
                "the database can't be reached: Could not connect to",
                "127.0.0.1:1",
            ],
        ),
    ] {
        let whole = std::fs::read_to_string(rig.config()).expect("a configuration");
        rig.reconfigure(from, to);
        let output = rig.roomwatt(&["init-db"]);
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{printed}");
        for part in says {
            assert!(printed.contains(part), "{part:?} is not in\n{printed}");
        }
        std::fs::write(rig.config(), whole).expect("a configuration");
    }
    let (database, user) = (&rig.database, rig.user());
    for statement in [
        format!("REVOKE ALL ON `{database}`.* FROM '{user}'@'%'"),
        format!("GRANT SELECT ON `{database}`.* TO '{user}'@'%'"),
    ] {
        rig.execute(&statement);
    }
    let output = rig.roomwatt(&["init-db"]);
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{printed}");
    assert!(
        printed.contains("CREATE command denied")
            && printed.contains("; sql/grants-init.sql has the rights"),
        "{printed}"
    );
    rig.finish();
}

#[test]
fn send_declares_the_queue_if_the_service_would() {
    let mut rig = Rig::new("senddeclares");
    let mut broker = broker();
    let channel = broker.open_channel(None).expect("a channel");
    channel
        .queue_delete(&rig.queue, QueueDeleteOptions::default())
        .expect("deleted");
    broker.close().expect("closed");
    let room = ["--hotel-id", "H001", "--room-number", "101"];
    let send = [&["send", "--msg-type", "checkin"], &room[..]].concat();
    let output = rig.roomwatt(&send);
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{printed}");
    assert!(
        printed.contains("or set rabbitmq.declare = true"),
        "{printed}"
    );
    rig.reconfigure("[rabbitmq]\n", "[rabbitmq]\ndeclare = true\n");
    let output = rig.roomwatt(&send);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(rig.waiting_messages(), 1);
    rig.finish();
}
