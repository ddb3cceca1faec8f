//! The embedded store: one SQLite file, for a hotel without a database server.
//!
//! WAL, and every COMMIT is flushed: readers never wait for writers, and what is committed survives
//! the end of the process as well as of the machine. SQLite has one writer at a time; the
//! state-owner and the intake of readings wait for each other, for milliseconds.

mod archive;
mod check;
mod commit;
mod connect;
mod lease;
mod link;
mod meter;
mod outbox;
mod place;
mod rejected;
mod schema;
mod values;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;

use crate::engine::{MeterTrouble, RoomState};
use crate::types::{HotelId, RoomKey, Zone};

use super::{Ownership, Position, StateStore, StoreError, meter_trouble, room};

use link::Link;

pub use check::check;
pub use lease::FileLease;
pub use outbox::SqliteOutbox;
pub use rejected::SqliteRejected;
pub use schema::{init_file, verify_file};

/// The state's one writer: a connection of its own, made anew after an error.
pub struct SqliteStore {
    path: PathBuf,
    link: Option<Link>,
    ownership: Ownership,
}

/// Reads and adds readings, reads the outbox; may be shared by threads.
#[derive(Clone)]
pub struct SqliteFile {
    path: PathBuf,
    zone: Zone,
    /// Connections that nobody uses now: no more than threads have worked at once.
    idle: Arc<Mutex<Vec<Link>>>,
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

    /// Does `work` on the connection; after an error that connection is given up, and with it
    /// whatever its transaction had done.
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
    /// Creates the file where there is none: nobody else could have.
    fn take_over(&mut self) -> Result<Ownership, StoreError> {
        // Whoever starts it in another folder by mistake sees here why it knows no rooms.
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
        self.connected(|conn| {
            let mut query =
                conn.prepare("SELECT hotel_id, room_number, version, state FROM room_state")?;
            let mut rows = query.query(())?;
            while let Some(row) = rows.next()? {
                let room = values::room(row, 0)?;
                let state = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
                let state = room::read(&room, row.get(2)?, state)?;
                take(room, state);
            }
            Ok(())
        })
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
}

impl SqliteFile {
    /// The file, which has to be there when it is used.
    pub fn new(path: &Path, zone: Zone) -> SqliteFile {
        SqliteFile {
            path: path.to_owned(),
            zone,
            idle: Arc::default(),
        }
    }

    /// Does `work` on a connection that nobody else uses.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // Not in the match: the lock would be held while it works.
        let idle = {
            let mut idle = self.idle.lock();
            idle.retain(Link::is_current);
            idle.pop()
        };
        let mut link = match idle {
            Some(link) => link,
            None => Link::open(&self.path)?,
        };
        let result = link.with(work);
        if result.is_ok() {
            self.idle.lock().push(link);
        }
        result
    }
}
