//! How much longer a sweep takes with the baseline rule: 20,000 rooms in hotels of 100, each with a
//! new reading, judged, evaluated and written. What `scripts/bench --bench sweep` runs, on the
//! private server that `scripts/services` starts. An instance without the rule, one in shadow and
//! one with it sweep in turn, each its own database: what counts are the ratios.
#![allow(clippy::disallowed_methods)] // no part of the service

#[allow(dead_code, reason = "no benchmark needs all of it")]
mod instance;

use mysql::Conn;
use mysql::prelude::Queryable;

use instance::{Instance, Size, cpu_seconds, median, root};
use roomwatt::figures::{Figure, RecordedNotice};

const MODES: [&str; 3] = ["off", "shadow", "on"];
const HOTEL: u32 = 100;

/// Rounds until all that can be remembered of a room is, and rounds that are measured.
const FILLING: i64 = 12;
const ROUNDS: i64 = 21;

fn main() {
    let rooms: u32 = match std::env::var("ROOMWATT_BENCH_ROOMS") {
        Ok(rooms) => rooms.parse().expect("ROOMWATT_BENCH_ROOMS"),
        Err(_) => 20_000,
    };
    let mut conn = root();
    let size = Size {
        rooms,
        hotel: HOTEL,
    };
    let instances = MODES.map(|mode| {
        let settings = format!("[baseline]\nmode = '{mode}'\n");
        Instance::start(&mut conn, &database(mode), &settings, size, |_, _| {})
    });
    let mut took: [Vec<f64>; 3] = Default::default();
    let (mut cpu, mut asked) = ([0.0; 3], [0; 3]);
    for round in 1..=FILLING + ROUNDS {
        for turn in 0..MODES.len() {
            // None is always the first one after the others' work.
            let place = (turn + round as usize) % MODES.len();
            let instance = &instances[place];
            instance.read(&mut conn, round);
            let (statements_before, cpu_before) = (statements(&mut conn), cpu_seconds());
            let seconds = instance.sweep(round);
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
            alerts(instance),
            stored(&mut conn, MODES[place]),
        );
    }
}

/// How many alerts it has recorded.
fn alerts(instance: &Instance) -> u64 {
    let alerts = Figure::NoticesRecorded(RecordedNotice::Alert);
    instance.figures.now().get(alerts)
}

fn database(mode: &str) -> String {
    format!("roomwatt_bench_{mode}")
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
