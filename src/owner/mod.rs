//! The state-owner: the only writer of room state, in memory and in the database.
//!
//! It drains what has come in, plans, writes one transaction, adopts the new states, and only then
//! lets messages be acknowledged. It waits for nobody but the database: acknowledgements and
//! wake-ups go to channels that have room, so no circle of waiting can close.

mod counts;
mod plan;
mod retention;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::clock::Clock;
use crate::engine::{
    Closing, MeterNotice, MeterNoticeKind, Notice, NoticeKind, Parsed, Refusal, Rules, Transition,
};
use crate::faults;
use crate::gate::Gate;
use crate::outage::Outage;
use crate::pulse;
use crate::rooms::Rooms;
use crate::store::{Meters, Plan, Position, Settled, Store, StoreError};
use crate::threads::Stop;
use crate::types::{HotelId, Kind, LocalTime, Reading, RoomKey, counted};

pub use counts::Counts;
use plan::Planner;
use retention::Retention;

/// What comes in to the owner.
pub enum Input {
    Message(Message),
    /// A chunk of a sweep.
    Judged(Vec<Judged>),
    /// A sweep begins: the next one will begin at this position, and show what lies beyond it to
    /// every room that is watched by then. `done` has room for one.
    Sweeping {
        next: Position,
        done: Sender<()>,
    },
    /// A sweep is through: the meter table has been judged up to here. `done` has room for one.
    Swept {
        position: Position,
        done: Sender<()>,
    },
    /// What a sweep that is through has found of hotels' meters. `done` has room for one.
    Silence {
        notices: Vec<MeterNotice>,
        done: Sender<()>,
    },
    /// Notices that need no more work. `done` has room for one.
    Settled {
        settled: Vec<Settled>,
        done: Sender<()>,
    },
}

impl Input {
    /// Its share of [`MOST_WEIGHT`].
    fn weight(&self) -> usize {
        match self {
            Input::Message(_)
            | Input::Settled { .. }
            | Input::Sweeping { .. }
            | Input::Swept { .. } => 10,
            Input::Judged(chunk) => chunk.len(),
            Input::Silence { notices, .. } => notices.len(),
        }
    }

    /// Tells whoever waits for it that it is written.
    fn done(self) {
        match self {
            Input::Message(message) => (message.committed)(),
            Input::Judged(_) => {}
            // Who has ended meanwhile does not wait for the answer.
            Input::Sweeping { done, .. }
            | Input::Swept { done, .. }
            | Input::Silence { done, .. }
            | Input::Settled { done, .. } => drop(done.try_send(())),
        }
    }
}

/// A message from the property management system.
pub struct Message {
    /// Where it came from, as `amqp:queue`.
    pub source: Arc<str>,
    pub parsed: Parsed,
    pub body: Vec<u8>,
    /// The broker may have delivered it before.
    pub redelivered: bool,
    /// To be called when all that follows from it is written. It must not wait.
    pub committed: Box<dyn FnOnce() + Send>,
}

/// What a sweep made of a room's new readings.
pub struct Judged {
    pub room: RoomKey,
    /// The version of the room it is about.
    pub version: u64,
    /// In time order.
    pub readings: Vec<Reading>,
    pub transition: Transition,
}

/// The state-owner.
pub struct Owner<S, M> {
    pub rooms: Arc<Rooms>,
    pub rules: Arc<Rules>,
    pub store: S,
    pub meters: M,
    pub clock: Arc<dyn Clock>,
    /// Up to where the meter table has been judged, as it was last written.
    pub position: Option<Position>,
    /// Rows beyond it are still to be shown by sweeps to every room that is watched by now; all
    /// rows up to it are there, and have been shown to those that were watched then.
    pub swept_to: Option<Position>,
    /// Refused messages and told notices older than this go. Days.
    pub keep_days: u32,
    pub inputs: Receiver<Input>,
    /// Closed while the store is lost.
    pub intake: Arc<Gate>,
    /// What was taken since that was last told.
    pub counts: Counts,
    /// Called when the outbox has something new of a hotel. It must not wait.
    pub wake_notifier: Box<dyn Fn(&HotelId) + Send>,
    pub stop: Stop,
}

/// What one transaction may weigh: 400 messages, which is also the keys of one statement that reads
/// the meters, or the verdicts on 4,000 rooms.
const MOST_WEIGHT: usize = 4_000;

/// A reading further ahead of now than this is no reading. Seconds.
pub const READING_AHEAD: i64 = 3_600;

/// How often the log tells what was taken, and what came of it.
const COUNTS_TOLD: Duration = Duration::from_secs(600);

/// How long nothing has to come in until the owner looks around.
const IDLE: Duration = Duration::from_secs(10);

/// A store that is lost for longer closes the intake; one that is full closes it at once.
const STORE_LOST: Duration = Duration::from_secs(60);

/// When stopping, how long a store that does not answer is tried.
const LAST_PATIENCE: Duration = Duration::from_secs(5);
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// Why the owner can't go on.
pub enum Ended {
    /// Every sender is gone: all is written.
    Drained,
    /// The store can't be written any more by this instance.
    Failed(StoreError),
    /// It was time to stop while the store did not answer. What is unwritten was not acknowledged.
    GaveUp,
}

impl<S: Store, M: Meters> Owner<S, M> {
    /// Works until every sender of inputs is gone.
    pub fn run(mut self) -> Ended {
        let mut batch = Vec::new();
        let mut retention = Retention::new(self.keep_days);
        let mut told = Instant::now();
        loop {
            if told.elapsed() >= COUNTS_TOLD {
                told = Instant::now();
                self.tell_counts("the last 10 minutes");
            }
            if !self.stop.is_set() {
                retention.tend(&mut self.store, self.inputs.is_empty());
            }
            let rest = pulse::rest();
            let first = self.inputs.recv_timeout(IDLE);
            drop(rest);
            let first = match first {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => {
                    self.tell_counts("the last minutes");
                    return Ended::Drained;
                }
            };
            let mut weight = first.weight();
            batch.push(first);
            while weight < MOST_WEIGHT
                && let Ok(next) = self.inputs.try_recv()
            {
                weight += next.weight();
                batch.push(next);
            }
            if let Err(ended) = self.take(std::mem::take(&mut batch)) {
                return ended;
            }
        }
    }

    fn tell_counts(&mut self, when: &str) {
        log::info!("{when}: {}", std::mem::take(&mut self.counts));
    }

    /// Takes a batch of inputs, all of it in one transaction.
    ///
    /// # Errors
    /// Why the owner can't go on; of the batch nothing is adopted then, and no message of it may be
    /// acknowledged.
    pub fn take(&mut self, batch: Vec<Input>) -> Result<(), Ended> {
        let (plan, counts) = self.plan(&batch)?;
        if !plan.is_empty() {
            match self.patiently("writing", |owner| owner.store.commit(&plan)) {
                Ok(()) => self.adopt(plan),
                Err(Ended::Failed(StoreError::Unstorable(reason))) => {
                    return self.take_apart(batch, &reason);
                }
                Err(ended) => return Err(ended),
            }
        }
        if counts.readings.meters_changed > 0 {
            let meters = counted(counts.readings.meters_changed, "meter");
            log::info!("{meters} replaced or reset");
        }
        self.counts += counts;
        self.intake.open();
        for input in &batch {
            if let Input::Sweeping { next, .. } = input {
                self.swept_to = Some(*next);
                self.rooms.begin_sweep();
            }
        }
        batch.into_iter().for_each(Input::done);
        Ok(())
    }

    /// What a batch changes.
    fn plan(&mut self, batch: &[Input]) -> Result<(Plan, Counts), Ended> {
        let wanted = Planner::wanted(&self.rooms, &self.rules, batch);
        // What sweeps are still to show is not judged now: the room's next guest may wait in the
        // queue, behind this message. Before the first one that is everything.
        let swept = (self.swept_to).unwrap_or(Position::Time(LocalTime::FIRST));
        let readings = match wanted.as_slice() {
            [] => HashMap::new(),
            wanted => self.patiently("reading the meters", |owner| {
                let latest = owner.clock.now().plus(READING_AHEAD);
                owner.meters.readings(wanted, latest, swept)
            })?,
        };
        let mut planner = Planner::new(&self.rooms, &self.rules, &readings, batch);
        for input in batch {
            match input {
                Input::Message(message) => planner.message(message),
                Input::Judged(chunk) => chunk.iter().for_each(|judged| planner.judged(judged)),
                Input::Swept { position, .. } if self.position == Some(*position) => {}
                Input::Swept { position, .. } => planner.swept(*position),
                Input::Sweeping { .. } => {}
                Input::Silence { notices, .. } => planner.silence(notices),
                Input::Settled { settled, .. } => planner.settled(settled),
            }
        }
        Ok(planner.finish())
    }

    /// Takes what has been written into memory.
    fn adopt(&mut self, plan: Plan) {
        faults::point("adopt::before");
        for notice in &plan.notices {
            tell(notice);
            if let Notice::Meters(notice) = notice {
                self.rooms.told(notice);
            }
        }
        self.position = plan.position.or(self.position);
        self.rooms.adopt(plan.rooms);
        for notice in &plan.notices {
            (self.wake_notifier)(notice.hotel_id());
        }
        faults::point("adopt::after");
    }

    /// Something in a batch can't be written, now or ever: the rest is not to wait for it. Inputs
    /// are taken one by one, and the one at fault is a refused message, or a room left out.
    fn take_apart(&mut self, mut batch: Vec<Input>, reason: &str) -> Result<(), Ended> {
        if batch.len() > 1 {
            return batch
                .into_iter()
                .try_for_each(|input| self.take(vec![input]));
        }
        match batch.pop() {
            Some(Input::Message(mut message)) => {
                let unstorable = Refusal::Unstorable(reason.to_owned());
                // The reason itself can always be written: its column is ours.
                if !matches!(message.parsed, Parsed::Refused(_)) {
                    message.parsed = Parsed::Refused(unstorable);
                    return self.take(vec![Input::Message(message)]);
                }
            }
            Some(Input::Judged(chunk)) if chunk.len() > 1 => {
                return chunk
                    .into_iter()
                    .try_for_each(|judged| self.take(vec![Input::Judged(vec![judged])]));
            }
            Some(Input::Judged(chunk)) => {
                for judged in chunk {
                    log::error!("{}: its state can't be written: {reason}", judged.room);
                }
                return Ok(());
            }
            Some(
                Input::Sweeping { .. }
                | Input::Swept { .. }
                | Input::Silence { .. }
                | Input::Settled { .. },
            )
            | None => {}
        }
        Err(Ended::Failed(StoreError::Unstorable(reason.to_owned())))
    }

    /// Does `work` until it succeeds: a database that is down is waited for.
    #[expect(
        clippy::disallowed_methods,
        reason = "a bounded pause when there is no stop left to wait for"
    )]
    fn patiently<T>(
        &mut self,
        doing: &str,
        mut work: impl FnMut(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, Ended> {
        let mut outage = Outage::new(format!("the store ({doing})"));
        let mut stopping_since = None;
        loop {
            let error = match work(self) {
                Ok(done) => {
                    outage.over();
                    return Ok(done);
                }
                Err(error) if !error.is_passing() => return Err(Ended::Failed(error)),
                Err(error) => error,
            };
            if let StoreError::ReadOnly(_) = error {
                // After a failover the pool's connections lead to what is a replica now, too.
                self.meters.reconnect();
            }
            let mut pause = outage.failed(&error);
            let left = STORE_LOST.saturating_sub(outage.lasted());
            // Where there is no room nothing will be written soon.
            if left.is_zero() || matches!(error, StoreError::Full(_)) {
                self.intake.close();
            } else {
                pause = pause.min(left);
            }
            if !self.clock.wait(&self.stop, pause) {
                continue;
            }
            let since = *stopping_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= LAST_PATIENCE {
                return Err(Ended::GaveUp);
            }
            thread::sleep(pause.min(LAST_PAUSE));
        }
    }
}

/// Why a run is no longer followed, for its line of the log.
fn why_closed(kind: NoticeKind) -> String {
    let why = match kind {
        NoticeKind::Alert | NoticeKind::Reminder | NoticeKind::Recovered => return String::new(),
        NoticeKind::Closed(Closing::Gap) => "a gap in the readings".to_owned(),
        NoticeKind::Closed(Closing::MeterChanged) => "the meter was replaced or reset".to_owned(),
        NoticeKind::Closed(Closing::IntervalChanged) => {
            "monitoring.check_interval_minutes was changed".to_owned()
        }
        NoticeKind::Closed(Closing::NewStay { kind, at }) => match kind {
            Kind::Checkin => format!("check-in at {at}"),
            Kind::Checkout => format!("check-out at {at}"),
        },
    };
    format!("; it is no longer followed: {why}")
}

fn tell(notice: &Notice) {
    match notice {
        Notice::Room(notice) => log::info!(
            target: "roomwatt::notices",
            "{} {} {}: {} in a row since {}, {} kWh, detected {}{}",
            notice.kind.as_str(),
            notice.room,
            notice.stay.kind().of_room(),
            counted(notice.periods, "interval"),
            notice.since,
            notice.energy,
            notice.detected,
            why_closed(notice.kind),
        ),
        Notice::Meters(notice) => {
            let MeterNotice {
                hotel_id,
                silent,
                watched,
                ..
            } = notice;
            let said = match notice.kind {
                MeterNoticeKind::Silent => format!("are silent, {silent} of {watched}"),
                MeterNoticeKind::Heard => format!("are back, {silent} of {watched} still silent"),
                MeterNoticeKind::Frozen => format!("are frozen, {silent} of {watched}"),
                MeterNoticeKind::Moving => {
                    format!("move again, {silent} of {watched} still stand still")
                }
            };
            log::warn!(target: "roomwatt::notices", "meters of hotel {hotel_id} {said}");
        }
    }
}
