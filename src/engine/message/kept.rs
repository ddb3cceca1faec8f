//! What is stored of a refused message: never the names and telephone numbers of guests.

use std::fmt;

use serde_json::Value;
use serde_json::de::Deserializer as Json;
use serde_json::value::RawValue;

use serde::de::{Deserializer, MapAccess, Visitor};

use crate::types::utf8;

use super::super::refusal::MAX_MESSAGE_BYTES;
use super::FieldNames;

/// Stands for a value that was not kept.
const NOT_KEPT: &str = "…";

/// How much of a refused message's body is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// All of it, or its first [`MAX_MESSAGE_BYTES`].
    Whole,
    /// An object with the values of the configured fields and the names of all.
    Fields,
    /// Nothing: it could not be read, so it is not known what in it is a guest's.
    Nothing,
}

/// The part of a refused message's body that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBody {
    pub kept: Kept,
    pub bytes: Vec<u8>,
}

/// Which part of the bodies of refused messages is stored: configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedBodies {
    pub fields: FieldNames,
    /// For the days of setting up: all of it, until it is reduced.
    pub keep_whole: bool,
}

impl RefusedBodies {
    /// The part of a new refused message that is stored.
    pub fn keep(&self, body: &[u8]) -> KeptBody {
        if self.keep_whole {
            return KeptBody {
                kept: Kept::Whole,
                bytes: body[..body.len().min(MAX_MESSAGE_BYTES)].to_vec(),
            };
        }
        self.reduce(body)
    }

    /// The part that stays of a body that was stored whole.
    pub fn reduce(&self, body: &[u8]) -> KeptBody {
        match self.fields.reduced(body) {
            Some(object) => KeptBody {
                kept: Kept::Fields,
                bytes: object.into_bytes(),
            },
            None => KeptBody::nothing(),
        }
    }
}

impl KeptBody {
    pub fn nothing() -> KeptBody {
        KeptBody {
            kept: Kept::Nothing,
            bytes: Vec::new(),
        }
    }
}

impl FieldNames {
    /// An object with the values of these fields and with the names of the others, in the same
    /// order; `None` for a body that is not an object, or too large.
    fn reduced(&self, body: &[u8]) -> Option<String> {
        if body.len() > MAX_MESSAGE_BYTES {
            return None;
        }
        let text = utf8(body).ok()?;
        let mut json = Json::from_str(text);
        let reduced = json.deserialize_map(Reduce(&self.all())).ok()?;
        json.end().ok()?;
        Some(reduced)
    }

    /// The first of these fields whose value is not in a reduced body, because it was not
    /// configured when the body was reduced, or was neither a string nor a number.
    pub fn not_kept(&self, reduced: &[u8]) -> Option<&str> {
        let object: Value = serde_json::from_slice(reduced).ok()?;
        let names = self.all().into_iter();
        { names }.find(|name| object.get(name).is_some_and(|value| value == NOT_KEPT))
    }
}

/// Visits an object and writes it anew, with the values of these fields alone.
struct Reduce<'a>(&'a [&'a str]);

impl<'a> Visitor<'a> for Reduce<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    // Not by way of a map: a field that is there twice is refused for that.
    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<String, M::Error> {
        // One text for all: a body may be nothing but short fields.
        let mut reduced = String::from("{");
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            let value = value.get();
            let is_kept = match value.as_bytes() {
                // It says that there is nothing, whatever the field is.
                b"null" | b"\"\"" => true,
                // What is in it is never used.
                [b'{' | b'[', ..] => false,
                _ => self.0.contains(&name.as_str()),
            };
            if reduced.len() > 1 {
                reduced.push(',');
            }
            reduced.push_str(&Value::from(name).to_string());
            reduced.push(':');
            match is_kept {
                true => reduced.push_str(value),
                false => reduced.extend(["\"", NOT_KEPT, "\""]),
            }
        }
        reduced.push('}');
        Ok(reduced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{MessageFormat, Parsed, StatusCodes, TypeCodes};
    use crate::types::Zone;

    fn kept(body: impl AsRef<[u8]>) -> (Kept, String) {
        let KeptBody { kept, bytes } = RefusedBodies::default().keep(body.as_ref());
        (kept, String::from_utf8(bytes).expect("a text"))
    }

    #[test]
    fn the_configured_fields_are_kept_and_of_the_others_their_names() {
        for (body, expected) in [
            ("{}", "{}"),
            (
                "\u{feff} { \"msgType\" : 1e3, \"guest\":\"A\", \"hotel_id\":\"H\\u0031\\n\" } ",
                r#"{"msgType":1e3,"guest":"…","hotel_id":"H\u0031\n"}"#,
            ),
            (
                r#"{"room_number":{"guest":"A"},"msgType":["A"],"check_in_time":true}"#,
                r#"{"room_number":"…","msgType":"…","check_in_time":true}"#,
            ),
            (
                r#"{"hotel_id":"H1","hotel_id":"H2","tel":1,"tel":-2.5,"\"a\n":false}"#,
                r#"{"hotel_id":"H1","hotel_id":"H2","tel":"…","tel":"…","\"a\n":"…"}"#,
            ),
            (
                r#"{"tel":null,"guest":"","till":" ","of":{}}"#,
                r#"{"tel":null,"guest":"","till":"…","of":"…"}"#,
            ),
        ] {
            assert_eq!(kept(body), (Kept::Fields, expected.to_owned()), "{body}");
        }
    }

    #[test]
    fn nothing_is_kept_of_a_body_that_can_not_be_read() {
        let guest = r#"{"hotel_id":"H1","guest":"A"}"#;
        let large = format!("{guest}{}", " ".repeat(MAX_MESSAGE_BYTES));
        for body in [
            guest.strip_suffix('}').expect("an object").as_bytes(),
            format!("{guest}{guest}").as_bytes(),
            format!("[{guest}]").as_bytes(),
            format!("{guest:?}").as_bytes(),
            br#"{"\ud83d":1}"#,
            b"{\"hotel_id\":\"\xc4\xe3\"}",
            b"\x1f\x8b{}",
            b"",
            large.as_bytes(),
        ] {
            assert_eq!(kept(body), (Kept::Nothing, String::new()), "{body:.60?}");
        }
        assert_eq!(kept(&large[..MAX_MESSAGE_BYTES]).0, Kept::Fields);
    }

    #[test]
    fn a_reduced_message_is_read_as_it_was() {
        let format = MessageFormat {
            types: TypeCodes::default(),
            statuses: StatusCodes::default(),
            fields: FieldNames::default(),
            zone: Zone::named("Asia/Shanghai").expect("a zone"),
            max_ahead_seconds: 7_200,
            match_seconds: 600,
        };
        let arrival = r#"{"hotel_id":"H1","guest":"A","room_number":7,"msgType":5710005,
            "check_in_time":"2023-04-10 14:30:00","expected_checkout_time":null}"#;
        for (was, by, is_read) in [
            ("", "", true),
            ("\"H1\"", "\"\"", false),
            ("\"H1\"", "null", false),
            ("\"H1\"", "\"H1\",\"hotel_id\":\"H2\"", false),
            ("\"H1\"", "\"H1\",\"hotel_id\":\"H\\u0031\"", true),
            ("\"H1\"", "\"\\ud83d\"", false),
            ("5710005", "\"CI\"", false),
            ("14:30:00", "noon", false),
        ] {
            let body = arrival.replacen(was, by, 1);
            let (how, reduced) = kept(&body);
            assert_eq!(how, Kept::Fields);
            assert_eq!(format.fields.not_kept(reduced.as_bytes()), None, "{body}");
            let [whole, reduced] = [body, reduced].map(|body| format.parse(body.as_bytes(), None));
            assert_eq!(whole, reduced);
            assert_eq!(is_read, matches!(whole, Parsed::Event(_)), "{whole:?}");
        }
    }

    #[test]
    fn a_field_that_is_configured_later_is_reported_as_missing() {
        let (_, reduced) = kept(r#"{"hotel_id":"H1","arrival":"2023-04-10","left":""}"#);
        let mut names = FieldNames::default();
        assert_eq!(names.not_kept(reduced.as_bytes()), None);
        names.actual_checkout_time = "left".into();
        assert_eq!(names.not_kept(reduced.as_bytes()), None);
        names.check_in_time = "arrival".into();
        assert_eq!(names.not_kept(reduced.as_bytes()), Some("arrival"));
    }

    #[test]
    fn while_setting_up_it_is_kept_whole() {
        let bodies = RefusedBodies {
            keep_whole: true,
            ..RefusedBodies::default()
        };
        let long = [b'x'; MAX_MESSAGE_BYTES + 1];
        for body in [&b"\xff{"[..], b"{\"guest\":1}", b"", &long] {
            let KeptBody { kept, bytes } = bodies.keep(body);
            assert_eq!(kept, Kept::Whole);
            assert_eq!(bytes, body[..body.len().min(MAX_MESSAGE_BYTES)]);
        }
        assert_eq!(bodies.reduce(b"{\"guest\":1}").kept, Kept::Fields);
    }
}
