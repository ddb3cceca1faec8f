//! What pages take, and what they take from sweeps and intake. What `scripts/bench --bench page`
//! runs, on the private server that `scripts/services` starts. Sweeps and messages without pages,
//! and the same with them, come in turn: what counts are the ratios.
#![allow(clippy::disallowed_methods)] // no part of the service

mod browsers;
mod chain;
#[path = "../instance.rs"]
mod instance;
mod year;

use std::thread::scope;
use std::time::Instant;

use crossbeam_channel::bounded;
use mysql::Conn;

use browsers::{Browser, Crowd, Pace, listen};
use instance::{INTERVAL, Instance, Size, cpu_seconds, median, percentile, root, start};
use roomwatt::engine::Stay;
use roomwatt::owner::{Input, Message};
use roomwatt::types::RoomKey;

const DATABASE: &str = "roomwatt_bench_page";

const HOTEL: u32 = 300;

/// Rounds until all that can be remembered of a room is, and rounds that are measured.
const FILLING: i64 = 12;
const ROUNDS: i64 = 15;

/// Messages that come while a sweep goes on.
const MESSAGES: u32 = 2_000;

/// Pages of each kind that are asked for while nothing else goes on.
const PAGES: usize = 200;

/// Comparisons of rules.
const COMPARISONS: i64 = 5;

const PACES: [(&str, Pace); 3] = [
    ("no pages", Pace::Never),
    ("10 pages a second", Pace::Rate(10)),
    ("4 clients without pause", Pace::Clients(4)),
];

fn main() {
    let rooms: u32 = match std::env::var("ROOMWATT_BENCH_ROOMS") {
        Ok(rooms) => rooms.parse().expect("ROOMWATT_BENCH_ROOMS"),
        Err(_) => 20_100,
    };
    let of_chain = std::env::var("ROOMWATT_BENCH_HOTELS");
    let of_chain = of_chain.map_or(5_000, |hotels| hotels.parse().expect("a number"));
    let size = Size {
        rooms,
        hotel: HOTEL,
    };
    if of_chain > 0 {
        chain::measure(of_chain, size);
    }
    if rooms > 0 {
        let mut conn = root();
        year::put_back(&mut conn, DATABASE, size);
        let settings = "[baseline]\nmode = 'on'\n";
        let instance = Instance::start(&mut conn, DATABASE, settings, size, |conn, database| {
            year::hand_out(conn, DATABASE, size);
            year::write_stays(database, size);
        });
        let mut bench = Bench {
            browser: Browser::log_in(listen(&instance)),
            instance,
            conn,
            round: 0,
        };
        println!("{rooms} rooms in hotels of {HOTEL}, over connections of their own:");
        for _ in 0..FILLING {
            bench.turn(Pace::Never, || any_hotel(1));
        }
        bench.alone();
        bench.beside();
        bench.what_if();
        drop(bench.instance);
        year::put_back(&mut bench.conn, DATABASE, size);
    }
}

/// An instance, and somebody who looks at it.
struct Bench {
    instance: Instance,
    browser: Browser,
    conn: Conn,
    round: i64,
}

/// A sweep with messages beside it.
struct Turn {
    sweep: f64,
    /// Seconds until all messages were written.
    intake: f64,
    /// How long each page took, in milliseconds, and how many came a second.
    pages: Vec<f64>,
    rate: f64,
}

impl Bench {
    /// All meters are read once more; then a sweep, messages and pages go on beside one another.
    fn turn(&mut self, pace: Pace, path: impl Fn() -> String + Clone + Send + 'static) -> Turn {
        self.round += 1;
        self.instance.read(&mut self.conn, self.round);
        let crowd = Crowd::begin(&self.browser, pace, path);
        let (sweep, intake) = scope(|scope| {
            let messages = scope.spawn(|| self.messages());
            let sweep = self.instance.sweep(self.round);
            (sweep, messages.join().expect("all were written"))
        });
        let (pages, rate) = crowd.end();
        Turn {
            sweep,
            intake,
            pages,
            rate,
        }
    }

    /// Has messages of different rooms written, none of the first hotel.
    fn messages(&self) -> f64 {
        let size = self.instance.size;
        let now = start().plus(self.round * INTERVAL + 60);
        let (done, written) = bounded(MESSAGES as usize);
        let began = Instant::now();
        for nth in 0..MESSAGES {
            let others = size.rooms - HOTEL;
            let place = nth * (others / MESSAGES).max(1) + self.round as u32;
            let RoomKey {
                hotel_id,
                room_number,
            } = size.key(HOTEL + place % others);
            let stay = match (nth + self.round as u32) % 2 {
                0 => format!("\"msgType\":\"5710005\",\"check_in_time\":\"{now}\""),
                _ => format!("\"msgType\":\"5710013\",\"actual_checkout_time\":\"{now}\""),
            };
            let body =
                format!("{{\"hotel_id\":\"{hotel_id}\",\"room_number\":\"{room_number}\",{stay}}}");
            let done = done.clone();
            let message = Message {
                source: "bench".into(),
                parsed: (self.instance.config.messages).parse(body.as_bytes(), Some(now)),
                body: body.into_bytes(),
                redelivered: false,
                // There is room for all of them.
                committed: Box::new(move || {
                    let _ = done.try_send(());
                }),
            };
            let inbox = self.instance.inbox.messages();
            inbox.send(Input::Message(message)).expect("an owner");
        }
        for _ in 0..MESSAGES {
            written.recv().expect("it is written");
        }
        began.elapsed().as_secs_f64()
    }

    /// Pages while nothing else goes on.
    fn alone(&self) {
        println!("while nothing else goes on, {PAGES} of each:");
        let size = self.instance.size;
        let (year, other) = (size.key(0).hotel_id, size.key(HOTEL).hotel_id);
        let year_s_room = |long: bool| {
            let room = fastrand::u32(0..HOTEL);
            let key = size.key(room);
            let path = format!("/room?hotel={year}&room={}", key.room_number);
            if !long {
                return path;
            }
            let stays: Vec<Stay> = year::stays_of(room).collect();
            let stay = fastrand::choice(&stays).expect("a stay").time();
            format!("{path}&stay={}", stay.to_string().replace(' ', "+"))
        };
        let present = || year_s_room(false);
        let past = || year_s_room(true);
        let short = || {
            let key = size.key(HOTEL + fastrand::u32(0..HOTEL));
            format!("/room?hotel={other}&room={}", key.room_number)
        };
        let kinds: [(&str, &dyn Fn() -> String); 7] = [
            ("/hotel", &|| any_hotel(size.rooms / HOTEL)),
            ("/room without a past", &short),
            ("/room with a year, the present stay", &present),
            // Finds which ids the rows of a time have, once.
            ("/room with a year, any earlier stay", &past),
            ("the same once more", &past),
            ("/map without a past", &|| format!("/map?hotel={other}")),
            ("/map with a year", &|| format!("/map?hotel={year}")),
        ];
        for (name, path) in kinds {
            let before = cpu_seconds();
            let pages: Vec<(f64, usize)> = (0..PAGES).map(|_| self.browser.get(&path())).collect();
            let cpu = (cpu_seconds() - before) * 1_000.0 / PAGES as f64;
            let took: Vec<f64> = pages.iter().map(|page| page.0).collect();
            let bytes = pages.iter().map(|page| page.1).max().unwrap_or(0);
            println!(
                "  {name:<36} {}, CPU {cpu:5.2} ms, at most {:6.1} KB",
                shown(&took),
                bytes as f64 / 1_024.0
            );
        }
    }

    /// Sweeps and messages with pages and without.
    fn beside(&mut self) {
        let mut turns: [Vec<Turn>; 3] = Default::default();
        let hotels = self.instance.size.rooms / HOTEL;
        for round in 0..ROUNDS {
            for turn in 0..PACES.len() {
                // None is always the first one after the others' work.
                let place = (turn + round as usize) % PACES.len();
                turns[place].push(self.turn(PACES[place].1, move || any_hotel(hotels)));
            }
        }
        println!(
            "/hotel while sweeps go on, each with a new reading a room and {MESSAGES} messages: \
             medians of {ROUNDS} rounds, and of their ratios"
        );
        let names = PACES.map(|(name, _)| name);
        compare(&names, &turns);
    }

    /// Comparisons of rules, and what sweeps and messages lose meanwhile.
    fn what_if(&mut self) {
        let of = |days: i64, baseline: &str| {
            let rules = "checkout=1.0&checkin=2.0&count=3";
            format!("/whatif?hotel=H0000&days={days}&{rules}&baseline={baseline}")
        };
        println!(
            "/whatif of {HOTEL} rooms with a reading each ten minutes, while nothing else goes on, \
             {COMPARISONS} times:"
        );
        for (days, baseline) in [(7, "shadow"), (14, "shadow"), (7, "on"), (14, "on")] {
            let path = of(days, baseline);
            let answers: Vec<(String, f64, usize)> =
                (0..COMPARISONS).map(|_| self.browser.ask(&path)).collect();
            let busy = answers
                .iter()
                .filter(|(status, ..)| status != "200")
                .count();
            let took: Vec<f64> = answers.iter().map(|(_, took, _)| *took).collect();
            println!(
                "  {days:2} days, baseline {baseline:<6} {}, {busy} of them busy",
                shown(&took)
            );
        }
        let path = move || of(7, "on");
        let mut turns: [Vec<Turn>; 2] = Default::default();
        for _ in 0..COMPARISONS {
            turns[0].push(self.turn(Pace::Never, path));
            turns[1].push(self.turn(Pace::Clients(1), path));
        }
        compare(&["without it", "while it goes on"], &turns);
    }
}

/// What sweeps and messages take, against the first kind of the same round.
fn compare<const KINDS: usize>(names: &[&str; KINDS], turns: &[Vec<Turn>; KINDS]) {
    for (name, of_kind) in names.iter().zip(turns) {
        let medians = |of: fn(&Turn) -> f64| {
            let all: Vec<f64> = of_kind.iter().map(of).collect();
            let rounds = of_kind.iter().zip(&turns[0]);
            let ratios: Vec<f64> = rounds.map(|(one, floor)| of(one) / of(floor)).collect();
            (median(&all), median(&ratios))
        };
        let ((sweep, of_sweep), (intake, of_intake)) =
            (medians(|turn| turn.sweep), medians(|turn| turn.intake));
        let pages: Vec<f64> = of_kind.iter().flat_map(|turn| turn.pages.clone()).collect();
        let rates: Vec<f64> = of_kind.iter().map(|turn| turn.rate).collect();
        let of_pages = match pages.is_empty() {
            true => String::new(),
            false => format!("; {:.1} pages a second, {}", median(&rates), shown(&pages)),
        };
        println!(
            "  {name:<24} sweep {sweep:6.3} s, {of_sweep:.2} of the first; messages {:6.0} a \
             second, {:.2} of the first{of_pages}",
            f64::from(MESSAGES) / intake,
            1.0 / of_intake,
        );
    }
}

/// Any of so many hotels.
fn any_hotel(hotels: u32) -> String {
    format!("/hotel?hotel=H{:04}", fastrand::u32(0..hotels))
}

fn shown(took: &[f64]) -> String {
    format!(
        "p50 {:6.1} ms, p99 {:6.1} ms",
        median(took),
        percentile(took, 99)
    )
}
