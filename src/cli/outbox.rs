use std::io::{self, Write};

use clap::builder::PossibleValue;
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::config::{self, Config};
use crate::escape;
use crate::notify;
use crate::store::{Database, NoticeState, OutboxRow, OutboxRows, StoreError};
use crate::types::{LocalTime, counted};

use super::rows::{self, Listing, Out, Row};
use super::{ConfigFile, Failure, print, print_error};

/// List, show and retry notices to the staff
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt outbox list --config roomwatt.toml
  roomwatt outbox show 17 --config roomwatt.toml
  roomwatt outbox retry 17 18 --config roomwatt.toml
  roomwatt outbox retry --all --config roomwatt.toml

Notices to the staff are kept in the database. The state of a notice says what became of it:
  pending  it is still to be sent
  sent     Feishu has accepted it
  logged   it is in the service's log only, because no bot is configured
  expired  it was older than feishu.notice_max_age_hours and was not sent
  failed   it could not be sent; the error is kept
  withdrawn  the room had not recovered: the hotel's meters had stood still
  joined     another rule's alert in an incident that was sent before
  muted      somebody had acknowledged or snoozed its incident
All but pending ones are deleted after monitoring.keep_days.
")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(List),
    Show(Show),
    Retry(Retry),
}

/// List notices, the newest first: those not sent yet, and those given up
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt outbox list --config roomwatt.toml
  roomwatt outbox list --state sent --state logged --limit 1000 --config roomwatt.toml
  roomwatt outbox list --state failed --json --config roomwatt.toml | jq -r .error | sort | uniq -c

A line has the notice's id, time, state and kind, its hotel/room (or hotel, if it is about the
hotel's meters), the time of the reading that caused it, and the error.
")]
struct List {
    /// Only notices in this state; may be given several times
    #[arg(
        long = "state",
        value_name = "STATE",
        value_enum,
        default_values_t = [NoticeState::Pending, NoticeState::Failed, NoticeState::Expired]
    )]
    states: Vec<NoticeState>,
    #[command(flatten)]
    listing: Listing,
}

/// Show notices in full, each with the card that it makes by itself
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt outbox show 17 --config roomwatt.toml
  roomwatt outbox show 17 18 --config roomwatt.toml

Control characters are shown as \\u{1b}.
")]
struct Show {
    /// Ids, as `outbox list` shows them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<u64>,
    #[command(flatten)]
    config: ConfigFile,
}

/// Send notices again that were given up, when the reason is gone
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt outbox retry 17 18 --config roomwatt.toml
  roomwatt outbox retry 17 --again --config roomwatt.toml
  roomwatt outbox retry --all --config roomwatt.toml

The notice becomes pending again, and expires no sooner than a new one. The service, if it runs,
finds it within a minute. A notice that was only logged can be retried by its id once there is a
bot to send it.
")]
struct Retry {
    /// Ids, as `outbox list` shows them
    #[arg(value_name = "ID", required_unless_present = "all")]
    ids: Vec<u64>,
    /// All that failed or expired
    #[arg(long, conflicts_with_all = ["ids", "again"])]
    all: bool,
    /// Also notices that Feishu has accepted: the staff gets them once more
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    config: ConfigFile,
}

impl ValueEnum for NoticeState {
    fn value_variants<'a>() -> &'a [NoticeState] {
        &NoticeState::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()))
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Show(arguments) => show(arguments),
        Command::Retry(arguments) => retry(arguments),
    }
}

fn open(config: &Config) -> Result<Box<dyn OutboxRows>, Failure> {
    Ok(Database::of(config).outbox()?)
}

fn list(arguments: &List) -> Result<(), Failure> {
    let mut outbox = open(&arguments.listing.config.load(&[])?)?;
    let states: Vec<&str> = arguments.states.iter().map(|s| s.as_str()).collect();
    let none = format!("no notices are {}", states.join(" or "));
    rows::list(&arguments.listing, &none, |before, limit| {
        outbox.newest(&arguments.states, before, limit)
    })
}

impl Row for OutboxRow {
    const NAME: &'static str = "notice";
    const LIST: &'static str = "roomwatt outbox list";

    fn id(&self) -> u64 {
        self.id
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{}  {}  {}  {}  {}",
            self.id,
            self.created_at,
            self.state.as_str(),
            escape::line(self.kind.as_bytes()),
            escape::line(self.hotel_id.as_bytes()),
        );
        if !self.room_number.is_empty() {
            text.push('/');
            text.push_str(&escape::line(self.room_number.as_bytes()));
        }
        text.push_str(&format!("  {}", self.detected));
        if let Some(time) = self.retried_at {
            text.push_str(&format!("  [retried {time}]"));
        }
        if let Some(time) = self.sent_at {
            text.push_str(&format!("  [sent {time}]"));
        }
        if let Some(error) = &self.error {
            text.push_str(&format!("  {}", escape::line(error.as_bytes())));
        }
        text
    }

    fn json(&self) -> Value {
        let time = |time: Option<LocalTime>| time.map(|time| time.to_string());
        let body = serde_json::from_str(&self.body);
        json!({
            "id": self.id,
            "created_at": self.created_at.to_string(),
            "state": self.state.as_str(),
            "kind": self.kind,
            "hotel_id": self.hotel_id,
            "room_number": self.room_number,
            "detected_time": self.detected.to_string(),
            "sent_at": time(self.sent_at),
            "retried_at": time(self.retried_at),
            "error": self.error,
            "body": body.unwrap_or_else(|_| Value::from(self.body.as_str())),
        })
    }
}

fn show(arguments: &Show) -> Result<(), Failure> {
    let config = arguments.config.load(&[])?;
    let mut outbox = open(&config)?;
    rows::show(
        &arguments.ids,
        |id| outbox.get(id),
        |out, row| write_whole(out, row, &config.notify.cards),
    )
}

fn write_whole(out: &mut Out, row: &OutboxRow, cards: &config::Cards) -> io::Result<()> {
    let or_no = |time: Option<LocalTime>| time.map_or("no".to_owned(), |time| time.to_string());
    writeln!(out, "id:       {}", row.id)?;
    writeln!(out, "time:     {}", row.created_at)?;
    writeln!(out, "state:    {}", row.state.as_str())?;
    if let Some(error) = &row.error {
        writeln!(out, "error:    {}", escape::line(error.as_bytes()))?;
    }
    writeln!(out, "sent:     {}", or_no(row.sent_at))?;
    writeln!(out, "retried:  {}", or_no(row.retried_at))?;
    writeln!(out, "kind:     {}", escape::line(row.kind.as_bytes()))?;
    let hotel = escape::line(row.hotel_id.as_bytes());
    writeln!(out, "hotel:    {hotel}")?;
    if !row.room_number.is_empty() {
        let room = escape::line(row.room_number.as_bytes());
        writeln!(out, "room:     {room}")?;
    }
    writeln!(out, "detected: {}", row.detected)?;
    match &row.notice {
        Ok(notice) => {
            writeln!(out, "card:")?;
            let card = notify::rendered(row.id, notice, cards);
            rows::write_indented(out, card.as_bytes())
        }
        Err(reason) => {
            writeln!(out, "card:     none, {}", escape::line(reason.as_bytes()))?;
            let bytes = counted(row.body.len(), "byte");
            writeln!(out, "body:     {bytes}")?;
            rows::write_indented(out, row.body.as_bytes())
        }
    }
}

fn retry(arguments: &Retry) -> Result<(), Failure> {
    let mut outbox = open(&arguments.config.load(&[])?)?;
    let all;
    let ids = if arguments.all {
        all = outbox.given_up()?;
        if all.is_empty() {
            print("there is no notice to retry");
        }
        &all
    } else {
        &arguments.ids
    };
    let mut refused = 0;
    for &id in ids {
        let retried = retry_one(outbox.as_mut(), id, arguments.again)
            .map_err(|error| Failure::from(error).about(id))?;
        match retried {
            Ok(done) => print(&done),
            Err(reason) => {
                refused += 1;
                print_error(&reason);
            }
        }
    }
    if refused < ids.len() {
        print("the service, if it runs, finds pending notices within a minute");
    }
    rows::fail_if_any::<OutboxRow>(refused, "not retried")
}

/// Makes a notice pending again; returns what was done, or why nothing was.
fn retry_one(
    outbox: &mut dyn OutboxRows,
    id: u64,
    again: bool,
) -> Result<Result<String, String>, StoreError> {
    let Some(row) = outbox.get(id)? else {
        return Ok(Err(rows::not_found::<OutboxRow>(id)));
    };
    Ok(match row.state {
        // Nothing to do, and no error.
        NoticeState::Pending => Ok(format!("{id}: is pending already")),
        NoticeState::Sent if !again => {
            let at = row.sent_at.map(|time| format!(" at {time}"));
            Err(format!(
                "{id}: was accepted by Feishu{}; --again sends it to the staff once more",
                at.unwrap_or_default()
            ))
        }
        seen => {
            if outbox.retry(id, seen)? {
                Ok(format!("{id}: pending again"))
            } else {
                Err(format!(
                    "{id}: its state has changed just now; see `roomwatt outbox show {id}`"
                ))
            }
        }
    })
}
