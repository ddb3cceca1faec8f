//! Whether threads make progress: for a supervisor that ends a process which hangs.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Since when a thread has been at what it does; `None` while it waits for work, or for another
/// thread, which has a pulse of its own.
type Busy = Arc<Mutex<Option<Instant>>>;

thread_local! {
    /// This thread's own; threads that nobody watches have none.
    static OWN: RefCell<Option<Busy>> = const { RefCell::new(None) };
}

/// The pulses of all threads that are running.
#[derive(Clone, Default)]
pub struct Pulses(Arc<Mutex<Vec<(String, Busy)>>>);

impl Pulses {
    /// Has this thread watched as long as the result lives.
    pub fn watch(&self, name: &str) -> Watched {
        let busy = Busy::new(Mutex::new(Some(Instant::now())));
        OWN.set(Some(Arc::clone(&busy)));
        self.0.lock().push((name.to_owned(), Arc::clone(&busy)));
        Watched {
            pulses: self.clone(),
            busy,
        }
    }

    /// The threads that have made no progress for longer than `patience`.
    pub fn stuck(&self, patience: Duration) -> Vec<String> {
        let threads = self.0.lock();
        let is_stuck = |busy: &Busy| busy.lock().is_some_and(|since| since.elapsed() > patience);
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

/// This thread waits as long as the result lives; then it has made progress.
pub fn rest() -> Rest {
    set(None);
    Rest
}

/// This thread has made progress.
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

/// A thread that waits.
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
    fn who_works_for_too_long_is_stuck_and_who_waits_is_not() {
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
