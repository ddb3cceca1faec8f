//! A store under test, with direct access to its tables.

use std::path::PathBuf;

use mysql::prelude::Queryable;
use roomwatt::config::Config;
use roomwatt::store::{Database, StateStore, Store};
use roomwatt::types::{Reading, RoomKey};

use crate::support::Rig;

pub struct Subject {
    pub database: Database,
    tables: Tables,
}

enum Tables {
    MySql(Box<Rig>),
    File(PathBuf),
}

pub fn on_mysql(name: &str, test: impl Fn(&Subject)) {
    let rig = Rig::new(&name[..name.len().min(30)]);
    let config = Config::load(Some(&rig.config()), &[]).expect("a configuration");
    let subject = Subject {
        database: Database::of(&config),
        tables: Tables::MySql(Box::new(rig)),
    };
    test(&subject);
    if let Tables::MySql(mut rig) = subject.tables {
        rig.roomwatt(&["init-db"]);
        rig.finish();
    }
}

pub fn on_file(test: impl Fn(&Subject)) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = Config::load(None, &[]).expect("a configuration");
    let file = folder.path().join("hotel.db");
    config.embedded.path.clone_from(&file);
    let database = Database::of(&config);
    database.init(&|_| {}).expect("tables");
    let tables = Tables::File(file);
    test(&Subject { database, tables });
}

impl Subject {
    /// The store, as the owner of the state.
    pub fn owner(&self) -> Box<dyn StateStore> {
        let mut store = self.database.store();
        store.take_over().expect("it is free");
        store
    }

    pub fn is_file(&self) -> bool {
        matches!(self.tables, Tables::File(_))
    }

    pub fn execute(&self, statement: &str) {
        match &self.tables {
            Tables::MySql(rig) => rig.execute(statement),
            Tables::File(file) => {
                let conn = rusqlite::Connection::open(file).expect("a file");
                conn.execute_batch(statement).expect(statement);
            }
        }
    }

    /// Resets the tables, without rooms, to before states were stored as JSON: to those of version
    /// 0.1, or with the columns that were added after it.
    pub fn reset_before_json_states(&self, with_added_columns: bool) {
        match &self.tables {
            Tables::MySql(rig) => {
                rig.before_migration(if with_added_columns { 8 } else { 6 });
                let files = [
                    include_str!("../../sql/006_movement_and_frozen_meters.sql"),
                    include_str!("../../sql/007_watch_number.sql"),
                ];
                let added = files.iter().flat_map(|file| file.lines());
                let added = added.filter(|line| line.starts_with("ALTER TABLE room_state "));
                added
                    .filter(|_| with_added_columns)
                    .for_each(|statement| rig.execute(statement));
            }
            Tables::File(file) => {
                for beside in ["", "-wal", "-shm"] {
                    let _ = std::fs::remove_file(format!("{}{beside}", file.display()));
                }
                self.execute(include_str!("../../sql/embedded/001_tables.sql"));
                self.execute("PRAGMA user_version = 1");
                if with_added_columns {
                    self.execute(include_str!("../../sql/embedded/002_frozen_meters.sql"));
                    self.execute("PRAGMA user_version = 2");
                }
            }
        }
    }

    /// The rows of a query with one column of text.
    pub fn rows(&self, query: &str) -> Vec<String> {
        match &self.tables {
            Tables::MySql(rig) => rig.conn().query(query).expect(query),
            Tables::File(file) => {
                let conn = rusqlite::Connection::open(file).expect("a file");
                let mut query = conn.prepare(query).expect(query);
                let rows = query.query_map((), |row| row.get(0)).expect("rows");
                rows.map(|row| row.expect("a text")).collect()
            }
        }
    }

    /// How many rows the program reads for this, where the store counts them.
    pub fn rows_read(&self, work: impl FnOnce()) -> Option<u32> {
        let Tables::MySql(rig) = &self.tables else {
            work();
            return None;
        };
        rig.count_work();
        let before = rig.rows_read();
        work();
        Some(rig.rows_read() - before)
    }

    /// The expression for a column's local time as text.
    pub fn time(&self, column: &str) -> String {
        match &self.tables {
            Tables::MySql(_) => column.to_owned(),
            Tables::File(_) => format!("datetime({column}, 'unixepoch')"),
        }
    }

    /// The expression for the time this many seconds ago, for columns with the machine's clock.
    pub fn ago(&self, seconds: i64) -> String {
        match &self.tables {
            Tables::MySql(_) => format!("(CURRENT_TIMESTAMP - INTERVAL {seconds} SECOND)"),
            Tables::File(_) => format!("(unixepoch() - {seconds})"),
        }
    }

    /// Adds readings in this order.
    pub fn add(&self, readings: &[(&RoomKey, Reading)]) {
        if let Some(writer) = self.database.meter_writer() {
            let rows: Vec<(RoomKey, Reading)> = (readings.iter())
                .map(|(room, r)| ((*room).clone(), *r))
                .collect();
            return writer.add(&mut rows.into_iter()).expect("added");
        }
        for (room, Reading { time, register }) in readings {
            self.execute(&format!(
                "INSERT INTO smart_meter (hotel_id, room_number, reading_value, script_time) \
                 VALUES ('{}', '{}', {register}, '{time}')",
                room.hotel_id, room.room_number
            ));
        }
    }

    /// All rooms with their states, in order.
    pub fn rooms(&self) -> Vec<(RoomKey, roomwatt::engine::RoomState)> {
        let mut rooms = Vec::new();
        let mut store = self.database.store();
        store
            .load_rooms(&mut |room, state| rooms.push((room, state)))
            .expect("rooms");
        rooms.sort_by(|(a, _), (b, _)| a.cmp(b));
        rooms
    }
}

/// Commits an empty plan with this change.
pub fn commit(store: &mut Box<dyn StateStore>, change: impl FnOnce(&mut roomwatt::store::Plan)) {
    let mut plan = roomwatt::store::Plan::default();
    change(&mut plan);
    store.commit(&plan).expect("written");
}
