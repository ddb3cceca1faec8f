//! Stories as files: they are what the story is, and their truth is the story's.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use roomwatt::engine::{NoticeKind, Rules, Said, Statuses, pieces};
use roomwatt::review::{Room, judge};
use roomwatt::simulator::{Scenario, World};
use roomwatt::types::{LocalTime, WattHours};

use crate::{hotels, seed, time};

const NAMES: [&str; 4] = [
    "messages.jsonl",
    "readings.csv",
    "truth.csv",
    "roomwatt.toml",
];

fn roomwatt(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomwatt"));
    command.args(arguments).output().expect("the program runs")
}

/// Standard output and standard error of a command that succeeds.
fn succeeds(arguments: &[&str]) -> (String, String) {
    let output = roomwatt(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    let [out, err] = [output.stdout, output.stderr];
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (text(out), text(err))
}

/// Standard error of a command that fails because of how it was called.
fn misuse(arguments: &[&str]) -> String {
    let output = roomwatt(arguments);
    assert_eq!(output.status.code(), Some(64), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// A story of twenty rooms and six days, in files.
struct Files {
    folder: TempDir,
}

impl Files {
    fn written(seed: u64, options: &[&str]) -> Files {
        let files = Files {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let seed = seed.to_string();
        let path = files.path("");
        let story = ["simulate", "--files", &path, "--seed", &seed];
        let (out, err) = succeeds(&[&story[..], &["--days", "6"], options].concat());
        assert!(out.starts_with("played SIM-1 of "), "{out}");
        assert_eq!(err, "");
        files
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).expect("a file")
    }

    /// The rows of a table, each by its header.
    fn rows(&self, name: &str) -> Vec<BTreeMap<String, String>> {
        let mut csv = csv::Reader::from_path(self.folder.path().join(name)).expect("a table");
        let rows = csv.deserialize().map(|row| row.expect("a row"));
        rows.collect()
    }
}

/// Thresholds that find something in each world.
fn rules() -> Rules {
    let mut rules = Rules::default();
    rules.thresholds.checkin = WattHours(900);
    rules.thresholds.checkout = WattHours(300);
    rules
}

/// Room, time and length of each alert of a story, by the engine alone.
fn alerts(scenario: &Scenario) -> Vec<(String, String, u64)> {
    let rules = rules();
    let rooms = scenario.history().rooms.into_iter().map(|room| {
        let stays = pieces(&room.said, rules.match_seconds);
        let changes = room.said.iter().filter_map(Said::status);
        let room = Room {
            statuses: Statuses::in_past(changes, &stays),
            stays,
            readings: room.readings,
            ..Room::new(room.key)
        };
        room.sorted()
    });
    let notices = rooms.flat_map(|room| judge(&room, &rules, LocalTime::FIRST));
    let alerts = notices.filter(|notice| notice.kind == NoticeKind::Alert);
    let mut alerts: Vec<_> = alerts
        .map(|alert| {
            (
                alert.room.room_number.to_string(),
                alert.detected.to_string(),
                u64::from(alert.periods),
            )
        })
        .collect();
    alerts.sort();
    alerts
}

#[test]
fn a_backtest_reads_all_of_each_world() {
    let seed = seed();
    for name in World::NAMES {
        let files = Files::written(seed, &["--world", name, "--rooms", "20"]);
        let lines = |name| files.text(name).lines().count();
        let (messages, readings) = (lines("messages.jsonl"), lines("readings.csv") - 1);
        let [config, of_messages, of_readings] =
            ["roomwatt.toml", "messages.jsonl", "readings.csv"].map(|name| files.path(name));
        let (out, err) = succeeds(&[
            "backtest",
            "--config",
            &config,
            "--messages",
            &of_messages,
            "--readings",
            &of_readings,
            "--set",
            "checkin_abnormal_threshold=0.9",
            "--set",
            "checkout_abnormal_threshold=0.3",
        ]);
        let read = format!(
            "\nbacktest: messages={messages} events={messages} ignored=0 refused=0 \
             readings={readings} bad=0 rooms=20 "
        );
        assert!(err.contains(&read), "{name}: not {read}: {err}");
        assert!(messages > 40 && readings > 4_000, "{name}: {err}");
        // It is the story of this seed and world, with its moves and rooms out of order.
        let found = out
            .lines()
            .map(|line| -> Value { serde_json::from_str(line).expect("JSON") });
        let found = found.filter(|line| line["event"] == "alert");
        let mut found: Vec<_> = found
            .map(|line| {
                let text = |field: &str| line[field].as_str().expect("a text").to_owned();
                let periods = line["periods"].as_u64().expect("a number");
                (text("room_number"), text("detected_time"), periods)
            })
            .collect();
        found.sort();
        let start = time("2024-03-04 00:00:00");
        let world = World::named(name).expect("a world");
        let scenario = Scenario::new(seed, hotels(1), 20, start, 6).in_world(world);
        assert_eq!(found, alerts(&scenario), "{name}");
        println!("{name}: {messages} messages, {} alerts", found.len());
    }
}

#[test]
fn a_seed_gives_the_same_files() {
    let options = ["--world", "habits", "--hotel-id", "SIM-,\"", "--rooms", "8"];
    let texts = |seed| {
        let path = tempfile::tempdir().expect("a folder");
        // It is made where it is missing.
        let folder = path.path().join("a/b");
        let of_folder = folder.display().to_string();
        let story = ["simulate", "--files", &of_folder, "--seed", seed];
        succeeds(&[&story[..], &options].concat());
        NAMES.map(|name| fs::read_to_string(folder.join(name)).expect("a file"))
    };
    let files = texts("3");
    assert_eq!(files, texts("3"));
    let others = texts("4");
    for (at, name) in NAMES.iter().enumerate().take(3) {
        assert_ne!(files[at], others[at], "{name}");
    }
    assert!(
        files[1].contains("\n\"SIM-,\"\"\",101,"),
        "{}",
        &files[1][..200]
    );
    // Fourteen days, unless it is said otherwise.
    assert!(files[2].contains(",2024-03-18 00:00:00,"));
}

/// Of two stories that differ in troubles alone, the registers differ by what the truth says.
#[test]
fn the_truth_adds_up() {
    let seed = seed();
    let story = |troubles| {
        let options = ["--no-faults", "--rooms", "20", "--troubles", troubles];
        Files::written(seed, &options)
    };
    let (troubled, calm) = (story("8"), story("0"));
    let seconds = |text: &str| time(text).seconds();
    let wh = |kwh: &str| (kwh.parse::<f64>().expect("a number") * 1_000.0).round() as i64;
    let mut troubles: BTreeMap<String, Vec<(i64, i64, i64)>> = BTreeMap::new();
    let mut presence: BTreeMap<String, Vec<(String, String, String)>> = BTreeMap::new();
    for row in troubled.rows("truth.csv") {
        let (from, until) = (&row["from"], &row["until"]);
        let room = row["room_number"].clone();
        assert_eq!(row["hotel_id"], "SIM-1");
        match row["truth"].as_str() {
            "presence" => {
                let span = (row["occupancy"].clone(), from.clone(), until.clone());
                presence.entry(room).or_default().push(span);
            }
            "trouble" => {
                let (from, until) = (seconds(from), seconds(until));
                let used = wh(&row["kwh_per_30_minutes"]) * (until - from) / 1_800;
                assert_eq!(wh(&row["kwh"]), used, "{row:?}");
                let during = presence[&room].iter().any(|(occupancy, begin, end)| {
                    let is_during = seconds(begin) <= from && until <= seconds(end);
                    is_during && *occupancy == row["occupancy"]
                });
                assert!(during, "{row:?}");
                let power = wh(&row["kwh_per_30_minutes"]);
                troubles.entry(room).or_default().push((from, until, power));
            }
            "circumstance" => assert_eq!((row["occupancy"].as_str(), &*row["kwh"]), ("", "")),
            other => panic!("{other} is no truth"),
        }
    }
    assert_eq!(presence.len(), 20);
    for (room, spans) in &presence {
        let (first, last) = (&spans[0], &spans[spans.len() - 1]);
        assert_eq!(first.1, "2024-03-04 00:00:00", "{room}");
        assert_eq!(last.2, "2024-03-10 00:00:00", "{room}");
        for pair in spans.windows(2) {
            assert_eq!(pair[0].2, pair[1].1, "{room}");
            assert_ne!(pair[0].0, pair[1].0, "{room}");
        }
    }
    let count = troubles.values().map(Vec::len).sum::<usize>();
    assert!(count > 10, "{count} troubles");
    let calm_rows = calm.rows("readings.csv");
    let rows = troubled.rows("readings.csv");
    assert_eq!(rows.len(), calm_rows.len());
    for (row, calm) in rows.iter().zip(&calm_rows) {
        assert_eq!(row["room_number"], calm["room_number"]);
        let more = wh(&row["reading_value"]) - wh(&calm["reading_value"]);
        let at = seconds(&row["script_time"]);
        let of_room = troubles.get(&row["room_number"]).into_iter().flatten();
        let used: i64 = of_room
            .map(|(from, until, power)| power * (at.min(*until) - from).max(0))
            .sum();
        // Each register is cut to two decimals.
        assert!((more - used / 1_800).abs() <= 10, "{row:?}: {more}");
    }
    assert!(
        calm.rows("truth.csv")
            .iter()
            .all(|row| row["truth"] != "trouble")
    );
}

#[test]
fn files_that_are_there_stay_as_they_are() {
    for name in NAMES {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, "mine").expect("a file");
        let error = misuse(&["simulate", "--files", &folder.path().display().to_string()]);
        let expected = format!("roomwatt: {} exists: name a new folder\n", path.display());
        assert_eq!(error, expected);
        let there = fs::read_dir(folder.path()).expect("a folder").count();
        let text = fs::read_to_string(&path).expect("a file");
        assert_eq!((there, text.as_str()), (1, "mine"));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("a file");
    let below = file.join("folder").display().to_string();
    let error = misuse(&["simulate", "--files", &below]);
    assert!(
        error.starts_with(&format!("roomwatt: {below}: ")),
        "{error}"
    );
}

#[test]
fn what_can_not_be_is_refused() {
    for command in ["simulate", "demo"] {
        let error = misuse(&[command, "--world", "nowhere"]);
        assert!(error.contains("'nowhere'"), "{error}");
        for name in World::NAMES {
            assert!(error.contains(name), "{name}: {error}");
        }
    }
    for option in ["--speed", "--rate", "--backfill", "--config"] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new");
        let error = misuse(&[
            "simulate",
            "--files",
            &path.display().to_string(),
            option,
            "1",
        ]);
        assert!(error.contains("cannot be used with"), "{error}");
        assert!(!Path::new(&path).exists());
    }
}
