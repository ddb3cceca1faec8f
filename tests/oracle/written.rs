//! Messages, rows, registers and times as they are written, read as sections 2 and 8 say.

use super::occupancy::Fact;
use super::{CHECKIN, CHECKOUT, Key, Reading, Settings};
use serde_json::{Map, Value};

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
pub(super) fn read_message(line: &[u8], s: &Settings) -> Result<Option<(Key, Fact)>, &'static str> {
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
    let fact = if kind == CHECKIN {
        time("expected_checkout_time")?; // judges nothing here, but must be readable
        Fact::Arrival {
            id: None,
            since: time("check_in_time")?.ok_or("refused: no stay time")?,
            named: None,
            expected: None,
        }
    } else {
        let began = time("actual_checkin_time")?;
        let stay = time("actual_checkout_time")?.ok_or("refused: no stay time")?;
        if began.is_some_and(|began| stay < began) {
            return Err("refused: check-out before its check-in");
        }
        Fact::Departure {
            id: None,
            checkin: began,
            until: stay,
        }
    };
    let key = (hotel.into_bytes(), room.into_bytes());
    Ok(Some((key, fact)))
}

// ---- section 8: the CSV ----

pub(super) fn read_csv(bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
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

pub(super) fn read_row(row: &[Vec<u8>], s: &Settings) -> Result<(Key, Reading), &'static str> {
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

/// `[+-]?[0-9]{1,15}(\.[0-9]+)?` kWh as Wh; more than three decimals round half away from zero. Of
/// a number with an exponent the point is moved first.
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

/// `YYYY-MM-DD HH:MM[:SS]`, `T` for the space, an optional fraction (dropped), an optional offset:
/// then it is converted to the zone, whose own offset is given. `YYYY/M/D H:MM[:SS]` has one digit
/// or two. 10 digits are seconds since the epoch, 13 milliseconds.
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
    // What the clock says ends where its digits, colons and fraction do; a colon of the offset is
    // not its own.
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
