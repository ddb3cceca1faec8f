//! A stay as the columns of `electricity_monitoring` have it, in every store.

use crate::engine::Stay;
use crate::types::{Kind, LocalTime};

/// Check-in, expected check-out, actual check-in, actual check-out.
pub(super) type Times = [Option<LocalTime>; 4];

pub(super) fn times(stay: &Stay) -> Times {
    match *stay {
        Stay::Occupied {
            check_in,
            expected_checkout,
        } => [Some(check_in), expected_checkout, None, None],
        Stay::Vacant {
            actual_checkin,
            actual_checkout,
        } => [None, None, actual_checkin, Some(actual_checkout)],
    }
}

/// The inverse of [`times`]. A row with the times of the other kind alone is of that: the column
/// says `checkin` also where nobody has written it.
pub(super) fn stay(kind: Option<Kind>, times: Times) -> Option<Stay> {
    let [check_in, expected_checkout, actual_checkin, actual_checkout] = times;
    let occupied = check_in.map(|check_in| Stay::Occupied {
        check_in,
        expected_checkout,
    });
    let vacant = actual_checkout.map(|actual_checkout| Stay::Vacant {
        actual_checkin,
        actual_checkout,
    });
    match kind {
        Some(Kind::Checkout) => vacant.or(occupied),
        Some(Kind::Checkin) | None => occupied.or(vacant),
    }
}

/// The column with the time at which a stay began.
pub(super) fn begin(stay: &Stay) -> &'static str {
    match stay {
        Stay::Occupied { .. } => "check_in_time",
        Stay::Vacant { .. } => "actual_checkout_time",
    }
}
