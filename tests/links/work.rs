//! Work for the service, and the checks of what became of it.

use std::collections::BTreeMap;
use std::time::Duration;

use roomwatt::clock::{Clock, SystemClock};
use roomwatt::types::{LocalTime, Zone};

use crate::support::proxy::{Fault, Proxy};
use crate::support::{Link, Rig, wait};

/// Rooms of a portion, each with one message; the first one is abnormal.
const ROOMS: usize = 25;

/// Consumers are as many as the configuration's default.
const CONSUMERS: u32 = 3;

pub const SLOW: Fault = Fault::Delay(Duration::from_millis(100));

/// How often a notice may be accepted by Feishu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    Once,
    AtLeastOnce,
}

/// The portions that were given so far.
#[derive(Default)]
pub struct Work {
    portions: usize,
}

impl Work {
    /// Gives some portions: readings, of which one room's are abnormal, then check-outs.
    pub fn give(&mut self, rig: &Rig, portions: usize) {
        for portion in self.portions..self.portions + portions {
            let left = left();
            let room = |room: usize| format!("{portion}-{room}");
            let reading = |number: usize, interval: i64| {
                let time = left.plus(interval * 1_800);
                let register = 100 + 2 * interval;
                format!("('H001', '{}', {register}, '{time}')", room(number))
            };
            let first = (0..ROOMS).map(|number| reading(number, 0));
            let trouble = (1..=4).map(|interval| reading(0, interval));
            let readings: Vec<String> = first.chain(trouble).collect();
            rig.execute(&format!(
                "INSERT INTO smart_meter (hotel_id, room_number, reading_value, script_time) \
                 VALUES {}",
                readings.join(", ")
            ));
            let messages: Vec<String> = (0..ROOMS)
                .map(|number| {
                    let (room, kind) = (room(number), r#""msgType":"5710013""#);
                    let stay = format!(r#"{kind},"actual_checkout_time":"{left}""#);
                    format!(r#"{{"hotel_id":"H001","room_number":"{room}",{stay}}}"#)
                })
                .collect();
            rig.publish(messages.iter().map(String::as_str));
        }
        self.portions += portions;
    }

    /// Breaks a link in the middle of work, and gives more. The link is slow first, so that it
    /// breaks with something on its way: acknowledgements, the answer to a COMMIT, Feishu's word
    /// that it has accepted.
    pub fn give_and_break(
        &mut self,
        rig: &Rig,
        link: Link,
        proxy: &Proxy,
        faults: impl IntoIterator<Item = Fault>,
    ) {
        let done = || match link {
            Link::RabbitMq | Link::MySql => watches(rig).0,
            Link::Feishu => rig.feishu.received().len(),
        };
        proxy.set(SLOW);
        self.give(rig, 3);
        let before = done();
        self.give(rig, 1);
        wait("some of it to be done", || match done() {
            now if now > before => Ok(()),
            now => Err(format!("{now}")),
        });
        faults.into_iter().for_each(|fault| proxy.set(fault));
        self.give(rig, 4);
    }

    fn rooms(&self) -> usize {
        self.portions * ROOMS
    }

    /// Waits until every message is one watch that knows its first reading.
    pub fn wait_until_watched(&self, rig: &Rig) {
        let rooms = self.rooms();
        wait("each message to be one watch", || match watches(rig) {
            found if found == (rooms, rooms, rooms) => Ok(()),
            found => Err(format!("rows, rooms, first readings {found:?} of {rooms}")),
        });
    }

    /// Gives a last portion when this service's consumers are the broker's only ones: messages
    /// that others had are before it in the queue then. Waits until everything is done.
    pub fn finish(&mut self, rig: &Rig, delivery: Delivery) {
        wait(
            "the broker to have this service's consumers alone",
            || match rig.consumers() {
                CONSUMERS => Ok(()),
                other => Err(format!("{other} consumers")),
            },
        );
        self.give(rig, 1);
        self.wait_until_watched(rig);
        let alerts = self.portions;
        rig.wait_for_rows(
            "SELECT COUNT(*), COUNT(DISTINCT room_number), CAST(SUM(is_notified) AS SIGNED) \
             FROM electricity_abnormal",
            &[(alerts, alerts, alerts)],
        );
        rig.wait_for_rows(
            "SELECT kind, state, COUNT(*) FROM notification GROUP BY kind, state",
            &[("alert".to_owned(), "sent".to_owned(), alerts)],
        );
        assert_eq!(
            rig.rows::<usize>("SELECT COUNT(*) FROM rejected_message"),
            [0]
        );
        let mut accepted: BTreeMap<u64, usize> = BTreeMap::new();
        for number in rig.feishu.accepted_notices() {
            *accepted.entry(number).or_default() += 1;
        }
        assert_eq!(accepted.len(), alerts, "{accepted:#?}");
        let once = accepted.values().all(|&times| times == 1);
        assert!(once || delivery == Delivery::AtLeastOnce, "{accepted:#?}");
    }
}

/// When the guests left: long enough ago for an alert.
fn left() -> LocalTime {
    let zone = Zone::named("Asia/Shanghai").expect("a zone");
    SystemClock { zone }.now().plus(-200 * 60)
}

/// Rows, rooms, first readings.
fn watches(rig: &Rig) -> (usize, usize, usize) {
    let counts = "SELECT COUNT(*), COUNT(DISTINCT room_number), COUNT(initial_reading) \
                  FROM electricity_monitoring";
    rig.rows(counts)[0]
}
