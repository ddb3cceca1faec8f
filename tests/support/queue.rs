//! What a test does with the queue of its rig.

use amiquip::Publish;

use super::{Rig, broker, wait};

impl Rig {
    /// Publishes messages to the queue, persistent.
    pub fn publish<'a>(&self, bodies: impl IntoIterator<Item = &'a str>) {
        self.publish_bytes(bodies.into_iter().map(str::as_bytes));
    }

    /// The same of any bytes.
    pub fn publish_bytes<'a>(&self, bodies: impl IntoIterator<Item = &'a [u8]>) {
        let mut broker = broker();
        let channel = broker.open_channel(None).expect("a channel");
        for body in bodies {
            let persistent = amiquip::AmqpProperties::default().with_delivery_mode(2);
            let publish = Publish::with_properties(body, &self.queue, persistent);
            channel.basic_publish("", publish).expect("published");
        }
        channel.close().expect("closed");
        broker.close().expect("closed");
    }

    /// Messages that wait in the queue, acknowledged ones gone, unacknowledged ones not counted.
    pub fn waiting_messages(&self) -> u32 {
        self.queue_counts().0
    }

    /// Consumers of the queue, those included that the broker does not yet know to be dead.
    pub fn consumers(&self) -> u32 {
        self.queue_counts().1
    }

    fn queue_counts(&self) -> (u32, u32) {
        let mut broker = broker();
        let channel = broker.open_channel(None).expect("a channel");
        let queue = channel
            .queue_declare_passive(&self.queue)
            .expect("the queue");
        let messages = queue.declared_message_count().expect("a count");
        let consumers = queue.declared_consumer_count().expect("a count");
        broker.close().expect("closed");
        (messages, consumers)
    }

    /// Takes so many messages, all there are, and ends without acknowledging them: they are in the
    /// queue again, and the broker marks them as delivered before.
    pub fn take_in_vain(&self, count: u32) {
        let all_there = |what: &str| {
            wait(what, || match self.waiting_messages() {
                waiting if waiting == count => Ok(()),
                waiting => Err(format!("{waiting} of {count}")),
            });
        };
        all_there("the messages to be in the queue");
        let mut broker = broker();
        let channel = broker.open_channel(None).expect("a channel");
        for _ in 0..count {
            let got = channel.basic_get(&self.queue, false).expect("an answer");
            assert!(got.is_some(), "a message was there");
        }
        channel.close().expect("closed");
        broker.close().expect("closed");
        all_there("the messages to be put back");
    }

    /// Takes all messages out of the queue: bodies and delivery modes.
    pub fn take_all(&self) -> Vec<(Vec<u8>, Option<u8>)> {
        let mut broker = broker();
        let channel = broker.open_channel(None).expect("a channel");
        let mut taken = Vec::new();
        while let Some(got) = channel.basic_get(&self.queue, true).expect("an answer") {
            let mode = *got.delivery.properties.delivery_mode();
            taken.push((got.delivery.body, mode));
        }
        channel.close().expect("closed");
        broker.close().expect("closed");
        taken
    }
}
