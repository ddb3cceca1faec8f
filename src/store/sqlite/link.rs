//! A connection that notices when its file was deleted or replaced.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::store::StoreError;

use super::connect::{connect, in_file};
use super::{place, schema};

/// Identifies a file: its device and inode.
type Identity = (u64, u64);

/// A connection that knows which file it has open. A deleted or replaced file stays usable for
/// those who have it open, and everything written to it would be lost.
pub(super) struct Link {
    path: PathBuf,
    conn: Connection,
    file: Identity,
}

impl Link {
    /// Opens an existing file and checks that it has this program's layout.
    ///
    /// # Errors
    /// [`StoreError::File`] with a remedy, or any other of the file.
    pub(super) fn open(path: &Path) -> Result<Link, StoreError> {
        // Read before the file is opened: if it is replaced in between, the link is found to be
        // outdated.
        let Some(file) = identity(path) else {
            return Err(StoreError::File(format!(
                "there is no embedded database {}; check embedded.path; the service creates the \
                 file, or `roomwatt init-db`",
                path.display()
            )));
        };
        let open = || {
            let conn = connect(&place::resolve(path)?)?;
            schema::check(&conn)?;
            Ok(conn)
        };
        let conn = open().map_err(|error| in_file(path, error))?;
        Ok(Link {
            path: path.to_owned(),
            conn,
            file,
        })
    }

    /// Whether the path still leads to the open file.
    pub(super) fn is_current(&self) -> bool {
        identity(&self.path) == Some(self.file)
    }

    /// Does `work` on the connection.
    ///
    /// # Errors
    /// Those of `work`, and [`StoreError::File`] if the file was deleted or replaced meanwhile:
    /// what was written is lost then.
    pub(super) fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = work(&mut self.conn).map_err(|error| in_file(&self.path, error))?;
        if self.is_current() {
            return Ok(done);
        }
        let why = "it was deleted or replaced while it was in use; put it back";
        Err(in_file(&self.path, StoreError::File(why.to_owned())))
    }
}

fn identity(path: &Path) -> Option<Identity> {
    let file = fs::metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}
