//! A consumer of the queue: a thread with its own connection and channel.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amiquip::{Channel, Connection, ConsumerMessage, ConsumerOptions, Delivery};
use crossbeam_channel::{Receiver, RecvError, Sender, bounded, never, select, tick};

use crate::clock::Clock;
use crate::config::RabbitMq;
use crate::engine::MessageFormat;
use crate::faults;
use crate::gate::Gate;
use crate::outage::Outage;
use crate::owner::{Inbox, Input, Message};
use crate::pulse;
use crate::threads::Stop;

use super::AmqpError;
use super::connect::{connect, declare};

/// How long the broker may take to confirm a cancellation.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the broker is asked whether the queue is empty, until it was empty once.
const QUEUE_CHECKED_EVERY: Duration = Duration::from_millis(200);

/// After a connection that lasted this long, the next loss is a new outage.
const STEADY: Duration = Duration::from_secs(30);

pub struct Consumer {
    /// Which of the consumers it is, from 0.
    pub number: usize,
    pub config: RabbitMq,
    pub format: Arc<MessageFormat>,
    pub clock: Arc<dyn Clock>,
    /// Closed while the store can't be written.
    pub intake: Arc<Gate>,
    pub stop: Stop,
}

/// Why consuming ended without a fault.
enum Done {
    /// It is time to stop.
    Stopped,
    /// The intake is closed.
    Closed,
}

impl Consumer {
    /// Passes messages to the owner until the stop signal, and reconnects whenever the connection
    /// is lost.
    pub fn run(self, inbox: Inbox) {
        let mut outage = Outage::new(format!(
            "the intake from queue {} of {}:{}",
            self.config.queue, self.config.host, self.config.port
        ))
        .reported_at_once();
        let mut inbox = Some(inbox);
        while inbox.is_some() && !self.stop.is_set() {
            let (open, phase) = self.intake.phase();
            if !open {
                let _rest = pulse::rest();
                select! {
                    recv(phase.channel()) -> _ => {}
                    recv(self.stop.channel()) -> _ => {}
                }
                continue;
            }
            match self.consume(&mut inbox, &phase, &mut outage) {
                Ok(Done::Stopped) => return,
                Ok(Done::Closed) => {}
                // What is not acknowledged is delivered again at the next start.
                Err(error) if self.stop.is_set() => {
                    log::warn!("the connection to the broker was lost while stopping: {error}");
                    return;
                }
                Err(error) => {
                    self.stop.wait(outage.failed(&error));
                }
            }
        }
    }

    fn consume(
        &self,
        inbox: &mut Option<Inbox>,
        phase: &Stop,
        outage: &mut Outage,
    ) -> Result<Done, AmqpError> {
        let mut connection = connect(&self.config)?;
        let done = self.consume_on(&mut connection, inbox, phase, outage)?;
        connection.close().map_err(|error| self.error(&error))?;
        Ok(done)
    }

    /// Consumes on one connection, as long as the intake's phase lasts. At a stop it drops `inbox`:
    /// the owner ends once all inboxes are dropped, and has sent the last acknowledgements by then.
    fn consume_on(
        &self,
        connection: &mut Connection,
        inbox: &mut Option<Inbox>,
        phase: &Stop,
        outage: &mut Outage,
    ) -> Result<Done, AmqpError> {
        let config = self.config.clone();
        let fail = |error| AmqpError::new(&config, &error);
        let prefetch = config.prefetch;
        let channel = connection.open_channel(None).map_err(fail)?;
        channel.qos(0, prefetch, false).map_err(fail)?;
        let queue = declare(&channel, &config).map_err(fail)?;
        let consumer = queue.consume(ConsumerOptions::default()).map_err(fail)?;
        outage.works();
        let began = Instant::now();
        log::info!("consuming queue {}", self.config.queue);

        // Acknowledgements go back to the channel of their own connection; after that is lost they
        // are dropped. At most the prefetch is outstanding, so there is always room.
        let (acks, acked) = bounded(usize::from(prefetch));
        let mut acknowledger = Acknowledger {
            channel: &channel,
            acked,
            held: Unacknowledged::default(),
        };
        let mut done = Done::Stopped;
        if let Some(inbox) = inbox.as_ref() {
            let _consuming = self.intake.consuming();
            let ended = self.pass_on(consumer.receiver(), inbox, &acks, &mut acknowledger, phase);
            if ended.is_err() {
                self.intake.has_lost_connection();
            }
            if began.elapsed() >= STEADY {
                outage.ended();
            }
            done = ended?;
        }

        consumer.cancel().map_err(fail)?;
        drain(consumer.receiver());
        drop(acks);
        if let Done::Stopped = done {
            *inbox = None;
            let _rest = pulse::rest();
            while let Ok(tag) = acknowledger.acked.recv() {
                acknowledger.acknowledge(tag).map_err(fail)?;
            }
        }
        drop(consumer);
        drop(acknowledger);
        // Acknowledgements are only queued so far; the broker's answer to this comes after them.
        channel.close().map_err(fail)?;
        Ok(done)
    }

    /// Passes deliveries to the owner and acknowledgements to the broker, whichever is ready, so
    /// that neither direction blocks the other.
    fn pass_on(
        &self,
        deliveries: &Receiver<ConsumerMessage>,
        inbox: &Inbox,
        acks: &Sender<u64>,
        acknowledger: &mut Acknowledger<'_>,
        phase: &Stop,
    ) -> Result<Done, AmqpError> {
        let mut checks = tick(QUEUE_CHECKED_EVERY);
        // The round in which the queue was first empty, and the tag of the backlog's last message.
        // Later messages are not waited for: in a hotel chain there is always another one.
        let mut backlog_end = None;
        loop {
            if let Some((round, last)) = backlog_end
                && acknowledger.held.has_written(last)
            {
                self.intake.has_caught_up(self.number, round);
                backlog_end = None;
            }
            let rest = pulse::rest();
            let delivery = select! {
                recv(deliveries) -> message => match message {
                    Ok(ConsumerMessage::Delivery(delivery)) => delivery,
                    Ok(ended) => return Err(self.end_error(&ended)),
                    Err(_) => return Err(AmqpError::lost()),
                },
                recv(acknowledger.acked) -> tag => {
                    self.acknowledge(acknowledger, tag)?;
                    continue;
                }
                recv(checks) -> _ => {
                    if self.intake.is_drained() {
                        checks = never();
                    } else if let Some(round) = self.intake.behind(self.number)
                        && backlog_end.is_none_or(|(seen, _)| seen != round)
                        && self.is_queue_empty(acknowledger.channel)?
                    {
                        let on_the_way = u64::try_from(deliveries.len()).unwrap_or(u64::MAX);
                        let last = acknowledger.held.newest.saturating_add(on_the_way);
                        backlog_end = Some((round, last));
                    }
                    continue;
                }
                recv(phase.channel()) -> _ => return Ok(Done::Closed),
                recv(self.stop.channel()) -> _ => return Ok(Done::Stopped),
            };
            drop(rest);
            let input = Input::Message(self.message(delivery, acks, &mut acknowledger.held));
            loop {
                let _rest = pulse::rest();
                select! {
                    send(inbox.messages(), input) -> sent => match sent {
                        Ok(()) => break,
                        Err(_) => return Ok(Done::Stopped),
                    },
                    recv(acknowledger.acked) -> tag => self.acknowledge(acknowledger, tag)?,
                    recv(phase.channel()) -> _ => return Ok(Done::Closed),
                    recv(self.stop.channel()) -> _ => return Ok(Done::Stopped),
                }
            }
        }
    }

    /// Whether no message waits in the queue, and all that was delivered to this channel has been
    /// received.
    fn is_queue_empty(&self, channel: &Channel) -> Result<bool, AmqpError> {
        // The broker's answer can overtake deliveries that it has not written to this channel yet;
        // its second answer can't.
        for _ in 0..2 {
            let queue = channel.queue_declare_passive(&self.config.queue);
            let queue = queue.map_err(|error| self.error(&error))?;
            if queue.declared_message_count() != Some(0) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn acknowledge(
        &self,
        acknowledger: &mut Acknowledger<'_>,
        tag: Result<u64, RecvError>,
    ) -> Result<(), AmqpError> {
        // The channel is never disconnected here: this consumer has a sender itself.
        tag.map_or(Ok(()), |tag| acknowledger.acknowledge(tag))
            .map_err(|error| self.error(&error))
    }

    fn message(
        &self,
        mut delivery: Delivery,
        acks: &Sender<u64>,
        held: &mut Unacknowledged<Delivery>,
    ) -> Message {
        let body = std::mem::take(&mut delivery.body);
        faults::point("parse::before");
        let parsed = self.format.parse(&body, Some(self.clock.now()));
        faults::point("parse::after");
        let tag = delivery.delivery_tag();
        let redelivered = delivery.redelivered;
        held.push(tag, delivery);
        let acks = acks.clone();
        Message {
            source: format!("amqp:{}", self.config.queue).into(),
            parsed,
            body,
            redelivered,
            committed: Box::new(move || {
                // After the connection is lost nothing receives it: the broker delivers the message
                // again.
                let _ = acks.try_send(tag);
            }),
        }
    }

    fn end_error(&self, message: &ConsumerMessage) -> AmqpError {
        match message {
            ConsumerMessage::ServerClosedChannel(error)
            | ConsumerMessage::ServerClosedConnection(error) => self.error(error),
            ConsumerMessage::ServerCancelled => {
                AmqpError::transient("the broker cancelled the consumer; was the queue deleted?")
            }
            ConsumerMessage::Delivery(_)
            | ConsumerMessage::ClientCancelled
            | ConsumerMessage::ClientClosedChannel
            | ConsumerMessage::ClientClosedConnection => {
                AmqpError::transient("the connection was closed")
            }
        }
    }

    fn error(&self, error: &amiquip::Error) -> AmqpError {
        AmqpError::new(&self.config, error)
    }
}

/// Sends acknowledgements to the broker.
struct Acknowledger<'a> {
    channel: &'a Channel,
    /// The tags of messages that the owner has written.
    acked: Receiver<u64>,
    held: Unacknowledged<Delivery>,
}

impl Acknowledger<'_> {
    /// Marks this delivery as written, and all others that the owner has written by now. Then
    /// acknowledges, with one frame, all deliveries before the first that is not written.
    fn acknowledge(&mut self, tag: u64) -> Result<(), amiquip::Error> {
        self.held.mark_written(tag);
        for tag in self.acked.try_iter() {
            self.held.mark_written(tag);
        }
        match self.held.take_written() {
            Some(last) => {
                faults::point("ack::before");
                last.ack_multiple(self.channel)?;
                faults::point("ack::after");
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Deliveries of a channel that are not acknowledged, in the order of their tags.
struct Unacknowledged<D> {
    held: VecDeque<Held<D>>,
    /// The tag of the newest delivery, 0 before the first one: the broker counts from 1.
    newest: u64,
}

struct Held<D> {
    tag: u64,
    delivery: D,
    written: bool,
}

impl<D> Default for Unacknowledged<D> {
    fn default() -> Unacknowledged<D> {
        Unacknowledged {
            held: VecDeque::new(),
            newest: 0,
        }
    }
}

impl<D> Unacknowledged<D> {
    /// Whether the delivery with this tag has been received, and all up to it are written.
    fn has_written(&self, tag: u64) -> bool {
        self.newest >= tag && self.held.front().is_none_or(|first| first.tag > tag)
    }

    /// Adds a delivery, which is newer than all others.
    fn push(&mut self, tag: u64, delivery: D) {
        self.newest = tag;
        self.held.push_back(Held {
            tag,
            delivery,
            written: false,
        });
    }

    fn mark_written(&mut self, tag: u64) {
        if let Ok(at) = self.held.binary_search_by_key(&tag, |held| held.tag) {
            self.held[at].written = true;
        }
    }

    /// Removes the deliveries before the first that is not written, and returns the last of them:
    /// acknowledging it with `multiple` acknowledges them all.
    fn take_written(&mut self) -> Option<D> {
        let written = self.held.iter().take_while(|held| held.written).count();
        self.held
            .drain(..written)
            .next_back()
            .map(|held| held.delivery)
    }
}

/// Discards deliveries until the broker confirms the cancellation: dropping a consumer before that
/// breaks the connection.
fn drain(deliveries: &Receiver<ConsumerMessage>) {
    while let Ok(ConsumerMessage::Delivery(_)) = deliveries.recv_timeout(CANCEL_TIMEOUT) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_prefix_that_is_written_is_acknowledged() {
        let mut held = Unacknowledged::default();
        for tag in 1..=5 {
            held.push(tag, tag);
        }
        assert_eq!(held.take_written(), None);
        held.mark_written(2);
        held.mark_written(3);
        assert_eq!(held.take_written(), None, "the first one is not written");
        held.mark_written(1);
        assert_eq!(held.take_written(), Some(3));
        assert_eq!(held.take_written(), None, "once");
        held.mark_written(5);
        held.mark_written(3);
        assert_eq!(held.take_written(), None);
        held.mark_written(4);
        assert_eq!(held.take_written(), Some(5));
        held.push(6, 6);
        held.mark_written(6);
        assert_eq!(held.take_written(), Some(6));
    }

    #[test]
    fn a_backlog_is_written_when_all_up_to_its_last_message_is() {
        let mut held = Unacknowledged::default();
        assert!(held.has_written(0), "there was no backlog");
        assert!(!held.has_written(1), "it is on the way");
        held.push(1, 1);
        held.push(2, 2);
        held.push(3, 3);
        held.mark_written(2);
        held.take_written();
        assert!(!held.has_written(2), "the first one is not written");
        held.mark_written(1);
        held.take_written();
        assert!(held.has_written(2), "the third came later");
        assert!(!held.has_written(3));
    }
}
