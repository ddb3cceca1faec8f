//! Clocks for the hotels' local time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::threads::Stop;
use crate::types::{LocalTime, Zone};

/// The hotels' local time, and waiting by it.
pub trait Clock: Send + Sync {
    /// The hotels' local time.
    fn now(&self) -> LocalTime;

    /// The same on the monotonic clock: for durations.
    fn instant(&self) -> Instant {
        Instant::now()
    }

    /// Seconds of its time that pass in one second; 0 while it stands still.
    fn speed(&self) -> f64 {
        1.0
    }

    /// Waits for the stop signal, for `timeout` at most; returns whether it is time to stop.
    fn wait(&self, stop: &Stop, timeout: Duration) -> bool {
        stop.wait(timeout)
    }
}

/// The machine's clock.
pub struct SystemClock {
    pub zone: Zone,
}

impl Clock for SystemClock {
    fn now(&self) -> LocalTime {
        // After year 9999 it stays at the last moment of the calendar.
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
