//! What a request costs in memory, counted by the allocator: at most four times its size, whatever
//! is in it, and a little that each costs; and what a room takes. In a process of its own, one
//! after the other.
#![allow(clippy::disallowed_methods)] // no part of the service

#[path = "http/rig.rs"]
#[allow(dead_code)]
mod rig;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use roomwatt::engine::baseline::{Evaluation, Frames, HotelMemory, evaluate};
use roomwatt::engine::{
    Arrival, BaselineMode, BaselineRules, Departure, Expectation, Fact, Received, RoomState,
    RoomStatus, Rules, Said, StatusChange, StayId, observe, receive,
};
use roomwatt::rooms::Rooms;
use roomwatt::types::{LocalTime, Reading, RoomKey, WattHours};

use rig::{Rig, check_in};

/// What each costs, beside its size: buffers, what the owner takes at once. Bytes.
const EACH: usize = 512 * 1024;

const MOST: usize = 4 * 1024 * 1024;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn more(bytes: usize) {
    let now = NOW.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(now, Ordering::Relaxed);
}

// Sound: it does what the system's does.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Large ones are moved by their pages; small ones are copied.
        let copied = if layout.size() < 128 * 1024 {
            layout.size()
        } else {
            0
        };
        more(size.saturating_sub(layout.size()) + copied);
        NOW.fetch_sub(
            layout.size().saturating_sub(size) + copied,
            Ordering::Relaxed,
        );
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// As much as may be of one part after the other.
fn filled(start: &str, part: &str, end: &str) -> String {
    let count = (MOST - start.len() - end.len()) / part.len();
    format!("{start}{}{end}", part.repeat(count))
}

/// An array of this, and the same as lines.
fn both(name: &'static str, part: &str, count: usize) -> [(String, &'static str, String); 2] {
    let parts = vec![part; count];
    [
        (
            format!("{name}, array"),
            "application/json",
            format!("[{}]", parts.join(",")),
        ),
        (
            format!("{name}, lines"),
            "application/x-ndjson",
            parts.join("\n"),
        ),
    ]
}

/// A message of nearly 64 KiB with this in it.
fn large(part: &str) -> String {
    let (start, end) = (r#"{"hotel_id":"H1","room_number":"1","#, r#""z":0}"#);
    let count = (64 * 1024 - start.len() - end.len()) / part.len();
    format!("{start}{}{end}", part.repeat(count))
}

fn messages() -> Vec<(String, &'static str, String)> {
    let keys: String = (0..5_500).map(|key| format!(r#""k{key:05}":0,"#)).collect();
    let keys = format!(r#"{{{keys}"z":0}}"#);
    let escaped = large("\"\\u0041\\n\\\"\":0,");
    let text = "\\u0041".repeat(10_000);
    let hotel = check_in(1).replace("H1", &text);
    let time = check_in(1).replace("2023-04-10 11:00:00", &"\\ue000".repeat(45));
    let json = "application/json";
    let mut bodies: Vec<_> = [
        both("nothing", "0", 10_000),
        both("check-ins", &check_in(1), 10_000),
        both("one check-in", &check_in(1), 1),
        both("no message", "{}", 10_000),
        both("long reasons", &time, 10_000),
        both("short keys", &keys, 60),
        both("one of short keys", &keys, 1),
        both("escaped keys", &escaped, 60),
        both("one of escaped keys", &escaped, 1),
        both("a long id", &hotel, 60),
        both("one long id", &hotel, 1),
        both(
            "four hundred bytes each",
            &check_in(1).replace("H1", &"H".repeat(310)),
            10_000,
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    for (name, start, part, end) in [
        ("too many", "[", "0,", "0]"),
        ("open brackets", "", "[", ""),
        ("brackets", "[", "[],", "0]"),
        ("deep", "[", "{\"a\":", ""),
        ("a large one", "{\"a\":\"", "x", "\"}"),
        ("one with keys", "{", "\"a\":0,", "\"a\":0}"),
        ("blanks", "[", " ", "]"),
        ("quotes", "[\"", "\\\"", "\"]"),
    ] {
        bodies.push((name.to_owned(), json, filled(start, part, end)));
    }
    bodies.push((
        "empty lines".into(),
        "application/x-ndjson",
        filled("{}", "\n", ""),
    ));
    bodies
}

fn readings() -> Vec<(String, &'static str, String)> {
    let header = "hotel_id,room_number,reading_value,script_time\n";
    let row = "H,1,1,2023-04-10 10:00:00\n";
    let csv = |name: &str, body: String| (name.to_owned(), "text/csv", body);
    let object =
        r#"{"hotel_id":"H","room_number":1,"reading_value":1,"script_time":"2023-04-10 10:00:00"}"#;
    let mut bodies = vec![
        csv("rows", header.to_owned() + &row.repeat(10_000)),
        csv("one row", header.to_owned() + row),
        csv("bad rows", header.to_owned() + &"a\n".repeat(10_000)),
        csv("a million columns", filled("", "a,", "a\n")),
        csv("a million columns in quotes", filled("", "\"\",", "a\n")),
        csv("wide rows", filled(header, ",", "\n")),
        csv("wide rows in quotes", filled(header, "\"\",", "\n")),
        csv(
            "many wide rows",
            filled(header, &format!("{}\n", ",".repeat(420)), ""),
        ),
        csv("a long cell", filled(&format!("{header}H,1,1,"), "x", "\n")),
        csv("an open quote", filled(&format!("{header}\""), "x\n", "")),
        csv("empty lines", filled(header, "\n", row)),
        csv(
            "long cells",
            filled(header, &format!("H,1,{},x\n", "1".repeat(400)), ""),
        ),
    ];
    bodies.extend(both("readings", object, 10_000));
    bodies.extend(both("bad readings", "{}", 10_000));
    bodies
}

/// Sends a request; gives the status, and what it has cost at most. What comes is not kept.
fn cost(rig: &Rig, head: &str, parts: &[&[u8]]) -> (String, usize) {
    let mut stream = rig.connect();
    let mut answer = vec![0; 64 * 1024];
    let before = NOW.load(Ordering::SeqCst);
    PEAK.store(before, Ordering::SeqCst);
    stream.write_all(head.as_bytes()).expect("sent");
    for part in parts {
        stream.write_all(part).expect("sent");
    }
    let read = stream.read(&mut answer).expect("an answer");
    let status = String::from_utf8_lossy(&answer[9..read.min(12)]).into_owned();
    while stream.read(&mut answer).expect("an answer") > 0 {}
    (status, PEAK.load(Ordering::SeqCst) - before)
}

#[test]
fn a_request_costs_at_most_four_times_its_size() {
    let _others_wait = ONE_AT_A_TIME.lock();
    let (rig, _end) = Rig::serving(None);
    rig.memory.0.lock().forgets = true;
    let messages = messages().into_iter().map(|body| ("messages", body));
    let readings = readings().into_iter().map(|body| ("readings", body));
    // The first one has threads started, and fills what is used again.
    rig.messages("application/json", &check_in(1));
    let mut wrong = Vec::new();
    for (path, (name, form, body)) in messages.chain(readings) {
        assert!(body.len() <= MOST, "{name} has {}", body.len());
        let head =
            format!("POST /api/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {form}\r\n");
        let sized = format!("{head}Content-Length: {}\r\n\r\n", body.len());
        // How it comes is nothing to what is in it.
        let ways = if name.contains("rows") || name.contains("one ") {
            2
        } else {
            1
        };
        let chunked = format!(
            "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
            body.len()
        );
        let each = [("sized", sized, ""), ("chunked", chunked, "\r\n0\r\n\r\n")];
        for (how, head, end) in each.into_iter().take(ways) {
            let (status, cost) = cost(&rig, &head, &[body.as_bytes(), end.as_bytes()]);
            let times = cost as f64 / body.len() as f64;
            let line = format!(
                "{status} {cost:>9} bytes for {:>8}, {times:>6.1} times: {path}, {name}, {how}",
                body.len()
            );
            println!("{line}");
            if cost > 4 * body.len() + EACH {
                wrong.push(line);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rig.ended.is_empty(), "all threads live");
}

/// A room after so many stays of two nights: with ids, an extension of each third one, and what
/// housekeeping says; or the first stay without an id. Twenty intervals of the last one are judged.
fn room(stays: i64, with_ids: bool, rules: &Rules) -> RoomState {
    let key = RoomKey::new("H00001", "101");
    let (hour, night) = (3_600, 86_400);
    let mut arrived = LocalTime::parse("2023-04-10 14:00:00").expect("a time");
    let mut all = Vec::new();
    for stay in 0..stays {
        let id = with_ids.then(|| StayId::new(&format!("CI{stay:08}")));
        let left = arrived.plus(2 * night - 2 * hour);
        all.push(Said::Fact(Fact::Arrival(Arrival {
            id: id.clone(),
            since: arrived,
            named: None,
            expected: Some(left),
        })));
        if with_ids && stay % 3 == 0 {
            all.push(Said::Fact(Fact::Expectation(Expectation {
                id: id.clone(),
                since: None,
                expected: left.plus(night),
            })));
        }
        all.push(Said::Fact(Fact::Departure(Departure {
            id,
            checkin: Some(arrived),
            until: left,
        })));
        let statuses = [(60, RoomStatus::Dirty), (hour, RoomStatus::Clean)];
        for (seconds, status) in statuses.into_iter().filter(|_| with_ids) {
            let at = left.plus(seconds);
            all.push(Said::Status(StatusChange { at, status }));
        }
        arrived = left.plus(2 * hour);
    }
    let mut state = None;
    for said in &all {
        state = match receive(&key, state.as_ref(), said, &[], rules) {
            Received::Newer(next) | Received::Corrected(next) | Received::Noted(next) => {
                Some(next.state)
            }
            other => panic!("{said:?} is {other:?}"),
        };
    }
    let state = state.expect("a watch");
    let reading = |interval: i64| Reading {
        time: arrived.plus(interval * 1_800),
        register: WattHours(1_000_000 + interval * 300),
    };
    let readings: Vec<Reading> = (0..20).map(reading).collect();
    observe(&key, &state, &readings, rules).state
}

/// A sweep has new readings of a room judged, and evaluates what is pending.
fn swept(key: &RoomKey, state: &RoomState, readings: &[Reading], rules: &Rules) -> RoomState {
    let mut transition = observe(key, state, readings, rules);
    let mut frames = Frames::default();
    frames.add(state.baseline.contributions());
    evaluate(
        &key.hotel_id,
        &mut frames,
        &mut HotelMemory::default(),
        &mut [Evaluation {
            room: key,
            state: &mut transition.state,
            changes: &mut transition.changes,
        }],
        rules,
        |_, _, _| {},
    );
    transition.state
}

/// The same room after ten more days of halves that it is occupied in, and the first half of a day
/// in which something was left on: all that the baseline rule can remember of it.
fn known_for_ten_days(mut state: RoomState, rules: &Rules) -> RoomState {
    let key = RoomKey::new("H00001", "101");
    let first = state.watch.fold.sample.expect("a sample");
    let mut last = first;
    for half_day in 0..=20_i64 {
        let at = first.time.plus(half_day * 43_200);
        let said = Said::Fact(match half_day % 2 {
            0 => Fact::Departure(Departure {
                id: None,
                checkin: None,
                until: at,
            }),
            _ => Fact::Arrival(Arrival {
                id: None,
                since: at,
                named: None,
                expected: None,
            }),
        });
        let Received::Newer(next) = receive(&key, Some(&state), &said, &[], rules) else {
            panic!("{said:?} begins no watch");
        };
        state = next.state;
        for _ in 0..24 {
            let wh = if half_day % 2 == 0 && half_day < 20 {
                41
            } else {
                643
            };
            last = Reading {
                time: last.time.plus(1_800),
                register: last.register + WattHours(wh),
            };
            state = swept(&key, &state, &[last], rules);
        }
    }
    // What messages have said is what is measured elsewhere.
    let day = 86_400;
    state.occupancy = room(1, false, rules).occupancy;
    assert!(state.baseline.is_open(), "something is left on");
    assert!(last.time.since(first.time) > 10 * day);
    state
}

#[test]
fn a_room_takes_little_memory() {
    let _others_wait = ONE_AT_A_TIME.lock();
    // The map's places are taken but for an eighth, as when it is about to grow.
    const ROOMS: usize = 7_168;
    let [off, on] = [BaselineMode::Off, BaselineMode::On].map(|mode| Rules {
        baseline: BaselineRules {
            mode,
            ..BaselineRules::default()
        },
        ..Rules::default()
    });
    let two_facts = room(1, false, &off);
    for (name, state, rules, most, most_stored) in [
        ("two facts", two_facts.clone(), &off, 750, 400),
        (
            "sixty days with ids",
            room(30, true, &off),
            &off,
            1_250,
            900,
        ),
        (
            "two facts, both rules",
            known_for_ten_days(two_facts, &on),
            &on,
            750,
            700,
        ),
    ] {
        let stored = serde_json::to_string(&state).expect("it is stored so");
        let before = NOW.load(Ordering::SeqCst);
        let rooms = Rooms::default();
        for number in 0..ROOMS {
            let key = RoomKey::new(&format!("H{:05}", number / 100), &number.to_string());
            // As it is loaded, and as a sweep leaves it.
            let loaded: RoomState = serde_json::from_str(&stored).expect("it is read so");
            rooms.adopt([(key.clone(), loaded)]);
            let room = rooms.get(&key).expect("a room");
            let last = room.state.watch.fold.sample.expect("a sample");
            let next = Reading {
                time: last.time.plus(1_800),
                register: last.register,
            };
            let swept = match rules.baseline.mode {
                BaselineMode::Off => observe(&key, &room.state, &[next], rules).state,
                _ => swept(&key, &room.state, &[next], rules),
            };
            rooms.adopt([(key.clone(), swept)]);
        }
        let each = (NOW.load(Ordering::SeqCst) - before) / ROOMS;
        let facts = state.occupancy.facts().len();
        println!(
            "{name}: {each} bytes, {facts} facts, {} as JSON",
            stored.len()
        );
        assert!(each <= most, "{name}: {each} bytes");
        assert!(stored.len() <= most_stored, "{name}: {stored}");
    }
}
