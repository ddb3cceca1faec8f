//! Questions about the past: from files, and from databases of every sort.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mysql::prelude::Queryable;

use roomwatt::config::Config;
use roomwatt::engine::{Opening, Parsed, Said};
use roomwatt::store::{Database, Plan, Store};
use roomwatt::types::{LocalTime, Reading, RoomKey, WattHours};

use crate::backtest::{Happening, files, history, kwh};
use crate::support::{ROOMWATT, Rig};
use crate::{check_out, finished};

/// Puts a history into `electricity_monitoring`, as the service would have written it, and into a
/// meter table whose rows `insert` begins: a register and a time are to follow the keys.
pub fn store(rig: &Rig, happenings: &[Happening], insert: &str) {
    let mut conn = rig.conn();
    let mut meter: Vec<String> = Vec::new();
    for happening in happenings {
        match happening {
            Happening::Reading {
                room,
                time,
                register,
            } => meter.push(format!("('H001', '{room}', {}, '{time}')", kwh(*register))),
            Happening::Message { room, time, body } => {
                let (kind, column) = if body.contains("5710005") {
                    ("checkin", "check_in_time")
                } else {
                    ("checkout", "actual_checkout_time")
                };
                conn.query_drop(format!(
                    "INSERT INTO electricity_monitoring (hotel_id, room_number, msg_type, \
                     {column}) VALUES ('H001', '{room}', '{kind}', '{time}')"
                ))
                .expect("a watch");
            }
        }
    }
    for rows in meter.chunks(200) {
        let values = rows.join(", ");
        conn.query_drop(format!("{insert} VALUES {values}"))
            .expect("meter rows");
    }
}

/// Puts a history into an embedded database, as the service would have written it; gives the
/// configuration of that.
pub fn embed(rig: &Rig, happenings: &[Happening]) -> PathBuf {
    let file = rig.config().with_file_name("hotel.db");
    let text = format!("[embedded]\npath = '{}'\n", file.display());
    let path = PathBuf::from(rig.file("embedded.toml", &text));
    let config = Config::load(Some(&path), &[]).expect("a configuration");
    let database = Database::of(&config);
    database.init(&|_| {}).expect("tables");
    let mut plan = Plan::default();
    let mut readings = Vec::new();
    for happening in happenings {
        match happening {
            Happening::Reading {
                room,
                time,
                register,
            } => readings.push((
                RoomKey::new("H001", &room.to_string()),
                Reading {
                    time: *time,
                    register: WattHours(register / 10 * 10),
                },
            )),
            Happening::Message { body, .. } => {
                let Parsed::Event(event) = config.messages.parse(body.as_bytes(), None) else {
                    panic!("no event: {body}");
                };
                let opening = |(room, said): (RoomKey, Said)| {
                    let Said::Fact(fact) = said else {
                        panic!("{said:?}");
                    };
                    let stay = fact.stay().expect("a stay");
                    (
                        room,
                        Opening {
                            stay,
                            initial: None,
                        },
                    )
                };
                plan.openings.extend(event.rooms.into_iter().map(opening));
            }
        }
    }
    let mut owner = database.store();
    owner.take_over().expect("it is free");
    owner.commit(&plan).expect("watches");
    let meters = database.meter_writer().expect("its own meter table");
    meters.add(&mut readings.into_iter()).expect("meter rows");
    path
}

/// A command with another configuration.
pub fn roomwatt(config: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(ROOMWATT);
    command.args(arguments).arg("--config").arg(config);
    command.output().expect("the program runs")
}

pub const SMART_METER: &str =
    "INSERT INTO smart_meter (hotel_id, room_number, reading_value, script_time)";

pub fn seeded() -> fastrand::Rng {
    let seed = std::env::var("ROOMWATT_REVIEW_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().expect("a seed"));
    println!("ROOMWATT_REVIEW_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// Checks that files and a database give the same lines, by three rules.
fn find_the_same(rig: &Rig, database: &Path, happenings: &[Happening]) {
    let (messages, readings) = files(rig, happenings);
    let rules = [
        "--set",
        "continuous_alert_count=2",
        "--rule",
        "now",
        "--rule",
        "strict:checkout_abnormal_threshold=0.3,checkin_abnormal_threshold=1",
        "--rule",
        "hourly:check_interval_minutes=60",
        "--rule",
        "usual:baseline.mode=on",
    ];
    let from = happenings[0].time().plus(-24 * 3_600).to_string();
    let find = |source: &[&str]| {
        let output = roomwatt(database, &[&["backtest"][..], source, &rules].concat());
        let (code, lines, table) = finished(&output);
        assert_eq!(code, Some(0), "{table}");
        // Its last line counts rows: what is sent again is one in a file of the embedded store.
        let (table, counts) = table.rsplit_once("backtest: ").expect("counts");
        assert!(counts.contains(" bad=0 rooms=6 "), "{counts}");
        (lines, table.to_owned())
    };
    let (expected, table) = find(&["--messages", &messages, "--readings", &readings]);
    let of_usual = "{\"rule\":\"usual\",\"event\":\"alert\"";
    for found_by in ["fixed", "baseline"] {
        let end = format!("\"found_by\":\"{found_by}\"}}");
        let mut lines = expected.lines().filter(|line| line.starts_with(of_usual));
        assert!(lines.any(|line| line.ends_with(&end)), "{expected}");
    }
    // One line below each table, and of the last rule two.
    assert_eq!(table.matches("\n阈值：报警 ").count(), 4, "{table}");
    assert_eq!(table.matches("\n基线规则：报警 ").count(), 1, "{table}");
    for rule in ["now", "strict", "hourly"] {
        assert!(expected.contains(&format!("{{\"rule\":\"{rule}\",\"event\":")));
        assert!(table.contains(&format!("规则 {rule}\n")), "{table}");
    }
    let (lines, same_table) = find(&["--from", &from]);
    assert_eq!(lines, expected);
    assert_eq!(same_table, table);
    // A part of it, which begins and ends within stays.
    let at = |hour: i64| happenings[0].time().plus(hour * 3_600).to_string();
    let (from, to) = (at(12), at(36));
    let span = ["--from", &from, "--to", &to];
    let of_files = ["--messages", &messages, "--readings", &readings];
    let (expected, _) = find(&[&of_files[..], &span].concat());
    assert!(!expected.is_empty());
    assert_eq!(find(&span).0, expected);
}

#[test]
fn files_and_every_kind_of_table_give_the_same_alerts() {
    let mut happenings = history(&mut seeded());
    // Of readings with one time the first counts.
    for at in (0..happenings.len()).step_by(40) {
        if let Happening::Reading { room, time, .. } = happenings[at] {
            let register = 1;
            let again = Happening::Reading {
                room,
                time,
                register,
            };
            happenings.insert(at + 1, again);
        }
    }
    let mut rig = Rig::new("reviewed");
    store(&rig, &happenings, SMART_METER);
    let config = rig.config();
    find_the_same(&rig, &config, &happenings);
    find_the_same(&rig, &embed(&rig, &happenings), &happenings);
    // Many rows of other times between those of the span: read by the time.
    rig.execute("UPDATE smart_meter SET id = id + 1000000 ORDER BY id DESC LIMIT 3");
    find_the_same(&rig, &config, &happenings);
    // As others write them.
    rig.execute(
        "CREATE TABLE t_electric (dept_code VARCHAR(50), room_num VARCHAR(20), value DOUBLE, \
         gmt_modified DATETIME, KEY (gmt_modified))",
    );
    rig.execute(
        "INSERT INTO t_electric SELECT hotel_id, room_number, MAX(reading_value), script_time \
         FROM smart_meter GROUP BY hotel_id, room_number, script_time",
    );
    rig.configure(
        "[meter]\ntable = 't_electric'\nid = ''\nhotel_id = 'dept_code'\nroom_number = 'room_num'\n\
         reading_value = 'value'\nscript_time = 'gmt_modified'",
    );
    // Here a time with two readings has the greater register.
    happenings.retain(|happening| !matches!(happening, Happening::Reading { register: 1, .. }));
    find_the_same(&rig, &config, &happenings);
    // Without rooms, or in a time without any.
    let (code, lines, table) =
        finished(&rig.roomwatt(&["backtest", "--from", "2001-01-01", "--to", "2001-01-31"]));
    assert_eq!((code, lines.as_str()), (Some(0), ""));
    assert!(table.contains("rooms=0"), "{table}");
    rig.finish();
}

/// A heater in a vacant room, from `left` on.
fn heated(left: &str) -> Vec<Happening> {
    let left = LocalTime::parse(left).expect("a time");
    let mut happenings = vec![Happening::Message {
        room: 101,
        time: left,
        body: check_out("H001", "101", left),
    }];
    for interval in -2..=6 {
        happenings.push(Happening::Reading {
            room: 101,
            time: left.plus(interval * 1_800),
            // In the last one little is used: exactly nothing would not be over yet.
            register: 100_000 + 2_400 * interval.clamp(0, 5) + 100 * (interval / 6),
        });
    }
    happenings
}

#[test]
fn spans_end_where_the_options_say() {
    let mut happenings = heated("2023-04-10 12:00:00");
    // Ids are no times: rows of other times lie between those of a span.
    seeded().shuffle(&mut happenings);
    let mut rig = Rig::new("spans");
    store(&rig, &happenings, SMART_METER);
    rig.execute("INSERT INTO electricity_monitoring (hotel_id, room_number) VALUES ('H001', '')");
    for (span, events) in [
        (&["--from", "2023-04-10"][..], "alert recovered"),
        (
            &["--from", "2023-04-10", "--to", "2023-04-10"],
            "alert recovered",
        ),
        (
            &["--from", "2023-04-10", "--to", "2023-04-10 14:30:00"],
            "alert",
        ),
        (&["--from", "2023-04-10", "--to", "2023-04-10 13:59:59"], ""),
        // Nothing is known of what it was before.
        (&["--from", "2023-04-10 13:31:00"], ""),
        (&["--from", "2023-04-10 12:00:00"], "alert recovered"),
        (&["--from", "2023-04-11"], ""),
    ] {
        let (code, lines, errors) = finished(&rig.roomwatt(&[&["backtest"], span].concat()));
        assert_eq!(code, Some(0), "{span:?}: {errors}");
        let found: Vec<&str> = ["alert", "recovered"]
            .into_iter()
            .filter(|event| lines.contains(&format!("\"event\":\"{event}\"")))
            .collect();
        assert_eq!(found.join(" "), events, "{span:?}: {lines}");
        assert!(errors.contains(" bad=0 "), "{span:?}: {errors}");
    }
    rig.finish();
}

#[test]
fn errors_of_the_command_line_are_explained() {
    let mut rig = Rig::new("wronglines");
    for (arguments, part) in [
        (&["backtest"][..], "--messages and --readings, or --from"),
        (&["backtest", "--from", "10.4.2023"], "expected YYYY-MM-DD"),
        (
            &["backtest", "--from", "2023-04-10", "--to", "2023-04-09"],
            "--from 2023-04-10 00:00:00 is later than --to 2023-04-09 23:59:59",
        ),
        (&["backtest", "--messages", "m"], "--readings"),
        (
            &["backtest", "--from", "2023-04-10", "--messages", "m"],
            "--readings",
        ),
        (
            &["backtest", "--from", "2023-04-10", "--set", "threshold=1"],
            "--set threshold=1: monitoring.threshold is unknown; known are",
        ),
        (
            &[
                "backtest",
                "--from",
                "2023-04-10",
                "--rule",
                "x:continuous_alert_count=0",
            ],
            "--rule x:continuous_alert_count=0: monitoring.continuous_alert_count is 0, allowed is",
        ),
        (
            &["backtest", "--from", "2023-04-10", "--rule", "x:thresh=1"],
            "thresh is not a key of a rule; known are check_interval_minutes",
        ),
        (
            &[
                "backtest",
                "--from",
                "2023-04-10",
                "--rule",
                "x",
                "--rule",
                "x",
            ],
            "two rules have this name",
        ),
    ] {
        let (code, _, errors) = finished(&rig.roomwatt(arguments));
        assert_eq!(code, Some(64), "{arguments:?}: {errors}");
        assert!(errors.contains(part), "{arguments:?}: {errors}");
    }
    // `--set` can replace a wrong value of the file; otherwise the file's error decides the code.
    rig.configure("keep_days = 0");
    let (code, _, _) =
        finished(&rig.roomwatt(&["backtest", "--from", "2023-04-10", "--set", "keep_days=3"]));
    assert_eq!(code, Some(0));
    let (code, _, _) =
        finished(&rig.roomwatt(&["backtest", "--from", "2023-04-10", "--set", "x=3"]));
    assert_eq!(code, Some(78));
    rig.reconfigure("keep_days = 0", "[meter]\ntable = 'nowhere'");
    let (code, _, errors) = finished(&rig.roomwatt(&["backtest", "--from", "2023-04-10"]));
    assert_eq!(code, Some(78));
    assert!(errors.contains("section [meter]"), "{errors}");
    rig.finish();
}

#[test]
fn errors_of_a_file_are_reported_with_their_line() {
    let mut rig = Rig::without_schema("wrongfiles");
    let checkout = check_out("H001", "101", LocalTime::FIRST);
    let good = rig.file("good.jsonl", &checkout);
    let header = "hotel_id,room_number,reading_value,script_time\n";
    let junk: String = (0u8..=127).map(char::from).cycle().take(3_000).collect();
    for (messages, readings, code, part) in [
        (
            None,
            "hotel_id,room_number,value,script_time\n",
            64,
            "r.csv:1: the first line has no column reading_value; it must be \
             hotel_id,room_number,reading_value,script_time, and it is \
             \"hotel_id,room_number,value,",
        ),
        (
            None,
            "",
            64,
            "r.csv:1: the first line has no column hotel_id",
        ),
        (None, "", 64, "and it is empty"),
        (
            None,
            &format!("{}{header}", "x,".repeat(61)),
            64,
            "r.csv:1: the first line has more than 64 columns; it must be hotel_id,",
        ),
        (None, &header.replace(',', ";"), 64, "separate them by ','"),
        (
            None,
            junk.as_str(),
            64,
            "r.csv:1: the first line has no column",
        ),
        (
            None,
            &format!("{header}H001,101,1,2023-04-10 12:00:00\nH001,101,1,12:00\n"),
            0,
            "r.csv:3: bad row: script_time is not a time like 2023-04-10 14:30:00: 12:00",
        ),
        (
            None,
            &format!("{header}\nH001,101,many,2023-04-10 12:00:00\n"),
            64,
            "r.csv:3: bad row: reading_value is not a register in kWh like 1234.56: many",
        ),
        (
            None,
            &format!("{header}H001,101,1\n"),
            64,
            "r.csv:2: bad row: it has 3 fields where the first line has 4",
        ),
        (
            None,
            &format!("{header}H001,101,1\n"),
            64,
            "no row of it is a reading",
        ),
        (
            None,
            &format!(
                "{header}H001,101,1,2023-04-10 12:00:00\nH001,\"101,1,2023-04-10 12:30:00\n\
                 H001,101,1,2023-04-10 13:00:00\n"
            ),
            0,
            "r.csv:3: bad row: it has 2 fields where the first line has 4; a quote in it is \
             open over 2",
        ),
        (
            None,
            &format!("{header}H001,101,{},2023-04-10 12:00:00\n", "9".repeat(81)),
            64,
            "is not a register in kWh like 1234.56: 9999999999999999999999999999999999999999…",
        ),
        (
            None,
            &format!(
                "{header}H001,101,1,2023-04-10 12:00:00\n\"{}",
                "\n".repeat(24 << 20)
            ),
            64,
            "r.csv:3: the line is longer than 16 MiB",
        ),
        (
            Some(format!("{checkout}\n{}", " ".repeat(24 << 20)).as_str()),
            header,
            64,
            "m.jsonl:2: the line is longer than 16 MiB",
        ),
        (None, &format!("{header}{junk}"), 64, "r.csv:2: bad row"),
        (Some(junk.as_str()), header, 64, "m.jsonl:1: "),
        (
            Some("{}\n\n[]\n"),
            header,
            64,
            "m.jsonl:3: the body is JSON but not an object",
        ),
        (
            Some("[]\n"),
            header,
            64,
            "m.jsonl: no line of it is a message",
        ),
        (
            Some(&format!("\u{feff}{checkout}\r\n[]")),
            header,
            0,
            "messages=2 events=1 ignored=0 refused=1",
        ),
    ] {
        let messages = messages.map_or(good.clone(), |text| rig.file("m.jsonl", text));
        let readings = rig.file("r.csv", readings);
        let output = rig.roomwatt(&["backtest", "--messages", &messages, "--readings", &readings]);
        let (exit, lines, errors) = finished(&output);
        assert_eq!((exit, lines.as_str()), (Some(code), ""), "{errors}");
        assert!(errors.contains(part), "{part} is not in {errors}");
    }
    let (code, _, errors) =
        finished(&rig.roomwatt(&["backtest", "--messages", "nowhere", "--readings", &good]));
    assert_eq!(code, Some(64));
    assert!(errors.contains("nowhere"), "{errors}");
    rig.finish();
}

/// Rooms that messages and meters spell differently seem to be in order.
#[test]
fn rooms_that_only_one_side_names_are_reported() {
    let mut happenings = heated("2023-04-10 12:00:00");
    happenings.push(Happening::Message {
        room: 102,
        time: happenings[0].time(),
        body: check_out("H001", "0101", happenings[0].time()),
    });
    happenings.remove(0);
    let mut rig = Rig::new("strangers");
    store(&rig, &happenings, SMART_METER);
    rig.execute("UPDATE electricity_monitoring SET room_number = '0101'");
    let (messages, readings) = files(&rig, &happenings);
    for source in [
        &["--messages", &messages, "--readings", &readings][..],
        &["--from", "2023-04-10", "--to", "2023-04-11"],
    ] {
        for command in ["backtest", "advise"] {
            let (code, _, errors) = finished(&rig.roomwatt(&[&[command], source].concat()));
            assert_eq!(code, Some(0));
            for part in [
                "1 of 1 room with messages have no reading, the first is \"H001/0101\"",
                "9 readings of rooms without a message, the first of \"H001/101\"",
            ] {
                assert!(errors.contains(part), "{source:?}: {errors}");
            }
        }
    }
    rig.finish();
}

#[test]
fn thresholds_are_advised_from_files_and_database_alike() {
    let happenings = history(&mut seeded());
    let mut rig = Rig::new("advised");
    store(&rig, &happenings, SMART_METER);
    let (messages, readings) = files(&rig, &happenings);
    let mut advise = |arguments: &[&str]| {
        let english = ["advise", "--language", "en"];
        let (code, text, errors) = finished(&rig.roomwatt(&[&english, arguments].concat()));
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        text
    };
    let of_files = ["--messages", &messages, "--readings", &readings];
    let text = advise(&of_files);
    // Of two weeks it has two days, but for the hours before the first message.
    let of_database = advise(&[]);
    let (remark, advice) = of_database.split_once("\n\n").expect("a remark");
    assert!(remark.starts_with("There is data from "), "{remark}");
    let has = |days: &str| remark.ends_with(&format!(" on: {days} of 14.0 days."));
    assert!(has("2.0") || has("1.9"), "{remark}");
    assert_eq!(advice, text);
    for part in [
        "occupied rooms: nothing is advised (configured: 2)\n",
        "vacant rooms: nothing is advised (configured: 1.5)\n",
        "there is data of 6 rooms only, 20 are needed\n",
        "the configured threshold would have raised ",
        "the baseline rule, which needs none, ",
        "# checkin_abnormal_threshold: nothing",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let json = advise(&[&of_files[..], &["--json"]].concat());
    assert_eq!(advise(&["--json"]), json);
    assert_eq!(json.lines().count(), 4);
    let begin = happenings[0].time().plus(-1_000).to_string();
    assert!(advise(&["--to", &begin]).contains("no data of such rooms"));
    // Without an option it is the configured language.
    rig.reconfigure("[feishu]\n", "[feishu]\nlanguage = 'en'\n");
    assert_eq!(finished(&rig.roomwatt(&["advise"])).1, of_database);
    let (code, _, errors) = finished(&rig.roomwatt(&["advise", "--budget", "few"]));
    assert_eq!(code, Some(64));
    assert!(errors.contains("a number from 0 to 1000"), "{errors}");
    rig.finish();
}
