use std::fmt;

use serde::{Deserialize, Serialize};

use crate::types::WattHours;

/// Of an interval's energy: it is not known.
const UNKNOWN: u32 = u32::MAX;

/// One interval of the history that a notice shows; only for people to look at. Each of many rooms
/// keeps a dozen, so its numbers are short: no hotel room uses 4 GWh, or is without a reading for
/// 136 years, and where one does, this shows the most that there is room for.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub struct Interval {
    seconds: u32,
    energy: u32,
}

/// As a notice has it.
#[derive(Serialize, Deserialize)]
struct Form {
    seconds: i64,
    energy: Option<WattHours>,
}

impl Interval {
    /// So many seconds, in which so much energy was used; `None` for a gap, where it is not known.
    pub fn new(seconds: i64, energy: Option<WattHours>) -> Interval {
        let most = i64::from(UNKNOWN) - 1;
        let short = |number: i64| number.clamp(0, most) as u32;
        Interval {
            seconds: short(seconds),
            energy: energy.map_or(UNKNOWN, |energy| short(energy.0)),
        }
    }

    pub fn seconds(&self) -> i64 {
        self.seconds.into()
    }

    /// Energy used; `None` for a gap, where it is not known.
    pub fn energy(&self) -> Option<WattHours> {
        (self.energy != UNKNOWN).then(|| WattHours(self.energy.into()))
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval")
            .field("seconds", &self.seconds())
            .field("energy", &self.energy())
            .finish()
    }
}

impl From<Form> for Interval {
    fn from(Form { seconds, energy }: Form) -> Interval {
        Interval::new(seconds, energy)
    }
}

impl From<Interval> for Form {
    fn from(interval: Interval) -> Form {
        Form {
            seconds: interval.seconds(),
            energy: interval.energy(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_too_large_are_the_largest() {
        let of = |seconds, wh: Option<i64>| {
            let interval = Interval::new(seconds, wh.map(WattHours));
            let energy = interval.energy().map(|energy| energy.0);
            (interval.seconds(), energy)
        };
        assert_eq!(of(1_800, Some(0)), (1_800, Some(0)));
        assert_eq!(of(1_800, None), (1_800, None));
        assert_eq!(of(-1, Some(-1)), (0, Some(0)));
        let most = 4_294_967_294;
        assert_eq!(of(most, Some(most)), (most, Some(most)));
        assert_eq!(of(i64::MAX, Some(i64::MAX)), (most, Some(most)));
    }

    #[test]
    fn it_is_written_as_it_always_was_and_read_whatever_is_in_it() {
        for form in [
            r#"{"seconds":1800,"energy":600}"#,
            r#"{"seconds":7200,"energy":null}"#,
        ] {
            let read: Interval = serde_json::from_str(form).expect("an interval");
            assert_eq!(serde_json::to_string(&read).expect("JSON"), form);
        }
        let long = r#"{"seconds":100000000000,"energy":100000000000}"#;
        assert!(serde_json::from_str::<Interval>(long).is_ok());
    }
}
