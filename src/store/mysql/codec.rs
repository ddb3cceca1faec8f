//! A room's watch as the columns of its `room_state` row, and back.

use mysql::Value;
use thiserror::Error;

use crate::engine::{Fold, Interval, Movement, Run, Stay, Watch};
use crate::store::StoreError;
use crate::types::{Kind, LocalTime, Reading, RoomKey, WattHours};

/// The columns of `room_state`, in the order of [`encode`].
pub const COLUMNS: [&str; 22] = [
    "hotel_id",
    "room_number",
    "msg_type",
    "stay_time",
    "other_time",
    "initial_time",
    "initial_wh",
    "sample_time",
    "sample_wh",
    "suspect_time",
    "suspect_wh",
    "seen_time",
    "run_since",
    "run_periods",
    "run_wh",
    "run_told",
    "moved_time",
    "moved_pause",
    "interval_seconds",
    "history",
    "watch_number",
    "version",
];

/// The layout of the row, for the day it changes.
const VERSION: i64 = 1;

/// A row this program did not write.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("column {column} of room_state can't be read: {value}")]
pub struct BadRow {
    column: &'static str,
    value: String,
}

/// A time as a DATETIME.
pub fn datetime(time: LocalTime) -> Value {
    let (year, month, day, hour, minute, second) = time.parts();
    Value::Date(year, month, day, hour, minute, second, 0)
}

/// A DATETIME or a text as a time; `None` for anything else, zero dates included.
pub fn local_time(value: &Value) -> Option<LocalTime> {
    match *value {
        Value::Date(year, month, day, hour, minute, second, _) => LocalTime::from_ymd_hms(
            i32::from(year),
            u32::from(month),
            u32::from(day),
            u32::from(hour),
            u32::from(minute),
            u32::from(second),
        ),
        Value::Bytes(ref bytes) => LocalTime::parse(std::str::from_utf8(bytes).ok()?).ok(),
        _ => None,
    }
}

/// A time that its column always has; `what` says which one it is.
///
/// # Errors
/// [`StoreError::Unreadable`] where it is none.
pub fn needed_time(value: &Value, what: &str) -> Result<LocalTime, StoreError> {
    local_time(value).ok_or_else(|| StoreError::Unreadable(format!("{what} is no time")))
}

/// A reason as its column takes it: at most 1,000 characters.
pub fn reason(text: &str) -> String {
    text.chars().take(1_000).collect()
}

/// The row of a room.
pub fn encode(room: &RoomKey, watch: &Watch) -> Vec<Value> {
    let other_time = match watch.stay {
        Stay::Occupied {
            expected_checkout, ..
        } => expected_checkout,
        Stay::Vacant { actual_checkin, .. } => actual_checkin,
    };
    let fold = &watch.fold;
    let time = |time: Option<LocalTime>| time.map_or(Value::NULL, datetime);
    let reading_time = |reading: Option<Reading>| time(reading.map(|r| r.time));
    let register =
        |reading: Option<Reading>| reading.map_or(Value::NULL, |r| Value::from(r.register.0));
    let of_run = |part: fn(Run) -> i64| fold.run.map_or(Value::NULL, |run| part(run).into());
    vec![
        room.hotel_id.as_str().into(),
        room.room_number.as_str().into(),
        watch.stay.kind().as_str().into(),
        datetime(watch.stay.time()),
        time(other_time),
        reading_time(watch.initial),
        register(watch.initial),
        reading_time(fold.sample),
        register(fold.sample),
        reading_time(fold.suspect),
        register(fold.suspect),
        time(fold.seen),
        time(fold.run.map(|run| run.since)),
        of_run(|run| run.periods.into()),
        of_run(|run| run.energy.0),
        of_run(|run| run.told.into()),
        time(fold.movement.map(|last| last.at)),
        (fold.movement.and_then(|last| last.pause)).map_or(Value::NULL, Value::from),
        watch.interval_seconds.into(),
        history_text(&watch.before, &watch.history).into(),
        watch.number.into(),
        VERSION.into(),
    ]
}

/// The room of a row.
///
/// # Errors
/// [`BadRow`] names the first column that holds what [`encode`] never writes.
pub fn decode(row: &[Value]) -> Result<(RoomKey, Watch), BadRow> {
    let row = Columns(row);
    if row.integer("version")? != Some(VERSION) {
        return Err(row.bad("version"));
    }
    let room = RoomKey::new(row.text("hotel_id")?, row.text("room_number")?);
    let kind = Kind::from_word(row.text("msg_type")?).ok_or_else(|| row.bad("msg_type"))?;
    let stay_time = row.needed("stay_time", Columns::time)?;
    let other_time = row.time("other_time")?;
    let stay = match kind {
        Kind::Checkin => Stay::Occupied {
            check_in: stay_time,
            expected_checkout: other_time,
        },
        Kind::Checkout => Stay::Vacant {
            actual_checkin: other_time,
            actual_checkout: stay_time,
        },
    };
    let run = match row.time("run_since")? {
        None => None,
        Some(since) => Some(Run {
            since,
            periods: row.count("run_periods")?,
            energy: WattHours(row.needed("run_wh", Columns::integer)?),
            told: row.count("run_told")?,
        }),
    };
    let intervals = history(row.text("history")?).ok_or_else(|| row.bad("history"))?;
    let (before, history) = intervals;
    let movement = match row.time("moved_time")? {
        None => None,
        Some(at) => Some(Movement {
            at,
            pause: row.integer("moved_pause")?,
        }),
    };
    let watch = Watch {
        number: row.count("watch_number")?,
        stay,
        initial: row.reading("initial_time", "initial_wh")?,
        fold: Fold {
            sample: row.reading("sample_time", "sample_wh")?,
            suspect: row.reading("suspect_time", "suspect_wh")?,
            seen: row.time("seen_time")?,
            run,
            movement,
        },
        before,
        history,
        interval_seconds: row.needed("interval_seconds", Columns::integer)?,
    };
    Ok((room, watch))
}

/// `1800:40 | 1800:1200 7200:- 1800:40`: seconds and Wh of each interval, a dash for a gap; a bar where
/// the stay began, if anything is known of what was before.
fn history_text(before: &[Interval], history: &[Interval]) -> String {
    let text = |interval: &Interval| match interval.energy {
        Some(energy) => format!("{}:{}", interval.seconds, energy.0),
        None => format!("{}:-", interval.seconds),
    };
    let bar = (!before.is_empty()).then(|| BAR.to_owned());
    let parts = before.iter().map(text).chain(bar);
    let parts: Vec<String> = parts.chain(history.iter().map(text)).collect();
    parts.join(" ")
}

const BAR: &str = "|";

/// The intervals before the stay, and those of it.
fn history(text: &str) -> Option<(Vec<Interval>, Vec<Interval>)> {
    let parts: Vec<&str> = text.split_terminator(' ').collect();
    let intervals = |parts: &[&str]| -> Option<Vec<Interval>> {
        let parts = parts.iter();
        parts
            .map(|part| {
                let (seconds, energy) = part.split_once(':')?;
                Some(Interval {
                    seconds: seconds.parse().ok()?,
                    energy: match energy {
                        "-" => None,
                        energy => Some(WattHours(energy.parse().ok()?)),
                    },
                })
            })
            .collect()
    };
    let bar = parts.iter().position(|part| *part == BAR);
    let (before, history) = bar.map_or((&[][..], &parts[..]), |bar| {
        (&parts[..bar], &parts[bar + 1..])
    });
    Some((intervals(before)?, intervals(history)?))
}

/// A row by the names of its columns.
struct Columns<'a>(&'a [Value]);

impl<'a> Columns<'a> {
    fn value(&self, column: &'static str) -> &'a Value {
        let place = COLUMNS.iter().position(|name| *name == column);
        place
            .and_then(|place| self.0.get(place))
            .unwrap_or(&Value::NULL)
    }

    fn bad(&self, column: &'static str) -> BadRow {
        BadRow {
            column,
            value: self.value(column).as_sql(true),
        }
    }

    fn needed<T>(
        &self,
        column: &'static str,
        read: fn(&Self, &'static str) -> Result<Option<T>, BadRow>,
    ) -> Result<T, BadRow> {
        read(self, column)?.ok_or_else(|| self.bad(column))
    }

    fn text(&self, column: &'static str) -> Result<&'a str, BadRow> {
        match self.value(column) {
            Value::Bytes(bytes) => std::str::from_utf8(bytes).map_err(|_| self.bad(column)),
            _ => Err(self.bad(column)),
        }
    }

    fn integer(&self, column: &'static str) -> Result<Option<i64>, BadRow> {
        match self.value(column) {
            Value::NULL => Ok(None),
            Value::Int(number) => Ok(Some(*number)),
            Value::UInt(number) => i64::try_from(*number)
                .map(Some)
                .map_err(|_| self.bad(column)),
            Value::Bytes(_) => match self.text(column)?.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(self.bad(column)),
            },
            _ => Err(self.bad(column)),
        }
    }

    fn count(&self, column: &'static str) -> Result<u32, BadRow> {
        let number = self.needed(column, Columns::integer)?;
        u32::try_from(number).map_err(|_| self.bad(column))
    }

    fn time(&self, column: &'static str) -> Result<Option<LocalTime>, BadRow> {
        match self.value(column) {
            Value::NULL => Ok(None),
            value => local_time(value).map(Some).ok_or_else(|| self.bad(column)),
        }
    }

    fn reading(
        &self,
        time: &'static str,
        register: &'static str,
    ) -> Result<Option<Reading>, BadRow> {
        match self.time(time)? {
            None => Ok(None),
            Some(at) => Ok(Some(Reading {
                time: at,
                register: WattHours(self.needed(register, Columns::integer)?),
            })),
        }
    }
}
