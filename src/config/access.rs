//! Who may come in over HTTP: programs by tokens, people by passwords or through a proxy that
//! knows them.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::net::IpAddr;

use crate::password;
use crate::types::HotelId;

use super::problems::Problems;
use super::warnings::is_loopback;
use super::written::FILE_SUFFIX;
use super::{Http, Secret, raw};

/// Shorter tokens can be guessed.
const SHORTEST_TOKEN: usize = 16;

/// The longest name of a person. Characters.
const LONGEST_NAME: usize = 64;

/// Headers that mean something else, so that they can't carry the name of a person.
const OTHER_HEADERS: [&str; 12] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "origin",
    "referer",
    "transfer-encoding",
    "x-forwarded-for",
    "x-forwarded-proto",
];

/// The hotels that a token or a person has.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Hotels {
    #[default]
    All,
    Only(BTreeSet<HotelId>),
}

impl Hotels {
    pub fn includes(&self, hotel: &HotelId) -> bool {
        match self {
            Hotels::All => true,
            Hotels::Only(hotels) => hotels.contains(hotel),
        }
    }
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Sending messages and readings.
    Write,
    Read,
    Act,
    Metrics,
}

impl Scope {
    pub const ALL: [Scope; 4] = [Scope::Write, Scope::Read, Scope::Act, Scope::Metrics];

    pub fn word(self) -> &'static str {
        match self {
            Scope::Write => "write",
            Scope::Read => "read",
            Scope::Act => "act",
            Scope::Metrics => "metrics",
        }
    }
}

/// A program that may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub token: Secret,
    pub scopes: BTreeSet<Scope>,
    pub hotels: Hotels,
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    View,
    Act,
}

/// A person who may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    /// `None` where only a proxy lets this person in.
    pub password_hash: Option<Secret>,
    pub hotels: Hotels,
    pub role: Role,
}

/// Where browsers reach the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// As browsers write it in the header Origin.
    pub origin: String,
    pub is_https: bool,
}

impl PublicUrl {
    /// The host, without its port.
    fn host(&self) -> &str {
        let (_, rest) = self.origin.split_once("://").unwrap_or_default();
        match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => rest,
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

/// Who may come in. It may change without a restart.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Access {
    pub tokens: Vec<Token>,
    pub users: Vec<User>,
    pub public_url: Option<PublicUrl>,
    /// From these addresses alone X-Forwarded-For and `user_header` mean something.
    pub trusted_proxies: Vec<IpAddr>,
    /// The header in which a trusted proxy names a person, in lower case.
    pub user_header: Option<String>,
}

/// Checks who may come in.
pub(super) fn check_access(raw: &mut raw::Http, problems: &mut Problems) -> Access {
    let user_header = raw.user_header.take().filter(|header| !header.is_empty());
    Access {
        tokens: check_tokens(raw, problems),
        users: check_users(&raw.users, user_header.is_some(), problems),
        public_url: check_public_url(raw.public_url.as_deref(), problems),
        trusted_proxies: check_proxies(&raw.trusted_proxies, problems),
        user_header: check_user_header(user_header, &raw.trusted_proxies, problems),
    }
}

fn check_tokens(raw: &raw::Http, problems: &mut Problems) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut known = HashSet::new();
    if let Some(token) = raw
        .token
        .as_ref()
        .filter(|token| !token.expose().is_empty())
    {
        check_token("http.token", token, problems);
        known.insert(token.clone());
        tokens.push(Token {
            token: token.clone(),
            scopes: Scope::ALL.into(),
            hotels: Hotels::All,
        });
    }
    for (number, given) in raw.tokens.iter().enumerate() {
        let path = format!("http.tokens[{number}]");
        let scopes = check_scopes(&format!("{path}.scopes"), given.scopes.as_deref(), problems);
        let hotels = check_hotels(&format!("{path}.hotels"), given.hotels.as_deref(), problems);
        let key = format!("{path}.token");
        let Some(token) = &given.token else {
            // If its file can't be read, that is reported already.
            let is_reported = problems.is_known(&format!("{key}{FILE_SUFFIX}"));
            problems.unless(is_reported, &key, "is missing");
            continue;
        };
        check_token(&key, token, problems);
        problems.unless(
            known.insert(token.clone()),
            &key,
            "is there already: each program has a token of its own",
        );
        tokens.push(Token {
            token: token.clone(),
            scopes,
            hotels,
        });
    }
    tokens
}

fn check_token(key: &str, token: &Secret, problems: &mut Problems) {
    let text = token.expose();
    problems.unless(
        text.len() >= SHORTEST_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic()),
        key,
        format_args!(
            "must have at least {SHORTEST_TOKEN} characters, all of them visible ASCII: \
             `openssl rand -hex 32` makes one"
        ),
    );
}

fn check_scopes(key: &str, given: Option<&[String]>, problems: &mut Problems) -> BTreeSet<Scope> {
    let words = Scope::ALL.map(Scope::word).join(", ");
    let given = given.unwrap_or_default();
    problems.unless(
        !given.is_empty(),
        key,
        format_args!("is missing: a list of what the token is for, of {words}"),
    );
    let mut scopes = BTreeSet::new();
    for word in given {
        match Scope::ALL.into_iter().find(|scope| scope.word() == word) {
            Some(scope) => {
                scopes.insert(scope);
            }
            None => problems.add(key, format_args!("has {word:?}; there are {words}")),
        }
    }
    scopes
}

fn check_hotels(key: &str, given: Option<&[String]>, problems: &mut Problems) -> Hotels {
    let Some(given) = given else {
        return Hotels::All;
    };
    problems.unless(
        !given.is_empty(),
        key,
        "is empty: leave it out for all hotels",
    );
    let hotels = given.iter().map(|hotel| hotel.trim());
    problems.unless(
        hotels
            .clone()
            .all(|hotel| !hotel.is_empty() && hotel != "*"),
        key,
        "has a hotel without an id: leave the whole list out for all hotels",
    );
    Hotels::Only(hotels.map(HotelId::trimmed).collect())
}

fn check_users(given: &[raw::User], by_proxy: bool, problems: &mut Problems) -> Vec<User> {
    let mut users = Vec::new();
    let mut known = HashSet::new();
    for (number, given) in given.iter().enumerate() {
        let path = format!("http.users[{number}]");
        let key = format!("{path}.name");
        let name = given.name.as_deref().unwrap_or_default().trim().to_owned();
        problems.unless(!name.is_empty(), &key, "is missing");
        problems.unless(
            name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control),
            &key,
            format_args!("is longer than {LONGEST_NAME} characters, or has control characters"),
        );
        problems.unless(
            name.is_empty() || known.insert(name.clone()),
            &key,
            format_args!("is {name:?}, which is there already"),
        );
        let key = format!("{path}.password_hash");
        let password_hash = given.password_hash.clone();
        let password_hash = password_hash.filter(|hash| !hash.expose().is_empty());
        match &password_hash {
            Some(hash) => {
                if let Err(why) = password::check(hash.expose()) {
                    problems.add(
                        &key,
                        format_args!("{why}: `roomwatt hash-password` makes one"),
                    );
                }
            }
            None => problems.unless(
                by_proxy || problems.is_known(&format!("{key}{FILE_SUFFIX}")),
                &key,
                "is missing: `roomwatt hash-password` makes one",
            ),
        }
        let role = match given.role.as_deref() {
            None | Some("view") => Role::View,
            Some("act") => Role::Act,
            Some(other) => {
                let key = format!("{path}.role");
                problems.add(&key, format_args!("is {other:?}, allowed are view, act"));
                Role::View
            }
        };
        let hotels = check_hotels(&format!("{path}.hotels"), given.hotels.as_deref(), problems);
        users.push(User {
            name,
            password_hash,
            hotels,
            role,
        });
    }
    users
}

fn check_public_url(given: Option<&str>, problems: &mut Problems) -> Option<PublicUrl> {
    let given = given.filter(|given| !given.is_empty())?;
    let url = public_url(given);
    problems.unless(
        url.is_some(),
        "http.public_url",
        format_args!(
            "is {given:?}, which is not an address without a path such as https://watt.example.com"
        ),
    );
    url
}

fn public_url(given: &str) -> Option<PublicUrl> {
    let url = given.parse::<ureq::http::Uri>().ok()?;
    let is_https = match url.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let authority = url.authority()?;
    let is_bare = url.path() == "/" && url.query().is_none() && !given.contains('#');
    if !is_bare || authority.as_str().contains('@') {
        return None;
    }
    // Browsers leave the usual port out.
    let usual = if is_https { 443 } else { 80 };
    let port = url.port_u16().filter(|port| *port != usual);
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    let (scheme, host) = (url.scheme_str()?, authority.host().to_ascii_lowercase());
    Some(PublicUrl {
        origin: format!("{scheme}://{host}{port}"),
        is_https,
    })
}

fn check_proxies(given: &[String], problems: &mut Problems) -> Vec<IpAddr> {
    let mut proxies = Vec::new();
    for address in given {
        let address = address.trim();
        match address.parse::<IpAddr>() {
            Ok(ip) if !ip.is_unspecified() => proxies.push(ip.to_canonical()),
            _ => problems.add(
                "http.trusted_proxies",
                format_args!(
                    "has {address:?}: it takes the address of each proxy, as \"127.0.0.1\", \
                     because whoever comes from there is believed who they say they are"
                ),
            ),
        }
    }
    proxies
}

fn check_user_header(
    given: Option<String>,
    proxies: &[String],
    problems: &mut Problems,
) -> Option<String> {
    let key = "http.user_header";
    let header = given?.to_ascii_lowercase();
    let is_name = header.parse::<ureq::http::HeaderName>().is_ok();
    problems.unless(
        is_name && !OTHER_HEADERS.contains(&header.as_str()),
        key,
        format_args!("is {header:?}, which can't name a person: take one such as X-Remote-User"),
    );
    problems.unless(
        !proxies.is_empty(),
        key,
        "is set, but http.trusted_proxies is not: from nobody it would mean anything",
    );
    Some(header)
}

impl Http {
    /// Warnings about how people come in.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let url = self.access.public_url.as_ref();
        if let Some(url) = url.filter(|url| !url.is_https && !is_loopback(url.host())) {
            warnings.push(format!(
                "http.public_url is {url}, which is not encrypted, passwords included: let a proxy \
                 with TLS stand before it, and make it https://"
            ));
        }
        let Some(page) = self.page_listen else {
            return warnings;
        };
        if !page.ip().is_loopback() {
            warnings.push(format!(
                "the pages at http.page_listen {page} are not encrypted, passwords included: let a \
                 proxy with TLS stand before them"
            ));
        }
        if self.access.users.is_empty() && !self.access.tokens.is_empty() {
            warnings.push(format!(
                "nobody may open the pages at http.page_listen {page}: add [[http.users]]"
            ));
        }
        warnings
    }
}
