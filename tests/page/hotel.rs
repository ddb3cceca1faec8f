//! A hotel as the service has it in memory, and its pages.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use roomwatt::clock::Clock;
use roomwatt::config::{Cards, Hotels, Language};
use roomwatt::engine::{RoomState, RoomStatus, Rules, StatusChange, Stay, observe};
use roomwatt::page::{LOCAL, Pages, Viewer};
use roomwatt::rooms::{LastSweep, Rooms};
use roomwatt::types::{LocalTime, Reading, RoomKey, WattHours};

pub fn at(time: &str) -> LocalTime {
    LocalTime::parse(&format!("2023-04-{time}:00")).expect("a time")
}

/// The time by which everything is shown.
pub fn now() -> LocalTime {
    at("10 14:07")
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> LocalTime {
        now()
    }
}

/// What a room has used, in Wh per half hour, oldest first, up to 14:00 or, where it is silent, up
/// to some hours before.
pub struct Story<'a> {
    pub hotel: &'a str,
    pub room: &'a str,
    pub stay: Stay,
    pub used: &'a [i64],
    pub hours_silent: i64,
    pub repaired: bool,
}

pub fn vacant(since: &str) -> Stay {
    Stay::Vacant {
        actual_checkin: None,
        actual_checkout: at(since),
    }
}

pub fn occupied(since: &str, until: &str) -> Stay {
    Stay::Occupied {
        check_in: at(since),
        expected_checkout: Some(at(until)),
    }
}

pub fn story<'a>(hotel: &'a str, room: &'a str, stay: Stay, used: &'a [i64]) -> Story<'a> {
    Story {
        hotel,
        room,
        stay,
        used,
        hours_silent: 0,
        repaired: false,
    }
}

/// The state that the service has of it.
pub fn state(story: &Story<'_>, rules: &Rules) -> (RoomKey, RoomState) {
    let key = RoomKey::new(story.hotel, story.room);
    let mut state = RoomState::new(story.stay, rules);
    if story.repaired {
        state.statuses.add(StatusChange {
            at: story.stay.time().plus(1),
            status: RoomStatus::OutOfOrder { until: None },
        });
    }
    let last = at("10 14:00").plus(-3_600 * story.hours_silent);
    let mut register = 100_000;
    let mut readings = vec![Reading {
        time: last.plus(-1_800 * story.used.len() as i64),
        register: WattHours(register),
    }];
    for (nth, wh) in story.used.iter().enumerate() {
        register += wh;
        readings.push(Reading {
            time: last.plus(-1_800 * (story.used.len() - 1 - nth) as i64),
            register: WattHours(register),
        });
    }
    (key.clone(), observe(&key, &state, &readings, rules).state)
}

pub fn pages(stories: &[Story<'_>]) -> Pages {
    let rules = Rules::default();
    let rooms = Rooms::default();
    rooms.adopt(stories.iter().map(|story| state(story, &rules)));
    rooms.set_last_sweep(LastSweep {
        began: at("10 14:05"),
        listening_since: at("08 00:00"),
    });
    let names = [
        ("H001".into(), "滨江店".into()),
        ("H002".into(), "Riverside".into()),
    ];
    let names: [(String, String); 2] = names;
    let names = names.map(|(id, name)| (roomwatt::types::HotelId::new(&id), name));
    Pages {
        rooms: Arc::new(rooms),
        rules: Arc::new(rules),
        clock: Arc::new(Fixed),
        cards: Cards {
            language: Language::Zh,
            hotel_names: Arc::new(names.into()),
            price_per_kwh: None,
        },
        sweep_seconds: 300,
    }
}

/// A hotel in which all kinds of things go on, and another one that is quiet.
pub fn two_hotels() -> Pages {
    let quiet = [60, 70, 50, 60, 60, 80, 60, 50, 60, 70, 60, 60];
    let heater = [
        60, 60, 60, 2_300, 2_400, 2_400, 2_350, 2_400, 2_400, 2_380, 2_400, 2_410,
    ];
    let begins = [60, 50, 60, 60, 70, 60, 50, 60, 60, 60, 1_900, 2_100];
    let guest = [
        200, 900, 1_200, 700, 400, 100, 80, 300, 600, 900, 1_100, 500,
    ];
    let mut stories = vec![
        story("H001", "0604", vacant("10 08:00"), &heater),
        story("H001", "0805", vacant("09 11:30"), &heater[..10]),
        story("H001", "1201", vacant("10 07:30"), &begins),
        story("H001", "0302", occupied("08 15:00", "10 12:00"), &guest),
        Story {
            hours_silent: 5,
            ..story("H001", "0711", vacant("09 10:00"), &quiet)
        },
        Story {
            repaired: true,
            ..story("H001", "0909", vacant("08 10:00"), &quiet)
        },
        story("H002", "101", occupied("09 15:00", "12 12:00"), &guest),
        story("H002", "102", vacant("09 12:00"), &quiet),
    ];
    let numbers: Vec<String> = (3..13)
        .flat_map(|floor| (1..13).map(move |room| format!("{floor:02}{room:02}")))
        .filter(|number| !stories.iter().any(|story| story.room == number))
        .collect();
    for (nth, number) in numbers.iter().enumerate() {
        let stay = match nth % 3 {
            0 => vacant("10 09:15"),
            _ => occupied("09 18:20", "11 12:00"),
        };
        let used = if nth % 3 == 0 { &quiet } else { &guest };
        stories.push(story("H001", number, stay, used));
    }
    pages(&stories)
}

pub fn viewer(language: Language) -> Viewer {
    Viewer {
        name: LOCAL.to_owned(),
        hotels: Hotels::All,
        may_act: true,
        language,
        form_token: None,
    }
}

pub fn ask(pages: &Pages, path: &str, viewer: &Viewer) -> Response<Vec<u8>> {
    let request = Request::builder().uri(path).body(()).expect("a request");
    pages.respond(&request, viewer)
}

/// A page that is there.
pub fn shown(pages: &Pages, path: &str, viewer: &Viewer) -> String {
    let response = ask(pages, path, viewer);
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    String::from_utf8(response.into_body()).expect("UTF-8")
}
