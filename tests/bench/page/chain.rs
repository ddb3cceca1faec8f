//! Pages of a chain of many hotels against those of one hotel, from memory.

use std::sync::Arc;
use std::time::Instant;

use http::Request;

use roomwatt::clock::Clock;
use roomwatt::config::{Cards, Config, Hotels, Language};
use roomwatt::engine::{MeterCheck, RoomState, Rules, observe};
use roomwatt::page::{Archives, LOCAL, Pages, Viewer};
use roomwatt::rooms::{LastSweep, Rooms};
use roomwatt::store::{Database, Position};
use roomwatt::types::{LocalTime, Reading, RoomKey, WattHours};

use crate::instance::{INTERVAL, Size, median, percentile, start, stay};

/// Readings of each room.
const READINGS: i64 = 13;

/// Pages of each kind.
const ROUNDS: usize = 400;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> LocalTime {
        start().plus(READINGS * INTERVAL + 60)
    }
}

/// The pages of so many hotels.
fn pages(hotels: u32, size: Size) -> Pages {
    let rules = Rules::default();
    let rooms = Rooms::default();
    let state = |room| {
        let key = size.key(room);
        let reading = |nth: i64| {
            let wh = nth * (40 + i64::from(room % 30) + i64::from(room % 10 == 0) * 2_400);
            Reading {
                time: start().plus(nth * INTERVAL),
                register: WattHours(wh),
            }
        };
        let readings: Vec<Reading> = (0..READINGS).map(reading).collect();
        let state = RoomState::new(stay(room), &rules);
        let state = observe(&key, &state, &readings, &rules).state;
        (key, state)
    };
    let of_one: Vec<(RoomKey, RoomState)> = (0..size.hotel).map(state).collect();
    for hotel in 0..hotels {
        let of_hotel = of_one.iter().map(|(key, state)| {
            let hotel = format!("H{hotel:04}");
            let key = RoomKey::new(&hotel, key.room_number.as_str());
            (key, state.clone())
        });
        rooms.adopt(of_hotel);
    }
    let now = Noon.now();
    rooms.begin_sweep(Position::Id(0));
    rooms.set_last_sweep(LastSweep {
        began: now,
        listening_since: start(),
    });
    let check = MeterCheck {
        now,
        listening_since: start(),
        silent_after: rules.silent_after_seconds,
    };
    rooms.set_counted(now, rooms.check_meters(&check, &rules).rooms);
    let config = Config::of_settings(&[]).expect("the defaults");
    Pages {
        // None of these pages reads it.
        archives: Archives::new(&*Database::of(&config).reader()),
        rooms: Arc::new(rooms),
        rules: Arc::new(rules),
        clock: Arc::new(Noon),
        cards: Cards {
            language: Language::Zh,
            hotel_names: Arc::default(),
            price_per_kwh: None,
        },
        sweep_seconds: INTERVAL,
        keep_days: 90,
    }
}

/// How long a page takes. Milliseconds.
fn took(pages: &Pages, path: &str) -> f64 {
    let viewer = Viewer {
        name: LOCAL.to_owned(),
        hotels: Hotels::All,
        may_act: true,
        language: Language::Zh,
        form_token: None,
    };
    let request = Request::builder().uri(path).body(()).expect("a request");
    let began = Instant::now();
    let response = pages.respond(&request, &viewer);
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    assert!(!response.status().is_client_error() && !response.status().is_server_error());
    took
}

pub fn measure(hotels: u32, size: Size) {
    let (one, few, chain) = (pages(1, size), pages(200, size), pages(hotels, size));
    println!(
        "from memory, {hotels} hotels of {} rooms ({} rooms) against one: {ROUNDS} pages each, in \
         turn",
        size.hotel,
        chain.rooms.len()
    );
    // Not the same hotel again and again: its rooms would be in the cache.
    let kinds = [
        ("one hotel", &one, 1),
        ("200 hotels", &few, 200),
        ("the chain", &chain, hotels),
    ];
    let mut all: [[Vec<f64>; 2]; 3] = Default::default();
    for round in 0..ROUNDS {
        for ((_, pages, hotels), [root, of_hotel]) in kinds.iter().zip(&mut all) {
            root.push(took(pages, "/"));
            let hotel = format!("/hotel?hotel=H{:04}", round as u32 * 7_919 % hotels);
            of_hotel.push(took(pages, &hotel));
        }
    }
    let floor = median(&all[0][1]);
    for ((name, ..), [root, of_hotel]) in kinds.iter().zip(&all) {
        let shown = |all: &[f64]| {
            format!(
                "p50 {:6.2} ms, p99 {:6.2} ms",
                median(all),
                percentile(all, 99)
            )
        };
        println!(
            "  {name:<10} /hotel {}, {:.2} of one hotel's; / {}",
            shown(of_hotel),
            median(of_hotel) / floor,
            shown(root),
        );
    }
}
