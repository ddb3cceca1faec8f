//! The baseline rule: how much more a room uses than it does by itself, and than the hotel's other
//! rooms have in common with it at the moment.
//!
//! It has no threshold of its own. Of a vacant room it keeps an account of the excess (a CUSUM with
//! a capped step), of an occupied one the least that it has used in each of six intervals. What it
//! compares with is learned: the lowest use in the room's earlier stays, and the excess of the
//! other vacant rooms two frames before.
//!
//! A *frame* is an interval length of the calendar, for example the half hour from 14:00. An
//! interval belongs to the frame in which it ends. Judging a room appends what it has judged to the
//! room's pending items ([`Baseline::add`]); they are evaluated by a sweep, all of a hotel in the
//! order of frame, room and time ([`evaluate`]). Each room votes once in a frame
//! ([`Contribution`]), and the votes are looked at two frames later, when they are complete. So the
//! result does not depend on the order of rooms within a frame, nor on how the readings are cut
//! into sweeps.
//!
//! All numbers are integers, and all divisions round down. Energies are Wh per interval length.

mod fold;
mod frames;
mod hotel;
mod item;
mod state;
mod stored;

pub use fold::{
    ABOVE_ALARM, ABOVE_LEVEL, ALERT_PERIODS, BaseOf, COARSE_ALARM, COARSE_MOST, COARSE_STEP, Event,
    EventKind, Finding, LEAST_LEVEL, MOST_LEVEL, STEP, Verdict,
};
pub use frames::{Contribution, FrameSummary, Frames, LEAST_LEVELS, Peers};
pub use hotel::{Evaluation, HotelMemory, evaluate};
pub use item::{Item, Judged};
pub use state::Baseline;

use crate::types::{LocalTime, WattHours};

/// How the baseline rule is used (`[baseline]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaselineRules {
    pub mode: BaselineMode,
    /// A vacant room may use so much more than its base in an interval.
    pub allowance: WattHours,
    /// An alert when the account has reached this.
    pub alarm: WattHours,
}

/// What becomes of the alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaselineMode {
    /// They are computed, and the staff is not notified.
    Shadow,
    /// The staff is notified.
    On,
    /// Nothing is computed, and what was learned is forgotten.
    Off,
}

impl Default for BaselineRules {
    fn default() -> BaselineRules {
        BaselineRules {
            mode: BaselineMode::Shadow,
            allowance: WattHours(100),
            alarm: WattHours(800),
        }
    }
}

/// The frame of a time. Times before 1970 are in frame 0.
pub fn frame(time: LocalTime, interval_seconds: i64) -> u32 {
    u32::try_from((time.seconds() / interval_seconds).max(0)).unwrap_or(u32::MAX)
}

/// The frame that an interval which ended at this time looks at.
pub fn looked_at(ended: LocalTime, interval_seconds: i64) -> u32 {
    frame(ended, interval_seconds).saturating_sub(2)
}

/// When a frame begins.
pub fn begin(frame: u32, interval_seconds: i64) -> LocalTime {
    let epoch = LocalTime::from_seconds(0).unwrap_or(LocalTime::FIRST);
    epoch.plus(i64::from(frame).saturating_mul(interval_seconds))
}

/// A number as a room's state has room for it: no hotel room uses 65 kWh in an interval.
fn short(number: i64) -> u16 {
    u16::try_from(number.max(0)).unwrap_or(u16::MAX)
}
