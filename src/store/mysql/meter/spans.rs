//! Reading rooms where the time alone bounds what is read: some by their keys, others with all rows
//! of a span, whichever is less.

use crate::store::mysql::MySqlReader;
use crate::store::{StoreError, Wanted};
use crate::types::LocalTime;

use super::keys::{Ask, KEYS, Rows, Search};

/// Rooms a statement where only the time does: unless an index has both, a room's whole history is
/// read and compared, a year of which is 17,500 rows. With more keys servers read the whole table
/// instead.
const KEYS_WITH_HISTORY: usize = 20;

/// A row that is found by its room is looked up by itself and compared with the other rooms of the
/// statement; those of a span lie beside one another. Measured, one takes as long as three.
const OF_A_KEY: f64 = 3.0;

/// Where the server reads no more rows a room than this, it is not their whole history.
pub(super) const FEW: f64 = 20.0;

/// Rows that the server was seen to read.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store::mysql) struct Costs {
    /// For one room, by its key and the time.
    pub(super) key: Option<f64>,
    /// For one second of all rooms, the most.
    pub(super) second: Option<f64>,
}

/// Rows of one room that are wanted: later than one time, up to another.
pub(super) trait Stretch {
    fn after(&self) -> LocalTime;
    fn until(&self) -> LocalTime;
}

/// Which rooms are read how.
#[derive(Debug)]
pub(super) struct Divided<T> {
    /// With all rows of the span that has theirs.
    pub(super) spans: Vec<Vec<T>>,
    pub(super) keys: Vec<T>,
}

impl MySqlReader {
    /// Reads rooms by time: by their keys, or, where many are wanted of one span, all rows of that,
    /// whichever is less to be read.
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

    /// The same where the server does not say what it would read: what it did read for others
    /// before.
    fn search_by_count(
        &self,
        mut asks: Vec<Ask<'_>>,
        search: &mut Search,
    ) -> Result<(), StoreError> {
        search.counts = true;
        if self.costs.lock().key.is_none() {
            self.find(&first(&mut asks), search)?;
        }
        // All rows of a span are not read to learn what that costs where no index helps.
        let spans = !*self.learns_no_more.lock();
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

    /// Finds the rows of some rooms among all of the span that has theirs.
    fn find_span(&self, asks: &[Ask<'_>], search: &mut Search) -> Result<(), StoreError> {
        let Some((after, until)) = hull(asks) else {
            return Ok(());
        };
        let (found, read) = match self.select(self.by_times(after, until), asks, search) {
            // A row that a view can't compute, maybe of another room.
            Err(StoreError::Unstorable(_)) => {
                return self.find_by_keys(asks, KEYS_WITH_HISTORY, search);
            }
            result => result?,
        };
        search.take(found);
        if let Some(read) = read {
            let seconds = until.since(after).max(1);
            let of_these = read / seconds as f64;
            // Of times without rows nothing is learned about others.
            let second = &mut self.costs.lock().second;
            *second = Some(second.map_or(of_these, |most| most.max(of_these)));
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

/// Takes as many as a statement has.
fn first<'a>(asks: &mut Vec<Ask<'a>>) -> Vec<Ask<'a>> {
    let others = asks.split_off(KEYS_WITH_HISTORY.min(asks.len()));
    std::mem::replace(asks, others)
}

/// Divides rooms, in the order of [`Stretch::after`], by what is less to be read: where many are
/// wanted of one span, that is the span. `key` is how many rows the server reads for one by its
/// key, `rows` gives those of a span. So few as `statement` are not divided further.
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
        if rows(after, until)? <= OF_A_KEY * key * wanted.len() as f64 {
            divided.spans.push(wanted);
        } else if wanted.len() <= statement || key <= FEW {
            divided.keys.append(&mut wanted);
        } else {
            // Some may be closer to one another than to the others.
            let later = wanted.split_off(wanted.len() / 2);
            rest.extend([later, wanted]);
        }
    }
    Ok(divided)
}

/// The span that has all of them.
pub(super) fn hull<T: Stretch>(wanted: &[T]) -> Option<(LocalTime, LocalTime)> {
    let after = wanted.iter().map(Stretch::after).min()?;
    let until = wanted.iter().map(Stretch::until).max()?;
    Some((after, until))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes.
    impl Stretch for (i64, i64) {
        fn after(&self) -> LocalTime {
            LocalTime::FIRST.plus(60 * self.0)
        }

        fn until(&self) -> LocalTime {
            LocalTime::FIRST.plus(60 * self.1)
        }
    }

    /// Half an hour of each room, of a table with five rows a second.
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
    fn rooms_of_one_span_are_read_with_it() {
        // A night's outage: 400 stays within eight hours.
        let night = || (0..400).map(|n| n * 480 / 400);
        assert_eq!(divided(night(), 8_000.0), (vec![400], 0));
        // An index on the room and the time.
        assert_eq!(divided(night(), 7.0), (vec![], 400));
        // Two such nights, a year apart.
        let nights = night().chain(night().map(|n| 525_600 + n));
        assert_eq!(divided(nights, 8_000.0), (vec![400, 400], 0));
        // Rooms far from one another, and many at once after them.
        let alone = (0..8).map(|n| n * 10_000);
        let many = (0..56).map(|n| 100_000 + n);
        let (spans, keys) = divided(alone.chain(many), 800.0);
        assert_eq!((spans.iter().sum::<usize>(), keys), (56, 8));
        assert_eq!(divided([], 7.0), (vec![], 0));
    }
}
