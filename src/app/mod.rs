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
use ending::{Over, Threads, Undrained, drain};
use lease::{LEASE, keep, stand_by};
use outside::{feed, listen_to_signals, tell_manager};

pub use outside::interruption;

/// The thread that accepts connections over HTTP.
const LISTENER: &str = "listener";

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
    // No room, however many threads there will be: see `spawn`.
    let (exits, ended) = bounded(0);
    let (stopper, stop) = stop_signal();
    let (hang_up, hang_ups) = bounded(1);
    listen_to_signals(stopper, hang_up, log_file, &exits)?;
    // Files may be long, or far away: a stop does not wait for them.
    let (configuration, reloaded) = bounded(1);
    spawn("reload", &exits, move || {
        for () in hang_ups {
            // There is always somebody who takes it, at last.
            let _ = configuration.send(reread());
        }
    })?;
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
    let desk = Arc::new(Desk::default());
    // It answers to the end: also that nobody serves any more.
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
            let state = match take_over(database) {
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
            // Not before: one that stands by leaves the address to who works. It stays then, and
            // what comes while nobody owns the state is answered so.
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
                Over::End(end) => return Ok(end),
                Over::Reconfigured => {}
                Over::Replaced => break,
            }
        }
        figures.set(Figure::Owner, 0);
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
    // Nobody has to catch up with what comes over HTTP: it waits nowhere.
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
        let (desk, over) = (Arc::clone(desk), core.over.clone());
        core.spawn("http", move || desk.serve(service, &over))?;
    }
    if let Some(rabbitmq) = rabbitmq {
        for number in 0..consumers {
            let consumer = Consumer {
                number,
                config: rabbitmq.clone(),
                format: Arc::clone(&format),
                clock: Arc::clone(&clock),
                intake: Arc::clone(&intake),
                stop: core.over.clone(),
            };
            let inbox = core.inbox.clone();
            core.spawn(format!("consumer-{}", number + 1), move || {
                consumer.run(inbox)
            })?;
        }
    }
    Ok(core.started())
}
