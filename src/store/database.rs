use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{self, Config};
use crate::engine::Rules;
use crate::finding::Report;
use crate::types::Zone;

use super::{
    Archive, FileLease, InstallationKey, Lease, MeterWriter, MySqlArchive, MySqlLease, MySqlOutbox,
    MySqlReader, MySqlRejected, MySqlStore, OutboxRows, Reader, RejectedMessages, SqliteFile,
    SqliteOutbox, SqliteRejected, SqliteStore, StateStore, StoreError, mysql, sqlite,
};

/// The database of a configuration. It makes the readers and writers for its kind of store.
#[derive(Clone)]
pub struct Database {
    place: Place,
    zone: Zone,
}

#[derive(Clone)]
enum Place {
    MySql {
        server: Box<config::MySql>,
        meter: config::MeterTable,
    },
    Embedded(PathBuf),
}

/// Where it is, for the log.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::MySql { server, .. } => {
                let config::MySql {
                    database,
                    host,
                    port,
                    ..
                } = &**server;
                write!(f, "database {database} of {host}:{port}")
            }
            Place::Embedded(path) => write!(f, "embedded database {}", path.display()),
        }
    }
}

impl Database {
    /// The database of a configuration: the server of `[mysql]`, or else the embedded one.
    pub fn of(config: &Config) -> Database {
        let place = match &config.mysql {
            Some(server) => Place::MySql {
                server: Box::new(server.clone()),
                meter: config.meter.clone(),
            },
            None => Place::Embedded(config.embedded.path.clone()),
        };
        Database {
            place,
            zone: config.messages.zone,
        }
    }

    /// Checks that the file of an embedded database is not another program's. A server is not
    /// asked before it is needed.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] if it is.
    pub fn verify_file(&self) -> Result<(), StoreError> {
        match &self.place {
            Place::MySql { .. } => Ok(()),
            Place::Embedded(path) => sqlite::verify_file(path),
        }
    }

    /// Checks the database and the meter table for an operator, without changing anything.
    pub fn check(&self, rules: &Rules, report: Report<'_>) {
        match &self.place {
            Place::MySql { server, meter } => mysql::check(server, meter, rules, self.zone, report),
            Place::Embedded(path) => sqlite::check(path, rules, report),
        }
    }

    /// The writer of the state. It connects when it is first used, as the other parts do.
    pub fn store(&self) -> Box<dyn StateStore> {
        match &self.place {
            Place::MySql { server, .. } => Box::new(MySqlStore::new(server, self.zone)),
            Place::Embedded(path) => Box::new(SqliteStore::new(path)),
        }
    }

    /// The reader for sweeps and notifiers.
    pub fn reader(&self) -> Arc<dyn Reader> {
        match &self.place {
            Place::MySql { server, meter } => {
                Arc::new(MySqlReader::new(server, meter.clone(), self.zone))
            }
            Place::Embedded(path) => Arc::new(SqliteFile::new(path, self.zone)),
        }
    }

    /// The writer of readings; `None` with a server, whose meter table belongs to others.
    pub fn meter_writer(&self) -> Option<Arc<dyn MeterWriter>> {
        match &self.place {
            Place::MySql { .. } => None,
            Place::Embedded(path) => Some(Arc::new(SqliteFile::new(path, self.zone))),
        }
    }

    /// The lease that keeps other instances on standby.
    pub fn lease(&self) -> Box<dyn Lease> {
        match &self.place {
            Place::MySql { server, .. } => Box::new(MySqlLease::new(server, self.zone)),
            Place::Embedded(path) => Box::new(FileLease::new(path)),
        }
    }

    /// The reader of past stays and readings.
    pub fn archive(&self) -> Box<dyn Archive> {
        match &self.place {
            Place::MySql { server, meter } => {
                Box::new(MySqlArchive::new(server, meter.clone(), self.zone))
            }
            Place::Embedded(path) => Box::new(SqliteFile::new(path, self.zone)),
        }
    }

    /// The outbox for an operator.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    pub fn outbox(&self) -> Result<Box<dyn OutboxRows>, StoreError> {
        Ok(match &self.place {
            Place::MySql { server, .. } => Box::new(MySqlOutbox::open(server, self.zone)?),
            Place::Embedded(path) => Box::new(SqliteOutbox(SqliteFile::new(path, self.zone))),
        })
    }

    /// The refused messages for an operator.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    pub fn rejected(&self) -> Result<Box<dyn RejectedMessages>, StoreError> {
        Ok(match &self.place {
            Place::MySql { server, .. } => Box::new(MySqlRejected::open(server, self.zone)?),
            Place::Embedded(path) => Box::new(SqliteRejected(SqliteFile::new(path, self.zone))),
        })
    }

    /// The key of the installation, which `init` makes; `None` where it has not yet.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    pub fn installation_key(&self) -> Result<Option<InstallationKey>, StoreError> {
        match &self.place {
            Place::MySql { server, .. } => mysql::installation_key(server, self.zone),
            Place::Embedded(path) => sqlite::installation_key(path),
        }
    }

    /// Puts a new key in the place of the installation's: what was signed with the old one ends.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or of missing rights.
    pub fn rotate_key(&self) -> Result<(), StoreError> {
        let key = InstallationKey::random()?;
        match &self.place {
            Place::MySql { server, .. } => mysql::rotate_key(server, self.zone, &key),
            Place::Embedded(path) => sqlite::rotate_key(path, &key),
        }
    }

    /// Creates the tables or migrates them to this version. Calls `applied` with the name of each
    /// SQL file that it applies, and returns their number.
    ///
    /// # Errors
    /// [`StoreError::Newer`] if a newer version of this program has migrated the database, or any
    /// other of the connection or of missing rights.
    pub fn init(&self, applied: &dyn Fn(&str)) -> Result<usize, StoreError> {
        match &self.place {
            Place::MySql { server, .. } => mysql::init_db(server, self.zone, applied),
            Place::Embedded(path) => sqlite::init_file(path, applied),
        }
    }
}
