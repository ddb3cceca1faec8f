use super::*;
use crate::engine::{Arrival, Departure, Fact, RoomStatus, StayId};
use crate::types::{HotelId, Reading, WattHours};

fn at(minutes: i64) -> LocalTime {
    let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
    noon.plus(minutes * 60)
}

fn room() -> RoomKey {
    RoomKey::new("H001", "101")
}

fn message(stay: Stay) -> Input {
    sent(Event::of(room(), &stay))
}

fn said(fact: Fact) -> Input {
    sent(Event {
        kind: MessageKind::Checkin,
        rooms: vec![(room(), Said::Fact(fact))],
    })
}

fn arrival(id: Option<&str>, minutes: i64) -> Input {
    said(Fact::Arrival(Arrival {
        id: id.map(StayId::new),
        since: at(minutes),
        named: None,
        expected: None,
    }))
}

fn departure(checkin: i64, minutes: i64) -> Input {
    said(Fact::Departure(Departure {
        id: None,
        checkin: Some(at(checkin)),
        until: at(minutes),
    }))
}

fn occupied_since(minutes: i64) -> Stay {
    Stay::Occupied {
        check_in: at(minutes),
        expected_checkout: None,
    }
}

fn sent(event: Event) -> Input {
    Input::Message(Message {
        source: "test".into(),
        parsed: Parsed::Event(event),
        body: Vec::new(),
        redelivered: false,
        committed: Box::new(|| {}),
    })
}

/// 1.8 kWh an interval: too much for a vacant room, not for a guest.
fn reading(n: i64) -> Reading {
    Reading {
        time: at(30 * n),
        register: WattHours(1_800 * n),
    }
}

fn planned(rooms: &Rooms, batch: &[Input]) -> Plan {
    let rules = Rules::default();
    let bodies = RefusedBodies::default();
    let (turns, wanted) = Planner::wanted(rooms, &rules, batch);
    let readings = { wanted.into_iter() }
        .map(|wanted| (wanted.room, (0..10).map(reading).collect()))
        .collect();
    let mut planner = Planner::new(rooms, &rules, &readings, &bodies, turns);
    for input in batch {
        match input {
            Input::Message(message) => planner.message(message),
            Input::Judged(chunk) => chunk.iter().for_each(|judged| planner.judged(judged)),
            _ => {}
        }
    }
    planner.finish().0
}

#[test]
fn a_guest_who_waits_in_the_same_batch_is_not_judged_as_an_empty_room() {
    let rooms = Rooms::default();
    let left = || {
        message(Stay::Vacant {
            actual_checkin: None,
            actual_checkout: at(0),
        })
    };
    let arrived = message(Stay::Occupied {
        check_in: at(60),
        expected_checkout: None,
    });
    assert_eq!(
        planned(&rooms, &[left()]).notices.len(),
        2,
        "alert, reminder"
    );
    let plan = planned(&rooms, &[left(), arrived]);
    assert_eq!(plan.notices, []);
    assert_eq!(plan.openings.len(), 2);
    assert_eq!(plan.rooms.len(), 1);
    assert_eq!(plan.rooms[0].1.watch.fold.seen, Some(at(270)));
}

fn sent_status(said: Said) -> Input {
    sent(Event {
        kind: MessageKind::RoomStatus,
        rooms: vec![(room(), said)],
    })
}

/// After an outage both wait in one batch: what is judged is judged by all that is known.
#[test]
fn a_room_is_not_judged_while_a_status_of_the_same_batch_has_it_out_of_order() {
    let left = || {
        message(Stay::Vacant {
            actual_checkin: None,
            actual_checkout: at(0),
        })
    };
    let status = |minutes, status| {
        let at = at(minutes);
        sent_status(Said::Status(StatusChange { at, status }))
    };
    let repaired = || status(45, RoomStatus::OutOfOrder { until: None });
    let rooms = Rooms::default();
    let plan = planned(
        &rooms,
        &[left(), repaired(), status(210, RoomStatus::InOrder)],
    );
    assert_eq!(plan.notices, []);
    let fold = &plan.rooms[0].1.watch.fold;
    assert_eq!(fold.seen, Some(at(270)));
    assert_eq!(fold.run.map(|run| run.since), Some(at(210)));
    // A message that changes nothing cuts nothing off: the rest would never be judged.
    let dirty = || status(50, RoomStatus::Dirty);
    let plan = planned(
        &rooms,
        &[dirty(), left(), dirty(), dirty(), repaired(), repaired()],
    );
    assert_eq!(plan.rooms[0].1.watch.fold.seen, Some(at(270)));
}

/// It may begin later than now, and sweeps show what its run comes to until then.
#[test]
fn a_status_needs_no_readings_and_ends_no_run() {
    let rooms = Rooms::default();
    let left = Stay::Vacant {
        actual_checkin: None,
        actual_checkout: at(0),
    };
    let rules = Rules::default();
    let known = RoomState::new(left, &rules);
    let readings: Vec<Reading> = (0..5).map(reading).collect();
    let known = observe(&room(), &known, &readings, &rules).state;
    rooms.adopt([(room(), known.clone())]);
    let change = StatusChange {
        at: at(100),
        status: RoomStatus::OutOfOrder { until: None },
    };
    let batch = [sent_status(Said::Status(change))];
    assert!(Planner::wanted(&rooms, &rules, &batch).1.is_empty());
    let plan = planned(&rooms, &batch);
    assert_eq!(plan.notices, []);
    assert_eq!(plan.rooms[0].1.watch, known.watch);
}

#[test]
fn meter_notices_are_recorded_once() {
    let bodies = RefusedBodies::default();
    let (rooms, rules, readings) = (Rooms::default(), Rules::default(), HashMap::new());
    let notice = |kind, hotel| MeterNotice {
        kind,
        hotel_id: HotelId::new(hotel),
        detected: at(0),
        since: None,
        silent: 5,
        watched: 5,
        rooms: Vec::new(),
        handling: None,
    };
    rooms.notified(&notice(MeterNoticeKind::Silent, "H1"));
    rooms.notified(&notice(MeterNoticeKind::Silent, "H2"));
    rooms.notified(&notice(MeterNoticeKind::Reporting, "H2"));
    let mut planner = Planner::new(&rooms, &rules, &readings, &bodies, Turns::new());
    let both = |kind| ["H1", "H2"].map(|hotel| notice(kind, hotel));
    planner.meter_notices(&both(MeterNoticeKind::Silent));
    planner.meter_notices(&both(MeterNoticeKind::Reporting));
    let [again, new] = both(MeterNoticeKind::Silent);
    let [end, void] = both(MeterNoticeKind::Reporting);
    let recorded = planner.finish().0.notices;
    assert_eq!(recorded, [new, end].map(Notice::Meters));
    assert!(
        ![again, void]
            .iter()
            .any(|n| recorded.contains(&Notice::Meters(n.clone())))
    );
}

#[test]
fn a_guest_who_arrives_as_another_leaves_is_not_judged_as_an_empty_room() {
    let rooms = Rooms::default();
    let left = message(Stay::Vacant {
        actual_checkin: None,
        actual_checkout: at(0),
    });
    let arrived = message(Stay::Occupied {
        check_in: at(0),
        expected_checkout: None,
    });
    let plan = planned(&rooms, &[left, arrived]);
    assert_eq!(plan.notices, []);
}

/// Takes a batch as the owner does; gives its plan.
fn taken(rooms: &Rooms, batch: &[Input]) -> Plan {
    let plan = planned(rooms, batch);
    rooms.adopt(plan.rooms.clone());
    plan
}

/// What a sweep makes of these readings.
fn verdict(rooms: &Rooms, readings: std::ops::Range<i64>) -> Input {
    let known = rooms.get(&room()).expect("a watch");
    let readings: Readings = readings.map(reading).collect();
    Input::Judged(vec![Judged {
        room: room(),
        version: known.version,
        out_of_order_by: None,
        transition: observe(&room(), &known.state, &readings, &Rules::default()),
        readings,
    }])
}

#[test]
fn a_watch_that_the_same_batch_withdraws_judges_nothing() {
    let rooms = Rooms::default();
    // The check-out of a guest who is not known ends the stay of the one who is, until it is known
    // whose check-in it undoes.
    let batch = [arrival(None, 0), departure(60, 60), arrival(None, 60)];
    let plan = planned(&rooms, &batch);
    assert_eq!(plan.notices, []);
    let (_, state) = &plan.rooms[0];
    assert_eq!((state.watches, state.watch.stay), (3, occupied_since(0)));
    assert_eq!(state.watch.fold.seen, Some(at(270)));
    let rows = plan.openings.iter().map(|(_, row)| (row.stay, row.initial));
    let wanted = (occupied_since(0), Some(reading(0)));
    assert_eq!(rows.collect::<Vec<_>>(), [wanted; 2]);
    assert_eq!(plan.rewritten, []);
}

#[test]
fn what_is_recorded_of_withdrawn_watches_is_rewritten_back_to_the_last_piece() {
    let rooms = Rooms::default();
    taken(&rooms, &[arrival(None, 0)]);
    taken(&rooms, &[departure(60, 60)]);
    let vacant = rooms.get(&room()).expect("a watch").state.watch.stay;
    // In one batch another guest comes, and what is known after that takes back both.
    let plan = taken(&rooms, &[arrival(Some("B"), 75), arrival(None, 60)]);
    let row = Opening {
        stay: occupied_since(0),
        initial: Some(reading(0)),
    };
    assert_eq!(plan.openings, [(room(), row)]);
    assert_eq!(plan.rewritten, [(room(), vacant, row)]);
}

#[test]
fn a_verdict_on_a_watch_that_the_same_batch_ends_is_void() {
    let rooms = Rooms::default();
    taken(&rooms, &[arrival(None, 0)]);
    let late = verdict(&rooms, 10..15);
    let left = message(Stay::Vacant {
        actual_checkin: None,
        actual_checkout: at(300),
    });
    let plan = taken(&rooms, &[left, late]);
    let (_, state) = &plan.rooms[0];
    assert_eq!((state.watches, state.watch.fold.seen), (2, Some(at(270))));
    // So is one on a watch that should never have been, whatever its stay's time.
    let late = verdict(&rooms, 15..20);
    let plan = taken(&rooms, &[arrival(None, 300), late]);
    let (_, state) = &plan.rooms[0];
    assert_eq!((state.watches, state.watch.stay), (3, occupied_since(300)));
    assert!(state.watch.fold.seen <= Some(at(270)));
}

#[test]
fn a_verdict_on_a_watch_whose_stay_began_earlier_is_made_again_under_that_stay() {
    let rooms = Rooms::default();
    // The readings that it has when it begins reach from noon to 16:30.
    taken(&rooms, &[arrival(Some("B"), 60)]);
    let known = rooms.get(&room()).expect("a watch").state;
    assert!(known.can_be_moved());
    let late = verdict(&rooms, 10..12);
    let plan = taken(&rooms, &[arrival(Some("A"), 0), late]);
    let (_, state) = &plan.rooms[0];
    assert_eq!((state.watches, state.watch.stay), (1, occupied_since(0)));
    assert_eq!(state.watch.fold.seen, Some(at(330)));
    assert_eq!(state.watch.initial, known.watch.initial);
    let intervals = state.watch.history.len();
    assert_eq!(intervals, known.watch.history.len() + 2, "it goes on");
}

#[test]
fn a_watch_that_has_judged_nothing_begins_anew_where_its_stay_began_earlier() {
    let rooms = Rooms::default();
    // Nothing is read after 16:30.
    taken(&rooms, &[arrival(Some("B"), 280)]);
    let known = rooms.get(&room()).expect("a watch").state;
    assert_eq!(known.watch.initial, Some(reading(9)));
    let plan = taken(&rooms, &[arrival(Some("A"), 0)]);
    let (_, state) = &plan.rooms[0];
    assert_eq!((state.watches, state.watch.stay), (2, occupied_since(0)));
    assert_eq!(
        state.watch.initial,
        Some(reading(0)),
        "as if A had come first"
    );
    assert_eq!(state.watch.history.len(), 9);
    let row = Opening {
        stay: state.watch.stay,
        initial: state.watch.initial,
    };
    assert_eq!(plan.rewritten, [(room(), known.watch.stay, row)]);
}

#[test]
fn a_watch_of_0_1_whose_stay_began_earlier_is_another_one() {
    let rooms = Rooms::default();
    taken(&rooms, &[arrival(Some("B"), 60)]);
    let mut old = rooms.get(&room()).expect("a watch").state;
    old.watches = 0;
    rooms.adopt([(room(), old)]);
    let plan = taken(&rooms, &[arrival(Some("A"), 0)]);
    let (_, state) = &plan.rooms[0];
    assert_eq!((state.watches, state.watch.stay), (1, occupied_since(0)));
    assert_eq!(state.watch.initial, Some(reading(0)));
}

/// Another instance that has replaced this one may watch the room by now.
#[test]
fn a_status_of_a_room_that_is_not_watched_is_acknowledged_by_the_owner_of_the_state_alone() {
    let rooms = Rooms::default();
    let change = StatusChange {
        at: at(0),
        status: RoomStatus::OutOfOrder { until: None },
    };
    let plan = planned(&rooms, &[sent_status(Said::Status(change))]);
    assert!(plan.rooms.is_empty() && !plan.is_empty());
    let expected = Plan {
        rests_on_ownership: true,
        ..Plan::default()
    };
    assert_eq!(plan, expected);
}

/// What becomes of incidents by time alone; it is adopted.
fn due(rooms: &Rooms, minutes: i64) -> Plan {
    let (rules, readings) = (Rules::default(), HashMap::new());
    let bodies = RefusedBodies::default();
    let mut planner = Planner::new(rooms, &rules, &readings, &bodies, Turns::new());
    planner.due(at(minutes));
    let plan = planner.finish().0;
    rooms.adopt_incidents(plan.incidents.clone());
    plan
}

/// Somebody has acknowledged an incident until then, or snoozed it.
fn acknowledged(incident: Incident, minutes: i64) -> Incident {
    let until = at(minutes);
    let acknowledged = Act::Acknowledge { until };
    let (after, _) = incident.acted(&acknowledged, "W", at(30)).expect("an act");
    after
}

#[test]
fn what_has_lapsed_is_reminded_of_as_it_is_now_and_once() {
    let rooms = Rooms::default();
    let left = message(Stay::Vacant {
        actual_checkin: None,
        actual_checkout: at(0),
    });
    // The readings up to 270 are there already.
    let alerted = taken(&rooms, &[left]);
    let Some(Notice::Room(alert)) = alerted.notices.first() else {
        panic!("an alert in {:?}", alerted.notices);
    };
    rooms.adopt_incidents(alerted.incidents.clone());
    assert_eq!(rooms.due(), None);
    rooms.adopt_incidents([acknowledged(alerted.incidents[0].clone(), 400)]);
    taken(&rooms, &[verdict(&rooms, 10..12)]);
    assert_eq!(rooms.due(), Some(at(400)));
    assert!(due(&rooms, 399).is_empty());

    let plan = due(&rooms, 405);
    let [Notice::Room(reminder)] = plan.notices.as_slice() else {
        panic!("a reminder in {:?}", plan.notices);
    };
    assert_eq!(
        (reminder.kind, reminder.incident()),
        (NoticeKind::Reminder, alert.run())
    );
    assert_eq!((reminder.periods, reminder.detected), (11, at(330)));
    let handling = reminder.handling.as_deref().expect("whose it was");
    let by = handling.acknowledged.as_ref().map(|it| (&*it.by, it.at));
    assert_eq!(
        (by, handling.lapsed_at),
        (Some(("W", at(30))), Some(at(400)))
    );
    let words: Vec<_> = plan
        .incident_events
        .iter()
        .map(|it| (it.what.as_str(), it.at))
        .collect();
    assert_eq!(words, [("lapsed", at(400)), ("reminder", at(330))]);
    let [incident] = plan.incidents.as_slice() else {
        panic!("one incident in {:?}", plan.incidents);
    };
    assert_eq!(
        (incident.acknowledged.as_ref(), incident.periods),
        (None, 11)
    );
    assert!(
        plan.rooms.is_empty(),
        "the rule's own reminders stay as they are"
    );
    assert_eq!(rooms.due(), None);
    assert!(due(&rooms, 999).is_empty(), "once");
}

#[test]
fn a_hotel_whose_meters_were_acknowledged_is_reminded_of_with_those_that_are_silent_now() {
    let hotel = HotelId::new("H001");
    for trouble in [
        MeterTrouble::Silent(Some(at(0))),
        MeterTrouble::Frozen(at(0)),
    ] {
        let rooms = Rooms::default();
        rooms.set_trouble(hotel.clone(), trouble);
        let place = crate::engine::meters_of(&hotel);
        let incident = Incident::of_trouble(place, trouble, at(0)).expect("it goes on");
        rooms.adopt_incidents([acknowledged(incident, 200)]);
        let plan = due(&rooms, 200);
        let [Notice::Meters(reminder)] = plan.notices.as_slice() else {
            panic!("a reminder in {:?}", plan.notices);
        };
        assert_eq!(reminder.trouble(), Some(trouble));
        assert!(
            reminder
                .handling
                .as_deref()
                .is_some_and(|it| it.lapsed_at == Some(at(200)))
        );
        assert!(plan.incidents[0].is_open() && due(&rooms, 999).is_empty());
        // What is over is not due.
        rooms.adopt_incidents([acknowledged(plan.incidents[0].clone(), 300)]);
        assert_eq!(rooms.due(), Some(at(300)));
        rooms.adopt_incidents([plan.incidents[0].clone().close_not_recorded(at(250)).0]);
        assert_eq!(rooms.due(), None);
    }
}
