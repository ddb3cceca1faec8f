//! What pages read from the database: a few at a time, each over connections of its own, so that
//! readers of pages take nothing from those who judge.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::{Mutex, MutexGuard};

use crate::store::{Archive, Database, Reader, Readings, StoreError, Wanted};
use crate::types::{LocalTime, RoomKey};

/// Pages that read at a time.
const AT_A_TIME: usize = 3;

/// How long one waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// The past, for pages.
pub struct Archives {
    database: Database,
    /// Of single rooms. It connects when it is first used.
    meters: Arc<dyn Reader>,
    /// A message for each free turn.
    free: Receiver<()>,
    back: Sender<()>,
    /// Held by who compares rules: that takes more than a page does.
    alone: Mutex<()>,
}

/// Why a page can't be shown.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is no such room for the viewer.
    Missing,
    /// Too many pages read at once.
    Busy,
    /// Somebody else compares rules, or it takes too long.
    Comparing,
    Store(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Trouble {
        Trouble::Store(error)
    }
}

/// A turn, until it is dropped.
struct Turn<'a>(&'a Sender<()>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.try_send(());
    }
}

impl Archives {
    pub fn new(database: Database) -> Archives {
        let (back, free) = bounded(AT_A_TIME);
        for _ in 0..AT_A_TIME {
            // The channel has room for all of them.
            let _ = back.try_send(());
        }
        Archives {
            meters: database.reader(),
            database,
            free,
            back,
            alone: Mutex::new(()),
        }
    }

    /// The turn of who compares rules, if it comes in this time.
    pub(super) fn alone(&self, within: Duration) -> Option<MutexGuard<'_, ()>> {
        self.alone.try_lock_for(within)
    }

    /// Reads when it is one's turn.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&mut dyn Archive) -> Result<T, StoreError>,
    ) -> Result<T, Trouble> {
        let _turn = self.turn()?;
        Ok(read(&mut *self.database.archive())?)
    }

    /// The readings of these rooms by key, up to `latest`.
    pub(super) fn readings(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
    ) -> Result<HashMap<RoomKey, Readings>, Trouble> {
        let _turn = self.turn()?;
        Ok(self.meters.readings_up_to(wanted, latest, None)?)
    }

    fn turn(&self) -> Result<Turn<'_>, Trouble> {
        match self.free.recv_timeout(TURN_TIMEOUT) {
            Ok(()) => Ok(Turn(&self.back)),
            Err(_) => Err(Trouble::Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn one_viewer_compares_at_a_time() {
        let setting = "embedded.path=/nowhere/pages.db"
            .parse()
            .expect("a setting");
        let config = Config::of_settings(&[setting]).expect("a configuration");
        let archives = Archives::new(Database::of(&config));
        let first = archives.alone(Duration::ZERO);
        assert!(first.is_some() && archives.alone(Duration::ZERO).is_none());
        drop(first);
        assert!(archives.alone(Duration::ZERO).is_some());
    }
}
