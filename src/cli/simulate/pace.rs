//! The pace at which the story's time passes.

use std::time::{Duration, Instant};

use crate::clock::{Clock, SystemClock};
use crate::threads::Stop;
use crate::types::LocalTime;

/// The longest wait before the clock is read again, because it may be set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The story's time: the clock's or, with a `speed`, behind it and catching up that many times as
/// fast.
pub(super) struct Pace {
    clock: SystemClock,
    start: LocalTime,
    begun: Instant,
    speed: Option<u32>,
    stop: Stop,
    /// The story's time when it was read last.
    reached: LocalTime,
}

impl Pace {
    pub(super) fn new(
        clock: SystemClock,
        start: LocalTime,
        speed: Option<u32>,
        stop: Stop,
    ) -> Pace {
        Pace {
            clock,
            start,
            begun: Instant::now(),
            speed,
            stop,
            reached: start,
        }
    }

    /// Whether the story has reached a time. It is never ahead of the clock, whatever the speed:
    /// the service refuses messages of the future.
    pub(super) fn has_reached(&mut self, at: LocalTime) -> bool {
        if at > self.reached {
            let now = self.clock.now();
            self.reached = self.speed.map_or(now, |speed| {
                let passed = self.begun.elapsed().as_secs_f64() * f64::from(speed);
                now.min(self.start.plus(passed as i64))
            });
        }
        at <= self.reached
    }

    /// Waits for the story to reach a time, but for at most a second. Returns whether it is time to
    /// stop.
    pub(super) fn wait_for(&self, at: LocalTime) -> bool {
        let seconds = u32::try_from(at.since(self.reached)).unwrap_or(1);
        let timeout = Duration::from_secs(1) * seconds / self.speed.unwrap_or(1);
        self.stop
            .wait(timeout.clamp(Duration::from_millis(1), LONGEST_WAIT))
    }
}
