//! Meter readings as a gateway sends them over HTTP, or as a file has them.

use crate::types::{HotelId, LocalTime, Reading, RoomKey, RoomNumber, WattHours, Zone};

use super::fields::Fields;
use super::message::{key_part, time};
use super::refusal::{Refusal, excerpt, missing};

/// The names of a reading's fields, in JSON and in a CSV header.
pub const READING_FIELDS: [&str; 4] = ["hotel_id", "room_number", "reading_value", "script_time"];

/// How far a reading's time may be ahead of the clock; with more, the gateway's clock is wrong.
/// Seconds.
const MAX_AHEAD_SECONDS: i64 = 3_600;

/// The latest time that a reading may have at `now`; later ones are invalid.
pub fn latest_reading(now: LocalTime) -> LocalTime {
    now.plus(MAX_AHEAD_SECONDS)
}

/// How readings from HTTP or from a file are parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadingFormat {
    pub zone: Zone,
}

/// A reading with its hotel and room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadingRow<'a> {
    pub hotel_id: &'a str,
    pub room_number: &'a str,
    pub reading: Reading,
}

impl ReadingRow<'_> {
    pub fn room(&self) -> RoomKey {
        RoomKey::new(self.hotel_id, self.room_number)
    }
}

impl ReadingFormat {
    /// Parses a JSON object. The register may be a number or a string that holds one.
    ///
    /// # Errors
    /// The reason for refusing it.
    pub fn parse(&self, body: &[u8], now: LocalTime) -> Result<(RoomKey, Reading), Refusal> {
        let fields = Fields::read(body, &READING_FIELDS)?;
        let [hotel_id, room_number, reading_value, script_time] = READING_FIELDS;
        let key = |field| fields.text_or_integer(field)?.ok_or_else(|| missing(field));
        let scalar = |field| fields.value(field)?.ok_or_else(|| missing(field));
        let (hotel, room) = (key(hotel_id)?, key(room_number)?);
        let (value, time) = (scalar(reading_value)?, scalar(script_time)?);
        let row = [&hotel, &room, value.written(), time.written()];
        let row = self.row(row, Some(now))?;
        Ok((row.room(), row.reading))
    }

    /// Parses the texts of the four [`READING_FIELDS`]. `now` is `None` for history, whose times
    /// are not compared with the clock.
    ///
    /// # Errors
    /// The reason for refusing it.
    pub fn row<'a>(
        &self,
        row: [&'a str; 4],
        now: Option<LocalTime>,
    ) -> Result<ReadingRow<'a>, Refusal> {
        let names = READING_FIELDS;
        let [hotel, room, value, written] = row;
        let hotel_id = key_part(names[0], hotel, HotelId::MAX_CHARS)?;
        let room_number = key_part(names[1], room, RoomNumber::MAX_CHARS)?;
        for (field, text) in [(names[2], value), (names[3], written)] {
            if text.trim().is_empty() {
                return Err(missing(field));
            }
        }
        let register = WattHours::parse_kwh(value).map_err(|_| Refusal::NotARegister {
            field: names[2].to_owned(),
            value: excerpt(value),
        })?;
        let time = time(self.zone, names[3], written)?;
        if let Some(now) = now
            && time > latest_reading(now)
        {
            return Err(Refusal::Ahead {
                field: names[3].to_owned(),
                time,
                now,
                ahead_seconds: MAX_AHEAD_SECONDS,
            });
        }
        Ok(ReadingRow {
            hotel_id,
            room_number,
            reading: Reading { time, register },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<String, String> {
        let format = ReadingFormat {
            zone: Zone::named("Asia/Shanghai").expect("a zone"),
        };
        let now = LocalTime::parse("2023-04-10 14:00:00").expect("a time");
        let read = format.parse(body.as_bytes(), now);
        read.map(|(room, reading)| format!("{room} {} {}", reading.register, reading.time))
            .map_err(|refusal| refusal.to_string())
    }

    fn reading(value: &str, time: &str) -> String {
        format!(
            r#"{{"hotel_id":"H1","room_number":101,"reading_value":{value},"script_time":{time}}}"#
        )
    }

    #[test]
    fn registers_are_exact_to_the_watt_hour() {
        for (value, kwh) in [
            ("1234.56", "1234.56"),
            ("\"1234.56\"", "1234.56"),
            ("7", "7"),
            ("-0.005", "-0.005"),
            ("1.5e3", "1500"),
            ("\"1.5E+3\"", "1500"),
            // More digits than a float has.
            ("123456789012345.678", "123456789012345.678"),
        ] {
            let read = read(&reading(value, "\"2023-04-10 13:30:00\""));
            assert_eq!(read, Ok(format!("H1/101 {kwh} 2023-04-10 13:30:00")));
        }
        let utc = read(&reading("1", "\"2023-04-10T05:30:00Z\""));
        assert_eq!(utc, Ok("H1/101 1 2023-04-10 13:30:00".to_owned()));
        for form in [
            "\"2023-04-10T13:30\"",
            "\"2023/4/10 13:30\"",
            "1681104600",
            "1.6811046e12",
        ] {
            let read = read(&reading("1", form));
            assert_eq!(
                read,
                Ok("H1/101 1 2023-04-10 13:30:00".to_owned()),
                "{form}"
            );
        }
        let in_an_hour = read(&reading("1", "\"2023-04-10 15:00:00\""));
        assert!(in_an_hour.is_ok(), "{in_an_hour:?}");
    }

    #[test]
    fn invalid_readings_are_refused_with_the_reason() {
        let good = "\"2023-04-10 13:30:00\"";
        for (body, reason) in [
            (
                reading("1e30", good),
                "reading_value is not a register in kWh like 1234.56: \
                 1000000000000000000000000000000",
            ),
            (
                reading("1", good).replace('}', r#","reading_value":2}"#),
                "reading_value appears twice in the body, with different values",
            ),
            (
                reading("true", good),
                "reading_value is not a register in kWh like 1234.56: true",
            ),
            (
                reading("null", good),
                "reading_value is missing, null or empty",
            ),
            (
                reading("\" \"", good),
                "reading_value is missing, null or empty",
            ),
            (
                reading("1", "\"noon\""),
                "script_time is not a time like 2023-04-10 14:30:00: noon",
            ),
            (
                reading("1", "16811046"),
                "script_time is not a time like 2023-04-10 14:30:00: 16811046",
            ),
            (
                reading("1", "\"2023-04-10 15:00:01\""),
                "script_time 2023-04-10 15:00:01 is more than 1 h ahead of now (2023-04-10 \
                 14:00:00)",
            ),
            (
                reading("1", good).replace("H1", &"H".repeat(51)),
                "hotel_id has 51 characters, more than 50",
            ),
            (
                reading("1", good).replace("H1", "H\\u0001"),
                "hotel_id contains a control character",
            ),
            (
                reading("1", good).replace("101", "[]"),
                "room_number must be a string or an integer",
            ),
            (
                reading("1", good).replace("hotel_id", "hotel"),
                "hotel_id is missing, null or empty",
            ),
            ("[]".to_owned(), "the body is JSON but not an object"),
        ] {
            assert_eq!(read(&body), Err(reason.to_owned()), "{body}");
        }
    }
}
