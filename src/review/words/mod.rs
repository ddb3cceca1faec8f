//! What `explain` says of a room's readings, in two languages; pages say the same.

mod en;
mod zh;

use crate::engine::{NoticeKind, Rules, Stay};
use crate::types::{Kind, LocalTime, WattHours};

use super::{Line, Reason, Verdict};

pub use en::En;
pub use zh::Zh;

/// The texts of a language. Times are in seconds.
pub trait Words: Sync {
    /// `occupied` or `vacant`.
    fn state(&self, kind: Kind) -> &'static str;
    /// `30 minutes`, `2 h`, `3 h 5 minutes`.
    fn duration(&self, seconds: i64) -> String;
    /// The word between the beginning and the end of a time span.
    fn to(&self) -> &'static str;

    /// A stay, and when the next one began.
    fn stay(&self, stay: &Stay, until: Option<LocalTime>) -> String;
    /// What counts as abnormal in a stay.
    fn rule(&self, threshold: WattHours, rules: &Rules) -> String;
    /// Headings: time, register, energy.
    fn heads_of_readings(&self) -> [&'static str; 3];
    fn verdict(&self, verdict: Verdict) -> &'static str;
    /// Prefix of the reason.
    fn event(&self, kind: NoticeKind) -> &'static str;
    /// A sentence without its full stop.
    fn reason(&self, reason: &Reason) -> String;
    /// Readings in a row that were folded into a line.
    fn folded(&self, folded: &Folded) -> String;
    fn nothing_judged(&self) -> &'static str;
}

/// Readings in a row with one verdict.
pub struct Folded {
    pub verdict: Verdict,
    pub count: usize,
    /// The least and the most energy of an interval, as shown.
    pub used: Option<(String, String)>,
    /// The length of the run at the first and at the last of them.
    pub run: Option<(u32, u32)>,
}

/// Lines that say the same are folded from this count on.
const FOLDED: usize = 3;

impl Folded {
    /// Lines that say the same; `None` if they are too few to be folded.
    pub fn of(lines: &[&Line]) -> Option<Folded> {
        let [first, .., last] = lines else {
            return None;
        };
        let energies = || lines.iter().filter_map(|line| line.per_interval);
        let used = |energy: WattHours| used(energy, first.threshold);
        let periods = |line: &Line| line.run.map(|run| run.periods);
        (lines.len() >= FOLDED).then(|| Folded {
            verdict: first.verdict,
            count: lines.len(),
            used: energies()
                .min()
                .zip(energies().max())
                .map(|(least, most)| (used(least), used(most))),
            run: periods(first).zip(periods(last)),
        })
    }
}

/// Whether a line only repeats what the one before it says. What leads to an alert is shown
/// interval by interval.
pub fn is_repetition(one: &Line, next: &Line) -> bool {
    let is_plain = |line: &Line| {
        let is_more = line.run.is_none_or(|run| run.notified_at_periods > 0);
        let reason = &line.reason;
        let is_odd = reason.outlier_dropped || reason.meter_changed || reason.ended.is_some();
        is_more && !is_odd && line.notices.is_empty()
    };
    let is_alike = one.verdict == next.verdict && one.threshold == next.threshold;
    is_alike && is_plain(one) && is_plain(next)
}

/// The kWh used, with two decimals; with three where rounding would move it to the other side of
/// the threshold.
pub fn used(energy: WattHours, threshold: WattHours) -> String {
    let shown = (energy.0 + 5).div_euclid(10) * 10;
    if shown.cmp(&threshold.0) == energy.cmp(&threshold) {
        format!("{:.2}", shown as f64 / 1_000.0)
    } else {
        format!("{:.3}", energy.0 as f64 / 1_000.0)
    }
}
