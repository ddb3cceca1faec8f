//! The service: starts the threads, waits, and ends them in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::amqp::Consumer;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, MySql, RabbitMq};
use crate::notify::Notifier;
use crate::outage::Outage;
use crate::owner::{Ended, Owner};
use crate::rooms::Rooms;
use crate::store::{MySqlReader, MySqlStore, Ownership, StoreError};
use crate::sweep::Sweeper;
use crate::threads::{Exit, Stop, Stopper, spawn, stop_signal};

/// Inputs on the way to the state-owner. Who sends more waits: a consumer that waits here goes on
/// passing acknowledgements back, and the owner waits for none of the senders. A sweep's chunks
/// hold `batch_size` rooms each, so their number bounds the memory too.
const INPUTS: usize = 200;

/// From the signal to the end, at most: below every supervisor's patience that is set to 30 s.
const DRAIN_PATIENCE: Duration = Duration::from_secs(25);

/// How long the lock is waited for before it is said again that this instance stands by.
const STANDBY_PATIENCE: Duration = Duration::from_secs(2);

/// How the service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was told to stop.
    Stopped,
    /// A thread ended that must not.
    ThreadDied,
    /// Another instance owns the state.
    Replaced,
}

/// Runs the service until a signal stops it.
///
/// # Errors
/// When the system refuses threads or signals.
pub fn run(config: &Config, mysql: &MySql, rabbitmq: &RabbitMq) -> std::io::Result<End> {
    let zone = config.messages.zone;
    log::info!(
        "roomwatt {} starts: queue {} of {}:{}, database {} of {}:{}, times of {}",
        env!("CARGO_PKG_VERSION"),
        rabbitmq.queue,
        rabbitmq.host,
        rabbitmq.port,
        mysql.database,
        mysql.host,
        mysql.port,
        zone.name(),
    );
    // One message a thread, so that an ending thread never waits.
    let (exits, ended) = bounded(config.consumer_count + 4);
    let (stopper, stop) = stop_signal();
    listen_to_signals(stopper, &exits)?;

    let mut store = MySqlStore::new(mysql, zone);
    let reader = MySqlReader::new(mysql, config.meter.clone(), zone);
    let rooms = Arc::new(Rooms::default());
    let Some(ownership) = take_state_over(&mut store, &rooms, &stop) else {
        log::info!("stopped before it had begun");
        return Ok(End::Stopped);
    };

    let clock: Arc<dyn Clock> = Arc::new(SystemClock { zone });
    let rules = Arc::new(config.rules.clone());
    let (inputs, to_owner) = bounded(INPUTS);
    let (wake, woken) = bounded(1);
    let (end_of_owner, owner_ended) = bounded(1);

    let owner = Owner {
        rooms: Arc::clone(&rooms),
        rules: Arc::clone(&rules),
        store,
        reader: reader.clone(),
        clock: Arc::clone(&clock),
        meter_id: ownership.meter_id,
        inputs: to_owner,
        notifier: wake,
        stop: stop.clone(),
    };
    spawn("owner", &exits, move || {
        // There is room for the one message.
        let _ = end_of_owner.send(owner.run());
    })?;
    let notifier = Notifier::new(config.feishu.clone(), reader.clone(), stop.clone());
    let to_settle = inputs.clone();
    spawn("notifier", &exits, move || notifier.run(woken, to_settle))?;
    let sweeper = Sweeper {
        rooms,
        rules,
        reader,
        clock: Arc::clone(&clock),
        batch_size: config.batch_size,
        every: config.sweep_every,
        stop: stop.clone(),
        judged_id: ownership.meter_id,
    };
    let verdicts = inputs.clone();
    spawn("sweep", &exits, move || sweeper.run(verdicts))?;
    let format = Arc::new(config.messages.clone());
    for number in 1..=config.consumer_count {
        let consumer = Consumer {
            config: rabbitmq.clone(),
            format: Arc::clone(&format),
            clock: Arc::clone(&clock),
            stop: stop.clone(),
        };
        let inputs = inputs.clone();
        spawn(format!("consumer-{number}"), &exits, move || {
            consumer.run(inputs)
        })?;
    }
    // The owner ends when the last sender is gone; this one is of no thread.
    drop(inputs);
    Ok(wait(&stop, &ended, &owner_ended, config.consumer_count + 3))
}

/// The first SIGTERM or SIGINT begins an orderly stop; a second one ends the process at once, which
/// is as safe as SIGKILL.
fn listen_to_signals(stopper: Stopper, exits: &Sender<Exit>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    spawn("signals", exits, move || {
        let mut stopper = Some(stopper);
        for signal in &mut signals {
            if signal == SIGHUP {
                log::warn!("SIGHUP changes nothing: a changed configuration needs a restart");
                continue;
            }
            let name = if signal == SIGINT {
                "SIGINT"
            } else {
                "SIGTERM"
            };
            match stopper.take() {
                Some(stopper) => {
                    log::info!("{name}: stopping");
                    drop(stopper);
                }
                None => {
                    log::warn!("{name} again: ending at once");
                    std::process::exit(128 + signal);
                }
            }
        }
    })
}

/// Waits for the database and for the end of any other instance, then loads the state. `None` when
/// it is time to stop first.
fn take_state_over(store: &mut MySqlStore, rooms: &Rooms, stop: &Stop) -> Option<Ownership> {
    let mut outage = Outage::new("taking the state over");
    let mut standing_by = false;
    while !stop.is_set() {
        match try_take_over(store, rooms) {
            Ok(Some(ownership)) => {
                outage.over();
                log::info!(
                    "{} rooms are watched (epoch {}, transaction {})",
                    rooms.len(),
                    ownership.epoch,
                    ownership.seq
                );
                return Some(ownership);
            }
            Ok(None) => {
                outage.over();
                if !standing_by {
                    log::info!("standing by: another instance works on this database");
                }
                standing_by = true;
            }
            Err(error) => {
                stop.wait(outage.failed(&error));
            }
        }
    }
    None
}

fn try_take_over(store: &mut MySqlStore, rooms: &Rooms) -> Result<Option<Ownership>, StoreError> {
    if !store.acquire_lease(STANDBY_PATIENCE)? {
        return Ok(None);
    }
    let ownership = store.take_over()?;
    store.load_rooms(|room, watch| rooms.adopt([(room, watch)]))?;
    Ok(Some(ownership))
}

/// Waits for the signal, then for the threads. A thread that ends before is the end of all.
fn wait(
    stop: &Stop,
    ended: &Receiver<Exit>,
    owner_ended: &Receiver<Ended>,
    mut running: usize,
) -> End {
    let mut early = select! {
        recv(stop.channel()) -> _ => None,
        recv(ended) -> exit => exit.ok(),
    };
    // Both can be ready at once: a thread that heard of the stop first has ended in order.
    if let Some(exit) = early.take_if(|exit| exit.panicked || !stop.is_set()) {
        return died(&exit, owner_ended);
    }
    running -= usize::from(early.is_some());

    // Consumers, sweep and notifier end first; then the owner has nobody to wait for, writes what
    // is left, and its end lets the consumers acknowledge it.
    let deadline = Instant::now() + DRAIN_PATIENCE;
    while running > 0 {
        match ended.recv_deadline(deadline) {
            Ok(exit) if exit.panicked => return died(&exit, owner_ended),
            Ok(_) => running -= 1,
            Err(_) => {
                log::warn!(
                    "{running} threads did not end in {} s: ending without them, nothing is lost",
                    DRAIN_PATIENCE.as_secs()
                );
                return End::Stopped;
            }
        }
    }
    match owner_ended.try_recv() {
        Ok(Ended::GaveUp) => log::warn!(
            "stopped while the database did not answer: messages not acknowledged will come again"
        ),
        Ok(Ended::Failed(error)) => log::error!("stopped: {error}"),
        Ok(Ended::Drained) | Err(_) => log::info!("stopped: everything taken is written"),
    }
    End::Stopped
}

/// A thread has ended that must not.
fn died(exit: &Exit, owner_ended: &Receiver<Ended>) -> End {
    // An owner that fails takes others with it, and theirs can be the first end to be heard of.
    if let Ok(Ended::Failed(error)) = owner_ended.recv_timeout(Duration::from_secs(1)) {
        log::error!("ending: {error}");
        if let StoreError::Replaced { .. } = error {
            return End::Replaced;
        }
    }
    let how = if exit.panicked { "panicked" } else { "ended" };
    log::error!(
        "thread {} {how}: ending; what is unwritten was not acknowledged",
        exit.thread
    );
    End::ThreadDied
}
