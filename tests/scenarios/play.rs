//! Plays a scenario as the service would.

use std::collections::BTreeMap;

use roomwatt::engine::{
    Arrival, Change, Event, Rules, Stay, Watch, observe, readings_needed_after, receive,
};
use roomwatt::types::{Reading, RoomKey};

use crate::text::{Scenario, Told, What, finally, kind_of};

#[derive(Default)]
struct Room {
    watch: Option<Watch>,
    /// Readings in time order, of those with one time in the order they came.
    stored: Vec<Reading>,
}

/// What the staff is told, and the rooms that the scenario looks at in the end.
pub fn play(scenario: &Scenario) -> (Vec<Told>, Vec<String>) {
    let mut timeline: Vec<_> = scenario.timeline.iter().collect();
    timeline.sort_by_key(|arrival| arrival.at);
    let is_sweep = |what: &What| matches!(what, What::Sweep);
    let judged_at_once = !timeline.iter().any(|arrival| is_sweep(&arrival.what));

    let rules = &scenario.rules;
    let mut rooms: BTreeMap<RoomKey, Room> = BTreeMap::new();
    let mut told = Vec::new();
    for arrival in timeline {
        match &arrival.what {
            What::Sweep => told.extend(sweep(&mut rooms, rules)),
            What::Message(key, stay) => {
                let room = rooms.entry(key.clone()).or_default();
                told.extend(room.message(key, *stay, rules));
            }
            &What::Meter(ref key, time, register) => {
                let room = rooms.entry(key.clone()).or_default();
                let place = room.stored.partition_point(|r| r.time <= time);
                room.stored.insert(place, Reading { time, register });
                if judged_at_once {
                    told.extend(room.sweep(key, rules));
                }
            }
        }
    }
    told.extend(sweep(&mut rooms, rules));

    let stay = |key| Some(&rooms.get(key)?.watch.as_ref()?.stay);
    let rooms = scenario.finally.iter().map(|(_, key, _)| key);
    (told, rooms.map(|key| finally(key, stay(key))).collect())
}

fn sweep(rooms: &mut BTreeMap<RoomKey, Room>, rules: &Rules) -> Vec<Told> {
    let rooms = rooms.iter_mut();
    rooms
        .flat_map(|(key, room)| room.sweep(key, rules))
        .collect()
}

impl Room {
    fn sweep(&mut self, key: &RoomKey, rules: &Rules) -> Vec<Told> {
        let Some(watch) = &self.watch else {
            return Vec::new();
        };
        let seen = watch.needs_after();
        let new = self.stored.partition_point(|r| r.time <= seen);
        let after = observe(key, watch, &self.stored[new..], rules);
        self.watch = Some(after.watch);
        told(&after.changes)
    }

    fn message(&mut self, key: &RoomKey, stay: Stay, rules: &Rules) -> Vec<Told> {
        let room = key.clone();
        let needed = readings_needed_after(self.watch.as_ref(), &stay, rules);
        let first = self.stored.partition_point(|r| r.time <= needed);
        let event = Event { room, stay };
        match receive(self.watch.as_ref(), &event, &self.stored[first..], rules) {
            Arrival::Duplicate | Arrival::Stale => Vec::new(),
            Arrival::Newer(transition) | Arrival::Expected(transition) => {
                self.watch = Some(transition.watch);
                told(&transition.changes)
            }
        }
    }
}

fn told(changes: &[Change]) -> Vec<Told> {
    let notices = changes.iter().filter_map(|change| match change {
        Change::Notice(notice) => Some(notice),
        _ => None,
    });
    notices
        .map(|notice| Told {
            detected: notice.detected,
            room: notice.room.clone(),
            kind: kind_of(notice.kind),
            since: notice.since,
            periods: notice.periods,
            energy: notice.energy,
        })
        .collect()
}
