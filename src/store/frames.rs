//! What the rooms of a hotel had in common, as rows of `hotel_frame`, in every store.

use crate::engine::baseline::FrameSummary;
use crate::types::{HotelId, LocalTime};

/// The columns that are written and read.
pub(super) const COLUMNS: [&str; 11] = [
    "hotel_id",
    "frame_time",
    "interval_seconds",
    "vacant",
    "common_wh",
    "low_wh",
    "high_wh",
    "is_hot",
    "base_wh",
    "level_wh",
    "allowance_wh",
];

/// A hotel's frame, as the baseline rule saw it when it first looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFrame {
    pub hotel: HotelId,
    /// When the frame began.
    pub began: LocalTime,
    /// Its length in seconds.
    pub interval_seconds: i64,
    pub summary: FrameSummary,
    /// `baseline.allowance_wh` by then.
    pub allowance: i64,
}

/// The numbers of a frame, in the order of [`COLUMNS`] from `vacant` on.
pub(super) fn numbers(frame: &KeptFrame) -> [Option<i64>; 8] {
    let FrameSummary {
        vacant,
        common,
        low,
        high,
        is_hot,
        base,
        level,
    } = frame.summary;
    [
        Some(vacant.into()),
        Some(common.into()),
        Some(low.into()),
        Some(high.into()),
        Some(is_hot.into()),
        Some(base.into()),
        level.map(i64::from),
        Some(frame.allowance),
    ]
}

/// The inverse of [`numbers`]: the summary, and the allowance.
pub(super) fn summary(numbers: [Option<i64>; 8]) -> (FrameSummary, i64) {
    let [vacant, common, low, high, is_hot, base, level, allowance] = numbers;
    let short = |number: i64| u16::try_from(number).unwrap_or(u16::MAX);
    let required = |number: Option<i64>| short(number.unwrap_or(0));
    let summary = FrameSummary {
        vacant: u32::try_from(vacant.unwrap_or(0)).unwrap_or(u32::MAX),
        common: required(common),
        low: required(low),
        high: required(high),
        is_hot: is_hot.unwrap_or(0) != 0,
        base: required(base),
        level: level.map(short),
    };
    (summary, allowance.unwrap_or(0))
}
