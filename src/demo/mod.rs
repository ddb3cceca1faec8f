//! A simulated hotel in one process, without any server: the service's own owner, sweeps, store,
//! notifiers and pages, and a clock on which days pass in a minute.

mod clock;
mod report;
mod witness;

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use thiserror::Error;

use crate::app::{Core, Running, take_over};
use crate::clock::Clock;
use crate::config::{Access, Config};
use crate::engine::{Event, Parsed, Said, Statuses, Unwritten, pieces};
use crate::figures::Figures;
use crate::gate::Gate;
use crate::http::{Desk, Doors, Keys, Limits, Listener, Serves, Service};
use crate::metrics::Metrics;
use crate::notify::Console;
use crate::owner::{Input, Message};
use crate::pulse::Pulses;
use crate::review::Room;
use crate::simulator::{EventKind, Outline, Scenario};
use crate::store::{Database, MeterWriter, NoticeState, Reader, Share, StateStore, StoreError};
use crate::threads::{Exit, Stop};
use crate::types::{LocalTime, Reading, RoomKey};

use clock::StoryClock;
use witness::Witness;

pub use report::{Detection, Detections, Report, Score, Tried};

/// How long to wait for a thread before checking that all threads are alive.
const HEALTH_CHECK: Duration = Duration::from_millis(200);

/// How often to check whether all notices have been sent.
const OUTBOX_CHECK: Duration = Duration::from_millis(1);

/// Why a demonstration failed.
#[derive(Debug, Error)]
pub enum DemoError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the system refuses a thread: {0}")]
    Thread(#[from] std::io::Error),
    #[error("thread {0} ended before the story did: this is a bug of the program")]
    Died(String),
    #[error("a message of the story was refused: {0}")]
    Refused(String),
    #[error("a message of the story can't be written: {0}")]
    Unwritten(#[from] Unwritten),
}

/// A demonstration.
pub struct Demo<'a> {
    /// The configuration; its database is an empty embedded one.
    pub config: &'a Config,
    pub scenario: &'a Scenario,
    /// Seconds of the story that pass in one second.
    pub speed: f64,
    /// Shows the cards.
    pub console: Console,
    /// Called with each message before it is sent.
    pub says: &'a dyn Fn(&Event),
    /// Called with the story's time after each step; returns whether to go on.
    pub progress: &'a dyn Fn(LocalTime) -> bool,
    /// Where pages are served, from the beginning until it is time to stop.
    pub pages: Option<TcpListener>,
    /// Called with what came of it when the story is over. Pages are still there.
    pub ends: &'a dyn Fn(Report),
    /// Where threads report their end; has room for all of them.
    pub exits: &'a Sender<Exit>,
    pub ended: &'a Receiver<Exit>,
}

impl Demo<'_> {
    /// Plays the story until its end, or until it is time to stop. Where there are pages, they stay
    /// until it is time to stop.
    ///
    /// # Errors
    /// [`DemoError`] when a part of the service failed.
    pub fn run(mut self, stop: &Stop) -> Result<(), DemoError> {
        let database = Database::of(self.config);
        let clock = Arc::new(StoryClock::new(self.scenario.start, self.speed));
        let reader = database.reader();
        let pulses = Pulses::default();
        let figures = Arc::default();
        let (failed, failures) = bounded(1);
        let witness = |store| -> Box<dyn StateStore> { Box::new(Witness { store, failed }) };
        let intake = Arc::new(Gate::new(0));
        let mut running = Core {
            config: self.config,
            reader: Arc::clone(&reader),
            clock: clock.clone(),
            intake: Arc::clone(&intake),
            console: self.console.clone(),
            figures: &figures,
            pings: None,
            pulses: &pulses,
            exits: self.exits,
        }
        .start(take_over(&database, clock.now())?.wrapped(witness))?;
        let writer = database
            .meter_writer()
            .ok_or_else(|| StoreError::Meters("this database's meters are read-only".into()))?;
        let pages = self.pages.take();
        let has_pages = pages.is_some();
        if let Some(socket) = pages {
            let service = Service {
                inbox: running.inbox.clone(),
                intake,
                messages: Arc::new(self.config.messages.clone()),
                clock: clock.clone(),
                meters: None,
                pages: Arc::clone(&running.pages),
            };
            serve(socket, service, &database, &figures, &mut running)?;
        }
        let mut stage = Stage {
            demo: &self,
            clock: &clock,
            running: &running,
            reader: &*reader,
            writer: &*writer,
            failures,
            played: Played::default(),
        };
        let until = stage.play(stop)?;
        clock.end();
        let played = std::mem::take(&mut stage.played);
        let rows = database
            .outbox()?
            .newest(&NoticeState::ALL, None, i32::MAX as usize)?;
        let notices = rows.into_iter().rev().filter_map(|row| row.notice.ok());
        (self.ends)(Report::new(
            played,
            notices.collect(),
            until,
            &self.config.rules,
        ));
        while has_pages && !stop.wait(HEALTH_CHECK) {
            stage.check_health()?;
        }
        let threads = running.started();
        threads.end(self.ended).map_err(DemoError::Died)
    }
}

/// Serves pages to whoever is at this machine, as the service does where nobody is named in its
/// configuration.
fn serve(
    socket: TcpListener,
    service: Service,
    database: &Database,
    figures: &Arc<Figures>,
    running: &mut Running<'_>,
) -> Result<(), DemoError> {
    let desk = Arc::new(Desk::default());
    let listener = Listener {
        address: socket.local_addr()?,
        socket: Some(socket),
        key: "http.page_listen",
        serves: Serves::Pages,
        doors: Arc::new(Doors::new(Access::default())),
        keys: Arc::new(Keys::new(None, database)),
        desk: Arc::clone(&desk),
        metrics: Arc::new(Metrics::new(Arc::clone(figures), service.messages.zone)),
        figures: Arc::clone(figures),
        limits: Limits::default(),
        stop: running.stop.clone(),
    };
    let stop = running.stop.clone();
    running.spawn("http", move || desk.serve(service, &stop))?;
    running.spawn("page", move || listener.run())?;
    Ok(())
}

/// What of the story has been played.
#[derive(Default)]
struct Played {
    messages: u64,
    readings: u64,
    rooms: HashMap<RoomKey, Seen>,
    outline: Outline,
}

/// What the service was shown of a room.
#[derive(Default)]
struct Seen {
    said: Vec<Said>,
    readings: Vec<Reading>,
}

impl Seen {
    /// The room as a look back finds it.
    fn looked_back(self, key: RoomKey, match_seconds: i64) -> Room {
        let stays = pieces(&self.said, match_seconds);
        let changes = self.said.iter().filter_map(Said::status);
        let statuses = Statuses::in_past(changes, &stays);
        let room = Room {
            stays,
            statuses,
            readings: self.readings,
            ..Room::new(key)
        };
        room.sorted()
    }
}

/// Where the story is played.
struct Stage<'a> {
    demo: &'a Demo<'a>,
    clock: &'a StoryClock,
    running: &'a Running<'a>,
    reader: &'a dyn Reader,
    writer: &'a dyn MeterWriter,
    /// Errors of the owner's store.
    failures: Receiver<StoreError>,
    played: Played,
}

impl Stage<'_> {
    /// Plays sweep after sweep: what happened before it, then the sweep, then its notices. So the
    /// story takes the same course however fast it is played. Returns when it stopped.
    fn play(&mut self, stop: &Stop) -> Result<LocalTime, DemoError> {
        let scenario = self.demo.scenario;
        let every = self.demo.config.sweep_every;
        let mut events = scenario.story().peekable();
        let mut now = scenario.start;
        let began = Instant::now();
        self.settle()?;
        loop {
            self.clock.set(now);
            let mut readings = Vec::new();
            while let Some(next) = events.next_if(|next| next.at <= now) {
                self.played.outline.add(&next);
                match next.kind {
                    EventKind::Reading(reading) => {
                        self.played.readings += 1;
                        self.seen(&next.room).readings.push(reading);
                        readings.push((next.room, reading));
                    }
                    EventKind::Message(event) => {
                        self.add(&mut readings)?;
                        self.send(event)?;
                    }
                    EventKind::Trouble(_) | EventKind::Presence(_) | EventKind::Circumstance(_) => {
                    }
                }
            }
            self.add(&mut readings)?;
            self.clock.wake();
            self.settle()?;
            let goes_on = (self.demo.progress)(now);
            let passed = now.since(scenario.start) as f64 / self.demo.speed;
            let pause = Duration::from_secs_f64(passed).saturating_sub(began.elapsed());
            if now >= scenario.end() || !goes_on || stop.wait(pause) {
                return Ok(now.min(scenario.end()));
            }
            // Always whole steps: a shorter last one would be too short for a sweep.
            now = now.plus(every.as_secs().cast_signed());
        }
    }

    fn seen(&mut self, key: &RoomKey) -> &mut Seen {
        self.played.rooms.entry(key.clone()).or_default()
    }

    /// Writes readings as the meters do.
    fn add(&self, readings: &mut Vec<(RoomKey, Reading)>) -> Result<(), DemoError> {
        if !readings.is_empty() {
            self.writer.add(&mut readings.drain(..))?;
        }
        Ok(())
    }

    /// Sends a message as the property management system does, and waits until it is committed.
    fn send(&mut self, event: Event) -> Result<(), DemoError> {
        (self.demo.says)(&event);
        let format = &self.demo.config.messages;
        let body = format.write(&event)?.into_bytes();
        let parsed = format.parse(&body, Some(self.clock.now()));
        if let Parsed::Refused(reason) = &parsed {
            return Err(DemoError::Refused(reason.to_string()));
        }
        let (done, committed) = bounded(1);
        let message = Message {
            source: "demo".into(),
            parsed,
            body,
            redelivered: false,
            committed: Box::new(move || {
                // The channel has room for this one message.
                let _ = done.try_send(());
            }),
        };
        // This fails when the owner has ended; then the health check below reports it.
        let _ = self.running.inbox.messages().send(Input::Message(message));
        self.played.messages += 1;
        for (room, said) in event.rooms {
            self.seen(&room).said.push(said);
        }
        while committed.recv_timeout(HEALTH_CHECK).is_err() {
            self.check_health()?;
            // While the store can't be read, the owner only retries; this read fails, too.
            self.is_outbox_empty()?;
        }
        Ok(())
    }

    /// Waits until the sweep is over and its notices have been sent.
    fn settle(&self) -> Result<(), DemoError> {
        while !self.clock.has_sleeper(HEALTH_CHECK) {
            self.check_health()?;
        }
        while !self.is_outbox_empty()? {
            self.running.stop.wait(OUTBOX_CHECK);
            self.check_health()?;
        }
        self.check_health()
    }

    /// Whether no notice waits to be sent.
    fn is_outbox_empty(&self) -> Result<bool, DemoError> {
        let everything = Share::AllBut(Vec::new());
        let waiting = self.reader.pending_notices(&everything, 0, 1)?;
        Ok(waiting.is_empty())
    }

    /// Checks that the store and all threads work.
    ///
    /// # Errors
    /// Why it is useless to go on waiting.
    fn check_health(&self) -> Result<(), DemoError> {
        if let Ok(error) = self.failures.try_recv() {
            return Err(DemoError::Store(error));
        }
        match self.demo.ended.try_recv() {
            Ok(exit) => Err(DemoError::Died(exit.thread)),
            Err(_) => Ok(()),
        }
    }
}
