//! What is outside of the service: the database, the broker, Feishu, and the faults they have.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use parking_lot::Mutex;

use roomwatt::clock::Clock;
use roomwatt::engine::{
    Event, HotelState, Incident, IncidentEvent, IncidentKey, KeptBody, MeterNotice,
    MeterNoticeKind, MeterTrouble, Notice, NoticeKind, Opening, RoomNotice, RoomState, Rules,
};
use roomwatt::frontier::Frontier;
use roomwatt::store::{
    CommitStatus, MeterRows, MeterStream, MeterTail, Meters, Ownership, Plan, Position, Readings,
    Settled, Store, StoreError, Wanted,
};
use roomwatt::threads::Stop;
use roomwatt::types::{HotelId, LocalTime, Reading, RoomKey};

use crate::model::Batch;
use crate::pms::Pms;

/// What an error of the store says when the process is to end at once.
pub const CRASH: &str = "crash";

/// Everything outside of the service, and what it has written.
#[derive(Default)]
pub struct World {
    pub rng: Rng,
    /// Chance of a fault at each call of the store.
    pub faults: f64,
    pub rules: Arc<Rules>,
    pub epoch: u64,
    pub seq: u64,
    pub position: u64,
    pub rooms: BTreeMap<RoomKey, RoomState>,
    /// How often the state of each was written.
    pub writes: BTreeMap<RoomKey, usize>,
    pub watches: Vec<(RoomKey, Opening)>,
    pub abnormal: Vec<RoomNotice>,
    pub outbox: Vec<RoomNotice>,
    /// All incidents, and what became of them.
    pub incidents: BTreeMap<IncidentKey, Incident>,
    pub incident_events: Vec<IncidentEvent>,
    pub sent: BTreeSet<u64>,
    /// Hotels of whose meters was told, and not yet of the end; and how often of what.
    pub troubles: BTreeMap<HotelId, MeterTrouble>,
    pub told_of_meters: BTreeMap<MeterNoticeKind, u32>,
    pub hotels: BTreeMap<HotelId, HotelState>,
    /// When it was found that vacant rooms have something in common, and of when the staff was
    /// notified.
    pub in_common: Vec<LocalTime>,
    pub notified_of_hotels: BTreeSet<(&'static str, LocalTime)>,
    /// By id; the first has 1.
    pub meter: Vec<(RoomKey, Reading)>,
    /// Ids in the order in which they were committed.
    pub visible: Vec<usize>,
    pub pms: Pms,
    pub published: Vec<Event>,
    pub queue: VecDeque<usize>,
    /// Messages with the connection that holds them.
    pub unacknowledged: Vec<(u64, usize)>,
    pub acknowledged: BTreeSet<usize>,
    /// Notices that Feishu has accepted.
    pub accepted: BTreeSet<u64>,
    /// What the database has taken, in order; and what the transaction under way would add.
    pub log: Vec<Batch>,
    pub batch: Option<Batch>,
}

pub type Shared = Arc<Mutex<World>>;

impl World {
    pub fn fault(&mut self) -> bool {
        self.rng.f64() < self.faults
    }

    pub fn newest_reading(&self) -> LocalTime {
        let times = self.meter.iter().map(|(_, reading)| reading.time);
        times.max().unwrap_or_else(start)
    }

    /// The first so many visible rows of a room, as they are read by key: of those that no sweep
    /// has passed only the ones up to a time.
    pub fn readings(
        &self,
        room: &RoomKey,
        visible: usize,
        swept: u64,
        until: LocalTime,
    ) -> Readings {
        let mut ids = self.visible[..visible].to_vec();
        ids.retain(|&id| self.meter[id - 1].0 == *room);
        ids.retain(|&id| id as u64 <= swept || self.meter[id - 1].1.time <= until);
        ids.sort_unstable();
        let mut rows: Readings = ids.iter().map(|id| self.meter[id - 1].1).collect();
        rows.sort_by_key(|reading| reading.time);
        rows
    }

    /// The first so many visible rows of a room, in the order in which they were committed.
    pub fn visible_of(&self, room: &RoomKey, visible: usize) -> Readings {
        let rows = self.visible[..visible].iter();
        let rows = rows.map(|id| &self.meter[id - 1]);
        rows.filter(|row| row.0 == *room).map(|row| row.1).collect()
    }

    fn apply(&mut self, plan: &Plan) {
        self.rooms.extend(plan.rooms.iter().cloned());
        for (room, _) in &plan.rooms {
            *self.writes.entry(room.clone()).or_default() += 1;
        }
        for (room, was, by) in &plan.rewritten {
            let orders = by.stay.order()..=was.order();
            let rows = self.watches.iter_mut();
            let of_room = rows.filter(|row| row.0 == *room);
            let mut found = of_room
                .filter(|row| orders.contains(&row.1.stay.order()))
                .map(|row| row.1 = *by);
            assert!(found.next().is_some(), "a row of this watch");
            found.for_each(drop);
        }
        self.watches.extend(plan.openings.iter().cloned());
        for notice in &plan.notices {
            let notice = match notice {
                Notice::Room(notice) => notice,
                Notice::Meters(notice) => {
                    self.tell_of_meters(notice);
                    continue;
                }
                Notice::Hotel(notice) => {
                    let what = (notice.kind.as_str(), notice.since);
                    let is_new = self.notified_of_hotels.insert(what);
                    assert!(is_new, "{notice:?} was notified before");
                    continue;
                }
            };
            if notice.kind == NoticeKind::Alert {
                self.abnormal.push(notice.clone());
            }
            self.outbox.push(notice.clone());
        }
        for incident in &plan.incidents {
            let before = self
                .incidents
                .insert(incident.key.clone(), incident.clone());
            let was_closed = before.is_some_and(|before| !before.is_open());
            assert!(!was_closed, "{incident:?} was closed before");
        }
        self.incident_events
            .extend(plan.incident_events.iter().cloned());
        self.hotels.extend(plan.hotels.clone());
        for Settled { id, .. } in &plan.settled {
            assert!(self.accepted.contains(id), "notice {id} was not accepted");
            self.sent.insert(*id);
        }
        if let Some(Position::Id(id)) = plan.position {
            self.position = id;
        }
        self.log.extend(self.batch.take());
        for (room, state) in &plan.rooms {
            // Who reads the past finds the present watch as the last.
            let rows = self.watches.iter().filter(|row| row.0 == *room);
            let last = rows.max_by_key(|row| row.1.stay.order()).map(|row| row.1);
            let (stay, initial) = (state.watch.stay, state.watch.initial);
            assert_eq!(
                last,
                Some(Opening { stay, initial }),
                "the last row of {room}"
            );
        }
    }

    fn tell_of_meters(&mut self, notice: &MeterNotice) {
        let hotel = notice.hotel_id.clone();
        let before = match notice.trouble() {
            Some(trouble) => self.troubles.insert(hotel, trouble),
            None => self.troubles.remove(&hotel),
        };
        let is_news = match notice.kind {
            MeterNoticeKind::Silent | MeterNoticeKind::Frozen => {
                !before.is_some_and(MeterTrouble::is_open)
            }
            MeterNoticeKind::Reporting => matches!(before, Some(MeterTrouble::Silent(_))),
            MeterNoticeKind::Moving => matches!(before, Some(MeterTrouble::Frozen(_))),
        };
        assert!(
            is_news,
            "{} was told after {before:?}",
            notice.kind.as_str()
        );
        *self.told_of_meters.entry(notice.kind).or_default() += 1;
    }

    pub fn is_frozen(&self, hotel: &HotelId) -> bool {
        matches!(self.troubles.get(hotel), Some(MeterTrouble::Frozen(_)))
    }

    /// What the connection held goes back to the queue, in order.
    pub fn close_connection(&mut self, connection: u64) {
        for &(held_by, message) in self.unacknowledged.iter().rev() {
            if held_by == connection {
                self.queue.push_front(message);
            }
        }
        self.unacknowledged.retain(|held| held.0 != connection);
    }
}

pub struct SimStore(pub Shared, pub Ownership);

impl Store for SimStore {
    fn commit(&mut self, plan: &Plan) -> Result<(), StoreError> {
        let mut world = self.0.lock();
        let fault = if world.fault() { world.rng.u8(..4) } else { 4 };
        let crash = || StoreError::Unreadable(CRASH.into());
        match fault {
            0 => return Err(lost()),
            1 => return Err(crash()),
            _ => {}
        }
        if self.1.commit_status(world.epoch, world.seq)? == CommitStatus::NotWritten {
            world.apply(plan);
            world.seq += 1;
        }
        match fault {
            // The answer to COMMIT is not heard.
            2 => Err(lost()),
            3 => Err(crash()),
            _ => {
                self.1.seq += 1;
                Ok(())
            }
        }
    }

    fn delete_old(&mut self, _keep_days: u32) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn delete_incidents(&mut self, _keep_days: u32) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn incident(&mut self, _: u64, _: &str) -> Result<Option<(Incident, bool)>, StoreError> {
        Ok(None)
    }

    fn reduce_old(&mut self, _reduce: &dyn Fn(&[u8]) -> KeptBody) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn record_thresholds(&mut self, _: &Rules, _: LocalTime) -> Result<u64, StoreError> {
        Ok(0)
    }
}

#[derive(Clone)]
pub struct SimMeters(pub Shared);

fn id_of(position: Position) -> u64 {
    match position {
        Position::Id(id) => id,
        Position::Time(_) => panic!("the table has ids, and there is always a position"),
    }
}

fn lost() -> StoreError {
    StoreError::Unreachable("the link is down".into())
}

impl SimMeters {
    /// The visible rows of rooms: up to a position, and beyond it up to the time of each.
    fn by_key(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        up_to: Position,
        until: impl Fn(&Wanted) -> LocalTime,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        let mut world = self.0.lock();
        if world.fault() {
            return Err(lost());
        }
        let of_room = |wanted: &Wanted| {
            let visible = world.visible.len();
            let mut rows = world.readings(&wanted.room, visible, id_of(up_to), until(wanted));
            rows.retain(|row| row.time > wanted.after && row.time <= latest);
            (wanted.room.clone(), rows)
        };
        Ok(wanted.iter().map(of_room).collect())
    }
}

impl Meters for SimMeters {
    fn readings(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        frontier: Frontier,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        self.by_key(wanted, latest, frontier.at(), |wanted| wanted.until)
    }
}

impl MeterStream for SimMeters {
    fn meter_tail(
        &self,
        judged: Option<Position>,
        _latest: LocalTime,
        when: Instant,
    ) -> Result<MeterTail, StoreError> {
        if self.0.lock().fault() {
            return Err(lost());
        }
        let judged = judged.expect("there is always a position");
        Ok(MeterTail::after(judged, None, when))
    }

    fn stream_new(
        &self,
        tail: &mut MeterTail,
        from: Option<Position>,
        limit: u64,
        latest: LocalTime,
        take: &mut dyn FnMut(RoomKey, Reading),
    ) -> Result<MeterRows, StoreError> {
        let mut world = self.0.lock();
        let after = id_of(from.unwrap_or(tail.from()));
        let mut ids = world.visible.clone();
        ids.retain(|&id| id as u64 > after);
        ids.sort_unstable();
        assert!((ids.len() as u64) < limit, "one pass is enough");
        let whole = ids.len();
        // Rows ahead of the clock, as it was when the sweep began, are left to the next one.
        let rows = |world: &World, ids: &[usize]| {
            let rows = ids.iter().map(|id| world.meter[id - 1].clone());
            rows.filter(|(_, reading)| reading.time <= latest)
                .collect::<Vec<_>>()
        };
        // The link can break at any row.
        if world.fault() {
            let shown = world.rng.usize(..=whole);
            for (room, reading) in rows(&world, &ids[..shown]) {
                take(room, reading);
            }
            return Err(lost());
        }
        for (room, reading) in rows(&world, &ids) {
            take(room, reading);
        }
        let last = ids.last().map_or(after, |&id| id as u64);
        tail.advance(Position::Id(last), None, tail.begun());
        Ok(MeterRows {
            rows: whole as u64,
            ..MeterRows::default()
        })
    }

    fn readings_up_to(
        &self,
        wanted: &[Wanted],
        latest: LocalTime,
        up_to: Option<Position>,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        let up_to = up_to.unwrap_or(Position::Id(u64::MAX));
        self.by_key(wanted, latest, up_to, |_| LocalTime::FIRST)
    }

    fn cheap_after(&self) -> Option<LocalTime> {
        None
    }
}

/// All is history, and no pause takes any time.
pub struct Later;

impl Clock for Later {
    fn now(&self) -> LocalTime {
        start().plus(365 * 86_400)
    }

    fn wait(&self, _stop: &Stop, _patience: Duration) -> bool {
        false
    }
}

pub fn start() -> LocalTime {
    LocalTime::parse("2023-04-10 12:00:00").expect("a time")
}
