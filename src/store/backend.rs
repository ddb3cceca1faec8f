//! The interfaces that every kind of store implements: writer, readers and lease.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::{
    HotelState, Incident, IncidentEvent, IncidentKey, KeptBody, MeterTrouble, RoomState, Rules,
};
use crate::frontier::Frontier;
use crate::types::{HotelId, LocalTime, Reading, RoomKey};

use super::{
    Archive, MeterTail, Meters, NoticeState, OutboxRow, Ownership, Pending, Plan, Position,
    Readings, RejectedMessage, Share, Store, StoreError, StoredIncident, Wanted, WantedIncidents,
};

/// The writer of the state: it takes the state over, loads it, and then commits to it.
pub trait StateStore: Store + Send {
    /// Makes this instance the owner of the state. Transactions of every other instance fail from
    /// now on.
    ///
    /// # Errors
    /// [`StoreError::NotSetUp`] without the schema, or any [`StoreError`] of the connection.
    fn take_over(&mut self) -> Result<Ownership, StoreError>;

    /// Passes every room's state to `take`.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] or [`StoreError::NewerState`] with the first room that can't be
    /// read, or any [`StoreError`] of the connection.
    fn load_rooms(&mut self, take: &mut dyn FnMut(RoomKey, RoomState)) -> Result<(), StoreError>;

    /// Passes every hotel's meter trouble to `take`, as it was last written with a notice.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] with the first hotel whose row can't be read, or any
    /// [`StoreError`] of the connection.
    fn load_meter_troubles(
        &mut self,
        take: &mut dyn FnMut(HotelId, MeterTrouble),
    ) -> Result<(), StoreError>;

    /// Passes to `take` what is remembered of each hotel, beside its rooms.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    fn load_hotels(&mut self, take: &mut dyn FnMut(HotelId, HotelState)) -> Result<(), StoreError>;

    /// Passes every open incident to `take`.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] with the first one that can't be read, or any [`StoreError`] of
    /// the connection.
    fn load_incidents(&mut self, take: &mut dyn FnMut(Incident)) -> Result<(), StoreError>;

    /// The time of the first alert that is recorded of a room after `after`, if there is one.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    fn first_alert(
        &mut self,
        room: &RoomKey,
        after: LocalTime,
    ) -> Result<Option<LocalTime>, StoreError>;
}

/// Reads the meters, for sweeps.
pub trait MeterStream: Meters + Send + Sync {
    /// The tail of the meter table after the position `judged`; from the table's end on if there is
    /// none, or if it is an id and the table is read by time or the other way round. Rows later
    /// than `latest` don't count as its end. `when` is the present, by the clock of its sweeps.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    fn meter_tail(
        &self,
        judged: Option<Position>,
        latest: LocalTime,
        when: Instant,
    ) -> Result<MeterTail, StoreError>;

    /// Streams up to `limit` rows to `take`, in the order of their ids or times. It begins at the
    /// position `from`, or without one with the overlap, whose rows come again. Rows later than
    /// `latest` are invalid. A row may come twice.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table; the tail has not moved then.
    fn stream_new(
        &self,
        tail: &mut MeterTail,
        from: Option<Position>,
        limit: u64,
        latest: LocalTime,
        take: &mut dyn FnMut(RoomKey, Reading),
    ) -> Result<MeterRows, StoreError>;

    /// As [`Meters::readings`], but without a frontier: all rows up to `latest`, and of a table
    /// with ids only those up to `up_to`.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    fn readings_up_to(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        up_to: Option<Position>,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError>;

    /// Readings of single rooms after this time are cheap to read, because the stream has shown all
    /// rows since; `None` if they always are.
    fn cheap_after(&self) -> Option<LocalTime>;
}

/// Adds readings to the meter table of an embedded database.
pub trait MeterWriter: Send + Sync {
    /// Adds readings in one transaction, which is committed when it returns. If a room already has
    /// a reading with the same time, that one stays, so that sending readings again is harmless.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    fn add(&self, readings: &mut dyn Iterator<Item = (RoomKey, Reading)>)
    -> Result<(), StoreError>;
}

/// Reads the pending notices, for notifiers.
pub trait Outbox: Send + Sync {
    /// The oldest pending notices of these hotels with ids above `after`, at most `limit`.
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

/// Reads incidents, also those that are over, for people.
pub trait Incidents: Send + Sync {
    /// At most `limit` incidents, those that opened last first. What is read grows with the number
    /// of those that are not over, of the hotels, and of `limit`, never with history.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if a row can't be read, or any [`StoreError`] of the connection.
    fn newest_incidents(
        &self,
        wanted: &WantedIncidents<'_>,
        limit: usize,
    ) -> Result<Vec<StoredIncident>, StoreError>;

    /// The incident with this id, if there is one, and what became of it, in the order in which it
    /// was written. Kinds of events that only a later version knows are left out.
    ///
    /// # Errors
    /// As of [`Incidents::newest_incidents`].
    fn incident_history(
        &self,
        id: u64,
    ) -> Result<Option<(StoredIncident, Vec<IncidentEvent>)>, StoreError>;

    /// The ids of these incidents, of those that are stored.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    fn incident_ids(&self, keys: &[&IncidentKey]) -> Result<HashMap<IncidentKey, u64>, StoreError>;
}

/// Reads the meters, the outbox and incidents; shared by threads.
pub trait Reader: MeterStream + Outbox + Incidents {
    /// A reader of the past for one thread, over a connection of its own, which is made when it is
    /// first used and kept. It knows of the meter table what this one has learned of it.
    fn archive(&self) -> Box<dyn Archive + Send>;
}

/// A lock held by the active instance, so that the others stand by. It does not protect the state:
/// that is done by the epoch.
pub trait Lease: Send {
    /// Acquires the lock, or renews it if this instance has it, and waits for it at most
    /// `timeout`. Returns whether this instance has it now.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    fn acquire(&mut self, timeout: Duration) -> Result<bool, StoreError>;
}

/// The outbox for an operator: notices in every state.
pub trait OutboxRows {
    /// At most `limit` notices in one of `states`, the newest first, and with `before` only those
    /// with a lower id. It reads at most `limit` rows of each state.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection, [`StoreError::NotSetUp`] without the schema.
    fn newest(
        &mut self,
        states: &[NoticeState],
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<OutboxRow>, StoreError>;

    /// The notice with this id, if there is one.
    ///
    /// # Errors
    /// As [`OutboxRows::newest`], and [`StoreError::Unreadable`] if its state is unknown.
    fn get(&mut self, id: u64) -> Result<Option<OutboxRow>, StoreError>;

    /// The ids of all notices that failed or expired, the oldest first.
    ///
    /// # Errors
    /// As [`OutboxRows::newest`].
    fn given_up(&mut self) -> Result<Vec<u64>, StoreError>;

    /// Makes a notice pending again if it is still in the state `seen`, and returns whether it was.
    /// Its age counts from now.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or of missing rights.
    fn retry(&mut self, id: u64, seen: NoticeState) -> Result<bool, StoreError>;
}

/// The refused messages for an operator.
pub trait RejectedMessages {
    /// At most `limit` messages, the newest first, and with `before` only those with a lower id.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection, [`StoreError::NotSetUp`] without the schema.
    fn newest(
        &mut self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<RejectedMessage>, StoreError>;

    /// The message with this id, if there is one.
    ///
    /// # Errors
    /// As [`RejectedMessages::newest`].
    fn get(&mut self, id: u64) -> Result<Option<RejectedMessage>, StoreError>;

    /// The ids of all messages that are stored whole and were not replayed, the oldest first.
    ///
    /// # Errors
    /// As [`RejectedMessages::newest`].
    fn not_replayed(&mut self) -> Result<Vec<u64>, StoreError>;

    /// Records that a message was replayed now.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or of missing rights.
    fn mark_replayed(&mut self, id: u64) -> Result<(), StoreError>;
}

/// How often a lease has to be renewed.
pub const LEASE_KEPT_EVERY: Duration = Duration::from_secs(4);

/// The result of [`MeterStream::stream_new`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeterRows {
    /// Rows read, including those of the overlap.
    pub rows: u64,
    /// New rows that are invalid: NULLs, zero dates, times ahead of now. A stream by time only
    /// reads rows with a valid time.
    pub invalid: u64,
    /// Where to continue if the stream stopped at its limit.
    pub next: Option<Position>,
}

impl<S: Store + ?Sized> Store for Box<S> {
    fn commit(&mut self, plan: &Plan) -> Result<(), StoreError> {
        (**self).commit(plan)
    }

    fn delete_old(&mut self, keep_days: u32) -> Result<u64, StoreError> {
        (**self).delete_old(keep_days)
    }

    fn delete_incidents(&mut self, keep_days: u32) -> Result<u64, StoreError> {
        (**self).delete_incidents(keep_days)
    }

    fn incident(
        &mut self,
        id: u64,
        request_id: &str,
    ) -> Result<Option<(Incident, bool)>, StoreError> {
        (**self).incident(id, request_id)
    }

    fn reduce_old(&mut self, reduce: &dyn Fn(&[u8]) -> KeptBody) -> Result<u64, StoreError> {
        (**self).reduce_old(reduce)
    }

    fn record_thresholds(&mut self, rules: &Rules, since: LocalTime) -> Result<u64, StoreError> {
        (**self).record_thresholds(rules, since)
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
