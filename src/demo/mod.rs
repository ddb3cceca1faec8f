//! A made-up hotel in one process, without any server: the service's own owner, sweeps, store and
//! notifiers, and a clock on which days pass in a minute.

mod clock;
mod report;
mod witness;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use thiserror::Error;

use crate::app::{Core, Running, take_over};
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::{Parsed, Stay};
use crate::gate::Gate;
use crate::notify::Console;
use crate::owner::{Input, Message};
use crate::pulse::Pulses;
use crate::review::Room;
use crate::simulator::{Scenario, Trouble, What};
use crate::store::{Database, MeterWriter, NoticeState, Reader, Share, StateStore, StoreError};
use crate::threads::{Exit, Stop};
use crate::types::{LocalTime, Reading, RoomKey};

use clock::StoryClock;
use witness::Witness;

pub use report::{Fate, Report, Tried};

/// How long a thread may take for anything before it is looked whether all are alive.
const LOOK_AROUND: Duration = Duration::from_millis(200);

/// How often it is looked whether the staff has been told.
const GLANCE: Duration = Duration::from_millis(1);

/// Why a demonstration came to no end.
#[derive(Debug, Error)]
pub enum DemoError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the system refuses a thread: {0}")]
    Thread(#[from] std::io::Error),
    #[error("thread {0} ended before the story did: this is a fault of the program")]
    Died(String),
    #[error("a message of the story was refused: {0}")]
    Refused(String),
}

/// A demonstration.
pub struct Demo<'a> {
    /// Its database is an embedded one that is empty.
    pub config: &'a Config,
    pub scenario: &'a Scenario,
    /// So many seconds of the story pass in one.
    pub speed: f64,
    /// Shows the cards.
    pub console: Console,
    /// Told how far the story has come; whether it goes on.
    pub progress: &'a dyn Fn(LocalTime) -> bool,
    /// Has room for the end of each thread.
    pub exits: &'a Sender<Exit>,
    pub ended: &'a Receiver<Exit>,
}

impl Demo<'_> {
    /// Tells the story until its end, or until it is time to stop.
    ///
    /// # Errors
    /// [`DemoError`] where the service did not do what it is there for.
    pub fn run(self, stop: &Stop) -> Result<Report, DemoError> {
        let database = Database::of(self.config);
        let clock = Arc::new(StoryClock::new(self.scenario.start));
        let reader = database.reader();
        let pulses = Pulses::default();
        let figures = Arc::default();
        let (failed, failures) = bounded(1);
        let witness = |store| -> Box<dyn StateStore> { Box::new(Witness { store, failed }) };
        let running = Core {
            config: self.config,
            reader: Arc::clone(&reader),
            clock: clock.clone(),
            intake: Arc::new(Gate::new(0)),
            console: self.console.clone(),
            figures: &figures,
            pulses: &pulses,
            exits: self.exits,
        }
        .start(take_over(&database)?.wrapped(witness))?;
        let writer = database
            .meter_writer()
            .ok_or_else(|| StoreError::Meters("it is not ours to write".into()))?;
        let mut stage = Stage {
            demo: &self,
            clock: &clock,
            running: &running,
            reader: &*reader,
            writer: &*writer,
            failures,
            story: Told::default(),
        };
        let until = stage.play(stop)?;
        let told = stage.story;
        let threads = running.started();
        threads.end(self.ended).map_err(DemoError::Died)?;
        let rows = database
            .outbox()?
            .newest(&NoticeState::ALL, None, i32::MAX as usize)?;
        let notices = rows.into_iter().rev().filter_map(|row| row.notice.ok());
        Ok(Report::new(
            told,
            notices.collect(),
            until,
            &self.config.rules,
        ))
    }
}

/// What the story has told so far.
#[derive(Default)]
struct Told {
    messages: u64,
    readings: u64,
    rooms: HashMap<RoomKey, Room>,
    troubles: Vec<(RoomKey, Trouble)>,
}

/// Where the story is played.
struct Stage<'a> {
    demo: &'a Demo<'a>,
    clock: &'a StoryClock,
    running: &'a Running<'a>,
    reader: &'a dyn Reader,
    writer: &'a dyn MeterWriter,
    /// What the owner's store has failed with.
    failures: Receiver<StoreError>,
    story: Told,
}

impl Stage<'_> {
    /// Plays sweep after sweep: what became known before it, then the sweep, then what the staff is
    /// told. So the story goes the same way however fast it is played. Gives when it stopped.
    fn play(&mut self, stop: &Stop) -> Result<LocalTime, DemoError> {
        let scenario = self.demo.scenario;
        let every = self.demo.config.sweep_every;
        let mut happenings = scenario.story().peekable();
        let mut now = scenario.start;
        let began = Instant::now();
        self.settle()?;
        loop {
            self.clock.set(now);
            let mut readings = Vec::new();
            while let Some(next) = happenings.next_if(|next| next.at <= now) {
                match next.what {
                    What::Reading(reading) => {
                        self.story.readings += 1;
                        self.room(&next.room).readings.push(reading);
                        readings.push((next.room, reading));
                    }
                    What::Message(stay) => {
                        self.add(&mut readings)?;
                        self.send(next.room, stay)?;
                    }
                    What::Trouble(trouble) => self.story.troubles.push((next.room, trouble)),
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
            // Whole steps only, also the last one: it would else be too short for a sweep.
            now = now.plus(every.as_secs().cast_signed());
        }
    }

    fn room(&mut self, key: &RoomKey) -> &mut Room {
        let rooms = &mut self.story.rooms;
        let room = rooms.entry(key.clone());
        room.or_insert_with(|| Room::new(key.clone()))
    }

    /// The meters write their rows.
    fn add(&self, readings: &mut Vec<(RoomKey, Reading)>) -> Result<(), DemoError> {
        if !readings.is_empty() {
            self.writer.add(&mut readings.drain(..))?;
        }
        Ok(())
    }

    /// The property management system sends a message, and it is committed.
    fn send(&mut self, room: RoomKey, stay: Stay) -> Result<(), DemoError> {
        let format = &self.demo.config.messages;
        let body = format.write(&room, &stay).into_bytes();
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
                // There is room for it.
                let _ = done.try_send(());
            }),
        };
        // It fails where the owner has ended, and then there will be no answer.
        let _ = self.running.inbox.messages().send(Input::Message(message));
        self.story.messages += 1;
        self.room(&room).stays.push(stay);
        while committed.recv_timeout(LOOK_AROUND).is_err() {
            self.look_around()?;
            // Where the owner can't read, nobody can.
            self.is_all_told()?;
        }
        Ok(())
    }

    /// Waits until the sweep is over and the staff has been told.
    fn settle(&self) -> Result<(), DemoError> {
        while !self.clock.sleeps(LOOK_AROUND) {
            self.look_around()?;
        }
        while !self.is_all_told()? {
            self.running.stop.wait(GLANCE);
            self.look_around()?;
        }
        self.look_around()
    }

    /// Whether no notice waits.
    fn is_all_told(&self) -> Result<bool, DemoError> {
        let everything = Share::AllBut(Vec::new());
        let waiting = self.reader.pending_notices(&everything, 0, 1)?;
        Ok(waiting.is_empty())
    }

    /// # Errors
    /// Why nothing will come of waiting.
    fn look_around(&self) -> Result<(), DemoError> {
        if let Ok(error) = self.failures.try_recv() {
            return Err(DemoError::Store(error));
        }
        match self.demo.ended.try_recv() {
            Ok(exit) => Err(DemoError::Died(exit.thread)),
            Err(_) => Ok(()),
        }
    }
}
