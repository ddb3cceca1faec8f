//! The outbox: listed, shown, and retried.

use std::thread;

use mysql::prelude::Queryable;
use roomwatt::config::Config;
use roomwatt::engine::{MeterNotice, MeterNoticeKind, Notice, NoticeKind, RoomNotice, Rule, Stay};
use roomwatt::store::{MySqlOutbox, NoticeState, OutboxRows};
use roomwatt::types::{HotelId, LocalTime, RoomKey, WattHours};
use serde_json::{Value, json};

use crate::finished;
use crate::support::{Rig, numbers, wait};

fn at(text: &str) -> LocalTime {
    LocalTime::parse(text).expect("a time")
}

/// The alert of a vacant room, as the service writes it.
fn alert(room: &RoomKey) -> String {
    let notice = Notice::Room(RoomNotice {
        kind: NoticeKind::Alert,
        room: room.clone(),
        watch: 1,
        rule: Rule::Fixed,
        stay: Stay::Vacant {
            actual_checkin: None,
            actual_checkout: at("2023-04-10 11:58:00"),
        },
        detected: at("2023-04-10 14:00:00"),
        since: at("2023-04-10 12:00:00"),
        until: None,
        periods: 4,
        energy: WattHours(9_600),
        threshold: WattHours(1_500),
        unusual: None,
        incident: None,
        interval_seconds: 1_800,
        before: Vec::new(),
        history: Vec::new(),
        handling: None,
    });
    serde_json::to_string(&notice).expect("JSON")
}

/// Puts an alert of a room into the outbox; its id.
fn keep_of(rig: &Rig, room: &RoomKey, state: &str, body: &str) -> String {
    let mut conn = rig.conn();
    let (hotel, room) = (room.hotel_id.as_str(), room.room_number.as_str());
    conn.exec_drop(
        "INSERT INTO notification \
         (hotel_id, room_number, kind, detected_time, body, state, created_at) \
         VALUES (?, ?, 'alert', '2023-04-10 14:00:00', ?, ?, '2023-04-10 14:00:05')",
        (hotel, room, body, state),
    )
    .expect("a row");
    conn.last_insert_id().to_string()
}

/// The same of H001/101, which can't be read.
fn keep(rig: &Rig, state: &str) -> String {
    keep_of(rig, &RoomKey::new("H001", "101"), state, "not JSON")
}

/// Sets columns of a row.
fn set(rig: &Rig, id: &str, columns: &str) {
    rig.execute(&format!(
        "UPDATE notification SET {columns} WHERE id = {id}"
    ));
}

fn number(id: &str) -> u64 {
    id.parse().expect("a number")
}

/// The ids at the beginnings of lines.
fn ids(out: &str) -> Vec<&str> {
    out.lines()
        .map(|line| line.split(' ').next().expect("an id"))
        .collect()
}

#[test]
fn unsent_notices_are_listed_the_newest_first() {
    let mut rig = Rig::new("outboxlist");
    let none = rig.roomwatt(&["outbox", "list"]);
    let nothing = "no notices are pending or failed or expired\n";
    assert_eq!(finished(&none), (Some(0), nothing.into(), String::new()));
    assert_eq!(
        finished(&rig.roomwatt(&["outbox", "list", "--json"])),
        (Some(0), String::new(), String::new())
    );

    let failed = keep_of(
        &rig,
        &RoomKey::new("H\u{202e}1", "1\u{200b}01"),
        "failed",
        "{\"a\": \"\\u001b[2J\"}",
    );
    set(
        &rig,
        &failed,
        "error = CONCAT('Feishu said ', CHAR(27), '[2J\\nnever')",
    );
    let sent = keep(&rig, "sent");
    set(&rig, &sent, "sent_at = '2023-04-10 14:00:30'");
    let pending = keep(&rig, "pending");
    set(
        &rig,
        &pending,
        "retried_at = '2023-04-10 15:00:00', room_number = '', kind = 'silent'",
    );
    let logged = keep(&rig, "logged");
    let expired = keep(&rig, "expired");
    set(&rig, &expired, "body = CONCAT(CHAR(27), '[2J')");

    let (code, out, err) = finished(&rig.roomwatt(&["outbox", "list"]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(
        out,
        format!(
            "{expired}  2023-04-10 14:00:05  expired  alert  H001/101  2023-04-10 14:00:00\n\
             {pending}  2023-04-10 14:00:05  pending  silent  H001  2023-04-10 14:00:00  \
             [retried 2023-04-10 15:00:00]\n\
             {failed}  2023-04-10 14:00:05  failed  alert  H\\u{{202e}}1/1\\u{{200b}}01  \
             2023-04-10 14:00:00  Feishu said \\u{{1b}}[2J\\nnever\n"
        )
    );
    let settled = ["--state", "logged", "--state", "sent", "--state", "sent"];
    let (code, out, _) = finished(&rig.roomwatt(&[&["outbox", "list"], &settled[..]].concat()));
    assert_eq!(code, Some(0));
    assert_eq!(
        out,
        format!(
            "{logged}  2023-04-10 14:00:05  logged  alert  H001/101  2023-04-10 14:00:00\n\
             {sent}  2023-04-10 14:00:05  sent  alert  H001/101  2023-04-10 14:00:00  \
             [sent 2023-04-10 14:00:30]\n"
        )
    );
    let (code, _, err) = finished(&rig.roomwatt(&["outbox", "list", "--state", "lost"]));
    assert_eq!(code, Some(64));
    assert!(
        err.contains("pending, sent, logged, expired, failed"),
        "{err}"
    );

    let (code, out, err) = finished(&rig.roomwatt(&["outbox", "list", "--json"]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(!out.contains(['\u{1b}', '\u{202e}']), "{out:?}");
    let lines: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let created = "2023-04-10 14:00:05";
    let detected = "2023-04-10 14:00:00";
    assert_eq!(
        lines,
        [
            json!({
                "id": number(&expired), "created_at": created, "state": "expired", "kind": "alert",
                "hotel_id": "H001", "room_number": "101", "detected_time": detected,
                "sent_at": null, "retried_at": null, "error": null, "body": "\u{1b}[2J",
            }),
            json!({
                "id": number(&pending), "created_at": created, "state": "pending", "kind": "silent",
                "hotel_id": "H001", "room_number": "", "detected_time": detected,
                "sent_at": null, "retried_at": "2023-04-10 15:00:00", "error": null,
                "body": "not JSON",
            }),
            json!({
                "id": number(&failed), "created_at": created, "state": "failed", "kind": "alert",
                "hotel_id": "H\u{202e}1", "room_number": "1\u{200b}01", "detected_time": detected,
                "sent_at": null, "retried_at": null, "error": "Feishu said \u{1b}[2J\nnever",
                "body": {"a": "\u{1b}[2J"},
            }),
        ]
    );
    let (_, out, _) = finished(&rig.roomwatt(&["outbox", "list", "--json", "--state", "sent"]));
    let line: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(line["sent_at"], "2023-04-10 14:00:30");
    rig.finish();
}

#[test]
fn a_list_reads_only_the_rows_that_it_shows() {
    const SENT: u32 = 20_000;
    let mut rig = Rig::new("outboxcost");
    let oldest = keep(&rig, "failed");
    rig.execute(&format!(
        "INSERT INTO notification (hotel_id, room_number, kind, detected_time, body, state) \
         SELECT 'H001', seq, 'alert', NOW(), '{{}}', IF(seq % 2, 'sent', 'logged') \
         FROM {}",
        numbers(SENT)
    ));
    let newest = keep(&rig, "pending");
    rig.execute("ANALYZE TABLE notification");
    rig.count_work();

    let before = rig.rows_read();
    let (_, out, err) = finished(&rig.roomwatt(&["outbox", "list"]));
    assert_eq!((ids(&out), err.as_str()), (vec![&*newest, &*oldest], ""));
    let cost = rig.rows_read() - before;
    assert!(cost < 10, "{cost} rows read to list 2");

    // Several pages of several states: all of both would be 20,000 rows a page.
    let settled = ["--state", "sent", "--state", "logged", "--limit", "2000"];
    let before = rig.rows_read();
    let (_, out, err) = finished(&rig.roomwatt(&[&["outbox", "list"], &settled[..]].concat()));
    let expected: Vec<String> = rig.rows(
        "SELECT CAST(id AS CHAR) FROM notification WHERE state IN ('sent', 'logged') \
         ORDER BY id DESC LIMIT 2000",
    );
    assert!(ids(&out) == expected, "not the newest 2000 in their order");
    assert!(err.contains("see --limit"), "{err}");
    let cost = rig.rows_read() - before;
    println!("{cost} rows read to list 2000");
    assert!(
        (1_000..SENT).contains(&cost),
        "{cost} rows read to list 2000"
    );
    rig.finish();
}

#[test]
fn a_notice_is_shown_as_the_staff_sees_it() {
    let mut rig = Rig::new("outboxshow");
    rig.reconfigure("[feishu]\n", "[feishu]\nlanguage = 'en'\n");
    let evil = RoomKey::new("H\u{202e}1", "101");
    let in_body = RoomKey::new("H001\u{1b}[2J", "101");
    let readable = keep_of(&rig, &evil, "failed", &alert(&in_body));
    set(&rig, &readable, "error = CONCAT('why', CHAR(27))");
    let (code, out, err) = finished(&rig.roomwatt(&["outbox", "show", &readable]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let head = format!(
        "id:       {readable}\ntime:     2023-04-10 14:00:05\nstate:    failed\n\
         error:    why\\u{{1b}}\nsent:     no\nretried:  no\nkind:     alert\n\
         hotel:    H\\u{{202e}}1\nroom:     101\ndetected: 2023-04-10 14:00:00\ncard:\n"
    );
    let card = out.strip_prefix(&head).expect(&out);
    assert!(card.contains("H001\\u{1b}[2J · 101"), "{card}");
    assert!(card.contains("9.6 kWh"), "{card}");
    let lines: Vec<&str> = card.trim_end().lines().collect();
    assert!(lines.len() > 5, "{card}");
    assert!(lines.iter().all(|line| line.starts_with("    ")), "{card}");
    assert!(card.ends_with("\n\n") && !out.contains('\u{1b}'), "{card}");

    let of_meters = Notice::Meters(MeterNotice {
        kind: MeterNoticeKind::Silent,
        hotel_id: HotelId::new("H001"),
        detected: at("2023-04-10 14:00:00"),
        since: None,
        silent: 6,
        watched: 10,
        rooms: Vec::new(),
        handling: None,
    });
    let body = serde_json::to_string(&of_meters).expect("JSON");
    let meters = keep_of(&rig, &RoomKey::new("H001", ""), "sent", &body);
    let times = "sent_at = '2023-04-10 16:00:00', retried_at = '2023-04-10 15:00:00'";
    set(&rig, &meters, &format!("kind = 'silent', {times}"));
    let unreadable = keep_of(
        &rig,
        &evil,
        "pending",
        "\u{1b}]0;owned\u{7}\nid:       99 \u{202e}",
    );
    let (code, out, err) =
        finished(&rig.roomwatt(&["outbox", "show", &meters, "999", &unreadable]));
    assert_eq!(code, Some(64));
    assert!(err.starts_with("999: there is no such notice"), "{err}");
    assert!(err.contains("1 notice was not found"), "{err}");
    let (meters, unreadable) = out
        .split_once(&format!("\n\nid:       {unreadable}\n"))
        .expect(&out);
    assert!(
        meters.contains(
            "\nstate:    sent\nsent:     2023-04-10 16:00:00\nretried:  2023-04-10 15:00:00\n\
             kind:     silent\nhotel:    H001\ndetected: 2023-04-10 14:00:00\ncard:\n      \
             [yellow] No data from meters · H001\n"
        ),
        "{meters}"
    );
    assert!(
        unreadable.contains("\ncard:     none, its body can't be read: "),
        "{unreadable}"
    );
    assert!(
        unreadable.ends_with(
            "\nbody:     27 bytes\n    \\u{1b}]0;owned\\u{7}\n    id:       99 \\u{202e}\n\n"
        ),
        "{unreadable}"
    );
    rig.finish();
}

/// For each notice its state, whether it was retried, and whether its earlier error and time of
/// sending are cleared.
fn states(rig: &Rig) -> Vec<(String, bool, bool)> {
    rig.rows(
        "SELECT state, retried_at IS NOT NULL, error IS NULL AND sent_at IS NULL \
         FROM notification ORDER BY id",
    )
}

fn state(state: &str, retried: bool, blank: bool) -> (String, bool, bool) {
    (state.to_owned(), retried, blank)
}

const AND_THEN: &str = "the service, if it runs, finds pending notices within a minute\n";

#[test]
fn notices_are_retried_when_they_were_given_up() {
    let mut rig = Rig::new("outboxretry");
    let [failed, expired, logged, sent, pending] =
        ["failed", "expired", "logged", "sent", "pending"].map(|state| keep(&rig, state));
    set(&rig, &failed, "error = 'why'");
    set(&rig, &sent, "sent_at = '2023-04-10 14:00:30'");
    let (code, out, err) = finished(&rig.roomwatt(&[
        "outbox", "retry", &sent, "999", &failed, &logged, &pending, &expired,
    ]));
    assert_eq!(code, Some(64));
    assert_eq!(
        out,
        format!(
            "{failed}: pending again\n{logged}: pending again\n{pending}: is pending already\n\
             {expired}: pending again\n{AND_THEN}"
        )
    );
    assert_eq!(
        err,
        format!(
            "{sent}: was accepted by Feishu at 2023-04-10 14:00:30; --again sends it to the staff \
             once more\n999: there is no such notice; `roomwatt outbox list` lists \
             them\nroomwatt: 2 notices were not retried\n"
        )
    );
    let retried = || state("pending", true, true);
    let expected = [
        retried(),
        retried(),
        retried(),
        state("sent", false, false),
        state("pending", false, true),
    ];
    assert_eq!(states(&rig), expected);
    // It does not expire at once again: its age is counted from now.
    let now = "SELECT ABS(TIMESTAMPDIFF(SECOND, retried_at, NOW())) < 60 FROM notification \
               WHERE retried_at IS NOT NULL";
    assert_eq!(rig.rows::<bool>(now), [true; 3]);
    // What it is and when it came about stays.
    let kept = "SELECT DISTINCT CAST(created_at AS CHAR), body FROM notification";
    let expected = ("2023-04-10 14:00:05".to_owned(), "not JSON".to_owned());
    assert_eq!(rig.rows::<(String, String)>(kept), [expected]);

    // Only what waits already: that is as it was wished for.
    let (code, out, _) = finished(&rig.roomwatt(&["outbox", "retry", &pending]));
    let already = format!("{pending}: is pending already\n{AND_THEN}");
    assert_eq!((code, out), (Some(0), already));
    // Nothing was done, and nothing will be.
    let (code, out, _) = finished(&rig.roomwatt(&["outbox", "retry", &sent]));
    assert_eq!((code, out.as_str()), (Some(64), ""));
    let (code, out, _) = finished(&rig.roomwatt(&["outbox", "retry", "--again", &sent]));
    assert_eq!(
        (code, out),
        (Some(0), format!("{sent}: pending again\n{AND_THEN}"))
    );
    assert_eq!(states(&rig)[3], retried());
    rig.finish();
}

#[test]
fn all_retries_what_failed_or_expired() {
    let mut rig = Rig::new("outboxall");
    let nothing = (
        Some(0),
        "there is no notice to retry\n".to_owned(),
        String::new(),
    );
    for state in ["sent", "logged", "pending"] {
        keep(&rig, state);
    }
    let before = states(&rig);
    assert_eq!(
        finished(&rig.roomwatt(&["outbox", "retry", "--all"])),
        nothing
    );
    let [expired, failed, last] = ["expired", "failed", "expired"].map(|state| keep(&rig, state));
    let (code, out, err) = finished(&rig.roomwatt(&["outbox", "retry", "--all"]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(
        out,
        format!(
            "{expired}: pending again\n{failed}: pending again\n{last}: pending again\n{AND_THEN}"
        )
    );
    let after = states(&rig);
    assert_eq!(after[..3], before);
    assert_eq!(after[3..], vec![state("pending", true, true); 3]);
    assert_eq!(
        finished(&rig.roomwatt(&["outbox", "retry", "--all"])),
        nothing
    );

    for wrong in [
        &["outbox", "retry"][..],
        &["outbox", "retry", "--all", &failed],
        &["outbox", "retry", "--all", "--again"],
        &["outbox", "show"],
    ] {
        let (code, ..) = finished(&rig.roomwatt(wrong));
        assert_eq!(code, Some(64), "{wrong:?}");
    }
    rig.finish();
}

#[test]
fn a_retry_fails_if_the_state_has_changed() {
    let mut rig = Rig::new("outboxseen");
    let id = keep(&rig, "failed");
    // Another session is about to commit another result of it.
    let mut other = rig.conn();
    other.query_drop("BEGIN").expect("a transaction");
    other
        .exec_drop("UPDATE notification SET state = 'logged'", ())
        .expect("a row");
    let mut watcher = rig.conn();
    let waiting = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST \
         WHERE USER = '{}' AND INFO LIKE 'UPDATE notification%'",
        rig.user()
    );
    let (code, out, err) = thread::scope(|scope| {
        scope.spawn(move || {
            wait("the command to wait for the row", || {
                match watcher.query_first::<u32, _>(&waiting).expect("a count") {
                    Some(1) => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            });
            other.query_drop("COMMIT").expect("committed");
        });
        finished(&rig.roomwatt(&["outbox", "retry", &id]))
    });
    assert_eq!((code, out.as_str()), (Some(64), ""));
    assert!(err.contains("its state has changed just now"), "{err}");
    assert_eq!(states(&rig), [state("logged", false, true)]);

    let config = Config::load(Some(&rig.config()), &[]).expect("a configuration");
    let mysql = config.mysql.expect("a section");
    let mut outbox = MySqlOutbox::open(&mysql, config.messages.zone).expect("a connection");
    let mut retry = |seen| outbox.retry(number(&id), seen).expect("an answer");
    assert!(!retry(NoticeState::Sent));
    assert!(retry(NoticeState::Logged));
    assert!(!retry(NoticeState::Logged));
    rig.finish();
}

#[test]
fn without_its_database_the_exit_code_is_try_later() {
    let mut rig = Rig::new("outboxaway");
    let port = std::env::var("ROOMWATT_TEST_MYSQL_PORT").expect("a port");
    // Nothing listens on port 1.
    rig.reconfigure(&format!("port = {port}\n"), "port = 1\n");
    for command in [
        &["outbox", "list"][..],
        &["outbox", "show", "1"],
        &["outbox", "retry", "1"],
        &["outbox", "retry", "--all"],
    ] {
        let (code, out, err) = finished(&rig.roomwatt(command));
        assert_eq!((code, out.as_str()), (Some(75), ""), "{command:?}");
        assert!(err.contains("the database can't be reached"), "{err}");
    }
    rig.finish();
}

#[test]
fn an_unreadable_row_has_another_exit_code_than_try_later() {
    let mut rig = Rig::new("outboxodd");
    let room = RoomKey::new("H001", "101");
    let id = keep_of(&rig, &room, "failed", &alert(&room));
    rig.execute("UPDATE notification SET state = 'strange'");
    let (code, out, err) = finished(&rig.roomwatt(&["outbox", "show", &id]));
    assert_eq!((code, out.as_str()), (Some(78), ""));
    assert!(err.contains("has an unknown state"), "{err}");
    rig.finish();
}

#[test]
fn the_service_sends_what_is_retried() {
    let mut rig = Rig::new("outboxtold");
    let rooms = ["101", "102"].map(|room| RoomKey::new("H001", room));
    let ids = [(&rooms[0], "failed"), (&rooms[1], "expired")]
        .map(|(room, state)| keep_of(&rig, room, state, &alert(room)));
    for room in &rooms {
        rig.execute(&format!(
            "INSERT INTO electricity_abnormal (hotel_id, room_number, detected_time, \
             total_consumption, continuous_periods, msg_type) \
             VALUES ('H001', '{}', '2023-04-10 14:00:00', 9.6, 4, 'checkout')",
            room.room_number
        ));
    }
    // Long ago, but not so long that it would be deleted.
    rig.execute("UPDATE notification SET error = 'why', created_at = NOW() - INTERVAL 3 DAY");
    let mut service = rig.start();
    service.wait_until_ready();
    let notified = "SELECT is_notified FROM electricity_abnormal ORDER BY id";
    assert_eq!(rig.rows::<bool>(notified), [false, false]);
    let (code, ..) = finished(&rig.roomwatt(&["outbox", "retry", &ids[0], &ids[1]]));
    assert_eq!(code, Some(0));
    rig.wait_for_rows(notified, &[true, true]);
    let states = "SELECT state, error IS NULL, sent_at IS NOT NULL FROM notification";
    let accepted = ("sent".to_owned(), true, true);
    assert_eq!(
        rig.rows::<(String, bool, bool)>(states),
        [accepted.clone(), accepted]
    );
    let cards = format!("{:?}", rig.feishu.accepted_cards());
    for room in &rooms {
        assert!(cards.contains(room.room_number.as_str()), "{cards}");
    }
    let log = service.stop();
    assert!(!log.contains("panicked"), "{log}");
    rig.finish();
}
