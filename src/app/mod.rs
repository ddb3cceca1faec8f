//! The service: starts the threads, waits, and ends them in order.

mod current;
mod ending;
mod lease;
mod outside;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use sd_notify::NotifyState;

use crate::amqp::Consumer;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ConfigErrors, RabbitMq};
use crate::gate::Gate;
use crate::logging::LogFile;
use crate::notify::notifiers;
use crate::outage::Outage;
use crate::owner::{Counts, Owner};
use crate::pulse::Pulses;
use crate::rooms::Rooms;
use crate::store::{Database, Ownership, StateStore, StoreError};
use crate::sweep::Sweeper;
use crate::threads::{Exit, spawn, stop_signal};

use current::Current;
use ending::{Over, Threads, Undrained, drain};
use lease::{LEASE, keep, stand_by};
use outside::{feed, listen_to_signals, tell_manager};

/// Inputs on the way to the state-owner. Who sends more waits: a consumer that waits here goes on
/// passing acknowledgements back, and the owner waits for none of the senders. A sweep's chunks
/// hold `batch_size` rooms each, so their number bounds the memory too.
const INPUTS: usize = 200;

/// Threads besides the consumers and notifiers: signals, watchdog, lease, owner, sweep.
const OTHER_THREADS: usize = 5;

/// How often who waits for the end of the lease sees whether it is time to stop.
const LOOK_AROUND: Duration = Duration::from_secs(1);

/// How the service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was told to stop.
    Stopped,
    /// A thread ended that must not.
    ThreadDied,
}

/// Runs the service until a signal stops it. At SIGHUP the log's file is opened anew, and `reread`
/// gives the configuration as it is by now.
///
/// # Errors
/// When the system refuses threads or signals.
pub fn run(
    config: Config,
    servers: &Servers,
    reread: impl Fn() -> Result<Config, ConfigErrors>,
    log_file: LogFile,
) -> std::io::Result<End> {
    let Servers { database, rabbitmq } = servers;
    log::info!(
        "roomwatt {} starts: queue {} of {}:{}, {database}, times of {}",
        env!("CARGO_PKG_VERSION"),
        rabbitmq.queue,
        rabbitmq.host,
        rabbitmq.port,
        config.messages.zone.name(),
    );
    // One message a thread, so that an ending thread never waits long.
    let notifiers = config.feishu.routes.len() + 1;
    let (exits, ended) = bounded(config.consumer_count + notifiers + OTHER_THREADS);
    let (stopper, stop) = stop_signal();
    let (hang_up, hang_ups) = bounded(1);
    listen_to_signals(stopper, hang_up, log_file, &exits)?;
    // From now on signals are heard; servers that are down are waited for.
    tell_manager(&[
        NotifyState::Ready,
        NotifyState::Status("waiting for the state"),
    ]);
    let pulses = Pulses::default();
    if let Some(patience) = sd_notify::watchdog_enabled() {
        let (pulses, stop) = (pulses.clone(), stop.clone());
        spawn("watchdog", &exits, move || feed(&pulses, patience, &stop))?;
    }
    let mut current = Current {
        config,
        reread: &reread,
        hang_ups,
    };
    current.warn();
    let mut outage = Outage::new("taking the state over");
    loop {
        let Some(lease) = stand_by(&mut current, database, &stop) else {
            log::info!("stopped: it owned no state");
            return Ok(End::Stopped);
        };
        // It outlives the last write, and changes of the configuration.
        let (end_of_lease, lease_over) = stop_signal();
        let of_lease = pulses.clone();
        spawn(LEASE, &exits, move || {
            let _watched = of_lease.watch(LEASE);
            keep(lease, &lease_over);
        })?;
        loop {
            let state = match load(database) {
                Ok(state) => state,
                // By the time it works somebody else may have the lease: it is waited for anew.
                Err(error) => {
                    if stop.wait(outage.failed(&error)) {
                        log::info!("stopped: it owned no state");
                        return Ok(End::Stopped);
                    }
                    break;
                }
            };
            outage.over();
            let threads = serve(&current.config, servers, state, &pulses, &exits)?;
            match threads.wait(&ended, &stop, &mut current) {
                Over::End(end) => return Ok(end),
                Over::Reconfigured => {}
                Over::Replaced => break,
            }
        }
        // Its threads have ended, and all it knew has gone with them.
        drop(end_of_lease);
        let mut lease = BTreeSet::from([LEASE.to_owned()]);
        loop {
            match drain(&mut lease, &ended, Instant::now() + LOOK_AROUND) {
                Ok(()) => break,
                Err(Undrained::Panicked) => return Ok(End::ThreadDied),
                // A link that is silently dead is waited for, but not by who is to stop.
                Err(Undrained::TooLate) if stop.is_set() => return Ok(End::Stopped),
                Err(Undrained::TooLate) => {}
            }
        }
    }
}

/// The servers that the service can't do without.
pub struct Servers {
    pub database: Database,
    pub rabbitmq: RabbitMq,
}

/// What an instance has that owns the state.
struct State {
    store: Box<dyn StateStore>,
    rooms: Arc<Rooms>,
    ownership: Ownership,
}

/// Starts the threads of an instance that owns the state.
fn serve(
    config: &Config,
    servers: &Servers,
    state: State,
    pulses: &Pulses,
    exits: &Sender<Exit>,
) -> std::io::Result<Threads> {
    let State {
        store,
        rooms,
        ownership,
    } = state;
    let Servers { database, rabbitmq } = servers;
    let zone = config.messages.zone;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock { zone });
    let rules = Arc::new(config.rules.clone());
    let reader = database.reader();
    let intake = Arc::new(Gate::new(config.consumer_count));
    let (inputs, to_owner) = bounded(INPUTS);
    let (end_of_owner, owner_ended) = bounded(1);
    // Set when it is time to stop, and also when this instance has been replaced or configured anew.
    let (term, over) = stop_signal();
    let (notifiers, bells) = notifiers(&config.feishu, reader.clone(), &rooms, &over);

    let mut running = BTreeSet::new();
    let mut start = |name: String, work: Box<dyn FnOnce() + Send>| {
        running.insert(name.clone());
        let pulses = pulses.clone();
        spawn(name.clone(), exits, move || {
            let _watched = pulses.watch(&name);
            work();
        })
    };
    let owner = Owner {
        rooms: Arc::clone(&rooms),
        rules: Arc::clone(&rules),
        store,
        meters: reader.clone(),
        clock: Arc::clone(&clock),
        position: ownership.position,
        swept_to: ownership.position,
        keep_days: config.keep_days,
        inputs: to_owner,
        intake: Arc::clone(&intake),
        counts: Counts::default(),
        wake_notifier: Box::new(move |hotel| bells.ring(hotel)),
        stop: over.clone(),
    };
    start(
        "owner".into(),
        Box::new(move || {
            // There is room for the one message.
            let _ = end_of_owner.send(owner.run());
        }),
    )?;
    for (number, notifier) in notifiers.into_iter().enumerate() {
        let to_settle = inputs.clone();
        start(
            format!("notifier-{number}"),
            Box::new(move || notifier.run(to_settle)),
        )?;
    }
    let sweeper = Sweeper {
        rooms,
        rules,
        reader,
        clock: Arc::clone(&clock),
        batch_size: config.batch_size,
        every: config.sweep_every,
        intake: Arc::clone(&intake),
        stop: over.clone(),
        judged: ownership.position,
    };
    let verdicts = inputs.clone();
    start("sweep".into(), Box::new(move || sweeper.run(verdicts)))?;
    let format = Arc::new(config.messages.clone());
    for number in 1..=config.consumer_count {
        let consumer = Consumer {
            config: rabbitmq.clone(),
            format: Arc::clone(&format),
            clock: Arc::clone(&clock),
            intake: Arc::clone(&intake),
            stop: over.clone(),
        };
        let inputs = inputs.clone();
        start(
            format!("consumer-{number}"),
            Box::new(move || consumer.run(inputs)),
        )?;
    }
    // The owner ends when the last sender is gone; this one is of no thread. So with the others.
    drop((inputs, over));
    Ok(Threads {
        running,
        owner_ended,
        term,
    })
}

/// Takes the state over and loads it.
fn load(database: &Database) -> Result<State, StoreError> {
    let mut store = database.store();
    let ownership = store.take_over()?;
    let rooms = Rooms::default();
    store.load_rooms(&mut |room, watch| rooms.adopt([(room, watch)]))?;
    store.load_silent_hotels(&mut |hotel, since| rooms.told_silent(hotel, since))?;
    log::info!(
        "{} rooms are watched (epoch {}, transaction {})",
        rooms.len(),
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
