//! Codes of the property management system, and what they mean.

use std::fmt;

use super::super::RoomStatus;
use super::super::refusal::{Refusal, excerpt};
use super::MessageKind;

/// The most codes that a refusal names.
const MOST_NAMED: usize = 10;

/// The values of a field, each with its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes<M> {
    /// Where several codes have one meaning, messages of our own are sent with the first.
    pub known: Vec<(String, M)>,
    /// Messages with one of these are counted and acknowledged, and have no effect.
    pub ignore: Vec<String>,
}

/// The values of the type field.
pub type TypeCodes = Codes<MessageKind>;

/// The values of the status field. Those for out of order have no end: it is a field of its own.
pub type StatusCodes = Codes<RoomStatus>;

impl<M: Copy + PartialEq + fmt::Display> Codes<M> {
    /// The codes with a meaning.
    pub fn of(&self, meaning: M) -> impl Iterator<Item = &str> {
        let known = self.known.iter();
        known.filter_map(move |(code, other)| (*other == meaning).then_some(code.as_str()))
    }

    /// What a code means, unless it is one to ignore.
    ///
    /// # Errors
    /// [`Refusal::UnknownCode`].
    pub(super) fn meaning(&self, field: &str, code: &str) -> Result<Option<M>, Refusal> {
        if let Some((_, meaning)) = self.known.iter().find(|(known, _)| known == code) {
            return Ok(Some(*meaning));
        }
        if self.ignore.iter().any(|ignored| ignored == code) {
            return Ok(None);
        }
        let known = self.known.iter().take(MOST_NAMED);
        let known = known.map(|(code, meaning)| format!("{}: {meaning}", excerpt(code)));
        let mut known: Vec<String> = known.collect();
        if self.known.len() > MOST_NAMED {
            known.push("…".to_owned());
        }
        Err(Refusal::UnknownCode {
            field: field.to_owned(),
            value: excerpt(code),
            known: known.join(", "),
        })
    }
}

impl TypeCodes {
    /// These codes; a kind that has none gets its key in the configuration as its code.
    pub fn for_all_kinds(mut self) -> TypeCodes {
        for kind in MessageKind::ALL {
            if self.of(kind).next().is_none() {
                self.known.push((kind.key().to_owned(), kind));
            }
        }
        self
    }
}

impl Default for TypeCodes {
    fn default() -> TypeCodes {
        let known = [
            ("5710005", MessageKind::Checkin),
            ("5710013", MessageKind::Checkout),
        ];
        Codes {
            known: known.map(|(code, kind)| (code.to_owned(), kind)).to_vec(),
            ignore: Vec::new(),
        }
    }
}

impl Default for StatusCodes {
    fn default() -> StatusCodes {
        let known = RoomStatus::ALL.map(|status| (status.key().to_owned(), status));
        Codes {
            known: known.to_vec(),
            ignore: Vec::new(),
        }
    }
}

impl MessageKind {
    pub const ALL: [MessageKind; 7] = [
        MessageKind::Checkin,
        MessageKind::Checkout,
        MessageKind::Move,
        MessageKind::Extend,
        MessageKind::CancelCheckin,
        MessageKind::CancelCheckout,
        MessageKind::RoomStatus,
    ];

    /// Its key in the configuration.
    pub fn key(self) -> &'static str {
        match self {
            MessageKind::Checkin => "checkin",
            MessageKind::Checkout => "checkout",
            MessageKind::Move => "move",
            MessageKind::Extend => "extend",
            MessageKind::CancelCheckin => "cancel_checkin",
            MessageKind::CancelCheckout => "cancel_checkout",
            MessageKind::RoomStatus => "room_status",
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MessageKind::Checkin => "check-in",
            MessageKind::Checkout => "check-out",
            MessageKind::Move => "move",
            MessageKind::Extend => "extension",
            MessageKind::CancelCheckin => "cancelled check-in",
            MessageKind::CancelCheckout => "cancelled check-out",
            MessageKind::RoomStatus => "room status",
        })
    }
}

impl RoomStatus {
    /// All of them, without an end.
    pub const ALL: [RoomStatus; 4] = [
        RoomStatus::OutOfOrder { until: None },
        RoomStatus::InOrder,
        RoomStatus::Dirty,
        RoomStatus::Clean,
    ];

    /// Its key in the configuration.
    pub fn key(self) -> &'static str {
        match self {
            RoomStatus::OutOfOrder { .. } => "out_of_order",
            RoomStatus::InOrder => "in_order",
            RoomStatus::Dirty => "dirty",
            RoomStatus::Clean => "clean",
        }
    }
}

impl fmt::Display for RoomStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RoomStatus::OutOfOrder { .. } => "out of order",
            RoomStatus::InOrder => "in order",
            RoomStatus::Dirty => "dirty",
            RoomStatus::Clean => "clean",
        })
    }
}
