//! Warnings of a valid configuration: what an operator may not expect.

use std::net::IpAddr;

use super::{Bot, Config};

impl Config {
    /// The warnings, a line each. `unix_seconds` is now: daylight saving is looked up for it.
    pub fn warnings(&self, unix_seconds: i64) -> Vec<String> {
        let mut warnings = Vec::from_iter(self.source.exposed());
        let mut in_clear = |server: &str, host: &str, encrypted: bool, remedy: &str| {
            if !encrypted && !is_loopback(host) {
                warnings.push(format!(
                    "the connection to {server} at {host} is not encrypted, its password included: \
                     {remedy}"
                ));
            }
        };
        if let Some(rabbitmq) = &self.rabbitmq {
            in_clear(
                "RabbitMQ",
                &rabbitmq.host,
                rabbitmq.tls,
                "set rabbitmq.tls = true",
            );
        }
        if let Some(mysql) = &self.mysql {
            let encrypted = mysql.tls_ca.is_some();
            in_clear("MySQL", &mysql.host, encrypted, "set mysql.tls_ca");
        }
        if let Some(http) = &self.http
            && !http.listen.ip().is_loopback()
        {
            warnings.push(format!(
                "the HTTP intake at {} is not encrypted, its token included: let a proxy with TLS \
                 stand before it",
                http.listen
            ));
        }
        if let Some(http) = &self.http {
            warnings.extend(http.warnings());
        }
        if let Some(url) = &self.heartbeat
            && let Ok(uri) = url.expose().parse::<ureq::http::Uri>()
            && uri.scheme_str() == Some("http")
            && !uri.host().is_some_and(is_loopback)
        {
            warnings.push(
                "heartbeat.url is not encrypted: who reads it on the way can ping in this \
                 service's place"
                    .to_owned(),
            );
        }
        let zone = self.messages.zone;
        if zone.has_daylight_saving(unix_seconds) {
            warnings.push(format!(
                "{} has daylight saving: one hour a year can't be judged there, and a meter table \
                 with TIMESTAMPs needs a restart of the service after each change",
                zone.name()
            ));
        }
        if self.keep_refused_bodies {
            warnings.push(
                "monitoring.keep_refused_bodies is true: refused messages are stored whole, with \
                 the names and telephone numbers of guests that are in them; set it to false once \
                 messages are accepted"
                    .to_owned(),
            );
        }
        if self.notify.default == Bot::Log {
            let whose = match self.notify.routes.as_slice() {
                [] => "notices",
                _ => "notices of hotels without a route",
            };
            warnings.push(format!(
                "no feishu.webhook_url is set: {whose} go to the log only"
            ));
        }
        warnings
    }
}

/// Whether a host is this machine, so that connections to it never cross a network.
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use crate::certificate;
    use crate::config::tests::loaded;

    /// 2026-01-15 and half a year later.
    const NOW: [i64; 2] = [1_768_435_200, 1_784_073_600];

    const QUIET: &str = "[rabbitmq]\nqueue = 'q'\n[mysql]\ndatabase = 'hotel'\n\
         [feishu]\nwebhook_url = 'https://example.com/hook/canary'\n[monitoring]\n";

    fn warnings(text: &str) -> Vec<String> {
        let config = loaded(text, &[], &[]).expect("all right");
        let [winter, summer] = NOW.map(|now| config.warnings(now));
        assert_eq!(winter, summer, "the warnings depend on the season");
        winter
    }

    #[test]
    fn a_good_configuration_has_no_warnings() {
        assert_eq!(warnings(QUIET), [""; 0]);
        for (server, host) in [
            ("[rabbitmq]\n", "localhost"),
            ("[rabbitmq]\n", "[::1]"),
            ("[mysql]\n", "::1"),
            ("[mysql]\n", "127.0.0.2"),
        ] {
            let text = QUIET.replace(server, &format!("{server}host = '{host}'\n"));
            assert_eq!(warnings(&text), [""; 0], "{text}");
        }
    }

    #[test]
    fn each_cause_has_its_warning() {
        let remote = |server: &str| QUIET.replace(server, &format!("{server}host = 'db.lan'\n"));
        let ca = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(ca.path(), certificate::AUTHORITY).expect("a file");
        let with_ca = format!(
            "[mysql]\nhost = 'db.lan'\ntls_ca = '{}'\n",
            ca.path().display()
        );
        let zone = |name: &str| format!("{QUIET}timezone = '{name}'\n");
        let no_bot = QUIET.replace("webhook_url", "# webhook_url");
        let route =
            "[[feishu.routes]]\nhotels = ['H1']\nwebhook_url = 'https://example.com/hook/a'\n";
        for (text, expected) in [
            (
                remote("[rabbitmq]\n"),
                vec!["the connection to RabbitMQ at db.lan is not encrypted"],
            ),
            (
                remote("[mysql]\n"),
                vec!["the connection to MySQL at db.lan is not encrypted"],
            ),
            (QUIET.replace("[mysql]\n", &with_ca), vec![]),
            (
                remote("[rabbitmq]\n").replace("queue", "tls = true\nqueue"),
                vec![],
            ),
            (
                remote("[mysql]\n").replace("db.lan", "127.0.0.1.example.com"),
                vec!["the connection to MySQL"],
            ),
            (
                zone("Europe/Berlin"),
                vec!["Europe/Berlin has daylight saving"],
            ),
            (
                zone("Australia/Sydney"),
                vec!["Australia/Sydney has daylight saving"],
            ),
            (
                format!("{QUIET}[http]\nlisten = '0.0.0.0:8580'\ntoken = 'canary-canary-canary'\n"),
                vec!["the HTTP intake at 0.0.0.0:8580 is not encrypted"],
            ),
            (format!("{QUIET}[http]\nlisten = '[::1]:8580'\n"), vec![]),
            (
                format!("{QUIET}[heartbeat]\nurl = 'http://kuma.lan/canary'\n"),
                vec!["heartbeat.url is not encrypted"],
            ),
            (
                format!("{QUIET}[heartbeat]\nurl = 'http://[::1]:3001/canary'\n"),
                vec![],
            ),
            (
                format!("{QUIET}[heartbeat]\nurl = 'https://kuma.lan/canary'\n"),
                vec![],
            ),
            // It had daylight saving until 1991.
            (zone("Asia/Shanghai"), vec![]),
            (zone("UTC"), vec![]),
            (
                no_bot.clone(),
                vec!["no feishu.webhook_url is set: notices go to the log only"],
            ),
            (
                format!("{QUIET}keep_refused_bodies = true\n"),
                vec!["monitoring.keep_refused_bodies is true: refused messages are stored whole"],
            ),
            (
                no_bot.clone() + route,
                vec!["no feishu.webhook_url is set: notices of hotels without a route go to"],
            ),
        ] {
            let found = warnings(&text);
            assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.starts_with(expected), "{expected}: {found}");
                assert!(!found.contains("canary"), "{found}");
            }
        }
    }
}
