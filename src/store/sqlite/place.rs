//! Which file a name leads to. Locks and SQLite's files beside it go by that, not by the name.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// Links that lead to one another, as many as the system follows.
const MOST_LINKS: usize = 40;

const NO_FOLDER: &str = "it can't be opened; its folder has to be there, and this user needs the \
                         right to read and write both";

/// The file's own path, whatever links lead to it. It need not be there yet, but its folder does.
///
/// # Errors
/// [`StoreError::Foreign`] where the name leads to what no database may be, or
/// [`StoreError::File`].
pub(super) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    let fail = |_| StoreError::File(NO_FOLDER.to_owned());
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::metadata(&path) {
            Ok(file) if !file.is_file() => {
                let why = "it is no regular file; have embedded.path name another one";
                return Err(StoreError::Foreign(why.to_owned()));
            }
            // SQLite keeps its log of writes beside the name: with two names there are two of them.
            Ok(file) if file.nlink() > 1 => {
                return Err(StoreError::Foreign(format!(
                    "the file has {} names (hard links), and what is written under one can't be \
                     found under another; remove all but one, `find / -xdev -inum {}` lists them",
                    file.nlink(),
                    file.ino()
                )));
            }
            Ok(_) if is_mounted(&path) => {
                return Err(StoreError::Foreign(
                    "the file is mounted by itself (as one file of a container's), and what is \
                     kept beside it can't be found where it comes from; have its folder mounted"
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
                StoreError::Foreign("embedded.path is no name of a file".to_owned())
            });
        };
        path = folder.join(target);
    }
    Err(StoreError::File(NO_FOLDER.to_owned()))
}

/// Whether a file is a mount of its own: another name of it that no link shows. An older system
/// does not tell.
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

/// Creates an empty file for this user alone, if there is none. SQLite gives those beside it the
/// same mode.
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

/// Takes the rights of others from the file, and from what is beside it: version 0.1 left them to
/// the umask. What SQLite makes beside it from now on has the mode of the file.
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
                "others on this machine could use {path_shown}: from now on only its user can \
                 (mode 600)"
            ),
            Err(error) => log::warn!(
                "others on this machine can use {path_shown}, and this user can't change that \
                 ({error}): chmod 600 {path_shown}"
            ),
        }
    }
}
