//! Writes a simulated hotel's story as files, for others to judge by.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::anyhow;

use crate::engine::{MessageFormat, MessageKind, READING_FIELDS};
use crate::simulator::{EventKind, Outline, RoomTruth, Scenario};
use crate::types::{LocalTime, RoomKey};

use super::super::{Code, Failure};
use super::Played;
use super::sink::Delivered;

const MESSAGES: &str = "messages.jsonl";
const READINGS: &str = "readings.csv";
const TRUTH: &str = "truth.csv";
const CONFIGURATION: &str = "roomwatt.toml";

/// All of them. The last one is written when the others are complete.
const NAMES: [&str; 4] = [MESSAGES, READINGS, TRUTH, CONFIGURATION];

/// The columns of the truth.
const COLUMNS: [&str; 9] = [
    "hotel_id",
    "room_number",
    "truth",
    "what",
    "occupancy",
    "from",
    "until",
    "kwh_per_30_minutes",
    "kwh",
];

/// A trouble's energy is Wh times the seconds of half an hour.
const HALF_HOUR: i64 = 1_800;

/// Writes the story into new files of a folder. `show` is called with each event's time.
///
/// # Errors
/// A usage error when one of the files is there already.
pub(super) fn write(
    scenario: &Scenario,
    format: &MessageFormat,
    folder: &Path,
    show: impl Fn(LocalTime, Delivered),
) -> Result<Played, Failure> {
    prepare(folder)?;
    let mut messages = Lines::create(folder, MESSAGES, BufWriter::new)?;
    let mut readings = Table::create(folder, READINGS, csv::Writer::from_writer)?;
    readings.add(READING_FIELDS)?;
    let mut delivered = Delivered::default();
    let mut outline = Outline::default();
    let mut truths: BTreeMap<RoomKey, RoomTruth> = BTreeMap::new();
    let mut kinds = BTreeSet::new();
    for event in scenario.story() {
        outline.add(&event);
        match &event.kind {
            EventKind::Message(message) => {
                let body = format.write(message);
                let body = body.map_err(|error| Failure::new(Code::Bug, error))?;
                messages.add(&body)?;
                kinds.insert(message.kind);
                delivered.messages += 1;
            }
            EventKind::Reading(reading) => {
                let RoomKey {
                    hotel_id,
                    room_number,
                } = &event.room;
                let register = reading.register;
                // As a column of two decimals has it.
                let register = register.kwh_2().unwrap_or_else(|| register.to_string());
                let time = reading.time.to_string();
                readings.add([hotel_id.as_str(), room_number.as_str(), &register, &time])?;
                delivered.readings += 1;
            }
            truth => truths
                .entry(event.room.clone())
                .or_default()
                .add(event.at, truth),
        }
        show(event.at, delivered);
    }
    messages.finish()?;
    readings.finish()?;
    let mut file = Table::create(folder, TRUTH, csv::Writer::from_writer)?;
    file.add(COLUMNS)?;
    for (room, truth) in &truths {
        for [truth, what, occupancy, from, until, per_half_hour, kwh] in rows(scenario, truth) {
            let (hotel_id, room_number) = (room.hotel_id.as_str(), room.room_number.as_str());
            file.add([
                hotel_id,
                room_number,
                &truth,
                &what,
                &occupancy,
                &from,
                &until,
                &per_half_hour,
                &kwh,
            ])?;
        }
    }
    file.finish()?;
    let mut file = Lines::create(folder, CONFIGURATION, BufWriter::new)?;
    file.add(&configuration(format, &kinds))?;
    file.finish()?;
    Ok(Played {
        delivered,
        outline,
        until: scenario.end(),
    })
}

/// The rows of a room's truth, without its key: presence, troubles, circumstances.
fn rows(scenario: &Scenario, truth: &RoomTruth) -> Vec<[String; 7]> {
    let end = scenario.end();
    let mut rows = Vec::new();
    let mut add = |truth: &str, [what, occupancy]: [&str; 2], from, until: LocalTime, energy| {
        let [per_half_hour, kwh] = match energy {
            Some((per_half_hour, wh)) => [per_half_hour, wh].map(kilowatt_hours),
            None => Default::default(),
        };
        let texts = [truth, what, occupancy].map(str::to_owned);
        let [truth, what, occupancy] = texts;
        let times: [LocalTime; 2] = [from, until.min(end)];
        let [from, until] = times.map(|time| time.to_string());
        rows.push([truth, what, occupancy, from, until, per_half_hour, kwh]);
    };
    for span in truth.presence(scenario) {
        let occupancy = span.kind.occupancy();
        add("presence", ["", occupancy], span.from, span.until, None);
    }
    for trouble in truth.troubles() {
        let appliance = trouble.appliance.as_str().replace(' ', "_");
        let what = [appliance.as_str(), trouble.kind.occupancy()];
        let used = trouble.used(trouble.from, end) / HALF_HOUR;
        let energy = Some((trouble.per_half_hour.0, used));
        add("trouble", what, trouble.from, trouble.until, energy);
    }
    for span in truth.circumstances(scenario) {
        let what = [span.what.as_str(), ""];
        add("circumstance", what, span.from, span.until, None);
    }
    rows
}

/// With all decimals, as sums are made of them.
fn kilowatt_hours(wh: i64) -> String {
    format!("{}.{:03}", wh / 1_000, wh % 1_000)
}

/// What a configuration needs to read the messages: the codes of their kinds. All else is as in
/// every configuration.
fn configuration(format: &MessageFormat, kinds: &BTreeSet<MessageKind>) -> String {
    let mut text = format!("# The codes of the messages in {MESSAGES}.\n[message_types]");
    for kind in kinds {
        for code in format.types.of(*kind).take(1) {
            text.push_str(&format!("\n{} = \"{code}\"", kind.key()));
        }
    }
    text
}

/// Makes sure that the folder is there, and that it has none of the files.
fn prepare(folder: &Path) -> Result<(), Failure> {
    let made = fs::create_dir_all(folder);
    made.map_err(|error| Failure::new(Code::Usage, error).about(folder.display().to_string()))?;
    let paths = NAMES.map(|name| folder.join(name));
    // A link that leads nowhere counts, too.
    let mut there = { paths.iter() }.filter(|path| fs::symlink_metadata(path).is_ok());
    match there.next() {
        Some(path) => Err(Failure::new(
            Code::Usage,
            anyhow!("{} exists: name a new folder", path.display()),
        )),
        None => Ok(()),
    }
}

/// A file that did not exist before, and how it is written.
struct NewFile<W> {
    name: String,
    to: W,
}

type Lines = NewFile<BufWriter<File>>;
type Table = NewFile<csv::Writer<File>>;

impl<W> NewFile<W> {
    fn create(folder: &Path, name: &str, to: impl FnOnce(File) -> W) -> Result<Self, Failure> {
        let path = folder.join(name);
        let name = path.display().to_string();
        match File::create_new(&path) {
            Ok(file) => Ok(NewFile { name, to: to(file) }),
            Err(error) => Err(Failure::new(Code::Usage, error).about(name)),
        }
    }

    /// The failure when something can't be written: there may be no room for it now.
    fn checked(&self, written: io::Result<()>) -> Result<(), Failure> {
        written.map_err(|error| Failure::new(Code::TryLater, error).about(self.name.clone()))
    }
}

impl Lines {
    fn add(&mut self, text: &str) -> Result<(), Failure> {
        let written = writeln!(self.to, "{text}");
        self.checked(written)
    }

    fn finish(mut self) -> Result<(), Failure> {
        let written = self.to.flush();
        self.checked(written)
    }
}

impl Table {
    fn add<const N: usize>(&mut self, row: [&str; N]) -> Result<(), Failure> {
        let written = self.to.write_record(row);
        self.checked(written.map_err(io::Error::from))
    }

    fn finish(mut self) -> Result<(), Failure> {
        let written = self.to.flush();
        self.checked(written)
    }
}
