//! Rooms read by their keys, however the meter table spells them: in any character set, with blanks
//! around them.

use std::collections::HashMap;

use mysql::prelude::Queryable;

use roomwatt::store::{Archive, MeterStream, MySqlArchive, Scope, Span, Wanted};
use roomwatt::types::{HotelId, LocalTime, RoomKey};

use crate::by_key::{config, reader, stream};
use crate::support::Rig;
use crate::{By, check_out, minutes_ago, rig_by};

fn archive(rig: &Rig) -> MySqlArchive {
    let config = config(rig);
    let mysql = config.mysql.expect("a section");
    MySqlArchive::new(&mysql, config.meter, config.messages.zone)
}

/// A table whose keys are in these character sets: 5,000 rows of others, and one row of each of
/// `rooms`, as they are spelled.
fn in_charset(rig: &Rig, hotel: &str, room: &str, rooms: &[(&str, &str)]) -> usize {
    let mut conn = rig.conn();
    conn.query_drop("DROP TABLE IF EXISTS raw")
        .expect("dropped");
    conn.query_drop(format!(
        "CREATE TABLE raw (no BIGINT AUTO_INCREMENT PRIMARY KEY, hotel_id {hotel}, \
         room_number {room}, reading_value DECIMAL(10,2), script_time DATETIME, \
         INDEX (hotel_id, room_number), INDEX (script_time))"
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
            "INSERT INTO raw (hotel_id, room_number, reading_value, script_time) \
             VALUES (?, ?, ?, ?)",
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
                .readings(Scope::Room(key), span, &mut take)
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
        let span = Span {
            after: minutes_ago(100),
            to: minutes_ago(0),
        };
        let mut of_hotel: Vec<(RoomKey, i64)> = Vec::new();
        let mut take = |room, reading: roomwatt::types::Reading| {
            of_hotel.push((room, reading.register.0 / 1_000));
        };
        archive(&rig)
            .readings(Scope::Hotel(&HotelId::new("H1")), span, &mut take)
            .expect("readings");
        for (key, expected) in keys.iter().zip(expected) {
            assert_eq!(found[key], expected, "{kind} {charset}: {key}");
            let here = of_hotel.iter().filter(|(room, _)| room == key);
            let here: Vec<i64> = here.map(|(_, register)| *register).collect();
            assert_eq!(here, expected, "{kind} {charset}: {key}");
            let mut of_archive = Vec::new();
            let mut take = |room: RoomKey, reading: roomwatt::types::Reading| {
                assert_eq!(room, *key);
                of_archive.push(reading.register.0 / 1_000);
            };
            archive(&rig)
                .readings(Scope::Room(key), span, &mut take)
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
/// statements, and delays no other.
#[test]
fn keys_that_a_table_can_not_hold_delay_no_other() {
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
