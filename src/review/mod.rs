//! Answers questions about the past with the engine: which alerts rules would have raised, why a
//! room was judged as it was, which thresholds fit a hotel. It reads the
//! database or files that operators name, and changes nothing.

pub mod advise;
mod alerted;
mod archive;
mod assess;
mod backtest;
mod compare;
mod explain;
mod files;
mod in_hotel;
mod past;
mod summary;
mod usual;
mod words;

use std::io;

use thiserror::Error;

use crate::engine::HeaderError;
use crate::store::StoreError;
use crate::types::counted;

pub use alerted::{AlertedRun, ByRule, alerted_runs, by_rule};
pub use archive::{LEARNED_BEFORE, read_archive, read_room};
pub use assess::{Assessed, Because};
pub use backtest::{Finding, backtest, judge, unusual};
pub use compare::{Comparison, compare, read_hotel};
pub use explain::{Chapter, Line, Next, Reason, Verdict, Why, explain, explain_by_thresholds};
pub use files::{COLUMNS, NamedReader, read_files, read_rooms};
pub use in_hotel::explain_in_hotel;
pub use past::{Counts, Past, Room, UnknownRooms};
pub use summary::{Row, Summary};
pub use usual::{Usual, usual};
pub use words::{En, Folded, Words, Zh, is_repetition, used};

#[derive(Debug, Error)]
pub enum ReviewError {
    #[error("{file}: {error}")]
    Io { file: String, error: io::Error },
    #[error("{file}:1: {error}")]
    Header { file: String, error: HeaderError },
    #[error("{file}: {what}")]
    Nothing { file: String, what: &'static str },
    #[error("{file}: {}, nothing was compared", counted(*.rows, "bad row"))]
    BadRows { file: String, rows: u64 },
    #[error(transparent)]
    Store(#[from] StoreError),
}
