use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{ROOMWATT, wait};

/// The running service.
pub struct Service {
    child: Child,
    log: PathBuf,
}

impl Service {
    pub(super) fn start(config: &Path, log: &Path, environment: &[(&str, &str)]) -> Service {
        Service::start_by(Command::new(ROOMWATT), config, log, environment)
    }

    /// Starts it by a command that runs the program with what follows.
    pub(super) fn start_by(
        mut command: Command,
        config: &Path,
        log: &Path,
        environment: &[(&str, &str)],
    ) -> Service {
        let out = File::create(log).expect("a log");
        let err = out.try_clone().expect("a log");
        let child = command
            .arg("run")
            .arg("--config")
            .arg(config)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .expect("the service starts");
        Service {
            child,
            log: log.to_owned(),
        }
    }

    /// Starts it with a full disk behind its output.
    pub fn start_with_full_disk(config: &Path) -> Service {
        let full = || {
            let mut options = File::options();
            options.write(true).open("/dev/full").expect("/dev/full")
        };
        let child = Command::new(ROOMWATT)
            .arg("run")
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(full())
            .stderr(full())
            .spawn()
            .expect("the service starts");
        Service {
            child,
            log: PathBuf::from("/dev/null"),
        }
    }

    /// All it has logged so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).expect("a log")).into_owned()
    }

    /// Waits until the log has a text.
    pub fn wait_for_log(&mut self, text: &str) {
        wait(&format!("the log to say {text:?}"), || {
            let log = self.log();
            if log.contains(text) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait().expect("a status") {
                panic!("the service has ended ({status}) before it logged {text:?}:\n{log}");
            }
            Err(log)
        });
    }

    /// Waits until a sweep that has begun by now, and another, are over.
    pub fn wait_for_sweeps(&self) {
        let sweeps = || self.log().matches("sweep: ").count();
        let before = sweeps();
        wait("two more sweeps", || match sweeps() - before {
            0 | 1 => Err(self.log()),
            _ => Ok(()),
        });
    }

    /// Waits until the queue is consumed.
    pub fn wait_until_ready(&mut self) {
        self.wait_for_log("consuming queue");
    }

    /// The most memory it has had at once, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(status).expect("its status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
        1_024 * peak.expect("a peak").parse::<u64>().expect("a number")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a pid");
        let pid = Pid::from_raw(pid).expect("a pid");
        kill_process(pid, signal).expect("a signal");
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a status")
    }

    /// Waits until it has ended by itself.
    pub fn wait_for_end(mut self) -> (ExitStatus, String) {
        let status = wait("the service to end", || {
            match self.child.try_wait().expect("a status") {
                Some(status) => Ok(status),
                None => Err(self.log()),
            }
        });
        (status, self.log())
    }

    /// SIGTERM; gives the log of a service that has stopped in order.
    pub fn stop(self) -> String {
        self.signal(Signal::TERM);
        let (status, log) = self.wait_for_end();
        assert!(status.success(), "stopped with {status}:\n{log}");
        log
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("a status");
    }
}

/// A test that fails leaves no service behind.
impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
