//! One message means the same whatever way it comes: RabbitMQ, HTTP or a file; and so does a list
//! of readings: HTTP in either form, or a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use crate::embedded::alone;
use crate::support::Rig;
use crate::support::intake::{ask, ask_bytes, wait_until_served};
use crate::{check_out, finished, minutes_ago};

/// What each body is: a check-in at the one time, or refused for a reason that begins so.
type Forms = Vec<(Vec<u8>, Result<(), &'static str>)>;

fn forms(checked_in: &str, unix_seconds: i64) -> Forms {
    let minute = &checked_in[..16];
    let with = |time: &str| {
        format!(r#"{{"hotel_id":" H1 ","room_number":101,"check_in_time":{time}}}"#).into_bytes()
    };
    let text = |time: &str| with(&format!("\"{time}\""));
    let plain = text(checked_in);
    let as_text = String::from_utf8(plain.clone()).expect("UTF-8");
    let utf16 = as_text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let named = |name: &[u8]| {
        let parts = [
            b"{\"hotel_id\":\"",
            name,
            b"\",\"room_number\":\"101\",\"check_in_time\":\"2023-04-10 12:00:00\"}",
        ];
        parts.concat()
    };
    vec![
        ([b"\xef\xbb\xbf", &plain[..]].concat(), Ok(())),
        (text(minute), Ok(())),
        (text(&minute.replace(' ', "T")), Ok(())),
        (text(&checked_in.replace('-', "/")), Ok(())),
        (
            text(&format!("{}+08:00", checked_in.replace(' ', "T"))),
            Ok(()),
        ),
        (text(&unix_seconds.to_string()), Ok(())),
        (with(&unix_seconds.to_string()), Ok(())),
        (with(&format!("{unix_seconds}e3")), Ok(())),
        (text(&format!("{unix_seconds}000")), Ok(())),
        (with(&format!("{unix_seconds}.123")), Ok(())),
        (
            with(&format!("\"{checked_in}\",\"room_number\":\"101\"")),
            Ok(()),
        ),
        (
            with("20230412"),
            Err("check_in_time is not a time like 2023-04-10 14:30:00: 20230412"),
        ),
        (
            text("2023041012"),
            Err("check_in_time is not a time like 2023-04-10 14:30:00: 2023041012"),
        ),
        (
            b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03".to_vec(),
            Err("the body is gzip: "),
        ),
        (utf16, Err("the body is UTF-16: ")),
        (
            named(b"\xbe\xc6\xb5\xea"),
            Err("the body is not UTF-8, it looks like GBK"),
        ),
        (
            serde_json::to_vec(&as_text).expect("JSON"),
            Err("the body is a JSON string that holds JSON"),
        ),
        (
            named(b"H1\",\"hotel_id\":\"H2"),
            Err("hotel_id appears twice in the body"),
        ),
        (
            named(b"H\\ud83d"),
            Err("hotel_id contains half of a character"),
        ),
    ]
}

#[test]
fn a_message_is_read_alike_from_rabbitmq_http_and_files() {
    let mut rig = Rig::new("forms");
    let address = rig.listen();
    let mut service = rig.start();
    service.wait_until_ready();
    wait_until_served(address);
    // A whole minute, as Java writes it without seconds.
    let now = minutes_ago(5);
    let time = now.plus(-now.seconds().rem_euclid(60));
    let shanghai = 8 * 3_600;
    let forms = forms(&time.to_string(), time.seconds() - shanghai);
    let good = forms.iter().filter(|(_, outcome)| outcome.is_ok()).count();
    let reasons: Vec<&str> = forms.iter().filter_map(|(_, o)| o.err()).collect();

    rig.publish_bytes(forms.iter().map(|(body, _)| &body[..]));
    // A body that is refused as a whole is not stored.
    let mut kept_of_http = BTreeSet::new();
    for (body, outcome) in &forms {
        let array = [b"[", &body[..], b"]"].concat();
        let ways = [
            ("application/x-ndjson", body),
            ("application/json", body),
            ("application/json", &array),
        ];
        // An array can contain neither a byte order mark nor bytes that are not text.
        let fits_in_array = std::str::from_utf8(body)
            .is_ok_and(|body| body.starts_with(['{', '"']) && !body.contains('\0'));
        for (of_type, sent) in &ways[..if fits_in_array { 3 } else { 2 }] {
            let head = format!(
                "POST /api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: {of_type}\r\n\
                 Content-Length: {}\r\n\r\n",
                sent.len()
            );
            let (status, answer) =
                ask_bytes(address, &[head.as_bytes(), sent].concat()).expect("an answer");
            let shown = format!(
                "{of_type}, {}: {status} {answer}",
                String::from_utf8_lossy(sent)
            );
            let answer: Value = serde_json::from_str(&answer).expect(&shown);
            let reason = match status {
                200 => answer["refused"][0]["reason"].as_str(),
                400 => answer["error"].as_str(),
                _ => panic!("{shown}"),
            };
            match outcome {
                Ok(()) => assert_eq!((&answer["taken"], reason), (&json!(1), None), "{shown}"),
                Err(why) => {
                    assert!(reason.is_some_and(|r| r.starts_with(why)), "{shown}");
                    if status == 200 {
                        kept_of_http.insert(body);
                    }
                }
            }
        }
    }
    let (kept, of_http) = (reasons.len(), kept_of_http.len());
    // A body that is compressed or UTF-16 has no lines.
    assert_eq!(of_http, kept - 2);
    rig.wait_for_rows(
        "SELECT CAST(COUNT(*) AS UNSIGNED) FROM rejected_message GROUP BY source ORDER BY source",
        &[kept as u64, of_http as u64],
    );
    let refused: Vec<(String, String)> =
        rig.rows("SELECT source, reason FROM rejected_message ORDER BY id");
    let place = |reason: &str| reasons.iter().position(|r| reason.starts_with(r));
    let mut by_source: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (source, reason) in refused {
        let place = place(&reason).unwrap_or_else(|| panic!("{source}: {reason}"));
        by_source.entry(source).or_default().insert(place);
    }
    let counts: Vec<usize> = by_source.values().map(BTreeSet::len).collect();
    assert_eq!(counts, [kept, of_http], "{by_source:?}");
    rig.wait_for_rows(
        "SELECT hotel_id, room_number, CAST(check_in_time AS CHAR) FROM electricity_monitoring",
        &[("H1".to_owned(), "101".to_owned(), time.to_string())],
    );
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);

    let lines: Vec<u8> = (forms.iter())
        .flat_map(|(body, _)| [&body[..], b"\n"].concat())
        .collect();
    let messages = rig.file("messages.jsonl", "");
    fs::write(&messages, lines).expect("a file");
    let readings = rig.file(
        "readings.csv",
        "hotel_id,room_number,reading_value,script_time\n",
    );
    let output = rig.roomwatt(&["backtest", "--messages", &messages, "--readings", &readings]);
    let remarks = String::from_utf8(output.stderr).expect("UTF-8");
    let found: Vec<&str> = (remarks.lines())
        .filter_map(|line| line.split_once("messages.jsonl:")?.1.split_once(": "))
        .map(|(_, reason)| reason)
        .collect();
    assert_eq!(found.len(), reasons.len(), "{remarks}");
    for (reason, expected) in found.iter().zip(&reasons) {
        assert!(reason.starts_with(expected), "{remarks}");
    }
    assert!(good >= 11, "{good}");
    rig.finish();
}

/// A list of readings as a CSV has its rows and as JSON has its objects; each is good, or refused
/// for a reason that has this in it. The good ones are half an hour apart, from noon on, 1 kWh
/// each.
type Readings = Vec<(Vec<u8>, Vec<u8>, Result<(), &'static str>)>;

fn readings() -> Readings {
    let mut all = Readings::new();
    let mut add = |row: [&str; 4], outcome| {
        let quoted = row.map(|field| format!("\"{field}\""));
        let [hotel, room, value, time] = &quoted;
        let json = format!(
            "{{\"hotel_id\":{hotel},\"room_number\":{room},\"reading_value\":{value},\
             \"script_time\":{time}}}"
        );
        all.push((row.join(",").into_bytes(), json.into_bytes(), outcome));
    };
    for (room, value, time) in [
        (["H1", "101"], "100.00", "2023-04-10 12:00:00"),
        ([" H1 ", "\u{3000}101"], "101", "2023-04-10 12:30"),
        (["H1", "101"], " 102.00 ", "2023-04-10T13:00"),
        (["H1", "101"], "103.000", "2023/4/10 13:30"),
        (["H1", "101"], "104", " 2023-04-10T14:00:00.500 "),
        (["H1", "101"], "1.05e2", "2023-04-10T14:30:00+08:00"),
        (["H1", "101"], "1.06E+2", "2023-04-10T07:00:00Z"),
        // Half past three.
        (["H1", "101"], "107", "1681111800"),
        (["H1", "101"], "+108", "1681113600000"),
    ] {
        add([room[0], room[1], value, time], Ok(()));
    }
    let (good, long) = ("2023-04-11 12:00:00", "1".repeat(21));
    for (row, why) in [
        (["", "101", "1", good], "hotel_id is missing"),
        (["H1", " ", "1", good], "room_number is missing"),
        (["H1", &long, "1", good], "room_number has 21 characters"),
        (["H1", "101", "", good], "reading_value is missing"),
        (["H1", "101", "1", ""], "script_time is missing"),
        (
            ["H1", "101", "NaN", good],
            "reading_value is not a register",
        ),
        (
            ["H1", "101", "1e30", good],
            "reading_value is not a register",
        ),
        (
            ["H1", "101", "true", good],
            "reading_value is not a register",
        ),
        (["H1", "101", "1", "noon"], "script_time is not a time"),
        (
            ["H1", "101", "1", "0000-00-00 00:00:00"],
            "script_time is not a time",
        ),
        (
            ["H1", "101", "1", "2023-02-30 12:00:00"],
            "script_time is not a time",
        ),
    ] {
        add(row, Err(why));
    }
    // A name in GBK, in each form.
    let name = b"\xb9\xf3\xb1\xf6";
    let row = [name, &b",101,1,2023-04-11 12:00:00"[..]].concat();
    let json = [
        b"{\"hotel_id\":\"",
        &name[..],
        b"\",\"room_number\":\"101\",\"reading_value\":1,\"script_time\":\"2023-04-11 12:00:00\"}",
    ];
    let gbk = "is not UTF-8, it looks like GBK";
    all.push((row, json.concat(), Err(gbk)));
    all
}

const HEADER: &str = "hotel_id,room_number,reading_value,script_time\n";

/// What a service answers to a body of readings, and what is known of the room afterwards.
fn posted(name: &str, of_type: &str, body: &[u8]) -> (String, String) {
    let (mut rig, address) = alone(name);
    let service = rig.start();
    wait_until_served(address);
    let message = stay();
    let request = |path: &str, of_type: &str, length: usize| {
        format!(
            "POST /api/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {of_type}\r\n\
             Content-Length: {length}\r\n\r\n"
        )
    };
    let stay = request("messages", "application/json", message.len()) + &message;
    let (status, answer) = ask(address, &stay).expect("an answer");
    assert_eq!(status, 200, "{answer}");
    let head = request("readings", of_type, body.len());
    let (status, answer) =
        ask_bytes(address, &[head.as_bytes(), body].concat()).expect("an answer");
    assert_eq!(status, 200, "{answer}");
    service.stop();
    let explained = explained(&mut rig, &["--from", "2023-04-10"]);
    rig.finish();
    (answer, explained)
}

fn stay() -> String {
    let left = roomwatt::types::LocalTime::parse("2023-04-10 12:00:00");
    check_out("H1", "101", left.expect("a time"))
}

/// Each reading of the room, as JSON.
fn explained(rig: &mut Rig, of: &[&str]) -> String {
    let (code, text, errors) =
        finished(&rig.roomwatt(&[&["explain", "H1", "101", "--all", "--json"], of].concat()));
    assert_eq!(code, Some(0), "{errors}");
    text
}

#[test]
fn a_list_of_readings_is_read_alike_from_both_forms_of_http_and_files() {
    let all = readings();
    let mut rows = b"\xef\xbb\xbf".to_vec();
    rows.extend(HEADER.bytes());
    let mut objects = Vec::new();
    for (csv, json, _) in &all {
        rows.extend([csv, &b"\n"[..]].concat());
        objects.extend([json, &b"\n"[..]].concat());
    }
    let good = all.iter().filter(|(.., outcome)| outcome.is_ok()).count();

    let (of_json, by_json) = posted("formsjson", "application/x-ndjson", &objects);
    let (of_csv, by_csv) = posted("formscsv", "text/csv", &rows);
    let mut rig = Rig::without_schema("formsfile");
    let messages = rig.file("messages.jsonl", &stay());
    let file = rig.file("readings.csv", "");
    fs::write(&file, &rows).expect("a file");
    let of_files = ["--messages", &messages, "--readings", &file];
    let by_file = explained(&mut rig, &of_files);
    assert_eq!(by_json.lines().count(), good, "{by_json}");
    assert_eq!(by_csv, by_json);
    assert_eq!(by_file, by_json);
    // And it is what was meant.
    for (at, line) in by_json.lines().enumerate() {
        let minutes = 12 * 60 + 30 * at;
        let time = format!("2023-04-10 {:02}:{:02}:00", minutes / 60, minutes % 60);
        assert!(line.contains(&time), "{time}: {line}");
        assert!(line.contains(&format!("{}", 100 + at)), "{at}: {line}");
    }

    let output = rig.roomwatt(&[&["backtest"], &of_files[..]].concat());
    let (_, _, remarks) = finished(&output);
    let remarks: Vec<&str> = (remarks.lines())
        .filter_map(|line| line.split_once("readings.csv:"))
        .map(|(_, remark)| remark)
        .collect();
    let refused = |answer: &str| -> Vec<(u64, String)> {
        let answer: serde_json::Value = serde_json::from_str(answer).expect("JSON");
        assert_eq!(answer["taken"], good, "{answer}");
        let refused = answer["refused"].as_array().expect("a list");
        let of = |one: &serde_json::Value| {
            let reason = one["reason"].as_str().expect("a reason");
            (one["line"].as_u64().expect("a line"), reason.to_owned())
        };
        refused.iter().map(of).collect()
    };
    let expected: Vec<(u64, &str)> = (1..)
        .zip(&all)
        .filter_map(|(line, (.., outcome))| Some((line, outcome.err()?)))
        .collect();
    let (of_json, of_csv) = (refused(&of_json), refused(&of_csv));
    let counts = [of_json.len(), of_csv.len(), remarks.len()];
    assert_eq!(
        counts,
        [expected.len(); 3],
        "{of_json:?}\n{of_csv:?}\n{remarks:?}"
    );
    for (at, (line, why)) in expected.into_iter().enumerate() {
        let (of_json, of_csv) = (&of_json[at], &of_csv[at]);
        assert!(
            of_json.0 == line && of_json.1.contains(why),
            "{why}: {of_json:?}"
        );
        // A header is before them.
        assert!(
            of_csv.0 == line + 1 && of_csv.1.contains(why),
            "{why}: {of_csv:?}"
        );
        assert_eq!(remarks[at], format!("{}: bad row: {}", of_csv.0, of_csv.1));
    }
    rig.finish();
}

#[test]
fn a_first_line_that_is_no_header_is_named_alike_over_http_and_in_files() {
    let (mut rig, address) = alone("formsheader");
    let service = rig.start();
    wait_until_served(address);
    let messages = rig.file("messages.jsonl", &stay());
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (body, expected) in [
        (
            b"\x1f\x8b\x08\x00\x00\x00".to_vec(),
            "and it is gzip: unpack it",
        ),
        (utf16(HEADER), "and it is UTF-16: it has to be UTF-8"),
        (
            b"\xbe\xc6\xb5\xea,\xb7\xbf\xba\xc5\n".to_vec(),
            "and it is not UTF-8, it looks like GBK",
        ),
        (
            HEADER.replace(',', ";").into_bytes(),
            "separate them by ','",
        ),
        (
            HEADER.replace("room_number", "room").into_bytes(),
            "the first line has no column room_number; it must be hotel_id,",
        ),
        (
            format!("{}{HEADER}", "x,".repeat(61)).into_bytes(),
            "the first line has more than 64 columns; it must be hotel_id,",
        ),
        (
            format!("{}{HEADER}", "x".repeat(70_000)).into_bytes(),
            "the first line is longer than 64 KiB; it must be hotel_id,",
        ),
    ] {
        let head = format!(
            "POST /api/readings HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let (status, answer) =
            ask_bytes(address, &[head.as_bytes(), &body].concat()).expect("an answer");
        assert_eq!(status, 400, "{answer}");
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        let answer = answer["error"].as_str().expect("an error");
        assert!(answer.contains(expected), "{expected}: {answer}");
        let file = rig.file("readings.csv", "");
        fs::write(&file, &body).expect("a file");
        let output = rig.roomwatt(&["backtest", "--messages", &messages, "--readings", &file]);
        let (code, _, errors) = finished(&output);
        assert_eq!(code, Some(64), "{errors}");
        assert_eq!(errors, format!("roomwatt: {file}:1: {answer}\n"));
    }
    service.stop();
    rig.finish();
}
