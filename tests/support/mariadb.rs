//! A MariaDB of one test's own: for what is set for a whole server.

use std::env;
use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mysql::Conn;
use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::{Server, wait};

/// A private server; it ends with the test.
pub struct MariaDb {
    child: Child,
    pub server: Server,
    _folder: tempfile::TempDir,
}

impl MariaDb {
    /// Starts one with these options.
    pub fn start(options: &[&str]) -> MariaDb {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path();
        // Started by root, it runs as another user and must get through.
        fs::set_permissions(home, Permissions::from_mode(0o711)).expect("a folder");
        let password = format!("canary{:016x}", fastrand::u64(..));
        let init = home.join("init.sql");
        let text = format!(
            "CREATE OR REPLACE USER root@127.0.0.1 IDENTIFIED BY '{password}';\n\
             GRANT ALL PRIVILEGES ON *.* TO root@127.0.0.1 WITH GRANT OPTION;\n\
             DELETE FROM mysql.global_priv WHERE User = '';\nFLUSH PRIVILEGES;\n"
        );
        fs::write(&init, text).expect("a file");
        fs::set_permissions(&init, Permissions::from_mode(0o644)).expect("a file");
        let log = home.join("mariadb.log");
        let data = format!("--datadir={}", home.join("data").display());
        let installed = command("mariadb-install-db", &log)
            .args([
                &data,
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
            ])
            .status()
            .expect("it comes with MariaDB");
        assert!(installed.success(), "{}", read(&log));
        // Somebody else may be quicker to take a port.
        for _ in 0..3 {
            let port = free_port();
            let child = command("mariadbd", &log)
                .args([&data, &format!("--init-file={}", init.display())])
                // Relative to the data: a longer path may not fit into an address.
                .args(["--socket=mariadb.sock", "--pid-file=mariadb.pid"])
                .args(["--bind-address=127.0.0.1", "--skip-name-resolve"])
                .args([&format!("--port={port}"), "--innodb-buffer-pool-size=32M"])
                .args(options)
                .spawn()
                .expect("a server");
            let server = Server {
                host: "127.0.0.1".to_owned(),
                port,
                user: "root".to_owned(),
                password: password.clone(),
            };
            if let Some(child) = answers(child, &server, &log) {
                return MariaDb {
                    child,
                    server,
                    _folder: folder,
                };
            }
        }
        panic!("no server has started:\n{}", read(&log));
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// Waits until the server answers; `None` where it has ended instead.
fn answers(mut child: Child, server: &Server, log: &Path) -> Option<Child> {
    let runs = wait("the server to answer", || {
        if child.try_wait().expect("a status").is_some() {
            return Ok(false);
        }
        match Conn::new(server.opts()) {
            Ok(_) => Ok(true),
            Err(error) => Err(format!("{error}\n{}", read(log))),
        }
    });
    runs.then_some(child)
}

/// A program of the server's, also where the PATH leaves sbin out; it reads no configuration.
fn command(name: &str, log: &Path) -> Command {
    let path = env::var("PATH").unwrap_or_default();
    let log = File::options()
        .create(true)
        .append(true)
        .open(log)
        .expect("a log");
    let mut command = Command::new(name);
    command
        .env("PATH", format!("{path}:/usr/local/sbin:/usr/sbin:/sbin"))
        .arg("--no-defaults")
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log);
    if geteuid().is_root() {
        command.arg("--user=mysql");
    }
    command
}

/// Below the range from which the system takes ports for outgoing connections.
fn free_port() -> u16 {
    wait("a free port", || {
        let port = fastrand::u16(20_000..32_000);
        let free = TcpListener::bind(("127.0.0.1", port));
        free.map(|_| port).map_err(|error| error.to_string())
    })
}

fn read(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}
