//! What every kind of store gives to the service: its writer, its readers, and the lease.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{MeterTrouble, RoomState};
use crate::frontier::Frontier;
use crate::types::{HotelId, LocalTime, Reading, RoomKey};

use super::{
    MeterTail, Meters, NoticeState, OutboxRow, Ownership, Pending, Plan, Position, Readings,
    RejectedMessage, Share, Store, StoreError, Wanted,
};

/// The state's one writer, from the moment it takes the state over.
pub trait StateStore: Store + Send {
    /// Makes this instance the owner of the state: every other one's transactions fail from now on.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection, [`StoreError::NotSetUp`] without the schema.
    fn take_over(&mut self) -> Result<Ownership, StoreError>;

    /// Every room's watch, one by one.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection, [`StoreError::Unreadable`] with the row that is.
    fn load_rooms(&mut self, take: &mut dyn FnMut(RoomKey, RoomState)) -> Result<(), StoreError>;

    /// The hotels of whose meters the staff has been notified, and not yet of the end.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection, [`StoreError::Unreadable`] with the hotel whose row
    /// is.
    fn load_meter_troubles(
        &mut self,
        take: &mut dyn FnMut(HotelId, MeterTrouble),
    ) -> Result<(), StoreError>;
}

/// Reads the meters, for sweeps.
pub trait MeterStream: Meters + Send + Sync {
    /// The tail of the meter table: from what has been judged, or from its end on when that is not
    /// known, or only by the id where the table is read by time. No row is expected to be later
    /// than `latest`. It is made at `when`, by the clock that its sweeps begin by.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    fn meter_tail(
        &self,
        judged: Option<Position>,
        latest: LocalTime,
        when: Instant,
    ) -> Result<MeterTail, StoreError>;

    /// Streams up to `limit` rows to `take`, in the order of their ids or times: those from a
    /// position on, or without one those of the overlap again and all since. Rows later than
    /// `latest` are no readings. A row may be shown twice.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table; then the tail has not moved.
    fn stream_new(
        &self,
        tail: &mut MeterTail,
        from: Option<Position>,
        limit: u64,
        latest: LocalTime,
        take: &mut dyn FnMut(RoomKey, Reading),
    ) -> Result<MeterRows, StoreError>;

    /// As [`Meters::readings`], but of a numbered table only the rows up to a position.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    fn readings_up_to(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        up_to: Option<Position>,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError>;

    /// The time from which on single rooms are cheap to read, where the stream has shown all since;
    /// `None` where they always are.
    fn cheap_after(&self) -> Option<LocalTime>;
}

/// Adds readings where the meter table is ours.
pub trait MeterWriter: Send + Sync {
    /// Adds readings as they come, all of them or none; they are committed when it returns. Of a
    /// room's readings with one time the first is kept, so that sending them again changes nothing.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    fn add(&self, readings: &mut dyn Iterator<Item = (RoomKey, Reading)>)
    -> Result<(), StoreError>;
}

/// Reads what the staff is still to be told.
pub trait Outbox: Send + Sync {
    /// The oldest notices of a share that are still to be told, at most `limit`, after row `after`.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    fn pending_notices(
        &self,
        share: &Share,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError>;
}

/// Reads the meters and the outbox; shared by threads.
pub trait Reader: MeterStream + Outbox {}

impl<R: MeterStream + Outbox> Reader for R {}

/// The lock that one instance at a time has: it tells the others to stand by. Who owns the state is
/// decided by the epoch alone.
pub trait Lease: Send {
    /// Waits for the lock, for `patience` at most; whether this instance has it. One that it has is
    /// kept, and one that was lost is taken again if nobody else has it.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    fn acquire(&mut self, patience: Duration) -> Result<bool, StoreError>;
}

/// The outbox as an operator sees it: every notice, whatever became of it.
pub trait OutboxRows {
    /// At most `limit` notices that are in one of `states`, the newest first; with `before`, of
    /// those with a lower id. Costs `limit` rows a state, however many there are.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection, [`StoreError::NotSetUp`] without the schema.
    fn newest(
        &mut self,
        states: &[NoticeState],
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<OutboxRow>, StoreError>;

    /// One notice, if it is there.
    ///
    /// # Errors
    /// As [`OutboxRows::newest`], and [`StoreError::Unreadable`] at a state that none has.
    fn get(&mut self, id: u64) -> Result<Option<OutboxRow>, StoreError>;

    /// The ids of all notices that were given up, because they failed or expired, the oldest first.
    ///
    /// # Errors
    /// As [`OutboxRows::newest`].
    fn given_up(&mut self) -> Result<Vec<u64>, StoreError>;

    /// Has a notice told once more, if it still is in the state in which it was seen; whether it
    /// was. It is as old as if it had come about now.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or of missing rights.
    fn retry(&mut self, id: u64, seen: NoticeState) -> Result<bool, StoreError>;
}

/// The refused messages as an operator sees them.
pub trait RejectedMessages {
    /// At most `limit` messages, the newest first; with `before`, of those with a lower id.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection, [`StoreError::NotSetUp`] without the schema.
    fn newest(
        &mut self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<RejectedMessage>, StoreError>;

    /// One message, if it is there.
    ///
    /// # Errors
    /// As [`RejectedMessages::newest`].
    fn get(&mut self, id: u64) -> Result<Option<RejectedMessage>, StoreError>;

    /// The ids of all messages that are whole and were not replayed yet, the oldest first.
    ///
    /// # Errors
    /// As [`RejectedMessages::newest`].
    fn not_replayed(&mut self) -> Result<Vec<u64>, StoreError>;

    /// Notes that a message was replayed, now.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or of missing rights.
    fn mark_replayed(&mut self, id: u64) -> Result<(), StoreError>;
}

/// How often a lease has to be kept.
pub const LEASE_KEPT_EVERY: Duration = Duration::from_secs(4);

/// What a stream brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeterRows {
    /// Rows read, those of the overlap again.
    pub rows: u64,
    /// New rows that are no readings: NULLs, zero dates, times ahead of now. A stream by time does
    /// not meet those whose time is none of the past.
    pub bad: u64,
    /// Where to go on when the stream ended at its limit.
    pub next: Option<Position>,
}

impl<S: Store + ?Sized> Store for Box<S> {
    fn commit(&mut self, plan: &Plan) -> Result<(), StoreError> {
        (**self).commit(plan)
    }

    fn forget(&mut self, keep_days: u32) -> Result<u64, StoreError> {
        (**self).forget(keep_days)
    }
}

impl<M: Meters + ?Sized> Meters for Arc<M> {
    fn readings(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        frontier: Frontier,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        (**self).readings(wanted, latest, frontier)
    }

    fn reconnect(&self) {
        (**self).reconnect();
    }
}
