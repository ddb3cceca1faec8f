use std::io::{self, Write};

use anyhow::anyhow;
use clap::ValueEnum;

use crate::clock::{Clock, SystemClock};
use crate::escape;
use crate::notify::{self, Sample, SendError, Status};
use crate::types::{HotelId, counted};

use super::{Code, ConfigFile, Failure, print, print_error};

/// Send a test card to each bot, or show what cards look like
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt send-notice --config roomwatt.toml
  roomwatt send-notice --hotel-id H12345 --card alert --config roomwatt.toml
  roomwatt send-notice --dry-run --card several --config roomwatt.toml

A bot is a webhook of the section [feishu]. Feishu's answer is shown, with what to do about it.
Exit code 0: all bots have accepted the card; 75: one may accept it later; 78: the configuration, or
a bot's settings, have to be changed; 70: Feishu refuses this card.
")]
pub(super) struct Arguments {
    /// The card to send; all but the first are about an invented room and marked as a test
    #[arg(long, value_enum, default_value_t = CardName::Test)]
    card: CardName,
    /// Only to the bot of this hotel
    #[arg(long, value_name = "ID")]
    hotel_id: Option<String>,
    /// Show the card here, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Clone, Copy, ValueEnum)]
enum CardName {
    /// Says that cards arrive
    Test,
    /// A room is abnormal
    Alert,
    /// A room is still abnormal
    Reminder,
    /// A room has recovered
    Recovered,
    /// Readings were interrupted: whether the room is still abnormal is unknown
    Closed,
    /// A new guest came: the alert is no longer followed
    NewStay,
    /// A room was abnormal, and how that ended is no longer known
    Unclear,
    /// A room was abnormal, and had recovered before the staff could be notified
    Ended,
    /// Meters of a hotel are silent
    Silent,
    /// Silent meters send readings again
    Heard,
    /// Meters of a hotel repeat old readings
    Frozen,
    /// Frozen meters change again
    Moving,
    /// Many vacant rooms of a hotel began to use more
    Rise,
    /// Many vacant rooms of a hotel use more than by themselves
    Level,
    /// Several rooms of a hotel
    Several,
}

impl CardName {
    fn sample(self) -> Sample {
        match self {
            CardName::Test => Sample::Test,
            CardName::Alert => Sample::Of(Status::Alert),
            CardName::Reminder => Sample::Of(Status::Reminder),
            CardName::Recovered => Sample::Of(Status::Recovered),
            CardName::Closed => Sample::Of(Status::Closed),
            CardName::NewStay => Sample::Of(Status::NewStay),
            CardName::Unclear => Sample::Of(Status::Unclear),
            CardName::Ended => Sample::Of(Status::Ended),
            CardName::Silent => Sample::Of(Status::Silent),
            CardName::Heard => Sample::Of(Status::Reporting),
            CardName::Frozen => Sample::Of(Status::Frozen),
            CardName::Moving => Sample::Of(Status::Moving),
            CardName::Rise => Sample::Of(Status::Rise),
            CardName::Level => Sample::Of(Status::Level),
            CardName::Several => Sample::Several,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = if arguments.dry_run {
        arguments.config.load_named(&[])?
    } else {
        arguments.config.load(&[])?
    };
    let zone = config.messages.zone;
    let now = SystemClock { zone }.now();
    let sample = arguments.card.sample();
    if arguments.dry_run {
        // The reader may have closed the pipe.
        let _ = writeln!(
            io::stdout(),
            "{}",
            escape::lines(sample.rendered(&config.notify.cards, now).as_bytes())
        );
        return Ok(());
    }
    let hotel = arguments.hotel_id.as_deref().map(HotelId::trimmed);
    let mut trials = notify::trials(&config.notify, hotel.as_ref()).peekable();
    let (mut tried, mut failed, mut code) = (0, 0, Code::TryLater);
    while let Some(trial) = trials.next() {
        let Some((platform, sent)) = trial.send(sample, now) else {
            // If it is the only one, that is an error below.
            if tried > 0 || trials.peek().is_some() {
                print(&format!(
                    "{}: there is none, notices go to the log",
                    trial.label
                ));
            }
            continue;
        };
        tried += 1;
        let Err(error) = sent else {
            print(&format!(
                "{}: {platform} has accepted the card",
                trial.label
            ));
            continue;
        };
        failed += 1;
        print_error(&format!("{}: not accepted: {error}", trial.label));
        code = match (error, code) {
            (SendError::Content(_), _) | (_, Code::Bug) => Code::Bug,
            (SendError::Route { .. }, _) => Code::Configuration,
            (SendError::Passing(_), code) => code,
        };
    }
    match (tried, failed) {
        (0, _) => Err(Failure::new(
            Code::Configuration,
            anyhow!(
                "there is no bot to send to: feishu.webhook_url is not set and notices go to the \
                 log; --dry-run shows a card here"
            ),
        )),
        (_, 0) => Ok(()),
        (tried, failed) => Err(Failure::new(
            code,
            anyhow!(
                "{failed} of {} did not accept the card",
                counted(tried, "bot")
            ),
        )),
    }
}
