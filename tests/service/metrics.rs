//! `/metrics`, as a real Prometheus reads it; its rules and the dashboard, on a real service.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::intake::{ask, wait_until_served};
use crate::support::prometheus::{Prometheus, promtool};
use crate::support::proxy::Fault;
use crate::support::{Link, Rig, wait};
use crate::trouble::Trouble;
use crate::{check_in, minutes_ago};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("etc").join(name)
}

fn scrape(address: SocketAddr) -> Result<String, String> {
    match ask(address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n") {
        Ok((200, text)) => Ok(text),
        other => Err(format!("{other:?}")),
    }
}

/// Waits until a line is exposed.
fn wait_for_line(address: SocketAddr, line: &str) {
    wait(&format!("{line} to be exposed"), || {
        let text = scrape(address)?;
        if text.lines().any(|other| other == line) {
            return Ok(());
        }
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        let of_name = text.lines().filter(|line| line.starts_with(name));
        Err(of_name.collect::<Vec<_>>().join("\n"))
    });
}

#[test]
fn what_happens_in_hotels_is_counted() {
    let mut rig = Rig::new("counted");
    let address = rig.listen();
    let bot = rig.route(&["H001"]);
    let service = rig.start();
    wait_until_served(address);
    let mut trouble = Trouble::of(&rig, &[("H001", "Q101"), ("H002", "Q201")]);
    let arrived = check_in("H002", "Q202", minutes_ago(30));
    rig.publish([arrived.as_str(), "no message"]);
    trouble.alert(&rig);
    for line in [
        r#"roomwatt_owner 1"#,
        r#"roomwatt_config_last_reload_successful 1"#,
        r#"roomwatt_messages_total{source="amqp",result="checkout"} 2"#,
        r#"roomwatt_messages_total{source="amqp",result="checkin"} 1"#,
        r#"roomwatt_messages_total{source="amqp",result="refused"} 1"#,
        r#"roomwatt_messages_total{source="http",result="refused"} 0"#,
        r#"roomwatt_rejected_messages_total 1"#,
        r#"roomwatt_rooms{hotel_id="H001",state="vacant"} 1"#,
        r#"roomwatt_rooms{hotel_id="H002",state="vacant"} 1"#,
        r#"roomwatt_rooms{hotel_id="H002",state="occupied"} 1"#,
        r#"roomwatt_rooms_silent{hotel_id="H001"} 0"#,
        r#"roomwatt_rooms_abnormal{hotel_id="H001",kind="checkout",rule="fixed"} 1"#,
        r#"roomwatt_rooms_abnormal{hotel_id="H001",kind="checkin",rule="fixed"} 0"#,
        r#"roomwatt_incidents{hotel_id="H001",state="open"} 1"#,
        r#"roomwatt_incidents{hotel_id="H001",state="snoozed"} 0"#,
        r#"roomwatt_alerts_total{hotel_id="H001",kind="checkout",rule="fixed"} 1"#,
        r#"roomwatt_alerts_total{hotel_id="H001",kind="checkout",rule="baseline"} 0"#,
        // Four intervals of 2 kWh.
        r#"roomwatt_energy_joules_total{hotel_id="H001",occupancy="vacant"} 28800000"#,
        r#"roomwatt_energy_joules_total{hotel_id="H001",occupancy="occupied"} 0"#,
        r#"roomwatt_notices_total{state="sent"} 2"#,
        r#"roomwatt_deliveries_total{route="H001",result="accepted"} 1"#,
        r#"roomwatt_deliveries_total{route="default",result="accepted"} 1"#,
        r#"roomwatt_deliveries_total{route="default",result="route_fault"} 0"#,
        r#"roomwatt_notice_delay_seconds_count 2"#,
        r#"roomwatt_notice_oldest_waiting_timestamp_seconds 0"#,
        r#"roomwatt_database_errors_total 0"#,
    ] {
        wait_for_line(address, line);
    }
    let text = scrape(address).expect("metrics");
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().parse::<i64>().expect(name)
    };
    let newest = value(r#"roomwatt_newest_reading_timestamp_seconds{hotel_id="H001"}"#);
    let last_sweep = value("roomwatt_last_sweep_timestamp_seconds");
    let age = last_sweep - newest;
    assert!((0..1_800).contains(&age), "the last reading is {age} s old");
    assert!(!text.contains("Q101") && !text.contains("canary"), "{text}");
    assert_eq!(bot.accepted_notices().len(), 1);
    service.stop();
    // The list of hotels is counted at a start, and by each sweep.
    let service = rig.start();
    wait_until_served(address);
    rig.publish([check_in("H002", "Q203", minutes_ago(10)).as_str()]);
    // What was used today, or nothing where a new day has begun since.
    let today = minutes_ago(0).date();
    let of_hotel = |hotel: &str| {
        let query = format!(
            "SELECT CAST(energy_wh / 1000 AS DECIMAL(10,1)) FROM hotel_state \
             WHERE hotel_id = '{hotel}' AND energy_day = '{today}'"
        );
        let rows = rig.rows::<String>(&query);
        rows.first().cloned().unwrap_or("—".to_owned())
    };
    let row = |hotel: &str, rooms: &str| {
        let kwh = of_hotel(hotel);
        format!("<td class=\"n\">4.0<td class=\"n\">{kwh}{rooms}<td")
    };
    wait("the hotels to be listed with their rooms", || {
        let list = ask(address, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let vacant = row("H001", "<td class=\"n\">0<td class=\"n\">1");
        let guests = row("H002", "<td class=\"n\">2<td class=\"n\">1");
        match list {
            Ok((200, list)) if list.contains(&vacant) && list.contains(&guests) => Ok(()),
            other => Err(format!("{vacant} {guests} in {other:?}")),
        }
    });
    let sums = "SELECT CONCAT(hotel_id, ' ', energy_wh) FROM hotel_state ORDER BY 1";
    let of_one_day =
        "SELECT COUNT(DISTINCT DATE(script_time - INTERVAL 1 SECOND)) FROM smart_meter";
    if rig.rows::<u32>(of_one_day) == [1] {
        rig.wait_for_rows(sums, &["H001 8000".to_owned(), "H002 8000".to_owned()]);
    }
    service.stop();
    rig.finish();
}

#[test]
fn it_answers_while_the_database_is_away() {
    let mut rig = Rig::new("awaymetrics");
    let address = rig.listen();
    let database = rig.proxy(Link::MySql);
    let service = rig.start();
    wait_until_served(address);
    rig.publish([check_in("H001", "101", minutes_ago(30)).as_str()]);
    wait_for_line(
        address,
        r#"roomwatt_rooms{hotel_id="H001",state="occupied"} 1"#,
    );
    database.set(Fault::Cut);
    wait("an error of the database to be counted", || {
        let text = scrape(address)?;
        let none = text.contains("roomwatt_database_errors_total 0");
        let failed = text.contains("roomwatt_sweeps_total{result=\"failed\"} 0");
        if none || failed { Err(text) } else { Ok(()) }
    });
    let text = scrape(address).expect("metrics");
    assert!(text.contains(r#"roomwatt_rooms{hotel_id="H001",state="occupied"} 1"#));
    database.lift();
    service.stop();
    rig.finish();
}

#[test]
fn a_sweep_that_fails_is_an_error_of_the_database() {
    let mut rig = Rig::new("sweeperrors");
    let address = rig.listen();
    let service = rig.start();
    wait_until_served(address);
    wait_for_line(address, r#"roomwatt_database_errors_total 0"#);
    // Only sweeps read it: nothing else fails.
    rig.execute("RENAME TABLE smart_meter TO away");
    wait("a sweep that fails to be counted as an error, too", || {
        let text = scrape(address)?;
        let count = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|count| count.trim().parse::<u64>().ok())
        };
        let failed = count(r#"roomwatt_sweeps_total{result="failed"}"#);
        let errors = count("roomwatt_database_errors_total");
        if failed > Some(0) && errors == failed {
            Ok(())
        } else {
            Err(text)
        }
    });
    rig.execute("RENAME TABLE away TO smart_meter");
    service.stop();
    rig.finish();
}

#[test]
fn rules_and_their_unit_tests_pass() {
    let rules = file("prometheus/roomwatt.rules.yml");
    let tests = file("prometheus/roomwatt.rules.test.yml");
    for (command, file) in [("check", &rules), ("test", &tests)] {
        let (passed, printed) = promtool(&[command, "rules", &file.to_string_lossy()], "");
        assert!(passed, "{printed}");
    }
    // Each alert is tested, and says what to do in both languages.
    let text = std::fs::read_to_string(rules).expect("the rules");
    let tested = std::fs::read_to_string(tests).expect("their tests");
    let alerts: Vec<&str> = text.split("- alert: ").skip(1).collect();
    assert_eq!(alerts.len(), 9);
    for alert in alerts {
        let name = alert.lines().next().expect("a name");
        let fires = format!("alertname: {name}\n        exp_alerts:\n");
        assert!(tested.contains(&fires), "no test of {name} fires");
        let of = |key: &str| {
            let line = alert.lines().find_map(|line| line.trim().strip_prefix(key));
            line.unwrap_or_default().to_owned()
        };
        for (english, chinese) in [("summary: ", "summary_zh: "), ("remedy: ", "remedy_zh: ")] {
            let (english, chinese) = (of(english), of(chinese));
            assert!(
                english.is_ascii() && english.len() > 20,
                "{name}: {english}"
            );
            assert!(
                chinese.chars().any(|c| c >= '\u{4e00}'),
                "{name}: {chinese}"
            );
        }
    }
}

/// The expressions of a dashboard, as Grafana asks them.
fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("targets"));
    targets
        .map(|target| {
            let written = target["expr"].as_str().expect("an expression");
            written
                .replace("$__rate_interval", "1m")
                .replace("$job", "roomwatt")
                .replace("$hotel", ".*")
        })
        .collect()
}

#[test]
fn a_real_prometheus_takes_it_and_answers_all_of_the_dashboard() {
    let mut rig = Rig::new("scraped");
    let address = rig.listen();
    let token = rig.secret("scrape");
    rig.reconfigure("[http]\n", &format!("[http]\ntoken = '{token}'\n"));
    let mut service = rig.start();
    service.wait_until_ready();
    Trouble::of(&rig, &[("H1", "101"), ("H2", "201")]).alert(&rig);
    // As JSON has it: the hotel is called H"2\.
    rig.publish([check_in(r#"H\"2\\"#, "101", minutes_ago(30)).as_str()]);
    let rules = file("prometheus/roomwatt.rules.yml");
    let prometheus = Prometheus::start(address, &rules, Some(&token));
    prometheus.wait_for("up{job=\"roomwatt\"} == 1");
    prometheus.wait_for("roomwatt_alerts_total > 0");
    prometheus.wait_for(r#"roomwatt_rooms{hotel_id="H\"2\\", state="occupied"} == 1"#);

    let dashboard = std::fs::read_to_string(file("grafana/roomwatt.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("JSON");
    let asked = expressions(&dashboard);
    assert!(asked.len() > 20, "{asked:?}");
    for expression in &asked {
        prometheus.wait_for(expression);
    }
    // Each metric of the service is on it.
    let names = prometheus.api("label/__name__/values", &[]).expect("names");
    let mut left_out = Vec::new();
    for name in names.as_array().expect("names") {
        let name = name.as_str().expect("a name");
        let histogram = ["_count", "_sum"].iter().any(|end| name.ends_with(end));
        if name.starts_with("roomwatt_") && !histogram && !asked.join("\n").contains(name) {
            left_out.push(name.to_owned());
        }
    }
    assert_eq!(left_out, [""; 0], "no panel shows it");

    // It and promtool understand what each is.
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    );
    let (_, text) = ask(address, &request).expect("metrics");
    let (passed, printed) = promtool(&["check", "metrics"], &(text + "\n"));
    assert!(passed, "{printed}");
    let metadata = prometheus.api(
        "targets/metadata",
        &[("match_target", "{job=\"roomwatt\"}")],
    );
    let metadata = metadata.expect("metadata");
    let of = |name: &str| {
        let all = metadata.as_array().expect("a list");
        let found = all.iter().find(|one| one["metric"] == name);
        found.map_or(String::new(), |one| {
            one["type"].as_str().unwrap_or_default().to_owned()
        })
    };
    for (name, kind) in [
        ("roomwatt_messages", "counter"),
        ("roomwatt_rooms", "gauge"),
        ("roomwatt_build", "info"),
        ("roomwatt_sweep_duration_seconds", "histogram"),
        ("process_cpu_seconds", "counter"),
    ] {
        assert_eq!(of(name), kind, "{name}: {metadata}");
    }

    // The rules are evaluated, and of this service none fires.
    let groups = wait("the rules to be evaluated", || {
        let groups = prometheus.api("rules", &[])?;
        let rules = groups["groups"][0]["rules"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let done = |rule: &Value| rule["health"] == "ok";
        match !rules.is_empty() && rules.iter().all(done) {
            true => Ok(rules),
            false => Err(groups.to_string()),
        }
    });
    let firing: Vec<&Value> = groups
        .iter()
        .filter(|rule| rule["state"] == "firing")
        .collect();
    assert!(firing.is_empty(), "{firing:?}");

    // A configuration that can't be read is an alert at once.
    rig.configure("sweep_seconds = 0");
    service.signal(Signal::HUP);
    prometheus.wait_for("ALERTS{alertname=\"RoomwattReloadFailed\", alertstate=\"firing\"}");
    drop(prometheus);
    service.stop();
    rig.finish();
}
