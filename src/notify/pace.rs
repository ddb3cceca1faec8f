//! The rate of requests to a bot.

use std::time::{Duration, Instant};

/// How often a route is tried that lets nothing through: trying does not help, somebody has to
/// correct what is wrong.
const BETWEEN_PROBES: Duration = Duration::from_secs(600);

/// How often a platform accepts requests to one bot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// The time between two requests.
    pub(super) between: Duration,
    /// When it is overloaded.
    pub(super) rush: Option<Rush>,
}

/// Times at which a platform is overloaded. Seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rush {
    /// The period by UTC: 1,800 is every half hour.
    pub(super) every: i64,
    pub(super) before: i64,
    pub(super) after: i64,
}

/// When the next request to a bot may be sent.
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

    /// A request has been sent, whatever came of it.
    pub(super) fn requested(&mut self, now: Instant) {
        self.next = now + self.rate.between;
    }

    /// The request has failed, and may succeed after a pause.
    pub(super) fn back_off(&mut self, now: Instant, pause: Duration) {
        self.next = now + pause.max(self.rate.between);
    }

    /// The request has failed, and somebody has to change something first.
    pub(super) fn probe_later(&mut self, now: Instant) {
        self.next = now + BETWEEN_PROBES;
    }
}

impl Rush {
    /// How long it still lasts; zero outside of it.
    fn left(self, unix_seconds: i64) -> Duration {
        // Time zones differ by half hours, so these are half hours nearly everywhere.
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
    fn a_misconfigured_route_is_tried_every_ten_minutes() {
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
