//! Messages beyond check-in and check-out: what each leaves behind of its rooms.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use mysql::prelude::Queryable;
use roomwatt::types::LocalTime;
use serde_json::{Value, json};

use crate::http::messages;
use crate::minutes_ago;
use crate::support::intake::{ask, wait_until_served};
use crate::support::proxy::Fault;
use crate::support::{LIMIT, Link, Rig, wait};

const SIGKILL: i32 = 9;

/// Watches of all rooms, those of a room in the order in which they were opened: room, kind, and
/// the stay's times.
const WATCHES: &str = "SELECT room_number, msg_type, \
     CAST(COALESCE(check_in_time, actual_checkout_time) AS CHAR), \
     CAST(COALESCE(expected_checkout_time, actual_checkin_time) AS CHAR) \
     FROM electricity_monitoring WHERE hotel_id = 'H001' ORDER BY room_number, id";

/// The watches of now: room, kind, and since when.
const NOW: &str = "SELECT room_number, msg_type, CAST(stay_time AS CHAR) FROM room_state \
     WHERE hotel_id = 'H001' ORDER BY room_number";

type Watch = (String, String, String, Option<String>);

/// A rig to which all kinds of messages are known, and which takes them in their order.
pub fn rig(name: &str) -> Rig {
    let rig = Rig::new(name);
    rig.reconfigure(
        "[monitoring]\n",
        "[message_types]\nmove = 'MV'\nextend = 'EX'\ncancel_checkin = 'CI'\n\
         cancel_checkout = 'CO'\n[performance]\nconsumer_count = 1\n[monitoring]\n",
    );
    rig
}

/// The body of a message about a room: its type, and fields that not all types have.
pub fn body(room: &str, msg_type: &str, fields: Value) -> String {
    let mut body = fields;
    body["hotel_id"] = "H001".into();
    body["room_number"] = room.into();
    body["msgType"] = msg_type.into();
    body.to_string()
}

pub fn arrived(room: &str, id: &str, at: LocalTime) -> String {
    let fields = json!({"check_in_time": at.to_string(), "stay_id": id});
    body(room, "5710005", fields)
}

pub fn left(room: &str, id: &str, at: LocalTime) -> String {
    let fields = json!({"actual_checkout_time": at.to_string(), "stay_id": id});
    body(room, "5710013", fields)
}

pub fn moved(from: &str, to: &str, at: LocalTime, whose: (&str, &str)) -> String {
    let mut fields = json!({"old_room_number": from, "move_time": at.to_string()});
    fields[whose.0] = whose.1.into();
    body(to, "MV", fields)
}

fn watch(room: &str, kind: &str, at: LocalTime, other: Option<LocalTime>) -> Watch {
    let other = other.map(|time| time.to_string());
    (room.to_owned(), kind.to_owned(), at.to_string(), other)
}

fn now(room: &str, kind: &str, at: LocalTime) -> (String, String, String) {
    (room.to_owned(), kind.to_owned(), at.to_string())
}

/// Sends messages one after the other: over HTTP where there is an address, else by the queue.
pub fn send(rig: &Rig, http: Option<SocketAddr>, bodies: &[String]) {
    if let Some(address) = http {
        for body in bodies {
            let answer = ask(address, &messages(body)).expect("an answer");
            assert_eq!(answer, (200, r#"{"taken":1,"refused":[]}"#.to_owned()));
        }
        return;
    }
    rig.publish(bodies.iter().map(String::as_str));
    // What follows them in the queue shows that they are done.
    let end = format!("{:08x}", fastrand::u32(..));
    rig.publish([crate::check_in("end", &end, minutes_ago(5)).as_str()]);
    let ended = format!("SELECT COUNT(*) FROM room_state WHERE room_number = '{end}'");
    rig.wait_for_rows(&ended, &[1]);
}

/// Does the same with messages from the queue and over HTTP.
fn either_way(name: &str, test: impl Fn(&mut Rig, Option<SocketAddr>)) {
    for is_http in [false, true] {
        let mut rig = rig(&format!("{name}{}", u8::from(is_http)));
        let address = rig.listen();
        let mut service = rig.start();
        service.wait_until_ready();
        wait_until_served(address);
        test(&mut rig, is_http.then_some(address));
        service.stop();
        assert_eq!(rig.waiting_messages(), 0);
        let refused: Vec<String> = rig.rows("SELECT reason FROM rejected_message");
        assert_eq!(refused, [""; 0]);
        rig.finish();
    }
}

#[test]
fn each_kind_has_its_effect_on_the_watch() {
    either_way("eachkind", |rig, http| {
        let came = minutes_ago(600);
        let later = |minutes: i64| came.plus(minutes * 60);
        let at = |minutes: i64| later(minutes).to_string();
        let day = 24 * 60;
        let mut stay = json!({"check_in_time": at(0), "expected_checkout_time": at(day)});
        stay["stay_id"] = 7.into();
        let id = |id: &str, fields: Value| {
            let mut fields = fields;
            fields["stay_id"] = id.into();
            fields
        };
        let stories = [
            // Extended twice: by the stay's id, and by the time of its check-in.
            body("101", "5710005", stay.clone()),
            body(
                "101",
                "EX",
                id("7", json!({"expected_checkout_time": at(2 * day)})),
            ),
            body(
                "101",
                "EX",
                json!({"check_in_time": at(0), "expected_checkout_time": at(3 * day)}),
            ),
            // By an id that no arrival has had: whoever is in.
            body(
                "101",
                "EX",
                id("8", json!({"expected_checkout_time": at(4 * day)})),
            ),
            // A guest who has not left, after all.
            arrived("102", "B", later(0)),
            left("102", "B", later(60)),
            body("102", "CO", id("B", json!({"cancel_time": at(90)}))),
            // One who had not come, as is known an hour later.
            arrived("103", "C", later(0)),
            body("103", "CI", id("C", json!({"cancel_time": at(60)}))),
            // The same, known at once: nobody has been in.
            arrived("104", "D", later(0)),
            body("104", "CI", id("D", json!({"cancel_time": at(-1)}))),
            // A guest who moves, and leaves the other room as the one who came to the first.
            body("105", "5710005", json!({"check_in_time": at(0)})),
            body(
                "106",
                "MV",
                json!({"old_room_number": "105", "move_time": at(60), "check_in_time": at(0),
                       "expected_checkout_time": at(day)}),
            ),
            arrived("107", "G", later(0)),
            moved("107", "108", later(60), ("stay_id", "G")),
            left("108", "G", later(120)),
        ];
        send(rig, http, &stories);
        rig.wait_for_rows(
            WATCHES,
            &[
                watch("101", "checkin", later(0), Some(later(4 * day))),
                watch("102", "checkin", later(0), None),
                watch("102", "checkout", later(60), None),
                watch("102", "checkin", later(90), None),
                watch("103", "checkin", later(0), None),
                watch("103", "checkout", later(60), None),
                watch("104", "checkout", later(-1), None),
                watch("105", "checkin", later(0), None),
                watch("105", "checkout", later(60), Some(later(0))),
                watch("106", "checkin", later(60), Some(later(day))),
                watch("107", "checkin", later(0), None),
                watch("107", "checkout", later(60), None),
                watch("108", "checkin", later(60), None),
                watch("108", "checkout", later(120), None),
            ],
        );
        let checkout = json!({"actual_checkin_time": at(0), "actual_checkout_time": at(120)});
        send(rig, http, &[body("106", "5710013", checkout)]);
        let expected = [
            now("101", "checkin", later(0)),
            now("102", "checkin", later(90)),
            now("103", "checkout", later(60)),
            now("104", "checkout", later(-1)),
            now("105", "checkout", later(60)),
            now("106", "checkout", later(120)),
            now("107", "checkout", later(60)),
            now("108", "checkout", later(120)),
        ];
        rig.wait_for_rows(NOW, &expected);
    });
}

/// Rooms of which an earlier version took the wrong one of two guests for the one who is in.
#[test]
fn who_is_in_is_not_decided_by_the_latest_time() {
    let mut rig = rig("whoisin");
    let noon = minutes_ago(240);
    let at = |minutes: i64| noon.plus(minutes * 60);
    let leaves = |came: LocalTime, left: LocalTime| {
        let [came, left] = [came, left].map(|time| time.to_string());
        json!({"actual_checkin_time": came, "actual_checkout_time": left})
    };
    let without_id = |room: &str, at: LocalTime| crate::check_in("H001", room, at);
    let bodies = [
        // An express check-out has the planned time, and the next guest came before that.
        without_id("101", at(-300)),
        without_id("101", at(-20)),
        body("101", "5710013", leaves(at(-300), at(0))),
        // Undone at once.
        without_id("102", at(10)),
        body("102", "5710013", leaves(at(10), at(10))),
        // One of two guests leaves.
        arrived("103", "A", at(-300)),
        arrived("103", "B", at(-240)),
        left("103", "A", at(0)),
        // Both do.
        arrived("105", "A", at(-300)),
        arrived("105", "B", at(-240)),
        left("105", "A", at(-60)),
        left("105", "B", at(0)),
        // The same without ids: who came later was a new party, and all of it has left.
        without_id("104", at(-300)),
        without_id("104", at(-240)),
        crate::check_out("H001", "104", at(0)),
    ];
    rig.publish(bodies.iter().map(String::as_str));
    // Too much for a vacant room, and not for a guest.
    for room in ["101", "102", "103", "104", "105"] {
        for interval in 0..=8 {
            let register = format!("{}.{}", 100 + interval * 18 / 10, interval * 18 % 10);
            rig.meter("H001", room, &at(interval * 30).to_string(), &register);
        }
    }
    let service = rig.start();
    let judged = format!(
        "SELECT COUNT(*) FROM room_state WHERE seen_time = '{}'",
        at(240)
    );
    rig.wait_for_rows(&judged, &[5]);
    let expected = [
        now("101", "checkin", at(-20)),
        now("102", "checkout", at(10)),
        now("103", "checkin", at(-300)),
        now("104", "checkout", at(0)),
        now("105", "checkout", at(0)),
    ];
    assert_eq!(rig.rows::<(String, String, String)>(NOW), expected);
    let alerts = "SELECT room_number, msg_type FROM electricity_abnormal ORDER BY room_number";
    let vacant = |room: &str| (room.to_owned(), "checkout".to_owned());
    let alerted = ["102", "104", "105"].map(vacant);
    assert_eq!(rig.rows::<(String, String)>(alerts), alerted);
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}

#[test]
fn two_guests_swap_rooms_in_either_order() {
    either_way("swap", |rig, http| {
        let mut number = 0..;
        for by in ["stay_id", "check_in_time"] {
            // Both in the same second; or for a minute they share the first one's room.
            for shared in [0, 60] {
                for is_reverse in [false, true] {
                    let number = number.next().expect("a number");
                    swap(rig, http, number, (by, shared, is_reverse));
                }
            }
        }
    });
}

/// Two guests swap two rooms, in which they have come half an hour apart.
fn swap(
    rig: &Rig,
    http: Option<SocketAddr>,
    number: u32,
    (by, shared, is_reverse): (&str, i64, bool),
) {
    let came = minutes_ago(600);
    let moves = [came.plus(3_600), came.plus(3_600 - shared)];
    let (one, other) = (format!("{number}A"), format!("{number}B"));
    let times = [came, came.plus(1_800)].map(|time| time.to_string());
    let whose = |guest: usize| match by {
        "stay_id" => ["a", "b"][guest],
        _ => times[guest].as_str(),
    };
    let arrivals = [(&one, 0), (&other, 1)].map(|(room, guest)| {
        let mut fields = json!({"check_in_time": times[guest]});
        fields[by] = whose(guest).into();
        body(room, "5710005", fields)
    });
    let mut swap = [
        moved(&one, &other, moves[0], (by, whose(0))),
        moved(&other, &one, moves[1], (by, whose(1))),
    ];
    if is_reverse {
        swap.reverse();
    }
    send(rig, http, &[&arrivals[..], &swap].concat());
    let of_two = format!("'H001' AND room_number LIKE '{number}_'");
    let of_two = NOW.replace("'H001'", &of_two);
    // Guests with ids share a room; without, the later one is another party.
    let since = match (by, shared) {
        ("stay_id", 60) => came,
        _ => moves[1],
    };
    let both = [
        now(&one, "checkin", since),
        now(&other, "checkin", moves[0]),
    ];
    rig.wait_for_rows(&of_two, &both);

    // The first guest is known in the one room no more, and in the other by the same name.
    let left = moves[0].plus(3_600);
    let mut fields = json!({"actual_checkout_time": left.to_string()});
    let field = by.replace("check_in_time", "actual_checkin_time");
    fields[field] = whose(0).into();
    send(rig, http, &[body(&one, "5710013", fields.clone())]);
    rig.wait_for_rows(&of_two, &both);
    send(rig, http, &[body(&other, "5710013", fields)]);
    let [first, _] = both;
    rig.wait_for_rows(&of_two, &[first, now(&other, "checkout", left)]);
}

#[test]
fn an_extension_goes_on_with_the_run_and_its_notice() {
    either_way("extension", |rig, http| {
        let came = minutes_ago(170);
        let expected = [came.plus(86_400), came.plus(2 * 86_400)];
        let stay = json!({"check_in_time": came.to_string(), "stay_id": "A",
                          "expected_checkout_time": expected[0].to_string()});
        send(rig, http, &[body("101", "5710005", stay)]);
        let reading = |interval: i64| {
            let time = came.plus(interval * 1_800).to_string();
            rig.meter("H001", "101", &time, &format!("{}.00", 100 + 3 * interval));
        };
        (0..=4).for_each(reading);
        let run = "SELECT run_periods, run_told FROM room_state WHERE hotel_id = 'H001'";
        rig.wait_for_rows(run, &[(4, 4)]);
        rig.feishu
            .wait_until("the alert", LIMIT, |received| !received.is_empty());
        let extension = json!({"stay_id": "A", "expected_checkout_time": expected[1].to_string()});
        send(rig, http, &[body("101", "EX", extension)]);
        let extended = [watch("101", "checkin", came, Some(expected[1]))];
        rig.wait_for_rows(WATCHES, &extended);
        assert_eq!(rig.rows::<(u32, u32)>(run), [(4, 4)]);
        reading(5);
        rig.wait_for_rows(run, &[(5, 4)]);
        let alerts = "SELECT (SELECT COUNT(*) FROM electricity_abnormal), \
                      (SELECT COUNT(*) FROM notification)";
        assert_eq!(rig.rows::<(u32, u32)>(alerts), [(1, 1)]);
        assert_eq!(rig.rows::<Watch>(WATCHES), extended);
    });
}

#[test]
fn a_refused_move_is_kept_once() {
    let mut rig = rig("refusedmove");
    let address = rig.listen();
    let service = rig.start();
    wait_until_served(address);
    let at = minutes_ago(60);
    let same = moved("101", "101", at, ("stay_id", "A"));
    let fields = json!({"old_room_number": "101", "stay_id": "A"});
    let undated = body("102", "MV", fields);
    rig.publish([same.as_str(), undated.as_str()]);
    let reasons = "SELECT reason, COUNT(*) FROM rejected_message GROUP BY reason ORDER BY reason";
    let expected = |count: u32| {
        let same = "old_room_number and room_number are the same room: a move leads to another one";
        let undated = "move_time is missing, null or empty";
        [(undated.to_owned(), count), (same.to_owned(), count)]
    };
    rig.wait_for_rows(reasons, &expected(1));
    let (status, answer) = ask(address, &messages(&format!("{same}\n{undated}"))).expect("HTTP");
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(answer["taken"], 0, "{answer}");
    assert_eq!(
        answer["refused"].as_array().map(Vec::len),
        Some(2),
        "{answer}"
    );
    rig.wait_for_rows(reasons, &expected(2));
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    assert_eq!(rig.rows::<Watch>(WATCHES), []);
    rig.finish();
}

/// The watches of the rooms of a move by then: of both they show that it has been, or of none.
fn has_moved(rig: &Rig, (from, to): (&str, &str), (came, at): (LocalTime, LocalTime)) -> bool {
    let of_two = format!("'H001' AND room_number IN ('{from}', '{to}')");
    let of_two = |query: &str| query.replace("'H001'", &of_two);
    // Both as of one moment.
    let mut conn = rig.conn();
    let snapshot = "START TRANSACTION WITH CONSISTENT SNAPSHOT";
    conn.query_drop(snapshot).expect(snapshot);
    let watches: Vec<Watch> = conn.query(of_two(WATCHES)).expect(WATCHES);
    let states: Vec<(String, String, String)> = conn.query(of_two(NOW)).expect(NOW);
    let before = watch(from, "checkin", came, None);
    if watches == [before.clone()] {
        assert_eq!(states, [now(from, "checkin", came)]);
        return false;
    }
    let [left, arrived] = [
        watch(from, "checkout", at, None),
        watch(to, "checkin", at, None),
    ];
    assert_eq!(watches, [before, left, arrived]);
    assert_eq!(states, [now(from, "checkout", at), now(to, "checkin", at)]);
    true
}

#[test]
fn a_move_that_is_interrupted_is_written_of_both_rooms_or_of_none() {
    let mut rig = rig("halfmove");
    let (came, at) = (minutes_ago(600), minutes_ago(300));
    for (number, (point, is_written)) in [
        ("commit::before", false),
        ("commit::after", true),
        ("adopt::after", true),
        ("ack::before", true),
    ]
    .into_iter()
    .enumerate()
    {
        let (from, to) = (format!("{number}A"), format!("{number}B"));
        let rooms = (from.as_str(), to.as_str());
        let service = rig.start();
        send(&rig, None, &[arrived(&from, &from, came)]);
        service.stop();
        let mut service = rig.start_with(&[("FAILPOINTS", &format!("{point}=return"))]);
        rig.publish([moved(&from, &to, at, ("stay_id", &from)).as_str()]);
        let status = wait(&format!("the service to be killed at {point}"), || {
            service.ended().ok_or_else(|| service.log())
        });
        assert_eq!(status.signal(), Some(SIGKILL), "{}", service.log());
        assert_eq!(has_moved(&rig, rooms, (came, at)), is_written, "at {point}");
        let service = rig.start();
        send(&rig, None, &[]);
        assert!(has_moved(&rig, rooms, (came, at)), "after {point}");
        service.stop();
        assert_eq!(rig.waiting_messages(), 0, "after {point}");
    }
    rig.finish();
}

#[test]
fn a_move_whose_commit_is_not_answered_is_written_once() {
    let mut rig = rig("unanswered");
    let proxy = rig.proxy(Link::MySql);
    let mut service = rig.start();
    service.wait_until_ready();
    let (came, at) = (minutes_ago(600), minutes_ago(300));
    send(&rig, None, &[arrived("101", "A", came)]);
    // Long enough to see what is written before the service hears of it.
    proxy.set(Fault::Delay(Duration::from_millis(700)));
    rig.publish([moved("101", "102", at, ("stay_id", "A")).as_str()]);
    wait("the move to be written", || {
        match has_moved(&rig, ("101", "102"), (came, at)) {
            true => Ok(()),
            false => Err(service.log()),
        }
    });
    proxy.set(Fault::Reset);
    service.wait_for_log(" failed, retrying: ");
    proxy.lift();
    send(&rig, None, &[]);
    assert!(has_moved(&rig, ("101", "102"), (came, at)));
    let log = service.stop();
    assert!(log.contains(" 1 move, "), "taken and counted once: {log}");
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}

#[test]
fn the_log_counts_each_kind_and_names_both_rooms_of_a_move() {
    let mut rig = rig("movelog");
    let mut service = rig.start();
    service.wait_until_ready();
    let (came, at) = (minutes_ago(600), minutes_ago(300));
    let long_ago = minutes_ago(20 * 24 * 60);
    let early = json!({"old_room_number": "101", "move_time": at.to_string(), "stay_id": "A",
                       "expected_checkout_time": came.to_string()});
    let extend = |room: &str| {
        let fields = json!({"stay_id": "A", "expected_checkout_time": at.plus(60).to_string()});
        body(room, "EX", fields)
    };
    let bodies = [
        arrived("101", "A", came),
        body("102", "MV", early),
        extend("102"),
        // Known by now.
        extend("102"),
        moved("101", "102", at, ("stay_id", "A")),
        // The one room is vacant since, in the other this guest has never left.
        moved("101", "102", long_ago, ("stay_id", "Z")),
        // A room of which nothing is known.
        extend("109"),
    ];
    send(&rig, None, &bodies);
    let log = service.stop();
    let both = "H001/101, H001/102:";
    for line in [
        format!("{both} its expected check-out is not after the move and was ignored"),
        format!("{both} a duplicate message of H001/102"),
        format!("{both} the move of {long_ago} is older than what is known of H001/101 and"),
        "H001/102: a duplicate message\n".to_owned(),
        format!(
            "H001/109: the extension of {} has no effect: the room is watched from its",
            at.plus(60)
        ),
        "messages: 2 check-ins, 0 check-outs, 2 moves, 1 extension, 2 duplicates, 1 stale, \
         0 ignored, 0 refused"
            .to_owned(),
    ] {
        assert!(log.contains(&line), "{line:?} is not in\n{log}");
    }
    rig.finish();
}
