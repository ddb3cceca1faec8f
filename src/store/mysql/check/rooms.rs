//! The rooms of messages against the rooms of meters.

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

/// Rows of the original program's table that are looked at where no room is watched yet.
const WATCHES: u32 = 200_000;

/// Rooms that are looked for by their keys, one step in an index each.
const LOOKED_FOR: usize = 2_000;

/// Keys a statement.
const KEYS: usize = 100;

/// Rooms that are named as examples.
const NAMED: usize = 10;

/// What was found of the rooms that the sample does not have.
#[derive(Default)]
struct Missing<'a> {
    /// They have older readings.
    silent: Vec<&'a RoomKey>,
    /// The meter table has them in another spelling.
    near: Vec<(&'a RoomKey, RoomKey)>,
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
        // A missing table or right has been told of with its remedy.
        Err(mysql::Error::MySqlError(error)) if matches!(error.code, 1142 | 1143 | 1146) => {
            let says = format!("they are not compared: {}", error.message);
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
    let looked_for = &absent[..if by_key {
        absent.len().min(LOOKED_FOR)
    } else {
        0
    }];
    let spellings = match looked_for {
        [] => Spellings::default(),
        _ => Spellings::look(conn, meter, oldest)?,
    };
    let looked_for_as = looked_for.iter().flat_map(|room| spellings.of(room));
    let looked_for_as: Vec<RoomKey> = looked_for_as.collect();
    let mut older = HashSet::new();
    for keys in looked_for_as.chunks(KEYS) {
        match stored(conn, meter, keys) {
            // A key that the table's character set has no letters for: it hides no other.
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
    let is_all = looked_for.len() == absent.len();
    report_missing(&missing, is_all, &recent, report);
    Ok(())
}

/// The rooms that are watched, or that the original program has left.
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

/// Of each key one row as the meter table has it: its collation may take another spelling for the
/// same.
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
        // Whatever the order of the set: an example is the same each time.
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
        let names: Vec<String> = rooms.iter().take(NAMED).map(|room| quoted(room)).collect();
        names.join(", ")
    };
    if !missing.near.is_empty() {
        let pairs = missing.near.iter().take(NAMED);
        let pairs: Vec<String> = pairs
            .map(|(room, near)| format!("{} for {}", quoted(room), quoted(near)))
            .collect();
        let says = format!(
            "{} never judged, the meters spell their keys otherwise: {}",
            counted(missing.near.len(), "watched room"),
            pairs.join(", ")
        );
        report(Finding::new(Level::Warning, ABOUT, says).remedy(
            "but for blanks around them keys are compared byte for byte: have the messages spell \
             them so, or the meters in a view",
        ));
    }
    if !missing.never.is_empty() {
        let hotels: HashSet<&HotelId> = recent.iter().map(|room| &room.hotel_id).collect();
        let unknown: BTreeSet<&HotelId> = missing.never.iter().map(|room| &room.hotel_id).collect();
        let unknown: Vec<String> = (unknown.difference(&hotels.into_iter().collect()))
            .take(NAMED)
            .map(|hotel| format!("\"{hotel}\""))
            .collect();
        let hotels = match unknown.as_slice() {
            [] => String::new(),
            hotels => format!("; the meters know no hotel {}", hotels.join(", ")),
        };
        let what = if is_all {
            "never judged, no meter has their keys"
        } else {
            "not among them in any spelling, and not all were looked for in older readings"
        };
        let says = format!(
            "{} {what}: {}{hotels}",
            counted(missing.never.len(), "watched room"),
            named(&missing.never)
        );
        report(
            Finding::new(Level::Warning, ABOUT, says)
                .remedy("see that messages and meters name hotels and rooms alike"),
        );
    }
    if !missing.silent.is_empty() {
        let says = format!(
            "{} with older readings only: {}",
            counted(missing.silent.len(), "watched room"),
            named(&missing.silent)
        );
        report(Finding::new(Level::Warning, ABOUT, says).remedy("see to their meters"));
    }
}

/// A key whose blanks can be seen.
fn quoted(room: &RoomKey) -> String {
    format!("\"{room}\"")
}
