//! Step 5, and the level of step 6. The base is 60 where nothing else is said, so that an interval
//! of x Wh is y = x - 60.

use super::*;
use NoticeKind::{Alert, Recovered};

/// Occupied intervals with this y.
fn above(story: Story, intervals: usize, y: i64) -> Story {
    story.uses(intervals, 60 + y)
}

fn least(story: Story) -> Vec<Option<i64>> {
    let workings = alone(story);
    workings
        .iter()
        .map(|working| level(working).least)
        .collect()
}

#[test]
fn what_is_held_is_the_least_of_six_periods() {
    let story = occupied_story().each([160, 260, 360, 140, 200, 300, 400, 500, 600, 700]);
    assert_eq!(
        least(story)[4..],
        [None, Some(80), Some(80), Some(80), Some(80), Some(140)]
    );
    // 4 + 1 + 2 periods: x = 800 / 4 = 200, 100, 500 / 2 = 250; then the last six alone.
    let story = occupied_story().long(4, 800).uses(1, 100).long(2, 500);
    assert_eq!(least(story.clone()), [None, None, Some(40)]);
    assert_eq!(
        least(story.long(4, 1200).uses(1, 300)),
        [None, None, Some(40), Some(190), Some(190)]
    );
    // Below the base y is 0.
    assert_eq!(least(occupied_story().uses(5, 160).uses(1, 50))[5], Some(0));
}

#[test]
fn gaps_and_stays_begin_anew() {
    let five = || occupied_story().uses(5, 160);
    assert_eq!(last_least(five().uses(1, 160)), Some(100));
    assert_eq!(last_least(five().across().uses(1, 160)), Some(100));
    assert_eq!(last_least(five().gap(5).uses(5, 160)), None);
    assert_eq!(last_least(five().gap(5).uses(6, 160)), Some(100));
    assert_eq!(last_least(five().occupied().uses(5, 160)), None);
    assert_eq!(last_least(five().occupied().uses(6, 160)), Some(100));
}

fn last_least(story: Story) -> Option<i64> {
    least(story).pop().expect("an interval")
}

#[test]
fn a_coarse_meter_holds_nothing_but_is_pushed() {
    let coarse = || occupied_story().coarse().uses(5, 1060);
    assert_eq!(last_least(coarse().uses(7, 1060)), None);
    assert_eq!(last_least(coarse().fine().uses(1, 560)), Some(500));
    // Its base is the hotel's: the twelve periods of a floor are not there yet.
    assert_eq!(
        last_least(coarse().uses(1, 1060).fine().uses(1, 1160)),
        Some(1000)
    );
}

/// The contributed levels of a room.
fn levels(story: Story) -> Vec<Option<i64>> {
    let workings = alone(story);
    let contributed = workings.iter().filter_map(|w| w.contribution.as_ref());
    contributed.map(|contribution| contribution.level).collect()
}

#[test]
fn a_level_is_contributed_after_twelve_occupied_periods() {
    let eleven = || above(occupied_story(), 11, 1049);
    assert_eq!(levels(eleven()), [None; 11]);
    // 1049 / 50 * 50 = 1000.
    assert_eq!(levels(above(eleven(), 1, 1049))[11], Some(1000));
    for (y, contributed) in [(0, 0), (49, 0), (50, 50), (1050, 1050), (1099, 1050)] {
        let twelve = above(occupied_story(), 12, y);
        assert_eq!(levels(twelve)[11], Some(contributed), "{y}");
    }
    // Those of a coarse meter count, and those of earlier stays; vacant ones don't.
    let coarse = above(occupied_story().coarse(), 6, 940);
    let fine = |story: Story| above(story.fine().occupied(), 6, 300);
    assert_eq!(levels(fine(coarse.clone()))[10..], [None, Some(300)]);
    let vacant = story().uses(6, 60);
    assert_eq!(levels(fine(vacant)), [None; 12]);
    // Nothing is known where only a coarse meter was.
    assert_eq!(levels(above(coarse, 12, 940)), [None; 18]);
}

#[test]
fn a_level_is_contributed_while_vacant_and_by_a_meter_that_looks_coarse() {
    let twelve = || above(occupied_story(), 12, 300);
    assert_eq!(levels(twelve().vacant().uses(1, 60))[12], Some(300));
    assert_eq!(levels(twelve().gap(5).uses(1, 60))[12], Some(300));
    // The twelfth period may be one of a coarse meter.
    let coarse = above(occupied_story(), 11, 300).coarse().uses(1, 1000);
    assert_eq!(levels(coarse)[11], Some(300));
}

#[test]
fn the_greatest_of_eight_times_six_hours_counts() {
    // The half hours 1 to 11 end in the first six hours, 12 to 23 in the second: 1000 is held at
    // 6, 600 from 12 on.
    let story = above(above(occupied_story(), 6, 1000), 6, 600);
    let levels = levels(story.vacant().uses(100, 60));
    // The level at a half hour: of the ring's first entry until 95 (the eighth six hours), of its
    // second one until 107.
    let at = |half_hour: usize| levels[half_hour - 1];
    assert_eq!([at(11), at(12), at(13)], [None, Some(1000), Some(1000)]);
    assert_eq!([at(95), at(96)], [Some(1000), Some(600)]);
    assert_eq!([at(107), at(108)], [Some(600), None]);
}

#[test]
fn an_entry_keeps_the_greatest_of_its_six_hours() {
    // In the second six hours: 700 held at 17, then less; it is the entry of 12 to 23.
    let story = above(above(occupied_story(), 11, 200), 6, 700);
    let levels = levels(above(story, 4, 300).vacant().uses(90, 60));
    let at = |half_hour: usize| levels[half_hour - 1];
    assert_eq!([at(16), at(17), at(21)], [Some(200), Some(700), Some(700)]);
    assert_eq!([at(107), at(108)], [Some(700), None]);
}

/// Rooms that are occupied with these levels, beside a first one that is written by itself.
fn with_levels(first: Story, levels: &[i64]) -> Vec<Working> {
    let intervals = first.events.len();
    let others = levels.iter();
    let others = others.map(|level| above(occupied_story(), intervals, *level));
    first_of([first].into_iter().chain(others))
}

/// The first room's story: at 400 for fourteen half hours, then at y for six.
fn after_400(y: i64) -> Story {
    above(above(occupied_story(), 14, 400), 6, y)
}

#[test]
fn it_alerts_above_the_limit_of_five_levels() {
    // 400 five times, with its own: Q = 500, the limit is 800 (750 is less).
    let workings = with_levels(after_400(2000), &[400; 4]);
    assert_eq!(level(&workings[12]).limit, None);
    assert_eq!(level(&workings[13]).limit, Some((500, 800)));
    assert_eq!(notices(&workings), [(20, Alert)]);
    assert_eq!(
        notice(&workings, 20),
        RoomNotice {
            room: room(1),
            ended: at(20),
            kind: Alert,
            rule: crate::oracle::Rule::OccupiedLevel,
            since: at(14),
            periods: 6,
            // 6 * 2000 + 6 * 60.
            energy: WattHours(12_360),
        }
    );
    assert_eq!(
        notices(&with_levels(after_400(801), &[400; 4])),
        [(20, Alert)]
    );
    assert_eq!(notices(&with_levels(after_400(800), &[400; 4])), []);
    // Five periods above it are too few.
    let five = above(above(occupied_story(), 15, 400), 5, 2000);
    assert_eq!(notices(&with_levels(five, &[400; 4])), []);
    // And so are four levels.
    let workings = with_levels(after_400(2000), &[400; 3]);
    assert!(
        workings
            .iter()
            .all(|working| level(working).limit.is_none())
    );
    assert_eq!(notices(&workings), []);
}

#[test]
fn its_energy_is_what_was_used_in_the_six_periods() {
    // The base of the new stay is 40, its occupied floor: 900, 1000 and so on to 1400 above it.
    let story = occupied_story().uses(14, 40).occupied();
    let story = story.each([940, 1040, 1140, 1240, 1340, 1440]);
    let workings = with_levels(story, &[400; 4]);
    assert_eq!(workings[19].base, 40);
    assert_eq!(notices(&workings), [(20, Alert)]);
    assert_eq!(notice(&workings, 20).energy, WattHours(7140));
    // Two intervals of four periods, the first of which is held with two: 6 * 1000 + 6 * 60. At
    // half hour 20, which it looks at from 22, the room itself has no level: there are five others.
    let story = above(occupied_story(), 14, 400);
    let story = story.long(4, 4 * 1060).long(4, 4 * 1060);
    let others = (0..5).map(|_| above(occupied_story(), 22, 400));
    let workings = first_of([story].into_iter().chain(others));
    assert_eq!(notices(&workings), [(16, Alert)]);
    let alert = notice(&workings, 16);
    assert_eq!((alert.ended, alert.since), (at(22), at(16)));
    assert_eq!((alert.periods, alert.energy), (6, WattHours(6360)));
}

#[test]
fn the_limit_follows_the_levels() {
    // The first room contributes 400 as well; L is sorted.
    for (others, limit) in [
        // (5 - 1) * 90 / 100 = 3.6: the fourth.
        (&[0, 100, 200, 3000][..], (500, 800)),
        (&[0, 0, 550, 3000], (550, 850)), // 825, 850
        (&[0, 0, 600, 3000], (600, 900)), // 900, 900
        (&[0, 0, 650, 3000], (650, 975)), // 975, 950
        (&[3000, 649, 0, 0], (600, 900)), // 649 is contributed as 600
        (&[0, 0, 1500, 3000], (1500, 2250)),
        // Of six to ten it is the last but one (4.5, 5.4, 6.3, 7.2, 8.1), and of eleven (9).
        (&[0, 0, 0, 900, 3000], (900, 1350)),
        (&[0, 0, 0, 0, 0, 0, 0, 900, 3000], (900, 1350)),
        (&[0, 0, 0, 0, 0, 0, 0, 0, 900, 3000], (900, 1350)),
        // Of twelve (9.9) the last but two, of 21 (18) too.
        (&[0, 0, 0, 0, 0, 0, 0, 0, 900, 3000, 3000], (900, 1350)),
    ] {
        let workings = with_levels(after_400(400), others);
        assert_eq!(level(&workings[19]).limit, Some(limit), "{others:?}");
    }
}

#[test]
fn where_a_tenth_of_the_rooms_is_above_1500_nobody_is_alerted_about() {
    let alerts = |level, y| notices(&with_levels(after_400(y), &[level; 5]));
    assert_eq!(alerts(1500, 2251), [(20, Alert)]);
    assert_eq!(alerts(1500, 2250), []);
    assert_eq!(alerts(1549, 2251), [(20, Alert)]); // contributed as 1500
    assert_eq!(alerts(1550, 9000), []);
}

#[test]
fn it_alerts_once_until_it_is_armed_again_at_half_the_limit() {
    let alerted = || above(after_400(2000), 30, 2000);
    // The limit is 800.
    for (y, recovered) in [(401, false), (400, true), (0, true)] {
        let workings = with_levels(above(above(alerted(), 1, y), 9, 2000), &[400; 4]);
        let expected: &[_] = match recovered {
            // Armed at the 51st, six later it alerts again.
            true => &[(20, Alert), (51, Recovered), (57, Alert)],
            false => &[(20, Alert)],
        };
        assert_eq!(notices(&workings), expected, "{y}");
    }
    let workings = with_levels(above(alerted(), 1, 0), &[400; 4]);
    assert!(level(&workings[49]).told && !level(&workings[50]).told);
    let recovered = notice(&workings, 51);
    assert_eq!(
        (
            recovered.ended,
            recovered.since,
            recovered.periods,
            recovered.energy
        ),
        (at(51), at(14), 6, WattHours(12_360))
    );
    // What never was alerted doesn't recover.
    assert_eq!(notices(&with_levels(after_400(0), &[400; 4])), []);
}

#[test]
fn it_is_armed_whatever_the_levels_are_and_by_a_coarse_meter() {
    // From half hour 21 on all use 2000 above their bases, and contribute it from 26 on: at 28 Q is
    // 2000 and the limit 3000.
    let others = (0..4).map(|_| above(after_400(400), 20, 2000));
    let first = |y| above(above(after_400(2000), 8, 2000), 1, y);
    let seen = |y| first_of([first(y)].into_iter().chain(others.clone()));
    let workings = seen(1501);
    assert_eq!(level(&workings[28]).limit, Some((2000, 3000)));
    assert_eq!(notices(&workings), [(20, Alert)]);
    assert_eq!(notices(&seen(1500)), [(20, Alert), (29, Recovered)]);
    let workings = with_levels(after_400(2000).coarse().uses(1, 0), &[400; 4]);
    assert_eq!(notices(&workings), [(20, Alert), (21, Recovered)]);
}

#[test]
fn it_is_not_armed_where_fewer_than_five_levels_are_known() {
    // The others end at half hour 20: at 22 their levels are seen for the last time.
    let others = || (0..4).map(|_| after_400(400));
    let seen = |first: Story| first_of([first].into_iter().chain(others()));
    let workings = seen(above(above(after_400(2000), 2, 2000), 5, 0));
    assert_eq!(level(&workings[21]).limit, Some((500, 800)));
    assert_eq!(level(&workings[22]).limit, None);
    assert_eq!(notices(&workings), [(20, Alert)]);
    let workings = seen(above(above(after_400(2000), 1, 2000), 5, 0));
    assert_eq!(notices(&workings), [(20, Alert), (22, Recovered)]);
}

#[test]
fn gaps_and_stays_arm_it_without_a_recovery() {
    for (story, again) in [
        (after_400(2000).gap(4), 26),
        (after_400(2000).occupied(), 26),
    ] {
        let first = above(story, 8, 2000);
        let others = (0..4).map(|_| above(occupied_story(), 40, 400));
        let workings = first_of([first].into_iter().chain(others));
        assert_eq!(notices(&workings), [(20, Alert), (again, Alert)]);
    }
    // And nothing recovers after them.
    let first = above(after_400(2000).gap(4), 3, 0);
    let others = (0..4).map(|_| above(occupied_story(), 40, 400));
    let workings = first_of([first].into_iter().chain(others));
    assert_eq!(notices(&workings), [(20, Alert)]);
}

#[test]
fn its_start_follows_the_interval_length() {
    let rules = Rules {
        interval_seconds: 900,
        ..Rules::default()
    };
    let quarter = |story: Story| Story {
        interval_seconds: 900,
        ..story
    };
    let first = above(above(quarter(occupied_story()), 14, 400), 6, 2000);
    let other = || above(quarter(occupied_story()), 20, 400);
    let hotel = hotel([first, other(), other(), other(), other()]);
    let alerts = evaluate(&rules, &hotel).room_notices();
    // Twenty quarters are ten half hours, six are three.
    assert_eq!(alerts.len(), 1);
    assert_eq!((alerts[0].ended, alerts[0].since), (at(10), at(7)));
}
