//! One story on a card.

use crate::engine::{Interval, MeterNotice, Notice, NoticeKind, RoomNotice, Stay};
use crate::notify::waiting::{State, Story};
use crate::types::LocalTime;

use super::ranges;
use super::words::Words;

/// What is said of one story: by itself field by field, among others as a paragraph.
pub(super) struct Section {
    words: &'static Words,
    heading: String,
    /// What the heading says, where there is none.
    subject: Vec<Field>,
    /// Fields that belong together stand together.
    rows: Vec<Vec<Field>>,
}

struct Field {
    name: &'static str,
    value: String,
}

impl Section {
    /// `is_mixed`: those around it are in other states.
    pub(super) fn new(
        words: &'static Words,
        story: &Story,
        is_mixed: bool,
        price: Option<f64>,
    ) -> Option<Section> {
        let (subject, rows) = match story.last()? {
            Notice::Room(notice) => (
                vec![
                    field(words.hotel, notice.room.hotel_id.as_str()),
                    field(words.room, notice.room.room_number.as_str()),
                    field(words.state, occupancy(words, notice)),
                ],
                room_rows(words, notice, story.state, price),
            ),
            Notice::Meters(notice) => (
                vec![field(words.hotel, notice.hotel_id.as_str())],
                meter_rows(words, story.state, notice),
            ),
        };
        let ids = story.notices.iter().map(|(id, _)| *id);
        let state = is_mixed.then(|| words.of(story.state));
        // The hotel is that of the whole card.
        let names = subject.iter().skip(1).map(|field| field.value.as_str());
        let mut heading: Vec<&str> = state.into_iter().chain(names).collect();
        if heading.is_empty() {
            heading.push(words.meters);
        }
        let heading = heading.join(" · ");
        let number = format!("{} {}", words.number, ranges(ids.collect()));
        Some(Section {
            words,
            heading: format!("{} {heading} · {number}", mark(story.state)),
            subject,
            rows,
        })
    }

    /// As a paragraph among others.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![self.heading.clone()];
        for row in &self.rows {
            let fields: Vec<String> = row.iter().map(|field| field.text(self.words)).collect();
            lines.push(fields.join(" · "));
        }
        lines.join("\n")
    }

    /// Field by field, each with whether another fits beside it.
    pub(super) fn fields(&self) -> impl Iterator<Item = (bool, String)> {
        let rows = std::iter::once(&self.subject).chain(&self.rows);
        rows.flat_map(|row| {
            let fields = row.iter();
            fields.map(|field| (row.len() > 1, field.text(self.words)))
        })
    }
}

impl Field {
    fn text(&self, words: &Words) -> String {
        format!("{}{}{}", self.name, words.colon, self.value)
    }
}

fn field(name: &'static str, value: impl Into<String>) -> Field {
    let value = value.into();
    Field { name, value }
}

/// Found by the eye among others.
fn mark(state: State) -> &'static str {
    match state {
        State::Alert => "🔴",
        State::Reminder => "🟠",
        State::Silent | State::Unclear => "🟡",
        State::Ended => "⚪",
        State::Recovered | State::Heard => "🟢",
    }
}

fn occupancy(words: &Words, notice: &RoomNotice) -> &'static str {
    match notice.stay {
        Stay::Occupied { .. } => words.occupied,
        Stay::Vacant { .. } => words.vacant,
    }
}

fn time(time: LocalTime) -> String {
    time.day_hour_minute()
}

fn room_rows(
    words: &Words,
    notice: &RoomNotice,
    state: State,
    price: Option<f64>,
) -> Vec<Vec<Field>> {
    let kwh = notice.energy.0 as f64 / 1000.0;
    let seconds = notice.run_seconds() as f64;
    let hours = seconds / 3600.0;
    let rate = short(kwh * notice.interval_seconds as f64 / seconds);
    let run = (words.run_of)(notice.periods, &short(hours), &time(notice.since));
    let mut energy = vec![
        field(words.energy, format!("{} kWh", notice.energy)),
        field(words.power, format!("{} kW", short(kwh / hours))),
    ];
    if let Some(price) = price {
        energy.push(field(words.cost, format!("¥{:.2}", kwh * price)));
    }
    let threshold = notice.threshold.to_string();
    let minutes = notice.interval_seconds / 60;
    let per_interval = |interval: &Interval| {
        let energy = interval.energy?.0 as f64;
        Some(energy * notice.interval_seconds as f64 / interval.seconds as f64)
    };
    let bars: Vec<Option<f64>> = notice.history.iter().map(per_interval).collect();
    let detected = match notice.kind {
        NoticeKind::Recovered => words.normal_since,
        NoticeKind::Alert | NoticeKind::Reminder => words.detected,
    };
    let mut last = vec![field(detected, time(notice.detected))];
    if state == State::Unclear {
        last.push(field(words.end, words.end_unknown));
    }
    vec![
        vec![field(words.run, run)],
        vec![field(
            words.rate,
            (words.rate_of)(&rate, minutes, &threshold),
        )],
        energy,
        stay(words, &notice.stay),
        vec![field(
            words.history,
            chart(&bars, notice.threshold.0 as f64),
        )],
        last,
    ]
}

fn stay(words: &Words, stay: &Stay) -> Vec<Field> {
    let times = match *stay {
        Stay::Occupied {
            check_in,
            expected_checkout,
        } => [
            (words.check_in, Some(check_in)),
            (words.expected_checkout, expected_checkout),
        ],
        Stay::Vacant {
            actual_checkin,
            actual_checkout,
        } => [
            (words.check_in, actual_checkin),
            (words.check_out, Some(actual_checkout)),
        ],
    };
    let times = times.into_iter();
    times
        .filter_map(|(name, at)| Some(field(name, time(at?))))
        .collect()
}

fn meter_rows(words: &Words, state: State, notice: &MeterNotice) -> Vec<Vec<Field>> {
    let since = match state {
        State::Heard => words.silent_since,
        _ => words.last_reading,
    };
    let mut rows = vec![vec![field(
        words.meters,
        (words.silent_of)(notice.silent, notice.watched),
    )]];
    let mut times = Vec::new();
    match (state, notice.since) {
        (State::Heard, None) => {}
        (_, at) => times.push(field(since, at.map_or(words.never.to_owned(), time))),
    }
    times.push(field(words.detected, time(notice.detected)));
    rows.push(times);
    if !notice.rooms.is_empty() {
        let mut rooms = words.joined(&notice.rooms);
        if (notice.rooms.len() as u64) < u64::from(notice.silent) {
            rooms = (words.first_of)(&rooms, notice.silent);
        }
        rows.push(vec![field(words.silent_rooms, rooms)]);
    }
    rows
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
    use crate::notify::sample;
    use crate::types::WattHours;

    #[test]
    fn a_bar_is_as_high_as_its_value_against_the_highest_or_the_threshold() {
        let bars = [Some(0.0), Some(40.0), None, Some(750.0), Some(1_500.0)];
        assert_eq!(chart(&bars, 1_500.0), "▁▁·▄█");
        assert_eq!(chart(&bars, 3_000.0), "▁▁·▂▄");
        assert_eq!(chart(&[Some(0.0)], 0.0), "▁");
    }

    #[test]
    fn rates_are_those_of_the_time_that_passed() {
        let now = LocalTime::parse("2023-04-10 14:00:00").expect("a time");
        let mut slow = sample::room_notice(NoticeKind::Alert, 1, now);
        slow.detected = slow.since.plus(4 * 50 * 60);
        slow.energy = WattHours(4 * 2_600);
        let words = super::super::words::words(crate::config::Language::En);
        let rows = room_rows(words, &slow, State::Alert, None);
        let text: Vec<String> = (rows.iter().flatten())
            .map(|field| field.text(words))
            .collect();
        let text = text.join("\n");
        assert!(text.contains("(3.33 h)"), "{text}");
        assert!(
            text.contains("1.56 kWh in 30 min (threshold 1.5 kWh)"),
            "{text}"
        );
        assert!(text.contains("3.12 kW\n"), "{text}");
    }
}
