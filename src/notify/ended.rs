//! Whether what a notice reports has ended by now.

use std::cmp::Ordering;

use crate::engine::{MeterNoticeKind, MeterTrouble, Notice, RoomNotice, RoomState};
use crate::rooms::Rooms;

/// Whether what a notice reports has ended by now. A notice is in the outbox before the state is in
/// memory; what memory does not know yet counts as going on.
pub(super) fn has_ended(rooms: &Rooms, notice: &Notice) -> bool {
    match notice {
        Notice::Room(notice) => {
            let room = rooms.get(&notice.room);
            room.is_some_and(|room| run_has_ended(&room.state, notice))
        }
        Notice::Meters(notice) => {
            let trouble = rooms.trouble(&notice.hotel_id);
            match notice.kind {
                MeterNoticeKind::Silent => !matches!(trouble, Some(MeterTrouble::Silent(_))),
                MeterNoticeKind::Frozen => !matches!(trouble, Some(MeterTrouble::Frozen(_))),
                MeterNoticeKind::Reporting | MeterNoticeKind::Moving => false,
            }
        }
        Notice::Hotel(_) => false,
    }
}

/// Whether the run that a notice reports is no longer the one of its room's watch.
fn run_has_ended(state: &RoomState, notice: &RoomNotice) -> bool {
    let run = notice.incident();
    match state.watch_key().cmp(&run.watch) {
        Ordering::Less => false,
        Ordering::Equal => {
            state.watch.fold.seen >= Some(notice.detected)
                && state.notified_run(&notice.room) != Some(run)
        }
        Ordering::Greater => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{MeterNotice, NoticeKind, Rules, Stay};
    use crate::notify::sample;
    use crate::types::{HotelId, LocalTime, Reading, WattHours};

    fn at(minutes: i64) -> LocalTime {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        noon.plus(minutes * 60)
    }

    fn vacant_since(minutes: i64) -> Stay {
        Stay::Vacant {
            actual_checkin: None,
            actual_checkout: at(minutes),
        }
    }

    /// The alert of a run from noon to 14:00.
    fn alert() -> RoomNotice {
        let mut alert = sample::room_notice(NoticeKind::Alert, 1, at(120));
        alert.stay = vacant_since(0);
        alert.since = at(0);
        alert
    }

    #[test]
    fn a_run_has_ended_when_the_room_has_a_newer_state() {
        // Takes the register at each half hour from noon on.
        let seen = |registers: &[i64]| {
            let state = RoomState::new(vacant_since(0), &Rules::default());
            let reading = |(place, wh): (usize, &i64)| Reading {
                time: at(30 * place as i64),
                register: WattHours(*wh),
            };
            let readings: Vec<Reading> = registers.iter().enumerate().map(reading).collect();
            let room = alert().room;
            crate::engine::observe(&room, &state, &readings, &Rules::default()).state
        };
        let alerted = [0, 2_000, 4_000, 6_000, 8_000];
        let later = |wh: i64| [&alerted[..], &[8_000 + wh]].concat();
        assert!(!run_has_ended(&seen(&alerted), &alert()));
        assert!(!run_has_ended(&seen(&later(2_000)), &alert()), "it goes on");
        assert!(run_has_ended(&seen(&later(100)), &alert()), "it is normal");
        assert!(
            !run_has_ended(&seen(&alerted[..4]), &alert()),
            "not adopted yet"
        );
        let other = |minutes| RoomState::new(vacant_since(minutes), &Rules::default());
        let with = |watches, minutes| RoomState {
            watches,
            ..other(minutes)
        };
        let of = |watch| RoomNotice { watch, ..alert() };
        assert!(run_has_ended(&with(3, -60), &of(2)), "another watch");
        assert!(!run_has_ended(&with(2, 60), &of(3)), "not adopted yet");
        assert!(
            !run_has_ended(&with(2, 60), &of(2)),
            "its stay was corrected"
        );
        // Notices of version 0.1, which identified watches by their stays.
        assert!(run_has_ended(&with(1, -60), &of(0)), "another watch");
        assert!(run_has_ended(&with(0, 60), &of(0)), "another watch");
        assert!(!run_has_ended(&with(0, -60), &of(0)), "not adopted yet");
        let on = RoomState {
            watches: 0,
            ..seen(&alerted)
        };
        assert!(!run_has_ended(&on, &of(0)), "it goes on");

        let rooms = Rooms::default();
        let notice = Notice::Room(alert());
        assert!(!has_ended(&rooms, &notice), "not adopted yet");
        rooms.adopt([(alert().room, with(2, 60))]);
        assert!(has_ended(&rooms, &notice));
    }

    #[test]
    fn a_silence_has_ended_when_its_end_was_recorded() {
        let notice = |kind| MeterNotice {
            kind,
            hotel_id: HotelId::new("H1"),
            detected: at(0),
            since: None,
            silent: 5,
            watched: 5,
            rooms: Vec::new(),
            handling: None,
        };
        let rooms = Rooms::default();
        let silent = notice(MeterNoticeKind::Silent);
        rooms.notified(&silent);
        assert!(!has_ended(&rooms, &Notice::Meters(silent.clone())));
        rooms.notified(&notice(MeterNoticeKind::Reporting));
        assert!(has_ended(&rooms, &Notice::Meters(silent)));
        assert!(!has_ended(
            &rooms,
            &Notice::Meters(notice(MeterNoticeKind::Reporting))
        ));
        let frozen = notice(MeterNoticeKind::Frozen);
        rooms.notified(&frozen);
        assert!(!has_ended(&rooms, &Notice::Meters(frozen.clone())));
        rooms.notified(&notice(MeterNoticeKind::Moving));
        assert!(has_ended(&rooms, &Notice::Meters(frozen)));
    }
}
