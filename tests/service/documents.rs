//! The commands of the documents do what they are there for.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::intake::wait_until_served;
use crate::support::pages::{self, ENGLISH, Page, in_two_languages};
use crate::support::{ROOMWATT, Rig};

/// The sections whose lines `install.rs` runs, on a bare machine.
pub const ON_A_BARE_MACHINE: [(&str, &str); 6] = [
    ("README.md", "Running it"),
    ("docs/installing.md", "With MySQL and RabbitMQ"),
    ("docs/operating.md", "No alerts come: what now"),
    ("docs/operating.md", "Backup"),
    ("docs/operating.md", "Upgrade"),
    ("docs/operating.md", "Uninstalling"),
];

/// The commands of all pages that can be run here. Those of the Chinese pages are the same, but for
/// the language of what they say.
fn commands() -> Vec<String> {
    let mut all = Vec::new();
    for page in in_two_languages() {
        for (title, text) in page.sections() {
            let is_elsewhere = ON_A_BARE_MACHINE
                .iter()
                .any(|(path, section)| page.path == Path::new(path) && title == *section);
            if !is_elsewhere {
                let commands = pages::commands(text).into_iter().map(str::to_owned);
                for command in commands {
                    let other = command.replace(ENGLISH, "");
                    all.push(command);
                    if !all.contains(&other) {
                        all.push(other);
                    }
                }
            }
        }
    }
    all
}

/// Asserts that each line of a command's output is in a page.
fn assert_shown(printed: &str, page: &Page) {
    for line in printed.lines() {
        assert!(page.text.contains(&format!("    {line}\n")), "{line}");
    }
}

#[test]
fn every_command_of_the_documents_works() {
    let all = commands();
    assert!(all.len() >= 13, "{all:#?}");
    let mut rig = Rig::new("readme");
    let address = rig.listen();
    let config = rig.config();
    let folder = config.parent().expect("a folder");
    symlink(ROOMWATT, folder.join("roomwatt")).expect("a link");
    let room = r#""hotel_id":"H12345","room_number":"1001""#;
    let stay = r#""msgType":"5710013","actual_checkout_time":"2023-04-10 12:00:00""#;
    rig.file("messages.jsonl", &format!("{{{room},{stay}}}"));
    let readings = (0..=4).map(|interval| {
        let minutes = 12 * 60 + 30 * interval;
        let register = 100.0 + 2.4 * f64::from(interval);
        format!(
            "H12345,1001,{register:.2},2023-04-10 {:02}:{:02}:00\n",
            minutes / 60,
            minutes % 60
        )
    });
    let list = "hotel_id,room_number,state,since,expected_checkout_time,stay_id\n\
                H12345,1001,vacant,2023-04-10 12:00:00,,\n";
    rig.file("rooms.csv", list);
    let header = "hotel_id,room_number,reading_value,script_time\n".to_owned();
    rig.file("readings.csv", &(header + &readings.collect::<String>()));

    // The only command that asks for something.
    let password = rig.file("password.txt", "two words\n");
    let moves = "[message_types]\nmove = '5710020'\n[monitoring]\n";
    rig.reconfigure("[monitoring]\n", moves);

    let mut service = rig.start();
    service.wait_until_ready();
    wait_until_served(address);
    let thresholds = Page::read("docs/thresholds.md");
    for command in all {
        let program = command.split(' ').next().expect("a word");
        match program {
            // The one runs this test, the other is one.
            "scripts/test" | "scripts/rehearse" => {
                let mode = fs::metadata(pages::root().join(program))
                    .expect("it is there")
                    .permissions();
                assert_eq!(mode.mode() & 0o111, 0o111, "{program} can be run");
            }
            "cargo" => {
                // As this test was built, and faster.
                let arguments = command.strip_prefix("cargo run --release -- ");
                let demo = Command::new(ROOMWATT)
                    .args(arguments.expect("the demo").split(' '))
                    .args(["--days", "1", "--speed", "1e9"])
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
                    .stdin(File::open(&password).expect("it is there"))
                    .output()
                    .expect("a shell");
                let is_done = match command.starts_with("roomwatt reconcile") {
                    // Rooms may differ.
                    true => matches!(output.status.code(), Some(0 | 1)),
                    false => output.status.success(),
                };
                assert!(is_done, "{command}: {output:?}");
                let text = String::from_utf8(output.stdout).expect("UTF-8");
                if program == "curl" {
                    let expected = match command.contains("/api/messages") {
                        true => "{\"taken\":1,\"refused\":[]}",
                        // With [mysql] this is the whole answer.
                        false => "this service only reads the meter table",
                    };
                    assert!(text.contains(expected), "{command}: {text}");
                }
                if command == "roomwatt backtest --messages messages.jsonl --readings readings.csv"
                {
                    assert!(text.starts_with('{'), "{text}");
                    assert_shown(&text, &thresholds);
                    assert_shown(&text, &thresholds.chinese());
                }
                if command.starts_with("roomwatt explain") {
                    let (page, alert) = match command.contains("--language en") {
                        true => (&thresholds, "ALERT"),
                        false => (&thresholds.chinese(), "【报警】"),
                    };
                    assert!(text.contains(alert), "{text}");
                    assert_shown(&text, page);
                }
            }
        }
    }
    // The check-in over HTTP, and the move.
    let rooms = "SELECT hotel_id, room_number FROM room_state ORDER BY room_number";
    let expected = ["1001", "1002"].map(|room| ("H12345".to_owned(), room.to_owned()));
    rig.wait_for_rows(rooms, &expected);
    service.stop();
    rig.finish();
}
