//! How many pages are made at a time, so that readers of pages take nothing from those who judge:
//! one from memory, and a few that read from the database, each over a connection of its own.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::{Mutex, MutexGuard};

use crate::store::{Archive, Reader, StoreError};

/// Pages that read at a time.
const AT_A_TIME: usize = 3;

/// How long one waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one may read: nobody waits longer for a page.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// The past, for pages.
pub struct Archives {
    /// Those that no page reads from. What is read from one is read over one connection.
    free: Receiver<Box<dyn Archive + Send>>,
    back: Sender<Box<dyn Archive + Send>>,
    /// Held by who compares rules: that takes more than a page does.
    alone: Mutex<()>,
    /// Held while a page is made from memory.
    memory: Mutex<()>,
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

impl Archives {
    /// The archives of the database that `reader` reads, which shares with them what it learns of
    /// the meter table.
    pub fn new(reader: &dyn Reader) -> Archives {
        let (back, free) = bounded(AT_A_TIME);
        for _ in 0..AT_A_TIME {
            // The channel has room for all of them.
            let _ = back.try_send(reader.archive());
        }
        Archives {
            free,
            back,
            alone: Mutex::default(),
            memory: Mutex::default(),
        }
    }

    /// The turn of a page that is made from memory, which takes a millisecond or two. However many
    /// are asked for, they keep one processor busy at most.
    pub(super) fn memory_turn(&self) -> MutexGuard<'_, ()> {
        self.memory.lock()
    }

    /// The turn of who compares rules, if it comes in this time.
    pub(super) fn alone(&self, within: Duration) -> Option<MutexGuard<'_, ()>> {
        self.alone.try_lock_for(within)
    }

    /// Reads when it is one's turn, for [`LIMIT`] at most.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&mut dyn Archive) -> Result<T, StoreError>,
    ) -> Result<T, Trouble> {
        self.read_until(Instant::now() + LIMIT, read)
    }

    /// Reads when it is one's turn, up to a time.
    pub(super) fn read_until<T>(
        &self,
        until: Instant,
        read: impl FnOnce(&mut dyn Archive) -> Result<T, StoreError>,
    ) -> Result<T, Trouble> {
        let free = self.free.recv_timeout(TURN_TIMEOUT);
        let mut archive = free.map_err(|_| Trouble::Busy)?;
        archive.end_by(Some(until));
        let result = read(&mut *archive);
        // A page that panics ends the process: there is none that would miss it.
        let _ = self.back.try_send(archive);
        Ok(result?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::store::Database;

    #[test]
    fn one_viewer_compares_at_a_time() {
        let setting = "embedded.path=/nowhere/pages.db"
            .parse()
            .expect("a setting");
        let config = Config::of_settings(&[setting]).expect("a configuration");
        let archives = Archives::new(&*Database::of(&config).reader());
        let first = archives.alone(Duration::ZERO);
        assert!(first.is_some() && archives.alone(Duration::ZERO).is_none());
        drop(first);
        assert!(archives.alone(Duration::ZERO).is_some());
    }
}
