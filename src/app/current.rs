use std::sync::Arc;

use crossbeam_channel::Receiver;

use crate::clock::unix_seconds;
use crate::config::{Config, ConfigErrors};
use crate::figures::{Figure, Figures};
use crate::http::Doors;

/// The configuration in force, and what changes it.
pub(super) struct Current {
    pub(super) config: Config,
    /// Read again after each SIGHUP.
    pub(super) reloaded: Receiver<Result<Config, ConfigErrors>>,
    pub(super) figures: Arc<Figures>,
    /// Of the service's own HTTP.
    pub(super) doors: Arc<Doors>,
}

impl Current {
    pub(super) fn warn(&self) {
        for warning in self.config.warnings(unix_seconds()) {
            log::warn!("{warning}");
        }
    }

    /// Takes what may change under a running service from the configuration as it is by now;
    /// whether something has changed.
    pub(super) fn change(&mut self, new: Result<Config, ConfigErrors>) -> bool {
        let new = new.and_then(|new| new.with_servers_of(&self.config));
        let is_read = Figure::LastReloadSuccessful;
        self.figures.set(is_read, u64::from(new.is_ok()));
        let new = match new {
            Ok(new) => new,
            Err(errors) => {
                log::error!("SIGHUP: the configuration is wrong, the old one stays:\n{errors}");
                return false;
            }
        };
        let changed = self.config.changed_by(&new);
        if changed != new {
            let changes = changed.changes(&new).join("; ");
            log::warn!("SIGHUP: changes that need a restart: {changes}");
        }
        let is_other = changed.rules != self.config.rules
            || changed.notify != self.config.notify
            || changed.incidents != self.config.incidents
            || changed.heartbeat != self.config.heartbeat;
        let has_other_doors = changed.http != self.config.http;
        if let Some(http) = &changed.http {
            self.doors.change(&http.access);
        }
        log::info!(
            "SIGHUP: {}",
            match (is_other, has_other_doors) {
                (true, _) => "the configuration has changed",
                (false, true) => "who may come in over HTTP has changed",
                (false, false) => {
                    "thresholds and the sections [feishu], [incidents] and [heartbeat] are as they \
                     were"
                }
            }
        );
        self.config = changed;
        self.warn();
        is_other
    }
}
