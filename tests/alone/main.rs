//! The program without any server: what an operator names in its configuration, and what it says of
//! what strangers wrote.

#[path = "../support/mod.rs"]
mod support;

mod certificates;
mod names;
mod shown;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use support::{LIMIT, ROOMWATT, wait};

/// A folder with a configuration; the embedded database is in it, too.
struct Alone {
    folder: tempfile::TempDir,
}

impl Alone {
    fn new(text: &str) -> Alone {
        let folder = tempfile::tempdir().expect("a folder");
        let alone = Alone { folder };
        alone.configure(text);
        alone
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).expect("a file");
        path.display().to_string()
    }

    /// A named pipe that no other process has open.
    fn pipe(&self, name: &str) -> String {
        let path = self.path(name);
        let made = Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("mkfifo").success());
        path.display().to_string()
    }

    /// The configuration, with an address and a database of its own unless it names some.
    fn configure(&self, text: &str) {
        let mut text = text.to_owned();
        if !text.contains("[http]") {
            let [a, b, c] = std::array::from_fn(|_| fastrand::u8(1..255));
            text += &format!("\n[http]\nlisten = '127.{a}.{b}.{c}:8580'\n");
        }
        if !text.contains("[embedded]") {
            let file = self.path("hotel.db").display().to_string();
            text += &format!("[embedded]\npath = '{file}'\n");
        }
        self.file("roomwatt.toml", text);
    }

    fn command(&self, command: &[&str], config: &Path) -> Command {
        let mut program = Command::new(ROOMWATT);
        program.args(command).arg("--config").arg(config);
        program.stdin(Stdio::null()).current_dir(self.folder.path());
        program
    }

    /// What a command says that has to end by itself.
    fn run(&self, command: &[&str], config: &Path) -> (Option<i32>, String) {
        ended(self.command(command, config))
    }

    fn start(&self, stdin: Stdio) -> Running {
        self.start_by(self.command(&["run"], &self.path("roomwatt.toml")), stdin)
    }

    fn start_by(&self, mut command: Command, stdin: Stdio) -> Running {
        let log = self.path("stdout");
        let out = File::create(&log).expect("a log");
        command.stdin(stdin).stderr(out.try_clone().expect("a log"));
        let child = command.stdout(out).spawn().expect("it starts");
        Running { child, log }
    }
}

/// A command in a shell that has set limits before.
fn limited(limits: &str, command: &Command) -> Command {
    let mut shell = Command::new("bash");
    let script = format!("{limits}; exec \"$0\" \"$@\"");
    shell.args(["-c", &script]).arg(command.get_program());
    shell.args(command.get_args()).stdin(Stdio::null());
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}

/// The exit code and all output of what has to end by itself.
fn ended(mut command: Command) -> (Option<i32>, String) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let begun = Instant::now();
    while child.try_wait().expect("a status").is_none() {
        if begun.elapsed() > LIMIT {
            child.kill().expect("killed");
            let output = child.wait_with_output();
            panic!("{command:?} does not end: {output:?}");
        }
        std::thread::park_timeout(std::time::Duration::from_millis(20)); // between two checks
    }
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().expect("its output");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout) + &text(stderr))
}

/// The running service.
struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("a log")
    }

    fn wait_for_log(&mut self, text: &str) {
        wait(&format!("the log to say {text:?}"), || {
            let log = self.log();
            match self.child.try_wait().expect("a status") {
                _ if log.contains(text) => Ok(()),
                Some(status) => panic!("it has ended ({status}):\n{log}"),
                None => Err(log),
            }
        });
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        kill_process(Pid::from_raw(pid).expect("a pid"), signal).expect("a signal");
    }

    fn wait_for_end(mut self) -> (ExitStatus, String) {
        let status = wait("the service to end", || {
            let status = self.child.try_wait().expect("a status");
            status.ok_or_else(|| self.log())
        });
        (status, self.log())
    }
}

/// A test that fails leaves no service behind.
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
