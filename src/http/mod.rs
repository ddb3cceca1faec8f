//! The service's own intake: messages and meter readings over HTTP, on oxhttp.
//!
//! oxhttp has a thread a connection, and they end only with the process: its listener can't be
//! closed. So the listener is there for the process's whole life, and what it takes it hands over at
//! the [`Desk`], where whoever owns the state serves, or nobody does.

mod answer;
mod body;
mod client;
mod desk;
mod door;
mod form;

use std::sync::Arc;
use std::time::Duration;

use oxhttp::Server;
use oxhttp::model::header::{CONNECTION, HeaderValue};
use oxhttp::model::{Body, Request, Response};

use crate::config::Http;
use crate::engine::READING_FIELDS;
use crate::outage::Outage;
use crate::threads::Stop;

pub use client::{ClientError, send};
pub use desk::{Desk, Service};

use answer::{Answer, Fault};
use body::Incoming;
use door::{Door, Path};
use form::Form;

/// Connections at a time; more wait until one of these is over.
const MOST_CONNECTIONS: usize = 32;

/// How long a client may keep silent while it sends, and refuse what is sent to it.
const SILENCE_PATIENCE: Duration = Duration::from_secs(10);

/// Listens at its address until the process ends.
pub struct Listener {
    pub config: Http,
    pub desk: Arc<Desk>,
    pub stop: Stop,
}

impl Listener {
    /// Returns only when it is time to stop while the address can't be had, or when the listener has
    /// died. An address that somebody else has is waited for, loudly: most often that is an instance
    /// that is about to end, and what comes in another way is not to wait for it.
    pub fn run(self) {
        let address = self.config.listen;
        let door = Arc::new(Door::new(self.config.token.as_ref()));
        let mut outage = Outage::new(format!("listening at http.listen {address}")).told_at_once();
        loop {
            let (door, desk) = (Arc::clone(&door), Arc::clone(&self.desk));
            let server = Server::new(move |request| respond(&door, &desk, request))
                .bind(address)
                .with_global_timeout(SILENCE_PATIENCE)
                .with_max_concurrent_connections(MOST_CONNECTIONS);
            match server.spawn() {
                Ok(listening) => {
                    outage.over();
                    log::info!("taking messages at http://{address}/api/messages");
                    if let Err(error) = listening.join() {
                        log::error!("the HTTP listener has died: {error}");
                    }
                    return;
                }
                Err(error) => {
                    if self.stop.wait(outage.failed(&error)) {
                        return;
                    }
                }
            }
        }
    }
}

/// One request a connection: oxhttp loses what a client has sent ahead, and answers one that was
/// merely idle with an error that the next request would take for its own. HTTP/1.0 says so.
fn respond(door: &Door, desk: &Desk, request: &mut Request<Body>) -> Response<Body> {
    // The body's rest, which may be endless, is then not read before the answer is sent.
    let mut body = Incoming::new(std::mem::take(request.body_mut()));
    let close = HeaderValue::from_static("close");
    request.headers_mut().insert(CONNECTION, close);
    let answer = handle(door, desk, request, &mut body);
    let answer = answer.unwrap_or_else(|fault| {
        if fault.is_worth_telling() {
            log::warn!("a request over HTTP was refused: {fault}");
        }
        body.drain();
        fault.into()
    });
    answer.into()
}

fn handle(
    door: &Door,
    desk: &Desk,
    request: &Request<Body>,
    body: &mut Incoming,
) -> Result<Answer, Fault> {
    let path = door.admit(request)?;
    let service = desk.service()?;
    let forms = match path {
        Path::Health => return Ok(Answer::health()),
        Path::Messages => Form::OF_MESSAGES,
        Path::Readings => {
            service.writer()?;
            Form::OF_READINGS
        }
    };
    let form = Form::of(request.headers(), forms)?;
    // A client that is slow to send is not to hold up the end of who serves.
    drop(service);
    let body = body.read(request.headers())?;
    match path {
        Path::Health => Ok(Answer::health()),
        Path::Messages => desk.service()?.messages(&form.items(&body)?),
        Path::Readings if form == Form::Csv => {
            let rows = form::rows(&body, READING_FIELDS)?;
            desk.service()?.rows(&rows)
        }
        Path::Readings => desk.service()?.readings(&form.items(&body)?),
    }
}
