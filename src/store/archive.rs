//! Stays and readings of the past, and the rooms as they are stored now, for reports.

use std::collections::HashMap;
use std::time::Instant;

use crate::engine::{RoomState, Statuses, Stay};
use crate::types::{HotelId, Kind, LocalTime, Reading, RoomKey};

use super::{KeptFrame, Readings, Recorded, StoreError, Threshold, Wanted};

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

/// Of which rooms something is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    All,
    Hotel(&'a HotelId),
    Room(&'a RoomKey),
}

impl Scope<'_> {
    pub fn has(&self, room: &RoomKey) -> bool {
        match self {
            Scope::All => true,
            Scope::Hotel(hotel) => room.hotel_id == **hotel,
            Scope::Room(one) => room == *one,
        }
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

    /// All stays that began up to `to`, of the rooms in `of`, in the order in which they were
    /// written. A stay may come more than once.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    fn stays(
        &mut self,
        of: Scope<'_>,
        to: LocalTime,
        take: &mut dyn FnMut(RoomKey, Stay),
    ) -> Result<(), StoreError>;

    /// What is remembered of the status of the rooms in `of`; nothing where the service has never
    /// watched it, or where its tables are not there, or may not be read.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or a row.
    fn statuses(
        &mut self,
        of: Scope<'_>,
        take: &mut dyn FnMut(RoomKey, Statuses),
    ) -> Result<(), StoreError>;

    /// The readings of a span, of the rooms in `of`, in any order, except that a room's readings
    /// with the same time come in the order they were stored. Returns the number of invalid rows.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    fn readings(
        &mut self,
        of: Scope<'_>,
        span: Span,
        take: &mut dyn FnMut(RoomKey, Reading),
    ) -> Result<u64, StoreError>;

    /// The readings of these rooms in time order, later than each room's `after`. Those later than
    /// `latest` are invalid.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    fn readings_by_key(
        &mut self,
        wanted: &[Wanted],
        latest: LocalTime,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError>;

    /// A hotel's frames of this length, in seconds, that began in a span and are still kept.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or a row.
    fn frames(
        &mut self,
        hotel: &HotelId,
        interval_seconds: i64,
        span: Span,
    ) -> Result<Vec<KeptFrame>, StoreError>;

    /// What was recorded of a room in a span when it happened: its notices as long as they are
    /// kept, and all its alerts; oldest first. Notices that can't be read are left out.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or a row.
    fn recorded(&mut self, room: &RoomKey, span: Span) -> Result<Vec<Recorded>, StoreError>;

    /// What was in force in a room, by kind of its stays, up to a time: oldest first. Before the
    /// first one nothing was recorded.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or a row.
    fn thresholds(
        &mut self,
        room: &RoomKey,
        kind: Kind,
        to: LocalTime,
    ) -> Result<Vec<Threshold>, StoreError>;

    /// From this time on all work fails, also what is under way by then.
    fn end_by(&mut self, until: Option<Instant>);
}
