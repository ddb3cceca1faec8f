//! Who may come in, by the configuration as it is now: programs by a token, and where there is
//! none, the programs of this machine.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::{AUTHORIZATION, FORWARDED, HOST, HeaderMap, ORIGIN, VIA};
use http::uri::Authority;
use http::{Request, StatusCode};
use parking_lot::RwLock;
use sha2::{Digest, Sha256};

use crate::config::{Access, Hotels, Scope, Token, is_loopback};

use super::answer::Fault;

/// The header with which proxies name the address of their client.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Who may come in by now, for all listeners.
pub struct Doors(RwLock<Arc<Door>>);

impl Doors {
    pub fn new(access: Access) -> Doors {
        Doors(RwLock::new(Arc::new(Door::new(access))))
    }

    /// Lets in who is in a new configuration, from the next request on.
    pub fn change(&self, access: &Access) {
        if self.now().access != *access {
            *self.0.write() = Arc::new(Door::new(access.clone()));
        }
    }

    pub(super) fn now(&self) -> Arc<Door> {
        Arc::clone(&self.0.read())
    }
}

/// Admits or refuses requests, by one configuration.
pub(super) struct Door {
    pub(super) access: Access,
    programs: Vec<Program>,
}

/// A program with a token, or one of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// SHA-256 of the token: the time of comparing two hashes reveals nothing about the token.
    token: [u8; 32],
    scopes: BTreeSet<Scope>,
    pub(super) hotels: Hotels,
}

impl Program {
    fn of(token: &Token) -> Program {
        Program {
            token: Sha256::digest(token.token.expose()).into(),
            scopes: token.scopes.clone(),
            hotels: token.hotels.clone(),
        }
    }
}

impl Door {
    pub(super) fn new(access: Access) -> Door {
        Door {
            programs: access.tokens.iter().map(Program::of).collect(),
            access,
        }
    }

    /// Whether nobody is named: then all is for this machine alone.
    pub(super) fn is_local(&self) -> bool {
        self.programs.is_empty() && self.access.users.is_empty()
    }

    /// Admits a program for what it asks, and returns its hotels. Without tokens the programs of
    /// this machine are admitted, and no page in a browser. A cookie means nothing here.
    ///
    /// # Errors
    /// 401 without a token, 403 if the token is not for this. If no token is configured, 403 for
    /// requests that a page in a browser may have sent.
    pub(super) fn program(
        &self,
        request: &Request<()>,
        client: IpAddr,
        scope: Scope,
    ) -> Result<Hotels, Fault> {
        if self.programs.is_empty() {
            if request.headers().contains_key(ORIGIN) {
                return Err(Fault::new(
                    StatusCode::FORBIDDEN,
                    "requests of browsers (header Origin) are refused while there is no http.token",
                ));
            }
            check_local(request, client)?;
            return Ok(Hotels::All);
        }
        let program = self.known(request.headers())?;
        if !program.scopes.contains(&scope) {
            return Err(Fault::new(
                StatusCode::FORBIDDEN,
                format!(
                    "this token is not for this: its scopes have no {:?} (http.tokens)",
                    scope.word()
                ),
            ));
        }
        Ok(program.hotels.clone())
    }

    /// Admits whoever asks for what is public. If nobody is named, that is this machine alone.
    ///
    /// # Errors
    /// 403 for requests that may come from elsewhere, if nobody is named.
    pub(super) fn anybody(&self, request: &Request<()>, client: IpAddr) -> Result<(), Fault> {
        if !self.is_local() {
            return Ok(());
        }
        if request.headers().contains_key(ORIGIN) {
            return Err(Fault::new(
                StatusCode::FORBIDDEN,
                "requests of browsers (header Origin) are refused while there is no http.token",
            ));
        }
        check_local(request, client)
    }

    /// The program whose token the headers have.
    fn known(&self, headers: &HeaderMap) -> Result<&Program, Fault> {
        let mut shown = headers.get_all(AUTHORIZATION).iter();
        let (Some(shown), None) = (shown.next(), shown.next()) else {
            return Err(Fault::unauthorized(
                "show the token of the configuration: Authorization: Bearer ...",
            ));
        };
        let shown = shown.as_bytes().split_at_checked(7);
        let shown = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
        let shown: [u8; 32] = Sha256::digest(shown.unwrap_or_default().1.trim_ascii()).into();
        // All are compared, so that the time does not tell which one it is.
        let mut found = None;
        for program in &self.programs {
            let pairs = shown.iter().zip(program.token);
            if pairs.fold(0, |different, (a, b)| different | (a ^ b)) == 0 {
                found = Some(program);
            }
        }
        found.ok_or_else(|| {
            Fault::unauthorized(
                "the token after Authorization: Bearer is not that of the configuration",
            )
        })
    }

    /// The address of the client: what a trusted proxy says, or else the other end itself.
    pub(super) fn client(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        if !self.is_trusted(peer) {
            return peer;
        }
        // The proxy has added the last one; what is before it, anybody may have written.
        let last = headers.get_all(FORWARDED_FOR).iter().next_back();
        let last = last.and_then(|all| all.to_str().ok()?.rsplit(',').next());
        let address = last.and_then(|address| address.trim().parse::<IpAddr>().ok());
        address.map_or(peer, |address| address.to_canonical())
    }

    /// Whether the other end is a proxy whose headers mean something.
    pub(super) fn is_trusted(&self, peer: IpAddr) -> bool {
        self.access.trusted_proxies.contains(&peer)
    }
}

/// Admits what was sent on this machine to this machine's own name. A page in a browser that has a
/// foreign name resolve to this machine sends that name as the host.
///
/// # Errors
/// 403 for all else.
pub(super) fn check_local(request: &Request<()>, client: IpAddr) -> Result<(), Fault> {
    let refused = |why: String| Err(Fault::new(StatusCode::FORBIDDEN, why));
    let headers = request.headers();
    if headers.contains_key(FORWARDED)
        || headers.contains_key(VIA)
        || headers.contains_key(FORWARDED_FOR)
    {
        return refused(
            "it comes through a proxy, so that others can reach this service: set http.token"
                .into(),
        );
    }
    if !client.is_loopback() {
        return refused(
            "it comes from another machine: set http.token, or add [[http.users]]".into(),
        );
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
            return refused(format!(
                "the header Host is {host:?}; while there is no http.token it must be localhost or \
                 a loopback address"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use crate::config::{Role, Secret, User};
    use crate::types::HotelId;

    use super::*;

    /// A public path.
    const PUBLIC: &str = "/healthz";

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn door(token: Option<&str>) -> Door {
        let tokens = token.into_iter().map(|token| Token {
            token: Secret::new(token),
            scopes: Scope::ALL.into(),
            hotels: Hotels::All,
        });
        Door::new(Access {
            tokens: tokens.collect(),
            ..Access::default()
        })
    }

    fn admit(token: Option<&str>, method: &str, path: &str, headers: &[(&str, &str)]) -> String {
        let door = door(token);
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "localhost");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a request");
        let admitted = match path.ends_with(PUBLIC) {
            true => door.anybody(&request, HERE),
            false => door.program(&request, HERE, Scope::Write).map(drop),
        };
        match admitted {
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
        let refused = door(None).anybody(&nameless.expect("a request"), HERE);
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

    fn get(headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder()
            .uri("/api/messages")
            .header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request")
    }

    #[test]
    fn a_token_is_for_its_scopes_and_hotels_alone() {
        let token = |token: &str, scopes: &[Scope], hotels: Hotels| Token {
            token: Secret::new(token),
            scopes: scopes.iter().copied().collect(),
            hotels,
        };
        let only = Hotels::Only([HotelId::new("H1")].into());
        let door = Door::new(Access {
            tokens: vec![
                token("of-the-pms-of-H1", &[Scope::Write], only.clone()),
                token("of-prometheus-01", &[Scope::Metrics], Hotels::All),
            ],
            ..Access::default()
        });
        let admit = |token: &str, scope| {
            let shown = format!("Bearer {token}");
            let admitted = door.program(&get(&[("authorization", &shown)]), HERE, scope);
            admitted.map_err(|fault| fault.status.as_u16())
        };
        assert_eq!(admit("of-the-pms-of-H1", Scope::Write), Ok(only));
        assert_eq!(admit("of-prometheus-01", Scope::Metrics), Ok(Hotels::All));
        for scope in [Scope::Read, Scope::Act, Scope::Metrics] {
            assert_eq!(admit("of-the-pms-of-H1", scope), Err(403));
        }
        assert_eq!(admit("of-prometheus-01", Scope::Write), Err(403));
        assert_eq!(admit("of-the-pms-of-H2", Scope::Write), Err(401));
        // Two are no token: which one would count, a proxy may see otherwise.
        let both = [
            ("authorization", "Bearer of-prometheus-01"),
            ("authorization", "Bearer of-the-pms-of-H1"),
        ];
        let refused = door.program(&get(&both), HERE, Scope::Write);
        assert_eq!(refused.expect_err("two").status, StatusCode::UNAUTHORIZED);
    }

    #[test]
    fn without_tokens_programs_are_of_this_machine_whoever_else_is_named() {
        let other = IpAddr::from([10, 0, 0, 7]);
        let refused = |door: &Door, client| {
            let admitted = door.program(&get(&[]), client, Scope::Write);
            admitted.err().map(|fault| fault.status.as_u16())
        };
        assert_eq!(refused(&door(None), HERE), None);
        assert_eq!(refused(&door(None), other), Some(403));
        let people = Door::new(Access {
            users: vec![User {
                name: "zhou".into(),
                password_hash: None,
                hotels: Hotels::All,
                role: Role::View,
            }],
            ..Access::default()
        });
        assert!(!people.is_local());
        assert_eq!(refused(&people, HERE), None);
        assert_eq!(refused(&people, other), Some(403));
        assert!(
            people.anybody(&get(&[]), other).is_ok(),
            "health is public then"
        );
        assert!(door(None).anybody(&get(&[]), other).is_err());
    }

    #[test]
    fn only_a_trusted_proxy_says_whose_request_it_is() {
        let proxy = IpAddr::from([10, 0, 0, 1]);
        let door = Door::new(Access {
            trusted_proxies: vec![proxy],
            ..Access::default()
        });
        let client = |peer: IpAddr, headers: &[&str]| {
            let headers: Vec<_> = headers
                .iter()
                .map(|value| (FORWARDED_FOR, *value))
                .collect();
            door.client(get(&headers).headers(), peer).to_string()
        };
        // What comes before the last one, the client itself may have sent.
        assert_eq!(client(proxy, &["1.2.3.4, 5.6.7.8"]), "5.6.7.8");
        assert_eq!(client(proxy, &["1.2.3.4", "5.6.7.8"]), "5.6.7.8");
        assert_eq!(client(proxy, &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(client(proxy, &["::ffff:5.6.7.8"]), "5.6.7.8");
        assert_eq!(client(proxy, &["nobody"]), "10.0.0.1");
        assert_eq!(client(proxy, &[]), "10.0.0.1");
        let stranger = IpAddr::from([10, 0, 0, 2]);
        assert_eq!(client(stranger, &["5.6.7.8"]), "10.0.0.2");
    }
}
