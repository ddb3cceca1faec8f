use super::*;
use crate::engine::{
    Closing, HotelNotice, HotelNoticeKind, MeterNotice, MeterNoticeKind, NoticeKind, Rule, Stay,
};
use crate::notify::story::Status;
use crate::types::{Kind, LocalTime, RoomKey, WattHours};

const WAIT: Duration = Duration::from_secs(30);
const MAX_AGE: Duration = Duration::from_secs(86_400);

fn at(minutes: i64) -> LocalTime {
    let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
    noon.plus(minutes * 60)
}

/// A notice of a run that began at noon and has used `wh`.
fn notice(kind: NoticeKind, room: &str, periods: u32, wh: i64) -> Notice {
    Notice::Room(RoomNotice {
        kind,
        room: RoomKey::new("H1", room),
        watch: 1,
        rule: Rule::Fixed,
        stay: Stay::Vacant {
            actual_checkin: None,
            actual_checkout: at(0),
        },
        detected: at(30 * i64::from(periods)),
        since: at(0),
        until: None,
        periods,
        energy: WattHours(wh),
        threshold: WattHours(1_500),
        unusual: None,
        incident: None,
        interval_seconds: 1_800,
        before: Vec::new(),
        history: Vec::new(),
        handling: None,
    })
}

fn alert(room: &str) -> Notice {
    notice(NoticeKind::Alert, room, 4, 8_000)
}

fn of_hotel(hotel: &str, notice: Notice) -> Notice {
    match notice {
        Notice::Room(mut notice) => {
            notice.room.hotel_id = HotelId::new(hotel);
            Notice::Room(notice)
        }
        Notice::Meters(notice) => Notice::Meters(MeterNotice {
            hotel_id: HotelId::new(hotel),
            ..notice
        }),
        Notice::Hotel(notice) => Notice::Hotel(HotelNotice {
            hotel_id: HotelId::new(hotel),
            ..notice
        }),
    }
}

fn in_common(kind: HotelNoticeKind) -> Notice {
    Notice::Hotel(HotelNotice {
        kind,
        hotel_id: HotelId::new("H1"),
        detected: at(0),
        since: at(-60),
        rose: 3,
        vacant: 5,
        common: WattHours(250),
        tolerated: WattHours(375),
        high: 3,
        high_from: WattHours(200),
        total: WattHours(750),
        interval_seconds: 1_800,
    })
}

fn meters(kind: MeterNoticeKind) -> Notice {
    Notice::Meters(MeterNotice {
        kind,
        hotel_id: HotelId::new("H1"),
        detected: at(0),
        since: None,
        silent: 5,
        watched: 5,
        rooms: Vec::new(),
        handling: None,
    })
}

/// With these notices, numbered from 1, each recorded just now.
fn waiting(now: Instant, notices: impl IntoIterator<Item = Notice>) -> Waiting {
    let mut waiting = Waiting::default();
    for (id, notice) in (1..).zip(notices) {
        waiting.add(id, notice, Duration::ZERO, now, WAIT, MAX_AGE);
    }
    waiting
}

/// State and ids of each story.
fn stories(waiting: &Waiting, goes_on: bool) -> Vec<(Status, Vec<u64>)> {
    let hotel = HotelId::new("H1");
    let ended = waiting.ended(&hotel, |_| !goes_on);
    let bundle = waiting.bundle(&hotel, &ended);
    let stories = bundle.expect("there is something").stories.into_iter();
    stories
        .map(|story| {
            (
                story.status,
                story.notices.iter().map(|(id, _)| *id).collect(),
            )
        })
        .collect()
}

#[test]
fn notices_of_a_hotel_wait_for_each_other_from_when_they_were_recorded() {
    let now = Instant::now();
    let mut waiting = Waiting::default();
    assert_eq!(waiting.due(now), Due::Never);
    let second = Duration::from_secs(1);
    waiting.add(1, alert("101"), 10 * second, now, WAIT, MAX_AGE);
    assert_eq!(waiting.due(now), Due::At(now + 20 * second));
    waiting.add(2, alert("102"), Duration::ZERO, now, WAIT, MAX_AGE);
    assert_eq!(waiting.due(now), Due::At(now + 20 * second));
    let hotel = Due::Of(HotelId::new("H1"));
    assert_eq!(waiting.due(now + 20 * second), hotel);
    assert_eq!(stories(&waiting, true).len(), 2, "the second need not wait");
    waiting.add(3, alert("103"), 40 * second, now, WAIT, MAX_AGE);
    assert_eq!(waiting.due(now), hotel, "it has waited before");
}

#[test]
fn the_notices_of_a_run_are_one_story() {
    let now = Instant::now();
    let reminder = || notice(NoticeKind::Reminder, "101", 8, 16_000);
    let recovered = || notice(NoticeKind::Recovered, "101", 8, 16_000);
    let closed = |why| notice(NoticeKind::Closed(why), "101", 8, 16_000);
    let gap = || closed(Closing::Gap);
    let (kind, at) = (Kind::Checkin, at(300));
    let guest = || closed(Closing::NewStay { kind, at });
    let repair = || closed(Closing::OutOfOrder { at });
    for (notices, goes_on, state) in [
        (vec![alert("101")], true, Status::Alert),
        (vec![alert("101")], false, Status::Unclear),
        (vec![alert("101"), reminder()], true, Status::Alert),
        (vec![alert("101"), reminder()], false, Status::Unclear),
        (vec![reminder()], true, Status::Reminder),
        (vec![reminder()], false, Status::Unclear),
        (vec![alert("101"), recovered()], false, Status::Ended),
        (vec![reminder(), recovered()], false, Status::Recovered),
        (vec![recovered()], false, Status::Recovered),
        (vec![alert("101"), gap()], false, Status::Closed),
        (vec![gap()], false, Status::Closed),
        (
            vec![alert("101"), reminder(), guest()],
            false,
            Status::NewStay,
        ),
        (vec![alert("101"), repair()], false, Status::NewStay),
        (vec![meters(MeterNoticeKind::Silent)], true, Status::Silent),
        (vec![meters(MeterNoticeKind::Silent)], false, Status::Ended),
        (
            vec![
                meters(MeterNoticeKind::Silent),
                meters(MeterNoticeKind::Reporting),
            ],
            false,
            Status::Reporting,
        ),
        (vec![meters(MeterNoticeKind::Frozen)], true, Status::Frozen),
        (
            vec![
                meters(MeterNoticeKind::Frozen),
                meters(MeterNoticeKind::Moving),
            ],
            false,
            Status::Moving,
        ),
        (vec![in_common(HotelNoticeKind::Rise)], true, Status::Rise),
        // The last of two days says all.
        (
            vec![
                in_common(HotelNoticeKind::Level),
                in_common(HotelNoticeKind::Level),
            ],
            false,
            Status::Level,
        ),
    ] {
        let ids: Vec<u64> = (1..).take(notices.len()).collect();
        let waiting = waiting(now, notices);
        assert_eq!(stories(&waiting, goes_on), [(state, ids)]);
    }
}

#[test]
fn other_runs_rooms_and_stays_are_stories_of_their_own_the_worst_first() {
    let now = Instant::now();
    let mut next_run = alert("101");
    let mut next_stay = alert("101");
    if let (Notice::Room(run), Notice::Room(stay)) = (&mut next_run, &mut next_stay) {
        run.since = at(20);
        stay.watch = 2;
    }
    let waiting = waiting(
        now,
        [
            notice(NoticeKind::Recovered, "104", 4, 99_000),
            alert("101"),
            next_run,
            notice(NoticeKind::Alert, "102", 4, 9_000),
            next_stay,
            meters(MeterNoticeKind::Silent),
            of_hotel("H2", alert("101")),
        ],
    );
    // The second run used as much in less time.
    assert_eq!(
        stories(&waiting, true),
        [
            (Status::Alert, vec![3]),
            (Status::Alert, vec![4]),
            (Status::Alert, vec![2]),
            (Status::Alert, vec![5]),
            (Status::Silent, vec![6]),
            (Status::Recovered, vec![1]),
        ]
    );
}

/// Notices of room 101, changed to watches with these numbers and beginnings of their stays.
fn of_watches(notices: [(Notice, u32, i64); 2]) -> [Notice; 2] {
    notices.map(|(mut notice, number, begin)| {
        if let Notice::Room(notice) = &mut notice {
            notice.watch = number;
            notice.stay = Stay::Vacant {
                actual_checkin: None,
                actual_checkout: at(begin),
            };
        }
        notice
    })
}

#[test]
fn notices_are_joined_by_the_watchs_number_or_those_of_0_1_by_its_stay() {
    let (now, ended) = (Instant::now(), (Status::Ended, vec![1, 2]));
    let apart = [(Status::Unclear, vec![1]), (Status::Recovered, vec![2])];
    let recovered = || notice(NoticeKind::Recovered, "101", 4, 8_000);
    for (alert_of, recovered_of, expected) in [
        ((3, 0), (3, 0), vec![ended.clone()]),
        // The beginning of the stay was corrected.
        ((3, 0), (3, -20), vec![ended.clone()]),
        ((2, 0), (3, 0), apart.to_vec()),
        // The alert was written by 0.1, whose watch still was the room's when it recovered.
        ((0, 0), (0, 0), vec![ended]),
        ((0, -20), (0, 0), apart.to_vec()),
        ((0, 0), (1, 0), apart.to_vec()),
    ] {
        let alert = (alert("101"), alert_of.0, alert_of.1);
        let recovered = (recovered(), recovered_of.0, recovered_of.1);
        let waiting = waiting(now, of_watches([alert, recovered]));
        let are = format!("{alert_of:?} {recovered_of:?}");
        assert_eq!(stories(&waiting, false), expected, "{are}");
    }
}

#[test]
fn a_held_notice_is_neither_sent_nor_expired() {
    let now = Instant::now();
    let recovered = notice(NoticeKind::Recovered, "101", 4, 8_000);
    let mut waiting = waiting(now, [recovered, meters(MeterNoticeKind::Frozen)]);
    let is_recovery = |notice: &Notice| notice.kind() == "recovered";
    let later = now + 2 * MAX_AGE;
    waiting.hold(later, MAX_AGE, is_recovery);
    assert_eq!(stories(&waiting, true), [(Status::Frozen, vec![2])]);
    assert_eq!(waiting.expired(later), [2]);
    waiting.remove([2]);
    assert_eq!(waiting.due(later), Due::Never);
    waiting.hold(later, MAX_AGE, |_| false);
    assert_eq!(waiting.expired(later), [0; 0]);
    assert_eq!(waiting.due(later), Due::Of(HotelId::new("H1")));
    assert_eq!(stories(&waiting, true), [(Status::Recovered, vec![1])]);
}

#[test]
fn an_alert_whose_recovery_is_held_counts_as_going_on() {
    let now = Instant::now();
    let recovered = notice(NoticeKind::Recovered, "101", 4, 8_000);
    let mut waiting = waiting(now, [alert("101"), alert("102"), recovered]);
    waiting.hold(now, MAX_AGE, |notice| notice.kind() == "recovered");
    assert_eq!(waiting.len(), 2);
    let (alert, unclear) = ((Status::Alert, vec![1]), (Status::Unclear, vec![2]));
    assert_eq!(stories(&waiting, false), [alert, unclear.clone()]);
    waiting.hold(now, MAX_AGE, |_| false);
    let ended = (Status::Ended, vec![1, 3]);
    assert_eq!(stories(&waiting, false), [unclear, ended]);
}

#[test]
fn a_hotel_that_fails_lets_the_others_go_first() {
    let now = Instant::now();
    let mut waiting = Waiting::default();
    for (id, hotel) in (1..).zip(["H1", "H2", "H3"]) {
        let age = WAIT - Duration::from_secs(id);
        waiting.add(id, of_hotel(hotel, alert("101")), age, now, WAIT, MAX_AGE);
    }
    let later = now + WAIT;
    let mut turns = Vec::new();
    for _ in 0..7 {
        let Due::Of(hotel) = waiting.due(later) else {
            panic!("all are due");
        };
        turns.push(hotel.to_string());
        waiting.failed(hotel);
    }
    assert_eq!(turns, ["H1", "H2", "H3", "H1", "H2", "H3", "H1"]);
    waiting.succeeded(&HotelId::new("H3"));
    assert_eq!(waiting.due(later), Due::Of(HotelId::new("H3")));
}

#[test]
fn an_old_notice_expires_unless_its_run_has_a_newer_one() {
    let now = Instant::now();
    let hour = Duration::from_secs(3_600);
    let mut waiting = Waiting::default();
    let reminder = notice(NoticeKind::Reminder, "101", 8, 16_000);
    waiting.add(1, alert("101"), 23 * hour, now, WAIT, MAX_AGE);
    waiting.add(2, alert("102"), 23 * hour, now, WAIT, MAX_AGE);
    waiting.add(3, reminder, 20 * hour, now, WAIT, MAX_AGE);
    waiting.add(4, alert("103"), 30 * hour, now, WAIT, MAX_AGE);
    assert_eq!(waiting.expired(now), [4]);
    assert_eq!(waiting.expired(now + hour), [2, 4]);
    assert_eq!(waiting.expired(now + 4 * hour), [1, 2, 3, 4]);
    waiting.remove([4]);
    assert_eq!(waiting.expired(now), [0; 0]);
}

#[test]
fn a_refused_notice_is_sent_as_text_then_alone_then_not_at_all() {
    let now = Instant::now();
    let mut waiting = waiting(now, ["101", "102", "103"].map(alert));
    let ways = |waiting: &Waiting| {
        let bundle = waiting.bundle(&HotelId::new("H1"), &HashSet::new());
        bundle.map(|bundle| (bundle.manner, bundle.stories.len()))
    };
    assert_eq!(ways(&waiting), Some((Manner::Card, 3)));
    assert_eq!(waiting.refused(&[1, 2]), [0; 0]);
    assert_eq!(ways(&waiting), Some((Manner::Text, 2)));
    assert_eq!(waiting.refused(&[1, 2]), [0; 0]);
    assert_eq!(ways(&waiting), Some((Manner::Alone, 1)));
    assert_eq!(waiting.refused(&[1]), [1]);
    waiting.remove([1, 2]);
    // By itself from the beginning: a text is the last.
    assert_eq!(ways(&waiting), Some((Manner::Card, 1)));
    assert_eq!(waiting.refused(&[3]), [0; 0]);
    assert_eq!(ways(&waiting), Some((Manner::Text, 1)));
    assert_eq!(waiting.refused(&[3]), [3]);
}

#[test]
fn a_story_is_refused_as_a_whole() {
    let now = Instant::now();
    let recovered = notice(NoticeKind::Recovered, "101", 4, 8_000);
    let mut waiting = waiting(now, [alert("101"), alert("102"), recovered]);
    waiting.refused(&[1, 2, 3]);
    assert_eq!(waiting.refused(&[1, 2, 3]), [0; 0]);
    assert_eq!(stories(&waiting, true), [(Status::Ended, vec![1, 3])]);
    assert_eq!(waiting.refused(&[1, 3]), [1, 3]);
    waiting.remove([1, 2, 3]);
    for (id, notice) in [
        (4, alert("101")),
        (5, notice(NoticeKind::Reminder, "101", 8, 1)),
    ] {
        waiting.add(id, notice, Duration::ZERO, now, WAIT, MAX_AGE);
    }
    assert_eq!(waiting.refused(&[4, 5]), [0; 0]);
    assert_eq!(
        waiting.refused(&[4, 5]),
        [4, 5],
        "there is nobody else at fault"
    );
}

#[test]
fn a_notice_that_was_added_before_stays_as_it_is() {
    let now = Instant::now();
    let mut waiting = waiting(now, [alert("101")]);
    waiting.refused(&[1]);
    waiting.add(1, alert("101"), Duration::ZERO, now + WAIT, WAIT, MAX_AGE);
    let bundle = waiting.bundle(&HotelId::new("H1"), &HashSet::new());
    assert_eq!(bundle.map(|bundle| bundle.manner), Some(Manner::Text));
    assert_eq!(waiting.due(now + WAIT), Due::Of(HotelId::new("H1")));
}
