//! What messages have said of a room's status, and which times are not judged because of it.

use serde::{Deserialize, Serialize};

use crate::types::{Kind, LocalTime};

use super::compact::Compact;
use super::{Added, RoomStatus, Rules, StatusChange, Stay};

/// Changes to and from out of order are kept for so long before the newest of them, because
/// messages come late and in any order. Seconds.
const KEPT_OF_ORDER: i64 = 7 * 24 * 3_600;

/// The same for cleaning, which matters for some hours: longer than the longest time of grace.
/// Where no sweep has come for a day less that time, intervals of a cleaning before the newest are
/// judged.
const KEPT_OF_CLEANING: i64 = 24 * 3_600;

/// The most changes of each sort that are kept.
const MOST: usize = 8;

/// What is known of a room's status.
///
/// It is a set of changes, each with its own time, as [`Occupancy`](super::Occupancy) is a set of
/// facts: whatever order messages come in, and however often they come, the same follows from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statuses {
    /// In their order, each once.
    changes: Vec<StatusChange>,
}

/// Why an interval is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exemption {
    /// The room is out of order, since this time.
    OutOfOrder { since: LocalTime },
    /// It may be being cleaned.
    Cleaning,
}

/// The times of a watch that are not judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exempt {
    /// From when, and until when where that is known.
    out_of_order: Vec<(LocalTime, Option<LocalTime>)>,
    /// After when, and up to when.
    cleaning: Vec<(LocalTime, LocalTime)>,
}

impl Exempt {
    /// Why the interval between these times is not judged, if it is not.
    pub fn interval(&self, from: LocalTime, to: LocalTime) -> Option<Exemption> {
        let lies_in =
            |begin, end: Option<LocalTime>| begin < to && end.is_none_or(|end| from < end);
        let span = { self.out_of_order.iter() }.find(|&&(begin, end)| lies_in(begin, end));
        if let Some(&(since, _)) = span {
            return Some(Exemption::OutOfOrder { since });
        }
        let is_cleaned = { self.cleaning.iter() }.any(|&(begin, end)| begin < to && to <= end);
        is_cleaned.then_some(Exemption::Cleaning)
    }
}

impl Statuses {
    /// All changes of a whole past, in any order.
    pub fn of_past(changes: impl IntoIterator<Item = StatusChange>) -> Statuses {
        let mut changes = Vec::from_iter(changes);
        changes.sort_unstable();
        changes.dedup();
        Statuses { changes }
    }

    /// The changes of a whole past, as the running service would have known them: from the first of
    /// the room's `stays` on, which are in order. Out of order ends when the next guest arrives:
    /// each change gets that end.
    pub fn in_past(changes: impl IntoIterator<Item = StatusChange>, stays: &[Stay]) -> Statuses {
        let Some(first) = stays.first() else {
            return Statuses::default();
        };
        let changes = changes
            .into_iter()
            .filter(|change| change.at >= first.time());
        Statuses::of_past(changes.map(|mut change| {
            if let RoomStatus::OutOfOrder { until } = &mut change.status {
                let arrivals = stays.iter().filter(|stay| stay.kind() == Kind::Checkin);
                let next = arrivals.map(Stay::time).find(|time| *time > change.at);
                *until = [*until, next].into_iter().flatten().min();
            }
            change
        }))
    }

    /// Those that matter from one time on, up to another.
    pub fn between(&self, from: LocalTime, to: LocalTime) -> Statuses {
        let start = self.changes.partition_point(|change| change.at < from);
        let end = self.changes.partition_point(|change| change.at < to);
        let (before, after) = self.changes.split_at(start);
        let within = after.iter().take(end.saturating_sub(start));
        let last = { before.iter().rev() }.find(|change| change.status.is_of_order());
        let cleaned = from.plus(-KEPT_OF_CLEANING);
        let cleaning = { before.iter().rev() }
            .take_while(|change| change.at >= cleaned)
            .filter(|change| !change.status.is_of_order());
        Statuses::of_past(last.into_iter().chain(cleaning).chain(within).copied())
    }

    /// Whether nothing is known that still matters.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What is kept, in the order of time.
    pub fn changes(&self) -> &[StatusChange] {
        &self.changes
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.changes.shrink_to_fit();
    }

    /// Takes a change.
    pub fn add(&mut self, change: StatusChange) -> Added {
        let Err(place) = self.changes.binary_search(&change) else {
            return Added::Known;
        };
        self.changes.insert(place, change);
        let (order, cleaning): (Vec<_>, Vec<_>) =
            { self.changes.drain(..) }.partition(|change| change.status.is_of_order());
        // One older change is kept: it shows what the room was when the kept ones begin.
        self.changes = newest(order, KEPT_OF_ORDER, 1);
        self.changes.extend(newest(cleaning, KEPT_OF_CLEANING, 0));
        self.changes.sort_unstable();
        match self.changes.contains(&change) {
            true => Added::New,
            false => Added::Stale,
        }
    }

    /// Since when the room is out of order at this time, if it is. `arrived`: when a guest last
    /// came into the empty room.
    pub fn out_of_order(&self, at: LocalTime, arrived: Option<LocalTime>) -> Option<LocalTime> {
        let mut spans = self.spans_out_of_order(arrived);
        let span = spans.find(|&(begin, end)| begin <= at && end.is_none_or(|end| at < end));
        span.map(|(since, _)| since)
    }

    /// Each ends at the end that its message named, at the next change, or when a guest arrives.
    fn spans_out_of_order(
        &self,
        arrived: Option<LocalTime>,
    ) -> impl Iterator<Item = (LocalTime, Option<LocalTime>)> {
        let of_order = { self.changes.iter() }.filter(|change| change.status.is_of_order());
        let next = of_order.clone().skip(1).map(|change| Some(change.at));
        let with_next = of_order.zip(next.chain([None]));
        with_next.filter_map(move |(change, next)| {
            let RoomStatus::OutOfOrder { until } = change.status else {
                return None;
            };
            let arrived = arrived.filter(|&arrived| arrived > change.at);
            let end = [until, next, arrived].into_iter().flatten().min();
            end.is_none_or(|end| end > change.at)
                .then_some((change.at, end))
        })
    }

    /// The times of the watch on `stay` that are not judged.
    pub(super) fn exempt(&self, stay: &Stay, arrived: Option<LocalTime>, rules: &Rules) -> Exempt {
        let mut exempt = Exempt {
            out_of_order: self.spans_out_of_order(arrived).collect(),
            cleaning: Vec::new(),
        };
        let Stay::Vacant {
            actual_checkout, ..
        } = *stay
        else {
            return exempt;
        };
        let grace = rules.cleaning_grace_seconds;
        if grace == 0 {
            return exempt;
        }
        let of = |status| {
            let changes = self.changes.iter();
            changes.filter_map(move |change| (change.status == status).then_some(change.at))
        };
        let begins = [actual_checkout].into_iter().chain(of(RoomStatus::Dirty));
        exempt.cleaning.extend(begins.map(|begin| {
            let clean = of(RoomStatus::Clean).find(|&clean| clean >= begin);
            let end = begin.plus(grace);
            (begin, clean.map_or(end, |clean| clean.min(end)))
        }));
        exempt
    }

    /// Whether any change says that the room is out of order.
    pub fn has_out_of_order(&self) -> bool {
        let mut statuses = self.changes.iter().map(|change| change.status);
        statuses.any(|status| matches!(status, RoomStatus::OutOfOrder { .. }))
    }
}

/// The last of these changes, which are in order, and so many older ones as `before` says.
fn newest(mut changes: Vec<StatusChange>, kept_seconds: i64, before: usize) -> Vec<StatusChange> {
    if let Some(last) = changes.last() {
        let oldest = last.at.plus(-kept_seconds);
        let old = changes.partition_point(|change| change.at < oldest);
        let surplus = changes.len().saturating_sub(MOST).max(old);
        changes.drain(..surplus.saturating_sub(before));
    }
    changes
}

impl RoomStatus {
    /// Whether it is about being out of order; else it is about cleaning.
    fn is_of_order(self) -> bool {
        matches!(self, RoomStatus::OutOfOrder { .. } | RoomStatus::InOrder)
    }
}

/// Which status, since when, and until when.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredChange(Status, i64, Option<i64>);

#[derive(Serialize, Deserialize)]
enum Status {
    #[serde(rename = "o")]
    OutOfOrder,
    #[serde(rename = "i")]
    InOrder,
    #[serde(rename = "d")]
    Dirty,
    #[serde(rename = "c")]
    Clean,
}

impl Compact for StatusChange {
    type Form = StoredChange;

    fn form(&self) -> StoredChange {
        let (status, until) = match self.status {
            RoomStatus::OutOfOrder { until } => (Status::OutOfOrder, until),
            RoomStatus::InOrder => (Status::InOrder, None),
            RoomStatus::Dirty => (Status::Dirty, None),
            RoomStatus::Clean => (Status::Clean, None),
        };
        StoredChange(status, self.at.form(), until.form())
    }

    fn of(StoredChange(status, at, until): StoredChange) -> Option<StatusChange> {
        let status = match status {
            Status::OutOfOrder => RoomStatus::OutOfOrder {
                until: Option::of(until)?,
            },
            Status::InOrder => RoomStatus::InOrder,
            Status::Dirty => RoomStatus::Dirty,
            Status::Clean => RoomStatus::Clean,
        };
        Some(StatusChange {
            at: LocalTime::of(at)?,
            status,
        })
    }
}

impl Compact for Statuses {
    type Form = Vec<StoredChange>;

    fn form(&self) -> Self::Form {
        self.changes.iter().map(StatusChange::form).collect()
    }

    fn of(form: Self::Form) -> Option<Statuses> {
        let changes = form.into_iter().map(<StatusChange as Compact>::of);
        let changes: Option<Vec<StatusChange>> = changes.collect();
        changes.map(Statuses::of_past)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> LocalTime {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        noon.plus(hours * 3_600)
    }

    fn known(changes: &[(i64, RoomStatus)]) -> Statuses {
        let mut statuses = Statuses::default();
        for &(hours, status) in changes {
            let at = at(hours);
            statuses.add(StatusChange { at, status });
        }
        statuses
    }

    const REPAIRED: RoomStatus = RoomStatus::OutOfOrder { until: None };

    #[test]
    fn a_repair_that_takes_months_is_not_forgotten() {
        let mut statuses = known(&[(0, REPAIRED)]);
        for day in 1..100 {
            for (hours, status) in [(8, RoomStatus::Dirty), (10, RoomStatus::Clean)] {
                let at = at(day * 24 + hours);
                assert_eq!(statuses.add(StatusChange { at, status }), Added::New);
            }
        }
        assert_eq!(statuses.out_of_order(at(2_400), None), Some(at(0)));
        // A day of cleaning, and the repair.
        assert_eq!(statuses.changes().len(), 4, "{statuses:?}");
    }

    #[test]
    fn what_was_before_the_changes_that_are_kept_is_one_change() {
        let days = |days: i64| days * 24;
        let weekly = [
            (days(0), REPAIRED),
            (days(1), RoomStatus::InOrder),
            (days(20), REPAIRED),
            (days(21), RoomStatus::InOrder),
        ];
        let statuses = known(&weekly);
        let kept: Vec<LocalTime> = statuses.changes().iter().map(|change| change.at).collect();
        assert_eq!(kept, [days(1), days(20), days(21)].map(at));
        let hourly: Vec<_> = (0..30).map(|hour| (hour, REPAIRED)).collect();
        assert_eq!(known(&hourly).changes().len(), MOST + 1);
    }

    #[test]
    fn in_a_past_out_of_order_ends_with_the_guest_who_came() {
        let vacant = |hours| Stay::Vacant {
            actual_checkin: None,
            actual_checkout: at(hours),
        };
        let occupied = |hours| Stay::Occupied {
            check_in: at(hours),
            expected_checkout: None,
        };
        let stays = [occupied(-9), vacant(-1), occupied(2), vacant(4)];
        let change = |hours, status| StatusChange {
            at: at(hours),
            status,
        };
        // The first one was before anything was known of the room.
        let changes = [change(0, REPAIRED), change(-10, REPAIRED)];
        let statuses = Statuses::in_past(changes, &stays);
        let is = |hours| statuses.out_of_order(at(hours), None);
        assert_eq!([is(-5), is(1), is(5)], [None, Some(at(0)), None]);
        let none = Statuses::in_past(changes, &[]);
        assert!(none.is_empty());
        let of_the_last = statuses.between(at(4), LocalTime::LAST);
        assert_eq!(of_the_last.out_of_order(at(5), None), None);
        // It goes on over the departure.
        let statuses = Statuses::in_past([change(-5, REPAIRED)], &stays);
        let of_the_second = statuses.between(at(-1), at(2));
        assert_eq!(of_the_second.out_of_order(at(0), None), Some(at(-5)));
    }

    #[test]
    fn the_end_that_is_named_holds_and_the_later_one_of_two() {
        let until = |hours| RoomStatus::OutOfOrder {
            until: Some(at(hours)),
        };
        for changes in [
            [(0, REPAIRED), (0, until(3)), (0, until(2))],
            [(0, until(2)), (0, until(3)), (0, REPAIRED)],
        ] {
            let statuses = known(&changes);
            let is = |hours| statuses.out_of_order(at(hours), None);
            assert_eq!(
                [is(-1), is(0), is(2), is(3)],
                [None, Some(at(0)), Some(at(0)), None]
            );
        }
        // It comes to its end before it begins.
        assert_eq!(known(&[(0, until(-1))]).out_of_order(at(0), None), None);
    }
}
