//! `roomwatt backtest` against an oracle written independently from the specification.
//!
//! `ROOMWATT_ORACLE_SEED` and `ROOMWATT_ORACLE_CASES` choose the generated cases; those of a
//! failure stay in a named folder under the system's temporary directory.

mod oracle;
#[path = "oracle/tables.rs"]
mod tables;

use oracle::{Coverage, Settings, backtest, cases, exact_kwh};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// The settings that differ from the defaults, as arguments of the command.
fn arguments(s: &Settings) -> Vec<String> {
    let all = |s: &Settings| {
        [
            ("check_interval_minutes", s.interval_minutes.to_string()),
            (
                "checkin_abnormal_threshold",
                exact_kwh(s.checkin_threshold_wh),
            ),
            (
                "checkout_abnormal_threshold",
                exact_kwh(s.checkout_threshold_wh),
            ),
            ("continuous_alert_count", s.alert_count.to_string()),
            ("max_gap_minutes", s.max_gap_minutes.to_string()),
            ("silent_after_minutes", s.silent_after_minutes.to_string()),
            ("max_plausible_kwh", exact_kwh(s.max_plausible_wh)),
            (
                "register_modulus_kwh",
                s.modulus_wh.map(exact_kwh).unwrap_or_default(),
            ),
        ]
    };
    let pairs = all(s).into_iter().zip(all(&Settings::default()));
    let varied = pairs.filter(|(ours, default)| ours != default);
    varied
        .flat_map(|((name, value), _)| ["--set".to_string(), format!("{name}={value}")])
        .collect()
}

/// Runs the binary and the oracle on the same input; an error says how they differ.
fn compare(
    messages: &[u8],
    readings: &[u8],
    settings: &Settings,
    name: &str,
) -> Result<Coverage, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (messages_file, readings_file) = (
        folder.path().join("messages.jsonl"),
        folder.path().join("readings.csv"),
    );
    fs::write(&messages_file, messages).map_err(|error| error.to_string())?;
    fs::write(&readings_file, readings).map_err(|error| error.to_string())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomwatt"));
    command
        .arg("backtest")
        .arg("--messages")
        .arg(&messages_file)
        .arg("--readings")
        .arg(&readings_file);
    command.args(arguments(settings)).current_dir(folder.path());
    for (variable, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROOMWATT_"))
    {
        command.env_remove(variable);
    }
    let output = command.output().map_err(|error| error.to_string())?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = backtest(messages, readings, settings);

    let mut faults = Vec::new();
    if !output.status.success() {
        faults.push(format!("{}; stderr ends: {}", output.status, tail(&stderr)));
    }
    let got: Vec<&str> = stdout.lines().collect();
    if got != expected.lines {
        faults.push(difference(&expected.lines, &got));
    }
    let summary = stderr
        .lines()
        .rfind(|line| line.starts_with("backtest:"))
        .unwrap_or_default();
    let counts = [
        (
            "messages",
            expected.events + expected.ignored + expected.refused,
        ),
        ("events", expected.events),
        ("ignored", expected.ignored),
        ("refused", expected.refused),
        ("readings", expected.rows),
        ("bad", expected.bad_rows),
    ];
    for (name, count) in counts {
        let wanted = format!("{name}={count}");
        if !summary.split_whitespace().any(|word| word == wanted) {
            faults.push(format!(
                "the oracle counts {wanted}, the summary is {summary:?}"
            ));
        }
    }
    if faults.is_empty() {
        return Ok(expected.coverage);
    }
    let kept = std::env::temp_dir().join(format!("roomwatt-oracle-{name}"));
    keep(&kept, messages, readings, &expected.lines, &stdout, &stderr);
    let replay = format!(
        "roomwatt backtest --messages messages.jsonl --readings readings.csv {}",
        arguments(settings).join(" ")
    );
    Err(format!(
        "case {name} in {}: {replay}\n{settings:?}\n{}",
        kept.display(),
        faults.join("\n")
    ))
}

fn keep(
    folder: &Path,
    messages: &[u8],
    readings: &[u8],
    expected: &[String],
    stdout: &str,
    stderr: &str,
) {
    let expected = expected
        .iter()
        .map(|line| format!("{line}\n"))
        .collect::<String>();
    let files = [
        ("messages.jsonl", messages),
        ("readings.csv", readings),
        ("expected.jsonl", expected.as_bytes()),
        ("stdout.jsonl", stdout.as_bytes()),
        ("stderr.txt", stderr.as_bytes()),
    ];
    let _ = fs::create_dir_all(folder);
    for (name, bytes) in files {
        let _ = fs::write(folder.join(name), bytes);
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}

/// What lies between the common beginning and the common end, cut short.
fn difference(expected: &[String], got: &[&str]) -> String {
    let same = |(ours, theirs): &(&String, &&str)| ours == *theirs;
    let head = expected.iter().zip(got).take_while(same).count();
    let rest = (&expected[head..], &got[head..]);
    let foot = rest
        .0
        .iter()
        .rev()
        .zip(rest.1.iter().rev())
        .take_while(same)
        .count();
    let mut text = format!("--- oracle\n+++ roomwatt\n@@ line {} @@\n", head + 1);
    if head > 0 {
        text += &format!(" {}\n", expected[head - 1]);
    }
    for line in rest.0[..rest.0.len() - foot].iter().take(8) {
        text += &format!("-{line}\n");
    }
    for line in rest.1[..rest.1.len() - foot].iter().take(8) {
        text += &format!("+{line}\n");
    }
    text
}

/// What 200 cases must have met at least; the generator meets about twice as much or more.
const AT_LEAST: &str = "\
    alert 2000, reminder 2000, recovered 1500, gaps 600, runs ended by a gap 150, \
    meter changes 900, runs ended by a meter change 400, outliers dropped 800, new suspects 300, \
    undecided 1000, zeros that end no run 300, recovered by zero 100, rollovers 120, jitter 2500, \
    exactly on the threshold 2000, exactly the longest gap 500, began before the stay 800, \
    initial reading after the stay 180, reading before the stay too old 130, \
    repeated readings 1500, duplicate events 1000, runs ended by an event 600, \
    refused: not a JSON object 150, refused: too long 10, refused: msgType 25, \
    refused: no kind 40, refused: hotel_id 40, refused: room_number 50, refused: no stay time 25, \
    refused: unreadable time 50, refused: time of another type 15, \
    refused: check-out before its check-in 25, bad row: fields 100, bad row: key 120, \
    bad row: value 180, bad row: time 180";

#[test]
fn generated_cases_agree() {
    let number = |name: &str, default| match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} must be a number")),
        Err(_) => default,
    };
    let base: u64 = number("ROOMWATT_ORACLE_SEED", 20_230_410);
    let count: u64 = number("ROOMWATT_ORACLE_CASES", 200);
    println!("base seed {base}, {count} cases");
    let next = AtomicU64::new(0);
    let coverage = Mutex::new(Coverage::default());
    let failures = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while failures.lock().unwrap().len() < 3 {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    if nth >= count {
                        break;
                    }
                    let seed = base.wrapping_add(nth);
                    let case = cases::generate(seed);
                    match compare(
                        &case.messages,
                        &case.readings,
                        &case.settings,
                        &format!("seed-{seed}"),
                    ) {
                        Ok(covered) => coverage.lock().unwrap().add(&covered),
                        Err(text) => failures
                            .lock()
                            .unwrap()
                            .push(format!("seed {seed}: {text}")),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "base seed {base}\n{}",
        failures.join("\n\n")
    );
    let coverage = coverage.into_inner().unwrap();
    println!("{coverage:#?}");
    if count >= 200 {
        for (branch, least) in AT_LEAST
            .split(", ")
            .filter_map(|text| text.rsplit_once(' '))
        {
            let met = coverage.of(branch);
            assert!(
                least.parse().is_ok_and(|least| met >= least),
                "{branch}: only {met} of {least}"
            );
        }
    }
}
