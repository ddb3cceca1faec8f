//! The notices that rules would have produced.

use rayon::prelude::*;

use crate::engine::baseline::{self, Evaluation, Frames, HotelMemory, Judged, Verdict};
use crate::engine::{
    BaselineMode, BaselineRules, Change, Notice, NoticeKind, RoomNotice, RoomState, Rules, observe,
};
use crate::types::{LocalTime, RoomNumber};

use super::{Past, Room};

/// A notice, and the index of the rules that produced it.
pub struct Finding {
    pub rule: usize,
    /// Of a room, or of a hotel's vacant rooms: never of meters.
    pub notice: Notice,
}

impl Finding {
    /// The notice, if it is about a room.
    pub fn of_room(&self) -> Option<&RoomNotice> {
        self.notice.of_room()
    }

    fn room(&self) -> Option<&RoomNumber> {
        self.of_room().map(|notice| &notice.room.room_number)
    }
}

/// Every notice that each of `rules` produces in the span, also of runs that can't be followed
/// further, ordered by (detected time, hotel, room), those of a hotel before those of its rooms,
/// then by the rules' order. The notices have no
/// history of intervals. The baseline rule is part of those rules where it is on.
pub fn backtest(past: &Past, rules: &[Rules]) -> Vec<Finding> {
    let rules: Vec<Rules> = rules.iter().map(without_history).collect();
    let hotels = past.hotels();
    let mut findings: Vec<Finding> = (hotels.par_iter())
        .flat_map_iter(|rooms| {
            rules.iter().enumerate().flat_map(|(rule, rules)| {
                let notices = judge_hotel(rooms, rules, past.from).into_iter();
                notices.map(move |notice| Finding { rule, notice })
            })
        })
        .collect();
    // Stable, so that notices of one room at one time stay in the order of its stays.
    findings.par_sort_by(|a, b| {
        let by_time = a.notice.detected().cmp(&b.notice.detected());
        let by_hotel = by_time.then_with(|| a.notice.hotel_id().cmp(b.notice.hotel_id()));
        by_hotel.then_with(|| (a.room(), a.rule).cmp(&(b.room(), b.rule)))
    });
    findings
}

/// As [`backtest`], of all rooms of a hotel.
fn judge_hotel(rooms: &[&Room], rules: &Rules, from: LocalTime) -> Vec<Notice> {
    let fixed = Rules {
        baseline: BaselineRules {
            mode: BaselineMode::Off,
            ..rules.baseline
        },
        ..rules.clone()
    };
    let by_room = { rooms.par_iter() }.flat_map(|room| notices_of(room, &fixed, from));
    let mut notices: Vec<Notice> = by_room.map(Notice::Room).collect();
    if rules.baseline.mode == BaselineMode::On {
        notices.extend(unusual(rooms, rules, from, |_, _, _| {}));
    }
    notices
}

/// Every notice of the baseline rule of a hotel and of its rooms from `from` on; each interval is
/// shown with its room's place and its verdict. It knows the rooms from `from` on.
pub fn unusual(
    rooms: &[&Room],
    rules: &Rules,
    from: LocalTime,
    show: impl FnMut(usize, &Judged, &Verdict),
) -> Vec<Notice> {
    let mut notices = unusual_since(rooms, rules, |_| from, show);
    notices.retain(|notice| notice.detected() >= from);
    notices
}

/// As [`unusual`], where it knows each room since a time of its own.
pub(super) fn unusual_since(
    rooms: &[&Room],
    rules: &Rules,
    since: impl Fn(&Room) -> LocalTime + Sync,
    show: impl FnMut(usize, &Judged, &Verdict),
) -> Vec<Notice> {
    unusual_in(Frames::default(), rooms, rules, since, show)
}

/// As [`unusual_since`], in a hotel of which these frames are known.
pub(super) fn unusual_in(
    mut frames: Frames,
    rooms: &[&Room],
    rules: &Rules,
    since: impl Fn(&Room) -> LocalTime + Sync,
    show: impl FnMut(usize, &Judged, &Verdict),
) -> Vec<Notice> {
    let Some(hotel) = rooms.first().map(|room| room.key.hotel_id.clone()) else {
        return Vec::new();
    };
    let last = |room: &&Room| {
        let mut known: Option<RoomState> = None;
        for (mut state, readings) in room.watches(rules, since(room)) {
            if let Some(known) = known {
                let ended = (known.watches, known.watch.stay);
                state.baseline = known.baseline;
                state.baseline.begin_watch(ended, &state.watch.stay, rules);
            }
            known = Some(observe(&room.key, &state, readings, rules).state);
        }
        (known, Vec::new())
    };
    let mut judged: Vec<(Option<RoomState>, Vec<Change>)> = rooms.par_iter().map(last).collect();
    let mut evaluations: Vec<Evaluation> = { rooms.iter().zip(&mut judged) }
        .filter_map(|(room, (state, changes))| {
            Some(Evaluation {
                room: &room.key,
                state: state.as_mut()?,
                changes,
            })
        })
        .collect();
    let mut memory = HotelMemory::default();
    let of_hotel = baseline::evaluate(
        &hotel,
        &mut frames,
        &mut memory,
        &mut evaluations,
        rules,
        show,
    );
    let changes = judged.into_iter().flat_map(|(_, changes)| changes);
    let notices = changes.filter_map(|change| match change {
        Change::Notice(notice) => Some(notice),
        _ => None,
    });
    let of_hotel = of_hotel.into_iter().map(Notice::Hotel);
    of_hotel.chain(notices.map(Notice::Room)).collect()
}

/// The same rules without histories of intervals: no cards are made of these notices.
pub(super) fn without_history(rules: &Rules) -> Rules {
    Rules {
        history_intervals: 0,
        ..rules.clone()
    }
}

/// Every alert, reminder and recovery of a room from `from` on, in the order of its stays and
/// readings, by the rules with thresholds. Earlier readings are not used, even if the room has
/// some.
pub fn judge(room: &Room, rules: &Rules, from: LocalTime) -> Vec<RoomNotice> {
    let mut notices = notices_of(room, rules, from);
    // How runs ended otherwise than by a recovery matters to the staff alone.
    notices.retain(|notice| !matches!(notice.kind, NoticeKind::Closed(_)));
    notices
}

fn notices_of(room: &Room, rules: &Rules, from: LocalTime) -> Vec<RoomNotice> {
    let mut notices = Vec::new();
    for (state, readings) in room.watches(rules, from) {
        let changes = observe(&room.key, &state, readings, rules).changes;
        notices.extend(changes.into_iter().filter_map(|change| match change {
            Change::Notice(notice) => Some(notice),
            _ => None,
        }));
    }
    notices.retain(|notice| notice.detected >= from);
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
