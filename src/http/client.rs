//! The client: commands use it to send a message to the running service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use ureq::Agent;

use crate::config::{Access, Hotels, Http, Scope, Secret};

/// The timeout: longer than the service takes to answer that its database is away.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The most of an answer that is read. Bytes.
const ANSWER: u64 = 64 * 1_024;

/// Why a message may not have been taken. Sending it again does no harm.
#[derive(Debug, Error)]
pub enum ClientError {
    #[error("the service can't be reached at http://{address}: {error}; does it run?")]
    Unreachable {
        address: SocketAddr,
        error: ureq::Error,
    },
    #[error("the service at http://{address} answers {status}: {says}")]
    Refused {
        address: SocketAddr,
        status: u16,
        says: String,
    },
}

impl ClientError {
    /// Whether trying again can help.
    pub fn is_transient(&self) -> bool {
        match self {
            ClientError::Unreachable { .. } => true,
            ClientError::Refused { status, .. } => *status >= 500 || *status == 408,
        }
    }
}

/// The part of the service's answer that matters to who sent messages.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Refused {
    index: usize,
    reason: String,
}

#[derive(Deserialize)]
struct Fault {
    error: String,
}

/// Sends messages, some hundreds at most, and waits until they are written; returns those that were
/// refused, by their places, with the reason.
///
/// # Errors
/// [`ClientError`] when it is unknown what became of the messages.
pub fn send(config: &Http, messages: &[&[u8]]) -> Result<Vec<(usize, String)>, ClientError> {
    let address = within_reach(config.listen);
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(REQUEST_TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build()
        .into();
    let mut request = agent
        .post(format!("http://{address}/api/messages"))
        .content_type("application/json");
    if let Some(token) = token(&config.access) {
        request = request.header("Authorization", format!("Bearer {}", token.expose()));
    }
    let unreachable = |error| ClientError::Unreachable { address, error };
    // As elements of an array, so that the service judges a message, whatever it is.
    let body = [b"[", &messages.join(&b","[..])[..], b"]"].concat();
    let mut response = request.send(&body[..]).map_err(unreachable)?;
    let status = response.status().as_u16();
    let text = response.body_mut().with_config().limit(ANSWER);
    let text = text.read_to_string().map_err(unreachable)?;
    let refused = |says| ClientError::Refused {
        address,
        status,
        says,
    };
    let fault = || match serde_json::from_str(&text) {
        Ok(Fault { error }) => error,
        Err(_) => "this is not an answer of roomwatt; does another program listen there?".into(),
    };
    match (status, serde_json::from_str::<Answer>(&text)) {
        (200, Ok(answer)) => {
            let refused = answer.refused.into_iter();
            Ok(refused
                .map(|refused| (refused.index, refused.reason))
                .collect())
        }
        // The message is not JSON at all.
        (400 | 413, _) if messages.len() == 1 => Ok(vec![(0, fault())]),
        _ => Err(refused(fault())),
    }
}

/// A token for sending messages, of all hotels if there is one.
fn token(access: &Access) -> Option<&Secret> {
    let tokens = access.tokens.iter();
    let writing = tokens.filter(|token| token.scopes.contains(&Scope::Write));
    let best = writing.max_by_key(|token| token.hotels == Hotels::All);
    best.map(|token| &token.token)
}

/// The address at which this machine reaches a listener, which may listen on all addresses.
fn within_reach(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
