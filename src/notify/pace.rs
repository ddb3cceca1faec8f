//! When a bot may be asked next.

use std::time::{Duration, Instant};

/// A route that lets nothing through is tried this often: somebody has to mend what is wrong, and
/// trying changes nothing.
const BETWEEN_PROBES: Duration = Duration::from_secs(600);

/// How often a platform lets one bot ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Between two requests.
    pub(super) between: Duration,
    /// When it is better left alone.
    pub(super) rush: Option<Rush>,
}

/// Times at which a platform has too much to do. Seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rush {
    /// By the clock of the world: 1,800 is every half hour.
    pub(super) every: i64,
    pub(super) before: i64,
    pub(super) after: i64,
}

/// When one bot may be asked next.
pub(super) struct Pace {
    rate: Rate,
    next: Instant,
}

impl Pace {
    pub(super) fn new(rate: Rate, now: Instant) -> Pace {
        Pace { rate, next: now }
    }

    /// How long the next request has to wait; `unix_seconds` is the same moment as `now`.
    pub(super) fn wait(&self, now: Instant, unix_seconds: i64) -> Duration {
        let pause = self.next.saturating_duration_since(now);
        match self.rate.rush {
            Some(rush) if pause.is_zero() => rush.left(unix_seconds),
            _ => pause,
        }
    }

    /// A request has been answered, or not.
    pub(super) fn asked(&mut self, now: Instant) {
        self.next = now + self.rate.between;
    }

    /// It may succeed after a pause.
    pub(super) fn back_off(&mut self, now: Instant, pause: Duration) {
        self.next = now + pause.max(self.rate.between);
    }

    /// Somebody has to change something first.
    pub(super) fn probe_later(&mut self, now: Instant) {
        self.next = now + BETWEEN_PROBES;
    }
}

impl Rush {
    /// How long one still lasts.
    fn left(self, unix_seconds: i64) -> Duration {
        // Zones are off by half hours, so a half hour is one nearly everywhere.
        let into = (unix_seconds + self.before).rem_euclid(self.every);
        let left = self.before + self.after - into;
        Duration::from_secs(u64::try_from(left).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-04-10 14:10:00 in Shanghai.
    const CALM: i64 = 1_681_107_000;

    const RATE: Rate = Rate {
        between: Duration::from_millis(650),
        rush: None,
    };

    #[test]
    fn a_route_that_is_at_fault_is_tried_every_ten_minutes() {
        let now = Instant::now();
        let mut pace = Pace::new(RATE, now);
        pace.probe_later(now);
        assert_eq!(pace.wait(now, CALM), Duration::from_secs(600));
        let later = now + Duration::from_secs(600);
        assert_eq!(pace.wait(later, CALM + 600), Duration::ZERO);
        pace.back_off(later, Duration::from_millis(1));
        assert_eq!(pace.wait(later, CALM), RATE.between);
        pace.back_off(later, Duration::from_secs(20));
        assert_eq!(pace.wait(later, CALM), Duration::from_secs(20));
    }
}
