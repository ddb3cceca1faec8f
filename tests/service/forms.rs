//! One message means the same whatever way it comes: RabbitMQ, HTTP or a file.

use std::collections::BTreeMap;
use std::fs;

use crate::minutes_ago;
use crate::support::Rig;
use crate::support::intake::{ask_bytes, wait_until_served};

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
            Err("hotel_id stands in the body twice"),
        ),
        (
            named(b"H\\ud83d"),
            Err("hotel_id holds half of a character"),
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
    for (body, outcome) in &forms {
        let head = format!(
            "POST /api/messages HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: application/x-ndjson\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let (status, answer) =
            ask_bytes(address, &[head.as_bytes(), body].concat()).expect("an answer");
        let shown = String::from_utf8_lossy(body);
        let expected = outcome.map_or(0, |()| 1);
        assert_eq!(status, 200, "{shown}: {answer}");
        assert!(
            answer.starts_with(&format!(r#"{{"taken":{expected},"#)),
            "{shown}: {answer}"
        );
    }
    let kept = reasons.len() as u64;
    rig.wait_for_rows(
        "SELECT CAST(COUNT(*) AS UNSIGNED) FROM rejected_message GROUP BY source",
        &[kept, kept],
    );
    let refused: Vec<(String, String)> =
        rig.rows("SELECT source, reason FROM rejected_message ORDER BY id");
    let mut by_source: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (source, reason) in refused {
        by_source.entry(source).or_default().push(reason);
    }
    for (source, found) in by_source {
        let mut found = found;
        // Several consumers take them.
        found.sort_by_key(|reason| reasons.iter().position(|r| reason.starts_with(r)));
        for (reason, expected) in found.iter().zip(&reasons) {
            assert!(reason.starts_with(expected), "{source}: {found:?}");
        }
    }
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
    let said: Vec<&str> = (remarks.lines())
        .filter_map(|line| line.split_once("messages.jsonl:")?.1.split_once(": "))
        .map(|(_, reason)| reason)
        .collect();
    assert_eq!(said.len(), reasons.len(), "{remarks}");
    for (reason, expected) in said.iter().zip(&reasons) {
        assert!(reason.starts_with(expected), "{remarks}");
    }
    assert!(good >= 8, "{good}");
    rig.finish();
}
