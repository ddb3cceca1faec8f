//! The HTTP intake over real sockets, with a real owner; only the store is in memory.
#![allow(clippy::disallowed_methods)] // no part of the service

mod limits;
mod people;
mod rig;
mod tokens;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

use roomwatt::config::Access;
use roomwatt::figures::Figures;
use roomwatt::http::{Desk, Doors, Keys, Limits, Listener, Serves};
use roomwatt::store::{InstallationKey, StoreError};
use roomwatt::threads::{spawn, stop_signal};

use rig::{LIMIT, Rig, TOKEN, address, answer, check_in, is_silent, parts, post, wait};

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

fn taken(count: usize) -> (u16, String) {
    (200, format!("{{\"taken\":{count},\"refused\":[]}}"))
}

#[test]
fn messages_are_taken_in_each_format() {
    let (rig, _end) = Rig::serving(None);
    let array = |rooms: [usize; 2]| format!("[{}]", rooms.map(check_in).join(", "));
    assert_eq!(rig.messages(JSON, &check_in(1)), taken(1));
    assert_eq!(rig.messages(JSON, &array([2, 3])), taken(2));
    let lines = [4, 5].map(check_in).join("\n");
    assert_eq!(rig.messages(LINES, &lines), taken(2));
    assert_eq!(rig.messages("application/jsonl", &(lines + "\n")), taken(2));
    assert_eq!(rig.messages(JSON, "[]"), taken(0));
    let stored = rig.memory.0.lock();
    assert_eq!(stored.rooms.len(), 5, "{:?}", stored.rooms);
    assert!(stored.rejected.is_empty());
}

#[test]
fn refused_messages_are_reported_with_their_places_and_stored() {
    let (rig, _end) = Rig::serving(None);
    let (good, bad) = (check_in(1), r#"{"hotel_id":"H1"}"#);
    let reason = "without msgType it needs check_in_time (check-in) or actual_checkin_time and \
                  actual_checkout_time (check-out)";
    let large = check_in(2).replace("H1", &"H".repeat(64 * 1024));
    let (status, body) = rig.messages(JSON, &format!("[{good}, {bad}, {large}]"));
    assert_eq!(status, 200);
    let size = large.len();
    let small = format!(r#"{{"index":1,"reason":"{reason}"}}"#);
    let reason = format!("the body has {size} bytes, more than 65536");
    let large = format!(r#"{{"index":2,"reason":"{reason}"}}"#);
    assert_eq!(
        body,
        format!(r#"{{"taken":1,"refused":[{small},{large}]}}"#)
    );
    let (status, body) = rig.messages(LINES, &format!("\n{good}\nnot JSON\n"));
    assert_eq!(status, 200);
    let reason = "the body is not JSON: expected ident at line 1 column 2";
    let expected = format!(r#"{{"taken":1,"refused":[{{"line":3,"reason":"{reason}"}}]}}"#);
    assert_eq!(body, expected);
    assert_eq!(rig.memory.0.lock().rejected.len(), 3);
    // What is not a message at all is reported, but not stored.
    let (status, body) = rig.messages(JSON, "not JSON");
    assert_eq!((status, rig.memory.0.lock().rejected.len()), (400, 3));
    assert_eq!(
        body,
        r#"{"error":"the body must be a JSON object or an array"}"#
    );
}

#[test]
fn the_answer_comes_after_commit() {
    let (rig, _end) = Rig::serving(None);
    let release = rig.hold();
    let stream = rig.sending(&post("/api/messages", JSON, &check_in(1)));
    assert!(is_silent(&stream), "it is not written yet");
    drop(release);
    assert_eq!(parts(&answer(stream)), taken(1));
    assert_eq!(rig.memory.0.lock().rooms.len(), 1);
}

#[test]
fn a_client_waits_for_all_its_messages_up_to_a_timeout() {
    const CLIENTS: usize = 8;
    const MESSAGES: usize = 10_000;
    let (rig, _end) = Rig::serving(None);
    let streams: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let rooms = client * MESSAGES..(client + 1) * MESSAGES;
            let body = rooms.map(check_in).collect::<Vec<_>>().join("\n");
            rig.sending(&post("/api/messages", LINES, &body))
        })
        .collect();
    for stream in streams {
        assert_eq!(parts(&answer(stream)), taken(MESSAGES));
    }
    assert_eq!(rig.memory.0.lock().rooms.len(), CLIENTS * MESSAGES);
}

#[test]
fn an_unreachable_store_is_reported_to_clients_until_it_is_back() {
    let (rig, _end) = Rig::serving(None);
    let release = rig.hold();
    let stream = rig.sending(&post("/api/messages", JSON, &check_in(1)));
    assert!(is_silent(&stream));
    rig.gate.close();
    let (status, body) = parts(&answer(stream));
    assert_eq!(status, 503);
    assert!(
        body.contains(
            "the database is away: what was sent may have been taken or not. Send it again"
        ),
        "{body}"
    );
    let all = rig.send(&post("/api/messages", JSON, &check_in(1)));
    assert!(all.contains("\r\nretry-after: 5\r\n"), "{all}");
    assert!(all.contains("nothing was taken"), "{all}");
    let health = rig.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(parts(&health).0, 503);
    // The owner opens it when it has written.
    drop(release);
    wait("the intake to be open", || rig.gate.phase().0.then_some(()));
    assert_eq!(rig.messages(JSON, &check_in(1)), taken(1));
}

#[test]
fn a_full_disk_is_reported_at_once() {
    let (rig, _end) = Rig::serving(None);
    let health = || parts(&rig.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")).0;
    assert_eq!(health(), 200);
    rig.memory.0.lock().fails = Some(StoreError::Full("the table is full".into()));
    let began = Instant::now();
    assert_eq!(rig.messages(JSON, &check_in(1)).0, 503);
    assert_eq!(health(), 503);
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    // The owner goes on trying, and says so when it has written.
    rig.memory.0.lock().fails = None;
    wait("room", || (health() == 200).then_some(()));
    assert_eq!(rig.messages(JSON, &check_in(1)), taken(1));
}

#[test]
fn when_the_owner_ends_no_client_is_left_waiting() {
    let (rig, end) = Rig::serving(None);
    let release = rig.hold();
    let replaced = StoreError::Replaced { ours: 1, theirs: 2 };
    rig.memory.0.lock().fails = Some(replaced);
    let streams: Vec<_> = (0..3)
        .map(|room| rig.sending(&post("/api/messages", JSON, &check_in(room))))
        .collect();
    assert!(streams.iter().all(is_silent));
    let began = Instant::now();
    drop(release);
    for stream in streams {
        let (status, body) = parts(&answer(stream));
        assert_eq!(status, 503);
        assert!(body.contains("the service is ending"), "{body}");
    }
    assert!(began.elapsed().as_secs() < 10, "at once");
    let ended = rig.ended.recv_timeout(LIMIT).expect("an end");
    assert_eq!((ended.thread.as_str(), ended.panicked), ("owner", false));
    drop(end);
    let ended = rig.ended.recv_timeout(LIMIT).expect("an end");
    assert_eq!((ended.thread.as_str(), ended.panicked), ("desk", false));
}

#[test]
fn a_thread_that_panics_ends_the_listener_with_its_name() {
    let (rig, _end) = Rig::serving(None);
    rig.memory.0.lock().panics = true;
    let csv = "hotel_id,room_number,reading_value,script_time\nH1,101,7,2023-04-10 10:00:00\n";
    assert_eq!(rig.send(&post("/api/readings", "text/csv", csv)), "");
    let ended = rig.ended.recv_timeout(LIMIT).expect("an end");
    assert_eq!((ended.thread.as_str(), ended.panicked), ("listener", false));
    let logged = rig.logged(" panicked");
    assert!(
        logged.len() == 1 && logged[0].starts_with("thread http-"),
        "{logged:?}"
    );
}

#[test]
fn at_a_stop_taken_requests_are_answered_and_no_others_are_taken() {
    let (rig, end) = Rig::serving(None);
    let release = rig.hold();
    let streams: Vec<_> = (0..3)
        .map(|room| rig.sending(&post("/api/messages", JSON, &check_in(room))))
        .collect();
    assert!(streams.iter().all(is_silent));
    drop(end);
    wait("the service to have left", || {
        let health = rig.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        (parts(&health).0 == 503).then_some(())
    });
    let (status, late) = rig.messages(JSON, &check_in(9));
    assert_eq!(status, 503);
    assert!(late.contains("does not own the state"), "{late}");
    assert!(rig.ended.is_empty(), "both wait for what was taken");
    drop(release);
    for stream in streams {
        assert_eq!(parts(&answer(stream)), taken(1));
    }
    let mut ended = [rig.ended.recv_timeout(LIMIT), rig.ended.recv_timeout(LIMIT)]
        .map(|ended| ended.expect("an end").thread);
    ended.sort();
    assert_eq!(ended, ["desk", "owner"]);
    // The next instance serves at the same desk.
    rig.memory.0.lock().held = None;
    let _end = rig.serve(true);
    assert_eq!(rig.messages(JSON, &check_in(1)), taken(1));
}

#[test]
fn readings_are_taken_in_each_format_if_the_meter_table_is_ours() {
    let (rig, end) = Rig::serving(None);
    let reading = |value: &str, time: &str| {
        let room = r#""hotel_id":"H1","room_number":"101""#;
        format!(r#"{{{room},"reading_value":{value},"script_time":"2023-04-10 {time}"}}"#)
    };
    let post = |form: &str, body: &str| rig.post("/api/readings", form, body);
    assert_eq!(post(JSON, &reading("1.5", "11:00:00")), taken(1));
    let two = [reading("\"2.25\"", "11:30:00"), reading("1e30", "11:30:00")];
    let (status, body) = post(JSON, &format!("[{}]", two.join(",")));
    let reason =
        "reading_value is not a register in kWh like 1234.56: 1000000000000000000000000000000";
    let expected = format!(r#"{{"taken":1,"refused":[{{"index":1,"reason":"{reason}"}}]}}"#);
    assert_eq!((status, body), (200, expected));
    let ahead = [reading("3", "13:00:00"), reading("4", "13:00:01")].join("\n");
    let (status, body) = post(LINES, &ahead);
    assert_eq!(status, 200);
    assert!(
        body.contains(
            r#"{"line":2,"reason":"script_time 2023-04-10 13:00:01 is more than 1 h ahead"#
        ),
        "{body}"
    );
    let csv = "hotel_id,room_number,reading_value,script_time\nH1,102,7.001,2023-04-10 10:00:00\n\
               H1,,8,x\n";
    let (status, body) = post("text/csv", csv);
    let expected =
        r#"{"taken":1,"refused":[{"line":3,"reason":"room_number is missing, null or empty"}]}"#;
    assert_eq!((status, body.as_str()), (200, expected));
    let stored: Vec<String> = (rig.memory.0.lock().readings.iter())
        .map(|(room, reading)| format!("{room} {} {}", reading.time, reading.register))
        .collect();
    assert_eq!(
        stored,
        [
            "H1/101 2023-04-10 11:00:00 1.5",
            "H1/101 2023-04-10 11:30:00 2.25",
            "H1/101 2023-04-10 13:00:00 3",
            "H1/102 2023-04-10 10:00:00 7.001",
        ]
    );
    let health = || parts(&rig.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")).0;
    rig.memory.0.lock().fails = Some(StoreError::Full("no".into()));
    let (status, body) = post("text/csv", csv);
    assert_eq!((status, health()), (503, 503));
    assert!(
        body.contains("there is no room for the readings: what"),
        "{body}"
    );
    rig.memory.0.lock().fails = None;
    assert_eq!(post(JSON, "[]"), taken(0));
    assert_eq!(health(), 503, "nothing was written");
    assert_eq!(post(JSON, &reading("5", "11:30:00")), taken(1));
    assert_eq!(health(), 200);
    let away = StoreError::Unreachable("no".into());
    rig.memory.0.lock().fails = Some(away);
    let (status, body) = post("text/csv", csv);
    assert_eq!(status, 503);
    assert!(body.contains("may have been taken or not"), "{body}");
    rig.memory.0.lock().fails = Some(StoreError::Unstorable("no".into()));
    assert_eq!(post("text/csv", csv).0, 500);
    rig.memory.0.lock().fails = None;

    drop(end);
    let _end = rig.serve(false);
    let (status, body) = rig.post("/api/readings", JSON, &reading("1", "11:00:00"));
    assert_eq!(status, 409);
    assert!(
        body.contains("this service only reads the meter table"),
        "{body}"
    );
    assert_eq!(rig.memory.0.lock().readings.len(), 5);
}

#[test]
fn with_a_token_requests_without_it_are_refused() {
    let (rig, _end) = Rig::serving(Some(TOKEN));
    let good = post("/api/messages", JSON, &check_in(1));
    for wrong in ["Bearer canary-0123456780", "Basic x"] {
        let all = rig.send(&good.replace(&format!("Bearer {TOKEN}"), wrong));
        assert_eq!(parts(&all).0, 401);
        assert!(all.contains("\r\nwww-authenticate: Bearer\r\n"), "{all}");
        assert!(!all.contains("canary"), "{all}");
    }
    assert!(rig.memory.0.lock().rooms.is_empty());
    // A proxy's name is as good as any then.
    let proxied = good.replace("localhost:8580", "watt.example");
    assert_eq!(parts(&rig.send(&proxied)), taken(1));
}

#[test]
fn without_a_token_requests_of_browsers_are_refused() {
    let (rig, _end) = Rig::serving(None);
    let good = post("/api/messages", JSON, &check_in(1));
    for (from, to, status) in [
        ("Host: localhost:8580", "Host: evil.example", 403),
        (
            "Host: localhost:8580",
            "Host: localhost\r\nOrigin: http://evil.example",
            403,
        ),
        (JSON, "text/plain", 415),
        (JSON, "application/x-www-form-urlencoded", 415),
        ("Content-Type", "X-Type", 415),
        ("POST", "PUT", 405),
        ("/api/messages", "/api/message", 404),
        ("/api/messages", "http://evil.example/api/messages", 403),
        (
            "Content-Type",
            "Content-Encoding: gzip\r\nContent-Type",
            415,
        ),
    ] {
        let all = rig.send(&good.replacen(from, to, 1));
        assert_eq!(parts(&all).0, status, "{to}: {all}");
    }
    let wrong = rig.send(&good.replacen("POST", "GET", 1));
    assert!(wrong.contains("\r\nallow: POST\r\n"), "{wrong}");
    assert!(rig.memory.0.lock().rooms.is_empty());
}

#[test]
fn an_address_in_use_is_waited_for() {
    let address = address();
    let taken_by = TcpListener::bind(address).expect("a listener");
    let (stopper, stop) = stop_signal();
    let (exits, ended) = crossbeam_channel::bounded(2);
    let figures = Arc::new(Figures::default());
    let listener = |stop| Listener {
        address,
        socket: None,
        key: "http.listen",
        serves: Serves::Programs,
        doors: Arc::new(Doors::new(Access::default())),
        keys: Arc::new(Keys::fixed(InstallationKey::random().expect("a key"))),
        desk: Arc::new(Desk::default()),
        metrics: rig::metrics(),
        figures: Arc::clone(&figures),
        limits: Limits::default(),
        stop,
    };
    let first = listener(stop.clone());
    spawn("stopped", &exits, move || first.run()).expect("a thread");
    drop(stopper);
    let exit = ended.recv_timeout(LIMIT).expect("an end");
    assert_eq!((exit.thread.as_str(), exit.panicked), ("stopped", false));
    assert!(figures.is_unreachable(), "no program can send anything");

    let (_stopper, stop) = stop_signal();
    let second = listener(stop);
    spawn("waiting", &exits, move || second.run()).expect("a thread");
    drop(taken_by);
    let health = wait("the address to be had", || {
        use std::io::Write;
        let mut stream = std::net::TcpStream::connect(address).ok()?;
        let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request.as_bytes()).ok()?;
        Some(answer(stream))
    });
    let (status, body) = parts(&health);
    assert_eq!(status, 503);
    assert!(body.contains("does not own the state"), "{body}");
    assert!(!figures.is_unreachable());
    assert!(ended.is_empty());
}
