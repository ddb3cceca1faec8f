//! Messages from RabbitMQ. amiquip, which is no longer maintained, stays behind this module.

mod check;
mod connect;
mod consumer;
mod publish;
mod tls;

use amiquip::Error;

use crate::config::RabbitMq;

pub use check::check;
pub use consumer::Consumer;
pub use publish::Publisher;

/// An error of the broker with its remedy where that is known, without the password.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct AmqpError {
    reason: String,
    /// The broker was reached, and a retry will fail until something has been changed.
    is_refusal: bool,
}

impl AmqpError {
    /// Whether the broker was reached, and a retry will fail until something has been changed.
    pub fn is_refusal(&self) -> bool {
        self.is_refusal
    }

    fn lost() -> AmqpError {
        AmqpError::transient("the connection was lost")
    }

    /// One for which a retry may help.
    fn transient(reason: impl Into<String>) -> AmqpError {
        AmqpError {
            reason: reason.into(),
            is_refusal: false,
        }
    }

    fn new(config: &RabbitMq, error: &Error) -> AmqpError {
        let reason = match error {
            Error::ServerClosedChannel { code, message, .. } => {
                format!("{message} ({code}){}", remedy(*code))
            }
            Error::InvalidCredentials => {
                format!("user {} and its password are refused", config.username)
            }
            Error::IoErrorReadingSocket { source } | Error::IoErrorWritingSocket { source } => {
                tls::explain(source)
            }
            other => config.password.mask(&other.to_string()),
        };
        AmqpError {
            reason,
            is_refusal: is_refusal(error),
        }
    }
}

fn is_refusal(error: &Error) -> bool {
    match error {
        Error::InvalidCredentials | Error::ServerClosedChannel { .. } => true,
        // No such virtual host, or no right to it. Other codes come from a broker that stops.
        Error::ServerClosedConnection { code, .. } => matches!(code, 403 | 530),
        _ => false,
    }
}

/// What can be done about a refusal, where that is known.
fn remedy(code: u16) -> &'static str {
    match code {
        403 => ": give the user its rights; or another program consumes the queue exclusively",
        404 => ": create the queue, or set rabbitmq.declare = true",
        406 => {
            ": the queue exists with other properties; leave rabbitmq.declare out to take it as it \
             is"
        }
        _ => "",
    }
}

/// The broker's address, for people.
fn place(config: &RabbitMq) -> String {
    format!("{}:{}", config.host, config.port)
}
