//! What was taken and what came of it, counted for the log.

use std::fmt;
use std::ops::AddAssign;

use crate::engine::{MeterNoticeKind, Notice, NoticeKind, Tally};
use crate::store::{Plan, Settlement};
use crate::types::counted;

/// Since they were last told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub(super) check_ins: u64,
    pub(super) check_outs: u64,
    /// Of the same stay once more.
    pub(super) duplicates: u64,
    /// Of a stay before the present one.
    pub(super) stale: u64,
    pub(super) ignored: u64,
    refused: u64,
    pub(super) readings: Tally,
    alerts: u64,
    reminders: u64,
    recovered: u64,
    closed: u64,
    silent: u64,
    heard: u64,
    frozen: u64,
    moving: u64,
    told: u64,
    given_up: u64,
    withdrawn: u64,
}

impl Counts {
    /// Counts what a plan holds.
    pub(super) fn plan(&mut self, plan: &Plan) {
        self.refused += plan.rejected.len() as u64;
        for notice in &plan.notices {
            *match notice {
                Notice::Room(notice) => match notice.kind {
                    NoticeKind::Alert => &mut self.alerts,
                    NoticeKind::Reminder => &mut self.reminders,
                    NoticeKind::Recovered => &mut self.recovered,
                    NoticeKind::Closed(_) => &mut self.closed,
                },
                Notice::Meters(notice) => match notice.kind {
                    MeterNoticeKind::Silent => &mut self.silent,
                    MeterNoticeKind::Heard => &mut self.heard,
                    MeterNoticeKind::Frozen => &mut self.frozen,
                    MeterNoticeKind::Moving => &mut self.moving,
                },
            } += 1;
        }
        for settled in &plan.settled {
            *match settled.how {
                Settlement::Sent(_) | Settlement::Logged => &mut self.told,
                Settlement::Expired | Settlement::Failed(_) => &mut self.given_up,
                Settlement::Withdrawn => &mut self.withdrawn,
            } += 1;
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.check_ins += other.check_ins;
        self.check_outs += other.check_outs;
        self.duplicates += other.duplicates;
        self.stale += other.stale;
        self.ignored += other.ignored;
        self.refused += other.refused;
        self.readings += other.readings;
        self.alerts += other.alerts;
        self.reminders += other.reminders;
        self.recovered += other.recovered;
        self.closed += other.closed;
        self.silent += other.silent;
        self.heard += other.heard;
        self.frozen += other.frozen;
        self.moving += other.moving;
        self.told += other.told;
        self.given_up += other.given_up;
        self.withdrawn += other.withdrawn;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            folded,
            late,
            judged,
            abnormal,
            gaps,
            outliers,
            meters_changed,
        } = self.readings;
        write!(
            f,
            "messages: {}, {}, {}, {} stale, {} ignored, {} refused; \
             meters: {}, {late} late, {}, {}, {meters_changed} replaced; \
             intervals: {judged} judged, {abnormal} abnormal; \
             notices: {}, {}, {} recovered, {} closed, {} silent, {} heard again, \
             {} frozen, {} moving again, {} told, {} given up, {} withdrawn",
            counted(self.check_ins, "check-in"),
            counted(self.check_outs, "check-out"),
            counted(self.duplicates, "duplicate"),
            self.stale,
            self.ignored,
            self.refused,
            counted(folded, "reading"),
            counted(gaps, "gap"),
            counted(outliers, "outlier"),
            counted(self.alerts, "alert"),
            counted(self.reminders, "reminder"),
            self.recovered,
            self.closed,
            counted(self.silent, "hotel"),
            self.heard,
            self.frozen,
            self.moving,
            self.told,
            self.given_up,
            self.withdrawn,
        )
    }
}
