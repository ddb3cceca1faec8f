//! An oracle for `roomwatt backtest`, written from the specification's sentences and from nothing
//! else.
//!
//! It is slow and plain on purpose: each room gets its whole sorted list of events and of readings,
//! then every watch walks through its own readings. Registers are Wh in `i128`, times are seconds
//! since 0001-01-01 in `i64`.

pub mod cases;
#[path = "../occupancy/oracle/mod.rs"]
#[expect(dead_code, reason = "the suite `occupancy` asks for more of it")]
mod occupancy;
mod written;

use occupancy::Fact;
use serde_json::Value;
use std::collections::BTreeMap;
use written::{read_csv, read_message, read_row};
pub use written::{seconds, text_of};

#[derive(Clone, Debug)]
pub struct Settings {
    pub interval_minutes: i64,
    pub checkin_threshold_wh: i128,
    pub checkout_threshold_wh: i128,
    pub alert_count: i64,
    pub max_gap_minutes: i64,
    pub silent_after_minutes: i64,
    pub max_plausible_wh: i128,
    pub modulus_wh: Option<i128>,
    pub utc_offset_seconds: i64,
    pub ignore: Vec<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            interval_minutes: 30,
            checkin_threshold_wh: 2000,
            checkout_threshold_wh: 1500,
            alert_count: 4,
            max_gap_minutes: 120,
            silent_after_minutes: 90,
            max_plausible_wh: 20_000,
            modulus_wh: None,
            utc_offset_seconds: 8 * 3600,
            ignore: Vec::new(),
        }
    }
}

/// How often each branch of the rules was taken.
#[derive(Default, Debug)]
pub struct Coverage(pub BTreeMap<&'static str, usize>);

impl Coverage {
    fn hit(&mut self, branch: &'static str) {
        *self.0.entry(branch).or_default() += 1;
    }

    pub fn add(&mut self, other: &Coverage) {
        for (branch, count) in &other.0 {
            *self.0.entry(branch).or_default() += count;
        }
    }

    pub fn of(&self, branch: &str) -> usize {
        self.0.get(branch).copied().unwrap_or(0)
    }
}

#[derive(Default)]
pub struct Outcome {
    pub lines: Vec<String>,
    pub events: usize,
    pub ignored: usize,
    pub refused: usize,
    pub rows: usize,
    pub bad_rows: usize,
    pub coverage: Coverage,
}

/// A kind is ordered so that (stay time, kind) sorts as section 2 says: check-out before check-in.
pub const CHECKOUT: u8 = 0;
pub const CHECKIN: u8 = 1;

type Event = (i64, u8); // stay time, kind
type Reading = (i64, i128); // time, register
type Key = (Vec<u8>, Vec<u8>); // hotel, room: byte for byte

pub fn backtest(messages: &[u8], readings: &[u8], settings: &Settings) -> Outcome {
    let mut out = Outcome::default();
    let mut facts: BTreeMap<Key, Vec<Fact>> = BTreeMap::new();
    for line in messages.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match read_message(line, settings) {
            Ok(Some((key, fact))) => {
                out.events += 1;
                facts.entry(key).or_default().push(fact);
            }
            Ok(None) => out.ignored += 1,
            Err(reason) => {
                out.refused += 1;
                out.coverage.hit(reason);
            }
        }
    }

    let mut meters: BTreeMap<Key, Vec<Reading>> = BTreeMap::new();
    for row in read_csv(readings).into_iter().skip(1) {
        out.rows += 1;
        match read_row(&row, settings) {
            Ok((key, reading)) => meters.entry(key).or_default().push(reading),
            Err(reason) => {
                out.bad_rows += 1;
                out.coverage.hit(reason);
            }
        }
    }

    let mut verdicts: Vec<(String, Key, String)> = Vec::new();
    for (key, room_facts) in facts {
        for (nth, fact) in room_facts.iter().enumerate() {
            if room_facts[..nth].contains(fact) {
                out.coverage.hit("duplicate events");
            }
        }
        // OCCUPANCY.md, section 1: each piece is watched; `match_minutes` is 10.
        let room_events: Vec<Event> = occupancy::pieces(&room_facts, 600)
            .into_iter()
            .map(|(since, is_occupied)| (since, u8::from(is_occupied)))
            .collect();
        // Rule 1: of two readings with one time the first stored counts; a stable sort keeps the
        // file's order.
        let mut room_readings = meters.remove(&key).unwrap_or_default();
        let all = room_readings.len();
        room_readings.sort_by_key(|reading| reading.0);
        room_readings.dedup_by_key(|reading| reading.0);
        (room_readings.len()..all).for_each(|_| out.coverage.hit("repeated readings"));
        for (nth, &event) in room_events.iter().enumerate() {
            // Section 3: readings up to and including the new stay time are judged under the old
            // watch.
            let until = room_events.get(nth + 1).map_or(i64::MAX, |next| next.0);
            for verdict in judge_watch(event, until, &room_readings, settings, &mut out.coverage) {
                let line = json_line(&key, event.1, &verdict);
                verdicts.push((text_of(verdict.1), key.clone(), line));
            }
        }
    }
    // Section 8: ordered by (detected_time, hotel_id, room_number) as bytes; a stable sort keeps
    // the watches' order.
    verdicts.sort_by(|a, b| (a.0.as_bytes(), &a.1).cmp(&(b.0.as_bytes(), &b.1)));
    out.lines = verdicts.into_iter().map(|(_, _, line)| line).collect();
    out
}

// ---- section 4: judging ----

/// Event name, detected_time, since, periods, energy in Wh.
type Verdict = (&'static str, i64, i64, i64, i128);

/// Rule 3: plausible from a to b? Then the difference, and the register b has when it becomes the
/// sample.
fn plausible(a: Reading, b: Reading, s: &Settings) -> Option<(i128, i128)> {
    let interval = i128::from(s.interval_minutes * 60);
    let (difference, register) = if b.1 >= a.1 {
        (b.1 - a.1, b.1)
    } else if a.1 - b.1 <= 20 {
        // "A fall of up to 0.02 is jitter: diff is zero and [...] the higher register is kept."
        (0, a.1)
    } else if let Some(modulus) = s.modulus_wh
        && (a.1 * 10 > modulus * 9 && b.1 * 10 < modulus && a.1 <= modulus + b.1)
    {
        (modulus - a.1 + b.1, b.1) // "from above 90 % of it to below 10 % of it is a rollover"
    } else {
        return None;
    };
    let elapsed = i128::from(b.0 - a.0);
    (difference * interval <= s.max_plausible_wh * elapsed.max(interval))
        .then_some((difference, register))
}

fn judge_watch(
    (stay, kind): Event,
    until: i64,
    readings: &[Reading],
    s: &Settings,
    coverage: &mut Coverage,
) -> Vec<Verdict> {
    let interval = s.interval_minutes * 60;
    let tolerance = interval / 10; // a whole number: minutes * 60 / 10
    let threshold = [s.checkout_threshold_wh, s.checkin_threshold_wh][usize::from(kind)];
    let mut verdicts: Vec<Verdict> = Vec::new();
    let mut sample: Option<Reading> = None;
    let mut suspect: Option<Reading> = None;
    let mut seen: Option<i64> = None;
    let mut run: Option<(i64, i128, i64, i64)> = None; // periods, energy, since, notified
    let mut last_used = i64::MIN; // the end of the last judged interval that was not exactly zero

    // Section 3: the initial reading is the last one at or before the stay time, if at most one
    // interval older ...
    if let Some(&last) = readings.iter().rfind(|reading| reading.0 <= stay) {
        if stay - last.0 <= interval {
            sample = Some(last);
            seen = Some(last.0);
            coverage.hit("initial reading before the stay");
        } else {
            coverage.hit("reading before the stay too old");
        }
    }
    for &reading in readings.iter().filter(|r| r.0 > stay && r.0 <= until) {
        // Rule 1.
        if seen.is_some_and(|seen| reading.0 <= seen) {
            continue;
        }
        seen = Some(reading.0);
        // Rule 2 (and "... else the first reading after it").
        let Some(mut base) = sample else {
            sample = Some(reading);
            coverage.hit("initial reading after the stay");
            continue;
        };
        // Rule 3.
        let (diff, register) = if let Some(fine) = plausible(base, reading, s) {
            if suspect.take().is_some() {
                coverage.hit("outliers dropped");
            }
            fine
        } else if let Some(held) = suspect
            && let Some(fine) = plausible(held, reading, s)
        {
            // "At least an interval less its tolerance after it [...]; sooner, nothing is decided
            // yet."
            if reading.0 - held.0 < interval - tolerance {
                coverage.hit("undecided");
                continue;
            }
            coverage.hit("meter changes");
            if run.take().is_some() {
                coverage.hit("runs ended by a meter change");
            }
            suspect = None;
            sample = Some(held);
            base = held;
            fine
        } else {
            let again = suspect.replace(reading).is_some();
            coverage.hit(if again { "new suspects" } else { "suspects" });
            continue;
        };
        let elapsed = reading.0 - base.0;
        // Rule 4.
        if elapsed < interval - tolerance {
            coverage.hit("inside an interval");
            continue;
        }
        if reading.1 < base.1 {
            coverage.hit(["jitter", "rollovers"][usize::from(register == reading.1)]);
        }
        sample = Some((reading.0, register));
        // Rule 5.
        if elapsed > s.max_gap_minutes * 60 {
            coverage.hit("gaps");
            if run.take().is_some() {
                coverage.hit("runs ended by a gap");
            }
            continue;
        }
        // Rule 6.
        if stay - base.0 > tolerance {
            coverage.hit("began before the stay");
            continue;
        }
        // Rule 7.
        let periods = (elapsed + tolerance) / interval;
        // "But an interval of exactly zero neither counts nor ends a run that had alerted while
        // less than `silent_after_minutes` (90) have passed since the end of its last interval
        // that was not."
        if diff == 0
            && run.is_some_and(|(_, _, _, notified)| notified > 0)
            && reading.0 - last_used < s.silent_after_minutes * 60
        {
            coverage.hit("zeros that end no run");
            continue;
        }
        if diff != 0 {
            last_used = reading.0;
        }
        let (left, right) = (diff * i128::from(interval), threshold * i128::from(elapsed));
        if left == right {
            coverage.hit("exactly on the threshold");
        }
        if elapsed == s.max_gap_minutes * 60 {
            coverage.hit("exactly the longest gap");
        }
        if left > right {
            let (had, energy, since, notified) = run.unwrap_or((0, 0, base.0, 0));
            let (has, energy) = (had + periods, energy + diff);
            let event = match notified {
                0 if has >= s.alert_count => "alert",
                1.. if has >= 2 * notified => "reminder",
                _ => "",
            };
            if event.is_empty() {
                run = Some((has, energy, since, notified));
            } else {
                verdicts.push((event, reading.0, since, has, energy));
                run = Some((has, energy, since, has));
            }
        } else if let Some((had, energy, since, notified)) = run.take() {
            if notified > 0 {
                if diff == 0 {
                    coverage.hit("recovered by zero");
                }
                verdicts.push(("recovered", reading.0, since, had, energy));
            } else {
                coverage.hit("runs ended quietly");
            }
        }
    }
    for verdict in &verdicts {
        coverage.hit(verdict.0);
    }
    if run.is_some() && until < i64::MAX {
        coverage.hit("runs ended by an event");
    }
    verdicts
}

// ---- section 8: the lines ----

fn json_line(key: &Key, kind: u8, &(event, detected, since, periods, energy): &Verdict) -> String {
    let quoted = |id: &[u8]| Value::from(String::from_utf8_lossy(id)).to_string();
    format!(
        "{{\"event\":\"{event}\",\"hotel_id\":{},\"room_number\":{},\"kind\":\"{}\",\
         \"detected_time\":\"{}\",\"since\":\"{}\",\"periods\":{periods},\"total_kwh\":{}}}",
        quoted(&key.0),
        quoted(&key.1),
        ["checkout", "checkin"][usize::from(kind)],
        text_of(detected),
        text_of(since),
        exact_kwh(energy),
    )
}

/// Exact decimal of an amount that isn't negative, without trailing zeros.
pub fn exact_kwh(wh: i128) -> String {
    let text = format!("{}.{:03}", wh / 1000, wh % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}
