//! The service: starts the threads, waits, and ends them in order.

mod core;
mod current;
mod descriptors;
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
use crate::figures::{Figure, Figures};
use crate::gate::Gate;
use crate::http::{Desk, Limits, Listener, Service};
use crate::logging::LogFile;
use crate::notify::Console;
use crate::outage::Outage;
use crate::owner::OwnedState;
use crate::pulse::Pulses;
use crate::store::Database;
use crate::threads::{Exit, spawn, stop_signal};

pub(crate) use self::core::{Core, Running, take_over};
use current::Current;
use ending::{Ending, Threads, Undrained, drain};
use lease::{LEASE, keep, stand_by};
use outside::{feed_watchdog, listen_to_signals, notify_systemd};

pub use outside::interruption;

/// The thread that accepts connections over HTTP.
const LISTENER: &str = "listener";

/// How often a stop is checked for while the lease's thread ends.
const STOP_CHECKED_EVERY: Duration = Duration::from_secs(1);

/// How the service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By a signal.
    Stopped,
    /// A thread ended that must not.
    ThreadDied,
    /// A newer version of this program has written the database.
    Outdated,
}

/// Runs the service until a signal stops it. At SIGHUP the log's file is reopened, and `reread`
/// gives the configuration as it is by now.
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
    // Without capacity, whatever the number of threads: see `spawn`.
    let (exits, ended) = bounded(0);
    let (stopper, stop) = stop_signal();
    let (hang_up, hang_ups) = bounded(1);
    listen_to_signals(stopper, hang_up, log_file, &exits)?;
    // Files may be long, or far away: a stop does not wait for them.
    let (configuration, reloaded) = bounded(1);
    spawn("reload", &exits, move || {
        for () in hang_ups {
            // It is always received: by the standby, or by the active instance.
            let _ = configuration.send(reread());
        }
    })?;
    // From now on signals are handled, and servers that are down are waited for.
    notify_systemd(&[
        NotifyState::Ready,
        NotifyState::Status("waiting for the state"),
    ]);
    let pulses = Pulses::default();
    if let Some(patience) = sd_notify::watchdog_enabled() {
        let (pulses, stop) = (pulses.clone(), stop.clone());
        spawn("watchdog", &exits, move || {
            feed_watchdog(&pulses, patience, &stop)
        })?;
    }
    let desk = Arc::new(Desk::default());
    // It answers to the end, with 503 once the desk has closed.
    let (_listening, end_of_listening) = stop_signal();
    let (mut others, limits) = (descriptors::needed(&config), Limits::default());
    let clients = config.http.as_ref().map_or(0, |_| limits.places);
    let until_then = match clients {
        0 => descriptors::TRIED_AGAIN,
        _ => "fewer clients of http.listen are served at a time",
    };
    let open = descriptors::raise(others + clients, until_then);
    let mut listener = config.http.clone().map(|config| Listener {
        config,
        desk: Arc::clone(&desk),
        limits: limits.within(open.saturating_sub(others)),
        stop: end_of_listening,
    });
    let figures = Arc::new(Figures::default());
    figures.set(Figure::LastReloadSuccessful, 1);
    let mut current = Current {
        config,
        reloaded,
        figures: Arc::clone(&figures),
    };
    current.warn();
    let mut outage = Outage::new("taking the state over");
    loop {
        let Some(lease) = stand_by(&mut current, database, &stop) else {
            log::info!("stopped: this instance was not active");
            return Ok(End::Stopped);
        };
        // It outlives the last write, and changes of the configuration.
        let (end_of_lease, lease_ended) = stop_signal();
        let of_lease = pulses.clone();
        spawn(LEASE, &exits, move || {
            let _watched = of_lease.watch(LEASE);
            keep(lease, &lease_ended);
        })?;
        loop {
            let state = match take_over(database) {
                Ok(state) => state,
                Err(error) if error.is_newer() => {
                    log::error!("{error}");
                    return Ok(End::Outdated);
                }
                // By the next try another instance may have the lease: so it is acquired again.
                Err(error) => {
                    if stop.wait(outage.failed(&error)) {
                        log::info!("stopped: this instance was not active");
                        return Ok(End::Stopped);
                    }
                    break;
                }
            };
            outage.ended();
            // Not before: a standby must leave the address to the active instance. From then on it
            // stays, and answers 503 while this instance does not own the state.
            if let Some(listener) = listener.take() {
                let of_listener = pulses.clone();
                spawn(LISTENER, &exits, move || {
                    let _watched = of_listener.watch(LISTENER);
                    listener.run();
                })?;
            }
            // It may have more bots than at the start.
            let needed = descriptors::needed(&current.config);
            if needed > others {
                others = needed;
                descriptors::raise(others + clients, descriptors::TRIED_AGAIN);
            }
            let config = &current.config;
            let threads = serve(config, servers, &desk, state, &figures, &pulses, &exits)?;
            figures.set(Figure::Owner, 1);
            match threads.wait(&ended, &stop, &mut current) {
                Ending::Process(end) => return Ok(end),
                Ending::Reconfigured => {}
                Ending::Replaced => break,
            }
        }
        figures.set(Figure::Owner, 0);
        // Its threads have ended, and their state with them.
        drop(end_of_lease);
        let mut lease = BTreeSet::from([LEASE.to_owned()]);
        loop {
            match drain(&mut lease, &ended, Instant::now() + STOP_CHECKED_EVERY) {
                Ok(()) => break,
                Err(Undrained::Panicked) => return Ok(End::ThreadDied),
                // A silently dead link is waited for, but not at a stop.
                Err(Undrained::TooLate) if stop.is_set() => return Ok(End::Stopped),
                Err(Undrained::TooLate) => {}
            }
        }
    }
}

/// What the service works with.
pub struct Servers {
    pub database: Database,
    /// Without it messages come over HTTP alone.
    pub rabbitmq: Option<RabbitMq>,
}

/// Starts the threads of an instance that owns the state.
fn serve(
    config: &Config,
    servers: &Servers,
    desk: &Arc<Desk>,
    state: OwnedState,
    figures: &Arc<Figures>,
    pulses: &Pulses,
    exits: &Sender<Exit>,
) -> std::io::Result<Threads> {
    let Servers { database, rabbitmq } = servers;
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
        figures,
        pulses,
        exits,
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
        };
        let (desk, stop) = (Arc::clone(desk), core.stop.clone());
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
