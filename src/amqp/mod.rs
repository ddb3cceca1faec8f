//! Messages from RabbitMQ. amiquip, which is no longer maintained, stays behind this module.

mod consumer;
mod publish;

use amiquip::{Connection, Error};

use crate::config::{RabbitMq, Secret};

pub use consumer::Consumer;
pub use publish::Publisher;

/// An error of the broker, without the address that amiquip's own errors quote with the password.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AmqpError(String);

impl AmqpError {
    fn lost() -> AmqpError {
        AmqpError("the connection was lost".to_owned())
    }

    fn new(config: &RabbitMq, error: &Error) -> AmqpError {
        let text = match error {
            Error::ServerClosedChannel { code, message, .. } => {
                format!("{message} ({code}){}", remedy(*code))
            }
            Error::InvalidCredentials => {
                format!("user {} and its password are refused", config.username)
            }
            Error::FailedToConnect { source, .. }
            | Error::ResolveUrlToSocketAddr { source, .. } => source.to_string(),
            other => {
                let text = other.to_string().replace(&url(config), &place(config));
                Secret::new(encode(config.password.expose())).mask(&config.password.mask(&text))
            }
        };
        AmqpError(text)
    }
}

/// What can be done about a refusal, where that is known.
fn remedy(code: u16) -> &'static str {
    match code {
        403 => ": give the user its rights; or somebody else has the queue to himself",
        404 => ": create the queue, or set rabbitmq.declare = true",
        406 => {
            ": the queue exists with other properties; leave rabbitmq.declare out to take it as it is"
        }
        _ => "",
    }
}

fn connect(config: &RabbitMq) -> Result<Connection, AmqpError> {
    Connection::insecure_open(&url(config)).map_err(|error| {
        let AmqpError(reason) = AmqpError::new(config, &error);
        AmqpError(format!("can't connect to {}: {reason}", place(config)))
    })
}

fn place(config: &RabbitMq) -> String {
    format!("{}:{}", config.host, config.port)
}

/// Everything but letters and digits is encoded: names and passwords may hold anything.
fn url(config: &RabbitMq) -> String {
    // Milliseconds for each step of connecting; without it a silent host is waited for for ever.
    const CONNECTION_TIMEOUT: u32 = 5_000;
    format!(
        "amqp://{}:{}@{}:{}/{}?heartbeat={}&connection_timeout={CONNECTION_TIMEOUT}",
        encode(&config.username),
        encode(config.password.expose()),
        config.host,
        config.port,
        encode(&config.virtual_host),
        config.heartbeat_seconds,
    )
}

fn encode(text: &str) -> String {
    let encoded = text.bytes().map(|byte| {
        if byte.is_ascii_alphanumeric() {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    encoded.collect()
}
