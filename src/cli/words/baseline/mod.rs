//! The texts about the baseline rule.

mod en;
mod zh;

use crate::engine::baseline::EventKind;
use crate::engine::{Rule, Rules};
use crate::review::advise::Beside;
use crate::review::{Assessed, ByRule};
use crate::types::{Kind, LocalTime, WattHours};

/// The texts of a language about the baseline rule. Energies without a unit are Wh in an interval.
pub(in crate::cli) trait BaselineWords {
    // For `explain`.

    /// The heading of a stay's numbers.
    fn baseline_rule(&self, rules: &Rules) -> String;
    /// What the numbers of a stay mean, in a few lines: with them each can be computed again.
    /// `is_fine` is whether the meter counts less than whole kWh.
    fn legend(&self, kind: Kind, is_fine: bool, rules: &Rules) -> Vec<String>;
    /// Headings: time, used, limit.
    fn heads_of_assessed(&self) -> [&'static str; 3];
    fn event_of_baseline(&self, kind: EventKind) -> &'static str;
    /// Why there is an alert, or none. Without a full stop.
    fn because(&self, assessed: &Assessed) -> String;
    /// Intervals in a row that were folded: their number, the least and the most used, the last of
    /// them.
    fn alike(&self, count: usize, used: (i64, i64), last: &Assessed) -> String;

    // For `backtest`.

    /// What a rule has found.
    fn found_by(&self, rule: Rule, found: &ByRule) -> String;

    // For `advise`.

    /// The name of the rule in a table.
    fn baseline(&self) -> &'static str;
    /// The alerts of both rules, each with its rate.
    fn alerts_of_rules(&self, now: (u64, f64), baseline: (u64, f64)) -> String;
    /// What the baseline rule finds of what an advised threshold does, and beyond it.
    fn beside(&self, threshold: WattHours, beside: &Beside) -> String;
    /// The heading of the alerts of the baseline rule in the table of hotels.
    fn head_of_baseline(&self) -> &'static str;
    /// That the readings begin later than was asked for. Days.
    fn readings_begin(&self, first: LocalTime, days: f64, asked: f64) -> String;
}
