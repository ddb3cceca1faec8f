//! The section `[http]`: where messages come in over HTTP and where pages are, and who may come in.

use std::net::SocketAddr;

use super::access::check_access;
use super::problems::Problems;
use super::{Http, raw};

/// The length of a key. Bytes; it is written with two hexadecimal digits each.
const KEY: usize = 32;

/// Checks the section; `None` only where it is wrong.
pub(super) fn check_http(mut raw: raw::Http, problems: &mut Problems) -> Option<Http> {
    let listen = address("http.listen", "8580", &raw.listen, problems);
    let page_listen = raw.page_listen.take().filter(|page| !page.is_empty());
    let page_listen =
        page_listen.and_then(|page| address("http.page_listen", "8581", &page, problems));
    let key = raw.key.take().filter(|key| !key.expose().is_empty());
    if let Some(key) = &key {
        let text = key.expose();
        problems.unless(
            text.len() == 2 * KEY && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "http.key",
            format_args!(
                "must have {} hexadecimal digits: `openssl rand -hex {KEY}` makes one",
                2 * KEY
            ),
        );
    }
    let access = check_access(&mut raw, problems);
    let has_token = !access.tokens.is_empty()
        || !raw.tokens.is_empty()
        || problems.is_wrong("http.token")
        || problems.is_wrong("http.tokens");
    let listen = listen?;
    problems.unless(
        listen.ip().is_loopback() || has_token,
        "http.listen",
        format_args!(
            "is {listen}, where others can reach it: set http.token too, or listen on 127.0.0.1"
        ),
    );
    if let Some(page) = page_listen {
        problems.unless(
            page.ip().is_loopback() || !raw.users.is_empty() || problems.is_wrong("http.users"),
            "http.page_listen",
            format_args!(
                "is {page}, where others can reach it: add [[http.users]] too, or listen on \
                 127.0.0.1"
            ),
        );
        problems.unless(
            page != listen,
            "http.page_listen",
            format_args!("is {page}, which is http.listen: take another port"),
        );
    }
    Some(Http {
        listen,
        page_listen,
        access,
        key,
    })
}

fn address(key: &str, port: &str, text: &str, problems: &mut Problems) -> Option<SocketAddr> {
    let address = text.parse::<SocketAddr>().ok();
    let address = address.filter(|address| address.port() > 0);
    problems.unless(
        address.is_some(),
        key,
        format_args!(
            "is {text:?}, which is not an address and port such as 127.0.0.1:{port} or \
             [::1]:{port}"
        ),
    );
    address
}

#[cfg(test)]
mod tests {
    use crate::config::tests::loaded;
    use crate::config::{Access, Hotels, Role, Scope};
    use crate::types::HotelId;

    #[test]
    fn http_is_on_when_configured_or_when_rabbitmq_is_not() {
        let http = |text: &str| loaded(text, &[], &[]).expect(text).http;
        let queue = "[rabbitmq]\nqueue = 'q'\n";
        assert!(http(queue).is_none());
        for text in ["", "[http]\n", &format!("{queue}[http]\n")] {
            let http = http(text).expect("http is on");
            assert_eq!(http.listen.to_string(), "127.0.0.1:8580");
            assert_eq!(http.access, Access::default());
            assert_eq!((http.page_listen, &http.key), (None, &None));
            assert!(http.has_pages_at_listen());
        }
        let token = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(token.path(), "0123456789abcdef\n").expect("a file");
        let elsewhere = format!(
            "[http]\nlisten = '0.0.0.0:80'\ntoken_file = '{}'\n",
            token.path().display()
        );
        let elsewhere = http(&elsewhere).expect("http is on");
        assert!(!elsewhere.has_pages_at_listen());
        let [token] = &elsewhere.access.tokens[..] else {
            panic!("{elsewhere:?}");
        };
        assert_eq!(token.token.expose(), "0123456789abcdef");
        assert_eq!((token.scopes.len(), &token.hotels), (4, &Hotels::All));
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

    /// Of "secret", at little cost.
    const HASH: &str =
        "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$ANVAdmxHXCaPYtnq4sLzWIJm4BqDOXTpBq3HEtU8Kzg";

    #[test]
    fn tokens_people_and_proxies_are_read() {
        let hash = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(hash.path(), format!("{HASH}\n")).expect("a file");
        let text = format!(
            "[http]\npage_listen = '0.0.0.0:8581'\npublic_url = 'HTTPS://Watt.example.com:443/'\n\
             trusted_proxies = ['127.0.0.1', '::1']\nuser_header = 'X-Remote-User'\n\
             key = '{}'\n\
             [[http.tokens]]\ntoken = 'canary-0123456789'\nscopes = ['metrics']\n\
             [[http.tokens]]\ntoken = 'canary-9876543210'\nscopes = ['write', 'read']\n\
             hotels = ['H1', ' H2 ']\n\
             [[http.users]]\nname = '周敏'\npassword_hash_file = '{}'\nhotels = ['H1']\n\
             role = 'act'\n\
             [[http.users]]\nname = 'li'\n",
            "0A".repeat(32),
            hash.path().display()
        );
        let config = loaded(&text, &[], &[]).expect("all right");
        assert_eq!(config.source.secret_files, [hash.path()]);
        assert!(config.source.has_secrets);
        let http = config.http.expect("http is on");
        assert_eq!(
            http.page_listen.expect("an address").to_string(),
            "0.0.0.0:8581"
        );
        assert!(!http.has_pages_at_listen());
        assert!(http.key.is_some());
        let access = http.access;
        let url = access.public_url.expect("an address");
        assert_eq!(
            (url.origin.as_str(), url.is_https),
            ("https://watt.example.com", true)
        );
        assert_eq!(access.user_header.as_deref(), Some("x-remote-user"));
        assert_eq!(access.trusted_proxies.len(), 2);
        let [metrics, write] = &access.tokens[..] else {
            panic!("{:?}", access.tokens);
        };
        assert_eq!(metrics.scopes, [Scope::Metrics].into());
        assert_eq!(metrics.hotels, Hotels::All);
        assert_eq!(write.scopes, [Scope::Write, Scope::Read].into());
        let includes = |hotel| write.hotels.includes(&HotelId::new(hotel));
        assert_eq!(["H1", "H2", "H3"].map(includes), [true, true, false]);
        let [zhou, li] = &access.users[..] else {
            panic!("{:?}", access.users);
        };
        assert_eq!((zhou.name.as_str(), zhou.role), ("周敏", Role::Act));
        assert_eq!(zhou.password_hash.as_ref().expect("a hash").expose(), HASH);
        assert_eq!((li.role, &li.hotels), (Role::View, &Hotels::All));
        assert_eq!(li.password_hash, None);
    }

    #[test]
    fn who_could_come_in_by_mistake_is_an_error_with_its_remedy() {
        let token = "[[http.tokens]]\ntoken = 'canary-0123456789'\n";
        let user = format!("[[http.users]]\nname = 'canary'\npassword_hash = '{HASH}'\n");
        for (text, expected) in [
            (
                "page_listen = '0.0.0.0:8581'",
                "roomwatt.toml:2: http.page_listen is 0.0.0.0:8581, where others can reach it: add \
                 [[http.users]] too",
            ),
            (
                "page_listen = '127.0.0.1:8580'",
                "roomwatt.toml:2: http.page_listen is 127.0.0.1:8580, which is http.listen: take",
            ),
            (
                "page_listen = 'watt'",
                "roomwatt.toml:2: http.page_listen is \"watt\", which is not an address and port \
                 such as 127.0.0.1:8581",
            ),
            (
                "trusted_proxies = ['*']",
                "roomwatt.toml:2: http.trusted_proxies has \"*\": it takes the address of each",
            ),
            (
                "trusted_proxies = ['0.0.0.0']",
                "roomwatt.toml:2: http.trusted_proxies has",
            ),
            (
                "trusted_proxies = ['10.0.0.0/8']",
                "roomwatt.toml:2: http.trusted_proxies has",
            ),
            (
                "user_header = 'X-User'",
                "roomwatt.toml:2: http.user_header is set, but http.trusted_proxies is not",
            ),
            (
                "user_header = 'Cookie'\ntrusted_proxies = ['::1']",
                "roomwatt.toml:2: http.user_header is \"cookie\", which can't name a person",
            ),
            (
                "public_url = 'watt.example.com'",
                "roomwatt.toml:2: http.public_url is \"watt.example.com\", which is not an address",
            ),
            (
                "public_url = 'https://watt.example.com/page'",
                "roomwatt.toml:2: http.public_url is",
            ),
            (
                "key = 'canary'",
                "roomwatt.toml:2: http.key must have 64 hexadecimal digits: `openssl rand",
            ),
            (
                token,
                "roomwatt.toml:2: http.tokens[0].scopes is missing: a list of",
            ),
            (
                &format!("{token}scopes = ['admin']\n"),
                "roomwatt.toml:4: http.tokens[0].scopes has \"admin\"; there are write, read, act,",
            ),
            (
                &format!("{token}scopes = ['write']\nhotels = []\n"),
                "roomwatt.toml:5: http.tokens[0].hotels is empty: leave it out for all hotels",
            ),
            (
                &format!("{token}scopes = ['write']\nhotels = ['*']\n"),
                "roomwatt.toml:5: http.tokens[0].hotels has a hotel without an id",
            ),
            (
                "[[http.tokens]]\nscopes = ['write']\n",
                "roomwatt.toml:2: http.tokens[0].token is missing",
            ),
            (
                &format!("token = 'canary-0123456789'\n{token}scopes = ['write']\n"),
                "roomwatt.toml:4: http.tokens[0].token is there already: each program has a token",
            ),
            (
                "[[http.tokens]]\ntoken = 'canary'\nscopes = ['read']\n",
                "roomwatt.toml:3: http.tokens[0].token must have at least 16 characters",
            ),
            (
                "[[http.users]]\nname = 'li'\n",
                "roomwatt.toml:2: http.users[0].password_hash is missing: `roomwatt hash-password`",
            ),
            (
                "[[http.users]]\nname = 'li'\npassword_hash = 'canary'\n",
                "roomwatt.toml:4: http.users[0].password_hash is not a hash of argon2id: `roomwatt",
            ),
            (
                &format!("{user}role = 'admin'\n"),
                "roomwatt.toml:5: http.users[0].role is \"admin\", allowed are view, act",
            ),
            (
                &format!("{user}{}", user.replace("name", " name")),
                "roomwatt.toml:6: http.users[1].name is \"canary\", which is there already",
            ),
        ] {
            let wrong = loaded(&format!("[http]\n{text}\n"), &[], &[]).expect_err(text);
            assert!(wrong.starts_with(expected), "{expected}: {wrong}");
            assert_eq!(wrong.lines().count(), 1, "{wrong}");
            let is_named = wrong.contains("name is \"canary\"");
            assert!(is_named || !wrong.contains("canary"), "{wrong}");
        }
    }

    #[test]
    fn who_may_come_in_changes_without_a_restart_unless_the_address_does() {
        let config = |text: &str| loaded(&format!("[http]\n{text}\n"), &[], &[]).expect(text);
        let token = "token = 'canary-0123456789'";
        let old = config(&format!("listen = '10.0.0.1:8580'\n{token}"));
        let new = config(&format!(
            "listen = '10.0.0.1:8580'\n{}",
            token.replace('9', "x")
        ));
        assert_eq!(old.changed_by(&new).http, new.http);
        assert_ne!(new.http, old.http);
        assert_eq!(old.changed_by(&new).changes(&new), [""; 0]);
        // Nobody is named there, which only an address of this machine may do.
        let local = config("listen = '127.0.0.1:8580'");
        let changed = old.changed_by(&local);
        assert_eq!(changed.http, old.http);
        assert_eq!(
            changed.changes(&local),
            [
                "http.listen: 10.0.0.1:8580 -> 127.0.0.1:8580",
                "section [http] (tokens, users, and how they come in): changed",
            ]
        );
    }
}
