//! The threads that every instance has: state-owner, sweep and notifiers.

use std::collections::BTreeSet;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use sd_notify::NotifyState;

use crate::clock::Clock;
use crate::config::Config;
use crate::engine::MeterCheck;
use crate::figures::Figures;
use crate::gate::Gate;
use crate::heartbeat::{Heartbeat, Pings};
use crate::notify::{Console, notifiers};
use crate::owner::{Ended, Inbox, OwnedState, Owner, Parts};
use crate::page::{Archives, Pages};
use crate::pulse::Pulses;
use crate::store::{Database, Reader, StoreError};
use crate::sweep::Sweeper;
use crate::threads::{Exit, Stop, Stopper, spawn, stop_signal};
use crate::types::{LocalTime, counted};

use super::ending::Threads;
use super::system::notify_systemd;

/// Takes the state over and loads it.
///
/// # Errors
/// Any [`StoreError`] of the database.
pub(crate) fn take_over(database: &Database, now: LocalTime) -> Result<OwnedState, StoreError> {
    let state = OwnedState::take_over(database.store(), now)?;
    log::info!(
        "watching {} (epoch {}, transaction {})",
        counted(state.rooms().len() as u64, "room"),
        state.ownership().epoch,
        state.ownership().seq
    );
    notify_systemd(&[NotifyState::Status("watching rooms")]);
    Ok(state)
}

/// What the threads work with.
pub(crate) struct Core<'a> {
    pub(crate) config: &'a Config,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) intake: Arc<Gate>,
    /// Takes the notices that have no bot.
    pub(crate) console: Console,
    pub(crate) figures: &'a Arc<Figures>,
    /// Where a completed sweep reports to; `None` where no monitor is pinged.
    pub(crate) pings: Option<Pings>,
    pub(crate) pulses: &'a Pulses,
    pub(crate) exits: &'a Sender<Exit>,
}

/// The threads that have been started, to which others may be added.
pub(crate) struct Running<'a> {
    /// The owner ends when the last clone of it is dropped.
    pub(crate) inbox: Inbox,
    pub(crate) pages: Arc<Pages>,
    /// Set when its threads are to end: at a stop, when another instance has taken over, or for
    /// another configuration.
    pub(crate) stop: Stop,
    names: BTreeSet<String>,
    owner_ended: Receiver<Ended>,
    stopper: Stopper,
    pulses: &'a Pulses,
    exits: &'a Sender<Exit>,
}

impl<'a> Core<'a> {
    /// Starts them.
    ///
    /// # Errors
    /// When the system refuses threads.
    pub(crate) fn start(self, state: OwnedState) -> std::io::Result<Running<'a>> {
        let rooms = Arc::clone(state.rooms());
        let judged = state.ownership().position;
        let Core {
            config,
            reader,
            clock,
            intake,
            console,
            figures,
            pings,
            pulses,
            exits,
        } = self;
        let rules = Arc::new(config.rules.clone());
        // Each hotel has its counters before anything is counted of it, and pages show it.
        let now = clock.now();
        let check = MeterCheck {
            now,
            listening_since: now,
            silent_after: rules.silent_after_seconds,
        };
        let counted = rooms.check_meters(&check, &rules).rooms;
        figures.set_rooms(&counted);
        rooms.set_counted(now, counted);
        let (end_of_owner, owner_ended) = bounded(1);
        let (stopper, stop) = stop_signal();
        let (inbox, inputs) = Inbox::new(&stop);
        let pages = Pages {
            rooms: Arc::clone(&rooms),
            rules: Arc::clone(&rules),
            clock: Arc::clone(&clock),
            cards: config.notify.cards.clone(),
            archives: Archives::new(&*reader),
            sweep_seconds: config.sweep_every.as_secs().cast_signed(),
            keep_days: config.keep_days,
        };
        let mut running = Running {
            inbox,
            pages: Arc::new(pages),
            stop,
            names: BTreeSet::new(),
            owner_ended,
            stopper,
            pulses,
            exits,
        };
        let (notifiers, wakers) = notifiers(
            &config.notify,
            reader.clone(),
            &rooms,
            &clock,
            &console,
            figures,
            &running.stop,
        );
        let owner = Owner::new(Parts {
            state,
            rules: Arc::clone(&rules),
            meters: Arc::clone(&reader),
            clock: Arc::clone(&clock),
            keep_days: config.keep_days,
            keep_incident_days: config.incidents.keep_days,
            refused_bodies: config.refused_bodies(),
            inputs,
            intake: Arc::clone(&intake),
            wake_notifier: Box::new(move |hotel| wakers.wake(hotel)),
            figures: Arc::clone(figures),
            stop: running.stop.clone(),
        });
        running.spawn("owner", move || {
            // There is room for the one message.
            let _ = end_of_owner.send(owner.run());
        })?;
        for (number, notifier) in notifiers.into_iter().enumerate() {
            let inbox = running.inbox.clone();
            running.spawn(format!("notifier-{number}"), move || notifier.run(inbox))?;
        }
        let heartbeat = { config.heartbeat.clone().zip(pings) }.map(|(url, pings)| Heartbeat {
            url,
            pings,
            intake: Arc::clone(&intake),
            figures: Arc::clone(figures),
            group_wait: config.notify.group_wait,
            withheld: None,
        });
        let sweeper = Sweeper {
            rooms,
            rules,
            reader,
            clock,
            batch_size: config.batch_size,
            every: config.sweep_every,
            intake,
            inbox: running.inbox.clone(),
            figures: Arc::clone(figures),
            heartbeat,
            stop: running.stop.clone(),
            judged,
        };
        running.spawn("sweep", move || sweeper.run())?;
        Ok(running)
    }
}

impl Running<'_> {
    /// Starts a thread of this instance. If it ends before it is asked to, all others end, too.
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

    /// All are started; the result ends them.
    pub(crate) fn started(self) -> Threads {
        // The owner ends when the last inbox is dropped; this one belongs to no thread.
        Threads {
            running: self.names,
            owner_ended: self.owner_ended,
            stopper: self.stopper,
        }
    }
}
