//! What the energy manager reads, in two languages. What scripts and logs read is English alone.

mod en;
mod zh;

use unicode_width::UnicodeWidthStr;

use crate::config;
use crate::demo::{Fate, Report};
use crate::engine::{NoticeKind, Rules, Stay, Thresholds};
use crate::review::advise;
use crate::review::{Reason, Verdict};
use crate::simulator::Appliance;
use crate::types::{Kind, LocalTime, WattHours};

/// The option of commands whose output people read.
#[derive(clap::Args)]
pub(super) struct LanguageOption {
    /// Language of what people read [default: feishu.language, which is zh where nothing else is
    /// set]
    #[arg(long, value_enum)]
    language: Option<Language>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Language {
    Zh,
    En,
}

impl LanguageOption {
    /// The language that is meant, where another one is configured.
    pub fn or(&self, configured: config::Language) -> config::Language {
        match self.language {
            Some(Language::Zh) => config::Language::Zh,
            Some(Language::En) => config::Language::En,
            None => configured,
        }
    }
}

/// A language's words. Times are seconds, rates alerts per 100 rooms and day.
pub(super) trait Words: Sync {
    /// What a room is.
    fn state(&self, kind: Kind) -> &'static str;
    /// `30 minutes`, `2 h`, `3 h 5 minutes`.
    fn duration(&self, seconds: i64) -> String;
    /// Between the beginning and the end of a time.
    fn to(&self) -> &'static str;

    // What `explain` shows.

    /// A stay, and when the next one began.
    fn stay(&self, stay: &Stay, until: Option<LocalTime>) -> String;
    /// What is abnormal in it.
    fn rule(&self, threshold: WattHours, rules: &Rules) -> String;
    /// Above the times, the registers, and the energies.
    fn heads_of_readings(&self) -> [&'static str; 3];
    fn verdict(&self, verdict: Verdict) -> &'static str;
    /// Stands before the reason.
    fn event(&self, kind: NoticeKind) -> &'static str;
    /// A sentence without its end.
    fn reason(&self, reason: &Reason) -> String;
    /// Many readings in a row.
    fn folded(&self, folded: &Folded) -> String;
    fn nothing_judged(&self) -> &'static str;
    /// What to do where there is no reading at all.
    fn check_spelling(&self) -> &'static str;

    // The table of `backtest`.

    /// Above a rule's table.
    fn of_rule(&self, name: &str) -> String;
    /// Above rooms, room-days, alerts, reminders, recoveries, and alerts per 100 rooms and day.
    fn heads_of_alerts(&self) -> [&'static str; 6];
    fn all_rooms(&self) -> &'static str;
    fn hotel(&self, name: &str) -> String;
    /// So many hotels that are not shown.
    fn more_hotels(&self, count: usize) -> String;

    // What `advise` shows.

    /// What it is about, what is advised, and what is configured.
    fn advice(&self, kind: Kind, advised: Option<WattHours>, configured: WattHours) -> String;
    /// What it is about, and that it was never seen.
    fn never_watched(&self, kind: Kind) -> String;
    /// A sentence without its end; one about too little data ends the one before it.
    fn reason_of_advice(&self, reason: &advise::Reason) -> String;
    /// Rooms, room-days, intervals, their length.
    fn studied(&self, rooms: u64, room_days: f64, intervals: u64, seconds: i64) -> String;
    /// Half, 75 %, 90 %, 99 %, 99.9 %, and all of the intervals used no more.
    fn quantiles(&self, quantiles: [WattHours; 6]) -> String;
    /// Meters that count whole kWh, what that hides, which they are, and how many more.
    fn whole_kwh(&self, hidden: &Hidden<'_>) -> String;
    /// Above thresholds and alerts.
    fn heads_of_thresholds(&self) -> [&'static str; 2];
    fn as_configured(&self) -> &'static str;
    /// What marks a threshold that is configured, and one that is advised.
    fn marks(&self) -> [&'static str; 2];
    /// Above rooms, room-days, alerts, the threshold, alerts with that, and hotels.
    fn heads_of_hotels(&self) -> [&'static str; 6];
    /// Above what to paste into the configuration.
    fn to_paste(&self) -> &'static str;
    fn nothing_advised(&self) -> &'static str;

    // What `demo` shows.

    fn introduction(&self, story: &Story<'_>) -> String;
    fn stopped(&self, at: LocalTime) -> String;
    /// Above what there was to be found.
    fn troubles(&self, count: usize) -> String;
    fn appliance(&self, appliance: Appliance) -> &'static str;
    fn fate(&self, fate: &Fate) -> String;
    /// Three lines.
    fn counts(&self, report: &Report) -> [String; 3];
    /// Above thresholds, what they find, and false alerts.
    fn heads_of_finds(&self, rules: &Rules) -> [String; 3];
    fn thresholds(&self, thresholds: Thresholds, is_configured: bool) -> String;
    /// So many of all.
    fn found(&self, found: usize, of: usize) -> String;
    /// Before the command that tries others.
    fn try_them(&self) -> &'static str;
}

/// Readings in a row with one verdict.
pub(super) struct Folded {
    pub verdict: Verdict,
    pub count: usize,
    /// The least and the most that was used in an interval, as they are shown.
    pub used: Option<(String, String)>,
    /// The intervals in a row up to the first and to the last of them.
    pub run: Option<(u32, u32)>,
}

/// What meters that count whole kWh hide.
pub(super) struct Hidden<'a> {
    pub meters: usize,
    pub per_interval: WattHours,
    /// The same as power.
    pub kilowatts: f64,
    /// Some of the rooms.
    pub rooms: &'a str,
    pub more: usize,
}

/// What a demonstration is about.
pub(super) struct Story<'a> {
    pub rooms: u32,
    pub days: u32,
    pub from: LocalTime,
    pub seed: u64,
    pub rules: &'a Rules,
}

pub(super) fn words(language: config::Language) -> &'static dyn Words {
    match language {
        config::Language::Zh => &zh::Zh,
        config::Language::En => &en::En,
    }
}

/// How many columns of a terminal a text takes: a Chinese character takes two.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// A text with blanks after it.
pub(super) fn left(text: &str, width: usize) -> String {
    format!("{text}{}", blanks(text, width))
}

/// A text with blanks before it.
pub(super) fn right(text: &str, width: usize) -> String {
    format!("{}{text}", blanks(text, width))
}

fn blanks(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(columns(text)))
}
