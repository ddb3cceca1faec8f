//! Reads a sample of the meter table: its newest rows.

use std::collections::HashMap;

use mysql::prelude::Queryable;
use mysql::{Conn, Params, Row};

use crate::config::MeterTable;
use crate::engine::Steps;
use crate::store::coarse::{DAY, SAMPLE};
use crate::store::mysql::codec::{datetime, local_time};
use crate::store::mysql::meter::rows;
use crate::types::{LocalTime, RoomKey};

use super::plans::{Plans, QueryPlan};

/// What the newest rows contain.
pub(super) struct Sample {
    /// The rooms with readings.
    pub rooms: HashMap<RoomKey, Steps>,
    /// All rows that were read.
    pub rows: u64,
    /// Invalid rows, except those ahead of now.
    pub invalid: u64,
    /// The time of the newest reading.
    pub newest: Option<LocalTime>,
    /// The time of the oldest reading.
    pub oldest: Option<LocalTime>,
}

/// Reads the newest rows up to `latest`; `None` if that would scan a large table.
pub(super) fn sample(
    conn: &mut Conn,
    meter: &MeterTable,
    plans: &Plans,
    latest: LocalTime,
) -> mysql::Result<Option<Sample>> {
    let MeterTable {
        table, script_time, ..
    } = meter;
    let select = format!("SELECT {} FROM `{table}`", rows::columns(meter));
    let (query, values) = if plans.by_time.is_affordable() {
        let newest: Option<Row> = conn.exec_first(
            format!("SELECT MAX(`{script_time}`) FROM `{table}` WHERE `{script_time}` <= ?"),
            (datetime(latest),),
        )?;
        let newest = newest.and_then(|row| local_time(row.as_ref(0)?));
        let from = newest.unwrap_or(latest).plus(-DAY);
        let query = format!(
            "{select} WHERE `{script_time}` >= ? AND `{script_time}` <= ? \
             ORDER BY `{script_time}` DESC LIMIT {SAMPLE}"
        );
        (query, vec![datetime(from), datetime(latest)])
    } else if let (Some(id), Some(QueryPlan::Index { .. })) = (meter.id(), plans.by_id) {
        (
            format!("{select} ORDER BY `{id}` DESC LIMIT {SAMPLE}"),
            Vec::new(),
        )
    } else {
        return Ok(None);
    };
    let mut sample = Sample {
        rooms: HashMap::new(),
        rows: 0,
        invalid: 0,
        newest: None,
        oldest: None,
    };
    for row in conn.exec_iter(query, Params::from(values))? {
        let row = row?;
        sample.rows += 1;
        match rows::reading(&row, latest) {
            Some((room, reading)) => {
                sample.newest = sample.newest.max(Some(reading.time));
                let oldest = sample.oldest.get_or_insert(reading.time);
                *oldest = reading.time.min(*oldest);
                sample.rooms.entry(room).or_default().add(reading.register);
            }
            // Rows ahead of now are counted separately.
            None if rows::time(&row).is_some_and(|time| time > latest) => {}
            None => sample.invalid += 1,
        }
    }
    Ok(Some(sample))
}
