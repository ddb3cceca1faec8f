//! Plays a scenario as the service would.

use std::collections::BTreeMap;

use roomwatt::engine::{Change, Received, Rules};
use roomwatt::types::{Reading, RoomKey};

use crate::player::{self, notices};
use crate::text::{Expected, Scenario, What, finally, kind_of};

/// A room with its meter table.
struct Room {
    played: player::Room,
    stored: Vec<Reading>,
}

/// The notices to the staff, and the rooms that the scenario checks in the end.
pub fn play(scenario: &Scenario) -> (Vec<Expected>, Vec<String>) {
    let mut timeline: Vec<_> = scenario.timeline.iter().collect();
    timeline.sort_by_key(|arrival| arrival.at);
    let last = timeline.last().map(|arrival| arrival.at);
    let is_sweep = |what: &What| matches!(what, What::Sweep);
    let judged_at_once = !timeline.iter().any(|arrival| is_sweep(&arrival.what));

    let rules = &scenario.rules;
    let mut rooms: BTreeMap<RoomKey, Room> = BTreeMap::new();
    let mut sent = Vec::new();
    for arrival in timeline {
        let is_swept = judged_at_once || is_sweep(&arrival.what);
        for room in rooms.values_mut().filter(|_| is_swept) {
            // All there is has been judged by then.
            sent.extend(room.sweep(rules));
            let closed = room.played.close_out_of_order(arrival.at, rules);
            sent.extend(notices_of(&closed));
        }
        match &arrival.what {
            What::Sweep => {}
            What::Message(event) => {
                for (key, said) in &event.rooms {
                    let room = room(&mut rooms, key);
                    match room.played.said(said, &room.stored, rules) {
                        Received::Newer(after)
                        | Received::Corrected(after)
                        | Received::Noted(after) => sent.extend(notices_of(&after.changes)),
                        Received::Duplicate | Received::Stale | Received::Unwatched => {}
                    }
                }
            }
            &What::Meter(ref key, time, register) => {
                let room = room(&mut rooms, key);
                player::store(&mut room.stored, Reading { time, register });
                if judged_at_once {
                    sent.extend(room.sweep(rules));
                }
            }
        }
    }
    sent.extend(sweep(&mut rooms, rules));

    let end = |key| {
        let state = rooms.get(key)?.played.state.as_ref()?;
        let out_of_order = last.and_then(|at| state.out_of_order(at, rules.match_seconds));
        Some((state.watch.stay, out_of_order))
    };
    let rooms = scenario.finally.iter().map(|(_, key, _)| key);
    (sent, rooms.map(|key| finally(key, end(key))).collect())
}

fn room<'a>(rooms: &'a mut BTreeMap<RoomKey, Room>, key: &RoomKey) -> &'a mut Room {
    rooms.entry(key.clone()).or_insert_with(|| Room {
        played: player::Room::new(key.clone()),
        stored: Vec::new(),
    })
}

fn sweep(rooms: &mut BTreeMap<RoomKey, Room>, rules: &Rules) -> Vec<Expected> {
    let rooms = rooms.values_mut();
    rooms.flat_map(|room| room.sweep(rules)).collect()
}

impl Room {
    fn sweep(&mut self, rules: &Rules) -> Vec<Expected> {
        notices_of(&self.played.sweep(&self.stored, rules))
    }
}

fn notices_of(changes: &[Change]) -> Vec<Expected> {
    let sent = notices(changes).into_iter().map(|notice| Expected {
        detected: notice.detected,
        room: notice.room.clone(),
        kind: kind_of(notice.kind),
        since: notice.since,
        periods: notice.periods,
        energy: notice.energy,
    });
    sent.collect()
}
