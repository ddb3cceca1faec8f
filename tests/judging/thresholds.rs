//! Which threshold and which interval length a room is judged by.

use roomwatt::engine::{Rules, Thresholds};
use roomwatt::types::{HotelId, RoomKey, WattHours};

use crate::story::{Room, story_under};

/// Thresholds of a hotel or a room, in Wh.
fn own(checkin: Option<i64>, checkout: Option<i64>) -> Thresholds<Option<WattHours>> {
    Thresholds {
        checkin: checkin.map(WattHours),
        checkout: checkout.map(WattHours),
    }
}

fn rules(
    hotel: Option<Thresholds<Option<WattHours>>>,
    room: Option<Thresholds<Option<WattHours>>>,
) -> Rules {
    Rules {
        hotel_thresholds: hotel
            .map(|own| (HotelId::new("H001"), own))
            .into_iter()
            .collect(),
        room_thresholds: room
            .map(|own| (RoomKey::new("H001", "101"), own))
            .into_iter()
            .collect(),
        ..Rules::default()
    }
}

/// "each can be set per hotel and per room"
#[test]
fn the_rooms_threshold_wins_over_the_hotels_over_the_general_one() {
    for (hotel, room, limit_in, limit_out) in [
        (None, None, 2_000, 1_500),
        (Some(own(Some(3_000), None)), None, 3_000, 1_500),
        (Some(own(None, Some(300))), None, 2_000, 300),
        (None, Some(own(Some(500), None)), 500, 1_500),
        (
            Some(own(Some(3_000), Some(300))),
            Some(own(Some(4_000), None)),
            4_000,
            300,
        ),
        (
            Some(own(Some(3_000), Some(300))),
            Some(own(None, Some(0))),
            3_000,
            0,
        ),
    ] {
        for (message, limit) in [("check-in", limit_in), ("check-out", limit_out)] {
            let (at, above) = (WattHours(100_000 + limit), WattHours(100_001 + 2 * limit));
            story_under(
                rules(hotel, room),
                &format!(
                    "{message} 14:00        | watch from nothing
                     14:00     100          | initial
                     14:30     {at}         | normal 1
                     15:00     {above}      | abnormal 1"
                ),
            );
        }
    }
}

#[test]
fn a_threshold_is_for_its_own_hotel_and_room_only() {
    let rules = rules(Some(own(None, Some(500))), Some(own(None, Some(300))));
    for (hotel, number, limit) in [
        ("H001", "101", 300),
        ("H001", "102", 500),
        ("H002", "101", 1_500),
        ("h001", "101", 1_500),
    ] {
        let mut room = Room::under(rules.clone());
        room.played.key = RoomKey::new(hotel, number);
        let (at, above) = (WattHours(100_000 + limit), WattHours(100_001 + 2 * limit));
        room.goes_on(&format!(
            "check-out 14:00        | watch from nothing
             14:00     100          | initial
             14:30     {at}         | normal 1
             15:00     {above}      | abnormal 1"
        ));
    }
}

/// "An interval is judged by the thresholds in force when it is judged, once."
#[test]
fn another_threshold_counts_from_the_next_interval() {
    let mut room = story_under(
        Rules::default(),
        "check-out 14:00              | watch from nothing
         14:00     100                | initial
         14:30     101                | normal 1
         15:00     102                | normal 1",
    );
    room.rules.thresholds.checkout = WattHours(500);
    room.goes_on(
        "15:00     102                | late
         15:30     103                | abnormal 1
         16:00     104                | abnormal 1",
    );
    room.rules.thresholds.checkout = WattHours(1_500);
    room.goes_on("16:30 105               | run of 2 ends, normal 1");
}

/// "The interval length is part of the state: loaded under another one, a run ends."
#[test]
fn another_interval_length_ends_the_run() {
    let began = |text: &str| {
        let mut room = story_under(
            Rules::default(),
            "check-out 14:00          | watch from nothing
             14:00     100            | initial
             14:30     102            | abnormal 1
             15:00     104            | abnormal 1
             15:30     106            | abnormal 1",
        );
        room.goes_on(text);
        room.rules.interval_seconds = 3600;
        room
    };
    // three periods of half an hour are none of an hour; the sample stays
    let mut room = began("");
    room.goes_on(
        "16:00     107                | within
         16:30     109                | abnormal 1
         17:30     112                | abnormal 1
         18:30     115                | abnormal 1
         19:30     118                | abnormal 1, alert of 4 since 15:30: 12 kWh",
    );
    let mut room = began("16:00 108 | abnormal 1, alert of 4 since 14:00: 8 kWh");
    room.goes_on("17:00 108 | normal 1, closed by IntervalChanged of 4 since 14:00: 8 kWh");

    let mut room = began("16:00 108 | abnormal 1, alert of 4 since 14:00: 8 kWh");
    room.goes_on(
        "stored    17:00     108      |
         check-in  17:00              | closed by IntervalChanged of 4 since 14:00: 8 kWh, \
                                        watch from 108 at 17:00",
    );
    assert_eq!(room.watch().interval_seconds, 3600);
}

#[test]
fn every_length_scales_with_the_interval() {
    let quarter = Rules {
        interval_seconds: 15 * 60,
        ..Rules::default()
    };
    story_under(
        quarter,
        "stored    13:45     99       |
         check-out 14:00              | watch from 99 at 13:45
         14:00     100                | initial
         14:13:29  101                | within
         14:13:30  101                | normal 1
         14:41:59  103                | normal 1
         15:10:29  105                | normal 2
         15:38:58  107                | normal 1
         17:38:58  120                | abnormal 8, alert of 8 since 15:38:58: 13 kWh",
    );
}
