//! The service on a real RabbitMQ, a real MariaDB and a bot that behaves like Feishu's.

#[path = "../support/mod.rs"]
mod support;

mod backtest;
mod broker;
mod intake;
mod meters;
mod notices;
mod rejected;
mod restart;
mod retention;
mod setup;
mod store;
mod transactions;
mod walk;

use roomwatt::clock::{Clock, SystemClock};
use roomwatt::types::{LocalTime, Zone};

/// The hotels' local time some minutes ago.
fn minutes_ago(minutes: i64) -> LocalTime {
    let zone = Zone::named("Asia/Shanghai").expect("a zone");
    let now = SystemClock { zone }.now();
    now.plus(-minutes * 60)
}

fn check_in(hotel: &str, room: &str, time: LocalTime) -> String {
    format!(
        r#"{{"hotel_id":"{hotel}","room_number":"{room}","msgType":"5710005","check_in_time":"{time}"}}"#
    )
}

fn check_out(hotel: &str, room: &str, time: LocalTime) -> String {
    format!(
        r#"{{"hotel_id":"{hotel}","room_number":"{room}","msgType":"5710013","actual_checkout_time":"{time}"}}"#
    )
}
