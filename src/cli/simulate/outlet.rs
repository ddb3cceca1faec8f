//! Where a simulated hotel's readings and messages go: the meter table and the queue.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::amqp::{AmqpError, Publisher};
use crate::config::RabbitMq;
use crate::store::{SimulatedMeters, StoreError};
use crate::threads::Stop;
use crate::types::{LocalTime, Reading, RoomKey};

use super::super::print_error;
use super::Failure;

/// The most rows and messages written at once.
const ROWS: usize = 5_000;
const MESSAGES: usize = 500;

/// The longest pause before something that failed is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

pub(super) struct Outlet<'a> {
    meters: SimulatedMeters,
    rabbitmq: &'a RabbitMq,
    publisher: Option<Publisher<'a>>,
    /// The most messages a second.
    rate: Option<u32>,
    /// When the next message may be sent.
    next_message: Instant,
    rows: Vec<(RoomKey, Reading)>,
    messages: Vec<String>,
    /// The minute of the waiting messages.
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

impl<'a> Outlet<'a> {
    /// Connects to both servers, and checks that they accept writes.
    pub(super) fn open(
        meters: SimulatedMeters,
        rabbitmq: &'a RabbitMq,
        rate: Option<u32>,
        stop: Stop,
        bar: ProgressBar,
    ) -> Result<Outlet<'a>, Failure> {
        meters.check()?;
        let publisher = Publisher::connect(rabbitmq)?;
        Ok(Outlet {
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

    /// Whether what waits has to be delivered before something of this time is added. A message is
    /// delivered with the rows of its minute: later rows belong to another stay.
    pub(super) fn is_full(&self, at: LocalTime) -> bool {
        let other_minute = !self.messages.is_empty() && self.minute != minute(at);
        other_minute || self.rows.len() >= ROWS || self.messages.len() >= MESSAGES
    }

    pub(super) fn reading(&mut self, room: RoomKey, reading: Reading) {
        self.rows.push((room, reading));
    }

    pub(super) fn message(&mut self, at: LocalTime, body: String) {
        self.minute = minute(at);
        self.messages.push(body);
    }

    /// Delivers what waits. Rows come first, so that the old watch sees its last ones. A server
    /// that is away is tried again until it is back. Returns `false` when it is time to stop.
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

/// Retries `work` until it succeeds; returns `false` when it is time to stop first. To do it twice
/// is harmless: the service ignores duplicates of readings and messages.
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
