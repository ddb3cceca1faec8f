//! How numbers and times are shown.

use std::borrow::Cow;

use crate::escape;
use crate::types::{LocalTime, WattHours};

/// Mean power over an interval, in kW with one decimal.
pub(super) fn kw(watts: i64) -> String {
    let tenths = (watts.max(0) + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// kWh with one decimal.
pub(super) fn kwh(energy: WattHours) -> String {
    let tenths = (energy.0.max(0) + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Energy in kWh with two decimals.
pub(super) fn kwh_of_interval(energy: WattHours) -> String {
    let hundredths = energy.0.saturating_add(5).max(0) / 10;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// The time of day, with its date where that is another one than today's.
pub(super) fn time(time: LocalTime, now: LocalTime) -> String {
    let shown = time.day_hour_minute();
    if time.date() == now.date() {
        return shown
            .split_once(' ')
            .map_or(shown.clone(), |(_, time)| time.to_owned());
    }
    match time.parts().0 == now.parts().0 {
        true => shown,
        false => format!("{}-{shown}", time.parts().0),
    }
}

/// A name as people may see it: nothing in it turns the line around.
pub(super) fn name(name: &str) -> Cow<'_, str> {
    match name.chars().any(escape::is_unsafe) {
        true => Cow::Owned(escape::without_direction_marks(name)),
        false => Cow::Borrowed(name),
    }
}

/// The floor of a room by its number: the digits before the last two of the number at its end;
/// empty where there are none.
pub(super) fn floor(room: &str) -> &str {
    let digits = room.bytes().rev().take_while(u8::is_ascii_digit).count();
    let number = room.get(room.len() - digits..).unwrap_or_default();
    let floor = number
        .get(..number.len().saturating_sub(2))
        .unwrap_or_default();
    match floor.trim_start_matches('0') {
        "" if !floor.is_empty() => "0",
        floor => floor,
    }
}

/// The order of names with numbers in them: 9 before 10.
pub(super) fn natural(name: &str) -> (&str, usize, &str) {
    let digits = name.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (text, number) = name.split_at(name.len() - digits);
    let number = number.trim_start_matches('0');
    (text, number.len(), number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_are_what_hotels_call_them() {
        for (room, expected) in [
            ("0604", "6"),
            ("1203", "12"),
            ("A301", "3"),
            ("8", ""),
            ("12", ""),
            ("012", "0"),
            ("套房", ""),
            ("", ""),
            ("3-18", ""),
            ("B2-110", "1"),
        ] {
            assert_eq!(floor(room), expected, "{room}");
        }
    }

    #[test]
    fn nine_comes_before_ten() {
        let mut rooms = ["A10", "110", "9", "A9", "1001", "10"];
        rooms.sort_by_key(|room| natural(room));
        assert_eq!(rooms, ["9", "10", "110", "1001", "A9", "A10"]);
    }

    #[test]
    fn power_is_energy_by_time() {
        let watts = |wh: i64| WattHours(wh).mean_watts(1_800);
        assert_eq!(kw(watts(2_400)), "4.8");
        assert_eq!(kw(watts(24)), "0.0");
        assert_eq!(kw(watts(26)), "0.1");
        assert_eq!(kw(-1), "0.0");
    }
}
