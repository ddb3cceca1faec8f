//! How a story's time goes by.

use std::time::{Duration, Instant};

use crate::clock::{Clock, SystemClock};
use crate::threads::Stop;
use crate::types::LocalTime;

/// So often who waits looks at the clock, which somebody may set.
const LOOK: Duration = Duration::from_secs(1);

/// The story's time: the clock's, or behind it and faster.
pub(super) struct Pace {
    clock: SystemClock,
    start: LocalTime,
    begun: Instant,
    speed: Option<u32>,
    stop: Stop,
    /// What it was when last looked at.
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

    /// Whether it is so late. Never ahead of the clock, whatever the speed: the service refuses
    /// what lies ahead.
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

    /// Waits until it may be so late; whether it is time to stop.
    pub(super) fn wait_for(&self, at: LocalTime) -> bool {
        let seconds = u32::try_from(at.since(self.reached)).unwrap_or(1);
        let patience = Duration::from_secs(1) * seconds / self.speed.unwrap_or(1);
        self.stop
            .wait(patience.clamp(Duration::from_millis(1), LOOK))
    }
}
