//! Signals, and what systemd is notified of.

use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::logging::LogFile;
use crate::pulse::Pulses;
use crate::threads::{Exit, Stop, Stopper, spawn, stop_signal};

/// SIGHUP reopens the log and is passed on to `hang_up`, which has room for one. The first SIGTERM
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
                // Full means that one is about to be handled.
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
///
/// # Errors
/// When the system refuses threads or signals.
pub fn interruption() -> std::io::Result<Stop> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let (stopper, stop) = stop_signal();
    // A command does not wait for this thread.
    let (exits, _) = bounded(1);
    spawn("signals", &exits, move || {
        let mut stopper = Some(stopper);
        for signal in &mut signals {
            if stopper.take().is_none() {
                std::process::exit(128 + signal);
            }
        }
    })?;
    Ok(stop)
}

/// Feeds systemd's watchdog as long as all threads make progress.
pub(super) fn feed_watchdog(pulses: &Pulses, patience: Duration, stop: &Stop) {
    while !stop.wait(patience / 4) {
        let stuck = pulses.stuck(patience / 2);
        if stuck.is_empty() {
            notify_systemd(&[NotifyState::Watchdog]);
        } else {
            log::error!(
                "no progress of {} for {} s: systemd's watchdog is no longer fed",
                stuck.join(", "),
                (patience / 2).as_secs()
            );
        }
    }
}

/// Notifies systemd of this process's state, if it is run by systemd.
pub(super) fn notify_systemd(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::warn!("can't notify systemd of the state: {error}");
    }
}
