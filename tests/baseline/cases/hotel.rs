//! The hotel's own notices.

use super::*;
use crate::oracle::HotelNoticeKind::{CommonLevel, CommonRise};
use crate::oracle::{HotelNotice, HotelNoticeKind};

/// At 60 Wh for so many half hours, then at 260 for three, which is hot in the second and in the
/// third of them: see `common.rs` for the account. A half hour at 60 ends it.
fn wave(story: Story, quiet: usize) -> Story {
    story.uses(quiet, 60).uses(3, 260)
}

/// Notices as half hours after the beginning.
fn noticed(rules: &Rules, stories: Vec<Story>) -> Vec<(i64, HotelNoticeKind)> {
    let notices = evaluate(rules, &hotel(stories)).hotel_notices.into_iter();
    notices
        .map(|HotelNotice { frame, kind }| (frame - START / rules.interval_seconds, kind))
        .collect()
}

fn of(rooms: usize, story: &Story) -> Vec<(i64, HotelNoticeKind)> {
    noticed(&Rules::default(), vec![story.clone(); rooms])
}

const fn rise(rose: usize, vacant: usize) -> HotelNoticeKind {
    CommonRise { rose, vacant }
}

const fn level(level: i64, vacant: usize) -> HotelNoticeKind {
    CommonLevel { level, vacant }
}

#[test]
fn a_common_rise_is_noticed_where_it_is_hot() {
    let story = wave(story(), 10).uses(10, 60);
    assert_eq!(of(4, &story), [(12, rise(4, 4))]);
    assert_eq!(of(3, &story), [(12, rise(3, 3))]);
    assert_eq!(of(2, &story), []);
    // Three of 15 are a fifth, three of 16 less.
    for (calm, notices) in [(12, &[(12, rise(3, 15))][..]), (13, &[])] {
        let mut stories = vec![story.clone(); 3];
        stories.extend(vec![super::story().uses(23, 60); calm]);
        assert_eq!(noticed(&Rules::default(), stories), notices);
    }
}

#[test]
fn a_frame_is_looked_at_by_an_interval_two_frames_later() {
    let story = wave(story(), 10);
    assert_eq!(of(4, &story), []); // ends at 13
    assert_eq!(of(4, &story.clone().uses(1, 60)), [(12, rise(4, 4))]);
    // Without an interval at 14 the next one, at 15, sees 13, which is hot as well; without one at
    // 15 either, nothing is seen.
    let after = |pause| of(4, &story.clone().pause(pause).uses(3, 60));
    assert_eq!(after(1), [(13, rise(4, 4))]);
    assert_eq!(after(2), []);
}

#[test]
fn a_common_rise_is_noticed_after_24_quiet_frames() {
    // Hot at 12 and 13. The second wave is hot from its second half hour on.
    let waves = |quiet| wave(wave(story(), 10), quiet).uses(10, 60);
    // 14 to 36 are 23 at 60, 37 rises, 38 is hot: 24 quiet ones between.
    assert_eq!(of(4, &waves(23)), [(12, rise(4, 4)), (38, rise(4, 4))]);
    // One fewer: hot at 37 and 38.
    assert_eq!(of(4, &waves(22)), [(12, rise(4, 4))]);
    // A wave that isn't noticed makes the next one wait: hot at 12, 37, and 24 + 2 later.
    let three = |quiet| wave(wave(wave(story(), 10), 22), quiet).uses(10, 60);
    assert_eq!(of(4, &three(22)), [(12, rise(4, 4))]);
    assert_eq!(of(4, &three(23)), [(12, rise(4, 4)), (63, rise(4, 4))]);
}

#[test]
fn a_common_level_is_noticed_of_five_vacant_rooms_with_200_in_common() {
    // Five rooms at 260 from half hour 11 on: 200 in common there, hot at 12.
    let story = |wh| story().uses(10, 60).uses(4, wh);
    let both = [(11, level(200, 5)), (12, rise(5, 5))];
    assert_eq!(of(5, &story(260)), both);
    assert_eq!(of(4, &story(260)), [(12, rise(4, 4))]);
    // 199 is contributed as 175, and 224 as 200.
    assert_eq!(of(5, &story(259)), [(12, rise(5, 5))]);
    assert_eq!(of(5, &story(284)), both);
    // Rooms with coarse meters and occupied rooms are none of the five.
    for other in [super::story().coarse(), occupied_story()] {
        let mut stories = vec![story(260); 4];
        stories.push(other.uses(14, 260));
        assert_eq!(noticed(&Rules::default(), stories), [(12, rise(4, 4))]);
    }
}

#[test]
fn the_common_level_is_the_median_of_all_or_more_where_it_is_hot() {
    // Half an hour alone at 60 + excess, which is no rise. Of six: (6 - 1) / 2 = 2.5, the third.
    let of = |excesses: &[i64]| {
        let stories = excesses.iter();
        let stories = stories.map(|excess| story().each([60, 60 + excess, 60, 60]));
        noticed(&Rules::default(), stories.collect())
    };
    assert_eq!(of(&[0, 100, 200, 300, 400]), [(2, level(200, 5))]);
    assert_eq!(of(&[0, 100, 200, 300, 400, 500]), [(2, level(200, 6))]);
    assert_eq!(of(&[0, 100, 175, 300, 400, 500]), []);
    // Four of ten rise by 300, which is nothing to the median; when it is hot the 85th percentile
    // counts: (10 - 1) * 85 / 100 = 7.65, the eighth.
    let mut stories = vec![story().uses(14, 60); 6];
    stories.extend(vec![story().uses(10, 60).uses(4, 360); 4]);
    assert_eq!(
        noticed(&Rules::default(), stories),
        [(12, rise(4, 10)), (12, level(300, 10))]
    );
}

#[test]
fn a_common_level_is_noticed_once_in_24_hours() {
    let story = || story().uses(10, 60);
    let notices = of(5, &story().uses(120, 260));
    let levels = [
        (11, level(200, 5)),
        (59, level(200, 5)),
        (107, level(200, 5)),
    ];
    let [first, second, third] = levels;
    assert_eq!(notices, [first, (12, rise(5, 5)), second, third]);
    // The day counts from the notice, not from a level that lasted.
    let notices = of(5, &story().uses(1, 260).uses(48, 60).uses(5, 260));
    assert_eq!(notices[..2], [first, (60, level(200, 5))]);
    // With quarters of an hour it is 96 frames.
    let rules = Rules {
        interval_seconds: 900,
        ..Rules::default()
    };
    let quarter = Story {
        interval_seconds: 900,
        ..super::story()
    };
    let notices = noticed(&rules, vec![quarter.uses(10, 60).uses(100, 260); 5]);
    assert_eq!(notices, [first, (12, rise(5, 5)), (107, level(200, 5))]);
}
