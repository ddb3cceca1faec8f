//! Messages beyond check-in and check-out, and the ids of stays.

use crate::engine::{
    Event, Expectation, Fact, FieldNames, MessageFormat, MessageKind, Parsed, RoomStatus, Said,
    StatusChange, StatusCodes, StayId, TypeCodes,
};
use crate::types::{LocalTime, RoomKey, Zone};

/// A code for each kind, its key; statuses have codes of the hotel's own.
fn format() -> MessageFormat {
    let kinds = MessageKind::ALL.map(|kind| (kind.key().to_owned(), kind));
    let [out_of_order, in_order, dirty, clean] = RoomStatus::ALL;
    let statuses = StatusCodes {
        known: [
            ("OOO", out_of_order),
            ("OOS", out_of_order),
            ("IO", in_order),
            ("VD", dirty),
            ("VC", clean),
            ("7", clean),
        ]
        .map(|(code, status)| (code.to_owned(), status))
        .to_vec(),
        ignore: vec!["INSPECTED".to_owned()],
    };
    MessageFormat {
        types: TypeCodes {
            known: kinds.to_vec(),
            ignore: Vec::new(),
        },
        statuses,
        fields: FieldNames::default(),
        zone: Zone::named("Asia/Shanghai").expect("a zone"),
        max_ahead_seconds: 2 * 3_600,
        match_seconds: 600,
    }
}

/// What a message says, in words: of each room, what it is.
fn words(parsed: Parsed) -> String {
    let (event, ignored) = match parsed {
        Parsed::Ignored => return "ignored".into(),
        Parsed::Refused(refusal) => return refusal.to_string(),
        Parsed::Event(event) => (event, ""),
        Parsed::EventWithoutExpected(event) => (event, " (expected check-out ignored)"),
    };
    let rooms = event.rooms.iter();
    let rooms = rooms.map(|(room, said)| format!("{room} {}", of_room(said)));
    rooms.collect::<Vec<_>>().join("; ") + ignored
}

fn of_room(said: &Said) -> String {
    let id = |id: &Option<StayId>| id.as_ref().map_or(String::new(), |id| format!(" {id:?}"));
    let time = |word: &str, time: &Option<LocalTime>| {
        let time = time.map(|time| time.to_string().replace("2023-04-10 ", "@"));
        time.map_or(String::new(), |time| format!(" {word} {time}"))
    };
    match said {
        Said::Fact(Fact::Arrival(one)) => {
            let (named, expected) = (time("named", &one.named), time("until", &one.expected));
            let since = time("since", &Some(one.since));
            format!("in{}{since}{named}{expected}", id(&one.id))
        }
        Said::Fact(Fact::Departure(one)) => {
            let (of, until) = (time("of", &one.checkin), time("at", &Some(one.until)));
            format!("out{}{until}{of}", id(&one.id))
        }
        Said::Fact(Fact::Expectation(one)) => {
            let (since, until) = (time("of", &one.since), time("until", &Some(one.expected)));
            format!("stays{}{until}{since}", id(&one.id))
        }
        Said::Back { id: of, at, named } => {
            format!(
                "back{}{}{}",
                id(of),
                time("at", &Some(*at)),
                time("of", named)
            )
        }
        Said::Status(StatusChange { status, at }) => {
            let end = match status {
                RoomStatus::OutOfOrder { until } => time("until", until),
                _ => String::new(),
            };
            format!("{status}{}{end}", time("at", &Some(*at)))
        }
    }
}

/// Reads, at 14:30 on 2023-04-10, a message of this kind about room 102 of H1 with these fields.
/// `@12:00` is a time of that day.
fn read(kind: &str, fields: &str) -> String {
    let fields = fields.replace('@', "2023-04-10 ");
    let body = format!(
        r#"{{"hotel_id": "H1", "room_number": "102", "msgType": "{kind}"{}{fields}}}"#,
        if fields.is_empty() { "" } else { ", " }
    );
    let now = LocalTime::parse("2023-04-10 14:30:00").expect("a time");
    words(format().parse(body.as_bytes(), Some(now)))
}

#[track_caller]
fn each(kind: &str, cases: &[(&str, &str)]) {
    for (fields, became) in cases {
        assert_eq!(read(kind, fields), *became, "{kind}: {fields}");
    }
}

const CHECKED_IN: &str = r#""check_in_time": "@09:00""#;

#[test]
fn the_ids_of_stays() {
    let long = "酒".repeat(64);
    for (id, is) in [
        (r#""A-1""#, r#" StayId("A-1")"#),
        (r#"" a-1\t""#, r#" StayId("a-1")"#),
        ("1200", r#" StayId("1200")"#),
        ("12e2", r#" StayId("1200")"#),
        (r#""0012""#, r#" StayId("0012")"#),
        ("null", ""),
        (r#""""#, ""),
        (r#"" \u3000""#, ""),
        (&format!("\"{long}\""), &format!(" StayId({long:?})")),
    ] {
        let id = format!(r#""stay_id": {id}"#);
        for (kind, fields, became) in [
            (
                "checkin",
                CHECKED_IN.to_owned(),
                format!("H1/102 in{is} since @09:00:00"),
            ),
            (
                "checkout",
                r#""actual_checkout_time": "@12:00""#.to_owned(),
                format!("H1/102 out{is} at @12:00:00"),
            ),
            (
                "extend",
                r#""expected_checkout_time": "@18:00""#.to_owned(),
                format!("H1/102 stays{is} until @18:00:00"),
            ),
            (
                "cancel_checkin",
                r#""cancel_time": "@12:00""#.to_owned(),
                format!("H1/102 out{is} at @12:00:00"),
            ),
            (
                "cancel_checkout",
                r#""cancel_time": "@12:00""#.to_owned(),
                format!("H1/102 back{is} at @12:00:00"),
            ),
            (
                "move",
                r#""old_room_number": 101, "move_time": "@12:00""#.to_owned(),
                format!("H1/101 out{is} at @12:00:00; H1/102 in{is} since @12:00:00"),
            ),
        ] {
            assert_eq!(read(kind, &format!("{fields}, {id}")), became);
        }
    }
    for (id, reason) in [
        ("1.5", "must be a string or an integer"),
        (r#"["1"]"#, "must be a string or an integer"),
        ("false", "must be a string or an integer"),
        (r#""a\u0007b""#, "contains a control character"),
        (&format!("\"{long}x\""), "has 65 characters, more than 64"),
    ] {
        let fields = format!(r#"{CHECKED_IN}, "stay_id": {id}"#);
        assert_eq!(read("checkin", &fields), format!("stay_id {reason}"));
    }
    // A room's status has no stay: the field is ignored.
    let status = r#""status": "VC", "status_time": "@12:00", "stay_id": false"#;
    assert_eq!(read("room_status", status), "H1/102 clean at @12:00:00");
}

#[test]
fn a_move_is_a_departure_and_an_arrival() {
    let rooms = r#""old_room_number": " 101 ", "move_time": "@12:00""#;
    let came = r#""check_in_time": "2023-04-08 15:00""#;
    let (of, named) = (" of 2023-04-08 15:00:00", " named 2023-04-08 15:00:00");
    let plain = "H1/101 out at @12:00:00; H1/102 in since @12:00:00";
    each(
        "move",
        &[
            (rooms, plain),
            (
                &format!("{rooms}, {came}"),
                &format!("H1/101 out at @12:00:00{of}; H1/102 in since @12:00:00{named}"),
            ),
            (
                &format!(r#"{rooms}, "old_hotel_id": 2, "expected_checkout_time": "@18:00""#),
                "2/101 out at @12:00:00; H1/102 in since @12:00:00 until @18:00:00",
            ),
            (&format!(r#"{rooms}, "old_hotel_id": """#), plain),
            (&format!(r#"{rooms}, "old_hotel_id": " ""#), plain),
            (&format!(r#"{rooms}, "old_hotel_id": "H1""#), plain),
            (
                &format!(r#"{rooms}, "expected_checkout_time": "@12:00""#),
                &format!("{plain} (expected check-out ignored)"),
            ),
            // The same number in two hotels is two rooms.
            (
                r#""old_room_number": 102, "old_hotel_id": "H2", "move_time": "@12:00""#,
                "H2/102 out at @12:00:00; H1/102 in since @12:00:00",
            ),
            (
                r#""old_room_number": 102, "move_time": "@12:00""#,
                "old_room_number and room_number are the same room: a move leads to another one",
            ),
            (
                r#""old_room_number": 102, "old_hotel_id": "H1", "move_time": "@12:00""#,
                "old_room_number and room_number are the same room: a move leads to another one",
            ),
            (
                r#""move_time": "@12:00""#,
                "old_room_number is missing, null or empty",
            ),
            (
                r#""old_room_number": 101"#,
                "move_time is missing, null or empty",
            ),
            (
                &format!(r#"{rooms}, "check_in_time": "@12:01""#),
                "move_time is before check_in_time",
            ),
            (
                r#""old_room_number": 101, "move_time": "@16:31""#,
                "move_time 2023-04-10 16:31:00 is more than 2 h ahead of now (2023-04-10 14:30:00)",
            ),
            (
                r#""old_room_number": "101012345678901234567", "move_time": "@12:00""#,
                "old_room_number has 21 characters, more than 20",
            ),
            (
                &format!(r#"{rooms}, "old_hotel_id": 1.5"#),
                "old_hotel_id must be a string or an integer",
            ),
        ],
    );
}

#[test]
fn an_extension_is_an_expected_check_out() {
    let leaves = r#""expected_checkout_time": "2023-04-12 12:00""#;
    each(
        "extend",
        &[
            (leaves, "H1/102 stays until 2023-04-12 12:00:00"),
            (
                &format!("{leaves}, {CHECKED_IN}"),
                "H1/102 stays until 2023-04-12 12:00:00 of @09:00:00",
            ),
            // Said after the fact: it may lie in the past, as long as the guest was in.
            (
                &format!(r#"{CHECKED_IN}, "expected_checkout_time": "@09:01""#),
                "H1/102 stays until @09:01:00 of @09:00:00",
            ),
            (
                &format!(r#"{CHECKED_IN}, "expected_checkout_time": "@09:00""#),
                "expected_checkout_time is not after check_in_time",
            ),
            (
                CHECKED_IN,
                "expected_checkout_time is missing, null or empty",
            ),
            // A guest who is still to come has no stay that could be extended.
            (
                &format!(r#"{leaves}, "check_in_time": "2023-04-11 12:00""#),
                "check_in_time 2023-04-11 12:00:00 is more than 2 h ahead of now \
                 (2023-04-10 14:30:00)",
            ),
        ],
    );
}

#[test]
fn a_check_in_or_a_check_out_is_cancelled() {
    let at = r#""cancel_time": "@12:00""#;
    let of = |time: &str| format!(r#"{at}, "check_in_time": "{time}""#);
    let before = "cancel_time is before check_in_time";
    let ahead = "cancel_time 2023-04-10 16:31:00 is more than 2 h ahead of now \
                 (2023-04-10 14:30:00)";
    each(
        "cancel_checkin",
        &[
            (at, "H1/102 out at @12:00:00"),
            (&of("@09:00"), "H1/102 out at @12:00:00 of @09:00:00"),
            // Within match_minutes it undoes a check-in that comes after it.
            (&of("@12:10"), "H1/102 out at @12:00:00 of @12:10:00"),
            (&of("@12:10:01"), before),
            (CHECKED_IN, "cancel_time is missing, null or empty"),
            (r#""cancel_time": "@16:31""#, ahead),
        ],
    );
    each(
        "cancel_checkout",
        &[
            (at, "H1/102 back at @12:00:00"),
            (&of("@09:00"), "H1/102 back at @12:00:00 of @09:00:00"),
            (&of("@12:00"), "H1/102 back at @12:00:00 of @12:00:00"),
            (&of("@12:01"), before),
            (CHECKED_IN, "cancel_time is missing, null or empty"),
            (r#""cancel_time": "@16:31""#, ahead),
        ],
    );
}

#[test]
fn the_status_of_a_room() {
    let at = r#""status_time": "@12:00""#;
    let until = r#""until": "2023-04-12 12:00""#;
    let known = "(OOO: out of order, OOS: out of order, IO: in order, VD: dirty, VC: clean, \
                 7: clean)";
    each(
        "room_status",
        &[
            (
                &format!(r#"{at}, "status": "OOO""#),
                "H1/102 out of order at @12:00:00",
            ),
            (
                &format!(r#"{at}, "status": "OOS", {until}"#),
                "H1/102 out of order at @12:00:00 until 2023-04-12 12:00:00",
            ),
            (
                &format!(r#"{at}, "status": " IO ", {until}"#),
                "H1/102 in order at @12:00:00",
            ),
            (
                &format!(r#"{at}, "status": "VD", "until": "soon""#),
                "H1/102 dirty at @12:00:00",
            ),
            (
                &format!(r#"{at}, "status": 7"#),
                "H1/102 clean at @12:00:00",
            ),
            (r#""status": "INSPECTED""#, "ignored"),
            (
                &format!(r#"{at}, "status": "clean""#),
                &format!("status \"clean\" is not one this service knows {known}"),
            ),
            (at, "status is missing, null or empty"),
            (r#""status": "VC""#, "status_time is missing, null or empty"),
            (
                &format!(r#"{at}, "status": "OOO", "until": "@12:00""#),
                "until is not after status_time",
            ),
            (
                &format!(r#"{at}, "status": "OOO", "until": "soon""#),
                "until is not a time like 2023-04-10 14:30:00: soon",
            ),
            (
                r#""status": "VC", "status_time": "@16:31""#,
                "status_time 2023-04-10 16:31:00 is more than 2 h ahead of now \
                 (2023-04-10 14:30:00)",
            ),
        ],
    );
}

/// Codes of kinds that a hotel has not configured are refused, and say what is.
#[test]
fn a_refusal_names_the_codes_that_are_known() {
    let known: Vec<(String, MessageKind)> = (0..12)
        .map(|n| (format!("C{n}"), MessageKind::Move))
        .collect();
    let format = MessageFormat {
        types: TypeCodes {
            known,
            ignore: Vec::new(),
        },
        ..format()
    };
    let listed: Vec<String> = (0..10).map(|n| format!("C{n}: move")).collect();
    assert_eq!(
        words(format.parse(br#"{"msgType": "move"}"#, None)),
        format!(
            "msgType \"move\" is not one this service knows ({}, …)",
            listed.join(", ")
        )
    );
    // Without a type the times decide, and only between a check-in and a check-out.
    let no_type = br#"{"hotel_id": 1, "room_number": 2, "old_room_number": 1,
        "move_time": "2023-04-10 12:00"}"#;
    assert_eq!(
        words(self::format().parse(no_type, None)),
        "without msgType it needs check_in_time (check-in) or actual_checkin_time and \
         actual_checkout_time (check-out)"
    );
}

#[test]
fn what_can_not_be_written_is_said() {
    let mut format = format();
    format.types = TypeCodes::default();
    let at = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
    let room = RoomKey::new("H1", "102");
    let extension = Said::Fact(Fact::Expectation(Expectation {
        id: None,
        since: None,
        expected: at,
    }));
    let event = |kind, said: &Said| Event {
        kind,
        rooms: vec![(room.clone(), said.clone())],
    };
    let not_set = "is not set: it needs the code that your property management system has";
    let refused = |format: &MessageFormat, event| {
        let refused = format.write(&event).expect_err("it can't be written");
        refused.to_string()
    };
    assert_eq!(
        refused(&format, event(MessageKind::Extend, &extension)),
        format!("message_types.extend {not_set}")
    );
    assert_eq!(
        refused(&format, event(MessageKind::Checkin, &extension)),
        "no check-in says this of a room"
    );
    let clean = Said::Status(StatusChange {
        status: RoomStatus::Clean,
        at,
    });
    let mut format = self::format();
    format.statuses.known.clear();
    assert_eq!(
        refused(&format, event(MessageKind::RoomStatus, &clean)),
        format!("room_status.clean {not_set}")
    );
}
