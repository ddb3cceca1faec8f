//! The specification's examples, and cases for each of its sentences.

use crate::notation::table;

// ---- the specification's examples ----

#[test]
fn a_planned_checkout_after_the_next_guest_came_leaves_that_guest_in() {
    table(&[
        (
            "in A 10:00; in B 35:40; out A 36:00",
            "A 10:00-36:00, B 35:40- | occupied 10:00",
        ),
        (
            "in A 10:00; out A 35:30; in B 35:40; out A 36:00",
            "A 10:00-35:30, B 35:40- | occupied 35:40",
        ),
        (
            "in - 10:00; in - 35:40; out - 36:00 of 10:00",
            "- 10:00-35:40, - 35:40- | occupied 35:40",
        ),
        // Without id and checkin nothing says whose check-out it is.
        (
            "in - 10:00; in - 35:40; out - 36:00",
            "- 10:00-35:40, - 35:40-36:00 | vacant 36:00",
        ),
    ]);
}

#[test]
fn a_checkin_cancelled_within_the_minute_leaves_the_room_vacant() {
    table(&[
        (
            "in - 12:10; out - 12:10 of 12:10",
            "- 12:10-12:10 | vacant 12:10",
        ),
        ("in A 12:10; out A 12:10", "A 12:10-12:10 | vacant 12:10"),
        ("in A 12:10; out A 12:11", "A 12:10-12:11 | vacant 12:11"),
        // After an earlier guest has left.
        (
            "in A 08:00; out A 12:00; in B 12:10; out B 12:10",
            "A 08:00-12:00, B 12:10-12:10 | vacant 12:10",
        ),
    ]);
}

#[test]
fn a_corrected_checkout_means_the_later_time() {
    table(&[
        (
            "in A 08:00; out A 11:00; out A 11:05",
            "A 08:00-11:00 | vacant 11:05",
        ),
        (
            "in - 08:00; out - 11:00 of 08:00; out - 11:05 of 08:00",
            "- 08:00-11:00 | vacant 11:05",
        ),
        (
            "in - 08:00; out - 11:05; out - 11:00",
            "- 08:00-11:00 | vacant 11:05",
        ),
    ]);
}

#[test]
fn of_guests_who_share_the_room_is_judged_from_the_first_to_the_last() {
    table(&[
        (
            "in A 10:00; in B 11:00; out A 12:00",
            "A 10:00-12:00, B 11:00- | occupied 10:00",
        ),
        (
            "in A 10:00; in B 11:00; out A 12:00; out B 13:00",
            "A 10:00-12:00, B 11:00-13:00 | vacant 13:00",
        ),
        (
            "in A 10:00; in B 11:00; out B 12:00; out A 13:00",
            "A 10:00-13:00, B 11:00-12:00 | vacant 13:00",
        ),
        // Without ids they are the later party.
        (
            "in - 10:00; in - 11:00; out - 12:00 of 10:00",
            "- 10:00-11:00, - 11:00- | occupied 11:00",
        ),
        (
            "in - 10:00; in - 11:00; out - 12:00 of 10:00; out - 13:00 of 11:00",
            "- 10:00-11:00, - 11:00-13:00 | vacant 13:00",
        ),
        (
            "in - 10:00; in - 11:00; out - 12:00; out - 13:00",
            "- 10:00-11:00, - 11:00-12:00 | vacant 13:00",
        ),
    ]);
}

// ---- the order of facts ----

#[test]
fn departures_come_before_arrivals_of_one_time() {
    table(&[
        (
            "in B 12:00; out A 12:00; in A 10:00",
            "A 10:00-12:00, B 12:00- | occupied 12:00",
        ),
        (
            "in - 12:00; out - 12:00; in - 10:00",
            "- 10:00-12:00, - 12:00- | occupied 12:00",
        ),
        ("in - 12:00; out - 12:00", "- 12:00- | occupied 12:00"),
    ]);
}

#[test]
fn facts_of_one_time_are_ordered_by_named_then_id_and_missing_values_come_first() {
    table(&[
        (
            "in B 12:00; in A 12:00",
            "A 12:00-, B 12:00- | occupied 12:00",
        ),
        (
            "in A 12:00 named 09:00; in B 12:00 named 08:00",
            "B 12:00- named 08:00, A 12:00- named 09:00 | occupied 12:00",
        ),
        // The one without id comes first, and the first one with an id is the same stay.
        (
            "in B 12:00; in - 12:00; in A 12:00",
            "A 12:00-, B 12:00- | occupied 12:00",
        ),
        // It comes last, and is the first stay of the time.
        (
            "in B 12:00; in - 12:00 named 08:00; in A 12:00",
            "A 12:00- named 08:00, B 12:00- | occupied 12:00",
        ),
        // The departure without checkin comes first and takes all.
        (
            "in A 08:00; in - 10:00; out - 12:00 of 10:00; out - 12:00",
            "A 08:00-12:00, - 10:00-12:00 | vacant 12:00",
        ),
    ]);
}

#[test]
fn equal_facts_are_one_and_the_expected_checkout_that_came_last_holds() {
    table(&[
        (
            "in A 10:00; in A 10:00; out A 12:00; out A 12:00",
            "A 10:00-12:00 | vacant 12:00",
        ),
        (
            "in - 10:00 expected 40:00; in - 10:00 expected 36:00; in - 10:00",
            "- 10:00- expected 36:00 | occupied 10:00 expected 36:00",
        ),
        // Corrected, and corrected back.
        (
            "in - 10:00 expected 40:00; in - 10:00 expected 36:00; in - 10:00 expected 40:00",
            "- 10:00- expected 40:00 | occupied 10:00 expected 40:00",
        ),
    ]);
}

// ---- rule 1 ----

#[test]
fn an_arrival_with_the_id_of_an_open_stay_repeats_that_stay() {
    table(&[
        (
            "in A 10:00; in A 11:00 named 09:00 expected 36:00",
            "A 10:00- named 09:00 expected 36:00 | occupied 10:00 expected 36:00",
        ),
        // It ends no stay: neither that of a party without id nor an overdue one.
        (
            "in A 10:00; in - 11:00; in A 12:00",
            "A 10:00-, - 11:00- | occupied 11:00",
        ),
        (
            "in A 10:00; in B 10:30 expected 12:00; in A 30:00",
            "A 10:00-, B 10:30- expected 12:00 | occupied 10:00 expected 12:00",
        ),
        // A check-out that was cancelled.
        (
            "in A 10:00; out A 12:00; in A 12:03 named 10:00",
            "A 10:00-12:00, A 12:03- named 10:00 | occupied 12:03",
        ),
        // The id comes before the time.
        (
            "in A 10:00; in - 12:00; in A 12:00",
            "A 10:00-, - 12:00- | occupied 12:00",
        ),
    ]);
}

#[test]
fn at_the_same_time_one_without_id_is_the_same_stay() {
    table(&[
        ("in - 10:00; in A 10:00", "A 10:00- | occupied 10:00"),
        (
            "in - 10:00 named 08:00; in - 10:00 named 09:00",
            "- 10:00- named 09:00 | occupied 10:00",
        ),
        (
            "in A 10:00; in - 10:00 named 08:00",
            "A 10:00- named 08:00 | occupied 10:00",
        ),
        (
            "in - 10:00; in - 10:00 named 08:00",
            "- 10:00- named 08:00 | occupied 10:00",
        ),
        (
            "in - 10:00; in A 10:01",
            "- 10:00-, A 10:01- | occupied 10:00",
        ),
        // It ended before: no open stay.
        (
            "in - 10:00; in A 11:00; in - 11:00 named 09:00",
            "- 10:00-, A 11:00- named 09:00 | occupied 10:00",
        ),
    ]);
}

#[test]
fn an_arrival_without_id_is_a_new_party() {
    table(&[
        (
            "in - 10:00; in - 11:00",
            "- 10:00-11:00, - 11:00- | occupied 11:00",
        ),
        // The guest with an id stays in; the piece is the new party's.
        (
            "in A 10:00; in - 11:00",
            "A 10:00-, - 11:00- | occupied 11:00",
        ),
        (
            "in A 10:00 expected 11:00; in - 35:00",
            "A 10:00- expected 11:00, - 35:00- | occupied 35:00 expected 11:00",
        ),
        // With an id it is none.
        (
            "in - 10:00; in A 11:00",
            "- 10:00-, A 11:00- | occupied 10:00",
        ),
    ]);
}

#[test]
fn an_arrival_with_an_id_ends_stays_that_are_twelve_hours_overdue() {
    table(&[
        (
            "in A 10:00 expected 12:00; in B 24:00",
            "A 10:00-24:00 expected 12:00, B 24:00- | occupied 24:00",
        ),
        (
            "in A 10:00 expected 12:01; in B 24:00",
            "A 10:00- expected 12:01, B 24:00- | occupied 10:00 expected 12:01",
        ),
        (
            "in - 10:00 expected 12:00; in B 24:00",
            "- 10:00-24:00 expected 12:00, B 24:00- | occupied 24:00",
        ),
        (
            "in A 10:00; in B 99:00",
            "A 10:00-, B 99:00- | occupied 10:00",
        ),
        // Among several the latest counts, whichever came last.
        (
            "in A 10:00 expected 13:00; in A 10:00 expected 12:00; in B 24:00",
            "A 10:00- expected 12:00, B 24:00- | occupied 10:00 expected 12:00",
        ),
        // Somebody else is in: no new piece.
        (
            "in A 10:00 expected 12:00; in C 11:00; in B 24:00",
            "A 10:00-24:00 expected 12:00, C 11:00-, B 24:00- | occupied 10:00",
        ),
        // An expectation decides nothing.
        (
            "in A 10:00 expected 12:00; expect A 40:00; in B 24:00",
            "A 10:00-24:00 expected 40:00, B 24:00- | occupied 24:00",
        ),
    ]);
}

// ---- rule 2 ----

#[test]
fn a_departure_with_an_id_that_an_arrival_has() {
    table(&[
        // It ends no other stay, whatever the checkin.
        (
            "in A 10:00; in - 11:00; out A 12:00 of 11:00",
            "A 10:00-12:00, - 11:00- | occupied 11:00",
        ),
        // The open stay before one that it undoes.
        (
            "in A 10:00; out A 12:00; in A 12:05",
            "A 10:00-12:00, A 12:05- | occupied 12:05",
        ),
        ("out A 12:00; in A 12:10", "A 12:10-12:10 | vacant 12:00"),
        ("out A 12:00; in A 12:11", "A 12:11- | occupied 12:11"),
        // The first that it undoes.
        (
            "out A 12:00; in A 12:05; in A 12:06",
            "A 12:05-12:05, A 12:06- | occupied 12:06",
        ),
        // Sent twice it undoes one check-in.
        (
            "out A 12:00; out A 12:01; in A 12:05; in A 12:06",
            "A 12:05-12:05, A 12:06- | occupied 12:06",
        ),
        // A check-out that was corrected and then cancelled: the correction finds nobody in and
        // undoes the return. That is what the text says, and not what the hotel would.
        (
            "in A 08:00; out A 11:00; out A 11:05; in A 11:08 named 08:00",
            "A 08:00-11:00, A 11:08-11:08 named 08:00 | vacant 11:05",
        ),
        // None: it is of tomorrow.
        (
            "in - 10:00; out A 12:00; in A 36:00",
            "- 10:00-, A 36:00- | occupied 10:00",
        ),
        (
            "in B 10:00; out A 12:00; in A 36:00",
            "B 10:00-, A 36:00- | occupied 10:00",
        ),
        // Check-in and check-out of a minute, the check-in sent twice, once without id.
        (
            "out A 12:00; in - 12:00; in A 12:00",
            "A 12:00-12:00 | vacant 12:00",
        ),
        (
            "out - 12:00 of 12:00; in - 12:00; in A 12:00",
            "A 12:00-12:00 | vacant 12:00",
        ),
    ]);
}

#[test]
fn a_departure_with_an_id_without_any_arrival() {
    table(&[
        ("in A 10:00; out X 12:00", "A 10:00- | occupied 10:00"),
        (
            "in A 10:00; in - 11:00; out X 12:00",
            "A 10:00-, - 11:00-12:00 | occupied 11:00",
        ),
        (
            "in A 10:00; in - 11:00; out X 12:00 of 10:00",
            "A 10:00-, - 11:00-12:00 | occupied 11:00",
        ),
        (
            "in - 10:00; in - 11:00; out X 12:00 of 10:00",
            "- 10:00-11:00, - 11:00- | occupied 11:00",
        ),
        (
            "in - 12:10; out X 12:10 of 12:10",
            "- 12:10-12:10 | vacant 12:10",
        ),
        (
            "in A 12:10; out X 12:10 of 12:10",
            "A 12:10- | occupied 12:10",
        ),
    ]);
}

#[test]
fn a_departure_with_a_checkin() {
    table(&[
        // Within the minutes, of either sort.
        (
            "in A 10:00 named 08:00; in B 11:00; out - 12:00 of 10:00",
            "A 10:00-12:00 named 08:00, B 11:00- | occupied 10:00",
        ),
        (
            "in A 10:00; in B 11:00; out - 12:00 of 10:10",
            "A 10:00-12:00, B 11:00- | occupied 10:00",
        ),
        (
            "in A 10:00; in B 11:00 named 08:00; out - 12:00 of 08:10",
            "A 10:00-, B 11:00-12:00 named 08:00 | occupied 10:00",
        ),
        (
            "in A 12:00; out - 12:05 of 12:04; in B 12:07",
            "A 12:00-, B 12:07-12:07 | occupied 12:00",
        ),
        // Equally near: the earlier, in whatever order they are looked at.
        (
            "in A 12:00; out - 12:05 of 12:05; in B 12:10",
            "A 12:00-12:05, B 12:10- | occupied 12:10",
        ),
        (
            "in A 10:00; in B 10:10; out - 12:00 of 10:05",
            "A 10:00-12:00, B 10:10- | occupied 10:00",
        ),
        // It fits no stay: all open ones end.
        (
            "in A 10:00; in B 11:00; out - 12:00 of 09:49",
            "A 10:00-12:00, B 11:00-12:00 | vacant 12:00",
        ),
        // But one that has ended: an earlier guest's.
        (
            "in A 08:00 named 06:00; out A 09:00; in B 10:00; out - 12:00 of 06:05",
            "A 08:00-09:00 named 06:00, B 10:00- | occupied 10:00",
        ),
        // One that is in goes before one that has ended, though that is nearer.
        (
            "in A 08:00; out A 08:04; in B 08:05; out - 12:00 of 08:00",
            "A 08:00-08:04, B 08:05-12:00 | vacant 12:00",
        ),
        // Too late to be undone.
        (
            "in A 08:00; out - 12:00 of 12:10; in B 12:11",
            "A 08:00-12:00, B 12:11- | occupied 12:11",
        ),
    ]);
}

#[test]
fn guests_stay_in_when_another_guests_checkin_is_cancelled() {
    table(&[
        (
            "in - 08:00; in - 12:10; out - 12:10 of 12:10",
            "- 08:00-, - 12:10-12:10 | occupied 08:00",
        ),
        (
            "in A 08:00 expected 12:00; in B 36:00; out B 36:00",
            "A 08:00- expected 12:00, B 36:00-36:00 | occupied 08:00 expected 12:00",
        ),
        // A minute later it has been a party.
        (
            "in - 08:00; in - 12:10; out - 12:11 of 12:10",
            "- 08:00-12:10, - 12:10-12:11 | vacant 12:11",
        ),
    ]);
}

#[test]
fn a_stay_begins_soon_if_it_would_begin_without_any_departure() {
    table(&[
        // A is in, so that its second arrival begins nothing: A's departure it is.
        (
            "in A 11:55; out - 12:00 of 12:00; in A 12:01",
            "A 11:55-12:00, A 12:01- | occupied 12:01",
        ),
        // Also where another departure lets it begin.
        (
            "in A 08:00; out - 12:00 of 12:00; out A 12:00 of 12:01; in A 12:02; in B 12:03",
            "A 08:00-12:00, A 12:02-, B 12:03-12:03 | occupied 12:02",
        ),
    ]);
}

#[test]
fn a_departure_without_id_and_checkin_ends_all_stays_and_cancels_none() {
    table(&[
        (
            "in A 10:00; in - 11:00; out - 12:00; in - 12:05",
            "A 10:00-12:00, - 11:00-12:00, - 12:05- | occupied 12:05",
        ),
        ("out - 12:00; in - 12:05", "- 12:05- | occupied 12:05"),
    ]);
}

// ---- rule 3 ----

#[test]
fn a_departure_that_leaves_the_room_empty_begins_a_vacant_piece_whichever_stay_it_names() {
    table(&[
        ("out - 12:00", " | vacant 12:00"),
        ("out X 12:00 of 08:00", " | vacant 12:00"),
        (
            "in A 08:00; out A 11:00; out - 12:00 of 08:00",
            "A 08:00-11:00 | vacant 12:00",
        ),
        ("expect A 12:00", " | nothing"),
        // The later of a departure and the beginning that it undoes begins nothing.
        (
            "out A 12:00; in A 12:04; out - 12:02",
            "A 12:04-12:04 | vacant 12:02",
        ),
    ]);
}

#[test]
fn the_expected_checkout_is_the_latest_of_the_guests_in_the_room() {
    table(&[
        (
            "in A 10:00 expected 40:00; in B 11:00 expected 36:00",
            "A 10:00- expected 40:00, B 11:00- expected 36:00 | occupied 10:00 expected 40:00",
        ),
        (
            "in A 10:00 expected 40:00; in B 11:00 expected 36:00; out A 12:00",
            "A 10:00-12:00 expected 40:00, B 11:00- expected 36:00 | occupied 10:00 expected 36:00",
        ),
    ]);
}

#[test]
fn an_expectation_belongs_to_the_stay_it_names_or_else_to_the_guests_in_the_room() {
    table(&[
        (
            "in A 10:00; in B 11:00; expect A 40:00",
            "A 10:00- expected 40:00, B 11:00- | occupied 10:00 expected 40:00",
        ),
        (
            "in A 10:00; in B 11:00; expect - 40:00 since 11:10",
            "A 10:00-, B 11:00- expected 40:00 | occupied 10:00 expected 40:00",
        ),
        (
            "in A 10:00 named 08:00; in B 11:00; expect - 40:00 since 08:00",
            "A 10:00- named 08:00 expected 40:00, B 11:00- | occupied 10:00 expected 40:00",
        ),
        (
            "in A 10:00; in B 11:00; out B 12:00; in C 13:00; expect - 40:00 since 15:00",
            "A 10:00- expected 40:00, B 11:00-12:00, C 13:00- expected 40:00 \
             | occupied 10:00 expected 40:00",
        ),
        // An expectation of the guest who left changes nothing for the one who is in.
        (
            "in A 10:00; out A 11:00; in B 12:00; expect A 40:00",
            "A 10:00-11:00 expected 40:00, B 12:00- | occupied 12:00",
        ),
        // A cancelled check-out: both stays are named by the time, one is open.
        (
            "in - 10:00; out - 12:00; in - 12:03 named 10:00; expect - 40:00 since 10:00",
            "- 10:00-12:00, - 12:03- named 10:00 expected 40:00 | occupied 12:03 expected 40:00",
        ),
        // The last to come holds, also when it says less or came before its stay.
        (
            "expect A 40:00; in A 10:00 expected 36:00; expect A 38:00; expect A 37:00",
            "A 10:00- expected 37:00 | occupied 10:00 expected 37:00",
        ),
        (
            "expect A 40:00; in A 10:00 expected 36:00",
            "A 10:00- expected 36:00 | occupied 10:00 expected 36:00",
        ),
    ]);
}
