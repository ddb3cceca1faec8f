//! How fast rooms of old messages are read by their keys, against those of recent ones: the same
//! stays, moved back in time. What `scripts/bench --bench late` runs, on the private server that
//! `scripts/services` starts. Figures are rooms a second; what counts is their ratio to `recent`.
#![allow(clippy::disallowed_methods)] // no part of the service

use std::collections::HashMap;
use std::time::Instant;

use fastrand::Rng;
use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};

use roomwatt::config::Config;
use roomwatt::frontier::Frontier;
use roomwatt::store::{MeterStream, Meters, MySqlReader, Wanted};
use roomwatt::types::{LocalTime, RoomKey};

const DATABASE: &str = "roomwatt_bench";

/// A user who may read the views and not the tables behind them: to him the server does not say how
/// it would read them.
const VIEWER: (&str, &str) = ("roomwatt_bench", "bench-views-only");

/// Seconds between two readings of a meter.
const POLL: i64 = 300;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Messages that the owner takes at once.
const BATCH: usize = 400;

/// Stays of a room a day, half of them check-ins.
const STAYS: i64 = 2;

/// Batches of each kind of messages.
const ROUNDS: usize = 8;

/// What has taken so many seconds is not measured further.
const MOST_SECONDS: f64 = 30.0;

/// Rows are written up to then.
const NOW: &str = "2024-03-04 12:00:00";

fn main() {
    // Others of cargo's arguments are none of ours.
    let rooms: u32 = number("ROOMWATT_BENCH_ROOMS", 2_000);
    let days: Vec<u32> = match std::env::var("ROOMWATT_BENCH_DAYS") {
        Ok(days) => vec![days.parse().expect("ROOMWATT_BENCH_DAYS")],
        Err(_) => vec![7, 28],
    };
    let only = std::env::var("ROOMWATT_BENCH_TABLES").unwrap_or_default();
    let mut conn = root(None);
    conn.query_drop(format!("CREATE DATABASE IF NOT EXISTS {DATABASE}"))
        .expect("a database");
    let mut conn = root(Some(DATABASE));
    for days in days {
        load(&mut conn, rooms, days);
        for (name, table, id, viewer) in [
            ("ids", "with_id", "id", false),
            ("no ids", "without_id", "", false),
            ("no ids, index with time", "composite", "", false),
            ("view, ids", "view_with_id", "id", false),
            ("view, ids, its user only", "view_with_id", "id", true),
            ("view, no ids", "view_without_id", "", false),
            ("view, no ids, its user only", "view_without_id", "", true),
        ] {
            if only.is_empty() || only.split(';').any(|only| only == name) {
                let table = format!("{table}_{rooms}_{days}");
                measure(name, rooms, days, &reader(&table, id, viewer));
            }
        }
    }
}

/// Messages of one kind, batch by batch: how long before now each stay is, in seconds, and of which
/// room.
struct Way {
    name: &'static str,
    batches: Vec<Vec<(i64, u32)>>,
    first: f64,
    seconds: f64,
    rooms: usize,
    readings: usize,
}

impl Way {
    fn new(name: &'static str, batches: Vec<Vec<(i64, u32)>>) -> Way {
        Way {
            name,
            batches,
            first: f64::NAN,
            seconds: 0.0,
            rooms: 0,
            readings: 0,
        }
    }
}

/// The messages of some hours that ended `ago` seconds before now, in the order of time.
fn in_order(random: &mut Rng, rooms: u32, ago: i64) -> Vec<Vec<(i64, u32)>> {
    let an_hour = i64::from(rooms) * STAYS / 24;
    let messages = ROUNDS * BATCH;
    let span = HOUR * i64::try_from(messages).expect("a number") / an_hour;
    let mut stays: Vec<(i64, u32)> = (0..messages)
        .map(|_| (ago + random.i64(0..span), random.u32(0..rooms)))
        .collect();
    stays.sort_unstable_by_key(|stay| std::cmp::Reverse(*stay));
    stays.chunks(BATCH).map(<[_]>::to_vec).collect()
}

/// Messages of different rooms, of any time within these seconds.
fn scattered(random: &mut Rng, rooms: u32, span: i64) -> Vec<Vec<(i64, u32)>> {
    let batch = |_| {
        let rooms = random.choose_multiple(0..rooms, BATCH);
        rooms
            .into_iter()
            .map(|room| (random.i64(0..span), room))
            .collect()
    };
    (0..ROUNDS).map(batch).collect()
}

fn measure(name: &str, rooms: u32, days: u32, reader: &MySqlReader) {
    let now = LocalTime::parse(NOW).expect("a time");
    let latest = now.plus(HOUR);
    reader
        .meter_tail(None, latest, std::time::Instant::now())
        .expect("a tail");
    println!("{name}, {days} days of {rooms} rooms");
    let random = &mut Rng::with_seed(7);
    let mut ways = [
        Way::new("recent", in_order(random, rooms, 0)),
        Way::new("1 day ago", in_order(random, rooms, DAY)),
        Way::new("5 days ago", in_order(random, rooms, 5 * DAY)),
        Way::new(
            "within 6 hours, in any order",
            scattered(random, rooms, 6 * HOUR),
        ),
        Way::new(
            "within 6 days, in any order",
            scattered(random, rooms, 6 * DAY),
        ),
    ];
    // In turn, so that what else the machine does is the same to all.
    for round in 0..ROUNDS {
        for way in &mut ways {
            if way.seconds > MOST_SECONDS {
                continue;
            }
            let wanted = wanted(&way.batches[round], now);

            let began = Instant::now();
            let readings = reader
                .readings(&wanted, latest, Frontier::default())
                .expect("readings");
            let took = began.elapsed().as_secs_f64();
            if round == 0 {
                way.first = took;
            }
            way.seconds += took;
            way.rooms += wanted.len();
            way.readings += readings.values().map(Vec::len).sum::<usize>();
        }
    }
    let rate = |way: &Way| way.rooms as f64 / way.seconds;
    for way in &ways {
        println!(
            "  {:30} {:6.0} rooms/s, {:5.2} of recent; \
             the first {BATCH} in {:5.2} s; {:.1} readings a room",
            way.name,
            rate(way),
            rate(way) / rate(&ways[0]),
            way.first,
            way.readings as f64 / way.rooms as f64,
        );
    }
}

/// What the owner asks for: of each room what the messages of a batch need.
fn wanted(stays: &[(i64, u32)], now: LocalTime) -> Vec<Wanted> {
    let mut wanted: HashMap<u32, Wanted> = HashMap::new();
    for &(ago, room) in stays {
        let stay = now.plus(-ago);
        let after = stay.plus(-1_801);
        let of_room = wanted.entry(room).or_insert_with(|| Wanted {
            room: RoomKey::new(
                &format!("H{:04}", room / 100),
                &format!("{:04}", 100 + room % 100),
            ),
            after,
            until: stay,
        });
        of_room.after = of_room.after.min(after);
        of_room.until = of_room.until.max(stay);
    }
    wanted.into_values().collect()
}

/// Makes the tables that are not there yet, with the indexes of the original program.
fn load(conn: &mut Conn, rooms: u32, days: u32) {
    let slots = i64::from(days) * DAY / POLL;
    let key = "hotel_id VARCHAR(50) NOT NULL, room_number VARCHAR(20) NOT NULL, \
         reading_value DECIMAL(10,2) NOT NULL, script_time DATETIME NOT NULL";
    for (kind, id, index) in [
        (
            "with_id",
            "id BIGINT AUTO_INCREMENT PRIMARY KEY, ",
            "hotel_id, room_number",
        ),
        ("without_id", "", "hotel_id, room_number"),
        ("composite", "", "hotel_id, room_number, script_time"),
    ] {
        let table = format!("{kind}_{rooms}_{days}");
        let there: Option<u8> = conn
            .exec_first(
                "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?",
                (DATABASE, &table),
            )
            .expect("an answer");
        if there.is_some() {
            continue;
        }
        println!("loading {table}: {} rows", slots * i64::from(rooms));
        run(conn, "DROP TABLE IF EXISTS loading");
        run(conn, &format!("CREATE TABLE loading ({id}{key})"));
        let day = DAY / POLL;
        for first in (0..slots).step_by(usize::try_from(day).expect("a number")) {
            let (from, to) = (first * i64::from(rooms), (first + day) * i64::from(rooms));
            run(
                conn,
                &format!(
                    "INSERT INTO loading (hotel_id, room_number, reading_value, script_time) \
                     SELECT CONCAT('H', LPAD(n.room DIV 100, 4, '0')), \
                     LPAD(100 + n.room % 100, 4, '0'), 100 + n.slot * 0.02, \
                     '{NOW}' - INTERVAL ({slots} - n.slot) * {POLL} SECOND \
                     + INTERVAL n.place * {POLL} DIV {rooms} SECOND \
                     FROM (SELECT seq DIV {rooms} AS slot, seq % {rooms} AS place, \
                     (seq * 7919) % {rooms} AS room FROM seq_{from}_to_{}) AS n",
                    to - 1
                ),
            );
        }
        run(
            conn,
            &format!(
                "ALTER TABLE loading ADD INDEX idx_hotel_room ({index}), \
                 ADD INDEX idx_script_time (script_time)"
            ),
        );
        run(conn, "ANALYZE TABLE loading");
        run(conn, &format!("RENAME TABLE loading TO {table}"));
    }
    let (user, password) = VIEWER;
    run(
        conn,
        &format!("CREATE OR REPLACE USER {user}@'%' IDENTIFIED BY '{password}'"),
    );
    for (kind, id) in [("with_id", ", id"), ("without_id", "")] {
        let view = format!("view_{kind}_{rooms}_{days}");
        run(
            conn,
            &format!(
                "CREATE OR REPLACE VIEW {view} AS \
                 SELECT hotel_id, room_number, reading_value, script_time{id} \
                 FROM {kind}_{rooms}_{days}"
            ),
        );
        run(
            conn,
            &format!("GRANT SELECT ON {DATABASE}.{view} TO {user}@'%'"),
        );
    }
}

fn run(conn: &mut Conn, statement: &str) {
    if let Err(error) = conn.query_drop(statement) {
        panic!("{statement}: {error}");
    }
}

fn root(database: Option<&str>) -> Conn {
    let opts = OptsBuilder::new()
        .ip_or_hostname(Some(env("HOST")))
        .tcp_port(env("PORT").parse().expect("a port"))
        .prefer_socket(false)
        .user(Some(env("USER")))
        .pass(Some(env("PASSWORD")))
        .db_name(database);
    Conn::new(opts).expect("the server of scripts/services")
}

fn reader(table: &str, id: &str, viewer: bool) -> MySqlReader {
    let (user, password) = if viewer {
        (VIEWER.0.to_owned(), VIEWER.1.to_owned())
    } else {
        (env("USER"), env("PASSWORD"))
    };
    let text = format!(
        "[mysql]\nhost = '{}'\nport = {}\nuser = '{user}'\npassword = '{password}'\n\
         database = '{DATABASE}'\n[meter]\ntable = '{table}'\nid = '{id}'\n",
        env("HOST"),
        env("PORT"),
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("roomwatt.toml");
    std::fs::write(&path, text).expect("a file");
    let config = Config::load(Some(&path), &[]).expect("a configuration");
    let mysql = config.mysql.expect("a section");
    MySqlReader::new(&mysql, config.meter, config.messages.zone)
}

fn env(name: &str) -> String {
    let name = format!("ROOMWATT_TEST_MYSQL_{name}");
    std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set: use scripts/bench"))
}

fn number(name: &str, default: u32) -> u32 {
    let number = std::env::var(name).map(|text| text.parse().expect(name));
    number.unwrap_or(default)
}
