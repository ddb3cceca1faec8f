//! A client's connection, with a deadline for each step.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Response;

/// Bytes read at once, and the longest body that is sent together with its head.
const BUFFER: usize = 16 * 1024;

/// The most that is still read after the answer. Bytes.
const MOST_LINGERED: u64 = 16 * 1024 * 1024;

/// A connection. It is read with [`BufRead`]; after the deadline that fails with
/// [`ErrorKind::TimedOut`].
pub(super) struct Connection(BufReader<Timed>);

/// A socket with a deadline.
struct Timed {
    stream: Arc<TcpStream>,
    until: Instant,
}

impl Timed {
    /// The time left for the next call.
    fn left(&self) -> io::Result<Duration> {
        match self.until.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }
}

/// A timeout is `WouldBlock` on some systems and `TimedOut` on others.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
        _ => error,
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        (&*self.stream).read(buffer).map_err(timed_out)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        (&*self.stream).write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Connection {
    pub(super) fn new(stream: Arc<TcpStream>) -> Connection {
        // The second part of an answer must not wait until the client acknowledges the first.
        let _ = stream.set_nodelay(true);
        let until = Instant::now();
        Connection(BufReader::with_capacity(BUFFER, Timed { stream, until }))
    }

    /// Sets the deadline: what comes next may take `timeout` in total.
    pub(super) fn allow(&mut self, timeout: Duration) {
        self.0.get_mut().until = Instant::now() + timeout;
    }

    /// Asks for the body, when the client waits for that.
    pub(super) fn send_continue(&mut self) -> io::Result<()> {
        let line = b"HTTP/1.1 100 Continue\r\n\r\n";
        self.0.get_mut().write_all(line)
    }

    /// Sends the answer, and closes the connection's write side.
    pub(super) fn send(&mut self, response: &Response<Vec<u8>>, with_body: bool) -> io::Result<()> {
        let body = response.body().as_slice();
        let (mut start, own) = (head(response), if with_body { body } else { &[] });
        let socket = self.0.get_mut();
        if own.len() <= BUFFER {
            start.extend_from_slice(own);
            socket.write_all(&start)?;
        } else {
            socket.write_all(&start)?;
            socket.write_all(own)?;
        }
        socket.stream.shutdown(Shutdown::Write)
    }

    /// Reads and discards what the client still sends: closing the connection before that may
    /// destroy the answer on its way. After a request that was read to its end there is usually
    /// nothing.
    pub(super) fn linger(&mut self, is_read: bool) {
        if is_read && self.0.buffer().is_empty() && !self.has_more() {
            return;
        }
        // An error ends it, too.
        let _ = io::copy(&mut self.0.by_ref().take(MOST_LINGERED), &mut io::sink());
    }

    fn has_more(&self) -> bool {
        let stream = &self.0.get_ref().stream;
        let peeked = stream
            .set_nonblocking(true)
            .and_then(|()| stream.peek(&mut [0]));
        let _ = stream.set_nonblocking(false);
        matches!(peeked, Ok(1..))
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl BufRead for Connection {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

/// The head of an answer.
fn head(response: &Response<Vec<u8>>) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in response.headers() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    let length = response.body().len();
    let last = format!("content-length: {length}\r\nconnection: close\r\n\r\n");
    head.extend_from_slice(last.as_bytes());
    head
}

/// Refuses a client without waiting.
pub(super) fn refuse(stream: &TcpStream, response: &Response<Vec<u8>>) {
    let mut answer = head(response);
    answer.extend_from_slice(response.body());
    // The socket's buffer is empty, so this does not block; if it fails, the connection just ends.
    if stream.set_nonblocking(true).is_ok() {
        let mut stream = stream;
        let _ = stream.write_all(&answer);
    }
}
