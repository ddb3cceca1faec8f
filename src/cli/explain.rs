use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};

use anyhow::anyhow;
use serde_json::{Value, json, value::RawValue};

use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Setting};
use crate::engine::{NoticeKind, Rules, Stay, latest_reading};
use crate::escape;
use crate::review::{Chapter, Line, Past, duration, explain, read_room};
use crate::store::Database;
use crate::types::spelling::plain;
use crate::types::{LocalTime, RoomKey, WattHours};

use super::past::{self, Source, usage};
use super::{ConfigFile, Failure};

/// Show why a room was judged as it was: its intervals, one a line
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt explain --config roomwatt.toml H12345 1001
  roomwatt explain --config roomwatt.toml H12345 1001 --from 2023-04-09 --to 2023-04-10
  roomwatt explain H12345 1001 --messages messages.jsonl --readings readings.csv
  roomwatt explain H12345 1001 --messages m.jsonl --readings r.csv --from 2023-04-09

Without --from and without files it is the last two days of the configured database. Each line:
time, register, kWh in an interval, the threshold, a bar in which the middle is the threshold, the
verdict, and why. It is made by the configured rules as they are now; the service may have judged by
others then.
")]
pub(super) struct Arguments {
    /// Its hotel_id, as messages have it
    hotel: String,
    /// Its room_number, as messages have it
    room: String,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    config: ConfigFile,
    /// Another value for a key of [monitoring]; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
    /// Also the readings that decided nothing
    #[arg(long)]
    all: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// What is shown where the command line does not say. Seconds.
const DEFAULT_SPAN: i64 = 2 * 24 * 3_600;

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = (arguments.source).configured(&arguments.config, &arguments.settings)?;
    let key = RoomKey::trimmed(&arguments.hotel, &arguments.room);
    let past = read(arguments, &config, &key)?;
    let Some(room) = past.room(&key) else {
        return Err(unknown(&key, known_rooms(arguments, &config, past)?));
    };
    let chapters = explain(room, past.from, &config.rules);
    let mut out = BufWriter::new(io::stdout().lock());
    let written = if arguments.json {
        write_json(&mut out, &key, &chapters, arguments.all)
    } else {
        write_text(&mut out, &key, &chapters, arguments.all, &config.rules)
    };
    match written.and_then(|()| out.flush()) {
        // Who reads the output may have seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(usage(anyhow!("output: {error}")))
        }
        _ => Ok(()),
    }
}

fn read(arguments: &Arguments, config: &Config, key: &RoomKey) -> Result<Past, Failure> {
    if let Some(files) = arguments.source.files() {
        return Ok(past::from_files(files, &arguments.source.span_of_files()?, config)?.0);
    }
    let zone = config.messages.zone;
    let now = SystemClock { zone }.now();
    let wanted = arguments
        .source
        .span(now.plus(-DEFAULT_SPAN), latest_reading(now))?;
    let mut archive = Database::of(config).archive();
    let read = read_room(&mut *archive, key, wanted.from, wanted.to, &config.rules);
    Ok(read.map_err(|error| past::failed(error.into()))?.0)
}

/// The rooms that have had a message.
fn known_rooms(
    arguments: &Arguments,
    config: &Config,
    past: Past,
) -> Result<BTreeSet<RoomKey>, Failure> {
    if arguments.source.files().is_some() {
        return Ok(past.rooms().iter().map(|room| room.key.clone()).collect());
    }
    let mut rooms = BTreeSet::new();
    let mut archive = Database::of(config).archive();
    archive
        .stays(None, LocalTime::LAST, &mut |room, _| {
            rooms.insert(room);
        })
        .map_err(|error| past::failed(error.into()))?;
    Ok(rooms)
}

/// What to say of a room that has had no message: how others are spelled that may be meant.
fn unknown(key: &RoomKey, known: BTreeSet<RoomKey>) -> Failure {
    const NAMED: usize = 10;
    let quoted = |rooms: Vec<&RoomKey>| {
        let names = rooms.iter().take(NAMED);
        let names: Vec<String> = names
            .map(|room| format!("\"{}\"", escape::line(room.to_string().as_bytes())))
            .collect();
        names.join(", ")
    };
    let near = known
        .iter()
        .filter(|room| plain(room) == plain(key))
        .collect::<Vec<_>>();
    let of_hotel = known.iter().filter(|room| room.hotel_id == key.hotel_id);
    let of_hotel: Vec<&RoomKey> = of_hotel.collect();
    let hint = if known.contains(key) {
        "its first message is of a later time".to_owned()
    } else if !near.is_empty() {
        format!("is {} meant? Keys are compared byte for byte", quoted(near))
    } else if of_hotel.is_empty() {
        format!(
            "nor of any room of hotel \"{}\"",
            escape::line(key.hotel_id.as_str().as_bytes())
        )
    } else {
        format!("rooms of that hotel are {}", quoted(of_hotel))
    };
    let key = escape::line(key.to_string().as_bytes());
    usage(anyhow!("no message is known of room \"{key}\"; {hint}"))
}

fn write_text(
    out: &mut impl Write,
    key: &RoomKey,
    chapters: &[Chapter],
    all: bool,
    rules: &Rules,
) -> io::Result<()> {
    writeln!(out, "{}", escape::line(key.to_string().as_bytes()))?;
    for chapter in chapters {
        writeln!(out, "{}", title(chapter, rules))?;
        let mut shown = 0;
        for line in chapter.lines.iter().filter(|line| all || line.matters) {
            shown += 1;
            writeln!(out, "{}", text(line, chapter.threshold).trim_end())?;
        }
        if shown == 0 {
            writeln!(
                out,
                "  no interval: the meter told nothing that could be judged"
            )?;
        }
    }
    if chapters.iter().all(|chapter| chapter.lines.is_empty()) {
        writeln!(
            out,
            "roomwatt check --online tells whether messages and meters spell their rooms alike"
        )?;
    }
    Ok(())
}

fn title(chapter: &Chapter, rules: &Rules) -> String {
    let (what, more) = match chapter.stay {
        Stay::Occupied {
            expected_checkout, ..
        } => {
            let expected = expected_checkout.map(|time| format!(", expected to leave {time}"));
            ("occupied", expected.unwrap_or_default())
        }
        Stay::Vacant { .. } => ("vacant", String::new()),
    };
    let since = chapter.stay.time();
    let until = chapter.until.map(|until| format!(" to {until}"));
    format!(
        "{what} from {since}{}{more}: abnormal is more than {} kWh in {}, {} times in a row an \
         alert",
        until.unwrap_or_default(),
        chapter.threshold,
        duration(rules.interval_seconds),
        rules.alert_periods
    )
}

fn text(line: &Line, threshold: WattHours) -> String {
    let kwh = line
        .per_interval
        .map_or(String::new(), |wh| used(wh, threshold));
    let bar = line
        .per_interval
        .map_or(String::new(), |wh| bar(wh, threshold));
    let verdict = match line.run {
        Some(run) => format!("{} {}", line.verdict, run.periods),
        None => line.verdict.to_owned(),
    };
    let news: String = line
        .news
        .iter()
        .map(|&kind| format!("{}: ", shout(kind)))
        .collect();
    format!(
        "  {}  {:>10}  {kwh:>6}  {:>5}  {bar:<20}  {verdict:<15}  {news}{}",
        line.reading.time.day_hour_minute(),
        hundredths(line.reading.register).unwrap_or_else(|| line.reading.register.to_string()),
        threshold.to_string(),
        line.reason
    )
}

fn shout(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Alert => "ALERT",
        NoticeKind::Reminder => "REMINDER",
        NoticeKind::Recovered => "RECOVERED",
        NoticeKind::Closed(_) => "CLOSED",
    }
}

/// With two decimals, where it has no more.
fn hundredths(energy: WattHours) -> Option<String> {
    (energy.0 % 10 == 0).then(|| format!("{:.2}", kwh(energy)))
}

/// What was used, with two decimals; with three where two would show it as much as the threshold
/// when it is a little more, or a little less.
fn used(energy: WattHours, threshold: WattHours) -> String {
    let shown = (energy.0 + 5).div_euclid(10) * 10;
    if shown.cmp(&threshold.0) == energy.cmp(&threshold) {
        format!("{:.2}", shown as f64 / 1_000.0)
    } else {
        format!("{:.3}", kwh(energy))
    }
}

fn kwh(energy: WattHours) -> f64 {
    energy.0 as f64 / 1_000.0
}

/// Twenty cells, of which ten are the threshold; what is more than twice of it ends in an arrow.
fn bar(energy: WattHours, threshold: WattHours) -> String {
    const CELLS: i64 = 20;
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = i128::from(energy.0.max(0)) * 8 * i128::from(CELLS / 2);
    let eighths = eighths / i128::from(threshold.0.max(1));
    if eighths > i128::from(CELLS * 8) {
        return "█".repeat(CELLS as usize - 1) + "▶";
    }
    let (whole, part) = ((eighths / 8) as usize, (eighths % 8) as usize);
    "█".repeat(whole) + PARTS[part]
}

fn write_json(
    out: &mut impl Write,
    key: &RoomKey,
    chapters: &[Chapter],
    all: bool,
) -> io::Result<()> {
    let number = |wh: WattHours| RawValue::from_string(wh.to_string());
    for chapter in chapters {
        for line in chapter.lines.iter().filter(|line| all || line.matters) {
            let per_interval = match line.per_interval {
                Some(wh) => serde_json::to_value(number(wh)?)?,
                None => Value::Null,
            };
            let object = json!({
                "hotel_id": key.hotel_id,
                "room_number": key.room_number,
                "kind": chapter.stay.kind(),
                "stay_time": chapter.stay.time(),
                "time": line.reading.time,
                "register_kwh": serde_json::to_value(number(line.reading.register)?)?,
                "kwh_per_interval": per_interval,
                "threshold_kwh": serde_json::to_value(number(chapter.threshold)?)?,
                "verdict": line.verdict,
                "periods": line.run.map(|run| run.periods),
                "since": line.run.map(|run| run.since),
                "events": line.news.iter().map(|kind| kind.as_str()).collect::<Vec<&str>>(),
                "reason": line.reason,
            });
            writeln!(out, "{}", escape::json(&object.to_string()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::Room;
    use crate::types::Reading;

    const KEY: [&str; 2] = ["H12345", "1001"];

    fn at(clock: &str) -> LocalTime {
        LocalTime::parse(&format!("2023-04-10 {clock}:00")).expect("a time")
    }

    /// A guest with a heater, who leaves it on; an outlier, a reading too soon, a repetition, a
    /// silence, another meter.
    fn chapters(from: LocalTime) -> Vec<Chapter> {
        let mut room = Room::new(RoomKey::new(KEY[0], KEY[1]));
        room.stays = vec![
            Stay::Occupied {
                check_in: at("08:05"),
                expected_checkout: Some(at("12:00")),
            },
            Stay::Vacant {
                actual_checkin: None,
                actual_checkout: at("11:10"),
            },
        ];
        let registers = [
            ("07:40", 99_900),
            ("08:00", 100_000),
            ("08:30", 100_400),
            ("08:40", 100_500),
            ("09:00", 103_000),
            ("09:30", 105_600),
            ("10:00", 155_600),
            ("10:30", 110_800),
            ("11:00", 113_400),
            ("11:30", 113_500),
            ("12:00", 116_500),
            ("12:30", 117_750),
            ("13:00", 120_150),
            ("13:00", 120_250),
            ("13:30", 122_550),
            ("14:00", 124_950),
            ("14:30", 127_350),
            ("15:00", 129_750),
            ("15:30", 129_850),
            ("16:00", 132_250),
            ("18:30", 132_350),
            ("19:00", 134_750),
            ("19:30", 300),
            ("19:40", 300),
            ("20:00", 400),
        ];
        room.readings = registers
            .map(|(clock, wh)| Reading {
                time: at(clock),
                register: WattHours(wh),
            })
            .to_vec();
        explain(&room.sorted(), from, &Rules::default())
    }

    fn shown(from: LocalTime, all: bool) -> String {
        let mut out = Vec::new();
        let key = RoomKey::new(KEY[0], KEY[1]);
        write_text(&mut out, &key, &chapters(from), all, &Rules::default()).expect("written");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn each_reading_is_explained() {
        insta::with_settings!({prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("explained", shown(LocalTime::FIRST, true));
        });
    }

    #[test]
    fn what_decided_nothing_and_what_was_before_is_left_out() {
        let all = shown(LocalTime::FIRST, true);
        let most = shown(LocalTime::FIRST, false);
        let left_out: Vec<&str> = all.lines().filter(|line| !most.contains(line)).collect();
        assert_eq!(left_out.len(), 4, "{left_out:#?}");
        for quiet in ["07:40", "within interval", "late  ", "undecided"] {
            assert_eq!(
                left_out.iter().filter(|line| line.contains(quiet)).count(),
                1
            );
        }
        let later = shown(at("13:30"), false);
        assert!(!later.contains("occupied") && !later.contains("04-10 13:00  "));
        assert!(later.contains("abnormal 4       ALERT"), "{later}");
    }

    #[test]
    fn a_room_without_readings_is_no_mystery() {
        let later = shown(at("23:00"), true);
        for told in ["no interval", "check --online"] {
            assert!(later.contains(told), "{later}");
        }
    }

    #[test]
    fn json_has_the_same_for_scripts() {
        let mut out = Vec::new();
        let key = RoomKey::new(KEY[0], KEY[1]);
        write_json(&mut out, &key, &chapters(at("13:30")), false).expect("written");
        let out = String::from_utf8(out).expect("UTF-8");
        insta::with_settings!({prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("explained_json", out);
        });
    }

    #[test]
    fn what_is_shown_lies_on_the_side_of_the_threshold_where_it_is() {
        for (wh, threshold, shown) in [
            (2_400, 1_500, "2.40"),
            (2_323, 1_500, "2.32"),
            (1_500, 1_500, "1.50"),
            (1_503, 1_500, "1.503"),
            (1_497, 1_500, "1.497"),
            (1_505, 1_500, "1.51"),
            (1_493, 1_500, "1.49"),
            (1_504, 1_505, "1.50"),
            (1_506, 1_505, "1.51"),
            (1_505, 1_505, "1.505"),
            (0, 0, "0.00"),
            (-20, 0, "-0.02"),
        ] {
            assert_eq!(
                used(WattHours(wh), WattHours(threshold)),
                shown,
                "{wh} against {threshold}"
            );
        }
        assert_eq!(hundredths(WattHours(100_000)).as_deref(), Some("100.00"));
        assert_eq!(hundredths(WattHours(100_005)), None);
    }

    #[test]
    fn bars_are_scaled_to_the_threshold() {
        let drawn = |wh, threshold| bar(WattHours(wh), WattHours(threshold));
        for (wh, threshold, cells) in [
            (0, 1_500, ""),
            (1_500, 1_500, "██████████"),
            (19, 1_500, "▏"),
        ] {
            assert_eq!(drawn(wh, threshold), cells);
        }
        assert_eq!(drawn(3_000, 1_500), "█".repeat(20));
        for (wh, threshold) in [(3_050, 1_500), (i64::MAX, 1), (5, 0)] {
            assert_eq!(drawn(wh, threshold), "█".repeat(19) + "▶");
        }
        assert_eq!(drawn(-20, 0), "");
    }
}
