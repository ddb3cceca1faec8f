use std::fmt;
use std::num::NonZeroU64;
use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A hotel's local time in whole seconds without a zone, as in the meter table and the messages.
/// Years 0001 to 9999, the range of a DATETIME column.
///
/// In memory it is never zero, so that an `Option` of it takes no more: a room has many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime(NonZeroU64);

/// Seconds from 1970-01-01 00:00:00 back to 0001-01-01 00:00:00, and on to 9999-12-31 23:59:59.
const FIRST_SECONDS: i64 = -62_135_596_800;
const LAST_SECONDS: i64 = 253_402_300_799;

/// The text is not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a time like 2023-04-10 14:30:00")]
pub struct BadTime;

impl LocalTime {
    /// 0001-01-01 00:00:00.
    pub const FIRST: LocalTime = LocalTime::limited(FIRST_SECONDS);
    /// 9999-12-31 23:59:59.
    pub const LAST: LocalTime = LocalTime::limited(LAST_SECONDS);

    /// From seconds since 1970-01-01 00:00:00; the first or the last time where it lies beyond.
    const fn limited(seconds: i64) -> LocalTime {
        let seconds = if seconds < FIRST_SECONDS {
            FIRST_SECONDS
        } else if seconds > LAST_SECONDS {
            LAST_SECONDS
        } else {
            seconds
        };
        let after_first = (seconds - FIRST_SECONDS).cast_unsigned();
        LocalTime(NonZeroU64::MIN.saturating_add(after_first))
    }

    /// Parses a local time: any form of [`Stamp::parse`] without an offset.
    ///
    /// # Errors
    /// [`BadTime`] for any other text, and for a date that does not exist.
    pub fn parse(text: &str) -> Result<LocalTime, BadTime> {
        match Stamp::parse(text)? {
            Stamp {
                local,
                offset_seconds: None,
            } => Ok(local),
            Stamp { .. } => Err(BadTime),
        }
    }

    pub fn from_ymd_hms(year: i32, month: u32, day: u32, h: u32, m: u32, s: u32) -> Option<Self> {
        let time = NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(h, m, s)?;
        Self::from_seconds(time.and_utc().timestamp())
    }

    /// From seconds since 1970-01-01 00:00:00 of the same local calendar.
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        let date = DateTime::from_timestamp(seconds, 0)?;
        (1..=9999)
            .contains(&date.year())
            .then_some(LocalTime::limited(seconds))
    }

    /// Seconds since 1970-01-01 00:00:00 of the same local calendar.
    pub fn seconds(self) -> i64 {
        self.0.get().cast_signed() - 1 + FIRST_SECONDS
    }

    /// Seconds from `earlier` to `self`; negative when `self` is the earlier one.
    pub fn since(self, earlier: LocalTime) -> i64 {
        self.seconds() - earlier.seconds()
    }

    /// This time plus `seconds`, limited to [`LocalTime::FIRST`] and [`LocalTime::LAST`].
    pub fn plus(self, seconds: i64) -> LocalTime {
        LocalTime::limited(self.seconds().saturating_add(seconds))
    }

    /// The beginning of its day.
    pub fn midnight(self) -> LocalTime {
        self.plus(-self.seconds().rem_euclid(86_400))
    }

    fn calendar(self) -> NaiveDateTime {
        // Never the fallback: every constructor keeps years 1 to 9999.
        DateTime::from_timestamp(self.seconds(), 0)
            .unwrap_or(DateTime::UNIX_EPOCH)
            .naive_utc()
    }

    /// `YYYY-MM-DD`.
    pub fn date(self) -> String {
        self.calendar().format("%Y-%m-%d").to_string()
    }

    /// `MM-DD HH:MM`, for texts where the year is obvious.
    pub fn day_hour_minute(self) -> String {
        self.calendar().format("%m-%d %H:%M").to_string()
    }

    /// Year, month, day, hour, minute, second.
    pub fn parts(self) -> (u16, u8, u8, u8, u8, u8) {
        let time = self.calendar();
        (
            time.year() as u16,
            time.month() as u8,
            time.day() as u8,
            time.hour() as u8,
            time.minute() as u8,
            time.second() as u8,
        )
    }
}

/// `YYYY-MM-DD HH:MM:SS`.
impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second) = self.parts();
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
        )
    }
}

impl fmt::Debug for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for LocalTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LocalTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        LocalTime::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A time as it was written, with its offset from UTC if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    pub local: LocalTime,
    pub offset_seconds: Option<i32>,
}

impl Stamp {
    /// Parses the forms that programs write: `YYYY-MM-DD HH:MM:SS`, or `YYYY/M/D H:MM:SS` with one
    /// or two digits. `T` may replace the space; `:SS` may be missing (Java leaves out zero
    /// seconds); a fraction is dropped; an offset (`Z`, `+HH:MM`, `+HHMM`, or with `-`) may follow.
    /// Also seconds or milliseconds since the Unix epoch, from 2001-09-09 to 2033-05-18 UTC.
    /// Surrounding blanks are allowed.
    ///
    /// # Errors
    /// [`BadTime`] for any other text, and for a date that does not exist.
    pub fn parse(text: &str) -> Result<Stamp, BadTime> {
        let text = text.trim_ascii();
        if let Some(stamp) = epoch_time(text) {
            return Ok(stamp);
        }
        let mut rest = Unread(text.as_bytes());
        let year = rest.number(4..=4)?;
        let separator = rest.one_of(b"-/")?;
        let width = if separator == b'/' { 1..=2 } else { 2..=2 };
        let month = rest.number(width.clone())?;
        rest.one_of(&[separator])?;
        let day = rest.number(width.clone())?;
        rest.one_of(b" T")?;
        let hour = rest.number(width)?;
        rest.one_of(b":")?;
        let minute = rest.number(2..=2)?;
        let mut second = 0;
        if rest.one_of(b":").is_ok() {
            second = rest.number(2..=2)?;
            if rest.one_of(b".").is_ok() && rest.digits() == 0 {
                return Err(BadTime);
            }
        }
        let year = i32::try_from(year).map_err(|_| BadTime)?;
        let local =
            LocalTime::from_ymd_hms(year, month, day, hour, minute, second).ok_or(BadTime)?;
        Ok(Stamp {
            local,
            offset_seconds: rest.offset()?,
        })
    }
}

/// Parses seconds since the Unix epoch (10 digits, perhaps with a fraction, which is dropped) or
/// milliseconds (13 digits). They begin with 1: a number that begins with 2 is more likely a date
/// in digits, like 2023041012.
fn epoch_time(text: &str) -> Option<Stamp> {
    let (digits, fraction) = match text.split_once('.') {
        Some((digits, fraction)) => (digits, Some(fraction)),
        None => (text, None),
    };
    let has_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let has_length = digits.len() == 10 || digits.len() == 13 && fraction.is_none();
    let is_epoch = has_length
        && digits.starts_with('1')
        && has_digits(digits)
        && fraction.is_none_or(has_digits);
    if !is_epoch {
        return None;
    }
    Some(Stamp {
        local: LocalTime::from_seconds(digits[..10].parse().ok()?)?,
        offset_seconds: Some(0),
    })
}

/// The rest of a written time, not parsed yet.
struct Unread<'a>(&'a [u8]);

impl Unread<'_> {
    /// Skips the digits that come next and returns how many there were.
    fn digits(&mut self) -> usize {
        let count = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        self.0 = &self.0[count..];
        count
    }

    /// Parses a number with that many digits.
    fn number(&mut self, digits: RangeInclusive<usize>) -> Result<u32, BadTime> {
        let written = self.0;
        let count = self.digits();
        if !digits.contains(&count) {
            return Err(BadTime);
        }
        let digits = written[..count].iter().map(|byte| u32::from(byte - b'0'));
        Ok(digits.fold(0, |number, digit| number * 10 + digit))
    }

    /// Takes the next byte if it is one of these.
    fn one_of(&mut self, expected: &[u8]) -> Result<u8, BadTime> {
        match self.0 {
            [next, rest @ ..] if expected.contains(next) => {
                self.0 = rest;
                Ok(*next)
            }
            _ => Err(BadTime),
        }
    }

    /// Parses the offset from UTC at the end, if there is one. Seconds.
    fn offset(self) -> Result<Option<i32>, BadTime> {
        let (sign, hours, minutes) = match self.0 {
            [] => return Ok(None),
            b"Z" => return Ok(Some(0)),
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2]
            | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => (*sign, [*h1, *h2], [*m1, *m2]),
            _ => return Err(BadTime),
        };
        let [hours, minutes] = [hours, minutes].map(|digits| Unread(&digits).number(2..=2));
        let (hours, minutes) = (hours?, minutes?);
        if hours > 23 || minutes > 59 {
            return Err(BadTime);
        }
        let seconds = (hours * 3600 + minutes * 60) as i32;
        Ok(Some(if sign == b'-' { -seconds } else { seconds }))
    }
}

/// The hotels' time zone. It converts Unix times and times with an offset into local times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    /// The zone with an IANA name such as `Asia/Shanghai`; `None` if it is unknown.
    pub fn named(name: &str) -> Option<Zone> {
        name.parse().ok().map(Zone)
    }

    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The local time at these seconds since the Unix epoch; `None` outside years 1 to 9999.
    pub fn local(self, unix_seconds: i64) -> Option<LocalTime> {
        let moment = DateTime::from_timestamp(unix_seconds, 0)?;
        LocalTime::from_seconds(unix_seconds + i64::from(self.offset_at(moment)))
    }

    /// The local time here of a written time; `None` outside years 1 to 9999.
    pub fn resolve(self, stamp: Stamp) -> Option<LocalTime> {
        match stamp.offset_seconds {
            None => Some(stamp.local),
            Some(offset) => self.local(stamp.local.seconds() - i64::from(offset)),
        }
    }

    /// The seconds since the Unix epoch of a local time here. In the hour that daylight saving
    /// repeats, or skips, it is one of two.
    pub fn unix_seconds(self, local: LocalTime) -> i64 {
        let local = local.seconds();
        let about = local - i64::from(self.offset_seconds(local));
        local - i64::from(self.offset_seconds(about))
    }

    /// The offset in seconds east of UTC at these seconds since the Unix epoch.
    pub fn offset_seconds(self, unix_seconds: i64) -> i32 {
        DateTime::from_timestamp(unix_seconds, 0).map_or(0, |moment| self.offset_at(moment))
    }

    /// These seconds since the Unix epoch in RFC 3339 with the offset of this zone, such as
    /// `2023-04-10T14:30:00+08:00`.
    pub fn rfc3339(self, unix_seconds: i64) -> String {
        let moment = DateTime::from_timestamp(unix_seconds, 0).unwrap_or_default();
        moment.with_timezone(&self.0).to_rfc3339()
    }

    /// Whether the zone's offset changes within a year after these seconds since the Unix epoch.
    pub fn has_daylight_saving(self, unix_seconds: i64) -> bool {
        const WEEK: i64 = 7 * 24 * 3_600;
        let offset = |week: i64| self.offset_seconds(unix_seconds.saturating_add(week * WEEK));
        (1..=53).any(|week| offset(week) != offset(0))
    }

    fn offset_at(self, moment: DateTime<Utc>) -> i32 {
        self.0
            .offset_from_utc_datetime(&moment.naive_utc())
            .fix()
            .local_minus_utc()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<String> {
        let zone = Zone::named("Asia/Shanghai").expect("a known zone");
        let time = zone.resolve(Stamp::parse(text).ok()?)?;
        Some(time.to_string())
    }

    #[test]
    fn every_documented_form_is_parsed() {
        for (text, local) in [
            ("2023-04-10 14:30:00", "2023-04-10 14:30:00"),
            ("2023-04-10T14:30:00", "2023-04-10 14:30:00"),
            (" 2023-04-10 14:30:00.999 ", "2023-04-10 14:30:00"),
            ("2023-04-10T14:30:00Z", "2023-04-10 22:30:00"),
            ("2023-04-10T14:30:00.5+08:00", "2023-04-10 14:30:00"),
            ("2023-04-10T14:30:00-0930", "2023-04-11 08:00:00"),
            ("2024-02-29 00:00:00", "2024-02-29 00:00:00"),
            ("2023-04-10T12:00", "2023-04-10 12:00:00"),
            ("2023-04-10 12:00+08:00", "2023-04-10 12:00:00"),
            ("2023-04-10T12:00Z", "2023-04-10 20:00:00"),
            ("2023/04/10 14:30:00", "2023-04-10 14:30:00"),
            ("2023/4/1 9:05", "2023-04-01 09:05:00"),
            ("1681108200", "2023-04-10 14:30:00"),
            ("1681108200999", "2023-04-10 14:30:00"),
            ("1681108200.123000000", "2023-04-10 14:30:00"),
            ("1000000000", "2001-09-09 09:46:40"),
            ("1999999999999", "2033-05-18 11:33:19"),
            ("0001-01-01 00:00:00", "0001-01-01 00:00:00"),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(local), "{text}");
        }
    }

    #[test]
    fn an_optional_time_takes_no_more_and_the_ends_are_kept() {
        assert_eq!(size_of::<Option<LocalTime>>(), size_of::<i64>());
        let (first, last) = (LocalTime::FIRST, LocalTime::LAST);
        assert_eq!(first.to_string(), "0001-01-01 00:00:00");
        assert_eq!(last.to_string(), "9999-12-31 23:59:59");
        assert_eq!((first.plus(-1), last.plus(1)), (first, last));
        assert_eq!((first.plus(i64::MIN), first.plus(i64::MAX)), (first, last));
        for time in [first, last, LocalTime::limited(0)] {
            assert_eq!(LocalTime::from_seconds(time.seconds()), Some(time));
        }
        let beyond = [first.seconds() - 1, last.seconds() + 1, i64::MIN, i64::MAX];
        assert_eq!(beyond.map(LocalTime::from_seconds), [None; 4]);
        assert_eq!(last.since(first), last.seconds() - first.seconds());
    }

    #[test]
    fn texts_that_are_not_times_are_refused() {
        for text in [
            "",
            "2023-04-10",
            "2023-04-10 14",
            "2023-4-10 14:30:00",
            "2023-04/10 14:30:00",
            "2023/004/10 14:30:00",
            "2023-04-10 14:30.5",
            "2023-04-10 14:30:",
            "168110820",
            "16811082000",
            "-1681108200",
            "23-04-10 14:30:00",
            "2023-02-29 00:00:00",
            "0000-00-00 00:00:00",
            "2023-04-10 24:00:00",
            "2023-04-10 23:59:60",
            "2023-04-10 14:30:00.",
            "2023-04-10 14:30:00+8",
            "2023-04-10 14:30:00+24:00",
            "2023-04-10 14:30:00 PM",
            "2023-04-1０ 14:30:00",
            "9999-12-31 23:59:59-12:00",
            "20230410143000",
            // Dates in digits, which would be times of 2034 and 2043.
            "20230410",
            "2023041014",
            "2304101430",
            "2000000000000",
            "0999999999",
            "01681108200",
            "1681108200.",
            "1681108200.5Z",
            "1681108200999.5",
            "99999999999999999999",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
        assert_eq!(LocalTime::parse("2023-04-10 14:30:00Z"), Err(BadTime));
    }

    #[test]
    fn plus_stops_at_the_first_and_last_time() {
        let last = LocalTime::parse("9999-12-31 23:59:59").expect("a time");
        assert_eq!(last.plus(1), last);
        assert_eq!(last.plus(i64::MAX), last);
        let first = LocalTime::parse("0001-01-01 00:00:00").expect("a time");
        assert_eq!(first.plus(i64::MIN), first);
    }

    #[test]
    fn rfc3339_has_the_offset_of_the_season() {
        let rfc3339 =
            |zone: &str, seconds| Zone::named(zone).expect("a known zone").rfc3339(seconds);
        let [winter, summer] = [1_768_435_200, 1_784_073_600];
        assert_eq!(
            rfc3339("Asia/Shanghai", winter),
            "2026-01-15T08:00:00+08:00"
        );
        assert_eq!(
            rfc3339("Europe/Berlin", winter),
            "2026-01-15T01:00:00+01:00"
        );
        assert_eq!(
            rfc3339("Europe/Berlin", summer),
            "2026-07-15T02:00:00+02:00"
        );
        assert_eq!(rfc3339("UTC", summer), "2026-07-15T00:00:00+00:00");
    }
}
