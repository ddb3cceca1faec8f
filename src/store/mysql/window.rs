//! Remembers which ids the rows of the meter table have, by their times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::types::LocalTime;

/// Rows are grouped into buckets of ten minutes: fine enough to bound a read, and few enough to
/// keep two years of them.
const BUCKET_SECONDS: i64 = 600;
const BUCKETS_KEPT: i64 = 2 * 365 * BUCKETS_A_DAY;

/// Buckets of a piece, which is learned from the table at once: two hours, or 80,000 rows of 20,000
/// rooms.
const BUCKETS_A_PIECE: i64 = 12;

const BUCKETS_A_DAY: i64 = 24 * 3600 / BUCKET_SECONDS;

/// Sweeps read silent rooms back to this many buckets at most.
const CHEAP_BUCKETS: i64 = 2 * BUCKETS_A_DAY;

/// An interval of ids, both ends included.
pub(super) type Ids = (u64, u64);

/// Finds the ids between which all rows of a span of time lie. Ids follow the time only roughly:
/// after an outage of a gateway, old times get new ids. So the ids are learned from the index on
/// the time when they are first needed, and then from every row that the stream shows.
///
/// With bounds on the id, reading a few rooms costs the same however long their history is: the
/// bounds are used in the (hotel, room) index, which ends with the primary key.
#[derive(Debug)]
pub(super) struct Window {
    /// The smallest and the largest id of the rows of each bucket.
    ids: BTreeMap<i64, Ids>,
    /// The same for each day, so that a long span needs few steps.
    days: BTreeMap<i64, Ids>,
    /// From this bucket on, which begins a piece, every row up to `settled` is known.
    from: i64,
    /// The pieces before `from` whose rows up to `settled` are known, too.
    learned: BTreeSet<i64>,
    /// The first bucket that is kept.
    floor: i64,
    /// The bucket of the table's oldest row; `None` until it is learned.
    oldest: Option<i64>,
    /// The oldest bucket before `floor` in which the stream has shown a row.
    ancient: i64,
    /// Rows with ids up to this one are known, unless their transaction stays open for longer than
    /// the stream's overlap.
    settled: u64,
    /// The bucket of the latest time that a row can have.
    newest: i64,
    /// Distinguishes this window from one that has replaced it.
    identity: Arc<()>,
}

/// Which rows of a room are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// Rows later than this
    pub(super) after: LocalTime,
    /// and not later than this,
    pub(super) until: LocalTime,
    /// or with an id up to this one.
    pub(super) passed: Option<u64>,
}

/// A span of time whose ids are to be learned.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    number: i64,
    of: Arc<()>,
}

impl Piece {
    /// When it begins, and when it ends, which is excluded.
    pub(super) fn span(&self) -> [LocalTime; 2] {
        [self.number, self.number + 1].map(|number| start_of(begin(number)))
    }

    /// Its buckets, each with its beginning and its end, which is excluded.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (i64, LocalTime, LocalTime)> {
        let buckets = begin(self.number)..begin(self.number + 1);
        buckets.map(|bucket| (bucket, start_of(bucket), start_of(bucket + 1)))
    }
}

impl Window {
    /// The window of a table of which nothing is known yet.
    pub(super) fn new(latest: LocalTime) -> Window {
        let newest = bucket(latest);
        Window {
            ids: BTreeMap::new(),
            days: BTreeMap::new(),
            from: begin(piece(newest) + 1),
            learned: BTreeSet::new(),
            floor: floor(newest),
            oldest: None,
            ancient: i64::MAX,
            settled: 0,
            newest,
            identity: Arc::default(),
        }
    }

    /// The window of a table that was made anew, and whose rows the stream will all show.
    pub(super) fn of_a_new_table(latest: LocalTime) -> Window {
        let mut window = Window::new(latest);
        window.from = window.floor;
        window.oldest = Some(window.newest);
        window
    }

    /// The pieces from `from` to the latest time.
    pub(super) fn since(&self, from: LocalTime) -> Vec<Piece> {
        let numbers = piece(bucket(from))..=piece(self.newest);
        numbers.map(|number| self.piece(number)).collect()
    }

    /// Sets `settled` after the first pieces were learned, at a time when `last` was the largest
    /// id. Transactions that are still open may commit rows with ids as small as those of rows
    /// later than `young`.
    pub(super) fn settle_at_first(&mut self, young: LocalTime, last: u64) {
        let smallest = self.hull(bucket(young), i64::MAX).map(|ids| ids.0);
        self.settled = smallest.map_or(last, |id| id.saturating_sub(1).min(last));
    }

    /// Adds what was learned of pieces: the ids of each bucket that has rows.
    pub(super) fn learn(&mut self, pieces: &[Piece], found: Vec<(i64, Ids)>) {
        // The pieces may be of a window that this one has replaced.
        let is_of_this = |piece: &Piece| Arc::ptr_eq(&self.identity, &piece.of);
        if !pieces.iter().all(is_of_this) {
            return;
        }
        for (bucket, ids) in found {
            self.count(bucket, ids);
        }
        let numbers = pieces.iter().map(|piece| piece.number);
        let floor = self.floor;
        self.learned
            .extend(numbers.filter(|&number| begin(number) >= floor));
        while self.learned.remove(&(piece(self.from) - 1)) {
            self.from -= BUCKETS_A_PIECE;
        }
    }

    /// Adds the time of the table's oldest row; `None` if the table is empty.
    pub(super) fn learn_oldest(&mut self, of: &Arc<()>, oldest: Option<LocalTime>) {
        if Arc::ptr_eq(&self.identity, of) {
            self.oldest = Some(oldest.map_or(self.newest, bucket));
        }
    }

    /// Adds a row that the stream has shown.
    pub(super) fn see(&mut self, id: u64, time: LocalTime) {
        self.count(bucket(time), (id, id));
    }

    fn count(&mut self, bucket: i64, ids: Ids) {
        if bucket < self.floor {
            self.ancient = self.ancient.min(bucket);
            return;
        }
        for (map, at) in [(&mut self.ids, bucket), (&mut self.days, day(bucket))] {
            let known = map.entry(at).or_insert(ids);
            *known = joined(*known, ids);
        }
    }

    /// Records that all rows up to this id were shown long enough ago that no late one is expected.
    pub(super) fn settle(&mut self, id: u64) {
        self.settled = self.settled.max(id);
    }

    /// Forgets what is older than two years before `now`.
    pub(super) fn forget_before(&mut self, now: LocalTime) {
        self.newest = self.newest.max(bucket(now));
        let floor = floor(self.newest);
        if floor <= self.floor {
            return;
        }
        self.floor = floor;
        let kept = self.ids.split_off(&floor);
        let oldest = std::mem::replace(&mut self.ids, kept);
        if let Some((&oldest, _)) = oldest.first_key_value() {
            self.ancient = self.ancient.min(oldest);
        }
        self.days = self.days.split_off(&day(floor));
        self.from = self.from.max(floor);
        self.learned.retain(|&piece| begin(piece) >= floor);
    }

    /// Rows later than this can be read without learning anything.
    pub(super) fn reaches_back_to(&self) -> LocalTime {
        start_of(self.from.max(self.newest - CHEAP_BUCKETS))
    }

    /// The intervals of ids that the rows of a wish can have, in order and without overlaps.
    ///
    /// # Errors
    /// What has to be learned first.
    pub(super) fn ids(&self, wish: Wish) -> Result<Vec<Ids>, Unknown> {
        let first = bucket(wish.after);
        let last = match bucket(wish.until) {
            last if last >= self.newest => i64::MAX,
            last => last,
        };
        self.are_known(
            first,
            if wish.passed.is_some() {
                i64::MAX
            } else {
                last
            },
        )?;
        // Also the bucket before: the rows of a transaction that was open for longer than the
        // stream's overlap have ids near those of that bucket.
        let first = first - 1;
        let passed = wish.passed.and_then(|passed| {
            let (smallest, largest) = self.hull(first, i64::MAX)?;
            (smallest <= passed).then_some((smallest, largest.min(passed)))
        });
        // Rows that the stream has not shown yet.
        let unseen = (self.settled.saturating_add(1), u64::MAX);
        let mut ids: Vec<Ids> = [self.hull(first, last), passed, Some(unseen)]
            .into_iter()
            .flatten()
            .collect();
        ids.sort_unstable();
        ids.dedup_by(|next, before| {
            let is_one = next.0 <= before.1.saturating_add(1);
            if is_one {
                *before = joined(*before, *next);
            }
            is_one
        });
        Ok(ids)
    }

    /// The smallest and the largest id of the rows of these buckets, if there are any.
    fn hull(&self, first: i64, last: i64) -> Option<Ids> {
        let hull = |map: &BTreeMap<i64, Ids>, first: i64, last: i64| {
            let ids = map.range(first.min(last)..=last).map(|(_, &ids)| ids);
            ids.reduce(joined)
        };
        let (first_day, last_day) = (day(first) + 1, day(last) - 1);
        if first_day > last_day {
            return hull(&self.ids, first, last);
        }
        [
            hull(&self.ids, first, first_day * BUCKETS_A_DAY - 1),
            hull(&self.days, first_day, last_day),
            hull(&self.ids, (last_day + 1) * BUCKETS_A_DAY, last),
        ]
        .into_iter()
        .flatten()
        .reduce(joined)
    }

    /// Checks that every row of these buckets up to `settled` is known.
    fn are_known(&self, first: i64, last: i64) -> Result<(), Unknown> {
        let oldest = self.oldest.map(|oldest| oldest.min(self.ancient));
        let first = first.max(oldest.unwrap_or(i64::MIN));
        let last = last.min(self.from - 1);
        if first > last {
            return Ok(());
        }
        if oldest.is_none() {
            return Err(Unknown::Oldest(Arc::clone(&self.identity)));
        }
        if first < self.floor {
            return Err(Unknown::Forgotten);
        }
        let numbers = piece(first)..=piece(last);
        let missing = numbers.filter(|piece| !self.learned.contains(piece));
        let missing: Vec<Piece> = missing.map(|number| self.piece(number)).collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(Unknown::Pieces(missing)),
        }
    }

    fn piece(&self, number: i64) -> Piece {
        let of = Arc::clone(&self.identity);
        Piece { number, of }
    }
}

/// What has to be learned before the ids of a span are known.
#[derive(Clone, Debug)]
pub(super) enum Unknown {
    /// The time of the table's oldest row, for [`Window::learn_oldest`].
    Oldest(Arc<()>),
    /// The rows of these pieces, at least one, in order, for [`Window::learn`].
    Pieces(Vec<Piece>),
    /// Nothing can be learned: the span lies before all that is kept.
    Forgotten,
}

fn joined(a: Ids, b: Ids) -> Ids {
    (a.0.min(b.0), a.1.max(b.1))
}

fn bucket(time: LocalTime) -> i64 {
    time.seconds().div_euclid(BUCKET_SECONDS)
}

fn day(bucket: i64) -> i64 {
    bucket.div_euclid(BUCKETS_A_DAY)
}

fn piece(bucket: i64) -> i64 {
    bucket.div_euclid(BUCKETS_A_PIECE)
}

/// The first bucket of a piece.
fn begin(piece: i64) -> i64 {
    piece * BUCKETS_A_PIECE
}

/// The first bucket that is kept if `newest` is the newest.
fn floor(newest: i64) -> i64 {
    begin(piece(newest - BUCKETS_KEPT))
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

    fn wish(after: LocalTime, until: LocalTime, passed: Option<u64>) -> Wish {
        Wish {
            after,
            until,
            passed,
        }
    }

    /// A meter table in memory, from which a window can learn.
    #[derive(Default)]
    struct Table(Vec<(u64, LocalTime)>);

    impl Table {
        fn learn(&self, window: &mut Window, pieces: &[Piece]) {
            let mut found = Vec::new();
            for (bucket, from, to) in pieces.iter().flat_map(Piece::buckets) {
                let rows = self.0.iter().filter(|row| from <= row.1 && row.1 < to);
                if let Some(ids) = rows.map(|&(id, _)| (id, id)).reduce(joined) {
                    found.push((bucket, ids));
                }
            }
            window.learn(pieces, found);
        }

        fn begin(&self, latest: LocalTime) -> Window {
            let mut window = Window::new(latest);
            let pieces = window.since(latest.plus(-4 * 3600));
            self.learn(&mut window, &pieces);
            let last = self.0.iter().map(|row| row.0).max().unwrap_or(0);
            window.settle_at_first(latest.plus(-2 * 3600), last);
            window
        }

        /// The ids of a wish after learning what is needed; `None` if nothing can be learned.
        fn ids(&self, window: &mut Window, wish: Wish) -> Option<Vec<Ids>> {
            for _ in 0..100_000 {
                match window.ids(wish) {
                    Ok(ids) => return Some(ids),
                    Err(Unknown::Forgotten) => return None,
                    Err(Unknown::Pieces(pieces)) => self.learn(window, &pieces[..1]),
                    Err(Unknown::Oldest(of)) => {
                        window.learn_oldest(&of, self.0.iter().map(|row| row.1).min());
                    }
                }
            }
            panic!("it never learns enough for {wish:?}");
        }
    }

    #[test]
    fn the_ids_of_a_span_are_bounded_on_both_sides() {
        // A row a minute for ten days; those of the last day are streamed.
        let now = at("12:00:00");
        let start = now.plus(-10 * 24 * 3600);
        let row = |minute: i64| (minute as u64 + 1, start.plus(minute * 60));
        let table = Table((0..10 * 24 * 60).map(row).collect());
        let mut window = table.begin(now.plus(3600));
        let stay = now.plus(-5 * 24 * 3600);
        let ids = table.ids(&mut window, wish(stay.plus(-1801), stay, None));
        let ids = ids.expect("ids");
        let [(first, last), (unseen, OPEN_END)] = ids[..] else {
            panic!("{ids:?}");
        };
        let at_stay = 5 * 24 * 60 + 1;
        assert!(
            first <= at_stay - 30 && first + 60 > at_stay - 30,
            "{first}"
        );
        assert!(last >= at_stay && last < at_stay + 20, "{last}");
        assert!(unseen > 10 * 24 * 60 - 90, "{unseen}");
        // If sweeps have passed all rows, the ids reach up to the newest.
        let ids = table.ids(&mut window, wish(stay.plus(-1801), stay, Some(u64::MAX)));
        assert_eq!(ids.expect("ids").len(), 1);
        // Days and years before the first row there is nothing to read.
        for days in [11, 400, 4_000] {
            let stay = now.plus(-days * 24 * 3600);
            let ids = table.ids(&mut window, wish(stay.plus(-1801), stay, None));
            assert_eq!(ids, Some(vec![(unseen, OPEN_END)]), "{days} days");
        }
    }

    const OPEN_END: u64 = u64::MAX;

    /// With ids that follow the time only roughly, backfill, rows that commit late, and pieces that
    /// are learned at any time.
    #[test]
    fn the_ids_of_a_wish_include_all_of_its_rows() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let start = at("00:00:00");
        for _ in 0..20 {
            let mut table = Table::default();
            let mut hidden: Vec<(u64, LocalTime)> = Vec::new();
            let mut next = 1_u64;
            let mut minute = 0_i64;
            let mut window: Option<Window> = None;
            let mut streamed = std::collections::HashSet::new();
            // The largest ids that the last three streams had read.
            let mut marks = std::collections::VecDeque::from([0_u64; 3]);
            for _ in 0..300 {
                minute += random.i64(1..40);
                let now = start.plus(minute * 60);
                for _ in 0..random.usize(0..4) {
                    let back = match random.u8(0..10) {
                        0 => random.i64(0..minute + 1),
                        1 => -30,
                        _ => random.i64(0..30),
                    };
                    let row = (next, now.plus(-60 * back));
                    next += random.u64(1..3);
                    if random.u8(0..8) == 0 {
                        hidden.push(row);
                    } else {
                        table.0.push(row);
                    }
                }
                if window.is_none() && random.u8(0..10) == 0 {
                    // At a start no transaction is open.
                    table.0.append(&mut hidden);
                    window = Some(table.begin(now.plus(3600)));
                    let last = table.0.iter().map(|row| row.0).max().unwrap_or(0);
                    marks = std::collections::VecDeque::from([last; 3]);
                }
                let Some(window) = &mut window else { continue };
                if random.bool() {
                    // Rows that were hidden for longer than a sweep are committed now.
                    let from = marks.pop_front().unwrap_or(0);
                    for &(id, time) in table.0.iter().filter(|row| row.0 > from) {
                        window.see(id, time);
                        streamed.insert(id);
                    }
                    marks.push_back(table.0.iter().map(|row| row.0).max().unwrap_or(0));
                    let settled = marks[0];
                    table
                        .0
                        .extend(hidden.iter().filter(|row| row.0 <= marks[1]).copied());
                    hidden.retain(|row| row.0 > marks[1]);
                    window.settle(settled.min(from));
                    window.forget_before(now.plus(3600));
                }
                let after = start.plus(60 * random.i64(-600..minute + 30));
                let until = after.plus(60 * random.i64(0..3_000));
                let passed = random.bool().then(|| random.u64(0..next + 1));
                let wish = wish(after, until, passed);
                let ids = table.ids(window, wish).expect("less than two years ago");
                let is_wanted = |&&(id, time): &&(u64, LocalTime)| {
                    time > after && (time <= until || passed.is_some_and(|last| id <= last))
                };
                for (id, time) in table.0.iter().filter(is_wanted) {
                    let is_in = ids.iter().any(|&(first, last)| first <= *id && *id <= last);
                    assert!(is_in, "{id} at {time} of {wish:?} is not in {ids:?}");
                }
                let apart = ids.windows(2).all(|two| two[0].1 < two[1].0);
                assert!(apart, "a row would come twice: {ids:?}");
            }
        }
    }

    #[test]
    fn all_rows_of_a_new_table_are_read() {
        let mut window = Window::of_a_new_table(at("12:00:00"));
        let all = wish(at("03:00:00"), at("03:30:00"), None);
        assert_eq!(window.ids(all).expect("ids"), [(1, u64::MAX)]);
        window.see(7, at("03:10:00"));
        window.settle(7);
        assert_eq!(window.ids(all).expect("ids"), [(7, u64::MAX)]);
    }

    #[test]
    fn pieces_of_a_replaced_window_are_ignored() {
        let old = Window::new(at("12:00:00"));
        let pieces = old.since(at("11:00:00"));
        let mut new = Window::new(at("12:00:00"));
        new.learn_oldest(&new.identity.clone(), Some(at("01:00:00")));
        let recent = wish(at("11:00:00"), at("11:30:00"), None);
        new.learn(&pieces, Vec::new());
        assert!(matches!(new.ids(recent), Err(Unknown::Pieces(_))));
        let pieces = new.since(at("11:00:00"));
        new.learn(&pieces, Vec::new());
        assert_eq!(new.ids(recent).expect("ids"), [(1, u64::MAX)]);
    }

    /// Three years of sweeps, with rows of the last days, of the next hour and of long ago.
    #[test]
    fn the_memory_of_the_window_is_bounded() {
        let start = at("08:00:00");
        let mut window = Table::default().begin(start);
        let mut id = 0;
        for hour in 0..3 * 365 * 24 {
            let latest = start.plus(hour * 3600 + 3600);
            for old in [0, 600, 1200, 1800, 2400, 3000, 50_000, 900 * 24 * 3600] {
                id += 1;
                window.see(id, latest.plus(-old));
            }
            window.settle(id);
            window.forget_before(latest);
        }
        let most = usize::try_from(BUCKETS_KEPT + BUCKETS_A_PIECE).expect("a count") + 3;
        assert!(window.ids.len() <= most, "{}", window.ids.len());
        assert!(window.days.len() <= 2 * 365 + 3 && window.learned.is_empty());
        // Recent rows still have bounds, and forgotten ones have none.
        let now = start.plus(3 * 365 * 24 * 3600);
        let recent = wish(now.plus(-3600), now, None);
        assert!(window.ids(recent).expect("ids")[0].0 > 1_000);
        let old = wish(start, start.plus(3600), None);
        window.learn_oldest(&window.identity.clone(), Some(start));
        assert!(matches!(window.ids(old), Err(Unknown::Forgotten)));
        assert_eq!(window.reaches_back_to(), now.plus(-2 * 24 * 3600));
    }
}
