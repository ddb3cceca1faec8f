//! The service on the embedded store, without any server, killed again and again.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::backtest::{Happening, backtest, events_of, history, kwh, lines};
use crate::http::without;
use crate::support::intake::{ask, wait_until_served};
use crate::support::{Rig, wait};
use crate::{check_out, finished, minutes_ago};

/// Taken over HTTP, in order: messages and readings that follow one another, many a request.
fn requests(happenings: &[Happening]) -> Vec<String> {
    let is_message = |h: &Happening| matches!(h, Happening::Message { .. });
    let parts = happenings.chunk_by(|a, b| is_message(a) == is_message(b));
    let chunks = parts.flat_map(|part| part.chunks(8));
    let request = |chunk: &[Happening]| {
        let lines = chunk.iter().map(|happening| match happening {
            Happening::Message { body, .. } => body.clone(),
            Happening::Reading {
                room,
                time,
                register,
            } => {
                let reading = format!(
                    r#""reading_value":{},"script_time":"{time}""#,
                    kwh(*register)
                );
                format!(r#"{{"hotel_id":"H001","room_number":"{room}",{reading}}}"#)
            }
        });
        let body = lines.collect::<Vec<String>>().join("\n");
        let path = if is_message(&chunk[0]) {
            "messages"
        } else {
            "readings"
        };
        format!(
            "POST /api/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    chunks.map(request).collect()
}

/// Sends each request until it is answered with 200: what clients do. Counts what it sends.
fn insist(address: SocketAddr, requests: &[String], sent: &AtomicUsize) {
    for request in requests {
        wait("an answer with 200", || {
            sent.fetch_add(1, Ordering::SeqCst);
            match ask(address, request) {
                Ok((200, body)) if body.ends_with(r#""refused":[]}"#) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }
}

/// A rig whose service has no server, and listens at this address.
pub fn alone(name: &str) -> (Rig, SocketAddr) {
    let rig = Rig::without_schema(name);
    let address = rig.listen();
    without(&rig, "rabbitmq");
    without(&rig, "mysql");
    rig.reconfigure("webhook_url = ", "# ");
    let file = rig.config().with_file_name("hotel.db");
    rig.configure(&format!("[embedded]\npath = '{}'", file.display()));
    (rig, address)
}

#[test]
fn operators_commands_work_without_servers() {
    let (mut rig, address) = alone("alone");
    let room = ["--hotel-id", "H001", "--room-number", "101", "--msg-type"];
    let send = [&["send"], &room[..], &["checkin"]].concat();
    let run = |rig: &mut Rig, arguments: &[&str]| finished(&rig.roomwatt(arguments));
    let (code, _, err) = run(&mut rig, &send);
    assert_eq!(code, Some(75), "{err}");
    assert!(
        err.contains("can't be reached") && err.contains("does it run?"),
        "{err}"
    );
    let (code, out, _) = run(&mut rig, &["check", "--online"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(
        out.contains("does not exist yet; the service creates it"),
        "{out}"
    );

    let service = rig.start();
    wait_until_served(address);
    let log = service.log();
    assert!(
        log.contains("001_tables.sql applied to the embedded database"),
        "{log}"
    );
    let (code, out, err) = run(&mut rig, &send);
    assert_eq!(code, Some(0), "{err}");
    let taken = format!("taken by the service at http://{address}: {{");
    assert!(out.starts_with(&taken), "{out}");
    let (code, out, _) = run(&mut rig, &["check", "--online"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(
        out.contains("1 room watched, 0 readings, 0 notices to be sent"),
        "{out}"
    );
    let (code, out, err) = run(&mut rig, &["explain", "H001", "101"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("住客房："), "{out}");
    let (code, out, _) = run(&mut rig, &["outbox", "list"]);
    assert_eq!((code, out.contains("no notices")), (Some(0), true), "{out}");

    // A message of an unknown type.
    let other = r#"{"hotel_id":"H001","room_number":"102","msgType":"777",
        "check_in_time":"2023-04-10 12:00:00"}"#;
    let post = format!(
        "POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{other}",
        other.len()
    );
    let (status, answer) = ask(address, &post).expect("an answer");
    assert_eq!(status, 200);
    assert!(answer.starts_with(r#"{"taken":0,"refused":[{"#), "{answer}");
    let (_, out, _) = run(&mut rig, &["rejected", "list"]);
    assert!(out.starts_with("1  ") && out.contains("777"), "{out}");
    let (code, _, err) = run(&mut rig, &["rejected", "replay", "1"]);
    assert_eq!(code, Some(64), "{err}");
    assert!(err.contains("1: refused again: "), "{err}");
    let (_, out, _) = run(&mut rig, &["rejected", "show", "1"]);
    assert!(out.contains("replayed: no"), "{out}");
    service.stop();
    rig.configure("[message_types]\ncheckin = '777'");
    let service = rig.start();
    wait_until_served(address);
    let (code, out, err) = run(&mut rig, &["rejected", "replay", "1"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.starts_with("1: taken by the service at http://"),
        "{out}"
    );
    let (_, out, _) = run(&mut rig, &["check", "--online"]);
    assert!(out.contains("2 rooms watched"), "{out}");
    service.stop();
    rig.finish();
}

#[test]
fn blanks_around_keys_do_not_matter_and_whole_kwh_are_named() {
    let (mut rig, address) = alone("aloneblanks");
    let mut service = rig.start();
    wait_until_served(address);
    let left = minutes_ago(150);
    let message = check_out(" H001", "101 ", left);
    let reading = |half_hour: i64| {
        let time = left.plus(half_hour * 1_800);
        let kwh = 100 + 2 * half_hour;
        format!(
            concat!(
                r#"{{"hotel_id":"H001\u3000","room_number":"\t101","#,
                r#""reading_value":{kwh},"script_time":"{time}"}}"#
            ),
            kwh = kwh,
            time = time
        )
    };
    let readings: Vec<String> = (0..5).map(reading).collect();
    for (path, body) in [("messages", message), ("readings", readings.join("\n"))] {
        let post = format!(
            "POST /api/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, answer) = ask(address, &post).expect("an answer");
        assert!(
            status == 200 && answer.ends_with(r#""refused":[]}"#),
            "{answer}"
        );
    }
    let from = left.to_string();
    service.wait_for_log("alert H001/101 vacant");
    let explain = ["explain", "H001 ", " 101", "--from", &from];
    let (code, out, err) = finished(&rig.roomwatt(&explain));
    assert!(code == Some(0) && out.contains("【报警】"), "{out}{err}");
    let (code, out, _) = finished(&rig.roomwatt(&["check", "--online"]));
    assert_eq!(code, Some(0), "{out}");
    let named = "1 room has a meter that counts whole kWh only, which permanently hides a steady \
                 use of up to 1.75 kWh";
    assert!(out.contains(named) && out.contains("\"H001/101\""), "{out}");
    service.stop();
    rig.finish();
}

#[test]
fn killed_it_goes_on_with_what_a_hotel_has_used_today() {
    let (mut rig, address) = alone("aloneday");
    let file = rig.config().with_file_name("hotel.db");
    let left = minutes_ago(240);
    let reading = |half_hour: i64| Happening::Reading {
        room: 101,
        time: left.plus(half_hour * 1_800),
        register: 100_000 + 2_000 * half_hour,
    };
    let message = Happening::Message {
        room: 101,
        time: left,
        body: check_out("H001", "101", left),
    };
    let mut story = vec![message, reading(0)];
    for half_hour in 1..8 {
        let service = rig.start();
        wait_until_served(address);
        story.push(reading(half_hour));
        insist(address, &requests(&story), &AtomicUsize::new(0));
        story.clear();
        // Midnight is the end of a day.
        let day = |half_hour: i64| left.plus(half_hour * 1_800 - 1).date();
        let of_day = (1..=half_hour).filter(|other| day(*other) == day(half_hour));
        let expected = format!("{} {}", day(half_hour), 2_000 * of_day.count());
        wait("the reading to be judged", || {
            let conn = rusqlite::Connection::open(&file).expect("the file");
            let sum = "SELECT date(energy_day, 'unixepoch') || ' ' || energy_wh FROM hotel_state";
            let sum = conn.query_row(sum, (), |row| row.get::<_, String>(0));
            match sum {
                Ok(sum) if sum == expected => Ok(()),
                other => Err(format!("{other:?} is not {expected}")),
            }
        });
        service.kill();
    }
    rig.finish();
}

#[test]
fn killed_repeatedly_it_records_what_the_backtest_finds() {
    let seed = std::env::var("ROOMWATT_LIVE_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().expect("a seed"));
    println!("ROOMWATT_LIVE_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let happenings = history(&mut rng);
    let requests = requests(&happenings);
    let (mut rig, address) = alone("embedded");
    let file = rig.config().with_file_name("hotel.db");
    let mut running = rig.start();
    wait_until_served(address);

    let (sent, mut kills) = (AtomicUsize::new(0), 0);
    let service = std::thread::scope(|scope| {
        let client = scope.spawn(|| insist(address, &requests, &sent));
        loop {
            // Killed while it is at one of the next few.
            let until = sent.load(Ordering::SeqCst) + rng.usize(1..8);
            wait("requests", || match sent.load(Ordering::SeqCst) {
                now if now >= until || client.is_finished() => Ok(()),
                now => Err(format!("{now} of {until}")),
            });
            if client.is_finished() {
                break;
            }
            kills += 1;
            running.kill();
            running = rig.start();
            wait_until_served(address);
        }
        client.join().expect("all were taken");
        running
    });

    assert!(kills > 3, "{kills} times killed: seed {seed}");

    let open = || rusqlite::Connection::open(&file).expect("the file");
    let texts = |query: &str| -> Vec<String> {
        let conn = open();
        let mut query = conn.prepare(query).expect(query);
        let rows = query.query_map((), |row| row.get(0)).expect("rows");
        rows.map(|row| row.expect("a text")).collect()
    };
    let last_readings = texts(
        "SELECT room_number || ' ' || datetime(max(script_time), 'unixepoch') FROM smart_meter \
         GROUP BY room_number ORDER BY room_number",
    );
    wait("every reading to be judged", || {
        let seen = texts(
            "SELECT room_number || ' ' || ifnull(datetime(seen_time, 'unixepoch'), 'nothing yet') \
             FROM room_state ORDER BY room_number",
        );
        (seen == last_readings)
            .then_some(())
            .ok_or(format!("{seen:?}"))
    });
    wait("all notices to be settled", || {
        let left = texts("SELECT kind FROM notification WHERE state = 'pending'");
        left.is_empty().then_some(()).ok_or(format!("{left:?}"))
    });
    service.stop();

    // What people read in columns is what the state says.
    let fold = |path: &str| format!("state ->> '$.w.f.{path}'");
    let differ = format!(
        "SELECT state FROM room_state WHERE version <> 2 \
         OR msg_type IS NOT state ->> '$.w.s[0]' \
         OR stay_time IS NOT state ->> '$.w.s[1]' OR seen_time IS NOT {} \
         OR run_since IS NOT {} OR run_periods IS NOT {} OR run_wh IS NOT {} OR run_told IS NOT {}",
        fold("t"),
        fold("r.t"),
        fold("r.p"),
        fold("r.e"),
        fold("r.n")
    );
    assert_eq!(texts(&differ), [""; 0], "seed {seed}");
    let watched = texts("SELECT room_number FROM room_state");
    assert!(!watched.is_empty(), "seed {seed}");

    // Nothing lost, nothing doubled.
    let count = |is: fn(&Happening) -> bool| happenings.iter().filter(|h| is(h)).count();
    let rows = |table: &str| texts(&format!("SELECT 'row' FROM {table}")).len();
    let stays = count(|h| matches!(h, Happening::Message { .. }));
    assert_eq!(rows("electricity_monitoring"), stays, "seed {seed}");
    let mut readings: Vec<(u32, String)> = happenings
        .iter()
        .filter_map(|happening| match happening {
            Happening::Reading { room, time, .. } => Some((*room, time.to_string())),
            Happening::Message { .. } => None,
        })
        .collect();
    readings.sort();
    readings.dedup();
    assert_eq!(rows("smart_meter"), readings.len(), "seed {seed}");
    let recorded = events_of(&texts("SELECT body FROM notification ORDER BY id"));
    let expected = backtest(&mut rig, &happenings);
    assert!(!expected.is_empty(), "nothing happened: seed {seed}");
    assert_eq!(recorded, expected, "seed {seed}");
    let alerts = expected.iter().filter(|line| line["event"] == "alert");
    assert_eq!(rows("electricity_abnormal"), alerts.count(), "seed {seed}");

    // The same from the database.
    let from = minutes_ago(3 * 24 * 60).to_string();
    let from_file = lines(&rig.roomwatt(&["backtest", "--from", &from]));
    assert_eq!(from_file, expected, "seed {seed}");
    rig.finish();
}
