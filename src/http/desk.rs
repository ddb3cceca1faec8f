//! Where requests meet whoever owns the state.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvError, after, bounded, select};
use http::StatusCode;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::engine::{MessageFormat, Parsed, ReadingFormat, Refusal};
use crate::gate::Gate;
use crate::owner::{Inbox, Input, Message};
use crate::store::{MeterWriter, StoreError};
use crate::threads::{Stop, Stopper, stop_signal};
use crate::types::{Reading, RoomKey, counted};

use super::answer::{Answer, Fault, Place, Refused};
use super::form::{Items, Row};

/// How long the owner may take for all of a request: less than what the end of the process leaves.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long answers that are ready may take to be sent at the end.
const LAST_PATIENCE: Duration = Duration::from_secs(22);

/// Between two looks whether it is time to stop.
const LOOK: Duration = Duration::from_secs(3_600);

/// The most of a request that is with the owner at a time: with more than it takes at once it would
/// not go faster, and the owner needs memory for each of them.
const MOST_UNWRITTEN: usize = 1_000;
const MOST_UNWRITTEN_BYTES: usize = 256 * 1024;

/// Readings that could not be written for lack of room make the service ill for so long, unless
/// others are written before: then it is for the next ones to find out.
const FULL: Duration = Duration::from_secs(60);

/// Where messages come from, as it is stored with refused ones.
const SOURCE: &str = "http";

/// The place of who serves: taken while an instance owns the state.
#[derive(Default)]
pub struct Desk(Mutex<Option<Arc<Serving>>>);

/// What an instance that owns the state takes, and how.
pub struct Service {
    /// It is bounded, and may be waited for: the owner waits for none of its senders.
    pub inbox: Inbox,
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
    /// When readings could not be written for lack of room, where none were since.
    full: Mutex<Option<Instant>>,
}

impl Desk {
    /// Serves until it is time to stop, and until all that was taken has been answered.
    pub fn serve(&self, service: Service, stop: &Stop) {
        let (answering, answered) = stop_signal();
        let serving = Arc::new(Serving {
            service,
            answering,
            full: Mutex::default(),
        });
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
        "{why}: what was sent may have been taken or not. Send it again: what is known already \
         changes nothing"
    ))
}

impl Serving {
    /// Says that messages, and readings where they are taken, can be written.
    ///
    /// # Errors
    /// 503 where there is no room for them.
    pub(super) fn health(&self) -> Result<Answer, Fault> {
        let is_full = |since: Instant| since.elapsed() < FULL;
        if self.full.lock().is_some_and(is_full) {
            return Err(Fault::later(
                "there was no room for the last readings: make some on the disk",
            ));
        }
        Ok(Answer::health())
    }

    /// Takes messages of a body of so many bytes. Refused ones are kept, too.
    ///
    /// # Errors
    /// 503 where not all of them are written in time.
    pub(super) fn messages(&self, items: Items<'_>, bytes: usize) -> Result<Answer, Fault> {
        let Service {
            inbox,
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
        let (inputs, owner_ended) = (inbox.messages(), inbox.owner_ended());
        let now = clock.now();
        let late = after(PATIENCE);
        let ending = || unknown("the service is ending");
        // There is room for all that are with the owner, so that it never waits.
        let (written, done) = bounded(MOST_UNWRITTEN);
        let source: Arc<str> = SOURCE.into();
        let (mut taken, mut refused) = (0, Refused::of_body(bytes));
        let (mut unwritten, mut unwritten_bytes) = (0, 0);
        let one_is_written = |unwritten: &mut usize, bytes: &mut usize| {
            let length = select! {
                recv(done) -> length => length,
                // All may be written by now all the same.
                recv(owner_ended.channel()) -> _ => written_already(&done, *unwritten),
                recv(closed.channel()) -> _ => return Err(unknown("the database is away")),
                recv(late) -> _ => return Err(unknown("the database is slow")),
            };
            *bytes -= length.map_err(|_| ending())?;
            *unwritten -= 1;
            Ok(())
        };
        for item in items {
            let length = item.body.len();
            while unwritten >= MOST_UNWRITTEN
                || unwritten > 0 && unwritten_bytes + length > MOST_UNWRITTEN_BYTES
            {
                one_is_written(&mut unwritten, &mut unwritten_bytes)?;
            }
            let parsed = messages.parse(item.body, Some(now));
            match &parsed {
                Parsed::Refused(reason) => refused.push(item.place, &reason.to_string()),
                _ => taken += 1,
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
                    let _ = written.try_send(length);
                }),
            });
            select! {
                send(inputs, message) -> sent => sent.map_err(|_| ending())?,
                recv(owner_ended.channel()) -> _ => return Err(ending()),
                recv(closed.channel()) -> _ => return Err(unknown("the database is away")),
                recv(late) -> _ => return Err(unknown("the database is slow")),
            }
            unwritten += 1;
            unwritten_bytes += length;
        }
        drop(written);
        while unwritten > 0 {
            one_is_written(&mut unwritten, &mut unwritten_bytes)?;
        }
        Ok(Answer::taken(taken, refused, self.answering.clone()))
    }

    /// Where readings are written.
    ///
    /// # Errors
    /// 409 where the meter table is others'.
    pub(super) fn writer(&self) -> Result<&dyn MeterWriter, Fault> {
        self.service.meters.as_deref().ok_or_else(|| {
            Fault::new(
                StatusCode::CONFLICT,
                "the meter table of [mysql] is others', this service only reads it: write readings \
                 there",
            )
        })
    }

    /// Takes readings in JSON, of a body of so many bytes.
    ///
    /// # Errors
    /// 503 where they can't be written now.
    pub(super) fn readings(&self, items: Items<'_>, bytes: usize) -> Result<Answer, Fault> {
        let (format, now) = (self.reading_format(), self.service.clock.now());
        let read = items.map(|item| {
            let reading = format.parse(item.body, now);
            (item.place, reading.map_err(|refusal| refusal.to_string()))
        });
        self.write(read, bytes)
    }

    /// Takes readings of a CSV of so many bytes.
    ///
    /// # Errors
    /// As [`Serving::readings`].
    pub(super) fn rows(
        &self,
        rows: impl Iterator<Item = Row<4>>,
        bytes: usize,
    ) -> Result<Answer, Fault> {
        let (format, now) = (self.reading_format(), self.service.clock.now());
        let read = rows.map(|row| {
            let reading = row.fields.and_then(|fields| {
                let row = fields.each_ref().map(String::as_str);
                let row = format.row(row, Some(now));
                row.map(|row| (row.room(), row.reading))
                    .map_err(|refusal: Refusal| refusal.to_string())
            });
            (row.place, reading)
        });
        self.write(read, bytes)
    }

    fn reading_format(&self) -> ReadingFormat {
        ReadingFormat {
            zone: self.service.messages.zone,
        }
    }

    fn write(
        &self,
        read: impl Iterator<Item = (Place, Result<(RoomKey, Reading), String>)>,
        bytes: usize,
    ) -> Result<Answer, Fault> {
        let writer = self.writer()?;
        let (mut taken, mut refused, mut first) = (0, Refused::of_body(bytes), None);
        // They are read while they are written: many small ones would else be much larger than
        // their body.
        let mut readings = read
            .filter_map(|(place, reading)| match reading {
                Ok(reading) => {
                    taken += 1;
                    Some(reading)
                }
                Err(reason) => {
                    refused.push(place, &reason);
                    first.get_or_insert((place, reason));
                    None
                }
            })
            .peekable();
        let added = match readings.peek() {
            Some(_) => writer.add(&mut readings),
            None => Ok(()),
        };
        if let Some((place, reason)) = first {
            log::warn!(
                "refused {} that came over HTTP, the first ({place}): {reason}",
                counted(refused.count() as u64, "reading"),
            );
        }
        if let Err(error) = &added {
            log::error!("readings that came over HTTP can't be written: {error}");
        }
        match added {
            Ok(()) if taken > 0 => *self.full.lock() = None,
            Ok(()) => {}
            Err(StoreError::Full(_)) => {
                *self.full.lock() = Some(Instant::now());
                return Err(unknown("there is no room for the readings"));
            }
            Err(error) if error.is_passing() => {
                return Err(unknown("the readings can't be written now"));
            }
            Err(error) => {
                let text = format!("the readings can't be written: {error}");
                return Err(Fault::new(StatusCode::INTERNAL_SERVER_ERROR, text));
            }
        }
        Ok(Answer::taken(taken, refused, self.answering.clone()))
    }
}

/// One more of those that are not known to be written, where all of them are.
fn written_already(done: &Receiver<usize>, unwritten: usize) -> Result<usize, RecvError> {
    if done.len() < unwritten {
        return Err(RecvError);
    }
    done.recv()
}
