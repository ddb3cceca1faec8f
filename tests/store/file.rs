//! What can become of an embedded database's file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use roomwatt::config::Config;
use roomwatt::engine::Rules;
use roomwatt::store::{Database, Plan, Rejected, StateStore, Store, StoreError};
use roomwatt::types::RoomKey;

use crate::reading;

fn database(file: &Path) -> Database {
    let mut config = Config::load(None, &[]).expect("a configuration");
    file.clone_into(&mut config.embedded.path);
    Database::of(&config)
}

/// What an operator is shown of it.
fn findings(file: &Path) -> Vec<String> {
    let mut found = Vec::new();
    database(file).check(&Rules::default(), &mut |finding| {
        found.push(finding.to_string())
    });
    found
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
        assert!(error.is_transient(), "it is waited for");
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
            "its layout is 0, this program wants 3; run `roomwatt init-db`",
        ),
        (newer, "a newer roomwatt has set up this database"),
        (
            folder.path().join("no/hotel.db"),
            "there is no embedded database ",
        ),
    ] {
        let mut outbox = database(&file).outbox().expect("it is opened later");
        let error = outbox.get(1).expect_err("no database");
        assert!(error.to_string().contains(told), "{error}");
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
        error.to_string().contains("its folder has to be there"),
        "{error}"
    );
    let mut lease = database(&missing).lease();
    let error = lease.acquire(std::time::Duration::ZERO).expect_err("none");
    assert!(
        error.to_string().contains("its folder has to be there"),
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

#[test]
fn a_strangers_file_is_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let (foreign, text) = (folder.path().join("other.db"), folder.path().join("text"));
    let conn = rusqlite::Connection::open(&foreign).expect("a file");
    // As many migrations as this program has, and a table that it has, too.
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
        (&text, "it is no SQLite database"),
    ] {
        let before = fs::read(file).expect("a file");
        let database = database(file);
        let mut lease = database.lease();
        for error in [
            database.verify_file().expect_err("a stranger's"),
            lease
                .acquire(std::time::Duration::ZERO)
                .expect_err("a stranger's"),
            database.init(&|_| {}).expect_err("a stranger's"),
            database.store().take_over().expect_err("a stranger's"),
            database
                .rejected()
                .expect("later")
                .get(1)
                .map(drop)
                .expect_err("a stranger's"),
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

/// The names in a folder, in their order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names
        .map(|name| name.into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

/// By two names two instances would take it from each other for ever.
#[test]
fn whatever_it_is_called_there_is_one_lease() {
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
    // Before there is a file, and afterwards.
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
fn what_it_creates_is_for_its_user_alone() {
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
    // As an older version has made it.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
    let found = findings(&file);
    let advice = "others on this machine can read it; chmod 600 ";
    assert!(found.len() == 2 && found[1].contains(advice), "{found:?}");

    // So has what a crash left beside it; whoever takes it over takes the rights of others.
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
