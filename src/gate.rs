//! Whether messages may come in.

use parking_lot::Mutex;

use crate::threads::{Stop, Stopper, stop_signal};

/// Open while the store can be written. Closed, consumers stay away from the broker: messages wait
/// in the queue, where an outage of hours costs nothing. What a consumer held unacknowledged for
/// half an hour the broker would take away, and deliver again for no use.
pub struct Gate(Mutex<Phase>);

struct Phase {
    open: bool,
    /// Set when this phase is over.
    over: Stop,
    /// What sets it.
    _end: Stopper,
}

impl Phase {
    fn new(open: bool) -> Phase {
        let (_end, over) = stop_signal();
        Phase { open, over, _end }
    }
}

impl Default for Gate {
    /// An open one.
    fn default() -> Gate {
        Gate(Mutex::new(Phase::new(true)))
    }
}

impl Gate {
    pub fn open(&self) {
        if self.set(true) {
            log::warn!("the intake is open again");
        }
    }

    pub fn close(&self) {
        if self.set(false) {
            log::warn!("the intake is closed while the store is lost: messages wait in the queue");
        }
    }

    /// Whether it was otherwise before.
    fn set(&self, open: bool) -> bool {
        let mut phase = self.0.lock();
        let changed = phase.open != open;
        if changed {
            *phase = Phase::new(open);
        }
        changed
    }

    /// Whether it is open, and what tells that this has changed.
    pub fn phase(&self) -> (bool, Stop) {
        let phase = self.0.lock();
        (phase.open, phase.over.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_ends_when_the_gate_changes_and_only_then() {
        let gate = Gate::default();
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
}
