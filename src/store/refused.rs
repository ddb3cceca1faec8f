//! Refused messages, as they are stored.

use sha2::{Digest, Sha256};

use crate::engine::{Kept, KeptBody, RefusedBodies};
use crate::types::LocalTime;

use super::StoreError;

/// A refused message to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Where it came from, such as `amqp:queue`.
    pub source: String,
    /// Why it was refused.
    pub reason: String,
    /// The part of its body that is stored.
    pub body: KeptBody,
    /// Length of the whole body, in bytes.
    pub length: usize,
    /// SHA-256 of source, NUL and the whole body.
    pub digest: [u8; 32],
    /// The broker may have delivered it before, so it is stored only if its digest is not there.
    pub redelivered: bool,
}

impl Rejected {
    /// A refused message, with the part of its body that `bodies` keeps.
    pub fn new(
        source: &str,
        reason: String,
        body: &[u8],
        bodies: &RefusedBodies,
        redelivered: bool,
    ) -> Rejected {
        let mut digest = Sha256::new();
        for part in [source.as_bytes(), b"\0", body] {
            digest.update(part);
        }
        Rejected {
            source: source.to_owned(),
            reason,
            body: bodies.keep(body),
            length: body.len(),
            digest: digest.finalize().into(),
            redelivered,
        }
    }

    /// Whether the body is kept whole, but for its end.
    pub(super) fn is_truncated(&self) -> bool {
        self.body.kept == Kept::Whole && self.body.bytes.len() < self.length
    }
}

/// A stored refused message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedMessage {
    pub id: u64,
    pub created_at: LocalTime,
    /// Where it came from, such as `amqp:queue`.
    pub source: String,
    /// Why it was refused.
    pub reason: String,
    /// The part of its body that is stored.
    pub body: KeptBody,
    /// Whether the body is kept whole, but for its end.
    pub truncated: bool,
    /// Length of the whole body, in bytes. `None` where it is not known: version 0.1 did not store
    /// it.
    pub length: Option<u64>,
    /// When it was last published again.
    pub replayed_at: Option<LocalTime>,
}

impl Kept {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Kept::Whole => "whole",
            Kept::Fields => "fields",
            Kept::Nothing => "nothing",
        }
    }
}

/// The inverse of [`Kept::as_str`], for message `id`.
///
/// # Errors
/// [`StoreError::Unreadable`] if there is no such word.
pub(super) fn kept_of(word: &str, id: u64) -> Result<Kept, StoreError> {
    let all = [Kept::Whole, Kept::Fields, Kept::Nothing];
    { all.into_iter() }
        .find(|kept| kept.as_str() == word)
        .ok_or_else(|| StoreError::Unreadable(format!("rejected_message {id} keeps {word:?}")))
}

/// What stays of a stored whole body, and its length if that is known.
pub(super) fn reduced(
    body: &[u8],
    truncated: bool,
    reduce: &dyn Fn(&[u8]) -> KeptBody,
) -> (KeptBody, Option<u64>) {
    if truncated {
        return (KeptBody::nothing(), None);
    }
    (reduce(body), Some(body.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_a_refused_message_covers_its_source_and_whole_body() {
        let bodies = RefusedBodies::default();
        let digest = |source: &str, body: &[u8]| {
            let rejected = Rejected::new(source, "bad".into(), body, &bodies, false);
            let hex: String = rejected.digest.iter().map(|b| format!("{b:02x}")).collect();
            hex
        };
        assert_eq!(
            digest("amqp:q", b"not JSON"),
            "9b54ea61e23502c2e4430b1008ee654827f9eec90f167929c72651ff9da378f8"
        );
        assert_ne!(digest("amqp:q", b"x"), digest("amqp:qx", b""));
        let long = vec![b'x'; 64 * 1024];
        let longer = [&long[..], b"y"].concat();
        assert_ne!(digest("amqp:q", &long), digest("amqp:q", &longer));
        // What differs only in what is not kept.
        assert_ne!(
            digest("amqp:q", br#"{"a":1}"#),
            digest("amqp:q", br#"{"a":2}"#)
        );
    }

    #[test]
    fn only_the_beginning_of_a_whole_body_is_truncated() {
        let long = vec![b'x'; 64 * 1024];
        let longer = [&long[..], b"y"].concat();
        for (keep_whole, body, truncated) in [
            (true, &longer, true),
            (true, &long, false),
            (false, &longer, false),
        ] {
            let bodies = RefusedBodies {
                keep_whole,
                ..RefusedBodies::default()
            };
            let rejected = Rejected::new("amqp:q", "bad".into(), body, &bodies, true);
            assert_eq!(rejected.is_truncated(), truncated);
            assert_eq!(rejected.length, body.len());
        }
    }

    #[test]
    fn stored_names_are_read_as_they_are_written() {
        for kept in [Kept::Whole, Kept::Fields, Kept::Nothing] {
            assert_eq!(kept_of(kept.as_str(), 1).expect("a word"), kept);
        }
        assert!(kept_of("half", 1).is_err());
    }
}
