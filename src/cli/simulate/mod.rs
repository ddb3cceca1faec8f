mod pace;
mod sink;

use std::io::{self, BufWriter, Write};

use anyhow::anyhow;
use clap::value_parser;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::app::interruption;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::escape;
use crate::simulator::{EventKind, MeterFaults, Scenario, Trouble, Troubles};
use crate::store::SimulatedMeters;
use crate::types::{HotelId, LocalTime, RoomKey, counted, trim_key_part};

use super::rows::check_output;
use super::{Code, ConfigFile, Failure, needed, past};

use pace::Pace;
use sink::{Delivered, Sink};

/// Ids of simulated hotels begin with this, so that they are never those of a real one.
const PREFIX: &str = "SIM-";

const DAY: i64 = 24 * 3_600;

/// The length of a story without an end: a hundred years, in days.
const ENDLESS: u32 = 36_500;

/// Simulate hotels: send messages to the broker, and write readings to the meter table
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt simulate --config roomwatt.toml
  roomwatt simulate --rooms 200 --backfill 7 --days 7 --config roomwatt.toml
  roomwatt simulate --hotel-id SIM-A --from '2023-04-10 00:00:00' --days 30 --config roomwatt.toml
  roomwatt simulate --hotels 20 --rooms 1000 --rate 500 --json --config roomwatt.toml

The story begins in the past, catches up with now, and goes on in real time until Ctrl-C: guests
come and go, meters are read and have faults, and some rooms use more than they should. At the end
it lists those rooms, whether or not the service has found them.

Played as fast as the servers accept it, the past can outrun the service: readings arrive before it
has processed the message of a check-out, so that it may alert for the guest who has left. --speed
600, ten minutes a second, gives it the time.

With the same --seed, --from, hotels, --rooms, --troubles and --no-faults it is the same story:
played again it changes nothing, and goes on where it was. Use other hotel ids for another story,
because its meters start anew. The database user needs the right to INSERT into the meter table; the
service does not.
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
    /// Rooms of each hotel
    #[arg(
        long,
        value_name = "N", default_value_t = 50,
        value_parser = value_parser!(u32).range(1..=100_000)
    )]
    rooms: u32,
    /// Begin this many days ago
    #[arg(
        long,
        value_name = "DAYS", default_value_t = 1,
        value_parser = value_parser!(u32).range(0..=3_650)
    )]
    backfill: u32,
    /// Begin at this time, local to the hotels, or at the beginning of this day
    #[arg(long, value_name = "TIME", conflicts_with = "backfill", value_parser = past::beginning)]
    from: Option<LocalTime>,
    /// End after this many days of the story [default: go on until stopped]
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
    /// Use meters that are always right and on time
    #[arg(long)]
    no_faults: bool,
    /// One JSON object a line: the troubles, then what was done
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
    troubles: Vec<(RoomKey, Trouble)>,
    until: LocalTime,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.config.load(&[])?;
    let rabbitmq = needed(config.rabbitmq.as_ref(), "rabbitmq")?;
    let mysql = needed(config.mysql.as_ref(), "mysql")?;
    let zone = config.messages.zone;
    let clock = SystemClock { zone };
    let scenario = scenario(arguments, &config, clock.now())?;
    let stop = interruption().map_err(|error| Failure::new(Code::TryLater, error))?;
    let bar = bar(&scenario, clock.now());
    let meters = SimulatedMeters::new(mysql, config.meter.clone(), zone);
    let mut sink = Sink::open(meters, rabbitmq, arguments.rate, stop.clone(), bar.clone())?;
    let mut pace = Pace::new(clock, scenario.start, arguments.speed, stop);
    let mut troubles = Vec::new();
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
            match event.kind {
                EventKind::Message(message) => {
                    let body = config.messages.write(&message);
                    let body = body.map_err(|error| Failure::new(Code::Configuration, error))?;
                    sink.add_message(at, body);
                }
                EventKind::Reading(reading) => sink.add_reading(event.room, reading),
                EventKind::Trouble(trouble) => troubles.push((event.room, trouble)),
                EventKind::Presence(_) | EventKind::Circumstance(_) => {}
            }
        }
        until = scenario.end();
        sink.deliver().map(|_| ())
    })();
    bar.finish_and_clear();
    let played = Played {
        delivered: sink.delivered,
        troubles,
        until,
    };
    report(&scenario, &played, arguments.json)?;
    result
}

fn scenario(arguments: &Arguments, config: &Config, now: LocalTime) -> Result<Scenario, Failure> {
    let usage = |text: String| Failure::new(Code::Usage, anyhow!(text));
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
    let ago = i64::from(arguments.backfill) * DAY;
    let start = arguments.from.unwrap_or(now.plus(-ago));
    if start > now {
        return Err(usage(format!(
            "--from {start} is in the future (it is {now}): the service would refuse the messages"
        )));
    }
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let days = arguments.days.unwrap_or(ENDLESS);
    let mut scenario = Scenario::new(seed, hotels, arguments.rooms, start, days);
    scenario.world.meters.interval_seconds = config.rules.interval_seconds;
    scenario.world.troubles = Troubles::default().times(arguments.troubles);
    if arguments.no_faults {
        scenario.world.meters.faults = MeterFaults::none();
    }
    Ok(scenario)
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

/// Prints what was played, and the true troubles.
fn report(scenario: &Scenario, played: &Played, as_json: bool) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let write = if as_json { write_json } else { write_text };
    check_output(write(&mut out, scenario, played).and_then(|()| out.flush()))
}

fn write_text(out: &mut dyn Write, scenario: &Scenario, played: &Played) -> io::Result<()> {
    let Delivered { readings, messages } = played.delivered;
    let hotels = match &scenario.hotels[..] {
        [hotel] => hotel.to_string(),
        hotels => format!("{} hotels", hotels.len()),
    };
    writeln!(
        out,
        "played {hotels} of {}, from {} to {}: {}, {}, {}",
        counted(scenario.rooms, "room"),
        scenario.start,
        played.until,
        counted(readings, "reading"),
        counted(messages, "message"),
        counted(played.troubles.len(), "trouble"),
    )?;
    for (room, trouble) in &played.troubles {
        let kind = trouble.kind.occupancy();
        writeln!(
            out,
            "  {room} {kind}: {}, {} kWh in 30 minutes, {} to {}",
            trouble.appliance.as_str(),
            trouble.per_half_hour,
            trouble.from,
            trouble.until
        )?;
    }
    writeln!(
        out,
        "to play the same story again and go on: --seed {} --from '{}'",
        scenario.seed, scenario.start
    )
}

fn write_json(out: &mut dyn Write, scenario: &Scenario, played: &Played) -> io::Result<()> {
    for (room, trouble) in &played.troubles {
        let line = json!({
            "event": "trouble",
            "hotel_id": room.hotel_id,
            "room_number": room.room_number,
            "kind": trouble.kind,
            "appliance": trouble.appliance,
            "from": trouble.from,
            "until": trouble.until,
            "kwh_per_30_minutes": trouble.per_half_hour.0 as f64 / 1_000.0,
        });
        writeln!(out, "{}", escape::json(&line.to_string()))?;
    }
    let line = json!({
        "event": "told",
        "seed": scenario.seed,
        "hotels": scenario.hotels,
        "rooms": scenario.rooms,
        "from": scenario.start,
        "until": played.until,
        "readings": played.delivered.readings,
        "messages": played.delivered.messages,
        "troubles": played.troubles.len(),
    });
    writeln!(out, "{}", escape::json(&line.to_string()))
}
