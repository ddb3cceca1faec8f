//! Whether threads make progress, for a supervisor's watchdog that restarts a process that hangs.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Since when a thread has been busy without progress; `None` while it waits for work, or for
/// another thread, which has a pulse of its own.
type Busy = Arc<Mutex<Option<Instant>>>;

thread_local! {
    /// The pulse of this thread; `None` if it is not watched.
    static OWN: RefCell<Option<Busy>> = const { RefCell::new(None) };
}

/// The pulses of all watched threads.
#[derive(Clone, Default)]
pub struct Pulses(Arc<Mutex<Vec<(String, Busy)>>>);

impl Pulses {
    /// Watches this thread as long as the result lives.
    pub fn watch(&self, name: &str) -> Watched {
        let busy = Busy::new(Mutex::new(Some(Instant::now())));
        OWN.set(Some(Arc::clone(&busy)));
        self.0.lock().push((name.to_owned(), Arc::clone(&busy)));
        Watched {
            pulses: self.clone(),
            busy,
        }
    }

    /// The threads that have made no progress for longer than `timeout`.
    pub fn stuck(&self, timeout: Duration) -> Vec<String> {
        let threads = self.0.lock();
        let is_stuck = |busy: &Busy| busy.lock().is_some_and(|since| since.elapsed() > timeout);
        let stuck = threads.iter().filter(|(_, busy)| is_stuck(busy));
        stuck.map(|(name, _)| name.clone()).collect()
    }
}

/// A thread that is watched.
pub struct Watched {
    pulses: Pulses,
    busy: Busy,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut threads = self.pulses.0.lock();
        threads.retain(|(_, busy)| !Arc::ptr_eq(busy, &self.busy));
    }
}

/// Marks this thread as waiting as long as the result lives; its drop counts as progress.
pub fn rest() -> Rest {
    set(None);
    Rest
}

/// Records progress of this thread.
pub fn beat() {
    set(Some(Instant::now()));
}

fn set(since: Option<Instant>) {
    OWN.with_borrow(|own| {
        if let Some(busy) = own {
            *busy.lock() = since;
        }
    });
}

/// Marks a thread as waiting.
pub struct Rest;

impl Drop for Rest {
    fn drop(&mut self) {
        beat();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_thread_is_stuck_and_a_waiting_one_is_not() {
        let pulses = Pulses::default();
        assert!(pulses.stuck(Duration::ZERO).is_empty());
        let watched = pulses.watch("worker");
        assert_eq!(pulses.stuck(Duration::ZERO), ["worker"]);
        assert!(pulses.stuck(Duration::from_secs(60)).is_empty());
        let rest = rest();
        assert!(pulses.stuck(Duration::ZERO).is_empty());
        drop(rest);
        assert_eq!(pulses.stuck(Duration::ZERO), ["worker"]);
        drop(watched);
        assert!(pulses.stuck(Duration::ZERO).is_empty());
    }
}
