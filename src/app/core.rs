//! The threads that every instance has: state-owner, sweep and notifiers.

use std::collections::BTreeSet;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use sd_notify::NotifyState;

use crate::clock::Clock;
use crate::config::Config;
use crate::gate::Gate;
use crate::notify::{Aloud, notifiers};
use crate::owner::{Counts, Ended, Input, Owner};
use crate::pulse::Pulses;
use crate::rooms::Rooms;
use crate::store::{Database, Ownership, Reader, StateStore, StoreError};
use crate::sweep::Sweeper;
use crate::threads::{Exit, Stop, Stopper, spawn, stop_signal};
use crate::types::counted;

use super::ending::Threads;
use super::outside::tell_manager;

/// Inputs on the way to the state-owner. Who sends more waits: a consumer that waits here goes on
/// passing acknowledgements back, and the owner waits for none of the senders. A sweep's chunks
/// hold `batch_size` rooms each, so their number bounds the memory too.
const INPUTS: usize = 200;

/// What an instance has that owns the state.
pub(crate) struct State {
    store: Box<dyn StateStore>,
    rooms: Arc<Rooms>,
    ownership: Ownership,
}

impl State {
    /// Takes the state over and loads it.
    ///
    /// # Errors
    /// Any [`StoreError`] of the database.
    pub(crate) fn load(database: &Database) -> Result<State, StoreError> {
        let mut store = database.store();
        let ownership = store.take_over()?;
        let rooms = Rooms::default();
        store.load_rooms(&mut |room, watch| rooms.adopt([(room, watch)]))?;
        store.load_meter_troubles(&mut |hotel, trouble| rooms.has_trouble(hotel, trouble))?;
        let verb = if rooms.len() == 1 { "is" } else { "are" };
        log::info!(
            "{} {verb} watched (epoch {}, transaction {})",
            counted(rooms.len() as u64, "room"),
            ownership.epoch,
            ownership.seq
        );
        tell_manager(&[NotifyState::Status("watching rooms")]);
        Ok(State {
            store,
            rooms: Arc::new(rooms),
            ownership,
        })
    }

    /// The same, with `wrap` around its store.
    pub(crate) fn wrapped(
        self,
        wrap: impl FnOnce(Box<dyn StateStore>) -> Box<dyn StateStore>,
    ) -> State {
        State {
            store: wrap(self.store),
            ..self
        }
    }
}

/// What the threads work with.
pub(crate) struct Core<'a> {
    pub(crate) config: &'a Config,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) intake: Arc<Gate>,
    /// Tells what has no bot.
    pub(crate) aloud: Aloud,
    pub(crate) pulses: &'a Pulses,
    pub(crate) exits: &'a Sender<Exit>,
}

/// The threads that have been started, to which others may be added.
pub(crate) struct Running<'a> {
    /// The way to the owner. It ends when the last sender is gone.
    pub(crate) inputs: Sender<Input>,
    /// Set when it is time to stop, and also when this instance has been replaced or configured anew.
    pub(crate) over: Stop,
    /// Set when the owner has ended: it may leave inputs behind.
    pub(crate) owner_gone: Stop,
    names: BTreeSet<String>,
    owner_ended: Receiver<Ended>,
    term: Stopper,
    pulses: &'a Pulses,
    exits: &'a Sender<Exit>,
}

impl<'a> Core<'a> {
    /// Starts them.
    ///
    /// # Errors
    /// When the system refuses threads.
    pub(crate) fn start(self, state: State) -> std::io::Result<Running<'a>> {
        let State {
            store,
            rooms,
            ownership,
        } = state;
        let Core {
            config,
            reader,
            clock,
            intake,
            aloud,
            pulses,
            exits,
        } = self;
        let rules = Arc::new(config.rules.clone());
        let (inputs, to_owner) = bounded(INPUTS);
        let (end_of_owner, owner_ended) = bounded(1);
        let (term, over) = stop_signal();
        let (owner_lives, owner_gone) = stop_signal();
        let mut running = Running {
            inputs,
            over,
            owner_gone,
            names: BTreeSet::new(),
            owner_ended,
            term,
            pulses,
            exits,
        };
        let (notifiers, bells) = notifiers(
            &config.feishu,
            reader.clone(),
            &rooms,
            &clock,
            &aloud,
            &running.over,
        );
        let owner = Owner {
            rooms: Arc::clone(&rooms),
            rules: Arc::clone(&rules),
            store,
            meters: Arc::clone(&reader),
            clock: Arc::clone(&clock),
            position: ownership.position,
            swept_to: ownership.position,
            keep_days: config.keep_days,
            inputs: to_owner,
            intake: Arc::clone(&intake),
            counts: Counts::default(),
            wake_notifier: Box::new(move |hotel| bells.ring(hotel)),
            stop: running.over.clone(),
        };
        running.spawn("owner", move || {
            // There is room for the one message.
            let _ = end_of_owner.send(owner.run());
            drop(owner_lives);
        })?;
        for (number, notifier) in notifiers.into_iter().enumerate() {
            let to_settle = running.inputs.clone();
            running.spawn(format!("notifier-{number}"), move || {
                notifier.run(to_settle);
            })?;
        }
        let sweeper = Sweeper {
            rooms,
            rules,
            reader,
            clock,
            batch_size: config.batch_size,
            every: config.sweep_every,
            intake,
            stop: running.over.clone(),
            judged: ownership.position,
        };
        let verdicts = running.inputs.clone();
        running.spawn("sweep", move || sweeper.run(verdicts))?;
        Ok(running)
    }
}

impl Running<'_> {
    /// Starts a thread of this instance: its end before the others' is the end of all.
    ///
    /// # Errors
    /// When the system refuses it.
    pub(crate) fn spawn(
        &mut self,
        name: impl Into<String>,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        let name = name.into();
        self.names.insert(name.clone());
        let pulses = self.pulses.clone();
        spawn(name.clone(), self.exits, move || {
            let _watched = pulses.watch(&name);
            work();
        })
    }

    /// All are started: what they end by.
    pub(crate) fn started(self) -> Threads {
        // The owner ends when the last sender is gone; this one is of no thread.
        Threads {
            running: self.names,
            owner_ended: self.owner_ended,
            term: self.term,
        }
    }
}
