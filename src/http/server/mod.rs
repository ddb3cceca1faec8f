//! A small HTTP/1.1 server: plain threads, blocking sockets, and a deadline for everything that a
//! client does.
//!
//! A connection is for one request. Head, body and answer have a deadline each, so that sending a
//! byte now and then gains nothing. A client that is still sending its head when all places are
//! taken has to give its place to the next one ([`Places`]).
//!
//! The server knows nothing of what is served. Each listener has its own server, with its own
//! places and threads.

mod connection;
mod head;
mod incoming;
mod places;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use http::{Method, Response};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::outage::Outage;
use crate::threads::{Exit, Stop, spawn};

use connection::Connection;
use places::{NoPlace, Place, Places};

pub(super) use head::Unreadable;
pub(super) use incoming::{BodyError, Incoming};
pub(super) use places::network;

/// Limits on clients.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections at a time; more have to wait.
    pub places: usize,
    /// The most of these for one address (of IPv6: one /64). Programs of this machine have no such
    /// limit: a local client and a local proxy look the same.
    pub share: usize,
    /// The time for the request line and headers, from the beginning of the connection.
    pub head: Duration,
    /// The time for a body, including the extensions of its chunks and trailers.
    pub body: Duration,
    /// The time for sending the answer.
    pub answer: Duration,
    /// The time for reading what a client still sends after its answer, which it may not see
    /// otherwise.
    pub linger: Duration,
    /// How long all places have to be taken before that is logged.
    pub full: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            places: 128,
            share: 64,
            head: Duration::from_secs(10),
            body: Duration::from_secs(10),
            answer: Duration::from_secs(10),
            linger: Duration::from_secs(5),
            full: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// These limits with no more places than descriptors, but enough to go on.
    #[must_use]
    pub fn within(self, descriptors: usize) -> Limits {
        let places = self.places.min(descriptors.max(FEWEST_PLACES));
        Limits {
            places,
            share: self.share.min(places),
            ..self
        }
    }
}

/// The fewest places with which clients can still be served.
const FEWEST_PLACES: usize = 8;

/// How often the accepting thread checks whether it is time to stop, and whether its threads live.
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// How many connections the system keeps waiting for being accepted.
const BACKLOG: i32 = 1_024;

/// The longest pause after the system had no descriptor or no thread for a connection.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long accepting has to work before its outage has ended: descriptors come and go one by one.
const WORKS_AGAIN: Duration = Duration::from_secs(10);

/// How long requests under way may take when the listener closes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers requests, and heads that could not be read.
pub(super) type Handler =
    dyn Fn(Result<&mut Incoming<'_>, Unreadable>) -> Response<Vec<u8>> + Send + Sync;

/// A listener that accepts nothing yet.
pub(super) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    limits: Limits,
    /// What a client is answered for whom there is no place.
    no_place: Response<Vec<u8>>,
}

impl Server {
    /// Serves those who connect to a socket.
    ///
    /// # Errors
    /// When the system refuses it.
    pub(super) fn new(
        listener: TcpListener,
        limits: Limits,
        no_place: Response<Vec<u8>>,
    ) -> io::Result<Server> {
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        rustix::net::listen(&listener, BACKLOG)?;
        Ok(Server {
            listener,
            address,
            limits,
            no_place,
        })
    }

    /// Serves until it is time to stop or to `leave` the address; then it frees the address, and
    /// answers the requests under way. Its threads are named after `name`, and each begins with
    /// `prepare`.
    ///
    /// # Errors
    /// The name of a thread that has panicked.
    pub(super) fn serve(
        self,
        name: &str,
        prepare: fn(),
        stop: &Stop,
        leave: &dyn Fn() -> bool,
        handler: Arc<Handler>,
    ) -> Result<(), String> {
        let Server {
            listener,
            address,
            limits,
            no_place,
        } = self;
        let (connections, to_serve) = bounded(0);
        let (exits, ended) = bounded(limits.places);
        let mut workers = Workers {
            name,
            prepare,
            limits,
            handler,
            connections,
            to_serve,
            count: 0,
            exits,
        };
        let places = Places::new(address, limits);
        let mut trouble = Trouble::new(address);
        while !stop.is_set() && !leave() {
            if let Ok(exit) = ended.try_recv() {
                return Err(exit.thread);
            }
            let (stream, client) = match accept(&listener) {
                Ok(Some(accepted)) => accepted,
                Ok(None) => continue,
                Err(error) => {
                    stop.wait(trouble.pause(&error));
                    continue;
                }
            };
            trouble.ended();
            let stream = Arc::new(stream);
            let place = loop {
                match places.take(&stream, client.ip(), CHECK_EVERY) {
                    Ok(place) => break Some(place),
                    Err(NoPlace::Share) => break None,
                    Err(NoPlace::All) if stop.is_set() => break None,
                    Err(NoPlace::All) => {
                        if let Ok(exit) = ended.try_recv() {
                            return Err(exit.thread);
                        }
                    }
                }
            };
            match place {
                Some(place) => {
                    let peer = client.ip().to_canonical();
                    workers.take((stream, peer, place), stop, &mut trouble);
                }
                None => connection::refuse(&stream, &no_place),
            }
        }
        drop(listener);
        let Workers {
            connections, count, ..
        } = workers;
        drop(connections);
        let until = Instant::now() + CLOSE_TIMEOUT;
        for _ in 0..count {
            match ended.recv_deadline(until) {
                Ok(exit) if exit.panicked => return Err(exit.thread),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        Ok(())
    }
}

/// The next connection; `None` if none came for a while, or it is gone already.
fn accept(listener: &TcpListener) -> io::Result<Option<(TcpStream, SocketAddr)>> {
    let timeout = Timespec {
        tv_sec: 0,
        tv_nsec: CHECK_EVERY.subsec_nanos().into(),
    };
    match poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&timeout)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    match listener.accept() {
        Ok(accepted) => Ok(Some(accepted)),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock
            | ErrorKind::Interrupted
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset => Ok(None),
            _ => Err(error),
        },
    }
}

/// An outage of accepting connections: logged once, with a pause before each further attempt.
struct Trouble {
    outage: Outage,
    last: Option<Instant>,
}

impl Trouble {
    fn new(address: SocketAddr) -> Trouble {
        let what = format!("accepting connections at {address}");
        Trouble {
            outage: Outage::new(what).reported_at_once(),
            last: None,
        }
    }

    fn pause(&mut self, error: &io::Error) -> Duration {
        self.last = Some(Instant::now());
        self.outage.failed(error).min(LONGEST_PAUSE)
    }

    fn ended(&mut self) {
        let has_lasted = |last: &mut Instant| last.elapsed() >= WORKS_AGAIN;
        if self.last.take_if(has_lasted).is_some() {
            self.outage.ended();
        }
    }
}

/// A connection, the address of its other end, and its place.
type Accepted = (Arc<TcpStream>, IpAddr, Place);

/// The threads that serve connections: as many as were needed at once, at most one a place.
struct Workers<'a> {
    name: &'a str,
    prepare: fn(),
    limits: Limits,
    handler: Arc<Handler>,
    /// It has no capacity: a connection goes to a thread that is waiting for one.
    connections: Sender<Accepted>,
    to_serve: Receiver<Accepted>,
    count: usize,
    exits: Sender<Exit>,
}

impl Workers<'_> {
    /// Passes a connection to a waiting thread, or else to a new one.
    fn take(&mut self, accepted: Accepted, stop: &Stop, trouble: &mut Trouble) {
        let mut accepted = match self.connections.try_send(accepted) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => return,
            Err(TrySendError::Full(accepted)) => accepted,
        };
        while !stop.is_set() {
            if self.count < self.limits.places {
                match self.start() {
                    Ok(()) => self.count += 1,
                    // An existing thread may be free soon.
                    Err(error) => {
                        stop.wait(trouble.pause(&error));
                    }
                }
            }
            match self.connections.send_timeout(accepted, CHECK_EVERY) {
                Ok(()) => return,
                Err(error) => accepted = error.into_inner(),
            }
        }
    }

    fn start(&self) -> io::Result<()> {
        let (limits, handler) = (self.limits, Arc::clone(&self.handler));
        let to_serve = self.to_serve.clone();
        let name = format!("{}-{}", self.name, self.count + 1);
        let prepare = self.prepare;
        spawn(name, &self.exits, move || {
            prepare();
            for (stream, peer, place) in to_serve {
                answer(stream, peer, &place, &limits, &*handler);
            }
        })
    }
}

/// Serves a connection. Errors of a client that is gone are ignored.
fn answer(stream: Arc<TcpStream>, peer: IpAddr, place: &Place, limits: &Limits, handler: &Handler) {
    let mut connection = Connection::new(stream);
    connection.allow(limits.head);
    let (response, is_read, wants_body) = match head::read(&mut connection) {
        Ok(None) => return,
        Ok(Some(head)) => {
            place.is_served();
            let mut incoming = Incoming::new(head, peer, &mut connection, limits.body);
            let response = handler(Ok(&mut incoming));
            let wants_body = *incoming.request.method() != Method::HEAD;
            (response, incoming.is_read(), wants_body)
        }
        Err(unreadable) => (handler(Err(unreadable)), false, true),
    };
    connection.allow(limits.answer);
    let sent = connection.send(&response, wants_body);
    drop(response);
    if sent.is_ok() {
        place.is_answered();
        connection.allow(limits.linger);
        connection.linger(is_read);
    }
}
