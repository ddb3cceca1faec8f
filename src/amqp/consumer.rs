//! One consumer: a thread with a connection, a channel and a consumer of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use amiquip::{
    Channel, Connection, ConsumerMessage, ConsumerOptions, Delivery, QueueDeclareOptions,
};
use crossbeam_channel::{Receiver, Sender, bounded, select};

use crate::clock::Clock;
use crate::config::RabbitMq;
use crate::engine::MessageFormat;
use crate::outage::Outage;
use crate::owner::{Input, Message};
use crate::threads::Stop;

use super::{AmqpError, connect};

/// How long the broker may take to confirm that it delivers no more.
const CANCEL_PATIENCE: Duration = Duration::from_secs(5);

/// A connection that lasted so long was a good one: the next loss is a new outage.
const STEADY: Duration = Duration::from_secs(30);

pub struct Consumer {
    pub config: RabbitMq,
    pub format: Arc<MessageFormat>,
    pub clock: Arc<dyn Clock>,
    pub stop: Stop,
}

/// Why consuming ended without a fault.
struct Stopped;

impl Consumer {
    /// Hands messages to the state-owner until it is time to stop, over as many connections as it
    /// takes.
    pub fn run(self, inputs: Sender<Input>) {
        let mut outage = Outage::new(format!(
            "consuming queue {} of {}:{}",
            self.config.queue, self.config.host, self.config.port
        ))
        .told_at_once();
        let mut inputs = Some(inputs);
        while inputs.is_some() {
            match self.consume(&mut inputs, &mut outage) {
                Ok(Stopped) => return,
                Err(error) => {
                    if self.stop.wait(outage.failed(&error)) {
                        return;
                    }
                }
            }
        }
    }

    fn consume(
        &self,
        inputs: &mut Option<Sender<Input>>,
        outage: &mut Outage,
    ) -> Result<Stopped, AmqpError> {
        let mut connection = connect(&self.config)?;
        self.consume_on(&mut connection, inputs, outage)?;
        connection.close().map_err(|error| self.error(&error))?;
        Ok(Stopped)
    }

    /// Consumes on one connection. `inputs` is gone when it was time to stop: the owner ends when
    /// the last sender is, and then the last acknowledgements have come.
    fn consume_on(
        &self,
        connection: &mut Connection,
        inputs: &mut Option<Sender<Input>>,
        outage: &mut Outage,
    ) -> Result<Stopped, AmqpError> {
        let fail = |error| self.error(&error);
        let channel = connection.open_channel(None).map_err(fail)?;
        channel.qos(0, self.config.prefetch, false).map_err(fail)?;
        let queue = if self.config.declare {
            let durable = QueueDeclareOptions {
                durable: true,
                ..QueueDeclareOptions::default()
            };
            channel.queue_declare(&self.config.queue, durable)
        } else {
            channel.queue_declare_passive(&self.config.queue)
        }
        .map_err(fail)?;
        let consumer = queue.consume(ConsumerOptions::default()).map_err(fail)?;
        outage.works();
        let began = Instant::now();
        log::info!("consuming queue {}", self.config.queue);

        // Acknowledgements come back to this connection's own channel: those of a connection that
        // has died find nobody. No more can be on the way than the prefetch, so there is room.
        let (acks, acked) = bounded(usize::from(self.config.prefetch));
        if let Some(inputs) = inputs.as_ref() {
            let ended = self.pass_on(&channel, consumer.receiver(), inputs, &acks, &acked);
            if began.elapsed() >= STEADY {
                outage.over();
            }
            ended?;
        }

        *inputs = None;
        drop(acks);
        consumer.cancel().map_err(fail)?;
        drain(consumer.receiver());
        for delivery in &acked {
            delivery.ack(&channel).map_err(fail)?;
        }
        // Acknowledgements are only queued so far; an answer of the broker comes after them.
        channel.qos(0, self.config.prefetch, false).map_err(fail)?;
        drop(consumer);
        channel.close().map_err(fail)?;
        Ok(Stopped)
    }

    /// Passes deliveries on and acknowledgements back, whichever can go on, so that neither side
    /// ever waits for the other.
    fn pass_on(
        &self,
        channel: &Channel,
        deliveries: &Receiver<ConsumerMessage>,
        inputs: &Sender<Input>,
        acks: &Sender<Delivery>,
        acked: &Receiver<Delivery>,
    ) -> Result<Stopped, AmqpError> {
        let fail = |error| self.error(&error);
        loop {
            let delivery = select! {
                recv(deliveries) -> message => match message {
                    Ok(ConsumerMessage::Delivery(delivery)) => delivery,
                    Ok(ended) => return Err(self.ended(&ended)),
                    Err(_) => return Err(AmqpError("the connection was lost".to_owned())),
                },
                recv(acked) -> delivery => {
                    if let Ok(delivery) = delivery {
                        delivery.ack(channel).map_err(fail)?;
                    }
                    continue;
                }
                recv(self.stop.channel()) -> _ => return Ok(Stopped),
            };
            let input = Input::Message(self.message(delivery, acks));
            loop {
                select! {
                    send(inputs, input) -> sent => match sent {
                        Ok(()) => break,
                        Err(_) => return Ok(Stopped),
                    },
                    recv(acked) -> delivery => if let Ok(delivery) = delivery {
                        delivery.ack(channel).map_err(fail)?;
                    },
                    recv(self.stop.channel()) -> _ => return Ok(Stopped),
                }
            }
        }
    }

    fn message(&self, mut delivery: Delivery, acks: &Sender<Delivery>) -> Message {
        let body = std::mem::take(&mut delivery.body);
        let parsed = self.format.parse(&body, Some(self.clock.now()));
        let acks = acks.clone();
        Message {
            source: format!("amqp:{}", self.config.queue).into(),
            parsed,
            body,
            committed: Box::new(move || {
                // Nobody is there when the connection has died: the broker delivers it again.
                let _ = acks.try_send(delivery);
            }),
        }
    }

    fn ended(&self, message: &ConsumerMessage) -> AmqpError {
        match message {
            ConsumerMessage::ServerClosedChannel(error)
            | ConsumerMessage::ServerClosedConnection(error) => self.error(error),
            ConsumerMessage::ServerCancelled => {
                AmqpError("the broker cancelled the consumer; was the queue deleted?".to_owned())
            }
            ConsumerMessage::Delivery(_)
            | ConsumerMessage::ClientCancelled
            | ConsumerMessage::ClientClosedChannel
            | ConsumerMessage::ClientClosedConnection => {
                AmqpError("the connection was closed".to_owned())
            }
        }
    }

    fn error(&self, error: &amiquip::Error) -> AmqpError {
        AmqpError::new(&self.config, error)
    }
}

/// Throws away what still comes, up to the broker's word that it delivers no more: dropping a
/// consumer before that breaks the connection.
fn drain(deliveries: &Receiver<ConsumerMessage>) {
    while let Ok(ConsumerMessage::Delivery(_)) = deliveries.recv_timeout(CANCEL_PATIENCE) {}
}
