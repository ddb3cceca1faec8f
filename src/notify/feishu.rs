//! The protocol of a Feishu custom bot.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;
use thiserror::Error;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use crate::clock::unix_seconds;
use crate::config::Webhook;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Answers are a line of JSON; more than this is none.
const MOST_ANSWER_BYTES: u64 = 64 * 1024;

/// Why a notice was not accepted.
#[derive(Debug, Error)]
pub(super) enum SendError {
    /// Network, overload, rate: the same request may succeed later.
    #[error("{0}")]
    Passing(String),
    /// Feishu has read it and does not want it.
    #[error("Feishu refuses with code {code} ({message}): {}", remedy(*code))]
    Refused { code: i64, message: String },
}

/// One bot.
pub(super) struct Feishu {
    agent: Agent,
    webhook: Webhook,
}

#[derive(Deserialize)]
struct Answer {
    code: Option<i64>,
    msg: Option<String>,
    #[serde(rename = "StatusCode")]
    status_code: Option<i64>,
    #[serde(rename = "StatusMessage")]
    status_message: Option<String>,
}

impl Feishu {
    pub(super) fn new(webhook: Webhook) -> Feishu {
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
            .proxy(None)
            .tls_config(tls)
            .build()
            .into();
        Feishu { agent, webhook }
    }

    /// Sends an interactive card; `Ok` when Feishu has accepted it.
    pub(super) fn send(&self, card: &Value) -> Result<(), SendError> {
        let mut body = json!({"msg_type": "interactive", "card": card});
        if let Some(secret) = &self.webhook.secret {
            // Anew for each attempt: a signature is good for an hour.
            let timestamp = unix_seconds();
            body["timestamp"] = timestamp.to_string().into();
            body["sign"] = sign(timestamp, secret.expose()).into();
        }
        let mut response = self
            .agent
            .post(self.webhook.url.expose())
            .content_type("application/json; charset=utf-8")
            .send(body.to_string())
            .map_err(|error| self.passing(&error))?;
        let status = response.status().as_u16();
        let answer = response
            .body_mut()
            .with_config()
            .limit(MOST_ANSWER_BYTES)
            .read_to_string()
            .map_err(|error| self.passing(&error))?;
        judge(status, &answer)
    }

    /// Errors of the library may quote the address, and with it the token.
    fn passing(&self, error: &ureq::Error) -> SendError {
        SendError::Passing(self.webhook.url.mask(&error.to_string()))
    }
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
fn judge(status: u16, answer: &str) -> Result<(), SendError> {
    let Ok(read) = serde_json::from_str::<Answer>(answer) else {
        return Err(SendError::Passing(format!(
            "HTTP {status} without an answer of Feishu's"
        )));
    };
    let code = read.code.or(read.status_code);
    let message = read.msg.or(read.status_message).unwrap_or_default();
    match code {
        Some(0) if (200..300).contains(&status) => Ok(()),
        Some(11_232) => Err(SendError::Passing(format!("code 11232: {message}"))),
        Some(9_499) if message.to_lowercase().contains("too many") => {
            Err(SendError::Passing(format!("code 9499: {message}")))
        }
        _ if status == 429 || status >= 500 => {
            Err(SendError::Passing(format!("HTTP {status}: {message}")))
        }
        Some(code) => Err(SendError::Refused { code, message }),
        None => Err(SendError::Refused {
            code: i64::from(status),
            message,
        }),
    }
}

/// What to do about a refusal.
fn remedy(code: i64) -> &'static str {
    match code {
        9_499 | 11_246 | 19_002 => "the card is not as Feishu wants it",
        19_001 => "the webhook's token is wrong: copy the URL from the bot's settings",
        19_021 => "the secret is wrong, or the machine's clock is more than an hour off",
        19_022 => "allow this machine's IP address in the bot's settings",
        19_024 => "a keyword of the bot's settings is missing in the card: remove the keyword",
        19_036 => "the card is too large",
        _ => "see the bot's settings in Feishu",
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

    #[test]
    fn http_200_alone_is_no_acceptance() {
        let kind = |status, answer: &str| match judge(status, answer) {
            Ok(()) => "accepted",
            Err(SendError::Passing(_)) => "passing",
            Err(SendError::Refused { .. }) => "refused",
        };
        for (status, answer, expected) in [
            (200, r#"{"code":0,"msg":"success"}"#, "accepted"),
            (
                200,
                r#"{"StatusCode":0,"StatusMessage":"success"}"#,
                "accepted",
            ),
            (200, r#"{"code":19021,"StatusCode":0}"#, "refused"),
            (200, r#"{"code":19001,"msg":"param invalid"}"#, "refused"),
            (200, "{}", "refused"),
            (200, "<html>", "passing"),
            (200, "", "passing"),
            (302, "", "passing"),
            (
                200,
                r#"{"code":11232,"msg":"frequency limited"}"#,
                "passing",
            ),
            (400, r#"{"code":9499,"msg":"too many request"}"#, "passing"),
            (400, r#"{"code":9499,"msg":"Bad Request"}"#, "refused"),
            (429, "{}", "passing"),
            (503, r#"{"code":1,"msg":"busy"}"#, "passing"),
            (500, r#"{"code":0}"#, "passing"),
        ] {
            assert_eq!(kind(status, answer), expected, "{status} {answer}");
        }
    }
}
