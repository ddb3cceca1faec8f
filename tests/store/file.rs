//! The file of an embedded database: deleted, replaced, linked, another program's.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use roomwatt::config::Config;
use roomwatt::engine::{RefusedBodies, Rules};
use roomwatt::store::{Database, Plan, Rejected, StateStore, Store, StoreError};
use roomwatt::types::RoomKey;

use crate::reading;

fn database(file: &Path) -> Database {
    let mut config = Config::load(None, &[]).expect("a configuration");
    file.clone_into(&mut config.embedded.path);
    Database::of(&config)
}

/// The findings of a check.
fn findings(file: &Path) -> Vec<String> {
    let mut found = Vec::new();
    database(file).check(&Rules::default(), &mut |finding| {
        found.push(finding.to_string())
    });
    found
}

fn plan(reason: &str) -> Plan {
    Plan {
        rejected: vec![Rejected::new(
            "test",
            reason.into(),
            b"",
            &RefusedBodies::default(),
            false,
        )],
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

/// The system lets a program write to a deleted file that it has open, and all of that is lost.
#[test]
fn nothing_is_written_to_a_deleted_file() {
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
        assert!(error.is_transient(), "{error}");
    }
    fs::rename(&away, &file).expect("moved");
    store.commit(&plan("after")).expect("written");
    meters.add(&mut room("3").into_iter()).expect("written");
    assert_eq!(rows(&file, REASONS), ["before", "after"]);
    assert_eq!(rows(&file, ROOMS), ["1", "3"]);
}

/// A restored backup has another state, which has to be loaded before anything is written.
#[test]
fn a_replaced_file_is_noticed() {
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
fn errors_of_the_file_have_a_remedy() {
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
    for (file, expected) in [
        (
            made("text.db", &b"no database at all\n".repeat(100)),
            "it is not an SQLite database; set embedded.path to another file",
        ),
        (
            made("empty.db", b""),
            "its layout is 0, this program needs 12; run `roomwatt init-db`",
        ),
        (newer, "a newer roomwatt has set up this database"),
        (
            folder.path().join("no/hotel.db"),
            "there is no embedded database ",
        ),
    ] {
        let mut outbox = database(&file).outbox().expect("it is opened later");
        let error = outbox.get(1).expect_err("no database");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.needs_operator());
        let found = findings(&file);
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
        error.to_string().contains("its folder must exist"),
        "{error}"
    );
    let mut lease = database(&missing).lease();
    let error = lease.acquire(std::time::Duration::ZERO).expect_err("none");
    assert!(
        error.to_string().contains("its folder must exist"),
        "{error}"
    );
}

/// During a long read the write-ahead log can't be copied into the file, and grows.
#[test]
fn the_write_ahead_log_is_cut_after_a_long_read() {
    const MIB: u64 = 1024 * 1024;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hotel.db");
    let database = database(&file);
    database.init(&|_| {}).expect("tables");
    let meters = database.meter_writer().expect("they are ours");
    // Each round has another time: readings that are stored already are not written.
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
    // The first write ends with a copy of the log, the second begins the log anew.
    for _ in 0..2 {
        add();
    }
    assert!(size() <= 16 * MIB, "{} bytes", size());
}

#[test]
fn another_programs_file_is_left_unchanged() {
    let folder = tempfile::tempdir().expect("a folder");
    let (foreign, text) = (folder.path().join("other.db"), folder.path().join("text"));
    let conn = rusqlite::Connection::open(&foreign).expect("a file");
    // With one of roomwatt's tables and a plausible number of migrations.
    conn.execute_batch(
        "CREATE TABLE books (title); CREATE TABLE service (id); PRAGMA user_version = 1",
    )
    .expect("done");
    drop(conn);
    fs::write(&text, b"no database at all\n".repeat(100)).expect("written");
    for (file, why) in [
        (
            &foreign,
            "it is another program's database (it has books, service)",
        ),
        (&text, "it is not an SQLite database"),
    ] {
        let before = fs::read(file).expect("a file");
        let database = database(file);
        let mut lease = database.lease();
        for error in [
            database.verify_file().expect_err("another program's"),
            lease
                .acquire(std::time::Duration::ZERO)
                .expect_err("another program's"),
            database.init(&|_| {}).expect_err("another program's"),
            database.store().take_over().expect_err("another program's"),
            database
                .rejected()
                .expect("later")
                .get(1)
                .map(drop)
                .expect_err("another program's"),
        ] {
            assert!(error.to_string().contains(why), "{error}");
            assert!(matches!(error, StoreError::Foreign(_)) && error.needs_operator());
        }
        let found = findings(file);
        assert!(found.concat().contains(why), "{found:?}");
        assert_eq!(fs::read(file).expect("a file"), before, "{why}");
    }
    assert_eq!(names(folder.path()), ["other.db", "text"]);
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names
        .map(|name| name.into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

/// With a lease for each name, two instances would take the state from each other again and again.
#[test]
fn all_names_of_a_file_lead_to_one_lease() {
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).expect("a folder");
    let real = inner.join("hotel.db");
    let [link, of_folder, chain] = ["link.db", "folder", "chain.db"].map(|n| folder.path().join(n));
    symlink("inner/hotel.db", &link).expect("a link");
    symlink(&inner, &of_folder).expect("a link");
    symlink("link.db", &chain).expect("a link");
    let other = of_folder.join("../inner/hotel.db");
    let ours = [&real, &link, &chain, &other, &of_folder.join("hotel.db")];
    let acquire = |file: &Path| {
        let mut lease = database(file).lease();
        lease
            .acquire(std::time::Duration::ZERO)
            .map(|held| (held, lease))
    };
    // Before the file exists, and afterwards.
    for _ in 0..2 {
        for first in ours {
            let (held, _lease) = acquire(first).expect("asked");
            assert!(held, "{first:?}");
            for second in ours {
                let (held, _) = acquire(second).expect("asked");
                assert!(!held, "{first:?}, {second:?}");
            }
        }
        database(&chain).store().take_over().expect("it is free");
    }
    assert_eq!(
        names(folder.path()),
        ["chain.db", "folder", "inner", "link.db"]
    );
    assert_eq!(&names(&inner)[..2], ["hotel.db", "hotel.db.lock"]);

    let hard = folder.path().join("hard.db");
    fs::hard_link(&real, &hard).expect("a link");
    for name in [&hard, &real] {
        let error = acquire(name).map(drop).expect_err("two names");
        assert!(
            error
                .to_string()
                .contains("the file has 2 names (hard links)"),
            "{error}"
        );
        let error = database(name).verify_file().expect_err("two names");
        assert!(matches!(error, StoreError::Foreign(_)), "{error}");
        database(name)
            .store()
            .take_over()
            .map(drop)
            .expect_err("two names");
        database(name)
            .outbox()
            .expect("later")
            .get(1)
            .map(drop)
            .expect_err("two names");
    }
    fs::remove_file(hard).expect("removed");
    database(&link).store().take_over().expect("one name");
}

#[test]
fn its_files_are_private_to_its_user() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hotel.db");
    let database = database(&file);
    let mut lease = database.lease();
    assert!(lease.acquire(std::time::Duration::ZERO).expect("asked"));
    let mut store = database.store();
    store.take_over().expect("it is free");
    store.commit(&plan("written")).expect("written");
    assert_private(folder.path());
    let found = findings(&file);
    assert!(found.len() == 1 && found[0].starts_with("ok "), "{found:?}");
    // As version 0.1 created it.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
    let found = findings(&file);
    let advice = "others on this machine can read it; chmod 600 ";
    assert!(found.len() == 2 && found[1].contains(advice), "{found:?}");

    // A takeover also corrects the mode of files that a crash has left.
    for name in ["hotel.db-shm", "hotel.db-wal", "hotel.db.lock"] {
        let beside = folder.path().join(name);
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o644)).expect("set");
    }
    store.take_over().expect("it is ours");
    assert_private(folder.path());
}

fn assert_private(folder: &Path) {
    let all = names(folder);
    assert_eq!(
        all,
        ["hotel.db", "hotel.db-shm", "hotel.db-wal", "hotel.db.lock"]
    );
    for name in all {
        let metadata = fs::metadata(folder.join(&name)).expect("a file");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
}
