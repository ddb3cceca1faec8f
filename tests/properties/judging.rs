//! What a verdict and a notice are, whatever the meter did.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use roomwatt::engine::{
    Closing, Fold, NoticeKind, Outcome, RoomNotice, Rules, Run, RunEnd, Stay, Step, observe,
};
use roomwatt::types::{LocalTime, Reading, WattHours};

use crate::config;
use crate::player::notices;
use crate::world::{World, room_key, world, world_with_statuses};

/// One reading of a watch: the state before and after it, its outcome, and the notices.
struct Seen {
    reading: Reading,
    before: Fold,
    outcome: Outcome,
    after: Fold,
    notices: Vec<RoomNotice>,
}

/// A watch's readings one by one.
fn seen(world: &World, stay: Stay, readings: &[Reading]) -> Vec<Seen> {
    let rules = &world.rules;
    let mut state = world.state(&stay);
    let exempt = state.exempt(rules);
    let threshold = rules.threshold(&room_key(), stay.kind());
    let steps = readings.iter().map(|&reading| {
        let before = state.watch.fold.clone();
        let outcome = before
            .clone()
            .step(reading, stay.time(), threshold, &exempt, rules);
        let transition = observe(&room_key(), &state, &[reading], rules);
        state = transition.state;
        Seen {
            reading,
            before,
            outcome,
            after: state.watch.fold.clone(),
            notices: notices(&transition.changes).into_iter().cloned().collect(),
        }
    });
    steps.collect()
}

/// A run as its intervals make it.
fn run_of(
    intervals: &[(Reading, u32, WattHours)],
    until: Option<LocalTime>,
    notified_at_periods: u32,
) -> Option<Run> {
    let (opened, ..) = intervals.first()?;
    Some(Run {
        periods: intervals.iter().map(|(_, periods, _)| periods).sum(),
        energy: intervals.iter().map(|(.., energy)| *energy).sum(),
        since: opened.time,
        until: until?,
        notified_at_periods,
    })
}

proptest! {
    #![proptest_config(config())]

    /// "abnormal when diff * interval > threshold * elapsed, strictly"; "periods =
    /// floor((elapsed + tolerance) / interval)"; nothing is judged over a gap, before the stay, or
    /// from one meter to another.
    #[test]
    fn an_interval_is_judged_on_one_meter_without_a_gap_by_whole_numbers(
        world in prop_oneof![world(), world_with_statuses()],
    ) {
        let rules = &world.rules;
        let (interval, tolerance) = (rules.interval_seconds, rules.interval_seconds / 10);
        for (stay, readings) in world.watches() {
            let threshold = rules.threshold(&room_key(), stay.kind());
            for Seen { reading, before, outcome, after, .. } in seen(&world, stay, readings) {
                // nor is a meter taken for another one sooner than an interval after its suspect
                if outcome.meter_changed {
                    let suspect = before.suspect.expect("it was suspected").time;
                    prop_assert!(reading.time.since(suspect) >= interval - tolerance);
                }
                let Step::Judged { periods, seconds, energy, abnormal } = outcome.step else {
                    prop_assert!(outcome.notify.is_none());
                    continue;
                };
                // the base is the sample, or the new meter's first reading
                let base = if outcome.meter_changed { before.suspect } else { before.sample };
                let base = base.expect("an interval has a beginning");
                prop_assert_eq!(seconds, reading.time.since(base.time));
                prop_assert!(interval - tolerance <= seconds && seconds <= rules.max_gap_seconds);
                prop_assert!(stay.time().since(base.time) <= tolerance);
                prop_assert!(reading.time > stay.time());

                let rise = reading.register.0 - base.register.0;
                let kept = after.sample.expect("an interval ends at the sample");
                prop_assert_eq!(kept.time, reading.time);
                if rise >= 0 {
                    prop_assert_eq!(energy.0, rise);
                    prop_assert_eq!(kept.register, reading.register);
                } else if rise >= -20 {
                    prop_assert_eq!(energy.0, 0);
                    prop_assert_eq!(kept.register, base.register);
                } else {
                    let modulus = rules.register_modulus.expect("only a rollover falls").0;
                    prop_assert!(base.register.0 * 10 > modulus * 9);
                    prop_assert!(reading.register.0 * 10 < modulus);
                    prop_assert_eq!(energy.0, rise + modulus);
                }
                let most = rules.max_plausible.0 * seconds.max(interval);
                prop_assert!(energy.0 * interval <= most);

                prop_assert_eq!(i64::from(periods), (seconds + tolerance) / interval);
                prop_assert_eq!(abnormal, energy.0 * interval > threshold.0 * seconds);
                if outcome.meter_changed && abnormal {
                    prop_assert_eq!(after.run.map(|run| run.since), Some(base.time));
                }
            }
        }
    }

    /// A run is its intervals: alert first, reminders at least doubling, recovered or closed only
    /// after an alert, "with the ended run's periods, energy and start".
    #[test]
    fn notices_follow_the_run(world in prop_oneof![world(), world_with_statuses()]) {
        let rules = &world.rules;
        for (stay, readings) in world.watches() {
            let mut intervals: Vec<(Reading, u32, WattHours)> = Vec::new();
            let mut notified = 0;
            // the end of the run's last interval
            let mut used: Option<LocalTime> = None;
            // when the register last rose: while the room is cleaned, too
            let mut moved: Option<LocalTime> = None;
            for step in seen(&world, stay, readings) {
                let Seen { reading, before, outcome, after, notices } = step;
                let mut base = before.sample;
                let mut closed = None;
                if outcome.meter_changed {
                    base = before.suspect;
                    let run = run_of(&intervals, used, notified);
                    let why = Closing::MeterChanged;
                    prop_assert_eq!(outcome.ended, run.map(|run| (run, RunEnd::Closed(why))));
                    closed = run.filter(|_| notified > 0).map(|run| (NoticeKind::Closed(why), run));
                    intervals.clear();
                    notified = 0;
                }
                let mut expected = None;
                let run = run_of(&intervals, used, notified);
                match outcome.step {
                    Step::Judged { abnormal: true, periods, energy, .. } => {
                        intervals.push((base.expect("a base"), periods, energy));
                        used = Some(reading.time);
                        moved = used;
                        let run = run_of(&intervals, used, notified).expect("it has just grown");
                        if notified == 0 && run.periods >= rules.alert_periods {
                            expected = Some((NoticeKind::Alert, run));
                        } else if notified > 0 && run.periods >= 2 * notified {
                            expected = Some((NoticeKind::Reminder, run));
                        }
                        if expected.is_some() {
                            notified = run.periods;
                        }
                    }
                    Step::Judged { abnormal: false, energy: WattHours(0), .. }
                        if notified > 0
                            && moved.is_some_and(|moved| {
                                reading.time.since(moved) < rules.silent_after_seconds
                            }) =>
                    {
                        prop_assert!(outcome.held);
                        prop_assert_eq!(outcome.ended, None);
                    }
                    Step::Judged { abnormal: false, .. } => {
                        prop_assert!(!outcome.held);
                        let ended = run.filter(|_| notified > 0);
                        expected = ended.map(|run| (NoticeKind::Recovered, run));
                        intervals.clear();
                        notified = 0;
                    }
                    Step::OutOfOrder { since, .. } => {
                        let why = NoticeKind::Closed(Closing::OutOfOrder { at: since });
                        closed = closed.or(run.filter(|_| notified > 0).map(|run| (why, run)));
                        intervals.clear();
                        notified = 0;
                    }
                    Step::Cleaning { energy, .. } => {
                        prop_assert!(outcome.meter_changed || outcome.ended.is_none());
                        moved = Some(reading.time).filter(|_| energy.0 != 0).or(moved);
                    }
                    Step::Gap { .. } => {
                        let gap = NoticeKind::Closed(Closing::Gap);
                        closed = closed.or(run.filter(|_| notified > 0).map(|run| (gap, run)));
                        intervals.clear();
                        notified = 0;
                    }
                    _ => {}
                }
                prop_assert_eq!(after.run, run_of(&intervals, used, notified));
                let expected: Vec<_> = closed
                    .iter()
                    .chain(&expected)
                    .map(|(kind, run)| (*kind, reading.time, run.since, run.periods, run.energy))
                    .collect();
                let got: Vec<_> = notices
                    .iter()
                    .map(|n| (n.kind, n.detected, n.since, n.periods, n.energy))
                    .collect();
                prop_assert_eq!(got, expected);
                for notice in notices {
                    prop_assert!(notice.since < notice.detected);
                    prop_assert!(notice.periods >= rules.alert_periods);
                    prop_assert_eq!(notice.stay, stay);
                    prop_assert!(notice.history.len() <= rules.history_intervals);
                }
            }
        }
    }

    /// An implausible reading "is held as `suspect` and changes nothing else", nor does one that
    /// fits it too soon; what is dropped leaves the room as if it had never been read, but for
    /// `seen`.
    #[test]
    fn an_outlier_leaves_no_trace(world in prop_oneof![world(), world_with_statuses()]) {
        for (stay, readings) in world.watches() {
            let steps = seen(&world, stay, readings);
            for step in steps.iter().filter(|step| step.outcome.step == Step::Suspect) {
                let held = Fold {
                    suspect: Some(step.reading),
                    seen: Some(step.reading.time),
                    ..step.before.clone()
                };
                prop_assert_eq!(&step.after, &held);
            }
            for step in steps.iter().filter(|step| step.outcome.step == Step::Undecided) {
                let suspect = step.before.suspect.expect("it waits");
                let since = step.reading.time.since(suspect.time);
                prop_assert!(since < world.rules.shortest_interval_seconds());
                let held = Fold { seen: Some(step.reading.time), ..step.before.clone() };
                prop_assert_eq!(&step.after, &held);
            }
            for step in steps.iter().filter(|step| step.outcome.outlier_dropped) {
                let mut without = Fold { suspect: None, ..step.before.clone() };
                let threshold = world.rules.threshold(&room_key(), stay.kind());
                let exempt = world.state(&stay).exempt(&world.rules);
                without.step(step.reading, stay.time(), threshold, &exempt, &world.rules);
                prop_assert_eq!(&step.after, &without);
            }
        }
    }

    /// "Registers are integers [...]: no decision hangs on floating point": what a meter counted
    /// before we looked is no part of any verdict.
    #[test]
    fn a_meter_with_another_first_register_gives_the_same_notices(
        world in world(),
        shift in -900_000_000_000_000_000..900_000_000_000_000_000i64,
    ) {
        let mut world = world;
        world.rules.register_modulus = None;
        let mut shifted = world.clone();
        for reading in &mut shifted.readings {
            reading.register += WattHours(shift);
        }
        let (room, mut other) = (world.in_time(), shifted.in_time());
        prop_assert_eq!(other.notices(), room.notices());
        let watch = &mut other.state.as_mut().expect("a watch").watch;
        let Fold { sample, suspect, .. } = &mut watch.fold;
        for reading in [&mut watch.initial, sample, suspect].into_iter().flatten() {
            reading.register = reading.register - WattHours(shift);
        }
        prop_assert_eq!(other.state, room.state);
    }

    /// The clock's face is no part of any verdict either: not :00 and :30, not midnight.
    #[test]
    fn another_hour_of_another_day_gives_the_same_notices(
        world in world(),
        shift in -60_000_000_000..200_000_000_000i64,
    ) {
        let mut shifted = world.clone();
        for reading in &mut shifted.readings {
            reading.time = reading.time.plus(shift);
        }
        for stay in &mut shifted.stays {
            *stay = later(*stay, shift);
        }
        let (room, other) = (world.in_time(), shifted.in_time());
        let back: Vec<RoomNotice> = other
            .notices()
            .into_iter()
            .cloned()
            .map(|notice| RoomNotice {
                kind: match notice.kind {
                    NoticeKind::Closed(Closing::NewStay { kind, at }) => {
                        NoticeKind::Closed(Closing::NewStay { kind, at: at.plus(-shift) })
                    }
                    kind => kind,
                },
                stay: later(notice.stay, -shift),
                until: notice.until.map(|until| until.plus(-shift)),
                detected: notice.detected.plus(-shift),
                since: notice.since.plus(-shift),
                ..notice
            })
            .collect();
        prop_assert_eq!(back.iter().collect::<Vec<_>>(), room.notices());
        let [watch, other] = [room, other].map(|room| room.state.expect("a watch").watch);
        prop_assert_eq!(other.history, watch.history);
        let run = other.fold.run.map(|run| Run {
            since: run.since.plus(-shift),
            until: run.until.plus(-shift),
            ..run
        });
        prop_assert_eq!(run, watch.fold.run);
    }
}

fn later(stay: Stay, seconds: i64) -> Stay {
    match stay {
        Stay::Occupied {
            check_in,
            expected_checkout,
        } => Stay::Occupied {
            check_in: check_in.plus(seconds),
            expected_checkout: expected_checkout.map(|time| time.plus(seconds)),
        },
        Stay::Vacant {
            actual_checkin,
            actual_checkout,
        } => Stay::Vacant {
            actual_checkin: actual_checkin.map(|time| time.plus(seconds)),
            actual_checkout: actual_checkout.plus(seconds),
        },
    }
}

/// What there is to see in a step.
fn tags(step: &Seen, stay: Stay, rules: &Rules) -> Vec<&'static str> {
    let outcome = &step.outcome;
    let again = outcome.step == Step::Suspect && step.before.suspect.is_some();
    let ended = outcome
        .ended
        .map(|(run, end)| (run.notified_at_periods > 0, end));
    let closed = ended.is_some_and(|(notified, end)| notified && end != RunEnd::Recovered);
    let mut tags = vec![
        ("outlier dropped", outcome.outlier_dropped),
        ("meter changed", outcome.meter_changed),
        ("new suspect", again),
        ("undecided", outcome.step == Step::Undecided),
        ("zero that ends no run", outcome.held),
        ("gap", matches!(outcome.step, Step::Gap { .. })),
        ("across the stay", outcome.step == Step::AcrossStay),
        ("too old", outcome.step == Step::BeforeStay),
        ("repeated", outcome.step == Step::Late),
        ("silent end", ended.is_some_and(|(notified, _)| !notified)),
        ("alerted run closed", closed),
    ];
    if let Step::Judged {
        periods,
        seconds,
        energy,
        abnormal,
    } = outcome.step
    {
        let used = |wh: i64| wh * rules.interval_seconds;
        let limit = rules.threshold(&room_key(), stay.kind()).0 * seconds;
        let sample = step.before.sample.map_or(0, |sample| sample.register.0);
        let fell = step.reading.register.0 < sample && !outcome.meter_changed;
        tags.extend([
            ("several periods", periods > 1),
            ("the threshold", limit > 0 && used(energy.0) == limit),
            ("just above it", abnormal && used(energy.0 - 1) <= limit),
            ("27:00", seconds == rules.interval_seconds * 9 / 10),
            ("120:00", seconds == rules.max_gap_seconds),
            ("jitter", fell && energy.0 == 0),
            (
                "recovered by zero",
                energy.0 == 0
                    && ended.is_some_and(|(notified, end)| notified && end == RunEnd::Recovered),
            ),
            ("rollover", fell && energy.0 > 0),
        ]);
    }
    let tags = tags.into_iter().filter(|(_, holds)| *holds);
    let notices = step.notices.iter().map(|notice| notice.kind.as_str());
    tags.map(|(tag, _)| tag).chain(notices).collect()
}

/// The worlds these properties speak of do hold what they speak of.
#[test]
fn the_generated_worlds_contain_the_cases_that_matter() {
    const WORLDS: usize = 512;
    let mut runner = TestRunner::deterministic();
    let mut counts = BTreeMap::new();
    for _ in 0..WORLDS {
        let world = world().new_tree(&mut runner).expect("a world").current();
        let mut here = BTreeSet::new();
        for (stay, readings) in world.watches() {
            let steps = seen(&world, stay, readings);
            for step in &steps {
                here.extend(tags(step, stay, &world.rules));
            }
            let confirmed = |pair: &[Seen]| {
                pair[0].outcome.step == Step::Undecided && pair[1].outcome.outlier_dropped
            };
            if steps.windows(2).any(confirmed) {
                here.insert("several wrong polls");
            }
        }
        for tag in here {
            *counts.entry(tag).or_insert(0) += 1;
        }
    }
    for (tag, least) in [
        ("alert", 400),
        ("reminder", 300),
        ("recovered", 150),
        ("alerted run closed", 200),
        ("silent end", 150),
        ("gap", 300),
        ("meter changed", 200),
        ("outlier dropped", 200),
        ("new suspect", 150),
        ("undecided", 80),
        ("zero that ends no run", 80),
        ("recovered by zero", 30),
        ("several wrong polls", 15),
        ("rollover", 80),
        ("jitter", 30),
        ("across the stay", 200),
        ("repeated", 150),
        ("several periods", 300),
        ("the threshold", 50),
        ("just above it", 150),
        ("27:00", 25),
        ("120:00", 100),
        ("too old", 400),
    ] {
        let count = counts.get(tag).copied().unwrap_or(0);
        assert!(
            count >= least,
            "{tag} in {count} of {WORLDS} worlds, {least} wanted"
        );
    }
}
