//! Which readings a message judges by itself, and which it leaves to a sweep.

use crate::types::LocalTime;

/// A place in the meter table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Position {
    /// In a table whose rows are numbered.
    Id(u64),
    /// In a table without ids.
    Time(LocalTime),
}

impl Position {
    /// Whether a row with this id (where there are ids) and time lies up to here.
    pub fn covers(self, id: Option<u64>, time: LocalTime) -> bool {
        match self {
            Position::Id(last) => id.is_some_and(|id| id <= last),
            Position::Time(last) => time <= last,
        }
    }

    /// Whether a stream that begins here shows all new readings of a room that has seen its
    /// readings up to `seen`. Ids show which rows are new, whatever their time.
    pub fn serves(self, seen: LocalTime) -> bool {
        match self {
            Position::Id(_) => true,
            Position::Time(begin) => seen >= begin,
        }
    }
}

/// The line between the rows that sweeps have left behind and those that they are still to show.
///
/// Two read the meters for a room: the message that begins its watch, by the room's key, and each
/// sweep, which streams all new rows. A row that both left to the other would never be judged; one
/// that a message judged too soon would be judged under the wrong stay, because the room's next
/// guest may wait in the queue behind this message. The frontier is where both stop. The rule has
/// five parts:
///
/// 1. *The line.* A sweep says where the next one will begin before it streams anything
///    ([`Frontier::begin_sweep`]). That place is the frontier until the next sweep says so. Up to
///    it every row is there, long enough that no open transaction can add one; beyond it every row
///    will be shown by the next sweep, and by those after it. Until the first sweep of a process
///    has begun, the frontier is where the sweeps before had judged everything; without such a
///    place it lies before all rows.
/// 2. *Up to the line* a message judges by itself: no sweep will show its watch these rows. Where
///    the same batch has the room's next watch begin, or shows that this one should not have, its
///    readings stop at the beginning of that.
/// 3. *Beyond the line* a message judges the rows up to the stay time, which belong to the watch
///    that it ends, however new they are: no sweep can judge them under that watch afterwards
///    ([`Frontier::is_judged_by_message`], with the stay time of the last watch that its batch
///    begins in the room). What is later it leaves to the sweeps. By the time one shows it, a
///    message that was in the queue before has been taken: after an outage of ours, or of the
///    store, sweeps wait until the consumers have come to the end of the queue (`gate.rs`).
/// 4. *A sweep serves the watches that were there when it began* ([`Frontier::is_swept`]). To a
///    watch that began while it streams it shows nothing: it may have passed older rows of the room
///    already, and newer ones would make those late. The next sweep begins at the line and shows
///    all.
/// 5. *A verdict holds for the watch it was made for.* If the room has another one by the time the
///    verdict comes to the owner, it is dropped: the message that ended the earlier watch has
///    judged what was to be judged of it, and left the rest to the next sweep.
///
/// So each row is judged under the watch that was the room's at its time, as far as the messages
/// had come, and the order in which messages and sweeps come makes no difference to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frontier {
    at: Position,
    /// Sweeps that have begun.
    sweeps: u64,
}

/// When a watch began, in sweeps: as [`Frontier::begun`] gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun(u64);

impl Default for Frontier {
    fn default() -> Frontier {
        Frontier::new(None)
    }
}

impl Frontier {
    /// The frontier of a process that has swept nothing yet, where those before had `judged` all
    /// rows up to a position.
    pub fn new(judged: Option<Position>) -> Frontier {
        Frontier {
            at: judged.unwrap_or(Position::Time(LocalTime::FIRST)),
            sweeps: 0,
        }
    }

    /// A sweep begins; the next one will begin at `next`.
    pub fn begin_sweep(&mut self, next: Position) {
        self.at = next;
        self.sweeps += 1;
    }

    /// Rows beyond this one are still to be shown by sweeps.
    pub fn at(&self) -> Position {
        self.at
    }

    /// Whether a message judges a row by itself, with this id (where there are ids) and time.
    /// `until` is the stay time of the last watch that the message's batch begins in its room.
    pub fn is_judged_by_message(&self, id: Option<u64>, time: LocalTime, until: LocalTime) -> bool {
        self.at.covers(id, time) || time <= until
    }

    /// For a watch that begins now.
    pub fn begun(&self) -> Begun {
        Begun(self.sweeps)
    }

    /// Whether the present sweep shows its rows to a watch.
    pub fn is_swept(&self, watch: Begun) -> bool {
        watch.0 < self.sweeps
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use fastrand::Rng;

    use super::*;

    fn at(minutes: i64) -> LocalTime {
        LocalTime::FIRST.plus(86_400 + minutes * 60)
    }

    #[test]
    fn a_message_judges_what_sweeps_have_left_behind_and_the_time_before_its_stay() {
        let by_id = Frontier::new(Some(Position::Id(10)));
        let judges = |id, minutes| by_id.is_judged_by_message(Some(id), at(minutes), at(60));
        assert!(judges(10, 90), "no sweep will show it again");
        assert!(!judges(11, 61), "the next guest may have come at 61");
        assert!(judges(11, 60), "it belongs to the watch that ends");
        let by_time = Frontier::new(Some(Position::Time(at(30))));
        let judges = |minutes, until| by_time.is_judged_by_message(None, at(minutes), at(until));
        assert!(judges(30, 0) && !judges(31, 0) && judges(31, 31));
        let unknown = Frontier::default();
        assert!(!unknown.is_judged_by_message(Some(1), at(1), at(0)));
        assert!(unknown.is_judged_by_message(Some(1), at(0), at(0)));
    }

    #[test]
    fn a_watch_that_begins_during_a_sweep_is_served_by_the_next_one() {
        let mut frontier = Frontier::default();
        let loaded = frontier.begun();
        assert!(!frontier.is_swept(loaded), "no sweep has begun");
        frontier.begin_sweep(Position::Id(5));
        assert!(frontier.is_swept(loaded));
        let during = frontier.begun();
        assert!(!frontier.is_swept(during));
        frontier.begin_sweep(Position::Id(9));
        assert!(frontier.is_swept(during));
        assert_eq!(frontier.at(), Position::Id(9));
    }

    /// A watch as the fold has it: a row that is not newer than all before it is late, and lost.
    struct Watch {
        begun: Begun,
        seen: LocalTime,
        /// Ids.
        judged: Vec<u64>,
    }

    impl Watch {
        fn show(&mut self, id: u64) {
            if time_of(id) > self.seen {
                self.seen = time_of(id);
                self.judged.push(id);
            }
        }
    }

    /// Rows come in the order of their times.
    fn time_of(id: u64) -> LocalTime {
        at(id.cast_signed())
    }

    /// A numbered table, the watches, and sweeps that read a part of it again, step by step.
    struct Model {
        frontier: Frontier,
        rows: u64,
        watches: Vec<Watch>,
        /// How far the last sweeps had come, the oldest first.
        marks: VecDeque<u64>,
        /// The next row of the sweep that is under way.
        next: Option<u64>,
    }

    /// Sweeps begin where this many before had come to.
    const OVERLAP: usize = 2;

    impl Model {
        /// A message begins a watch; it must not judge what the next guest may have used.
        fn message(&mut self, stay: LocalTime) {
            let mut watch = Watch {
                begun: self.frontier.begun(),
                seen: at(0),
                judged: Vec::new(),
            };
            for id in 1..=self.rows {
                let time = time_of(id);
                if self.frontier.is_judged_by_message(Some(id), time, stay) {
                    assert!(self.frontier.at().covers(Some(id), time) || time <= stay);
                    watch.show(id);
                }
            }
            self.watches.push(watch);
        }

        /// A sweep begins, or goes on by a row, or ends.
        fn sweep(&mut self) {
            match self.next {
                None => {
                    let from = self.marks[0];
                    if self.marks.len() > OVERLAP {
                        self.marks.pop_front();
                    }
                    self.frontier.begin_sweep(Position::Id(self.marks[0]));
                    self.next = Some(from + 1);
                }
                Some(next) if next <= self.rows => {
                    for watch in &mut self.watches {
                        if self.frontier.is_swept(watch.begun) {
                            watch.show(next);
                        }
                    }
                    self.next = Some(next + 1);
                }
                Some(next) => {
                    self.marks.push_back(next - 1);
                    self.next = None;
                }
            }
        }

        fn end_sweep(&mut self) {
            while self.next.is_some() {
                self.sweep();
            }
        }
    }

    #[test]
    fn every_row_is_judged_once_and_in_order_whenever_its_watch_began() {
        let from = u64::from(fastrand::u32(..));
        for seed in (0..300).chain(from..from + 300) {
            let mut rng = Rng::with_seed(seed);
            let mut model = Model {
                frontier: Frontier::new(Some(Position::Id(0))),
                rows: 0,
                watches: Vec::new(),
                marks: VecDeque::from([0]),
                next: None,
            };
            for _ in 0..150 {
                match rng.u8(..6) {
                    0 => model.rows += rng.u64(1..4),
                    1 => model.message(time_of(rng.u64(..=model.rows + 1))),
                    _ => model.sweep(),
                }
            }
            model.end_sweep();
            model.sweep();
            model.end_sweep();
            let all: Vec<u64> = (1..=model.rows).collect();
            for watch in &model.watches {
                assert_eq!(watch.judged, all, "seed {seed}");
            }
        }
    }
}
