//! Something the service depends on is away: told when it begins and when it ends.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Failures this short are not worth a line.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// One that lasts is told again this often: nobody may take the silence for health.
const TOLD_AGAIN: Duration = Duration::from_secs(600);

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Tells of an outage once, with the pauses to make between tries.
pub struct Outage {
    what: String,
    began: Option<Instant>,
    /// What was said last, and when.
    told: Option<(String, Instant)>,
    worth_telling: Duration,
    pause: Duration,
}

impl Outage {
    pub fn new(what: impl Into<String>) -> Outage {
        Outage {
            what: what.into(),
            began: None,
            told: None,
            worth_telling: WORTH_TELLING,
            pause: FIRST_PAUSE,
        }
    }

    /// Tells of the first failure already: for what is tried again only after a while.
    pub fn told_at_once(self) -> Outage {
        Outage {
            worth_telling: Duration::ZERO,
            ..self
        }
    }

    /// Another try has failed; gives the pause before the next one, with jitter so that many
    /// instances do not come back at once.
    pub fn failed(&mut self, error: &impl Display) -> Duration {
        let began = *self.began.get_or_insert_with(Instant::now);
        let text = error.to_string();
        let said = (self.told.as_ref())
            .is_some_and(|(told, when)| *told == text && when.elapsed() < TOLD_AGAIN);
        if began.elapsed() >= self.worth_telling && !said {
            log::error!(
                "{} fails and is tried again until it works ({} s by now): {text}",
                self.what,
                began.elapsed().as_secs()
            );
            self.told = Some((text, Instant::now()));
        }
        let pause = self.pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        pause
    }

    /// How long it has lasted.
    pub fn lasted(&self) -> Duration {
        self.began.map_or(Duration::ZERO, |began| began.elapsed())
    }

    /// It works again, for good.
    pub fn over(&mut self) {
        self.works();
        self.pause = FIRST_PAUSE;
    }

    /// It works again, perhaps for a moment only: pauses go on growing until it is over.
    pub fn works(&mut self) {
        if let (Some(began), Some(_)) = (self.began.take(), self.told.take()) {
            let seconds = began.elapsed().as_secs();
            log::warn!("{} works again after {seconds} s", self.what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        outage.over();
        assert!(outage.failed(&"no") <= FIRST_PAUSE);
    }
}
