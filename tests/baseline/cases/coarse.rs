//! Step 4 for a meter that counts whole kWh, in a hotel without other rooms: the base is 60 and 100
//! are allowed, so that an interval of x Wh steps by min(x, 1000) - 160.

use super::*;
use NoticeKind::{Alert, Recovered, Reminder};

fn coarse() -> Story {
    story().coarse()
}

#[test]
fn a_step_is_at_most_that_of_1000_a_period() {
    let steps = |story| accounts(&alone(story)).pop().expect("one").step;
    assert_eq!(steps(coarse().uses(1, 999)), 839);
    assert_eq!(steps(coarse().uses(1, 1000)), 840);
    assert_eq!(steps(coarse().uses(1, 2000)), 840);
    assert_eq!(steps(coarse().uses(1, 0)), -160);
    // x = 500, 340 * 2; x = 2000 / 4 = 500.
    assert_eq!(steps(coarse().long(2, 1000)), 680);
    assert_eq!(steps(coarse().long(4, 2000)), 1360);
}

#[test]
fn the_account_is_between_zero_and_3700() {
    let workings = alone(coarse().uses(5, 1000));
    assert_eq!(excesses(&workings), [840, 1680, 2520, 3360, 3700]);
    let workings = alone(coarse().uses(1, 1000).uses(6, 0));
    assert_eq!(excesses(&workings), [840, 680, 520, 360, 200, 40, 0]);
}

#[test]
fn it_alerts_at_1700_whatever_the_periods_and_the_alarm() {
    // 840, 1680, 2520.
    assert_eq!(notices(&alone(coarse().uses(4, 1000))), [(3, Alert)]);
    // 840 * 4 = 3360 at once.
    assert_eq!(notices(&alone(coarse().long(4, 4000))), [(1, Alert)]);
    for alarm_wh in [100, 800, 5000] {
        for (allowance_wh, alerts) in [
            (90, 2), // 1000 - 60 - 90 = 850, 1700
            (91, 3), // 849, 1698, 2547
        ] {
            let rules = Rules {
                allowance_wh,
                alarm_wh,
                ..Rules::default()
            };
            let evaluation = evaluate(&rules, &hotel([coarse().uses(3, 1000)]));
            assert_eq!(notices(&evaluation.workings), [(alerts, Alert)]);
        }
        let rules = Rules {
            alarm_wh,
            ..Rules::default()
        };
        let workings = evaluate(&rules, &hotel([coarse().uses(6, 1000)])).workings;
        assert_eq!(excesses(&workings)[5], 3700, "{alarm_wh}");
    }
}

#[test]
fn quiet_periods_do_not_end_it() {
    // Every other half hour a whole kWh: + 840 - 160 - 160.
    let story = (0..4).fold(coarse(), |story, _| story.each([1000, 0, 0]));
    let workings = alone(story);
    assert_eq!(
        excesses(&workings),
        // The last but two: 1560 + 840.
        [
            840, 680, 520, 1360, 1200, 1040, 1880, 1720, 1560, 2400, 2240, 2080
        ]
    );
    // At seven periods; a reminder waits for the fourteenth.
    assert_eq!(notices(&workings), [(7, Alert)]);
    let workings = alone(
        (0..5)
            .fold(coarse(), |story, _| story.each([1000, 0, 0]))
            .uses(1, 1000),
    );
    // The thirteenth is one too soon, the sixteenth is the next that grows.
    assert_eq!(notices(&workings), [(7, Alert), (16, Reminder)]);
}

#[test]
fn it_recovers_when_it_is_used_up() {
    // 2520, then 160 at a time: 15 leave 120.
    let workings = alone(coarse().uses(3, 1000).uses(16, 0));
    assert_eq!(notices(&workings), [(3, Alert), (19, Recovered)]);
    let recovered = notice(&workings, 19);
    assert_eq!(
        (recovered.since, recovered.periods, recovered.energy),
        (at(0), 18, WattHours(3000))
    );
}

#[test]
fn a_meter_that_turns_out_fine_is_fine_from_there_on() {
    // 3700, then at most 1500: 3700 + 350 is more.
    let workings = alone(coarse().uses(5, 1000).fine().uses(1, 600));
    assert_eq!(excesses(&workings)[4..], [3700, 1500]);
    // Quiet periods of the coarse meter count.
    let workings = alone(coarse().uses(3, 1000).uses(1, 0).fine().uses(1, 100));
    assert_eq!(excesses(&workings)[2..], [2520, 2360, 0]);
    assert_eq!(notices(&workings), [(3, Alert), (5, Recovered)]);
    // An account of 840 with one period needs four by then.
    let workings = alone(coarse().uses(1, 1000).fine().uses(3, 161));
    assert_eq!(excesses(&workings), [840, 841, 842, 843]);
    assert_eq!(notices(&workings), [(4, Alert)]);
}

#[test]
fn what_other_rooms_have_in_common_is_allowed_to_it() {
    // Another room has an excess of 200: 300 are allowed, 1000 - 60 - 300 = 640.
    let other = story().uses(1, 260);
    let workings = first_of([coarse().uses(2, 0).uses(1, 1000), other]);
    let account = workings[2].account.clone().expect("a vacant room");
    assert_eq!((account.allowed, account.step), (300, 640));
}
