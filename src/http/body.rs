//! Limits on the bodies of requests: their size, and how many are held at a time.

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use http::StatusCode;
use http::header::CONTENT_ENCODING;

use super::answer::Fault;
use super::server::{BodyError, Incoming};

/// The largest body. Bytes. It bounds the memory of a request.
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The most requests with a body at a time: with [`MOST_BYTES`] that bounds the memory of all.
pub(super) const AT_A_TIME: usize = 32;

/// How long a request waits for its turn. By then others have finished, unless the store is slow.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// Turns for what only some requests may do at a time.
pub(super) struct Turns {
    count: usize,
    /// A message for each free turn.
    free: Receiver<()>,
    back: Sender<()>,
}

/// A request's turn, until it is dropped.
pub(super) struct Turn<'a>(&'a Sender<()>);

impl Turns {
    pub(super) fn new(count: usize) -> Turns {
        let (back, free) = bounded(count);
        for _ in 0..count {
            // The channel has room for all of them.
            let _ = back.try_send(());
        }
        Turns { count, free, back }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// 503 when the others take too long.
    pub(super) fn take(&self) -> Result<Turn<'_>, Fault> {
        match self.free.recv_timeout(TURN_TIMEOUT) {
            Ok(()) => Ok(Turn(&self.back)),
            Err(_) => Err(Fault::later(format!(
                "{} requests are under way, nothing was taken: try again",
                self.count
            ))),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.try_send(());
    }
}

/// Reads a whole body, of `most` bytes at most.
///
/// # Errors
/// 413 when it is too large, 415 when it is compressed, 408 when it does not come in time, 400 when
/// it breaks off or is malformed.
pub(super) fn read(incoming: &mut Incoming<'_>, most: usize) -> Result<Vec<u8>, Fault> {
    let encoding = incoming.request.headers().get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Fault::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body is compressed (header Content-Encoding): send it as it is",
        ));
    }
    incoming.body(most).map_err(|error| match error {
        BodyError::TooLarge(most) => Fault::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "the body has more than {} MiB, nothing of it was taken: send it in several \
                 requests",
                most / 1024 / 1024
            ),
        ),
        BodyError::TooSlow(timeout) => Fault::new(
            StatusCode::REQUEST_TIMEOUT,
            format!(
                "the body did not come in time ({} s in all), nothing of it was taken",
                timeout.as_secs()
            ),
        ),
        BodyError::BrokeOff => Fault::bad("the body broke off"),
        BodyError::Malformed(why) => Fault::bad(format!("the body can't be read: {why}")),
    })
}
