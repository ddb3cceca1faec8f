//! Something the service depends on is away: told when it begins and when it ends.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Failures this short are not worth a line.
const WORTH_A_LINE: Duration = Duration::from_secs(1);

/// One that lasts is told again this often: nobody may take the silence for health.
const REPORTED_AGAIN: Duration = Duration::from_secs(600);

/// So many reasons of one outage are logged; with others it is reminded of alone.
const MOST_REASONS: usize = 3;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Tells of an outage once, with the pauses to make between tries.
pub struct Outage {
    what: String,
    began: Option<Instant>,
    /// The reasons that were logged since it began.
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

    /// Tells of the first failure already: for what is tried again only after a while.
    pub fn reported_at_once(self) -> Outage {
        Outage {
            reported_after: Duration::ZERO,
            ..self
        }
    }

    /// Another try has failed; gives the pause before the next one, with jitter so that many
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

    /// Whether a failure is worth a line at `now`: a reason that was not logged yet, or a reminder.
    fn is_worth_a_line(&mut self, reason: &str, now: Instant) -> bool {
        let is_due = self
            .logged
            .is_none_or(|logged| now.duration_since(logged) >= REPORTED_AGAIN);
        // Some reasons take turns, and some have a number of their own each time.
        let is_new = self.reasons.len() < MOST_REASONS && !self.reasons.iter().any(|r| r == reason);
        if is_new {
            self.reasons.push(reason.to_owned());
        }
        if is_due || is_new {
            self.logged = Some(now);
        }
        is_due || is_new
    }

    /// It works again, for good.
    pub fn ended(&mut self) {
        self.works();
        self.pause = FIRST_PAUSE;
    }

    /// It works again, perhaps for a moment only: pauses go on growing until it is over.
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
        assert_eq!(lines(&["lost", "refused"], 599), 0, "they only take turns");
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
