//! Connections that are kept: one alone, or a pool.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Instant;

use mysql::prelude::Queryable;
use mysql::{Conn, Opts};
use parking_lot::{Mutex, RwLock};
use r2d2::ManageConnection;

use crate::store::StoreError;

use super::connect::{POOL_TIMEOUT, SILENCE, connect, is_usable, statement_limit};

/// One connection, which is made when it is needed, and anew after an error.
pub(super) struct Kept {
    opts: Opts,
    /// The connection, and when it was last used.
    conn: Option<(Conn, Instant)>,
}

impl Kept {
    pub fn new(opts: Opts) -> Kept {
        Kept { opts, conn: None }
    }

    /// Does `work` on the connection. After an error it is closed, which rolls back its
    /// transaction.
    pub fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let usable = |(mut conn, used): (Conn, Instant)| is_usable(&mut conn, used).then_some(conn);
        let mut conn = match self.conn.take().and_then(usable) {
            Some(conn) => conn,
            None => connect(&self.opts)?,
        };
        let result = work(&mut conn);
        if result.is_ok() {
            self.conn = Some((conn, Instant::now()));
        }
        result
    }
}

/// The connections of a reader.
#[derive(Clone)]
pub(super) enum Connections {
    /// For threads that share the reader.
    Pool(Pool),
    /// For one thread alone.
    One(Arc<Mutex<One>>),
}

/// A connection whose work may have to end in time.
pub(super) struct One {
    kept: Kept,
    until: Option<Instant>,
}

impl Connections {
    pub fn one(opts: Opts) -> Connections {
        Connections::One(Arc::new(Mutex::new(One {
            kept: Kept::new(opts),
            until: None,
        })))
    }

    /// Does `work` on a connection.
    pub fn with<T>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self {
            Connections::Pool(pool) => pool.with(work),
            Connections::One(one) => one.lock().with(work),
        }
    }

    /// One connection to the same server.
    pub fn beside(&self) -> Connections {
        Connections::one(match self {
            Connections::Pool(pool) => pool.opts.clone(),
            Connections::One(one) => one.lock().kept.opts.clone(),
        })
    }

    /// From this time on the work of the one connection fails, and what is under way by then.
    pub fn end_by(&self, until: Option<Instant>) {
        if let Connections::One(one) = self {
            one.lock().until = until;
        }
    }

    /// Closes all connections; those in use as soon as they are returned.
    pub fn replace(&self) {
        match self {
            Connections::Pool(pool) => pool.replace(),
            Connections::One(one) => one.lock().kept.conn = None,
        }
    }
}

impl One {
    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let until = self.until;
        self.kept.with(|conn| {
            if let Some(until) = until {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(StoreError::too_long());
                }
                conn.query_drop(statement_limit(left))?;
            }
            work(conn)
        })
    }
}

/// A pool whose connections are made when they are needed and closed after an error.
#[derive(Clone)]
pub(super) struct Pool {
    opts: Opts,
    size: u32,
    pool: Arc<RwLock<r2d2::Pool<Manager>>>,
    failed: Failed,
}

/// Why the last connection could not be made. r2d2's own errors are late and do not say why.
type Failed = Arc<Mutex<Option<StoreError>>>;

impl Pool {
    pub fn new(opts: Opts, size: u32) -> Pool {
        let failed = Failed::default();
        Pool {
            pool: Arc::new(RwLock::new(pool(&opts, size, &failed))),
            opts,
            size,
            failed,
        }
    }

    /// Does `work` on a connection.
    pub fn with<T>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut conn = self.get()?;
        let used = conn.used;
        if !is_usable(&mut conn, used) {
            // Replace all of them instead of pinging each: on a dead link every ping would take as
            // long as a read may take.
            conn.is_whole = false;
            drop(conn);
            self.replace();
            conn = self.get()?;
        }
        // In case `work` panics.
        conn.is_whole = false;
        let result = work(&mut conn);
        conn.is_whole = result.is_ok();
        conn.used = Instant::now();
        result
    }

    fn get(&self) -> Result<r2d2::PooledConnection<Manager>, StoreError> {
        let pool = self.pool.read().clone();
        pool.get().map_err(|_| {
            let failed = self.failed.lock().clone();
            failed.unwrap_or_else(|| {
                let seconds = POOL_TIMEOUT.as_secs();
                StoreError::Unreachable(format!("no free connection in {seconds} s"))
            })
        })
    }

    /// Closes all connections; those in use as soon as they are returned.
    pub fn replace(&self) {
        *self.pool.write() = pool(&self.opts, self.size, &self.failed);
    }
}

fn pool(opts: &Opts, size: u32, failed: &Failed) -> r2d2::Pool<Manager> {
    r2d2::Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        .connection_timeout(POOL_TIMEOUT)
        // The caller that needs a connection reports the error, once.
        .error_handler(Box::new(r2d2::NopErrorHandler))
        .build_unchecked(Manager {
            opts: opts.clone(),
            failed: Arc::clone(failed),
        })
}

/// Makes the connections. It does not ping them: [`Pool::with`] does if one was idle.
struct Manager {
    opts: Opts,
    failed: Failed,
}

struct Pooled {
    conn: Conn,
    /// When it was last used.
    used: Instant,
    /// Whether its last work succeeded.
    is_whole: bool,
}

impl Deref for Pooled {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

impl ManageConnection for Manager {
    type Connection = Pooled;
    type Error = StoreError;

    fn connect(&self) -> Result<Pooled, StoreError> {
        let made = connect(&self.opts);
        *self.failed.lock() = made.as_ref().err().cloned();
        Ok(Pooled {
            conn: made?,
            used: Instant::now(),
            is_whole: true,
        })
    }

    /// A connection that was idle for long may be dead. A new one takes a millisecond.
    fn is_valid(&self, conn: &mut Pooled) -> Result<(), StoreError> {
        if conn.used.elapsed() < SILENCE {
            Ok(())
        } else {
            Err(StoreError::Unreachable("it was idle too long".to_owned()))
        }
    }

    fn has_broken(&self, conn: &mut Pooled) -> bool {
        !conn.is_whole
    }
}
