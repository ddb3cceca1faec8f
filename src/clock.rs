//! What time it is for the hotels.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::types::{LocalTime, Zone};

/// Tells the hotels' local time.
pub trait Clock: Send + Sync {
    fn now(&self) -> LocalTime;
}

/// The machine's clock.
pub struct SystemClock {
    pub zone: Zone,
}

impl Clock for SystemClock {
    fn now(&self) -> LocalTime {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_secs() as i64);
        // Beyond year 9999 the last moment of the calendar will have to do.
        self.zone.local(unix).unwrap_or(LocalTime::LAST)
    }
}
