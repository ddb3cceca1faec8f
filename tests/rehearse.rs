//! The main job, step by step: what `scripts/rehearse` runs. It is a test as well: a step that
//! does not come about ends it with a failure.

#[path = "support/mod.rs"]
mod support;

use roomwatt::clock::{Clock, SystemClock};
use roomwatt::types::{LocalTime, Zone};
use serde_json::Value;

use support::{LIMIT, Rig, feishu};

const HOTEL: &str = "H12345";
const ROOM: &str = "1001";
const INTERVAL: i64 = 30 * 60;

fn main() {
    println!("roomwatt rehearsal: room {ROOM} of hotel {HOTEL}, from a check-in to the cards\n");
    let mut rig = Rig::without_schema("rehearse");

    step("A database, a queue and a bot");
    say(&format!(
        "database {} and queue {} are fresh and private",
        rig.database, rig.queue
    ));
    say("a stand-in for Feishu checks signature, size and rate of every request");

    step("The tables: roomwatt init-db");
    let output = rig.roomwatt(&["init-db"]);
    assert!(output.status.success(), "{output:?}");
    say_all(&String::from_utf8_lossy(&output.stdout));

    step("The service: roomwatt run");
    let mut service = rig.start();
    service.wait_until_ready();
    say_all(&last_lines(&service.log(), "starts:"));
    say_all(&last_lines(&service.log(), "consuming queue"));

    let arrived = hours_ago(9);
    step(&format!(
        "{arrived}  a guest checks in, and lives as guests do"
    ));
    let message = ["--hotel-id", HOTEL, "--room-number", ROOM, "--msg-type"];
    let output = rig.roomwatt(
        &[
            &["send"],
            &message[..],
            &["checkin", "--checkin-time", &arrived.to_string()],
        ]
        .concat(),
    );
    assert!(output.status.success(), "{output:?}");
    say_all(&String::from_utf8_lossy(&output.stdout));
    let mut meter = Meter {
        time: arrived,
        register: 152_300,
    };
    meter.read(&rig);
    for wh in [450, 620, 1_900, 300] {
        meter.use_for_an_interval(&rig, wh);
    }
    meter.wait_until_judged(&rig);
    assert_eq!(
        rig.rows::<u32>("SELECT COUNT(*) FROM electricity_abnormal"),
        [0]
    );
    say("4 intervals, at most 1.9 kWh each: below the threshold of 2 kWh, no notice");

    let left = meter.time;
    step(&format!("{left}  the guest checks out; a heater stays on"));
    let output = rig.roomwatt(
        &[
            &["send"],
            &message[..],
            &[
                "checkout",
                "--checkin-time",
                &arrived.to_string(),
                "--checkout-time",
                &left.to_string(),
            ],
        ]
        .concat(),
    );
    assert!(output.status.success(), "{output:?}");
    say_all(&String::from_utf8_lossy(&output.stdout));
    rig.wait_for_rows("SELECT msg_type FROM room_state", &["checkout".to_owned()]);
    for _ in 0..4 {
        meter.use_for_an_interval(&rig, 2_400);
    }

    step("The anomaly in MySQL, sent to the staff");
    rig.wait_for_rows("SELECT is_notified FROM electricity_abnormal", &[true]);
    let rows: Vec<(String, String, String, String, u32, bool, String)> = rig.rows(
        "SELECT hotel_id, room_number, CAST(detected_time AS CHAR), CAST(total_consumption AS \
         CHAR), continuous_periods, is_notified, msg_type FROM electricity_abnormal",
    );
    say("electricity_abnormal:");
    for (hotel, room, detected, kwh, periods, notified, kind) in rows {
        say(&format!(
            "  hotel_id {hotel}, room_number {room}, detected_time {detected}, total_consumption \
             {kwh}, continuous_periods {periods}, is_notified {notified}, msg_type {kind}"
        ));
    }
    let received = rig.feishu.wait_until("the card", LIMIT, |received| {
        received.iter().any(|r| r.accepted)
    });
    say("the card, signed and accepted:");
    say_all(&feishu::card_text(&received[0].body["card"]));

    step("SIGTERM");
    let log = service.stop();
    say_all(&last_lines(&log, "SIGTERM"));
    say_all(&last_lines(&log, "stopped:"));
    say("exit code 0");
    for _ in 0..4 {
        meter.use_for_an_interval(&rig, 2_400);
    }
    say("while it is away, the heater burns on for 4 intervals");

    step("The service again: the watch is still there");
    let mut service = rig.start();
    service.wait_for_log(" (epoch ");
    say_all(&last_lines(&service.log(), " (epoch "));
    let received = rig.feishu.wait_until("the reminder", LIMIT, |received| {
        received.iter().filter(|r| r.accepted).count() == 2
    });
    say("it is still on: 8 intervals by now, the staff gets one reminder");
    say_all(&feishu::card_text(&received[1].body["card"]));

    step("The heater is switched off");
    meter.use_for_an_interval(&rig, 60);
    let received = rig.feishu.wait_until("the recovery", LIMIT, |received| {
        received.iter().filter(|r| r.accepted).count() == 3
    });
    say_all(&feishu::card_text(&received[2].body["card"]));
    rig.wait_for_rows(
        "SELECT kind, state FROM notification ORDER BY id",
        &["alert", "reminder", "recovered"].map(|kind| (kind.to_owned(), "sent".to_owned())),
    );
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    say("2 messages taken and acknowledged, 1 anomaly recorded, 3 cards accepted, none twice");

    whole_hotel(&mut rig);

    step("Looking back");
    rig.finish();
    say("no password, token or signing key in anything that was printed");
    println!("\nThe rehearsal went well.");
}

/// The same with a made-up hotel, of which it is known what was wrong in it.
fn whole_hotel(rig: &mut Rig) {
    step("A whole hotel that does not exist: roomwatt simulate");
    let simulate =
        "simulate --rooms 40 --from 2023-04-10T00:00:00 --days 2 --seed 5 --troubles 3 --json";
    let output = rig.roomwatt(&simulate.split(' ').collect::<Vec<_>>());
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines = text
        .lines()
        .map(|line| -> Value { serde_json::from_str(line).expect("JSON") });
    let (troubles, done): (Vec<Value>, Vec<Value>) =
        lines.partition(|line| line["appliance"].is_string());
    say(&done[0].to_string());
    say(
        "while it slept, two days of 40 rooms have come: messages into the queue, readings into \
         MySQL",
    );

    let mut service = rig.start();
    service.wait_until_ready();
    let unseen = "SELECT COUNT(*) FROM room_state JOIN (SELECT room_number, MAX(script_time) AS \
         last FROM smart_meter WHERE hotel_id = 'SIM-1' GROUP BY room_number) AS meter \
         USING (room_number) WHERE hotel_id = 'SIM-1' AND (seen_time IS NULL OR seen_time < last)";
    let rooms = "SELECT COUNT(*) FROM room_state WHERE hotel_id = 'SIM-1'";
    rig.wait_for_rows(rooms, &[40]);
    rig.wait_for_rows(unseen, &[0]);
    rig.wait_for_rows(
        "SELECT COUNT(*) FROM notification WHERE state = 'pending'",
        &[0],
    );
    service.stop();

    let alerts: Vec<(String, String, String)> = rig.rows(
        "SELECT room_number, msg_type, CAST(detected_time AS CHAR) FROM electricity_abnormal \
         WHERE hotel_id = 'SIM-1' ORDER BY detected_time, id",
    );
    assert!(!alerts.is_empty(), "{troubles:?}");
    for (room, kind, detected) in &alerts {
        let is_it = |trouble: &&Value| {
            trouble["room_number"] == room.as_str() && trouble["kind"] == kind.as_str()
        };
        let trouble = troubles.iter().find(is_it);
        let trouble = trouble.unwrap_or_else(|| panic!("{room} has no trouble: {troubles:#?}"));
        say(&format!(
            "{detected}  SIM-1/{room} {kind}: {} since {}",
            trouble["appliance"].as_str().expect("a word"),
            trouble["from"].as_str().expect("a time")
        ));
    }
    say(&format!(
        "{} alerts, each for a trouble that was truly there; of {} troubles in all, the others \
         stayed below the thresholds",
        alerts.len(),
        troubles.len()
    ));
}

/// A smart meter: each reading is one row of its table.
struct Meter {
    time: LocalTime,
    /// In Wh.
    register: i64,
}

impl Meter {
    fn read(&self, rig: &Rig) {
        let kwh = format!(
            "{}.{:02}",
            self.register / 1_000,
            self.register % 1_000 / 10
        );
        rig.meter(HOTEL, ROOM, &self.time.to_string(), &kwh);
        say(&format!("{}  the meter shows {kwh:>7} kWh", self.time));
    }

    fn use_for_an_interval(&mut self, rig: &Rig, wh: i64) {
        self.time = self.time.plus(INTERVAL);
        self.register += wh;
        self.read(rig);
    }

    fn wait_until_judged(&self, rig: &Rig) {
        rig.wait_for_rows(
            "SELECT CAST(seen_time AS CHAR) FROM room_state",
            &[self.time.to_string()],
        );
    }
}

fn step(title: &str) {
    println!("\n== {title}");
}

fn say(text: &str) {
    println!("   {text}");
}

fn say_all(text: &str) {
    text.lines().for_each(say);
}

/// The last log line with a text.
fn last_lines(log: &str, text: &str) -> String {
    let line = log.lines().rev().find(|line| line.contains(text));
    line.unwrap_or_else(|| panic!("{text:?} is not in the log:\n{log}"))
        .to_owned()
}

/// The hotel's local time some hours ago, at a full minute.
fn hours_ago(hours: i64) -> LocalTime {
    let zone = Zone::named("Asia/Shanghai").expect("a zone");
    let now = SystemClock { zone }.now();
    now.plus(-now.seconds() % 60 - hours * 3_600)
}
