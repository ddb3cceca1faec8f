//! Rooms that are out of order: what messages say is honoured by the service, its notices, its log,
//! and by what is said of the past.

use std::time::Duration;

use roomwatt::types::LocalTime;
use serde_json::{Value, json};

use crate::support::Rig;
use crate::support::feishu::message_text;
use crate::{check_out, finished, minutes_ago};

const NOTICES: &str = "SELECT CONCAT_WS(' ', kind, state) FROM notification ORDER BY id";
const LIMIT: Duration = Duration::from_secs(60);

fn status(status: &str, at: LocalTime) -> String {
    json!({
        "hotel_id": "H001",
        "room_number": "101",
        "msgType": "status",
        "status": status,
        "status_time": at,
    })
    .to_string()
}

/// A heater is on in a vacant room. It is out of order from 215 to 65 minutes ago, and the heater
/// is still on.
#[test]
fn a_room_out_of_order_is_neither_judged_nor_followed() {
    let mut rig = Rig::new("out_of_order");
    rig.configure("[message_types]\nroom_status = \"status\"\n");
    let now = minutes_ago(0);
    let ago = |minutes: i64| now.plus(-minutes * 60);
    let left = check_out("H001", "101", ago(390));
    rig.publish([left.as_str()]);
    let register = |minutes: i64| format!("{}", 1_000 + (390 - minutes) / 10);
    let read = |rig: &Rig, minutes: &[i64]| {
        for &minutes in minutes {
            rig.meter("H001", "101", &ago(minutes).to_string(), &register(minutes));
        }
    };
    read(&rig, &[390, 360, 330, 300, 270]);
    let mut service = rig.start();
    rig.wait_for_rows(NOTICES, &["alert sent".to_owned()]);
    // The painters come in an hour: until then the room is as it was.
    rig.publish([status("out_of_order", now.plus(3_600)).as_str()]);
    rig.wait_for_rows(
        "SELECT CAST(JSON_LENGTH(state, '$.s') AS CHAR) FROM room_state",
        &["1".to_owned()],
    );
    // What came before it is judged before.
    read(&rig, &[240]);
    rig.wait_for_rows("SELECT run_periods FROM room_state", &[5_u32]);
    assert_eq!(rig.rows::<String>(NOTICES), ["alert sent"]);
    // They are there already. Its meter sends nothing from now on.
    rig.publish([status("out_of_order", ago(215)).as_str()]);
    let closed = ["alert sent", "closed sent"].map(str::to_owned);
    rig.wait_for_rows(NOTICES, &closed);
    let received = (rig.feishu).wait_until("two cards", LIMIT, |received| received.len() == 2);
    let card = message_text(&received[1].body);
    let since = ago(215).day_hour_minute();
    assert!(card.contains("房态：空房（已退房），维修中"), "{card}");
    assert!(
        card.contains(&format!("客房已于 {since} 设为维修房")),
        "{card}"
    );
    assert!(card.contains("5 个周期"), "{card}");
    service.wait_for_log("it is no longer followed: out of order since ");
    service.stop();
    // What a room is is remembered.
    let mut service = rig.start();
    service.wait_for_log("1 vacant, 1 out of order, ");
    read(&rig, &[210, 180, 150, 120, 90]);
    rig.wait_for_rows(
        "SELECT CAST(seen_time AS CHAR) FROM room_state",
        &[ago(90).to_string()],
    );
    assert_eq!(rig.rows::<String>(NOTICES), closed);
    rig.publish([status("in_order", ago(65)).as_str()]);
    read(&rig, &[60, 30, 0]);
    rig.wait_for_rows("SELECT run_periods FROM room_state", &[2_u32]);
    assert_eq!(rig.rows::<String>(NOTICES), closed);
    let log = service.stop();
    assert!(!log.contains("WARN"), "{log}");

    let (code, text, errors) = finished(&rig.roomwatt(&["explain", "H001", "101", "--json"]));
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let verdicts: Vec<String> = text
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            line["verdict"].as_str().expect("a word").to_owned()
        })
        .collect();
    let of = |word: &str| verdicts.iter().filter(|verdict| *verdict == word).count();
    assert_eq!((of("abnormal"), of("out of order")), (7, 6), "{text}");
    rig.finish();
}
