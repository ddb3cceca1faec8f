use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, Opts};

use crate::config;
use crate::store::StoreError;
use crate::types::Zone;

use super::connect;

/// The lock that one instance at a time has: it tells the others to stand by. Who owns the state is
/// decided by the epoch alone.
///
/// It belongs to a connection that does nothing else. The server gives it away when that connection
/// ends, or has been silent for [`connect::SILENCE`]: an instance that hangs, or whose link does,
/// can't hold it.
pub struct MySqlLease {
    opts: Opts,
    conn: Option<Conn>,
    held: bool,
}

impl MySqlLease {
    /// How often it has to be kept.
    pub const KEEP_EVERY: Duration = Duration::from_secs(4);

    pub fn new(config: &config::MySql, zone: Zone) -> MySqlLease {
        MySqlLease {
            opts: connect::writing(config, zone),
            conn: None,
            held: false,
        }
    }

    /// Waits up to `patience` for the lock; whether this instance has it. One that it has is kept,
    /// and one that was lost is taken again if nobody else has it.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    pub fn acquire(&mut self, patience: Duration) -> Result<bool, StoreError> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => {
                self.held = false;
                Conn::new(self.opts.clone())?
            }
        };
        if self.held {
            conn.ping()?;
        } else {
            // Names of locks are limited to 64 characters.
            let got: Option<Option<i64>> = conn.exec_first(
                "SELECT GET_LOCK(CONCAT('roomwatt:', MD5(DATABASE())), ?)",
                (patience.as_secs(),),
            )?;
            self.held = got.flatten() == Some(1);
        }
        self.conn = Some(conn);
        Ok(self.held)
    }
}
