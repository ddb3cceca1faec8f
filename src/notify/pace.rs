//! When a bot may be asked next.

use std::time::{Duration, Instant};

/// Between two requests: a bot takes 100 a minute, and counts those it refuses as well.
const BETWEEN_REQUESTS: Duration = Duration::from_millis(650);

/// A route that lets nothing through is tried this often: what is wrong is for somebody to mend, and
/// trying changes nothing.
const BETWEEN_PROBES: Duration = Duration::from_secs(600);

/// Half hours are when everybody's machines write to their groups: the platform refuses some then.
const RUSH_EVERY: i64 = 1_800;
const RUSH_BEFORE: i64 = 5;
const RUSH_AFTER: i64 = 15;

/// The rate of one bot.
pub(super) struct Pace {
    next: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Pace {
        Pace { next: now }
    }

    /// How long the next request has to wait; `unix_seconds` is the same moment as `now`.
    pub(super) fn wait(&self, now: Instant, unix_seconds: i64) -> Duration {
        let pause = self.next.saturating_duration_since(now);
        if pause.is_zero() {
            rush(unix_seconds)
        } else {
            pause
        }
    }

    /// A request has been answered, or not.
    pub(super) fn asked(&mut self, now: Instant) {
        self.next = now + BETWEEN_REQUESTS;
    }

    /// It may succeed after a pause.
    pub(super) fn back_off(&mut self, now: Instant, pause: Duration) {
        self.next = now + pause.max(BETWEEN_REQUESTS);
    }

    /// Somebody has to change something first.
    pub(super) fn probe_later(&mut self, now: Instant) {
        self.next = now + BETWEEN_PROBES;
    }
}

/// How long the rush of a half hour still lasts.
fn rush(unix_seconds: i64) -> Duration {
    // Zones are off by half hours, so this is nearly everybody's half hour.
    let into = (unix_seconds + RUSH_BEFORE).rem_euclid(RUSH_EVERY);
    let left = RUSH_BEFORE + RUSH_AFTER - into;
    Duration::from_secs(u64::try_from(left).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-04-10 14:10:00 in Shanghai.
    const CALM: i64 = 1_681_107_000;

    #[test]
    fn a_minute_has_less_than_a_hundred_requests_and_a_second_less_than_five() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut now = start;
        let mut asked = Vec::new();
        while now < start + Duration::from_secs(300) {
            let wait = pace.wait(now, CALM);
            if wait.is_zero() {
                asked.push(now);
                pace.asked(now);
            }
            now += wait.max(Duration::from_millis(1));
        }
        assert!(asked.len() > 450, "{}", asked.len());
        for (window, most) in [(60, 100), (1, 5)] {
            for (first, at) in asked.iter().enumerate() {
                let within = |other: &&Instant| **other < *at + Duration::from_secs(window);
                assert!(asked[first..].iter().take_while(within).count() <= most);
            }
        }
    }

    #[test]
    fn half_hours_are_left_to_others() {
        let half_hour = CALM + 20 * 60;
        for (seconds, wait) in [
            (-6, 0),
            (-5, 20),
            (-1, 16),
            (0, 15),
            (14, 1),
            (15, 0),
            (600, 0),
            (1_794, 0),
            (1_795, 20),
        ] {
            assert_eq!(
                rush(half_hour + seconds),
                Duration::from_secs(wait),
                "{seconds}"
            );
        }
    }

    #[test]
    fn a_route_that_is_at_fault_is_tried_every_ten_minutes() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.probe_later(now);
        assert_eq!(pace.wait(now, CALM), Duration::from_secs(600));
        let later = now + Duration::from_secs(600);
        assert_eq!(pace.wait(later, CALM + 600), Duration::ZERO);
        pace.back_off(later, Duration::from_millis(1));
        assert_eq!(pace.wait(later, CALM), BETWEEN_REQUESTS);
        pace.back_off(later, Duration::from_secs(20));
        assert_eq!(pace.wait(later, CALM), Duration::from_secs(20));
    }
}
