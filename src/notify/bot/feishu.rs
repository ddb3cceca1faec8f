//! Custom bots of Feishu: card JSON 1.0, and the meaning of their answers.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::clock::unix_seconds;
use crate::config;
use crate::config::Secret;
use crate::escape;
use crate::notify::card::Card;
use crate::notify::pace::{Rate, Rush};

use super::http::{Http, Reply};
use super::platform::{Form, Platform, SendError, Size};

/// Feishu accepts a timestamp that is an hour off; this leaves some time for the way. Seconds.
const MAX_CLOCK_ERROR: i64 = 3_540;

/// The longest card in bytes. With its envelope and signature it stays below 19,000: Feishu accepts
/// 20 KB.
const MAX_BYTES: usize = 18_700;

/// Half of a telephone's width, in columns, of which a Chinese character takes two.
const HALF: usize = 22;

pub(in crate::notify) static PLATFORM: Platform = Platform {
    name: "Feishu",
    section: "feishu",
    rate: Rate {
        // A bot accepts 100 requests a minute, including those it refuses.
        between: Duration::from_millis(650),
        // Many programs send their messages at half hours, and the platform refuses some then.
        rush: Some(Rush {
            every: 1_800,
            before: 5,
            after: 15,
        }),
    },
    max_clock_error: Some(MAX_CLOCK_ERROR),
    notifies_staff: true,
};

/// One bot.
pub(in crate::notify) struct Feishu {
    http: Http,
    url: Secret,
    /// The key that requests are signed with, if the bot requires it.
    secret: Option<Secret>,
}

impl Feishu {
    pub(super) fn new(config: &config::Feishu) -> Feishu {
        let config::Feishu { url, secret, proxy } = config;
        Feishu {
            http: Http::new(&PLATFORM, url, proxy.as_ref(), secret.clone()),
            url: url.clone(),
            secret: secret.clone(),
        }
    }

    pub(super) fn http(&self) -> &Http {
        &self.http
    }

    /// Sends a card; `Ok` when Feishu has accepted it.
    pub(super) fn send(&self, card: &Card, form: Form) -> Result<(), SendError> {
        self.post(match form {
            Form::Card => json!({"msg_type": "interactive", "card": card_json(card)}),
            Form::Text => text_json(&card.text()),
        })
    }

    fn post(&self, mut body: Value) -> Result<(), SendError> {
        if let Some(secret) = &self.secret {
            // Signed anew for each attempt: a signature is valid for an hour.
            let timestamp = unix_seconds();
            body["timestamp"] = timestamp.to_string().into();
            body["sign"] = sign(timestamp, secret.expose()).into();
        }
        let reply = self.http.post(self.url.expose(), &body.to_string())?;
        judge(&reply).map_err(|error| self.http.masked(error))
    }
}

pub(super) fn size(card: &Card) -> Size {
    Size {
        bytes: card_json(card).to_string().len(),
        max: MAX_BYTES,
    }
}

/// Card JSON 1.0. All is plain text, so that names can't mention people or make links.
pub(in crate::notify) fn card_json(card: &Card) -> Value {
    let mut elements = vec![json!({"tag": "div", "text": plain(&card.advice)})];
    match card.sections.as_slice() {
        [only] => {
            elements.push(json!({"tag": "hr"}));
            let fields: Vec<Value> = only.lines().flat_map(fields).collect();
            elements.push(json!({"tag": "div", "fields": fields}));
        }
        several => {
            for section in several {
                elements.push(json!({"tag": "hr"}));
                elements.push(json!({"tag": "div", "text": plain(&section.text())}));
            }
        }
    }
    elements.push(json!({"tag": "hr"}));
    elements.push(json!({"tag": "note", "elements": [plain(&card.footer)]}));
    json!({
        "config": {"wide_screen_mode": true},
        "header": {"template": card.colour.as_str(), "title": plain(&card.title)},
        "elements": elements,
    })
}

/// Texts that belong together, side by side where they are short enough.
fn fields(texts: Vec<String>) -> impl Iterator<Item = Value> {
    let is_short = texts.len() > 1 && texts.iter().all(|text| columns(text) <= HALF);
    let texts = texts.into_iter();
    texts.map(move |text| json!({"is_short": is_short, "text": plain(&text)}))
}

/// The approximate width of a text.
fn columns(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}

fn plain(text: &str) -> Value {
    json!({"tag": "plain_text", "content": escape::without_direction_marks(text)})
}

fn text_json(text: &str) -> Value {
    let text = escape::without_direction_marks(text);
    json!({"msg_type": "text", "content": {"text": text}})
}

/// An untrusted name. On a card all is plain text. In a text message Feishu looks for mentions and
/// links, so their marks are replaced by full-width ones.
pub(super) fn name(name: &str, form: Form) -> String {
    const MARKS: &str = "<>.:/@*_[]()`~#!";
    let wide = |c: char| match c {
        c if MARKS.contains(c) => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        c => c,
    };
    match form {
        Form::Card => name.to_owned(),
        Form::Text => name.chars().map(wide).collect(),
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
fn judge(reply: &Reply) -> Result<(), SendError> {
    let status = reply.status;
    let answer: Option<Value> = serde_json::from_str(&reply.body).ok();
    let field = |name: &str| (answer.as_ref()?.get(name)).filter(|value| !value.is_null());
    let code = field("code").or_else(|| field("StatusCode"));
    let code = code.map(|code| code.as_i64().unwrap_or(-1));
    let message = field("msg").or_else(|| field("StatusMessage"));
    let message = shortened(message.and_then(Value::as_str).unwrap_or_default());
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
        // 408: the server has waited too long for the request.
        _ if matches!(status, 408 | 429) || status >= 500 => Err(SendError::Passing(what)),
        // Something on the way, such as a proxy, has answered instead.
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

/// A server's message on one line, not too long.
fn shortened(text: &str) -> String {
    const MAX_CHARS: usize = 300;
    let short: String = text.chars().take(MAX_CHARS).collect();
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
            "a keyword that the bot's settings ask for is missing: remove it there, and sign \
             instead"
        }
        (None, 300..400) => "a redirect is not followed: webhook_url must be the bot's own address",
        (None, 400..500) => "webhook_url is not a bot's address, or a proxy is in the way",
        _ => "see the bot's settings in Feishu",
    };
    text.to_owned()
}

/// What to do about a refused signature: the secret is wrong, or the clock is off.
fn remedy_of_signature(clock_ahead: Option<i64>) -> String {
    match clock_ahead {
        None => "the secret is wrong, or the machine's clock is more than an hour off".to_owned(),
        Some(ahead) => {
            let (seconds, way) = (ahead.abs(), if ahead < 0 { "behind" } else { "ahead of" });
            let clock = format!("the machine's clock is {seconds} s {way} Feishu's");
            if seconds > MAX_CLOCK_ERROR {
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
    use crate::notify::pace::Pace;
    use std::time::Instant;

    /// 2023-04-10 14:10:00 in Shanghai.
    const CALM: i64 = 1_681_107_000;

    fn bot(url: &str, secret: Option<&str>, proxy: Option<&str>) -> Feishu {
        Feishu::new(&config::Feishu {
            url: Secret::new(url),
            secret: secret.map(Secret::new),
            proxy: proxy.map(Secret::new),
        })
    }

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
    fn each_answer_is_classified() {
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
    fn a_refused_signature_is_reported_with_the_clocks_difference() {
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
        let body = text_json("H1/贵宾\u{2066}3");
        assert_eq!(body["content"]["text"], "H1/贵宾\u{fffd}3");
        let shown = plain("贵宾\u{202e}3👨\u{200d}👩");
        assert_eq!(shown["content"], "贵宾\u{fffd}3👨\u{200d}👩");
    }

    #[test]
    fn what_a_server_says_can_not_write_lines_of_our_log() {
        let body = json!({"code": 42, "msg": format!("a\n\u{1b}[2J\u{202e}{}", "x".repeat(1_000))});
        let error = judged(200, &body.to_string())
            .expect_err("refused")
            .to_string();
        assert!(!error.chars().any(escape::is_unsafe), "{error}");
        assert!(error.len() < 500, "{error}");
    }

    #[test]
    fn no_error_shows_a_secret() {
        let feishu = bot(
            "https://example.com/hook/canary-token",
            Some("canary-key"),
            Some("http://canary-user:canary-word@127.0.0.1:1"),
        );
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
            let shown = feishu.http.masked(error).to_string();
            assert!(!shown.contains("canary"), "{shown}");
        }
        let error = feishu.post(text_json("x")).expect_err("no proxy is there");
        assert!(matches!(error, SendError::Passing(_)), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }

    #[test]
    fn a_proxy_that_asks_for_a_login_is_an_error_of_the_route() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let (exits, _ended) = crossbeam_channel::bounded(1);
        crate::threads::spawn("proxy", &exits, move || {
            let (mut stream, _) = listener.accept().expect("a request");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                std::io::Read::read_exact(&mut stream, &mut byte).expect("more of its head");
                head.extend(byte);
            }
            let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
            std::io::Write::write_all(&mut stream, refusal.as_bytes()).expect("answered");
        })
        .expect("a thread");
        let proxy = format!("http://{address}");
        let feishu = bot("https://example.com/hook/canary", None, Some(&proxy));
        let error = feishu.post(text_json("x"));
        let error = error.expect_err("it is asked for a login");
        assert!(matches!(error, SendError::Route { .. }), "{error}");
        assert!(error.to_string().contains("feishu.proxy"), "{error}");
    }

    #[test]
    fn a_minute_has_less_than_a_hundred_requests_and_a_second_less_than_five() {
        let start = Instant::now();
        let mut pace = Pace::new(PLATFORM.rate, start);
        let mut now = start;
        let mut asked = Vec::new();
        while now < start + Duration::from_secs(300) {
            let wait = pace.wait(now, CALM);
            if wait.is_zero() {
                asked.push(now);
                pace.requested(now);
            }
            now += wait.max(Duration::from_millis(1));
        }
        assert!(asked.len() > 450, "{}", asked.len());
        for (window, most) in [(60, 100), (1, 5)] {
            for (first, at) in asked.iter().enumerate() {
                let within = |other: &&Instant| **other < *at + Duration::from_secs(window);
                assert!(asked[first..].iter().take_while(within).count() <= most);
            }
        }
    }

    #[test]
    fn sending_pauses_around_every_half_hour() {
        let half_hour = CALM + 20 * 60;
        let now = Instant::now();
        let pace = Pace::new(PLATFORM.rate, now);
        for (seconds, wait) in [
            (-6, 0),
            (-5, 20),
            (-1, 16),
            (0, 15),
            (14, 1),
            (15, 0),
            (600, 0),
            (1_794, 0),
            (1_795, 20),
        ] {
            assert_eq!(
                pace.wait(now, half_hour + seconds),
                Duration::from_secs(wait),
                "{seconds}"
            );
        }
    }
}
