//! The notices that rules would have produced.

use rayon::prelude::*;

use crate::engine::{Change, NoticeKind, RoomNotice, Rules, observe};
use crate::types::LocalTime;

use super::{Past, Room};

/// A notice, and the index of the rules that produced it.
pub struct Finding {
    pub rule: usize,
    pub notice: RoomNotice,
}

/// Every notice that each of `rules` produces in the span, ordered by (detected time, hotel, room),
/// then by the rules' order. The notices have no history of intervals.
pub fn backtest(past: &Past, rules: &[Rules]) -> Vec<Finding> {
    let rules: Vec<Rules> = rules.iter().map(without_history).collect();
    let mut findings: Vec<Finding> = (past.rooms().par_iter())
        .flat_map_iter(|room| {
            rules.iter().enumerate().flat_map(|(rule, rules)| {
                let notices = judge(room, rules, past.from).into_iter();
                notices.map(move |notice| Finding { rule, notice })
            })
        })
        .collect();
    // Stable, so that notices of one room at one time stay in the order of its stays.
    findings.par_sort_by(|a, b| {
        let (one, other) = (&a.notice, &b.notice);
        (one.detected, &one.room, a.rule).cmp(&(other.detected, &other.room, b.rule))
    });
    findings
}

/// The same rules without histories of intervals: no cards are made of these notices.
pub(super) fn without_history(rules: &Rules) -> Rules {
    Rules {
        history_intervals: 0,
        ..rules.clone()
    }
}

/// Every alert, reminder and recovery of a room from `from` on, in the order of its stays and
/// readings. Earlier readings are not used, even if the room has some. How other runs ended is left
/// out: it matters to the staff, but says nothing about the rules.
pub fn judge(room: &Room, rules: &Rules, from: LocalTime) -> Vec<RoomNotice> {
    let mut notices = Vec::new();
    for (state, readings) in room.watches(rules, from) {
        let changes = observe(&room.key, &state, readings, rules).changes;
        notices.extend(changes.into_iter().filter_map(|change| match change {
            Change::Notice(notice) => Some(notice),
            _ => None,
        }));
    }
    notices
        .retain(|notice| notice.detected >= from && !matches!(notice.kind, NoticeKind::Closed(_)));
    notices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Stay;
    use crate::types::{Reading, RoomKey, WattHours};

    fn at(clock: &str) -> LocalTime {
        LocalTime::parse(&format!("2023-04-10 {clock}:00")).expect("a time")
    }

    /// A vacant room with a heater, whose meter is read every 28 minutes.
    #[test]
    fn judging_starts_at_the_span_with_one_interval_before_it() {
        let mut room = Room::new(RoomKey::new("H001", "101"));
        room.stays = vec![Stay::Vacant {
            actual_checkin: None,
            actual_checkout: at("08:00"),
        }];
        let readings = (0..20).map(|nth: i64| Reading {
            time: at("08:03").plus(nth * 28 * 60),
            register: WattHours(100_000 + nth * 2_500),
        });
        room.readings = readings.collect();
        let notices = |from: &str, alert_periods| -> Vec<(NoticeKind, String)> {
            let rules = Rules {
                alert_periods,
                ..Rules::default()
            };
            let notices = judge(&room, &rules, at(from)).into_iter();
            let shown = notices.map(|notice| (notice.kind, notice.detected.day_hour_minute()));
            shown.take(2).collect()
        };
        let is = |kind, clock: &str| (kind, format!("04-10 {clock}"));
        let (alert, reminder) = (NoticeKind::Alert, NoticeKind::Reminder);
        assert_eq!(
            notices("08:00", 4),
            [is(alert, "09:55"), is(reminder, "11:47")]
        );
        // The readings of 09:55 and 10:23 lie in the interval before the span, and so would a
        // notice of the latter.
        assert_eq!(
            notices("10:24", 4),
            [is(alert, "11:47"), is(reminder, "13:39")]
        );
        assert_eq!(
            notices("10:24", 1),
            [is(reminder, "10:51"), is(reminder, "11:47")]
        );
        assert_eq!(
            notices("10:30", 1),
            [is(alert, "10:51"), is(reminder, "11:19")]
        );
    }
}
