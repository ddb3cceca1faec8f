//! TLS between amiquip and the broker. amiquip's own needs OpenSSL.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amiquip::IoStream;
use mio::{Evented, Poll, PollOpt, Ready, Token};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::certificate::{self, Explanation, Peer};
use crate::files;

use super::AmqpError;

/// A stream that amiquip's I/O loop can drive. The loop is woken only when the socket's readiness
/// changes, and knows nothing of what is buffered in the session.
pub(super) struct TlsStream {
    socket: mio::net::TcpStream,
    session: ClientConnection,
    /// How many of the caller's bytes are in the session, but not all of them in the socket yet.
    taken: usize,
}

impl TlsStream {
    /// Shakes hands. The broker's certificate must be one for `host`, of an authority in the file
    /// `ca`, or of one that this machine trusts.
    pub(super) fn open(
        socket: TcpStream,
        host: &str,
        ca: Option<&Path>,
        timeout: Duration,
    ) -> Result<TlsStream, AmqpError> {
        let fail = |error: &dyn std::fmt::Display| AmqpError::transient(error.to_string());
        // The configuration or this machine has to be changed: a retry can't help.
        let wrong = |reason: String| AmqpError {
            reason,
            is_refusal: true,
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| wrong(format!("rabbitmq.host {host} can't stand in a certificate")))?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| fail(&error))?
            .with_root_certificates(authorities(ca).map_err(wrong)?)
            .with_no_client_auth();
        let mut session =
            ClientConnection::new(Arc::new(config), name).map_err(|error| fail(&error))?;
        let mut until = Until {
            socket: &socket,
            end: Instant::now() + timeout,
        };
        session.complete_io(&mut until).map_err(|error| {
            let reason = explain(&error);
            match certificate::cause(&error) {
                Some(_) => AmqpError {
                    reason,
                    is_refusal: certificate(&error).is_some(),
                },
                None => fail(&format!("no TLS handshake ({reason}): {WRONG_PORT}")),
            }
        })?;
        let socket = mio::net::TcpStream::from_stream(socket).map_err(|error| fail(&error))?;
        Ok(TlsStream {
            socket,
            session,
            taken: 0,
        })
    }

    fn send(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            if self.session.write_tls(&mut self.socket)? == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

fn authorities(ca: Option<&Path>) -> Result<RootCertStore, String> {
    let Some(file) = ca else {
        let mut authorities = RootCertStore::empty();
        authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if authorities.is_empty() {
            return Err(
                "this machine trusts no authority; name the broker's in rabbitmq.tls_ca".to_owned(),
            );
        }
        return Ok(authorities);
    };
    let fail =
        |error: &dyn std::fmt::Display| format!("rabbitmq.tls_ca {}: {error}", file.display());
    let pem = files::read(file, files::CONFIGURATION).map_err(|error| fail(&error))?;
    certificate::authorities(&pem).map_err(|error| fail(&error))
}

impl Read for TlsStream {
    /// Would block only when the socket would: mio would not wake us for plaintext still buffered.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // A peer that crashes sends no close_notify. AMQP closes with a handshake of its
                // own, so that a truncation is noticed.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            self.session.read_tls(&mut self.socket)?;
            self.session
                .process_new_packets()
                .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }
}

impl Write for TlsStream {
    /// amiquip waits for the socket only while it has bytes left itself. So bytes count as written
    /// only once the socket has all of them; until then it calls again with the same bytes first.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.taken == 0 {
            self.taken = self.session.writer().write(bytes)?;
        }
        self.send()?;
        Ok(std::mem::take(&mut self.taken))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

impl Evented for TlsStream {
    fn register(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.socket.register(poll, token, interest, opts)
    }

    fn reregister(
        &self,
        poll: &Poll,
        token: Token,
        interest: Ready,
        opts: PollOpt,
    ) -> io::Result<()> {
        self.socket.reregister(poll, token, interest, opts)
    }

    fn deregister(&self, poll: &Poll) -> io::Result<()> {
        self.socket.deregister(poll)
    }
}

impl IoStream for TlsStream {}

impl Drop for TlsStream {
    fn drop(&mut self) {
        self.session.send_close_notify();
        // Best effort: it does not wait.
        let _ = self.send();
    }
}

/// A socket with one deadline: its own timeouts begin again with each read and write.
struct Until<'a> {
    socket: &'a TcpStream,
    end: Instant,
}

impl Until<'_> {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.end.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }
}

/// The error of a socket whose timeout has passed, which some systems report as `WouldBlock`.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
        _ => error,
    }
}

impl Read for Until<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.read(bytes).map_err(timed_out)
    }
}

impl Write for Until<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        self.socket.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const WRONG_PORT: &str = "is rabbitmq.port the broker's port for TLS? It often is 5671";

/// An error of a stream, with what can be done about it where that is known.
pub(super) fn explain(error: &io::Error) -> String {
    if let Some(said) = certificate(error) {
        return said.to_string();
    }
    match certificate::cause(error) {
        Some(cause @ rustls::Error::InvalidMessage(_)) => format!("{cause}: {WRONG_PORT}"),
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}

/// What is wrong with the broker's certificate; `None` if the error is not about that.
pub(super) fn certificate(error: &io::Error) -> Option<Explanation> {
    const BROKER: Peer<'_> = Peer {
        name: "the broker",
        if_unknown_authority: "name its authority in rabbitmq.tls_ca",
        if_other_name: "set rabbitmq.host to a name for which the broker has a certificate",
    };
    certificate::explain(error, &BROKER)
}

#[cfg(test)]
mod tests;
