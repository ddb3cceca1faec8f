//! Pings a monitor outside after each sweep, so that the monitor alarms when this service stops
//! working, whatever the reason.
//!
//! No timer of its own pings: a process that only lives would look like one that works. What is
//! pinged for is a sweep that was completed, and that messages come in and notices go out.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Error};

use crate::certificate::{self, Peer};
use crate::clock::unix_seconds;
use crate::config::Secret;
use crate::escape;
use crate::figures::Figures;
use crate::finding::{Finding, Level, Report};
use crate::gate::Gate;
use crate::outage::Outage;
use crate::types::counted;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Notices that can be sent and have waited for longer are stuck. A bot that takes none is tried
/// every ten minutes.
const STUCK: Duration = Duration::from_secs(900);

/// The most of an answer that is read, and the most that is shown of it. Bytes.
const ANSWER: u64 = 1_024;
const SHOWN: usize = 200;

/// A part of an address that is shorter is no secret, and may stand in any text.
const SHORTEST_SECRET: usize = 6;

/// Sends pings, in a thread that lives as long as the process: one that hangs delays neither a
/// sweep nor another configuration.
pub struct Pinger(Receiver<Secret>);

/// The way to the [`Pinger`].
#[derive(Clone)]
pub struct Pings {
    sender: Sender<Secret>,
    /// The ping that waits while another one is under way.
    waiting: Receiver<Secret>,
}

/// A [`Pinger`], and the way to it.
pub fn pings() -> (Pings, Pinger) {
    let (sender, receiver) = bounded(1);
    let waiting = receiver.clone();
    (Pings { sender, waiting }, Pinger(receiver))
}

impl Pings {
    /// Has this address pinged. It never waits: a ping that waits already gives way to this one.
    fn send(&self, url: Secret) {
        let _ = self.waiting.try_recv();
        let _ = self.sender.try_send(url);
    }
}

impl Pinger {
    /// Pings until every [`Pings`] has been dropped. A ping that fails is not repeated: the next
    /// sweep brings another one.
    pub fn run(self) {
        let agent = agent();
        let mut outage = Outage::new("the ping of heartbeat.url");
        for url in self.0 {
            match ping(&agent, &url) {
                Ok(()) => outage.ended(),
                Err(error) => {
                    outage.failed(&error);
                }
            }
        }
    }
}

/// What a sweep reports to when it is complete.
pub struct Heartbeat {
    pub url: Secret,
    pub pings: Pings,
    pub intake: Arc<Gate>,
    pub figures: Arc<Figures>,
    /// How long notices wait for others to be sent with.
    pub group_wait: Duration,
    /// Why it was not sent after the last sweep.
    pub withheld: Option<Withheld>,
}

/// Why no heartbeat is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// No message can come in.
    Intake,
    /// No program can reach `http.listen`.
    Http,
    /// Notices wait that could have been sent long ago.
    Notices,
}

impl Heartbeat {
    /// A sweep is complete: pings if messages come in and notices go out, too.
    pub fn swept(&mut self) {
        let before = self.withheld;
        self.withheld = self.why_withheld(unix_seconds());
        match self.withheld {
            None => {
                if before.is_some() {
                    log::warn!("the heartbeat is sent again");
                }
                self.pings.send(self.url.clone());
            }
            now if now == before => {}
            Some(Withheld::Intake) => log::warn!(
                "no heartbeat is sent: no messages come in; the lines about the intake say why"
            ),
            Some(Withheld::Http) => log::warn!(
                "no heartbeat is sent: no program can reach this instance; the lines about \
                 http.listen say why"
            ),
            Some(Withheld::Notices) => log::warn!(
                "no heartbeat is sent: notices have waited for more than {} to be sent; the lines \
                 about the bot say why, `roomwatt outbox` shows them",
                counted(STUCK.as_secs() / 60, "minute")
            ),
        }
    }

    fn why_withheld(&self, now: i64) -> Option<Withheld> {
        if !self.intake.is_well() {
            return Some(Withheld::Intake);
        }
        if self.figures.is_unreachable() {
            return Some(Withheld::Http);
        }
        let longest = (STUCK + self.group_wait).as_secs();
        let oldest = self.figures.oldest_waiting()?;
        let has_waited = now.unsigned_abs().saturating_sub(oldest);
        (has_waited > longest).then_some(Withheld::Notices)
    }
}

fn agent() -> Agent {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .tls_config(tls)
        .build()
        .into()
}

/// Pings once.
///
/// # Errors
/// Why the monitor has not taken it, without the address.
fn ping(agent: &Agent, url: &Secret) -> Result<(), String> {
    let mut response = agent
        .get(url.expose())
        .call()
        .map_err(|error| unanswered(url, &error))?;
    let mut body = Vec::new();
    // An answer of which the end does not come is one nevertheless.
    let _ = { response.body_mut().as_reader() }
        .take(ANSWER)
        .read_to_end(&mut body);
    let body = String::from_utf8_lossy(&body);
    let body = body.trim();
    let status = response.status();
    // Healthchecks answers 200 for a check that it does not know.
    if status.is_success() && !body.starts_with("OK (") {
        return Ok(());
    }
    let shown: String = masked(url, body).chars().take(SHOWN).collect();
    let status = status.as_u16();
    Err(format!(
        "the monitor answers HTTP {status}: {}; check heartbeat.url",
        escape::lines(shown.as_bytes())
    ))
}

fn unanswered(url: &Secret, error: &Error) -> String {
    let monitor = Peer {
        name: "the monitor",
        if_unknown_authority: "add its authority to those of this machine (on Debian: \
                               /usr/local/share/ca-certificates, update-ca-certificates)",
        if_other_name: "it is not the monitor that answers: check heartbeat.url and name \
                        resolution",
    };
    let explained = match error {
        Error::Io(error) => certificate::explain(error, &monitor),
        Error::Rustls(error) => certificate::explain(error, &monitor),
        _ => None,
    };
    let text = explained.map_or_else(|| error.to_string(), |explained| explained.to_string());
    masked(url, &text)
}

/// Masks the address and its parts: texts of libraries and servers may quote them.
fn masked(url: &Secret, text: &str) -> String {
    let text = url.mask(text);
    let (_, after_scheme) = url.expose().split_once("://").unwrap_or_default();
    let (login, path) = after_scheme.split_once('/').unwrap_or((after_scheme, ""));
    let login = login.rsplit_once('@').map(|(login, _)| login);
    let parts = path.split(['/', '?', '&', '=']).chain(login);
    let secret = parts.filter(|part| part.len() >= SHORTEST_SECRET);
    secret.fold(text, |text, part| Secret::new(part).mask(&text))
}

/// The scheme, host and port of an address, which are not secret.
fn host(url: &Secret) -> Option<String> {
    let uri: Uri = url.expose().parse().ok()?;
    let port = uri.port().map_or(String::new(), |port| format!(":{port}"));
    Some(format!("{}://{}{port}", uri.scheme_str()?, uri.host()?))
}

/// Asks the monitor's host for a page, which need not exist: a ping would say that the service
/// works.
pub fn check(url: &Secret, report: Report<'_>) {
    let Some(host) = host(url) else { return };
    let about = format!("the monitor of heartbeat.url at {host}");
    report(match agent().head(format!("{host}/")).call() {
        Ok(response) if response.status().is_server_error() => Finding::new(
            Level::Unreachable,
            about,
            format!("answered HTTP {}", response.status().as_u16()),
        ),
        Ok(_) => Finding::ok(about, "its host answers; the first sweep will ping it"),
        Err(error) => Finding::new(Level::Unreachable, about, unanswered(url, &error))
            .remedy("check the address, name resolution and the firewall"),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_ping_takes_the_place_of_one_that_waits() {
        let (pings, pinger) = pings();
        pings.send(Secret::new("first"));
        pings.send(Secret::new("second"));
        drop(pings);
        let sent: Vec<Secret> = pinger.0.iter().collect();
        assert_eq!(sent, [Secret::new("second")]);
    }

    #[test]
    fn nothing_of_the_address_but_its_host_is_shown() {
        let url = Secret::new("https://me:canary1@hc.example:8000/canary2/canary3?key=canary4");
        for text in [
            url.expose(),
            "https://hc.example:8000/canary2/canary3",
            "GET /canary2/canary3?key=canary4 by me:canary1",
        ] {
            let shown = masked(&url, text);
            assert!(!shown.contains("canary"), "{shown}");
        }
        assert_eq!(host(&url).as_deref(), Some("https://hc.example:8000"));
        let short = Secret::new("http://kuma/api/push/canary?status=up");
        assert_eq!(
            masked(&short, "no route to kuma: up"),
            "no route to kuma: up"
        );
    }

    #[test]
    fn it_is_withheld_while_messages_or_notices_are_stuck() {
        const NOW: i64 = 1_700_000_000;
        let (pings, pinger) = pings();
        let heartbeat = Heartbeat {
            url: Secret::new("http://127.0.0.1/"),
            pings,
            intake: Arc::new(Gate::new(0)),
            figures: Arc::default(),
            group_wait: Duration::from_secs(30),
            withheld: None,
        };
        let route = heartbeat.figures.route("default");
        assert_eq!(heartbeat.why_withheld(NOW), None);
        for (waited, withheld) in [
            (0, None),
            (930, None),
            (931, Some(Withheld::Notices)),
            // The clock was set back.
            (-3_600, None),
        ] {
            route.set_oldest_waiting(Some((NOW - waited).unsigned_abs()));
            assert_eq!(heartbeat.why_withheld(NOW), withheld, "{waited}");
        }
        heartbeat.intake.close();
        assert_eq!(heartbeat.why_withheld(NOW), Some(Withheld::Intake));
        let mut heartbeat = heartbeat;
        heartbeat.figures.set_unreachable(true);
        heartbeat.intake.open();
        assert_eq!(heartbeat.why_withheld(NOW), Some(Withheld::Http));
        heartbeat.figures.set_unreachable(false);
        heartbeat.intake.close();
        heartbeat.swept();
        assert!(pinger.0.is_empty());
        heartbeat.intake.open();
        heartbeat.figures.route("default").set_oldest_waiting(None);
        heartbeat.swept();
        assert_eq!(pinger.0.len(), 1);
    }
}
