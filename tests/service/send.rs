//! Messages that an operator sends to try the service.

use serde_json::{Value, json};

use crate::finished;
use crate::stays::rig;
use crate::support::Rig;

const AT: &str = "2023-04-12 12:00:00";
const CAME: &str = "2023-04-10 14:30:00";

fn send(rig: &mut Rig, msg_type: &str, options: &[&str]) -> (Option<i32>, String, String) {
    let room = ["--hotel-id", "H001", "--room-number", "102", "--msg-type"];
    finished(&rig.roomwatt(&[&["send"], &room[..], &[msg_type], options].concat()))
}

#[test]
fn every_kind_can_be_sent() {
    let mut rig = rig("sendkinds");
    rig.reconfigure("move = 'MV'\n", "move = 'MV'\nroom_status = 'ST'\n");
    let cases: [(&str, &[&str], Value); 7] = [
        (
            "checkin",
            &[
                "--checkin-time",
                CAME,
                "--checkout-time",
                AT,
                "--stay-id",
                " A ",
            ],
            json!({"msgType": "5710005", "check_in_time": CAME, "stay_id": "A",
                   "expected_checkout_time": AT}),
        ),
        (
            "checkout",
            &[
                "--checkin-time",
                CAME,
                "--checkout-time",
                AT,
                "--stay-id",
                "A",
            ],
            json!({"msgType": "5710013", "actual_checkin_time": CAME, "stay_id": "A",
                   "actual_checkout_time": AT}),
        ),
        (
            "move",
            &[
                "--old-room-number",
                "101",
                "--old-hotel-id",
                "H002",
                "--move-time",
                AT,
                "--checkin-time",
                CAME,
                "--checkout-time",
                "2023-04-14 12:00:00",
                "--stay-id",
                "A",
            ],
            json!({"msgType": "MV", "old_room_number": "101", "old_hotel_id": "H002",
                   "move_time": AT, "check_in_time": CAME, "stay_id": "A",
                   "expected_checkout_time": "2023-04-14 12:00:00"}),
        ),
        (
            "extend",
            &[
                "--checkout-time",
                AT,
                "--stay-id",
                "A",
                "--checkin-time",
                CAME,
            ],
            json!({"msgType": "EX", "expected_checkout_time": AT, "stay_id": "A",
                   "check_in_time": CAME}),
        ),
        (
            "cancel-checkin",
            &[
                "--cancel-time",
                AT,
                "--checkin-time",
                CAME,
                "--stay-id",
                "A",
            ],
            json!({"msgType": "CI", "cancel_time": AT, "check_in_time": CAME, "stay_id": "A"}),
        ),
        (
            "cancel-checkout",
            &[
                "--cancel-time",
                AT,
                "--checkin-time",
                CAME,
                "--stay-id",
                "A",
            ],
            json!({"msgType": "CO", "cancel_time": AT, "check_in_time": CAME, "stay_id": "A"}),
        ),
        (
            "room-status",
            &[
                "--status",
                "out-of-order",
                "--status-time",
                CAME,
                "--until",
                AT,
            ],
            json!({"msgType": "ST", "status": "out_of_order", "status_time": CAME, "until": AT}),
        ),
    ];
    for (msg_type, options, fields) in &cases {
        let (code, _, printed) = send(&mut rig, msg_type, options);
        assert_eq!(code, Some(0), "{msg_type}: {printed}");
        let mut expected = fields.clone();
        expected["hotel_id"] = "H001".into();
        expected["room_number"] = "102".into();
        let sent = rig.take_all();
        let sent: Vec<Value> = { sent.iter() }
            .map(|(body, _)| serde_json::from_slice(body).expect("JSON"))
            .collect();
        assert_eq!(sent, [expected]);
    }
    // What may be left out is now.
    for (msg_type, options, field) in [
        ("move", &["--old-room-number", "101"][..], "move_time"),
        ("cancel-checkin", &[], "cancel_time"),
        ("cancel-checkout", &[], "cancel_time"),
        ("room-status", &["--status", "dirty"], "status_time"),
    ] {
        let (code, out, printed) = send(&mut rig, msg_type, options);
        assert_eq!(code, Some(0), "{msg_type}: {printed}");
        assert!(out.contains(&format!(r#""{field}":"20"#)), "{out}");
    }
    rig.finish();
}

#[test]
fn options_that_contradict_each_other_are_reported() {
    let mut rig = Rig::new("sendwrong");
    for (msg_type, options, expected, says) in [
        (
            "move",
            &[][..],
            64,
            "--msg-type move needs --old-room-number",
        ),
        (
            "move",
            &["--old-room-number", "101", "--cancel-time", AT],
            64,
            "--msg-type move takes no --cancel-time",
        ),
        (
            "extend",
            &["--stay-id", "A"],
            64,
            "--msg-type extend needs --checkout-time",
        ),
        (
            "checkin",
            &["--until", AT],
            64,
            "--msg-type checkin takes no --until",
        ),
        (
            "room-status",
            &[],
            64,
            "--msg-type room-status needs --status",
        ),
        (
            "room-status",
            &["--status", "dirty", "--until", AT],
            64,
            "--until is of --status out-of-order alone",
        ),
        ("room_status", &[], 64, "room-status"),
        // Codes that nobody can guess.
        (
            "move",
            &["--old-room-number", "101"],
            78,
            "message_types.move is not set: it needs the code that your property management system",
        ),
        (
            "cancel-checkin",
            &[],
            78,
            "message_types.cancel_checkin is not set",
        ),
    ] {
        let (code, _, printed) = send(&mut rig, msg_type, options);
        assert_eq!(code, Some(expected), "{msg_type} {options:?}: {printed}");
        assert!(printed.contains(says), "{says:?} is not in\n{printed}");
    }
    rig.reconfigure(
        "[monitoring]\n",
        "[message_types]\nmove = 'MV'\n[monitoring]\n",
    );
    let (code, _, printed) = send(&mut rig, "move", &["--old-room-number", "102"]);
    assert_eq!(code, Some(64), "{printed}");
    let says =
        "the service would refuse this message: old_room_number and room_number are the same";
    assert!(printed.contains(says), "{printed}");
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}
