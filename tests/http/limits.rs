//! Clients that send too much, too slowly, or nonsense.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::rig::{Rig, answer, check_in, is_silent, parts, post, wait};
use crate::{JSON, taken};

const HEAD: &str =
    "POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

const MIB: usize = 1024 * 1024;

#[test]
fn a_body_may_come_in_chunks_and_after_a_question() {
    let (rig, _end) = Rig::serving(None);
    let body = check_in(1);
    let (first, second) = body.split_at(20);
    let chunked = format!(
        "{HEAD}Transfer-Encoding: chunked\r\n\r\n14\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        second.len()
    );
    assert_eq!(parts(&rig.send(&chunked)), taken(1));
    let asked = format!(
        "{HEAD}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let all = rig.send(&(asked + &body));
    let answer = all.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(parts(answer.expect(&all)), taken(1));
}

#[test]
fn a_connection_is_for_one_request() {
    let (rig, _end) = Rig::serving(None);
    let two = [1, 2].map(|room| post("/api/messages", JSON, &check_in(room)));
    let all = rig.send(&two.concat());
    assert_eq!(all.matches("HTTP/1.").count(), 1, "{all}");
    assert_eq!(parts(&all), taken(1));
    assert_eq!(rig.memory.0.lock().rooms.len(), 1);
}

#[test]
fn a_body_that_is_too_large_is_refused_however_it_comes() {
    let (rig, _end) = Rig::serving(None);
    let told = format!("{HEAD}Content-Length: {}\r\n\r\n", 4 * MIB + 1);
    // All of it is sent, and the answer heard.
    let blanks = " ".repeat(4 * MIB + 1);
    let (status, body) = parts(&rig.send(&(told + &blanks)));
    assert_eq!(status, 413);
    assert!(
        body.contains("more than 4 MiB, nothing of it was taken"),
        "{body}"
    );
    let chunk = format!("{MIB:x}\r\n{}\r\n", " ".repeat(MIB));
    let chunked = format!(
        "{HEAD}Transfer-Encoding: chunked\r\n\r\n{}",
        chunk.repeat(5)
    );
    assert_eq!(parts(&rig.send(&(chunked + "0\r\n\r\n"))).0, 413);
    // As much as may be, most of it blanks.
    let blanks = &blanks[..4 * MIB - check_in(1).len()];
    assert_eq!(rig.messages(JSON, &(check_in(1) + blanks)), taken(1));
    let many = format!("[{}]", vec![check_in(1); 10_001].join(","));
    assert_eq!(rig.messages(JSON, &many).0, 413);
    assert_eq!(rig.memory.0.lock().rooms.len(), 1);
}

#[test]
fn a_body_without_an_end_is_not_read_for_ever() {
    let (rig, _end) = Rig::serving(None);
    let mut stream = rig.sending(&format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n"));
    let chunk = format!("{MIB:x}\r\n{}\r\n", " ".repeat(MIB));
    let sent = (0..1_000).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok());
    assert!(sent.count() < 100, "somebody still reads it");
}

#[test]
fn who_falls_silent_is_left() {
    let (rig, _end) = Rig::serving(None);
    let began = Instant::now();
    let half = format!("{HEAD}Content-Length: 100\r\n\r\n{{");
    let streams = [
        rig.connect(),
        rig.sending("POST /api/mess"),
        rig.sending(&half),
    ];
    let [_, _, body] = streams.map(answer);
    let (status, body) = parts(&body);
    assert_eq!(status, 408);
    assert!(
        body.contains(
            "did not come in time (10 s of silence, 30 s in all), nothing of it was taken"
        ),
        "{body}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    // One that breaks off.
    let stream = rig.sending(&half);
    stream.shutdown(std::net::Shutdown::Write).expect("closed");
    let (status, body) = parts(&answer(stream));
    assert_eq!(status, 400);
    assert!(body.contains("the body broke off"), "{body}");
}

#[test]
fn a_body_that_trickles_in_has_its_time_too() {
    let (rig, _end) = Rig::serving(None);
    let began = Instant::now();
    let mut stream = rig.sending(&format!("{HEAD}Content-Length: 1000\r\n\r\n"));
    let mut heard = stream.try_clone().expect("the same connection");
    wait("an answer", || {
        stream.write_all(b" ").ok();
        (!is_silent(&heard)).then_some(())
    });
    let took = began.elapsed().as_secs();
    assert!((29..45).contains(&took), "{took} s");
    heard.flush().expect("nothing to do");
    assert_eq!(parts(&answer(heard)).0, 408);
}

#[test]
fn more_connections_than_may_be_wait_for_their_turn() {
    let (rig, _end) = Rig::serving(None);
    let release = rig.hold();
    let requests: Vec<_> = (0..32)
        .map(|room| rig.sending(&post("/api/messages", JSON, &check_in(room))))
        .collect();
    // Accepted in their order, all before this one.
    let one_more = rig.sending("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(is_silent(&one_more));
    drop(release);
    assert_eq!(parts(&answer(one_more)).0, 200);
    for request in requests {
        assert_eq!(parts(&answer(request)), taken(1));
    }
}

#[test]
fn nonsense_ends_nothing_but_its_own_connection() {
    let (rig, _end) = Rig::serving(None);
    for nonsense in [
        "CONNECT example.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /\r\n\r\n",
        "\r\n\r\n",
        "\u{16}\u{3}\u{1}\r\n\r\n",
        "POST /api/messages HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    ] {
        let all = rig.send(nonsense);
        assert!(!all.contains(" 200 "), "{nonsense:?}: {all}");
    }
    let long = format!(
        "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "x".repeat(MIB)
    );
    let mut stream = rig.connect();
    // It may be refused before all of it is sent.
    let _ = stream.write_all(long.as_bytes());
    assert!(!answer(stream).contains(" 200 "));
    assert_eq!(rig.messages(JSON, &check_in(1)), taken(1));
    assert!(rig.ended.is_empty(), "all threads live");
}
