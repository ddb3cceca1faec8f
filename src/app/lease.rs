//! Waiting for the lease, and keeping it.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::outage::Outage;
use crate::store::{Database, LEASE_KEPT_EVERY, Lease};
use crate::threads::Stop;

use super::current::Current;
use super::outside::notify_systemd;

/// The thread that keeps the lease.
pub(super) const LEASE: &str = "lease";

/// The lease is refused so many times before that is logged: the server may take that long to
/// release a dead connection's.
const REFUSALS_LOGGED: u32 = 6;

/// How long one try for the lease waits: a stop and a new configuration are seen between tries.
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
                outage.ended();
                if !standing_by {
                    log::info!("standing by: another instance works on this database");
                    notify_systemd(&[NotifyState::Status("standing by")]);
                }
                standing_by = true;
                // Not every kind of lease waits in `acquire`.
                stop.wait(STANDBY_PATIENCE.saturating_sub(asked.elapsed()));
            }
            Err(error) => {
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
    // After a lost connection the server may hold the lease for the dead one for a while.
    let mut refused = 0;
    while !end.wait(LEASE_KEPT_EVERY) {
        match lease.acquire(Duration::ZERO) {
            Ok(held) => {
                outage.ended();
                refused = if held { 0 } else { refused + 1 };
                if refused == REFUSALS_LOGGED {
                    log::warn!("another instance has the lease and is about to take over");
                }
            }
            Err(error) => {
                outage.failed(&error);
            }
        }
    }
}
