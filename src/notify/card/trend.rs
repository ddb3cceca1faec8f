//! How a room's power use went, as a small chart of block characters.

use crate::engine::{Interval, RoomNotice};

use super::section::short;
use super::words::Words;

/// One block an interval, what lay before the stay included.
pub(super) struct Trend {
    bars: String,
    /// kWh per interval of the highest block.
    highest: f64,
    has_gap: bool,
}

/// Stands where the stay began.
const BEGIN: char = '│';
/// Stands for an interval of which nothing is known.
const UNKNOWN: char = '·';

impl Trend {
    pub(super) fn of(notice: &RoomNotice) -> Trend {
        let [before, stay] = [&notice.before, &notice.history].map(|intervals| {
            let values = intervals
                .iter()
                .flat_map(|interval| values(interval, notice));
            values.collect::<Vec<Option<f64>>>()
        });
        let all = || before.iter().chain(&stay).copied();
        let highest = all().flatten().fold(0.0, f64::max);
        // A room a little above its threshold is not to look like one far above it.
        let top = highest.max(notice.threshold.0 as f64 * 2.0);
        let mut bars = blocks(&before, top);
        if !bars.is_empty() {
            bars.push(BEGIN);
        }
        bars.push_str(&blocks(&stay, top));
        Trend {
            bars,
            highest: highest / 1000.0,
            has_gap: all().any(|value| value.is_none()),
        }
    }

    /// What it is called, with its scale.
    pub(super) fn name(&self, words: &Words, notice: &RoomNotice) -> String {
        (words.trend)(notice.interval_seconds / 60, &short(self.highest))
    }

    /// The blocks, and what the marks among them mean.
    pub(super) fn value(&self, words: &Words, notice: &RoomNotice) -> String {
        let bar = (!notice.before.is_empty()).then(|| (words.bar_is)(notice.stay.kind()));
        let dot = self.has_gap.then_some(words.dot_is);
        let marks: Vec<&str> = bar.into_iter().chain(dot).collect();
        match marks.as_slice() {
            [] => self.bars.clone(),
            marks => (words.marked)(&self.bars, &marks.join(words.between_states)),
        }
    }
}

/// The energy per interval of the intervals that one stands for, in Wh; a gap is one block, however
/// long it was.
fn values(interval: &Interval, notice: &RoomNotice) -> Vec<Option<f64>> {
    let length = notice.interval_seconds;
    let Some(energy) = interval.energy else {
        return vec![None];
    };
    let rate = energy.0 as f64 * length as f64 / interval.seconds as f64;
    // As it counts in a run: a tenth of it may be missing.
    let count = (interval.seconds + length / 10) / length;
    vec![Some(rate); usize::try_from(count).unwrap_or(1).max(1)]
}

/// Each as high as its value against the top.
fn blocks(values: &[Option<f64>], top: f64) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let block = |value: &Option<f64>| match value {
        None => UNKNOWN,
        Some(value) if top > 0.0 => {
            let step = (value / top * 8.0).ceil().clamp(1.0, 8.0);
            BLOCKS[step as usize - 1]
        }
        Some(_) => BLOCKS[0],
    };
    values.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::NoticeKind;
    use crate::notify::sample;
    use crate::types::{LocalTime, WattHours};

    /// With these intervals of so many minutes and Wh.
    fn notice(before: &[(i64, Option<i64>)], stay: &[(i64, Option<i64>)]) -> RoomNotice {
        let now = LocalTime::parse("2023-04-10 14:00:00").expect("a time");
        let interval = |(minutes, wh): &(i64, Option<i64>)| Interval {
            seconds: minutes * 60,
            energy: wh.map(WattHours),
        };
        RoomNotice {
            before: before.iter().map(interval).collect(),
            history: stay.iter().map(interval).collect(),
            ..sample::room_notice(NoticeKind::Alert, 1, now)
        }
    }

    #[test]
    fn a_bar_is_as_high_as_its_value_against_the_highest_or_twice_the_threshold() {
        let of = |stay: &[Option<i64>]| {
            let stay: Vec<_> = stay.iter().map(|wh| (30, *wh)).collect();
            Trend::of(&notice(&[], &stay)).bars
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
    fn it_shows_what_was_before_the_stay_and_says_what_its_marks_mean() {
        let notice = notice(
            &[(30, Some(300)), (90, None), (60, Some(1_200))],
            &[(30, Some(2_810)), (27, Some(2_000))],
        );
        let trend = Trend::of(&notice);
        let words = super::super::words::words(crate::config::Language::Zh);
        assert_eq!(
            trend.name(words, &notice),
            "用电走势（每格 30 分钟，最高 2.81 kWh）"
        );
        assert_eq!(trend.value(words, &notice), "▁·▂▂│█▆（│ 退房，· 无数据）");
    }

    #[test]
    fn without_a_threshold_nothing_is_as_low_as_can_be() {
        let mut notice = notice(&[], &[(30, Some(0))]);
        notice.threshold = WattHours(0);
        assert_eq!(Trend::of(&notice).bars, "▁");
    }
}
