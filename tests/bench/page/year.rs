//! A year of readings of the first hotel, each ten minutes, in the original program's table: made
//! once, and kept for the next time.

use mysql::Conn;
use mysql::prelude::Queryable;

use roomwatt::engine::{Opening, Stay};
use roomwatt::store::{Database, Plan};

use crate::instance::{Size, run, start, stay};

/// Where it is kept.
const KEPT: &str = "roomwatt_bench_kept";

const DAYS: i64 = 365;
const HOUR: i64 = 3_600;
const READINGS_A_DAY: i64 = 144;

/// How long each stay before the present one was. Hours.
const STAY: i64 = 48;

fn kept(size: Size) -> String {
    format!("{KEPT}.smart_meter_{}", size.hotel)
}

/// Takes it back from the database of an instance that has used it.
pub fn put_back(conn: &mut Conn, database: &str, size: Size) {
    run(conn, &format!("CREATE DATABASE IF NOT EXISTS {KEPT}"));
    let is_kept = is_there(conn, KEPT, &format!("smart_meter_{}", size.hotel));
    if !is_kept && is_there(conn, database, "smart_meter") {
        run(
            conn,
            &format!(
                "DELETE FROM {database}.smart_meter WHERE script_time > '{}'",
                start()
            ),
        );
        rename(conn, &format!("{database}.smart_meter"), &kept(size));
    }
}

/// Gives it to the database of an instance.
pub fn hand_out(conn: &mut Conn, database: &str, size: Size) {
    if !is_there(conn, KEPT, &format!("smart_meter_{}", size.hotel)) {
        load(conn, database, size);
    }
    // In the place of the empty one.
    run(conn, &format!("DROP TABLE {database}.smart_meter"));
    rename(conn, &kept(size), &format!("{database}.smart_meter"));
}

fn rename(conn: &mut Conn, from: &str, to: &str) {
    run(conn, &format!("RENAME TABLE {from} TO {to}"));
}

fn is_there(conn: &mut Conn, database: &str, table: &str) -> bool {
    let there: Option<u8> = conn
        .exec_first(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?",
            (database, table),
        )
        .expect("an answer");
    there.is_some()
}

/// By day each room uses more than by night; each tenth has a heater on, four hours of three days.
/// All meters show the same at the end.
fn load(conn: &mut Conn, database: &str, size: Size) {
    let (rooms, slots) = (size.hotel, DAYS * READINGS_A_DAY);
    println!(
        "loading {} readings",
        i64::from(rooms) * DAYS * READINGS_A_DAY
    );
    let loading = format!("{KEPT}.loading");
    run(conn, &format!("DROP TABLE IF EXISTS {loading}"));
    run(
        conn,
        &format!("CREATE TABLE {loading} LIKE {database}.smart_meter"),
    );
    // They are made at once in the end.
    let indexes = ["idx_hotel_room", "idx_script_time"];
    let drop = indexes
        .map(|index| format!("DROP INDEX {index}"))
        .join(", ");
    run(conn, &format!("ALTER TABLE {loading} {drop}"));
    let used = |slot: &str| {
        format!(
            "({slot} * 0.012 + 0.25 * (1 - COS({slot} * PI() / 72)) \
             + IF(n.place % 10 = 0, ({slot} DIV 432) * 9.6 + LEAST({slot} % 432, 24) * 0.4, 0))"
        )
    };
    let part = 5 * READINGS_A_DAY;
    for first in (0..slots).step_by(usize::try_from(part).expect("a number")) {
        let rows = |slot: i64| slot * i64::from(rooms);
        run(
            conn,
            &format!(
                "INSERT INTO {loading} (hotel_id, room_number, reading_value, script_time) \
                 SELECT '{}', CONCAT(100 + n.place), 10000 - {} + {}, \
                 '{}' - INTERVAL ({slots} - n.slot) * 600 SECOND + INTERVAL n.place SECOND \
                 FROM (SELECT seq DIV {rooms} AS slot, seq % {rooms} AS place \
                 FROM {KEPT}.seq_{}_to_{}) AS n",
                size.key(0).hotel_id,
                used(&slots.to_string()),
                used("n.slot"),
                start(),
                rows(first),
                rows(first + part) - 1,
            ),
        );
    }
    let [of_room, of_time] = indexes;
    run(
        conn,
        &format!(
            "ALTER TABLE {loading} ADD INDEX {of_room} (hotel_id, room_number), \
             ADD INDEX {of_time} (script_time)"
        ),
    );
    run(conn, &format!("ANALYZE TABLE {loading}"));
    rename(conn, &loading, &kept(size));
}

/// The stays of a room before the present one, the newest first.
pub fn stays_of(room: u32) -> impl Iterator<Item = Stay> {
    let is_vacant = matches!(stay(room), Stay::Vacant { .. });
    (1..DAYS * 24 / STAY).map(move |nth| {
        let begins = start().plus(-nth * STAY * HOUR);
        match is_vacant == (nth % 2 == 0) {
            true => Stay::Vacant {
                actual_checkin: None,
                actual_checkout: begins,
            },
            false => Stay::Occupied {
                check_in: begins,
                expected_checkout: None,
            },
        }
    })
}

/// Writes the rows of these stays, and of the present one.
pub fn write_stays(database: &Database, size: Size) {
    let mut store = database.store();
    store.take_over().expect("owned");
    for some in (0..size.hotel).collect::<Vec<u32>>().chunks(50) {
        let of = |room: &u32| {
            let mut stays: Vec<Stay> = [stay(*room)].into_iter().chain(stays_of(*room)).collect();
            stays.reverse();
            let key = size.key(*room);
            let opening = move |stay| {
                let initial = None;
                (key.clone(), Opening { stay, initial })
            };
            stays.into_iter().map(opening)
        };
        let plan = Plan {
            openings: some.iter().flat_map(of).collect(),
            ..Plan::default()
        };
        store.commit(&plan).expect("written");
    }
}
