//! Rooms that are not to be judged: out of order, or being cleaned.

use roomwatt::engine::{Change, Rules};

use crate::player::notices;
use crate::story::{Room, story, story_under};

/// "from `status_time` to `until`, or to `in_order`": "readings are folded, intervals [...] neither
/// count nor end a run", also where they lie in that time for a part.
#[test]
fn a_room_that_is_out_of_order_is_not_judged() {
    story(
        "check-out 14:00                     | watch from nothing
         14:00     100                       | initial
         14:30     102                       | abnormal 1
         out-of-order 15:00                  |
         15:00     104                       | abnormal 1
         15:30     106                       | run of 2 closed by out of order 15:00, out of order
         16:00     106                       | out of order
         18:30     106                       | out of order over a gap
         19:00     108                       | out of order
         in-order 19:10                      |
         19:30     110                       | out of order
         20:00     112                       | abnormal 1
         20:30     112                       | run of 1 ends, normal 1",
    );
    story(
        "check-out 14:00                     | watch from nothing
         out-of-order 15:00 until 15:40      |
         15:00     100                       | initial
         15:30     102                       | out of order
         16:00     104                       | out of order
         16:30     106                       | abnormal 1",
    );
}

/// "a run that is going on when it begins is cut off": by the clock, because its meter may fall
/// silent; after the readings of before have been judged.
#[test]
fn a_run_is_cut_off_when_the_room_comes_to_be_out_of_order() {
    story(
        "check-out 14:00                     | watch from nothing
         14:00     100                       | initial
         16:00     108                       | abnormal 4, alert of 4 since 14:00: 8 kWh
         out-of-order 16:40                  |
         16:30     110                       | abnormal 1
         clock     16:41                     | closed by out of order 16:40 of 5 \
                                               since 14:00: 10 kWh
         17:00     114                       | out of order",
    );
    // It lies ahead.
    story(
        "check-out 14:00                     | watch from nothing
         14:00     100                       | initial
         16:00     108                       | abnormal 4, alert of 4 since 14:00: 8 kWh
         out-of-order 17:40                  |
         clock     16:11                     |
         16:30     110                       | abnormal 1
         17:00     112                       | abnormal 1
         clock     17:40                     |
         clock     17:41                     | closed by out of order 17:40 of 6 \
                                               since 14:00: 12 kWh",
    );
    // It lay ahead, and did not come about.
    story(
        "check-out 14:00                     | watch from nothing
         14:00     100                       | initial
         16:00     108                       | abnormal 4, alert of 4 since 14:00: 8 kWh
         out-of-order 16:40                  |
         in-order  16:40                     |
         clock     16:50                     |
         17:00     112                       | abnormal 2",
    );
    // It is over by the time that the clock shows, but no interval from the last reading on is one
    // that could be judged.
    story(
        "check-out 14:00                     | watch from nothing
         14:00     100                       | initial
         16:00     108                       | abnormal 4, alert of 4 since 14:00: 8 kWh
         out-of-order 16:10 until 16:20      |
         clock     16:50                     | closed by out of order 16:10 of 4 \
                                               since 14:00: 8 kWh",
    );
    // What has been judged stands; the run ends all the same.
    story(
        "check-out 14:00                     | watch from nothing
         14:00     100                       | initial
         16:00     108                       | abnormal 4, alert of 4 since 14:00: 8 kWh
         16:30     110                       | abnormal 1
         out-of-order 15:10                  |
         clock     16:40                     | closed by out of order 15:10 of 5 since 14:00: 10 kWh
         in-order  17:10                     |
         17:00     112                       | out of order
         17:30     114                       | out of order
         18:00     116                       | abnormal 1",
    );
    // It is over already, by what is known.
    story(
        "check-out 14:00                     | watch from nothing
         14:00     100                       | initial
         16:00     108                       | abnormal 4, alert of 4 since 14:00: 8 kWh
         in-order  15:40                     |
         out-of-order 15:10                  |
         clock     16:10                     |
         16:30     110                       | abnormal 1",
    );
    // Readings of before come later than the message.
    story(
        "check-out 14:00                     | watch from nothing
         14:00     100                       | initial
         out-of-order 16:10                  |
         clock     16:11                     |
         16:00     108                       | abnormal 4, alert of 4 since 14:00: 8 kWh
         16:30     108                       | out of order, closed by out of order 16:10 of 4 \
                                               since 14:00: 8 kWh",
    );
}

#[test]
fn a_run_that_was_cut_off_ended_with_its_last_interval() {
    let mut room = Room::under(Rules::default());
    for line in [
        "check-out 14:00",
        "14:00 100",
        "16:00 108",
        "out-of-order 16:40",
        "clock 16:50",
    ] {
        room.play(line);
    }
    let [_, closed] = room.played.notices()[..] else {
        panic!("an alert and its end: {:?}", room.played.changes)
    };
    assert_eq!(closed.detected.to_string(), "2023-04-10 16:40:00");
    assert_eq!(
        closed.until.map(|at| at.to_string()).as_deref(),
        Some("2023-04-10 16:00:00")
    );
}

/// "or to the next arrival": of a guest, not of the time at which one leaves; nor does it end with
/// an arrival that was undone.
#[test]
fn out_of_order_ends_when_a_guest_comes() {
    story(
        "check-in  10:00                     | watch from nothing
         out-of-order 11:00                  |
         11:00     100                       | initial
         12:00     108                       | out of order
         check-out 12:10                     | watch from 108 at 12:00
         12:40     108.4                     | out of order
         check-in  13:00                     | watch from 108.4 at 12:40
         13:10     108.5                     | across the stay
         13:40     111                       | abnormal 1
         check-out 13:50                     | watch from 111 at 13:40
         14:20     113                       | across the stay
         14:50     115                       | abnormal 1",
    );
    story(
        "check-out 10:00                     | watch from nothing
         out-of-order 11:00                  |
         check-in  12:10                     | watch from nothing
         check-out 12:10 of 12:10            |
         12:30     100                       | initial
         13:00     102                       | out of order",
    );
}

/// The first interval of a guest's stay may begin a little before it.
#[test]
fn what_was_before_the_stay_is_no_part_of_it() {
    story(
        "check-out 10:00                     | watch from nothing
         out-of-order 11:00                  |
         14:00     100                       | initial
         check-in  14:02                     | watch from 100 at 14:00
         14:30     103                       | abnormal 1",
    );
}

/// Among changes at one time, the one holds after which the room is judged.
#[test]
fn of_one_time_the_room_is_in_order() {
    for statuses in [
        ["out-of-order 15:00", "in-order 15:00"],
        ["in-order 15:00", "out-of-order 15:00"],
    ] {
        let mut room = Room::under(Rules::default());
        room.play("check-out 14:00");
        for status in statuses {
            assert_eq!(room.play(status), "");
        }
        room.goes_on(
            "15:00     100                       | initial
             15:30     102                       | abnormal 1",
        );
    }
}

#[test]
fn a_status_is_applied_once_and_only_to_a_watched_room() {
    story(
        "out-of-order 13:00                  | not watched
         check-out 14:00                     | watch from nothing
         dirty     14:10                     |
         dirty     14:10                     | duplicate
         out-of-order 15:00                  |
         out-of-order 15:00                  | duplicate
         out-of-order 15:00 until 16:00      |
         clean     39:10                     |
         dirty     15:09                     | stale",
    );
}

/// "of a vacant watch, intervals that end within it after the departure or after `dirty`, and
/// before `clean`, neither count nor end a run"
#[test]
fn a_vacant_room_may_be_being_cleaned_for_some_time() {
    let rules = || Rules {
        cleaning_grace_seconds: 3_600,
        ..Rules::default()
    };
    story_under(
        rules(),
        "check-out 14:00                     | watch from nothing
         14:00     100                       | initial
         14:30     102                       | cleaning
         15:00     104                       | cleaning
         15:30     106                       | abnormal 1
         dirty     15:40                     |
         16:00     106                       | cleaning
         16:30     106                       | cleaning
         clean     16:35                     |
         17:00     108                       | abnormal 1
         18:00     112                       | abnormal 2, alert of 4 since 15:00: 8 kWh
         18:30     112                       | zero 1",
    );
    story_under(
        rules(),
        "check-in  14:00                     | watch from nothing
         dirty     14:00                     |
         14:00     100                       | initial
         14:30     103                       | abnormal 1
         out-of-order 15:00                  |
         check-out 15:00                     | watch from 103 at 14:30
         15:30     105                       | out of order
         16:00     106                       | out of order",
    );
    story(
        "check-out 14:00                     | watch from nothing
         dirty     14:00                     |
         14:00     100                       | initial
         14:30     102                       | abnormal 1",
    );
}

/// A notice shows how long the run was, not the cleaning after it.
#[test]
fn cleaning_is_no_part_of_a_run() {
    let rules = Rules {
        cleaning_grace_seconds: 3_600,
        ..Rules::default()
    };
    let mut room = Room::under(rules);
    for line in [
        "check-out 10:00",
        "12:00 100",
        "14:00 108",
        "dirty 14:10",
        "14:30 108.5",
    ] {
        room.play(line);
    }
    assert_eq!(
        room.play("15:30 108.6"),
        "normal 2, recovered of 4 since 12:00: 8 kWh"
    );
    let changes: Vec<Change> = room.played.changes.clone();
    let recovered = notices(&changes).pop().expect("a recovery");
    assert_eq!(recovered.run_seconds(), 2 * 3_600);
}
