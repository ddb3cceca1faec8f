//! Whether a recovery is certain enough to be sent: a gateway that repeats old registers looks like
//! one.

use crate::engine::{NoticeKind, RoomNotice, RoomState};
use crate::rooms::Rooms;
use crate::types::LocalTime;

/// How certain a recovery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recovery {
    /// It can be sent.
    Confirmed,
    /// Later readings have to show it.
    Undecided,
    /// The room had not recovered, and an alert has been recorded since.
    Wrong,
}

impl Recovery {
    /// The certainty of a room's notice at `now`. Notices other than recoveries can always be sent.
    /// `for_staff`: it goes to people, for whom a wrong one is harmful.
    pub(super) fn of(
        notice: &RoomNotice,
        rooms: &Rooms,
        now: LocalTime,
        for_staff: bool,
    ) -> Recovery {
        let hotel = &notice.room.hotel_id;
        if notice.kind != NoticeKind::Recovered {
            return Recovery::Confirmed;
        }
        if rooms.is_notified_frozen(hotel)
            || not_before(notice, rooms, for_staff).is_some_and(|allowed| now < allowed)
        {
            return Recovery::Undecided;
        }
        let Some(moved) = moved_after(notice, rooms).filter(|_| notice.is_zero_use_recovery())
        else {
            return Recovery::Confirmed;
        };
        let Some(room) = rooms.get(&notice.room) else {
            return Recovery::Confirmed;
        };
        match room.state.watch.fold.run {
            // The energy of the whole standstill came when the register moved; the next intervals
            // show whether the consumption goes on. A run that began later is a separate one.
            Some(run)
                if is_later_run(&room.state, run.since, notice)
                    && run.since < moved.plus(once_around(notice)) =>
            {
                match run.notified_at_periods {
                    0 => Recovery::Undecided,
                    _ => Recovery::Wrong,
                }
            }
            _ => Recovery::Confirmed,
        }
    }
}

/// The earliest time at which a recovery can be sent, while its hotel is not frozen; `None` if it
/// can be sent at once.
pub(super) fn not_before(notice: &RoomNotice, rooms: &Rooms, for_staff: bool) -> Option<LocalTime> {
    if notice.kind != NoticeKind::Recovered {
        return None;
    }
    let moved = moved_after(notice, rooms);
    if !notice.is_zero_use_recovery() {
        return moved;
    }
    // The first meter that stands still long enough to look recovered is found before the others,
    // which show that the hotel is frozen; and when the hotel moves again, its meters do not all
    // move at once.
    let found = for_staff.then_some(notice.detected);
    Some(found.max(moved)?.plus(once_around(notice)))
}

/// When the hotel of a recovery was found to move again, if the recovery may be that of a frozen
/// meter.
fn moved_after(notice: &RoomNotice, rooms: &Rooms) -> Option<LocalTime> {
    let moved = rooms.moving_since(&notice.room.hotel_id)?;
    (notice.detected < moved.plus(once_around(notice))).then_some(moved)
}

/// The time in which all meters are read once. Seconds.
fn once_around(notice: &RoomNotice) -> i64 {
    notice.interval_seconds + notice.interval_seconds / 10
}

/// Whether a run began in the same watch after the one that has recovered.
fn is_later_run(state: &RoomState, since: LocalTime, notice: &RoomNotice) -> bool {
    state.watch_key() == notice.run().watch && since > notice.since
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Interval, MeterNotice, MeterNoticeKind, Rules, Run};
    use crate::notify::sample;
    use crate::types::WattHours;

    fn at(minutes: i64) -> LocalTime {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        noon.plus(minutes * 60)
    }

    /// A recovery found at noon, after an interval with this energy.
    fn recovered(wh: i64) -> RoomNotice {
        let mut notice = sample::room_notice(NoticeKind::Recovered, 1, at(0));
        let interval = Interval::new(1_800, Some(WattHours(wh)));
        notice.history.push(interval);
        notice
    }

    fn meters(kind: MeterNoticeKind, minutes: i64) -> MeterNotice {
        MeterNotice {
            kind,
            hotel_id: recovered(0).room.hotel_id,
            detected: at(minutes),
            since: Some(at(-90)),
            silent: 5,
            watched: 5,
            rooms: Vec::new(),
            handling: None,
        }
    }

    /// The room with a run since then of which the staff was notified at so many periods.
    fn with_run(rooms: &Rooms, run: Option<(i64, u32)>) {
        let notice = recovered(0);
        let mut state = RoomState::new(notice.stay, &Rules::default());
        state.watch.fold.run = run.map(|(since, periods)| Run {
            periods: periods.max(1),
            energy: WattHours(9_000),
            since: at(since),
            until: at(since + 120),
            notified_at_periods: periods,
        });
        rooms.adopt([(notice.room, state)]);
    }

    fn known(rooms: &Rooms, wh: i64, minutes: i64) -> Recovery {
        Recovery::of(&recovered(wh), rooms, at(minutes), true)
    }

    #[test]
    fn what_rests_on_zero_waits_until_all_meters_have_been_read_once_more() {
        let rooms = Rooms::default();
        assert_eq!(known(&rooms, 10, 0), Recovery::Confirmed);
        assert_eq!(known(&rooms, 0, 32), Recovery::Undecided);
        assert_eq!(known(&rooms, 0, 33), Recovery::Confirmed);
        let logged = Recovery::of(&recovered(0), &rooms, at(0), false);
        assert_eq!(logged, Recovery::Confirmed);
        let alert = sample::room_notice(NoticeKind::Alert, 1, at(0));
        assert_eq!(
            Recovery::of(&alert, &rooms, at(0), true),
            Recovery::Confirmed
        );
    }

    #[test]
    fn recoveries_are_held_while_their_hotel_is_frozen() {
        let rooms = Rooms::default();
        rooms.notified(&meters(MeterNoticeKind::Frozen, 10));
        for wh in [0, 10] {
            assert_eq!(known(&rooms, wh, 600), Recovery::Undecided);
            let logged = Recovery::of(&recovered(wh), &rooms, at(600), false);
            assert_eq!(logged, Recovery::Undecided);
        }
        rooms.notified(&meters(MeterNoticeKind::Moving, 600));
        assert_eq!(known(&rooms, 10, 600), Recovery::Confirmed);
        assert_eq!(known(&rooms, 0, 632), Recovery::Undecided);
        assert_eq!(known(&rooms, 0, 633), Recovery::Confirmed);
    }

    #[test]
    fn the_age_of_a_recovery_counts_from_when_it_could_be_sent() {
        let rooms = Rooms::default();
        let allowed = |wh| not_before(&recovered(wh), &rooms, true);
        assert_eq!([allowed(10), allowed(0)], [None, Some(at(33))]);
        // The hotel moved again long before: that was an earlier freeze.
        rooms.notified(&meters(MeterNoticeKind::Moving, -34));
        assert_eq!([allowed(10), allowed(0)], [None, Some(at(33))]);
        rooms.notified(&meters(MeterNoticeKind::Moving, 600));
        assert_eq!([allowed(10), allowed(0)], [Some(at(600)), Some(at(633))]);
    }

    #[test]
    fn a_room_that_went_on_when_its_hotel_moved_has_not_recovered() {
        let rooms = Rooms::default();
        // Where nothing was frozen, it has recovered, and then begun anew.
        with_run(&rooms, Some((600, 4)));
        assert_eq!(known(&rooms, 0, 700), Recovery::Confirmed);
        rooms.notified(&meters(MeterNoticeKind::Moving, 600));
        for (run, expected) in [
            (None, Recovery::Confirmed),
            (Some((600, 0)), Recovery::Undecided),
            (Some((600, 4)), Recovery::Wrong),
            // The owner has not adopted its end yet.
            (Some((-150, 4)), Recovery::Confirmed),
            // Begun when all meters had been read once more: the room had recovered until then.
            (Some((633, 0)), Recovery::Confirmed),
            (Some((633, 4)), Recovery::Confirmed),
        ] {
            with_run(&rooms, run);
            assert_eq!(known(&rooms, 0, 700), expected, "{run:?}");
            assert_eq!(known(&rooms, 10, 700), Recovery::Confirmed);
        }
    }
}
