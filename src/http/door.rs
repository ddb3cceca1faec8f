//! Decides which requests are admitted.

use http::header::{AUTHORIZATION, FORWARDED, HOST, ORIGIN, VIA};
use http::uri::Authority;
use http::{Request, StatusCode};
use sha2::{Digest, Sha256};

use crate::config::{Secret, is_loopback};

use super::answer::Fault;

/// Admits or refuses requests.
pub(super) struct Door {
    /// SHA-256 of the token: the time of comparing two hashes reveals nothing about the token.
    token: Option<[u8; 32]>,
}

impl Door {
    pub(super) fn new(token: Option<&Secret>) -> Door {
        Door {
            token: token.map(|token| Sha256::digest(token.expose()).into()),
        }
    }

    /// Whether all paths are for this machine's programs alone.
    pub(super) fn is_local(&self) -> bool {
        self.token.is_none()
    }

    /// Admits a request. Public paths need no token. If no token is configured, all paths are for
    /// this machine's programs alone.
    ///
    /// # Errors
    /// 401 without the token. If none is configured, 403 for requests that a page in a browser may
    /// have sent.
    pub(super) fn admit(&self, request: &Request<()>, is_public: bool) -> Result<(), Fault> {
        match &self.token {
            Some(_) if is_public => Ok(()),
            Some(token) => check_token(request, token),
            None => check_local(request),
        }
    }
}

fn check_token(request: &Request<()>, token: &[u8; 32]) -> Result<(), Fault> {
    let Some(shown) = request.headers().get(AUTHORIZATION) else {
        return Err(Fault::unauthorized(
            "show the token of the configuration: Authorization: Bearer ...",
        ));
    };
    let shown = shown.as_bytes().split_at_checked(7);
    let shown = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
    let shown: [u8; 32] = Sha256::digest(shown.unwrap_or_default().1.trim_ascii()).into();
    let pairs = shown.iter().zip(token);
    match pairs.fold(0, |different, (a, b)| different | (a ^ b)) {
        0 => Ok(()),
        _ => Err(Fault::unauthorized(
            "the token after Authorization: Bearer is not that of the configuration",
        )),
    }
}

/// Without a token, every program of this machine is admitted, but no page in a browser: a browser
/// sends the page's origin, or, with a foreign name that resolves to this machine, that name as
/// the host.
fn check_local(request: &Request<()>) -> Result<(), Fault> {
    let headers = request.headers();
    if headers.contains_key(ORIGIN) {
        return Err(Fault::new(
            StatusCode::FORBIDDEN,
            "requests of browsers (header Origin) are refused while there is no http.token",
        ));
    }
    if headers.contains_key(FORWARDED)
        || headers.contains_key(VIA)
        || headers.contains_key("x-forwarded-for")
    {
        return Err(Fault::new(
            StatusCode::FORBIDDEN,
            "it comes through a proxy, so that others can reach this service: set http.token",
        ));
    }
    let named = headers.get_all(HOST).iter();
    let named = named.map(|host| Authority::try_from(host.as_bytes()).ok());
    let meant = request.uri().authority().cloned();
    let mut hosts: Vec<Option<Authority>> = named.chain(meant.map(Some)).collect();
    if hosts.is_empty() {
        hosts.push(None);
    }
    for host in hosts {
        let is_local = (host.as_ref()).is_some_and(|host| is_loopback(host.host()));
        if !is_local {
            let host = host.map(|host| host.to_string()).unwrap_or_default();
            return Err(Fault::new(
                StatusCode::FORBIDDEN,
                format!(
                    "the header Host is {host:?}; while there is no http.token it must be \
                     localhost or a loopback address"
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A public path.
    const PUBLIC: &str = "/healthz";

    fn admit(token: Option<&str>, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
        let door = Door::new(token.map(Secret::new).as_ref());
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "localhost");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a request");
        match door.admit(&request, path.ends_with(PUBLIC)) {
            Ok(()) => "admitted".to_owned(),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn without_a_token_no_page_in_a_browser_is_admitted() {
        let post = |headers: &[(&str, &str)]| admit(None, "POST", "/api/messages", headers);
        for host in [
            "localhost",
            "localhost:8580",
            "127.0.0.1:8580",
            "127.1.2.3",
            "[::1]:8580",
        ] {
            assert_eq!(post(&[("host", host)]), "admitted", "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:8580",
            "127.0.0.1.evil.example",
            "10.0.0.1:8580",
            "user@evil.example",
        ] {
            let refused = post(&[("host", host)]);
            assert!(
                refused.starts_with("403, the header Host is "),
                "{host}: {refused}"
            );
        }
        // Two headers, one of them foreign.
        let twice = post(&[("host", "localhost"), ("host", "evil.example")]);
        assert!(twice.starts_with("403, "), "{twice}");
        for origin in ["http://evil.example", "null", "http://localhost:8580"] {
            let refused = post(&[("origin", origin)]);
            assert!(
                refused.starts_with("403, requests of browsers"),
                "{refused}"
            );
        }
        for proxied in ["forwarded", "via", "x-forwarded-for"] {
            let refused = post(&[(proxied, "10.0.0.1")]);
            assert!(
                refused.starts_with("403, it comes through a proxy"),
                "{refused}"
            );
        }
        let health = admit(None, "GET", "/healthz", &[("host", "evil.example")]);
        assert!(health.starts_with("403, "), "{health}");
        // With the whole address, as a proxy gets it; and without a host, as in HTTP/1.0.
        let whole = |host: &str| admit(None, "GET", &format!("http://{host}/healthz"), &[]);
        assert_eq!(whole("127.0.0.1:8580"), "admitted");
        assert!(whole("evil.example").starts_with("403, the header Host is "));
        let nameless = Request::builder().method("GET").uri("/healthz").body(());
        let refused = Door::new(None).admit(&nameless.expect("a request"), true);
        assert_eq!(refused.expect_err("no name").status, StatusCode::FORBIDDEN);
    }

    #[test]
    fn with_a_token_only_clients_that_send_it_are_admitted() {
        const TOKEN: &str = "0123456789abcdef";
        let post = |headers: &[(&str, &str)]| admit(Some(TOKEN), "POST", "/api/messages", headers);
        for shown in ["Bearer 0123456789abcdef", "bearer  0123456789abcdef "] {
            let headers = [
                ("authorization", shown),
                ("host", "watt.example"),
                ("via", "a proxy"),
            ];
            assert_eq!(post(&headers), "admitted", "{shown}");
        }
        assert!(post(&[]).starts_with("401, show the token"));
        for shown in [
            "Bearer 0123456789abcdeF",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "Bearer ",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
            "",
        ] {
            let refused = post(&[("authorization", shown)]);
            assert!(
                refused.starts_with("401, the token after"),
                "{shown}: {refused}"
            );
        }
        // Without the token a client does not learn which paths exist.
        assert!(admit(Some(TOKEN), "GET", "/", &[]).starts_with("401, "));
        assert_eq!(admit(Some(TOKEN), "GET", "/healthz", &[]), "admitted");
    }
}
