//! The protocol of a Feishu custom bot.

use std::io::Read;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use thiserror::Error;
use ureq::http::{HeaderMap, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

use crate::certificate::{self, Explained, Peer};
use crate::clock::unix_seconds;
use crate::config::{Secret, Webhook};
use crate::escape;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Answers are a line of JSON; what is longer than this is none, and is not read to its end.
const MOST_ANSWER_BYTES: u64 = 64 * 1024;

/// What is sent to a bot.
pub(super) enum Message {
    /// A card (JSON 1.0).
    Card(Value),
    Text(String),
}

impl Message {
    fn body(&self) -> Value {
        match self {
            Message::Card(card) => json!({"msg_type": "interactive", "card": card}),
            Message::Text(text) => {
                let text = escape::in_order(text);
                json!({"msg_type": "text", "content": {"text": text}})
            }
        }
    }
}

/// Why a message was not accepted, by what is to be done about it.
#[derive(Debug, Error)]
pub enum SendError {
    /// Network, overload, rate: the same request may succeed soon.
    #[error("{0}")]
    Passing(String),
    /// No message gets through before somebody has changed something.
    #[error("{what}: {remedy}")]
    Route { what: String, remedy: String },
    /// Feishu does not want this message; another one it may.
    #[error("{0}")]
    Content(String),
}

/// One bot.
pub(super) struct Feishu {
    agent: Agent,
    webhook: Webhook,
    is_proxied: bool,
    /// What no text of ours may show.
    secrets: Vec<Secret>,
}

/// What came back for a request.
struct Reply {
    status: u16,
    body: String,
    /// Seconds that this machine's clock is ahead of the server's; negative when it is behind.
    clock_ahead: Option<i64>,
}

/// A host that has answered.
pub(super) struct Reached {
    pub(super) status: u16,
    /// As of a [`Reply`].
    pub(super) clock_ahead: Option<i64>,
}

impl Feishu {
    /// A bot that is asked through `proxy`, or straight without one.
    pub(super) fn new(webhook: Webhook, proxy: Option<&Secret>) -> Feishu {
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .build();
        let agent = Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(TIMEOUT))
            // Feishu's code is in the body, also of an error.
            .http_status_as_error(false)
            // A redirect would carry the token to another host.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // Never one that happens to be in the environment. That it is one was checked.
            .proxy(proxy.and_then(|proxy| Proxy::new(proxy.expose()).ok()))
            .tls_config(tls)
            .build()
            .into();
        // A library may quote a part of an address alone.
        let token = webhook.url.expose().rsplit('/').next().unwrap_or_default();
        let login = proxy.and_then(|proxy| proxy.expose().rsplit_once('@'));
        let secrets = [
            Some(webhook.url.clone()),
            Some(Secret::new(token)),
            webhook.secret.clone(),
            proxy.cloned(),
            login.map(|(login, _)| Secret::new(login)),
        ];
        Feishu {
            agent,
            webhook,
            is_proxied: proxy.is_some(),
            secrets: secrets.into_iter().flatten().collect(),
        }
    }

    /// Sends a message; `Ok` when Feishu has accepted it.
    pub(super) fn send(&self, message: &Message) -> Result<(), SendError> {
        let mut body = message.body();
        if let Some(secret) = &self.webhook.secret {
            // Anew for each attempt: a signature is good for an hour.
            let timestamp = unix_seconds();
            body["timestamp"] = timestamp.to_string().into();
            body["sign"] = sign(timestamp, secret.expose()).into();
        }
        match self.post(&body.to_string()) {
            Ok(reply) => judge(&reply).map_err(|error| self.masked(error)),
            Err(error) => Err(self.masked(self.unanswered(&error))),
        }
    }

    /// Why there was no answer.
    fn unanswered(&self, error: &ureq::Error) -> SendError {
        let text = error.to_string();
        if let Some(Explained { what, remedy }) = certificate(error) {
            return SendError::Route { what, remedy };
        }
        match error {
            ureq::Error::ConnectProxyFailed(_) if text.contains("407") => SendError::Route {
                what: "the proxy asks for a login".to_owned(),
                remedy: "put it into feishu.proxy: http://user:password@host:port".to_owned(),
            },
            _ if self.is_proxied => SendError::Passing(format!("through feishu.proxy: {text}")),
            _ => SendError::Passing(text),
        }
    }

    /// The scheme, host and port of a bot's address: the part of it that is no secret.
    pub(super) fn host(webhook: &Webhook) -> Option<String> {
        let uri: Uri = webhook.url.expose().parse().ok()?;
        let port = uri.port().map_or(String::new(), |port| format!(":{port}"));
        Some(format!("{}://{}{port}", uri.scheme_str()?, uri.host()?))
    }

    /// Asks a host whether it is there, the way that messages go. Any answer says so.
    pub(super) fn reach(&self, host: &str) -> Result<Reached, SendError> {
        match self.agent.head(format!("{host}/")).call() {
            Ok(response) => Ok(Reached {
                status: response.status().as_u16(),
                clock_ahead: clock_ahead(response.headers()),
            }),
            Err(error) => Err(self.masked(self.unanswered(&error))),
        }
    }

    fn post(&self, body: &str) -> Result<Reply, ureq::Error> {
        let mut response = self
            .agent
            .post(self.webhook.url.expose())
            .content_type("application/json; charset=utf-8")
            .send(body)?;
        let clock_ahead = clock_ahead(response.headers());
        // A page in any encoding and of any length: its status still tells what is wrong.
        let mut body = Vec::new();
        let answer = response.body_mut().as_reader();
        answer.take(MOST_ANSWER_BYTES).read_to_end(&mut body)?;
        Ok(Reply {
            status: response.status().as_u16(),
            clock_ahead,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// What libraries and servers say may quote the address, and with it the token.
    fn masked(&self, error: SendError) -> SendError {
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

/// What is wrong with the certificate of who answers, where that is what it is about.
fn certificate(error: &ureq::Error) -> Option<Explained> {
    const HOST: Peer<'_> = Peer {
        who: "what answers as Feishu",
        trust: "where it is a proxy that looks into TLS, add its authority to those of this machine (on \
                Debian: /usr/local/share/ca-certificates, update-ca-certificates)",
        name: "it is not Feishu that answers: see webhook_url, and name resolution",
    };
    match error {
        ureq::Error::Io(error) => certificate::explain(error, &HOST),
        ureq::Error::Rustls(error) => certificate::explain(error, &HOST),
        _ => None,
    }
}

/// By the time that an answer bears.
fn clock_ahead(headers: &HeaderMap) -> Option<i64> {
    let date = headers.get("date")?.to_str().ok()?;
    let date = DateTime::parse_from_rfc2822(date).ok()?;
    Some(unix_seconds() - date.timestamp())
}

/// base64(HMAC-SHA256(key = timestamp, newline, secret; message = nothing)).
fn sign(timestamp: i64, secret: &str) -> String {
    let key = format!("{timestamp}\n{secret}");
    match Hmac::<Sha256>::new_from_slice(key.as_bytes()) {
        Ok(hmac) => STANDARD.encode(hmac.finalize().into_bytes()),
        Err(_) => String::new(), // out of reach: this algorithm takes keys of any length
    }
}

/// Accepted is: HTTP 2xx, a JSON body, and code 0 (or no code and StatusCode 0).
fn judge(reply: &Reply) -> Result<(), SendError> {
    let status = reply.status;
    let answer: Option<Value> = serde_json::from_str(&reply.body).ok();
    let field = |name: &str| (answer.as_ref()?.get(name)).filter(|value| !value.is_null());
    let code = field("code").or_else(|| field("StatusCode"));
    let code = code.map(|code| code.as_i64().unwrap_or(-1));
    let message = field("msg").or_else(|| field("StatusMessage"));
    let message = said(message.and_then(Value::as_str).unwrap_or_default());
    let what = match (code, status) {
        (Some(code), 200) => format!("Feishu answers with code {code} ({message})"),
        (Some(code), _) => format!("Feishu answers with HTTP {status}, code {code} ({message})"),
        (None, _) => format!("the answer is HTTP {status} without a code of Feishu's"),
    };
    let is_2xx = (200..300).contains(&status);
    match code {
        Some(0) if is_2xx => Ok(()),
        Some(11_232) => Err(SendError::Passing(what)),
        Some(9_499) if message.to_lowercase().contains("too many") => Err(SendError::Passing(what)),
        // 408: the server has waited for us in vain.
        _ if matches!(status, 408 | 429) || status >= 500 => Err(SendError::Passing(what)),
        // Somebody on the way has answered in its place.
        _ if is_2xx && answer.is_none() => Err(SendError::Passing(format!(
            "{what}: if that lasts, see whether webhook_url is a bot's address"
        ))),
        Some(9_499 | 11_246 | 19_002 | 19_036) => Err(SendError::Content(what)),
        _ => Err(SendError::Route {
            remedy: remedy(status, code, reply.clock_ahead),
            what,
        }),
    }
}

/// What a server says, on one line and not too long.
fn said(text: &str) -> String {
    const MOST_CHARS: usize = 300;
    let short: String = text.chars().take(MOST_CHARS).collect();
    escape::line(short.as_bytes())
}

/// What to do about a route that lets nothing through.
fn remedy(status: u16, code: Option<i64>, clock_ahead: Option<i64>) -> String {
    let text = match (code, status) {
        (Some(19_001), _) => {
            "the webhook's token is wrong: copy webhook_url from the bot's settings"
        }
        (Some(19_021), _) => return remedy_of_signature(clock_ahead),
        (Some(19_022), _) => "allow this machine's IP address in the bot's settings",
        (Some(19_024), _) => {
            "a keyword that the bot's settings ask for is missing: remove it there, and sign instead"
        }
        (None, 300..400) => "a redirect is not followed: webhook_url must be the bot's own address",
        (None, 400..500) => "webhook_url is not a bot's address, or a proxy is in the way",
        _ => "see the bot's settings in Feishu",
    };
    text.to_owned()
}

/// A signature is refused for a wrong secret, and for a clock that is off.
fn remedy_of_signature(clock_ahead: Option<i64>) -> String {
    /// Feishu takes a timestamp that is an hour off; some of it may have passed on the way.
    const TAKEN: i64 = 3_540;
    match clock_ahead {
        None => "the secret is wrong, or the machine's clock is more than an hour off".to_owned(),
        Some(ahead) => {
            let (seconds, way) = (ahead.abs(), if ahead < 0 { "behind" } else { "ahead of" });
            let clock = format!("the machine's clock is {seconds} s {way} Feishu's");
            if seconds > TAKEN {
                format!("{clock}: set the clock, and keep it by NTP")
            } else {
                format!(
                    "the secret is wrong: copy it from the bot's settings ({clock}, which is taken)"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_feishu_does() {
        assert_eq!(
            sign(1_599_360_473, "demo"),
            "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="
        );
    }

    fn judged(status: u16, body: &str) -> Result<(), SendError> {
        judge(&Reply {
            status,
            body: body.to_owned(),
            clock_ahead: None,
        })
    }

    #[test]
    fn each_answer_has_its_class() {
        for (status, body, expected) in [
            (200, r#"{"code":0,"msg":"success"}"#, "accepted"),
            (
                200,
                r#"{"StatusCode":0,"StatusMessage":"success"}"#,
                "accepted",
            ),
            (200, r#"{"code":null,"StatusCode":0}"#, "accepted"),
            (200, r#"{"code":19021,"StatusCode":0}"#, "route"),
            (200, r#"{"code":19001,"msg":"param invalid"}"#, "route"),
            (200, r#"{"code":19022,"msg":"Ip Not Allowed"}"#, "route"),
            (
                200,
                r#"{"code":19024,"msg":"Key Words Not Found"}"#,
                "route",
            ),
            (200, r#"{"code":42,"msg":"news"}"#, "route"),
            (200, r#"{"code":"0"}"#, "route"),
            (200, "{}", "route"),
            (200, "[]", "route"),
            (302, "", "route"),
            (400, r#"{"code":0}"#, "route"),
            (403, "<html>", "route"),
            (404, "", "route"),
            (200, "<html>", "passing"),
            (200, "", "passing"),
            (
                200,
                r#"{"code":11232,"msg":"frequency limited"}"#,
                "passing",
            ),
            (400, r#"{"code":9499,"msg":"too many request"}"#, "passing"),
            (408, "", "passing"),
            (429, "{}", "passing"),
            (429, r#"{"code":19001}"#, "passing"),
            (500, r#"{"code":0}"#, "passing"),
            (502, "<html>", "passing"),
            (503, r#"{"code":1,"msg":"busy"}"#, "passing"),
            (400, r#"{"code":9499,"msg":"Bad Request"}"#, "content"),
            (200, r#"{"code":11246,"msg":"path: card"}"#, "content"),
            (200, r#"{"code":19002,"msg":"params error"}"#, "content"),
            (200, r#"{"code":19036,"msg":"too large"}"#, "content"),
        ] {
            let class = match judged(status, body) {
                Ok(()) => "accepted",
                Err(SendError::Passing(_)) => "passing",
                Err(SendError::Route { .. }) => "route",
                Err(SendError::Content(_)) => "content",
            };
            assert_eq!(class, expected, "{status} {body}");
        }
    }

    #[test]
    fn a_refused_signature_is_told_with_the_clocks_difference() {
        for (ahead, part) in [
            (None, "the secret is wrong, or the machine's clock"),
            (Some(-7), "the secret is wrong: copy it"),
            (
                Some(-7),
                "the machine's clock is 7 s behind Feishu's, which is taken",
            ),
            (
                Some(7_200),
                "clock is 7200 s ahead of Feishu's: set the clock",
            ),
        ] {
            let error = judge(&Reply {
                status: 200,
                body: r#"{"code":19021,"msg":"sign match fail"}"#.into(),
                clock_ahead: ahead,
            });
            let error = error.expect_err("refused").to_string();
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    }

    #[test]
    fn no_name_can_reorder_a_text() {
        let body = Message::Text("H1/贵宾\u{2066}3".into()).body();
        assert_eq!(body["content"]["text"], "H1/贵宾\u{fffd}3");
    }

    #[test]
    fn what_a_server_says_can_not_write_lines_of_our_log() {
        let body = json!({"code": 42, "msg": format!("a\n\u{1b}[2J\u{202e}{}", "x".repeat(1_000))});
        let error = judged(200, &body.to_string())
            .expect_err("refused")
            .to_string();
        assert!(!error.chars().any(escape::is_obeyed), "{error}");
        assert!(error.len() < 500, "{error}");
    }

    #[test]
    fn no_error_shows_a_secret() {
        let webhook = Webhook {
            url: Secret::new("https://example.com/hook/canary-token"),
            secret: Some(Secret::new("canary-key")),
        };
        let proxy = Secret::new("http://canary-user:canary-word@127.0.0.1:1");
        let feishu = Feishu::new(webhook, Some(&proxy));
        let text = "at https://example.com/hook/canary-token (/hook/canary-token), canary-key, \
                    http://canary-user:canary-word@127.0.0.1:1";
        for error in [
            SendError::Passing(text.into()),
            SendError::Content(text.into()),
            SendError::Route {
                what: text.into(),
                remedy: String::new(),
            },
        ] {
            let shown = feishu.masked(error).to_string();
            assert!(!shown.contains("canary"), "{shown}");
        }
        let error = feishu
            .send(&Message::Text("x".into()))
            .expect_err("no proxy is there");
        assert!(matches!(error, SendError::Passing(_)), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }

    #[test]
    fn a_proxy_that_asks_for_a_login_is_for_somebody_to_mend() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let (exits, _ended) = crossbeam_channel::bounded(1);
        crate::threads::spawn("proxy", &exits, move || {
            let (mut stream, _) = listener.accept().expect("a request");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("more of its head");
                head.extend(byte);
            }
            let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
            std::io::Write::write_all(&mut stream, refusal.as_bytes()).expect("answered");
        })
        .expect("a thread");
        let webhook = Webhook {
            url: Secret::new("https://example.com/hook/canary"),
            secret: None,
        };
        let proxy = Secret::new(format!("http://{address}"));
        let error = Feishu::new(webhook, Some(&proxy)).send(&Message::Text("x".into()));
        let error = error.expect_err("it is asked for a login");
        assert!(matches!(error, SendError::Route { .. }), "{error}");
        assert!(error.to_string().contains("feishu.proxy"), "{error}");
    }
}
