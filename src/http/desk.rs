//! Passes requests to the instance that owns the state.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvError, after, bounded, select};
use http::StatusCode;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::config::Hotels;
use crate::engine::{MessageFormat, Parsed, ReadingFormat, Refusal};
use crate::gate::Gate;
use crate::owner::{Inbox, Input, Message};
use crate::page::Pages;
use crate::store::{MeterWriter, StoreError};
use crate::threads::{Stop, Stopper, stop_signal};
use crate::types::{LocalTime, Reading, RoomKey, counted};

use super::answer::{Answer, Fault, Place, Refused};
use super::form::{Items, Row};

/// How long the owner may take for a whole request: less than the process has for its end.
const WRITE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long the last answers may take to be sent at the end.
const LAST_ANSWERS_TIMEOUT: Duration = Duration::from_secs(22);

/// The longest wait for the stop signal in one call; it is waited for again.
const STOP_WAIT: Duration = Duration::from_secs(3_600);

/// The most of a request that is with the owner at a time. More would not be faster than the
/// owner's batches, and would take memory.
const MOST_UNWRITTEN: usize = 1_000;
const MOST_UNWRITTEN_BYTES: usize = 256 * 1024;

/// How long the service reports itself unhealthy after readings could not be written because the
/// disk was full, unless others are written before. After that, the next readings decide.
const FULL: Duration = Duration::from_secs(60);

/// The source that is stored with refused messages.
const SOURCE: &str = "http";

/// Where an instance serves requests while it owns the state.
#[derive(Default)]
pub struct Desk {
    serving: Mutex<Option<Arc<Serving>>>,
    standing: Mutex<Standing>,
}

/// Whether this instance stands by.
#[derive(Clone, Copy, Default)]
pub(super) struct Standing {
    /// Since when; `None` if it does not.
    pub(super) since: Option<LocalTime>,
    /// How often it has begun to.
    pub(super) count: u64,
}

/// What an instance that owns the state needs to serve requests.
pub struct Service {
    /// The way to the owner. It is bounded, but waiting for it can't deadlock: the owner waits for
    /// none of its senders.
    pub inbox: Inbox,
    /// Closed while the store is lost.
    pub intake: Arc<Gate>,
    pub messages: Arc<MessageFormat>,
    pub clock: Arc<dyn Clock>,
    /// `None` if other programs write the meter table.
    pub meters: Option<Arc<dyn MeterWriter>>,
    pub pages: Arc<Pages>,
}

/// A service that serves requests, or has stopped taking new ones and finishes the others.
pub(super) struct Serving {
    service: Service,
    /// Held by all answers that have not been sent yet.
    answering: Stopper,
    /// When readings could not be written because the disk was full; `None` once others were.
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
        self.standing.lock().since = None;
        *self.serving.lock() = Some(serving);
        while !stop.wait(STOP_WAIT) {}
        // Requests under way keep this service alive, and the owner ends after them. The next
        // service may be here already, and stays.
        let is_own = |serving: &mut Arc<Serving>| Weak::ptr_eq(&Arc::downgrade(serving), &own);
        drop(self.serving.lock().take_if(is_own));
        if !answered.wait(LAST_ANSWERS_TIMEOUT) {
            log::warn!(
                "some HTTP requests were not answered before the end: clients will send them again"
            );
        }
    }

    /// This instance stands by from `now` on: another one works on its database.
    pub fn stand_by(&self, now: LocalTime) {
        let mut standing = self.standing.lock();
        standing.since = Some(now);
        standing.count += 1;
    }

    pub(super) fn standing(&self) -> Standing {
        *self.standing.lock()
    }

    /// The pages, if this instance owns the state. They are there while its database is away.
    pub(super) fn pages(&self) -> Option<Arc<Pages>> {
        let serving = self.serving.lock().clone();
        serving.map(|serving| Arc::clone(&serving.service.pages))
    }

    /// The service that takes requests now.
    ///
    /// # Errors
    /// 503 if there is none, or if its database is away.
    pub(super) fn service(&self) -> Result<Arc<Serving>, Fault> {
        let serving = self.serving.lock().clone().ok_or_else(|| {
            Fault::later(match self.standing().since {
                Some(since) => format!(
                    "standing by since {since}: another instance works on the database; send it \
                     there"
                ),
                None => {
                    "this instance does not own the state: it starts or stops; try again".into()
                }
            })
        })?;
        match serving.service.intake.phase() {
            (true, _) => Ok(serving),
            (false, _) => Err(Fault::later(
                "the database is away, nothing was taken: try again",
            )),
        }
    }
}

/// The fault when it is unknown whether a request was written.
fn unknown(why: &str) -> Fault {
    Fault::later(format!(
        "{why}: what was sent may have been taken or not. Send it again: what is known already \
         changes nothing"
    ))
}

impl Serving {
    /// Reports whether messages and readings can be written.
    ///
    /// # Errors
    /// 503 if the disk is full.
    pub(super) fn health(&self) -> Result<Answer, Fault> {
        let is_full = |since: Instant| since.elapsed() < FULL;
        if self.full.lock().is_some_and(is_full) {
            return Err(Fault::later(
                "there was no room for the last readings: make some on the disk",
            ));
        }
        Ok(Answer::health())
    }

    /// Takes the messages of a body of `bytes` bytes that are about these hotels. Refused ones are
    /// stored, too.
    ///
    /// # Errors
    /// 503 when not all of them are written in time.
    pub(super) fn messages(
        &self,
        items: Items<'_>,
        bytes: usize,
        hotels: &Hotels,
    ) -> Result<Answer, Fault> {
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
        let late = after(WRITE_TIMEOUT);
        let ending = || unknown("the service is ending");
        // The channel has room for all messages that are with the owner, so that it never waits.
        let (written, done) = bounded(MOST_UNWRITTEN);
        let source: Arc<str> = SOURCE.into();
        let (mut taken, mut refused) = (0, Refused::of_body(bytes));
        let (mut unwritten, mut unwritten_bytes) = (0, 0);
        let one_is_written = |unwritten: &mut usize, bytes: &mut usize| {
            let length = select! {
                recv(done) -> length => length,
                // Even so all may have been written.
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
            let parsed = permitted(messages.parse(item.body, Some(now)), hotels);
            match &parsed {
                Parsed::Refused(reason) => refused.push(item.place, &reason.to_string()),
                _ => taken += 1,
            }
            let written = written.clone();
            let message = Input::Message(Message {
                source: Arc::clone(&source),
                parsed,
                body: item.body.to_vec(),
                // It may have come before: clients repeat a request whose answer got lost.
                redelivered: true,
                committed: Box::new(move || {
                    // The receiver is gone if the client has been answered before.
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

    /// What writes readings.
    ///
    /// # Errors
    /// 409 if other programs write the meter table.
    pub(super) fn writer(&self) -> Result<&dyn MeterWriter, Fault> {
        self.service.meters.as_deref().ok_or_else(|| {
            Fault::new(
                StatusCode::CONFLICT,
                "this service only reads the meter table of [mysql]: write readings there directly",
            )
        })
    }

    /// Takes the readings of a JSON body of `bytes` bytes that are of these hotels.
    ///
    /// # Errors
    /// 503 when they can't be written now.
    pub(super) fn readings(
        &self,
        items: Items<'_>,
        bytes: usize,
        hotels: &Hotels,
    ) -> Result<Answer, Fault> {
        let (format, now) = (self.reading_format(), self.service.clock.now());
        let read = items.map(|item| {
            let reading = format.parse(item.body, now);
            (item.place, reading.map_err(|refusal| refusal.to_string()))
        });
        self.write(read, bytes, hotels)
    }

    /// Takes the readings of a CSV body of `bytes` bytes that are of these hotels.
    ///
    /// # Errors
    /// The same as [`Serving::readings`].
    pub(super) fn rows(
        &self,
        rows: impl Iterator<Item = Row<4>>,
        bytes: usize,
        hotels: &Hotels,
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
        self.write(read, bytes, hotels)
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
        hotels: &Hotels,
    ) -> Result<Answer, Fault> {
        let writer = self.writer()?;
        let (mut taken, mut refused, mut first) = (0, Refused::of_body(bytes), None);
        // They are parsed while they are written: parsed readings take much more memory than their
        // body.
        let mut readings = read
            .filter_map(|(place, reading)| match of_hotels(reading, hotels) {
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
                "refused {} that came over HTTP; the first is {place}: {reason}",
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
            Err(error) if error.is_transient() => {
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

/// A message, refused if it is about a hotel that is not one of these.
fn permitted(parsed: Parsed, hotels: &Hotels) -> Parsed {
    let event = match &parsed {
        Parsed::Event(event) | Parsed::EventWithoutExpected(event) => event,
        Parsed::Ignored | Parsed::Refused(_) => return parsed,
    };
    let mut rooms = event.rooms.iter().map(|(room, _)| &room.hotel_id);
    match rooms.find(|hotel| !hotels.includes(hotel)) {
        Some(other) => Parsed::Refused(Refusal::OtherHotel(other.as_str().to_owned())),
        None => parsed,
    }
}

/// A reading, refused if it is of a hotel that is not one of these.
fn of_hotels(
    reading: Result<(RoomKey, Reading), String>,
    hotels: &Hotels,
) -> Result<(RoomKey, Reading), String> {
    let (room, reading) = reading?;
    if hotels.includes(&room.hotel_id) {
        return Ok((room, reading));
    }
    Err(Refusal::OtherHotel(room.hotel_id.as_str().to_owned()).to_string())
}

/// The next written message after the owner has ended, if all that are still open were written.
fn written_already(done: &Receiver<usize>, unwritten: usize) -> Result<usize, RecvError> {
    if done.len() < unwritten {
        return Err(RecvError);
    }
    done.recv()
}
