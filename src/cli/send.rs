use clap::ValueEnum;
use serde_json::{Map, Value};

use crate::amqp::Publisher;
use crate::clock::{Clock, SystemClock};
use crate::engine::{MessageFormat, Parsed};
use crate::types::{Kind, Stamp};

use super::{Code, ConfigFile, Failure, load};

/// Publish a check-in or check-out message, to try the service
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt send --config roomwatt.toml --hotel-id H001 --room-number 101 --msg-type checkin
  roomwatt send --config roomwatt.toml --hotel-id H001 --room-number 101 --msg-type checkout \\
      --checkin-time '2023-04-10 14:30:00' --checkout-time '2023-04-12 12:00:00'
")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    #[arg(long, value_name = "ID")]
    hotel_id: String,
    #[arg(long, value_name = "NUMBER")]
    room_number: String,
    #[arg(long)]
    msg_type: MessageType,
    /// Check-in time, local to the hotel [default of a check-in: now]
    #[arg(long, value_name = "TIME", value_parser = written_time)]
    checkin_time: Option<String>,
    /// Check-out time; expected for a check-in [default of a check-out: now]
    #[arg(long, value_name = "TIME", value_parser = written_time)]
    checkout_time: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum MessageType {
    Checkin,
    Checkout,
}

fn written_time(text: &str) -> Result<String, String> {
    Stamp::parse(text)
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = load(arguments.config.config.as_deref(), &[])?;
    let rabbitmq = super::needed(config.rabbitmq.as_ref(), "rabbitmq")?;
    let zone = config.messages.zone;
    let now = SystemClock { zone }.now();
    let body = message(arguments, &config.messages, &now.to_string());
    // Told here rather than in the service's table of refused messages.
    if let Parsed::Refused(reason) = config.messages.parse(body.as_bytes(), Some(now)) {
        let error = anyhow::anyhow!("the service would refuse this message: {reason}");
        return Err(Failure::new(Code::Usage, error));
    }
    Publisher::connect(rabbitmq)
        .and_then(|publisher| publisher.publish(body.as_bytes()))
        .map_err(|error| Failure::new(Code::TryLater, error))?;
    println!("published to queue {}: {body}", rabbitmq.queue);
    Ok(())
}

fn message(arguments: &Arguments, format: &MessageFormat, now: &str) -> String {
    let names = &format.fields;
    let (kind, code) = match arguments.msg_type {
        MessageType::Checkin => (Kind::Checkin, &format.types.checkin),
        MessageType::Checkout => (Kind::Checkout, &format.types.checkout),
    };
    let checkin = arguments.checkin_time.as_deref();
    let checkout = arguments.checkout_time.as_deref();
    let times = match kind {
        Kind::Checkin => [
            (&names.check_in_time, checkin.or(Some(now))),
            (&names.expected_checkout_time, checkout),
        ],
        Kind::Checkout => [
            (&names.actual_checkin_time, checkin),
            (&names.actual_checkout_time, checkout.or(Some(now))),
        ],
    };
    let mut fields = Map::new();
    for (name, value) in [
        (&names.hotel_id, arguments.hotel_id.as_str()),
        (&names.room_number, arguments.room_number.as_str()),
        (&names.msg_type, code.as_str()),
    ] {
        fields.insert(name.clone(), value.into());
    }
    for (name, time) in times {
        if let Some(time) = time {
            fields.insert(name.clone(), time.into());
        }
    }
    Value::Object(fields).to_string()
}
