//! When old rows are deleted: between two batches.

use std::time::{Duration, Instant};

use crate::outage::Outage;
use crate::store::{MAX_DELETED, Store};
use crate::types::counted;

/// How often old rows are deleted.
const EVERY: Duration = Duration::from_secs(3_600);

pub(super) struct Retention {
    keep_days: u32,
    due: Instant,
    /// The last deletion reached its limit: there can be more.
    more: bool,
    /// Rows deleted since that was last logged.
    deleted: u64,
    outage: Outage,
}

impl Retention {
    /// Due at once, then every hour.
    pub(super) fn new(keep_days: u32) -> Retention {
        Retention {
            keep_days,
            due: Instant::now(),
            more: false,
            deleted: 0,
            outage: Outage::new("deleting old rows").reported_at_once(),
        }
    }

    /// Deletes old rows when it is time to, or when there may be more of them and nothing else is
    /// to be done. A failure stops nothing: it is logged once, and the next try is in an hour.
    pub(super) fn tend(&mut self, store: &mut impl Store, idle: bool) {
        let now = Instant::now();
        if now < self.due && !(self.more && idle) {
            return;
        }
        self.due = now + EVERY;
        match store.delete_old(self.keep_days) {
            Ok(deleted) => {
                self.outage.ended();
                self.deleted += deleted;
                self.more = deleted >= MAX_DELETED;
            }
            Err(error) => {
                self.outage.failed(&error);
                self.more = false;
            }
        }
        if self.deleted > 0 && !self.more {
            log::info!(
                "deleted {} of refused messages and notices older than {}",
                counted(std::mem::take(&mut self.deleted), "row"),
                counted(self.keep_days, "day")
            );
        }
    }
}
