//! The running service records the alerts that a backtest of the same history finds.

use std::fmt::Write as _;
use std::process::Output;

use serde_json::{Value, json};

use roomwatt::types::LocalTime;

use crate::support::Rig;
use crate::{check_in, check_out, minutes_ago};

pub enum Happening {
    Reading {
        room: u32,
        time: LocalTime,
        register: i64,
    },
    Message {
        room: u32,
        time: LocalTime,
        body: String,
    },
}

impl Happening {
    pub fn time(&self) -> LocalTime {
        match self {
            Happening::Reading { time, .. } | Happening::Message { time, .. } => *time,
        }
    }
}

/// Two days of a small hotel: guests, heavy loads, gaps, a replaced meter now and then.
pub fn history(rng: &mut fastrand::Rng) -> Vec<Happening> {
    let begin = minutes_ago(2 * 24 * 60);
    let mut happenings = Vec::new();
    for room in 101..=106 {
        let mut time = begin.plus(rng.i64(0..1_800));
        let mut register = rng.i64(0..100_000) * 10;
        let mut load = 100;
        while time < begin.plus(2 * 24 * 3_600) {
            happenings.push(Happening::Reading {
                room,
                time,
                register,
            });
            if rng.u32(..12) == 0 {
                load = *rng.choice(&[50, 400, 1_600, 2_500, 3_000]).expect("one");
            }
            let pause = match rng.u32(..40) {
                0 => 3 * 3_600,
                1 => 700,
                _ => 1_800 + rng.i64(-120..=120),
            };
            time = time.plus(pause);
            register += (load * pause / 1_800 + 5) / 10 * 10;
            if rng.u32(..60) == 0 {
                register = 0;
            }
        }
        // A reading after every message, so that each last watch has one.
        let time = begin.plus(2 * 24 * 3_600);
        happenings.push(Happening::Reading {
            room,
            time,
            register,
        });
        let mut time = begin.plus(rng.i64(0..3 * 3_600));
        let mut occupied = rng.bool();
        while time < begin.plus(47 * 3_600) {
            let body = if occupied {
                check_in("H001", &room.to_string(), time)
            } else {
                check_out("H001", &room.to_string(), time)
            };
            happenings.push(Happening::Message { room, time, body });
            occupied = !occupied;
            time = time.plus(rng.i64(4 * 3_600..16 * 3_600));
        }
    }
    // A message after the readings of its second: those are of the stay before it.
    happenings.sort_by_key(|h| (h.time(), matches!(h, Happening::Message { .. })));
    happenings
}

#[test]
fn the_service_records_what_the_backtest_finds() {
    let seed = std::env::var("ROOMWATT_LIVE_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().expect("a seed"));
    println!("ROOMWATT_LIVE_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let happenings = history(&mut rng);

    let mut rig = Rig::new("live");
    rig.reconfigure("webhook_url = ", "# ");
    let mut service = rig.start();
    let mut rows: Vec<String> = Vec::new();
    let mut conn = rig.conn();
    let mut insert = |rows: &mut Vec<String>, rng: &mut fastrand::Rng| {
        use mysql::prelude::Queryable;
        // One statement is seen by a sweep as a whole, its rows in any order.
        rng.shuffle(rows);
        if !rows.is_empty() {
            let values = rows.join(", ");
            conn.query_drop(format!(
                "INSERT INTO smart_meter (hotel_id, room_number, reading_value, script_time) \
                 VALUES {values}"
            ))
            .expect("meter rows");
        }
        rows.clear();
    };
    for happening in &happenings {
        match happening {
            Happening::Reading {
                room,
                time,
                register,
            } => {
                rows.push(format!("('H001', '{room}', {}, '{time}')", kwh(*register)));
                if rng.u32(..60) == 0 {
                    insert(&mut rows, &mut rng);
                }
            }
            Happening::Message { room, time, body } => {
                insert(&mut rows, &mut rng);
                rig.publish([body.as_str()]);
                rig.wait_for_rows(
                    &format!(
                        "SELECT CAST(stay_time AS CHAR) FROM room_state \
                         WHERE room_number = '{room}'"
                    ),
                    &[time.to_string()],
                );
                if rng.u32(..8) == 0 {
                    service.kill();
                    service = rig.start();
                }
            }
        }
    }
    insert(&mut rows, &mut rng);
    let last_readings = "SELECT CAST(MAX(script_time) AS CHAR) \
                         FROM smart_meter GROUP BY room_number ORDER BY room_number";
    let last_readings: Vec<String> = rig.rows(last_readings);
    rig.wait_for_rows(
        "SELECT CAST(seen_time AS CHAR) FROM room_state ORDER BY room_number",
        &last_readings,
    );
    service.stop();

    let recorded = recorded(&rig);
    let expected = backtest(&mut rig, &happenings);
    assert!(!expected.is_empty(), "nothing happened: seed {seed}");
    assert_eq!(recorded, expected, "seed {seed}");

    // The same from the database, where all began within the span.
    let begin = minutes_ago(3 * 24 * 60);
    let from = begin.to_string();
    assert_eq!(
        lines(&rig.roomwatt(&["backtest", "--from", &from])),
        expected
    );
    // A later span has all of the stays that began within it.
    let from = begin.plus(36 * 3_600);
    let later = lines(&rig.roomwatt(&["backtest", "--from", &from.to_string()]));
    let after_its_first_stay = |line: &&Value| {
        let room = line["room_number"].as_str().expect("a room");
        let first = happenings.iter().find(|happening| match happening {
            Happening::Message { room: of, time, .. } => of.to_string() == room && *time >= from,
            Happening::Reading { .. } => false,
        });
        first.is_some_and(|first| line["detected_time"].as_str() > Some(&first.time().to_string()))
    };
    let kept = |lines: &[Value]| -> Vec<Value> {
        lines.iter().filter(after_its_first_stay).cloned().collect()
    };
    assert!(
        !kept(&later).is_empty(),
        "nothing happened later: seed {seed}"
    );
    assert_eq!(kept(&later), kept(&expected), "seed {seed}");
    rig.finish();
}

/// The outbox as lines of a backtest.
pub fn recorded(rig: &Rig) -> Vec<Value> {
    events_of(&rig.rows::<String>("SELECT body FROM notification ORDER BY id"))
}

/// Bodies of notices as lines of a backtest.
pub fn events_of(bodies: &[String]) -> Vec<Value> {
    let mut lines: Vec<Value> = bodies
        .iter()
        .map(|body| serde_json::from_str(body).expect("a notice"))
        // A backtest has no lines for runs that were closed.
        .filter(|notice: &Value| notice["kind"]["closed"].is_null())
        .map(|notice| {
            json!({
                "event": notice["kind"],
                "hotel_id": notice["room"]["hotel_id"],
                "room_number": notice["room"]["room_number"],
                "kind": notice["stay"]["kind"],
                "detected_time": notice["detected"],
                "since": notice["since"],
                "periods": notice["periods"],
                "total_kwh": notice["energy"].as_f64().expect("energy") / 1_000.0,
            })
        })
        .collect();
    let key = |line: &Value, field: &str| line[field].as_str().expect("a text").to_owned();
    lines.sort_by_key(|line| (key(line, "detected_time"), key(line, "room_number")));
    lines
}

/// The output of a backtest of a history.
pub fn backtest(rig: &mut Rig, happenings: &[Happening]) -> Vec<Value> {
    let (messages, readings) = files(rig, happenings);
    lines(&rig.roomwatt(&["backtest", "--messages", &messages, "--readings", &readings]))
}

/// A history as files of messages and readings.
pub fn files(rig: &Rig, happenings: &[Happening]) -> (String, String) {
    let mut messages = String::new();
    let mut readings = String::from("hotel_id,room_number,reading_value,script_time\n");
    for happening in happenings {
        match happening {
            Happening::Reading {
                room,
                time,
                register,
            } => {
                writeln!(readings, "H001,{room},{},{time}", kwh(*register)).expect("written");
            }
            Happening::Message { body, .. } => writeln!(messages, "{body}").expect("written"),
        }
    }
    (
        rig.file("messages.jsonl", &messages),
        rig.file("readings.csv", &readings),
    )
}

pub fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{output:?}");
    let lines = std::str::from_utf8(&output.stdout).expect("UTF-8");
    lines
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            line["total_kwh"] = line["total_kwh"].as_f64().into();
            line
        })
        .collect()
}

/// Two decimals, as the column has them.
pub fn kwh(register: i64) -> String {
    format!("{}.{:02}", register / 1_000, register % 1_000 / 10)
}
