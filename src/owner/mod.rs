//! The state-owner: the only writer of room state, in memory and in the database.

mod inbox;
mod lines;
mod owned;
mod plan;
mod recorded;
mod retention;
mod thresholds;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;

use crate::clock::Clock;
use crate::engine::baseline;
use crate::engine::{
    ActRefused, Incident, Notice, Parsed, Refusal, RefusedBodies, Rules, latest_reading,
};
use crate::faults;
use crate::figures::{Amounts, Figure, Figures};
use crate::gate::Gate;
use crate::outage::Outage;
use crate::rooms::Rooms;
use crate::store::{Meters, Plan, Position, Store, StoreError};
use crate::threads::Stop;
use crate::types::{HotelId, counted};

use lines::{log_notice, summary};
use plan::{Acted, Planner};
use retention::Retention;
use thresholds::ThresholdRecord;

pub use inbox::{ActRequest, FoundOfHotel, Inbox, Input, Inputs, Judged, Message, Unanswered};
pub use owned::OwnedState;

/// What an owner works with.
pub struct Parts<S, M> {
    pub state: OwnedState<S>,
    pub rules: Arc<Rules>,
    pub meters: M,
    pub clock: Arc<dyn Clock>,
    /// Refused messages and settled notices older than this are deleted. Days.
    pub keep_days: u32,
    /// Closed incidents older than this are deleted. Days.
    pub keep_incident_days: u32,
    pub refused_bodies: RefusedBodies,
    pub inputs: Inputs,
    /// Closed while the store is lost.
    pub intake: Arc<Gate>,
    /// Called when the outbox has something new of a hotel. It must not wait.
    pub wake_notifier: Box<dyn Fn(&HotelId) + Send>,
    pub figures: Arc<Figures>,
    pub stop: Stop,
}

/// The state-owner.
///
/// Six kinds of input come in through its [`Inbox`]: messages, from the consumers and over HTTP;
/// the verdicts on the rooms of a sweep, chunk by chunk; what it found of their hotels as a whole;
/// the beginning and the end of each sweep; what a sweep found of hotels' meters; and what became
/// of notices, from the notifiers. It takes what has come in by then as one batch, in the order in
/// which it came, and does four things with it:
///
/// 1. *Plan* (`plan/`, with [`crate::engine`]). Nothing is changed yet. Messages are applied to
///    their rooms, each with the readings that it judges by itself ([`crate::frontier::Frontier`]);
///    they are read first, all rooms of the batch together. Verdicts are taken as the sweep made
///    them, unless their room has changed since: then it is judged again, and a verdict on an
///    earlier stay is dropped.
/// 2. *Commit*. All of it is one transaction, with the number of the one before raised by one; each
///    room that has changed stands in it once. A store that is away is tried until it answers;
///    after a lost answer the number shows whether the transaction was written. An instance that
///    another one has replaced ends here, and nothing of the batch leaves it.
/// 3. *Adopt*. What was written becomes the state in memory, and the notifiers are woken.
/// 4. *Answer*. Only now messages are acknowledged, and callers that wait for an answer get it.
///
/// So an acknowledged message is in the database with all that follows from it; memory never shows
/// what the database does not have; and after a crash anywhere in between the broker delivers
/// again, the sweep reads again, and the notifier sends again whatever was not written. The owner
/// waits for the database alone: answers and wake-ups go to channels that have room, so that no
/// circle of waiting can close.
pub struct Owner<S, M> {
    rooms: Arc<Rooms>,
    rules: Arc<Rules>,
    store: S,
    meters: M,
    clock: Arc<dyn Clock>,
    /// Up to where the meter table has been judged, as it was last written.
    position: Option<Position>,
    keep_days: u32,
    keep_incident_days: u32,
    refused_bodies: RefusedBodies,
    inputs: Inputs,
    intake: Arc<Gate>,
    wake_notifier: Box<dyn Fn(&HotelId) + Send>,
    figures: Arc<Figures>,
    stop: Stop,
}

/// What one transaction may weigh: 400 messages, which is also the keys of one statement that reads
/// the meters, or the verdicts on 4,000 rooms.
const MOST_WEIGHT: usize = 4_000;

/// How often the log has a line of what was taken, and what came of it.
const SUMMARY_EVERY: Duration = Duration::from_secs(600);

/// After so long without an input the owner sees to old rows and to the log.
const IDLE: Duration = Duration::from_secs(10);

/// How often the owner looks at the clock while something is to become of an incident by that.
const DUE_AGAIN: Duration = Duration::from_secs(1);

/// A store that is lost for longer closes the intake; one that is full closes it at once.
const STORE_LOST: Duration = Duration::from_secs(60);

/// When stopping, how long a store that does not answer is tried.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
const STOP_RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Why the owner can't go on.
pub enum Ended {
    /// Every [`Inbox`] has been dropped, and all is written.
    Drained,
    /// The store can't be written any more by this instance.
    Failed(StoreError),
    /// It was time to stop while the store did not answer. What is not written was not
    /// acknowledged.
    GaveUp,
}

impl<S: Store, M: Meters> Owner<S, M> {
    pub fn new(parts: Parts<S, M>) -> Owner<S, M> {
        let Parts {
            state,
            rules,
            meters,
            clock,
            keep_days,
            keep_incident_days,
            refused_bodies,
            inputs,
            intake,
            wake_notifier,
            figures,
            stop,
        } = parts;
        let OwnedState {
            store,
            rooms,
            ownership,
        } = state;
        Owner {
            rooms,
            rules,
            store,
            meters,
            clock,
            position: ownership.position,
            keep_days,
            keep_incident_days,
            refused_bodies,
            inputs,
            intake,
            wake_notifier,
            figures,
            stop,
        }
    }

    /// Works until every [`Inbox`] has been dropped.
    pub fn run(mut self) -> Ended {
        let mut batch = Vec::new();
        let mut retention = Retention::new(self.keep_days, self.keep_incident_days);
        let mut thresholds = ThresholdRecord::new(self.clock.now());
        let mut logged = (Instant::now(), self.figures.now());
        loop {
            if logged.0.elapsed() >= SUMMARY_EVERY {
                self.log_summary("the last 10 minutes", &logged.1);
                logged = (Instant::now(), self.figures.now());
            }
            if !self.stop.is_set() {
                thresholds.tend(&mut self.store, &self.rules);
                let idle = self.inputs.is_empty();
                retention.tend(&mut self.store, &self.refused_bodies, idle);
            }
            let due_in = self.due_in();
            if due_in.is_some_and(|due| due.is_zero()) && !self.stop.is_set() {
                if let Err(ended) = self.take(vec![Input::Due]) {
                    return ended;
                }
                continue;
            }
            let first = match self.inputs.next(due_in.unwrap_or(IDLE).min(IDLE)) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => {
                    self.log_summary("the last minutes", &logged.1);
                    return Ended::Drained;
                }
            };
            let mut weight = first.weight();
            batch.push(first);
            while weight < MOST_WEIGHT
                && let Some(next) = self.inputs.ready()
            {
                weight += next.weight();
                batch.push(next);
            }
            if let Err(ended) = self.take(std::mem::take(&mut batch)) {
                return ended;
            }
        }
    }

    /// In which time something becomes of an incident by the clock: looked at again after a second,
    /// because that may be set; zero where it is due. `None` where nothing does.
    fn due_in(&self) -> Option<Duration> {
        let seconds = self.rooms.due()?.since(self.clock.now());
        let seconds = seconds.max(0) as f64 / self.clock.speed();
        // Where the clock stands still, this is no number, or no end.
        let wait = Duration::try_from_secs_f64(seconds).unwrap_or(DUE_AGAIN);
        Some(wait.min(DUE_AGAIN))
    }

    fn log_summary(&self, when: &str, before: &Amounts) {
        log::info!("{when}: {}", summary(&self.figures.now().since(before)));
    }

    /// Takes a batch of inputs, all of it in one transaction.
    ///
    /// # Errors
    /// Why the owner can't go on; of the batch nothing is adopted then, and no message of it may be
    /// acknowledged.
    pub fn take(&mut self, batch: Vec<Input>) -> Result<(), Ended> {
        let (plan, amounts, acted) = self.plan(&batch)?;
        if !plan.is_empty() {
            match self.patiently("writing", |owner| owner.store.commit(&plan)) {
                Ok(()) => self.adopt(plan),
                Err(Ended::Failed(StoreError::Unstorable(reason))) => {
                    return self.take_apart(batch, &reason);
                }
                Err(ended) => return Err(ended),
            }
        }
        let replaced = amounts.get(Figure::MetersReplaced);
        if replaced > 0 {
            log::info!("{} replaced or reset", counted(replaced, "meter"));
        }
        self.figures.add_all(&amounts);
        self.intake.open();
        for input in &batch {
            if let Input::Sweeping { next, .. } = input {
                self.rooms.begin_sweep(*next);
            }
        }
        let mut acted = acted.into_iter();
        for input in batch {
            let of_act = match input {
                Input::Act { .. } => acted.next().unwrap_or(Ok(())),
                _ => Ok(()),
            };
            input.answer(of_act);
        }
        Ok(())
    }

    /// What a batch changes, what is to be counted of it once that is written, and what is to be
    /// answered to each act.
    fn plan(&mut self, batch: &[Input]) -> Result<(Plan, Amounts, Vec<Acted>), Ended> {
        let (turns, wanted) = Planner::wanted(&self.rooms, &self.rules, batch);
        let frontier = self.rooms.frontier();
        let readings = match wanted.as_slice() {
            [] => HashMap::new(),
            wanted => self.patiently("reading the meters", |owner| {
                let latest = latest_reading(owner.clock.now());
                owner.meters.readings(wanted, latest, frontier)
            })?,
        };
        let mut incidents = self.incidents_of(batch)?.into_iter();
        let now = self.clock.now();
        let mut planner = Planner::new(
            &self.rooms,
            &self.rules,
            &readings,
            &self.refused_bodies,
            turns,
        );
        for input in batch {
            match input {
                Input::Message(message) => planner.message(message),
                Input::Judged(chunk) => chunk.iter().for_each(|judged| planner.judged(judged)),
                Input::Hotels(found) => found.iter().for_each(|found| planner.hotel(found)),
                Input::Swept { position, .. } if self.position == Some(*position) => {}
                Input::Swept { position, .. } => planner.swept(*position),
                Input::Sweeping { .. } | Input::Written { .. } => {}
                Input::MeterNotices { notices, .. } => planner.meter_notices(notices),
                Input::Settled { settled, .. } => planner.settled(settled),
                Input::Act { request, .. } => {
                    planner.act(request, incidents.next().flatten(), now);
                }
                Input::Due => planner.due(now),
            }
        }
        Ok(planner.finish())
    }

    /// The incidents of a batch's acts, each as it is stored, and whether its request has had its
    /// effect already.
    fn incidents_of(&mut self, batch: &[Input]) -> Result<Vec<Option<(Incident, bool)>>, Ended> {
        let requests = batch.iter().filter_map(|input| match input {
            Input::Act { request, .. } => Some(request),
            _ => None,
        });
        let mut found = Vec::new();
        for request in requests {
            found.push(self.patiently("reading an incident", |owner| {
                owner.store.incident(request.id, &request.request_id)
            })?);
        }
        Ok(found)
    }

    /// Takes what has been written into memory.
    fn adopt(&mut self, plan: Plan) {
        faults::point("adopt::before");
        for notice in &plan.notices {
            log_notice(notice);
            if let Notice::Meters(notice) = notice {
                self.rooms.notified(notice);
            }
        }
        self.position = plan.position.or(self.position);
        self.rooms.adopt(plan.rooms);
        self.rooms.adopt_incidents(plan.incidents);
        for (hotel, state) in plan.hotels {
            self.rooms.set_hotel(hotel, state);
        }
        for frame in plan.frames {
            let number = baseline::frame(frame.began, frame.interval_seconds);
            self.rooms.recorded(frame.hotel, number);
        }
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
            // What cannot be written of an act is what somebody wrote: the sender is to see it.
            Some(Input::Act { done, .. }) => {
                drop(done.try_send(Err(ActRefused::Unstorable(reason.to_owned()))));
                return Ok(());
            }
            Some(
                Input::Hotels(_)
                | Input::Sweeping { .. }
                | Input::Written { .. }
                | Input::Swept { .. }
                | Input::MeterNotices { .. }
                | Input::Settled { .. }
                | Input::Due,
            )
            | None => {}
        }
        Err(Ended::Failed(StoreError::Unstorable(reason.to_owned())))
    }

    /// Does `work` until it succeeds: it waits for a database that is down.
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
        let (mut lost_since, mut stopping_since) = (None, None);
        loop {
            let error = match work(self) {
                Ok(done) => {
                    outage.ended();
                    return Ok(done);
                }
                Err(error) if !error.is_transient() => return Err(Ended::Failed(error)),
                Err(error) => error,
            };
            self.figures.add(Figure::DatabaseErrors, 1);
            if let StoreError::ReadOnly(_) = error {
                // After a failover the pool's connections lead to what is a replica now, too.
                self.meters.reconnect();
            }
            let mut pause = outage.failed(&error);
            let now = self.clock.instant();
            let lost_for = now.saturating_duration_since(*lost_since.get_or_insert(now));
            let left = STORE_LOST.saturating_sub(lost_for);
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
            if since.elapsed() >= STOP_TIMEOUT {
                return Err(Ended::GaveUp);
            }
            thread::sleep(pause.min(STOP_RETRY_PAUSE));
        }
    }
}
