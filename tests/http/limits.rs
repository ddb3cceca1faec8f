//! Clients that send too much, too slowly, or nonsense.

use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use roomwatt::http::{Limits, Serves};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::rig::{LIMIT, Rig, TOKEN, answer, check_in, is_silent, parts, post, wait};
use crate::{JSON, LINES, taken};

const HEAD: &str =
    "POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

const MIB: usize = 1024 * 1024;

const SECOND: Duration = Duration::from_secs(1);

/// A connection from an address of this machine.
fn connect_from(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let stream = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&stream, &SocketAddr::from((from, 0))).expect("an address");
    connect(&stream, &to).expect("a connection");
    let stream = TcpStream::from(stream);
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    stream
}

/// A connection that holds little of what is not read.
fn connect_with_little_room(to: SocketAddr) -> TcpStream {
    let stream = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    sockopt::set_socket_recv_buffer_size(&stream, 4_096).expect("its size");
    connect(&stream, &to).expect("a connection");
    let stream = TcpStream::from(stream);
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    stream
}

/// This process has both ends of each connection.
fn raise_the_limit_of_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    assert!(maximum.is_none_or(|most| most >= 4_096), "{maximum:?}");
    if current.is_some_and(|now| now < 4_096) {
        let current = Some(4_096);
        setrlimit(Resource::Nofile, Rlimit { current, maximum }).expect("more files");
    }
}

#[test]
fn a_body_may_come_in_chunks_and_after_100_continue() {
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
    let mut stream = rig.sending(&asked);
    wait("the word to go on", || (!is_silent(&stream)).then_some(()));
    stream.write_all(body.as_bytes()).expect("sent");
    let all = answer(stream);
    let answer = all.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(parts(answer.expect(&all)), taken(1));
    // A client that is refused is not asked for the body.
    let refused = rig.sending(&asked.replace("Host: localhost", "Host: evil.example"));
    assert_eq!(parts(&crate::rig::answer(refused)).0, 403);
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
fn a_body_that_is_too_large_is_refused_in_every_form() {
    let (rig, _end) = Rig::serving(None);
    let head = format!("{HEAD}Content-Length: {}\r\n\r\n", 4 * MIB + 1);
    // All of it is sent, and the answer still arrives.
    let blanks = " ".repeat(4 * MIB + 1);
    let (status, body) = parts(&rig.send(&(head + &blanks)));
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
fn an_endless_body_is_cut_off() {
    let (rig, _end) = Rig::serving(None);
    let mut stream = rig.sending(&format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n"));
    let chunk = format!("{MIB:x}\r\n{}\r\n", " ".repeat(MIB));
    let sent = (0..1_000).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok());
    assert!(sent.count() < 100, "it is still read");
}

#[test]
fn a_client_that_falls_silent_is_disconnected() {
    let limits = Limits {
        head: SECOND,
        body: SECOND,
        ..Limits::default()
    };
    let rig = Rig::limited(None, limits);
    let _end = rig.serve(true);
    let half = format!("{HEAD}Content-Length: 100\r\n\r\n{{");
    let streams = [
        rig.connect(),
        rig.sending("POST /api/mess"),
        rig.sending(&half),
    ];
    let [nothing, head, body] = streams.map(answer);
    assert_eq!(nothing, "");
    let (status, text) = parts(&head);
    assert_eq!(status, 408);
    assert!(text.contains("the headers did not come in time"), "{text}");
    let (status, text) = parts(&body);
    assert_eq!(status, 408);
    let expected = "the body did not come in time (1 s in all), nothing of it was taken";
    assert!(text.contains(expected), "{text}");
    // One that breaks off.
    let stream = rig.sending(&half);
    stream.shutdown(Shutdown::Write).expect("closed");
    let (status, body) = parts(&answer(stream));
    assert_eq!(status, 400);
    assert!(body.contains("the body broke off"), "{body}");
}

/// Sends something again and again until there is an answer; gives that.
fn trickle(stream: TcpStream, bytes: &str) -> String {
    let mut writing = stream.try_clone().expect("the same connection");
    wait("an answer", || {
        let _ = writing.write_all(bytes.as_bytes());
        (!is_silent(&stream)).then_some(())
    });
    answer(stream)
}

#[test]
fn slow_bytes_do_not_extend_a_deadline() {
    let limits = Limits {
        head: SECOND * 2,
        body: SECOND * 2,
        ..Limits::default()
    };
    let rig = Rig::limited(None, limits);
    let _end = rig.serve(true);
    let chunked = format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n");
    let extension = format!("{chunked}1;a=");
    let trailer = format!("{chunked}2\r\n[]\r\n0\r\nX: ");
    let one_chunk = "1\r\n \r\n";
    let sized = format!("{HEAD}Content-Length: 1000\r\n\r\n");
    let requests = [
        (HEAD, "X"),
        ("GET /", "x"),
        (HEAD, "X: y\r\n"),
        ("", "\r\n"),
        (&sized, " "),
        (&extension, "x"),
        (&trailer, "y"),
        (&chunked, one_chunk),
    ];
    std::thread::scope(|scope| {
        let clients = requests.map(|(start, bytes)| {
            let stream = rig.sending(start);
            scope.spawn(move || {
                (
                    start,
                    Instant::now(),
                    trickle(stream, bytes),
                    Instant::now(),
                )
            })
        });
        for client in clients {
            let (start, began, answer, ended) = client.join().expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 408 "), "{start:?}: {answer}");
            let took = (ended - began).as_secs_f64();
            assert!((1.5..20.0).contains(&took), "{start:?}: {took} s");
        }
    });
    assert!(rig.memory.0.lock().rooms.is_empty());
}

#[test]
fn slow_clients_do_not_keep_others_out() {
    let limits = Limits {
        places: 8,
        head: LIMIT,
        linger: LIMIT,
        ..Limits::default()
    };
    let rig = Rig::limited(Some(TOKEN), limits);
    let _end = rig.serve(true);
    let good = post("/api/messages", JSON, &check_in(1));
    let slow: Vec<_> = (0..40).map(|_| rig.sending("POST /api/mess")).collect();
    assert_eq!(parts(&rig.send(&good)), taken(1));
    // Nor do clients that were refused and stay connected.
    let stranger = good.replace(TOKEN, "another token");
    let refused: Vec<_> = (0..40)
        .map(|_| {
            let stream = rig.sending(&stranger.replace("Length: ", "Length: 1"));
            wait("an answer", || (!is_silent(&stream)).then_some(()));
            stream
        })
        .collect();
    assert_eq!(parts(&rig.send(&good)), taken(1));
    for stream in slow.iter().take(32) {
        assert!(!is_silent(stream), "the first ones had to go");
    }
    for stream in refused {
        assert_eq!(parts(&answer(stream)).0, 401);
    }
}

#[test]
fn a_refused_client_is_disconnected() {
    let limits = Limits {
        linger: SECOND,
        ..Limits::default()
    };
    let rig = Rig::limited(Some(TOKEN), limits);
    let refused = post("/api/messages", JSON, &check_in(1)).replace(TOKEN, "another token");
    let mut stream = rig.sending(&refused.replace("Length: ", "Length: 1"));
    // It has its answer, and goes on sending.
    wait("the end of the connection", || stream.write_all(b" ").err());
}

#[test]
fn an_address_can_not_take_all_places() {
    let limits = Limits {
        places: 4,
        share: 2,
        ..Limits::default()
    };
    let rig = Rig::limited(None, limits);
    let _end = rig.serve(true);
    let release = rig.hold();
    let from = |last: u8, room: usize| {
        let mut stream = connect_from(Ipv4Addr::new(127, 0, 0, last), rig.address);
        let request = post("/api/messages", JSON, &check_in(room));
        stream.write_all(request.as_bytes()).expect("sent");
        stream
    };
    let first = [1, 2].map(|room| from(2, room));
    assert!(first.iter().all(is_silent), "they are being served");
    let third = answer(from(2, 3));
    assert_eq!(parts(&third).0, 503);
    assert!(third.contains("\r\nretry-after: 5\r\n"), "{third}");
    let logged = wait("a line of the log", || rig.logged("its limit").pop());
    let expected = format!(
        "127.0.0.2 has 2 connections to {}, which is its limit",
        rig.address
    );
    assert!(logged.contains(&expected), "{logged}");
    // Others have what is left.
    let other = from(3, 3);
    assert!(is_silent(&other));
    let of_this_machine = rig.sending("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(parts(&answer(of_this_machine)).0, 200);
    drop(release);
    for stream in first.into_iter().chain([other]) {
        assert_eq!(parts(&answer(stream)), taken(1));
    }
    assert_eq!(parts(&answer(from(2, 4))), taken(1));
    assert_eq!(rig.logged("its limit").len(), 1);
}

#[test]
fn this_machine_may_have_all_places_and_the_log_says_when_they_are_taken() {
    let limits = Limits {
        places: 4,
        share: 2,
        full: SECOND,
        ..Limits::default()
    };
    let rig = Rig::limited(None, limits);
    let _end = rig.serve(true);
    let release = rig.hold();
    let requests: Vec<_> = (0..5)
        .map(|room| rig.sending(&post("/api/messages", JSON, &check_in(room))))
        .collect();
    let full = wait("a line of the log", || rig.logged("places for conn").pop());
    let expected = format!(
        "all 4 places for connections to {} have been taken for",
        rig.address
    );
    assert!(full.contains(&expected), "{full}");
    assert!(full.contains("4 of them by 127."), "{full}");
    drop(release);
    for request in requests {
        assert_eq!(parts(&answer(request)), taken(1));
    }
    let again = wait("a line of the log", || {
        assert_eq!(rig.messages(JSON, &check_in(1)), taken(1));
        rig.logged("there are free places").pop()
    });
    assert!(again.contains("again after"), "{again}");
    assert_eq!(rig.logged("places for conn").len(), 2, "once each");
}

#[test]
fn excess_requests_wait_for_their_turn_and_health_does_not() {
    let limits = Limits {
        body: LIMIT,
        ..Limits::default()
    };
    let rig = Rig::limited(None, limits);
    let _end = rig.serve(true);
    let body = check_in(1);
    let asking = format!(
        "{HEAD}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let continues = |stream: &TcpStream| (!is_silent(stream)).then_some(());
    let mut asked: Vec<_> = (0..32).map(|_| rig.sending(&asking)).collect();
    for stream in &asked {
        wait("100 Continue", || continues(stream));
    }
    asked.push(rig.sending(&asking));
    assert!(asked.last().is_some_and(is_silent), "it is not its turn");
    let health = rig.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(parts(&health).0, 200);
    for mut stream in asked {
        wait("100 Continue", || continues(&stream));
        stream.write_all(body.as_bytes()).expect("sent");
        let all = answer(stream);
        let answer = all.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(parts(answer.expect(&all)), taken(1));
    }
}

#[test]
fn a_thousand_clients_are_served_beside_a_thousand_silent_ones() {
    raise_the_limit_of_files();
    let (rig, _end) = Rig::serving(None);
    let silent: Vec<_> = (0..1_000).map(|_| rig.connect()).collect();
    assert_eq!(rig.messages(JSON, &check_in(0)), taken(1));
    drop(silent);
    let requests: Vec<_> = (0..1_000)
        .map(|room| rig.sending(&post("/api/messages", JSON, &check_in(room))))
        .collect();
    for request in requests {
        assert_eq!(parts(&answer(request)), taken(1));
    }
    assert!(rig.ended.is_empty(), "all threads live");
}

#[test]
fn a_client_that_does_not_read_its_answer_is_disconnected() {
    let limits = Limits {
        places: 1,
        answer: SECOND,
        ..Limits::default()
    };
    let rig = Rig::limited(None, limits);
    let _end = rig.serve(true);
    // An answer of more than sockets hold.
    let wrong = check_in(1).replace("5710005", &"\\u0001".repeat(40));
    let lines = vec![wrong.as_str(); 10_000].join("\n");
    let mut slow = connect_with_little_room(rig.address);
    slow.write_all(post("/api/messages", LINES, &lines).as_bytes())
        .expect("sent");
    wait("an answer", || (!is_silent(&slow)).then_some(()));
    assert_eq!(rig.messages(JSON, &check_in(1)), taken(1));
    let part = answer(slow);
    assert!(part.starts_with("HTTP/1.1 200 "), "{part}");
    assert!(!part.ends_with("}\n"), "all {} bytes came", part.len());
}

#[test]
fn bytes_after_the_request_do_not_destroy_the_answer() {
    let (rig, _end) = Rig::serving(None);
    for _ in 0..20 {
        let more = "x".repeat(MIB);
        let mut stream = rig.sending(&post("/api/messages", JSON, &check_in(1)));
        // It may be refused before all of it is sent.
        let _ = stream.write_all(more.as_bytes());
        assert_eq!(parts(&answer(stream)), taken(1));
    }
}

#[test]
fn a_listener_can_be_closed_and_another_one_opened_there() {
    let (mut rig, _end) = Rig::serving(None);
    let release = rig.hold();
    let under_way = rig.sending(&post("/api/messages", JSON, &check_in(1)));
    assert!(is_silent(&under_way));
    rig.close();
    wait("the address to be free", || {
        std::net::TcpListener::bind(rig.address).ok()
    });
    drop(release);
    assert_eq!(parts(&answer(under_way)), taken(1));
    let ended = rig.ended.recv_timeout(LIMIT).expect("an end");
    assert_eq!((ended.thread.as_str(), ended.panicked), ("listener", false));
    rig.listen(Serves::Programs, Limits::default());
    assert_eq!(rig.messages(JSON, &check_in(2)), taken(1));
}

/// A proxy that reads the head in another way would take each of them.
#[test]
fn a_request_whose_end_a_proxy_could_see_elsewhere_is_refused() {
    let (rig, _end) = Rig::serving(None);
    let body = check_in(1);
    let length = format!("Content-Length: {}", body.len());
    let (chunked, host) = ("Transfer-Encoding: chunked", "Host: localhost");
    let in_chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let post = |version: &str, headers: &[&str], body: &str| {
        let headers = headers.join("\r\n");
        format!(
            "POST /api/messages HTTP/{version}\r\nContent-Type: application/json\r\n\
             {headers}\r\n\r\n{body}"
        )
    };
    for (version, headers, body, status) in [
        ("1.1", &[host, host, &length][..], &body, 400),
        ("1.1", &[&length], &body, 400),
        ("1.1", &[host, &length, &length], &body, 400),
        ("1.1", &[host, &length.replace(": ", ": +")], &body, 400),
        ("1.1", &[host, &length, chunked], &in_chunks, 400),
        ("1.1", &[host, chunked, chunked], &in_chunks, 400),
        (
            "1.1",
            &[host, "Transfer-Encoding: gzip, chunked"],
            &in_chunks,
            501,
        ),
        ("1.1", &[host, &length, "X : a"], &body, 400),
        ("1.1", &[host, &length, "X: a", " b"], &body, 400),
        ("1.0", &[host, chunked], &in_chunks, 400),
    ] {
        let request = post(version, headers, body);
        assert_eq!(parts(&rig.send(&request)).0, status, "{request}");
    }
    assert!(rig.memory.0.lock().rooms.is_empty());
    for (headers, body) in [(&[host, &length], &body), (&[host, chunked], &in_chunks)] {
        assert_eq!(parts(&rig.send(&post("1.1", headers, body))), taken(1));
    }
}

#[test]
fn garbage_ends_only_its_own_connection() {
    let (rig, _end) = Rig::serving(None);
    for nonsense in [
        "CONNECT example.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /\r\n\r\n",
        "\r\n\r\n",
        "\u{16}\u{3}\u{1}\r\n\r\n",
        "POST /api/messages HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
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
