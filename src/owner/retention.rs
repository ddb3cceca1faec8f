//! When old rows are deleted, and old refused messages reduced: between two batches.

use std::time::{Duration, Instant};

use crate::engine::RefusedBodies;
use crate::outage::Outage;
use crate::store::{MAX_DELETED, MAX_REDUCED, Store, StoreError, WHOLE_BODY_DAYS};
use crate::types::counted;

/// How often old rows are deleted and reduced.
const EVERY: Duration = Duration::from_secs(3_600);

pub(super) struct Retention {
    keep_days: u32,
    keep_incident_days: u32,
    due: Instant,
    /// The last time reached a limit: there can be more.
    more: bool,
    /// Rows deleted since that was last logged.
    deleted: u64,
    /// Incidents deleted since that was last logged.
    incidents: u64,
    /// Bodies reduced since that was last logged.
    reduced: u64,
    outage: Outage,
}

impl Retention {
    /// Due at once, then every hour.
    pub(super) fn new(keep_days: u32, keep_incident_days: u32) -> Retention {
        Retention {
            keep_days,
            keep_incident_days,
            due: Instant::now(),
            more: false,
            deleted: 0,
            incidents: 0,
            reduced: 0,
            outage: Outage::new("deleting old rows").reported_at_once(),
        }
    }

    /// Deletes and reduces old rows when it is time to, or when there may be more of them and
    /// nothing else is to be done. A failure stops nothing: it is logged once, and the next try is
    /// in an hour.
    pub(super) fn tend(&mut self, store: &mut impl Store, bodies: &RefusedBodies, idle: bool) {
        let now = Instant::now();
        if now < self.due && !(self.more && idle) {
            return;
        }
        self.due = now + EVERY;
        match self.clear(store, bodies) {
            Ok(more) => {
                self.outage.ended();
                self.more = more;
            }
            Err(error) => {
                self.outage.failed(&error);
                self.more = false;
            }
        }
        if self.more {
            return;
        }
        if self.deleted > 0 {
            log::info!(
                "deleted {} of refused messages, notices and frames older than {}",
                counted(std::mem::take(&mut self.deleted), "row"),
                counted(self.keep_days, "day")
            );
        }
        if self.incidents > 0 {
            log::info!(
                "deleted {} that ended more than {} ago",
                counted(std::mem::take(&mut self.incidents), "incident"),
                counted(self.keep_incident_days, "day")
            );
        }
        if self.reduced > 0 {
            log::info!(
                "reduced {} of refused messages older than {} to the fields that are configured",
                counted(std::mem::take(&mut self.reduced), "row"),
                counted(WHOLE_BODY_DAYS, "day")
            );
        }
    }

    /// Whether there can be more to delete or to reduce.
    fn clear(
        &mut self,
        store: &mut impl Store,
        bodies: &RefusedBodies,
    ) -> Result<bool, StoreError> {
        let deleted = store.delete_old(self.keep_days)?;
        self.deleted += deleted;
        let incidents = store.delete_incidents(self.keep_incident_days)?;
        self.incidents += incidents;
        let reduced = store.reduce_old(&|body| bodies.reduce(body))?;
        self.reduced += reduced;
        let most = deleted.max(incidents);
        Ok(most >= MAX_DELETED || reduced >= MAX_REDUCED)
    }
}
