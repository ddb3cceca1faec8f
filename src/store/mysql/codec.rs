//! Converts values to and from table columns.

use mysql::Value;

use crate::store::StoreError;
use crate::types::LocalTime;

/// Converts a time to a DATETIME.
pub fn datetime(time: LocalTime) -> Value {
    let (year, month, day, hour, minute, second) = time.parts();
    Value::Date(year, month, day, hour, minute, second, 0)
}

/// Converts a DATETIME or a text to a time; `None` for anything else, including zero dates.
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

/// As [`local_time`], for a column that is never NULL. `what` names it in the error.
///
/// # Errors
/// [`StoreError::Unreadable`] if it is not a time.
pub fn required_time(value: &Value, what: &str) -> Result<LocalTime, StoreError> {
    local_time(value).ok_or_else(|| StoreError::Unreadable(format!("{what} is not a time")))
}

/// Cuts a reason to the 1,000 characters of its column.
pub fn reason(text: &str) -> String {
    text.chars().take(1_000).collect()
}
