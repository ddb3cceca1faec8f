//! The plain model: all that was taken, one transaction after the other; and what must be left when
//! it has come to its end.

use std::collections::BTreeMap;

use roomwatt::engine::{NoticeKind, Opening, Parsed, RoomNotice, RoomState, Said};
use roomwatt::owner::{Input, Message};
use roomwatt::store::Readings;
use roomwatt::types::{LocalTime, Reading, RoomKey};

use crate::known::Known;
use crate::room::{Corrections, Room};
use crate::world::World;

/// One thing that was taken.
pub enum Op {
    /// What a message says of one of its rooms.
    Said(RoomKey, Said),
    /// What a sweep showed to the watch with this number.
    Judged(RoomKey, u32, Readings),
    /// After a sweep the clock shows this time, and the room with this watch is out of order.
    OutOfOrder(RoomKey, u32, LocalTime),
}

/// What was taken in one transaction.
pub struct Batch {
    /// The number of rows that were visible then, and the last one that a sweep had passed.
    visible: usize,
    swept: u64,
    ops: Vec<Op>,
}

impl Batch {
    pub fn of(inputs: &[Input], visible: usize, swept: u64) -> Batch {
        let mut ops = Vec::new();
        for input in inputs {
            match input {
                Input::Message(Message {
                    parsed: Parsed::Event(event),
                    ..
                }) => {
                    let said = event.rooms.iter().cloned();
                    ops.extend(said.map(|(room, said)| Op::Said(room, said)));
                }
                Input::Judged(chunk) => ops.extend(chunk.iter().map(|judged| {
                    let watch = judged.transition.state.watches;
                    let room = judged.room.clone();
                    match judged.out_of_order_by {
                        Some(now) => Op::OutOfOrder(room, watch, now),
                        None => Op::Judged(room, watch, judged.readings.clone()),
                    }
                })),
                _ => {}
            }
        }
        Batch {
            visible,
            swept,
            ops,
        }
    }
}

/// What the messages of a batch make of a room, as far as that is known before its readings are.
struct Foreseen {
    known: Known,
    /// When the last watch begins that the batch begins: up to then rows are read that sweeps are
    /// still to show. `None`: no rows are read.
    last: Option<LocalTime>,
}

#[derive(Default)]
struct Model(BTreeMap<RoomKey, Room>);

impl Model {
    fn take(&mut self, batch: &Batch, world: &World) {
        let mut foreseen: BTreeMap<&RoomKey, Foreseen> = BTreeMap::new();
        // From when on each thing said has its room judged otherwise.
        let mut turns = Vec::new();
        for op in &batch.ops {
            let Op::Said(room, said) = op else { continue };
            let Foreseen { known, last } = foreseen.entry(room).or_insert_with(|| Foreseen {
                known: self.0.get_mut(room).map(Room::known).unwrap_or_default(),
                last: None,
            });
            let turn = known.take(said, &world.rules).turn();
            if said.status().is_none() {
                *last = turn.or(*last);
            }
            turns.push((room, turn));
        }
        let mut turns = turns.into_iter();
        for op in &batch.ops {
            let (key, said) = match op {
                Op::Said(room, said) => (room, said),
                Op::Judged(key, watch, readings) => {
                    // "Verdicts carry that number, never the stay time alone."
                    if let Some(room) = self.0.get_mut(key).filter(|room| room.watch() == *watch) {
                        room.show(readings);
                    }
                    continue;
                }
                Op::OutOfOrder(key, watch, now) => {
                    if let Some(room) = self.0.get_mut(key).filter(|room| room.watch() == *watch) {
                        room.cut_off(*now);
                    }
                    continue;
                }
            };
            turns.next();
            // What a later message of the batch has judged otherwise is left to it, and what sweeps
            // are still to show to them.
            let later = turns.clone().filter(|(other, _)| *other == key);
            let next = later.filter_map(|(_, turn)| turn).min();
            let rows = |until| world.readings(key, batch.visible, batch.swept, until);
            let is_before = |reading: &Reading| next.is_none_or(|next| reading.time <= next);
            let mut readings = foreseen[key].last.map_or_else(Vec::new, rows);
            readings.retain(is_before);
            match self.0.get_mut(key) {
                Some(room) => {
                    let mut visible = world.visible_of(key, batch.visible);
                    visible.retain(is_before);
                    room.take(said, &readings, &visible);
                }
                None => {
                    let new = Room::new(key, said, &readings, &world.rules);
                    self.0.extend(new.map(|room| (key.clone(), room)));
                }
            }
        }
    }
}

/// Every run that was notified is reported to have ended, once, unless it goes on.
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

fn sorted(notices: &[RoomNotice]) -> Vec<RoomNotice> {
    let mut notices = notices.to_vec();
    // What is shown of the time before the stay depends on when messages came.
    notices.iter_mut().for_each(|notice| notice.before.clear());
    notices.sort_by_cached_key(|notice| (notice.run(), notice.detected, notice.kind));
    notices
}

/// Says of two lists where they begin to differ.
fn assert_same<T: PartialEq + std::fmt::Debug>(found: &[T], demanded: &[T], what: &str) {
    let same = { found.iter().zip(demanded) }.take_while(|(one, other)| one == other);
    let same = same.count();
    let (found, demanded) = (found.get(same..), demanded.get(same..));
    let first = |rest: Option<&[T]>| format!("{:?}", rest.and_then(<[T]>::first));
    let differ = found != demanded;
    let (found, demanded) = (first(found), first(demanded));
    assert!(!differ, "{what}: found\n{found}, demanded\n{demanded}");
}

/// What must be left when all has come to its end; gives how often a watch was corrected.
pub fn check(world: &World) -> Corrections {
    assert!(
        world.queue.is_empty() && world.unacknowledged.is_empty(),
        "messages are left"
    );
    assert_eq!(
        world.acknowledged.len(),
        world.published.len(),
        "messages are lost"
    );
    let mut model = Model::default();
    for batch in &world.log {
        model.take(batch, world);
    }
    let watched: Vec<&RoomKey> = world.rooms.keys().collect();
    assert_eq!(watched, model.0.keys().collect::<Vec<_>>(), "watched rooms");
    let mut demanded = Vec::new();
    let mut corrections = Corrections::default();
    for (key, room) in model.0 {
        let visible = world.visible_of(&key, world.visible.len());
        let mut state = world.rooms[&key].clone();
        state.watch.before.clear();
        let rows = world.watches.iter().filter(|(other, _)| *other == key);
        let rows = by_stay(rows.map(|(_, row)| *row).collect());
        let ended = room.end(&visible);
        assert_eq!(
            state.statuses.changes(),
            ended.statuses,
            "the statuses of {key}"
        );
        // Of these the model knows what follows from them alone.
        let modelled = RoomState {
            statuses: state.statuses.clone(),
            occupancy: state.occupancy.clone(),
            ..ended.state
        };
        assert_eq!(state, modelled, "the state of {key}");
        assert_same(
            &rows,
            &by_stay(ended.rows),
            &format!("the watches of {key}"),
        );
        demanded.extend(ended.notices);
        corrections.moved += ended.corrections.moved;
        corrections.withdrawn += ended.corrections.withdrawn;
    }
    let demanded = sorted(&demanded);
    assert_same(&sorted(&world.outbox), &demanded, "notices");
    each_run_has_one_end(world);
    let alerts = demanded.into_iter().filter(|n| n.kind == NoticeKind::Alert);
    let alerts: Vec<RoomNotice> = alerts.collect();
    assert_same(&sorted(&world.abnormal), &alerts, "anomalies");
    let is_accepted = |id| world.accepted.contains(&id);
    let mut notices = 1..=world.outbox.len() as u64;
    assert!(
        notices.all(is_accepted) && world.sent == world.accepted,
        "a notice was never sent"
    );
    corrections
}

fn by_stay(mut rows: Vec<Opening>) -> Vec<Opening> {
    rows.sort_by_key(|row| row.stay.order());
    rows
}
