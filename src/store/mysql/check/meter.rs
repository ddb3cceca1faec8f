//! Checks the meter table, which belongs to others: its columns and indexes, its newest rows, and
//! their rooms.

use mysql::Conn;
use mysql::prelude::Queryable;

use crate::clock::{Clock, SystemClock};
use crate::config::MeterTable;
use crate::engine::{Rules, latest_reading};
use crate::finding::{Finding, Level, Report};
use crate::store::coarse;
use crate::store::mysql::codec::datetime;
use crate::types::{LocalTime, Zone, counted};

use super::columns::{columns, writable};
use super::plans::{advise, plans};
use super::sample::{Sample, sample};
use super::{User, rooms};

/// Rows ahead of now are counted up to this number.
const MAX_AHEAD: u64 = 1_000;

pub(super) fn check(
    conn: &mut Conn,
    meter: &MeterTable,
    rules: &Rules,
    zone: Zone,
    user: &User,
    report: Report<'_>,
) -> mysql::Result<()> {
    let about = format!("meter table {}", meter.table);
    let Some(types) = columns(conn, meter, user, &about, report)? else {
        return Ok(());
    };
    writable(conn, meter, &about, report)?;
    let now = SystemClock { zone }.now();
    let mut plans = plans(conn, meter, now)?;
    let sample = sample(conn, meter, &plans, latest_reading(now));
    if let Ok(Some(sample)) = &sample
        && let (Some(room), Some(newest)) = (sample.rooms.keys().min(), sample.newest)
    {
        plans.refine(conn, meter, room, newest)?;
    }
    advise(meter, &types, &plans, user, report);
    let Some(sample) = sample? else {
        let says = "its newest rows and their rooms are not checked: that would read all of it";
        report(Finding::new(Level::Warning, about, says).remedy("create the indexes first"));
        return Ok(());
    };
    if plans.by_time.is_affordable() {
        ahead(conn, meter, now, &about, report)?;
    }
    newest(&sample, rules, now, &about, report);
    coarse::report_rooms(&sample.rooms, rules, &about, report);
    let by_key = plans.by_room.is_by_index();
    rooms::compare(conn, meter, &sample, by_key, report)
}

fn ahead(
    conn: &mut Conn,
    meter: &MeterTable,
    now: LocalTime,
    about: &str,
    report: Report<'_>,
) -> mysql::Result<()> {
    let MeterTable {
        table, script_time, ..
    } = meter;
    let query = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM `{table}` WHERE `{script_time}` > ? LIMIT \
         {MAX_AHEAD}) AS ahead"
    );
    let count: Option<u64> = conn.exec_first(query, (datetime(latest_reading(now)),))?;
    let rows = match count.unwrap_or(0) {
        0 => return Ok(()),
        MAX_AHEAD => format!("{MAX_AHEAD} rows or more are"),
        1 => "1 row is".to_owned(),
        rows => format!("{rows} rows are"),
    };
    let says = format!("{rows} more than an hour ahead of now ({now}) and ignored");
    report(
        Finding::new(Level::Warning, about, says)
            .remedy("check that monitoring.timezone is the meters' zone, and the meters' clocks"),
    );
    Ok(())
}

fn newest(sample: &Sample, rules: &Rules, now: LocalTime, about: &str, report: Report<'_>) {
    if sample.invalid > 0 {
        let says = format!(
            "{} of its newest {} rows are invalid: a NULL, or an unreadable register or time",
            sample.invalid, sample.rows
        );
        report(Finding::new(Level::Warning, about, says).remedy("check what writes them"));
    }
    let Some(newest) = sample.newest else {
        let says = "it has no readings yet: nothing can be judged";
        return report(Finding::new(Level::Warning, about, says));
    };
    let minutes = now.since(newest) / 60;
    let says = format!(
        "its newest reading is of {newest}, {} ago",
        counted(minutes, "minute")
    );
    report(if now.since(newest) > rules.silent_after_seconds {
        Finding::new(
            Level::Warning,
            about,
            format!("{says}: every meter is silent"),
        )
        .remedy("check that the gateways work, and that monitoring.timezone is the meters' zone")
    } else {
        Finding::ok(about, says)
    });
}
