//! A database, a queue and a bot of its own for each test on real parts.
#![allow(dead_code)] // each test binary uses its own share
#![allow(clippy::disallowed_methods)] // no part of the service

pub mod feishu;
pub mod intake;
pub mod monitor;
pub mod own_server;
pub mod pages;
pub mod prometheus;
pub mod proxy;
mod queue;
mod service;
pub mod states;

use std::fmt::Debug;
use std::fs;
use std::net::ToSocketAddrs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use amiquip::{Connection, QueueDeclareOptions, QueueDeleteOptions};
use mysql::prelude::{FromRow, Queryable};
use mysql::{Conn, OptsBuilder};

use feishu::{Bot, FeishuStandIn};
use proxy::Proxy;
pub use service::Service;

/// Where a rig's database is, and who may do all there.
#[derive(Clone)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
}

impl Server {
    /// The one that all tests share.
    fn shared() -> Server {
        Server {
            host: env("MYSQL_HOST"),
            port: env("MYSQL_PORT").parse().expect("a port"),
            user: env("MYSQL_USER"),
            password: env("MYSQL_PASSWORD"),
        }
    }

    fn opts(&self) -> OptsBuilder {
        // Whatever the server sets by itself, a test's own statements mean the same everywhere.
        let session = "SET SESSION sql_mode = 'STRICT_ALL_TABLES', autocommit = 1, \
                       completion_type = 0, time_zone = '+08:00', sql_select_limit = 1000000, \
                       sql_big_selects = 1, sql_safe_updates = 0, lock_wait_timeout = 60, \
                       innodb_lock_wait_timeout = 60, wait_timeout = 600";
        OptsBuilder::new()
            .ip_or_hostname(Some(&self.host))
            .tcp_port(self.port)
            .prefer_socket(false)
            .user(Some(&self.user))
            .pass(Some(&self.password))
            .init(vec![
                "SET NAMES utf8mb4",
                "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE",
                session,
            ])
    }

    /// A connection of the administrator.
    pub fn root(&self) -> Conn {
        Conn::new(self.opts()).expect("the test database; is it up? scripts/services up")
    }
}

/// The longest wait for anything.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The program under test.
pub const ROOMWATT: &str = env!("CARGO_BIN_EXE_roomwatt");

/// Polls until `poll` gives `Ok`; its error says what was seen instead.
pub fn wait<T>(what: &str, mut poll: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        match poll() {
            Ok(found) => return found,
            Err(seen) if Instant::now() >= deadline => {
                panic!("waited {LIMIT:?} for {what}; last seen: {seen}")
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)), // between two polls
        }
    }
}

/// A word that is found nowhere by chance.
fn canary(what: &str) -> String {
    format!("canary{what}{:016x}", fastrand::u64(..))
}

/// A table for a FROM clause: its column `seq` has the numbers from 1 to `last`.
pub fn numbers(last: u32) -> String {
    let digit: Vec<String> = (0..10).map(|n| format!("SELECT {n}")).collect();
    let digits: Vec<String> = (0..7)
        .map(|place| format!("({}) AS digit{place}", digit.join(" UNION ALL ")))
        .collect();
    format!(
        "(SELECT ROW_NUMBER() OVER () AS seq FROM (SELECT 1 \
         FROM {} LIMIT {last}) AS some) AS numbers",
        digits.join(", ")
    )
}

/// What the service is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    RabbitMq,
    MySql,
    Feishu,
}

/// Everything one test needs, apart from all others.
pub struct Rig {
    server: Server,
    pub database: String,
    pub queue: String,
    pub feishu: FeishuStandIn,
    /// Where the service finds the broker.
    broker_port: String,
    folder: tempfile::TempDir,
    secrets: Vec<String>,
    /// What commands have printed.
    printed: Vec<Output>,
    services: usize,
    finished: bool,
}

impl Rig {
    /// A fresh database with the schema, an empty queue, and a bot that is signed.
    pub fn new(name: &str) -> Rig {
        let mut rig = Rig::without_schema(name);
        let output = rig.roomwatt(&["init-db"]);
        assert!(output.status.success(), "init-db failed: {output:?}");
        rig
    }

    /// The same, but the database is empty.
    pub fn without_schema(name: &str) -> Rig {
        Rig::without_schema_on(Server::shared(), name)
    }

    /// The same on a server of the test's own.
    pub fn without_schema_on(server: Server, name: &str) -> Rig {
        let unique = format!(
            "rw_{name}_{}_{:06x}",
            std::process::id(),
            fastrand::u32(..1 << 24)
        );
        let (password, token, secret) = (canary("mysql"), canary("token"), canary("secret"));
        let feishu = FeishuStandIn::start(&token, Some(&secret));
        let folder = tempfile::tempdir().expect("a folder");
        let rig = Rig {
            server,
            queue: unique.clone(),
            secrets: vec![
                password.clone(),
                token,
                secret.clone(),
                env("AMQP_PASSWORD"),
            ],
            database: unique,
            feishu,
            broker_port: env("AMQP_PORT"),
            folder,
            printed: Vec::new(),
            services: 0,
            finished: false,
        };

        let mut root = rig.server.root();
        let database = &rig.database;
        let user = rig.user();
        for statement in [
            format!("CREATE DATABASE `{database}` CHARACTER SET utf8mb4"),
            format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'"),
            format!("GRANT ALL ON `{database}`.* TO '{user}'@'%'"),
        ] {
            root.query_drop(statement).expect("a database");
        }
        rig.declare_queue();

        let config = format!(
            "[rabbitmq]\nhost = '{}'\nport = {}\nusername = '{}'\npassword = '{}'\nqueue = '{}'\n\
             [mysql]\nhost = '{}'\nport = {}\nuser = '{user}'\npassword = '{password}'\n\
             database = '{}'\n\
             [feishu]\nwebhook_url = '{}'\nsecret = '{secret}'\ngroup_wait_seconds = 0\n\
             [log]\nlevel = 'debug'\n\
             [monitoring]\nsweep_seconds = 1\n",
            env("AMQP_HOST"),
            env("AMQP_PORT"),
            env("AMQP_USER"),
            env("AMQP_PASSWORD"),
            rig.queue,
            rig.server.host,
            rig.server.port,
            rig.database,
            rig.feishu.webhook_url(),
        );
        fs::write(rig.config(), config).expect("a configuration");
        // It holds secrets, and that others can read it would be warned of.
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(rig.config(), mode).expect("a mode");
        rig
    }

    /// Declares the queue, durable.
    pub fn declare_queue(&self) {
        let mut broker = broker();
        let channel = broker.open_channel(None).expect("a channel");
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        channel
            .queue_declare(&self.queue, durable)
            .expect("a queue");
        channel.close().expect("closed");
        broker.close().expect("closed");
    }

    /// Names of users are limited to 32 characters: the end is what is unique.
    pub fn user(&self) -> String {
        let from = self.database.len().saturating_sub(20);
        format!("u{}", &self.database[from..])
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("roomwatt.toml")
    }

    /// Writes a file beside the configuration; gives its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    /// Adds lines at the end of the configuration, which is section [monitoring].
    pub fn configure(&self, lines: &str) {
        let config = fs::read_to_string(self.config()).expect("a configuration");
        fs::write(self.config(), format!("{config}{lines}\n")).expect("a configuration");
    }

    /// Replaces text of the configuration.
    pub fn reconfigure(&self, from: &str, to: &str) {
        let config = fs::read_to_string(self.config()).expect("a configuration");
        assert!(config.contains(from), "{from} is not in the configuration");
        fs::write(self.config(), config.replace(from, to)).expect("a configuration");
    }

    /// Some hotels get a bot of their own, a signed one.
    pub fn route(&mut self, hotels: &[&str]) -> Bot {
        let (token, secret) = (canary("token"), canary("secret"));
        let bot = self.feishu.add_bot(&token, Some(&secret));
        let route = format!(
            "[[feishu.routes]]\nhotels = {hotels:?}\nwebhook_url = '{}'\nsecret = '{secret}'\n\
             [log]\n",
            bot.webhook_url()
        );
        self.reconfigure("[log]\n", &route);
        self.secrets.extend([token, secret]);
        bot
    }

    /// A word that must not be printed.
    pub fn secret(&mut self, what: &str) -> String {
        let secret = canary(what);
        self.secrets.push(secret.clone());
        secret
    }

    /// Has the service talk to the broker in TLS; gives the file of its authority.
    pub fn encrypt(&mut self) -> String {
        let (port, ca) = (env("AMQP_TLS_PORT"), env("AMQP_CA"));
        let plain = format!("port = {}\n", self.broker_port);
        let encrypted = format!("port = {port}\ntls = true\ntls_ca = '{ca}'\n");
        self.reconfigure(&plain, &encrypted);
        self.broker_port = port;
        ca
    }

    /// Puts a proxy into a link of the service's; the test's own connections go past it.
    pub fn proxy(&self, link: Link) -> Proxy {
        let (host, port) = match link {
            Link::RabbitMq => (env("AMQP_HOST"), self.broker_port.clone()),
            Link::MySql => (self.server.host.clone(), self.server.port.to_string()),
            Link::Feishu => ("127.0.0.1".to_owned(), self.feishu.port().to_string()),
        };
        let target = format!("{host}:{port}").to_socket_addrs();
        let target = target.expect("an address").next().expect("an address");
        let proxy = Proxy::start(target);
        let written = |host: &str, port: &str| match link {
            Link::Feishu => format!("http://{host}:{port}/"),
            Link::RabbitMq | Link::MySql => format!("host = '{host}'\nport = {port}\n"),
        };
        let address = proxy.address();
        let through = written(&address.ip().to_string(), &address.port().to_string());
        self.reconfigure(&written(&host, &port), &through);
        proxy
    }

    /// Starts the service.
    pub fn start(&mut self) -> Service {
        self.start_with(&[])
    }

    /// Keeps the configuration as it is now under another name.
    pub fn copy_of_config(&self, name: &str) -> PathBuf {
        let copy = self.folder.path().join(name);
        fs::copy(self.config(), &copy).expect("a configuration");
        copy
    }

    /// Starts the service with another configuration.
    pub fn start_from(&mut self, config: &std::path::Path) -> Service {
        self.services += 1;
        let log = self
            .folder
            .path()
            .join(format!("service-{}.log", self.services));
        Service::start(config, &log, &[])
    }

    /// Starts the service with more in its environment.
    pub fn start_with(&mut self, environment: &[(&str, &str)]) -> Service {
        self.services += 1;
        let log = self
            .folder
            .path()
            .join(format!("service-{}.log", self.services));
        Service::start(&self.config(), &log, environment)
    }

    /// Starts the service with so many files and connections at most.
    pub fn start_with_files(&mut self, most: u32) -> Service {
        self.services += 1;
        let log = self
            .folder
            .path()
            .join(format!("service-{}.log", self.services));
        let mut command = Command::new("sh");
        let script = format!("ulimit -n {most} && exec \"$0\" \"$@\"");
        command.args(["-c", &script, ROOMWATT]);
        Service::start_by(command, &self.config(), &log, &[])
    }

    /// Runs a command of the program with this configuration.
    pub fn roomwatt(&mut self, arguments: &[&str]) -> Output {
        let output = Command::new(ROOMWATT)
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .output()
            .expect("the program runs");
        self.printed.push(output.clone());
        output
    }

    /// A connection to this database.
    pub fn conn(&self) -> Conn {
        let opts = self.server.opts().db_name(Some(&self.database));
        Conn::new(opts).expect("a connection")
    }

    pub fn execute(&self, statement: &str) {
        self.conn().query_drop(statement).expect(statement);
    }

    pub fn rows<T: FromRow>(&self, query: &str) -> Vec<T> {
        self.conn().query(query).expect(query)
    }

    /// Waits until a query gives `expected`.
    pub fn wait_for_rows<T: FromRow + Debug + PartialEq>(&self, query: &str, expected: &[T]) {
        let mut conn = self.conn();
        wait(&format!("{query} to give {expected:?}"), || {
            // A column that is still NULL is another thing than was expected, no fault.
            let rows: Vec<Result<T, _>> = conn.query_opt(query).expect(query);
            let as_expected = |(row, expected): (&Result<T, _>, &T)| row.as_ref() == Ok(expected);
            if rows.len() == expected.len() && rows.iter().zip(expected).all(as_expected) {
                Ok(())
            } else {
                Err(format!("{rows:?}"))
            }
        });
    }

    pub fn is_mariadb(&self) -> bool {
        let version: Vec<String> = self.rows("SELECT VERSION()");
        version[0].contains("MariaDB")
    }

    /// Has the server count what the program asks of it.
    pub fn count_work(&self) {
        if self.is_mariadb() {
            self.execute("SET GLOBAL userstat = 1");
        }
    }

    /// How many SELECTs the program has sent, since [`Rig::count_work`]. Of prepared statements
    /// MySQL counts others, too.
    pub fn selects(&self) -> u32 {
        self.work("SELECT_COMMANDS", "COUNT_STAR")
    }

    /// How many rows were read for the program's SELECTs, likewise.
    pub fn rows_read(&self) -> u32 {
        self.work("ROWS_READ", "SUM_ROWS_EXAMINED")
    }

    fn work(&self, mariadb: &str, mysql: &str) -> u32 {
        let of = if self.is_mariadb() {
            format!("{mariadb} FROM information_schema.USER_STATISTICS WHERE 1 = 1")
        } else {
            format!(
                "CAST({mysql} AS UNSIGNED) \
                 FROM performance_schema.events_statements_summary_by_user_by_event_name \
                 WHERE EVENT_NAME IN ('statement/sql/select', 'statement/com/Execute')"
            )
        };
        let counted: Vec<u32> = self.rows(&format!("SELECT {of} AND USER = '{}'", self.user()));
        counted.into_iter().sum()
    }

    /// How many statements that begin so have been at work for a second or more.
    pub fn waiting(&self, statement: &str) -> String {
        format!(
            "SELECT COUNT(*) FROM information_schema.processlist \
             WHERE user = '{}' AND info LIKE '{statement}%' AND time >= 1",
            self.user()
        )
    }

    /// Ends all connections of the service's user, as a server that is restarted does.
    pub fn end_connections(&self) {
        let mut root = self.conn();
        let of_user = "SELECT id FROM information_schema.processlist WHERE user = ?";
        let ids: Vec<u64> = root.exec(of_user, (self.user(),)).expect("connections");
        assert!(!ids.is_empty(), "no connection of {}", self.user());
        for id in ids {
            // It may have ended by now.
            let _ = root.query_drop(format!("KILL {id}"));
        }
    }

    /// Inserts a meter row; the register in kWh as it is written.
    pub fn meter(&self, hotel: &str, room: &str, time: &str, register: &str) {
        self.conn()
            .exec_drop(
                "INSERT INTO smart_meter (hotel_id, room_number, reading_value, script_time) \
                 VALUES (?, ?, ?, ?)",
                (hotel, room, register, time),
            )
            .expect("a meter row");
    }

    /// Searches all that was ever printed for secrets and cleans up.
    pub fn finish(mut self) {
        self.finished = true;
        let mut texts: Vec<(String, Vec<u8>)> = Vec::new();
        for output in &self.printed {
            texts.push(("a command's output".into(), output.stdout.clone()));
            texts.push(("a command's errors".into(), output.stderr.clone()));
        }
        let logs = fs::read_dir(self.folder.path()).expect("the folder");
        for entry in logs.map(|entry| entry.expect("an entry").path()) {
            if entry
                .extension()
                .is_some_and(|extension| extension == "log")
            {
                texts.push((
                    entry.display().to_string(),
                    fs::read(&entry).expect("a log"),
                ));
            }
        }
        assert!(!texts.is_empty(), "nothing was printed at all");
        for (place, text) in texts {
            let text = String::from_utf8_lossy(&text);
            for secret in &self.secrets {
                assert!(!text.contains(secret), "{place} holds a secret:\n{text}");
            }
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let mut root = self.server.root();
        for statement in [
            format!("DROP DATABASE IF EXISTS `{}`", self.database),
            format!("DROP USER IF EXISTS '{}'@'%'", self.user()),
        ] {
            let _ = root.query_drop(statement);
        }
        let mut broker = broker();
        if let Ok(channel) = broker.open_channel(None) {
            let _ = channel.queue_delete(&self.queue, QueueDeleteOptions::default());
        }
        assert!(
            self.finished || std::thread::panicking(),
            "the test did not search its output for secrets: call finish()"
        );
    }
}

/// What `scripts/services env` says.
fn env(name: &str) -> String {
    let name = format!("ROOMWATT_TEST_{name}");
    std::env::var(&name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run scripts/test, or scripts/services up and eval \
             \"$(scripts/services env)\""
        )
    })
}

pub fn broker() -> Connection {
    let url = format!(
        "amqp://{}:{}@{}:{}/%2F",
        env("AMQP_USER"),
        env("AMQP_PASSWORD"),
        env("AMQP_HOST"),
        env("AMQP_PORT")
    );
    Connection::insecure_open(&url).expect("the test broker; is it up? scripts/services up")
}
