//! People: who sends a request, and which page they see.

use std::net::IpAddr;

use http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, LOCATION, ORIGIN};
use http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};

use crate::clock::unix_seconds;
use crate::config::{Hotels, Language, Role, Secret, User};
use crate::page::{self, Trouble, Viewer};

use super::Site;
use super::door::{Door, check_local};
use super::origin::check_origin;
use super::routes::Route;
use super::server::Incoming;
use super::session::{Session, form_token_by_proxy};

/// The cookie with the language that somebody has chosen.
pub(super) const LANGUAGE_COOKIE: &str = "lang";

/// Who sends a request.
pub(super) enum Person<'a> {
    /// Somebody at this machine, where nobody is named in the configuration.
    Local,
    /// Somebody whom a trusted proxy knows.
    OfProxy(&'a User),
    /// Somebody who has shown the password.
    LoggedIn(&'a User, Session),
    Nobody,
}

impl Site {
    /// Answers a person's request.
    pub(super) fn people(
        &self,
        incoming: &mut Incoming<'_>,
        door: &Door,
        route: Route,
    ) -> Response<Vec<u8>> {
        let language = language(incoming.request.headers());
        let answered = match (incoming.request.method(), route) {
            (&Method::POST, _) => self.posted(incoming, door, route, language),
            (_, Route::Login) => self.login_form(&incoming.request, incoming.peer, door, language),
            _ => self.page(&incoming.request, incoming.peer, door, language),
        };
        answered.unwrap_or_else(|trouble| {
            if let Some(line) = trouble.line() {
                log::warn!("a page or form was refused: {line}");
            }
            let status = match &trouble {
                Trouble::Malformed => StatusCode::BAD_REQUEST,
                Trouble::TooManyLogins => StatusCode::TOO_MANY_REQUESTS,
                Trouble::NoKey(_) | Trouble::Busy => StatusCode::SERVICE_UNAVAILABLE,
                Trouble::OtherSite
                | Trouble::Stale
                | Trouble::NobodyNamed
                | Trouble::Unknown(_)
                | Trouble::Elsewhere(_) => StatusCode::FORBIDDEN,
            };
            let response = html(status, page::trouble(&trouble, language));
            match status {
                StatusCode::TOO_MANY_REQUESTS => retried_after(response, "60"),
                StatusCode::SERVICE_UNAVAILABLE => retried_after(response, "5"),
                _ => response,
            }
        })
    }

    /// Who sends a request. Role and hotels are those of the configuration as it is now.
    pub(super) fn person<'a>(
        &self,
        request: &Request<()>,
        peer: IpAddr,
        door: &'a Door,
    ) -> Result<Person<'a>, Trouble> {
        if door.is_local() {
            check_local(request, peer).map_err(|fault| Trouble::Elsewhere(fault.to_string()))?;
            // A script of another site may ask for a page, but gets none.
            if request.headers().contains_key(ORIGIN) {
                check_origin(request, door)?;
            }
            return Ok(Person::Local);
        }
        let users = &door.access.users;
        let find = |name: &str| users.iter().find(|user| user.name == name);
        // From anybody but a trusted proxy this header means nothing.
        if let Some(header) = door.access.user_header.as_deref()
            && door.is_trusted(peer)
        {
            let mut names = request.headers().get_all(header).iter();
            match (names.next(), names.next()) {
                (None, _) => {}
                (Some(name), None) if name.is_empty() => {}
                (Some(name), None) => {
                    let name = String::from_utf8_lossy(name.as_bytes());
                    let user = find(&name);
                    return match user {
                        Some(user) => Ok(Person::OfProxy(user)),
                        None => Err(Trouble::Unknown(name.into_owned())),
                    };
                }
                (Some(_), Some(_)) => return Err(Trouble::Malformed),
            }
        }
        let shown = cookie(request.headers(), session_cookie(door));
        let Some(session) = shown.and_then(Session::parse) else {
            return Ok(Person::Nobody);
        };
        let Some((user, hash)) = find(session.name()).and_then(with_password) else {
            return Ok(Person::Nobody);
        };
        let keys = self.keys.derived().map_err(Trouble::NoKey)?;
        Ok(match session.is_genuine(&keys, hash, unix_seconds()) {
            true => Person::LoggedIn(user, session),
            false => Person::Nobody,
        })
    }

    /// What forms of this person have to show; `None` where there is no session.
    pub(super) fn form_token(&self, person: &Person<'_>) -> Result<Option<String>, Trouble> {
        let keys = || self.keys.derived().map_err(Trouble::NoKey);
        Ok(match person {
            Person::Local | Person::Nobody => None,
            Person::OfProxy(user) => Some(form_token_by_proxy(&keys()?, &user.name)),
            Person::LoggedIn(_, session) => Some(session.form_token(&keys()?)),
        })
    }

    fn login_form(
        &self,
        request: &Request<()>,
        peer: IpAddr,
        door: &Door,
        language: Language,
    ) -> Result<Response<Vec<u8>>, Trouble> {
        let asked = request.uri().query().unwrap_or_default();
        let next = form_urlencoded::parse(asked.as_bytes()).find(|(key, _)| key == "next");
        let next = inner(next.as_ref().map_or("/", |(_, next)| next));
        Ok(match self.person(request, peer, door)? {
            Person::Nobody if door.access.users.is_empty() => return Err(Trouble::NobodyNamed),
            Person::Nobody => html(StatusCode::OK, page::login(next, None, language)),
            Person::Local | Person::OfProxy(_) | Person::LoggedIn(..) => redirect(next),
        })
    }

    fn page(
        &self,
        request: &Request<()>,
        peer: IpAddr,
        door: &Door,
        language: Language,
    ) -> Result<Response<Vec<u8>>, Trouble> {
        if let Some(asset) = page::asset(request) {
            return Ok(asset);
        }
        let Some(pages) = self.desk.pages() else {
            // It says nothing of any hotel, and a standby may not know the key of sessions.
            if door.is_local() {
                self.person(request, peer, door)?;
            }
            let since = self.desk.standing().since;
            let text = page::standing_by(since, language);
            return Ok(retried_after(
                html(StatusCode::SERVICE_UNAVAILABLE, text),
                "5",
            ));
        };
        let person = self.person(request, peer, door)?;
        let form_token = self.form_token(&person)?;
        let viewer = match person {
            Person::Local => Viewer {
                name: page::LOCAL.to_owned(),
                hotels: Hotels::All,
                may_act: true,
                language,
                form_token,
            },
            Person::OfProxy(user) | Person::LoggedIn(user, _) => Viewer {
                name: user.name.clone(),
                hotels: user.hotels.clone(),
                may_act: user.role == Role::Act,
                language,
                form_token,
            },
            Person::Nobody if door.access.users.is_empty() => return Err(Trouble::NobodyNamed),
            Person::Nobody => {
                let asked = request
                    .uri()
                    .path_and_query()
                    .map_or("/", |asked| asked.as_str());
                let login = "/login?".to_owned();
                let mut login = form_urlencoded::Serializer::for_suffix(login, "/login?".len());
                return Ok(redirect(&login.append_pair("next", asked).finish()));
            }
        };
        Ok(pages.respond(request, &viewer))
    }
}

/// A person who can log in, and the hash of the password.
pub(super) fn with_password(user: &User) -> Option<(&User, &Secret)> {
    Some((user, user.password_hash.as_ref()?))
}

/// The name of the cookie with the session. With `__Host-` browsers take it over https alone, and
/// only from this host itself.
pub(super) fn session_cookie(door: &Door) -> &'static str {
    match is_https(door) {
        true => "__Host-roomwatt",
        false => "roomwatt",
    }
}

/// Whether browsers come over https.
pub(super) fn is_https(door: &Door) -> bool {
    let url = door.access.public_url.as_ref();
    url.is_some_and(|url| url.is_https)
}

/// A path of ours to go on to; `/` for an address that may be another site's.
pub(super) fn inner(next: &str) -> &str {
    let is_plain = next
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    match next.starts_with('/') && !next.starts_with("//") && is_plain {
        true => next,
        false => "/",
    }
}

/// The value of a cookie. If it is there twice, somebody else may have set one of them: then there
/// is none.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIE).iter();
    let pairs = all
        .filter_map(|all| all.to_str().ok())
        .flat_map(|all| all.split(';'));
    let mut found = pairs.filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then_some(value.trim())
    });
    match (found.next(), found.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

/// The language of a person: as chosen, else as the browser prefers, else Chinese.
fn language(headers: &HeaderMap) -> Language {
    match cookie(headers, LANGUAGE_COOKIE) {
        Some("zh") => return Language::Zh,
        Some("en") => return Language::En,
        _ => {}
    }
    let accepted = headers
        .get(ACCEPT_LANGUAGE)
        .and_then(|all| all.to_str().ok());
    let ranges = accepted.unwrap_or_default().split(',').map(|range| {
        let (tag, weight) = range.split_once(";q=").unwrap_or((range, "1"));
        (tag.trim(), weight.trim().parse::<f32>().unwrap_or(0.0))
    });
    let weight_of = |language: &str| {
        let of = |(tag, _): &(&str, f32)| {
            let primary = tag.split('-').next().unwrap_or_default();
            primary.eq_ignore_ascii_case(language)
        };
        let weights = ranges.clone().filter(of).map(|(_, weight)| weight);
        weights.fold(0.0, f32::max)
    };
    let (zh, en) = (weight_of("zh"), weight_of("en"));
    match en > zh {
        true => Language::En,
        false => Language::Zh,
    }
}

pub(super) fn html(status: StatusCode, text: String) -> Response<Vec<u8>> {
    let mut response = Response::new(text.into_bytes());
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}

fn retried_after(mut response: Response<Vec<u8>>, seconds: &'static str) -> Response<Vec<u8>> {
    let seconds = HeaderValue::from_static(seconds);
    response.headers_mut().insert(RETRY_AFTER, seconds);
    response
}

/// Leads a browser to a path, with a GET.
pub(super) fn redirect(path: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let root = HeaderValue::from_static("/");
    let path = HeaderValue::from_str(path).unwrap_or(root);
    response.headers_mut().insert(LOCATION, path);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_cookie_counts_if_it_is_there_once() {
        let of = |values: &[&'static str]| {
            let headers = headers(COOKIE, values);
            cookie(&headers, "roomwatt").map(str::to_owned)
        };
        assert_eq!(of(&["a=b; roomwatt=x.y; lang=zh"]).as_deref(), Some("x.y"));
        assert_eq!(of(&["a=b", "roomwatt=x"]).as_deref(), Some("x"));
        // A neighbour at another port or path of the host may have planted one.
        assert_eq!(of(&["roomwatt=mine; roomwatt=planted"]), None);
        assert_eq!(of(&["roomwatt=mine", "roomwatt=planted"]), None);
        assert_eq!(of(&["xroomwatt=x; roomwatt2=y; roomwatt"]), None);
    }

    #[test]
    fn the_language_is_the_chosen_one_or_the_browsers_or_chinese() {
        let of = |chosen: &'static str, accepted: &'static str| {
            let mut all = headers(COOKIE, &[chosen]);
            all.extend(headers(ACCEPT_LANGUAGE, &[accepted]));
            language(&all)
        };
        for (chosen, accepted, expected) in [
            ("", "", Language::Zh),
            ("", "en-US,en;q=0.9", Language::En),
            ("", "zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("", "fr;q=0.9, EN;q=0.5", Language::En),
            ("", "de", Language::Zh),
            ("", "en;q=x", Language::Zh),
            ("lang=zh", "en", Language::Zh),
            ("a=b; lang=en", "zh", Language::En),
            ("lang=fr", "en", Language::En),
        ] {
            assert_eq!(of(chosen, accepted), expected, "{chosen} {accepted}");
        }
    }

    #[test]
    fn a_form_leads_on_only_within_this_service() {
        for (next, expected) in [
            ("/", "/"),
            ("/hotel?hotel=a%2Fb", "/hotel?hotel=a%2Fb"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nSet-Cookie: x=y", "/"),
            ("/\u{9}/evil.example", "/"),
            ("/房", "/"),
            ("", "/"),
        ] {
            assert_eq!(inner(next), expected, "{next}");
        }
    }
}
