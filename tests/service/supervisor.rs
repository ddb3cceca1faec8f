//! The service under those who start it: a real supervisord by the file that is shipped, and what
//! systemd notified.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use roomwatt::types::Stamp;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{LIMIT, ROOMWATT, Rig, wait};
use crate::{check_in, minutes_ago};

const SHIPPED: &str = include_str!("../../etc/supervisor/roomwatt.conf");

/// A supervisord of its own, with the service as its only program.
pub struct Supervisor {
    daemon: Child,
    pub config: PathBuf,
    log: PathBuf,
}

impl Supervisor {
    pub fn start(rig: &Rig) -> Supervisor {
        let folder = rig.config();
        let folder = folder.parent().expect("a folder");
        let log = folder.join("supervised.log");
        let mut program = SHIPPED.to_owned();
        for (shipped, here) in [
            ("/usr/local/bin/roomwatt", ROOMWATT),
            (
                "/etc/roomwatt/roomwatt.toml",
                rig.config().to_str().expect("UTF-8"),
            ),
            (
                "/var/log/roomwatt/roomwatt.log",
                log.to_str().expect("UTF-8"),
            ),
            ("user=roomwatt\n", ""),
        ] {
            assert!(program.contains(shipped), "{shipped}");
            program = program.replace(shipped, here);
        }
        let socket = folder.join("supervisor.sock");
        let daemon_log = folder.join("supervisord.log");
        let config = rig.file(
            "supervisord.conf",
            &format!(
                "[supervisord]\nnodaemon=true\nlogfile={daemon}\npidfile={folder}/supervisord.pid\n\
                 [unix_http_server]\nfile={socket}\n\
                 [rpcinterface:supervisor]\n\
                 supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
                 [supervisorctl]\nserverurl=unix://{socket}\n{program}",
                daemon = daemon_log.display(),
                folder = folder.display(),
                socket = socket.display(),
            ),
        );
        let daemon = Command::new("supervisord")
            .args(["-c", &config])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("supervisord starts; scripts/services installs it");
        Supervisor {
            daemon,
            config: config.into(),
            log,
        }
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let output = Command::new("supervisorctl")
            .arg("-c")
            .arg(&self.config)
            .args(arguments)
            .output()
            .expect("supervisorctl runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until supervisor says this of the service.
    fn wait_for_status(&self, part: &str) -> String {
        wait(&format!("supervisor to say {part:?}"), || {
            let printed = self.ask(&["status", "roomwatt"]);
            if printed.contains(part) {
                return Ok(printed);
            }
            Err(format!("{printed}\n{}", self.log()))
        })
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn wait_for_log(&self, part: &str) {
        wait(&format!("the log to say {part:?}"), || match self.log() {
            log if log.contains(part) => Ok(()),
            log => Err(log),
        });
    }

    /// Ends it and with it the service.
    pub fn stop(mut self) {
        self.ask(&["shutdown"]);
        wait("supervisord to end", || {
            let ended = self.daemon.try_wait().expect("a status");
            ended.map(drop).ok_or("it runs".to_owned())
        });
    }
}

/// A test that fails leaves nothing behind.
impl Drop for Supervisor {
    fn drop(&mut self) {
        self.ask(&["signal", "KILL", "roomwatt"]);
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

#[test]
fn it_is_restarted_after_a_crash_and_stopped_in_order() {
    let rig = Rig::new("supervised");
    let supervisor = Supervisor::start(&rig);
    supervisor.wait_for_log("consuming queue");
    rig.publish([check_in("H001", "101", minutes_ago(5)).as_str()]);
    rig.wait_for_rows("SELECT room_number FROM room_state", &["101".to_owned()]);
    let running = supervisor.wait_for_status("RUNNING");
    let pid = running
        .split("pid ")
        .nth(1)
        .and_then(|rest| rest.split(',').next());
    let pid: i32 = pid.expect(&running).parse().expect("a pid");
    kill_process(Pid::from_raw(pid).expect("a pid"), Signal::KILL).expect("killed");
    supervisor.wait_for_log("watching 1 room (epoch 2,");
    supervisor.wait_for_status("RUNNING");
    let printed = supervisor.ask(&["stop", "roomwatt"]);
    assert!(printed.contains("roomwatt: stopped"), "{printed}");
    supervisor.wait_for_log("stopped: everything taken is written");
    // Exit code 0; a process that had to be killed is logged with its signal.
    let daemon_log = rig.config().with_file_name("supervisord.log");
    let log = fs::read_to_string(daemon_log).expect("a log");
    assert!(log.contains("stopped: roomwatt (exit status 0)"), "{log}");
    supervisor.stop();
    rig.finish();
}

#[test]
fn servers_that_are_down_do_not_end_it() {
    let rig = Rig::new("supervisednone");
    // Nothing listens there.
    let config = fs::read_to_string(rig.config()).expect("a configuration");
    let lines = config.lines().map(|line| match line.split_once(" = ") {
        Some(("port", _)) => "port = 1",
        _ => line,
    });
    let nowhere: Vec<&str> = lines.collect();
    fs::write(rig.config(), nowhere.join("\n")).expect("a configuration");
    let supervisor = Supervisor::start(&rig);
    // Longer than startsecs: it counts as started, and is the same process all the while.
    supervisor.wait_for_status("RUNNING");
    supervisor.wait_for_log("waiting for the lease failed, retrying");
    assert_eq!(supervisor.log().matches(" starts: ").count(), 1);
    supervisor.stop();
    rig.finish();
}

#[test]
fn a_wrong_configuration_is_not_retried() {
    let rig = Rig::new("supervisedwrong");
    rig.configure("keep_days = 0");
    let supervisor = Supervisor::start(&rig);
    supervisor.wait_for_status("FATAL");
    // As often as docs/installing.md says, each line with its time.
    let log = supervisor.log();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 4, "{log}");
    for line in lines {
        let (time, error) = line.split_once(' ').expect(line);
        let time = Stamp::parse(time).expect(line);
        assert_eq!(time.offset_seconds, Some(8 * 3_600), "{line}");
        assert!(error.starts_with("ERROR [main] "), "{line}");
        let says = "monitoring.keep_days is 0, allowed is 1 to 3650";
        assert!(error.ends_with(says), "{line}");
    }
    supervisor.stop();
    rig.finish();
}

#[test]
fn both_supervisors_wait_longer_than_the_service_needs() {
    const UNIT: &str = include_str!("../../etc/systemd/roomwatt.service");
    let value = |text: &'static str, key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.expect(key)
    };
    let ending = include_str!("../../src/app/ending.rs");
    let drain = value(
        ending,
        "const DRAIN_TIMEOUT: Duration = Duration::from_secs(",
    );
    let drain: u64 = drain.trim_end_matches(");").parse().expect("seconds");
    assert!(drain < 30, "it promises to end in time");
    for (text, key) in [(SHIPPED, "stopwaitsecs="), (UNIT, "TimeoutStopSec=")] {
        let timeout: u64 = value(text, key).parse().expect("seconds");
        assert!(timeout >= 30 + 5, "{key}{timeout}");
    }
    // Neither restarts it after an error that a restart can't help; both do after all others.
    assert_eq!(value(UNIT, "RestartPreventExitStatus="), "64 78");
    assert_eq!(value(SHIPPED, "exitcodes="), "0,64,78");
    assert_eq!(value(UNIT, "Restart="), "on-failure");
    assert_eq!(value(SHIPPED, "autorestart="), "unexpected");
    assert_eq!(value(UNIT, "Type="), "notify");
}

#[test]
fn systemd_is_notified_of_the_status() {
    let mut rig = Rig::new("notified");
    let socket = rig.config().with_file_name("notify.sock");
    let notified = UnixDatagram::bind(&socket).expect("a socket");
    notified.set_read_timeout(Some(LIMIT)).expect("a timeout");
    let status = || {
        let mut text = [0; 256];
        let length = notified.recv(&mut text).expect("a notification");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let path = socket.to_str().expect("UTF-8");
    let service = rig.start_with(&[("NOTIFY_SOCKET", path)]);
    assert_eq!(status(), "READY=1\nSTATUS=waiting for the lease\n");
    assert_eq!(status(), "STATUS=watching rooms\n");
    let second = rig.start_with(&[("NOTIFY_SOCKET", path)]);
    assert_eq!(status(), "READY=1\nSTATUS=waiting for the lease\n");
    assert_eq!(status(), "STATUS=standing by\n");
    service.stop();
    assert_eq!(status(), "STOPPING=1\n");
    assert_eq!(status(), "STATUS=watching rooms\n");
    second.stop();
    rig.finish();
}

#[test]
fn the_watchdog_is_not_fed_while_a_thread_hangs() {
    let mut rig = Rig::new("watchdog");
    let socket = rig.config().with_file_name("notify.sock");
    let notified = UnixDatagram::bind(&socket).expect("a socket");
    notified.set_read_timeout(Some(LIMIT)).expect("a timeout");
    let path = socket.to_str().expect("UTF-8");
    let mut service = rig.start_with(&[
        ("NOTIFY_SOCKET", path),
        ("WATCHDOG_USEC", "2000000"),
        ("FAILPOINTS", "parse::before=pause"),
    ]);
    service.wait_until_ready();
    let fed = |times: usize| {
        let mut fed = 0;
        while fed < times {
            let mut text = [0; 256];
            let length = notified.recv(&mut text).expect("the watchdog is fed");
            fed += usize::from(&text[..length] == b"WATCHDOG=1\n");
        }
    };
    // No message has come: all threads wait.
    fed(5);
    rig.publish([check_in("H001", "101", minutes_ago(5)).as_str()]);
    service.wait_for_log(" for 1 s: systemd's watchdog is no longer fed");
    service.kill();
    rig.finish();
}
