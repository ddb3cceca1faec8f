use crate::amqp::Publisher;
use crate::config::{Config, Http, RabbitMq};
use crate::http;

use super::{Code, Failure, needed};

/// Where a command sends messages: into the queue or, where there is none, to the running service.
pub(super) enum Intake<'a> {
    Queue {
        config: &'a RabbitMq,
        /// The connection, kept from one message to the next.
        publisher: Option<Box<Publisher<'a>>>,
    },
    Http(&'a Http),
}

impl<'a> Intake<'a> {
    /// The intake that the configuration names: the queue, if there is one.
    pub(super) fn of(config: &'a Config) -> Result<Intake<'a>, Failure> {
        match (&config.rabbitmq, &config.http) {
            (None, Some(http)) => Ok(Intake::Http(http)),
            (rabbitmq, _) => Ok(Intake::Queue {
                config: needed(rabbitmq.as_ref(), "rabbitmq")?,
                publisher: None,
            }),
        }
    }

    /// Sends one message and waits until it has arrived. Returns the reason if it was refused; only
    /// the service's HTTP intake reports that.
    pub(super) fn send(&mut self, message: &[u8]) -> Result<Option<String>, Failure> {
        let refused = self.send_all(&[message])?.into_iter();
        Ok(refused.map(|(_, reason)| reason).next())
    }

    /// Sends messages, some hundreds at most, and waits until they have arrived; returns the places
    /// of those that were refused, and why, as far as that is known.
    pub(super) fn send_all(&mut self, messages: &[&[u8]]) -> Result<Vec<(usize, String)>, Failure> {
        match self {
            Intake::Queue { config, publisher } => {
                let connected = match publisher.take() {
                    Some(publisher) => *publisher,
                    None => Publisher::connect(config)?,
                };
                *publisher = Some(Box::new(connected.publish_all(messages.iter().copied())?));
                Ok(Vec::new())
            }
            Intake::Http(config) => http::send(config, messages).map_err(|error| {
                let code = if error.is_transient() {
                    Code::TryLater
                } else {
                    Code::Configuration
                };
                Failure::new(code, error)
            }),
        }
    }

    /// What became of a message that was sent, for a line of output.
    pub(super) fn outcome(&self) -> String {
        match self {
            Intake::Queue { config, .. } => format!("published to queue {}", config.queue),
            Intake::Http(config) => format!("taken by the service at http://{}", config.listen),
        }
    }
}
