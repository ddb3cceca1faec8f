//! What the operator reads.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Rig, wait};
use crate::{check_in, minutes_ago};

#[test]
fn a_log_file_that_is_moved_away_is_opened_anew() {
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
        let told = |line: &Value| line["message"].as_str().expect("a text").contains(part);
        lines.iter().any(told)
    };
    let (before, after) = (lines(&moved), lines(&path));
    assert!(says(&before, "consuming queue") && !says(&before, "stopped"));
    assert!(says(&after, "was refused and kept") && says(&after, "stopped"));
    let line = &after[0];
    assert_eq!(
        (&line["level"], &line["thread"]),
        (&"INFO".into(), &"main".into())
    );
    assert_eq!(line["time"].as_str().map(str::len), Some(19));
    rig.finish();
}

#[test]
fn many_bad_messages_make_a_hundred_lines() {
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
    let log = service.stop();
    assert_eq!(log.matches("was refused and kept").count(), 100);
    assert!(log.contains("150 refused;"), "{log}");
    rig.finish();
}
