//! The service on a real RabbitMQ, a real MariaDB or MySQL and a bot that behaves like Feishu's.

#[path = "../support/mod.rs"]
mod support;

mod adopt;
mod backfill;
mod backtest;
mod baseline;
mod broker;
mod by_key;
mod check;
mod command_line;
mod delivery;
mod documents;
mod doors;
mod embedded;
mod end_to_end;
mod ends;
mod explain;
mod forms;
mod frozen;
mod guests;
mod heartbeat;
mod http;
mod install;
mod intake;
mod logs;
mod meters;
mod metrics;
mod muted;
mod notices;
mod outbox;
mod reconcile;
mod rejected;
mod reload;
mod restart;
mod retention;
mod review;
mod send;
mod send_notice;
mod sessions;
mod setup;
mod silence;
mod simulate;
mod spellings;
mod statuses;
mod stays;
mod store;
mod storm;
mod supervisor;
mod tables;
mod terminal;
mod tls;
mod transactions;
mod trouble;
mod upgrade;

use std::process::Output;

use roomwatt::clock::{Clock, SystemClock};
use roomwatt::types::{LocalTime, Zone};

/// How the meter table is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Id,
    Time,
}

/// A rig whose meter table has an id, or none.
fn rig_by(by: By, name: &str) -> support::Rig {
    let rig = support::Rig::new(&format!("{name}{by:?}").to_lowercase());
    if by == By::Time {
        rig.execute("ALTER TABLE smart_meter DROP COLUMN id");
        rig.configure("[meter]\nid = ''");
    }
    rig
}

/// The hotels' local time some minutes ago.
fn minutes_ago(minutes: i64) -> LocalTime {
    let zone = Zone::named("Asia/Shanghai").expect("a zone");
    let now = SystemClock { zone }.now();
    now.plus(-minutes * 60)
}

fn check_in(hotel: &str, room: &str, time: LocalTime) -> String {
    let stay = format!(r#""msgType":"5710005","check_in_time":"{time}""#);
    format!(r#"{{"hotel_id":"{hotel}","room_number":"{room}",{stay}}}"#)
}

fn check_out(hotel: &str, room: &str, time: LocalTime) -> String {
    let stay = format!(r#""msgType":"5710013","actual_checkout_time":"{time}""#);
    format!(r#"{{"hotel_id":"{hotel}","room_number":"{room}",{stay}}}"#)
}

/// The exit code, standard output and standard error of a command.
fn finished(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}
