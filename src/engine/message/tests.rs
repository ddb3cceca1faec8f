use super::*;

/// The original's format; messages of type 9 are somebody else's.
fn format() -> MessageFormat {
    MessageFormat {
        types: TypeCodes {
            ignore: vec!["9".into()],
            ..TypeCodes::default()
        },
        statuses: StatusCodes::default(),
        fields: FieldNames::default(),
        zone: Zone::named("Asia/Shanghai").expect("a zone"),
        max_ahead_seconds: 2 * 3600,
        match_seconds: 600,
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
    let [(room, Said::Fact(fact))] = &event.rooms[..] else {
        return format!("{event:?}");
    };
    let (stay, other) = match fact.stay().expect("a stay") {
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
    format!("{room} {stay}{other}{ignored}")
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
        // without a type the times decide, a check-in's first
        ("null", came),
        (r#""""#, came),
        (r#""9""#, "ignored"),
        ("9", "ignored"),
        (r#""5710006""#, &unknown("5710006")),
        ("5710006", &unknown("5710006")),
        (r#""checkin""#, &unknown("checkin")),
        ("5.710005e6", came),
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
        ("1.5e3", "1E2", "1500/100"),
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
        ("15e-1", "must be a string or an integer"),
        (
            r#""H\ud83d""#,
            r"contains half of a character (as \ud83d without the \ude00 that belongs to it)",
        ),
        (r#"["H1"]"#, "must be a string or an integer"),
        (r#""H\u00001""#, "contains a control character"),
        (r#""H\n1""#, "contains a control character"),
        (r#""H\u009b1""#, "contains a control character"),
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
        "2023-04-10T14:00",
        "2023/04/10 14:00:00",
        "1681106400",
        "1681106400000",
        "1681106400.5",
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
        "168110640",
        "false",
        r#""2023-02-30 14:00:00""#,
        r#""2023-04-10""#,
        r#"" ""#,
    ] {
        let came = format!(r#""check_in_time": {bad}"#);
        let leaves = format!(r#""check_in_time": {good}, "expected_checkout_time": {bad}"#);
        let left = format!(r#""actual_checkout_time": {bad}"#);
        let arrived = format!(r#""actual_checkout_time": {good}, "actual_checkin_time": {bad}"#);
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

/// An array or an object may contain a guest's name.
#[test]
fn a_reason_does_not_quote_arrays_and_objects() {
    for (value, word) in [
        (r#"{"guest": "canary"}"#, "an object"),
        (r#"["canary"]"#, "an array"),
    ] {
        assert_eq!(
            check_in(&format!(r#""check_in_time": {value}"#)),
            format!("check_in_time is not a time like 2023-04-10 14:30:00: {word}")
        );
    }
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
            "the name of a field contains half of a character",
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
    for (body, reason) in [
        (&b"{\"hotel_id\": \"H\xfc\"}"[..], "the body is not UTF-8"),
        (
            b"{\"hotel_id\": \"\xb9\xf3\xb1\xf6\"}",
            "the body is not UTF-8, it looks like GBK: it has to be UTF-8",
        ),
        (
            b"\x1f\x8b\x08\x00\x00",
            "the body is gzip: unpack it, only plain UTF-8 text is read",
        ),
        (b"{\x00}\x00", "the body is UTF-16: it has to be UTF-8"),
        (
            b"\"{\\\"hotel_id\\\": 1}\"",
            "the body is a JSON string that holds JSON: publish the object itself, unquoted",
        ),
    ] {
        assert_eq!(words(format().parse(body, None)), reason);
    }
}

/// .NET writes a byte order mark before the text.
#[test]
fn a_byte_order_mark_is_passed_over() {
    let body = r#"{"hotel_id": 1, "room_number": 1, "check_in_time": "2023-04-10 14:00:00"}"#;
    assert_eq!(
        read(&format!("\u{feff}{body}")),
        "1/1 in 2023-04-10 14:00:00"
    );
    assert!(read(&format!("\u{feff}\u{feff}{body}")).starts_with("the body is not JSON"));
}

#[test]
fn a_field_that_stands_twice_says_the_same_twice_or_is_refused() {
    let time = r#""check_in_time": "@14:00:00""#;
    let event = "H1/101 in 2023-04-10 14:00:00";
    assert_eq!(check_in(&format!("{time}, {time}")), event);
    assert_eq!(check_in(&format!(r#"{time}, "x": 1, "x": 2"#)), event);
    // Also if it is written differently.
    for same in [
        r#""hotel_id": "\u0048\u0031""#,
        r#""room_number": 101"#,
        r#""expected_checkout_time": null, "expected_checkout_time": """#,
    ] {
        assert_eq!(check_in(&format!("{time}, {same}")), event, "{same}");
    }
    let epoch = r#""check_in_time": 1681106400, "check_in_time": 1.6811064e9"#;
    assert_eq!(check_in(epoch), event);
    let arrays = r#""check_in_time": [1], "check_in_time": [2]"#;
    let twice = "check_in_time appears twice in the body, with different values";
    assert_eq!(check_in(arrays), twice);
    for other in [r#""@15:00:00""#, "null", r#""""#] {
        assert_eq!(
            check_in(&format!(r#"{time}, "check_in_time": {other}"#)),
            "check_in_time appears twice in the body, with different values"
        );
    }
    // Also where a name is written otherwise.
    assert_eq!(
        check_in(&format!(r#"{time}, "hotel\u005fid": "H2""#)),
        "hotel_id appears twice in the body, with different values"
    );
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
            known: vec![
                ("IN".into(), MessageKind::Checkin),
                ("OUT".into(), MessageKind::Checkout),
            ],
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
            ..FieldNames::default()
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
