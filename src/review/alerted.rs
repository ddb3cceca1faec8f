//! The runs that there were alerts of, with their ends.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;

use crate::engine::{BaselineMode, Notice, NoticeKind, RoomNotice, Rule, Rules, RunKey};
use crate::types::{Kind, LocalTime, RoomKey};

use super::Past;
use super::backtest::unusual;

/// A run that there was an alert of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertedRun {
    pub room: RoomKey,
    pub kind: Kind,
    pub rule: Rule,
    /// When the room's stay began.
    pub stay: LocalTime,
    pub since: LocalTime,
    /// When the alert came.
    pub detected: LocalTime,
    /// When it ended; the room's last reading, if it goes on.
    pub until: LocalTime,
}

/// What one rule has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByRule {
    pub alerts: u64,
    pub rooms: u64,
    /// How long the runs went on, in all.
    pub seconds: i64,
}

/// The runs that notices, in the order of their times, raise an alert of.
pub fn alerted_runs<'a>(
    notices: impl IntoIterator<Item = &'a RoomNotice>,
    past: &Past,
) -> Vec<AlertedRun> {
    let mut runs: Vec<AlertedRun> = Vec::new();
    let mut places: HashMap<RunKey, usize> = HashMap::new();
    for notice in notices {
        match notice.kind {
            NoticeKind::Alert => {
                places.insert(notice.run(), runs.len());
                let readings = past.room(&notice.room).map(|room| &room.readings[..]);
                let last = readings.and_then(<[_]>::last).map(|last| last.time);
                runs.push(AlertedRun {
                    room: notice.room.clone(),
                    kind: notice.stay.kind(),
                    rule: notice.rule,
                    stay: notice.stay.time(),
                    since: notice.since,
                    detected: notice.detected,
                    until: last.unwrap_or(notice.detected).max(notice.detected),
                });
            }
            NoticeKind::Recovered | NoticeKind::Closed(_) => {
                if let Some(at) = places.remove(&notice.run()) {
                    runs[at].until = notice.until.unwrap_or(notice.detected);
                }
            }
            NoticeKind::Reminder => {}
        }
    }
    runs
}

/// Runs by their rooms.
pub(super) struct RunsByRoom<'a>(HashMap<&'a RoomKey, Vec<&'a AlertedRun>>);

impl<'a> RunsByRoom<'a> {
    pub(super) fn of(runs: impl IntoIterator<Item = &'a AlertedRun>) -> RunsByRoom<'a> {
        let mut rooms: HashMap<&RoomKey, Vec<&AlertedRun>> = HashMap::new();
        for run in runs {
            rooms.entry(&run.room).or_default().push(run);
        }
        RunsByRoom(rooms)
    }

    pub(super) fn runs(&self) -> impl Iterator<Item = &'a AlertedRun> {
        self.0.values().flatten().copied()
    }

    /// The first run of the same room at the same time.
    pub(super) fn beside(&self, run: &AlertedRun) -> Option<&'a AlertedRun> {
        let of_room = self.0.get(&run.room)?;
        let mut beside =
            { of_room.iter() }.filter(|other| run.since < other.until && other.since < run.until);
        beside.next().copied()
    }
}

/// Every run that the baseline rule would have raised an alert of, whatever its mode is.
pub(super) fn unusual_runs(past: &Past, rules: &Rules) -> Vec<AlertedRun> {
    let mut on = rules.clone();
    on.baseline.mode = BaselineMode::On;
    let hotels = past.hotels();
    let notices =
        { hotels.par_iter() }.flat_map_iter(|rooms| unusual(rooms, &on, past.from, |_, _, _| {}));
    let notices: Vec<Notice> = notices.collect();
    alerted_runs(notices.iter().filter_map(Notice::of_room), past)
}

/// What each rule has found.
pub fn by_rule(runs: &[AlertedRun]) -> BTreeMap<Rule, ByRule> {
    let mut rooms: BTreeSet<(Rule, &RoomKey)> = BTreeSet::new();
    let mut found: BTreeMap<Rule, ByRule> = BTreeMap::new();
    for run in runs {
        let of_rule = found.entry(run.rule).or_default();
        of_rule.alerts += 1;
        of_rule.seconds += run.until.since(run.since);
        of_rule.rooms += u64::from(rooms.insert((run.rule, &run.room)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Stay;
    use crate::review::{Finding, backtest};
    use crate::types::{Reading, WattHours};

    /// A heater for three hours; one for two and a half, until the meter is not read for hours; and
    /// one that is still on.
    #[test]
    fn runs_last_until_they_end_or_the_readings_do() {
        let begin = LocalTime::parse("2023-04-10 00:00:00").expect("a time");
        let at = |half_hours: i64| begin.plus(half_hours * 1_800);
        let mut past = Past::new(LocalTime::FIRST);
        let left = Stay::Vacant {
            actual_checkin: None,
            actual_checkout: begin,
        };
        past.add_stay(RoomKey::new("H001", "101"), left);
        let mut register = 0;
        for nth in (0..=13).chain(24..=29) {
            register += if nth == 7 || nth == 8 { 50 } else { 2_000 };
            let reading = Reading {
                time: at(nth),
                register: WattHours(register),
            };
            past.add_reading(0, reading);
        }
        let past = past.sorted();
        let findings = backtest(&past, &[Rules::default()]);
        let runs = alerted_runs(findings.iter().filter_map(Finding::of_room), &past);
        let times = runs.iter().map(|run| (run.since, run.detected, run.until));
        assert_eq!(
            times.collect::<Vec<_>>(),
            [
                (at(0), at(4), at(6)),
                (at(8), at(12), at(13)),
                (at(24), at(28), at(29))
            ]
        );
        let found = ByRule {
            alerts: 3,
            rooms: 1,
            seconds: 16 * 1_800,
        };
        assert_eq!(by_rule(&runs), BTreeMap::from([(Rule::Fixed, found)]));
    }
}
