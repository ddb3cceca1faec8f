//! Cases made by hand, each through the oracle and through the binary.

use super::*;

/// "12:00" or "12:00:01" of 2023-04-10.
fn clock(text: &str) -> String {
    format!(
        "2023-04-10 {text}{}",
        if text.len() == 5 { ":00" } else { "" }
    )
}

/// Verdicts on room 101 of H1, joined by `; `: from watches as in "out 12:00, in 14:00" and
/// readings as in "12:00 0, 12:30 1.5". Thresholds are 2 kWh (in) and 1.5 kWh (out).
fn verdicts(settings: &Settings, stays: &str, readings: &str) -> String {
    let mut messages = String::new();
    for (kind, time) in stays.split(", ").filter_map(|stay| stay.split_once(' ')) {
        let field = match kind {
            "in" => r#""msgType":"5710005","check_in_time""#,
            _ => r#""msgType":"5710013","actual_checkout_time""#,
        };
        let time = clock(time);
        messages += &format!("{{\"hotel_id\":\"H1\",\"room_number\":101,{field}:\"{time}\"}}\n");
    }
    let mut csv = HEADER.to_string();
    for (time, value) in readings
        .split(", ")
        .filter_map(|reading| reading.split_once(' '))
    {
        csv += &format!("H1,101,{value},{}\n", clock(time));
    }
    both(settings, &messages, &csv)
}

const HEADER: &str = "hotel_id,room_number,reading_value,script_time\n";

/// The oracle's lines, shortened to what varies; fails if the binary prints other ones.
fn both(settings: &Settings, messages: &str, csv: &str) -> String {
    let name = std::thread::current()
        .name()
        .unwrap_or("by-hand")
        .to_string();
    if let Err(text) = compare(messages.as_bytes(), csv.as_bytes(), settings, &name) {
        panic!("{text}");
    }
    let outcome = backtest(messages.as_bytes(), csv.as_bytes(), settings);
    let short = |line: &String| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let word = |name: &str| value[name].as_str().unwrap_or_default();
        let (event, kind) = (word("event"), &word("kind")[5..]);
        let (detected, since) = (&word("detected_time")[11..], &word("since")[11..]);
        let (periods, total) = (&value["periods"], &value["total_kwh"]);
        format!("{kind} {event} {since}-{detected} {periods}x {total}")
    };
    outcome
        .lines
        .iter()
        .map(short)
        .collect::<Vec<_>>()
        .join("; ")
}

/// The same where a single abnormal interval alerts.
fn at_once(stays: &str, readings: &str) -> String {
    let settings = Settings {
        alert_count: 1,
        ..Settings::default()
    };
    verdicts(&settings, stays, readings)
}

#[test]
fn a_line_is_exact() {
    let messages =
        r#"{"hotel_id":"北\"1","room_number":"101","actual_checkin_time":"2023-04-09T20:00:00","#
            .to_string()
            + r#""actual_checkout_time":"2023-04-10T04:00:00.5Z"}"#;
    let mut csv = HEADER.to_string();
    for reading in [
        "100,2023-04-10 12:00",
        "102.4,2023-04-10 12:30",
        "104.80,2023-04-10 13:00",
    ] {
        csv += &format!("\"北\"\"1\",101,{reading}:00\n");
    }
    csv += "\"北\"\"1\",101,107.2,2023-04-10 13:30:00\n\"北\"\"1\",101,109.6,2023-04-10T14:00:00.9";
    let settings = Settings::default();
    assert_eq!(
        both(&settings, &messages, &csv),
        "out alert 12:00:00-14:00:00 4x 9.6"
    );
    let lines = backtest(messages.as_bytes(), csv.as_bytes(), &settings).lines;
    let start = r#"{"event":"alert","hotel_id":"北\"1","room_number":"101","kind":"checkout","#;
    let times = r#""detected_time":"2023-04-10 14:00:00","since":"2023-04-10 12:00:00","#;
    assert_eq!(
        lines,
        [format!("{start}{times}\"periods\":4,\"total_kwh\":9.6}}")]
    );
}

#[test]
fn thresholds_are_met_strictly() {
    assert_eq!(at_once("out 12:00", "12:00 8, 12:30 9.5"), "");
    assert_eq!(at_once("out 12:00", "12:00 8, 12:30 9.5004"), "");
    let alert = "out alert 12:00:00-12:30:00 1x 1.501";
    assert_eq!(at_once("out 12:00", "12:00 8, 12:30 9.5005"), alert);
    assert_eq!(at_once("in 12:00", "12:00 8, 12:30 10.000"), "");
    let alert = "in alert 12:00:00-12:30:00 1x 2.001";
    assert_eq!(at_once("in 12:00", "12:00 8, 12:30 10.001"), alert);
}

#[test]
fn intervals_have_a_tolerance() {
    let after = |time| at_once("out 12:00", &format!("12:00 8, {time} 16"));
    assert_eq!(after("12:26:59"), "");
    assert_eq!(after("12:27"), "out alert 12:00:00-12:27:00 1x 8");
    assert_eq!(after("12:33"), "out alert 12:00:00-12:33:00 1x 8");
    assert_eq!(after("12:56:59"), "out alert 12:00:00-12:56:59 1x 8");
    assert_eq!(after("12:57"), "out alert 12:00:00-12:57:00 2x 8");
    // Consumption is compared with the time that really passed.
    assert_eq!(at_once("out 12:00", "12:00 0, 12:33 1.65"), "");
    let alert = "out alert 12:00:00-12:33:00 1x 1.651";
    assert_eq!(at_once("out 12:00", "12:00 0, 12:33 1.651"), alert);
    // Readings inside an interval add up to it.
    let inside = at_once("out 12:00", "12:00 0, 12:10 1, 12:20 1.2, 12:30 1.6");
    assert_eq!(inside, "out alert 12:00:00-12:30:00 1x 1.6");
}

#[test]
fn a_gap_begins_after_120_minutes() {
    let after = |time| {
        verdicts(
            &Settings::default(),
            "out 12:00",
            &format!("12:00 8, {time} 16"),
        )
    };
    assert_eq!(after("14:00"), "out alert 12:00:00-14:00:00 4x 8");
    assert_eq!(after("14:00:01"), "");
    // It ends an alerted run without a recovery, and keeps the higher register of a jitter.
    let gap = "12:00 0, 12:30 2, 14:30:01 1.98, 15:00:01";
    let first = "out alert 12:00:00-12:30:00 1x 2";
    assert_eq!(at_once("out 12:00", &format!("{gap} 3.5")), first);
    let second = format!("{first}; out alert 14:30:01-15:00:01 1x 1.501");
    assert_eq!(at_once("out 12:00", &format!("{gap} 3.501")), second);
}

#[test]
fn small_falls_are_jitter() {
    let fall = |rest| at_once("out 12:00", &format!("12:00 10, 12:30 {rest}"));
    assert_eq!(fall("9.98, 13:00 11.5"), "");
    assert_eq!(
        fall("9.98, 13:00 11.501"),
        "out alert 12:30:00-13:00:00 1x 1.501"
    );
    // A fall of 0.03 is suspected; the next reading fits the sample: an hour of 3.1 kWh.
    assert_eq!(
        fall("9.97, 13:00 13.1"),
        "out alert 12:00:00-13:00:00 2x 3.1"
    );
    assert_eq!(
        fall("9.979, 13:00 13.1"),
        "out alert 12:00:00-13:00:00 2x 3.1"
    );
    // Or it doesn't: the meter was replaced, and it is judged from the suspect.
    assert_eq!(fall("5, 13:00 6.51"), "out alert 12:30:00-13:00:00 1x 1.51");
    assert_eq!(fall("5, 13:00 6.5"), "");
}

#[test]
fn suspects_are_dropped_or_confirmed() {
    let case = |readings| at_once("out 12:00", readings);
    let dropped = case("12:00 10, 12:10 500, 12:20 10.5, 12:30 11.6");
    assert_eq!(dropped, "out alert 12:00:00-12:30:00 1x 1.6");
    let confirmed = case("12:00 10, 12:10 3, 12:20 3.5, 12:30 4.5, 12:40 4.6");
    assert_eq!(confirmed, "out alert 12:10:00-12:40:00 1x 1.6");
    let replaced_twice = case("12:00 10, 12:30 500, 13:00 5, 13:30 6.6");
    assert_eq!(replaced_twice, "out alert 13:00:00-13:30:00 1x 1.6");
    let first_is_an_outlier = case("12:00 900, 12:30 10, 13:00 11, 13:30 13");
    assert_eq!(first_is_an_outlier, "out alert 13:00:00-13:30:00 1x 2");
    // A replaced meter ends an alerted run without a recovery.
    let ended = case("12:00 0, 12:30 2, 13:00 0, 13:30 1, 14:00 3");
    let second = "out alert 13:30:00-14:00:00 1x 2";
    assert_eq!(ended, format!("out alert 12:00:00-12:30:00 1x 2; {second}"));
    // 20 kWh an interval are plausible, one Wh more is not; a short time counts as an interval.
    let short = case("12:00 0, 12:05 20, 12:30 20");
    assert_eq!(short, "out alert 12:00:00-12:30:00 1x 20");
    assert_eq!(case("12:00 0, 12:30 20.001"), "");
    assert_eq!(
        case("12:00 0, 12:33 22"),
        "out alert 12:00:00-12:33:00 1x 22"
    );
    assert_eq!(case("12:00 0, 12:33 22.001"), "");
}

#[test]
fn registers_roll_over() {
    let settings = Settings {
        alert_count: 1,
        modulus_wh: Some(100_000),
        ..Settings::default()
    };
    let case = |from, to| verdicts(&settings, "out 12:00", &format!("12:00 {from}, 12:30 {to}"));
    assert_eq!(case("99.5", "1.5"), "out alert 12:00:00-12:30:00 1x 2");
    assert_eq!(case("99.5", "1"), "");
    assert_eq!(
        case("90.001", "9.999"),
        "out alert 12:00:00-12:30:00 1x 19.998"
    );
    assert_eq!(case("90", "9.999"), "");
    assert_eq!(case("90.001", "10"), "");
    assert_eq!(case("102", "1.9"), ""); // above the modulus the difference would be negative
}

#[test]
fn reminders_double_and_recoveries_end() {
    let settings = Settings::default();
    let reading = |nth: usize| {
        let kwh = nth.min(17) * 2 + nth.saturating_sub(17);
        format!("{:02}:{:02} {kwh}", 4 + nth / 2, nth % 2 * 30)
    };
    let readings = (0..20).map(reading).collect::<Vec<_>>();
    let expected = [
        "out alert 04:00:00-06:00:00 4x 8",
        "out reminder 04:00:00-08:00:00 8x 16",
        "out reminder 04:00:00-12:00:00 16x 32",
        "out recovered 04:00:00-13:00:00 17x 34",
    ];
    assert_eq!(
        verdicts(&settings, "out 04:00", &readings.join(", ")),
        expected.join("; ")
    );
    // A run that was not notified ends without a notice.
    assert_eq!(
        verdicts(&settings, "out 11:00", &readings[14..].join(", ")),
        ""
    );
    // Long intervals count as several periods: an alert at 7, so that the reminder comes at 14.
    let long = "12:00 0, 13:30 6, 15:30 14, 17:00 20, 18:30 26, 19:00 28";
    let expected = "out alert 12:00:00-15:30:00 7x 14; out reminder 12:00:00-19:00:00 14x 28";
    assert_eq!(verdicts(&settings, "out 12:00", long), expected);
}

#[test]
fn zero_use_ends_a_notified_run_only_after_ninety_minutes() {
    let alert = "out alert 12:00:00-12:30:00 1x 3";
    let case = |rest: &str| at_once("out 12:00", &format!("12:00 0, 12:30 3, {rest}"));
    assert_eq!(case("13:00 3, 13:30 2.98, 13:59:59 3"), alert);
    let recovered = |at: &str| format!("{alert}; out recovered 12:00:00-{at}:00 1x 3");
    assert_eq!(case("13:00 3, 13:30 3, 14:00 3"), recovered("14:00"));
    assert_eq!(case("13:00 3.001"), recovered("13:00"));
    let on = format!("{alert}; out reminder 12:00:00-13:30:00 2x 6");
    assert_eq!(case("13:00 3, 13:30 6, 14:00 6, 14:30 6"), on);
}

#[test]
fn two_wrong_polls_are_no_other_meter() {
    let wrong = "12:00 100, 12:30 103, 12:35 14.21, 12:40 14.21, 12:45 104, 13:00 106, 13:05 14.21";
    let expected = "out alert 12:00:00-12:30:00 1x 3; out reminder 12:00:00-13:00:00 2x 6";
    assert_eq!(
        at_once("out 12:00", &format!("{wrong}, 13:31:59 14.21")),
        expected
    );
    let changed = at_once("out 12:00", &format!("{wrong}, 13:32 17.21"));
    assert_eq!(
        changed,
        format!("{expected}; out alert 13:05:00-13:32:00 1x 3")
    );
}

#[test]
fn another_meter_is_accepted_an_interval_less_its_tolerance_after_the_first_suspect() {
    let case = |rest: &str| at_once("out 12:00", &format!("12:00 100, 12:30 5, {rest}"));
    assert_eq!(case("12:56:59 7"), "");
    assert_eq!(case("12:57 7"), "out alert 12:30:00-12:57:00 1x 2");
    assert_eq!(
        case("12:56:59 7, 13:00 7.5"),
        "out alert 12:30:00-13:00:00 1x 2.5"
    );
    // A suspect that takes another's place waits anew.
    assert_eq!(
        case("12:45 50, 13:00 51, 13:11:59 52, 13:12 52"),
        "out alert 12:45:00-13:12:00 1x 2"
    );
    // "The reading goes on to 4 from there": to a gap.
    assert_eq!(
        case("14:30:01 9, 15:00:01 11"),
        "out alert 14:30:01-15:00:01 1x 2"
    );
    // A tenth of five minutes.
    let settings = Settings {
        interval_minutes: 5,
        alert_count: 1,
        ..Settings::default()
    };
    let case = |time: &str| {
        let readings = format!("12:00 100, 12:05 14.21, {time} 14.21, 12:10 104");
        verdicts(&settings, "out 12:00", &readings)
    };
    assert_eq!(case("12:09:29"), "out alert 12:00:00-12:10:00 2x 4");
    assert_eq!(case("12:09:30"), "");
}

#[test]
fn the_wait_at_zero_use_counts_from_the_last_interval_above_zero() {
    let case = |rest: &str| at_once("out 12:00", &format!("12:00 0, 12:30 3, {rest}"));
    let alert = "out alert 12:00:00-12:30:00 1x 3";
    // One long interval.
    assert_eq!(case("13:59:59 3"), alert);
    assert_eq!(
        case("14:00 3"),
        format!("{alert}; out recovered 12:00:00-14:00:00 1x 3")
    );
    assert_eq!(
        case("13:59:59 3, 14:29:59 3"),
        format!("{alert}; out recovered 12:00:00-14:29:59 1x 3")
    );
    // What is abnormal in between counts on, and the wait begins anew.
    let on = format!("{alert}; out reminder 12:00:00-14:00:00 2x 6");
    assert_eq!(case("13:30 3, 14:00 6, 15:29:59 6"), on);
    assert_eq!(
        case("13:30 3, 14:00 6, 15:30 6"),
        format!("{on}; out recovered 12:00:00-15:30:00 2x 6")
    );
    // A gap or another meter ends the run meanwhile, without a recovery.
    assert_eq!(case("13:00 3, 15:00:01 4, 15:30:01 4"), alert);
    assert_eq!(case("13:00 1, 13:27 1, 15:27 1"), alert);
    // A run without an alert is ended at once.
    let twice = Settings {
        alert_count: 2,
        ..Settings::default()
    };
    assert_eq!(
        verdicts(
            &twice,
            "out 12:00",
            "12:00 0, 12:30 3, 13:00 3, 13:30 6, 14:00 9"
        ),
        "out alert 13:00:00-14:00:00 2x 6"
    );
    // As long as is configured.
    let soon = Settings {
        alert_count: 1,
        silent_after_minutes: 30,
        ..Settings::default()
    };
    let case = |time: &str| {
        let readings = format!("12:00 0, 12:30 3, {time} 3");
        verdicts(&soon, "out 12:00", &readings)
    };
    assert_eq!(case("12:59:59"), alert);
    assert_eq!(
        case("13:00"),
        format!("{alert}; out recovered 12:00:00-13:00:00 1x 3")
    );
}

#[test]
fn a_rollover_is_a_difference_like_others() {
    let case = |modulus_wh, readings| {
        let settings = Settings {
            alert_count: 1,
            modulus_wh: Some(modulus_wh),
            ..Settings::default()
        };
        verdicts(&settings, "out 12:00", readings)
    };
    // Jitter does not go back over it: a rise of 99.986 is suspected.
    assert_eq!(
        case(100_000, "12:00 99.995, 12:30 0.004, 13:00 99.99, 13:30 4"),
        "out alert 12:30:00-13:30:00 2x 3.996"
    );
    // More than is plausible: another meter.
    assert_eq!(
        case(1_000_000, "12:00 950, 12:30 30, 13:00 32"),
        "out alert 12:30:00-13:00:00 1x 2"
    );
    // The other meter rolls over.
    assert_eq!(
        case(100_000, "12:00 10, 12:30 99.5, 13:00 1.5"),
        "out alert 12:30:00-13:00:00 1x 2"
    );
}

#[test]
fn watches_begin_and_end() {
    // An interval that began before the stay is judged when that was within the tolerance.
    let begun = |stay| at_once(&format!("out {stay}"), "12:00 0, 12:30 2");
    assert_eq!(begun("12:00"), "out alert 12:00:00-12:30:00 1x 2");
    assert_eq!(begun("12:03"), "out alert 12:00:00-12:30:00 1x 2");
    assert_eq!(begun("12:03:01"), "");
    // Without a reading before the stay the first one after it is the initial one.
    assert_eq!(begun("11:59"), "out alert 12:00:00-12:30:00 1x 2");
    // One that is an interval older still is the initial one: the second reading is a suspect then.
    let older = |stay| {
        at_once(
            &format!("out {stay}"),
            "12:00 0, 12:31 90, 13:01 3, 13:31 94",
        )
    };
    assert_eq!(older("12:30"), "");
    assert_eq!(older("12:30:01"), "out alert 12:31:00-13:31:00 2x 4");
    // A reading at the next stay time closes the old watch's interval and opens the new watch's.
    let shared = at_once(
        "in 12:30, out 12:00",
        "12:00 0, 12:30 3, 13:00 6, 13:30 6.1",
    );
    let expected = [
        "out alert 12:00:00-12:30:00 1x 3",
        "in alert 12:30:00-13:00:00 1x 3",
        "in recovered 12:30:00-13:30:00 1x 3",
    ];
    assert_eq!(shared, expected.join("; "));
    // Check-out before check-in at one time; a repetition changes nothing.
    let one_time = at_once("in 12:00, out 12:00, in 12:00", "12:00 0, 12:30 3");
    assert_eq!(one_time, "in alert 12:00:00-12:30:00 1x 3");
    // Of readings with one time the first row counts, wherever it is.
    let rows = at_once("out 12:00", "12:30 2, 12:00 0, 12:30 0, 12:00 1.9");
    assert_eq!(rows, "out alert 12:00:00-12:30:00 1x 2");
}

#[test]
fn messages_are_counted() {
    let settings = Settings {
        ignore: vec!["42".to_string()],
        ..Settings::default()
    };
    let counted = |line: &str| {
        let outcome = backtest(line.as_bytes(), b"", &settings);
        ["event", "ignored", "refused"][outcome.ignored + 2 * outcome.refused]
    };
    let cases = r#"
        ignored "msgType":42,"check_in_time":NOW
        ignored "msgType":" 42 "
        refused "msgType":43,"check_in_time":NOW
        refused "msgType":5710005
        event "msgType":5710005,"check_in_time":NOW
        refused "msgType":5710005,"check_in_time":NOW,"expected_checkout_time":"x"
        event "check_in_time":NOW,"expected_checkout_time":NOW,"actual_checkin_time":7
        event "actual_checkout_time":NOW,"actual_checkin_time":NOW
        refused "actual_checkout_time":NOW
        event "msgType":"5710013","actual_checkout_time":NOW,"check_in_time":7
        event "check_in_time":"2023-04-10T12:00:00.25+0800"
        refused "check_in_time":"2023-04-10 12:00:00+24:00"
        refused "check_in_time":"2023-02-29 12:00:00"
    "#;
    for (expected, rest) in cases.lines().filter_map(|case| case.trim().split_once(' ')) {
        let rest = rest.replace("NOW", "\"2023-04-10 12:00:00\"");
        let line = format!("{{\"hotel_id\":\" H1 \",\"room_number\":101,{rest}}}");
        assert_eq!(counted(&line), expected, "{rest}");
    }
    assert_eq!(counted(r#"{"msgType":"42"}"#), "ignored"); // before any other check
    assert_eq!(
        counted(r#"{"msgType":"5710005","check_in_time":"2023-04-10 12:00:00"}"#),
        "refused"
    );
    assert_eq!(counted("[]"), "refused");
}

#[test]
fn rows_are_counted() {
    let bad = |row: &str| {
        let csv = format!("{HEADER}{row}\n");
        let outcome = backtest(b"", csv.as_bytes(), &Settings::default());
        assert_eq!(outcome.rows, 1);
        outcome.bad_rows == 1
    };
    for value in [
        "1",
        "+1",
        "-0.0005",
        " 7.5 ",
        "1.5e3",
        "15E-1",
        "123456789012345.1234567",
        "\"1\"",
    ] {
        assert!(
            !bad(&format!("H1,101,{value},2024-02-29T23:59:59.125")),
            "{value}"
        );
    }
    for value in [
        "",
        "1.",
        ".1",
        "1e",
        "1e16",
        "1234567890123456",
        "NaN",
        "1,2",
        "\"1,2\"",
        "- 1",
    ] {
        assert!(
            bad(&format!("H1,101,{value},2024-02-29 23:59:59")),
            "{value}"
        );
    }
    for time in [
        "2023-02-29 10:00:00",
        "0000-01-01 00:00:00",
        "2023-04-10 24:00:00",
        "",
    ] {
        assert!(bad(&format!("H1,101,1,{time}")), "{time}");
    }
    for time in [
        "2023-04-10T10:00",
        "2023/4/1 9:05",
        "2023-04-10 10:00:00Z",
        "1681106400",
    ] {
        assert!(!bad(&format!("H1,101,1,{time}")), "{time}");
    }
    assert!(!bad(" H1 ,101 ,1,2023-04-10 10:00:00"));
    assert!(bad(" ,101,1,2023-04-10 10:00:00"));
    assert!(bad("H1,,1,2023-04-10 10:00:00"));
}

#[test]
fn civil_dates_come_back() {
    let day = |year, month, day| oracle::seconds(year, month, day);
    assert_eq!(
        oracle::text_of(day(2023, 12, 31) + 86_400),
        "2024-01-01 00:00:00"
    );
    assert_eq!(oracle::text_of(day(2024, 1, 1) - 1), "2023-12-31 23:59:59");
    assert_eq!(
        oracle::text_of(day(2024, 2, 28) + 86_400),
        "2024-02-29 00:00:00"
    );
    assert_eq!(oracle::text_of(day(2100, 3, 1) - 1), "2100-02-28 23:59:59");
    assert_eq!(day(1970, 1, 1), 719_162 * 86_400);
}
