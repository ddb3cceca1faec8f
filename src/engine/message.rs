//! Check-in and check-out messages as the property management system publishes them.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::types::{HotelId, Kind, LocalTime, RoomKey, RoomNumber, Stamp, Zone};

use super::Stay;

/// Longer bodies are refused.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// How messages are written: configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageFormat {
    pub types: TypeCodes,
    pub fields: FieldNames,
    pub zone: Zone,
    /// A stay time further ahead of now than this is refused. Seconds.
    pub max_ahead_seconds: i64,
}

/// The values of the type field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeCodes {
    pub checkin: String,
    pub checkout: String,
    /// Other messages of a shared queue: counted and acknowledged.
    pub ignore: Vec<String>,
}

/// The names of the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldNames {
    pub hotel_id: String,
    pub room_number: String,
    pub msg_type: String,
    pub check_in_time: String,
    pub expected_checkout_time: String,
    pub actual_checkin_time: String,
    pub actual_checkout_time: String,
}

impl Default for TypeCodes {
    fn default() -> TypeCodes {
        TypeCodes {
            checkin: "5710005".into(),
            checkout: "5710013".into(),
            ignore: Vec::new(),
        }
    }
}

impl Default for FieldNames {
    fn default() -> FieldNames {
        FieldNames {
            hotel_id: "hotel_id".into(),
            room_number: "room_number".into(),
            msg_type: "msgType".into(),
            check_in_time: "check_in_time".into(),
            expected_checkout_time: "expected_checkout_time".into(),
            actual_checkin_time: "actual_checkin_time".into(),
            actual_checkout_time: "actual_checkout_time".into(),
        }
    }
}

/// A check-in or check-out of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub room: RoomKey,
    pub stay: Stay,
}

/// What a message body turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    Event(Event),
    /// An event whose expected check-out is not after its check-in: that time is ignored.
    EventWithoutExpected(Event),
    /// Its type is one to ignore.
    Ignored,
    Refused(Refusal),
}

/// Why a message is refused, in words for the developer of the property management system.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("the body has {0} bytes, more than {MAX_MESSAGE_BYTES}")]
    TooLarge(usize),
    #[error("the body is not UTF-8")]
    NotUtf8,
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    #[error("the body is JSON but not an object")]
    NotAnObject,
    #[error("{field} is missing, null or empty")]
    Missing { field: String },
    #[error("{field} must be a string or an integer")]
    NotAKey { field: String },
    #[error("{field} has {chars} characters, more than {max}")]
    TooLong {
        field: String,
        chars: usize,
        max: usize,
    },
    #[error("{field} holds a control character")]
    ControlCharacter { field: String },
    #[error(
        "{field} \"{value}\" is not one this service knows ({checkin}: check-in, {checkout}: check-out)"
    )]
    UnknownType {
        field: String,
        value: String,
        checkin: String,
        checkout: String,
    },
    #[error(
        "without {msg_type} it needs {check_in} (check-in) or {checkin} and {checkout} (check-out)"
    )]
    NoKind {
        msg_type: String,
        check_in: String,
        checkin: String,
        checkout: String,
    },
    #[error("{field} is not a time like 2023-04-10 14:30:00: {value}")]
    NotATime { field: String, value: String },
    #[error("{checkout} is before {checkin}")]
    LeftBeforeArrival { checkout: String, checkin: String },
    /// Found out when it was written, not when it was read.
    #[error("the database can't hold it: {0}")]
    Unstorable(String),
    #[error("{field} {time} is more than {hours} h ahead of now ({now})", hours = .ahead_seconds / 3600)]
    Ahead {
        field: String,
        time: LocalTime,
        now: LocalTime,
        ahead_seconds: i64,
    },
}

impl MessageFormat {
    /// Reads a message body. `now` is `None` where all is history and nothing can lie ahead.
    pub fn parse(&self, body: &[u8], now: Option<LocalTime>) -> Parsed {
        self.read(body, now).unwrap_or_else(Parsed::Refused)
    }

    fn read(&self, body: &[u8], now: Option<LocalTime>) -> Result<Parsed, Refusal> {
        if body.len() > MAX_MESSAGE_BYTES {
            return Err(Refusal::TooLarge(body.len()));
        }
        let text = std::str::from_utf8(body).map_err(|_| Refusal::NotUtf8)?;
        let fields: Fields = serde_json::from_str(text).map_err(|error| {
            match serde_json::from_str::<IgnoredAny>(text) {
                Err(error) => Refusal::NotJson(error.to_string()),
                // An object all the same: then the name of a field can't be read.
                Ok(_) if text.trim_start().starts_with('{') => Refusal::NotJson(error.to_string()),
                Ok(_) => Refusal::NotAnObject,
            }
        })?;

        let Some(kind) = self.kind(&fields)? else {
            return Ok(Parsed::Ignored);
        };
        let names = &self.fields;
        let room = RoomKey {
            hotel_id: HotelId::new(&key(&fields, &names.hotel_id, HotelId::MAX_CHARS)?),
            room_number: RoomNumber::new(&key(&fields, &names.room_number, RoomNumber::MAX_CHARS)?),
        };
        let (stay, expected_ignored) = match kind {
            Kind::Checkin => self.check_in(&fields)?,
            Kind::Checkout => (self.check_out(&fields)?, false),
        };
        if let Some(now) = now
            && stay.time().since(now) > self.max_ahead_seconds
        {
            return Err(Refusal::Ahead {
                field: match kind {
                    Kind::Checkin => names.check_in_time.clone(),
                    Kind::Checkout => names.actual_checkout_time.clone(),
                },
                time: stay.time(),
                now,
                ahead_seconds: self.max_ahead_seconds,
            });
        }
        let event = Event { room, stay };
        Ok(if expected_ignored {
            Parsed::EventWithoutExpected(event)
        } else {
            Parsed::Event(event)
        })
    }

    /// Check-in or check-out; `None` for a type to ignore.
    fn kind(&self, fields: &Fields) -> Result<Option<Kind>, Refusal> {
        let names = &self.fields;
        let code = match present(fields, &names.msg_type) {
            None => return self.kind_by_times(fields).map(Some),
            Some(value) => text_or_integer(value).ok_or_else(|| Refusal::NotAKey {
                field: names.msg_type.clone(),
            })?,
        };
        let code = code.trim();
        if code == self.types.checkin {
            Ok(Some(Kind::Checkin))
        } else if code == self.types.checkout {
            Ok(Some(Kind::Checkout))
        } else if self.types.ignore.iter().any(|ignored| ignored == code) {
            Ok(None)
        } else {
            Err(Refusal::UnknownType {
                field: names.msg_type.clone(),
                value: excerpt(code),
                checkin: self.types.checkin.clone(),
                checkout: self.types.checkout.clone(),
            })
        }
    }

    fn kind_by_times(&self, fields: &Fields) -> Result<Kind, Refusal> {
        let names = &self.fields;
        let has = |field: &str| present(fields, field).is_some();
        if has(&names.check_in_time) {
            Ok(Kind::Checkin)
        } else if has(&names.actual_checkin_time) && has(&names.actual_checkout_time) {
            Ok(Kind::Checkout)
        } else {
            Err(Refusal::NoKind {
                msg_type: names.msg_type.clone(),
                check_in: names.check_in_time.clone(),
                checkin: names.actual_checkin_time.clone(),
                checkout: names.actual_checkout_time.clone(),
            })
        }
    }

    /// The stay of a check-in, and whether its expected check-out had to be ignored.
    fn check_in(&self, fields: &Fields) -> Result<(Stay, bool), Refusal> {
        let names = &self.fields;
        let check_in = self.needed_time(fields, &names.check_in_time)?;
        let expected = self.time(fields, &names.expected_checkout_time)?;
        let expected_checkout = expected.filter(|&expected| expected > check_in);
        let stay = Stay::Occupied {
            check_in,
            expected_checkout,
        };
        Ok((stay, expected_checkout != expected))
    }

    fn check_out(&self, fields: &Fields) -> Result<Stay, Refusal> {
        let names = &self.fields;
        let actual_checkout = self.needed_time(fields, &names.actual_checkout_time)?;
        let actual_checkin = self.time(fields, &names.actual_checkin_time)?;
        if actual_checkin.is_some_and(|checkin| actual_checkout < checkin) {
            return Err(Refusal::LeftBeforeArrival {
                checkout: names.actual_checkout_time.clone(),
                checkin: names.actual_checkin_time.clone(),
            });
        }
        Ok(Stay::Vacant {
            actual_checkin,
            actual_checkout,
        })
    }

    fn needed_time(&self, fields: &Fields, field: &str) -> Result<LocalTime, Refusal> {
        self.time(fields, field)?.ok_or_else(|| missing(field))
    }

    fn time(&self, fields: &Fields, field: &str) -> Result<Option<LocalTime>, Refusal> {
        let Some(value) = present(fields, field) else {
            return Ok(None);
        };
        text(value)
            .and_then(|text| Stamp::parse(&text).ok())
            .and_then(|stamp| self.zone.resolve(stamp))
            .map(Some)
            .ok_or_else(|| Refusal::NotATime {
                field: field.to_owned(),
                value: excerpt(&text(value).unwrap_or_else(|| value.get().to_owned())),
            })
    }
}

/// The fields of a message as they are written: of a name that comes twice the last.
type Fields<'a> = HashMap<String, &'a RawValue>;

/// A field's value; null and "" mean absent.
fn present<'a>(fields: &Fields<'a>, field: &str) -> Option<&'a RawValue> {
    let value = *fields.get(field)?;
    (!matches!(value.get(), "null" | "\"\"")).then_some(value)
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// A string, or the digits of an integer of any length.
fn text_or_integer(value: &RawValue) -> Option<String> {
    let written = value.get();
    let digits = written.strip_prefix('-').unwrap_or(written);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Some(written.to_owned())
    } else {
        text(value)
    }
}

/// Half of a room key: trimmed, not empty, not longer than its column, without control characters.
fn key(fields: &Fields, field: &str, max: usize) -> Result<String, Refusal> {
    let value = present(fields, field).ok_or_else(|| missing(field))?;
    let text = text_or_integer(value).ok_or_else(|| Refusal::NotAKey {
        field: field.to_owned(),
    })?;
    let text = text.trim();
    let chars = text.chars().count();
    if chars == 0 {
        Err(missing(field))
    } else if chars > max {
        Err(Refusal::TooLong {
            field: field.to_owned(),
            chars,
            max,
        })
    } else if text.chars().any(char::is_control) {
        Err(Refusal::ControlCharacter {
            field: field.to_owned(),
        })
    } else {
        Ok(text.to_owned())
    }
}

fn missing(field: &str) -> Refusal {
    Refusal::Missing {
        field: field.to_owned(),
    }
}

/// The start of a value, fit for a one-line reason.
fn excerpt(value: &str) -> String {
    const SHOWN: usize = 40;
    let mut short: String = value.chars().take(SHOWN).collect();
    if value.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The original's format; messages of type 9 are somebody else's.
    fn format() -> MessageFormat {
        MessageFormat {
            types: TypeCodes {
                ignore: vec!["9".into()],
                ..TypeCodes::default()
            },
            fields: FieldNames::default(),
            zone: Zone::named("Asia/Shanghai").expect("a zone"),
            max_ahead_seconds: 2 * 3600,
        }
    }

    /// What became of a message, in words.
    fn words(parsed: Parsed) -> String {
        let (event, ignored) = match parsed {
            Parsed::Ignored => return "ignored".into(),
            Parsed::Refused(refusal) => return refusal.to_string(),
            Parsed::Event(event) => (event, ""),
            Parsed::EventWithoutExpected(event) => (event, ", expected check-out ignored"),
        };
        let optional = |word, time: Option<LocalTime>| {
            time.map_or(String::new(), |time| format!(", {word} {time}"))
        };
        let (stay, other) = match event.stay {
            Stay::Occupied {
                check_in,
                expected_checkout,
            } => (
                format!("in {check_in}"),
                optional("leaves", expected_checkout),
            ),
            Stay::Vacant {
                actual_checkin,
                actual_checkout,
            } => (
                format!("out {actual_checkout}"),
                optional("came", actual_checkin),
            ),
        };
        format!("{} {stay}{other}{ignored}", event.room)
    }

    /// Reads a body at 14:30 on 2023-04-10.
    fn read(body: &str) -> String {
        let now = LocalTime::parse("2023-04-10 14:30:00").expect("a time");
        words(format().parse(body.as_bytes(), Some(now)))
    }

    /// Reads a message of room 101 of H1 with these fields. Times, to keep lines short, may be
    /// written as `@12:00:00` for one of 2023-04-10.
    fn room(fields: &str) -> String {
        let fields = fields.replace('@', "2023-04-10 ");
        read(&format!(
            r#"{{"hotel_id": "H1", "room_number": "101", {fields}}}"#
        ))
    }

    fn check_in(fields: &str) -> String {
        room(&format!(r#""msgType": "5710005", {fields}"#))
    }

    fn check_out(fields: &str) -> String {
        room(&format!(r#""msgType": "5710013", {fields}"#))
    }

    #[test]
    fn the_documented_messages() {
        let came = r#"{"hotel_id": "H12345", "room_number": "1001", "msgType": "5710005",
            "check_in_time": "2023-04-10 14:30:00",
            "expected_checkout_time": "2023-04-12 12:00:00"}"#;
        let event = "H12345/1001 in 2023-04-10 14:30:00, leaves 2023-04-12 12:00:00";
        assert_eq!(read(came), event);
        let left = r#"{"hotel_id": "H12345", "room_number": "1001", "msgType": "5710013",
            "actual_checkin_time": "2023-04-08 14:30:00",
            "actual_checkout_time": "2023-04-10 12:00:00"}"#;
        let event = "H12345/1001 out 2023-04-10 12:00:00, came 2023-04-08 14:30:00";
        assert_eq!(read(left), event);
    }

    #[test]
    fn the_kind_by_its_type() {
        let came = "H1/101 in 2023-04-10 13:00:00";
        let left = "H1/101 out 2023-04-10 12:00:00, came 2023-04-10 09:00:00";
        let unknown = |shown: &str| {
            let known = "(5710005: check-in, 5710013: check-out)";
            format!("msgType \"{shown}\" is not one this service knows {known}")
        };
        let none = "msgType must be a string or an integer";
        for (code, became) in [
            (r#""5710005""#, came),
            ("5710005", came),
            (r#"" 5710005 ""#, came),
            (r#""5710013""#, left),
            ("5710013", left),
            // nothing said: the times tell, a check-in's first
            ("null", came),
            (r#""""#, came),
            (r#""9""#, "ignored"),
            ("9", "ignored"),
            (r#""5710006""#, &unknown("5710006")),
            ("5710006", &unknown("5710006")),
            (r#""checkin""#, &unknown("checkin")),
            (r#""\u001b[31m""#, &unknown(r"\u{1b}[31m")),
            (&"7".repeat(18), &unknown(&"7".repeat(18))),
            (
                &format!("\"{}\"", "7".repeat(41)),
                &unknown(&("7".repeat(40) + "…")),
            ),
            ("5710005.0", none),
            ("true", none),
            ("[5710005]", none),
        ] {
            let times = r#""check_in_time": "@13:00:00", "actual_checkin_time": "@09:00:00",
                "actual_checkout_time": "@12:00:00""#;
            let body = format!(r#""msgType": {code}, {times}"#);
            assert_eq!(room(&body), became, "{code}");
        }
        assert_eq!(read(r#"{"msgType": "9", "hotel_id": false}"#), "ignored");
    }

    #[test]
    fn the_kind_by_its_times() {
        let came = r#""check_in_time": "@13:00:00""#;
        let arrived = r#""actual_checkin_time": "@09:00:00""#;
        let left = r#""actual_checkout_time": "@12:00:00""#;
        let is_in = "H1/101 in 2023-04-10 13:00:00";
        let is_out = "H1/101 out 2023-04-10 12:00:00, came 2023-04-10 09:00:00";
        let unclear = "without msgType it needs check_in_time (check-in) or actual_checkin_time \
                       and actual_checkout_time (check-out)";
        for (fields, became) in [
            (came.to_owned(), is_in),
            (format!("{came}, {arrived}, {left}"), is_in),
            (format!("{arrived}, {left}"), is_out),
            (
                format!(r#"{arrived}, {left}, "check_in_time": null"#),
                is_out,
            ),
            (format!(r#"{arrived}, {left}, "check_in_time": """#), is_out),
            (arrived.to_owned(), unclear),
            (left.to_owned(), unclear),
            (format!(r#"{left}, "actual_checkin_time": """#), unclear),
            (r#""msgType": null"#.to_owned(), unclear),
        ] {
            assert_eq!(room(&fields), became, "{fields}");
        }
    }

    /// Reads a check-in of a room whose ids are written so.
    fn ids(hotel: &str, room: &str) -> String {
        let time = r#""check_in_time": "2023-04-10 14:00:00""#;
        read(&format!(
            r#"{{"hotel_id": {hotel}, "room_number": {room}, {time}}}"#
        ))
    }

    /// "strings or JSON integers; trimmed", as long as the column, in characters
    #[test]
    fn ids_of_rooms() {
        let (hotel, number) = ("酒".repeat(50), "店".repeat(20));
        for (hotel, room, key) in [
            ("12345", "1001", "12345/1001"),
            ("0", "-1", "0/-1"),
            ("18446744073709551615", "1", "18446744073709551615/1"),
            (r#"" H1 ""#, r#""\t0101\n""#, "H1/0101"),
            (r#""\u3000H1""#, r#""A 1""#, "H1/A 1"),
            (r#""北京饭店""#, r#""八〇一""#, "北京饭店/八〇一"),
            (
                &format!("\"{hotel}\""),
                &format!("\" {number} \""),
                &format!("{hotel}/{number}"),
            ),
        ] {
            let event = format!("{key} in 2023-04-10 14:00:00");
            assert_eq!(ids(hotel, room), event);
        }
    }

    /// An integer is its digits, as many as the column takes.
    #[test]
    fn ids_that_are_long_integers() {
        let event = "18446744073709551616/1 in 2023-04-10 14:00:00";
        assert_eq!(ids("18446744073709551616", "1"), event);
    }

    #[test]
    fn ids_that_are_none() {
        for (id, reason) in [
            ("null", "is missing, null or empty"),
            (r#""""#, "is missing, null or empty"),
            (r#"" \t\u3000""#, "is missing, null or empty"),
            ("true", "must be a string or an integer"),
            ("1.5", "must be a string or an integer"),
            ("1e3", "must be a string or an integer"),
            (r#"["H1"]"#, "must be a string or an integer"),
            (r#""H\u00001""#, "holds a control character"),
            (r#""H\n1""#, "holds a control character"),
            (r#""H\u009b1""#, "holds a control character"),
        ] {
            assert_eq!(ids(id, "101"), format!("hotel_id {reason}"));
            assert_eq!(ids("1", id), format!("room_number {reason}"));
        }
        let digits = |count| format!("\"{}\"", "酒".repeat(count));
        let long = "hotel_id has 51 characters, more than 50";
        assert_eq!(ids(&digits(51), "1"), long);
        let long = "room_number has 21 characters, more than 20";
        assert_eq!(ids("1", &digits(21)), long);
        let absent = r#"{"hotel_id": "1", "check_in_time": "2023-04-10 14:00:00"}"#;
        assert_eq!(read(absent), "room_number is missing, null or empty");
    }

    /// "`T` in place of the space, an optional fraction (dropped), an optional offset (converted
    /// to the hotel time zone)"
    #[test]
    fn times_in_every_form() {
        for time in [
            "2023-04-10 14:00:00",
            "2023-04-10T14:00:00",
            "2023-04-10 14:00:00.999",
            "2023-04-10T06:00:00Z",
            "2023-04-10T06:00:00.5Z",
            "2023-04-10T14:00:00+08:00",
            "2023-04-10T15:30:00+0930",
            "2023-04-09T21:00:00-09:00",
        ] {
            let leaves = r#""expected_checkout_time": "2023-04-12T04:00:00Z""#;
            assert_eq!(
                check_in(&format!(r#""check_in_time": "{time}", {leaves}"#)),
                "H1/101 in 2023-04-10 14:00:00, leaves 2023-04-12 12:00:00",
                "{time}"
            );
            assert_eq!(
                check_out(&format!(r#""actual_checkout_time": "{time}""#)),
                "H1/101 out 2023-04-10 14:00:00",
                "{time}"
            );
        }
    }

    /// "So is a time of its kind that is present and can't be read."
    #[test]
    fn times_that_are_none() {
        let good = r#""@14:00:00""#;
        for bad in [
            "1681106400",
            "false",
            r#""2023-02-30 14:00:00""#,
            r#""2023-04-10""#,
            r#"" ""#,
        ] {
            let came = format!(r#""check_in_time": {bad}"#);
            let leaves = format!(r#""check_in_time": {good}, "expected_checkout_time": {bad}"#);
            let left = format!(r#""actual_checkout_time": {bad}"#);
            let arrived =
                format!(r#""actual_checkout_time": {good}, "actual_checkin_time": {bad}"#);
            for (reason, field) in [
                (check_in(&came), "check_in_time"),
                (check_in(&leaves), "expected_checkout_time"),
                (check_out(&left), "actual_checkout_time"),
                (check_out(&arrived), "actual_checkin_time"),
            ] {
                let start = format!("{field} is not a time like 2023-04-10 14:30:00: ");
                let value = reason.strip_prefix(&start);
                let value = value.unwrap_or_else(|| panic!("{bad}: {reason}"));
                assert!(value.contains(bad.trim_matches('"')), "{bad}: {reason}");
            }
        }
        // those of the other kind are no business of this one
        let other = format!(r#""check_in_time": {good}, "actual_checkout_time": "soon""#);
        assert_eq!(check_in(&other), "H1/101 in 2023-04-10 14:00:00");
        let other = format!(r#""actual_checkout_time": {good}, "check_in_time": "soon""#);
        assert_eq!(check_out(&other), "H1/101 out 2023-04-10 14:00:00");
    }

    #[test]
    fn times_that_are_missing() {
        let missing = "check_in_time is missing, null or empty";
        assert_eq!(check_in(r#""check_in_time": null"#), missing);
        assert_eq!(check_in(r#""check_in_time": """#), missing);
        assert_eq!(check_in(r#""actual_checkin_time": "@14:00:00""#), missing);
        let missing = "actual_checkout_time is missing, null or empty";
        assert_eq!(check_out(r#""actual_checkout_time": null"#), missing);
        assert_eq!(check_out(r#""actual_checkin_time": "@14:00:00""#), missing);
    }

    #[test]
    fn times_in_the_wrong_order() {
        let ignored = ", expected check-out ignored";
        for (leaves, became) in [
            ("2023-04-10 14:00:01", ", leaves 2023-04-10 14:00:01"),
            ("2023-04-10 14:00:00", ignored),
            ("2023-04-09 12:00:00", ignored),
            ("2023-04-10T14:00:00Z", ", leaves 2023-04-10 22:00:00"),
            ("2023-04-10T05:00:00Z", ignored),
        ] {
            let leaves = format!(r#""expected_checkout_time": "{leaves}""#);
            let came = r#""check_in_time": "@14:00:00""#;
            let event = format!("H1/101 in 2023-04-10 14:00:00{became}");
            assert_eq!(check_in(&format!("{came}, {leaves}")), event);
        }
        let left = r#""actual_checkout_time": "@12:00:00", "actual_checkin_time""#;
        assert_eq!(
            check_out(&format!(r#"{left}: "@12:00:00""#)),
            "H1/101 out 2023-04-10 12:00:00, came 2023-04-10 12:00:00"
        );
        assert_eq!(
            check_out(&format!(r#"{left}: "@12:00:01""#)),
            "actual_checkout_time is before actual_checkin_time"
        );
    }

    /// "More than 2 hours ahead of now (configurable) is refused."
    #[test]
    fn times_ahead_of_now() {
        let came = |time: &str| check_in(&format!(r#""check_in_time": "{time}""#));
        let left = |time: &str| check_out(&format!(r#""actual_checkout_time": "{time}""#));
        assert_eq!(came("@16:30:00"), "H1/101 in 2023-04-10 16:30:00");
        assert_eq!(left("@16:30:00"), "H1/101 out 2023-04-10 16:30:00");
        let ahead = "2023-04-10 16:30:01 is more than 2 h ahead of now (2023-04-10 14:30:00)";
        assert_eq!(came("@16:30:01"), format!("check_in_time {ahead}"));
        assert_eq!(left("@16:30:01"), format!("actual_checkout_time {ahead}"));
        assert_eq!(came("@08:30:01Z"), format!("check_in_time {ahead}"));
        // where all is history nothing lies ahead
        let body = r#"{"hotel_id": 1, "room_number": 1, "check_in_time": "2033-04-10 14:00:00"}"#;
        let parsed = words(format().parse(body.as_bytes(), None));
        assert_eq!(parsed, "1/1 in 2033-04-10 14:00:00");
    }

    #[test]
    fn bodies_that_are_no_message() {
        for (body, start) in [
            ("[]", "the body is JSON but not an object"),
            ("\"x\"", "the body is JSON but not an object"),
            ("", "the body is not JSON: EOF"),
            (
                r#"{"\ud800": 1}"#,
                "the body is not JSON: unexpected end of hex escape",
            ),
            (
                "hello",
                "the body is not JSON: expected value at line 1 column 1",
            ),
            (
                "{\"a\": 1",
                "the body is not JSON: EOF while parsing an object",
            ),
            ("{} {}", "the body is not JSON: trailing characters"),
            (
                &"[".repeat(50_000),
                "the body is not JSON: EOF while parsing a list",
            ),
        ] {
            let reason = read(body);
            assert!(reason.starts_with(start), "{reason}");
        }
        let latin = words(format().parse(b"{\"hotel_id\": \"H\xfc\"}", None));
        assert_eq!(latin, "the body is not UTF-8");
    }

    #[test]
    fn bodies_of_64_kib_and_a_byte_more() {
        let body = r#"{"hotel_id": 1, "room_number": 1, "check_in_time": "2023-04-10 14:00:00"}"#;
        let full = format!("{body}{}", " ".repeat(65_536 - body.len()));
        assert_eq!(read(&full), "1/1 in 2023-04-10 14:00:00");
        let reason = "the body has 65537 bytes, more than 65536";
        assert_eq!(read(&(full + " ")), reason);
    }

    /// "The names of all fields are configurable [...]. Unknown fields are ignored"
    #[test]
    fn fields_and_types_of_other_names() {
        let format = MessageFormat {
            types: TypeCodes {
                checkin: "IN".into(),
                checkout: "OUT".into(),
                ignore: Vec::new(),
            },
            fields: FieldNames {
                hotel_id: "dept_code".into(),
                room_number: "room".into(),
                msg_type: "type".into(),
                check_in_time: "arrival".into(),
                expected_checkout_time: "until".into(),
                actual_checkin_time: "came".into(),
                actual_checkout_time: "left".into(),
            },
            ..format()
        };
        for (body, became) in [
            (
                r#"{"dept_code": "H1", "room": 101, "type": "IN", "arrival": "2023-04-10 14:00:00",
                    "until": "2023-04-12 12:00:00", "hotel_id": 7, "msgType": "5710013", "x": []}"#,
                "H1/101 in 2023-04-10 14:00:00, leaves 2023-04-12 12:00:00",
            ),
            (
                r#"{"dept_code": "H1", "room": "101", "came": "2023-04-09 14:00:00",
                    "left": "2023-04-10 12:00:00"}"#,
                "H1/101 out 2023-04-10 12:00:00, came 2023-04-09 14:00:00",
            ),
            (r#"{"type": "IN"}"#, "dept_code is missing, null or empty"),
            (
                r#"{"type": 5710005}"#,
                "type \"5710005\" is not one this service knows (IN: check-in, OUT: check-out)",
            ),
            (
                "{}",
                "without type it needs arrival (check-in) or came and left (check-out)",
            ),
        ] {
            assert_eq!(words(format.parse(body.as_bytes(), None)), became, "{body}");
        }
    }
}
