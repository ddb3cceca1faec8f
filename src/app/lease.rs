//! Waiting for the lease, and keeping it.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::clock::{Clock, SystemClock};
use crate::figures::Figure;
use crate::http::Desk;
use crate::outage::Outage;
use crate::store::{Database, LEASE_KEPT_EVERY, Lease};
use crate::threads::Stop;

use super::current::Current;
use super::system::notify_systemd;

/// The thread that keeps the lease.
pub(super) const LEASE: &str = "lease";

/// Refusals in a row before a warning: for a while after a lost connection the server may still
/// hold the lease for it.
const REFUSALS_LOGGED: u32 = 6;

/// How long one attempt to acquire the lease waits. Between attempts a standby handles the stop
/// signal and a new configuration.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// Waits for the database and for the end of any other instance, and returns the lease; `None` if
/// the stop signal comes first.
pub(super) fn stand_by(
    current: &mut Current,
    database: &Database,
    desk: &Desk,
    stop: &Stop,
) -> Option<Box<dyn Lease>> {
    let mut lease = database.lease();
    let mut outage = Outage::new("waiting for the lease");
    let mut standing_by = false;
    while !stop.is_set() {
        if let Ok(new) = current.reloaded.try_recv() {
            current.change(new);
        }
        let started = Instant::now();
        match lease.acquire(ACQUIRE_TIMEOUT) {
            Ok(true) => return Some(lease),
            Ok(false) => {
                outage.ended();
                if !standing_by {
                    let zone = current.config.messages.zone;
                    desk.stand_by(SystemClock { zone }.now());
                    log::info!("standing by: another instance works on this database");
                    notify_systemd(&[NotifyState::Status("standing by")]);
                }
                standing_by = true;
                // Not every kind of lease waits in `acquire`.
                stop.wait(ACQUIRE_TIMEOUT.saturating_sub(started.elapsed()));
            }
            Err(error) => {
                current.figures.add(Figure::DatabaseErrors, 1);
                stop.wait(outage.failed(&error));
            }
        }
    }
    None
}

/// Keeps the lease until `end` is set. Losing it harms nothing by itself: an instance that takes
/// over raises the epoch, and this one can't write any more.
pub(super) fn keep(mut lease: Box<dyn Lease>, end: &Stop) {
    let mut outage = Outage::new("keeping the lease");
    let mut refusals = 0;
    while !end.wait(LEASE_KEPT_EVERY) {
        match lease.acquire(Duration::ZERO) {
            Ok(held) => {
                outage.ended();
                refusals = if held { 0 } else { refusals + 1 };
                if refusals == REFUSALS_LOGGED {
                    log::warn!("another instance has the lease and is about to take over");
                }
            }
            Err(error) => {
                outage.failed(&error);
            }
        }
    }
}
