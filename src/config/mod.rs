//! Configuration: one TOML file, then `ROOMWATT_*` variables, then `--set`; checked as a whole.

mod access;
mod changes;
mod check;
mod feishu;
mod heartbeat;
mod http;
mod messages;
mod notify;
mod overrides;
mod problems;
mod raw;
mod secret;
mod source;
mod warnings;
mod written;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::engine::{MessageFormat, RefusedBodies, Rules};
use crate::files;

pub use access::{Access, Hotels, PublicUrl, Role, Scope, Token, User};
pub use notify::{Bot, Cards, Feishu, Language, Notify, Route};
pub use secret::Secret;
pub use source::Source;
pub use warnings::is_loopback;

use written::{Written, utf8};

/// A configuration that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file it was read from.
    pub source: Source,
    pub rabbitmq: Option<RabbitMq>,
    pub mysql: Option<MySql>,
    /// Where state and readings live without a server.
    pub embedded: Embedded,
    pub meter: MeterTable,
    pub messages: MessageFormat,
    pub rules: Rules,
    /// Rooms judged by one worker at a time.
    pub batch_size: usize,
    /// Time between two sweeps.
    pub sweep_every: Duration,
    /// Days after which refused messages and sent notices are deleted.
    pub keep_days: u32,
    /// Whether the bodies of refused messages are stored whole, for the days of setting up.
    pub keep_refused_bodies: bool,
    pub notify: Notify,
    pub consumer_count: usize,
    /// The intake over HTTP; `None` where messages come from RabbitMQ alone.
    pub http: Option<Http>,
    /// The hotels with metrics of their own; more share one.
    pub max_hotels: usize,
    pub incidents: Incidents,
    /// The address that a monitor outside is pinged at.
    pub heartbeat: Option<Secret>,
    pub log: Log,
}

/// Where messages come from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RabbitMq {
    pub host: String,
    pub port: u16,
    pub virtual_host: String,
    pub username: String,
    pub password: Secret,
    pub queue: String,
    /// The most messages that a consumer holds unacknowledged.
    pub prefetch: u16,
    /// Declare the queue (durable) instead of expecting it to exist.
    pub declare: bool,
    /// Whether connections are encrypted and the broker's certificate is verified.
    pub tls: bool,
    /// CA certificates (PEM) to verify the broker with; without them the machine's own.
    pub tls_ca: Option<PathBuf>,
    pub heartbeat_seconds: u16,
}

/// Where state and readings live.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MySql {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Secret,
    pub database: String,
    /// Connections that sweeps may use at a time.
    pub pool_size: u32,
    /// CA certificates (PEM) to verify the server with; with them connections are encrypted.
    pub tls_ca: Option<PathBuf>,
}

/// Where state and readings live without a server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Embedded {
    /// The file, from the working directory on.
    pub path: PathBuf,
}

/// Names of the meter table and its columns, safe to be quoted.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeterTable {
    pub table: String,
    /// Empty where the table has none.
    pub id: String,
    pub hotel_id: String,
    pub room_number: String,
    pub reading_value: String,
    pub script_time: String,
}

impl MeterTable {
    /// The column that numbers the rows; without one the table is read by time.
    pub fn id(&self) -> Option<&str> {
        Some(self.id.as_str()).filter(|id| !id.is_empty())
    }
}

/// The service's own HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Where it takes messages.
    pub listen: SocketAddr,
    /// Where it shows pages; `None` if that is at `listen`, or nowhere.
    pub page_listen: Option<SocketAddr>,
    pub access: Access,
    /// The key of the installation, as hexadecimal digits; `None` if it is in the database.
    pub key: Option<Secret>,
}

impl Http {
    /// Whether pages are at `listen`: only where no others can reach it, and without an address of
    /// their own.
    pub fn has_pages_at_listen(&self) -> bool {
        self.page_listen.is_none() && self.listen.ip().is_loopback()
    }

    /// Whether it listens where `other` does.
    pub fn has_addresses_of(&self, other: &Http) -> bool {
        (self.listen, self.page_listen) == (other.listen, other.page_listen)
    }
}

/// What is kept of incidents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incidents {
    /// Days after which closed ones are deleted.
    pub keep_days: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// A file to log to, in addition to standard output.
    pub file: Option<PathBuf>,
    /// Whether each line is a JSON object.
    pub json: bool,
    pub level: log::LevelFilter,
}

impl Default for RabbitMq {
    fn default() -> RabbitMq {
        RabbitMq {
            host: "127.0.0.1".into(),
            port: 5672,
            virtual_host: "/".into(),
            username: "guest".into(),
            password: Secret::default(),
            queue: String::new(),
            prefetch: 500,
            declare: false,
            tls: false,
            tls_ca: None,
            heartbeat_seconds: 10,
        }
    }
}

impl Default for MySql {
    fn default() -> MySql {
        MySql {
            host: "127.0.0.1".into(),
            port: 3306,
            user: "roomwatt".into(),
            password: Secret::default(),
            database: String::new(),
            pool_size: 4,
            tls_ca: None,
        }
    }
}

impl Default for Embedded {
    fn default() -> Embedded {
        Embedded {
            path: "roomwatt.db".into(),
        }
    }
}

impl Default for MeterTable {
    fn default() -> MeterTable {
        MeterTable {
            table: "smart_meter".into(),
            id: "id".into(),
            hotel_id: "hotel_id".into(),
            room_number: "room_number".into(),
            reading_value: "reading_value".into(),
            script_time: "script_time".into(),
        }
    }
}

/// All problems of a configuration, each with its place: a line of the file or a variable.
#[derive(Debug, Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigErrors(Vec<String>);

/// `[monitoring] key = value`, as the command line gives it.
#[derive(Clone, Debug)]
pub struct Setting {
    key: String,
    value: String,
    /// The option as it was written, for error messages.
    option: String,
}

impl Setting {
    /// Parses `key=value`; `option` is what stands before it on the command line, as `--set `.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn read(option: &str, text: &str) -> Result<Setting, String> {
        let (key, value) = text
            .split_once('=')
            .ok_or("expected key=value, as checkout_abnormal_threshold=0.3")?;
        let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
        Ok(Setting {
            option: format!("{option}{key}={value}"),
            key,
            value,
        })
    }

    pub fn key(&self) -> &str {
        &self.key
    }
}

impl std::str::FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Setting, String> {
        Setting::read("--set ", text)
    }
}

impl Config {
    /// Which part of refused messages is stored.
    pub fn refused_bodies(&self) -> RefusedBodies {
        RefusedBodies {
            fields: self.messages.fields.clone(),
            keep_whole: self.keep_refused_bodies,
        }
    }

    /// Loads `path` (without one the defaults), then applies the environment and `settings`.
    ///
    /// # Errors
    /// All problems, each with its place and its key.
    pub fn load(path: Option<&Path>, settings: &[Setting]) -> Result<Config, ConfigErrors> {
        let file = path.map_or("configuration".into(), |path| path.display().to_string());
        let wrong = |why| ConfigErrors(vec![format!("{file}:{why}")]);
        let text = match path.map(|path| files::read(path, files::CONFIGURATION)) {
            Some(Ok(bytes)) => {
                utf8(bytes).map_err(|(line, why)| wrong(format!("{line}: {why}")))?
            }
            Some(Err(error)) => return Err(wrong(format!(" can't be read: {error}"))),
            None => String::new(),
        };
        let mut config = read(&file, &text, environment(), settings).map_err(ConfigErrors)?;
        config.source.file = path.map(Path::to_owned);
        Ok(config)
    }

    /// The defaults with `settings` applied; the machine's file and environment are ignored.
    ///
    /// # Errors
    /// All problems, each with its place and its key.
    pub fn of_settings(settings: &[Setting]) -> Result<Config, ConfigErrors> {
        read("configuration", "", std::iter::empty(), settings).map_err(ConfigErrors)
    }
}

impl Config {
    /// Returns `self` if it has the servers' sections that a running service has: a file may be
    /// read while it is being written.
    ///
    /// # Errors
    /// The sections that are missing.
    pub fn with_servers_of(self, running: &Config) -> Result<Config, ConfigErrors> {
        let sections = [
            ("mysql", running.mysql.is_some() && self.mysql.is_none()),
            (
                "rabbitmq",
                running.rabbitmq.is_some() && self.rabbitmq.is_none(),
            ),
        ];
        let missing = sections.iter().filter(|(_, is_missing)| *is_missing);
        let missing: Vec<String> = missing.map(|(name, _)| missing_section(name)).collect();
        if missing.is_empty() {
            Ok(self)
        } else {
            Err(ConfigErrors(missing))
        }
    }

    /// This configuration with those values of `new` that may change without a restart: thresholds,
    /// the baseline rule, how the staff is notified, which monitor is pinged, and who may come in
    /// over HTTP.
    pub fn changed_by(&self, new: &Config) -> Config {
        let http = match (&self.http, &new.http) {
            // Who may come in was checked against the addresses that are listened at.
            (Some(old), Some(new)) if old.has_addresses_of(new) => Some(Http {
                access: new.access.clone(),
                ..old.clone()
            }),
            (old, _) => old.clone(),
        };
        let rules = Rules {
            thresholds: new.rules.thresholds,
            hotel_thresholds: new.rules.hotel_thresholds.clone(),
            room_thresholds: new.rules.room_thresholds.clone(),
            baseline: new.rules.baseline,
            ..self.rules.clone()
        };
        Config {
            source: new.source.clone(),
            rules,
            notify: new.notify.clone(),
            incidents: new.incidents.clone(),
            heartbeat: new.heartbeat.clone(),
            http,
            ..self.clone()
        }
    }
}

/// The error for a required section that is missing. Mostly the wrong file was read.
pub fn missing_section(name: &str) -> String {
    format!(
        "the configuration has no section [{name}]; --config names its file, and etc/roomwatt.toml \
         shows every key"
    )
}

/// The environment variables of this process. Names that are not UTF-8 can't be ours.
fn environment() -> impl Iterator<Item = (String, OsString)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
}

fn read(
    file: &str,
    text: &str,
    environment: impl Iterator<Item = (String, OsString)>,
    settings: &[Setting],
) -> Result<Config, Vec<String>> {
    let mut written = Written::read(file, text, environment, settings)?;
    let mut problems = written.take_problems();
    let checked = match written.take_raw() {
        Ok(raw) => check::check(raw, problems).map(|config| Config {
            source: Source {
                file: None,
                has_secrets: written.has_secrets,
                secret_files: std::mem::take(&mut written.secret_files),
            },
            ..config
        }),
        Err(problem) => {
            problems.push(problem);
            Err(problems)
        }
    };
    checked.map_err(|problems| written.report(&problems))
}

#[cfg(test)]
mod tests;
