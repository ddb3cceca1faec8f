//! Resolves the configured path to the file's own path, which locks and SQLite's other files use.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// The most symbolic links that are followed, the same as the system's limit.
const MAX_LINKS: usize = 40;

const NO_FOLDER: &str = "it can't be opened; its folder must exist, and this user needs the right \
                         to read and write both";

/// The file's own path, with all links resolved. The file may be missing, but its folder must
/// exist.
///
/// # Errors
/// [`StoreError::Foreign`] if the path leads to something that must not be used as a database, or
/// [`StoreError::File`].
pub(super) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    let fail = |_| StoreError::File(NO_FOLDER.to_owned());
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::metadata(&path) {
            Ok(file) if !file.is_file() => {
                let why = "it is not a regular file; set embedded.path to another one";
                return Err(StoreError::Foreign(why.to_owned()));
            }
            // SQLite names its write-ahead log after the path, so two names would have two logs.
            Ok(file) if file.nlink() > 1 => {
                return Err(StoreError::Foreign(format!(
                    "the file has {} names (hard links), and data written under one may be missing \
                     under another; remove all but one, `find / -xdev -inum {}` lists them",
                    file.nlink(),
                    file.ino()
                )));
            }
            Ok(_) if is_mounted(&path) => {
                return Err(StoreError::Foreign(
                    "the file is mounted by itself (for example into a container), and SQLite's \
                     other files would not be kept with it; mount its folder instead"
                        .to_owned(),
                ));
            }
            Ok(_) => return fs::canonicalize(&path).map_err(fail),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(fail(error)),
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let Ok(target) = fs::read_link(&path) else {
            let folder = fs::canonicalize(folder).map_err(fail)?;
            let name = path.file_name();
            return name.map(|name| folder.join(name)).ok_or_else(|| {
                StoreError::Foreign("embedded.path is not the name of a file".to_owned())
            });
        };
        path = folder.join(target);
    }
    Err(StoreError::File(NO_FOLDER.to_owned()))
}

/// Whether a file is a mount point of its own, and so may have another name elsewhere. An older
/// system does not report this.
#[cfg(target_os = "linux")]
fn is_mounted(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    statx(CWD, path, AtFlags::empty(), StatxFlags::empty())
        .is_ok_and(|file| file.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mounted(_: &Path) -> bool {
    false
}

/// Creates an empty file for this user alone, if there is none. SQLite creates its other files with
/// the same mode.
///
/// # Errors
/// [`StoreError::Full`], or [`StoreError::File`] for any other error of the system.
pub(super) fn create(place: &Path) -> Result<(), StoreError> {
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600);
    match options.open(place) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == ErrorKind::StorageFull => {
            Err(StoreError::Full(error.to_string()))
        }
        Err(_) => Err(StoreError::File(NO_FOLDER.to_owned())),
    }
}

/// Removes the rights of others from the file and from the files beside it, because version 0.1
/// left them to the umask.
pub(super) fn keep_private(place: &Path) {
    for beside in ["", "-wal", "-shm", ".lock"] {
        let mut path = place.as_os_str().to_owned();
        path.push(beside);
        let path = Path::new(&path);
        let Ok(file) = fs::metadata(path) else {
            continue;
        };
        let mode = file.permissions().mode();
        if mode & 0o077 == 0 {
            continue;
        }
        let path_shown = path.display();
        match fs::set_permissions(path, Permissions::from_mode(mode & 0o700)) {
            Ok(()) => log::warn!(
                "other users of this machine had access to {path_shown}: it was set to mode 600, \
                 now only its owner has"
            ),
            Err(error) => log::warn!(
                "other users of this machine have access to {path_shown}, and this user can't \
                 change that ({error}): run chmod 600 {path_shown}"
            ),
        }
    }
}
