//! The first layout of a room's state, written by version 0.1. It never changes.

use serde::Deserialize;

use crate::engine::{
    Baseline, Fold, Interval, Movement, Occupancy, RoomState, Run, Statuses, Stay,
    Watch as WatchNow,
};
use crate::types::{LocalTime, Reading, WattHours};

#[derive(Deserialize)]
pub(super) struct Watch {
    /// Version 0.1 did not count watches.
    #[serde(default)]
    number: u32,
    stay: Stay,
    initial: Option<Reading>,
    fold: OldFold,
    #[serde(default)]
    before: Vec<Interval>,
    history: Vec<Interval>,
    interval_seconds: i64,
}

#[derive(Deserialize)]
struct OldFold {
    sample: Option<Reading>,
    suspect: Option<Reading>,
    seen: Option<LocalTime>,
    run: Option<OldRun>,
    movement: Option<OldMovement>,
}

#[derive(Deserialize)]
struct OldRun {
    periods: u32,
    energy: WattHours,
    since: LocalTime,
    told: u32,
}

impl OldRun {
    /// The end of its last interval: the sample, unless intervals of exactly zero have followed
    /// that did not end it.
    fn reaches(&self, sample: Option<Reading>, movement: Option<&OldMovement>) -> LocalTime {
        let moved = movement.map(|last| last.at).filter(|&at| at > self.since);
        let sample = sample.map(|sample| sample.time);
        moved.or(sample).unwrap_or(self.since)
    }
}

#[derive(Deserialize)]
struct OldMovement {
    at: LocalTime,
    pause: Option<i64>,
}

impl Watch {
    pub(super) fn upgraded(self) -> RoomState {
        let OldFold {
            sample,
            suspect,
            seen,
            run,
            movement,
        } = self.fold;
        RoomState {
            // Version 0.1 only knew the last stay.
            occupancy: Occupancy::of(&self.stay),
            statuses: Statuses::default(),
            baseline: Baseline::default(),
            watches: self.number,
            watch: WatchNow {
                stay: self.stay,
                initial: self.initial,
                fold: Fold {
                    sample,
                    suspect,
                    seen,
                    run: run.map(|run| Run {
                        periods: run.periods,
                        energy: run.energy,
                        since: run.since,
                        until: run.reaches(sample, movement.as_ref()),
                        notified_at_periods: run.told,
                    }),
                    movement: movement.map(|last| Movement {
                        at: last.at,
                        pause: last.pause,
                    }),
                },
                before: self.before,
                history: self.history,
                interval_seconds: self.interval_seconds,
            },
        }
    }
}
