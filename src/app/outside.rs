//! What the process hears from outside, and what it says there.

use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::logging::LogFile;
use crate::pulse::Pulses;
use crate::threads::{Exit, Stop, Stopper, spawn, stop_signal};

/// SIGHUP opens the log anew and tells `hang_up`, which has room for one. The first SIGTERM or
/// SIGINT begins an orderly stop; a second one ends the process at once, which is as safe as
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
                    log::error!("SIGHUP: log.file can't be opened anew: {error}");
                }
                // Full means that it is about to be heard of.
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
                    tell_manager(&[NotifyState::Stopping]);
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

/// Tells a command to stop at SIGTERM or SIGINT. A second one ends it at once.
///
/// # Errors
/// When the system refuses threads or signals.
pub fn interruption() -> std::io::Result<Stop> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let (stopper, stop) = stop_signal();
    // A command ends without asking for the thread's end.
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

/// Tells systemd's watchdog that all is well, as long as all threads make progress.
pub(super) fn feed(pulses: &Pulses, patience: Duration, stop: &Stop) {
    while !stop.wait(patience / 4) {
        let stuck = pulses.stuck(patience / 2);
        if stuck.is_empty() {
            tell_manager(&[NotifyState::Watchdog]);
        } else {
            log::error!(
                "no progress of {} for {} s: systemd is no longer told that all is well",
                stuck.join(", "),
                (patience / 2).as_secs()
            );
        }
    }
}

/// Tells systemd how it goes, where that has started this process.
pub(super) fn tell_manager(news: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(news) {
        log::warn!("systemd can't be told how it goes: {error}");
    }
}
