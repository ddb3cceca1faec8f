//! What is kept of the past.

use crate::engine::Stay;
use crate::types::{LocalTime, Reading, RoomKey};

use super::StoreError;

/// A time span: later than `after`, not later than `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub after: LocalTime,
    pub to: LocalTime,
}

impl Span {
    pub fn has(&self, time: LocalTime) -> bool {
        self.after < time && time <= self.to
    }
}

/// What is kept of the past: stays that were watched and what the meters said. For people's
/// questions, never for judging the present; nothing is held in memory, `take` gets it one by one.
pub trait Archive {
    /// All stays that began up to `to`, of one room or of all, in the order in which they were
    /// written; a stay may come more than once.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    fn stays(
        &mut self,
        of: Option<&RoomKey>,
        to: LocalTime,
        take: &mut dyn FnMut(RoomKey, Stay),
    ) -> Result<(), StoreError>;

    /// The readings of a span, of one room or of all, in any order, but of a room's with one time
    /// the first stored comes first. Gives the number of rows of that span that are no readings.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    fn readings(
        &mut self,
        of: Option<&RoomKey>,
        span: Span,
        take: &mut dyn FnMut(RoomKey, Reading),
    ) -> Result<u64, StoreError>;
}
