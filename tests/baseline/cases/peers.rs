//! Step 2, and the contributions of step 6 that it is made of.

use super::*;

/// What room 001, vacant at 60 Wh, sees at half hour 12 of rooms with these excesses at half hour
/// 10. All have the floor 60, and so the base 60.
fn seen_of(excesses: &[i64]) -> Working {
    let peers = excesses.iter().map(|excess| peer(60, *excess, 10));
    let first = story().uses(12, 60);
    last(first_of([first].into_iter().chain(peers)))
}

fn common_excess(excesses: &[i64]) -> i64 {
    seen_of(excesses).common_excess
}

#[test]
fn the_common_excess_is_the_lower_median_of_the_others() {
    assert_eq!(common_excess(&[]), 0);
    assert_eq!(common_excess(&[300]), 300);
    assert_eq!(common_excess(&[300, 100]), 100); // (2 - 1) / 2 = 0
    assert_eq!(common_excess(&[300, 0, 100]), 100); // 1
    assert_eq!(common_excess(&[300, 0, 200, 100]), 100); // 1.5
    assert_eq!(common_excess(&[300, 0, 200, 100, 400]), 200); // 2
}

#[test]
fn the_own_excess_is_left_out() {
    // All four rooms have an excess of their own at half hour 10.
    let stories = [0, 100, 200, 300].map(|excess| peer(60, excess, 10).uses(2, 60));
    let evaluation = evaluated(stories);
    let seen = |number| last(of_room(number, &evaluation)).others;
    assert_eq!(seen(1), [100, 200, 300]);
    assert_eq!(seen(2), [0, 200, 300]);
    assert_eq!(seen(4), [0, 100, 200]);
}

#[test]
fn a_contributed_excess_is_in_steps_of_25_to_1575() {
    for (excess, contributed) in [
        (-60, 0),
        (0, 0),
        (24, 0),
        (25, 25),
        (124, 100),
        (125, 125),
        (1574, 1550),
        (1575, 1575), // 63 * 25
        (1600, 1575),
        (90_000, 1575),
    ] {
        assert_eq!(seen_of(&[excess]).others, [contributed], "{excess}");
    }
}

#[test]
fn what_is_allowed_is_half_as_much_again_as_the_common_excess() {
    for (excess, allowed) in [
        (0, 100),
        (50, 100), // 75
        (75, 112), // 112.5
        (200, 300),
        (1575, 2362), // 2362.5
    ] {
        let account = seen_of(&[excess]).account.expect("a vacant room");
        assert_eq!(account.allowed, allowed, "{excess}");
    }
}

#[test]
fn only_vacant_rooms_with_fine_meters_have_an_excess() {
    let seen = |other: Story| last(first_of([story().uses(3, 60), other])).others;
    assert_eq!(seen(story().uses(1, 160)), [100]);
    assert_eq!(seen(story().coarse().uses(1, 160)), [0; 0]);
    assert_eq!(seen(occupied_story().uses(1, 160)), [0; 0]);
}

#[test]
fn the_frame_two_before_is_seen_and_no_other() {
    // The other room has an excess of 100 at half hour 5 alone, and ends with it.
    let other = story().uses(4, 60).uses(1, 160);
    let seen = first_of([story().uses(8, 60), other]);
    let others: Vec<_> = seen.iter().map(|seen| &seen.others[..]).collect();
    // Half hours 1 to 8 see -1 to 6.
    let expected: [&[i64]; 8] = [&[], &[], &[0], &[0], &[0], &[0], &[100], &[]];
    assert_eq!(others, expected);
}

#[test]
fn the_first_interval_of_a_frame_contributes() {
    // Ends at 1620 * k seconds: the tenth at 16,200 = 9 * 1800 and the eleventh at 17,820, both in
    // frame 9. The excess of the tenth is 0.
    let other = (1..=11).fold(story(), |story, k| {
        story.of_seconds(1620, if k == 11 { 900 } else { 54 })
    });
    let evaluation = evaluated([story().uses(11, 60), other]);
    let of_other = of_room(2, &evaluation);
    let contributes: Vec<bool> = of_other.iter().map(|w| w.contribution.is_some()).collect();
    assert_eq!(contributes[9..], [true, false]);
    assert_eq!(
        [of_other[9].frame, of_other[10].frame],
        [frame(9), frame(9)]
    );
    assert_eq!(last(of_room(1, &evaluation)).others, [0]);
}

#[test]
fn a_frame_is_evaluated_room_by_room() {
    // In frame 9 room 001 ends its intervals at 16,200 and 17,820 s, room 002 its one at 16,200 s.
    let first = (1..=11).fold(story(), |story, _| story.of_seconds(1620, 54));
    let evaluation = evaluated([first, story().uses(11, 60)]);
    let workings = evaluation.workings.iter();
    let order: Vec<_> = workings
        .map(|w| (w.frame, w.room.clone(), w.ended))
        .collect();
    assert!(order.is_sorted(), "{order:?}");
    assert!(!order.is_sorted_by_key(|(_, _, ended)| *ended));
}

/// The base of a hotel in which room 001, who has no floor, sees rooms with these floors.
fn hotel_base(floors: &[i64]) -> i64 {
    let peers = floors.iter().map(|floor| peer(*floor, 0, 10));
    last(first_of([story().uses(12, 0)].into_iter().chain(peers))).hotel_base
}

#[test]
fn the_hotel_base_is_the_lower_median_of_three_floors_and_more() {
    assert_eq!(hotel_base(&[]), 60);
    assert_eq!(hotel_base(&[20, 30]), 60);
    assert_eq!(hotel_base(&[20, 40, 30]), 30);
    assert_eq!(hotel_base(&[50, 20, 40, 30]), 30); // (4 - 1) / 2 = 1.5
    assert_eq!(hotel_base(&[50, 20, 40, 30, 60]), 40);
    // Nine and ten: (9 - 1) / 2 = 4, (10 - 1) / 2 = 4.5.
    assert_eq!(hotel_base(&[10, 20, 30, 40, 50, 60, 70, 80, 90]), 50);
    assert_eq!(hotel_base(&[10, 20, 30, 40, 50, 60, 70, 80, 90, 100]), 50);
}

#[test]
fn the_hotel_base_is_at_least_ten() {
    for (floor, base) in [(0, 10), (9, 10), (10, 10), (11, 11)] {
        assert_eq!(hotel_base(&[floor; 3]), base);
    }
}

#[test]
fn the_own_floor_and_those_of_occupied_rooms_count_towards_the_hotel_base() {
    let with = |third: Story| {
        let stories = [third.uses(4, 40), peer(20, 0, 10), peer(30, 0, 10)];
        of_room(1, &evaluated(stories))
    };
    // Room 001's floor 40 is contributed at half hour 7 for the first time and seen at 9.
    let floors = |other: &Story| {
        (
            with(other.clone())[8].hotel_base,
            with(other.clone())[7].hotel_base,
        )
    };
    let earlier = story().uses(6, 40);
    assert_eq!(floors(&earlier.clone().vacant()), (30, 60));
    assert_eq!(floors(&earlier.clone().occupied()), (30, 60));
    // A coarse meter contributes none.
    assert_eq!(floors(&earlier.clone().vacant().coarse()), (60, 60));
    // And the base of a room with no floor is the hotel's, that with one is bounded by it.
    assert_eq!(last(first_of(hotel_of(0, 30))).base, 30);
    assert_eq!(last(first_of(hotel_of(131, 30))).base, 130);
    assert_eq!(last(first_of(hotel_of(129, 30))).base, 129);
}

/// A room with this floor (0: with none), and three with another one, at half hour 12.
fn hotel_of(floor: i64, others: i64) -> [Story; 4] {
    let first = match floor {
        0 => story().uses(12, 0),
        // Three contributed floors and the own one: the lower median is `others`.
        _ => story().uses(6, floor).vacant().uses(6, floor),
    };
    let other = peer(others, 0, 10);
    [first, other.clone(), other.clone(), other]
}

/// Vacant at 60 Wh, at 260 in the half hours 11 and 12.
fn rising() -> Story {
    story().uses(10, 60).uses(2, 260)
}

/// Vacant at 60 Wh.
fn calm() -> Story {
    story().uses(12, 60)
}

/// What the first room, which is calm, sees at half hour 14 where so many of so many vacant rooms,
/// with itself, rose.
fn seen_with(rose: usize, vacant: usize) -> Working {
    let calm = (rose..vacant).map(|_| calm().uses(2, 60));
    let rising = (0..rose).map(|_| rising());
    last(first_of(calm.chain(rising)))
}

#[test]
fn a_frame_is_hot_where_three_rooms_and_a_fifth_of_all_rose() {
    for (rose, vacant, hot) in [
        (2, 3, false),
        (3, 4, true),
        (3, 15, true),   // 300 >= 300
        (3, 16, false),  // 300 < 320
        (4, 20, true),   // 20 percent
        (4, 21, false),  // 19.05 percent
        (19, 95, true),  // 1900 >= 1900
        (19, 96, false), // 1900 < 1920
    ] {
        assert_eq!(seen_with(rose, vacant).hot, hot, "{rose} of {vacant}");
    }
}

#[test]
fn a_hot_frame_counts_by_its_85th_percentile() {
    // Others: 11 at 0 and 3 at 200. (14 - 1) * 85 / 100 = 11.05, the first of 200.
    assert_eq!(seen_with(3, 15).common_excess, 200);
    // Others: 12 at 0 and 3 at 200, not hot. (15 - 1) * 50 / 100 = 7.
    assert_eq!(seen_with(3, 16).common_excess, 0);
    // Others: 15 at 0 and 4 at 200. (19 - 1) * 85 / 100 = 15.3.
    assert_eq!(seen_with(4, 20).common_excess, 200);
    // Others, by hand: 0, 0, 0, 200, 200, 200. (6 - 1) * 85 / 100 = 4.25.
    assert_eq!(seen_with(3, 7).common_excess, 200);
}

#[test]
fn rooms_with_coarse_meters_and_occupied_ones_are_neither_vacant_nor_risen() {
    // 3 of 15 is hot; a sixteenth room that counted would make it calm.
    let fifteen = || {
        let calm = (3..15).map(|_| calm().uses(2, 60));
        calm.chain((0..3).map(|_| rising()))
    };
    for other in [story().coarse(), occupied_story()] {
        let more = [other.uses(12, 60)];
        assert!(last(first_of(fifteen().chain(more))).hot);
    }
    // Two that rose are too few, whatever a coarse one does.
    let two = [calm().uses(2, 60), rising(), rising()];
    let coarse = story().coarse().uses(10, 0).uses(2, 1000);
    assert!(!last(first_of(two.into_iter().chain([coarse]))).hot);
}

/// Which intervals say that the room rose, from 1 on.
fn rose(story: Story) -> Vec<usize> {
    let workings = alone(story);
    let numbered = workings.iter().zip(1..);
    let rose = numbered.filter(|(w, _)| w.contribution.as_ref().is_some_and(|c| c.rose));
    rose.map(|(_, number)| number).collect()
}

#[test]
fn a_room_rose_from_its_second_period_for_twelve_frames() {
    // 170 - 60 - 100 = 10 Wh an interval. The fourth begins 5400 s after the stay: its frame is the
    // onset, and the sixteenth is twelve frames later.
    assert_eq!(
        rose(story().uses(3, 60).uses(14, 170)),
        (5..=16).collect::<Vec<_>>()
    );
    // An interval of two periods is enough: it ends at half hour 5, and the last in its twelve
    // frames at 17 is the fourteenth.
    let long = story().uses(3, 60).long(2, 340).uses(14, 170);
    assert_eq!(rose(long), (4..=16).collect::<Vec<_>>());
    // Too soon after the stay.
    assert_eq!(rose(story().uses(2, 60).uses(8, 170)), [0; 0]);
    // 160 is not above what is allowed.
    assert_eq!(rose(story().uses(3, 60).uses(8, 160)), [0; 0]);
    // S = 0 after two quiet periods.
    assert_eq!(rose(story().uses(3, 60).uses(2, 170).uses(4, 159)), [5, 6]);
}

#[test]
fn a_contribution_outlives_the_stay() {
    // The other room is occupied at half hours 6 and 7, when its excess of half hour 5 is seen.
    let other = story().uses(4, 60).uses(1, 160).occupied().uses(2, 60);
    assert_eq!(last(first_of([story().uses(7, 60), other])).others, [100]);
    let other = story().uses(4, 60).uses(1, 160).gap(5).uses(2, 60);
    assert_eq!(last(first_of([story().uses(7, 60), other])).others, [100]);
}
