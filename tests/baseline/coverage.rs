//! The random hotels are valid, and bring about everything that there is to compare.

use std::collections::{BTreeMap, BTreeSet};

use crate::oracle::{
    Evaluation, Event, Hotel, HotelNoticeKind, Interval, Kind, NoticeKind, Rule, Rules, Working,
};
use crate::{evaluate, random};

const SEEDS: u64 = 20;

/// What is to be compared most of all, and how often it must happen in these hotels.
const OFTEN: [(&str, usize); 11] = [
    ("account: alert", 200),
    ("account: alert of a coarse meter", 100),
    ("account: reminder", 200),
    ("account: recovered", 100),
    ("account: recovered of a coarse meter", 20),
    ("account: becomes common", 100),
    ("account: held at the alarm", 100),
    ("level: alert", 20),
    ("level: recovered", 10),
    ("hotel: common rise", 10),
    ("hotel: common level", 10),
];

/// How often each thing happened.
#[derive(Default)]
struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    fn add(&mut self, what: &'static str, happened: bool) {
        *self.0.entry(what).or_default() += usize::from(happened);
    }

    fn of(&mut self, rules: &Rules, hotel: &Hotel, evaluation: &Evaluation) {
        self.of_events(rules, hotel);
        let mut earlier: BTreeMap<_, &Working> = BTreeMap::new();
        for working in &evaluation.workings {
            let before = earlier.insert(&working.room, working);
            self.of_working(rules, working);
            self.of_base(working);
            if let Some(before) = before {
                self.of_two(before, working);
            }
        }
        let hot: BTreeSet<i64> = evaluation
            .workings
            .iter()
            .filter(|working| working.hot)
            .map(|working| working.frame - 2)
            .collect();
        let mut rises = 0;
        for notice in &evaluation.hotel_notices {
            let is_rise = matches!(notice.kind, HotelNoticeKind::CommonRise { .. });
            rises += usize::from(is_rise);
            self.add("hotel: common rise", is_rise);
            self.add("hotel: common level", !is_rise);
        }
        self.add("hotel: a second common rise", rises > 1);
        self.add("hotel: hot again too soon for a notice", hot.len() > rises);
    }

    fn of_events(&mut self, rules: &Rules, hotel: &Hotel) {
        for events in hotel.rooms.values() {
            let mut last_frame = None;
            for event in events {
                let Event::Interval(interval) = event else {
                    self.add("a break", *event == Event::Break);
                    self.add("across the stay's beginning", *event == Event::AcrossStay);
                    continue;
                };
                let frame = rules.frame(interval.ended);
                self.add("two intervals in a frame", last_frame == Some(frame));
                last_frame = Some(frame);
                let since_stay = interval.opened.since(interval.stay_time);
                let is_onset = interval.kind == Kind::Vacant && since_stay == 5400;
                self.add("just 5400 s after the stay", is_onset);
                self.add("before its stay by the tolerance or less", since_stay < 0);
                self.add("two periods", interval.periods == 2);
                self.add("four periods", interval.periods == 4);
            }
        }
        self.add("another interval length", rules.interval_seconds != 1800);
    }

    fn of_base(&mut self, working: &Working) {
        let floors = (working.vacant_floor, working.occupied_floor);
        let bounded = working.hotel_base + 100;
        let of_one = |floor: Option<i64>, other: Option<i64>| floor.filter(|_| other.is_none());
        let one = of_one(floors.0, floors.1).or(of_one(floors.1, floors.0));
        self.add("base: none", floors == (None, None));
        self.add(
            "base: vacant floor alone",
            of_one(floors.0, floors.1).is_some(),
        );
        self.add(
            "base: occupied floor alone",
            of_one(floors.1, floors.0).is_some(),
        );
        self.add("base: bounded", one.is_some_and(|floor| floor > bounded));
        self.add("base: both", floors.0.is_some() && floors.1.is_some());
        self.add("base: of the hotel at least 10", working.hotel_base == 10);
        let other = ![10, 60].contains(&working.hotel_base);
        self.add("base: of the hotel by its floors", other);
    }

    fn of_working(&mut self, rules: &Rules, working: &Working) {
        let notice = working.notice.as_ref();
        let notice = notice.map(|notice| (notice.rule, notice.kind));
        let is = |rule, kind| notice == Some((rule, kind));
        let fine = working.fine;
        self.add("hot", working.hot);
        self.add(
            "hot with many others",
            working.hot && working.others.len() > 5,
        );
        let contribution = working.contribution.as_ref();
        let excess = contribution.and_then(|contribution| contribution.excess);
        self.add("excess: most", excess == Some(1575));
        let level = contribution.and_then(|contribution| contribution.level);
        let is_vacant = working.kind == Kind::Vacant;
        self.add(
            "level: contributed while vacant",
            is_vacant && level.is_some(),
        );

        if let Some(account) = &working.account {
            use NoticeKind::{Alert, Recovered, Reminder};
            let is = |kind| is(Rule::VacantAccount, kind);
            let after = &account.after;
            let at_alarm = account.step > 0
                && after.told.is_none()
                && after.excess >= rules.alarm_wh
                && after.periods >= 4;
            self.add("account: alert", is(Alert) && fine);
            self.add("account: alert of a coarse meter", is(Alert) && !fine);
            self.add("account: alert after its hold", is(Alert) && after.common);
            self.add(
                "account: alert with just the alarm",
                is(Alert) && after.excess == rules.alarm_wh,
            );
            self.add(
                "account: alert with four periods",
                is(Alert) && after.periods == 4,
            );
            self.add(
                "account: alert without an onset",
                is(Alert) && after.onset.is_none(),
            );
            self.add("account: reminder", is(Reminder));
            self.add("account: recovered", is(Recovered) && fine);
            self.add(
                "account: recovered at one quiet period",
                is(Recovered) && after.quiet == 1,
            );
            self.add(
                "account: recovered of a coarse meter",
                is(Recovered) && !fine,
            );
            self.add(
                "account: held at the alarm",
                fine && account.held && at_alarm,
            );
            self.add(
                "account: held of a coarse meter",
                !fine && account.held && after.excess >= 1700,
            );
            self.add(
                "account: allowed by the others",
                account.allowed > rules.allowance_wh,
            );
            self.add("account: no step", account.step == 0);
            self.add(
                "account: full",
                fine && after.excess == rules.alarm_wh + 700,
            );
            self.add(
                "account: full of a coarse meter",
                !fine && after.excess == 3700,
            );
            let periods = account.step / 350;
            let most = periods > 0 && account.step % 350 == 0 && working.x > 1000;
            self.add("account: largest step", fine && most);
            self.add(
                "account: largest step of a coarse meter",
                !fine && working.x > 1000,
            );
            let three = after.excess >= rules.alarm_wh && after.periods == 3;
            self.add("account: three periods at the alarm", fine && three);
        }
        if let Some(level) = &working.level {
            let is = |kind| is(Rule::OccupiedLevel, kind);
            let limit = level.limit.map(|(_, limit)| limit);
            let exceeds = limit
                .zip(level.least)
                .is_some_and(|(limit, least)| least > limit);
            let too_high = level.limit.is_some_and(|(usual, _)| usual > 1500);
            self.add("level: alert", is(NoticeKind::Alert));
            self.add("level: recovered", is(NoticeKind::Recovered));
            self.add(
                "level: recovered above 1500",
                is(NoticeKind::Recovered) && too_high,
            );
            self.add(
                "level: told already",
                exceeds && level.told && notice.is_none(),
            );
            self.add("level: too high in the hotel", exceeds && too_high);
            self.add("level: too few", level.least.is_some() && limit.is_none());
            self.add(
                "level: just the limit",
                limit.is_some() && level.least == limit,
            );
            let by_half = level
                .limit
                .is_some_and(|(usual, limit)| limit > usual + 300);
            self.add("level: limit half as much again", by_half);
        }
    }

    /// Of a room's intervals one after the other.
    fn of_two(&mut self, before: &Working, working: &Working) {
        self.add("a meter turns out fine", !before.fine && working.fine);
        let level = |working: &Working| working.contribution.as_ref().map(|c| c.level);
        let expired = level(before).flatten().is_some() && level(working) == Some(None);
        self.add("level: older than two days", expired);
        let told = |working: &Working| match (&working.account, &working.level) {
            (Some(account), _) => account.after.told.is_some(),
            (_, Some(level)) => level.told,
            _ => false,
        };
        let cut = told(before) && !told(working) && working.notice.is_none();
        self.add(
            "account: cut by a break or a stay",
            cut && before.account.is_some(),
        );
        self.add(
            "level: cut by a break or a stay",
            cut && before.level.is_some(),
        );
        if let (Some(earlier), Some(later)) = (&before.account, &working.account) {
            let became = !earlier.after.common && later.after.common;
            self.add("account: becomes common", became);
        }
    }
}

#[test]
fn everything_happens_in_twenty_hotels() {
    let mut tally = Tally::default();
    for seed in 0..SEEDS {
        let (rules, hotel) = random::case(seed);
        tally.of(&rules, &hotel, &evaluate(&rules, &hotel));
    }
    println!("{:#?}", tally.0);
    let never: Vec<_> = tally.0.iter().filter(|(_, count)| **count == 0).collect();
    assert!(never.is_empty(), "never: {never:?}");
    for (what, often) in OFTEN {
        let count = tally.0[what];
        assert!(count >= often, "{what}: {count} times");
    }
}

#[test]
fn random_hotels_are_what_the_fixed_rule_judges() {
    for seed in 0..SEEDS {
        let (rules, hotel) = random::case(seed);
        assert_eq!(random::case(seed), (rules, hotel.clone()), "seed {seed}");
        assert!((3..=40).contains(&hotel.rooms.len()), "seed {seed}");
        for (room, events) in &hotel.rooms {
            assert!(events.len() > 50, "seed {seed}, room {room}");
            let mut last: Option<&Interval> = None;
            for event in events {
                let Event::Interval(interval) = event else {
                    continue;
                };
                let what = format!("seed {seed}, room {room}: {last:?}, {interval:?}");
                check(&rules, interval, last, &what);
                last = Some(interval);
            }
        }
    }
}

fn check(rules: &Rules, interval: &Interval, last: Option<&Interval>, what: &str) {
    let tolerance = rules.interval_seconds / 10;
    let seconds = interval.ended.since(interval.opened);
    assert_eq!(interval.seconds, seconds, "{what}");
    assert!(seconds >= rules.interval_seconds - tolerance, "{what}");
    assert!(seconds <= 7200, "{what}");
    let periods = (seconds + tolerance) / rules.interval_seconds;
    assert_eq!(i64::from(interval.periods), periods, "{what}");
    assert!(
        interval.stay_time.since(interval.opened) <= tolerance,
        "{what}"
    );
    assert!(interval.energy.0 >= 0, "{what}");
    assert!(interval.fine || interval.energy.0 % 1000 == 0, "{what}");
    if let Some(last) = last {
        assert!(interval.opened >= last.ended, "{what}");
        assert!(interval.fine || !last.fine, "{what}");
        assert!(interval.watch >= last.watch, "{what}");
        let is_same = interval.watch == last.watch;
        assert!(!is_same || interval.kind == last.kind, "{what}");
    }
}
