//! Messages from RabbitMQ. amiquip, which is no longer maintained, stays behind this module.

mod connect;
mod consumer;
mod publish;
mod tls;

use amiquip::Error;

use crate::config::RabbitMq;

pub use consumer::Consumer;
pub use publish::Publisher;

/// An error of the broker, in words that help, without the password.
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
            Error::IoErrorReadingSocket { source } | Error::IoErrorWritingSocket { source } => {
                tls::explain(source)
            }
            other => config.password.mask(&other.to_string()),
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
