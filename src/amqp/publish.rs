use std::time::Duration;

use amiquip::{AmqpProperties, Channel, Confirm, ConfirmSmoother, Connection, Publish};
use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::config::RabbitMq;

use super::AmqpError;
use super::connect::{connect, declare};

/// How long the broker may take to confirm. While it is short of memory it does not answer at all.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that publishes to the configured queue.
pub struct Publisher<'a> {
    config: &'a RabbitMq,
    confirms: Receiver<Confirm>,
    /// The broker confirms many at once, and in any order.
    smoother: ConfirmSmoother,
    // Dropped before its connection is.
    channel: Channel,
    _connection: Connection,
}

impl<'a> Publisher<'a> {
    /// Connects.
    ///
    /// # Errors
    /// When there is no such broker or queue.
    pub fn connect(config: &'a RabbitMq) -> Result<Publisher<'a>, AmqpError> {
        let fail = |error| AmqpError::new(config, &error);
        let mut connection = connect(config)?;
        let channel = connection.open_channel(None).map_err(fail)?;
        // A message to a queue that does not exist would be confirmed and dropped.
        declare(&channel, config).map_err(fail)?;
        let confirms = channel.listen_for_publisher_confirms().map_err(fail)?;
        channel.enable_publisher_confirms().map_err(fail)?;
        Ok(Publisher {
            config,
            confirms,
            smoother: ConfirmSmoother::new(),
            channel,
            _connection: connection,
        })
    }

    /// Publishes one persistent message and waits until the broker has it. Gives the connection
    /// back for the next one.
    ///
    /// # Errors
    /// When the broker does not confirm; it may have the message all the same. The connection is
    /// dropped: a late confirmation would be taken for the next message's.
    pub fn publish(self, body: &[u8]) -> Result<Publisher<'a>, AmqpError> {
        self.publish_all([body])
    }

    /// The same with many, which costs hardly more: some hundreds at a time, because the broker's
    /// answers wait until all are sent.
    ///
    /// # Errors
    /// When the broker does not confirm all of them; it may have any.
    pub fn publish_all<'b>(
        mut self,
        bodies: impl IntoIterator<Item = &'b [u8]>,
    ) -> Result<Publisher<'a>, AmqpError> {
        let queue = &self.config.queue;
        let mut unconfirmed = 0;
        for body in bodies {
            let properties = AmqpProperties::default()
                .with_delivery_mode(2)
                .with_content_type("application/json".into());
            self.channel
                .basic_publish("", Publish::with_properties(body, queue, properties))
                .map_err(|error| AmqpError::new(self.config, &error))?;
            unconfirmed += 1;
        }
        while unconfirmed > 0 {
            let problem = match self.confirms.recv_timeout(CONFIRM_TIMEOUT) {
                Ok(Confirm::Nack(_)) => "the broker refused the message; is the queue full?",
                Ok(ack @ Confirm::Ack(_)) => {
                    unconfirmed -= self.smoother.process(ack).count();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    "the connection was lost before the broker confirmed the message"
                }
                Err(RecvTimeoutError::Timeout) => {
                    // A broker that is short of memory does not read, so closing would wait for an
                    // answer that never comes. The connection ends with this process.
                    std::mem::forget(self);
                    "the broker did not confirm the message; is it short of memory or disk?"
                }
            };
            return Err(AmqpError::transient(problem));
        }
        Ok(self)
    }
}
