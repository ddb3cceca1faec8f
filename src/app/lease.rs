//! Waiting for the lease, and keeping it.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::outage::Outage;
use crate::store::{Database, LEASE_KEPT_EVERY, Lease};
use crate::threads::Stop;

use super::current::Current;
use super::outside::tell_manager;

/// The thread that keeps the lease.
pub(super) const LEASE: &str = "lease";

/// So often the lease is refused before it is said: longer than the server keeps a dead one.
const REFUSALS_TOLD: u32 = 6;

/// How long the lock is waited for before it is said again that this instance stands by.
const STANDBY_PATIENCE: Duration = Duration::from_secs(2);

/// Waits for the database and for the end of any other instance. `None` when it is time to stop
/// first.
pub(super) fn stand_by(
    current: &mut Current,
    database: &Database,
    stop: &Stop,
) -> Option<Box<dyn Lease>> {
    let mut lease = database.lease();
    let mut outage = Outage::new("waiting for the lease");
    let mut standing_by = false;
    while !stop.is_set() {
        if let Ok(new) = current.reloaded.try_recv() {
            current.change(new);
        }
        let asked = Instant::now();
        match lease.acquire(STANDBY_PATIENCE) {
            Ok(true) => return Some(lease),
            Ok(false) => {
                outage.over();
                if !standing_by {
                    log::info!("standing by: another instance works on this database");
                    tell_manager(&[NotifyState::Status("standing by")]);
                }
                standing_by = true;
                // Not every kind of lease waits by itself.
                stop.wait(STANDBY_PATIENCE.saturating_sub(asked.elapsed()));
            }
            Err(error) => {
                stop.wait(outage.failed(&error));
            }
        }
    }
    None
}

/// Keeps the lease until it is over. Losing it harms nothing by itself: an instance that takes over
/// raises the epoch, and this one can't write any more.
pub(super) fn keep(mut lease: Box<dyn Lease>, over: &Stop) {
    let mut outage = Outage::new("keeping the lease");
    // After a lost connection the server takes a while to find out that this is the same one.
    let mut refused = 0;
    while !over.wait(LEASE_KEPT_EVERY) {
        match lease.acquire(Duration::ZERO) {
            Ok(held) => {
                outage.over();
                refused = if held { 0 } else { refused + 1 };
                if refused == REFUSALS_TOLD {
                    log::warn!("another instance has the lease and is about to take over");
                }
            }
            Err(error) => {
                outage.failed(&error);
            }
        }
    }
}
