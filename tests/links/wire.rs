//! The proxy by itself: each fault does what it says.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::support::LIMIT;
use crate::support::proxy::{Fault, Proxy};

/// A proxy in front of a server that the test itself plays.
struct Wire {
    proxy: Proxy,
    server: TcpListener,
}

impl Wire {
    fn new() -> Wire {
        let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let proxy = Proxy::start(server.local_addr().expect("its address"));
        Wire { proxy, server }
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.proxy.address()).expect("a connection");
        client.set_read_timeout(Some(LIMIT)).expect("a limit");
        client
    }

    /// A connection's two ends.
    fn pair(&self) -> (TcpStream, TcpStream) {
        let client = self.connect();
        let (server, _) = self.server.accept().expect("a connection");
        server.set_read_timeout(Some(LIMIT)).expect("a limit");
        (client, server)
    }

    /// Asserts that no connection reached the server.
    fn assert_untouched(&self) {
        self.server.set_nonblocking(true).expect("a listener");
        let accepted = self.server.accept().map_err(|error| error.kind());
        self.server.set_nonblocking(false).expect("a listener");
        assert!(
            matches!(accepted, Err(ErrorKind::WouldBlock)),
            "{accepted:?}"
        );
    }
}

fn send(mut from: &TcpStream, text: &str) {
    from.write_all(text.as_bytes()).expect("sent");
}

fn read(mut at: &TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    at.read_exact(&mut bytes).expect("bytes");
    String::from_utf8(bytes).expect("a text")
}

/// How a connection ends: the bytes that still come, or the error.
fn rest(mut at: &TcpStream) -> Result<Vec<u8>, ErrorKind> {
    let mut bytes = Vec::new();
    let read = at.read_to_end(&mut bytes);
    read.map(|_| bytes).map_err(|error| error.kind())
}

/// It talks both ways.
fn assert_whole((client, server): &(TcpStream, TcpStream)) {
    send(client, "question");
    assert_eq!(read(server, 8), "question");
    send(server, "answer");
    assert_eq!(read(client, 6), "answer");
}

#[test]
fn it_forwards_both_ways_and_counts() {
    let wire = Wire::new();
    let (first, second) = (wire.pair(), wire.pair());
    assert_whole(&first);
    assert_whole(&second);
    assert_eq!(wire.proxy.connections(), 2);
    // More than fits on the way, and half closed.
    let (client, server) = first;
    let much = "much".repeat(1 << 20);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            send(&client, &much);
            client.shutdown(std::net::Shutdown::Write).expect("closed");
        });
        assert_eq!(rest(&server).expect("all of it").len(), much.len());
    });
    send(&server, "thanks");
    drop(server);
    assert_eq!(rest(&client), Ok(b"thanks".to_vec()));
}

#[test]
fn a_delay_is_kept_both_ways_and_changes_no_order() {
    const DELAY: Duration = Duration::from_millis(200);
    let wire = Wire::new();
    let (client, server) = wire.pair();
    wire.proxy.set(Fault::Delay(DELAY));
    for (from, to) in [(&client, &server), (&server, &client)] {
        let sent = Instant::now();
        send(from, "slow");
        assert_eq!(read(to, 4), "slow");
        assert!(sent.elapsed() >= DELAY, "{:?}", sent.elapsed());
    }
    send(&client, "first ");
    wire.proxy.lift();
    send(&client, "second");
    assert_eq!(read(&server, 12), "first second");
}

#[test]
fn a_cut_ends_in_order() {
    let wire = Wire::new();
    let (client, server) = wire.pair();
    wire.proxy.set(Fault::Cut);
    assert_eq!(rest(&client), Ok(Vec::new()));
    assert_eq!(rest(&server), Ok(Vec::new()));
    assert_eq!(rest(&wire.connect()), Ok(Vec::new()));
    wire.assert_untouched();
    wire.proxy.lift();
    assert_whole(&wire.pair());
}

#[test]
fn a_reset_is_one() {
    let wire = Wire::new();
    let (client, server) = wire.pair();
    wire.proxy.set(Fault::Reset);
    assert_eq!(rest(&client), Err(ErrorKind::ConnectionReset));
    assert_eq!(rest(&server), Err(ErrorKind::ConnectionReset));
    assert_eq!(rest(&wire.connect()), Err(ErrorKind::ConnectionReset));
    wire.assert_untouched();
    wire.proxy.lift();
    assert_whole(&wire.pair());
}

#[test]
fn a_held_connection_carries_nothing_even_later() {
    let wire = Wire::new();
    let (client, server) = wire.pair();
    let gone = wire.pair();
    wire.proxy.set(Fault::Hold);
    let late = wire.connect();
    send(&client, "lost");
    send(&server, "lost");
    drop(gone.0);
    wire.proxy.lift();
    assert_whole(&wire.pair());
    send(&client, "lost");
    for end in [&client, &server, &gone.1, &late] {
        end.set_nonblocking(true).expect("a socket");
        assert_eq!(rest(end), Err(ErrorKind::WouldBlock));
    }
    wire.assert_untouched();
    drop(wire.proxy);
    server.set_nonblocking(false).expect("a socket");
    assert!(rest(&server).is_ok_and(|bytes| bytes.is_empty()));
}

#[test]
fn an_answer_is_for_new_connections() {
    let wire = Wire::new();
    let pair = wire.pair();
    wire.proxy.set(Fault::Answer(b"too many".to_vec()));
    assert_eq!(rest(&wire.connect()), Ok(b"too many".to_vec()));
    wire.assert_untouched();
    assert_whole(&pair);
}

#[test]
fn a_refused_connection_is_not_made() {
    let wire = Wire::new();
    let pair = wire.pair();
    wire.proxy.set(Fault::Refuse);
    let refused = TcpStream::connect(wire.proxy.address()).map_err(|error| error.kind());
    assert!(
        matches!(refused, Err(ErrorKind::ConnectionRefused)),
        "{refused:?}"
    );
    assert_whole(&pair);
    wire.proxy.lift();
    assert_whole(&wire.pair());
    assert_eq!(wire.proxy.connections(), 2);
}
