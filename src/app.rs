//! The service: starts the threads, waits, and ends them in order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select};
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::amqp::Consumer;
use crate::clock::{Clock, SystemClock, unix_seconds};
use crate::config::{Config, ConfigErrors, MySql, RabbitMq};
use crate::gate::Gate;
use crate::logging::LogFile;
use crate::notify::notifiers;
use crate::outage::Outage;
use crate::owner::{Counts, Ended, Owner};
use crate::pulse::Pulses;
use crate::rooms::Rooms;
use crate::store::{MySqlLease, MySqlReader, MySqlStore, Ownership, StoreError};
use crate::sweep::Sweeper;
use crate::threads::{Exit, Stop, Stopper, spawn, stop_signal};

/// Inputs on the way to the state-owner. Who sends more waits: a consumer that waits here goes on
/// passing acknowledgements back, and the owner waits for none of the senders. A sweep's chunks
/// hold `batch_size` rooms each, so their number bounds the memory too.
const INPUTS: usize = 200;

/// From the signal to the end, at most: below every supervisor's patience that is set to 30 s.
const DRAIN_PATIENCE: Duration = Duration::from_secs(25);

/// Threads besides the consumers and notifiers: signals, watchdog, lease, owner, sweep.
const OTHER_THREADS: usize = 5;

/// The thread that keeps the lease.
const LEASE: &str = "lease";

/// So often the lease is refused before it is said: longer than the server keeps a dead one.
const REFUSALS_TOLD: u32 = 6;

/// How long the lock is waited for before it is said again that this instance stands by.
const STANDBY_PATIENCE: Duration = Duration::from_secs(2);

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
    let Servers { mysql, rabbitmq } = servers;
    log::info!(
        "roomwatt {} starts: queue {} of {}:{}, database {} of {}:{}, times of {}",
        env!("CARGO_PKG_VERSION"),
        rabbitmq.queue,
        rabbitmq.host,
        rabbitmq.port,
        mysql.database,
        mysql.host,
        mysql.port,
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
    loop {
        let Some(lease) = stand_by(&mut current, mysql, &stop) else {
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
            let Some(state) = load(&current.config, mysql, &stop) else {
                log::info!("stopped: it owned no state");
                return Ok(End::Stopped);
            };
            let threads = serve(&current.config, servers, state, &pulses, &exits)?;
            match threads.wait(&ended, &stop, &mut current) {
                Over::End(end) => return Ok(end),
                Over::Reconfigured => {}
                Over::Replaced => break,
            }
        }
        // Its threads have ended, and all it knew has gone with them.
        drop(end_of_lease);
        let deadline = Instant::now() + DRAIN_PATIENCE;
        if drain(BTreeSet::from([LEASE.to_owned()]), &ended, deadline).is_err() {
            return Ok(End::ThreadDied);
        }
    }
}

/// Tells systemd's watchdog that all is well, as long as all threads make progress.
fn feed(pulses: &Pulses, patience: Duration, stop: &Stop) {
    while !stop.wait(patience / 4) {
        let stuck = pulses.stuck(patience / 2);
        if stuck.is_empty() {
            tell_manager(&[NotifyState::Watchdog]);
        } else {
            log::error!(
                "no progress of {} for {} s: systemd is no longer told that all is well",
                stuck.join(", "),
                (patience / 2).as_secs()
            );
        }
    }
}

/// Tells systemd how it goes, where that has started this process.
fn tell_manager(news: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(news) {
        log::warn!("systemd can't be told how it goes: {error}");
    }
}

/// The servers that the service can't do without.
pub struct Servers {
    pub mysql: MySql,
    pub rabbitmq: RabbitMq,
}

/// The configuration in force, and what changes it.
struct Current<'a> {
    config: Config,
    reread: &'a dyn Fn() -> Result<Config, ConfigErrors>,
    hang_ups: Receiver<()>,
}

impl Current<'_> {
    fn warn(&self) {
        for warning in self.config.warnings(unix_seconds()) {
            log::warn!("{warning}");
        }
    }

    /// Takes what may change under a running service from the configuration as it is by now; whether
    /// something has changed.
    fn change(&mut self) -> bool {
        let new = match (self.reread)() {
            Ok(new) => new,
            Err(errors) => {
                log::error!("SIGHUP: the configuration is wrong, the old one stays:\n{errors}");
                return false;
            }
        };
        let changed = self.config.changed_by(&new);
        // Secrets show in no text; they are of servers that need a restart anyway, or of bots.
        let text = |config: &Config| format!("{config:?}");
        if text(&changed) != text(&new) {
            log::warn!(
                "SIGHUP: thresholds and the section [feishu] are taken over; other changes need a restart"
            );
        }
        let is_other = changed.rules != self.config.rules || changed.feishu != self.config.feishu;
        log::info!(
            "SIGHUP: {}",
            if is_other {
                "the configuration has changed"
            } else {
                "thresholds and the section [feishu] are as they were"
            }
        );
        self.config = changed;
        self.warn();
        is_other
    }
}

/// What an instance has that owns the state.
struct State {
    store: MySqlStore,
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
    let Servers { mysql, rabbitmq } = servers;
    let zone = config.messages.zone;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock { zone });
    let rules = Arc::new(config.rules.clone());
    let reader = MySqlReader::new(mysql, config.meter.clone(), zone);
    let intake = Arc::new(Gate::new(config.consumer_count));
    let (inputs, to_owner) = bounded(INPUTS);
    let (end_of_owner, owner_ended) = bounded(1);
    // Set when it is time to stop, and also when this instance has been replaced or configured anew.
    let (term, over) = stop_signal();
    let (notifiers, bells) = notifiers(&config.feishu, &reader, &rooms, &over);

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

/// Keeps the lease until it is over. Losing it harms nothing by itself: an instance that takes over
/// raises the epoch, and this one can't write any more.
fn keep(mut lease: MySqlLease, over: &Stop) {
    let mut outage = Outage::new("keeping the lease");
    // After a lost connection the server takes a while to find out that this is the same one.
    let mut refused = 0;
    while !over.wait(MySqlLease::KEEP_EVERY) {
        match lease.acquire(Duration::ZERO) {
            Ok(held) => {
                outage.over();
                refused = if held { 0 } else { refused + 1 };
                if refused == REFUSALS_TOLD {
                    log::warn!("another instance has the lease and is about to take over");
                }
            }
            Err(error) => {
                outage.failed(&error);
            }
        }
    }
}

/// SIGHUP opens the log anew and tells `hang_up`, which has room for one. The first SIGTERM or SIGINT
/// begins an orderly stop; a second one ends the process at once, which is as safe as SIGKILL.
fn listen_to_signals(
    stopper: Stopper,
    hang_up: Sender<()>,
    log_file: LogFile,
    exits: &Sender<Exit>,
) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    spawn("signals", exits, move || {
        let mut stopper = Some(stopper);
        for signal in &mut signals {
            if signal == SIGHUP {
                if let Err(error) = log_file.reopen() {
                    log::error!("SIGHUP: log.file can't be opened anew: {error}");
                }
                // Full means that it is about to be heard of.
                let _ = hang_up.try_send(());
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
                    tell_manager(&[NotifyState::Stopping]);
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

/// Waits for the database and for the end of any other instance. `None` when it is time to stop
/// first.
fn stand_by(current: &mut Current<'_>, mysql: &MySql, stop: &Stop) -> Option<MySqlLease> {
    let mut lease = MySqlLease::new(mysql, current.config.messages.zone);
    let mut outage = Outage::new("waiting for the lease");
    let mut standing_by = false;
    while !stop.is_set() {
        if current.hang_ups.try_recv().is_ok() {
            current.change();
        }
        match lease.acquire(STANDBY_PATIENCE) {
            Ok(true) => return Some(lease),
            Ok(false) => {
                outage.over();
                if !standing_by {
                    log::info!("standing by: another instance works on this database");
                    tell_manager(&[NotifyState::Status("standing by")]);
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

/// Takes the state over and loads it, until that succeeds. `None` when it is time to stop first.
fn load(config: &Config, mysql: &MySql, stop: &Stop) -> Option<State> {
    let mut store = MySqlStore::new(mysql, config.messages.zone);
    let mut outage = Outage::new("taking the state over");
    while !stop.is_set() {
        match take_over(&mut store) {
            Ok((ownership, rooms)) => {
                outage.over();
                log::info!(
                    "{} rooms are watched (epoch {}, transaction {})",
                    rooms.len(),
                    ownership.epoch,
                    ownership.seq
                );
                tell_manager(&[NotifyState::Status("watching rooms")]);
                let rooms = Arc::new(rooms);
                return Some(State {
                    store,
                    rooms,
                    ownership,
                });
            }
            Err(error) => {
                stop.wait(outage.failed(&error));
            }
        }
    }
    None
}

fn take_over(store: &mut MySqlStore) -> Result<(Ownership, Rooms), StoreError> {
    let ownership = store.take_over()?;
    let rooms = Rooms::default();
    store.load_rooms(|room, watch| rooms.adopt([(room, watch)]))?;
    store.load_silent_hotels(|hotel, since| rooms.told_silent(hotel, since))?;
    Ok((ownership, rooms))
}

/// The threads of an instance that owns the state.
struct Threads {
    /// Their names.
    running: BTreeSet<String>,
    owner_ended: Receiver<Ended>,
    /// Dropped when they are to end.
    term: Stopper,
}

/// Why an instance's threads have ended.
enum Over {
    End(End),
    /// To be started anew with another configuration.
    Reconfigured,
    /// Another instance owns the state.
    Replaced,
}

impl Threads {
    /// Waits for a signal, then for the threads. A thread that ends before is the end of all, but for
    /// an owner that has been replaced: then the others end too, and there is no end to tell.
    fn wait(self, ended: &Receiver<Exit>, stop: &Stop, current: &mut Current<'_>) -> Over {
        let Threads {
            mut running,
            owner_ended,
            term,
        } = self;
        let mut early = None;
        let mut is_reconfigured = false;
        while early.is_none() && !is_reconfigured && !stop.is_set() {
            select! {
                recv(stop.channel()) -> _ => {}
                recv(ended) -> exit => early = exit.ok(),
                recv(current.hang_ups) -> _ => is_reconfigured = current.change(),
            }
        }
        // Both can be ready at once: a thread that heard of the stop first has ended in order.
        let died = early.take_if(|exit| exit.panicked || !stop.is_set());
        if let Some(exit) = &early {
            running.remove(&exit.thread);
        }
        if let Some(exit) = &died {
            if !was_replaced(exit, &owner_ended) {
                return Over::End(End::ThreadDied);
            }
            running.remove(&exit.thread);
        }
        drop(term);
        let deadline = Instant::now() + DRAIN_PATIENCE;
        // Consumers, sweep and notifiers end first; then the owner has nobody to wait for, writes
        // what is left, and its end lets the consumers acknowledge it.
        let drained = drain(running, ended, deadline);
        if died.is_some() {
            return match drained {
                Ok(()) => Over::Replaced,
                Err(_) => Over::End(End::ThreadDied),
            };
        }
        let how = owner_ended.try_recv();
        if is_reconfigured && !stop.is_set() {
            return match (drained, how) {
                (Err(_), _) => Over::End(End::ThreadDied),
                (Ok(()), Ok(Ended::Failed(error @ StoreError::Replaced { .. }))) => {
                    log::error!("{error}: this one forgets everything and stands by");
                    Over::Replaced
                }
                (Ok(()), Ok(Ended::Failed(error))) => {
                    log::error!("ending: {error}");
                    Over::End(End::ThreadDied)
                }
                (Ok(()), _) => Over::Reconfigured,
            };
        }
        match (drained, how) {
            (Err(Undrained::Panicked), _) => return Over::End(End::ThreadDied),
            (Err(Undrained::TooLate), _) => {}
            (Ok(()), Ok(Ended::GaveUp)) => log::warn!(
                "stopped while the database did not answer: messages not acknowledged will come again"
            ),
            (Ok(()), Ok(Ended::Failed(error))) => log::error!("stopped: {error}"),
            (Ok(()), Ok(Ended::Drained) | Err(_)) => {
                log::info!("stopped: everything taken is written");
            }
        }
        Over::End(End::Stopped)
    }
}

/// Why threads that were told to end did not do so in order.
enum Undrained {
    Panicked,
    TooLate,
}

/// Waits for the ends of these threads.
fn drain(
    mut running: BTreeSet<String>,
    ended: &Receiver<Exit>,
    deadline: Instant,
) -> Result<(), Undrained> {
    while !running.is_empty() {
        match ended.recv_deadline(deadline) {
            Ok(exit) if exit.panicked => {
                log::error!("thread {} panicked: ending", exit.thread);
                return Err(Undrained::Panicked);
            }
            Ok(exit) => {
                running.remove(&exit.thread);
            }
            Err(_) => {
                log::warn!(
                    "{} did not end in {} s: ending without, nothing is lost",
                    Vec::from_iter(running).join(", "),
                    DRAIN_PATIENCE.as_secs()
                );
                return Err(Undrained::TooLate);
            }
        }
    }
    Ok(())
}

/// Whether a thread has ended because another instance owns the state by now; says why if not.
fn was_replaced(exit: &Exit, owner_ended: &Receiver<Ended>) -> bool {
    // An owner that fails takes others with it, and theirs can be the first end to be heard of.
    match owner_ended.recv_timeout(Duration::from_secs(1)) {
        Ok(Ended::Failed(error @ StoreError::Replaced { .. })) if !exit.panicked => {
            log::error!("{error}: this one forgets everything and stands by");
            return true;
        }
        Ok(Ended::Failed(error)) => log::error!("ending: {error}"),
        Ok(Ended::Drained | Ended::GaveUp) | Err(_) => {}
    }
    let how = if exit.panicked { "panicked" } else { "ended" };
    log::error!(
        "thread {} {how}: ending; what is unwritten was not acknowledged",
        exit.thread
    );
    false
}
