//! An oracle for `roomwatt backtest`, written from the specification's sentences and from nothing else.
//!
//! It is slow and plain on purpose: each room gets its whole sorted list of events and of readings, then every watch
//! walks through its own readings. Registers are Wh in `i128`, times are seconds since 0001-01-01 in `i64`.

pub mod cases;

use serde_json::{Map, Value};
use std::collections::BTreeMap;

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
    let mut stays: BTreeMap<Key, Vec<Event>> = BTreeMap::new();
    for line in messages.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match read_message(line, settings) {
            Ok(Some((key, event))) => {
                out.events += 1;
                stays.entry(key).or_default().push(event);
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

    let mut told: Vec<(String, Key, String)> = Vec::new();
    for (key, mut room_events) in stays {
        // Section 2: ordered by (stay time, check-out before check-in), an equal one is a duplicate.
        let all = room_events.len();
        room_events.sort();
        room_events.dedup();
        (room_events.len()..all).for_each(|_| out.coverage.hit("duplicate events"));
        // Rule 1: of two readings with one time the first stored counts (a stable sort keeps the file's order).
        let mut room_readings = meters.remove(&key).unwrap_or_default();
        let all = room_readings.len();
        room_readings.sort_by_key(|reading| reading.0);
        room_readings.dedup_by_key(|reading| reading.0);
        (room_readings.len()..all).for_each(|_| out.coverage.hit("repeated readings"));
        for (nth, &event) in room_events.iter().enumerate() {
            // Section 3: up to and including the new stay time, readings are judged under the old watch.
            let until = room_events.get(nth + 1).map_or(i64::MAX, |next| next.0);
            for verdict in judge_watch(event, until, &room_readings, settings, &mut out.coverage) {
                let line = json_line(&key, event.1, &verdict);
                told.push((text_of(verdict.1), key.clone(), line));
            }
        }
    }
    // Section 8: ordered by (detected_time, hotel_id, room_number) as bytes; a stable sort keeps the watches' order.
    told.sort_by(|a, b| (a.0.as_bytes(), &a.1).cmp(&(b.0.as_bytes(), &b.1)));
    out.lines = told.into_iter().map(|(_, _, line)| line).collect();
    out
}

// ---- section 4: judging ----

/// Event name, detected_time, since, periods, energy in Wh.
type Verdict = (&'static str, i64, i64, i64, i128);

/// Rule 3: plausible from a to b? Then the difference, and the register b has when it becomes the sample.
fn plausible(a: Reading, b: Reading, s: &Settings) -> Option<(i128, i128)> {
    let interval = i128::from(s.interval_minutes * 60);
    let (difference, register) = if b.1 >= a.1 {
        (b.1 - a.1, b.1)
    } else if a.1 - b.1 <= 20 {
        (0, a.1) // "a fall of up to 0.02 is jitter: diff is zero and ... the higher register is kept"
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
    let mut run: Option<(i64, i128, i64, i64)> = None; // periods, energy, since, told
    let mut last_used = i64::MIN; // the end of the last judged interval that was not exactly zero

    // Section 3: the initial reading is the last one at or before the stay time, if at most one interval older ...
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
            // "at least an interval less its tolerance after it [...]; sooner, nothing is decided yet"
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
        // "But an interval of exactly zero neither counts nor ends a run that had alerted while less than
        // `silent_after_minutes` (90) have passed since the end of its last interval that was not."
        if diff == 0
            && run.is_some_and(|(_, _, _, told)| told > 0)
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
            let (had, energy, since, told) = run.unwrap_or((0, 0, base.0, 0));
            let (has, energy) = (had + periods, energy + diff);
            let event = match told {
                0 if has >= s.alert_count => "alert",
                1.. if has >= 2 * told => "reminder",
                _ => "",
            };
            if event.is_empty() {
                run = Some((has, energy, since, told));
            } else {
                verdicts.push((event, reading.0, since, has, energy));
                run = Some((has, energy, since, has));
            }
        } else if let Some((had, energy, since, told)) = run.take() {
            if told > 0 {
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
        "{{\"event\":\"{event}\",\"hotel_id\":{},\"room_number\":{},\"kind\":\"{}\",\"detected_time\":\"{}\",\
         \"since\":\"{}\",\"periods\":{periods},\"total_kwh\":{}}}",
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

// ---- section 2: messages ----

/// null and "" mean absent.
fn present<'a>(message: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let value = message.get(name)?;
    (!value.is_null() && value.as_str() != Some("")).then_some(value)
}

/// A string, trimmed, or a JSON integer.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_string()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// Ok(None) is an ignored message; an error is the (coverage) name of the reason.
fn read_message(line: &[u8], s: &Settings) -> Result<Option<(Key, Event)>, &'static str> {
    if line.len() > 65_536 {
        return Err("refused: too long");
    }
    let Ok(Value::Object(message)) = serde_json::from_slice(line) else {
        return Err("refused: not a JSON object");
    };
    let has = |name| present(&message, name).is_some();
    let kind = if let Some(value) = present(&message, "msgType") {
        let name = plain(value).ok_or("refused: msgType")?;
        if s.ignore.contains(&name) {
            return Ok(None);
        }
        match name.as_str() {
            "5710005" => CHECKIN,
            "5710013" => CHECKOUT,
            _ => return Err("refused: msgType"),
        }
    } else if has("check_in_time") {
        CHECKIN
    } else if has("actual_checkin_time") && has("actual_checkout_time") {
        CHECKOUT
    } else {
        return Err("refused: no kind");
    };
    let id = |name, most| {
        let text = present(&message, name).and_then(plain)?;
        let fits = !text.is_empty() && text.chars().count() <= most;
        (fits && !text.chars().any(char::is_control)).then_some(text)
    };
    let hotel = id("hotel_id", 50).ok_or("refused: hotel_id")?;
    let room = id("room_number", 20).ok_or("refused: room_number")?;
    // A time that is present and can't be read is refused; absent is Ok(None).
    let time = |name| match present(&message, name) {
        None => Ok(None),
        Some(Value::String(text)) => match read_time(text.as_bytes(), s.utc_offset_seconds) {
            Some(time) => Ok(Some(time)),
            None => Err("refused: unreadable time"),
        },
        Some(Value::Number(digits)) if digits.is_u64() => {
            match read_time(digits.to_string().as_bytes(), s.utc_offset_seconds) {
                Some(time) => Ok(Some(time)),
                None => Err("refused: unreadable time"),
            }
        }
        Some(_) => Err("refused: time of another type"),
    };
    let stay = if kind == CHECKIN {
        time("expected_checkout_time")?; // judges nothing here, but must be readable
        time("check_in_time")?.ok_or("refused: no stay time")?
    } else {
        let began = time("actual_checkin_time")?;
        let stay = time("actual_checkout_time")?.ok_or("refused: no stay time")?;
        if began.is_some_and(|began| stay < began) {
            return Err("refused: check-out before its check-in");
        }
        stay
    };
    let key = (hotel.into_bytes(), room.into_bytes());
    Ok(Some((key, (stay, kind))))
}

// ---- section 8: the CSV ----

fn read_csv(bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), Vec::new());
    let (mut quoted, mut fresh) = (false, true); // fresh: nothing of this field was read yet
    let mut bytes = bytes.iter().copied().chain([b'\n']).peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' if quoted && bytes.next_if_eq(&b'"').is_none() => quoted = false,
            _ if quoted => field.push(byte),
            b'"' if fresh => (quoted, fresh) = (true, false),
            b',' => {
                row.push(std::mem::take(&mut field));
                fresh = true;
            }
            b'\r' | b'\n' => {
                if !fresh || !row.is_empty() {
                    row.push(std::mem::take(&mut field));
                    rows.push(std::mem::take(&mut row));
                }
                fresh = true;
            }
            _ => {
                field.push(byte);
                fresh = false;
            }
        }
    }
    rows
}

fn read_row(row: &[Vec<u8>], s: &Settings) -> Result<(Key, Reading), &'static str> {
    let [hotel, room, value, time] = row else {
        return Err("bad row: fields");
    };
    // As those of messages: trimmed, as long as their columns, without control characters.
    let id = |bytes: &[u8], most| {
        let text = str::from_utf8(bytes).ok()?.trim();
        let fits = !text.is_empty() && text.chars().count() <= most;
        (fits && !text.chars().any(char::is_control)).then(|| text.as_bytes().to_vec())
    };
    let hotel = id(hotel, 50).ok_or("bad row: key")?;
    let room = id(room, 20).ok_or("bad row: key")?;
    let register = read_register(value).ok_or("bad row: value")?;
    let time = read_time(time, s.utc_offset_seconds).ok_or("bad row: time")?;
    Ok(((hotel, room), (time, register)))
}

/// `[+-]?[0-9]{1,15}(\.[0-9]+)?` kWh as Wh; more than three decimals round half away from zero. Of a number with an
/// exponent the point is moved first.
fn read_register(value: &[u8]) -> Option<i128> {
    let written = str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    let moved = match written.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => move_point(mantissa, exponent.parse().ok()?)?,
        None => written.to_string(),
    };
    let text = moved.as_str();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    if whole.len() > 15 || fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let padded = format!("{fraction}000");
    let (whole, part) = (
        number_of(whole.as_bytes())?,
        number_of(&padded.as_bytes()[..3])?,
    );
    let mut wh = i128::from(whole * 1000 + part);
    wh += i128::from(padded.as_bytes()[3] >= b'5');
    Some(if text.starts_with('-') { -wh } else { wh })
}

/// A decimal whose point is moved to the right, or to the left where `places` is negative.
fn move_point(mantissa: &str, places: i32) -> Option<String> {
    if places.abs() > 40 || mantissa.ends_with('.') {
        return None;
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = whole.trim_start_matches(['+', '-']);
    if digits.is_empty() {
        return None;
    }
    let zeros = "0".repeat(41);
    let all = format!("{zeros}{digits}{fraction}{zeros}");
    let point = usize::try_from(41 + digits.len() as i32 + places).ok()?;
    let sign = &whole[..whole.len() - digits.len()];
    let (left, right) = all.split_at(point);
    let left = left.trim_start_matches('0');
    Some(format!(
        "{sign}{}{left}.{right}",
        if left.is_empty() { "0" } else { "" }
    ))
}

// ---- times ----

const MONTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    MONTHS[month as usize - 1] + i64::from(leap && month == 2)
}

/// Seconds since 0001-01-01 00:00:00.
pub fn seconds(year: i64, month: i64, day: i64) -> i64 {
    let past = year - 1;
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    (past * 365 + past / 4 - past / 100 + past / 400 + months + day - 1) * 86_400
}

pub fn text_of(time: i64) -> String {
    let (mut year, mut month) = (1 + time / (366 * 86_400), 1); // at most a few years early
    while seconds(year + 1, 1, 1) <= time {
        year += 1;
    }
    let (mut days, second) = ((time - seconds(year, 1, 1)) / 86_400, time % 86_400);
    while days >= days_of(year, month) {
        days -= days_of(year, month);
        month += 1;
    }
    let day = days + 1;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// None when there are none, or anything but digits.
fn number_of(digits: &[u8]) -> Option<i64> {
    let digits = digits.iter().all(u8::is_ascii_digit).then_some(digits)?;
    str::from_utf8(digits).ok()?.parse().ok()
}

/// `YYYY-MM-DD HH:MM[:SS]`, `T` for the space, an optional fraction (dropped), an optional offset: then it is converted to
/// the zone, whose own offset is given. `YYYY/M/D H:MM[:SS]` has one digit or two. 10 digits are seconds since the
/// epoch, 13 milliseconds.
fn read_time(text: &[u8], zone: i64) -> Option<i64> {
    let text = str::from_utf8(text)
        .ok()?
        .trim_matches([' ', '\t', '\n', '\r']);
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if all_digits(text) {
        let number: i64 = text.parse().ok()?;
        let since = match text.len() {
            10 => number,
            13 => number / 1000,
            _ => return None,
        };
        return Some(seconds(1970, 1, 1) + since + zone);
    }
    let place = text.find([' ', 'T'])?;
    let (date, clock) = (&text[..place], &text[place + 1..]);
    let separator = if date.contains('/') { '/' } else { '-' };
    let field = |text: &str, least, most| {
        (all_digits(text) && (least..=most).contains(&text.len()))
            .then(|| number_of(text.as_bytes()))?
    };
    let narrow = if separator == '/' { 1 } else { 2 };
    let [year, month, day] = date.split(separator).collect::<Vec<_>>().try_into().ok()?;
    let (year, month, day) = (
        field(year, 4, 4)?,
        field(month, narrow, 2)?,
        field(day, narrow, 2)?,
    );
    // What the clock says ends where its digits, colons and fraction do; a colon of the offset is not its own.
    let end = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (clock, offset) = clock.split_at(end);
    let parts: Vec<&str> = clock.split(':').collect();
    let (hour, minute, second) = match parts[..] {
        [hour, minute] => (hour, minute, "00"),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let second = match second.split_once('.') {
        Some((second, fraction)) => all_digits(fraction).then_some(second)?,
        None => second,
    };
    let (hour, minute, second) = (
        field(hour, narrow, 2)?,
        field(minute, 2, 2)?,
        field(second, 2, 2)?,
    );
    let day_exists =
        year > 0 && (1..=12).contains(&month) && day > 0 && day <= days_of(year, month);
    if !day_exists || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let local = seconds(year, month, day) + hour * 3600 + minute * 60 + second;
    let (sign, hours, minutes) = match *offset.as_bytes() {
        [] => return Some(local),
        [b'Z'] => (1, 0, 0),
        [sign, a, b, b':', c, d] | [sign, a, b, c, d] => (
            if sign == b'+' { 1 } else { -1 },
            number_of(&[a, b])?,
            number_of(&[c, d])?,
        ),
        _ => return None,
    };
    let ahead = sign * (hours * 3600 + minutes * 60);
    (hours < 24 && minutes < 60).then_some(local - ahead + zone)
}
