//! Rooms read by their keys: as fast as can be, and never less than what whole histories have.

use std::time::{Duration, Instant};

use mysql::TxOpts;
use mysql::prelude::Queryable;

use roomwatt::config::Config;
use roomwatt::frontier::Frontier;
use roomwatt::store::{
    Database, MeterStream, MeterTail, Meters, MySqlReader, Position, Scope, Span, Wanted,
};
use roomwatt::types::{HotelId, Kind, LocalTime, RoomKey};

use crate::support::Rig;
use crate::{By, minutes_ago, rig_by};

pub fn config(rig: &Rig) -> Config {
    Config::load(Some(&rig.config()), &[]).expect("a configuration")
}

pub fn reader(rig: &Rig) -> MySqlReader {
    let config = config(rig);
    let mysql = config.mysql.expect("a section");
    MySqlReader::new(&mysql, config.meter, config.messages.zone)
}

/// A row as the test knows it: its number, room, time and register.
type Row = (u64, String, LocalTime, i64);

/// Readings of a room as they are to be found, in their order.
type Found = Vec<(LocalTime, i64)>;

/// What reading whole histories gives.
fn plainly(rows: &[Row], wanted: &Wanted, swept: Option<Position>) -> Found {
    let mut found: Vec<&Row> = rows
        .iter()
        .filter(|(id, room, time, _)| {
            let passed = match swept {
                None => true,
                Some(Position::Id(last)) => *id <= last,
                Some(Position::Time(last)) => *time <= last,
            };
            *room == wanted.room.room_number.as_str()
                && *time > wanted.after
                && (passed || *time <= wanted.until)
        })
        .collect();
    found.sort_by_key(|(id, _, time, _)| (*time, *id));
    found.iter().map(|row| (row.2, row.3)).collect()
}

fn insert(conn: &mut impl Queryable, rows: &[Row]) {
    for rows in rows.chunks(500) {
        let values: Vec<String> = rows
            .iter()
            .map(|(id, room, time, kwh)| format!("({id}, 'H1', '{room}', {kwh}, '{time}')"))
            .collect();
        conn.query_drop(format!(
            "INSERT INTO raw (no, hotel_id, room_number, reading_value, script_time) VALUES {}",
            values.join(", ")
        ))
        .expect("rows");
    }
}

/// The table that holds them as `raw`, shown as `smart_meter` in one of the ways others have.
fn rig_with(way: &str, name: &str) -> Rig {
    let rig = match way {
        _ if way.ends_with("time") => rig_by(By::Time, name),
        _ => rig_by(By::Id, name),
    };
    rig.execute("DROP TABLE smart_meter");
    let key = if way.ends_with("time") {
        "INDEX (no)"
    } else {
        "PRIMARY KEY (no)"
    };
    rig.execute(&format!(
        "CREATE TABLE raw (no BIGINT UNSIGNED NOT NULL, hotel_id VARCHAR(50), \
         room_number VARCHAR(20), reading_value DECIMAL(10,2), script_time DATETIME, {key}, \
         INDEX (hotel_id, room_number), \
         INDEX (script_time))"
    ));
    match way {
        "id" => rig.configure("[meter]\ntable = 'raw'\nid = 'no'"),
        "time" => rig.configure("table = 'raw'"),
        _ => rig.execute(
            "CREATE VIEW smart_meter AS SELECT no AS id, hotel_id, room_number, \
             reading_value, script_time FROM raw",
        ),
    }
    if way.starts_with("opaque") {
        grant(&rig, "REVOKE ALL, GRANT OPTION FROM USER");
        grant(&rig, "GRANT SELECT ON `DB`.smart_meter TO USER");
    }
    rig
}

/// A user who may read a view but not the table behind it can't see how the server reads it.
fn grant(rig: &Rig, statement: &str) {
    let user = format!("'{}'@'%'", rig.user());
    rig.execute(&(statement.replace("DB", &rig.database)).replace("USER", &user));
}

fn finish(mut rig: Rig) {
    grant(&rig, "GRANT ALL ON `DB`.* TO USER");
    rig.roomwatt(&["init-db"]);
    rig.finish();
}

/// A room's name. Those of `2 * n` and `2 * n + 1` differ by case alone.
fn room(number: u32) -> String {
    let letter = if number.is_multiple_of(2) { 'a' } else { 'A' };
    format!("{letter}{}", number / 2)
}

const ROOMS: u32 = 200;

fn finds_what_whole_histories_have(way: &str, name: &str) {
    let rig = rig_with(way, name);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let by_id = !way.ends_with("time");
    let now = minutes_ago(0);
    let latest = now.plus(3_600);
    let mut next = 1_u64;
    let mut rows: Vec<Row> = Vec::new();
    // Eight days of rooms, some of which are silent for days and are filled in late;
    // times that are equal, and times that go back.
    let mut row = |random: &mut fastrand::Rng, minutes: i64| {
        let id = next;
        next += random.u64(1..4);
        let room = room(random.u32(0..ROOMS));
        (
            id,
            room,
            now.plus(-60 * minutes),
            i64::try_from(id).expect("a number"),
        )
    };
    for slot in (0..8 * 48).rev() {
        for _ in 0..30 {
            let minutes = match random.u8(0..20) {
                0 => random.i64(0..8 * 24 * 60),
                1 => slot * 30,
                _ => slot * 30 + random.i64(0..45),
            };
            rows.push(row(&mut random, minutes));
        }
    }
    let mut conn = rig.conn();
    insert(&mut conn, &rows);
    conn.query_drop("ANALYZE TABLE raw").expect("analyzed");

    let reader = reader(&rig);
    let mut tail: Option<MeterTail> = None;
    let mut checked = 0;
    for step in 0..8 {
        // A transaction that stays open while others commit after it, and one that is filled in.
        let mut slow = rig.conn();
        let mut slow = slow.start_transaction(TxOpts::default()).expect("begun");
        let mut late: Vec<Row> = Vec::new();
        if step > 0 {
            let minutes = [random.i64(0..9 * 24 * 60), random.i64(0..20)];
            late.extend(minutes.map(|minutes| row(&mut random, minutes)));
            insert(&mut slow, &late);
            let more: Vec<Row> = (0..10)
                .map(|_| {
                    let minutes = random.i64(0..30);
                    row(&mut random, minutes)
                })
                .collect();
            insert(&mut conn, &more);
            rows.extend(more);
        }
        if step % 3 == 2 {
            stream(&reader, &mut tail, latest);
        }
        slow.commit().expect("committed");
        rows.append(&mut late);
        for _ in 0..6 {
            let last = rows.iter().map(|row| row.0).max().expect("rows");
            let swept = match random.u8(0..5) {
                0 => None,
                1 => Some(Position::Time(LocalTime::FIRST)),
                _ if by_id => Some(Position::Id(random.u64(last / 2..last + 5))),
                _ => Some(Position::Time(now.plus(-60 * random.i64(0..9 * 24 * 60)))),
            };
            let span = [30, 24 * 60, 10 * 24 * 60][random.usize(0..3)];
            let about = random.i64(0..9 * 24 * 60);
            // One stretch of time, or two that are days apart.
            let apart = [0, 7 * 24 * 60][random.usize(0..2)];
            let mut wanted: Vec<Wanted> = Vec::new();
            let count = random.usize(1..60);
            for number in random.choose_multiple(0..ROOMS, count) {
                let about = if random.bool() { about } else { apart };
                let after = now.plus(-60 * (about + random.i64(0..span)));
                let until = after.plus(60 * random.i64(0..span));
                // Some years ago, once in a while.
                let ages = if random.u8(0..20) == 0 {
                    4 * 365 * 24 * 3_600
                } else {
                    0
                };
                wanted.push(Wanted {
                    room: RoomKey::new("H1", &room(number)),
                    after: after.plus(-ages),
                    until: until.plus(-ages),
                });
            }
            let found = match swept {
                None => reader.readings_up_to(&wanted, latest, None),
                Some(swept) => reader.readings(&wanted, latest, Frontier::new(Some(swept))),
            };
            let found = found.expect("readings");
            assert_eq!(found.len(), wanted.len());
            for wanted in &wanted {
                let expected = plainly(&rows, wanted, swept);
                let readings = found[&wanted.room].iter();
                let mut read: Found = readings.map(|r| (r.time, r.register.0 / 1_000)).collect();
                let mut expected = expected;
                if !by_id {
                    // Which of two with one time was first is not known without ids.
                    read.sort_unstable();
                    expected.sort_unstable();
                }
                assert_eq!(read, expected, "{way}, {wanted:?}, swept {swept:?}");
                checked += expected.len();
            }
        }
    }
    assert!(checked > 1_000, "only {checked}");
    finish(rig);
}

pub fn stream(reader: &MySqlReader, tail: &mut Option<MeterTail>, latest: LocalTime) {
    let tail = tail.get_or_insert_with(|| {
        reader
            .meter_tail(None, latest, Instant::now())
            .expect("a tail")
    });
    tail.begin(Instant::now());
    let mut from = None;
    loop {
        let rows = reader.stream_new(tail, from, 500, latest, &mut |_, _| {});
        from = rows.expect("a stream").next;
        if from.is_none() {
            return tail.end();
        }
    }
}

#[test]
fn by_id_rooms_are_found_as_in_their_whole_histories() {
    finds_what_whole_histories_have("id", "wholeid");
}

#[test]
fn by_time_rooms_are_found_as_in_their_whole_histories() {
    finds_what_whole_histories_have("time", "wholetime");
}

#[test]
fn in_views_rooms_are_found_as_in_their_whole_histories() {
    finds_what_whole_histories_have("view", "wholeview");
    finds_what_whole_histories_have("view by time", "wholeviewtime");
    finds_what_whole_histories_have("opaque view", "wholeopaque");
    finds_what_whole_histories_have("opaque view by time", "wholeopaquetime");
}

#[test]
fn what_is_read_of_an_old_stay_does_not_grow_with_history() {
    for way in [
        "id",
        "time",
        "view",
        "view by time",
        "opaque view",
        "opaque view by time",
    ] {
        let rig = rig_with(way, "growth");
        rig.count_work();
        // Fourteen days of sixty rooms.
        let now = minutes_ago(0);
        let mut rows: Vec<Row> = Vec::new();
        for n in 0..14 * 48 * 60_i64 {
            let time = now.plus(-14 * 24 * 3_600 + n / 60 * 1_800 + n % 60);
            rows.push((n.unsigned_abs() + 1, (n % 60).to_string(), time, n));
        }
        let mut conn = rig.conn();
        insert(&mut conn, &rows);
        conn.query_drop("ANALYZE TABLE raw").expect("analyzed");
        let reader = reader(&rig);
        // Messages of six hours in any order.
        let wanted = |days: i64| -> Vec<Wanted> {
            let rooms = (0..60).map(|room| {
                let stay = now.plus(-days * 24 * 3_600 + room * 37 % 60 * 360);
                Wanted {
                    room: RoomKey::new("H1", &room.to_string()),
                    after: stay.plus(-1_801),
                    until: stay,
                }
            });
            rooms.collect()
        };
        let read = |days| {
            let before = rig.rows_read();
            let found = reader.readings(&wanted(days), now.plus(3_600), Frontier::default());
            let found: usize = found.expect("readings").values().map(Vec::len).sum();
            (found, (rig.rows_read() - before) / 60)
        };
        // What has to be learned is learned once.
        read(10);
        let (found, rows) = read(10);
        assert!(
            found >= 60 && rows <= 20,
            "{way}: {found} found, {rows} read a room"
        );
        // Before all there is.
        read(100);
        let (found, rows) = read(100);
        assert!(
            found == 0 && rows <= 20,
            "{way}: {found} found, {rows} read a room"
        );
        finish(rig);
    }
}

#[test]
fn what_a_page_reads_of_a_room_does_not_grow_with_other_rooms() {
    const HOTELS: u32 = 200;
    const ROOMS: u32 = 20;
    let rig = rig_by(By::Id, "pagerows");
    rig.count_work();
    let mut conn = rig.conn();
    let mut execute = |statement: &str| conn.query_drop(statement).expect(statement);
    let now = minutes_ago(0);
    let rooms = (0..HOTELS).flat_map(|hotel| (0..ROOMS).map(move |room| (hotel, room)));
    let rows = |value: &str| -> String {
        let rows = rooms.clone();
        let rows = rows.map(|(hotel, room)| format!("('H{hotel}', '{room}', {value}, '{now}')"));
        rows.collect::<Vec<String>>().join(", ")
    };
    // Twice as many again and again: 64 readings of each room, 16 stays.
    for (table, columns, value, doublings) in [
        ("smart_meter", "reading_value, script_time", "1", 6),
        (
            "electricity_monitoring",
            "msg_type, actual_checkout_time",
            "'checkout'",
            4,
        ),
    ] {
        let into = format!("INSERT INTO {table} (hotel_id, room_number, {columns})");
        execute(&format!("{into} VALUES {}", rows(value)));
        for doubling in 0..doublings {
            let before = columns.replace(", ", ", TIMESTAMPADD(SECOND, -SHIFT, ") + ")";
            let before = before.replace("SHIFT", &(1_800 << doubling).to_string());
            execute(&format!(
                "{into} SELECT hotel_id, room_number, {before} FROM {table}"
            ));
        }
        // Blanks around the key, and a hotel that is another one.
        for [hotel, room] in [
            [" H7", "13"],
            ["\tH7 ", " 13"],
            ["H7", " 13 "],
            [" H8", "13"],
        ] {
            let time = now.plus(-90);
            execute(&format!(
                "{into} VALUES ('{hotel}', '{room}', {value}, '{time}')"
            ));
        }
        execute(&format!("ANALYZE TABLE {table}"));
    }
    let reader = Database::of(&config(&rig)).reader();
    let mut archive = reader.archive();
    let key = RoomKey::new("H7", "13");
    let of = Scope::Room(&key);
    let (mut stays, mut readings) = (0, 0);
    let span = Span {
        after: now.plus(-4 * 3_600),
        to: now,
    };
    // How rooms are spelled, and the ids of these times, are learned once, for all pages.
    reader
        .archive()
        .readings(of, span, &mut |_, _| {})
        .expect("readings");
    let before = rig.rows_read();
    archive
        .stays(of, LocalTime::LAST, &mut |_, _| stays += 1)
        .expect("stays");
    let between = rig.rows_read();
    archive
        .readings(of, span, &mut |_, _| readings += 1)
        .expect("readings");
    let read = [between - before, rig.rows_read() - between];
    assert_eq!((stays, readings), (16 + 3, 8 + 3), "with blanks around");
    // Of stays an entry for each hotel, and at most what this one has; there are 4,000 rooms. Of
    // readings what this room has.
    let most = [HOTELS + 16 * ROOMS + 512, 64 + 3];
    assert!(
        read[0] <= most[0] && read[1] <= most[1],
        "{read:?}, at most {most:?}"
    );
    rig.finish();
}

/// Rooms of a table with a long past, and of one of its hotels.
const PAST_ROOMS: i64 = 400;
const PAST_HOTEL: i64 = 20;

/// Rooms of several hotels, each with a reading each hour of six weeks.
fn a_long_past(rig: &Rig, now: LocalTime) {
    let into = "INSERT INTO smart_meter (hotel_id, room_number, reading_value, script_time)";
    let first = now.plus(-3_600);
    let rooms: Vec<String> = (0..PAST_ROOMS)
        .map(|room| {
            let hotel = 1 + room / PAST_HOTEL;
            format!("('H{hotel}', '{room}', 1, '{first}' - INTERVAL {room} SECOND)")
        })
        .collect();
    rig.execute(&format!("{into} VALUES {}", rooms.join(", ")));
    // Twice as many again and again: 1,024 hours. Those that came first get the lowest ids.
    for doubling in 0..10 {
        let shift = 3_600_i64 << doubling;
        rig.execute(&format!(
            "{into} SELECT hotel_id, room_number, 1, \
             TIMESTAMPADD(SECOND, -{shift}, script_time) FROM smart_meter"
        ));
    }
    if rig.rows::<u32>(
        "SELECT COUNT(*) FROM information_schema.columns \
                        WHERE table_schema = DATABASE() AND table_name = 'smart_meter' \
                        AND column_name = 'id'",
    ) == [1]
    {
        rig.execute("CREATE TABLE in_order LIKE smart_meter");
        rig.execute(&format!(
            "{} SELECT hotel_id, room_number, 1, script_time FROM smart_meter \
             ORDER BY script_time",
            into.replace("smart_meter", "in_order")
        ));
        rig.execute("DROP TABLE smart_meter");
        rig.execute("RENAME TABLE in_order TO smart_meter");
    } else {
        rig.execute("ALTER TABLE smart_meter ADD INDEX (hotel_id, room_number, script_time)");
    }
    rig.execute("ANALYZE TABLE smart_meter");
}

#[test]
fn what_pages_read_of_a_stay_and_of_a_day_are_the_rooms_own_rows() {
    for by in [By::Id, By::Time] {
        let rig = rig_by(by, "pageyear");
        rig.count_work();
        let now = minutes_ago(0);
        a_long_past(&rig, now);
        let reader = Database::of(&config(&rig)).reader();
        let latest = now.plus(3_600);
        // As at the start of a service, and after its first page.
        reader
            .meter_tail(None, latest, Instant::now())
            .expect("a tail");
        let other = RoomKey::new("H1", "14");
        let recently = Span {
            after: now.plus(-3_600),
            to: now,
        };
        let mut archive = reader.archive();
        archive
            .readings(Scope::Room(&other), recently, &mut |_, _| {})
            .expect("readings");
        let key = RoomKey::new("H1", "13");
        let mut stay = |days: i64| {
            let to = now.plus(-days * 86_400);
            let span = Span {
                after: to.plus(-2 * 86_400),
                to,
            };
            let mut readings = 0;
            let before = rig.rows_read();
            archive
                .readings(Scope::Room(&key), span, &mut |_, _| readings += 1)
                .expect("readings");
            assert!((47..=48).contains(&readings), "{by:?}: {readings}");
            rig.rows_read() - before
        };
        for days in [0, 20, 40] {
            // Where rows are found by the ids of their times, these are learned once, for all
            // rooms: from the entries of two days and of what lies around them.
            let first = stay(days);
            let entries = 3 * 24 * PAST_ROOMS as u32;
            assert!(first <= entries + 200, "{by:?}, {days} days ago: {first}");
            // The room has 1,024 rows, and the rooms together 19,200 in these days.
            let read = stay(days);
            assert!(read <= 100, "{by:?}, {days} days ago: {read} read");
        }
        // A map is of all rooms of a hotel, and of one day.
        let wanted: Vec<Wanted> = (0..PAST_HOTEL)
            .map(|room| Wanted {
                room: RoomKey::new("H1", &room.to_string()),
                after: now.plus(-86_400),
                until: LocalTime::LAST,
            })
            .collect();
        // Of another page: what the one before has learned is known to it.
        let mut archive = reader.archive();
        let before = rig.rows_read();
        let found = archive.readings_by_key(&wanted, latest).expect("readings");
        let read = rig.rows_read() - before;
        let found: usize = found.values().map(Vec::len).sum();
        assert!((20 * 23..=20 * 24).contains(&found), "{by:?}: {found}");
        // Each row once, and a few more at the ends; all rooms have 9,600 in a day.
        assert!(read <= 20 * 30, "{by:?}: {read} read for {found}");
        rig.finish();
    }
}

#[test]
fn a_page_reads_over_one_connection_which_is_kept() {
    let rig = rig_by(By::Id, "pageconns");
    let reader = Database::of(&config(&rig)).reader();
    let mut archive = reader.archive();
    let key = RoomKey::new("H1", "13");
    let mut conn = rig.conn();
    let mut connections = || -> Vec<u64> {
        let of_user = "SELECT id FROM information_schema.processlist WHERE user = ?";
        conn.exec(of_user, (rig.user(),)).expect("connections")
    };
    assert_eq!(connections(), [0; 0], "it connects when it is first used");
    let mut before = None;
    for _ in 0..2 {
        let now = minutes_ago(0);
        let span = Span {
            after: now.plus(-86_400),
            to: now,
        };
        let of = Scope::Room(&key);
        let page = [
            archive.stays(of, LocalTime::LAST, &mut |_, _| {}),
            archive.statuses(of, &mut |_, _| {}),
            archive.readings(of, span, &mut |_, _| {}).map(drop),
            archive
                .thresholds(&key, Kind::Checkin, LocalTime::LAST)
                .map(drop),
            archive.recorded(&key, span).map(drop),
            archive.frames(&key.hotel_id, 1_800, span).map(drop),
        ];
        for read in page {
            read.expect("read");
            let used = connections();
            assert_eq!(used.len(), 1, "{used:?}");
            assert_eq!(*before.get_or_insert(used[0]), used[0], "another one");
        }
    }
    rig.finish();
}

#[test]
fn work_that_is_to_end_is_cut_off() {
    let rig = rig_by(By::Id, "pageends");
    rig.execute("DROP TABLE smart_meter");
    // Each row of it takes a tenth of a second.
    rig.execute("CREATE TABLE raw (n INT)");
    rig.execute(&format!(
        "INSERT INTO raw VALUES {}",
        vec!["(1)"; 600].join(", ")
    ));
    rig.execute(
        "CREATE VIEW smart_meter AS SELECT n AS id, 'H1' AS hotel_id, '13' AS room_number, \
         1.0 + SLEEP(0.1) AS reading_value, NOW() AS script_time FROM raw",
    );
    let reader = Database::of(&config(&rig)).reader();
    let mut archive = reader.archive();
    let hotel = HotelId::new("H1");
    let now = minutes_ago(0);
    let span = Span {
        after: now.plus(-86_400),
        to: now.plus(86_400),
    };
    let begun = Instant::now();
    archive.end_by(Some(begun + Duration::from_secs(1)));
    let read = archive.readings(Scope::Hotel(&hotel), span, &mut |_, _| {});
    let error = read.expect_err("it takes a minute");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}: {error}");
    // What has not begun by then does not begin.
    let begun = Instant::now();
    let read = archive.readings(Scope::Hotel(&hotel), span, &mut |_, _| {});
    read.expect_err("it is too late");
    assert!(begun.elapsed() < Duration::from_millis(500));
    // The next page has its own time.
    archive.end_by(Some(Instant::now() + Duration::from_secs(60)));
    archive
        .stays(Scope::Hotel(&hotel), LocalTime::LAST, &mut |_, _| {})
        .expect("stays");
    rig.finish();
}
