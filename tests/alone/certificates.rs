//! A bot whose certificate is not accepted.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;

use roomwatt::threads::spawn;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Alone, ended};

/// A host that shows this certificate; its port.
fn host(certificate: &str) -> u16 {
    let certificate =
        CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate");
    // A public test key: Ed25519, 32 times 7.
    let head = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    let key = PrivateKeyDer::try_from([&head[..], &[7; 32]].concat()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate and its key");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    // Until the test ends.
    let (exits, _) = crossbeam_channel::bounded(1);
    spawn("host", &exits, move || {
        for socket in listener.incoming() {
            let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
            let mut peer = StreamOwned::new(session, socket.expect("a connection"));
            // Closing with the request unread would reset the connection and lose the answer.
            let mut head = BufReader::new(&mut peer).lines();
            while head
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            // It fails if the client has refused the certificate.
            let _ = peer.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        }
    })
    .expect("a thread");
    port
}

#[test]
fn the_reason_for_a_refused_certificate_is_named() {
    let port = host(HOST);
    let alone = Alone::new("");
    let ca = alone.file("ca.pem", AUTHORITY);
    for (name, trusted, what, remedy) in [
        (
            "localhost",
            false,
            "UnknownIssuer",
            "what answers as Feishu shows a certificate that is self-signed, or of an authority",
        ),
        (
            "127.0.0.1",
            true,
            "127.0.0.1",
            "it is not Feishu that answers: check webhook_url",
        ),
    ] {
        alone.configure(&format!(
            "[feishu]\nwebhook_url = 'https://{name}:{port}/hook/canary'\n"
        ));
        for command in [&["send-notice"][..], &["check", "--online"]] {
            let mut program = alone.command(command, &alone.path("roomwatt.toml"));
            if trusted {
                program.env("SSL_CERT_FILE", &ca);
            }
            let (code, printed) = ended(program);
            assert_eq!(code, Some(78), "{printed}");
            assert!(
                printed.contains(what) && printed.contains(remedy),
                "{printed}"
            );
            assert!(
                !printed.contains("firewall") && !printed.contains("feishu.proxy"),
                "{printed}"
            );
            assert!(!printed.contains("canary"), "{printed}");
        }
    }
    // Trusted and with its right name, it is accepted.
    alone.configure(&format!(
        "[feishu]\nwebhook_url = 'https://localhost:{port}/hook/canary'\n"
    ));
    let mut program = alone.command(&["check", "--online"], &alone.path("roomwatt.toml"));
    program.env("SSL_CERT_FILE", &ca);
    let (code, printed) = ended(program);
    assert_eq!(code, Some(0), "{printed}");
}

#[test]
fn an_expired_certificate_is_named_as_such() {
    let alone = Alone::new("");
    let ca = alone.file("ca.pem", AUTHORITY);
    for (certificate, remedy) in [
        (
            EXPIRED,
            "renew the certificate of what answers as Feishu, or set the clock of this machine",
        ),
        (
            NOT_YET,
            "set the clock of this machine, or that of what answers as Feishu",
        ),
    ] {
        alone.configure(&format!(
            "[feishu]\nwebhook_url = 'https://localhost:{}/hook/canary'\n",
            host(certificate)
        ));
        for command in [&["send-notice"][..], &["check", "--online"]] {
            let mut program = alone.command(command, &alone.path("roomwatt.toml"));
            program.env("SSL_CERT_FILE", &ca);
            let (code, printed) = ended(program);
            assert_eq!(code, Some(78), "{printed}");
            assert!(printed.contains(remedy), "{printed}");
        }
    }
}

/// Valid until 2120.
const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBEDCBw6ADAgECAgEBMAUGAytlcDAXMRUwEwYDVQQDDAxhbiBhdXRob3JpdHkw
IBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBcxFTATBgNVBAMMDGFu
IGF1dGhvcml0eTAqMAUGAytlcAMhAOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe
6mkURtIsozIwMDAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBRMXs5AI6A0HuKs
/8xNFxVKhU8C5TAFBgMrZXADQQBBMoY5VP/5aqmuY8HvVX+zXMixHx5zeSCWg1zO
OB8sNEAKyAaotGw6NXjJe7scRMgcvobqlaJGg4s/Jr8Wcg4F
-----END CERTIFICATE-----
";

/// A certificate by that authority, for localhost, valid until 2120.
const HOST: &str = "\
-----BEGIN CERTIFICATE-----
MIIBETCBxKADAgECAgECMAUGAytlcDAXMRUwEwYDVQQDDAxhbiBhdXRob3JpdHkw
IBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBMxETAPBgNVBAMMCGEg
YnJva2VyMCowBQYDK2VwAyEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG
0iyjNzA1MBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAdBgNVHQ4EFgQUTF7OQCOgNB7i
rP/MTRcVSoVPAuUwBQYDK2VwA0EAl3Dk5Hc/hzgspNOKUk3RNgu48vWVa/0/do1Q
CI1bB41d2Pw42VKx6WMbY/jRRMKicdJ+njf9o0LiHS8dcLKOCQ==
-----END CERTIFICATE-----
";

/// As that of the host, valid in 2020.
const EXPIRED: &str = "\
-----BEGIN CERTIFICATE-----
MIHwMIGjoAMCAQICAQMwBQYDK2VwMBcxFTATBgNVBAMMDGFuIGF1dGhvcml0eTAe
Fw0yMDAxMDEwMDAwMDBaFw0yMTAxMDEwMDAwMDBaMBMxETAPBgNVBAMMCGEgYnJv
a2VyMCowBQYDK2VwAyEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iyj
GDAWMBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAFBgMrZXADQQAbXdtIGm5QJum5h1dN
iLMY7uF8hb4Ce+PyX6bdVqbx2g9C2y71hHU5v3j/02cXlmrNZiKbYlYzUpEUW6X+
0roP
-----END CERTIFICATE-----
";

/// As that of the host, valid from 2110 on.
const NOT_YET: &str = "\
-----BEGIN CERTIFICATE-----
MIH0MIGnoAMCAQICAQQwBQYDK2VwMBcxFTATBgNVBAMMDGFuIGF1dGhvcml0eTAi
GA8yMTEwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjATMREwDwYDVQQDDAhh
IGJyb2tlcjAqMAUGAytlcAMhAOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkU
RtIsoxgwFjAUBgNVHREEDTALgglsb2NhbGhvc3QwBQYDK2VwA0EAqAMGiNPQHyXR
0o6v+e2cdpEZ9W1CsLrLCqhgXhP2hz5zc+jVZqwGQXNx6DGrFulljEeGaaqz8lZU
fWXaa1eFBQ==
-----END CERTIFICATE-----
";
