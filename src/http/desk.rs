//! Where requests meet whoever owns the state.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvError, Sender, after, bounded, select};
use http::StatusCode;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::engine::{MessageFormat, Parsed, ReadingFormat, Refusal};
use crate::gate::Gate;
use crate::owner::{Input, Message, READING_AHEAD};
use crate::store::MeterWriter;
use crate::threads::{Stop, Stopper, stop_signal};
use crate::types::{Reading, RoomKey};

use super::answer::{Answer, Fault, Place, Refused};
use super::form::{Item, Row};

/// How long the owner may take for all of a request: less than what the end of the process leaves.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long answers that are ready may take to be sent at the end.
const LAST_PATIENCE: Duration = Duration::from_secs(22);

/// Between two looks whether it is time to stop.
const LOOK: Duration = Duration::from_secs(3_600);

/// Where messages come from, as it is stored with refused ones.
const SOURCE: &str = "http";

/// The place of who serves: taken while an instance owns the state.
#[derive(Default)]
pub struct Desk(Mutex<Option<Arc<Serving>>>);

/// What an instance that owns the state takes, and how.
pub struct Service {
    /// To the owner. It is bounded, and may be waited for: the owner waits for nobody.
    pub inputs: Sender<Input>,
    /// Set when the owner has ended: it may leave inputs behind.
    pub owner_gone: Stop,
    /// Closed while the store is lost.
    pub intake: Arc<Gate>,
    pub messages: Arc<MessageFormat>,
    pub clock: Arc<dyn Clock>,
    /// `None` where the meter table is others'.
    pub meters: Option<Arc<dyn MeterWriter>>,
}

/// A service that is at the desk, or has left it and finishes what it has taken.
pub(super) struct Serving {
    service: Service,
    /// Held by everything that is still to be answered.
    answering: Stopper,
}

impl Desk {
    /// Serves until it is time to stop, and until all that was taken has been answered.
    pub fn serve(&self, service: Service, stop: &Stop) {
        let (answering, answered) = stop_signal();
        let serving = Arc::new(Serving { service, answering });
        let own = Arc::downgrade(&serving);
        *self.0.lock() = Some(serving);
        while !stop.wait(LOOK) {}
        // Requests that are being taken hold on to it, and the owner ends after them. The next one
        // may be here already.
        let is_own = |serving: &mut Arc<Serving>| Weak::ptr_eq(&Arc::downgrade(serving), &own);
        drop(self.0.lock().take_if(is_own));
        if !answered.wait(LAST_PATIENCE) {
            log::warn!(
                "requests over HTTP are left without an answer: clients will send them again"
            );
        }
    }

    /// Who serves.
    ///
    /// # Errors
    /// 503 where nobody does.
    pub(super) fn service(&self) -> Result<Arc<Serving>, Fault> {
        let serving = self.0.lock().clone().ok_or_else(|| {
            Fault::later(
                "this instance does not own the state: it starts, stops or stands by; try again",
            )
        })?;
        match serving.service.intake.phase() {
            (true, _) => Ok(serving),
            (false, _) => Err(Fault::later(
                "the database is away, nothing was taken: try again",
            )),
        }
    }
}

/// Why what was sent to the owner is not known to be written.
fn unknown(why: &str) -> Fault {
    Fault::later(format!(
        "{why}: what was sent may have been taken or not. Send it again: what is known already changes nothing"
    ))
}

impl Serving {
    /// Takes messages. Refused ones are kept, too.
    ///
    /// # Errors
    /// 503 where not all of them are written in time.
    pub(super) fn messages(&self, items: &[Item<'_>]) -> Result<Answer, Fault> {
        let Service {
            inputs,
            owner_gone,
            intake,
            messages,
            clock,
            ..
        } = &self.service;
        let (open, closed) = intake.phase();
        if !open {
            return Err(Fault::later(
                "the database is away, nothing was taken: try again",
            ));
        }
        let now = clock.now();
        let late = after(PATIENCE);
        // There is room for all of them, so that the owner never waits.
        let (written, done) = bounded(items.len());
        let source: Arc<str> = SOURCE.into();
        let mut refused = Vec::new();
        for item in items {
            let parsed = messages.parse(item.body, Some(now));
            if let Parsed::Refused(reason) = &parsed {
                refused.push(Refused {
                    place: item.place,
                    reason: reason.to_string(),
                });
            }
            let written = written.clone();
            let message = Input::Message(Message {
                source: Arc::clone(&source),
                parsed,
                body: item.body.to_vec(),
                // Nobody knows; after an answer that got lost it comes again.
                redelivered: true,
                committed: Box::new(move || {
                    // Nobody is there when the client has been answered before.
                    let _ = written.try_send(());
                }),
            });
            select! {
                send(inputs, message) -> sent => sent.map_err(|_| unknown("the service is ending"))?,
                recv(owner_gone.channel()) -> _ => return Err(unknown("the service is ending")),
                recv(closed.channel()) -> _ => return Err(unknown("the database is away")),
                recv(late) -> _ => return Err(unknown("the database is slow")),
            }
        }
        drop(written);
        for left in (1..=items.len()).rev() {
            let told = select! {
                recv(done) -> told => told,
                // All may be written by now all the same.
                recv(owner_gone.channel()) -> _ => told_already(&done, left),
                recv(closed.channel()) -> _ => return Err(unknown("the database is away")),
                recv(late) -> _ => return Err(unknown("the database is slow")),
            };
            told.map_err(|_| unknown("the service is ending"))?;
        }
        let taken = items.len() - refused.len();
        Ok(Answer::taken(taken, &refused, self.answering.clone()))
    }

    /// Where readings are written.
    ///
    /// # Errors
    /// 409 where the meter table is others'.
    pub(super) fn writer(&self) -> Result<&dyn MeterWriter, Fault> {
        self.service.meters.as_deref().ok_or_else(|| {
            Fault::new(
                StatusCode::CONFLICT,
                "the meter table of [mysql] is others', this service only reads it: write readings there",
            )
        })
    }

    /// Takes readings in JSON.
    ///
    /// # Errors
    /// 503 where they can't be written now.
    pub(super) fn readings(&self, items: &[Item<'_>]) -> Result<Answer, Fault> {
        let (format, now) = (self.reading_format(), self.service.clock.now());
        let read = items.iter().map(|item| {
            let reading = format.parse(item.body, now);
            (item.place, reading.map_err(|refusal| refusal.to_string()))
        });
        self.write(read)
    }

    /// Takes readings of a CSV.
    ///
    /// # Errors
    /// As [`Serving::readings`].
    pub(super) fn rows(&self, rows: &[Row<4>]) -> Result<Answer, Fault> {
        let (format, now) = (self.reading_format(), self.service.clock.now());
        let read = rows.iter().map(|row| {
            let fields = row.fields.as_ref().map_err(String::clone);
            let reading = fields.and_then(|fields| {
                let row = fields.each_ref().map(String::as_str);
                let row = format.row(row, Some(now));
                row.map(|row| (row.room(), row.reading))
                    .map_err(|refusal: Refusal| refusal.to_string())
            });
            (row.place, reading)
        });
        self.write(read)
    }

    fn reading_format(&self) -> ReadingFormat {
        ReadingFormat {
            zone: self.service.messages.zone,
            max_ahead_seconds: READING_AHEAD,
        }
    }

    fn write(
        &self,
        read: impl Iterator<Item = (Place, Result<(RoomKey, Reading), String>)>,
    ) -> Result<Answer, Fault> {
        let writer = self.writer()?;
        let (mut readings, mut refused) = (Vec::new(), Vec::new());
        for (place, reading) in read {
            match reading {
                Ok(reading) => readings.push(reading),
                Err(reason) => refused.push(Refused { place, reason }),
            }
        }
        if let Some(first) = refused.first() {
            log::warn!(
                "{} readings that came over HTTP were refused, the first ({}): {}",
                refused.len(),
                first.place,
                first.reason
            );
        }
        if !readings.is_empty() {
            writer.add(&readings).map_err(|error| {
                log::error!("readings that came over HTTP can't be written: {error}");
                if error.is_passing() {
                    unknown("the readings can't be written now")
                } else {
                    let text = format!("the readings can't be written: {error}");
                    Fault::new(StatusCode::INTERNAL_SERVER_ERROR, text)
                }
            })?;
        }
        Ok(Answer::taken(
            readings.len(),
            &refused,
            self.answering.clone(),
        ))
    }
}

/// One more of `left`, where all of them have been told.
fn told_already(done: &Receiver<()>, left: usize) -> Result<(), RecvError> {
    if done.len() < left {
        return Err(RecvError);
    }
    done.recv()
}
