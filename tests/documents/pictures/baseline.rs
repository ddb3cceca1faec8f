//! How the baseline rule works: a vacant room in which something is switched on, as the rule judges
//! it.

use roomwatt::engine::baseline::{EventKind, Finding};
use roomwatt::engine::{BaselineMode, Rules, Stay};
use roomwatt::review::{Room, unusual};
use roomwatt::types::{LocalTime, Reading, RoomKey, WattHours};

use super::drawing::{Drawing, Style, width};

const FONTS: &str = super::card::FONTS;

const WIDTH: f64 = 700.0;
const LEFT: f64 = 16.0;
const BAR: f64 = 18.0;
const STEP: f64 = 20.0;
/// The bottoms of both charts, and their heights: of 0.8 kWh, and of 1.6 kWh.
const USED: (f64, f64) = (196.0, 130.0);
const ACCOUNT: (f64, f64) = (352.0, 110.0);
const HEIGHT: f64 = 384.0;

const INK: &str = "#1f2328";
const GREY: &str = "#59636e";
const USUAL: &str = "#c5d9ec";
const BAND: &str = "#e6f0d8";
const UNUSUAL: &str = "#d9822b";
const ALARM: &str = "#cf222e";

const TEXT: Style = Style {
    size: 13.0,
    colour: GREY,
    is_bold: false,
};
const HEAD: Style = Style {
    size: 14.0,
    colour: INK,
    is_bold: true,
};
const ALERT: Style = Style {
    size: 13.0,
    colour: ALARM,
    is_bold: true,
};

/// How many intervals are shown, from the check-out on.
const INTERVALS: i64 = 33;
/// In which of them an air conditioner is on.
const ON: std::ops::Range<i64> = 8..21;

/// A judged interval.
#[derive(Clone, Copy)]
struct Interval {
    ended: LocalTime,
    /// Wh.
    used: i64,
    base: i64,
    allowed: i64,
    account: i64,
    is_alert: bool,
}

/// The texts of a language.
pub struct Texts {
    pub used: &'static str,
    pub used_by_itself: &'static str,
    pub band: &'static str,
    pub above: &'static str,
    pub account: &'static str,
    pub alarm: &'static str,
    pub alert: &'static str,
    pub recovered: &'static str,
}

pub const ENGLISH: Texts = Texts {
    used: "Room 308, vacant: kWh in 30 minutes",
    used_by_itself: "used",
    band: "allowed: what it uses by itself, and 0.1",
    above: "used above that",
    account: "Its account: what was used above that, added up, at most 0.35 each time",
    alarm: "0.8 kWh",
    alert: "alert",
    recovered: "two half hours empty it",
};

pub const CHINESE: Texts = Texts {
    used: "空房 308：每 30 分钟用电（kWh）",
    used_by_itself: "用电",
    band: "允许：本房基数加 0.1",
    above: "超出部分",
    account: "账户：超出部分累计，每次最多 0.35",
    alarm: "0.8 kWh",
    alert: "报警",
    recovered: "两个半小时即清零",
};

/// A room whose guests come at noon and leave at 8 o'clock; what it uses by itself differs a little
/// from half hour to half hour. Until the third check-out, and the intervals after it.
fn room(number: i64, has_trouble: bool) -> (Room, LocalTime) {
    let start = LocalTime::parse("2024-03-04 08:00:00").expect("a time");
    let mut room = Room::new(RoomKey::new("H001", &number.to_string()));
    for day in 0..3 {
        let check_in = start.plus(day * 86_400 + 4 * 3_600);
        let actual_checkin = (day > 0).then(|| check_in.plus(-86_400));
        room.stays.push(Stay::Vacant {
            actual_checkin,
            actual_checkout: start.plus(day * 86_400),
        });
        if day < 2 {
            room.stays.push(Stay::Occupied {
                check_in,
                expected_checkout: None,
            });
        }
    }
    let last = start.plus(2 * 86_400);
    let mut register = 100_000;
    for at in 0..=2 * 48 + INTERVALS {
        let time = start.plus(at * 1_800);
        register += 30 + number % 10 * 4 + (at * 7 + number * 5) % 17;
        let is_on = time > last && ON.contains(&(at - 2 * 48 - 1));
        register += if has_trouble && is_on { 560 } else { 0 };
        room.readings.push(Reading {
            time,
            register: WattHours(register),
        });
    }
    (room, last)
}

/// The room after its last check-out, as the rule judges it.
fn judged() -> Vec<Interval> {
    let rooms: Vec<(Room, LocalTime)> = (301..=308).map(|at| room(at, at == 308)).collect();
    let vacant = rooms[7].1;
    let rooms: Vec<&Room> = rooms.iter().map(|(room, _)| room).collect();
    let mut rules = Rules::default();
    rules.baseline.mode = BaselineMode::On;
    let mut intervals = Vec::new();
    unusual(&rooms, &rules, LocalTime::FIRST, |at, interval, verdict| {
        if let Finding::Vacant {
            tolerance, account, ..
        } = verdict.kind
            && at == 7
            && interval.opened >= vacant
        {
            intervals.push(Interval {
                ended: interval.ended,
                used: verdict.used,
                base: verdict.base,
                allowed: tolerance,
                account,
                is_alert: { verdict.event.iter() }.any(|event| event.kind == EventKind::Alert),
            });
        }
    });
    intervals
}

pub fn draw(texts: &Texts, language: &str) -> String {
    let intervals = judged();
    let mut drawing = Drawing::new(WIDTH);
    drawing.rectangle([0.0, 0.0, WIDTH, HEIGHT], 10.0, "#d1d9e0");
    drawing.rectangle([1.0, 1.0, WIDTH - 2.0, HEIGHT - 2.0], 9.0, "#ffffff");

    drawing.text([LEFT, 28.0], texts.used, HEAD, None);
    legend(
        &mut drawing,
        [
            (USUAL, texts.used_by_itself),
            (BAND, texts.band),
            (UNUSUAL, texts.above),
        ],
    );
    drawing.text([LEFT, 240.0 - 14.0], texts.account, HEAD, None);
    let (bottom, height) = ACCOUNT;
    let alarm = bottom - height / 2.0;
    for (at, interval) in intervals.iter().enumerate() {
        let x = LEFT + at as f64 * STEP;
        let bar =
            |drawing: &mut Drawing, (bottom, height): (f64, f64), most, wh: [i64; 2], fill| {
                let [from, to] =
                    wh.map(|wh: i64| bottom - height * wh.min(most) as f64 / most as f64);
                if from > to {
                    let size = [x, to, BAR, from - to].map(|value| (value * 10.0).round() / 10.0);
                    drawing.rectangle(size, 0.0, fill);
                }
            };
        let limit = interval.base + interval.allowed;
        bar(&mut drawing, USED, 800, [0, limit], BAND);
        bar(
            &mut drawing,
            USED,
            800,
            [0, interval.used.min(limit)],
            USUAL,
        );
        bar(&mut drawing, USED, 800, [limit, interval.used], UNUSUAL);
        let fill = if interval.account >= 800 {
            ALARM
        } else {
            UNUSUAL
        };
        bar(&mut drawing, ACCOUNT, 1_600, [0, interval.account], fill);
        if interval.is_alert {
            let end = x + BAR;
            drawing.rectangle([end, 66.0, 1.5, ACCOUNT.0 - 66.0], 0.0, ALARM);
            let label = format!("{} {}", texts.alert, clock(interval));
            drawing.text([end + 6.0, 82.0], &label, ALERT, None);
        }
    }
    for (bottom, _) in [USED, ACCOUNT] {
        drawing.rectangle([LEFT, bottom, WIDTH - 2.0 * LEFT, 1.0], 0.0, GREY);
    }
    drawing.rectangle([LEFT, alarm, WIDTH - 2.0 * LEFT, 1.0], 0.0, ALARM);
    drawing.text([LEFT, alarm - 4.0], texts.alarm, ALERT, None);
    let emptied = intervals.iter().rposition(|interval| interval.account > 0);
    let emptied = LEFT + (emptied.unwrap_or_default() + 1) as f64 * STEP;
    drawing.text([emptied + 6.0, alarm + 20.0], texts.recovered, TEXT, None);
    for at in (3..intervals.len()).step_by(4) {
        let clock = clock(&intervals[at]);
        let x = LEFT + at as f64 * STEP + BAR - width(&clock, TEXT) / 2.0;
        drawing.text([x, ACCOUNT.0 + 18.0], &clock, TEXT, None);
    }
    drawing.finish(HEIGHT, language, FONTS)
}

/// When an interval ended.
fn clock(interval: &Interval) -> String {
    let day_and_time = interval.ended.day_hour_minute();
    let (_, clock) = day_and_time.split_once(' ').expect("a day and a time");
    clock.to_owned()
}

/// What the colours mean, below the first heading.
fn legend(drawing: &mut Drawing, meanings: [(&str, &str); 3]) {
    let mut x = LEFT;
    for (fill, text) in meanings {
        drawing.rectangle([x, 39.0, 12.0, 12.0], 2.0, fill);
        drawing.text([x + 18.0, 50.0], text, TEXT, None);
        x += 18.0 + width(text, TEXT) + 20.0;
    }
}
