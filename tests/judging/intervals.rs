//! Rules 4, 5 and 7: when an interval is over, how many periods it is, whether it is abnormal.

use roomwatt::engine::{Exempt, Fold, Rules, Step};
use roomwatt::types::{Reading, WattHours};

use crate::story::{Room, reading, story};

/// "abnormal when diff * interval > threshold * elapsed, strictly"
#[test]
fn the_threshold_itself_is_normal_and_a_watt_hour_more_is_not() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:30     101.500            | normal 1
         15:00     103.001            | abnormal 1
         15:30     104.501            | run of 1 ends, normal 1
         16:30     107.501            | normal 2
         17:30     110.502            | abnormal 2
         19:30     116.502            | run of 2 ends, normal 4
         21:30     122.503            | abnormal 4, alert of 4 since 19:30: 6.001 kWh",
    );
    story(
        "check-in  14:00              | watch from nothing
         14:00     100                | initial
         14:30     102.000            | normal 1
         15:00     104.001            | abnormal 1",
    );
}

#[test]
fn the_threshold_stretches_with_the_time_elapsed_to_the_second() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:27     101.350            | normal 1
         14:54     102.701            | abnormal 1
         15:27     104.351            | run of 1 ends, normal 1
         16:00     106.002            | abnormal 1
         16:27:01  107.352            | run of 1 ends, normal 1
         16:54:02  108.703            | abnormal 1",
    );
}

/// "no decision hangs on floating point": at every second of an interval, what is allowed is
/// allowed to the watt-hour.
#[test]
fn the_threshold_is_exact_at_every_second() {
    let rules = Rules::default();
    let start = reading("14:00", "100");
    let none = Exempt::default();
    for limit in [300, 500, 1_500, 2_000] {
        for seconds in 27 * 60..=120 * 60 {
            let allowed = limit * seconds / rules.interval_seconds;
            let abnormal = |energy: i64| {
                let mut fold = Fold {
                    sample: Some(start),
                    ..Fold::default()
                };
                let end = Reading {
                    time: start.time.plus(seconds),
                    register: start.register + WattHours(energy),
                };
                match fold
                    .step(end, start.time, WattHours(limit), &none, &rules)
                    .step
                {
                    Step::Judged { abnormal, .. } => abnormal,
                    step => panic!("{seconds} s are an interval: {step:?}"),
                }
            };
            assert!(
                !abnormal(allowed),
                "{allowed} Wh in {seconds} s, limit {limit}"
            );
            assert!(
                abnormal(allowed + 1),
                "{allowed} + 1 Wh in {seconds} s, limit {limit}"
            );
        }
    }
}

/// "elapsed < interval - tolerance: not an interval yet; the sample stays";
/// "periods = floor((elapsed + tolerance) / interval)"
#[test]
fn an_interval_is_over_a_tenth_early_and_counts_in_whole_periods() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:26:59  101                | within
         14:27     101                | normal 1
         15:00     102                | normal 1
         15:56:59  104                | normal 1
         16:53:59  106                | normal 2
         18:20:58  110                | normal 2
         19:47:58  114                | normal 3
         21:44:57  119                | normal 3
         23:41:57  124                | normal 4
         25:41:57  129                | normal 4",
    );
}

/// "elapsed > max_gap_minutes (120): nobody knows what happened: the reading becomes the sample,
/// the run ends"
#[test]
fn two_hours_are_judged_and_a_second_more_is_a_gap() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         16:00     110                | abnormal 4, alert of 4 since 14:00: 10 kWh
         18:00:01  120                | gap, closed by Gap of 4 since 14:00: 10 kWh
         18:30:01  122                | abnormal 1
         20:30:02  123                | run of 1 closed by Gap, gap
         21:00:02  124                | normal 1
         23:00:03  130                | gap
         23:30:03  132                | abnormal 1",
    );
}

#[test]
fn what_was_used_in_a_gap_or_before_it_is_in_no_later_interval() {
    let room = story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:20     109                | within
         16:30     110                | gap
         17:00     111.5              | normal 1",
    );
    let energies: Vec<_> = room.watch().history.iter().map(|i| i.energy()).collect();
    assert_eq!(energies.len(), 2);
    assert_eq!(energies[0], None, "what was used in a gap is not known");
    assert_eq!(energies[1].map(|e| e.0), Some(1_500));
}

/// Readings of any rhythm: the first one that is an interval after the sample closes it.
#[test]
fn meters_of_every_rhythm_alert() {
    let alert = |minutes: u64| {
        let mut room = Room::under(Default::default());
        room.play("check-out 14:00");
        for count in 0..120 {
            let at = 14 * 60 + count * minutes;
            // twice the threshold: 0.1 kWh a minute
            let tenths = 1000 + count * minutes;
            let line = format!("{}:{:02} {}.{}", at / 60, at % 60, tenths / 10, tenths % 10);
            if let Some((_, notice)) = room.play(&line).split_once(", ") {
                return format!("{:02}:{:02} {notice}", at / 60, at % 60);
            }
        }
        panic!("no alert in 120 readings, one every {minutes} minutes")
    };
    for (minutes, expected) in [
        (1, "15:48 alert of 4 since 14:00: 10.8 kWh"), // every 27 minutes
        (5, "16:00 alert of 4 since 14:00: 12 kWh"),
        (7, "15:52 alert of 4 since 14:00: 11.2 kWh"), // every 28 minutes
        (10, "16:00 alert of 4 since 14:00: 12 kWh"),
        (12, "16:24 alert of 4 since 14:00: 14.4 kWh"), // every 36 minutes
        (15, "16:00 alert of 4 since 14:00: 12 kWh"),
        (20, "16:40 alert of 4 since 14:00: 16 kWh"), // every 40 minutes
        (27, "15:48 alert of 4 since 14:00: 10.8 kWh"),
        (30, "16:00 alert of 4 since 14:00: 12 kWh"),
        (45, "17:00 alert of 4 since 14:00: 18 kWh"),
        (57, "15:54 alert of 4 since 14:00: 11.4 kWh"),
        (60, "16:00 alert of 4 since 14:00: 12 kWh"),
        (90, "17:00 alert of 6 since 14:00: 18 kWh"),
        (120, "16:00 alert of 4 since 14:00: 12 kWh"),
    ] {
        assert_eq!(
            alert(minutes),
            expected,
            "a reading every {minutes} minutes"
        );
    }
}

/// "A reading at or before `seen` is late or a repetition: counted, never judged. (Of two readings
/// with one time the first stored counts.)"
#[test]
fn late_and_repeated_readings_change_nothing() {
    story(
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:00     105                | late
         13:50     99                 | late
         14:30     102                | abnormal 1
         14:30     102                | late
         14:30     101                | late
         14:29:59  101                | late
         14:40     102                | within
         14:35     500                | late
         15:00     104                | abnormal 1
         15:10     999                | suspect
         15:10     104.1              | late
         15:05     104.1              | late
         15:20     104.2              | outlier dropped, within",
    );
}

#[test]
fn of_two_stored_readings_with_one_time_the_first_counts() {
    story(
        "stored    14:00     100      |
         stored    14:30     101      |
         stored    14:30     109      |
         stored    15:00     102.5    |
         check-out 14:00              | watch from 100 at 14:00
         15:00     103                | late
         15:30     104.001            | abnormal 1",
    );
}
