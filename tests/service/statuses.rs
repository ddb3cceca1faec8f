//! Rooms that are out of order: what messages say is honoured by the service, its notices, its log,
//! and by what is said of the past.

use std::time::Duration;

use roomwatt::types::LocalTime;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::backtest::lines;
use crate::embedded::alone;
use crate::support::Rig;
use crate::support::feishu::message_text;
use crate::support::intake::{ask, wait_until_served};
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

    assert_eq!(verdicts(&mut rig), (7, 6));
    // The one until 215 minutes ago.
    assert_eq!(
        alerts_of_the_past(&mut rig, ago(400)),
        [("alert".into(), 4)]
    );
    rig.finish();
}

/// How many intervals of room 101 are abnormal, and in how many it is out of order.
fn verdicts(rig: &mut Rig) -> (usize, usize) {
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
    (of("abnormal"), of("out of order"))
}

/// What a backtest of the database finds, and how many periods each has.
fn alerts_of_the_past(rig: &mut Rig, from: LocalTime) -> Vec<(String, u64)> {
    let output = rig.roomwatt(&["backtest", "--from", &from.to_string()]);
    let (_, _, remarks) = finished(&output);
    let remark = "of rooms' statuses, the database knows those of the last week";
    assert!(remarks.contains(remark), "{remarks}");
    found(&lines(&output))
}

fn found(lines: &[Value]) -> Vec<(String, u64)> {
    let found = lines.iter().map(|line| {
        let event = line["event"].as_str().expect("a word");
        (event.to_owned(), line["periods"].as_u64().expect("periods"))
    });
    found.collect()
}

/// The same without any server: taken over HTTP, remembered in the file, and asked about; and from
/// files. Other codes need a restart.
#[test]
fn a_room_out_of_order_is_known_to_the_embedded_store_and_from_files() {
    let (mut rig, address) = alone("alonestatus");
    rig.configure("[message_types]\nroom_status = \"status\"\n[room_status]\nout_of_order = 'OOO'");
    let mut service = rig.start();
    wait_until_served(address);
    let now = minutes_ago(0);
    let ago = |minutes: i64| now.plus(-minutes * 60);
    let post = |path: &str, body: &str| {
        let request = format!(
            "POST /api/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (code, answer) = ask(address, &request).expect("an answer");
        assert_eq!(code, 200, "{answer}");
        answer
    };
    let taken = |count: usize| format!("{{\"taken\":{count},\"refused\":[]}}");
    let (left, broken) = (check_out("H001", "101", ago(390)), status("OOO", ago(215)));
    let repaired = status("fixed", ago(65));
    assert_eq!(post("messages", &left), taken(1));
    assert_eq!(post("messages", &broken), taken(1));
    assert!(post("messages", &repaired).starts_with("{\"taken\":0"));
    rig.reconfigure("= 'OOO'", "= 'OOO'\nin_order = 'fixed'");
    service.signal(Signal::HUP);
    service.wait_for_log("SIGHUP: changes that need a restart: room_status.in_order: ");
    assert!(post("messages", &repaired).starts_with("{\"taken\":0"));
    service.stop();

    let mut service = rig.start();
    wait_until_served(address);
    service.wait_for_log("1 vacant, 1 out of order, ");
    assert_eq!(post("messages", &repaired), taken(1));
    let times: Vec<i64> = (0..=13).map(|interval| 390 - 30 * interval).collect();
    let register = |minutes: i64| 1_000 + (390 - minutes) / 10;
    let readings: Vec<String> = { times.iter() }
        .map(|&minutes| {
            json!({
                "hotel_id": "H001",
                "room_number": "101",
                "reading_value": register(minutes),
                "script_time": ago(minutes),
            })
            .to_string()
        })
        .collect();
    assert_eq!(post("readings", &readings.join("\n")), taken(14));
    service.wait_for_log("alert H001/101 vacant");
    assert_eq!(verdicts(&mut rig), (7, 6));
    let alert = [("alert".to_owned(), 4)];
    assert_eq!(alerts_of_the_past(&mut rig, ago(400)), alert);
    service.stop();

    let messages = rig.file("m.jsonl", &[left, broken, repaired].join("\n"));
    let rows = { times.iter() }
        .map(|&minutes| format!("H001,101,{},{}\n", register(minutes), ago(minutes)));
    let header = "hotel_id,room_number,reading_value,script_time\n".to_owned();
    let readings = rig.file("r.csv", &rows.fold(header, |text, row| text + &row));
    let files = ["--messages", &messages, "--readings", &readings];
    let of_files = lines(&rig.roomwatt(&[&["backtest"], &files[..]].concat()));
    assert_eq!(found(&of_files), alert);
    rig.finish();
}
