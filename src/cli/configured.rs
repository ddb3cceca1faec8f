//! The configuration that a command works with: one rule for all of them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::config::{Config, Embedded, Setting, missing_section};

use super::{Code, Failure};

/// Where an installed service has its configuration.
const INSTALLED: &str = "/etc/roomwatt/roomwatt.toml";

/// The options that commands share.
#[derive(clap::Args)]
pub(super) struct ConfigFile {
    /// Configuration file [default: /etc/roomwatt/roomwatt.toml, where it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Without a configuration file: defaults, the database roomwatt.db of this folder, messages over
    /// HTTP
    #[arg(long, conflicts_with = "config")]
    embedded: bool,
}

impl ConfigFile {
    /// The file that is read, if there is one.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.config {
            Some(path) => Some(path),
            None if self.embedded => None,
            None => Some(Path::new(INSTALLED)).filter(|path| is_there(path)),
        }
    }

    /// The configuration of a command that works with the service's database or servers. Which ones
    /// has to be said: by a file, by `--embedded`, or by variables.
    pub(super) fn load(&self, settings: &[Setting]) -> Result<Config, Failure> {
        let path = self.path();
        let config = load(path, settings)?;
        let usage = |error| Err(Failure::new(Code::Usage, error));
        if self.embedded && config.mysql.is_some() {
            return usage(anyhow!(
                "--embedded is for the embedded database, and a variable ROOMWATT_MYSQL__... names a server"
            ));
        }
        let is_said = self.embedded || config.mysql.is_some();
        if path.is_none() && !is_said && config.embedded == Embedded::default() {
            let default = &config.embedded.path;
            let hint = if is_there(default) {
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

    /// The configuration of a command that looks at files, or shows an example: the defaults, unless
    /// one is named.
    pub(super) fn load_named(&self, settings: &[Setting]) -> Result<Config, Failure> {
        load(self.config.as_deref(), settings)
    }
}

/// What can't be looked at is there: to read it says why not.
fn is_there(path: &Path) -> bool {
    !matches!(fs::metadata(path), Err(error) if error.kind() == ErrorKind::NotFound)
}

/// Loads a configuration. Where only the command's own options are wrong, it is the command line
/// that is.
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

/// A section that a command can't do without.
pub(super) fn needed<'a, T>(section: Option<&'a T>, name: &str) -> Result<&'a T, Failure> {
    section.ok_or_else(|| {
        let error = anyhow!(missing_section(name));
        Failure::new(Code::Configuration, error)
    })
}
