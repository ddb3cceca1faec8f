//! The store on MySQL or MariaDB.

mod adopt;
mod archive;
mod check;
mod codec;
mod commit;
mod connect;
mod explain;
mod incidents;
mod key;
mod lease;
mod lock;
mod meter;
mod outbox;
mod pool;
mod rejected;
mod rooms;
mod schema;
mod simulated;
mod thresholds;
mod transaction;
mod window;

use std::sync::Arc;

use mysql::prelude::Queryable;
use mysql::{Conn, Value};
use parking_lot::Mutex;

use crate::config;
use crate::engine::baseline::HotelMemory;
use crate::engine::{DayEnergy, HotelState, Incident, MeterTrouble, RoomState};
use crate::types::{HotelId, LocalTime, RoomKey, WattHours, Zone};

use super::{Archive, Ownership, Position, Reader, Scope, StateStore, StoreError, meter_trouble};

pub use adopt::adopt;
pub use archive::MySqlArchive;
pub use check::check;
pub use key::{installation_key, rotate_key};
pub use lease::MySqlLease;
pub use outbox::MySqlOutbox;
pub use rejected::MySqlRejected;
pub use schema::init_db;
pub use simulated::SimulatedMeters;

use pool::{Connections, Kept, Pool};

/// The writer of the state, on a connection of its own that is replaced when it is lost.
pub struct MySqlStore {
    conn: Kept,
    ownership: Ownership,
}

/// Reads the meters and the outbox. Threads may share it.
#[derive(Clone)]
pub struct MySqlReader {
    conns: Connections,
    meter: config::MeterTable,
    zone: Zone,
    /// The ids of the meter table's rows by their times, as far as they were needed.
    window: Arc<Mutex<Option<window::Window>>>,
    /// Whether no index helps to find the ids of old rows, so that learning them is given up.
    gave_up_learning: Arc<Mutex<bool>>,
    /// How the meter table spells rooms with blanks around their keys.
    spellings: Arc<Mutex<meter::spellings::Spellings>>,
    /// Measured costs of reading by time, for servers that give no estimate.
    costs: Arc<Mutex<meter::spans::Costs>>,
}

impl MySqlStore {
    pub fn new(config: &config::MySql, zone: Zone) -> MySqlStore {
        MySqlStore {
            conn: Kept::new(connect::writing(config, zone)),
            ownership: Ownership {
                epoch: 0,
                seq: 0,
                position: None,
            },
        }
    }

    fn connected<T>(
        &mut self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.conn.with(work)
    }
}

impl StateStore for MySqlStore {
    fn take_over(&mut self) -> Result<Ownership, StoreError> {
        let result = self.connected(|conn| {
            schema::check(conn)?;
            let mut transaction = conn.start_transaction(mysql::TxOpts::default())?;
            transaction.query_drop("UPDATE service SET epoch = epoch + 1 WHERE id = 1")?;
            let row: Option<(u64, u64, Option<u64>, Value)> = transaction
                .query_first("SELECT epoch, seq, meter_id, meter_time FROM service WHERE id = 1")?;
            let (epoch, seq, meter_id, meter_time) =
                row.ok_or_else(|| StoreError::NotSetUp("table service is empty".to_owned()))?;
            transaction.commit()?;
            let by_time = || codec::local_time(&meter_time).map(Position::Time);
            Ok(Ownership {
                epoch,
                seq,
                position: meter_id.map(Position::Id).or_else(by_time),
            })
        });
        if let Ok(ownership) = result {
            self.ownership = ownership;
        }
        result
    }

    fn load_rooms(&mut self, take: &mut dyn FnMut(RoomKey, RoomState)) -> Result<(), StoreError> {
        self.connected(|conn| rooms::load(conn, Scope::All, take))
    }

    fn load_meter_troubles(
        &mut self,
        take: &mut dyn FnMut(HotelId, MeterTrouble),
    ) -> Result<(), StoreError> {
        self.connected(|conn| {
            let rows: Vec<(String, Value, String)> =
                conn.query("SELECT hotel_id, since, kind FROM silent_hotel")?;
            for (hotel, since, kind) in rows {
                let trouble = meter_trouble(&hotel, &kind, codec::local_time(&since))?;
                take(HotelId::new(&hotel), trouble);
            }
            Ok(())
        })
    }

    fn load_hotels(&mut self, take: &mut dyn FnMut(HotelId, HotelState)) -> Result<(), StoreError> {
        self.connected(|conn| {
            // As a time of day: a date alone is none.
            let rows: Vec<(String, Value, Value, Value, Option<i64>)> = conn.query(
                "SELECT hotel_id, rise_time, level_time, CAST(energy_day AS DATETIME), energy_wh \
                 FROM hotel_state",
            )?;
            for (hotel, rise, level, day, wh) in rows {
                let [rise, level, day] = [rise, level, day].map(|time| codec::local_time(&time));
                let energy = WattHours(wh.unwrap_or(0));
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

impl Reader for MySqlReader {
    fn archive(&self) -> Box<dyn Archive + Send> {
        Box::new(MySqlArchive::beside(self))
    }
}

impl MySqlReader {
    /// A reader with up to `pool_size` connections, which are made when they are needed.
    pub fn new(config: &config::MySql, meter: config::MeterTable, zone: Zone) -> MySqlReader {
        let pool = Pool::new(connect::reading(config, zone), config.pool_size);
        MySqlReader::of(Connections::Pool(pool), meter, zone)
    }

    /// A reader that knows nothing of the meter table yet.
    fn of(conns: Connections, meter: config::MeterTable, zone: Zone) -> MySqlReader {
        MySqlReader {
            conns,
            meter,
            zone,
            window: Arc::default(),
            gave_up_learning: Arc::default(),
            spellings: Arc::default(),
            costs: Arc::default(),
        }
    }
}
