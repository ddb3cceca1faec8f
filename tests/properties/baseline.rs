//! Both rules in one room.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use roomwatt::engine::baseline::{Evaluation, Frames, HotelMemory, evaluate};
use roomwatt::engine::{
    BaselineMode, BaselineRules, Closing, NoticeKind, RoomNotice, Rule, Rules, RunKey, Stay,
};
use roomwatt::types::{LocalTime, Reading, WattHours};

use crate::config;
use crate::player::Room;
use crate::world::{Message, World, room, world, world_with_statuses};

fn in_mode(world: &World, mode: BaselineMode) -> Rules {
    Rules {
        baseline: BaselineRules {
            mode,
            alarm: WattHours(400),
            ..BaselineRules::default()
        },
        ..world.rules.clone()
    }
}

/// Plays the world with a sweep at each cut; every sweep evaluates what is pending.
fn play(world: &World, cuts: &[Index], mode: BaselineMode) -> Room {
    play_in(world, cuts, |_| mode)
}

/// The same in a mode for each sweep and what comes before it.
fn play_in(world: &World, cuts: &[Index], mode: impl Fn(usize) -> BaselineMode) -> Room {
    play_each(world, cuts, mode, |_| {})
}

/// The same, and shows the room after each message and each sweep.
pub fn play_each(
    world: &World,
    cuts: &[Index],
    mode: impl Fn(usize) -> BaselineMode,
    mut show: impl FnMut(&Room),
) -> Room {
    let len = world.readings.len();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(len + 1)).collect();
    cuts.push(len);
    cuts.sort_unstable();
    let mut room = room();
    let mut messages = world.messages().into_iter().peekable();
    for (nth, cut) in cuts.into_iter().enumerate() {
        let rules = in_mode(world, mode(nth));
        while let Some(message) = messages.next_if(|next| world.until(next.time()) <= cut) {
            let stored = world.until(message.time());
            message.deliver(&mut room, &world.readings[..stored], &rules);
            show(&room);
            if let Message::Stay(_) = message {
                sweep(&mut room, &rules);
                show(&room);
            }
        }
        room.sweep(&world.readings[..cut], &rules);
        show(&room);
        sweep(&mut room, &rules);
        show(&room);
    }
    room
}

fn sweep(room: &mut Room, rules: &Rules) {
    let Some(state) = &mut room.state else { return };
    if rules.baseline.mode == BaselineMode::Off {
        return;
    }
    let mut frames = Frames::default();
    frames.add(state.baseline.contributions());
    let mut evaluation = [Evaluation {
        room: &room.key,
        state,
        changes: &mut room.changes,
    }];
    let (hotel, mut memory) = (room.key.hotel_id.clone(), HotelMemory::default());
    evaluate(
        &hotel,
        &mut frames,
        &mut memory,
        &mut evaluation,
        rules,
        |_, _, _| {},
    );
}

pub fn cut_world() -> impl Strategy<Value = (World, Vec<Index>)> {
    (
        prop_oneof![world(), world_with_statuses()],
        vec(any::<Index>(), 0..12),
    )
}

/// What is recorded of the rule with thresholds.
fn rows(room: &Room) -> Vec<RoomNotice> {
    let alerts = room
        .notices()
        .into_iter()
        .filter(|notice| notice.rule == Rule::Fixed && notice.kind == NoticeKind::Alert);
    alerts
        .map(|notice| RoomNotice {
            incident: None,
            ..notice.clone()
        })
        .collect()
}

proptest! {
    #![proptest_config(config())]

    /// "the fixed rule's rows unchanged by any mode"
    #[test]
    fn no_mode_changes_what_is_recorded_of_the_rule_with_thresholds((world, cuts) in cut_world()) {
        let off = play(&world, &cuts, BaselineMode::Off);
        let expected = rows(&off);
        for mode in [BaselineMode::Shadow, BaselineMode::On] {
            prop_assert_eq!(rows(&play(&world, &cuts, mode)), expected.clone());
        }
        let shadow = play(&world, &cuts, BaselineMode::Shadow);
        prop_assert_eq!(shadow.notices(), off.notices());
        prop_assert!(off.state.is_none_or(|state| state.baseline.is_empty()));
    }

    /// "A room has one open incident at most": it begins with an alert and has one end, whichever
    /// rules have a part in it.
    #[test]
    fn a_room_has_one_incident_at_a_time_and_each_has_one_end(
        (world, cuts) in cut_world(),
        on in 0..24_usize,
    ) {
        // In the end it may be switched off.
        let mode = |nth| match nth < on {
            true => BaselineMode::On,
            false => BaselineMode::Off,
        };
        let room = play_in(&world, &cuts, mode);
        let mut open: Option<RunKey> = None;
        let mut ended: BTreeMap<RunKey, &RoomNotice> = BTreeMap::new();
        for notice in room.notices() {
            let incident = notice.incident();
            let is_own = incident == notice.run();
            let told = (&incident, notice);
            prop_assert!(!ended.contains_key(&incident), "{told:?} after its end");
            match (notice.kind, &open) {
                (NoticeKind::Alert, None) => {
                    prop_assert!(is_own, "{told:?} opens an incident of another");
                    open = Some(incident);
                }
                (_, opened) => {
                    prop_assert_eq!(opened.as_ref(), Some(&incident), "{:?}", notice);
                    if notice.kind == NoticeKind::Alert {
                        prop_assert!(!is_own, "{told:?} is the second alert of its run");
                    }
                    if matches!(notice.kind, NoticeKind::Recovered | NoticeKind::Closed(_)) {
                        ended.insert(incident, notice);
                        open = None;
                    }
                }
            }
        }
        let goes_on = room.state.as_ref().and_then(|state| state.notified_run(&room.key));
        prop_assert_eq!(open, goes_on);
    }
}

/// The worlds have incidents of both rules, so that the properties say something.
#[test]
fn the_worlds_have_incidents_of_either_rule_and_of_both() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<(Rule, bool, &str), u32> = BTreeMap::new();
    for _ in 0..400 {
        let (world, cuts) = cut_world()
            .new_tree(&mut runner)
            .expect("a world")
            .current();
        let room = play(&world, &cuts, BaselineMode::On);
        for notice in room.notices() {
            let joined = notice.incident.is_some();
            *seen
                .entry((notice.rule, joined, notice.kind.as_str()))
                .or_default() += 1;
        }
    }
    for (rule, joined, kind) in [
        (Rule::Fixed, false, "alert"),
        (Rule::Fixed, true, "alert"),
        (Rule::Baseline, false, "alert"),
        (Rule::Baseline, true, "alert"),
        (Rule::Baseline, false, "recovered"),
        (Rule::Baseline, false, "closed"),
    ] {
        assert!(
            seen.contains_key(&(rule, joined, kind)),
            "{rule:?} {joined} {kind}: {seen:?}"
        );
    }
}

/// A mode that is switched off reports the end of what it had reported, once.
#[test]
fn switching_the_rule_off_ends_its_incident() {
    let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
    let readings: Vec<Reading> = (0..12)
        .map(|nth| Reading {
            time: noon.plus(nth * 1_800),
            register: WattHours(100_010 + 500 * nth),
        })
        .collect();
    let rules = |mode| Rules {
        baseline: BaselineRules {
            mode,
            ..BaselineRules::default()
        },
        ..Rules::default()
    };
    let (on, off) = (rules(BaselineMode::On), rules(BaselineMode::Off));
    let mut room = room();
    let left = Stay::Vacant {
        actual_checkin: None,
        actual_checkout: noon,
    };
    room.message(left, &[], &on);
    room.sweep(&readings[..8], &on);
    sweep(&mut room, &on);
    room.sweep(&readings[..10], &off);
    room.sweep(&readings, &off);
    let kinds: Vec<NoticeKind> = room.notices().iter().map(|it| it.kind).collect();
    let ended = NoticeKind::Closed(Closing::RuleOff);
    assert_eq!(kinds, [NoticeKind::Alert, ended]);
    assert!(room.state().baseline.is_empty());
}
