//! Bodies, within bounds of size and time.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use oxhttp::model::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use oxhttp::model::{Body, HeaderMap, StatusCode};

use super::SILENCE_PATIENCE;
use super::answer::Fault;

/// The largest body. It bounds what a connection can hold in memory.
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;

/// How long a body may take as a whole.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of a refused body is read, and how long: a client that still sends when the connection
/// is closed may never see why.
const MOST_DRAINED: usize = 4 * MOST_BYTES;
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// What a client is sending.
pub(super) struct Incoming {
    body: Body,
    buffer: Vec<u8>,
    /// There is no more, or it can't be had.
    over: bool,
}

impl Incoming {
    pub(super) fn new(body: Body) -> Incoming {
        Incoming {
            body,
            buffer: vec![0; 16 * 1024],
            over: false,
        }
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// 413, 415 where it is compressed, 408 where it does not come in time, 400 where it breaks off.
    pub(super) fn read(&mut self, headers: &HeaderMap) -> Result<Vec<u8>, Fault> {
        let encoding = headers.get(CONTENT_ENCODING).map(|value| value.as_bytes());
        if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
            return Err(Fault::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body is compressed (header Content-Encoding): send it as it is",
            ));
        }
        let told = headers.get(CONTENT_LENGTH);
        let told = told.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if told.is_some_and(|told| told > MOST_BYTES as u64) {
            return Err(too_large());
        }
        let until = Instant::now() + PATIENCE;
        let mut all = Vec::new();
        while let Some(part) = self.part(until)? {
            if all.len() + part.len() > MOST_BYTES {
                return Err(too_large());
            }
            all.extend_from_slice(part);
        }
        Ok(all)
    }

    /// Reads what a client sends in vain, within bounds.
    pub(super) fn drain(&mut self) {
        let until = Instant::now() + DRAIN_PATIENCE;
        let mut drained = 0;
        while let Ok(Some(part)) = self.part(until) {
            drained += part.len();
            if drained > MOST_DRAINED {
                return;
            }
        }
    }

    /// The next part; `None` at the end.
    fn part(&mut self, until: Instant) -> Result<Option<&[u8]>, Fault> {
        if self.over {
            return Ok(None);
        }
        let read = loop {
            match self.body.read(&mut self.buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.over = !matches!(read, Ok(1..));
        match read {
            Ok(_) if Instant::now() > until => Err(too_slow()),
            Ok(0) => Ok(None),
            Ok(length) => Ok(self.buffer.get(..length)),
            Err(error) => Err(match error.kind() {
                // Which of them a socket says depends on the system.
                ErrorKind::WouldBlock | ErrorKind::TimedOut => too_slow(),
                _ => Fault::bad(format!("the body broke off: {error}")),
            }),
        }
    }
}

fn too_large() -> Fault {
    Fault::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!(
            "the body has more than {} MiB, nothing of it was taken: send it in several requests",
            MOST_BYTES / 1024 / 1024
        ),
    )
}

fn too_slow() -> Fault {
    Fault::new(
        StatusCode::REQUEST_TIMEOUT,
        format!(
            "the body did not come in time ({} s of silence, {} s in all), nothing of it was taken",
            SILENCE_PATIENCE.as_secs(),
            PATIENCE.as_secs()
        ),
    )
}
