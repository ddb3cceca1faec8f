//! What the operator reads.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use roomwatt::types::Stamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::supervisor::Supervisor;
use crate::support::{ROOMWATT, Rig, wait};
use crate::{check_in, minutes_ago};

#[test]
fn a_log_file_that_was_moved_is_reopened() {
    let mut rig = Rig::new("logfile");
    let path = rig.file("roomwatt-file.log", "");
    rig.reconfigure("[log]\n", &format!("[log]\nfile = '{path}'\njson = true\n"));
    let mut service = rig.start();
    service.wait_until_ready();
    let moved = format!("{path}.1.log");
    fs::rename(&path, &moved).expect("moved");
    service.signal(Signal::HUP);
    service.wait_for_log("SIGHUP");
    rig.publish([
        check_in("H\"1", "101", minutes_ago(5)).as_str(),
        "no message",
    ]);
    service.wait_for_log("was refused and kept");
    service.stop();
    let lines = |path: &str| -> Vec<Value> {
        let text = fs::read_to_string(path).expect("a log");
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    };
    let says = |lines: &[Value], part: &str| {
        let has_part = |line: &Value| line["message"].as_str().expect("a text").contains(part);
        lines.iter().any(has_part)
    };
    let (before, after) = (lines(&moved), lines(&path));
    assert!(says(&before, "consuming queue") && !says(&before, "stopped"));
    assert!(says(&after, "was refused and kept") && says(&after, "stopped"));
    let is_of_main = |line: &&Value| line["thread"] == "main";
    let line = after.iter().find(is_of_main).expect("a line of main");
    assert_eq!(line["level"], "INFO");
    let time = line["time"].as_str().expect("a time");
    let time = Stamp::parse(time).expect("one that others can read");
    assert_eq!(time.offset_seconds, Some(8 * 3_600), "{line}");
    rig.finish();
}

/// Rotates the service's log by the file that is shipped, on a machine where `PATH` begins with
/// these programs.
fn rotate(rig: &Rig, path: &str, programs: &[(&str, &str)]) {
    let shipped = include_str!("../../etc/logrotate.d/roomwatt");
    let there = "/var/log/roomwatt/roomwatt.log {";
    assert!(shipped.contains(there));
    let config = rig.file(
        "logrotate.conf",
        &shipped.replace(there, &format!("{path} {{")),
    );
    let folder = rig.config().with_file_name("programs");
    fs::create_dir(&folder).expect("a folder");
    for (name, script) in programs {
        let program = folder.join(name);
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a program");
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("it can be run");
    }
    let state = rig.config().with_file_name("logrotate.state");
    let output = Command::new("/usr/sbin/logrotate")
        .arg("--force")
        .arg("--state")
        .args([state, config.into()])
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .output()
        .expect("it comes with RabbitMQ's package");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
}

fn assert_rotated(path: &str) {
    let read = |path: &str| fs::read_to_string(path).expect("a log");
    let (before, after) = (read(&format!("{path}.1")), read(path));
    assert!(before.contains("consuming queue") && !before.contains("stopped: "));
    assert!(after.contains("stopped: ") && !after.contains("starts: "));
}

#[test]
fn logrotate_takes_the_file_under_systemd() {
    let mut rig = Rig::new("logrotate");
    let path = rig.file("roomwatt-file.log", "");
    rig.reconfigure("[log]\n", &format!("[log]\nfile = '{path}'\n"));
    let mut service = rig.start();
    service.wait_until_ready();
    // No systemd runs here: this is what is asked of it.
    let systemctl = format!(
        "case \"$*\" in\n\
         'is-active --quiet roomwatt.service') ;;\n\
         'kill --signal=HUP roomwatt.service') kill -HUP {} ;;\n\
         *) echo \"$*\" >&2; exit 1 ;;\nesac",
        service.pid()
    );
    let unasked = "echo \"$0 $*\" >&2; exit 1";
    let programs = [
        ("systemctl", systemctl.as_str()),
        ("supervisorctl", unasked),
    ];
    rotate(&rig, &path, &programs);
    service.wait_for_log("SIGHUP");
    service.stop();
    assert_rotated(&path);
    rig.finish();
}

#[test]
fn logrotate_takes_the_file_under_supervisor() {
    let rig = Rig::new("logrotatesupervisor");
    let path = rig.file("roomwatt-file.log", "");
    rig.reconfigure("[log]\n", &format!("[log]\nfile = '{path}'\n"));
    let supervisor = Supervisor::start(&rig);
    supervisor.wait_for_log("consuming queue");
    let ours = supervisor.config.display();
    let supervisorctl = format!("exec /usr/bin/supervisorctl -c {ours} \"$@\"");
    // Some machines have both.
    let programs = [
        ("systemctl", "exit 3"),
        ("supervisorctl", supervisorctl.as_str()),
    ];
    rotate(&rig, &path, &programs);
    supervisor.wait_for_log("SIGHUP");
    supervisor.stop();
    assert_rotated(&path);
    rig.finish();
}

#[test]
fn many_bad_messages_log_a_hundred_lines() {
    let mut rig = Rig::new("manylines");
    let mut service = rig.start();
    service.wait_until_ready();
    rig.publish(["no message"; 150]);
    wait("all to be kept", || {
        match rig.rows::<u32>("SELECT COUNT(*) FROM rejected_message")[..] {
            [150] => Ok(()),
            ref other => Err(format!("{other:?}")),
        }
    });
    // By itself: no other message comes.
    let counted = " lines like this one left out: a message from ";
    service.wait_for_log(counted);
    rig.publish(["no message"; 7]);
    wait("all to be kept", || {
        match rig.rows::<u32>("SELECT COUNT(*) FROM rejected_message")[..] {
            [157] => Ok(()),
            ref other => Err(format!("{other:?}")),
        }
    });
    let log = service.stop();
    // Whether those 7 came in the same minute or in the next one: each is written or counted.
    let lines = log
        .lines()
        .filter(|line| line.contains("was refused and kept"));
    let (mut written, mut left_out) = (0, 0);
    for line in lines {
        match line.split_once(counted) {
            Some((before, _)) => {
                let count = before.rsplit(' ').next().expect("a word");
                left_out += count.parse::<u32>().expect(line);
            }
            None => written += 1,
        }
    }
    assert!(written >= 100 && written + left_out == 157, "{log}");
    assert!(log.contains("157 refused;"), "{log}");
    rig.finish();
}

#[test]
fn a_closed_log_does_not_stop_the_service() {
    let rig = Rig::new("nobodyreads");
    let mut child = Command::new(ROOMWATT)
        .args(["run", "--config"])
        .arg(rig.config())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the service starts");
    let mut first = String::new();
    let out = child.stdout.take().expect("its output");
    // The first line is read, then the pipe is closed.
    BufReader::new(out).read_line(&mut first).expect("a line");
    assert!(first.contains("starts: queue"), "{first}");
    rig.publish([check_in("H001", "101", minutes_ago(5)).as_str()]);
    rig.wait_for_rows("SELECT room_number FROM room_state", &["101".to_owned()]);
    let pid = i32::try_from(child.id()).expect("a pid");
    kill_process(Pid::from_raw(pid).expect("a pid"), Signal::TERM).expect("a signal");
    let status = wait("the service to end", || {
        let ended = child.try_wait().expect("a status");
        ended.ok_or("it runs".to_owned())
    });
    assert!(status.success(), "{status}");
    fs::write(rig.config().with_file_name("first.log"), first).expect("a log");
    rig.finish();
}
