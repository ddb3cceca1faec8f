//! How the threads of an instance end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};

use crate::owner::Ended;
use crate::store::StoreError;
use crate::threads::{Exit, Stop, Stopper};

use super::End;
use super::current::Current;

/// From the signal to the end, at most: supervisors often kill a process after 30 s.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(25);

/// How often the log writes how many lines it has suppressed.
const LOG_FLUSHED: Duration = Duration::from_secs(30);

/// The threads of an instance that owns the state.
pub(crate) struct Threads {
    /// Their names.
    pub(super) running: BTreeSet<String>,
    pub(super) owner_ended: Receiver<Ended>,
    /// Dropped when they are to end.
    pub(super) stopper: Stopper,
}

/// Why an instance's threads have ended.
pub(super) enum Ending {
    Process(End),
    /// They are to be started again with another configuration.
    Reconfigured,
    /// Another instance owns the state.
    Replaced,
}

impl Threads {
    /// Ends them in order, without a signal; the error names one that panicked, or those that did
    /// not end.
    pub(crate) fn end(self, ended: &Receiver<Exit>) -> Result<(), String> {
        let Threads {
            mut running,
            stopper,
            ..
        } = self;
        drop(stopper);
        drain(&mut running, ended, Instant::now() + DRAIN_TIMEOUT)
            .map_err(|_| Vec::from_iter(running).join(", "))
    }

    /// Waits for a signal, then for the threads. A thread that ends before is the end of all, but
    /// for an owner that has been replaced: then the others end too, and the process goes on.
    pub(super) fn wait(self, ended: &Receiver<Exit>, stop: &Stop, current: &mut Current) -> Ending {
        let Threads {
            mut running,
            owner_ended,
            stopper,
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
                default(LOG_FLUSHED) => log::logger().flush(),
            }
        }
        // Both can be ready at once: a thread that saw the stop first has ended in order.
        let died = early.take_if(|exit| exit.panicked || !stop.is_set());
        if let Some(exit) = &early {
            running.remove(&exit.thread);
        }
        if let Some(exit) = &died {
            if !was_replaced(exit, &owner_ended) {
                return Ending::Process(End::ThreadDied);
            }
            running.remove(&exit.thread);
        }
        drop(stopper);
        let mut deadline = Instant::now() + DRAIN_TIMEOUT;
        // Consumers, sweep and notifiers end first; then no one can send to the owner any more: it
        // writes what is left, and its end lets the consumers acknowledge it.
        let mut drained = drain(&mut running, ended, deadline);
        // A new configuration is not urgent: servers that are down are waited for as always.
        while is_reconfigured && !stop.is_set() && matches!(drained, Err(Undrained::TooLate)) {
            deadline = Instant::now() + DRAIN_TIMEOUT;
            drained = drain(&mut running, ended, deadline);
        }
        if let Err(Undrained::TooLate) = drained {
            log::warn!(
                "{} did not end within {} s: exiting without waiting any longer, nothing is lost",
                Vec::from_iter(running).join(", "),
                DRAIN_TIMEOUT.as_secs()
            );
        }
        if died.is_some() {
            return match drained {
                Ok(()) => Ending::Replaced,
                Err(_) => Ending::Process(End::ThreadDied),
            };
        }
        let how = owner_ended.try_recv();
        if is_reconfigured && !stop.is_set() {
            return match (drained, how) {
                (Err(_), _) => Ending::Process(End::ThreadDied),
                (Ok(()), Ok(Ended::Failed(error @ StoreError::Replaced { .. }))) => {
                    log::error!("{error}: this instance drops its state and becomes a standby");
                    Ending::Replaced
                }
                (Ok(()), Ok(Ended::Failed(error))) => {
                    log::error!("exiting: {error}");
                    Ending::Process(End::ThreadDied)
                }
                (Ok(()), _) => Ending::Reconfigured,
            };
        }
        match (drained, how) {
            (Err(Undrained::Panicked), _) => return Ending::Process(End::ThreadDied),
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
        Ending::Process(End::Stopped)
    }
}

/// Why threads did not end in order when they were asked to.
pub(super) enum Undrained {
    Panicked,
    TooLate,
}

/// Waits until these threads have ended; on an error `running` holds those that have not.
pub(super) fn drain(
    running: &mut BTreeSet<String>,
    ended: &Receiver<Exit>,
    deadline: Instant,
) -> Result<(), Undrained> {
    while !running.is_empty() {
        match ended.recv_deadline(deadline) {
            Ok(exit) if exit.panicked => {
                log::error!("thread {} panicked: exiting", exit.thread);
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

/// Whether a thread has ended because another instance owns the state now; logs why if not.
fn was_replaced(exit: &Exit, owner_ended: &Receiver<Ended>) -> bool {
    // When the owner fails other threads end, too, and one of them may be reported first.
    match owner_ended.recv_timeout(Duration::from_secs(1)) {
        Ok(Ended::Failed(error @ StoreError::Replaced { .. })) if !exit.panicked => {
            log::error!("{error}: this instance drops its state and becomes a standby");
            return true;
        }
        Ok(Ended::Failed(error)) => log::error!("exiting: {error}"),
        Ok(Ended::Drained | Ended::GaveUp) | Err(_) => {}
    }
    let how = if exit.panicked { "panicked" } else { "ended" };
    log::error!(
        "thread {} {how}: exiting; nothing unwritten was acknowledged",
        exit.thread
    );
    false
}
