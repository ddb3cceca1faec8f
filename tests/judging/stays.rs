//! Watches: messages, initial readings, and what changes when the guest does.

use roomwatt::engine::{Interval, Rules, Stay};

use crate::story::{Room, at, reading, story};

/// "The new watch takes as initial reading the room's last reading at or before the stay time, if
/// it is at most one interval older; else the first reading after it, once there is one."
#[test]
fn the_initial_reading() {
    for (stored, expected) in [
        ("14:00", "watch from 100 at 14:00"),
        ("13:59:59", "watch from 100 at 13:59:59"),
        ("13:30", "watch from 100 at 13:30"),
        ("13:29:59", "watch from nothing"),
        ("14:00:01", "watch from 100 at 14:00:01"),
        ("19:00", "watch from 100 at 19:00"),
    ] {
        let room = story(&format!(
            "stored    {stored}  100      |
             check-out 14:00              | {expected}"
        ));
        let initial = (expected != "watch from nothing").then(|| reading(stored, "100"));
        assert_eq!(room.watch().initial, initial);
        assert_eq!(room.watch().fold.sample, initial);
    }
}

#[test]
fn the_last_reading_before_the_stay_wins_over_the_first_after_it() {
    story(
        "stored    13:00     97       |
         stored    13:40     98       |
         stored    13:55     99       |
         stored    14:05     100      |
         check-out 14:00              | watch from 99 at 13:55",
    );
    story(
        "stored    13:29     97       |
         stored    14:20     100      |
         stored    14:50     103      |
         check-out 14:00              | watch from 100 at 14:20
         15:20     106                | abnormal 1",
    );
}

#[test]
fn a_better_initial_reading_takes_the_place_until_one_after_the_stay_is_folded() {
    let room = story(
        "check-out 14:00              | watch from nothing
         13:00     90                 | too old
         13:29:59  91                 | too old
         13:30     92                 | initial
         13:50     93                 | initial
         13:50     99                 | late
         14:00     94                 | initial
         14:30     95.5               | normal 1",
    );
    assert_eq!(room.watch().initial, Some(reading("14:00", "94")));
    let room = story(
        "check-out 14:00              | watch from nothing
         14:05     100                | initial
         13:55     99                 | late
         14:35     101.5              | normal 1",
    );
    assert_eq!(room.watch().initial, Some(reading("14:05", "100")));
}

/// "It is the watch's first sample (an outlier there heals by rule 3 of section 4)"
#[test]
fn an_outlier_as_the_initial_reading_heals() {
    story(
        "stored    14:00     9999     |
         check-out 14:00              | watch from 9999 at 14:00
         14:30     100                | suspect
         15:00     101                | meter changed, normal 1
         15:30     103                | abnormal 1",
    );
    // before the stay nothing is judged: there it doesn't even raise a suspicion
    story(
        "check-out 14:00              | watch from nothing
         13:40     9999               | initial
         14:00     100                | initial
         14:30     101                | normal 1",
    );
}

/// "The sample lies more than `tolerance` before the stay time: that interval began before the
/// stay; the reading becomes the sample, nothing is judged."
#[test]
fn an_interval_that_began_before_the_stay_is_not_judged() {
    story(
        "stored    14:30     100      |
         check-out 14:33              | watch from 100 at 14:30
         15:00     103                | abnormal 1",
    );
    story(
        "stored    14:30     100      |
         check-out 14:33:01           | watch from 100 at 14:30
         15:00     103                | across the stay
         15:30     106                | abnormal 1",
    );
    story(
        "stored    14:00     100      |
         check-out 14:30              | watch from 100 at 14:00
         14:31     109                | across the stay
         14:50     110                | within
         15:01     111                | abnormal 1",
    );
    // an interval is only over when it is long enough, and a gap is a gap
    story(
        "stored    14:20     100      |
         check-out 14:30              | watch from 100 at 14:20
         14:40     101                | within
         14:50     102                | across the stay
         15:20     105                | abnormal 1",
    );
    let room = story(
        "stored    14:10     100      |
         check-out 14:30              | watch from 100 at 14:10
         16:10:01  101                | gap
         16:40:01  102                | normal 1",
    );
    assert_eq!(room.watch().history.len(), 2);
}

/// "One newer than the room's watch replaces it. An equal one is a duplicate [...] An older one is
/// stale"; "ordered by (stay time, check-out before check-in)"
#[test]
fn events_are_ordered_by_stay_time_then_check_out_before_check_in() {
    story(
        "check-in  14:00              | watch from nothing
         check-in  14:00              | duplicate
         check-out 14:00              | stale
         check-out 13:59:59           | stale
         check-in  13:00              | stale
         check-out 14:00:01           | watch from nothing
         check-out 14:00:01           | duplicate
         check-in  14:00              | stale
         check-in  14:00:01           | watch from nothing
         check-out 14:00:01           | stale
         check-in  15:00              | watch from nothing",
    );
}

/// "a check-in that carries an `expected_checkout_time` sets that (the later arrival wins; absence
/// changes nothing)"
#[test]
fn a_duplicate_sets_the_expected_check_out_and_never_removes_it() {
    let mut room = story("check-in 14:00 | watch from nothing");
    let expected = |room: &Room| match room.watch().stay {
        Stay::Occupied {
            expected_checkout, ..
        } => expected_checkout,
        Stay::Vacant { .. } => panic!("a guest is in"),
    };
    for (line, became, until) in [
        ("check-in 14:00", "duplicate", None),
        (
            "check-in 14:00 until 36:00",
            "expected check-out set",
            Some("36:00"),
        ),
        ("check-in 14:00 until 36:00", "duplicate", Some("36:00")),
        (
            "check-in 14:00 until 60:00",
            "expected check-out set",
            Some("60:00"),
        ),
        ("check-in 14:00", "duplicate", Some("60:00")),
        ("check-in 13:00 until 36:00", "stale", Some("60:00")),
        (
            "check-in 14:00 until 36:00",
            "expected check-out set",
            Some("36:00"),
        ),
        ("check-in 14:01", "watch from nothing", None),
    ] {
        room.goes_on(&format!("{line} | {became}"));
        assert_eq!(expected(&room), until.map(at), "after {line}");
    }
}

#[test]
fn another_expected_check_out_leaves_the_judging_alone() {
    story(
        "check-in  14:00              | watch from nothing
         14:00     100                | initial
         14:30     103                | abnormal 1
         15:00     106                | abnormal 1
         15:30     109                | abnormal 1
         check-in  14:00 until 15:40  | expected check-out set
         16:00     112                | abnormal 1, alert of 4 since 14:00: 12 kWh",
    );
}

/// "A newer event first brings the old watch up to date: the room's readings up to and including
/// the new stay time are judged under the old watch. Then it replaces it."
#[test]
fn the_old_watch_judges_up_to_and_including_the_new_stay_time() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         15:30     106                | abnormal 3
         stored    16:00     108      |
         check-in  16:00              | alert of 4 since 14:00: 8 kWh, \
                                        closed by checkin 16:00 of 4 since 14:00: 8 kWh, \
                                        watch from 108 at 16:00
         16:30     111                | abnormal 1",
    );
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         15:30     106                | abnormal 3
         stored    16:00     108      |
         check-in  15:59:59           | watch from 106 at 15:30
         16:30     111                | abnormal 1",
    );
    // its run may also end there
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     108                | abnormal 4, alert of 4 since 14:00: 8 kWh
         stored    16:30     108.1    |
         check-in  16:45              | recovered of 4 since 14:00: 8 kWh, \
                                        watch from 108.1 at 16:30",
    );
}

/// Readings up to the stay time are the old watch's as far as they are stored when the message is
/// taken. One stored later finds the new watch alone, and can still be its initial reading.
#[test]
fn a_reading_stored_after_the_message_is_the_new_watchs() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         15:30     106                | abnormal 3
         check-in  16:00              | watch from 106 at 15:30
         16:00     108                | initial",
    );
}

/// "A message that comes late finds readings after its stay time: they are judged under the new
/// watch, in the same transaction. What the old watch had already recorded [...] stands."
#[test]
fn a_late_message_judges_what_came_after_its_stay_time() {
    story(
        "check-in  10:00              | watch from nothing
         10:00     100                | initial
         10:30     101.8              | normal 1
         11:00     103.6              | normal 1
         11:30     105.4              | normal 1
         12:00     107.2              | normal 1
         12:30     109.0              | normal 1
         stored    13:00     110.8    |
         stored    13:30     110.9    |
         check-out 11:00              | watch from 103.6 at 11:00, \
                                        alert of 4 since 11:00: 7.2 kWh, \
                                        recovered of 4 since 11:00: 7.2 kWh
         14:00     112.6              | abnormal 1",
    );
    // the old watch's alert stands, the new watch brings its own
    story(
        "check-out 10:00              | watch from nothing
         10:00     100                | initial
         10:30     103                | abnormal 1
         11:00     106                | abnormal 1
         11:30     109                | abnormal 1
         12:00     112                | abnormal 1, alert of 4 since 10:00: 12 kWh
         12:30     115                | abnormal 1
         check-in  10:30              | closed by checkin 10:30 of 5 since 10:00: 15 kWh, \
                                        watch from 103 at 10:30, alert of 4 since 10:30: 12 kWh
         13:00     115.1              | normal 1, recovered of 4 since 10:30: 12 kWh",
    );
}

#[test]
fn one_message_can_bring_notices_of_both_watches() {
    story(
        "stored    08:00     100      |
         check-out 08:00              | watch from 100 at 08:00
         stored    08:30     102      |
         stored    09:00     104      |
         stored    09:30     106      |
         stored    10:00     108      |
         stored    12:00     120      |
         stored    12:30     120.1    |
         check-in  10:00              | alert of 4 since 08:00: 8 kWh, \
                                        closed by checkin 10:00 of 4 since 08:00: 8 kWh, \
                                        watch from 108 at 10:00, alert of 4 since 10:00: 12 kWh, \
                                        recovered of 4 since 10:00: 12 kWh
         sweep                        |",
    );
}

#[test]
fn a_sweep_catches_up_with_all_that_was_stored() {
    story(
        "check-out 08:00              | watch from nothing
         stored    08:00     100      |
         stored    10:00     108      |
         stored    10:30     108.1    |
         sweep                        | alert of 4 since 08:00: 8 kWh, \
                                        recovered of 4 since 08:00: 8 kWh
         sweep                        |",
    );
}

/// A suspicion is the old watch's: the new one begins from the reading itself.
#[test]
fn a_suspect_at_the_change_of_guests() {
    story(
        "check-out 13:00              | watch from nothing
         13:00     100                | initial
         13:30     101                | normal 1
         14:00     9999               | suspect
         check-in  14:00              | watch from 9999 at 14:00
         14:30     102                | suspect
         15:00     103                | meter changed, normal 1",
    );
    story(
        "check-out 13:00              | watch from nothing
         13:00     100                | initial
         13:30     101                | normal 1
         14:00     3                  | suspect
         check-in  14:05              | watch from 3 at 14:00
         14:30     4                  | across the stay
         15:00     5                  | normal 1",
    );
}

#[test]
fn a_watch_inherits_nothing_from_the_one_before() {
    let room = story(
        "check-out 13:00              | watch from nothing
         13:00     100                | initial
         14:30     106                | abnormal 3
         check-out 16:00              | watch from nothing",
    );
    let watch = room.watch();
    assert_eq!((watch.initial, watch.history.len()), (None, 0));
    assert_eq!(watch.fold, Default::default());
}

/// A chart shows what was before the stay, and nothing of it twice.
#[test]
fn a_new_watch_remembers_the_last_intervals_before_its_stay() {
    let kwh = |room: &Room| -> (Vec<String>, Vec<String>) {
        let words = |interval: &Interval| match interval.energy() {
            Some(energy) => energy.to_string(),
            None => "gap".to_owned(),
        };
        let watch = room.watch();
        let intervals = [&watch.before, &watch.history];
        let [before, stay] = intervals.map(|intervals| intervals.iter().map(words).collect());
        (before, stay)
    };
    let began = "check-in  08:00              | watch from nothing
         08:00     100                | initial
         08:30     100.4              | normal 1
         11:00     101                | gap
         11:30     101.5              | normal 1";
    let in_time = || {
        let mut room = story(began);
        room.goes_on("check-out 11:35 | watch from 101.5 at 11:30");
        room
    };
    let mut room = in_time();
    assert_eq!(
        kwh(&room),
        (vec!["0.4".into(), "gap".into(), "0.5".into()], vec![])
    );
    room.goes_on("12:00 103.5 | across the stay\n12:30 105.5 | abnormal 1");
    assert_eq!(kwh(&room).1, ["2"]);

    // The message came when the old watch had judged beyond the stay.
    let mut late = story(began);
    late.goes_on(
        "12:00     103.5              | normal 1
         12:30     105.5              | normal 1
         check-out 11:35              | watch from 101.5 at 11:30",
    );
    assert_eq!(
        kwh(&late),
        (
            vec!["0.4".into(), "gap".into(), "0.5".into()],
            vec!["2".into()]
        )
    );

    // As many as a card shows, those of the stay first.
    let mut room = Room::under(Rules {
        history_intervals: 3,
        ..Rules::default()
    });
    room.goes_on(began);
    room.goes_on("check-out 11:30 | watch from 101.5 at 11:30\n12:00 102.5 | normal 1");
    assert_eq!(
        kwh(&room),
        (vec!["gap".into(), "0.5".into()], vec!["1".into()])
    );
}
