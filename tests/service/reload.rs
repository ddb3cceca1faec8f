//! A configuration that changes under a running service.

use std::fs;

use rustix::process::Signal;

use crate::support::proxy::Fault;
use crate::support::{LIMIT, Link, Rig, Service, wait};
use crate::{check_out, minutes_ago};

/// The register of a room that uses 1 kWh an interval, at these intervals after its guest left.
fn read(rig: &Rig, intervals: std::ops::RangeInclusive<i64>) {
    for interval in intervals {
        let time = minutes_ago(400).plus(interval * 1_800).to_string();
        rig.meter("H001", "101", &time, &format!("{}.00", 100 + interval));
    }
}

const JUDGED: &str =
    "SELECT CAST(TIMESTAMPDIFF(MINUTE, stay_time, seen_time) DIV 30 AS SIGNED) FROM room_state";

/// What was in force in vacant rooms, in order.
const THRESHOLDS: &str = "SELECT CAST(ROW_NUMBER() OVER (ORDER BY since) AS SIGNED), wh \
                          FROM threshold WHERE msg_type = 'checkout' ORDER BY since";

#[test]
fn thresholds_and_bots_change_without_a_restart() {
    let mut rig = Rig::new("reload");
    let other = rig.feishu.add_bot("canary-of-another", None);
    let mut service = rig.start();
    service.wait_until_ready();
    let mut second = rig.start();
    second.wait_for_log("standing by");
    rig.publish([check_out("H001", "101", minutes_ago(400)).as_str()]);
    read(&rig, 0..=5);
    rig.wait_for_rows(JUDGED, &[5]);

    // Broken: nothing changes, loudly.
    rig.configure("checkout_abnormal_threshold = 'low'");
    service.signal(Signal::HUP);
    service.wait_for_log("SIGHUP: the configuration is wrong, the old one stays:");
    service.wait_for_log(
        "monitoring.checkout_abnormal_threshold is wrong: it must be a number of kWh",
    );
    read(&rig, 6..=6);
    rig.wait_for_rows(JUDGED, &[6]);
    rig.wait_for_rows(THRESHOLDS, &[(1, 1_500)]);

    // Half written: that is broken too.
    let whole = fs::read_to_string(rig.config()).expect("a configuration");
    fs::write(rig.config(), "").expect("a configuration");
    service.signal(Signal::HUP);
    service.wait_for_log("the configuration has no section [mysql]");
    fs::write(rig.config(), whole).expect("a configuration");

    rig.reconfigure("'low'", "0.5");
    rig.reconfigure(
        "[log]",
        &format!(
            "[[feishu.routes]]\nhotels = ['H001']\nwebhook_url = '{}'\n[log]",
            other.webhook_url()
        ),
    );
    rig.configure("keep_days = 31");
    service.signal(Signal::HUP);
    service.wait_for_log("SIGHUP: changes that need a restart: monitoring.keep_days: 30 -> 31\n");
    service.wait_for_log("SIGHUP: the configuration has changed");
    service.wait_for_log("watching 1 room (epoch 2,");
    rig.wait_for_rows(THRESHOLDS, &[(1, 1_500), (2, 500)]);
    read(&rig, 7..=10);
    let received = other.wait_until("a card", LIMIT, |all| !all.is_empty());
    assert!(received[0].accepted, "{received:?}");
    rig.wait_for_rows(
        "SELECT continuous_periods, is_notified FROM electricity_abnormal",
        &[(4, true)],
    );
    assert!(rig.feishu.received().is_empty(), "it went to the wrong bot");

    service.signal(Signal::HUP);
    service.wait_for_log(
        "SIGHUP: thresholds and the sections [feishu], [incidents] and [heartbeat] are as they \
         were",
    );
    // Messages are taken as before.
    rig.publish([check_out("H001", "102", minutes_ago(5)).as_str()]);
    rig.wait_for_rows("SELECT COUNT(*) FROM room_state", &[2]);
    assert!(!second.log().contains(" (epoch "), "it has taken over");
    second.stop();
    service.stop();
    rig.finish();
}

/// Incidents that are over, by how many days ago that is: a configuration says how long they stay.
#[test]
fn how_long_incidents_are_kept_changes_without_a_restart() {
    const KEPT: &str = "SELECT COUNT(*) FROM incident";
    let mut rig = Rig::new("reloadincidents");
    for (room, days) in [(1, 500), (2, 100), (3, 10)] {
        rig.execute(&format!(
            "INSERT INTO incident (hotel_id, room_number, watch, rule, since, opened_at, rules, \
             periods, wh, state, changed_at) VALUES ('H001', '{room}', 1, 'fixed', \
             '2023-04-10 12:00:00', '2023-04-10 14:00:00', 'fixed', 4, 9600, 'closed', \
             NOW() - INTERVAL {days} DAY)"
        ));
    }
    let mut service = rig.start();
    service.wait_for_log("deleted 1 incident that ended more than 400 days ago");
    rig.wait_for_rows(KEPT, &[2]);
    rig.reconfigure("[log]", "[incidents]\nkeep_days = 50\n[log]");
    service.signal(Signal::HUP);
    service.wait_for_log("SIGHUP: the configuration has changed");
    service.wait_for_log("deleted 1 incident that ended more than 50 days ago");
    rig.wait_for_rows(KEPT, &[1]);
    let log = service.stop();
    assert!(!log.contains("need a restart"), "{log}");
    rig.finish();
}

/// Each bot has a thread of its own: there are many more threads then than at the start.
#[test]
fn bots_that_are_added_end_in_order_as_the_others_do() {
    const BOTS: usize = 60;
    let mut rig = Rig::new("reloadbots");
    let mut service = rig.start();
    service.wait_until_ready();
    let url = rig.feishu.webhook_url();
    let routes: Vec<String> = (0..BOTS)
        .map(|bot| format!("[[feishu.routes]]\nhotels = ['H{bot}']\nwebhook_url = '{url}{bot}'\n"))
        .collect();
    rig.reconfigure("[log]", &format!("{}[log]", routes.concat()));
    service.signal(Signal::HUP);
    service.wait_for_log("watching 0 rooms (epoch 2,");
    let last = format!("notifier-{BOTS}");
    wait("a thread for each bot", || {
        match threads(&service).contains(&last) {
            true => Ok(()),
            false => Err(format!("{:?}", threads(&service))),
        }
    });
    // All of them end, and begin once more.
    rig.configure("checkout_abnormal_threshold = 0.5");
    service.signal(Signal::HUP);
    service.wait_for_log("watching 0 rooms (epoch 3,");
    let log = service.stop();
    assert!(
        log.contains("stopped: everything taken is written"),
        "{log}"
    );
    rig.finish();
}

/// The names of the threads that it has.
fn threads(service: &Service) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", service.pid())).expect("its threads");
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.map(|name| name.trim().to_owned()).collect()
}

#[test]
fn a_standby_applies_a_new_configuration_too() {
    let mut rig = Rig::new("reloadstandby");
    let mut first = rig.start();
    first.wait_until_ready();
    let mut second = rig.start();
    second.wait_for_log("standing by");
    rig.configure("checkout_abnormal_threshold = 0.5");
    second.signal(Signal::HUP);
    second.wait_for_log("SIGHUP: the configuration has changed");
    first.stop();
    second.wait_until_ready();
    rig.publish([check_out("H001", "101", minutes_ago(400)).as_str()]);
    read(&rig, 0..=4);
    rig.wait_for_rows(
        "SELECT continuous_periods, is_notified FROM electricity_abnormal",
        &[(4, true)],
    );
    second.stop();
    rig.finish();
}

#[test]
fn a_silent_database_during_a_reload_ends_no_thread() {
    let mut rig = Rig::new("reloadsilent");
    let proxy = rig.proxy(Link::MySql);
    let mut service = rig.start();
    service.wait_until_ready();
    rig.configure("checkout_abnormal_threshold = 0.5");
    proxy.set(Fault::Hold);
    rig.publish([check_out("H001", "101", minutes_ago(400)).as_str()]);
    service.signal(Signal::HUP);
    service.wait_for_log("SIGHUP: the configuration has changed");
    // The owner hangs at the database, and the change waits for its end.
    service.wait_for_log(" failed, retrying");
    proxy.lift();
    rig.wait_for_rows("SELECT room_number FROM room_state", &["101".to_owned()]);
    service.stop();
    rig.finish();
}

#[test]
fn a_change_that_needs_a_restart_is_logged_even_of_secrets() {
    let mut rig = Rig::new("reloadsecret");
    let mut service = rig.start();
    service.wait_until_ready();
    let user = format!("user = '{}'\n", rig.user());
    let secret = rig.secret("changed");
    // Before the rest of the old one.
    rig.reconfigure(
        &format!("{user}password = '"),
        &format!("{user}password = '{secret}"),
    );
    service.signal(Signal::HUP);
    service.wait_for_log("SIGHUP: changes that need a restart: mysql.password: changed\n");
    service.wait_for_log(
        "SIGHUP: thresholds and the sections [feishu], [incidents] and [heartbeat] are as they \
         were",
    );
    service.stop();
    rig.finish();
}
