//! The plain model: a watch is one fold, from its beginning, over all it was ever shown.

use std::collections::{BTreeMap, BTreeSet};

use roomwatt::engine::{
    Change, Closing, NoticeKind, Opening, Parsed, RoomNotice, RoomState, Rule, Rules, Said, Stay,
    observe,
};
use roomwatt::owner::{Input, Message};
use roomwatt::store::Readings;
use roomwatt::types::{LocalTime, Reading, RoomKey};

use crate::world::World;

/// One thing that was decided, with all that was readable then.
pub enum Op {
    Event(RoomKey, Stay, Known),
    /// What a sweep showed to the watch of a stay.
    Judged(RoomKey, Stay, Readings),
}

/// What was known when a message was taken.
#[derive(Clone, Copy)]
pub struct Known {
    /// The number of rows that were visible, and the last one that a sweep had passed.
    pub visible: usize,
    pub swept: u64,
    /// The next stay of the room in the same batch, and the last one.
    next: Option<LocalTime>,
    last: LocalTime,
}

fn stay_said(said: &Said) -> Option<Stay> {
    match said {
        Said::Fact(fact) => fact.stay(),
        Said::Back { .. } | Said::Status(_) => None,
    }
}

/// The room of a message, and its stay.
pub fn stay_of(input: &Input) -> Option<(RoomKey, Stay)> {
    match input {
        Input::Message(Message {
            parsed: Parsed::Event(event),
            ..
        }) => {
            let (room, said) = event.rooms.first()?;
            Some((room.clone(), stay_said(said)?))
        }
        _ => None,
    }
}

/// What a batch is for the model.
pub fn ops_of(batch: &[Input], visible: usize, swept: u64) -> Vec<Op> {
    let mut ops = Vec::new();
    for input in batch {
        if let Some((room, stay)) = stay_of(input) {
            let others = batch.iter().filter_map(stay_of);
            let mut stays: Vec<Stay> = others
                .filter(|(other, _)| *other == room)
                .map(|(_, stay)| stay)
                .collect();
            stays.sort_by_key(Stay::order);
            let next = stays.iter().find(|other| other.order() > stay.order());
            let known = Known {
                visible,
                swept,
                next: next.map(Stay::time),
                last: stays[stays.len() - 1].time(),
            };
            ops.push(Op::Event(room, stay, known));
        } else if let Input::Judged(chunk) = input {
            ops.extend(chunk.iter().map(|judged| {
                let stay = judged.transition.state.watch.stay;
                Op::Judged(judged.room.clone(), stay, judged.readings.clone())
            }));
        }
    }
    ops
}

#[derive(Default)]
struct Model {
    rooms: BTreeMap<RoomKey, (Stay, Readings)>,
    /// Watches that a room has had.
    counts: BTreeMap<RoomKey, u32>,
    watches: Vec<(RoomKey, Opening)>,
    notices: Vec<RoomNotice>,
}

impl Model {
    fn take(&mut self, op: &Op, world: &World, rules: &Rules) {
        match op {
            Op::Judged(room, stay, readings) => match self.rooms.get_mut(room) {
                Some((current, shown)) if current.order() == stay.order() => shown.extend(readings),
                _ => {}
            },
            Op::Event(room, stay, known) => {
                // What sweeps are still to show is none of the message's business.
                let readings = world.readings(room, known.visible, known.swept, known.last);
                if let Some((old, shown)) = self.rooms.get_mut(room) {
                    if stay.order() <= old.order() {
                        return;
                    }
                    shown.extend(readings.iter().filter(|r| r.time <= stay.time()));
                    let ended = self.close(room, stay.time(), known.visible, world, rules);
                    self.notices.extend(closed_by(room, &ended, *stay, rules));
                }
                let mut shown = readings;
                shown.retain(|reading| known.next.is_none_or(|next| reading.time <= next));
                self.rooms.insert(room.clone(), (*stay, shown));
                *self.counts.entry(room.clone()).or_default() += 1;
            }
        }
    }

    /// Judges a watch as a whole; gives its last state. Whatever it could have seen up to its end,
    /// it must have been shown: no row that newer ones had not hidden may be missing.
    fn close(
        &mut self,
        room: &RoomKey,
        end: LocalTime,
        visible: usize,
        world: &World,
        rules: &Rules,
    ) -> RoomState {
        let (stay, shown) = self.rooms.remove(room).expect("a watch");
        let times: BTreeSet<LocalTime> = shown.iter().map(|reading| reading.time).collect();
        let mut newest = stay.time();
        for (of, Reading { time, .. }) in world.visible[..visible]
            .iter()
            .map(|id| &world.meter[id - 1])
        {
            if of == room && *time > newest {
                newest = *time;
                assert!(
                    newest > end || times.contains(time),
                    "{room}: {time} was never judged"
                );
            }
        }
        let state = RoomState {
            watches: self.counts[room],
            ..RoomState::new(stay, rules)
        };
        let whole = observe(room, &state, &shown, rules);
        let initial = whole.state.watch.initial;
        self.watches.push((room.clone(), Opening { stay, initial }));
        self.notices
            .extend(whole.changes.into_iter().filter_map(|change| match change {
                Change::Notice(notice) => Some(notice),
                _ => None,
            }));
        whole.state
    }
}

/// What is told of a run that goes on when another stay begins.
fn closed_by(room: &RoomKey, state: &RoomState, next: Stay, rules: &Rules) -> Option<RoomNotice> {
    let watch = &state.watch;
    let run = watch.fold.run.filter(|run| run.notified_at_periods > 0)?;
    Some(RoomNotice {
        kind: NoticeKind::Closed(Closing::NewStay {
            kind: next.kind(),
            at: next.time(),
        }),
        room: room.clone(),
        watch: state.watches,
        rule: Rule::Fixed,
        stay: watch.stay,
        detected: next.time(),
        since: run.since,
        until: watch.fold.sample.map(|sample| sample.time),
        periods: run.periods,
        energy: run.energy,
        threshold: rules.threshold(room, watch.stay.kind()),
        unusual: None,
        incident: None,
        interval_seconds: rules.interval_seconds,
        before: Vec::new(),
        history: watch.history.clone(),
    })
}

/// Every run that was notified is told to have ended, once, unless it goes on.
fn each_run_has_one_end(world: &World) {
    let mut runs: BTreeMap<_, (u32, u32)> = BTreeMap::new();
    for notice in &world.outbox {
        let (begun, ended) = runs.entry(notice.run()).or_default();
        match notice.kind {
            NoticeKind::Alert => *begun += 1,
            NoticeKind::Reminder => {}
            NoticeKind::Recovered | NoticeKind::Closed(_) => *ended += 1,
        }
    }
    for (run, (begun, ended)) in runs {
        let goes_on = world.rooms[&run.room].notified_run(&run.room) == Some(run.clone());
        let expected = (1, u32::from(!goes_on));
        assert_eq!((begun, ended), expected, "{run:?}");
    }
}

/// What must be left when all has come to its end.
pub fn check(world: &World) {
    assert!(
        world.queue.is_empty() && world.unacknowledged.is_empty(),
        "messages are left"
    );
    assert_eq!(
        world.acknowledged.len(),
        world.published.len(),
        "messages are lost"
    );
    let rules = Rules::default();
    let mut model = Model::default();
    for op in &world.log {
        model.take(op, world, &rules);
    }
    for (room, state) in &world.rooms {
        let said = world.published.iter().flat_map(|event| &event.rooms);
        let of_room = said.filter(|(other, _)| other == room);
        let newest = of_room
            .filter_map(|(_, said)| stay_said(said))
            .max_by_key(Stay::order);
        assert_eq!(Some(state.watch.stay), newest, "the watch of {room}");
        let mut modelled = model.close(room, LocalTime::LAST, world.visible.len(), world, &rules);
        // The model knows the watch alone.
        modelled.occupancy = state.occupancy.clone();
        // What is shown of the time before the stay depends on when its message came.
        let mut state = state.clone();
        state.watch.before.clear();
        assert_eq!(state, modelled, "the state of {room}");
    }
    assert!(model.rooms.is_empty(), "a room was never watched");

    let sorted = |notices: &[RoomNotice]| {
        let mut notices = notices.to_vec();
        notices.iter_mut().for_each(|notice| notice.before.clear());
        notices.sort_by(|a, b| (&a.room, a.detected, a.kind).cmp(&(&b.room, b.detected, b.kind)));
        notices
    };
    let demanded = sorted(&model.notices);
    assert_eq!(sorted(&world.outbox), demanded, "what is told");
    each_run_has_one_end(world);
    let alerts = demanded.into_iter().filter(|n| n.kind == NoticeKind::Alert);
    assert_eq!(
        sorted(&world.abnormal),
        alerts.collect::<Vec<RoomNotice>>(),
        "anomalies"
    );
    let told = (1..=world.outbox.len() as u64).all(|id| world.accepted.contains(&id));
    assert!(
        told && world.sent == world.accepted,
        "a notice was never told"
    );

    let sorted = |watches: &[(RoomKey, Opening)]| {
        let mut watches = watches.to_vec();
        watches.sort_by(|a, b| (&a.0, a.1.stay.order()).cmp(&(&b.0, b.1.stay.order())));
        watches
    };
    assert_eq!(sorted(&world.watches), sorted(&model.watches), "watches");
}
