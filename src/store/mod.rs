//! Where state lives between two runs. The only place that knows SQL.

mod error;
mod mysql;

use std::collections::HashMap;

use crate::engine::{Notice, Opening, Stay, Watch};
use crate::types::{LocalTime, Reading, RoomKey};

pub use error::StoreError;
pub use mysql::{MeterRows, MeterTail, MySqlLease, MySqlReader, MySqlStore, codec, init_db};

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
}

/// Where the meters are read.
pub trait Meters {
    /// The readings of single rooms that are newer than each one's time and not later than
    /// `latest`, in time order.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    fn readings(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError>;

    /// Gives up every connection: the server behind them is no longer the right one.
    fn reconnect(&self) {}
}

/// One transaction: changes of rooms and all that follows from them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// New states, each room once.
    pub rooms: Vec<(RoomKey, Watch)>,
    /// Watches that began.
    pub openings: Vec<(RoomKey, Opening)>,
    /// Watches that found their initial reading after they began.
    pub initial_readings: Vec<(RoomKey, Opening)>,
    /// Check-ins whose guest means to leave at another time.
    pub expected_checkouts: Vec<(RoomKey, Stay)>,
    /// What the staff is to be told.
    pub notices: Vec<Notice>,
    pub rejected: Vec<Rejected>,
    /// Notices that need no more work.
    pub settled: Vec<Settled>,
    /// Everything up to this row of the meter table has been judged.
    pub meter_id: Option<u64>,
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
}

/// A row of the outbox that is still to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    pub id: u64,
    pub notice: Notice,
}

/// What became of a row of the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    pub id: u64,
    pub notice: Notice,
    pub how: Settlement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Feishu has accepted it.
    Sent,
    /// There is no bot to tell it: it stands in the log.
    Logged,
}

/// A room's readings are wanted that are newer than a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub room: RoomKey,
    pub after: LocalTime,
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
    /// Everything up to this row of the meter table has been judged.
    pub meter_id: Option<u64>,
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
                "the last transaction is {seq} where {} was expected: somebody else writes table service",
                self.seq
            ))),
        }
    }
}
