//! The end of a demonstration: what there was to find, what was found, and what to try next.

use crate::cli::words::{Words, columns, left, right};
use crate::demo::{Report, Tried};
use crate::engine::Rules;
use crate::simulator::{Scenario, Trouble};
use crate::types::{LocalTime, RoomKey};

/// The lines, none wider than a terminal.
pub(super) fn lines(
    words: &dyn Words,
    report: &Report,
    scenario: &Scenario,
    rules: &Rules,
) -> Vec<String> {
    let mut lines = Vec::new();
    if report.until < scenario.end() {
        lines.push(words.stopped(report.until));
    }
    lines.push(words.troubles(report.troubles.len()));
    let widths = Widths::of(words, report);
    for (room, trouble, detection) in &report.troubles {
        lines.push(widths.line(words, room, trouble));
        lines.push(format!(
            "{}{}",
            blanks(2 + widths.room + 2),
            words.detection(detection)
        ));
    }
    lines.push(String::new());
    lines.extend(said_besides(words, report));
    lines.extend(words.counts(report));
    lines.push(String::new());
    lines.extend(comparison(words, report, rules));
    if let [these, .., best] = report.tried.as_slice() {
        lines.push(String::new());
        lines.push(words.try_them().to_owned());
        lines.extend(command(these, best));
    }
    lines
}

/// The widths of the columns: room, whether it is occupied, appliance.
struct Widths {
    room: usize,
    state: usize,
    appliance: usize,
}

impl Widths {
    fn of(words: &dyn Words, report: &Report) -> Widths {
        let widest = |text: &dyn Fn(&RoomKey, &Trouble) -> usize| {
            let texts = report.troubles.iter();
            texts
                .map(|(room, trouble, _)| text(room, trouble))
                .max()
                .unwrap_or_default()
        };
        Widths {
            room: widest(&|room, _| columns(room.room_number.as_str())),
            state: widest(&|_, trouble| columns(words.state(trouble.kind))),
            appliance: widest(&|_, trouble| columns(words.appliance(trouble.appliance))),
        }
    }

    fn line(&self, words: &dyn Words, room: &RoomKey, trouble: &Trouble) -> String {
        let kwh = format!("{:.2}", trouble.per_half_hour.0 as f64 / 1_000.0);
        format!(
            "  {}  {}  {}  {kwh:>4}  {}",
            left(room.room_number.as_str(), self.room),
            left(words.state(trouble.kind), self.state),
            left(words.appliance(trouble.appliance), self.appliance),
            span(words, trouble.from, trouble.until),
        )
    }
}

/// What messages said besides guests' coming and leaving, and what was made of it.
fn said_besides(words: &dyn Words, report: &Report) -> Vec<String> {
    if report.moves.is_empty() && report.out_of_order.is_empty() {
        return Vec::new();
    }
    let moves = report.moves.iter().map(|moved| {
        let rooms = words.rooms_of_move(moved);
        (moved.at, rooms, words.made_of_move(moved))
    });
    let out_of_order = report.out_of_order.iter().map(|(room, time)| {
        let text = words.not_judged(&span(words, time.from, time.until));
        (time.from, room.room_number.to_string(), text)
    });
    let mut items: Vec<_> = moves.chain(out_of_order).collect();
    items.sort();
    let widest = items.iter().map(|(_, rooms, _)| columns(rooms)).max();
    let mut lines = vec![words.said_besides(report.moves.len(), report.out_of_order.len())];
    lines.extend(items.iter().map(|(_, rooms, text)| {
        let rooms = left(rooms, widest.unwrap_or_default());
        format!("  {rooms}  {text}")
    }));
    lines.push(String::new());
    lines
}

/// A time span; the day is shown once where both are the same.
fn span(words: &dyn Words, from: LocalTime, to: LocalTime) -> String {
    let (first, last) = (from.day_hour_minute(), to.day_hour_minute());
    let clock = last.split_once(' ').filter(|_| from.date() == to.date());
    let last = clock.map_or(last.as_str(), |(_, clock)| clock);
    format!("{first} {} {last}", words.to())
}

/// The table of what these thresholds found, and what others would have found.
fn comparison(words: &dyn Words, report: &Report, rules: &Rules) -> Vec<String> {
    let mut rows = vec![words.heads_of_comparison(rules)];
    rows.extend(report.tried.iter().enumerate().map(|(at, tried)| {
        [
            words.thresholds(tried.thresholds, at == 0),
            words.found(tried.found, report.troubles.len()),
            tried.false_alarms.to_string(),
        ]
    }));
    let widths = [0, 1, 2].map(|at| {
        let widths = rows.iter().map(|row| columns(&row[at]));
        widths.max().unwrap_or_default()
    });
    let rows = rows.iter().map(|[thresholds, found, false_alarms]| {
        format!(
            "  {}  {}  {}",
            left(thresholds, widths[0]),
            right(found, widths[1]),
            right(false_alarms, widths[2])
        )
    });
    rows.collect()
}

/// The command that tries the best thresholds, with an option a line.
fn command(these: &Tried, best: &Tried) -> Vec<String> {
    let (now, then) = (these.thresholds, best.thresholds);
    let options = [
        ("checkin_abnormal_threshold", now.checkin, then.checkin),
        ("checkout_abnormal_threshold", now.checkout, then.checkout),
    ];
    let options = options.into_iter().filter(|(_, now, then)| now != then);
    let options: Vec<String> = options
        .map(|(key, _, then)| format!("--set {key}={then}"))
        .collect();
    let text = format!("  roomwatt demo {}", options.join(" \\\n      "));
    text.lines().map(str::to_owned).collect()
}

fn blanks(count: usize) -> String {
    " ".repeat(count)
}
