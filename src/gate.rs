//! Whether messages may come in, and whether the queue has been drained since.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crossbeam_channel::{after, never, select};
use parking_lot::Mutex;

use crate::pulse;
use crate::threads::{Stop, Stopper, stop_signal};

/// Open while the store can be written. While it is closed, consumers disconnect from the broker
/// and messages wait in the queue, where an outage of hours costs nothing: what a consumer holds
/// unacknowledged for half an hour the broker requeues and delivers again for no use.
pub struct Gate {
    consumers: usize,
    phase: Mutex<Phase>,
    /// Consumers that the queue delivers to.
    consuming: AtomicUsize,
}

/// A consumer that the queue delivers to, as long as this lives.
pub struct Consuming<'a>(&'a Gate);

impl Drop for Consuming<'_> {
    fn drop(&mut self) {
        self.0.consuming.fetch_sub(1, Relaxed);
    }
}

/// The time from one opening or closing to the next.
struct Phase {
    open: bool,
    /// Set when this phase ends.
    ended: Stop,
    /// Sets it.
    _end: Stopper,
    round: Round,
    /// Consumers that have not reached the end of the queue yet.
    behind: BTreeSet<usize>,
    /// Set when there are none, or the sweep no longer waits for them.
    drained: Stop,
    /// Sets it when dropped.
    draining: Option<Stopper>,
}

/// The pass over the queue that a consumer's report is about: one of an earlier pass is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round(u64);

impl Round {
    fn next(self) -> Round {
        Round(self.0 + 1)
    }
}

impl Phase {
    fn new(open: bool, round: Round, consumers: usize) -> Phase {
        let (_end, ended) = stop_signal();
        let (draining, drained) = stop_signal();
        Phase {
            open,
            ended,
            _end,
            round,
            behind: (0..consumers).collect(),
            drained,
            draining: (consumers > 0).then_some(draining),
        }
    }
}

/// How a wait for the queue ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueWait {
    /// What had waited in the queue is written, or it is time to stop.
    Drained,
    TimedOut,
}

impl Gate {
    /// An open gate for this many consumers, which are numbered from 0.
    pub fn new(consumers: usize) -> Gate {
        Gate {
            consumers,
            phase: Mutex::new(Phase::new(true, Round(0), consumers)),
            consuming: AtomicUsize::new(0),
        }
    }

    /// The queue delivers to one more consumer, as long as the result lives.
    pub fn consuming(&self) -> Consuming<'_> {
        self.consuming.fetch_add(1, Relaxed);
        Consuming(self)
    }

    /// Whether messages can come in: it is open, and if there are consumers, the queue delivers to
    /// at least one of them.
    pub fn is_well(&self) -> bool {
        let has_queue = self.consumers == 0 || self.consuming.load(Relaxed) > 0;
        has_queue && self.phase.lock().open
    }

    pub fn open(&self) {
        if self.set(true) {
            log::warn!("the intake is open again");
        }
    }

    pub fn close(&self) {
        if self.set(false) {
            log::warn!(
                "the intake is closed while the store is lost: messages wait in the queue, HTTP \
                 answers 503"
            );
        }
    }

    /// Opens or closes it; returns whether that changed anything.
    fn set(&self, open: bool) -> bool {
        let mut phase = self.phase.lock();
        let changed = phase.open != open;
        if changed {
            *phase = Phase::new(open, phase.round.next(), self.consumers);
        }
        changed
    }

    /// Whether it is open, and a signal that is set when this changes.
    pub fn phase(&self) -> (bool, Stop) {
        let phase = self.phase.lock();
        (phase.open, phase.ended.clone())
    }

    /// Whether all consumers have reached the end of the queue in this phase, or the sweep no
    /// longer waits for them.
    pub fn is_drained(&self) -> bool {
        self.phase.lock().draining.is_none()
    }

    /// The round in which this consumer still has to reach the end of the queue, if it has to.
    pub fn behind(&self, consumer: usize) -> Option<Round> {
        let phase = self.phase.lock();
        let is_behind = phase.draining.is_some() && phase.behind.contains(&consumer);
        is_behind.then_some(phase.round)
    }

    /// A consumer has reached the end of the queue, and what it took from it is written.
    pub fn has_caught_up(&self, consumer: usize, round: Round) {
        let mut phase = self.phase.lock();
        if phase.round == round {
            phase.behind.remove(&consumer);
            if phase.behind.is_empty() {
                phase.draining = None;
            }
        }
    }

    /// A consumer has lost its connection. What it held goes back to the queue, and from there to
    /// any consumer: all of them have to reach its end once more, unless the wait is over.
    pub fn has_lost_connection(&self) {
        let mut phase = self.phase.lock();
        if phase.draining.is_some() {
            phase.round = phase.round.next();
            phase.behind = (0..self.consumers).collect();
        }
    }

    /// Waits until the gate is open and what had waited in the queue is written. Once it has been
    /// open for `timeout` that times out, and later calls in this phase do not wait.
    pub fn wait_for_queue(&self, stop: &Stop, timeout: Duration) -> QueueWait {
        loop {
            let (open, ended, drained) = {
                let phase = self.phase.lock();
                (phase.open, phase.ended.clone(), phase.drained.clone())
            };
            let timed_out = if open { after(timeout) } else { never() };
            let rest = pulse::rest();
            let wait = select! {
                recv(drained.channel()) -> _ => QueueWait::Drained,
                recv(ended.channel()) -> _ => continue,
                recv(stop.channel()) -> _ => return QueueWait::Drained,
                recv(timed_out) -> _ => QueueWait::TimedOut,
            };
            drop(rest);
            let mut phase = self.phase.lock();
            // What was seen of a phase that has ended meanwhile says nothing about the next one.
            if !ended.is_set() {
                if wait == QueueWait::TimedOut {
                    phase.draining = None;
                }
                return wait;
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
    fn a_phase_ends_only_when_the_gate_changes() {
        let gate = Gate::new(1);
        let (open, ended) = gate.phase();
        assert!(open);
        gate.open();
        assert!(!ended.is_set(), "nothing has changed");
        gate.close();
        assert!(ended.is_set());
        let (open, ended) = gate.phase();
        assert!(!open && !ended.is_set());
        gate.open();
        assert!(ended.is_set());
        assert!(gate.phase().0);
    }

    #[test]
    fn it_is_well_while_it_is_open_and_a_consumer_has_the_queue() {
        assert!(
            Gate::new(0).is_well(),
            "without a queue there is none to lose"
        );
        let gate = Gate::new(2);
        assert!(!gate.is_well(), "nobody consumes yet");
        let (first, second) = (gate.consuming(), gate.consuming());
        drop(first);
        assert!(gate.is_well(), "the other one goes on");
        gate.close();
        assert!(!gate.is_well());
        gate.open();
        assert!(gate.is_well());
        drop(second);
        assert!(!gate.is_well());
    }

    fn is_behind(gate: &Gate) -> bool {
        !gate.phase.lock().drained.is_set()
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
        let limit = Duration::from_secs(60);
        assert_eq!(gate.wait_for_queue(&stop, limit), QueueWait::Drained);
        gate.close();
        gate.open();
        assert!(is_behind(&gate), "messages have waited meanwhile");
        catch_up(&gate, 0);
        gate.has_caught_up(1, round);
        assert!(is_behind(&gate), "that was the queue before it was closed");
        let timed_out = gate.wait_for_queue(&stop, Duration::ZERO);
        assert_eq!(timed_out, QueueWait::TimedOut);
        let again = gate.wait_for_queue(&stop, limit);
        assert_eq!(again, QueueWait::Drained, "it times out once a phase");
        assert_eq!(gate.behind(1), None, "the wait is over");
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
    fn a_wait_at_a_closed_gate_goes_on_when_it_opens() {
        let gate = Arc::new(Gate::new(1));
        catch_up(&gate, 0);
        gate.close();
        let (_stopper, stop) = stop_signal();
        let (begins, begun) = bounded(1);
        let (answer, answered) = bounded(1);
        let (exits, _ended) = bounded(1);
        let at_gate = Arc::clone(&gate);
        let pulses = Pulses::default();
        let of_thread = pulses.clone();
        spawn("waiting", &exits, move || {
            let _watched = of_thread.watch("waiting");
            let _ = begins.send(());
            // The timeout counts from when the gate is open.
            let _ = answer.send(at_gate.wait_for_queue(&stop, Duration::ZERO));
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
        assert!(answered.is_empty(), "it did not wait at the closed gate");
        gate.open();
        // Were the wait over when the gate opens, it would be taken for drained.
        assert_eq!(answered.recv_timeout(limit), Ok(QueueWait::TimedOut));
    }
}
