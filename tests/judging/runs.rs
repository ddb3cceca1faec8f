//! Alerts, reminders and recoveries: the run of abnormal intervals.

use roomwatt::engine::{Change, Rules, observe};

use crate::story::{Room, reading, story, story_under};

/// "When it has at least `continuous_alert_count` (4) periods and there was no notice of it:
/// alert"; "Normal: the run ends; if it had alerted: recovered, with the ended run's periods,
/// energy and start"
#[test]
fn alert_at_the_fourth_period_and_recovery_with_the_ended_run() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:30     100.2              | normal 1
         15:00     102.2              | abnormal 1
         15:30     104.3              | abnormal 1
         16:00     106.5              | abnormal 1
         16:30     108.8              | abnormal 1, alert of 4 since 14:30: 8.6 kWh
         17:00     111.2              | abnormal 1
         17:30     111.3              | normal 1, recovered of 5 since 14:30: 11 kWh
         18:00     111.4              | normal 1
         18:30     113.4              | abnormal 1
         19:00     115.4              | abnormal 1
         19:30     117.4              | abnormal 1
         20:00     119.4              | abnormal 1, alert of 4 since 18:00: 8 kWh",
    );
}

#[test]
fn a_run_of_three_ends_silently() {
    story(
        "check-in  18:00              | watch from nothing
         18:00     100                | initial
         18:30     102.5              | abnormal 1
         19:00     105.0              | abnormal 1
         19:30     107.5              | abnormal 1
         20:00     109.5              | run of 3 ends, normal 1
         20:30     112.0              | abnormal 1
         21:00     114.5              | abnormal 1
         21:30     117.0              | abnormal 1
         22:00     117.0              | run of 3 ends, normal 1",
    );
}

/// "an interval of two hours between readings stands for four"
#[test]
fn one_interval_of_two_hours_alerts() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     106.001            | abnormal 4, alert of 4 since 14:00: 6.001 kWh
         16:30     106.002            | normal 1, recovered of 4 since 14:00: 6.001 kWh",
    );
}

/// "When it has at least twice the periods it had at the last notice: reminder (8, 16, 32 ... where
/// the alert came at 4)"
#[test]
fn reminders_at_8_16_and_32_and_not_otherwise() {
    assert_eq!(
        notices_in(70, Rules::default()),
        [
            "4 alert",
            "8 reminder",
            "16 reminder",
            "32 reminder",
            "64 reminder"
        ]
    );
    let at_once = Rules {
        alert_periods: 1,
        ..Rules::default()
    };
    assert_eq!(
        notices_in(9, at_once),
        ["1 alert", "2 reminder", "4 reminder", "8 reminder"]
    );
}

/// At which of so many abnormal intervals in a row there is a notice, and its kind.
fn notices_in(intervals: u32, rules: Rules) -> Vec<String> {
    let mut room = Room::under(rules);
    room.play("check-out 00:00");
    room.play("00:00 0");
    let mut notices = Vec::new();
    for count in 1..=intervals {
        let (hours, minutes) = (count / 2, count % 2 * 30);
        let out = room.play(&format!("{hours}:{minutes} {}", 2 * count));
        if let Some(notice) = out.strip_prefix("abnormal 1, ") {
            let (kind, rest) = notice.split_once(" of ").expect("kind of periods");
            let (periods, _) = rest.split_once(' ').expect("periods since");
            assert_eq!(periods, count.to_string(), "{out}");
            notices.push(format!("{count} {kind}"));
        } else {
            assert_eq!(out, "abnormal 1", "at {count}");
        }
    }
    notices
}

#[test]
fn reminders_double_from_the_last_notified_period_where_periods_come_unevenly() {
    story(
        "check-out 10:00              | watch from nothing
         10:00     100                | initial
         10:30     102                | abnormal 1
         11:30     106                | abnormal 2
         12:30     110                | abnormal 2, alert of 5 since 10:00: 10 kWh
         13:00     112                | abnormal 1
         14:00     116                | abnormal 2
         14:30     118                | abnormal 1
         15:00     120                | abnormal 1, reminder of 10 since 10:00: 20 kWh
         17:00     128                | abnormal 4
         19:00     136                | abnormal 4
         20:00     140                | abnormal 2, reminder of 20 since 10:00: 40 kWh
         20:30     140.1              | normal 1, recovered of 20 since 10:00: 40 kWh",
    );
    story(
        "check-out 10:00              | watch from nothing
         10:00     100                | initial
         12:00     108                | abnormal 4, alert of 4 since 10:00: 8 kWh
         13:30     114                | abnormal 3
         14:30     118                | abnormal 2, reminder of 9 since 10:00: 18 kWh
         16:30     126                | abnormal 4
         18:30     134                | abnormal 4
         19:00     136                | abnormal 1, reminder of 18 since 10:00: 36 kWh",
    );
}

/// "A run that ends otherwise (gap, replaced meter, newer event) closes without a recovery."
#[test]
fn only_a_normal_interval_is_a_recovery() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     108                | abnormal 4, alert of 4 since 14:00: 8 kWh
         18:30     108                | gap, closed by Gap of 4 since 14:00: 8 kWh
         19:00     108                | normal 1",
    );
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     108                | abnormal 4, alert of 4 since 14:00: 8 kWh
         16:30     0                  | suspect
         17:00     0.1                | meter changed, normal 1, \
                                        closed by MeterChanged of 4 since 14:00: 8 kWh",
    );
    let room = story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     108                | abnormal 4, alert of 4 since 14:00: 8 kWh
         check-in  16:00              | closed by checkin 16:00 of 4 since 14:00: 8 kWh, \
                                        watch from 108 at 16:00
         16:30     108                | normal 1",
    );
    assert_eq!(room.watch().fold.run, None);
}

/// "But an interval of exactly zero neither counts nor ends a run that had alerted while less than
/// `silent_after_minutes` (90) have passed since the end of its last interval that was not"
#[test]
fn zero_use_is_no_recovery_for_ninety_minutes() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     108                | abnormal 4, alert of 4 since 14:00: 8 kWh
         16:30     108                | zero 1
         17:00     108                | zero 1
         17:30     108                | normal 1, recovered of 4 since 14:00: 8 kWh",
    );
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     108                | abnormal 4, alert of 4 since 14:00: 8 kWh
         17:29:59  108                | zero 3
         17:59:59  108                | normal 1, recovered of 4 since 14:00: 8 kWh",
    );
    // as little as it may be, it is not nothing
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     108                | abnormal 4, alert of 4 since 14:00: 8 kWh
         16:30     108                | zero 1
         17:00     108.001            | normal 1, recovered of 4 since 14:00: 8 kWh",
    );
    // nor does it count: the run goes on where it was
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     108                | abnormal 4, alert of 4 since 14:00: 8 kWh
         16:30     108                | zero 1
         17:00     107.980            | zero 1
         17:30     110                | abnormal 1
         18:00     110                | zero 1
         19:29:59  118                | abnormal 3, reminder of 8 since 14:00: 18 kWh
         20:59:58  118                | zero 3
         21:29:58  118                | normal 1, recovered of 8 since 14:00: 18 kWh",
    );
}

#[test]
fn zero_use_ends_a_run_that_was_not_notified() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         15:30     106                | abnormal 3
         16:00     106                | run of 3 ends, normal 1",
    );
}

#[test]
fn how_long_zero_use_is_no_recovery_can_be_configured() {
    let rules = |minutes: i64| Rules {
        silent_after_seconds: minutes * 60,
        ..Rules::default()
    };
    for (minutes, became) in [
        (30, "normal 1, recovered of 4 since 14:00: 8 kWh"),
        (31, "zero 1"),
    ] {
        story_under(
            rules(minutes),
            &format!(
                "check-out 14:00          | watch from nothing
                 14:00     100            | initial
                 16:00     108            | abnormal 4, alert of 4 since 14:00: 8 kWh
                 16:30     108            | {became}"
            ),
        );
    }
    // a gap is a gap all the same
    story_under(
        rules(600),
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     108                | abnormal 4, alert of 4 since 14:00: 8 kWh
         18:00:01  108                | gap, closed by Gap of 4 since 14:00: 8 kWh",
    );
}

/// A run that 0.1 has stored reaches up to the sample: when it moved last is not stored beside it.
#[test]
fn a_run_of_an_older_version_does_not_recover_by_zero_use_either() {
    let mut room = story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     108                | abnormal 4, alert of 4 since 14:00: 8 kWh",
    );
    let state = room.played.state.as_mut().expect("it is watched");
    assert!(state.watch.fold.movement.take().is_some());
    room.goes_on(
        "16:30     108                | zero 1
         17:00     108                | zero 1
         17:30     108                | normal 1, recovered of 4 since 14:00: 8 kWh",
    );
}

/// What a card says of the run's time leaves out what came after it.
#[test]
fn the_time_of_a_run_ends_where_the_register_stood_still() {
    let mut room = story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     108                | abnormal 4, alert of 4 since 14:00: 8 kWh",
    );
    let last = ["16:30", "17:00", "17:30"].map(|time| reading(time, "108"));
    let state = room.played.state.take().expect("it is watched");
    let after = observe(&room.played.key, &state, &last, &room.rules);
    let [Change::Notice(notice)] = after.changes.as_slice() else {
        panic!("{:?}", after.changes);
    };
    assert_eq!(notice.run_seconds(), 2 * 3_600);
}

#[test]
fn a_run_begins_anew_after_a_gap_under_the_same_watch() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:30     102                | abnormal 1
         15:00     104                | abnormal 1
         15:30     106                | abnormal 1
         18:00     116                | run of 3 closed by Gap, gap
         18:30     118                | abnormal 1
         19:00     120                | abnormal 1
         19:30     122                | abnormal 1
         20:00     124                | abnormal 1, alert of 4 since 18:00: 8 kWh",
    );
}

#[test]
fn a_notice_shows_the_last_intervals_oldest_first() {
    let rules = Rules {
        history_intervals: 3,
        ..Rules::default()
    };
    let room = story_under(
        rules,
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:30     101                | normal 1
         17:00     103                | gap
         17:10     104                | within
         17:30     105                | abnormal 1
         18:30     108.5              | abnormal 2",
    );
    let shown: Vec<_> = room.watch().history.iter().collect();
    let shown: Vec<_> = shown
        .iter()
        .map(|i| (i.seconds() / 60, i.energy().map(|e| e.0)))
        .collect();
    assert_eq!(shown, [(150, None), (30, Some(2_000)), (60, Some(3_500))]);
}
