//! The chart of a room's power use: a bar for each interval, including some before the stay.

use crate::engine::{Interval, RoomNotice};

use super::content::{Bar, Chart};
use super::numbers::short;
use super::words::Words;

pub(super) fn chart(words: &Words, notice: &RoomNotice) -> Chart {
    let [before, stay] = [&notice.before, &notice.history].map(|intervals| {
        let values = intervals
            .iter()
            .flat_map(|interval| values(interval, notice));
        values.collect::<Vec<Option<f64>>>()
    });
    let all = || before.iter().chain(&stay).copied();
    let highest = all().flatten().fold(0.0, f64::max);
    // A room a little above its threshold must not look like one far above it.
    let top = highest.max(notice.threshold.0 as f64 * 2.0);
    let bars = |values: &[Option<f64>]| values.iter().map(|value| bar(*value, top)).collect();
    let mut shown: Vec<Bar> = bars(&before);
    if !shown.is_empty() {
        shown.push(Bar::StayBegins);
    }
    shown.extend(bars(&stay));
    Chart {
        name: (words.trend)(notice.interval_seconds / 60, &short(highest / 1000.0)),
        colon: words.colon,
        legend: legend(words, notice, &shown),
        bars: shown,
    }
}

/// The meaning of the marks among the bars.
fn legend(words: &Words, notice: &RoomNotice, bars: &[Bar]) -> String {
    let stay = (words.bar_is)(notice.stay.kind());
    let marks = [(Bar::StayBegins, stay), (Bar::Unknown, words.dot_is)];
    let marks = marks.into_iter().filter(|(mark, _)| bars.contains(mark));
    let marks: Vec<&str> = marks.map(|(_, meaning)| meaning).collect();
    match marks.as_slice() {
        [] => String::new(),
        marks => (words.legend)(&marks.join(words.between_states)),
    }
}

/// The energy per interval, in Wh, once for each period that an interval counts as; a gap is one
/// bar, however long it was.
fn values(interval: &Interval, notice: &RoomNotice) -> Vec<Option<f64>> {
    let length = notice.interval_seconds;
    let Some(energy) = interval.energy() else {
        return vec![None];
    };
    let rate = energy.0 as f64 * length as f64 / interval.seconds() as f64;
    // Counted as in a run: a tenth of an interval may be missing.
    let count = (interval.seconds() + length / 10) / length;
    vec![Some(rate); usize::try_from(count).unwrap_or(1).max(1)]
}

/// A bar for a value, relative to the top.
fn bar(value: Option<f64>, top: f64) -> Bar {
    match value {
        None => Bar::Unknown,
        Some(value) if top > 0.0 => Bar::Height((value / top * 8.0).ceil().clamp(1.0, 8.0) as u8),
        Some(_) => Bar::Height(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Language;
    use crate::engine::NoticeKind;
    use crate::notify::card::words::words;
    use crate::notify::sample;
    use crate::types::{LocalTime, WattHours};

    /// A notice with these intervals, each in minutes and Wh.
    fn notice(before: &[(i64, Option<i64>)], stay: &[(i64, Option<i64>)]) -> RoomNotice {
        let now = LocalTime::parse("2023-04-10 14:00:00").expect("a time");
        let interval =
            |(minutes, wh): &(i64, Option<i64>)| Interval::new(minutes * 60, wh.map(WattHours));
        RoomNotice {
            before: before.iter().map(interval).collect(),
            history: stay.iter().map(interval).collect(),
            ..sample::room_notice(NoticeKind::Alert, 1, now)
        }
    }

    fn bars(notice: &RoomNotice) -> String {
        let chart = chart(words(Language::Zh), notice);
        chart.bars.iter().map(Bar::to_string).collect()
    }

    #[test]
    fn bars_are_scaled_to_the_highest_one_or_twice_the_threshold() {
        let of = |stay: &[Option<i64>]| {
            let stay: Vec<_> = stay.iter().map(|wh| (30, *wh)).collect();
            bars(&notice(&[], &stay))
        };
        assert_eq!(
            of(&[Some(0), Some(40), None, Some(750), Some(1_500)]),
            "▁▁·▂▄"
        );
        assert_eq!(of(&[Some(1_800)]), "▅", "1.2 times the threshold");
        assert_eq!(of(&[Some(2_850)]), "█", "1.9 times the threshold");
        assert_eq!(of(&[Some(1_500), Some(6_000)]), "▂█");
        assert_eq!(of(&[]), "");
    }

    #[test]
    fn the_chart_shows_intervals_before_the_stay_and_explains_its_marks() {
        let notice = notice(
            &[(30, Some(300)), (90, None), (60, Some(1_200))],
            &[(30, Some(2_810)), (27, Some(2_000))],
        );
        assert_eq!(
            chart(words(Language::Zh), &notice).to_string(),
            "用电走势（每格 30 分钟，最高 2.81 kWh）：▁·▂▂│█▆（│ 退房，· 无数据）"
        );
    }

    #[test]
    fn with_a_threshold_of_zero_no_energy_is_the_lowest_bar() {
        let mut notice = notice(&[], &[(30, Some(0))]);
        notice.threshold = WattHours(0);
        assert_eq!(bars(&notice), "▁");
    }
}
