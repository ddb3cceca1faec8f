use anyhow::anyhow;

use crate::app::{self, End};
use crate::logging;

use super::{Code, ConfigFile, Failure, load};

/// Run the service
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt run --config /etc/roomwatt/roomwatt.toml
  ROOMWATT_MYSQL__PASSWORD=... roomwatt run --config roomwatt.toml

SIGTERM stops it: what was taken is written and acknowledged first.
")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = load(arguments.config.config.as_deref(), &[])?;
    let mysql = super::needed(config.mysql.as_ref(), "mysql")?;
    let rabbitmq = super::needed(config.rabbitmq.as_ref(), "rabbitmq")?;
    let log_file = logging::start(&config.log, config.messages.zone)
        .map_err(|error| Failure::new(Code::Configuration, anyhow!("log.file: {error}")))?;
    match app::run(&config, mysql, rabbitmq, log_file) {
        Ok(End::Stopped) => Ok(()),
        Ok(End::ThreadDied) => Err(Failure::new(
            Code::Bug,
            anyhow!("a thread died, see the log"),
        )),
        Err(error) => Err(Failure::new(Code::TryLater, error)),
    }
}
