//! A listener on an address of its own, a desk, and a real owner over a store in memory.

use std::collections::{HashMap, HashSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use roomwatt::clock::Clock;
use roomwatt::config::{Access, Cards, Config, Hotels, Language, Scope, Secret, Token};
use roomwatt::engine::{
    FieldNames, Incident, KeptBody, MessageFormat, RefusedBodies, Rules, StatusCodes, TypeCodes,
};
use roomwatt::frontier::Frontier;
use roomwatt::gate::Gate;
use roomwatt::http::{Desk, Doors, Keys, Limits, Listener, Serves, Service};
use roomwatt::metrics::Metrics;
use roomwatt::owner::{Inbox, OwnedState, Owner, Parts};
use roomwatt::page::{Archives, Pages};
use roomwatt::rooms::Rooms;
use roomwatt::store::{
    Database, InstallationKey, MeterWriter, Meters, Ownership, Plan, Readings, Store, StoreError,
    Wanted,
};
use roomwatt::threads::{Exit, Stopper, spawn, stop_signal};
use roomwatt::types::{LocalTime, Reading, RoomKey, Zone};

/// Metrics of no figures.
pub fn metrics() -> Arc<Metrics> {
    let zone = Zone::named("Asia/Shanghai").expect("a zone");
    Arc::new(Metrics::new(Arc::default(), zone))
}

/// The longest wait for anything.
pub const LIMIT: Duration = Duration::from_secs(60);

pub const TOKEN: &str = "canary-0123456789";

/// Not to synchronise: nothing may come in this time.
pub const SHORT: Duration = Duration::from_millis(300);

/// What the store has and does.
#[derive(Default)]
pub struct Stored {
    pub rooms: HashSet<RoomKey>,
    /// Reasons.
    pub rejected: Vec<String>,
    pub readings: Vec<(RoomKey, Reading)>,
    /// What it answers from now on instead of writing.
    pub fails: Option<StoreError>,
    /// It answers and keeps nothing.
    pub forgets: bool,
    /// Adding readings panics.
    pub panics: bool,
    /// Transactions wait until this is dropped.
    pub held: Option<Receiver<()>>,
}

#[derive(Clone, Default)]
pub struct Memory(pub Arc<Mutex<Stored>>);

impl Memory {
    /// Waits while it is held, and fails if the test wants it.
    fn begin(&self) -> Result<(), StoreError> {
        let held = self.0.lock().held.clone();
        if let Some(held) = held {
            let _ = held.recv_timeout(LIMIT);
        }
        self.0.lock().fails.clone().map_or(Ok(()), Err)
    }
}

impl Store for Memory {
    fn commit(&mut self, plan: &Plan) -> Result<(), StoreError> {
        self.begin()?;
        let mut stored = self.0.lock();
        if stored.forgets {
            return Ok(());
        }
        let rooms = plan.rooms.iter().map(|(room, _)| room.clone());
        stored.rooms.extend(rooms);
        let reasons = plan.rejected.iter().map(|rejected| {
            assert!(rejected.redelivered && rejected.source == "http");
            rejected.reason.clone()
        });
        stored.rejected.extend(reasons);
        Ok(())
    }

    fn delete_old(&mut self, _: u32) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn delete_incidents(&mut self, _keep_days: u32) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn incident(&mut self, _: u64, _: &str) -> Result<Option<(Incident, bool)>, StoreError> {
        Ok(None)
    }

    fn reduce_old(&mut self, _: &dyn Fn(&[u8]) -> KeptBody) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn record_thresholds(&mut self, _: &Rules, _: LocalTime) -> Result<u64, StoreError> {
        Ok(0)
    }
}

impl Meters for Memory {
    fn readings(
        &self,
        _: &[Wanted],
        _: LocalTime,
        _: Frontier,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        Ok(HashMap::new())
    }
}

impl MeterWriter for Memory {
    fn add(
        &self,
        readings: &mut dyn Iterator<Item = (RoomKey, Reading)>,
    ) -> Result<(), StoreError> {
        self.begin()?;
        let panics = self.0.lock().panics;
        assert!(!panics, "as the test wants it");
        if self.0.lock().forgets {
            readings.for_each(drop);
            return Ok(());
        }
        self.0.lock().readings.extend(readings);
        Ok(())
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> LocalTime {
        LocalTime::parse("2023-04-10 12:00:00").expect("a time")
    }
}

pub struct Rig {
    pub address: SocketAddr,
    pub doors: Arc<Doors>,
    pub desk: Arc<Desk>,
    pub memory: Memory,
    pub gate: Arc<Gate>,
    pub exits: Sender<Exit>,
    pub ended: Receiver<Exit>,
    /// Ends the listener.
    stopper: Option<Stopper>,
}

/// What this part of the service has logged, of all tests.
static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn && metadata.target().starts_with("roomwatt::http")
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            LOGGED.lock().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// A free loopback address.
pub fn address() -> SocketAddr {
    let [a, b, c] = std::array::from_fn(|_| fastrand::u8(1..255));
    SocketAddr::from(([127, a, b, c], 8_580))
}

impl Rig {
    /// A listener without a service.
    pub fn listening(token: Option<&str>) -> Rig {
        Rig::limited(token, Limits::default())
    }

    /// The same with limits of its own.
    pub fn limited(token: Option<&str>, limits: Limits) -> Rig {
        let tokens = token.into_iter().map(|token| Token {
            token: Secret::new(token),
            scopes: Scope::ALL.into(),
            hotels: Hotels::All,
        });
        let access = Access {
            tokens: tokens.collect(),
            ..Access::default()
        };
        Rig::of(access, Serves::Programs, limits)
    }

    /// A listener for these, without a service.
    pub fn of(access: Access, serves: Serves, limits: Limits) -> Rig {
        // The first one sets it.
        if log::set_logger(&Logger).is_ok() {
            log::set_max_level(log::LevelFilter::Warn);
        }
        let (exits, ended) = bounded(10);
        let mut rig = Rig {
            address: address(),
            doors: Arc::new(Doors::new(access)),
            desk: Arc::new(Desk::default()),
            memory: Memory::default(),
            gate: Arc::new(Gate::new(0)),
            exits,
            ended,
            stopper: None,
        };
        rig.listen(serves, limits);
        rig
    }

    /// Opens the listener.
    pub fn listen(&mut self, serves: Serves, limits: Limits) {
        let (stopper, stop) = stop_signal();
        let listener = Listener {
            address: self.address,
            socket: None,
            key: "http.listen",
            serves,
            doors: Arc::clone(&self.doors),
            keys: Arc::new(Keys::fixed(InstallationKey::random().expect("a key"))),
            desk: Arc::clone(&self.desk),
            metrics: metrics(),
            figures: Arc::default(),
            limits,
            stop,
        };
        spawn("listener", &self.exits, move || listener.run()).expect("a thread");
        wait("the listener", || TcpStream::connect(self.address).ok());
        self.stopper = Some(stopper);
    }

    /// Has the listener close.
    pub fn close(&mut self) {
        self.stopper = None;
    }

    /// The lines of the log that hold this and name this listener's address.
    pub fn logged(&self, text: &str) -> Vec<String> {
        let address = self.address.to_string();
        let of_this = |line: &&String| line.contains(text) && line.contains(&address);
        LOGGED.lock().iter().filter(of_this).cloned().collect()
    }

    /// A listener with an owner behind it, which ends with what is given beside it.
    pub fn serving(token: Option<&str>) -> (Rig, Stopper) {
        let rig = Rig::listening(token);
        let end = rig.serve(true);
        (rig, end)
    }

    /// Has an owner serve until the result is dropped.
    pub fn serve(&self, fills_the_meter_table: bool) -> Stopper {
        let is_served = || {
            let health = self.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
            health.ends_with("{\"status\":\"ok\"}\n")
        };
        wait("the owner before it to end", || {
            (!is_served()).then_some(())
        });
        let (end, over) = stop_signal();
        let (inbox, inputs) = Inbox::new(&over);
        let clock: Arc<dyn Clock> = Arc::new(Noon);
        let ownership = Ownership {
            epoch: 1,
            seq: 0,
            position: None,
        };
        let state = OwnedState::new(self.memory.clone(), Rooms::default(), ownership);
        let pages = Arc::new(Pages {
            rooms: Arc::clone(state.rooms()),
            rules: Arc::default(),
            clock: Arc::clone(&clock),
            archives: Archives::new(
                &*Database::of(&Config::of_settings(&[]).expect("the defaults")).reader(),
            ),
            cards: Cards {
                language: Language::Zh,
                hotel_names: Arc::default(),
                price_per_kwh: None,
            },
            sweep_seconds: 300,
            keep_days: 30,
        });
        let owner = Owner::new(Parts {
            state,
            rules: Arc::new(Rules::default()),
            meters: self.memory.clone(),
            clock: Arc::clone(&clock),
            keep_days: 30,
            keep_incident_days: 400,
            refused_bodies: RefusedBodies::default(),
            inputs,
            intake: Arc::clone(&self.gate),
            wake_notifier: Box::new(|_| {}),
            figures: Arc::default(),
            stop: over.clone(),
        });
        spawn("owner", &self.exits, move || {
            owner.run();
        })
        .expect("a thread");
        let memory: Arc<dyn MeterWriter> = Arc::new(self.memory.clone());
        let service = Service {
            inbox,
            intake: Arc::clone(&self.gate),
            messages: Arc::new(MessageFormat {
                types: TypeCodes::default(),
                statuses: StatusCodes::default(),
                fields: FieldNames::default(),
                zone: Zone::named("Asia/Shanghai").expect("a zone"),
                max_ahead_seconds: 7_200,
                match_seconds: 600,
            }),
            clock,
            meters: fills_the_meter_table.then_some(memory),
            pages,
        };
        let desk = Arc::clone(&self.desk);
        spawn("desk", &self.exits, move || desk.serve(service, &over)).expect("a thread");
        wait("the service to be ready", || is_served().then_some(()));
        end
    }

    /// Has every transaction wait until the result is dropped.
    pub fn hold(&self) -> Sender<()> {
        let (release, held) = bounded(0);
        self.memory.0.lock().held = Some(held);
        release
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        stream
    }

    /// A connection on which this was sent.
    pub fn sending(&self, request: &str) -> TcpStream {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("sent");
        stream
    }

    /// Sends a request; gives all of the answer.
    pub fn send(&self, request: &str) -> String {
        answer(self.sending(request))
    }

    /// Posts a body of a type; gives the status and the answer's body.
    pub fn post(&self, path: &str, form: &str, body: &str) -> (u16, String) {
        parts(&self.send(&post(path, form, body)))
    }

    pub fn messages(&self, form: &str, body: &str) -> (u16, String) {
        self.post("/api/messages", form, body)
    }
}

pub fn post(path: &str, form: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost:8580\r\nContent-Type: {form}\r\n\
         Authorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// All that comes until the end of the connection.
pub fn answer(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        // Closed while something was still to be read there.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}, after {:?}", String::from_utf8_lossy(&all)),
    }
    String::from_utf8(all).expect("UTF-8")
}

/// Status and body; the answer's own form is checked.
pub fn parts(answer: &str) -> (u16, String) {
    let (head, body) = answer.split_once("\r\n\r\n").expect(answer);
    let status = head.strip_prefix("HTTP/1.1 ").expect(answer);
    assert!(
        head.contains("\r\ncontent-type: application/json"),
        "{answer}"
    );
    let length = format!("\r\ncontent-length: {}", body.len());
    assert!(head.contains(&length), "{answer}");
    let status = status[..3].parse().expect("a status");
    (status, body.trim_end().to_owned())
}

/// Whether nothing comes for a while.
pub fn is_silent(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(SHORT)).expect("a timeout");
    let peeked = stream.peek(&mut [0]);
    stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
    peeked.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

/// Polls until there is something.
pub fn wait<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {LIMIT:?} for {what}");
        std::thread::sleep(Duration::from_millis(10)); // between two polls
    }
}

pub fn check_in(room: usize) -> String {
    let stay = r#""msgType":"5710005","check_in_time":"2023-04-10 11:00:00""#;
    format!(r#"{{"hotel_id":"H1","room_number":"{room}",{stay}}}"#)
}
