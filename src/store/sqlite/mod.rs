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

use crate::engine::{MeterTrouble, Watch};
use crate::types::{HotelId, RoomKey, Zone};

use super::{Ownership, Position, StateStore, StoreError, meter_trouble};

use link::Link;

pub use check::check;
pub use lease::FileLease;
pub use outbox::SqliteOutbox;
pub use rejected::SqliteRejected;
pub use schema::{init_file, recognise_file};

/// The layout of `room_state.watch`, for the day it changes.
const WATCH_VERSION: i64 = 1;

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

    fn load_rooms(&mut self, take: &mut dyn FnMut(RoomKey, Watch)) -> Result<(), StoreError> {
        self.connected(|conn| {
            let mut query =
                conn.prepare("SELECT hotel_id, room_number, version, watch FROM room_state")?;
            let mut rows = query.query(())?;
            while let Some(row) = rows.next()? {
                let room = values::room(row, 0)?;
                let watch: String = row.get(3)?;
                let watch = match row.get(2)? {
                    WATCH_VERSION => serde_json::from_str(&watch).map_err(|e| e.to_string()),
                    version => Err(format!("its layout is {version}")),
                };
                let watch = watch.map_err(|why| {
                    StoreError::Unreadable(format!("room_state of {room} can't be read: {why}"))
                })?;
                take(room, watch);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows outlive the version that wrote them; another layout needs another number.
    #[test]
    fn watches_are_read_as_they_have_always_been_written() {
        let written = r#"{"stay":{"kind":"checkout","actual_checkin":null,
            "actual_checkout":"2023-04-10 11:58:00"},
            "initial":{"time":"2023-04-10 11:50:00","register":1000},
            "fold":{"sample":{"time":"2023-04-10 14:00:00","register":3000},"suspect":null,
            "seen":"2023-04-10 14:00:00",
            "run":{"periods":4,"energy":2000,"since":"2023-04-10 12:00:00","told":4}},
            "history":[{"seconds":1800,"energy":500},{"seconds":7200,"energy":null}],
            "interval_seconds":1800}"#;
        let watch: Watch = serde_json::from_str(written).expect("it can be read");
        let again = serde_json::to_value(&watch).expect("JSON");
        let written: serde_json::Value = serde_json::from_str(written).expect("JSON");
        assert_eq!((again, WATCH_VERSION), (written, 1));
    }
}
