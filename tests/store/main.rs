//! The same tests for each kind of store: a real MariaDB or MySQL, and an embedded file.

#[path = "../support/mod.rs"]
mod support;

mod archive;
mod file;
mod frames;
mod incident_list;
mod incidents;
mod key;
mod meters;
mod outbox;
mod ownership;
mod plans;
mod recorded;
mod refused;
mod states;
mod subject;
mod thresholds;

use roomwatt::engine::{Notice, NoticeKind, RoomNotice, Rule, Stay};
use roomwatt::types::{LocalTime, Reading, RoomKey, WattHours};

/// Runs each test on every kind of store.
macro_rules! on_each_store {
    ($($test:ident),* $(,)?) => {
        mod mysql {
            $(#[test] fn $test() { $crate::subject::on_mysql(stringify!($test), super::$test); })*
        }
        mod embedded {
            $(#[test] fn $test() { $crate::subject::on_file(super::$test); })*
        }
    };
}
pub(crate) use on_each_store;

/// A time in minutes after noon on the day of these tests.
fn at(minutes: i64) -> LocalTime {
    let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
    noon.plus(minutes * 60)
}

fn reading(minutes: i64, wh: i64) -> Reading {
    Reading {
        time: at(minutes),
        register: WattHours(wh),
    }
}

fn vacant(minutes: i64) -> Stay {
    Stay::Vacant {
        actual_checkin: None,
        actual_checkout: at(minutes),
    }
}

fn notice(kind: NoticeKind, room: &RoomKey, minutes: i64) -> Notice {
    Notice::Room(RoomNotice {
        kind,
        room: room.clone(),
        watch: 1,
        rule: Rule::Fixed,
        stay: vacant(0),
        detected: at(minutes),
        since: at(0),
        until: None,
        periods: 4,
        energy: WattHours(9_600),
        threshold: WattHours(1_500),
        unusual: None,
        incident: None,
        interval_seconds: 1_800,
        before: Vec::new(),
        history: Vec::new(),
        handling: None,
    })
}
