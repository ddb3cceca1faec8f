//! Bodies of requests that may come in: how large they are, and how many are held at a time.

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use http::StatusCode;
use http::header::CONTENT_ENCODING;

use super::answer::Fault;
use super::server::{BodyError, Incoming};

/// The largest body. It bounds what a request can hold in memory.
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Requests with a body at a time: with [`MOST_BYTES`] that bounds all of them.
const AT_A_TIME: usize = 32;

/// How long a request waits for its turn: that of those before it is over then, or the store is
/// slow.
const PATIENCE: Duration = Duration::from_secs(10);

/// Turns for requests with a body.
pub(super) struct Turns {
    /// One for each that is free.
    free: Receiver<()>,
    back: Sender<()>,
}

/// A request's turn, until it is dropped.
pub(super) struct Turn<'a>(&'a Sender<()>);

impl Turns {
    pub(super) fn new() -> Turns {
        let (back, free) = bounded(AT_A_TIME);
        for _ in 0..AT_A_TIME {
            // There is room.
            let _ = back.try_send(());
        }
        Turns { free, back }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// 503 where the others take too long.
    pub(super) fn take(&self) -> Result<Turn<'_>, Fault> {
        match self.free.recv_timeout(PATIENCE) {
            Ok(()) => Ok(Turn(&self.back)),
            Err(_) => Err(Fault::later(format!(
                "{AT_A_TIME} requests are under way, nothing was taken: try again"
            ))),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.try_send(());
    }
}

/// Reads all of a body.
///
/// # Errors
/// 413, 415 where it is compressed, 408 where it does not come in time, 400 where it breaks off or
/// is not in the form of HTTP.
pub(super) fn read(incoming: &mut Incoming<'_>) -> Result<Vec<u8>, Fault> {
    let encoding = incoming.request.headers().get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Fault::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body is compressed (header Content-Encoding): send it as it is",
        ));
    }
    incoming.body(MOST_BYTES).map_err(|error| match error {
        BodyError::TooLarge(most) => Fault::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "the body has more than {} MiB, nothing of it was taken: send it in several \
                 requests",
                most / 1024 / 1024
            ),
        ),
        BodyError::TooSlow(patience) => Fault::new(
            StatusCode::REQUEST_TIMEOUT,
            format!(
                "the body did not come in time ({} s in all), nothing of it was taken",
                patience.as_secs()
            ),
        ),
        BodyError::BrokeOff => Fault::bad("the body broke off"),
        BodyError::Malformed(why) => Fault::bad(format!("the body can't be read: {why}")),
    })
}
