//! How the threads of an instance end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};

use crate::owner::Ended;
use crate::store::StoreError;
use crate::threads::{Exit, Stop, Stopper};

use super::End;
use super::current::Current;

/// From the signal to the end, at most: below every supervisor's patience that is set to 30 s.
const DRAIN_PATIENCE: Duration = Duration::from_secs(25);

/// So often the log is asked to tell how much was left out of what repeats.
const LOG_COUNTED: Duration = Duration::from_secs(30);

/// The threads of an instance that owns the state.
pub(crate) struct Threads {
    /// Their names.
    pub(super) running: BTreeSet<String>,
    pub(super) owner_ended: Receiver<Ended>,
    /// Dropped when they are to end.
    pub(super) term: Stopper,
}

/// Why an instance's threads have ended.
pub(super) enum Over {
    End(End),
    /// To be started anew with another configuration.
    Reconfigured,
    /// Another instance owns the state.
    Replaced,
}

impl Threads {
    /// Ends them in order, without a signal; the error names one that panicked, or those that did
    /// not end.
    pub(crate) fn end(self, ended: &Receiver<Exit>) -> Result<(), String> {
        let Threads {
            mut running, term, ..
        } = self;
        drop(term);
        drain(&mut running, ended, Instant::now() + DRAIN_PATIENCE)
            .map_err(|_| Vec::from_iter(running).join(", "))
    }

    /// Waits for a signal, then for the threads. A thread that ends before is the end of all, but
    /// for an owner that has been replaced: then the others end too, and there is no end to tell.
    pub(super) fn wait(self, ended: &Receiver<Exit>, stop: &Stop, current: &mut Current) -> Over {
        let Threads {
            mut running,
            owner_ended,
            term,
        } = self;
        let mut early = None;
        let mut is_reconfigured = false;
        while early.is_none() && !is_reconfigured && !stop.is_set() {
            select! {
                recv(stop.channel()) -> _ => {}
                recv(ended) -> exit => early = exit.ok(),
                recv(current.reloaded) -> new => {
                    is_reconfigured = new.is_ok_and(|new| current.change(new));
                }
                default(LOG_COUNTED) => log::logger().flush(),
            }
        }
        // Both can be ready at once: a thread that heard of the stop first has ended in order.
        let died = early.take_if(|exit| exit.panicked || !stop.is_set());
        if let Some(exit) = &early {
            running.remove(&exit.thread);
        }
        if let Some(exit) = &died {
            if !was_replaced(exit, &owner_ended) {
                return Over::End(End::ThreadDied);
            }
            running.remove(&exit.thread);
        }
        drop(term);
        let mut deadline = Instant::now() + DRAIN_PATIENCE;
        // Consumers, sweep and notifiers end first; then the owner has nobody to wait for, writes
        // what is left, and its end lets the consumers acknowledge it.
        let mut drained = drain(&mut running, ended, deadline);
        // To be configured anew is no hurry: what is down is waited for, as ever.
        while is_reconfigured && !stop.is_set() && matches!(drained, Err(Undrained::TooLate)) {
            deadline = Instant::now() + DRAIN_PATIENCE;
            drained = drain(&mut running, ended, deadline);
        }
        if let Err(Undrained::TooLate) = drained {
            log::warn!(
                "{} did not end in {} s: ending without, nothing is lost",
                Vec::from_iter(running).join(", "),
                DRAIN_PATIENCE.as_secs()
            );
        }
        if died.is_some() {
            return match drained {
                Ok(()) => Over::Replaced,
                Err(_) => Over::End(End::ThreadDied),
            };
        }
        let how = owner_ended.try_recv();
        if is_reconfigured && !stop.is_set() {
            return match (drained, how) {
                (Err(_), _) => Over::End(End::ThreadDied),
                (Ok(()), Ok(Ended::Failed(error @ StoreError::Replaced { .. }))) => {
                    log::error!("{error}: this one forgets everything and stands by");
                    Over::Replaced
                }
                (Ok(()), Ok(Ended::Failed(error))) => {
                    log::error!("ending: {error}");
                    Over::End(End::ThreadDied)
                }
                (Ok(()), _) => Over::Reconfigured,
            };
        }
        match (drained, how) {
            (Err(Undrained::Panicked), _) => return Over::End(End::ThreadDied),
            (Err(Undrained::TooLate), _) => {}
            (Ok(()), Ok(Ended::GaveUp)) => log::warn!(
                "stopped while the database did not answer: messages not acknowledged will come \
                 again"
            ),
            (Ok(()), Ok(Ended::Failed(error))) => log::error!("stopped: {error}"),
            (Ok(()), Ok(Ended::Drained) | Err(_)) => {
                log::info!("stopped: everything taken is written");
            }
        }
        Over::End(End::Stopped)
    }
}

/// Why threads that were told to end did not do so in order.
pub(super) enum Undrained {
    Panicked,
    TooLate,
}

/// Waits for the ends of these threads; those that are left are those that did not end.
pub(super) fn drain(
    running: &mut BTreeSet<String>,
    ended: &Receiver<Exit>,
    deadline: Instant,
) -> Result<(), Undrained> {
    while !running.is_empty() {
        match ended.recv_deadline(deadline) {
            Ok(exit) if exit.panicked => {
                log::error!("thread {} panicked: ending", exit.thread);
                return Err(Undrained::Panicked);
            }
            Ok(exit) => {
                running.remove(&exit.thread);
            }
            Err(_) => return Err(Undrained::TooLate),
        }
    }
    Ok(())
}

/// Whether a thread has ended because another instance owns the state by now; says why if not.
fn was_replaced(exit: &Exit, owner_ended: &Receiver<Ended>) -> bool {
    // An owner that fails takes others with it, and theirs can be the first end to be heard of.
    match owner_ended.recv_timeout(Duration::from_secs(1)) {
        Ok(Ended::Failed(error @ StoreError::Replaced { .. })) if !exit.panicked => {
            log::error!("{error}: this one forgets everything and stands by");
            return true;
        }
        Ok(Ended::Failed(error)) => log::error!("ending: {error}"),
        Ok(Ended::Drained | Ended::GaveUp) | Err(_) => {}
    }
    let how = if exit.panicked { "panicked" } else { "ended" };
    log::error!(
        "thread {} {how}: ending; what is unwritten was not acknowledged",
        exit.thread
    );
    false
}
