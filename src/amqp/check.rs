//! Checks the broker and the queue, for `roomwatt check`. No message is taken.

use crate::config::RabbitMq;
use crate::finding::{Finding, Level, Report};
use crate::types::counted;

use super::connect::{connect, declare};
use super::{AmqpError, place};

/// What is known of a queue.
struct Queue {
    consumers: u32,
    messages: u32,
}

/// Checks the broker and the queue, of which `consumer_count` consumers are ours at most.
pub fn check(config: &RabbitMq, consumer_count: usize, report: Report<'_>) {
    let about = format!("queue {} of {}", config.queue, place(config));
    report(match queue(config) {
        Ok(Some(Queue {
            consumers,
            messages,
        })) => {
            let says = format!(
                "{} waiting, {}",
                counted(messages, "message"),
                counted(consumers, "consumer")
            );
            if consumers as usize > consumer_count {
                Finding::new(
                    Level::Warning,
                    about,
                    format!("{says}, at most {consumer_count} of this program: others take a part"),
                )
                .remedy("end the other program that consumes this queue")
            } else {
                Finding::ok(about, says)
            }
        }
        Ok(None) => Finding::ok(
            about,
            "it is not there yet: the service declares it, durable",
        ),
        Err(error) if error.is_refusal => Finding::new(Level::Wrong, about, error.to_string()),
        Err(error) => Finding::new(Level::Unreachable, about, error.to_string())
            .remedy("see that the broker runs and that [rabbitmq] names it"),
    });
}

/// The queue; `None` where it is not there and the service would declare it.
fn queue(config: &RabbitMq) -> Result<Option<Queue>, AmqpError> {
    let fail = |error| AmqpError::new(config, &error);
    let mut connection = connect(config)?;
    let channel = connection.open_channel(None).map_err(fail)?;
    let declared = match channel.queue_declare_passive(&config.queue) {
        // One that is there is only compared.
        Ok(_) => declare(&channel, config),
        Err(amiquip::Error::ServerClosedChannel { code: 404, .. }) if config.declare => {
            return Ok(None);
        }
        declared => declared,
    };
    let queue = declared.map_err(fail)?;
    let found = Queue {
        consumers: queue.declared_consumer_count().unwrap_or(0),
        messages: queue.declared_message_count().unwrap_or(0),
    };
    drop(queue);
    channel.close().map_err(fail)?;
    connection.close().map_err(fail)?;
    Ok(Some(found))
}
