//! The other side: a command that sends a message to the running service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use ureq::Agent;

use crate::config::Http;

/// Longer than the service takes to answer that its database is away.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most of an answer that is read. Bytes.
const ANSWER: u64 = 64 * 1_024;

/// Why a message did not get there. Sending it again does no harm.
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
    /// Whether doing the same again can help.
    pub fn is_passing(&self) -> bool {
        match self {
            ClientError::Unreachable { .. } => true,
            ClientError::Refused { status, .. } => *status >= 500 || *status == 408,
        }
    }
}

/// What the service answers, as far as it is of one message.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Refused {
    reason: String,
}

#[derive(Deserialize)]
struct Fault {
    error: String,
}

/// Sends one message and waits until it is written; gives why it was refused, if it was.
///
/// # Errors
/// [`ClientError`] where nobody knows what became of it.
pub fn send(config: &Http, message: &[u8]) -> Result<Option<String>, ClientError> {
    let address = within_reach(config.listen);
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build()
        .into();
    let mut request = agent
        .post(format!("http://{address}/api/messages"))
        .content_type("application/json");
    if let Some(token) = &config.token {
        request = request.header("Authorization", format!("Bearer {}", token.expose()));
    }
    let unreachable = |error| ClientError::Unreachable { address, error };
    // As the one element of an array: what the message is, the service will say.
    let body = [b"[", message, b"]"].concat();
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
        Err(_) => "this is not what roomwatt answers; does something else listen there?".into(),
    };
    match (status, serde_json::from_str::<Answer>(&text)) {
        (200, Ok(answer)) => Ok(answer.refused.into_iter().next().map(|r| r.reason)),
        // No JSON at all.
        (400 | 413, _) => Ok(Some(fault())),
        _ => Err(refused(fault())),
    }
}

/// Where a listener is reached from this machine: it may listen at every address.
fn within_reach(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
