//! Converts rows of the meter table to readings.

use std::borrow::Cow;

use mysql::consts::ColumnType;
use mysql::{Row, Value};

use crate::config::MeterTable;
use crate::store::mysql::codec::local_time;
use crate::types::{LocalTime, Reading, RoomKey, WattHours};

// The indexes of the columns in every row that is read.
const HOTEL_ID: usize = 0;
const ROOM_NUMBER: usize = 1;
const READING_VALUE: usize = 2;
const SCRIPT_TIME: usize = 3;
/// Only if the table has ids.
pub(in crate::store::mysql) const ID: usize = 4;

/// The columns to select, in the order that [`reading`] expects.
pub(in crate::store::mysql) fn columns(meter: &MeterTable) -> String {
    let MeterTable {
        hotel_id,
        room_number,
        reading_value,
        script_time,
        ..
    } = meter;
    let columns = format!("`{hotel_id}`, `{room_number}`, `{reading_value}`, `{script_time}`");
    match meter.id() {
        Some(id) => format!("{columns}, `{id}`"),
        None => columns,
    }
}

/// The reading of a row; `None` for an invalid row: with NULLs, unreadable values, or a time after
/// `latest`. The key is trimmed, as in messages.
pub(in crate::store::mysql) fn reading(row: &Row, latest: LocalTime) -> Option<(RoomKey, Reading)> {
    let time = time(row).filter(|&time| time <= latest)?;
    let register = register(row.as_ref(READING_VALUE)?)?;
    let (hotel_id, room_number) = stored_key(row)?;
    Some((
        RoomKey::trimmed(&hotel_id, &room_number),
        Reading { time, register },
    ))
}

/// The key of a row as it is stored, with surrounding blanks.
pub(in crate::store::mysql) fn stored_key(row: &Row) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    Some((
        text(row.as_ref(HOTEL_ID)?)?,
        text(row.as_ref(ROOM_NUMBER)?)?,
    ))
}

/// The time of a row, which may be invalid otherwise.
pub(in crate::store::mysql) fn time(row: &Row) -> Option<LocalTime> {
    local_time(row.as_ref(SCRIPT_TIME)?)
}

pub(super) fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(Into::into),
        Value::Int(number) => Some(number.to_string().into()),
        Value::UInt(number) => Some(number.to_string().into()),
        _ => None,
    }
}

/// The value of an id column. Texts are not accepted, because "10" sorts before "9".
pub(in crate::store::mysql) fn integer(row: &Row, at: usize) -> Option<u64> {
    match row.as_ref(at)? {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::UInt(number) => Some(*number),
        Value::Bytes(digits) => {
            let column = row.columns_ref().get(at)?.column_type();
            let number = std::str::from_utf8(digits).ok()?;
            (column == ColumnType::MYSQL_TYPE_NEWDECIMAL)
                .then(|| number.parse().ok())
                .flatten()
        }
        _ => None,
    }
}

/// The register from a column of any numeric type or text, in kWh.
fn register(value: &Value) -> Option<WattHours> {
    match value {
        Value::Bytes(bytes) => WattHours::parse_kwh(std::str::from_utf8(bytes).ok()?).ok(),
        Value::Int(number) => WattHours::parse_kwh(&number.to_string()).ok(),
        Value::UInt(number) => WattHours::parse_kwh(&number.to_string()).ok(),
        Value::Float(number) => WattHours::parse_kwh(&number.to_string()).ok(),
        Value::Double(number) => WattHours::parse_kwh(&number.to_string()).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_of_every_numeric_type_are_parsed() {
        for (value, wh) in [
            (Value::Bytes(b"12.34".to_vec()), Some(12_340)),
            (Value::Int(-3), Some(-3_000)),
            (Value::UInt(7), Some(7_000)),
            (Value::Float(0.1), Some(100)),
            (Value::Double(1e-4), Some(0)),
            (Value::Double(f64::NAN), None),
            (Value::NULL, None),
            (Value::Bytes(b"broken".to_vec()), None),
        ] {
            assert_eq!(register(&value).map(|r| r.0), wh, "{value:?}");
        }
    }
}
