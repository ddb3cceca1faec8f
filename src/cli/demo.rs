use std::io::{self, Write};
use std::sync::Arc;

use anyhow::anyhow;
use crossbeam_channel::bounded;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use log::LevelFilter;
use parking_lot::Mutex;

use crate::app::interruption;
use crate::config::{Config, Setting};
use crate::demo::{Demo, DemoError, Fate, Report};
use crate::logging;
use crate::notify::Console;
use crate::simulator::Scenario;
use crate::types::{HotelId, Kind, LocalTime, WattHours, counted};

use super::{Code, Failure};

/// See roomwatt watch a made-up hotel, without any server
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt demo
  roomwatt demo --rooms 300 --days 7 --seed 5
  roomwatt demo --set checkout_abnormal_threshold=0.5

Guests come and go, meters tell what their rooms use, some of them wrongly, and some rooms have a
trouble: an air conditioner left on, a mining rig. The service's own parts watch over them, with an
embedded database that is gone afterwards. Cards are shown as the staff would see them, and at the
end what was there to be found. The same seed tells the same story.
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

/// What to say of a database that fails.
const PLACE: &str =
    "the story's database is in the folder of temporary files; TMPDIR names another one";

/// Owner, sweep, and the one notifier.
const THREADS: usize = 3;

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = tempfile::Builder::new()
        .prefix("roomwatt-demo-")
        .tempdir()
        .map_err(|error| Failure::new(Code::TryLater, error).about(PLACE))?;
    let mut config = configuration(&arguments.settings)?;
    config.embedded.path = folder.path().join("demo.db");
    config.notify.cards.language = match arguments.language {
        Language::Zh => crate::config::Language::Zh,
        Language::En => crate::config::Language::En,
    };
    logging::start(&config.log, config.messages.zone)
        .map_err(|error| Failure::new(Code::Bug, error))?;

    let start = LocalTime::parse(START).map_err(|error| Failure::new(Code::Bug, error))?;
    let hotels = vec![HotelId::new("DEMO")];
    let scenario = Scenario::new(
        arguments.seed,
        hotels,
        arguments.rooms,
        start,
        arguments.days,
    );
    let (exits, ended) = bounded(THREADS);
    let stop = interruption().map_err(|e| Failure::new(Code::TryLater, e))?;
    let screen = Screen::new(scenario.end().since(start).unsigned_abs());
    screen.tell(&introduction(arguments, &config));
    let cards = screen.clone();
    let demo = Demo {
        config: &config,
        scenario: &scenario,
        speed: arguments.speed,
        console: Console::new(move |_, card| cards.tell(&format!("{card}\n"))),
        progress: &|now| {
            screen.bar.set_position(now.since(start).unsigned_abs());
            screen.bar.set_message(now.day_hour_minute());
            screen.lost.lock().is_none()
        },
        exits: &exits,
        ended: &ended,
    };
    let report = demo.run(&stop).map_err(|error| {
        let code = match error {
            DemoError::Store(_) | DemoError::Thread(_) => Code::TryLater,
            DemoError::Died(_) | DemoError::Refused(_) => Code::Bug,
        };
        let is_of_store = matches!(error, DemoError::Store(_));
        let failure = Failure::new(code, error);
        if is_of_store {
            failure.about(PLACE)
        } else {
            failure
        }
    })?;
    screen.bar.finish_and_clear();
    for line in lines(&report, &scenario, &config) {
        screen.tell(&line);
    }
    screen.end()
}

/// The defaults, but for what was set: what this machine's services are told by their environment
/// changes no story.
fn configuration(settings: &[Setting]) -> Result<Config, Failure> {
    let often: Setting = SWEEP
        .parse()
        .map_err(|error: String| Failure::new(Code::Bug, anyhow!(error)))?;
    let settings: Vec<Setting> = std::iter::once(often).chain(settings.to_vec()).collect();
    let mut config =
        Config::of_settings(&settings).map_err(|errors| Failure::new(Code::Usage, errors))?;
    config.log.level = LevelFilter::Error;
    Ok(config)
}

fn introduction(arguments: &Arguments, config: &Config) -> String {
    let thresholds = config.rules.thresholds;
    format!(
        "Hotel DEMO, {}, {} from {START} on, seed {}; thresholds {} kWh occupied, {} kWh \
         vacant in {}, {} in a row.\n",
        counted(arguments.rooms, "room"),
        counted(arguments.days, "day"),
        arguments.seed,
        thresholds.checkin,
        thresholds.checkout,
        counted(config.rules.interval_seconds / 60, "minute"),
        counted(config.rules.alert_periods, "time"),
    )
}

/// Where the story is told, and how far it has come.
#[derive(Clone)]
struct Screen {
    /// Seen on a terminal only.
    bar: ProgressBar,
    /// Why nothing can be told any more.
    lost: Arc<Mutex<Option<io::Error>>>,
}

impl Screen {
    fn new(length: u64) -> Screen {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg} [{wide_bar}] {percent:>3} %");
        Screen {
            bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())),
            lost: Arc::default(),
        }
    }

    /// A line above the bar.
    fn tell(&self, text: &str) {
        let told = self.bar.suspend(|| writeln!(io::stdout(), "{text}"));
        if let Err(error) = told {
            self.lost.lock().get_or_insert(error);
        }
    }

    /// # Errors
    /// Where not all could be told. Who reads may have seen enough.
    fn end(self) -> Result<(), Failure> {
        match self.lost.lock().take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(Code::TryLater, error).about("standard output"))
            }
            _ => Ok(()),
        }
    }
}

/// What was there to be found, and what of it was.
fn lines(report: &Report, scenario: &Scenario, config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    if report.until < scenario.end() {
        lines.push(format!("Stopped at {}.", report.until));
    }
    lines.push(format!(
        "{} and {} of {}: {}, {}, {}, {} no longer followed (a new stay, a gap), {} of silent \
         meters.",
        counted(report.messages, "message"),
        counted(report.readings, "reading"),
        counted(report.rooms, "room"),
        counted(report.alerts, "alert"),
        counted(report.reminders, "reminder"),
        counted(report.recovered, "all-clear"),
        report.closed,
        counted(report.of_meters, "notice"),
    ));
    let days = report.until.since(scenario.start) as f64 / 86_400.0;
    lines.push(format!(
        "Found: {} of {}; false: {} of {} ({:.2} per 100 rooms and day).\n",
        report.found(),
        counted(report.troubles.len(), "trouble"),
        report.false_alarms.len(),
        counted(report.alerts, "alert"),
        report.false_alarms.len() as f64 * 100.0 / (report.rooms.max(1) as f64 * days.max(1.0)),
    ));
    for (room, trouble, fate) in &report.troubles {
        let state = trouble.kind.of_room();
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
        "Vacant rooms hid most of it below the threshold of {now} kWh: try --set \
         checkout_abnormal_threshold={threshold}"
    ))
}
