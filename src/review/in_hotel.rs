//! A room is explained by the baseline rule, too. It compares a room with the hotel's others, so
//! all of them are judged.

use std::collections::HashMap;

use crate::engine::baseline::Finding;
use crate::engine::{BaselineMode, Rules};
use crate::types::{LocalTime, RoomKey};

use super::backtest::{unusual_since, without_history};
use super::{Assessed, Chapter, Past, Room, explain};

/// As [`explain`], and what the baseline rule made of each interval, unless it is off. Of the
/// hotel's other rooms it knows what they have used since the past begins. `None` without the room.
pub fn explain_in_hotel(
    past: &Past,
    key: &RoomKey,
    from: LocalTime,
    rules: &Rules,
) -> Option<Vec<Chapter>> {
    let mut chapters = explain(past.room(key)?, from, rules);
    if rules.baseline.mode == BaselineMode::Off {
        return Some(chapters);
    }
    let rooms = past.hotel(&key.hotel_id);
    let own = rooms.iter().position(|room| room.key == *key)?;
    let mut assessed: HashMap<LocalTime, Assessed> = HashMap::new();
    let since = |room: &Room| match room.key == *key {
        true => LocalTime::FIRST,
        false => past.from,
    };
    unusual_since(
        &rooms,
        &without_history(rules),
        since,
        |at, judged, verdict| {
            if at == own {
                assessed.insert(judged.ended, Assessed::of(judged, verdict));
            }
        },
    );
    for chapter in &mut chapters {
        let mut last = 0;
        let lines = chapter.lines.iter_mut();
        for line in lines.filter(|line| line.verdict.is_judged()) {
            line.assessed = assessed.get(&line.reading.time).copied();
            if let Some(assessed) = &mut line.assessed
                && let Finding::Vacant {
                    before, account, ..
                } = assessed.verdict.kind
            {
                assessed.is_interrupted = before == 0 && last > 0;
                last = account;
            }
        }
    }
    Some(chapters)
}
