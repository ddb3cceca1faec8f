//! What can become of an embedded database's file.

use std::fs;
use std::path::Path;

use roomwatt::config::Config;
use roomwatt::store::{Database, Plan, Rejected, StateStore, Store, StoreError, check_file};
use roomwatt::types::RoomKey;

use crate::reading;

fn database(file: &Path) -> Database {
    let mut config = Config::load(None, &[]).expect("a configuration");
    file.clone_into(&mut config.embedded.path);
    Database::of(&config)
}

fn plan(reason: &str) -> Plan {
    Plan {
        rejected: vec![Rejected::new("test", reason.into(), b"", false)],
        ..Plan::default()
    }
}

/// One text for each row of a query.
fn rows(file: &Path, query: &str) -> Vec<String> {
    let conn = rusqlite::Connection::open(file).expect("a file");
    let mut query = conn.prepare(query).expect("a query");
    let rows = query.query_map((), |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a text")).collect()
}

const REASONS: &str = "SELECT reason FROM rejected_message ORDER BY id";
const ROOMS: &str = "SELECT room_number FROM smart_meter ORDER BY id";

/// Who has a deleted file open could go on writing to it, and would lose all of that.
#[test]
fn nothing_is_written_to_a_file_that_is_not_there_any_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, away) = (folder.path().join("hotel.db"), folder.path().join("away"));
    let database = database(&file);
    let mut store = database.store();
    store.take_over().expect("it is free");
    let meters = database.meter_writer().expect("they are ours");
    let room = |number| [(RoomKey::new("H1", number), reading(0, 1_000))];
    store.commit(&plan("before")).expect("written");
    meters.add(&mut room("1").into_iter()).expect("written");

    fs::rename(&file, &away).expect("moved");
    for _ in 0..2 {
        let error = store.commit(&plan("meanwhile")).expect_err("no file");
        assert!(matches!(error, StoreError::File(_)), "{error}");
        let error = meters.add(&mut room("2").into_iter()).expect_err("no file");
        assert!(
            error.to_string().contains("there is no embedded database "),
            "{error}"
        );
        assert!(error.is_passing(), "it is waited for");
    }
    fs::rename(&away, &file).expect("moved");
    store.commit(&plan("after")).expect("written");
    meters.add(&mut room("3").into_iter()).expect("written");
    assert_eq!(rows(&file, REASONS), ["before", "after"]);
    assert_eq!(rows(&file, ROOMS), ["1", "3"]);
}

/// A backup in its place is another state: memory has to be filled from it.
#[test]
fn a_file_in_its_place_is_not_taken_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, other) = (folder.path().join("hotel.db"), folder.path().join("other"));
    let owner = |file: &Path| -> Box<dyn StateStore> {
        let mut store = database(file).store();
        store.take_over().expect("it is free");
        store
    };
    drop((owner(&other), owner(&other)));
    let mut store = owner(&file);
    store.commit(&plan("written")).expect("written");
    for beside in ["hotel.db-wal", "hotel.db-shm"] {
        let _ = fs::remove_file(folder.path().join(beside));
    }
    fs::rename(&other, &file).expect("moved");
    let error = store.commit(&plan("late")).expect_err("another file");
    assert!(matches!(error, StoreError::Replaced { .. }), "{error}");
    assert_eq!(rows(&file, REASONS), Vec::<String>::new());
}

#[test]
fn a_file_that_is_none_of_ours_is_said_to_be_with_the_remedy() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = |name: &str, content: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, content).expect("written");
        file
    };
    let newer = folder.path().join("newer.db");
    let conn = rusqlite::Connection::open(&newer).expect("a file");
    conn.execute_batch("PRAGMA user_version = 99")
        .expect("done");
    drop(conn);
    for (file, told) in [
        (
            made("text.db", &b"no database at all\n".repeat(100)),
            "it is no SQLite database; have embedded.path name another file",
        ),
        (
            made("empty.db", b""),
            "its layout is 0, this program wants 1; run `roomwatt init-db`",
        ),
        (newer, "a newer roomwatt has set this database up"),
        (
            folder.path().join("no/hotel.db"),
            "there is no embedded database ",
        ),
    ] {
        let mut outbox = database(&file).outbox().expect("it is opened later");
        let error = outbox.get(1).expect_err("no database");
        assert!(error.to_string().contains(told), "{error}");
        assert!(error.is_for_somebody());
        let mut found = Vec::new();
        check_file(&file, &mut |finding| found.push(finding.to_string()));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("error "), "{found:?}");
        assert_eq!(
            found[0].matches("embedded database").count(),
            1,
            "{found:?}"
        );
    }
    let missing = folder.path().join("no/hotel.db");
    let error = database(&missing).init(&|_| {}).expect_err("no folder");
    assert!(
        error.to_string().contains("its folder has to be there"),
        "{error}"
    );
    let mut lease = database(&missing).lease();
    let error = lease.acquire(std::time::Duration::ZERO).expect_err("none");
    assert!(
        error.to_string().contains("the folder has to be there"),
        "{error}"
    );
}

/// Who reads for long keeps the log of writes from being copied: it grows, and shrinks again.
#[test]
fn the_log_of_writes_is_cut_when_a_long_reader_has_ended() {
    const MIB: u64 = 1024 * 1024;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hotel.db");
    let database = database(&file);
    database.init(&|_| {}).expect("tables");
    let meters = database.meter_writer().expect("they are ours");
    // A reading that is there already would write nothing.
    let mut rounds = 0..;
    let mut add = || {
        let round = rounds.next().expect("no end");
        let rows: Vec<_> = (0..10_000)
            .map(|row| (RoomKey::new("H1", &row.to_string()), reading(round, row)))
            .collect();
        meters.add(&mut rows.into_iter()).expect("written");
    };
    let size = || {
        let log = fs::metadata(folder.path().join("hotel.db-wal"));
        log.expect("a log").len()
    };
    add();
    let reader = rusqlite::Connection::open(&file).expect("a file");
    let mut query = reader.prepare(ROOMS).expect("a query");
    let mut read = query.query(()).expect("rows");
    read.next().expect("a row");
    while size() < 20 * MIB {
        add();
    }
    drop(read);
    // It is copied at the end of the one, and begun anew by the next.
    for _ in 0..2 {
        add();
    }
    assert!(size() <= 16 * MIB, "{} bytes", size());
}
