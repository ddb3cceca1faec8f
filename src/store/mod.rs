//! Persistent state, in MySQL or an embedded SQLite file. The only place that knows SQL.

mod archive;
mod backend;
mod coarse;
mod database;
mod error;
mod frames;
mod incident;
mod incident_list;
mod key;
mod mysql;
mod notice;
mod recorded;
mod refused;
pub mod room;
mod shared;
mod sqlite;
mod stay;
mod tail;
mod thresholds;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::engine::{
    HotelState, Incident, IncidentEvent, KeptBody, MeterTrouble, Notice, Opening, RoomNotice,
    RoomState, Rules, Stay,
};
use crate::frontier::Frontier;
use crate::types::{HotelId, LocalTime, Reading, RoomKey};

pub use crate::frontier::Position;
pub use archive::{Archive, Scope, Span};
pub use backend::{
    Incidents, LEASE_KEPT_EVERY, Lease, MeterRows, MeterStream, MeterWriter, Outbox, OutboxRows,
    Reader, RejectedMessages, StateStore,
};
pub use database::Database;
pub use error::StoreError;
pub use frames::KeptFrame;
pub use incident_list::{StoredIncident, WantedIncidents};
pub use key::InstallationKey;
pub use mysql::{
    MySqlArchive, MySqlLease, MySqlOutbox, MySqlReader, MySqlRejected, MySqlStore, SimulatedMeters,
    adopt,
};
pub use recorded::{AlertRow, Recorded};
pub use refused::{Rejected, RejectedMessage};
pub use sqlite::{FileLease, SqliteFile, SqliteOutbox, SqliteRejected, SqliteStore};
pub use tail::MeterTail;
pub use thresholds::Threshold;

use notice::notice_of;

/// Writes the state. There is one writer, the owner.
pub trait Store {
    /// Writes a plan in one transaction.
    ///
    /// After a transient error the caller must try the same plan again until it succeeds. If only
    /// the answer to COMMIT was lost, the transaction's number shows that it was written, and it is
    /// not repeated.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] if another instance has taken over the state, or any other
    /// [`StoreError`].
    fn commit(&mut self, plan: &Plan) -> Result<(), StoreError>;

    /// Deletes refused messages, settled notices and frames older than `keep_days` days, the oldest
    /// first and at most [`MAX_DELETED`] of each. Pending notices stay, however old they are.
    /// Returns the number of deleted rows.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] if another instance has taken over the state; nothing is deleted
    /// then. Any [`StoreError`] of the connection.
    fn delete_old(&mut self, keep_days: u32) -> Result<u64, StoreError>;

    /// Deletes closed incidents that have not changed for `keep_days` days, each with its history:
    /// the oldest first and at most [`MAX_DELETED`]. Returns the number of deleted incidents.
    ///
    /// # Errors
    /// As of [`Store::delete_old`].
    fn delete_incidents(&mut self, keep_days: u32) -> Result<u64, StoreError>;

    /// The incident with this id, and whether the request with this id has had its effect already.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if its row can't be read, or any [`StoreError`] of the
    /// connection.
    fn incident(
        &mut self,
        id: u64,
        request_id: &str,
    ) -> Result<Option<(Incident, bool)>, StoreError>;

    /// Reduces the bodies of refused messages that have been stored whole for
    /// [`WHOLE_BODY_DAYS`], also by version 0.1: the oldest first, at most [`MAX_REDUCED`]. Returns
    /// the number of reduced ones.
    ///
    /// # Errors
    /// As of [`Store::delete_old`].
    fn reduce_old(&mut self, reduce: &dyn Fn(&[u8]) -> KeptBody) -> Result<u64, StoreError>;

    /// Records the thresholds of the rules as in force since `since`, where they are others than
    /// those that were recorded last; the rest stays as it is, so that it may be repeated. Returns
    /// the number of those that have changed.
    ///
    /// # Errors
    /// As of [`Store::delete_old`].
    fn record_thresholds(&mut self, rules: &Rules, since: LocalTime) -> Result<u64, StoreError>;
}

/// The most rows of one table that a call of [`Store::delete_old`] deletes: few enough for a short
/// transaction.
pub const MAX_DELETED: u64 = 1_000;

/// The most bodies that a call of [`Store::reduce_old`] reduces: all are in memory, and each may
/// have 64 KiB.
pub const MAX_REDUCED: u64 = 200;

/// The body of a refused message stays whole for so many days, if it was stored so.
pub const WHOLE_BODY_DAYS: u32 = 7;

/// Reads single rooms' meters, for messages.
pub trait Meters {
    /// The readings of these rooms in time order: later than each room's `after`, not later than
    /// `latest`, and only those that a message judges by the rule of [`Frontier`].
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    fn readings(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        frontier: Frontier,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError>;

    /// Closes every connection, because the server behind them is no longer the right one.
    fn reconnect(&self) {}
}

/// The content of one transaction: changes of rooms and everything that follows from them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// New states, each room at most once.
    pub rooms: Vec<(RoomKey, RoomState)>,
    /// Watches that began.
    pub openings: Vec<(RoomKey, Opening)>,
    /// Rows of earlier watches that change: of the room, those from the stay of the opening up to
    /// the other stay get the content of the opening. They are written one after the other, and
    /// before the openings.
    pub rewritten: Vec<(RoomKey, Stay, Opening)>,
    /// What is remembered from now on of these hotels, beside their rooms.
    pub hotels: BTreeMap<HotelId, HotelState>,
    /// Frames that are recorded; one that was recorded before stays as it is.
    pub frames: Vec<KeptFrame>,
    /// New notices for the outbox.
    pub notices: Vec<Notice>,
    /// Incidents that begin, change or end, each as it is from now on.
    pub incidents: Vec<Incident>,
    /// What became of incidents, in order. Each is one of the plan's, or was written before.
    pub incident_events: Vec<IncidentEvent>,
    /// Refused messages.
    pub rejected: Vec<Rejected>,
    /// Notices that are no longer pending.
    pub settled: Vec<Settled>,
    /// The position up to which the meter table has been judged; `None` leaves it unchanged.
    pub position: Option<Position>,
    /// Nothing else may follow from a message, but only by what this instance knows of the room:
    /// another one that has replaced it may know more. The transaction checks that none has.
    pub rests_on_ownership: bool,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        *self == Plan::default()
    }
}

/// A row of the outbox that is still to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    pub id: u64,
    /// The time since it was written, or since an operator had it sent again.
    pub age: Duration,
    /// The notice, or why its body can't be read.
    pub notice: Result<Notice, String>,
}

/// A row of the outbox in any state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    pub id: u64,
    pub hotel_id: String,
    /// Empty for a notice about a hotel as a whole.
    pub room_number: String,
    /// The word for the notice's kind, as [`Notice::kind`] gives it.
    pub kind: String,
    /// As [`Notice::detected`].
    pub detected: LocalTime,
    /// The stored body.
    pub body: String,
    /// The notice, or why its body can't be read.
    pub notice: Result<Notice, String>,
    pub state: NoticeState,
    /// Why it failed.
    pub error: Option<String>,
    pub created_at: LocalTime,
    /// When Feishu accepted it.
    pub sent_at: Option<LocalTime>,
    /// When an operator last had it sent again.
    pub retried_at: Option<LocalTime>,
}

/// The state of a notice in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeState {
    /// Still to be sent.
    Pending,
    /// Accepted by Feishu.
    Sent,
    /// Written to the log, because there was no bot for it.
    Logged,
    /// Too old when it could have been sent.
    Expired,
    /// Could not be sent.
    Failed,
    /// Held back while its hotel was frozen, and then found to be wrong.
    Withdrawn,
    /// An alert of the baseline rule in an incident of which the staff knew already.
    Joined,
    /// Somebody had taken care of its incident, or snoozed it, when it was about to be sent.
    Muted,
}

impl NoticeState {
    pub const ALL: [NoticeState; 8] = [
        NoticeState::Pending,
        NoticeState::Sent,
        NoticeState::Logged,
        NoticeState::Expired,
        NoticeState::Failed,
        NoticeState::Withdrawn,
        NoticeState::Joined,
        NoticeState::Muted,
    ];

    /// The word stored in `notification`.
    pub fn as_str(self) -> &'static str {
        match self {
            NoticeState::Pending => "pending",
            NoticeState::Sent => "sent",
            NoticeState::Logged => "logged",
            NoticeState::Expired => "expired",
            NoticeState::Failed => "failed",
            NoticeState::Withdrawn => "withdrawn",
            NoticeState::Joined => "joined",
            NoticeState::Muted => "muted",
        }
    }

    /// The inverse of [`NoticeState::as_str`], for notice `id`.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if there is no such state.
    fn from_word(word: &str, id: u64) -> Result<NoticeState, StoreError> {
        let known = NoticeState::ALL.into_iter().find(|s| s.as_str() == word);
        known.ok_or_else(|| {
            StoreError::Unreadable(format!("notification {id} has an unknown state: {word:?}"))
        })
    }
}

/// The columns `kind` and `since` of `silent_hotel` for a trouble.
fn meter_columns(trouble: MeterTrouble) -> (&'static str, Option<LocalTime>) {
    match trouble {
        MeterTrouble::Silent(since) => ("silent", since),
        MeterTrouble::Frozen(since) => ("frozen", Some(since)),
        MeterTrouble::Moved(since) => ("moved", Some(since)),
    }
}

/// The inverse of [`meter_columns`].
fn meter_trouble(
    hotel: &str,
    kind: &str,
    since: Option<LocalTime>,
) -> Result<MeterTrouble, StoreError> {
    match (kind, since) {
        ("silent", since) => Ok(MeterTrouble::Silent(since)),
        ("frozen", Some(since)) => Ok(MeterTrouble::Frozen(since)),
        ("moved", Some(since)) => Ok(MeterTrouble::Moved(since)),
        _ => Err(StoreError::Unreadable(format!(
            "silent_hotel of {hotel:?} can't be read: {kind:?} since {since:?}"
        ))),
    }
}

/// The hotels whose notices one bot sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Share {
    /// Only these hotels.
    Of(Vec<HotelId>),
    /// All hotels except these.
    AllBut(Vec<HotelId>),
}

impl Share {
    /// Whether the hotel is one of them.
    pub fn has(&self, hotel: &HotelId) -> bool {
        match self {
            Share::Of(hotels) => hotels.contains(hotel),
            Share::AllBut(hotels) => !hotels.contains(hotel),
        }
    }
}

/// A row of the outbox that is no longer pending.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    pub id: u64,
    pub how: Settlement,
}

/// Why a row of the outbox is no longer pending.
#[derive(Clone, Debug, PartialEq)]
pub enum Settlement {
    /// Feishu has accepted it.
    Sent(Notice),
    /// There is no bot for it, so it was written to the log.
    Logged,
    /// It was too old to be sent.
    Expired,
    /// It can't be sent, with the reason.
    Failed(String),
    /// It was held back while its hotel was frozen, and then found to be wrong.
    Withdrawn,
    /// It is an alert of the baseline rule in an incident that was sent before. Its row counts as
    /// notified if the incident's first does.
    Joined(RoomNotice),
    /// Somebody had taken care of its incident, or snoozed it, when it was about to be sent.
    Muted,
}

/// The result of adopting the rows of the original program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Occupied rooms that are watched from now on.
    pub occupied: u64,
    /// Vacant rooms that are watched from now on.
    pub vacant: u64,
    /// Watched rooms of which rows have said something new, in order.
    pub updated: Vec<RoomKey>,
    /// The updated rooms with a run that the staff had been notified of. How it ended is unknown.
    pub unfollowed: Vec<RoomKey>,
    /// Watched rooms of which rows have said nothing new.
    pub unchanged: u64,
    /// Rows without a room or a stay.
    pub unreadable: u64,
    /// Rows of stays that begin too far ahead of now.
    pub ahead: u64,
}

/// A request for the readings of one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub room: RoomKey,
    /// Only readings later than this.
    pub after: LocalTime,
    /// Rows beyond the [`Frontier`] only up to this time.
    pub until: LocalTime,
}

/// Readings of one room in time order; those with the same time in the order they were stored.
pub type Readings = Vec<Reading>;

/// The row of `service` when an instance takes the state over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The number of this takeover. It identifies the instance that owns the state.
    pub epoch: u64,
    /// The number of the last transaction.
    pub seq: u64,
    /// The position up to which the meter table has been judged.
    pub position: Option<Position>,
}

/// Whether a transaction still has to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitStatus {
    /// It has not been written.
    NotWritten,
    /// It was written by an earlier COMMIT whose answer was lost.
    Written,
}

impl Ownership {
    /// The status of the transaction after [`Ownership::seq`], by the `epoch` and `seq` that are
    /// stored now.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] if the epoch is another instance's; [`StoreError::Unreadable`] if
    /// no transaction of this instance can have left this number.
    pub fn commit_status(&self, epoch: u64, seq: u64) -> Result<CommitStatus, StoreError> {
        if epoch != self.epoch {
            return Err(StoreError::Replaced {
                ours: self.epoch,
                theirs: epoch,
            });
        }
        match seq.checked_sub(self.seq) {
            Some(0) => Ok(CommitStatus::NotWritten),
            Some(1) => Ok(CommitStatus::Written),
            _ => Err(StoreError::Unreadable(format!(
                "the last transaction is {seq} but {} was expected: another program writes table \
                 service",
                self.seq
            ))),
        }
    }
}
