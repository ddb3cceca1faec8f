use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{self, Config};
use crate::engine::Rules;
use crate::finding::Report;
use crate::types::Zone;

use super::{
    Archive, FileLease, Lease, MeterWriter, MySqlArchive, MySqlLease, MySqlOutbox, MySqlReader,
    MySqlRejected, MySqlStore, OutboxRows, Reader, RejectedMessages, SqliteFile, SqliteOutbox,
    SqliteRejected, SqliteStore, StateStore, StoreError, mysql, sqlite,
};

/// The database that a configuration names, and what can be opened there.
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

/// For the log: where it is.
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
    /// The database of a configuration: without a server, the embedded one.
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

    /// Sees that an embedded database may be written; a server is asked when it is needed.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] where the file is somebody else's.
    pub fn recognise(&self) -> Result<(), StoreError> {
        match &self.place {
            Place::MySql { .. } => Ok(()),
            Place::Embedded(path) => sqlite::recognise_file(path),
        }
    }

    /// Looks at it, and at the meter table that the rules are for, and changes nothing.
    pub fn check(&self, rules: &Rules, report: Report<'_>) {
        match &self.place {
            Place::MySql { server, meter } => mysql::check(server, meter, rules, self.zone, report),
            Place::Embedded(path) => sqlite::check(path, rules, report),
        }
    }

    /// The state's writer; it connects when it is needed.
    pub fn store(&self) -> Box<dyn StateStore> {
        match &self.place {
            Place::MySql { server, .. } => Box::new(MySqlStore::new(server, self.zone)),
            Place::Embedded(path) => Box::new(SqliteStore::new(path)),
        }
    }

    /// What sweeps and notifiers read by; it connects when it is needed.
    pub fn reader(&self) -> Arc<dyn Reader> {
        match &self.place {
            Place::MySql { server, meter } => {
                Arc::new(MySqlReader::new(server, meter.clone(), self.zone))
            }
            Place::Embedded(path) => Arc::new(SqliteFile::new(path, self.zone)),
        }
    }

    /// What adds readings, where the meter table is ours.
    pub fn meter_writer(&self) -> Option<Arc<dyn MeterWriter>> {
        match &self.place {
            Place::MySql { .. } => None,
            Place::Embedded(path) => Some(Arc::new(SqliteFile::new(path, self.zone))),
        }
    }

    /// What keeps a second instance away.
    pub fn lease(&self) -> Box<dyn Lease> {
        match &self.place {
            Place::MySql { server, .. } => Box::new(MySqlLease::new(server, self.zone)),
            Place::Embedded(path) => Box::new(FileLease::new(path)),
        }
    }

    /// What is kept of the past; it connects when it is needed.
    pub fn archive(&self) -> Box<dyn Archive> {
        match &self.place {
            Place::MySql { server, meter } => {
                Box::new(MySqlArchive::new(server, meter.clone(), self.zone))
            }
            Place::Embedded(path) => Box::new(SqliteFile::new(path, self.zone)),
        }
    }

    /// The outbox as an operator sees it.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    pub fn outbox(&self) -> Result<Box<dyn OutboxRows>, StoreError> {
        Ok(match &self.place {
            Place::MySql { server, .. } => Box::new(MySqlOutbox::open(server, self.zone)?),
            Place::Embedded(path) => Box::new(SqliteOutbox(SqliteFile::new(path, self.zone))),
        })
    }

    /// The refused messages as an operator sees them.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    pub fn rejected(&self) -> Result<Box<dyn RejectedMessages>, StoreError> {
        Ok(match &self.place {
            Place::MySql { server, .. } => Box::new(MySqlRejected::open(server, self.zone)?),
            Place::Embedded(path) => Box::new(SqliteRejected(SqliteFile::new(path, self.zone))),
        })
    }

    /// Creates the tables, or brings them up to date; gives the number of files that were
    /// `applied`, which is told the name of each.
    ///
    /// # Errors
    /// [`StoreError::Newer`] where a newer version of this program has been before, or any other of
    /// the connection or of missing rights.
    pub fn init(&self, applied: &dyn Fn(&str)) -> Result<usize, StoreError> {
        match &self.place {
            Place::MySql { server, .. } => mysql::init_db(server, self.zone, applied),
            Place::Embedded(path) => sqlite::init_file(path, applied),
        }
    }
}
