//! What an operator names.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;

use super::{Alone, ended, limited};

#[test]
fn files_that_would_block_are_refused_by_name() {
    let alone = Alone::new("");
    let config = alone.path("roomwatt.toml");
    let pipe = alone.pipe("pipe");
    let (code, printed) = alone.run(&["check"], Path::new(&pipe));
    assert_eq!(code, Some(78), "{printed}");
    let expected =
        format!("{pipe}: can't be read: it is a named pipe, and has to be a regular file");
    assert!(printed.contains(&expected), "{printed}");

    let long = alone.file("long", "x".repeat(64 * 1024 + 1));
    let too_long = "can't be read: it is longer than 64 KiB: is it the right one?";
    let is_pipe = "it is a named pipe, and has to be a regular file";
    for (text, key, why) in [
        (
            format!("[feishu]\nsecret_file = '{pipe}'\n"),
            "feishu.secret_file",
            is_pipe,
        ),
        (
            format!("[feishu]\nsecret_file = '{long}'\n"),
            "feishu.secret_file",
            too_long,
        ),
        (
            "[feishu]\nsecret_file = '/dev/zero'\n".into(),
            "feishu.secret_file",
            "it is a device",
        ),
        (
            format!("[mysql]\ndatabase = 'd'\ntls_ca = '{pipe}'\n"),
            "mysql.tls_ca",
            is_pipe,
        ),
        (
            format!("[rabbitmq]\nqueue = 'q'\ntls = true\ntls_ca = '{pipe}'\n"),
            "rabbitmq.tls_ca",
            is_pipe,
        ),
        (
            format!("[monitoring]\noverrides_file = '{pipe}'\n"),
            "monitoring.overrides_file",
            is_pipe,
        ),
        (format!("[log]\nfile = '{pipe}'\n"), "log.file", is_pipe),
        (
            "[log]\nfile = '/dev/zero'\n".into(),
            "log.file",
            "it is a device",
        ),
    ] {
        let text = if text.contains("[mysql]") {
            text + "[embedded]\n"
        } else {
            text
        };
        alone.configure(&text);
        for command in ["check", "run"] {
            let (code, printed) = alone.run(&[command], &config);
            assert_eq!(code, Some(78), "{text}: {printed}");
            assert!(
                printed.contains(key) && printed.contains(why),
                "{text}: {printed}"
            );
        }
    }
}

/// As systemd's credentials are, and as a shell hands them over.
#[test]
fn inherited_descriptors_are_read() {
    let alone = Alone::new("");
    let secret = alone.file("secret", "canary-of-a-file\n");
    symlink(&secret, alone.path("credential")).expect("a link");
    let text = "[feishu]\nwebhook_url = 'https://example.com/hook/x'\nsecret_file = 'credential'\n";
    alone.configure(text);
    let (code, printed) = alone.run(&["check"], &alone.path("roomwatt.toml"));
    assert_eq!(code, Some(0), "{printed}");

    let piped = |script: &str| {
        let mut shell = std::process::Command::new("bash");
        shell
            .args(["-c", script, super::ROOMWATT])
            .current_dir(alone.folder.path());
        ended(shell)
    };
    for script in [
        "cat roomwatt.toml | $0 check --config /dev/stdin",
        "$0 check --config <(cat roomwatt.toml)",
        "$0 check --config /dev/stdin < roomwatt.toml",
    ] {
        let (code, printed) = piped(script);
        assert_eq!(code, Some(0), "{script}: {printed}");
        assert!(printed.contains("hotel.db"), "{script}: {printed}");
    }
    let (code, printed) = piped(": | $0 check --config /dev/stdin");
    assert_eq!(code, Some(78), "{printed}");
    assert!(
        printed.contains("a pipe can be read only once"),
        "{printed}"
    );
}

#[test]
fn a_log_is_written_once_and_is_readable_for_its_user_alone() {
    let alone = Alone::new("[log]\nfile = '/dev/stdout'\n");
    let mut service = alone.start(Stdio::null());
    service.wait_for_log("roomwatt 0.1.0 starts");
    service.wait_for_log("watching ");
    service.signal(Signal::TERM);
    let (status, log) = service.wait_for_end();
    assert!(status.success(), "{log}");
    assert_eq!(log.matches("watching ").count(), 1, "{log}");

    alone.configure("[log]\nfile = 'the.log'\n");
    let mut service = alone.start(Stdio::null());
    service.wait_for_log("watching ");
    let path = alone.path("the.log");
    let mode = || fs::metadata(&path).expect("a log").permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    // logrotate creates a new file with its own mode, or somebody puts something else there.
    fs::rename(&path, alone.path("old.log")).expect("moved");
    alone.pipe("the.log");
    service.signal(Signal::HUP);
    service.wait_for_log("log.file can't be reopened: ");
    fs::remove_file(&path).expect("removed");
    fs::write(&path, "").expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
    service.signal(Signal::HUP);
    service.signal(Signal::TERM);
    let (status, log) = service.wait_for_end();
    assert!(status.success(), "{log}");
    assert_eq!(mode(), 0o640);
}

#[test]
fn a_foreign_file_in_place_of_the_database_is_a_fatal_error() {
    let alone = Alone::new("");
    let config = alone.path("roomwatt.toml");
    let text = alone.file("text", "no database at all\n".repeat(100));
    let hard = alone.path("hard.db");
    let mine = alone.file("mine.db", "");
    fs::hard_link(&mine, &hard).expect("a link");
    for (path, why) in [
        (
            text.as_str(),
            "it is not an SQLite database; set embedded.path to another file",
        ),
        (&mine, "the file has 2 names (hard links)"),
        (":memory:", "embedded.path is not the name of a file"),
        (
            "file:hotel.db?mode=memory",
            "embedded.path is not the name of a file",
        ),
    ] {
        alone.configure(&format!("[embedded]\npath = '{path}'\n"));
        let (code, printed) = alone.run(&["run"], &config);
        assert_eq!(code, Some(78), "{printed}");
        assert!(printed.contains(why), "{printed}");
    }
    let names = fs::read_dir(alone.folder.path()).expect("a folder");
    let names: Vec<_> = names
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names.len(), 4, "{names:?}");
}

/// Its log of writes would be in the other folder: two services would each have half of the state.
#[test]
fn a_database_that_is_mounted_by_itself_is_refused() {
    let alone = Alone::new("");
    let config = alone.path("roomwatt.toml");
    let (code, printed) = alone.run(&["init-db"], &config);
    assert_eq!(code, Some(0), "{printed}");
    let (file, elsewhere) = (alone.path("hotel.db"), alone.path("elsewhere"));
    fs::create_dir(&elsewhere).expect("a folder");
    let mounted = elsewhere.join("hotel.db");
    fs::write(&mounted, "").expect("a file");
    alone.configure(&format!("[embedded]\npath = '{}'\n", mounted.display()));
    let mount = |from: &Path, to: &Path| {
        let (from, to) = (from.display(), to.display());
        let script = format!("mount --bind '{from}' '{to}' && exec \"$0\" \"$@\"");
        let mut program = std::process::Command::new("unshare");
        program.args(["--mount", "sh", "-c", &script, super::ROOMWATT]);
        program.args(["run", "--config"]).arg(&config);
        program
    };
    let (code, printed) = ended(mount(&file, &mounted));
    assert_eq!(
        code,
        Some(78),
        "to mount takes root, and in a container CAP_SYS_ADMIN: {printed}"
    );
    assert!(
        printed.contains("the file is mounted by itself"),
        "{printed}"
    );
    let beside = fs::read_dir(&elsewhere).expect("a folder").count();
    assert_eq!(beside, 1, "nothing was made there");
    // Its folder may be.
    let program = mount(alone.folder.path(), &elsewhere);
    let mut service = alone.start_by(program, Stdio::null());
    service.wait_for_log("watching ");
    service.signal(Signal::TERM);
    assert!(service.wait_for_end().0.success());
}

/// A disk that is full can't have the files beside the database either.
#[test]
fn a_full_disk_is_named_when_a_database_can_not_be_opened() {
    let alone = Alone::new("");
    let config = alone.path("roomwatt.toml");
    let (code, printed) = alone.run(&["init-db"], &config);
    assert_eq!(code, Some(0), "{printed}");
    let command = alone.command(&["rejected", "list"], &config);
    let (code, printed) = ended(limited("trap '' XFSZ; ulimit -f 8", &command));
    assert_eq!(code, Some(75), "{printed}");
    assert!(
        printed.contains("the database is out of disk space: ") && printed.contains("hotel.db: "),
        "{printed}"
    );
}

/// Without HTTP no places are counted.
#[test]
fn a_low_limit_of_descriptors_is_reported() {
    let alone = Alone::new("# no [http]\n[rabbitmq]\nqueue = 'q'\nport = 1\n");
    for (limit, needed) in [(100, None), (64, Some("needs up to 74: "))] {
        let command = alone.command(&["run"], &alone.path("roomwatt.toml"));
        let command = limited(&format!("ulimit -n {limit}"), &command);
        let mut service = alone.start_by(command, Stdio::null());
        service.wait_for_log("the intake from queue q of 127.0.0.1:1 failed, retrying");
        service.signal(Signal::TERM);
        let (status, log) = service.wait_for_end();
        assert!(status.success(), "{log}");
        assert!(!log.contains("http.listen"), "{log}");
        let few = "files and connections open and ";
        assert_eq!(log.contains(few), needed.is_some(), "{log}");
        assert!(needed.is_none_or(|needed| log.contains(needed)), "{log}");
    }
}

#[test]
fn secrets_that_others_can_read_get_a_warning() {
    let webhook = "[feishu]\nwebhook_url = 'https://example.com/hook/canary'\n";
    let alone = Alone::new(webhook);
    let config = alone.path("roomwatt.toml");
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    };
    let warning = "holds secrets, and everybody on this machine can read it: chmod ";
    set(alone.folder.path(), 0o755);
    for (mode, is_told) in [(0o644, true), (0o600, false)] {
        set(&config, mode);
        let (code, printed) = alone.run(&["check"], &config);
        assert_eq!(
            (code, printed.contains(warning)),
            (Some(0), is_told),
            "{printed}"
        );
        let mut service = alone.start(Stdio::null());
        service.wait_for_log("watching ");
        service.signal(Signal::TERM);
        let (_, log) = service.wait_for_end();
        assert_eq!(log.contains(warning), is_told, "{log}");
        assert!(!printed.contains("canary") && !log.contains("canary"));
    }
    set(&config, 0o644);
    alone.configure("[feishu]\nlanguage = 'en'\n");
    let (_, printed) = alone.run(&["check"], &config);
    assert!(!printed.contains("holds secrets"), "{printed}");
}

/// It reads from a pipe that never ends, as from a disk that is far away.
#[test]
fn a_stop_does_not_wait_while_a_configuration_is_read() {
    let alone = Alone::new("");
    let mut service = alone.start(Stdio::piped());
    let stdin = service.child.stdin.take();
    service.wait_for_log("watching ");
    alone.configure(
        "[feishu]\nwebhook_url = 'https://example.com/hook/x'\nsecret_file = '/dev/stdin'\n",
    );
    service.signal(Signal::HUP);
    // By then it is known that the configuration was opened: the thread waits in a read.
    let tasks = format!("/proc/{}/task", service.child.id());
    super::wait("a thread to read the pipe", || {
        let tasks = fs::read_dir(&tasks).map_err(|error| error.to_string())?;
        let names: Vec<String> = tasks
            .filter_map(|task| {
                let task = task.ok()?.path();
                let name = fs::read_to_string(task.join("comm")).ok()?;
                let call = fs::read_to_string(task.join("syscall")).ok()?;
                let does = if call.starts_with("0 0x") {
                    "reads"
                } else {
                    "waits"
                };
                Some(format!("{} {does}", name.trim()))
            })
            .collect();
        // Call 0 is read.
        // The main thread has the program's name.
        let reads = |name: &String| ["reload reads", "roomwatt reads"].contains(&name.as_str());
        if names.iter().any(reads) {
            Ok(())
        } else {
            Err(names.join("\n"))
        }
    });
    service.signal(Signal::TERM);
    let (status, log) = service.wait_for_end();
    assert!(status.success() && log.contains("stopped: "), "{log}");
    drop(stdin);
}

#[test]
fn thresholds_of_a_file_change_without_a_restart() {
    let alone = Alone::new("[monitoring]\noverrides_file = 'rooms.csv'\n");
    let header = "hotel_id,room_number,checkin,checkout\n";
    alone.file("rooms.csv", format!("{header}H1,101,,0.3\nH1,,2.5,\n"));
    let (code, printed) = alone.run(&["check"], &alone.path("roomwatt.toml"));
    assert_eq!(code, Some(0), "{printed}");
    assert!(
        printed.contains("1 hotel and 1 room have their own"),
        "{printed}"
    );
    let mut service = alone.start(Stdio::null());
    service.wait_for_log("watching ");
    alone.file("rooms.csv", format!("{header}H1,101,,0.4\nH1,101,,0.5\n"));
    service.signal(Signal::HUP);
    service.wait_for_log("rooms.csv:3: is the second for H1/101");
    alone.file("rooms.csv", format!("{header}H1,101,,0.4\n"));
    service.signal(Signal::HUP);
    service.wait_for_log("SIGHUP: the configuration has changed");
    service.signal(Signal::TERM);
    assert!(service.wait_for_end().0.success());
}
