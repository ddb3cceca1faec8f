//! What `roomwatt check` says of each part.

mod meters;
mod rights;

use amiquip::{ConsumerOptions, QueueDeclareOptions, QueueDeleteOptions};
use serde_json::Value;

use roomwatt::types::LocalTime;

use crate::embedded::alone;
use crate::stays::{arrived, left, send};
use crate::support::intake::wait_until_served;
use crate::support::{Rig, broker};
use crate::{check_in, check_out, finished, minutes_ago};

/// The findings of a check.
struct Check {
    code: Option<i32>,
    /// As `level about: says; remedy`.
    lines: Vec<String>,
}

impl Check {
    /// Runs a check, as a script would.
    fn online(rig: &mut Rig) -> Check {
        let (code, out, _) = finished(&rig.roomwatt(&["check", "--online", "--json"]));
        let finding = |line: &str| -> Value { serde_json::from_str(line).expect(line) };
        let findings: Vec<Value> = out.lines().map(finding).collect();
        let exits = findings.iter().map(|finding| finding["exit"].as_i64());
        assert_eq!(code.map(i64::from), exits.max().flatten(), "{out}");
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or("-").to_owned();
        let line = |finding: &Value| {
            let [level, about, says, remedy] =
                ["level", "about", "says", "remedy"].map(|key| text(finding, key));
            format!("{level} {about}: {says}; {remedy}")
        };
        Check {
            code,
            lines: findings.iter().map(line).collect(),
        }
    }

    /// Asserts that exactly one line begins like this and has all these parts.
    fn has(&self, start: &str, parts: &[&str]) {
        let wanted = |line: &&String| {
            line.starts_with(start) && parts.iter().all(|part| line.contains(part))
        };
        let found: Vec<_> = self.lines.iter().filter(wanted).collect();
        assert_eq!(found.len(), 1, "{start} {parts:?} in {:#?}", self.lines);
    }

    /// Asserts that the newest reading of a meter table is of `time`: as many minutes ago as when
    /// the check began, at `began`, or as now.
    fn has_newest(&self, start: &str, time: LocalTime, began: LocalTime) {
        let minutes = |now: LocalTime| now.since(time) / 60;
        let has_age = |line: &str, age: i64| line.contains(&format!(" {age} minutes ago"));
        let mut ages = minutes(began)..=minutes(minutes_ago(0));
        let mut lines = self.lines.iter().filter(|line| line.starts_with(start));
        let line = lines.next().expect("a line of the table");
        assert!(ages.any(|age| has_age(line, age)), "{line}");
    }

    /// The lines that are not ok.
    fn not_ok(&self) -> Vec<&str> {
        let lines = self.lines.iter().map(String::as_str);
        lines.filter(|line| !line.starts_with("ok ")).collect()
    }

    /// Asserts that all lines are ok, except those that begin like this.
    fn has_only(&self, starts: &[&str]) {
        let found = self.not_ok();
        let expected = found.len() == starts.len()
            && found
                .iter()
                .zip(starts)
                .all(|(line, start)| line.starts_with(start));
        assert!(expected, "{starts:#?} expected, found {found:#?}");
    }
}

/// Runs a file of grants for a user of this rig's; its other rights are gone.
pub fn grant(rig: &Rig, part: &str, user: &str, password: &str) {
    let (text, name) = match part {
        "init" => (
            include_str!("../../../sql/grants-init.sql"),
            "roomwatt_init",
        ),
        _ => (include_str!("../../../sql/grants-service.sql"), "roomwatt"),
    };
    let text = text
        .replace("`hotel`", &format!("`{}`", rig.database))
        .replace(&format!("'{name}'"), &format!("'{user}'"))
        .replace("change me", password);
    let lines = text.lines().filter(|line| !line.starts_with("--"));
    let code = lines.collect::<Vec<_>>().join("\n");
    for statement in code
        .split(";\n")
        .map(str::trim)
        .filter(|s| s.starts_with("CREATE") || s.starts_with("GRANT"))
    {
        rig.execute(statement);
    }
}

/// The service's user has no more than `sql/grants-service.sql` gives.
fn with_grants(name: &str) -> Rig {
    let rig = Rig::new(name);
    let (database, user) = (&rig.database, rig.user());
    rig.execute(&format!("REVOKE ALL ON `{database}`.* FROM '{user}'@'%'"));
    grant(&rig, "service", &user, "");
    rig
}

fn statement(rig: &Rig, statement: &str) {
    let statement = statement
        .replace("DB", &rig.database)
        .replace("USER", &format!("'{}'@'%'", rig.user()));
    rig.execute(&statement);
}

#[test]
fn the_configuration_is_shown_with_its_warnings() {
    let mut rig = Rig::new("checkoff");
    let bot = rig.feishu.add_bot("canary-of-another", None);
    let route = format!(
        "[[feishu.routes]]\nhotels = ['H7']\nwebhook_url = '{}'\n[log]",
        bot.webhook_url()
    );
    rig.reconfigure("[log]", &route);
    rig.configure("[[monitoring.overrides]]\nhotel_id = 'H1'\ncheckin_abnormal_threshold = 3");
    let (code, out, errors) = finished(&rig.roomwatt(&["check"]));
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{out}");
    let queue = rig.queue.clone();
    for (start, part) in [
        ("queue        ", queue.as_str()),
        ("database     ", &rig.database),
        (
            "meter table  ",
            "smart_meter: hotel_id, room_number, reading_value, script_time, id",
        ),
        (
            "thresholds   ",
            "2 kWh occupied, 1.5 kWh vacant in 30 minutes, 4 times in a row; 1 hotel and 0 rooms \
             have their own",
        ),
        ("notices      ", "to the default bot"),
        ("notices      ", "to the bot of H7"),
        ("time zone    ", "Asia/Shanghai, now 20"),
    ] {
        let found = out
            .lines()
            .any(|line| line.starts_with(start) && line.contains(part));
        assert!(found, "{start}{part} is not in\n{out}");
    }
    assert_eq!(out.lines().count(), 7, "{out}");
    assert!(!out.contains("/hook/") && !out.contains("canary"), "{out}");

    rig.configure("[meter]\ntable = 'm'");
    rig.reconfigure(
        "[monitoring]\n",
        "[monitoring]\ntimezone = 'Europe/Berlin'\n",
    );
    let (code, out, _) = finished(&rig.roomwatt(&["check"]));
    assert_eq!(code, Some(0));
    let warnings: Vec<&str> = out
        .lines()
        .filter(|line| line.starts_with("warning "))
        .collect();
    assert!(
        matches!(warnings[..], [w] if w.contains("Europe/Berlin has daylight saving")),
        "{out}"
    );
    let mut service = rig.start();
    service.wait_until_ready();
    let log = service.stop();
    assert_eq!(
        log.matches("Europe/Berlin has daylight saving").count(),
        1,
        "{log}"
    );

    rig.reconfigure("[mysql]\n", "[mysql]\nnonsense = 1\n");
    assert_eq!(finished(&rig.roomwatt(&["check"])).0, Some(78));
    std::fs::write(rig.config(), "").expect("a file");
    let (code, out, errors) = finished(&rig.roomwatt(&["check"]));
    // Nothing written: a file, and its own intake.
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{out}");
    assert!(
        out.contains("http         at 127.0.0.1:8580, for this machine's programs\n"),
        "{out}"
    );
    rig.finish();
}

#[test]
fn a_hotel_without_problems_has_no_findings() {
    let mut rig = with_grants("checkwell");
    let time = minutes_ago(5);
    rig.meter("H001", "101", &time.to_string(), "500.00");
    rig.meter("H001", "102", &time.to_string(), "500.00");
    rig.execute(
        "INSERT INTO electricity_monitoring (hotel_id, room_number) VALUES ('H001', '101')",
    );
    rig.publish(["{}"]);
    let began = minutes_ago(0);
    let check = Check::online(&mut rig);
    assert_eq!((check.code, check.not_ok()), (Some(0), vec![]));
    for (about, part) in [
        ("queue ", "1 message waiting, 0 consumers"),
        ("database ", "connected as u"),
        ("clock of the database", "it is 0 s"),
        ("schema", "all 17 files of sql/ are applied"),
        ("rights:", "its 13 tables"),
        ("rights for init-db", "this user has none"),
        (
            "meter table smart_meter",
            "its columns can be read: hotel_id, room_number, reading_value, script_time, id",
        ),
        ("indexes of smart_meter", "by room, by time, and by id"),
        ("rooms", "1 room watched, 1 of them among the 2"),
        ("Feishu at http://127.0.0.1:", "roomwatt send-notice"),
    ] {
        check.has(&format!("ok {about}"), &[part]);
    }
    check.has_newest(
        "ok meter table smart_meter: its newest reading",
        time,
        began,
    );
    assert_eq!(check.lines.len(), 11, "{:#?}", check.lines);
    assert_eq!(rig.waiting_messages(), 1, "no message is taken");
    assert!(rig.feishu.received().is_empty(), "nothing is sent to a bot");

    let (code, out, _) = finished(&rig.roomwatt(&["check", "--online"]));
    assert_eq!(code, Some(0));
    assert!(out.contains("\nok       schema: all 17 files"), "{out}");
    rig.finish();
}

#[test]
fn each_problem_of_the_broker_is_reported_and_the_rest_is_checked() {
    let mut rig = Rig::new("checkbroker");
    let name = format!("queue = '{}'", rig.queue);
    let declared = name.clone() + "\ndeclare = true";
    for (from, to, code, level, part) in [
        (
            "username = '",
            "username = 'not",
            78,
            "error",
            "and its password are refused",
        ),
        (
            "[rabbitmq]\n",
            "[rabbitmq]\nvirtual_host = 'nowhere'\n",
            78,
            "error",
            "nowhere",
        ),
        (
            &name,
            "queue = 'rw_nowhere'",
            78,
            "error",
            "create the queue, or set rabbitmq.declare = true",
        ),
        (
            &name,
            "queue = 'rw_nowhere'\ndeclare = true",
            0,
            "ok",
            "the service declares it",
        ),
        (&name, &declared, 0, "ok", "0 messages waiting, 0 consumers"),
        (
            "[rabbitmq]\nhost = '127.0.0.1'",
            "[rabbitmq]\nhost = '127.0.0.9'",
            75,
            "error",
            "see that the broker runs",
        ),
    ] {
        rig.reconfigure(from, to);
        let check = Check::online(&mut rig);
        assert_eq!(check.code, Some(code), "{to}: {:#?}", check.lines);
        check.has(&format!("{level} queue "), &[part]);
        check.has("ok Feishu", &[]);
        check.has("ok schema", &[]);
        rig.reconfigure(to, from);
    }

    let mut broker = broker();
    let channel = broker.open_channel(None).expect("a channel");
    let queue = channel.queue_declare_passive(&rig.queue).expect("a queue");
    let others: Vec<_> = (0..4)
        .map(|_| queue.consume(ConsumerOptions::default()).expect("consumes"))
        .collect();
    Check::online(&mut rig).has(
        "warning queue ",
        &["4 consumers", "at most 3 of this program"],
    );
    // Not dropped yet: the connection breaks if one is gone when the word of its end comes to it.
    for other in &others {
        other.cancel().expect("cancelled");
    }
    channel
        .queue_delete(&rig.queue, QueueDeleteOptions::default())
        .expect("deleted");
    channel
        .queue_declare(&rig.queue, QueueDeclareOptions::default())
        .expect("not durable");
    rig.reconfigure(&name, &declared);
    let check = Check::online(&mut rig);
    check.has(
        "error queue ",
        &["PRECONDITION_FAILED", "leave rabbitmq.declare out"],
    );
    rig.finish();
}

#[test]
fn an_unreachable_database_hides_no_other_problem() {
    let mut rig = Rig::new("checkaway");
    for (from, to, code, part) in [
        (
            "[mysql]\nhost = '127.0.0.1'",
            "[mysql]\nhost = '127.0.0.9'",
            75,
            "check that the server runs",
        ),
        ("user = 'u", "user = 'not", 78, "mysql.user, password"),
        (
            "database = 'rw",
            "database = 'not",
            78,
            "check mysql.user, password and database",
        ),
    ] {
        rig.reconfigure(from, to);
        let check = Check::online(&mut rig);
        assert_eq!(check.code, Some(code), "{:#?}", check.lines);
        check.has("error database ", &[part]);
        check.has("ok queue ", &[]);
        check.has("ok Feishu", &[]);
        rig.reconfigure(to, from);
    }
    // What has to be changed comes first, whatever can't be reached.
    rig.reconfigure("user = 'u", "user = 'not");
    rig.reconfigure(
        "[rabbitmq]\nhost = '127.0.0.1'",
        "[rabbitmq]\nhost = '127.0.0.9'",
    );
    let check = Check::online(&mut rig);
    assert_eq!(check.code, Some(78), "{:#?}", check.lines);
    rig.finish();
}

#[test]
fn feishu_is_checked_without_sending_a_message() {
    let mut rig = Rig::new("checkfeishu");
    let other = rig.feishu.add_bot("canary-of-another", None);
    let route = format!(
        "[[feishu.routes]]\nhotels = ['H7']\nwebhook_url = '{}'\n[log]",
        other.webhook_url()
    );
    rig.reconfigure("[log]", &route);
    let strays = rig.feishu.strays();
    Check::online(&mut rig).has("ok Feishu at ", &["for the default bot and 1 more"]);
    assert!(rig.feishu.received().is_empty() && other.received().is_empty());
    let asked: Vec<String> = strays.received().iter().map(|r| r.path.clone()).collect();
    assert_eq!(asked, ["/"], "one host is asked once, without a token");

    rig.feishu.set_clock_offset(-7_200);
    let check = Check::online(&mut rig);
    assert_eq!(check.code, Some(78));
    check.has(
        "error Feishu at ",
        &["clock is 72", "ahead of", "accepts no signature"],
    );
    rig.feishu.set_clock_offset(0);

    let strange = format!("http://127.0.0.1:{}/", rig.feishu.port());
    rig.reconfigure(&strange, "http://127.0.0.1:9/");
    let check = Check::online(&mut rig);
    assert_eq!(check.code, Some(75), "{:#?}", check.lines);
    check.has("error Feishu at http://127.0.0.1:9, ", &["feishu.proxy"]);
    check.has("ok queue ", &[]);
    rig.finish();
}

/// Guests without ids who share a room are counted, in either store.
#[test]
fn rooms_that_guests_without_ids_seem_to_share_are_counted() {
    let (embedded, address) = alone("checkshared");
    let mysql = Rig::new("checkshared");
    let rigs = [(embedded, address), {
        let address = mysql.listen();
        (mysql, address)
    }];
    for (mut rig, address) in rigs {
        let service = rig.start();
        wait_until_served(address);
        let [first, second, out, last] = [600, 500, 400, 300].map(minutes_ago);
        let two = |room: &str| [first, second].map(|time| check_in("H001", room, time));
        let mut bodies: Vec<String> = two("101").into();
        bodies.extend([out, last].map(|time| check_out("H001", "101", time)));
        // A check-out that was lost; and guests with ids.
        bodies.extend(two("102"));
        bodies.push(check_out("H001", "102", out));
        bodies.extend([("A", first), ("B", second)].map(|(id, at)| arrived("103", id, at)));
        bodies.extend([("A", out), ("B", last)].map(|(id, at)| left("103", id, at)));
        send(&rig, Some(address), &bodies);
        service.stop();
        Check::online(&mut rig).has(
            "warning shared rooms: in 1 room guests without stay_id seem to have been in",
            &[": \"H001/101\"; ", "send stay_id"],
        );
        rig.finish();
    }
}
