//! A database of version 0.1, which knew of a room its last stay alone, without an id: what later
//! messages say is said of that stay.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;

use roomwatt::config::Config;
use roomwatt::engine::{Arrival, Departure, Fact, RoomState, Stay, StayId};
use roomwatt::store::{Archive, Database, Scope};
use roomwatt::types::{LocalTime, RoomKey};

use crate::embedded::alone;
use crate::stays::{arrived, body, left, moved, send};
use crate::support::Rig;
use crate::support::intake::wait_until_served;
use crate::{check_in, finished, minutes_ago};

/// Rooms without a run, and two in which the staff was notified of one.
const QUIET: [&str; 6] = ["102", "103", "104", "105", "106", "108"];
const ALERTED: [&str; 2] = ["101", "107"];

#[test]
fn a_mysql_database_of_0_1_takes_messages_of_all_kinds() {
    let mut rig = Rig::new("upgrade");
    rig.execute("ALTER TABLE silent_hotel DROP COLUMN kind");
    rig.before_migration(6);
    let address = rig.listen();
    upgrade(&mut rig, None, address);
    rig.finish();
}

#[test]
fn an_embedded_database_of_0_1_takes_messages_of_all_kinds() {
    let (mut rig, address) = alone("upgrade");
    let file = rig.config().with_file_name("hotel.db");
    let conn = rusqlite::Connection::open(&file).expect("a file");
    let tables = include_str!("../../sql/embedded/001_tables.sql");
    conn.execute_batch(tables).expect("tables");
    conn.execute_batch("PRAGMA user_version = 1")
        .expect("a version");
    upgrade(&mut rig, Some(&file), address);
    rig.finish();
}

/// Writes a room as version 0.1 did: its watch, which has seen a reading at `sample`, and the row
/// of that.
fn old_room(rig: &Rig, file: Option<&Path>, room: &str, stay: &Stay, sample: LocalTime) {
    let since = stay.time();
    let has_run = ALERTED.contains(&room);
    let (columns, times) = match *stay {
        Stay::Occupied {
            check_in,
            expected_checkout,
        } => (
            "check_in_time, expected_checkout_time",
            [Some(check_in), expected_checkout],
        ),
        Stay::Vacant {
            actual_checkin,
            actual_checkout,
        } => (
            "actual_checkout_time, actual_checkin_time",
            [Some(actual_checkout), actual_checkin],
        ),
    };
    let kind = stay.kind().as_str();
    let monitoring = |times: [String; 2]| {
        format!(
            "INSERT INTO electricity_monitoring (hotel_id, room_number, msg_type, {columns}) \
             VALUES ('H001', '{room}', '{kind}', {})",
            times.join(", ")
        )
    };
    match file {
        None => {
            let time =
                |time: Option<LocalTime>| time.map_or("NULL".to_owned(), |t| format!("'{t}'"));
            let run = match has_run {
                true => format!("'{since}', 6, 12000, 4"),
                false => "NULL, NULL, NULL, NULL".to_owned(),
            };
            rig.execute(&monitoring(times.map(time)));
            rig.execute(&format!(
                "INSERT INTO room_state (hotel_id, room_number, msg_type, stay_time, other_time, \
                 sample_time, sample_wh, seen_time, run_since, run_periods, run_wh, run_told, \
                 interval_seconds, history, version) VALUES ('H001', '{room}', '{kind}', \
                 '{since}', {}, '{sample}', 112000, '{sample}', {run}, 1800, '', 1)",
                time(times[1])
            ));
        }
        Some(file) => {
            let time = |time: Option<LocalTime>| {
                time.map_or("NULL".to_owned(), |time| time.seconds().to_string())
            };
            let run =
                json!({"periods": 6, "energy": 12_000, "since": since.to_string(), "told": 4});
            let watch = json!({
                "stay": stay, "initial": null, "history": [], "interval_seconds": 1_800,
                "fold": {
                    "sample": {"time": sample.to_string(), "register": 112_000},
                    "suspect": null, "seen": sample.to_string(), "run": has_run.then_some(run),
                },
            });
            let conn = rusqlite::Connection::open(file).expect("a file");
            let row = monitoring(times.map(time));
            let watch = format!("INSERT INTO room_state VALUES ('H001', '{room}', 1, '{watch}')");
            conn.execute_batch(&format!("{row}; {watch}"))
                .expect("rows");
        }
    }
}

fn archive(rig: &Rig) -> Box<dyn Archive> {
    let config = Config::load(Some(&rig.config()), &[]).expect("a configuration");
    Database::of(&config).archive()
}

fn rooms(rig: &Rig) -> BTreeMap<String, RoomState> {
    let mut rooms = BTreeMap::new();
    let mut take = |room: RoomKey, state| {
        rooms.insert(room.room_number.as_str().to_owned(), state);
    };
    archive(rig).rooms(&mut take).expect("rooms");
    rooms
}

/// The last stay of each room that is recorded.
fn recorded(rig: &Rig) -> BTreeMap<String, Stay> {
    let mut stays = BTreeMap::new();
    let mut take = |room: RoomKey, stay| {
        stays.insert(room.room_number.as_str().to_owned(), stay);
    };
    archive(rig)
        .stays(Scope::All, LocalTime::LAST, &mut take)
        .expect("stays");
    stays
}

fn upgrade(rig: &mut Rig, file: Option<&Path>, address: SocketAddr) {
    rig.configure(
        "[message_types]\nmove = 'MV'\nextend = 'EX'\ncancel_checkin = 'CI'\n\
         cancel_checkout = 'CO'",
    );
    let [came, at, sample] = [600, 300, 10].map(minutes_ago);
    let text = |time: LocalTime| time.to_string();
    let tomorrow = minutes_ago(-1_440);
    let occupied = Stay::Occupied {
        check_in: came,
        expected_checkout: None,
    };
    let vacant = Stay::Vacant {
        actual_checkin: None,
        actual_checkout: came,
    };
    for room in QUIET.into_iter().chain(ALERTED) {
        let stay = match room {
            "105" | "106" => &vacant,
            // Nothing was known of the room to which a guest moves.
            "102" => continue,
            _ => &occupied,
        };
        old_room(rig, file, room, stay, sample);
    }
    let upgraded = rig.roomwatt(&["init-db"]);
    assert_eq!(finished(&upgraded).0, Some(0), "{upgraded:?}");
    // One arrival or departure each, without an id.
    for (room, state) in rooms(rig) {
        let fact = match state.watch.stay.kind().as_str() {
            "checkin" => Fact::Arrival(Arrival {
                id: None,
                since: came,
                named: None,
                expected: None,
            }),
            _ => Fact::Departure(Departure {
                id: None,
                checkin: None,
                until: came,
            }),
        };
        assert_eq!(state.occupancy.facts(), [fact], "{room}");
    }

    let service = rig.start();
    wait_until_served(address);
    let mut extended = json!({"expected_checkout_time": text(tomorrow), "stay_id": "G"});
    extended["check_in_time"] = text(came).into();
    let bodies = [
        // The guest who moves has a number by now.
        moved("101", "102", at, ("stay_id", "A")),
        // So has the one who leaves: it is the party without.
        left("103", "B", at),
        // And the one of whom it is said only now, once more: the stay takes it.
        arrived("104", "C", came),
        left("104", "D", at),
        // Undone at once, in a vacant room.
        check_in("H001", "105", at),
        body(
            "105",
            "5710013",
            json!({
                "actual_checkin_time": text(at), "actual_checkout_time": text(at),
            }),
        ),
        // A guest who had not left, after all.
        body(
            "106",
            "CO",
            json!({"cancel_time": text(at), "check_in_time": text(minutes_ago(900))}),
        ),
        body("107", "EX", extended),
        body(
            "108",
            "CI",
            json!({"cancel_time": text(at), "check_in_time": text(came)}),
        ),
    ];
    send(rig, Some(address), &bodies);
    let rooms = rooms(rig);
    let now = rooms.iter().map(|(room, state)| {
        let stay = state.watch.stay;
        (room.as_str(), stay.kind().as_str(), stay.time())
    });
    assert_eq!(
        now.collect::<Vec<_>>(),
        [
            ("101", "checkout", at),
            ("102", "checkin", at),
            ("103", "checkout", at),
            ("104", "checkin", came),
            ("105", "checkout", at),
            ("106", "checkin", at),
            ("107", "checkin", came),
            ("108", "checkout", at),
        ]
    );
    let stays = rooms
        .iter()
        .map(|(room, state)| (room.clone(), state.watch.stay));
    assert_eq!(recorded(rig), stays.collect());
    // The stay of 0.1 is the one that has got the number.
    let guests = rooms["104"].occupancy.picture(600).guests;
    assert_eq!(guests.len(), 1, "{guests:?}");
    assert_eq!(guests[0].id, Some(StayId::new("C")));
    // Its watch, its run and what the staff was notified of go on with an extension, and end with a
    // move.
    let of = |room: &str| {
        (
            rooms[room].watches,
            rooms[room].watch.fold.run.map(|run| run.periods),
        )
    };
    assert_eq!([of("107"), of("101")], [(0, Some(6)), (1, None)]);
    let expected = Stay::Occupied {
        check_in: came,
        expected_checkout: Some(tomorrow),
    };
    assert_eq!(rooms["107"].watch.stay, expected);
    let log = service.stop();
    let closed = log.lines().filter(|line| line.contains("closed H001/"));
    let closed: Vec<&str> = closed.collect();
    assert!(
        matches!(closed[..], [line] if line.contains("closed H001/101 occupied: ")),
        "{log}"
    );
}
