//! Rooms that are vacant and burn power.

use roomwatt::types::LocalTime;

use crate::support::Rig;
use crate::{check_out, minutes_ago};

/// Rooms that are watched, each with three abnormal intervals by now: the next one is an alert.
/// Their next readings come in one statement, so that one sweep sees them all.
pub struct Trouble {
    /// Hotels and rooms.
    rooms: Vec<(String, String)>,
    left: LocalTime,
    /// Intervals since then.
    intervals: i64,
    /// Tenths of a kWh by now.
    registers: Vec<i64>,
}

impl Trouble {
    pub fn of(rig: &Rig, rooms: &[(&str, &str)]) -> Trouble {
        Trouble::since(rig, rooms, minutes_ago(130))
    }

    /// The same, of rooms that were left then.
    pub fn since(rig: &Rig, rooms: &[(&str, &str)], left: LocalTime) -> Trouble {
        let named = |(hotel, room): &(&str, &str)| ((*hotel).to_owned(), (*room).to_owned());
        let mut trouble = Trouble {
            rooms: rooms.iter().map(named).collect(),
            left,
            intervals: 0,
            registers: vec![1_000; rooms.len()],
        };
        let mut readings = trouble.readings();
        for _ in 0..3 {
            trouble.add(1, |_| 20);
            readings.extend(trouble.readings());
        }
        insert(rig, &readings);
        let watched = "SELECT COUNT(initial_reading) FROM electricity_monitoring";
        let before = rig.rows::<usize>(watched)[0];
        let messages = rooms.iter().map(|(h, r)| check_out(h, r, left));
        let messages: Vec<String> = messages.collect();
        rig.publish(messages.iter().map(String::as_str));
        rig.wait_for_rows(watched, &[before + rooms.len()]);
        trouble
    }

    /// All of them become alerts.
    pub fn alert(&mut self, rig: &Rig) {
        self.alert_with(rig, |_| 2);
    }

    /// The same; `kwh` is how much each uses.
    pub fn alert_with(&mut self, rig: &Rig, kwh: impl Fn(usize) -> i64) {
        self.until(rig, "alert", 1, kwh);
    }

    /// All of them go on until they are reminded of.
    pub fn go_on(&mut self, rig: &Rig) {
        self.until(rig, "reminder", 4, |_| 8);
    }

    /// All of them are normal again, by an interval in which little is used.
    pub fn recover(&mut self, rig: &Rig) {
        self.until_tenths(rig, "recovered", 1, |_| 1);
    }

    /// None of them sends a reading for longer than the longest gap, and then they go on.
    pub fn fall_silent(&mut self, rig: &Rig) {
        self.until(rig, "closed", 5, |_| 3);
    }

    /// All of them get a new meter.
    pub fn replace_meters(&mut self, rig: &Rig) {
        self.registers.fill(0);
        self.add(1, |_| 0);
        insert(rig, &self.readings());
        self.until(rig, "closed", 1, |_| 1);
    }

    /// All of them go on as they did, for the first time under another length of the interval.
    pub fn go_on_in_other_intervals(&mut self, rig: &Rig) {
        self.until(rig, "closed", 1, |_| 2);
    }

    /// Waits until that is recorded.
    fn until(&mut self, rig: &Rig, kind: &str, intervals: i64, kwh: impl Fn(usize) -> i64) {
        self.until_tenths(rig, kind, intervals, |room| 10 * kwh(room));
    }

    fn until_tenths(
        &mut self,
        rig: &Rig,
        kind: &str,
        intervals: i64,
        tenths: impl Fn(usize) -> i64,
    ) {
        let recorded = format!("SELECT COUNT(*) FROM notification WHERE kind = '{kind}'");
        let before = rig.rows::<usize>(&recorded)[0];
        self.add(intervals, tenths);
        insert(rig, &self.readings());
        rig.wait_for_rows(&recorded, &[before + self.rooms.len()]);
    }

    fn add(&mut self, intervals: i64, tenths: impl Fn(usize) -> i64) {
        self.intervals += intervals;
        for (room, register) in self.registers.iter_mut().enumerate() {
            *register += tenths(room);
        }
    }

    /// One of each room.
    fn readings(&self) -> Vec<String> {
        let time = self.left.plus(self.intervals * 1_800);
        let rooms = self.rooms.iter().zip(&self.registers);
        let row = |((hotel, room), register): (&(String, String), &i64)| {
            let (kwh, tenth) = (register / 10, register % 10);
            format!("('{hotel}', '{room}', {kwh}.{tenth}, '{time}')")
        };
        rooms.map(row).collect()
    }
}

fn insert(rig: &Rig, readings: &[String]) {
    rig.execute(&format!(
        "INSERT INTO smart_meter (hotel_id, room_number, reading_value, script_time) VALUES {}",
        readings.join(", ")
    ));
}
