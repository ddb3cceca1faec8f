//! The timer: reads what is new in the meter table, has it judged, hands the verdicts to the
//! state-owner, and checks for silent meters.

mod listening;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rayon::prelude::*;

use crate::clock::{Clock, unix_seconds};
use crate::engine::baseline::{self, Evaluation};
use crate::engine::{BaselineMode, MeterCheck, Rules, latest_reading, observe};
use crate::figures::{Figure, Figures, ReadingResult, SweepResult};
use crate::gate::{Gate, QueueWait};
use crate::heartbeat::Heartbeat;
use crate::outage::Outage;
use crate::owner::{FoundOfHotel, Inbox, Judged, Unanswered};
use crate::pulse;
use crate::rooms::{Hotel, LastSweep, Rooms};
use crate::store::{KeptFrame, MeterStream, MeterTail, Position, Readings, StoreError, Wanted};
use crate::threads::Stop;
use crate::types::{HotelId, LocalTime, RoomKey, counted};

use listening::{Listening, Silent};

/// Rows streamed before they are judged: bounds the memory of a start after a long time.
const MOST_ROWS: u64 = 200_000;

/// How long a sweep waits for the messages that were in the queue before.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(60);

/// A room without a reading for this many intervals is read by key: the stream may have missed it.
const MISSING_INTERVALS: i64 = 3;

pub struct Sweeper {
    pub rooms: Arc<Rooms>,
    pub rules: Arc<Rules>,
    pub reader: Arc<dyn MeterStream>,
    pub clock: Arc<dyn Clock>,
    pub batch_size: usize,
    pub every: Duration,
    pub intake: Arc<Gate>,
    pub inbox: Inbox,
    pub figures: Arc<Figures>,
    /// Pings a monitor, where one is configured.
    pub heartbeat: Option<Heartbeat>,
    pub stop: Stop,
    /// Up to where the meter table had been judged when the state was loaded.
    pub judged: Option<Position>,
}

/// Why a sweep did not complete.
enum Incomplete {
    /// It is time to stop, or the state-owner has ended.
    Stopped,
    Store(StoreError),
}

impl From<Unanswered> for Incomplete {
    fn from(_: Unanswered) -> Incomplete {
        Incomplete::Stopped
    }
}

impl From<StoreError> for Incomplete {
    fn from(error: StoreError) -> Incomplete {
        Incomplete::Store(error)
    }
}

/// One sweep in numbers.
#[derive(Default)]
struct Swept {
    rows: u64,
    /// Rows that are no readings.
    invalid: u64,
    readings: u64,
    rooms: u64,
    /// Rooms that were read by key.
    by_key: u64,
    silent: Silent,
}

impl Sweeper {
    /// Sweeps until it is time to stop. Sweeps never overlap: ticks missed meanwhile are counted.
    pub fn run(mut self) {
        let mut outage = Outage::new("sweep").reported_at_once();
        // Before the messages: once the table's newest ids are known, reading for messages is
        // cheap. The first sweep tries again after an error, and logs it.
        let mut tail = self.tail().ok();
        let mut asked_by_key = None;
        let mut listening = Listening::default();
        let mut due = self.clock.instant();
        while !self.clock.wait(
            &self.stop,
            due.saturating_duration_since(self.clock.instant()),
        ) {
            self.wait_for_messages();
            let began = Instant::now();
            // Rows that come while the sweep is under way are for the next one.
            let now = self.clock.now();
            let swept = self
                .sweep(&mut tail, &mut asked_by_key)
                .and_then(|mut swept| {
                    self.close_out_of_order(now)?;
                    swept.silent = self.check_meters(now, &mut listening)?;
                    Ok(swept)
                });
            match swept {
                Ok(swept) => {
                    outage.ended();
                    let took = began.elapsed();
                    self.count(&swept, took);
                    self.log(&swept, took);
                    if let Some(heartbeat) = &mut self.heartbeat {
                        heartbeat.swept();
                    }
                }
                Err(Incomplete::Stopped) => return,
                Err(Incomplete::Store(error)) => {
                    self.figures.add(Figure::Sweeps(SweepResult::Failed), 1);
                    self.figures.add(Figure::DatabaseErrors, 1);
                    outage.failed(&error);
                }
            }
            due += self.every;
            let missed = missed_ticks(due, self.clock.instant(), self.every);
            if missed > 0 {
                let missed_sweeps = Figure::Sweeps(SweepResult::Missed);
                self.figures.add(missed_sweeps, u64::from(missed));
                log::warn!(
                    "the sweep took longer than monitoring.sweep_seconds: skipped {}",
                    counted(missed, "sweep")
                );
                due += self.every * missed;
            }
        }
    }

    fn tail(&self) -> Result<MeterTail, StoreError> {
        let when = self.clock.instant();
        self.reader.meter_tail(self.judged, self.latest(), when)
    }

    fn latest(&self) -> LocalTime {
        latest_reading(self.clock.now())
    }

    /// After an outage, ours or the store's, a guest's check-in may still wait in the queue while
    /// his readings are in the meter table: judged now, they would count for an empty room.
    fn wait_for_messages(&self) {
        let wait = self.intake.wait_for_queue(&self.stop, QUEUE_TIMEOUT);
        if wait == QueueWait::TimedOut {
            let seconds = QUEUE_TIMEOUT.as_secs();
            log::warn!("queue not drained after {seconds} s, sweeping anyway");
        }
    }

    fn sweep(
        &self,
        tail: &mut Option<MeterTail>,
        asked_by_key: &mut Option<Instant>,
    ) -> Result<Swept, Incomplete> {
        let latest = self.latest();
        let mut swept = Swept::default();
        let tail = match tail {
            Some(tail) => tail,
            None => tail.insert(self.tail()?),
        };

        // Of this sweep alone: between two of them it is all in memory.
        let mut hotels = Hotels::default();
        tail.begin(self.clock.instant());
        let begin = tail.from();
        // From its answer on messages leave no more to this sweep than it shows.
        self.inbox.sweeping(tail.settled())?;

        // Without a position the stream begins at the end. Earlier rows are read first, by key:
        // after newer readings they would be late.
        if asked_by_key.is_none() && tail.is_from_the_end() {
            let rooms = self
                .rooms
                .without_reading_since(LocalTime::LAST)
                .into_iter();
            let all: Vec<Wanted> = rooms.map(|(room, seen)| wanted(room, seen)).collect();
            self.by_key(all, None, &hotels, &mut swept)?;
            *asked_by_key = Some(self.clock.instant());
            hotels = self.written()?;
        }

        let interval = Duration::from_secs(self.rules.interval_seconds.unsigned_abs());
        let now = self.clock.instant();
        let due = asked_by_key.is_none_or(|asked| now.duration_since(asked) >= interval);
        // Before the stream shows what is newer.
        let mut pending = self.rooms.with_pending();
        // Rooms with new readings that the stream does not show completely.
        let mut unserved: HashMap<RoomKey, LocalTime> = HashMap::new();
        let mut from = None;
        loop {
            let mut new: HashMap<RoomKey, Readings> = HashMap::new();
            let rows =
                self.reader
                    .stream_new(
                        tail,
                        from,
                        MOST_ROWS,
                        latest,
                        &mut |room, reading| match self.rooms.needs_after(&room) {
                            Some(seen) if reading.time <= seen => {}
                            Some(seen) if begin.serves(seen) => {
                                new.entry(room).or_default().push(reading);
                            }
                            Some(seen) => {
                                unserved.insert(room, seen);
                            }
                            None => {}
                        },
                    )?;
            swept.rows += rows.rows;
            swept.invalid += rows.invalid;
            for room in std::mem::take(&mut pending) {
                new.entry(room).or_default();
            }
            let new = new.into_iter().collect();
            let read = |chunk: &[(RoomKey, Readings)]| Ok(chunk.to_vec());
            self.judge_all(new, |(room, _)| room, &hotels, &mut swept, read)?;
            if rows.next.is_none() {
                break;
            }
            // The verdicts so far will be written; the next start goes on from the last position.
            if self.stop.is_set() {
                return Err(Incomplete::Stopped);
            }
            // The next rows may be of the same rooms.
            hotels = self.written()?;
            from = rows.next;
        }

        // Of a room that is read once more, all that was found before has to be there. One with new
        // readings is then not missing any.
        if due || !unserved.is_empty() {
            hotels = self.written()?;
        }
        let incomplete = if due {
            self.missing(begin)
        } else {
            let unserved = unserved.into_iter();
            unserved.map(|(room, seen)| wanted(room, seen)).collect()
        };
        self.by_key(incomplete, Some(tail.read_to()), &hotels, &mut swept)?;
        if due {
            *asked_by_key = Some(self.clock.instant());
        }

        // Its answer comes after all chunks have been written and adopted.
        self.inbox.swept(tail.settled())?;
        tail.end();
        Ok(swept)
    }

    /// Waits until all verdicts so far are written, so that the same rooms can be judged once more;
    /// gives the hotels as they are after that.
    fn written(&self) -> Result<Hotels, Incomplete> {
        self.inbox.written()?;
        Ok(Hotels::default())
    }

    /// Ends the runs of rooms that have come to be out of order when a sweep began, at `now`. It
    /// must be complete: what was read before a room was out of order is judged first.
    fn close_out_of_order(&self, now: LocalTime) -> Result<(), Incomplete> {
        let closed = self.rooms.close_out_of_order(now, &self.rules).into_iter();
        let mut closed: Vec<Judged> = closed
            .map(|(room, version, transition)| Judged {
                room,
                version,
                readings: Readings::new(),
                out_of_order_by: Some(now),
                transition,
            })
            .collect();
        if closed.is_empty() {
            return Ok(());
        }
        closed.sort_unstable_by(|a, b| a.room.cmp(&b.room));
        Ok(self.inbox.judged(closed)?)
    }

    /// Checks for silent and frozen meters after a sweep that began at `now`; gives how many are
    /// silent. The sweep must be complete: others have not read all rows.
    fn check_meters(
        &self,
        now: LocalTime,
        listening: &mut Listening,
    ) -> Result<Silent, Incomplete> {
        let silent_after = self.rules.silent_after_seconds;
        let listening_since = listening.swept(now, silent_after, self.every);
        let check = MeterCheck {
            now,
            listening_since,
            silent_after,
        };
        self.rooms.set_last_sweep(LastSweep {
            began: now,
            listening_since,
        });
        let found = self.rooms.check_meters(&check, &self.rules);
        let interval = self.rules.interval_seconds;
        listening.list(&found, now, interval);
        let known_at = listening_since.plus(silent_after);
        let silent = if now < known_at {
            Silent::not_known_before(known_at, now)
        } else {
            Silent::Meters(found.silent())
        };
        self.figures.set_rooms(&found.rooms);
        self.rooms.set_counted(now, found.rooms);
        if listening.counts(now, interval) {
            let lines = listening::lines(&self.rooms.census(now, &self.rules), &silent);
            for line in listening.changed(lines) {
                log::info!("{line}");
            }
        }
        if !found.notices.is_empty() {
            self.inbox.meter_notices(found.notices)?;
        }
        Ok(silent)
    }

    /// The rooms of which a stream from `begin` may have missed rows. A stream by id has shown
    /// every row since a certain time: of rooms without readings for long only newer rows can be
    /// missing, and reading those by key costs no history. A stream by time shows only rows that
    /// are newer than its beginning: then it is every room without a reading since.
    fn missing(&self, begin: Position) -> Vec<Wanted> {
        let gap = MISSING_INTERVALS * self.rules.interval_seconds;
        let since = match begin {
            Position::Time(begin) => begin,
            Position::Id(_) => self.clock.now().plus(-gap),
        };
        let known_after = self.reader.cheap_after();
        let rooms = self.rooms.without_reading_since(since).into_iter();
        rooms
            .map(|(room, seen)| wanted(room, known_after.map_or(seen, |known| known.max(seen))))
            .collect()
    }

    /// Has the readings of single rooms judged: those up to where the stream has come, so that none
    /// is made late by a newer one that the stream shows later.
    fn by_key(
        &self,
        wanted: Vec<Wanted>,
        up_to: Option<Position>,
        hotels: &Hotels,
        swept: &mut Swept,
    ) -> Result<(), Incomplete> {
        swept.by_key += wanted.len() as u64;
        let latest = self.latest();
        let read = |chunk: &[Wanted]| {
            let readings = self.reader.readings_up_to(chunk, latest, up_to)?;
            Ok(readings.into_iter().collect())
        };
        self.judge_all(wanted, |wanted| &wanted.room, hotels, swept, read)
    }

    /// Has rooms judged, whole hotels by one worker at a time; `read` gives the readings of
    /// batch_size of them.
    fn judge_all<T: Send + Sync>(
        &self,
        mut work: Vec<T>,
        room: impl Fn(&T) -> &RoomKey + Sync,
        hotels: &Hotels,
        swept: &mut Swept,
        read: impl Fn(&[T]) -> Result<Vec<(RoomKey, Readings)>, StoreError> + Sync,
    ) -> Result<(), Incomplete> {
        if work.is_empty() {
            return Ok(());
        }
        // The same readings are always the same verdicts, in the same order.
        work.sort_unstable_by(|a, b| room(a).cmp(room(b)));
        let of_hotels: Vec<&[T]> = work
            .chunk_by(|a, b| room(a).hotel_id == room(b).hotel_id)
            .collect();
        let together = hotels_together(&work, &of_hotels, self.batch_size);
        let counted = Mutex::new(swept);
        // It waits for the workers, whose statements have limits of their own.
        let _rest = pulse::rest();
        together.into_par_iter().try_for_each(|rooms| {
            let judged: Vec<Vec<Judged>> = rooms
                .par_chunks(self.batch_size)
                .map(|chunk| match self.stop.is_set() {
                    true => Err(Incomplete::Stopped),
                    false => Ok(self.judge(read(chunk)?)),
                })
                .collect::<Result<_, _>>()?;
            let mut judged: Vec<Judged> = judged.into_iter().flatten().collect();
            // A statement gives rooms in any order.
            judged.sort_unstable_by(|a, b| a.room.cmp(&b.room));
            let found = self.evaluate(&mut judged, hotels);
            {
                let mut swept = counted.lock();
                let with_readings = judged.iter().filter(|judged| !judged.readings.is_empty());
                swept.rooms += with_readings.count() as u64;
                swept.readings += judged.iter().map(|j| j.readings.len() as u64).sum::<u64>();
            }
            if !found.is_empty() {
                self.inbox.hotels(found)?;
            }
            while !judged.is_empty() {
                let rest = judged.split_off(self.batch_size.min(judged.len()));
                self.inbox.judged(std::mem::replace(&mut judged, rest))?;
            }
            Ok(())
        })
    }

    fn judge(&self, rooms: Vec<(RoomKey, Readings)>) -> Vec<Judged> {
        let rooms = rooms.into_iter().filter_map(|(room, mut readings)| {
            let known = self.rooms.swept(&room)?;
            if readings.is_empty() && !known.state.baseline.has_pending() {
                return None;
            }
            // Rows of one time keep the order of their ids.
            readings.sort_by_key(|reading| reading.time);
            let transition = observe(&room, &known.state, &readings, &self.rules);
            Some(Judged {
                room,
                version: known.version,
                readings,
                out_of_order_by: None,
                transition,
            })
        });
        rooms.collect()
    }

    /// Evaluates by the baseline rule what was judged of whole hotels, in the order of their rooms;
    /// gives what it finds of them.
    fn evaluate(&self, judged: &mut [Judged], hotels: &Hotels) -> Vec<FoundOfHotel> {
        let mut found = Vec::new();
        if self.rules.baseline.mode == BaselineMode::Off {
            return found;
        }
        for rooms in judged.chunk_by_mut(|a, b| a.room.hotel_id == b.room.hotel_id) {
            let Some(first) = rooms.first() else { continue };
            let hotel = first.room.hotel_id.clone();
            let mut known = hotels.take(&hotel, &self.rooms);
            let before = known.memory;
            let mut rooms: Vec<Evaluation> = { rooms.iter_mut() }
                .map(|judged| Evaluation {
                    room: &judged.room,
                    state: &mut judged.transition.state,
                    changes: &mut judged.transition.changes,
                })
                .collect();
            let interval_seconds = self.rules.interval_seconds;
            let mut looked_at = BTreeSet::new();
            let show = |_, interval: &baseline::Judged, _: &_| {
                looked_at.insert(baseline::looked_at(interval.ended, interval_seconds));
            };
            let notices = baseline::evaluate(
                &hotel,
                &mut known.frames,
                &mut known.memory,
                &mut rooms,
                &self.rules,
                show,
            );
            looked_at.retain(|frame| known.recorded.is_none_or(|last| last < *frame));
            known.recorded = looked_at.last().copied().or(known.recorded);
            let frames = { looked_at.into_iter() }.map(|frame| KeptFrame {
                hotel: hotel.clone(),
                began: baseline::begin(frame, interval_seconds),
                interval_seconds,
                summary: known.frames.summary(frame),
                allowance: self.rules.baseline.allowance.0,
            });
            let found_of_hotel = FoundOfHotel {
                hotel: hotel.clone(),
                memory: (known.memory != before).then_some(known.memory),
                frames: frames.collect(),
                notices,
            };
            if found_of_hotel.memory.is_some() || !found_of_hotel.frames.is_empty() {
                found.push(found_of_hotel);
            }
            hotels.put(hotel, known);
        }
        found
    }

    fn count(&self, swept: &Swept, took: Duration) {
        let figures = &self.figures;
        figures.sweeps.observe(took);
        figures.add(Figure::Readings(ReadingResult::Invalid), swept.invalid);
        figures.add(Figure::Sweeps(SweepResult::Completed), 1);
        figures.set(Figure::LastSweep, unix_seconds().unsigned_abs());
    }

    fn log(&self, swept: &Swept, took: Duration) {
        if swept.invalid > 0 {
            log::warn!(
                "ignored {}: NULL, unreadable, or a time ahead of now",
                counted(swept.invalid, "invalid meter row")
            );
        }
        log::info!(
            "sweep: {} watched ({}), {} of {} ({} asked by key), {:.2} s",
            counted(self.rooms.len() as u64, "room"),
            swept.silent,
            counted(swept.readings, "new reading"),
            counted(swept.rooms, "room"),
            swept.by_key,
            took.as_secs_f64()
        );
    }
}

/// The hotels, from when they are first needed.
#[derive(Default)]
struct Hotels(OnceLock<Mutex<HashMap<HotelId, Hotel>>>);

impl Hotels {
    fn take(&self, hotel: &HotelId, rooms: &Rooms) -> Hotel {
        let all = self.0.get_or_init(|| Mutex::new(rooms.hotels()));
        all.lock().remove(hotel).unwrap_or_default()
    }

    fn put(&self, hotel: HotelId, known: Hotel) {
        if let Some(all) = self.0.get() {
            all.lock().insert(hotel, known);
        }
    }
}

/// Joins neighbouring `hotels` until they have at least so many rooms.
fn hotels_together<'a, T>(work: &'a [T], hotels: &[&'a [T]], least: usize) -> Vec<&'a [T]> {
    let mut together = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for hotel in hotels {
        end += hotel.len();
        if end - begin >= least {
            together.push(&work[begin..end]);
            begin = end;
        }
    }
    together.extend((begin < end).then(|| &work[begin..end]));
    together
}

fn wanted(room: RoomKey, after: LocalTime) -> Wanted {
    let until = LocalTime::LAST;
    Wanted { room, after, until }
}

/// Ticks between `due` and `now` that can't be kept any more.
fn missed_ticks(due: Instant, now: Instant, every: Duration) -> u32 {
    let late = now.saturating_duration_since(due);
    u32::try_from(late.as_millis() / every.as_millis().max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_ticks_are_counted_not_queued() {
        let start = Instant::now();
        let every = Duration::from_secs(60);
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(missed_ticks(after(60), after(10), every), 0);
        assert_eq!(missed_ticks(after(60), after(119), every), 0);
        assert_eq!(missed_ticks(after(60), after(120), every), 1);
        assert_eq!(missed_ticks(after(60), after(310), every), 4);
    }
}
