//! The reasons for refusing a message or a reading.

use thiserror::Error;

use crate::types::{LocalTime, NotText};

/// The longest body of a message, in bytes; longer ones are refused.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Why a message or a reading is refused, worded for the developer of the property management
/// system.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("the body has {0} bytes, more than {MAX_MESSAGE_BYTES}")]
    TooLarge(usize),
    #[error("the body {0}")]
    NotText(NotText),
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    #[error("the body is JSON but not an object")]
    NotAnObject,
    #[error("the body is a JSON string that holds JSON: publish the object itself, unquoted")]
    Quoted,
    #[error("{field} appears twice in the body, with different values")]
    Twice { field: String },
    /// JSON escapes rare characters as two UTF-16 halves; one is missing.
    #[error(
        "{field} contains half of a character (as \\ud83d without the \\ude00 that belongs to it)"
    )]
    HalfCharacter { field: String },
    #[error("{field} is missing, null or empty")]
    Missing { field: String },
    #[error("{field} must be a string or an integer")]
    NotAKey { field: String },
    #[error("{field} has {chars} characters, more than {max}")]
    TooLong {
        field: String,
        chars: usize,
        max: usize,
    },
    #[error("{field} contains a control character")]
    ControlCharacter { field: String },
    #[error("{field} \"{value}\" is not one this service knows ({known})")]
    UnknownCode {
        field: String,
        value: String,
        /// Codes with their meanings.
        known: String,
    },
    #[error(
        "without {msg_type} it needs {check_in} (check-in) or {checkin} and {checkout} (check-out)"
    )]
    NoKind {
        msg_type: String,
        check_in: String,
        checkin: String,
        checkout: String,
    },
    #[error("{field} is not a time like 2023-04-10 14:30:00: {value}")]
    NotATime { field: String, value: String },
    #[error("{field} is not a register in kWh like 1234.56: {value}")]
    NotARegister { field: String, value: String },
    #[error("{time} is before {checkin}")]
    BeforeCheckin { time: String, checkin: String },
    #[error("{time} is not after {than}")]
    NotAfter { time: String, than: String },
    #[error("{old} and {new} are the same room: a move leads to another one")]
    SameRoom { old: String, new: String },
    #[error("{field} is not occupied, vacant or out_of_order: {value}")]
    NotAState { field: String, value: String },
    #[error("hotel {0:?} is not one of those that this token may write of (http.tokens)")]
    OtherHotel(String),
    /// The database refused to store it.
    #[error("the database can't hold it: {0}")]
    Unstorable(String),
    #[error("{field} {time} is in the future, now it is {now}")]
    Future {
        field: String,
        time: LocalTime,
        now: LocalTime,
    },
    #[error(
        "{field} {time} is more than {hours} h ahead of now ({now})",
        hours = .ahead_seconds / 3600
    )]
    Ahead {
        field: String,
        time: LocalTime,
        now: LocalTime,
        ahead_seconds: i64,
    },
}

pub(super) fn missing(field: &str) -> Refusal {
    Refusal::Missing {
        field: field.to_owned(),
    }
}

/// The beginning of a value, escaped so that it fits into a one-line reason.
pub(super) fn excerpt(value: &str) -> String {
    const SHOWN: usize = 40;
    let mut short: String = value.chars().take(SHOWN).collect();
    if value.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short.escape_debug().to_string()
}
