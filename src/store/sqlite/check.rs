use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::{Connection, params};

use crate::engine::{Rules, Steps};
use crate::finding::{Finding, Level, Report};
use crate::store::{Scope, StoreError, coarse, shared};
use crate::types::{RoomKey, WattHours, counted};

use super::link::Link;
use super::{load_rooms, values};

/// Checks the embedded database for an operator, without changing anything.
pub fn check(path: &Path, rules: &Rules, report: Report<'_>) {
    let about = format!("embedded database {}", path.display());
    if !path.exists() {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        report(match folder {
            Some(folder) if !folder.is_dir() => {
                let says = format!("the folder {} does not exist", folder.display());
                Finding::new(Level::Wrong, about, says)
                    .remedy("create it, or correct embedded.path")
            }
            _ => Finding::new(Level::Advice, about, "does not exist yet")
                .remedy("the service creates it, or roomwatt init-db"),
        });
        return;
    }
    let open = || Link::open(path);
    let read = open().and_then(|mut link| link.with(|conn| Ok((contents(conn)?, newest(conn)?))));
    let rooms = match read {
        Ok((contents, rooms)) => {
            report(Finding::ok(&about, contents));
            rooms
        }
        Err(error) => {
            let level = match error {
                StoreError::Conflict(_) => Level::Unreachable,
                _ => Level::Wrong,
            };
            let says = error.to_string();
            let says = says.strip_prefix(&format!("{about}: ")).unwrap_or(&says);
            return report(Finding::new(level, &about, says));
        }
    };
    coarse::report_rooms(&rooms, rules, &about, report);
    shared::report_rooms(rules, report, |take| {
        open()?.with(|conn| load_rooms(conn, Scope::All, take))
    });
    // Version 0.1 left the mode to the umask. The service and init-db correct it.
    let mode = fs::metadata(path).map_or(0, |file| file.permissions().mode());
    if mode & 0o077 != 0 {
        let remedy = format!("chmod 600 {}", path.display());
        report(
            Finding::new(Level::Advice, about, "others on this machine can read it").remedy(remedy),
        );
    }
}

/// What the database contains, in a line. Fails if it can't be written.
fn contents(conn: &Connection) -> Result<String, StoreError> {
    let number = |query| {
        let row = conn.query_row(query, (), |row| row.get::<_, i64>(0));
        row.map(i64::unsigned_abs)
    };
    let rooms = number("SELECT count(*) FROM room_state")?;
    // The largest id is the number of rows: ids are never used twice, and no row is deleted.
    let readings = number("SELECT coalesce(max(id), 0) FROM smart_meter")?;
    let waiting = number("SELECT count(*) FROM notification WHERE state = 'pending'")?;
    // SQLite opens a file that can't be written for reading only, without an error.
    if conn.is_readonly(rusqlite::MAIN_DB)? {
        let why = "it can't be written; this user needs the right to write it";
        return Err(StoreError::File(why.to_owned()));
    }
    conn.execute_batch("BEGIN IMMEDIATE; ROLLBACK")?;
    Ok(format!(
        "{} watched, {}, {} to be sent",
        counted(rooms, "room"),
        counted(readings, "reading"),
        counted(waiting, "notice")
    ))
}

/// The rooms of the newest readings, with what these say of their meters' steps.
fn newest(conn: &Connection) -> Result<HashMap<RoomKey, Steps>, StoreError> {
    let mut query = conn.prepare(
        "WITH newest AS (SELECT id, hotel_id, room_number, reading_wh, script_time \
         FROM smart_meter ORDER BY id DESC LIMIT ?1) \
         SELECT hotel_id, room_number, reading_wh FROM newest \
         WHERE script_time >= (SELECT max(script_time) FROM newest) - ?2 ORDER BY id DESC",
    )?;
    let mut rows = query.query(params![coarse::SAMPLE.cast_signed(), coarse::DAY])?;
    let mut rooms: HashMap<RoomKey, Steps> = HashMap::new();
    while let Some(row) = rows.next()? {
        let register: WattHours = row.get(2)?;
        rooms
            .entry(values::room(row, 0)?)
            .or_default()
            .add(register);
    }
    Ok(rooms)
}
