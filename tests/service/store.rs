//! What only a server's store does; what each does is in the tests of `store`.

use std::time::Instant;

use md5::{Digest, Md5};
use mysql::prelude::Queryable;

use roomwatt::config::Config;
use roomwatt::engine::RefusedBodies;
use roomwatt::store::{
    Lease, MeterStream, MeterTail, MySqlLease, MySqlReader, MySqlStore, Plan, Position, Rejected,
    StateStore, Store, StoreError, Wanted,
};
use roomwatt::types::{LocalTime, RoomKey};

use crate::support::Rig;
use crate::{By, minutes_ago, rig_by};

fn config(rig: &Rig) -> Config {
    Config::load(Some(&rig.config()), &[]).expect("a configuration")
}

fn store(rig: &Rig) -> MySqlStore {
    let config = config(rig);
    MySqlStore::new(&config.mysql.expect("a section"), config.messages.zone)
}

#[test]
fn rows_without_a_digest_match_no_message() {
    let mut rig = Rig::new("again");
    let mut store = store(&rig);
    store.take_over().expect("it is free");
    let mut commit = |redelivered| {
        let plan = Plan {
            rejected: vec![Rejected::new(
                "test",
                "c".into(),
                b"c",
                &RefusedBodies::default(),
                redelivered,
            )],
            ..Plan::default()
        };
        store.commit(&plan).expect("written");
        rig.rows::<u32>("SELECT COUNT(*) FROM rejected_message")
    };
    assert_eq!(commit(false), [1]);
    assert_eq!(commit(true), [1]);
    rig.execute("UPDATE rejected_message SET digest = NULL");
    assert_eq!(commit(true), [2]);
    rig.roomwatt(&["init-db"]);
    rig.finish();
}

#[test]
fn a_lost_lease_is_acquired_again() {
    let mut rig = Rig::new("lease");
    let lease = || {
        let config = config(&rig);
        MySqlLease::new(&config.mysql.expect("a section"), config.messages.zone)
    };
    let (mut first, mut second) = (lease(), lease());
    let now = std::time::Duration::ZERO;
    assert!(first.acquire(now).expect("a lease"));
    assert!(
        !second.acquire(now).expect("an answer"),
        "it is the first one's"
    );
    // The name that version 0.1 has the server compute, which newer servers can't.
    let digest = Md5::digest(rig.database.as_bytes());
    let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let holder = format!("SELECT IS_USED_LOCK('roomwatt:{name}')");
    let kill = |rig: &Rig| {
        let by: Vec<Option<u64>> = rig.rows(&holder);
        rig.execute(&format!("KILL {}", by[0].expect("it is held")));
        rig.wait_for_rows(&format!("{holder} IS NULL"), &[true]);
    };
    kill(&rig);
    first.acquire(now).expect_err("its connection is gone");
    assert!(
        first.acquire(now).expect("an answer"),
        "no other session wanted it"
    );
    kill(&rig);
    assert!(second.acquire(now).expect("a lease"));
    first.acquire(now).expect_err("its connection is gone");
    assert!(
        !first.acquire(now).expect("an answer"),
        "it is the second one's"
    );
    rig.roomwatt(&["init-db"]);
    rig.finish();
}

/// The ids' rooms that one sweep shows, in passes of two rows.
fn sweep(reader: &MySqlReader, tail: &mut MeterTail, latest: LocalTime) -> Vec<String> {
    let mut shown = Vec::new();
    let mut from = None;
    tail.begin(Instant::now());
    loop {
        let rows = reader
            .stream_new(tail, from, 2, latest, &mut |room, _| {
                shown.push(room.room_number.to_string());
            })
            .expect("a stream");
        from = rows.next;
        if from.is_none() {
            tail.end();
            return shown;
        }
    }
}

#[test]
fn single_rooms_are_read_many_a_statement() {
    for by in [By::Id, By::Time] {
        let mut rig = rig_by(by, "many");
        let config = config(&rig);
        let mysql = config.mysql.expect("a section");
        let reader = MySqlReader::new(&mysql, config.meter, config.messages.zone);
        let latest = minutes_ago(0);
        rig.meter("H001", "7", &minutes_ago(30).to_string(), "1");
        rig.meter("H001", "8", &minutes_ago(9_000).to_string(), "1");
        reader
            .meter_tail(None, latest, Instant::now())
            .expect("a tail");
        rig.count_work();
        // By id 50 keys a statement; by time two questions what is less, and all rows of the span.
        let statements = if by == By::Id { 20 } else { 3 };
        for (after, rooms) in [(60, 1), (10_000, 2)] {
            let wanted: Vec<Wanted> = (0..1_000)
                .map(|room| Wanted {
                    room: RoomKey::new("H001", &room.to_string()),
                    after: minutes_ago(after),
                    until: LocalTime::LAST,
                })
                .collect();
            // What has to be learned first is learned once.
            let read = || reader.readings_up_to(&wanted, latest, None);
            read().expect("readings");
            let before = rig.selects();
            let readings = read().expect("readings");
            assert_eq!(
                rig.selects() - before,
                statements,
                "{by:?}, {after} minutes"
            );
            assert_eq!(readings.values().flatten().count(), rooms);
        }
        rig.roomwatt(&["init-db"]);
        rig.finish();
    }
}

#[test]
fn a_recreated_table_invalidates_what_was_known_of_its_ids() {
    let mut rig = Rig::new("void");
    let config = config(&rig);
    let mysql = config.mysql.expect("a section");
    let reader = MySqlReader::new(&mysql, config.meter, config.messages.zone);
    let latest = minutes_ago(0);
    for minutes in [900, 800, 700, 120, 115, 110] {
        rig.meter("H001", "101", &minutes_ago(minutes).to_string(), "1");
    }
    let mut tail = reader
        .meter_tail(None, latest, Instant::now())
        .expect("a tail");
    rig.execute("TRUNCATE TABLE smart_meter");
    rig.meter("H001", "101", &minutes_ago(60).to_string(), "2");
    assert_eq!(sweep(&reader, &mut tail, latest), ["101"]);
    // A row that no stream has shown yet, under an id that was there before.
    rig.meter("H001", "101", &minutes_ago(5).to_string(), "3");
    let wanted = Wanted {
        room: RoomKey::new("H001", "101"),
        after: minutes_ago(30),
        until: LocalTime::LAST,
    };
    let readings = reader
        .readings_up_to(&[wanted], latest, None)
        .expect("readings");
    assert_eq!(readings.values().flatten().count(), 1);

    // While it is away nothing is known, and another one may come.
    assert!(reader.cheap_after().is_some());
    rig.execute("RENAME TABLE smart_meter TO away");
    let error = reader
        .stream_new(&mut tail, None, 2, latest, &mut |_, _| {})
        .expect_err("there is no table");
    assert!(matches!(error, StoreError::Meters(_)), "{error}");
    assert_eq!(reader.cheap_after(), None);
    rig.execute("RENAME TABLE away TO smart_meter");
    assert_eq!(sweep(&reader, &mut tail, latest), ["101", "101"]);
    assert!(reader.cheap_after().is_some(), "it was not learned again");
    rig.roomwatt(&["init-db"]);
    rig.finish();
}

#[test]
fn a_page_that_ends_within_one_time_loses_no_row() {
    let mut rig = rig_by(By::Time, "pages");
    let config = config(&rig);
    let mysql = config.mysql.expect("a section");
    let reader = MySqlReader::new(&mysql, config.meter, config.messages.zone);
    let latest = minutes_ago(0);
    let mut tail = reader
        .meter_tail(None, latest, Instant::now())
        .expect("a tail");
    // Pages of two rows: three of one time are cut, five fill two pages.
    for (time, rooms) in [
        (minutes_ago(200), 1..=1),
        (minutes_ago(100), 2..=4),
        (minutes_ago(90), 5..=9),
        (minutes_ago(10), 10..=10),
        (minutes_ago(-100), 11..=11),
    ] {
        for room in rooms {
            rig.meter("H001", &format!("{room:02}"), &time.to_string(), "1");
        }
    }
    for _ in 0..2 {
        let mut shown = sweep(&reader, &mut tail, latest);
        shown.dedup();
        let last = shown.last().cloned();
        shown.sort();
        shown.dedup();
        let all: Vec<String> = (1..=10).map(|room| format!("{room:02}")).collect();
        assert_eq!((shown, last), (all, Some("10".to_owned())));
    }
    rig.roomwatt(&["init-db"]);
    rig.finish();
}

#[test]
fn a_row_that_commits_late_is_shown_by_the_next_sweep() {
    let mut rig = Rig::new("latecommit");
    let config = config(&rig);
    let mysql = config.mysql.expect("a section");
    let reader = MySqlReader::new(&mysql, config.meter, config.messages.zone);
    let (time, latest) = (minutes_ago(10), minutes_ago(0));
    let mut tail = reader
        .meter_tail(None, latest, Instant::now())
        .expect("a tail");
    let insert = |room: &str| {
        format!(
            "INSERT INTO smart_meter (hotel_id, room_number, reading_value, script_time) \
             VALUES ('H001', '{room}', 1, '{time}')"
        )
    };
    for room in ["1", "2", "3"] {
        rig.execute(&insert(room));
    }
    let mut slow = rig.conn();
    slow.query_drop("START TRANSACTION").expect("begun");
    slow.query_drop(insert("4")).expect("a row");
    for room in ["5", "6", "7"] {
        rig.execute(&insert(room));
    }
    assert_eq!(
        sweep(&reader, &mut tail, latest),
        ["1", "2", "3", "5", "6", "7"]
    );
    slow.query_drop("COMMIT").expect("committed");
    // Over every pass of the overlap, not only the first.
    assert_eq!(
        sweep(&reader, &mut tail, latest),
        ["1", "2", "3", "4", "5", "6", "7"]
    );
    assert_eq!(
        tail.settled(),
        Position::Id(0),
        "all of it is younger than ten minutes"
    );
    rig.roomwatt(&["init-db"]);
    rig.finish();
}
