use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::files;
use crate::store::{Lease, StoreError};

use super::connect::{self, in_file};
use super::place;

/// The lease as a lock on a file beside the database. It uses the database's own path, so that
/// links to the database lead to the same lock. The system releases it when the process ends in any
/// way.
pub struct FileLease {
    database: PathBuf,
    /// The locked file, while the lease is held.
    held: Option<File>,
}

impl FileLease {
    /// The lease on the database in this file.
    pub fn new(database: &Path) -> FileLease {
        FileLease {
            database: database.to_owned(),
            held: None,
        }
    }

    /// Opens the lock file, or creates it unless the database is another program's.
    fn open(&self) -> Result<File, StoreError> {
        let database = place::resolve(&self.database)?;
        if database.exists() {
            connect::open(&database)?;
        }
        let mut lock = database.into_os_string();
        lock.push(".lock");
        let lock = Path::new(&lock);
        files::append(lock).map_err(|error| {
            StoreError::File(format!(
                "its lock {}: {error}; this user needs the right to write it and its folder",
                lock.display()
            ))
        })
    }
}

impl Lease for FileLease {
    /// Never waits; the caller tries again.
    fn acquire(&mut self, _timeout: Duration) -> Result<bool, StoreError> {
        if self.held.is_some() {
            return Ok(true);
        }
        let file = self
            .open()
            .map_err(|error| in_file(&self.database, error))?;
        match file.try_lock() {
            Ok(()) => {
                self.held = Some(file);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => {
                let why = StoreError::File(format!("its lock: {error}"));
                Err(in_file(&self.database, why))
            }
        }
    }
}
