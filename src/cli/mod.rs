//! The command line: one file a command.

mod advise;
mod backtest;
mod check;
mod completions;
mod configured;
mod demo;
mod explain;
mod init_db;
mod intake;
mod outbox;
mod past;
mod rejected;
mod rows;
mod run;
mod send;
mod send_notice;
mod simulate;
mod summary;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};

use crate::amqp::AmqpError;
use crate::escape;
use crate::logging;
use crate::store::StoreError;

use configured::{ConfigFile, needed};

/// Watches the electricity of hotel rooms and tells the staff when a room burns power that it
/// shouldn't.
#[derive(Parser)]
#[command(
    name = "roomwatt",
    version,
    max_term_width = 100,
    before_help = "\
Examples:
  roomwatt demo                                   see it do its job, without any server
  roomwatt init-db --config roomwatt.toml         the tables
  roomwatt run --config roomwatt.toml             the service
  roomwatt run --embedded                         the same without servers, in one file
  roomwatt send-notice --dry-run --card alert     a card as the staff sees it
  roomwatt backtest --messages messages.jsonl --readings readings.csv
  roomwatt explain --config roomwatt.toml H12345 1001     why it was judged so
"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Arguments),
    Check(check::Arguments),
    InitDb(init_db::Arguments),
    Send(send::Arguments),
    SendNotice(send_notice::Arguments),
    Rejected(rejected::Arguments),
    Outbox(outbox::Arguments),
    Backtest(backtest::Arguments),
    Explain(explain::Arguments),
    Advise(advise::Arguments),
    Demo(demo::Arguments),
    Simulate(simulate::Arguments),
    #[command(hide = true)]
    Completions(completions::Arguments),
}

/// How a command can fail, by what the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The command line or a file it names is wrong.
    Usage = 64,
    /// A fault of the program.
    Bug = 70,
    /// Something it depends on is not there now.
    TryLater = 75,
    /// The configuration is wrong, or a server as it is set up: somebody has to change it.
    Configuration = 78,
}

/// An error with its exit code.
pub struct Failure {
    code: Code,
    error: anyhow::Error,
}

impl Failure {
    pub fn new(code: Code, error: impl Into<anyhow::Error>) -> Failure {
        Failure {
            code,
            error: error.into(),
        }
    }

    /// The same, with what it is about before it.
    fn about(self, text: impl Display + Send + Sync + 'static) -> Failure {
        Failure {
            error: self.error.context(text),
            ..self
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        let code = if error.is_for_somebody() {
            Code::Configuration
        } else {
            Code::TryLater
        };
        Failure::new(code, error)
    }
}

impl From<AmqpError> for Failure {
    fn from(error: AmqpError) -> Failure {
        let code = if error.is_refusal() {
            Code::Configuration
        } else {
            Code::TryLater
        };
        Failure::new(code, error)
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let error = with_tip(error);
            // Help and version are no errors; printing can only fail on a closed pipe.
            if !error.use_stderr() {
                let _ = error.print();
                return ExitCode::SUCCESS;
            }
            if is_run() && !io::stderr().is_terminal() {
                let text = error.render().to_string();
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                lines.for_each(|line| complain(&logging::line_of_error(line)));
            } else {
                let _ = error.print();
            }
            return ExitCode::from(Code::Usage as u8);
        }
    };
    let done = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::InitDb(arguments) => init_db::run(&arguments),
        Command::Send(arguments) => send::run(&arguments),
        Command::SendNotice(arguments) => send_notice::run(&arguments),
        Command::Rejected(arguments) => rejected::run(&arguments),
        Command::Outbox(arguments) => outbox::run(&arguments),
        Command::Backtest(arguments) => backtest::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Advise(arguments) => advise::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, error }) => {
            for line in format!("{error:#}").lines() {
                complain(&if is_run() {
                    logging::line_of_error(line)
                } else {
                    format!("roomwatt: {line}")
                });
            }
            ExitCode::from(code as u8)
        }
    }
}

/// Whether this is to be the service, whose errors end in a log: there each line has its time.
fn is_run() -> bool {
    std::env::args_os().nth(1).is_some_and(|name| name == "run")
}

/// A file that stands where an option is expected is mostly the configuration.
fn with_tip(mut error: clap::Error) -> clap::Error {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) if error.kind() == ErrorKind::UnknownArgument => {
            argument
        }
        _ => return error,
    };
    if argument == "-c" || argument.ends_with(".toml") {
        let file = if argument == "-c" { "FILE" } else { argument };
        let tip = format!("the configuration is named by '--config {file}'");
        let tips = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}

/// A line for whoever reads, in which names may come from strangers. Nobody may read, or the disk
/// behind it is full: what was done is done.
fn tell(line: &str) {
    let _ = writeln!(io::stdout(), "{}", escape::lines(line.as_bytes()));
}

/// A line of what is wrong; as [`tell`].
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{}", escape::lines(line.as_bytes()));
}
