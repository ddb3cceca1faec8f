//! The property management system's list of rooms against those that are watched.

use std::fs;

use serde_json::{Value, json};

use crate::embedded::alone;
use crate::support::intake::wait_until_served;
use crate::support::{Rig, wait};
use crate::{check_in, check_out, finished, minutes_ago};

const HEADER: &str = "hotel_id,room_number,state,since,expected_checkout_time,stay_id\n";

fn rows_of(rig: &Rig) -> Vec<String> {
    rig.rows("SELECT CONCAT(room_number, ' ', msg_type, ' ', stay_time) FROM room_state ORDER BY 1")
}

#[test]
fn what_the_queue_has_lost_is_found_and_mended() {
    let mut rig = Rig::new("reconcile");
    let [six, five, three, two, tomorrow] = [360, 300, 180, 120, -1_440].map(minutes_ago);
    rig.publish([
        check_in("H001", "101", six).as_str(),
        check_in("H001", "102", five).as_str(),
        check_out("H001", "103", six).as_str(),
        check_in("H001", "104", five).as_str(),
        check_in("H002", "101", five).as_str(),
    ]);
    let service = rig.start();
    rig.wait_for_rows("SELECT COUNT(*) FROM room_state", &[5]);

    // The check-out of 101 and the check-in of 103 were lost; nothing was ever sent of 105.
    let list = format!(
        "{HEADER}H001,101,vacant,{two},,\nH001,102,occupied,{five},,\n\
         H001,103,occupied,{three},{tomorrow},\nH001,105,occupied,{six},,A105\n"
    );
    let list = rig.file("rooms.csv", &list);
    let (code, out, err) = finished(&rig.roomwatt(&["reconcile", &list]));
    let expected = format!(
        "H001/101: vacant since {two}, watched as occupied since {six}: check-out at {two}\n\
         H001/103: occupied since {three}, watched as vacant since {six}: check-in at {three}, \
         expected check-out {tomorrow}\n\
         H001/105: occupied since {six}, not watched: check-in at {six} of stay A105\n\
         H001/104: not on the list, watched as occupied since {five}: nothing is sent\n\
         4 rooms compared: 3 differ, 1 not on the list\n"
    );
    assert_eq!((code, out.as_str()), (Some(1), expected.as_str()), "{err}");
    assert_eq!(err, "roomwatt: 4 rooms differ\n");
    // Of a time before the messages the list can say nothing.
    let old = minutes_ago(400).to_string();
    let (code, out, _) = finished(&rig.roomwatt(&["reconcile", &list, "--written", &old]));
    assert_eq!(code, Some(1), "{out}");
    let left_out = "1 room compared: 1 differ, 0 not on the list; 4 rooms left out, because \
                    messages have come since the list was written\n";
    assert!(out.ends_with(left_out), "{out}");
    let before = rows_of(&rig);
    service.stop();

    // Before anything of it is taken it is sent once more.
    for _ in 0..2 {
        let (code, out, err) = finished(&rig.roomwatt(&["reconcile", &list, "--apply"]));
        assert_eq!(code, Some(1), "{err}");
        let sent = format!("; 3 messages published to queue {}\n", rig.queue);
        assert!(out.ends_with(&sent), "{out}");
    }
    assert_eq!((rig.waiting_messages(), rows_of(&rig)), (6, before));
    let service = rig.start();
    // The room of the other hotel is none of the list's.
    let watched = [
        format!("101 checkin {five}"),
        format!("101 checkout {two}"),
        format!("102 checkin {five}"),
        format!("103 checkin {three}"),
        format!("104 checkin {five}"),
        format!("105 checkin {six}"),
    ];
    let rows =
        "SELECT CONCAT(room_number, ' ', msg_type, ' ', stay_time) FROM room_state ORDER BY 1";
    rig.wait_for_rows(rows, &watched);
    let expected: Vec<Option<String>> = rig.rows(
        "SELECT expected_checkout_time FROM electricity_monitoring WHERE room_number = '103' \
         ORDER BY id",
    );
    assert!(
        matches!(expected.as_slice(), [None, Some(_)]),
        "{expected:?}"
    );
    let with_id =
        "SELECT COUNT(*) FROM room_state WHERE room_number = '105' AND state LIKE '%A105%'";
    assert_eq!(rig.rows::<u32>(with_id), [1]);
    let watches = "SELECT COUNT(*) FROM electricity_monitoring";
    assert_eq!(
        rig.rows::<u32>(watches),
        [8],
        "each message had its effect once"
    );

    let (code, out, err) = finished(&rig.roomwatt(&["reconcile", &list]));
    assert_eq!(
        (code, err.as_str()),
        (Some(1), "roomwatt: 1 room differs\n")
    );
    assert!(
        out.ends_with("4 rooms compared: 0 differ, 1 not on the list\n"),
        "{out}"
    );
    let rest = format!("H001,104,occupied,{five},,\n");
    let whole = fs::read_to_string(&list).expect("the list") + &rest;
    let list = rig.file("rooms.csv", &whole);
    let (code, out, err) = finished(&rig.roomwatt(&["reconcile", &list, "--apply"]));
    let sent = format!("; 0 messages published to queue {}\n", rig.queue);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(
        out,
        format!("5 rooms compared: 0 differ, 0 not on the list{sent}")
    );
    assert_eq!(rig.rows::<u32>(watches), [8]);
    service.stop();
    rig.finish();
}

#[test]
fn without_servers_it_works_beside_the_running_service() {
    let (mut rig, address) = alone("alonereconcile");
    let service = rig.start();
    wait_until_served(address);
    let [five, two] = [300, 120].map(minutes_ago);
    let room = ["send", "--hotel-id", "H001", "--room-number"];
    for number in ["101", "102"] {
        let check_in = ["--msg-type", "checkin", "--checkin-time", &five.to_string()];
        let output = rig.roomwatt(&[&room[..], &[number], &check_in[..]].concat());
        assert_eq!(finished(&output).0, Some(0), "{output:?}");
    }
    // As a spreadsheet writes it.
    let list = format!(
        "\u{feff}stay_id,since,state,room_number,hotel_id,expected_checkout_time,floor\r\n\
         A1,{two},vacant,101, H001,,1\r\n,{},occupied,102,H001,,1\r\n",
        five.to_string().replace(' ', "T")
    );
    let list = rig.file("rooms.csv", &list);
    let objects = |out: &str| -> Vec<Value> {
        let lines = out
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        lines.collect()
    };
    let (code, out, err) = finished(&rig.roomwatt(&["reconcile", &list, "--json"]));
    assert_eq!(code, Some(1), "{err}");
    let body = json!({
        "hotel_id": "H001", "room_number": "101", "msgType": "5710013",
        "actual_checkout_time": two.to_string(),
    });
    let counts = |differ: u32, sent: Option<u32>| {
        json!({
            "compared": 2, "differ": differ, "not_listed": 0, "left_out": 0,
            "messages_sent": sent, "rooms_not_mended": sent.map(|_| 0),
        })
    };
    let difference = json!({
        "hotel_id": "H001", "room_number": "101", "difference": "watched_as_occupied",
        "listed": {
            "state": "vacant", "since": two.to_string(), "expected_checkout_time": null,
            "stay_id": null,
        },
        "watched": {
            "state": "occupied", "since": five.to_string(), "expected_checkout_time": null,
        },
        "messages": [body],
    });
    assert_eq!(objects(&out), [difference, counts(1, None)]);
    let (code, out, err) = finished(&rig.roomwatt(&["reconcile", &list, "--apply"]));
    assert_eq!(code, Some(1), "{err}");
    let sent = format!("; 1 message taken by the service at http://{address}\n");
    assert!(out.ends_with(&sent), "{out}");
    // It is written by then.
    let again = ["reconcile", &list, "--apply", "--json"];
    let (code, out, err) = finished(&rig.roomwatt(&again));
    assert_eq!(
        (code, objects(&out)),
        (Some(0), vec![counts(0, Some(0))]),
        "{err}"
    );

    // What can't be sent is not passed over.
    service.stop();
    let vacated = fs::read_to_string(&list)
        .expect("the list")
        .replace("occupied", "vacant");
    let list = rig.file("rooms.csv", &vacated);
    let (code, out, err) = finished(&rig.roomwatt(&["reconcile", &list, "--apply"]));
    assert_eq!(code, Some(75), "{err}");
    assert!(out.starts_with("H001/102: vacant since "), "{out}");
    let expected = format!(
        "roomwatt: of 1 message 0 were taken by the service at http://{address}, and perhaps the \
         next 1; run it again to send what is left: the service can't be reached"
    );
    assert!(err.starts_with(&expected), "{err}");
    rig.finish();
}

#[test]
fn of_a_list_with_bad_rows_nothing_is_compared() {
    let (mut rig, _) = alone("badlist");
    assert_eq!(finished(&rig.roomwatt(&["init-db"])).0, Some(0));
    let (five, ahead) = (minutes_ago(300), minutes_ago(-60));
    let rows = format!(
        "H001,101,vacant,{five},,\n\
         H001,102,clean,{five},,\n\
         H001,103,vacant,noon,,\n\
         \n\
         H001,104,vacant,{ahead},,\n\
         H001,101,occupied,{five},,\n\
         ,105,vacant,{five},,\n\
         H001,106,occupied,{five},{five},\n\
         H001,107,occupied,{five},,{}\n\
         H001,108,vacant\n",
        "x".repeat(65)
    );
    let bytes = [
        HEADER.as_bytes(),
        rows.as_bytes(),
        b"H001,\xb9\xf3\xb1\xf6,vacant,,,\n",
    ]
    .concat();
    let list = rig.file("rooms.csv", "");
    fs::write(&list, bytes).expect("the list");
    let (code, out, err) = finished(&rig.roomwatt(&["reconcile", &list, "--apply"]));
    assert_eq!((code, out.as_str()), (Some(64), ""), "{err}");
    let expected = [
        (
            3,
            "bad row: state is not occupied, vacant or out_of_order: clean".to_owned(),
        ),
        (
            4,
            "bad row: since is not a time like 2023-04-10 14:30:00: noon".to_owned(),
        ),
        (
            6,
            format!("bad row: since {ahead} is in the future, now it is "),
        ),
        (
            7,
            "bad row: room \"H001/101\" has a row already, on line 2".to_owned(),
        ),
        (8, "bad row: hotel_id is missing, null or empty".to_owned()),
        (
            9,
            "expected_checkout_time is ignored: it is not after since".to_owned(),
        ),
        (
            10,
            "bad row: stay_id has 65 characters, more than 64".to_owned(),
        ),
        (
            11,
            "bad row: it has 3 fields where the first line has 6".to_owned(),
        ),
        (
            12,
            "bad row: it is not UTF-8, it looks like GBK: it has to be UTF-8".to_owned(),
        ),
    ];
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines.len(), expected.len() + 1, "{err}");
    for (line, (number, what)) in lines.iter().zip(&expected) {
        assert!(
            line.starts_with(&format!("{list}:{number}: {what}")),
            "{line}"
        );
    }
    let last = format!("roomwatt: {list}: 8 bad rows, nothing was compared");
    assert_eq!(lines.last(), Some(&last.as_str()));
    let no_column = rig.file("rooms.csv", "hotel_id,room_number,state,since\n");
    let (code, _, err) = finished(&rig.roomwatt(&["reconcile", &no_column]));
    assert_eq!(code, Some(64), "{err}");
    let column = "the first line has no column expected_checkout_time; it must be hotel_id,\
                  room_number,state,since,expected_checkout_time,stay_id";
    assert!(err.contains(column), "{err}");
    rig.finish();
}

#[test]
fn a_room_s_status_needs_a_code_of_its_own() {
    let (mut embedded, address) = alone("statuslist");
    status_needs_a_code(&mut embedded, || wait_until_served(address));
    embedded.finish();
    let mut mysql = Rig::new("statuslist");
    status_needs_a_code(&mut mysql, || ());
    mysql.finish();
}

/// Compares a list with one room, out of order; `wait_until_served`: until messages may be sent.
fn status_needs_a_code(rig: &mut Rig, wait_until_served: impl Fn()) {
    let service = rig.start();
    wait_until_served();
    let left = minutes_ago(300).to_string();
    let room = ["send", "--hotel-id", "H001", "--room-number", "101"];
    let check_out = ["--msg-type", "checkout", "--checkout-time", &left];
    let output = rig.roomwatt(&[&room[..], &check_out[..]].concat());
    assert_eq!(finished(&output).0, Some(0), "{output:?}");
    let since = minutes_ago(120);
    let row = format!("H001,101,out_of_order,{since},,\n");
    let list = rig.file("rooms.csv", &format!("{HEADER}{row}"));
    ends_with(rig, &list, 1);
    let apply = ["reconcile", &list, "--apply"];
    let (code, out, err) = finished(&rig.roomwatt(&apply));
    let differs = format!(
        "H001/101: out of order since {since}, watched as vacant since {left}, in order: out of \
         order from {since} on\n1 room compared: 1 differ, 0 not on the list; 0 messages "
    );
    assert_eq!(code, Some(1), "{err}");
    assert!(out.starts_with(&differs), "{out}");
    assert!(out.ends_with(", 1 room could not be mended\n"), "{out}");
    let needed = "H001/101: not sent: message_types.room_status is not set";
    assert!(err.starts_with(needed), "{err}");
    service.stop();
    rig.configure("[message_types]\nroom_status = '5710099'");
    let service = rig.start();
    wait_until_served();
    let (code, out, err) = finished(&rig.roomwatt(&apply));
    assert!(out.contains("; 1 message "), "{out}{err}");
    assert_eq!(
        (code, err.as_str()),
        (Some(1), "roomwatt: 1 room differs\n")
    );
    ends_with(rig, &list, 0);
    service.stop();
}

/// Waits until comparing ends so: messages may still wait in the queue.
fn ends_with(rig: &mut Rig, list: &str, code: i32) {
    wait(&format!("reconcile to end with {code}"), || {
        let (seen, out, err) = finished(&rig.roomwatt(&["reconcile", list]));
        match seen == Some(code) {
            true => Ok(()),
            false => Err(format!("{seen:?}: {out}{err}")),
        }
    });
}
