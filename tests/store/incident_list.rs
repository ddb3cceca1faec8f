//! How incidents are listed, and what is read of their history.

use std::collections::HashMap;

use roomwatt::engine::{
    Acknowledgement, Act, Cause, Closed, ClosedWhy, Detail, Incident, IncidentEvent,
    IncidentEventKind, IncidentKey, IncidentState, NoticeKind, Reason, meters_of,
};
use roomwatt::store::{StoredIncident, WantedIncidents};
use roomwatt::types::{HotelId, Kind, RoomKey, WattHours};

use crate::subject::{Subject, commit};
use crate::{at, notice, on_each_store};

const DAY: i64 = 24 * 60;

/// An incident of this room that opened so many minutes after noon.
fn incident(place: RoomKey, minutes: i64) -> Incident {
    Incident {
        key: IncidentKey {
            place,
            watch: 1,
            cause: Cause::Fixed,
            since: at(minutes - 120),
            opened_at: at(minutes),
        },
        stay: Some((at(minutes - 120), Kind::Checkout)),
        causes: vec![Cause::Fixed],
        periods: 4,
        energy: WattHours(9_600),
        acknowledged: None,
        snoozed_until: None,
        escalated_step: 0,
        escalate_at: None,
        closed: None,
        reason: None,
        note: None,
    }
}

fn close(incident: &mut Incident) {
    incident.closed = Some(Closed {
        at: incident.key.opened_at.plus(3_600),
        why: ClosedWhy::Recovered,
    });
}

fn hotels(hotels: &[&str]) -> Vec<HotelId> {
    hotels.iter().map(|hotel| HotelId::new(hotel)).collect()
}

/// Some incidents of three hotels, of which two differ by case alone: each room has at most one
/// that is open, and some opened at the same time.
fn some(random: &mut fastrand::Rng) -> Vec<Incident> {
    let mut all = Vec::new();
    for hotel in ["H1", "h1", "H2"] {
        for room in ["", "1", "2", "a1", "A1"] {
            let place = if room.is_empty() {
                meters_of(&HotelId::new(hotel))
            } else {
                RoomKey::new(hotel, room)
            };
            let count = random.i64(1..8);
            for n in 0..count {
                let mut it = incident(place.clone(), n * DAY + 60 * random.i64(0..6));
                if random.bool() {
                    it.acknowledged = Some(Acknowledgement {
                        by: "W".to_owned(),
                        at: it.key.opened_at,
                        until: it.key.opened_at.plus(4 * 3_600),
                    });
                }
                if n < count - 1 || random.bool() {
                    close(&mut it);
                }
                if random.bool() {
                    it.reason = random.choice([Reason::Cleaning, Reason::Charging]);
                }
                all.push(it);
            }
        }
    }
    random.shuffle(&mut all);
    all
}

fn are_listed_by_hotel_room_state_reason_and_time(subject: &Subject) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let all = some(&mut random);
    let mut store = subject.owner();
    commit(&mut store, |plan| plan.incidents.clone_from(&all));
    let reader = subject.database.reader();
    let keys: Vec<&IncidentKey> = all.iter().map(|it| &it.key).collect();
    let ids = reader.incident_ids(&keys).expect("ids");
    assert_eq!(ids.len(), all.len());
    let mut stored: Vec<StoredIncident> = { all.into_iter() }
        .map(|incident| StoredIncident {
            id: ids[&incident.key],
            incident,
        })
        .collect();
    stored.sort_by_key(|it| (it.incident.key.opened_at, it.id));
    stored.reverse();

    let several = hotels(&["H1", "H2", "H3"]);
    let (one, none) = (hotels(&["h1"]), hotels(&[]));
    let rooms = [
        RoomKey::new("H1", "A1"),
        meters_of(&HotelId::new("H1")),
        RoomKey::new("H9", "1"),
    ];
    let states = [
        IncidentState::Open,
        IncidentState::Acknowledged,
        IncidentState::Closed,
    ];
    let mut found_any = 0;
    for _ in 0..150 {
        let count = random.usize(0..=3);
        let states: Vec<IncidentState> = random.choose_multiple(states, count);
        let time = |random: &mut fastrand::Rng| {
            let minutes = 60 * random.i64(-24..200);
            random.bool().then(|| at(minutes))
        };
        let mut wanted = WantedIncidents {
            hotels: random
                .choice([None, Some(&*several), Some(&*one), Some(&*none)])
                .flatten(),
            room: rooms.get(random.usize(0..9)),
            states: &states,
            reason: random
                .choice([None, None, Some(Reason::Cleaning)])
                .flatten(),
            since: time(&mut random),
            until: time(&mut random),
            before: None,
        };
        let is_wanted = |it: &&StoredIncident| {
            let Incident { key, reason, .. } = &it.incident;
            let is_there = match (wanted.room, wanted.hotels) {
                (Some(room), _) => key.place == *room,
                (None, Some(hotels)) => hotels.contains(&key.place.hotel_id),
                (None, None) => true,
            };
            is_there
                && (states.is_empty() || states.contains(&it.incident.state()))
                && (wanted.reason.is_none() || *reason == wanted.reason)
                && wanted.since.is_none_or(|since| key.opened_at >= since)
                && wanted.until.is_none_or(|until| key.opened_at <= until)
        };
        let expected: Vec<&StoredIncident> = stored.iter().filter(is_wanted).collect();
        let mut found = Vec::new();
        loop {
            let page = reader.newest_incidents(&wanted, 7).expect("incidents");
            assert!(page.len() <= 7);
            assert!(
                found.len() <= expected.len(),
                "the list goes round: {wanted:?}"
            );
            let Some(last) = page.last() else {
                break;
            };
            wanted.before = Some(last.id);
            found.extend(page);
        }
        found_any += found.len();
        let found: Vec<&StoredIncident> = found.iter().collect();
        assert_eq!(found, expected, "{wanted:?}");
    }
    assert!(found_any > 300, "only {found_any}");
    let gone = WantedIncidents {
        before: Some(1_000_000),
        ..WantedIncidents::default()
    };
    assert_eq!(reader.newest_incidents(&gone, 7).expect("none"), []);
}

fn the_history_of_one_is_read_as_it_was_written(subject: &Subject) {
    let mut store = subject.owner();
    let room = RoomKey::new("H1", "101");
    let other = incident(RoomKey::new("H1", "102"), 120);
    let mut events: Vec<IncidentEvent> = Vec::new();
    let follow = |open, kind, minutes, events: &mut Vec<IncidentEvent>| {
        let (incident, event) =
            Incident::follow(open, &notice(kind, &room, minutes)).expect("an incident");
        events.push(event);
        incident
    };
    let act = |incident: Incident, act: Act, minutes, events: &mut Vec<IncidentEvent>| {
        let by = "\u{738b}\u{5de5}";
        let (incident, mut event) = incident.acted(&act, by, at(minutes)).expect("acted");
        event.request_id = Some(format!("request {minutes}"));
        events.push(event);
        incident
    };
    let mut it = follow(None, NoticeKind::Alert, 120, &mut events);
    it = act(it, Act::Acknowledge { until: at(360) }, 130, &mut events);
    it = act(it, Act::Snooze { until: at(370) }, 131, &mut events);
    let (lapsed, event) = it.lapsed(at(400)).expect("lapsed");
    events.push(event);
    it = follow(Some(lapsed), NoticeKind::Reminder, 400, &mut events);
    it = follow(Some(it), NoticeKind::Recovered, 430, &mut events);
    let explain = Act::Explain {
        reason: Some(Reason::Cleaning),
        note: Some("\"12:30\"\n\u{4fdd}\u{6d01}".to_owned()),
    };
    it = act(it, explain, 500, &mut events);
    commit(&mut store, |plan| {
        plan.incidents = vec![other.clone(), it.clone()];
        plan.incident_events.clone_from(&events);
    });
    let reader = subject.database.reader();
    let missing = IncidentKey {
        watch: 9,
        ..it.key.clone()
    };
    let ids = reader.incident_ids(&[&it.key, &missing, &other.key, &it.key]);
    let ids: HashMap<IncidentKey, u64> = ids.expect("ids");
    assert_eq!(ids.len(), 2, "{ids:?}");
    let id = ids[&it.key];
    // What a later version writes is not taken for something else.
    subject.execute(&format!(
        "INSERT INTO incident_event (incident, at, what) SELECT incident, at, 'danced' \
         FROM incident_event WHERE incident = {id} AND what = 'alert'"
    ));
    let (found, history) = reader.incident_history(id).expect("read").expect("there");
    assert_eq!((found.id, &found.incident), (id, &it));
    assert_eq!(history, events);
    let kinds: Vec<IncidentEventKind> = history.iter().map(|event| event.what).collect();
    assert_eq!(kinds[3], IncidentEventKind::Lapsed);
    assert_eq!(history[5].closed(), Some(ClosedWhy::Recovered));
    assert!(matches!(
        &history[6].detail,
        Some(Detail::Explained { note: Some(_), .. })
    ));
    let of_other = reader.incident_history(ids[&other.key]).expect("read");
    assert_eq!(of_other.map(|(_, events)| events), Some(Vec::new()));
    assert_eq!(reader.incident_history(1_000_000).expect("read"), None);
    assert_eq!(reader.incident_ids(&[]).expect("none"), HashMap::new());
}

/// 400 days of 30 incidents each, of two hotels in turn; the last ten are not over.
fn long(subject: &Subject) {
    let mut store = subject.owner();
    for day in 0..400 {
        commit(&mut store, |plan| {
            for n in 0..30 {
                let hotel = ["H1", "H2"][usize::from(n % 2 == 1)];
                let room = RoomKey::new(hotel, &format!("{n}"));
                let mut it = incident(room, day * DAY + n * 10);
                if day < 399 || n < 20 {
                    close(&mut it);
                }
                // Two of six hotel-days, the newest of them long ago.
                if day < 200 && n % 10 == 0 {
                    it.reason = Some(Reason::Charging);
                }
                plan.incidents.push(it);
            }
        });
    }
}

fn what_a_list_reads_does_not_grow_with_history(subject: &Subject) {
    long(subject);
    if !subject.is_file() {
        subject.execute("ANALYZE TABLE incident");
    }
    let reader = subject.database.reader();
    let (one, both) = (hotels(&["H1"]), hotels(&["H1", "H2"]));
    let room = RoomKey::new("H1", "4");
    let over = [IncidentState::Closed];
    let open = [IncidentState::Open, IncidentState::Acknowledged];
    let all = WantedIncidents::default();
    let reason = Some(Reason::Charging);
    let long_ago = Some(at(100 * DAY));
    for (what, wanted, count) in [
        ("all", all, 20),
        (
            "all that are over",
            WantedIncidents {
                states: &over,
                ..all
            },
            20,
        ),
        (
            "all that are not",
            WantedIncidents {
                states: &open,
                ..all
            },
            10,
        ),
        ("of a reason", WantedIncidents { reason, ..all }, 20),
        (
            "since",
            WantedIncidents {
                since: Some(at(399 * DAY + 250)),
                ..all
            },
            5,
        ),
        (
            "until",
            WantedIncidents {
                until: long_ago,
                ..all
            },
            20,
        ),
        (
            "of a hotel",
            WantedIncidents {
                hotels: Some(&one),
                ..all
            },
            20,
        ),
        (
            "over, of two",
            WantedIncidents {
                hotels: Some(&both),
                states: &over,
                ..all
            },
            20,
        ),
        (
            "open, of a hotel",
            WantedIncidents {
                hotels: Some(&one),
                states: &open,
                ..all
            },
            5,
        ),
        (
            "of a hotel and reason",
            WantedIncidents {
                hotels: Some(&one),
                reason,
                ..all
            },
            20,
        ),
        (
            "of a room",
            WantedIncidents {
                room: Some(&room),
                ..all
            },
            20,
        ),
        (
            "of a room then",
            WantedIncidents {
                room: Some(&room),
                until: long_ago,
                ..all
            },
            20,
        ),
    ] {
        for going_on in [false, true] {
            // Half of the way back.
            let first = WantedIncidents {
                until: Some(at(150 * DAY)),
                ..wanted
            };
            let first = reader.newest_incidents(&first, 1).expect("incidents");
            let before = first.first().map(|it| it.id);
            if going_on && before.is_none() {
                continue;
            }
            let wanted = WantedIncidents {
                before: before.filter(|_| going_on),
                ..wanted
            };
            let mut found = 0;
            let rows = subject.rows_read(|| {
                found = reader
                    .newest_incidents(&wanted, 20)
                    .expect("incidents")
                    .len();
            });
            if !going_on {
                assert_eq!(found, count, "{what}");
            }
            assert!(
                rows.is_none_or(|rows| rows <= 60),
                "{what}: {rows:?} rows for {found}"
            );
        }
    }
}

on_each_store!(
    are_listed_by_hotel_room_state_reason_and_time,
    the_history_of_one_is_read_as_it_was_written,
    what_a_list_reads_does_not_grow_with_history,
);
