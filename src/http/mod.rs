//! The intake over HTTP: messages and meter readings.
//!
//! The listener lives as long as the process, so that clients always get an answer. It passes
//! requests to the [`Desk`], where this instance serves while it owns the state.

mod answer;
mod body;
mod client;
mod desk;
mod door;
mod form;
mod routes;
mod server;

use std::sync::Arc;

use http::header::ACCEPT;
use http::{Method, Request, Response};

use crate::config::{Hotels, Http, Language};
use crate::engine::READING_FIELDS;
use crate::metrics::{Format, Metrics};
use crate::outage::Outage;
use crate::page::{LOCAL, Viewer};
use crate::threads::Stop;

pub use client::{ClientError, send};
pub use desk::{Desk, Service};
pub use server::Limits;

use answer::{Answer, Fault};
use body::Turns;
use door::Door;
use form::Form;
use routes::Route;
use server::{Incoming, Server, Unreadable};

/// Listens on its address until it is time to stop.
pub struct Listener {
    pub config: Http,
    pub desk: Arc<Desk>,
    pub metrics: Arc<Metrics>,
    pub limits: Limits,
    pub stop: Stop,
}

impl Listener {
    /// Returns when it is time to stop, or when one of its threads has panicked. If the address is
    /// in use, it logs that and retries, instead of ending the process: most often the other one is
    /// an instance that is about to end, and messages from RabbitMQ must not wait for it.
    pub fn run(self) {
        let address = self.config.listen;
        let intake = Intake {
            door: Door::new(self.config.token.as_ref()),
            desk: self.desk,
            metrics: self.metrics,
            turns: Turns::new(),
        };
        let listening = format!("listening at http.listen {address}");
        let mut outage = Outage::new(listening).reported_at_once();
        let server = loop {
            match Server::bind(address, self.limits) {
                Ok(server) => break server,
                Err(error) => {
                    if self.stop.wait(outage.failed(&error)) {
                        return;
                    }
                }
            }
        };
        outage.ended();
        log::info!("taking messages at http://{address}/api/messages");
        let served = server.serve("http", &self.stop, Arc::new(move |got| intake.respond(got)));
        if let Err(thread) = served {
            log::error!("thread {thread}, which served at http.listen {address}, panicked");
        }
    }
}

/// Answers requests.
struct Intake {
    door: Door,
    desk: Arc<Desk>,
    metrics: Arc<Metrics>,
    turns: Turns,
}

impl Intake {
    fn respond(&self, got: Result<&mut Incoming<'_>, Unreadable>) -> Response<Vec<u8>> {
        let answer = match got {
            Ok(incoming) => match self.page(&incoming.request) {
                Some(page) => return page,
                None => self.handle(incoming),
            },
            Err(Unreadable { status, why }) => Err(Fault::new(status, why)),
        };
        let answer = answer.unwrap_or_else(|fault| {
            if fault.is_worth_a_line() {
                log::warn!("a request over HTTP was refused: {fault}");
            }
            fault.into()
        });
        answer.into()
    }

    /// The page that a request of this machine asks for; without a token only such are admitted.
    fn page(&self, request: &Request<()>) -> Option<Response<Vec<u8>>> {
        let is_page = Route::at(request.uri().path()).is_none() && request.method() == Method::GET;
        if !is_page || !self.door.is_local() || self.door.admit(request, false).is_err() {
            return None;
        }
        let viewer = Viewer {
            name: LOCAL.to_owned(),
            hotels: Hotels::All,
            may_act: true,
            language: Language::Zh,
            form_token: None,
        };
        let service = self.desk.service().ok()?;
        Some(service.pages().respond(request, &viewer))
    }

    fn handle(&self, incoming: &mut Incoming<'_>) -> Result<Answer, Fault> {
        let request = &incoming.request;
        let route = Route::at(request.uri().path());
        self.door
            .admit(request, route.is_some_and(Route::is_public))?;
        // Only after admission: a stranger must not learn which paths exist.
        let route = route.ok_or_else(routes::not_found)?;
        route.check_method(request.method())?;
        match route {
            // From memory, whether or not the database is there.
            Route::Metrics => {
                let accept = request.headers().get(ACCEPT);
                let format = Format::accepted(accept.and_then(|accept| accept.to_str().ok()));
                let exposed = self.metrics.exposed(format);
                Ok(Answer::metrics(format, exposed))
            }
            Route::Health => self.desk.service()?.health(),
            Route::Messages => self.take(incoming, Form::OF_MESSAGES, |form, body| {
                let items = form.items(body)?;
                self.desk.service()?.messages(items, body.len())
            }),
            Route::Readings => {
                self.desk.service()?.writer()?;
                self.take(incoming, Form::OF_READINGS, |form, body| match form {
                    Form::Csv => {
                        let rows = form::rows(body, READING_FIELDS)?;
                        self.desk.service()?.rows(rows, body.len())
                    }
                    Form::Json | Form::Lines => {
                        let items = form.items(body)?;
                        self.desk.service()?.readings(items, body.len())
                    }
                })
            }
        }
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
        let body = body::read(incoming)?;
        write(form, &body)
    }
}
