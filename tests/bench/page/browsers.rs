//! The pages of an instance at an address of this machine, and who asks for them there.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn as begin};
use std::time::{Duration, Instant};

use roomwatt::clock::Clock;
use roomwatt::config::{Access, Hotels, Role, Secret, User};
use roomwatt::http::{Desk, Doors, Keys, Limits, Listener, Serves, Service};
use roomwatt::metrics::Metrics;
use roomwatt::page::{Archives, Pages};
use roomwatt::password;
use roomwatt::threads::spawn;

use rustix::process::nice;

use crate::instance::Instance;

const NAME: &str = "bench";

/// Where the pages of an instance are.
pub fn listen(instance: &Instance) -> SocketAddr {
    let user = User {
        name: NAME.into(),
        password_hash: Some(Secret::new(password::hash(NAME).expect("a hash"))),
        hotels: Hotels::All,
        role: Role::View,
    };
    let access = Access {
        users: vec![user],
        ..Access::default()
    };
    let clock = Arc::clone(&instance.clock) as Arc<dyn Clock>;
    let config = &instance.config;
    let service = Service {
        inbox: instance.inbox.clone(),
        intake: Arc::clone(&instance.intake),
        messages: Arc::new(config.messages.clone()),
        clock: Arc::clone(&clock),
        meters: None,
        pages: Arc::new(Pages {
            rooms: Arc::clone(&instance.rooms),
            rules: Arc::clone(&instance.rules),
            clock,
            cards: config.notify.cards.clone(),
            archives: Archives::new(&*instance.reader),
            sweep_seconds: config.sweep_every.as_secs().cast_signed(),
            keep_days: 90,
        }),
    };
    let socket = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("an address");
    let desk = Arc::new(Desk::default());
    let listener = Listener {
        address,
        socket: Some(socket),
        key: "http.page_listen",
        serves: Serves::Pages,
        doors: Arc::new(Doors::new(access)),
        keys: Arc::new(Keys::new(None, &instance.database)),
        desk: Arc::clone(&desk),
        metrics: Arc::new(Metrics::new(
            Arc::clone(&instance.figures),
            config.messages.zone,
        )),
        figures: Arc::clone(&instance.figures),
        limits: Limits::default(),
        stop: instance.stop.clone(),
    };
    let stop = instance.stop.clone();
    spawn("http", &instance.exits, move || desk.serve(service, &stop)).expect("a thread");
    spawn("page", &instance.exits, move || listener.run()).expect("a thread");
    address
}

/// Somebody who has logged in.
#[derive(Clone)]
pub struct Browser {
    address: SocketAddr,
    cookie: String,
}

impl Browser {
    pub fn log_in(address: SocketAddr) -> Browser {
        let body = format!("name={NAME}&password={NAME}&next=/");
        let head = format!(
            "POST /login HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = exchanged(address, &head);
        let answer = String::from_utf8_lossy(&answer);
        let (_, cookie) = (answer.split_once("\r\nset-cookie: ")).expect("a cookie");
        let cookie = cookie.split(';').next().expect("a value").to_owned();
        Browser { address, cookie }
    }

    /// A page over a connection of its own: how long it took in milliseconds, and its bytes.
    pub fn get(&self, path: &str) -> (f64, usize) {
        let (status, took, bytes) = self.ask(path);
        assert_eq!(status, "200", "{path}");
        (took, bytes)
    }

    /// The same of one that may be busy, with its status.
    pub fn ask(&self, path: &str) -> (String, f64, usize) {
        let Browser { address, cookie } = self;
        let began = Instant::now();
        let answer = exchanged(
            *address,
            &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n"),
        );
        let took = began.elapsed().as_secs_f64() * 1_000.0;
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let head = head.expect("a head") + 4;
        let status = String::from_utf8_lossy(&answer[9..12]).into_owned();
        (status, took, answer.len() - head)
    }
}

fn exchanged(address: SocketAddr, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::with_capacity(128 * 1_024);
    stream.read_to_end(&mut answer).expect("an answer");
    answer
}

/// How often pages are asked for.
#[derive(Clone, Copy)]
pub enum Pace {
    Never,
    /// So many a second.
    Rate(u32),
    /// By so many who ask again as soon as they are answered.
    Clients(u32),
}

/// Those who ask until they are told to end.
pub struct Crowd {
    began: Instant,
    ends: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<f64>>>,
}

impl Crowd {
    /// `path` gives the page that is asked for next.
    pub fn begin(
        browser: &Browser,
        pace: Pace,
        path: impl Fn() -> String + Clone + Send + 'static,
    ) -> Crowd {
        let ends = Arc::<AtomicBool>::default();
        let (count, pause) = match pace {
            Pace::Never => (0, None),
            Pace::Rate(rate) => (1, Some(Duration::from_secs(1) / rate)),
            Pace::Clients(count) => (count, None),
        };
        let client = |_| {
            let (browser, ends, path) = (browser.clone(), Arc::clone(&ends), path.clone());
            begin(move || {
                // They are on other machines, as a rule: here they take what others leave.
                nice(19).expect("less of the machine");
                let mut took = Vec::new();
                let mut due = Instant::now();
                while !ends.load(Ordering::Relaxed) {
                    took.push(browser.ask(&path()).1);
                    if let Some(pause) = pause {
                        due += pause;
                        sleep(due.saturating_duration_since(Instant::now()));
                    }
                }
                took
            })
        };
        Crowd {
            began: Instant::now(),
            threads: (0..count).map(client).collect(),
            ends,
        }
    }

    /// How long each page took, in milliseconds, and how many came a second.
    pub fn end(self) -> (Vec<f64>, f64) {
        self.ends.store(true, Ordering::Relaxed);
        let took = self.threads.into_iter();
        let took: Vec<f64> = took
            .flat_map(|thread| thread.join().expect("each page was there"))
            .collect();
        let rate = took.len() as f64 / self.began.elapsed().as_secs_f64();
        (took, rate)
    }
}
