//! Plays a scenario as the service would.

use std::collections::BTreeMap;

use roomwatt::engine::{Change, Received, Rules};
use roomwatt::types::{Reading, RoomKey};

use crate::player::{self, notices};
use crate::text::{Scenario, Told, What, finally, kind_of};

/// A room with its meter table.
struct Room {
    played: player::Room,
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
                let room = room(&mut rooms, key);
                let arrival = room.played.message(*stay, &room.stored, rules);
                if let Received::Newer(transition) | Received::Corrected(transition) = arrival {
                    told.extend(told_of(&transition.changes));
                }
            }
            &What::Meter(ref key, time, register) => {
                let room = room(&mut rooms, key);
                player::store(&mut room.stored, Reading { time, register });
                if judged_at_once {
                    told.extend(room.sweep(rules));
                }
            }
        }
    }
    told.extend(sweep(&mut rooms, rules));

    let stay = |key| Some(&rooms.get(key)?.played.state.as_ref()?.watch.stay);
    let rooms = scenario.finally.iter().map(|(_, key, _)| key);
    (told, rooms.map(|key| finally(key, stay(key))).collect())
}

fn room<'a>(rooms: &'a mut BTreeMap<RoomKey, Room>, key: &RoomKey) -> &'a mut Room {
    rooms.entry(key.clone()).or_insert_with(|| Room {
        played: player::Room::new(key.clone()),
        stored: Vec::new(),
    })
}

fn sweep(rooms: &mut BTreeMap<RoomKey, Room>, rules: &Rules) -> Vec<Told> {
    let rooms = rooms.values_mut();
    rooms.flat_map(|room| room.sweep(rules)).collect()
}

impl Room {
    fn sweep(&mut self, rules: &Rules) -> Vec<Told> {
        told_of(&self.played.sweep(&self.stored, rules))
    }
}

fn told_of(changes: &[Change]) -> Vec<Told> {
    let told = notices(changes).into_iter().map(|notice| Told {
        detected: notice.detected,
        room: notice.room.clone(),
        kind: kind_of(notice.kind),
        since: notice.since,
        periods: notice.periods,
        energy: notice.energy,
    });
    told.collect()
}
