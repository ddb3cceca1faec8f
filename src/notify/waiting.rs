//! The notices that wait for one bot: which of them go next, together, and how.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::engine::{MeterNoticeKind, Notice, NoticeKind, RoomNotice};
use crate::types::{HotelId, Kind, LocalTime, RoomKey, RoomNumber};

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
#[derive(Debug)]
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

    /// The room it is about, if it is about one.
    pub(super) fn room(&self) -> Option<&RoomNumber> {
        match self.last()? {
            Notice::Room(notice) => Some(&notice.room.room_number),
            Notice::Meters(_) => None,
        }
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
    /// A room was abnormal, and nobody was told in time.
    Ended,
    /// A room no longer is.
    Recovered,
    /// Meters are heard again.
    Heard,
}

/// When there is something to tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Never,
    At(Instant),
    Of(HotelId),
}

/// What several notices are of: they are told as one.
#[derive(PartialEq, Eq, Hash)]
enum Subject<'a> {
    Run(&'a RoomKey, (LocalTime, Kind), LocalTime),
    Meters,
}

fn subject(notice: &Notice) -> Subject<'_> {
    match notice {
        Notice::Room(notice) => Subject::Run(&notice.room, notice.stay.order(), notice.since),
        Notice::Meters(_) => Subject::Meters,
    }
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.items.len()
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
            manner: Manner::Card,
        });
    }

    /// These need no more work.
    pub(super) fn remove(&mut self, ids: impl IntoIterator<Item = u64>) {
        for id in ids {
            self.items.remove(&id);
        }
    }

    /// The notices that are too old, but for those of a run of which there is younger news.
    pub(super) fn expired(&self, now: Instant) -> Vec<u64> {
        let mut last: HashMap<(&HotelId, Subject<'_>), Instant> = HashMap::new();
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
        for item in self.items.values() {
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

    /// All that waits of a hotel and goes the same way as the oldest of it. `goes_on` tells whether
    /// a run is still what it was.
    pub(super) fn bundle(
        &self,
        hotel: &HotelId,
        goes_on: impl Fn(&RoomNotice) -> bool,
    ) -> Option<Bundle> {
        let mut of_hotel = self
            .items
            .iter()
            .filter(|(_, item)| item.notice.hotel_id() == hotel)
            .peekable();
        let manner = of_hotel.peek()?.1.manner;
        let most = if manner == Manner::Alone {
            1
        } else {
            usize::MAX
        };
        let mut stories: HashMap<Subject<'_>, Vec<(u64, Notice)>> = HashMap::new();
        let same_way = of_hotel.filter(|(_, item)| item.manner == manner);
        for (id, item) in same_way.take(most) {
            let story = stories.entry(subject(&item.notice)).or_default();
            story.push((*id, item.notice.clone()));
        }
        let mut stories: Vec<Story> = stories
            .into_values()
            .filter_map(|notices| {
                Some(Story {
                    state: state(&notices, &goes_on)?,
                    notices,
                })
            })
            .collect();
        stories.sort_by_key(|story| {
            let power = story.last().map_or(0, milliwatts);
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
        for id in ids {
            let Some(item) = self.items.get_mut(id) else {
                continue;
            };
            item.manner = match item.manner {
                Manner::Card => Manner::Text,
                Manner::Text if ids.len() > 1 => Manner::Alone,
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
pub(super) fn state(
    notices: &[(u64, Notice)],
    goes_on: impl Fn(&RoomNotice) -> bool,
) -> Option<State> {
    let of_kind = |kind: NoticeKind| {
        (notices.iter())
            .any(|(_, notice)| matches!(notice, Notice::Room(notice) if notice.kind == kind))
    };
    let is_first = of_kind(NoticeKind::Alert);
    Some(match &notices.last()?.1 {
        Notice::Room(last) => match last.kind {
            NoticeKind::Recovered if is_first => State::Ended,
            NoticeKind::Recovered => State::Recovered,
            NoticeKind::Alert | NoticeKind::Reminder if !goes_on(last) => State::Ended,
            _ if is_first => State::Alert,
            _ => State::Reminder,
        },
        Notice::Meters(last) => match last.kind {
            MeterNoticeKind::Silent => State::Silent,
            MeterNoticeKind::Heard => State::Heard,
        },
    })
}

/// Mean power of a run.
fn milliwatts(notice: &Notice) -> i64 {
    match notice {
        Notice::Room(notice) => notice.energy.0.saturating_mul(3_600_000) / notice.run_seconds(),
        Notice::Meters(_) => 0,
    }
}
