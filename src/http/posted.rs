//! Forms of people: where they may come from, and what they change.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;

use http::header::{CONTENT_TYPE, HeaderValue, SET_COOKIE};
use http::{Response, StatusCode};
use sha2::{Digest, Sha256};

use crate::clock::unix_seconds;
use crate::config::{Language, User};
use crate::page::{self, Trouble};
use crate::password;

use super::door::Door;
use super::origin::check_origin;
use super::people::{
    LANGUAGE_COOKIE, Person, html, inner, is_https, redirect, session_cookie, with_password,
};
use super::routes::Route;
use super::server::Incoming;
use super::session::{SESSION_SECONDS, Session, is_same};
use super::{Site, body};

/// The longest form. Bytes.
const LONGEST: usize = 16 * 1024;

/// The most fields of a form.
const MOST_FIELDS: usize = 32;

/// How long a browser keeps the language. Seconds.
const LANGUAGE_SECONDS: u32 = 365 * 24 * 3_600;

/// The fields of a form.
struct Fields(HashMap<String, String>);

impl Fields {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl Site {
    /// Takes a form. No token of a program means anything here.
    pub(super) fn posted(
        &self,
        incoming: &mut Incoming<'_>,
        door: &Door,
        route: Route,
        language: Language,
    ) -> Result<Response<Vec<u8>>, Trouble> {
        check_origin(&incoming.request, door)?;
        let person = self.person(&incoming.request, incoming.peer, door)?;
        let fields = self.fields(incoming)?;
        if route == Route::Login {
            return self.log_in(incoming, door, &fields, language);
        }
        if let Some(expected) = self.form_token(&person)?
            && !is_same(&expected, fields.get("token"))
        {
            return Err(Trouble::Stale);
        }
        let mut response = redirect(inner(fields.get("next")));
        match (route, fields.get("lang")) {
            (Route::Language, lang @ ("zh" | "en")) => {
                set_cookie(&mut response, door, LANGUAGE_COOKIE, lang, LANGUAGE_SECONDS);
            }
            (Route::Logout, _) if !matches!(person, Person::OfProxy(_)) => {
                response = redirect("/login");
                set_cookie(&mut response, door, session_cookie(door), "", 0);
            }
            (Route::Logout, _) => {}
            _ => return Err(Trouble::Malformed),
        }
        Ok(response)
    }

    fn fields(&self, incoming: &mut Incoming<'_>) -> Result<Fields, Trouble> {
        let mut types = incoming.request.headers().get_all(CONTENT_TYPE).iter();
        let is_form = matches!(
            (types.next(), types.next()),
            (Some(given), None) if given.as_bytes().split(|byte| *byte == b';').next().is_some_and(
                |name| name.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
            )
        );
        if !is_form {
            return Err(Trouble::Malformed);
        }
        let _turn = self.turns.take().map_err(|_| Trouble::Busy)?;
        let body = body::read(incoming, LONGEST).map_err(|_| Trouble::Malformed)?;
        let mut fields = HashMap::new();
        for (name, value) in form_urlencoded::parse(&body).take(MOST_FIELDS) {
            let (name, value): (Cow<'_, str>, Cow<'_, str>) = (name, value);
            fields.insert(name.into_owned(), value.into_owned());
        }
        Ok(Fields(fields))
    }

    /// Begins a session for who shows name and password.
    fn log_in(
        &self,
        incoming: &Incoming<'_>,
        door: &Door,
        fields: &Fields,
        language: Language,
    ) -> Result<Response<Vec<u8>>, Trouble> {
        let (name, password) = (fields.get("name").trim(), fields.get("password"));
        let next = inner(fields.get("next"));
        let users: Vec<&User> = door.access.users.iter().collect();
        let users: Vec<_> = users.into_iter().filter_map(with_password).collect();
        if users.is_empty() {
            return Err(Trouble::NobodyNamed);
        }
        if password.len() > password::LONGEST {
            return Err(Trouble::Malformed);
        }
        // Before the password costs anything: without the key there would be no session.
        let keys = self.keys.derived().map_err(Trouble::NoKey)?;
        let client = door.client(incoming.request.headers(), incoming.peer);
        let attempt = self.logins.attempt(name, client, Instant::now());
        let attempt = attempt.ok_or(Trouble::TooManyLogins)?;
        let known = users.iter().find(|(user, _)| user.name == name);
        let (is_right, found) = {
            let _turn = self.logins.turns.take().map_err(|_| Trouble::Busy)?;
            // An unknown name costs the time of a known one: always the same one for a name.
            let digest = Sha256::digest(name);
            let number = digest
                .iter()
                .fold(0, |all, byte| (all * 31 + usize::from(*byte)) % 9_973);
            let found = known.or(users.get(number % users.len()));
            let hash = found.map_or("", |(_, hash)| hash.expose());
            (password::verify(password, hash), known)
        };
        let Some((user, hash)) = found.filter(|_| is_right) else {
            log::info!("a login from {client} failed");
            let again = page::login(next, Some(name), language);
            return Ok(html(StatusCode::UNAUTHORIZED, again));
        };
        attempt.succeeded();
        let session = Session::begin(&keys, &user.name, hash, unix_seconds());
        let session = session.map_err(Trouble::NoKey)?;
        let mut response = redirect(next);
        let cookie = session_cookie(door);
        set_cookie(
            &mut response,
            door,
            cookie,
            &session.text(),
            SESSION_SECONDS,
        );
        log::info!("{} has logged in, from {client}", user.name);
        Ok(response)
    }
}

fn set_cookie(
    response: &mut Response<Vec<u8>>,
    door: &Door,
    name: &str,
    value: &str,
    seconds: u32,
) {
    let secure = if is_https(door) { "; Secure" } else { "" };
    let cookie =
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}
