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

/// The condition of a row whose stay lies from one up to another, both of them included, in the
/// order of a room's events. Its parameters are the beginnings of the two.
pub(super) fn between(first: &Stay, last: &Stay) -> String {
    let checkout = Kind::Checkout.as_str();
    let order = format!(
        "(CASE msg_type WHEN '{checkout}' THEN actual_checkout_time ELSE check_in_time END, \
         msg_type <> '{checkout}')"
    );
    let place = |stay: &Stay| u8::from(stay.kind() != Kind::Checkout);
    let (first, last) = (place(first), place(last));
    format!("{order} >= (?, {first}) AND {order} <= (?, {last})")
}
