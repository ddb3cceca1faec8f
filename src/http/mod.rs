//! The service's own HTTP: messages and meter readings of programs, and pages for people.
//!
//! A listener lives as long as the process, so that clients always get an answer. It passes what
//! needs the state to the [`Desk`], where this instance serves while it owns that.

mod answer;
mod body;
mod client;
mod desk;
mod door;
mod form;
mod headers;
mod logins;
mod origin;
mod people;
mod posted;
mod routes;
mod server;
mod session;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use http::header::ACCEPT;

use crate::config::{Hotels, Scope};
use crate::engine::READING_FIELDS;
use crate::figures::Figures;
use crate::metrics::{Format, Metrics};
use crate::outage::Outage;
use crate::threads::{Stop, give_way};

pub use client::{ClientError, send};
pub use desk::{Desk, Service};
pub use door::Doors;
pub use routes::Serves;
pub use server::Limits;
pub use session::Keys;

use answer::{Answer, Fault};
use body::Turns;
use form::Form;
use headers::secure;
use logins::Logins;
use routes::Route;
use server::{Incoming, Server, Unreadable};

/// How long an instance that begins to stand by leaves its addresses free: the active one may be on
/// the same machine, with the same configuration.
const LEFT: Duration = Duration::from_secs(3);

/// The longest pause between two attempts to listen: shorter than [`LEFT`], so that the active
/// instance has an address before the standby takes it again.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Listens on an address until it is time to stop.
pub struct Listener {
    pub address: SocketAddr,
    /// Set where the address is had already; else it is opened by [`Listener::run`].
    pub socket: Option<TcpListener>,
    /// The key of the configuration that has the address.
    pub key: &'static str,
    pub serves: Serves,
    pub doors: Arc<Doors>,
    pub keys: Arc<Keys>,
    pub desk: Arc<Desk>,
    pub metrics: Arc<Metrics>,
    pub figures: Arc<Figures>,
    pub limits: Limits,
    pub stop: Stop,
}

impl Listener {
    /// Returns when it is time to stop, or when one of its threads has panicked. If the address is
    /// in use, it logs that and retries, instead of ending the process: most often the other one is
    /// an instance that is about to end, and messages from RabbitMQ must not wait for it.
    pub fn run(self) {
        let Listener { address, key, .. } = self;
        let mut socket = self.socket;
        // Where pages have threads of their own, these take nothing from those who judge.
        let (threads, prepare): (_, fn()) = match self.serves {
            Serves::Programs | Serves::Both => ("http", || {}),
            Serves::Pages => ("page", give_way),
        };
        let site = Arc::new(Site {
            serves: self.serves,
            doors: self.doors,
            keys: self.keys,
            desk: Arc::clone(&self.desk),
            metrics: self.metrics,
            logins: Logins::new(),
            turns: Turns::new(body::AT_A_TIME),
        });
        let set_unreachable = |is_unreachable| {
            if self.serves != Serves::Pages {
                self.figures.set_unreachable(is_unreachable);
            }
        };
        let listening = format!("listening at {key} {address}");
        let mut outage = Outage::new(listening).reported_at_once();
        let mut is_first = true;
        loop {
            let no_place = Fault::later("too many connections at a time, try again");
            let no_place = secure(Answer::from(no_place).into());
            let socket = socket.take().map_or_else(|| TcpListener::bind(address), Ok);
            let opened = socket.and_then(|socket| Server::new(socket, self.limits, no_place));
            let server = match opened {
                Ok(server) => server,
                Err(error) => {
                    set_unreachable(true);
                    if self.stop.wait(outage.failed(&error).min(LONGEST_PAUSE)) {
                        return;
                    }
                    continue;
                }
            };
            outage.ended();
            set_unreachable(false);
            if std::mem::take(&mut is_first) {
                announce(self.serves, address);
            }
            let count = self.desk.standing().count;
            let (desk, site) = (&self.desk, Arc::clone(&site));
            let leave = || desk.standing().count != count;
            let served = server.serve(
                threads,
                prepare,
                &self.stop,
                &leave,
                Arc::new(move |got| site.respond(got)),
            );
            if let Err(thread) = served {
                log::error!("thread {thread}, which served at {key} {address}, panicked");
                return;
            }
            if self.stop.wait(LEFT) {
                return;
            }
        }
    }
}

/// Logs what a listener serves.
fn announce(serves: Serves, address: SocketAddr) {
    if serves != Serves::Pages {
        log::info!("taking messages at http://{address}/api/messages");
    }
    if serves != Serves::Programs {
        log::info!("pages at http://{address}/");
    }
}

/// Answers the requests of a listener.
struct Site {
    serves: Serves,
    doors: Arc<Doors>,
    keys: Arc<Keys>,
    desk: Arc<Desk>,
    metrics: Arc<Metrics>,
    logins: Logins,
    /// For requests with a body.
    turns: Turns,
}

impl Site {
    fn respond(&self, got: Result<&mut Incoming<'_>, Unreadable>) -> Response<Vec<u8>> {
        let answer = match got {
            Ok(incoming) => self.handle(incoming),
            Err(Unreadable { status, why }) => Err(Fault::new(status, why)),
        };
        secure(answer.unwrap_or_else(|fault| {
            if fault.is_worth_a_line() {
                log::warn!("a request over HTTP was refused: {fault}");
            }
            Answer::from(fault).into()
        }))
    }

    fn handle(&self, incoming: &mut Incoming<'_>) -> Result<Response<Vec<u8>>, Fault> {
        let door = self.doors.now();
        let request = &incoming.request;
        let (client, path) = (
            door.client(request.headers(), incoming.peer),
            request.uri().path(),
        );
        let Some(route) = Route::at(path, self.serves) else {
            // Only after admission: a stranger must not learn which paths exist.
            if self.serves != Serves::Pages {
                door.program(request, client, Scope::Write)?;
            }
            return Err(routes::not_found(self.serves));
        };
        let method = request.method().clone();
        match route {
            // From memory, whether or not the database is there.
            Route::Metrics => {
                door.program(request, client, Scope::Metrics)?;
                route.check_method(&method)?;
                let accept = request.headers().get(ACCEPT);
                let format = Format::accepted(accept.and_then(|accept| accept.to_str().ok()));
                let exposed = self.metrics.exposed(format);
                Ok(Answer::metrics(format, exposed).into())
            }
            Route::Health => {
                door.anybody(request, client)?;
                route.check_method(&method)?;
                Ok(self.desk.service()?.health()?.into())
            }
            Route::Messages | Route::Readings => {
                let hotels = door.program(request, client, Scope::Write)?;
                route.check_method(&method)?;
                Ok(self.intake(incoming, route, &hotels)?.into())
            }
            Route::Login | Route::Logout | Route::Language | Route::Page => {
                route.check_method(&method)?;
                Ok(self.people(incoming, &door, route))
            }
        }
    }

    /// Takes messages or readings that are about these hotels.
    fn intake(
        &self,
        incoming: &mut Incoming<'_>,
        route: Route,
        hotels: &Hotels,
    ) -> Result<Answer, Fault> {
        if route == Route::Messages {
            return self.take(incoming, Form::OF_MESSAGES, |form, body| {
                let items = form.items(body)?;
                self.desk.service()?.messages(items, body.len(), hotels)
            });
        }
        self.desk.service()?.writer()?;
        self.take(incoming, Form::OF_READINGS, |form, body| match form {
            Form::Csv => {
                let rows = form::rows(body, READING_FIELDS)?;
                self.desk.service()?.rows(rows, body.len(), hotels)
            }
            Form::Json | Form::Lines => {
                let items = form.items(body)?;
                self.desk.service()?.readings(items, body.len(), hotels)
            }
        })
    }

    /// Reads a body in one of these formats, when it is the request's turn, and writes it.
    fn take(
        &self,
        incoming: &mut Incoming<'_>,
        forms: &[(&str, Form)],
        write: impl FnOnce(Form, &[u8]) -> Result<Answer, Fault>,
    ) -> Result<Answer, Fault> {
        // The service is not held while the body comes: a client that sends slowly must not delay
        // the end of the service.
        self.desk.service()?;
        let form = Form::of(incoming.request.headers(), forms)?;
        let _turn = self.turns.take()?;
        let body = body::read(incoming, body::MOST_BYTES)?;
        write(form, &body)
    }
}
