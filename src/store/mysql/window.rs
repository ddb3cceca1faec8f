//! Which ids the recent rows of the meter table have.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::types::LocalTime;

/// Rows are told apart by ten minutes of their time: fine enough to bound a read, few enough to
/// keep two days of them.
const BUCKET_SECONDS: i64 = 600;
const BUCKETS_KEPT: i64 = 2 * 24 * 3600 / BUCKET_SECONDS;

/// Finds, for a time, an id below which no newer row lies. Ids follow time only nearly: after an
/// outage of a gateway old times come under new ids. So this is learned from every row seen, not
/// assumed.
///
/// It makes reading a few rooms cost what is new, whatever the history: the bound on the id goes
/// into the (hotel, room) index, which ends with the primary key.
#[derive(Debug)]
pub(super) struct Window {
    /// The smallest id of the rows of each bucket of time.
    smallest: BTreeMap<i64, u64>,
    /// From this bucket on every row is known.
    from: i64,
    /// No row that is not known has an id up to this.
    known: u64,
}

impl Window {
    /// Starts from a table in which the rows at times `from` to `latest` have ids of at least
    /// `smallest`, and no row has one above `known`.
    pub(super) fn new(from: LocalTime, latest: LocalTime, smallest: u64, known: u64) -> Window {
        Window {
            smallest: (bucket(from)..=bucket(latest))
                .map(|bucket| (bucket, smallest))
                .collect(),
            // The first bucket begins before `from`.
            from: bucket(from) + 1,
            known,
        }
    }

    /// Takes a row into account.
    pub(super) fn see(&mut self, id: u64, time: LocalTime) {
        let bucket = bucket(time);
        if bucket >= self.from {
            let smallest = self.smallest.entry(bucket).or_insert(id);
            *smallest = id.min(*smallest);
        }
        self.known = self.known.max(id);
    }

    /// Forgets what is older than two days before `now`.
    pub(super) fn forget_before(&mut self, now: LocalTime) {
        self.from = self.from.max(bucket(now) - BUCKETS_KEPT);
        self.smallest = self.smallest.split_off(&(self.from - 1));
    }

    /// Rows newer than this may be asked for with a bound.
    pub(super) fn reaches_back_to(&self) -> LocalTime {
        start_of(self.from)
    }

    /// An id that every row newer than `after` has or exceeds; `None` when that is not known.
    pub(super) fn smallest_id_after(&self, after: LocalTime) -> Option<u64> {
        let first = bucket(after);
        if first < self.from {
            return None;
        }
        // And those of the bucket before: of two open transactions the lower id can commit later,
        // and is not known yet.
        let newer = self
            .smallest
            .range((Bound::Included(first - 1), Bound::Unbounded));
        Some(newer.map(|(_, &id)| id).min().unwrap_or(self.known + 1))
    }
}

fn bucket(time: LocalTime) -> i64 {
    time.seconds().div_euclid(BUCKET_SECONDS)
}

fn start_of(bucket: i64) -> LocalTime {
    LocalTime::from_seconds(bucket * BUCKET_SECONDS).unwrap_or(LocalTime::FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> LocalTime {
        LocalTime::parse(&format!("2023-04-10 {text}")).expect("a time")
    }

    #[test]
    fn bounds_what_is_known() {
        let mut window = Window::new(at("12:05:00"), at("13:00:00"), 100, 500);
        assert_eq!(window.reaches_back_to(), at("12:10:00"));
        assert_eq!(window.smallest_id_after(at("12:09:59")), None);
        assert_eq!(window.smallest_id_after(at("12:10:00")), Some(100));
        assert_eq!(window.smallest_id_after(at("13:09:59")), Some(100));
        assert_eq!(
            window.smallest_id_after(at("13:20:00")),
            Some(501),
            "no such row yet"
        );
        window.see(510, at("14:30:00"));
        window.see(505, at("14:31:00"));
        window.see(520, at("15:00:00"));
        assert_eq!(window.smallest_id_after(at("13:20:00")), Some(505));
        assert_eq!(window.smallest_id_after(at("14:50:00")), Some(520));
        // A row between the two may still be hidden in an open transaction.
        window.see(530, at("15:10:00"));
        assert_eq!(window.smallest_id_after(at("15:10:00")), Some(520));
        assert_eq!(window.smallest_id_after(at("15:30:00")), Some(531));
    }

    #[test]
    fn a_backfilled_row_does_not_hide_older_ids() {
        let mut window = Window::new(at("08:00:00"), at("08:30:00"), 90, 100);
        window.see(110, at("14:30:00"));
        window.see(200, at("09:00:00"));
        assert_eq!(window.smallest_id_after(at("08:50:00")), Some(110));
    }

    #[test]
    fn a_row_that_commits_late_lowers_the_bound() {
        let mut window = Window::new(at("08:00:00"), at("08:30:00"), 90, 100);
        window.see(120, at("14:30:00"));
        window.see(119, at("14:30:00"));
        assert_eq!(window.smallest_id_after(at("14:00:00")), Some(119));
    }

    #[test]
    fn forgets_old_buckets() {
        let mut window = Window::new(at("08:00:00"), at("08:30:00"), 90, 100);
        window.see(120, at("14:30:00"));
        let later = LocalTime::parse("2023-04-12 14:20:00").expect("a time");
        window.forget_before(later);
        assert_eq!(window.reaches_back_to(), at("14:20:00"));
        assert_eq!(window.smallest_id_after(at("14:10:00")), None);
        assert_eq!(window.smallest_id_after(at("14:20:00")), Some(120));
        assert!(window.smallest.len() <= 2);
    }

    /// Ten days of sweeps a minute, with rows of the last three days and of the next hour.
    #[test]
    fn what_the_window_remembers_is_bounded() {
        let start = at("08:00:00");
        let mut window = Window::new(start.plus(-4 * 3600), start, 0, 0);
        let mut id = 0;
        for minute in 0..10 * 24 * 60 {
            let latest = start.plus(minute * 60 + 3600);
            for old in [0, 300, 3600, 50_000, 3 * 24 * 3600] {
                id += 1;
                window.see(id, latest.plus(-old));
            }
            window.forget_before(latest);
            let most = usize::try_from(BUCKETS_KEPT).expect("a count") + 3;
            assert!(window.smallest.len() <= most, "{}", window.smallest.len());
        }
        // It still bounds what it knows.
        let recent = start.plus(10 * 24 * 3600 - 3600);
        assert!(
            window
                .smallest_id_after(recent)
                .is_some_and(|smallest| smallest > 1_000)
        );
    }
}
