use std::path::Path;

use anyhow::anyhow;

use crate::app::{self, End, Servers};
use crate::config::Config;
use crate::logging;
use crate::store::Database;

use super::{Code, ConfigFile, Failure};

/// Run the service
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt run --config roomwatt.toml
  roomwatt run                             with /etc/roomwatt/roomwatt.toml
  roomwatt run --embedded                  without servers: all in roomwatt.db of this folder
  ROOMWATT_MYSQL__PASSWORD=... roomwatt run --config roomwatt.toml

SIGTERM stops it; messages taken before are written and acknowledged first. SIGHUP reopens the log
file and applies thresholds and the section [feishu]; a broken configuration changes nothing.
")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.config.load(&[])?;
    let servers = Servers {
        database: Database::of(&config),
        rabbitmq: config.rabbitmq.clone(),
    };
    // A database file that can't be used ends the start; servers that are down are retried.
    servers.database.verify_file()?;
    let log_file = logging::start(&config.log, config.messages.zone)
        .map_err(|error| Failure::new(Code::Configuration, anyhow!("log.file: {error}")))?;
    let path = arguments.config.path().map(Path::to_owned);
    let reread = move || Config::load(path.as_deref(), &[]);
    let end = app::run(config, &servers, reread, log_file);
    // Logs how many repeated lines were left out.
    log::logger().flush();
    match end {
        Ok(End::Stopped) => Ok(()),
        Ok(End::ThreadDied) => Err(Failure::new(
            Code::Bug,
            anyhow!("a thread died, see the log"),
        )),
        Ok(End::Outdated) => Err(Failure::new(
            Code::Configuration,
            anyhow!("a newer roomwatt has written the database, see the log"),
        )),
        Err(error) => Err(Failure::new(Code::TryLater, error)),
    }
}
