//! Since when the present thresholds hold, for those who look at a stay later.

use std::time::{Duration, Instant};

use crate::engine::Rules;
use crate::outage::Outage;
use crate::store::Store;
use crate::types::{LocalTime, counted};

/// When it is tried again after a failure.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

pub(super) struct ThresholdRecord {
    /// When this instance began to judge by its rules.
    since: LocalTime,
    /// `None` once it is written: rules change with the owner.
    due: Option<Instant>,
    outage: Outage,
}

impl ThresholdRecord {
    pub(super) fn new(since: LocalTime) -> ThresholdRecord {
        ThresholdRecord {
            since,
            due: Some(Instant::now()),
            outage: Outage::new("recording thresholds").reported_at_once(),
        }
    }

    /// Records them when that is still to be done. A failure stops nothing: it is logged once.
    pub(super) fn tend(&mut self, store: &mut impl Store, rules: &Rules) {
        if self.due.is_none_or(|due| Instant::now() < due) {
            return;
        }
        match store.record_thresholds(rules, self.since) {
            Ok(changed) => {
                self.outage.ended();
                self.due = None;
                if changed > 0 {
                    log::info!(
                        "recorded {}, in force since {}",
                        counted(changed, "threshold"),
                        self.since
                    );
                }
            }
            Err(error) => {
                self.outage.failed(&error);
                self.due = Some(Instant::now() + AGAIN_AFTER);
            }
        }
    }
}
