//! What time it is for the hotels.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::threads::Stop;
use crate::types::{LocalTime, Zone};

/// Tells the hotels' local time, and lets it pass.
pub trait Clock: Send + Sync {
    fn now(&self) -> LocalTime;

    /// The same on a clock that nobody sets: for times between two of them.
    fn instant(&self) -> Instant {
        Instant::now()
    }

    /// Waits until it is time to stop, or `patience` is over; whether it is time to stop.
    fn wait(&self, stop: &Stop, patience: Duration) -> bool {
        stop.wait(patience)
    }
}

/// The machine's clock.
pub struct SystemClock {
    pub zone: Zone,
}

impl Clock for SystemClock {
    fn now(&self) -> LocalTime {
        // Beyond year 9999 the last moment of the calendar will have to do.
        self.zone.local(unix_seconds()).unwrap_or(LocalTime::LAST)
    }
}

/// Seconds since the Unix epoch by the machine's clock; 0 before it.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn unix_seconds() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs() as i64)
}
