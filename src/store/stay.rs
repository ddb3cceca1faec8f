//! Converts stays to and from the columns of `electricity_monitoring`, in every store.

use crate::engine::Stay;
use crate::types::{Kind, LocalTime};

/// Check-in, expected check-out, actual check-in, actual check-out.
pub(super) type Times = [Option<LocalTime>; 4];

/// The time columns of a stay.
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

/// The inverse of [`times`]. If only the other kind's times are set, the stay is of that kind:
/// `checkin` is also the column's default.
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

/// The name of the column with the beginning of a stay.
pub(super) fn begin(stay: &Stay) -> &'static str {
    match stay {
        Stay::Occupied { .. } => "check_in_time",
        Stay::Vacant { .. } => "actual_checkout_time",
    }
}
