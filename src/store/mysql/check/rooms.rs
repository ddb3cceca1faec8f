//! Compares the watched rooms with the rooms of the meter table.

use std::collections::{BTreeSet, HashMap, HashSet};

use mysql::prelude::Queryable;
use mysql::{Conn, Value};

use crate::config::MeterTable;
use crate::finding::{Finding, Level, Report};
use crate::store::mysql::meter::spellings::Spellings;
use crate::types::spelling::normalized;
use crate::types::{HotelId, RoomKey, counted};

use super::sample::Sample;

const ABOUT: &str = "rooms";

/// Rows of the original program's table that are read if no room is watched yet.
const WATCHES: u32 = 200_000;

/// The most rooms whose older readings are searched for by key, each by one index lookup.
const SEARCHED: usize = 2_000;

/// Keys a statement.
const KEYS: usize = 100;

/// The most rooms that a finding lists.
const LISTED: usize = 10;

/// The watched rooms without readings in the sample.
#[derive(Default)]
struct Missing<'a> {
    /// Rooms with older readings.
    silent: Vec<&'a RoomKey>,
    /// Rooms that the meter table spells otherwise, with that spelling.
    near: Vec<(&'a RoomKey, RoomKey)>,
    /// Rooms without readings in any spelling.
    never: Vec<&'a RoomKey>,
}

pub(super) fn compare(
    conn: &mut Conn,
    meter: &MeterTable,
    sample: &Sample,
    by_key: bool,
    report: Report<'_>,
) -> mysql::Result<()> {
    let Some(oldest) = sample.oldest else {
        return Ok(());
    };
    let watched = match watched(conn) {
        Ok(watched) => watched,
        // Another part of the check has reported the missing table or right with its remedy.
        Err(mysql::Error::MySqlError(error)) if matches!(error.code, 1142 | 1143 | 1146) => {
            let says = format!("they can't be compared: {}", error.message);
            report(Finding::new(Level::Warning, ABOUT, says));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let with_meters = watched
        .iter()
        .filter(|room| sample.rooms.contains_key(room))
        .count();
    report(Finding::ok(
        ABOUT,
        format!(
            "{} watched, {with_meters} of them among the {} with readings since {oldest}; the \
             others of these have had no message",
            counted(watched.len(), "room"),
            sample.rooms.len()
        ),
    ));
    let absent: Vec<&RoomKey> = watched
        .iter()
        .filter(|room| !sample.rooms.contains_key(room))
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    let searched = &absent[..if by_key {
        absent.len().min(SEARCHED)
    } else {
        0
    }];
    let spellings = match searched {
        [] => Spellings::default(),
        _ => Spellings::load(conn, meter, oldest)?,
    };
    let keys = searched.iter().flat_map(|room| spellings.of(room));
    let keys: Vec<RoomKey> = keys.collect();
    let mut older = HashSet::new();
    for keys in keys.chunks(KEYS) {
        match stored(conn, meter, keys) {
            // The table's character set can't hold one of the keys: try each by itself.
            Err(mysql::Error::MySqlError(_)) => {
                for key in keys.chunks(1) {
                    older.extend(stored(conn, meter, key).unwrap_or_default());
                }
            }
            found => older.extend(found?),
        }
    }
    let recent = sample.rooms.keys().cloned().collect();
    let missing = sorted(&absent, &recent, &older);
    let is_all = searched.len() == absent.len();
    report_missing(&missing, is_all, &recent, report);
    Ok(())
}

/// The watched rooms or, if there are none, those of the original program.
fn watched(conn: &mut Conn) -> mysql::Result<BTreeSet<RoomKey>> {
    let mut rooms = BTreeSet::new();
    let newest = format!(
        "SELECT hotel_id, room_number FROM electricity_monitoring ORDER BY id DESC LIMIT {WATCHES}"
    );
    for query in ["SELECT hotel_id, room_number FROM room_state", &newest] {
        for row in conn.query_iter(query)? {
            let (hotel, room): (String, String) = mysql::from_row_opt(row?)?;
            rooms.insert(RoomKey::trimmed(&hotel, &room));
        }
        if !rooms.is_empty() {
            break;
        }
    }
    Ok(rooms)
}

/// The stored keys of one row for each of these keys. They may be spelled otherwise, because the
/// table's collation may ignore differences.
fn stored(conn: &mut Conn, meter: &MeterTable, keys: &[RoomKey]) -> mysql::Result<Vec<RoomKey>> {
    let MeterTable {
        table,
        hotel_id,
        room_number,
        ..
    } = meter;
    let one = format!(
        "(SELECT CAST(`{hotel_id}` AS CHAR), CAST(`{room_number}` AS CHAR) FROM `{table}` \
         WHERE `{hotel_id}` = ? AND `{room_number}` = ? LIMIT 1)"
    );
    let query = vec![one.as_str(); keys.len()].join(" UNION ALL ");
    let values = keys
        .iter()
        .flat_map(|room| [room.hotel_id.as_str(), room.room_number.as_str()].map(Value::from));
    let rows: Vec<(String, String)> = conn.exec(query, values.collect::<Vec<_>>())?;
    Ok(rows
        .iter()
        .map(|(hotel, room)| RoomKey::trimmed(hotel, room))
        .collect())
}

fn sorted<'a>(
    absent: &[&'a RoomKey],
    recent: &HashSet<RoomKey>,
    older: &HashSet<RoomKey>,
) -> Missing<'a> {
    let mut spelled: HashMap<(String, String), &RoomKey> = HashMap::new();
    for room in recent.iter().chain(older) {
        // The smallest, so that the example does not depend on the order of the set.
        let known = spelled.entry(normalized(room)).or_insert(room);
        *known = room.min(known);
    }
    let mut missing = Missing::default();
    for &room in absent {
        if older.contains(room) {
            missing.silent.push(room);
        } else if let Some(&near) = spelled.get(&normalized(room)) {
            missing.near.push((room, near.clone()));
        } else {
            missing.never.push(room);
        }
    }
    missing
}

fn report_missing(missing: &Missing, is_all: bool, recent: &HashSet<RoomKey>, report: Report<'_>) {
    let named = |rooms: &[&RoomKey]| {
        let names: Vec<String> = rooms.iter().take(LISTED).map(|room| quoted(room)).collect();
        names.join(", ")
    };
    if !missing.near.is_empty() {
        let pairs = missing.near.iter().take(LISTED);
        let pairs: Vec<String> = pairs
            .map(|(room, near)| format!("{} for {}", quoted(room), quoted(near)))
            .collect();
        let says = format!(
            "{} never judged, because the meter table spells their keys otherwise: {}",
            counted(missing.near.len(), "watched room"),
            pairs.join(", ")
        );
        report(Finding::new(Level::Warning, ABOUT, says).remedy(
            "keys are compared byte for byte, except for blanks around them: spell them alike in \
             the messages, or in a view of the meter table",
        ));
    }
    if !missing.never.is_empty() {
        let hotels: HashSet<&HotelId> = recent.iter().map(|room| &room.hotel_id).collect();
        let unknown: BTreeSet<&HotelId> = missing.never.iter().map(|room| &room.hotel_id).collect();
        let unknown: Vec<String> = (unknown.difference(&hotels.into_iter().collect()))
            .take(LISTED)
            .map(|hotel| format!("\"{hotel}\""))
            .collect();
        let hotels = match unknown.as_slice() {
            [] => String::new(),
            hotels => format!("; the meter table has no hotel {}", hotels.join(", ")),
        };
        let what = if is_all {
            "never judged, because the meter table does not have their keys"
        } else {
            "without recent readings in any spelling; not all were searched for in older ones"
        };
        let says = format!(
            "{} {what}: {}{hotels}",
            counted(missing.never.len(), "watched room"),
            named(&missing.never)
        );
        report(
            Finding::new(Level::Warning, ABOUT, says)
                .remedy("check that messages and meters name hotels and rooms alike"),
        );
    }
    if !missing.silent.is_empty() {
        let says = format!(
            "{} with older readings only: {}",
            counted(missing.silent.len(), "watched room"),
            named(&missing.silent)
        );
        report(Finding::new(Level::Warning, ABOUT, says).remedy("check their meters"));
    }
}

/// A key in quotes, so that blanks can be seen.
fn quoted(room: &RoomKey) -> String {
    format!("\"{room}\"")
}
