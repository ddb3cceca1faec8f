//! How the bench of the rules counts what was found and what was alerted falsely.

use roomwatt::engine::Stay;
use roomwatt::simulator::{Appliance, RoomHistory, Trouble};
use roomwatt::types::{Kind, LocalTime, RoomKey, WattHours};

use crate::score::{
    Alert, Span, false_alarms, is_false, is_found, is_found_at_all, misuses, wastes,
};
use crate::time;

const HOUR: i64 = 3_600;
const IN_TIME: i64 = 5 * HOUR / 2;

fn at(minutes: i64) -> LocalTime {
    time("2024-01-08 00:00:00").plus(minutes * 60)
}

fn story() -> Span {
    Span {
        from: at(0),
        until: at(2_880),
    }
}

fn trouble(kind: Kind, (from, until): (i64, i64), per_half_hour: i64) -> Trouble {
    Trouble {
        appliance: Appliance::AirConditioner,
        kind,
        from: at(from),
        until: at(until),
        per_half_hour: WattHours(per_half_hour),
        thermostat: None,
    }
}

fn alert(kind: Kind, since: i64, detected: i64) -> Alert {
    Alert {
        kind,
        since: at(since),
        detected: at(detected),
    }
}

fn room(troubles: &[Trouble]) -> RoomHistory {
    RoomHistory {
        key: RoomKey::new("H001", "101"),
        said: Vec::new(),
        readings: Vec::new(),
        presence: Vec::new(),
        troubles: troubles.to_vec(),
        circumstances: Vec::new(),
    }
}

#[test]
fn wastes_count_that_can_be_found_in_time() {
    let vacant = Kind::Checkout;
    let counts = |trouble| wastes(&room(&[trouble]), story(), story(), IN_TIME).count();
    for (trouble, is_counted) in [
        (trouble(vacant, (10, 160), 300), 1),
        // Too short, too little, another's, cut off by the beginning and by the end.
        (trouble(vacant, (10, 159), 300), 0),
        (trouble(vacant, (10, 160), 299), 0),
        (trouble(Kind::Checkin, (10, 160), 300), 0),
        (trouble(vacant, (0, 600), 300), 0),
        (trouble(vacant, (2_731, 3_000), 300), 0),
        (trouble(vacant, (2_730, 3_000), 300), 1),
    ] {
        assert_eq!(counts(trouble), is_counted, "{trouble:?}");
    }
    let within = Span {
        from: at(60),
        until: at(120),
    };
    let begins = |from| trouble(vacant, (from, 600), 500);
    let all = room(&[begins(59), begins(60), begins(119), begins(120)]);
    assert_eq!(wastes(&all, within, story(), IN_TIME).count(), 2);
    assert_eq!(misuses(&all, story(), story(), IN_TIME).count(), 0);
}

#[test]
fn a_waste_is_found_by_an_alert_of_the_vacant_room_in_time() {
    let waste = trouble(Kind::Checkout, (100, 1_000), 500);
    let found = |alert| is_found(&waste, &[alert], IN_TIME);
    assert!(found(alert(Kind::Checkout, 110, 250)));
    assert!(!found(alert(Kind::Checkout, 110, 251)));
    assert!(!found(alert(Kind::Checkout, 50, 100)));
    assert!(!found(alert(Kind::Checkin, 110, 250)));
    let misuse = trouble(Kind::Checkin, (100, 400), 1_000);
    let found = |alert| is_found_at_all(&misuse, &[alert]);
    assert!(found(alert(Kind::Checkin, 110, 430)));
    assert!(!found(alert(Kind::Checkin, 110, 431)));
    assert!(!found(alert(Kind::Checkout, 110, 250)));
}

#[test]
fn an_alert_is_false_when_nothing_was_on_during_its_run() {
    let room = room(&[trouble(Kind::Checkout, (100, 200), 100)]);
    let is_false = |since, detected| is_false(&alert(Kind::Checkout, since, detected), &room);
    assert!(is_false(0, 100));
    assert!(!is_false(0, 101));
    assert!(!is_false(199, 300));
    assert!(is_false(200, 300));
    let left = Stay::Vacant {
        actual_checkin: None,
        actual_checkout: at(50),
    };
    let came = Stay::Occupied {
        check_in: at(400),
        expected_checkout: None,
    };
    let alerts = [
        alert(Kind::Checkout, 60, 150),
        alert(Kind::Checkout, 210, 330),
        alert(Kind::Checkin, 410, 500),
    ];
    let span = Span {
        from: at(60),
        until: at(460),
    };
    let of = |kind| {
        let count = false_alarms(&room, &[left, came], &alerts, kind, span);
        (count.alarms, count.seconds)
    };
    assert_eq!(of(Kind::Checkout), (1, 340 * 60));
    // The alert is after the span.
    assert_eq!(of(Kind::Checkin), (0, 60 * 60));
}
