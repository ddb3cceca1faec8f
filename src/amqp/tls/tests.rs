use std::net::{SocketAddr, TcpListener};
use std::thread;

use mio::Events;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ServerConfig, ServerConnection, StreamOwned};
use tempfile::NamedTempFile;

use super::*;
use crate::certificate::AUTHORITY;

/// The longest wait for anything.
const LIMIT: Duration = Duration::from_secs(30);

/// More than the buffers of two sockets hold.
const MUCH: usize = 24 << 20;

const STREAM: Token = Token(0);

/// The broker's end.
type Peer = StreamOwned<ServerConnection, TcpStream>;

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

fn authority() -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(AUTHORITY.as_bytes()).expect("a file");
    file
}

/// A stream that is open, and its broker.
fn pair() -> (TlsStream, Peer) {
    let certificate = CertificateDer::from_pem_slice(BROKER.as_bytes()).expect("a certificate");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key())
        .expect("a certificate and its key");
    let session = ServerConnection::new(Arc::new(config)).expect("a session");
    let ((listener, address), ca) = (listener(), authority());
    thread::scope(|scope| {
        let peer = scope.spawn(move || {
            let (socket, _) = listener.accept().expect("a connection");
            socket.set_read_timeout(Some(LIMIT)).expect("a limit");
            let mut peer = StreamOwned::new(session, socket);
            let shaken = peer.conn.complete_io(&mut peer.sock);
            shaken.map(|_| peer).expect("a handshake")
        });
        let socket = TcpStream::connect(address).expect("a connection");
        let stream = TlsStream::open(socket, "localhost", Some(ca.path()), LIMIT);
        (stream.expect("a handshake"), peer.join().expect("a peer"))
    })
}

fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    bytes
}

/// Waits as amiquip does: for a change.
fn wait_for_change(poll: &Poll) {
    let mut events = Events::with_capacity(8);
    poll.poll(&mut events, Some(LIMIT)).expect("polled");
    assert!(!events.is_empty(), "no event for readable data");
}

#[test]
fn bytes_count_as_written_only_when_the_socket_has_them() {
    // As much as amiquip may bring at a time, which is more than the session takes.
    const PART: usize = 100_000;
    let (mut stream, mut peer) = pair();
    let poll = Poll::new().expect("a poll");
    let all = Ready::readable() | Ready::writable();
    poll.register(&stream, STREAM, all, PollOpt::edge())
        .expect("registered");
    let bytes = noise(MUCH);
    let mut sent = 0;
    let mut write_until_full = |stream: &mut TlsStream, part: usize| {
        while sent < MUCH {
            match stream.write(&bytes[sent..MUCH.min(sent + part)]) {
                Ok(length) => {
                    assert!(length > 0, "full, and it is not said");
                    sent += length;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        sent
    };
    let first = write_until_full(&mut stream, PART);
    assert!(first < MUCH, "no socket has so much room");
    let mut received = vec![0; first];
    peer.read_exact(&mut received).expect("what was sent");
    assert!(received == bytes[..first], "something else was sent");

    // It has more by now, of which the beginning is the same.
    thread::scope(|scope| {
        let rest = scope.spawn(|| {
            let mut rest = vec![0; MUCH - first];
            peer.read_exact(&mut rest).map(|()| rest)
        });
        while write_until_full(&mut stream, 2 * PART) < MUCH {
            poll.reregister(&stream, STREAM, all, PollOpt::edge())
                .expect("registered");
            wait_for_change(&poll);
        }
        let rest = rest.join().expect("no panic").expect("the rest");
        assert!(rest == bytes[first..], "something else was sent");
    });
    // What a broker sends after the handshake is read, as amiquip does: a socket closed with
    // bytes unread resets the connection, and what it has not sent yet is lost.
    let nothing = stream.read(&mut [0]).expect_err("no data");
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    drop(stream);
    assert_eq!(peer.read(&mut [0]).expect("a close_notify"), 0);
}

#[test]
fn a_read_blocks_only_when_socket_and_session_are_empty() {
    let (mut stream, mut peer) = pair();
    let poll = Poll::new().expect("a poll");
    poll.register(&stream, STREAM, Ready::readable(), PollOpt::edge())
        .expect("registered");
    let bytes = noise(500_000);
    peer.write_all(&bytes).expect("sent");
    let mut received = Vec::new();
    let mut block = [0; 1_000];
    let mut read_all = |stream: &mut TlsStream| loop {
        match stream.read(&mut block) {
            Ok(0) => return None,
            Ok(length) => received.extend_from_slice(&block[..length]),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return Some(received.len());
            }
        }
    };
    while read_all(&mut stream).expect("no end") < bytes.len() {
        wait_for_change(&poll);
    }
    // A peer that crashes sends no close_notify.
    drop(peer);
    while read_all(&mut stream).is_some() {
        wait_for_change(&poll);
    }
    assert!(received == bytes, "something else has come");

    let (mut stream, mut peer) = pair();
    peer.conn.send_close_notify();
    peer.flush().expect("sent");
    let ended = loop {
        match stream.read(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            ended => break ended,
        }
    };
    assert_eq!(ended.expect("an end in order"), 0);
}

#[test]
fn a_handshake_ends_in_time_however_its_bytes_come() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    const PAUSE: Duration = Duration::from_millis(20);
    let ((listener, address), ca) = (listener(), authority());
    // The beginning of a message that would be a long one; or nothing at all.
    for bytes in [&[22, 3, 3, 63, 255, 2, 0, 63, 0][..], &[]] {
        thread::scope(|scope| {
            scope.spawn(|| {
                let (mut peer, _) = listener.accept().expect("a connection");
                peer.set_read_timeout(Some(PAUSE)).expect("a pause");
                let more = if bytes.is_empty() { 0 } else { 200 };
                let mut drops = bytes.iter().chain(std::iter::repeat_n(&0, more));
                while !matches!(peer.read(&mut [0; 1_024]), Ok(0)) {
                    if let Some(&byte) = drops.next() {
                        // A client that has gone reads no more.
                        let _ = peer.write(&[byte]);
                    }
                }
            });
            let begun = Instant::now();
            let socket = TcpStream::connect(address).expect("a connection");
            let opened = TlsStream::open(socket, "localhost", Some(ca.path()), TIMEOUT);
            let took = begun.elapsed();
            let reason = opened.err().expect("no handshake").reason;
            assert!(
                reason.contains("(timed out): is rabbitmq.port"),
                "{reason}, after {took:?}"
            );
            assert!(took >= TIMEOUT && took < 10 * TIMEOUT, "{took:?}");
        });
    }
}

#[test]
fn errors_say_what_can_be_done() {
    let said = |error: rustls::Error| explain(&io::Error::new(ErrorKind::InvalidData, error));
    for (error, remedy) in [
        (CertificateError::Expired, "renew"),
        (CertificateError::NotValidYet, "clock"),
        // An authority of the same name with another key.
        (CertificateError::BadSignature, "rabbitmq.tls_ca"),
        (CertificateError::NotValidForName, "rabbitmq.host"),
    ] {
        let said = said(rustls::Error::InvalidCertificate(error));
        assert!(said.contains(remedy), "{said}");
    }
    let wanted = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
    assert!(said(wanted).contains("must not ask for one"));
    assert_eq!(
        said(rustls::Error::DecryptError),
        "cannot decrypt peer's message"
    );
    assert_eq!(explain(&ErrorKind::TimedOut.into()), "timed out");
}

/// The key of both certificates, as everybody may know it: Ed25519, 32 times 7.
fn key() -> PrivateKeyDer<'static> {
    let head = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    PrivateKeyDer::try_from([&head[..], &[7; 32]].concat()).expect("a key")
}

/// The broker's certificate, by that authority, for localhost, valid until 2120.
const BROKER: &str = "\
-----BEGIN CERTIFICATE-----
MIIBETCBxKADAgECAgECMAUGAytlcDAXMRUwEwYDVQQDDAxhbiBhdXRob3JpdHkw
IBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBMxETAPBgNVBAMMCGEg
YnJva2VyMCowBQYDK2VwAyEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG
0iyjNzA1MBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAdBgNVHQ4EFgQUTF7OQCOgNB7i
rP/MTRcVSoVPAuUwBQYDK2VwA0EAl3Dk5Hc/hzgspNOKUk3RNgu48vWVa/0/do1Q
CI1bB41d2Pw42VKx6WMbY/jRRMKicdJ+njf9o0LiHS8dcLKOCQ==
-----END CERTIFICATE-----
";
