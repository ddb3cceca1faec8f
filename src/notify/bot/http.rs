//! The HTTP client for bots; a part of their address is secret.

use std::io::Read;
use std::time::Duration;

use chrono::DateTime;
use ureq::http::{HeaderMap, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

use crate::certificate::{self, Explanation, Peer};
use crate::clock::unix_seconds;
use crate::config::Secret;

use super::platform::{Platform, SendError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most that is read of an answer. A real one is a line of JSON.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// The HTTP client for one bot.
pub(in crate::notify) struct Http {
    agent: Agent,
    platform: &'static Platform,
    url: Secret,
    is_proxied: bool,
    /// Masked in all errors.
    secrets: Vec<Secret>,
}

/// The answer to a request.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: String,
    /// Seconds that this machine's clock is ahead of the server's; negative when it is behind.
    pub(super) clock_ahead: Option<i64>,
}

/// The answer of a host that was reached.
pub(in crate::notify) struct Reached {
    pub(in crate::notify) status: u16,
    /// The same as [`Reply::clock_ahead`].
    pub(in crate::notify) clock_ahead: Option<i64>,
}

impl Http {
    /// A client for the bot at `url`, through `proxy` if there is one. Errors never show these or
    /// `other_secrets`.
    pub(super) fn new(
        platform: &'static Platform,
        url: &Secret,
        proxy: Option<&Secret>,
        other_secrets: impl IntoIterator<Item = Secret>,
    ) -> Http {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let agent = Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT))
            // The platform's code is in the body, also with an error status.
            .http_status_as_error(false)
            // Following a redirect would send the token to another host.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // Never a proxy of the environment. The configuration has checked this one's address.
            .proxy(proxy.and_then(|proxy| Proxy::new(proxy.expose()).ok()))
            .tls_config(tls)
            .build()
            .into();
        // A library may quote only a part of an address.
        let token = url.expose().rsplit('/').next().unwrap_or_default();
        let login = proxy.and_then(|proxy| proxy.expose().rsplit_once('@'));
        let mut secrets = vec![url.clone(), Secret::new(token)];
        secrets.extend(other_secrets);
        secrets.extend(proxy.cloned());
        secrets.extend(login.map(|(login, _)| Secret::new(login)));
        Http {
            agent,
            platform,
            url: url.clone(),
            is_proxied: proxy.is_some(),
            secrets,
        }
    }

    /// Posts a JSON body to `url`: the bot's address, to which its platform may add something.
    pub(super) fn post(&self, url: &str, body: &str) -> Result<Reply, SendError> {
        let reply = self.try_to_post(url, body);
        reply.map_err(|error| self.masked(self.unanswered(&error)))
    }

    fn try_to_post(&self, url: &str, body: &str) -> Result<Reply, ureq::Error> {
        let mut response = self
            .agent
            .post(url)
            .content_type("application/json; charset=utf-8")
            .send(body)?;
        let clock_ahead = clock_ahead(response.headers());
        // The answer may be a page of any encoding and length; then the status shows what is wrong.
        let mut body = Vec::new();
        let answer = response.body_mut().as_reader();
        answer.take(MAX_ANSWER_BYTES).read_to_end(&mut body)?;
        Ok(Reply {
            status: response.status().as_u16(),
            clock_ahead,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// The scheme, host and port of the bot's address, which are not secret.
    pub(in crate::notify) fn host(&self) -> Option<String> {
        let uri: Uri = self.url.expose().parse().ok()?;
        let port = uri.port().map_or(String::new(), |port| format!(":{port}"));
        Some(format!("{}://{}{port}", uri.scheme_str()?, uri.host()?))
    }

    /// Checks whether the bot's host can be reached in the way that messages go. Any answer counts.
    pub(in crate::notify) fn reach(&self) -> Result<Reached, SendError> {
        let host = self.host().unwrap_or_default();
        match self.agent.head(format!("{host}/")).call() {
            Ok(response) => Ok(Reached {
                status: response.status().as_u16(),
                clock_ahead: clock_ahead(response.headers()),
            }),
            Err(error) => Err(self.masked(self.unanswered(&error))),
        }
    }

    /// Whether requests go through a proxy.
    pub(in crate::notify) fn is_proxied(&self) -> bool {
        self.is_proxied
    }

    /// Why there was no answer.
    fn unanswered(&self, error: &ureq::Error) -> SendError {
        let text = error.to_string();
        if let Some(Explanation { problem, remedy }) = self.certificate(error) {
            return SendError::Route {
                what: problem,
                remedy,
            };
        }
        let section = self.platform.section;
        match error {
            ureq::Error::ConnectProxyFailed(_) if text.contains("407") => SendError::Route {
                what: "the proxy asks for a login".to_owned(),
                remedy: format!("put it into {section}.proxy: http://user:password@host:port"),
            },
            _ if self.is_proxied => SendError::Passing(format!("through {section}.proxy: {text}")),
            _ => SendError::Passing(text),
        }
    }

    /// What is wrong with the peer's certificate, if that is the error.
    fn certificate(&self, error: &ureq::Error) -> Option<Explanation> {
        let name = self.platform.name;
        let host = Peer {
            name: &format!("what answers as {name}"),
            if_unknown_authority: "if it is a proxy that inspects TLS, add its authority to those \
                                   of this machine (on Debian: /usr/local/share/ca-certificates, \
                                   update-ca-certificates)",
            if_other_name: &format!(
                "it is not {name} that answers: check webhook_url and name resolution"
            ),
        };
        match error {
            ureq::Error::Io(error) => certificate::explain(error, &host),
            ureq::Error::Rustls(error) => certificate::explain(error, &host),
            _ => None,
        }
    }

    /// Masks the secrets: texts of libraries and servers may quote the address with its token.
    pub(super) fn masked(&self, error: SendError) -> SendError {
        let mask = |text: String| {
            let mask = |text: String, secret: &Secret| secret.mask(&text);
            self.secrets.iter().fold(text, mask)
        };
        match error {
            SendError::Passing(text) => SendError::Passing(mask(text)),
            SendError::Content(text) => SendError::Content(mask(text)),
            SendError::Route { what, remedy } => SendError::Route {
                what: mask(what),
                remedy,
            },
        }
    }
}

/// How far this machine's clock is ahead, by the date of an answer.
fn clock_ahead(headers: &HeaderMap) -> Option<i64> {
    let date = headers.get("date")?.to_str().ok()?;
    let date = DateTime::parse_from_rfc2822(date).ok()?;
    Some(unix_seconds() - date.timestamp())
}
