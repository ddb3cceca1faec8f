//! What a room and its peers usually use, as the baseline rule had it: the band of a stay's chart.

use std::collections::HashMap;

use crate::engine::baseline::{self, Finding, Frames};
use crate::engine::{BaselineMode, BaselineRules, Rules};
use crate::store::KeptFrame;
use crate::types::{LocalTime, WattHours};

use super::Room;
use super::backtest::{unusual_in, without_history};

/// What was usual in an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usual {
    pub began: LocalTime,
    pub ended: LocalTime,
    /// What the room uses by itself.
    pub base: WattHours,
    /// Up to what its use is usual; `None` where too little is known of the hotel's rooms.
    pub limit: Option<WattHours>,
}

/// What was usual in the intervals of a room of which the hotel's frames are kept, oldest first. It
/// is found from the room's own readings since `since`, the frames that the rule looked at then,
/// and the allowance of then.
pub fn usual(room: &Room, kept: &[KeptFrame], since: LocalTime, rules: &Rules) -> Vec<Usual> {
    if rules.baseline.mode == BaselineMode::Off || kept.is_empty() {
        return Vec::new();
    }
    let interval_seconds = rules.interval_seconds;
    let number = |frame: &KeptFrame| baseline::frame(frame.began, interval_seconds);
    let kept: HashMap<u32, &KeptFrame> = kept.iter().map(|it| (number(it), it)).collect();
    let frames = Frames::kept(kept.iter().map(|(at, it)| (*at, it.summary)).collect());
    let mut found = Vec::new();
    unusual_in(
        frames,
        &[room],
        &without_history(rules),
        |_| since,
        |_, judged, verdict| {
            let looked_at = baseline::looked_at(judged.ended, interval_seconds);
            let Some(frame) = kept.get(&looked_at) else {
                return;
            };
            let then = BaselineRules {
                allowance: WattHours(frame.allowance),
                ..rules.baseline
            };
            let above = match verdict.kind {
                Finding::Vacant { .. } => Some(then.tolerance(verdict.peers.common)),
                Finding::Occupied { limit, .. } => limit,
            };
            found.push(Usual {
                began: judged.opened,
                ended: judged.ended,
                base: WattHours(verdict.base),
                limit: above.map(|above| WattHours(verdict.base + above)),
            });
        },
    );
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::baseline::{Evaluation, HotelMemory};
    use crate::engine::{RoomState, Stay, observe};
    use crate::types::{HotelId, Reading, RoomKey};
    use std::collections::BTreeSet;

    fn at(hours: i64) -> LocalTime {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        noon.plus(hours * 3_600)
    }

    /// A room that is vacant, occupied and vacant again, a day each, and has something on.
    fn room(nth: i64, random: &mut fastrand::Rng) -> Room {
        let mut room = Room::new(RoomKey::new("H1", &format!("{nth:03}")));
        let vacant = |hours| Stay::Vacant {
            actual_checkin: None,
            actual_checkout: at(hours),
        };
        let occupied = Stay::Occupied {
            check_in: at(24 + nth),
            expected_checkout: None,
        };
        room.stays = vec![vacant(nth), occupied, vacant(48 + nth)];
        let mut register = 1_234;
        for half_hour in 0..160 {
            let is_occupied = (2 * (24 + nth)..2 * (48 + nth)).contains(&half_hour);
            let is_on = nth % 3 == 0 && half_hour > 120;
            register += random.i64(30..80)
                + i64::from(is_occupied) * random.i64(0..900)
                + i64::from(is_on) * 400;
            room.readings.push(Reading {
                time: at(0).plus(half_hour * 1_800 + random.i64(0..300)),
                register: WattHours(register),
            });
        }
        room.sorted()
    }

    #[test]
    fn what_was_usual_is_what_the_rule_compared_with() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut rules = Rules::default();
        rules.baseline.mode = BaselineMode::Shadow;
        let rooms: Vec<Room> = (0..8).map(|nth| room(nth, &mut random)).collect();
        // As sweeps evaluate them, all at once.
        let mut states: Vec<RoomState> = { rooms.iter() }
            .map(|room| {
                let mut known: Option<RoomState> = None;
                for (mut state, readings) in room.watches(&rules, LocalTime::FIRST) {
                    if let Some(known) = known {
                        state.baseline = known.baseline;
                        let ended = (known.watches, known.watch.stay);
                        state.baseline.begin_watch(ended, &state.watch.stay, &rules);
                    }
                    known = Some(observe(&room.key, &state, readings, &rules).state);
                }
                known.expect("stays")
            })
            .collect();
        let mut changes: Vec<_> = rooms.iter().map(|_| Vec::new()).collect();
        let mut evaluated: Vec<_> = (rooms.iter().zip(&mut states).zip(&mut changes))
            .map(|((room, state), changes)| Evaluation {
                room: &room.key,
                state,
                changes,
            })
            .collect();
        let hotel = HotelId::new("H1");
        let (mut frames, mut memory) = (Frames::default(), HotelMemory::default());
        let mut compared: Vec<Vec<Usual>> = rooms.iter().map(|_| Vec::new()).collect();
        let mut looked_at = BTreeSet::new();
        let show = |place: usize, judged: &baseline::Judged, verdict: &baseline::Verdict| {
            looked_at.insert(baseline::looked_at(judged.ended, 1_800));
            let above = match verdict.kind {
                Finding::Vacant { tolerance, .. } => Some(tolerance),
                Finding::Occupied { limit, .. } => limit,
            };
            compared[place].push(Usual {
                began: judged.opened,
                ended: judged.ended,
                base: WattHours(verdict.base),
                limit: above.map(|above| WattHours(verdict.base + above)),
            });
        };
        baseline::evaluate(
            &hotel,
            &mut frames,
            &mut memory,
            &mut evaluated,
            &rules,
            show,
        );
        let kept = looked_at.into_iter().map(|number| KeptFrame {
            hotel: hotel.clone(),
            began: baseline::begin(number, 1_800),
            interval_seconds: 1_800,
            summary: frames.summary(number),
            allowance: 100,
        });
        let kept: Vec<KeptFrame> = kept.collect();
        // Today's allowance is another one.
        rules.baseline.allowance = WattHours(300);
        let mut limits = BTreeSet::new();
        for (room, compared) in rooms.iter().zip(&compared) {
            let found = usual(room, &kept, LocalTime::FIRST, &rules);
            assert_eq!(&found, compared, "{}, seed {seed}", room.key);
            limits.extend(found.iter().map(|it| it.limit.map(|limit| limit - it.base)));
            // Without its frames nothing is known of an interval.
            let half = usual(room, &kept[60..], LocalTime::FIRST, &rules);
            assert!(!half.is_empty() && half.len() < found.len(), "seed {seed}");
        }
        assert!(
            limits.len() > 3 && limits.contains(&None),
            "{limits:?}, seed {seed}"
        );
        rules.baseline.mode = BaselineMode::Off;
        assert_eq!(usual(&rooms[0], &kept, LocalTime::FIRST, &rules), []);
    }
}
