//! Whether messages may come in, and whether those that had waited have been taken.

use std::time::Duration;

use crossbeam_channel::{after, never, select};
use parking_lot::Mutex;

use crate::pulse;
use crate::threads::{Stop, Stopper, stop_signal};

/// Open while the store can be written. Closed, consumers stay away from the broker: messages wait
/// in the queue, where an outage of hours costs nothing. What a consumer held unacknowledged for
/// half an hour the broker would take away, and deliver again for no use.
pub struct Gate {
    consumers: usize,
    phase: Mutex<Phase>,
}

/// The time from one change to the next.
struct Phase {
    open: bool,
    /// Set when this phase is over.
    over: Stop,
    /// What sets it.
    _end: Stopper,
    /// Consumers that have not come to the end of the queue yet.
    behind: usize,
    /// Set when there are none.
    caught_up: Stop,
    last_one: Option<Stopper>,
}

impl Phase {
    fn new(open: bool, behind: usize) -> Phase {
        let (_end, over) = stop_signal();
        let (last_one, caught_up) = stop_signal();
        Phase {
            open,
            over,
            _end,
            behind,
            caught_up,
            last_one: (behind > 0).then_some(last_one),
        }
    }
}

impl Gate {
    /// An open one, for so many consumers.
    pub fn new(consumers: usize) -> Gate {
        Gate {
            consumers,
            phase: Mutex::new(Phase::new(true, consumers)),
        }
    }

    pub fn open(&self) {
        if self.set(true) {
            log::warn!("the intake is open again");
        }
    }

    pub fn close(&self) {
        if self.set(false) {
            log::warn!(
                "the intake is closed while the store is lost: messages wait where they come from"
            );
        }
    }

    /// Whether it was otherwise before.
    fn set(&self, open: bool) -> bool {
        let mut phase = self.phase.lock();
        let changed = phase.open != open;
        if changed {
            *phase = Phase::new(open, self.consumers);
        }
        changed
    }

    /// Whether it is open, and what tells that this has changed.
    pub fn phase(&self) -> (bool, Stop) {
        let phase = self.phase.lock();
        (phase.open, phase.over.clone())
    }

    /// A consumer has come to the end of the queue: to be told once in a phase.
    pub fn has_caught_up(&self) {
        let mut phase = self.phase.lock();
        phase.behind = phase.behind.saturating_sub(1);
        if phase.open && phase.behind == 0 {
            phase.last_one = None;
        }
    }

    /// Waits until it is open and what had waited in the queue has been taken, or it is time to
    /// stop, or it has been open for `patience`; whether that was in vain. Then nobody waits again
    /// in this phase.
    pub fn waits_in_vain(&self, stop: &Stop, patience: Duration) -> bool {
        loop {
            let (open, over, caught_up) = {
                let phase = self.phase.lock();
                (phase.open, phase.over.clone(), phase.caught_up.clone())
            };
            let patience = if open { after(patience) } else { never() };
            let rest = pulse::rest();
            let in_vain = select! {
                recv(caught_up.channel()) -> _ => false,
                recv(over.channel()) -> _ => false,
                recv(stop.channel()) -> _ => return false,
                recv(patience) -> _ => true,
            };
            drop(rest);
            let mut phase = self.phase.lock();
            // The end of a phase says nothing of the next one.
            if !over.is_set() {
                if in_vain {
                    phase.last_one = None;
                }
                return in_vain;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crossbeam_channel::bounded;

    use super::*;
    use crate::threads::spawn;

    #[test]
    fn a_phase_ends_when_the_gate_changes_and_only_then() {
        let gate = Gate::new(1);
        let (open, over) = gate.phase();
        assert!(open);
        gate.open();
        assert!(!over.is_set(), "nothing has changed");
        gate.close();
        assert!(over.is_set());
        let (open, over) = gate.phase();
        assert!(!open && !over.is_set());
        gate.open();
        assert!(over.is_set());
        assert!(gate.phase().0);
    }

    #[test]
    fn all_consumers_have_to_catch_up_in_each_phase() {
        let gate = Gate::new(2);
        let (_stopper, stop) = stop_signal();
        let is_behind = || !gate.phase.lock().caught_up.is_set();
        gate.has_caught_up();
        assert!(is_behind(), "one of two");
        gate.has_caught_up();
        assert!(!is_behind());
        assert!(!gate.waits_in_vain(&stop, Duration::from_secs(60)));
        gate.close();
        gate.open();
        assert!(is_behind(), "messages have waited meanwhile");
        assert!(gate.waits_in_vain(&stop, Duration::ZERO));
        assert!(!gate.waits_in_vain(&stop, Duration::from_secs(60)), "once");
    }

    #[test]
    fn who_waits_at_a_closed_gate_waits_on_when_it_opens() {
        let gate = Arc::new(Gate::new(1));
        gate.has_caught_up();
        gate.close();
        let (_stopper, stop) = stop_signal();
        let (tell, told) = bounded(1);
        let (exits, _ended) = bounded(1);
        let at_gate = Arc::clone(&gate);
        spawn("waiting", &exits, move || {
            let _ = tell.send(at_gate.waits_in_vain(&stop, Duration::from_secs(60)));
        })
        .expect("a thread");
        gate.open();
        // Not to synchronise: nothing may come in this time.
        assert!(told.recv_timeout(Duration::from_millis(300)).is_err());
        gate.has_caught_up();
        assert_eq!(told.recv_timeout(Duration::from_secs(60)), Ok(false));
    }
}
