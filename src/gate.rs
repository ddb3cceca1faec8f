//! Whether messages may come in, and whether those that had waited have been taken.

use std::collections::BTreeSet;
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
    round: Round,
    /// Consumers that have not come to the end of the queue yet.
    behind: BTreeSet<usize>,
    /// Set when there are none.
    caught_up: Stop,
    /// What sets it; gone from then on.
    last_one: Option<Stopper>,
}

/// What a consumer has come to the end of: a report of an earlier round is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round(u64);

impl Round {
    fn next(self) -> Round {
        Round(self.0 + 1)
    }
}

impl Phase {
    fn new(open: bool, round: Round, consumers: usize) -> Phase {
        let (_end, over) = stop_signal();
        let (last_one, caught_up) = stop_signal();
        Phase {
            open,
            over,
            _end,
            round,
            behind: (0..consumers).collect(),
            caught_up,
            last_one: (consumers > 0).then_some(last_one),
        }
    }
}

impl Gate {
    /// An open one, for so many consumers; they are numbered from 0.
    pub fn new(consumers: usize) -> Gate {
        Gate {
            consumers,
            phase: Mutex::new(Phase::new(true, Round(0), consumers)),
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
            *phase = Phase::new(open, phase.round.next(), self.consumers);
        }
        changed
    }

    /// Whether it is open, and what tells that this has changed.
    pub fn phase(&self) -> (bool, Stop) {
        let phase = self.phase.lock();
        (phase.open, phase.over.clone())
    }

    /// Whether all consumers have come to the end of the queue, or nobody waits for them any more:
    /// for the rest of this phase.
    pub fn is_caught_up(&self) -> bool {
        self.phase.lock().last_one.is_none()
    }

    /// The round in which this consumer is still to come to the end of the queue, if it is.
    pub fn behind(&self, consumer: usize) -> Option<Round> {
        let phase = self.phase.lock();
        let is_behind = phase.last_one.is_some() && phase.behind.contains(&consumer);
        is_behind.then_some(phase.round)
    }

    /// A consumer has come to the end of the queue, and what it had of it is written.
    pub fn has_caught_up(&self, consumer: usize, round: Round) {
        let mut phase = self.phase.lock();
        if phase.round == round {
            phase.behind.remove(&consumer);
            if phase.behind.is_empty() {
                phase.last_one = None;
            }
        }
    }

    /// A consumer has lost its connection. What it held goes back to the queue, and from there to
    /// any consumer: all of them have to come to its end once more, unless nobody waits for it.
    pub fn has_lost_connection(&self) {
        let mut phase = self.phase.lock();
        if phase.last_one.is_some() {
            phase.round = phase.round.next();
            phase.behind = (0..self.consumers).collect();
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
    use std::time::Instant;

    use crossbeam_channel::bounded;

    use super::*;
    use crate::pulse::Pulses;
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

    fn is_behind(gate: &Gate) -> bool {
        !gate.phase.lock().caught_up.is_set()
    }

    /// A consumer comes to the end of the queue.
    fn catch_up(gate: &Gate, consumer: usize) {
        let round = gate.behind(consumer).expect("it is behind");
        gate.has_caught_up(consumer, round);
    }

    #[test]
    fn all_consumers_have_to_catch_up_in_each_phase() {
        let gate = Gate::new(2);
        let (_stopper, stop) = stop_signal();
        catch_up(&gate, 0);
        assert!(is_behind(&gate), "one of two");
        assert_eq!(gate.behind(0), None);
        let round = gate.behind(1).expect("it is behind");
        catch_up(&gate, 1);
        assert!(!is_behind(&gate));
        assert!(!gate.waits_in_vain(&stop, Duration::from_secs(60)));
        gate.close();
        gate.open();
        assert!(is_behind(&gate), "messages have waited meanwhile");
        catch_up(&gate, 0);
        gate.has_caught_up(1, round);
        assert!(is_behind(&gate), "that was the queue before it was closed");
        assert!(gate.waits_in_vain(&stop, Duration::ZERO));
        assert!(!gate.waits_in_vain(&stop, Duration::from_secs(60)), "once");
        assert_eq!(gate.behind(1), None, "nobody waits for it any more");
    }

    #[test]
    fn a_consumer_that_reconnects_does_not_count_for_another() {
        let gate = Gate::new(2);
        let before = gate.behind(0).expect("it is behind");
        gate.has_caught_up(0, before);
        gate.has_caught_up(0, before);
        assert!(is_behind(&gate), "one of two, twice");
        gate.has_lost_connection();
        catch_up(&gate, 0);
        assert!(is_behind(&gate), "the other one has reported nothing yet");
        catch_up(&gate, 1);
        assert!(!is_behind(&gate));
        gate.has_lost_connection();
        assert!(!is_behind(&gate), "what comes now is not waited for");
    }

    /// The broker gives to one consumer what another one had when its connection was lost.
    #[test]
    fn after_a_lost_connection_all_consumers_are_behind_again() {
        let gate = Gate::new(2);
        catch_up(&gate, 0);
        let before = gate.behind(1).expect("it is behind");
        gate.has_lost_connection();
        gate.has_caught_up(1, before);
        assert!(is_behind(&gate), "that was before");
        catch_up(&gate, 1);
        assert!(
            is_behind(&gate),
            "the first one may have what was given back"
        );
        catch_up(&gate, 0);
        assert!(!is_behind(&gate));
    }

    #[test]
    fn who_waits_at_a_closed_gate_waits_on_when_it_opens() {
        let gate = Arc::new(Gate::new(1));
        catch_up(&gate, 0);
        gate.close();
        let (_stopper, stop) = stop_signal();
        let (begins, begun) = bounded(1);
        let (tell, told) = bounded(1);
        let (exits, _ended) = bounded(1);
        let at_gate = Arc::clone(&gate);
        let pulses = Pulses::default();
        let of_thread = pulses.clone();
        spawn("waiting", &exits, move || {
            let _watched = of_thread.watch("waiting");
            let _ = begins.send(());
            // At a closed gate it has all the patience there is, at an open one none.
            let _ = tell.send(at_gate.waits_in_vain(&stop, Duration::ZERO));
        })
        .expect("a thread");
        let limit = Duration::from_secs(60);
        begun.recv_timeout(limit).expect("it begins");
        // However late the thread runs: it rests from when it has seen that the gate is closed.
        let deadline = Instant::now() + limit;
        while pulses.stuck(Duration::ZERO) == ["waiting"] {
            assert!(Instant::now() < deadline, "it never came to the gate");
            std::thread::yield_now();
        }
        assert!(told.is_empty(), "it did not wait at the closed gate");
        gate.open();
        // Who goes away when the gate opens says that what had waited has been taken.
        assert_eq!(told.recv_timeout(limit), Ok(true));
    }
}
