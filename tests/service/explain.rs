//! A room is explained from where its stay began, whatever span is asked about.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::backtest::{Happening, files, history};
use crate::review::{SMART_METER, embed, roomwatt, seeded, store};
use crate::support::Rig;
use crate::{check_in, check_out, finished, minutes_ago};

#[test]
fn explain_begins_where_the_stay_began() {
    // Half an hour more, so that what is two days old lies between readings.
    let begin = minutes_ago(4 * 24 * 60 + 30);
    let mut happenings = vec![Happening::Message {
        room: 101,
        time: begin,
        body: check_out("H001", "101", begin),
    }];
    // A heater that nobody turns off, in an hour's rhythm.
    for hour in 0..4 * 24 {
        happenings.push(Happening::Reading {
            room: 101,
            time: begin.plus(hour * 3_600),
            register: 100_000 + 4_000 * hour,
        });
    }
    let mut rig = Rig::new("explained");
    store(&rig, &happenings, SMART_METER);
    let (messages, readings) = files(&rig, &happenings);
    let mut explain = |arguments: &[&str]| {
        let english = ["explain", "--language", "en"];
        let (code, text, errors) = finished(&rig.roomwatt(&[&english, arguments].concat()));
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        text
    };
    let of_files = ["--messages", &messages, "--readings", &readings];
    let whole = explain(&[&["H001", "101", "--all"][..], &of_files].concat());
    // The room, its stay, the rule, and the names of the columns stand above; the baseline rule
    // has its name, four lines of what its numbers mean, and the names of its columns above it.
    assert_eq!(
        whole.lines().count(),
        4 + 4 * 24 + 6 + 4 * 24 - 1,
        "{whole}"
    );
    assert!(
        whole.contains("abnormal 4       ALERT: more than 1.5 kWh; 1 h counts as 2 intervals"),
        "{whole}"
    );
    let since = ["H001", "101", "--from", "2001-01-01", "--all"];
    assert_eq!(explain(&since), whole);
    // As messages and meters may have it, too.
    let padded = [" H001\u{3000}", "101 ", "--from", "2001-01-01", "--all"];
    assert_eq!(explain(&padded), whole);
    // Runs are as long as they truly are, also where their beginning is not shown.
    let recent = explain(&["H001", "101", "--all"]);
    let count = recent.lines().count();
    assert_eq!(count, 4 + 47 + 6 + 47, "{recent}");
    for line in recent.lines() {
        assert!(whole.contains(line), "{line}");
    }
    assert!(recent.contains("abnormal 128     REMINDER"), "{recent}");
    let folded = explain(&["H001", "101"]);
    assert!(
        folded.contains("intervals abnormal, 2.00 kWh each"),
        "{folded}"
    );
    let from = minutes_ago(24 * 60).to_string();
    let span = ["H001", "101", "--from", &from];
    assert_eq!(explain(&[&span[..], &of_files].concat()), explain(&span));
    let json = explain(&["H001", "101", "--json"]);
    assert_eq!(json.lines().count(), 47);
    // The staff's language is the default one.
    let (_, chinese, _) = finished(&rig.roomwatt(&["explain", "H001", "101"]));
    assert!(chinese.contains("【提醒】超过 1.5 kWh"), "{chinese}");
    for (room, part) in [
        ("0101", "is \"H001/101\" meant?"),
        ("a1", "rooms of that hotel are \"H001/101\""),
    ] {
        let (code, text, errors) = finished(&rig.roomwatt(&["explain", "H001", room]));
        assert_eq!((code, text.as_str()), (Some(64), ""));
        assert!(errors.contains(part), "{errors}");
    }
    // The original program has kept keys as messages had them.
    rig.execute("UPDATE electricity_monitoring SET hotel_id = 'H001 ', room_number = ' 101'");
    let blanks = [&["explain", "--language", "en"], &padded[..]].concat();
    let (code, text, errors) = finished(&rig.roomwatt(&blanks));
    assert_eq!((code, errors.as_str(), text), (Some(0), "", whole));
    let early = begin.plus(-1).to_string();
    for (arguments, part) in [
        (
            &["H001", "101", "--to", &early][..],
            "its first message is later",
        ),
        (&["H002", "101"], "nor of any room of hotel \"H002\""),
    ] {
        let (code, _, errors) = finished(&rig.roomwatt(&[&["explain"], arguments].concat()));
        assert_eq!(code, Some(64));
        assert!(errors.contains(part), "{errors}");
    }
    rig.finish();
}

/// Lines of JSON.
fn parsed(lines: &str) -> Vec<Value> {
    let lines = lines.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// Of another room of the hotel, what it has used in the two weeks before the span counts, and
/// nothing before them: in its first vacancy it used little.
fn with_a_room_that_is_vacant_for_long(mut happenings: Vec<Happening>) -> Vec<Happening> {
    let days_ago = |days: i64| minutes_ago(days * 24 * 60);
    let messages = [
        (days_ago(20), check_out("H001", "107", days_ago(20))),
        (days_ago(19), check_in("H001", "107", days_ago(19))),
        (days_ago(18), check_out("H001", "107", days_ago(18))),
    ];
    for (time, body) in messages {
        happenings.push(Happening::Message {
            room: 107,
            time,
            body,
        });
    }
    let mut register = 0;
    for nth in 0..20 * 48 {
        register += if nth < 48 { 10 } else { 30 + 30 * (nth % 2) };
        happenings.push(Happening::Reading {
            room: 107,
            time: days_ago(20).plus(nth * 1_800),
            register,
        });
    }
    happenings
}

#[test]
fn the_baseline_rule_is_explained_alike_from_files_and_each_kind_of_database() {
    let happenings = with_a_room_that_is_vacant_for_long(history(&mut seeded()));
    let mut rig = Rig::new("explained_unusual");
    store(&rig, &happenings, SMART_METER);
    let (messages, readings) = files(&rig, &happenings);
    let embedded = embed(&rig, &happenings);
    let of_files = ["--messages", &messages, "--readings", &readings];
    let from = minutes_ago(2 * 24 * 60).to_string();
    // The database knows the rooms from two weeks before.
    let known_from = minutes_ago(16 * 24 * 60).to_string();
    let backtest = [
        &["backtest", "--rule", "x:baseline.mode=on"][..],
        &of_files,
        &["--from", &known_from],
    ];
    let (_, lines, _) = finished(&rig.roomwatt(&backtest.concat()));
    let mut expected: BTreeMap<String, Vec<[Value; 3]>> = BTreeMap::new();
    for line in parsed(&lines) {
        // What is found of the hotel is of no room.
        let Some(number) = line["room_number"].as_str() else {
            continue;
        };
        let of_room = expected.entry(number.to_owned()).or_default();
        // A notice of what goes on may be part of the other rule's incident.
        if line["found_by"] == "baseline" && line["event"] == "alert" {
            of_room.push(["detected_time", "since", "kind"].map(|key| line[key].clone()));
        }
    }
    let mut alerts = 0;
    for room in 101..=107 {
        let number = room.to_string();
        let span = [
            "explain", "H001", &number, "--from", &from, "--json", "--all",
        ];
        let (code, lines, errors) = finished(&rig.roomwatt(&[&span[..], &of_files].concat()));
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        let (code, of_mysql, errors) = finished(&rig.roomwatt(&span));
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        assert_eq!(of_mysql, lines, "{room}");
        let (code, of_embedded, errors) = finished(&roomwatt(&embedded, &span));
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        assert_eq!(of_embedded, lines, "{room}");
        // Each interval that the thresholds judge is assessed, and the alerts are the backtest's.
        let lines = parsed(&lines);
        for line in &lines {
            let is_judged =
                ["abnormal", "normal", "zero"].contains(&line["verdict"].as_str().expect("one"));
            assert_eq!(line["baseline"].is_object(), is_judged, "{line}");
        }
        let found = lines
            .iter()
            .filter(|line| line["baseline"]["event"] == "alert");
        let found = found.map(|line| {
            let baseline = &line["baseline"];
            let since = baseline["since"].clone();
            [line["time"].clone(), since, line["kind"].clone()]
        });
        let found: Vec<[Value; 3]> = found.collect();
        alerts += found.len();
        assert_eq!(
            found,
            expected.remove(&number).unwrap_or_default(),
            "{room}"
        );
        // The hotel's long vacant room is one of those that are compared with.
        if room != 107 {
            let vacant = lines
                .iter()
                .map(|line| &line["baseline"]["other_vacant_rooms"]);
            let least = vacant.filter_map(Value::as_u64).min();
            assert!(least.is_none_or(|least| least >= 1), "{room}: {least:?}");
        }
    }
    assert!(alerts > 0);
    rig.finish();
}
