//! A notice as the staff sees it.

use serde_json::{Value, json};

use crate::config::Language;
use crate::engine::{Interval, NoticeKind, RoomNotice, Stay};
use crate::types::{LocalTime, WattHours};

/// A notice in the staff's language, not yet in Feishu's.
pub(super) struct Card {
    title: String,
    colour: &'static str,
    /// What is said, by its name.
    lines: Vec<(&'static str, String)>,
    number: String,
}

impl Card {
    /// `number` makes a repeated delivery recognisable.
    pub(super) fn new(
        number: u64,
        notice: &RoomNotice,
        language: Language,
        price: Option<f64>,
    ) -> Card {
        let words = match language {
            Language::Zh => &ZH,
            Language::En => &EN,
        };
        let title = match notice.kind {
            NoticeKind::Alert => words.alert,
            NoticeKind::Reminder => words.reminder,
            NoticeKind::Recovered => words.recovered,
        };
        // Colour comes from what it is, so that a recovery is never red.
        let colour = match notice.kind {
            NoticeKind::Alert => "red",
            NoticeKind::Reminder => "orange",
            NoticeKind::Recovered => "green",
        };
        let room = &notice.room;
        Card {
            title: format!("{title} {} · {}", room.hotel_id, room.room_number),
            colour,
            lines: lines(words, notice, price),
            number: format!("{} {number}", words.number),
        }
    }

    /// Feishu's card JSON 1.0. Everything is plain text: data can't mention people or make links.
    pub(super) fn feishu(&self) -> Value {
        let fields: Vec<Value> = self
            .lines
            .iter()
            .map(|(name, value)| {
                json!({"is_short": false, "text": plain(&format!("{name}: {value}"))})
            })
            .collect();
        json!({
            "config": {"wide_screen_mode": true},
            "header": {"template": self.colour, "title": plain(&self.title)},
            "elements": [
                {"tag": "div", "fields": fields},
                {"tag": "hr"},
                {"tag": "note", "elements": [plain(&self.number)]},
            ],
        })
    }

    /// For people without Feishu: one line a field.
    pub(super) fn text(&self) -> String {
        let mut text = format!("  {}", self.title);
        for (name, value) in &self.lines {
            text.push_str(&format!("\n  {name}: {value}"));
        }
        text.push_str(&format!("\n  {}", self.number));
        text
    }
}

fn plain(text: &str) -> Value {
    json!({"tag": "plain_text", "content": text})
}

/// A language's words.
struct Words {
    alert: &'static str,
    reminder: &'static str,
    recovered: &'static str,
    hotel: &'static str,
    room: &'static str,
    state: &'static str,
    occupied: &'static str,
    vacant: &'static str,
    run: &'static str,
    run_of: fn(u32, &str, &str) -> String,
    energy: &'static str,
    rate: &'static str,
    rate_of: fn(&str, WattHours) -> String,
    power: &'static str,
    cost: &'static str,
    check_in: &'static str,
    expected_checkout: &'static str,
    check_out: &'static str,
    history: &'static str,
    detected: &'static str,
    number: &'static str,
}

static ZH: Words = Words {
    alert: "用电异常",
    reminder: "用电异常仍在持续",
    recovered: "用电已恢复正常",
    hotel: "酒店",
    room: "房间",
    state: "状态",
    occupied: "已入住",
    vacant: "空房（已退房）",
    run: "连续异常",
    run_of: |periods, hours, since| format!("{periods} 个周期（{hours} 小时），自 {since} 起"),
    energy: "期间用电",
    rate: "每周期用电",
    rate_of: |rate, threshold| format!("{rate} kWh（阈值 {threshold} kWh）"),
    power: "平均功率",
    cost: "估算费用",
    check_in: "入住时间",
    expected_checkout: "预计退房",
    check_out: "退房时间",
    history: "最近各周期",
    detected: "检测时间",
    number: "通知编号",
};

static EN: Words = Words {
    alert: "Abnormal power use",
    reminder: "Still abnormal power use",
    recovered: "Power use is normal again",
    hotel: "Hotel",
    room: "Room",
    state: "State",
    occupied: "occupied",
    vacant: "vacant (checked out)",
    run: "Abnormal",
    run_of: |periods, hours, since| {
        format!("{periods} intervals in a row ({hours} h) since {since}")
    },
    energy: "Used meanwhile",
    rate: "Per interval",
    rate_of: |rate, threshold| format!("{rate} kWh (threshold {threshold} kWh)"),
    power: "Mean power",
    cost: "Estimated cost",
    check_in: "Check-in",
    expected_checkout: "Expected check-out",
    check_out: "Check-out",
    history: "Last intervals",
    detected: "Detected",
    number: "Notice",
};

fn lines(words: &Words, notice: &RoomNotice, price: Option<f64>) -> Vec<(&'static str, String)> {
    let kwh = notice.energy.0 as f64 / 1000.0;
    let seconds = run_seconds(notice);
    let hours = seconds / 3600.0;
    let rate = kwh * notice.interval_seconds as f64 / seconds;
    let time = |time: LocalTime| time.day_hour_minute();
    let mut lines = vec![
        (words.hotel, notice.room.hotel_id.to_string()),
        (words.room, notice.room.room_number.to_string()),
        (
            words.state,
            match notice.stay {
                Stay::Occupied { .. } => words.occupied.to_owned(),
                Stay::Vacant { .. } => words.vacant.to_owned(),
            },
        ),
        (
            words.run,
            (words.run_of)(notice.periods, &short(hours), &time(notice.since)),
        ),
        (words.energy, format!("{} kWh", notice.energy)),
        (words.rate, (words.rate_of)(&short(rate), notice.threshold)),
        (words.power, format!("{} kW", short(kwh / hours))),
    ];
    if let Some(price) = price {
        lines.push((words.cost, format!("¥{:.2}", kwh * price)));
    }
    match notice.stay {
        Stay::Occupied {
            check_in,
            expected_checkout,
        } => {
            lines.push((words.check_in, time(check_in)));
            if let Some(expected) = expected_checkout {
                lines.push((words.expected_checkout, time(expected)));
            }
        }
        Stay::Vacant {
            actual_checkin,
            actual_checkout,
        } => {
            if let Some(checkin) = actual_checkin {
                lines.push((words.check_in, time(checkin)));
            }
            lines.push((words.check_out, time(actual_checkout)));
        }
    }
    let per_interval = |interval: &Interval| {
        let energy = interval.energy?.0 as f64;
        Some(energy * notice.interval_seconds as f64 / interval.seconds as f64)
    };
    let bars: Vec<Option<f64>> = notice.history.iter().map(per_interval).collect();
    lines.push((words.history, chart(&bars, notice.threshold.0 as f64)));
    lines.push((words.detected, time(notice.detected)));
    lines
}

/// How long the run lasted. Meters seldom keep the interval's rhythm, so its periods do not tell.
fn run_seconds(notice: &RoomNotice) -> f64 {
    let normal = match notice.kind {
        NoticeKind::Alert | NoticeKind::Reminder => 0,
        // The interval that ended it is the last one.
        NoticeKind::Recovered => notice.history.last().map_or(0, |last| last.seconds),
    };
    (notice.detected.since(notice.since) - normal).max(1) as f64
}

/// Two decimals at most, none where they are zero.
fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// One block a value, as high as it is against the highest or the threshold; a dot where nobody
/// knows.
fn chart(values: &[Option<f64>], threshold: f64) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let top = values.iter().flatten().copied().fold(threshold, f64::max);
    values
        .iter()
        .map(|value| match value {
            None => '·',
            Some(value) if top > 0.0 => {
                let step = (value / top * 8.0).ceil().clamp(1.0, 8.0);
                BLOCKS[step as usize - 1]
            }
            Some(_) => BLOCKS[0],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::RoomKey;

    fn at(text: &str) -> LocalTime {
        LocalTime::parse(text).expect("a time")
    }

    fn notice(kind: NoticeKind) -> RoomNotice {
        let interval = |wh: Option<i64>| Interval {
            seconds: 1800,
            energy: wh.map(WattHours),
        };
        RoomNotice {
            kind,
            room: RoomKey::new("H001", "101"),
            stay: Stay::Vacant {
                actual_checkin: Some(at("2023-04-09 18:05:00")),
                actual_checkout: at("2023-04-10 11:58:00"),
            },
            detected: at("2023-04-10 14:00:00"),
            since: at("2023-04-10 12:00:00"),
            periods: 4,
            energy: WattHours(9_600),
            threshold: WattHours(1_500),
            interval_seconds: 1_800,
            history: [Some(40), None, Some(1_500), Some(2_400), Some(2_400)]
                .map(interval)
                .to_vec(),
        }
    }

    #[test]
    fn an_alert_says_all_in_chinese() {
        let card = Card::new(7, &notice(NoticeKind::Alert), Language::Zh, Some(0.8));
        assert_eq!(
            card.text(),
            "  用电异常 H001 · 101\n  酒店: H001\n  房间: 101\n  状态: 空房（已退房）\n  \
             连续异常: 4 个周期（2 小时），自 04-10 12:00 起\n  期间用电: 9.6 kWh\n  \
             每周期用电: 2.4 kWh（阈值 1.5 kWh）\n  平均功率: 4.8 kW\n  估算费用: ¥7.68\n  \
             入住时间: 04-09 18:05\n  退房时间: 04-10 11:58\n  最近各周期: ▁·▅██\n  \
             检测时间: 04-10 14:00\n  通知编号 7"
        );
        assert_eq!(card.feishu()["header"]["template"], "red");
    }

    #[test]
    fn a_recovery_is_green_and_speaks_english() {
        let mut notice = notice(NoticeKind::Recovered);
        notice.detected = at("2023-04-10 14:30:00");
        let card = Card::new(8, &notice, Language::En, None);
        assert_eq!(card.feishu()["header"]["template"], "green");
        let text = card.text();
        assert!(
            text.starts_with("  Power use is normal again H001 · 101\n"),
            "{text}"
        );
        assert!(
            text.contains("4 intervals in a row (2 h) since 04-10 12:00"),
            "{text}"
        );
        assert!(!text.contains('¥'), "{text}");
    }

    #[test]
    fn rates_are_those_of_the_time_that_passed() {
        let mut slow = notice(NoticeKind::Alert);
        slow.detected = slow.since.plus(4 * 50 * 60);
        slow.energy = WattHours(4 * 2_600);
        let text = Card::new(1, &slow, Language::En, None).text();
        assert!(text.contains("(3.33 h)"), "{text}");
        assert!(text.contains("1.56 kWh (threshold 1.5 kWh)"), "{text}");
        assert!(text.contains("3.12 kW\n"), "{text}");
    }

    #[test]
    fn data_is_plain_text_only() {
        let mut notice = notice(NoticeKind::Alert);
        notice.room = RoomKey::new("<at id=all></at>", "[x](http://x)");
        let card = Card::new(1, &notice, Language::Zh, None).feishu();
        fn tags(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(fields) => {
                    if let Some(tag) = fields.get("tag").and_then(Value::as_str)
                        && fields.contains_key("content")
                    {
                        found.push(tag.to_owned());
                    }
                    fields.values().for_each(|value| tags(value, found));
                }
                Value::Array(items) => items.iter().for_each(|value| tags(value, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        tags(&card, &mut found);
        assert!(found.len() > 8);
        assert!(found.iter().all(|tag| tag == "plain_text"), "{found:?}");
    }
}
