use clap::ValueEnum;

use crate::clock::{Clock, SystemClock};
use crate::engine::{Event, Parsed, Stay};
use crate::types::{BadTime, LocalTime, RoomKey, Stamp, Zone};

use super::intake::Intake;
use super::{Code, ConfigFile, Failure, print};

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
    #[arg(long, value_name = "TIME", value_parser = Stamp::parse)]
    checkin_time: Option<Stamp>,
    /// Check-out time; expected for a check-in [default of a check-out: now]
    #[arg(long, value_name = "TIME", value_parser = Stamp::parse)]
    checkout_time: Option<Stamp>,
}

#[derive(Clone, Copy, ValueEnum)]
enum MessageType {
    Checkin,
    Checkout,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.config.load(&[])?;
    let mut intake = Intake::of(&config)?;
    let zone = config.messages.zone;
    let now = SystemClock { zone }.now();
    let stay = stay(arguments, zone, now).map_err(|error| Failure::new(Code::Usage, error))?;
    let room = RoomKey::trimmed(&arguments.hotel_id, &arguments.room_number);
    let body = config.messages.write(&Event::of(room, &stay));
    let body = body.map_err(|error| Failure::new(Code::Configuration, error))?;
    let refused = |reason: String| {
        let error = anyhow::anyhow!("the service would refuse this message: {reason}");
        Err(Failure::new(Code::Usage, error))
    };
    // Checked here, so that the message does not end up among the service's refused messages.
    if let Parsed::Refused(reason) = config.messages.parse(body.as_bytes(), Some(now)) {
        return refused(reason.to_string());
    }
    match intake.send(body.as_bytes())? {
        Some(reason) => refused(reason),
        None => {
            print(&format!("{}: {body}", intake.done()));
            Ok(())
        }
    }
}

fn stay(arguments: &Arguments, zone: Zone, now: LocalTime) -> Result<Stay, BadTime> {
    let local = |stamp: Option<Stamp>| match stamp {
        Some(stamp) => zone.resolve(stamp).map(Some).ok_or(BadTime),
        None => Ok(None),
    };
    let checkin = local(arguments.checkin_time)?;
    let checkout = local(arguments.checkout_time)?;
    Ok(match arguments.msg_type {
        MessageType::Checkin => Stay::Occupied {
            check_in: checkin.unwrap_or(now),
            expected_checkout: checkout,
        },
        MessageType::Checkout => Stay::Vacant {
            actual_checkin: checkin,
            actual_checkout: checkout.unwrap_or(now),
        },
    })
}
