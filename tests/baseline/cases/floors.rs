//! Step 1, and the base of step 3.

use super::*;

/// V and O as the interval sees them that follows in a new stay.
fn floors_after(story: Story) -> (Option<i64>, Option<i64>) {
    let working = last(alone(story.vacant().uses(1, 0)));
    (working.vacant_floor, working.occupied_floor)
}

fn vacant_floor_after(story: Story) -> Option<i64> {
    floors_after(story).0
}

#[test]
fn a_floor_is_the_least_mean_of_two_periods() {
    // (40 + 60) / 2 = 50, (30 + 31) / 2 = 30.5, (90 + 90) / 2 = 90.
    let story = story().each([40, 60, 30, 31, 90, 90]);
    assert_eq!(vacant_floor_after(story.clone()), Some(30));
    // Within the stay it isn't a floor yet.
    assert_eq!(last(alone(story)).vacant_floor, None);
}

#[test]
fn a_stay_needs_six_judged_periods() {
    for (periods, floor) in [(5, None), (6, Some(40))] {
        assert_eq!(vacant_floor_after(story().uses(periods, 40)), floor);
        assert_eq!(
            floors_after(occupied_story().uses(periods, 40)),
            (None, floor)
        );
    }
    // Five and six periods in two intervals: 120 / 3 = 40.
    assert_eq!(vacant_floor_after(story().long(3, 120).long(2, 80)), None);
    assert_eq!(
        vacant_floor_after(story().long(3, 120).long(3, 120)),
        Some(40)
    );
}

#[test]
fn a_long_interval_fills_a_block_with_what_is_in_it() {
    // (40 + 101) / 4 = 35.25, and 80 / 2 = 40.
    let story = story().uses(1, 40).long(3, 101).long(2, 80);
    assert_eq!(vacant_floor_after(story), Some(35));
}

#[test]
fn a_block_takes_the_energy_as_it_is() {
    // x would be 40 * 1800 / 1620 = 44.
    let story = (0..6).fold(story(), |story, _| story.of_seconds(1620, 40));
    assert_eq!(alone(story.clone())[0].x, 44);
    assert_eq!(vacant_floor_after(story), Some(40));
}

#[test]
fn a_coarse_meter_needs_twelve_periods() {
    let eleven = || story().coarse().uses(11, 0);
    assert_eq!(vacant_floor_after(eleven()), None);
    // 1000 / 12 = 83.3.
    assert_eq!(vacant_floor_after(eleven().uses(1, 1000)), Some(83));
    // 2000 / 13 = 153.8.
    assert_eq!(vacant_floor_after(eleven().long(2, 2000)), Some(153));
}

#[test]
fn a_block_that_a_coarse_meter_began_ends_when_the_meter_is_fine() {
    // 1000 / 4 = 250, then (500 + 500) / 2.
    let story = story().coarse().uses(3, 0).fine();
    assert_eq!(
        vacant_floor_after(story.uses(1, 1000).uses(2, 500)),
        Some(250)
    );
}

#[test]
fn breaks_and_intervals_across_the_beginning_clear_the_block_only() {
    // Cleared: (10 + 30) / 2 = 20. Not cleared: (100 + 10) / 2 = 55 and (30 + 50) / 2 = 40.
    let after = |story: Story| vacant_floor_after(story.each([10, 30, 50, 50, 50, 50]));
    assert_eq!(after(story().uses(1, 100)), Some(40));
    assert_eq!(after(story().uses(1, 100).gap(5)), Some(20));
    assert_eq!(after(story().uses(1, 100).across().pause(1)), Some(20));
    // The low of the first block and its three periods stay: three and three are six.
    for story in [
        story().uses(3, 40).gap(5).uses(3, 50),
        story().uses(3, 40).across().pause(1).uses(3, 50),
    ] {
        assert_eq!(vacant_floor_after(story), Some(40));
    }
}

#[test]
fn the_end_of_a_stay_drops_what_is_left_of_its_block() {
    let story = story().uses(6, 40).uses(1, 10);
    assert_eq!(vacant_floor_after(story.clone()), Some(40));
    // (10 + 90) / 2 = 50; with the 10 of the vacancy before, the first block would be 10.
    let story = story.occupied().each([10, 90, 60, 60, 60, 60]);
    assert_eq!(floors_after(story), (Some(40), Some(50)));
}

#[test]
fn the_middle_of_the_last_three_floors_counts() {
    let mut story = story();
    for (floor, middle) in [
        (50, 50), // 50
        (10, 10), // 50, 10: the lower
        (20, 20), // 50, 10, 20
        (40, 20), // 10, 20, 40
        (30, 30), // 20, 40, 30
    ] {
        story = story.uses(6, floor).vacant();
        assert_eq!(vacant_floor_after(story.clone()), Some(middle), "{floor}");
    }
    // A stay that is too short adds none, nor does one of the other kind.
    let story = story.uses(5, 1).occupied().uses(6, 5);
    assert_eq!(floors_after(story), (Some(30), Some(5)));
}

#[test]
fn the_base_is_the_lower_floor_of_both_kinds() {
    let base = |story: Story| last(alone(story.vacant().uses(1, 0))).base;
    let of = |vacant, occupied| base(story().uses(6, vacant).occupied().uses(6, occupied));
    assert_eq!(of(40, 90), 40);
    assert_eq!(of(90, 40), 40);
    // However high both are.
    assert_eq!(of(900, 800), 800);
}

#[test]
fn a_base_of_one_kind_is_bounded_by_the_hotels_and_of_none_it_is_the_hotels() {
    let base = |story: Story| last(alone(story.vacant().uses(1, 0))).base;
    // The hotel's base is 60 as long as no room says otherwise.
    assert_eq!(base(story()), 60);
    for (floor, bounded) in [(0, 0), (40, 40), (160, 160), (161, 160), (900, 160)] {
        assert_eq!(base(story().uses(6, floor)), bounded, "{floor}");
        assert_eq!(base(occupied_story().uses(6, floor)), bounded, "{floor}");
    }
}
