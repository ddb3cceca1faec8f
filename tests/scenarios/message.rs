//! Messages as a scenario writes them, and as the service reads them.

use roomwatt::engine::{
    Codes, Event, FieldNames, MessageFormat, MessageKind, Parsed, Rules, StatusCodes,
};
use roomwatt::types::{LocalTime, RoomKey, Zone};
use serde_json::{Map, Value};

/// What is said of a message after its first words.
#[derive(Default)]
pub struct Details {
    pub stay: Option<String>,
    pub came: Option<LocalTime>,
    pub leaves: Option<LocalTime>,
    pub until: Option<LocalTime>,
}

/// What happens, and which details it may have.
pub const MESSAGES: [(&str, &[&str]); 10] = [
    ("check-in", &["stay", "leaves"]),
    ("check-out", &["stay", "came"]),
    ("move to", &["stay", "came", "leaves"]),
    ("extension", &["stay", "came", "leaves"]),
    ("check-in cancelled", &["stay", "came"]),
    ("check-out cancelled", &["stay", "came"]),
    ("out of order", &["until"]),
    ("in order", &[]),
    ("dirty", &[]),
    ("clean", &[]),
];

/// The message of one of [`MESSAGES`]. It is written as the hotel's computer does, and read as the
/// service does; a move goes from `room` to the room `to`.
///
/// # Errors
/// Why the service would refuse it.
pub fn message(
    what: &str,
    room: &RoomKey,
    to: Option<&RoomKey>,
    at: LocalTime,
    details: &Details,
) -> Result<Event, String> {
    let names = FieldNames::default();
    let (kind, of_time) = match what {
        "check-in" => (MessageKind::Checkin, Some(&names.check_in_time)),
        "check-out" => (MessageKind::Checkout, Some(&names.actual_checkout_time)),
        "move to" => (MessageKind::Move, Some(&names.move_time)),
        // It has no time of its own.
        "extension" => (MessageKind::Extend, None),
        "check-in cancelled" => (MessageKind::CancelCheckin, Some(&names.cancel_time)),
        "check-out cancelled" => (MessageKind::CancelCheckout, Some(&names.cancel_time)),
        _ => (MessageKind::RoomStatus, Some(&names.status_time)),
    };
    let mut body = Map::new();
    let mut set = |name: &str, value: Option<String>| {
        body.extend(value.map(|value| (name.to_owned(), Value::from(value))));
    };
    let time = |time: Option<LocalTime>| time.map(|time| time.to_string());
    set(&names.msg_type, Some(kind.key().to_owned()));
    let [hotel, number] = [room.hotel_id.as_str(), room.room_number.as_str()].map(str::to_owned);
    match to {
        Some(to) => {
            set(&names.hotel_id, Some(to.hotel_id.as_str().to_owned()));
            set(&names.room_number, Some(to.room_number.as_str().to_owned()));
            set(&names.old_hotel_id, Some(hotel));
            set(&names.old_room_number, Some(number));
        }
        None => {
            set(&names.hotel_id, Some(hotel));
            set(&names.room_number, Some(number));
        }
    }
    if let Some(name) = of_time {
        set(name, Some(at.to_string()));
    }
    let came = match kind {
        MessageKind::Checkout => &names.actual_checkin_time,
        _ => &names.check_in_time,
    };
    set(came, time(details.came));
    set(&names.stay_id, details.stay.clone());
    set(&names.expected_checkout_time, time(details.leaves));
    if kind == MessageKind::RoomStatus {
        set(&names.status, Some(what.replace(' ', "_")));
        set(&names.until, time(details.until));
    }
    match format().parse(Value::from(body).to_string().as_bytes(), None) {
        Parsed::Event(event) | Parsed::EventWithoutExpected(event) => Ok(event),
        Parsed::Ignored => Err("the service would ignore it".to_owned()),
        Parsed::Refused(why) => Err(format!("the service would refuse it: {why}")),
    }
}

/// Each kind has its key as its code.
fn format() -> MessageFormat {
    let known = MessageKind::ALL.map(|kind| (kind.key().to_owned(), kind));
    MessageFormat {
        types: Codes {
            known: known.to_vec(),
            ignore: Vec::new(),
        },
        statuses: StatusCodes::default(),
        fields: FieldNames::default(),
        zone: Zone::named("Asia/Shanghai").expect("a zone"),
        max_ahead_seconds: 0,
        match_seconds: Rules::default().match_seconds,
    }
}
