//! The names and telephone numbers of guests are stored nowhere.

use std::net::SocketAddr;
use std::path::Path;

use mysql::prelude::Queryable;

use crate::embedded::alone;
use crate::support::Rig;
use crate::support::intake::{ask_bytes, wait_until_served};
use crate::{check_in, check_out, minutes_ago};

/// A guest's names and telephone number; every message has each of them.
const GUEST: [&str; 3] = ["Zhang Canary", "张金丝雀", "13800099731"];

/// Bodies that name a guest. Those without a name for what they are can't be read.
struct Bodies {
    accepted: Vec<String>,
    refused: Vec<String>,
    unreadable: Vec<Vec<u8>>,
}

fn bodies() -> Bodies {
    let [name, chinese, number] = GUEST;
    let guest = format!(
        r#""guest":"{name}","remark":{{"name":"{chinese}"}},"mobile":{number},"all":["{number}"]"#
    );
    let with_guest = |body: &str| body.replacen('{', &format!("{{{guest},"), 1);
    let now = minutes_ago(5);
    let arrival = with_guest(&check_in("H001", "101", now));
    let type_of = |value: &str| arrival.replace("\"5710005\"", value);
    Bodies {
        accepted: vec![
            arrival.clone(),
            with_guest(&check_out("H001", "102", now)),
            type_of("\"5710099\""),
        ],
        refused: vec![
            with_guest(&check_in("H001", "", now)),
            with_guest(&check_in("H001", "103", now.plus(86_400))),
            type_of("\"CHECK_IN\""),
            // Configured fields with unexpected content.
            type_of(&format!(
                r#"{{"code":"5710005","by":"{name}","tel":{number}}}"#
            )),
            arrival.replace("\"101\"", &format!(r#"["101","{chinese}"]"#)),
            arrival.replace("\"101\"", "\"101\",\"room_number\":\"102\""),
        ],
        unreadable: vec![
            arrival.trim_end_matches('}').into(),
            format!("{arrival} {number}").into(),
            format!("{name},{chinese},{number}").into(),
            format!("{:?}", arrival.replace(chinese, "")).into(),
            // GBK, beside a name that is not.
            [arrival.as_bytes(), b"\xd5\xc5"].concat(),
            format!("{arrival}{}", " ".repeat(70_000)).into(),
        ],
    }
}

fn post(address: SocketAddr, body: &[u8]) -> (u16, String) {
    let head = format!(
        "POST /api/messages HTTP/1.1\r\nHost: localhost\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = ask_bytes(address, &[head.as_bytes(), body].concat());
    answer.expect("an answer")
}

/// Posts each of them; no answer has anything of the guest.
fn post_all(address: SocketAddr) {
    let Bodies {
        accepted,
        refused,
        unreadable,
    } = bodies();
    let texts = accepted.into_iter().chain(refused).map(String::into_bytes);
    for body in texts.chain(unreadable) {
        let (status, answer) = post(address, &body);
        let shown = format!("{status} {answer}: {}", String::from_utf8_lossy(&body));
        assert!(matches!(status, 200 | 400), "{shown:.400}");
        assert_eq!(found_in(answer.as_bytes()), [""; 0], "{shown:.400}");
    }
}

/// What of the guest is in these bytes, also where it was written as GBK or in JSON's escapes.
fn found_in(bytes: &[u8]) -> Vec<&'static str> {
    let is_in = |what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
    let escaped = is_in(br"\u5f20\u91d1");
    let found = GUEST.into_iter().filter(|of| is_in(of.as_bytes()));
    found.chain(escaped.then_some("escaped")).collect()
}

/// The columns of all tables that have something of the guest.
fn columns_with_guest(rig: &Rig) -> Vec<String> {
    let columns: Vec<(String, String)> = rig.rows(
        "SELECT table_name, column_name FROM information_schema.columns \
         WHERE table_schema = DATABASE() ORDER BY 1, 2",
    );
    assert!(columns.len() > 50, "{columns:?}");
    let mut conn = rig.conn();
    let mut found = Vec::new();
    for (table, column) in columns {
        let query = format!("SELECT CAST(`{column}` AS BINARY) FROM `{table}`");
        let values: Vec<Option<Vec<u8>>> = conn.query(query).expect("values");
        let values = values.into_iter().flatten();
        if values
            .map(|value| found_in(&value))
            .any(|of| !of.is_empty())
        {
            found.push(format!("{table}.{column}"));
        }
    }
    found
}

#[test]
fn names_and_numbers_of_guests_are_in_no_table_and_no_log() {
    let mut rig = Rig::new("guests");
    rig.reconfigure("level = 'debug'", "level = 'trace'");
    rig.reconfigure(
        "[monitoring]\n",
        "[message_types]\nignore = ['5710099']\n[monitoring]\n",
    );
    let address = rig.listen();
    let Bodies {
        accepted,
        refused,
        unreadable,
    } = bodies();
    let texts = accepted.iter().chain(&refused).map(String::as_bytes);
    let all: Vec<&[u8]> = texts.chain(unreadable.iter().map(Vec::as_slice)).collect();
    let queued = refused.len() + unreadable.len();
    let kept = "SELECT kept, COUNT(*) FROM rejected_message WHERE source LIKE 'amqp:%' \
                GROUP BY kept ORDER BY kept";
    let row = |kept: &str, count: usize| (kept.to_owned(), count as u64);

    rig.publish_bytes(all.iter().copied());
    let service = rig.start();
    wait_until_served(address);
    post_all(address);
    let reduced = [
        row("fields", refused.len()),
        row("nothing", unreadable.len()),
    ];
    rig.wait_for_rows(kept, &reduced);
    rig.wait_for_rows(
        "SELECT room_number FROM room_state ORDER BY 1",
        &["101", "102"].map(str::to_owned),
    );
    let log = service.stop();
    assert!(log.contains("was refused and kept"), "{log}");
    assert_eq!(found_in(log.as_bytes()), [""; 0], "{log}");
    assert_eq!(columns_with_guest(&rig), [""; 0]);

    // For the days of setting up, they are kept.
    rig.configure("keep_refused_bodies = true");
    rig.publish_bytes(all.iter().copied());
    let mut service = rig.start();
    service.wait_for_log("monitoring.keep_refused_bodies is true: refused messages are stored");
    rig.wait_for_rows(
        kept,
        &[reduced[0].clone(), reduced[1].clone(), row("whole", queued)],
    );
    assert_eq!(columns_with_guest(&rig), ["rejected_message.body"]);
    // Until they are a week old.
    rig.execute("UPDATE rejected_message SET created_at = NOW() - INTERVAL 8 DAY");
    service.stop();
    let mut service = rig.start();
    service.wait_for_log(&format!(
        "reduced {queued} rows of refused messages older than 7 days to the fields that are \
         configured"
    ));
    rig.wait_for_rows(
        kept,
        &[
            row("fields", 2 * refused.len()),
            row("nothing", 2 * unreadable.len()),
        ],
    );
    assert_eq!(columns_with_guest(&rig), [""; 0]);
    let log = service.stop();
    assert_eq!(found_in(log.as_bytes()), [""; 0], "{log}");
    rig.finish();
}

#[test]
fn names_and_numbers_of_guests_are_not_in_the_file() {
    let (mut rig, address) = alone("guestsalone");
    rig.reconfigure("level = 'debug'", "level = 'trace'");
    let file = rig.config().with_file_name("hotel.db");
    // All of it, also what is not in any table any more.
    let found = |file: &Path| {
        let files = ["", "-wal"].map(|end| format!("{}{end}", file.display()));
        let bytes = files.map(|file| std::fs::read(file).unwrap_or_default());
        assert!(!bytes[0].is_empty());
        found_in(&bytes.concat())
    };
    let service = rig.start();
    wait_until_served(address);
    post_all(address);
    let conn = rusqlite::Connection::open(&file).expect("the file");
    let count = |kept: &str| -> u32 {
        let query = "SELECT count(*) FROM rejected_message WHERE kept = ?";
        conn.query_row(query, (kept,), |row| row.get(0))
            .expect("a count")
    };
    assert!(count("fields") >= 6 && count("nothing") >= 3);
    assert_eq!(found(&file), [""; 0]);
    let log = service.stop();
    assert!(log.contains("was refused and kept"), "{log}");
    assert_eq!(found_in(log.as_bytes()), [""; 0], "{log}");

    rig.reconfigure(
        "[monitoring]\n",
        "[monitoring]\nkeep_refused_bodies = true\n",
    );
    let service = rig.start();
    wait_until_served(address);
    post(address, b"Zhang Canary");
    assert_eq!((count("whole"), found(&file)), (1, vec![GUEST[0]]));
    service.stop();
    rig.finish();
}
