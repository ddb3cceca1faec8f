use std::io::{self, Write};
use std::sync::Arc;

use anyhow::anyhow;
use crossbeam_channel::bounded;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use log::LevelFilter;

use crate::app::interruption;
use crate::config::{Config, Setting};
use crate::demo::{Demo, DemoError, Fate, Report};
use crate::hotel::Plan;
use crate::logging;
use crate::types::{HotelId, Kind, LocalTime, WattHours};

use super::{Code, Failure, load};

/// See roomwatt watch a made-up hotel, without any server
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt demo
  roomwatt demo --rooms 300 --days 7 --seed 5
  roomwatt demo --set checkout_abnormal_threshold=0.5

Guests come and go, meters tell what their rooms use, some of them wrongly, and some rooms have a
trouble: an air conditioner left on, a mining rig. The service's own parts watch over them, with an
embedded database that is gone afterwards. Cards are shown as the staff would see them, and at the end
what was there to be found. The same seed tells the same story.
")]
pub(super) struct Arguments {
    /// Rooms of the hotel
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    rooms: u32,
    /// Days the story goes on
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// Which story
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// So many seconds of the story pass in one
    #[arg(long, default_value_t = 7_200.0, value_parser = speed)]
    speed: f64,
    /// Language of the cards: zh or en
    #[arg(long, value_enum, default_value = "zh")]
    language: Language,
    /// Another value of a key of [monitoring]; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Language {
    Zh,
    En,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (1.0..=1e9).contains(&speed) => Ok(speed),
        _ => Err("it must be a number from 1 on".to_owned()),
    }
}

/// When every story begins: a Monday.
const START: &str = "2024-03-04 00:00:00";

/// Seconds of the story between two sweeps.
const SWEEP: &str = "sweep_seconds=300";

/// Owner, sweep, and the one notifier.
const THREADS: usize = 3;

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = tempfile::Builder::new()
        .prefix("roomwatt-demo-")
        .tempdir()
        .map_err(|error| Failure::new(Code::TryLater, error))?;
    let mut config = configuration(&arguments.settings)?;
    config.embedded.path = folder.path().join("demo.db");
    config.feishu.language = match arguments.language {
        Language::Zh => crate::config::Language::Zh,
        Language::En => crate::config::Language::En,
    };
    logging::start(&config.log, config.messages.zone)
        .map_err(|error| Failure::new(Code::Bug, error))?;

    let start = LocalTime::parse(START).map_err(|error| Failure::new(Code::Bug, error))?;
    let hotels = vec![HotelId::new("DEMO")];
    let plan = Plan::new(
        arguments.seed,
        hotels,
        arguments.rooms,
        start,
        arguments.days,
    );
    let (exits, ended) = bounded(THREADS);
    let stop = interruption().map_err(|e| Failure::new(Code::TryLater, e))?;
    let bar = progress_bar(plan.end().since(start).unsigned_abs());
    tell(&bar, &introduction(arguments, &config));
    let on_bar = bar.clone();
    let demo = Demo {
        config: &config,
        plan: &plan,
        speed: arguments.speed,
        show: Arc::new(move |_, card| tell(&on_bar, &format!("{card}\n"))),
        progress: &|now| {
            bar.set_position(now.since(start).unsigned_abs());
            bar.set_message(now.day_hour_minute());
        },
        exits: &exits,
        ended: &ended,
    };
    let report = demo.run(&stop).map_err(|error| {
        let code = match error {
            DemoError::Store(_) | DemoError::Thread(_) => Code::TryLater,
            DemoError::Died(_) | DemoError::Refused(_) => Code::Bug,
        };
        Failure::new(code, error)
    })?;
    bar.finish_and_clear();
    for line in lines(&report, &plan, &config) {
        tell(&bar, &line);
    }
    Ok(())
}

/// The defaults, but for what was set; servers that the environment names are not for this.
fn configuration(settings: &[Setting]) -> Result<Config, Failure> {
    let often: Setting = SWEEP
        .parse()
        .map_err(|error: String| Failure::new(Code::Bug, anyhow!(error)))?;
    let settings: Vec<Setting> = std::iter::once(often).chain(settings.to_vec()).collect();
    let mut config = load(None, &settings)?;
    config.mysql = None;
    config.feishu.webhook = None;
    config.feishu.routes.clear();
    config.log.file = None;
    config.log.level = LevelFilter::Error;
    Ok(config)
}

fn introduction(arguments: &Arguments, config: &Config) -> String {
    let thresholds = config.rules.thresholds;
    format!(
        "Hotel DEMO, {} rooms, {} days from {START} on, seed {}; thresholds {} kWh occupied, {} kWh \
         vacant in {} minutes, {} times in a row.\n",
        arguments.rooms,
        arguments.days,
        arguments.seed,
        thresholds.checkin,
        thresholds.checkout,
        config.rules.interval_seconds / 60,
        config.rules.alert_periods,
    )
}

/// On a terminal only.
fn progress_bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg} [{wide_bar}] {percent:>3} %");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A line above the bar. Who reads may have seen enough.
fn tell(bar: &ProgressBar, text: &str) {
    bar.suspend(|| {
        let _ = writeln!(io::stdout(), "{text}");
    });
}

/// What was there to be found, and what of it was.
fn lines(report: &Report, plan: &Plan, config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    if report.until < plan.end() {
        lines.push(format!("Stopped at {}.", report.until));
    }
    lines.push(format!(
        "{} messages and {} readings of {} rooms: {} alerts, {} reminders, {} all-clears, {} notices of \
         silent meters.",
        report.messages,
        report.readings,
        report.rooms,
        report.alerts,
        report.reminders,
        report.recovered,
        report.of_meters,
    ));
    let days = report.until.since(plan.start) as f64 / 86_400.0;
    lines.push(format!(
        "{} of {} troubles were found; {} of {} alerts were false ({:.2} per 100 rooms and day).\n",
        report.found(),
        report.troubles.len(),
        report.false_alarms.len(),
        report.alerts,
        report.false_alarms.len() as f64 * 100.0 / (report.rooms.max(1) as f64 * days.max(1.0)),
    ));
    for (room, trouble, fate) in &report.troubles {
        let state = match trouble.kind {
            Kind::Checkin => "occupied",
            Kind::Checkout => "vacant",
        };
        lines.push(format!(
            "  {:9} {state:8} {:15} {:>5} kWh / 30 min  {} to {}  {fate}",
            room.to_string(),
            trouble.appliance.as_str(),
            trouble.per_half_hour.to_string(),
            trouble.from.day_hour_minute(),
            trouble.until.day_hour_minute(),
        ));
    }
    if let Some(advice) = advice(report, config) {
        lines.push(format!("\n{advice}"));
    }
    lines
}

/// What to try next: a threshold that would have found most of what was missed in vacant rooms.
fn advice(report: &Report, config: &Config) -> Option<String> {
    let mut enough: Vec<WattHours> = report
        .troubles
        .iter()
        .filter(|(_, trouble, _)| trouble.kind == Kind::Checkout)
        .filter_map(|(.., fate)| match fate {
            Fate::Below { enough, .. } => Some(*enough),
            _ => None,
        })
        .collect();
    enough.sort();
    // All but a tenth of them.
    let threshold = *enough.get(enough.len() / 10)?;
    let now = config.rules.thresholds.checkout;
    Some(format!(
        "Vacant rooms hid most of it below the threshold of {now}: try --set checkout_abnormal_threshold={threshold}"
    ))
}
