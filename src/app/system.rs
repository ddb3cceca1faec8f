//! Signals, and systemd's status and watchdog.

use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::logging::LogFile;
use crate::pulse::Pulses;
use crate::threads::{Exit, Stop, Stopper, spawn, stop_signal};

/// SIGHUP reopens the log and sends to `hang_up`, a channel with room for one. The first SIGTERM
/// or SIGINT begins an orderly stop; a second one ends the process at once, which is as safe as
/// SIGKILL.
pub(super) fn listen_to_signals(
    stopper: Stopper,
    hang_up: Sender<()>,
    log_file: LogFile,
    exits: &Sender<Exit>,
) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    spawn("signals", exits, move || {
        let mut stopper = Some(stopper);
        for signal in &mut signals {
            if signal == SIGHUP {
                if let Err(error) = log_file.reopen() {
                    log::error!("SIGHUP: log.file can't be reopened: {error}");
                }
                // If the channel is full, a SIGHUP that is still to be handled covers this one.
                let _ = hang_up.try_send(());
                continue;
            }
            let name = if signal == SIGINT {
                "SIGINT"
            } else {
                "SIGTERM"
            };
            match stopper.take() {
                Some(stopper) => {
                    log::info!("{name}: stopping");
                    notify_systemd(&[NotifyState::Stopping]);
                    drop(stopper);
                }
                None => {
                    log::warn!("{name} again: ending at once");
                    std::process::exit(128 + signal);
                }
            }
        }
    })
}

/// A signal that is set at SIGTERM or SIGINT, for a command. A second one ends the process at once.
/// Where it is used `at_a_terminal`, a terminal that is closed (SIGHUP) ends it in order, too.
///
/// # Errors
/// When the system refuses threads or signals.
pub fn interruption(at_a_terminal: bool) -> std::io::Result<Stop> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    if at_a_terminal {
        signals.add_signal(SIGHUP)?;
    }
    let (stopper, stop) = stop_signal();
    // A command does not wait for this thread, so its exit is not received.
    let (exits, _) = bounded(1);
    spawn("signals", &exits, move || {
        let mut stopper = Some(stopper);
        for signal in &mut signals {
            // A terminal that is closed may send it twice: the system, and the shell.
            if stopper.take().is_none() && signal != SIGHUP {
                std::process::exit(128 + signal);
            }
        }
    })?;
    Ok(stop)
}

/// Feeds systemd's watchdog as long as all threads make progress.
pub(super) fn feed_watchdog(pulses: &Pulses, timeout: Duration, stop: &Stop) {
    while !stop.wait(timeout / 4) {
        let stuck = pulses.stuck(timeout / 2);
        if stuck.is_empty() {
            notify_systemd(&[NotifyState::Watchdog]);
        } else {
            log::error!(
                "no progress of {} for {} s: systemd's watchdog is no longer fed, so that systemd \
                 restarts the service",
                stuck.join(", "),
                (timeout / 2).as_secs()
            );
        }
    }
}

/// Notifies systemd of this process's state, if systemd started it.
pub(super) fn notify_systemd(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::warn!("can't notify systemd of the state: {error}");
    }
}
