//! Which alerts other rules would have spared, and which they would have added.

use std::io;

use rayon::ThreadPoolBuilder;

use crate::engine::{BaselineMode, Rules};
use crate::store::{Archive, Scope, StoreError};
use crate::types::{HotelId, LocalTime};

use super::alerted::RunsByRoom;
use super::{AlertedRun, Finding, LEARNED_BEFORE, Past, alerted_runs, backtest, read_archive};

/// How long before the span judging begins, where nothing has to be learned: a run that goes on
/// when the span begins is followed from its beginning. Seconds.
const FOLLOWED_BEFORE: i64 = 24 * 3_600;

/// The alerts of two sets of rules, in the order of their times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Of the first rules alone.
    pub spared: Vec<AlertedRun>,
    /// Of both, as the first rules have found them.
    pub kept: Vec<AlertedRun>,
    /// Of the second rules alone.
    pub added: Vec<AlertedRun>,
    /// How many the second rules raise in all: one of theirs may stand for several.
    pub after: usize,
}

impl Comparison {
    /// How many the first rules raise in all.
    pub fn before(&self) -> usize {
        self.spared.len() + self.kept.len()
    }
}

/// Reads what [`compare`] needs of a hotel to compare these rules from `from` up to `to`.
///
/// # Errors
/// Any [`StoreError`] of the connection or its tables.
pub fn read_hotel(
    archive: &mut dyn Archive,
    hotel: &HotelId,
    (from, to): (LocalTime, LocalTime),
    rules: &[Rules; 2],
) -> Result<Past, StoreError> {
    let learns = { rules.iter() }.any(|rules| rules.baseline.mode == BaselineMode::On);
    let before = match learns {
        true => LEARNED_BEFORE,
        false => FOLLOWED_BEFORE,
    };
    let (past, _) = read_archive(archive, Scope::Hotel(hotel), from.plus(-before), to, rules)?;
    Ok(past)
}

/// Compares the alerts from `from` on. An alert is the same by both rules where their runs have
/// some time in common. It takes one thread of its own, so that what judges goes on beside it.
///
/// # Errors
/// The system refuses a thread.
pub fn compare(past: &Past, from: LocalTime, rules: &[Rules; 2]) -> io::Result<Comparison> {
    let pool = ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(io::Error::other)?;
    let findings = pool.install(|| backtest(past, rules));
    let of = |rule: usize| {
        let findings = findings.iter().filter(|finding| finding.rule == rule);
        let mut runs = alerted_runs(findings.filter_map(Finding::of_room), past);
        runs.retain(|run| run.detected >= from);
        runs
    };
    let (before, after) = (of(0), of(1));
    let count = after.len();
    let (kept, spared) = split(before.clone(), &after);
    let (_, added) = split(after, &before);
    Ok(Comparison {
        spared,
        kept,
        added,
        after: count,
    })
}

/// The runs that have some time in common with one of `others`, and those that have none.
fn split(runs: Vec<AlertedRun>, others: &[AlertedRun]) -> (Vec<AlertedRun>, Vec<AlertedRun>) {
    let others = RunsByRoom::of(others);
    { runs.into_iter() }.partition(|run| others.beside(run).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Stay, Thresholds};
    use crate::types::{Reading, RoomKey, WattHours};

    /// In one room 2.0 kWh for three hours and, later, 1.7 kWh for three hours; in another one
    /// 1.2 kWh for three hours.
    #[test]
    fn alerts_are_spared_kept_and_added() {
        let begin = LocalTime::parse("2023-04-10 00:00:00").expect("a time");
        let mut past = Past::new(begin.plus(-86_400));
        for (place, (room, used)) in [
            ("101", [[2_000; 6], [50; 6], [1_700; 6], [50; 6]].concat()),
            ("102", [[50; 6], [1_200; 6], [50; 6]].concat()),
        ]
        .into_iter()
        .enumerate()
        {
            let left = Stay::Vacant {
                actual_checkin: None,
                actual_checkout: begin,
            };
            past.add_stay(RoomKey::new("H001", room), left);
            let mut register = 0;
            for (nth, wh) in std::iter::once(0).chain(used).enumerate() {
                register += wh;
                let reading = Reading {
                    time: begin.plus(1_800 * nth as i64),
                    register: WattHours(register),
                };
                past.add_reading(place, reading);
            }
        }
        let past = past.sorted();
        let with = |checkout: i64| Rules {
            thresholds: Thresholds {
                checkout: WattHours(checkout),
                ..Rules::default().thresholds
            },
            ..Rules::default()
        };
        let compared = |other, from| {
            let compared = compare(&past, from, &[with(1_500), with(other)]).expect("a thread");
            let rooms = |runs: &[AlertedRun]| -> Vec<String> {
                let hour = |time: LocalTime| time.since(begin) / 1_800;
                let rooms = runs.iter().map(|run| (&run.room, hour(run.since)));
                rooms.map(|(room, at)| format!("{room} {at}")).collect()
            };
            assert_eq!(
                compared.before(),
                compared.spared.len() + compared.kept.len()
            );
            let Comparison {
                spared,
                kept,
                added,
                after,
            } = &compared;
            (rooms(spared), rooms(kept), rooms(added), *after)
        };
        let is = |runs: &[&str]| -> Vec<String> { runs.iter().map(|&run| run.into()).collect() };
        let (first, second) = ("H001/101 0", "H001/101 12");
        let both = is(&[first, second]);
        assert_eq!(compared(1_500, begin), (is(&[]), both.clone(), is(&[]), 2));
        assert_eq!(
            compared(1_800, begin),
            (is(&[second]), is(&[first]), is(&[]), 1)
        );
        let added = is(&["H001/102 6"]);
        assert_eq!(compared(1_000, begin), (is(&[]), both, added, 3));
        // Of 2 kWh the alert came before.
        let later = begin.plus(4 * 3_600);
        assert_eq!(compared(1_800, later), (is(&[second]), is(&[]), is(&[]), 0));
    }
}
