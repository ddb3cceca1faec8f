//! A running service: the owner in the simulation's own thread, and the sweeper in another one that
//! runs only while the simulation waits for it. So a seed is the same run each time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use parking_lot::Mutex;

use roomwatt::clock::Clock;
use roomwatt::engine::{BaselineMode, RefusedBodies, Rules};
use roomwatt::figures::{Figure, Figures};
use roomwatt::gate::Gate;
use roomwatt::owner::{Ended, Inbox, Input, Inputs, OwnedState, Owner, Parts};
use roomwatt::rooms::Rooms;
use roomwatt::store::{Ownership, Position, StoreError};
use roomwatt::sweep::Sweeper;
use roomwatt::threads::{Exit, Stop, Stopper, spawn, stop_signal};
use roomwatt::types::LocalTime;

use crate::model::Batch;
use crate::world::{Later, Shared, SimMeters, SimStore};

/// Between two sweeps. A row that is committed late is shown when it is there three sweeps after
/// those with higher ids: the stream reads the last ten minutes again.
const SWEEP_EVERY: Duration = Duration::from_secs(200);

/// No sweep takes so long.
const LIMIT: Duration = Duration::from_secs(60);

/// A message, and the connection that holds it unacknowledged.
pub type Held = (u64, usize);

pub struct Instance {
    pub mode: BaselineMode,
    /// Which of the instances it is.
    pub epoch: u64,
    pub owner: Owner<SimStore, SimMeters>,
    pub rooms: Arc<Rooms>,
    pub figures: Arc<Figures>,
    /// What is on its way to the owner.
    inputs: VecDeque<Input>,
    /// The place among these of what the sweeper waits for.
    asked: Option<usize>,
    /// To the broker.
    pub connection: u64,
    pub acks: (Sender<Held>, Receiver<Held>),
    /// From the sweeper.
    sweeps: Inputs,
    /// Has it begin a sweep.
    tick: Sender<()>,
    /// Whether it waits for that.
    is_idle: bool,
    /// What its clock showed when the last sweep began.
    pub began: LocalTime,
    stopper: Option<Stopper>,
    ended: Receiver<Exit>,
}

impl Instance {
    /// Makes a new instance the owner of the state.
    pub fn take_over(shared: &Shared, rules: &Arc<Rules>, connection: u64) -> Instance {
        let rooms = Rooms::default();
        let ownership = {
            let mut world = shared.lock();
            world.epoch += 1;
            rooms.adopt(world.rooms.clone());
            for (hotel, trouble) in &world.troubles {
                rooms.set_trouble(hotel.clone(), *trouble);
            }
            rooms.adopt_incidents(world.incidents.values().cloned());
            for (hotel, state) in &world.hotels {
                rooms.set_hotel(hotel.clone(), *state);
            }
            Ownership {
                epoch: world.epoch,
                seq: world.seq,
                position: Some(Position::Id(world.position)),
            }
        };
        let store = SimStore(Arc::clone(shared), ownership);
        let state = OwnedState::new(store, rooms, ownership);
        let rooms = Arc::clone(state.rooms());
        let meters = SimMeters(Arc::clone(shared));
        let intake = Arc::new(Gate::new(0));
        let (stopper, stop) = stop_signal();
        let (inbox, sweeps) = Inbox::new(&stop);
        let (tick, ticks) = bounded(1);
        let (exits, ended) = bounded(1);
        let figures = Arc::<Figures>::default();
        let sweeper = Sweeper {
            rooms: Arc::clone(&rooms),
            rules: Arc::clone(rules),
            reader: Arc::new(meters.clone()),
            clock: Arc::new(Ticks {
                world: Arc::clone(shared),
                inbox: inbox.clone(),
                ticks,
                time: Mutex::new(Instant::now()),
            }),
            // All rooms are one chunk: of several it would be open which comes first.
            batch_size: 100,
            every: SWEEP_EVERY,
            intake: Arc::clone(&intake),
            inbox,
            figures: Arc::clone(&figures),
            heartbeat: None,
            stop: stop.clone(),
            judged: ownership.position,
        };
        spawn("sweep", &exits, move || sweeper.run()).expect("a thread");
        let mut instance = Instance {
            mode: rules.baseline.mode,
            epoch: ownership.epoch,
            owner: Owner::new(Parts {
                state,
                rules: Arc::clone(rules),
                meters,
                clock: Arc::new(Later),
                keep_days: 30,
                keep_incident_days: 400,
                refused_bodies: RefusedBodies::default(),
                inputs: Inbox::new(&stop).1,
                intake,
                wake_notifier: Box::new(|_| {}),
                figures: Arc::clone(&figures),
                stop,
            }),
            rooms,
            figures,
            inputs: VecDeque::new(),
            asked: None,
            connection,
            acks: unbounded(),
            sweeps,
            tick,
            is_idle: false,
            began: LocalTime::FIRST,
            stopper: Some(stopper),
            ended,
        };
        instance.let_sweep();
        instance
    }

    /// Whether the last sweep is over.
    pub fn is_idle(&self) -> bool {
        self.is_idle
    }

    /// Begins a sweep, where the last one is over; the clock shows `now`.
    pub fn sweep(&mut self, now: LocalTime) {
        if std::mem::take(&mut self.is_idle) {
            self.began = now;
            self.tick.send(()).expect("the sweeper waits");
            self.let_sweep();
        }
    }

    /// Something is sent to the owner.
    pub fn send(&mut self, input: Input) {
        self.inputs.push_back(input);
    }

    /// What is on its way to the owner.
    pub fn inputs(&self) -> &VecDeque<Input> {
        &self.inputs
    }

    /// The next inputs, and whether the sweeper waits for the answer to one of them: when it has
    /// that, [`Instance::let_sweep`] is to be called.
    pub fn receive(&mut self, most: usize) -> (Vec<Input>, bool) {
        let count = most.min(self.inputs.len());
        let asked = self.asked.take();
        self.asked = asked.and_then(|place| place.checked_sub(count));
        let is_asked = asked.is_some() && self.asked.is_none();
        (self.inputs.drain(..count).collect(), is_asked)
    }

    /// Lets the sweeper go on until it waits: for the owner's answer, or for its next tick.
    pub fn let_sweep(&mut self) {
        loop {
            match self.sweeps.next(LIMIT).expect("the sweeper goes on") {
                Input::Judged(chunk) if chunk.is_empty() => {
                    self.is_idle = true;
                    return;
                }
                found @ (Input::Judged(_) | Input::Hotels(_)) => self.inputs.push_back(found),
                question => {
                    self.asked = Some(self.inputs.len());
                    self.inputs.push_back(question);
                    return;
                }
            }
        }
    }
}

/// An instance takes some of what has come in. Of one that has been replaced nothing is written:
/// what it takes is nothing that happens to the rooms.
pub fn take(
    instance: &mut Instance,
    shared: &Shared,
    most: usize,
    is_owner: bool,
) -> Result<(), StoreError> {
    let (batch, is_asked) = instance.receive(most);
    let messages = batch
        .iter()
        .filter(|input| matches!(input, Input::Message(_)))
        .count();
    let Position::Id(swept) = instance.rooms.frontier().at() else {
        panic!("there is always a position");
    };
    if is_owner {
        let world = &mut *shared.lock();
        let visible = world.visible.len();
        world.batch = Some(Batch::of(&batch, instance, visible, swept));
    }
    let is_complete = { batch.iter() }.any(|input| matches!(input, Input::Swept { .. }));
    let counted = counted_messages(&instance.figures);
    let result = instance.owner.take(batch);
    let newly_counted = counted_messages(&instance.figures) - counted;
    let unwritten = shared.lock().batch.take();
    if result.is_ok() {
        // An empty plan is not written: let the model see that it had no effect.
        shared.lock().log.extend(unwritten);
    }
    if is_asked && result.is_ok() {
        let before = instance.inputs().len();
        instance.let_sweep();
        if is_owner {
            let sent = match is_complete {
                true => Batch::closing(instance, before),
                false => Batch::computed(instance, before),
            };
            shared.lock().log.push(sent);
        }
    }
    let world = &mut *shared.lock();
    match result {
        Ok(()) => {
            assert_eq!(instance.acks.1.len(), messages, "acknowledged");
            assert_eq!(newly_counted, messages as u64, "counted");
            for held in instance.acks.1.try_iter() {
                world.unacknowledged.retain(|other| *other != held);
                world.acknowledged.insert(held.1);
            }
            Ok(())
        }
        Err(Ended::Failed(error)) => {
            assert!(instance.acks.1.is_empty(), "acknowledged before COMMIT");
            assert_eq!(newly_counted, 0, "counted before COMMIT");
            Err(error)
        }
        Err(Ended::Drained | Ended::GaveUp) => panic!("nobody told the owner to stop"),
    }
}

fn counted_messages(figures: &Figures) -> u64 {
    let now = figures.now();
    let messages = now
        .iter()
        .filter(|(figure, _)| matches!(figure, Figure::Messages(..)));
    messages.map(|(_, number)| number).sum()
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.stopper.take());
        let ended = self.ended.recv_timeout(LIMIT);
        if !std::thread::panicking() {
            let exit = ended.expect("the sweeper ends at a stop");
            assert!(!exit.panicked, "{exit:?}");
        }
    }
}

/// The sweeper's clock: it is as late as the newest reading, and the next tick is when the
/// simulation says so.
struct Ticks {
    world: Shared,
    inbox: Inbox,
    ticks: Receiver<()>,
    time: Mutex<Instant>,
}

impl Clock for Ticks {
    fn now(&self) -> LocalTime {
        self.world.lock().newest_reading()
    }

    fn instant(&self) -> Instant {
        *self.time.lock()
    }

    fn wait(&self, stop: &Stop, _patience: Duration) -> bool {
        // An empty chunk, behind all others, says that it waits.
        let is_told = self.inbox.judged(Vec::new()).is_ok();
        if is_told && stop.wait_for(&self.ticks).is_some() {
            *self.time.lock() += SWEEP_EVERY;
            return false;
        }
        true
    }
}
