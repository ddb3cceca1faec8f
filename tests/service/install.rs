//! The lines of the documents as they stand, on a bare machine: a root of its own, in which this
//! machine's programs are there and nothing of roomwatt is.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::documents::ON_A_BARE_MACHINE;
use crate::support::pages::{self, Page, code, without_comment};
use crate::support::{ROOMWATT, Rig, wait};

/// Builds in minutes: what this test was built with takes the place of what it builds.
const CARGO: &str = r#"[ "$*" = "build --release" ] || { echo "cargo $*: not that"; exit 101; }
grep -q '^name = "roomwatt"$' Cargo.toml || { echo "not in the folder of the sources"; exit 101; }
mkdir -p target/release && cp /built/roomwatt target/release/roomwatt"#;

/// There is no network.
const GIT: &str = r#"[ "$*" = pull ] || { echo "git $*: not that"; exit 1; }"#;

/// It can't run in here: what it was asked, and that it can find the unit.
const SYSTEMCTL: &str = r#"echo "$*" >>/root/systemctl.log
[ -f /etc/systemd/system/roomwatt.service ]"#;

/// A shell as root's in a root of its own.
struct Machine {
    shell: Child,
    lines: ChildStdin,
    answers: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Machine {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("root");
        for name in [
            "built",
            "dev",
            "home",
            "proc",
            "programs",
            "root/roomwatt",
            "run",
            "tmp",
            "usr",
            "var/lib",
            "var/log/supervisor",
            "var/tmp",
        ] {
            fs::create_dir_all(root.join(name)).expect(name);
        }
        fs::create_dir(folder.path().join("local")).expect("a folder");
        symlink("/run", root.join("var/run")).expect("a link");
        let open = fs::Permissions::from_mode(0o1777);
        fs::set_permissions(root.join("tmp"), open).expect("anyone may write");
        // mktemp's folder is its owner's alone, and the service is another user.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("readable");
        let done = Command::new("cp").args(["-a", "/etc"]).arg(&root).status();
        assert!(done.expect("cp runs").success());
        for (name, script) in [("cargo", CARGO), ("git", GIT), ("systemctl", SYSTEMCTL)] {
            let program = root.join("programs").join(name);
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a program");
            fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("it can be run");
        }
        File::create(root.join("built/roomwatt")).expect("a file");
        // What a fresh clone has of it.
        let sources = pages::root();
        for name in ["Cargo.toml", "etc", "sql"] {
            let done = Command::new("cp")
                .arg("-r")
                .args([sources.join(name), root.join("root/roomwatt")])
                .status();
            assert!(done.expect("cp runs").success(), "{name}");
        }
        // Where they are no links into usr they are as this machine has them.
        let mut mounts = String::new();
        for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
            let path = Path::new("/").join(name);
            if let Ok(target) = fs::read_link(&path) {
                symlink(target, root.join(name)).expect("a link");
            } else if path.is_dir() {
                fs::create_dir(root.join(name)).expect("a folder");
                mounts += &format!("mount --bind -o ro /{name} \"$root/{name}\"\n");
            }
        }
        let script = format!(
            "set -e\nroot=$1\n{mounts}\
             mount --bind -o ro /usr \"$root/usr\"\n\
             mount --bind \"$root/../local\" \"$root/usr/local\"\n\
             mkdir -p \"$root/usr/local/bin\"\n\
             mount --bind /dev \"$root/dev\"\n\
             mount -t proc proc \"$root/proc\"\n\
             mount --bind -o ro {ROOMWATT} \"$root/built/roomwatt\"\n\
             exec env -i HOME=/root LANG=C.UTF-8 TERM=dumb \
             PATH=/programs:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
             chroot \"$root\" /bin/bash --norc"
        );
        let mut shell = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child"])
            .args(["sh", "-c", &script, "sh"])
            .arg(&root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("unshare runs");
        let lines = shell.stdin.take().expect("a pipe");
        let answers = BufReader::new(shell.stdout.take().expect("a pipe"));
        let mut machine = Machine {
            shell,
            lines,
            answers,
            folder,
        };
        let ready = machine.ask("exec 2>&1 && cd /root/roomwatt");
        if ready.is_none() {
            let output = machine.shell.stderr.take().expect("a pipe");
            let printed: Vec<String> = BufReader::new(output)
                .lines()
                .map_while(Result::ok)
                .collect();
            panic!(
                "no root of its own could be made: this test needs the rights to mount (root, and \
                 in a container CAP_SYS_ADMIN): {printed:?}"
            );
        }
        machine
    }

    /// A path in there as it is seen from here.
    fn path(&self, path: &str) -> PathBuf {
        let inner = path.strip_prefix('/').expect("a whole path");
        self.folder.path().join("root").join(inner)
    }

    /// Runs a line of the shell; returns its exit code and output. `None` when the shell is gone.
    fn ask(&mut self, line: &str) -> Option<(i32, String)> {
        const END: &str = "this was the line:";
        // A shell that has ended closes the pipe.
        writeln!(self.lines, "{line}\ncode=$?; echo; echo '{END}' $code").ok()?;
        let mut printed = String::new();
        loop {
            let mut text = String::new();
            if self.answers.read_line(&mut text).ok()? == 0 {
                return None;
            }
            if let Some(code) = text.strip_prefix(END) {
                return Some((code.trim().parse().expect("a number"), printed));
            }
            printed += &text;
        }
    }

    /// Runs a line that has to do what it is there for.
    fn run(&mut self, line: &str) -> String {
        let (code, printed) = self.ask(line).expect(line);
        assert_eq!(code, 0, "{line}\n{printed}");
        printed
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // With it go all processes in there.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// The database and the users that the lines name; they are of the tests' own server.
struct Hotel<'a>(&'a Rig);

impl Hotel<'_> {
    fn clear(&self) {
        self.0.execute("DROP DATABASE IF EXISTS hotel");
        self.0
            .execute("DROP USER IF EXISTS 'roomwatt'@'%', 'roomwatt_init'@'%'");
    }
}

impl Drop for Hotel<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.clear();
        }
    }
}

/// The lines of the sections that a page has for a bare machine, in English or in Chinese.
fn lines(page: &Page, chinese: bool) -> Vec<String> {
    let other = page.chinese();
    let sections = page.sections().into_iter().zip(other.sections());
    let mut found = Vec::new();
    for ((title, english), (_, translated)) in sections {
        let is_meant =
            |(path, section): &(&str, &str)| page.path == Path::new(path) && title == *section;
        if ON_A_BARE_MACHINE.iter().any(is_meant) {
            let text = if chinese { translated } else { english };
            found.extend(code(text).into_iter().map(str::to_owned));
        }
    }
    assert!(found.len() >= 8, "{found:#?}");
    found
}

/// What "then edit it" asks for.
fn edit(rig: &Rig, file: &Path) {
    let text = fs::read_to_string(rig.config()).expect("a configuration");
    let ours: toml::Table = text.parse().expect("TOML");
    let of = |section: &str, key: &str| ours[section][key].to_string();
    let mut text = fs::read_to_string(file).expect("the sample");
    for (from, to) in [
        (
            "port = 5672 ",
            format!("port = {} ", of("rabbitmq", "port")),
        ),
        (
            "username = \"guest\"",
            format!("username = {}", of("rabbitmq", "username")),
        ),
        (
            "password = \"\"",
            format!("password = {}", of("rabbitmq", "password")),
        ),
        (
            "queue = \"room_events\"",
            format!("queue = {}", of("rabbitmq", "queue")),
        ),
        ("port = 3306", format!("port = {}", of("mysql", "port"))),
        ("password = \"\"", "password = \"change me\"".to_owned()),
        (
            "# webhook_url = ",
            format!("webhook_url = {} #", of("feishu", "webhook_url")),
        ),
        (
            "# secret = ",
            format!("secret = {} #", of("feishu", "secret")),
        ),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, &to, 1);
    }
    fs::write(file, text).expect("the configuration");
}

/// root's own access to the database.
fn my_cnf(machine: &Machine) {
    let env = |name: &str| std::env::var(format!("ROOMWATT_TEST_MYSQL_{name}")).expect(name);
    let text = format!(
        "[client]\nhost = {}\nport = {}\nuser = {}\npassword = {}\n",
        env("HOST"),
        env("PORT"),
        env("USER"),
        env("PASSWORD")
    );
    fs::write(machine.path("/root/.my.cnf"), text).expect("a file");
}

#[test]
fn the_lines_to_install_it_work_on_a_bare_machine() {
    let mut rig = Rig::without_schema("install");
    rig.secret("install");
    let hotel = Hotel(&rig);
    hotel.clear();
    trying(&rig);
    hotel.clear();
    // Each with the comments of its own language.
    for chinese in [false, true] {
        installing(&rig, chinese);
        hotel.clear();
    }
    drop(hotel);
    fs::write(rig.config().with_file_name("nothing.log"), "").expect("a log");
    rig.finish();
}

/// What the README runs.
fn trying(rig: &Rig) {
    let mut machine = Machine::new();
    my_cnf(&machine);
    for line in lines(&Page::read("README.md"), false) {
        let line = line.as_str();
        // In a terminal of its own.
        if line.starts_with("roomwatt run ") {
            let code = without_comment(line);
            machine.run(&format!("{code} >/root/run.log 2>&1 &"));
            continue;
        }
        let printed = machine.run(line);
        if line.starts_with("cp ") {
            edit(rig, &machine.path("/root/roomwatt/roomwatt.toml"));
        }
        if line.starts_with("roomwatt send-notice") {
            assert!(printed.contains("accepted"), "{printed}");
        }
    }
    rig.wait_for_rows(
        "SELECT CONCAT(hotel_id, ' ', room_number, ' ', msg_type) FROM hotel.room_state",
        &["H001 101 checkin".to_owned()],
    );
    machine.run("kill %1 && wait %1");
    let log = fs::read_to_string(machine.path("/root/run.log")).expect("a log");
    assert!(
        log.contains("stopped: everything taken is written"),
        "{log}"
    );
}

/// docs/installing.md under supervisor, and then docs/operating.md.
fn installing(rig: &Rig, chinese: bool) {
    let mut machine = Machine::new();
    my_cnf(&machine);
    machine.run("cargo build --release");
    // Debian's package starts it.
    machine.run("supervisord -c /etc/supervisor/supervisord.conf");
    let config = machine.path("/etc/roomwatt/roomwatt.toml");
    let log = machine.path("/var/log/roomwatt/roomwatt.log");
    let wait_for = |log: &Path, text: &str, times: usize| {
        wait(
            &format!("the log to say {text:?} {times} times"),
            || match fs::read_to_string(log).unwrap_or_default() {
                log if log.matches(text).count() >= times => Ok(()),
                log => Err(log),
            },
        );
    };
    for line in lines(&Page::read("docs/installing.md"), chinese) {
        let line = line.as_str();
        let printed = machine.run(line);
        if line.contains("etc/roomwatt.toml") {
            edit(rig, &config);
        }
        if line.contains(" init-db") {
            assert!(printed.contains("is up to date"), "{printed}");
        }
        if line.contains("check --online") {
            for part in [
                "as roomwatt\n",
                "ok       rights: ",
                "ok       rights for init-db: this user has none, and the service needs none",
            ] {
                assert!(printed.contains(part), "{part:?} is not in\n{printed}");
            }
        }
        if line == "supervisorctl update" {
            wait_for(&log, "consuming queue", 1);
        }
    }
    let users = "ps -o user= -C roomwatt; stat -c '%U %G %a' /etc/roomwatt/roomwatt.toml";
    assert_eq!(machine.run(users).trim_end(), "roomwatt\nroot roomwatt 640");
    let asked = fs::read_to_string(machine.path("/root/systemctl.log")).expect("it was asked");
    assert_eq!(asked, "daemon-reload\nenable --now roomwatt\n");
    rig.execute(
        "INSERT INTO hotel.electricity_monitoring (hotel_id, room_number, check_in_time) \
         VALUES ('H001', '101', NOW())",
    );

    let (mut consuming, mut starts) = (1, 1);
    for line in lines(&Page::read("docs/operating.md"), chinese) {
        let line = line.as_str();
        if line.starts_with("supervisorctl stop") {
            // Not while it starts.
            wait_for(&log, "consuming queue", consuming);
        }
        if line.starts_with("mysql hotel < ") {
            rig.execute("DELETE FROM hotel.electricity_monitoring");
        }
        machine.run(line);
        if line.starts_with("supervisorctl start") {
            (consuming, starts) = (consuming + 1, starts + 1);
        }
        if line.starts_with("supervisorctl start") && starts == 2 {
            let restored = "SELECT room_number FROM hotel.electricity_monitoring";
            assert_eq!(rig.rows::<String>(restored), ["101"]);
        }
    }
    assert_eq!(starts, 3, "restored and upgraded");
    let left = "ls -d /etc/roomwatt /var/l*/roomwatt /usr/local/bin/roomwatt; id roomwatt; \
                supervisorctl status";
    let (_, printed) = machine.ask(left).expect("an answer");
    assert_eq!(printed.matches("No such file").count(), 3, "{printed}");
    assert!(
        printed.contains("no such user") && !printed.contains("roomwatt  "),
        "{printed}"
    );
    assert_eq!(
        rig.rows::<String>("SHOW TABLES IN hotel"),
        [
            "electricity_abnormal",
            "electricity_monitoring",
            "smart_meter"
        ]
    );
    assert_eq!(
        rig.rows::<u32>("SELECT COUNT(*) FROM mysql.user WHERE User LIKE 'roomwatt%'"),
        [0]
    );
}
