//! Messages that are not as they should be.

use crate::support::states::stored_time;
use crate::support::{Link, Rig, wait};
use crate::{check_in, check_out, minutes_ago};

#[test]
fn a_refused_message_is_kept_with_its_reason_and_acknowledged() {
    let mut rig = Rig::new("refused");
    let now = minutes_ago(0);
    let good = check_in("H001", "101", now);
    let early = check_in("H001", "102", now.plus(3 * 3_600));
    let large = format!("\"{}\"", "x".repeat(70_000));
    rig.publish(["not JSON", early.as_str(), large.as_str(), good.as_str()]);
    let mut service = rig.start();
    service.wait_until_ready();
    rig.wait_for_rows("SELECT room_number FROM room_state", &["101".to_owned()]);
    rig.wait_for_rows(
        "SELECT COUNT(*), SUM(truncated) FROM rejected_message",
        &[(3, 0)],
    );
    let kept: Vec<(String, String, String, u32, String)> = rig.rows(
        "SELECT source, reason, kept, body_length, CAST(body AS CHAR) FROM rejected_message \
         ORDER BY body_length",
    );
    let source = format!("amqp:{}", rig.queue);
    assert!(kept.iter().all(|(from, ..)| *from == source), "{kept:?}");
    assert!(
        kept[0].1.starts_with("the body is not JSON"),
        "{}",
        kept[0].1
    );
    assert!(
        kept[1].1.contains("more than 2 h ahead of now"),
        "{}",
        kept[1].1
    );
    assert!(
        kept[2].1.contains("70002 bytes, more than 65536"),
        "{}",
        kept[2].1
    );
    let bodies = kept
        .into_iter()
        .map(|(.., how, length, body)| (how, length, body));
    let early_length = early.len() as u32;
    assert_eq!(
        Vec::from_iter(bodies),
        [
            ("nothing".to_owned(), 8, String::new()),
            ("fields".to_owned(), early_length, early),
            ("nothing".to_owned(), 70_002, String::new()),
        ]
    );
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}

#[test]
fn duplicates_and_stale_messages_change_nothing_but_the_expected_check_out() {
    let mut rig = Rig::new("duplicates");
    let mut service = rig.start();
    service.wait_until_ready();
    let arrived = minutes_ago(120);
    let first = check_in("H001", "101", arrived);
    let stale = check_out("H001", "101", arrived.plus(-1));
    let expected = arrived.plus(86_400);
    let again = first.replace('}', &format!(r#","expected_checkout_time":"{expected}"}}"#));
    for body in [&first, &first, &stale, &again, &first] {
        rig.publish([body.as_str()]);
    }
    // What follows in the queue shows that those before are done.
    rig.publish([check_in("H001", "end", arrived).as_str()]);
    rig.wait_for_rows(
        &format!(
            "SELECT room_number, {} FROM room_state ORDER BY room_number",
            stored_time("w.s[2]")
        ),
        &[
            ("101".to_owned(), Some(expected.to_string())),
            ("end".to_owned(), None),
        ],
    );
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    let watches: Vec<(String, Option<String>)> = rig.rows(
        "SELECT room_number, CAST(expected_checkout_time AS CHAR) FROM electricity_monitoring \
         ORDER BY room_number",
    );
    assert_eq!(
        watches,
        [
            ("101".to_owned(), Some(expected.to_string())),
            ("end".to_owned(), None)
        ]
    );
    rig.finish();
}

#[test]
fn messages_of_types_to_ignore_are_acknowledged_and_leave_nothing() {
    let mut rig = Rig::new("ignored");
    rig.reconfigure(
        "[monitoring]\n",
        "[message_types]\nignore = ['5710099', 'ROOM_CLEANED']\n[performance]\nconsumer_count = 1\n\
         [monitoring]\n",
    );
    let arrived = minutes_ago(5);
    let other = check_in("H001", "101", arrived);
    let of_type = |written: &str| other.replace(r#""5710005""#, written);
    let ignored = [
        of_type(r#""5710099""#),
        of_type("5710099"),
        r#"{"msgType": " ROOM_CLEANED "}"#.to_owned(),
    ];
    rig.publish(ignored.iter().map(String::as_str));
    // One consumer takes them in order: what follows shows that those before are done.
    rig.publish([check_in("H001", "end", arrived).as_str()]);
    let service = rig.start();
    rig.wait_for_rows("SELECT room_number FROM room_state", &["end".to_owned()]);
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    assert_eq!(
        rig.rows::<(u32, u32)>(
            "SELECT (SELECT COUNT(*) FROM electricity_monitoring), \
             (SELECT COUNT(*) FROM rejected_message)"
        ),
        [(1, 0)]
    );
    rig.finish();
}

#[test]
fn a_missing_queue_is_logged_and_waited_for() {
    let mut rig = Rig::new("noqueue");
    let missing = format!("{}_missing", rig.queue);
    rig.reconfigure(
        &format!("queue = '{}'", rig.queue),
        &format!("queue = '{missing}'"),
    );
    // As operators have it.
    rig.reconfigure("level = 'debug'", "level = 'info'");
    let proxy = rig.proxy(Link::RabbitMq);
    let mut service = rig.start();
    service.wait_for_log("NOT_FOUND");
    wait("each of three consumers to try often", || {
        match proxy.connections() {
            15.. => Ok(()),
            tries => Err(format!("{tries} tries")),
        }
    });
    let log = service.log();
    let troubles = |log: &str| {
        let lines = log.lines();
        let lines = lines.filter(|line| line.contains(" ERROR ") || line.contains(" WARN "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let found = troubles(&log);
    let is_ours = |line: &String| line.contains(" failed, retrying: ");
    assert!(
        found.len() == 3 && found.iter().all(is_ours),
        "one line for each consumer: {found:#?}"
    );
    rig.queue = missing;
    rig.declare_queue();
    service.wait_until_ready();
    wait("each to say that it is over", || {
        match troubles(&service.log()).split_at(3).1 {
            over if over.len() == 3 && over.iter().all(|line| line.contains("works again")) => {
                Ok(())
            }
            other => Err(format!("{other:#?}")),
        }
    });
    rig.publish([check_in("H001", "101", minutes_ago(5)).as_str()]);
    rig.wait_for_rows("SELECT room_number FROM room_state", &["101".to_owned()]);
    service.stop();
    rig.finish();
}

#[test]
fn a_message_that_can_not_be_stored_delays_no_other() {
    let mut rig = Rig::new("unstorable");
    // A table of the original's in the old three-byte character set.
    rig.execute("ALTER TABLE electricity_monitoring CONVERT TO CHARACTER SET utf8mb3");
    let arrived = minutes_ago(60);
    let bodies: Vec<String> = ["101", "\u{1f6cf}", "102", "103"]
        .iter()
        .map(|room| check_in("H001", room, arrived))
        .collect();
    rig.publish(bodies.iter().map(String::as_str));
    let mut service = rig.start();
    service.wait_until_ready();
    let rooms = ["101", "102", "103"].map(str::to_owned);
    rig.wait_for_rows(
        "SELECT room_number FROM room_state ORDER BY room_number",
        &rooms,
    );
    rig.wait_for_rows(
        "SELECT reason LIKE 'the database can%t hold it: ERROR %', body \
         FROM rejected_message",
        &[(true, bodies[1].as_bytes().to_vec())],
    );
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}

#[test]
fn a_binary_property_does_not_end_the_connection() {
    let mut rig = Rig::new("property");
    let mut service = rig.start();
    service.wait_until_ready();
    let body = check_in("H001", "101", minutes_ago(5));
    // Other clients do not check what they send.
    let no_text = unsafe { String::from_utf8_unchecked(b"\xff\xfe".to_vec()) };
    let properties = amiquip::AmqpProperties::default().with_content_type(no_text);
    let mut broker = crate::support::broker();
    let channel = broker.open_channel(None).expect("a channel");
    let publish = amiquip::Publish::with_properties(body.as_bytes(), &rig.queue, properties);
    channel.basic_publish("", publish).expect("published");
    channel.close().expect("closed");
    rig.wait_for_rows("SELECT room_number FROM room_state", &["101".to_owned()]);
    let log = service.stop();
    assert!(!log.contains(" failed, retrying"), "{log}");
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}
