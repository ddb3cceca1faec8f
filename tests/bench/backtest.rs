//! How long a backtest of ten million readings takes, against the time it takes to read and split
//! the same lines at all. What `scripts/bench` runs; figures are ratios, medians of the rounds.
#![allow(clippy::disallowed_methods)] // no part of the service

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use csv::ByteRecord;

use roomwatt::config::Config;
use roomwatt::engine::{MessageFormat, Rules};
use roomwatt::review::{NamedReader, backtest, read_files};
use roomwatt::simulator::{EventKind, Scenario};
use roomwatt::types::{HotelId, LocalTime};

const ROUNDS: usize = 5;

fn main() {
    // Others of cargo's arguments are none of ours.
    let rooms: u32 = number("ROOMWATT_BENCH_ROOMS", 20_000);
    let days: u32 = number("ROOMWATT_BENCH_DAYS", 11);
    let folder = tempfile::tempdir().expect("a folder");
    let (messages, readings) = (folder.path().join("m.jsonl"), folder.path().join("r.csv"));
    let start = LocalTime::parse("2024-03-04 00:00:00").expect("a time");
    let hotels = (0..20).map(|hotel| HotelId::new(&format!("H{hotel:03}")));
    let scenario = Scenario::new(1, hotels.collect(), rooms / 20, start, days);
    let count = write(&scenario, &messages, &readings);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{count} readings of {rooms} rooms in {days} days, {cores} cores");

    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let floor = timed(|| floor(&readings));
        let whole = timed(|| {
            let (alerts, taken) = whole(&messages, &readings);
            assert_eq!(taken, count, "every reading was read");
            assert!(alerts > 0, "nothing was found");
        });
        println!("round {round}: floor {floor:.2} s, backtest {whole:.2} s");
        ratios.push(whole / floor);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "backtest: {:.2} times the floor ({:.2} to {:.2}), peak memory {} MB",
        ratios[ROUNDS / 2],
        ratios[0],
        ratios[ROUNDS - 1],
        peak_memory() / 1_000_000
    );
}

fn format() -> MessageFormat {
    Config::load(None, &[]).expect("the defaults").messages
}

fn number(name: &str, default: u32) -> u32 {
    let number = std::env::var(name).map(|text| text.parse().expect(name));
    number.unwrap_or(default)
}

/// Writes the story; gives the number of readings.
fn write(scenario: &Scenario, messages: &Path, readings: &Path) -> u64 {
    let create = |path| BufWriter::new(File::create(path).expect("a file"));
    let (mut messages, mut readings) = (create(messages), create(readings));
    let format = format();
    let mut count = 0;
    writeln!(readings, "hotel_id,room_number,reading_value,script_time").expect("written");
    for event in scenario.story() {
        let room = &event.room;
        match event.kind {
            EventKind::Message(event) => {
                let body = format.write(&event).expect("a body");
                writeln!(messages, "{body}").expect("written");
            }
            EventKind::Reading(reading) => {
                count += 1;
                let (hotel, number) = (&room.hotel_id, &room.room_number);
                writeln!(
                    readings,
                    "{hotel},{number},{},{}",
                    reading.register, reading.time
                )
                .expect("written");
            }
            EventKind::Trouble(_) | EventKind::Presence(_) | EventKind::Circumstance(_) => {}
        }
    }
    count
}

/// One thread that reads every line and finds its fields, and keeps none.
fn floor(readings: &Path) {
    let file = BufReader::with_capacity(1 << 16, File::open(readings).expect("a file"));
    let mut csv = csv::Reader::from_reader(file);
    let mut record = ByteRecord::new();
    let mut bytes = 0;
    while csv.read_byte_record(&mut record).expect("a record") {
        bytes += record.as_slice().len();
    }
    assert!(bytes > 0, "nothing was read");
}

/// From the files to every line of the answer; gives the notices and the readings.
fn whole(messages: &Path, readings: &Path) -> (usize, u64) {
    let input = |path: &Path| NamedReader {
        name: path.display().to_string(),
        from: BufReader::with_capacity(1 << 16, File::open(path).expect("a file")),
    };
    let format = format();
    let all = (LocalTime::FIRST, LocalTime::LAST);
    let read = read_files(
        input(messages),
        input(readings),
        all,
        &format,
        600,
        &mut io::sink(),
    );
    let (past, counts) = read.expect("the files can be read");
    let findings = backtest(&past, &[Rules::default()]);
    (findings.len(), counts.readings)
}

fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}

fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    1_024 * peak.expect("a peak").parse::<u64>().expect("a number")
}
