//! Who may come in over HTTP, with the whole service: standbys, people, the installation's key, and
//! nginx in front.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use rustix::process::Signal;

use crate::support::intake::{ask, wait_until_served};
use crate::support::{Rig, wait};
use crate::{check_in, finished, minutes_ago};

const PASSWORD: &str = "correct horse";

/// At little cost.
static HASH: LazyLock<String> = LazyLock::new(|| {
    let params = Params::new(64, 1, 1, None).expect("parameters");
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon.hash_password(PASSWORD.as_bytes()).expect("a hash");
    hash.to_string()
});

const LIVES: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A section [http] with pages at an address of their own; gives both addresses.
fn listen(rig: &Rig, lines: &str) -> [SocketAddr; 2] {
    let [a, b, c] = std::array::from_fn(|_| fastrand::u8(1..255));
    let addresses = [8_580, 8_581].map(|port| SocketAddr::from(([127, a, b, c], port)));
    let [programs, pages] = addresses;
    let section = format!(
        "[http]\nlisten = '{programs}'\npage_listen = '{pages}'\n{lines}\n\
         [[http.users]]\nname = 'zhou'\npassword_hash = '{}'\n[monitoring]\n",
        *HASH
    );
    rig.reconfigure("[monitoring]\n", &section);
    addresses
}

/// The whole answer of a page.
fn answer(address: SocketAddr, request: &str) -> std::io::Result<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.write_all(request.as_bytes())?;
    let mut all = String::new();
    stream.read_to_string(&mut all)?;
    Ok(all)
}

/// Logs zhou in; gives the cookie's header.
fn log_in(pages: SocketAddr) -> String {
    let body = format!("name=zhou&password={}&next=/", PASSWORD.replace(' ', "+"));
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Type: \
         application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = answer(pages, &request).expect("an answer");
    let cookie = answer.split_once("set-cookie: ").expect(&answer).1;
    format!("Cookie: {}\r\n", cookie.split(';').next().expect("a value"))
}

fn status(pages: SocketAddr, headers: &str) -> u16 {
    let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    ask(pages, &request).map_or(0, |(status, _)| status)
}

fn wait_for_status(what: &str, pages: SocketAddr, headers: &str, expected: u16) {
    wait(what, || match status(pages, headers) {
        status if status == expected => Ok(()),
        status => Err(status.to_string()),
    });
}

#[test]
fn a_session_lasts_over_a_restart_and_ends_with_the_key() {
    let mut rig = Rig::new("sessions");
    let [programs, pages] = listen(&rig, "");
    let service = rig.start();
    wait_until_served(programs);
    wait_until_served(pages);
    assert_eq!(status(pages, ""), 303);
    let cookie = log_in(pages);
    assert_eq!(status(pages, &cookie), 200);
    // The interface of programs is not where pages are, and pages are not there.
    assert_eq!(status(programs, &cookie), 404);
    service.stop();
    // The key is made once.
    let key = "SELECT HEX(installation_key) FROM service";
    let before: Vec<String> = rig.rows(key);
    assert_eq!(before[0].len(), 64);
    assert_eq!(finished(&rig.roomwatt(&["init-db"])).0, Some(0));
    assert_eq!(rig.rows::<String>(key), before);
    let service = rig.start();
    wait_until_served(pages);
    assert_eq!(status(pages, &cookie), 200, "another process, the same key");
    let (code, out, _) = finished(&rig.roomwatt(&["rotate-key"]));
    assert_eq!(code, Some(0));
    assert!(out.contains("has a new key: within ten seconds"), "{out}");
    assert_ne!(rig.rows::<String>(key), before);
    wait_for_status("the session to end", pages, &cookie, 303);
    assert_eq!(status(pages, &log_in(pages)), 200);
    service.stop();
    // A key of the configuration is not in the database.
    let file = rig.file("key", &"5a".repeat(32));
    rig.reconfigure("[http]\n", &format!("[http]\nkey_file = '{file}'\n"));
    let (code, _, err) = finished(&rig.roomwatt(&["rotate-key"]));
    assert_eq!(code, Some(78));
    assert!(
        err.contains("the key is that of http.key or http.key_file"),
        "{err}"
    );
    let service = rig.start();
    wait_until_served(pages);
    let cookie = log_in(pages);
    assert_eq!(status(pages, &cookie), 200);
    service.stop();
    rig.finish();
}

#[test]
fn people_and_tokens_change_without_a_restart() {
    let mut rig = Rig::new("people");
    let token = rig.secret("token");
    let [programs, pages] = listen(&rig, &format!("token = '{token}'"));
    let mut service = rig.start();
    wait_until_served(programs);
    let cookie = log_in(pages);
    assert_eq!(status(pages, &cookie), 200);
    let message = |token: &str| {
        let body = check_in("H001", "101", minutes_ago(5));
        let request = format!(
            "POST /api/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        ask(programs, &request).expect("an answer").0
    };
    assert_eq!(message(&token), 200);
    let other = rig.secret("other");
    rig.reconfigure(&token, &other);
    rig.reconfigure("name = 'zhou'", "name = 'li'");
    service.signal(Signal::HUP);
    service.wait_for_log("SIGHUP: who may come in over HTTP has changed");
    assert_eq!((message(&token), message(&other)), (401, 200));
    assert_eq!(status(pages, &cookie), 303);
    // With another address nothing of it changes: the two were not checked together.
    rig.reconfigure(&other, &token);
    rig.reconfigure(
        &format!("page_listen = '{pages}'"),
        "page_listen = '127.0.0.1:8581'",
    );
    service.signal(Signal::HUP);
    service.wait_for_log("SIGHUP: changes that need a restart: http.page_listen: ");
    assert_eq!((message(&token), message(&other)), (401, 200));
    service.stop();
    rig.finish();
}

#[test]
fn a_standby_answers_from_the_start_and_the_active_instance_has_the_address() {
    let mut rig = Rig::new("doors");
    let [programs, pages] = listen(&rig, "");
    let first = rig.start();
    wait_until_served(programs);
    let mut second = rig.start();
    second.wait_for_log("standing by");
    // Both have the same addresses: the active one keeps them.
    assert_eq!(ask(programs, LIVES).expect("an answer").0, 200);
    // One with addresses of its own is asked itself.
    let config = fs::read_to_string(rig.config()).expect("a configuration");
    let [own_programs, own_pages] =
        [programs, pages].map(|address| SocketAddr::new(address.ip(), address.port() + 100));
    let moved = config
        .replace(&programs.to_string(), &own_programs.to_string())
        .replace(&pages.to_string(), &own_pages.to_string());
    fs::write(rig.config(), moved).expect("a configuration");
    let mut third = rig.start();
    third.wait_for_log("standing by");
    // It leaves its addresses for some seconds when it begins to stand by.
    let shows = |what: &str, address, request: &str, expected: &str| {
        wait(what, || match ask(address, request) {
            Ok((503, body)) if body.contains(expected) => Ok(()),
            other => Err(format!("{other:?}")),
        });
    };
    let page = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    shows("its page", own_pages, page, "起待命");
    shows("its health", own_programs, LIVES, "standing by since ");
    // Whoever takes over has an address that answers.
    second.stop();
    first.stop();
    wait_until_served(own_programs);
    assert_eq!(status(own_pages, ""), 303);
    assert!(third.log().contains("pages at http://"), "{}", third.log());
    third.stop();
    rig.finish();
}

#[test]
fn an_address_goes_to_the_active_instance_of_the_machine() {
    let mut rig = Rig::new("address");
    let [programs, _] = listen(&rig, "");
    let mut first = rig.start();
    wait_until_served(programs);
    let mut second = rig.start();
    second.wait_for_log("standing by");
    // The active one hangs with the addresses, is replaced, and leaves them when it wakes.
    first.signal(Signal::STOP);
    second.wait_for_log(" (epoch ");
    first.signal(Signal::CONT);
    // It finds that out when it writes.
    let rooms = (101..113).map(|room| check_in("H001", &room.to_string(), minutes_ago(60)));
    rig.publish(rooms.collect::<Vec<_>>().iter().map(String::as_str));
    first.wait_for_log("standing by: another");
    wait_until_served(programs);
    second.stop();
    wait_until_served(programs);
    first.stop();
    rig.finish();
}

/// nginx with the configuration that the documents name, until it is dropped.
struct Nginx {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Nginx {
    fn before(pages: SocketAddr) -> Nginx {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", "/CN=watt.example.com"])
            .args(["-addext", "subjectAltName=DNS:watt.example.com"])
            .args(["-keyout", &at("key.pem"), "-out", &at("certificate.pem")])
            .output()
            .expect("openssl runs");
        assert!(made.status.success(), "{made:?}");
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let sample = include_str!("../../etc/nginx/roomwatt.conf");
        let mut server = sample.to_owned();
        for (from, to) in [
            ("listen 443 ssl;", format!("listen 127.0.0.1:{port} ssl;")),
            ("/etc/nginx/watt.example.com.pem", at("certificate.pem")),
            ("/etc/nginx/watt.example.com.key", at("key.pem")),
            ("http://127.0.0.1:8581;", format!("http://{pages};")),
        ] {
            assert_eq!(server.matches(from).count(), 1, "{from}");
            server = server.replace(from, &to);
        }
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {};\n", at(name)))
            .concat();
        let main = format!(
            "daemon off;\nmaster_process off;\npid {};\nerror_log {};\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}{server}}}\n",
            at("pid"),
            at("error.log"),
        );
        fs::write(at("nginx.conf"), main).expect("a configuration");
        let child = Command::new("nginx")
            .env("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
            .args(["-c", &at("nginx.conf"), "-p", &at("")])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx starts; scripts/services installs it");
        Nginx {
            child,
            folder,
            port,
        }
    }

    /// What curl prints: status, blank, the rest of the answer with its head.
    fn curl(&self, arguments: &[&str]) -> String {
        let ca = self.folder.path().join("certificate.pem");
        let jar = self.folder.path().join("jar");
        let name = format!("watt.example.com:{}:127.0.0.1", self.port);
        let output = Command::new("curl")
            .args([
                "-sS",
                "-i",
                "--max-time",
                "30",
                "--resolve",
                &name,
                "--cacert",
            ])
            .arg(ca)
            .arg("-b")
            .arg(&jar)
            .arg("-c")
            .arg(&jar)
            .args(arguments)
            .output()
            .expect("curl runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

#[test]
fn through_nginx_as_documented_people_log_in_over_https() {
    let mut rig = Rig::new("nginx");
    // nginx is known by its port here, which is free only now.
    let [programs, pages] = listen(&rig, "trusted_proxies = ['127.0.0.1']\npublic_url = 'URL'");
    let nginx = Nginx::before(pages);
    let url = format!("https://watt.example.com:{}", nginx.port);
    rig.reconfigure("public_url = 'URL'", &format!("public_url = '{url}'"));
    let mut service = rig.start();
    wait_until_served(programs);
    wait("nginx", || {
        std::net::TcpStream::connect(("127.0.0.1", nginx.port)).map_err(|error| error.to_string())
    });
    let get = |path: &str, more: &[&str]| {
        let address = format!("{url}{path}");
        nginx.curl(&[&[address.as_str()], more].concat())
    };
    let page = get("/hotel?hotel=a%2Fb%20%23", &[]);
    assert!(page.starts_with("HTTP/1.1 303 "), "{page}");
    assert!(
        page.contains("/login?next=%2Fhotel%3Fhotel%3Da%252Fb%2520%2523\r\n"),
        "{page}"
    );
    assert!(
        page.contains("content-security-policy: default-src 'none'"),
        "{page}"
    );
    let form = "name=zhou&password=correct+horse&next=/";
    let post = |more: &[&str]| get("/login", &[&["--data", form], more].concat());
    let origin = format!("Origin: {url}");
    assert!(post(&[]).starts_with("HTTP/1.1 403 "), "no origin");
    assert!(post(&["-H", "Origin: https://evil.example"]).starts_with("HTTP/1.1 403 "));
    let entered = post(&["-H", &origin]);
    assert!(entered.starts_with("HTTP/1.1 303 "), "{entered}");
    assert!(
        entered.contains("set-cookie: __Host-roomwatt="),
        "{entered}"
    );
    assert!(entered.contains("; Secure\r\n"), "{entered}");
    assert!(get("/", &[]).starts_with("HTTP/1.1 200 "));
    // The address of the client is what nginx saw, whatever the client claims.
    let claimed = post(&["-H", &origin, "-H", "X-Forwarded-For: 9.9.9.9"]);
    assert!(claimed.starts_with("HTTP/1.1 303 "), "{claimed}");
    service.wait_for_log("zhou has logged in, from 127.0.0.1");
    assert!(!service.log().contains("from 9.9.9.9"), "{}", service.log());
    // Programs have nothing here.
    assert!(get("/api/messages", &[]).starts_with("HTTP/1.1 404 "));
    service.stop();
    rig.finish();
}
