//! Checks how the server would execute the service's queries on the meter table, and advises
//! indexes.

use mysql::consts::ColumnType;
use mysql::{Conn, Params, Row, Value};

use crate::config::MeterTable;
use crate::finding::{Finding, Level, Report};
use crate::store::mysql::codec::datetime;
use crate::store::mysql::explain;
use crate::store::mysql::meter::rows;
use crate::types::{HotelId, LocalTime, RoomKey, RoomNumber};

use super::User;
use super::columns::is_text;

/// Seconds.
const YEAR: i64 = 365 * 24 * 3_600;

/// A check may read a table with at most this many rows as a whole.
const SMALL: u64 = 1_000_000;

/// How the server would find rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueryPlan {
    /// By an index: how many of its columns are compared with a value, and whether at most one row
    /// can match.
    Index { columns: usize, unique: bool },
    /// By reading about this many rows.
    Scan(u64),
    /// The server hides it, as for a view without rights on the tables behind it.
    Hidden,
}

impl QueryPlan {
    /// Whether an index is used.
    pub fn is_by_index(self) -> bool {
        matches!(self, QueryPlan::Index { .. })
    }

    /// Whether an index that begins with hotel and room is used.
    fn is_by_room(self) -> bool {
        matches!(self, QueryPlan::Index { columns, .. } if columns >= 2)
    }

    /// Whether a check may execute it. A hidden one is bounded by the connection's time limit.
    pub fn is_affordable(self) -> bool {
        match self {
            QueryPlan::Index { .. } | QueryPlan::Hidden => true,
            QueryPlan::Scan(rows) => rows <= SMALL,
        }
    }
}

/// Without ids, a message reads this much time of its room. Seconds.
const OF_A_MESSAGE: i64 = 1_800;

/// So much time has a few readings. If the server reads more rows than this for them, it reads the
/// room's whole history, or all rooms.
const MANY: u64 = 100;

/// How the server would find rows of the meter table.
pub(super) struct Plans {
    /// Those of one room.
    pub by_room: QueryPlan,
    /// Those after a time.
    pub by_time: QueryPlan,
    /// The one with an id, if the table has ids.
    pub by_id: Option<QueryPlan>,
    /// Rows that the server reads for one message if the table has no ids; `None` if unknown.
    pub of_a_message: Option<u64>,
}

/// Asks the server for its plans.
pub(super) fn plans(conn: &mut Conn, meter: &MeterTable, now: LocalTime) -> mysql::Result<Plans> {
    let MeterTable {
        table, script_time, ..
    } = meter;
    let select = format!("SELECT {} FROM `{table}` WHERE", rows::columns(meter));
    // Later than all rows: a server prefers to scan the table if most rows match.
    let later = now.plus(YEAR);
    Ok(Plans {
        by_room: plan_of_room(conn, meter, "", "")?,
        by_time: plan(
            conn,
            &format!("{select} `{script_time}` > ?"),
            (datetime(later),),
        )?,
        by_id: match meter.id() {
            Some(id) => Some(plan(conn, &format!("{select} `{id}` = ?"), (0,))?),
            None => None,
        },
        of_a_message: None,
    })
}

impl Plans {
    /// Asks again with a room that has rows. For a room without rows, the server may choose any of
    /// several indexes that begin with a column of the key.
    pub fn refine(
        &mut self,
        conn: &mut Conn,
        meter: &MeterTable,
        room: &RoomKey,
        newest: LocalTime,
    ) -> mysql::Result<()> {
        if !self.by_room.is_by_room() {
            self.by_room = plan_of_room(
                conn,
                meter,
                room.hotel_id.as_str(),
                room.room_number.as_str(),
            )?;
        }
        if meter.id().is_none() {
            let MeterTable {
                table,
                hotel_id,
                room_number,
                script_time,
                ..
            } = meter;
            let query = format!(
                "SELECT {} FROM `{table}` WHERE `{hotel_id}` = ? AND `{room_number}` = ? \
                 AND `{script_time}` > ? AND `{script_time}` < ?",
                rows::columns(meter)
            );
            let after = datetime(newest.plus(-OF_A_MESSAGE));
            let (hotel, number) = (room.hotel_id.as_str(), room.room_number.as_str());
            let steps = explain::steps(conn, &query, (hotel, number, after, datetime(newest)))?;
            self.of_a_message = steps.and_then(|steps| steps.iter().map(explain::rows).sum());
        }
        Ok(())
    }
}

fn plan_of_room(
    conn: &mut Conn,
    meter: &MeterTable,
    hotel: &str,
    room: &str,
) -> mysql::Result<QueryPlan> {
    let MeterTable {
        table,
        hotel_id,
        room_number,
        ..
    } = meter;
    // Only the columns of the key, so that an index with both is the cheapest of several.
    let query = format!(
        "SELECT `{hotel_id}`, `{room_number}` FROM `{table}` WHERE `{hotel_id}` = ? \
         AND `{room_number}` = ?"
    );
    plan(conn, &query, (hotel, room))
}

fn plan(conn: &mut Conn, query: &str, values: impl Into<Params>) -> mysql::Result<QueryPlan> {
    let Some(lines) = explain::steps(conn, query, values)? else {
        return Ok(QueryPlan::Hidden);
    };
    let text = |line: &Row, column: &str| {
        let value: Option<Value> = line.get(column);
        match value {
            Some(Value::Bytes(bytes)) => String::from_utf8(bytes).unwrap_or_default(),
            Some(Value::Int(number)) => number.to_string(),
            Some(Value::UInt(number)) => number.to_string(),
            _ => String::new(),
        }
    };
    let mut plan = QueryPlan::Index {
        columns: usize::MAX,
        unique: true,
    };
    // A view may have several steps; the worst one counts.
    for line in &lines {
        let step = match text(line, "type").as_str() {
            // The whole table, or a whole index.
            "ALL" | "index" => QueryPlan::Scan(text(line, "rows").parse().unwrap_or(u64::MAX)),
            // The row was read, or found missing, while planning.
            "" | "const" | "system" | "eq_ref" => continue,
            _ => QueryPlan::Index {
                columns: text(line, "ref")
                    .split(',')
                    .filter(|part| !part.is_empty())
                    .count(),
                unique: false,
            },
        };
        plan = match (plan, step) {
            (QueryPlan::Scan(rows), QueryPlan::Scan(more)) => QueryPlan::Scan(rows.max(more)),
            (QueryPlan::Scan(rows), _) => QueryPlan::Scan(rows),
            (_, step) => step,
        };
    }
    Ok(plan)
}

/// Advises the indexes that are missing, with the statements that create them.
pub(super) fn advise(
    meter: &MeterTable,
    types: &[ColumnType],
    plans: &Plans,
    user: &User,
    report: Report<'_>,
) {
    let about = format!("indexes of {}", meter.table);
    let advice = |says: &str, remedy: String| {
        Finding::new(Level::Advice, about.as_str(), says).remedy(remedy)
    };
    if plans.by_room == QueryPlan::Hidden {
        report(advice(
            "it is a view, and the server hides from this user how it is read",
            "check that the tables behind it have indexes on (hotel, room), the time, and the id"
                .into(),
        ));
        return;
    }
    let table = format!("`{}`.`{}`", user.database, meter.table);
    // An index on a BLOB or TEXT needs a length.
    let part = |place: usize, name: &str, length: usize| match types.get(place) {
        Some(ColumnType::MYSQL_TYPE_BLOB) => format!("`{name}`({length})"),
        _ => format!("`{name}`"),
    };
    let mut is_well = true;
    let mut report_advice = |finding| {
        is_well = false;
        report(finding);
    };
    let keys = [
        part(0, &meter.hotel_id, HotelId::MAX_CHARS),
        part(1, &meter.room_number, RoomNumber::MAX_CHARS),
    ];
    if !plans.by_room.is_by_room() {
        report_advice(advice(
            "no index begins with hotel and room: reading one room reads far more than its rows",
            format!(
                "CREATE INDEX idx_hotel_room ON {table} ({})",
                keys.join(", ")
            ),
        ));
    }
    let time = &meter.script_time;
    if let Some(rows) = plans.of_a_message
        && rows > MANY
        && plans.by_time.is_by_index()
    {
        report_advice(advice(
            &format!(
                "it has no id, and no index has hotel, room and time: for each message the server \
                 reads about {rows} rows to find half an hour of one room"
            ),
            format!(
                "CREATE INDEX idx_room_time ON {table} ({}, `{time}`)",
                keys.join(", ")
            ),
        ));
    }
    if !plans.by_time.is_by_index() {
        report_advice(match types.get(3) {
            Some(of_type) if is_text(*of_type) => advice(
                "the time is a text: to compare it with a time a server uses no index",
                format!("change {time} to a DATETIME, or create a view in which it is one"),
            ),
            _ => advice(
                "no index begins with the time: finding new rows reads the whole table",
                format!("CREATE INDEX idx_{time} ON {table} (`{time}`)"),
            ),
        });
    }
    if let (Some(id), Some(plan)) = (meter.id(), plans.by_id)
        && !matches!(plan, QueryPlan::Index { unique: true, .. })
    {
        report_advice(advice(
            "no index makes the id unique: rows with the same id may be skipped",
            format!("CREATE UNIQUE INDEX idx_{id} ON {table} (`{id}`)"),
        ));
    }
    if is_well {
        let id = if meter.id().is_some() {
            ", and by id"
        } else {
            ""
        };
        let says = format!("rows are found by room, by time{id}");
        report(Finding::ok(about, says));
    }
}
