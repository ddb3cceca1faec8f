//! What rules would have told.

use rayon::prelude::*;

use crate::engine::{Change, RoomNotice, Rules, observe};

use super::{Past, Room};

/// A notice, and which of the rules told it.
pub struct Finding {
    pub rule: usize,
    pub notice: RoomNotice,
}

/// Every notice of each of `rules` from where the span begins on, ordered by (detected time, hotel,
/// room), then by the rules' order. They show no history of intervals.
pub fn backtest(past: &Past, rules: &[Rules]) -> Vec<Finding> {
    let rules: Vec<Rules> = rules.iter().map(without_history).collect();
    let mut findings: Vec<Finding> = (past.rooms().par_iter())
        .flat_map_iter(|room| {
            rules.iter().enumerate().flat_map(|(rule, rules)| {
                let notices = judge(room, rules).into_iter();
                notices.map(move |notice| Finding { rule, notice })
            })
        })
        .filter(|finding| finding.notice.detected >= past.from)
        .collect();
    // Stable, so that notices of one room at one time stay in the order of its stays.
    findings.par_sort_by(|a, b| {
        let (one, other) = (&a.notice, &b.notice);
        (one.detected, &one.room, a.rule).cmp(&(other.detected, &other.room, b.rule))
    });
    findings
}

/// The same rules, for many notices that nobody makes a card of.
pub(super) fn without_history(rules: &Rules) -> Rules {
    Rules {
        history_intervals: 0,
        ..rules.clone()
    }
}

/// Every notice of a room, in the order of its stays and readings.
pub fn judge(room: &Room, rules: &Rules) -> Vec<RoomNotice> {
    let mut notices = Vec::new();
    for (watch, readings) in room.watches(rules) {
        let changes = observe(&room.key, &watch, readings, rules).changes;
        notices.extend(changes.into_iter().filter_map(|change| match change {
            Change::Notice(notice) => Some(notice),
            _ => None,
        }));
    }
    notices
}
