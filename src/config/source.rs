//! Where a configuration comes from, and who else can read it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The file of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    pub file: Option<PathBuf>,
    /// Whether it contains passwords, tokens or webhooks.
    pub has_secrets: bool,
    /// The files that it names for a secret each.
    pub secret_files: Vec<PathBuf>,
}

impl Source {
    /// A warning for each file whose secrets others can read.
    pub(super) fn exposed(&self) -> impl Iterator<Item = String> {
        let own = self.file.iter().filter(|_| self.has_secrets);
        let own = own.map(|file| (file, "secrets"));
        // Several keys may name one file.
        let named = BTreeSet::from_iter(&self.secret_files);
        let named = named.into_iter().map(|file| (file, "a secret"));
        own.chain(named)
            .filter_map(|(file, what)| exposed(file, what))
    }
}

/// The warning for a file that contains `what` and that others can read.
fn exposed(file: &Path, what: &str) -> Option<String> {
    let metadata = fs::metadata(file).ok().filter(fs::Metadata::is_file)?;
    let mode = metadata.permissions().mode();
    let user = rustix::process::geteuid();
    // The service may read another user's file through its group: no warning for that.
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
        "{file} holds {what}, and {who} can read it: {remedy} {file}"
    ))
}

/// Whether everybody may enter the folders that lead to a file.
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
    fn a_file_of_secrets_that_others_can_read_gets_a_warning_with_its_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("roomwatt.toml");
        fs::write(&file, "").expect("a file");
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
        };
        let is_root = rustix::process::geteuid().is_root();
        let of_group = Some("its group").filter(|_| !is_root);
        for (of_folder, of_file, expected) in [
            (0o755, 0o644, Some("everybody on this machine")),
            (0o755, 0o600, None),
            (0o700, 0o644, of_group),
            (0o755, 0o640, of_group),
        ] {
            set(folder.path(), of_folder);
            set(&file, of_file);
            let without = Source {
                file: Some(file.clone()),
                ..Source::default()
            };
            assert_eq!(without.exposed().count(), 0);
            let itself = Source {
                has_secrets: true,
                ..without.clone()
            };
            // Two keys name the same file.
            let named = Source {
                secret_files: vec![file.clone(), file.clone()],
                ..without
            };
            for (source, what) in [(itself, " holds secrets, "), (named, " holds a secret, ")] {
                let warnings: Vec<String> = source.exposed().collect();
                let count = usize::from(expected.is_some());
                assert_eq!(warnings.len(), count, "{warnings:?}");
                if let (Some(warning), Some(expected)) = (warnings.first(), expected) {
                    for part in [what, expected, ": chmod "] {
                        assert!(warning.contains(part), "{of_file:o}: {warning}");
                    }
                }
            }
        }
        assert_eq!(Source::default().exposed().count(), 0);
    }
}
