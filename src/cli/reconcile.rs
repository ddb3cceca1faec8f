use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, anyhow};
use serde_json::{Value, json};

use crate::clock::{Clock, SystemClock};
use crate::engine::{
    Comparison, Difference, Differs, Event, Fact, MessageFormat, Parsed, PmsFormat, PmsRoom,
    PmsState, RoomStatus, Said, StatusChange, Stay, StayId, compare,
};
use crate::escape;
use crate::review::{NamedReader, read_rooms};
use crate::store::Database;
use crate::types::{LocalTime, RoomKey, Zone, counted};

use super::intake::Intake;
use super::past::{failed, usage};
use super::rows::{Out, check_output};
use super::{Code, ConfigFile, Failure, print_error};

/// Compare the property management system's list of rooms with the rooms that are watched
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt reconcile rooms.csv --config roomwatt.toml
  roomwatt reconcile rooms.csv --apply --config roomwatt.toml
  roomwatt reconcile rooms.csv --json --config roomwatt.toml | jq 'select(.difference)'

The list is a CSV in UTF-8 with a row for every room of its hotels, and these columns in any order:
  hotel_id,room_number,state,since,expected_checkout_time,stay_id
  H001,101,occupied,2023-04-10 14:30:00,2023-04-12 12:00:00,A1042
  H001,102,vacant,2023-04-10 11:05:00,,
state is occupied, vacant or out_of_order, and since is when that began. The last two may be empty.

A line of the output is a room that differs, and the messages that mend it. Without --apply nothing
is sent. The list has to be fresh: rooms with messages later than it was written are left out.
Exit code 0: no room differs; 1: some do, also where --apply has sent the messages; 64: a row of the
list is bad, and nothing was compared.
")]
pub(super) struct Arguments {
    /// The property management system's list of rooms
    #[arg(value_name = "FILE")]
    list: PathBuf,
    /// Send the messages, as `roomwatt send` does
    #[arg(long)]
    apply: bool,
    /// When the list was written [default: when the file was]
    #[arg(long, value_name = "TIME", value_parser = LocalTime::parse)]
    written: Option<LocalTime>,
    /// One JSON object a line for each room that differs, and one with the counts
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// The most rooms that are named one by one because they are not on the list.
const MOST_UNLISTED: usize = 20;

/// How many messages are sent at a time.
const AT_A_TIME: usize = 200;

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.config.load(&[])?;
    let intake = arguments.apply.then(|| Intake::of(&config)).transpose()?;
    let zone = config.messages.zone;
    let now = SystemClock { zone }.now();
    let (file, changed) = open(&arguments.list, zone).map_err(usage)?;
    let made = arguments.written.or(changed).unwrap_or(now).min(now);
    let format = PmsFormat {
        zone,
        now,
        // Clocks differ, and times within so many seconds are taken for the same.
        max_ahead_seconds: (config.rules.match_seconds).min(config.messages.max_ahead_seconds),
    };
    let list = read_rooms(file, &format, &mut io::stderr().lock()).map_err(failed)?;
    let mut watched = HashMap::new();
    Database::of(&config).archive().rooms(&mut |room, state| {
        watched.insert(room, state);
    })?;
    let comparison = compare(&list, &watched, made, &config.rules);
    let rooms = comparison.differences.iter();
    let rooms: Vec<Room> = rooms
        .map(|room| Room::of(room, &config.messages, now))
        .collect();

    let mut out = BufWriter::new(io::stdout().lock());
    check_output(show(&mut out, &rooms, &comparison, arguments.json))?;
    let sent = match intake {
        None => None,
        // What differs stays on the screen, whatever becomes of the messages.
        Some(intake) => check_output(out.flush()).and_then(|()| send(intake, &rooms).map(Some))?,
    };
    let counts = Counts {
        comparison: &comparison,
        sent: sent.as_ref(),
    };
    check_output(
        counts
            .show(&mut out, arguments.json)
            .and_then(|()| out.flush()),
    )?;
    match comparison.differences.len() + comparison.unlisted.len() {
        0 => Ok(()),
        1 => Err(differ(anyhow!("1 room differs"))),
        rooms => Err(differ(anyhow!("{rooms} rooms differ"))),
    }
}

fn differ(error: anyhow::Error) -> Failure {
    Failure::new(Code::Differs, error)
}

/// Opens the list; when it was written, where it is a file.
fn open(path: &Path, zone: Zone) -> anyhow::Result<(NamedReader<File>, Option<LocalTime>)> {
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| name.clone())?;
    let about = file.metadata().with_context(|| name.clone())?;
    let changed = about.modified().ok().filter(|_| about.is_file());
    let seconds = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let seconds = seconds.and_then(|since| i64::try_from(since.as_secs()).ok());
    let changed = seconds.and_then(|seconds| zone.local(seconds));
    Ok((NamedReader { name, from: file }, changed))
}

/// A room that differs, and the bodies of the messages that mend it.
struct Room<'a> {
    difference: &'a Difference<'a>,
    bodies: Vec<String>,
    /// Why there are no more of them, where they do not mend all of it.
    left: Option<String>,
}

impl<'a> Room<'a> {
    fn of(difference: &'a Difference, format: &MessageFormat, now: LocalTime) -> Room<'a> {
        let body = |event: &Event| {
            let body = format.write(event).map_err(|why| why.to_string())?;
            // Reported here rather than in the service's table of refused messages.
            match format.parse(body.as_bytes(), Some(now)) {
                Parsed::Refused(reason) => {
                    Err(format!("the service would refuse the message: {reason}"))
                }
                _ => Ok(body),
            }
        };
        let mut room = Room {
            difference,
            bodies: Vec::new(),
            left: None,
        };
        match &difference.messages {
            Some(messages) => {
                for message in messages {
                    match body(message) {
                        Ok(body) => room.bodies.push(body),
                        Err(why) => {
                            room.left = Some(why);
                            break;
                        }
                    }
                }
            }
            None => room.left = Some(NONE_MENDS.to_owned()),
        }
        room
    }

    fn text(&self) -> String {
        let Difference {
            pms,
            watched,
            differs,
            messages,
        } = self.difference;
        let watched = watched.as_ref().map_or_else(String::new, as_watched);
        let differs = match (differs, &pms.state) {
            (Differs::NotWatched, _) => "not watched".to_owned(),
            (Differs::OtherGuest, _) => format!("{watched} by another guest"),
            (Differs::WatchedAsVacant | Differs::WatchedAsOccupied, _) => watched,
            (Differs::Expected(watched), PmsState::Occupied { expected, .. }) => {
                let time = |time: &Option<LocalTime>| match time {
                    Some(time) => time.to_string(),
                    None => "none".to_owned(),
                };
                let (expected, watched) = (time(expected), time(watched));
                format!("expected check-out {expected}, and {watched} is known")
            }
            (Differs::Expected(_), _) => watched,
            (Differs::OutOfOrder, _) => format!("{watched}, in order"),
            (Differs::InOrder(since), _) => format!("out of order since {since}"),
        };
        let mended = match messages {
            Some(messages) => {
                let messages: Vec<String> = messages.iter().map(in_words).collect();
                messages.join(", then ")
            }
            None => NONE_MENDS.to_owned(),
        };
        format!("{}: {}, {differs}: {mended}", pms.room, listed(pms))
    }

    fn json(&self) -> Value {
        let Difference {
            pms,
            watched,
            differs,
            ..
        } = self.difference;
        let (id, expected) = match &pms.state {
            PmsState::Occupied { id, expected } => (id.as_ref(), *expected),
            PmsState::Vacant | PmsState::OutOfOrder => (None, None),
        };
        let differs = match differs {
            Differs::NotWatched => "not_watched",
            Differs::WatchedAsVacant => "watched_as_vacant",
            Differs::WatchedAsOccupied => "watched_as_occupied",
            Differs::OtherGuest => "other_guest",
            Differs::Expected(_) => "expected_checkout",
            Differs::OutOfOrder => "watched_as_in_order",
            Differs::InOrder(_) => "watched_as_out_of_order",
        };
        let bodies = self.bodies.iter().map(|body| value(body));
        object(
            &pms.room,
            differs,
            json!({
                "state": state(pms),
                "since": pms.since.to_string(),
                "expected_checkout_time": expected.map(|time| time.to_string()),
                "stay_id": id.map(StayId::as_str),
            }),
            watched.as_ref(),
            bodies.collect(),
        )
    }
}

/// What is said of a room that can't be mended.
const NONE_MENDS: &str = "no message mends it";

fn value(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or(Value::Null)
}

fn object(room: &RoomKey, differs: &str, pms: Value, watch: Option<&Stay>, sent: Value) -> Value {
    let watch = watch.map(|stay| {
        let expected = match stay {
            Stay::Occupied {
                expected_checkout, ..
            } => *expected_checkout,
            Stay::Vacant { .. } => None,
        };
        json!({
            "state": stay.kind().occupancy(),
            "since": stay.time().to_string(),
            "expected_checkout_time": expected.map(|time| time.to_string()),
        })
    });
    json!({
        "hotel_id": room.hotel_id.as_str(),
        "room_number": room.room_number.as_str(),
        "difference": differs,
        "listed": pms,
        "watched": watch,
        "messages": sent,
    })
}

/// The word of a list.
fn state(pms: &PmsRoom) -> &'static str {
    match pms.state {
        PmsState::Occupied { .. } => "occupied",
        PmsState::Vacant => "vacant",
        PmsState::OutOfOrder => "out_of_order",
    }
}

fn listed(pms: &PmsRoom) -> String {
    let state = state(pms).replace('_', " ");
    format!("{state} since {}", pms.since)
}

fn as_watched(stay: &Stay) -> String {
    format!(
        "watched as {} since {}",
        stay.kind().occupancy(),
        stay.time()
    )
}

/// A message in words.
fn in_words(event: &Event) -> String {
    let said = event.rooms.iter().map(|(_, said)| match said {
        Said::Fact(Fact::Arrival(arrival)) => {
            let id = arrival
                .id
                .iter()
                .map(|id| format!(" of stay {}", id.as_str()));
            let expected = arrival.expected.iter();
            let expected = expected.map(|time| format!(", expected check-out {time}"));
            let more: String = id.chain(expected).collect();
            format!("check-in at {}{more}", arrival.since)
        }
        Said::Fact(Fact::Departure(departure)) => match departure.checkin {
            Some(checkin) if checkin == departure.until => {
                format!("check-out at {checkin}, which undoes the check-in")
            }
            _ => format!("check-out at {}", departure.until),
        },
        Said::Fact(Fact::Expectation(expectation)) => {
            format!("expected check-out {}", expectation.expected)
        }
        Said::Back { at, .. } => format!("cancelled check-out at {at}"),
        Said::Status(StatusChange { status, at }) => match status {
            RoomStatus::OutOfOrder { .. } | RoomStatus::InOrder => {
                format!("{status} from {at} on")
            }
            RoomStatus::Dirty | RoomStatus::Clean => format!("{status} at {at}"),
        },
    });
    said.collect::<Vec<_>>().join(", ")
}

/// Shows the rooms that differ.
fn show(out: &mut Out, rooms: &[Room], comparison: &Comparison, json: bool) -> io::Result<()> {
    for room in rooms {
        line(out, json, || room.text(), || room.json())?;
    }
    for (nth, (room, stay)) in comparison.unlisted.iter().enumerate() {
        let text = || {
            format!(
                "{room}: not on the list, {}: nothing is sent",
                as_watched(stay)
            )
        };
        let object = || object(room, "not_listed", Value::Null, Some(stay), json!([]));
        if json || nth < MOST_UNLISTED {
            line(out, json, text, object)?;
        }
    }
    let more = comparison.unlisted.len().saturating_sub(MOST_UNLISTED);
    if more > 0 && !json {
        writeln!(
            out,
            "and {} more not on the list, see --json",
            counted(more, "room")
        )?;
    }
    Ok(())
}

/// Writes a line, in which names come from strangers.
fn line(
    out: &mut Out,
    json: bool,
    text: impl Fn() -> String,
    object: impl Fn() -> Value,
) -> io::Result<()> {
    if json {
        writeln!(out, "{}", escape::json(&object().to_string()))
    } else {
        writeln!(out, "{}", escape::line(text().as_bytes()))
    }
}

/// What became of the messages.
struct Sent {
    messages: usize,
    /// Rooms of which some could not be sent, or were refused.
    rooms_left: usize,
    /// What was done with a message.
    done: String,
}

/// Sends the messages of all rooms. What can't be sent, or is refused, goes to standard error.
fn send(mut intake: Intake, rooms: &[Room]) -> Result<Sent, Failure> {
    let mut rooms_left = 0;
    let mut left = |room: &Room, why: &str| {
        rooms_left += 1;
        let room = &room.difference.pms.room;
        print_error(&escape::line(format!("{room}: not sent: {why}").as_bytes()));
    };
    let mut all: Vec<(&Room, &[u8])> = Vec::new();
    for room in rooms {
        all.extend(room.bodies.iter().map(|body| (room, body.as_bytes())));
        if let Some(why) = &room.left {
            left(room, why);
        }
    }
    let mut messages = 0;
    for some in all.chunks(AT_A_TIME) {
        let bodies: Vec<&[u8]> = some.iter().map(|(_, body)| *body).collect();
        let refused = intake.send_all(&bodies).map_err(|error| {
            error.about(format!(
                "of {} {messages} were {}, and perhaps the next {}; run it again to send \
                 what is left",
                counted(all.len(), "message"),
                intake.outcome(),
                some.len(),
            ))
        })?;
        messages += some.len() - refused.len();
        for (place, why) in refused {
            if let Some((room, _)) = some.get(place) {
                left(room, &why);
            }
        }
    }
    Ok(Sent {
        messages,
        rooms_left,
        done: intake.outcome(),
    })
}

/// The last line.
struct Counts<'a> {
    comparison: &'a Comparison<'a>,
    sent: Option<&'a Sent>,
}

impl Counts<'_> {
    fn show(&self, out: &mut Out, json: bool) -> io::Result<()> {
        line(out, json, || self.text(), || self.json())
    }

    fn text(&self) -> String {
        let Comparison {
            differences,
            unlisted,
            compared,
            newer,
        } = self.comparison;
        let mut text = format!(
            "{} compared: {} differ, {} not on the list",
            counted(compared, "room"),
            differences.len(),
            unlisted.len()
        );
        if *newer > 0 {
            text += &format!(
                "; {} left out, because messages have come since the list was written",
                counted(newer, "room")
            );
        }
        if let Some(sent) = self.sent {
            text += &format!("; {} {}", counted(sent.messages, "message"), sent.done);
            if sent.rooms_left > 0 {
                text += &format!(", {} could not be mended", counted(sent.rooms_left, "room"));
            }
        }
        text
    }

    fn json(&self) -> Value {
        json!({
            "compared": self.comparison.compared,
            "differ": self.comparison.differences.len(),
            "not_listed": self.comparison.unlisted.len(),
            "left_out": self.comparison.newer,
            "messages_sent": self.sent.map(|sent| sent.messages),
            "rooms_not_mended": self.sent.map(|sent| sent.rooms_left),
        })
    }
}
