//! Keeps track of how far the meter table has been streamed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::types::{LocalTime, RoomKey};

use super::Position;

/// Rows this young are read again, because of two open transactions the one with the lower id may
/// commit later.
const OVERLAP_BY_ID: Duration = Duration::from_secs(600);

/// The same for a table without ids, where a late row can only be found by reading again, and
/// gateways deliver late: rows that were new an hour ago are read again, and those up to
/// [`LOOK_BACK`] older. That is two hours of rows a sweep. An index on the time gives about 0.7
/// million rows/s, so 20,000 rooms take 0.1 s.
const OVERLAP_BY_TIME: Duration = Duration::from_secs(3600);

/// A late row is at most this much older than the newest one. Seconds.
pub(super) const LOOK_BACK: i64 = 3600;

/// About how many marks are kept for one overlap.
const MARKS: u32 = 60;

/// Streams the new rows of the meter table: in the order of their ids, or of their times if they
/// have none.
pub struct MeterTail {
    /// Where recent streams would have had to begin, oldest first.
    marks: VecDeque<Mark>,
    /// The newest row that was read.
    last: Position,
    /// For how long rows are read again.
    overlap: Duration,
    from_the_end: bool,
    /// When the current sweep began. All its passes use this time, so that the overlap counts from
    /// the beginning of a sweep.
    begun: Instant,
    /// The position where the current sweep began.
    from: Position,
    /// Whether the current sweep has ended.
    has_ended: bool,
}

/// The position of the newest row at some time.
struct Mark {
    when: Instant,
    at: Position,
    /// The row at this id. If another row takes its place, the table was made anew.
    row: Option<Anchor>,
}

/// Identifies a row: its room and time.
pub type Anchor = (RoomKey, LocalTime);

impl MeterTail {
    /// A tail that continues after a position, with the row there; `when` is the present.
    pub fn after(at: Position, row: Option<Anchor>, when: Instant) -> MeterTail {
        MeterTail {
            marks: VecDeque::from([Mark { when, at, row }]),
            last: at,
            overlap: overlap(at),
            from_the_end: false,
            begun: when,
            from: at,
            has_ended: true,
        }
    }

    /// A tail of a table whose rows become visible in the order of their ids: no overlap.
    pub(super) fn in_order(at: Position, when: Instant) -> MeterTail {
        MeterTail {
            overlap: Duration::ZERO,
            ..MeterTail::after(at, None, when)
        }
    }

    /// A tail that begins at the table's newest row; older rows are not streamed.
    pub(super) fn from_the_end(newest: Position, row: Option<Anchor>, when: Instant) -> MeterTail {
        MeterTail {
            from_the_end: true,
            ..MeterTail::after(begin(newest), row, when)
        }
    }

    /// Whether it began at the table's end, because there was no position to continue from.
    pub fn is_from_the_end(&self) -> bool {
        self.from_the_end
    }

    /// The position where the next stream begins: all rows up to it were read long enough ago that
    /// no late one is expected there.
    pub fn settled(&self) -> Position {
        self.marks.front().map_or(self.last, |mark| mark.at)
    }

    /// As [`MeterTail::settled`], but `None` until an overlap has passed since the tail was made:
    /// at a start, late rows may still come before that position.
    pub(super) fn long_settled(&self) -> Option<Position> {
        let mark = self.marks.front()?;
        (self.begun.duration_since(mark.when) >= self.overlap).then_some(mark.at)
    }

    /// Begins a sweep `now`, at [`MeterTail::from`]. If the last sweep failed, it begins at the
    /// same position again, because no other sweep will show what that one has not.
    pub fn begin(&mut self, now: Instant) {
        if self.has_ended {
            self.from = self.settled();
        }
        self.has_ended = false;
        self.begun = now;
        self.forget(now);
    }

    /// Ends the sweep: all that it showed is written.
    pub fn end(&mut self) {
        self.has_ended = true;
    }

    /// The position where the current sweep began.
    pub fn from(&self) -> Position {
        self.from
    }

    /// When the current sweep began.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// The newest row that was read.
    pub fn read_to(&self) -> Position {
        self.last
    }

    /// The row at [`MeterTail::settled`] as it was read; `None` if it was invalid.
    pub(super) fn settled_row(&self) -> Option<&Anchor> {
        self.marks.front()?.row.as_ref()
    }

    /// Whether a row is newer than every row read so far.
    pub(super) fn is_new(&self, row: Position) -> bool {
        row > self.last
    }

    /// Records that a stream of the sweep that began at `now` has read all rows up to `to`; `row`
    /// is the row there.
    pub fn advance(&mut self, to: Position, row: Option<Anchor>, now: Instant) {
        let row = match row {
            Some(row) if to >= self.last => Some(row),
            // Nothing new, so the row is the same as before.
            _ if to <= self.last => self.marks.back().and_then(|mark| mark.row.clone()),
            _ => None,
        };
        self.last = self.last.max(to);
        // Drop a mark between two close ones, so that their number stays bounded.
        if let Some(before) = self.marks.len().checked_sub(2)
            && now.duration_since(self.marks[before].when) < self.overlap / MARKS
        {
            self.marks.pop_back();
        }
        let at = begin(self.last).max(self.settled());
        self.marks.push_back(Mark { when: now, at, row });
        self.forget(now);
    }

    /// Drops marks at which no stream will begin any more.
    fn forget(&mut self, now: Instant) {
        while let Some(mark) = self.marks.get(1)
            && now.duration_since(mark.when) >= self.overlap
        {
            self.marks.pop_front();
        }
    }
}

fn overlap(of: Position) -> Duration {
    match of {
        Position::Id(_) => OVERLAP_BY_ID,
        Position::Time(_) => OVERLAP_BY_TIME,
    }
}

/// Where a stream has to begin if `newest` is the newest row.
fn begin(newest: Position) -> Position {
    match newest {
        Position::Id(_) => newest,
        Position::Time(time) => Position::Time(time.plus(-LOOK_BACK)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_keeps_an_overlap_of_ten_minutes() {
        let id = Position::Id;
        let mut tail = MeterTail::after(id(100), None, Instant::now());
        let start = tail.marks[0].when;
        let after = |seconds| start + Duration::from_secs(seconds);
        tail.advance(id(200), None, after(60));
        tail.advance(id(300), None, after(120));
        assert_eq!((tail.settled(), tail.last), (id(100), id(300)));
        tail.advance(id(300), None, after(659));
        assert_eq!(tail.settled(), id(100));
        tail.advance(id(400), None, after(660));
        assert_eq!((tail.settled(), tail.last), (id(200), id(400)));
        tail.advance(id(400), None, after(5_000));
        assert_eq!(tail.settled(), id(400));
    }

    #[test]
    fn rows_that_come_in_order_are_read_once() {
        let id = Position::Id;
        let mut tail = MeterTail::in_order(id(100), Instant::now());
        for last in [200, 200, 300] {
            tail.begin(Instant::now());
            tail.advance(id(last), None, tail.begun());
            tail.end();
            assert_eq!((tail.settled(), tail.read_to()), (id(last), id(last)));
            assert_eq!(tail.marks.len(), 1);
        }
    }

    #[test]
    fn a_failed_sweep_begins_again_at_the_same_position() {
        let id = Position::Id;
        let mut tail = MeterTail::after(id(100), None, Instant::now());
        let Some(start) = Instant::now().checked_sub(4 * OVERLAP_BY_ID) else {
            return; // the machine was started less than 40 minutes ago
        };
        tail.marks[0].when = start;
        tail.advance(id(200), None, start + OVERLAP_BY_ID);
        tail.advance(id(300), None, start + 2 * OVERLAP_BY_ID);
        tail.begin(Instant::now());
        assert_eq!((tail.from(), tail.settled()), (id(200), id(300)));
        tail.begin(Instant::now());
        assert_eq!(tail.from(), id(200), "the sweep had not ended");
        tail.end();
        tail.begin(Instant::now());
        assert_eq!(tail.from(), id(300));
    }

    #[test]
    fn by_time_the_tail_looks_back_an_hour_from_what_was_new_an_hour_ago() {
        let at = |text| Position::Time(LocalTime::parse(text).expect("a time"));
        let mut tail = MeterTail::after(at("2023-04-10 06:00:00"), None, Instant::now());
        let start = tail.marks[0].when;
        let after = |minutes: u64| start + Duration::from_secs(minutes * 60);
        tail.advance(at("2023-04-10 12:00:00"), None, after(1));
        assert!(tail.is_new(at("2023-04-10 12:00:01")));
        tail.advance(at("2023-04-10 12:30:00"), None, after(31));
        // A late row.
        tail.advance(at("2023-04-10 11:50:00"), None, after(32));
        assert!(!tail.is_new(at("2023-04-10 12:30:00")));
        tail.advance(at("2023-04-10 12:59:00"), None, after(60));
        assert_eq!(tail.settled(), at("2023-04-10 06:00:00"));
        tail.advance(at("2023-04-10 13:00:00"), None, after(61));
        assert_eq!(tail.settled(), at("2023-04-10 11:00:00"));
        tail.advance(at("2023-04-10 13:31:00"), None, after(92));
        assert_eq!(tail.settled(), at("2023-04-10 11:30:00"));
    }

    #[test]
    fn a_tail_from_the_end_still_looks_back_by_time() {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        let tail = MeterTail::from_the_end(Position::Time(noon), None, Instant::now());
        assert_eq!(tail.settled(), Position::Time(noon.plus(-LOOK_BACK)));
        // Without new rows it does not go back further and further.
        let mut tail = MeterTail::after(Position::Time(noon), None, Instant::now());
        let later = tail.marks[0].when + 2 * OVERLAP_BY_TIME;
        tail.advance(Position::Time(noon), None, later);
        tail.advance(Position::Time(noon), None, later + OVERLAP_BY_TIME);
        assert_eq!(tail.settled(), Position::Time(noon));
        let tail = MeterTail::from_the_end(Position::Id(7), None, Instant::now());
        assert_eq!(tail.settled(), Position::Id(7));
        assert!(tail.is_from_the_end());
    }

    #[test]
    fn the_row_where_the_next_stream_begins_is_remembered() {
        let row = |number: &str| {
            let time = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
            Some((RoomKey::new("H001", number), time))
        };
        let mut tail = MeterTail::after(Position::Id(100), row("100"), Instant::now());
        let start = tail.marks[0].when;
        let after = |minutes: u64| start + Duration::from_secs(minutes * 60);
        tail.advance(Position::Id(200), row("200"), after(1));
        assert_eq!(tail.settled_row(), row("100").as_ref());
        // No new rows, then an invalid one.
        tail.advance(Position::Id(200), row("200"), after(12));
        tail.advance(Position::Id(200), None, after(13));
        tail.advance(Position::Id(201), None, after(24));
        assert_eq!(tail.settled_row(), row("200").as_ref());
        tail.advance(Position::Id(201), None, after(40));
        assert_eq!(tail.settled(), Position::Id(201));
        assert_eq!(tail.settled_row(), None);
    }

    /// Three days of sweeps, many of them in several passes.
    #[test]
    fn the_number_of_marks_is_bounded() {
        for seconds in [1, 7, 60, 3_600] {
            let mut by_id = MeterTail::after(Position::Id(0), None, Instant::now());
            let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
            let mut by_time = MeterTail::after(Position::Time(noon), None, Instant::now());
            let start = Instant::now();
            let mut rows = 0;
            let mut most = 0;
            for sweep in 0..3 * 24 * 3_600 / seconds {
                for pass in 0..1 + sweep % 3 {
                    rows += 700;
                    let now = start + Duration::from_millis(sweep * seconds * 1_000 + pass * 300);
                    by_id.advance(Position::Id(rows), None, now);
                    let time = noon.plus((sweep * seconds).cast_signed());
                    by_time.advance(Position::Time(time), None, now);
                    most = most.max(by_id.marks.len()).max(by_time.marks.len());
                }
            }
            assert!(most <= 2 * MARKS as usize + 3, "{most} marks");
            let Position::Id(settled) = by_id.settled() else {
                panic!("a tail by id has ids");
            };
            assert!(rows - settled <= 2 * 700 * (600 / seconds + 4) * 2);
        }
    }
}
