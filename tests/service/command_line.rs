//! The command line: its use, its exit codes, and where its output goes.

use std::fs;
use std::process::Command;

use crate::support::{ROOMWATT, Rig};

#[test]
fn a_usage_error_has_an_exit_code_and_says_what_to_do() {
    let mut rig = Rig::new("usage");
    let code = |rig: &mut Rig, arguments: &[&str], says: &str| {
        let output = rig.roomwatt(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            text.contains(says),
            "{arguments:?}: {says:?} is not in\n{text}"
        );
        output.status.code()
    };
    let room = [
        "--hotel-id",
        "H001",
        "--room-number",
        "101",
        "--msg-type",
        "checkout",
    ];
    let late = [
        &["send"],
        &room[..],
        &["--checkout-time", "2099-01-01 00:00:00"],
    ]
    .concat();
    assert_eq!(code(&mut rig, &late, "ahead of now"), Some(64));
    let nonsense = [&["send"], &room[..], &["--checkout-time", "noon"]].concat();
    assert_eq!(
        code(&mut rig, &nonsense, "not a time like 2023-04-10 14:30:00"),
        Some(64)
    );
    assert_eq!(
        code(
            &mut rig,
            &["snd"],
            "similar subcommands exist: 'send-notice', 'send'"
        ),
        Some(64)
    );
    for (command, tip) in [
        (
            &["check", "hotel.toml"][..],
            "the configuration is named by '--config hotel.toml'",
        ),
        (
            &["run", "-c", "hotel.toml"],
            "the configuration is named by '--config FILE'",
        ),
        (&["--config", "hotel.toml", "run"], "'run --config' exists"),
        (&["check", "--onlin"], "'--online'"),
        (&["initdb"], "'init-db'"),
    ] {
        let output = Command::new(ROOMWATT).args(command).output();
        let output = output.expect("it runs");
        let printed = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{printed}");
        let has_tip = printed.contains(&format!("tip: {tip}"));
        assert!(
            has_tip || printed.contains("tip: a similar") && printed.contains(tip),
            "{printed}"
        );
    }
    let wrong = rig.file("wrong.toml", "[monitoring]\nkeep_days = 0\n");
    let wrong = ["--config", &wrong];
    for (config, expected) in [(&[][..], 64), (&wrong, 78)] {
        let set = [
            "backtest",
            "--messages",
            "m",
            "--readings",
            "r",
            "--set",
            "batch_size=0",
        ];
        let output = Command::new(ROOMWATT).args(set).args(config).output();
        let output = output.expect("it runs");
        assert_eq!(output.status.code(), Some(expected), "{output:?}");
        let printed = String::from_utf8_lossy(&output.stderr);
        let expected = "--set batch_size=0: monitoring.batch_size is 0, allowed is 1 to 100000";
        assert!(printed.contains(expected), "{printed}");
    }
    for (command, expected) in [
        (
            &["simulate"][..],
            "no section [rabbitmq]; --config names its file, and",
        ),
        (
            &["init-db", "--adopt"],
            "no section [mysql]; --config names its file, and",
        ),
        (
            &["outbox", "list"],
            "there is no embedded database roomwatt.db; check embedded.path",
        ),
    ] {
        let folder = rig.config();
        let output = Command::new(ROOMWATT)
            .args([command, &["--config", "/dev/null"]].concat())
            .current_dir(folder.parent().expect("a folder"))
            .output()
            .expect("it runs");
        let printed = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{printed}");
        assert!(printed.contains(expected), "{printed}");
    }
    rig.configure("check_interval_minute = 30");
    assert_eq!(code(&mut rig, &["run"], "check_interval_minute"), Some(78));
    rig.reconfigure("check_interval_minute = 30\n", "");
    rig.reconfigure("[rabbitmq]\n", "[rabbitmq]\nvirtual_host = 'nowhere'\n");
    let send = [&["send"], &room[..]].concat();
    assert_eq!(code(&mut rig, &send, "nowhere"), Some(78));
    rig.finish();
}

#[test]
fn the_database_has_to_be_named() {
    assert!(
        !std::path::Path::new("/etc/roomwatt").exists(),
        "a service is installed on this machine: its configuration would be taken"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        // A service that starts after all does not end by itself.
        let output = Command::new("timeout")
            .args(["60", ROOMWATT])
            .args(arguments)
            .envs(variables.iter().copied())
            .current_dir(folder.path())
            .output();
        let output = output.expect("it runs");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).expect("UTF-8");
        (output.status.code(), text)
    };
    let room = ["--hotel-id", "H001", "--room-number", "101"];
    let send = [&["send", "--msg-type", "checkin"], &room[..]].concat();
    let commands = [
        &["run"][..],
        &["check"],
        &["init-db"],
        &send,
        &["send-notice"],
        &["rejected", "list"],
        &["outbox", "show", "1"],
        &["reconcile", "rooms.csv"],
        &["backtest", "--from", "2023-04-10"],
        &["explain", "H001", "101"],
        &["advise"],
        &["simulate"],
    ];
    for command in commands {
        let (code, text) = run(command, &[]);
        assert_eq!(code, Some(64), "{command:?}: {text}");
        let both = "there is no /etc/roomwatt/roomwatt.toml: name the configuration with --config \
             FILE; or add --embedded to work with a database of its own, roomwatt.db in this \
             folder";
        assert!(text.contains(both), "{command:?}: {text}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    // Commands that read files, or show an example, work with the defaults.
    assert_eq!(run(&["send-notice", "--dry-run"], &[]).0, Some(0));

    // Said by an option or by a variable.
    let (code, text) = run(&["init-db", "--embedded"], &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(folder.path().join("roomwatt.db").exists());
    for command in commands {
        let (code, text) = run(command, &[]);
        assert_eq!(code, Some(64), "{command:?}: {text}");
        let hint = "to go on with roomwatt.db of this folder, add --embedded";
        assert!(text.contains(hint), "{command:?}: {text}");
    }
    assert_eq!(run(&["outbox", "list", "--embedded"], &[]).0, Some(0));
    let elsewhere = [("ROOMWATT_EMBEDDED__PATH", "other.db")];
    let (code, text) = run(&["init-db"], &elsewhere);
    assert!(code == Some(0) && text.contains("other.db"), "{text}");
    let server = [
        ("ROOMWATT_MYSQL__DATABASE", "hotel"),
        ("ROOMWATT_MYSQL__HOST", "127.0.0.1"),
    ];
    let (code, text) = run(&["check"], &server);
    assert!(
        code == Some(0) && text.contains("hotel of 127.0.0.1"),
        "{text}"
    );
    let (code, text) = run(&["check", "--embedded"], &server);
    assert!(
        code == Some(64) && text.contains("names a server"),
        "{text}"
    );
    let (code, text) = run(&["check", "--embedded", "--config", "f"], &[]);
    assert!(
        code == Some(64) && text.contains("cannot be used with"),
        "{text}"
    );
}

#[test]
fn closed_output_changes_no_exit_code() {
    let mut rig = Rig::without_schema("fulldisk");
    let room = ["--hotel-id", "H001", "--room-number", "101"];
    let send = [&["send", "--msg-type", "checkin"], &room[..]].concat();
    let wrong = rig.file("wrong.toml", "[monitoring]\nkeep_days = 0\n");
    let right = rig.config();
    let right = right.to_str().expect("UTF-8");
    for (command, config, expected) in [
        (&["init-db"][..], right, 0),
        (&["init-db", "--adopt"], right, 0),
        (&send, right, 0),
        (&["check", "--online"], right, 0),
        (&["send-notice"], right, 0),
        (&["run"], &wrong, 78),
        (&["check"], &wrong, 78),
        (&["outbox", "show", "1"], right, 64),
        (&["chekc"], right, 64),
    ] {
        let full = || {
            let mut options = std::fs::File::options();
            options.write(true).open("/dev/full").expect("/dev/full")
        };
        let status = Command::new(ROOMWATT)
            .args(command)
            .args(["--config", config])
            .stdout(full())
            .stderr(full())
            .status()
            .expect("it runs");
        assert_eq!(status.code(), Some(expected), "{command:?}");
    }
    assert_eq!(rig.waiting_messages(), 1);
    let printed = rig.roomwatt(&["check"]);
    assert!(printed.status.success(), "{printed:?}");
    rig.finish();
}

#[test]
fn help_begins_with_examples() {
    let help = |arguments: &[&str]| {
        let output = Command::new(ROOMWATT)
            .args(arguments)
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let all = help(&["--help"]);
    assert!(all.starts_with("Examples:\n  roomwatt demo"), "{all}");
    let commands = all.split("Commands:\n").nth(1).expect("commands");
    let commands: Vec<&str> = commands
        .lines()
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(
        commands.len() >= 7 && !commands.contains(&"completions"),
        "{commands:?}"
    );
    let of_parts = ["rejected", "outbox"].into_iter().flat_map(|command| {
        let parts = help(&[command, "--help"]);
        let parts = parts.split("Commands:\n").nth(1).expect("parts").to_owned();
        let parts = parts.lines().take_while(|line| line.starts_with("  "));
        let names = parts.filter_map(|line| line.split_whitespace().next().map(str::to_owned));
        let names: Vec<String> = names.filter(|name| name != "help").collect();
        names
            .into_iter()
            .map(move |name| vec![command.to_owned(), name])
    });
    let commands = commands.iter().map(|name| vec![(*name).to_owned()]);
    for command in commands.chain(of_parts) {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.push("--help");
        let text = help(&arguments);
        let example = format!("Examples:\n  roomwatt {}", command.join(" "));
        assert!(text.starts_with(&example), "{text}");
        assert!(!text.contains('\u{1b}'), "colour in a pipe: {text}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(help(&["completions", shell]).contains("send-notice"));
    }
}
