//! Refused messages: kept once, listed, shown and replayed.

use mysql::prelude::Queryable;
use serde_json::{Value, json};

use crate::support::Rig;
use crate::{check_in, finished, minutes_ago};

/// One consumer takes messages in their order: what follows shows that those before are done.
fn one_consumer(rig: &Rig) {
    rig.reconfigure(
        "[monitoring]\n",
        "[performance]\nconsumer_count = 1\n[monitoring]\n",
    );
}

#[test]
fn a_refused_message_that_comes_again_is_kept_once() {
    let mut rig = Rig::new("comesagain");
    one_consumer(&rig);
    let [known, unknown] = ["known", "unknown"].map(|id| format!(r#"{{"hotel_id":"{id}"}}"#));
    rig.publish([known.as_str()]);
    let service = rig.start();
    let kept =
        "SELECT CAST(body AS CHAR), COUNT(*) FROM rejected_message GROUP BY body ORDER BY body";
    rig.wait_for_rows(kept, &[(known.clone(), 1)]);
    service.stop();

    // As if the acknowledgement of one had been lost, and the other had never been written.
    rig.publish([known.as_str(), &unknown]);
    rig.take_in_vain(2);
    // And a message of its own that says the same.
    rig.publish([&*known, &check_in("H001", "end", minutes_ago(5))]);
    let service = rig.start();
    rig.wait_for_rows("SELECT room_number FROM room_state", &["end".to_owned()]);
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    assert_eq!(rig.rows::<(String, u32)>(kept), [(known, 2), (unknown, 1)]);
    let digest = format!(
        "SELECT COUNT(*) FROM rejected_message \
         WHERE digest = UNHEX(SHA2(CONCAT('amqp:{}', CHAR(0), body), 256))",
        rig.queue
    );
    assert_eq!(rig.rows::<u32>(&digest), [3]);
    rig.finish();
}

/// Keeps a message as the service does; its id.
fn keep(rig: &Rig, body: &[u8], truncated: bool) -> String {
    let mut conn = rig.conn();
    conn.exec_drop(
        "INSERT INTO rejected_message (source, reason, body, truncated, created_at) \
         VALUES ('amqp:pms', 'a reason', ?, ?, '2023-04-10 14:30:00')",
        (body, truncated),
    )
    .expect("a row");
    conn.last_insert_id().to_string()
}

/// Whether a row is marked as replayed, row by row.
fn replayed(rig: &Rig) -> Vec<bool> {
    rig.rows("SELECT replayed_at IS NOT NULL FROM rejected_message ORDER BY id")
}

#[test]
fn refused_messages_are_listed_the_newest_first() {
    let mut rig = Rig::new("list");
    let none = rig.roomwatt(&["rejected", "list"]);
    assert_eq!(
        finished(&none),
        (Some(0), "no refused messages\n".into(), String::new())
    );
    assert_eq!(
        finished(&rig.roomwatt(&["rejected", "list", "--json"])),
        (Some(0), String::new(), String::new())
    );

    let long = "x".repeat(100);
    let first = keep(&rig, format!("one\n{long}").as_bytes(), false);
    let second = keep(&rig, b"\xff two \x1b[2J\xc2\x9b", true);
    rig.execute(&format!(
        "UPDATE rejected_message SET replayed_at = '2023-04-10 15:00:00' WHERE id = {first}"
    ));
    let (code, out, _) = finished(&rig.roomwatt(&["rejected", "list"]));
    assert_eq!(code, Some(0));
    assert_eq!(
        out,
        format!(
            "{second}  2023-04-10 14:30:00  amqp:pms  [truncated] a reason | \\xff two \
             \\u{{1b}}[2J\\u{{9b}}\n\
             {first}  2023-04-10 14:30:00  amqp:pms  [replayed 2023-04-10 15:00:00] a reason | \
             one\\n{}…\n",
            "x".repeat(55)
        )
    );
    let (_, out, err) = finished(&rig.roomwatt(&["rejected", "list", "--limit", "1"]));
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(out.starts_with(&second), "{out}");
    assert!(err.contains("see --limit"), "{err}");

    let (code, out, err) = finished(&rig.roomwatt(&["rejected", "list", "--json"]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(!out.contains(['\u{1b}', '\u{9b}']), "{out:?}");
    let lines: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let number = |id: &str| id.parse::<u64>().expect("a number");
    assert_eq!(
        lines,
        [
            json!({
                "id": number(&second), "created_at": "2023-04-10 14:30:00", "source": "amqp:pms",
                "reason": "a reason", "bytes": 12, "kept": "whole", "truncated": true,
                "replayed_at": null,
                "body": "\u{fffd} two \u{1b}[2J\u{9b}",
            }),
            json!({
                "id": number(&first), "created_at": "2023-04-10 14:30:00", "source": "amqp:pms",
                "reason": "a reason", "bytes": 104, "kept": "whole", "truncated": false,
                "replayed_at": "2023-04-10 15:00:00", "body": format!("one\n{long}"),
            }),
        ]
    );
    // More than are read at a time.
    for _ in 0..120 {
        keep(&rig, b"more", false);
    }
    let (_, out, err) = finished(&rig.roomwatt(&["rejected", "list", "--limit", "1000"]));
    assert_eq!((out.lines().count(), err.as_str()), (122, ""));
    rig.finish();
}

#[test]
fn a_message_is_shown_whole_and_escaped() {
    let mut rig = Rig::new("show");
    let evil = b"\x1b]0;owned\x07 \x1b[2J \xff\xfe\nid:       99 \xe2\x80\xae\xc2\x9b31m\x7f\r";
    let id = keep(&rig, evil, false);
    let long = "y".repeat(65_536);
    let start = keep(&rig, long.as_bytes(), true);
    let (code, out, err) = finished(&rig.roomwatt(&["rejected", "show", &id]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(
        out,
        format!(
            "id:       {id}\ntime:     2023-04-10 14:30:00\nsource:   amqp:pms\n\
             reason:   a reason\n\
             replayed: no\nbody:     {} bytes\n    \\u{{1b}}]0;owned\\u{{7}} \\u{{1b}}[2J \
             \\xff\\xfe\n    id:       99 \\u{{202e}}\\u{{9b}}31m\\u{{7f}}\\r\n\n",
            evil.len()
        )
    );
    let (code, out, err) = finished(&rig.roomwatt(&["rejected", "show", "999", &start]));
    assert_eq!(code, Some(64));
    assert!(out.contains("the first 65536 bytes"), "{out:.300}");
    assert!(out.contains(&long), "the whole body");
    assert!(err.starts_with("999: there is no such message"), "{err}");
    rig.finish();
}

#[test]
fn a_message_is_replayed_when_its_reason_is_gone() {
    let mut rig = Rig::new("replay");
    let body = check_in("H001", "101", minutes_ago(5)).replace("5710005", "CI");
    rig.publish([body.as_str()]);
    let service = rig.start();
    rig.wait_for_rows("SELECT COUNT(*) FROM rejected_message", &[1]);
    service.stop();
    rig.reconfigure(
        "[monitoring]\n",
        "[message_types]\ncheckin = 'CI'\n[monitoring]\n",
    );
    let (code, out, err) = finished(&rig.roomwatt(&["rejected", "replay", "--all"]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(out, format!("1: published to queue {}\n", rig.queue));
    assert_eq!(replayed(&rig), [true]);
    let service = rig.start();
    rig.wait_for_rows("SELECT room_number FROM room_state", &["101".to_owned()]);
    service.stop();
    assert_eq!(
        rig.rows::<u32>("SELECT COUNT(*) FROM rejected_message"),
        [1]
    );
    let (code, out, _) = finished(&rig.roomwatt(&["rejected", "replay", "--all"]));
    assert_eq!(
        (code, out.as_str()),
        (Some(0), "there is no message to replay\n")
    );
    rig.finish();
}

#[test]
fn what_was_not_kept_is_named_and_not_replayed() {
    let mut rig = Rig::new("replaykept");
    one_consumer(&rig);
    let arrival = check_in("H001", "101", minutes_ago(5));
    let guest = |name: &str, body: &str| body.replace("}", &format!(r#","{name}":"Ms Zhang"}}"#));
    let elsewhere = guest("guest", &arrival.replace("check_in_time", "arrival"));
    let of_another_type = guest("guest", &arrival.replace("5710005", "CI"));
    let bodies = [elsewhere.as_str(), &of_another_type, "not JSON, Ms Zhang"];
    rig.publish(bodies);
    let service = rig.start();
    rig.wait_for_rows("SELECT COUNT(*) FROM rejected_message", &[3]);
    service.stop();

    let (code, out, _) = finished(&rig.roomwatt(&["rejected", "list"]));
    assert_eq!(code, Some(0));
    assert!(!out.contains("Zhang"), "{out}");
    assert!(
        out.starts_with("3  20") && out.contains("[body not kept] "),
        "{out}"
    );
    let (_, out, _) = finished(&rig.roomwatt(&["rejected", "list", "--json"]));
    let lines = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    let seen = lines.map(|line: Value| (line["kept"].clone(), line["bytes"].clone()));
    let sizes = bodies.map(str::len);
    assert_eq!(
        Vec::from_iter(seen),
        [
            (json!("nothing"), json!(sizes[2])),
            (json!("fields"), json!(sizes[1])),
            (json!("fields"), json!(sizes[0]))
        ]
    );
    let (_, out, _) = finished(&rig.roomwatt(&["rejected", "show", "2", "3"]));
    for part in [
        &format!(
            "body:     {} bytes; the values of fields that are not configured were not kept\n    \
             {}\n",
            sizes[1],
            of_another_type.replace("Ms Zhang", "…")
        ),
        "body:     18 bytes, not kept, as it could not be read\n",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }

    rig.reconfigure(
        "[monitoring]\n",
        "[message_types]\ncheckin = 'CI'\n[message_fields]\ncheck_in_time = 'arrival'\n\
         [monitoring]\n",
    );
    let (code, out, err) = finished(&rig.roomwatt(&["rejected", "replay", "1", "3"]));
    assert_eq!((code, out.as_str()), (Some(64), ""));
    for part in [
        "1: the value of arrival was not kept, it can't be replayed; have the property management",
        "3: its body could not be read and was not kept, it can't be replayed; have the property",
        "2 messages were not replayed",
    ] {
        assert!(err.contains(part), "{part} is not in\n{err}");
    }

    // With the names of before, the one whose type is known now has all that it needs.
    rig.reconfigure("check_in_time = 'arrival'\n", "");
    let (code, out, err) = finished(&rig.roomwatt(&["rejected", "replay", "2"]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(out, format!("2: published to queue {}\n", rig.queue));
    let service = rig.start();
    rig.wait_for_rows("SELECT room_number FROM room_state", &["101".to_owned()]);
    service.stop();
    rig.finish();
}

#[test]
fn a_message_that_can_not_be_replayed_is_reported_and_delays_no_other() {
    let mut rig = Rig::new("replaysome");
    let bodies = [&b"not JSON"[..], b"\xff\x00", b"start", b"last"];
    let ids: Vec<String> = bodies
        .iter()
        .map(|body| keep(&rig, body, *body == b"start"))
        .collect();
    let [one, two, cut, last] = [0, 1, 2, 3].map(|at| ids[at].as_str());
    let (code, out, err) = finished(&rig.roomwatt(&["rejected", "replay", "999", cut, one]));
    assert_eq!(code, Some(64));
    assert_eq!(out, format!("{one}: published to queue {}\n", rig.queue));
    for part in [
        "999: there is no such message",
        &format!("{cut}: only its start was kept"),
        "2 messages were not replayed",
    ] {
        assert!(err.contains(part), "{part} is not in\n{err}");
    }
    assert_eq!(replayed(&rig), [true, false, false, false]);

    // Once is enough, unless it is asked for.
    let (code, out, err) = finished(&rig.roomwatt(&["rejected", "replay", one]));
    assert_eq!((code, out.as_str()), (Some(64), ""));
    assert!(
        err.contains("was replayed at 20") && err.contains("--again"),
        "{err}"
    );
    let (code, ..) = finished(&rig.roomwatt(&["rejected", "replay", one, "--again"]));
    assert_eq!(code, Some(0));

    // All means all that is whole and was not replayed yet, in the order they came.
    let (code, out, err) = finished(&rig.roomwatt(&["rejected", "replay", "--all"]));
    let expected = format!(
        "{two}: published to queue {0}\n{last}: published to queue {0}\n",
        rig.queue
    );
    assert_eq!((code, out, err), (Some(0), expected, String::new()));
    assert_eq!(replayed(&rig), [true, true, false, true]);
    let queued = rig.take_all();
    let persistent = 2;
    let expected = [bodies[0], bodies[0], bodies[1], bodies[3]];
    assert_eq!(
        queued,
        expected.map(|body| (body.to_vec(), Some(persistent)))
    );

    for wrong in [
        &["rejected", "replay"][..],
        &["rejected", "replay", "--all", one],
        &["rejected", "replay", "--all", "--again"],
        &["rejected", "show"],
    ] {
        let (code, ..) = finished(&rig.roomwatt(wrong));
        assert_eq!(code, Some(64), "{wrong:?}");
    }
    rig.finish();
}

#[test]
fn a_replay_without_its_servers_says_what_was_done() {
    let mut rig = Rig::new("replayaway");
    let id = keep(&rig, b"not JSON", false);
    rig.execute(
        "CREATE TRIGGER unmarked BEFORE UPDATE ON rejected_message FOR EACH ROW \
         SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no mark'",
    );
    let (code, out, err) = finished(&rig.roomwatt(&["rejected", "replay", &id]));
    assert_eq!((code, out.as_str()), (Some(75), ""));
    assert!(
        err.contains("published") && err.contains("could not be marked"),
        "{err}"
    );
    assert_eq!((rig.waiting_messages(), replayed(&rig)), (1, vec![false]));
    rig.execute("DROP TRIGGER unmarked");

    let queue = format!("queue = '{}'", rig.queue);
    rig.reconfigure(&queue, &format!("queue = '{}_missing'", rig.queue));
    let (code, _, err) = finished(&rig.roomwatt(&["rejected", "replay", &id]));
    assert_eq!(code, Some(78));
    assert!(
        err.contains("not replayed") && err.contains("NOT_FOUND"),
        "{err}"
    );
    // Nothing listens on port 1. What needs no broker is reported without one.
    let port = |server: &str| {
        let port = std::env::var(format!("ROOMWATT_TEST_{server}_PORT")).expect("a port");
        format!("port = {port}\n")
    };
    rig.reconfigure(&port("AMQP"), "port = 1\n");
    let (code, _, err) = finished(&rig.roomwatt(&["rejected", "replay", &id]));
    assert_eq!(code, Some(75));
    assert!(err.contains("can't connect to 127.0.0.1:1: "), "{err}");
    assert_eq!(replayed(&rig), [false]);
    let (code, ..) = finished(&rig.roomwatt(&["rejected", "replay", "999"]));
    assert_eq!(code, Some(64));

    let config = std::fs::read_to_string(rig.config()).expect("a configuration");
    let without_broker = &config[config.find("[mysql]").expect("a section")..];
    // Without a broker it is the service itself that takes messages.
    let unreachable = "[http]\nlisten = '127.9.9.9:1'\n";
    std::fs::write(rig.config(), unreachable.to_owned() + without_broker).expect("a configuration");
    let (code, _, err) = finished(&rig.roomwatt(&["rejected", "replay", &id]));
    assert_eq!(code, Some(75));
    assert!(
        err.contains("can't be reached at http://127.9.9.9:1"),
        "{err}"
    );
    assert_eq!(replayed(&rig), [false]);
    let (code, ..) = finished(&rig.roomwatt(&["rejected", "list"]));
    assert_eq!(code, Some(0));
    rig.reconfigure(&port("MYSQL"), "port = 1\n");
    let (code, _, err) = finished(&rig.roomwatt(&["rejected", "list"]));
    assert_eq!(code, Some(75));
    assert!(err.contains("the database can't be reached"), "{err}");
    rig.finish();
}
