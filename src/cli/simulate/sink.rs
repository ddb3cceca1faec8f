//! Writes a simulated hotel's readings to the meter table and its messages to the queue.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::amqp::{AmqpError, Publisher};
use crate::config::RabbitMq;
use crate::store::{SimulatedMeters, StoreError};
use crate::threads::Stop;
use crate::types::{LocalTime, Reading, RoomKey};

use super::super::print_error;
use super::Failure;

/// The most rows, and messages, that are written at once.
const ROWS: usize = 5_000;
const MESSAGES: usize = 500;

/// The longest pause before a retry.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

pub(super) struct Sink<'a> {
    meters: SimulatedMeters,
    rabbitmq: &'a RabbitMq,
    publisher: Option<Publisher<'a>>,
    /// The most messages a second.
    rate: Option<u32>,
    /// When the next message may be sent.
    next_message: Instant,
    rows: Vec<(RoomKey, Reading)>,
    messages: Vec<String>,
    /// The minute of the buffered messages.
    minute: i64,
    stop: Stop,
    bar: ProgressBar,
    pub(super) delivered: Delivered,
}

/// What has been written.
#[derive(Clone, Copy, Default)]
pub(super) struct Delivered {
    pub(super) readings: u64,
    pub(super) messages: u64,
}

impl<'a> Sink<'a> {
    /// Connects to the broker, and checks that the meter table can be written.
    pub(super) fn open(
        meters: SimulatedMeters,
        rabbitmq: &'a RabbitMq,
        rate: Option<u32>,
        stop: Stop,
        bar: ProgressBar,
    ) -> Result<Sink<'a>, Failure> {
        meters.check()?;
        let publisher = Publisher::connect(rabbitmq)?;
        Ok(Sink {
            meters,
            rabbitmq,
            publisher: Some(publisher),
            rate,
            next_message: Instant::now(),
            rows: Vec::new(),
            messages: Vec::new(),
            minute: 0,
            stop,
            bar,
            delivered: Delivered::default(),
        })
    }

    /// Whether the buffered rows and messages must be delivered before one of this time is added. A
    /// message is delivered before rows of later minutes: those belong to the stay that it begins.
    pub(super) fn is_full(&self, at: LocalTime) -> bool {
        let other_minute = !self.messages.is_empty() && self.minute != minute(at);
        other_minute || self.rows.len() >= ROWS || self.messages.len() >= MESSAGES
    }

    pub(super) fn add_reading(&mut self, room: RoomKey, reading: Reading) {
        self.rows.push((room, reading));
    }

    pub(super) fn add_message(&mut self, at: LocalTime, body: String) {
        self.minute = minute(at);
        self.messages.push(body);
    }

    /// Delivers the buffered rows, then the messages, so that a watch gets its last rows before a
    /// message ends it. Retries while a server can't be reached. Returns `false` when it is time to
    /// stop.
    pub(super) fn deliver(&mut self) -> Result<bool, Failure> {
        let rows = std::mem::take(&mut self.rows);
        if !rows.is_empty() {
            let write = || self.meters.write(&rows);
            let fatal = |error: &StoreError| !error.is_transient();
            if !retry(&self.stop, &self.bar, write, fatal)? {
                return Ok(false);
            }
            self.delivered.readings += rows.len() as u64;
        }
        let messages = std::mem::take(&mut self.messages);
        let at_once = self.rate.map_or(MESSAGES, |rate| rate as usize);
        for chunk in messages.chunks(at_once.clamp(1, MESSAGES)) {
            let wait = self.next_message.saturating_duration_since(Instant::now());
            if self.stop.wait(wait) {
                return Ok(false);
            }
            let publisher = &mut self.publisher;
            let rabbitmq = self.rabbitmq;
            let publish = || {
                let connected = match publisher.take() {
                    Some(connected) => connected,
                    None => Publisher::connect(rabbitmq)?,
                };
                let bodies = chunk.iter().map(String::as_bytes);
                *publisher = Some(connected.publish_all(bodies)?);
                Ok(())
            };
            if !retry(&self.stop, &self.bar, publish, |_: &AmqpError| false)? {
                return Ok(false);
            }
            self.delivered.messages += chunk.len() as u64;
            if let Some(rate) = self.rate {
                let took = Duration::from_secs(1) * chunk.len() as u32 / rate.max(1);
                self.next_message = Instant::now() + took;
            }
        }
        Ok(!self.stop.is_set())
    }
}

fn minute(time: LocalTime) -> i64 {
    time.seconds().div_euclid(60)
}

/// Retries `work` until it succeeds; returns `false` if it is time to stop first. Repeating it is
/// harmless: the service ignores readings and messages that it has already.
fn retry<E>(
    stop: &Stop,
    bar: &ProgressBar,
    mut work: impl FnMut() -> Result<(), E>,
    is_fatal: impl Fn(&E) -> bool,
) -> Result<bool, Failure>
where
    E: std::error::Error + Into<Failure>,
{
    let mut pause = Duration::from_secs(1);
    loop {
        match work() {
            Ok(()) => return Ok(true),
            Err(error) if is_fatal(&error) => return Err(error.into()),
            Err(error) => bar.suspend(|| {
                print_error(&format!("{error}; trying again in {} s", pause.as_secs()));
            }),
        }
        if stop.wait(pause) {
            return Ok(false);
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
