//! The end of a demonstration: what there was to find, what was found, and what to try next.

use crate::cli::words::{Words, columns, left, right};
use crate::demo::{Detection, Detections, Report, Score, Tried};
use crate::engine::{Rule, Rules};
use crate::simulator::{Scenario, Trouble};
use crate::types::{Kind, LocalTime, RoomKey};

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
    for kind in [Kind::Checkout, Kind::Checkin] {
        lines.extend(widths.troubles(words, report, kind));
    }
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

/// The widths of the columns: room, appliance, times, and what each rule made of it.
struct Widths {
    room: usize,
    appliance: usize,
    times: usize,
    rules: Vec<usize>,
}

/// Shown for what a rule did not find.
const MISSED: &str = "\u{2013}";

impl Widths {
    fn of(words: &dyn Words, report: &Report) -> Widths {
        let widest = |text: &dyn Fn(&RoomKey, &Trouble) -> usize| {
            let texts = report.troubles.iter();
            texts
                .map(|(room, trouble, _)| text(room, trouble))
                .max()
                .unwrap_or_default()
        };
        let rules = [Some(Rule::Fixed), report.baseline.map(|_| Rule::Baseline)];
        let heads = rules.into_iter().flatten().map(|rule| words.head_of(rule));
        Widths {
            room: widest(&|room, _| columns(room.room_number.as_str())),
            appliance: widest(&|_, trouble| columns(words.appliance(trouble.appliance))),
            times: widest(&|_, trouble| columns(&span(words, trouble.from, trouble.until))),
            rules: heads.map(columns).collect(),
        }
    }

    /// The troubles of occupied or of vacant rooms, with a heading and an empty line.
    fn troubles(&self, words: &dyn Words, report: &Report, kind: Kind) -> Vec<String> {
        let mut troubles = Vec::from_iter(&report.troubles);
        troubles.retain(|(_, trouble, _)| trouble.kind == kind);
        if troubles.is_empty() {
            return Vec::new();
        }
        // Room, appliance, energy and times, with what is between them.
        let width = self.room + 2 + self.appliance + 2 + 4 + 2 + self.times;
        let mut heading = format!("  {}", left(words.state(kind), width));
        let heads = [Rule::Fixed, Rule::Baseline].map(|rule| words.head_of(rule));
        for (head, width) in heads.iter().zip(&self.rules) {
            heading.push_str(&format!("  {}", right(head, *width)));
        }
        let mut lines = vec![heading];
        for (room, trouble, detections) in troubles {
            lines.push(self.line(words, room, trouble, detections));
            if detections.is_missed() {
                lines.extend(self.reasons(words, detections));
            }
        }
        lines.push(String::new());
        lines
    }

    fn line(
        &self,
        words: &dyn Words,
        room: &RoomKey,
        trouble: &Trouble,
        detections: &Detections,
    ) -> String {
        let kwh = format!("{:.2}", trouble.per_half_hour.0 as f64 / 1_000.0);
        let mut line = format!(
            "  {}  {}  {kwh:>4}  {}",
            left(room.room_number.as_str(), self.room),
            left(words.appliance(trouble.appliance), self.appliance),
            left(&span(words, trouble.from, trouble.until), self.times),
        );
        let detections = [Some(detections.thresholds), detections.baseline];
        for (detection, width) in detections.into_iter().flatten().zip(&self.rules) {
            let after = match detection {
                Detection::Found { seconds } => hours(seconds),
                _ => MISSED.to_owned(),
            };
            line.push_str(&format!("  {}", right(&after, *width)));
        }
        line
    }

    /// Why no rule found it: a line where that is the same for all of them, or else a line a rule.
    fn reasons(&self, words: &dyn Words, detections: &Detections) -> Vec<String> {
        let thresholds = words.missed(&detections.thresholds);
        let baseline = { detections.baseline }.and_then(|detection| words.missed(&detection));
        let of = |rule, reason| words.of_rule(rule, reason);
        let reasons = match (thresholds, baseline) {
            (Some(one), Some(other)) if one != other => {
                vec![of(Rule::Fixed, &one), of(Rule::Baseline, &other)]
            }
            (reason, _) => Vec::from_iter(reason),
        };
        let indented = reasons.into_iter();
        indented
            .map(|reason| format!("{}{reason}", blanks(2 + self.room + 2)))
            .collect()
    }
}

/// Hours and minutes.
fn hours(seconds: i64) -> String {
    format!("{}:{:02}", seconds / 3_600, seconds % 3_600 / 60)
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

/// The table of what these thresholds and the baseline rule found, and what other thresholds would
/// have found.
fn comparison(words: &dyn Words, report: &Report, rules: &Rules) -> Vec<String> {
    let mut rows = vec![words.heads_of_comparison(rules)];
    let row = |what: String, score: Score| {
        [
            what,
            words.found(score.found, report.troubles.len()),
            score.after.map_or(MISSED.to_owned(), hours),
            score.false_alarms.to_string(),
        ]
    };
    for (at, tried) in report.tried.iter().enumerate() {
        let is_configured = at == 0;
        rows.push(row(
            words.thresholds(tried.thresholds, is_configured),
            tried.score,
        ));
        let baseline = report.baseline.filter(|_| is_configured);
        rows.extend(baseline.map(|score| row(words.no_thresholds().to_owned(), score)));
    }
    let widths = [0, 1, 2, 3].map(|at| {
        let widths = rows.iter().map(|row| columns(&row[at]));
        widths.max().unwrap_or_default()
    });
    let rows = rows.iter().map(|[rule, found, after, false_alarms]| {
        format!(
            "  {}  {}  {}  {}",
            left(rule, widths[0]),
            right(found, widths[1]),
            right(after, widths[2]),
            right(false_alarms, widths[3])
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
