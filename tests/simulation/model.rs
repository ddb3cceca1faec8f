//! The plain model: all that was taken, one transaction after the other; and what must be left when
//! it has come to its end.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use roomwatt::engine::{
    BaselineMode, Compared, Incident, IncidentKey, NoticeKind, Opening, Others, Parsed, RoomNotice,
    RoomState, Rule, RunKey, Said, meters_of,
};
use roomwatt::owner::{Input, Judged, Message};
use roomwatt::store::Readings;
use roomwatt::types::{LocalTime, Reading, RoomKey};

use crate::baseline;
use crate::instance::Instance;
use crate::known::Known;
use crate::room::{Corrections, Room};
use crate::unusual::{self, InOrder};
use crate::world::World;

/// One thing that was taken.
pub enum Op {
    /// What a message says of one of its rooms.
    Said(RoomKey, Said),
    /// What a sweep showed to the watch with this number. If nothing has become of the room since
    /// it did, its verdict holds; else the room is judged again.
    Judged(RoomKey, u32, Readings, Option<Verdict>),
    /// After a sweep the clock shows this time, and the room with this watch is out of order.
    OutOfOrder(RoomKey, u32, LocalTime),
    /// A sweep begins: it serves the watches that are there when this is written.
    Sweeping,
    /// A sweep that began at this time is complete, and has the runs of these rooms end by the
    /// clock, because they are out of order.
    Swept(LocalTime, BTreeSet<RoomKey>),
}

/// Which verdict it is: of which instance, and on which version of its room.
type Verdict = (u64, RoomKey, u64);

type Chunk = Vec<(Verdict, Readings)>;

/// What was taken in one transaction.
pub struct Batch {
    mode: BaselineMode,
    /// No transaction, but verdicts that a sweep came to by then, as it came to them together. It
    /// judges no room twice without having written what came of it.
    computed: Vec<Chunk>,
    /// The number of rows that were visible then, and the last one that a sweep had passed.
    visible: usize,
    swept: u64,
    ops: Vec<Op>,
}

impl Batch {
    /// What an instance is about to take.
    pub fn of(inputs: &[Input], instance: &Instance, visible: usize, swept: u64) -> Batch {
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
                        None => {
                            let version = instance.rooms.get(&room).map(|room| room.version);
                            let verdict = (instance.epoch, room.clone(), judged.version);
                            let verdict = (version == Some(judged.version)).then_some(verdict);
                            Op::Judged(room, watch, judged.readings.clone(), verdict)
                        }
                    }
                })),
                Input::Sweeping { .. } => ops.push(Op::Sweeping),
                _ => {}
            }
        }
        Batch {
            mode: instance.mode,
            computed: Vec::new(),
            visible,
            swept,
            ops,
        }
    }

    /// The verdicts that an instance's sweep has come to: those behind its first inputs.
    pub fn computed(instance: &Instance, first: usize) -> Batch {
        let chunks = sent(instance, first).map(|chunk| {
            let verdicts = chunk.iter().map(|judged| {
                let verdict = (instance.epoch, judged.room.clone(), judged.version);
                (verdict, judged.readings.clone())
            });
            verdicts.collect()
        });
        Batch {
            computed: chunks.collect(),
            ..Batch::without_inputs(instance)
        }
    }

    /// What an instance's sweep has sent after it was complete: its first inputs are earlier ones.
    pub fn closing(instance: &Instance, first: usize) -> Batch {
        let closed = sent(instance, first).flatten();
        let closed = closed.map(|judged| judged.room.clone());
        Batch {
            ops: vec![Op::Swept(instance.began, closed.collect())],
            ..Batch::without_inputs(instance)
        }
    }

    fn without_inputs(instance: &Instance) -> Batch {
        Batch {
            mode: instance.mode,
            computed: Vec::new(),
            visible: 0,
            swept: 0,
            ops: Vec::new(),
        }
    }
}

/// The chunks that an instance's sweep has sent behind its first inputs.
fn sent(instance: &Instance, first: usize) -> impl Iterator<Item = &Vec<Judged>> {
    let inputs = instance.inputs().range(first..);
    inputs.filter_map(|input| match input {
        Input::Judged(chunk) => Some(chunk),
        _ => None,
    })
}

/// What the messages of a batch make of a room, as far as that is known before its readings are.
struct Foreseen {
    known: Known,
    /// When the last watch begins that the batch begins: up to then rows are read that sweeps are
    /// still to show. `None`: no rows are read.
    last: Option<LocalTime>,
}

#[derive(Default)]
struct Model {
    rooms: BTreeMap<RoomKey, Room>,
    /// How verdicts of sweeps leave their rooms.
    verdicts: HashMap<Verdict, Room>,
    sweeps: usize,
}

impl Model {
    /// A sweep judges these rooms, and evaluates by the baseline rule what they have pending. It
    /// looks at the rooms as they are now.
    fn sweep(&mut self, chunks: &[Chunk], mode: BaselineMode) {
        self.sweeps += 1;
        let mut frames = unusual::frames_of(self.rooms.values().map(Room::unusual));
        for chunk in chunks {
            let judged = chunk.iter().map(|((_, key, _), readings)| {
                let mut room = self.rooms[key].clone();
                room.observe(readings);
                room
            });
            let mut judged: Vec<Room> = judged.collect();
            if mode != BaselineMode::Off {
                let mut present: Vec<_> = judged.iter_mut().map(Room::present).collect();
                let rules = baseline::Rules::default();
                let notices = unusual::evaluate(&mut present, &mut frames, &rules, self.sweeps);
                for (place, notice) in notices {
                    judged[place].add_notice(notice);
                }
            }
            for ((verdict, _), room) in chunk.iter().zip(judged) {
                self.verdicts.entry(verdict.clone()).or_insert(room);
            }
        }
    }

    fn take(&mut self, batch: &Batch, world: &World) {
        self.rooms
            .values_mut()
            .for_each(|room| room.in_mode(batch.mode));
        self.sweep(&batch.computed, batch.mode);
        // Rooms of which something has become in this batch.
        let mut touched: BTreeSet<&RoomKey> = BTreeSet::new();
        let mut foreseen: BTreeMap<&RoomKey, Foreseen> = BTreeMap::new();
        // From when on each thing said has its room judged otherwise.
        let mut turns = Vec::new();
        for op in &batch.ops {
            let Op::Said(room, said) = op else { continue };
            let Foreseen { known, last } = foreseen.entry(room).or_insert_with(|| Foreseen {
                known: self
                    .rooms
                    .get_mut(room)
                    .map(Room::known)
                    .unwrap_or_default(),
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
                Op::Judged(key, watch, readings, verdict) => {
                    // "Verdicts carry that number, never the stay time alone."
                    let watched = self.rooms.get_mut(key);
                    if let Some(room) = watched.filter(|room| room.watch() == *watch) {
                        let holds = verdict.as_ref().filter(|_| !touched.contains(key));
                        match holds.and_then(|verdict| self.verdicts.remove(verdict)) {
                            Some(verdict) => *room = verdict,
                            None => room.observe(readings),
                        }
                        touched.insert(key);
                    }
                    continue;
                }
                Op::OutOfOrder(key, watch, now) => {
                    let watched = self.rooms.get_mut(key);
                    if let Some(room) = watched.filter(|room| room.watch() == *watch) {
                        room.cut_off(*now);
                        touched.insert(key);
                    }
                    continue;
                }
                Op::Sweeping => continue,
                Op::Swept(now, closed) => {
                    let rooms = self.rooms.iter_mut();
                    let due: BTreeSet<RoomKey> = rooms
                        .filter_map(|(key, room)| room.is_to_be_closed(*now).then(|| key.clone()))
                        .collect();
                    assert_eq!(*closed, due, "rooms whose runs the clock ends at {now}");
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
            match self.rooms.get_mut(key) {
                Some(room) => {
                    let mut visible = world.visible_of(key, batch.visible);
                    visible.retain(is_before);
                    if room.take(said, &readings, &visible) {
                        touched.insert(key);
                    }
                }
                None => {
                    let new = Room::new(key, said, &readings, &world.rules, batch.mode);
                    touched.insert(key);
                    self.rooms.extend(new.map(|room| (key.clone(), room)));
                }
            }
        }
        for key in touched {
            self.rooms.get_mut(key).into_iter().for_each(Room::written);
        }
        if batch.ops.iter().any(|op| matches!(op, Op::Sweeping)) {
            self.rooms.values_mut().for_each(Room::serve);
        }
    }
}

/// "A room has one open incident at most": it begins with an alert, each run alerts in it once at
/// most, and it is reported to have ended, once, unless it goes on. What was unusual in a stay that
/// is over by then may be found while that of the next one is open; its end is found with it.
fn each_room_has_one_incident_at_a_time(world: &World) {
    let mut open: BTreeMap<&RoomKey, RunKey> = BTreeMap::new();
    let mut open_before: BTreeMap<&RoomKey, RunKey> = BTreeMap::new();
    let (mut alerted, mut over) = (BTreeSet::new(), BTreeSet::new());
    for notice in &world.outbox {
        let (run, incident) = (notice.run(), notice.incident());
        let present = open.get(&notice.room);
        let open = match present.is_some_and(|present| incident.watch < present.watch) {
            true => &mut open_before,
            false => &mut open,
        };
        assert!(!over.contains(&incident), "{notice:?} after its end");
        if notice.kind == NoticeKind::Alert {
            assert!(alerted.insert(run.clone()), "{notice:?} twice");
            if run == incident {
                let other = open.insert(&notice.room, run);
                assert_eq!(other, None, "{notice:?} while another goes on");
            }
        }
        assert_eq!(open.get(&notice.room), Some(&incident), "{notice:?}");
        if matches!(notice.kind, NoticeKind::Recovered | NoticeKind::Closed(_)) {
            open.remove(&notice.room);
            over.insert(incident);
        }
    }
    assert!(open_before.is_empty(), "{open_before:?} go on");
    for (room, state) in &world.rooms {
        let goes_on = state.notified_run(room);
        assert_eq!(open.get(room), goes_on.as_ref(), "{room}");
    }
}

/// An incident is open exactly where a run goes on that was notified, or a hotel's meters are in
/// trouble; each has one event of each of its notices, and one end.
fn incidents_are_recorded_with_their_notices(world: &World) {
    let open: Vec<&Incident> = world.incidents.values().filter(|it| it.is_open()).collect();
    let mut left: BTreeSet<&IncidentKey> = open.iter().map(|it| &it.key).collect();
    for (room, state) in &world.rooms {
        if let Some(run) = state.notified_run(room) {
            let key = open.iter().find(|it| it.key.is_of(&run)).map(|it| &it.key);
            assert!(key.is_some_and(|key| left.remove(key)), "{run:?} goes on");
        }
    }
    for (hotel, trouble) in world.troubles.iter().filter(|(_, it)| it.is_open()) {
        let place = meters_of(hotel);
        let mut of_meters = open.iter().filter(|it| it.key.place == place);
        let key = of_meters.find(|it| it.is_of_trouble(*trouble));
        assert!(
            key.is_some_and(|it| left.remove(&it.key)),
            "{trouble:?} goes on"
        );
    }
    assert!(left.is_empty(), "{left:?} are open, and nothing goes on");
    let mut ends: BTreeMap<&IncidentKey, u32> = BTreeMap::new();
    for event in &world.incident_events {
        let is_end = event.closed().is_some();
        *ends.entry(&event.incident).or_default() += u32::from(is_end);
    }
    for (key, incident) in &world.incidents {
        let ended = u32::from(!incident.is_open());
        assert_eq!(ends.remove(key), Some(ended), "{incident:?}");
    }
    assert!(ends.is_empty(), "{ends:?} are no incidents");
    let of_meters: u32 = world.told_of_meters.values().sum();
    let notices = world.outbox.len() + of_meters as usize;
    assert_eq!(world.incident_events.len(), notices, "events of notices");
}

fn sorted(notices: &[RoomNotice]) -> Vec<RoomNotice> {
    let mut notices = notices.to_vec();
    for notice in &mut notices {
        // What is shown of the time before the stay depends on when messages came.
        notice.before.clear();
        if notice.rule == Rule::Baseline {
            // So does this of an earlier watch.
            notice.history.clear();
        }
        if let Some(unusual) = &mut notice.unusual
            && let Compared::Vacant {
                others: Some(Others { low, high, .. }),
            } = &mut unusual.compared
        {
            // The oracle knows how many they are, but not what they use.
            (*low, *high) = Default::default();
        }
    }
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

/// What the service remembers of a room by the baseline rule is what the oracle does.
fn assert_remembered(room: &RoomKey, state: &RoomState, unusual: &unusual::Remembered) {
    assert!(!state.baseline.has_pending(), "{room} is not evaluated");
    assert!(
        !unusual.has_pending(),
        "the model of {room} is not evaluated"
    );
    let contributions = state.baseline.contributions().iter();
    let contributed: Vec<_> = contributions
        .filter_map(|it| {
            Some((
                it.frame()?.into(),
                it.excess().map(i64::from),
                it.rose(),
                it.floor().map(i64::from),
            ))
        })
        .collect();
    assert_eq!(
        contributed,
        unusual.contributed(),
        "contributions of {room}"
    );
    let stored = serde_json::to_value(state).expect("JSON");
    let run = stored.pointer("/b/r").and_then(serde_json::Value::as_array);
    let run: Vec<i64> = run
        .into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_i64)
        .collect();
    let excess = i64::from(state.baseline.excess());
    let run = match run[..] {
        [since, _, periods, energy, alerted, _] => {
            let since = LocalTime::from_seconds(since).expect("a time");
            Some((since, periods, energy, alerted > 0))
        }
        _ => None,
    };
    assert_eq!((excess, run), unusual.excess(), "the account of {room}");
}

/// How often sweeps judged all rooms: one that reads rooms by key before its stream does so twice.
pub fn passes(world: &World) -> usize {
    world.log.iter().map(|batch| batch.computed.len()).sum()
}

/// What must be left when all has come to its end; gives how often a watch was corrected, and what
/// evaluating in order would have come to.
pub fn check(world: &World) -> (Corrections, Option<InOrder>) {
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
    assert_eq!(
        watched,
        model.rooms.keys().collect::<Vec<_>>(),
        "watched rooms"
    );
    let mut demanded = Vec::new();
    let mut corrections = Corrections::default();
    let mut facts = BTreeMap::new();
    let mut used = Vec::new();
    for (key, room) in model.rooms {
        let visible = world.visible_of(&key, world.visible.len());
        let mut state = world.rooms[&key].clone();
        state.watch.before.clear();
        let rows = world.watches.iter().filter(|(other, _)| *other == key);
        let rows = by_stay(rows.map(|(_, row)| *row).collect());
        let ended = room.end(&visible);
        assert_remembered(&key, &state, &ended.unusual);
        assert_eq!(
            state.statuses.changes(),
            ended.statuses,
            "the statuses of {key}"
        );
        // Of these the model knows what follows from them alone.
        let modelled = RoomState {
            statuses: state.statuses.clone(),
            occupancy: state.occupancy.clone(),
            baseline: state.baseline.clone(),
            ..ended.state
        };
        assert_eq!(state, modelled, "the state of {key}");
        assert_same(
            &rows,
            &by_stay(ended.rows),
            &format!("the watches of {key}"),
        );
        demanded.extend(ended.notices);
        used.extend(ended.used);
        facts.insert(key, ended.unusual.facts());
        corrections.moved += ended.corrections.moved;
        corrections.withdrawn += ended.corrections.withdrawn;
        corrections.closed += ended.corrections.closed;
    }
    assert_eq!(day_of(world), newest_day(&used), "the energy of the day");
    let demanded = sorted(&demanded);
    assert_same(&sorted(&world.outbox), &demanded, "notices");
    each_room_has_one_incident_at_a_time(world);
    incidents_are_recorded_with_their_notices(world);
    let alerts = demanded.into_iter().filter(|n| n.kind == NoticeKind::Alert);
    let alerts: Vec<RoomNotice> = alerts.collect();
    assert_same(&sorted(&world.abnormal), &alerts, "anomalies");
    let is_accepted = |id| world.accepted.contains(&id);
    let mut notices = 1..=world.outbox.len() as u64;
    assert!(
        notices.all(is_accepted) && world.sent == world.accepted,
        "a notice was never sent"
    );
    let in_order = unusual::in_order(&facts);
    if let Some(in_order) = in_order.filter(|it| it.late == 0) {
        assert_eq!(
            in_order.different, 0,
            "in order, and not what the oracle finds"
        );
    }
    (corrections, in_order)
}

/// The newest day on which an interval ended, and what was used on it.
fn newest_day(used: &[(LocalTime, i64)]) -> Option<(String, i64)> {
    // Midnight is the end of a day.
    let days = used.iter().map(|(ended, wh)| (ended.plus(-1).date(), wh));
    let newest = days.clone().map(|(day, _)| day).max()?;
    let of_day = days.filter(|(day, _)| *day == newest);
    let sum = of_day.map(|(_, wh)| wh).sum();
    Some((newest, sum))
}

/// What is stored of that.
fn day_of(world: &World) -> Option<(String, i64)> {
    let hotel = world.hotels.values().next()?;
    assert_eq!(world.hotels.len(), 1, "all rooms are of one");
    Some((hotel.energy.day?.date(), hotel.energy.energy.0))
}

fn by_stay(mut rows: Vec<Opening>) -> Vec<Opening> {
    rows.sort_by_key(|row| row.stay.order());
    rows
}
