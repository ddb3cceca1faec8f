//! Values as the columns of tables have them, and back.

use mysql::Value;

use crate::store::StoreError;
use crate::types::LocalTime;

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
