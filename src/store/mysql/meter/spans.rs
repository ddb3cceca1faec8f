//! Reads rooms when rows can only be bounded by their time: by key, or all rows of a span,
//! whichever reads fewer rows.

use crate::store::mysql::MySqlReader;
use crate::store::{StoreError, Wanted};
use crate::types::LocalTime;

use super::keys::{Ask, KEYS, Rows, Search};

/// Keys a statement if only the time bounds the rows. Unless an index has both room and time, the
/// server reads each room's whole history, which is 17,500 rows a year. With more keys servers read
/// the whole table instead.
const KEYS_WITH_HISTORY: usize = 20;

/// A row read by key costs as much as this many rows of a span, as measured: it is looked up by
/// itself and compared with the other rooms of the statement, while rows of a span are adjacent.
const COST_BY_KEY: f64 = 3.0;

/// If the server reads at most this many rows a room, it does not read whole histories.
pub(super) const FEW: f64 = 20.0;

/// Measured numbers of rows that the server reads.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store::mysql) struct Costs {
    /// For one room by key and time.
    pub(super) key: Option<f64>,
    /// For one second of a span with all rooms; the highest measured so far.
    pub(super) second: Option<f64>,
}

/// A span of time of one room, whose rows are wanted.
pub(super) trait Stretch {
    /// Its beginning, which is excluded.
    fn after(&self) -> LocalTime;
    /// Its end, which is included.
    fn until(&self) -> LocalTime;
}

/// How rooms are read.
#[derive(Debug)]
pub(super) struct Divided<T> {
    /// Groups of rooms that are read together, with all rows of a span.
    pub(super) spans: Vec<Vec<T>>,
    /// Rooms that are read by key.
    pub(super) keys: Vec<T>,
}

impl MySqlReader {
    /// Reads rooms by time: by key, or, if many are wanted of the same span, all rows of that span,
    /// whichever reads fewer rows.
    pub(super) fn search_by_time(
        &self,
        wanted: Vec<&Wanted>,
        search: &mut Search,
    ) -> Result<(), StoreError> {
        let ask = |wanted| {
            let until = search.until_by_time(wanted);
            self.ask(wanted, until, &[Rows::Times(wanted.after, until)])
        };
        let mut asks: Vec<Ask<'_>> = wanted.into_iter().map(ask).collect();
        asks.sort_by_key(|ask| ask.wanted.after);
        if asks.len() <= KEYS_WITH_HISTORY {
            return self.find_by_keys(&asks, KEYS_WITH_HISTORY, search);
        }
        let some = &asks[..KEYS_WITH_HISTORY];
        let Some(key) = self.expected(self.by_keys(some))? else {
            return self.search_by_count(asks, search);
        };
        let key = key / KEYS_WITH_HISTORY as f64;
        let mut rows = |after, until| {
            let rows = self.expected(self.by_times(after, until))?;
            Ok::<f64, StoreError>(rows.unwrap_or(f64::INFINITY))
        };
        let divided = divide(asks, KEYS_WITH_HISTORY, key, &mut rows)?;
        self.find_divided(&divided, key, search)
    }

    /// The same if the server gives no estimates: uses counts of the rows that it read before.
    fn search_by_count(
        &self,
        mut asks: Vec<Ask<'_>>,
        search: &mut Search,
    ) -> Result<(), StoreError> {
        search.counts = true;
        if self.costs.lock().key.is_none() {
            self.find(&first(&mut asks), search)?;
        }
        // Without a useful index no span is read, not even to measure its cost.
        let spans = !*self.gave_up_learning.lock();
        if spans && self.costs.lock().second.is_none() {
            self.find_span(&first(&mut asks), search)?;
        }
        let costs = *self.costs.lock();
        let key = costs.key.unwrap_or_default();
        let second = costs.second.filter(|_| spans).unwrap_or(f64::INFINITY);
        let mut rows = |after, until: LocalTime| {
            let seconds = until.since(after).max(1);
            Ok::<f64, StoreError>(second * seconds as f64)
        };
        let divided = divide(asks, KEYS_WITH_HISTORY, key, &mut rows)?;
        self.find_divided(&divided, key, search)
    }

    fn find_divided(
        &self,
        divided: &Divided<Ask<'_>>,
        key: f64,
        search: &mut Search,
    ) -> Result<(), StoreError> {
        let mut spans = divided.spans.iter();
        spans.try_for_each(|asks| self.find_span(asks, search))?;
        let most = if key <= FEW { KEYS } else { KEYS_WITH_HISTORY };
        self.find_by_keys(&divided.keys, most, search)
    }

    /// Finds the rows of some rooms among all rows of the span that covers theirs.
    fn find_span(&self, asks: &[Ask<'_>], search: &mut Search) -> Result<(), StoreError> {
        let Some((after, until)) = hull(asks) else {
            return Ok(());
        };
        let selected = match self.select(self.by_times(after, until), asks, search) {
            // A view can't compute a row, which may be another room's.
            Err(StoreError::Unstorable(_)) => {
                return self.find_by_keys(asks, KEYS_WITH_HISTORY, search);
            }
            result => result?,
        };
        let read = selected.read;
        search.take(selected);
        if let Some(read) = read {
            let seconds = until.since(after).max(1);
            let measured = read / seconds as f64;
            // The highest: a span without rows says nothing about others.
            let second = &mut self.costs.lock().second;
            *second = Some(second.map_or(measured, |most| most.max(measured)));
        }
        Ok(())
    }
}

impl Stretch for Ask<'_> {
    fn after(&self) -> LocalTime {
        self.wanted.after
    }

    fn until(&self) -> LocalTime {
        self.until
    }
}

/// Takes the rooms of the first statement.
fn first<'a>(asks: &mut Vec<Ask<'a>>) -> Vec<Ask<'a>> {
    let others = asks.split_off(KEYS_WITH_HISTORY.min(asks.len()));
    std::mem::replace(asks, others)
}

/// Divides rooms, which are ordered by [`Stretch::after`], into spans and keys so that few rows are
/// read. `key` is the number of rows that the server reads for one room by key, and `rows` gives
/// the number for a span. Groups of at most `statement` rooms are not divided further.
///
/// # Errors
/// Those of `rows`.
pub(super) fn divide<T: Stretch, E>(
    wanted: Vec<T>,
    statement: usize,
    key: f64,
    rows: &mut impl FnMut(LocalTime, LocalTime) -> Result<f64, E>,
) -> Result<Divided<T>, E> {
    let mut divided = Divided {
        spans: Vec::new(),
        keys: Vec::new(),
    };
    let mut rest = vec![wanted];
    while let Some(mut wanted) = rest.pop() {
        let Some((after, until)) = hull(&wanted) else {
            continue;
        };
        if rows(after, until)? <= COST_BY_KEY * key * wanted.len() as f64 {
            divided.spans.push(wanted);
        } else if wanted.len() <= statement || key <= FEW {
            divided.keys.append(&mut wanted);
        } else {
            // Each half may cover a shorter span.
            let later = wanted.split_off(wanted.len() / 2);
            rest.extend([later, wanted]);
        }
    }
    Ok(divided)
}

/// The span that covers all of them.
pub(super) fn hull<T: Stretch>(wanted: &[T]) -> Option<(LocalTime, LocalTime)> {
    let after = wanted.iter().map(Stretch::after).min()?;
    let until = wanted.iter().map(Stretch::until).max()?;
    Some((after, until))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beginning and end in minutes.
    impl Stretch for (i64, i64) {
        fn after(&self) -> LocalTime {
            LocalTime::FIRST.plus(60 * self.0)
        }

        fn until(&self) -> LocalTime {
            LocalTime::FIRST.plus(60 * self.1)
        }
    }

    /// Divides rooms with half an hour each, in a table with five rows a second.
    fn divided(after: impl IntoIterator<Item = i64>, key: f64) -> (Vec<usize>, usize) {
        let wanted: Vec<(i64, i64)> = after.into_iter().map(|at| (at, at + 30)).collect();
        let mut rows = |after: LocalTime, until: LocalTime| -> Result<f64, ()> {
            Ok(5.0 * until.since(after) as f64)
        };
        let divided = divide(wanted, 8, key, &mut rows).expect("it can't fail");
        let spans = divided.spans.iter().map(Vec::len).collect();
        (spans, divided.keys.len())
    }

    #[test]
    fn rooms_with_the_same_span_are_read_together() {
        // A night's outage: 400 stays within eight hours.
        let night = || (0..400).map(|n| n * 480 / 400);
        assert_eq!(divided(night(), 8_000.0), (vec![400], 0));
        // With an index on room and time.
        assert_eq!(divided(night(), 7.0), (vec![], 400));
        // Two such nights, a year apart.
        let nights = night().chain(night().map(|n| 525_600 + n));
        assert_eq!(divided(nights, 8_000.0), (vec![400, 400], 0));
        // Eight rooms with distant spans, then many with nearly the same one.
        let alone = (0..8).map(|n| n * 10_000);
        let many = (0..56).map(|n| 100_000 + n);
        let (spans, keys) = divided(alone.chain(many), 800.0);
        assert_eq!((spans.iter().sum::<usize>(), keys), (56, 8));
        assert_eq!(divided([], 7.0), (vec![], 0));
    }
}
