use anyhow::{anyhow, ensure};
use clap::ValueEnum;

use crate::clock::{Clock, SystemClock};
use crate::engine::{
    Arrival, Departure, Event, Expectation, Fact, MessageKind, Move, Parsed, RoomStatus, Said,
    StatusChange, StayId, Unwritten,
};
use crate::types::{BadTime, LocalTime, RoomKey, Stamp, Zone, trim_key_part};

use super::intake::Intake;
use super::{Code, ConfigFile, Failure, print};

/// Publish a message about a room, to try the service
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt send --config roomwatt.toml --hotel-id H001 --room-number 101 --msg-type checkin
  roomwatt send --config roomwatt.toml --hotel-id H001 --room-number 101 --msg-type checkout \\
      --checkin-time '2023-04-10 14:30:00' --checkout-time '2023-04-12 12:00:00'
  roomwatt send --config roomwatt.toml --hotel-id H001 --room-number 102 --msg-type move \\
      --old-room-number 101 --checkin-time '2023-04-10 14:30:00'
  roomwatt send --config roomwatt.toml --hotel-id H001 --room-number 102 --msg-type extend \\
      --checkout-time '2023-04-14 12:00:00'
  roomwatt send --config roomwatt.toml --hotel-id H001 --room-number 101 --msg-type room-status \\
      --status out-of-order --until '2023-04-20 12:00:00'

What --msg-type takes, with the options of each besides those of all ([] may be left out):
  checkin          [--checkin-time] [--checkout-time] [--stay-id]
  checkout         [--checkout-time] [--checkin-time] [--stay-id]
  move             --old-room-number [--old-hotel-id] [--move-time] [--checkin-time]
                   [--checkout-time] [--stay-id]
  extend           --checkout-time [--checkin-time] [--stay-id]
  cancel-checkin   [--cancel-time] [--checkin-time] [--stay-id]
  cancel-checkout  [--cancel-time] [--checkin-time] [--stay-id]
  room-status      --status [--status-time] [--until]
Codes of other types than checkin and checkout have to be set under [message_types] first.
")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    #[arg(long, value_name = "ID")]
    hotel_id: String,
    /// The room; of a move the new one
    #[arg(long, value_name = "NUMBER")]
    room_number: String,
    #[arg(long, hide_possible_values = true, value_name = "TYPE")]
    msg_type: MessageType,
    #[command(flatten)]
    said: Options,
}

/// What some types have. Times are local to the hotel.
#[derive(clap::Args)]
struct Options {
    /// The id of the guest's stay
    #[arg(long, value_name = "ID")]
    stay_id: Option<String>,
    /// Check-in time, local to the hotel [default of a check-in: now]
    #[arg(long, value_name = "TIME", value_parser = Stamp::parse)]
    checkin_time: Option<Stamp>,
    /// Check-out time; the expected one unless it is of a check-out [default of a check-out: now]
    #[arg(long, value_name = "TIME", value_parser = Stamp::parse)]
    checkout_time: Option<Stamp>,
    /// The room that a guest leaves by a move
    #[arg(long, value_name = "NUMBER")]
    old_room_number: Option<String>,
    /// Its hotel [default: --hotel-id]
    #[arg(long, value_name = "ID")]
    old_hotel_id: Option<String>,
    /// When a guest moves [default: now]
    #[arg(long, value_name = "TIME", value_parser = Stamp::parse)]
    move_time: Option<Stamp>,
    /// When a check-in or check-out is undone [default: now]
    #[arg(long, value_name = "TIME", value_parser = Stamp::parse)]
    cancel_time: Option<Stamp>,
    #[arg(long)]
    status: Option<Status>,
    /// Since when the room has the status [default: now]
    #[arg(long, value_name = "TIME", value_parser = Stamp::parse)]
    status_time: Option<Stamp>,
    /// How long the room is out of order
    #[arg(long, value_name = "TIME", value_parser = Stamp::parse)]
    until: Option<Stamp>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MessageType {
    Checkin,
    Checkout,
    Move,
    Extend,
    CancelCheckin,
    CancelCheckout,
    RoomStatus,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Status {
    OutOfOrder,
    InOrder,
    Dirty,
    Clean,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.config.load(&[])?;
    let mut intake = Intake::of(&config)?;
    let zone = config.messages.zone;
    let now = SystemClock { zone }.now();
    let event = event(arguments, zone, now);
    let event = event.map_err(|error| Failure::new(Code::Usage, error))?;
    let body = config.messages.write(&event);
    let body = body.map_err(|error| Failure::new(code_of(&error), error))?;
    let refused = |reason: String| {
        let error = anyhow!("the service would refuse this message: {reason}");
        Err(Failure::new(Code::Usage, error))
    };
    // Checked here, so that the message does not end up among the service's refused messages.
    if let Parsed::Refused(reason) = config.messages.parse(body.as_bytes(), Some(now)) {
        return refused(reason.to_string());
    }
    match intake.send(body.as_bytes())? {
        Some(reason) => refused(reason),
        None => {
            print(&format!("{}: {body}", intake.outcome()));
            Ok(())
        }
    }
}

fn code_of(error: &Unwritten) -> Code {
    match error {
        Unwritten::NoCode { .. } => Code::Configuration,
        Unwritten::NotOfItsKind(_) => Code::Bug,
    }
}

/// What the options say, all of which the type has to know.
fn event(arguments: &Arguments, zone: Zone, now: LocalTime) -> anyhow::Result<Event> {
    let msg_type = arguments.msg_type;
    let said = &arguments.said;
    said.check(msg_type)?;
    let room = RoomKey::trimmed(&arguments.hotel_id, &arguments.room_number);
    let local = |stamp: Option<Stamp>| match stamp {
        Some(stamp) => zone.resolve(stamp).map(Some).ok_or(BadTime),
        None => Ok(None),
    };
    let or_now = |stamp| local(stamp).map(|time| time.unwrap_or(now));
    let id = said.stay_id.as_deref().map(trim_key_part).map(StayId::new);
    let checkin = local(said.checkin_time)?;
    let expected = local(said.checkout_time)?;
    let fact = match msg_type {
        MessageType::Checkin => Said::Fact(Fact::Arrival(Arrival {
            id,
            since: checkin.unwrap_or(now),
            named: None,
            expected,
        })),
        MessageType::Checkout => Said::Fact(Fact::Departure(Departure {
            id,
            checkin,
            until: expected.unwrap_or(now),
        })),
        MessageType::Move => {
            let old_hotel = said.old_hotel_id.as_ref().unwrap_or(&arguments.hotel_id);
            let old_number = needed(said.old_room_number.as_ref(), msg_type, "--old-room-number")?;
            return Ok(Event::of_move(Move {
                id,
                from: RoomKey::trimmed(old_hotel, old_number),
                to: room,
                at: or_now(said.move_time)?,
                named: checkin,
                expected,
            }));
        }
        MessageType::Extend => Said::Fact(Fact::Expectation(Expectation {
            id,
            since: checkin,
            expected: needed(expected, msg_type, "--checkout-time")?,
        })),
        MessageType::CancelCheckin => Said::Fact(Fact::Departure(Departure {
            id,
            checkin,
            until: or_now(said.cancel_time)?,
        })),
        MessageType::CancelCheckout => Said::Back {
            id,
            at: or_now(said.cancel_time)?,
            named: checkin,
        },
        MessageType::RoomStatus => {
            let status = needed(said.status, msg_type, "--status")?;
            let until = local(said.until)?;
            ensure!(
                until.is_none() || status == Status::OutOfOrder,
                "--until is of --status out-of-order alone"
            );
            Said::Status(StatusChange {
                status: match status {
                    Status::OutOfOrder => RoomStatus::OutOfOrder { until },
                    Status::InOrder => RoomStatus::InOrder,
                    Status::Dirty => RoomStatus::Dirty,
                    Status::Clean => RoomStatus::Clean,
                },
                at: or_now(said.status_time)?,
            })
        }
    };
    Ok(Event {
        kind: msg_type.kind(),
        rooms: vec![(room, fact)],
    })
}

fn needed<T>(value: Option<T>, msg_type: MessageType, option: &str) -> anyhow::Result<T> {
    value.ok_or_else(|| anyhow!("--msg-type {} needs {option}", msg_type.word()))
}

impl Options {
    /// Refuses an option that messages of this type have no field for.
    fn check(&self, msg_type: MessageType) -> anyhow::Result<()> {
        use MessageType::{CancelCheckin, CancelCheckout, Checkin, Checkout, Extend};
        use MessageType::{Move, RoomStatus};
        let of = |types: &[MessageType]| types.contains(&msg_type);
        let is_stay = !of(&[RoomStatus]);
        let is_cancelled = of(&[CancelCheckin, CancelCheckout]);
        for (option, is_given, is_known) in [
            ("--stay-id", self.stay_id.is_some(), is_stay),
            ("--checkin-time", self.checkin_time.is_some(), is_stay),
            (
                "--checkout-time",
                self.checkout_time.is_some(),
                of(&[Checkin, Checkout, Move, Extend]),
            ),
            (
                "--old-room-number",
                self.old_room_number.is_some(),
                of(&[Move]),
            ),
            ("--old-hotel-id", self.old_hotel_id.is_some(), of(&[Move])),
            ("--move-time", self.move_time.is_some(), of(&[Move])),
            ("--cancel-time", self.cancel_time.is_some(), is_cancelled),
            ("--status", self.status.is_some(), of(&[RoomStatus])),
            (
                "--status-time",
                self.status_time.is_some(),
                of(&[RoomStatus]),
            ),
            ("--until", self.until.is_some(), of(&[RoomStatus])),
        ] {
            ensure!(
                is_known || !is_given,
                "--msg-type {} takes no {option}",
                msg_type.word()
            );
        }
        Ok(())
    }
}

impl MessageType {
    /// As it is written on the command line.
    fn word(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn kind(self) -> MessageKind {
        match self {
            MessageType::Checkin => MessageKind::Checkin,
            MessageType::Checkout => MessageKind::Checkout,
            MessageType::Move => MessageKind::Move,
            MessageType::Extend => MessageKind::Extend,
            MessageType::CancelCheckin => MessageKind::CancelCheckin,
            MessageType::CancelCheckout => MessageKind::CancelCheckout,
            MessageType::RoomStatus => MessageKind::RoomStatus,
        }
    }
}
