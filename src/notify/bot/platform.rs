//! What there is to know of a platform, and what may become of a message to it.

use thiserror::Error;

use crate::notify::pace::Rate;

/// What is true of every bot of a platform.
pub(in crate::notify) struct Platform {
    /// What people call it.
    pub(in crate::notify) name: &'static str,
    /// The section of the configuration that has its keys.
    pub(in crate::notify) section: &'static str,
    pub(in crate::notify) rate: Rate,
    /// How far this machine's clock may be off before it refuses what is signed. Seconds; `None`
    /// where nothing is.
    pub(in crate::notify) max_clock_error: Option<i64>,
    /// Whether people are notified by it. What is only recorded need not wait for company, nor
    /// until it is certain.
    pub(in crate::notify) notifies_staff: bool,
}

/// How long a message would be.
pub(super) struct Size {
    pub(super) bytes: usize,
    /// What its platform takes.
    pub(super) max: usize,
}

/// How a card is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::notify) enum Form {
    /// As the platform shows it best.
    Card,
    /// As plain text, of which a platform has the least to refuse.
    Text,
}

/// Why a message was not accepted, by what is to be done about it.
#[derive(Debug, Error)]
pub enum SendError {
    /// Network, overload, rate: the same request may succeed soon.
    #[error("{0}")]
    Passing(String),
    /// No message gets through before somebody has changed something.
    #[error("{what}: {remedy}")]
    Route { what: String, remedy: String },
    /// The bot refuses this message; another one it may accept.
    #[error("{0}")]
    Content(String),
}
