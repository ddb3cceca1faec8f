//! A database server of one test's own: for what is set for a whole server. It is of the kind that
//! the tests run on: MariaDB, or with --newest MySQL in a system of its own.

use std::env;
use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mysql::Conn;
use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::{Server, wait};

/// A private server; it ends with the test.
pub struct OwnServer {
    child: Child,
    pub server: Server,
    _folder: tempfile::TempDir,
}

/// Whether it is a server of the newest, which is MySQL.
pub fn is_newest() -> bool {
    env::var("ROOMWATT_TEST_NEWEST").is_ok_and(|set| !set.is_empty())
}

/// Where a server keeps what it has, and how its programs are run.
struct Home {
    folder: PathBuf,
    is_newest: bool,
}

impl OwnServer {
    /// Starts one with these options.
    pub fn start(options: &[&str]) -> OwnServer {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::in_folder(folder.path());
        let password = format!("canary{:016x}", fastrand::u64(..));
        let init = home.folder.join("init.sql");
        fs::write(&init, home.accounts(&password)).expect("a file");
        fs::set_permissions(&init, Permissions::from_mode(0o644)).expect("a file");
        let data = format!("--datadir={}", home.folder.join("data").display());
        home.install(&data);
        // Another program may take the port first.
        for _ in 0..3 {
            let port = free_port();
            let child = home
                .server()
                .args([&data, &format!("--init-file={}", init.display())])
                // Relative to the data: a longer path may not fit into an address.
                .args(["--socket=own.sock", "--pid-file=own.pid"])
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
            if let Some(child) = answers(child, &server, &home) {
                return OwnServer {
                    child,
                    server,
                    _folder: folder,
                };
            }
        }
        panic!("no server has started:\n{}", home.log());
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

impl Home {
    fn in_folder(folder: &Path) -> Home {
        // As scripts/services names what it has of the newest servers.
        let state = folder.join("services-newest");
        let home = Home {
            folder: state.join("home"),
            is_newest: is_newest(),
        };
        fs::create_dir_all(&home.folder).expect("a folder");
        // Started by root, it runs as another user and must get through.
        for folder in [folder, &state, &home.folder] {
            fs::set_permissions(folder, Permissions::from_mode(0o711)).expect("a folder");
        }
        home
    }

    /// What is done at each start, a statement a line.
    fn accounts(&self, password: &str) -> String {
        let grant = "GRANT ALL PRIVILEGES ON *.* TO root@127.0.0.1 WITH GRANT OPTION;\n";
        if self.is_newest {
            return format!(
                "CREATE USER IF NOT EXISTS root@127.0.0.1;\n\
                 ALTER USER root@127.0.0.1 IDENTIFIED BY '{password}';\n{grant}"
            );
        }
        format!(
            "CREATE OR REPLACE USER root@127.0.0.1 IDENTIFIED BY '{password}';\n{grant}\
             DELETE FROM mysql.global_priv WHERE User = '';\nFLUSH PRIVILEGES;\n"
        )
    }

    fn install(&self, data: &str) {
        let mut install = if self.is_newest {
            let mut owned = self.command("chown");
            let owned = owned.arg("mysql:").arg(&self.folder).status();
            assert!(owned.expect("it is everywhere").success(), "{}", self.log());
            let mut install = self.database_program("mysqld");
            install.arg("--initialize-insecure");
            install
        } else {
            let mut install = self.database_program("mariadb-install-db");
            install.args(["--skip-test-db", "--auth-root-authentication-method=normal"]);
            install
        };
        let installed = install
            .arg(data)
            .status()
            .expect("it comes with the server");
        assert!(installed.success(), "{}", self.log());
    }

    fn server(&self) -> Command {
        if !self.is_newest {
            return self.database_program("mariadbd");
        }
        let mut server = self.database_program("mysqld");
        server.arg("--mysqlx=OFF");
        server
    }

    /// A program of the server's; it reads no configuration.
    fn database_program(&self, name: &str) -> Command {
        let mut command = self.command(name);
        command.arg("--no-defaults");
        if geteuid().is_root() {
            command.arg("--user=mysql");
        }
        command
    }

    /// A program where the server is, also where the PATH leaves sbin out. Its process is the one
    /// that is started.
    fn command(&self, name: &str) -> Command {
        let path = env::var("PATH").unwrap_or_default();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .expect("a log");
        let mut command = if self.is_newest {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/services");
            let services = self.folder.join("../../services");
            let mut command = Command::new(script);
            command
                .env("ROOMWATT_SERVICES_DIR", services)
                .args(["inside", "--newest", name]);
            command
        } else {
            Command::new(name)
        };
        command
            .env("PATH", format!("{path}:/usr/local/sbin:/usr/sbin:/sbin"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log);
        command
    }

    fn log_file(&self) -> PathBuf {
        self.folder.with_file_name("server.log")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }
}

/// Waits until the server answers; `None` where it has ended instead.
fn answers(mut child: Child, server: &Server, home: &Home) -> Option<Child> {
    let runs = wait("the server to answer", || {
        if child.try_wait().expect("a status").is_some() {
            return Ok(false);
        }
        match Conn::new(server.opts()) {
            Ok(_) => Ok(true),
            Err(error) => Err(format!("{error}\n{}", home.log())),
        }
    });
    runs.then_some(child)
}

/// Below the range from which the system takes ports for outgoing connections.
fn free_port() -> u16 {
    wait("a free port", || {
        let port = fastrand::u16(20_000..32_000);
        let free = TcpListener::bind(("127.0.0.1", port));
        free.map(|_| port).map_err(|error| error.to_string())
    })
}
