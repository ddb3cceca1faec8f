//! A Prometheus of one test's own, and its promtool: Debian's package.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::intake::ask;
use super::wait;

/// It scrapes one service each second, under the job `roomwatt`. It ends with the test.
pub struct Prometheus {
    child: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one with these rules. With a token it shows that.
    pub fn start(target: SocketAddr, rules: &Path, token: Option<&str>) -> Prometheus {
        let folder = tempfile::tempdir().expect("a folder");
        let login = token.map_or(String::new(), |token| {
            format!("    authorization: {{credentials: '{token}'}}\n")
        });
        let rules = rules.display();
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{rules}']\n\
             scrape_configs:\n  - job_name: roomwatt\n{login}    \
             static_configs: [{{targets: ['{target}']}}]\n"
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).expect("a file");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("its address");
        drop(free);
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).expect("a file"))
            .spawn()
            .expect("Prometheus is installed: scripts/services install");
        Prometheus {
            child,
            address,
            folder,
        }
    }

    /// What it has logged.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Asks its API; the answer's `data`.
    pub fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let mut query = String::new();
        for (name, value) in parameters {
            let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
            query += &format!(
                "{}{name}={encoded}",
                if query.is_empty() { "?" } else { "&" }
            );
        }
        let host = self.address;
        // Of HTTP/1.0 the answer comes in one piece.
        let request = format!("GET /api/v1/{path}{query} HTTP/1.0\r\nHost: {host}\r\n\r\n");
        let (status, body) =
            ask(self.address, &request).map_err(|error| format!("{error}; {}", self.log()))?;
        let answer: Value = serde_json::from_str(&body).map_err(|_| format!("{status} {body}"))?;
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"].clone()),
            _ => Err(format!("{status} {body}")),
        }
    }

    /// What an expression gives now: labels and value of each sample.
    pub fn query(&self, expression: &str) -> Result<Vec<(Value, String)>, String> {
        let data = self.api("query", &[("query", expression)])?;
        let samples = data["result"].as_array().cloned().unwrap_or_default();
        let of = |sample: &Value| {
            let value = sample["value"][1].as_str().unwrap_or_default();
            (sample["metric"].clone(), value.to_owned())
        };
        Ok(samples.iter().map(of).collect())
    }

    /// Waits until an expression gives something.
    pub fn wait_for(&self, expression: &str) -> Vec<(Value, String)> {
        wait(&format!("an answer to {expression}"), || {
            match self.query(expression) {
                Ok(samples) if !samples.is_empty() => Ok(samples),
                other => {
                    let targets = self.api("targets", &[]);
                    Err(format!("{other:?}; {targets:?}"))
                }
            }
        })
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// Runs promtool; what it printed, whether or not it found something wrong.
pub fn promtool(arguments: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed: scripts/services install");
    let mut to = child.stdin.take().expect("its input");
    to.write_all(input.as_bytes()).expect("it reads");
    drop(to);
    let output = child.wait_with_output().expect("it ends");
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    (output.status.success(), printed)
}
