use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};

use anyhow::anyhow;
use serde_json::{Value, json, value::RawValue};

use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Language, Setting};
use crate::engine::{Rules, latest_reading};
use crate::escape;
use crate::review::{
    Chapter, Folded, LEARNED_BEFORE, Line, Past, Verdict, explain_in_hotel, is_repetition,
    read_room, used,
};
use crate::store::{Database, Scope};
use crate::types::spelling::normalized;
use crate::types::{LocalTime, RoomKey, WattHours};

use super::assessed;
use super::past::{self, Period, Source, usage};
use super::words::{LanguageOption, Words, columns, left, right, words};
use super::{ConfigFile, Failure};

/// Show why a room was judged as it was, interval by interval
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt explain --config roomwatt.toml H12345 1001
  roomwatt explain --config roomwatt.toml H12345 1001 --from 2023-04-09 --to 2023-04-10
  roomwatt explain H12345 1001 --messages messages.jsonl --readings readings.csv
  roomwatt explain H12345 1001 --messages m.jsonl --readings r.csv --from 2023-04-09

Without --from and without files it shows the last two days of the configured database. Each line:
time, register, kWh in an interval, a bar in which the middle is the threshold, the verdict, and
the reason. Below, for the baseline rule unless it is off: each number that it compares, and why it
alerts or does not; it knows the hotel's other rooms from two weeks before. Lines that say the same
are folded into one. It applies the rules that are configured now; the service may have judged by
other rules then.
")]
pub(super) struct Arguments {
    /// The room's hotel_id, as in messages
    hotel: String,
    /// The room's room_number, as in messages
    room: String,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    config: ConfigFile,
    /// Another value for a key of [monitoring]; can be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
    #[command(flatten)]
    language: LanguageOption,
    /// Every reading on a line of its own, also those that decided nothing
    #[arg(long)]
    all: bool,
    /// One JSON object a line, in English
    #[arg(long)]
    json: bool,
}

/// The time that is shown by default. Seconds.
const DEFAULT_SPAN: i64 = 2 * 24 * 3_600;

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = (arguments.source).configured(&arguments.config, &arguments.settings)?;
    let key = RoomKey::trimmed(&arguments.hotel, &arguments.room);
    let (past, from) = read(arguments, &config, &key)?;
    let Some(chapters) = explain_in_hotel(&past, &key, from, &config.rules) else {
        return Err(unknown(&key, known_rooms(arguments, &config, past)?));
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let written = if arguments.json {
        write_json(&mut out, &key, &chapters, arguments.all, &config.rules)
    } else {
        let words = words(arguments.language.or(config.notify.cards.language));
        write_text(
            &mut out,
            words,
            &key,
            &chapters,
            arguments.all,
            &config.rules,
        )
    };
    match written.and_then(|()| out.flush()) {
        // The reader may have closed the pipe, as `head` does.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(usage(anyhow!("output: {error}")))
        }
        _ => Ok(()),
    }
}

/// The past of the room and of its hotel, and where the span in question begins.
fn read(
    arguments: &Arguments,
    config: &Config,
    key: &RoomKey,
) -> Result<(Past, LocalTime), Failure> {
    if let Some(files) = arguments.source.files() {
        let wanted = arguments.source.span_of_files()?;
        let learned = Period {
            from: wanted.from.plus(-LEARNED_BEFORE),
            ..wanted
        };
        return Ok((past::from_files(files, &learned, config)?.0, wanted.from));
    }
    let zone = config.messages.zone;
    let now = SystemClock { zone }.now();
    let wanted = arguments
        .source
        .span(now.plus(-DEFAULT_SPAN), latest_reading(now))?;
    let mut archive = Database::of(config).archive();
    let read = read_room(&mut *archive, key, wanted.from, wanted.to, &config.rules);
    let (past, _) = read.map_err(|error| past::failed(error.into()))?;
    Ok((past, wanted.from))
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
        .stays(Scope::All, LocalTime::LAST, &mut |room, _| {
            rooms.insert(room);
        })
        .map_err(|error| past::failed(error.into()))?;
    Ok(rooms)
}

/// The error for a room without a message: it names rooms that may be meant.
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
        .filter(|room| normalized(room) == normalized(key))
        .collect::<Vec<_>>();
    let of_hotel = known.iter().filter(|room| room.hotel_id == key.hotel_id);
    let of_hotel: Vec<&RoomKey> = of_hotel.collect();
    let hint = if known.contains(key) {
        "its first message is later".to_owned()
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
    usage(anyhow!("there is no message of room \"{key}\"; {hint}"))
}

fn write_text(
    out: &mut impl Write,
    words: &dyn Words,
    key: &RoomKey,
    chapters: &[Chapter],
    all: bool,
    rules: &Rules,
) -> io::Result<()> {
    writeln!(out, "{}", escape::line(key.to_string().as_bytes()))?;
    let mut explained = Vec::new();
    for chapter in chapters {
        writeln!(out, "{}", words.stay(&chapter.stay, chapter.until))?;
        writeln!(out, "  {}", words.rule(chapter.threshold, rules))?;
        let lines: Vec<&Line> = (chapter.lines.iter())
            .filter(|line| all || line.matters)
            .collect();
        if lines.is_empty() {
            writeln!(out, "  {}", words.nothing_judged())?;
            continue;
        }
        let table = Table::of(words, chapter.threshold);
        writeln!(out, "{}", table.head())?;
        for alike in lines.chunk_by(|one, next| !all && is_repetition(one, next)) {
            match Folded::of(alike) {
                Some(folded) => writeln!(out, "{}", table.folded(alike, &folded))?,
                None => {
                    for line in alike {
                        writeln!(out, "{}", table.line(line))?;
                    }
                }
            }
        }
        assessed::write_text(out, words, chapter, all, rules, &mut explained)?;
    }
    if chapters.iter().all(|chapter| chapter.lines.is_empty()) {
        writeln!(out, "{}", words.check_spelling())?;
    }
    Ok(())
}

/// The lines of a stay, one below the other.
struct Table<'a> {
    words: &'a dyn Words,
    threshold: WattHours,
    /// Columns of the verdicts.
    width: usize,
}

impl Table<'_> {
    fn of(words: &dyn Words, threshold: WattHours) -> Table<'_> {
        let verdicts = Verdict::ALL.iter();
        let widest = verdicts
            .map(|&verdict| columns(words.verdict(verdict)))
            .max();
        Table {
            words,
            threshold,
            width: widest.unwrap_or_default(),
        }
    }

    /// Names the columns, and shows the scale of the bars.
    fn head(&self) -> String {
        let [time, register, used] = self.words.heads_of_readings();
        let most = WattHours(self.threshold.0.saturating_mul(2)).to_string();
        let scale = left(&format!("0{:>10}", self.threshold.to_string()), 20);
        // Its end is aligned with the last cell of the bars.
        let scale = format!("{}{most}", &scale[..20_usize.saturating_sub(most.len())]);
        let (time, register, used) = (left(time, 11), right(register, 10), right(used, 6));
        format!("  {time}  {register}  {used}  {scale}")
    }

    fn line(&self, line: &Line) -> String {
        let used = |wh| (used(wh, self.threshold), bar(wh, self.threshold));
        let (kwh, bar) = line.per_interval.map(used).unwrap_or_default();
        let register = line.reading.register;
        let events = line.notices.iter().map(|&kind| self.words.event(kind));
        let reason = self.words.reason(&line.reason);
        format!(
            "  {}  {:>10}  {kwh:>6}  {bar:<20}  {}  {}{reason}",
            line.reading.time.day_hour_minute(),
            hundredths(register).unwrap_or_else(|| register.to_string()),
            left(&verdict(self.words, line), self.width),
            events.collect::<String>()
        )
    }

    fn folded(&self, lines: &[&Line], folded: &Folded) -> String {
        let [first, .., last] = lines else {
            return String::new();
        };
        format!(
            "  {} {} {}  {}",
            first.reading.time.day_hour_minute(),
            self.words.to(),
            last.reading.time.day_hour_minute(),
            self.words.folded(folded)
        )
    }
}

/// The verdict; for an abnormal interval with its number in the run.
fn verdict(words: &dyn Words, line: &Line) -> String {
    let word = words.verdict(line.verdict);
    match line.run {
        Some(run) => format!("{word} {}", run.periods),
        None => word.to_owned(),
    }
}

/// The kWh with two decimals; `None` if it has more.
fn hundredths(energy: WattHours) -> Option<String> {
    (energy.0 % 10 == 0).then(|| format!("{:.2}", kwh(energy)))
}

fn kwh(energy: WattHours) -> f64 {
    energy.0 as f64 / 1_000.0
}

/// A bar of up to twenty cells, of which ten are the threshold; more than twice the threshold ends
/// in an arrow.
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
    rules: &Rules,
) -> io::Result<()> {
    // Output for scripts is always English.
    let english = words(Language::En);
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
                "verdict": line.verdict.as_str(),
                "periods": line.run.map(|run| run.periods),
                "since": line.run.map(|run| run.since),
                "events": line.notices.iter().map(|kind| kind.as_str()).collect::<Vec<&str>>(),
                "reason": english.reason(&line.reason),
                "baseline": line.assessed.map(|assessed| assessed::json(&assessed, rules)),
            });
            writeln!(out, "{}", escape::json(&object.to_string()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Stay;
    use crate::review::{Room, explain};
    use crate::types::Reading;

    const KEY: [&str; 2] = ["H12345", "1001"];

    fn at(clock: &str) -> LocalTime {
        LocalTime::parse(&format!("2023-04-10 {clock}:00")).expect("a time")
    }

    /// A guest with a heater, who leaves it on; with an outlier, a reading too soon, a duplicate, a
    /// gap, and a replaced meter.
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
        text(Language::En, &chapters(from), all)
    }

    fn text(language: Language, chapters: &[Chapter], all: bool) -> String {
        let mut out = Vec::new();
        let key = RoomKey::new(KEY[0], KEY[1]);
        let rules = Rules::default();
        write_text(&mut out, words(language), &key, chapters, all, &rules).expect("written");
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn each_reading_is_explained() {
        insta::with_settings!({prepend_module_to_snapshot => false}, {
            let chapters = chapters(LocalTime::FIRST);
            insta::assert_snapshot!("explained_en", text(Language::En, &chapters, true));
            insta::assert_snapshot!("explained_zh", text(Language::Zh, &chapters, true));
        });
    }

    /// A vacant room for three days: a quiet night, a heater for ten hours, a gateway that repeats
    /// its registers, a meter that is read too seldom.
    #[test]
    fn lines_that_say_the_same_are_folded() {
        let mut room = Room::new(RoomKey::new(KEY[0], KEY[1]));
        let left = at("00:00");
        room.stays = vec![Stay::Vacant {
            actual_checkin: None,
            actual_checkout: left,
        }];
        let mut register = 100_000;
        let mut time = left;
        let mut add = |times: usize, minutes: i64, wh: i64, more: i64| {
            for nth in 0..times {
                register += wh + more * (nth as i64 % 3);
                room.readings.push(Reading {
                    time,
                    register: WattHours(register),
                });
                time = time.plus(minutes * 60);
            }
        };
        add(24, 30, 50, 10);
        add(20, 30, 2_400, 50);
        add(2, 30, 0, 0);
        add(12, 30, 60, 0);
        add(6, 180, 400, 0);
        let chapters = explain(&room.sorted(), LocalTime::FIRST, &Rules::default());
        insta::with_settings!({prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("folded_en", text(Language::En, &chapters, false));
            insta::assert_snapshot!("folded_zh", text(Language::Zh, &chapters, false));
        });
        // With --all nothing is folded.
        let all = text(Language::En, &chapters, true);
        assert_eq!(all.lines().count(), 4 + chapters[0].lines.len(), "{all}");
    }

    #[test]
    fn readings_that_decide_nothing_or_are_too_early_are_left_out() {
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
    fn a_room_without_readings_gets_a_hint() {
        let later = shown(at("23:00"), true);
        for part in ["no interval", "check --online"] {
            assert!(later.contains(part), "{later}");
        }
    }

    #[test]
    fn json_has_the_same_as_the_text() {
        let mut out = Vec::new();
        let key = RoomKey::new(KEY[0], KEY[1]);
        write_json(
            &mut out,
            &key,
            &chapters(at("13:30")),
            false,
            &Rules::default(),
        )
        .expect("written");
        let out = String::from_utf8(out).expect("UTF-8");
        insta::with_settings!({prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!("explained_json", out);
        });
    }

    #[test]
    fn rounding_never_moves_a_value_across_the_threshold() {
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
