//! People over real sockets: who gets in, what forms change, and what attackers try.

use std::sync::LazyLock;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};

use roomwatt::config::{Access, Hotels, PublicUrl, Role, Scope, Secret, Token, User};
use roomwatt::http::{Limits, Serves};
use roomwatt::types::{HotelId, LocalTime};

use crate::rig::{Rig, TOKEN, answer, check_in, wait};

/// A hash at little cost.
fn hash_of(password: &str) -> String {
    let params = Params::new(64, 1, 1, None).expect("parameters");
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon.hash_password(password.as_bytes()).expect("a hash");
    hash.to_string()
}

static HASH: LazyLock<String> = LazyLock::new(|| hash_of(PASSWORD));

const PASSWORD: &str = "correct horse";

const FORM: &str = "application/x-www-form-urlencoded";

fn user(name: &str) -> User {
    User {
        name: name.into(),
        password_hash: Some(Secret::new(HASH.as_str())),
        hotels: Hotels::Only([HotelId::new("H1")].into()),
        role: Role::View,
    }
}

fn people() -> Access {
    Access {
        users: vec![user("zhou"), user("li")],
        ..Access::default()
    }
}

/// A listener for pages with a service behind it.
fn pages(access: Access) -> (Rig, impl Sized) {
    let rig = Rig::of(access, Serves::Pages, Limits::default());
    let end = rig.serve(true);
    (rig, end)
}

/// How nice each thread of this process is whose name begins so.
#[cfg(target_os = "linux")]
fn niceness(name: &str) -> Vec<i64> {
    let threads = std::fs::read_dir("/proc/self/task").expect("threads");
    let niceness = threads.filter_map(|thread| {
        // It may have ended meanwhile.
        let stat = std::fs::read_to_string(thread.ok()?.path().join("stat")).ok()?;
        let (begin, fields) = stat.rsplit_once(')')?;
        let (_, own) = begin.split_once('(')?;
        let niceness = fields.split_whitespace().nth(16)?.parse().ok()?;
        own.starts_with(name).then_some(niceness)
    });
    niceness.collect()
}

#[cfg(target_os = "linux")]
#[test]
fn threads_that_serve_pages_give_way_to_others() {
    let (rig, _end) = pages(people());
    let programs = Rig::of(people(), Serves::Programs, Limits::default());
    for rig in [&rig, &programs] {
        rig.send("GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    let of_programs = niceness("http-");
    let usual = of_programs.first().copied().expect("a thread");
    assert!(of_programs.iter().all(|nice| *nice == usual));
    // One that has just begun has not given way yet.
    wait("a thread of pages that gives way", || {
        niceness("page-")
            .iter()
            .any(|nice| *nice > usual)
            .then_some(())
    });
}

/// An answer that was taken apart.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    head: String,
    body: String,
}

impl Got {
    fn of(answer: &str) -> Got {
        let (head, body) = answer.split_once("\r\n\r\n").expect(answer);
        Got {
            status: head[9..12].parse().expect(head),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start))
    }

    /// The cookie that was set: its name and value, as a browser sends them.
    fn cookie(&self) -> &str {
        let cookie = self.header("set-cookie").expect("a cookie");
        cookie.split(';').next().expect("a value")
    }

    /// The token of the page's forms.
    fn token(&self) -> &str {
        let after = self
            .body
            .split_once("name=\"token\" value=\"")
            .expect("a token");
        after.1.split('"').next().expect("a token")
    }
}

pub fn get(rig: &Rig, path: &str, headers: &str) -> Got {
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost:8581\r\n{headers}\r\n");
    Got::of(&rig.send(&head))
}

fn post(rig: &Rig, path: &str, headers: &str, body: &str) -> Got {
    let length = body.len();
    Got::of(&rig.send(&format!(
        "POST {path} HTTP/1.1\r\nHost: localhost:8581\r\nContent-Type: {FORM}\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    )))
}

const OURS: &str = "Origin: http://localhost:8581\r\n";

fn log_in(rig: &Rig, name: &str, password: &str) -> Got {
    let body = format!(
        "name={name}&password={}&next=%2Fhotel%3Fhotel%3DH1",
        password.replace(' ', "+")
    );
    post(rig, "/login", OURS, &body)
}

fn session(rig: &Rig, name: &str) -> String {
    let got = log_in(rig, name, PASSWORD);
    assert_eq!(got.status, 303, "{got:?}");
    format!("Cookie: {}\r\n", got.cookie())
}

#[test]
fn a_person_logs_in_and_out() {
    let (rig, _end) = pages(people());
    let got = get(&rig, "/hotel?hotel=H1", "");
    assert_eq!(got.status, 303);
    assert_eq!(
        got.header("location"),
        Some("/login?next=%2Fhotel%3Fhotel%3DH1")
    );
    let form = get(
        &rig,
        "/login?next=%2Fhotel%3Fhotel%3DH1",
        "Accept-Language: en\r\n",
    );
    assert_eq!(form.status, 200);
    assert!(
        form.body
            .contains("name=\"next\" value=\"/hotel?hotel=H1\""),
        "{form:?}"
    );
    assert!(form.body.contains("Log in"), "{form:?}");
    let got = log_in(&rig, "zhou", PASSWORD);
    assert_eq!(
        (got.status, got.header("location")),
        (303, Some("/hotel?hotel=H1"))
    );
    let set = got.header("set-cookie").expect("a cookie");
    for part in ["; Path=/;", "Max-Age=43200", "HttpOnly", "SameSite=Lax"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(
        set.starts_with("roomwatt=") && !set.contains("Secure"),
        "{set}"
    );
    let cookie = format!("Cookie: {}\r\n", got.cookie());
    let page = get(&rig, "/", &cookie);
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.body.contains("zhou"), "{page:?}");
    // Logged in already: no form.
    let again = get(&rig, "/login?next=/", &cookie);
    assert_eq!((again.status, again.header("location")), (303, Some("/")));
    let out = post(
        &rig,
        "/logout",
        &format!("{OURS}{cookie}"),
        &format!("token={}", page.token()),
    );
    assert_eq!((out.status, out.header("location")), (303, Some("/login")));
    assert!(
        out.header("set-cookie")
            .expect("a cookie")
            .starts_with("roomwatt=; Path=/; Max-Age=0;")
    );
    // The wrong one, and names that are not there, are answered alike.
    for (name, password) in [
        ("zhou", "correct horsf"),
        ("nobody", PASSWORD),
        ("", PASSWORD),
    ] {
        let got = log_in(&rig, name, password);
        assert_eq!(got.status, 401, "{got:?}");
        assert!(got.header("set-cookie").is_none());
        assert!(got.body.contains("用户名或密码不对"), "{got:?}");
    }
}

#[test]
fn over_https_the_cookie_is_for_this_host_alone() {
    let (rig, _end) = pages(Access {
        public_url: Some(PublicUrl {
            origin: "https://watt.example.com".into(),
            is_https: true,
        }),
        ..people()
    });
    let body = format!("name=zhou&password={}&next=/", PASSWORD.replace(' ', "+"));
    assert_eq!(post(&rig, "/login", OURS, &body).status, 403);
    let got = post(
        &rig,
        "/login",
        "Origin: https://watt.example.com\r\n",
        &body,
    );
    assert_eq!(got.status, 303, "{got:?}");
    let set = got.header("set-cookie").expect("a cookie");
    assert!(
        set.starts_with("__Host-roomwatt=") && set.ends_with("; Secure"),
        "{set}"
    );
    let page = |name: &str| {
        let value = got.cookie().split_once('=').expect("a value").1;
        get(&rig, "/", &format!("Cookie: {name}={value}\r\n")).status
    };
    assert_eq!(page("__Host-roomwatt"), 200);
    // A name without the prefix any neighbour of the host could set.
    assert_eq!(page("roomwatt"), 303);
}

#[test]
fn role_and_hotels_are_those_of_the_configuration_now() {
    let (rig, _end) = pages(people());
    let cookie = session(&rig, "zhou");
    assert_eq!(get(&rig, "/", &cookie).status, 200);
    let change = |change: fn(&mut User)| {
        let mut access = people();
        change(&mut access.users[0]);
        rig.doors.change(&access);
        get(&rig, "/", &cookie).status
    };
    assert_eq!(change(|user| user.role = Role::Act), 200);
    assert_eq!(
        change(|user| user.name = "zhou2".into()),
        303,
        "there is no such person"
    );
    assert_eq!(change(|user| user.password_hash = None), 303);
    // The same password anew: another hash, and so another session.
    let anew = |user: &mut User| user.password_hash = Some(Secret::new(hash_of(PASSWORD)));
    assert_eq!(change(anew), 303, "another password");
    assert_eq!(change(|_| {}), 200);
}

#[test]
fn a_session_that_was_not_begun_here_is_none() {
    let (rig, _end) = pages(people());
    let (other, _other_end) = pages(people());
    let cookie = session(&rig, "zhou");
    assert_eq!(get(&rig, "/", &cookie).status, 200);
    // Of an installation with another key.
    assert_eq!(get(&other, "/", &cookie).status, 303);
    for forged in [
        cookie.replace("roomwatt=", "roomwatt=x"),
        format!("{}; {}", cookie.trim_end(), &cookie[8..]),
        "Cookie: roomwatt=zhou\r\n".to_owned(),
    ] {
        assert_eq!(get(&rig, "/", &forged).status, 303, "{forged}");
    }
    // One that an attacker gave the victim before is not the one after logging in.
    let body = format!("name=zhou&password={}&next=/", PASSWORD.replace(' ', "+"));
    let planted = "Cookie: roomwatt=emhvdQ.1.AAAAAAAAAAAAAAAAAAAAAA.AAAA\r\n";
    let got = post(&rig, "/login", &format!("{OURS}{planted}"), &body);
    assert_eq!(got.status, 303);
    assert!(!planted.contains(got.cookie()), "{got:?}");
    assert_eq!(get(&rig, "/", planted).status, 303);
}

#[test]
fn forms_take_no_post_from_elsewhere_and_none_without_its_token() {
    let (rig, _end) = pages(people());
    let (zhou, li) = (session(&rig, "zhou"), session(&rig, "li"));
    let token = get(&rig, "/", &zhou).token().to_owned();
    let of_li = get(&rig, "/", &li).token().to_owned();
    let language = |headers: &str, token: &str| {
        let got = post(
            &rig,
            "/language",
            headers,
            &format!("token={token}&lang=en&next=/"),
        );
        (got.status, got.header("set-cookie").map(str::to_owned))
    };
    let (status, set) = language(&format!("{OURS}{zhou}"), &token);
    assert_eq!(status, 303);
    let set = set.expect("a cookie");
    assert!(
        set.starts_with("lang=en; Path=/; Max-Age=31536000;"),
        "{set}"
    );
    let fetched = format!("Sec-Fetch-Site: same-origin\r\n{zhou}");
    assert_eq!(language(&fetched, &token).0, 303);
    for headers in [
        zhou.clone(),
        format!("Origin: http://evil.example\r\n{zhou}"),
        format!("Origin: null\r\n{zhou}"),
        format!("Sec-Fetch-Site: cross-site\r\n{zhou}"),
        format!("Referer: http://localhost:8581/\r\n{zhou}"),
    ] {
        assert_eq!(language(&headers, &token), (403, None), "{headers}");
    }
    for token in ["", "x", of_li.as_str()] {
        assert_eq!(
            language(&format!("{OURS}{zhou}"), token),
            (403, None),
            "{token}"
        );
    }
    // A GET changes nothing.
    for path in ["/logout", "/language?lang=en"] {
        let got = get(&rig, path, &zhou);
        assert_eq!((got.status, got.header("set-cookie")), (405, None));
    }
    // Before there is a session the origin alone counts.
    assert_eq!(language(OURS, "").0, 303);
    assert_eq!(language("", "").0, 403);
}

#[test]
fn a_cookie_is_nothing_to_programs_and_a_token_nothing_to_forms() {
    let token = Token {
        token: Secret::new(TOKEN),
        scopes: Scope::ALL.into(),
        hotels: Hotels::All,
    };
    let access = Access {
        tokens: vec![token],
        ..people()
    };
    let rig = Rig::of(access, Serves::Both, Limits::default());
    let _end = rig.serve(true);
    let cookie = session(&rig, "zhou");
    let body = check_in(1);
    let message = |headers: &str| {
        let head = format!(
            "POST /api/messages HTTP/1.1\r\nHost: localhost:8581\r\nContent-Type: \
             application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        Got::of(&rig.send(&head)).status
    };
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(message(&bearer), 200);
    assert_eq!(message(&cookie), 401);
    assert_eq!(message(&format!("{OURS}{cookie}")), 401);
    assert_eq!(get(&rig, "/", &bearer).status, 303);
    let form = |headers: &str| post(&rig, "/logout", headers, "token=x").status;
    // Without a session there is nothing to end, and with one the token of its forms is missing.
    assert_eq!(form(&bearer), 403);
    assert_eq!(form(&format!("{OURS}{cookie}{bearer}")), 403);
    assert_eq!(get(&rig, "/api/messages", &cookie).status, 401);
}

#[test]
fn logins_are_limited() {
    let (rig, _end) = pages(people());
    for _ in 0..10 {
        assert_eq!(log_in(&rig, "zhou", "wrong").status, 401);
    }
    let got = log_in(&rig, "zhou", PASSWORD);
    assert_eq!((got.status, got.header("retry-after")), (429, Some("60")));
    // Others at the same address still can, until it has failed too often itself.
    session(&rig, "li");
    for number in 0..20 {
        assert_eq!(log_in(&rig, &format!("name{number}"), "wrong").status, 401);
    }
    assert_eq!(log_in(&rig, "li", PASSWORD).status, 429);
}

#[test]
fn only_a_trusted_proxy_names_people_and_addresses() {
    let access = |proxies: &[&str]| Access {
        trusted_proxies: proxies
            .iter()
            .map(|ip| ip.parse().expect("an address"))
            .collect(),
        user_header: Some("x-remote-user".into()),
        ..people()
    };
    let (rig, _end) = pages(access(&["127.0.0.1"]));
    let named = "X-Remote-User: zhou\r\n";
    let page = get(&rig, "/", named);
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(get(&rig, "/", "X-Remote-User: nobody\r\n").status, 403);
    assert_eq!(
        get(&rig, "/", "X-Remote-User: zhou\r\nX-Remote-User: li\r\n").status,
        400
    );
    assert_eq!(get(&rig, "/", "").status, 303, "it has no name: the form");
    // Its forms have a token of the name.
    let language = |token: &str| {
        post(
            &rig,
            "/language",
            &format!("{OURS}{named}"),
            &format!("token={token}&lang=en"),
        )
        .status
    };
    assert_eq!(language(page.token()), 303);
    let of_li = get(&rig, "/", "X-Remote-User: li\r\n");
    assert_eq!(language(of_li.token()), 403);
    // Each client of the proxy has its own failures.
    let fail = |from: &str| {
        let headers = format!("{OURS}X-Forwarded-For: 9.9.9.9, {from}\r\n");
        post(&rig, "/login", &headers, "name=zhou&password=wrong").status
    };
    for _ in 0..10 {
        assert_eq!(fail("10.0.0.1"), 401);
    }
    assert_eq!((fail("10.0.0.1"), fail("10.0.0.2")), (429, 401));
    // From anybody else these headers mean nothing.
    rig.doors.change(&access(&["10.1.2.3"]));
    assert_eq!(get(&rig, "/", named).status, 303);
    for number in 0..10 {
        assert_eq!(fail(&format!("10.0.1.{number}")), 401);
    }
    assert_eq!(fail("10.0.1.99"), 429);
}

#[test]
fn where_nobody_is_named_pages_are_for_this_machine_alone() {
    let rig = Rig::of(Access::default(), Serves::Both, Limits::default());
    let _end = rig.serve(true);
    let page = get(&rig, "/", "");
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(get(&rig, "/", OURS).status, 200);
    for headers in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "X-Forwarded-For: 10.0.0.1\r\n",
        "Via: 1.1 proxy\r\n",
    ] {
        assert_eq!(get(&rig, "/", headers).status, 403, "{headers}");
    }
    // A foreign name that resolves to this machine.
    let foreign = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    assert_eq!(Got::of(&rig.send(foreign)).status, 403);
    let language = |headers: &str| post(&rig, "/language", headers, "lang=en&next=/").status;
    assert_eq!(language(OURS), 303);
    assert_eq!(language(""), 403);
    assert_eq!(language("Origin: http://evil.example\r\n"), 403);
    let foreign = "POST /language HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\
                   Content-Length: 0\r\n\r\n";
    assert_eq!(Got::of(&rig.send(foreign)).status, 403);
    // With a token alone, nobody is named who could see pages.
    let token = Token {
        token: Secret::new(TOKEN),
        scopes: Scope::ALL.into(),
        hotels: Hotels::All,
    };
    rig.doors.change(&Access {
        tokens: vec![token],
        ..Access::default()
    });
    assert_eq!(get(&rig, "/", "").status, 403);
}

#[test]
fn every_answer_has_the_headers_that_protect_it() {
    let rig = Rig::of(people(), Serves::Both, Limits::default());
    let _end = rig.serve(true);
    let cookie = session(&rig, "zhou");
    for request in [
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n"),
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /api/x HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "PUT / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "nonsense\r\n\r\n".to_owned(),
    ] {
        let got = Got::of(&rig.send(&request));
        let csp = got.header("content-security-policy").expect(&request);
        assert_eq!(
            csp,
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(got.header("referrer-policy"), Some("same-origin"));
        assert_eq!(got.header("cache-control"), Some("no-store"), "{request}");
    }
}

#[test]
fn a_standby_says_so_and_serves_nothing_else() {
    let rig = Rig::of(people(), Serves::Both, Limits::default());
    let starting = get(&rig, "/", "Accept-Language: en\r\n");
    assert_eq!(starting.status, 503);
    assert!(starting.body.contains("Starting"), "{starting:?}");
    let since = LocalTime::parse("2023-04-10 14:30:00").expect("a time");
    rig.desk.stand_by(since);
    // It leaves its address for a while, and comes back.
    wait("the address to be left", || {
        std::net::TcpStream::connect(rig.address)
            .is_err()
            .then_some(())
    });
    wait("the standby", || {
        std::net::TcpStream::connect(rig.address).ok()
    });
    for (language, expected) in [
        ("en", "Standing by since 2023-04-10 14:30:00"),
        ("zh", "自 2023-04-10 14:30:00 起待命"),
    ] {
        let page = get(&rig, "/", &format!("Accept-Language: {language}\r\n"));
        assert_eq!((page.status, page.header("retry-after")), (503, Some("5")));
        assert!(page.body.contains(expected), "{page:?}");
    }
    let health = get(&rig, "/healthz", "");
    assert_eq!(health.status, 503);
    assert!(
        health
            .body
            .contains("standing by since 2023-04-10 14:30:00"),
        "{health:?}"
    );
    let (status, _) = rig.messages("application/json", &check_in(1));
    assert_eq!(status, 503);
    // Once it owns the state, all is there.
    let _end = rig.serve(true);
    assert_eq!(get(&rig, "/", "").status, 303);
}

#[test]
fn slow_clients_of_pages_keep_nobody_out_and_programs_never_wait_for_them() {
    let limits = Limits {
        head: Duration::from_secs(60),
        ..Limits::default()
    };
    let page = Rig::of(people(), Serves::Pages, limits);
    let _end = page.serve(true);
    // A thousand connections that send a byte and then nothing.
    let slow: Vec<_> = (0..1_000).map(|_| page.sending("G")).collect();
    assert_eq!(get(&page, "/login", "").status, 200);
    drop(slow);
    let health = answer(page.sending("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert!(health.starts_with("HTTP/1.1 200 "), "{health}");
}
