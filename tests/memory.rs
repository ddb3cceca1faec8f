//! What a request costs in memory, counted by the allocator: at most four times its size, whatever
//! is in it, and a little that each costs. In a process of its own, and one request at a time.
#![allow(clippy::disallowed_methods)] // no part of the service

#[path = "http/rig.rs"]
#[allow(dead_code)]
mod rig;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use rig::{Rig, check_in};

/// What each costs, beside its size: buffers, what the owner takes at once. Bytes.
const EACH: usize = 512 * 1024;

const MOST: usize = 4 * 1024 * 1024;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

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
