use std::time::Duration;

use amiquip::{AmqpProperties, Confirm, Publish};

use crate::config::RabbitMq;

use super::{AmqpError, connect};

/// How long the broker may take to confirm. It says nothing at all while it is short of memory.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(10);

/// Publishes one persistent message to the configured queue and waits until the broker has it.
///
/// # Errors
/// When there is no such broker or queue, or the broker does not confirm.
pub fn publish(config: &RabbitMq, body: &[u8]) -> Result<(), AmqpError> {
    let fail = |error| AmqpError::new(config, &error);
    let mut connection = connect(config)?;
    let channel = connection.open_channel(None).map_err(fail)?;
    // A message to a queue that does not exist would be confirmed and dropped.
    channel.queue_declare_passive(&config.queue).map_err(fail)?;
    let confirms = channel.listen_for_publisher_confirms().map_err(fail)?;
    channel.enable_publisher_confirms().map_err(fail)?;
    let properties = AmqpProperties::default()
        .with_delivery_mode(2)
        .with_content_type("application/json".into());
    channel
        .basic_publish(
            "",
            Publish::with_properties(body, &config.queue, properties),
        )
        .map_err(fail)?;
    match confirms.recv_timeout(CONFIRM_PATIENCE) {
        Ok(Confirm::Ack(_)) => {}
        Ok(Confirm::Nack(_)) => {
            return Err(AmqpError("the broker refused the message".to_owned()));
        }
        Err(_) => {
            return Err(AmqpError(
                "the broker did not confirm the message; is it short of memory or disk?".to_owned(),
            ));
        }
    }
    channel.close().map_err(fail)?;
    connection.close().map_err(fail)
}
