//! Where a configuration comes from, and who else can read it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The file of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    pub file: Option<PathBuf>,
    /// Whether passwords, tokens or webhooks stand in it.
    pub has_secrets: bool,
}

impl Source {
    /// What to say where others can read the secrets in it.
    pub(super) fn exposed(&self) -> Option<String> {
        let file = self.file.as_deref().filter(|_| self.has_secrets)?;
        let metadata = fs::metadata(file).ok().filter(fs::Metadata::is_file)?;
        let mode = metadata.permissions().mode();
        let user = rustix::process::geteuid();
        // Of another's file, the group may be how the service reads it.
        let is_own = !user.is_root() && metadata.uid() == user.as_raw();
        let (who, remedy) = if mode & 0o004 != 0 && is_open(file) {
            let remedy = if is_own { "chmod 600" } else { "chmod o=" };
            ("everybody on this machine", remedy)
        } else if is_own && mode & 0o040 != 0 {
            ("its group", "chmod 600")
        } else {
            return None;
        };
        let file = file.display();
        Some(format!(
            "{file} holds secrets, and {who} can read it: {remedy} {file}"
        ))
    }
}

/// Whether everybody may pass through the folders that lead to a file.
fn is_open(file: &Path) -> bool {
    let Ok(file) = file.canonicalize() else {
        return true;
    };
    let mut folders = file.ancestors().skip(1);
    folders.all(|folder| {
        fs::metadata(folder).map_or(true, |folder| folder.permissions().mode() & 0o001 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_can_read_is_said_with_the_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("roomwatt.toml");
        fs::write(&file, "").expect("a file");
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
        };
        let is_root = rustix::process::geteuid().is_root();
        for (of_folder, of_file, has_secrets, expected) in [
            (0o755, 0o644, true, Some("everybody on this machine")),
            (0o755, 0o644, false, None),
            (0o755, 0o600, true, None),
            (0o700, 0o644, true, Some("its group").filter(|_| !is_root)),
            (0o755, 0o640, true, Some("its group").filter(|_| !is_root)),
        ] {
            set(folder.path(), of_folder);
            set(&file, of_file);
            let source = Source {
                file: Some(file.clone()),
                has_secrets,
            };
            let said = source.exposed();
            assert_eq!(said.is_some(), expected.is_some(), "{of_file:o}: {said:?}");
            if let (Some(said), Some(expected)) = (said, expected) {
                assert!(
                    said.contains(expected) && said.contains(": chmod "),
                    "{said}"
                );
            }
        }
        assert_eq!(Source::default().exposed(), None);
    }
}
