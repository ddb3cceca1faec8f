mod files;
mod pace;
mod report;
mod sink;

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::value_parser;
use indicatif::{ProgressBar, ProgressStyle};

use crate::app::interruption;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::engine::{MessageFormat, Unwritten};
use crate::escape;
use crate::simulator::{EventKind, MeterFaults, Outline, Scenario};
use crate::store::SimulatedMeters;
use crate::types::{HotelId, LocalTime, counted, trim_key_part};

use super::story::{self, NamedWorld};
use super::{Code, ConfigFile, Failure, needed, past};

use pace::Pace;
use sink::{Delivered, Sink};

/// Ids of simulated hotels begin with this, so that they are never those of a real one.
const PREFIX: &str = "SIM-";

const DAY: i64 = 24 * 3_600;

/// The length of a story without an end: a hundred years, in days.
const ENDLESS: u32 = 36_500;

/// The length of a story in files. Days.
const IN_FILES: u32 = 14;

/// Rooms of a hotel, unless its world has hotels of another size.
const ROOMS: u32 = 50;

/// Simulate hotels: send messages to the broker and write readings to the meter table, or write
/// both as files
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt simulate --config roomwatt.toml
  roomwatt simulate --rooms 200 --backfill 7 --days 7 --config roomwatt.toml
  roomwatt simulate --hotel-id SIM-A --from '2023-04-10 00:00:00' --days 30 --config roomwatt.toml
  roomwatt simulate --hotels 20 --rooms 1000 --rate 500 --json --config roomwatt.toml
  roomwatt simulate --files hotel --world habits --rooms 200 --days 30

The story begins in the past, catches up with now, and goes on in real time until Ctrl-C: guests
come and go, meters are read and have faults, and some rooms use more than they should. At the end
it lists those rooms, whether or not the service has found them. It also lists the guests who moved,
and the rooms that were out of order.

With --files no server is needed, and the story is written at once: messages.jsonl and readings.csv
as `backtest` reads them, truth.csv with what is true of each room and no hotel knows, and
roomwatt.toml with the codes of the messages.

Played as fast as the servers accept it, the past can outrun the service: readings arrive before it
has processed the message of a check-out, so that it may alert for the guest who has left. --speed
600, ten minutes a second, gives it the time.

With the same --seed, --from, hotels, --rooms, --world, --troubles and --no-faults it is the same
story: played again it changes nothing, and goes on where it was. Use other hotel ids for another
story, because its meters start anew. The database user needs the right to INSERT into the meter
table; the service does not.
")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// A hotel to simulate; can be repeated. It begins with SIM- [default: SIM-1]
    #[arg(long = "hotel-id", value_name = "ID", value_parser = simulated)]
    hotel_ids: Vec<HotelId>,
    /// Simulate N hotels: SIM-1, SIM-2 ...
    #[arg(
        long,
        value_name = "N", conflicts_with = "hotel_ids",
        value_parser = value_parser!(u32).range(1..=10_000)
    )]
    hotels: Option<u32>,
    /// Write the story into new files of this folder, without any server
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["config", "embedded", "backfill", "speed", "rate"]
    )]
    files: Option<PathBuf>,
    /// What the hotels are like
    #[arg(long, value_name = "NAME", default_value = "today", value_parser = story::named_world())]
    world: NamedWorld,
    /// Rooms of each hotel [default: 50; in the world small-hotel 8]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=100_000))]
    rooms: Option<u32>,
    /// Begin this many days ago
    #[arg(
        long,
        value_name = "DAYS", default_value_t = 1,
        value_parser = value_parser!(u32).range(0..=3_650)
    )]
    backfill: u32,
    /// Begin at this time, local to the hotels, or at the beginning of this day [default with
    /// --files: 2024-03-04]
    #[arg(long, value_name = "TIME", conflicts_with = "backfill", value_parser = past::beginning)]
    from: Option<LocalTime>,
    /// End after this many days of the story [default: go on until stopped; with --files 14]
    #[arg(long, value_parser = value_parser!(u32).range(1..=i64::from(ENDLESS)))]
    days: Option<u32>,
    /// Seed of the story [default: a random one, which is printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Play the past N times as fast as real time [default: as fast as the servers accept it]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    speed: Option<u32>,
    /// At most N messages a second
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Make troubles N times as frequent; 0 for none
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = times)]
    troubles: f64,
    /// Use meters that are always right and on time; in the world whole-kwh they still count whole
    /// kWh
    #[arg(long)]
    no_faults: bool,
    /// One JSON object a line: the troubles, guests who moved, rooms out of order, then what was
    /// done
    #[arg(long)]
    json: bool,
}

fn simulated(id: &str) -> Result<HotelId, String> {
    let id = trim_key_part(id);
    if !id.starts_with(PREFIX) {
        return Err(format!(
            "real hotels are never simulated: the id must begin with {PREFIX}, as {PREFIX}1"
        ));
    }
    if id.chars().count() > HotelId::MAX_CHARS || id.chars().any(escape::is_unsafe) {
        return Err(format!(
            "an id has at most {} characters, none of them invisible",
            HotelId::MAX_CHARS
        ));
    }
    Ok(HotelId::new(id))
}

fn times(text: &str) -> Result<f64, String> {
    let times = text.parse().ok();
    let times = times.filter(|times| (0.0..=1_000.0).contains(times));
    times.ok_or_else(|| "expected a number from 0 to 1000".to_owned())
}

/// What was played.
struct Played {
    delivered: Delivered,
    outline: Outline,
    until: LocalTime,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.files {
        Some(folder) => write_files(arguments, folder),
        None => play(arguments),
    }
}

/// Writes the story into files.
fn write_files(arguments: &Arguments, folder: &Path) -> Result<(), Failure> {
    let config = Config::of_settings(&[]).map_err(|errors| Failure::new(Code::Bug, errors))?;
    let start = arguments.from.map_or_else(story::start, Ok)?;
    let days = arguments.days.unwrap_or(IN_FILES);
    let scenario = scenario(arguments, &config, start, days)?;
    let format = MessageFormat {
        types: config.messages.types.for_all_kinds(),
        ..config.messages
    };
    let bar = bar(&scenario, scenario.end());
    let show = |at, delivered| show(&bar, &scenario, at, delivered);
    let written = files::write(&scenario, &format, folder, show);
    bar.finish_and_clear();
    let played = written?;
    report::print(arguments, &scenario, &played)
}

/// Plays the story on the configured servers.
fn play(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.config.load(&[])?;
    let rabbitmq = needed(config.rabbitmq.as_ref(), "rabbitmq")?;
    let mysql = needed(config.mysql.as_ref(), "mysql")?;
    let zone = config.messages.zone;
    let clock = SystemClock { zone };
    let now = clock.now();
    let ago = i64::from(arguments.backfill) * DAY;
    let start = arguments.from.unwrap_or(now.plus(-ago));
    if start > now {
        return Err(usage(format!(
            "--from {start} is in the future (it is {now}): the service would refuse the messages"
        )));
    }
    let scenario = scenario(arguments, &config, start, arguments.days.unwrap_or(ENDLESS))?;
    check_codes(&scenario, &config.messages)?;
    let stop = interruption(false).map_err(|error| Failure::new(Code::TryLater, error))?;
    let bar = bar(&scenario, now);
    let meters = SimulatedMeters::new(mysql, config.meter.clone(), zone);
    let mut sink = Sink::open(meters, rabbitmq, arguments.rate, stop.clone(), bar.clone())?;
    let mut pace = Pace::new(clock, scenario.start, arguments.speed, stop);
    let mut outline = Outline::default();
    let mut until = scenario.start;
    let result = (|| {
        for event in scenario.story() {
            let at = event.at;
            if (sink.is_full(at) || !pace.has_reached(at)) && !sink.deliver()? {
                return Ok(());
            }
            until = at;
            while !pace.has_reached(at) {
                if pace.wait_for(at) {
                    return Ok(());
                }
            }
            show(&bar, &scenario, at, sink.delivered);
            outline.add(&event);
            match event.kind {
                EventKind::Message(message) => {
                    let body = config.messages.write(&message);
                    let body = body.map_err(|error| Failure::new(Code::Configuration, error))?;
                    sink.add_message(at, body);
                }
                EventKind::Reading(reading) => sink.add_reading(event.room, reading),
                EventKind::Trouble(_) | EventKind::Presence(_) | EventKind::Circumstance(_) => {}
            }
        }
        until = scenario.end();
        sink.deliver().map(|_| ())
    })();
    bar.finish_and_clear();
    let played = Played {
        delivered: sink.delivered,
        outline,
        until,
    };
    report::print(arguments, &scenario, &played)?;
    result
}

fn usage(text: String) -> Failure {
    Failure::new(Code::Usage, anyhow!(text))
}

/// Checks that all kinds of messages that will come have a code, before anything is sent.
fn check_codes(scenario: &Scenario, format: &MessageFormat) -> Result<(), Failure> {
    let kinds = scenario.world.message_kinds().into_iter();
    let mut without = kinds.filter(|kind| format.types.of(*kind).next().is_none());
    match without.next() {
        None => Ok(()),
        Some(kind) => Err(Failure::new(
            Code::Configuration,
            Unwritten::NoCode {
                section: "message_types",
                key: kind.key(),
            },
        )),
    }
}

fn scenario(
    arguments: &Arguments,
    config: &Config,
    start: LocalTime,
    days: u32,
) -> Result<Scenario, Failure> {
    let mut hotels = arguments.hotel_ids.clone();
    if hotels.is_empty() {
        let numbers = 1..=arguments.hotels.unwrap_or(1);
        hotels = numbers
            .map(|n| HotelId::new(&format!("{PREFIX}{n}")))
            .collect();
    }
    let mut sorted = hotels.clone();
    sorted.sort();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(usage(format!("--hotel-id {} is given twice", twice[0])));
    }
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut world = arguments.world.world.clone();
    let rooms = arguments.rooms.or(world.rooms).unwrap_or(ROOMS);
    world.meters.interval_seconds = config.rules.interval_seconds;
    world.troubles = world.troubles.times(arguments.troubles);
    if arguments.no_faults {
        world.meters.faults = MeterFaults {
            // All of them, or none.
            coarse: world.meters.faults.coarse.floor(),
            ..MeterFaults::none()
        };
    }
    Ok(Scenario::new(seed, hotels, rooms, start, days).in_world(world))
}

/// The progress through the past; shown on a terminal only.
fn bar(scenario: &Scenario, now: LocalTime) -> ProgressBar {
    let seconds = scenario.end().min(now).since(scenario.start);
    let bar = ProgressBar::new(u64::try_from(seconds).unwrap_or_default().max(1));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}") {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, scenario: &Scenario, at: LocalTime, delivered: Delivered) {
    let position = u64::try_from(at.since(scenario.start)).unwrap_or_default();
    if position == bar.position() || bar.is_hidden() {
        return;
    }
    let Delivered { readings, messages } = delivered;
    bar.set_message(format!(
        "{at}  {}, {}",
        counted(readings, "reading"),
        counted(messages, "message")
    ));
    bar.set_position(position.min(bar.length().unwrap_or(position)));
}
