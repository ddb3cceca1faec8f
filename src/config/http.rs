//! The section `[http]`: where messages come in over HTTP, and who may send them.

use std::net::SocketAddr;

use super::problems::Problems;
use super::{Http, raw};

/// Shorter tokens can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// Checks the section; `None` only where it is wrong.
pub(super) fn check_http(raw: raw::Http, problems: &mut Problems) -> Option<Http> {
    let listen = raw.listen.parse::<SocketAddr>().ok();
    let listen = listen.filter(|listen| listen.port() > 0);
    problems.unless(
        listen.is_some(),
        "http.listen",
        format_args!(
            "is {:?}, which is not an address and port such as 127.0.0.1:8580 or [::1]:8580",
            raw.listen
        ),
    );
    let token = raw.token.filter(|token| !token.expose().is_empty());
    if let Some(token) = &token {
        let text = token.expose();
        problems.unless(
            text.len() >= SHORTEST_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic()),
            "http.token",
            format_args!(
                "must have at least {SHORTEST_TOKEN} characters, all of them visible ASCII: \
                 `openssl rand -hex 32` makes one"
            ),
        );
    }
    let listen = listen?;
    let has_token = token.is_some() || problems.is_wrong("http.token");
    problems.unless(
        listen.ip().is_loopback() || has_token,
        "http.listen",
        format_args!(
            "is {listen}, where others can reach it: set http.token too, or listen on 127.0.0.1"
        ),
    );
    Some(Http { listen, token })
}

#[cfg(test)]
mod tests {
    use crate::config::tests::loaded;

    #[test]
    fn http_is_on_when_configured_or_when_rabbitmq_is_not() {
        let http = |text: &str| loaded(text, &[], &[]).expect(text).http;
        let queue = "[rabbitmq]\nqueue = 'q'\n";
        assert!(http(queue).is_none());
        for text in ["", "[http]\n", &format!("{queue}[http]\n")] {
            let http = http(text).expect("http is on");
            assert_eq!(http.listen.to_string(), "127.0.0.1:8580");
            assert_eq!(http.token, None);
        }
        let token = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(token.path(), "0123456789abcdef\n").expect("a file");
        let elsewhere = format!(
            "[http]\nlisten = '0.0.0.0:80'\ntoken_file = '{}'\n",
            token.path().display()
        );
        let elsewhere = http(&elsewhere).expect("http is on");
        let token = elsewhere.token.expect("a token");
        assert_eq!(token.expose(), "0123456789abcdef");
    }

    #[test]
    fn an_address_that_others_can_reach_needs_a_long_token() {
        for (text, expected) in [
            (
                "listen = '0.0.0.0:8580'",
                "roomwatt.toml:2: http.listen is 0.0.0.0:8580, where others can reach it: set \
                 http.token too",
            ),
            (
                "listen = '[::]:8580'\ntoken = ''",
                "roomwatt.toml:2: http.listen is [::]:8580, where others can reach it",
            ),
            (
                "listen = '10.0.0.1:8580'\ntoken = 'canary-canary-c'",
                "roomwatt.toml:3: http.token must have at least 16 characters",
            ),
            (
                "token = 'canary canary canary'",
                "roomwatt.toml:2: http.token must have at least 16 characters, all of them visible",
            ),
            (
                "listen = 'localhost:8580'",
                "roomwatt.toml:2: http.listen is \"localhost:8580\", which is not an address and \
                 port such as 127",
            ),
            // A token of the wrong type is reported once.
            (
                "listen = '0.0.0.0:8580'\ntoken = 31337",
                "roomwatt.toml:3: http.token is wrong: ",
            ),
            (
                "listen = '127.0.0.1:0'",
                "roomwatt.toml:2: http.listen is \"127.0.0.1:0\", which is not an address and port",
            ),
        ] {
            let wrong = loaded(&format!("[http]\n{text}\n"), &[], &[]).expect_err(text);
            assert!(wrong.starts_with(expected), "{expected}: {wrong}");
            assert_eq!(wrong.lines().count(), 1, "{wrong}");
            assert!(!wrong.contains("canary"), "{wrong}");
        }
    }
}
