use std::io::{self, BufWriter, Write};

use anyhow::anyhow;
use clap::Subcommand;
use serde_json::json;

use crate::amqp::Publisher;
use crate::config::Config;
use crate::store::{RejectedMessage, RejectedMessages, StoreError};

use super::{Code, ConfigFile, Failure, load, needed, terminal};

/// List, show and replay messages that were refused
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt rejected list --config roomwatt.toml
  roomwatt rejected show 17 --config roomwatt.toml
  roomwatt rejected replay 17 18 --config roomwatt.toml
  roomwatt rejected replay --all --config roomwatt.toml

A refused message is kept in the database with the reason, and deleted after monitoring.keep_days.
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
    /// As many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// One JSON object a line, with the whole body
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// Show refused messages with all that is known of them
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

The body goes to the configured queue as it came. A message that is refused again is kept again,
under a new id. Taking a message twice does no harm.
")]
struct Replay {
    /// Ids, as `rejected list` shows them
    #[arg(value_name = "ID", required_unless_present = "all")]
    ids: Vec<u64>,
    /// All that were not replayed yet and are whole
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

fn configured(file: &ConfigFile) -> Result<Config, Failure> {
    load(file.config.as_deref(), &[])
}

fn open(config: &Config) -> Result<RejectedMessages, Failure> {
    let mysql = needed(config.mysql.as_ref(), "mysql")?;
    RejectedMessages::open(mysql, config.messages.zone).map_err(try_later)
}

fn try_later(error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Code::TryLater, error)
}

/// Who reads the output may have seen enough.
fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(try_later(error)),
        _ => Ok(()),
    }
}

/// Some of the messages that were asked for could not be had.
fn some_failed(failed: usize, not_done: &str) -> Result<(), Failure> {
    match failed {
        0 => Ok(()),
        1 => Err(Failure::new(
            Code::Usage,
            anyhow!("1 message was {not_done}"),
        )),
        _ => Err(Failure::new(
            Code::Usage,
            anyhow!("{failed} messages were {not_done}"),
        )),
    }
}

fn no_such_message(id: u64) -> String {
    format!("{id}: there is no such message; `roomwatt rejected list` shows those there are")
}

fn list(arguments: &List) -> Result<(), Failure> {
    /// Messages read at a time: each may have 64 KiB.
    const PAGE: usize = 100;
    let mut messages = open(&configured(&arguments.config)?)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut listed = 0;
    let mut before = None;
    while listed < arguments.limit {
        let wanted = PAGE.min(arguments.limit - listed);
        let page = messages.newest(before, wanted).map_err(try_later)?;
        for message in &page {
            let line = if arguments.json {
                json_line(message)
            } else {
                text_line(message)
            };
            if let Err(error) = writeln!(out, "{line}") {
                return written(Err(error));
            }
        }
        listed += page.len();
        before = page.last().map(|message| message.id);
        if page.len() < wanted {
            break;
        }
    }
    if listed == 0 && arguments.limit > 0 && !arguments.json {
        return written(writeln!(out, "no refused messages").and_then(|()| out.flush()));
    }
    written(out.flush())?;
    // What is not shown is said, but not where a script reads.
    if listed > 0 && listed == arguments.limit && !arguments.json {
        let older = messages.newest(before, 1).map_err(try_later)?;
        if !older.is_empty() {
            let _ = writeln!(io::stderr(), "older ones are not listed, see --limit");
        }
    }
    Ok(())
}

fn text_line(message: &RejectedMessage) -> String {
    /// Characters of the body that are shown.
    const SHOWN: usize = 60;
    let body = terminal::line(&message.body);
    let mut start: String = body.chars().take(SHOWN).collect();
    if start.len() < body.len() {
        start.push('…');
    }
    format!(
        "{}  {}  {}  {}{} | {start}",
        message.id,
        message.created_at,
        terminal::line(message.source.as_bytes()),
        marks(message),
        terminal::line(message.reason.as_bytes()),
    )
}

fn marks(message: &RejectedMessage) -> String {
    let mut marks = String::new();
    if let Some(time) = message.replayed_at {
        marks.push_str(&format!("[replayed {time}] "));
    }
    if message.truncated {
        marks.push_str("[truncated] ");
    }
    marks
}

fn json_line(message: &RejectedMessage) -> String {
    let line = json!({
        "id": message.id,
        "created_at": message.created_at.to_string(),
        "source": message.source,
        "reason": message.reason,
        "bytes": message.body.len(),
        "truncated": message.truncated,
        "replayed_at": message.replayed_at.map(|time| time.to_string()),
        "body": String::from_utf8_lossy(&message.body),
    });
    terminal::json(&line.to_string())
}

fn show(arguments: &Show) -> Result<(), Failure> {
    let mut messages = open(&configured(&arguments.config)?)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut missing = 0;
    for &id in &arguments.ids {
        match messages.get(id).map_err(try_later)? {
            Some(message) => {
                if let Err(error) = write_whole(&mut out, &message) {
                    return written(Err(error));
                }
            }
            None => {
                missing += 1;
                written(out.flush())?;
                let _ = writeln!(io::stderr(), "{}", no_such_message(id));
            }
        }
    }
    written(out.flush())?;
    some_failed(missing, "not found")
}

fn write_whole(out: &mut impl Write, message: &RejectedMessage) -> io::Result<()> {
    let bytes = message.body.len();
    writeln!(out, "id:       {}", message.id)?;
    writeln!(out, "time:     {}", message.created_at)?;
    let source = terminal::line(message.source.as_bytes());
    writeln!(out, "source:   {source}")?;
    let reason = terminal::line(message.reason.as_bytes());
    writeln!(out, "reason:   {reason}")?;
    match message.replayed_at {
        Some(time) => writeln!(out, "replayed: {time}")?,
        None => writeln!(out, "replayed: no")?,
    }
    if message.truncated {
        writeln!(
            out,
            "body:     the first {bytes} bytes, the rest was not kept"
        )?;
    } else {
        writeln!(out, "body:     {bytes} bytes")?;
    }
    // Set in, so that no line of a body looks like one of these.
    for line in terminal::lines(&message.body).split('\n') {
        writeln!(out, "    {line}")?;
    }
    writeln!(out)
}

fn replay(arguments: &Replay) -> Result<(), Failure> {
    let config = configured(&arguments.config)?;
    let rabbitmq = needed(config.rabbitmq.as_ref(), "rabbitmq")?;
    let mut messages = open(&config)?;
    let all;
    let ids = if arguments.all {
        all = messages.not_replayed().map_err(try_later)?;
        if all.is_empty() {
            tell("there is no message to replay");
        }
        &all
    } else {
        &arguments.ids
    };
    let mut publisher: Option<Publisher> = None;
    let mut refused = 0;
    for &id in ids {
        let message = match replayable(&mut messages, id, arguments.again).map_err(try_later)? {
            Ok(message) => message,
            Err(reason) => {
                refused += 1;
                let _ = writeln!(io::stderr(), "{reason}");
                continue;
            }
        };
        let connected = match publisher.take() {
            Some(publisher) => Ok(publisher),
            None => Publisher::connect(rabbitmq),
        };
        let published = connected
            .and_then(|publisher| publisher.publish(&message.body))
            .map_err(|error| try_later(anyhow!("{id}: not replayed: {error}")))?;
        publisher = Some(published);
        // It is in the queue by now, whoever hears of it: a closed pipe is no reason to stop.
        messages.mark_replayed(id).map_err(|error| {
            try_later(anyhow!(
                "{id}: published to queue {}, but that could not be noted ({error}): \
                 it may be replayed once more, which does no harm",
                rabbitmq.queue
            ))
        })?;
        tell(&format!("{id}: published to queue {}", rabbitmq.queue));
    }
    some_failed(refused, "not replayed")
}

/// A message that may be replayed, or why it may not.
fn replayable(
    messages: &mut RejectedMessages,
    id: u64,
    again: bool,
) -> Result<Result<RejectedMessage, String>, StoreError> {
    Ok(match messages.get(id)? {
        None => Err(no_such_message(id)),
        Some(message) if message.truncated => Err(format!(
            "{id}: only its start was kept, it can't be replayed; have the property management \
             system send it again, in at most 64 KiB"
        )),
        Some(RejectedMessage {
            replayed_at: Some(time),
            ..
        }) if !again => Err(format!(
            "{id}: was replayed at {time}; --again replays it once more"
        )),
        Some(message) => Ok(message),
    })
}

/// One line for whoever reads: nobody may.
fn tell(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
