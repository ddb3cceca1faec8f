//! How cards look, with invented stories.

use crate::config::{self, Cards, Language};
use crate::engine::{
    Acknowledgement, Closing, Compared, Handling, Interval, Notice, NoticeKind, Others, Rule,
    RunStart, Stay, Unusual,
};
use crate::types::{Kind, LocalTime, RoomKey, WattHours};

use super::bot::{feishu_json, on_console};
use super::card::Card;
use super::sample::{Sample, room_notice, story};
use super::story::{Status, Story};

const STATES: [(Status, &str); 13] = [
    (Status::Alert, "alert"),
    (Status::Reminder, "reminder"),
    (Status::Unclear, "unclear"),
    (Status::Closed, "closed"),
    (Status::NewStay, "new_stay"),
    (Status::Ended, "ended"),
    (Status::Recovered, "recovered"),
    (Status::Silent, "silent"),
    (Status::Reporting, "heard"),
    (Status::Frozen, "frozen"),
    (Status::Moving, "moving"),
    (Status::Rise, "rise"),
    (Status::Level, "level"),
];

fn now() -> LocalTime {
    LocalTime::parse("2023-04-10 14:00:00").expect("a time")
}

fn config(language: Language) -> Cards {
    let config = config::Config::load(None, &[]).expect("the defaults");
    Cards {
        language,
        price_per_kwh: (language == Language::En).then_some(0.8),
        ..config.notify.cards
    }
}

/// Compares what people read, and what Feishu is sent, with the snapshots.
fn snapshot(name: &str, card: impl Fn(&Cards) -> Card) {
    for (language, word) in [(Language::Zh, "zh"), (Language::En, "en")] {
        let card = card(&config(language));
        let json = serde_json::to_string_pretty(&feishu_json(&card)).expect("JSON");
        let both = format!("{}\n\n{json}", on_console(&card));
        insta::with_settings!({prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(format!("{name}_{word}"), both);
        });
    }
}

#[test]
fn cards_look_as_in_their_snapshots() {
    for (status, name) in STATES {
        let story = match status {
            // The end of what `alert` is about: the README's pictures show the two.
            Status::Recovered => {
                let end = room_notice(NoticeKind::Recovered, 1, now().plus(1_800));
                Story::of(2, Notice::Room(end))
            }
            _ => story(status, 1, now()),
        };
        snapshot(name, |config| {
            Card::new("H12345", std::slice::from_ref(&story), config)
        });
    }
    for (sample, name) in [
        (Sample::Test, "test"),
        (Sample::Of(Status::Alert), "test_alert"),
        (Sample::Several, "several"),
    ] {
        snapshot(name, |config| sample.card(config, now()));
    }
}

#[test]
fn the_documents_show_a_real_card() {
    let card = Sample::Of(Status::Alert).rendered(&config(Language::Zh), now());
    let shown: String = card.lines().map(|line| format!("    {line}\n")).collect();
    for document in [
        include_str!("../../docs/notices.md"),
        include_str!("../../docs/notices.zh-CN.md"),
    ] {
        assert!(document.contains(&shown), "{shown}");
    }
}

#[test]
fn the_card_of_an_occupied_room_mentions_its_guest() {
    let mut notice = room_notice(NoticeKind::Alert, 1, now());
    notice.stay = Stay::Occupied {
        check_in: now().plus(-86_400),
        expected_checkout: Some(now().plus(86_400)),
    };
    notice.history[1] = Interval::new(notice.history[1].seconds(), None);
    let story = Story::of(17, Notice::Room(notice));
    snapshot("occupied", |config| {
        Card::new("H12345", std::slice::from_ref(&story), config)
    });
}

/// A room that the baseline rule found: vacant among others, alone, and occupied; and one of which
/// the staff knew already when it passed the threshold.
#[test]
fn the_card_of_an_unusual_use_says_what_it_was_compared_with() {
    let unusual = |compared| {
        let mut notice = room_notice(NoticeKind::Alert, 1, now());
        notice.rule = Rule::Baseline;
        notice.energy = WattHours(2_440);
        for interval in notice.history.iter_mut().rev().take(4) {
            *interval = Interval::new(interval.seconds(), Some(WattHours(610)));
        }
        let unusual = Unusual {
            base: WattHours(40),
            limit: WattHours(140),
            compared,
        };
        notice.threshold = unusual.limit;
        notice.unusual = Some(Box::new(unusual));
        notice
    };
    let others = Others {
        rooms: 45,
        low: WattHours(40),
        high: WattHours(80),
    };
    let vacant = |others| unusual(Compared::Vacant { others });
    let mut occupied = unusual(Compared::Occupied {
        held: WattHours(1_390),
        level: WattHours(500),
    });
    occupied.stay = Stay::Occupied {
        check_in: now().plus(-86_400),
        expected_checkout: Some(now().plus(86_400)),
    };
    occupied.periods = 6;
    occupied.since = now().plus(-6 * 1_800);
    occupied.energy = WattHours(8_940);
    let mut passed = room_notice(NoticeKind::Alert, 1, now());
    passed.incident = Some(RunStart {
        rule: Rule::Baseline,
        since: passed.since.plus(-1_800),
    });
    for (name, notice) in [
        ("unusual", vacant(Some(others))),
        ("unusual_alone", vacant(None)),
        ("unusual_occupied", occupied),
        ("passed_threshold", passed),
    ] {
        let story = Story::of(17, Notice::Room(notice));
        snapshot(name, |config| {
            Card::new("H12345", std::slice::from_ref(&story), config)
        });
    }
}

/// Whoever took care of it is thanked by name, and where nothing was sent the card says so.
#[test]
fn the_card_of_an_end_says_who_had_taken_care_of_it_and_that_it_was_snoozed() {
    let acknowledged = Acknowledgement {
        by: "王工".to_owned(),
        at: now().plus(-3_600),
        until: now().plus(3 * 3_600),
    };
    for (name, acknowledged, snoozed_until) in [
        ("recovered_acknowledged", Some(acknowledged), None),
        ("recovered_snoozed", None, Some(now().plus(18 * 3_600))),
    ] {
        let mut notice = Notice::Room(room_notice(NoticeKind::Recovered, 1, now()));
        notice.set_handling(Some(Handling {
            acknowledged,
            snoozed_until,
            lapsed_at: None,
        }));
        let story = Story::of(17, notice);
        snapshot(name, |config| {
            Card::new("H12345", std::slice::from_ref(&story), config)
        });
    }
}

/// What comes after an acknowledgement or a snooze must not look like something new.
#[test]
fn the_card_of_a_lapse_says_whose_it_was_and_since_when() {
    let handling = |acknowledged, snoozed_until| Handling {
        acknowledged,
        snoozed_until,
        lapsed_at: Some(now()),
    };
    let acknowledged = Acknowledgement {
        by: "王工".to_owned(),
        at: now().plus(-4 * 3_600),
        until: now(),
    };
    let room = Notice::Room(room_notice(NoticeKind::Reminder, 1, now()));
    let of_meters = |status| match story(status, 1, now()).notices.pop() {
        Some((_, notice)) => notice,
        None => panic!("a notice"),
    };
    for (name, mut notice, handling) in [
        (
            "lapsed",
            room.clone(),
            handling(Some(acknowledged.clone()), None),
        ),
        ("lapsed_snooze", room, handling(None, Some(now()))),
        (
            "lapsed_silent",
            of_meters(Status::Silent),
            handling(Some(acknowledged), None),
        ),
        (
            "lapsed_frozen",
            of_meters(Status::Frozen),
            handling(None, Some(now())),
        ),
    ] {
        notice.set_handling(Some(handling));
        let story = Story::of(17, notice);
        snapshot(name, |config| {
            Card::new("H12345", std::slice::from_ref(&story), config)
        });
    }
}

#[test]
fn the_advice_depends_on_all_of_a_card() {
    let alert = |number, is_occupied: bool| {
        let mut notice = room_notice(NoticeKind::Alert, number, now());
        if is_occupied {
            notice.stay = Stay::Occupied {
                check_in: now(),
                expected_checkout: None,
            };
        }
        Story::of(u64::from(number), Notice::Room(notice))
    };
    let [silent, reporting, recovered] = [Status::Silent, Status::Reporting, Status::Recovered]
        .map(|status| story(status, 9, now()));
    let [frozen, moving] = [Status::Frozen, Status::Moving].map(|status| story(status, 9, now()));
    let mut all_reporting = reporting.clone();
    let mut all_moving = moving.clone();
    for all in [&mut all_reporting, &mut all_moving] {
        if let Some((_, Notice::Meters(notice))) = all.notices.last_mut() {
            notice.silent = 0;
        }
    }
    let (vacant, occupied) = (alert(1, false), alert(2, true));
    let closed = |why| of_room(3, NoticeKind::Closed(why), false);
    let (gap, new_meter) = (closed(Closing::Gap), closed(Closing::MeterChanged));
    for (stories, advice) in [
        (vec![&vacant], "Please check with the front desk that"),
        (vec![&occupied], "Please have the front desk ask"),
        (
            vec![&occupied, &recovered],
            "Please have the front desk ask",
        ),
        (
            vec![&vacant, &vacant],
            "Please check with the front desk that",
        ),
        (
            vec![&vacant, &occupied],
            "Vacant rooms: check with the front desk",
        ),
        (vec![&recovered, &recovered], "Power use is normal again"),
        (vec![&reporting], "Most meters are back"),
        (vec![&all_reporting], "All meters are back"),
        (
            vec![&silent, &recovered],
            "Please check power and network of the meter gateway",
        ),
        (vec![&frozen, &recovered], "The gateway may be repeating"),
        (vec![&moving], "Most readings change again"),
        (vec![&all_moving], "All readings change again"),
        // One has ended, another needs action.
        (vec![&recovered, &reporting], "Most meters are back"),
        (vec![&recovered, &moving], "Most readings change again"),
        (
            vec![&recovered, &all_reporting],
            "Power use is normal again",
        ),
        (vec![&gap, &recovered], "Where monitoring was interrupted"),
        (vec![&gap, &gap], "Meter readings were interrupted"),
        (vec![&gap, &new_meter], "Where monitoring was interrupted"),
    ] {
        let stories: Vec<Story> = stories.into_iter().cloned().collect();
        let text = on_console(&Card::new("H12345", &stories, &config(Language::En)));
        let said = text.lines().nth(1).unwrap_or_default().trim();
        assert!(said.starts_with(advice), "{advice} is not in\n{text}");
    }
    let stories = [vacant.clone(), silent, gap];
    let text = on_console(&Card::new("H12345", &stories, &config(Language::En)));
    for advice in ["then look inside", "gateway", "monitoring was interrupted"] {
        assert!(text.contains(advice), "{advice} is not in\n{text}");
    }
    let twice = on_console(&Card::new(
        "H12345",
        &[recovered.clone(), recovered],
        &config(Language::En),
    ));
    assert!(
        twice.contains("Vacant room: power use normal again · H12345 · 1009\n"),
        "{twice}"
    );
}

/// An alert, or another notice, of a room of some kind.
fn of_room(number: u32, kind: NoticeKind, is_occupied: bool) -> Story {
    let mut notice = room_notice(kind, number, now());
    if is_occupied {
        notice.stay = Stay::Occupied {
            check_in: now().plus(-86_400),
            expected_checkout: None,
        };
    }
    Story::of(u64::from(number), Notice::Room(notice))
}

#[test]
fn a_card_of_many_rooms_says_what_each_needs() {
    let guest = Closing::NewStay {
        kind: Kind::Checkin,
        at: now(),
    };
    let meter = NoticeKind::Closed(Closing::MeterChanged);
    let gone = [
        of_room(5, meter, true),
        of_room(6, NoticeKind::Closed(Closing::Gap), false),
        of_room(7, NoticeKind::Closed(guest), false),
    ];
    let alerts = [
        of_room(1, NoticeKind::Alert, false),
        of_room(2, NoticeKind::Alert, true),
    ];
    let all = [&alerts[..], &gone].concat();
    for (name, stories) in [("both_kinds", &alerts[..]), ("gone", &gone), ("all", &all)] {
        snapshot(name, |config| Card::new("滨江店", stories, config));
    }
}

#[test]
fn two_times_with_the_same_name_are_distinguished() {
    let stay = |kind| NoticeKind::Closed(Closing::NewStay { kind, at: now() });
    for (kind, is_occupied, times) in [
        (
            Kind::Checkin,
            true,
            ["原入住时间：04-09", "新入住时间：04-10"],
        ),
        (
            Kind::Checkout,
            false,
            ["原退房时间：04-10", "新退房时间：04-10"],
        ),
        (
            Kind::Checkin,
            false,
            ["\n退房时间：04-10", "\n入住时间：04-10"],
        ),
        (
            Kind::Checkout,
            true,
            ["\n入住时间：04-09", "\n退房时间：04-10"],
        ),
    ] {
        let story = [of_room(1, stay(kind), is_occupied)];
        let text = Card::new("H12345", &story, &config(Language::Zh)).text();
        for time in times {
            assert!(text.contains(time), "{time} is not in\n{text}");
        }
    }
}

/// The title alone is seen before a card is opened.
#[test]
fn a_title_says_what_where_and_how_much() {
    let stay = |kind| Closing::NewStay { kind, at: now() };
    let (came, left) = (stay(Kind::Checkin), stay(Kind::Checkout));
    let changed = Closing::IntervalChanged;
    let repaired = Closing::OutOfOrder { at: now() };
    for (kind, is_occupied, zh, en) in [
        (
            NoticeKind::Alert,
            false,
            "空房用电异常 滨江店 · 1001 · 5.6 kW",
            "Vacant room: abnormal power use · 滨江店 · 1001 · 5.6 kW",
        ),
        (
            NoticeKind::Reminder,
            true,
            "住客房用电异常仍在持续 滨江店 · 1001 · 5.6 kW",
            "Occupied room: power use still abnormal · 滨江店 · 1001 · 5.6 kW",
        ),
        (
            NoticeKind::Recovered,
            false,
            "空房用电已恢复正常 滨江店 · 1001",
            "Vacant room: power use normal again · 滨江店 · 1001",
        ),
        (
            NoticeKind::Closed(came),
            false,
            "空房用电异常不再跟踪 滨江店 · 1001 · 客人已入住",
            "Vacant room: abnormal power use no longer followed · 滨江店 · 1001 · guest checked in",
        ),
        (
            NoticeKind::Closed(left),
            true,
            "住客房用电异常不再跟踪 滨江店 · 1001 · 客人已退房",
            "Occupied room: abnormal power use no longer followed · 滨江店 · 1001 · \
             guest checked out",
        ),
        (
            NoticeKind::Closed(came),
            true,
            "住客房用电异常不再跟踪 滨江店 · 1001 · 新客人已入住",
            "Occupied room: abnormal power use no longer followed · 滨江店 · 1001 · \
             new guest checked in",
        ),
        (
            NoticeKind::Closed(left),
            false,
            "空房用电异常不再跟踪 滨江店 · 1001 · 退房时间已更新",
            "Vacant room: abnormal power use no longer followed · 滨江店 · 1001 · check-out time \
             corrected",
        ),
        (
            NoticeKind::Closed(changed),
            false,
            "空房用电异常监测已中断 滨江店 · 1001 · 判断周期已更改",
            "Vacant room: abnormal power use, monitoring interrupted · 滨江店 · 1001 · interval \
             changed",
        ),
        (
            NoticeKind::Closed(repaired),
            false,
            "空房用电异常不再跟踪 滨江店 · 1001 · 维修中",
            "Vacant room: abnormal power use no longer followed · 滨江店 · 1001 · out of order",
        ),
    ] {
        let story = [of_room(1, kind, is_occupied)];
        for (language, title) in [(Language::Zh, zh), (Language::En, en)] {
            let card = Card::new("滨江店", &story, &config(language));
            let card = feishu_json(&card);
            assert_eq!(card["header"]["title"]["content"], title);
        }
    }
}

/// Staff need not go to the room now, and no recovery will follow.
#[test]
fn a_card_says_that_its_room_is_out_of_order() {
    let closed = NoticeKind::Closed(Closing::OutOfOrder { at: now() });
    let story = [of_room(1, closed, false)];
    for (language, lines) in [
        (
            Language::Zh,
            [
                "房态：空房（已退房），维修中",
                "客房已于 04-10 14:00 设为维修房，此前的异常不再跟踪；维修期间的用电不作判断。",
            ],
        ),
        (
            Language::En,
            [
                "State: vacant, out of order",
                "The room has been out of order since 04-10 14:00: what was abnormal before is no \
                 longer followed, and power use is not judged while that lasts.",
            ],
        ),
    ] {
        let card = Card::new("H12345", &story, &config(language));
        assert_eq!(feishu_json(&card)["header"]["template"], "grey");
        let text = card.text();
        for line in lines {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}

#[test]
fn a_title_of_many_states_names_the_worst_and_counts_the_others() {
    let over = |kind| {
        let mut story = story(kind, 9, now());
        story.status = Status::Ended;
        story
    };
    let of = |status| story(status, 1, now());
    let meters = [Status::Frozen, Status::Recovered].map(of);
    let three = [Status::Alert, Status::Frozen, Status::Recovered].map(of);
    let many = [
        Status::Alert,
        Status::Reminder,
        Status::Silent,
        Status::Ended,
        Status::Recovered,
    ]
    .map(of);
    let ended = [of(Status::Ended), over(Status::Silent)];
    for (stories, zh, en) in [
        (
            &[over(Status::Silent)][..],
            "电表数据中断（已恢复） 滨江店",
            "No data from meters, back by now · 滨江店",
        ),
        (
            &[over(Status::Frozen)],
            "电表读数停滞（已恢复） 滨江店",
            "Meter readings were frozen, changing by now · 滨江店",
        ),
        (
            &meters,
            "电表读数停滞，已恢复 ×1 滨江店 · 1001",
            "meter readings are frozen, normal again ×1 · 滨江店 · 1001",
        ),
        (
            &three,
            "空房用电异常 ×1，电表读数停滞，已恢复 ×1 滨江店 · 1001 · 5.6 kW",
            "Vacant room: abnormal ×1, meter readings are frozen, normal again ×1 · 滨江店 · \
             1001 · 5.6 kW",
        ),
        (
            &many,
            "空房用电异常 ×1，仍在持续 ×1，另有 3 项 滨江店 · 1001 · 5.6 kW",
            "Vacant room: abnormal ×1, still abnormal ×1, 3 others · 滨江店 · 1001 · 5.6 kW",
        ),
        (
            &ended,
            "空房曾异常已恢复 ×1，电表数据曾中断 滨江店 · 1001",
            "Vacant room: was abnormal for a time ×1, meter data was missing · 滨江店 · 1001",
        ),
    ] {
        for (language, title) in [(Language::Zh, zh), (Language::En, en)] {
            let card = Card::new("滨江店", stories, &config(language));
            let card = feishu_json(&card);
            assert_eq!(card["header"]["title"]["content"], title);
        }
    }
}

#[test]
fn names_are_shown_literally() {
    let (hotel, number) = ("<at id=all></at>", "[x](http://x) **b**");
    let mut notice = room_notice(NoticeKind::Alert, 1, now());
    notice.room = RoomKey::new(hotel, number);
    let story = Story::of(17, Notice::Room(notice));
    snapshot("injection", |config| {
        Card::new(hotel, std::slice::from_ref(&story), config)
    });
}
