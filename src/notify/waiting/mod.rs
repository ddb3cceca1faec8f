//! The notices that wait for one bot: which are sent next, which together, and in which form.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::engine::{Notice, RoomNotice};
use crate::types::HotelId;

use super::story::{Story, Subject};

/// The notices that wait for one bot.
#[derive(Default)]
pub(super) struct Waiting {
    items: BTreeMap<u64, Item>,
    /// Hotels whose last attempt failed, with the number of that failure: other hotels come first.
    failed: HashMap<HotelId, u64>,
    failures: u64,
}

struct Item {
    notice: Notice,
    /// Since when it is here, and how long it could have been sent before that.
    since: Instant,
    age: Duration,
    /// Until then it waits for others to be sent with.
    due: Instant,
    expires: Instant,
    /// Whether it is held back, whatever its age.
    is_held: bool,
    manner: Manner,
}

/// How a notice is sent. When the bot refuses one way, the next one is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// With others of its hotel on a card.
    Card,
    /// With others of its hotel as plain text.
    Text,
    /// Alone as plain text: another notice may have been the reason.
    Alone,
}

/// Notices of one hotel that are sent together.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) hotel: HotelId,
    pub(super) manner: Manner,
    /// The stories, the worst first.
    pub(super) stories: Vec<Story>,
}

/// When there is something to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    Never,
    At(Instant),
    Of(HotelId),
}

impl Waiting {
    /// How many can be sent: notices that are held back don't count, so that they take no other's
    /// place.
    pub(super) fn len(&self) -> usize {
        self.items.values().filter(|item| !item.is_held).count()
    }

    /// How long the oldest one has waited that can be sent; `None` where there is none.
    pub(super) fn longest(&self, now: Instant) -> Option<Duration> {
        let can_be_sent = self.items.values().filter(|item| !item.is_held);
        can_be_sent
            .map(|item| item.age + now.saturating_duration_since(item.since))
            .max()
    }

    /// How long this notice could have been sent; `None` where it is none of these.
    pub(super) fn waited(&self, id: u64, now: Instant) -> Option<Duration> {
        let item = self.items.get(&id)?;
        Some(item.age + now.saturating_duration_since(item.since))
    }

    /// Adds a notice that has been in the outbox for `age`; one that was added before stays as it
    /// is.
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
            since: now,
            age,
            due: now + group_wait.saturating_sub(age),
            expires: now + max_age.saturating_sub(age),
            is_held: false,
            manner: Manner::Card,
        });
    }

    /// Holds back the notices for which `is_held` is true. The age of such a notice counts from
    /// when it is no longer held.
    pub(super) fn hold(
        &mut self,
        now: Instant,
        max_age: Duration,
        is_held: impl Fn(&Notice) -> bool,
    ) {
        for item in self.items.values_mut() {
            item.is_held = is_held(&item.notice);
            if item.is_held {
                (item.since, item.age) = (now, Duration::ZERO);
                item.expires = now + max_age;
            }
        }
    }

    /// The ids of the notices for which `holds` is true.
    pub(super) fn ids(&self, holds: impl Fn(&Notice) -> bool) -> Vec<u64> {
        let items = self.items.iter();
        items
            .filter(|(_, item)| holds(&item.notice))
            .map(|(id, _)| *id)
            .collect()
    }

    /// The alerts that only add to an incident of which nothing else is to be sent: the staff knows
    /// of it.
    pub(super) fn joined(&self) -> Vec<(u64, RoomNotice)> {
        let joined = self
            .items
            .iter()
            .filter_map(|(id, item)| match &item.notice {
                Notice::Room(notice) if notice.is_joined_alert() => Some((*id, notice)),
                _ => None,
            });
        let others: HashSet<Subject> = { self.items.values() }
            .filter(|item| !matches!(&item.notice, Notice::Room(it) if it.is_joined_alert()))
            .map(|item| Subject::of(&item.notice))
            .collect();
        joined
            .filter(|(_, notice)| !others.contains(&Subject::Run(notice.incident())))
            .map(|(id, notice)| (id, notice.clone()))
            .collect()
    }

    /// Removes notices that are settled.
    pub(super) fn remove(&mut self, ids: impl IntoIterator<Item = u64>) {
        for id in ids {
            self.items.remove(&id);
        }
    }

    /// The notices that are too old, except those whose subject has a newer notice.
    pub(super) fn expired(&self, now: Instant) -> Vec<u64> {
        let mut last: HashMap<Subject, Instant> = HashMap::new();
        for item in self.items.values() {
            let expires = last
                .entry(Subject::of(&item.notice))
                .or_insert(item.expires);
            *expires = item.expires.max(*expires);
        }
        let is_expired = |notice: &Notice| {
            let expires = last.get(&Subject::of(notice));
            expires.is_some_and(|expires| *expires <= now)
        };
        self.ids(is_expired)
    }

    /// The hotel whose turn it is, of those with a notice that has waited long enough: first those
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

    /// The notices of a hotel for which `has_ended` is true.
    pub(super) fn ended(
        &self,
        hotel: &HotelId,
        has_ended: impl Fn(&Notice) -> bool,
    ) -> HashSet<u64> {
        let ended = self.ids(|notice| notice.hotel_id() == hotel && has_ended(notice));
        ended.into_iter().collect()
    }

    /// The notices of a hotel that are sent in the same way as its oldest one, or, if that is sent
    /// alone, its story. What the notices in `ended` report has ended by now; but if the notice of
    /// the end is held back, it counts as going on.
    pub(super) fn bundle(&self, hotel: &HotelId, ended: &HashSet<u64>) -> Option<Bundle> {
        let of_hotel = self.items.iter();
        let of_hotel = of_hotel.filter(|(_, item)| item.notice.hotel_id() == hotel);
        let held = of_hotel.clone().filter(|(_, item)| item.is_held);
        let held: HashSet<Subject> = held.map(|(_, item)| Subject::of(&item.notice)).collect();
        let none = HashSet::new();
        let mut of_hotel = of_hotel.filter(|(_, item)| !item.is_held).peekable();
        let (_, oldest) = of_hotel.peek()?;
        let (manner, first) = (oldest.manner, Subject::of(&oldest.notice));
        let mut stories: HashMap<Subject, Vec<(u64, Notice)>> = HashMap::new();
        for (id, item) in of_hotel.filter(|(_, item)| item.manner == manner) {
            let subject = Subject::of(&item.notice);
            if manner != Manner::Alone || subject == first {
                let story = stories.entry(subject).or_default();
                story.push((*id, item.notice.clone()));
            }
        }
        let stories = stories.into_iter().filter_map(|(subject, notices)| {
            let ended = if held.contains(&subject) {
                &none
            } else {
                ended
            };
            Story::new(notices, ended)
        });
        let mut stories: Vec<Story> = stories.collect();
        stories.sort_by_key(|story| {
            let power = story.of_room().map_or(0, RoomNotice::milliwatts);
            (story.status, Reverse(power), story.ids().next())
        });
        Some(Bundle {
            hotel: hotel.clone(),
            manner,
            stories,
        })
    }

    /// An attempt has failed for a reason that may pass.
    pub(super) fn failed(&mut self, hotel: HotelId) {
        self.failures += 1;
        self.failed.insert(hotel, self.failures);
    }

    /// An attempt has succeeded.
    pub(super) fn succeeded(&mut self, hotel: &HotelId) {
        self.failed.remove(hotel);
    }

    /// The bot has refused these notices: the next way is tried. Returns those for which there is
    /// none.
    pub(super) fn refused(&mut self, ids: &[u64]) -> Vec<u64> {
        let mut undeliverable = Vec::new();
        let known = ids.iter().filter_map(|id| self.items.get(id));
        let subjects: HashSet<Subject> = known.map(|item| Subject::of(&item.notice)).collect();
        let are_several = subjects.len() > 1;
        for id in ids {
            let Some(item) = self.items.get_mut(id) else {
                continue;
            };
            item.manner = match item.manner {
                Manner::Card => Manner::Text,
                Manner::Text if are_several => Manner::Alone,
                Manner::Text | Manner::Alone => {
                    undeliverable.push(*id);
                    continue;
                }
            };
        }
        undeliverable
    }
}

#[cfg(test)]
mod tests;
