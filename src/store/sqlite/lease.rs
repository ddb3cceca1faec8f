use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::store::{Lease, StoreError};

/// A lock on a file beside the database. The system frees it when the process ends, however that
/// comes about.
pub struct FileLease {
    path: PathBuf,
    /// Open while it is held.
    held: Option<File>,
}

impl FileLease {
    /// The lease on the database in this file.
    pub fn new(database: &Path) -> FileLease {
        let mut path = database.to_owned().into_os_string();
        path.push(".lock");
        FileLease {
            path: path.into(),
            held: None,
        }
    }
}

impl Lease for FileLease {
    /// Waits for nobody: whoever is refused asks again.
    fn acquire(&mut self, _patience: Duration) -> Result<bool, StoreError> {
        if self.held.is_some() {
            return Ok(true);
        }
        let fail = |error: std::io::Error| {
            StoreError::File(format!(
                "{}, beside the embedded database: {error}; the folder has to be there, and this user needs \
                 the right to write it",
                self.path.display()
            ))
        };
        let file = File::options()
            .create(true)
            .append(true)
            .open(&self.path)
            .map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {
                self.held = Some(file);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(fail(error)),
        }
    }
}
