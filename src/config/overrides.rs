//! Thresholds of single hotels and rooms, from the configuration or from a CSV file that a
//! spreadsheet exports.

use std::path::Path;

use crate::engine::{Rules, Thresholds};
use crate::files;
use crate::types::{HotelId, RoomKey, WattHours, counted};

use super::problems::{MOST_KWH, Problems};
use super::raw;
use super::written::{Problem, utf8};

const FILE: &str = "monitoring.overrides_file";

/// The columns of the file, in any order.
const COLUMNS: [&str; 4] = ["hotel_id", "room_number", "checkin", "checkout"];

type Own = Thresholds<Option<WattHours>>;

/// Adds the overrides to the rules. One that is set twice, in one place or in both, is a problem.
pub(super) fn check_overrides(raw: &raw::Monitoring, rules: &mut Rules, problems: &mut Problems) {
    for (number, entry) in raw.overrides.iter().enumerate() {
        let path = format!("monitoring.overrides[{number}]");
        let mut own = |key: &str, value: Option<raw::Kwh>| {
            value.map(|value| problems.kwh(&format!("{path}.{key}"), value, WattHours::ZERO))
        };
        let thresholds = Thresholds {
            checkin: own(
                "checkin_abnormal_threshold",
                entry.checkin_abnormal_threshold,
            ),
            checkout: own(
                "checkout_abnormal_threshold",
                entry.checkout_abnormal_threshold,
            ),
        };
        let hotel = entry.hotel_id.as_deref().unwrap_or_default().trim();
        let room = entry.room_number.as_deref().map(str::trim);
        let (of_hotel, of_room) = (format!("{path}.hotel_id"), format!("{path}.room_number"));
        problems.unless(!hotel.is_empty(), &of_hotel, "is missing");
        problems.unless(
            room != Some(""),
            &of_room,
            "is empty: leave it out for the whole hotel",
        );
        // Without a valid hotel and room there is nothing to add.
        if problems.is_wrong(&of_hotel) || problems.is_wrong(&of_room) {
            continue;
        }
        if let Err(whose) = add(rules, hotel, room, thresholds) {
            problems.add(&path, format_args!("is the second for {whose}"));
        }
    }
    let file = raw.overrides_file.as_deref();
    if let Some(file) = file.filter(|file| !file.as_os_str().is_empty()) {
        read_file(file, rules, problems);
    }
}

/// Adds the thresholds of a hotel or a room; fails with its name where it has some already.
fn add(rules: &mut Rules, hotel: &str, room: Option<&str>, own: Own) -> Result<(), String> {
    match room {
        Some(room) => {
            let room = RoomKey::new(hotel, room);
            match rules.room_thresholds.insert(room.clone(), own) {
                Some(_) => Err(room.to_string()),
                None => Ok(()),
            }
        }
        None => match rules.hotel_thresholds.insert(HotelId::new(hotel), own) {
            Some(_) => Err(hotel.to_owned()),
            None => Ok(()),
        },
    }
}

fn read_file(file: &Path, rules: &mut Rules, problems: &mut Problems) {
    let name = file.display().to_string();
    let text = match files::read(file, files::CONFIGURATION) {
        Ok(bytes) => utf8(bytes),
        Err(error) => {
            return problems.add(FILE, format_args!("{name} can't be read: {error}"));
        }
    };
    let mut wrong = |line, text: String| problems.push(Problem::in_row(&name, line, text));
    match text {
        Ok(text) => read_rows(&text, rules, &mut wrong),
        Err((line, why)) => wrong(line, why),
    }
}

/// Reads the rows of a CSV. Problems go to `wrong`, each with its line.
fn read_rows(text: &str, rules: &mut Rules, wrong: &mut impl FnMut(usize, String)) {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut row = csv::StringRecord::new();
    let mut columns: Option<(usize, [usize; 4])> = None;
    // Reading can't fail: the text is UTF-8, and rows may have any number of values.
    while reader.read_record(&mut row).unwrap_or(false) {
        // Empty lines are skipped, but counted.
        let line = row.position().map_or(0, |at| first_line(text, at));
        let Some((values, [hotel, room, checkin, checkout])) = columns else {
            let Some(found) = header(&row, |text| wrong(line, text)) else {
                return;
            };
            columns = Some((row.len(), found));
            continue;
        };
        if row.len() != values {
            let has = counted(row.len(), "value");
            let text = format!("has {has}, the first line has {values}");
            wrong(line, text);
            continue;
        }
        let value = |column: usize| row.get(column).unwrap_or_default();
        let mut own = |column: usize, name: &str| {
            kwh(value(column)).unwrap_or_else(|why| {
                wrong(line, format!("{name} {why}"));
                None
            })
        };
        let own = Thresholds {
            checkin: own(checkin, "checkin"),
            checkout: own(checkout, "checkout"),
        };
        let room = Some(value(room)).filter(|room| !room.is_empty());
        if value(hotel).is_empty() {
            wrong(line, "hotel_id is missing".to_owned());
        } else if let Err(whose) = add(rules, value(hotel), room, own) {
            let text = format!(
                "is the second for {whose}: the first is above, or in [[monitoring.overrides]]"
            );
            wrong(line, text);
        }
    }
    if columns.is_none() {
        let columns = COLUMNS.join(",");
        wrong(1, format!("is empty; the first line has to be {columns}"));
    }
}

/// The line at which a row's text begins.
fn first_line(text: &str, at: &csv::Position) -> usize {
    let rest = usize::try_from(at.byte())
        .ok()
        .and_then(|byte| text.get(byte..));
    let before = rest.unwrap_or_default().bytes();
    let skipped = before.take_while(|byte| byte.is_ascii_whitespace());
    let skipped = skipped.filter(|byte| *byte == b'\n').count();
    usize::try_from(at.line()).unwrap_or(0) + skipped
}

/// The positions of the columns; `None` where one is missing.
fn header(row: &csv::StringRecord, mut wrong: impl FnMut(String)) -> Option<[usize; 4]> {
    for (number, name) in row.iter().enumerate() {
        if !COLUMNS.contains(&name) {
            let known = COLUMNS.join(", ");
            wrong(format!("column {name:?} is unknown; known are {known}"));
        } else if row.iter().take(number).any(|other| other == name) {
            wrong(format!("column {name} is there twice"));
        }
    }
    let found = COLUMNS.map(|name| row.iter().position(|column| column == name));
    let missing = COLUMNS
        .iter()
        .zip(found)
        .filter(|(_, found)| found.is_none());
    for (name, _) in missing {
        let columns = COLUMNS.join(",");
        wrong(format!(
            "column {name} is missing; the first line has to be {columns}"
        ));
    }
    match found {
        [Some(hotel), Some(room), Some(checkin), Some(checkout)] => {
            Some([hotel, room, checkin, checkout])
        }
        _ => None,
    }
}

/// Parses a threshold; an empty value means that the general one holds.
fn kwh(text: &str) -> Result<Option<WattHours>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let value = WattHours::parse_kwh(text).map_err(|error| format!("is {text:?}, {error}"))?;
    if (WattHours::ZERO..=MOST_KWH).contains(&value) {
        Ok(Some(value))
    } else {
        Err(format!("is {value}, allowed is 0 to {MOST_KWH}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::loaded;
    use crate::types::Kind;
    use std::time::Duration;

    /// Loads a configuration that names a file with this text.
    fn with_file(text: &str, more: &str) -> (String, Result<Rules, String>) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("a file");
        let name = file.path().display().to_string();
        let text = format!("[monitoring]\noverrides_file = '{name}'\n{more}");
        (name, loaded(&text, &[], &[]).map(|config| config.rules))
    }

    #[test]
    fn thresholds_are_read_from_a_csv_that_a_spreadsheet_wrote() {
        let (_, rules) = with_file(
            "\u{feff} room_number ,hotel_id,checkout,checkin\r\n\r\n101 , H1 ,0.3,\r\n,H1,,2.5\r\n\
             \"1,02\",\" H2\",0.1234,3\r\n",
            "[[monitoring.overrides]]\nhotel_id = 'H2'\ncheckout_abnormal_threshold = 0.7\n",
        );
        let rules = rules.expect("all right");
        for (hotel, room, checkin, checkout) in [
            ("H1", "101", 2_500, 300),
            ("H1", "102", 2_500, 1_500),
            ("H2", "1,02", 3_000, 123),
            ("H2", "101", 2_000, 700),
            ("H3", "101", 2_000, 1_500),
        ] {
            let room = RoomKey::new(hotel, room);
            let found = [Kind::Checkin, Kind::Checkout].map(|kind| rules.threshold(&room, kind).0);
            assert_eq!(found, [checkin, checkout], "{room}");
        }
    }

    #[test]
    fn each_problem_of_a_csv_is_reported_with_its_line() {
        let rows = "hotel_id,room_number,checkin,checkout,floor\nH1,101,abc,-1,1\n\n ,1,1,1,1\n\
                    H1,101,1,1,1\nH2,,2000000,1,1\nH2,,1,1,1\nH3,1\nH9,9,\"1,5\",0.5,1\n";
        let configured = "[[monitoring.overrides]]\nhotel_id = 'H9'\nroom_number = '9'\n";
        let (name, rules) = with_file(rows, configured);
        let wrong = rules.expect_err("much is wrong");
        let number = "not a number of kWh (digits with an optional sign and decimal point)";
        let expected = [
            (
                1,
                "column \"floor\" is unknown; known are hotel_id, room_number, checkin, checkout",
            ),
            (2, &format!("checkin is \"abc\", {number}")),
            (2, "checkout is -1, allowed is 0 to 1000000"),
            (4, "hotel_id is missing"),
            (
                5,
                "is the second for H1/101: the first is above, or in [[monitoring.overrides]]",
            ),
            (6, "checkin is 2000000, allowed is 0 to 1000000"),
            (
                7,
                "is the second for H2: the first is above, or in [[monitoring.overrides]]",
            ),
            (8, "has 2 values, the first line has 5"),
            (9, &format!("checkin is \"1,5\", {number}")),
            (
                9,
                "is the second for H9/9: the first is above, or in [[monitoring.overrides]]",
            ),
        ];
        let expected = expected.map(|(line, text)| format!("{name}:{line}: {text}"));
        assert_eq!(wrong.lines().collect::<Vec<_>>(), expected, "{wrong}");

        for (text, line, expected) in [
            (
                "",
                1,
                "is empty; the first line has to be hotel_id,room_number,checkin,checkout",
            ),
            (
                "hotel_id,room_number,checkin\nH1,1,x\n",
                1,
                "column checkout is missing; the first line has to be ",
            ),
            (
                "hotel_id,room_number,checkin,checkout,checkin\n",
                1,
                "column checkin is there twice",
            ),
        ] {
            let (name, rules) = with_file(text, "");
            let wrong = rules.expect_err(expected);
            assert!(
                wrong.starts_with(&format!("{name}:{line}: {expected}")),
                "{wrong}"
            );
            assert_eq!(wrong.lines().count(), 1, "{wrong}");
        }
    }

    #[test]
    fn an_unreadable_csv_is_reported_at_the_line_that_names_it() {
        let text = "[monitoring]\noverrides_file = '/nowhere/rooms.csv'\n";
        let wrong = loaded(text, &[], &[]).expect_err("there is none");
        let expected =
            "roomwatt.toml:2: monitoring.overrides_file /nowhere/rooms.csv can't be read: ";
        assert!(wrong.starts_with(expected), "{wrong}");
        let file = tempfile::NamedTempFile::new().expect("a file");
        let gbk = b"hotel_id,room_number,checkin,checkout\nH1,\xb9\xf3\xb1\xf6,1,1\n";
        std::fs::write(file.path(), gbk).expect("a file");
        let name = file.path().display().to_string();
        let text = format!("[monitoring]\noverrides_file = '{name}'\n");
        let wrong = loaded(&text, &[], &[]).expect_err("not UTF-8");
        assert_eq!(
            wrong,
            format!("{name}:2: is not UTF-8: save the file in this encoding")
        );
    }

    #[test]
    fn a_variable_that_names_the_file_leaves_the_configured_overrides() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), format!("{}\nH1,1,1,\n", COLUMNS.join(","))).expect("a file");
        let text = "[[monitoring.overrides]]\nhotel_id = 'H9'\n";
        let name = file.path().display().to_string();
        let variable = [("ROOMWATT_MONITORING__OVERRIDES_FILE", name.as_str())];
        let rules = loaded(text, &variable, &[]).expect("all right").rules;
        assert_eq!(
            (rules.hotel_thresholds.len(), rules.room_thresholds.len()),
            (1, 1)
        );
    }

    /// The CPU time of this thread: other tests run beside it.
    fn cpu_time() -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(time).expect("a time")
    }

    /// Quadratic code would take minutes for so many entries. All of this takes a few seconds
    /// without optimisation.
    #[test]
    fn the_time_to_read_a_large_configuration_is_linear() {
        const MANY: usize = 25_000;
        const SOME: usize = 10_000;
        const LIMIT: Duration = Duration::from_secs(10);
        let overrides = |many: usize, threshold: &str| -> String {
            let one = |number| {
                format!(
                    "[[monitoring.overrides]]\nhotel_id = 'H{}'\nroom_number = '{number}'\n\
                     checkin_abnormal_threshold = {threshold}\n",
                    number % 100
                )
            };
            (0..many).map(one).collect()
        };
        let route = |number| {
            format!(
                "[[feishu.routes]]\nhotels = ['H{number}']\n\
                 webhook_url = 'https://example.com/hook/{number}'\n"
            )
        };
        let row = |number| format!("H1,{number},x,0.5\n");
        let rows = COLUMNS.join(",") + "\n" + &(0..MANY).map(row).collect::<String>();
        let wrong = |text: &str| loaded(text, &[], &[]).err();
        for (what, expected, wrong) in [
            (
                "overrides",
                0,
                &(|| wrong(&overrides(SOME, "2.5"))) as &dyn Fn() -> Option<String>,
            ),
            ("types", SOME, &|| wrong(&overrides(SOME, "'x'"))),
            ("values", MANY, &|| wrong(&overrides(MANY, "-1"))),
            ("routes", 0, &|| {
                wrong(&(0..MANY).map(route).collect::<String>())
            }),
            ("rows", MANY, &|| with_file(&rows, "").1.err()),
        ] {
            let began = cpu_time();
            let wrong = wrong();
            let took = cpu_time() - began;
            let wrong = wrong.map_or(0, |wrong| wrong.lines().count());
            assert_eq!(wrong, expected, "{what}");
            assert!(took < LIMIT, "{what}: {took:?}");
        }
    }
}
