use anyhow::anyhow;

use crate::store::Database;

use super::{Code, ConfigFile, Failure, print};

/// Make a new key of the installation: everybody has to log in again
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt rotate-key --config roomwatt.toml

Sessions, forms and links that were signed with the old key end. A running service uses the new one
within ten seconds. After somebody may have read the database or a backup of it, run this.
")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.config.load(&[])?;
    if config.http.as_ref().is_some_and(|http| http.key.is_some()) {
        let why = "the key is that of http.key or http.key_file: put a new one there \
                   (`openssl rand -hex 32`), and restart the service";
        return Err(Failure::new(Code::Configuration, anyhow!(why)));
    }
    let database = Database::of(&config);
    database.rotate_key()?;
    print(&format!(
        "{database} has a new key: within ten seconds everybody has to log in again"
    ));
    Ok(())
}
