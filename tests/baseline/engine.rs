//! The engine against the oracle: each interval of each room, however the hotel is swept.

use std::collections::BTreeMap;

use fastrand::Rng;
use roomwatt::engine::baseline::{
    Evaluation, Finding, Frames, HotelMemory, Item, Judged, Verdict, evaluate,
};
use roomwatt::engine::{
    BaselineMode, BaselineRules, Change, Closing, HotelNotice, HotelNoticeKind, RoomNotice,
    RoomState, Rule, Rules, Stay,
};
use roomwatt::store::room::{self, Row};
use roomwatt::types::{HotelId, LocalTime, RoomKey, RoomNumber, WattHours};

use crate::oracle::{self, Event, Hotel, Kind, Working};
use crate::random;

fn rules_of(rules: &oracle::Rules) -> Rules {
    Rules {
        interval_seconds: rules.interval_seconds,
        baseline: BaselineRules {
            mode: BaselineMode::On,
            allowance: WattHours(rules.allowance_wh),
            alarm: WattHours(rules.alarm_wh),
        },
        ..Rules::default()
    }
}

/// A hotel as the service keeps it.
pub struct Played {
    hotel: HotelId,
    rules: Rules,
    rooms: BTreeMap<RoomKey, RoomState>,
    memory: HotelMemory,
    /// Of each room, in order.
    shown: BTreeMap<RoomNumber, Vec<(Judged, Verdict)>>,
    notices: BTreeMap<RoomNumber, Vec<RoomNotice>>,
    hotel_notices: Vec<HotelNotice>,
}

fn stay(kind: Kind, time: LocalTime) -> Stay {
    match kind {
        Kind::Occupied => Stay::Occupied {
            check_in: time,
            expected_checkout: None,
        },
        Kind::Vacant => Stay::Vacant {
            actual_checkin: None,
            actual_checkout: time,
        },
    }
}

impl Played {
    fn new(rules: &oracle::Rules) -> Played {
        Played {
            hotel: HotelId::new("H1"),
            rules: rules_of(rules),
            rooms: BTreeMap::new(),
            memory: HotelMemory::default(),
            shown: BTreeMap::new(),
            notices: BTreeMap::new(),
            hotel_notices: Vec::new(),
        }
    }

    /// What judging a room has found, as the state gets it.
    fn add(&mut self, number: &RoomNumber, event: &Event, last: Option<LocalTime>) {
        let key = RoomKey::new(self.hotel.as_str(), number.as_str());
        let rules = &self.rules;
        match event {
            Event::Interval(interval) => {
                let stay = stay(interval.kind, interval.stay_time);
                let watches = u32::try_from(interval.watch).expect("a small number") + 1;
                let state = self.rooms.entry(key).or_insert_with(|| RoomState {
                    watches,
                    ..RoomState::new(stay, rules)
                });
                if state.watches != watches {
                    let ended = (state.watches, state.watch.stay);
                    let baseline = std::mem::take(&mut state.baseline);
                    *state = RoomState {
                        watches,
                        baseline,
                        ..RoomState::new(stay, rules)
                    };
                    state.baseline.begin_watch(ended, &stay, rules);
                }
                let settled = interval.opened.since(interval.stay_time) >= 5_400;
                let judged = Judged {
                    kind: stay.kind(),
                    opened: interval.opened,
                    ended: interval.ended,
                    periods: interval.periods,
                    energy: interval.energy,
                    is_fine: interval.fine,
                    is_settled: settled,
                };
                state.baseline.add(Item::Interval(judged), rules);
            }
            other => {
                // Before the first interval nothing can be broken.
                let Some(state) = self.rooms.get_mut(&key) else {
                    return;
                };
                let at = last.expect("an interval came before");
                let why = Closing::Gap;
                let item = match other {
                    Event::Break => Item::Broken { at, why },
                    _ => Item::AcrossStay,
                };
                state.baseline.add(item, rules);
            }
        }
    }

    /// A sweep evaluates what is pending. The frames are derived anew, from states that have been
    /// written and read.
    fn sweep(&mut self) {
        let mut frames = Frames::default();
        for (key, state) in &mut self.rooms {
            let row = Row::of(state).expect("JSON");
            let read = room::read(key, room::VERSION, &row.state).expect("a row of our own");
            assert_eq!(read, *state);
            *state = read;
            frames.add(state.baseline.contributions());
        }
        let mut changes: Vec<Vec<Change>> = self.rooms.iter().map(|_| Vec::new()).collect();
        let keys: Vec<RoomKey> = self.rooms.keys().cloned().collect();
        let mut evaluations: Vec<Evaluation> = (self.rooms.iter_mut().zip(&mut changes))
            .map(|((room, state), changes)| Evaluation {
                room,
                state,
                changes,
            })
            .collect();
        let shown = &mut self.shown;
        let notices = evaluate(
            &self.hotel,
            &mut frames,
            &mut self.memory,
            &mut evaluations,
            &self.rules,
            |place, judged, verdict| {
                let room = keys[place].room_number.clone();
                shown.entry(room).or_default().push((*judged, *verdict));
            },
        );
        self.hotel_notices.extend(notices);
        for change in changes.into_iter().flatten() {
            let Change::Notice(notice) = change else {
                panic!("{change:?}")
            };
            let room = notice.room.room_number.clone();
            self.notices.entry(room).or_default().push(notice);
        }
    }
}

/// Plays a hotel with a sweep at each of these times, and one at the end.
pub fn play(rules: &oracle::Rules, hotel: &Hotel, sweeps: &[LocalTime]) -> Played {
    let mut played = Played::new(rules);
    let mut left: Vec<(&RoomNumber, &[Event], Option<LocalTime>)> = { hotel.rooms.iter() }
        .map(|(room, events)| (room, &events[..], None))
        .collect();
    for until in sweeps.iter().copied().chain([LocalTime::LAST]) {
        for (room, events, last) in &mut left {
            while let [first, rest @ ..] = events {
                let time = match first {
                    Event::Interval(interval) => interval.ended,
                    _ => last.unwrap_or(LocalTime::FIRST),
                };
                if time > until {
                    break;
                }
                played.add(room, first, *last);
                if let Event::Interval(interval) = first {
                    *last = Some(interval.ended);
                }
                *events = rest;
            }
        }
        played.sweep();
    }
    played
}

/// Compares what was found of each interval with the oracle's working.
pub fn compare(evaluation: &oracle::Evaluation, played: &Played) {
    let mut expected: BTreeMap<&RoomNumber, Vec<&Working>> = BTreeMap::new();
    for working in &evaluation.workings {
        expected.entry(&working.room).or_default().push(working);
    }
    assert_eq!(expected.len(), played.shown.len(), "rooms");
    for (room, workings) in expected {
        let shown = &played.shown[room];
        assert_eq!(workings.len(), shown.len(), "{room}");
        for (working, (judged, verdict)) in workings.iter().zip(shown) {
            let at = || format!("room {room}, {}: {working:#?}", judged.ended);
            assert_eq!(working.ended, judged.ended, "{}", at());
            assert_eq!(working.x, verdict.used, "{}", at());
            assert_eq!(working.hot, verdict.peers.is_hot, "{}", at());
            assert_eq!(working.others.len(), verdict.peers.others, "{}", at());
            assert_eq!(
                working.common_excess,
                i64::from(verdict.peers.common),
                "{}",
                at()
            );
            assert_eq!(
                working.hotel_base,
                i64::from(verdict.peers.base),
                "{}",
                at()
            );
            assert_eq!(
                working.vacant_floor,
                verdict.vacant_floor.map(i64::from),
                "{}",
                at()
            );
            assert_eq!(
                working.occupied_floor,
                verdict.occupied_floor.map(i64::from),
                "{}",
                at()
            );
            assert_eq!(working.base, verdict.base, "{}", at());
            match verdict.kind {
                Finding::Vacant {
                    tolerance,
                    step,
                    before,
                    account,
                    alarm,
                    periods,
                    alerted_at_periods,
                    held_until,
                    ..
                } => {
                    let expected = working.account.as_ref().expect("a vacant room");
                    assert_eq!(expected.allowed, tolerance, "{}", at());
                    assert_eq!(expected.step, step, "{}", at());
                    assert_eq!(expected.after.excess, account, "{}", at());
                    assert_eq!(expected.held, held_until.is_some(), "{}", at());
                    let most = if judged.is_fine { alarm + 700 } else { 3_700 };
                    let added = (before + step).clamp(0, most);
                    assert!(account == added || account == 0, "{before}: {}", at());
                    let after = &expected.after;
                    let kept = (after.excess > 0).then_some((after.periods, after.told));
                    let told = (alerted_at_periods > 0).then_some(alerted_at_periods.into());
                    let found = (account > 0).then_some((periods.into(), told));
                    assert_eq!(kept, found, "{}", at());
                }
                Finding::Occupied {
                    least,
                    level,
                    limit,
                    is_alerted,
                } => {
                    let expected = working.level.as_ref().expect("an occupied room");
                    assert_eq!(expected.least, least.map(i64::from), "{}", at());
                    assert_eq!(expected.limit, level.zip(limit), "{}", at());
                    assert_eq!(expected.told, is_alerted, "{}", at());
                }
            }
            let event = verdict.event.map(|event| format!("{:?}", event.kind));
            let notice = working.notice.as_ref();
            assert_eq!(
                notice.map(|notice| format!("{:?}", notice.kind)),
                event,
                "{}",
                at()
            );
            if let (Some(notice), Some(event)) = (notice, verdict.event)
                && notice.kind != oracle::NoticeKind::Recovered
            {
                let found = (event.since, i64::from(event.periods), event.energy);
                assert_eq!(
                    (notice.since, notice.periods, notice.energy),
                    found,
                    "{}",
                    at()
                );
            }
        }
        notices_follow(room, played);
    }
    let found: Vec<_> = played.hotel_notices.iter().map(of_hotel).collect();
    let expected: Vec<_> = { evaluation.hotel_notices.iter() }
        .map(|notice| {
            let begin = notice.frame * played.rules.interval_seconds;
            let begin = LocalTime::from_seconds(begin).expect("a time");
            let (rise, level) = match notice.kind {
                oracle::HotelNoticeKind::CommonRise { rose, vacant } => {
                    (Some((rose, vacant)), None)
                }
                oracle::HotelNoticeKind::CommonLevel { level, vacant } => {
                    (None, Some((level, vacant)))
                }
            };
            (begin, rise, level)
        })
        .collect();
    assert_eq!(found, expected);
}

type OfHotel = (LocalTime, Option<(usize, usize)>, Option<(i64, usize)>);

fn of_hotel(notice: &HotelNotice) -> OfHotel {
    let vacant = notice.vacant as usize;
    let (rise, level) = match notice.kind {
        HotelNoticeKind::Rise => (Some((notice.rose as usize, vacant)), None),
        HotelNoticeKind::Level => (None, Some((notice.common.0, vacant))),
    };
    // By the frame that shows it.
    let frame = notice.detected.plus(-notice.interval_seconds);
    (frame, rise, level)
}

/// Each alert is a notice, and each that was notified has one end, or goes on.
fn notices_follow(room: &RoomNumber, played: &Played) {
    let none = Vec::new();
    let notices = played.notices.get(room).unwrap_or(&none);
    let alerts = played.shown[room]
        .iter()
        .filter_map(|(_, verdict)| verdict.event);
    let alerts = alerts.filter(|event| format!("{:?}", event.kind) == "Alert");
    let mut open: Option<&RoomNotice> = None;
    let mut notified = 0;
    for notice in notices {
        assert_eq!(notice.rule, Rule::Baseline);
        match notice.kind.as_str() {
            "alert" => {
                assert!(open.is_none(), "{room}: {notice:?} while {open:?}");
                open = Some(notice);
                notified += 1;
            }
            "reminder" => assert_eq!(open.map(RoomNotice::run), Some(notice.run())),
            _ => {
                let began = open.take();
                assert_eq!(began.map(RoomNotice::run), Some(notice.run()));
                assert!(notice.until.is_some_and(|until| until <= notice.detected));
            }
        }
    }
    assert_eq!(notified, alerts.count(), "{room}");
    let key = RoomKey::new(played.hotel.as_str(), room.as_str());
    let goes_on = played.rooms[&key].notified_run(&key);
    assert_eq!(open.map(RoomNotice::run), goes_on, "{room}");
}

#[test]
fn the_engine_finds_what_the_oracle_finds_interval_for_interval() {
    for seed in 0..100 {
        println!("seed {seed}");
        let (rules, hotel) = random::case(seed);
        crate::evaluate(&rules, &hotel);
    }
}

#[test]
fn the_result_does_not_depend_on_sweeps_nor_restarts() {
    for seed in 100..140 {
        println!("seed {seed}");
        let (rules, hotel) = random::case(seed);
        let mut dice = Rng::with_seed(seed);
        let times = hotel.rooms.values().flatten();
        let times = times.filter_map(|event| match event {
            Event::Interval(interval) => Some(interval.ended),
            _ => None,
        });
        let mut times: Vec<LocalTime> = times.collect();
        times.sort_unstable();
        let count = dice.usize(1..30);
        let mut sweeps: Vec<LocalTime> = (0..count)
            .map(|_| times[dice.usize(..times.len())].plus(dice.i64(-60..60)))
            .collect();
        sweeps.sort_unstable();
        let swept = play(&rules, &hotel, &sweeps);
        compare(&oracle::evaluate(&rules, &hotel), &swept);
        let at_once = play(&rules, &hotel, &[]);
        assert_eq!(swept.notices, at_once.notices);
        assert_eq!(swept.rooms, at_once.rooms);
    }
}

/// A chain has 1.5 million rooms.
#[test]
fn what_is_remembered_of_a_room_is_small() {
    let bytes = std::mem::size_of::<roomwatt::engine::Baseline>();
    assert!(bytes <= 144, "{bytes}");
}
