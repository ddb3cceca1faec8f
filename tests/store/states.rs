//! States of rooms, as written by this version, by version 0.1, and by a later one.

use fastrand::Rng;
use roomwatt::engine::{
    Arrival, Baseline, Departure, Expectation, Fact, Fold, Interval, Movement, Occupancy,
    RoomState, RoomStatus, Run, StatusChange, Statuses, Stay, StayId, Watch,
};
use roomwatt::types::{LocalTime, Reading, RoomKey, WattHours};
use serde_json::{Value, json};

use crate::subject::{Subject, commit};
use crate::{at, on_each_store};

const NAMES: [&str; 8] = [
    "101",
    "A1",
    "a1",
    "é",
    "e\u{301}",
    "房间一",
    "'; --",
    "%_\\",
];

fn maybe<T>(rng: &mut Rng, make: impl Fn(&mut Rng) -> T) -> Option<T> {
    rng.bool().then(|| make(rng))
}

fn any_time(rng: &mut Rng) -> LocalTime {
    at(rng.i64(-2_000_000..2_000_000)).plus(rng.i64(0..60))
}

fn any_reading(rng: &mut Rng) -> Reading {
    Reading {
        time: any_time(rng),
        register: WattHours(rng.i64(-5..1_000_000_000_000_000_000)),
    }
}

fn any_state(rng: &mut Rng) -> RoomState {
    let (begin, other) = (any_time(rng), maybe(rng, any_time));
    let watch = Watch {
        stay: if rng.bool() {
            Stay::Occupied {
                check_in: begin,
                expected_checkout: other,
            }
        } else {
            Stay::Vacant {
                actual_checkin: other,
                actual_checkout: begin,
            }
        },
        initial: maybe(rng, any_reading),
        fold: Fold {
            sample: maybe(rng, any_reading),
            suspect: maybe(rng, any_reading),
            seen: maybe(rng, any_time),
            run: maybe(rng, |rng| Run {
                periods: rng.u32(1..),
                energy: WattHours(rng.i64(0..1_000_000_000_000)),
                since: any_time(rng),
                until: any_time(rng),
                notified_at_periods: rng.u32(..),
            }),
            movement: maybe(rng, |rng| Movement {
                at: any_time(rng),
                pause: maybe(rng, |rng| rng.i64(1..1_000_000_000)),
            }),
        },
        before: intervals(rng),
        history: intervals(rng),
        interval_seconds: rng.i64(60..86_400),
    };
    RoomState {
        watches: rng.u32(..),
        watch,
        occupancy: any_occupancy(rng),
        baseline: Baseline::default(),
        statuses: any_statuses(rng),
    }
}

fn any_statuses(rng: &mut Rng) -> Statuses {
    let mut statuses = Statuses::default();
    for _ in 0..[0, rng.usize(0..40)][rng.usize(..2)] {
        let status = match rng.u8(..4) {
            0 => RoomStatus::OutOfOrder {
                until: maybe(rng, any_time),
            },
            1 => RoomStatus::InOrder,
            2 => RoomStatus::Dirty,
            _ => RoomStatus::Clean,
        };
        let at = any_time(rng);
        statuses.add(StatusChange { at, status });
    }
    statuses
}

/// An occupancy made from up to a hundred facts; the oldest of many are dropped.
fn any_occupancy(rng: &mut Rng) -> Occupancy {
    let mut occupancy = Occupancy::default();
    for _ in 0..[rng.usize(0..6), rng.usize(0..100)][rng.usize(..2)] {
        let id = maybe(rng, |rng| StayId::new(NAMES[rng.usize(..NAMES.len())]));
        let (time, other) = (any_time(rng), maybe(rng, any_time));
        let fact = match rng.u8(..5) {
            0 | 1 => Fact::Arrival(Arrival {
                id,
                since: time,
                named: other,
                expected: maybe(rng, any_time),
            }),
            2 | 3 => Fact::Departure(Departure {
                id,
                checkin: other,
                until: time,
            }),
            _ => Fact::Expectation(Expectation {
                id,
                since: other,
                expected: time,
            }),
        };
        occupancy.add(fact, 600);
    }
    occupancy
}

fn intervals(rng: &mut Rng) -> Vec<Interval> {
    let count = [0, rng.usize(0..48)][rng.usize(..2)];
    (0..count)
        .map(|_| {
            let seconds = rng.i64(1..100_000);
            Interval::new(seconds, maybe(rng, |rng| WattHours(rng.i64(0..50_000))))
        })
        .collect()
}

/// Rooms in order, each with any state.
fn any_rooms(rng: &mut Rng) -> Vec<(RoomKey, RoomState)> {
    let mut rooms = NAMES
        .map(|name| (RoomKey::new("H'1", name), any_state(rng)))
        .to_vec();
    rooms.sort_by(|(a, _), (b, _)| a.cmp(b));
    rooms
}

fn seeded() -> Rng {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    Rng::with_seed(seed)
}

/// The readable columns of a state, as operators' SQL shows them.
fn columns(state: &RoomState) -> String {
    let watch = &state.watch;
    let mut columns = vec![
        watch.stay.kind().as_str().to_owned(),
        watch.stay.time().to_string(),
    ];
    let text = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    columns.push(text(watch.fold.seen.map(|time| time.to_string())));
    let run = watch.fold.run;
    columns.push(text(run.map(|run| run.since.to_string())));
    columns.push(text(run.map(|run| run.periods.to_string())));
    columns.push(text(run.map(|run| run.energy.0.to_string())));
    columns.push(text(run.map(|run| run.notified_at_periods.to_string())));
    columns.join(" ")
}

/// The readable columns of all rooms in the table, in the order of their keys.
fn readable_columns(subject: &Subject) -> Vec<String> {
    let [stay, seen, since] =
        ["stay_time", "seen_time", "run_since"].map(|column| subject.time(column));
    subject.rows(&format!(
        "SELECT concat_ws(' ', msg_type, {stay}, coalesce({seen}, '-'), coalesce({since}, '-'), \
         coalesce(run_periods, '-'), coalesce(run_wh, '-'), coalesce(run_told, '-')) \
         FROM room_state ORDER BY hotel_id, room_number"
    ))
}

fn a_state_is_loaded_as_it_was_written(subject: &Subject) {
    let mut rng = seeded();
    let mut store = subject.owner();
    let mut expected = Vec::new();
    for _ in 0..3 {
        expected = any_rooms(&mut rng);
        commit(&mut store, |plan| plan.rooms.clone_from(&expected));
        let shown: Vec<String> = expected.iter().map(|(_, state)| columns(state)).collect();
        assert_eq!(readable_columns(subject), shown);
    }
    assert_eq!(subject.rooms(), expected);
}

/// The JSON of the embedded store of version 0.1.
fn json_of_0_1(state: &RoomState) -> String {
    let time = |time: Option<LocalTime>| time.map(|time| time.to_string());
    let reading = |r: Option<Reading>| {
        r.map(|r| json!({"time": r.time.to_string(), "register": r.register.0}))
    };
    let intervals = |intervals: &[Interval]| -> Value {
        let intervals = intervals.iter();
        let energy = |i: &Interval| i.energy().map(|wh| wh.0);
        intervals
            .map(|i| json!({"seconds": i.seconds(), "energy": energy(i)}))
            .collect()
    };
    let watch = &state.watch;
    let stay = match watch.stay {
        Stay::Occupied {
            check_in,
            expected_checkout,
        } => json!({"kind": "checkin", "check_in": check_in.to_string(),
            "expected_checkout": time(expected_checkout)}),
        Stay::Vacant {
            actual_checkin,
            actual_checkout,
        } => json!({"kind": "checkout", "actual_checkin": time(actual_checkin),
            "actual_checkout": actual_checkout.to_string()}),
    };
    let run = (watch.fold.run).map(|run| {
        json!({"periods": run.periods, "energy": run.energy.0, "since": run.since.to_string(),
            "told": run.notified_at_periods})
    });
    let mut json = json!({"stay": stay, "initial": reading(watch.initial),
        "fold": {"sample": reading(watch.fold.sample), "suspect": reading(watch.fold.suspect),
            "seen": time(watch.fold.seen), "run": run},
        "history": intervals(&watch.history), "interval_seconds": watch.interval_seconds});
    // Empty fields were left out.
    if state.watches > 0 {
        json["number"] = state.watches.into();
    }
    if let Some(last) = watch.fold.movement {
        json["fold"]["movement"] = json!({"at": last.at.to_string(), "pause": last.pause});
    }
    if !watch.before.is_empty() {
        json["before"] = intervals(&watch.before);
    }
    json.to_string()
}

/// The row of MySQL's store in version 0.1, or with the columns that were added after it.
fn row_of_0_1(room: &RoomKey, state: &RoomState, is_counted: bool) -> String {
    let text = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"));
    let null = || "NULL".to_owned();
    let number = |number: Option<i64>| number.map_or_else(null, |number| number.to_string());
    let time = |time: Option<LocalTime>| time.map_or_else(null, |time| text(&time.to_string()));
    let watch = &state.watch;
    let other = match watch.stay {
        Stay::Occupied {
            expected_checkout, ..
        } => expected_checkout,
        Stay::Vacant { actual_checkin, .. } => actual_checkin,
    };
    let intervals = |intervals: &[Interval]| {
        let interval = |i: &Interval| match i.energy() {
            Some(energy) => format!("{}:{}", i.seconds(), energy.0),
            None => format!("{}:-", i.seconds()),
        };
        intervals.iter().map(interval).collect::<Vec<_>>()
    };
    let mut history = intervals(&watch.before);
    if !history.is_empty() {
        history.push("|".to_owned());
    }
    history.extend(intervals(&watch.history));
    let fold = &watch.fold;
    let mut columns = vec![
        ("hotel_id", text(room.hotel_id.as_str())),
        ("room_number", text(room.room_number.as_str())),
        ("msg_type", text(watch.stay.kind().as_str())),
        ("stay_time", time(Some(watch.stay.time()))),
        ("other_time", time(other)),
        ("seen_time", time(fold.seen)),
        ("run_since", time(fold.run.map(|run| run.since))),
        (
            "run_periods",
            number(fold.run.map(|run| run.periods.into())),
        ),
        ("run_wh", number(fold.run.map(|run| run.energy.0))),
        (
            "run_told",
            number(fold.run.map(|run| run.notified_at_periods.into())),
        ),
        ("interval_seconds", watch.interval_seconds.to_string()),
        ("history", text(&history.join(" "))),
        ("version", "1".to_owned()),
    ];
    for (names, reading) in [
        (["initial_time", "initial_wh"], watch.initial),
        (["sample_time", "sample_wh"], fold.sample),
        (["suspect_time", "suspect_wh"], fold.suspect),
    ] {
        columns.push((names[0], time(reading.map(|r| r.time))));
        columns.push((names[1], number(reading.map(|r| r.register.0))));
    }
    if is_counted {
        columns.push(("watch_number", state.watches.to_string()));
        columns.push(("moved_time", time(fold.movement.map(|last| last.at))));
        let pause = fold.movement.and_then(|last| last.pause);
        columns.push(("moved_pause", number(pause)));
    }
    let set: Vec<String> = (columns.iter())
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    format!("INSERT INTO room_state SET {}", set.join(", "))
}

fn states_of_older_versions_are_migrated(subject: &Subject) {
    let mut rng = seeded();
    for is_counted in [false, true] {
        subject.reset_before_json_states(is_counted);
        let mut rooms = any_rooms(&mut rng);
        for (room, state) in &mut rooms {
            // Older versions only knew the stay.
            state.occupancy = Occupancy::of(&state.watch.stay);
            state.statuses = Statuses::default();
            if !is_counted {
                state.watches = 0;
                state.watch.fold.movement = None;
                state.watch.before.clear();
            }
            // Nor did they say when the last interval of a run ended.
            let fold = &mut state.watch.fold;
            if let Some(run) = &mut fold.run {
                let moved = fold.movement.map(|last| last.at);
                let moved = moved.filter(|&at| at > run.since);
                let sample = fold.sample.map(|sample| sample.time);
                run.until = moved.or(sample).unwrap_or(run.since);
            }
            subject.execute(&if subject.is_file() {
                let json = json_of_0_1(state);
                let key = [&room.hotel_id.to_string(), &room.room_number.to_string()];
                let [hotel, number] = key.map(|part| part.replace('\'', "''"));
                format!("INSERT INTO room_state VALUES ('{hotel}', '{number}', 1, '{json}')")
            } else {
                row_of_0_1(room, state, is_counted)
            });
        }
        if is_counted && !subject.is_file() {
            // A migration that was interrupted after three rooms.
            let file = include_str!("../../sql/008_room_state_as_json.sql");
            let some = file.replace("LIMIT 20000", "LIMIT 3");
            let code = some
                .lines()
                .filter(|line| !line.trim_start().starts_with("--"));
            let code = code.collect::<Vec<_>>().join("\n");
            let statements = code.split(";\n").filter(|part| !part.trim().is_empty());
            statements.for_each(|statement| subject.execute(statement));
            assert_eq!(
                subject.rows("SELECT CAST(count(*) AS CHAR) FROM room_state WHERE state <> ''"),
                ["3"]
            );
        }
        subject.database.init(&|_| {}).expect("upgraded");
        if !subject.is_file() {
            // A migration that was interrupted after its last statement and before its record.
            subject.execute("DELETE FROM schema_migration WHERE version = 9");
            subject.database.init(&|_| {}).expect("upgraded once more");
        }
        let shown: Vec<String> = rooms.iter().map(|(_, state)| columns(state)).collect();
        assert_eq!(readable_columns(subject), shown);
        assert_eq!(subject.rooms(), rooms);

        // A row gets the current layout when it is next written.
        let layouts = || subject.rows("SELECT concat(version) FROM room_state ORDER BY version");
        assert_eq!(layouts(), vec!["1"; rooms.len()]);
        let mut store = subject.owner();
        commit(&mut store, |plan| plan.rooms = rooms[2..].to_vec());
        assert_eq!(layouts().concat(), "11222222");
        assert_eq!((subject.rooms(), readable_columns(subject)), (rooms, shown));
    }
}

fn a_layout_of_a_later_version_is_refused_with_its_room(subject: &Subject) {
    let mut store = subject.owner();
    commit(&mut store, |plan| plan.rooms = any_rooms(&mut seeded()));
    subject.execute("UPDATE room_state SET version = 3 WHERE room_number = '101'");
    let mut store = subject.database.store();
    store.take_over().expect("it is free");
    let error = store
        .load_rooms(&mut |_, _| {})
        .expect_err("a later layout");
    let text = error.to_string();
    for part in ["room H'1/101", "layout 3", "install that version"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(error.is_newer() && error.needs_operator() && !error.is_transient());
}

on_each_store!(
    a_state_is_loaded_as_it_was_written,
    states_of_older_versions_are_migrated,
    a_layout_of_a_later_version_is_refused_with_its_room,
);
