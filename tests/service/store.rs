//! The store by itself: who may write, what is written twice, what a stream shows again.

use mysql::prelude::Queryable;

use roomwatt::config::Config;
use roomwatt::store::{
    MeterTail, MySqlLease, MySqlReader, MySqlStore, Plan, Rejected, Store, StoreError,
};
use roomwatt::types::LocalTime;

use crate::minutes_ago;
use crate::support::Rig;

fn config(rig: &Rig) -> Config {
    Config::load(Some(&rig.config()), &[]).expect("a configuration")
}

fn store(rig: &Rig) -> MySqlStore {
    let config = config(rig);
    MySqlStore::new(&config.mysql.expect("a section"), config.messages.zone)
}

/// A plan that leaves a row with `reason`.
fn plan(reason: &str) -> Plan {
    Plan {
        rejected: vec![Rejected::new("test", reason.into(), b"", false)],
        ..Plan::default()
    }
}

const WRITTEN: &str = "SELECT reason FROM rejected_message ORDER BY id";

#[test]
fn an_instance_that_was_replaced_writes_nothing() {
    let mut rig = Rig::new("replaced");
    let (mut first, mut second) = (store(&rig), store(&rig));
    let before = first.take_over().expect("it is free");
    first.commit(&plan("first")).expect("it is the owner");
    let after = second.take_over().expect("it may");
    assert_eq!((after.epoch, after.seq), (before.epoch + 1, before.seq + 1));
    let refused = first.commit(&plan("late")).expect_err("it was replaced");
    assert!(matches!(refused, StoreError::Replaced { .. }), "{refused}");
    second.commit(&plan("second")).expect("it is the owner");
    assert_eq!(rig.rows::<String>(WRITTEN), ["first", "second"]);
    rig.roomwatt(&["init-db"]);
    rig.finish();
}

#[test]
fn a_commit_whose_answer_was_lost_is_not_repeated() {
    let mut rig = Rig::new("lostanswer");
    let mut store = store(&rig);
    store.take_over().expect("it is free");
    store.commit(&plan("one")).expect("written");
    // As the database is when the COMMIT of the next plan succeeded and nobody heard of it.
    rig.execute("INSERT INTO rejected_message (source, reason, body, truncated) VALUES ('test', 'two', '', 0)");
    rig.execute("UPDATE service SET seq = seq + 1");
    store.commit(&plan("two")).expect("recognised");
    store.commit(&plan("three")).expect("written");
    assert_eq!(rig.rows::<String>(WRITTEN), ["one", "two", "three"]);
    // A number nobody can explain is no success.
    rig.execute("UPDATE service SET seq = seq + 7");
    store
        .commit(&plan("four"))
        .expect_err("somebody else writes here");
    rig.roomwatt(&["init-db"]);
    rig.finish();
}

#[test]
fn a_refused_message_that_comes_again_is_written_once() {
    let mut rig = Rig::new("again");
    let mut store = store(&rig);
    store.take_over().expect("it is free");
    let first = |body: &str| Rejected::new("test", body.into(), body.as_bytes(), false);
    let again = |body: &str| Rejected::new("test", body.into(), body.as_bytes(), true);
    let mut commit = |rejected: &[Rejected]| {
        let plan = Plan {
            rejected: rejected.to_vec(),
            ..Plan::default()
        };
        store.commit(&plan).expect("written");
        rig.rows::<String>(WRITTEN)
    };
    // What comes again without having been written is written, each.
    let written = commit(&[first("a"), again("b"), again("b")]);
    assert_eq!(written, ["a", "b", "b"]);
    // What was written is not; what comes for the first time is, like it or not.
    let written = commit(&[again("a"), first("a"), again("b"), again("c"), again("c")]);
    assert_eq!(written, ["a", "b", "b", "a", "c", "c"]);
    // From elsewhere it is another one.
    let elsewhere = Rejected::new("elsewhere", "other a".into(), b"a", true);
    let written = commit(&[elsewhere, again("a")]);
    assert_eq!(written, ["a", "b", "b", "a", "c", "c", "other a"]);
    // Rows from before there were digests are like none.
    rig.execute("DELETE FROM rejected_message WHERE reason <> 'c'");
    rig.execute("UPDATE rejected_message SET digest = NULL");
    assert_eq!(commit(&[again("c")]), ["c", "c", "c"]);
    rig.roomwatt(&["init-db"]);
    rig.finish();
}

#[test]
fn a_lease_that_was_lost_is_taken_again() {
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
    let holder = "SELECT IS_USED_LOCK(CONCAT('roomwatt:', MD5(DATABASE())))";
    let kill = |rig: &Rig| {
        let by: Vec<Option<u64>> = rig.rows(holder);
        rig.execute(&format!("KILL {}", by[0].expect("somebody holds it")));
        rig.wait_for_rows(&format!("{holder} IS NULL"), &[true]);
    };
    kill(&rig);
    first.acquire(now).expect_err("its connection is gone");
    assert!(
        first.acquire(now).expect("an answer"),
        "nobody else wanted it"
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
    loop {
        let rows = reader
            .stream_new(tail, from, 2, latest, |room, _| {
                shown.push(room.room_number.to_string());
            })
            .expect("a stream");
        from = rows.next;
        if from.is_none() {
            return shown;
        }
    }
}

#[test]
fn a_row_that_commits_late_is_shown_by_the_next_sweep() {
    let mut rig = Rig::new("latecommit");
    let config = config(&rig);
    let mysql = config.mysql.expect("a section");
    let reader = MySqlReader::new(&mysql, config.meter, config.messages.zone);
    let (time, latest) = (minutes_ago(10), minutes_ago(0));
    let mut tail = reader.meter_tail(None, latest).expect("a tail");
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
        tail.settled_id(),
        0,
        "all of it is younger than ten minutes"
    );
    rig.roomwatt(&["init-db"]);
    rig.finish();
}
