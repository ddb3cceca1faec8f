use std::io::{self, Write};

use anyhow::anyhow;
use serde_json::json;

use crate::amqp;
use crate::clock::{Clock, SystemClock, unix_seconds};
use crate::config::Config;
use crate::escape;
use crate::finding::{Finding, Level};
use crate::heartbeat;
use crate::notify;
use crate::store::Database;
use crate::types::counted;

use super::{Code, ConfigFile, Failure};

/// Show what the configuration means, and check all that the service needs
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt check --config roomwatt.toml
  roomwatt check --online --config roomwatt.toml
  roomwatt check --online --json --config roomwatt.toml | jq 'select(.level != \"ok\")'

Each line begins with its level: ok, advice (it works, and could be better), warning (it works, but
not all of it as expected) or error. Nothing is changed, no message is taken and none is sent.
Exit code 0: no error; 75: something can't be reached now; 78: something has to be changed, whether
or not all can be reached.
")]
pub(super) struct Arguments {
    /// Also check RabbitMQ, the database, the meter table and its rooms, and the hosts of Feishu
    /// and of heartbeat.url
    #[arg(long)]
    online: bool,
    /// One JSON object a line for each finding; `exit` is the exit code that it causes
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.config.load(&[])?;
    let (mut unreachable, mut wrong) = (0, 0);
    let mut report = |finding: Finding| {
        match finding.level {
            Level::Ok | Level::Advice | Level::Warning => {}
            Level::Unreachable => unreachable += 1,
            Level::Wrong => wrong += 1,
        }
        print_finding(&finding, arguments.json);
    };
    if !arguments.json {
        for (name, meaning) in meaning(&config) {
            print(&format!("{name:12} {meaning}"));
        }
    }
    for warning in config.warnings(unix_seconds()) {
        report(Finding::new(Level::Warning, "configuration", warning));
    }
    if arguments.online {
        if let Some(rabbitmq) = &config.rabbitmq {
            amqp::check(rabbitmq, config.consumer_count, &mut report);
        }
        Database::of(&config).check(&config.rules, &mut report);
        notify::check(&config.notify, &mut report);
        if let Some(url) = &config.heartbeat {
            heartbeat::check(url, &mut report);
        }
    }
    let code = match (unreachable, wrong) {
        (0, 0) => return Ok(()),
        (_, 0) => Code::TryLater,
        _ => Code::Configuration,
    };
    let errors = match unreachable + wrong {
        1 => "1 error was".to_owned(),
        errors => format!("{errors} errors were"),
    };
    Err(Failure::new(code, anyhow!("{errors} found")))
}

/// What the configuration means, for an operator to confirm: names and their meanings. Never a
/// bot's address, which is a secret.
fn meaning(config: &Config) -> Vec<(&'static str, String)> {
    let zone = config.messages.zone;
    let meter = &config.meter;
    let rules = &config.rules;
    let mut meaning = Vec::new();
    if let Some(rabbitmq) = &config.rabbitmq {
        let server = format!("{}:{}", rabbitmq.host, rabbitmq.port);
        let queue = format!("{} of {server}, as {}", rabbitmq.queue, rabbitmq.username);
        meaning.push(("queue", queue));
    }
    if let Some(http) = &config.http {
        let access = &http.access;
        let clients = match access.tokens.len() {
            0 => "this machine's programs".to_owned(),
            1 => "clients that have the token".to_owned(),
            tokens => format!("clients that have one of {tokens} tokens"),
        };
        meaning.push(("http", format!("at {}, for {clients}", http.listen)));
        let place = match http.page_listen {
            Some(address) => Some(address),
            None => Some(http.listen).filter(|_| http.has_pages_at_listen()),
        };
        let people = match (access.users.len(), access.tokens.len()) {
            (0, 0) => "this machine's browsers".to_owned(),
            (0, _) => "nobody: there are no [[http.users]]".to_owned(),
            (users, _) => counted(users as u64, "person").replace("persons", "people"),
        };
        meaning.push((
            "pages",
            match place {
                Some(address) => format!("at {address}, for {people}"),
                None => "nowhere: set http.page_listen".to_owned(),
            },
        ));
    }
    match &config.mysql {
        Some(mysql) => {
            let server = format!("{}:{}", mysql.host, mysql.port);
            let database = format!("{} of {server}, as {}", mysql.database, mysql.user);
            meaning.push(("database", database));
            let columns = [
                meter.hotel_id.as_str(),
                &meter.room_number,
                &meter.reading_value,
                &meter.script_time,
                meter.id().unwrap_or("no id, read by time"),
            ];
            let table = format!("{}: {}", meter.table, columns.join(", "));
            meaning.push(("meter table", table));
        }
        None => {
            let path = &config.embedded.path;
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            meaning.push(("database", format!("embedded, {}", path.display())));
        }
    }
    let overrides = match (rules.hotel_thresholds.len(), rules.room_thresholds.len()) {
        (0, 0) => String::new(),
        (hotels, rooms) => format!(
            "; {} and {} have their own",
            counted(hotels as u64, "hotel"),
            counted(rooms as u64, "room")
        ),
    };
    meaning.push((
        "thresholds",
        format!(
            "more than {} kWh occupied, {} kWh vacant in {} minutes, {} times in a row{overrides}",
            rules.thresholds.checkin,
            rules.thresholds.checkout,
            rules.interval_seconds / 60,
            rules.alert_periods,
        ),
    ));
    for trial in notify::trials(&config.notify, None) {
        let to = match (trial.is_bot(), config.notify.routes.as_slice()) {
            (true, _) => format!("to {}", trial.label),
            (false, []) => "to the log".to_owned(),
            (false, _) => "to the log, for all other hotels".to_owned(),
        };
        meaning.push(("notices", to));
    }
    let now = SystemClock { zone }.now();
    meaning.push(("time zone", format!("{}, now {now}", zone.name())));
    meaning
}

fn print_finding(finding: &Finding, json: bool) {
    if !json {
        return print(&finding.to_string());
    }
    let exit = match finding.level {
        Level::Ok | Level::Advice | Level::Warning => 0,
        Level::Unreachable => Code::TryLater as u8,
        Level::Wrong => Code::Configuration as u8,
    };
    let object = json!({
        "level": finding.level.word(),
        "about": finding.about,
        "says": finding.says,
        "remedy": finding.remedy,
        "exit": exit,
    });
    // The reader may have closed the pipe.
    let _ = writeln!(io::stdout(), "{}", escape::json(&object.to_string()));
}

/// Prints a line. It may contain untrusted names, so it is escaped.
fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{}", escape::line(line.as_bytes()));
}
