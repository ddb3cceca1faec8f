//! `roomwatt demo`: a hotel without any server.

mod browsed;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use crossbeam_channel::bounded;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use unicode_width::UnicodeWidthStr;

use roomwatt::config::Config;
use roomwatt::demo::{Demo, Detection};
use roomwatt::engine::{Notice, NoticeKind, RoomNotice, Rule, Said, Statuses, pieces};
use roomwatt::notify::Console;
use roomwatt::review::{Room, backtest, judge, read_archive};
use roomwatt::simulator::{CircumstanceSpan, Outline, Scenario, World};
use roomwatt::store::{Database, NoticeState, Scope};
use roomwatt::threads::stop_signal;
use roomwatt::types::{HotelId, LocalTime, RoomKey};

use support::{ROOMWATT, wait};

fn demo(arguments: &[&str]) -> Output {
    let mut command = Command::new(ROOMWATT);
    command.arg("demo").args(arguments).stdin(Stdio::null());
    command.output().expect("the program runs")
}

fn printed(arguments: &[&str]) -> String {
    let output = demo(arguments);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).expect("UTF-8")
}

const SMALL: [&str; 6] = ["--rooms", "30", "--days", "2", "--speed", "1e9"];

#[test]
fn a_seed_gives_the_same_story_at_any_speed() {
    let with = |more: &[&str]| printed(&[&SMALL[..], more].concat());
    let story = with(&["--seed", "8"]);
    assert!(story.contains("空房用电异常 DEMO · "), "{story}");
    assert_eq!(story, with(&["--seed", "8"]));
    // Two days in four seconds.
    assert_eq!(
        story,
        printed(&[
            "--rooms", "30", "--days", "2", "--speed", "43200", "--seed", "8"
        ])
    );
    assert_ne!(story, with(&["--seed", "9"]));
    let english = with(&["--seed", "8", "--language", "en"]);
    let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    assert!(!english.contains(is_chinese), "{english}");
}

/// What a story ends with fits a terminal, and a command that it shows does what it promises.
#[test]
fn the_summary_fits_a_terminal_and_its_advice_is_true() {
    for (language, begin) in [("zh", "共有 "), ("en", " were left on or misused")] {
        let run = |more: &[&str]| {
            let options = ["--speed", "1e9", "--days", "3", "--language", language];
            printed(&[&options[..], more].concat())
        };
        let story = run(&[]);
        let (_, end) = story.split_once(begin).expect("an end");
        let widest = end.lines().max_by_key(|line| line.width()).expect("lines");
        assert!(widest.width() <= 78, "{widest}");
        let (_, command) = end.split_once("roomwatt demo ").expect("a command");
        let options: Vec<&str> = command
            .split_whitespace()
            .filter(|word| *word != "\\")
            .collect();
        let better = run(&options);
        // The last line of the table, with what they would find, and the first one.
        let table = |story: &str| -> Vec<String> {
            let rows = story.lines().filter(|line| match language {
                "zh" => line.contains("、空房 ") && line.contains("处中的"),
                _ => line.contains(" vacant") && line.contains(" of "),
            });
            let marks = [" (these)", "（本次）"];
            let plain = rows.map(|row| {
                marks
                    .iter()
                    .fold(row.to_owned(), |row, mark| row.replace(mark, ""))
            });
            plain
                .map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect()
        };
        let (promised, found) = (table(&story), table(&better));
        assert!(promised.len() > 1, "{story}");
        assert_ne!(promised.first(), promised.last());
        assert_eq!(promised.last(), found.first(), "{better}");
    }
}

#[test]
fn a_lower_threshold_finds_what_was_missed() {
    let story = [
        "--seed",
        "1",
        "--days",
        "2",
        "--speed",
        "1e9",
        "--language",
        "en",
        "--set",
        "baseline.mode=off",
    ];
    let missed = printed(&story);
    // A room's line, and the one below it, where it says why no rule found the trouble.
    let of_room = |story: &str| -> [String; 2] {
        let mut lines = story
            .lines()
            .skip_while(|line| !line.starts_with("  403  air conditioner "));
        [(); 2].map(|()| lines.next().expect("a line").trim().to_owned())
    };
    let [line, reason] = of_room(&missed);
    assert!(line.ends_with(" \u{2013}"), "{line}");
    let below = "not more than 1.5 kWh; 0.";
    assert!(reason.starts_with(below), "{reason}");
    let setting = ["--set", "checkout_abnormal_threshold=0.5"];
    let found = printed(&[&story[..], &setting].concat());
    let [line, next] = of_room(&found);
    assert!(
        line.contains(" to 11:18  ") && line.contains(" 2:"),
        "{line}"
    );
    assert!(!next.contains("would have found it"), "{next}");

    // The baseline rule finds it without a threshold.
    let both = printed(&story[..story.len() - 2]);
    let [line, next] = of_room(&both);
    let columns: Vec<&str> = line.split_whitespace().rev().take(2).collect();
    assert!(
        columns[0].starts_with("2:") && columns[1] == "\u{2013}",
        "{line}"
    );
    assert!(!next.contains("would have found it"), "{next}");
    let row = |story: &str, name: &str| -> Vec<String> {
        let line = story.lines().find(|line| line.starts_with(name));
        let words = line.map(|line| line[name.len()..].split_whitespace());
        words.map_or(Vec::new(), |words| words.map(str::to_owned).collect())
    };
    let baseline = row(&both, "  none: the baseline rule");
    let these = row(&both, "  2 occupied, 1.5 vacant (these)");
    let [found, "of", all, _, false_alarms] =
        &baseline[..].iter().map(String::as_str).collect::<Vec<_>>()[..]
    else {
        panic!("{both}")
    };
    let (found, all): (u32, u32) = (
        found.parse().expect("a number"),
        all.parse().expect("a number"),
    );
    let by_thresholds: u32 = these[0].parse().expect("a number");
    assert!(by_thresholds < found && found <= all, "{both}");
    assert_eq!(*false_alarms, "0", "{both}");
    // It is in no table where it is off.
    assert_eq!(
        row(&missed, "  none: the baseline rule"),
        Vec::<String>::new()
    );
}

/// The service's parts give the same notices as the engine alone.
#[test]
fn the_notices_are_those_of_the_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    // The last sweep begins after the end of the story.
    let settings = [
        "sweep_seconds=700",
        // Found where people repair something, if it were judged.
        "checkout_abnormal_threshold=0.3",
    ];
    let settings = settings.map(|setting| setting.parse().expect("a setting"));
    let mut config = Config::load(None, &settings).expect("a configuration");
    config.messages.types = config.messages.types.for_all_kinds();
    config.embedded.path = folder.path().join("demo.db");
    let start = LocalTime::parse("2024-03-04 00:00:00").expect("a time");
    let mut scenario = Scenario::new(5, vec![HotelId::new("DEMO")], 80, start, 3);
    scenario.world = World::demo();
    scenario.world.habits.moves = 0.5;
    scenario.world.habits.out_of_order = 0.3;
    // What comes late is late for the service, and in its place for the engine.
    scenario.world.meters.faults.late = 0.0;
    scenario.world.meters.faults.outage = 0.0;
    let (exits, ended) = bounded(4);
    let (_stopper, stop) = stop_signal();
    let cards = Arc::new(Mutex::new(Vec::new()));
    let shown = Arc::clone(&cards);
    let said = Mutex::new(0);
    let report = Mutex::new(None);
    let demo = Demo {
        config: &config,
        scenario: &scenario,
        speed: 1e9,
        console: Console::new(move |_, card| shown.lock().push(card.to_owned())),
        says: &|event| *said.lock() += usize::from(event.as_move().is_some()),
        progress: &|_| true,
        pages: None,
        ends: &|found| *report.lock() = Some(found),
        exits: &exits,
        ended: &ended,
    };
    demo.run(&stop).expect("the story ends");
    let report = report.into_inner().expect("a report");

    let rules = &config.rules;
    let rooms = scenario.history().rooms.into_iter().map(|room| {
        let stays = pieces(&room.said, rules.match_seconds);
        let changes = room.said.iter().filter_map(Said::status);
        let history = Room {
            statuses: Statuses::in_past(changes, &stays),
            stays,
            readings: room.readings,
            ..Room::new(room.key)
        };
        history.sorted()
    });
    let of = |notice: RoomNotice| (notice.detected, notice.room, notice.kind, notice.energy);
    let mut expected: Vec<_> = rooms
        .flat_map(|room| judge(&room, rules, LocalTime::FIRST))
        .map(of)
        .collect();
    expected.sort();
    let rows = Database::of(&config).outbox().expect("the outbox");
    let rows = { rows }.newest(&NoticeState::ALL, None, 10_000);
    let rows = rows.expect("rows");
    assert!(rows.iter().all(|row| row.state == NoticeState::Logged));
    let mut written: Vec<_> = rows
        .into_iter()
        .map(|row| match row.notice.expect("a notice") {
            Notice::Room(notice) => of(notice),
            other => panic!("no gateway fails here, and the weather is fair: {other:?}"),
        })
        .collect();
    written.sort();
    assert_eq!(cards.lock().len(), written.len());
    // The engine was shown each stay by itself: of what ends a run, only what its readings say.
    let is_closed = |kind| matches!(kind, NoticeKind::Closed(_));
    let closed = written.iter().filter(|row| is_closed(row.2)).count();
    assert_eq!(report.closed, closed);
    assert!(closed > 0, "a guest comes into a room that is abnormal");
    written.retain(|row| !is_closed(row.2));
    assert_eq!(written, expected);

    let count = |kind| written.iter().filter(|row| row.2 == kind).count();
    assert_eq!(report.alerts, count(NoticeKind::Alert));
    assert!(report.alerts >= 2 && report.tried[0].score.found >= 2);
    // In shadow it notifies nobody.
    assert_eq!(report.baseline, None);
    assert_eq!(report.reminders, count(NoticeKind::Reminder));
    assert_eq!(report.recovered, count(NoticeKind::Recovered));
    assert_eq!(report.false_alarms, []);
    // The story has some of each kind of detection.
    let detections = |is: fn(&Detection) -> bool| {
        report
            .troubles
            .iter()
            .filter(|t| is(&t.2.thresholds))
            .count()
    };
    assert!(detections(|detection| matches!(detection, Detection::Below { .. })) > 2);
    assert_eq!(report.until, scenario.end());
    let mut outline = Outline::default();
    scenario.story().for_each(|event| outline.add(&event));
    assert!(report.moves.len() > 5 && report.out_of_order.len() > 5);
    assert_eq!(report.moves, outline.moves);
    assert_eq!(*said.lock(), outline.moves.len());
    assert_eq!(report.out_of_order.len(), outline.out_of_order.len());
}

/// What messages say of guests who move and of rooms out of order is shown when they say it, and
/// listed at the end.
/// Four days of a hotel in which much is left on, and so many readings come up to 90 minutes
/// late, is played by the service's parts, which sweep every 700 seconds; then a backtest is made
/// of its database. Gives the alerts of each: of which rule, of which room, and when.
fn alerts_of_four_days(seed: u64, late: f64) -> [BTreeSet<(Rule, RoomKey, LocalTime)>; 2] {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = ["sweep_seconds=700", "baseline.mode=on"];
    let settings = settings.map(|setting| setting.parse().expect("a setting"));
    let mut config = Config::load(None, &settings).expect("a configuration");
    config.embedded.path = folder.path().join("demo.db");
    let start = LocalTime::parse("2024-03-04 00:00:00").expect("a time");
    let mut scenario = Scenario::new(seed, vec![HotelId::new("DEMO")], 40, start, 4);
    scenario.world = World::left_on();
    scenario.world.meters.faults.late = late;
    // Messages of stays would come before the readings of the time before them.
    scenario.world.meters.faults.outage = 0.0;
    let (exits, ended) = bounded(4);
    let (_stopper, stop) = stop_signal();
    let demo = Demo {
        config: &config,
        scenario: &scenario,
        speed: 1e9,
        console: Console::new(|_, _| {}),
        says: &|_| {},
        progress: &|_| true,
        pages: None,
        ends: &|_| {},
        exits: &exits,
        ended: &ended,
    };
    demo.run(&stop).expect("the story ends");
    let alert = |notice: RoomNotice| {
        let is_alert = notice.kind == NoticeKind::Alert;
        is_alert.then_some((notice.rule, notice.room, notice.detected))
    };

    let database = Database::of(&config);
    let rows = { database.outbox().expect("the outbox") }.newest(&NoticeState::ALL, None, 100_000);
    let notices = { rows.expect("rows") }
        .into_iter()
        .map(|row| row.notice.expect("a notice"));
    let of_service = notices.filter_map(|notice| match notice {
        Notice::Room(notice) => alert(notice),
        _ => None,
    });
    let of_service = of_service.collect();

    let rules = [config.rules.clone()];
    let from = start.plus(-7 * 86_400);
    let past = read_archive(
        &mut *database.archive(),
        Scope::All,
        from,
        scenario.end(),
        &rules,
    );
    let (past, _) = past.expect("the past");
    let findings = backtest(&past, &rules).into_iter();
    let of_rooms = findings.filter_map(|finding| match finding.notice {
        Notice::Room(notice) => Some(notice),
        Notice::Meters(_) | Notice::Hotel(_) => None,
    });
    let of_backtest = of_rooms.filter_map(alert).collect();
    [of_service, of_backtest]
}

/// What a backtest finds by either rule in what the service has seen is what the service found,
/// alert for alert, but for readings that came late: these are in their place in a backtest, but
/// for the service their room has gone on without them, and its hotel, too.
#[test]
fn a_backtest_of_the_same_history_finds_what_the_service_found() {
    let (mut in_time, mut late, mut different) = (0, 0, 0);
    for seed in [3, 4] {
        let [service, backtest] = alerts_of_four_days(seed, 0.0);
        let differ: Vec<_> = service.symmetric_difference(&backtest).collect();
        assert!(differ.is_empty(), "seed {seed}: {differ:#?}");
        let rules: BTreeSet<Rule> = service.iter().map(|(rule, ..)| *rule).collect();
        assert_eq!(rules.len(), 2, "seed {seed}: both rules find something");
        in_time += service.len();

        // Of a hundred readings two are late, and most of these by more than a frame.
        let [service, backtest] = alerts_of_four_days(seed, 0.02);
        late += service.union(&backtest).count();
        different += service.symmetric_difference(&backtest).count();
    }
    println!("{in_time} alerts are the same; with late readings {different} of {late} are not");
    assert!(in_time > 20, "{in_time} alerts");
    assert!(different > 0, "late readings make a difference");
    assert!(different * 3 < late, "{different} of {late} alerts differ");
}

#[test]
fn the_story_has_a_move_and_a_room_out_of_order() {
    let start = LocalTime::parse("2024-03-04 00:00:00").expect("a time");
    let scenario = Scenario::new(1, vec![HotelId::new("DEMO")], 120, start, 2);
    let scenario = scenario.in_world(World::demo());
    let mut outline = Outline::default();
    scenario.story().for_each(|event| outline.add(&event));
    let moved = outline.moves.first().expect("a move");
    let (from, to) = (&moved.from.room_number, &moved.to.room_number);
    let moves = moved.at.day_hour_minute();
    let is_new = |(_, span): &&(_, CircumstanceSpan)| span.from > start;
    let (room, span) = outline.out_of_order.iter().find(is_new).expect("one");
    let (room, begins) = (&room.room_number, span.from.day_hour_minute());

    // Each line as its words alone.
    let words = |options: &[&str]| -> Vec<String> {
        let text = printed(&[&["--speed", "1e9", "--days", "2"], options].concat());
        let lines = text.lines().map(str::split_whitespace);
        lines
            .map(|words| words.collect::<Vec<_>>().join(" "))
            .collect()
    };
    for (lines, expected) in [
        (
            words(&[]),
            [
                format!("{moves} 客人从 {from} 换到 {to}：{from} 转为空房，{to} 转为住客房。"),
                format!("{begins} {room} 转为维修房"),
                format!("{from} 换到 {to} {moves} 起，{from} 按空房、{to} 按住客房判断"),
                format!("{room} {begins} 至 "),
            ],
        ),
        (
            words(&["--language", "en"]),
            [
                format!(
                    "{moves} A guest moves from {from} to {to}: {from} is vacant now, {to} is \
                     occupied."
                ),
                format!("{begins} Room {room} is out of order"),
                format!(
                    "{from} to {to} {moves}: since then {from} counts as vacant, {to} as occupied"
                ),
                format!("{room} {begins} to "),
            ],
        ),
    ] {
        for line in expected {
            let count = lines
                .iter()
                .filter(|other| other.starts_with(&line))
                .count();
            assert_eq!(count, 1, "{line:?} in {lines:#?}");
        }
        // What was said before the story began is no part of it.
        let mut days = lines.iter().filter_map(|line| line.get(..6));
        let before = |day: &str| ("02-".."03-04 ").contains(&day) && day.ends_with(' ');
        assert!(!days.any(before), "{lines:#?}");
    }
}

#[test]
fn each_world_can_be_shown() {
    for name in World::NAMES {
        let options = ["--world", name, "--days", "1", "--speed", "1e9"];
        let rooms: &[&str] = match name {
            "small-hotel" => &["--language", "en"],
            _ => &["--language", "en", "--rooms", "12"],
        };
        let story = printed(&[&options[..], rooms].concat());
        let (count, seen) = match name {
            "small-hotel" => ("Hotel DEMO: 8 rooms,", " of 8 rooms.\n"),
            _ => ("Hotel DEMO: 12 rooms,", " of 12 rooms.\n"),
        };
        assert!(
            story.starts_with(count) && story.contains(seen),
            "{name}: {story}"
        );
    }
}

#[test]
fn it_can_be_stopped_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(ROOMWATT)
        .args(["demo", "--speed", "1000"])
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let left = || fs::read_dir(folder.path()).expect("a folder").count();
    // By then it handles signals.
    wait("its database", || {
        let mut folders = fs::read_dir(folder.path()).expect("a folder").flatten();
        let is_there = folders.any(|folder| folder.path().join("demo.db").exists());
        is_there.then_some(()).ok_or(format!("{} folders", left()))
    });
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a pid");
    kill_process(pid, Signal::INT).expect("a signal");
    wait("its end", || match child.try_wait().expect("a status") {
        Some(_) => Ok(()),
        None => Err("it goes on".to_owned()),
    });
    let output = child.wait_with_output().expect("its output");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("演示停在 2024-03-0"), "{text}");
    assert!(text.contains("条读数。\n报警 "), "{text}");
    assert_eq!(left(), 0);
}

/// Variables for a service of the same machine are ignored.
#[test]
fn the_environment_does_not_change_the_story() {
    let mut command = Command::new(ROOMWATT);
    let command = command.arg("demo").args(SMALL).stdin(Stdio::null());
    for (name, value) in [
        ("MYSQL__PASSWORD", "secret"),
        ("RABBITMQ__QUEUE", "room_events"),
        ("HTTP__LISTEN", "0.0.0.0:8580"),
        ("LOG__FILE", "/no/such/folder/roomwatt.log"),
        ("MONITORING__CHECKOUT_ABNORMAL_THRESHOLD", "0.1"),
    ] {
        command.env(format!("ROOMWATT_{name}"), value);
    }
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), printed(&SMALL));
}

/// The first card comes within seconds, the end in half an hour.
const LONG: [&str; 7] = ["demo", "--rooms", "30", "--days", "366", "--speed", "20000"];

#[test]
fn it_ends_when_its_output_is_closed() {
    let mut child = Command::new(ROOMWATT)
        .args(LONG)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    wait("its end", || match child.try_wait().expect("a status") {
        Some(status) if status.success() => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn a_database_that_fails_ends_it_with_a_hint() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(ROOMWATT)
        .args(LONG)
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    wait("its database", || {
        let mut folders = fs::read_dir(folder.path()).expect("a folder").flatten();
        let found = folders.find(|folder| folder.path().join("demo.db-wal").exists());
        let found = found.ok_or("not there yet".to_owned())?;
        fs::rename(found.path(), folder.path().join("away")).map_err(|error| error.to_string())
    });
    wait("its end", || match child.try_wait().expect("a status") {
        Some(_) => Ok(()),
        None => Err("it goes on".to_owned()),
    });
    let output = child.wait_with_output().expect("its output");
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("TMPDIR names another one"), "{error}");
    assert!(error.contains("embedded database /"), "{error}");
}

#[test]
fn usage_errors_are_reported() {
    for (arguments, error) in [
        (["--rooms", "0"], "0 is not in 1..=20000"),
        (["--speed", "0"], "it must be a number from 1 on"),
        (
            ["--set", "no_such_key=1"],
            "monitoring.no_such_key is unknown",
        ),
    ] {
        let output = demo(&arguments);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(64)), "{output:?}");
        assert!(err.contains(error), "{err}");
    }
}
