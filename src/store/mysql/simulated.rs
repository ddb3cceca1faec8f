//! Inserts rows into the meter table, only for simulated hotels. The service never writes to it.

use mysql::prelude::Queryable;

use crate::config::{self, MeterTable};
use crate::store::StoreError;
use crate::types::{Reading, RoomKey, Zone};

use super::connect;
use super::pool::Pool;
use super::transaction::insert_by;

/// Writes the readings of simulated meters.
pub struct SimulatedMeters {
    pool: Pool,
    meter: MeterTable,
}

/// Rows a statement, with four values each. A statement may have 65,535.
const ROWS: usize = 1_000;

impl SimulatedMeters {
    pub fn new(config: &config::MySql, meter: MeterTable, zone: Zone) -> SimulatedMeters {
        SimulatedMeters {
            pool: Pool::new(connect::writing(config, zone), 1),
            meter,
        }
    }

    /// Checks that rows can be inserted, without inserting any.
    ///
    /// # Errors
    /// Any [`StoreError`] of the connection or the table.
    pub fn check(&self) -> Result<(), StoreError> {
        let into = self.into();
        let columns = self.columns().join(", ");
        let none = format!("{into} ({columns}) SELECT '', '', 0, NULL FROM DUAL WHERE FALSE");
        self.pool
            .with(|conn| Ok(conn.query_drop(none)?))
            .map_err(remedied)
    }

    /// Inserts readings in their order, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Unstorable`] if a register does not fit a column with two decimals, or any
    /// [`StoreError`] of the connection. If that broke, the outcome is unknown.
    pub fn write(&self, readings: &[(RoomKey, Reading)]) -> Result<(), StoreError> {
        let rows: Vec<_> = readings
            .iter()
            .map(|(room, reading)| {
                let too_large = || StoreError::Unstorable(format!("{} kWh", reading.register));
                let kwh = reading.register.kwh_2().ok_or_else(too_large)?;
                Ok(vec![
                    room.hotel_id.as_str().into(),
                    room.room_number.as_str().into(),
                    kwh.into(),
                    // As a text, which also fits a text column.
                    reading.time.to_string().into(),
                ])
            })
            .collect::<Result<_, StoreError>>()?;
        let columns = self.columns();
        let columns = columns.each_ref().map(String::as_str);
        self.pool
            .with(|conn| {
                let mut transaction = conn.start_transaction(mysql::TxOpts::default())?;
                let into = self.into();
                insert_by(ROWS, &mut transaction, &into, &columns, rows.into_iter())?;
                Ok(transaction.commit()?)
            })
            .map_err(remedied)
    }

    fn into(&self) -> String {
        format!("INSERT INTO `{}`", self.meter.table)
    }

    fn columns(&self) -> [String; 4] {
        let meter = &self.meter;
        [
            &meter.hotel_id,
            &meter.room_number,
            &meter.reading_value,
            &meter.script_time,
        ]
        .map(|column| format!("`{column}`"))
    }
}

/// Replaces the remedy, which is not the service's here.
fn remedied(error: StoreError) -> StoreError {
    match error {
        StoreError::NotSetUp(text) => StoreError::Unsupported(format!(
            "{text}; simulating needs a meter table and the right to INSERT into it"
        )),
        other => other,
    }
}
