//! How numbers and times are shown.

use std::borrow::Cow;

use crate::escape;
use crate::types::{LocalTime, WattHours};

use super::words::Words;

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

const DAY: i64 = 86_400;

/// The time of day, `14:30`.
pub(super) fn hour(time: LocalTime) -> String {
    let (.., hour, minute, _) = time.parts();
    format!("{hour:02}:{minute:02}")
}

/// A time as people say it: the time of day alone where that is clear, else with its day.
pub(super) fn time(time: LocalTime, now: LocalTime, w: &Words) -> String {
    match is_clear(time, now) {
        true => hour(time),
        false => format!("{} {}", day(time, now, w), hour(time)),
    }
}

/// Whether the time of day says which day it was: today's, and at night that of the evening before.
fn is_clear(time: LocalTime, now: LocalTime) -> bool {
    time.midnight() == now.midnight() || now.since(time).abs() < DAY / 2
}

/// `today`, `yesterday`, or a date; with its year where that is another one.
fn day(time: LocalTime, now: LocalTime, w: &Words) -> String {
    let (year, month, day, ..) = time.parts();
    match now.midnight().since(time.midnight()) {
        0 => w.today.to_owned(),
        DAY => w.yesterday.to_owned(),
        _ if year == now.parts().0 => format!("{month:02}-{day:02}"),
        _ => format!("{year:04}-{month:02}-{day:02}"),
    }
}

/// From one time to a later one, as people say it: a day by its name, and no day twice.
pub(super) fn span(from: LocalTime, to: LocalTime, now: LocalTime, w: &Words) -> String {
    let is_whole_day = from == from.midnight() && to.since(from) == DAY;
    // Midnight is the end of the day before.
    let last = to.plus(-1).max(from);
    let is_one_day = from.midnight() == last.midnight();
    let end = match to == to.midnight() && is_one_day {
        true => "24:00".to_owned(),
        false => hour(to),
    };
    if is_whole_day {
        day(from, now, w)
    } else if is_clear(from, now) && is_clear(to, now) {
        format!("{}–{}", hour(from), hour(to))
    } else if is_one_day {
        format!("{} {}–{end}", day(from, now, w), hour(from))
    } else if to.since(from) < DAY / 2 {
        format!("{} {}–{}", day(from, now, w), hour(from), hour(to))
    } else {
        let begin = format!("{} {}", day(from, now, w), hour(from));
        (w.from_to)(&begin, &format!("{} {}", day(to, now, w), hour(to)))
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
    use super::super::words::words;
    use super::*;
    use crate::config::Language;

    #[test]
    fn times_are_what_people_say() {
        let at = |time: &str| LocalTime::parse(&format!("{time}:00")).expect("a time");
        let (zh, en) = (words(Language::Zh), words(Language::En));
        let says = |now, when, in_zh, in_en| {
            assert_eq!(time(at(when), at(now), zh), in_zh, "{when} at {now}");
            assert_eq!(time(at(when), at(now), en), in_en, "{when} at {now}");
        };
        let (night, noon) = ("2023-04-10 03:00", "2023-04-10 14:07");
        says(noon, "2023-04-10 00:00", "00:00", "00:00");
        says(noon, "2023-04-09 23:59", "昨天 23:59", "yesterday 23:59");
        says(noon, "2023-04-08 15:00", "04-08 15:00", "04-08 15:00");
        says(
            noon,
            "2022-12-31 15:00",
            "2022-12-31 15:00",
            "2022-12-31 15:00",
        );
        // Who is on duty at night is in the evening's day.
        says(night, "2023-04-09 22:30", "22:30", "22:30");
        says(night, "2023-04-09 14:30", "昨天 14:30", "yesterday 14:30");
        says(night, "2023-04-10 02:30", "02:30", "02:30");
    }

    #[test]
    fn spans_say_no_day_twice() {
        let at = |time: &str| LocalTime::parse(&format!("2023-{time}:00")).expect("a time");
        let says = |now, from, to, in_zh, in_en| {
            for (language, expected) in [(Language::Zh, in_zh), (Language::En, in_en)] {
                let shown = span(at(from), at(to), at(now), words(language));
                assert_eq!(shown, expected, "{from} to {to} at {now}");
            }
        };
        let noon = "04-10 14:07";
        let same = |from, to, shown| says(noon, from, to, shown, shown);
        same("04-10 09:00", "04-10 09:30", "09:00–09:30");
        same("04-08 09:00", "04-08 09:30", "04-08 09:00–09:30");
        same("04-08 23:39", "04-09 00:09", "04-08 23:39–00:09");
        same("04-07 00:00", "04-08 00:00", "04-07");
        same("04-07 09:00", "04-08 00:00", "04-07 09:00–24:00");
        says(noon, "04-09 00:00", "04-10 00:00", "昨天", "yesterday");
        says(
            noon,
            "04-09 14:30",
            "04-10 14:30",
            "昨天 14:30 至今天 14:30",
            "yesterday 14:30 to today 14:30",
        );
        says(
            noon,
            "04-06 14:30",
            "04-08 14:30",
            "04-06 14:30 至 04-08 14:30",
            "04-06 14:30 to 04-08 14:30",
        );
        let midnight = "04-10 00:00";
        says(midnight, "04-09 00:00", midnight, "昨天", "yesterday");
        says(
            "04-10 00:40",
            "04-09 23:30",
            midnight,
            "23:30–00:00",
            "23:30–00:00",
        );
    }

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
