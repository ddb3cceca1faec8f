//! The service: starts the threads, waits, and ends them in order.

mod core;
mod current;
mod descriptors;
mod ending;
mod lease;
mod system;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use sd_notify::NotifyState;

use crate::amqp::Consumer;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ConfigErrors, RabbitMq};
use crate::figures::{Figure, Figures};
use crate::gate::Gate;
use crate::heartbeat::{Pings, pings};
use crate::http::{Desk, Doors, Keys, Limits, Listener, Serves, Service};
use crate::logging::LogFile;
use crate::metrics::Metrics;
use crate::notify::{Console, count_routes};
use crate::outage::Outage;
use crate::owner::OwnedState;
use crate::pulse::Pulses;
use crate::store::Database;
use crate::threads::{Exit, Stop, spawn, stop_signal};

pub(crate) use self::core::{Core, Running, take_over};
use current::Current;
use ending::{Ending, Threads, Undrained, drain};
use lease::{LEASE, keep, stand_by};
use system::{feed_watchdog, listen_to_signals, notify_systemd};

pub use system::interruption;

/// How often a stop is checked for while the lease's thread ends.
const STOP_CHECKED_EVERY: Duration = Duration::from_secs(1);

/// How the service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By a signal.
    Stopped,
    /// A thread ended that has to run as long as the service.
    ThreadDied,
    /// A newer version of this program has written the database.
    Outdated,
}

/// Runs the service until a signal stops it. At SIGHUP the log's file is reopened and the
/// configuration loaded again, with `reread`.
///
/// # Errors
/// When the system refuses threads or signals.
pub fn run(
    config: Config,
    servers: &Servers,
    reread: impl Fn() -> Result<Config, ConfigErrors> + Send + 'static,
    log_file: LogFile,
) -> std::io::Result<End> {
    let Servers { database, rabbitmq } = servers;
    let queue = rabbitmq.as_ref().map(
        |RabbitMq {
             queue, host, port, ..
         }| { format!("queue {queue} of {host}:{port}") },
    );
    let http = config.http.as_ref();
    let http = http.map(|http| format!("HTTP at {}", http.listen));
    let intakes: Vec<String> = queue.into_iter().chain(http).collect();
    log::info!(
        "roomwatt {} starts: {}, {database}, times of {}",
        env!("CARGO_PKG_VERSION"),
        intakes.join(", "),
        config.messages.zone.name(),
    );
    // A thread that ends waits until its exit is received, so no capacity is needed: see `spawn`.
    let (exits, ended) = bounded(0);
    let (stopper, stop) = stop_signal();
    let (hang_up, hang_ups) = bounded(1);
    listen_to_signals(stopper, hang_up, log_file, &exits)?;
    // Reading files can take long (a network drive): in a thread of its own it delays no stop.
    let (configuration, reloaded) = bounded(1);
    spawn("reload", &exits, move || {
        for () in hang_ups {
            // A standby receives it, and so does an active instance.
            let _ = configuration.send(reread());
        }
    })?;
    let (pings, pinger) = pings();
    spawn("heartbeat", &exits, move || pinger.run())?;
    // From now on signals are handled, and servers that are down are retried.
    notify_systemd(&[
        NotifyState::Ready,
        NotifyState::Status("waiting for the lease"),
    ]);
    let pulses = Pulses::default();
    if let Some(timeout) = sd_notify::watchdog_enabled() {
        let (pulses, stop) = (pulses.clone(), stop.clone());
        spawn("watchdog", &exits, move || {
            feed_watchdog(&pulses, timeout, &stop)
        })?;
    }
    let figures = Arc::new(Figures::new(config.max_hotels));
    figures.set(Figure::LastReloadSuccessful, 1);
    count_routes(&config.notify, &figures);
    let metrics = Arc::new(Metrics::new(Arc::clone(&figures), config.messages.zone));
    let desk = Arc::new(Desk::default());
    // The listener answers until the process ends: with 503 once the desk has closed.
    let (_listening, end_of_listening) = stop_signal();
    let mut other_descriptors = descriptors::needed(&config);
    let access = config.http.as_ref().map(|http| http.access.clone());
    let doors = Arc::new(Doors::new(access.unwrap_or_default()));
    let listeners = listeners(
        &config,
        servers,
        &doors,
        &desk,
        &figures,
        &metrics,
        &end_of_listening,
    );
    let clients = Limits::default().places * listeners.len();
    let until_then = match clients {
        0 => descriptors::RETRIED,
        _ => "fewer clients of http.listen are served at a time",
    };
    let open = descriptors::raise(other_descriptors + clients, until_then);
    let for_clients = open.saturating_sub(other_descriptors) / listeners.len().max(1);
    // From the start: a standby is asked how it is, too.
    for listener in listeners {
        let listener = Listener {
            limits: listener.limits.within(for_clients),
            ..listener
        };
        let (name, pulses) = (listener.key, pulses.clone());
        spawn(name, &exits, move || {
            let _watched = pulses.watch(name);
            listener.run();
        })?;
    }
    let mut current = Current {
        config,
        reloaded,
        figures: Arc::clone(&figures),
        doors,
    };
    current.warn();
    let mut outage = Outage::new("taking over the state");
    loop {
        let Some(lease) = stand_by(&mut current, database, &desk, &stop) else {
            log::info!("stopped: this instance was not active");
            return Ok(End::Stopped);
        };
        // The lease is kept until after the last write, and while the configuration changes.
        let (end_of_lease, lease_ended) = stop_signal();
        let lease_pulses = pulses.clone();
        spawn(LEASE, &exits, move || {
            let _watched = lease_pulses.watch(LEASE);
            keep(lease, &lease_ended);
        })?;
        loop {
            let zone = current.config.messages.zone;
            let state = match take_over(database, SystemClock { zone }.now()) {
                Ok(state) => state,
                Err(error) if error.is_newer() => {
                    log::error!("{error}");
                    return Ok(End::Outdated);
                }
                // By the next try another instance may have the lease: so it is acquired again.
                Err(error) => {
                    figures.add(Figure::DatabaseErrors, 1);
                    if stop.wait(outage.failed(&error)) {
                        log::info!("stopped: this instance was not active");
                        return Ok(End::Stopped);
                    }
                    break;
                }
            };
            outage.ended();
            // A new configuration may have more bots than the one before it.
            let needed = descriptors::needed(&current.config);
            if needed > other_descriptors {
                other_descriptors = needed;
                descriptors::raise(other_descriptors + clients, descriptors::RETRIED);
            }
            let config = &current.config;
            let shared = Shared {
                servers,
                desk: &desk,
                figures: &figures,
                pings: &pings,
                pulses: &pulses,
                exits: &exits,
            };
            let threads = serve(config, &shared, state)?;
            figures.set(Figure::Owner, 1);
            match threads.wait(&ended, &stop, &mut current) {
                Ending::Process(end) => return Ok(end),
                Ending::Reconfigured => {}
                Ending::Replaced => break,
            }
        }
        figures.set(Figure::Owner, 0);
        figures.forget_rooms();
        // The threads that use the state have ended: the lease can be released.
        drop(end_of_lease);
        let mut lease_thread = BTreeSet::from([LEASE.to_owned()]);
        loop {
            match drain(
                &mut lease_thread,
                &ended,
                Instant::now() + STOP_CHECKED_EVERY,
            ) {
                Ok(()) => break,
                Err(Undrained::Panicked) => return Ok(End::ThreadDied),
                // Its connection may hang: wait for that, but not when the service has to stop.
                Err(Undrained::TooLate) if stop.is_set() => return Ok(End::Stopped),
                Err(Undrained::TooLate) => {}
            }
        }
    }
}

/// The listeners of a configuration.
fn listeners(
    config: &Config,
    servers: &Servers,
    doors: &Arc<Doors>,
    desk: &Arc<Desk>,
    figures: &Arc<Figures>,
    metrics: &Arc<Metrics>,
    stop: &Stop,
) -> Vec<Listener> {
    let Some(http) = &config.http else {
        return Vec::new();
    };
    let keys = Arc::new(Keys::new(http.key.as_ref(), &servers.database));
    let listener = |address, key, serves| Listener {
        address,
        socket: None,
        key,
        serves,
        doors: Arc::clone(doors),
        keys: Arc::clone(&keys),
        desk: Arc::clone(desk),
        metrics: Arc::clone(metrics),
        figures: Arc::clone(figures),
        limits: Limits::default(),
        stop: stop.clone(),
    };
    let serves = match http.has_pages_at_listen() {
        true => Serves::Both,
        false => Serves::Programs,
    };
    let programs = listener(http.listen, "http.listen", serves);
    let pages = http.page_listen;
    let pages = pages.map(|address| listener(address, "http.page_listen", Serves::Pages));
    [programs].into_iter().chain(pages).collect()
}

/// The servers that the service uses.
pub struct Servers {
    pub database: Database,
    /// Without it messages come over HTTP alone.
    pub rabbitmq: Option<RabbitMq>,
}

/// What lives as long as the process.
struct Shared<'a> {
    servers: &'a Servers,
    desk: &'a Arc<Desk>,
    figures: &'a Arc<Figures>,
    pings: &'a Pings,
    pulses: &'a Pulses,
    exits: &'a Sender<Exit>,
}

/// Starts the threads of an instance that owns the state.
fn serve(config: &Config, shared: &Shared<'_>, state: OwnedState) -> std::io::Result<Threads> {
    let Servers { database, rabbitmq } = shared.servers;
    let zone = config.messages.zone;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock { zone });
    // Only a queue has a backlog to drain: over HTTP the sender waits.
    let consumers = rabbitmq.as_ref().map_or(0, |_| config.consumer_count);
    let intake = Arc::new(Gate::new(consumers));
    let mut core = Core {
        config,
        reader: database.reader(),
        clock: Arc::clone(&clock),
        intake: Arc::clone(&intake),
        console: Console::of_the_log(),
        figures: shared.figures,
        pings: Some(shared.pings.clone()),
        pulses: shared.pulses,
        exits: shared.exits,
    }
    .start(state)?;
    let format = Arc::new(config.messages.clone());
    if config.http.is_some() {
        let service = Service {
            inbox: core.inbox.clone(),
            intake: Arc::clone(&intake),
            messages: Arc::clone(&format),
            clock: Arc::clone(&clock),
            meters: database.meter_writer(),
            pages: Arc::clone(&core.pages),
        };
        let (desk, stop) = (Arc::clone(shared.desk), core.stop.clone());
        core.spawn("http", move || desk.serve(service, &stop))?;
    }
    if let Some(rabbitmq) = rabbitmq {
        for number in 0..consumers {
            let consumer = Consumer {
                number,
                config: rabbitmq.clone(),
                format: Arc::clone(&format),
                clock: Arc::clone(&clock),
                intake: Arc::clone(&intake),
                stop: core.stop.clone(),
            };
            let inbox = core.inbox.clone();
            core.spawn(format!("consumer-{}", number + 1), move || {
                consumer.run(inbox)
            })?;
        }
    }
    Ok(core.started())
}
