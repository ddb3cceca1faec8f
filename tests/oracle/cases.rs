//! Seeded adversarial cases: settings, messages and readings around every edge of the rules.

use super::{CHECKIN, CHECKOUT, Settings, exact_kwh, seconds, text_of};
use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::ops::RangeBounds;

/// A seeded generator that can be shared.
struct Dice(RefCell<fastrand::Rng>);

impl Dice {
    fn range(&self, range: impl RangeBounds<i64>) -> i64 {
        self.0.borrow_mut().i64(range)
    }

    fn below(&self, count: usize) -> usize {
        self.0.borrow_mut().usize(..count)
    }

    fn one_in(&self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Clone>(&self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// One of the words between bars.
    fn word(&self, list: &str) -> String {
        self.pick(&list.split('|').collect::<Vec<_>>()).to_string()
    }

    fn shuffle<T>(&self, slice: &mut [T]) {
        self.0.borrow_mut().shuffle(slice);
    }
}

pub struct Case {
    pub settings: Settings,
    pub messages: Vec<u8>,
    pub readings: Vec<u8>,
}

/// The last ones are as long as an id may be.
const HOTELS: &str = "H1|h1|8001|北京饭店|H,1|H\"2|Hôtel 上海|H\\3\
    |酒店酒店酒店酒店酒店酒店酒店酒店酒店酒店酒店酒店酒店\
    酒店酒店酒店酒店酒店酒店酒店酒店酒店酒店酒店酒店";
const ROOMS: &str = "101|0101|a1|A1|1001|总统套房|12-3|205|1 2|ABCDEFGHIJ0123456789";

pub fn generate(seed: u64) -> Case {
    let dice = &Dice(RefCell::new(fastrand::Rng::with_seed(seed)));
    let settings = match seed % 5 {
        0 | 1 => varied(dice),
        _ => Settings::default(),
    };
    let day = seconds(2023, 1, 1) + dice.range(0..360) * 86_400;
    let start = dice.pick(&[seconds(2023, 12, 31), seconds(2024, 2, 28), day, day]);
    let end = start + dice.range(1..=4) * 86_400;
    let some = |most, list| -> BTreeSet<String> {
        (0..1 + dice.below(most)).map(|_| dice.word(list)).collect()
    };
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let mut rows: Vec<(i64, String)> = Vec::new();
    for hotel in &some(4, HOTELS) {
        for room in &some(6, ROOMS) {
            let (meter, marks) = meter(dice, &settings, start, end);
            let stays = stays(dice, &settings, &meter, &marks);
            for &(stay, kind) in &stays {
                for _ in 0..dice.pick(&[1, 1, 1, 1, 2, 3]) {
                    messages.push(message(dice, hotel, room, stay, kind).into_bytes());
                }
            }
            for _ in 0..dice.below(3) {
                messages.push(bad_message(dice, hotel, room, stays[0].0));
            }
            let good = |wh, time: &str| row(dice, hotel, room, &kwh(dice, wh), time);
            for &(time, wh) in &meter {
                rows.push((time, good(wh, &reading_time(dice, time))));
                if dice.one_in(64) {
                    // The same row again, or another value at the same time, before it or after it.
                    let wh = wh + dice.pick(&[0, 0, 1, 700, -700, 30_000]);
                    let at = rows.len() - dice.below(2);
                    rows.insert(at, (time, good(wh, &text_of(time))));
                }
            }
            for _ in 0..dice.below(4) {
                let (time, wh) = meter[dice.below(meter.len())];
                let odd = odd_row(dice, hotel, room, &kwh(dice, wh + 400), time);
                rows.insert(dice.below(rows.len() + 1), (time, odd));
            }
        }
    }
    match dice.below(4) {
        0 => dice.shuffle(&mut rows),
        1 => rows.sort_by_key(|row| row.0),
        2 => rows.reverse(),
        _ => {}
    }
    dice.shuffle(&mut messages);
    for blank in ["", "   "].into_iter().filter(|_| dice.one_in(2)) {
        messages.insert(dice.below(messages.len() + 1), blank.into());
    }
    let mut lines = vec![b"hotel_id,room_number,reading_value,script_time".to_vec()];
    lines.extend(rows.into_iter().map(|row| row.1.into_bytes()));
    Case {
        messages: join(dice, &messages),
        readings: join(dice, &lines),
        settings,
    }
}

fn join(dice: &Dice, lines: &[Vec<u8>]) -> Vec<u8> {
    let end: &[u8] = if dice.one_in(4) { b"\r\n" } else { b"\n" };
    let mut bytes = lines.join(end);
    if !dice.one_in(4) {
        bytes.extend(end);
    }
    bytes
}

fn varied(dice: &Dice) -> Settings {
    let interval = dice.pick(&[15, 30, 30, 60]);
    Settings {
        interval_minutes: interval,
        checkin_threshold_wh: dice.pick(&[2000, 300, 1234, 5000]),
        checkout_threshold_wh: dice.pick(&[1500, 300, 50, 1]),
        alert_count: dice.range(1..=6),
        max_gap_minutes: interval * dice.pick(&[2, 3, 4, 8]),
        silent_after_minutes: dice.pick(&[90, 90, 30, 31, 60, 240]),
        max_plausible_wh: dice.pick(&[20_000, 20_000, 8_000, 12_345]),
        modulus_wh: dice.pick(&[None, Some(100_000), Some(999_990), Some(10_000_000)]),
        ..Settings::default()
    }
}

/// Readings of one meter, and the times at which something special happens to it.
fn meter(dice: &Dice, s: &Settings, start: i64, end: i64) -> (Vec<(i64, i128)>, Vec<i64>) {
    let interval = s.interval_minutes * 60;
    let gap = s.max_gap_minutes * 60;
    let cadence = dice.pick(&[5, 7, 15, 20, 27, 30, 30, 30, 33, 45, 60, s.interval_minutes]) * 60;
    let shape = dice.below(6); // 0: jittered, 1: irregular, else regular
    let step = dice.pick(&[1, 1, 1, 10, 10, 100, 1000]); // the register's resolution in Wh
    let faults = dice.pick(&[0, 0, 5, 20, 20, 60]); // a thousand readings
    let high = (s.max_plausible_wh * 3 / 4).min(4000);
    let far = i128::from(dice.range(100_000..90_000_000));
    let modulus = s.modulus_wh.filter(|_| !dice.one_in(4));
    let mut register = match modulus {
        Some(modulus) => modulus - i128::from(dice.range(0..modulus as i64 / 8)),
        None => dice.pick(&[-60, 0, 995, far, far, far]),
    };
    let (mut time, mut change, mut level, mut rest) = (start + dice.pick(&[0, 0, 1, 777]), 0, 0, 0);
    let (mut readings, mut marks) = (Vec::new(), Vec::new());
    let mut forced: VecDeque<i128> = VecDeque::new();
    if dice.one_in(6) {
        // The first reading is an outlier.
        forced.push_back(register + dice.pick(&[50_000, 900_000, -50_000]));
        marks.push(time);
    }
    while time <= end {
        if time >= change {
            let threshold = dice.pick(&[s.checkin_threshold_wh, s.checkout_threshold_wh]);
            let above = [threshold + 1, threshold * 6 / 5, threshold * 2 + 3, high];
            let below = [threshold, threshold - 1, threshold / 2, threshold / 10, 0];
            let extreme = [s.max_plausible_wh, s.max_plausible_wh + 1];
            level = match dice.below(32) {
                0 => dice.pick(&extreme),
                1..18 => dice.pick(&above),
                _ => dice.pick(&below),
            };
            let hours = dice.pick(&[1, 3, 6, 14]) * 3600;
            change = time + dice.range(interval / 2..=hours);
        }
        let value = forced.pop_front().unwrap_or(register);
        let shown = modulus.map_or(value, |modulus| value.rem_euclid(modulus));
        readings.push((time, shown - shown.rem_euclid(step)));
        let mut elapsed = match shape {
            0 => cadence + dice.range(-cadence / 9..=cadence / 9),
            1 => dice.range(1..=interval * 3 / 2),
            _ => cadence,
        };
        if dice.below(1000) < faults {
            marks.push(time + elapsed);
            let jump = s.max_plausible_wh;
            match dice.below(12) {
                0 | 1 => elapsed = gap + dice.pick(&[0, 0, 1, 1, -1, 60, gap * 3]),
                2 => register = i128::from(dice.range(0..50)),
                3 => register = i128::from(dice.range(0..1_000_000)),
                4 | 5 => forced.push_back(register + dice.pick(&[jump * 2, jump * 40, -25, -jump])),
                6 => {
                    let first = register + dice.pick(&[jump * 3, -jump, -40]);
                    let other = register - jump * 9;
                    let second = dice.pick(&[first, first + 5, first + jump * 5, other]);
                    forced.extend([first, second]);
                }
                7 => forced.push_back(shown - dice.pick(&[10, 19, 20, 20, 21, 30])),
                8 => register -= dice.pick(&[10, 20, 20, 21, 30]),
                9 => {
                    // Whether a stay's initial reading is the one an interval before it, shows.
                    let first = register + jump * 3;
                    forced.extend([first, register, first + high * 2]);
                    elapsed = interval + 60;
                    marks.extend([time + interval, time + interval + 1]);
                }
                10 if modulus.is_some() => {
                    let modulus = modulus.unwrap_or(0);
                    let (from, to) = (modulus * 9 / 10, modulus / 10);
                    forced.extend([from + dice.pick(&[0, 1, 500]), to - dice.pick(&[0, 1, 500])]);
                    register = to + 50;
                }
                _ => {
                    let stretch = i128::from(elapsed.max(interval));
                    register += jump * stretch / i128::from(interval) + dice.pick(&[0, 1]);
                }
            }
        }
        rest += level * i128::from(elapsed);
        register += rest.div_euclid(i128::from(interval));
        rest = rest.rem_euclid(i128::from(interval));
        time += elapsed;
    }
    (readings, marks)
}

/// Stay times near readings, near what is special, and anywhere.
fn stays(dice: &Dice, s: &Settings, meter: &[(i64, i128)], marks: &[i64]) -> Vec<(i64, u8)> {
    let interval = s.interval_minutes * 60;
    let tolerance = interval / 10;
    let mut stays = Vec::new();
    for nth in 0..dice.pick(&[1, 2, 2, 3, 5, 8]) {
        let reading = meter[dice.below(meter.len())].0;
        let near = match dice.below(4) {
            _ if nth == 0 => meter[dice.below(meter.len().min(4))].0,
            0 if !marks.is_empty() => dice.pick(marks),
            _ => reading,
        };
        let edges = [0, 0, 1, tolerance, tolerance + 1, interval, interval + 1];
        let near_by = dice.pick(&edges) * dice.pick(&[1, 1, -1]);
        let stay = near + dice.pick(&[near_by, near_by, dice.range(-interval..interval)]);
        let kind = dice.pick(&[CHECKIN, CHECKOUT]);
        stays.push((stay, kind));
        if dice.one_in(8) {
            stays.push((stay, CHECKIN + CHECKOUT - kind));
        }
    }
    stays
}

// ---- messages ----

/// A time as a message may carry it: also with fraction, `T` and an offset.
fn message_time(dice: &Dice, time: i64) -> String {
    let offset = dice.word("||Z|+08:00|+0800|-03:30|+14:00");
    let minutes = match offset.as_str() {
        "Z" => 0,
        "-03:30" => -210,
        "+14:00" => 840,
        _ => 480,
    };
    let there = time - Settings::default().utc_offset_seconds + minutes * 60;
    format!("\"{}{offset}\"", reading_time(dice, there))
}

/// An id as JSON: bare where it is a number, else quoted and perhaps padded.
fn id(dice: &Dice, id: &str) -> String {
    let number = id.bytes().all(|byte| byte.is_ascii_digit()) && !id.starts_with('0');
    if number && dice.one_in(2) {
        return id.to_string();
    }
    let pad = dice.word("||| |\u{3000}|\t");
    serde_json::Value::from(format!("{pad}{id}{pad}")).to_string()
}

fn message(dice: &Dice, hotel: &str, room: &str, stay: i64, kind: u8) -> String {
    let length = dice.pick(&[-3600, 0, 1, 7200, 200_000]);
    let other = message_time(dice, stay + dice.range(-90_000..90_000));
    // For fields that the kind of message does not read.
    let noise = dice.word(&format!("12|\"soon\"|[]|{other}"));
    let absent = dice.word("null|\"\"");
    let now = message_time(dice, stay);
    let typed = !dice.one_in(4);
    let mut fields = vec![
        ("hotel_id", id(dice, hotel)),
        ("room_number", id(dice, room)),
    ];
    if !typed {
        fields.extend(dice.pick(&[None, Some(("msgType", absent.clone()))]));
    }
    if kind == CHECKIN {
        let expected = message_time(dice, stay + length);
        fields.push(("check_in_time", now));
        fields.push((
            "expected_checkout_time",
            dice.pick(&[expected.clone(), expected, absent]),
        ));
        fields.push((
            dice.pick(&["actual_checkout_time", "actual_checkin_time"]),
            noise,
        ));
        if typed {
            fields.push(("msgType", dice.word("\"5710005\"|5710005|\" 5710005 \"")));
        }
    } else {
        let began = message_time(dice, stay - length.abs());
        fields.push(("actual_checkout_time", now));
        if typed {
            fields.push(("actual_checkin_time", dice.pick(&[began, absent])));
            fields.push(("check_in_time", noise));
            fields.push(("msgType", dice.word("\"5710013\"|5710013|\" 5710013 \"")));
        } else {
            fields.push(("actual_checkin_time", began));
            fields.push(("check_in_time", absent));
        }
    }
    if dice.one_in(8) {
        fields.push(("remark", r#"{"a":[1,2.5,null,"\u4e2d"]}"#.to_string()));
    }
    dice.shuffle(&mut fields);
    let fields = fields
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"));
    let text = format!(
        "{{{}}}",
        fields.collect::<Vec<_>>().join(&dice.word(",|, "))
    );
    // Now and then just as long as a message may be.
    let spaces = if dice.one_in(300) {
        65_536 - text.len()
    } else {
        0
    };
    text + &" ".repeat(spaces)
}

/// Refused, each of them. Names in capitals are filled in.
const REFUSED: &str = r#"
[1]
"text"
{
nonsense
17
null
{}
{"hotel_id":}
WHOLEWHOLE
WHOLEPADDED
{"x":"BYTE",KEY,"check_in_time":NOW}
{WHOLE}
{KEY,"msgType":"5710005","check_in_time":NOW
{KEY,"msgType":"57\q10005","check_in_time":NOW}
{"hotel_id":ODD,"room_number":ROOM,"msgType":"5710005","check_in_time":NOW}
{"hotel_id":ODD,"room_number":ROOM,"actual_checkin_time":NOW,"actual_checkout_time":NOW}
{"hotel_id":HOTEL,"room_number":ODD,"msgType":"5710005","check_in_time":NOW}
{"hotel_id":HOTEL,"room_number":ODD,"actual_checkin_time":NOW,"actual_checkout_time":NOW}
{"hotel_id":HOTEL,"room_number":"长长长长长长长长长长长长长长长长长长长长长","check_in_time":NOW}
{"room_number":ROOM,"msgType":"5710005","check_in_time":NOW}
{"hotel_id":HOTEL,"msgType":"5710005","check_in_time":NOW}
{KEY,"msgType":"5710005","check_in_time":BROKEN}
{KEY,"check_in_time":BROKEN,"actual_checkin_time":NOW,"actual_checkout_time":NOW}
{KEY,"check_in_time":NOW,"expected_checkout_time":BROKEN}
{KEY,"msgType":5710013,"actual_checkout_time":BROKEN}
{KEY,"msgType":5710013,"actual_checkout_time":NOW,"actual_checkin_time":BROKEN}
{KEY,"actual_checkout_time":NOW,"actual_checkin_time":BROKEN}
{KEY,"msgType":5710013,"actual_checkout_time":NOW,"actual_checkin_time":LATER}
{KEY,"actual_checkout_time":NOW,"actual_checkin_time":LATER}
{KEY,"msgType":"5710005","actual_checkin_time":NOW,"actual_checkout_time":NOW}
{KEY,"msgType":"5710013","check_in_time":NOW,"actual_checkin_time":NOW}
{KEY,"msgType":null,"actual_checkin_time":NOW}
{KEY,"msgType":"","actual_checkout_time":NOW,"check_in_time":""}
{KEY}
{KEY,"msgType":UNKNOWN,"check_in_time":NOW}
{KEY,"msgType":UNKNOWN,"actual_checkin_time":NOW,"actual_checkout_time":NOW}
"#;
const ODD_IDS: &str = r#"""|null|"  "|1.5|true|["101"]|{}|"1\n1"|"1\u00071"|"1\u007f"|LONG"#;
const UNKNOWN_KINDS: &str =
    r#""5710099"|5710004|5710005.5|true|[5710005]|{}|"checkin"|"０"|" 5710013x""#;
const BROKEN_TIMES: &str = r#""2023-02-29 10:00:00"|"1900-02-29 10:00:00"|"2023-04-31 10:00:00"
|"2023-00-10 10:00:00"|"0000-00-00 00:00:00"|"DAY 24:00:00"|"DAY 10:00:60"|"DAY 10:60:00"|"DAY"
|"DAY  10:00:00"|"DAY 1:00:00"|"DAYT10"|"DAYT10:00:"|"TIME+8:00"|"TIME+08"
|"TIME CST"|"TIME."|"+TIME"|168110820|true|[]|{"a":1}|-1.5"#;

fn bad_message(dice: &Dice, hotel: &str, room: &str, stay: i64) -> Vec<u8> {
    let whole = r#"{KEY,"msgType":"5710005","check_in_time":NOW}"#;
    let line = dice.pick(&REFUSED.trim().lines().collect::<Vec<_>>());
    let text = text_of(stay);
    let line = (line.replace("WHOLE", whole))
        .replace("ODD", &dice.word(ODD_IDS))
        .replace("LONG", &format!("\"{}\"", "长".repeat(51)))
        .replace("UNKNOWN", &dice.word(UNKNOWN_KINDS))
        .replace("BROKEN", &dice.word(BROKEN_TIMES))
        .replace("KEY", r#""hotel_id":HOTEL,"room_number":ROOM"#)
        .replace("HOTEL", &serde_json::Value::from(hotel).to_string())
        .replace("ROOM", &serde_json::Value::from(room).to_string())
        .replace("NOW", &format!("\"{text}\""))
        .replace("LATER", &format!("\"{}\"", text_of(stay + 1)))
        .replace("TIME", &text)
        .replace("DAY", &text[..10]);
    if let Some((head, tail)) = line.split_once("BYTE") {
        return [head.as_bytes(), b"\xff", tail.as_bytes()].concat(); // not UTF-8
    }
    match line.strip_suffix("PADDED") {
        Some(whole) => (whole.to_string() + &" ".repeat(65_537 - whole.len())).into(), // too long
        None => line.into(),
    }
}

// ---- readings ----

fn reading_time(dice: &Dice, time: i64) -> String {
    let text = text_of(time);
    match dice.below(12) {
        0 => text.replace(' ', "T"),
        1 => text + &dice.word(".0|.5|.999999|.9999999999"),
        2 => text.replace('-', "/"),
        3 if text.ends_with(":00") => text[..16].to_string() + &dice.word("|+08:00"),
        4 => text + "+0800",
        _ => text,
    }
}

/// A register of so many Wh, with two to five decimals, or less where that says the same.
fn kwh(dice: &Dice, wh: i128) -> String {
    let sign = if wh < 0 {
        "-".to_string()
    } else {
        dice.word("|||||+|00")
    };
    let plain = format!("{}.{:03}", wh.abs() / 1000, wh.abs() % 1000);
    let text = match dice.below(8) {
        0 => plain + &dice.word("0|4|49|499999999999"), // rounds to the same
        1 => plain + &dice.word("5|50|99"),             // rounds away from zero
        2 | 3 => exact_kwh(wh.abs()),
        4 if wh % 10 == 0 => plain[..plain.len() - 1].to_string(),
        _ => plain,
    };
    dice.word("||||| ") + &sign + &text
}

fn row(dice: &Dice, hotel: &str, room: &str, value: &str, time: &str) -> String {
    let all = dice.one_in(20);
    let fields = [hotel, room, value, time].map(|field| match field.replace('"', "\"\"") {
        quoted if all || field.contains([',', '"']) => format!("\"{quoted}\""),
        plain => plain,
    });
    fields.join(",")
}

const ODD_VALUES: &str = "| |NULL|abc|12.|.5|1e|e3|1.e3|1e16|1e41|1 2|--5|+-5|NaN|inf|12,5|0x10\
    |１２|1.2.3|1234567890123456|5-|5kWh|+";
const ODD_TIMES: &str = "|NULL|DAY|TIMEz|TIME+8:00|TIME.|TIME.5x|DAY 24:00:00|DAY 10:00:60\
    |DAY10:00:00|DAY 1:00:00|2023-02-29 10:00:00|1900-02-29 10:00:00|2023-04-31 10:00:00\
    |2023-13-01 10:00:00|0000-00-00 00:00:00|0000-01-01 00:00:00|2023-4-1 1:00:00";

/// A row that is bad, or good but of a room that is not watched.
fn odd_row(dice: &Dice, hotel: &str, room: &str, value: &str, time: i64) -> String {
    let text = text_of(time);
    let odd_value = dice.word(ODD_VALUES);
    let odd_time = dice
        .word(ODD_TIMES)
        .replace("DAY", &text[..10])
        .replace("TIME", &text);
    match dice.below(12) {
        0 => row(dice, "", room, value, &text),
        1 => row(dice, hotel, "", value, &text),
        2 => row(dice, hotel, room, value, &text) + dice.pick(&[",", ",1", ",\"\""]),
        3 => format!("101,{value},{text}"),
        4 => row(dice, &format!(" {hotel}"), room, value, &text),
        5 => row(dice, hotel, &format!("{room} "), value, &text),
        6..9 => row(dice, hotel, room, &odd_value, &text),
        _ => row(dice, hotel, room, value, &odd_time),
    }
}
