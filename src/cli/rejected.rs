use std::io::{self, Write};

use anyhow::anyhow;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::config::Config;
use crate::engine::{FieldNames, Kept};
use crate::escape;
use crate::store::{Database, RejectedMessage, RejectedMessages, StoreError};
use crate::types::counted;

use super::intake::Intake;
use super::rows::{self, Listing, Out, Row};
use super::{Code, ConfigFile, Failure, print, print_error};

/// List, show and replay messages that were refused
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt rejected list --config roomwatt.toml
  roomwatt rejected show 17 --config roomwatt.toml
  roomwatt rejected replay 17 18 --config roomwatt.toml
  roomwatt rejected replay --all --config roomwatt.toml

A refused message is kept in the database with the reason, and deleted after monitoring.keep_days.
Of its body the configured fields are kept, and of other fields their names, because guests' names
and telephone numbers may be in them; of a body that can't be read, nothing but its length. While
monitoring.keep_refused_bodies is true, bodies are kept whole for 7 days.
")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(List),
    Show(Show),
    Replay(Replay),
}

/// List refused messages, the newest first
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt rejected list --config roomwatt.toml
  roomwatt rejected list --limit 1000 --json --config roomwatt.toml | jq -r .reason | sort | uniq -c

A line has the message's id, time, source and reason, and the start of its body.
")]
struct List {
    #[command(flatten)]
    listing: Listing,
}

/// Show refused messages
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt rejected show 17 --config roomwatt.toml
  roomwatt rejected show 17 18 --config roomwatt.toml

Control characters and bytes that are not UTF-8 are shown as \\u{1b} and \\xff.
")]
struct Show {
    /// Ids, as `rejected list` shows them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<u64>,
    #[command(flatten)]
    config: ConfigFile,
}

/// Publish refused messages again, when the reason is gone
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt rejected replay 17 18 --config roomwatt.toml
  roomwatt rejected replay 17 --again --config roomwatt.toml
  roomwatt rejected replay --all --config roomwatt.toml

The body goes to the configured queue as it is kept: with all values of the configured fields. Where
one of these was not kept, as it was not configured then, the message is not replayed. One that is
refused again is kept again, under a new id. Taking a message twice does no harm.
")]
struct Replay {
    /// Ids, as `rejected list` shows them
    #[arg(value_name = "ID", required_unless_present = "all")]
    ids: Vec<u64>,
    /// All that were not replayed yet and could be read
    #[arg(long, conflicts_with_all = ["ids", "again"])]
    all: bool,
    /// Also those that were replayed before
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Show(arguments) => show(arguments),
        Command::Replay(arguments) => replay(arguments),
    }
}

fn open(config: &Config) -> Result<Box<dyn RejectedMessages>, Failure> {
    Ok(Database::of(config).rejected()?)
}

fn list(arguments: &List) -> Result<(), Failure> {
    let mut messages = open(&arguments.listing.config.load(&[])?)?;
    rows::list(
        &arguments.listing,
        "no refused messages",
        |before, limit| messages.newest(before, limit),
    )
}

impl Row for RejectedMessage {
    const NAME: &'static str = "message";
    const LIST: &'static str = "roomwatt rejected list";

    fn id(&self) -> u64 {
        self.id
    }

    fn text(&self) -> String {
        /// Characters of the body that are shown.
        const SHOWN: usize = 60;
        let body = escape::line(&self.body.bytes);
        let mut start: String = body.chars().take(SHOWN).collect();
        if start.len() < body.len() {
            start.push('…');
        }
        format!(
            "{}  {}  {}  {}{} | {start}",
            self.id,
            self.created_at,
            escape::line(self.source.as_bytes()),
            marks(self),
            escape::line(self.reason.as_bytes()),
        )
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "created_at": self.created_at.to_string(),
            "source": self.source,
            "reason": self.reason,
            "bytes": self.length.unwrap_or(self.body.bytes.len() as u64),
            "kept": self.body.kept.as_str(),
            "truncated": self.truncated,
            "replayed_at": self.replayed_at.map(|time| time.to_string()),
            "body": String::from_utf8_lossy(&self.body.bytes),
        })
    }
}

fn marks(message: &RejectedMessage) -> String {
    let mut marks = String::new();
    if let Some(time) = message.replayed_at {
        marks.push_str(&format!("[replayed {time}] "));
    }
    if message.truncated {
        marks.push_str("[truncated] ");
    }
    if message.body.kept == Kept::Nothing {
        marks.push_str("[body not kept] ");
    }
    marks
}

fn show(arguments: &Show) -> Result<(), Failure> {
    let mut messages = open(&arguments.config.load(&[])?)?;
    rows::show(&arguments.ids, |id| messages.get(id), write_whole)
}

fn write_whole(out: &mut Out, message: &RejectedMessage) -> io::Result<()> {
    let bytes = message.body.bytes.len();
    writeln!(out, "id:       {}", message.id)?;
    writeln!(out, "time:     {}", message.created_at)?;
    let source = escape::line(message.source.as_bytes());
    writeln!(out, "source:   {source}")?;
    let reason = escape::line(message.reason.as_bytes());
    writeln!(out, "reason:   {reason}")?;
    match message.replayed_at {
        Some(time) => writeln!(out, "replayed: {time}")?,
        None => writeln!(out, "replayed: no")?,
    }
    let length = match message.length {
        Some(bytes) => counted(bytes, "byte"),
        None if message.body.kept == Kept::Whole => counted(bytes, "byte"),
        None => "more than 64 KiB".to_owned(),
    };
    match message.body.kept {
        Kept::Whole if message.truncated => writeln!(
            out,
            "body:     the first {}, the rest was not kept",
            counted(bytes, "byte")
        )?,
        Kept::Whole => writeln!(out, "body:     {length}")?,
        Kept::Fields => writeln!(
            out,
            "body:     {length}; the values of fields that are not configured were not kept"
        )?,
        Kept::Nothing => {
            return writeln!(
                out,
                "body:     {length}, not kept, as it could not be read\n"
            );
        }
    }
    rows::write_indented(out, &message.body.bytes)
}

fn replay(arguments: &Replay) -> Result<(), Failure> {
    let config = arguments.config.load(&[])?;
    let fields = &config.messages.fields;
    let mut intake = Intake::of(&config)?;
    let mut messages = open(&config)?;
    let all;
    let ids = if arguments.all {
        all = messages.not_replayed()?;
        if all.is_empty() {
            print("there is no message to replay");
        }
        &all
    } else {
        &arguments.ids
    };
    let mut refused = 0;
    for &id in ids {
        let message = match replayable(messages.as_mut(), id, arguments.again, fields)? {
            Ok(message) => message,
            Err(reason) => {
                refused += 1;
                print_error(&reason);
                continue;
            }
        };
        let sent = intake.send(&message.body.bytes);
        let sent = sent.map_err(|error| error.about(format!("{id}: not replayed")))?;
        if let Some(reason) = sent {
            refused += 1;
            print_error(&format!("{id}: refused again: {reason}"));
            continue;
        }
        let outcome = intake.outcome();
        // The message has arrived, so it is marked even if the output is closed.
        messages.mark_replayed(id).map_err(|error| {
            Failure::new(
                Code::TryLater,
                anyhow!(
                    "{id}: {outcome}, but could not be marked as replayed ({error}): \
                     replaying it once more does no harm",
                ),
            )
        })?;
        print(&format!("{id}: {outcome}"));
    }
    rows::fail_if_any::<RejectedMessage>(refused, "not replayed")
}

/// A message that may be replayed, or why it may not.
fn replayable(
    messages: &mut dyn RejectedMessages,
    id: u64,
    again: bool,
    fields: &FieldNames,
) -> Result<Result<RejectedMessage, String>, StoreError> {
    let Some(message) = messages.get(id)? else {
        return Ok(Err(rows::not_found::<RejectedMessage>(id)));
    };
    let missing = match message.body.kept {
        Kept::Whole if message.truncated => Some("only its start was kept".to_owned()),
        Kept::Whole => None,
        Kept::Fields => (fields.not_kept(&message.body.bytes)).map(|field| {
            format!(
                "the value of {} was not kept",
                escape::line(field.as_bytes())
            )
        }),
        Kept::Nothing => Some("its body could not be read and was not kept".to_owned()),
    };
    Ok(match (missing, message.replayed_at) {
        (Some(missing), _) => Err(format!(
            "{id}: {missing}, it can't be replayed; have the property management system send it \
             again, in at most 64 KiB"
        )),
        (None, Some(time)) if !again => Err(format!(
            "{id}: was replayed at {time}; --again replays it once more"
        )),
        (None, _) => Ok(message),
    })
}
