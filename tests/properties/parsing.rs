//! Texts of any kind: messages and registers.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use roomwatt::engine::{
    Departure, Expectation, Fact, FieldNames, MAX_MESSAGE_BYTES, MessageFormat, MessageKind,
    Parsed, RoomStatus, Said, StatusChange, StatusCodes, TypeCodes,
};
use roomwatt::types::{LocalTime, WattHours, Zone};
use serde_json::{Map, Value, json};

use crate::config;

const HOUR: i64 = 3600;

/// Each kind has its key for a code, too.
pub fn format() -> MessageFormat {
    let mut types = TypeCodes {
        ignore: vec!["5710099".into()],
        ..TypeCodes::default()
    };
    let keys = MessageKind::ALL.map(|kind| (kind.key().to_owned(), kind));
    types.known.extend(keys);
    MessageFormat {
        types,
        statuses: StatusCodes::default(),
        fields: FieldNames::default(),
        zone: Zone::named("Asia/Shanghai").expect("a zone"),
        max_ahead_seconds: 2 * HOUR,
        match_seconds: 600,
    }
}

fn now() -> LocalTime {
    LocalTime::from_ymd_hms(2023, 4, 10, 14, 30, 0).expect("a time")
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn key_text() -> impl Strategy<Value = Value> {
    prop_oneof![
        20 => "[A-Za-z0-9]{1,12}".prop_map(Value::from),
        1 => "[酒店房间号]{1,60}".prop_map(Value::from),
        1 => "[ \t\u{3000}]{0,3}[a-z酒]{0,60}[ \n]{0,3}".prop_map(Value::from),
        1 => "\\PC{0,30}".prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any_json(),
    ]
}

/// Times around now, in every written form, some of them broken.
fn time_text() -> impl Strategy<Value = Value> {
    let offset = select(&["", "", "", "", "", ".5", "Z", "+08:00", "-0930", "+8", " "][..]);
    let near = (-3 * HOUR..3 * HOUR, offset, any::<bool>()).prop_map(|(ahead, offset, t)| {
        let text = format!("{}{offset}", now().plus(ahead));
        Value::from(if t { text.replacen(' ', "T", 1) } else { text })
    });
    let edge = select(&[0, 1, 2 * HOUR, 2 * HOUR + 1][..])
        .prop_map(|ahead| Value::from(now().plus(ahead).to_string()));
    prop_oneof![
        20 => near,
        4 => edge,
        1 => "[0-9]{4}-[01][0-9]-[0-3][0-9][ T][0-9]{2}:[0-9]{2}:[0-9]{2}\\PC{0,3}"
            .prop_map(Value::from),
        1 => any_json(),
    ]
}

/// Something like a message.
fn message() -> impl Strategy<Value = Value> {
    let kinds = MessageKind::ALL.map(|kind| json!(kind.key()));
    let code = prop_oneof![
        5 => Just(json!("5710005")),
        5 => Just(json!("5710013")),
        20 => select(kinds.to_vec()),
        1 => select(vec![json!(5_710_005), json!(5_710_013), json!(5_710_099), json!("")]),
        1 => any_json(),
    ];
    let status = prop_oneof![
        5 => select(RoomStatus::ALL.map(|status| json!(status.key())).to_vec()),
        1 => any_json(),
    ];
    let (code, status) = (code.boxed(), status.boxed());
    let names = FieldNames::default().by_key().map(|(_, name)| name.clone());
    let fields = names.clone().map(|name| {
        let value = match name.as_str() {
            "msgType" => code.clone(),
            "status" => status.clone(),
            name if name.ends_with("_time") || name == "until" => time_text().boxed(),
            _ => key_text().boxed(),
        };
        prop::option::weighted(0.9, value)
    });
    fields.prop_map(move |values| {
        let fields = names.clone().into_iter().zip(values);
        let present: Map<_, _> = fields
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        Value::Object(present)
    })
}

/// What section 2 says of every accepted event and every refusal.
fn check(body: &[u8]) -> Result<&'static str, TestCaseError> {
    let (event, expected_ignored) = match format().parse(body, Some(now())) {
        Parsed::Event(event) => (event, false),
        Parsed::EventWithoutExpected(event) => (event, true),
        Parsed::Ignored => return Ok("ignored"),
        Parsed::Refused(refusal) => {
            let reason = refusal.to_string();
            prop_assert!(
                !reason.is_empty() && reason.chars().count() < 400,
                "{reason}"
            );
            prop_assert!(!reason.contains(char::is_control), "{reason:?}");
            return Ok("refused");
        }
    };
    prop_assert!(body.len() <= MAX_MESSAGE_BYTES);
    let rooms: Vec<_> = event.rooms.iter().map(|(room, _)| room).collect();
    prop_assert_eq!(
        rooms.len(),
        1 + usize::from(event.kind == MessageKind::Move)
    );
    prop_assert!(rooms.windows(2).all(|pair| pair[0] != pair[1]), "{rooms:?}");
    let halves = rooms.iter().flat_map(|room| {
        [
            (room.hotel_id.as_str(), 50),
            (room.room_number.as_str(), 20),
        ]
    });
    let ids = event.rooms.iter().filter_map(|(_, said)| match said {
        Said::Fact(Fact::Arrival(arrival)) => arrival.id.as_ref(),
        Said::Fact(Fact::Departure(departure)) => departure.id.as_ref(),
        Said::Fact(Fact::Expectation(expectation)) => expectation.id.as_ref(),
        Said::Back { id, .. } => id.as_ref(),
        Said::Status(_) => None,
    });
    for (text, most) in halves.chain(ids.map(|id| (id.as_str(), 64))) {
        prop_assert!((1..=most).contains(&text.chars().count()), "{text:?}");
        prop_assert_eq!(text.trim(), text);
        prop_assert!(!text.contains(char::is_control), "{text:?}");
    }
    let latest = now().plus(2 * HOUR);
    let can_be_ignored = matches!(event.kind, MessageKind::Checkin | MessageKind::Move);
    prop_assert!(can_be_ignored || !expected_ignored);
    for (_, said) in &event.rooms {
        match said {
            Said::Fact(Fact::Arrival(arrival)) => {
                prop_assert!(arrival.since <= latest);
                prop_assert!(arrival.named.is_none_or(|named| named <= arrival.since));
                let expected = arrival.expected;
                prop_assert!(expected.is_none_or(|expected| expected > arrival.since));
                prop_assert!(expected.is_none() || !expected_ignored);
            }
            Said::Fact(Fact::Departure(Departure { checkin, until, .. })) => {
                let tolerance = match event.kind {
                    MessageKind::CancelCheckin => 600,
                    _ => 0,
                };
                prop_assert!(*until <= latest);
                prop_assert!(checkin.is_none_or(|checkin| checkin <= until.plus(tolerance)));
            }
            Said::Fact(Fact::Expectation(Expectation {
                since, expected, ..
            })) => prop_assert!(since.is_none_or(|since| since < *expected && since <= latest)),
            Said::Back { at, named, .. } => {
                prop_assert!(*at <= latest && named.is_none_or(|named| named <= *at));
            }
            Said::Status(StatusChange { status, at }) => {
                prop_assert!(*at <= latest);
                if let RoomStatus::OutOfOrder { until } = status {
                    prop_assert!(until.is_none_or(|until| until > *at));
                }
            }
        }
    }
    Ok("taken")
}

proptest! {
    #![proptest_config(config())]

    /// "A JSON object, UTF-8, at most 64 KiB": anything else is refused, in words.
    #[test]
    fn bytes_of_any_kind_never_panic(body in vec(any::<u8>(), 0..300)) {
        prop_assert_ne!(check(&body)?, "taken");
    }

    #[test]
    fn json_of_any_kind_never_panics(body in any_json()) {
        prop_assert_ne!(check(body.to_string().as_bytes())?, "taken");
    }

    #[test]
    fn an_accepted_message_keeps_the_rules_of_its_fields(message in message()) {
        check(message.to_string().as_bytes())?;
    }

    /// Messages cut short, or with a byte gone wrong.
    #[test]
    fn a_damaged_message_that_is_accepted_keeps_them_too(
        message in message(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut body = message.to_string().into_bytes();
        let at = at.index(body.len());
        check(&body[..at])?;
        body[at] = byte;
        check(&body)?;
    }

    /// "more than three decimals round half away from zero"
    #[test]
    fn a_register_is_read_exactly(
        sign in select(&["", "+", "-"][..]),
        whole in "[0-9]{1,15}",
        decimals in prop_oneof!["[0-9]{0,18}", "[0-9]{3}[45][09]{0,10}[0-9]?"],
    ) {
        let text = if decimals.is_empty() {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{decimals}")
        };
        let digits: i128 = format!("{whole}{decimals}").parse().expect("digits");
        let unit = 10i128.pow(decimals.len() as u32); // of one kWh
        let wh = (2 * 1000 * digits + unit) / (2 * unit);
        let wh = if sign == "-" { -wh } else { wh };
        let read = WattHours::parse_kwh(&text).map(|read| i128::from(read.0));
        prop_assert_eq!(read, Ok(wh), "{}", text);
    }

    #[test]
    fn a_register_is_printed_as_it_is_read(
        wh in -999_999_999_999_999_999..=999_999_999_999_999_999i64,
    ) {
        let wh = WattHours(wh);
        let text = wh.to_string();
        prop_assert_eq!(WattHours::parse_kwh(&text), Ok(wh));
        prop_assert!(!text.contains('.') || !text.ends_with(['0', '.']), "{}", text);
    }

    #[test]
    fn a_text_of_any_kind_is_a_register_or_refused(text in "[-+0-9. eE,]{0,12}|\\PC{0,12}") {
        let number = text.trim();
        let (mantissa, exponent) = match number.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()),
            None => (number, Some(0)),
        };
        let digits = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        // Leading zeros of the number before an exponent do not count as digits.
        let is_small = exponent.is_some_and(|exponent| {
            let value = digits.parse::<f64>().unwrap_or(f64::MAX) * 10f64.powi(exponent);
            exponent.abs() <= 40 && (value < 1e15)
        });
        let is_short = if number.contains(['e', 'E']) { is_small } else { whole.len() <= 15 };
        let is_number = all_digits(whole) && all_digits(decimals) && is_short;
        prop_assert_eq!(WattHours::parse_kwh(&text).is_ok(), is_number, "{:?}", text);
    }
}

/// Enough of the messages above are taken, and enough are not.
#[test]
fn the_generated_messages_contain_the_cases_that_matter() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..1000 {
        let message = message().new_tree(&mut runner).expect("one").current();
        let became = check(message.to_string().as_bytes()).expect("the rules of its fields");
        *counts.entry(became).or_insert(0) += 1;
    }
    println!("of 1000 messages: {counts:?}");
    assert!(counts["taken"] > 150, "{counts:?}");
    assert!(counts["ignored"] > 5, "{counts:?}");
    assert!(counts["refused"] > 150, "{counts:?}");
}
