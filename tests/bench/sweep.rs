//! How much longer a sweep takes with the baseline rule: 20,000 rooms in hotels of 100, each with a
//! new reading, judged, evaluated and written. What `scripts/bench --bench sweep` runs, on the
//! private server that `scripts/services` starts. An instance without the rule, one in shadow and
//! one with it sweep in turn, each its own database: what counts are the ratios.
#![allow(clippy::disallowed_methods)] // no part of the service

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};
use parking_lot::Mutex;

use roomwatt::clock::Clock;
use roomwatt::config::Config;
use roomwatt::engine::{RefusedBodies, RoomState, Rules, Stay};
use roomwatt::figures::{Figure, Figures, RecordedNotice};
use roomwatt::gate::Gate;
use roomwatt::owner::{Inbox, OwnedState, Owner, Parts};
use roomwatt::store::{Database, Plan};
use roomwatt::sweep::Sweeper;
use roomwatt::threads::{Stop, Stopper, spawn, stop_signal};
use roomwatt::types::{LocalTime, RoomKey};

const MODES: [&str; 3] = ["off", "shadow", "on"];
const HOTEL: u32 = 100;
const INTERVAL: i64 = 1_800;

/// Rounds until all that can be remembered of a room is, and rounds that are measured.
const FILLING: i64 = 12;
const ROUNDS: i64 = 21;

fn main() {
    let rooms: u32 = match std::env::var("ROOMWATT_BENCH_ROOMS") {
        Ok(rooms) => rooms.parse().expect("ROOMWATT_BENCH_ROOMS"),
        Err(_) => 20_000,
    };
    let mut conn = root();
    let instances = MODES.map(|mode| Instance::start(&mut conn, mode, rooms));
    let mut took: [Vec<f64>; 3] = Default::default();
    let (mut cpu, mut asked) = ([0.0; 3], [0; 3]);
    for round in 1..=FILLING + ROUNDS {
        let time = start().plus(round * INTERVAL);
        for turn in 0..MODES.len() {
            // None is always the first one after the others' work.
            let place = (turn + round as usize) % MODES.len();
            let instance = &instances[place];
            instance.read(&mut conn, rooms, round);
            let (statements_before, cpu_before) = (statements(&mut conn), cpu_seconds());
            let seconds = instance.sweep(time.plus(60));
            if round > FILLING {
                took[place].push(seconds);
                cpu[place] += cpu_seconds() - cpu_before;
                // But for the question itself.
                asked[place] += statements(&mut conn) - statements_before - 1;
            }
        }
    }
    println!(
        "sweeps of {rooms} rooms in hotels of {HOTEL}: medians of {ROUNDS} rounds, and of their \
         ratios; means of CPU time"
    );
    let rounds = ROUNDS as f64;
    let of_off = |all: &[f64; 3], place: usize| all[place] / all[0];
    // Of the same round: what else the machine does changes from round to round.
    let ratio = |place: usize| {
        let rounds = took[place].iter().zip(&took[0]);
        median(&rounds.map(|(one, off)| one / off).collect::<Vec<f64>>())
    };
    let medians = took.each_ref().map(|all| median(all));
    for (place, instance) in instances.iter().enumerate() {
        println!(
            "baseline {:<6} {:>6.3} s, {:.2} of off; CPU {:.3} s, {:.2} of off; {} statements, \
             {} alerts so far, states of {} bytes",
            MODES[place],
            medians[place],
            ratio(place),
            cpu[place] / rounds,
            of_off(&cpu, place),
            asked[place] / ROUNDS.unsigned_abs(),
            instance.alerts(),
            stored(&mut conn, MODES[place]),
        );
    }
}

/// What this program has used of the CPUs: others may be at work beside it.
fn cpu_seconds() -> f64 {
    let status = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = status.rsplit_once(')').expect("a name in brackets");
    // User and system time, in hundredths of a second.
    let times = fields.split_whitespace().skip(11).take(2);
    times
        .map(|ticks| ticks.parse::<f64>().expect("a number") / 100.0)
        .sum()
}

/// An owner and a sweeper, on a database of their own.
struct Instance {
    mode: &'static str,
    clock: Arc<Ticks>,
    tick: Sender<()>,
    idle: Receiver<()>,
    figures: Arc<Figures>,
    _stopper: Stopper,
}

impl Instance {
    fn start(conn: &mut Conn, mode: &'static str, rooms: u32) -> Instance {
        let name = database(mode);
        conn.query_drop(format!("DROP DATABASE IF EXISTS {name}"))
            .expect("dropped");
        conn.query_drop(format!("CREATE DATABASE {name}"))
            .expect("created");
        let config = config(&name, mode);
        let database = Database::of(&config);
        database.init(&|_| {}).expect("the tables");
        conn.query_drop(format!(
            "CREATE TABLE IF NOT EXISTS {name}.smart_meter (id BIGINT AUTO_INCREMENT PRIMARY KEY, \
             hotel_id VARCHAR(50) NOT NULL, room_number VARCHAR(20) NOT NULL, \
             reading_value DECIMAL(10,2), script_time DATETIME, \
             INDEX (hotel_id, room_number), INDEX (script_time))"
        ))
        .expect("the meters");
        let mut store = database.store();
        store.take_over().expect("owned");
        let state = |room| (key(room), RoomState::new(stay(room), &config.rules));
        let plan = Plan {
            rooms: (0..rooms).map(state).collect(),
            ..Plan::default()
        };
        store.commit(&plan).expect("written");
        drop(store);
        let state = OwnedState::take_over(database.store()).expect("owned");
        Instance::of(state, &database, &config, mode)
    }

    fn of(state: OwnedState, database: &Database, config: &Config, mode: &'static str) -> Instance {
        let (exits, _ended) = bounded(4);
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
            refused_bodies: RefusedBodies::default(),
            inputs,
            intake: Arc::clone(&intake),
            wake_notifier: Box::new(|_| {}),
            figures: Arc::clone(&figures),
            stop: stop.clone(),
        });
        spawn("owner", &exits, move || drop(owner.run())).expect("a thread");
        let sweeper = Sweeper {
            rooms,
            rules,
            reader,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            batch_size: config.batch_size,
            every: config.sweep_every,
            intake,
            inbox,
            figures: Arc::clone(&figures),
            heartbeat: None,
            stop,
            judged,
        };
        spawn("sweep", &exits, move || sweeper.run()).expect("a thread");
        idle.recv().expect("it waits for its first tick");
        Instance {
            mode,
            clock,
            tick,
            idle,
            figures,
            _stopper: stopper,
        }
    }

    /// All meters are read once more. After a few rounds each tenth room uses half a kilowatt-hour.
    fn read(&self, conn: &mut Conn, rooms: u32, round: i64) {
        let time = start().plus(round * INTERVAL);
        let rooms: Vec<u32> = (0..rooms).collect();
        for some in rooms.chunks(2_000) {
            let row = |room: &u32| {
                let place = i64::from(*room);
                let extra = match place % 10 {
                    0 => (round - place / 10 % 7).max(0) * 460,
                    _ => 0,
                };
                let wh = 1_000_000 + round * (40 + place % 30) + extra;
                let room = key(*room);
                format!(
                    "('{}','{}',{}.{:03},'{time}')",
                    room.hotel_id,
                    room.room_number,
                    wh / 1_000,
                    wh % 1_000
                )
            };
            let rows: Vec<String> = some.iter().map(row).collect();
            conn.query_drop(format!(
                "INSERT INTO {}.smart_meter (hotel_id, room_number, reading_value, script_time) \
                 VALUES {}",
                database(self.mode),
                rows.join(",")
            ))
            .expect("written");
        }
    }

    /// How many alerts it has recorded.
    fn alerts(&self) -> u64 {
        let alerts = Figure::NoticesRecorded(RecordedNotice::Alert);
        self.figures.now().get(alerts)
    }

    /// How long a sweep takes, in seconds.
    fn sweep(&self, now: LocalTime) -> f64 {
        *self.clock.now.lock() = now;
        let began = Instant::now();
        self.tick.send(()).expect("it waits for this");
        self.idle.recv().expect("it comes to its end");
        began.elapsed().as_secs_f64()
    }
}

/// A clock whose time is set, and on which a thread waits for the next tick.
struct Ticks {
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

fn start() -> LocalTime {
    LocalTime::parse("2024-03-04 00:00:00").expect("a time")
}

fn key(room: u32) -> RoomKey {
    RoomKey::new(
        &format!("H{:04}", room / HOTEL),
        &format!("{}", 100 + room % HOTEL),
    )
}

/// Two of three rooms are occupied.
fn stay(room: u32) -> Stay {
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

fn database(mode: &str) -> String {
    format!("roomwatt_bench_{mode}")
}

fn config(database: &str, mode: &str) -> Config {
    let text = format!(
        "[mysql]\nhost = '{}'\nport = {}\nuser = '{}'\npassword = '{}'\ndatabase = '{database}'\n\
         [baseline]\nmode = '{mode}'\n",
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

fn root() -> Conn {
    let opts = OptsBuilder::new()
        .ip_or_hostname(Some(env("HOST")))
        .tcp_port(env("PORT").parse().expect("a port"))
        .prefer_socket(false)
        .user(Some(env("USER")))
        .pass(Some(env("PASSWORD")));
    Conn::new(opts).expect("the server of scripts/services")
}

fn env(name: &str) -> String {
    let name = format!("ROOMWATT_TEST_MYSQL_{name}");
    std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set: use scripts/bench"))
}

/// How many statements the server has been sent.
fn statements(conn: &mut Conn) -> u64 {
    let row: Option<(String, u64)> = conn
        .query_first("SHOW GLOBAL STATUS LIKE 'Questions'")
        .expect("a count");
    row.expect("a row").1
}

/// The mean length of what is stored of a room.
fn stored(conn: &mut Conn, mode: &str) -> u64 {
    let length = format!(
        "SELECT CAST(AVG(LENGTH(state)) AS UNSIGNED) FROM {}.room_state",
        database(mode)
    );
    conn.query_first(length).expect("a length").expect("rooms")
}

fn median(all: &[f64]) -> f64 {
    let mut all = all.to_vec();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
