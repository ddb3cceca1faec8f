//! Reads named fields of a JSON object exactly as they were written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::types::{utf8, without_exponent};

use super::refusal::{MAX_MESSAGE_BYTES, Refusal};

/// The requested fields of an object. Other fields take no memory.
pub(super) struct Fields<'a> {
    found: Vec<Field<'a>>,
}

struct Field<'a> {
    name: &'a str,
    written: &'a RawValue,
    /// It appears more than once with different values, so it is unclear which one is meant.
    is_ambiguous: bool,
}

/// A field's value other than null and "".
pub(super) enum Value<'a> {
    Text(String),
    /// The digits of an integer of any length.
    Integer(Cow<'a, str>),
    /// The digits of any other number; as a float it could lose some.
    Number(Cow<'a, str>),
    /// true or false.
    Bool(&'a str),
    /// "an array" or "an object": what is in it is neither used nor shown.
    Nested(&'static str),
}

impl Value<'_> {
    /// The value as written; for an array or an object, only what it is.
    pub(super) fn written(&self) -> &str {
        match self {
            Value::Text(text) => text,
            Value::Integer(digits) | Value::Number(digits) => digits,
            Value::Bool(word) | Value::Nested(word) => word,
        }
    }
}

impl<'a> Fields<'a> {
    /// Reads the fields with these names from a body that is an object.
    ///
    /// # Errors
    /// The reason for refusing a body that is not a JSON object.
    pub(super) fn read(body: &'a [u8], names: &'a [&'a str]) -> Result<Fields<'a>, Refusal> {
        if body.len() > MAX_MESSAGE_BYTES {
            return Err(Refusal::TooLarge(body.len()));
        }
        let text = utf8(body).map_err(Refusal::NotText)?;
        let mut json = serde_json::Deserializer::from_str(text);
        let found = json.deserialize_any(Object(names));
        let found = found.and_then(|found| json.end().map(|()| found));
        found
            .map(|found| Fields { found })
            .map_err(|_| not_an_object(text))
    }

    /// A field's value; null and "" mean absent.
    ///
    /// # Errors
    /// [`Refusal::Twice`], [`Refusal::HalfCharacter`].
    pub(super) fn value(&self, name: &str) -> Result<Option<Value<'a>>, Refusal> {
        let Some(field) = self.found.iter().find(|field| field.name == name) else {
            return Ok(None);
        };
        if field.is_ambiguous {
            return Err(Refusal::Twice {
                field: name.to_owned(),
            });
        }
        // The JSON is valid, so it can only be half of a surrogate pair.
        value(field.written.get()).map_err(|_| Refusal::HalfCharacter {
            field: name.to_owned(),
        })
    }

    /// The value of a field that must be a string or an integer.
    ///
    /// # Errors
    /// As [`Fields::value`], and [`Refusal::NotAKey`] for any other value.
    pub(super) fn text_or_integer(&self, name: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
        match self.value(name)? {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.into())),
            Some(Value::Integer(digits)) => Ok(Some(digits)),
            Some(Value::Number(_) | Value::Bool(_) | Value::Nested(_)) => Err(Refusal::NotAKey {
                field: name.to_owned(),
            }),
        }
    }
}

/// Parses the JSON of a value; null and "" mean absent.
fn value(written: &str) -> serde_json::Result<Option<Value<'_>>> {
    Ok(match written.as_bytes() {
        b"null" | b"\"\"" => None,
        [b'"', ..] => Some(Value::Text(serde_json::from_str(written)?)),
        [b'-' | b'0'..=b'9', ..] => Some(number(written)),
        [b'[', ..] => Some(Value::Nested("an array")),
        [b'{', ..] => Some(Value::Nested("an object")),
        _ => Some(Value::Bool(written)),
    })
}

/// Whether two values are equal, even if written differently.
fn is_same(one: &str, other: &str) -> bool {
    let meant = |written| match value(written).ok()? {
        Some(Value::Nested(_)) => None,
        Some(value) => Some(value.written().to_owned()),
        None => Some(String::new()),
    };
    one == other || meant(one).is_some_and(|one| meant(other).is_some_and(|other| one == other))
}

/// Some programs write 1681108200 as 1.6811082E9.
fn number(written: &str) -> Value<'_> {
    let plain = without_exponent(written).map_or(Cow::Borrowed(written), Cow::Owned);
    let digits = plain.strip_prefix('-').unwrap_or(&plain);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Value::Integer(plain)
    } else {
        Value::Number(plain)
    }
}

/// The reason for refusing a text that could not be read as an object.
pub fn not_an_object(text: &str) -> Refusal {
    let text = text.trim_start();
    match serde_json::from_str::<IgnoredAny>(text) {
        Err(error) => Refusal::NotJson(error.to_string()),
        // It is an object, so the name of a field must be the problem.
        Ok(_) if text.starts_with('{') => Refusal::HalfCharacter {
            field: "the name of a field".to_owned(),
        },
        Ok(_) => {
            let inner: Option<String> = serde_json::from_str(text).ok();
            let inner = inner.map(|inner| serde_json::from_str::<IgnoredAny>(&inner).is_ok());
            match inner {
                Some(true) => Refusal::Quoted,
                _ => Refusal::NotAnObject,
            }
        }
    }
}

/// Visits an object and keeps the fields with these names.
struct Object<'a>(&'a [&'a str]);

impl<'a> Visitor<'a> for Object<'a> {
    type Value = Vec<Field<'a>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> Result<Vec<Field<'a>>, M::Error> {
        let mut found: Vec<Field> = Vec::new();
        while let Some(name) = map.next_key_seed(Name(self.0))? {
            let Some(name) = name else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let written: &RawValue = map.next_value()?;
            match found.iter_mut().find(|field| field.name == name) {
                Some(field) => {
                    field.is_ambiguous |= !is_same(field.written.get(), written.get());
                }
                None => found.push(Field {
                    name,
                    written,
                    is_ambiguous: false,
                }),
            }
        }
        Ok(found)
    }
}

/// Deserializes a field's name to one of these, or to `None`.
struct Name<'a>(&'a [&'a str]);

impl<'a> DeserializeSeed<'a> for Name<'a> {
    type Value = Option<&'a str>;

    fn deserialize<D: Deserializer<'a>>(self, name: D) -> Result<Self::Value, D::Error> {
        name.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Name<'a> {
    type Value = Option<&'a str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|known| **known == name).copied())
    }
}
