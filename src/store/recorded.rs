//! What was recorded of a room when it happened, in every store.

use crate::engine::{Notice, NoticeKind, RoomNotice};
use crate::types::{LocalTime, WattHours};

use super::NoticeState;

/// Something that was recorded of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// A notice, and what has become of it.
    Notice(Box<RoomNotice>, NoticeState),
    /// An alert whose notice has been deleted since.
    Alert(AlertRow),
}

/// A row of `electricity_abnormal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertRow {
    pub detected: LocalTime,
    pub energy: WattHours,
    pub periods: u32,
    pub is_notified: bool,
}

impl Recorded {
    /// The time of the reading that caused it.
    pub fn at(&self) -> LocalTime {
        match self {
            Recorded::Notice(notice, _) => notice.detected,
            Recorded::Alert(row) => row.detected,
        }
    }
}

/// What was recorded in some time, in order: an alert has a row as long as its notice is kept, and
/// longer.
pub(super) fn recorded(
    notices: Vec<(Notice, NoticeState)>,
    mut alerts: Vec<AlertRow>,
    is_within: impl Fn(LocalTime) -> bool,
) -> Vec<Recorded> {
    let mut found = Vec::new();
    for (notice, state) in notices {
        let Notice::Room(notice) = notice else {
            continue;
        };
        if notice.kind == NoticeKind::Alert {
            let is_its = |row: &AlertRow| row.detected == notice.detected;
            if let Some(at) = alerts.iter().position(is_its) {
                alerts.remove(at);
            }
        }
        found.push(Recorded::Notice(Box::new(notice), state));
    }
    found.extend(alerts.into_iter().map(Recorded::Alert));
    found.retain(|it| is_within(it.at()));
    // It is stable: what is of one time stays in the order in which it was written.
    found.sort_by_key(Recorded::at);
    found
}
