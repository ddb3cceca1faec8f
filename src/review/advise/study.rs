//! Studies how much rooms use, and how many alerts each threshold would have raised.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;

use crate::engine::{NoticeKind, Outcome, Rules, Step, Steps, Thresholds, Watch, observe_each};
use crate::review::alerted::unusual_runs;
use crate::review::backtest::{judge, without_history};
use crate::review::explain::per_interval;
use crate::review::{AlertedRun, Past, Room};
use crate::types::{HotelId, Kind, LocalTime, Reading, RoomKey, WattHours};

/// A study of the rooms of one kind, in one hotel or in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Study {
    /// Rooms that were watched.
    pub rooms: u64,
    /// The sum of the times they were watched.
    pub seconds: i64,
    /// The longest time that one of them was watched, occupied and vacant. Seconds.
    pub span: i64,
    /// Rooms whose meter counts whole kWh.
    pub coarse: BTreeSet<RoomKey>,
    pub intervals: Distribution,
    /// The alerts that the configured rules would have raised.
    pub now: u64,
    /// The alerts that the baseline rule would have raised.
    pub baseline: u64,
    /// The alerts that each threshold would have raised, in the order of [`candidates`].
    pub alerts: Vec<u64>,
}

/// How often intervals had which energy, in steps of 10 Wh.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Intervals by their energy in tens of Wh, rounded up.
    counts: Vec<u64>,
    total: u64,
}

/// Studies of all hotels together, and of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Studies {
    pub all: BTreeMap<Kind, Study>,
    pub hotels: BTreeMap<HotelId, BTreeMap<Kind, Study>>,
    /// What the baseline rule would have raised alerts of.
    pub unusual: Vec<AlertedRun>,
}

/// The thresholds that are tried: in steps of 0.05 kWh below 1 kWh, where vacant rooms lie, and of
/// 0.1 kWh above.
pub fn candidates() -> Vec<WattHours> {
    let fine = (100..1_000).step_by(50);
    let coarse = (1_000..=3_000).step_by(100);
    fine.chain(coarse).map(WattHours).collect()
}

/// The highest step of the distribution, in Wh: more than any room uses.
const MOST: i64 = 100_000;

const WH_A_STEP: i64 = 10;

impl Distribution {
    /// Counts intervals with this energy.
    pub fn add(&mut self, energy: WattHours, intervals: u64) {
        let energy = energy.0.clamp(0, MOST);
        let step = ((energy + WH_A_STEP - 1) / WH_A_STEP) as usize;
        if self.counts.len() <= step {
            self.counts.resize(step + 1, 0);
        }
        self.counts[step] += intervals;
        self.total += intervals;
    }

    fn merge(&mut self, other: &Distribution) {
        let steps = self.counts.len().max(other.counts.len());
        self.counts.resize(steps, 0);
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    /// The number of intervals.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The energy that at least this share of the intervals did not exceed; `None` without
    /// intervals.
    pub fn quantile(&self, share: f64) -> Option<WattHours> {
        let wanted = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let step = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(WattHours(step as i64 * WH_A_STEP))
    }
}

impl Study {
    pub fn room_days(&self) -> f64 {
        self.seconds as f64 / 86_400.0
    }

    /// The alerts that one of the [`candidates`] would have raised.
    pub fn alerts_at(&self, threshold: WattHours) -> u64 {
        let at = candidates()
            .iter()
            .position(|&candidate| candidate == threshold);
        at.and_then(|at| self.alerts.get(at))
            .copied()
            .unwrap_or_default()
    }

    /// `alerts` as alerts per 100 rooms and day.
    pub fn rate(&self, alerts: u64) -> f64 {
        alerts as f64 * 100.0 / self.room_days().max(f64::MIN_POSITIVE)
    }

    fn merge(&mut self, other: &Study) {
        self.rooms += other.rooms;
        self.seconds += other.seconds;
        self.span = self.span.max(other.span);
        self.coarse.extend(other.coarse.iter().cloned());
        self.now += other.now;
        self.baseline += other.baseline;
        self.intervals.merge(&other.intervals);
        self.alerts
            .resize(self.alerts.len().max(other.alerts.len()), 0);
        for (count, more) in self.alerts.iter_mut().zip(&other.alerts) {
            *count += more;
        }
    }
}

impl Studies {
    fn merge(mut self, other: Studies) -> Studies {
        for (kind, study) in &other.all {
            self.all.entry(*kind).or_default().merge(study);
        }
        for (hotel, kinds) in other.hotels {
            let own = self.hotels.entry(hotel).or_default();
            for (kind, study) in &kinds {
                own.entry(*kind).or_default().merge(study);
            }
        }
        self
    }

    fn add(mut self, hotel: &HotelId, of_room: BTreeMap<Kind, Study>) -> Studies {
        let own = self.hotels.entry(hotel.clone()).or_default();
        for (kind, study) in &of_room {
            self.all.entry(*kind).or_default().merge(study);
            own.entry(*kind).or_default().merge(study);
        }
        self
    }
}

/// The rules to compare.
struct Tried {
    now: Rules,
    candidates: Vec<Rules>,
}

/// Studies every room with `rules`, and with each of the [`candidates`] as the threshold.
pub fn study(past: &Past, rules: &Rules) -> Studies {
    let now = without_history(rules);
    let candidates = candidates().into_iter();
    let tried = Tried {
        candidates: candidates.map(|wh| with_threshold(&now, wh)).collect(),
        now,
    };
    let mut studies = (past.rooms().par_iter())
        .fold(Studies::default, |studies, room| {
            studies.add(&room.key.hotel_id, study_room(room, past.from, &tried))
        })
        .reduce(Studies::default, Studies::merge);
    studies.unusual = unusual_runs(past, &tried.now);
    for run in &studies.unusual {
        let own = studies.hotels.get_mut(&run.room.hotel_id);
        for kinds in [Some(&mut studies.all), own].into_iter().flatten() {
            kinds.entry(run.kind).or_default().baseline += 1;
        }
    }
    studies
}

/// The same rules with one threshold for all rooms.
fn with_threshold(rules: &Rules, threshold: WattHours) -> Rules {
    let thresholds = Thresholds {
        checkin: threshold,
        checkout: threshold,
    };
    with_thresholds(rules, thresholds)
}

/// The same rules with these thresholds for all rooms.
pub(super) fn with_thresholds(rules: &Rules, thresholds: Thresholds) -> Rules {
    Rules {
        thresholds,
        hotel_thresholds: HashMap::new(),
        room_thresholds: HashMap::new(),
        ..rules.clone()
    }
}

fn study_room(room: &Room, from: LocalTime, tried: &Tried) -> BTreeMap<Kind, Study> {
    let mut kinds: BTreeMap<Kind, Study> = BTreeMap::new();
    let coarse = Steps::of(&room.readings).are_whole_kwh();
    for (stay, seconds) in room.watched(from) {
        if seconds > 0 {
            let study = kinds.entry(stay.kind()).or_default();
            study.rooms = 1;
            if coarse {
                study.coarse.insert(room.key.clone());
            }
            study.seconds += seconds;
            study.alerts.resize(tried.candidates.len(), 0);
        }
    }
    let span = kinds.values().map(|study| study.seconds).sum();
    kinds.values_mut().for_each(|study| study.span = span);
    for (state, readings) in room.watches(&tried.now, from) {
        let Some(study) = kinds.get_mut(&state.watch.stay.kind()) else {
            continue;
        };
        // The energies do not depend on the threshold, so they are taken once.
        let show = |reading: Reading, outcome: &Outcome, _: &Watch| {
            if let Step::Judged {
                periods,
                seconds,
                energy,
                ..
            } = outcome.step
                && reading.time >= from
            {
                let energy = per_interval(energy, seconds, &tried.now);
                study.intervals.add(energy, periods.into());
            }
        };
        observe_each(&room.key, &state, readings, &tried.now, show);
    }
    let mut count = |rules: &Rules, add: &dyn Fn(&mut Study)| {
        for notice in judge(room, rules, from) {
            if notice.kind == NoticeKind::Alert
                && let Some(study) = kinds.get_mut(&notice.stay.kind())
            {
                add(study);
            }
        }
    };
    count(&tried.now, &|study| study.now += 1);
    for (at, rules) in tried.candidates.iter().enumerate() {
        count(rules, &|study| study.alerts[at] += 1);
    }
    kinds
}
