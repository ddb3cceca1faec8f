//! A stay as a chart: a bar for each interval, what was above the threshold, and what happened.

use crate::review::{Chapter, Line, Usual, Verdict, used};
use crate::types::{LocalTime, WattHours};

use super::marks::{Event, EventKind};
use super::numbers;
use super::words::Words;

/// The size of the drawing, and of its margins.
pub(super) const WIDTH: i64 = 1_080;
pub(super) const HEIGHT: i64 = 316;
const LEFT: i64 = 46;
/// Half of the last hour stands in it.
const RIGHT: i64 = 24;
const TOP: i64 = 60;
const BOTTOM: i64 = 40;

/// The time that is shown at once. Seconds.
pub(super) const SPAN: i64 = 3 * 86_400;

/// A chart that is not shorter, so that few bars are not giants. Seconds.
const LEAST_SPAN: i64 = 6 * 3_600;

pub(super) struct Chart {
    pub(super) from: LocalTime,
    pub(super) to: LocalTime,
    pub(super) bars: Vec<Bar>,
    pub(super) gaps: Vec<Bar>,
    /// Lines across, each with its kWh.
    pub(super) grid: Vec<(i64, String)>,
    /// Hours and days.
    pub(super) hours: Vec<Hour>,
    /// The threshold in force as a path with steps; empty where none was recorded.
    pub(super) threshold: String,
    pub(super) threshold_text: String,
    /// Whether it was recorded for all of the time shown.
    pub(super) is_recorded: bool,
    /// What was usual, as a path; empty where it is not known.
    pub(super) band: String,
    pub(super) marks: Vec<Mark>,
}

/// What a chart shows of a stay.
pub(super) struct Drawn<'a> {
    pub(super) chapter: &'a Chapter,
    /// Each was in force from its time on.
    pub(super) thresholds: &'a [(LocalTime, WattHours)],
    pub(super) events: &'a [Event],
    pub(super) usual: &'a [Usual],
}

pub(super) struct Bar {
    pub(super) class: &'static str,
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) width: i64,
    pub(super) height: i64,
    pub(super) title: String,
}

pub(super) struct Hour {
    pub(super) x: i64,
    pub(super) text: String,
    pub(super) day: Option<String>,
}

/// Something that happened.
pub(super) struct Mark {
    pub(super) class: &'static str,
    /// Its shape, around the origin, and whether it is filled.
    pub(super) sign: &'static str,
    pub(super) is_full: bool,
    pub(super) x: i64,
    /// How its text is aligned, so that it stays within the drawing.
    pub(super) anchor: &'static str,
    /// Texts that would overlap stand one above the other.
    pub(super) row: i64,
    pub(super) text: &'static str,
    pub(super) title: String,
}

impl Chart {
    pub(super) fn bottom() -> i64 {
        HEIGHT - BOTTOM
    }

    pub(super) fn right() -> i64 {
        WIDTH - RIGHT
    }

    /// The part of a stay that ends at `to`. Without a reading for `longest` seconds there is a
    /// gap.
    pub(super) fn of(
        drawn: &Drawn<'_>,
        to: LocalTime,
        now: LocalTime,
        longest: i64,
        w: &Words,
    ) -> Chart {
        let Drawn {
            chapter,
            thresholds,
            events,
            usual,
        } = *drawn;
        let begin = chapter.stay.time();
        let from = begin.max(to.plus(-SPAN));
        let to = to.max(from.plus(LEAST_SPAN));
        let span = to.since(from).max(1);
        let x = |time: LocalTime| {
            let into = time.since(from).clamp(0, span);
            LEFT + into * (WIDTH - LEFT - RIGHT) / span
        };
        let in_force = in_force(thresholds, from, to.min(now));
        let shown = |line: &&Line| line.reading.time > from && line.reading.time <= to;
        let energies = chapter
            .lines
            .iter()
            .filter(shown)
            .filter_map(|line| line.per_interval);
        let most = energies.map(|energy| energy.0).max().unwrap_or(0);
        let highest = in_force.iter().map(|(.., energy)| energy.0).max();
        let top = step(most.max(highest.unwrap_or(0) * 6 / 5).max(200));
        let y = |wh: i64| Chart::bottom() - wh.clamp(0, top) * (HEIGHT - TOP - BOTTOM) / top;
        let mut chart = Chart {
            from,
            to,
            bars: Vec::new(),
            gaps: Vec::new(),
            grid: (0..=4)
                .map(|part| part * top / 4)
                .map(|wh| (y(wh), WattHours(wh).to_string()))
                .collect(),
            hours: hours(from, to, &x),
            threshold: steps(&in_force, &x, &y),
            threshold_text: threshold_text(&in_force, w),
            is_recorded: in_force.first().is_some_and(|(since, ..)| *since == from),
            band: band(usual, (from, to), &x, &y),
            marks: Vec::new(),
        };
        let mut base: Option<LocalTime> = None;
        for line in &chapter.lines {
            let (time, verdict) = (line.reading.time, line.verdict);
            let began = base.filter(|base| time > *base);
            if let Some(began) = began.filter(|_| shown(&line)) {
                let (x, width) = (x(began), (x(time) - x(began)).max(2));
                let said = numbers::span(began, time, now, w);
                match (verdict, line.per_interval) {
                    (Verdict::Gap, _) => {
                        chart.gaps.push(gap(x, width, format!("{said} {}", w.gap)))
                    }
                    (Verdict::OutOfOrder, None) => {
                        chart
                            .gaps
                            .push(gap(x, width, format!("{said} {}", w.out_of_order)));
                    }
                    (_, Some(energy)) => {
                        let top = y(energy.0);
                        chart.bars.push(Bar {
                            class: class(verdict),
                            x,
                            y: top,
                            // A hair between two bars.
                            width: (width - 1).max(1),
                            height: Chart::bottom() - top,
                            title: bar_title(&said, energy, line, usual, w),
                        });
                    }
                    _ => {}
                }
            }
            if is_sample(verdict) {
                base = Some(time);
            }
        }
        // What has not come is no zero: before the first reading, and after the last one.
        let until = chapter.until.unwrap_or(now);
        let initial = chapter.lines.iter().find(|line| is_sample(line.verdict));
        let initial = initial.map_or(until, |line| line.reading.time);
        for (begin, end) in [(begin, initial), (base.unwrap_or(until), until)] {
            if end.since(begin) > longest && end > from && begin < to {
                let (x, width) = (x(begin), (x(end) - x(begin)).max(2));
                let title = format!("{} {}", numbers::span(begin, end, now, w), w.gap);
                chart.gaps.push(gap(x, width, title));
            }
        }
        chart.marks = marks(events, (from, to), &x, now, w);
        chart
    }
}

/// What was in force from when to when.
type InForce = Vec<(LocalTime, LocalTime, WattHours)>;

fn in_force(thresholds: &[(LocalTime, WattHours)], from: LocalTime, to: LocalTime) -> InForce {
    let ends = thresholds.iter().skip(1).map(|(since, _)| *since);
    let ends = ends.chain([LocalTime::LAST]);
    (thresholds.iter().zip(ends))
        .map(|((since, energy), end)| ((*since).max(from), end.min(to), *energy))
        .filter(|(since, end, _)| since < end)
        .collect()
}

/// A line that goes up and down where another threshold came into force.
fn steps(in_force: &InForce, x: &impl Fn(LocalTime) -> i64, y: &impl Fn(i64) -> i64) -> String {
    let mut path = String::new();
    for (since, end, energy) in in_force {
        let y = y(energy.0);
        path.push_str(&match path.is_empty() {
            true => format!("M{} {y}H{}", x(*since), x(*end)),
            false => format!("V{y}H{}", x(*end)),
        });
    }
    path
}

/// From what a room uses by itself to what is still usual; where that is not known, a line.
fn band(
    usual: &[Usual],
    (from, to): (LocalTime, LocalTime),
    x: &impl Fn(LocalTime) -> i64,
    y: &impl Fn(i64) -> i64,
) -> String {
    let shown = usual.iter().filter(|it| it.ended > from && it.ended <= to);
    let shown: Vec<&Usual> = shown.collect();
    let alike = shown.chunk_by(|one, next| {
        one.ended == next.began && (one.base, one.limit) == (next.base, next.limit)
    });
    let mut path = String::new();
    for alike in alike {
        if let (Some(first), Some(last)) = (alike.first(), alike.last()) {
            path.push_str(&area(first, x(first.began), x(last.ended), y));
        }
    }
    path
}

fn area(usual: &Usual, from: i64, to: i64, y: &impl Fn(i64) -> i64) -> String {
    let base = y(usual.base.0);
    match usual.limit {
        Some(limit) => format!("M{from} {base}H{to}V{}H{from}z", y(limit.0)),
        None => format!("M{from} {base}H{to}"),
    }
}

fn bar_title(said: &str, energy: WattHours, line: &Line, usual: &[Usual], w: &Words) -> String {
    let shown = format!("{said} {} kWh", used(energy, line.threshold));
    let usual = usual.iter().find(|it| it.ended == line.reading.time);
    match usual {
        Some(usual) => format!("{shown} · {}", usual_text(usual, w)),
        None => shown,
    }
}

/// `usually 0.06-0.16 kWh`.
pub(super) fn usual_text(usual: &Usual, w: &Words) -> String {
    let limit = usual.limit.map(numbers::kwh_of_interval);
    (w.usual)(&numbers::kwh_of_interval(usual.base), limit.as_deref())
}

fn threshold_text(in_force: &InForce, w: &Words) -> String {
    let shown: Vec<String> = in_force
        .iter()
        .map(|(.., energy)| energy.to_string())
        .collect();
    match shown.as_slice() {
        [] => w.threshold_unrecorded.to_owned(),
        shown => (w.threshold)(&shown.join(" → ")),
    }
}

fn gap(x: i64, width: i64, title: String) -> Bar {
    Bar {
        class: "gap",
        x,
        y: TOP,
        width,
        height: HEIGHT - TOP - BOTTOM,
        title,
    }
}

/// How a bar is marked.
fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Abnormal => "high",
        Verdict::Cleaning | Verdict::OutOfOrder | Verdict::Zero => "aside",
        _ => "ok",
    }
}

/// Whether the next interval begins here.
fn is_sample(verdict: Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Initial
            | Verdict::Gap
            | Verdict::AcrossStay
            | Verdict::OutOfOrder
            | Verdict::Cleaning
            | Verdict::Zero
            | Verdict::Abnormal
            | Verdict::Normal
    )
}

/// The rows of texts above the bars.
const ROWS: usize = 3;

fn marks(
    events: &[Event],
    (from, to): (LocalTime, LocalTime),
    x: &impl Fn(LocalTime) -> i64,
    now: LocalTime,
    w: &Words,
) -> Vec<Mark> {
    let shown = events
        .iter()
        .filter(|event| event.at >= from && event.at <= to);
    let shown = shown.filter(|event| event.kind != EventKind::Threshold);
    let mut taken = [i64::MIN; ROWS];
    shown
        .map(|event| {
            let text = event.kind.label(w);
            // A Chinese character takes twice as much; its sign comes first.
            let wide = text.chars().map(|c| if c.is_ascii() { 7 } else { 13 });
            let wide = wide.sum::<i64>() + 10;
            let x = x(event.at);
            let is_last = x + wide > WIDTH - RIGHT;
            let begin = if is_last { x - wide } else { x - 6 };
            let row = taken.iter().position(|end| begin >= *end).unwrap_or(0);
            taken[row] = begin + wide + 14;
            let time = numbers::time(event.at, now, w);
            Mark {
                class: event.kind.class(),
                sign: event.kind.sign(),
                is_full: event.kind.is_full(),
                x,
                anchor: if is_last { "end" } else { "start" },
                row: row as i64,
                text,
                title: format!("{time} {text} {}", event.detail)
                    .trim_end()
                    .to_owned(),
            }
        })
        .collect()
}

/// The end of a scale whose quarters are round.
fn step(most: i64) -> i64 {
    let mut round = 100;
    loop {
        for factor in [2, 4, 6, 8, 10, 12, 16] {
            if round * factor >= most {
                return round * factor;
            }
        }
        round *= 10;
    }
}

/// Each sixth hour; at midnight its day.
fn hours(from: LocalTime, to: LocalTime, x: &impl Fn(LocalTime) -> i64) -> Vec<Hour> {
    let every = if to.since(from) <= 86_400 { 3 } else { 6 } * 3_600;
    let first = from.plus(every - 1 - (from.seconds() + every - 1).rem_euclid(every));
    let times = (0..).map(|nth| first.plus(nth * every));
    times
        .take_while(|time| *time <= to)
        .map(|time| {
            let shown = time.day_hour_minute();
            let (day, hour) = shown.split_once(' ').unwrap_or_default();
            Hour {
                x: x(time),
                text: hour.to_owned(),
                day: (hour == "00:00" || time == first).then(|| day.to_owned()),
            }
        })
        .collect()
}
