//! The store on MySQL or MariaDB.

pub mod codec;
mod commit;
mod connect;
mod meter;
mod outbox;
mod schema;
mod window;

use std::sync::Arc;
use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, Opts, OptsBuilder, Value};
use parking_lot::Mutex;
use r2d2_mysql::MySqlConnectionManager;

use crate::config;
use crate::engine::Watch;
use crate::types::{RoomKey, Zone};

use super::{Ownership, StoreError};

pub use meter::{MeterRows, MeterTail};
pub use schema::init_db;

type Pool = r2d2::Pool<MySqlConnectionManager>;
type Pooled = r2d2::PooledConnection<MySqlConnectionManager>;

/// A lease that is not kept for so long is lost.
const LEASE_SILENCE: Duration = Duration::from_secs(120);

/// The state's one writer: a connection of its own, made anew when it is lost.
pub struct MySqlStore {
    opts: Opts,
    conn: Option<Conn>,
    /// Holds the lock that tells other instances to stand by.
    lease: Option<Conn>,
    ownership: Ownership,
}

/// Reads the meters and the outbox; may be shared by threads.
#[derive(Clone)]
pub struct MySqlReader {
    pool: Pool,
    meter: config::MeterTable,
    /// Which ids recent rows of the meter table have; learned while the tail is read.
    window: Arc<Mutex<Option<window::Window>>>,
}

impl MySqlStore {
    pub fn new(config: &config::MySql, zone: Zone) -> MySqlStore {
        MySqlStore {
            opts: connect::opts(config, zone, connect::WRITING),
            conn: None,
            lease: None,
            ownership: Ownership {
                epoch: 0,
                seq: 0,
                meter_id: None,
            },
        }
    }

    /// Waits up to `patience` for the lock that one instance at a time has; whether it came.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    pub fn acquire_lease(&mut self, patience: Duration) -> Result<bool, StoreError> {
        // A lock held already would be waited for in vain by another connection.
        if self
            .lease
            .as_mut()
            .is_some_and(|lease| lease.ping().is_ok())
        {
            return Ok(true);
        }
        self.lease = None;
        let mut conn = Conn::new(self.opts.clone())?;
        // The lock of an instance that has vanished is free after this silence.
        conn.query_drop(format!(
            "SET SESSION wait_timeout = {}",
            LEASE_SILENCE.as_secs()
        ))?;
        // Names of locks are limited to 64 characters.
        let got: Option<Option<i64>> = conn.exec_first(
            "SELECT GET_LOCK(CONCAT('roomwatt:', MD5(DATABASE())), ?)",
            (patience.as_secs(),),
        )?;
        let held = got.flatten() == Some(1);
        self.lease = held.then_some(conn);
        Ok(held)
    }

    /// Keeps the lock, which the server gives away after two minutes of silence; whether this
    /// instance has it. One that was lost is taken again if nobody else has it: who owns the state
    /// is decided by the epoch alone.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection.
    pub fn keep_lease(&mut self) -> Result<bool, StoreError> {
        self.acquire_lease(Duration::ZERO)
    }

    /// Makes this instance the owner of the state: every other one's transactions fail from now on.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection, [`StoreError::NotSetUp`] without the schema.
    pub fn take_over(&mut self) -> Result<Ownership, StoreError> {
        let result = self.connected(|conn| {
            let mut transaction = conn.start_transaction(mysql::TxOpts::default())?;
            transaction.query_drop("UPDATE service SET epoch = epoch + 1 WHERE id = 1")?;
            let row: Option<(u64, u64, Option<u64>)> =
                transaction.query_first("SELECT epoch, seq, meter_id FROM service WHERE id = 1")?;
            let (epoch, seq, meter_id) =
                row.ok_or_else(|| StoreError::NotSetUp("table service is empty".to_owned()))?;
            transaction.commit()?;
            Ok(Ownership {
                epoch,
                seq,
                meter_id,
            })
        });
        if let Ok(ownership) = result {
            self.ownership = ownership;
        }
        result
    }

    /// Every room's watch, one by one.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection, [`StoreError::Unreadable`] with the row that is.
    pub fn load_rooms(&mut self, mut take: impl FnMut(RoomKey, Watch)) -> Result<(), StoreError> {
        let query = format!("SELECT {} FROM room_state", codec::COLUMNS.join(", "));
        self.connected(|conn| {
            for row in conn.query_iter(&query)? {
                let row = row?;
                let values: Vec<Value> = (0..row.len())
                    .map(|at| row.as_ref(at).cloned().unwrap_or(Value::NULL))
                    .collect();
                let (room, watch) = codec::decode(&values)
                    .map_err(|bad| StoreError::Unreadable(bad.to_string()))?;
                take(room, watch);
            }
            Ok(())
        })
    }

    /// Does `work` on the connection; after an error that connection is given up, and with it
    /// whatever its transaction had done.
    fn connected<T>(
        &mut self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => Conn::new(self.opts.clone())?,
        };
        let result = work(&mut conn);
        if result.is_ok() {
            self.conn = Some(conn);
        }
        result
    }
}

impl MySqlReader {
    /// A reader with `pool_size` connections, made when they are needed.
    pub fn new(config: &config::MySql, meter: config::MeterTable, zone: Zone) -> MySqlReader {
        let manager = MySqlConnectionManager::new(OptsBuilder::from_opts(connect::opts(
            config,
            zone,
            connect::READING,
        )));
        let pool = r2d2::Pool::builder()
            .max_size(config.pool_size)
            .min_idle(Some(0))
            .connection_timeout(connect::POOL_PATIENCE)
            // Whoever needed the connection tells of the error, once.
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(manager);
        MySqlReader {
            pool,
            meter,
            window: Arc::default(),
        }
    }

    fn conn(&self) -> Result<Pooled, StoreError> {
        Ok(self.pool.get()?)
    }
}
