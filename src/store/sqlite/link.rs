//! A connection that knows whether it still leads to the file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::store::StoreError;

use super::connect::{connect, in_file};
use super::{place, schema};

/// Which file a name leads to: its device and inode.
type Identity = (u64, u64);

/// A connection that knows which file it leads to. A file that is deleted or replaced lives on for
/// who has it open, and takes all that is written: for nobody.
pub(super) struct Link {
    path: PathBuf,
    conn: Connection,
    file: Identity,
}

impl Link {
    /// Opens a file that is there, with the layout that this program knows.
    ///
    /// # Errors
    /// [`StoreError::File`] with what is to be mended, or any other of the file.
    pub(super) fn open(path: &Path) -> Result<Link, StoreError> {
        // Looked at before it is opened: where another one takes its place meanwhile, the link is
        // taken for an old one.
        let Some(file) = identity(path) else {
            return Err(StoreError::File(format!(
                "there is no embedded database {}; see that embedded.path is right, the service \
                 creates it, or `roomwatt init-db`",
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

    /// Whether the name still leads to this file.
    pub(super) fn is_current(&self) -> bool {
        identity(&self.path) == Some(self.file)
    }

    /// Does `work`.
    ///
    /// # Errors
    /// Those of `work`, and [`StoreError::File`] where the file is no longer there afterwards: then
    /// nothing was written.
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
