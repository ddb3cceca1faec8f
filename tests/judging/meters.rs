//! Rule 3: what a meter can show, and what happens when it shows something else.

use roomwatt::engine::Rules;
use roomwatt::types::WattHours;

use crate::story::{story, story_under};

fn wraps_at(kwh: i64) -> Rules {
    Rules {
        register_modulus: Some(WattHours(kwh * 1000)),
        ..Rules::default()
    }
}

/// "a fall of up to 0.02 is jitter: diff is zero and, where b becomes the sample, the higher
/// register is kept"
#[test]
fn jitter_of_two_hundredths_is_zero_and_keeps_the_higher_register() {
    // 0.02 more would be above the threshold
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:30     99.980             | normal 1
         15:00     101.500            | normal 1
         15:10     101.479            | suspect
         15:20     101.480            | outlier dropped, within
         15:30     103.000            | normal 1",
    );
    // within an interval the sample stays anyway
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:10     99.990             | within
         14:20     99.980             | within
         14:30     101.500            | normal 1",
    );
}

#[test]
fn the_higher_register_is_kept_at_a_gap_and_across_the_stay_too() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00:01  99.980             | gap
         16:30:01  101.500            | normal 1",
    );
    story(
        "check-out 14:10              | watch from nothing
         14:00     100                | initial
         14:30     99.980             | across the stay
         15:00     101.500            | normal 1",
    );
    // from the suspect as well
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:30     10                 | suspect
         15:00     9.980              | meter changed, normal 1
         15:30     11.500             | normal 1",
    );
}

#[test]
fn a_fall_of_three_hundredths_is_implausible() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:30     99.970             | suspect
         15:00     100.1              | outlier dropped, normal 2",
    );
}

/// "diff * interval <= `max_plausible_kwh` (20) * max(elapsed, interval)"
#[test]
fn the_most_a_room_can_use_grows_with_the_time_but_is_never_under_an_intervals() {
    for (line, became) in [
        ("14:30     120     ", "abnormal 1"),
        ("14:30     120.001 ", "suspect"),
        ("14:00:01  120     ", "within"),
        ("14:00:01  120.001 ", "suspect"),
        ("14:29:59  120     ", "abnormal 1"),
        ("14:29:59  120.001 ", "suspect"),
        ("14:45     130     ", "abnormal 1"),
        ("14:45     130.001 ", "suspect"),
        (
            "16:00     180     ",
            "abnormal 4, alert of 4 since 14:00: 80 kWh",
        ),
        ("16:00     180.001 ", "suspect"),
        ("16:00:01  180.001 ", "gap"),
        ("24:00     500     ", "gap"),
        ("24:00     500.001 ", "suspect"),
    ] {
        story(&format!(
            "check-out 14:00              | watch from nothing
             14:00     100                | initial
             {line}                       | {became}"
        ));
    }
}

/// "plausible from the sample: the suspect was an outlier, dropped"
#[test]
fn an_outlier_leaves_no_trace() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:30     102                | abnormal 1
         15:00     9102               | suspect
         15:30     106                | outlier dropped, abnormal 2
         16:00     0                  | suspect
         16:30     110                | outlier dropped, abnormal 2, \
                                        alert of 5 since 14:00: 10 kWh",
    );
}

/// The sample is asked first: what was too much for one interval may be none for two.
#[test]
fn a_reading_that_fits_sample_and_suspect_makes_the_suspect_an_outlier() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:30     121                | suspect
         15:00     122                | outlier dropped, abnormal 2",
    );
}

/// "Else it is the new suspect."
#[test]
fn two_outliers_in_a_row_leave_no_trace_either() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:30     102                | abnormal 1
         15:00     9102               | suspect
         15:30     7                  | suspect
         16:00     108                | outlier dropped, abnormal 3, alert of 4 since 14:00: 8 kWh",
    );
}

/// "Else plausible from the suspect: the meter was replaced or reset: the suspect becomes the
/// sample, the run ends (`meter_changed`), and the reading goes on to 4 from there."
#[test]
fn a_replaced_or_reset_meter_is_taken_from_its_first_reading() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         15:30     106                | abnormal 3
         16:00     5000               | suspect
         16:30     5002               | meter changed, run of 3 closed by MeterChanged, abnormal 1
         17:00     5004               | abnormal 1
         17:30     5006               | abnormal 1
         18:00     5008               | abnormal 1, alert of 4 since 16:00: 8 kWh",
    );
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     108                | abnormal 4, alert of 4 since 14:00: 8 kWh
         16:30     0                  | suspect
         16:40     0.1                | undecided
         16:56:59  0.2                | undecided
         16:57     0.2                | meter changed, normal 1, \
                                        closed by MeterChanged of 4 since 14:00: 8 kWh
         17:27     0.3                | normal 1",
    );
}

/// "at least an interval less its tolerance after it [...]; sooner, nothing is decided yet": a
/// second wrong poll confirms nothing.
#[test]
fn two_equal_wrong_polls_do_not_make_another_meter() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:30     102                | abnormal 1
         14:35     14.21              | suspect
         14:40     14.21              | undecided
         14:45     103                | outlier dropped, within
         15:00     104                | abnormal 1
         15:05     14.21              | suspect
         15:10     14.21              | undecided
         15:15     14.21              | undecided
         15:20     105.2              | outlier dropped, within
         15:30     106                | abnormal 1
         16:00     108                | abnormal 1, alert of 4 since 14:00: 8 kWh",
    );
    // for ever, while they don't last as long as an interval
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:05     14.21              | suspect
         14:31:59  14.21              | undecided
         14:32     102                | outlier dropped, abnormal 1",
    );
}

#[test]
fn a_suspicion_that_was_not_decided_gives_way_to_another() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:30     102                | abnormal 1
         14:35     14.21              | suspect
         14:40     14.21              | undecided
         14:45     9999               | suspect
         14:50     14.21              | suspect
         15:15     14.30              | undecided
         15:17     14.30              | meter changed, run of 1 closed by MeterChanged, normal 1
         15:20     102.5              | suspect",
    );
    // plausible from the sample comes first, however long the suspect has been there
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:10     125                | suspect
         14:20     126                | undecided
         14:50     127                | outlier dropped, abnormal 1",
    );
}

#[test]
fn the_second_of_two_suspects_can_be_the_new_meter() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:30     9102               | suspect
         15:00     0                  | suspect
         15:30     1                  | meter changed, normal 1
         16:00     101                | suspect
         16:30     2                  | outlier dropped, normal 2",
    );
}

#[test]
fn a_gap_after_the_suspect_is_a_gap() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     108                | abnormal 4, alert of 4 since 14:00: 8 kWh
         16:30     0                  | suspect
         18:30:01  1                  | meter changed, gap, \
                                        closed by MeterChanged of 4 since 14:00: 8 kWh
         19:00:01  2                  | normal 1",
    );
    // a suspect doesn't stop the clock: the outlier dropped, the gap is from the sample
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         15:30     0                  | suspect
         16:30     101                | outlier dropped, gap",
    );
}

/// "readings inside an interval can raise, drop or confirm a suspicion"
#[test]
fn a_suspicion_comes_and_goes_inside_an_interval() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:05     500                | suspect
         14:10     100.2              | outlier dropped, within
         14:15     500                | suspect
         14:20     2                  | suspect
         14:25     100.4              | outlier dropped, within
         14:30     101.501            | abnormal 1
         14:35     3                  | suspect
         14:40     3.1                | undecided
         15:01     4.3                | undecided
         15:02     4.35               | meter changed, run of 1 closed by MeterChanged, normal 1
         15:10     0                  | suspect
         15:20     4.4                | outlier dropped, within
         15:32     5.851              | abnormal 1",
    );
}

/// "a fall from above 90 % of it to below 10 % of it is a rollover: its wrapped difference counts"
#[test]
fn a_register_that_wraps_goes_on() {
    for (from, to, became) in [
        ("99.5", "1.0", "normal 1"),
        ("99.5", "1.001", "abnormal 1"),
        ("90.001", "9.999", "abnormal 1"),
        ("90.000", "0", "suspect"),
        ("90.000", "9.999", "suspect"),
        ("90.001", "10.000", "suspect"),
        ("99.999", "10.000", "suspect"),
        ("99.999", "0", "normal 1"),
        // a fall of 0.02 is jitter there too
        ("99.999", "99.979", "normal 1"),
        // a register that shows more than it can
        ("101", "0.5", "suspect"),
    ] {
        story_under(
            wraps_at(100),
            &format!(
                "check-out 14:00          | watch from nothing
                 14:00     {from}         | initial
                 14:30     {to}           | {became}"
            ),
        );
    }
}

#[test]
fn the_wrapped_difference_has_to_be_plausible() {
    for (from, became) in [
        ("180.001", "abnormal 4, alert of 4 since 14:00: 20 kWh"),
        ("199.000", "normal 4"),
    ] {
        story_under(
            wraps_at(200),
            &format!(
                "check-out 14:00          | watch from nothing
                 14:00     {from}         | initial
                 16:00     0.001          | {became}"
            ),
        );
    }
    story_under(
        wraps_at(200),
        "check-out 14:00              | watch from nothing
         14:00     180.500            | initial
         14:10     15.000             | suspect
         14:20     15.600             | undecided
         14:40     16.500             | meter changed, normal 1",
    );
    story_under(
        wraps_at(200),
        "check-out 14:00              | watch from nothing
         14:00     180.500            | initial
         14:30     0.500              | abnormal 1",
    );
}

#[test]
fn without_a_modulus_a_fall_is_no_rollover() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     99999.5            | initial
         14:30     1                  | suspect
         15:00     3                  | meter changed, abnormal 1",
    );
}

#[test]
fn a_run_goes_on_across_a_rollover() {
    story_under(
        wraps_at(1000),
        "check-out 14:00              | watch from nothing
         14:00     995                | initial
         14:30     997                | abnormal 1
         15:00     999                | abnormal 1
         15:30     1                  | abnormal 1
         16:00     3                  | abnormal 1, alert of 4 since 14:00: 8 kWh",
    );
}
