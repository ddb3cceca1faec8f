//! Step 4 for a fine meter in a hotel without other rooms: the base is 60 and 100 are allowed, so
//! that an interval of x Wh steps by x - 160, at most 350.

use super::*;
use NoticeKind::{Alert, Recovered, Reminder};

#[test]
fn the_account_grows_by_what_is_above_the_base_and_the_allowance() {
    let workings = alone(story().each([160, 161, 260, 600]));
    let steps = accounts(&workings);
    let steps: Vec<i64> = steps.iter().map(|account| account.step).collect();
    assert_eq!(steps, [0, 1, 100, 350]);
    assert_eq!(excesses(&workings), [0, 1, 101, 451]);
    let account = accounts(&workings)[3].after.clone();
    // It began with the second interval: 161 + 260 + 600 Wh.
    assert_eq!(account.since, Some(at(1)));
    assert_eq!((account.periods, account.energy), (3, 1021));
}

#[test]
fn a_step_is_at_most_350_a_period() {
    let steps = |story| accounts(&alone(story)).last().map(|account| account.step);
    assert_eq!(steps(story().uses(1, 509)), Some(349));
    assert_eq!(steps(story().uses(1, 510)), Some(350));
    assert_eq!(steps(story().uses(1, 511)), Some(350));
    assert_eq!(steps(story().uses(1, 20_000)), Some(350));
    // x = 900 / 3 = 300, 140 * 3 = 420; x = 3000 / 3 = 1000, 350 * 3.
    assert_eq!(steps(story().long(3, 900)), Some(420));
    assert_eq!(steps(story().long(3, 3000)), Some(1050));
    // Downwards there is no limit: 0 - 160, four times.
    assert_eq!(steps(story().long(4, 0)), Some(-640));
}

#[test]
fn the_rate_is_rounded_down() {
    // 100 * 1800 / 1700 = 105.9, 100 * 1800 / 3600 = 50, 101 * 1800 / 5400 = 33.7.
    let rate = |story| alone(story)[0].x;
    assert_eq!(rate(story().of_seconds(1700, 100)), 105);
    assert_eq!(rate(story().long(2, 100)), 50);
    assert_eq!(rate(story().long(3, 101)), 33);
}

#[test]
fn the_account_is_between_zero_and_700_above_the_alarm() {
    // 350, 700, 1050, 1400, 1750.
    let workings = alone(story().uses(6, 600));
    assert_eq!(excesses(&workings), [350, 700, 1050, 1400, 1500, 1500]);
    // One step down from 100 is -160.
    assert_eq!(excesses(&alone(story().each([260, 0]))), [100, 0]);
    let rules = Rules {
        alarm_wh: 500,
        ..Rules::default()
    };
    let workings = evaluate(&rules, &hotel([story().uses(5, 600)])).workings;
    assert_eq!(excesses(&workings), [350, 700, 1050, 1200, 1200]);
    assert_eq!(notices(&workings), [(4, Alert)]);
}

#[test]
fn it_alerts_when_it_reaches_the_alarm_with_four_periods() {
    // 200 a step: 800 at the fourth. 199: 796, then 995.
    let workings = alone(story().uses(5, 360));
    assert_eq!(notices(&workings), [(4, Alert)]);
    assert_eq!(
        notice(&workings, 4),
        RoomNotice {
            room: room(1),
            ended: at(4),
            kind: Alert,
            rule: crate::oracle::Rule::VacantAccount,
            since: at(0),
            periods: 4,
            energy: WattHours(1440),
        }
    );
    assert_eq!(notices(&alone(story().uses(5, 359))), [(5, Alert)]);
    // Three periods are too few at 1050, in however many intervals.
    assert_eq!(notices(&alone(story().uses(3, 600))), []);
    assert_eq!(notices(&alone(story().uses(1, 600).long(2, 1200))), []);
    assert_eq!(notices(&alone(story().long(3, 1800))), []);
    // Four are not, in one interval: since its beginning.
    let workings = alone(story().uses(1, 60).long(4, 2400));
    assert_eq!(notices(&workings), [(2, Alert)]);
    assert_eq!(notice(&workings, 2).since, at(1));
    assert_eq!(notice(&workings, 2).energy, WattHours(2400));
}

#[test]
fn it_alerts_and_reminds_only_while_it_grows() {
    // 1050 with three periods; the fourth and fifth are there with 160, which is no step, and 159.
    let workings = alone(story().uses(3, 600).each([160, 159, 161]));
    assert_eq!(excesses(&workings), [350, 700, 1050, 1050, 1049, 1050]);
    assert_eq!(notices(&workings), [(6, Alert)]);
    // Told with four periods: a reminder is due at eight and comes at ten.
    let workings = alone(story().uses(7, 600).each([160, 159, 161]));
    assert_eq!(notices(&workings), [(4, Alert), (10, Reminder)]);
}

#[test]
fn it_reminds_at_twice_the_periods() {
    let workings = alone(story().uses(33, 600));
    assert_eq!(
        notices(&workings),
        [(4, Alert), (8, Reminder), (16, Reminder), (32, Reminder)]
    );
    assert_eq!(notice(&workings, 16).since, at(0));
    assert_eq!(notice(&workings, 16).periods, 16);
    assert_eq!(notice(&workings, 16).energy, WattHours(16 * 600));
    // Alerted with five periods, so at ten: 3 + 2, then + 2 + 2 = 9, + 2 = 11.
    let workings = alone(
        story()
            .long(3, 1800)
            .long(2, 1200)
            .long(2, 1200)
            .long(2, 1200)
            .long(2, 1200),
    );
    assert_eq!(notices(&workings), [(2, Alert), (5, Reminder)]);
    assert_eq!(notice(&workings, 5).periods, 11);
}

#[test]
fn two_quiet_periods_end_it() {
    let workings = alone(story().uses(4, 600).each([100, 600, 160, 100, 100]));
    assert_eq!(
        excesses(&workings),
        // 1400 - 60; + 350 is more than 1500; 160 is no step and not quiet; - 60; - 60 and quiet.
        [350, 700, 1050, 1400, 1340, 1500, 1500, 1440, 0]
    );
    // At eight periods, where a reminder is due, it falls; then it has recovered, with all nine
    // periods: 2400 + 100 + 600 + 160 + 100 + 100 Wh.
    assert_eq!(notices(&workings), [(4, Alert), (9, Recovered)]);
    let recovered = notice(&workings, 9);
    assert_eq!((recovered.since, recovered.periods), (at(0), 9));
    assert_eq!(recovered.energy, WattHours(3460));
    // It recovers once.
    let workings = alone(story().uses(4, 600).uses(9, 100));
    assert_eq!(notices(&workings), [(4, Alert), (6, Recovered)]);
    // Another one begins anew.
    let story = story().uses(4, 600).uses(2, 100).uses(4, 600);
    let workings = alone(story);
    assert_eq!(
        notices(&workings),
        [(4, Alert), (6, Recovered), (10, Alert)]
    );
    assert_eq!(notice(&workings, 10).since, at(6));
    assert_eq!(notice(&workings, 10).periods, 4);
}

#[test]
fn quiet_is_counted_in_periods_without_anything_between() {
    let after = |story: Story| accounts(&alone(story)).pop().expect("one").after;
    let started = || story().uses(2, 600);
    assert_eq!(after(started().uses(1, 159)).quiet, 1);
    assert_eq!(after(started().uses(1, 159)).excess, 699);
    assert_eq!(after(started().uses(2, 159)).excess, 0);
    assert_eq!(after(started().long(2, 318)).excess, 0);
    for between in [160, 161] {
        let account = after(started().each([159, between, 159]));
        assert_eq!(account.quiet, 1);
        assert_eq!(account.excess, 700 - 2 + between - 160);
    }
    // Quiet periods of before it began are none of it.
    assert_eq!(after(story().uses(3, 0).each([600, 159])).excess, 349);
}

#[test]
fn what_is_used_up_ends_it_as_well() {
    // 1400; each 0 takes 160, each 160 nothing, and is not quiet: 1400 - 8 * 160 = 120.
    let down = (0..8).fold(story().uses(4, 600), |story, _| story.each([0, 160]));
    let workings = alone(down.uses(1, 0));
    assert_eq!(notices(&workings), [(4, Alert), (21, Recovered)]);
    // The last interval is not in it: 4 * 600 + 8 * 160.
    let recovered = notice(&workings, 21);
    assert_eq!((recovered.periods, recovered.energy), (20, WattHours(3680)));
}

#[test]
fn one_that_was_not_alerted_ends_in_silence() {
    let workings = alone(story().uses(3, 600).uses(2, 100));
    assert_eq!(excesses(&workings)[4], 0);
    assert_eq!(notices(&workings), []);
}

#[test]
fn gaps_and_stays_end_it_without_a_recovery() {
    let alerted = || story().uses(5, 600);
    for story in [alerted().gap(5), alerted().vacant()] {
        let workings = alone(story.uses(2, 100).uses(4, 600));
        assert_eq!(notices(&workings), [(4, Alert), (11, Alert)]);
    }
    // Neither is carried on: 350 after 1500, and since the beginning of the interval.
    for (story, opened) in [(alerted().gap(5), 10), (alerted().vacant(), 5)] {
        let account = accounts(&alone(story.uses(1, 600)))[5].after.clone();
        assert_eq!((account.excess, account.periods), (350, 1));
        assert_eq!((account.since, account.told), (Some(at(opened)), None));
    }
    // An interval across the stay's beginning leaves it as it is.
    let workings = alone(alerted().across().uses(3, 600));
    assert_eq!(notices(&workings), [(4, Alert), (8, Reminder)]);
}

#[test]
fn an_onset_is_known_from_5400_seconds_after_the_stay_on() {
    let onset = |seconds| {
        let story = story().began_before(seconds).uses(1, 600);
        accounts(&alone(story))[0].after.onset
    };
    assert_eq!(onset(5399), None);
    assert_eq!(onset(5400), Some(frame(1)));
    // It is that of the interval with which the account began.
    let account = |story| accounts(&alone(story)).pop().expect("one").after;
    assert_eq!(
        account(story().uses(3, 60).uses(5, 600)).onset,
        Some(frame(4))
    );
    assert_eq!(account(story().uses(2, 60).uses(6, 600)).onset, None);
    // And gone with it.
    assert_eq!(account(story().uses(3, 60).each([600, 0, 0])).onset, None);
    let later = story().uses(2, 60).each([600, 0, 0, 600]);
    assert_eq!(account(later).onset, Some(frame(6)));
}

#[test]
fn another_interval_length_scales_energy_and_frames_and_no_constant() {
    let rules = Rules {
        interval_seconds: 900,
        ..Rules::default()
    };
    let story = Story {
        interval_seconds: 900,
        ..story()
    };
    // Six quarters of an hour are 5400 s: the seventh has an onset.
    let story = story.uses(6, 60).uses(4, 360).long(2, 640);
    let workings = evaluate(&rules, &hotel([story])).workings;
    assert_eq!(notices(&workings), [(10, Alert)]);
    let account = accounts(&workings)[9].after.clone();
    assert_eq!((account.excess, account.since), (800, Some(at(3))));
    assert_eq!(account.onset, Some(START / 900 + 7));
    // 640 * 900 / 1800 = 320.
    assert_eq!(
        (workings[10].x, workings[10].frame),
        (320, START / 900 + 12)
    );
}

#[test]
fn the_allowance_can_be_set() {
    let rules = Rules {
        allowance_wh: 30,
        ..Rules::default()
    };
    let workings = evaluate(&rules, &hotel([story().uses(1, 100)])).workings;
    assert_eq!(accounts(&workings)[0].step, 10);
}
