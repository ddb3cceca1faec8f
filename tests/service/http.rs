//! Messages and readings over the service's own HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};

use crate::embedded::alone;
use crate::support::intake::{answer, ask, wait_until_served};
use crate::support::{LIMIT, Rig, feishu, wait};
use crate::{check_in, check_out, finished, minutes_ago};

/// Takes a section out of the configuration.
pub fn without(rig: &Rig, section: &str) {
    let config = fs::read_to_string(rig.config()).expect("a configuration");
    let (before, rest) = config
        .split_once(&format!("[{section}]\n"))
        .expect("it is there");
    let next = rest.find("\n[").expect("another section") + 1;
    fs::write(rig.config(), before.to_owned() + &rest[next..]).expect("a configuration");
}

fn post(path: &str, form: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {form}\r\nContent-Length: {}\r\n\
         \r\n{body}",
        body.len()
    )
}

pub fn messages(body: &str) -> String {
    post("/api/messages", "application/x-ndjson", body)
}

/// The answers to clients that post check-ins of ever new rooms.
#[derive(Default)]
struct Load {
    room: AtomicUsize,
    /// Rooms of requests that were answered with 200.
    written: Mutex<BTreeSet<String>>,
    /// Other answers, and connections without one.
    others: Mutex<BTreeMap<String, usize>>,
    over: AtomicBool,
}

impl Load {
    /// Posts until it is over.
    fn post(&self, address: SocketAddr) {
        while !self.over.load(Ordering::SeqCst) {
            let first = self.room.fetch_add(10, Ordering::SeqCst);
            let rooms: Vec<String> = (first..first + 10).map(|room| room.to_string()).collect();
            let bodies = rooms
                .iter()
                .map(|room| check_in("H001", room, minutes_ago(5)));
            let body = bodies.collect::<Vec<_>>().join("\n");
            match ask(address, &messages(&body)) {
                Ok((200, body)) => {
                    assert_eq!(body, r#"{"taken":10,"refused":[]}"#);
                    self.written
                        .lock()
                        .expect("no thread panicked")
                        .extend(rooms);
                }
                Ok((status, _)) => self.count(status.to_string()),
                Err(error) => self.count(error.kind().to_string()),
            }
        }
    }

    fn count(&self, what: String) {
        let mut others = self.others.lock().expect("no thread panicked");
        *others.entry(what).or_default() += 1;
    }

    fn written(&self) -> BTreeSet<String> {
        self.written.lock().expect("no thread panicked").clone()
    }

    fn wait_for_more(&self, rooms: usize) {
        let before = self.written().len();
        wait("messages to be taken", || match self.written().len() {
            now if now >= before + rooms => Ok(()),
            now => Err(format!("{now}, before {before}")),
        });
    }
}

/// Ends it, also when the test has failed.
struct End<'a>(&'a Load);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::SeqCst);
    }
}

fn rooms(rig: &Rig) -> BTreeSet<String> {
    let rooms: Vec<String> = rig.rows("SELECT room_number FROM room_state");
    rooms.into_iter().collect()
}

/// Runs `work` while four clients post; returns the answers to them.
fn under_load(address: SocketAddr, work: impl FnOnce(&Load)) -> Load {
    let load = Load::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| load.post(address));
        }
        let _end = End(&load);
        work(&load);
    });
    load
}

#[test]
fn without_a_queue_messages_come_over_http() {
    let mut rig = Rig::new("http");
    let address = rig.listen();
    without(&rig, "rabbitmq");
    let (code, out, _) = finished(&rig.roomwatt(&["check"]));
    assert_eq!(code, Some(0));
    assert!(out.contains(&format!(
        "http         at {address}, for this machine's programs"
    )));
    let service = rig.start();
    wait_until_served(address);
    let time = minutes_ago(5);
    let bodies = [
        check_in("H001", "101", time),
        check_in("H001", "101", time),
        "not JSON".to_owned(),
        check_out("H001", "102", time),
    ];
    let (status, body) = ask(address, &messages(&bodies.join("\n"))).expect("an answer");
    // Without waiting: it is committed.
    let expected = ["101", "102"].map(str::to_owned);
    assert_eq!(rooms(&rig), BTreeSet::from(expected));
    assert_eq!(status, 200, "{body}");
    assert!(
        body.starts_with(r#"{"taken":3,"refused":[{"line":3,"reason":"the body is not JSON: "#),
        "{body}"
    );
    // Sent again, the refused message is still kept once.
    assert_eq!(
        ask(address, &messages(&bodies.join("\n")))
            .expect("an answer")
            .1,
        body
    );
    let kept: Vec<(String, String)> = rig.rows("SELECT source, reason FROM rejected_message");
    assert_eq!(kept.len(), 1);
    let (source, reason) = &kept[0];
    assert!(
        source == "http" && reason.starts_with("the body is not JSON"),
        "{kept:?}"
    );

    let reading = r#"{"hotel_id":"H001","room_number":"101","reading_value":1,
        "script_time":"2023-04-10 14:30:00"}"#;
    let (status, body) =
        ask(address, &post("/api/readings", "application/json", reading)).expect("an answer");
    assert_eq!(status, 409, "{body}");
    let log = service.stop();
    assert!(
        log.contains(&format!("starts: HTTP at {address}, database ")),
        "{log}"
    );
    assert!(
        log.contains("messages: 1 check-in, 1 check-out, 4 duplicates"),
        "{log}"
    );
    rig.finish();
}

#[test]
fn messages_answered_with_200_survive_sigkill() {
    let mut rig = Rig::new("httpkill");
    let address = rig.listen();
    without(&rig, "rabbitmq");
    let mut service = Some(rig.start());
    wait_until_served(address);
    let load = under_load(address, |load| {
        for round in 1..=3 {
            load.wait_for_more(400);
            service.take().expect("it runs").kill();
            let written = load.written();
            let missing: Vec<_> = written.difference(&rooms(&rig)).cloned().collect();
            assert!(missing.is_empty(), "round {round}: {missing:?}");
            service = Some(rig.start());
            wait_until_served(address);
        }
    });
    let written = load.written();
    assert!(written.is_subset(&rooms(&rig)));
    let log = service.expect("it runs").stop();
    assert!(
        log.contains("stopped: everything taken is written"),
        "{log}"
    );
    rig.finish();
}

#[test]
fn at_sigterm_every_request_that_was_taken_is_answered() {
    let mut rig = Rig::new("httpterm");
    let address = rig.listen();
    let mut service = rig.start();
    wait_until_served(address);
    // The store does not go on while this holds the row that every transaction locks.
    let mut held = rig.conn();
    held.query_drop("BEGIN").expect("a transaction");
    let _: Option<u64> =
        (held.query_first("SELECT epoch FROM service FOR UPDATE")).expect("the row");
    let streams: Vec<TcpStream> = (0..5)
        .map(|room| {
            let mut stream = TcpStream::connect(address).expect("a connection");
            stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
            let message = check_in("H001", &room.to_string(), minutes_ago(5));
            stream
                .write_all(messages(&message).as_bytes())
                .expect("sent");
            // Not to synchronise: nothing may come in this time.
            stream
                .set_read_timeout(Some(Duration::from_millis(200)))
                .expect("a timeout");
            assert!(
                stream.peek(&mut [0]).is_err(),
                "it is answered before COMMIT"
            );
            stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
            stream
        })
        .collect();
    service.signal(Signal::TERM);
    service.wait_for_log("SIGTERM: stopping");
    held.query_drop("COMMIT").expect("released");
    for stream in streams {
        let answer = answer(stream).expect("an answer");
        assert_eq!(answer, (200, r#"{"taken":1,"refused":[]}"#.to_owned()));
    }
    let (status, log) = service.wait_for_end();
    assert!(status.success(), "{log}");
    assert!(
        log.contains("stopped: everything taken is written"),
        "{log}"
    );
    assert_eq!(rooms(&rig).len(), 5);
    rig.finish();
}

#[test]
fn a_stop_and_a_new_configuration_under_load_lose_nothing() {
    let mut rig = Rig::new("httpload");
    let address = rig.listen();
    let mut service = Some(rig.start());
    wait_until_served(address);
    let load = under_load(address, |load| {
        for threshold in ["0.5", "0.6"] {
            load.wait_for_more(200);
            let key = "checkout_abnormal_threshold = ";
            let config = fs::read_to_string(rig.config()).expect("a configuration");
            let config = config.lines().filter(|line| !line.starts_with(key));
            let config: Vec<&str> = config.collect();
            let config = format!("{}\n{key}{threshold}\n", config.join("\n"));
            fs::write(rig.config(), config).expect("a configuration");
            let service = service.as_mut().expect("it runs");
            let changes = |log: &str| log.matches("the configuration has changed").count();
            let before = changes(&service.log());
            service.signal(Signal::HUP);
            wait("the new configuration", || {
                let log = service.log();
                if changes(&log) > before {
                    Ok(())
                } else {
                    Err(log)
                }
            });
            wait_until_served(address);
            load.wait_for_more(200);
        }
        let log = service.take().expect("it runs").stop();
        assert!(
            log.contains("stopped: everything taken is written"),
            "{log}"
        );
        assert_eq!(
            log.matches("taking messages at http://").count(),
            1,
            "{log}"
        );
    });
    // Every client whose messages were taken got an answer.
    assert_eq!(load.written(), rooms(&rig));
    println!("{:?} besides", load.others);
    rig.finish();
}

#[test]
fn an_address_in_use_delays_nothing_else() {
    let mut rig = Rig::new("httpport");
    let address = rig.listen();
    let other = TcpListener::bind(address).expect("a listener");
    let mut service = rig.start();
    service.wait_for_log(&format!(
        "listening at http.listen {address} failed, retrying"
    ));
    service.wait_until_ready();
    rig.publish([check_in("H001", "101", minutes_ago(5)).as_str()]);
    rig.wait_for_rows("SELECT room_number FROM room_state", &["101".to_owned()]);
    drop(other);
    wait_until_served(address);
    let message = check_in("H001", "102", minutes_ago(5));
    assert_eq!(ask(address, &messages(&message)).expect("an answer").0, 200);
    assert_eq!(rooms(&rig).len(), 2);
    service.stop();
    rig.finish();
}

#[test]
fn a_hotel_without_any_server_has_its_card() {
    let mut rig = Rig::new("httpalone");
    let address = rig.listen();
    without(&rig, "rabbitmq");
    without(&rig, "mysql");
    let token = rig.secret("http");
    let path = rig.config().with_file_name("hotel.db");
    let more = format!(
        "[embedded]\npath = '{}'\n[http]\ntoken = '{token}'\n",
        path.display()
    );
    rig.reconfigure("[http]\n", &more);
    let service = rig.start();
    wait_until_served(address);
    let ask = |request: &str, token: &str| {
        let shown = format!("Host: hotel.example\r\nAuthorization: Bearer {token}\r\n");
        ask(address, &request.replace("Host: localhost\r\n", &shown)).expect("an answer")
    };
    let left = minutes_ago(200);
    let message = messages(&check_out("H001", "101", left));
    assert_eq!(ask(&message, "another token").0, 401);
    assert_eq!(
        ask(&message, &token),
        (200, r#"{"taken":1,"refused":[]}"#.to_owned())
    );
    let mut csv = "hotel_id,room_number,reading_value,script_time\n".to_owned();
    for (interval, register) in ["500.00", "502.40", "504.80", "507.20", "509.60"]
        .iter()
        .enumerate()
    {
        let time = left.plus(interval as i64 * 1_800);
        csv += &format!("H001,101,{register},{time}\n");
    }
    let readings = ask(&post("/api/readings", "text/csv", &csv), &token);
    assert_eq!(readings, (200, r#"{"taken":5,"refused":[]}"#.to_owned()));
    let received = rig
        .feishu
        .wait_until("one card", LIMIT, |received| received.len() == 1);
    assert!(received[0].accepted, "{received:?}");
    let card = feishu::card_text(&received[0].body["card"]);
    assert!(
        card.contains("用电异常") && card.contains("9.6 kWh"),
        "{card}"
    );
    let log = service.stop();
    assert!(
        log.contains("stopped: everything taken is written"),
        "{log}"
    );
    rig.finish();
}

#[test]
fn a_full_disk_is_reported_within_a_minute() {
    let mut rig = Rig::new("httpfull");
    let address = rig.listen();
    let mut service = rig.start();
    wait_until_served(address);
    for (room, code) in [("101", 1021), ("102", 1114)] {
        rig.execute(&format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON electricity_monitoring FOR EACH ROW \
             SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = 'no room for {room}'"
        ));
        let began = Instant::now();
        let message = messages(&check_in("H001", room, minutes_ago(5)));
        let (status, body) = ask(address, &message).expect("an answer");
        assert_eq!(status, 503, "{body}");
        let health = ask(address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(health.expect("an answer").0, 503);
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{:?}",
            began.elapsed()
        );
        service.wait_for_log(&format!("no room for {room}"));
        rig.execute("DROP TRIGGER refuse");
        // It goes on trying, and `/healthz` answers 200 after that.
        wait_until_served(address);
        assert_eq!(ask(address, &message).expect("an answer").0, 200);
    }
    let log = service.stop();
    assert_eq!(log.matches("the intake is open again").count(), 2, "{log}");
    assert!(log.contains("the database is out of disk space: "), "{log}");
    rig.finish();
}

#[test]
fn with_few_descriptors_it_serves_fewer_at_a_time_and_logs_what_it_needs() {
    let (mut rig, address) = alone("httpfew");
    let mut service = rig.start_with_files(64);
    service.wait_for_log("this process may have 64 files and connections open and needs up to ");
    wait_until_served(address);
    // Clients that connect and send nothing.
    let silent: Vec<TcpStream> = (0..40)
        .map(|_| TcpStream::connect(address).expect("a connection"))
        .collect();
    let message = messages(&check_in("H001", "101", minutes_ago(5)));
    assert_eq!(ask(address, &message).expect("an answer").0, 200);
    drop(silent);
    let log = service.stop();
    assert!(log.lines().count() < 30, "{log}");
    rig.finish();
}

#[test]
fn bots_added_later_get_their_connections_too() {
    const MOST: u64 = 400;
    let (mut rig, address) = alone("httpbots");
    let mut service = rig.start();
    wait_until_served(address);
    let pid = i32::try_from(service.pid()).expect("a pid");
    let pid = Pid::from_raw(pid).expect("a pid");
    let few = Rlimit {
        current: Some(256),
        maximum: Some(MOST),
    };
    prlimit(Some(pid), Resource::Nofile, few).expect("fewer files");
    let route = |n: usize| {
        format!(
            "[[feishu.routes]]\nhotels = ['H{n}']\nwebhook_url = 'http://127.0.0.1:9/canary-{n}'\n"
        )
    };
    let limit = || getrlimit_of(pid).current;
    let reload = |routes: std::ops::Range<usize>| {
        rig.reconfigure("[log]", &(routes.map(route).collect::<String>() + "[log]"));
        service.signal(Signal::HUP);
    };
    reload(0..50);
    wait("the limit to be raised", || match limit() {
        Some(limit) if limit > 256 => Ok(()),
        limit => Err(format!("{limit:?}")),
    });
    assert!(limit() < Some(MOST), "{:?}", limit());
    reload(50..150);
    service.wait_for_log(&format!(
        "this process may have {MOST} files and connections open and needs up to "
    ));
    assert_eq!(limit(), Some(MOST));
    service.stop();
    rig.finish();
}

#[test]
fn a_listener_without_descriptors_pauses_and_logs_it_once() {
    let (mut rig, address) = alone("httpnone");
    let mut service = rig.start();
    wait_until_served(address);
    let pid = i32::try_from(service.pid()).expect("a pid");
    let pid = Pid::from_raw(pid).expect("a pid");
    let before = getrlimit_of(pid);
    let none = Rlimit {
        current: Some(3),
        ..before
    };
    prlimit(Some(pid), Resource::Nofile, none).expect("no more files");
    let mut waiting: Vec<TcpStream> = (0..40)
        .map(|_| TcpStream::connect(address).expect("the system keeps it"))
        .collect();
    let fails = format!("accepting connections at {address} failed, retrying");
    service.wait_for_log(&fails);
    // Not to synchronise: nothing may come in this time, in which it tries several times.
    let first = &waiting[0];
    first
        .set_read_timeout(Some(Duration::from_secs(2)))
        .expect("a timeout");
    assert!(first.peek(&mut [0]).is_err(), "it has been accepted");
    assert_eq!(
        service.log().matches(&fails).count(),
        1,
        "{}",
        service.log()
    );
    prlimit(Some(pid), Resource::Nofile, before).expect("files again");
    let last = waiting.last_mut().expect("a connection");
    last.set_read_timeout(Some(LIMIT)).expect("a timeout");
    last.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("sent");
    let last = waiting.pop().expect("a connection");
    assert_eq!(answer(last).expect("an answer").0, 200);
    let log = service.stop();
    assert!(log.lines().count() < 40, "{log}");
    rig.finish();
}

fn getrlimit_of(pid: Pid) -> Rlimit {
    let text = fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero()));
    let text = text.expect("its limits");
    let line = text.lines().find(|line| line.starts_with("Max open files"));
    let mut numbers = line.expect("the line").split_whitespace().skip(3);
    let mut number = || numbers.next().and_then(|number| number.parse().ok());
    Rlimit {
        current: number(),
        maximum: number(),
    }
}
