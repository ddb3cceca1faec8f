//! An owner and a sweeper on a database of their own, on the private server that `scripts/services`
//! starts, for benchmarks: time passes, meters are read and sweeps begin when they are asked to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};
use parking_lot::Mutex;

use roomwatt::clock::Clock;
use roomwatt::config::Config;
use roomwatt::engine::{RefusedBodies, RoomState, Rules, Stay};
use roomwatt::figures::Figures;
use roomwatt::gate::Gate;
use roomwatt::owner::{Inbox, OwnedState, Owner, Parts};
use roomwatt::rooms::Rooms;
use roomwatt::store::{Database, Plan, Reader};
use roomwatt::sweep::Sweeper;
use roomwatt::threads::{Exit, Stop, Stopper, spawn, stop_signal};
use roomwatt::types::{LocalTime, RoomKey};

/// Seconds between two readings of a meter, and between two sweeps.
pub const INTERVAL: i64 = 1_800;

/// What every meter shows at the beginning. Wh.
const FIRST: i64 = 10_000_000;

/// How many rooms there are, and how many of them a hotel has.
#[derive(Clone, Copy)]
pub struct Size {
    pub rooms: u32,
    pub hotel: u32,
}

impl Size {
    pub fn key(self, room: u32) -> RoomKey {
        RoomKey::new(
            &format!("H{:04}", room / self.hotel),
            &format!("{}", 100 + room % self.hotel),
        )
    }
}

/// When the stays of all rooms begin.
pub fn start() -> LocalTime {
    LocalTime::parse("2024-03-04 00:00:00").expect("a time")
}

/// Two of three rooms are occupied.
pub fn stay(room: u32) -> Stay {
    match room % 3 {
        0 => Stay::Vacant {
            actual_checkin: None,
            actual_checkout: start(),
        },
        _ => Stay::Occupied {
            check_in: start(),
            expected_checkout: None,
        },
    }
}

/// The threads of it, and what they share.
pub struct Instance {
    pub size: Size,
    pub config: Config,
    pub database: Database,
    /// What sweeps read with.
    pub reader: Arc<dyn Reader>,
    pub rooms: Arc<Rooms>,
    pub rules: Arc<Rules>,
    pub clock: Arc<Ticks>,
    pub intake: Arc<Gate>,
    pub inbox: Inbox,
    pub figures: Arc<Figures>,
    pub exits: Sender<Exit>,
    pub stop: Stop,
    name: String,
    tick: Sender<()>,
    idle: Receiver<()>,
    _stopper: Stopper,
}

impl Instance {
    /// Starts on a new database, when `prepare` has filled its tables.
    pub fn start(
        conn: &mut Conn,
        name: &str,
        settings: &str,
        size: Size,
        prepare: impl FnOnce(&mut Conn, &Database),
    ) -> Instance {
        run(conn, &format!("DROP DATABASE IF EXISTS {name}"));
        run(conn, &format!("CREATE DATABASE {name}"));
        let config = config(name, settings);
        let database = Database::of(&config);
        database.init(&|_| {}).expect("the tables");
        prepare(conn, &database);
        let mut store = database.store();
        store.take_over().expect("owned");
        let state = |room| (size.key(room), RoomState::new(stay(room), &config.rules));
        let plan = Plan {
            rooms: (0..size.rooms).map(state).collect(),
            ..Plan::default()
        };
        store.commit(&plan).expect("written");
        drop(store);
        let state = OwnedState::take_over(database.store(), LocalTime::FIRST).expect("owned");
        Instance::of(state, database, config, size, name)
    }

    fn of(
        state: OwnedState,
        database: Database,
        config: Config,
        size: Size,
        name: &str,
    ) -> Instance {
        let (exits, _ended) = bounded(8);
        let (stopper, stop) = stop_signal();
        let (inbox, inputs) = Inbox::new(&stop);
        let (tick, ticks) = bounded(1);
        let (waits, idle) = bounded(1);
        let clock = Arc::new(Ticks {
            now: Mutex::new(start()),
            waits,
            ticks,
        });
        let figures = Arc::<Figures>::default();
        let rules: Arc<Rules> = Arc::new(config.rules.clone());
        let intake = Arc::new(Gate::new(0));
        let reader = database.reader();
        let (rooms, judged) = (Arc::clone(state.rooms()), state.ownership().position);
        let owner = Owner::new(Parts {
            state,
            rules: Arc::clone(&rules),
            meters: Arc::clone(&reader),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            keep_days: config.keep_days,
            keep_incident_days: config.incidents.keep_days,
            refused_bodies: RefusedBodies::default(),
            inputs,
            intake: Arc::clone(&intake),
            wake_notifier: Box::new(|_| {}),
            figures: Arc::clone(&figures),
            stop: stop.clone(),
        });
        spawn("owner", &exits, move || drop(owner.run())).expect("a thread");
        let sweeper = Sweeper {
            rooms: Arc::clone(&rooms),
            rules: Arc::clone(&rules),
            reader: reader.clone(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            batch_size: config.batch_size,
            every: config.sweep_every,
            intake: Arc::clone(&intake),
            inbox: inbox.clone(),
            figures: Arc::clone(&figures),
            heartbeat: None,
            stop: stop.clone(),
            judged,
        };
        spawn("sweep", &exits, move || sweeper.run()).expect("a thread");
        idle.recv().expect("it waits for its first tick");
        Instance {
            size,
            config,
            database,
            reader,
            rooms,
            rules,
            clock,
            intake,
            inbox,
            figures,
            exits,
            stop,
            name: name.to_owned(),
            tick,
            idle,
            _stopper: stopper,
        }
    }

    /// All meters are read once more. After a few rounds each tenth room uses half a kilowatt-hour.
    pub fn read(&self, conn: &mut Conn, round: i64) {
        let time = start().plus(round * INTERVAL);
        let rooms: Vec<u32> = (0..self.size.rooms).collect();
        for some in rooms.chunks(2_000) {
            let row = |room: &u32| {
                let place = i64::from(*room);
                let extra = match place % 10 {
                    0 => (round - place / 10 % 7).max(0) * 460,
                    _ => 0,
                };
                let wh = FIRST + round * (40 + place % 30) + extra;
                let room = self.size.key(*room);
                format!(
                    "('{}','{}',{}.{:03},'{time}')",
                    room.hotel_id,
                    room.room_number,
                    wh / 1_000,
                    wh % 1_000
                )
            };
            let rows: Vec<String> = some.iter().map(row).collect();
            let rows = rows.join(",");
            let table = format!("{}.smart_meter", self.name);
            let columns = "hotel_id, room_number, reading_value, script_time";
            run(
                conn,
                &format!("INSERT INTO {table} ({columns}) VALUES {rows}"),
            );
        }
    }

    /// How long a sweep takes that begins a minute after a round's readings, in seconds.
    pub fn sweep(&self, round: i64) -> f64 {
        *self.clock.now.lock() = start().plus(round * INTERVAL + 60);
        let began = Instant::now();
        self.tick.send(()).expect("it waits for this");
        self.idle.recv().expect("it comes to its end");
        began.elapsed().as_secs_f64()
    }
}

/// A clock whose time is set, and on which a thread waits for the next tick.
pub struct Ticks {
    now: Mutex<LocalTime>,
    waits: Sender<()>,
    ticks: Receiver<()>,
}

impl Clock for Ticks {
    fn now(&self) -> LocalTime {
        *self.now.lock()
    }

    fn wait(&self, stop: &Stop, patience: Duration) -> bool {
        // The owner waits for nothing here, and the sweeper for its next sweep.
        if std::thread::current().name() != Some("sweep") {
            return stop.wait(patience);
        }
        self.waits.send(()).is_err() || stop.wait_for(&self.ticks).is_none()
    }
}

/// The configuration of a database, with other settings.
fn config(database: &str, settings: &str) -> Config {
    let text = format!(
        "[mysql]\nhost = '{}'\nport = {}\nuser = '{}'\npassword = '{}'\ndatabase = '{database}'\n\
         {settings}",
        env("HOST"),
        env("PORT"),
        env("USER"),
        env("PASSWORD"),
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("roomwatt.toml");
    std::fs::write(&path, text).expect("a file");
    Config::load(Some(&path), &[]).expect("a configuration")
}

pub fn root() -> Conn {
    let opts = OptsBuilder::new()
        .ip_or_hostname(Some(env("HOST")))
        .tcp_port(env("PORT").parse().expect("a port"))
        .prefer_socket(false)
        .user(Some(env("USER")))
        .pass(Some(env("PASSWORD")));
    Conn::new(opts).expect("the server of scripts/services")
}

pub fn run(conn: &mut Conn, statement: &str) {
    if let Err(error) = conn.query_drop(statement) {
        panic!("{error}: {statement:.300}");
    }
}

fn env(name: &str) -> String {
    let name = format!("ROOMWATT_TEST_MYSQL_{name}");
    std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set: use scripts/bench"))
}

/// What this program has used of the CPUs: others may be at work beside it. Seconds.
pub fn cpu_seconds() -> f64 {
    let status = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = status.rsplit_once(')').expect("a name in brackets");
    // User and system time, in hundredths of a second.
    let times = fields.split_whitespace().skip(11).take(2);
    times
        .map(|ticks| ticks.parse::<f64>().expect("a number") / 100.0)
        .sum()
}

pub fn median(all: &[f64]) -> f64 {
    percentile(all, 50)
}

/// What so many of a hundred do not exceed.
pub fn percentile(all: &[f64], of_a_hundred: usize) -> f64 {
    let mut all = all.to_vec();
    all.sort_by(f64::total_cmp);
    all[(all.len() * of_a_hundred / 100).min(all.len() - 1)]
}
