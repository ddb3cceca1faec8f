//! What the READMEs say is so.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::intake::wait_until_served;
use crate::support::{ROOMWATT, Rig};

const ENGLISH: &str = include_str!("../../README.md");
const CHINESE: &str = include_str!("../../README.zh-CN.md");

/// The text without the sections whose lines `install.rs` runs.
fn without_installing(readme: &str) -> String {
    const OTHERS: [&str; 4] = ["Running it", "Installing it for real", "运行", "正式安装"];
    let sections = readme.split("\n## ");
    let kept = sections.filter(|section| {
        let title = section.lines().next().unwrap_or_default();
        !OTHERS.contains(&title)
    });
    kept.collect::<Vec<_>>().join("\n## ")
}

/// The commands of the code blocks, without their comments.
fn commands(readme: &str) -> Vec<&str> {
    let programs = ["roomwatt ", "scripts/", "cargo ", "curl "];
    let lines = readme.lines().filter_map(|line| line.strip_prefix("    "));
    lines
        .map(|line| line.strip_prefix("$ ").unwrap_or(line))
        .filter(|line| programs.iter().any(|program| line.starts_with(program)))
        .map(|line| line.split("  #").next().unwrap_or_default())
        .map(|line| line.split("    #").next().unwrap_or_default().trim_end())
        .collect()
}

/// The first cells of the rows of tables.
fn first_cells(readme: &str) -> impl Iterator<Item = &str> {
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once("` |").map(|(cell, _)| cell))
}

/// Each line of it is in both files.
fn assert_shown(told: &str) {
    for line in told.lines() {
        for readme in [ENGLISH, CHINESE] {
            assert!(readme.contains(&format!("    {line}\n")), "{line}");
        }
    }
}

#[test]
fn every_command_does_what_it_is_there_for() {
    let (english, chinese) = (without_installing(ENGLISH), without_installing(CHINESE));
    let all = commands(&english);
    assert_eq!(all, commands(&chinese), "both languages have the same");
    assert!(all.len() >= 12, "{all:#?}");
    let mut rig = Rig::new("readme");
    let address = rig.listen();
    let config = rig.config();
    let folder = config.parent().expect("a folder");
    symlink(ROOMWATT, folder.join("roomwatt")).expect("a link");
    let checkout = r#"{"hotel_id":"H12345","room_number":"1001","msgType":"5710013","actual_checkout_time":"2023-04-10 12:00:00"}"#;
    rig.file("messages.jsonl", checkout);
    let readings = (0..=4).map(|interval| {
        let minutes = 12 * 60 + 30 * interval;
        let register = 100.0 + 2.4 * f64::from(interval);
        format!(
            "H12345,1001,{register:.2},2023-04-10 {:02}:{:02}:00\n",
            minutes / 60,
            minutes % 60
        )
    });
    let header = "hotel_id,room_number,reading_value,script_time\n".to_owned();
    rig.file("readings.csv", &(header + &readings.collect::<String>()));

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut service = rig.start();
    service.wait_until_ready();
    wait_until_served(address);
    for command in all {
        let program = command.split(' ').next().expect("a word");
        match program {
            // The one runs this test, the other is one.
            "scripts/test" | "scripts/rehearse" => {
                let mode = fs::metadata(root.join(program))
                    .expect("it is there")
                    .permissions();
                assert_eq!(mode.mode() & 0o111, 0o111, "{program} can be run");
            }
            "cargo" => {
                // As this test was built, and faster.
                assert_eq!(command, "cargo run --release -- demo");
                let demo = Command::new(ROOMWATT)
                    .args(["demo", "--days", "1", "--speed", "1e9"])
                    .output();
                let demo = demo.expect("it runs");
                assert!(demo.status.success(), "{demo:?}");
            }
            _ => {
                let command = &command.replace("127.0.0.1:8580", &address.to_string());
                let path = format!("{}:/usr/bin:/bin", folder.display());
                let output = Command::new("sh")
                    .args(["-c", command])
                    .current_dir(folder)
                    .env("PATH", path)
                    .output()
                    .expect("a shell");
                assert!(output.status.success(), "{command}: {output:?}");
                let told = String::from_utf8(output.stdout).expect("UTF-8");
                if program == "curl" {
                    let expected = match command.contains("/api/messages") {
                        true => "{\"taken\":1,\"refused\":[]}",
                        // With [mysql] that is all there is to be told.
                        false => "this service only reads it",
                    };
                    assert!(told.contains(expected), "{command}: {told}");
                }
                if command == "roomwatt backtest --messages messages.jsonl --readings readings.csv"
                {
                    assert!(told.starts_with('{'), "{told}");
                    assert_shown(&told);
                }
                if command.starts_with("roomwatt explain") {
                    assert!(told.contains("ALERT"), "{told}");
                    assert_shown(&told);
                }
            }
        }
    }
    rig.wait_for_rows("SELECT hotel_id FROM room_state", &["H12345".to_owned()]);
    service.stop();
    rig.finish();
}

#[test]
fn every_key_stands_in_the_tables_with_its_default() {
    let example: toml::Table = include_str!("../../etc/roomwatt.toml")
        .parse()
        .expect("TOML");
    let mut missing = Vec::new();
    for (section, keys) in &example {
        for (key, value) in keys.as_table().expect("a section") {
            // Of names only the first is shown, and the others after it.
            let is_name = section == "message_fields" || section == "meter";
            let row = format!("| `{section}.{key}` | `{value}` | ");
            let is_required = [("rabbitmq", "queue"), ("mysql", "database")];
            let row = if is_required.contains(&(section.as_str(), key.as_str())) {
                format!("| `{section}.{key}` |  | ")
            } else {
                row
            };
            for readme in [ENGLISH, CHINESE] {
                if !(readme.contains(&row) || is_name && readme.contains(&format!("`{key}`"))) {
                    missing.push(row.clone());
                }
            }
        }
    }
    // msgType and the times of messages are shown as messages.
    missing.retain(|row| !row.contains("message_fields"));
    assert_eq!(missing, [""; 0]);
    let keys = |readme| -> Vec<String> {
        let dotted = first_cells(readme).filter(|cell| cell.contains('.') && !cell.contains(' '));
        dotted.map(str::to_owned).collect()
    };
    assert_eq!(keys(ENGLISH), keys(CHINESE));
}

/// A line that gives a key a value, also behind a comment's sign.
fn keys_and_values(text: &str) -> Vec<&str> {
    let lines = text
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line));
    let code = lines.filter(|line| line.starts_with('[') || line.contains(" = "));
    // No value has a sign of a comment in it.
    code.map(|line| line.split('#').next().unwrap_or_default().trim_end())
        .collect()
}

#[test]
fn the_chinese_configuration_is_the_same_one() {
    let english = include_str!("../../etc/roomwatt.toml");
    let chinese = include_str!("../../etc/roomwatt.zh-CN.toml");
    let body = |text: &'static str| keys_and_values(text.split_once("\n\n").expect("a head").1);
    let keys = body(english);
    assert!(keys.len() > 70, "{keys:#?}");
    assert_eq!(keys, body(chinese));
    let comments = |text: &str| text.lines().filter(|line| line.contains('#')).count();
    // Where the one says something the other does.
    assert_eq!(comments(english), comments(chinese));
}

#[test]
fn every_log_line_is_one_that_is_written() {
    let mut sources = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources += &fs::read_to_string(path).expect("a source file");
            }
        }
    }
    let section = |readme: &'static str, title: &str| {
        let text = readme.split(title).nth(1).expect("a section");
        text.split("\n## ").next().unwrap_or_default()
    };
    let english = section(ENGLISH, "## What the log says");
    let lines: Vec<&str> = first_cells(english).collect();
    let chinese = section(CHINESE, "## 日志与退出码");
    assert_eq!(lines, first_cells(chinese).collect::<Vec<&str>>());
    assert!(lines.len() > 10, "{lines:#?}");
    for line in lines {
        // What is fixed in it; the rest are numbers, names, and things that are counted.
        let counted = [
            "new readings",
            "readings",
            "rooms",
            "intervals",
            "rows",
            "lines",
        ];
        let mut text = line.replace("...", "1").replace("H001/101", "1");
        for word in counted {
            text = text.replace(word, "1");
        }
        let parts = text.split(|c: char| c.is_ascii_digit() || c == '(' || c == ')');
        let fixed: Vec<&str> = parts.filter(|part| part.trim().len() >= 8).collect();
        assert!(!fixed.is_empty(), "{line:?}: nothing of it is looked for");
        for part in &fixed {
            let part = part.trim().trim_end_matches(" room_events");
            assert!(
                sources.contains(part),
                "{part:?} of {line:?} is not written anywhere"
            );
        }
    }
}
