//! Logs the outage of something the service depends on, when it begins and when it ends.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Shorter failures are not logged.
const WORTH_A_LINE: Duration = Duration::from_secs(1);

/// How often a lasting outage is logged again, so that silence is not taken for health.
const REPORTED_AGAIN: Duration = Duration::from_secs(600);

/// The most reasons of an outage that get a line of their own; others appear in reminders only.
const MOST_REASONS: usize = 3;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Logs an outage once, and gives the pauses between attempts.
pub struct Outage {
    what: String,
    began: Option<Instant>,
    /// The reasons that have been logged since it began.
    reasons: Vec<String>,
    /// When it was logged last.
    logged: Option<Instant>,
    reported_after: Duration,
    pause: Duration,
}

impl Outage {
    pub fn new(what: impl Into<String>) -> Outage {
        Outage {
            what: what.into(),
            began: None,
            reasons: Vec::new(),
            logged: None,
            reported_after: WORTH_A_LINE,
            pause: FIRST_PAUSE,
        }
    }

    /// Logs already the first failure: for what is retried only after a while.
    pub fn reported_at_once(self) -> Outage {
        Outage {
            reported_after: Duration::ZERO,
            ..self
        }
    }

    /// Records a failed attempt. Returns the pause before the next one, with jitter, so that many
    /// instances do not come back at once.
    pub fn failed(&mut self, error: &impl Display) -> Duration {
        let began = *self.began.get_or_insert_with(Instant::now);
        let text = error.to_string();
        let is_first = self.logged.is_none();
        if began.elapsed() >= self.reported_after && self.is_worth_a_line(&text, Instant::now()) {
            let what = &self.what;
            if is_first {
                log::error!("{what} failed, retrying: {text}");
            } else {
                let seconds = began.elapsed().as_secs();
                log::error!("{what} still fails after {seconds} s, retrying: {text}");
            }
        }
        let pause = self.pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        pause
    }

    /// Whether to log a failure at `now`: for a new reason, or as a reminder.
    fn is_worth_a_line(&mut self, reason: &str, now: Instant) -> bool {
        let is_due = self
            .logged
            .is_none_or(|logged| now.duration_since(logged) >= REPORTED_AGAIN);
        // Reasons may alternate, and some contain a different number each time.
        let is_new = self.reasons.len() < MOST_REASONS && !self.reasons.iter().any(|r| r == reason);
        if is_new {
            self.reasons.push(reason.to_owned());
        }
        if is_due || is_new {
            self.logged = Some(now);
        }
        is_due || is_new
    }

    /// The outage has ended: it works again.
    pub fn ended(&mut self) {
        self.works();
        self.pause = FIRST_PAUSE;
    }

    /// It works again, perhaps only for a moment: the pauses keep growing until [`Outage::ended`].
    pub fn works(&mut self) {
        self.reasons.clear();
        if let (Some(began), Some(_)) = (self.began.take(), self.logged.take()) {
            let seconds = began.elapsed().as_secs();
            log::warn!("{} works again after {seconds} s", self.what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_logged_once_for_each_reason_and_then_rarely() {
        let start = Instant::now();
        let mut outage = Outage::new("the test");
        let mut lines = |reasons: &[&str], seconds: u64| {
            let now = start + Duration::from_secs(seconds);
            let logged = reasons
                .iter()
                .filter(|reason| outage.is_worth_a_line(reason, now));
            logged.count()
        };
        assert_eq!(lines(&["refused", "lost", "refused", "lost"], 0), 2);
        assert_eq!(lines(&["lost", "refused"], 599), 0, "they only alternate");
        assert_eq!(lines(&["lost", "refused"], 600), 1, "a reminder");
        assert_eq!(lines(&["thread 1", "thread 2", "thread 3"], 700), 1);
        assert_eq!(lines(&["thread 4"], 1_299), 0);
        assert_eq!(lines(&["thread 5"], 1_300), 1, "a reminder");
        outage.works();
        assert!(outage.is_worth_a_line("refused", start), "another outage");
    }

    #[test]
    fn pauses_grow_to_the_longest_and_start_again() {
        let mut outage = Outage::new("the test");
        let pauses: Vec<Duration> = (0..20).map(|_| outage.failed(&"no")).collect();
        assert!(pauses[0] <= FIRST_PAUSE);
        for pause in &pauses {
            assert!(*pause >= FIRST_PAUSE / 2 && *pause <= LONGEST_PAUSE);
        }
        assert!(pauses[19] >= LONGEST_PAUSE / 2);
        outage.works();
        assert!(
            outage.failed(&"no") >= LONGEST_PAUSE / 2,
            "it only flickered"
        );
        outage.ended();
        assert!(outage.failed(&"no") <= FIRST_PAUSE);
    }
}
