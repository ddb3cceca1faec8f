//! Meter readings as a gateway sends them to the service itself.

use crate::types::{HotelId, LocalTime, Reading, RoomKey, RoomNumber, WattHours, Zone};

use super::Refusal;
use super::message::{excerpt, fields, half_key, missing, present, text, text_or_integer, time};

/// The names of a reading's fields, in JSON and in the header of a CSV.
pub const READING_FIELDS: [&str; 4] = ["hotel_id", "room_number", "reading_value", "script_time"];

/// How readings are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadingFormat {
    pub zone: Zone,
    /// A reading further ahead of now than this is none. Seconds.
    pub max_ahead_seconds: i64,
}

impl ReadingFormat {
    /// Reads a JSON object. The register is a number, or a text that is one.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn parse(&self, body: &[u8], now: LocalTime) -> Result<(RoomKey, Reading), Refusal> {
        let fields = fields(body)?;
        let [hotel, room, value, time] =
            READING_FIELDS.map(|field| present(&fields, field).ok_or_else(|| missing(field)));
        let key = |written: Result<_, Refusal>, field: &str| {
            text_or_integer(written?).ok_or_else(|| Refusal::NotAKey {
                field: field.to_owned(),
            })
        };
        let (hotel, room) = (
            key(hotel, READING_FIELDS[0])?,
            key(room, READING_FIELDS[1])?,
        );
        // A number is taken by its digits: as a float it would no longer be what was written.
        let [value, time] = [value?, time?]
            .map(|written| text(written).unwrap_or_else(|| written.get().to_owned()));
        self.row([&hotel, &room, &value, &time], now)
    }

    /// Reads the texts of the four fields.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn row(&self, row: [&str; 4], now: LocalTime) -> Result<(RoomKey, Reading), Refusal> {
        let [hotel_id, room_number, reading_value, script_time] = READING_FIELDS;
        let [hotel, room, value, written] = row;
        let room = RoomKey {
            hotel_id: HotelId::new(&half_key(hotel_id, hotel, HotelId::MAX_CHARS)?),
            room_number: RoomNumber::new(&half_key(room_number, room, RoomNumber::MAX_CHARS)?),
        };
        for (field, text) in [(reading_value, value), (script_time, written)] {
            if text.trim().is_empty() {
                return Err(missing(field));
            }
        }
        let register = WattHours::parse_kwh(value).map_err(|_| Refusal::NotARegister {
            field: reading_value.to_owned(),
            value: excerpt(value),
        })?;
        let time = time(self.zone, script_time, written)?;
        if time.since(now) > self.max_ahead_seconds {
            return Err(Refusal::Ahead {
                field: script_time.to_owned(),
                time,
                now,
                ahead_seconds: self.max_ahead_seconds,
            });
        }
        Ok((room, Reading { time, register }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<String, String> {
        let format = ReadingFormat {
            zone: Zone::named("Asia/Shanghai").expect("a zone"),
            max_ahead_seconds: 3_600,
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
    fn a_register_is_what_was_written_to_the_watt_hour() {
        for (value, kwh) in [
            ("1234.56", "1234.56"),
            ("\"1234.56\"", "1234.56"),
            ("7", "7"),
            ("-0.005", "-0.005"),
            // No float has this many digits.
            ("123456789012345.678", "123456789012345.678"),
        ] {
            let read = read(&reading(value, "\"2023-04-10 13:30:00\""));
            assert_eq!(read, Ok(format!("H1/101 {kwh} 2023-04-10 13:30:00")));
        }
        let utc = read(&reading("1", "\"2023-04-10T05:30:00Z\""));
        assert_eq!(utc, Ok("H1/101 1 2023-04-10 13:30:00".to_owned()));
        let in_an_hour = read(&reading("1", "\"2023-04-10 15:00:00\""));
        assert!(in_an_hour.is_ok(), "{in_an_hour:?}");
    }

    #[test]
    fn what_is_no_reading_is_refused_with_its_reason() {
        let good = "\"2023-04-10 13:30:00\"";
        for (body, reason) in [
            (
                reading("1e3", good),
                "reading_value is no register in kWh like 1234.56: 1e3",
            ),
            (
                reading("true", good),
                "reading_value is no register in kWh like 1234.56: true",
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
                reading("1", "1681104600"),
                "script_time is not a time like 2023-04-10 14:30:00: 1681104600",
            ),
            (
                reading("1", "\"2023-04-10 15:00:01\""),
                "script_time 2023-04-10 15:00:01 is more than 1 h ahead of now (2023-04-10 14:00:00)",
            ),
            (
                reading("1", good).replace("H1", &"H".repeat(51)),
                "hotel_id has 51 characters, more than 50",
            ),
            (
                reading("1", good).replace("H1", "H\\u0001"),
                "hotel_id holds a control character",
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
