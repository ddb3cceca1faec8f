//! Which rights are enough, and what is reported if one is missing.

use mysql::Conn;
use mysql::prelude::Queryable;

use roomwatt::config::Config;
use roomwatt::engine::{HotelState, MeterNotice, MeterNoticeKind, Notice, RefusedBodies};
use roomwatt::store::{MySqlStore, Plan, Rejected, StateStore, Store};
use roomwatt::types::HotelId;

use crate::support::{LIMIT, Rig};
use crate::{check_in, check_out, finished, minutes_ago};

use super::{Check, grant, statement, with_grants};

/// A user or a role that goes with its test.
struct User {
    root: Conn,
    name: String,
}

impl Drop for User {
    fn drop(&mut self) {
        for what in ["USER", "ROLE"] {
            let drop = format!("DROP {what} IF EXISTS '{}'", self.name);
            let _ = self.root.query_drop(drop);
        }
    }
}

#[test]
fn a_missing_or_old_schema_is_reported() {
    let mut rig = Rig::without_schema("checkschema");
    let check = Check::online(&mut rig);
    assert_eq!(check.code, Some(78));
    check.has("error schema: ", &["schema_migration", "roomwatt init-db"]);
    check.has(
        "error tables: ",
        &["service, room_state", "electricity_abnormal not there"],
    );
    check.has("ok rights for init-db: ", &["this user may run it"]);
    check.has("error meter table ", &["no such table"]);

    assert!(rig.roomwatt(&["init-db"]).status.success());
    rig.execute("ALTER TABLE notification DROP COLUMN error");
    rig.execute("ALTER TABLE electricity_abnormal DROP COLUMN msg_type");
    rig.execute("DELETE FROM schema_migration WHERE version >= 5");
    let check = Check::online(&mut rig);
    assert_eq!(check.code, Some(78));
    check.has(
        "error schema: ",
        &["005_outbox_and_silence.sql was not applied yet", "init-db"],
    );
    check.has("error rights on notification: ", &["'error'"]);
    check.has(
        "error rights on electricity_abnormal: INSERT: Unknown column 'msg_type'",
        &[],
    );
    rig.finish();
}

#[test]
fn each_missing_right_is_reported_with_its_grant() {
    let mut rig = with_grants("checkrights");
    rig.meter("H001", "101", &minutes_ago(5).to_string(), "500.00");
    let rights = [
        ("schema_migration", "SELECT"),
        ("service", "SELECT UPDATE"),
        ("room_state", "SELECT INSERT DELETE"),
        ("silent_hotel", "SELECT INSERT DELETE"),
        ("hotel_state", "SELECT INSERT DELETE"),
        ("threshold", "SELECT INSERT DELETE"),
        ("hotel_frame", "SELECT INSERT DELETE"),
        ("incident", "SELECT INSERT UPDATE DELETE"),
        ("incident_event", "SELECT INSERT DELETE"),
        ("notification", "SELECT INSERT UPDATE DELETE"),
        ("rejected_message", "SELECT INSERT UPDATE DELETE"),
        ("electricity_monitoring", "SELECT INSERT UPDATE"),
        ("electricity_abnormal", "SELECT INSERT UPDATE"),
        ("smart_meter", "SELECT"),
    ];
    for (table, right) in rights
        .iter()
        .flat_map(|(table, rights)| rights.split(' ').map(move |right| (*table, right)))
    {
        let grant = format!(
            "GRANT {right} ON `{}`.`{table}` TO '{}'@'%'",
            rig.database,
            rig.user()
        );
        statement(&rig, &format!("REVOKE {right} ON `DB`.`{table}` FROM USER"));
        let check = Check::online(&mut rig);
        assert_eq!(check.code, Some(78), "{table} {right}: {:#?}", check.lines);
        let about = match table {
            "smart_meter" => "error meter table smart_meter: ".to_owned(),
            _ => format!("error rights on {table}: {right} is not granted"),
        };
        check.has(&about, &[&grant]);
        let errors = check
            .not_ok()
            .into_iter()
            .filter(|line| line.starts_with("error"));
        assert_eq!(errors.count(), 1 + usize::from(table == "schema_migration"));
        if (table, right) == ("room_state", "SELECT") {
            check.has("warning rooms: they can't be compared", &[]);
        }
        rig.execute(&grant);
    }
    assert_eq!(
        Check::online(&mut rig).code,
        Some(0),
        "and with all of them"
    );

    // However they are given.
    let role = format!("r{}", rig.user());
    statement(&rig, "REVOKE ALL, GRANT OPTION FROM USER");
    let _role = User {
        root: rig.conn(),
        name: role.clone(),
    };
    rig.execute(&format!("CREATE ROLE '{role}'"));
    rig.execute(&format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON `{}`.* TO '{role}'",
        rig.database
    ));
    statement(&rig, &format!("GRANT '{role}' TO USER"));
    let word = if rig.is_mariadb() { "FOR" } else { "TO" };
    statement(&rig, &format!("SET DEFAULT ROLE '{role}' {word} USER"));
    let check = Check::online(&mut rig);
    assert_eq!(check.code, Some(0), "{:#?}", check.lines);
    check.has("ok rights: ", &[]);
    check.has(
        "advice meter table smart_meter: this user may INSERT, UPDATE, DELETE in it",
        &[],
    );
    rig.finish();
}

#[test]
fn the_grants_are_enough_and_no_more() {
    let mut rig = Rig::without_schema("grants");
    let (database, user) = (rig.database.clone(), rig.user());
    rig.execute(&format!("REVOKE ALL ON `{database}`.* FROM '{user}'@'%'"));
    let init = User {
        root: rig.conn(),
        name: user.replacen('u', "i", 1),
    };
    grant(&rig, "init", &init.name, "canaryinit");
    let config = std::fs::read_to_string(rig.config()).expect("a configuration");
    let as_init = {
        let (before, after) = config
            .split_once(&format!("user = '{user}'"))
            .expect("a user");
        let after = after.split_once("password = '").expect("a password").1;
        let after = after.split_once('\'').expect("its end").1;
        format!(
            "{before}user = '{}'\npassword = 'canaryinit'{after}",
            init.name
        )
    };
    std::fs::write(rig.config(), &as_init).expect("a configuration");
    Check::online(&mut rig).has("ok rights for init-db: this user may run it", &[]);
    let output = rig.roomwatt(&["init-db"]);
    assert!(output.status.success(), "{output:?}");
    for (time, adopted) in [
        (
            "NOW() - INTERVAL 1 HOUR",
            "adopted 1 room (1 occupied, 0 vacant)",
        ),
        ("NOW()", "brought up to date 1 (H001/301)"),
    ] {
        rig.execute(&format!(
            "INSERT INTO electricity_monitoring (hotel_id, room_number, check_in_time) \
             VALUES ('H001', '301', {time})"
        ));
        let output = rig.roomwatt(&["init-db", "--adopt"]);
        assert!(finished(&output).1.contains(adopted), "{output:?}");
    }

    std::fs::write(rig.config(), &config).expect("a configuration");
    rig.configure("keep_days = 1");
    grant(&rig, "service", &user, "");
    Check::online(&mut rig).has("ok rights: ", &[]);
    walk(&mut rig);

    // And nothing else.
    let ours = [("host", "MYSQL_HOST"), ("port", "MYSQL_PORT")];
    let [host, port] =
        ours.map(|(_, name)| std::env::var(format!("ROOMWATT_TEST_{name}")).expect("set"));
    let password = config
        .split("password = '")
        .nth(2)
        .and_then(|rest| rest.split('\'').next());
    let opts = mysql::OptsBuilder::new()
        .ip_or_hostname(Some(host))
        .tcp_port(port.parse().expect("a port"))
        .user(Some(user))
        .pass(password)
        .db_name(Some(database));
    let mut conn = Conn::new(opts).expect("a connection");
    for statement in [
        "CREATE TABLE t (a INT)",
        "ALTER TABLE service ADD COLUMN a INT",
        "DROP TABLE room_state",
        "CREATE INDEX i ON notification (kind)",
        "TRUNCATE TABLE notification",
        "INSERT INTO smart_meter (hotel_id) VALUES ('H1')",
        "UPDATE smart_meter SET reading_value = 0",
        "DELETE FROM smart_meter",
        "DELETE FROM electricity_abnormal",
        "DELETE FROM electricity_monitoring",
        "DELETE FROM service",
        "INSERT INTO service (id, epoch, seq) VALUES (2, 0, 0)",
        "UPDATE schema_migration SET version = 9",
    ] {
        let error = conn.query_drop(statement).expect_err(statement).to_string();
        assert!(error.contains("command denied"), "{statement}: {error}");
    }
    drop(init);
    rig.finish();
}

/// Everything the service and its commands do with the database.
fn walk(rig: &mut Rig) {
    let left = minutes_ago(200);
    // Deleted by age: a refused message and a notice.
    rig.execute(
        "INSERT INTO rejected_message (created_at, source, reason, body, truncated) \
         VALUES (NOW() - INTERVAL 9 DAY, 's', 'r', 'old', 0)",
    );
    rig.execute(
        "INSERT INTO notification (created_at, hotel_id, room_number, kind, detected_time, body, \
         state) VALUES (NOW() - INTERVAL 9 DAY, 'H', '1', 'alert', NOW(), '{}', 'sent')",
    );
    // A notice said that this hotel's meters are silent: another one says that they are back.
    rig.execute("INSERT INTO silent_hotel (hotel_id) VALUES ('H001')");
    let mut service = rig.start();
    service.wait_until_ready();
    let out = check_out("H001", "101", left);
    let arrival = check_in("H001", "102", left);
    let later = arrival.replace("}", r#","expected_checkout_time":"2099-01-01 00:00:00"}"#);
    rig.publish([out.as_str(), &arrival, &later, "{}"]);
    for (interval, register) in (0..).zip(["500.00", "502.40", "504.80", "507.20", "509.60"]) {
        rig.meter(
            "H001",
            "101",
            &left.plus(interval * 1_800).to_string(),
            register,
        );
    }
    rig.feishu.wait_until("one card", LIMIT, |received| {
        received.iter().any(|r| r.accepted)
    });
    rig.wait_for_rows("SELECT is_notified FROM electricity_abnormal", &[true]);
    rig.wait_for_rows(
        "SELECT CAST(initial_reading AS CHAR) FROM electricity_monitoring \
         WHERE room_number = '101'",
        &["500.00".to_owned()],
    );
    rig.wait_for_rows(
        "SELECT YEAR(expected_checkout_time) FROM electricity_monitoring WHERE room_number = '102'",
        &[2099],
    );
    rig.wait_for_rows(
        "SELECT kept, body_length FROM rejected_message",
        &[("fields".to_owned(), 2)],
    );
    rig.wait_for_rows(
        "SELECT state FROM notification WHERE kind = 'alert'",
        &["sent".to_owned()],
    );
    rig.wait_for_rows::<String>("SELECT hotel_id FROM silent_hotel", &[]);
    rig.wait_for_rows::<String>(
        "SELECT state FROM notification WHERE state = 'pending'",
        &[],
    );
    let log = service.stop();
    for part in ["denied", " ERROR "] {
        assert!(!log.contains(part), "{log}");
    }
    let ids: Vec<u64> = rig.rows("SELECT id FROM notification WHERE kind = 'alert'");
    let retried = rig.roomwatt(&["outbox", "retry", "--again", &ids[0].to_string()]);
    assert!(retried.status.success(), "{retried:?}");
    let ids: Vec<u64> = rig.rows("SELECT id FROM rejected_message");
    let replayed = rig.roomwatt(&["rejected", "replay", &ids[0].to_string()]);
    assert!(replayed.status.success(), "{replayed:?}");
    rig.wait_for_rows(
        "SELECT replayed_at IS NOT NULL FROM rejected_message",
        &[true],
    );

    // To see it by the service would take an hour and a half of silence.
    let config = Config::load(Some(&rig.config()), &[]).expect("a configuration");
    let mysql = config.mysql.expect("a section");
    let mut store = MySqlStore::new(&mysql, config.messages.zone);
    store.take_over().expect("it is free");
    let silent = Notice::Meters(MeterNotice {
        kind: MeterNoticeKind::Silent,
        hotel_id: HotelId::new("H001"),
        detected: left,
        since: None,
        silent: 5,
        watched: 8,
        rooms: Vec::new(),
        handling: None,
    });
    let hotel = HotelId::new("H001");
    let plan = Plan {
        notices: vec![silent],
        hotels: [(hotel, HotelState::default())].into(),
        rejected: vec![Rejected::new(
            "test",
            "again".into(),
            b"nonsense",
            &RefusedBodies::default(),
            true,
        )],
        ..Plan::default()
    };
    for _ in 0..2 {
        store.commit(&plan).expect("it may");
    }
    rig.wait_for_rows("SELECT hotel_id FROM silent_hotel", &["H001".to_owned()]);
}
