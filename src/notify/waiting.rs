//! The notices that wait for one bot: which of them go next, together, and how.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::engine::{Closing, MeterNoticeKind, Notice, NoticeKind, RoomNotice, RunKey};
use crate::types::{HotelId, Kind, RoomNumber};

/// Notices on their way to one bot.
#[derive(Default)]
pub(super) struct Waiting {
    items: BTreeMap<u64, Item>,
    /// Hotels whose last try has failed, by the number of that try: the others are not to wait for
    /// them.
    failed: HashMap<HotelId, u64>,
    failures: u64,
}

struct Item {
    notice: Notice,
    /// Until then it waits for company.
    due: Instant,
    expires: Instant,
    /// It is not to be told for now, whatever its age.
    is_held: bool,
    manner: Manner,
}

/// How a notice is told; each one follows when Feishu does not want the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// With others of its hotel on a card.
    Card,
    /// With others of its hotel as plain text.
    Text,
    /// By itself as plain text: the fault may be another's.
    Alone,
}

/// Notices of one hotel that go together.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) hotel: HotelId,
    pub(super) manner: Manner,
    /// The worst first.
    pub(super) stories: Vec<Story>,
}

/// What is to be told of one run, or of a hotel's meters: the last notice says all that those
/// before it did.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) state: State,
    /// In the order of their ids, which are those of the outbox; never empty.
    pub(super) notices: Vec<(u64, Notice)>,
}

impl Story {
    /// The notice that is told.
    pub(super) fn last(&self) -> Option<&Notice> {
        self.notices.last().map(|(_, notice)| notice)
    }

    /// The notice that is told, if it is one of a room.
    pub(super) fn of_room(&self) -> Option<&RoomNotice> {
        match self.last()? {
            Notice::Room(notice) => Some(notice),
            Notice::Meters(_) => None,
        }
    }

    /// What its room is in the stay it is about, if it is about one.
    pub(super) fn kind(&self) -> Option<Kind> {
        Some(self.of_room()?.stay.kind())
    }

    /// It is about meters, some of which are silent.
    pub(super) fn has_silent(&self) -> bool {
        matches!(self.last(), Some(Notice::Meters(notice)) if notice.silent > 0)
    }

    /// The room it is about, if it is about one.
    pub(super) fn room(&self) -> Option<&RoomNumber> {
        Some(&self.of_room()?.room.room_number)
    }
}

/// How things are when it is told. The worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// A room is abnormal.
    Alert,
    /// It still is.
    Reminder,
    /// Meters are silent.
    Silent,
    /// Meters repeat themselves.
    Frozen,
    /// A room was abnormal, its run is over, and how it ended is not in the outbox any more: the
    /// notice is retried, or it is older than the notices that say so.
    Unclear,
    /// A room was abnormal, its run could not be followed, and it is not known whether it is normal
    /// again.
    Closed,
    /// A room was abnormal, and now its guest is another one, or gone.
    NewStay,
    /// It was over before anybody was told.
    Ended,
    /// A room no longer is.
    Recovered,
    /// Meters are heard again.
    Heard,
    /// Meters move again.
    Moving,
}

/// When there is something to tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Never,
    At(Instant),
    Of(HotelId),
}

/// What several notices are of: they are told as one.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Subject {
    Run(RunKey),
    Meters,
}

fn subject(notice: &Notice) -> Subject {
    match notice {
        Notice::Room(notice) => Subject::Run(notice.run()),
        Notice::Meters(_) => Subject::Meters,
    }
}

impl Waiting {
    /// How many can be told: those that are held back hold up no others.
    pub(super) fn len(&self) -> usize {
        self.items.values().filter(|item| !item.is_held).count()
    }

    /// Takes a notice that was in the outbox for `age`; one that is known stays as it is.
    pub(super) fn add(
        &mut self,
        id: u64,
        notice: Notice,
        age: Duration,
        now: Instant,
        group_wait: Duration,
        max_age: Duration,
    ) {
        self.items.entry(id).or_insert_with(|| Item {
            notice,
            due: now + group_wait.saturating_sub(age),
            expires: now + max_age.saturating_sub(age),
            is_held: false,
            manner: Manner::Card,
        });
    }

    /// Holds back the notices that `is_held` says are not to be told for now. One that was held is as
    /// old as if it had come about when it no longer is.
    pub(super) fn hold(
        &mut self,
        now: Instant,
        max_age: Duration,
        is_held: impl Fn(&Notice) -> bool,
    ) {
        for item in self.items.values_mut() {
            item.is_held = is_held(&item.notice);
            if item.is_held {
                item.expires = now + max_age;
            }
        }
    }

    /// The notices of which `is_wrong` says that they are not to be told at all.
    pub(super) fn wrong(&self, is_wrong: impl Fn(&Notice) -> bool) -> Vec<u64> {
        let items = self.items.iter();
        items
            .filter(|(_, item)| is_wrong(&item.notice))
            .map(|(id, _)| *id)
            .collect()
    }

    /// These need no more work.
    pub(super) fn remove(&mut self, ids: impl IntoIterator<Item = u64>) {
        for id in ids {
            self.items.remove(&id);
        }
    }

    /// The notices that are too old, but for those of a run of which there is younger news.
    pub(super) fn expired(&self, now: Instant) -> Vec<u64> {
        let mut last: HashMap<(&HotelId, Subject), Instant> = HashMap::new();
        for item in self.items.values() {
            let of = (item.notice.hotel_id(), subject(&item.notice));
            let expires = last.entry(of).or_insert(item.expires);
            *expires = item.expires.max(*expires);
        }
        let items = self.items.iter();
        items
            .filter(|(_, item)| {
                let of = (item.notice.hotel_id(), subject(&item.notice));
                last.get(&of).is_some_and(|expires| *expires <= now)
            })
            .map(|(id, _)| *id)
            .collect()
    }

    /// The hotel whose turn it is: of those with a notice that has waited long enough, first those
    /// that did not fail, then the one whose failure is the longest ago; among equals the one that
    /// has waited longest.
    pub(super) fn due(&self, now: Instant) -> Due {
        let mut hotels: HashMap<&HotelId, Instant> = HashMap::new();
        for item in self.items.values().filter(|item| !item.is_held) {
            let due = hotels.entry(item.notice.hotel_id()).or_insert(item.due);
            *due = item.due.min(*due);
        }
        let turn = |hotel: &HotelId, due: Instant| (self.failed.get(hotel).copied(), due);
        let ready = hotels.iter().filter(|(_, due)| **due <= now);
        let next = ready.min_by_key(|(hotel, due)| (turn(hotel, **due), *hotel));
        match next {
            Some((hotel, _)) => Due::Of((*hotel).clone()),
            None => hotels.into_values().min().map_or(Due::Never, Due::At),
        }
    }

    /// The notices of a hotel of which `is_over` says that what they tell of has ended.
    pub(super) fn over(&self, hotel: &HotelId, is_over: impl Fn(&Notice) -> bool) -> HashSet<u64> {
        let items = self.items.iter();
        items
            .filter(|(_, item)| item.notice.hotel_id() == hotel && is_over(&item.notice))
            .map(|(id, _)| *id)
            .collect()
    }

    /// All that waits of a hotel and goes the same way as the oldest of it, or the first story of it.
    /// What is told by the notices `over` has ended by now, unless the notice that says so is held
    /// back: then it goes on as far as is known.
    pub(super) fn bundle(&self, hotel: &HotelId, over: &HashSet<u64>) -> Option<Bundle> {
        let of_hotel = self.items.iter();
        let of_hotel = of_hotel.filter(|(_, item)| item.notice.hotel_id() == hotel);
        let held = of_hotel.clone().filter(|(_, item)| item.is_held);
        let held: HashSet<Subject> = held.map(|(_, item)| subject(&item.notice)).collect();
        let none = HashSet::new();
        let mut of_hotel = of_hotel.filter(|(_, item)| !item.is_held).peekable();
        let (_, oldest) = of_hotel.peek()?;
        let (manner, first) = (oldest.manner, subject(&oldest.notice));
        let mut stories: HashMap<Subject, Vec<(u64, Notice)>> = HashMap::new();
        for (id, item) in of_hotel.filter(|(_, item)| item.manner == manner) {
            let subject = subject(&item.notice);
            if manner != Manner::Alone || subject == first {
                let story = stories.entry(subject).or_default();
                story.push((*id, item.notice.clone()));
            }
        }
        let stories = stories.into_iter().filter_map(|(subject, notices)| {
            let over = if held.contains(&subject) { &none } else { over };
            Some(Story {
                state: state(&notices, over)?,
                notices,
            })
        });
        let mut stories: Vec<Story> = stories.collect();
        stories.sort_by_key(|story| {
            let power = story.of_room().map_or(0, RoomNotice::milliwatts);
            let id = story.notices.first().map(|(id, _)| *id);
            (story.state, Reverse(power), id)
        });
        Some(Bundle {
            hotel: hotel.clone(),
            manner,
            stories,
        })
    }

    /// A try has failed for a reason that may pass.
    pub(super) fn failed(&mut self, hotel: HotelId) {
        self.failures += 1;
        self.failed.insert(hotel, self.failures);
    }

    /// A try has succeeded.
    pub(super) fn succeeded(&mut self, hotel: &HotelId) {
        self.failed.remove(hotel);
    }

    /// Feishu does not want these as they went: they go another way. Gives those for which there is
    /// no other.
    pub(super) fn refused(&mut self, ids: &[u64]) -> Vec<u64> {
        let mut hopeless = Vec::new();
        let known = ids.iter().filter_map(|id| self.items.get(id));
        let stories: HashSet<Subject> = known.map(|item| subject(&item.notice)).collect();
        let are_several = stories.len() > 1;
        for id in ids {
            let Some(item) = self.items.get_mut(id) else {
                continue;
            };
            item.manner = match item.manner {
                Manner::Card => Manner::Text,
                Manner::Text if are_several => Manner::Alone,
                Manner::Text | Manner::Alone => {
                    hopeless.push(*id);
                    continue;
                }
            };
        }
        hopeless
    }
}

/// How things are now, of which these are the notices.
pub(super) fn state(notices: &[(u64, Notice)], over: &HashSet<u64>) -> Option<State> {
    let is_alert = |(_, notice): &(u64, Notice)| matches!(notice, Notice::Room(notice) if notice.kind == NoticeKind::Alert);
    let is_first = notices.iter().any(is_alert);
    let (id, last) = notices.last()?;
    Some(match last {
        Notice::Room(last) => match last.kind {
            NoticeKind::Recovered if is_first => State::Ended,
            NoticeKind::Recovered => State::Recovered,
            NoticeKind::Closed(Closing::NewStay { .. }) => State::NewStay,
            NoticeKind::Closed(_) => State::Closed,
            NoticeKind::Alert | NoticeKind::Reminder if over.contains(id) => State::Unclear,
            _ if is_first => State::Alert,
            _ => State::Reminder,
        },
        Notice::Meters(last) => match last.kind {
            MeterNoticeKind::Silent | MeterNoticeKind::Frozen if over.contains(id) => State::Ended,
            MeterNoticeKind::Silent => State::Silent,
            MeterNoticeKind::Heard => State::Heard,
            MeterNoticeKind::Frozen => State::Frozen,
            MeterNoticeKind::Moving => State::Moving,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{MeterNotice, Rule, Stay};
    use crate::types::{LocalTime, RoomKey, WattHours};

    const WAIT: Duration = Duration::from_secs(30);
    const MAX_AGE: Duration = Duration::from_secs(86_400);

    fn at(minutes: i64) -> LocalTime {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        noon.plus(minutes * 60)
    }

    /// Of a run that began at noon; `wh` in all.
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
            interval_seconds: 1_800,
            before: Vec::new(),
            history: Vec::new(),
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
        }
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
    fn stories(waiting: &Waiting, goes_on: bool) -> Vec<(State, Vec<u64>)> {
        let hotel = HotelId::new("H1");
        let over = waiting.over(&hotel, |_| !goes_on);
        let bundle = waiting.bundle(&hotel, &over);
        let stories = bundle.expect("there is something").stories.into_iter();
        stories
            .map(|story| {
                (
                    story.state,
                    story.notices.iter().map(|(id, _)| *id).collect(),
                )
            })
            .collect()
    }

    #[test]
    fn notices_of_a_hotel_wait_for_company_from_when_they_were_recorded() {
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
        for (notices, goes_on, state) in [
            (vec![alert("101")], true, State::Alert),
            (vec![alert("101")], false, State::Unclear),
            (vec![alert("101"), reminder()], true, State::Alert),
            (vec![alert("101"), reminder()], false, State::Unclear),
            (vec![reminder()], true, State::Reminder),
            (vec![reminder()], false, State::Unclear),
            (vec![alert("101"), recovered()], false, State::Ended),
            (vec![reminder(), recovered()], false, State::Recovered),
            (vec![recovered()], false, State::Recovered),
            (vec![alert("101"), gap()], false, State::Closed),
            (vec![gap()], false, State::Closed),
            (
                vec![alert("101"), reminder(), guest()],
                false,
                State::NewStay,
            ),
            (vec![meters(MeterNoticeKind::Silent)], true, State::Silent),
            (vec![meters(MeterNoticeKind::Silent)], false, State::Ended),
            (
                vec![
                    meters(MeterNoticeKind::Silent),
                    meters(MeterNoticeKind::Heard),
                ],
                false,
                State::Heard,
            ),
            (vec![meters(MeterNoticeKind::Frozen)], true, State::Frozen),
            (
                vec![
                    meters(MeterNoticeKind::Frozen),
                    meters(MeterNoticeKind::Moving),
                ],
                false,
                State::Moving,
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
                (State::Alert, vec![3]),
                (State::Alert, vec![4]),
                (State::Alert, vec![2]),
                (State::Alert, vec![5]),
                (State::Silent, vec![6]),
                (State::Recovered, vec![1]),
            ]
        );
    }

    /// The notices of room 101 as they are, of watches with these numbers and begins of their stays.
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
    fn notices_are_of_one_watch_by_its_number_those_of_0_1_by_its_stay() {
        let (now, ended) = (Instant::now(), (State::Ended, vec![1, 2]));
        let apart = [(State::Unclear, vec![1]), (State::Recovered, vec![2])];
        let recovered = || notice(NoticeKind::Recovered, "101", 4, 8_000);
        for (alert_of, recovered_of, told) in [
            ((3, 0), (3, 0), vec![ended.clone()]),
            // The stay began at another time than was known.
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
            assert_eq!(stories(&waiting, false), told, "{are}");
        }
    }

    #[test]
    fn what_is_held_is_neither_told_nor_too_old_until_it_no_longer_is() {
        let now = Instant::now();
        let recovered = notice(NoticeKind::Recovered, "101", 4, 8_000);
        let mut waiting = waiting(now, [recovered, meters(MeterNoticeKind::Frozen)]);
        let is_recovery = |notice: &Notice| notice.kind() == "recovered";
        let later = now + 2 * MAX_AGE;
        waiting.hold(later, MAX_AGE, is_recovery);
        assert_eq!(stories(&waiting, true), [(State::Frozen, vec![2])]);
        assert_eq!(waiting.expired(later), [2]);
        waiting.remove([2]);
        assert_eq!(waiting.due(later), Due::Never);
        waiting.hold(later, MAX_AGE, |_| false);
        assert_eq!(waiting.expired(later), [0; 0]);
        assert_eq!(waiting.due(later), Due::Of(HotelId::new("H1")));
        assert_eq!(stories(&waiting, true), [(State::Recovered, vec![1])]);
    }

    #[test]
    fn an_alert_whose_recovery_is_held_goes_on_as_far_as_is_known() {
        let now = Instant::now();
        let recovered = notice(NoticeKind::Recovered, "101", 4, 8_000);
        let mut waiting = waiting(now, [alert("101"), alert("102"), recovered]);
        waiting.hold(now, MAX_AGE, |notice| notice.kind() == "recovered");
        assert_eq!(waiting.len(), 2);
        let (alert, unclear) = ((State::Alert, vec![1]), (State::Unclear, vec![2]));
        assert_eq!(stories(&waiting, false), [alert, unclear.clone()]);
        waiting.hold(now, MAX_AGE, |_| false);
        let ended = (State::Ended, vec![1, 3]);
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
    fn what_is_too_old_expires_unless_its_run_has_younger_news() {
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
    fn what_is_refused_goes_as_text_then_by_itself_then_not_at_all() {
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
        assert_eq!(stories(&waiting, true), [(State::Ended, vec![1, 3])]);
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
    fn a_notice_that_is_known_stays_as_it_is() {
        let now = Instant::now();
        let mut waiting = waiting(now, [alert("101")]);
        waiting.refused(&[1]);
        waiting.add(1, alert("101"), Duration::ZERO, now + WAIT, WAIT, MAX_AGE);
        let bundle = waiting.bundle(&HotelId::new("H1"), &HashSet::new());
        assert_eq!(bundle.map(|bundle| bundle.manner), Some(Manner::Text));
        assert_eq!(waiting.due(now + WAIT), Due::Of(HotelId::new("H1")));
    }
}
