//! Check-in and check-out messages as the property management system publishes them.

use serde_json::{Map, Value};

use crate::types::{HotelId, Kind, LocalTime, RoomKey, RoomNumber, Stamp, Zone, trim_key_part};

use super::fields::Fields;
use super::refusal::{Refusal, excerpt, missing};
use super::{Said, Stay};

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

impl FieldNames {
    fn all(&self) -> [&str; 7] {
        [
            &self.hotel_id,
            &self.room_number,
            &self.msg_type,
            &self.check_in_time,
            &self.expected_checkout_time,
            &self.actual_checkin_time,
            &self.actual_checkout_time,
        ]
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

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageKind {
    Checkin,
    Checkout,
    /// A guest changes rooms.
    Move,
    /// A guest means to leave at another time.
    Extend,
    /// The guest had not come, after all.
    CancelCheckin,
    /// The guest has not left, after all.
    CancelCheckout,
    RoomStatus,
}

/// A message that says something of rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub kind: MessageKind,
    /// Of one room, or of the two of a move.
    pub rooms: Vec<(RoomKey, Said)>,
}

impl Event {
    /// The rooms that it is about, for people.
    pub fn names(&self) -> String {
        let rooms = self.rooms.iter().map(|(room, _)| room.to_string());
        rooms.collect::<Vec<_>>().join(", ")
    }

    /// What the message of a stay says.
    pub fn of(room: RoomKey, stay: &Stay) -> Event {
        Event {
            kind: match stay.kind() {
                Kind::Checkin => MessageKind::Checkin,
                Kind::Checkout => MessageKind::Checkout,
            },
            rooms: vec![(room, Said::of(stay))],
        }
    }
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

impl MessageFormat {
    /// Reads a message body. `now` is `None` where all is history and nothing can lie ahead.
    pub fn parse(&self, body: &[u8], now: Option<LocalTime>) -> Parsed {
        self.read(body, now).unwrap_or_else(Parsed::Refused)
    }

    /// The body of the message that tells of a stay: what [`MessageFormat::parse`] reads.
    pub fn write(&self, room: &RoomKey, stay: &Stay) -> String {
        let names = &self.fields;
        let (code, times) = match *stay {
            Stay::Occupied {
                check_in,
                expected_checkout,
            } => (
                &self.types.checkin,
                [
                    (&names.check_in_time, Some(check_in)),
                    (&names.expected_checkout_time, expected_checkout),
                ],
            ),
            Stay::Vacant {
                actual_checkin,
                actual_checkout,
            } => (
                &self.types.checkout,
                [
                    (&names.actual_checkin_time, actual_checkin),
                    (&names.actual_checkout_time, Some(actual_checkout)),
                ],
            ),
        };
        let words = [
            (&names.hotel_id, room.hotel_id.as_str()),
            (&names.room_number, room.room_number.as_str()),
            (&names.msg_type, code.as_str()),
        ];
        let words = words.map(|(name, word)| (name.clone(), Value::from(word)));
        let times = times
            .into_iter()
            .filter_map(|(name, time)| Some((name.clone(), Value::from(time?.to_string()))));
        Value::Object(Map::from_iter(words.into_iter().chain(times))).to_string()
    }

    fn read(&self, body: &[u8], now: Option<LocalTime>) -> Result<Parsed, Refusal> {
        let names = self.fields.all();
        let fields = Fields::read(body, &names)?;
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
        let event = Event::of(room, &stay);
        Ok(if expected_ignored {
            Parsed::EventWithoutExpected(event)
        } else {
            Parsed::Event(event)
        })
    }

    /// Check-in or check-out; `None` for a type to ignore.
    fn kind(&self, fields: &Fields) -> Result<Option<Kind>, Refusal> {
        let names = &self.fields;
        let Some(code) = fields.text_or_integer(&names.msg_type)? else {
            return self.kind_by_times(fields).map(Some);
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
        let has = |field: &str| Ok(fields.value(field)?.is_some());
        if has(&names.check_in_time)? {
            Ok(Kind::Checkin)
        } else if has(&names.actual_checkin_time)? && has(&names.actual_checkout_time)? {
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
        let value = fields.value(field)?;
        value
            .map(|value| time(self.zone, field, value.written()))
            .transpose()
    }
}

/// A time as it is written, in the hotels' zone.
pub(super) fn time(zone: Zone, field: &str, text: &str) -> Result<LocalTime, Refusal> {
    let stamp = Stamp::parse(text).ok();
    let time = stamp.and_then(|stamp| zone.resolve(stamp));
    time.ok_or_else(|| Refusal::NotATime {
        field: field.to_owned(),
        value: excerpt(text),
    })
}

fn key(fields: &Fields, field: &str, max: usize) -> Result<String, Refusal> {
    let text = fields
        .text_or_integer(field)?
        .ok_or_else(|| missing(field))?;
    half_key(field, &text, max).map(str::to_owned)
}

/// Half of a room key: trimmed, not empty, not longer than its column, without control characters.
pub(super) fn half_key<'a>(field: &str, text: &'a str, max: usize) -> Result<&'a str, Refusal> {
    let text = trim_key_part(text);
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
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
