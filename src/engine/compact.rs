//! The short forms that values have in a room's stored state, which each sweep writes anew for each
//! room: `#[serde(with = "compact")]` at a field. Its keys are short, too: people read the columns
//! beside it. Notices have the long ones, which say what is what.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::types::{Kind, LocalTime, Reading, WattHours};

use super::{Interval, Stay};

pub(super) fn serialize<T: Compact, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.form().serialize(serializer)
}

pub(super) fn deserialize<'de, T: Compact, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let form = T::Form::deserialize(deserializer)?;
    T::of(form).ok_or_else(|| {
        D::Error::custom("a time is before year 1 or after year 9999, or an interval is incomplete")
    })
}

/// A value with a short form.
pub(super) trait Compact: Sized {
    type Form: Serialize + for<'de> Deserialize<'de>;

    fn form(&self) -> Self::Form;

    /// The inverse; `None` where a time is out of range, or a list breaks off.
    fn of(form: Self::Form) -> Option<Self>;
}

/// Seconds since 1970-01-01 00:00:00 of the hotel's local calendar.
impl Compact for LocalTime {
    type Form = i64;

    fn form(&self) -> i64 {
        self.seconds()
    }

    fn of(seconds: i64) -> Option<LocalTime> {
        LocalTime::from_seconds(seconds)
    }
}

/// Its time and its register.
impl Compact for Reading {
    type Form = (i64, WattHours);

    fn form(&self) -> Self::Form {
        (self.time.form(), self.register)
    }

    fn of((time, register): Self::Form) -> Option<Reading> {
        let time = LocalTime::of(time)?;
        Some(Reading { time, register })
    }
}

/// Its kind, when it began, and the other time that its message has: the expected check-out, or the
/// check-in of the guest who has left.
impl Compact for Stay {
    type Form = (Kind, i64, Option<i64>);

    fn form(&self) -> Self::Form {
        let other = match *self {
            Stay::Occupied {
                expected_checkout, ..
            } => expected_checkout,
            Stay::Vacant { actual_checkin, .. } => actual_checkin,
        };
        (self.kind(), self.time().form(), other.form())
    }

    fn of((kind, began, other): Self::Form) -> Option<Stay> {
        let (began, other) = (LocalTime::of(began)?, Option::of(other)?);
        Some(match kind {
            Kind::Checkin => Stay::Occupied {
                check_in: began,
                expected_checkout: other,
            },
            Kind::Checkout => Stay::Vacant {
                actual_checkin: other,
                actual_checkout: began,
            },
        })
    }
}

impl<T: Compact> Compact for Option<T> {
    type Form = Option<T::Form>;

    fn form(&self) -> Self::Form {
        self.as_ref().map(T::form)
    }

    fn of(form: Self::Form) -> Option<Option<T>> {
        form.map_or(Some(None), |form| T::of(form).map(Some))
    }
}

/// One list, with the seconds and the energy of each interval in turn.
impl Compact for Vec<Interval> {
    type Form = Vec<Option<i64>>;

    fn form(&self) -> Self::Form {
        let numbers = |interval: &Interval| {
            let energy = interval.energy().map(|energy| energy.0);
            [Some(interval.seconds()), energy]
        };
        self.iter().flat_map(numbers).collect()
    }

    fn of(form: Self::Form) -> Option<Vec<Interval>> {
        let (pairs, []) = form.as_chunks() else {
            return None;
        };
        let interval = |&[seconds, energy]: &[Option<i64>; 2]| {
            Some(Interval::new(seconds?, energy.map(WattHours)))
        };
        pairs.iter().map(interval).collect()
    }
}
