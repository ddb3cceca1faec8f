//! Where state lives between two runs. The only place that knows SQL.

mod archive;
mod backend;
mod coarse;
mod database;
mod error;
mod mysql;
mod notice;
pub mod room;
mod sqlite;
mod stay;
mod tail;

use std::collections::HashMap;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::engine::{MAX_MESSAGE_BYTES, MeterTrouble, Notice, Opening, RoomState, Stay};
use crate::frontier::Frontier;
use crate::types::{HotelId, LocalTime, Reading, RoomKey};

pub use crate::frontier::Position;
pub use archive::{Archive, Span};
pub use backend::{
    LEASE_KEPT_EVERY, Lease, MeterRows, MeterStream, MeterWriter, Outbox, OutboxRows, Reader,
    RejectedMessages, StateStore,
};
pub use database::Database;
pub use error::StoreError;
pub use mysql::{
    MySqlArchive, MySqlLease, MySqlOutbox, MySqlReader, MySqlRejected, MySqlStore, SimulatedMeters,
    adopt,
};
pub use sqlite::{FileLease, SqliteFile, SqliteOutbox, SqliteRejected, SqliteStore};
pub use tail::MeterTail;

use notice::notice_of;

/// Keeps the state: the way of its one writer.
pub trait Store {
    /// Writes a plan, all of it or nothing.
    ///
    /// After any passing error the same plan is to be tried again until it succeeds: a COMMIT whose
    /// answer was lost is recognised by its number and not repeated.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] when another instance owns the state by now.
    fn commit(&mut self, plan: &Plan) -> Result<(), StoreError>;

    /// Deletes refused messages and settled notices that are older than `keep_days` days, the
    /// oldest first, at most [`MOST_FORGOTTEN`] of each; gives how many rows were deleted. A notice
    /// that is still to be told stays, however old it is.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] when another instance owns the state by now: then nothing is
    /// deleted. Any [`StoreError`] of the connection.
    fn forget(&mut self, keep_days: u32) -> Result<u64, StoreError>;
}

/// Rows of a table that one call of [`Store::forget`] deletes at most: few enough that nobody
/// notices the pause.
pub const MOST_FORGOTTEN: u64 = 1_000;

/// Where the meters are read.
pub trait Meters {
    /// The readings of single rooms that are newer than each one's time and not later than
    /// `latest`, in time order: those that a message judges by itself, by the rule of [`Frontier`].
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    fn readings(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        frontier: Frontier,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError>;

    /// Gives up every connection: the server behind them is no longer the right one.
    fn reconnect(&self) {}
}

/// One transaction: changes of rooms and all that follows from them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// New states, each room once.
    pub rooms: Vec<(RoomKey, RoomState)>,
    /// Watches that began.
    pub openings: Vec<(RoomKey, Opening)>,
    /// Watches that began before this: by the stay that they are recorded with, what they are now.
    pub rewritten: Vec<(RoomKey, Stay, Opening)>,
    /// What the staff is to be told.
    pub notices: Vec<Notice>,
    pub rejected: Vec<Rejected>,
    /// Notices that need no more work.
    pub settled: Vec<Settled>,
    /// Up to where the meter table has been judged by now.
    pub position: Option<Position>,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        *self == Plan::default()
    }
}

/// A message that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Where it came from, as `amqp:queue`.
    pub source: String,
    pub reason: String,
    /// The message, or its start.
    pub body: Vec<u8>,
    pub truncated: bool,
    /// Of source, NUL and the whole body: SHA-256.
    pub digest: [u8; 32],
    /// The broker may have delivered it before: it is written only if its digest is not there yet.
    pub redelivered: bool,
}

impl Rejected {
    /// A refused message, of which no more than [`MAX_MESSAGE_BYTES`] are kept.
    pub fn new(source: &str, reason: String, body: &[u8], redelivered: bool) -> Rejected {
        let mut digest = Sha256::new();
        for part in [source.as_bytes(), b"\0", body] {
            digest.update(part);
        }
        let kept = body.len().min(MAX_MESSAGE_BYTES);
        Rejected {
            source: source.to_owned(),
            reason,
            body: body[..kept].to_vec(),
            truncated: kept < body.len(),
            digest: digest.finalize().into(),
            redelivered,
        }
    }
}

/// A refused message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedMessage {
    pub id: u64,
    pub created_at: LocalTime,
    /// Where it came from, as `amqp:queue`.
    pub source: String,
    pub reason: String,
    /// The message, or its start.
    pub body: Vec<u8>,
    pub truncated: bool,
    /// When it was last published again.
    pub replayed_at: Option<LocalTime>,
}

/// A row of the outbox that is still to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    pub id: u64,
    /// How long it has been there, or since it was to be told once more.
    pub age: Duration,
    /// Why it can't be told, where its body is none of ours.
    pub notice: Result<Notice, String>,
}

/// A row of the outbox, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    pub id: u64,
    pub hotel_id: String,
    /// Empty where the notice is one of a hotel's meters.
    pub room_number: String,
    /// The word of the notice's kind.
    pub kind: String,
    /// The time of the reading that brought it about; of meters, when they were looked at.
    pub detected: LocalTime,
    /// The notice as it was written.
    pub body: String,
    /// The notice, or why its body can't be read.
    pub notice: Result<Notice, String>,
    pub state: NoticeState,
    /// Why it was marked failed.
    pub error: Option<String>,
    pub created_at: LocalTime,
    /// When Feishu accepted it.
    pub sent_at: Option<LocalTime>,
    /// When an operator last had it told once more.
    pub retried_at: Option<LocalTime>,
}

/// What has become of a notice so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeState {
    /// It is still to be told.
    Pending,
    /// Feishu has accepted it.
    Sent,
    /// There was no bot to tell it: it stands in the log.
    Logged,
    /// It was too old to be told.
    Expired,
    /// It could not be told.
    Failed,
    /// It was held back while its hotel was frozen, and did not prove true.
    Withdrawn,
}

impl NoticeState {
    pub const ALL: [NoticeState; 6] = [
        NoticeState::Pending,
        NoticeState::Sent,
        NoticeState::Logged,
        NoticeState::Expired,
        NoticeState::Failed,
        NoticeState::Withdrawn,
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
        }
    }

    /// The state of notice `id` by its word.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] where there is no such state.
    fn from_word(word: &str, id: u64) -> Result<NoticeState, StoreError> {
        let known = NoticeState::ALL.into_iter().find(|s| s.as_str() == word);
        known.ok_or_else(|| {
            StoreError::Unreadable(format!("state of notification {id} is none: {word:?}"))
        })
    }
}

/// What a row of `silent_hotel` says of the trouble: its kind, and since when it is.
fn meter_columns(trouble: MeterTrouble) -> (&'static str, Option<LocalTime>) {
    match trouble {
        MeterTrouble::Silent(since) => ("silent", since),
        MeterTrouble::Frozen(since) => ("frozen", Some(since)),
        MeterTrouble::Moved(since) => ("moved", Some(since)),
    }
}

/// The trouble of a row of `silent_hotel`.
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

/// Which hotels' notices are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Share {
    /// Those of these hotels.
    Of(Vec<HotelId>),
    /// Those of all hotels but these.
    AllBut(Vec<HotelId>),
}

impl Share {
    pub fn has(&self, hotel: &HotelId) -> bool {
        match self {
            Share::Of(hotels) => hotels.contains(hotel),
            Share::AllBut(hotels) => !hotels.contains(hotel),
        }
    }
}

/// What became of a row of the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    pub id: u64,
    pub how: Settlement,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Settlement {
    /// Feishu has accepted it.
    Sent(Notice),
    /// There is no bot to tell it: it stands in the log.
    Logged,
    /// It was too old to be told.
    Expired,
    /// It can't be told, with the reason.
    Failed(String),
    /// It was held back while its hotel was frozen, and did not prove true.
    Withdrawn,
}

/// What became of the rows of the original program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Occupied rooms that are watched from now on.
    pub occupied: u64,
    /// Vacant rooms that are watched from now on.
    pub vacant: u64,
    /// Rooms whose watch was older than their row, in order: it is the row's now.
    pub updated: Vec<RoomKey>,
    /// Of these, rooms with a run that the staff had been notified of: nobody knows how it ended.
    pub unfollowed: Vec<RoomKey>,
    /// Rooms whose watch was as new as their row or newer: it stays.
    pub unchanged: u64,
    /// Rows without a room or a stay.
    pub unreadable: u64,
    /// Rows of stays that begin too far ahead of now.
    pub ahead: u64,
}

/// A room's readings are wanted that are newer than a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub room: RoomKey,
    pub after: LocalTime,
    /// Of rows beyond the [`Frontier`], those up to this time.
    pub until: LocalTime,
}

/// Readings of one room, in time order; of several with one time the first stored is first.
pub type Readings = Vec<Reading>;

/// What an instance finds when it takes the state over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// Which instance owns the state: this one.
    pub epoch: u64,
    /// The last transaction.
    pub seq: u64,
    /// Up to where the meter table has been judged.
    pub position: Option<Position>,
}

/// What a transaction has to do, by the `epoch` and `seq` it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the next one.
    Next,
    /// It is there already: a COMMIT whose answer was lost had succeeded.
    Written,
}

impl Ownership {
    /// What the transaction after [`Ownership::seq`] has to do where it finds `epoch` and `seq`.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] at another epoch; [`StoreError::Unreadable`] at a number that no
    /// transaction of this instance can have left.
    pub fn standing(&self, epoch: u64, seq: u64) -> Result<Standing, StoreError> {
        if epoch != self.epoch {
            return Err(StoreError::Replaced {
                ours: self.epoch,
                theirs: epoch,
            });
        }
        match seq.checked_sub(self.seq) {
            Some(0) => Ok(Standing::Next),
            Some(1) => Ok(Standing::Written),
            _ => Err(StoreError::Unreadable(format!(
                "the last transaction is {seq} where {} was expected: somebody else writes table \
                 service",
                self.seq
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_message_is_known_by_its_source_and_whole_body() {
        let digest = |source: &str, body: &[u8]| {
            let rejected = Rejected::new(source, "bad".into(), body, false);
            let hex: String = rejected.digest.iter().map(|b| format!("{b:02x}")).collect();
            hex
        };
        assert_eq!(
            digest("amqp:q", b"not JSON"),
            "9b54ea61e23502c2e4430b1008ee654827f9eec90f167929c72651ff9da378f8"
        );
        assert_ne!(digest("amqp:q", b"x"), digest("amqp:qx", b""));
        let long = vec![b'x'; MAX_MESSAGE_BYTES];
        let longer = [&long[..], b"y"].concat();
        assert_ne!(digest("amqp:q", &long), digest("amqp:q", &longer));
        let kept = |body| Rejected::new("amqp:q", "bad".into(), body, true);
        assert_eq!(kept(&longer).body, long);
        assert!(kept(&longer).truncated && !kept(&long).truncated);
    }
}
