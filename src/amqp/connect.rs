//! How a connection to the broker is made.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use amiquip::{
    Auth, Channel, Connection, ConnectionOptions, ConnectionTuning, Error, Queue,
    QueueDeclareOptions,
};

use crate::config::RabbitMq;

use super::tls::{TlsStream, explain};
use super::{AmqpError, place};

/// The timeout of each step of connecting; without it a silent host would never time out.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects, by the first of the host's addresses that answers as a broker.
pub(super) fn connect(config: &RabbitMq) -> Result<Connection, AmqpError> {
    let failed = |reason: &str, is_refusal| AmqpError {
        reason: format!("can't connect to {}: {reason}", place(config)),
        is_refusal,
    };
    let addresses = (host(config), config.port)
        .to_socket_addrs()
        .map_err(|error| failed(&error.to_string(), false))?;
    // A name of several addresses may stand for brokers of which some are down.
    let mut reasons = Vec::new();
    let mut is_refusal = false;
    for address in addresses {
        match connect_to(address, config) {
            Ok(connection) => return Ok(connection),
            Err(error) => {
                reasons.push(error.reason);
                is_refusal |= error.is_refusal;
            }
        }
    }
    reasons.dedup();
    Err(failed(&reasons.join("; "), is_refusal))
}

fn connect_to(address: SocketAddr, config: &RabbitMq) -> Result<Connection, AmqpError> {
    let fail = |error| AmqpError::transient(explain(&error));
    let socket = TcpStream::connect_timeout(&address, STEP_TIMEOUT).map_err(fail)?;
    let tuning = ConnectionTuning::default();
    if config.tls {
        let ca = config.tls_ca.as_deref();
        let stream = TlsStream::open(socket, host(config), ca, STEP_TIMEOUT)?;
        return Connection::insecure_open_stream(stream, options(config), tuning)
            .map_err(|error| AmqpError::new(config, &error));
    }
    let stream = mio::net::TcpStream::from_stream(socket).map_err(fail)?;
    Connection::insecure_open_stream(stream, options(config), tuning).map_err(|error| {
        let mut explained = AmqpError::new(config, &error);
        // A port for TLS ends a connection that begins otherwise.
        if let Error::UnexpectedSocketClose | Error::IoErrorReadingSocket { .. } = error {
            explained.reason += "; is the port one for TLS? Then set rabbitmq.tls = true";
        }
        explained
    })
}

/// The queue: expected to be there, or declared where the configuration says so.
pub(super) fn declare<'a>(channel: &'a Channel, config: &RabbitMq) -> Result<Queue<'a>, Error> {
    if !config.declare {
        return channel.queue_declare_passive(&config.queue);
    }
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel.queue_declare(&config.queue, durable)
}

/// An address of version 6 may stand in brackets.
fn host(config: &RabbitMq) -> &str {
    config.host.trim_matches(['[', ']'])
}

fn options(config: &RabbitMq) -> ConnectionOptions<Auth> {
    // Empty values mean the defaults of a new broker.
    let or = |text: &str, new: &str| if text.is_empty() { new } else { text }.to_owned();
    ConnectionOptions::default()
        .auth(Auth::Plain {
            username: or(&config.username, "guest"),
            password: or(config.password.expose(), "guest"),
        })
        .virtual_host(or(&config.virtual_host, "/"))
        .heartbeat(config.heartbeat_seconds)
        .connection_timeout(Some(STEP_TIMEOUT))
}
