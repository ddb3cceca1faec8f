use std::io::{self, BufWriter, Write};
use std::str::FromStr;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::clock::{Clock, SystemClock};
use crate::config::Setting;
use crate::engine::{
    BaselineMode, HotelNotice, Notice, NoticeKind, RoomNotice, Rule, Rules, latest_reading,
};
use crate::escape;
use crate::review::{Counts, Finding, Past, Summary, alerted_runs, backtest, by_rule};
use crate::types::{Kind, LocalTime, WattHours};

use super::past::{self, Source, usage};
use super::words::{LanguageOption, Words, words};
use super::{ConfigFile, Failure, summary};

/// Show which alerts the rules would have raised, as JSON lines
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt backtest --messages messages.jsonl --readings readings.csv
  roomwatt backtest --messages m.jsonl --readings r.csv --set checkout_abnormal_threshold=0.3
  roomwatt backtest --messages m.jsonl --readings r.csv --from 2023-04-10 --to 2023-04-16
  roomwatt backtest --config roomwatt.toml --from 2023-04-01 --to 2023-04-30
  roomwatt backtest --config roomwatt.toml --from 2023-04-01 --rule now \\
      --rule strict:checkout_abnormal_threshold=0.3 \\
      --rule late:checkout_abnormal_threshold=0.3,continuous_alert_count=8
  roomwatt backtest --config roomwatt.toml --from 2023-04-01 --rule now \\
      --rule usual:baseline.mode=on

Each alert, reminder and recovery is one line, and so is what the baseline rule finds of a hotel's
vacant rooms together; with several rules each line begins with its rule. A table on standard error
counts them. Where the baseline rule is on, found_by says which of the two rules a line is of, and
the table what each has found. A stay that began before --from is judged as if its meter had first
been read then.
")]
pub(super) struct Arguments {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    config: ConfigFile,
    /// Another value for a key of [monitoring]; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
    /// A rule to compare: a name, and what differs from the configuration; can be repeated
    #[arg(long = "rule", value_name = "NAME:KEY=VALUE,...")]
    rules: Vec<NamedRule>,
    #[command(flatten)]
    language: LanguageOption,
}

/// A rule as the command line gives it.
#[derive(Clone, Debug)]
struct NamedRule {
    name: String,
    settings: Vec<Setting>,
}

/// The keys that a rule may change: those of [monitoring], and of [baseline] with its name.
const RULE_KEYS: [&str; 10] = [
    "check_interval_minutes",
    "checkin_abnormal_threshold",
    "checkout_abnormal_threshold",
    "continuous_alert_count",
    "max_gap_minutes",
    "max_plausible_kwh",
    "register_modulus_kwh",
    "baseline.mode",
    "baseline.allowance_wh",
    "baseline.alarm_wh",
];

impl FromStr for NamedRule {
    type Err = String;

    fn from_str(text: &str) -> Result<NamedRule, String> {
        let (name, settings) = text.split_once(':').unwrap_or((text, ""));
        let name = name.trim();
        if name.is_empty() || name.contains('=') {
            return Err(
                "expected NAME:KEY=VALUE,... or a NAME alone for the rule as configured".into(),
            );
        }
        let option = format!("--rule {name}:");
        let settings = settings.split(',').filter(|text| !text.trim().is_empty());
        let settings: Vec<Setting> = settings
            .map(|text| Setting::read(&option, text))
            .collect::<Result<_, _>>()?;
        let known = |setting: &&Setting| RULE_KEYS.contains(&setting.key());
        if let Some(unknown) = settings.iter().find(|setting| !known(setting)) {
            let keys = RULE_KEYS.join(", ");
            return Err(format!(
                "{} is not a key of a rule; known are {keys}",
                unknown.key()
            ));
        }
        Ok(NamedRule {
            name: name.to_owned(),
            settings,
        })
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let source = &arguments.source;
    if source.files().is_none() && source.from.is_none() {
        return Err(usage(anyhow::anyhow!(
            "nothing to judge: name --messages and --readings, or --from (and --to) for the \
             configured database"
        )));
    }
    let load = |settings: &[Setting]| source.configured(&arguments.config, settings);
    let config = load(&arguments.settings)?;
    let names = names(&arguments.rules)?;
    let mut rules: Vec<Rules> = Vec::new();
    for rule in &arguments.rules {
        let settings = [&arguments.settings[..], &rule.settings].concat();
        rules.push(load(&settings)?.rules);
    }
    if rules.is_empty() {
        rules.push(config.rules.clone());
    }

    let (past, counts) = match arguments.source.files() {
        Some(files) => past::from_files(files, &source.span_of_files()?, &config)?,
        None => {
            let zone = config.messages.zone;
            let latest = latest_reading(SystemClock { zone }.now());
            let wanted = source.span(latest, latest)?;
            past::from_archive(&wanted, &config, &rules)?
        }
    };
    let findings = backtest(&past, &rules);
    match write_lines(&findings, &names, has_baseline(&rules)) {
        // The reader has closed the pipe, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        Err(error) => return Err(usage(anyhow::anyhow!("output: {error}"))),
        Ok(()) => {}
    }
    let words = words(arguments.language.or(config.notify.cards.language));
    print_summary(words, &past, counts, &findings, &names, &rules);
    Ok(())
}

/// The names of the rules; empty if there is only one.
fn names(rules: &[NamedRule]) -> Result<Vec<&str>, Failure> {
    let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            return Err(usage(anyhow::anyhow!(
                "--rule {name}: two rules have this name"
            )));
        }
    }
    Ok(if names.len() > 1 { names } else { Vec::new() })
}

/// Whether the baseline rule raises alerts by some of the rules.
fn has_baseline(rules: &[Rules]) -> bool {
    let mut modes = rules.iter().map(|rules| rules.baseline.mode);
    modes.any(|mode| mode == BaselineMode::On)
}

/// One line of the output.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    event: &'a str,
    hotel_id: &'a str,
    room_number: &'a str,
    kind: Kind,
    detected_time: LocalTime,
    since: LocalTime,
    periods: u32,
    total_kwh: Box<RawValue>,
    /// Whether thresholds or the baseline rule; only where there may be both.
    #[serde(skip_serializing_if = "Option::is_none")]
    found_by: Option<Rule>,
}

/// One line about what a hotel's vacant rooms have in common.
#[derive(Serialize)]
struct HotelLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    event: &'a str,
    hotel_id: &'a str,
    detected_time: LocalTime,
    since: LocalTime,
    rooms: u32,
    vacant_rooms: u32,
    /// What they use more than by themselves.
    kwh_per_interval: Box<RawValue>,
    /// The same of all vacant rooms in a day.
    kwh_a_day: Box<RawValue>,
}

fn write_lines(findings: &[Finding], names: &[&str], has_baseline: bool) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for Finding { rule, notice } in findings {
        let rule = names.get(*rule).copied();
        let line = match notice {
            // How runs ended otherwise than by a recovery matters to the staff alone.
            Notice::Room(notice) if matches!(notice.kind, NoticeKind::Closed(_)) => continue,
            Notice::Room(notice) => room_line(rule, notice, has_baseline)?,
            Notice::Hotel(notice) => hotel_line(rule, notice)?,
            Notice::Meters(_) => continue,
        };
        writeln!(out, "{}", escape::json(&line))?;
    }
    out.flush()
}

fn room_line(rule: Option<&str>, notice: &RoomNotice, has_baseline: bool) -> io::Result<String> {
    let RoomNotice { room, stay, .. } = notice;
    let line = Line {
        rule,
        event: notice.kind.as_str(),
        hotel_id: room.hotel_id.as_str(),
        room_number: room.room_number.as_str(),
        kind: stay.kind(),
        detected_time: notice.detected,
        since: notice.since,
        periods: notice.periods,
        total_kwh: exact(notice.energy)?,
        found_by: has_baseline.then_some(notice.rule),
    };
    Ok(serde_json::to_string(&line)?)
}

fn hotel_line(rule: Option<&str>, notice: &HotelNotice) -> io::Result<String> {
    let line = HotelLine {
        rule,
        event: notice.kind.as_str(),
        hotel_id: notice.hotel_id.as_str(),
        detected_time: notice.detected,
        since: notice.since,
        rooms: notice.rooms(),
        vacant_rooms: notice.vacant,
        kwh_per_interval: exact(notice.common)?,
        kwh_a_day: exact(notice.total_a_day())?,
    };
    Ok(serde_json::to_string(&line)?)
}

/// An exact JSON number, in kWh.
fn exact(energy: WattHours) -> serde_json::Result<Box<RawValue>> {
    RawValue::from_string(energy.to_string())
}

/// Prints the table of each rule, and a line with all counts, to standard error.
fn print_summary(
    words: &dyn Words,
    past: &Past,
    counts: Counts,
    findings: &[Finding],
    names: &[&str],
    rules: &[Rules],
) {
    let watched = Summary::watched(past);
    let mut text = String::new();
    let mut total = watched.clone();
    for rule in 0..names.len().max(1) {
        let mut of_rule = watched.clone();
        let notices = findings.iter().filter(|finding| finding.rule == rule);
        let notices = notices.map(|finding| &finding.notice);
        for notice in notices.clone() {
            of_rule.count(notice);
            total.count(notice);
        }
        if let Some(name) = names.get(rule) {
            text.push_str(&format!("{}\n", words.rule_title(name)));
        }
        text.push_str(&summary::table(words, &of_rule));
        if has_baseline(rules) {
            let of_rooms = notices.filter_map(Notice::of_room);
            let found = by_rule(&alerted_runs(of_rooms, past));
            let is_on = rules[rule].baseline.mode == BaselineMode::On;
            let of_rules = [Some(Rule::Fixed), is_on.then_some(Rule::Baseline)];
            for rule in of_rules.into_iter().flatten() {
                let found = found.get(&rule).copied().unwrap_or_default();
                text.push_str(&format!("{}\n", words.found_by(rule, &found)));
            }
        }
    }
    let Counts {
        messages,
        events,
        ignored,
        refused,
        readings,
        bad,
    } = counts;
    let summary::Row {
        rooms,
        alerts,
        reminders,
        recovered,
        ..
    } = total.all;
    // Standard error may be closed.
    let _ = writeln!(
        io::stderr(),
        "{text}backtest: messages={messages} events={events} ignored={ignored} refused={refused} \
         readings={readings} bad={bad} rooms={rooms} alerts={alerts} reminders={reminders} \
         recovered={recovered}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_the_command_line_are_parsed() {
        let keys = |text: &str| {
            let rule: NamedRule = text.parse().expect("a rule");
            let keys: Vec<String> = rule.settings.iter().map(|s| s.key().to_owned()).collect();
            (rule.name, keys.join(" "))
        };
        let is = |name: &str, keys: &str| (name.to_owned(), keys.to_owned());
        assert_eq!(keys("now"), is("now", ""));
        assert_eq!(keys("now:"), is("now", ""));
        assert_eq!(
            keys("a b: continuous_alert_count=6 , max_gap_minutes = 90"),
            is("a b", "continuous_alert_count max_gap_minutes")
        );
        for (wrong, expected) in [
            ("", "NAME:KEY=VALUE"),
            (":max_gap_minutes=90", "NAME:KEY=VALUE"),
            ("max_gap_minutes=90", "NAME:KEY=VALUE"),
            ("x:max_gap_minutes", "key=value"),
            ("x:threshold=1", "known are check_interval_minutes, checkin"),
            ("x:keep_days=1", "keep_days is not a key of a rule"),
        ] {
            let error = wrong.parse::<NamedRule>().expect_err(wrong);
            assert!(error.contains(expected), "{wrong}: {error}");
        }
    }
}
