//! An incoming request: its head has been read, its body is read on demand.

use std::io::{self, BufRead, ErrorKind, Read};
use std::net::IpAddr;
use std::time::Duration;

use http::Request;
use httparse::{Status, parse_chunk_size};
use thiserror::Error;

use super::connection::Connection;
use super::head::{Framing, Head};

/// The longest line with the size of a chunk, and the most extensions of all chunks. Bytes.
const LONGEST_SIZE: usize = 1024;
const MOST_EXTENSIONS: usize = 16 * 1024;

/// The longest trailers. Bytes.
const MOST_TRAILERS: usize = 16 * 1024;

/// The most that is read at once. Bytes.
const PART: usize = 64 * 1024;

/// Why a body could not be read.
#[derive(Debug, Error)]
pub(in crate::http) enum BodyError {
    #[error("it has more than {0} bytes")]
    TooLarge(usize),
    #[error("it did not come in {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error("it broke off")]
    BrokeOff,
    #[error("{0}")]
    Malformed(&'static str),
}

/// A request whose body has not been read yet.
pub(in crate::http) struct Incoming<'a> {
    pub(in crate::http) request: Request<()>,
    /// The address of the other end: of the client, or of a proxy before it.
    pub(in crate::http) peer: IpAddr,
    framing: Framing,
    expects: bool,
    /// Whether all of it has been read.
    is_read: bool,
    timeout: Duration,
    connection: &'a mut Connection,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(
        head: Head,
        peer: IpAddr,
        connection: &'a mut Connection,
        timeout: Duration,
    ) -> Self {
        Incoming {
            request: head.request,
            peer,
            framing: head.framing,
            expects: head.expects,
            is_read: head.framing == Framing::Length(0),
            timeout,
            connection,
        }
    }

    /// Whether all of the request has been read.
    pub(super) fn is_read(&self) -> bool {
        self.is_read
    }

    /// Reads the body, of `most` bytes at most. It takes little more memory than its size.
    ///
    /// # Errors
    /// [`BodyError`]; then the rest can't be read.
    pub(in crate::http) fn body(&mut self, most: usize) -> Result<Vec<u8>, BodyError> {
        let mut body = Vec::new();
        if self.is_read {
            return Ok(body);
        }
        if matches!(self.framing, Framing::Length(length) if length > most as u64) {
            return Err(BodyError::TooLarge(most));
        }
        self.connection.allow(self.timeout);
        let read = match self.framing {
            _ if self.expects && self.connection.send_continue().is_err() => {
                Err(BodyError::BrokeOff)
            }
            Framing::Length(length) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                append(self.connection, length, &mut body).map_err(broken)
            }
            Framing::Chunked => chunks(self.connection, most, &mut body),
        };
        match read {
            Ok(()) => self.is_read = true,
            Err(BodyError::TooSlow(_)) => return Err(BodyError::TooSlow(self.timeout)),
            Err(error) => return Err(error),
        }
        Ok(body)
    }
}

fn broken(error: io::Error) -> BodyError {
    match error.kind() {
        ErrorKind::TimedOut => BodyError::TooSlow(Duration::ZERO),
        _ => BodyError::BrokeOff,
    }
}

/// Appends `count` bytes. Memory is allocated as they come, and never twice as much as needed.
fn append(from: &mut impl Read, count: usize, body: &mut Vec<u8>) -> io::Result<()> {
    let end = body.len() + count;
    while body.len() < end {
        let at = body.len();
        if at == body.capacity() {
            body.reserve_exact((at / 4).max(PART).min(end - at));
        }
        body.resize(body.capacity().min(at + PART).min(end), 0);
        let read = match from.read(body.get_mut(at..).unwrap_or_default()) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            read => read,
        };
        body.truncate(at + *read.as_ref().unwrap_or(&0));
        read?;
    }
    Ok(())
}

fn chunks(from: &mut impl BufRead, most: usize, body: &mut Vec<u8>) -> Result<(), BodyError> {
    let mut extensions = 0;
    loop {
        let line = line(from, LONGEST_SIZE)?;
        let size = match parse_chunk_size(&line) {
            // The parser accepts a line without digits as 0.
            Ok(Status::Complete((length, size)))
                if length == line.len() && line.first().is_some_and(u8::is_ascii_hexdigit) =>
            {
                usize::try_from(size).unwrap_or(usize::MAX)
            }
            _ => return Err(BodyError::Malformed("the size of a chunk is not a number")),
        };
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
        extensions += line.len() - digits.count() - 2;
        if extensions > MOST_EXTENSIONS {
            return Err(BodyError::Malformed(
                "the extensions of chunks are too long",
            ));
        }
        if size == 0 {
            return trailers(from);
        }
        if size > most - body.len() {
            return Err(BodyError::TooLarge(most));
        }
        append(from, size, body).map_err(broken)?;
        let mut end = [0; 2];
        from.read_exact(&mut end).map_err(broken)?;
        if end != *b"\r\n" {
            return Err(BodyError::Malformed("a chunk is longer than its size"));
        }
    }
}

/// Reads and discards the trailers after the last chunk.
fn trailers(from: &mut impl BufRead) -> Result<(), BodyError> {
    let mut left = MOST_TRAILERS;
    loop {
        let line = line(from, left)?;
        if line == b"\r\n" {
            return Ok(());
        }
        left -= line.len();
    }
}

/// Reads a line that ends with CR LF, and has no other CR or LF in it.
fn line(from: &mut impl BufRead, most: usize) -> Result<Vec<u8>, BodyError> {
    let mut line = Vec::new();
    let mut start = from.by_ref().take(most as u64);
    start.read_until(b'\n', &mut line).map_err(broken)?;
    match line.as_slice() {
        [text @ .., b'\r', b'\n'] if !text.contains(&b'\r') => Ok(line),
        [.., b'\n'] => Err(BodyError::Malformed(
            "a line of its chunks does not end with CR LF",
        )),
        short if short.len() < most => Err(BodyError::BrokeOff),
        _ => Err(BodyError::Malformed("a line of its chunks is too long")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of reading chunks, as a text: the body and what is left, or the error.
    fn outcome(wire: &str) -> String {
        let mut body = Vec::new();
        let mut wire = wire.as_bytes();
        match chunks(&mut wire, 20, &mut body) {
            Ok(()) => format!(
                "{} + {:?}",
                String::from_utf8_lossy(&body),
                String::from_utf8_lossy(wire)
            ),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn only_well_formed_chunks_are_joined() {
        let extension = format!("1;{}\r\na\r\n", "x".repeat(900));
        for (wire, expected) in [
            ("0\r\n\r\nmore", " + \"more\""),
            (
                "3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n",
                "abc0123456789 + \"\"",
            ),
            (
                "1;a=\"b\"\r\na\r\n0;c\r\nX: y\r\nZ: z\r\n\r\n!",
                "a + \"!\"",
            ),
            (
                "14\r\n01234567890123456789\r\n0\r\n\r\n",
                "01234567890123456789 + \"\"",
            ),
            ("15\r\n", "it has more than 20 bytes"),
            ("f\r\n012345678901234\r\n6\r\n", "it has more than 20 bytes"),
            ("7fffffffffffffff\r\n", "it has more than 20 bytes"),
            (
                "fffffffffffffffff\r\n",
                "the size of a chunk is not a number",
            ),
            ("\r\n\r\n", "the size of a chunk is not a number"),
            (";a\r\n\r\n", "the size of a chunk is not a number"),
            ("-1\r\n", "the size of a chunk is not a number"),
            ("0x1\r\na\r\n", "the size of a chunk is not a number"),
            (" 1\r\na\r\n", "the size of a chunk is not a number"),
            (
                "1\na\r\n0\r\n\r\n",
                "a line of its chunks does not end with CR LF",
            ),
            (
                "1;a\nb\r\na\r\n0\r\n\r\n",
                "a line of its chunks does not end with CR LF",
            ),
            (
                "1;a\rb\r\na\r\n0\r\n\r\n",
                "a line of its chunks does not end with CR LF",
            ),
            ("2\r\nabc\r\n0\r\n\r\n", "a chunk is longer than its size"),
            (
                "0\r\nX: y\n\r\n",
                "a line of its chunks does not end with CR LF",
            ),
            ("", "it broke off"),
            ("3\r\nab", "it broke off"),
            ("0\r\n", "it broke off"),
            ("0\r\nX: y\r\n", "it broke off"),
            (
                &extension.repeat(19),
                "the extensions of chunks are too long",
            ),
            (
                &format!("1;{}", "x".repeat(2_000)),
                "a line of its chunks is too long",
            ),
            (
                &format!("0\r\n{}", "X: y\r\n".repeat(3_000)),
                "a line of its chunks is too long",
            ),
        ] {
            assert_eq!(outcome(wire), expected, "{wire:?}");
        }
    }

    #[test]
    fn a_body_takes_little_more_memory_than_its_size() {
        let body = vec![b'x'; 3_000_000];
        let mut read = Vec::new();
        append(&mut body.as_slice(), body.len(), &mut read).expect("all of it");
        assert_eq!(read.len(), body.len());
        assert_eq!(read.capacity(), body.len(), "its size was known");
        let mut read = Vec::new();
        for part in body.chunks(1_000) {
            let (mut from, length) = (part, part.len());
            append(&mut from, length, &mut read).expect("all of it");
        }
        assert!(
            read.capacity() <= body.len() * 5 / 4 + PART,
            "{}",
            read.capacity()
        );
    }
}
