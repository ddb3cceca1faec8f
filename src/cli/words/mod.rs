//! The texts for the energy manager in two languages. Logs, and output for scripts, are English
//! only.

mod baseline;
mod en;
mod zh;

use std::io;
use std::net::SocketAddr;

use unicode_width::UnicodeWidthStr;

use crate::config;
use crate::demo::{Detection, Report};
use crate::engine::{Event, Move, Rule, Rules, Thresholds};
use crate::review::{self, En, Zh, advise};
use crate::simulator::Appliance;
use crate::types::{Kind, LocalTime, WattHours};

pub(super) use baseline::BaselineWords;

/// The option of commands whose output people read.
#[derive(clap::Args)]
pub(super) struct LanguageOption {
    /// Language of the output [default: feishu.language, which is zh unless set]
    #[arg(long, value_enum)]
    language: Option<Language>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Language {
    Zh,
    En,
}

impl LanguageOption {
    /// The language of the option, or else the configured one.
    pub fn or(&self, configured: config::Language) -> config::Language {
        match self.language {
            Some(Language::Zh) => config::Language::Zh,
            Some(Language::En) => config::Language::En,
            None => configured,
        }
    }
}

/// The texts of a language. Times are in seconds, rates in alerts per 100 rooms and day.
pub(super) trait Words: review::Words + BaselineWords + Sync {
    // For `explain`.

    /// The hint if there is no reading at all.
    fn check_spelling(&self) -> &'static str;

    // For `backtest`.

    /// Title of a rule's table.
    fn rule_title(&self, name: &str) -> String;
    /// Headings: rooms, room-days, alerts, reminders, recoveries, alerts per 100 rooms and day.
    fn heads_of_alerts(&self) -> [&'static str; 6];
    fn all_rooms(&self) -> &'static str;
    fn hotel(&self, name: &str) -> String;
    /// How often many vacant rooms of a hotel began to use more, and used more than they need.
    fn in_common(&self, rises: u64, levels: u64) -> String;
    /// How many hotels are not shown.
    fn more_hotels(&self, count: usize) -> String;

    // For `advise`.

    /// The kind of room, the advised threshold, and the configured one.
    fn advice(&self, kind: Kind, advised: Option<WattHours>, configured: WattHours) -> String;
    /// That no room of this kind was seen.
    fn never_watched(&self, kind: Kind) -> String;
    /// A sentence without its full stop; about too little data it completes the one before it.
    fn reason_of_advice(&self, reason: &advise::Reason) -> String;
    /// What the advice rests on: rooms, room-days, intervals and their length.
    fn amount_of_data(&self, rooms: u64, room_days: f64, intervals: u64, seconds: i64) -> String;
    /// The quantiles 50 %, 75 %, 90 %, 99 %, 99.9 % and 100 % of an interval's energy.
    fn quantiles(&self, quantiles: [WattHours; 6]) -> String;
    /// Meters that count whole kWh, and what that hides.
    fn whole_kwh(&self, hidden: &Hidden<'_>) -> String;
    /// Headings: threshold, alerts.
    fn heads_of_thresholds(&self) -> [&'static str; 2];
    fn as_configured(&self) -> &'static str;
    /// The marks of the configured and of the advised threshold.
    fn marks(&self) -> [&'static str; 2];
    /// Headings: rooms, room-days, alerts, threshold, alerts with that threshold, hotel.
    fn heads_of_hotels(&self) -> [&'static str; 6];
    /// Heading of the configuration to paste.
    fn to_paste(&self) -> &'static str;
    fn nothing_advised(&self) -> &'static str;

    // For `demo`.

    fn introduction(&self, story: &Story<'_>) -> String;
    /// Where the story can be watched in a browser, and which address is in use by others.
    fn page(&self, at: SocketAddr, in_use: Option<SocketAddr>) -> String;
    fn no_page(&self, error: &io::Error) -> String;
    /// That pages stay until somebody ends them.
    fn page_stays(&self, at: SocketAddr) -> String;
    /// It was ended, and so are its pages.
    fn page_ends(&self) -> &'static str;
    fn stopped(&self, at: LocalTime) -> String;
    /// Heading of the list of troubles that were to be found.
    fn troubles(&self, count: usize) -> String;
    fn appliance(&self, appliance: Appliance) -> &'static str;
    /// Heading of the times after which a rule found troubles.
    fn head_of(&self, rule: Rule) -> &'static str;
    /// Why a trouble was not found, unless it was.
    fn missed(&self, detection: &Detection) -> Option<String>;
    /// That a reason is a rule's.
    fn of_rule(&self, rule: Rule, reason: &str) -> String;
    /// What a message says and what follows, if it is that a guest moves or that a room is out of
    /// order.
    fn said(&self, event: &Event) -> Option<String>;
    /// Heading of the list of these.
    fn said_besides(&self, moves: usize, out_of_order: usize) -> String;
    /// The rooms of a move.
    fn rooms_of_move(&self, moved: &Move) -> String;
    fn made_of_move(&self, moved: &Move) -> String;
    /// That a room was out of order in a time span.
    fn not_judged(&self, span: &str) -> String;
    /// The counts of the demonstration, in three lines.
    fn counts(&self, report: &Report) -> [String; 3];
    /// Headings: thresholds, troubles found with them, after which time, false alerts.
    fn heads_of_comparison(&self, rules: &Rules) -> [String; 4];
    fn thresholds(&self, thresholds: Thresholds, is_configured: bool) -> String;
    /// The baseline rule, among thresholds.
    fn no_thresholds(&self) -> &'static str;
    /// How many of all were found.
    fn found(&self, found: usize, of: usize) -> String;
    /// Heading of the command that tries other thresholds.
    fn try_them(&self) -> &'static str;
}

/// What meters that count whole kWh hide.
pub(super) struct Hidden<'a> {
    pub meters: usize,
    pub per_interval: WattHours,
    /// `per_interval` as power.
    pub kilowatts: f64,
    /// The names of some of the rooms.
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
        config::Language::Zh => &Zh,
        config::Language::En => &En,
    }
}

/// The width of a text in a terminal: a Chinese character takes two columns.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// Pads a text on the right.
pub(super) fn left(text: &str, width: usize) -> String {
    format!("{text}{}", blanks(text, width))
}

/// Pads a text on the left.
pub(super) fn right(text: &str, width: usize) -> String {
    format!("{}{text}", blanks(text, width))
}

fn blanks(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(columns(text)))
}
