//! Stays and readings of the past, and the rooms as they are stored now, for reports.

use crate::engine::{RoomState, Statuses, Stay};
use crate::types::{LocalTime, Reading, RoomKey};

use super::StoreError;

/// A span of time that excludes `after` and includes `to`.
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

/// Reads past stays and readings, and the rooms' present states. It serves reports, never the live
/// judging. Rows are passed to `take` one by one, so that none are held in memory.
pub trait Archive {
    /// The state of every room that is watched, in one statement. The instance that owns the
    /// state is not disturbed.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection, [`StoreError::NotSetUp`] without the schema,
    /// [`StoreError::Unreadable`] with the row that is.
    fn rooms(&mut self, take: &mut dyn FnMut(RoomKey, RoomState)) -> Result<(), StoreError>;

    /// All stays that began up to `to`, of one room or of all, in the order in which they were
    /// written. A stay may come more than once.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    fn stays(
        &mut self,
        of: Option<&RoomKey>,
        to: LocalTime,
        take: &mut dyn FnMut(RoomKey, Stay),
    ) -> Result<(), StoreError>;

    /// What is remembered of the status of one room or of all; nothing where the service has never
    /// watched it, or where its tables are not there, or may not be read.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or a row.
    fn statuses(
        &mut self,
        of: Option<&RoomKey>,
        take: &mut dyn FnMut(RoomKey, Statuses),
    ) -> Result<(), StoreError>;

    /// The readings of a span, of one room or of all, in any order, except that a room's readings
    /// with the same time come in the order they were stored. Returns the number of invalid rows.
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
