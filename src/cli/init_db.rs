use anyhow::anyhow;

use crate::clock::{Clock, SystemClock};
use crate::store::{self, Database, StoreError};

use super::{Code, ConfigFile, Failure, load, tell};

/// Create the tables, or bring them up to date
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt init-db --config roomwatt.toml

  roomwatt init-db --adopt --config roomwatt.toml

Existing tables of the original program stay as they are. The database itself must exist:
  CREATE DATABASE hotel CHARACTER SET utf8mb4;
The embedded database, which is used without a section [mysql], is created.
")]
pub(super) struct Arguments {
    /// Watch the rooms that the original program has left in electricity_monitoring: for the day of
    /// moving over, with neither program running
    #[arg(long)]
    adopt: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = load(arguments.config.config.as_deref(), &[])?;
    let original = match arguments.adopt {
        true => Some(super::needed(config.mysql.as_ref(), "mysql")?),
        false => None,
    };
    let database = Database::of(&config);
    let applied = |name: &str| tell(&format!("applied {name}"));
    database.init(&applied).map_err(explained)?;
    tell(&format!("{database} is up to date"));
    if let Some(mysql) = original {
        let zone = config.messages.zone;
        let now = SystemClock { zone }.now();
        let adopted = store::adopt(
            mysql,
            zone,
            &config.rules,
            now,
            config.messages.max_ahead_seconds,
        )
        .map_err(explained)?;
        tell(&format!(
            "adopted {} rooms; {} had a watch already, {} rows name no room or no stay, \
             {} are of stays too far ahead",
            adopted.rooms, adopted.known, adopted.unreadable, adopted.ahead
        ));
    }
    Ok(())
}

/// Who is about to set the database up lacks a right, not that.
fn explained(error: StoreError) -> Failure {
    match error {
        StoreError::NotSetUp(said) => {
            let error = anyhow!("{said}; sql/grants-init.sql has the rights that init-db needs");
            Failure::new(Code::Configuration, error)
        }
        other => other.into(),
    }
}
