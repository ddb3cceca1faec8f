//! Files that an operator names. The name can be that of a named pipe or a device, and opening or
//! reading one could block without an end.

use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// The longest password, token or address. Bytes.
pub const SECRET: u64 = 64 * 1024;

/// The longest configuration, or part of one: thresholds, certificates. Bytes.
pub const CONFIGURATION: u64 = 64 * 1024 * 1024;

/// Descriptors inherited by this process: `/dev/stdin`, and those of a shell's `<(...)`.
const INHERITED: [&str; 3] = ["/dev/stdin", "/dev/fd/", "/proc/self/fd/"];

/// The device that is always empty, and never blocks.
const NOTHING: &str = "/dev/null";

/// Reads a regular file or an inherited descriptor, with `most` bytes at most.
///
/// # Errors
/// Errors of the system; and what to do if it is another kind of file, too long, or a pipe that has
/// been read already.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    if path == Path::new(NOTHING) {
        return Ok(Vec::new());
    }
    let is_inherited = path
        .to_str()
        .is_some_and(|name| INHERITED.iter().any(|known| name.starts_with(known)));
    let file = if is_inherited {
        File::open(path)?
    } else {
        open(path, File::options().read(true))?
    };
    let is_regular = file.metadata()?.is_file();
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let why = format!(
            "it is longer than {} KiB: is it the right one?",
            most / 1024
        );
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    if bytes.is_empty() && !is_regular {
        let why = "it is empty: a pipe can be read only once, and what is read again (at SIGHUP) \
                   has to be a regular file";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
    }
    Ok(bytes)
}

/// Opens a regular file to append to. If it does not exist, it is created for this user alone,
/// whatever the umask.
///
/// # Errors
/// Errors of the system; and what to do if it is another kind of file.
pub fn append(path: &Path) -> io::Result<File> {
    open(path, File::options().append(true).create(true).mode(0o600))
}

/// Checks that a path is a regular file, or does not exist yet.
///
/// # Errors
/// What else it is.
pub fn may_append(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) => regular(&metadata),
        // Opening it will report the error.
        Err(_) => Ok(()),
    }
}

/// Opens a regular file, which `options` may create.
fn open(path: &Path, options: &mut fs::OpenOptions) -> io::Result<File> {
    // Check before opening, too: the writer at the other end of a pipe would notice the opening.
    may_append(path)?;
    // By now the path may be another file, so opening must not block.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = options.custom_flags(flags).open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

fn regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let why = format!(
        "it is {}, and has to be a regular file",
        kind(metadata.file_type())
    );
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}

fn kind(file: FileType) -> &'static str {
    if file.is_dir() {
        "a folder"
    } else if file.is_fifo() {
        "a named pipe"
    } else if file.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    /// A folder with a named pipe that no process has open.
    fn pipe() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo").success());
        (folder, pipe)
    }

    #[test]
    fn other_kinds_of_files_are_refused() {
        let (folder, pipe) = pipe();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).expect("a link");
        for (path, what) in [
            (pipe.as_path(), "it is a named pipe"),
            (&link, "it is a named pipe"),
            (&socket, "it is a socket"),
            (folder.path(), "it is a folder"),
            (Path::new("/dev/zero"), "it is a device"),
            (Path::new("/dev/tty"), "it is a device"),
        ] {
            for error in [
                read(path, SECRET).expect_err("no file"),
                append(path).expect_err("no file"),
                may_append(path).expect_err("no file"),
            ] {
                assert!(error.to_string().starts_with(what), "{path:?}: {error}");
            }
        }
        // With a reader at the other end, opening it to write would succeed.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let _reader = File::options().read(true).custom_flags(flags).open(&pipe);
        append(&pipe).expect_err("still no file");
    }

    #[test]
    fn files_that_are_too_long_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "12345678").expect("a file");
        assert_eq!(read(&file, 8).expect("read"), b"12345678");
        let error = read(&file, 7).expect_err("too long");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read(Path::new(NOTHING), 7).expect("read"), b"");
        may_append(&folder.path().join("new")).expect("it may be made");
    }

    #[test]
    fn a_new_file_is_for_this_user_alone_and_an_old_one_keeps_its_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("log");
        let mode = || fs::metadata(&file).expect("a file").permissions().mode() & 0o777;
        append(&file).expect("made");
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
        append(&file).expect("opened");
        assert_eq!(mode(), 0o640);
    }
}
