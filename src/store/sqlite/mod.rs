//! The embedded store: one SQLite file, for a hotel without a database server.
//!
//! It uses a write-ahead log (WAL) and flushes every COMMIT: readers never wait for writers, and
//! committed data survive a crash of the process or the machine. SQLite allows one writer at a
//! time, so the owner and the intake of readings wait for each other, for milliseconds.

mod archive;
mod check;
mod commit;
mod connect;
mod incidents;
mod key;
mod lease;
mod link;
mod meter;
mod outbox;
mod place;
mod rejected;
mod schema;
mod thresholds;
mod values;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use rusqlite::{Connection, params_from_iter};

use crate::engine::baseline::HotelMemory;
use crate::engine::{DayEnergy, HotelState, Incident, MeterTrouble, RoomState};
use crate::types::{HotelId, LocalTime, RoomKey, WattHours, Zone};

use super::{
    Archive, Ownership, Position, Reader, Scope, StateStore, StoreError, meter_trouble, room,
};

use link::Link;

pub use check::check;
pub use key::{installation_key, rotate_key};
pub use lease::FileLease;
pub use outbox::SqliteOutbox;
pub use rejected::SqliteRejected;
pub use schema::{init_file, verify_file};

/// So many steps of SQLite's, some milliseconds, between two looks at the time.
const CHECKED_AFTER: i32 = 100_000;

/// The writer of the state, on a connection of its own that is replaced after an error.
pub struct SqliteStore {
    path: PathBuf,
    link: Option<Link>,
    ownership: Ownership,
}

/// Reads and adds readings, and reads the outbox. Threads may share it.
#[derive(Clone)]
pub struct SqliteFile {
    path: PathBuf,
    zone: Zone,
    /// Idle connections, at most as many as threads have used it at the same time.
    idle: Arc<Mutex<Vec<Link>>>,
    /// From when on its work fails.
    until: Option<Instant>,
}

impl SqliteStore {
    pub fn new(path: &Path) -> SqliteStore {
        SqliteStore {
            path: path.to_owned(),
            link: None,
            ownership: Ownership {
                epoch: 0,
                seq: 0,
                position: None,
            },
        }
    }

    /// Does `work` on the connection. After an error the connection is closed, which rolls back its
    /// transaction.
    fn connected<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut link = match self.link.take_if(|link| link.is_current()) {
            Some(link) => link,
            None => Link::open(&self.path)?,
        };
        let result = link.with(work);
        self.link = result.is_ok().then_some(link);
        result
    }
}

impl StateStore for SqliteStore {
    /// Also creates or migrates the file: unlike a server's schema this needs no special rights.
    fn take_over(&mut self) -> Result<Ownership, StoreError> {
        // Logged, so that an operator who has started it in a wrong folder sees why it is empty.
        init_file(&self.path, &|name| {
            let path = self.path.display();
            log::info!("{name} applied to the embedded database {path}");
        })?;
        let ownership = self.connected(|conn| {
            let take = "UPDATE service SET epoch = epoch + 1 RETURNING epoch, seq, meter_id";
            let ownership = conn.query_row(take, (), |row| {
                let meter_id: Option<i64> = row.get(2)?;
                Ok(Ownership {
                    epoch: values::number(row, 0)?,
                    seq: values::number(row, 1)?,
                    position: meter_id.map(|id| Position::Id(id.cast_unsigned())),
                })
            })?;
            Ok(ownership)
        })?;
        self.ownership = ownership;
        Ok(ownership)
    }

    fn load_rooms(&mut self, take: &mut dyn FnMut(RoomKey, RoomState)) -> Result<(), StoreError> {
        self.connected(|conn| load_rooms(conn, Scope::All, take))
    }

    fn load_meter_troubles(
        &mut self,
        take: &mut dyn FnMut(HotelId, MeterTrouble),
    ) -> Result<(), StoreError> {
        self.connected(|conn| {
            let mut query = conn.prepare("SELECT hotel_id, since, kind FROM silent_hotel")?;
            let mut rows = query.query(())?;
            while let Some(row) = rows.next()? {
                let (hotel, kind): (String, String) = (row.get(0)?, row.get(2)?);
                let trouble = meter_trouble(&hotel, &kind, values::time(row, 1)?)?;
                take(HotelId::new(&hotel), trouble);
            }
            Ok(())
        })
    }

    fn load_hotels(&mut self, take: &mut dyn FnMut(HotelId, HotelState)) -> Result<(), StoreError> {
        self.connected(|conn| {
            let mut query = conn.prepare(
                "SELECT hotel_id, rise_time, level_time, energy_day, energy_wh FROM hotel_state",
            )?;
            let mut rows = query.query(())?;
            while let Some(row) = rows.next()? {
                let hotel: String = row.get(0)?;
                let (rise, level) = (values::time(row, 1)?, values::time(row, 2)?);
                let day = values::time(row, 3)?;
                let energy = row.get::<_, Option<WattHours>>(4)?.unwrap_or_default();
                let state = HotelState {
                    memory: HotelMemory { rise, level },
                    energy: DayEnergy { day, energy },
                };
                take(HotelId::new(&hotel), state);
            }
            Ok(())
        })
    }

    fn load_incidents(&mut self, take: &mut dyn FnMut(Incident)) -> Result<(), StoreError> {
        self.connected(|conn| incidents::load(conn, take))
    }

    fn first_alert(
        &mut self,
        room: &RoomKey,
        after: LocalTime,
    ) -> Result<Option<LocalTime>, StoreError> {
        self.connected(|conn| incidents::first_alert(conn, room, after))
    }
}

/// Passes the states of some rooms to `take`.
fn load_rooms(
    conn: &Connection,
    of: Scope<'_>,
    take: &mut dyn FnMut(RoomKey, RoomState),
) -> Result<(), StoreError> {
    let (of_room, key) = archive::condition(of);
    let mut query = conn.prepare(&format!(
        "SELECT hotel_id, room_number, version, state FROM room_state WHERE {of_room}"
    ))?;
    let mut rows = query.query(params_from_iter(key))?;
    while let Some(row) = rows.next()? {
        let room = values::room(row, 0)?;
        let state = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
        let state = room::read(&room, row.get(2)?, state)?;
        take(room, state);
    }
    Ok(())
}

impl SqliteFile {
    /// The database in this file, which must exist when it is used.
    pub fn new(path: &Path, zone: Zone) -> SqliteFile {
        SqliteFile {
            path: path.to_owned(),
            zone,
            idle: Arc::default(),
            until: None,
        }
    }

    /// Does `work` on a connection that no other thread uses.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // Not inside the match, which would hold the lock while the file is opened.
        let idle = {
            let mut idle = self.idle.lock();
            idle.retain(Link::is_current);
            idle.pop()
        };
        let mut link = match idle {
            Some(link) => link,
            None => Link::open(&self.path)?,
        };
        let result = link.with(|conn| within(conn, self.until, work));
        if result.is_ok() {
            self.idle.lock().push(link);
        }
        result
    }
}

/// Does `work` on a connection, which fails from a time on.
fn within<T>(
    conn: &mut Connection,
    until: Option<Instant>,
    work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let Some(until) = until else {
        return work(conn);
    };
    if Instant::now() >= until {
        return Err(StoreError::too_long());
    }
    conn.progress_handler(CHECKED_AFTER, Some(move || Instant::now() >= until))?;
    let done = work(conn)?;
    conn.progress_handler(0, None::<fn() -> bool>)?;
    Ok(done)
}

impl Reader for SqliteFile {
    fn archive(&self) -> Box<dyn Archive + Send> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn work_that_is_to_end_is_cut_off() {
        let mut conn = Connection::open_in_memory().expect("a database");
        let forever = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) \
                       SELECT COUNT(*) FROM n";
        let mut count = |until, statement: &str| {
            within(&mut conn, until, |conn| {
                Ok(conn.query_row(statement, (), |row| row.get::<_, i64>(0))?)
            })
        };
        let soon = Instant::now() + Duration::from_millis(100);
        count(Some(soon), forever).expect_err("it never ends by itself");
        count(Some(soon), "SELECT 1").expect_err("it is too late");
        let later = Instant::now() + Duration::from_secs(60);
        assert!(matches!(count(Some(later), "SELECT 1"), Ok(1)));
        assert!(matches!(count(None, "SELECT 1"), Ok(1)));
    }
}
