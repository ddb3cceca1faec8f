//! The monitor outside that is pinged: only after sweeps, and only while all is well.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::minutes_ago;
use crate::support::feishu::Answer;
use crate::support::monitor::{Monitor, Says};
use crate::support::proxy::Fault;
use crate::support::{Link, Rig};
use crate::trouble::Trouble;

/// A rig that pings a monitor, which it gives, too.
fn rig(name: &str) -> (Rig, Monitor) {
    let mut rig = Rig::new(name);
    let monitor = Monitor::start();
    let token = rig.secret("ping");
    let url = monitor.url(&format!("/ping/{token}"));
    let file = rig.file("heartbeat.url", &url);
    rig.reconfigure(
        "[log]\n",
        &format!("[heartbeat]\nurl_file = '{file}'\n[log]\n"),
    );
    (rig, monitor)
}

#[test]
fn a_completed_sweep_pings_and_one_that_fails_does_not() {
    let (mut rig, monitor) = rig("heartbeat");
    let database = rig.proxy(Link::MySql);
    let service = rig.start();
    monitor.wait_for(3);
    assert!(
        monitor
            .asked()
            .iter()
            .all(|asked| asked.starts_with("GET /ping/canary")),
        "{:?}",
        monitor.asked()
    );
    database.set(Fault::Cut);
    crate::support::wait("a sweep to fail", || {
        let log = service.log();
        log.contains("sweep failed").then_some(()).ok_or(log)
    });
    // No sweep is complete any more: whatever is still on its way is one ping.
    let before = monitor.asked().len();
    let sweeps = service.log().matches("sweep: ").count();
    let tried = database.connections();
    crate::support::wait("the database to be tried for some time", || {
        match database.connections() - tried {
            0..=9 => Err(service.log()),
            _ => Ok(()),
        }
    });
    assert_eq!(service.log().matches("sweep: ").count(), sweeps);
    let asked = monitor.asked().len() - before;
    assert!(asked <= 1, "{asked} pings without a sweep");
    database.lift();
    monitor.wait_for(2);
    let log = service.stop();
    let (sweeps, pings) = (log.matches("sweep: ").count(), monitor.asked().len());
    assert!(pings <= sweeps, "{pings} pings for {sweeps} sweeps");
    rig.finish();
}

#[test]
fn a_ping_that_fails_or_hangs_delays_nothing() {
    let (mut rig, monitor) = rig("pings");
    let mut service = rig.start();
    monitor.wait_for(1);
    // As Healthchecks answers for a check that it does not know, and Uptime Kuma for a monitor.
    for (status, body) in [
        (200, "OK (not found)"),
        (
            404,
            r#"{"ok":false,"msg":"Monitor not found or not active."}"#,
        ),
        (503, ""),
    ] {
        monitor.say(Says::This(status, body));
        service.wait_for_log(&format!("the monitor answers HTTP {status}: {body}"));
        monitor.say(Says::Ok);
        service.wait_for_log("the ping of heartbeat.url works again");
        monitor.wait_for(1);
    }
    monitor.say(Says::Nothing);
    monitor.wait_for(1);
    let asked = monitor.asked().len();
    for _ in 0..2 {
        service.wait_for_sweeps();
    }
    assert_eq!(
        monitor.asked().len(),
        asked,
        "one ping is under way at a time"
    );
    // Another configuration is taken over meanwhile.
    rig.reconfigure(
        "[monitoring]",
        "[monitoring]\ncheckout_abnormal_threshold = 1.4",
    );
    service.signal(Signal::HUP);
    service.wait_for_log("SIGHUP: the configuration has changed");
    service.wait_for_sweeps();
    assert_eq!(monitor.asked().len(), asked, "the first one still hangs");
    let began = Instant::now();
    service.stop();
    let took = began.elapsed();
    assert!(
        took < Duration::from_secs(8),
        "the stop waited for a ping: {took:?}"
    );
    rig.finish();
}

#[test]
fn another_address_is_taken_over_without_a_restart() {
    let (mut rig, monitor) = rig("reping");
    let mut service = rig.start();
    monitor.wait_for(1);
    let other = Monitor::start();
    let token = rig.secret("ping");
    let file = rig.file("other.url", &other.url(&format!("/{token}")));
    rig.reconfigure("heartbeat.url'", "other.url'");
    assert!(file.ends_with("other.url"));
    service.signal(Signal::HUP);
    service.wait_for_log("SIGHUP: the configuration has changed");
    other.wait_for(1);
    let before = monitor.asked().len();
    other.wait_for(2);
    assert_eq!(
        monitor.asked().len(),
        before,
        "the old one is no longer pinged"
    );
    let output = rig.roomwatt(&["check", "--online"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = other.url("");
    assert!(
        said.contains(&format!(
            "the monitor of heartbeat.url at {host}: its host answers"
        )),
        "{said}"
    );
    let asked = other.asked();
    assert!(asked.contains(&"HEAD / HTTP/1.1".to_owned()), "{asked:?}");
    service.stop();
    rig.finish();
}

#[test]
fn a_standby_pings_only_once_it_is_active() {
    let (mut rig, monitor) = rig("standbyping");
    let first = rig.start();
    monitor.wait_for(1);
    let other = Monitor::start();
    rig.file("heartbeat.url", &other.url("/ping"));
    let mut second = rig.start();
    second.wait_for_log("standing by");
    first.wait_for_sweeps();
    assert_eq!(other.asked(), [""; 0]);
    first.stop();
    other.wait_for(1);
    second.stop();
    rig.finish();
}

#[test]
fn while_no_message_comes_in_it_is_withheld() {
    let (mut rig, monitor) = rig("intakeping");
    let broker = rig.proxy(Link::RabbitMq);
    let mut service = rig.start();
    monitor.wait_for(1);
    broker.set(Fault::Refuse);
    broker.set(Fault::Reset);
    service.wait_for_log("no heartbeat is sent: no messages come in");
    let before = monitor.asked().len();
    service.wait_for_sweeps();
    assert_eq!(monitor.asked().len(), before);
    broker.lift();
    service.wait_for_log("the heartbeat is sent again");
    monitor.wait_for(1);
    service.stop();
    rig.finish();
}

#[test]
fn while_http_listen_is_taken_it_is_withheld() {
    let (mut rig, monitor) = rig("httpping");
    let address = rig.listen();
    let taken_by = std::net::TcpListener::bind(address).expect("an address");
    let mut service = rig.start();
    service.wait_for_log("no heartbeat is sent: no program can reach this instance");
    service.wait_for_sweeps();
    assert_eq!(monitor.asked(), [""; 0]);
    drop(taken_by);
    service.wait_for_log("the heartbeat is sent again");
    monitor.wait_for(1);
    service.stop();
    rig.finish();
}

#[test]
fn while_notices_are_stuck_it_is_withheld() {
    let (mut rig, monitor) = rig("stuckping");
    let bot = rig.route(&["H001"]);
    let service = rig.start();
    monitor.wait_for(1);
    for _ in 0..2 {
        bot.answer_next(Answer::Status(403));
    }
    let mut trouble = Trouble::since(&rig, &[("H001", "101")], minutes_ago(130));
    trouble.alert(&rig);
    crate::support::wait("the bot to refuse it", || {
        let log = service.log();
        log.contains("notifying the bot of H001 failed")
            .then_some(())
            .ok_or(log)
    });
    // It has only begun to wait.
    monitor.wait_for(2);
    service.stop();
    rig.execute("UPDATE notification SET created_at = created_at - INTERVAL 1 HOUR");
    let mut service = rig.start();
    service.wait_for_log("no heartbeat is sent: notices have waited for more than 15 minutes");
    let before = monitor.asked().len();
    service.wait_for_sweeps();
    assert_eq!(monitor.asked().len(), before);
    service.stop();
    // After a restart the bot is tried at once, and takes it.
    assert_eq!(bot.answers_left(), 0);
    let service = rig.start();
    bot.wait_until("the card", crate::support::LIMIT, |received| {
        received.iter().any(|request| request.accepted)
    });
    monitor.wait_for(2);
    service.stop();
    rig.finish();
}
