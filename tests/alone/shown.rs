//! What strangers wrote, where people read it.

use roomwatt::escape::is_unsafe;
use serde_json::Value;

use super::{Alone, ended};

/// What reorders, hides or breaks a line.
const STRANGE: &str = "\u{202e}\u{2066}\u{200b}\u{200d}\u{ad}\u{2028}\u{feff}\u{61c}x";

fn assert_harmless(printed: &str) {
    let obeyed: Vec<char> = printed
        .chars()
        .filter(|c| *c != '\n' && is_unsafe(*c))
        .collect();
    assert!(obeyed.is_empty(), "{obeyed:?} in {printed:?}");
    assert!(printed.contains("202e"), "{printed}");
}

#[test]
fn names_are_escaped_in_answers_about_the_past() {
    let alone = Alone::new("");
    let message = |kind: &str| {
        format!(
            "{{\"hotel_id\":\"H1\",\"room_number\":\"{STRANGE}\",\"msgType\":\"{kind}\",\
             \"actual_checkout_time\":\"2023-04-10 12:00:00\"}}\n"
        )
    };
    let messages = message("5710013") + &message(STRANGE);
    let messages = alone.file("messages.jsonl", messages);
    let mut rows = "hotel_id,room_number,reading_value,script_time\n".to_owned();
    for interval in 0..6 {
        let (hour, minute) = (12 + interval / 2, 30 * (interval % 2));
        rows += &format!(
            "H1,{STRANGE},{}.00,2023-04-10 {hour}:{minute:02}:00\n",
            2 * interval
        );
    }
    rows += &format!("H1,{STRANGE},{STRANGE},2023-04-10 16:00:00\n");
    let readings = alone.file("readings.csv", rows);
    let from = ["--messages", &messages, "--readings", &readings];
    for (command, code) in [("backtest", 0), ("explain", 0), ("advise", 0)] {
        let mut program = std::process::Command::new(super::ROOMWATT);
        program
            .arg(command)
            .args(from)
            .current_dir(alone.folder.path());
        if command == "explain" {
            program.args(["H1", STRANGE]);
        }
        let (found, printed) = ended(program);
        assert_eq!(found, Some(code), "{printed}");
        assert_harmless(&printed);
        let event = printed.lines().find(|line| line.starts_with("{\"event\""));
        if command == "backtest" {
            let event: Value = serde_json::from_str(event.expect("an alert")).expect("JSON");
            assert_eq!(event["room_number"], STRANGE.trim(), "the same room");
        }
    }
}

#[test]
fn names_are_escaped_in_errors_and_in_the_log() {
    let alone = Alone::new(&format!("[monitoring]\ntimezone = '{STRANGE}'\n"));
    let config = alone.path("roomwatt.toml");
    for command in ["check", "run"] {
        let (code, printed) = alone.run(&[command], &config);
        assert_eq!(code, Some(78), "{printed}");
        assert_harmless(&printed);
    }
    for json in [false, true] {
        let path = alone.path(&format!("{STRANGE}.db")).display().to_string();
        alone.configure(&format!(
            "[log]\njson = {json}\n[embedded]\npath = '{path}'\n"
        ));
        let mut service = alone.start(std::process::Stdio::null());
        service.wait_for_log("watching ");
        service.signal(rustix::process::Signal::TERM);
        let (status, log) = service.wait_for_end();
        assert!(status.success(), "{log}");
        assert_harmless(&log);
        let lines = log.lines().filter(|_| json);
        let lines = lines.map(|line| serde_json::from_str::<Value>(line).expect(line));
        let mut messages = lines.map(|line| line["message"].as_str().expect("a text").to_owned());
        assert_eq!(messages.any(|message| message.contains(STRANGE)), json);
    }
}
