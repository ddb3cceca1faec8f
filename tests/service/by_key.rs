//! Rooms read by their keys: as fast as can be, and never less than what whole histories have.

use std::collections::HashMap;

use mysql::TxOpts;
use mysql::prelude::Queryable;

use roomwatt::config::Config;
use roomwatt::frontier::Frontier;
use roomwatt::store::{
    Archive, MeterStream, MeterTail, Meters, MySqlArchive, MySqlReader, Position, Span, Wanted,
};
use roomwatt::types::{LocalTime, RoomKey};

use crate::support::Rig;
use crate::{By, check_out, minutes_ago, rig_by};

fn config(rig: &Rig) -> Config {
    Config::load(Some(&rig.config()), &[]).expect("a configuration")
}

fn reader(rig: &Rig) -> MySqlReader {
    let config = config(rig);
    let mysql = config.mysql.expect("a section");
    MySqlReader::new(&mysql, config.meter, config.messages.zone)
}

fn archive(rig: &Rig) -> MySqlArchive {
    let config = config(rig);
    let mysql = config.mysql.expect("a section");
    MySqlArchive::new(&mysql, config.meter, config.messages.zone)
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
        "time" | "view by time" => rig_by(By::Time, name),
        _ => rig_by(By::Id, name),
    };
    rig.execute("DROP TABLE smart_meter");
    let key = if way.ends_with("time") {
        "INDEX (no)"
    } else {
        "PRIMARY KEY (no)"
    };
    rig.execute(&format!(
        "CREATE TABLE raw (no BIGINT UNSIGNED NOT NULL, hotel_id VARCHAR(50), room_number VARCHAR(20), \
         reading_value DECIMAL(10,2), script_time DATETIME, {key}, INDEX (hotel_id, room_number), \
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
    rig
}

fn finds_what_whole_histories_have(way: &str, name: &str) {
    let mut rig = rig_with(way, name);
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let by_id = !way.ends_with("time");
    let now = minutes_ago(0);
    let latest = now.plus(3_600);
    let mut next = 1_u64;
    let mut rows: Vec<Row> = Vec::new();
    // Eight days of thirty rooms, some of which are silent for days and are filled in late;
    // times that are equal, and times that go back.
    let mut row = |random: &mut fastrand::Rng, minutes: i64| {
        let id = next;
        next += random.u64(1..4);
        let room = random.u32(1..31).to_string();
        (
            id,
            room,
            now.plus(-60 * minutes),
            i64::try_from(id).expect("a number"),
        )
    };
    for slot in (0..8 * 48).rev() {
        for _ in 0..20 {
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
    for step in 0..12 {
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
            let mut wanted: Vec<Wanted> = Vec::new();
            for room in 1..=30 {
                let after = now.plus(-60 * (about + random.i64(0..span)));
                let until = after.plus(60 * random.i64(0..span));
                // Some years ago, once in a while.
                let ages = if random.u8(0..20) == 0 {
                    4 * 365 * 24 * 3_600
                } else {
                    0
                };
                wanted.push(Wanted {
                    room: RoomKey::new("H1", &room.to_string()),
                    after: after.plus(-ages),
                    until: until.plus(-ages),
                });
            }
            let found = match swept {
                None => reader.readings_up_to(&wanted, latest, None),
                Some(swept) => reader.readings(&wanted, latest, Frontier::new(Some(swept))),
            };
            let found = found.expect("readings");
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
    rig.roomwatt(&["init-db"]);
    rig.finish();
}

fn stream(reader: &MySqlReader, tail: &mut Option<MeterTail>, latest: LocalTime) {
    let tail = tail.get_or_insert_with(|| reader.meter_tail(None, latest).expect("a tail"));
    tail.begin();
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
}

#[test]
fn what_is_read_of_an_old_stay_does_not_grow_with_history() {
    for (way, most) in [("id", 10), ("view", 10)] {
        let mut rig = rig_with(way, "growth");
        rig.count_work();
        // Fourteen days of twenty rooms.
        let now = minutes_ago(0);
        let mut rows: Vec<Row> = Vec::new();
        for n in 0..14 * 48 * 20_i64 {
            let time = now.plus(-14 * 24 * 3_600 + n / 20 * 1_800 + n % 20);
            rows.push((n.unsigned_abs() + 1, (n % 20).to_string(), time, n));
        }
        let mut conn = rig.conn();
        insert(&mut conn, &rows);
        conn.query_drop("ANALYZE TABLE raw").expect("analyzed");
        let reader = reader(&rig);
        let wanted = |days: i64| -> Vec<Wanted> {
            let stay = now.plus(-days * 24 * 3_600);
            let rooms = (0..20).map(|room| Wanted {
                room: RoomKey::new("H1", &room.to_string()),
                after: stay.plus(-1_801),
                until: stay,
            });
            rooms.collect()
        };
        let read = |days| {
            let before = rig.rows_read();
            let found = reader.readings(&wanted(days), now.plus(3_600), Frontier::default());
            let found: usize = found.expect("readings").values().map(Vec::len).sum();
            (found, (rig.rows_read() - before) / 20)
        };
        // What has to be learned is learned once.
        read(10);
        let (found, rows) = read(10);
        assert!(
            found >= 20 && rows <= most,
            "{way}: {found} found, {rows} read a room"
        );
        // Before all there is.
        read(100);
        let (found, rows) = read(100);
        assert!(
            found == 0 && rows <= most,
            "{way}: {found} found, {rows} read a room"
        );
        rig.roomwatt(&["init-db"]);
        rig.finish();
    }
}

/// A table whose keys are in these character sets: 5,000 rows of others, and one row of each of
/// `rooms`, as they are spelled.
fn in_charset(rig: &Rig, hotel: &str, room: &str, rooms: &[(&str, &str)]) -> usize {
    let mut conn = rig.conn();
    conn.query_drop("DROP TABLE IF EXISTS raw")
        .expect("dropped");
    conn.query_drop(format!(
        "CREATE TABLE raw (no BIGINT AUTO_INCREMENT PRIMARY KEY, hotel_id {hotel}, room_number {room}, \
         reading_value DECIMAL(10,2), script_time DATETIME, INDEX (hotel_id, room_number), INDEX (script_time))"
    ))
    .expect("a table");
    let time = minutes_ago(30);
    let others: Vec<String> = (1..=5_000)
        .map(|room| format!("('H9', '{room}', 1, '{time}')"))
        .collect();
    conn.query_drop(format!(
        "INSERT INTO raw (hotel_id, room_number, reading_value, script_time) VALUES {}",
        others.join(", ")
    ))
    .expect("rows");
    let mut stored = 0;
    for (number, (hotel, room)) in (1..).zip(rooms) {
        let row = conn.exec_drop(
            "INSERT INTO raw (hotel_id, room_number, reading_value, script_time) VALUES (?, ?, ?, ?)",
            (*hotel, *room, number, minutes_ago(20).to_string()),
        );
        stored += usize::from(row.is_ok());
    }
    conn.query_drop("ANALYZE TABLE raw").expect("analyzed");
    stored
}

/// Collations that count spaces at the end, as this kind of server calls them.
fn without_padding(rig: &Rig, collation: &str) -> String {
    if rig.is_mariadb() {
        return collation.to_owned();
    }
    let theirs = if collation.ends_with("_bin") {
        "utf8mb4_0900_bin"
    } else {
        "utf8mb4_0900_ai_ci"
    };
    match collation.split_once(" COLLATE ") {
        Some((charset, name)) if name.contains("_nopad_") => format!("{charset} COLLATE {theirs}"),
        _ => collation.to_owned(),
    }
}

/// Reads rooms by key, all at once, past rows of others and in few steps of the index.
fn found_by_key(rig: &Rig, rooms: &[RoomKey]) -> HashMap<RoomKey, Vec<i64>> {
    let reader = reader(rig);
    let latest = minutes_ago(0);
    let wanted = |room: &RoomKey| Wanted {
        room: room.clone(),
        after: minutes_ago(100),
        until: LocalTime::LAST,
    };
    let wanted: Vec<Wanted> = rooms.iter().map(wanted).collect();
    let read = || {
        reader
            .readings_up_to(&wanted, latest, None)
            .expect("readings")
    };
    // What has to be learned first is not what this is about.
    read();
    let before = rig.rows_read();
    let found = read();
    let steps = rig.rows_read() - before;
    assert!(steps < 500, "{steps} rows were read");
    let registers = |(room, readings): (RoomKey, Vec<roomwatt::types::Reading>)| {
        let registers = readings.iter().map(|reading| reading.register.0 / 1_000);
        (room, registers.collect())
    };
    found.into_iter().map(registers).collect()
}

#[test]
fn keys_in_any_character_set_are_found() {
    let mut rig = Rig::new("charsets");
    rig.count_work();
    rig.configure("[meter]\ntable = 'raw'\nid = 'no'");
    let rooms = [
        ("H1", "1"),
        ("H1", "贵宾3"),
        ("H1", "贵宾4"),
        ("酒店", "1"),
        ("H1", "中"),
        ("H1", "café"),
        ("H1", "a\u{1f600}"),
        ("H2", "7"),
    ];
    let keys: Vec<RoomKey> =
        (rooms.iter().map(|(hotel, room)| RoomKey::new(hotel, room))).collect();
    let mut stored = HashMap::new();
    for charset in [
        "gbk COLLATE gbk_chinese_ci",
        "gbk COLLATE gbk_bin",
        "gb2312",
        "big5",
        "big5 COLLATE big5_bin",
        "latin1",
        "latin1 COLLATE latin1_bin",
        "utf8mb3",
        "utf8mb4 COLLATE utf8mb4_unicode_ci",
        "utf8mb4 COLLATE utf8mb4_bin",
        "utf8mb4 COLLATE utf8mb4_nopad_bin",
        "utf8mb4 COLLATE utf8mb4_general_nopad_ci",
        "ucs2",
        "latin1, room in gbk",
        "binary",
    ] {
        let named = without_padding(&rig, charset);
        let columns = match named.as_str() {
            "binary" => ["VARBINARY(50)".to_owned(), "VARBINARY(20)".to_owned()],
            _ => {
                let both = (named.as_str(), named.as_str());
                let (hotel, room) = named.split_once(", room in ").unwrap_or(both);
                [
                    format!("VARCHAR(50) CHARACTER SET {hotel}"),
                    format!("VARCHAR(20) CHARACTER SET {room}"),
                ]
            }
        };
        let count = in_charset(&rig, &columns[0], &columns[1], &rooms);
        let all: Vec<(String, String, i64)> = rig.rows(
            "SELECT CONVERT(hotel_id USING utf8mb4), CONVERT(room_number USING utf8mb4), \
             CAST(reading_value AS SIGNED) FROM raw WHERE no > 5000 AND hotel_id <> 'H9'",
        );
        assert_eq!(all.len(), count, "{charset}");
        let found = found_by_key(&rig, &keys);
        let latest = minutes_ago(0);
        let span = Span {
            after: minutes_ago(100),
            to: latest,
        };
        for key in &keys {
            let here = all
                .iter()
                .filter(|(hotel, room, _)| *key == RoomKey::new(hotel, room));
            let expected: Vec<i64> = here.map(|row| row.2).collect();
            assert_eq!(found[key], expected, "{charset}: {key}");
            if expected.is_empty() {
                continue;
            }
            let mut of_archive = Vec::new();
            let mut take =
                |_, reading: roomwatt::types::Reading| of_archive.push(reading.register.0 / 1_000);
            archive(&rig)
                .readings(Some(key), span, &mut take)
                .expect("readings");
            assert_eq!(of_archive, expected, "{charset}: {key}");
        }
        stored.insert(charset, count);
    }
    // The tables could hold what the test is about.
    assert_eq!(
        (stored["gb2312"], stored["big5"], stored["latin1"]),
        (7, 4, 3),
        "{stored:?}"
    );
    rig.roomwatt(&["init-db"]);
    rig.finish();
}

const PADDED: [(&str, &str); 9] = [
    ("H1", "120"),
    ("H1", "120  "),
    ("H1", " 120"),
    (" H1 ", "120"),
    ("H1", "\u{3000}120"),
    ("H1", "130 "),
    ("H1", "  140"),
    ("H1\t", "150\t"),
    ("H1", "1 60"),
];

#[test]
fn blanks_around_keys_do_not_count() {
    let mut rig = Rig::new("padded");
    rig.count_work();
    rig.configure("[meter]\ntable = 'raw'\nid = 'no'");
    let keys = ["120", "130", "140", "150", "1 60", "60"].map(|room| RoomKey::new("H1", room));
    for (kind, charset) in [
        ("VARCHAR", "utf8mb4 COLLATE utf8mb4_unicode_ci"),
        ("VARCHAR", "utf8mb4 COLLATE utf8mb4_bin"),
        ("VARCHAR", "utf8mb4 COLLATE utf8mb4_nopad_bin"),
        ("VARCHAR", "utf8mb4 COLLATE utf8mb4_unicode_nopad_ci"),
        ("VARCHAR", "gbk"),
        ("CHAR", "utf8mb4"),
        ("CHAR", "utf8mb4 COLLATE utf8mb4_nopad_bin"),
        ("VARBINARY", ""),
    ] {
        let named = without_padding(&rig, charset);
        let columns = [50, 20].map(|width| match named.as_str() {
            "" => format!("{kind}({width})"),
            charset => format!("{kind}({width}) CHARACTER SET {charset}"),
        });
        let count = in_charset(&rig, &columns[0], &columns[1], &PADDED);
        assert_eq!(count, PADDED.len(), "{kind} {charset}");
        let found = found_by_key(&rig, &keys);
        // Of one time: in the order in which they were stored.
        let expected: [&[i64]; 6] = [&[1, 2, 3, 4, 5], &[6], &[7], &[8], &[9], &[]];
        for (key, expected) in keys.iter().zip(expected) {
            assert_eq!(found[key], expected, "{kind} {charset}: {key}");
            let mut of_archive = Vec::new();
            let mut take = |room: RoomKey, reading: roomwatt::types::Reading| {
                assert_eq!(room, *key);
                of_archive.push(reading.register.0 / 1_000);
            };
            let span = Span {
                after: minutes_ago(100),
                to: minutes_ago(0),
            };
            archive(&rig)
                .readings(Some(key), span, &mut take)
                .expect("readings");
            assert_eq!(of_archive, expected, "{kind} {charset}: {key}");
        }
    }
    rig.roomwatt(&["init-db"]);
    rig.finish();
}

/// A room that only comes up with blanks while the service runs.
#[test]
fn a_spelling_with_blanks_is_learned_from_the_stream() {
    for by in [By::Id, By::Time] {
        let mut rig = rig_by(by, "padstream");
        let reader = reader(&rig);
        let latest = minutes_ago(0);
        let wanted = Wanted {
            room: RoomKey::new("H1", "120"),
            after: minutes_ago(600),
            until: LocalTime::LAST,
        };
        rig.meter("H1", "1", &minutes_ago(60).to_string(), "1");
        let read = || {
            let found = reader.readings_up_to(std::slice::from_ref(&wanted), latest, None);
            found.expect("readings")[&wanted.room].len()
        };
        assert_eq!(read(), 0);
        let mut tail = None;
        stream(&reader, &mut tail, latest);
        rig.meter("H1", "\t120", &minutes_ago(30).to_string(), "1");
        stream(&reader, &mut tail, latest);
        assert_eq!(read(), 1, "{by:?}");
        rig.roomwatt(&["init-db"]);
        rig.finish();
    }
}

#[test]
fn a_meter_and_a_message_with_blanks_meet() {
    let mut rig = Rig::new("padmeet");
    let left = minutes_ago(240);
    let row = |rig: &Rig, interval: i64| {
        let time = left.plus(interval * 1_800).to_string();
        // Two spellings of one room, in turn.
        let room = if interval % 2 == 0 { " 120" } else { "120  " };
        rig.meter("H1 ", room, &time, &format!("{}.00", 100 + 2 * interval));
    };
    (-1..=2).for_each(|interval| row(&rig, interval));
    rig.publish([check_out("H1", "120 ", left).as_str()]);
    let mut service = rig.start();
    service.wait_until_ready();
    service.wait_for_log("sweep: ");
    (3..=4).for_each(|interval| row(&rig, interval));
    rig.wait_for_rows(
        "SELECT hotel_id, room_number, continuous_periods, CAST(total_consumption AS CHAR) \
         FROM electricity_abnormal",
        &[("H1".to_owned(), "120".to_owned(), 4, "8.00".to_owned())],
    );
    service.stop();
    rig.finish();
}

/// A key that the table's character set has no letters for is found by halving: it costs few
/// statements, and holds nobody up.
#[test]
fn keys_that_a_table_can_not_hold_hold_nobody_up() {
    let mut rig = Rig::new("unholdable");
    rig.count_work();
    rig.configure("[meter]\ntable = 'raw'\nid = 'no'");
    let latin1 = |width| format!("VARCHAR({width}) CHARACTER SET latin1");
    in_charset(&rig, &latin1(50), &latin1(20), &[("H1", "1")]);
    let reader = reader(&rig);
    let latest = minutes_ago(0);
    let mut wanted: Vec<Wanted> = (1..=400)
        .map(|room| Wanted {
            room: RoomKey::new("H9", &room.to_string()),
            after: minutes_ago(100),
            until: LocalTime::LAST,
        })
        .collect();
    wanted[77].room = RoomKey::new("H9", "贵宾3");
    reader
        .readings_up_to(&wanted, latest, None)
        .expect("readings");
    let before = rig.selects();
    let found = reader
        .readings_up_to(&wanted, latest, None)
        .expect("readings");
    let statements = rig.selects() - before;
    assert_eq!(found.values().map(Vec::len).sum::<usize>(), 399);
    // Each that fails costs a new connection, too.
    assert!(statements <= 40, "{statements}");
    rig.roomwatt(&["init-db"]);
    rig.finish();
}
