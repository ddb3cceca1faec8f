use std::time::Duration;

use mysql::{Conn, Opts};

use crate::config;
use crate::store::{Lease, StoreError};
use crate::types::Zone;

use super::{connect, lock};

/// The lease as a named lock of the server, on a connection of its own. The server releases it when
/// that connection ends or has been silent for [`connect::SILENCE`], so an instance that hangs or
/// has lost its link can't keep it.
pub struct MySqlLease {
    opts: Opts,
    conn: Option<Conn>,
    held: bool,
}

impl MySqlLease {
    pub fn new(config: &config::MySql, zone: Zone) -> MySqlLease {
        MySqlLease {
            opts: connect::writing(config, zone),
            conn: None,
            held: false,
        }
    }
}

impl Lease for MySqlLease {
    fn acquire(&mut self, timeout: Duration) -> Result<bool, StoreError> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => {
                self.held = false;
                connect::connect(&self.opts)?
            }
        };
        if self.held {
            conn.ping()?;
        } else {
            self.held = lock::acquire(&mut conn, "roomwatt", timeout)?;
        }
        self.conn = Some(conn);
        Ok(self.held)
    }
}
