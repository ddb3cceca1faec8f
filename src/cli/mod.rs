//! The command line, with a file for each command.

mod advise;
mod assessed;
mod backtest;
mod check;
mod completions;
mod demo;
mod explain;
mod hash_password;
mod init_db;
mod intake;
mod outbox;
mod past;
mod reconcile;
mod rejected;
mod rotate_key;
mod rows;
mod run;
mod send;
mod send_notice;
mod simulate;
mod story;
mod summary;
mod words;

use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::anyhow;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Parser, Subcommand};

use crate::amqp::AmqpError;
use crate::config::{Config, Embedded, Setting, missing_section};
use crate::escape;
use crate::logging;
use crate::store::StoreError;

/// Watches the electricity of hotel rooms, and notifies the staff when a room uses more than it
/// should.
#[derive(Parser)]
#[command(
    name = "roomwatt",
    version,
    max_term_width = 100,
    before_help = "\
Examples:
  roomwatt demo                                   see it work, without any server
  roomwatt init-db --config roomwatt.toml         the tables
  roomwatt run --config roomwatt.toml             the service
  roomwatt run --embedded                         the same without servers, in one file
  roomwatt send-notice --dry-run --card alert     a card as the staff sees it
  roomwatt backtest --messages messages.jsonl --readings readings.csv
  roomwatt explain --config roomwatt.toml H12345 1001     why a room was judged as it was
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
    HashPassword(hash_password::Arguments),
    RotateKey(rotate_key::Arguments),
    Send(send::Arguments),
    SendNotice(send_notice::Arguments),
    Reconcile(reconcile::Arguments),
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
    /// What was compared differs.
    Differs = 1,
    /// The command line or a file it names is wrong.
    Usage = 64,
    /// A bug of the program.
    Bug = 70,
    /// Something that it depends on is not available now.
    TryLater = 75,
    /// The configuration, or the setup of a server, is wrong: somebody has to change it.
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

    /// Prefixes the error with what it is about.
    fn about(self, text: impl Display + Send + Sync + 'static) -> Failure {
        Failure {
            error: self.error.context(text),
            ..self
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        let code = if error.needs_operator() {
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

/// The configuration of an installed service.
const INSTALLED: &str = "/etc/roomwatt/roomwatt.toml";

/// The options that commands share.
#[derive(clap::Args)]
struct ConfigFile {
    /// Configuration file [default: /etc/roomwatt/roomwatt.toml, if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Use no configuration file: defaults, the database roomwatt.db of this folder, messages over
    /// HTTP
    #[arg(long, conflicts_with = "config")]
    embedded: bool,
}

impl ConfigFile {
    /// The file that is read, if there is one.
    fn path(&self) -> Option<&Path> {
        match &self.config {
            Some(path) => Some(path),
            None if self.embedded => None,
            None => Some(Path::new(INSTALLED)).filter(|path| may_exist(path)),
        }
    }

    /// The configuration of a command that works with the service's database or servers. They have
    /// to be named: by a file, by `--embedded`, or by variables.
    fn load(&self, settings: &[Setting]) -> Result<Config, Failure> {
        let path = self.path();
        let config = load(path, settings)?;
        let usage = |error| Err(Failure::new(Code::Usage, error));
        if self.embedded && config.mysql.is_some() {
            return usage(anyhow!(
                "--embedded uses the embedded database, but a variable ROOMWATT_MYSQL__... names a \
                 server"
            ));
        }
        let is_named = self.embedded || config.mysql.is_some();
        if path.is_none() && !is_named && config.embedded == Embedded::default() {
            let default = &config.embedded.path;
            let hint = if may_exist(default) {
                format!(
                    "to go on with {} of this folder, add --embedded",
                    default.display()
                )
            } else {
                format!(
                    "or add --embedded to work with a database of its own, {} in this folder",
                    default.display()
                )
            };
            return usage(anyhow!(
                "there is no {INSTALLED}: name the configuration with --config FILE; {hint}"
            ));
        }
        Ok(config)
    }

    /// The configuration of a command that reads files, or shows an example: the defaults, unless
    /// a file is named.
    fn load_named(&self, settings: &[Setting]) -> Result<Config, Failure> {
        load(self.config.as_deref(), settings)
    }
}

/// Whether a file exists. One that can't be examined counts as existing: the error comes when it
/// is read.
fn may_exist(path: &Path) -> bool {
    !matches!(fs::metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Loads a configuration. If only the command's own options are wrong, it is a usage error.
fn load(path: Option<&Path>, settings: &[Setting]) -> Result<Config, Failure> {
    Config::load(path, settings).map_err(|errors| {
        let is_option = !settings.is_empty() && Config::load(path, &[]).is_ok();
        let code = if is_option {
            Code::Usage
        } else {
            Code::Configuration
        };
        Failure::new(code, errors)
    })
}

/// A section, or the error that this command requires it.
fn needed<'a, T>(section: Option<&'a T>, name: &str) -> Result<&'a T, Failure> {
    section.ok_or_else(|| {
        let error = anyhow!(missing_section(name));
        Failure::new(Code::Configuration, error)
    })
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let error = with_tip(error);
            // Help and version are not errors; printing can only fail on a closed pipe.
            if !error.use_stderr() {
                let _ = error.print();
                return ExitCode::SUCCESS;
            }
            if is_run() && !io::stderr().is_terminal() {
                let text = error.render().to_string();
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                lines.for_each(|line| print_error(&logging::line_of_error(line)));
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
        Command::HashPassword(arguments) => hash_password::run(&arguments),
        Command::RotateKey(arguments) => rotate_key::run(&arguments),
        Command::Send(arguments) => send::run(&arguments),
        Command::SendNotice(arguments) => send_notice::run(&arguments),
        Command::Reconcile(arguments) => reconcile::run(&arguments),
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
                print_error(&if is_run() {
                    logging::line_of_error(line)
                } else {
                    format!("roomwatt: {line}")
                });
            }
            ExitCode::from(code as u8)
        }
    }
}

/// Whether this is the service. Its errors end up in a log, where each line has its time.
fn is_run() -> bool {
    std::env::args_os().nth(1).is_some_and(|name| name == "run")
}

/// Adds a tip: an unexpected `.toml` file was probably meant for `--config`.
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

/// Prints a line; names in it are untrusted, so it is escaped. A closed pipe or a full disk is
/// ignored: the work itself is done.
fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{}", escape::lines(line.as_bytes()));
}

/// Prints a line to standard error, as [`print`] does.
fn print_error(line: &str) {
    let _ = writeln!(io::stderr(), "{}", escape::lines(line.as_bytes()));
}
