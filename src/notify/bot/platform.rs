//! The properties of a platform, and the errors of sending to it.

use thiserror::Error;

use crate::notify::pace::Rate;

/// The properties that all bots of a platform share.
pub(in crate::notify) struct Platform {
    /// Its name for people.
    pub(in crate::notify) name: &'static str,
    /// Its section of the configuration.
    pub(in crate::notify) section: &'static str,
    pub(in crate::notify) rate: Rate,
    /// How far this machine's clock may be off before signatures are refused. Seconds; `None` if
    /// nothing is signed.
    pub(in crate::notify) max_clock_error: Option<i64>,
    /// Whether it notifies people. Notices that are only recorded need not wait for others, nor
    /// until they are certain.
    pub(in crate::notify) notifies_staff: bool,
}

/// The size of a message.
pub(super) struct Size {
    pub(super) bytes: usize,
    /// The most that its platform accepts.
    pub(super) max: usize,
}

/// How a card is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::notify) enum Form {
    /// As a card of the platform.
    Card,
    /// As plain text, in which a platform finds the least to refuse.
    Text,
}

/// Why a message was not accepted, by what can be done about it.
#[derive(Debug, Error)]
pub enum SendError {
    /// The network, overload or rate: the same request may succeed soon.
    #[error("{0}")]
    Passing(String),
    /// No message gets through until somebody changes something.
    #[error("{what}: {remedy}")]
    Route { what: String, remedy: String },
    /// The bot refuses this message, but may accept another one.
    #[error("{0}")]
    Content(String),
}
