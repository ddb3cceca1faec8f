//! A hotel as the service has it in memory, and its pages.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use roomwatt::clock::Clock;
use roomwatt::config::{Cards, Config, Language};
use roomwatt::engine::baseline::FrameSummary;
use roomwatt::engine::{
    BaselineMode, Change, Closing, DayEnergy, HotelState, MeterCheck, Notice, NoticeKind, Opening,
    RoomNotice, RoomState, RoomStatus, Rule, Rules, RunStart, StatusChange, Stay, observe,
};
use roomwatt::page::{Archives, Pages};
use roomwatt::rooms::{LastSweep, Rooms};
use roomwatt::store::{Database, KeptFrame, Plan, Position};
use roomwatt::types::{HotelId, LocalTime, Reading, RoomKey, WattHours};

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

/// What its meter has sent.
fn readings(story: &Story<'_>) -> Vec<Reading> {
    let last = at("10 14:00").plus(-3_600 * story.hours_silent);
    let mut register = 100_000;
    let used = std::iter::once(&0).chain(story.used);
    used.enumerate()
        .map(|(nth, wh)| {
            register += wh;
            Reading {
                time: last.plus(1_800 * (nth as i64 - story.used.len() as i64)),
                register: WattHours(register),
            }
        })
        .collect()
}

/// The state that the service has of it.
pub fn state(story: &Story<'_>, rules: &Rules) -> (RoomKey, RoomState) {
    let (key, state, _) = judged(story, rules);
    (key, state)
}

/// The state that the service has of it, and the notices that it has recorded.
fn judged(story: &Story<'_>, rules: &Rules) -> (RoomKey, RoomState, Vec<Notice>) {
    let key = RoomKey::new(story.hotel, story.room);
    let mut state = RoomState::new(story.stay, rules);
    if story.repaired {
        state.statuses.add(StatusChange {
            at: story.stay.time().plus(1),
            status: RoomStatus::OutOfOrder { until: None },
        });
    }
    let judged = observe(&key, &state, &readings(story), rules);
    let notices = judged
        .changes
        .into_iter()
        .filter_map(|change| match change {
            Change::Notice(notice) => Some(Notice::Room(notice)),
            _ => None,
        });
    (key, judged.state, notices.collect())
}

/// An empty embedded database, in a file of its own.
fn database() -> Database {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let nth = FILES.fetch_add(1, Ordering::Relaxed);
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("pages-{nth}.db"));
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    let setting = format!("embedded.path={}", path.display())
        .parse()
        .expect("a setting");
    let config = Config::of_settings(&[setting]).expect("a configuration");
    let database = Database::of(&config);
    database.init(&|_| {}).expect("tables");
    database
}

pub fn pages(stories: &[Story<'_>]) -> Pages {
    pages_with(stories, &[(at("01 00:00"), 1_500)], &[])
}

/// With thresholds of vacant rooms in Wh since these times, and more notices that were recorded.
pub fn pages_with(
    stories: &[Story<'_>],
    thresholds: &[(LocalTime, i64)],
    more: &[Notice],
) -> Pages {
    let mut rules = Rules::default();
    let rooms = Rooms::default();
    rooms.adopt(stories.iter().map(|story| state(story, &rules)));
    let mut notices: Vec<Notice> = match more {
        [] => { stories.iter() }
            .flat_map(|story| judged(story, &rules).2)
            .collect(),
        _ => Vec::new(),
    };
    notices.extend(more.iter().cloned());
    let used = [
        ("H001", at("10 14:00"), 123_456),
        ("H002", at("10 00:00"), 5_000),
    ];
    for (hotel, ended, wh) in used {
        let state = HotelState {
            energy: DayEnergy::of_interval(ended, WattHours(wh)),
            ..HotelState::default()
        };
        rooms.set_hotel(HotelId::new(hotel), state);
    }
    let (began, listening_since) = (at("10 14:05"), at("08 00:00"));
    rooms.begin_sweep(Position::Id(0));
    rooms.set_last_sweep(LastSweep {
        began,
        listening_since,
    });
    let check = MeterCheck {
        now: began,
        listening_since,
        silent_after: rules.silent_after_seconds,
    };
    rooms.set_counted(began, rooms.check_meters(&check, &rules).rooms);
    let names = [
        ("H001".into(), "滨江店".into()),
        ("H002".into(), "Riverside".into()),
    ];
    let names: [(String, String); 2] = names;
    let names = names.map(|(id, name)| (HotelId::new(&id), name));
    let database = database();
    let writer = database.meter_writer().expect("an embedded one");
    for story in stories {
        let key = RoomKey::new(story.hotel, story.room);
        let rows = readings(story).into_iter();
        writer
            .add(&mut rows.map(|reading| (key.clone(), reading)))
            .expect("written");
    }
    let mut store = database.store();
    store.take_over().expect("it is free");
    let openings = stories.iter().flat_map(|story| {
        let key = RoomKey::new(story.hotel, story.room);
        let stays = [
            occupied("07 15:00", "08 12:00"),
            vacant("08 09:00"),
            story.stay,
        ];
        stays.map(|stay| {
            (
                key.clone(),
                Opening {
                    stay,
                    initial: None,
                },
            )
        })
    });
    let hotels: BTreeSet<&str> = stories.iter().map(|story| story.hotel).collect();
    let frames = hotels.iter().flat_map(|hotel| {
        (0..9).map(|nth| KeptFrame {
            hotel: HotelId::new(hotel),
            began: at("10 09:30").plus(nth * 1_800),
            interval_seconds: 1_800,
            summary: FrameSummary {
                vacant: 5,
                common: if nth < 4 { 0 } else { 100 },
                low: if nth < 4 { 0 } else { 100 },
                high: if nth < 4 { 0 } else { 100 },
                is_hot: false,
                base: 60,
                level: None,
            },
            allowance: 100,
        })
    });
    let frames = frames.collect();
    let plan = Plan {
        openings: openings.collect(),
        notices,
        frames,
        ..Plan::default()
    };
    store.commit(&plan).expect("written");
    for (since, checkout) in thresholds {
        rules.thresholds.checkout = WattHours(*checkout);
        let recorded = store.record_thresholds(&rules, *since);
        recorded.expect("written");
    }
    Pages {
        archives: Archives::new(&*database.reader()),
        rooms: Arc::new(rooms),
        rules: Arc::new(rules),
        clock: Arc::new(Fixed),
        cards: Cards {
            language: Language::Zh,
            hotel_names: Arc::new(names.into()),
            price_per_kwh: None,
        },
        sweep_seconds: 300,
        keep_days: 30,
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
    let months: Vec<i64> = (0..108)
        .map(|nth| match nth % 48 {
            10..14 => 1_700 + 31 * (nth % 7),
            _ => 60 + 13 * (nth % 5),
        })
        .collect();
    let mut stories = vec![
        story("H001", "0604", vacant("10 08:00"), &heater),
        story("H001", "0805", vacant("09 11:30"), &heater[..10]),
        story("H001", "1003", vacant("08 08:00"), &months),
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

/// A notice of room 101 of hotel H1, which has been vacant since 08:00.
fn notice(kind: NoticeKind, rule: Rule, incident: Option<RunStart>, detected: &str) -> Notice {
    Notice::Room(RoomNotice {
        kind,
        room: RoomKey::new("H1", "101"),
        watch: 1,
        rule,
        incident,
        stay: vacant("10 08:00"),
        detected: at(detected),
        since: at("10 08:00"),
        until: None,
        periods: 4,
        energy: WattHours(1_234),
        threshold: WattHours(300),
        unusual: None,
        interval_seconds: 1_800,
        before: Vec::new(),
        history: Vec::new(),
        handling: None,
    })
}

/// A room of which much was recorded: another threshold, and notices of both rules at other times
/// than today's rules would send them.
pub fn eventful() -> Pages {
    let used = [400, 420, 390, 410, 400, 380, 260, 250, 40, 30, 410, 420];
    let stories = [story("H1", "101", vacant("10 08:00"), &used)];
    let fixed = RunStart {
        rule: Rule::Fixed,
        since: at("10 08:00"),
    };
    let recorded = [
        notice(NoticeKind::Alert, Rule::Fixed, None, "10 09:30"),
        notice(NoticeKind::Reminder, Rule::Fixed, None, "10 11:00"),
        notice(NoticeKind::Alert, Rule::Baseline, Some(fixed), "10 11:30"),
        notice(NoticeKind::Recovered, Rule::Baseline, None, "10 12:30"),
        notice(
            NoticeKind::Closed(Closing::Gap),
            Rule::Fixed,
            None,
            "10 13:00",
        ),
    ];
    let thresholds = [(at("10 08:40"), 300), (at("10 12:10"), 350)];
    let pages = pages_with(&stories, &thresholds, &recorded);
    let mut rules = (*pages.rules).clone();
    rules.baseline.mode = BaselineMode::Shadow;
    Pages {
        rules: Arc::new(rules),
        ..pages
    }
}
