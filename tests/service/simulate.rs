//! Hotels that don't exist, on servers that do.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::iter;
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use roomwatt::engine::{MessageKind, NoticeKind, Rules, pieces};
use roomwatt::review::{Room, judge};
use roomwatt::simulator::{Circumstance, EventKind, Scenario, Troubles, World};
use roomwatt::types::{HotelId, LocalTime, WattHours};

use crate::support::proxy::{Fault, Proxy};
use crate::support::{Link, ROOMWATT, Rig, wait};
use crate::{finished, minutes_ago};

const DAY: i64 = 24 * 60;

/// The output of `--json`: the troubles, and then what was played.
fn lines(output: &std::process::Output) -> (Vec<Value>, Value) {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let played = lines.pop().expect("a last line");
    assert_eq!(played["event"], "told", "{played}");
    (lines, played)
}

/// Room, detected, kWh, periods and kind of each row of `electricity_abnormal`.
type Alert = (String, String, String, u32, String);

/// The alerts of a story by the engine alone.
fn alerts(scenario: &Scenario, rules: &Rules) -> Vec<Alert> {
    let rooms = scenario.history().rooms.into_iter().map(|room| {
        let stays = pieces(&room.said, rules.match_seconds);
        let history = Room {
            stays,
            readings: room.readings,
            ..Room::new(room.key)
        };
        history.sorted()
    });
    let notices = rooms.flat_map(|room| judge(&room, rules, LocalTime::FIRST));
    let mut alerts: Vec<Alert> = notices
        .filter(|notice| notice.kind == NoticeKind::Alert)
        .map(|notice| {
            (
                notice.room.room_number.to_string(),
                notice.detected.to_string(),
                notice.energy.kwh_2().expect("kWh"),
                notice.periods,
                notice.stay.kind().as_str().to_owned(),
            )
        })
        .collect();
    alerts.sort();
    alerts
}

#[test]
fn the_service_records_what_the_rules_make_of_the_story() {
    let seed = std::env::var("ROOMWATT_SIMULATOR_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().expect("a seed"));
    println!("ROOMWATT_SIMULATOR_SEED={seed}");
    let start = minutes_ago(3 * DAY);
    let mut scenario = Scenario::new(seed, vec![HotelId::new("SIM-A")], 40, start, 3);
    scenario.world.troubles = Troubles::default().times(5.0);
    let mut rules = Rules::default();
    rules.thresholds.checkin = WattHours(1_200);
    rules.thresholds.checkout = WattHours(400);
    let expected = alerts(&scenario, &rules);
    assert!(!expected.is_empty(), "nothing happened: seed {seed}");

    let mut rig = Rig::new("simulate");
    rig.reconfigure("webhook_url = ", "# ");
    rig.reconfigure(
        "[monitoring]\n",
        "[monitoring]\ncheckin_abnormal_threshold = 1.2\ncheckout_abnormal_threshold = 0.4\n",
    );
    // Messages that wait are taken in their order.
    rig.configure("[performance]\nconsumer_count = 1");
    let (seed, from) = (seed.to_string(), start.to_string());
    let simulate = [
        "simulate",
        "--json",
        "--hotel-id",
        "SIM-A",
        "--rooms",
        "40",
        "--days",
        "3",
        "--troubles",
        "5",
        "--seed",
        &seed,
        "--from",
        &from,
    ];
    let (troubles, played) = lines(&rig.roomwatt(&simulate));
    let count = |what: fn(&EventKind) -> bool| scenario.story().filter(|h| what(&h.kind)).count();
    assert_eq!(
        played["readings"],
        count(|w| matches!(w, EventKind::Reading(_)))
    );
    assert_eq!(
        played["messages"],
        count(|w| matches!(w, EventKind::Message(_)))
    );
    let truth: Vec<(Value, Value)> = scenario
        .story()
        .filter_map(|h| match h.kind {
            EventKind::Trouble(t) => Some((
                h.room.room_number.as_str().into(),
                t.from.to_string().into(),
            )),
            _ => None,
        })
        .collect();
    let listed: Vec<(Value, Value)> = troubles
        .iter()
        .map(|line| (line["room_number"].clone(), line["from"].clone()))
        .collect();
    assert_eq!(listed, truth);
    assert_eq!(played["troubles"], truth.len());

    let service = rig.start();
    let recorded = "SELECT room_number, CAST(detected_time AS CHAR), CAST(total_consumption AS \
                    CHAR), continuous_periods, msg_type FROM electricity_abnormal \
                    ORDER BY room_number, detected_time";
    rig.wait_for_rows(recorded, &expected);

    // Once more: rows and messages that are known change nothing.
    lines(&rig.roomwatt(&simulate));
    wait("the queue to be empty", || match rig.waiting_messages() {
        0 => Ok(()),
        waiting => Err(format!("{waiting} wait")),
    });
    service.wait_for_sweeps();
    assert_eq!(rig.rows::<Alert>(recorded), expected, "seed {seed}");
    let log = service.stop();
    assert!(!log.contains("was refused and kept"), "{log}");
    rig.finish();
}

/// The watches of the service are what messages of all kinds say in the end.
#[test]
fn the_service_takes_messages_of_all_kinds() {
    let start = minutes_ago(4 * DAY);
    let world = World::named("habits").expect("a world");
    let kinds: BTreeSet<MessageKind> = world.message_kinds().into_iter().collect();
    // Each kind of message comes.
    let mut scenarios = iter::repeat_with(|| {
        let hotels = vec![HotelId::new("SIM-1")];
        let scenario = Scenario::new(fastrand::u64(..), hotels, 60, start, 4);
        scenario.in_world(world.clone())
    });
    let has_all = |scenario: &Scenario| {
        let messages = scenario.history().messages.into_iter();
        messages
            .map(|(_, event)| event.kind)
            .collect::<BTreeSet<_>>()
            == kinds
    };
    let scenario = scenarios.find(has_all).expect("one of them");
    let history = scenario.history();
    let (seed, from) = (scenario.seed.to_string(), start.to_string());
    println!("--seed {seed}");
    let mut rig = Rig::new("simkinds");
    rig.reconfigure("webhook_url = ", "# ");
    rig.configure(
        "[message_types]\nmove = 'RM'\nextend = 'EXT'\ncancel_checkin = 'RCI'\n\
         room_status = 'HSK'\n[room_status]\nout_of_order = 'OOO'",
    );
    let simulate = [
        "simulate", "--json", "--world", "habits", "--rooms", "60", "--days", "4", "--seed", &seed,
        "--from", &from,
    ];
    let (listed, played) = lines(&rig.roomwatt(&simulate));
    assert_eq!(played["messages"], history.messages.len());
    // What it lists are the moves and the rooms out of order, too.
    let moves = { history.messages.iter() }
        .filter_map(|(_, event)| event.as_move())
        .map(|moved| (moved.to.room_number.to_string(), moved.at.to_string()));
    let shown = |event, time| {
        let text = |line: &Value, field: &str| line[field].as_str().expect("a text").to_owned();
        let of_event = listed.iter().filter(move |line| line["event"] == event);
        let items = of_event.map(move |line| (text(line, "room_number"), text(line, time)));
        items.collect::<Vec<_>>()
    };
    assert_eq!(shown("move", "at"), moves.collect::<Vec<_>>());
    let mut out_of_order: Vec<(String, String)> = Vec::new();
    for room in &history.rooms {
        let spans = room.circumstances.iter();
        let spans = spans.filter(|span| span.what == Circumstance::OutOfOrder);
        let number = room.key.room_number.to_string();
        out_of_order.extend(spans.map(|span| (number.clone(), span.from.to_string())));
    }
    let mut of_rooms = shown("out_of_order", "from");
    of_rooms.sort();
    assert_eq!(of_rooms, out_of_order);

    let service = rig.start();
    wait("the queue to be empty", || match rig.waiting_messages() {
        0 => Ok(()),
        waiting => Err(format!("{waiting} wait")),
    });
    let last: Vec<(String, String)> = { history.rooms.iter() }
        .map(|room| {
            let stays = pieces(&room.said, Rules::default().match_seconds);
            let kind = stays.last().expect("a stay").kind();
            (room.key.room_number.to_string(), kind.as_str().to_owned())
        })
        .collect();
    let watches = "SELECT room_number, msg_type FROM electricity_monitoring WHERE id IN \
                   (SELECT MAX(id) FROM electricity_monitoring GROUP BY room_number) \
                   ORDER BY room_number";
    rig.wait_for_rows(watches, &last);
    let log = service.stop();
    assert!(!log.contains("was refused and kept"), "{log}");
    assert_eq!(
        rig.rows::<u64>("SELECT COUNT(*) FROM rejected_message"),
        [0]
    );
    rig.finish();
}

#[test]
fn it_takes_the_configured_names_and_a_table_without_ids() {
    let mut rig = Rig::new("simnames");
    rig.execute(
        "CREATE TABLE t_electric (dept_code VARCHAR(50), room_num VARCHAR(20), \
         value VARCHAR(20), gmt_modified VARCHAR(19))",
    );
    rig.configure(
        "[meter]\ntable = 't_electric'\nid = ''\nhotel_id = 'dept_code'\nroom_number = 'room_num'\n\
         reading_value = 'value'\nscript_time = 'gmt_modified'\n\
         [message_fields]\nhotel_id = 'dept_code'\n[message_types]\ncheckin = 'in'\n\
         checkout = 'out'",
    );
    let simulate = [
        "simulate",
        "--json",
        "--hotels",
        "2",
        "--rooms",
        "3",
        "--days",
        "1",
        "--rate",
        "6",
        "--no-faults",
    ];
    let begun = Instant::now();
    let (_, played) = lines(&rig.roomwatt(&simulate));
    let seconds = begun.elapsed().as_secs_f64();
    let rows: Vec<(String, u64)> = rig.rows(
        "SELECT dept_code, COUNT(*) FROM t_electric WHERE value REGEXP '^[0-9]+[.][0-9][0-9]$' \
         AND gmt_modified LIKE '____-__-__ __:__:__' GROUP BY dept_code ORDER BY dept_code",
    );
    let [(one, rows_of_one), (two, rows_of_two)] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!([one, two], ["SIM-1", "SIM-2"]);
    assert_eq!(played["readings"], rows_of_one + rows_of_two);
    assert!(*rows_of_one >= 3 * 47, "{rows:?}");
    let messages = rig.take_all();
    assert_eq!(played["messages"], messages.len());
    assert!(messages.len() >= 6);
    // All but the last six had to wait for others.
    let least = messages.len() as f64 / 6.0 - 1.0;
    assert!(
        seconds >= least,
        "{} messages in {seconds} s",
        messages.len()
    );
    for (body, mode) in messages {
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert!(
            body["dept_code"]
                .as_str()
                .expect("a hotel")
                .starts_with("SIM-")
        );
        assert!(
            ["in", "out"].contains(&body["msgType"].as_str().expect("a type")),
            "{body}"
        );
        assert_eq!(mode, Some(2), "it is persistent");
    }
    rig.finish();
}

#[test]
fn the_past_is_played_faster_and_ctrl_c_ends_it_in_order() {
    let rig = Rig::new("simlive");
    let from = minutes_ago(6 * 60).to_string();
    // Six hours in three seconds, then as time goes.
    let child = Command::new(ROOMWATT)
        .args([
            "simulate", "--rooms", "30", "--speed", "7200", "--from", &from, "--config",
        ])
        .arg(rig.config())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let now = minutes_ago(0).to_string();
    let begun = Instant::now();
    // A reading a minute and room.
    rig.wait_for_rows(
        &format!(
            "SELECT COUNT(*) > 0 FROM smart_meter WHERE script_time > '{now}' - INTERVAL 5 MINUTE"
        ),
        &[true],
    );
    assert!(begun.elapsed().as_secs_f64() > 1.0, "it took its time");
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::INT).expect("a signal");
    let output = child.wait_with_output().expect("it ends");
    let (code, out, err) = finished(&output);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.starts_with("played SIM-1 of 30 rooms, from "), "{out}");
    assert!(out.contains(&format!("--from '{from}'")), "{out}");
    assert!(
        !err.contains('%'),
        "a progress bar where no terminal is: {err}"
    );
    let last: Vec<String> = rig.rows("SELECT CAST(MAX(script_time) AS CHAR) FROM smart_meter");
    let last = LocalTime::parse(&last[0]).expect("a time");
    assert!(last <= minutes_ago(0), "{last} lies ahead");
    assert!(rig.waiting_messages() >= 30);
    rig.finish();
}

#[test]
fn unreachable_servers_are_waited_for() {
    let rig = Rig::new("simbroken");
    let links = [rig.proxy(Link::MySql), rig.proxy(Link::RabbitMq)];
    let from = minutes_ago(DAY).to_string();
    let errors = rig.file("errors.log", "");
    // A day in four seconds.
    let child = Command::new(ROOMWATT)
        .args([
            "simulate",
            "--json",
            "--no-faults",
            "--rooms",
            "20",
            "--days",
            "1",
        ])
        .args(["--speed", "21600", "--from", &from, "--config"])
        .arg(rig.config())
        .stdout(Stdio::piped())
        .stderr(File::create(&errors).expect("a file"))
        .spawn()
        .expect("it starts");
    rig.wait_for_rows("SELECT COUNT(*) > 100 FROM smart_meter", &[true]);
    links.iter().for_each(|link| link.set(Fault::Cut));
    wait("it to complain", || {
        let printed = fs::read_to_string(&errors).expect("errors");
        printed
            .contains("; trying again in 1 s")
            .then_some(())
            .ok_or(printed)
    });
    links.iter().for_each(Proxy::lift);
    let (_, played) = lines(&child.wait_with_output().expect("it ends"));
    let rows: Vec<u64> =
        rig.rows("SELECT COUNT(DISTINCT room_number, script_time) FROM smart_meter");
    assert_eq!(played["readings"], rows[0]);
    assert!(rows[0] >= 20 * 47, "{rows:?}");
    let messages: BTreeSet<Vec<u8>> = rig.take_all().into_iter().map(|(body, _)| body).collect();
    assert_eq!(played["messages"], messages.len());
    rig.finish();
}

#[test]
fn real_hotels_are_never_simulated() {
    let mut rig = Rig::new("simrefused");
    for (arguments, code, says) in [
        (
            &["--hotel-id", "H001"][..],
            64,
            "the id must begin with SIM-",
        ),
        (
            &["--hotel-id", "SIM-1", "--hotel-id", "sim-2"],
            64,
            "the id must begin with SIM-",
        ),
        (&["--hotel-id", "SIM-1", "--hotel-id", "SIM-1"], 64, "twice"),
        (
            &["--hotel-id", "SIM-1", "--hotels", "2"],
            64,
            "cannot be used with",
        ),
        (&["--from", "2099-01-01 00:00:00"], 64, "in the future"),
        (&["--from", "2099-01-01"], 64, "in the future"),
        (&["--from", "1.4.2023"], 64, "expected YYYY-MM-DD"),
        (&["--troubles=-1"], 64, "a number from 0 to 1000"),
        (&["--troubles", "nan"], 64, "a number from 0 to 1000"),
        (&["--rooms", "0"], 64, "--rooms"),
        (&["--speed", "0"], 64, "--speed"),
        (&["--world", "nowhere"], 64, "small-hotel"),
        // A kind of message that has no code.
        (&["--world", "habits"], 78, "message_types.move is not set"),
    ] {
        let output = rig.roomwatt(&[&["simulate", "--days", "1"], arguments].concat());
        let (got, _, err) = finished(&output);
        assert_eq!(got, Some(code), "{arguments:?}: {err}");
        assert!(err.contains(says), "{arguments:?}: {err}");
    }
    let once = ["simulate", "--days", "1", "--rooms", "1"];
    rig.configure("[meter]\ntable = 'not_there'");
    let (code, _, err) = finished(&rig.roomwatt(&once));
    assert_eq!(code, Some(78), "{err}");
    assert!(
        err.contains("not_there") && err.contains("right to INSERT"),
        "{err}"
    );
    assert_eq!(rig.waiting_messages(), 0, "nothing is sent by halves");
    assert_eq!(rig.rows::<u64>("SELECT COUNT(*) FROM smart_meter"), [0]);

    for (missing, text) in [
        ("mysql", "[rabbitmq]\nqueue = 'q'\n"),
        ("rabbitmq", "[mysql]\ndatabase = 'd'\n"),
    ] {
        let file = rig.file(&format!("no-{missing}.toml"), text);
        let output = Command::new(ROOMWATT)
            .args(["simulate", "--config", &file])
            .output()
            .expect("it runs");
        let (code, _, err) = finished(&output);
        assert_eq!(code, Some(78), "{err}");
        assert!(err.contains(&format!("no section [{missing}]")), "{err}");
    }
    rig.finish();
}
