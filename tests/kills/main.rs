//! The service is killed: at each named point on the way of a message and its notice, and at any
//! time. What is in the database afterwards is what it would be if it had
//! not been killed.
//!
//!     cargo test --test kills                           each point, and 20 rounds at any time
//!     cargo test --test kills -- --rounds 500 --seed 7  more rounds, and the same times again

#![allow(clippy::disallowed_methods)] // no part of the service

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use roomwatt::clock::{Clock, SystemClock};
use roomwatt::faults;
use roomwatt::types::Zone;

use support::states::columns_that_differ;
use support::{Rig, Service, wait};

const SIGKILL: i32 = 9;

fn main() {
    let rounds = argument("--rounds").unwrap_or(20);
    let seed = argument("--seed").unwrap_or_else(|| u64::from(fastrand::u32(..)));
    println!("kills: {rounds} rounds at any time, --seed {seed}");
    fastrand::seed(seed);

    if is_chosen("killed_at_each_point") {
        at_each_point();
    }
    if is_chosen("killed_at_any_time") {
        at_any_time(rounds);
    }
}

fn at_each_point() {
    let mut hotel = Hotel::new("points");
    for point in faults::POINTS {
        // The first time, and a later one.
        for passes in [0, fastrand::usize(1..4)] {
            println!("kills: at {point} after {passes} passes");
            hotel.kill_at(point, passes);
        }
    }
    hotel.check();
    println!("kills: at no point was anything lost or doubled");
}

fn at_any_time(rounds: u64) {
    let mut hotel = Hotel::new("anytime");
    for _ in 0..rounds {
        hotel.kill_at_any_time();
    }
    hotel.check();
    println!("kills: at no time was anything lost or doubled");
}

/// Whether a test is among those that a word on the command line selects, as it does elsewhere.
fn is_chosen(test: &str) -> bool {
    let mut words = std::env::args().skip(1);
    let word = words.find(|word| !word.starts_with('-') && word.parse::<u64>().is_err());
    word.is_none_or(|word| test.contains(&word))
}

/// The number after an argument.
fn argument(name: &str) -> Option<u64> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    let number = arguments.nth(1)?;
    Some(
        number
            .parse()
            .unwrap_or_else(|_| panic!("{name} takes a number, not {number}")),
    )
}

/// A hotel whose rooms each have a short story of messages and meter rows.
struct Hotel {
    rig: Rig,
    /// The rooms so far, and whether an alert of each is expected.
    rooms: BTreeMap<String, bool>,
    /// What they used on each day, in Wh.
    used: BTreeMap<String, i64>,
    refused: usize,
}

impl Hotel {
    fn new(name: &str) -> Hotel {
        Hotel {
            rig: Rig::new(name),
            rooms: BTreeMap::new(),
            used: BTreeMap::new(),
            refused: 0,
        }
    }

    /// Something happens in the hotel: a guest leaves a room with or without a heater on, five
    /// readings are written before or after that is known, and a message can't be parsed.
    fn go_on(&mut self) {
        let zone = Zone::named("Asia/Shanghai").expect("a zone");
        let left = SystemClock { zone }.now().plus(-4 * 3_600);
        let room = format!("R{}", self.rooms.len());
        let heater = fastrand::u8(..3) == 0;
        let stay = format!(r#""msgType":"5710013","actual_checkout_time":"{left}""#);
        let message = format!(r#"{{"hotel_id":"H001","room_number":"{room}",{stay}}}"#);
        let garbage = format!(r#"{{"hotel_id":"no message {}"}}"#, self.rooms.len());
        let late = fastrand::bool();
        let publish = |rig: &Rig| rig.publish([message.as_str(), garbage.as_str()]);
        if !late {
            publish(&self.rig);
        }
        for interval in 0..=4 {
            let time = left.plus(interval * 1_800);
            let kwh = if heater { 2 } else { 0 };
            if interval > 0 {
                // Midnight is the end of a day.
                let of_day = self.used.entry(time.plus(-1).date()).or_default();
                *of_day += 1_000 * kwh;
            }
            let register = format!("{}.00", 100 + interval * kwh);
            self.rig.meter("H001", &room, &time.to_string(), &register);
        }
        if late {
            publish(&self.rig);
        }
        self.rooms.insert(room, heater);
        self.refused += 1;
    }

    /// Runs the service until it is killed at a point, after it has passed it so many times.
    fn kill_at(&mut self, point: &str, passes: usize) {
        let armed = format!("{point}={passes}*off->return");
        let mut service = self.rig.start_with(&[("FAILPOINTS", &armed)]);
        let status = wait(&format!("the service to be killed at {point}"), || {
            if let Some(status) = service.ended() {
                return Ok(status);
            }
            self.go_on();
            Err(service.log())
        });
        assert_eq!(
            status.signal(),
            Some(SIGKILL),
            "{status}:\n{}",
            service.log()
        );
    }

    fn kill_at_any_time(&mut self) {
        let service = self.rig.start();
        for _ in 0..fastrand::usize(1..4) {
            self.go_on();
            // Not to synchronise: it is killed at a random time.
            std::thread::sleep(Duration::from_millis(fastrand::u64(..400)));
        }
        service.kill();
    }

    /// Lets the service finish everything, and checks that each thing was done once.
    fn check(mut self) {
        let mut service = self.rig.start();
        service.wait_until_ready();
        self.wait_until_all_is_done(&service);
        let log = service.stop();
        let once = |query: &str, expected: Vec<String>| {
            assert_eq!(self.rig.rows::<String>(query), expected, "{query}:\n{log}");
        };
        let mut rooms: Vec<String> = self.rooms.keys().cloned().collect();
        rooms.sort();
        let mut alerted = rooms.clone();
        alerted.retain(|room| self.rooms[room]);
        once(
            "SELECT room_number FROM electricity_monitoring ORDER BY 1",
            rooms,
        );
        once(
            "SELECT room_number FROM electricity_abnormal WHERE is_notified ORDER BY 1",
            alerted.clone(),
        );
        once(
            "SELECT room_number FROM electricity_abnormal ORDER BY 1",
            alerted.clone(),
        );
        once(
            "SELECT room_number FROM notification WHERE state = 'sent' AND kind = 'alert' \
             ORDER BY 1",
            alerted.clone(),
        );
        assert_eq!(
            self.rig.rows::<usize>("SELECT COUNT(*) FROM notification"),
            [alerted.len()]
        );
        // Each opened once, and goes on.
        once(
            "SELECT room_number FROM incident WHERE state = 'open' ORDER BY 1",
            alerted.clone(),
        );
        once(
            "SELECT room_number FROM incident JOIN incident_event ON incident = incident.id \
             WHERE what = 'alert' ORDER BY 1",
            alerted.clone(),
        );
        let each = "SELECT COUNT(*) FROM incident UNION ALL SELECT COUNT(*) FROM incident_event";
        assert_eq!(self.rig.rows::<usize>(each), [alerted.len(); 2]);
        let mut garbage: Vec<String> = (0..self.refused)
            .map(|n| format!(r#"{{"hotel_id":"no message {n}"}}"#))
            .collect();
        garbage.sort();
        once(
            "SELECT CAST(body AS CHAR) FROM rejected_message ORDER BY 1",
            garbage,
        );
        let used = self.used.last_key_value();
        once(
            "SELECT CONCAT(energy_day, ' ', energy_wh) FROM hotel_state",
            used.map(|(day, wh)| format!("{day} {wh}"))
                .into_iter()
                .collect(),
        );
        assert_eq!(self.rig.waiting_messages(), 0, "{log}");
        let differ: Vec<u32> = self.rig.rows(&columns_that_differ());
        assert_eq!(
            differ,
            [0],
            "rooms whose columns differ from their JSON: {log}"
        );

        let accepted = self.rig.feishu.accepted_notices();
        for number in self.rig.rows::<u64>("SELECT id FROM notification") {
            assert!(accepted.contains(&number), "notice {number} was never sent");
        }
        self.rig.finish();
    }

    fn wait_until_all_is_done(&self, service: &Service) {
        let rooms = self.rooms.len();
        let left = "SELECT (SELECT COUNT(*) FROM room_state \
                    WHERE seen_time = stay_time + INTERVAL 2 HOUR), (SELECT COUNT(*) \
                    FROM notification WHERE state = 'pending')";
        let mut seen = (0, 0);
        let mut moved = 0;
        // It may take longer than one wait, as long as there is progress.
        while seen != (rooms, 0) {
            let before = seen;
            seen = wait(
                &format!("{rooms} rooms to be judged and all notices sent"),
                || match self.rig.rows::<(usize, usize)>(left)[0] {
                    now if now != before => Ok(now),
                    now => Err(format!("{now:?}:\n{}", service.log())),
                },
            );
            moved += 1;
            assert!(moved < 100_000);
        }
    }
}
