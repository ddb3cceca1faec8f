//! Timelines in plain text with the notices expected of them: `README.md` has the format.

mod message;
mod play;
#[path = "../support/player.rs"]
mod player;
mod text;

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::path::PathBuf;

use play::play;
use text::{Expected, Scenario, read};

#[test]
fn every_scenario_ends_as_it_expects() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(&folder).expect("the folder of the scenarios");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "txt"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no scenario in {}", folder.display());

    let mut wrong = String::new();
    for path in &files {
        let text = std::fs::read_to_string(path).expect("a readable scenario");
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Err(why) = run(&format!("tests/scenarios/{name}"), &text) {
            wrong += &why;
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Plays a scenario; the error says what is wrong with it, or how it came out instead.
fn run(file: &str, text: &str) -> Result<(), String> {
    let scenario = read(text).map_err(|wrong| format!("{file}:{wrong}\n"))?;
    compare(&scenario, play(&scenario)).map_err(|table| format!("{file}: not as expected\n{table}"))
}

/// What was expected and what came, side by side, where they differ.
fn compare(
    scenario: &Scenario,
    (mut got, finally): (Vec<Expected>, Vec<String>),
) -> Result<(), String> {
    let mut expected = scenario.expected.clone();
    expected.sort_by_key(|(_, notice)| notice.place());
    got.sort_by_key(Expected::place);

    let mut rows = Vec::new();
    let mut got = got.iter().peekable();
    let mut expected = expected.iter().peekable();
    loop {
        let order = match (expected.peek(), got.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((_, left)), Some(right)) => left.place().cmp(&right.place()),
        };
        let left = expected.next_if(|_| order.is_le());
        let right = got.next_if(|_| order.is_ge());
        let line = left.map_or(String::new(), |(line, _)| line.to_string());
        let nothing = || "-".to_owned();
        let left = left.map_or_else(nothing, |(_, notice)| notice.to_string());
        rows.push((line, left, right.map_or_else(nothing, Expected::to_string)));
    }
    for ((line, _, expected), got) in scenario.finally.iter().zip(finally) {
        rows.push((line.to_string(), expected.clone(), got));
    }
    if rows.iter().all(|(_, left, right)| left == right) {
        return Ok(());
    }
    let mut table = format!("  {:>4}    {:76} | {}\n", "line", "expected", "got");
    for (line, left, right) in rows {
        let mark = if left == right { "  " } else { "!!" };
        let _ = writeln!(table, "  {line:>4} {mark} {left:76} | {right}");
    }
    Err(table)
}

/// A small scenario that is right; the tests below break it line by line.
const RIGHT: &str = "\
# a heater left on
settings
  checkout_abnormal_threshold = 1.5
timeline
2023-04-10
  14:30 H001 101 check-out
  14:30 H001 101 meter 1000
  15:00..16:30 every 30 min H001 101 meter +2.10
expect
2023-04-10
  16:30 H001 101 alert since 14:30, 4 intervals, 8.40 kWh
  finally H001 101 vacant since 2023-04-10 14:30
";

#[test]
fn a_scenario_that_is_right_passes() {
    assert_eq!(run("x.txt", RIGHT), Ok(()));
}

#[test]
fn the_example_of_the_readme_passes() {
    let readme = include_str!("README.md");
    let (_, example) = readme.split_once("## An example").expect("the example");
    let lines = example.lines().skip(1);
    let block = lines.take_while(|line| line.is_empty() || line.starts_with("    "));
    let text: Vec<&str> = block.collect();
    assert_eq!(run("README.md", &text.join("\n")), Ok(()));
}

#[test]
fn a_difference_is_shown_side_by_side() {
    let notice = "  16:30 H001 101 alert since 14:30, 4 intervals, 8.40 kWh\n";
    let recovery = "  17:00 H001 101 recovered since 14:30, 4 intervals, 8.4 kWh\n";
    let wrong = RIGHT
        .replace(notice, &(notice.replace("8.40", "8.4") + recovery))
        .replace("vacant since", "occupied since");
    let table = run("x.txt", &wrong).expect_err("it is wrong");
    let halves = |row| str::split_once(row, " | ").expect("two halves");
    let rows: Vec<_> = table.lines().skip(1).map(halves).collect();
    let rows: Vec<_> = rows.iter().map(|(l, r)| (l.trim(), r.trim())).collect();
    assert_eq!(
        rows,
        [
            ("line    expected", "got"),
            (
                "11    2023-04-10 16:30 H001 101 alert since 14:30, 4 intervals, 8.40 kWh",
                "2023-04-10 16:30 H001 101 alert since 14:30, 4 intervals, 8.40 kWh",
            ),
            (
                "12 !! 2023-04-10 17:00 H001 101 recovered since 14:30, 4 intervals, 8.40 kWh",
                "-",
            ),
            (
                "13 !! finally H001 101 occupied since 2023-04-10 14:30",
                "finally H001 101 vacant since 2023-04-10 14:30",
            ),
        ]
    );

    let silent = RIGHT.replace(
        "  16:30 H001 101 alert since 14:30, 4 intervals, 8.40 kWh",
        "  nothing",
    );
    let why = run("x.txt", &silent).expect_err("an unexpected alert");
    assert!(why.contains("| 2023-04-10 16:30 H001 101 alert"), "{why}");
}

#[test]
fn a_mistake_is_reported_with_its_line() {
    for (from, to, why) in [
        (
            "settings",
            "setings",
            "x.txt:2: a section comes first: settings, timeline or expect",
        ),
        (
            "checkout_abnormal_threshold = 1.5",
            "checkout_threshold = 1.5",
            "x.txt:3: no setting is called checkout_threshold",
        ),
        (
            "threshold = 1.5",
            "threshold 1.5",
            "x.txt:3: a setting is written name = value",
        ),
        ("= 1.5", "= much", "x.txt:3: not a number of kWh: much"),
        (
            "checkout_abnormal_threshold = 1.5",
            "check_interval_minutes = half",
            "x.txt:3: not a whole number above zero: half",
        ),
        (
            "checkout_abnormal_threshold = 1.5",
            "H001 max_gap_minutes = 60",
            "x.txt:3: only thresholds can be set for one hotel or room, not max_gap_minutes",
        ),
        (
            "timeline\n2023-04-10",
            "timeline\n2023-04-31",
            "x.txt:5: not a date like 2023-04-10: 2023-04-31",
        ),
        (
            "timeline\n2023-04-10\n",
            "timeline\n",
            "x.txt:5: a date is needed first, as 2023-04-10 on a line of its own",
        ),
        (
            "14:30 H001 101 check-out",
            "25:00 H001 101 check-out",
            "x.txt:6: not a time like 14:30: 25:00",
        ),
        (
            "14:30 H001 101 check-out",
            "14:30 H001 101 checkout",
            "x.txt:6: not known: checkout (meter and a register, check-in, check-out, move to, \
             extension, check-in cancelled, check-out cancelled, out of order, in order, dirty, \
             clean)",
        ),
        (
            "14:30 H001 101 check-out",
            "14:30 H001 101",
            "x.txt:6: a line is a time, a hotel, a room and what happens",
        ),
        (
            "meter 1000",
            "meter",
            "x.txt:7: not known: meter (meter and a register, check-in, check-out, move to, \
             extension, check-in cancelled, check-out cancelled, out of order, in order, dirty, \
             clean)",
        ),
        (
            "meter 1000",
            "meter many",
            "x.txt:7: not a number of kWh: many",
        ),
        (
            "meter 1000",
            "meter +1",
            "x.txt:7: H001 101 has no register yet to count from",
        ),
        (
            "meter 1000",
            "meter 1000, arrived 15:00",
            "x.txt:7: not known after meter: arrived 15:00 (arrives)",
        ),
        (
            "meter 1000",
            "meter 1000, leaves 15:00",
            "x.txt:7: not known after meter: leaves 15:00 (arrives)",
        ),
        (
            "101 check-out",
            "101 check-out, stay A, until 15:00",
            "x.txt:6: not known after check-out: until 15:00 (arrives, stay, came)",
        ),
        (
            "101 check-out",
            "101 check-out, came 15:00",
            "x.txt:6: the service would refuse it: actual_checkout_time is before \
             actual_checkin_time",
        ),
        (
            "101 check-out",
            "101 move to",
            "x.txt:6: not known: move to (meter and a register, check-in, check-out, move to, \
             extension, check-in cancelled, check-out cancelled, out of order, in order, dirty, \
             clean)",
        ),
        (
            "every 30 min",
            "every 0 min",
            "x.txt:8: not a whole number above zero: 0",
        ),
        (
            "every 30 min",
            "each 30 min",
            "x.txt:8: a span is written 15:00..18:00 every 30 min",
        ),
        (
            "alert since",
            "alarm since",
            "x.txt:11: not known: alarm (alert, reminder, recovered, closed-by-gap, \
             closed-by-new-meter, closed-by-new-stay, closed-by-out-of-order)",
        ),
        (
            "4 intervals",
            "four intervals",
            "x.txt:11: not a whole number above zero: four",
        ),
        (
            "4 intervals, ",
            "",
            "x.txt:11: a notice is written: 16:30 H001 101 alert since 14:30, 4 intervals, 8.40 \
             kWh",
        ),
        (
            "vacant since",
            "empty since",
            "x.txt:12: an end is written: finally H001 101 vacant since 2023-04-10 14:30 \
             (occupied, not watched)",
        ),
    ] {
        let broken = RIGHT.replacen(from, to, 1);
        assert_ne!(broken, RIGHT, "{from}");
        assert_eq!(run("x.txt", &broken), Err(format!("{why}\n")), "{to}");
    }
    let silent: String = RIGHT
        .lines()
        .take(9)
        .map(|line| format!("{line}\n"))
        .collect();
    let why = "x.txt:9: nothing is expected; a scenario without notices has to say so: nothing\n";
    assert_eq!(run("x.txt", &silent), Err(why.to_owned()));
}
