//! Accounts that began when many did: they are held back.

use super::*;
use NoticeKind::{Alert, Recovered, Reminder};

/// Three rooms that use 260 Wh instead of 60 from half hour `from` + 1 on.
///
/// Of `from` = 6: at 7 and 8 they step by 100, since nothing is common yet; they rose at 8. From 9
/// on they see each other's 200, so that 300 are allowed: at 9 they step by -100, rise still with
/// 100, and at 10 they end, having been quiet twice. So the frames 8 and 9 are hot, which the half
/// hours 10 and 11 see.
fn three_rise(from: usize, until: usize) -> [Story; 3] {
    let one = story().uses(from, 60).uses(until - from, 260);
    [one.clone(), one.clone(), one]
}

fn with_three(first: Story, from: usize, until: usize) -> Vec<Working> {
    first_of([first].into_iter().chain(three_rise(from, until)))
}

fn hot(workings: &[Working]) -> Vec<usize> {
    let numbered = workings.iter().zip(1..);
    let hot = numbered.filter(|(working, _)| working.hot);
    hot.map(|(_, number)| number).collect()
}

#[test]
fn a_common_account_is_held_back_for_48_frames() {
    // It uses 660 from half hour 7 on: 350, 350, then 660 - 60 - 300 = 300 each.
    let workings = with_three(story().uses(6, 60).uses(50, 660), 6, 60);
    assert_eq!(hot(&workings), [10, 11]);
    assert_eq!(
        excesses(&workings)[6..12],
        [350, 700, 1000, 1300, 1500, 1500]
    );
    let steps = accounts(&workings);
    let common = |number: usize| steps[number - 1].after.common;
    assert!(!common(9) && common(10) && common(55));
    // Its onset is frame 7: 54 is 47 frames later, 55 is 48.
    assert!(steps[9].held && steps[53].held && !steps[54].held);
    assert_eq!(notices(&workings), [(55, Alert)]);
    let alert = notice(&workings, 55);
    assert_eq!(
        (alert.since, alert.periods, alert.energy),
        (at(6), 49, WattHours(49 * 660))
    );
}

#[test]
fn it_is_reminded_of_like_any_other_and_recovers() {
    let first = story().uses(6, 60).uses(100, 660).uses(2, 60);
    let workings = with_three(first, 6, 120);
    // 49 periods at half hour 55, twice as many at 104.
    assert_eq!(
        notices(&workings),
        [(55, Alert), (104, Reminder), (108, Recovered)]
    );
    let after = accounts(&workings)[107].after.clone();
    assert_eq!((after.common, after.onset), (false, None));
}

#[test]
fn an_account_whose_onset_is_unknown_is_not_held_back() {
    // A stay that begins at half hour 6, with which the use begins.
    let first = story().uses(6, 60).vacant().uses(6, 660);
    let workings = with_three(first, 6, 12);
    assert_eq!(hot(&workings), [10, 11]);
    assert_eq!(notices(&workings), [(10, Alert)]);
}

#[test]
fn twelve_frames_after_its_onset_it_can_become_common_and_no_later() {
    for (onset, common) in [(10, false), (11, false), (12, true), (13, true)] {
        // Three rise at 21, so that 24 and 25 see hot frames. Until 22 the first room steps by 10;
        // at 23 and 24, where 300 are allowed, it uses 370.
        let quiet = usize::try_from(onset - 1).expect("positive");
        let first = story().uses(quiet, 60).uses(22 - quiet, 170).uses(2, 370);
        let workings = with_three(first, 20, 24);
        assert_eq!(hot(&workings), [24]);
        let account = accounts(&workings).pop().expect("one").after;
        assert_eq!(account.excess, 10 * (25 - onset));
        assert_eq!(account.onset, Some(frame(onset)));
        assert_eq!(account.common, common, "{onset}");
    }
}

#[test]
fn what_was_alerted_already_is_not_common() {
    // It alerts at 17, and reminds at 21 although rooms rise then, and at 29.
    let first = story().uses(13, 60).uses(17, 600);
    let workings = with_three(first, 18, 30);
    assert_eq!(hot(&workings), [22, 23]);
    assert_eq!(
        notices(&workings),
        [(17, Alert), (21, Reminder), (29, Reminder)]
    );
    let steps = accounts(&workings);
    assert!(steps.iter().all(|step| !step.after.common));
}

#[test]
fn the_next_account_is_not_common_with_it() {
    // It ends at 13 and 14, and begins anew at 15.
    let first = story().uses(6, 60).uses(6, 660).uses(2, 60).uses(4, 660);
    let workings = with_three(first, 6, 30);
    let steps = accounts(&workings);
    assert!(steps[11].after.common && !steps[13].after.common && !steps[17].after.common);
    assert_eq!(notices(&workings), [(18, Alert)]);
}

#[test]
fn a_coarse_meter_is_held_back_as_well() {
    // 1000 - 60 - 100 = 840 at 8; then 300 are allowed, 640 at 9 and at 10.
    let first = story().coarse().uses(7, 0).uses(50, 1000);
    let workings = with_three(first, 6, 60);
    let steps = accounts(&workings);
    assert_eq!(excesses(&workings)[7..10], [840, 1480, 2120]);
    assert!(steps[9].after.common && steps[9].held);
    // Its onset is frame 8.
    assert_eq!(notices(&workings), [(56, Alert)]);
}
