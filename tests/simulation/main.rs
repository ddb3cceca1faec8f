//! The state-owner under seeded faults, in one thread: messages late, doubled or out of order;
//! readings repeated, backfilled or committed late; commits that fail, or succeed unheard;
//! connections cut, crashes, takeovers; notices whose acceptance is not heard of. What each run
//! leaves in the database is checked against a plain model.
//!
//! A failing seed prints itself; `ROOMWATT_SEED=<seed> cargo test --test simulation` replays it.

mod model;
mod world;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use fastrand::Rng;

use roomwatt::engine::observe;
use roomwatt::engine::{
    Event, MeterNotice, MeterNoticeKind, Notice, NoticeKind, Parsed, RoomNotice, Rules, Stay,
};
use roomwatt::gate::Gate;
use roomwatt::owner::{Ended, Inbox, Input, Judged, Message, OwnedState, Owner, Parts};
use roomwatt::rooms::Rooms;
use roomwatt::store::StoreError;
use roomwatt::store::{Ownership, Position, Readings, Settled, Settlement};
use roomwatt::threads::stop_signal;
use roomwatt::types::{HotelId, Reading, RoomKey, WattHours};

use model::{check, event_of, ops_of};
use world::{CRASH, Later, Shared, SimMeters, SimStore, World, start};

/// Seeds of each run of the tests: the same ones, and as many that nobody has tried yet.
const SEEDS: u64 = 1_500;

/// A transaction of the meters stays open for so many sweeps at most, and so far back they read.
const OVERLAP: usize = 3;

/// A message, and the connection that holds it unacknowledged.
type Held = (u64, usize);

/// A running service without its threads.
struct Instance {
    owner: Owner<SimStore, SimMeters>,
    rooms: Arc<Rooms>,
    /// The channel to the owner.
    inputs: VecDeque<Input>,
    /// Where the last sweeps ended.
    marks: VecDeque<u64>,
    /// To the broker.
    connection: u64,
    acks: (Sender<Held>, Receiver<Held>),
}

fn take_over(shared: &Shared, rules: &Arc<Rules>, connection: u64) -> Instance {
    let rooms = Rooms::default();
    let mut world = shared.borrow_mut();
    world.epoch += 1;
    let ownership = Ownership {
        epoch: world.epoch,
        seq: world.seq,
        position: Some(Position::Id(world.position)),
    };
    rooms.adopt(world.rooms.clone());
    for (hotel, trouble) in &world.troubles {
        rooms.has_trouble(hotel.clone(), *trouble);
    }
    let state = OwnedState::new(SimStore(Rc::clone(shared), ownership), rooms, ownership);
    let rooms = Arc::clone(state.rooms());
    let stop = stop_signal().1;
    Instance {
        owner: Owner::new(Parts {
            state,
            rules: Arc::clone(rules),
            meters: SimMeters(Rc::clone(shared)),
            clock: Arc::new(Later),
            keep_days: 30,
            inputs: Inbox::new(&stop).1,
            intake: Arc::new(Gate::new(0)),
            wake_notifier: Box::new(|_| {}),
            stop,
        }),
        rooms,
        inputs: VecDeque::new(),
        marks: VecDeque::from([world.position]),
        connection,
        acks: unbounded(),
    }
}

struct Simulation {
    world: Shared,
    rules: Arc<Rules>,
    now: Instance,
    /// One that has been replaced and does not know it yet.
    before: Option<Instance>,
    connections: u64,
    /// Rows of transactions that are still open, with the sweeps they have left.
    open: Vec<(usize, usize)>,
    /// What each room's meter shows.
    meters: Vec<(RoomKey, Reading)>,
}

impl Simulation {
    fn new(seed: u64) -> Simulation {
        let mut rng = Rng::with_seed(seed);
        let faults = [0.0, 0.05, 0.3][rng.usize(..3)];
        let world = Rc::new(RefCell::new(World {
            rng,
            faults,
            ..World::default()
        }));
        let (time, register) = (start(), WattHours(1_000_000));
        let meter = |room| (RoomKey::new("H001", room), Reading { time, register });
        let rules = Arc::default();
        Simulation {
            now: take_over(&world, &rules, 0),
            world,
            rules,
            before: None,
            connections: 0,
            open: Vec::new(),
            meters: ["101", "102", "103"].map(meter).into(),
        }
    }

    fn random(&mut self, below: usize) -> usize {
        self.world.borrow_mut().rng.usize(..below)
    }

    fn run(mut self) -> World {
        for _ in 0..300 {
            match self.random(42) {
                0..=9 => self.measure(),
                10..=13 => self.publish(),
                14..=18 => self.deliver(),
                19..=23 => self.sweep(),
                24..=31 => self.take(),
                32..=36 => self.notify(),
                37 => self.cut_connection(),
                38 => self.crash(),
                39..=40 => self.listen(),
                _ => self.replace(),
            }
        }
        // Peace at last: all that was begun comes to its end.
        self.world.borrow_mut().faults = 0.0;
        self.crash();
        for _ in 0..=OVERLAP {
            self.deliver();
            self.sweep();
            for _ in 0..self.now.inputs.len() {
                self.take();
            }
        }
        self.thaw();
        let notices = self.world.borrow().outbox.len();
        for _ in 0..notices {
            self.notify();
            self.take();
        }
        if let Some(before) = self.before.take() {
            self.world.borrow_mut().close_connection(before.connection);
            self.deliver();
            self.take();
        }
        let Simulation { world, now, .. } = self;
        drop(now);
        Rc::into_inner(world).expect("nobody else").into_inner()
    }

    /// A meter's rows are written: one by one or hours at once, in a transaction that may stay
    /// open.
    fn measure(&mut self) {
        let world = &mut *self.world.borrow_mut();
        let (room, meter) = &mut self.meters[world.rng.usize(..3)];
        let open = world.rng.u8(..6) == 0;
        let per_interval = [300, 2_400, 2_400][world.rng.usize(..3)];
        for _ in 0..=world.rng.u8(..6) {
            let minutes = [30, 30, 30, 30, 10, 60, 150][world.rng.usize(..7)];
            let (repeated, broken) = (world.rng.u8(..12) == 0, world.rng.u8(..40) == 0);
            if !repeated {
                meter.time = meter.time.plus(minutes * 60);
                meter.register.0 += per_interval * minutes / 30;
            }
            let register = if broken { WattHours(0) } else { meter.register };
            let time = meter.time;
            world.meter.push((room.clone(), Reading { time, register }));
            match open {
                true => self.open.push((world.meter.len(), OVERLAP)),
                false => world.visible.push(world.meter.len()),
            }
        }
    }

    /// The property management system publishes a message: in time or hours late, new or again.
    fn publish(&mut self) {
        let world = &mut *self.world.borrow_mut();
        let (room, meter) = self.meters[world.rng.usize(..3)].clone();
        let time = meter.time.plus((1 - world.rng.i64(0..8)) * 45 * 60);
        let stay = match world.rng.bool() {
            true => Stay::Occupied {
                check_in: time,
                expected_checkout: None,
            },
            false => Stay::Vacant {
                actual_checkin: None,
                actual_checkout: time,
            },
        };
        let again = match world.published.len() {
            known @ 1.. if world.rng.u8(..5) == 0 => Some(world.rng.usize(..known)),
            _ => None,
        };
        let event = again.map_or(Event { room, stay }, |known| world.published[known].clone());
        world.published.push(event);
        let length = world.queue.len();
        let place = length - world.rng.usize(..=length.min(3));
        world.queue.insert(place, world.published.len() - 1);
    }

    /// The broker delivers all that is in the queue.
    fn deliver(&mut self) {
        let world = &mut *self.world.borrow_mut();
        for number in world.queue.drain(..) {
            let held = (self.now.connection, number);
            world.unacknowledged.push(held);
            let acks = self.now.acks.0.clone();
            self.now.inputs.push_back(Input::Message(Message {
                source: "test".into(),
                parsed: Parsed::Event(world.published[number].clone()),
                body: Vec::new(),
                redelivered: false,
                committed: Box::new(move || acks.send(held).unwrap_or_default()),
            }));
        }
    }

    /// Reads what is new, as far back as a transaction may have been open, and has it judged.
    fn sweep(&mut self) {
        let waiting = |input: &Input| matches!(input, Input::Swept { .. });
        if self.now.inputs.iter().any(waiting) {
            return;
        }
        // Where this one begins, and where the next one will.
        let from = self.now.marks[0];
        if self.now.marks.len() > OVERLAP {
            self.now.marks.pop_front();
        }
        let (next, done) = (Position::Id(self.now.marks[0]), bounded(1).0);
        let sweeping = self.now.owner.take(vec![Input::Sweeping { next, done }]);
        assert!(sweeping.is_ok(), "nothing is written");
        let world = &mut *self.world.borrow_mut();
        self.open.retain_mut(|(id, left)| {
            *left -= 1;
            if *left == 0 {
                world.visible.push(*id);
            }
            *left > 0
        });
        let now = &mut self.now;
        let mut ids = world.visible.clone();
        ids.retain(|&id| id as u64 > from);
        ids.sort_unstable();
        let mut news: BTreeMap<RoomKey, Readings> = BTreeMap::new();
        for (room, reading) in ids.iter().map(|id| &world.meter[id - 1]) {
            let needs = now.rooms.needs_after(room);
            if needs.is_some_and(|seen| reading.time > seen) {
                news.entry(room.clone()).or_default().push(*reading);
            }
        }
        for (room, mut readings) in news {
            readings.sort_by_key(|reading| reading.time);
            let state = now.rooms.get(&room).expect("it is watched");
            now.inputs.push_back(Input::Judged(vec![Judged {
                version: state.version,
                transition: observe(&room, &state.watch, &readings, &self.rules),
                room,
                readings,
            }]));
        }
        let last = ids.last().map_or(0, |&id| id as u64);
        now.marks
            .push_back(last.max(now.marks[now.marks.len() - 1]));
        let (position, done) = (Position::Id(now.marks[0]), bounded(1).0);
        now.inputs.push_back(Input::Swept { position, done });
    }

    /// A sweep has found the meters of hotels silent or frozen, or no longer so, whatever the staff
    /// knows.
    fn listen(&mut self) {
        let waiting = |input: &Input| matches!(input, Input::Silence { .. });
        if self.now.inputs.iter().any(waiting) {
            return;
        }
        let kinds = [
            MeterNoticeKind::Silent,
            MeterNoticeKind::Heard,
            MeterNoticeKind::Frozen,
            MeterNoticeKind::Moving,
        ];
        let notices = ["H001", "H002"].map(|hotel| MeterNotice {
            kind: kinds[self.random(4)],
            hotel_id: HotelId::new(hotel),
            detected: start(),
            since: Some(start()),
            silent: 0,
            watched: 0,
            rooms: Vec::new(),
        });
        self.found(notices.into());
    }

    fn found(&mut self, notices: Vec<MeterNotice>) {
        let done = bounded(1).0;
        self.now.inputs.push_back(Input::Silence { notices, done });
    }

    /// The hotel moves again, if it was frozen.
    fn thaw(&mut self) {
        self.found(vec![MeterNotice {
            kind: MeterNoticeKind::Moving,
            hotel_id: HotelId::new("H001"),
            detected: start(),
            since: None,
            silent: 0,
            watched: 0,
            rooms: Vec::new(),
        }]);
        self.take();
    }

    /// The owner takes some of what has come in; so does one that has been replaced.
    fn take(&mut self) {
        let most = self.random(8) + 1;
        match take(&mut self.now, &self.world, most) {
            Ok(()) => {}
            Err(StoreError::Unreadable(why)) if why == CRASH => self.crash(),
            Err(error) => panic!("the owner can't go on: {error}"),
        }
        if let Some(mut before) = self.before.take() {
            let written = self.world.borrow().seq;
            let result = take(&mut before, &self.world, most);
            let mut world = self.world.borrow_mut();
            assert_eq!(
                world.seq, written,
                "an instance that was replaced has written"
            );
            match result {
                Ok(()) => self.before = Some(before),
                Err(_) => world.close_connection(before.connection),
            }
        }
    }

    /// The notifier tells Feishu of something; either answer may get lost.
    fn notify(&mut self) {
        let world = &mut *self.world.borrow_mut();
        let mut ids = 1..=world.outbox.len() as u64;
        let rooms = &self.now.rooms;
        let is_held = |notice: &RoomNotice| {
            notice.kind == NoticeKind::Recovered && rooms.is_told_frozen(&notice.room.hotel_id)
        };
        let to_tell =
            |id: &u64| !world.sent.contains(id) && !is_held(&world.outbox[*id as usize - 1]);
        let Some(id) = ids.find(to_tell) else {
            return;
        };
        // What memory knows of hotels is what is stored, whatever was lost on the way.
        let notice = &world.outbox[id as usize - 1];
        let is_recovery = notice.kind == NoticeKind::Recovered;
        assert!(
            !is_recovery || !world.is_frozen(&notice.room.hotel_id),
            "a recovery is told of a frozen hotel"
        );
        if world.fault() {
            return;
        }
        world.accepted.insert(id);
        if world.fault() {
            return;
        }
        let notice = world.outbox[id as usize - 1].clone();
        let how = Settlement::Sent(Notice::Room(notice));
        let (settled, done) = (vec![Settled { id, how }], bounded(1).0);
        self.now.inputs.push_back(Input::Settled { settled, done });
    }

    /// The connection to the broker is lost; what it had delivered goes on its way all the same.
    fn cut_connection(&mut self) {
        self.world
            .borrow_mut()
            .close_connection(self.now.connection);
        self.connections += 1;
        self.now.connection = self.connections;
    }

    /// The process ends at once, and another one starts.
    fn crash(&mut self) {
        let gone = self.succeed();
        self.world.borrow_mut().close_connection(gone.connection);
    }

    /// Another instance takes over, and this one does not know it yet.
    fn replace(&mut self) {
        let gone = self.succeed();
        if let Some(older) = self.before.replace(gone) {
            self.world.borrow_mut().close_connection(older.connection);
        }
    }

    fn succeed(&mut self) -> Instance {
        self.connections += 1;
        let next = take_over(&self.world, &self.rules, self.connections);
        std::mem::replace(&mut self.now, next)
    }
}

fn take(instance: &mut Instance, shared: &Shared, most: usize) -> Result<(), StoreError> {
    let count = most.min(instance.inputs.len());
    let batch: Vec<Input> = instance.inputs.drain(..count).collect();
    let messages = batch
        .iter()
        .filter(|input| event_of(input).is_some())
        .count();
    let Position::Id(swept) = instance.rooms.frontier().at() else {
        panic!("there is always a position");
    };
    let ops = ops_of(&batch, shared.borrow().visible.len(), swept);
    shared.borrow_mut().batch = ops;
    let result = instance.owner.take(batch);
    let world = &mut *shared.borrow_mut();
    let unwritten = std::mem::take(&mut world.batch);
    match result {
        Ok(()) => {
            // An empty plan is not written: let the model see that it had no effect.
            world.log.extend(unwritten);
            assert_eq!(instance.acks.1.len(), messages, "acknowledged");
            for held in instance.acks.1.try_iter() {
                world.unacknowledged.retain(|other| *other != held);
                world.acknowledged.insert(held.1);
            }
            Ok(())
        }
        Err(Ended::Failed(error)) => {
            assert!(instance.acks.1.is_empty(), "acknowledged before COMMIT");
            Err(error)
        }
        Err(Ended::Drained | Ended::GaveUp) => panic!("nobody told the owner to stop"),
    }
}

/// Says which seed it was.
struct Say(u64);

impl Drop for Say {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "to replay: ROOMWATT_SEED={} cargo test --test simulation",
                self.0
            );
        }
    }
}

#[test]
fn whatever_happens_nothing_is_lost_or_doubled() {
    let from = u64::from(fastrand::u32(..));
    let seeds: Vec<u64> = match std::env::var("ROOMWATT_SEED") {
        Ok(seed) => vec![seed.parse().expect("a seed")],
        Err(_) => (0..SEEDS).chain(from..from + SEEDS).collect(),
    };
    println!("{} seeds, the last one is {:?}", seeds.len(), seeds.last());
    let mut kinds = BTreeMap::new();
    for seed in seeds {
        let _say = Say(seed);
        let world = Simulation::new(seed).run();
        check(&world);
        for notice in &world.outbox {
            *kinds.entry(notice.kind.as_str()).or_insert(0) += 1;
        }
        for (kind, count) in world.told_of_meters {
            *kinds.entry(kind.as_str()).or_insert(0) += count;
        }
    }
    println!("{kinds:?}");
}
